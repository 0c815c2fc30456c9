#include "wire/elements_tx.h"
#include "base/hex.h"
#include "wire/vectors_elements_liquidjs.h"
#include "wire/vectors_elements_transactions.h"
#include "wire/vectors_elements_wally.h"

#define ROOM 64u

static struct elements_txin ins[ROOM];
static struct elements_txout outs[ROOM];
static uint8_t storage[1u << 15];

static enum err parse(struct elements_tx *tx, size_t *used, struct slice in)
{
	*tx = (struct elements_tx){.in = ins, .out = outs};
	return elements_tx_parse(tx, used, ROOM, ROOM, in);
}

static enum err parse_bytes(const void *bytes, size_t len)
{
	struct elements_tx tx;
	size_t used;
	return parse(&tx, &used, slice_of(bytes, len));
}

static void expect(const struct hash256 *got, const char *reversed)
{
	struct hash256 want;
	CHECK(hex_decode_reversed(want.b, 32, slice_str(reversed)) == OK);
	CHECK(hash256_eq(got, &want));
}

/* The ids, the same bytes back, not one byte too many; every proper prefix is short. */
static void check_tx(struct slice bytes, const char *txid, const char *wtxid)
{
	struct elements_tx tx;
	struct hash256 id;
	size_t used;
	CHECK(parse(&tx, &used, bytes) == OK && used == bytes.len);
	elements_tx_id(&id, &tx);
	expect(&id, txid);
	elements_tx_wtxid(&id, &tx);
	expect(&id, wtxid);
	struct buf b = buf_init(storage, sizeof storage);
	elements_tx_put(&b, &tx);
	CHECK(slice_eq(buf_slice(&b), bytes));
	b = buf_init(storage, bytes.len - 1);
	elements_tx_put(&b, &tx);
	CHECK(b.overflow);
	for (size_t n = 0; n < bytes.len; n += n < 600 ? 1 : 97) {
		tx.version = 77;
		used = 77;
		CHECK(parse(&tx, &used, slice_of(bytes.ptr, n)) == ERR_SHORT && used == 77);
	}
}

static void test_recorded(void)
{
	unsigned discounted = 0;
	for (size_t i = 0; i < ARRAY_LEN(elements_recorded); i++) {
		struct elements_tx tx;
		size_t used;
		check_tx(elements_recorded[i].tx, elements_recorded[i].txid,
			elements_recorded[i].wtxid);
		CHECK(parse(&tx, &used, elements_recorded[i].tx) == OK);
		CHECK(elements_tx_weight(&tx) == elements_recorded[i].weight);
		CHECK(elements_tx_vsize(&tx) == elements_recorded[i].vsize);
		CHECK(elements_tx_is_coinbase(&tx) ==
			(strncmp(elements_recorded[i].name, "coinbase", 8) == 0));
		if (elements_recorded[i].discount_weight == 0)
			continue;
		CHECK(elements_tx_discount_weight(&tx) == elements_recorded[i].discount_weight);
		CHECK(elements_tx_discount_vsize(&tx) == elements_recorded[i].discount_vsize);
		CHECK(elements_recorded[i].discount_vsize < elements_recorded[i].vsize / 8);
		discounted++;
	}
	CHECK(discounted > 0);
}

static void test_liquidjs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(liquidjs_transactions); i++)
		check_tx(liquidjs_transactions[i].tx, liquidjs_transactions[i].txid,
			liquidjs_transactions[i].wtxid);
}

static struct elements_tx by_name(const char *name)
{
	struct elements_tx tx = {0};
	size_t used;
	for (size_t i = 0; i < ARRAY_LEN(liquidjs_transactions); i++)
		if (strcmp(liquidjs_transactions[i].name, name) == 0)
			CHECK(parse(&tx, &used, liquidjs_transactions[i].tx) == OK);
	for (size_t i = 0; i < ARRAY_LEN(elements_recorded); i++)
		if (strcmp(elements_recorded[i].name, name) == 0)
			CHECK(parse(&tx, &used, elements_recorded[i].tx) == OK);
	CHECK(tx.in_count > 0);
	return tx;
}

/* Inputs and outputs of all kinds, as wallycore weighs them. */
static void test_weights(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wally_weights); i++) {
		const struct elements_tx tx = by_name(wally_weights[i].name);
		CHECK(elements_tx_weight(&tx) == wally_weights[i].weight);
		CHECK(elements_tx_discount_weight(&tx) == wally_weights[i].discount);
	}
}

