/* Swaps from and to a layer of channels, and payouts on it: facts made by hand, commands that end
 * by facts alone, books that are the node's, and a replay at every record. */
#include "node/channel_world_test.h"

#include "layer/layer.h"

#include <stdlib.h>

static const enum layer_id ln = LAYER_LIGHTNING;

/* Whatever happened, the journal alone says it again. */
static struct swap *replay(struct world *w, struct swap *s)
{
	const struct id128 id = s->id;
	channel_check_snapshot(w);
	world_replay(w);
	s = ledger_swap(w->ledger, &id);
	CHECK(s != NULL);
	return s;
}

static void finish(struct world *w)
{
	channel_replay_each(w);
	world_end(w);
}

/* ---- a swap by hand ---- */

struct asked {
	struct swap_command c;
	char invoice[BOLT11_TEXT_MAX + 1];
	uint8_t terms[LEG_SIZE_MAX];
};

static void set_keys(struct swap_command *c)
{
	const struct seckey secret = {{[31] = 77}};
	struct pubkey key;
	bool odd;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&c->client_key, &odd, &key);
	c->client_address.b[3] = 0xaa;
}

/* The command, up to what a node or the client adds. */
static void ask(struct world *w, struct asked *a, enum layer_id from, enum layer_id to)
{
	struct engine_refusal refusal;
	struct quote q;
	struct amount amount = amount_of(ASSET_BTC, SWAP_SAT);
	*a = (struct asked){.c = {.now_ms = w->now, .id = {{3, 7}}, .from = from, .to = to}};
	CHECK(amount_convert(&amount, amount, layer_asset(from), false) == OK);
	CHECK(engine_quote(w->engine, &q, &refusal, from, to, amount) == OK);
	a->c.source_amount = q.source_amount;
	a->c.dest_amount = q.dest_amount;
	a->c.fee = q.fee;
	a->c.idempotency_key.b[0] = 3;
	a->c.hash = channel_hash(&w->preimage);
	set_keys(&a->c);
	if (to == ln) {
		struct sat sat;
		CHECK(amount_to_sat(&sat, q.dest_amount) == OK);
		channel_invoice(a->invoice, &a->c.hash, sat.raw);
		a->c.client_invoice = slice_str(a->invoice);
	}
}

/* The node's answer: an invoice that holds until `more` blocks after what was asked for. */
static void give_out(struct world *w, struct asked *a, uint64_t more)
{
	struct command_result result;
	struct leg_offer offer;
	struct sat sat;
	struct buf leg = buf_init(a->terms, sizeof a->terms);
	CHECK(engine_swap_offer(w->engine, &result, &offer, &a->c) == OK);
	CHECK(hash256_eq(&offer.hash, &a->c.hash) && offer.provider_claims);
	CHECK(offer.expires_ms == a->c.now_ms + w->params.offer_ttl_ms);
	CHECK(amount_to_sat(&sat, offer.amount) == OK);
	channel_invoice(a->invoice, &offer.hash, sat.raw);
	offer.request = slice_str(a->invoice);
	offer.timelock += more;
	CHECK(layer_leg_make(&leg, ln, &offer) == OK);
	a->c.source_terms = buf_slice(&leg);
}

static struct swap *accept(struct world *w, struct asked *a)
{
	struct command_result result;
	CHECK(engine_swap(w->engine, &result, &a->c) == OK);
	CHECK(engine_swap(w->engine, &result, &a->c) == ERR_EXISTS && result.same_body);
	/* HAZARDS 27: the hash is used up, whatever becomes of the swap */
	a->c.idempotency_key.b[1] = 1;
	CHECK(engine_swap(w->engine, &result, &a->c) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "hash_used") == 0);
	return ledger_swap(w->ledger, &a->c.id);
}

static struct swap *swap_from(struct world *w, enum layer_id to)
{
	static struct asked a;
	ask(w, &a, ln, to);
	give_out(w, &a, 5);
	struct swap *s = accept(w, &a);
	CHECK(s->source.timelock > w->tip[ln] + 5 && s->source.depth == 1);
	return replay(w, s);
}

static struct swap *swap_to(struct world *w, enum layer_id from)
{
	static struct asked a;
	ask(w, &a, from, ln);
	struct swap *s = accept(w, &a);
	CHECK(s->dest.timelock == 0 && s->dest.terms_len > 0);
	return replay(w, s);
}

static struct chain_event fact(const struct swap *s, enum chain_event_kind kind)
{
	return (struct chain_event){.kind = kind,
		.at = {.tx = s->hash},
		.swap = s->id,
		.amount = amount_zero(ASSET_BTC)};
}

