#include "btc/build.h"

/* Sizes in weight units: four for a byte without witness, one for a byte of witness (BIP-141). */
#define WITNESS_SCALE 4u
#define KEY_PATH_WITNESS 66u /* count, length, 64-byte signature */
#define P2TR_SCRIPT_SIZE 34u

const struct btc_sizes btc_sizes = {
	.fixed_base = 8,    /* version and lock time */
	.fixed_witness = 2, /* marker and flag, both counted as witness */
	.input_base = 41,   /* outpoint, empty script length, sequence */
	.output_base = 8,   /* value */
	.change_dust = {330},
};

#define TX_VERSION 2u

/* Coins that the search for a selection without change looks at, and how many steps it takes. */
#define SEARCH_POOL_MAX BTC_INPUT_MAX
#define SEARCH_STEPS_MAX 50000u

/* ---- sizes and fees ---- */

static uint64_t compact_size(uint64_t v)
{
	return v < 0xfd ? 1 : v <= 0xffff ? 3 : v <= 0xffffffff ? 5 : 9;
}

static uint64_t to_vsize(uint64_t weight)
{
	return (weight + WITNESS_SCALE - 1) / WITNESS_SCALE;
}

/* An input that a key signs. */
static uint64_t input_weight(const struct btc_sizes *z)
{
	return WITNESS_SCALE * z->input_base + z->input_witness + KEY_PATH_WITNESS;
}

uint64_t btc_output_weight(const struct btc_sizes *z, size_t script_len)
{
	CHECK(script_len <= BTC_SCRIPT_STD_MAX);
	return WITNESS_SCALE * (z->output_base + 1 + script_len) + z->output_witness;
}

/* The number of outputs takes one byte. */
static uint64_t fixed_weight(const struct btc_sizes *z, uint32_t input_count)
{
	_Static_assert(BTC_PAYEE_MAX + 2 < 0xfd, "outputs are counted by one byte");
	return WITNESS_SCALE * (z->fixed_base + compact_size(input_count) + 1) + z->fixed_witness;
}

uint64_t btc_payment_vsize(
	const struct btc_sizes *z, uint32_t input_count, uint64_t outputs_weight, bool change)
{
	return to_vsize(fixed_weight(z, input_count) + input_count * input_weight(z) +
		outputs_weight + (change ? btc_output_weight(z, P2TR_SCRIPT_SIZE) : 0));
}

/* The change output now, and the input that spends it later: what having no change saves. */
static uint64_t change_cost_vsize(const struct btc_sizes *z)
{
	return to_vsize(btc_output_weight(z, P2TR_SCRIPT_SIZE)) + to_vsize(input_weight(z));
}

struct sat btc_fee(uint64_t vsize, uint64_t rate_sat_kvb)
{
	const u128 milli = (u128)vsize * rate_sat_kvb;
	const u128 fee = milli / 1000 + (milli % 1000 != 0);
	return (struct sat){fee < SAT_MAX_RAW ? (uint64_t)fee : SAT_MAX_RAW};
}

/* ---- coin selection ---- */

/* Coins by falling value; equal values in their order, so that the choice is deterministic. */
struct pool {
	uint32_t index[BTC_INPUT_MAX];
	uint64_t value[BTC_INPUT_MAX];
	uint32_t count;
};

struct selecting {
	const struct btc_coin *coin;
	size_t coin_count;
	uint64_t target;
	uint64_t outputs_weight;
	uint64_t rate;
	const struct btc_sizes *sizes;
};

static uint64_t fee_for(const struct selecting *s, uint32_t input_count, bool change)
{
	return btc_fee(btc_payment_vsize(s->sizes, input_count, s->outputs_weight, change), s->rate)
		.raw;
}

/* What a coin adds to a transaction, less what its input costs; 0: not worth spending. */
static uint64_t effective(const struct selecting *s, uint64_t value)
{
	const uint64_t cost = btc_fee(to_vsize(input_weight(s->sizes)), s->rate).raw;
	return value > cost && value <= SAT_MAX_RAW ? value - cost : 0;
}

