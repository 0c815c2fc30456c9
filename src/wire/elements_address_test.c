#include "wire/elements_address.h"
#include "base/bech32.h"
#include "base/hex.h"
#include "wire/vectors_elements_addresses.h"
#include "wire/vectors_elements_liquidjs.h"

#include <ctype.h>
#include <strings.h>

static const char *const names[] = {"liquidv1", "liquidtestnet", "elementsregtest"};

static const struct elements_network *network(const char *name)
{
	const struct elements_network *n = elements_network_by_name(slice_str(name));
	CHECK(n != NULL);
	return n;
}

static enum err parse(const char *name, const char *text)
{
	struct elements_address a;
	return elements_address_parse(&a, network(name), slice_str(text));
}

/* Both ways; in upper case where it has one; of no other network; wherever one character changes,
 * it is no address. blinding_hex NULL or empty: not confidential. */
static void check_address(
	const char *name, const char *text, const char *script_hex, const char *blinding_hex)
{
	struct elements_address a;
	struct pubkey blinding = {{0}};
	uint8_t script[BTC_SCRIPT_STD_MAX];
	char again[ELEMENTS_ADDRESS_TEXT_SIZE];
	size_t len;
	const bool confidential = blinding_hex != NULL && blinding_hex[0] != '\0';
	CHECK(hex_decode_var(script, &len, sizeof script, slice_str(script_hex)) == OK);
	if (confidential)
		CHECK(hex_decode(blinding.b, sizeof blinding.b, slice_str(blinding_hex)) == OK);
	CHECK(elements_address_parse(&a, network(name), slice_str(text)) == OK);
	CHECK(slice_eq(slice_of(a.script, a.script_len), slice_of(script, len)));
	CHECK(a.confidential == confidential);
	CHECK(memcmp(&a.blinding, &blinding, sizeof blinding) == 0);
	CHECK(elements_address_format(again, network(name), slice_of(script, len),
		      confidential ? &blinding : NULL) == OK);
	CHECK(strcmp(again, text) == 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		CHECK(parse(names[i], text) == (strcmp(names[i], name) == 0 ? OK : ERR_NETWORK));
	for (size_t i = 0; text[i] != '\0'; i++) {
		again[i] = again[i] == 'q' ? 'p' : 'q';
		CHECK(parse(name, again) != OK);
		again[i] = text[i];
	}
}

/* What elementsd and liquidjs-lib make of a script, and of a script and a key. */
static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(elements_addresses); i++)
		check_address("elementsregtest", elements_addresses[i].text,
			elements_addresses[i].script, elements_addresses[i].blinding);
	for (size_t i = 0; i < ARRAY_LEN(liquidjs_addresses); i++) {
		check_address(liquidjs_addresses[i].network, liquidjs_addresses[i].plain,
			liquidjs_addresses[i].script, NULL);
		check_address(liquidjs_addresses[i].network, liquidjs_addresses[i].confidential,
			liquidjs_addresses[i].script, liquidjs_addresses[i].blinding);
	}
	for (size_t i = 0; i < ARRAY_LEN(elements_not_addresses); i++)
		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			CHECK(parse(names[k], elements_not_addresses[i]) != OK);
}

static void test_case(void)
{
	const char *text = elements_addresses[0].text;
	char upper[ELEMENTS_ADDRESS_TEXT_SIZE];
	size_t len = strlen(text);
	CHECK(strncmp(text, "el1", 3) == 0);
	for (size_t i = 0; i <= len; i++)
		upper[i] = (char)toupper((unsigned char)text[i]);
	CHECK(parse("elementsregtest", upper) == OK);
	upper[len - 1] = text[len - 1];
	upper[len - 2] = text[len - 2];
	upper[len - 3] = text[len - 3];
	CHECK(parse("elementsregtest", upper) == ERR_FORMAT);
}

/* A text with a right check sum of what it should not hold. */
static enum err made(
	unsigned version, const uint8_t *bytes, size_t len, uint64_t final, const char *prefix)
{
	uint8_t value[160];
	char text[200];
	struct buf b = buf_init(text, sizeof text);
	value[0] = (uint8_t)version;
	const size_t n = 1 + bech32_from_bytes(value + 1, sizeof value - 1, slice_of(bytes, len));
	bech32_put(&b, &blech32_code, prefix, value, n, final);
	CHECK(!b.overflow);
	return parse("elementsregtest", buf_cstr(&b));
}

