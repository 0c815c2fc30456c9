/* The contract of layer/layer.h for layers of channels, on whatever two nodes it is given: real or
 * simulated ones. BOB is the provider of what is paid to him, ALICE of what she pays.
 *
 *   channel_contract [cln | URL CREDENTIAL CERTIFICATE (of alice, then of bob)]
 *
 * With real nodes blocks are mined, and nodes stopped and started, by whoever runs this: "mine -
 * N", "stop NAME 0", "start NAME 0" are printed, and a line is waited for after each. Without, both
 * are simulated, in this process and on virtual time. */
#include <stdio.h>
#include <stdlib.h>

#include "channel_rig.h"
#include "crypto/hash.h"
#include "sys/rand.h"
#include "wire/ln_command.h"

#define SWAP_SAT 20000u
#define LOCK_BLOCKS 100u
#define FEE_LIMIT_SAT 100u
#define OFFER_MS UINT64_C(3600000)
#define PAY_MS UINT64_C(60000)
#define MARGIN 18u /* the payee's node's, before what it holds expires */

static struct channel_rig rig;

struct swap {
	struct id128 id;
	struct hash256 preimage, hash, pay, settle, cancel; /* names of the commands */
	uint64_t timelock;
	struct amount amount;
	uint8_t held_bytes[LAYER_LEG_MAX], paid_bytes[LAYER_LEG_MAX];
	struct slice held,
		paid; /* the terms, as the payee's and as the payer's provider has them */
};

static void step(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", rig.sim != NULL ? "simulated" : "real", what);
}

static uint64_t wall_ms(void)
{
	return loop_wall_ms(rig.loop);
}

/* ---- swaps ---- */

static struct leg_offer offer_of(const struct swap *s)
{
	return (struct leg_offer){.network = rig.network,
		.hash = s->hash,
		.amount = s->amount,
		.timelock = s->timelock,
		.provider_claims = true,
		.expires_ms = wall_ms() + OFFER_MS};
}

/* Bob makes the invoice; Alice's terms are those of a swap whose taker is paid by it. */
static void make_swap(struct swap *s, uint64_t sat, uint32_t blocks)
{
	struct buf held = buf_init(s->held_bytes, sizeof s->held_bytes);
	struct buf paid = buf_init(s->paid_bytes, sizeof s->paid_bytes);
	struct leg_offer o;
	s->id = rig_id(&rig);
	memset(s->preimage.b, s->id.b[0], sizeof s->preimage.b);
	if (rig.sim == NULL) /* hashes are unique for ever, and nodes remember */
		rand_bytes(s->preimage.b, sizeof s->preimage.b);
	sha256(&s->hash, slice_of(s->preimage.b, sizeof s->preimage.b));
	ln_command_id(&s->pay, LN_PAY, &s->hash);
	ln_command_id(&s->settle, LN_SETTLE, &s->hash);
	ln_command_id(&s->cancel, LN_CANCEL, &s->hash);
	s->timelock = rig_height(&rig, BOB) + blocks;
	s->amount = amount_of(ASSET_BTC, sat);
	o = offer_of(s);
	CHECK(rig_offer(&rig, BOB, &o, &held) == OK);
	s->held = buf_slice(&held);
	CHECK(layer_leg_parse(&o, LAYER_LIGHTNING, rig.network, s->held) == OK);
	o.provider_claims = false;
	CHECK(layer_leg_make(&paid, LAYER_LIGHTNING, &o) == OK);
	s->paid = buf_slice(&paid);
}

static void watch(const struct swap *s)
{
	CHECK(layer_watch_lock(rig.side[BOB].layer, &s->id, s->held) == OK);
	CHECK(layer_watch_lock(rig.side[ALICE].layer, &s->id, s->paid) == OK);
	CHECK(layer_watch_lock(rig.side[ALICE].layer, &s->id, s->paid) == OK);
}

