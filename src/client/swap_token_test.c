/* The taker's decisions where value is a token and fees are another asset: what lies ready on two
 * accounts, the approval before the lock, and a rollup's blocks, which count when they are safe. */
#include "client/fees.h"
#include "client/swap_machine.h"

#define TIP 5000u
#define NOW UINT64_C(1800000000000)
#define LOCK_SAT 1000000u

struct scene {
	struct rescue r;
	struct client_config config;
	struct swap_facts f;
	struct view view[SIDE_COUNT];
	struct swap_decision d;
};

static struct amount ether(uint64_t thousandths)
{
	struct amount a;
	CHECK(amount_mul(&a, amount_of(ASSET_ETH, UINT64_C(1000000000000000)), thousandths) == OK);
	return a;
}

static void set_leg(struct scene *s, enum rescue_side side, enum layer_id layer)
{
	struct rescue_leg *leg = &s->r.leg[side];
	leg->network = network_by_name(layer, slice_str("regtest"));
	CHECK(amount_convert(&leg->amount, amount_of(ASSET_BTC, LOCK_SAT), layer_asset(layer),
		      false) == OK);
	leg->timelock = TIP + (side == SIDE_SOURCE ? 150 : 60);
	leg->terms_len = 100;
	s->f.side[side] = (struct side_facts){.view = &s->view[side],
		.fresh = true,
		.tip = TIP,
		.head = TIP,
		.rate = 60000000,
		.data_fee = 1000,
		.below = {.safe_height = TIP, .final_height = TIP},
		.account = {.known = true,
			.gas = layer == LAYER_BOB ? ether(1000)
						  : amount_of(ASSET_RBTC, UINT64_C(1) << 60),
			.value = amount_of(ASSET_WBTC, LOCK_SAT),
			.allowance = amount_of(ASSET_WBTC, 0),
			.nonce_latest = 4,
			.nonce_pending = 4}};
}

static void scene(struct scene *s, enum layer_id from, enum layer_id to, enum rescue_phase phase)
{
	static struct settings settings;
	struct settings_error error;
	memset(s, 0, sizeof *s);
	CHECK(settings_offer(&settings, &error, "bitcoin.network", "regtest") == OK);
	CHECK(settings_read(&s->config, &error, &settings) == OK);
	set_leg(s, SIDE_SOURCE, from);
	set_leg(s, SIDE_DEST, to);
	s->r.phase = phase;
	s->r.has_gas_account = true;
	s->r.gas_account.b[0] = 7;
	s->r.expires_ms = NOW + 3600000;
	s->f.now_ms = NOW;
	s->f.claim_tried = true;
	s->f.claim_works = true;
}

static const struct swap_decision *decide(struct scene *s)
{
	swap_decide(&s->d, &s->r, &s->config, &s->f);
	return &s->d;
}

static bool prepares(struct scene *s, enum sign_purpose purpose)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_PREPARE && d->purpose == purpose;
}

static bool turns(struct scene *s, enum rescue_phase phase)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_PHASE && d->phase == phase;
}

static uint32_t tx(struct scene *s, enum sign_purpose purpose, uint64_t nonce)
{
	const struct rescue_tx t = {.purpose = purpose,
		.side = SIDE_SOURCE,
		.rate = 60000000,
		.height = TIP,
		.from = s->r.gas_account,
		.nonce = nonce,
		.fee = ether(1)};
	CHECK(rescue_add_tx(&s->r, &t, slice_of("x", 1)) == OK);
	s->f.tx[s->r.tx_count - 1] = (struct tx_facts){.presence = TX_MEMPOOL, .sent_ms = NOW};
	return s->r.tx_count - 1;
}

static struct view_lock *lock(struct scene *s, enum rescue_side side, uint64_t height)
{
	struct view_lock *l = &s->view[side].lock[s->view[side].count++];
	*l = (struct view_lock){.amount = s->r.leg[side].amount,
		.timelock = s->r.leg[side].timelock,
		.height = height};
	return l;
}

