/* The contract of layer/layer.h, on whatever node it is given: one body for Bitcoin and Rootstock,
 * real and simulated.
 *
 *   layer_contract KIND [URL [TOKEN]]
 *
 * With a URL the node can be stopped and started in between: "stop" and "start" are printed, and a
 * line is waited for after each. Without one the node is simulated, in this process and on virtual
 * time. */
#include "crypto/hash.h"
#include "rig.h"
#include <stdio.h>
#include <stdlib.h>

static struct rig rig;
static struct rig_tx lock_tx, claim_tx, tx;
static bool utxo;
static struct amount unit;       /* what locks hold, about */
static struct btc_coin coin[64]; /* the provider's, by its events */
static uint32_t coin_count;
static uint64_t nonce[WALLETS];
static uint64_t gas_price;

#define GAS_PRICE_TOO_HIGH UINT64_C(10000000000000) /* for one coin, 120,000 times */

struct swap {
	struct id128 id;
	struct hash256 preimage;
	uint8_t bytes[SIGNING_LEG_MAX];
	struct slice leg;
	struct locator at;
	struct amount amount;
};

static void step(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", rig.levers->name, what);
}

static uint64_t tip(void)
{
	CHECK(rig.block_count > 0);
	return rig.block[rig.block_count - 1].height;
}

/* The provider locks, the client claims. */
static void make_swap(struct swap *s, uint64_t timelock, enum who locks)
{
	const enum who claims = locks == PROVIDER ? CLIENT : PROVIDER;
	struct leg_offer o = {.network = rig.network,
		.amount = unit,
		.timelock = timelock,
		.provider_claims = locks == CLIENT,
		.contract = rig.contract,
		.token = rig.token};
	struct buf b = buf_init(s->bytes, sizeof s->bytes);

	s->id = rig_id(&rig);
	memset(s->preimage.b, s->id.b[0], sizeof s->preimage.b);
	sha256(&o.hash, slice_of(s->preimage.b, sizeof s->preimage.b));
	if (utxo) {
		CHECK(wallet_swap_key(
			      &o.claim.key, &rig.wallet[claims], rig.levers->layer, &s->id) == OK);
		CHECK(wallet_swap_key(
			      &o.refund.key, &rig.wallet[locks], rig.levers->layer, &s->id) == OK);
	} else {
		CHECK(wallet_account(&o.claim.address, &rig.wallet[claims], rig.levers->layer) ==
			OK);
		CHECK(wallet_account(&o.refund.address, &rig.wallet[locks], rig.levers->layer) ==
			OK);
	}
	CHECK(layer_leg_make(&b, rig.levers->layer, &o) == OK);
	s->leg = buf_slice(&b);
	s->amount = unit;
}

static struct layer_plan plan_of(enum sign_purpose purpose, const struct swap *s, enum who who)
{
	struct layer_plan plan = {.session = rig_id(&rig),
		.purpose = purpose,
		.tip_height = tip(),
		.rate = utxo ? 2000 : gas_price,
		.amount = amount_zero(layer_asset(rig.levers->layer)),
		.token = rig.token,
		.fee = {1000}};
	if (s != NULL) {
		plan.swap = s->id;
		plan.leg = s->leg;
		plan.lock = s->at;
		plan.preimage = s->preimage;
	}
	if (!utxo) {
		plan.nonce = nonce[who];
		plan.gas_limit = layer_gas_limit(rig.levers->layer, purpose);
	}
	return plan;
}

/* The provider's coins by its events: the largest one is spent. */
static void read_coins(void)
{
	coin_count = 0;
	for (uint32_t i = 0; i < rig.event_count; i++) {
		const struct chain_event *e = &rig.event[i].event;
		if (rig.event[i].gone)
			continue;
		if (e->kind == CHAIN_COIN_CREATED) {
			struct btc_coin *c = &coin[coin_count++];
			CHECK(coin_count <= ARRAY_LEN(coin));
			*c = (struct btc_coin){.at = {.txid = e->at.tx, .index = e->at.index},
				.key_index = e->key_index,
				.hidden = e->hidden};
			CHECK(amount_to_sat(&c->value, e->amount) == OK);
		}
		for (uint32_t k = 0; e->kind == CHAIN_COIN_SPENT && k < coin_count; k++) {
			if (hash256_eq(&coin[k].at.txid, &e->at.tx) &&
				coin[k].at.index == e->at.index)
				coin[k] = coin[--coin_count];
		}
	}
}

