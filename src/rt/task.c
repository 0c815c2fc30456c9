#include "rt/task.h"

#include "rt/executor_internal.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define COUNT_HALF 0
#else
#define COUNT_HALF 1
#endif

#define LEFT_MAX 64u
/* Tasks of one group that are counted in by one step, and then announced. */
#define SPAWN_ROW 64u

void cancel_init(struct cancel_token *token, const struct cancel_token *parent)
{
	atomic_init(&token->requested, false);
	token->parent = parent;
}

void cancel_request(struct cancel_token *token)
{
	/* [CANCEL] release: pairs with the acquire in cancel_is_requested: what the requester did
	 * before is seen by whoever stops for it */
	atomic_store_explicit(&token->requested, true, memory_order_release);
}

bool cancel_is_requested(const struct cancel_token *token)
{
	for (; token != NULL; token = token->parent)
		if (atomic_load_explicit(&token->requested, memory_order_acquire)) /* [CANCEL] */
			return true;
	return false;
}

/* Counts tasks in, before anybody can run them. */
static void group_enter(struct task_group *g, uint32_t count)
{
	/* relaxed: whoever leaves again has got the task through a queue */
	const uint64_t before = atomic_fetch_add_explicit(&g->state, count, memory_order_relaxed);
	CHECK(GROUP_COUNT(before) <= UINT32_MAX - count);
}

void task_enter(struct task *t)
{
	CHECK(t->run != NULL);
	if (t->group != NULL)
		group_enter(t->group, 1);
}

void task_group_init(struct task_group *g, const struct cancel_token *cancel)
{
	atomic_init(&g->state, 0);
	atomic_init(&g->dropped, 0);
	g->cancel = cancel;
	g->then = NULL;
}

void task_group_init_then(
	struct task_group *g, const struct cancel_token *cancel, struct task *then)
{
	task_group_init(g, cancel);
	atomic_init(&g->state, 1); /* held until it is sealed */
	g->then = then;
	task_enter(then);
}

uint32_t task_group_dropped(const struct task_group *g)
{
	return atomic_load_explicit(&g->dropped, memory_order_relaxed);
}

/* Counts some out. Returns the continuation, where they were the last ones. */
static struct task *group_leave(struct executor *x, struct task_group *g, uint32_t count)
{
	struct task *then = g->then;
	/* [GROUP] release: what the tasks did; acquire: what the others did, for the continuation.
	 * Pairs with the acquire in group_is_over. After this the group may be gone. */
	const uint64_t before = atomic_fetch_sub_explicit(&g->state, count, memory_order_acq_rel);
	CHECK(GROUP_COUNT(before) >= count);
	if (GROUP_COUNT(before) > count)
		return NULL;
	if (GROUP_WAITER(before) == GROUP_WAITER_OUTSIDE)
		futex_wake(&g->half[COUNT_HALF], FUTEX_ALL);
	else if (GROUP_WAITER(before) != 0)
		worker_wake(x->worker[GROUP_WAITER(before) - 1]);
	return then;
}

void worker_settle_now(struct worker *w)
{
	struct task_group *group = w->left_group;
	w->left_group = NULL;
	CHECK(group_leave(w->x, group, w->left_count) == NULL);
}

/* One task of a group has ended. Of many in a row one step is made, so that workers do not pass the
 * group's line to and fro; not where something follows the group, which has to be run at once. */
static struct task *leave_later(struct worker *w, struct task_group *g)
{
	if (g->then != NULL)
		return group_leave(w->x, g, 1);
	if (w->left_group != g) {
		worker_settle(w);
		w->left_group = g;
		w->left_count = 0;
	}
	if (++w->left_count == LEFT_MAX)
		worker_settle(w);
	return NULL;
}

void wait_announce(const struct worker *w, const struct wait *until)
{
	uint32_t offered = FORK_OFFERED;
	if (until->fork != NULL)
		(void)atomic_compare_exchange_strong_explicit(&until->fork->state, &offered,
			FORK_AWAITED, memory_order_acquire, memory_order_acquire);
	else if (until->group != NULL)
		(void)atomic_fetch_or_explicit(
			&until->group->state, (uint64_t)(w->index + 1) << 32, memory_order_acquire);
}

