/* The deque against a model on one thread; and with thieves: nothing lost, nothing twice, each
 * thief first in first out. */
#include "rt/deque.h"

#include <sched.h>
#include <stdlib.h>

#include "sys/thread.h"

#define RING 8u
#define THIEVES 3u
#define ITEMS 200000u /* the last one is left to the thieves */
#define STORM_RING 64u

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

static void *item_of(uintptr_t n)
{
	return (void *)n; /* numbers from 1: the deque does not look */
}

static void test_model(void)
{
	_Atomic(void *) ring[RING];
	struct deque d;
	uintptr_t model[RING], next = 1;
	uint32_t first = 0, count = 0;
	deque_init(&d, ring, RING);
	for (uint32_t step = 0; step < 20000; step++) {
		void *item = NULL;
		switch (next_random(&rng) % 3) {
		case 0:
			if (count == RING) {
				CHECK(deque_push(&d, item_of(next)) == ERR_FULL);
				break;
			}
			CHECK(deque_push(&d, item_of(next)) == OK);
			model[(first + count++) % RING] = next++;
			break;
		case 1:
			item = step % 2 == 0 ? deque_take(&d) : deque_take_alone(&d);
			CHECK(item ==
				(count == 0 ? NULL : item_of(model[(first + count - 1) % RING])));
			count -= count != 0;
			break;
		case 2:
			if (count == 0) {
				CHECK(deque_steal(&d, &item) == DEQUE_EMPTY && item == NULL);
				break;
			}
			CHECK(deque_steal(&d, &item) == DEQUE_STOLEN &&
				item == item_of(model[first]));
			first = (first + 1) % RING;
			count--;
			break;
		}
		CHECK(deque_count(&d) == count);
	}
}

/* Two ways to meet: bursts among long and short delays; and a duel, where each item is the last one
 * and everybody is after it at once. */
struct storm {
	struct deque deque;
	_Atomic(void *) ring[STORM_RING];
	_Atomic uint8_t seen[ITEMS + 1];
	_Atomic bool over;
	bool duel;
};

struct thief {
	struct storm *storm;
	struct thread thread;
	uint64_t rng;
	uint32_t stolen;
};

static void see(struct storm *s, void *item)
{
	const uintptr_t n = (uintptr_t)item;
	CHECK(n >= 1 && n <= ITEMS);
	CHECK(atomic_fetch_add_explicit(&s->seen[n], 1, memory_order_relaxed) == 0);
}

static void delay(const struct storm *s, uint64_t *state)
{
	if (s->duel)
		return;
	const uint32_t r = next_random(state);
	for (uint32_t i = r % 97 == 0 ? r % 2048 : r % 8; i > 0; i--)
		cpu_relax();
}

static void steal_main(void *ctx)
{
	struct thief *t = ctx;
	uintptr_t last = 0;
	for (;;) {
		/* looked at before the attempt: empty after the end is empty for good */
		const bool over = atomic_load_explicit(&t->storm->over, memory_order_acquire);
		void *item = NULL;
		const enum deque_steal result = deque_steal(&t->storm->deque, &item);
		if (result == DEQUE_STOLEN) {
			/* numbers rise from the old end to the new one */
			CHECK((uintptr_t)item > last);
			last = (uintptr_t)item;
			see(t->storm, item);
			t->stolen++;
		} else if (over && result == DEQUE_EMPTY) {
			return;
		}
		delay(t->storm, &t->rng);
	}
}

static uint32_t burst(const struct storm *s, uint64_t *state, uint32_t limit)
{
	return s->duel ? 1 : next_random(state) % limit;
}

/* The owner's part: all items but the last one. Returns how many it took itself. */
static uint32_t push_and_take(struct storm *s, uint64_t state)
{
	uint32_t taken = 0;
	for (uintptr_t next = 1; next < ITEMS;) {
		for (uint32_t n = burst(s, &state, 6); n > 0 && next < ITEMS; n--)
			if (deque_push(&s->deque, item_of(next)) == OK)
				next++;
		for (uint32_t n = burst(s, &state, 5); n > 0; n--) {
			void *item = deque_take(&s->deque);
			if (item == NULL)
				break;
			see(s, item);
			taken++;
		}
		delay(s, &state);
	}
	return taken;
}

static void test_storm(bool duel)
{
	static struct storm storm;
	static struct thief thief[THIEVES];
	uint32_t stolen = 0;
	memset(&storm, 0, sizeof storm);
	storm.duel = duel;
	deque_init(&storm.deque, storm.ring, STORM_RING);
	for (uint32_t i = 0; i < THIEVES; i++) {
		thief[i] = (struct thief){.storm = &storm, .rng = 88172645463325252u + i};
		CHECK(thread_start(&thief[i].thread, "thief", steal_main, &thief[i]) == OK);
	}
	const uint32_t taken = push_and_take(&storm, rng);
	/* what is left is for the thieves: on one processor, they run now at the latest */
	while (deque_push(&storm.deque, item_of(ITEMS)) != OK)
		(void)sched_yield();
	while (deque_count(&storm.deque) > 0)
		(void)sched_yield();
	CHECK(deque_take(&storm.deque) == NULL);
	atomic_store_explicit(&storm.over, true, memory_order_release);
	for (uint32_t i = 0; i < THIEVES; i++) {
		thread_join(&thief[i].thread);
		stolen += thief[i].stolen;
	}
	CHECK(taken + stolen == ITEMS && stolen > 0);
	CHECK(deque_count(&storm.deque) == 0);
	for (uint32_t n = 1; n <= ITEMS; n++)
		CHECK(atomic_load_explicit(&storm.seen[n], memory_order_relaxed) == 1);
}

int main(void)
{
	test_model();
	test_storm(false);
	test_storm(true);
	return EXIT_SUCCESS;
}
