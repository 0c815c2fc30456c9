/* base/base64: bytes as base64 text and back (RFC 4648), in the three forms that are met. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include "base/base.h"

enum base64_form {
	BASE64,          /* section 4, padded with '=' */
	BASE64_URL,      /* section 5, padded */
	BASE64_URL_BARE, /* section 5, without padding */
};

/* Room for the text of either padded form, and of the bare one, with a zero. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)
#define BASE64_BARE_SIZE(len) (((len)*4 + 2) / 3 + 1)

NONNULL_ALL void base64_encode(char *text, enum base64_form form, const void *bytes, size_t len);
/* Exactly len bytes from text in exactly that form. ERR_FORMAT otherwise, also when unused bits are
 * set; *bytes is then undefined. */
MUST_USE NONNULL_ALL enum err base64_decode(
	void *bytes, size_t len, enum base64_form form, struct slice text);

#endif