/* What is needed: gas, with the data's fee, on both sides; and the tokens where they are locked. */
static void test_funds(void)
{
	struct scene s;
	struct amount gas, more, value;
	scene(&s, LAYER_BOB, LAYER_ROOTSTOCK, RESCUE_AGREED);
	CHECK(fees_funds_needed(&gas, &value, &s.r, SIDE_SOURCE, 60000000, 0) == OK);
	CHECK(amount_cmp(value, amount_of(ASSET_WBTC, LOCK_SAT)) == 0 && gas.asset == ASSET_ETH);
	CHECK(fees_funds_needed(&more, &value, &s.r, SIDE_SOURCE, 60000000, 1000) == OK);
	/* approval, lock, three refunds; four times the fee for data */
	CHECK(amount_add(&gas, gas, amount_of(ASSET_ETH, 5 * 4 * 1000)) == OK);
	CHECK(amount_cmp(gas, more) == 0);
	CHECK(turns(&s, RESCUE_PAYING));

	struct node_account *bob = &s.f.side[SIDE_SOURCE].account;
	bob->gas = more;
	s.f.side[SIDE_SOURCE].rate = 60000000;
	CHECK(turns(&s, RESCUE_PAYING));
	CHECK(amount_sub(&bob->gas, more, amount_of(ASSET_ETH, 1)) == OK);
	CHECK(turns(&s, RESCUE_CLOSED));
	bob->gas = more;
	bob->value = amount_of(ASSET_WBTC, LOCK_SAT - 1);
	CHECK(turns(&s, RESCUE_CLOSED));
	bob->value = amount_of(ASSET_WBTC, LOCK_SAT);
	/* the other side's account, too */
	s.f.side[SIDE_DEST].account.gas = amount_of(ASSET_RBTC, 1);
	CHECK(turns(&s, RESCUE_CLOSED));
	s.f.side[SIDE_DEST].account.known = false;
	CHECK(decide(&s)->act == ACT_WAIT && s.d.step == STEP_NODE);

	/* a claim on BOB needs ether and no tokens */
	scene(&s, LAYER_ROOTSTOCK, LAYER_BOB, RESCUE_AGREED);
	s.f.side[SIDE_DEST].account.value = amount_of(ASSET_WBTC, 0);
	CHECK(turns(&s, RESCUE_PAYING));
	s.f.side[SIDE_DEST].account.gas = amount_of(ASSET_ETH, 1000);
	CHECK(turns(&s, RESCUE_CLOSED));
}

/* Approved first, once; locked when the contract may take it, and not before. */
static void test_approval(void)
{
	struct scene s;
	scene(&s, LAYER_BOB, LAYER_BITCOIN, RESCUE_PAYING);
	struct node_account *own = &s.f.side[SIDE_SOURCE].account;
	s.r.leg[SIDE_DEST].terms_len = 0;
	CHECK(prepares(&s, SIGN_APPROVE) && s.d.nonce == 4);
	CHECK(amount_cmp(s.d.amount, s.r.leg[SIDE_SOURCE].amount) == 0);
	const uint32_t approval = tx(&s, SIGN_APPROVE, 4);
	CHECK(decide(&s)->act == ACT_WAIT && s.d.step == STEP_PAY);
	/* dropped: the same bytes again */
	s.f.tx[approval] = (struct tx_facts){.presence = TX_ABSENT};
	CHECK(decide(&s)->act == ACT_SEND && s.d.tx == approval);
	/* mined, and the allowance is as our node has it */
	s.f.tx[approval] = (struct tx_facts){.presence = TX_CONFIRMED, .depth = 1};
	own->nonce_latest = own->nonce_pending = 5;
	own->allowance = amount_of(ASSET_WBTC, LOCK_SAT);
	CHECK(prepares(&s, SIGN_LOCK) && s.d.nonce == 5);
	/* another swap has used it up: once more */
	own->allowance = amount_of(ASSET_WBTC, LOCK_SAT - 1);
	CHECK(prepares(&s, SIGN_APPROVE) && s.d.nonce == 5);
	own->allowance = amount_of(ASSET_WBTC, LOCK_SAT);
	const uint32_t locked = tx(&s, SIGN_LOCK, 5);
	own->allowance = amount_of(ASSET_WBTC, 0);
	s.f.tx[locked].presence = TX_ABSENT;
	s.f.tx[locked].sent_ms = 0;
	CHECK(decide(&s)->act == ACT_SEND && s.d.tx == locked);
	/* it failed: what it took of the allowance is asked for again */
	s.f.tx[locked] = (struct tx_facts){.presence = TX_CONFIRMED, .depth = 1, .reverted = true};
	own->nonce_latest = own->nonce_pending = 6;
	CHECK(prepares(&s, SIGN_APPROVE) && s.d.nonce == 6);
	/* nothing is approved for an offer that is over */
	s.f.now_ms = s.r.expires_ms;
	CHECK(decide(&s)->act == ACT_WAIT);
	rescue_fini(&s.r);
	scene(&s, LAYER_BOB, LAYER_BITCOIN, RESCUE_PAYING);
	s.r.leg[SIDE_DEST].terms_len = 0;
	s.f.now_ms = s.r.expires_ms;
	CHECK(turns(&s, RESCUE_ABANDONED));
}

