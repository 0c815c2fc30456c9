#include "btc/tx.h"
#include "base/hex.h"
#include "btc/vectors_transactions.h"

#define ROOM 64u

static struct btc_txin ins[ROOM];
static struct btc_txout outs[ROOM];

static enum err parse(struct btc_tx *tx, size_t *used, struct slice in)
{
	*tx = (struct btc_tx){.in = ins, .out = outs};
	return btc_tx_parse(tx, used, ROOM, ROOM, in);
}

static enum err parse_bytes(const void *bytes, size_t len)
{
	struct btc_tx tx;
	size_t used;
	return parse(&tx, &used, slice_of(bytes, len));
}

/* The id, the weight, the same bytes back; every proper prefix is short. */
static void test_valid(void)
{
	unsigned with_witness = 0;
	for (size_t i = 0; i < ARRAY_LEN(tx_valid); i++) {
		const struct slice bytes = tx_valid[i].bytes;
		static uint8_t again[4096];
		struct hash256 id;
		struct hash256 want;
		struct btc_tx tx;
		size_t used;
		CHECK(parse(&tx, &used, bytes) == OK && used == bytes.len);
		btc_tx_id(&id, &tx);
		CHECK(hex_decode_reversed(want.b, 32, slice_str(tx_valid[i].txid)) == OK);
		CHECK(hash256_eq(&id, &want));
		CHECK(btc_tx_weight(&tx) == tx_valid[i].weight);
		CHECK(btc_tx_vsize(&tx) == (tx_valid[i].weight + 3) / 4);
		struct buf b = buf_init(again, sizeof again);
		btc_tx_put(&b, &tx);
		CHECK(slice_eq(buf_slice(&b), bytes));
		b = buf_init(again, sizeof again);
		btc_tx_put_stripped(&b, &tx);
		CHECK(!b.overflow && b.len * 3 + bytes.len == tx_valid[i].weight);
		with_witness += b.len != bytes.len;
		b = buf_init(again, bytes.len - 1);
		btc_tx_put(&b, &tx);
		CHECK(b.overflow);
		for (size_t n = 0; n < bytes.len; n++) {
			tx.version = 77;
			used = 77;
			CHECK(parse(&tx, &used, slice_of(bytes.ptr, n)) == ERR_SHORT);
			CHECK(used == 77);
		}
	}
	CHECK(with_witness > 10);
}

/* What Bitcoin Core refuses in CheckTransaction: of these, what a parser can see. */
static void test_bad(void)
{
	static const struct {
		const char *name;
		enum err err;
	} rows[] = {
		{"No outputs", ERR_FORMAT},
		{"Negative output", ERR_RANGE},
		{"MAX_MONEY + 1 output", ERR_RANGE},
		{"MAX_MONEY output + 1 output", ERR_RANGE},
	};
	unsigned found = 0;
	for (size_t i = 0; i < ARRAY_LEN(tx_bad); i++) {
		enum err want = OK;
		for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
			if (strcmp(rows[k].name, tx_bad[i].name) == 0) {
				want = rows[k].err;
				found++;
			}
		}
		CHECK(parse_bytes(tx_bad[i].bytes.ptr, tx_bad[i].bytes.len) == want);
	}
	CHECK(found == ARRAY_LEN(rows));
}

/* A transaction with one input and one output, made by hand: where its parts lie. */
enum { AT_IN_COUNT = 4, AT_SCRIPT_SIG = 41, AT_OUT_COUNT = 46, AT_VALUE = 47, SIZE = 60 };

static void plain(uint8_t tx[SIZE])
{
	memset(tx, 0, SIZE);
	tx[0] = 2;
	tx[AT_IN_COUNT] = 1;
	memset(tx + 5, 0xab, 32);
	tx[AT_OUT_COUNT] = 1;
}

