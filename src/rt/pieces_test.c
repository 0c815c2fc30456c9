/* How much is run at once, from times that are told: even loops run chunks, uneven ones don't. */
#include "rt/pieces.h"

#include <stdlib.h>

#define CHUNK 1000u
#define STEPS_MAX 1000u

/* A loop whose items take item_ns, until its pieces stay as they are. */
static void settle(struct pieces *p, uint64_t item_ns)
{
	for (uint32_t step = 0; step < STEPS_MAX; step++)
		pieces_measured(p, pieces_items(p), pieces_items(p) * item_ns);
}

static void test_grows(void)
{
	struct pieces p;
	uint32_t steps = 0;
	pieces_init(&p, CHUNK, 8);
	CHECK(pieces_items(&p) == 8 && pieces_are_even(&p) && !pieces_are_long(&p));
	for (; pieces_items(&p) < CHUNK; steps++)
		pieces_measured(&p, pieces_items(&p), pieces_items(&p) * 20);
	CHECK(steps == 3); /* by eight each time */
	pieces_measured(&p, CHUNK, CHUNK * 20);
	CHECK(pieces_items(&p) == CHUNK && pieces_are_even(&p) && pieces_are_long(&p));
	/* the end of a range says nothing about whole pieces, unless it takes too long */
	pieces_init(&p, CHUNK, 8);
	pieces_measured(&p, 4, 1);
	CHECK(pieces_items(&p) == 8);
}

/* Even ones that take long are bounded in time. */
static void test_long(void)
{
	struct pieces p;
	pieces_init(&p, CHUNK, 1);
	settle(&p, 1000);
	CHECK(pieces_are_even(&p));
	CHECK(pieces_items(&p) * 1000 > PIECES_EVEN_NS / 2 - 1000);
	CHECK(pieces_items(&p) * 1000 <= PIECES_EVEN_NS);
	pieces_init(&p, CHUNK, 1);
	settle(&p, 10 * PIECES_EVEN_NS);
	CHECK(pieces_items(&p) == 1);
	pieces_init(&p, CHUNK, 8);
	settle(&p, 10 * PIECES_EVEN_NS);
	CHECK(pieces_items(&p) == 8); /* whole lines */
}

/* Chunks whose times diverge are run in small pieces, either way; when they agree again, whole. */
static void test_diverges(void)
{
	static const struct {
		uint64_t before, after; /* ns of an item */
		bool apart;
	} cases[] = {{20, 41, true}, {20, 39, false}, {20, 9, true}, {20, 11, false},
		{20, 4000, true}, {90, 20, true}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pieces p;
		pieces_init(&p, CHUNK, 1);
		settle(&p, cases[i].before);
		CHECK(pieces_items(&p) == CHUNK && pieces_are_even(&p));
		pieces_measured(&p, CHUNK, CHUNK * cases[i].after);
		CHECK(pieces_are_even(&p) == !cases[i].apart);
		const uint64_t slower = cases[i].after > cases[i].before ? cases[i].after
									 : cases[i].before;
		if (cases[i].apart && CHUNK * slower > 2 * PIECES_UNEVEN_NS)
			CHECK(pieces_items(&p) * slower <= PIECES_UNEVEN_NS + slower);
		else
			CHECK(pieces_items(&p) == CHUNK);
		settle(&p, cases[i].after);
		CHECK(pieces_are_even(&p));
		if (CHUNK * cases[i].after <= PIECES_EVEN_NS)
			CHECK(pieces_items(&p) == CHUNK);
	}
}

/* One in so many takes longer: never whole chunks. What is too short to be measured decides
 * nothing. */
static void test_again_and_again(void)
{
	struct pieces p;
	pieces_init(&p, CHUNK, 1);
	settle(&p, 50);
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		const uint64_t item_ns = step % PIECES_AGREE == 0 ? 5000 : 50;
		const uint64_t ns = pieces_items(&p) * item_ns;
		pieces_measured(
			&p, pieces_items(&p), ns < PIECES_JUDGED_NS ? PIECES_JUDGED_NS : ns);
		CHECK(!pieces_are_even(&p) && pieces_items(&p) < CHUNK);
	}
	pieces_init(&p, CHUNK, 1);
	settle(&p, 20);
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		pieces_measured(&p, 1, PIECES_JUDGED_NS - 1);
		CHECK(pieces_are_even(&p));
	}
}

int main(void)
{
	test_grows();
	test_long();
	test_diverges();
	test_again_and_again();
	return EXIT_SUCCESS;
}
