/* The wheel against a plain model: whatever is set, cancelled and let pass, the same timers come in
 * the same order. */
#include "sys/timer_wheel.h"

#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)
#define TICK_NS (UINT64_C(1) << WHEEL_TICK_SHIFT)
#define MODEL_MAX 2048u

static uint64_t seed = 1;

static uint64_t next_random(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 17;
}

static void no_call(void *ctx)
{
	(void)ctx;
}

/* ---- the model: an array, searched from end to end ---- */

struct model_timer {
	uint64_t due_ns, seq, id;
	bool set;
};

struct model {
	struct model_timer timer[MODEL_MAX];
	uint64_t seq;
};

static struct model_timer *model_first(struct model *m)
{
	struct model_timer *first = NULL;
	for (uint32_t i = 0; i < MODEL_MAX; i++) {
		struct model_timer *t = &m->timer[i];
		if (!t->set)
			continue;
		if (first == NULL || t->due_ns < first->due_ns ||
			(t->due_ns == first->due_ns && t->seq < first->seq))
			first = t;
	}
	return first;
}

struct pair {
	struct timer_wheel wheel;
	struct model model;
	uint64_t now_ns;
	uint32_t taken;
};

static void pair_set(struct pair *p, uint64_t delay_ns)
{
	uint32_t i = (uint32_t)next_random() % MODEL_MAX;
	while (p->model.timer[i].set)
		i = (i + 1) % MODEL_MAX;
	struct model_timer *t = &p->model.timer[i];
	*t = (struct model_timer){
		.due_ns = p->now_ns + delay_ns, .seq = p->model.seq++, .set = true};
	CHECK(timer_wheel_set(&p->wheel, &t->id, p->now_ns, delay_ns, no_call, t) == OK);
	CHECK(t->id != 0);
}

static void pair_cancel(struct pair *p)
{
	const uint32_t begin = (uint32_t)next_random() % MODEL_MAX;
	for (uint32_t n = 0; n < MODEL_MAX; n++) {
		struct model_timer *t = &p->model.timer[(begin + n) % MODEL_MAX];
		if (!t->set)
			continue;
		timer_wheel_cancel(&p->wheel, t->id);
		timer_wheel_cancel(&p->wheel, t->id); /* stale by now */
		t->set = false;
		return;
	}
}

/* Everything that is due comes, in order, and nothing else. */
static void pair_pass(struct pair *p, uint64_t to_ns)
{
	CHECK(to_ns >= p->now_ns);
	p->now_ns = to_ns;
	timer_wheel_advance(&p->wheel, to_ns);
	for (;;) {
		timer_cb cb;
		void *ctx;
		struct model_timer *first = model_first(&p->model);
		const bool expected = first != NULL && first->due_ns <= to_ns;
		const bool taken = timer_wheel_take(&p->wheel, &cb, &ctx, to_ns, UINT64_MAX);
		CHECK(taken == expected);
		if (!taken)
			return;
		CHECK(ctx == first && cb == no_call);
		first->set = false;
		p->taken++;
	}
}

/* The bound never passes the first timer; followed, it comes to exactly that. */
static void pair_pass_to_next(struct pair *p)
{
	const struct model_timer *first = model_first(&p->model);
	if (first == NULL) {
		CHECK(timer_wheel_next_ns(&p->wheel) == UINT64_MAX);
		return;
	}
	const uint64_t due_ns = first->due_ns;
	uint32_t steps = 0;
	for (uint64_t next_ns; (next_ns = timer_wheel_next_ns(&p->wheel)) < due_ns; steps++) {
		CHECK(steps < WHEEL_LEVELS + 1); /* each one brings it a level down */
		timer_wheel_advance(&p->wheel, next_ns > p->now_ns ? next_ns : p->now_ns);
	}
	CHECK(timer_wheel_next_ns(&p->wheel) == due_ns);
	pair_pass(p, due_ns > p->now_ns ? due_ns : p->now_ns);
}

/* Delays of every size: none, the shortest, around every border of a level, up to a hundred years.
 */
static uint64_t random_delay(void)
{
	const uint32_t bits = 2 + (uint32_t)(next_random() % 60);
	const uint64_t near = UINT64_C(1) << bits;
	uint64_t delay_ns = 0;
	switch (next_random() % 4) {
	case 0: return 0;
	case 1: delay_ns = (next_random() % 100) * NS_PER_MS; break;
	case 2: delay_ns = near - 2 + next_random() % 4; break;
	default: delay_ns = next_random() & (near - 1); break;
	}
	return delay_ns < TIMER_DELAY_MIN_NS ? TIMER_DELAY_MIN_NS : delay_ns;
}

