/* Bounds, and threads that take at once: nothing is given out twice. */
#include "rt/region.h"

#include "sys/thread.h"

#include <stdlib.h>

static const struct pages_options any = {.want = PAGES_2M, .node = PAGES_NODE_ANY};

static void test_bounds(void)
{
	struct region r;
	CHECK(region_init(&r, 0, &any) == ERR_RANGE);
	CHECK(region_init(&r, (size_t)1 << 62, &any) == ERR_FULL);
	CHECK(region_init(&r, PAGES_2M_SIZE, &any) == OK);
	const size_t cap = r.pages.size;

	uint8_t *first = region_take(&r, 1, 1);
	CHECK(first == r.pages.ptr && *first == 0);
	uint8_t *line = region_take(&r, 64, CACHE_LINE);
	CHECK(line == first + 64 && region_used(&r) == 128);
	/* what does not fit takes nothing */
	CHECK(region_take(&r, cap - 127, 1) == NULL);
	CHECK(region_take(&r, SIZE_MAX, 64) == NULL);
	CHECK(region_take(&r, 1, PAGES_2M_SIZE) == NULL || cap > PAGES_2M_SIZE);
	CHECK(region_used(&r) == 128);
	CHECK(region_take(&r, cap - 128, 1) == first + 128);
	CHECK(region_take(&r, 1, 1) == NULL);
	region_fini(&r);
}

enum { TAKERS = 3, PIECE_MAX = 256, TAKES = 2000 };

struct taker {
	struct region *r;
	uint8_t mark;
	size_t bytes;
	uint8_t *at[TAKES];
	size_t len[TAKES];
};

static void take_many(void *ctx)
{
	struct taker *t = ctx;
	for (size_t i = 0; i < TAKES; i++) {
		t->len[i] = (i * 37 + t->mark) % PIECE_MAX + 1;
		t->at[i] = region_take(t->r, t->len[i], (size_t)1 << i % 7);
		CHECK(t->at[i] != NULL && ((uintptr_t)t->at[i] & (((size_t)1 << i % 7) - 1)) == 0);
		for (size_t b = 0; b < t->len[i]; b++)
			CHECK(t->at[i][b] == 0);
		memset(t->at[i], t->mark, t->len[i]);
		t->bytes += t->len[i];
	}
}

static void test_takers(void)
{
	static struct taker takers[TAKERS];
	struct thread threads[TAKERS];
	struct region r;
	size_t bytes = 0;

	CHECK(region_init(&r, (size_t)TAKERS * TAKES * (PIECE_MAX + 64), &any) == OK);
	for (size_t i = 0; i < TAKERS; i++) {
		takers[i] = (struct taker){.r = &r, .mark = (uint8_t)(i + 1)};
		CHECK(thread_start(&threads[i], "taker", take_many, &takers[i]) == OK);
	}
	for (size_t i = 0; i < TAKERS; i++)
		thread_join(&threads[i]);
	for (size_t i = 0; i < TAKERS; i++) {
		for (size_t k = 0; k < TAKES; k++)
			for (size_t b = 0; b < takers[i].len[k]; b++)
				CHECK(takers[i].at[k][b] == takers[i].mark);
		bytes += takers[i].bytes;
	}
	CHECK(region_used(&r) >= bytes && region_used(&r) <= r.pages.size);
	region_fini(&r);
}

int main(void)
{
	test_bounds();
	test_takers();
	return EXIT_SUCCESS;
}