static void tell_held(struct world *w, const struct swap *s)
{
	struct chain_event e = fact(s, CHAIN_LOCK);
	e.amount = s->source.amount;
	e.timelock = s->source.timelock + 2;
	channel_tell(w, &e);
}

/* The node settled our invoice: because we told it to. */
static void tell_settled(struct world *w, const struct swap *s)
{
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_CLAIM;
	e.preimage = w->preimage;
	e.amount = s->source.amount;
	ln_command_id(&e.tx, LN_SETTLE, &s->hash);
	world_chain_add(w, ln, s->source.amount);
	channel_tell(w, &e);
}

static void tell_cancelled(struct world *w, const struct swap *s)
{
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_REFUND;
	ln_command_id(&e.tx, LN_CANCEL, &s->hash);
	channel_tell(w, &e);
}

static void check_cancelled(struct world *w, struct swap *s)
{
	CHECK(s->cancel_effect != INDEX_NONE && s->claim_effect == INDEX_NONE && s->active);
	const struct effect *f = channel_prepare(w, s->cancel_effect, LN_CANCEL);
	CHECK(amount_is_zero(f->reserved));
	s = replay(w, s);
	f = &w->ledger->effect[s->cancel_effect];
	/* however long the node is away, it is told until it has done so */
	world_blocks(w, ln, 400);
	CHECK(f->open && s->active);
	tell_cancelled(w, s);
	s = replay(w, s);
	CHECK(w->ledger->effect[s->cancel_effect].state == EFFECT_FINAL);
	world_block(w, ln, NULL, 0);
	CHECK(!s->active && w->ledger->open_effect_count == 0);
	channel_check_free(w);
}

/* ---- from channels ---- */

static void test_source(enum layer_id to)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, to);
	tell_held(&w, s);
	/* final as it is told: our lock-up is decided at once */
	CHECK(s->state == SWAP_DEST_LOCKING);
	s = replay(&w, s);
	const struct chain_event lock = world_confirm_lock(&w, s);
	world_block(&w, to, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKED);
	s = replay(&w, s);
	const struct chain_event claim = {.kind = CHAIN_LOCK_SPENT,
		.tx = world_tx(&w),
		.at = lock.at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w.preimage};
	CHECK(engine_mempool(w.engine, w.now, to, &claim) == OK);
	CHECK(s->state == SWAP_CLAIMING && s->claim_effect != INDEX_NONE);
	s = replay(&w, s);
	channel_submitted(&w, channel_prepare(&w, s->claim_effect, LN_SETTLE));
	s = replay(&w, s);
	/* a claim of ours is final when the node says so, not when it took it */
	CHECK(s->state == SWAP_CLAIMING);
	tell_settled(&w, s);
	CHECK(s->state == SWAP_COMPLETED);
	s = replay(&w, s);
	CHECK(w.ledger->effect[s->claim_effect].state == EFFECT_FINAL);
	world_chain_sub(&w, to, s->dest.amount);
	world_block(&w, to, &claim, 1);
	world_blocks(&w, to, 3);
	CHECK(!s->active && !w.ledger->latched && w.ledger->open_effect_count == 0);
	CHECK(amount_cmp(ledger_balance_credit(w.ledger, ln, ACCOUNT_FEES_EARNED), s->fee) == 0);
	channel_check_free(&w);
	finish(&w);
}

/* HAZARDS 30, 49: what is held is not what was agreed on: for a block less than the terms say, or
 * another amount. It goes back at once, and nothing is locked. */
static void test_wrong_hold(bool amount)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_ROOTSTOCK);
	struct chain_event e = fact(s, CHAIN_LOCK);
	e.amount = s->source.amount;
	e.timelock = s->source.timelock;
	if (amount)
		CHECK(amount_add(&e.amount, e.amount, amount_of(ASSET_BTC, 1)) == OK);
	else
		e.timelock--;
	channel_tell(&w, &e);
	CHECK(s->state == SWAP_DECLINED && s->lock_effect == INDEX_NONE && s->reason[0] != 0);
	check_cancelled(&w, s);
	finish(&w);
}

/* At the very time lock it is right. */
static void test_exact_hold(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_ROOTSTOCK);
	struct chain_event e = fact(s, CHAIN_LOCK);
	e.amount = s->source.amount;
	e.timelock = s->source.timelock;
	channel_tell(&w, &e);
	CHECK(s->state == SWAP_DEST_LOCKING);
	finish(&w);
}

