/* The mempool: what is accepted, what is replaced, what is thrown out. Checks are made in Bitcoin
 * Core's order, so that a transaction with several faults is refused for the same one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "btc/script.h"
#include "sim/bitcoin_chain.h"

#define STRIPPED_MIN 65u
#define WEIGHT_STANDARD_MAX 400000u
#define VERSION_STANDARD_MAX 3u
#define SCRIPT_SIG_MAX 1650u
#define DATA_CARRIER_MAX 83u
#define WITNESS_ITEM_STANDARD_MAX 80u
#define ANNEX_TAG 0x50u
#define SEQUENCE_DISABLED (UINT32_C(1) << 31)
#define SEQUENCE_BY_TIME (UINT32_C(1) << 22)
#define SEQUENCE_SIGNALS_MAX 0xfffffffdu
#define SEQUENCE_MASK 0xffffu
#define SEQUENCE_GRANULARITY 512u
#define OUTPOINT_SIZE 36u

uint64_t simbtc_fee(uint64_t vsize, uint64_t rate)
{
	return (vsize * rate + 999) / 1000;
}

uint64_t simbtc_rate(uint64_t fee, uint64_t vsize)
{
	return vsize == 0 ? 0 : fee * 1000 / vsize;
}

static void outpoint_key(uint8_t key[OUTPOINT_SIZE], const struct btc_outpoint *at)
{
	memcpy(key, at->txid.b, sizeof at->txid.b);
	store_le32(key + sizeof at->txid.b, at->index);
}

static uint32_t spender_of(const struct sim_bitcoin *b, const struct btc_outpoint *at)
{
	uint8_t key[OUTPOINT_SIZE];
	outpoint_key(key, at);
	const uint32_t tx = sim_index_get(&b->spender, key);
	return tx == MAP_NONE ? SIMBTC_NONE : tx;
}

/* ---- relations ---- */

static bool listed(const uint32_t *list, uint32_t count, uint32_t tx)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == tx)
			return true;
	return false;
}

uint32_t simbtc_descendants(const struct sim_bitcoin *b, uint32_t *out, uint32_t max, uint32_t tx)
{
	uint32_t count = 0;
	out[count++] = tx;
	for (uint32_t at = 0; at < count; at++) {
		const struct simbtc_tx *t = b->tx[out[at]];
		for (uint32_t v = 0; v < t->tx.out_count && count < max; v++) {
			const struct btc_outpoint o = {t->txid, v};
			const uint32_t child = spender_of(b, &o);
			if (child != SIMBTC_NONE && !listed(out, count, child))
				out[count++] = child;
		}
	}
	return count;
}

static uint32_t pool_parent(const struct sim_bitcoin *b, const struct btc_txin *in)
{
	const uint32_t parent = simbtc_tx_find(b, &in->prev.txid);
	return parent != MAP_NONE && b->tx[parent]->state == SIMBTC_POOL ? parent : SIMBTC_NONE;
}

uint32_t simbtc_ancestors(const struct sim_bitcoin *b, uint32_t *out, uint32_t max, uint32_t tx)
{
	uint32_t count = 0;
	out[count++] = tx;
	for (uint32_t at = 0; at < count; at++) {
		const struct simbtc_tx *t = b->tx[out[at]];
		for (uint32_t i = 0; i < t->tx.in_count && count < max; i++) {
			const uint32_t parent = pool_parent(b, &t->tx.in[i]);
			if (parent != SIMBTC_NONE && !listed(out, count, parent))
				out[count++] = parent;
		}
	}
	return count;
}

/* ---- the list ---- */

static void list_append(struct sim_bitcoin *b, uint32_t tx)
{
	struct simbtc_tx *t = b->tx[tx];
	t->prev = b->pool_tail;
	t->next = SIMBTC_NONE;
	if (b->pool_tail != SIMBTC_NONE)
		b->tx[b->pool_tail]->next = tx;
	else
		b->pool_head = tx;
	b->pool_tail = tx;
}

static void list_remove(struct sim_bitcoin *b, uint32_t tx)
{
	struct simbtc_tx *t = b->tx[tx];
	if (t->prev != SIMBTC_NONE)
		b->tx[t->prev]->next = t->next;
	else
		b->pool_head = t->next;
	if (t->next != SIMBTC_NONE)
		b->tx[t->next]->prev = t->prev;
	else
		b->pool_tail = t->prev;
	t->prev = t->next = SIMBTC_NONE;
}

