/* The taker's decisions: named situations, and what no situation may lead to, over random ones. */
#include "client/swap_machine.h"

#include "base/draw_test.h"
#include "client/spend.h"
#include "client/verify.h"
#include "crypto/hash.h"
#include "ledger/clock.h"

#include <stdio.h>

#define TIP_BITCOIN 1000u
#define TIP_ROOTSTOCK 5000u
#define NOW UINT64_C(1800000000000)

struct scene {
	struct rescue r;
	struct client_config config;
	struct swap_facts f;
	struct view view[SIDE_COUNT];
	struct swap_decision d;
};

static struct amount coins(enum layer_id layer, uint64_t sat)
{
	struct amount a;
	CHECK(amount_convert(&a, amount_of(ASSET_BTC, sat), layer_asset(layer), false) == OK);
	return a;
}

static void set_leg(struct scene *s, enum rescue_side side, enum layer_id layer)
{
	struct rescue_leg *leg = &s->r.leg[side];
	leg->network = network_by_name(layer, slice_str("regtest"));
	leg->amount = coins(layer, side == SIDE_SOURCE ? 1000000 : 990000);
	leg->timelock = (layer == LAYER_BITCOIN ? TIP_BITCOIN : TIP_ROOTSTOCK) +
		(side == SIDE_SOURCE ? 150 : 60);
	leg->terms_len = 100;
	s->f.side[side] = (struct side_facts){.view = &s->view[side],
		.fresh = true,
		.tip = layer == LAYER_BITCOIN ? TIP_BITCOIN : TIP_ROOTSTOCK,
		.head = layer == LAYER_BITCOIN ? TIP_BITCOIN : TIP_ROOTSTOCK,
		.rate = layer == LAYER_BITCOIN ? 2000 : 60000000};
}

/* Of the side that is of accounts; there is one. */
static struct node_account *own(struct scene *s)
{
	const bool source = layer_family(rescue_layer(&s->r, SIDE_SOURCE)) == FAMILY_ACCOUNT;
	return &s->f.side[source ? SIDE_SOURCE : SIDE_DEST].account;
}

/* A swap on regtest in this phase; nothing on the chains. */
static void scene(struct scene *s, enum layer_id from, enum rescue_phase phase)
{
	static struct settings settings;
	static struct client_config config;
	struct settings_error error;
	memset(s, 0, sizeof *s);
	if (config.layer[0].params.network == NULL) {
		CHECK(settings_offer(&settings, &error, "bitcoin.network", "regtest") == OK);
		CHECK(settings_offer(&settings, &error, "rootstock.network", "regtest") == OK);
		CHECK(settings_read(&config, &error, &settings) == OK);
	}
	s->config = config;
	set_leg(s, SIDE_SOURCE, from);
	set_leg(s, SIDE_DEST, from == LAYER_BITCOIN ? LAYER_ROOTSTOCK : LAYER_BITCOIN);
	s->r.phase = phase;
	s->r.revealed = phase == RESCUE_REVEALED;
	s->r.has_gas_account = true;
	s->r.gas_account.b[0] = 7;
	s->r.expires_ms = NOW + 3600000;
	s->f.now_ms = NOW;
	*own(s) = (struct node_account){.known = true,
		.gas = coins(LAYER_ROOTSTOCK, 100000000),
		.nonce_latest = 4,
		.nonce_pending = 4};
	s->f.claim_tried = true;
	s->f.claim_works = true;
}

static struct view_lock *lock(struct scene *s, enum rescue_side side, uint64_t depth)
{
	struct view_lock *l = &s->view[side].lock[s->view[side].count++];
	*l = (struct view_lock){.amount = s->r.leg[side].amount,
		.timelock = s->r.leg[side].timelock,
		.height = depth == 0 ? 0 : s->f.side[side].tip + 1 - depth};
	l->at.tx.b[0] = (uint8_t)(1 + s->view[side].count);
	l->at.tx.b[1] = (uint8_t)side;
	return l;
}

