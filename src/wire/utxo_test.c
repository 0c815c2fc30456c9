/* Transactions of ours on layers of coins: what is built is read as one of Bitcoin's, is as large
 * as was said, and pays what was planned; on Liquid nothing else than L-BTC gets through, which is
 * explicit until it is blinded.
 */
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#include "wire/elements_address.h"
#include "wire/elements_build.h"

#include <stdlib.h>

#define COINS 3u
#define COIN_RAW 100000u
#define VALUE_RAW 150000u
#define FEE_RAW 700u

static uint8_t payee_script[34] = {0x51, 0x20, 1}, change_script[34] = {0x51, 0x20, 2};

static const struct network *regtest(enum layer_id layer)
{
	return network_by_name(layer, slice_str("regtest"));
}

/* blinded: the payee's destination has the receiver's key. */
static uint8_t destination[33 + 34];
static const struct seckey receiver = {{[31] = 9}};

static struct slice payee_of(bool blinded)
{
	struct pubkey key;
	CHECK(pubkey_from_seckey(&key, &receiver) == OK);
	memcpy(destination, key.b, sizeof key.b);
	memcpy(destination + 33, payee_script, sizeof payee_script);
	return blinded ? slice_of(destination, sizeof destination)
		       : slice_of(payee_script, sizeof payee_script);
}

static void build_to(
	struct buf *raw, struct sat *change, enum layer_id layer, uint64_t fee, bool blinded)
{
	struct btc_coin coin[COINS];
	const struct btc_txout payee = {.value = {VALUE_RAW}, .script = payee_of(blinded)};
	struct btc_payment p = {.coin = coin,
		.coin_count = COINS,
		.payee = &payee,
		.payee_count = 1,
		.fee = {fee},
		.locktime = 100};
	for (uint32_t i = 0; i < COINS; i++)
		coin[i] = (struct btc_coin){
			.at = {.txid = {{(uint8_t)(i + 1)}}, .index = i}, .value = {COIN_RAW}};
	memcpy(p.change_script, change_script, sizeof change_script);
	CHECK(utxo_build_payment(raw, change, regtest(layer), &p) == OK);
}

static void build(struct buf *raw, struct sat *change, enum layer_id layer, uint64_t fee)
{
	build_to(raw, change, layer, fee, false);
}

/* Written with witnesses of the right size, the transaction has the size that its fee is for. */
static uint64_t signed_vsize(struct utxo_tx *u)
{
	static uint8_t witness[66] = {1, 64};
	static uint8_t bytes[64 * 1024];
	struct buf raw = buf_init(bytes, sizeof bytes);
	struct hash256 txid;
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		u->in[i].witness = slice_of(witness, sizeof witness);
	utxo_tx_put(&raw, &txid, u);
	CHECK(!raw.overflow);
	return u->network->layer == LAYER_LIQUID ? elements_tx_vsize(&u->elements.tx)
						 : btc_tx_vsize(&u->tx);
}

static void test_payment(enum layer_id layer, const struct btc_sizes *sizes)
{
	uint8_t bytes[4096];
	struct buf raw = buf_init(bytes, sizeof bytes);
	struct utxo_tx u;
	struct sat change;
	build(&raw, &change, layer, FEE_RAW);
	CHECK(change.raw == COINS * COIN_RAW - VALUE_RAW - FEE_RAW);
	CHECK(utxo_tx_open(&u, regtest(layer), buf_slice(&raw)) == OK);
	CHECK(u.tx.in_count == COINS && u.tx.out_count == 2 && u.tx.locktime == 100);
	CHECK(u.out[0].value.raw == VALUE_RAW && u.out[1].value.raw == change.raw);
	CHECK(slice_eq(u.out[1].script, slice_of(change_script, sizeof change_script)));
	CHECK(u.states_fee == (layer == LAYER_LIQUID));
	CHECK(!u.states_fee || u.fee.raw == FEE_RAW);
	CHECK(signed_vsize(&u) ==
		btc_payment_vsize(
			sizes, COINS, btc_output_weight(sizes, sizeof payee_script), true));
	/* change that is dust is paid to those who make the blocks, and said to be */
	raw = buf_init(bytes, sizeof bytes);
	build(&raw, &change, layer, COINS * COIN_RAW - VALUE_RAW - sizes->change_dust.raw + 1);
	CHECK(change.raw == 0);
	CHECK(utxo_tx_open(&u, regtest(layer), buf_slice(&raw)) == OK && u.tx.out_count == 1);
	CHECK(!u.states_fee || u.fee.raw == COINS * COIN_RAW - VALUE_RAW);
	for (size_t n = 0; n < raw.len; n++)
		CHECK(utxo_tx_open(&u, regtest(layer), slice_of(bytes, n)) != OK);
}

