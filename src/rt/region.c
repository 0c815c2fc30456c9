#include "rt/region.h"

#include "base/poison.h"

enum err region_init(struct region *r, size_t bytes_max, const struct pages_options *options)
{
	struct pages pages;
	TRY(pages_map(&pages, bytes_max, options));
	r->pages = pages;
	atomic_init(&r->used, 0);
	memory_poison(pages.ptr, pages.size);
	return OK;
}

void region_fini(struct region *r)
{
	/* whoever gets these addresses next must find them usable */
	memory_unpoison(r->pages.ptr, r->pages.size);
	pages_unmap(&r->pages);
}

void *region_take(struct region *r, size_t size, size_t align)
{
	CHECK(align != 0 && (align & (align - 1)) == 0 && align <= PAGES_2M_SIZE);
	CHECK(((uintptr_t)r->pages.ptr & (align - 1)) == 0);
	const size_t cap = r->pages.size;
	const size_t begin = align > POISON_GRAIN ? align : POISON_GRAIN;
	/* relaxed: the count alone is shared; what is in a piece, its taker publishes */
	size_t used = region_used(r);
	size_t at;
	do {
		at = (used + begin - 1) & ~(begin - 1);
		if (at > cap || size > cap - at)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(
		&r->used, &used, at + size, memory_order_relaxed, memory_order_relaxed));
	memory_unpoison(r->pages.ptr + at, size);
	return r->pages.ptr + at;
}
