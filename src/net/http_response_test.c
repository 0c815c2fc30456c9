/* The parser of answers: what it takes and refuses, cut into pieces at every place. */
#include "net/http_response.h"

#include <stdio.h>
#include <stdlib.h>

#define H11 "HTTP/1.1 200 OK\r\n"

struct outcome {
	enum err err;
	unsigned status;
	uint64_t length;
	bool keep_alive, too_long, begun;
	size_t left; /* of the input, behind the answer */
	size_t body_len;
	char body[4096];
};

/* Feeds one piece; false when it is over. */
static bool feed(struct http_response *r, struct outcome *o, struct slice piece)
{
	while (piece.len > 0) {
		struct slice body;
		o->err = http_response_take(r, &piece, &body);
		CHECK(body.len <= sizeof o->body - o->body_len);
		if (body.len > 0)
			memcpy(o->body + o->body_len, body.ptr, body.len);
		o->body_len += body.len;
		if (o->err != ERR_SHORT) {
			o->left = piece.len;
			return false;
		}
	}
	return true;
}

static void finish(const struct http_response *r, struct outcome *o)
{
	if (o->err == ERR_SHORT)
		o->err = http_response_end(r) == OK ? OK : ERR_SHORT;
	o->status = r->head_whole ? r->status : 0;
	o->length = r->head_whole ? r->length : 0;
	o->keep_alive = r->head_whole && r->keep_alive;
	o->too_long = r->too_long;
	o->begun = r->begun;
	CHECK((r->flaw != NULL) == (o->err == ERR_FORMAT));
}

/* In three pieces, cut at a and b; then the connection ends. */
static struct outcome parse_cut(struct slice in, bool head_only, size_t a, size_t b)
{
	struct http_response r;
	struct outcome o = {.err = ERR_SHORT};
	http_response_init(&r, head_only);
	const struct slice piece[] = {
		slice_of(in.ptr, a), slice_of(in.ptr + a, b - a), slice_of(in.ptr + b, in.len - b)};
	for (size_t i = 0; i < ARRAY_LEN(piece); i++) {
		if (feed(&r, &o, piece[i]))
			continue;
		for (size_t k = i + 1; k < ARRAY_LEN(piece); k++)
			o.left += piece[k].len;
		break;
	}
	finish(&r, &o);
	return o;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	CHECK(a->err == b->err && a->status == b->status && a->length == b->length);
	CHECK(a->keep_alive == b->keep_alive && a->too_long == b->too_long && a->begun == b->begun);
	/* where it is refused, what came of the body before depends on the pieces of it */
	if (a->err == ERR_FORMAT)
		return;
	CHECK(a->left == b->left && a->body_len == b->body_len);
	CHECK(memcmp(a->body, b->body, a->body_len) == 0);
}

/* At once, byte by byte, and in every cut into three. */
static struct outcome parse(struct slice in, bool head_only)
{
	const struct outcome whole = parse_cut(in, head_only, in.len, in.len);
	struct http_response r;
	struct outcome bytes = {.err = ERR_SHORT};
	http_response_init(&r, head_only);
	for (size_t i = 0; i < in.len; i++) {
		if (feed(&r, &bytes, slice_of(in.ptr + i, 1)))
			continue;
		bytes.left = in.len - i - 1;
		break;
	}
	finish(&r, &bytes);
	check_same(&whole, &bytes);
	for (size_t a = 0; a <= in.len; a++) {
		for (size_t b = a; b <= in.len; b++) {
			const struct outcome cut = parse_cut(in, head_only, a, b);
			check_same(&whole, &cut);
		}
	}
	return whole;
}

