/* Confidential outputs in Liquid's blocks: what our key opens is a coin with its blinders; what it
 * does not, or is not L-BTC, or is nothing, is none, and it is said why. Scans count the same. */
#include "layer/bitcoin_world_test.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/elements_blind.h"
#include "wire/signing.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_RAW 123456u
#define TX_BYTES (64u * 1024u)

static const struct seckey ephemeral = {{[31] = 77}}, stranger = {{[31] = 9}};

/* An output to be made, honestly or not. */
struct recipe {
	const char *said; /* NULL: it is a coin of ours */
	const uint8_t *script;
	uint32_t key_index; /* whose key it is blinded for; KEY_INDEX_COUNT: a stranger's */
	uint64_t value;
	bool other_asset, other_message; /* it holds; its proof says */
	bool no_blinders, garbled, no_proof, no_nonce, open_asset, open_value;
};

static uint8_t change_spk[34], proofs[16][RANGE_PROOF_SIZE];

static struct elements_opening opening_of(const struct recipe *r)
{
	struct elements_opening o = {.asset = chain.liquid->policy_asset, .value = {r->value}};
	if (!r->no_blinders) {
		o.asset_blinder.b[30] = 5;
		o.value_blinder.b[29] = 6;
	}
	if (r->other_asset)
		o.asset.b[4] ^= 1;
	return o;
}

static void nonce_for(struct hash256 *nonce, const struct recipe *r)
{
	struct seckey key = stranger;
	struct pubkey point;
	uint8_t spk[34];
	struct hash256 shared;
	if (r->key_index < KEY_INDEX_COUNT) {
		CHECK(wallet_script(spk, &wallet, LAYER_LIQUID, r->key_index) == OK);
		CHECK(wallet_blinding(&key, &point, &wallet, slice_of(spk, 34)) == OK);
	} else {
		CHECK(pubkey_from_seckey(&point, &stranger) == OK);
	}
	CHECK(point_shared(&shared, &ephemeral, &point));
	sha256(nonce, slice_of(shared.b, sizeof shared.b));
}

static struct elements_txout make(const struct recipe *r, uint8_t proof[RANGE_PROOF_SIZE])
{
	const struct elements_opening o = opening_of(r);
	struct elements_txout out = {.script = slice_of(r->script, 34)};
	struct range_statement st = {.extra = out.script};
	struct range_opening range = {.value = r->value, .blinder = o.value_blinder};
	struct hash256 nonce, asset = o.asset;
	struct pubkey point;
	size_t len;
	CHECK(elements_commit(&out, &o) == OK);
	CHECK(commitment_read(&st.generator, COMMITMENT_ASSET, out.asset.b) == OK);
	CHECK(commitment_read(&st.value, COMMITMENT_VALUE, out.value.b) == OK);
	asset.b[9] ^= r->other_message ? 1 : 0;
	memcpy(range.message, asset.b, 32);
	memcpy(range.message + 32, o.asset_blinder.b, 32);
	nonce_for(&nonce, r);
	CHECK(range_prove(proof, &len, &st, &range, r->value > 0 ? 1 : 0, &nonce) == OK);
	proof[len / 2] ^= r->garbled ? 1 : 0;
	out.range_proof = slice_of(proof, r->no_proof ? 0 : len);
	CHECK(pubkey_from_seckey(&point, &ephemeral) == OK);
	if (!r->no_nonce)
		memcpy(out.nonce.b, point.b, sizeof point.b);
	if (r->open_asset)
		out.asset = elements_asset_of(&o.asset);
	if (r->open_value)
		out.value = elements_value_of(o.value);
	return out;
}

/* One transaction with all of them. */
static void transaction(struct chain_tx *tx, const struct recipe *r, uint32_t count, uint8_t *bytes)
{
	struct elements_txin in = {.prev = {.txid = {{9}}, .index = 1}, .sequence = UINT32_MAX};
	struct elements_txout out[16];
	struct elements_tx t = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = count};
	struct buf raw = buf_init(bytes, TX_BYTES);
	CHECK(count <= ARRAY_LEN(out) && count <= ARRAY_LEN(proofs));
	for (uint32_t i = 0; i < count; i++)
		out[i] = make(&r[i], proofs[i]);
	elements_tx_put(&raw, &t);
	elements_tx_id(&tx->txid, &t);
	CHECK(!raw.overflow);
	tx->big = bytes;
	tx->len = raw.len;
}

static const struct recipe recipes[] = {
	{.script = wallet_spk, .value = VALUE_RAW},
	{"that is not ours", wallet_spk, .key_index = KEY_INDEX_COUNT, .value = VALUE_RAW},
	{"that is not ours", change_spk, .key_index = KEY_INDEX_RECEIVE, .value = VALUE_RAW},
	{"in another asset", wallet_spk, .value = VALUE_RAW, .other_asset = true},
	{"proof that is none", wallet_spk, .value = VALUE_RAW, .other_message = true},
	{"proof that is none", wallet_spk, .value = VALUE_RAW, .garbled = true},
	{"what it takes to read", wallet_spk, .value = VALUE_RAW, .no_proof = true},
	{"what it takes to read", wallet_spk, .value = VALUE_RAW, .no_nonce = true},
	{"what it takes to read", wallet_spk, .value = VALUE_RAW, .open_asset = true},
	{"what it takes to read", wallet_spk, .value = VALUE_RAW, .open_value = true},
	{"and nothing", wallet_spk, .value = 0},
	{"and nothing", wallet_spk, .value = VALUE_RAW, .no_blinders = true},
	{"a lock-up confidentially", lock_spk, .value = VALUE_RAW},
};

