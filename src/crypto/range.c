#include "crypto/range.h"

#include "crypto/field.h"
#include "crypto/hash.h"
#include "crypto/ring.h"

#define RINGS_MAX 32u
#define RING_SIZE 4u
#define KEYS_MAX (RINGS_MAX * RING_SIZE)
#define HEADER_MAX 10u
#define EXPONENT_MAX 18u
#define PROOF_MIN 65u

#define HAS_DIGITS 64u /* else it is one value, in a ring of one */
#define HAS_LEAST 32u
#define MARK 128u /* before the amount, where it is hidden */

_Static_assert(RANGE_PROOF_MAX == HEADER_MAX + 4 + 32 * (RINGS_MAX - 1) + 32 + 32 * KEYS_MAX,
	"the longest proof");
_Static_assert(RANGE_PROOF_SIZE ==
		HEADER_MAX + (RANGE_BITS / 2 + 6) / 8 + 32 * (RANGE_BITS / 2 - 1) + 32 +
			32 * (RANGE_BITS * 2),
	"the longest of ours");

/* A proof's shape, as its header says it. */
struct shape {
	uint8_t header[HEADER_MAX];
	uint32_t header_len;
	uint32_t exponent;
	uint64_t scale, least;
	uint32_t ring_count, key_count;
	uint32_t size[RINGS_MAX];
};

struct proof {
	struct shape shape;
	struct point key[KEYS_MAX];
	struct scalar s[KEYS_MAX];
	struct rings rings;
};

/* ---- shape ---- */

static bool shape_of_bits(struct shape *sh, uint32_t bits)
{
	uint64_t most = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
	sh->ring_count = bits == 0 ? 1 : (bits + 1) / 2;
	sh->key_count = 0;
	for (uint32_t i = 0; i < sh->ring_count; i++) {
		const bool half = i + 1 == sh->ring_count && bits % 2 == 1;
		sh->size[i] = bits == 0 ? 1 : half ? RING_SIZE / 2 : RING_SIZE;
		sh->key_count += sh->size[i];
	}
	sh->scale = 1;
	for (uint32_t i = 0; i < sh->exponent; i++, most *= 10, sh->scale *= 10)
		if (most > UINT64_MAX / 10)
			return false;
	return most <= UINT64_MAX - sh->least;
}

static enum err shape_read(struct shape *sh, struct slice in)
{
	uint32_t bits = 0, at = 1;
	*sh = (struct shape){.exponent = 0};
	if (in.len < PROOF_MIN || (in.ptr[0] & MARK) != 0)
		return ERR_FORMAT;
	if ((in.ptr[0] & HAS_DIGITS) != 0) {
		sh->exponent = in.ptr[0] & 31;
		bits = (uint32_t)in.ptr[at++] + 1;
	}
	if (sh->exponent > EXPONENT_MAX || bits > 64)
		return ERR_FORMAT;
	if ((in.ptr[0] & HAS_LEAST) != 0) {
		sh->least = load_be64(in.ptr + at);
		at += 8;
	}
	sh->header_len = at;
	memcpy(sh->header, in.ptr, at);
	return shape_of_bits(sh, bits) ? OK : ERR_FORMAT;
}

static void shape_make(struct shape *sh, uint64_t least)
{
	*sh = (struct shape){.least = least, .header_len = 2};
	sh->header[0] = (uint8_t)(HAS_DIGITS | (least > 0 ? HAS_LEAST : 0));
	sh->header[1] = RANGE_BITS - 1;
	if (least > 0) {
		store_be64(sh->header + sh->header_len, least);
		sh->header_len += 8;
	}
	CHECK(shape_of_bits(sh, RANGE_BITS));
}

static uint32_t signs_len(const struct shape *sh)
{
	return (sh->ring_count + 6) / 8;
}

/* ---- what is hashed and multiplied ---- */

static void point_put(uint8_t out[33], const struct point *p)
{
	uint8_t bytes[COMMITMENT_SIZE];
	commitment_write(bytes, COMMITMENT_VALUE, p);
	bytes[0] &= 1;
	memcpy(out, bytes, sizeof bytes);
}

static void message_begin(
	struct sha256_stream *hash, const struct range_statement *st, const struct shape *sh)
{
	uint8_t bytes[2 * 33];
	point_put(bytes, &st->value);
	point_put(bytes + 33, &st->generator);
	sha256_begin(hash);
	sha256_add(hash, slice_of(bytes, sizeof bytes));
	sha256_add(hash, slice_of(sh->header, sh->header_len));
}

static void message_end(
	struct hash256 *out, struct sha256_stream *hash, const struct range_statement *st)
{
	sha256_add(hash, st->extra);
	sha256_end(out, hash);
}

