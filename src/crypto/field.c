#include "crypto/field.h"

/* 2^256 is this modulo the prime. */
#define FOLD UINT64_C(0x1000003d1)

__extension__ typedef unsigned __int128 wide;

static const struct field prime = {
	{UINT64_C(0xfffffffefffffc2f), UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static bool below_prime(const struct field *a)
{
	/* the upper limbs of the prime are as large as can be */
	return a->limb[0] < prime.limb[0] || a->limb[1] != UINT64_MAX || a->limb[2] != UINT64_MAX ||
		a->limb[3] != UINT64_MAX;
}

/* a + n, for a carry out of which 2^256 is folded in again. */
static struct field fold(struct field a, wide n)
{
	while (n != 0) {
		wide carry = n;
		for (unsigned i = 0; i < 4; i++) {
			carry += a.limb[i];
			a.limb[i] = (uint64_t)carry;
			carry >>= 64;
		}
		n = carry * FOLD;
	}
	if (!below_prime(&a)) {
		a.limb[0] -= prime.limb[0];
		a.limb[1] = a.limb[2] = a.limb[3] = 0;
	}
	return a;
}

bool field_read(struct field *out, const uint8_t in[32])
{
	struct field a;
	for (unsigned i = 0; i < 4; i++)
		a.limb[i] = load_be64(in + 8 * (3 - i));
	if (!below_prime(&a))
		return false;
	*out = a;
	return true;
}

void field_write(uint8_t out[32], const struct field *a)
{
	for (unsigned i = 0; i < 4; i++)
		store_be64(out + 8 * (3 - i), a->limb[i]);
}

struct field field_of(uint64_t n)
{
	return (struct field){{n}};
}

bool field_eq(const struct field *a, const struct field *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

struct field field_add(const struct field *a, const struct field *b)
{
	struct field sum;
	wide carry = 0;
	for (unsigned i = 0; i < 4; i++) {
		carry += (wide)a->limb[i] + b->limb[i];
		sum.limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return fold(sum, carry * FOLD);
}

struct field field_negate(const struct field *a)
{
	struct field r;
	uint64_t borrow = 0;
	for (unsigned i = 0; i < 4; i++) {
		const wide less = (wide)a->limb[i] + borrow;
		borrow = less > prime.limb[i] ? 1 : 0;
		r.limb[i] = (uint64_t)(prime.limb[i] - less);
	}
	return fold(r, 0); /* of zero: the prime itself, which is zero */
}

struct field field_mul(const struct field *a, const struct field *b)
{
	uint64_t product[8] = {0};
	for (unsigned i = 0; i < 4; i++) {
		wide carry = 0;
		for (unsigned k = 0; k < 4; k++) {
			carry += (wide)a->limb[i] * b->limb[k] + product[i + k];
			product[i + k] = (uint64_t)carry;
			carry >>= 64;
		}
		product[i + 4] = (uint64_t)carry;
	}
	struct field r;
	wide carry = 0;
	for (unsigned i = 0; i < 4; i++) {
		carry += (wide)product[i + 4] * FOLD + product[i];
		r.limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return fold(r, carry * FOLD);
}

static struct field power(const struct field *a, const struct field *exponent)
{
	struct field r = field_of(1);
	for (unsigned bit = 256; bit-- > 0;) {
		r = field_mul(&r, &r);
		if ((exponent->limb[bit / 64] >> bit % 64 & 1) != 0)
			r = field_mul(&r, a);
	}
	return r;
}

struct field field_inverse(const struct field *a)
{
	static const struct field less_two = {
		{UINT64_C(0xfffffffefffffc2d), UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	return power(a, &less_two);
}

/* The prime is 3 modulo 4: a square's root is its power (p + 1) / 4, a square as it is. */
bool field_sqrt(struct field *out, const struct field *a)
{
	static const struct field quarter = {{UINT64_C(0xffffffffbfffff0c), UINT64_MAX, UINT64_MAX,
		UINT64_C(0x3fffffffffffffff)}};
	const struct field root = power(a, &quarter);
	const struct field square = field_mul(&root, &root);
	if (!field_eq(&square, a))
		return false;
	*out = root;
	return true;
}

bool field_is_square(const struct field *a)
{
	struct field root;
	return field_sqrt(&root, a);
}