/* At a glance, as nearly always: nobody can have called it off. */
static bool may_be_cancelled(const struct worker *w, const struct task *t)
{
	return t->cancel != NULL || (t->group != NULL && t->group->cancel != NULL) ||
		atomic_load_explicit(&w->x->state, memory_order_relaxed) == EXECUTOR_DROPPING;
}

void worker_run_task(struct strand s, struct task *t)
{
	struct worker *w = strand_to_worker(s);
	do {
		struct task_group *group = t->group;
		if (group != w->left_group)
			worker_settle(w);
		if (may_be_cancelled(w, t) && task_is_cancelled(s, t)) {
			counter_add(&w->counters.dropped, 1);
			if (group != NULL)
				(void)atomic_fetch_add_explicit(
					&group->dropped, 1, memory_order_relaxed);
			if (t->dropped != NULL)
				t->dropped(s, t);
		} else {
			counter_add(&w->counters.run, 1);
			t->run(s, t);
		}
		t = group == NULL ? NULL : leave_later(w, group);
	} while (t != NULL);
}

void task_refused(struct executor *x, struct task *t)
{
	if (t->group != NULL) {
		struct task *then = group_leave(x, t->group, 1);
		CHECK(then == NULL); /* sealed, and yet somebody adds to it */
	}
}

void task_spawn(struct strand s, struct task *t)
{
	struct worker *w = strand_to_worker(s);
	task_enter(t);
	if (deque_push(&w->deque, t) != OK) {
		worker_overflow(w, t);
		return; /* whoever could be woken has a full deque to look at */
	}
	if (w->victim_count > 0)
		executor_wake(w->x, w->node, 1);
}

/* How many of these, of one group, come first. */
static uint32_t row_of(struct task *const *tasks, uint32_t count)
{
	uint32_t row = 0;
	for (; row < count && row < SPAWN_ROW && tasks[row]->group == tasks[0]->group; row++)
		CHECK(tasks[row]->run != NULL);
	return row;
}

void task_spawn_many(struct strand s, struct task *const *tasks, uint32_t count)
{
	struct worker *w = strand_to_worker(s);
	while (count > 0) {
		const uint32_t row = row_of(tasks, count);
		if (tasks[0]->group != NULL)
			group_enter(tasks[0]->group, row);
		for (uint32_t i = 0; i < row; i++)
			if (deque_push(&w->deque, tasks[i]) != OK)
				worker_overflow(w, tasks[i]);
		if (w->victim_count > 0)
			executor_wake(w->x, w->node, 1);
		tasks += row;
		count -= row;
	}
}

void task_group_wait(struct strand s, struct task_group *g)
{
	const struct wait until = {.group = g};
	worker_wait(s, &until);
}

void task_group_seal(struct strand s, struct task_group *g)
{
	CHECK(g->then != NULL);
	struct task *then = group_leave(strand_to_worker(s)->x, g, 1);
	if (then != NULL)
		worker_run_task(s, then);
}

enum err task_group_await(struct task_group *g, uint64_t deadline_ns)
{
	/* acquire, here and below: [GROUP] */
	uint64_t state = atomic_fetch_or_explicit(
		&g->state, (uint64_t)GROUP_WAITER_OUTSIDE << 32, memory_order_acquire);
	while (GROUP_COUNT(state) != 0) {
		if (futex_wait(&g->half[COUNT_HALF], GROUP_COUNT(state), deadline_ns) ==
			ERR_TIMEOUT)
			return group_is_over(g) ? OK : ERR_TIMEOUT;
		state = atomic_load_explicit(&g->state, memory_order_acquire);
	}
	return OK;
}

bool strand_is_cancelled(struct strand s)
{
	return atomic_load_explicit(&strand_to_worker(s)->x->state, memory_order_relaxed) ==
		EXECUTOR_DROPPING;
}

bool task_is_cancelled(struct strand s, const struct task *t)
{
	return strand_is_cancelled(s) || cancel_is_requested(t->cancel) ||
		(t->group != NULL && cancel_is_requested(t->group->cancel));
}