/* Nobody paid: the invoice can't be paid afterwards either. */
static void test_expired(void)
{
	struct world w;
	uint64_t next;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_BITCOIN);
	w.now = s->expires_ms;
	CHECK(engine_tick(w.engine, w.now, &next) == OK && s->state == SWAP_EXPIRED);
	check_cancelled(&w, s);
	finish(&w);
}

/* The node let go of it, by its own margin or because the payer's channel was closed: before our
 * lock-up nothing is locked; after the client has claimed it, we have lost it, and everything
 * stops.
 */
static void test_hold_lost(bool claimed)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_ROOTSTOCK);
	if (!claimed)
		CHECK(engine_latch(w.engine, w.now, true, "nothing is locked now") == OK);
	tell_held(&w, s);
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_REFUND;
	if (!claimed) {
		CHECK(s->state == SWAP_SOURCE_LOCKED);
		channel_tell(&w, &e);
		CHECK(s->state == SWAP_DECLINED && s->cancel_effect == INDEX_NONE);
		world_block(&w, ln, NULL, 0);
		CHECK(!s->active);
		finish(&w);
		return;
	}
	const struct chain_event lock = world_confirm_lock(&w, s);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	const struct chain_event claim = {.kind = CHAIN_LOCK_SPENT,
		.tx = world_tx(&w),
		.at = lock.at,
		.swap = s->id,
		.spend = LOCK_SPEND_CLAIM,
		.preimage = w.preimage};
	CHECK(engine_mempool(w.engine, w.now, LAYER_ROOTSTOCK, &claim) == OK);
	(void)channel_prepare(&w, s->claim_effect, LN_SETTLE);
	channel_tell(&w, &e);
	CHECK(s->state == SWAP_BREACHED && w.ledger->latched);
	CHECK(w.ledger->effect[s->claim_effect].state == EFFECT_VOID);
	(void)replay(&w, s);
	finish(&w);
}

/* Our lock-up came back: what is held goes back, too. */
static void test_refunded(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_ROOTSTOCK);
	tell_held(&w, s);
	(void)world_confirm_lock(&w, s);
	world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	while (w.tip[LAYER_ROOTSTOCK] < s->dest.timelock)
		world_block(&w, LAYER_ROOTSTOCK, NULL, 0);
	CHECK(s->state == SWAP_REFUNDING && s->cancel_effect == INDEX_NONE);
	world_confirm_spend(
		&w, s, &w.ledger->effect[s->refund_effect], &s->dest, LOCK_SPEND_REFUND);
	world_blocks(&w, LAYER_ROOTSTOCK, 3);
	CHECK(s->state == SWAP_REFUNDED);
	check_cancelled(&w, s);
	finish(&w);
}

/* ---- to channels ---- */

/* The client's lock-up is deep: the payment is decided. */
static struct swap *paying(struct world *w, enum layer_id from)
{
	struct swap *s = swap_to(w, from);
	const struct chain_event lock = world_lock_event(w, s, &s->source);
	world_block(w, from, &lock, 1);
	world_block(w, from, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING && s->dest.timelock == w->tip[ln] + 80);
	s = replay(w, s);
	const struct effect *f = &w->ledger->effect[s->lock_effect];
	struct amount reserved = s->dest.amount;
	CHECK(amount_add(&reserved, reserved, amount_of(ASSET_BTC, f->fee.raw)) == OK);
	CHECK(amount_cmp(ledger_balance(w->ledger, ln, ACCOUNT_RESERVED), reserved) == 0);
	return s;
}

static void tell_paid(struct world *w, const struct swap *s, uint64_t fee_sat)
{
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_CLAIM;
	e.preimage = w->preimage;
	CHECK(amount_add(&e.amount, s->dest.amount, amount_of(ASSET_BTC, fee_sat)) == OK);
	ln_command_id(&e.tx, LN_PAY, &s->hash);
	world_chain_sub(w, ln, e.amount);
	channel_tell(w, &e);
}

static void tell_pay_failed(struct world *w, const struct swap *s)
{
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_REFUND;
	ln_command_id(&e.tx, LN_PAY, &s->hash);
	channel_tell(w, &e);
}

