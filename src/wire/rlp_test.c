#include "wire/rlp.h"

#include <stdlib.h>

#include "base/hex.h"

#define TEXT_MAX 1200u

static size_t decode(uint8_t *out, size_t max, const char *hex)
{
	size_t len;
	CHECK(hex_decode_var(out, &len, max, slice_str(hex)) == OK);
	return len;
}

static void check_hex(const struct buf *b, const char *want)
{
	char text[2 * TEXT_MAX + 1];
	CHECK(!b->overflow && b->len <= TEXT_MAX);
	hex_encode(text, b->ptr, b->len);
	CHECK(strcmp(text, want) == 0);
}

/* Of the Ethereum wiki's page on RLP, and around each boundary. */
static void test_numbers(void)
{
	static const struct {
		uint64_t v;
		const char *hex;
	} rows[] = {
		{0, "80"},
		{1, "01"},
		{15, "0f"},
		{127, "7f"},
		{128, "8180"},
		{255, "81ff"},
		{256, "820100"},
		{1024, "820400"},
		{UINT64_C(0x0102030405060708), "880102030405060708"},
		{UINT64_MAX, "88ffffffffffffffff"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t storage[16];
		struct buf b = buf_init(storage, sizeof storage);
		struct rlp_item item;
		uint64_t v = 77;
		rlp_put_u64(&b, rows[i].v);
		check_hex(&b, rows[i].hex);
		struct slice in = buf_slice(&b);
		CHECK(rlp_next(&item, &in) == OK && in.len == 0 && !item.is_list);
		CHECK(rlp_get_u64(&v, &item) == OK && v == rows[i].v);
	}
}

static void test_strings(void)
{
	static const size_t lengths[] = {0, 1, 2, 55, 56, 57, 255, 256, 1000};
	uint8_t bytes[1000], storage[1100];
	memset(bytes, 0xab, sizeof bytes);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		const struct slice in = slice_of(bytes, lengths[i]);
		struct buf b = buf_init(storage, sizeof storage);
		struct rlp_item item;
		rlp_put_bytes(&b, in);
		CHECK(!b.overflow && b.len == rlp_bytes_len(in));
		struct slice rest = buf_slice(&b);
		CHECK(rlp_next(&item, &rest) == OK && rest.len == 0 && !item.is_list);
		CHECK(slice_eq(item.payload, in));
		for (size_t cut = 0; cut < b.len; cut++) {
			rest = slice_of(b.ptr, cut);
			CHECK(rlp_next(&item, &rest) == ERR_SHORT && rest.len == cut);
		}
	}
	CHECK(rlp_bytes_len(slice_of("\x7f", 1)) == 1 && rlp_bytes_len(slice_of("\x80", 1)) == 2);
}

static void test_list(void)
{
	uint8_t storage[16];
	struct buf b = buf_init(storage, sizeof storage);
	struct rlp_item list, item;
	rlp_put_list_header(&b, 8);
	rlp_put_bytes(&b, slice_str("cat"));
	rlp_put_bytes(&b, slice_str("dog"));
	check_hex(&b, "c88363617483646f67");
	struct slice in = buf_slice(&b);
	CHECK(rlp_next(&list, &in) == OK && list.is_list && in.len == 0);
	CHECK(rlp_next(&item, &list.payload) == OK && slice_eq(item.payload, slice_str("cat")));
	CHECK(rlp_next(&item, &list.payload) == OK && slice_eq(item.payload, slice_str("dog")));
	CHECK(list.payload.len == 0 && rlp_next(&item, &list.payload) == ERR_SHORT);
}

static void test_refused(void)
{
	static const struct {
		const char *hex;
		enum err err;
	} rows[] = {
		{"", ERR_SHORT},
		{"8100", ERR_FORMAT}, /* a single byte that needs no header */
		{"817f", ERR_FORMAT},
		{"b800", ERR_FORMAT}, /* long form of a short length */
		{"b837", ERR_FORMAT},
		{"b900ff", ERR_FORMAT}, /* length with leading zeros */
		{"f800", ERR_FORMAT},
		{"f90001", ERR_FORMAT},
		{"b838", ERR_SHORT},
		{"b9", ERR_SHORT},
		{"bfffffffffffffffff", ERR_SHORT},
		{"ffffffffffffffffff", ERR_SHORT},
		{"c1", ERR_SHORT},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[64];
		struct rlp_item item;
		struct slice in = slice_of(bytes, decode(bytes, sizeof bytes, rows[i].hex));
		CHECK(rlp_next(&item, &in) == rows[i].err);
	}
}

static void test_refused_numbers(void)
{
	static const uint8_t zero[] = {0}, leading[] = {0, 1}, nine[] = {1, 0, 0, 0, 0, 0, 0, 0, 0};
	uint64_t v = 77;
	const struct rlp_item list = {.is_list = true};
	const struct rlp_item a = {.payload = {zero, 1}}, b = {.payload = {leading, 2}};
	const struct rlp_item c = {.payload = {nine, 9}};
	CHECK(rlp_get_u64(&v, &list) == ERR_FORMAT);
	CHECK(rlp_get_u64(&v, &a) == ERR_FORMAT);
	CHECK(rlp_get_u64(&v, &b) == ERR_FORMAT);
	CHECK(rlp_get_u64(&v, &c) == ERR_RANGE && v == 77);
}

int main(void)
{
	test_numbers();
	test_strings();
	test_list();
	test_refused();
	test_refused_numbers();
	return EXIT_SUCCESS;
}