/* ---- what Liquid's may not be ---- */

static void no_change(struct elements_tx *tx)
{
	(void)tx;
}
static void other_asset(struct elements_tx *tx)
{
	tx->out[0].asset.b[9] ^= 1;
}
static void fee_of_other_asset(struct elements_tx *tx)
{
	tx->out[2].asset.b[9] ^= 1;
}
static void fee_first(struct elements_tx *tx)
{
	const struct elements_txout first = tx->out[0];
	tx->out[0] = tx->out[2];
	tx->out[2] = first;
}
static void two_fees(struct elements_tx *tx)
{
	tx->out[1].script = slice_of(NULL, 0);
}
static void no_fee(struct elements_tx *tx)
{
	tx->out_count = 2;
}
static void to_be_blinded(struct elements_tx *tx)
{
	tx->out[0].nonce.b[0] = 2;
	tx->out[0].nonce.b[5] = 7;
}
static void blinded(struct elements_tx *tx)
{
	tx->out[0].value = (struct elements_value){{ELEMENTS_VALUE_COMMITMENT, 1}};
}
static void pegged_in(struct elements_tx *tx)
{
	tx->in[0].pegin = true;
}
static void issued(struct elements_tx *tx)
{
	tx->in[0].issues = true;
	tx->in[0].issuance.amount = elements_value_of((struct sat){5});
}

static void test_refusals(void)
{
	static const struct {
		void (*change)(struct elements_tx *tx);
		enum err err;
	} rows[] = {{no_change, OK}, {other_asset, ERR_FORMAT}, {fee_of_other_asset, ERR_FORMAT},
		{fee_first, ERR_FORMAT}, {two_fees, ERR_FORMAT}, {no_fee, ERR_FORMAT},
		{to_be_blinded, ERR_FORMAT}, {blinded, ERR_FORMAT}, {pegged_in, ERR_FORMAT},
		{issued, ERR_FORMAT}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[4096], changed[4096];
		struct buf raw = buf_init(bytes, sizeof bytes), again = buf_init(changed, 4096);
		struct utxo_tx u;
		struct sat change;
		build(&raw, &change, LAYER_LIQUID, FEE_RAW);
		CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
		rows[i].change(&u.elements.tx);
		elements_tx_put(&again, &u.elements.tx);
		CHECK(!again.overflow);
		struct utxo_tx read;
		CHECK(utxo_tx_open(&read, regtest(LAYER_LIQUID), buf_slice(&again)) == rows[i].err);
	}
}

/* A signature for one chain is none for the other, nor for another chain of the same kind. */
static void test_messages(void)
{
	static const char *const names[] = {"mainnet", "testnet", "regtest"};
	struct hash256 message[ARRAY_LEN(names)];
	uint8_t bytes[4096];
	struct buf raw = buf_init(bytes, sizeof bytes);
	struct utxo_tx u;
	struct sat change;
	struct btc_txout spent[COINS];
	build(&raw, &change, LAYER_LIQUID, FEE_RAW);
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	for (uint32_t i = 0; i < COINS; i++)
		spent[i] = (struct btc_txout){.value = {COIN_RAW},
			.script = slice_of(change_script, sizeof change_script)};
	CHECK(utxo_tx_spends(&u, spent, NULL, NULL) == OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		u.network = network_by_name(LAYER_LIQUID, slice_str(names[i]));
		utxo_tx_key_path(&message[i], &u, 0);
		for (size_t k = 0; k < i; k++)
			CHECK(!hash256_eq(&message[i], &message[k]));
	}
}

/* ---- what is blinded ---- */

static const struct hash256 seed_of_blinding = {{5}};

static void spends(struct btc_txout spent[COINS])
{
	for (uint32_t i = 0; i < COINS; i++)
		spent[i] = (struct btc_txout){.value = {COIN_RAW},
			.script = slice_of(change_script, sizeof change_script)};
}

