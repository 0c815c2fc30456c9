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
#include "sys/clock.h"

#define HAND_OVER 4096u
#define HAND_OVER_BATCH 64u

struct work {
	uint32_t size;
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

#define LOOPS(kind, ALLOCATE, RELEASE)                                                             \
	static void pair_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		(void)member;                                                                      \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			void *object = ALLOCATE(w->size);                                          \
			touch(object);                                                             \
			RELEASE(object, w->size);                                                  \
		}                                                                                  \
	}                                                                                          \
	static void lifo_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		void *objects[POOL_BURST];                                                         \
		(void)member;                                                                      \
		for (uint64_t i = 0; i < w->count; i += POOL_BURST) {                              \
			for (unsigned j = 0; j < POOL_BURST; j++)                                  \
				touch(objects[j] = ALLOCATE(w->size));                             \
			for (unsigned j = POOL_BURST; j-- > 0;)                                    \
				RELEASE(objects[j], w->size);                                      \
		}                                                                                  \
	}                                                                                          \
	static void send_##kind(const struct work *w)                                              \
	{                                                                                          \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			if (i % HAND_OVER_BATCH == 0 && i >= HAND_OVER)                            \
				wait_taken(i + HAND_OVER_BATCH - HAND_OVER);                       \
			touch(between.slots[i % HAND_OVER] = ALLOCATE(w->size));                   \
			if ((i + 1) % HAND_OVER_BATCH == 0)                                        \
				atomic_store_explicit(&between.sent, i + 1, memory_order_release); \
		}                                                                                  \
	}                                                                                          \
	static void take_##kind(const struct work *w)                                              \
	{                                                                                          \
		for (uint64_t taken = 0, sent; taken < w->count;) {                                \
			wait_sent(taken, &sent);                                                   \
			for (; taken < sent; taken++)                                              \
				RELEASE(between.slots[taken % HAND_OVER], w->size);                \
			atomic_store_explicit(&between.taken, taken, memory_order_release);        \
		}                                                                                  \
	}                                                                                          \
	static void cross_##kind(void *ctx, unsigned member)                                       \
	{                                                                                          \
		if (member == 0)                                                                   \
			send_##kind(ctx);                                                          \
		else                                                                               \
			take_##kind(ctx);                                                          \
	}                                                                                          \
	static void random_##kind(void *ctx, unsigned member)                                      \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		uint64_t state = w->count;                                                         \
		(void)member;                                                                      \
		for (uint64_t i = 0; i < w->count; i++) {                                          \
			void **place = &kept[next_random(&state) % kept_count];                    \
			RELEASE(*place, w->size);                                                  \
			touch(*place = ALLOCATE(w->size));                                         \
		}                                                                                  \
	}                                                                                          \
	static void keep_##kind(void *ctx, unsigned member)                                        \
	{                                                                                          \
		const struct work *w = ctx;                                                        \
		(void)member;                                                                      \
		for (; kept_count > w->count; kept_count--)                                        \
			RELEASE(kept[kept_count - 1], w->size);                                    \
		for (; kept_count < w->count; kept_count++)                                        \
			touch(kept[kept_count] = ALLOCATE(w->size));                               \
	}                                                                                          \
	static const crew_part parts_##kind[POOL_OPS] = {                                          \
		pair_##kind, lifo_##kind, cross_##kind, random_##kind, keep_##kind};

#define MALLOC_ALLOCATE(size) malloc(size)
#define MALLOC_RELEASE(object, size) ((void)(size), free(object))
LOOPS(malloc, MALLOC_ALLOCATE, MALLOC_RELEASE)

#define KEPT_MAX UINT64_C(10000000)

static uint64_t answer(const crew_part *parts, const struct pool_request *request)
{
	struct work work = {.size = request->size, .count = request->count};
	CHECK(request->op < POOL_OPS && request->count <= (UINT64_C(1) << 40));
	CHECK(request->op != POOL_KEEP || request->count <= KEPT_MAX);
	atomic_store_explicit(&between.sent, 0, memory_order_relaxed);
	atomic_store_explicit(&between.taken, 0, memory_order_relaxed);
	return crew_run(request->op == POOL_CROSS ? 2 : 1, parts[request->op], &work);
}

int main(int argc, char **argv)
{
	struct pool_request request;
	const crew_part *parts = NULL;
	if (argc == 2 && strcmp(argv[1], "malloc") == 0)
		parts = parts_malloc;
	if (!parts) {
		(void)write(STDERR_FILENO, "usage: pool_worker malloc|slab\n", 31);
		return EXIT_FAILURE;
	}
	kept = calloc(KEPT_MAX, sizeof *kept);
	CHECK(kept);
	while (read(STDIN_FILENO, &request, sizeof request) == (ssize_t)sizeof request) {
		const struct pool_answer reply = {.ns = answer(parts, &request)};
		CHECK(write(STDOUT_FILENO, &reply, sizeof reply) == (ssize_t)sizeof reply);
	}
	return EXIT_SUCCESS;
}