void simbtc_pool_remove(struct sim_bitcoin *b, uint32_t tx)
{
	struct simbtc_tx *t = b->tx[tx];
	CHECK(t->state == SIMBTC_POOL);
	for (uint32_t i = 0; i < t->tx.in_count; i++) {
		uint8_t key[OUTPOINT_SIZE];
		outpoint_key(key, &t->tx.in[i].prev);
		CHECK(sim_index_remove(&b->spender, key));
	}
	list_remove(b, tx);
	t->state = SIMBTC_GONE;
	b->pool_count--;
	b->pool_bytes -= t->vsize;
	b->pool_fees -= t->fee;
	b->pool_sequence++;
}

void simbtc_pool_evict(struct sim_bitcoin *b, uint32_t tx)
{
	uint32_t *family = sim_alloc(b->pool_count * sizeof *family);
	const uint32_t count = simbtc_descendants(b, family, b->pool_count, tx);
	for (uint32_t i = count; i-- > 0;)
		simbtc_pool_remove(b, family[i]);
	free(family);
}

void simbtc_pool_add(
	struct sim_bitcoin *b, uint32_t tx, const struct simbtc_verdict *verdict, uint64_t now_ms)
{
	struct simbtc_tx *t = b->tx[tx];
	CHECK(verdict->code == 0 && t->state == SIMBTC_GONE);
	for (uint32_t i = 0; i < verdict->replaced_count; i++)
		if (b->tx[verdict->replaced[i]]->state == SIMBTC_POOL)
			simbtc_pool_remove(b, verdict->replaced[i]);
	for (uint32_t i = 0; i < t->tx.in_count; i++) {
		uint8_t key[OUTPOINT_SIZE];
		outpoint_key(key, &t->tx.in[i].prev);
		sim_index_put(&b->spender, key, tx);
	}
	sim_index_put(&b->tx_by_id, t->txid.b, tx);
	t->state = SIMBTC_POOL;
	t->fee = verdict->fee;
	t->arrived_s = now_ms / 1000;
	t->arrived_height = b->chain_len - 1;
	list_append(b, tx);
	b->pool_count++;
	b->pool_bytes += t->vsize;
	b->pool_fees += t->fee;
	b->pool_sequence++;
}

void simbtc_pool_rebuild(
	struct sim_bitcoin *b, const uint32_t *first, uint32_t first_count, uint64_t now_ms)
{
	const uint32_t old_count = b->pool_count;
	uint32_t *old = sim_alloc((old_count + 1) * sizeof *old);
	for (uint32_t i = 0; i < old_count; i++) {
		old[i] = b->pool_head;
		simbtc_pool_remove(b, b->pool_head);
	}
	for (uint32_t i = 0; i < first_count + old_count; i++) {
		const uint32_t tx = i < first_count ? first[i] : old[i - first_count];
		struct simbtc_verdict verdict;
		if (b->tx[tx]->state != SIMBTC_GONE)
			continue;
		simbtc_check(b, &verdict, tx, true);
		if (verdict.code == 0)
			simbtc_pool_add(b, tx, &verdict, now_ms);
	}
	free(old);
}

/* ---- checks ---- */

struct check {
	const struct sim_bitcoin *b;
	struct simbtc_verdict *v;
	uint32_t index;
	const struct simbtc_tx *t;
	bool from_block;
	struct btc_txout *spent; /* by input */
	struct simbtc_source *source;
	uint32_t conflict[SIMBTC_REPLACED_MAX];
	uint32_t conflict_count;
	uint64_t conflict_fees;
};

PRINTF_LIKE(3, 4)
static bool refuse(struct check *c, int code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	c->v->code = code;
	(void)vsnprintf(c->v->reason, sizeof c->v->reason, fmt, args);
	va_end(args);
	return false;
}

static bool no(struct check *c, const char *reason)
{
	return refuse(c, RPC_VERIFY_REJECTED, "%s", reason);
}

const char *simbtc_money(char text[32], uint64_t sat)
{
	int len = snprintf(text, 32, "%" PRIu64 ".%08" PRIu64, sat / 100000000, sat % 100000000);
	while (len > 4 && text[len - 1] == '0' && text[len - 3] != '.')
		text[--len] = 0;
	return text;
}

