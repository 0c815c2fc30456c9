/* Fields, points, commitments and proofs: against what wallycore made, and by breaking them. */
#include "crypto/pedersen.h"
#include "base/hex.h"
#include "crypto/field.h"
#include "crypto/hash.h"
#include "crypto/range.h"
#include "crypto/surjection.h"
#include "crypto/vectors_elements_commitments.h"

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static struct scalar scalar_hex(const char *hex)
{
	uint8_t b[32];
	struct scalar s;
	from_hex(b, sizeof b, hex);
	CHECK(scalar_read(&s, b));
	return s;
}

/* ---- numbers ---- */

#define PRIME "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"
#define PRIME_LESS_ONE "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e"
#define ORDER "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"

static void test_field(void)
{
	uint8_t b[32], again[32];
	struct field a, root, zero = field_of(0), one = field_of(1);
	from_hex(b, sizeof b, PRIME);
	CHECK(!field_read(&a, b));
	from_hex(b, sizeof b, PRIME_LESS_ONE);
	CHECK(field_read(&a, b));
	field_write(again, &a);
	CHECK(memcmp(b, again, sizeof b) == 0);
	struct field sum = field_add(&a, &one);
	CHECK(field_eq(&sum, &zero)); /* around the prime */
	sum = field_negate(&zero);
	CHECK(field_eq(&sum, &zero));
	sum = field_negate(&one);
	CHECK(field_eq(&sum, &a));
	sum = field_mul(&a, &a);
	CHECK(field_eq(&sum, &one));
	CHECK(!field_is_square(&a)); /* of a prime that is 3 modulo 4 */
	for (uint64_t n = 1; n < 200; n++) {
		const struct field x = field_of(n * UINT64_C(0x9e3779b97f4a7c15));
		const struct field inverse = field_inverse(&x);
		const struct field product = field_mul(&x, &inverse);
		const struct field square = field_mul(&x, &x);
		const struct field negative = field_negate(&square);
		CHECK(field_eq(&product, &one));
		CHECK(field_sqrt(&root, &square) && field_is_square(&root));
		const struct field back = field_mul(&root, &root);
		CHECK(field_eq(&back, &square) && !field_is_square(&negative));
	}
}

static void test_scalars(void)
{
	uint8_t b[32];
	struct scalar zero = {{0}}, a, r;
	const struct scalar one = scalar_of(1), two = scalar_of(2);
	from_hex(b, sizeof b, ORDER);
	CHECK(!scalar_read(&a, b));
	b[31]--;
	CHECK(scalar_read(&a, b)); /* -1 */
	scalar_add(&r, &a, &one);
	CHECK(scalar_is_zero(&r));
	scalar_add(&r, &zero, &zero);
	CHECK(scalar_is_zero(&r));
	scalar_sub(&r, &zero, &one);
	CHECK(memcmp(&r, &a, sizeof a) == 0);
	scalar_sub(&r, &zero, &zero);
	CHECK(scalar_is_zero(&r));
	scalar_mul(&r, &a, &a);
	CHECK(memcmp(&r, &one, sizeof one) == 0);
	scalar_mul(&r, &a, &zero);
	CHECK(scalar_is_zero(&r));
	scalar_inverse(&r, &two);
	scalar_mul(&r, &r, &two);
	CHECK(memcmp(&r, &one, sizeof one) == 0);
}

static void test_points(void)
{
	struct point a, b, sum;
	struct point_sum all = {.some = false};
	const struct scalar one = scalar_of(1), two = scalar_of(2), zero = {{0}};
	CHECK(point_of_scalar(&a, &one) && point_of_scalar(&b, &two));
	CHECK(!point_of_scalar(&sum, &zero) && !point_mul_vartime(&sum, &a, &zero));
	CHECK(point_add(&sum, &a, &a) && point_eq(&sum, &b));
	CHECK(point_combine_vartime(&sum, &a, &one, &one) && point_eq(&sum, &b));
	point_negate(&sum);
	CHECK(!point_eq(&sum, &b) && !point_add(&sum, &sum, &b));
	point_sum_add(&all, &b);
	point_sum_add(&all, &sum);
	CHECK(!all.some); /* and back from infinity */
	point_sum_add(&all, &a);
	CHECK(all.some && point_eq(&all.point, &a));
}

/* ---- commitments ---- */