/* Read explicitly, with something beside that is not shown; blinded before it is hashed. */
static void test_blinded(void)
{
	static struct utxo_tx u;
	uint8_t bytes[4096];
	struct buf raw = buf_init(bytes, sizeof bytes);
	struct sat change;
	struct btc_txout spent[COINS];
	struct elements_opening got;
	struct hash256 message, again;
	const struct slice to = payee_of(true), script = payee_of(false);
	build_to(&raw, &change, LAYER_LIQUID, FEE_RAW, true);
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	CHECK(u.tx.out_count == 2 && u.out[0].value.raw == VALUE_RAW && u.fee.raw == FEE_RAW);
	CHECK(u.out[1].value.raw == change.raw && u.elements.tx.out_count == 4);
	CHECK(utxo_tx_pays(&u, 0, to) && !utxo_tx_pays(&u, 0, script));
	CHECK(utxo_tx_pays(&u, 1, slice_of(change_script, sizeof change_script)));
	destination[5] ^= 1;
	CHECK(!utxo_tx_pays(&u, 0, to));
	destination[5] ^= 1;
	spends(spent);
	CHECK(utxo_tx_spends(&u, spent, NULL, NULL) == ERR_FORMAT); /* nothing to blind it by */
	CHECK(utxo_tx_spends(&u, spent, NULL, &seed_of_blinding) == OK);
	utxo_tx_key_path(&message, &u, 0);
	CHECK(elements_open(&got, &u.elements.out[0], &receiver) == OK);
	CHECK(got.value.raw == VALUE_RAW);
	/* as large as was said, but for two proofs of three inputs in place of sixty-four */
	const uint64_t said = btc_payment_vsize(
		&elements_sizes, COINS, utxo_output_weight(LAYER_LIQUID, to.len), true);
	const uint64_t is = signed_vsize(&u);
	CHECK(is <= said && said - is <= 8);
	/* the same for who does it again, which is what signer and engine do */
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	CHECK(utxo_tx_spends(&u, spent, NULL, &seed_of_blinding) == OK);
	utxo_tx_key_path(&again, &u, 0);
	CHECK(hash256_eq(&message, &again));
	for (size_t n = 0; n < raw.len; n++)
		CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), slice_of(bytes, n)) != OK);
}

static void without_beside(struct elements_tx *tx)
{
	tx->out[2] = tx->out[3];
	tx->out_count = 3;
}
static void beside_is_explicit(struct elements_tx *tx)
{
	tx->out[2].nonce = (struct elements_nonce){{0}};
}
static void beside_two(struct elements_tx *tx)
{
	tx->out[1].nonce = tx->out[0].nonce;
}
static void no_key(struct elements_tx *tx)
{
	memset(tx->out[0].nonce.b + 1, 0xff, 32);
}

static void test_blinded_refusals(void)
{
	static void (*const changes[])(struct elements_tx * tx) = {
		without_beside, beside_is_explicit, beside_two, no_key};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint8_t bytes[4096], changed[4096];
		struct buf raw = buf_init(bytes, sizeof bytes), again = buf_init(changed, 4096);
		static struct utxo_tx u;
		struct sat change;
		struct btc_txout spent[COINS];
		build_to(&raw, &change, LAYER_LIQUID, FEE_RAW, true);
		CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
		changes[i](&u.elements.tx);
		elements_tx_put(&again, &u.elements.tx);
		CHECK(!again.overflow);
		spends(spent);
		enum err err = utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&again));
		if (err == OK)
			err = utxo_tx_spends(&u, spent, NULL, &seed_of_blinding);
		CHECK(err == ERR_FORMAT);
	}
}

/* ---- confidential coins ---- */

static const struct seckey own_key = {{[31] = 11}}; /* what change is blinded for */

static struct blinders blinders_of(uint32_t i)
{
	struct blinders b = {{0}, {0}};
	b.asset[31] = (uint8_t)(i + 1);
	b.value[30] = (uint8_t)(i + 7);
	return b;
}

/* The first coin is confidential, the others if all are. */
static void build_hidden(struct buf *raw, struct sat *change, uint64_t fee, bool blinded, bool all)
{
	struct btc_coin coin[COINS];
	struct pubkey own;
	const struct btc_txout payee = {.value = {VALUE_RAW}, .script = payee_of(blinded)};
	struct btc_payment p = {.coin = coin,
		.coin_count = COINS,
		.payee = &payee,
		.payee_count = 1,
		.fee = {fee},
		.locktime = 100};
	for (uint32_t i = 0; i < COINS; i++) {
		coin[i] = (struct btc_coin){
			.at = {.txid = {{(uint8_t)(i + 1)}}, .index = i}, .value = {COIN_RAW}};
		if (i == 0 || all)
			coin[i].hidden = blinders_of(i);
	}
	memcpy(p.change_script, change_script, sizeof change_script);
	CHECK(utxo_build_payment(raw, change, regtest(LAYER_LIQUID), &p) == ERR_STATE);
	raw->len = 0;
	CHECK(pubkey_from_seckey(&own, &own_key) == OK);
	p.change_blinding = &own;
	CHECK(utxo_build_payment(raw, change, regtest(LAYER_LIQUID), &p) == OK);
}