/* The keys of each ring beside its first: that less one, two, three of its digit. */
static bool expand(struct proof *p, const struct range_statement *st)
{
	struct point digit;
	struct scalar scale = scalar_of(p->shape.scale);
	const struct scalar base = scalar_of(RING_SIZE);
	uint32_t first = 0;
	if (!point_mul_vartime(&digit, &st->generator, &scale))
		return false;
	point_negate(&digit);
	for (uint32_t i = 0; i < p->shape.ring_count; first += p->shape.size[i++]) {
		for (uint32_t k = 1; k < p->shape.size[i]; k++)
			if (!point_add(&p->key[first + k], &p->key[first + k - 1], &digit))
				return false;
		if (!point_mul_vartime(&digit, &digit, &base))
			return false;
	}
	p->rings.count = p->shape.ring_count;
	p->rings.size = p->shape.size;
	p->rings.key = p->key;
	return true;
}

/* ---- reading ---- */

/* The first key of each ring: of the last it is what the others leave of the commitment. */
static enum err read_keys(struct proof *p, struct sha256_stream *hash,
	const struct range_statement *st, const uint8_t *signs, const uint8_t *x)
{
	const struct shape *sh = &p->shape;
	struct point_sum sum = {.some = sh->least > 0};
	const struct scalar least = scalar_of(sh->least);
	uint32_t first = 0;

	if (sum.some && !point_mul_vartime(&sum.point, &st->generator, &least))
		return ERR_CHECKSUM;
	for (uint32_t i = 0; i + 1 < sh->ring_count; first += sh->size[i++]) {
		uint8_t bytes[COMMITMENT_SIZE];
		bytes[0] = signs[i / 8] >> i % 8 & 1;
		memcpy(bytes + 1, x + 32 * (size_t)i, 32);
		sha256_add(hash, slice_of(bytes, sizeof bytes));
		bytes[0] |= COMMITMENT_VALUE;
		TRY(commitment_read(&p->key[first], COMMITMENT_VALUE, bytes));
		point_sum_add(&sum, &p->key[first]);
	}
	/* one ring, from zero on: it is the commitment's own */
	p->key[first] = st->value;
	if (sum.some) {
		point_negate(&sum.point);
		if (!point_add(&p->key[first], &st->value, &sum.point))
			return ERR_CHECKSUM;
	}
	return expand(p, st) ? OK : ERR_CHECKSUM;
}

static enum err read_s(struct proof *p, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < p->shape.key_count; i++)
		if (!scalar_read(&p->s[i], bytes + 32 * (size_t)i))
			return ERR_FORMAT;
	return OK;
}

/* challenge: NULL, or room for KEYS_MAX. */
static enum err check(struct proof *p, struct scalar *challenge, const struct range_statement *st,
	struct slice in)
{
	struct sha256_stream hash;
	TRY(shape_read(&p->shape, in));
	const struct shape *sh = &p->shape;
	const size_t coded = sh->ring_count - 1;
	if (in.len != sh->header_len + signs_len(sh) + 32 * (coded + 1 + sh->key_count))
		return ERR_FORMAT;
	const uint8_t *signs = in.ptr + sh->header_len;
	const uint8_t *x = signs + signs_len(sh);
	const uint8_t *e0 = x + 32 * coded;
	/* bits of no ring would be another encoding of the same */
	if (coded % 8 != 0 && signs[coded / 8] >> coded % 8 != 0)
		return ERR_FORMAT;
	TRY(read_s(p, e0 + 32));
	message_begin(&hash, st, sh);
	const enum err err = read_keys(p, &hash, st, signs, x);
	message_end(&p->rings.message, &hash, st);
	if (err != OK)
		return err;
	return rings_verify(&p->rings, challenge, e0, p->s) ? OK : ERR_CHECKSUM;
}

enum err range_verify(uint64_t *least, const struct range_statement *st, struct slice proof)
{
	struct proof p;
	TRY(check(&p, NULL, st, proof));
	*least = p.shape.least;
	return OK;
}

/* ---- what comes from the nonce ---- */

struct drawn {
	struct scalar secret[RINGS_MAX]; /* of each ring's digit; their sum is zero */
	uint8_t s[KEYS_MAX][32];
};

