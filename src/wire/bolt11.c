#include "wire/bolt11_internal.h"

#include "base/bech32.h"
#include "base/utf8.h"
#include "crypto/hash.h"

#define AMOUNT_MSAT_MAX (SAT_MAX_RAW * BOLT11_MSAT_PER_SAT)
#define AMOUNT_DIGITS_MAX 20u /* 21 million coins in tenths of a millisatoshi */
#define TEXT_VALUES_MAX BOLT11_TEXT_MAX

_Static_assert(BOLT11_FIELD_LEN_MAX * 5 / 8 == BOLT11_FIELD_MAX, "bytes of the longest field");

const struct bolt11_prefix bolt11_prefixes[] = {
	{"bcrt", "regtest"},
	{"bc", "mainnet"},
	{"tbs", "signet"},
	{"tb", "testnet"},
};
const size_t bolt11_prefix_count = ARRAY_LEN(bolt11_prefixes);

const struct bolt11_multiplier bolt11_multipliers[] = {
	{'\0', UINT64_C(1000000000000)},
	{'m', UINT64_C(1000000000)},
	{'u', UINT64_C(1000000)},
	{'n', UINT64_C(1000)},
	{'p', UINT64_C(1)},
};
const size_t bolt11_multiplier_count = ARRAY_LEN(bolt11_multipliers);

void bolt11_sighash(struct hash256 *out, const char *prefix, const uint8_t *value, size_t value_len)
{
	static const size_t cap = BECH32_PREFIX_MAX + TEXT_VALUES_MAX;
	uint8_t message[BECH32_PREFIX_MAX + TEXT_VALUES_MAX];
	const size_t prefix_len = strlen(prefix);
	size_t len = 0;
	CHECK(prefix_len <= BECH32_PREFIX_MAX && value_len <= TEXT_VALUES_MAX);
	memcpy(message, prefix, prefix_len);
	CHECK(bech32_to_bytes_filled(
		      message + prefix_len, &len, cap - prefix_len, value, value_len) == OK);
	sha256(out, slice_of(message, prefix_len + len));
}

/* ---- the prefix: network and amount ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint64_t multiplier_tenths(const char *text)
{
	for (size_t i = 0; i < bolt11_multiplier_count; i++)
		if (bolt11_multipliers[i].letter == text[0] && (text[0] == '\0' || text[1] == '\0'))
			return bolt11_multipliers[i].tenths;
	return 0;
}

/* "2500u": digits without a leading zero, and perhaps a multiplier. */
static enum err amount_read(uint64_t *msat, const char *text)
{
	u128 tenths = 0;
	size_t len = 0;
	while (is_digit(text[len]))
		len++;
	if (len == 0 || text[0] == '0')
		return ERR_FORMAT;
	const uint64_t unit = multiplier_tenths(text + len);
	if (unit == 0)
		return ERR_FORMAT;
	if (len > AMOUNT_DIGITS_MAX)
		return ERR_RANGE;
	for (size_t i = 0; i < len; i++)
		tenths = tenths * 10 + (u128)(uint8_t)(text[i] - '0');
	tenths *= unit; /* below 10^20 times 10^12: no overflow */
	if (tenths % 10 != 0 || tenths > (u128)AMOUNT_MSAT_MAX * 10)
		return ERR_RANGE;
	*msat = (uint64_t)(tenths / 10);
	return OK;
}

/* "lnbcrt20m": the longer of two prefixes is tried first, and an amount begins with a digit. */
static enum err prefix_read(struct bolt11 *out, const char *text)
{
	if (text[0] != 'l' || text[1] != 'n')
		return ERR_FORMAT;
	for (size_t i = 0; i < bolt11_prefix_count; i++) {
		const char *name = bolt11_prefixes[i].text;
		const char *rest = text + 2 + strlen(name);
		if (strncmp(text + 2, name, strlen(name)) != 0)
			continue;
		if (rest[0] != '\0' && !is_digit(rest[0]))
			continue;
		out->network = network_by_name(
			LAYER_BITCOIN, slice_str(bolt11_prefixes[i].network));
		CHECK(out->network != NULL);
		return rest[0] == '\0' ? OK : amount_read(&out->amount_msat, rest);
	}
	return ERR_NETWORK;
}

