/* Confidential coins in the books: credited with their blinders, spent where explicit ones do not
 * suffice, and the same after the journal is read again, or a snapshot. */
#include "node/engine_world_test.h"

#include "ledger/snapshot.h"
#include "node/effect_plan.h"
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#include <stdlib.h>

#define HIDDEN_SAT UINT64_C(1000000)
#define PLAIN_SAT UINT64_C(50000)
#define SNAPSHOT_VERSION_AT 8u

static struct world w;
static const struct blinders blinders = {.asset = {1, 2}, .value = {3, 4}};

static struct locator deposit(uint64_t sat, const struct blinders *hidden)
{
	const struct hash256 tx = world_tx(&w);
	struct chain_event e = {.kind = CHAIN_COIN_CREATED,
		.tx = tx,
		.at = {.tx = tx},
		.amount = amount_of(ASSET_LBTC, sat)};
	if (hidden != NULL) {
		e.flags = CHAIN_HIDDEN;
		e.hidden = *hidden;
	}
	world_chain_add(&w, LAYER_LIQUID, e.amount);
	world_block(&w, LAYER_LIQUID, &e, 1);
	return e.at;
}

static const struct coin *coin_of(const struct ledger *l, const struct locator *at)
{
	for (uint32_t i = 0; i < l->coin_count; i++)
		if (hash256_eq(&l->coin[i].at.txid, &at->tx) && l->coin[i].at.index == at->index)
			return &l->coin[i];
	return NULL;
}

static struct effect *pay(uint8_t n, uint64_t sat, bool blinded)
{
	struct transfer_command c = {.now_ms = w.now,
		.id = {{n, 1}},
		.effect_id = {{n, 2}},
		.idempotency_key = {{n, 3}},
		.layer = LAYER_LIQUID,
		.amount = amount_of(ASSET_LBTC, sat)};
	struct command_result result;
	struct buf to = buf_init(c.destination, sizeof c.destination);
	struct pubkey key;
	const struct seckey theirs = {{[31] = 9}};
	const uint8_t script[34] = {0x51, 0x20, n};
	CHECK(pubkey_from_seckey(&key, &theirs) == OK);
	if (blinded)
		buf_put(&to, key.b, sizeof key.b);
	buf_put(&to, script, sizeof script);
	c.destination_len = (uint32_t)to.len;
	CHECK(engine_transfer(w.engine, &result, &c) == OK);
	return ledger_effect(w.ledger, &c.effect_id);
}

/* The request to the signer: of how many confidential coins, and what the change is. */
static uint32_t requested(const struct effect *f, bool *change_hidden, struct amount *fee)
{
	static uint8_t bytes[SIGNING_REQUEST_MAX];
	static struct utxo_tx tx;
	struct signing_request r;
	struct buf out = buf_init(bytes, sizeof bytes);
	uint32_t count = 0;
	CHECK(effect_request(&out, fee, w.ledger, f) == OK);
	CHECK(signing_request_parse(&r, buf_slice(&out)) == OK);
	for (uint32_t i = 0; i < r.input_count; i++) {
		if (!blinders_any(&r.input[i].hidden))
			continue;
		CHECK(memcmp(&r.input[i].hidden, &blinders, sizeof blinders) == 0);
		count++;
	}
	CHECK(utxo_tx_open(&tx, r.network, r.unsigned_tx) == OK);
	uint8_t home[34];
	CHECK(wallet_script(home, &w.params.wallet, LAYER_LIQUID, KEY_INDEX_CHANGE) == OK);
	CHECK(tx.tx.out_count == 2);
	*change_hidden = !utxo_tx_pays(&tx, 1, slice_of(home, sizeof home));
	return count;
}

static void snapshot(uint8_t version, const struct locator *at)
{
	const size_t cap = snapshot_size(w.ledger);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	struct ledger *l;
	struct hash256 before, after;
	const struct ledger_capacity capacity = {.swaps = 64,
		.transfers = 64,
		.effects = 256,
		.coins = 256,
		.postings = 4096,
		.book_accounts = 16,
		.book_rows = 256};
	CHECK(bytes != NULL && scratch != NULL);
	const size_t len = snapshot_put(bytes, scratch, cap, w.ledger);
	CHECK(bytes[SNAPSHOT_VERSION_AT] == version);
	CHECK(ledger_create(&l, &capacity, &w.seal, 3) == OK);
	CHECK(snapshot_restore(l, scratch, slice_of(bytes, len)) == OK);
	ledger_hash(w.ledger, &before);
	ledger_hash(l, &after);
	CHECK(hash256_eq(&before, &after));
	if (at != NULL)
		CHECK(memcmp(&coin_of(l, at)->hidden, &blinders, sizeof blinders) == 0);
	ledger_destroy(l);
	free(bytes);
	free(scratch);
}