static void test_against_model(uint64_t first_seed, uint64_t start_ns)
{
	struct pair *p = calloc(1, sizeof *p);
	CHECK(p != NULL);
	seed = first_seed;
	p->now_ns = start_ns;
	CHECK(timer_wheel_init(&p->wheel, MODEL_MAX - 1, start_ns) == OK);
	for (int round = 0; round < 3000; round++) {
		const uint32_t what = (uint32_t)(next_random() % 8);
		if (what < 4 && p->wheel.timer_count < MODEL_MAX - 1)
			pair_set(p, random_delay());
		else if (what == 4)
			pair_cancel(p);
		else if (what == 5)
			pair_pass_to_next(p);
		else
			pair_pass(p, p->now_ns + next_random() % (TICK_NS * 3));
		if (round % 500 == 499) /* a long sleep, over several levels */
			pair_pass(p, p->now_ns + (next_random() & ((UINT64_C(1) << 42) - 1)));
	}
	CHECK(p->taken > 500);
	for (uint32_t left = p->wheel.timer_count; left > 0; left = p->wheel.timer_count)
		pair_pass_to_next(p);
	CHECK(timer_wheel_next_ns(&p->wheel) == UINT64_MAX);
	timer_wheel_fini(&p->wheel);
	free(p);
}

/* Thousands in one tick, in the worst order: they come by due time, then by the order of setting.
 */
static void test_one_tick(void)
{
	enum { N = 5000 };
	struct timer_wheel w;
	static uint64_t due[N];
	uint64_t id;
	CHECK(timer_wheel_init(&w, N, 0) == OK);
	seed = 7;
	for (int i = 0; i < N; i++) {
		due[i] = 100 * TICK_NS + next_random() % 50;
		CHECK(timer_wheel_set(&w, &id, 0, due[i], no_call, &due[i]) == OK);
	}
	CHECK(timer_wheel_set(&w, &id, 0, 0, no_call, NULL) == ERR_FULL);
	timer_wheel_advance(&w, 101 * TICK_NS);
	const uint64_t *last = NULL;
	timer_cb cb;
	void *ctx;
	for (int i = 0; i < N; i++) {
		CHECK(timer_wheel_take(&w, &cb, &ctx, 101 * TICK_NS, UINT64_MAX));
		const uint64_t *at = ctx;
		CHECK(last == NULL || *last < *at || (*last == *at && last < at));
		last = at;
	}
	CHECK(!timer_wheel_take(&w, &cb, &ctx, UINT64_MAX, UINT64_MAX));
	timer_wheel_fini(&w);
}

/* Those set while others are taken wait for the next time: seq_end. */
static void test_seq_end(void)
{
	struct timer_wheel w;
	uint64_t id;
	timer_cb cb;
	void *ctx;
	CHECK(timer_wheel_init(&w, 8, 5) == OK);
	CHECK(timer_wheel_set(&w, &id, 5, 0, no_call, &w) == OK);
	const uint64_t end = w.seq;
	CHECK(timer_wheel_set(&w, &id, 5, 0, no_call, &id) == OK);
	CHECK(timer_wheel_take(&w, &cb, &ctx, 5, end) && ctx == &w);
	CHECK(!timer_wheel_take(&w, &cb, &ctx, 5, end));
	CHECK(timer_wheel_take(&w, &cb, &ctx, 5, w.seq) && ctx == &id);
	timer_wheel_fini(&w);
}

static void test_stale(void)
{
	struct timer_wheel w;
	uint64_t first, second;
	CHECK(timer_wheel_init(&w, 1, 0) == OK);
	CHECK(timer_wheel_set(&w, &first, 0, NS_PER_MS, no_call, NULL) == OK);
	CHECK(timer_wheel_set(&w, &second, 0, NS_PER_MS, no_call, NULL) == ERR_FULL);
	timer_wheel_cancel(&w, first);
	CHECK(timer_wheel_set(&w, &second, 0, NS_PER_MS, no_call, NULL) == OK && second != first);
	timer_wheel_cancel(&w, first);
	timer_wheel_cancel(&w, 0);
	timer_wheel_cancel(&w, UINT64_MAX);
	CHECK(w.timer_count == 1);
	timer_wheel_cancel(&w, second);
	CHECK(w.timer_count == 0 && timer_wheel_next_ns(&w) == UINT64_MAX);
	timer_wheel_fini(&w);
}

int main(void)
{
	for (uint64_t i = 1; i <= 12; i++)
		test_against_model(i, i % 3 == 0 ? 0 : i * UINT64_C(123456789012345));
	test_one_tick();
	test_seq_end();
	test_stale();
	return 0;
}
