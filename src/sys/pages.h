/* sys/pages: memory in whole pages, on the largest pages that the system has.
 *
 * Tried in order, from what the caller wants down: pages of 1 GB and of 2 MB that the operator has
 * set aside (vm.nr_hugepages), pages of 2 MB that the system makes where it can (transparent
 * hugepages), ordinary pages. A smaller kind is no error: `kind` says which it became and `why` not
 * the one that was wanted, so that the caller can log one line (pages_describe). A kind that would
 * waste more than it is asked for (a region of less than half a page) is passed over.
 *
 * Invariants: ptr is aligned to the page of its kind (transparent: 2 MB); the bytes are zero;
 * size is what was asked for, rounded up to whole pages of the kind. Memory that pages_map handed
 * out never faults for want of hugepages later: pages set aside are faulted in at once, and the
 * next kind is taken where that fails. Of ordinary pages that can be promised only with `populate`.
 *
 * A guard, where asked for, is unreadable memory right before and right after the region.
 * NUMA: `node` is a preference. Where the system has no such node, or refuses, memory comes from
 * anywhere and `on_node` is false.
 *
 * Threads: all functions are safe from any thread. Ownership: the caller owns the region until
 * pages_unmap. Must not: be used for small things (rt/arena, rt/slab are for those).
 */
#ifndef SYS_PAGES_H
#define SYS_PAGES_H
#include "base/base.h"

#define PAGES_2M_SIZE ((size_t)2 << 20)
#define PAGES_1G_SIZE ((size_t)1 << 30)
#define PAGES_NODE_ANY (-1)
#define PAGES_NODES_MAX 1024 /* NUMA nodes that a request may name */
#define PAGES_TEXT_SIZE 192u /* of pages_describe's line, with its zero */

enum pages_kind { /* the smaller, the more common */
	PAGES_ORDINARY,
	PAGES_TRANSPARENT, /* advised: the system makes 2 MB pages of them as it has some free */
	PAGES_2M,
	PAGES_1G,
	PAGES_KIND_COUNT
};

struct pages_options {
	enum pages_kind want; /* the largest to try; PAGES_ORDINARY forbids all others */
	int node;             /* NUMA node, or PAGES_NODE_ANY */
	bool populate;        /* fault everything in now; a lack of memory is then an error now */
	bool guard;
};

struct pages {
	uint8_t *ptr;
	size_t size;
	enum pages_kind kind;
	bool on_node;    /* the node that was asked for is preferred */
	const char *why; /* not the wanted kind; static, NULL where it is */
	uint8_t *map;    /* with the guards; for pages_unmap */
	size_t map_size;
};

/* ERR_FULL: not even ordinary pages, or size is over what can be addressed. ERR_RANGE: a size of
 * zero, a node beyond PAGES_NODES_MAX. Outputs untouched on failure. */
MUST_USE NONNULL_ALL enum err pages_map(
	struct pages *out, size_t size, const struct pages_options *options);
NONNULL_ALL void pages_unmap(struct pages *p);

/* Memory that somebody else allocated, best before it is touched: of the whole 2 MB pages in it the
 * system makes some where it can. A large array that is read at random is found faster so; it then
 * takes memory in steps of that size. */
NONNULL_ALL void pages_advise(void *ptr, size_t size);

/* No region of this process gets larger pages than these, whatever it wants: an operator's switch,
 * and the tests'. Regions that exist keep theirs. Starts as PAGES_1G. */
void pages_limit(enum pages_kind most);

/* "2 MB pages", ...; static. */
const char *pages_kind_name(enum pages_kind kind);
/* "64 MiB on ordinary pages: ..." for a log. */
NONNULL_ALL void pages_describe(const struct pages *p, char text[PAGES_TEXT_SIZE]);

/* The size of an ordinary page. */
size_t pages_ordinary_size(void);

#endif