/* The numbers of a nonce, in the order in which they are drawn. */
static void draw(struct drawn *d, const struct range_statement *st, const struct shape *sh,
	const struct hash256 *nonce)
{
	uint8_t seed[32 + 33 + 33 + HEADER_MAX];
	struct ring_random random;
	struct scalar sum = {{0}};
	uint32_t at = 0;
	const struct scalar zero = {{0}};

	memcpy(seed, nonce->b, 32);
	point_put(seed + 32, &st->value);
	point_put(seed + 65, &st->generator);
	memcpy(seed + 98, sh->header, sh->header_len);
	ring_random_init(&random, slice_of(seed, 98 + sh->header_len));
	for (uint32_t i = 0; i < sh->ring_count; i++) {
		uint8_t bytes[32];
		if (i + 1 < sh->ring_count) {
			ring_random_next(&random, bytes); /* not used by who came first, either */
			do
				ring_random_next(&random, bytes);
			while (!scalar_read(&d->secret[i], bytes) || scalar_is_zero(&d->secret[i]));
			scalar_add(&sum, &sum, &d->secret[i]);
		} else {
			scalar_sub(&d->secret[i], &zero, &sum);
		}
		for (uint32_t k = 0; k < sh->size[i]; k++)
			ring_random_next(&random, d->s[at++]);
	}
	ring_random_wipe(&random);
	bytes_wipe(seed, sizeof seed);
}

static void mix(uint8_t out[32], const uint8_t with[32])
{
	for (unsigned i = 0; i < 32; i++)
		out[i] ^= with[i];
}

/* ---- opening ---- */

/* In the last ring, where the last digit is not: the amount, three times. */
static bool find_value(uint64_t *value, uint32_t *at, const struct proof *p, const struct drawn *d)
{
	const uint32_t last = p->shape.size[p->shape.ring_count - 1];
	for (uint32_t back = 1; back <= 2 && back <= last; back++) {
		uint8_t bytes[32];
		*at = p->shape.key_count - back;
		memcpy(bytes, p->s[*at].b, sizeof bytes);
		mix(bytes, d->s[*at]);
		if ((bytes[0] & MARK) != 0 && memcmp(bytes + 8, bytes + 16, 8) == 0 &&
			memcmp(bytes + 16, bytes + 24, 8) == 0) {
			*value = load_be64(bytes + 24);
			return true;
		}
	}
	return false;
}

static uint32_t digit_of(uint64_t value, uint32_t ring)
{
	return (uint32_t)(value >> (2 * ring)) % RING_SIZE;
}

/* The blinder is what was signed with, less what was drawn for it: (drawn s - s) / e. */
static bool find_blinder(struct scalar *out, const struct proof *p, const struct drawn *d,
	const struct scalar *challenge, uint64_t value, uint32_t hidden)
{
	const uint32_t last = p->shape.ring_count - 1;
	const uint32_t known = p->shape.key_count - p->shape.size[last] + digit_of(value, last);
	struct scalar inverse, secret;
	if (known == hidden || known >= p->shape.key_count || !scalar_read(&secret, d->s[known]))
		return false;
	scalar_inverse(&inverse, &challenge[known]);
	scalar_sub(&secret, &secret, &p->s[known]);
	scalar_mul(&secret, &secret, &inverse);
	scalar_sub(out, &secret, &d->secret[last]);
	return true;
}

/* A message is in the first rings: in s where it was free, in s + e * secret where it was not. */
static void find_message(uint8_t out[RANGE_MESSAGE_SIZE], const struct proof *p,
	const struct drawn *d, const struct scalar *challenge, uint64_t value)
{
	for (uint32_t k = 0; k < RANGE_MESSAGE_SIZE / 32; k++) {
		struct scalar s = p->s[k];
		if (digit_of(value, 0) == k) {
			scalar_mul(&s, &challenge[k], &d->secret[0]);
			scalar_add(&s, &s, &p->s[k]);
		}
		memcpy(out + 32 * (size_t)k, s.b, sizeof s.b);
		mix(out + 32 * (size_t)k, d->s[k]);
	}
}

enum err range_open(struct range_opening *out, const struct range_statement *st, struct slice proof,
	const struct hash256 *nonce)
{
	struct proof p;
	struct drawn d;
	struct scalar challenge[KEYS_MAX];
	struct range_opening found = {.value = 0};
	struct point again;
	uint64_t digits;
	uint32_t hidden;
	enum err err = check(&p, challenge, st, proof);

	if (err != OK)
		return err;
	draw(&d, st, &p.shape, nonce);
	/* one ring has no room for a message; nobody makes such */
	err = p.shape.ring_count < 2 || !find_value(&digits, &hidden, &p, &d) ||
			!find_blinder(&found.blinder, &p, &d, challenge, digits, hidden)
		? ERR_NOT_FOUND
		: OK;
	if (err == OK) {
		find_message(found.message, &p, &d, challenge, digits);
		found.value = digits * p.shape.scale + p.shape.least;
		if (value_commit(&again, found.value, &st->generator, &found.blinder) != OK ||
			!point_eq(&again, &st->value))
			err = ERR_NOT_FOUND;
	}
	if (err == OK)
		*out = found;
	bytes_wipe(&d, sizeof d);
	return err;
}