/* The most valuable coins that are worth spending and are at most limit. */
static void pool_fill(struct pool *p, const struct selecting *s, uint64_t limit)
{
	p->count = 0;
	for (size_t i = 0; i < s->coin_count; i++) {
		const uint64_t v = s->coin[i].value.raw;
		if (effective(s, v) == 0 || v > limit)
			continue;
		if (p->count == BTC_INPUT_MAX && v <= p->value[BTC_INPUT_MAX - 1])
			continue;
		uint32_t at = p->count < BTC_INPUT_MAX ? p->count++ : BTC_INPUT_MAX - 1;
		for (; at > 0 && p->value[at - 1] < v; at--) {
			p->value[at] = p->value[at - 1];
			p->index[at] = p->index[at - 1];
		}
		p->value[at] = v;
		p->index[at] = (uint32_t)i;
	}
}

static void sort_indexes(struct btc_selection *sel)
{
	for (uint32_t i = 1; i < sel->count; i++) {
		const uint32_t v = sel->index[i];
		uint32_t at = i;
		for (; at > 0 && sel->index[at - 1] > v; at--)
			sel->index[at] = sel->index[at - 1];
		sel->index[at] = v;
	}
}

/* Depth-first over "take this coin or leave it", most valuable first. */
struct search {
	const struct selecting *s;
	const struct pool *pool;
	uint64_t window;                    /* the most that may be paid over the fee */
	uint64_t rest[SEARCH_POOL_MAX + 1]; /* effective value of the coins from here on */
	uint64_t slack; /* what rounding sizes and fees up can make rest too small by */
	bool taken[SEARCH_POOL_MAX];
	uint32_t depth, count;
	uint64_t total;
	bool best_taken[SEARCH_POOL_MAX];
	uint64_t best_fee; /* UINT64_MAX: nothing found */
};

enum verdict { GO_ON, GO_BACK };

static enum verdict judge(struct search *x)
{
	const uint64_t need = x->s->target + fee_for(x->s, x->count, false);
	if (x->count > 0 && x->total >= need) {
		const uint64_t paid = x->total - x->s->target;
		if (x->total - need <= x->window && paid < x->best_fee) {
			x->best_fee = paid;
			memcpy(x->best_taken, x->taken, sizeof x->taken);
		}
		return GO_BACK; /* another coin only adds to what is paid over */
	}
	if (x->depth == x->pool->count || x->total + x->rest[x->depth] + x->slack < need)
		return GO_BACK;
	return GO_ON;
}

/* Leave the coin that was taken last; false when every choice was tried. */
static bool step_back(struct search *x)
{
	while (x->depth > 0 && !x->taken[x->depth - 1])
		x->depth--;
	if (x->depth == 0)
		return false;
	x->taken[x->depth - 1] = false;
	x->total -= x->pool->value[x->depth - 1];
	x->count--;
	/* leaving one of equal coins and taking the next would try the same sum again */
	while (x->depth < x->pool->count &&
		x->pool->value[x->depth] == x->pool->value[x->depth - 1])
		x->taken[x->depth++] = false;
	return true;
}

/* Inputs that need no change: what is paid over the fee costs less than change would. */
static bool select_exact(struct btc_selection *out, const struct selecting *s)
{
	struct pool pool;
	struct search x = {.s = s, .pool = &pool, .best_fee = UINT64_MAX};
	x.window = btc_fee(change_cost_vsize(s->sizes), s->rate).raw;
	pool_fill(&pool, s, s->target + fee_for(s, 1, false) + x.window);
	/* half a virtual byte and a satoshi for each coin, and as much for the rest */
	x.slack = btc_fee(pool.count + 1u, s->rate).raw + pool.count;
	for (uint32_t i = pool.count; i > 0; i--)
		x.rest[i - 1] = x.rest[i] + effective(s, pool.value[i - 1]);
	for (uint32_t step = 0; step < SEARCH_STEPS_MAX; step++) {
		if (judge(&x) == GO_BACK) {
			if (!step_back(&x))
				break;
			continue;
		}
		x.taken[x.depth] = true;
		x.total += pool.value[x.depth];
		x.count++;
		x.depth++;
	}
	if (x.best_fee == UINT64_MAX)
		return false;
	struct btc_selection sel = {.fee = {x.best_fee}, .total = {s->target + x.best_fee}};
	for (uint32_t i = 0; i < pool.count; i++)
		if (x.best_taken[i])
			sel.index[sel.count++] = pool.index[i];
	*out = sel;
	return true;
}