static void test_wrong_content(void)
{
	uint8_t bytes[33 + 41] = {0};
	struct elements_address a;
	CHECK(elements_address_parse(
		      &a, network("elementsregtest"), slice_str(elements_addresses[0].text)) == OK);
	memcpy(bytes, a.blinding.b, 33);
	CHECK(made(0, bytes, 33 + 20, BLECH32_FINAL, "el") == OK);
	CHECK(made(0, bytes, 33 + 20, BLECH32_FINAL, "lq") == ERR_NETWORK);
	CHECK(made(0, bytes, 33 + 20, BLECH32M_FINAL, "el") == ERR_CHECKSUM);
	CHECK(made(0, bytes, 33 + 20, BLECH32M_FINAL, "lq") == ERR_CHECKSUM);
	CHECK(made(0, bytes, 33 + 20, 2, "el") == ERR_CHECKSUM);
	CHECK(made(0, bytes, 33 + 21, BLECH32_FINAL, "el") == ERR_FORMAT);
	CHECK(made(0, bytes, 33 + 21, BLECH32_FINAL, "lq") == ERR_FORMAT);
	CHECK(made(0, bytes, 33, BLECH32_FINAL, "el") == ERR_FORMAT);
	CHECK(made(0, bytes, 32, BLECH32_FINAL, "el") == ERR_FORMAT);
	CHECK(made(0, bytes, 0, BLECH32_FINAL, "el") == ERR_FORMAT);
	CHECK(made(1, bytes, 33 + 32, BLECH32M_FINAL, "el") == OK);
	CHECK(made(1, bytes, 33 + 32, BLECH32_FINAL, "el") == ERR_CHECKSUM);
	CHECK(made(1, bytes, 33 + 40, BLECH32M_FINAL, "el") == ERR_RANGE);
	CHECK(made(1, bytes, 33 + 41, BLECH32M_FINAL, "el") == ERR_FORMAT);
	CHECK(made(16, bytes, 33 + 2, BLECH32M_FINAL, "el") == ERR_RANGE);
	CHECK(made(17, bytes, 33 + 32, BLECH32M_FINAL, "el") == ERR_FORMAT);
	memset(bytes + 1, 0xff, 32); /* x is not below the field's prime */
	CHECK(made(0, bytes, 33 + 20, BLECH32_FINAL, "el") == ERR_FORMAT);
	memset(bytes, 0, 33);
	CHECK(made(0, bytes, 33 + 20, BLECH32_FINAL, "el") == ERR_FORMAT);
}

static void test_format(void)
{
	static const uint8_t odd_program[] = {0x00, 0x03, 1, 2, 3};
	static const uint8_t op_return[] = {0x6a, 0x01, 0x02};
	char text[ELEMENTS_ADDRESS_TEXT_SIZE];
	struct elements_address a;
	const struct elements_network *n = network("elementsregtest");
	CHECK(elements_address_parse(&a, n, slice_str(elements_addresses[0].text)) == OK);
	for (unsigned blind = 0; blind < 2; blind++) {
		const struct pubkey *key = blind == 0 ? NULL : &a.blinding;
		CHECK(elements_address_format(
			      text, n, slice_of(op_return, sizeof op_return), key) == ERR_FORMAT);
		CHECK(elements_address_format(text, n, slice_of(odd_program, sizeof odd_program),
			      key) == ERR_FORMAT);
		CHECK(elements_address_format(text, n, slice_of(NULL, 0), key) == ERR_FORMAT);
	}
	memset(a.blinding.b, 0, sizeof a.blinding.b);
	CHECK(elements_address_format(text, n, slice_of(a.script, a.script_len), &a.blinding) ==
		ERR_FORMAT);
	CHECK(elements_network_by_name(slice_str("liquid")) == NULL);
	CHECK(hash256_is_zero(&n->genesis) && !hash256_is_zero(&network("liquidv1")->genesis));
}

int main(void)
{
	test_vectors();
	test_case();
	test_wrong_content();
	test_format();
	return 0;
}
