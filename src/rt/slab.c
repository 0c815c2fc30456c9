#include "rt/slab.h"

#include "rt/prefetch.h"
#include "rt/region.h"
#include "rt/slab_depot.h"

#include <pthread.h>
#include <stdlib.h>

/* A line beside another's is fetched along with it: what threads write is kept two apart. */
#define APART (2 * CACHE_LINE)
#define FILLER_NONE UINT32_MAX /* objects that were never out */
/* From this size on objects lie one line further apart than their size: at multiples of a large
 * power of two they would compete for the same few places of the processor's caches. */
#define COLOUR_SIZE_MIN ((size_t)1 << 10)

struct class
{
	/* what every exchange writes */
	_Alignas(APART) struct slab_stack full;
	_Atomic uint64_t out; /* objects that are not in the depot */
	_Atomic uint64_t out_max;
	_Alignas(APART) struct slab_stack empty;
	/* never changes */
	_Alignas(APART) size_t size;
	size_t stride;
	uint32_t cap;         /* objects of a magazine */
	size_t magazine_size; /* its bytes */
	/* under the lock */
	uint64_t objects;
	uint64_t objects_max;
	uint64_t reserved;
	struct slab_magazine *partial; /* what closed caches left, less than cap */
};

/* Counted off the fast path. One writer each: the cache's thread. */
struct tally {
	_Atomic uint64_t remote;
	_Atomic uint64_t refilled;
	_Atomic uint64_t refused;
};

/* A cache's storage, made once and used by one thread after another. */
struct slot {
	_Alignas(APART) struct slab_cache cache;
	struct tally tallies[SLAB_CLASS_COUNT];
	struct slot *next_free;
};

struct slab {
	struct class classes[SLAB_CLASS_COUNT];
	struct region region;
	uint32_t caches_max;
	pthread_mutex_t lock; /* growth, and caches that come and go; never held by slab_free */
	/* under the lock */
	bool sealed;
	uint32_t slot_count; /* made */
	uint32_t open_count;
	struct slot **slots; /* caches_max of them, in the region */
	struct slot *free_slot;
};

static void lock(struct slab *s)
{
	CHECK(pthread_mutex_lock(&s->lock) == 0);
}

