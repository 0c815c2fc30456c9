/* net/net_pool: what calls and exchanges are kept in: a slab (rt/slab) for each client and each
 * server, sized by how many of them there may be. Private to net, but for its statistics.
 *
 * Objects have a size that the compiler knows. Texts (requests, bodies, answers) come from the
 * smallest of NET_TEXT_SIZES that holds them; where that one has no room left, from the next. What
 * is longer than the largest is the heap's: among requests that is a transaction of over 30,000
 * bytes, and its copying is what costs.
 *
 * NULL is ERR_FULL, back-pressure. What one side took the other may give back: it goes home through
 * the slab.
 *
 * Threads: each side's functions are that side's thread's (net/link.h); with both sides on one
 * thread, its. Statistics: any. Ownership: as malloc's. Must not: outlive what it is part of; every
 * object is given back before net_pool_fini.
 */
#ifndef NET_NET_POOL_H
#define NET_NET_POOL_H
#include "net/link.h"
#include "rt/slab.h"

#define NET_OBJECT_KINDS_MAX 4u
#define NET_TEXT_SIZES 4u
#define NET_TEXT_MAX ((size_t)64 << 10)
#define NET_POOL_CLASSES_MAX (NET_OBJECT_KINDS_MAX + NET_TEXT_SIZES)

struct net_pool {
	const char *name;                     /* static; for metrics */
	struct slab *slab;                    /* owned */
	struct slab_cache *cache[LINK_SIDES]; /* owned */
	uint64_t classes;                     /* a bit for each that is used */
};

/* Objects of `kinds` sizes, as many of each as its need says, and texts for so many. ERR_FULL. */
MUST_USE NONNULL_ALL enum err net_pool_init(struct net_pool *p, const char *name,
	const struct slab_need *kind, size_t kinds, size_t texts);
/* One that was not set up, but zeroed, is nothing. */
NONNULL_ALL void net_pool_fini(struct net_pool *p);

/* Zeroed; size: one of the kinds'. */
MUST_USE NONNULL_ALL void *net_pool_new(struct net_pool *p, enum link_side side, size_t size);
NONNULL_ALL void net_pool_delete(
	struct net_pool *p, enum link_side side, void *object, size_t size);

/* Bytes, and how much room there is for them. */
struct net_text {
	uint8_t *ptr; /* owned; NULL: none */
	size_t cap;   /* 0: none */
};

/* Room for at least so much, 1 or more. False: none, and *t is as it was. */
MUST_USE NONNULL_ALL bool net_text_make(
	struct net_text *t, struct net_pool *p, enum link_side side, size_t size);
/* The same for one that has `used` bytes already, which are kept. */
MUST_USE NONNULL_ALL bool net_text_grow(
	struct net_text *t, struct net_pool *p, enum link_side side, size_t used, size_t size);
/* One that is none is left alone; it is none afterwards. */
NONNULL_ALL void net_text_drop(struct net_text *t, struct net_pool *p, enum link_side side);

/* The classes that are used, each with its count; for metrics, from any thread. */
NONNULL_ALL uint32_t net_pool_stats(
	const struct net_pool *p, struct slab_stats out[NET_POOL_CLASSES_MAX]);

#endif
