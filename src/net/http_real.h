/* net/http_real: the client that really sends, and what its two ways have in common: connections of
 * our own for http:// (http_pool.h), libcurl for https:// (http_curl.h). Private to net.
 *
 * A call is open from its sending until http_open_end; its way embeds it first in a structure of
 * its own. Threads: the loop's. Ownership: the way makes a call and frees it when it has ended.
 */
#ifndef NET_HTTP_REAL_H
#define NET_HTTP_REAL_H
#include "net/http_calls.h"

struct http_real;
struct http_open;

struct http_way {
	/* What is under way for it stops; the way does not touch it until release. */
	void (*withdraw)(struct http_open *call);
	/* Frees it. It was withdrawn, or has come to its end by itself. */
	void (*release)(struct http_open *call);
};

struct http_open {
	struct http_real *client;
	const struct http_way *way;
	uint64_t id;
	http_answer_cb cb;
	void *ctx;
	const struct http_reader *reader; /* borrowed, or NULL */
	struct http_reader_args reader_args;

	uint8_t *answer; /* owned: the body so far; where it is given in parts, what was not yet */
	size_t answer_len, answer_cap, answer_max;

	http_part_cb part; /* NULL: the body is given as a whole */
	bool parts_due;    /* in the client's list of those that have something to give */
	struct http_open *parts_next;

	bool over; /* it ends in the next step, with this */
	enum err over_err;
	const char *over_detail; /* static */
	struct http_open *over_next;
};

struct http_real {
	struct http_client base;
	struct http_pool *pool;  /* owned */
	struct http_curl *curl;  /* owned */
	const char *ca_file;     /* borrowed, or NULL */
	struct loop_timer defer; /* set while `over` has something */
	struct http_open *over;
	struct loop_timer parts_timer; /* set while `parts` has something */
	struct http_open *parts;
	bool by_library, in_callback, closing;
};

/* Before it is open. */
void http_open_init(struct http_open *call, struct http_real *client, const struct http_way *way,
	const struct http_request *request, http_answer_cb cb, void *ctx);
/* Adds to the body. ERR_FULL: over the bound, or no memory. announced: how much there will be, or
 * UINT64_MAX. */
MUST_USE NONNULL_ALL enum err http_open_add(
	struct http_open *call, struct slice bytes, uint64_t announced);
/* The one place where a call ends: calls back, releases. From the loop, never from within a
 * function of the client. It was withdrawn, or came to its end. */
NONNULL_ALL void http_open_end(struct http_open *call, const struct http_answer *answer);
/* The same in the loop's next step. detail: static. */
NONNULL_ALL void http_open_end_later(struct http_open *call, enum err err, const char *detail);

#endif