/* What the parts of a transaction say. */
static void test_parts(void)
{
	struct hash256 asset, first;
	struct sat value, fee;
	struct elements_tx tx = by_name("explicit outputs and a fee");
	CHECK(tx.version == 2 && tx.locktime == 0 && tx.in_count == 1 && tx.out_count == 2);
	CHECK(!tx.in[0].pegin && !tx.in[0].issues);
	CHECK(elements_asset_read(&asset, &tx.out[1].asset));
	expect(&asset, "5ac9f65c0efcc4775e0baec4ec03abdde22473cd3cf33c0419ca290e0751b225");
	CHECK(elements_asset_read(&first, &tx.out[0].asset) && hash256_eq(&first, &asset));
	CHECK(elements_value_read(&value, &tx.out[0].value) && value.raw == 2099999999990000);
	CHECK(elements_value_read(&fee, &tx.out[1].value) && fee.raw == 10000);
	CHECK(!elements_txout_is_fee(&tx.out[0]) && elements_txout_is_fee(&tx.out[1]));
	CHECK(elements_nonce_form(&tx.out[0].nonce) == ELEMENTS_NULL);
	const struct elements_asset same_asset = elements_asset_of(&asset);
	const struct elements_value same_value = elements_value_of(fee);
	CHECK(memcmp(&same_asset, &tx.out[1].asset, sizeof same_asset) == 0);
	CHECK(memcmp(&same_value, &tx.out[1].value, sizeof same_value) == 0);

	tx = by_name("a blinded and an explicit output");
	unsigned blinded = 0;
	for (uint32_t i = 0; i < tx.out_count; i++) {
		if (elements_value_form(&tx.out[i].value) != ELEMENTS_COMMITMENT)
			continue;
		blinded++;
		CHECK(elements_asset_form(&tx.out[i].asset) == ELEMENTS_COMMITMENT);
		CHECK(elements_nonce_form(&tx.out[i].nonce) == ELEMENTS_COMMITMENT);
		CHECK(tx.out[i].range_proof.len > 0 && tx.out[i].surjection_proof.len > 0);
		CHECK(!elements_value_read(&value, &tx.out[i].value));
		CHECK(!elements_asset_read(&asset, &tx.out[i].asset));
	}
	CHECK(blinded == 1);
}

static void test_inputs(void)
{
	struct elements_tx tx = by_name("pegin that issues");
	CHECK(tx.in[0].pegin && tx.in[0].issues && tx.in[0].prev.index <= ELEMENTS_INDEX_MAX);
	CHECK(btc_witness_count(tx.in[0].pegin_witness) == 6);
	CHECK(elements_value_form(&tx.in[0].issuance.amount) == ELEMENTS_EXPLICIT);
	CHECK(elements_value_form(&tx.in[0].issuance.tokens) == ELEMENTS_NULL);
	tx = by_name("reissue");
	CHECK(!tx.in[0].pegin && tx.in[0].issues);
	CHECK(!hash256_is_zero(&tx.in[0].issuance.nonce));
	CHECK(tx.in[0].issuance.amount_proof.len == 300);
	CHECK(tx.in[0].issuance.tokens_proof.len == 0);
	tx = by_name("blinded issuance");
	CHECK(tx.in[0].issues && hash256_is_zero(&tx.in[0].issuance.nonce));
	CHECK(elements_value_form(&tx.in[0].issuance.amount) == ELEMENTS_COMMITMENT);
	CHECK(tx.in[0].issuance.amount_proof.len > 0 && tx.in[0].issuance.tokens_proof.len > 0);
	tx = by_name("coinbase with a witness");
	CHECK(tx.in[0].prev.index == UINT32_MAX && !tx.in[0].pegin && !tx.in[0].issues);
}

/* One input, one explicit output, made by hand: where its parts lie. */
enum {
	AT_FLAGS = 4,
	AT_IN_COUNT = 5,
	AT_TOP_OF_INDEX = 41,
	AT_SEQUENCE = 43,
	AT_OUT_COUNT = 47,
	AT_ASSET = 48,
	AT_VALUE = 81,
	AT_NONCE = 90,
	AT_LOCKTIME = 92,
	SIZE = 96,
};

