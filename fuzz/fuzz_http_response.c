/* An answer comes out the same in whatever pieces it comes in, and no byte of it is touched twice
 * or never. The first byte of the input says how it is cut. */
#include "net/http_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	enum err err;
	size_t taken, body;
	uint64_t hash; /* of the body */
};

static void add(struct sum *s, struct slice body)
{
	for (size_t i = 0; i < body.len; i++)
		s->hash = (s->hash ^ body.ptr[i]) * UINT64_C(0x100000001b3);
	s->body += body.len;
}

static void parse(struct http_response *r, struct sum *s, struct slice in, size_t step)
{
	*s = (struct sum){.err = ERR_SHORT};
	while (s->err == ERR_SHORT && s->taken < in.len) {
		const size_t left = in.len - s->taken;
		struct slice piece = slice_of(in.ptr + s->taken, left < step ? left : step), body;
		const size_t before = piece.len;
		s->err = http_response_take(r, &piece, &body);
		CHECK(piece.len < before || s->err != ERR_SHORT);
		CHECK(body.len == 0 ||
			(body.ptr >= in.ptr + s->taken && body.ptr + body.len <= piece.ptr));
		add(s, body);
		s->taken += before - piece.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_response whole, cut;
	struct sum a, b;
	if (size == 0)
		return 0;
	const struct slice in = slice_of(data + 1, size - 1);
	http_response_init(&whole, (data[0] & 1) != 0);
	http_response_init(&cut, (data[0] & 1) != 0);
	parse(&whole, &a, in, SIZE_MAX);
	parse(&cut, &b, in, (size_t)(data[0] >> 1) + 1);
	CHECK(a.err == b.err && (a.err == ERR_FORMAT) == (whole.flaw != NULL));
	CHECK(whole.head_whole == cut.head_whole &&
		http_response_end(&whole) == http_response_end(&cut));
	if (whole.head_whole)
		CHECK(whole.status == cut.status && whole.keep_alive == cut.keep_alive &&
			whole.length == cut.length && whole.status >= 200 && whole.status < 600);
	if (a.err == ERR_FORMAT)
		return 0;
	CHECK(a.taken == b.taken && a.body == b.body && a.hash == b.hash);
	CHECK(a.err == OK || a.taken == in.len);
	if (a.err == OK && whole.length != HTTP_RESPONSE_LENGTH_UNKNOWN && a.body > 0)
		CHECK(a.body == whole.length);
	return 0;
}