/* under_way: the node told of the HTLCs before it told of their end. */
static void test_dest(enum layer_id from, bool under_way)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = paying(&w, from);
	channel_submitted(&w, channel_prepare(&w, s->lock_effect, LN_PAY));
	s = replay(&w, s);
	if (under_way) {
		struct chain_event e = fact(s, CHAIN_LOCK);
		e.amount = s->dest.amount;
		e.timelock = s->dest.timelock - 3;
		ln_command_id(&e.tx, LN_PAY, &s->hash);
		channel_tell(&w, &e);
		s = replay(&w, s);
	}
	/* HAZARDS 29: whatever time passes, unknown is not failed, and it does not come back */
	world_blocks(&w, ln, 500);
	CHECK(s->state == SWAP_DEST_LOCKING && s->refund_effect == INDEX_NONE);
	CHECK(w.ledger->effect[s->lock_effect].variant_count == 1);
	tell_paid(&w, s, 7);
	CHECK(s->state == SWAP_CLAIMING && s->preimage_known && s->claim_effect != INDEX_NONE);
	CHECK(w.ledger->effect[s->lock_effect].state == EFFECT_FINAL);
	s = replay(&w, s);
	channel_check_free(&w);
	CHECK(amount_cmp(ledger_balance(w.ledger, ln, ACCOUNT_FEES_NETWORK),
		      amount_of(ASSET_BTC, 7)) == 0);
	world_confirm_spend(
		&w, s, &w.ledger->effect[s->claim_effect], &s->source, LOCK_SPEND_CLAIM);
	world_blocks(&w, from, 3);
	CHECK(s->state == SWAP_COMPLETED && !s->active && !w.ledger->latched);
	CHECK(amount_cmp(ledger_balance_credit(w.ledger, from, ACCOUNT_FEES_EARNED), s->fee) == 0);
	struct amount back;
	CHECK(amount_convert(&back, ledger_balance_credit(w.ledger, from, ACCOUNT_EXCHANGE),
		      ASSET_BTC, false) == OK);
	CHECK(amount_cmp(back, ledger_balance(w.ledger, ln, ACCOUNT_EXCHANGE)) == 0);
	finish(&w);
}

/* HAZARDS 28: only what failed for good comes back, and the client takes its own back. */
static void test_dest_failed(bool under_way)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = paying(&w, LAYER_BITCOIN);
	channel_submitted(&w, channel_prepare(&w, s->lock_effect, LN_PAY));
	if (under_way) {
		struct chain_event e = fact(s, CHAIN_LOCK);
		e.amount = s->dest.amount;
		ln_command_id(&e.tx, LN_PAY, &s->hash);
		channel_tell(&w, &e);
	}
	tell_pay_failed(&w, s);
	CHECK(s->state == SWAP_DECLINED && s->reason[0] != 0);
	CHECK(w.ledger->effect[s->lock_effect].state == EFFECT_VOID);
	s = replay(&w, s);
	channel_check_free(&w);
	world_block(&w, ln, NULL, 0);
	CHECK(!s->active && w.ledger->open_effect_count == 0 && !w.ledger->latched);
	finish(&w);
}

/* It was taken for failed, and arrived: the money is gone, the source is claimed, and everything
 * else stops. */
static void test_dest_came_back(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = paying(&w, LAYER_BITCOIN);
	channel_submitted(&w, channel_prepare(&w, s->lock_effect, LN_PAY));
	tell_pay_failed(&w, s);
	CHECK(s->state == SWAP_DECLINED);
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	e.spend = LOCK_SPEND_CLAIM;
	e.preimage = w.preimage;
	e.amount = s->dest.amount;
	ln_command_id(&e.tx, LN_PAY, &s->hash);
	world_chain_sub(&w, ln, e.amount);
	channel_tell(&w, &e);
	CHECK(w.ledger->latched && s->preimage_known);
	(void)replay(&w, s);
	finish(&w);
}

/* No node ever took it. While one of its HTLCs could be alive it stays open; then it is over. */
static void test_dest_never_sent(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = paying(&w, LAYER_BITCOIN);
	(void)channel_prepare(&w, s->lock_effect, LN_PAY);
	while (w.tip[ln] < s->dest.timelock + 29)
		world_block(&w, ln, NULL, 0);
	CHECK(s->state == SWAP_DEST_LOCKING);
	world_block(&w, ln, NULL, 0);
	CHECK(s->state == SWAP_DECLINED);
	s = replay(&w, s);
	channel_check_free(&w);
	finish(&w);
}

/* HAZARDS 50, and a node that says that more left us than the limit: booked, and nothing new. */
static void test_fee_over_limit(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = paying(&w, LAYER_BITCOIN);
	const struct effect *f = channel_prepare(&w, s->lock_effect, LN_PAY);
	tell_paid(&w, s, f->fee.raw + 1);
	CHECK(w.ledger->latched && s->state == SWAP_CLAIMING);
	channel_check_free(&w);
	finish(&w);
}

/* ---- facts that can't be ---- */