static void plain(uint8_t tx[SIZE + 80])
{
	memset(tx, 0, SIZE + 80);
	tx[0] = 2;
	tx[AT_IN_COUNT] = 1;
	memset(tx + AT_IN_COUNT + 1, 0xab, 32);
	tx[AT_OUT_COUNT] = 1;
	tx[AT_ASSET] = 1;
	tx[AT_VALUE] = 1;
}

static void test_strict(void)
{
	static const struct {
		size_t at;
		uint8_t byte;
		enum err err;
	} rows[] = {
		{AT_FLAGS, 0, OK},
		{AT_FLAGS, 1, ERR_FORMAT}, /* witnesses, none of which has content */
		{AT_FLAGS, 2, ERR_FORMAT}, {AT_FLAGS, 3, ERR_FORMAT}, {AT_FLAGS, 0xff, ERR_FORMAT},
		{AT_IN_COUNT, 0, ERR_FORMAT}, {AT_IN_COUNT, ROOM + 1, ERR_FULL},
		{AT_OUT_COUNT, 0, ERR_FORMAT}, {AT_OUT_COUNT, ROOM + 1, ERR_FULL},
		{AT_OUT_COUNT, 2, ERR_FORMAT}, /* the second would have no asset */
		{AT_ASSET, 0, ERR_FORMAT}, {AT_ASSET, 2, ERR_FORMAT}, {AT_ASSET, 8, ERR_FORMAT},
		{AT_ASSET, 0x0a, OK}, {AT_ASSET, 0x0b, OK}, {AT_ASSET, 0x0c, ERR_FORMAT},
		{AT_ASSET, 0xff, ERR_FORMAT}, {AT_VALUE, 0, ERR_FORMAT},
		{AT_VALUE, 0x0a, ERR_FORMAT}, {AT_VALUE + 1, 0x01, ERR_RANGE},
		{AT_VALUE + 2, 0x08, ERR_RANGE},
		{AT_VALUE + 2, 0x07, OK}, /* 1.97 * 10^15 of 2.1 * 10^15 */
		{AT_NONCE, 4, ERR_FORMAT}, {AT_NONCE, 0x08, ERR_FORMAT},
		{AT_TOP_OF_INDEX, 0x40,
			OK}, /* peg-in: proved by a witness that a parser can't miss */
		{AT_TOP_OF_INDEX, 0x80, ERR_FORMAT}, /* an issuance of nothing */
	};
	uint8_t tx[SIZE + 80];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		plain(tx);
		tx[rows[i].at] = rows[i].byte;
		CHECK(parse_bytes(tx, sizeof tx) == rows[i].err);
	}
	/* a count in a longer form than needed; one that no transaction has room for */
	plain(tx);
	memcpy(tx + AT_IN_COUNT, (uint8_t[]){0xfd, 1, 0}, 3);
	CHECK(parse_bytes(tx, sizeof tx) == ERR_FORMAT);
	memcpy(tx + AT_IN_COUNT, (uint8_t[]){0xfe, 0, 0, 2, 0}, 5);
	CHECK(parse_bytes(tx, sizeof tx) == ERR_FORMAT);
	plain(tx);
	memcpy(tx + AT_OUT_COUNT, (uint8_t[]){0xfe, 0, 0, 2, 0}, 5);
	CHECK(parse_bytes(tx, sizeof tx) == ERR_FORMAT);
}

/* Nothing over BTC_TX_SIZE_MAX is a transaction, however many bytes follow. */
static void test_size(void)
{
	static uint8_t big[BTC_TX_SIZE_MAX + 100];
	const uint32_t script_len = BTC_TX_SIZE_MAX - SIZE - 4; /* four more for its length */
	struct elements_tx tx;
	size_t used;
	plain(big);
	big[AT_NONCE + 1] = 0xfe;
	store_le32(big + AT_NONCE + 2, script_len);
	CHECK(parse(&tx, &used, slice_of(big, sizeof big)) == OK && used == BTC_TX_SIZE_MAX);
	CHECK(parse_bytes(big, BTC_TX_SIZE_MAX - 1) == ERR_SHORT);
	store_le32(big + AT_NONCE + 2, script_len + 1);
	CHECK(parse_bytes(big, sizeof big) == ERR_FORMAT);
	CHECK(parse_bytes(big, BTC_TX_SIZE_MAX - 1) == ERR_SHORT);
}

int main(void)
{
	test_recorded();
	test_liquidjs();
	test_weights();
	test_parts();
	test_inputs();
	test_strict();
	test_size();
	return 0;
}