static uint32_t tx(struct scene *s, enum sign_purpose purpose, enum rescue_side side,
	const struct view_lock *at, enum tx_presence presence)
{
	struct rescue_tx t = {.purpose = purpose,
		.side = side,
		.rate = rescue_layer(&s->r, side) == LAYER_BITCOIN ? 2000 : 60000000,
		.height = s->f.side[side].tip,
		.fee = amount_of(layer_asset(rescue_layer(&s->r, side)), 500)};
	if (at != NULL)
		t.at = at->at;
	if (rescue_layer(&s->r, side) == LAYER_ROOTSTOCK) {
		t.from = s->r.gas_account;
		t.nonce = 4;
	}
	CHECK(rescue_add_tx(&s->r, &t, slice_of("x", 1)) == OK);
	s->f.tx[s->r.tx_count - 1].presence = presence;
	s->f.tx[s->r.tx_count - 1].sent_ms = presence == 0 ? 0 : NOW;
	return s->r.tx_count - 1;
}

static const struct swap_decision *decide(struct scene *s)
{
	swap_decide(&s->d, &s->r, &s->config, &s->f);
	return &s->d;
}

static bool prepares(struct scene *s, enum sign_purpose purpose, enum rescue_phase phase)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_PREPARE && d->purpose == purpose && d->phase == phase;
}

static bool turns(struct scene *s, enum rescue_phase phase)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_PHASE && d->phase == phase;
}

static bool waits(struct scene *s, enum swap_step step)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_WAIT && d->step == step;
}

static bool sends(struct scene *s, uint32_t at)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_SEND && d->tx == at;
}

static bool ends(struct scene *s, enum client_exit exit)
{
	const struct swap_decision *d = decide(s);
	return d->act == ACT_END && d->exit == exit;
}

static void done(struct scene *s)
{
	rescue_fini(&s->r);
}

static const enum layer_id sources[] = {LAYER_BITCOIN, LAYER_ROOTSTOCK};

/* ---- before anything is paid ---- */

static void test_agreed(enum layer_id from)
{
	struct scene s;
	scene(&s, from, RESCUE_CREATED);
	CHECK(decide(&s)->act == ACT_POST);
	scene(&s, from, RESCUE_AGREED);
	CHECK(turns(&s, RESCUE_PAYING));
	s.f.want_refund = true;
	CHECK(turns(&s, RESCUE_CLOSED));
	s.f.want_refund = false;
	s.f.now_ms = s.r.expires_ms - SWAP_PAY_MARGIN_MS;
	CHECK(turns(&s, RESCUE_CLOSED));
	s.f.now_ms = NOW;
	s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock - 3;
	CHECK(turns(&s, RESCUE_CLOSED));
	scene(&s, from, RESCUE_AGREED);
	own(&s)->gas = amount_of(ASSET_RBTC, 1);
	CHECK(turns(&s, RESCUE_CLOSED));
	own(&s)->known = false;
	CHECK(waits(&s, STEP_NODE));
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		scene(&s, from, RESCUE_AGREED);
		s.f.side[i].fresh = false;
		CHECK(waits(&s, STEP_NODE));
	}
}