static struct slice command_of(enum sign_purpose purpose, const struct swap *s, uint64_t max_height)
{
	static uint8_t bytes[LN_COMMAND_MAX];
	struct buf out = buf_init(bytes, sizeof bytes);
	struct pubkey nobody = {0};
	struct amount fee;
	struct layer_plan plan = {.session = s->id,
		.purpose = purpose,
		.swap = s->id,
		.leg = purpose == SIGN_LOCK ? s->paid : s->held,
		.preimage = s->preimage,
		.fee = {FEE_LIMIT_SAT},
		.max_height = max_height,
		.deadline_ms = wall_ms() + PAY_MS,
		.amount = s->amount};
	if (purpose == SIGN_PAYOUT) {
		struct leg_offer o;
		CHECK(layer_leg_parse(&o, LAYER_LIGHTNING, rig.network, s->held) == OK);
		plan.to = o.request;
	}
	CHECK(layer_build(&out, &fee, LAYER_LIGHTNING, rig.network, &nobody, &plan) == OK);
	CHECK(amount_cmp(fee,
		      amount_of(ASSET_BTC,
			      purpose == SIGN_LOCK || purpose == SIGN_PAYOUT ? FEE_LIMIT_SAT
									     : 0)) == 0);
	return buf_slice(&out);
}

static struct submit_answer command(enum side side, enum sign_purpose purpose, const struct swap *s)
{
	return rig_submit(&rig, side, command_of(purpose, s, s->timelock + LOCK_BLOCKS));
}

static void expect(const struct submit_answer *a, enum submit_outcome outcome)
{
	if (a->outcome != outcome)
		(void)fprintf(stderr, "submit: %d %s\n", (int)a->outcome, a->detail);
	CHECK(a->outcome == outcome);
}

static void accepted(enum side side, enum sign_purpose purpose, const struct swap *s)
{
	const struct submit_answer a = command(side, purpose, s);
	expect(&a, SUBMIT_ACCEPTED);
}

/* Made, watched, paid, held. */
static void lock(struct swap *s)
{
	make_swap(s, SWAP_SAT, LOCK_BLOCKS);
	watch(s);
	accepted(ALICE, SIGN_LOCK, s);
	(void)rig_fact(&rig, BOB, CHAIN_LOCK, &s->hash);
}

static void unwatch(const struct swap *s)
{
	for (enum side side = 0; side < SIDES; side++)
		layer_unwatch_lock(rig.side[side].layer, &s->id);
}

/* ---- the steps ---- */

static void check_networks(void)
{
	step("the wrong network is told, the right one passes");
	for (enum side side = 0; side < SIDES; side++) {
		rig_layer(&rig, side, "mainnet");
		struct layer_info info = rig_check(&rig, side);
		CHECK(info.err == ERR_NETWORK && strstr(info.detail, "wrong network") != NULL);
		rig_layer(&rig, side, "regtest");
		info = rig_check(&rig, side);
		if (info.err != OK)
			(void)fprintf(stderr, "check: %s\n", info.detail);
		CHECK(info.err == OK && info.version[0] != '\0' && !info.syncing);
		CHECK(info.health.up && info.health.calls > 0);
	}
}

static uint64_t tip(enum side side)
{
	const struct channel_side *s = &rig.side[side];
	return s->block_count == 0 ? 0 : s->block[s->block_count - 1].height;
}

static bool is_at(struct channel_rig *r, const void *arg)
{
	struct layer_info info;
	for (enum side side = 0; side < SIDES; side++) {
		layer_info(r->side[side].layer, &info);
		if (tip(side) < *(const uint64_t *)arg || info.err != OK || info.syncing)
			return false;
	}
	return true;
}

/* And both have reported it. */
static void mine(uint32_t count)
{
	const uint64_t height = tip(BOB) + count;
	rig_mine(&rig, count);
	rig_until(&rig, "the blocks", is_at, &height);
}

static void blocks(void)
{
	struct block_ref block, again;
	const uint64_t height = rig_height(&rig, ALICE);
	step("blocks: one by one, the same from every node, never taken back");
	CHECK(rig_block_at(&rig, ALICE, height + 1000, &block) == ERR_NOT_FOUND);
	for (enum side side = 0; side < SIDES; side++) {
		rig.side[side].block_answer = ERR_FULL;
		rig_start(&rig, side, height - 20);
	}
	rig_run(&rig, 1000);
	CHECK(rig.side[ALICE].block_count == 0);
	for (enum side side = 0; side < SIDES; side++)
		rig.side[side].block_answer = OK;
	rig_until(&rig, "the tip", is_at, &height);
	CHECK(rig.side[ALICE].block[0].height == height - 19);
	mine(3);
	CHECK(tip(ALICE) == height + 3 && tip(BOB) == height + 3);
	CHECK(rig_block_at(&rig, ALICE, height + 3, &block) == OK);
	CHECK(rig_block_at(&rig, BOB, height + 3, &again) == OK);
	CHECK(hash256_eq(&block.hash, &again.hash) && hash256_eq(&block.parent, &again.parent));
}

