/* Deposit addresses: which descriptors are taken, each index given once through crashes, deposits
 * by depth, and coins that nothing online may spend. Every world ends in a replay that must give
 * the same state. */
#include "node/deposits.h"

#include "node/engine_world_test.h"

#include "layer/layer.h"
#include "ledger/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#define TPUB                                                                                       \
	"tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjak"             \
	"ugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL"
#define XPUB                                                                                       \
	"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHW"            \
	"kY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL"
#define XPRV                                                                                       \
	"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF"         \
	"5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
#define KEY "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define DEPOSIT_SAT (UINT64_C(7) * FUNDS_SAT)

/* ---- descriptors ---- */

static const char *with_checksum(const char *text)
{
	static char out[DESCRIPTOR_TEXT_MAX];
	char sum[DESCRIPTOR_CHECKSUM_SIZE + 1];
	CHECK(descriptor_checksum(sum, slice_str(text)) == OK);
	(void)snprintf(out, sizeof out, "%s#%s", text, sum);
	return out;
}

static void test_descriptors(void)
{
	static const struct {
		const char *network, *text, *why; /* a part of it; NULL: taken */
	} rows[] = {
		{"regtest", "wpkh(" TPUB "/0/*)", NULL},
		{"regtest", "wpkh([deadbeef/84h/1h/0h]" TPUB "/0/*)", NULL},
		{"regtest", "tr(" TPUB "/0/*)", NULL},
		{"regtest", "wsh(multi(1," TPUB "/0/*," TPUB "/1/*))", NULL},
		{"regtest", "wsh(sortedmulti(2," TPUB "/0/*," TPUB "/1/*))", NULL},
		{"mainnet", "wpkh(" XPUB "/0/*)", NULL},
		{"mainnet", "wpkh(" TPUB "/0/*)", "another network"},
		{"regtest", "wpkh(" XPUB "/0/*)", "another network"},
		{"mainnet", "wpkh(" XPRV "/0/*)", "private key"},
		{"mainnet", "wpkh(" XPUB "/0h/*)", "private key"},
		{"mainnet", "wpkh(" XPUB "/0)", "must end in /*"},
		{"mainnet", "wpkh(" KEY ")", "must end in /*"},
		{"mainnet", "wpkh(" XPUB "/<0;1>/*)", "several chains"},
		{"mainnet", "pkh(" XPUB "/*)", "must be wpkh()"},
		{"mainnet", "sh(wpkh(" XPUB "/*))", "must be wpkh()"},
		{"mainnet", "sh(wsh(multi(1," XPUB "/*)))", "must be wpkh()"},
		{"mainnet", "wsh(pk(" XPUB "/*))", "must be wpkh()"},
		{"mainnet", "raw(6a)", "must be wpkh()"},
		{"mainnet", "combo(" XPUB "/*)", "not read here"},
		{"mainnet", "wpkh(" XPUB "/*", "no output descriptor"},
	};
	struct descriptor d;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct network *network = network_by_name(
			LAYER_BITCOIN, slice_str(rows[i].network));
		const char *why = deposits_read(&d, network, with_checksum(rows[i].text));
		CHECK((why == NULL) == (rows[i].why == NULL));
		CHECK(why == NULL || strstr(why, rows[i].why) != NULL);
	}
	const struct network *mainnet = network_by_name(LAYER_BITCOIN, slice_str("mainnet"));
	CHECK(strstr(deposits_read(&d, mainnet, "wpkh(" XPUB "/*)"), "check sum") != NULL);
	CHECK(strstr(deposits_read(&d, mainnet, "wpkh(" XPUB "/*)#qqqqqqqq"), "check sum") != NULL);
}

