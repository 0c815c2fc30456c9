/* base/bech32: the text form of addresses and invoices: a prefix, '1', values of five bits, a check
 * sum of six more, or of twelve. Pure.
 *
 * What the values mean, which prefix is right and how long a text may be is the caller's business.
 * Source: BIP-173, BIP-350; BOLT 11 uses it without the limit of 90 characters; Elements
 * (blech32.cpp) has the longer sum for its longer addresses.
 */
#ifndef BASE_BECH32_H
#define BASE_BECH32_H
#include "base/buf.h"

#define BECH32_PREFIX_MAX 83u

/* A check sum: the rest of a division of polynomials over fields of 32. */
struct bech32_code {
	unsigned sum_len; /* values, at most twelve */
	uint64_t generator[5];
};
extern const struct bech32_code bech32_code;  /* BIP-173 */
extern const struct bech32_code blech32_code; /* Elements */

/* What the check sum comes out at: the two kinds of text of each code. */
#define BECH32_FINAL UINT64_C(1)
#define BECH32M_FINAL UINT64_C(0x2bc830a3)
#define BLECH32_FINAL UINT64_C(1)
#define BLECH32M_FINAL UINT64_C(0x455972a3350f7a1)

struct bech32 {
	char prefix[BECH32_PREFIX_MAX + 1]; /* in lower case, with a zero */
	size_t prefix_len;
	uint8_t *value; /* borrows the storage given; five bits each, without the check sum */
	size_t value_len;
	uint64_t final; /* one of the constants above where the check sum is right */
};

/* Takes a text apart; storage has room for value_cap values, the check sum's among them.
 * ERR_FORMAT: not of that shape (mixed case, no separator, a character that is none of the
 * thirty-two), or longer than the storage. Whether .final is right is the caller's question: a text
 * of another shape that looks like this one has none of the two. */
MUST_USE NONNULL_ALL enum err bech32_decode(struct bech32 *out, uint8_t *storage, size_t value_cap,
	const struct bech32_code *code, struct slice text);
/* Appends the text of a prefix (lower case, with a zero) and values. */
NONNULL_ALL void bech32_put(struct buf *out, const struct bech32_code *code, const char *prefix,
	const uint8_t *value, size_t value_len, uint64_t final);

/* Bytes from values: the bits that are left over at the end are fewer than five, all zero, or it is
 * ERR_FORMAT, as are more than cap bytes. */
MUST_USE NONNULL_ALL enum err bech32_to_bytes(
	uint8_t *bytes, size_t *len, size_t cap, const uint8_t *value, size_t value_len);
/* The same, but what is left over at the end, whatever it is, becomes a byte filled up with zeros.
 */
MUST_USE NONNULL_ALL enum err bech32_to_bytes_filled(
	uint8_t *bytes, size_t *len, size_t cap, const uint8_t *value, size_t value_len);
/* Values from bytes, the last one filled up with zeros; returns their number, which must not be
 * over cap (CHECK). */
NONNULL_ALL size_t bech32_from_bytes(uint8_t *value, size_t cap, struct slice bytes);

#endif