/* ---- fields ---- */

/* Values of five bits, borrowed. */
struct values {
	const uint8_t *ptr;
	size_t len;
};

static enum err number_read(uint64_t *out, struct values v, uint64_t max)
{
	uint64_t n = 0;
	for (size_t i = 0; i < v.len; i++) {
		if (n > max >> 5)
			return ERR_RANGE;
		n = n << 5 | v.ptr[i];
	}
	if (n > max)
		return ERR_RANGE;
	*out = n;
	return OK;
}

static enum err hash_read(uint8_t out[32], struct values v)
{
	size_t len;
	TRY(bech32_to_bytes(out, &len, 32, v.ptr, v.len));
	CHECK(len == 32); /* of 52 values */
	return OK;
}

static enum err payment_hash_read(struct bolt11 *out, struct values v)
{
	return hash_read(out->payment_hash.b, v);
}

static enum err payment_secret_read(struct bolt11 *out, struct values v)
{
	return hash_read(out->payment_secret, v);
}

static enum err description_hash_read(struct bolt11 *out, struct values v)
{
	out->described_by_hash = true;
	return hash_read(out->description_hash.b, v);
}

static enum err node_read(struct bolt11 *out, struct values v)
{
	size_t len;
	TRY(bech32_to_bytes(out->payee.b, &len, sizeof out->payee.b, v.ptr, v.len));
	if (!pubkey_valid(&out->payee))
		return ERR_FORMAT;
	out->payee_stated = true;
	return OK;
}

static enum err description_read(struct bolt11 *out, struct values v)
{
	TRY(bech32_to_bytes(
		out->description, &out->description_len, sizeof out->description, v.ptr, v.len));
	return utf8_valid(slice_of(out->description, out->description_len)) ? OK : ERR_FORMAT;
}

static enum err metadata_read(struct bolt11 *out, struct values v)
{
	return bech32_to_bytes(
		out->metadata, &out->metadata_len, sizeof out->metadata, v.ptr, v.len);
}

static enum err expiry_read(struct bolt11 *out, struct values v)
{
	return number_read(&out->expiry_s, v, UINT32_MAX);
}

static enum err final_cltv_read(struct bolt11 *out, struct values v)
{
	uint64_t n;
	TRY(number_read(&n, v, UINT16_MAX));
	out->final_cltv = (uint32_t)n;
	return OK;
}

/* Bits count from the end. An even one says that who does not know it must not pay. */
static enum err features_read(struct bolt11 *out, struct values v)
{
	static const uint64_t known = UINT64_C(1) << BOLT11_VAR_ONION |
		UINT64_C(1) << BOLT11_PAYMENT_SECRET | UINT64_C(1) << BOLT11_BASIC_MPP |
		UINT64_C(1) << BOLT11_ROUTE_BLINDING | UINT64_C(1) << BOLT11_ATTRIBUTION_DATA |
		UINT64_C(1) << BOLT11_PAYMENT_METADATA;
	for (size_t bit = 0; bit < v.len * 5; bit++) {
		if ((v.ptr[v.len - 1 - bit / 5] >> bit % 5 & 1u) == 0)
			continue;
		if (bit % 2 == 0 && (bit >= 64 || (known >> bit & 1u) == 0))
			return ERR_STATE;
		if (bit < 64)
			out->features |= UINT64_C(1) << bit;
	}
	return OK;
}

