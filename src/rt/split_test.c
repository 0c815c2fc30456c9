/* The border on one thread, step by step; and an owner that goes up and down its stack among
 * thieves: each entry is used once, and by a thief only with what the owner last wrote there. */
#include "rt/split.h"

#include <sched.h>
#include <stdlib.h>

#include "sys/thread.h"

#define THIEVES 3u
#define DEPTH 12u
#define ROUNDS 10000u
#define YIELD 256u /* turns without success: the owner may need this processor */

static void test_steps(void)
{
	struct split s;
	uint32_t index = 99;
	split_init(&s);
	CHECK(!split_has_offer(&s) && !split_steal(&s, &index) && index == 99);
	split_offer(&s);
	split_offer(&s);
	split_offer(&s);
	CHECK(split_has_offer(&s) && split_steal(&s, &index) && index == 0);
	CHECK(split_take_back(&s, 2) && split_has_offer(&s));
	CHECK(split_steal(&s, &index) && index == 1 && !split_has_offer(&s));
	CHECK(!split_take_back(&s, 1)); /* and below it */
	/* above a stolen entry the stack goes on */
	split_offer(&s);
	CHECK(split_take_back(&s, 2) && !split_take_back(&s, 1));
	split_forget(&s, 1);
	CHECK(!split_take_back(&s, 0));
	split_forget(&s, 0);
	split_offer(&s);
	CHECK(split_take_back(&s, 0) && !split_steal(&s, &index));
}

struct entry {
	uint32_t value; /* not atomic: what the border protects */
	uint32_t square;
	_Atomic bool done;
};

struct storm {
	struct split split;
	struct entry entry[DEPTH];
	_Atomic bool over;
};

struct thief {
	struct storm *storm;
	struct thread thread;
	uint64_t stolen;
};

static uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

static void use(struct entry *e)
{
	CHECK(e->square == 0); /* once */
	e->square = e->value * e->value;
}

static void steal_main(void *ctx)
{
	struct thief *t = ctx;
	struct storm *s = t->storm;
	uint32_t index, idle = 0;
	while (!atomic_load_explicit(&s->over, memory_order_acquire)) {
		if (!split_steal(&s->split, &index)) {
			if (++idle % YIELD == 0)
				(void)sched_yield();
			continue;
		}
		use(&s->entry[index]);
		t->stolen++;
		/* [DONE] release: pairs with the acquire in go_down */
		atomic_store_explicit(&s->entry[index].done, true, memory_order_release);
	}
}

/* Finishes the newest entry, by the owner's hand or by waiting for the thief's; returns whether it
 * was the owner's. *offered: how many entries from the bottom are. */
static bool go_down(struct storm *s, uint32_t depth, uint32_t *offered)
{
	struct entry *e = &s->entry[depth];
	bool mine = true;
	if (*offered == depth + 1) {
		mine = split_take_back(&s->split, depth);
		if (!mine) {
			/* [DONE] acquire */
			while (!atomic_load_explicit(&e->done, memory_order_acquire))
				(void)sched_yield();
			split_forget(&s->split, depth);
		}
		*offered = depth;
	}
	if (mine)
		use(e);
	CHECK(e->square == e->value * e->value);
	return mine;
}

/* In a duel every entry is offered, and taken back or stolen at once. */
static void test_storm(bool duel)
{
	static struct storm s;
	static struct thief thief[THIEVES];
	uint64_t rng = 88172645463325252u, mine = 0, all = 0, stolen = 0;
	uint32_t depth = 0, offered = 0;
	memset(&s, 0, sizeof s);
	split_init(&s.split);
	for (uint32_t i = 0; i < THIEVES; i++) {
		thief[i] = (struct thief){.storm = &s};
		CHECK(thread_start(&thief[i].thread, "thief", steal_main, &thief[i]) == OK);
	}
	while (all < (uint64_t)ROUNDS * DEPTH || depth > 0) {
		const uint32_t r = next_random(&rng);
		if (depth < DEPTH && r % 2 == 0 && all < (uint64_t)ROUNDS * DEPTH) {
			s.entry[depth].value = (uint32_t)++all;
			s.entry[depth].square = 0;
			atomic_store_explicit(&s.entry[depth].done, false, memory_order_relaxed);
			depth++;
		} else if (depth > 0) {
			mine += go_down(&s, --depth, &offered);
		}
		if (offered < depth && (duel || r % 5 == 0)) {
			split_offer(&s.split);
			offered++;
		}
		for (uint32_t n = duel ? 0 : r >> 8 & 31; n > 0; n--)
			cpu_relax();
	}
	/* one that only thieves can get: on one processor, they run now at the latest */
	s.entry[0] = (struct entry){.value = (uint32_t)++all};
	split_offer(&s.split);
	while (split_has_offer(&s.split))
		(void)sched_yield();
	mine += go_down(&s, 0, &(uint32_t){1});
	atomic_store_explicit(&s.over, true, memory_order_release);
	for (uint32_t i = 0; i < THIEVES; i++) {
		thread_join(&thief[i].thread);
		stolen += thief[i].stolen;
	}
	CHECK(mine + stolen == all && stolen > 0);
}

int main(void)
{
	test_steps();
	test_storm(false);
	test_storm(true);
	return EXIT_SUCCESS;
}
