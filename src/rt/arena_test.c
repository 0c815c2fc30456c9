#include "rt/arena.h"

#include "rt/dies_test.h"

static void test_one_block(void)
{
	static _Alignas(64) uint8_t block[256];
	struct arena a;

	arena_init(&a, block, sizeof block);
	uint8_t *one = arena_alloc(&a, 1, 1);
	CHECK(one == block && a.used == 1);
	uint8_t *line = arena_alloc(&a, 64, 64);
	CHECK(line == block + 64 && a.used == 128);
	/* what does not fit takes nothing */
	CHECK(arena_alloc(&a, 129, 1) == NULL && a.used == 128);
	CHECK(arena_alloc(&a, SIZE_MAX, 64) == NULL && a.used == 128);
	CHECK(a.refused == 2);
	const struct arena_mark mark = arena_mark(&a);
	CHECK(arena_alloc(&a, 128 - ARENA_GAP, 1) == block + 128 + ARENA_GAP);
	CHECK(arena_alloc(&a, 1, 1) == NULL);
	arena_release(&a, mark);
	CHECK(arena_used(&a) == 128 && a.used_max == 256);
	CHECK(arena_alloc(&a, 1, 64) == (ARENA_GAP == 0 ? block + 128 : block + 192));
	arena_reset(&a);
	CHECK(arena_used(&a) == 0 && arena_alloc(&a, 256, 1) == block);
	arena_fini(&a);
	block[255] = 1; /* the caller's again */
}

enum { BLOCK = 1024, BLOCKS = 3, ROOM = BLOCK - ARENA_BLOCK_HEAD };

static const struct pages_options ordinary = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY};

/* Blocks are taken one by one up to the bound, kept by a release, used again. */
static void test_chain(void)
{
	struct region r;
	struct arena a;
	CHECK(region_init(&r, (size_t)8 * BLOCK, &ordinary) == OK);
	arena_init_chained(&a, &r, BLOCK, BLOCKS);
	CHECK(arena_used(&a) == 0 && region_used(&r) == 0);
	CHECK(arena_alloc(&a, ROOM + 1, 1) == NULL && a.refused == 1 && a.block_count == 0);

	uint8_t *first = arena_alloc(&a, 100, 64);
	CHECK(first != NULL && ((uintptr_t)first & 63) == 0);
	memset(first, 1, 100);
	const struct arena_mark mark = arena_mark(&a);
	uint8_t *second = arena_alloc(&a, ROOM, 64);
	uint8_t *third = arena_alloc(&a, ROOM, 1);
	CHECK(second != NULL && third != NULL && a.block_count == BLOCKS);
	memset(second, 2, ROOM);
	memset(third, 3, ROOM);
	CHECK(arena_used(&a) == 100 + 2 * ROOM);
	CHECK(arena_alloc(&a, 1, 1) == NULL && a.refused == 2);

	arena_release(&a, mark);
	CHECK(arena_used(&a) == 100 && first[99] == 1);
	CHECK(arena_alloc(&a, 8, 8) == first + (ARENA_GAP == 0 ? 104 : 112));
	CHECK(arena_alloc(&a, ROOM, 1) == second && arena_alloc(&a, ROOM, 1) == third);
	CHECK(region_used(&r) == (size_t)BLOCKS * BLOCK &&
		a.used_max == 112 + ARENA_GAP + 2 * ROOM);
	arena_reset(&a);
	CHECK(arena_used(&a) == 0 && a.spare != NULL);
	CHECK(arena_alloc(&a, 1, 1) == first && a.block_count == BLOCKS);
	arena_fini(&a);
	region_fini(&r);
}

/* The region's bound comes before the arena's. */
static void test_region_spent(void)
{
	struct region r;
	struct arena a;
	CHECK(region_init(&r, pages_ordinary_size(), &ordinary) == OK);
	const uint32_t fit = (uint32_t)(r.pages.size / BLOCK);
	arena_init_chained(&a, &r, BLOCK, UINT32_MAX);
	for (uint32_t i = 0; i < fit; i++)
		CHECK(arena_alloc(&a, ROOM, 8) != NULL);
	CHECK(arena_alloc(&a, 1, 1) == NULL && a.block_count == fit && a.refused == 1);
	arena_fini(&a);
	region_fini(&r);
}

static void touch(void *ctx)
{
	*(volatile uint8_t *)ctx = 1;
}

/* AddressSanitizer finds what is touched behind an allocation or after a release. */
static void test_poison(void)
{
	static _Alignas(64) uint8_t block[256];
	struct arena a;

	arena_init(&a, block, sizeof block);
	const struct arena_mark mark = arena_mark(&a);
	uint8_t *p = arena_alloc(&a, 10, 1);
	uint8_t *q = arena_alloc(&a, 10, 1);
	CHECK(p != NULL && q != NULL);
	CHECK(!dies(touch, p) && !dies(touch, p + 9) && !dies(touch, q));
	CHECK(dies(touch, p + 10) == POISON_ON && dies(touch, q + 10) == POISON_ON);
	arena_release(&a, mark);
	CHECK(dies(touch, p) == POISON_ON && dies(touch, q + 9) == POISON_ON);
	arena_fini(&a);
	CHECK(!dies(touch, p));
}

int main(void)
{
	test_one_block();
	test_chain();
	test_region_spent();
	test_poison();
	return EXIT_SUCCESS;
}
