/* sim/evm_word: numbers of 256 bits, as the EVM computes with them: modulo 2^256, signed ones in
 * two's complement, a division by zero is zero. Pure. Source: yellow paper, appendix H. */
#ifndef SIM_EVM_WORD_H
#define SIM_EVM_WORD_H
#include "base/amount.h"

#define WORD_SIZE 32u
#define WORD_LIMBS 4u

struct word {
	uint64_t limb[WORD_LIMBS]; /* least significant first */
};

static inline struct word word_of(uint64_t v)
{
	return (struct word){{v}};
}

static inline struct word word_of_u128(u128 v)
{
	return (struct word){{(uint64_t)v, (uint64_t)(v >> 64)}};
}

static inline bool word_is_zero(struct word a)
{
	return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0;
}

static inline bool word_eq(struct word a, struct word b)
{
	return a.limb[0] == b.limb[0] && a.limb[1] == b.limb[1] && a.limb[2] == b.limb[2] &&
		a.limb[3] == b.limb[3];
}

/* The number, or the greatest of that size where it is greater. */
static inline uint64_t word_u64(struct word a)
{
	return (a.limb[1] | a.limb[2] | a.limb[3]) != 0 ? UINT64_MAX : a.limb[0];
}

static inline u128 word_u128(struct word a)
{
	return (a.limb[2] | a.limb[3]) != 0 ? ~(u128)0 : (u128)a.limb[1] << 64 | a.limb[0];
}

NONNULL_ALL struct word word_load(const uint8_t be[WORD_SIZE]);
NONNULL_ALL void word_store(uint8_t be[WORD_SIZE], struct word a);
bool word_less(struct word a, struct word b);
bool word_less_signed(struct word a, struct word b);
bool word_negative(struct word a);
struct word word_not(struct word a);
struct word word_add(struct word a, struct word b);
struct word word_sub(struct word a, struct word b);
struct word word_mul(struct word a, struct word b);
struct word word_div(struct word a, struct word b);
struct word word_mod(struct word a, struct word b);
struct word word_div_signed(struct word a, struct word b);
struct word word_mod_signed(struct word a, struct word b);
/* (a + b) mod m, (a * b) mod m, nothing lost on the way. */
struct word word_add_mod(struct word a, struct word b, struct word m);
struct word word_mul_mod(struct word a, struct word b, struct word m);
struct word word_exp(struct word base, struct word exponent);
/* A number of (at + 1) bytes with its sign spread to the left. */
struct word word_sign_extend(struct word at, struct word a);
struct word word_shl(struct word a, struct word by);
struct word word_shr(struct word a, struct word by);
struct word word_sar(struct word a, struct word by);
/* How many bytes it takes to write it. */
uint32_t word_bytes(struct word a);

#endif
