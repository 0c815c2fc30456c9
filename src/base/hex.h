/* base/hex: bytes to lower-case hexadecimal text and back. */
#ifndef BASE_HEX_H
#define BASE_HEX_H
#include "base/base.h"

/* Writes 2 * len digits and a zero; text has room for 2 * len + 1. */
void hex_encode(char *text, const void *bytes, size_t len);
/* The bytes in reverse: how Bitcoin's tools print a hash. */
void hex_encode_reversed(char *text, const void *bytes, size_t len);
/* Decode exactly len bytes from exactly 2 * len digits of either case.
 * ERR_SHORT too few digits; ERR_FORMAT too many, or not a digit. Outputs untouched on failure. */
MUST_USE enum err hex_decode(void *bytes, size_t len, struct slice text);
MUST_USE enum err hex_decode_reversed(void *bytes, size_t len, struct slice text);
/* Decode as many bytes as the text has; *len is the number of bytes, at most len_max.
 * ERR_FORMAT odd or not a digit; ERR_FULL over len_max. */
MUST_USE NONNULL_ALL enum err hex_decode_var(
	void *bytes, size_t *len, size_t len_max, struct slice text);

#endif