static enum err fallback_read(struct bolt11 *out, struct values v)
{
	uint8_t bytes[BOLT11_FIELD_MAX];
	size_t len;
	if (v.len == 0)
		return ERR_FORMAT;
	const unsigned version = v.ptr[0];
	if (version > BOLT11_FALLBACK_P2SH)
		return OK;
	TRY(bech32_to_bytes(bytes, &len, sizeof bytes, v.ptr + 1, v.len - 1));
	if (version >= BOLT11_FALLBACK_P2PKH && len != 20)
		return ERR_FORMAT;
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t script_len = 0;
	if (version == BOLT11_FALLBACK_P2PKH) {
		btc_script_p2pkh(script, bytes);
		script_len = 25;
	} else if (version == BOLT11_FALLBACK_P2SH) {
		btc_script_p2sh(script, bytes);
		script_len = 23;
	} else {
		const enum err err = btc_script_witness(
			script, &script_len, version, slice_of(bytes, len));
		if (err == ERR_RANGE) /* no rule yet: not for us */
			return OK;
		TRY(err);
	}
	if (out->fallback_count == BOLT11_FALLBACKS_MAX)
		return ERR_RANGE;
	memcpy(out->fallback[out->fallback_count].script, script, script_len);
	out->fallback[out->fallback_count++].script_len = script_len;
	return OK;
}

static enum err route_read(struct bolt11 *out, struct values v)
{
	uint8_t bytes[BOLT11_FIELD_MAX];
	size_t len;
	TRY(bech32_to_bytes(bytes, &len, sizeof bytes, v.ptr, v.len));
	if (len == 0 || len % BOLT11_HOP_SIZE != 0)
		return ERR_FORMAT;
	const uint8_t route = out->hop_count == 0
		? 0
		: (uint8_t)(out->hop[out->hop_count - 1].route + 1);
	for (size_t at = 0; at < len; at += BOLT11_HOP_SIZE) {
		const uint8_t *b = bytes + at;
		if (out->hop_count == BOLT11_HOPS_MAX)
			return ERR_RANGE;
		struct bolt11_hop *hop = &out->hop[out->hop_count++];
		memcpy(hop->node.b, b, sizeof hop->node.b);
		hop->short_channel_id = load_be64(b + 33);
		hop->fee_base_msat = load_be32(b + 41);
		hop->fee_ppm = load_be32(b + 45);
		hop->cltv_delta = (uint16_t)(b[49] << 8 | b[50]);
		hop->route = route;
		if (!pubkey_valid(&hop->node))
			return ERR_FORMAT;
	}
	return OK;
}

static const struct field {
	enum bolt11_tag tag;
	uint16_t len; /* any other length is another, unknown field; 0: any */
	bool many;    /* may be there more than once */
	enum err (*read)(struct bolt11 *out, struct values v);
} fields[] = {
	{BOLT11_TAG_PAYMENT_HASH, BOLT11_HASH_LEN, false, payment_hash_read},
	{BOLT11_TAG_ROUTE, 0, true, route_read},
	{BOLT11_TAG_FEATURES, 0, false, features_read},
	{BOLT11_TAG_EXPIRY, 0, false, expiry_read},
	{BOLT11_TAG_FALLBACK, 0, true, fallback_read},
	{BOLT11_TAG_DESCRIPTION, 0, false, description_read},
	{BOLT11_TAG_PAYMENT_SECRET, BOLT11_HASH_LEN, false, payment_secret_read},
	{BOLT11_TAG_NODE, BOLT11_NODE_LEN, false, node_read},
	{BOLT11_TAG_DESCRIPTION_HASH, BOLT11_HASH_LEN, false, description_hash_read},
	{BOLT11_TAG_FINAL_CLTV, 0, false, final_cltv_read},
	{BOLT11_TAG_METADATA, 0, false, metadata_read},
};

/* *seen: a bit for each tag that was read. */
static enum err field_read(struct bolt11 *out, uint32_t *seen, unsigned tag, struct values v)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		if ((unsigned)f->tag != tag || (f->len != 0 && f->len != v.len))
			continue;
		if (!f->many && (*seen >> tag & 1u) != 0)
			return ERR_FORMAT;
		*seen |= UINT32_C(1) << tag;
		return f->read(out, v);
	}
	return OK;
}

