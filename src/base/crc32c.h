/* base/crc32c: CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the CPU's instruction where it has
 * one. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H
#include "base/base.h"

/* Continue from a previous value; start with 0. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The table-driven form, the same result: what crc32c falls back to, and is tested against. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len);

#endif
