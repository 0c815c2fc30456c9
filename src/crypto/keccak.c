/* Keccak-256: the sponge of the Keccak submission (rate 136, padding 0x01), as EVM chains use it;
 * SHA3-256 differs in its padding alone. Source: "The Keccak reference", version 3.0. */
#include "crypto/hash.h"

#define LANES 25u
#define ROUNDS 24u
#define RATE 136u

_Static_assert(RATE == 200u - 2u * 32u, "capacity is twice the output");
_Static_assert(RATE % 8u == 0, "whole lanes are absorbed");

static const uint64_t round_constant[ROUNDS] = {
	UINT64_C(0x0000000000000001),
	UINT64_C(0x0000000000008082),
	UINT64_C(0x800000000000808a),
	UINT64_C(0x8000000080008000),
	UINT64_C(0x000000000000808b),
	UINT64_C(0x0000000080000001),
	UINT64_C(0x8000000080008081),
	UINT64_C(0x8000000000008009),
	UINT64_C(0x000000000000008a),
	UINT64_C(0x0000000000000088),
	UINT64_C(0x0000000080008009),
	UINT64_C(0x000000008000000a),
	UINT64_C(0x000000008000808b),
	UINT64_C(0x800000000000008b),
	UINT64_C(0x8000000000008089),
	UINT64_C(0x8000000000008003),
	UINT64_C(0x8000000000008002),
	UINT64_C(0x8000000000000080),
	UINT64_C(0x000000000000800a),
	UINT64_C(0x800000008000000a),
	UINT64_C(0x8000000080008081),
	UINT64_C(0x8000000000008080),
	UINT64_C(0x0000000080000001),
	UINT64_C(0x8000000080008008),
};

/* Lane (x, y) lies at x + 5 * y. rho turns it left by rotation[]; pi moves it to (y, 2x + 3y). */
static const uint8_t rotation[LANES] = {0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41,
	45, 15, 21, 8, 18, 2, 61, 56, 14};
static const uint8_t moved_to[LANES] = {
	0, 10, 20, 5, 15, 16, 1, 11, 21, 6, 7, 17, 2, 12, 22, 23, 8, 18, 3, 13, 14, 24, 9, 19, 4};

static inline uint64_t rotate_left(uint64_t v, unsigned bits)
{
	return v << bits | v >> ((64u - bits) & 63u);
}

/* chi on one row: each lane and the two to its right. */
static inline void chi(uint64_t out[5], const uint64_t in[5])
{
	out[0] = in[0] ^ (~in[1] & in[2]);
	out[1] = in[1] ^ (~in[2] & in[3]);
	out[2] = in[2] ^ (~in[3] & in[4]);
	out[3] = in[3] ^ (~in[4] & in[0]);
	out[4] = in[4] ^ (~in[0] & in[1]);
}

static void permute(uint64_t a[LANES])
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t column[5];
		uint64_t b[LANES];
		for (unsigned x = 0; x < 5; x++)
			column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
		const uint64_t theta[5] = {
			column[4] ^ rotate_left(column[1], 1),
			column[0] ^ rotate_left(column[2], 1),
			column[1] ^ rotate_left(column[3], 1),
			column[2] ^ rotate_left(column[4], 1),
			column[3] ^ rotate_left(column[0], 1),
		};
		for (unsigned y = 0; y < LANES; y += 5)
			for (unsigned x = 0; x < 5; x++)
				b[moved_to[y + x]] = rotate_left(
					a[y + x] ^ theta[x], rotation[y + x]);
		for (unsigned y = 0; y < LANES; y += 5)
			chi(a + y, b + y);
		a[0] ^= round_constant[round];
	}
}

static void absorb(uint64_t a[LANES], const uint8_t block[RATE])
{
	for (unsigned i = 0; i < RATE / 8u; i++)
		a[i] ^= load_le64(block + 8u * i);
	permute(a);
}

void keccak256(struct hash256 *out, struct slice in)
{
	uint64_t a[LANES] = {0};
	uint8_t last[RATE] = {0};
	for (; in.len >= RATE; in.ptr += RATE, in.len -= RATE)
		absorb(a, in.ptr);
	if (in.len > 0)
		memcpy(last, in.ptr, in.len);
	last[in.len] = 0x01;
	last[RATE - 1] |= 0x80;
	absorb(a, last);
	for (unsigned i = 0; i < 4; i++)
		store_le64(out->b + 8u * i, a[i]);
}