static void test_pay(void)
{
	struct scene s;
	uint32_t t;
	scene(&s, LAYER_ROOTSTOCK, RESCUE_PAYING);
	s.r.leg[SIDE_DEST].terms_len = 0;
	CHECK(prepares(&s, SIGN_LOCK, RESCUE_PAYING) && s.d.nonce == 4);
	t = tx(&s, SIGN_LOCK, SIDE_SOURCE, NULL, 0);
	CHECK(sends(&s, t));
	s.f.tx[t].presence = TX_MEMPOOL;
	CHECK(waits(&s, STEP_PAY));
	/* dearer after a while, with the same nonce */
	s.f.side[SIDE_SOURCE].tip += 3;
	s.f.side[SIDE_SOURCE].head += 3;
	CHECK(prepares(&s, SIGN_LOCK, RESCUE_PAYING) && s.d.nonce == 4 && s.d.rate >= 75000000);
	/* not sent again once the offer is over */
	s.f.now_ms = s.r.expires_ms;
	s.f.tx[t].presence = TX_ABSENT;
	CHECK(waits(&s, STEP_PAY));
	done(&s);

	scene(&s, LAYER_BITCOIN, RESCUE_PAYING);
	s.r.leg[SIDE_DEST].terms_len = 0;
	CHECK(waits(&s, STEP_PAY));
	s.f.has_wallet = true;
	CHECK(decide(&s)->act == ACT_PAY_WALLET);
	s.f.now_ms = s.r.expires_ms;
	CHECK(turns(&s, RESCUE_ABANDONED));
	s.f.has_wallet = false;
	CHECK(ends(&s, CLIENT_PENDING));
	/* a payment of another amount is none */
	s.f.now_ms = NOW;
	lock(&s, SIDE_SOURCE, 3)->amount = amount_of(ASSET_BTC, 999999);
	CHECK(waits(&s, STEP_PAY) && s.d.why != NULL);
	lock(&s, SIDE_SOURCE, 3);
	CHECK(waits(&s, STEP_DEST_LOCK));
	done(&s);
}

/* ---- the reveal ---- */

static void test_reveal(enum layer_id from)
{
	struct scene s;
	struct view_lock *l;
	const uint64_t enough = from == LAYER_BITCOIN ? 2 : 1;

	scene(&s, from, RESCUE_PAYING);
	lock(&s, SIDE_SOURCE, 3);
	CHECK(waits(&s, STEP_DEST_LOCK));
	l = lock(&s, SIDE_DEST, 0);
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->height = s.f.side[SIDE_DEST].tip + 2 - enough;
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->height--;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));

	s.view[SIDE_DEST].lock[0].flags = CHAIN_LOCK_FOREIGN;
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->flags = CHAIN_LOCK_COINBASE;
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->flags = 0;
	l->timelock++;
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->timelock--;
	CHECK(amount_sub(&l->amount, l->amount, amount_of(l->amount.asset, 1)) == OK);
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->amount = s.r.leg[SIDE_DEST].amount;
	l->spend = LOCK_SPEND_REFUND;
	CHECK(waits(&s, STEP_DEST_DEPTH));
	l->spend = 0;
	s.f.side[SIDE_DEST].fresh = false;
	CHECK(waits(&s, STEP_NODE));
	s.f.side[SIDE_DEST].fresh = true;
	/* nothing is told that could not be paid for */
	s.f.side[SIDE_DEST].rate = UINT64_C(1) << 39;
	s.config.layer[rescue_layer(&s.r, SIDE_DEST)].params.fee_rate_max = UINT64_C(1) << 39;
	CHECK(decide(&s)->act == ACT_WAIT && s.d.why != NULL);
	s.f.side[SIDE_DEST].rate = 0;
	if (from == LAYER_BITCOIN) {
		s.f.claim_works = false;
		CHECK(waits(&s, STEP_DEST_DEPTH));
		s.f.claim_tried = false;
		CHECK(decide(&s)->act == ACT_TRY_CLAIM);
		s.f.claim_works = true;
		own(&s)->gas = amount_of(ASSET_RBTC, 1000);
		CHECK(waits(&s, STEP_DEST_DEPTH));
		own(&s)->gas = coins(LAYER_ROOTSTOCK, 100000000);
	}
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));
	/* by the node's own tip, where the view is behind (HAZARDS 3) */
	s.f.side[SIDE_DEST].head = s.r.leg[SIDE_DEST].timelock - 20;
	CHECK(turns(&s, RESCUE_ABANDONED));
	s.f.side[SIDE_DEST].head = s.r.leg[SIDE_DEST].timelock + 1;
	CHECK(turns(&s, RESCUE_ABANDONED));
	/* unless it is public already */
	s.f.side[SIDE_DEST].head = s.f.side[SIDE_DEST].tip;
	s.view[SIDE_SOURCE].preimage_public = true;
	s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));
	s.r.phase = RESCUE_ABANDONED;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));
	done(&s);
}