static bool has(uint32_t seen, enum bolt11_tag tag)
{
	return (seen >> tag & 1u) != 0;
}

/* One of two bits: required or optional. */
static bool feature(const struct bolt11 *in, unsigned bit)
{
	return (in->features >> bit & 3u) != 0;
}

static enum err fields_read(struct bolt11 *out, struct values v)
{
	uint32_t seen = 0;
	while (v.len > 0) {
		if (v.len < BOLT11_FIELD_HEAD_LEN)
			return ERR_FORMAT;
		const unsigned tag = v.ptr[0];
		const size_t len = (size_t)v.ptr[1] << 5 | v.ptr[2];
		v.ptr += BOLT11_FIELD_HEAD_LEN;
		v.len -= BOLT11_FIELD_HEAD_LEN;
		if (len > v.len)
			return ERR_FORMAT;
		TRY(field_read(out, &seen, tag, (struct values){v.ptr, len}));
		v.ptr += len;
		v.len -= len;
	}
	if (!has(seen, BOLT11_TAG_PAYMENT_HASH) || !has(seen, BOLT11_TAG_PAYMENT_SECRET) ||
		has(seen, BOLT11_TAG_DESCRIPTION) == has(seen, BOLT11_TAG_DESCRIPTION_HASH))
		return ERR_FORMAT;
	/* BOLT 9: parts in many payments rest on the secret, the secret on the onion's format */
	if (!feature(out, BOLT11_PAYMENT_SECRET) || !feature(out, BOLT11_VAR_ONION))
		return ERR_FORMAT;
	return OK;
}

/* ---- the whole ---- */

static enum err signature_check(struct bolt11 *out, const struct bech32 *text, size_t data_len)
{
	uint8_t sig[65];
	size_t len;
	struct hash256 hash;
	TRY(bech32_to_bytes(sig, &len, sizeof sig, text->value + data_len, BOLT11_SIGNATURE_LEN));
	CHECK(len == sizeof sig); /* of 104 values */
	bolt11_sighash(&hash, text->prefix, text->value, data_len);
	if (out->payee_stated)
		return ecdsa_verify(sig, &hash, &out->payee) ? OK : ERR_CHECKSUM;
	return ecdsa_recover(&out->payee, sig, sig[64], &hash) == OK ? OK : ERR_CHECKSUM;
}

static enum err decode(struct bolt11 *out, const struct bech32 *text)
{
	if (text->value_len < BOLT11_TIMESTAMP_LEN + BOLT11_SIGNATURE_LEN)
		return ERR_FORMAT;
	const size_t data_len = text->value_len - BOLT11_SIGNATURE_LEN;
	out->expiry_s = BOLT11_EXPIRY_DEFAULT_S;
	out->final_cltv = BOLT11_FINAL_CLTV_DEFAULT;
	TRY(prefix_read(out, text->prefix));
	TRY(number_read(&out->timestamp_s, (struct values){text->value, BOLT11_TIMESTAMP_LEN},
		(UINT64_C(1) << 35) - 1));
	TRY(fields_read(out,
		(struct values){
			text->value + BOLT11_TIMESTAMP_LEN, data_len - BOLT11_TIMESTAMP_LEN}));
	return signature_check(out, text, data_len);
}

enum err bolt11_decode(struct bolt11 *out, struct slice text)
{
	uint8_t value[TEXT_VALUES_MAX];
	struct bech32 b;
	struct bolt11 made = {0};
	if (text.len > BOLT11_TEXT_MAX)
		return ERR_RANGE;
	TRY(bech32_decode(&b, value, sizeof value, &bech32_code, text));
	if (b.final != BECH32_FINAL)
		return ERR_CHECKSUM;
	TRY(decode(&made, &b));
	*out = made;
	return OK;
}

bool bolt11_is_expired(const struct bolt11 *invoice, uint64_t now_s)
{
	/* 35 and 32 bits: the sum fits */
	return now_s >= invoice->timestamp_s + invoice->expiry_s;
}
