#include "wire/bolt11.h"

#include <stdlib.h>
#include <strings.h>

#include "base/bech32.h"
#include "base/hex.h"
#include "wire/bolt11_internal.h"
#include "wire/vectors_bolt11.h"

/* The key of BOLT 11's examples. */
static const char key_hex[] = "e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734";

static bool same_bytes(const char *hex, const void *bytes, size_t len)
{
	uint8_t want[BOLT11_FIELD_MAX];
	size_t want_len;
	CHECK(hex_decode_var(want, &want_len, sizeof want, slice_str(hex)) == OK);
	return slice_eq(slice_of(want, want_len), slice_of(bytes, len));
}

static void check_valid(size_t i)
{
	struct bolt11 b;
	CHECK(bolt11_decode(&b, slice_str(bolt11_valid[i].text)) == OK);
	CHECK(strcmp(b.network->name, bolt11_valid[i].network) == 0);
	CHECK(b.amount_msat == bolt11_valid[i].msat);
	CHECK(b.timestamp_s == bolt11_valid[i].timestamp && b.expiry_s == bolt11_valid[i].expiry);
	CHECK(b.final_cltv == bolt11_valid[i].cltv && b.features == bolt11_valid[i].features);
	CHECK(same_bytes(bolt11_valid[i].hash, b.payment_hash.b, 32));
	CHECK(same_bytes(bolt11_secret, b.payment_secret, 32));
	CHECK(same_bytes(bolt11_payee, b.payee.b, 33) && !b.payee_stated);
	CHECK(same_bytes(bolt11_valid[i].metadata, b.metadata, b.metadata_len));
	CHECK(b.described_by_hash == (bolt11_valid[i].description == NULL));
	if (b.described_by_hash)
		CHECK(same_bytes(bolt11_valid[i].description_hash, b.description_hash.b, 32));
	else
		CHECK(same_bytes(bolt11_valid[i].description, b.description, b.description_len));
	CHECK(b.fallback_count == (bolt11_valid[i].fallback != NULL));
	if (b.fallback_count == 1)
		CHECK(same_bytes(
			bolt11_valid[i].fallback, b.fallback[0].script, b.fallback[0].script_len));
	CHECK(b.hop_count == bolt11_valid[i].hop_count);
	for (size_t k = 0; k < b.hop_count; k++) {
		CHECK(same_bytes(bolt11_valid[i].hop[k].node, b.hop[k].node.b, 33));
		CHECK(b.hop[k].short_channel_id == bolt11_valid[i].hop[k].channel);
		CHECK(b.hop[k].fee_base_msat == bolt11_valid[i].hop[k].base);
		CHECK(b.hop[k].fee_ppm == bolt11_valid[i].hop[k].ppm);
		CHECK(b.hop[k].cltv_delta == bolt11_valid[i].hop[k].delta && b.hop[k].route == 0);
	}
}

/* Our own encoding of what was read is read as the same again: it has the same encoding. */
static void check_again(const struct bolt11 *b, const struct seckey *key)
{
	struct bolt11 again;
	struct pubkey payee;
	char text[BOLT11_TEXT_MAX + 1], second[BOLT11_TEXT_MAX + 1];
	CHECK(bolt11_encode(text, b, key) == OK);
	CHECK(bolt11_decode(&again, slice_str(text)) == OK);
	CHECK(bolt11_encode(second, &again, key) == OK && strcmp(text, second) == 0);
	CHECK(pubkey_from_seckey(&payee, key) == OK);
	CHECK(memcmp(&payee, &again.payee, sizeof payee) == 0);
	CHECK(again.network == b->network && again.payee_stated == b->payee_stated);
}

static void test_vectors(const struct seckey *key)
{
	struct bolt11 b;
	for (size_t i = 0; i < ARRAY_LEN(bolt11_valid); i++) {
		check_valid(i);
		CHECK(bolt11_decode(&b, slice_str(bolt11_valid[i].text)) == OK);
		check_again(&b, key);
		b.payee_stated = true;
		check_again(&b, key);
	}
	for (size_t i = 0; i < ARRAY_LEN(bolt11_invalid); i++) {
		b.amount_msat = 77;
		CHECK(bolt11_decode(&b, slice_str(bolt11_invalid[i].text)) ==
			bolt11_invalid[i].err);
		CHECK(b.amount_msat == 77);
	}
}

