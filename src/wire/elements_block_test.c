/* Blocks of Elements: one that was recorded, with a blinded payment in it, and what it is not. */
#include "wire/elements_block.h"

#include "base/hex.h"
#include "wire/elements_address.h"
#include "wire/elements_view.h"
#include "wire/vectors_elements_exchanges.h"

#include <stdlib.h>

static uint8_t raw[16384];
static size_t raw_len;

/* Where the text ends, at or after `at`. */
static const char *behind(struct slice body, const char *at, const char *text)
{
	const char *end = (const char *)body.ptr + body.len;
	const char *found = memmem(at, (size_t)(end - at), text, strlen(text));
	CHECK(found != NULL);
	return found + strlen(text);
}

/* The string that follows a member's name in a recorded answer. */
static struct slice member(const char *name, const char *key, unsigned nth)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
		if (strcmp(exchanges[i].name, name) != 0)
			continue;
		const struct slice body = exchanges[i].body;
		const char *at = behind(body, (const char *)body.ptr, key);
		for (; nth > 0; nth--)
			at = behind(body, at, "\",\"");
		return slice_of(at, (size_t)(behind(body, at, "\"") - 1 - at));
	}
	CHECK(false);
	return slice_of(NULL, 0);
}

struct seen {
	struct hash256 txid[2];
	uint32_t count, fees, blinded;
};

static enum err see(
	void *ctx, uint32_t index, const struct elements_tx *tx, const struct hash256 *txid)
{
	struct seen *s = ctx;
	struct btc_txin in[4];
	struct btc_txout out[8];
	struct btc_tx view;
	const struct elements_network *chain = elements_network_by_name(slice_str("liquidregtest"));
	CHECK(index == s->count && index < ARRAY_LEN(s->txid));
	CHECK(tx->in_count <= ARRAY_LEN(in) && tx->out_count <= ARRAY_LEN(out));
	s->txid[s->count++] = *txid;
	elements_view(&view, in, out, tx, &chain->policy_asset);
	CHECK(btc_tx_is_coinbase(&view) == (index == 0));
	for (uint32_t i = 0; i < tx->out_count; i++) {
		const bool blinded = elements_value_form(&tx->out[i].value) == ELEMENTS_COMMITMENT;
		s->fees += elements_txout_is_fee(&tx->out[i]);
		s->blinded += blinded;
		/* what it holds is not known, and so it counts for nothing */
		CHECK(!blinded || (out[i].script.len > 0 && out[i].value.raw == 0));
	}
	return OK;
}

static void test_recorded(void)
{
	struct elements_block b;
	struct hash256 hash, said;
	struct seen s = {0};
	CHECK(elements_block_open(&b, slice_of(raw, raw_len), NULL) == OK);
	elements_header_hash(&hash, &b.header);
	const char *const hex = "\"hash\":\"", *const list = "\"tx\":[\"";
	CHECK(hex_decode_reversed(said.b, 32, member("getblock-verbosity1", hex, 0)) == OK);
	CHECK(hash256_eq(&hash, &said));
	CHECK(b.header.height == 4 && b.header.version == 0x20000000 && b.header.dynamic);
	CHECK(elements_block_visit(&b, see, &s) == OK);
	CHECK(s.count == 2 && s.blinded == 2 && s.fees == 1);
	for (unsigned i = 0; i < s.count; i++) {
		CHECK(hex_decode_reversed(said.b, 32, member("getblock-verbosity1", list, i)) ==
			OK);
		CHECK(hash256_eq(&s.txid[i], &said));
	}
	elements_block_close(&b);
}

static void test_header(void)
{
	uint8_t bytes[512], again[512];
	struct elements_header h;
	struct buf out = buf_init(again, sizeof again);
	size_t len, used;
	CHECK(hex_decode_var(bytes, &len, sizeof bytes,
		      member("getblockheader-hex", "\"result\":\"", 0)) == OK);
	CHECK(elements_header_parse(&h, &used, slice_of(bytes, len)) == OK && used == len);
	elements_header_put(&out, &h);
	CHECK(slice_eq(buf_slice(&out), slice_of(bytes, len)));
	for (size_t n = 0; n < len; n++)
		CHECK(elements_header_parse(&h, &used, slice_of(bytes, n)) != OK);
}

/* No part of it, and nothing else that begins as it does. */
static void test_spoiled(void)
{
	struct elements_block b;
	for (size_t n = 0; n < raw_len; n += 97)
		CHECK(elements_block_open(&b, slice_of(raw, n), NULL) != OK);
	raw[raw_len] = 0;
	CHECK(elements_block_open(&b, slice_of(raw, raw_len + 1), NULL) == ERR_FORMAT);
	raw[40] ^= 1; /* the Merkle root */
	CHECK(elements_block_open(&b, slice_of(raw, raw_len), NULL) == ERR_CHECKSUM);
	raw[40] ^= 1;
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	CHECK(hex_decode_var(raw, &raw_len, sizeof raw - 1,
		      member("getblock-verbosity0", "\"result\":\"", 0)) == OK);
	test_recorded();
	test_header();
	test_spoiled();
	return EXIT_SUCCESS;
}