/* It is what is paid to that counts, not how that is written. */
static void test_identity(void)
{
	static const char *const same[] = {"wpkh([deadbeef/84h/1h/0h]" TPUB "/0/*)",
		"wpkh([deadbeef/84'/1'/0']" TPUB "/0/*)", "wpkh(" TPUB "/0/*)"};
	const struct network *regtest = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	struct descriptor d;
	struct hash256 first, id;
	CHECK(deposits_read(&d, regtest, with_checksum(same[0])) == NULL);
	deposits_id(&first, &d);
	for (size_t i = 1; i < ARRAY_LEN(same); i++) {
		CHECK(deposits_read(&d, regtest, with_checksum(same[i])) == NULL);
		deposits_id(&id, &d);
		CHECK(hash256_eq(&first, &id));
	}
	CHECK(deposits_read(&d, regtest, with_checksum("wpkh(" TPUB "/1/*)")) == NULL);
	deposits_id(&id, &d);
	CHECK(!hash256_eq(&first, &id));
}

/* ---- a world with deposit addresses ---- */

static void begin(struct world *w)
{
	world_begin(w);
	w->params.deposits.b[0] = 0xde;
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
}

static struct amount balance(const struct world *w, enum account a)
{
	return ledger_balance(w->ledger, LAYER_BITCOIN, a);
}

static bool holds(const struct world *w, enum account a, uint64_t sat)
{
	return amount_cmp(balance(w, a), amount_of(ASSET_BTC, sat)) == 0;
}

/* A block in which a deposit address is paid. */
static struct chain_event deposit(struct world *w, uint32_t index, uint64_t sat)
{
	const struct hash256 tx = world_tx(w);
	const struct chain_event e = {.kind = CHAIN_COIN_CREATED,
		.tx = tx,
		.at = {.tx = tx},
		.key_index = KEY_INDEX_DEPOSIT | index,
		.amount = amount_of(ASSET_BTC, sat)};
	world_chain_add(w, LAYER_BITCOIN, e.amount);
	world_block(w, LAYER_BITCOIN, &e, 1);
	return e;
}

static enum err give(struct world *w, uint8_t name, uint32_t *index)
{
	const struct id128 id = {{name}};
	return engine_address(w->engine, index, w->now, &id);
}

static void test_given_once(void)
{
	struct world w;
	uint32_t index;
	world_begin(&w);
	CHECK(give(&w, 1, &index) == ERR_STATE); /* there is no descriptor */
	world_end(&w);
	begin(&w);
	for (uint8_t i = 0; i < 5; i++) {
		CHECK(give(&w, (uint8_t)(i + 1), &index) == OK && index == i);
		world_replay(&w); /* killed here: the next one goes on behind it */
	}
	for (uint8_t i = 0; i < 5; i++)
		CHECK(give(&w, (uint8_t)(i + 1), &index) == ERR_EXISTS && index == i);
	uint8_t name = 6;
	while (w.ledger->address_count < w.ledger->capacity.addresses)
		CHECK(give(&w, name++, &index) == OK);
	const uint64_t seq = w.ledger->seq;
	CHECK(give(&w, name, &index) == ERR_FULL && w.ledger->seq == seq);
	CHECK(give(&w, 3, &index) == ERR_EXISTS && index == 2);
	/* the same addresses, or none: another descriptor is refused from now on */
	w.params.deposits.b[0]++;
	CHECK(engine_params(w.engine, w.now, &w.params) == ERR_STATE);
	w.params.deposits.b[0]--;
	CHECK(engine_params(w.engine, w.now, &w.params) == OK);
	world_end(&w);
}

/* What a record may not say, whoever wrote it. */
static void test_records_refused(void)
{
	struct world w;
	uint32_t index;
	begin(&w);
	CHECK(give(&w, 1, &index) == OK);
	const struct rec_address bad[] = {
		{.id = {{1}}, .index = 1}, {.id = {{2}}, .index = 0}, {.id = {{2}}, .index = 2}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf record = engine_record(w.engine, w.now);
		rec_address_put(&record, &bad[i]);
		CHECK(engine_append(w.engine, REC_ADDRESS, &record, 0) != OK);
	}
	CHECK(w.ledger->address_count == 1);
	world_end(&w);
}

