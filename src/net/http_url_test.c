/* URLs of nodes: what is taken apart, and what is refused. */
#include "net/http_url.h"

#include <stdio.h>

static bool is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

int main(void)
{
	static const struct {
		const char *text, *host, *authority, *path, *query;
		uint16_t port;
	} good[] = {
		{"http://127.0.0.1:8332/", "127.0.0.1", "127.0.0.1:8332", "/", "", 8332},
		{"http://bitcoind", "bitcoind", "bitcoind", "", "", 80},
		{"http://a-b_c.D9:1?x=/y#z", "a-b_c.D9", "a-b_c.D9:1", "", "?x=/y", 1},
		{"http://[::1]/wallet/a%20b?c#d?e", "::1", "[::1]", "/wallet/a%20b", "?c", 80},
		{"http://[fe80::ffff:1.2.3.4]:65535/~", "fe80::ffff:1.2.3.4",
			"[fe80::ffff:1.2.3.4]:65535", "/~", "", 65535},
	};
	static const char *const bad[] = {
		"",
		"http:",
		"http://",
		"http:///path",
		"https://a/",
		"HTTP://a/",
		"ftp://a/",
		"http://:80/",
		"http://a:/",
		"http://a:0/",
		"http://a:65536/",
		"http://a:99999999999/",
		"http://a:8o/",
		"http://a:80:80/",
		"http://a:-1/",
		"http://user@a/",
		"http://user:password@a/",
		"http://a b/",
		"http://a/b c",
		"http://a/b\r\nX: y",
		"http://a/b\tc",
		"http://a/\x7f",
		"http://\xc3\xa4/",
		"http://a/\xc3\xa4",
		"http://[::1",
		"http://[]/",
		"http://[::1]x/",
		"http://[::1%25eth0]/",
		"http://::1/",
		"http://[a]g/",
		"http://a%41/",
	};
	struct http_url url;
	char name[7 + HTTP_HOST_LEN_MAX + 2] = "http://";
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(http_url_parse(&url, good[i].text) == OK);
		CHECK(is(url.host, good[i].host) && is(url.authority, good[i].authority));
		CHECK(is(url.path, good[i].path) && is(url.query, good[i].query));
		CHECK(url.port == good[i].port);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (http_url_parse(&url, bad[i]) != ERR_FORMAT)
			(void)fprintf(stderr, "%s\n", bad[i]);
		CHECK(http_url_parse(&url, bad[i]) == ERR_FORMAT);
	}
	memset(name + 7, 'a', HTTP_HOST_LEN_MAX);
	CHECK(http_url_parse(&url, name) == OK);
	name[7 + HTTP_HOST_LEN_MAX] = 'a';
	CHECK(http_url_parse(&url, name) == ERR_FORMAT);
	return 0;
}