static void offers(void)
{
	static uint8_t bytes[LAYER_LEG_MAX];
	static uint8_t to[LAYER_DESTINATION_MAX];
	static char text[LAYER_ADDRESS_TEXT_SIZE], shown[LAYER_ADDRESS_TEXT_SIZE];
	struct buf leg = buf_init(bytes, sizeof bytes);
	struct leg_offer o, read;
	static struct swap s;
	size_t len;
	step("an offer: an invoice, once for a hash");
	make_swap(&s, SWAP_SAT, LOCK_BLOCKS);
	o = offer_of(&s);
	CHECK(layer_leg_parse(&read, LAYER_LIGHTNING, rig.network, s.held) == OK);
	CHECK(hash256_eq(&read.hash, &s.hash) && read.timelock == s.timelock);
	CHECK(amount_cmp(read.amount, s.amount) == 0 && read.provider_claims);
	CHECK(rig_offer(&rig, BOB, &o, &leg) == OK && slice_eq(buf_slice(&leg), s.held));
	o.amount = amount_of(ASSET_BTC, SWAP_SAT + 1);
	CHECK(rig_offer(&rig, BOB, &o, &leg) == ERR_EXISTS);
	CHECK(layer_leg_address(LAYER_LIGHTNING, rig.network, text, s.held) == OK);
	CHECK(layer_address_check(LAYER_LIGHTNING, rig.network, to, &len, slice_str(text)) == OK);
	CHECK(layer_address_format(LAYER_LIGHTNING, rig.network, shown, slice_of(to, len)) == OK);
	CHECK(strcmp(text, shown) == 0);
	/* watched, and nobody pays: called off */
	CHECK(layer_watch_lock(rig.side[BOB].layer, &s.id, s.held) == OK);
	accepted(BOB, SIGN_CANCEL, &s);
	const struct chain_event e = rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_eq(&e.tx, &s.cancel));
	CHECK(rig_facts(&rig, BOB, CHAIN_LOCK, &s.hash) == 0);
	unwatch(&s);
}

static uint64_t sat_of(struct amount a)
{
	struct sat s;
	CHECK(amount_to_sat(&s, a) == OK);
	return s.raw;
}

static void claimed(void)
{
	static struct swap s;
	struct chain_event e;
	struct submit_answer a;
	const uint64_t had[SIDES] = {sat_of(rig_scan(&rig, ALICE, NULL).wallet),
		sat_of(rig_scan(&rig, BOB, NULL).wallet)};
	step("a swap: held, found, settled");
	lock(&s);
	e = rig_fact(&rig, BOB, CHAIN_LOCK, &s.hash);
	CHECK(id128_eq(&e.swap, &s.id) && amount_cmp(e.amount, s.amount) == 0);
	CHECK(e.timelock >= s.timelock && e.timelock <= s.timelock + 2 * MARGIN);
	const uint64_t held_until = e.timelock;
	e = rig_fact(&rig, ALICE, CHAIN_LOCK, &s.hash);
	CHECK(id128_eq(&e.swap, &s.id) && amount_cmp(e.amount, s.amount) == 0);
	CHECK(hash256_eq(&e.tx, &s.pay) && e.timelock == held_until + MARGIN);
	CHECK(e.timelock <= s.timelock + LOCK_BLOCKS);
	CHECK(rig_status(&rig, ALICE, &s.pay).presence == TX_MEMPOOL);
	CHECK(rig_status(&rig, BOB, &s.settle).presence == TX_UNKNOWN);
	a = command(ALICE, SIGN_LOCK, &s);
	expect(&a, SUBMIT_KNOWN);
	struct layer_scan scan = rig_scan(&rig, ALICE, &s.hash);
	CHECK(sat_of(scan.locked) == SWAP_SAT && sat_of(scan.wallet) == had[ALICE] - SWAP_SAT);
	CHECK(sat_of(rig_scan(&rig, ALICE, NULL).wallet) == had[ALICE]);
	CHECK(sat_of(rig_scan(&rig, BOB, NULL).wallet) == had[BOB]);
	/* back-pressure: nothing passes, and nothing is lost */
	rig.side[ALICE].fact_answer = ERR_FULL;
	accepted(BOB, SIGN_CLAIM, &s);
	e = rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s.preimage));
	CHECK(hash256_eq(&e.tx, &s.settle) && amount_cmp(e.amount, s.amount) == 0);
	a = command(BOB, SIGN_CLAIM, &s);
	CHECK(a.outcome == SUBMIT_ACCEPTED || a.outcome == SUBMIT_KNOWN);
	rig_run(&rig, 1000);
	CHECK(rig.side[ALICE].refused_count > 1);
	rig.side[ALICE].fact_answer = OK;
	e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s.preimage));
	CHECK(hash256_eq(&e.tx, &s.pay) && amount_cmp(e.amount, s.amount) == 0);
	CHECK(rig_status(&rig, ALICE, &s.pay).presence == TX_CONFIRMED);
	CHECK(!rig_status(&rig, ALICE, &s.pay).reverted);
	scan = rig_scan(&rig, ALICE, &s.hash);
	CHECK(sat_of(scan.locked) == 0 && sat_of(scan.wallet) == had[ALICE] - SWAP_SAT);
	CHECK(sat_of(rig_scan(&rig, BOB, NULL).wallet) == had[BOB] + SWAP_SAT);
	a = command(BOB, SIGN_CANCEL, &s);
	expect(&a, SUBMIT_CONFLICT);
	unwatch(&s);
	/* what is not watched any more is found all the same */
	a = command(ALICE, SIGN_LOCK, &s);
	expect(&a, SUBMIT_KNOWN);
}