static void test_give_up(enum layer_id from)
{
	struct scene s;
	scene(&s, from, RESCUE_PAYING);
	lock(&s, SIDE_SOURCE, 3);
	lock(&s, SIDE_DEST, 3);
	s.f.want_refund = true;
	CHECK(turns(&s, RESCUE_ABANDONED));
	s.f.want_refund = false;
	s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock;
	CHECK(turns(&s, RESCUE_ABANDONED));
	/* what was told can't be taken back: calling off changes nothing (HAZARDS 8) */
	scene(&s, from, RESCUE_REVEALED);
	lock(&s, SIDE_SOURCE, 3);
	lock(&s, SIDE_DEST, 3);
	s.f.want_refund = true;
	s.f.side[SIDE_SOURCE].tip = s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock + 9;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));
	done(&s);
}

/* ---- after the reveal ---- */

static void test_claim(enum layer_id from)
{
	struct scene s;
	struct view_lock *l;
	uint32_t t;

	scene(&s, from, RESCUE_REVEALED);
	s.f.side[SIDE_SOURCE].fresh = false; /* not needed for it */
	l = lock(&s, SIDE_DEST, 5);
	t = tx(&s, SIGN_CLAIM, SIDE_DEST, l, 0);
	CHECK(sends(&s, t));
	s.f.tx[t] = (struct tx_facts){.presence = TX_ABSENT, .sent_ms = NOW};
	CHECK(waits(&s, STEP_CLAIM));
	s.f.now_ms += SWAP_RESEND_MS; /* dropped: the same bytes again (HAZARDS 16, 23) */
	CHECK(sends(&s, t));
	s.f.tx[t].presence = TX_UNKNOWN; /* no answer is no failure (HAZARDS 29) */
	CHECK(sends(&s, t));
	s.f.tx[t].presence = TX_MEMPOOL;
	CHECK(waits(&s, STEP_CLAIM));
	s.f.tx[t].rejected = true;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED) && s.d.rate > s.r.tx[t].rate);
	CHECK(from == LAYER_ROOTSTOCK || s.d.nonce == s.r.tx[t].nonce);
	s.f.tx[t].rejected = false;
	/* past the time lock, too: a claim never expires (HAZARDS 7) */
	s.f.side[SIDE_DEST].tip = s.f.side[SIDE_DEST].head = s.r.leg[SIDE_DEST].timelock + 50;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));

	/* final only at depth, and whoever claimed (HAZARDS 9, 10) */
	l->spend = LOCK_SPEND_CLAIM;
	l->spend_height = s.f.side[SIDE_DEST].tip;
	CHECK(waits(&s, STEP_CLAIM) && s.d.confirmations == 1);
	l->spend_height = s.f.side[SIDE_DEST].tip - 2;
	CHECK(turns(&s, RESCUE_COMPLETED));
	l->spend_height = 0; /* reorganised away */
	CHECK(decide(&s)->act != ACT_PHASE);

	/* the provider was faster: only at depth, and then what is left is our refund */
	l->spend = LOCK_SPEND_REFUND;
	l->spend_height = s.f.side[SIDE_DEST].tip;
	CHECK(waits(&s, STEP_CLAIM));
	l->spend_height = s.f.side[SIDE_DEST].tip - 2;
	CHECK(turns(&s, RESCUE_ABANDONED));
	done(&s);
}