static void unlock(struct slab *s)
{
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

static size_t whole_lines(size_t size)
{
	return (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static struct tally *tally_of(struct slab_cache *c, uint32_t class)
{
	return &((struct slot *)(void *)c)->tallies[class];
}

static void count_one(_Atomic uint64_t *n, uint64_t more)
{
	atomic_store_explicit(
		n, atomic_load_explicit(n, memory_order_relaxed) + more, memory_order_relaxed);
}

/* ---- making ---- */

static struct slab_magazine *magazine_at(void *at)
{
	struct slab_magazine *m = at;
	atomic_init(&m->next, 0);
	m->filler = FILLER_NONE;
	m->count = 0;
	return m;
}

static void class_init(struct class *k, uint32_t class)
{
	const size_t fit = SLAB_MAGAZINE_BYTES / slab_class_size(class);
	k->size = slab_class_size(class);
	k->stride = k->size + SLAB_GUARD_BYTES;
	if (k->size >= COLOUR_SIZE_MIN && k->stride == k->size)
		k->stride += CACHE_LINE;
	k->cap = fit < SLAB_MAGAZINE_MIN  ? SLAB_MAGAZINE_MIN
		: fit > SLAB_MAGAZINE_MAX ? SLAB_MAGAZINE_MAX
					  : (uint32_t)fit;
	k->magazine_size = whole_lines(sizeof(struct slab_magazine) + k->cap * sizeof(void *));
	k->objects_max = UINT64_MAX;
}

static size_t slot_size(const struct class *classes)
{
	size_t size = sizeof(struct slot);
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++)
		size += 2 * classes[i].magazine_size;
	return (size + APART - 1) & ~(size_t)(APART - 1);
}

/* What the caches can hold back, and `partial`. */
static uint64_t slack_of(const struct class *k, uint32_t caches_max)
{
	return (uint64_t)k->cap * (2 * caches_max + 1);
}

/* The storage of everything but objects; it is touched when it is used. */
static enum err take_fixed(struct slab *s)
{
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
		void *at = region_take(&s->region, s->classes[i].magazine_size, CACHE_LINE);
		if (at == NULL)
			return ERR_FULL;
		s->classes[i].partial = magazine_at(at);
	}
	s->slots = region_take(&s->region, s->caches_max * sizeof *s->slots, CACHE_LINE);
	if (s->slots == NULL)
		return ERR_FULL;
	for (uint32_t i = 0; i < s->caches_max; i++) {
		s->slots[i] = region_take(&s->region, slot_size(s->classes), APART);
		if (s->slots[i] == NULL)
			return ERR_FULL;
	}
	return OK;
}

enum err slab_create(struct slab **out, const struct slab_config *config)
{
	if (config->bytes_max == 0 || config->bytes_max > SLAB_BYTES_MAX ||
		config->caches_max == 0 || config->caches_max > SLAB_CACHES_MAX)
		return ERR_RANGE;

	struct slab *s = aligned_alloc(_Alignof(struct slab), sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	memset(s, 0, sizeof *s);
	enum err err = region_init(&s->region, config->bytes_max, &config->pages);
	if (err != OK)
		goto out;
	s->caches_max = config->caches_max;
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++)
		class_init(&s->classes[i], i);
	err = take_fixed(s);
	if (err != OK) {
		region_fini(&s->region);
		goto out;
	}
	CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
	*out = s;
	return OK;
out:
	free(s);
	return err;
}

void slab_destroy(struct slab *s)
{
	if (s == NULL)
		return;
	CHECK(s->open_count == 0);
	CHECK(pthread_mutex_destroy(&s->lock) == 0);
	region_fini(&s->region);
	free(s);
}

const struct pages *slab_pages(const struct slab *s)
{
	return &s->region.pages;
}

/* ---- the depot ---- */

static void count_out(struct class *k, uint64_t count)
{
	const uint64_t out = atomic_fetch_add_explicit(&k->out, count, memory_order_relaxed) +
		count;
	uint64_t most = atomic_load_explicit(&k->out_max, memory_order_relaxed);
	while (out > most &&
		!atomic_compare_exchange_weak_explicit(
			&k->out_max, &most, out, memory_order_relaxed, memory_order_relaxed))
		continue;
}

/* Before the objects can be seen in the depot: `out` is never below what is out. */
static void count_back(struct class *k, uint64_t count)
{
	atomic_fetch_sub_explicit(&k->out, count, memory_order_relaxed);
}

static void give_empty(struct slab *s, struct class *k, struct slab_magazine *m)
{
	m->count = 0;
	slab_stack_push(&k->empty, m, s->region.pages.ptr);
}

static struct slab_magazine *take_empty(struct slab *s, struct class *k)
{
	struct slab_magazine *m = slab_stack_pop(&k->empty, s->region.pages.ptr);
	CHECK(m != NULL); /* slab_depot.h: there is always one */
	/* its lines are the other thread's; they come while the spare one is filled */
	for (size_t at = 0; at < k->magazine_size; at += CACHE_LINE)
		prefetch_write((uint8_t *)m + at);
	return m;
}

static void give_full(struct slab *s, struct class *k, struct slab_magazine *m, uint32_t filler)
{
	m->count = k->cap;
	m->filler = filler;
	slab_stack_push(&k->full, m, s->region.pages.ptr);
}

/* Under the lock: a magazine's worth of new objects, in a new magazine. NULL: the region is spent,
 * or the class has what it needs. */
static struct slab_magazine *grow(struct slab *s, struct class *k)
{
	if (k->objects >= k->objects_max)
		return NULL;
	uint8_t *at = region_take(&s->region, k->magazine_size + k->cap * k->stride, CACHE_LINE);
	if (at == NULL)
		return NULL;
	struct slab_magazine *m = magazine_at(at);
	uint8_t *object = at + k->magazine_size;
	/* the first is taken last from the array: objects go out in the order of their addresses */
	for (uint32_t i = k->cap; i-- > 0; object += k->stride) {
		slab_guard_make(object, k->size);
		m->object[i] = object;
	}
	m->count = k->cap;
	k->objects += k->cap;
	return m;
}

/* Faults a new magazine's objects in. Their bytes are zero or, guarded, written already. */
static void touch(const struct class *k, struct slab_magazine *m)
{
	const size_t bytes = k->cap * k->stride;
	volatile uint8_t *object = (volatile uint8_t *)m + k->magazine_size;
	if (SLAB_GUARD_BYTES > 0)
		return;
	for (size_t at = 0; at < bytes; at += pages_ordinary_size())
		object[at] = 0;
	object[bytes - 1] = 0;
}

enum err slab_reserve(struct slab *s, size_t size, size_t count)
{
	if (size == 0 || size > SLAB_SIZE_MAX || count > SLAB_BYTES_MAX)
		return ERR_RANGE;

	struct class *k = &s->classes[slab_class_of(size)];
	const uint64_t slack = slack_of(k, s->caches_max);
	enum err err = OK;
	lock(s);
	if (s->sealed)
		err = ERR_STATE;
	while (err == OK && k->objects < k->reserved + count + slack) {
		struct slab_magazine *m = grow(s, k);
		if (m == NULL) {
			err = ERR_FULL;
			break;
		}
		touch(k, m);
		give_full(s, k, m, FILLER_NONE);
	}
	if (err == OK)
		k->reserved += count;
	unlock(s);
	return err;
}

void slab_seal(struct slab *s)
{
	lock(s);
	s->sealed = true;
	unlock(s);
}

/* A region that holds the needs, whatever is lost to alignment. ERR_RANGE. */
static enum err bytes_needed(
	size_t *bytes, uint32_t caches_max, const struct slab_need *needs, size_t need_count)
{
	struct class classes[SLAB_CLASS_COUNT] = {0};
	size_t sum = caches_max * sizeof(struct slot *) + APART;
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
		class_init(&classes[i], i);
		sum += classes[i].magazine_size + CACHE_LINE;
	}
	sum += caches_max * slot_size(classes);
	for (size_t i = 0; i < need_count; i++) {
		if (needs[i].size == 0 || needs[i].size > SLAB_SIZE_MAX ||
			needs[i].count > SLAB_BYTES_MAX / needs[i].size)
			return ERR_RANGE;
		const struct class *k = &classes[slab_class_of(needs[i].size)];
		const size_t one = k->magazine_size + k->cap * k->stride;
		const size_t objects = needs[i].count + (size_t)slack_of(k, caches_max);
		sum += (objects + k->cap - 1) / k->cap * one;
	}
	*bytes = sum;
	return OK;
}