static void test_counts(void)
{
	uint8_t tx[SIZE + 8];
	plain(tx);
	CHECK(parse_bytes(tx, SIZE) == OK);
	/* no inputs, and no flag that could follow */
	tx[AT_IN_COUNT] = 0;
	CHECK(parse_bytes(tx, SIZE) == ERR_FORMAT);
	/* more than a transaction can hold is refused before its bytes are waited for; more than
	 * the caller has room for is the caller's question */
	static const struct {
		uint8_t count[5];
		enum err err;
	} counts[] = {
		{{0xfe, 0xff, 0xff, 0xff, 0xff}, ERR_FORMAT},
		{{0xfe, 0x00, 0x00, 0x02, 0x00}, ERR_FORMAT},
		{{0xfd, 0xff, 0xff}, ERR_FULL},
		{{ROOM + 1}, ERR_FULL},
		{{ROOM}, ERR_SHORT},
		{{0xfd, 0x01, 0x00}, ERR_FORMAT},
		{{0xfe, 0x01, 0x00, 0x00, 0x00}, ERR_FORMAT},
		{{0xfe, 0xff, 0xff, 0x00, 0x00}, ERR_FORMAT},
	};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		plain(tx);
		memcpy(tx + AT_IN_COUNT, counts[i].count, sizeof counts[i].count);
		CHECK(parse_bytes(tx, SIZE) == counts[i].err);
	}
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		plain(tx);
		memset(tx + AT_OUT_COUNT, 0, sizeof tx - AT_OUT_COUNT);
		memcpy(tx + AT_OUT_COUNT, counts[i].count, sizeof counts[i].count);
		/* outputs are smaller, so that 2^17 of them could be there */
		const enum err want = counts[i].count[3] == 2 ? ERR_FULL : counts[i].err;
		CHECK(parse_bytes(tx, SIZE) == want);
	}
	/* a script as long as the world */
	plain(tx);
	memset(tx + AT_SCRIPT_SIG, 0xff, 9);
	CHECK(parse_bytes(tx, SIZE) == ERR_FORMAT);
	plain(tx);
	store_le32(tx + AT_SCRIPT_SIG + 1, BTC_TX_SIZE_MAX + 1);
	tx[AT_SCRIPT_SIG] = 0xfe;
	CHECK(parse_bytes(tx, SIZE) == ERR_FORMAT);
	store_le32(tx + AT_SCRIPT_SIG + 1, BTC_TX_SIZE_MAX / 2);
	CHECK(parse_bytes(tx, SIZE) == ERR_SHORT);
}

/* Nothing over BTC_TX_SIZE_MAX is a transaction, however many bytes follow. */
static void test_size(void)
{
	static uint8_t big[BTC_TX_SIZE_MAX + 100];
	struct btc_tx tx;
	size_t used;
	const uint32_t overhead = SIZE + 4; /* the script's length takes five bytes, not one */
	for (uint32_t extra = 0; extra < 2; extra++) {
		const uint32_t script_len = BTC_TX_SIZE_MAX - overhead + extra;
		memset(big, 0, sizeof big);
		plain(big);
		big[AT_OUT_COUNT] = 0;
		big[AT_SCRIPT_SIG] = 0xfe;
		store_le32(big + AT_SCRIPT_SIG + 1, script_len);
		big[AT_SCRIPT_SIG + 5 + script_len + 4] = 1;
		CHECK(parse(&tx, &used, slice_of(big, sizeof big)) ==
			(extra == 0 ? OK : ERR_FORMAT));
		CHECK(parse_bytes(big, BTC_TX_SIZE_MAX - 1) == ERR_SHORT);
	}
	CHECK(used == BTC_TX_SIZE_MAX);
}