static void test_commitments(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wally_commitments); i++) {
		struct hash256 asset;
		struct point generator, blinded, commitment, again;
		uint8_t want[33], got[33];
		from_hex(asset.b, 32, wally_commitments[i].asset);
		const struct scalar abf = scalar_hex(wally_commitments[i].abf);
		const struct scalar vbf = scalar_hex(wally_commitments[i].vbf);
		CHECK(asset_generator(&generator, &asset) == OK);
		commitment_write(got, COMMITMENT_ASSET, &generator);
		from_hex(want, sizeof want, wally_commitments[i].generator);
		CHECK(memcmp(got, want, sizeof got) == 0);
		CHECK(asset_blind(&blinded, &asset, &abf) == OK);
		commitment_write(got, COMMITMENT_ASSET, &blinded);
		from_hex(want, sizeof want, wally_commitments[i].blinded);
		CHECK(memcmp(got, want, sizeof got) == 0);
		CHECK(commitment_read(&again, COMMITMENT_ASSET, want) == OK);
		CHECK(point_eq(&again, &blinded));
		CHECK(commitment_read(&again, COMMITMENT_VALUE, want) == ERR_FORMAT);
		CHECK(value_commit(&commitment, wally_commitments[i].value, &blinded, &vbf) == OK);
		commitment_write(got, COMMITMENT_VALUE, &commitment);
		from_hex(want, sizeof want, wally_commitments[i].commitment);
		CHECK(memcmp(got, want, sizeof got) == 0);
	}
	uint8_t none[33] = {COMMITMENT_VALUE};
	struct point p;
	none[32] = 5; /* not on the curve */
	CHECK(commitment_read(&p, COMMITMENT_VALUE, none) == ERR_FORMAT);
	memset(none + 1, 0xff, 32);
	CHECK(commitment_read(&p, COMMITMENT_VALUE, none) == ERR_FORMAT);
	const struct scalar zero = {{0}};
	const struct hash256 asset = {{1}};
	CHECK(asset_generator(&p, &asset) == OK);
	CHECK(value_commit(&p, 0, &p, &zero) == ERR_RANGE);
}

/* ---- proofs ---- */

struct blinded {
	struct range_statement st;
	struct range_opening opening;
	struct hash256 nonce;
	struct scalar abf;
	uint8_t script[34];
};

static void blinded_of(struct blinded *out, size_t i)
{
	uint8_t bytes[33];
	size_t len;
	from_hex(bytes, 33, wally_blinded[i].generator);
	CHECK(commitment_read(&out->st.generator, COMMITMENT_ASSET, bytes) == OK);
	from_hex(bytes, 33, wally_blinded[i].commitment);
	CHECK(commitment_read(&out->st.value, COMMITMENT_VALUE, bytes) == OK);
	CHECK(hex_decode_var(out->script, &len, sizeof out->script,
		      slice_str(wally_blinded[i].script)) == OK);
	out->st.extra = slice_of(out->script, len);
	out->opening.value = wally_blinded[i].value;
	out->opening.blinder = scalar_hex(wally_blinded[i].vbf);
	out->abf = scalar_hex(wally_blinded[i].abf);
	from_hex(out->opening.message, 32, wally_blinded[i].asset);
	memcpy(out->opening.message + 32, out->abf.b, 32);
	from_hex(out->nonce.b, 32, wally_blinded[i].nonce);
}

/* The nonce is what both sides have in common, hashed once more. */
static void test_nonce(size_t i)
{
	struct seckey a, b;
	struct pubkey of_a, of_b;
	struct hash256 nonce, want;
	from_hex(a.b, 32, wally_blinded[i].blinding);
	from_hex(b.b, 32, wally_blinded[i].ephemeral);
	from_hex(want.b, 32, wally_blinded[i].nonce);
	CHECK(pubkey_from_seckey(&of_a, &a) == OK && pubkey_from_seckey(&of_b, &b) == OK);
	CHECK(point_shared(&nonce, &a, &of_b));
	sha256(&nonce, slice_of(nonce.b, 32));
	CHECK(hash256_eq(&nonce, &want));
	CHECK(point_shared(&nonce, &b, &of_a));
	sha256(&nonce, slice_of(nonce.b, 32));
	CHECK(hash256_eq(&nonce, &want));
}

