#include "crypto/ring.h"

#include "crypto/hash.h"

/* e of key `at` in ring `ring`, after what is hashed for it. */
static bool challenge_of(
	struct scalar *e, const struct rings *r, struct slice before, uint32_t ring, uint32_t at)
{
	uint8_t where[8];
	struct hash256 hash;
	const struct slice part[] = {
		before, slice_of(r->message.b, sizeof r->message.b), slice_of(where, sizeof where)};
	store_be32(where, ring);
	store_be32(where + 4, at);
	sha256_parts(&hash, part, ARRAY_LEN(part));
	return scalar_read(e, hash.b) && !scalar_is_zero(e);
}

/* From key `at` with its challenge to the last of the ring, whose R it is that *out becomes. */
static bool walk(uint8_t out[33], const struct rings *r, struct scalar *challenge, uint32_t ring,
	const struct point *key, const struct scalar *s, uint32_t at, uint32_t end, struct scalar e)
{
	struct point point;
	for (; at < end; at++) {
		if (challenge != NULL)
			challenge[at] = e;
		if (scalar_is_zero(&s[at]) || !point_combine_vartime(&point, &key[at], &e, &s[at]))
			return false;
		point_write(out, &point);
		if (at + 1 < r->size[ring] && !challenge_of(&e, r, slice_of(out, 33), ring, at + 1))
			return false;
	}
	return true;
}

static void end_add(struct sha256_stream *hash, const uint8_t end[33])
{
	sha256_add(hash, slice_of(end, 33));
}

static void end_all(uint8_t e0[32], struct sha256_stream *hash, const struct rings *r)
{
	struct hash256 all;
	sha256_add(hash, slice_of(r->message.b, sizeof r->message.b));
	sha256_end(&all, hash);
	memcpy(e0, all.b, sizeof all.b);
}

bool rings_verify(const struct rings *r, struct scalar *challenge, const uint8_t e0[32],
	const struct scalar *s)
{
	struct sha256_stream hash;
	struct scalar e;
	uint8_t end[33], all[32];
	uint32_t first = 0;
	bool good = true;

	sha256_begin(&hash);
	for (uint32_t i = 0; i < r->count && good; first += r->size[i++]) {
		good = challenge_of(&e, r, slice_of(e0, 32), i, 0) &&
			walk(end, r, challenge == NULL ? NULL : challenge + first, i,
				r->key + first, s + first, 0, r->size[i], e);
		if (good)
			end_add(&hash, end);
	}
	end_all(all, &hash, r);
	return good && memcmp(all, e0, sizeof all) == 0;
}

/* The ring from its known key on, with a nonce in place of what is not there yet. */
static bool sign_end(uint8_t end[33], const struct rings *r, uint32_t ring, const struct point *key,
	const struct scalar *s, uint32_t known, const struct scalar *nonce)
{
	struct point point;
	struct scalar e;
	if (!point_of_scalar(&point, nonce))
		return false;
	point_write(end, &point);
	if (known + 1 == r->size[ring])
		return true;
	return challenge_of(&e, r, slice_of(end, 33), ring, known + 1) &&
		walk(end, r, NULL, ring, key, s, known + 1, r->size[ring], e);
}

/* The ring from its beginning to the known key, whose s closes it: nonce - e * secret. */
static bool sign_close(const struct rings *r, const uint8_t e0[32], uint32_t ring,
	const struct point *key, struct scalar *s, uint32_t known, const struct scalar *secret,
	const struct scalar *nonce)
{
	uint8_t before[33];
	struct scalar e, product;
	if (!challenge_of(&e, r, slice_of(e0, 32), ring, 0))
		return false;
	if (known > 0 &&
		(!walk(before, r, NULL, ring, key, s, 0, known, e) ||
			!challenge_of(&e, r, slice_of(before, 33), ring, known)))
		return false;
	scalar_mul(&product, &e, secret);
	scalar_sub(&s[known], nonce, &product);
	bytes_wipe(&product, sizeof product);
	return !scalar_is_zero(&s[known]);
}

bool rings_sign(const struct rings *r, uint8_t e0[32], struct scalar *s, const uint32_t *known,
	const struct scalar *secret, const struct scalar *nonce)
{
	struct sha256_stream hash;
	uint8_t end[33];
	uint32_t first = 0;
	bool good = true;

	sha256_begin(&hash);
	for (uint32_t i = 0; i < r->count && good; first += r->size[i++]) {
		CHECK(known[i] < r->size[i]);
		good = sign_end(end, r, i, r->key + first, s + first, known[i], &nonce[i]);
		if (good)
			end_add(&hash, end);
	}
	end_all(e0, &hash, r);
	first = 0;
	for (uint32_t i = 0; i < r->count && good; first += r->size[i++])
		good = sign_close(
			r, e0, i, r->key + first, s + first, known[i], &secret[i], &nonce[i]);
	return good;
}

/* ---- random numbers ---- */

#define RANDOM_SEED_MAX 160u

static void stir(struct ring_random *r, uint8_t mark, struct slice seed)
{
	uint8_t text[32 + 1 + RANDOM_SEED_MAX];
	CHECK(seed.len <= RANDOM_SEED_MAX);
	memcpy(text, r->value.b, 32);
	text[32] = mark;
	if (seed.len > 0)
		memcpy(text + 33, seed.ptr, seed.len);
	hmac_sha256(&r->key, slice_of(r->key.b, 32), slice_of(text, 33 + seed.len));
	hmac_sha256(&r->value, slice_of(r->key.b, 32), slice_of(r->value.b, 32));
	bytes_wipe(text, sizeof text);
}

void ring_random_init(struct ring_random *r, struct slice seed)
{
	*r = (struct ring_random){.again = false};
	memset(r->value.b, 1, sizeof r->value.b);
	stir(r, 0, seed);
	stir(r, 1, seed);
}

void ring_random_next(struct ring_random *r, uint8_t out[32])
{
	if (r->again)
		stir(r, 0, slice_of(NULL, 0));
	hmac_sha256(&r->value, slice_of(r->key.b, 32), slice_of(r->value.b, 32));
	memcpy(out, r->value.b, 32);
	r->again = true;
}

void ring_random_wipe(struct ring_random *r)
{
	bytes_wipe(r, sizeof *r);
}
