/* layer/lightning/answer: members of a node's answers, read and bounded. Private to the folder. All
 * return ERR_FORMAT where the member is missing, of another type or cannot be right; outputs are
 * then untouched. */
#ifndef LAYER_LIGHTNING_ANSWER_H
#define LAYER_LIGHTNING_ANSWER_H
#include "layer/lightning/lightning.h"
#include "net/json.h"

/* A string of digits: how a 64-bit integer is written where JSON is made from protocol buffers. */
MUST_USE NONNULL_ALL enum err ln_get_digits(
	uint64_t *out, const struct json *v, const char *key, uint64_t max);
/* A number. */
MUST_USE NONNULL_ALL enum err ln_get_number(
	uint64_t *out, const struct json *v, const char *key, uint64_t max);
MUST_USE NONNULL_ALL enum err ln_get_u32(
	uint32_t *out, const struct json *v, const char *key, uint32_t max);
/* A string of digits. */
MUST_USE NONNULL_ALL enum err ln_get_msat(struct msat *out, const struct json *v, const char *key);
/* The same, in whole satoshis. */
MUST_USE NONNULL_ALL enum err ln_get_sat(struct msat *out, const struct json *v, const char *key);
MUST_USE NONNULL_ALL enum err ln_get_hex32(
	struct hash256 *out, const struct json *v, const char *key);
MUST_USE NONNULL_ALL enum err ln_get_base64(
	struct hash256 *out, const struct json *v, const char *key);
MUST_USE NONNULL_ALL enum err ln_get_pubkey(
	struct pubkey *out, const struct json *v, const char *key);
/* Terminated; ERR_FORMAT also where it is longer than size - 1. */
MUST_USE NONNULL_ALL enum err ln_get_text(
	char *out, size_t size, const struct json *v, const char *key);
/* The same, cut where it is longer; what can't be printed becomes '?'. */
NONNULL_ALL void ln_get_words(char *out, size_t size, const struct json *v, const char *key);
/* One of a table's words: its index. */
MUST_USE NONNULL_ALL enum err ln_get_word(size_t *index, const struct json *v, const char *key,
	const char *const *word, size_t word_count);

/* ERR_RANGE over LN_MSAT_MAX. */
MUST_USE NONNULL_ALL enum err ln_msat_add(struct msat *sum, struct msat more);

#endif
