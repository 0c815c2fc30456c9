/* Bitcoin's own headers and retargets, and what is no proof. */
#include <stdlib.h>

#include "base/hex.h"
#include "wire/abi.h"
#include "wire/light_relay.h"

/* Blocks 554,398 to 554,401 of the main chain: a retarget is between the second
 * and the third. */
static const char border[] = "000000203633c1376556de44ddd528d0a6c27244ee5798bdd"
			     "4e7110000000000000000008a5a4c9e"
			     "bf9b6b77e3f63e1f4ddbbe1aeec4b7592554cb3c003068f84"
			     "9647b147180195c7cd93117b8c8e83f"
			     "000000202da0c39c117f882d54d03df822915a8a6373be4cf"
			     "a1a01000000000000000000dd6f24bd"
			     "263432435f0954c59c022cfd8e5190f4615fc2c249815244a"
			     "3fe09b34683195c7cd931170f68c64a"
			     "00004020d3b2d7d61ad2d95ffbd556d9e00f07877423600a8"
			     "da015000000000000000000d192743a"
			     "2c190a7421f92fefe92505579d7b8eda568cacee13b25751a"
			     "c704c669d83195cf41e371721bae3e7"
			     "00000020ae67207125404fa8786acaeb7cff69156fe0a01b0"
			     "b3c04000000000000000000b668f999"
			     "166662460c4a9717d3c8e72e3b0c24863fccdd90295dfb0b0"
			     "47aa1f3f484195cf41e37176b176d83";
/* Of block 552,384, with which the epoch before began. */
#define FIRST_TIME 1543838368u
#define HEADERS 4u
#define HALF (HEADERS / 2)
/* The first two blocks of all. */
static const char beginning[] = "0100000000000000000000000000000000000000000000"
				"000000000000000000000000003ba3edfd"
				"7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8"
				"aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
				"010000006fe28c0ab6f1b372c1a6a246ae63f74f931e83"
				"65e15a089c68d6190000000000982051fd"
				"1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606"
				"e857233e0e61bc6649ffff001d01e36299";

static struct slice bytes_of(uint8_t *out, const char *hex)
{
	const size_t len = strlen(hex) / 2;
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
	return slice_of(out, len);
}

/* What was due at heights 32,256, 2,016, 68,544 and 46,368: the last but one
 * eased by four at most, the second at the limit, the third harder by four at
 * most. */
static void test_next_bits(void)
{
	static const struct {
		uint32_t bits, first, last, due;
	} known[] = {
		{0x1d00ffff, 1261130161, 1262152739, 0x1d00d86a},
		{0x1d00ffff, 1231006505, 1233061996, 0x1d00ffff},
		{0x1c05a3f4, 1279008237, 1279297671, 0x1c0168fd},
		{0x1c387f6f, 1263163443, 1269211443, 0x1d00e1fd},
		/* backwards in time, and as far forward as it goes */
		{0x1c05a3f4, 1279008237, 1, 0x1c0168fd},
		{0x1c05a3f4, 0, UINT32_MAX, 0x1c168fd0},
		/* few bytes, a sign in front */
		{0x03123456, 0, 1209600, 0x03123456},
		{0x05008000, 0, 1209600, 0x05008000},
		{0x04400000, 0, 2 * 1209600, 0x05008000},
	};
	static const uint32_t odd[] = {0, 0x01003456, 0x1d800000, 0x1d000000, 0x2100ffff};
	uint32_t due = 7;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		CHECK(light_relay_next_bits(&due, known[i].bits, known[i].first, known[i].last) ==
			OK);
		CHECK(due == known[i].due);
	}
	due = 7;
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		CHECK(light_relay_next_bits(&due, odd[i], 0, 1209600) == ERR_FORMAT && due == 7);
}