static void use_largest_coin(struct layer_plan *plan)
{
	read_coins();
	CHECK(coin_count > 0);
	plan->coin[0] = coin[0];
	for (uint32_t i = 1; i < coin_count; i++) {
		if (coin[i].value.raw > plan->coin[0].value.raw)
			plan->coin[0] = coin[i];
	}
	plan->coin_count = 1;
}

static void accept(const struct rig_tx *t)
{
	const struct submit_answer a = rig_submit(&rig, slice_of(t->raw, t->len));
	if (a.outcome != SUBMIT_ACCEPTED)
		(void)fprintf(stderr, "submit: %d %s\n", (int)a.outcome, a.detail);
	CHECK(a.outcome == SUBMIT_ACCEPTED);
}

static void expect_submit(const struct rig_tx *t, enum submit_outcome outcome)
{
	const struct submit_answer a = rig_submit(&rig, slice_of(t->raw, t->len));
	if (a.outcome != outcome)
		(void)fprintf(stderr, "submit: %d %s\n", (int)a.outcome, a.detail);
	CHECK(a.outcome == outcome);
}

/* ---- the steps ---- */

static void check_networks(void)
{
	struct layer_info info;
	step("the wrong network is told, the right one passes");
	rig_layer(&rig, rig.levers->other_network);
	info = rig_check(&rig);
	CHECK(info.err == ERR_NETWORK && strstr(info.detail, "wrong network") != NULL);
	rig_layer(&rig, NULL);
	info = rig_check(&rig);
	if (info.err != OK)
		(void)fprintf(stderr, "check: %s\n", info.detail);
	CHECK(info.err == OK && info.version[0] != '\0' && !info.syncing);
}

static bool at_tip(struct rig *r, const void *arg)
{
	struct layer_info info;
	(void)arg;
	layer_info(r->layer, &info);
	return info.err == OK && r->block_count > 0 && r->rate != 0;
}

static void watch_from_genesis(void)
{
	struct layer_info info;
	step("blocks from the genesis on");
	const struct block_ref genesis = rig_block_at(&rig, 0);
	const struct layer_sink sink = rig_sink(&rig);
	CHECK(layer_watch_wallet(rig.layer, &rig.wallet[PROVIDER]) == OK);
	CHECK(layer_start(rig.layer, &genesis, 1, &sink) == OK);
	CHECK(layer_start(rig.layer, &genesis, 1, &sink) == ERR_STATE);
	/* back-pressure: nothing passes, and nothing is lost */
	rig.block_answer = ERR_FULL;
	rig_run(&rig, 500);
	CHECK(rig.block_count == 0);
	rig.block_answer = OK;
	rig_until(&rig, "the tip", at_tip, NULL);
	info = rig_check(&rig);
	CHECK(rig.block[0].height == 1 && tip() == info.tip.height);
	CHECK(hash256_eq(&rig.block[rig.block_count - 1].hash, &info.tip.hash));
	CHECK(rig.reorg_count == 0);
}

static void deposit(void)
{
	char text[LAYER_ADDRESS_TEXT_SIZE];
	struct amount amount;
	uint32_t found = 0;
	step("a deposit");
	CHECK(layer_funding_address(rig.levers->layer, rig.network, text, &rig.wallet[PROVIDER]) ==
		OK);
	CHECK(amount_mul(&amount, unit, 10) == OK);
	rig.levers->fund(&rig, text, amount);
	rig_mine(&rig, 1);
	for (uint32_t i = 0; i < rig.event_count; i++) {
		const struct chain_event *e = &rig.event[i].event;
		if (e->kind == CHAIN_NONCE_USED || e->amount.asset != unit.asset)
			continue; /* the approval, what gas is paid with */
		CHECK(e->kind == (utxo ? CHAIN_COIN_CREATED : CHAIN_DEPOSIT));
		CHECK(amount_cmp(e->amount, amount) == 0);
		CHECK(rig_status(&rig, &e->tx).presence == TX_CONFIRMED);
		found++;
	}
	CHECK(found == 1);
	gas_price = utxo ? 0 : rig_fee(&rig);
	CHECK(rig_fee(&rig) > 0);
}