/* The provider's lock counts when the first layer has its block; a claim is over when that stays.
 */
static void test_heads(void)
{
	struct scene s;
	scene(&s, LAYER_BITCOIN, LAYER_BOB, RESCUE_PAYING);
	(void)lock(&s, SIDE_SOURCE, TIP - 3);
	struct view_lock *theirs = lock(&s, SIDE_DEST, TIP - 2);
	s.f.side[SIDE_DEST].below.safe_height = TIP - 3;
	CHECK(decide(&s)->act == ACT_WAIT && s.d.step == STEP_DEST_DEPTH);
	CHECK(s.d.confirmations == 0);
	s.f.side[SIDE_DEST].below.safe_height = TIP - 2;
	CHECK(prepares(&s, SIGN_CLAIM));
	/* ether for the claim, and for its data */
	struct amount gas = amount_zero(ASSET_ETH);
	CHECK(fees_add(&gas, LAYER_BOB, SIGN_CLAIM, 60000000, 1000, 1) == OK);
	s.f.side[SIDE_DEST].account.gas = gas;
	CHECK(prepares(&s, SIGN_CLAIM));
	CHECK(amount_sub(&s.f.side[SIDE_DEST].account.gas, gas, amount_of(ASSET_ETH, 1)) == OK);
	CHECK(decide(&s)->act == ACT_WAIT && s.d.why != NULL);

	s.r.phase = RESCUE_REVEALED;
	s.r.revealed = true;
	theirs->spend = LOCK_SPEND_CLAIM;
	theirs->spend_height = TIP - 1;
	s.f.side[SIDE_DEST].below.final_height = TIP - 2;
	CHECK(decide(&s)->act == ACT_WAIT && s.d.step == STEP_CLAIM);
	s.f.side[SIDE_DEST].below.final_height = TIP - 1;
	CHECK(turns(&s, RESCUE_COMPLETED));

	/* a refund likewise */
	scene(&s, LAYER_BOB, LAYER_BITCOIN, RESCUE_ABANDONED);
	struct view_lock *ours = lock(&s, SIDE_SOURCE, TIP - 100);
	ours->timelock = s.r.leg[SIDE_SOURCE].timelock = TIP - 50;
	CHECK(prepares(&s, SIGN_REFUND));
	ours->spend = LOCK_SPEND_REFUND;
	ours->spend_height = TIP - 20;
	s.f.side[SIDE_SOURCE].below.final_height = TIP - 21;
	CHECK(decide(&s)->act == ACT_WAIT && s.d.step == STEP_REFUND);
	s.f.side[SIDE_SOURCE].below.final_height = TIP - 20;
	CHECK(turns(&s, RESCUE_REFUNDED));
}

/* Fees in ether are bounded by the setting; what they are worth in tokens nobody here knows. */
static void test_rates(void)
{
	const struct network *bob = network_by_name(LAYER_BOB, slice_str("regtest"));
	const struct layer_params p = {
		.network = bob, .fee_rate_min = 100, .fee_rate_max = 1000000};
	CHECK(fees_rate_cap(&p, SIGN_CLAIM, amount_of(ASSET_WBTC, 1), true) == 1000000);
	CHECK(fees_rate_now(&p, 0) == 100 && fees_rate_now(&p, 5000) == 5000);
	CHECK(fees_rate_now(&p, 2000000) == 1000000);
	CHECK(fees_rate_bumped(&p, 0, 1000) == 1251 && fees_rate_bumped(&p, 5000, 1000) == 5000);
}

int main(void)
{
	test_funds();
	test_approval();
	test_heads();
	test_rates();
	return 0;
}