static void cancelled(void)
{
	static struct swap s;
	const uint64_t had = sat_of(rig_scan(&rig, ALICE, NULL).wallet);
	step("cancelled: it comes back");
	lock(&s);
	accepted(BOB, SIGN_CANCEL, &s);
	struct chain_event e = rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_eq(&e.tx, &s.cancel));
	e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_eq(&e.tx, &s.pay));
	CHECK(rig_status(&rig, ALICE, &s.pay).reverted);
	CHECK(sat_of(rig_scan(&rig, ALICE, &s.hash).wallet) == had);
	struct submit_answer a = command(BOB, SIGN_CLAIM, &s);
	expect(&a, SUBMIT_CONFLICT);
	/* it has failed: it is told again, and not paid again */
	a = command(ALICE, SIGN_LOCK, &s);
	expect(&a, SUBMIT_KNOWN);
	rig_run(&rig, 1000);
	CHECK(rig_facts(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash) == 2);
	unwatch(&s);
}

static void refused(void)
{
	static struct swap s;
	step("not paid: locked for too long, too late, more than there is");
	make_swap(&s, SWAP_SAT, LOCK_BLOCKS);
	watch(&s);
	struct submit_answer a = rig_submit(
		&rig, ALICE, command_of(SIGN_LOCK, &s, s.timelock + MARGIN / 2));
	expect(&a, SUBMIT_REJECTED);
	CHECK(rig_facts(&rig, BOB, CHAIN_LOCK, &s.hash) == 0);
	unwatch(&s);
	make_swap(&s, 4500000, LOCK_BLOCKS);
	watch(&s);
	accepted(ALICE, SIGN_LOCK, &s);
	const struct chain_event e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_eq(&e.tx, &s.pay));
	unwatch(&s);
}

/* Somebody is paid who has nothing to do with a swap. */
static void payout(void)
{
	static struct swap s;
	step("a payout");
	make_swap(&s, SWAP_SAT, LOCK_BLOCKS);
	CHECK(layer_watch_lock(rig.side[BOB].layer, &s.id, s.held) == OK);
	accepted(ALICE, SIGN_PAYOUT, &s);
	(void)rig_fact(&rig, BOB, CHAIN_LOCK, &s.hash);
	accepted(BOB, SIGN_CLAIM, &s);
	const struct chain_event e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash);
	static const struct id128 nobody;
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.tx, &s.pay));
	CHECK(id128_eq(&e.swap, &nobody) && hash256_eq(&e.preimage, &s.preimage));
	unwatch(&s);
}

static bool is_down(struct channel_rig *r, const void *arg)
{
	struct layer_info info;
	layer_info(r->side[*(const enum side *)arg].layer, &info);
	return info.err == ERR_UNAVAILABLE && !info.health.up && info.detail[0] != '\0';
}