/* Why the most valuable coins don't reach: there is not enough, or it is in too many coins. */
static enum err why_not(const struct selecting *s)
{
	const uint64_t fixed = fee_for(s, 0, false);
	uint64_t sum = 0;
	for (size_t i = 0; i < s->coin_count && sum < s->target + fixed; i++)
		sum += effective(s, s->coin[i].value.raw);
	return sum >= s->target + fixed ? ERR_FULL : ERR_RANGE;
}

static enum err select_largest(struct btc_selection *out, const struct selecting *s)
{
	struct pool pool;
	struct btc_selection sel = {0};
	pool_fill(&pool, s, SAT_MAX_RAW);
	while (sel.count < pool.count && sel.total.raw < s->target + fee_for(s, sel.count, false)) {
		sel.total.raw += pool.value[sel.count];
		sel.index[sel.count] = pool.index[sel.count];
		sel.count++;
	}
	if (sel.count == 0 || sel.total.raw < s->target + fee_for(s, sel.count, false))
		return why_not(s);
	if (sel.total.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	const uint64_t over = sel.total.raw - s->target;
	const uint64_t fee = fee_for(s, sel.count, true);
	if (over >= fee && over - fee >= s->sizes->change_dust.raw) {
		sel.change.raw = over - fee;
		sel.fee.raw = fee;
	} else {
		sel.fee.raw = over;
	}
	*out = sel;
	return OK;
}

enum err btc_select(struct btc_selection *out, const struct btc_sizes *sizes,
	const struct btc_coin *coin, size_t coin_count, struct sat target, uint64_t outputs_weight,
	uint64_t rate_sat_kvb)
{
	const struct selecting s = {.coin = coin,
		.coin_count = coin_count,
		.target = target.raw,
		.outputs_weight = outputs_weight,
		.rate = rate_sat_kvb,
		.sizes = sizes};
	struct btc_selection sel;
	if (target.raw == 0 || target.raw > SAT_MAX_RAW ||
		outputs_weight < btc_output_weight(sizes, 0) ||
		outputs_weight > BTC_PAYEE_MAX * btc_output_weight(sizes, BTC_SCRIPT_STD_MAX) ||
		coin_count > UINT32_MAX)
		return ERR_RANGE;
	if (!select_exact(&sel, &s))
		TRY(select_largest(&sel, &s));
	sort_indexes(&sel);
	*out = sel;
	return OK;
}

/* ---- transactions ---- */

static enum err put_unsigned(struct buf *raw, const struct btc_tx *tx)
{
	btc_tx_put_stripped(raw, tx);
	return raw->overflow ? ERR_FULL : OK;
}

/* The payees' outputs, taken from what is there; ERR_RANGE: it does not cover them. */
static enum err put_payees(
	struct btc_txout *out, struct sat *left, uint64_t *weight, const struct btc_payment *p)
{
	*weight = 0;
	for (uint32_t i = 0; i < p->payee_count; i++) {
		const struct btc_txout *payee = &p->payee[i];
		if (payee->script.len == 0 || payee->script.len > BTC_SCRIPT_STD_MAX ||
			payee->value.raw > SAT_MAX_RAW ||
			payee->value.raw < btc_dust_limit(payee->script).raw ||
			!sat_sub(left, *left, payee->value))
			return ERR_RANGE;
		*weight += btc_output_weight(&btc_sizes, payee->script.len);
		out[i] = *payee;
	}
	return OK;
}

enum err btc_build_payment(
	struct buf *raw, uint64_t *vsize, struct sat *change, const struct btc_payment *p)
{
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[BTC_PAYEE_MAX + 1];
	struct btc_tx tx = {.version = TX_VERSION, .locktime = p->locktime, .in = in, .out = out};
	struct sat left = {0};
	uint64_t outputs_weight;