static enum err create_for(struct slab **out, uint32_t caches_max, const struct slab_need *needs,
	size_t need_count, const struct pages_options *pages)
{
	struct slab_config config = {.caches_max = caches_max, .pages = *pages};
	if (caches_max > SLAB_CACHES_MAX)
		return ERR_RANGE;
	TRY(bytes_needed(&config.bytes_max, caches_max, needs, need_count));
	return slab_create(out, &config);
}

enum err slab_create_on_demand(struct slab **out, uint32_t caches_max,
	const struct slab_need *needs, size_t need_count, const struct pages_options *pages)
{
	struct slab *s;
	TRY(create_for(&s, caches_max, needs, need_count, pages));
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++)
		s->classes[i].objects_max = 0;
	for (size_t i = 0; i < need_count; i++) {
		struct class *k = &s->classes[slab_class_of(needs[i].size)];
		k->reserved += needs[i].count;
		k->objects_max = k->reserved + slack_of(k, caches_max);
	}
	*out = s;
	return OK;
}

enum err slab_create_sized(struct slab **out, uint32_t caches_max, const struct slab_need *needs,
	size_t need_count, const struct pages_options *pages)
{
	struct slab *s;
	TRY(create_for(&s, caches_max, needs, need_count, pages));
	for (size_t i = 0; i < need_count; i++)
		/* the region was made for it */
		CHECK(slab_reserve(s, needs[i].size, needs[i].count) == OK);
	slab_seal(s);
	*out = s;
	return OK;
}

