/* How much is run at once, from times that are told: even loops run chunks, uneven ones don't. */
#include "rt/chunks.h"

#include <stdlib.h>

#define CHUNK 1000u
#define STEPS_MAX 1000u

/* A loop whose items take item_ns, until its pieces stay as they are. */
static void settle(struct chunks *p, uint64_t item_ns)
{
	for (uint32_t step = 0; step < STEPS_MAX; step++)
		chunks_measured(p, chunks_items(p), chunks_items(p) * item_ns);
}

static void test_grows(void)
{
	struct chunks p;
	uint32_t steps = 0;
	chunks_init(&p, CHUNK, 8);
	CHECK(chunks_items(&p) == 8 && chunks_are_even(&p) && !chunks_are_long(&p));
	for (; chunks_items(&p) < CHUNK; steps++)
		chunks_measured(&p, chunks_items(&p), chunks_items(&p) * 20);
	CHECK(steps == 3); /* by eight each time */
	chunks_measured(&p, CHUNK, CHUNK * 20);
	CHECK(chunks_items(&p) == CHUNK && chunks_are_even(&p) && chunks_are_long(&p));
	/* the end of a range says nothing about whole pieces, unless it takes too long */
	chunks_init(&p, CHUNK, 8);
	chunks_measured(&p, 4, 1);
	CHECK(chunks_items(&p) == 8);
}

/* Even ones that take long are bounded in time. */
static void test_long(void)
{
	struct chunks p;
	chunks_init(&p, CHUNK, 1);
	settle(&p, 1000);
	CHECK(chunks_are_even(&p));
	CHECK(chunks_items(&p) * 1000 > CHUNKS_EVEN_NS / 2 - 1000);
	CHECK(chunks_items(&p) * 1000 <= CHUNKS_EVEN_NS);
	chunks_init(&p, CHUNK, 1);
	settle(&p, 10 * CHUNKS_EVEN_NS);
	CHECK(chunks_items(&p) == 1);
	chunks_init(&p, CHUNK, 8);
	settle(&p, 10 * CHUNKS_EVEN_NS);
	CHECK(chunks_items(&p) == 8); /* whole lines */
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
		struct chunks p;
		chunks_init(&p, CHUNK, 1);
		settle(&p, cases[i].before);
		CHECK(chunks_items(&p) == CHUNK && chunks_are_even(&p));
		chunks_measured(&p, CHUNK, CHUNK * cases[i].after);
		CHECK(chunks_are_even(&p) == !cases[i].apart);
		const uint64_t slower = cases[i].after > cases[i].before ? cases[i].after
									 : cases[i].before;
		if (cases[i].apart && CHUNK * slower > 2 * CHUNKS_UNEVEN_NS)
			CHECK(chunks_items(&p) * slower <= CHUNKS_UNEVEN_NS + slower);
		else
			CHECK(chunks_items(&p) == CHUNK);
		settle(&p, cases[i].after);
		CHECK(chunks_are_even(&p));
		if (CHUNK * cases[i].after <= CHUNKS_EVEN_NS)
			CHECK(chunks_items(&p) == CHUNK);
	}
}

/* One in so many takes longer: never whole chunks. What is too short to be measured decides
 * nothing. */
static void test_again_and_again(void)
{
	struct chunks p;
	chunks_init(&p, CHUNK, 1);
	settle(&p, 50);
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		const uint64_t item_ns = step % CHUNKS_AGREE == 0 ? 5000 : 50;
		const uint64_t ns = chunks_items(&p) * item_ns;
		chunks_measured(
			&p, chunks_items(&p), ns < CHUNKS_JUDGED_NS ? CHUNKS_JUDGED_NS : ns);
		CHECK(!chunks_are_even(&p) && chunks_items(&p) < CHUNK);
	}
	chunks_init(&p, CHUNK, 1);
	settle(&p, 20);
	for (uint32_t step = 0; step < STEPS_MAX; step++) {
		chunks_measured(&p, 1, CHUNKS_JUDGED_NS - 1);
		CHECK(chunks_are_even(&p));
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