static void lock(struct swap *s)
{
	struct layer_plan plan;
	step("a lock-up: accepted, known, confirmed");
	make_swap(s, tip() + 500, PROVIDER);
	CHECK(layer_watch_lock(rig.layer, &s->id, s->leg) == OK);
	plan = plan_of(SIGN_LOCK, s, PROVIDER);
	if (utxo)
		use_largest_coin(&plan);
	rig_sign(&rig, &lock_tx, PROVIDER, &plan);
	CHECK(rig_status(&rig, &lock_tx.txid).presence != TX_CONFIRMED);
	accept(&lock_tx);
	/* a node that has it says so, or takes it again */
	const enum submit_outcome again =
		rig_submit(&rig, slice_of(lock_tx.raw, lock_tx.len)).outcome;
	CHECK(again == SUBMIT_KNOWN || again == SUBMIT_ACCEPTED);
	CHECK(rig_status(&rig, &lock_tx.txid).presence == TX_MEMPOOL);
	if (utxo)
		CHECK(rig_mempool(&rig, CHAIN_LOCK, &lock_tx.txid).at.index == 0);
	rig_mine(&rig, 1);
	nonce[PROVIDER]++;
	const struct chain_event e = rig_event(&rig, CHAIN_LOCK, &lock_tx.txid);
	CHECK(id128_eq(&e.swap, &s->id) && e.flags == 0 && amount_cmp(e.amount, s->amount) == 0);
	CHECK(rig_has_event(&rig, utxo ? CHAIN_COIN_SPENT : CHAIN_NONCE_USED, &lock_tx.txid));
	s->at = e.at;
	const struct tx_status status = rig_status(&rig, &lock_tx.txid);
	CHECK(status.presence == TX_CONFIRMED && status.depth == 1 && !status.reverted);
	CHECK(hash256_eq(&status.block.hash, &rig.block[rig.block_count - 1].hash));
	expect_submit(&lock_tx, SUBMIT_KNOWN);
}

static void claim(const struct swap *s)
{
	struct layer_plan plan;
	step("the claim: its preimage unconfirmed and confirmed");
	plan = plan_of(SIGN_CLAIM, s, CLIENT);
	rig_sign(&rig, &claim_tx, CLIENT, &plan);
	accept(&claim_tx);
	if (rig.levers->mempool_shows_claims) {
		const struct chain_event e = rig_mempool(&rig, CHAIN_LOCK_SPENT, &claim_tx.txid);
		CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s->preimage));
	}
	rig_mine(&rig, 1);
	nonce[CLIENT]++;
	const struct chain_event e = rig_event(&rig, CHAIN_LOCK_SPENT, &claim_tx.txid);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s->preimage));
	CHECK(hash256_eq(&e.at.tx, &s->at.tx) && e.at.index == s->at.index && e.flags == 0);
}

static bool reorganised(struct rig *r, const void *arg)
{
	return r->reorg_count > 0 && tip() >= *(const uint64_t *)arg;
}

static void reorganise(const struct swap *s)
{
	const uint64_t before = tip();
	step("a reorganisation takes the claim back, and it comes again");
	rig.levers->reorg(&rig, 2);
	rig_until(&rig, "the reorganisation", reorganised, &before);
	/* who looks in between may see the first block go before the second */
	const uint32_t seen = rig.reorg_count;
	CHECK(seen == 1 || (seen == 2 && rig.levers->one_by_one));
	CHECK(rig.keep.height == before - 2);
	if (!rig.levers->reorg_remines) {
		CHECK(!rig_has_event(&rig, CHAIN_LOCK_SPENT, &claim_tx.txid));
		CHECK(!rig_has_event(&rig, CHAIN_LOCK, &lock_tx.txid));
	}
	/* rebroadcast: the node may have kept them, or lost them (HAZARDS 16) */
	const struct rig_tx *const both[] = {&lock_tx, &claim_tx};
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		const struct submit_answer a = rig_submit(
			&rig, slice_of(both[i]->raw, both[i]->len));
		CHECK(a.outcome == SUBMIT_ACCEPTED || a.outcome == SUBMIT_KNOWN);
	}
	rig_mine(&rig, 2);
	const struct chain_event e = rig_event(&rig, CHAIN_LOCK_SPENT, &claim_tx.txid);
	CHECK(e.spend == LOCK_SPEND_CLAIM && hash256_eq(&e.preimage, &s->preimage));
	CHECK(rig.reorg_count == seen);
}

