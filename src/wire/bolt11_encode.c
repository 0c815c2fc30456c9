#include "wire/bolt11_internal.h"

#include "base/bech32.h"
#include "crypto/hash.h"

#define NUMBER_LEN_MAX 13u /* values in a number of 64 bits */

/* The data part as it grows. */
struct data {
	uint8_t value[BOLT11_TEXT_MAX];
	size_t len;
	bool overflow;
};

static void put(struct data *d, const uint8_t *value, size_t len)
{
	if (d->overflow || len > sizeof d->value - d->len) {
		d->overflow = true;
		return;
	}
	memcpy(d->value + d->len, value, len);
	d->len += len;
}

static void field_put(struct data *d, enum bolt11_tag tag, const uint8_t *value, size_t len)
{
	CHECK(len <= BOLT11_FIELD_LEN_MAX);
	const uint8_t head[] = {(uint8_t)tag, (uint8_t)(len >> 5), (uint8_t)(len & 31u)};
	put(d, head, sizeof head);
	put(d, value, len);
}

static void bytes_put(struct data *d, enum bolt11_tag tag, struct slice bytes)
{
	uint8_t value[BOLT11_FIELD_LEN_MAX + 1];
	field_put(d, tag, value, bech32_from_bytes(value, sizeof value, bytes));
}

/* Big-endian, in exactly len values. */
static void number_store(uint8_t *value, size_t len, uint64_t n)
{
	for (size_t i = len; i-- > 0; n >>= 5)
		value[i] = (uint8_t)(n & 31u);
}

/* In as few values as it needs. */
static void number_put(struct data *d, enum bolt11_tag tag, uint64_t n)
{
	uint8_t value[NUMBER_LEN_MAX];
	size_t len = 0;
	while (len < NUMBER_LEN_MAX && n >> 5 * len != 0)
		len++;
	number_store(value, len, n);
	field_put(d, tag, value, len);
}

static void fallback_put(struct data *d, struct slice script)
{
	uint8_t value[BOLT11_FIELD_LEN_MAX];
	struct slice program;
	unsigned version;
	switch (btc_script_kind(&version, &program, script)) {
	case BTC_SCRIPT_P2PKH: version = BOLT11_FALLBACK_P2PKH; break;
	case BTC_SCRIPT_P2SH: version = BOLT11_FALLBACK_P2SH; break;
	case BTC_SCRIPT_WITNESS: break;
	case BTC_SCRIPT_OTHER: d->overflow = true; return;
	}
	value[0] = (uint8_t)version;
	field_put(d, BOLT11_TAG_FALLBACK, value,
		1 + bech32_from_bytes(value + 1, sizeof value - 1, program));
}

static void routes_put(struct data *d, const struct bolt11 *in)
{
	uint8_t bytes[BOLT11_FIELD_MAX];
	for (size_t i = 0; i < in->hop_count;) {
		struct buf b = buf_init(bytes, sizeof bytes);
		const uint8_t route = in->hop[i].route;
		for (; i < in->hop_count && in->hop[i].route == route; i++) {
			const struct bolt11_hop *hop = &in->hop[i];
			buf_put(&b, hop->node.b, sizeof hop->node.b);
			buf_be64(&b, hop->short_channel_id);
			buf_be32(&b, hop->fee_base_msat);
			buf_be32(&b, hop->fee_ppm);
			buf_u8(&b, (uint8_t)(hop->cltv_delta >> 8));
			buf_u8(&b, (uint8_t)hop->cltv_delta);
		}
		if (b.overflow)
			d->overflow = true;
		bytes_put(d, BOLT11_TAG_ROUTE, buf_slice(&b));
	}
}