/* Spent as it lies on the chain, it balances; change is opened by our key and nobody else's. */
static void check_hidden(
	struct utxo_tx *u, const struct blinders hidden[COINS], struct sat change, bool blinded)
{
	struct elements_txout own[COINS];
	struct elements_opening o;
	for (uint32_t i = 0; i < COINS; i++) {
		own[i] = (struct elements_txout){.script = slice_of(change_script, 34)};
		o = elements_opening_of(&elements_network_of(u->network)->policy_asset,
			(struct sat){COIN_RAW}, &hidden[i]);
		CHECK(elements_spent(&own[i], &o) == OK);
		CHECK((elements_value_form(&own[i].value) == ELEMENTS_EXPLICIT) ==
			!blinders_any(&hidden[i]));
	}
	CHECK(elements_check_balance(&u->elements.tx, own) == OK);
	if (change.raw > 0) {
		CHECK(elements_open(&o, &u->elements.out[1], &receiver) == ERR_NOT_FOUND);
		CHECK(elements_open(&o, &u->elements.out[1], &own_key) == OK);
		CHECK(o.value.raw == change.raw);
	}
	CHECK((elements_value_form(&u->elements.out[0].value) == ELEMENTS_COMMITMENT) == blinded);
	/* another amount than was committed to makes money */
	o = elements_opening_of(&elements_network_of(u->network)->policy_asset,
		(struct sat){COIN_RAW - 1}, &hidden[0]);
	CHECK(elements_spent(&own[0], &o) == OK);
	CHECK(elements_check_balance(&u->elements.tx, own) == ERR_CHECKSUM);
}

static void test_hidden(bool blinded, bool all, bool exact)
{
	static struct utxo_tx u;
	uint8_t bytes[4096];
	struct buf raw = buf_init(bytes, sizeof bytes);
	const uint64_t fee = exact ? COINS * COIN_RAW - VALUE_RAW : FEE_RAW;
	struct sat change;
	struct btc_txout spent[COINS];
	struct blinders hidden[COINS] = {0};
	struct hash256 message, explicit;
	for (uint32_t i = 0; i < (all ? COINS : 1); i++)
		hidden[i] = blinders_of(i);
	build_hidden(&raw, &change, fee, blinded, all);
	CHECK((change.raw == 0) == exact);
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	CHECK(u.tx.out_count == (exact ? 1 : 2) && u.elements.beside == (exact && !blinded));
	CHECK(exact || !utxo_tx_pays(&u, 1, slice_of(change_script, sizeof change_script)));
	spends(spent);
	/* of coins in plain sight it is another payment, and none that balances */
	CHECK((utxo_tx_spends(&u, spent, NULL, &seed_of_blinding) == OK) == (blinded && !exact));
	utxo_tx_key_path(&explicit, &u, 0);
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	CHECK(utxo_tx_spends(&u, spent, hidden, &seed_of_blinding) == OK);
	utxo_tx_key_path(&message, &u, 0);
	CHECK(!hash256_eq(&message, &explicit));
	const uint64_t said = btc_payment_vsize(&elements_sizes, COINS,
		utxo_output_weight(LAYER_LIQUID, payee_of(blinded).len) +
			utxo_hidden_weight(LAYER_LIQUID, blinded),
		!exact);
	const uint64_t is = signed_vsize(&u);
	CHECK(is <= said);
	check_hidden(&u, hidden, change, blinded);
	/* a signature is over the commitments: it knows the blinders */
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	hidden[0].value[0] ^= 1;
	CHECK(utxo_tx_spends(&u, spent, hidden, &seed_of_blinding) == OK);
	utxo_tx_key_path(&explicit, &u, 0);
	CHECK(!hash256_eq(&message, &explicit));
	CHECK(utxo_tx_open(&u, regtest(LAYER_LIQUID), buf_slice(&raw)) == OK);
	memset(hidden[0].value, 0xff, sizeof hidden[0].value);
	CHECK(utxo_tx_spends(&u, spent, hidden, &seed_of_blinding) == ERR_FORMAT);
}

static void test_destinations(void)
{
	struct slice script;
	struct pubkey key;
	const struct slice to = payee_of(true);
	CHECK(elements_destination_split(&script, &key, to) && script.len == 34);
	CHECK(memcmp(key.b, destination, 33) == 0);
	CHECK(!elements_destination_split(&script, &key, payee_of(false)) && script.len == 34);
	CHECK(!elements_destination_split(&script, &key, slice_of(destination, 33)));
	CHECK(utxo_destination_blinded(LAYER_LIQUID, to.len));
	CHECK(!utxo_destination_blinded(LAYER_LIQUID, 34));
	CHECK(!utxo_destination_blinded(LAYER_BITCOIN, to.len));
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_payment(LAYER_BITCOIN, &btc_sizes);
	test_payment(LAYER_LIQUID, &elements_sizes);
	test_refusals();
	test_messages();
	test_blinded();
	test_blinded_refusals();
	for (unsigned i = 0; i < 8; i++)
		test_hidden((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
	test_destinations();
	return EXIT_SUCCESS;
}