static void refund(struct swap *s)
{
	struct layer_plan plan;
	step("a refund: too early, then in time");
	make_swap(s, tip() + 4, PROVIDER);
	CHECK(layer_watch_lock(rig.layer, &s->id, s->leg) == OK);
	plan = plan_of(SIGN_LOCK, s, PROVIDER);
	if (utxo)
		use_largest_coin(&plan);
	rig_sign(&rig, &tx, PROVIDER, &plan);
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[PROVIDER]++;
	s->at = rig_event(&rig, CHAIN_LOCK, &tx.txid).at;
	plan = plan_of(SIGN_REFUND, s, PROVIDER);
	rig_sign(&rig, &tx, PROVIDER, &plan);
	if (utxo) {
		expect_submit(&tx, SUBMIT_REJECTED);
		CHECK(rig_status(&rig, &tx.txid).presence != TX_CONFIRMED);
	} else {
		/* taken, mined, and undone by the contract: a failed refund is no refund */
		accept(&tx);
		rig_mine(&rig, 1);
		nonce[PROVIDER]++;
		CHECK(rig_event(&rig, CHAIN_NONCE_USED, &tx.txid).flags == CHAIN_TX_REVERTED);
		CHECK(!rig_has_event(&rig, CHAIN_LOCK_SPENT, &tx.txid));
		const struct tx_status status = rig_status(&rig, &tx.txid);
		CHECK(status.presence == TX_CONFIRMED && status.reverted);
	}
	rig_mine(&rig, 4);
	if (!utxo) {
		plan = plan_of(SIGN_REFUND, s, PROVIDER);
		rig_sign(&rig, &tx, PROVIDER, &plan);
	}
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[PROVIDER]++;
	const struct chain_event e = rig_event(&rig, CHAIN_LOCK_SPENT, &tx.txid);
	CHECK(e.spend == LOCK_SPEND_REFUND && hash256_eq(&e.at.tx, &s->at.tx) && e.flags == 0);
	CHECK(rig_has_event(&rig, utxo ? CHAIN_COIN_CREATED : CHAIN_NONCE_USED, &tx.txid));
}

/* A second transaction on what is spent, and one that no node takes. */
static void refusals(const struct swap *s)
{
	struct layer_plan plan;
	struct btc_coin spent = {0};
	step("a conflict and a refusal");
	plan = plan_of(SIGN_PAYOUT, NULL, PROVIDER);
	uint8_t to[LAYER_DESTINATION_MAX];
	size_t len;
	char text[LAYER_ADDRESS_TEXT_SIZE];
	(void)s;
	CHECK(layer_funding_address(rig.levers->layer, rig.network, text, &rig.wallet[CLIENT]) ==
		OK);
	CHECK(layer_address_check(rig.levers->layer, rig.network, to, &len, slice_str(text)) == OK);
	plan.to = slice_of(to, len);
	CHECK(amount_mul_div(&plan.amount, unit, 1, 10, false) == OK);
	if (utxo) {
		for (uint32_t i = 0; i < rig.event_count; i++) {
			const struct chain_event *e = &rig.event[i].event;
			if (e->kind != CHAIN_COIN_CREATED || rig.event[i].gone)
				continue;
			spent.at = (struct btc_outpoint){.txid = e->at.tx, .index = e->at.index};
			spent.key_index = e->key_index;
			spent.hidden = e->hidden;
			CHECK(amount_to_sat(&spent.value, e->amount) == OK);
			break; /* the deposit: spent by the first lock-up */
		}
		plan.coin[0] = spent;
		plan.coin_count = 1;
	} else {
		plan.nonce = 0;
	}
	rig_sign(&rig, &tx, ROGUE, &plan);
	expect_submit(&tx, SUBMIT_CONFLICT);

	plan = plan_of(SIGN_PAYOUT, NULL, PROVIDER);
	plan.to = slice_of(to, len);
	if (utxo) {
		use_largest_coin(&plan);
		plan.fee.raw = 10; /* below what is relayed */
		CHECK(amount_mul_div(&plan.amount, unit, 1, 10, false) == OK);
	} else {
		/* more than there is; of gas, where that is what a node looks at */
		CHECK(amount_mul(&plan.amount, unit,
			      layer_gas_apart(rig.levers->layer) ? 1 : 1000) == OK);
		if (layer_gas_apart(rig.levers->layer))
			plan.rate = GAS_PRICE_TOO_HIGH;
	}
	rig_sign(&rig, &tx, ROGUE, &plan);
	expect_submit(&tx, SUBMIT_REJECTED);
}

