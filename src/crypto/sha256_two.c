#include "crypto/sha256_two.h"

#include "crypto/hash.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#endif

#define BLOCK 64u
#define WORDS 4u /* vectors of a block */

#if defined(__x86_64__)
#define SHA __attribute__((target("sha,sse4.1,ssse3")))

static const _Alignas(16) uint32_t round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf,
	0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1,
	0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351,
	0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb,
	0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814,
	0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The state as the instructions take it: words A B E F and C D G H, the last in the lowest place.
 */
struct lane {
	__m128i abef, cdgh;
	__m128i w[WORDS]; /* the message's last 16 words */
};

/* One text's blocks: a byte, then the caller's bytes, then the padding. */
struct text {
	struct slice body;
	size_t blocks;
	uint8_t own[BLOCK]; /* a block that does not lie in the body as it is */
	uint8_t tag;
};

static size_t blocks_of(size_t len)
{
	return (1 + len + 1 + 8 + BLOCK - 1) / BLOCK;
}

/* Block i; the one before is not needed any more. */
static const uint8_t *block_at(struct text *t, size_t i)
{
	const size_t from = i * BLOCK, len = 1 + t->body.len; /* of the text, with its tag */
	if (i > 0 && from + BLOCK <= len)
		return t->body.ptr + from - 1;
	const size_t begin = i == 0 ? 1 : 0;
	const size_t end = from >= len ? 0 : len - from < BLOCK ? len - from : BLOCK;
	memset(t->own, 0, BLOCK);
	if (i == 0)
		t->own[0] = t->tag;
	if (end > begin)
		memcpy(t->own + begin, t->body.ptr + from + begin - 1, end - begin);
	if (from <= len && len - from < BLOCK)
		t->own[len - from] = 0x80;
	if (i + 1 == t->blocks) {
		store_be32(t->own + BLOCK - 8, (uint32_t)((uint64_t)len * 8 >> 32));
		store_be32(t->own + BLOCK - 4, (uint32_t)((uint64_t)len * 8));
	}
	return t->own;
}

SHA static inline void lane_load(struct lane *l, const uint8_t *block)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	for (unsigned i = 0; i < WORDS; i++)
		l->w[i] = _mm_shuffle_epi8(
			_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)),
			big_endian);
}

/* Rounds 4 quad to 4 quad + 3, and the message's words for 16 rounds later. */
SHA static inline void lane_step(struct lane *l, unsigned quad)
{
	__m128i *w = l->w;
	const unsigned a = quad % 4, b = (quad + 1) % 4, c = (quad + 2) % 4, d = (quad + 3) % 4;
	const __m128i k = _mm_load_si128(
		(const __m128i *)(const void *)(round_constants + 4 * quad));
	const __m128i wk = _mm_add_epi32(w[a], k);
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, wk);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(wk, 0x0e));
	if (quad < 12)
		w[a] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[a], w[b]),
						    _mm_alignr_epi8(w[d], w[c], 4)),
			w[d]);
}

/* An instruction waits for the one before it in its lane, and two lanes fill the gaps. */
SHA static void compress(struct lane lane[2], const uint8_t *one, const uint8_t *two)
{
	struct lane x = lane[0], y = lane[1];
	const __m128i abef[2] = {x.abef, y.abef}, cdgh[2] = {x.cdgh, y.cdgh};
	lane_load(&x, one);
	lane_load(&y, two);
#define STEP(quad) (lane_step(&x, quad), lane_step(&y, quad))
	STEP(0), STEP(1), STEP(2), STEP(3), STEP(4), STEP(5), STEP(6), STEP(7);
	STEP(8), STEP(9), STEP(10), STEP(11), STEP(12), STEP(13), STEP(14), STEP(15);
#undef STEP
	lane[0].abef = _mm_add_epi32(x.abef, abef[0]);
	lane[0].cdgh = _mm_add_epi32(x.cdgh, cdgh[0]);
	lane[1].abef = _mm_add_epi32(y.abef, abef[1]);
	lane[1].cdgh = _mm_add_epi32(y.cdgh, cdgh[1]);
}

SHA static void lane_begin(struct lane *l)
{
	l->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
	l->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
}

SHA static void lane_end(struct hash256 *out, const struct lane *l)
{
	/* words as they are stored: F E B A, H G D C */
	static const uint8_t place[2][4] = {{5, 4, 1, 0}, {7, 6, 3, 2}};
	uint32_t word[2][4];
	_mm_storeu_si128((__m128i *)(void *)word[0], l->abef);
	_mm_storeu_si128((__m128i *)(void *)word[1], l->cdgh);
	for (unsigned half = 0; half < 2; half++)
		for (unsigned i = 0; i < 4; i++)
			store_be32(out->b + 4u * place[half][i], word[half][i]);
}

/* Where one text is shorter, its lane goes on with the other's blocks, for nothing. */
SHA static void two_native(
	struct hash256 *out_a, struct hash256 *out_b, uint8_t tag, struct slice a, struct slice b)
{
	struct text one = {.body = a, .blocks = blocks_of(a.len), .tag = tag};
	struct text two = {.body = b, .blocks = blocks_of(b.len), .tag = tag};
	struct hash256 hash_a, hash_b; /* where they go may be read until the end */
	struct lane lane[2];
	const size_t blocks = one.blocks > two.blocks ? one.blocks : two.blocks;
	lane_begin(&lane[0]);
	lane_begin(&lane[1]);
	for (size_t i = 0; i < blocks; i++) {
		const uint8_t *p = i < one.blocks ? block_at(&one, i) : NULL;
		const uint8_t *q = i < two.blocks ? block_at(&two, i) : p;
		compress(lane, p != NULL ? p : q, q);
		if (i + 1 == one.blocks)
			lane_end(&hash_a, &lane[0]);
		if (i + 1 == two.blocks)
			lane_end(&hash_b, &lane[1]);
	}
	*out_a = hash_a;
	*out_b = hash_b;
}

/* Asked once: in a virtual machine an answer takes a microsecond. */
static bool is_native(void)
{
	enum { UNKNOWN, NO, YES };
	static _Atomic uint32_t known;
	uint32_t is = atomic_load_explicit(&known, memory_order_relaxed);
	if (is == UNKNOWN) {
		uint32_t a, b = 0, c, d;
		const bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
		is = sha && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3")
			? YES
			: NO;
		atomic_store_explicit(&known, is, memory_order_relaxed);
	}
	return is == YES;
}
#endif

void sha256_two_portable(
	struct hash256 *out_a, struct hash256 *out_b, uint8_t tag, struct slice a, struct slice b)
{
	const struct slice one[2] = {slice_of(&tag, 1), a}, two[2] = {slice_of(&tag, 1), b};
	struct hash256 hash_a;
	sha256_parts(&hash_a, one, 2);
	sha256_parts(out_b, two, 2);
	*out_a = hash_a;
}

void sha256_two(
	struct hash256 *out_a, struct hash256 *out_b, uint8_t tag, struct slice a, struct slice b)
{
#if defined(__x86_64__)
	if (is_native()) {
		two_native(out_a, out_b, tag, a, b);
		return;
	}
#endif
	sha256_two_portable(out_a, out_b, tag, a, b);
}