/* HAZARDS 28, 29: a payer's node that is gone has failed nothing. */
static void payer_down(void)
{
	static const enum side payer = ALICE, payee = BOB;
	static struct swap s, t;
	step("nodes stop with payments in flight, and come back to what became of them");
	lock(&s);
	lock(&t);
	rig_stop_node(&rig, ALICE);
	rig_until(&rig, "that the node is down", is_down, &payer);
	accepted(BOB, SIGN_CLAIM, &s);
	(void)rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(rig_facts(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash) == 0);
	struct submit_answer a = command(ALICE, SIGN_LOCK, &s);
	CHECK(a.outcome == SUBMIT_KNOWN || a.outcome == SUBMIT_UNKNOWN);
	rig_start_node(&rig, ALICE);
	struct chain_event e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s.preimage));
	/* and the payee's: what it holds it holds */
	rig_stop_node(&rig, BOB);
	rig_until(&rig, "that the node is down", is_down, &payee);
	a = command(BOB, SIGN_CLAIM, &t);
	expect(&a, SUBMIT_UNKNOWN);
	rig_start_node(&rig, BOB);
	accepted(BOB, SIGN_CLAIM, &t);
	e = rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &t.hash);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &t.preimage));
	unwatch(&s);
	unwatch(&t);
}

/* A process that is started anew is told everything again of what it watches. */
static void restarted(void)
{
	static struct swap s, t;
	step("a new process finds what it watches as it is");
	lock(&s);
	lock(&t);
	accepted(BOB, SIGN_CANCEL, &t);
	(void)rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &t.hash);
	const uint64_t height = tip(ALICE);
	for (enum side side = 0; side < SIDES; side++) {
		rig_layer(&rig, side, "regtest");
		CHECK(layer_watch_lock(
			      rig.side[side].layer, &s.id, side == ALICE ? s.paid : s.held) == OK);
		CHECK(layer_watch_lock(
			      rig.side[side].layer, &t.id, side == ALICE ? t.paid : t.held) == OK);
		const struct locator at = {.tx = s.hash};
		CHECK(layer_watch_lock_at(rig.side[side].layer, &s.id, &at) == OK);
		rig_start(&rig, side, height - 5);
	}
	struct chain_event e = rig_fact(&rig, BOB, CHAIN_LOCK, &s.hash);
	CHECK(amount_cmp(e.amount, s.amount) == 0 && e.timelock >= s.timelock);
	(void)rig_fact(&rig, ALICE, CHAIN_LOCK, &s.hash);
	CHECK(rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &t.hash).spend == LOCK_SPEND_REFUND);
	e = rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &t.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_is_zero(&e.tx)); /* by nobody whom it knows */
	/* a command that was journaled is sent again: in flight, failed */
	struct submit_answer a = command(ALICE, SIGN_LOCK, &s);
	expect(&a, SUBMIT_KNOWN);
	a = command(ALICE, SIGN_LOCK, &t);
	expect(&a, SUBMIT_KNOWN);
	CHECK(rig_facts(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash) == 0);
	accepted(BOB, SIGN_CLAIM, &s);
	CHECK(rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash).spend == LOCK_SPEND_CLAIM);
	unwatch(&s);
	unwatch(&t);
}

/* HAZARDS 49: the node gives up what it holds by a margin of its own. */
static void margin(void)
{
	static struct swap s;
	step("what nobody claims comes back when its time is over, and not before");
	lock(&s);
	const uint64_t until = rig_fact(&rig, BOB, CHAIN_LOCK, &s.hash).timelock;
	mine((uint32_t)(until - 1 - tip(BOB)));
	rig_run(&rig, 2000);
	CHECK(rig_facts(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash) == 0);
	mine(1);
	const struct chain_event e = rig_fact(&rig, BOB, CHAIN_LOCK_SPENT, &s.hash);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_is_zero(&e.tx));
	CHECK(rig_fact(&rig, ALICE, CHAIN_LOCK_SPENT, &s.hash).spend == LOCK_SPEND_REFUND);
	unwatch(&s);
}

int main(int argc, char **argv)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	rig_init(&rig, argc - 1, argv + 1);
	check_networks();
	blocks();
	offers();
	claimed();
	cancelled();
	refused();
	payout();
	payer_down();
	restarted();
	margin();
	rig_fini(&rig);
	return EXIT_SUCCESS;
}