/* Also where nobody was given an address, but one was paid. */
static void test_descriptor_stays(void)
{
	struct world w;
	begin(&w);
	w.params.deposits.b[0]++; /* nothing depends on it yet */
	CHECK(engine_params(w.engine, w.now, &w.params) == OK);
	(void)deposit(&w, 3, DEPOSIT_SAT);
	w.params.deposits.b[0]++;
	CHECK(engine_params(w.engine, w.now, &w.params) == ERR_STATE);
	world_end(&w);
}

/* ---- deposits ---- */

static void test_by_depth(void)
{
	struct world w;
	begin(&w);
	(void)deposit(&w, 0, DEPOSIT_SAT);
	CHECK(holds(&w, ACCOUNT_INFLIGHT, DEPOSIT_SAT) && holds(&w, ACCOUNT_WATCHED, 0));
	world_block(&w, LAYER_BITCOIN, NULL, 0);
	CHECK(holds(&w, ACCOUNT_WATCHED, 0));
	world_replay(&w);
	world_block(&w, LAYER_BITCOIN, NULL, 0); /* final_depth is 3 */
	CHECK(holds(&w, ACCOUNT_INFLIGHT, 0) && holds(&w, ACCOUNT_WATCHED, DEPOSIT_SAT));
	CHECK(holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT));
	world_replay(&w);
	/* not deep any more, then gone, then there again */
	world_reorg(&w, LAYER_BITCOIN, 1);
	CHECK(holds(&w, ACCOUNT_INFLIGHT, DEPOSIT_SAT) && holds(&w, ACCOUNT_WATCHED, 0));
	world_reorg(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_INFLIGHT, 0) && holds(&w, ACCOUNT_AVAILABLE, FUNDS_SAT));
	world_chain_sub(&w, LAYER_BITCOIN, amount_of(ASSET_BTC, DEPOSIT_SAT));
	world_replay(&w);
	(void)deposit(&w, 0, DEPOSIT_SAT);
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_WATCHED, DEPOSIT_SAT) && !w.ledger->latched);
	world_end(&w);
}

static struct transfer_command payout(const struct world *w, uint8_t n, uint64_t sat)
{
	return (struct transfer_command){.now_ms = w->now,
		.id = {{n, 1}},
		.effect_id = {{n, 2}},
		.idempotency_key = {{n, 3}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, sat),
		.destination = {0x51, 0x20, n},
		.destination_len = 34};
}

/* Whatever is asked for: payouts, lock-ups and quotes are of what the signer can spend. */
static void test_never_spent_online(void)
{
	struct world w;
	struct command_result result;
	struct engine_refusal refusal;
	struct quote q;
	struct amount wei;
	begin(&w);
	(void)deposit(&w, 0, DEPOSIT_SAT);
	world_blocks(&w, LAYER_BITCOIN, 2);
	const struct transfer_command large = payout(&w, 1, 2 * FUNDS_SAT);
	CHECK(engine_transfer(w.engine, &result, &large) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "insufficient_funds") == 0);
	CHECK(amount_convert(&wei, amount_of(ASSET_BTC, 2 * FUNDS_SAT), ASSET_RBTC, false) == OK);
	CHECK(engine_quote(w.engine, &q, &refusal, LAYER_ROOTSTOCK, LAYER_BITCOIN, wei) != OK);
	const struct transfer_command small = payout(&w, 2, FUNDS_SAT / 2);
	CHECK(engine_transfer(w.engine, &result, &small) == OK);
	const struct effect *f = &w.ledger->effect[0];
	CHECK(w.ledger->effect_count == 1 && f->coin_count == 1);
	CHECK(!coin_watched(&w.ledger->coin[f->coin[0]]));
	/* the only free coin is taken: the next one waits, seven coins lying there */
	const struct transfer_command next = payout(&w, 3, FUNDS_SAT / 4);
	(void)!engine_transfer(w.engine, &result, &next);
	world_blocks(&w, LAYER_BITCOIN, 1);
	CHECK(w.ledger->effect_count == 1 && holds(&w, ACCOUNT_WATCHED, DEPOSIT_SAT));
	world_end(&w);
}