static struct bolt11 sample(void)
{
	struct bolt11 b;
	CHECK(bolt11_decode(&b, slice_str(bolt11_valid[1].text)) == OK);
	return b;
}

/* The prefix up to the separator. */
static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0 && text[strlen(prefix)] == '1';
}

static void test_amounts(const struct seckey *key)
{
	static const struct {
		uint64_t msat;
		const char *prefix;
	} rows[] = {
		{0, "lnbcrt"},
		{1, "lnbcrt10p"},
		{100, "lnbcrt1n"},
		{1000, "lnbcrt10n"},
		{100000, "lnbcrt1u"},
		{250000000, "lnbcrt2500u"},
		{100000000, "lnbcrt1m"},
		{UINT64_C(100000000000), "lnbcrt1"},
		{UINT64_C(100000000001), "lnbcrt1000000000010p"},
		{UINT64_C(2100000000000000000), "lnbcrt21000000"},
		{UINT64_C(2099999999999999999), "lnbcrt20999999999999999990p"},
	};
	struct bolt11 b = sample();
	b.network = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[BOLT11_TEXT_MAX + 1];
		b.amount_msat = rows[i].msat;
		CHECK(bolt11_encode(text, &b, key) == OK && has_prefix(text, rows[i].prefix));
		check_again(&b, key);
	}
	char text[BOLT11_TEXT_MAX + 1];
	b.amount_msat = UINT64_C(2100000000000000001);
	CHECK(bolt11_encode(text, &b, key) == ERR_RANGE);
}

/* Signs any data part under any prefix: what bolt11_encode would never write. */
static enum err decode_made(struct bolt11 *out, const char *prefix, const uint8_t *value,
	size_t len, const struct seckey *key)
{
	char text[2 * BOLT11_TEXT_MAX];
	uint8_t all[BOLT11_TEXT_MAX], sig[65];
	struct buf b = buf_init(text, sizeof text);
	struct hash256 hash;
	int recovery_id;
	CHECK(len + BOLT11_SIGNATURE_LEN <= sizeof all);
	memcpy(all, value, len);
	bolt11_sighash(&hash, prefix, all, len);
	CHECK(ecdsa_sign(sig, &recovery_id, &hash, key) == OK);
	sig[64] = (uint8_t)recovery_id;
	len += bech32_from_bytes(all + len, sizeof all - len, slice_of(sig, sizeof sig));
	bech32_put(&b, &bech32_code, prefix, all, len, BECH32_FINAL);
	CHECK(!b.overflow);
	return bolt11_decode(out, buf_slice(&b));
}

/* The data part of the sample, and one more field. */
static enum err decode_with(const char *prefix, unsigned tag, const uint8_t *field,
	size_t field_len, const struct seckey *key)
{
	uint8_t value[BOLT11_TEXT_MAX];
	struct bech32 parts;
	struct bolt11 out;
	CHECK(bech32_decode(&parts, value, sizeof value, &bech32_code,
		      slice_str(bolt11_valid[1].text)) == OK);
	size_t len = parts.value_len - BOLT11_SIGNATURE_LEN;
	value[len++] = (uint8_t)tag;
	value[len++] = (uint8_t)(field_len >> 5);
	value[len++] = (uint8_t)(field_len & 31u);
	memcpy(value + len, field, field_len);
	return decode_made(&out, prefix, value, len + field_len, key);
}