/* Accounts: nonces that others used, and calls that failed. */
static void test_nonces(void)
{
	struct scene s;
	scene(&s, LAYER_BITCOIN, RESCUE_REVEALED);
	struct view_lock *l = lock(&s, SIDE_DEST, 5);
	const uint32_t t = tx(&s, SIGN_CLAIM, SIDE_DEST, l, TX_ABSENT);
	own(&s)->nonce_latest = 5;
	own(&s)->nonce_pending = 6;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED) && s.d.nonce == 6);
	s.f.tx[t].presence = TX_UNKNOWN; /* nothing follows from what is not known */
	CHECK(decide(&s)->act != ACT_PREPARE);
	s.f.tx[t].presence = TX_CONFIRMED;
	CHECK(waits(&s, STEP_CLAIM));
	s.f.tx[t].reverted = true;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED) && s.d.nonce == 6);
	/* another account's gas */
	s.f.tx[t] = (struct tx_facts){.presence = TX_MEMPOOL, .sent_ms = NOW};
	own(&s)->nonce_latest = 4;
	s.r.gas_account.b[0] = 8;
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED) && s.d.nonce == 6);
	done(&s);
}

/* A lock-up that moved in a reorganisation is claimed where it is now (HAZARDS 17). */
static void test_moved(void)
{
	struct scene s;
	scene(&s, LAYER_ROOTSTOCK, RESCUE_REVEALED);
	struct view_lock *l = lock(&s, SIDE_DEST, 5);
	(void)tx(&s, SIGN_CLAIM, SIDE_DEST, l, TX_ABSENT);
	l->height = 0;
	struct view_lock *now = lock(&s, SIDE_DEST, 1);
	CHECK(prepares(&s, SIGN_CLAIM, RESCUE_REVEALED));
	CHECK(hash256_eq(&s.d.at.tx, &now->at.tx));
	done(&s);
}

/* ---- the refund ---- */

static void test_refund(enum layer_id from)
{
	struct scene s;
	struct view_lock *l;
	uint32_t t;

	scene(&s, from, RESCUE_ABANDONED);
	s.f.side[SIDE_DEST].fresh = false; /* not needed for it */
	l = lock(&s, SIDE_SOURCE, 5);
	CHECK(waits(&s, STEP_TIMELOCK));
	s.f.side[SIDE_SOURCE].head = l->timelock; /* not by the node's tip alone */
	CHECK(waits(&s, STEP_TIMELOCK));
	s.f.side[SIDE_SOURCE].tip = l->timelock;
	CHECK(prepares(&s, SIGN_REFUND, RESCUE_ABANDONED));
	CHECK(hash256_eq(&s.d.at.tx, &l->at.tx));
	t = tx(&s, SIGN_REFUND, SIDE_SOURCE, l, 0);
	CHECK(sends(&s, t));
	s.f.tx[t].presence = TX_MEMPOOL;
	CHECK(waits(&s, STEP_REFUND));
	s.f.tx[t].sent_ms = NOW;
	s.f.tx[t].presence = TX_ABSENT; /* dropped by a reorganisation (HAZARDS 16) */
	s.f.now_ms += SWAP_RESEND_MS;
	CHECK(sends(&s, t));
	l->spend = LOCK_SPEND_REFUND;
	l->spend_height = l->timelock;
	CHECK(waits(&s, STEP_REFUND) && s.d.confirmations == 1);
	l->spend_height = l->timelock - 2;
	CHECK(turns(&s, RESCUE_REFUNDED));
	l->spend = LOCK_SPEND_CLAIM;
	CHECK(ends(&s, CLIENT_FAILED));
	s.r.revealed = true;
	CHECK(ends(&s, CLIENT_LOST));
	done(&s);
}