/* All random numbers of a proof come from the nonce, so it is the same, byte by byte. */
static void test_range(size_t i)
{
	struct blinded b;
	struct range_opening got;
	uint8_t proof[RANGE_PROOF_SIZE];
	size_t len;
	uint64_t least = 9;
	const struct slice theirs = wally_blinded[i].range_proof;
	blinded_of(&b, i);
	CHECK(range_verify(&least, &b.st, theirs) == OK && least == wally_blinded[i].least);
	CHECK(range_open(&got, &b.st, theirs, &b.nonce) == OK);
	CHECK(got.value == b.opening.value);
	CHECK(memcmp(got.blinder.b, b.opening.blinder.b, 32) == 0);
	CHECK(memcmp(got.message, b.opening.message, sizeof got.message) == 0);
	CHECK(range_prove(proof, &len, &b.st, &b.opening, least, &b.nonce) == OK);
	CHECK(slice_eq(slice_of(proof, len), theirs));

	struct hash256 other = b.nonce;
	other.b[0] ^= 1;
	CHECK(range_open(&got, &b.st, theirs, &other) == ERR_NOT_FOUND);
	CHECK(range_verify(&least, &b.st, slice_of(proof, len - 1)) == ERR_FORMAT);
	CHECK(range_verify(&least, &b.st, slice_of(proof, 64)) == ERR_FORMAT);
	for (size_t at = 0; at < len; at += 211) {
		proof[at] ^= 1;
		CHECK(range_verify(&least, &b.st, slice_of(proof, len)) != OK);
		proof[at] ^= 1;
	}
	struct range_statement st = b.st;
	st.extra.len--;
	CHECK(range_verify(&least, &st, theirs) == ERR_CHECKSUM);
	st = b.st;
	point_negate(&st.value);
	CHECK(range_verify(&least, &st, theirs) != OK);
	st = b.st;
	point_negate(&st.generator);
	CHECK(range_verify(&least, &st, theirs) != OK);
}

static void test_range_bounds(void)
{
	struct blinded b;
	uint8_t proof[RANGE_PROOF_SIZE];
	size_t len;
	blinded_of(&b, 0);
	b.opening.value = 0;
	CHECK(range_prove(proof, &len, &b.st, &b.opening, 1, &b.nonce) == ERR_RANGE);
	b.opening.value = (UINT64_C(1) << RANGE_BITS) + 1;
	CHECK(range_prove(proof, &len, &b.st, &b.opening, 1, &b.nonce) == ERR_RANGE);
	/* what was not committed to is proved to nobody */
	b.opening.value = 77;
	uint64_t least;
	CHECK(range_prove(proof, &len, &b.st, &b.opening, 1, &b.nonce) == OK);
	CHECK(range_verify(&least, &b.st, slice_of(proof, len)) == ERR_CHECKSUM);
}

static void test_surjection(size_t i)
{
	struct blinded b;
	struct point input[9];
	uint8_t proof[SURJECTION_PROOF_SIZE], bytes[33];
	size_t len;
	const uint32_t count = wally_blinded[i].input_count;
	const struct slice theirs = wally_blinded[i].surjection_proof;
	blinded_of(&b, i);
	for (uint32_t k = 0; k < count; k++) {
		from_hex(bytes, 33, wally_blinded[i].input[k]);
		CHECK(commitment_read(&input[k], COMMITMENT_ASSET, bytes) == OK);
	}
	CHECK(surjection_verify(theirs, input, count, &b.st.generator) == OK);
	CHECK(surjection_verify(theirs, input, count, &b.st.value) == ERR_CHECKSUM);
	CHECK(surjection_verify(theirs, input, count - 1, &b.st.generator) == ERR_FORMAT);
	/* ours, of an output that is an input with three more of a blinder */
	const struct scalar three = scalar_of(3);
	struct point more, output;
	CHECK(point_of_scalar(&more, &three));
	for (uint32_t k = 0; k < count; k++) {
		CHECK(point_add(&output, &input[k], &more));
		CHECK(surjection_prove(proof, &len, input, count, &output, k, &three) == OK);
		CHECK(surjection_verify(slice_of(proof, len), input, count, &output) == OK);
		CHECK(count > SURJECTION_USED || len == theirs.len);
		CHECK(surjection_verify(slice_of(proof, len), input, count, &b.st.generator) ==
			ERR_CHECKSUM);
		for (size_t at = 0; at < len; at += 13) {
			proof[at] ^= 1;
			CHECK(surjection_verify(slice_of(proof, len), input, count, &output) != OK);
			proof[at] ^= 1;
		}
	}
	CHECK(surjection_prove(proof, &len, input, count, &input[0], 0, &three) == ERR_RANGE);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_field();
	test_scalars();
	test_points();
	test_commitments();
	for (size_t i = 0; i < ARRAY_LEN(wally_blinded); i++) {
		test_nonce(i);
		test_range(i);
		test_surjection(i);
	}
	test_range_bounds();
	return 0;
}