static void test_prefixes(const struct seckey *key)
{
	static const struct {
		const char *prefix;
		enum err err;
	} rows[] = {
		{"lnbc", OK},
		{"lntbs", OK},
		{"lntb1", OK},
		{"lnbcrt1m", OK},
		{"lnbc0", ERR_FORMAT},
		{"lnbc01", ERR_FORMAT},
		{"lnbcm", ERR_NETWORK},
		{"lnltc1", ERR_NETWORK},
		{"ln", ERR_NETWORK},
		{"bc1", ERR_FORMAT},
		{"lnbc1mm", ERR_FORMAT},
		{"lnbc1x", ERR_FORMAT},
		{"lnbc1p", ERR_RANGE},
		{"lnbc21000001", ERR_RANGE},
		{"lnbc210000000000000000010p", ERR_RANGE},
		{"lnbc99999999999999999999", ERR_RANGE},
		{"lnbc999999999999999999999999999999999999999999999", ERR_RANGE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) /* an unknown field changes nothing */
		CHECK(decode_with(rows[i].prefix, 0, (const uint8_t[]){1}, 1, key) == rows[i].err);
}

static void test_fields(const struct seckey *key)
{
	uint8_t field[BOLT11_FIELD_LEN_MAX] = {0};
	/* what may be there once is there already */
	CHECK(decode_with("lnbc", BOLT11_TAG_PAYMENT_HASH, field, BOLT11_HASH_LEN, key) ==
		ERR_FORMAT);
	CHECK(decode_with("lnbc", BOLT11_TAG_PAYMENT_SECRET, field, BOLT11_HASH_LEN, key) ==
		ERR_FORMAT);
	CHECK(decode_with("lnbc", BOLT11_TAG_EXPIRY, field, 1, key) == ERR_FORMAT);
	/* description and hash of a description */
	CHECK(decode_with("lnbc", BOLT11_TAG_DESCRIPTION_HASH, field, BOLT11_HASH_LEN, key) ==
		ERR_FORMAT);
	/* of another length it is another field */
	CHECK(decode_with("lnbc", BOLT11_TAG_PAYMENT_HASH, field, BOLT11_HASH_LEN - 1, key) == OK);
	CHECK(decode_with("lnbc", BOLT11_TAG_METADATA, field, sizeof field, key) == OK);
	/* bits left over that are not zero */
	field[1] = 1;
	CHECK(decode_with("lnbc", BOLT11_TAG_METADATA, field, 2, key) == ERR_FORMAT);
	/* not on the curve */
	CHECK(decode_with("lnbc", BOLT11_TAG_NODE, field, BOLT11_NODE_LEN, key) == ERR_FORMAT);
	CHECK(decode_with("lnbc", BOLT11_TAG_ROUTE, field, 82, key) == ERR_FORMAT);
	CHECK(decode_with("lnbc", BOLT11_TAG_ROUTE, field, 0, key) == ERR_FORMAT);
	/* numbers over their bounds */
	memset(field, 31, sizeof field);
	CHECK(decode_with("lnbc", BOLT11_TAG_FINAL_CLTV, field, 3, key) == OK);
	CHECK(decode_with("lnbc", BOLT11_TAG_FINAL_CLTV, field, 4, key) == ERR_RANGE);
	CHECK(decode_with("lnbc", BOLT11_TAG_FINAL_CLTV, field, 900, key) == ERR_RANGE);
	/* fallbacks: 21 bytes, a version without a rule, an unknown one, none */
	field[0] = BOLT11_FALLBACK_P2SH;
	memset(field + 1, 0, sizeof field - 1);
	CHECK(decode_with("lnbc", BOLT11_TAG_FALLBACK, field, 33, key) == OK);
	CHECK(decode_with("lnbc", BOLT11_TAG_FALLBACK, field, 35, key) == ERR_FORMAT);
	field[0] = 2;
	CHECK(decode_with("lnbc", BOLT11_TAG_FALLBACK, field, 53, key) == OK);
	field[0] = 31;
	CHECK(decode_with("lnbc", BOLT11_TAG_FALLBACK, field, 2, key) == OK);
	CHECK(decode_with("lnbc", BOLT11_TAG_FALLBACK, field, 0, key) == ERR_FORMAT);
}

/* A field that says it is longer than what is left; every length of the data part. */
static void test_lengths(const struct seckey *key)
{
	uint8_t value[BOLT11_TEXT_MAX];
	struct bech32 parts;
	struct bolt11 out;
	CHECK(bech32_decode(&parts, value, sizeof value, &bech32_code,
		      slice_str(bolt11_valid[1].text)) == OK);
	const size_t whole = parts.value_len - BOLT11_SIGNATURE_LEN;
	CHECK(decode_made(&out, "lnbc", value, whole, key) == OK);
	for (size_t len = 0; len < whole; len++)
		CHECK(decode_made(&out, "lnbc", value, len, key) == ERR_FORMAT);
}

static void test_description(const struct seckey *key)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xe2\x82\xac", "\xf0\x9f\x8d\xb0",
		"\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82",
		"\xe2\x82z", "\xf0\x9f\x8d"};
	char text[BOLT11_TEXT_MAX + 1];
	struct bolt11 b = sample();
	for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
		const bool ok = i < ARRAY_LEN(good);
		const char *said = ok ? good[i] : bad[i - ARRAY_LEN(good)];
		struct bolt11 again;
		memset(b.description, 0, sizeof b.description);
		b.description_len = strlen(said);
		memcpy(b.description, said, b.description_len);
		CHECK(bolt11_encode(text, &b, key) == OK);
		CHECK(bolt11_decode(&again, slice_str(text)) == (ok ? OK : ERR_FORMAT));
	}
}