static void fields_put(struct data *d, const struct bolt11 *in, const struct pubkey *payee)
{
	bytes_put(d, BOLT11_TAG_PAYMENT_HASH, slice_of(in->payment_hash.b, 32));
	bytes_put(d, BOLT11_TAG_PAYMENT_SECRET, slice_of(in->payment_secret, 32));
	if (in->described_by_hash)
		bytes_put(d, BOLT11_TAG_DESCRIPTION_HASH, slice_of(in->description_hash.b, 32));
	else
		bytes_put(
			d, BOLT11_TAG_DESCRIPTION, slice_of(in->description, in->description_len));
	if (in->metadata_len > 0)
		bytes_put(d, BOLT11_TAG_METADATA, slice_of(in->metadata, in->metadata_len));
	if (in->payee_stated)
		bytes_put(d, BOLT11_TAG_NODE, slice_of(payee->b, sizeof payee->b));
	number_put(d, BOLT11_TAG_EXPIRY, in->expiry_s);
	number_put(d, BOLT11_TAG_FINAL_CLTV, in->final_cltv);
	for (size_t i = 0; i < in->fallback_count; i++)
		fallback_put(d, slice_of(in->fallback[i].script, in->fallback[i].script_len));
	routes_put(d, in);
	number_put(d, BOLT11_TAG_FEATURES, in->features);
}

/* "lnbc2500u": the largest multiplier that leaves a whole number. */
static enum err prefix_put(struct buf *out, const struct bolt11 *in)
{
	size_t i = 0;
	while (i < bolt11_prefix_count &&
		strcmp(bolt11_prefixes[i].network, in->network->name) != 0)
		i++;
	if (i == bolt11_prefix_count || in->network->layer != LAYER_BITCOIN ||
		in->amount_msat > SAT_MAX_RAW * BOLT11_MSAT_PER_SAT)
		return ERR_RANGE;
	buf_printf(out, "ln%s", bolt11_prefixes[i].text);
	if (in->amount_msat == 0)
		return OK;
	const u128 tenths = (u128)in->amount_msat * 10;
	for (i = 0; tenths % bolt11_multipliers[i].tenths != 0; i++)
		continue; /* ends at pico: one tenth */
	const struct bolt11_multiplier *m = &bolt11_multipliers[i];
	if (m->tenths == 1) /* tenths may be over 64 bits */
		buf_printf(out, "%llu0%c", (unsigned long long)in->amount_msat, m->letter);
	else
		buf_printf(out, "%llu%.*s", (unsigned long long)(tenths / m->tenths),
			m->letter != '\0', &m->letter);
	return OK;
}

enum err bolt11_encode(
	char text[BOLT11_TEXT_MAX + 1], const struct bolt11 *in, const struct seckey *key)
{
	char prefix[BECH32_PREFIX_MAX + 1];
	uint8_t sig[65];
	struct data d = {.len = BOLT11_TIMESTAMP_LEN};
	struct buf b = buf_init(prefix, sizeof prefix);
	struct buf out = buf_init(text, BOLT11_TEXT_MAX + 1);
	struct pubkey payee;
	struct hash256 hash;
	int recovery_id;
	if (in->timestamp_s >> 35 != 0 || in->expiry_s > UINT32_MAX ||
		in->final_cltv > UINT16_MAX || in->description_len > BOLT11_FIELD_MAX ||
		in->metadata_len > BOLT11_FIELD_MAX || in->hop_count > BOLT11_HOPS_MAX ||
		in->fallback_count > BOLT11_FALLBACKS_MAX)
		return ERR_RANGE;
	TRY(prefix_put(&b, in));
	TRY(pubkey_from_seckey(&payee, key));
	number_store(d.value, BOLT11_TIMESTAMP_LEN, in->timestamp_s);
	fields_put(&d, in, &payee);
	if (d.overflow || d.len + BOLT11_SIGNATURE_LEN > sizeof d.value)
		return ERR_FULL;
	bolt11_sighash(&hash, buf_cstr(&b), d.value, d.len);
	TRY(ecdsa_sign(sig, &recovery_id, &hash, key));
	sig[64] = (uint8_t)recovery_id;
	d.len += bech32_from_bytes(
		d.value + d.len, sizeof d.value - d.len, slice_of(sig, sizeof sig));
	bech32_put(&out, &bech32_code, buf_cstr(&b), d.value, d.len, BECH32_FINAL);
	if (out.overflow || out.len > BOLT11_TEXT_MAX)
		return ERR_FULL;
	(void)buf_cstr(&out);
	return OK;
}