/* Paid twice, dust from a stranger: everything worth it comes back (HAZARDS 18). */
static void test_refund_all(void)
{
	struct scene s;
	scene(&s, LAYER_BITCOIN, RESCUE_ABANDONED);
	struct view_lock *first = lock(&s, SIDE_SOURCE, 9), *second = lock(&s, SIDE_SOURCE, 8);
	lock(&s, SIDE_SOURCE, 7)->amount = amount_of(ASSET_BTC, 546);
	s.f.side[SIDE_SOURCE].tip = s.f.side[SIDE_SOURCE].head = first->timelock + 3;
	first->spend = LOCK_SPEND_REFUND;
	first->spend_height = first->timelock + 1;
	CHECK(prepares(&s, SIGN_REFUND, RESCUE_ABANDONED));
	CHECK(hash256_eq(&s.d.at.tx, &second->at.tx));
	second->spend = LOCK_SPEND_REFUND;
	second->spend_height = second->timelock + 3;
	CHECK(waits(&s, STEP_REFUND));
	second->spend_height = second->timelock + 1;
	CHECK(turns(&s, RESCUE_REFUNDED));
}

static void test_nothing_locked(void)
{
	struct scene s;
	uint32_t t;
	scene(&s, LAYER_BITCOIN, RESCUE_ABANDONED);
	CHECK(waits(&s, STEP_TIMELOCK));
	s.f.has_wallet = true;
	CHECK(ends(&s, CLIENT_REFUSED));
	s.f.has_wallet = false;
	s.f.side[SIDE_SOURCE].tip = s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock;
	CHECK(ends(&s, CLIENT_PENDING));

	scene(&s, LAYER_ROOTSTOCK, RESCUE_ABANDONED);
	CHECK(turns(&s, RESCUE_CLOSED));
	/* signed, perhaps sent: absent is not void (HAZARDS 43) */
	t = tx(&s, SIGN_LOCK, SIDE_SOURCE, NULL, TX_ABSENT);
	CHECK(prepares(&s, SIGN_NONCE_FILL, RESCUE_ABANDONED));
	CHECK(s.d.nonce == s.r.tx[t].nonce && s.d.rate > s.r.tx[t].rate);
	t = tx(&s, SIGN_NONCE_FILL, SIDE_SOURCE, NULL, 0);
	CHECK(sends(&s, t));
	s.f.tx[t] = (struct tx_facts){.presence = TX_CONFIRMED, .depth = 1, .sent_ms = NOW};
	own(&s)->nonce_latest = 5;
	CHECK(waits(&s, STEP_TIMELOCK));
	s.f.tx[t].depth = 3;
	CHECK(turns(&s, RESCUE_CLOSED));
	/* the contract refuses a lock whose time is over */
	s.f.tx[t].presence = TX_UNKNOWN;
	s.f.side[SIDE_SOURCE].tip = s.f.side[SIDE_SOURCE].head = s.r.leg[SIDE_SOURCE].timelock + 3;
	CHECK(turns(&s, RESCUE_CLOSED));
	done(&s);
}

/* ---- random situations ---- */

static void random_lock(struct scene *s, enum rescue_side side)
{
	struct view_lock *l = lock(s, side, draw(6));
	if (draw(4) == 0)
		l->flags = draw(2) == 0 ? CHAIN_LOCK_FOREIGN : CHAIN_LOCK_COINBASE;
	if (draw(5) == 0)
		l->amount = amount_of(l->amount.asset, 1 + draw(2000000));
	if (draw(6) == 0)
		l->timelock += draw(3);
	if (draw(3) == 0) {
		l->spend = (enum lock_spend)(1 + draw(3));
		l->spend_height = draw(2) == 0 ? 0 : s->f.side[side].tip - draw(5);
	}
}