/* On chains with a contract anybody can lock something under a hash of ours. */
static void foreign(struct swap *s)
{
	struct layer_plan plan;
	struct swap theirs;
	struct leg_offer o;
	if (utxo)
		return;
	step("a lock of another's with our hash, and its claim");
	make_swap(s, tip() + 500, PROVIDER);
	CHECK(layer_watch_lock(rig.layer, &s->id, s->leg) == OK);
	theirs = *s;
	CHECK(layer_leg_parse(&o, rig.levers->layer, rig.network, s->leg) == OK);
	o.claim.address.b[0] ^= 1;
	CHECK(wallet_account(&o.refund.address, &rig.wallet[CLIENT], rig.levers->layer) == OK);
	o.amount = amount_of(layer_asset(rig.levers->layer), 1);
	struct buf b = buf_init(theirs.bytes, sizeof theirs.bytes);
	CHECK(layer_leg_make(&b, rig.levers->layer, &o) == OK);
	theirs.leg = buf_slice(&b);
	plan = plan_of(SIGN_LOCK, &theirs, CLIENT);
	rig_sign(&rig, &tx, CLIENT, &plan);
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[CLIENT]++;
	struct chain_event e = rig_event(&rig, CHAIN_LOCK, &tx.txid);
	CHECK(e.flags == CHAIN_LOCK_FOREIGN && id128_eq(&e.swap, &s->id));
	theirs.at = e.at;
	plan = plan_of(SIGN_CLAIM, &theirs, CLIENT);
	rig_sign(&rig, &tx, CLIENT, &plan);
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[CLIENT]++;
	e = rig_event(&rig, CHAIN_LOCK_SPENT, &tx.txid);
	CHECK(e.flags == CHAIN_LOCK_FOREIGN && hash256_eq(&e.preimage, &s->preimage));
	CHECK(hash256_eq(&e.at.tx, &theirs.at.tx));
}

/* What we hold by our events: what the scan must find. */
static struct amount expected_wallet(const struct swap *open)
{
	struct amount total = amount_zero(layer_asset(rig.levers->layer));
	if (utxo) {
		read_coins();
		for (uint32_t i = 0; i < coin_count; i++)
			CHECK(amount_add(&total, total,
				      amount_of(total.asset, coin[i].value.raw)) == OK);
		return total;
	}
	CHECK(amount_mul(&total, unit, 10) == OK); /* the deposit */
	for (uint32_t i = 0; i < rig.event_count; i++) {
		if (rig.event[i].gone || rig.event[i].event.kind != CHAIN_NONCE_USED ||
			layer_gas_apart(rig.levers->layer))
			continue;
		CHECK(amount_sub(&total, total, rig.event[i].event.amount) == OK);
	}
	/* the first lock was claimed, the second came back, this one is open */
	CHECK(amount_sub(&total, total, unit) == OK);
	CHECK(amount_sub(&total, total, open->amount) == OK);
	return total;
}

