/* node/secrets: what is read from the files that the configuration names. Whoever loads a secret
 * wipes it. A file that everybody can read is refused: ERR_DENIED. */
#ifndef NODE_SECRETS_H
#define NODE_SECRETS_H
#include "crypto/seal.h"

#define PASSWORD_SIZE 256u
#define TOKENS_MAX 32u
#define TOKEN_LEN_MIN 32u
#define TOKEN_LEN_MAX 256u

/* Operators' tokens: kept as hashes, so that they can be compared in constant time and no dump of
 * our memory holds one. */
struct token_set {
	struct hash256 hash[TOKENS_MAX];
	bool read_only[TOKENS_MAX];
	uint32_t count;
};

enum token_scope { TOKEN_NONE, TOKEN_READ, TOKEN_FULL };

/* What an error of the loaders means, in words that follow the path. Static. */
const char *secrets_why(enum err err);
/* 64 hexadecimal digits, and at most a line's end after them. Errors of file_read_all; ERR_FORMAT.
 */
MUST_USE NONNULL_ALL enum err seal_key_load(struct seal_key *out, const char *path);
/* The first line, terminated by a zero. ERR_FORMAT: empty, too long. */
MUST_USE NONNULL_ALL enum err password_load(char out[PASSWORD_SIZE], const char *path);
/* One token a line, perhaps followed by a space and "read-only"; empty lines and lines that begin
 * with # are skipped. ERR_FORMAT: a token too short or too long, no token at all; *line says where.
 * ERR_FULL over TOKENS_MAX. */
MUST_USE NONNULL_ALL enum err tokens_load(struct token_set *out, uint32_t *line, const char *path);
MUST_USE NONNULL_ALL enum err tokens_parse(
	struct token_set *out, uint32_t *line, struct slice text);
/* Compares with every token, in a time that depends on the length of text alone. */
NONNULL_ALL enum token_scope tokens_check(const struct token_set *set, struct slice text);

#endif
