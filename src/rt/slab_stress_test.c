/* Pools under threads that free what others allocated, at random and with delays at random: nothing
 * is lost, nothing has two owners, and the statistics add up. */
#include "rt/slab.h"

#include "rt/region.h"
#include "rt/slab_depot.h"
#include "sys/thread.h"

#include <sched.h>
#include <stdlib.h>

enum {
	THREADS = 4,
	SHELF = 512,
	STEPS = 60000,
	REOPEN_EVERY = 4096,
	PAUSE_EVERY = 16,
	PAUSE_TURNS = 256,
	YIELD_EVERY = 2048
};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* Called where threads can get between each other's steps (SLAB_PAUSE). Most delays are turns of
 * the processor; a yield costs a time slice of everybody else's where a machine is full, so few
 * are. */
void slab_stress_pause(void);
void slab_stress_pause(void)
{
	static _Atomic uint64_t seed;
	static _Thread_local uint64_t random;
	if (random == 0)
		random = atomic_fetch_add_explicit(&seed, 1, memory_order_relaxed) + 1;
	const uint32_t dice = next_random(&random);
	if (dice % YIELD_EVERY == 0)
		(void)sched_yield();
	else if (dice % PAUSE_EVERY == 0)
		for (uint32_t turns = dice / PAUSE_EVERY % PAUSE_TURNS; turns > 0; turns--)
			cpu_relax();
}

/* ---- whole pools ---- */

/* What every object holds while it is live: who wrote it, which one it was, and both again at its
 * end. */
struct label {
	uint64_t size;
	uint64_t serial;
};

struct shop {
	struct slab *slab;
	_Atomic(struct label *) shelf[SHELF]; /* live objects that nobody holds */
};

struct trader {
	struct shop *shop;
	uint64_t random;
	uint64_t serial;
	uint64_t traded; /* objects freed */
};

static const size_t sizes[] = {64, 72, 200, 1024, 4096, 20000};

static struct label *label_end(struct label *object, size_t size)
{
	return (void *)((uint8_t *)object + (size & ~(size_t)15) - sizeof(struct label));
}

static struct label *buy(struct trader *t, struct slab_cache *c)
{
	const size_t size = sizes[next_random(&t->random) % ARRAY_LEN(sizes)];
	struct label *object = slab_alloc(c, size);
	if (object == NULL)
		return NULL;
	*object = (struct label){.size = size, .serial = t->serial++};
	*label_end(object, size) = *object;
	return object;
}

static void sell(struct trader *t, struct slab_cache *c, struct label *object)
{
	const struct label label = *object;
	const struct label end = *label_end(object, label.size);
	CHECK(end.size == label.size && end.serial == label.serial);
	/* a second owner would find this, or overwrite it */
	*object = *label_end(object, label.size) = (struct label){.size = SIZE_MAX};
	slab_free(c, object, label.size);
	t->traded++;
}

static void trade(void *ctx)
{
	struct trader *t = ctx;
	struct shop *shop = t->shop;
	struct slab_cache *c;
	CHECK(slab_cache_open(&c, shop->slab) == OK);
	for (size_t step = 1; step <= STEPS; step++) {
		struct label *object = next_random(&t->random) % 3 == 0 ? NULL : buy(t, c);
		const size_t place = next_random(&t->random) % SHELF;
		/* [SHELF] acq_rel: pairs with itself: the label of what is taken off */
		object = atomic_exchange_explicit(
			&shop->shelf[place], object, memory_order_acq_rel);
		slab_stress_pause();
		if (object != NULL)
			sell(t, c, object);
		if (step % REOPEN_EVERY == 0) {
			slab_cache_close(c);
			CHECK(slab_cache_open(&c, shop->slab) == OK);
		}
	}
	slab_cache_close(c);
}

/* Everything that was ever made can be allocated once, and once only. */
static void check_complete(struct slab *s)
{
	struct slab_stats stats[SLAB_CLASS_COUNT];
	struct slab_cache *c;
	slab_stats(s, stats);
	CHECK(slab_cache_open(&c, s) == OK);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct slab_stats *k = &stats[slab_class_of(sizes[i])];
		void **last = NULL, **object;
		uint64_t count = 0;
		CHECK(k->live == 0 && k->cached == 0);
		for (; (object = slab_alloc(c, sizes[i])) != NULL; last = object, count++) {
			object[0] = last;
			object[1] = s; /* "seen" */
		}
		CHECK(count == k->objects);
		for (; last != NULL; last = object, count--) {
			object = last[0];
			CHECK(last[1] == s); /* no: it came twice */
			last[1] = NULL;
			slab_free(c, last, sizes[i]);
		}
		CHECK(count == 0);
	}
	slab_cache_close(c);
}

