#include "base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
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
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t wide = (uint32_t)~crc;
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