static void random_scene(struct scene *s)
{
	static const enum sign_purpose purposes[] = {
		SIGN_LOCK, SIGN_CLAIM, SIGN_REFUND, SIGN_NONCE_FILL};
	scene(s, sources[draw(2)], (enum rescue_phase)draw(RESCUE_PHASE_COUNT));
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		struct side_facts *f = &s->f.side[i];
		f->tip += draw(3) == 0 ? draw(200) : 0;
		f->head = f->tip + draw(3);
		f->fresh = draw(5) != 0;
		f->rate = draw(4) == 0 ? 0 : f->rate * (1 + draw(50));
		s->view[i].preimage_public = draw(20) == 0;
		for (uint64_t k = draw(4); k > 0; k--)
			random_lock(s, (enum rescue_side)i);
	}
	/* (verify_rescue refuses a file that was revealed without terms) */
	if (draw(3) == 0 && s->r.phase != RESCUE_REVEALED)
		s->r.leg[SIDE_DEST].terms_len = 0;
	s->r.revealed = s->r.phase == RESCUE_REVEALED || draw(4) == 0;
	s->f.now_ms += draw(2) == 0 ? 0 : draw(4000000);
	own(s)->known = draw(6) != 0;
	s->f.claim_tried = draw(2) == 0;
	s->f.claim_works = s->f.claim_tried && draw(3) != 0;
	s->f.want_refund = draw(6) == 0;
	s->f.has_wallet = draw(2) == 0;
	own(s)->nonce_latest = 3 + draw(4);
	own(s)->nonce_pending = own(s)->nonce_latest + draw(2);
	for (uint64_t k = draw(5); k > 0; k--) {
		const enum sign_purpose purpose = purposes[draw(ARRAY_LEN(purposes))];
		const enum rescue_side side = purpose == SIGN_CLAIM ? SIDE_DEST : SIDE_SOURCE;
		const struct view *v = &s->view[side];
		const struct view_lock *at = v->count == 0 ? NULL : &v->lock[draw(v->count)];
		if (purpose == SIGN_NONCE_FILL && rescue_layer(&s->r, side) == LAYER_BITCOIN)
			continue;
		const uint32_t t = tx(s, purpose, side, at, (enum tx_presence)draw(5));
		s->f.tx[t].rejected = draw(4) == 0;
		s->f.tx[t].reverted = draw(4) == 0;
		s->f.tx[t].depth = draw(6);
		s->r.tx[t].nonce += draw(2);
	}
}

static bool good_lock_deep(const struct scene *s)
{
	const struct side_facts *f = &s->f.side[SIDE_DEST];
	const struct rescue_leg *leg = &s->r.leg[SIDE_DEST];
	const struct layer_params *p = &s->config.layer[leg->network->layer].params;
	uint64_t slack;
	for (uint32_t i = 0; i < f->view->count; i++) {
		const struct view_lock *l = &f->view->lock[i];
		if (l->flags == 0 && l->spend == 0 && l->timelock == leg->timelock &&
			l->height != 0 && l->height <= f->tip &&
			f->tip - l->height + 1 >= params_depth(p, leg->amount) &&
			amount_cmp(l->amount, leg->amount) >= 0 && leg->timelock > f->head &&
			clock_reveal_safe(p, leg->timelock - f->head, &slack))
			return true;
	}
	return false;
}

