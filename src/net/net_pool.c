#include "net/net_pool.h"

#include <stdlib.h>

/* The larger, the rarer: one text in so many. */
static const struct {
	size_t size, one_in;
} texts_of[NET_TEXT_SIZES] = {{256, 1}, {2048, 1}, {(size_t)16 << 10, 8}, {NET_TEXT_MAX, 32}};
#define TEXTS_MIN 16u /* of each size */

_Static_assert(NET_TEXT_MAX <= SLAB_SIZE_MAX, "the largest text is an object of a slab");
_Static_assert(SLAB_CLASS_COUNT <= 64, "a bit for each class");

enum err net_pool_init(struct net_pool *p, const char *name, const struct slab_need *kind,
	size_t kinds, size_t texts)
{
	const struct pages_options pages = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY};
	struct slab_need need[NET_POOL_CLASSES_MAX];
	CHECK(kinds <= NET_OBJECT_KINDS_MAX);
	*p = (struct net_pool){.name = name};
	for (size_t i = 0; i < kinds; i++)
		need[i] = kind[i];
	for (size_t i = 0; i < NET_TEXT_SIZES; i++) {
		const size_t count = texts / texts_of[i].one_in;
		need[kinds + i] = (struct slab_need){
			.size = texts_of[i].size, .count = count < TEXTS_MIN ? TEXTS_MIN : count};
	}
	for (size_t i = 0; i < kinds + NET_TEXT_SIZES; i++)
		p->classes |= UINT64_C(1) << slab_class_of(need[i].size);
	TRY(slab_create_on_demand(&p->slab, LINK_SIDES, need, kinds + NET_TEXT_SIZES, &pages));
	for (int side = 0; side < LINK_SIDES; side++)
		CHECK(slab_cache_open(&p->cache[side], p->slab) == OK); /* made for as many */
	return OK;
}

void net_pool_fini(struct net_pool *p)
{
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	if (p->slab == NULL)
		return;
	for (int side = 0; side < LINK_SIDES; side++)
		slab_cache_close(p->cache[side]);
	for (uint32_t i = net_pool_stats(p, stats); i > 0; i--)
		CHECK(stats[i - 1].live == 0); /* what is out would be lost */
	slab_destroy(p->slab);
	p->slab = NULL;
}

void *net_pool_new(struct net_pool *p, enum link_side side, size_t size)
{
	void *object = slab_alloc(p->cache[side], size);
	if (object != NULL)
		memset(object, 0, size);
	return object;
}

void net_pool_delete(struct net_pool *p, enum link_side side, void *object, size_t size)
{
	slab_free(p->cache[side], object, size);
}

/* ---- texts ---- */

bool net_text_make(struct net_text *t, struct net_pool *p, enum link_side side, size_t size)
{
	struct net_text made = {.ptr = NULL};
	CHECK(size > 0);
	for (size_t i = 0; i < NET_TEXT_SIZES && made.ptr == NULL; i++) {
		if (size > texts_of[i].size)
			continue;
		made.cap = texts_of[i].size;
		made.ptr = slab_alloc(p->cache[side], made.cap);
	}
	if (size > NET_TEXT_MAX)
		made = (struct net_text){.ptr = malloc(size), .cap = size};
	if (made.ptr == NULL)
		return false;
	*t = made;
	return true;
}

bool net_text_grow(
	struct net_text *t, struct net_pool *p, enum link_side side, size_t used, size_t size)
{
	struct net_text more;
	CHECK(used <= t->cap);
	if (size <= t->cap)
		return true;
	if (!net_text_make(&more, p, side, size))
		return false;
	if (used > 0)
		memcpy(more.ptr, t->ptr, used);
	net_text_drop(t, p, side);
	*t = more;
	return true;
}

void net_text_drop(struct net_text *t, struct net_pool *p, enum link_side side)
{
	if (t->cap > NET_TEXT_MAX)
		free(t->ptr);
	else if (t->cap > 0)
		slab_free(p->cache[side], t->ptr, t->cap);
	*t = (struct net_text){.ptr = NULL};
}

uint32_t net_pool_stats(const struct net_pool *p, struct slab_stats out[NET_POOL_CLASSES_MAX])
{
	struct slab_stats all[SLAB_CLASS_COUNT];
	uint32_t count = 0;
	slab_stats(p->slab, all);
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++)
		if ((p->classes >> i & 1) != 0)
			out[count++] = all[i];
	return count;
}
