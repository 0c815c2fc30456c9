/* sys/resolve: names of hosts into addresses, without making a loop wait.
 *
 * The system's resolver blocks, for seconds where a server is silent, and can't be stopped. So each
 * lookup has a thread of its own for as long as it takes; few at once, the others wait for their
 * turn. Who stops waiting leaves the thread to end by itself.
 *
 * Threads: every function and every callback on the loop's. Ownership: the resolver borrows the
 * loop and goes before it. Bounds: RESOLVE_THREADS_MAX, RESOLVE_WAITING_MAX; ERR_FULL beyond.
 * It must not: keep answers; how long one is good is for who asked to decide.
 */
#ifndef SYS_RESOLVE_H
#define SYS_RESOLVE_H
#include "sys/loop.h"
#include "sys/sock.h"

#define RESOLVE_THREADS_MAX 4u
#define RESOLVE_WAITING_MAX 1024u
#define RESOLVE_NAME_LEN_MAX 253u
#define RESOLVE_ADDRESSES_MAX 8u /* of one name; more are left out */

struct resolver;

struct resolve_answer {
	/* OK: count >= 1. ERR_NOT_FOUND: there is no such name, or it has no address;
	 * ERR_UNAVAILABLE: nobody could say. */
	enum err err;
	const char *detail; /* why, for people */
	/* Numeric, in the order in which they are best tried (RFC 6724, families in turn). */
	char address[RESOLVE_ADDRESSES_MAX][SOCK_ADDRESS_SIZE];
	uint32_t count;
};

typedef void (*resolve_cb)(void *ctx, const struct resolve_answer *answer);
/* The lookup itself; runs on a thread of its own. *answer is zeroed before. */
typedef void (*resolve_fn)(const char *name, struct resolve_answer *answer);

/* Returns owned. lookup NULL: the system's. ERR_FULL. */
MUST_USE enum err resolver_create(struct resolver **out, struct loop *loop, resolve_fn lookup);
/* Does not wait; no callback comes any more. NULL does nothing. */
void resolver_destroy(struct resolver *r);
/* One callback follows. ERR_FULL; ERR_FORMAT: an empty or too long name. */
MUST_USE enum err resolver_ask(struct resolver *r, const char *name, resolve_cb cb, void *ctx);

#endif