static void test_books(void)
{
	struct amount fee, hidden_fee;
	bool change_hidden;
	world_begin_liquid(&w);
	(void)deposit(PLAIN_SAT, NULL);
	world_blocks(&w, LAYER_LIQUID, 3);
	snapshot(6, NULL); /* as older programs write and read it */
	const struct locator at = deposit(HIDDEN_SAT, &blinders);
	world_blocks(&w, LAYER_LIQUID, 3);
	CHECK(amount_cmp(ledger_balance(w.ledger, LAYER_LIQUID, ACCOUNT_AVAILABLE),
		      amount_of(ASSET_LBTC, HIDDEN_SAT + PLAIN_SAT)) == 0);
	snapshot(7, &at);
	world_replay(&w);
	CHECK(memcmp(&coin_of(w.ledger, &at)->hidden, &blinders, sizeof blinders) == 0);

	/* the explicit coin suffices, and costs less */
	const struct effect *plain = pay(1, 10000, false);
	CHECK(plain != NULL && plain->coin_count == 1);
	CHECK(requested(plain, &change_hidden, &fee) == 0 && !change_hidden);
	struct effect *f = pay(2, 200000, false);
	CHECK(f != NULL && f->coin_count == 1);
	CHECK(requested(f, &change_hidden, &hidden_fee) == 1 && change_hidden);
	CHECK(amount_cmp(hidden_fee, fee) > 0);
	CHECK(hidden_fee.asset == ASSET_LBTC);

	/* what comes back is a confidential coin of our own, usable at once */
	const struct hash256 tx = world_prepare(&w, f);
	struct amount change;
	CHECK(amount_sub(&change, amount_of(ASSET_LBTC, HIDDEN_SAT - 200000), hidden_fee) == OK);
	const struct chain_event e[2] = {{.kind = CHAIN_COIN_SPENT, .tx = tx, .at = at},
		{.kind = CHAIN_COIN_CREATED,
			.flags = CHAIN_HIDDEN,
			.tx = tx,
			.at = {.tx = tx, .index = 1},
			.key_index = KEY_INDEX_CHANGE,
			.amount = change,
			.hidden = blinders}};
	CHECK(amount_sub(&w.chain[LAYER_LIQUID], w.chain[LAYER_LIQUID],
		      amount_of(ASSET_LBTC, HIDDEN_SAT)) == OK);
	world_chain_add(&w, LAYER_LIQUID, change);
	world_block(&w, LAYER_LIQUID, e, 2);
	world_blocks(&w, LAYER_LIQUID, 4);
	CHECK(f->state == EFFECT_FINAL);
	/* two that are blinded in the place of a change: what lies beside is not needed */
	f = pay(3, 300000, true);
	CHECK(f != NULL && requested(f, &change_hidden, &fee) == 1 && change_hidden);
	snapshot(7, &e[1].at);
	world_end(&w);
}

/* A confidential coin anywhere else is none: such a record is refused. */
static void test_elsewhere(void)
{
	uint8_t bytes[512];
	const struct seal_key key = {{0}};
	const enum layer_id layers[] = {LAYER_LIQUID, LAYER_BITCOIN};
	struct chain_event e = {.kind = CHAIN_COIN_CREATED,
				   .flags = CHAIN_HIDDEN,
				   .hidden = blinders},
			   back;
	for (unsigned i = 0; i < 4; i++) {
		const enum layer_id layer = layers[i % 2];
		struct buf out = buf_init(bytes, sizeof bytes);
		e.amount = amount_of(layer_asset(layer), 5);
		e.hidden = i < 2 ? blinders : (struct blinders){{0}, {0}};
		rec_event_put(&out, &e, &key);
		struct reader in = reader_init(buf_slice(&out));
		CHECK(rec_event_get(&in, &back, layer, &key) == (i == 0 ? OK : ERR_FORMAT));
		CHECK(i != 0 || memcmp(&back.hidden, &blinders, sizeof blinders) == 0);
	}
}

int main(void)
{
	test_books();
	test_elsewhere();
	return EXIT_SUCCESS;
}