static void check_prepare(const struct scene *s)
{
	const bool public = s->view[0].preimage_public || s->view[1].preimage_public;
	const struct swap_decision *d = &s->d;
	const struct rescue_leg *source = &s->r.leg[SIDE_SOURCE];
	switch (d->purpose) {
	case SIGN_LOCK:
		CHECK(s->r.phase == RESCUE_PAYING && s->r.leg[SIDE_DEST].terms_len == 0);
		CHECK(s->f.now_ms + SWAP_PAY_MARGIN_MS < s->r.expires_ms);
		CHECK(rescue_layer(&s->r, SIDE_SOURCE) == LAYER_ROOTSTOCK);
		break;
	case SIGN_CLAIM:
		CHECK(s->f.side[SIDE_DEST].fresh && s->r.leg[SIDE_DEST].terms_len != 0);
		CHECK(d->phase == RESCUE_REVEALED);
		CHECK(s->r.phase == RESCUE_REVEALED || public || good_lock_deep(s));
		CHECK(s->r.phase == RESCUE_REVEALED || public || !s->f.want_refund);
		CHECK(s->r.phase == RESCUE_REVEALED || public || s->r.phase == RESCUE_PAYING);
		CHECK(rescue_layer(&s->r, SIDE_DEST) != LAYER_ROOTSTOCK ||
			s->r.phase == RESCUE_REVEALED || public || s->f.claim_works);
		break;
	case SIGN_REFUND:
		CHECK(s->r.phase == RESCUE_ABANDONED && s->f.side[SIDE_SOURCE].fresh);
		CHECK(s->f.side[SIDE_SOURCE].tip >= source->timelock);
		break;
	case SIGN_NONCE_FILL: CHECK(s->r.phase == RESCUE_ABANDONED); break;
	case SIGN_PAYOUT:
	case SIGN_CANCEL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: CHECK(false);
	}
	const struct layer_params *p = &s->config.layer[rescue_layer(&s->r, d->side)].params;
	CHECK(d->rate >= p->fee_rate_min && d->rate <= 4 * p->fee_rate_max);
}

static void check_random(const struct scene *s)
{
	const struct swap_decision *d = &s->d;
	CHECK(rescue_phase_may(s->r.phase, d->phase));
	switch (d->act) {
	case ACT_PREPARE: check_prepare(s); break;
	case ACT_SEND: {
		CHECK(d->tx < s->r.tx_count);
		const enum sign_purpose purpose = s->r.tx[d->tx].purpose;
		CHECK((purpose == SIGN_LOCK && s->r.phase == RESCUE_PAYING) ||
			(purpose == SIGN_CLAIM && s->f.side[SIDE_DEST].fresh) ||
			((purpose == SIGN_REFUND || purpose == SIGN_NONCE_FILL) &&
				s->r.phase == RESCUE_ABANDONED));
		CHECK(s->f.tx[d->tx].presence != TX_MEMPOOL &&
			s->f.tx[d->tx].presence != TX_CONFIRMED);
		break;
	}
	case ACT_PHASE:
		CHECK(d->phase != s->r.phase && d->phase != RESCUE_REVEALED);
		/* what was told stays told, as long as it can still win */
		CHECK(d->phase != RESCUE_CLOSED || s->r.phase == RESCUE_AGREED ||
			s->r.phase == RESCUE_ABANDONED);
		break;
	case ACT_PAY_WALLET:
		CHECK(s->r.phase == RESCUE_PAYING && s->f.has_wallet);
		for (uint32_t i = 0; i < s->r.tx_count; i++)
			CHECK(s->r.tx[i].purpose != SIGN_LOCK);
		break;
	case ACT_END:
	case ACT_WAIT:
	case ACT_TRY_CLAIM:
	case ACT_POST: break;
	}
}

static void test_random(void)
{
	static struct scene s;
	unsigned seen[ACT_END + 1] = {0}, purposes[SIGN_APPROVE + 1] = {0};
	for (unsigned i = 0; i < 100000; i++) {
		random_scene(&s);
		check_random((decide(&s), &s));
		seen[s.d.act]++;
		purposes[s.d.act == ACT_PREPARE ? s.d.purpose : 0]++;
		done(&s);
	}
	/* every kind of decision was among them */
	for (unsigned i = 0; i <= ACT_END; i++)
		CHECK(seen[i] > 10);
	CHECK(purposes[SIGN_LOCK] > 10 && purposes[SIGN_CLAIM] > 10);
	CHECK(purposes[SIGN_REFUND] > 10 && purposes[SIGN_NONCE_FILL] > 10);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		test_agreed(sources[i]);
		test_reveal(sources[i]);
		test_give_up(sources[i]);
		test_claim(sources[i]);
		test_refund(sources[i]);
	}
	test_pay();
	test_nonces();
	test_moved();
	test_refund_all();
	test_nothing_locked();
	test_random();
	return 0;
}