static void test_good(void)
{
	static const struct {
		const char *in;
		unsigned status;
		const char *body;
		bool keep_alive;
		size_t left;
	} row[] = {
		{H11 "Content-Length: 5\r\n\r\nhello", 200, "hello", true, 0},
		{H11 "content-LENGTH:5\r\n\r\nhelloHTTP", 200, "hello", true, 4},
		{H11 "Content-Length: \t 0005 \t\r\n\r\nhello", 200, "hello", true, 0},
		{H11 "Content-Length: 0\r\n\r\n", 200, "", true, 0},
		{H11 "X-Empty:\r\nContent-Length: 0\r\n\r\nx", 200, "", true, 1},
		{H11 "\r\nuntil the end", 200, "until the end", false, 0},
		{H11 "\r\n", 200, "", false, 0},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false, 0},
		{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", 200,
			"x", true, 0},
		{H11 "Connection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false, 0},
		{H11 "Connection: foo , ClOsE\r\nContent-Length: 1\r\n\r\nx", 200, "x", false, 0},
		{H11 "Connection: close                         \r\nContent-Length: 1\r\n\r\nx",
			200, "x", false, 0},
		{H11 "Connection: ,,keep-alive,\r\nContent-Length: 1\r\n\r\nx", 200, "x", true, 0},
		{H11 "Connection: closed, not close\r\nContent-Length: 1\r\n\r\nx", 200, "x", true,
			0},
		{H11 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHT", 200, "hello",
			true, 2},
		{H11 "Transfer-Encoding: Chunked \r\n\r\n3\r\nhel\r\n02;a=\"b\"\r\nlo\r\n000\r\n"
		     "Digest: x\r\nY:\r\n\r\n",
			200, "hello", true, 0},
		{H11 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "", true, 0},
		{H11 "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n"
		     "\r\n",
			200, "01234567890123456789", true, 0},
		{"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, 0},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", true, 0},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", 204, "", false, 3},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 300\r\n\r\nHTTP", 304, "", true, 4},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nConnection: close"
		 "\r\nContent-Length: 7\r\n\r\n" H11 "Content-Length: 2\r\n\r\nok",
			200, "ok", true, 0},
		{"HTTP/1.1 503\r\nContent-Length: 2\r\n\r\nno", 503, "no", true, 0},
		{"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", 599, "", true, 0},
		{"HTTP/1.1 500 \xc3\xa4 \t!\r\nX: \xff\r\nContent-Length: 0\r\n\r\n", 500, "", true,
			0},
	};
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const struct outcome o = parse(slice_str(row[i].in), false);
		if (o.err != OK)
			(void)fprintf(stderr, "row %zu\n", i);
		CHECK(o.err == OK && o.status == row[i].status && o.begun);
		CHECK(o.body_len == strlen(row[i].body));
		CHECK(memcmp(o.body, row[i].body, o.body_len) == 0);
		CHECK(o.keep_alive == row[i].keep_alive && o.left == row[i].left);
	}
}

static void check_bad(const char *const *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct outcome o = parse(slice_str(row[i]), false);
		if (o.err != ERR_FORMAT)
			(void)fprintf(stderr, "row %zu: %s\n", i, row[i]);
		CHECK(o.err == ERR_FORMAT && !o.too_long);
	}
}

static void test_bad_heads(void)
{
	static const char *const row[] = {
		"GET / HTTP/1.1\r\n",
		"\r\n" H11,
		" " H11,
		"http/1.1 200 OK\r\n",
		"HTTP/2.0 200 OK\r\n",
		"HTTP/1.2 200 OK\r\n",
		"HTTP/1.11 200 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		"HTTP/1.1\t200 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 -20 OK\r\n",
		"HTTP/1.1 099 OK\r\n",
		"HTTP/1.1 600 OK\r\n",
		"HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 200 OK\n",
		"HTTP/1.1 200 OK\rX",
		"HTTP/1.1 200 O\1K\r\n",
		H11 "X: y\nZ: z\r\n",
		H11 "X: y\rz\r\n",
		H11 "X: y\r\r\n",
		H11 "X: y\r\n folded\r\n",
		H11 " X: y\r\n",
		H11 "X : y\r\n",
		H11 "X\r\n",
		H11 ": y\r\n",
		H11 "X\x80: y\r\n",
		H11 "X: \x7f\r\n",
		H11 "\n",
		H11 "\r\r\n",
	};
	check_bad(row, ARRAY_LEN(row));
	const struct outcome zero = parse(slice_of("HTTP/1.1 200 O\0K\r\n", 18), false);
	CHECK(zero.err == ERR_FORMAT);
}

/* Where the body ends is said twice, wrongly, or not at all. */
static void test_bad_lengths(void)
{
	static const char *const row[] = {
		H11 "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		H11 "Content-Length: 5, 5\r\n\r\n",
		H11 "Content-Length: 5 5\r\n\r\n",
		H11 "Content-Length: +5\r\n\r\n",
		H11 "Content-Length: 0x5\r\n\r\n",
		H11 "Content-Length: -1\r\n\r\n",
		H11 "Content-Length:\r\n\r\n",
		H11 "Content-Length: \r\n\r\n",
		H11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		H11 "Transfer-Encoding: gzip, chunked\r\n\r\n",
		H11 "Transfer-Encoding: chunked, chunked\r\n\r\n",
		H11 "Transfer-Encoding: chunked;x\r\n\r\n",
		H11 "Transfer-Encoding: xchunked\r\n\r\n",
		H11 "Transfer-Encoding: chun ked\r\n\r\n",
		H11 "Transfer-Encoding:\r\n\r\n",
		H11 "Transfer-Encoding: identity\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n 5\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello",
		H11 "Transfer-Encoding: chunked\r\n\r\n-5\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n0x5\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n;x\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n5\nhello",
		H11 "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
		H11 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello",
		H11 "Transfer-Encoding: chunked\r\n\r\n0\r\n folded\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n0\r\nno header\r\n\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
		H11 "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
	};
	check_bad(row, ARRAY_LEN(row));
}