/* Nor does a record that names such a coin fold. */
static void test_intent_refused(void)
{
	struct world w;
	begin(&w);
	const struct chain_event e = deposit(&w, 0, DEPOSIT_SAT);
	world_blocks(&w, LAYER_BITCOIN, 2);
	const struct transfer_command c = payout(&w, 1, FUNDS_SAT / 2);
	const struct rec_transfer t = {.id = c.id,
		.effect = c.effect_id,
		.idempotency_key = c.idempotency_key,
		.layer = LAYER_BITCOIN,
		.amount = c.amount,
		.destination = slice_of(c.destination, c.destination_len)};
	struct buf record = engine_record(w.engine, w.now);
	rec_transfer_put(&record, &t);
	CHECK(engine_append(w.engine, REC_TRANSFER, &record, 0) == OK);
	const struct rec_intent r = {.effect = c.effect_id,
		.purpose = SIGN_PAYOUT,
		.layer = LAYER_BITCOIN,
		.owner = c.id,
		.coin_count = 1,
		.coin = {{.txid = e.at.tx, .index = e.at.index}},
		.fee = {1000},
		.rate = 1000,
		.value = c.amount,
		.reserved = amount_of(ASSET_BTC, DEPOSIT_SAT)};
	record = engine_record(w.engine, w.now);
	rec_intent_put(&record, &r);
	CHECK(engine_append(w.engine, REC_INTENT, &record, 0) == ERR_STATE);
	CHECK(w.ledger->effect_count == 0);
	world_end(&w);
}

/* Whoever has the keys moved it without us. */
static void test_unknown_spend(void)
{
	struct world w;
	begin(&w);
	const struct chain_event e = deposit(&w, 0, DEPOSIT_SAT);
	world_blocks(&w, LAYER_BITCOIN, 2);
	const struct chain_event spent = {.kind = CHAIN_COIN_SPENT, .tx = world_tx(&w), .at = e.at};
	world_chain_sub(&w, LAYER_BITCOIN, e.amount);
	world_block(&w, LAYER_BITCOIN, &spent, 1);
	CHECK(w.ledger->latched && holds(&w, ACCOUNT_WATCHED, 0));
	CHECK(holds(&w, ACCOUNT_SUSPENSE_MISSING, DEPOSIT_SAT));
	world_end(&w);
}

/* What a customer is owed is covered by what was deposited, and only the rest of what is online is
 * the operator's. */
static void test_customers(void)
{
	struct world w;
	begin(&w);
	(void)deposit(&w, 0, DEPOSIT_SAT);
	const struct book_opening opening = {.id = {{1}}, .layer = LAYER_BITCOIN};
	const struct book_openings_command open = {
		.now_ms = w.now, .idempotency_key = {{40}}, .opening = &opening, .count = 1};
	struct book_answer answer;
	CHECK(engine_book_open(w.engine, &answer, &open) == OK);
	struct book_transfer credit = {
		.id = {{2}}, .to = {{1}}, .amount = amount_of(ASSET_BTC, DEPOSIT_SAT)};
	struct book_transfers_command command = {.now_ms = w.now,
		.idempotency_key = {{41}},
		.layer = LAYER_BITCOIN,
		.transfer = &credit,
		.count = 1};
	CHECK(engine_book_transfer(w.engine, &answer, &command) == OK);
	CHECK(answer.result[0] == BOOK_CUSTODY_SHORT); /* not deep yet */
	world_blocks(&w, LAYER_BITCOIN, 2);
	credit.id.b[0]++;
	command.idempotency_key.b[0]++;
	CHECK(engine_book_transfer(w.engine, &answer, &command) == OK);
	CHECK(answer.result[0] == BOOK_DONE);
	CHECK(amount_cmp(ledger_unclaimed(w.ledger, LAYER_BITCOIN),
		      amount_of(ASSET_BTC, FUNDS_SAT)) == 0);
	/* over what lies there: from what is online */
	credit = (struct book_transfer){
		.id = {{4}}, .to = {{1}}, .amount = amount_of(ASSET_BTC, FUNDS_SAT / 4)};
	command.idempotency_key.b[0]++;
	CHECK(engine_book_transfer(w.engine, &answer, &command) == OK);
	CHECK(answer.result[0] == BOOK_DONE);
	CHECK(amount_cmp(ledger_unclaimed(w.ledger, LAYER_BITCOIN),
		      amount_of(ASSET_BTC, FUNDS_SAT / 4 * 3)) == 0);
	world_end(&w);
}