	if (p->coin_count == 0 || p->coin_count > BTC_INPUT_MAX || p->payee_count == 0 ||
		p->payee_count > BTC_PAYEE_MAX || p->locktime > BTC_TIMELOCK_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < p->coin_count; i++) {
		in[i] = (struct btc_txin){.prev = p->coin[i].at, .sequence = BTC_SEQUENCE_RBF};
		if (p->coin[i].value.raw > SAT_MAX_RAW || !sat_add(&left, left, p->coin[i].value))
			return ERR_RANGE;
	}
	TRY(put_payees(out, &left, &outputs_weight, p));
	if (!sat_sub(&left, left, p->fee))
		return ERR_RANGE;
	if (left.raw < btc_sizes.change_dust.raw)
		left.raw = 0;
	tx.in_count = p->coin_count;
	tx.out_count = p->payee_count + (left.raw > 0 ? 1 : 0);
	out[p->payee_count] = (struct btc_txout){
		.value = left, .script = slice_of(p->change_script, sizeof p->change_script)};
	TRY(put_unsigned(raw, &tx));
	*vsize = btc_payment_vsize(&btc_sizes, p->coin_count, outputs_weight, left.raw > 0);
	*change = left;
	return OK;
}

/* The witness of a spend, in bytes: a count, then each item with its length, all below 253. */
static uint64_t spend_witness(enum btc_htlc_leaf leaf, size_t script_len, size_t control_len)
{
	static const uint64_t before_script[BTC_LEAF_COUNT] = {
		[BTC_LEAF_CLAIM] = 1 + 64 + 1 + 32,       /* signature, preimage */
		[BTC_LEAF_REFUND] = 1 + 64,               /* signature */
		[BTC_LEAF_COOPERATIVE] = 1 + 64 + 1 + 64, /* two signatures */
	};
	return 1 + before_script[leaf] + 1 + script_len + 1 + control_len;
}

static uint64_t spend_vsize(const struct btc_sizes *z, enum btc_htlc_leaf leaf, size_t script_len,
	size_t control_len, size_t to_len)
{
	return to_vsize(fixed_weight(z, 1) + WITNESS_SCALE * z->input_base + z->input_witness +
		btc_output_weight(z, to_len) + spend_witness(leaf, script_len, control_len));
}

uint64_t btc_spend_vsize(const struct btc_sizes *z, enum btc_htlc_leaf leaf)
{
	/* script sizes as in btc/htlc.h; a height takes five bytes at most */
	static const struct {
		size_t script_len, control_len;
	} sizes[BTC_LEAF_COUNT] = {
		[BTC_LEAF_CLAIM] = {73, 33 + 32},
		[BTC_LEAF_REFUND] = {33 + 1 + 5 + 1, 33 + 64},
		[BTC_LEAF_COOPERATIVE] = {68, 33 + 64},
	};
	CHECK(leaf < BTC_LEAF_COUNT);
	return spend_vsize(
		z, leaf, sizes[leaf].script_len, sizes[leaf].control_len, P2TR_SCRIPT_SIZE);
}

enum err btc_build_spend(struct buf *raw, uint64_t *vsize, struct sat *value,
	const struct btc_htlc *h, const struct btc_outpoint *at, enum btc_htlc_leaf leaf,
	const uint8_t to_script[34], uint64_t rate_sat_kvb, uint32_t tip_height)
{
	return btc_build_spend_to(raw, vsize, value, h, at, leaf,
		slice_of(to_script, P2TR_SCRIPT_SIZE), rate_sat_kvb, tip_height);
}

enum err btc_build_spend_to(struct buf *raw, uint64_t *vsize, struct sat *value,
	const struct btc_htlc *h, const struct btc_outpoint *at, enum btc_htlc_leaf leaf,
	struct slice to_script, uint64_t rate_sat_kvb, uint32_t tip_height)
{
	struct btc_htlc_tree tree;
	struct btc_txin in = {.prev = *at, .sequence = BTC_SEQUENCE_RBF};
	struct btc_txout out = {.script = to_script};
	struct btc_tx tx = {.version = TX_VERSION,
		.locktime = leaf == BTC_LEAF_REFUND ? h->timelock : tip_height,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1};
	CHECK(leaf < BTC_LEAF_COUNT);
	if (tip_height > BTC_TIMELOCK_MAX || to_script.len == 0 ||
		to_script.len > BTC_SCRIPT_STD_MAX)
		return ERR_RANGE;
	TRY(btc_htlc_tree(&tree, h));
	const uint64_t size = spend_vsize(
		&btc_sizes, leaf, tree.leaf_len[leaf], tree.control_len[leaf], to_script.len);
	if (!sat_sub(&out.value, h->amount, btc_fee(size, rate_sat_kvb)))
		return ERR_RANGE;
	if (out.value.raw < btc_dust_limit(out.script).raw)
		return ERR_RANGE;
	TRY(put_unsigned(raw, &tx));
	*vsize = size;
	*value = out.value;
	return OK;
}