static void test_refused_facts(void)
{
	struct world w;
	channel_begin(&w);
	struct swap *s = swap_from(&w, LAYER_BITCOIN);
	struct chain_event e = fact(s, CHAIN_LOCK_SPENT);
	const uint64_t seq = w.ledger->seq;
	e.spend = LOCK_SPEND_CLAIM;
	e.preimage.b[0] = 1; /* of another hash */
	CHECK(engine_fact(w.engine, w.now, ln, &e) == ERR_CHECKSUM);
	e.preimage = w.preimage;
	e.amount = amount_max(ASSET_BTC);
	CHECK(amount_add(&e.amount, e.amount, amount_of(ASSET_BTC, 1)) == OK);
	CHECK(engine_fact(w.engine, w.now, ln, &e) == ERR_RANGE);
	e = fact(s, CHAIN_LOCK);
	e.at.tx.b[0] ^= 1; /* of another hash */
	CHECK(engine_fact(w.engine, w.now, ln, &e) == ERR_STATE);
	e = fact(s, CHAIN_LOCK);
	CHECK(engine_fact(w.engine, w.now, LAYER_ROOTSTOCK, &e) == ERR_FORMAT);
	/* in a block, or taken back: channels have neither */
	const struct block_ref next = {.height = 101, .parent = w.tip_hash[ln], .hash = {{8}}};
	CHECK(engine_block(w.engine, w.now, ln, &next, &e, 1) == ERR_FORMAT);
	CHECK(engine_block(w.engine, w.now, ln, &next, NULL, 0) == OK);
	const struct block_ref keep = w.ledger->layer[ln].birth;
	CHECK(engine_reorg(w.engine, w.now, ln, &keep) == ERR_STATE);
	CHECK(w.ledger->seq == seq + 1 && s->state == SWAP_OFFERED);
	finish(&w);
}

/* ---- what is refused ---- */

static void refused(struct world *w, const struct asked *a, const char *code)
{
	struct command_result result;
	const uint64_t seq = w->ledger->seq;
	CHECK(engine_swap(w->engine, &result, &a->c) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, code) == 0 && w->ledger->seq == seq);
}

static void test_refused_swaps(void)
{
	static struct asked a;
	struct world w;
	struct hash256 other = {{1}};
	channel_begin(&w);
	/* an invoice of another hash, of another amount, no invoice */
	ask(&w, &a, LAYER_BITCOIN, ln);
	struct sat sat;
	CHECK(amount_to_sat(&sat, a.c.dest_amount) == OK);
	channel_invoice(a.invoice, &other, sat.raw);
	a.c.client_invoice = slice_str(a.invoice);
	refused(&w, &a, "bad_key");
	channel_invoice(a.invoice, &a.c.hash, sat.raw + 1);
	a.c.client_invoice = slice_str(a.invoice);
	refused(&w, &a, "bad_key");
	a.c.client_invoice.len--;
	refused(&w, &a, "bad_key");
	/* what the node gave out holds a block less than is needed, or is of another hash */
	ask(&w, &a, ln, LAYER_BITCOIN);
	refused(&w, &a, "bad_key");
	give_out(&w, &a, 0);
	world_block(&w, ln, NULL, 0);
	refused(&w, &a, "bad_key");
	give_out(&w, &a, 0);
	a.c.hash = other;
	refused(&w, &a, "bad_key");
	finish(&w);
}

/* A swap's hash is not paid out to, a payout's hash is no swap's. */
static void test_hashes(void)
{
	static struct asked a;
	char text[BOLT11_TEXT_MAX + 1];
	struct world w;
	struct command_result result;
	channel_begin(&w);
	const struct hash256 hash = channel_hash(&w.preimage);
	channel_invoice(text, &hash, PAYMENT_SAT);
	const struct transfer_command c = channel_payout(&w, text, 1);
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	ask(&w, &a, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	refused(&w, &a, "hash_used");
	finish(&w);
	channel_begin(&w);
	(void)swap_to(&w, LAYER_BITCOIN);
	const struct transfer_command d = channel_payout(&w, text, 1);
	CHECK(engine_transfer(w.engine, &result, &d) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "hash_used") == 0);
	finish(&w);
}

int main(void)
{
	test_source(LAYER_BITCOIN);
	test_source(LAYER_ROOTSTOCK);
	test_exact_hold();
	test_wrong_hold(true);
	test_wrong_hold(false);
	test_expired();
	test_hold_lost(false);
	test_hold_lost(true);
	test_refunded();
	test_dest(LAYER_BITCOIN, true);
	test_dest(LAYER_ROOTSTOCK, false);
	test_dest_failed(true);
	test_dest_failed(false);
	test_dest_came_back();
	test_dest_never_sent();
	test_fee_over_limit();
	test_refused_facts();
	test_refused_swaps();
	test_hashes();
	return EXIT_SUCCESS;
}
