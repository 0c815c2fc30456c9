#include "base/amount.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/network.h"
#include "base/utf8.h"

#include <stdlib.h>

static void test_amount_text(void)
{
	static const struct {
		const char *text;
		enum asset asset;
		enum err err;
		const char *units;
	} rows[] = {
		{"0.01", ASSET_BTC, OK, "1000000"},
		{"1", ASSET_BTC, OK, "100000000"},
		{"0.000000010", ASSET_BTC, OK, "1"},
		{"0.000000001", ASSET_BTC, ERR_RANGE, ""},
		{"21000000", ASSET_BTC, OK, "2100000000000000"},
		{"21000000.00000001", ASSET_BTC, ERR_RANGE, ""},
		{"18.446744073709551616", ASSET_RBTC, OK, "18446744073709551616"},
		{"0.000000000000000001", ASSET_RBTC, OK, "1"},
		{"340282366920938463463374607431768211456", ASSET_RBTC, ERR_RANGE, ""},
		{"-1", ASSET_BTC, ERR_FORMAT, ""},
		{"+1", ASSET_BTC, ERR_FORMAT, ""},
		{"1e3", ASSET_BTC, ERR_FORMAT, ""},
		{"NaN", ASSET_BTC, ERR_FORMAT, ""},
		{"", ASSET_BTC, ERR_FORMAT, ""},
		{".", ASSET_BTC, ERR_FORMAT, ""},
		{"1.", ASSET_BTC, ERR_FORMAT, ""},
		{".5", ASSET_BTC, ERR_FORMAT, ""},
		{"1.2.3", ASSET_BTC, ERR_FORMAT, ""},
		{" 1", ASSET_BTC, ERR_FORMAT, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct amount a = amount_of(ASSET_BTC, 77);
		char text[AMOUNT_TEXT_SIZE];
		const enum err err = amount_parse(&a, rows[i].asset, slice_str(rows[i].text));
		CHECK(err == rows[i].err);
		amount_format_units(text, a);
		CHECK(strcmp(text, err == OK ? rows[i].units : "77") == 0);
		if (err == OK) {
			struct amount again;
			amount_format(text, a);
			CHECK(amount_parse(&again, rows[i].asset, slice_str(text)) == OK);
			CHECK(amount_cmp(a, again) == 0);
		}
	}
	struct amount units;
	CHECK(amount_parse_units(&units, ASSET_BTC, slice_str("1.0")) == ERR_FORMAT);
	CHECK(amount_parse_units(&units, ASSET_BTC, slice_str("10")) == OK);
}

static void test_amount_arithmetic(void)
{
	struct amount out = amount_of(ASSET_BTC, 5);
	const struct amount top = amount_of_u128(ASSET_BTC, ~(u128)0);
	uint8_t word[32], raw[16];

	CHECK(amount_add(&out, top, amount_of(ASSET_BTC, 1)) == ERR_RANGE);
	CHECK(amount_sub(&out, amount_of(ASSET_BTC, 1), amount_of(ASSET_BTC, 2)) == ERR_RANGE);
	CHECK(amount_mul(&out, top, 2) == ERR_RANGE);
	CHECK(amount_cmp(out, amount_of(ASSET_BTC, 5)) == 0);
	CHECK(amount_mul_div(&out, amount_of(ASSET_BTC, 7), 1, 2, false) == OK);
	CHECK(amount_cmp(out, amount_of(ASSET_BTC, 3)) == 0);
	CHECK(amount_mul_div(&out, amount_of(ASSET_BTC, 7), 1, 2, true) == OK);
	CHECK(amount_cmp(out, amount_of(ASSET_BTC, 4)) == 0);
	CHECK(amount_mul_div(&out, top, 1, 0, true) == ERR_RANGE);

	CHECK(amount_convert(&out, amount_of(ASSET_BTC, 1), ASSET_RBTC, false) == OK);
	CHECK(amount_convert(&out, amount_of(ASSET_BTC, 1), ASSET_WBTC, false) == OK);
	CHECK(amount_cmp(out, amount_of(ASSET_WBTC, 1)) == 0);
	CHECK(amount_convert(&out, amount_of(ASSET_BTC, 1), ASSET_ETH, false) == ERR_RANGE);
	CHECK(amount_convert(&out, amount_of(ASSET_ETH, 1), ASSET_RBTC, false) == ERR_RANGE);
	CHECK(amount_convert(&out, amount_of(ASSET_ETH, 1), ASSET_ETH, false) == OK);
	CHECK(amount_convert(&out, amount_of(ASSET_BTC, 1), ASSET_RBTC, false) == OK);
	CHECK(amount_cmp(out, amount_of(ASSET_RBTC, UINT64_C(10000000000))) == 0);
	CHECK(amount_convert(
		      &out, amount_of(ASSET_RBTC, UINT64_C(10000000001)), ASSET_BTC, false) == OK);
	CHECK(amount_cmp(out, amount_of(ASSET_BTC, 1)) == 0);
	CHECK(amount_convert(&out, amount_of(ASSET_RBTC, UINT64_C(10000000001)), ASSET_BTC, true) ==
		OK);
	CHECK(amount_cmp(out, amount_of(ASSET_BTC, 2)) == 0);

	amount_store_word(word, top);
	CHECK(amount_load_word(&out, ASSET_BTC, word) == OK && amount_cmp(out, top) == 0);
	word[15] = 1;
	CHECK(amount_load_word(&out, ASSET_BTC, word) == ERR_RANGE);
	amount_store(raw, top);
	CHECK(amount_cmp(amount_load(ASSET_BTC, raw), top) == 0);

	struct sat sum = {7};
	CHECK(!sat_add(&sum, (struct sat){SAT_MAX_RAW}, (struct sat){1}) && sum.raw == 7);
	CHECK(sat_add(&sum, (struct sat){2}, (struct sat){3}) && sum.raw == 5);
	CHECK(!sat_sub(&sum, (struct sat){2}, (struct sat){3}) && sum.raw == 5);
}

static void test_buf_and_reader(void)
{
	uint8_t storage[11];
	struct buf out = buf_init(storage, sizeof storage);
	buf_le32(&out, 0x01020304u);
	buf_bytes32(&out, slice_str("abc"));
	CHECK(!out.overflow && out.len == 11);
	buf_u8(&out, 1);
	CHECK(out.overflow && out.len == 11);

	struct reader in = reader_init(buf_slice(&out));
	CHECK(reader_le32(&in) == 0x01020304u);
	CHECK(slice_eq(reader_bytes32(&in, 3), slice_str("abc")));
	CHECK(reader_finish(&in) == OK);
	CHECK(reader_u8(&in) == 0 && reader_finish(&in) == ERR_SHORT);
	in = reader_init(slice_of(storage + 4, 7));
	CHECK(reader_bytes32(&in, 2).ptr == NULL && in.failed);
}

static void test_hex(void)
{
	uint8_t bytes[4] = {9, 9, 9, 9};
	char text[9];
	size_t len = 0;
	CHECK(hex_decode(bytes, 4, slice_str("00ffAb1")) == ERR_SHORT && bytes[0] == 9);
	CHECK(hex_decode(bytes, 4, slice_str("00ffAb1g")) == ERR_FORMAT && bytes[0] == 9);
	for (unsigned c = 0; c < 256; c++) { /* each character for itself */
		const uint8_t digits[2] = {'4', (uint8_t)c};
		const char *const all = "0123456789abcdefABCDEF";
		const char *at = c == 0 ? NULL : strchr(all, (int)c);
		const enum err err = hex_decode(bytes, 1, slice_of(digits, 2));
		CHECK(err == (at == NULL ? ERR_FORMAT : OK));
		const size_t place = at == NULL ? 0 : (size_t)(at - all);
		CHECK(at == NULL || bytes[0] == 0x40 + (place < 16 ? place : place - 6));
	}
	bytes[0] = 9;
	CHECK(hex_decode(bytes, 4, slice_str("00ffAb1f00")) == ERR_FORMAT && bytes[0] == 9);
	CHECK(hex_decode(bytes, 4, slice_str("00ffAb1f")) == OK);
	hex_encode(text, bytes, 4);
	CHECK(strcmp(text, "00ffab1f") == 0);
	hex_encode_reversed(text, bytes, 4);
	CHECK(strcmp(text, "1fabff00") == 0);
	CHECK(hex_decode_var(bytes, &len, 4, slice_str("0102")) == OK && len == 2);
	CHECK(hex_decode_var(bytes, &len, 4, slice_str("010")) == ERR_FORMAT);
	CHECK(hex_decode_var(bytes, &len, 4, slice_str("0102030405")) == ERR_FULL);
}

#define MAP_ENTRIES 500u

/* Against a plain array: insert and remove in a fixed pseudo-random order. */
/* Bytes whose digits are the last ones of the alphabet, in each length around a group. */
static void test_base64(void)
{
	static const struct {
		const char *standard, *url, *bare;
	} want[] = {{"", "", ""}, {"+w==", "-w==", "-w"}, {"+/8=", "-_8=", "-_8"},
		{"+/+/", "-_-_", "-_-_"}, {"+/+/+w==", "-_-_-w==", "-_-_-w"}};
	const uint8_t bytes[] = {0xfb, 0xff, 0xbf, 0xfb};
	char text[BASE64_SIZE(8)];
	uint8_t back[8];
	for (size_t len = 0; len < ARRAY_LEN(want); len++) {
		const char *const form[] = {want[len].standard, want[len].url, want[len].bare};
		for (unsigned f = 0; f < ARRAY_LEN(form); f++) {
			base64_encode(text, f, bytes, len);
			CHECK(strcmp(text, form[f]) == 0);
			CHECK(base64_decode(back, len, f, slice_str(text)) == OK);
			CHECK(memcmp(back, bytes, len) == 0);
			CHECK(base64_decode(back, len + 3, f, slice_str(text)) == ERR_FORMAT);
		}
	}
	static const struct {
		enum base64_form form;
		const char *text;
	} wrong[] = {{BASE64_URL_BARE, "-x"}, {BASE64_URL_BARE, "-"}, {BASE64_URL_BARE, "+w"},
		{BASE64_URL_BARE, "-w=="}, {BASE64, "+w"}, {BASE64, "+w=A"}, {BASE64, "+x=="},
		{BASE64, "-w=="}, {BASE64, "+==="}, {BASE64_URL, "+w=="}, {BASE64, "+w= "}};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CHECK(base64_decode(back, 1, wrong[i].form, slice_str(wrong[i].text)) ==
			ERR_FORMAT);
	CHECK(base64_decode(back, 1, BASE64_URL_BARE, slice_of("-\0", 2)) == ERR_FORMAT);
}

static void test_map(void)
{
	static struct map_slot slots[1024];
	static bool there[MAP_ENTRIES];
	struct map m;
	uint32_t x = 1;

	CHECK(map_slots_for(MAP_ENTRIES) == ARRAY_LEN(slots));
	map_init(&m, slots, ARRAY_LEN(slots), 4, 42);
	for (int step = 0; step < 20000; step++) {
		x = x * 1664525u + 1013904223u;
		const uint32_t entry = (x >> 8) % MAP_ENTRIES;
		uint8_t key[4];
		store_le32(key, entry * 7919u);
		CHECK((map_get(&m, key) == entry) == there[entry]);
		if (there[entry])
			CHECK(map_remove(&m, key));
		else
			CHECK(map_put(&m, key, entry) == OK);
		there[entry] = !there[entry];
	}
	map_init(&m, slots, 4, 4, 1);
	CHECK(map_put(&m, "aaaa", 1) == OK && map_put(&m, "bbbb", 2) == OK);
	CHECK(map_put(&m, "cccc", 3) == ERR_FULL && map_put(&m, "bbbb", 4) == OK);
	CHECK(map_get(&m, "bbbb") == 4 && map_get(&m, "cccc") == MAP_NONE);
}

static void test_crc32c(void)
{
	/* RFC 3720 B.4: 32 bytes of zeros, of ones, ascending */
	uint8_t bytes[1700]; /* more than three times what is read in one go */
	memset(bytes, 0, 32);
	CHECK(crc32c(0, bytes, 32) == 0x8a9136aau);
	memset(bytes, 0xff, 32);
	CHECK(crc32c(0, bytes, 32) == 0x62a8ab43u);
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	CHECK(crc32c(0, bytes, 32) == 0x46dd794eu);
	for (size_t i = 32; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	for (size_t len = 0; len + 3 <= sizeof bytes; len++)
		for (size_t at = 0; at < 4; at += 3)
			CHECK(crc32c((uint32_t)len, bytes + at, len) ==
				crc32c_portable((uint32_t)len, bytes + at, len));
	CHECK(crc32c(crc32c(0, bytes, 13), bytes + 13, 90) == crc32c(0, bytes, 103));
}

static void test_networks(void)
{
	enum layer_id layer;
	CHECK(layer_parse(&layer, slice_str("rootstock")) == OK && layer == LAYER_ROOTSTOCK);
	CHECK(layer_parse(&layer, slice_str("Rootstock")) == ERR_NOT_FOUND);
	const struct network *n = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	CHECK(n != NULL && network_by_caip2(slice_str(n->caip2)) == n);
	/* an id names a layer, too: no two have one */
	static const char *const names[] = {"mainnet", "testnet", "signet", "regtest"};
	for (enum layer_id l = 0; l < LAYER_COUNT; l++) {
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			const struct network *of = network_by_name(l, slice_str(names[i]));
			CHECK(of == NULL ||
				(of->layer == l && network_by_caip2(slice_str(of->caip2)) == of));
		}
	}
	/* CAIP-2 of bip122 is the genesis hash as printed, its first 32 digits */
	for (enum layer_id l = 0; l < LAYER_COUNT; l++)
		CHECK(!layer_built(l) || network_by_name(l, slice_str("mainnet")) != NULL);
	CHECK(layer_parse(&layer, slice_str("liquid")) ==
		(layer_built(LAYER_LIQUID) ? OK : ERR_NOT_FOUND));
	char text[65];
	hex_encode_reversed(text, n->genesis.b, 32);
	CHECK(strncmp(text, n->caip2 + strlen("bip122:"), 32) == 0);
	n = network_by_name(LAYER_BITCOIN, slice_str("mainnet"));
	hex_encode_reversed(text, n->genesis.b, 32);
	CHECK(strncmp(text, n->caip2 + strlen("bip122:"), 32) == 0);
	n = network_by_name(LAYER_BITCOIN, slice_str("testnet"));
	hex_encode_reversed(text, n->genesis.b, 32);
	CHECK(strncmp(text, n->caip2 + strlen("bip122:"), 32) == 0);
	n = network_by_name(LAYER_BITCOIN, slice_str("signet"));
	hex_encode_reversed(text, n->genesis.b, 32);
	CHECK(strncmp(text, n->caip2 + strlen("bip122:"), 32) == 0);
}

static void test_utf8(void)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"", true}, {"plain", true}, {"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", true},
		{"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
		{"\x80", false},             /* begins in the middle */
		{"\xc2", false},             /* cut off */
		{"\xc1\xbf", false},         /* longer than needed */
		{"\xe0\x9f\xbf", false},     /* longer than needed */
		{"\xed\xa0\x80", false},     /* a surrogate */
		{"\xf4\x90\x80\x80", false}, /* over U+10FFFF */
		{"\xf0\x90\x80\x7f", false}, /* ends in something else */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(utf8_valid(slice_str(rows[i].text)) == rows[i].valid);
}

int main(void)
{
	CHECK(strcmp(err_name(ERR_SHORT), "ERR_SHORT") == 0);
	CHECK(bytes_eq_ct("ab", "ab", 2) && !bytes_eq_ct("ab", "ac", 2));
	test_amount_text();
	test_amount_arithmetic();
	test_buf_and_reader();
	test_hex();
	test_base64();
	test_map();
	test_crc32c();
	test_networks();
	test_utf8();
	return EXIT_SUCCESS;
}
