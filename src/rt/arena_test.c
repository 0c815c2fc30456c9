#include "rt/arena.h"

#include <stdlib.h>

int main(void)
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
	CHECK(arena_alloc(&a, 128, 1) == block + 128);
	CHECK(arena_alloc(&a, 1, 1) == NULL);
	return EXIT_SUCCESS;
}