static void test_chain(void)
{
	uint8_t b[HEADERS * BTC_HEADER_SIZE];
	struct slice two = bytes_of(b, beginning);
	CHECK(light_relay_check_chain(two) == OK);
	CHECK(light_relay_check_chain(slice_of(b, BTC_HEADER_SIZE)) == OK);
	CHECK(light_relay_check_chain(slice_of(b, 0)) == ERR_FORMAT);
	CHECK(light_relay_check_chain(slice_of(b, two.len - 1)) == ERR_FORMAT);
	for (size_t at = 0; at < two.len; at += 7) { /* no byte may be another */
		b[at] ^= 1;
		CHECK(light_relay_check_chain(two) != OK);
		b[at] ^= 1;
	}
	/* good ones that do not follow each other */
	uint8_t turned[2 * BTC_HEADER_SIZE];
	memcpy(turned, b + BTC_HEADER_SIZE, BTC_HEADER_SIZE);
	memcpy(turned + BTC_HEADER_SIZE, b, BTC_HEADER_SIZE);
	CHECK(light_relay_check_chain(slice_of(turned, sizeof turned)) == ERR_CHECKSUM);
}

static void test_retarget(void)
{
	uint8_t b[HEADERS * BTC_HEADER_SIZE];
	const struct slice all = bytes_of(b, border);
	CHECK(light_relay_check_retarget(all, FIRST_TIME) == OK);
	CHECK(light_relay_check_retarget(all, FIRST_TIME - 86400) == ERR_RANGE);
	CHECK(light_relay_check_retarget(slice_of(b, all.len - BTC_HEADER_SIZE), FIRST_TIME) ==
		ERR_FORMAT);
	CHECK(light_relay_check_retarget(slice_of(b, 0), FIRST_TIME) == ERR_FORMAT);
	/* the border is elsewhere, or there is none */
	const struct slice early = slice_of(b + BTC_HEADER_SIZE, HALF * BTC_HEADER_SIZE);
	CHECK(light_relay_check_retarget(early, FIRST_TIME) == OK);
	CHECK(light_relay_check_retarget(slice_of(b, HALF * BTC_HEADER_SIZE), FIRST_TIME) ==
		ERR_RANGE);
	b[BTC_HEADER_SIZE + 79] ^= 1;
	CHECK(light_relay_check_retarget(all, FIRST_TIME) == ERR_CHECKSUM);
}

static void test_calls(void)
{
	uint8_t b[HEADERS * BTC_HEADER_SIZE], storage[LIGHT_RELAY_CALL_MAX];
	const struct slice all = bytes_of(b, border);
	struct buf call = buf_init(storage, sizeof storage);
	uint64_t first = 1, last = 2, word;
	light_relay_retarget_call(&call, all);
	CHECK(!call.overflow && call.len == 4 + 2 * ABI_WORD + HEADERS * BTC_HEADER_SIZE);
	CHECK(abi_get_u64(&word, storage + 4) == OK && word == ABI_WORD);
	CHECK(abi_get_u64(&word, storage + 4 + ABI_WORD) == OK && word == all.len);
	CHECK(memcmp(storage + 4 + 2 * ABI_WORD, b, all.len) == 0);
	/* eighty bytes are two words and a half */
	call = buf_init(storage, sizeof storage);
	light_relay_genesis_call(&call, slice_of(b, BTC_HEADER_SIZE), 2016, 20);
	CHECK(call.len == 4 + 4 * ABI_WORD + 96);
	CHECK(abi_get_u64(&word, storage + 4) == OK && word == 3 * ABI_WORD);
	CHECK(abi_get_u64(&word, storage + 4 + ABI_WORD) == OK && word == 2016);
	CHECK(abi_get_u64(&word, storage + 4 + 2 * ABI_WORD) == OK && word == 20);
	uint8_t answer[2 * ABI_WORD] = {[31] = 5, [63] = 4};
	CHECK(light_relay_range_parse(&first, &last, slice_of(answer, 63)) == ERR_FORMAT);
	CHECK(light_relay_range_parse(&first, &last, slice_of(answer, 64)) == ERR_FORMAT);
	answer[63] = 9;
	CHECK(light_relay_range_parse(&first, &last, slice_of(answer, 64)) == OK);
	CHECK(first == 5 && last == 9);
	answer[32] = 1;
	CHECK(light_relay_range_parse(&first, &last, slice_of(answer, 64)) == ERR_RANGE);
	/* the most that there is room for */
	static uint8_t most[LIGHT_RELAY_HEADERS_MAX * BTC_HEADER_SIZE];
	call = buf_init(storage, sizeof storage);
	light_relay_validate_call(&call, slice_of(most, sizeof most));
	CHECK(!call.overflow);
}

int main(void)
{
	test_next_bits();
	test_chain();
	test_retarget();
	test_calls();
	return EXIT_SUCCESS;
}
