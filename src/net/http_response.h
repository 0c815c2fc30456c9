/* net/http_response: the answers of an HTTP/1.1 server, read as they come in. Private to net.
 *
 * Purpose: RFC 9112 from a client's side, strictly: what two readers could understand in two ways
 * is refused, for a kept connection's next answer depends on where this one ends. So: a line
 * ends in CR LF and nowhere else; no folded lines, no blanks before a colon; one Content-Length,
 * digits only; no transfer coding but one "chunked", never beside a Content-Length. Interim answers
 * (1xx) are passed over. A body without a length ends with the connection.
 * Invariants: pure; what comes out does not depend on how the input was cut into pieces; nothing is
 * allocated and nothing kept of the input.
 * Bounds: HTTP_RESPONSE_HEAD_MAX for heads, trailers and extensions of chunks together. The body's
 * bound is the caller's; a chunk's frame is some twenty bytes, and no chunk is without data.
 */
#ifndef NET_HTTP_RESPONSE_H
#define NET_HTTP_RESPONSE_H
#include "base/base.h"

#define HTTP_RESPONSE_HEAD_MAX (64u << 10)
#define HTTP_RESPONSE_NAME_MAX 17u /* of the headers that mean something to us */
#define HTTP_RESPONSE_LENGTH_UNKNOWN UINT64_MAX

struct http_response {
	bool head_only; /* in: the answer to a HEAD request */

	/* Once head_whole: */
	bool head_whole;
	unsigned status;
	uint64_t length; /* of the body, as announced; or HTTP_RESPONSE_LENGTH_UNKNOWN */
	bool keep_alive; /* the connection may carry another request afterwards */

	bool begun;       /* some byte has come */
	bool too_long;    /* what is wrong is a length */
	const char *flaw; /* what is wrong, for people: static; NULL: nothing */

	/* The parser's own. */
	uint8_t state, header;
	uint8_t text_len, digits;
	char text[HTTP_RESPONSE_NAME_MAX];
	bool minor; /* HTTP/1.1, not 1.0 */
	bool has_length, has_coding, close, keep;
	bool gap;          /* a blank after something of a value */
	uint32_t head_len; /* counted against the bound */
	uint64_t number;   /* being read: a length; or how much of the body or chunk is left */
};

/* head_only: the request was a HEAD. */
NONNULL_ALL void http_response_init(struct http_response *r, bool head_only);
/* Takes from the front of *in. *body: bytes of the body among what was taken, perhaps none; borrows
 * from the input. OK: the answer is whole; what is left of *in is not its. ERR_SHORT: not yet; call
 * again while any of *in is left, then with more. ERR_FORMAT: it never will be; see flaw. */
MUST_USE NONNULL_ALL enum err http_response_take(
	struct http_response *r, struct slice *in, struct slice *body);
/* No more comes. OK: that was the answer's end; ERR_SHORT: it is cut off. */
MUST_USE NONNULL_ALL enum err http_response_end(const struct http_response *r);

#endif
