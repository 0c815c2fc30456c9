#include "layer/lightning/answer.h"

#include "base/base64.h"
#include "crypto/hash.h"

bool ln_preimage_fits(const struct hash256 *preimage, const struct hash256 *hash)
{
	struct hash256 found;
	sha256(&found, slice_of(preimage->b, sizeof preimage->b));
	return bytes_eq_ct(found.b, hash->b, sizeof found.b);
}

enum err ln_get_digits(uint64_t *out, const struct json *v, const char *key, uint64_t max)
{
	const struct slice text = json_string(json_get(v, key));
	uint64_t n = 0;
	if (text.ptr == NULL || text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		const uint64_t digit = (uint64_t)text.ptr[i] - '0';
		if (text.ptr[i] < '0' || digit > 9 || n > (max - digit) / 10 || digit > max)
			return ERR_FORMAT;
		n = n * 10 + digit;
	}
	*out = n;
	return OK;
}

enum err ln_get_number(uint64_t *out, const struct json *v, const char *key, uint64_t max)
{
	uint64_t n;
	if (json_get_u64(v, key, &n) != OK || n > max)
		return ERR_FORMAT;
	*out = n;
	return OK;
}

enum err ln_get_u32(uint32_t *out, const struct json *v, const char *key, uint32_t max)
{
	uint64_t n;
	TRY(ln_get_number(&n, v, key, max));
	*out = (uint32_t)n;
	return OK;
}

enum err ln_get_msat(struct msat *out, const struct json *v, const char *key)
{
	return ln_get_digits(&out->raw, v, key, LN_MSAT_MAX);
}

enum err ln_get_sat(struct msat *out, const struct json *v, const char *key)
{
	uint64_t sat;
	TRY(ln_get_digits(&sat, v, key, SAT_MAX_RAW));
	out->raw = sat * BOLT11_MSAT_PER_SAT;
	return OK;
}

enum err ln_get_hex32(struct hash256 *out, const struct json *v, const char *key)
{
	struct hash256 h;
	if (json_get_hex(v, key, h.b, sizeof h.b) != OK)
		return ERR_FORMAT;
	*out = h;
	return OK;
}

enum err ln_get_base64(struct hash256 *out, const struct json *v, const char *key)
{
	const struct slice text = json_string(json_get(v, key));
	struct hash256 h;
	if (text.ptr == NULL || base64_decode(h.b, sizeof h.b, BASE64, text) != OK)
		return ERR_FORMAT;
	*out = h;
	return OK;
}

enum err ln_get_pubkey(struct pubkey *out, const struct json *v, const char *key)
{
	struct pubkey k;
	if (json_get_hex(v, key, k.b, sizeof k.b) != OK || !pubkey_valid(&k))
		return ERR_FORMAT;
	*out = k;
	return OK;
}

enum err ln_get_text(char *out, size_t size, const struct json *v, const char *key)
{
	const struct slice text = json_string(json_get(v, key));
	if (text.ptr == NULL || text.len >= size)
		return ERR_FORMAT;
	memcpy(out, text.ptr, text.len + 1); /* terminated, and no zero inside */
	return OK;
}

void ln_get_words(char *out, size_t size, const struct json *v, const char *key)
{
	const struct slice text = json_string(json_get(v, key));
	size_t len = text.ptr == NULL ? 0 : text.len;
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = text.ptr[i] >= ' ' && text.ptr[i] < 0x7f ? (char)text.ptr[i] : '?';
	out[len] = 0;
}

enum err ln_get_word(size_t *index, const struct json *v, const char *key, const char *const *word,
	size_t word_count)
{
	const char *text = json_get_string(v, key);
	for (size_t i = 0; text != NULL && i < word_count; i++)
		if (strcmp(text, word[i]) == 0) {
			*index = i;
			return OK;
		}
	return ERR_FORMAT;
}

enum err ln_msat_add(struct msat *sum, struct msat more)
{
	if (more.raw > LN_MSAT_MAX - sum->raw)
		return ERR_RANGE;
	sum->raw += more.raw;
	return OK;
}
