#include "crypto/surjection.h"

#include "crypto/hash.h"
#include "crypto/ring.h"

/* ---- what both sides make of it ---- */

static bool is_used(const uint8_t *used, uint32_t i)
{
	return (used[i / 8] >> i % 8 & 1) != 0;
}

/* The keys of the inputs that are used. false: one of them is the output. */
static bool keys_of(struct point *key, const uint8_t *used, const struct point *input,
	uint32_t input_count, const struct point *output)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < input_count; i++) {
		struct point less = input[i];
		if (!is_used(used, i))
			continue;
		point_negate(&less);
		if (!point_add(&key[n++], output, &less))
			return false;
	}
	return true;
}

/* Of all inputs, used or not. */
static void message_of(struct hash256 *out, const struct point *input, uint32_t input_count,
	const struct point *output)
{
	struct sha256_stream hash;
	uint8_t bytes[33];
	sha256_begin(&hash);
	for (uint32_t i = 0; i <= input_count; i++) {
		point_write(bytes, i < input_count ? &input[i] : output);
		sha256_add(&hash, slice_of(bytes, sizeof bytes));
	}
	sha256_end(out, &hash);
}

/* ---- verifying ---- */

static uint32_t used_count(const uint8_t *used, uint32_t input_count)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < input_count; i++)
		n += is_used(used, i);
	return n;
}

enum err surjection_verify(struct slice proof, const struct point *input, uint32_t input_count,
	const struct point *output)
{
	struct point key[SURJECTION_INPUTS_MAX];
	struct scalar s[SURJECTION_INPUTS_MAX];
	const size_t map_len = (input_count + 7) / 8;

	if (input_count == 0 || input_count > SURJECTION_INPUTS_MAX ||
		proof.len < 2 + map_len + 64 || load_le16(proof.ptr) != input_count)
		return ERR_FORMAT;
	const uint8_t *used = proof.ptr + 2;
	const uint8_t *e0 = used + map_len;
	const uint32_t count = used_count(used, input_count);
	/* bits of no input would be another encoding of the same */
	if (input_count % 8 != 0 && used[map_len - 1] >> input_count % 8 != 0)
		return ERR_FORMAT;
	if (count == 0 || proof.len != 2 + map_len + 32 * (size_t)(1 + count))
		return ERR_FORMAT;
	for (uint32_t i = 0; i < count; i++)
		if (!scalar_read(&s[i], e0 + 32 + 32 * (size_t)i))
			return ERR_FORMAT;
	struct rings r = {.count = 1, .size = &count, .key = key};
	if (!keys_of(key, used, input, input_count, output))
		return ERR_CHECKSUM;
	message_of(&r.message, input, input_count, output);
	return rings_verify(&r, NULL, e0, s) ? OK : ERR_CHECKSUM;
}

/* ---- proving ---- */

/* Numbers that only who knows the secret can know, others for every message. */
static void draw(struct scalar *s, uint32_t count, const struct scalar *secret,
	const struct hash256 *message)
{
	struct ring_random random;
	uint8_t seed[64];
	memcpy(seed, secret->b, 32);
	memcpy(seed + 32, message->b, 32);
	ring_random_init(&random, slice_of(seed, sizeof seed));
	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[32];
		do
			ring_random_next(&random, bytes);
		while (!scalar_read(&s[i], bytes) || scalar_is_zero(&s[i]));
	}
	ring_random_wipe(&random);
	bytes_wipe(seed, sizeof seed);
}

enum err surjection_prove(uint8_t proof[SURJECTION_PROOF_SIZE], size_t *proof_len,
	const struct point *input, uint32_t input_count, const struct point *output, uint32_t index,
	const struct scalar *difference)
{
	struct point key[SURJECTION_USED];
	struct scalar s[SURJECTION_USED], nonce;
	uint32_t known = 0;

	CHECK(index < input_count);
	if (input_count > SURJECTION_INPUTS_MAX)
		return ERR_RANGE;
	const size_t map_len = (input_count + 7) / 8;
	const uint32_t count = input_count < SURJECTION_USED ? input_count : SURJECTION_USED;
	uint8_t *const used = proof + 2, *const e0 = used + map_len;
	store_le16(proof, (uint16_t)input_count);
	memset(used, 0, map_len);
	/* it, and those that follow it around */
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t at = (index + i) % input_count;
		used[at / 8] |= (uint8_t)(1u << at % 8);
		known += at < index;
	}
	struct rings r = {.count = 1, .size = &count, .key = key};
	if (!keys_of(key, used, input, input_count, output))
		return ERR_RANGE;
	message_of(&r.message, input, input_count, output);
	draw(s, count, difference, &r.message);
	nonce = s[known];
	CHECK(rings_sign(&r, e0, s, &known, difference, &nonce));
	bytes_wipe(&nonce, sizeof nonce);
	for (uint32_t i = 0; i < count; i++)
		memcpy(e0 + 32 + 32 * (size_t)i, s[i].b, 32);
	*proof_len = 2 + map_len + 32 * (size_t)(1 + count);
	return OK;
}