/* A payout to a deposit address, of a customer or to the vault, is a payout and a deposit. */
static void test_paid_by_ourselves(void)
{
	struct world w;
	struct command_result result;
	const uint64_t sat = FUNDS_SAT / 2;
	begin(&w);
	const struct transfer_command c = payout(&w, 1, sat);
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	const struct effect *f = &w.ledger->effect[0];
	const struct hash256 tx = world_prepare(&w, &w.ledger->effect[0]);
	const struct coin *spent = &w.ledger->coin[f->coin[0]];
	const uint64_t change = spent->value.raw - sat - f->fee.raw;
	const struct chain_event e[] = {
		{.kind = CHAIN_COIN_SPENT,
			.tx = tx,
			.at = {.tx = spent->at.txid, .index = spent->at.index}},
		{.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx},
			.key_index = KEY_INDEX_DEPOSIT | 9,
			.amount = amount_of(ASSET_BTC, sat)},
		{.kind = CHAIN_COIN_CREATED,
			.tx = tx,
			.at = {.tx = tx, .index = 1},
			.key_index = KEY_INDEX_CHANGE,
			.amount = amount_of(ASSET_BTC, change)}};
	world_chain_sub(&w, LAYER_BITCOIN, amount_from_sat(f->fee));
	world_block(&w, LAYER_BITCOIN, e, ARRAY_LEN(e));
	/* change of ours is free at once; a deposit waits for its depth */
	CHECK(holds(&w, ACCOUNT_AVAILABLE, change) && holds(&w, ACCOUNT_INFLIGHT, sat));
	world_blocks(&w, LAYER_BITCOIN, 2);
	CHECK(holds(&w, ACCOUNT_WATCHED, sat) && !w.ledger->latched);
	world_end(&w);
}

/* Addresses and coins are in a snapshot as they are. */
static void test_snapshot(void)
{
	struct world w;
	struct ledger *again;
	struct hash256 before, after;
	uint32_t index;
	begin(&w);
	for (uint8_t i = 1; i < 8; i++)
		CHECK(give(&w, i, &index) == OK);
	(void)deposit(&w, 2, DEPOSIT_SAT);
	const size_t cap = snapshot_size(w.ledger);
	uint8_t *out = malloc(cap), *scratch = malloc(cap);
	CHECK(out != NULL && scratch != NULL);
	const size_t len = snapshot_put(out, scratch, cap, w.ledger);
	CHECK(ledger_create(&again, &w.ledger->capacity, &w.seal, 99) == OK);
	CHECK(snapshot_restore(again, scratch, slice_of(out, len)) == OK);
	ledger_hash(w.ledger, &before);
	ledger_hash(again, &after);
	CHECK(hash256_eq(&before, &after));
	for (uint8_t i = 1; i < 8; i++)
		CHECK(ledger_address(again, &(struct id128){{i}}) == i - 1u);
	again->address[3].b[5] ^= 1; /* it is part of what a state's hash stands for */
	ledger_hash(again, &after);
	CHECK(!hash256_eq(&before, &after));
	ledger_destroy(again);
	free(out);
	free(scratch);
	world_end(&w);
}

int main(void)
{
	test_descriptors();
	test_identity();
	test_given_once();
	test_records_refused();
	test_descriptor_stays();
	test_by_depth();
	test_never_spent_online();
	test_intent_refused();
	test_unknown_spend();
	test_customers();
	test_paid_by_ourselves();
	test_snapshot();
	return EXIT_SUCCESS;
}