/* Every beginning of an answer with a length is short, and says so at the end. */
static void test_cut_off(void)
{
	static const char *const row[] = {
		H11 "Content-Length: 5\r\n\r\nhello",
		H11 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		for (size_t len = 0; len < strlen(row[i]); len++) {
			const struct outcome o = parse_cut(slice_of(row[i], len), false, len, len);
			CHECK(o.err == ERR_SHORT && o.begun == (len > 0));
		}
	}
}

static void test_head_only(void)
{
	const struct outcome o = parse(slice_str(H11 "Content-Length: 500\r\n\r\nHTTP"), true);
	CHECK(o.err == OK && o.length == 500 && o.body_len == 0 && o.left == 4 && o.keep_alive);
	const struct outcome c = parse(slice_str(H11 "Transfer-Encoding: chunked\r\n\r\n"), true);
	CHECK(c.err == OK && c.length == HTTP_RESPONSE_LENGTH_UNKNOWN && c.left == 0);
}

/* begin, then unit again and again: refused as too long once the bound is passed, not before. */
static void test_bound(const char *begin, const char *unit, size_t bound)
{
	struct http_response r;
	struct outcome o = {.err = ERR_SHORT};
	size_t fed = 0;
	http_response_init(&r, false);
	CHECK(feed(&r, &o, slice_str(begin)));
	while (feed(&r, &o, slice_str(unit)))
		fed += strlen(unit);
	finish(&r, &o);
	CHECK(o.err == ERR_FORMAT && o.too_long);
	/* a chunk's own line does not count: hence the few bytes more */
	CHECK(fed <= bound);
	CHECK(bound < HTTP_RESPONSE_HEAD_MAX || fed + strlen(begin) + strlen(unit) >= bound);
}

static void test_bounds(void)
{
	test_bound("HTTP/1.1 200 ", "aaaa", HTTP_RESPONSE_HEAD_MAX);
	test_bound(H11, "aaaaa", HTTP_RESPONSE_HEAD_MAX);
	test_bound(H11 "X: ", "bbb", HTTP_RESPONSE_HEAD_MAX);
	test_bound(H11, "Filler: 0123456789\r\n", HTTP_RESPONSE_HEAD_MAX);
	test_bound("", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_RESPONSE_HEAD_MAX);
	test_bound(
		H11 "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", HTTP_RESPONSE_HEAD_MAX);
	test_bound(H11 "Transfer-Encoding: chunked\r\n\r\n5;", "ext", HTTP_RESPONSE_HEAD_MAX);
	test_bound(H11 "Transfer-Encoding: chunked\r\n\r\n", "0", 64);
	test_bound(H11 "Content-Length: ", "9", 64);
	struct outcome o = parse(
		slice_str(H11 "Content-Length: 9223372036854775808\r\n\r\n"), false);
	CHECK(o.err == ERR_FORMAT && o.too_long);
	o = parse(slice_str(H11 "Content-Length: 9223372036854775807\r\n\r\n"), false);
	CHECK(o.err == ERR_SHORT && o.length == INT64_MAX);
	o = parse(slice_str(H11 "Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n"), false);
	CHECK(o.err == ERR_FORMAT && o.too_long);
}

/* An answer that is whole or broken stays so. */
static void test_over_is_over(void)
{
	struct http_response r;
	struct slice in = slice_str(H11 "Content-Length: 0\r\n\r\n"), body;
	http_response_init(&r, false);
	CHECK(http_response_take(&r, &in, &body) == OK && in.len == 0);
	in = slice_str(H11);
	CHECK(http_response_take(&r, &in, &body) == OK && in.len == strlen(H11) && body.len == 0);
	http_response_init(&r, false);
	in = slice_str("x");
	CHECK(http_response_take(&r, &in, &body) == ERR_FORMAT);
	in = slice_str(H11);
	CHECK(http_response_take(&r, &in, &body) == ERR_FORMAT && r.flaw != NULL);
	CHECK(http_response_end(&r) == ERR_SHORT);
}

int main(void)
{
	test_good();
	test_bad_heads();
	test_bad_lengths();
	test_cut_off();
	test_head_only();
	test_bounds();
	test_over_is_over();
	return 0;
}
