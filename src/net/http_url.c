#include "net/http_url.h"

#define SCHEME "http://"
#define PORT_MAX 65535u

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '-' || c == '.' || c == '_';
}

static bool is_v6_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
		c == ':' || c == '.';
}

static struct slice between(const char *begin, const char *end)
{
	return slice_of(begin, (size_t)(end - begin));
}

/* "", or ":1234" and nothing after it. */
static enum err parse_port(uint16_t *out, const char *at, const char *end)
{
	uint32_t port = 0;
	*out = HTTP_PORT_DEFAULT;
	if (at == end)
		return OK;
	if (*at++ != ':' || at == end)
		return ERR_FORMAT;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return ERR_FORMAT;
		port = port * 10 + (uint32_t)(*at - '0');
		if (port > PORT_MAX)
			return ERR_FORMAT;
	}
	if (port == 0)
		return ERR_FORMAT;
	*out = (uint16_t)port;
	return OK;
}

static enum err parse_authority(struct http_url *url, const char *begin, const char *end)
{
	const bool v6 = begin < end && *begin == '[';
	const char *host = v6 ? begin + 1 : begin, *at = host;
	while (at < end && (v6 ? is_v6_char(*at) : is_name_char(*at)))
		at++;
	url->host = between(host, at);
	url->authority = between(begin, end);
	if (url->host.len == 0 || url->host.len > HTTP_HOST_LEN_MAX)
		return ERR_FORMAT;
	if (v6 && (at == end || *at++ != ']'))
		return ERR_FORMAT;
	return parse_port(&url->port, at, end);
}

enum err http_url_parse(struct http_url *out, const char *text)
{
	struct http_url url = {0};
	if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
		return ERR_FORMAT;
	const char *authority = text + strlen(SCHEME);
	const char *path = authority + strcspn(authority, "/?#");
	const char *query = path + strcspn(path, "?#");
	const char *end = query + strcspn(query, "#");
	for (const char *at = path; at < end; at++)
		if (*at <= ' ' || *at >= 0x7f)
			return ERR_FORMAT;
	TRY(parse_authority(&url, authority, path));
	url.path = between(path, query);
	url.query = between(query, end);
	*out = url;
	return OK;
}
