#include "base/crc32c.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (POLYNOMIAL & (0u - (crc & 1u)));
	}
	return ~crc;
}

#if defined(__x86_64__)
/* The instruction takes three cycles and one can begin in each: long texts are read at three places
 * at once. What was read before LANE more bytes is worth x^(8 LANE) times as much: a product
 * without carries, by a constant that leaves the reduction of its 64 bits to the instruction, which
 * multiplies by x^33 more. */
#define LANE ((size_t)168)
#define SHIFT_LANE UINT64_C(0x1b3d8f29)      /* x^(8 LANE - 33) mod P, reflected */
#define SHIFT_TWO_LANES UINT64_C(0xa60ce07b) /* x^(16 LANE - 33) */

__attribute__((target("sse4.2,pclmul"))) static uint64_t shifted(uint64_t crc, uint64_t by)
{
	const __m128i product = _mm_clmulepi64_si128(
		_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128((int64_t)by), 0);
	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* Of 3 LANE bytes; the register, not inverted. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t three_lanes(uint64_t crc, const uint8_t *p)
{
	uint64_t second = 0, third = 0;
	for (size_t i = 0; i < LANE; i += 8) {
		crc = _mm_crc32_u64(crc, load_le64(p + i));
		second = _mm_crc32_u64(second, load_le64(p + LANE + i));
		third = _mm_crc32_u64(third, load_le64(p + 2 * LANE + i));
	}
	return shifted(crc, SHIFT_TWO_LANES) ^ shifted(second, SHIFT_LANE) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t wide = (uint32_t)~crc;
	if (len >= 3 * LANE && __builtin_cpu_supports("pclmul"))
		for (; len >= 3 * LANE; p += 3 * LANE, len -= 3 * LANE)
			wide = three_lanes(wide, p);
	for (; len >= 8; p += 8, len -= 8)
		wide = _mm_crc32_u64(wide, load_le64(p));
	uint32_t narrow = (uint32_t)wide;
	for (; len > 0; p++, len--)
		narrow = _mm_crc32_u8(narrow, *p);
	return ~narrow;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, len)
						: crc32c_portable(crc, bytes, len);
}
#else
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return crc32c_portable(crc, bytes, len);
}
#endif
