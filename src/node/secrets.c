#include "node/secrets.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "sys/file.h"
#include "sys/guard.h"

#define TOKEN_FILE_MAX (TOKENS_MAX * (TOKEN_LEN_MAX + 80u))

static struct slice first_line(const uint8_t *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] != '\n' && text[n] != '\r')
		n++;
	return slice_of(text, n);
}

const char *secrets_why(enum err err)
{
	return err == ERR_DENIED    ? "can't be read, or everybody can read it: chmod 600"
		: err == ERR_FORMAT ? "is not what the key asks for (see `sluice config explain`)"
				    : file_why(err);
}

/* A whole secret, which is no longer than cap bytes. */
static enum err read_private(const char *path, uint8_t *text, size_t *len, size_t cap)
{
	TRY(guard_private(path, true));
	const enum err e = file_read_all(file_system(), path, text, len, cap);
	return e == ERR_FULL ? ERR_FORMAT : e;
}

enum err seal_key_load(struct seal_key *out, const char *path)
{
	uint8_t text[128];
	size_t len = 0;
	enum err e = read_private(path, text, &len, sizeof text);
	if (e == OK) {
		const struct slice line = first_line(text, len);
		e = len > line.len + 2 || hex_decode(out->b, sizeof out->b, line) != OK ? ERR_FORMAT
											: OK;
	}
	bytes_wipe(text, sizeof text);
	return e;
}

enum err password_load(char out[PASSWORD_SIZE], const char *path)
{
	uint8_t text[PASSWORD_SIZE + 2];
	size_t len = 0;
	enum err e = read_private(path, text, &len, sizeof text);
	if (e == OK) {
		const struct slice line = first_line(text, len);
		if (line.len == 0 || line.len >= PASSWORD_SIZE ||
			memchr(line.ptr, '\0', line.len) != NULL) {
			e = ERR_FORMAT;
		} else {
			memcpy(out, line.ptr, line.len);
			out[line.len] = '\0';
		}
	}
	bytes_wipe(text, sizeof text);
	return e;
}

static enum err add_token(struct token_set *set, struct slice line)
{
	static const char suffix[] = " read-only";
	const size_t suffix_len = sizeof suffix - 1;
	bool read_only = false;
	if (line.len > suffix_len &&
		memcmp(line.ptr + line.len - suffix_len, suffix, suffix_len) == 0) {
		line.len -= suffix_len;
		read_only = true;
	}
	if (line.len < TOKEN_LEN_MIN || line.len > TOKEN_LEN_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] <= ' ' || line.ptr[i] > '~')
			return ERR_FORMAT;
	}
	if (set->count == TOKENS_MAX)
		return ERR_FULL;
	sha256(&set->hash[set->count], line);
	set->read_only[set->count++] = read_only;
	return OK;
}

enum err tokens_parse(struct token_set *out, uint32_t *line, struct slice text)
{
	struct token_set set = {.count = 0};
	*line = 0;
	for (size_t at = 0; at < text.len;) {
		const struct slice one = first_line(text.ptr + at, text.len - at);
		++*line;
		if (one.len > 0 && one.ptr[0] != '#')
			TRY(add_token(&set, one));
		at += one.len;
		if (at < text.len && text.ptr[at] == '\r')
			at++;
		if (at < text.len && text.ptr[at] == '\n')
			at++;
	}
	if (set.count == 0)
		return ERR_FORMAT;
	*out = set;
	return OK;
}

enum err tokens_load(struct token_set *out, uint32_t *line, const char *path)
{
	uint8_t text[TOKEN_FILE_MAX];
	size_t len = 0;
	*line = 0;
	enum err e = read_private(path, text, &len, sizeof text);
	if (e == OK)
		e = tokens_parse(out, line, slice_of(text, len));
	bytes_wipe(text, sizeof text);
	return e;
}

enum token_scope tokens_check(const struct token_set *set, struct slice text)
{
	struct hash256 hash;
	enum token_scope scope = TOKEN_NONE;
	sha256(&hash, text);
	for (uint32_t i = 0; i < set->count; i++) {
		if (bytes_eq_ct(&hash, &set->hash[i], sizeof hash))
			scope = set->read_only[i] ? TOKEN_READ : TOKEN_FULL;
	}
	return scope;
}
