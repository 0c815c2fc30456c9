/* net/link: objects with a half on each of two threads, and how the halves tell each other things.
 * Private to net.
 *
 * One side is the owner's thread (in the daemon: the engine's), the other the network's. What one
 * side wants the other to look at, it posts: bits in the object, and the object on the ring to that
 * side. An object that is on a ring already is not put there again; its bits are added to, and
 * taken all at once. So each object is on each ring once at most, and a ring with a place for each
 * object is never full: what is bounded is the number of objects (link_enter, which is where a
 * caller is told to back off), and the posts of an object that exists cannot fail.
 *
 * Invariants: what was written before a post is seen by who takes it; objects are taken in the
 * order in which they came on the ring; a post is taken, however late, and once. An object may be
 * freed by one side when the other's last post was taken and it has posted nothing itself that was
 * not.
 *
 * A wake-up of the other thread is a system call, so that posts only make a note, and one wake-up
 * follows when the poster's loop turns. A lazy post asks for none: it waits for the next one, which
 * comes at the latest when link_enter finds no place.
 *
 * With no network thread (net NULL) both sides are on one: a post is a call of the other side's
 * take, from inside.
 *
 * Threads: each function says whose. Must not: block, except link_create and link_close.
 */
#ifndef NET_LINK_H
#define NET_LINK_H
#include <stdatomic.h>

#include "base/base.h"

struct net_thread;
struct link;

enum link_side { LINK_OWNER, LINK_NET, LINK_SIDES };

struct link_item {
	_Atomic uint32_t
		posted[LINK_SIDES];    /* [POST] to that side, not taken; 0: not on its ring */
	uint64_t since_ns[LINK_SIDES]; /* the first of them: the poster's, then the taker's */
	bool fresh;                    /* nobody but its maker has looked at it */
};

/* On the side's own thread. */
typedef void (*link_take_cb)(void *ctx, struct link_item *item, uint32_t bits);

struct link_end {
	const char *name; /* of the ring to this side, for metrics: "http_requests" */
	link_take_cb take;
	void *ctx;
	uint32_t fresh_max; /* objects that this side has not looked at yet; 0: depth */
};

struct link_config {
	struct net_thread *net; /* NULL: both sides on the owner's thread. Outlives the link */
	uint32_t depth;         /* objects at most */
	struct link_end end[LINK_SIDES];
};

/* The owner's. Returns owned. ERR_FULL: no memory, or too many links. */
MUST_USE NONNULL_ALL enum err link_create(struct link **out, const struct link_config *config);
/* The owner's: the network's side posts nothing any more. Takes what is left on both rings, on this
 * thread, and from here on both sides are on it. */
NONNULL_ALL void link_close(struct link *l);
/* After link_close, when every object has left. */
void link_destroy(struct link *l);

/* The side that makes objects, always the same one: one more, of which the first post, to `to`,
 * follows. ERR_FULL: depth objects are there, or the other side has not looked at fresh_max yet. */
MUST_USE NONNULL_ALL enum err link_enter(struct link *l, enum link_side to, struct link_item *item);
/* Any side: the object is about to be freed. */
NONNULL_ALL void link_leave(struct link *l);
NONNULL_ALL uint32_t link_count(const struct link *l);

/* The other side's thread than `to`. bits is not 0. */
NONNULL_ALL void link_post(
	struct link *l, enum link_side to, struct link_item *item, uint32_t bits);
NONNULL_ALL void link_post_lazily(
	struct link *l, enum link_side to, struct link_item *item, uint32_t bits);
/* Adds bits to a post of exactly `posted` that was not taken yet; false: it was. */
MUST_USE NONNULL_ALL bool link_amend(
	struct link *l, enum link_side to, struct link_item *item, uint32_t posted, uint32_t bits);

/* Takes up to LINK_BATCH of what was posted to this side, on its thread; false: there is more. */
#define LINK_BATCH 256u
MUST_USE NONNULL_ALL bool link_drain(struct link *l, enum link_side side);

/* A ring, for metrics; from any thread. */
struct link_stat {
	const char *name;
	uint64_t posted, refused, amended, wait_ns_sum, wait_ns_max;
	uint32_t depth, waiting, waiting_peak;
};
NONNULL_ALL void link_stat(const struct link *l, enum link_side to, struct link_stat *out);

#endif
