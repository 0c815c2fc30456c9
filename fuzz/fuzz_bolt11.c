/* The first byte chooses: the rest is an invoice's text, or the values of a data part, for which a
 * check sum and a signature are made here (no fuzzer guesses them). What is read can be written,
 * and is read as the same again. */
#include "base/bech32.h"
#include "wire/bolt11_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seckey key = {{1}};

static void sign(struct buf *text, const char *prefix, const uint8_t *data, size_t size)
{
	uint8_t value[BOLT11_TEXT_MAX], sig[65];
	struct hash256 hash;
	int recovery_id;
	size_t len = size < 4096 ? size : 4096;
	for (size_t i = 0; i < len; i++)
		value[i] = data[i] & 31u;
	bolt11_sighash(&hash, prefix, value, len);
	CHECK(ecdsa_sign(sig, &recovery_id, &hash, &key) == OK);
	sig[64] = (uint8_t)recovery_id;
	len += bech32_from_bytes(value + len, sizeof value - len, slice_of(sig, sizeof sig));
	bech32_put(text, &bech32_code, prefix, value, len, BECH32_FINAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = {"lnbc", "lntbs2500u", "lnbcrt10p", "lntb1"};
	static const uint8_t seed[32] = {1};
	static char text[BOLT11_TEXT_MAX + 1], second[BOLT11_TEXT_MAX + 1];
	static struct bolt11 b, again;
	if (size == 0)
		return 0;
	secp_init(seed);
	struct slice in = slice_of(data + 1, size - 1);
	struct buf made = buf_init(text, sizeof text);
	if (data[0] < 128) {
		sign(&made, prefixes[data[0] % ARRAY_LEN(prefixes)], data + 1, size - 1);
		in = buf_slice(&made);
	}
	if (bolt11_decode(&b, in) != OK)
		return 0;
	CHECK(pubkey_valid(&b.payee) && b.hop_count <= BOLT11_HOPS_MAX);
	CHECK(b.amount_msat <= SAT_MAX_RAW * BOLT11_MSAT_PER_SAT);
	CHECK(bolt11_encode(text, &b, &key) == OK);
	CHECK(bolt11_decode(&again, slice_str(text)) == OK);
	CHECK(bolt11_encode(second, &again, &key) == OK && strcmp(text, second) == 0);
	return 0;
}
