/* pool_worker malloc|slab: an allocator's loops, run on request (pool_worker.h).
 *
 * With `malloc`, whichever library LD_PRELOAD names. Loops are the same text for both, with calls
 * that each allocator's users make: no pointer to a function in between. */
#include "pool_worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "crew.h"
#include "rt/slab.h"
#include "sys/clock.h"

#define HAND_OVER 4096u
#define HAND_OVER_BATCH 64u

struct work {
	uint64_t count;
};

/* From the thread that allocates to the one that frees: a bare ring of pointers, published in
 * batches, and cheap beside any allocator. */
static struct {
	_Alignas(64) atomic_uint_fast64_t sent;
	_Alignas(64) atomic_uint_fast64_t taken;
	_Alignas(64) void *slots[HAND_OVER];
} between;

static void **kept;
static uint64_t kept_count;

/* Written to, as every user would; and the compiler may not know that it is unused. */
static void touch(void *object)
{
	*(volatile char *)object = 1;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void wait_sent(uint64_t more_than, uint64_t *seen)
{
	/* acquire: pairs with the release in send of the loops below */
	while ((*seen = atomic_load_explicit(&between.sent, memory_order_acquire)) <= more_than)
		__builtin_ia32_pause();
}

static void wait_taken(uint64_t at_least)
{
	/* acquire: pairs with the release after a batch was freed */
	while (atomic_load_explicit(&between.taken, memory_order_acquire) < at_least)
		__builtin_ia32_pause();
}

/* HERE(member): what a thread allocates through, as `here`. The size is a constant, as it is where
 * a structure is allocated. */
#define LOOPS(kind, HERE, ALLOCATE, RELEASE, SIZE)                                                 \
	static void pair_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		HERE(member);                                                                      \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			void *object = ALLOCATE(here, SIZE);                                       \
			touch(object);                                                             \
			RELEASE(here, object, SIZE);                                               \
		}                                                                                  \
	}                                                                                          \
	static void lifo_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		void *objects[POOL_BURST];                                                         \
		HERE(member);                                                                      \
		for (uint64_t i = 0; i < w->count; i += POOL_BURST) {                              \
			for (unsigned j = 0; j < POOL_BURST; j++)                                  \
				touch(objects[j] = ALLOCATE(here, SIZE));                          \
			for (unsigned j = POOL_BURST; j-- > 0;)                                    \
				RELEASE(here, objects[j], SIZE);                                   \
		}                                                                                  \
	}                                                                                          \
	static void send_##kind(const struct work *w, unsigned member)                             \
	{                                                                                          \
		HERE(member);                                                                      \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			if (i % HAND_OVER_BATCH == 0 && i >= HAND_OVER)                            \
				wait_taken(i + HAND_OVER_BATCH - HAND_OVER);                       \
			touch(between.slots[i % HAND_OVER] = ALLOCATE(here, SIZE));                \
			if ((i + 1) % HAND_OVER_BATCH == 0)                                        \
				atomic_store_explicit(&between.sent, i + 1, memory_order_release); \
		}                                                                                  \
	}                                                                                          \
	static void take_##kind(const struct work *w, unsigned member)                             \
	{                                                                                          \
		HERE(member);                                                                      \
		for (uint64_t taken = 0, sent; taken < w->count;) {                                \
			wait_sent(taken, &sent);                                                   \
			for (; taken < sent; taken++)                                              \
				RELEASE(here, between.slots[taken % HAND_OVER], SIZE);             \
			atomic_store_explicit(&between.taken, taken, memory_order_release);        \
		}                                                                                  \
	}                                                                                          \
	static void cross_##kind(void *ctx, unsigned member)                                       \
	{                                                                                          \
		if (member == 0)                                                                   \
			send_##kind(ctx, member);                                                  \
		else                                                                               \
			take_##kind(ctx, member);                                                  \
	}                                                                                          \
	static void random_##kind(void *ctx, unsigned member)                                      \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		uint64_t state = w->count;                                                         \
		HERE(member);                                                                      \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			void **place = &kept[next_random(&state) % kept_count];                    \
			RELEASE(here, *place, SIZE);                                               \
			touch(*place = ALLOCATE(here, SIZE));                                      \
		}                                                                                  \
	}                                                                                          \
	static void keep_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		HERE(member);                                                                      \
		for (; kept_count > w->count; kept_count--)                                        \
			RELEASE(here, kept[kept_count - 1], SIZE);                                 \
		for (; kept_count < w->count; kept_count++)                                        \
			touch(kept[kept_count] = ALLOCATE(here, SIZE));                            \
	}                                                                                          \
	static const crew_part parts_##kind[POOL_OPS] = {                                          \
		pair_##kind, lifo_##kind, cross_##kind, random_##kind, keep_##kind};

