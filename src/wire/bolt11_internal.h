/* What reading and writing of invoices share: the layout of BOLT 11's data part. */
#ifndef WIRE_BOLT11_INTERNAL_H
#define WIRE_BOLT11_INTERNAL_H
#include "wire/bolt11.h"

/* In values of five bits. */
#define BOLT11_TIMESTAMP_LEN 7u
#define BOLT11_SIGNATURE_LEN 104u /* 64 bytes and the recovery id's byte */
#define BOLT11_FIELD_HEAD_LEN 3u  /* type, and a length of two values */
#define BOLT11_FIELD_LEN_MAX 1023u
#define BOLT11_HASH_LEN 52u
#define BOLT11_NODE_LEN 53u
#define BOLT11_HOP_SIZE 51u /* bytes */

enum bolt11_tag {
	BOLT11_TAG_PAYMENT_HASH = 1,      /* p */
	BOLT11_TAG_ROUTE = 3,             /* r */
	BOLT11_TAG_FEATURES = 5,          /* 9 */
	BOLT11_TAG_EXPIRY = 6,            /* x */
	BOLT11_TAG_FALLBACK = 9,          /* f */
	BOLT11_TAG_DESCRIPTION = 13,      /* d */
	BOLT11_TAG_PAYMENT_SECRET = 16,   /* s */
	BOLT11_TAG_NODE = 19,             /* n */
	BOLT11_TAG_DESCRIPTION_HASH = 23, /* h */
	BOLT11_TAG_FINAL_CLTV = 24,       /* c */
	BOLT11_TAG_METADATA = 27,         /* m */
};

/* Fallback addresses: versions over 16 stand for the two older scripts. */
enum {
	BOLT11_FALLBACK_P2PKH = 17,
	BOLT11_FALLBACK_P2SH = 18,
};

/* "bc" to a network and back. */
struct bolt11_prefix {
	const char *text;    /* after "ln" */
	const char *network; /* its name */
};
extern const struct bolt11_prefix bolt11_prefixes[];
extern const size_t bolt11_prefix_count;

/* What a multiplier makes of one: in tenths of a millisatoshi, for pico is less than one. */
struct bolt11_multiplier {
	char letter; /* 0: none */
	uint64_t tenths;
};
/* Largest first. */
extern const struct bolt11_multiplier bolt11_multipliers[];
extern const size_t bolt11_multiplier_count;

/* The hash that is signed: of the prefix and of the data part without the signature. */
NONNULL_ALL void bolt11_sighash(
	struct hash256 *out, const char *prefix, const uint8_t *value, size_t value_len);

#endif