static void test_values(void)
{
	uint8_t tx[SIZE];
	struct btc_tx parsed;
	size_t used;
	plain(tx);
	store_le64(tx + AT_VALUE, SAT_MAX_RAW);
	CHECK(parse(&parsed, &used, slice_of(tx, SIZE)) == OK);
	CHECK(parsed.out[0].value.raw == SAT_MAX_RAW && parsed.version == 2);
	store_le64(tx + AT_VALUE, SAT_MAX_RAW + 1);
	CHECK(parse_bytes(tx, SIZE) == ERR_RANGE);
	store_le64(tx + AT_VALUE, UINT64_MAX);
	CHECK(parse_bytes(tx, SIZE) == ERR_RANGE);
}

/* Marker, flag and witness put into the plain transaction. */
static enum err with_witness(uint8_t flag, uint8_t count, const void *witness, size_t witness_len)
{
	uint8_t bytes[128];
	uint8_t tx[SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	plain(tx);
	buf_put(&b, tx, 4);
	buf_u8(&b, 0);
	buf_u8(&b, flag);
	buf_u8(&b, count);
	buf_put(&b, tx + 5, SIZE - 9);
	buf_put(&b, witness, witness_len);
	buf_put(&b, tx + SIZE - 4, 4);
	CHECK(!b.overflow);
	return parse_bytes(bytes, b.len);
}

static void test_witness_flag(void)
{
	const uint8_t one[] = {1, 2, 0xaa, 0xbb};
	const uint8_t none[] = {0};
	const uint8_t long_form[] = {0xfd, 1, 0, 1, 0xaa};
	const uint8_t empty_items[] = {3, 0, 0, 0};
	CHECK(with_witness(1, 1, one, sizeof one) == OK);
	CHECK(with_witness(1, 1, empty_items, sizeof empty_items) == OK);
	CHECK(with_witness(0, 1, one, sizeof one) == ERR_FORMAT);
	CHECK(with_witness(2, 1, one, sizeof one) == ERR_FORMAT);
	CHECK(with_witness(3, 1, one, sizeof one) == ERR_FORMAT);
	CHECK(with_witness(1, 0, one, sizeof one) == ERR_FORMAT);   /* no inputs after all */
	CHECK(with_witness(1, 1, none, sizeof none) == ERR_FORMAT); /* a superfluous record */
	CHECK(with_witness(1, 1, long_form, sizeof long_form) == ERR_FORMAT);
	CHECK(with_witness(1, 1, one, sizeof one - 1) == ERR_SHORT);
}

/* Two inputs, a witness on the second: the first one's stays empty. */
static void test_witness_some(void)
{
	const uint8_t stack[] = {2, 0, 3, 7, 8, 9};
	struct btc_txin in[2] = {
		{.sequence = 1}, {.sequence = 2, .witness = slice_of(stack, sizeof stack)}};
	struct btc_txout out[1] = {{.value = {5}}};
	const struct btc_tx tx = {
		.version = 2, .in = in, .in_count = 2, .out = out, .out_count = 1, .locktime = 9};
	uint8_t bytes[200];
	struct buf b = buf_init(bytes, sizeof bytes);
	struct btc_tx back;
	size_t used;
	btc_tx_put(&b, &tx);
	CHECK(parse(&back, &used, buf_slice(&b)) == OK && used == b.len);
	CHECK(back.in[0].witness.len == 0 && slice_eq(back.in[1].witness, in[1].witness));
	CHECK(back.locktime == 9 && back.in[1].sequence == 2 && back.out[0].value.raw == 5);
	/* a stack of nothing counts as none */
	const uint8_t none[] = {0};
	in[1].witness = slice_of(none, 1);
	b = buf_init(bytes, sizeof bytes);
	btc_tx_put(&b, &tx);
	CHECK(parse(&back, &used, buf_slice(&b)) == OK && used == b.len);
	CHECK(btc_tx_weight(&tx) == 4 * b.len);
}

static void test_stack(void)
{
	const uint8_t stack[] = {3, 0, 1, 0xaa, 2, 0xbb, 0xcc};
	const struct slice w = slice_of(stack, sizeof stack);
	CHECK(btc_witness_count(w) == 3);
	CHECK(btc_witness_item(w, 0).ptr != NULL && btc_witness_item(w, 0).len == 0);
	CHECK(btc_witness_item(w, 1).len == 1 && btc_witness_item(w, 1).ptr[0] == 0xaa);
	CHECK(btc_witness_item(w, 2).len == 2 && btc_witness_item(w, 2).ptr[1] == 0xcc);
	CHECK(btc_witness_item(w, 3).ptr == NULL);
	CHECK(btc_witness_item(w, UINT32_MAX).ptr == NULL);
	for (size_t n = 0; n < sizeof stack; n++) {
		CHECK(btc_witness_count(slice_of(stack, n)) == 0);
		CHECK(btc_witness_item(slice_of(stack, n), 0).ptr == NULL);
	}
	CHECK(btc_witness_count(slice_of(NULL, 0)) == 0);
	const uint8_t trailing[] = {1, 0, 0};
	CHECK(btc_witness_count(slice_of(trailing, 3)) == 0);
	CHECK(btc_witness_item(slice_of(trailing, 3), 0).ptr == NULL);
	/* more items than we look at: counted, not looked at */
	static uint8_t many[3 + BTC_WITNESS_ITEM_MAX + 1];
	for (uint16_t n = BTC_WITNESS_ITEM_MAX; n <= BTC_WITNESS_ITEM_MAX + 1; n++) {
		many[0] = 0xfd;
		store_le16(many + 1, n);
		const struct slice m = slice_of(many, 3u + n);
		CHECK(btc_witness_count(m) == n);
		CHECK((btc_witness_item(m, 0).ptr != NULL) == (n == BTC_WITNESS_ITEM_MAX));
	}
}

static void test_compact(void)
{
	static const struct {
		uint64_t value;
		size_t len;
	} rows[] = {{0, 1}, {0xfc, 1}, {0xfd, 3}, {0xffff, 3}, {0x10000, 5}, {0xffffffff, 5},
		{UINT64_C(0x100000000), 9}, {UINT64_MAX, 9}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[9];
		struct buf b = buf_init(bytes, sizeof bytes);
		btc_put_compact(&b, rows[i].value);
		CHECK(b.len == rows[i].len);
		struct reader r = reader_init(buf_slice(&b));
		CHECK(btc_get_compact(&r) == rows[i].value && reader_finish(&r) == OK);
		for (size_t n = 0; n < b.len; n++) {
			r = reader_init(slice_of(bytes, n));
			CHECK(btc_get_compact(&r) == 0 && r.failed);
		}
	}
	static const uint8_t too_long[][9] = {{0xfd, 0xfc}, {0xfe, 0xff, 0xff},
		{0xff, 0xff, 0xff, 0xff, 0xff}, {0xfd}, {0xfe}, {0xff}};
	for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
		struct reader r = reader_init(slice_of(too_long[i], 9));
		CHECK(btc_get_compact(&r) == 0 && r.failed);
		CHECK(btc_get_compact(&r) == 0 && r.failed);
	}
}

static void test_coinbase(void)
{
	struct btc_txin in[2] = {{.prev.index = UINT32_MAX}, {.prev.index = UINT32_MAX}};
	struct btc_tx tx = {.in = in, .in_count = 1};
	CHECK(btc_tx_is_coinbase(&tx));
	tx.in_count = 2;
	CHECK(!btc_tx_is_coinbase(&tx));
	tx.in_count = 1;
	in[0].prev.index = 0;
	CHECK(!btc_tx_is_coinbase(&tx));
	in[0].prev.index = UINT32_MAX;
	in[0].prev.txid.b[31] = 1;
	CHECK(!btc_tx_is_coinbase(&tx));
}

int main(void)
{
	test_valid();
	test_bad();
	test_counts();
	test_size();
	test_values();
	test_witness_flag();
	test_witness_some();
	test_stack();
	test_compact();
	test_coinbase();
	return 0;
}