#define MALLOC_HERE(member) const unsigned here = (member)
#define MALLOC_ALLOCATE(here, size) ((void)(here), malloc(size))
#define MALLOC_RELEASE(here, object, size) ((void)(here), (void)(size), free(object))
#define MALLOC_LOOPS(size) LOOPS(malloc_##size, MALLOC_HERE, MALLOC_ALLOCATE, MALLOC_RELEASE, size)
MALLOC_LOOPS(64)
MALLOC_LOOPS(256)
MALLOC_LOOPS(1024)
MALLOC_LOOPS(4096)

/* As much as the largest row keeps. */
#define SLAB_BYTES ((size_t)1 << 30)
static struct slab_cache *caches[CREW_MAX];

#define SLAB_HERE(member) struct slab_cache *here = caches[member]
#define SLAB_LOOPS(size) LOOPS(slab_##size, SLAB_HERE, slab_alloc, slab_free, size)
SLAB_LOOPS(64)
SLAB_LOOPS(256)
SLAB_LOOPS(1024)
SLAB_LOOPS(4096)

static const struct loops {
	uint32_t size;
	const crew_part *of_malloc, *of_slab;
} all_loops[] = {
	{64, parts_malloc_64, parts_slab_64},
	{256, parts_malloc_256, parts_slab_256},
	{1024, parts_malloc_1024, parts_slab_1024},
	{4096, parts_malloc_4096, parts_slab_4096},
};

static crew_part part_of(const struct pool_request *request, bool slab)
{
	size_t at = 0;
	while (at < ARRAY_LEN(all_loops) && all_loops[at].size != request->size)
		at++;
	CHECK(request->op < POOL_OPS && at < ARRAY_LEN(all_loops));
	return (slab ? all_loops[at].of_slab : all_loops[at].of_malloc)[request->op];
}

static bool start_slab(void)
{
	const struct slab_config config = {.bytes_max = SLAB_BYTES,
		.caches_max = ARRAY_LEN(caches),
		.pages = {.want = PAGES_2M, .node = PAGES_NODE_ANY}};
	struct slab *slab;
	if (slab_create(&slab, &config) != OK)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(caches); i++)
		if (slab_cache_open(&caches[i], slab) != OK)
			return false;
	return true;
}

#define KEPT_MAX UINT64_C(10000000)

static uint64_t answer(bool slab, const struct pool_request *request)
{
	struct work work = {.count = request->count};
	CHECK(request->count <= (UINT64_C(1) << 40));
	CHECK(request->op != POOL_KEEP || request->count <= KEPT_MAX);
	atomic_store_explicit(&between.sent, 0, memory_order_relaxed);
	atomic_store_explicit(&between.taken, 0, memory_order_relaxed);
	return crew_run(request->op == POOL_CROSS ? 2 : 1, part_of(request, slab), &work);
}

int main(int argc, char **argv)
{
	struct pool_request request;
	const bool slab = argc == 2 && strcmp(argv[1], "slab") == 0;
	if (!(slab && start_slab()) && !(argc == 2 && strcmp(argv[1], "malloc") == 0)) {
		(void)write(STDERR_FILENO, "usage: pool_worker malloc|slab\n", 31);
		return EXIT_FAILURE;
	}
	kept = calloc(KEPT_MAX, sizeof *kept);
	CHECK(kept);
	while (read(STDIN_FILENO, &request, sizeof request) == (ssize_t)sizeof request) {
		const struct pool_answer reply = {.ns = answer(slab, &request)};
		CHECK(write(STDOUT_FILENO, &reply, sizeof reply) == (ssize_t)sizeof reply);
	}
	return EXIT_SUCCESS;
}