/* What was paid for every call of ours, as the events say, is what is gone. */
static struct amount expected_gas(void)
{
	struct amount left = amount_of(
		layer_gas_asset(rig.levers->layer), UINT64_C(1000000000000000000));
	for (uint32_t i = 0; i < rig.event_count; i++)
		if (!rig.event[i].gone && rig.event[i].event.kind == CHAIN_NONCE_USED)
			CHECK(amount_sub(&left, left, rig.event[i].event.amount) == OK);
	return left;
}

static void scan(struct swap *open, const struct swap *claimed)
{
	struct layer_plan plan;
	step("the scan finds what the events say");
	make_swap(open, tip() + 500, PROVIDER);
	CHECK(layer_watch_lock(rig.layer, &open->id, open->leg) == OK);
	plan = plan_of(SIGN_LOCK, open, PROVIDER);
	if (utxo)
		use_largest_coin(&plan);
	rig_sign(&rig, &tx, PROVIDER, &plan);
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[PROVIDER]++;
	open->at = rig_event(&rig, CHAIN_LOCK, &tx.txid).at;
	const struct layer_lock_ref refs[] = {
		{.leg = claimed->leg, .at = claimed->at}, {.leg = open->leg, .at = open->at}};
	const struct layer_scan found = rig_scan(&rig, refs, ARRAY_LEN(refs));
	if (rig.levers->no_scan) {
		/* said, so that nobody takes it for an empty wallet */
		CHECK(found.err == ERR_REJECTED && strstr(found.detail, "can't scan") != NULL);
		return;
	}
	if (found.err != OK)
		(void)fprintf(stderr, "scan: %s\n", found.detail);
	CHECK(found.err == OK && found.block.height == tip());
	CHECK(hash256_eq(&found.block.hash, &rig.block[rig.block_count - 1].hash));
	CHECK(amount_cmp(found.locked, unit) == 0);
	CHECK(amount_cmp(found.wallet, expected_wallet(open)) == 0);
	CHECK(utxo || found.nonce == nonce[PROVIDER]);
	if (layer_gas_apart(rig.levers->layer))
		CHECK(amount_cmp(found.gas, expected_gas()) == 0);
}

static bool has_heads(struct rig *r, const void *arg)
{
	(void)arg;
	return r->below.safe_height > 0 && r->below.final_height > 0;
}

static void heads(void)
{
	step("what is safe, what is final");
	rig_mine(&rig, 4);
	rig_until(&rig, "heads", has_heads, NULL);
	CHECK(rig.below.final_height <= rig.below.safe_height && rig.below.safe_height <= tip());
}

/* HAZARDS 18: something else than what the layer counts, paid to our script and to a lock-up's. */
static void other_asset(const struct swap *open, const struct swap *claimed)
{
	char text[LAYER_ADDRESS_TEXT_SIZE];
	const uint32_t events = rig.event_count;
	const uint64_t before = tip();
	if (rig.levers->mint == NULL)
		return;
	step("another asset is no coin and no lock-up");
	CHECK(layer_funding_address(rig.levers->layer, rig.network, text, &rig.wallet[PROVIDER]) ==
		OK);
	rig.levers->mint(&rig, text, unit);
	CHECK(layer_leg_address(rig.levers->layer, rig.network, text, open->leg) == OK);
	rig.levers->mint(&rig, text, unit);
	rig_mine(&rig, 1);
	CHECK(tip() == before + 3 && rig.event_count == events);
	const struct layer_lock_ref refs[] = {
		{.leg = claimed->leg, .at = claimed->at}, {.leg = open->leg, .at = open->at}};
	const struct layer_scan found = rig_scan(&rig, refs, ARRAY_LEN(refs));
	CHECK(found.err == OK && amount_cmp(found.locked, unit) == 0);
	CHECK(amount_cmp(found.wallet, expected_wallet(open)) == 0);
}