/* ---- a cache's slow path ---- */

static void load(struct slab_bin *bin, struct slab_magazine *m, uint64_t count)
{
	bin->loaded = m;
	atomic_store_explicit(&bin->count, (uint32_t)count, memory_order_relaxed);
}

static void swap_spare(struct slab_bin *bin)
{
	struct slab_magazine *m = bin->spare;
	const uint32_t count = atomic_load_explicit(&bin->count, memory_order_relaxed);
	const uint32_t spare = atomic_load_explicit(&bin->spare_count, memory_order_relaxed);
	bin->spare = bin->loaded;
	atomic_store_explicit(&bin->spare_count, count, memory_order_relaxed);
	load(bin, m, spare);
}

/* Off the depot's stack it was empty: what a closed cache left, or new objects. */
static struct slab_magazine *refill_locked(struct slab *s, struct class *k)
{
	/* it may have been filled while this thread waited */
	struct slab_magazine *m = slab_stack_pop(&k->full, s->region.pages.ptr);
	if (m == NULL && k->partial->count > 0) {
		m = k->partial;
		k->partial = take_empty(s, k);
	}
	if (m == NULL && !s->sealed)
		m = grow(s, k);
	return m;
}

static struct slab_magazine *refill(struct slab *s, struct class *k)
{
	struct slab_magazine *m = slab_stack_pop(&k->full, s->region.pages.ptr);
	if (m != NULL)
		return m;
	SLAB_PAUSE();
	lock(s);
	m = refill_locked(s, k);
	unlock(s);
	return m;
}

void *slab_alloc_slow(struct slab_cache *c, uint32_t class)
{
	struct slab *s = c->slab;
	struct class *k = &s->classes[class];
	struct slab_bin *bin = &c->bins[class];

	if (atomic_load_explicit(&bin->spare_count, memory_order_relaxed) > 0) {
		swap_spare(bin);
	} else {
		struct slab_magazine *m = refill(s, k);
		if (m == NULL) {
			count_one(&tally_of(c, class)->refused, 1);
			return NULL;
		}
		SLAB_PAUSE();
		count_out(k, m->count);
		count_one(&tally_of(c, class)->refilled, 1);
		if (m->filler != FILLER_NONE && m->filler != c->id) {
			prefetch_object(m, k->magazine_size);
			count_one(&tally_of(c, class)->remote, m->count);
		}
		give_empty(s, k, bin->loaded);
		load(bin, m, m->count);
	}
	const uint32_t count = atomic_load_explicit(&bin->count, memory_order_relaxed) - 1;
	atomic_store_explicit(&bin->count, count, memory_order_relaxed);
	return bin->loaded->object[count];
}

void slab_free_slow(struct slab_cache *c, void *ptr, uint32_t class)
{
	struct slab *s = c->slab;
	struct class *k = &s->classes[class];
	struct slab_bin *bin = &c->bins[class];

	if (atomic_load_explicit(&bin->spare_count, memory_order_relaxed) > 0) {
		struct slab_magazine *empty = take_empty(s, k);
		count_back(k, k->cap);
		SLAB_PAUSE();
		give_full(s, k, bin->spare, c->id);
		bin->spare = empty;
		atomic_store_explicit(&bin->spare_count, 0, memory_order_relaxed);
	}
	swap_spare(bin);
	CHECK(atomic_load_explicit(&bin->count, memory_order_relaxed) == 0);
	bin->loaded->object[0] = ptr;
	atomic_store_explicit(&bin->count, 1, memory_order_relaxed);
}