static bool check_form(struct check *c)
{
	const struct btc_tx *tx = &c->t->tx;
	uint64_t total = 0;
	if (tx->in_count == 0)
		return no(c, "bad-txns-vin-empty");
	if (tx->out_count == 0)
		return no(c, "bad-txns-vout-empty");
	for (uint32_t i = 0; i < tx->out_count; i++) {
		if (tx->out[i].value.raw > SAT_MAX_RAW)
			return no(c, "bad-txns-vout-toolarge");
		total += tx->out[i].value.raw;
		if (total > SAT_MAX_RAW)
			return no(c, "bad-txns-txouttotal-toolarge");
	}
	for (uint32_t i = 1; i < tx->in_count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (memcmp(&tx->in[i].prev, &tx->in[j].prev, sizeof tx->in[i].prev) == 0)
				return no(c, "bad-txns-inputs-duplicate");
	return btc_tx_is_coinbase(tx) ? no(c, "coinbase") : true;
}

/* The output scripts that Bitcoin Core relays; multisig is left out. */
static bool standard_script(struct slice s, bool *data)
{
	const uint8_t *p = s.ptr;
	*data = s.len >= 1 && p[0] == 0x6a;
	if (*data)
		return s.len <= DATA_CARRIER_MAX;
	const bool witness = s.len >= 4 && s.len <= 42 &&
		(p[0] == 0 || (p[0] >= 0x51 && p[0] <= 0x60)) && p[1] == s.len - 2;
	const bool program = witness && (p[0] != 0 || s.len == 22 || s.len == 34);
	const bool p2sh = s.len == 23 && p[0] == 0xa9 && p[1] == 20 && p[22] == 0x87;
	const bool p2pkh = s.len == 25 && p[0] == 0x76 && p[1] == 0xa9 && p[2] == 20 &&
		p[23] == 0x88 && p[24] == 0xac;
	const bool p2pk = (s.len == 35 && p[0] == 33 && p[34] == 0xac) ||
		(s.len == 67 && p[0] == 65 && p[66] == 0xac);
	return program || p2sh || p2pkh || p2pk;
}

/* Of what is counted: where something else is held, nobody can say what it is worth. */
static bool is_dust(const struct check *c, uint32_t output)
{
	const struct btc_txout *out = &c->t->tx.out[output];
	const bool counted = out->value.raw > 0 || !c->b->rules->fee_outputs;
	return counted && out->value.raw < c->b->rules->dust(out->script).raw;
}

static bool check_standard(struct check *c)
{
	const struct btc_tx *tx = &c->t->tx;
	uint32_t data_outputs = 0;
	if (tx->version < 1 || tx->version > VERSION_STANDARD_MAX)
		return no(c, "version");
	if (c->t->weight > WEIGHT_STANDARD_MAX)
		return no(c, "tx-size");
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (tx->in[i].script_sig.len > SCRIPT_SIG_MAX)
			return no(c, "scriptsig-size");
	for (uint32_t i = 0; i < tx->out_count; i++) {
		bool data;
		if (tx->out[i].script.len == 0 && c->b->rules->fee_outputs)
			continue;
		if (!standard_script(tx->out[i].script, &data))
			return no(c, "scriptpubkey");
		data_outputs += data;
		if (!data && is_dust(c, i))
			return no(c, "dust");
	}
	if (data_outputs > 1)
		return no(c, "multi-op-return");
	/* weight = 3 * stripped + total */
	const uint64_t stripped = (c->t->weight - c->t->raw_len) / 3;
	return stripped < STRIPPED_MIN ? no(c, "tx-size-small") : true;
}

static bool check_final(struct check *c)
{
	const struct btc_tx *tx = &c->t->tx;
	const uint32_t tip = c->b->chain[c->b->chain_len - 1];
	const uint64_t now = tx->locktime < SIMBTC_LOCKTIME_THRESHOLD
		? c->b->chain_len
		: simbtc_median_time(c->b, tip);
	if (tx->locktime == 0 || tx->locktime < now)
		return true;
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (tx->in[i].sequence != UINT32_MAX)
			return no(c, "non-final");
	return true;
}

/* BIP-125: it signals that it may be. */
static bool replaceable(const struct sim_bitcoin *b, uint32_t tx)
{
	const struct btc_tx *t = &b->tx[tx]->tx;
	for (uint32_t i = 0; i < t->in_count; i++)
		if (t->in[i].sequence <= SEQUENCE_SIGNALS_MAX)
			return true;
	return b->rules->full_rbf;
}

static bool check_conflicts(struct check *c)
{
	const struct btc_tx *tx = &c->t->tx;
	const uint32_t same = simbtc_tx_find(c->b, &c->t->txid);
	if (same != MAP_NONE && c->b->tx[same]->state == SIMBTC_POOL)
		return no(c,
			same == c->index ? "txn-already-in-mempool"
					 : "txn-same-nonwitness-data-in-mempool");
	for (uint32_t i = 0; i < tx->in_count; i++) {
		const uint32_t other = spender_of(c->b, &tx->in[i].prev);
		if (other == SIMBTC_NONE || listed(c->conflict, c->conflict_count, other))
			continue;
		if (c->from_block || !replaceable(c->b, other))
			return no(c, "txn-mempool-conflict");
		if (c->conflict_count == SIMBTC_REPLACED_MAX)
			return no(c, "too many potential replacements");
		c->conflict[c->conflict_count++] = other;
	}
	return true;
}

static bool output_known(const struct check *c)
{
	for (uint32_t i = 0; i < c->t->tx.out_count; i++)
		if (simbtc_coin_find(c->b, &c->t->txid, i) != NULL)
			return true;
	return false;
}

/* BIP-68: relative lock times of one input. */
static bool sequence_final(
	const struct check *c, const struct btc_txin *in, const struct simbtc_coin *coin)
{
	const struct sim_bitcoin *b = c->b;
	if (c->t->tx.version < 2 || (in->sequence & SEQUENCE_DISABLED) != 0)
		return true;
	const uint32_t span = in->sequence & SEQUENCE_MASK;
	const uint32_t tip = b->chain_len - 1;
	const uint32_t height = coin == NULL ? tip + 1 : coin->height;
	if ((in->sequence & SEQUENCE_BY_TIME) == 0)
		return height + span <= tip + 1;
	const uint32_t before = height == 0 ? 0 : height - 1;
	return (uint64_t)simbtc_median_time(b, b->chain[before]) + span * SEQUENCE_GRANULARITY <=
		simbtc_median_time(b, b->chain[tip]);
}

static bool check_inputs(struct check *c)
{
	const struct btc_tx *tx = &c->t->tx;
	bool final = true;
	uint32_t young = 0, young_depth = 0;
	char text[128];
	for (uint32_t i = 0; i < tx->in_count; i++) {
		const struct btc_txin *in = &tx->in[i];
		const struct simbtc_coin *coin = simbtc_coin_find(
			c->b, &in->prev.txid, in->prev.index);
		const uint32_t parent = coin == NULL ? pool_parent(c->b, in) : SIMBTC_NONE;
		if (coin != NULL) {
			c->spent[i] = *simbtc_coin_out(c->b, coin);
			c->source[i] = (struct simbtc_source){coin->tx, coin->vout};
		} else if (parent != SIMBTC_NONE &&
			in->prev.index < c->b->tx[parent]->tx.out_count) {
			c->spent[i] = c->b->tx[parent]->tx.out[in->prev.index];
			c->source[i] = (struct simbtc_source){parent, in->prev.index};
		} else if (output_known(c)) {
			return no(c, "txn-already-known");
		} else {
			return refuse(c, RPC_VERIFY_ERROR, "bad-txns-inputs-missingorspent");
		}
		final = final && sequence_final(c, in, coin);
		if (coin != NULL && coin->coinbase &&
			c->b->chain_len - coin->height < SIMBTC_MATURITY && young++ == 0)
			young_depth = c->b->chain_len - coin->height;
	}
	if (!final)
		return no(c, "non-BIP68-final");
	if (young > 0)
		return refuse(c, RPC_VERIFY_REJECTED,
			"bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth %u",
			young_depth);
	const char *why = c->b->rules->balance(c->b, c->t, c->source, &c->v->fee, text);
	return why == NULL ? true : no(c, why);
}

static bool standard_witness(struct slice script, struct slice witness)
{
	if (witness.len == 0)
		return true;
	if (script.len != 34 || script.ptr[0] != 0x51)
		return script.len >= 4 && script.ptr[0] == 0;
	const uint32_t count = btc_witness_count(witness);
	if (count == 0 || count > BTC_WITNESS_ITEM_MAX)
		return false;
	if (count == 1)
		return true;
	const struct slice control = btc_witness_item(witness, count - 1);
	if (control.len == 0 || control.ptr[0] == ANNEX_TAG)
		return false;
	for (uint32_t i = 0; i + 2 < count; i++)
		if (btc_witness_item(witness, i).len > WITNESS_ITEM_STANDARD_MAX)
			return false;
	return true;
}

static bool check_witnesses(struct check *c)
{
	for (uint32_t i = 0; i < c->t->tx.in_count; i++)
		if (!standard_witness(c->spent[i].script, c->t->tx.in[i].witness))
			return no(c, "bad-witness-nonstandard");
	return true;
}

static bool check_fee(struct check *c)
{
	const uint64_t least = simbtc_fee(c->t->vsize, c->b->relay_rate);
	if (c->v->fee < least)
		return refuse(c, RPC_VERIFY_REJECTED,
			"min relay fee not met, %" PRIu64 " < %" PRIu64, c->v->fee, least);
	if (c->b->pool_count >= SIM_BITCOIN_POOL_MAX && c->conflict_count == 0)
		return no(c, "mempool full");
	return true;
}

static bool check_family(struct check *c)
{
	uint32_t up[SIMBTC_CHAIN_LIMIT + 1], down[SIMBTC_CHAIN_LIMIT + 1];
	const uint32_t up_count = simbtc_ancestors(c->b, up, ARRAY_LEN(up), c->index);
	if (up_count > SIMBTC_CHAIN_LIMIT)
		return refuse(c, RPC_VERIFY_REJECTED,
			"too-long-mempool-chain, too many unconfirmed ancestors [limit: %u]",
			SIMBTC_CHAIN_LIMIT);
	for (uint32_t i = 1; i < up_count; i++) {
		if (listed(c->conflict, c->conflict_count, up[i])) {
			char own[65], other[65];
			hex_encode_reversed(own, c->t->txid.b, 32);
			hex_encode_reversed(other, c->b->tx[up[i]]->txid.b, 32);
			return refuse(c, RPC_VERIFY_REJECTED,
				"bad-txns-spends-conflicting-tx, %s spends conflicting transaction "
				"%s",
				own, other);
		}
		/* a replacement takes the place of what it replaces, below the same ancestors */
		if (c->conflict_count == 0 &&
			simbtc_descendants(c->b, down, ARRAY_LEN(down), up[i]) >=
				SIMBTC_CHAIN_LIMIT)
			return refuse(c, RPC_VERIFY_REJECTED,
				"too-long-mempool-chain, too many descendants for tx [limit: %u]",
				SIMBTC_CHAIN_LIMIT);
	}
	return true;
}

static bool conflict_rates(struct check *c, const char *own)
{
	const uint64_t rate = simbtc_rate(c->v->fee, c->t->vsize);
	for (uint32_t i = 0; i < c->conflict_count; i++) {
		const struct simbtc_tx *other = c->b->tx[c->conflict[i]];
		const uint64_t old = simbtc_rate(other->fee, other->vsize);
		if (rate <= old)
			return refuse(c, RPC_VERIFY_REJECTED,
				"insufficient fee, rejecting replacement %s; new feerate %" PRIu64
				".%08" PRIu64 " BTC/kvB <= old feerate %" PRIu64 ".%08" PRIu64
				" BTC/kvB",
				own, rate / 100000000, rate % 100000000, old / 100000000,
				old % 100000000);
	}
	return true;
}

/* Everything that would go, each once. */
static bool collect_replaced(struct check *c, const char *own)
{
	struct simbtc_verdict *v = c->v;
	for (uint32_t i = 0; i < c->conflict_count; i++) {
		uint32_t family[SIMBTC_REPLACED_MAX + 1];
		const uint32_t count = simbtc_descendants(
			c->b, family, ARRAY_LEN(family), c->conflict[i]);
		for (uint32_t k = 0; k < count; k++) {
			if (listed(v->replaced, v->replaced_count, family[k]))
				continue;
			if (v->replaced_count == SIMBTC_REPLACED_MAX)
				return refuse(c, RPC_VERIFY_REJECTED,
					"too many potential replacements, rejecting replacement "
					"%s; too many potential replacements (> %u)",
					own, SIMBTC_REPLACED_MAX);
			v->replaced[v->replaced_count++] = family[k];
			c->conflict_fees += c->b->tx[family[k]]->fee;
		}
	}
	return true;
}

static bool adds_unconfirmed(const struct check *c, const struct btc_txin *in)
{
	if (pool_parent(c->b, in) == SIMBTC_NONE)
		return false;
	for (uint32_t i = 0; i < c->conflict_count; i++) {
		const struct btc_tx *other = &c->b->tx[c->conflict[i]]->tx;
		for (uint32_t k = 0; k < other->in_count; k++)
			if (hash256_eq(&other->in[k].prev.txid, &in->prev.txid))
				return false;
	}
	return true;
}

/* The rules of BIP-125 as Bitcoin Core 28 keeps them, full replacement on. */
static bool check_replacement(struct check *c)
{
	char own[65], a[32], b[32];
	hex_encode_reversed(own, c->t->txid.b, 32);
	if (c->conflict_count == 0)
		return true;
	if (!conflict_rates(c, own) || !collect_replaced(c, own))
		return false;
	for (uint32_t i = 0; i < c->t->tx.in_count; i++)
		if (adds_unconfirmed(c, &c->t->tx.in[i]))
			return refuse(c, RPC_VERIFY_REJECTED,
				"replacement-adds-unconfirmed, replacement %s adds unconfirmed "
				"input, idx %u",
				own, i);
	if (c->v->fee < c->conflict_fees)
		return refuse(c, RPC_VERIFY_REJECTED,
			"insufficient fee, rejecting replacement %s, less fees than conflicting "
			"txs; %s < %s",
			own, simbtc_money(a, c->v->fee), simbtc_money(b, c->conflict_fees));
	const uint64_t more = c->v->fee - c->conflict_fees;
	const uint64_t due = simbtc_fee(c->t->vsize, c->b->rules->relay_rate);
	if (more < due)
		return refuse(c, RPC_VERIFY_REJECTED,
			"insufficient fee, rejecting replacement %s, not enough additional fees "
			"to relay; %s < %s",
			own, simbtc_money(a, more), simbtc_money(b, due));
	return true;
}

static bool check_scripts(struct check *c)
{
	const struct simbtc_rules *rules = c->b->rules;
	void *cache = rules->sighash_prepare(c->b, c->t, c->source);
	bool ok = true;
	for (uint32_t i = 0; i < c->t->tx.in_count && ok; i++) {
		const struct simbtc_script_error *bad = simbtc_verify_input(
			c->b, cache, c->t, c->spent, i);
		if (bad == NULL)
			continue;
		ok = refuse(c, RPC_VERIFY_REJECTED, "%s (%s)",
			bad->policy && !rules->old_core ? "non-mandatory-script-verify-flag"
							: rules->script_failed,
			bad->text);
	}
	free(cache);
	return ok;
}

void simbtc_check(
	const struct sim_bitcoin *b, struct simbtc_verdict *verdict, uint32_t tx, bool from_block)
{
	*verdict = (struct simbtc_verdict){0};
	struct check c = {
		.b = b, .v = verdict, .index = tx, .t = b->tx[tx], .from_block = from_block};
	c.spent = sim_alloc(c.t->tx.in_count * sizeof *c.spent);
	c.source = sim_alloc(c.t->tx.in_count * sizeof *c.source);
	/* what a block held was checked when it first came in */
	static bool (*const always[])(struct check *) = {
		check_form, check_final, check_conflicts, check_inputs};
	static bool (*const fresh[])(struct check *) = {check_form, check_standard, check_final,
		check_conflicts, check_inputs, check_witnesses, check_fee, check_family,
		check_replacement, check_scripts};
	const size_t count = from_block ? ARRAY_LEN(always) : ARRAY_LEN(fresh);
	for (size_t i = 0; i < count && verdict->code == 0; i++)
		(void)(from_block ? always[i] : fresh[i])(&c);
	free(c.source);
	free(c.spent);
}