/* Any one value of an invoice changed, with a right check sum: it is refused, or, where the change
 * hid the stated payee, it is another payee's. */
static void test_signature(const struct seckey *key)
{
	uint8_t value[BOLT11_TEXT_MAX];
	struct bech32 parts;
	struct bolt11 b = sample(), out;
	char text[BOLT11_TEXT_MAX + 1], changed[BOLT11_TEXT_MAX + 1];
	struct pubkey payee;
	b.payee_stated = true;
	CHECK(pubkey_from_seckey(&payee, key) == OK);
	CHECK(bolt11_encode(text, &b, key) == OK);
	for (size_t i = 0;
		bech32_decode(&parts, value, sizeof value, &bech32_code, slice_str(text)) == OK &&
		i < parts.value_len;
		i++) {
		struct buf again = buf_init(changed, sizeof changed);
		parts.value[i] ^= 1;
		bech32_put(&again, &bech32_code, parts.prefix, parts.value, parts.value_len,
			BECH32_FINAL);
		/* the recovery id is not looked at where the payee is stated: its byte's last two
		 * values change no meaning */
		if (i + 2 < parts.value_len)
			CHECK(bolt11_decode(&out, buf_slice(&again)) != OK ||
				(!out.payee_stated &&
					memcmp(&out.payee, &payee, sizeof payee) != 0));
	}
	CHECK(strlen(text) > 300);
	text[strlen(text) - 1] = text[strlen(text) - 1] == 'q' ? 'p' : 'q';
	CHECK(bolt11_decode(&out, slice_str(text)) == ERR_CHECKSUM);
}

static void test_bounds(const struct seckey *key)
{
	static char text[BOLT11_TEXT_MAX + 2];
	struct bolt11 b = sample(), out;
	memset(text, 'q', sizeof text - 1);
	CHECK(bolt11_decode(&out, slice_str(text)) == ERR_RANGE);
	CHECK(!bolt11_is_expired(&b, b.timestamp_s + 59));
	CHECK(bolt11_is_expired(&b, b.timestamp_s + 60));
	for (b.hop_count = 0; b.hop_count < BOLT11_HOPS_MAX; b.hop_count++)
		b.hop[b.hop_count] = (struct bolt11_hop){.node = b.payee,
			.short_channel_id = UINT64_MAX - b.hop_count,
			.cltv_delta = UINT16_MAX,
			.route = (uint8_t)(b.hop_count / 12)};
	for (; b.fallback_count < BOLT11_FALLBACKS_MAX; b.fallback_count++) {
		const struct xonly key_x = {{3}};
		btc_script_p2tr(b.fallback[b.fallback_count].script, &key_x);
		b.fallback[b.fallback_count].script_len = 34;
	}
	b.timestamp_s = (UINT64_C(1) << 35) - 1;
	b.expiry_s = UINT32_MAX;
	b.final_cltv = UINT16_MAX;
	check_again(&b, key);
	b.hop[12].route = 0; /* thirteen hops don't fit one field */
	CHECK(bolt11_encode(text, &b, key) == ERR_FULL);
	b.expiry_s++;
	CHECK(bolt11_encode(text, &b, key) == ERR_RANGE);
}

int main(void)
{
	struct seckey key;
	uint8_t seed[32] = {1};
	secp_init(seed);
	CHECK(hex_decode(key.b, sizeof key.b, slice_str(key_hex)) == OK);
	test_vectors(&key);
	test_amounts(&key);
	test_prefixes(&key);
	test_fields(&key);
	test_lengths(&key);
	test_description(&key);
	test_signature(&key);
	test_bounds(&key);
	return EXIT_SUCCESS;
}