/* ---- caches ---- */

static void slot_init(struct slab *s, struct slot *slot, uint32_t id)
{
	uint8_t *at = (uint8_t *)(slot + 1);
	slot->cache.slab = s;
	slot->cache.id = id;
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
		struct slab_bin *bin = &slot->cache.bins[i];
		bin->cap = s->classes[i].cap;
		bin->loaded = magazine_at(at);
		bin->spare = magazine_at(at + s->classes[i].magazine_size);
		at += 2 * s->classes[i].magazine_size;
	}
}

enum err slab_cache_open(struct slab_cache **out, struct slab *s)
{
	lock(s);
	struct slot *slot = s->free_slot;
	if (slot != NULL) {
		s->free_slot = slot->next_free;
	} else if (s->slot_count < s->caches_max) {
		slot = s->slots[s->slot_count];
		slot_init(s, slot, s->slot_count);
		s->slot_count++;
	}
	if (slot != NULL)
		s->open_count++;
	unlock(s);
	if (slot == NULL)
		return ERR_FULL;
	*out = &slot->cache;
	return OK;
}

/* Under the lock: an object into the depot's partial magazine. */
static void pour(struct slab *s, struct class *k, void *object, uint32_t filler)
{
	k->partial->object[k->partial->count++] = object;
	k->partial->filler = filler;
	if (k->partial->count == k->cap) {
		give_full(s, k, k->partial, filler);
		k->partial = take_empty(s, k);
	}
}

static void drain(struct slab *s, struct slab_cache *c, uint32_t class)
{
	struct class *k = &s->classes[class];
	struct slab_bin *bin = &c->bins[class];
	for (int half = 0; half < 2; half++) {
		const uint32_t count = atomic_load_explicit(&bin->count, memory_order_relaxed);
		count_back(k, count);
		for (uint32_t i = 0; i < count; i++)
			pour(s, k, bin->loaded->object[i], c->id);
		atomic_store_explicit(&bin->count, 0, memory_order_relaxed);
		swap_spare(bin);
	}
}

void slab_cache_close(struct slab_cache *c)
{
	struct slab *s = c->slab;
	struct slot *slot = (struct slot *)(void *)c;
	lock(s);
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++)
		drain(s, c, i);
	slot->next_free = s->free_slot;
	s->free_slot = slot;
	CHECK(s->open_count > 0);
	s->open_count--;
	unlock(s);
}

/* ---- statistics ---- */

void slab_stats(struct slab *s, struct slab_stats out[SLAB_CLASS_COUNT])
{
	lock(s);
	for (uint32_t i = 0; i < SLAB_CLASS_COUNT; i++) {
		struct class *k = &s->classes[i];
		struct slab_stats *stats = &out[i];
		*stats = (struct slab_stats){.size = k->size, .objects = k->objects};
		for (uint32_t n = 0; n < s->slot_count; n++) {
			const struct slot *slot = s->slots[n];
			const struct slab_bin *bin = &slot->cache.bins[i];
			stats->cached += atomic_load_explicit(&bin->count, memory_order_relaxed) +
				atomic_load_explicit(&bin->spare_count, memory_order_relaxed);
			stats->remote += atomic_load_explicit(
				&slot->tallies[i].remote, memory_order_relaxed);
			stats->refilled += atomic_load_explicit(
				&slot->tallies[i].refilled, memory_order_relaxed);
			stats->refused += atomic_load_explicit(
				&slot->tallies[i].refused, memory_order_relaxed);
		}
		const uint64_t not_here = atomic_load_explicit(&k->out, memory_order_relaxed);
		/* of two readings that don't fit each other the later one is cut down */
		stats->live = not_here > stats->cached ? not_here - stats->cached : 0;
		stats->out_max = atomic_load_explicit(&k->out_max, memory_order_relaxed);
	}
	unlock(s);
}
