#include "sim/evm_word.h"

#define BITS 256u
#define DOUBLE (2 * WORD_LIMBS)

struct word word_load(const uint8_t be[WORD_SIZE])
{
	struct word a;
	for (size_t i = 0; i < WORD_LIMBS; i++)
		a.limb[i] = load_be64(be + 8 * (WORD_LIMBS - 1 - i));
	return a;
}

void word_store(uint8_t be[WORD_SIZE], struct word a)
{
	for (size_t i = 0; i < WORD_LIMBS; i++)
		store_be64(be + 8 * (WORD_LIMBS - 1 - i), a.limb[i]);
}

bool word_less(struct word a, struct word b)
{
	for (size_t i = WORD_LIMBS; i-- > 0;)
		if (a.limb[i] != b.limb[i])
			return a.limb[i] < b.limb[i];
	return false;
}

bool word_negative(struct word a)
{
	return a.limb[WORD_LIMBS - 1] >> 63 != 0;
}

bool word_less_signed(struct word a, struct word b)
{
	const bool below = word_negative(a);
	return below != word_negative(b) ? below : word_less(a, b);
}

struct word word_not(struct word a)
{
	for (size_t i = 0; i < WORD_LIMBS; i++)
		a.limb[i] = ~a.limb[i];
	return a;
}

struct word word_add(struct word a, struct word b)
{
	u128 sum = 0;
	for (size_t i = 0; i < WORD_LIMBS; i++) {
		sum = (sum >> 64) + a.limb[i] + b.limb[i];
		a.limb[i] = (uint64_t)sum;
	}
	return a;
}

static struct word negate(struct word a)
{
	return word_add(word_not(a), word_of(1));
}

struct word word_sub(struct word a, struct word b)
{
	return word_add(a, negate(b));
}

static void mul_full(uint64_t out[DOUBLE], struct word a, struct word b)
{
	memset(out, 0, DOUBLE * sizeof *out);
	for (size_t i = 0; i < WORD_LIMBS; i++) {
		u128 carry = 0;
		for (size_t k = 0; k < WORD_LIMBS; k++) {
			carry += (u128)a.limb[i] * b.limb[k] + out[i + k];
			out[i + k] = (uint64_t)carry;
			carry >>= 64;
		}
		out[i + WORD_LIMBS] = (uint64_t)carry;
	}
}

struct word word_mul(struct word a, struct word b)
{
	uint64_t full[DOUBLE];
	struct word out;
	mul_full(full, a, b);
	memcpy(out.limb, full, sizeof out.limb);
	return out;
}

/* a bit at a time: remainder of a number of count limbs, and what it was divided to below 2^256 */
static struct word long_division(
	struct word *quotient, const uint64_t *a, size_t count, struct word by)
{
	struct word rest = {{0}}, q = {{0}};
	for (size_t bit = count * 64; bit-- > 0;) {
		const bool out = word_negative(rest); /* over 2^256 for a moment */
		rest = word_add(rest, rest);
		rest.limb[0] |= a[bit / 64] >> bit % 64 & 1;
		if (!out && word_less(rest, by))
			continue;
		rest = word_sub(rest, by);
		if (bit < BITS)
			q.limb[bit / 64] |= UINT64_C(1) << bit % 64;
	}
	*quotient = q;
	return rest;
}

static struct word divide(struct word *rest, struct word a, struct word b)
{
	struct word quotient = {{0}};
	*rest = (struct word){{0}};
	if (word_is_zero(b))
		return quotient;
	*rest = a;
	if (word_less(a, b))
		return quotient;
	size_t count = WORD_LIMBS; /* the limbs that say something */
	while (count > 1 && a.limb[count - 1] == 0)
		count--;
	*rest = long_division(&quotient, a.limb, count, b);
	return quotient;
}

struct word word_div(struct word a, struct word b)
{
	struct word rest;
	return divide(&rest, a, b);
}

struct word word_mod(struct word a, struct word b)
{
	struct word rest;
	(void)divide(&rest, a, b);
	return rest;
}

static struct word absolute(struct word a)
{
	return word_negative(a) ? negate(a) : a;
}

struct word word_div_signed(struct word a, struct word b)
{
	const struct word q = word_div(absolute(a), absolute(b));
	return word_negative(a) != word_negative(b) ? negate(q) : q;
}

struct word word_mod_signed(struct word a, struct word b)
{
	const struct word rest = word_mod(absolute(a), absolute(b));
	return word_negative(a) ? negate(rest) : rest;
}

struct word word_add_mod(struct word a, struct word b, struct word m)
{
	const struct word sum = word_add(a, b);
	uint64_t full[WORD_LIMBS + 1];
	struct word quotient;
	if (word_is_zero(m))
		return m;
	memcpy(full, sum.limb, sizeof sum.limb);
	full[WORD_LIMBS] = word_less(sum, a);
	return long_division(&quotient, full, ARRAY_LEN(full), m);
}

struct word word_mul_mod(struct word a, struct word b, struct word m)
{
	uint64_t full[DOUBLE];
	struct word quotient;
	if (word_is_zero(m))
		return m;
	mul_full(full, a, b);
	return long_division(&quotient, full, DOUBLE, m);
}

struct word word_exp(struct word base, struct word exponent)
{
	struct word out = word_of(1);
	for (size_t bit = (size_t)word_bytes(exponent) * 8; bit-- > 0;) {
		out = word_mul(out, out);
		if ((exponent.limb[bit / 64] >> bit % 64 & 1) != 0)
			out = word_mul(out, base);
	}
	return out;
}

struct word word_shl(struct word a, struct word by)
{
	const uint64_t n = word_u64(by);
	struct word out = {{0}};
	if (n >= BITS)
		return out;
	const size_t limbs = n / 64, bits = n % 64;
	for (size_t i = limbs; i < WORD_LIMBS; i++) {
		out.limb[i] = a.limb[i - limbs] << bits;
		if (bits != 0 && i > limbs)
			out.limb[i] |= a.limb[i - limbs - 1] >> (64 - bits);
	}
	return out;
}

struct word word_shr(struct word a, struct word by)
{
	const uint64_t n = word_u64(by);
	struct word out = {{0}};
	if (n >= BITS)
		return out;
	const size_t limbs = n / 64, bits = n % 64;
	for (size_t i = 0; i + limbs < WORD_LIMBS; i++) {
		out.limb[i] = a.limb[i + limbs] >> bits;
		if (bits != 0 && i + limbs + 1 < WORD_LIMBS)
			out.limb[i] |= a.limb[i + limbs + 1] << (64 - bits);
	}
	return out;
}

struct word word_sar(struct word a, struct word by)
{
	/* what comes in from the left is ones where the number is negative */
	return word_negative(a) ? word_not(word_shr(word_not(a), by)) : word_shr(a, by);
}

struct word word_sign_extend(struct word at, struct word a)
{
	if (word_u64(at) >= WORD_SIZE - 1)
		return a;
	const struct word by = word_of(BITS - 8 * (word_u64(at) + 1));
	return word_sar(word_shl(a, by), by);
}

uint32_t word_bytes(struct word a)
{
	uint8_t be[WORD_SIZE];
	uint32_t i = 0;
	word_store(be, a);
	while (i < WORD_SIZE && be[i] == 0)
		i++;
	return WORD_SIZE - i;
}