/* A new layer as after our own restart: the cursor and the watches come from outside. */
static void restart_layer(struct swap *open)
{
	struct block_ref cursor[8];
	struct layer_plan plan;
	step("from a cursor, with what was known");
	const uint32_t count = (uint32_t)ARRAY_LEN(cursor);
	for (uint32_t i = 0; i < count; i++)
		cursor[i] = rig.block[rig.block_count - 1 - i];
	rig_layer(&rig, NULL);
	const struct layer_sink sink = rig_sink(&rig);
	CHECK(layer_watch_wallet(rig.layer, &rig.wallet[PROVIDER]) == OK);
	CHECK(layer_watch_lock(rig.layer, &open->id, open->leg) == OK);
	CHECK(layer_watch_lock_at(rig.layer, &open->id, &open->at) == OK);
	CHECK(layer_start(rig.layer, cursor, count, &sink) == OK);
	/* so that the log has a place to stand on */
	rig.block[rig.block_count++] = cursor[0];
	plan = plan_of(SIGN_CLAIM, open, CLIENT);
	rig_sign(&rig, &tx, CLIENT, &plan);
	accept(&tx);
	rig_mine(&rig, 1);
	nonce[CLIENT]++;
	const struct chain_event e = rig_event(&rig, CHAIN_LOCK_SPENT, &tx.txid);
	CHECK(hash256_eq(&e.at.tx, &open->at.tx) && hash256_eq(&e.preimage, &open->preimage));
	CHECK(rig.reorg_count == 0);
}

static void say(const char *word)
{
	char line[64];
	CHECK(puts(word) >= 0 && fflush(stdout) == 0);
	CHECK(fgets(line, sizeof line, stdin) != NULL);
}

static bool failing(struct rig *r, const void *arg)
{
	struct layer_info info;
	(void)arg;
	layer_info(r->layer, &info);
	return info.err != OK;
}

static bool well(struct rig *r, const void *arg)
{
	return !failing(r, arg);
}

static bool behind(struct rig *r, const void *arg)
{
	struct layer_info info;
	(void)arg;
	layer_info(r->layer, &info);
	return info.err == ERR_STATE && info.syncing;
}

static void restart_node(void)
{
	step("the node goes and comes back");
	const uint32_t blocks = rig.block_count;
	say("stop");
	rig_until(&rig, "the outage to be seen", failing, NULL);
	CHECK(rig_check(&rig).err == ERR_UNAVAILABLE);
	CHECK(rig_status(&rig, &tx.txid).presence == TX_UNKNOWN);
	CHECK(rig.reorg_count == 0 && rig.block_count == blocks);
	say("start");
	if (rig.levers->forgets) {
		/* a node that is behind undoes nothing */
		rig_until(&rig, "the node", behind, NULL);
		rig_run(&rig, 1000);
		CHECK(rig.reorg_count == 0 && rig.block_count == blocks && behind(&rig, NULL));
		return;
	}
	rig_until(&rig, "the node", well, NULL);
	rig_mine(&rig, 1);
	CHECK(rig.reorg_count == 0);
}

int main(int argc, char **argv)
{
	const uint8_t seed[32] = {1};
	const struct rig_levers *levers = argc > 1 ? rig_levers_of(argv[1]) : NULL;
	const char *url = argc > 2 ? argv[2] : NULL, *token = argc > 3 ? argv[3] : NULL;
	static struct swap first, second, third, fourth;

	if (levers == NULL || (url == NULL) == (levers->sim == NULL)) {
		(void)fprintf(stderr, "usage: layer_contract KIND [URL [TOKEN]]\n");
		return 2;
	}
	secp_init(seed);
	utxo = layer_family(levers->layer) == FAMILY_UTXO;
	CHECK(amount_parse(&unit, layer_asset(levers->layer), slice_str("0.01")) == OK);
	rig_init(&rig, levers, url, token);
	if (url != NULL && !utxo)
		nonce[CLIENT] = 1; /* deployed the contract */
	if (layer_gas_apart(levers->layer)) {
		nonce[CLIENT]++; /* and both approved it */
		nonce[PROVIDER]++;
	}
	check_networks();
	watch_from_genesis();
	deposit();
	lock(&first);
	claim(&first);
	reorganise(&first);
	refund(&second);
	refusals(&second);
	foreign(&third);
	scan(&fourth, &first);
	other_asset(&fourth, &first);
	if (rig.network->rollup)
		heads();
	restart_layer(&fourth);
	if (url != NULL)
		restart_node();
	rig_fini(&rig);
	return EXIT_SUCCESS;
}
