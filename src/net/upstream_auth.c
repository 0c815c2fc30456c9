#include "net/upstream_auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "sys/file.h"

static void set_pair(struct upstream_auth *auth, const char *pair, size_t len)
{
	CHECK(len < sizeof auth->pair);
	bytes_wipe(auth->pair, sizeof auth->pair);
	bytes_wipe(auth->header, sizeof auth->header);
	memcpy(auth->pair, pair, len);
	auth->generation++;
	if (len == 0)
		return;
	memcpy(auth->header, "Basic ", 6);
	base64_encode(auth->header + 6, BASE64, auth->pair, len);
}

bool upstream_auth_refresh(struct upstream_auth *auth)
{
	char pair[AUTH_PAIR_SIZE - 1];
	size_t len = 0;
	if (auth->cookie_file == NULL ||
		file_read_all(file_system(), auth->cookie_file, pair, &len, sizeof pair) != OK)
		return false;
	while (len > 0 && (pair[len - 1] == '\n' || pair[len - 1] == '\r'))
		len--;
	const bool changed = len != strlen(auth->pair) || !bytes_eq_ct(pair, auth->pair, len);
	if (changed)
		set_pair(auth, pair, len);
	bytes_wipe(pair, sizeof pair);
	return changed;
}

/* "%41" to "A". ERR_FORMAT; ERR_FULL over len_max. */
static enum err percent_decode(char *out, size_t *out_len, size_t len_max, struct slice text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (n == len_max)
			return ERR_FULL;
		if (c == '%') {
			if (text.len - i < 3)
				return ERR_FORMAT;
			TRY(hex_decode(&c, 1, slice_of(text.ptr + i + 1, 2)));
			i += 2;
		}
		if (c == 0)
			return ERR_FORMAT;
		out[n++] = (char)c;
	}
	*out_len = n;
	return OK;
}

/* "user:password" of a URL, each percent-encoded. */
static enum err pair_of_url(char *pair, size_t *len, struct slice info)
{
	const uint8_t *colon = memchr(info.ptr, ':', info.len);
	const size_t user_len = colon == NULL ? info.len : (size_t)(colon - info.ptr);
	size_t n = 0, password_len = 0;
	TRY(percent_decode(pair, &n, AUTH_USER_MAX, slice_of(info.ptr, user_len)));
	pair[n++] = ':';
	if (colon != NULL)
		TRY(percent_decode(pair + n, &password_len, AUTH_PASSWORD_MAX,
			slice_of(colon + 1, info.len - user_len - 1)));
	*len = n + password_len;
	return OK;
}

static enum err set_from_config(
	struct upstream_auth *auth, const struct upstream_config *config, struct slice info)
{
	char pair[AUTH_PAIR_SIZE];
	size_t len = 0;
	enum err err = OK;
	if (config->user != NULL) {
		const char *password = config->password == NULL ? "" : config->password;
		if (strnlen(config->user, AUTH_USER_MAX + 1) > AUTH_USER_MAX ||
			strnlen(password, AUTH_PASSWORD_MAX + 1) > AUTH_PASSWORD_MAX ||
			strchr(config->user, ':') != NULL)
			return ERR_FORMAT;
		len = (size_t)snprintf(pair, sizeof pair, "%s:%s", config->user, password);
	} else if (info.len > 0) {
		err = pair_of_url(pair, &len, info);
	}
	if (err == OK)
		set_pair(auth, pair, len);
	bytes_wipe(pair, sizeof pair);
	return err;
}

enum err upstream_auth_init(
	struct upstream_auth *auth, char **url, const struct upstream_config *config)
{
	*auth = (struct upstream_auth){0};
	if (config->url == NULL)
		return ERR_FORMAT;
	const char *host = strstr(config->url, "://");
	if (host == NULL)
		return ERR_FORMAT;
	host += 3;
	/* the last '@' before the path: a password may hold one that nobody encoded */
	const size_t authority_len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', authority_len);
	const struct slice info = slice_of(host, at == NULL ? 0 : (size_t)(at - host));
	const char *rest = at == NULL ? host : at + 1;
	if (asprintf(url, "%.*s%s", (int)(host - config->url), config->url, rest) < 0) {
		*url = NULL;
		return ERR_FULL;
	}
	TRY(set_from_config(auth, config, info));
	if (config->cookie_file != NULL) {
		auth->cookie_file = strdup(config->cookie_file);
		if (auth->cookie_file == NULL)
			return ERR_FULL;
		/* not there until the node has started: then a refusal makes us look again */
		(void)upstream_auth_refresh(auth);
	}
	return OK;
}

void upstream_auth_fini(struct upstream_auth *auth)
{
	bytes_wipe(auth->pair, sizeof auth->pair);
	bytes_wipe(auth->header, sizeof auth->header);
	free(auth->cookie_file);
	auth->cookie_file = NULL;
}

const char *upstream_auth_header(const struct upstream_auth *auth)
{
	return auth->header[0] == 0 ? NULL : auth->header;
}