/* ---- proving ---- */

/* What is hidden, over what was drawn. false: never seen. */
static bool hide(struct proof *p, struct drawn *d, const struct range_opening *o, uint64_t digits)
{
	const uint32_t last = p->shape.ring_count - 1;
	uint32_t at = p->shape.size[last] - 1;
	uint8_t bytes[32] = {MARK};
	at -= digit_of(digits, last) == at ? 1 : 0;
	for (unsigned i = 1; i < 4; i++)
		store_be64(bytes + 8 * (size_t)i, digits);
	mix(d->s[p->shape.key_count - p->shape.size[last] + at], bytes);
	for (uint32_t k = 0; k < RANGE_MESSAGE_SIZE / 32; k++)
		mix(d->s[k], o->message + 32 * (size_t)k);
	for (uint32_t i = 0; i < p->shape.key_count; i++)
		if (!scalar_read(&p->s[i], d->s[i]) || scalar_is_zero(&p->s[i]))
			return false;
	return true;
}

/* Each ring's digit as a commitment; they sum up to the amount's. */
static bool commit_digits(
	struct proof *p, const struct drawn *d, const struct range_statement *st, uint64_t digits)
{
	uint32_t first = 0;
	for (uint32_t i = 0; i < p->shape.ring_count; first += p->shape.size[i++]) {
		const uint64_t value = (uint64_t)digit_of(digits, i) << (2 * i);
		if (value_commit(&p->key[first], value, &st->generator, &d->secret[i]) != OK)
			return false;
	}
	return expand(p, st);
}

/* Header, signs and x of the commitments but the last, with what is to be signed. Returns where e_0
 * comes. */
static uint8_t *write_keys(uint8_t *out, struct proof *p, const struct range_statement *st)
{
	const struct shape *sh = &p->shape;
	uint8_t *const signs = out + sh->header_len;
	uint8_t *x = signs + signs_len(sh);
	struct sha256_stream hash;
	uint32_t first = 0;

	memcpy(out, sh->header, sh->header_len);
	memset(signs, 0, signs_len(sh));
	message_begin(&hash, st, sh);
	for (uint32_t i = 0; i + 1 < sh->ring_count; first += sh->size[i++], x += 32) {
		uint8_t bytes[33];
		point_put(bytes, &p->key[first]);
		sha256_add(&hash, slice_of(bytes, sizeof bytes));
		signs[i / 8] |= (uint8_t)(bytes[0] << i % 8);
		memcpy(x, bytes + 1, 32);
	}
	message_end(&p->rings.message, &hash, st);
	return x;
}

static bool sign(uint8_t *e0, struct proof *p, const struct drawn *d, uint64_t digits)
{
	struct scalar nonce[RINGS_MAX];
	uint32_t known[RINGS_MAX], first = 0;
	for (uint32_t i = 0; i < p->shape.ring_count; first += p->shape.size[i++]) {
		known[i] = digit_of(digits, i);
		nonce[i] = p->s[first + known[i]];
	}
	const bool done = rings_sign(&p->rings, e0, p->s, known, d->secret, nonce);
	bytes_wipe(nonce, sizeof nonce);
	return done;
}

enum err range_prove(uint8_t proof[RANGE_PROOF_SIZE], size_t *proof_len,
	const struct range_statement *st, const struct range_opening *opening, uint64_t least,
	const struct hash256 *nonce)
{
	struct proof p;
	struct drawn d;
	struct scalar *last;
	uint8_t *e0;

	if (opening->value < least || (opening->value - least) >> RANGE_BITS != 0)
		return ERR_RANGE;
	const uint64_t digits = opening->value - least;
	shape_make(&p.shape, least);
	draw(&d, st, &p.shape, nonce);
	last = &d.secret[p.shape.ring_count - 1];
	scalar_add(last, last, &opening->blinder);
	CHECK(hide(&p, &d, opening, digits) && commit_digits(&p, &d, st, digits));
	e0 = write_keys(proof, &p, st);
	CHECK(sign(e0, &p, &d, digits));
	for (uint32_t i = 0; i < p.shape.key_count; i++)
		memcpy(e0 + 32 + 32 * (size_t)i, p.s[i].b, 32);
	*proof_len = (size_t)(e0 - proof) + 32 + 32 * (size_t)p.shape.key_count;
	bytes_wipe(&d, sizeof d);
	return OK;
}