static void check_coin(const struct recipe *r, const struct chain_tx *tx, uint32_t index)
{
	const struct chain_event *e = fake_event(&fake, CHAIN_COIN_CREATED);
	const struct elements_opening o = opening_of(r);
	const struct blinders hidden = elements_blinders_of(&o);
	CHECK(hash256_eq(&e->at.tx, &tx->txid) && e->at.index == index);
	CHECK(e->flags == CHAIN_HIDDEN && e->key_index == r->key_index);
	CHECK(amount_cmp(e->amount, amount_of(ASSET_LBTC, r->value)) == 0);
	CHECK(memcmp(&e->hidden, &hidden, sizeof hidden) == 0);
}

static void test_each(void)
{
	static uint8_t bytes[TX_BYTES];
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		struct chain_tx tx = {.big = bytes};
		world_begin();
		CHECK(wallet_script(change_spk, &wallet, LAYER_LIQUID, KEY_INDEX_CHANGE) == OK);
		transaction(&tx, &recipes[i], 1, bytes);
		chain_mine(&chain, &tx, 1);
		world_start();
		fake_run(&fake, 3000);
		CHECK(fake.block_count == 1 && fake_info(&fake).err == OK);
		CHECK(fake.event_count == (recipes[i].said == NULL));
		if (recipes[i].said == NULL)
			check_coin(&recipes[i], &tx, 0);
		else
			CHECK(strstr(fake_info(&fake).detail, recipes[i].said) != NULL);
		world_end();
	}
}

/* All of them in one transaction, behind one of its own and before one: each is told apart. Blocks
 * are checked by workers where there are some. */
static void test_together(void (*begin)(void))
{
	static uint8_t bytes[2][TX_BYTES];
	struct recipe turned[ARRAY_LEN(recipes)];
	struct chain_tx tx[3];
	begin();
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
		turned[i] = recipes[(i + 1) % ARRAY_LEN(recipes)];
	const uint32_t last = ARRAY_LEN(recipes) - 1;
	tx[0] = deposit;
	transaction(&tx[1], turned, ARRAY_LEN(recipes), bytes[0]);
	transaction(&tx[2], &turned[3], 2, bytes[1]);
	chain_mine(&chain, tx, 3);
	world_start();
	for (unsigned i = 0; i < 100 && fake.block_count == 0; i++)
		fake_run(&fake, 100);
	CHECK(fake.block_count == 1 && fake.event_count == 2);
	CHECK(fake.event[0].flags == 0 && hash256_eq(&fake.event[0].tx, &deposit.txid));
	fake.event[0].kind = CHAIN_COIN_SPENT; /* was looked at */
	check_coin(&turned[last], &tx[1], last);
	world_end();
}

/* ---- scans ---- */

static struct layer_scan scanned;
static unsigned called;

static void on_scan(void *ctx, const struct layer_scan *scan)
{
	(void)ctx;
	scanned = *scan;
	called++;
}

/* As elementsd lists it: commitments, and no proof. */
static struct json *listed(const struct hash256 *tx, uint32_t index)
{
	char text[512], txid[65], script[69];
	struct json *v;
	struct buf b = buf_init(text, sizeof text);
	hex_encode_reversed(txid, tx->b, sizeof tx->b);
	hex_encode(script, wallet_spk, sizeof wallet_spk);
	buf_printf(&b,
		"{\"txid\":\"%s\",\"vout\":%u,\"scriptPubKey\":\"%s\",\"amountcommitment\":"
		"\"0800\",\"assetcommitment\":\"0a00\"}",
		txid, (unsigned)index, script);
	CHECK(json_parse(&v, buf_slice(&b), NULL) == OK);
	return v;
}

static void scan(enum err err, uint64_t raw)
{
	called = 0;
	CHECK(layer_scan(fake.layer, NULL, 0, on_scan, NULL) == OK);
	fake_run(&fake, 70000);
	CHECK(called == 1 && scanned.err == err);
	CHECK(err != OK || amount_cmp(scanned.wallet, amount_of(ASSET_LBTC, raw)) == 0);
}

/* Counted is what was credited, also by who starts again and is told of his coins; never before its
 * block was reported, since nobody knows what it holds. */
static void test_scanned(void)
{
	static uint8_t bytes[TX_BYTES];
	struct chain_tx tx;
	const struct elements_opening o = {{{0}}, {VALUE_RAW}, {{[30] = 5}}, {{[29] = 6}}};
	world_begin();
	transaction(&tx, recipes, 2, bytes);
	chain_mine(&chain, &tx, 1);
	struct json *both = chain.unspent = json_array();
	json_push(both, listed(&tx.txid, 0));
	json_push(both, listed(&tx.txid, 1)); /* to a key that is not ours */
	scan(ERR_STATE, 0);
	world_start();
	scan(OK, VALUE_RAW);
	world_end();

	world_begin();
	chain.unspent = both;
	chain_mine(&chain, &tx, 1);
	const struct btc_coin coin = {
		.at = {.txid = tx.txid}, .value = o.value, .hidden = elements_blinders_of(&o)};
	CHECK(layer_watch_coin(fake.layer, &coin) == OK);
	fake_start(&fake, &chain.block[1].ref, 1);
	scan(OK, VALUE_RAW);
	CHECK(fake.block_count == 0);
	world_end();
	json_free(both);
}

int main(void)
{
	world_layer = LAYER_LIQUID;
	test_each();
	test_together(world_begin);
	test_together(world_begin_threads);
	test_scanned();
	return EXIT_SUCCESS;
}