static void test_trade(size_t bytes_max)
{
	const struct slab_config config = {.bytes_max = bytes_max,
		.caches_max = THREADS,
		.pages = {.want = PAGES_2M, .node = PAGES_NODE_ANY}};
	static struct shop shop;
	struct trader traders[THREADS];
	struct thread threads[THREADS];
	struct slab_stats stats[SLAB_CLASS_COUNT];
	struct slab_cache *c;
	struct trader last = {0};
	uint64_t bought = 0, sold = 0, remote = 0, refused = 0;

	CHECK(slab_create(&shop.slab, &config) == OK);
	for (size_t i = 0; i < THREADS; i++) {
		traders[i] = (struct trader){.shop = &shop, .random = i, .serial = i << 32};
		CHECK(thread_start(&threads[i], "trader", trade, &traders[i]) == OK);
	}
	for (size_t i = 0; i < THREADS; i++) {
		thread_join(&threads[i]);
		bought += traders[i].serial & UINT32_MAX;
		sold += traders[i].traded;
	}
	slab_seal(shop.slab);
	slab_stats(shop.slab, stats);
	for (size_t i = 0; i < SLAB_CLASS_COUNT; i++) {
		CHECK(stats[i].cached == 0 && stats[i].out_max <= stats[i].objects);
		remote += stats[i].remote;
		refused += stats[i].refused;
		bought -= stats[i].live;
	}
	CHECK(bought == sold && remote > 0);
	CHECK((refused > 0) == (bytes_max < (size_t)16 << 20));
	CHECK(slab_cache_open(&c, shop.slab) == OK);
	for (size_t i = 0; i < SHELF; i++) {
		struct label *object = atomic_exchange(&shop.shelf[i], NULL);
		if (object != NULL)
			sell(&last, c, object);
	}
	slab_cache_close(c);
	check_complete(shop.slab);
	slab_destroy(shop.slab);
}

/* ---- the depot's stack alone, with so few magazines that heads repeat ---- */

enum { MAGAZINES = 3, PASSES = 100000 };

struct swapper {
	struct slab_stack *stack;
	uint8_t *base;
	uint64_t random;
};

static void swap_magazines(void *ctx)
{
	struct swapper *s = ctx;
	struct slab_magazine *held[MAGAZINES];
	size_t count = 0;
	for (size_t pass = 0; pass < PASSES; pass++) {
		const bool more = count < MAGAZINES && next_random(&s->random) % 2 == 0;
		struct slab_magazine *m = more ? slab_stack_pop(s->stack, s->base) : NULL;
		if (m != NULL) {
			/* not atomic: it is of its holder alone */
			CHECK(m->count == 0);
			m->count = 1;
			held[count++] = m;
		} else if (count > 0) {
			/* any of them: the order changes, as it does among many threads */
			const size_t which = next_random(&s->random) % count;
			m = held[which];
			held[which] = held[--count];
			m->count = 0;
			slab_stack_push(s->stack, m, s->base);
		}
	}
	while (count > 0) {
		held[--count]->count = 0;
		slab_stack_push(s->stack, held[count], s->base);
	}
}

static void test_stack(void)
{
	static _Alignas(CACHE_LINE) uint8_t storage[MAGAZINES][CACHE_LINE];
	static struct slab_stack stack;
	struct swapper swappers[THREADS];
	struct thread threads[THREADS];

	for (size_t i = 0; i < MAGAZINES; i++)
		slab_stack_push(&stack, (void *)storage[i], storage[0]);
	for (size_t i = 0; i < THREADS; i++) {
		swappers[i] = (struct swapper){
			.stack = &stack, .base = storage[0], .random = i + 1};
		CHECK(thread_start(&threads[i], "swapper", swap_magazines, &swappers[i]) == OK);
	}
	for (size_t i = 0; i < THREADS; i++)
		thread_join(&threads[i]);
	for (size_t i = 0; i < MAGAZINES; i++)
		CHECK(slab_stack_pop(&stack, storage[0]) != NULL);
	CHECK(slab_stack_pop(&stack, storage[0]) == NULL);
}

int main(void)
{
	test_stack();
	test_trade((size_t)64 << 20);
	test_trade((size_t)2 << 20); /* so little that allocations are refused */
	return EXIT_SUCCESS;
}
