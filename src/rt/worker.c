#include "rt/executor_internal.h"

#include "rt/cpu_task.h"
#include "sys/clock.h"

/* After so many turns the common queue is looked at first: work that makes more work in its own
 * deque does not keep out what comes from outside. */
#define FAIR_TURNS 61u
/* While it looks for work, a worker asks for forks in one of so many rounds. */
#define ASK_ROUNDS 4u
#define STEAL_MAX 32u /* tasks beyond the first that a thief takes along */
/* The longest that a thief holds back after loot that was not worth its theft. */
#define LEAN_NS_MAX UINT64_C(30000)
#define RELAX_MAX 128u /* turns of cpu_relax between two rounds */

static uint32_t next_random(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 17;
	w->rng ^= w->rng << 5;
	return w->rng;
}

/* ---- waking ---- */

/* Takes a sleeper's name off the list. Whoever does that counts it among those who search. */
static bool claim(struct worker *w)
{
	const uint64_t bit = UINT64_C(1) << (w->index % 64);
	_Atomic uint64_t *word = &w->x->parked[w->index / 64];
	if ((atomic_load_explicit(word, memory_order_relaxed) & bit) == 0 ||
		(atomic_fetch_and_explicit(word, ~bit, memory_order_acq_rel) & bit) == 0)
		return false;
	(void)atomic_fetch_add_explicit(&w->x->searching, 1, memory_order_relaxed);
	return true;
}

void worker_wake(struct worker *w)
{
	(void)claim(w);
	eventcount_notify_one(&w->sleep);
}

/* Some sleeper, of this node first. */
static bool claim_any(struct executor *x, uint16_t node)
{
	for (int far = 0; far < 2; far++)
		for (uint32_t i = 0; i < PARKED_WORDS; i++) {
			uint64_t bits = atomic_load_explicit(&x->parked[i], memory_order_relaxed);
			for (; bits != 0; bits &= bits - 1) {
				struct worker *w =
					x->worker[i * 64 + (uint32_t)__builtin_ctzll(bits)];
				if ((w->node != node) == (far != 0) && claim(w)) {
					eventcount_notify_one(&w->sleep);
					return true;
				}
			}
		}
	return false;
}

void executor_wake(struct executor *x, uint16_t node, uint32_t count)
{
	/* [SLEEP] The work was made available; this fence; who searches and who sleeps. On the
	 * other side, in rest: no longer one who searches, listed as a sleeper; the fence; is there
	 * work. Either the work is seen, or the sleeper. */
	fence_seq_cst(&x->searching);
	uint32_t looking = atomic_load_explicit(&x->searching, memory_order_relaxed);
	while (looking < count && claim_any(x, node))
		looking++;
}

void executor_wake_all(struct executor *x)
{
	fence_seq_cst(&x->searching); /* [SLEEP] */
	for (uint32_t i = 0; i < x->threads; i++)
		worker_wake(x->worker[i]);
}

/* ---- finding ---- */

void worker_overflow(struct worker *w, struct task *t)
{
	t->next = NULL;
	if (w->overflow_first == NULL)
		w->overflow_first = t;
	else
		w->overflow_last->next = t;
	w->overflow_last = t;
}

/* A batch of what came from outside: the first is the job, the rest goes to the own deque, where
 * others may steal it. No more than a fair share, where there are others. */
static bool take_injected(struct worker *w, struct job *job)
{
	void *batch[EXECUTOR_BATCH_MAX];
	struct executor *x = w->x;
	const uint32_t waiting = injector_count(&x->injector);
	const uint32_t room = x->config.queue_size - deque_count(&w->deque);
	uint32_t want = waiting / x->worker_count + 1, got = 0;
	if (waiting == 0)
		return false;
	want = want < x->config.max_batch_size ? want : x->config.max_batch_size;
	want = want < room + 1 ? want : room + 1;
	while (got < want && (batch[got] = injector_pop(&x->injector)) != NULL)
		got++;
	if (got == 0)
		return false;
	*job = (struct job){.task = batch[0]};
	for (uint32_t i = got; i-- > 1;) /* it takes from the end: so they keep their order */
		CHECK(deque_push(&w->deque, batch[i]) == OK);
	if (got > 1)
		executor_wake(x, w->node, 1);
	return true;
}

/* The first of those that found no room; the deque, empty now, takes as many of the others. */
static struct task *take_overflow(struct worker *w)
{
	struct task *first = w->overflow_first;
	struct task *t = first->next;
	while (t != NULL) { /* once it is in the deque, it may be gone */
		struct task *next = t->next;
		if (deque_push(&w->deque, t) != OK)
			break;
		t = next;
	}
	w->overflow_first = t;
	if (first->next != NULL)
		executor_wake(w->x, w->node, 1);
	return first;
}

static bool take_own(struct worker *w, struct job *job)
{
	void *task = w->x->has_thieves ? deque_take(&w->deque) : deque_take_alone(&w->deque);
	if (task == NULL && w->overflow_first != NULL)
		task = take_overflow(w);
	if (task == NULL)
		task = injector_pop(&w->mailbox);
	if (task == NULL)
		return false;
	*job = (struct job){.task = task};
	return true;
}

/* Up to half of what is left: so that small tasks do not cost a visit each. */
static void steal_more(struct worker *w, struct worker *victim)
{
	uint32_t more = deque_count(&victim->deque) / 2, got = 0;
	const uint32_t room = w->x->config.queue_size - deque_count(&w->deque);
	void *task;
	more = more < STEAL_MAX ? more : STEAL_MAX;
	more = more < w->x->config.max_batch_size ? more : w->x->config.max_batch_size - 1;
	for (; got < more && got < room; got++) {
		if (deque_steal(&victim->deque, &task) != DEQUE_STOLEN)
			break;
		CHECK(deque_push(&w->deque, task) == OK);
	}
	counter_add(&w->counters.stolen, got);
}

/* Tasks so short that they are run sooner than they are stolen are better left to their owner, whom
 * every theft costs some cache lines as well: after such loot a thief holds back, twice as long
 * each time. Returns whether it may steal now. */
static bool steal_pays(struct worker *w)
{
	const uint64_t now = clock_mono_ns();
	if (w->loot_since_ns != 0) {
		const bool paid = now - w->loot_since_ns > w->theft_ns;
		w->lean_ns = paid ? 0 : w->lean_ns * 2 + w->theft_ns;
		w->lean_ns = w->lean_ns < LEAN_NS_MAX ? w->lean_ns : LEAN_NS_MAX;
		w->lean_until_ns = now + w->lean_ns;
		w->loot_since_ns = 0;
	}
	return now >= w->lean_until_ns;
}

static bool steal_from(struct worker *w, struct worker *victim, struct job *job)
{
	void *task = NULL;
	enum deque_steal result;
	/* parts of what runs already before what has not begun */
	if (split_has_offer(&victim->split) && split_steal(&victim->split, &job->index)) {
		job->task = NULL;
		job->victim = victim;
		return true;
	}
	if (deque_count(&victim->deque) == 0 || !steal_pays(w)) {
		counter_add(&w->counters.failed_steals, 1);
		return false;
	}
	const uint64_t begun = clock_mono_ns();
	do { /* lost: another one got it, there may be more */
		result = deque_steal(&victim->deque, &task);
	} while (result == DEQUE_LOST);
	if (result == DEQUE_EMPTY) {
		counter_add(&w->counters.failed_steals, 1);
		return false;
	}
	job->task = task;
	steal_more(w, victim);
	w->loot_since_ns = clock_mono_ns();
	w->theft_ns = w->loot_since_ns - begun;
	return true;
}

static bool steal_among(
	struct worker *w, struct job *job, struct worker *const *victims, uint32_t count)
{
	const uint32_t start = count == 0 ? 0 : next_random(w) % count;
	for (uint32_t i = 0; i < count; i++)
		if (steal_from(w, victims[(start + i) % count], job)) {
			counter_add(&w->counters.stolen, 1);
			return true;
		}
	return false;
}

static bool find(struct worker *w, const struct wait *until, struct job *job)
{
	if (w->help_depth >= HELP_DEPTH_MAX)
		return until->fork == NULL && take_own(w, job);
	if (++w->turn % FAIR_TURNS == 0 && take_injected(w, job))
		return true;
	return take_own(w, job) || take_injected(w, job) ||
		steal_among(w, job, w->victims, w->near_count) ||
		steal_among(w, job, w->victims + w->near_count, w->victim_count - w->near_count);
}

/* [ASK] The answer is an offer, and a wake-up where the asker sleeps by then. */
static void ask_all(struct worker *w)
{
	for (uint32_t i = 0; i < w->victim_count; i++) {
		struct fork_stack *forks = w->victims[i]->forks;
		/* relaxed: carries no data; read first, as the line is the victim's */
		if (atomic_load_explicit(&forks->limit, memory_order_relaxed) != NULL)
			atomic_store_explicit(&forks->limit, NULL, memory_order_relaxed);
	}
}

/* ---- doing ---- */

static void run_stolen(struct strand s, const struct job *job)
{
	struct fork *fork = &job->victim->slots[job->index];
	worker_settle(strand_to_worker(s));
	fork->run(s, fork->frame);
	/* [FORK] release: pairs with the acquire in wait_is_over: the results. The slot may be
	 * used again after this. */
	if (atomic_exchange_explicit(&fork->state, FORK_DONE, memory_order_acq_rel) == FORK_AWAITED)
		worker_wake(job->victim);
}

static void run(struct strand s, const struct job *job)
{
	if (job->task != NULL)
		worker_run_task(s, job->task);
	else
		run_stolen(s, job);
}

void worker_run_all(struct strand s)
{
	struct worker *w = strand_to_worker(s);
	struct job job;
	while (take_own(w, &job) || take_injected(w, &job))
		run(s, &job);
	worker_settle(w);
}

/* ---- resting ---- */

/* Stops being one who searches. The last one to do so with something in hand, or after it was woken
 * for something that it does not look for, lets another look. */
static void search_end(struct worker *w)
{
	if (atomic_fetch_sub_explicit(&w->x->searching, 1, memory_order_acq_rel) == 1)
		executor_wake(w->x, w->node, 1);
}

enum rest {
	REST_JOB,
	REST_OVER,
	REST_AGAIN,
};

static enum rest look_around(struct worker *w, const struct wait *until, struct job *job)
{
	uint32_t relax = 1;
	for (uint32_t round = 0; round < w->x->config.spin; round++) {
		if (wait_is_over(until))
			return REST_OVER;
		if (find(w, until, job))
			return REST_JOB;
		if (w->help_depth < HELP_DEPTH_MAX && round % ASK_ROUNDS == 0)
			ask_all(w);
		for (uint32_t i = 0; i < relax; i++)
			cpu_relax();
		if (relax < RELAX_MAX)
			relax *= 2;
		else /* whoever would make work may wait for this very processor */
			thread_yield();
	}
	return REST_AGAIN;
}

/* Nobody has anything on his stack and nothing waits: then nothing will come any more, once the
 * executor is closed. */
static bool is_over(struct executor *x, uint32_t idle)
{
	if (atomic_load_explicit(&x->state, memory_order_acquire) == EXECUTOR_OPEN)
		return false;
	if (atomic_load_explicit(&x->over, memory_order_acquire))
		return true;
	if (idle < x->threads)
		return false;
	atomic_store_explicit(&x->over, true, memory_order_release);
	executor_wake_all(x);
	return true;
}

/* Asleep until there may be work, or the wait may be over. Comes and goes as one who searches. */
static enum rest doze(struct worker *w, const struct wait *until, struct job *job)
{
	struct executor *x = w->x;
	const bool idle = until->fork == NULL && until->group == NULL;
	const bool helps = w->help_depth < HELP_DEPTH_MAX;
	enum rest result = REST_AGAIN;
	uint32_t idle_count = 0;
	wait_announce(w, until);
	(void)atomic_fetch_sub_explicit(&x->searching, 1, memory_order_acq_rel);
	const uint32_t key = eventcount_prepare(&w->sleep);
	if (helps) {
		(void)atomic_fetch_or_explicit(&x->parked[w->index / 64],
			UINT64_C(1) << (w->index % 64), memory_order_acq_rel);
		ask_all(w);
	}
	if (idle)
		idle_count = atomic_fetch_add_explicit(&x->idle, 1, memory_order_acq_rel) + 1;
	fence_seq_cst(&x->searching);            /* [SLEEP] pairs with executor_wake */
	w->lean_until_ns = w->loot_since_ns = 0; /* rather than sleep, it takes anything */
	if (wait_is_over(until))
		result = REST_OVER;
	else if (find(w, until, job))
		result = REST_JOB;
	else if (idle && is_over(x, idle_count))
		result = REST_OVER;
	if (result != REST_AGAIN) {
		eventcount_cancel(&w->sleep, key);
	} else {
		counter_add(&w->counters.parked, 1);
		(void)!eventcount_wait(&w->sleep, key, FUTEX_FOREVER);
	}
	if (idle)
		(void)atomic_fetch_sub_explicit(&x->idle, 1, memory_order_acq_rel);
	/* One who searches again: counted by whoever woke it, or by itself. */
	if (helps)
		(void)claim(w);
	else
		(void)atomic_fetch_add_explicit(&x->searching, 1, memory_order_relaxed);
	return result;
}

/* The next job, however long it takes; false: what it waits for has come about, or, of an idle
 * worker, nothing will come any more. */
static bool seek(struct worker *w, const struct wait *until, struct job *job)
{
	enum rest result;
	if (until->fork != NULL || until->group != NULL) {
		worker_settle(w);
		if (wait_is_over(until))
			return false;
	}
	if (find(w, until, job))
		return true;
	worker_settle(w);
	cpu_task_charge();
	const uint64_t since = clock_mono_ns();
	atomic_store_explicit(&w->counters.idle_since_ns, since, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&w->x->searching, 1, memory_order_relaxed);
	do {
		result = look_around(w, until, job);
		if (result == REST_AGAIN)
			result = doze(w, until, job);
	} while (result == REST_AGAIN);
	atomic_store_explicit(&w->counters.idle_since_ns, 0, memory_order_relaxed);
	counter_add(&w->counters.idle_ns, clock_mono_ns() - since);
	search_end(w);
	return result == REST_JOB;
}

void worker_wait(struct strand s, const struct wait *until)
{
	struct worker *w = strand_to_worker(s);
	struct job job;
	w->help_depth++;
	while (seek(w, until, &job))
		run(s, &job);
	w->help_depth--;
}

void worker_main(void *worker)
{
	const struct wait none = {0};
	struct worker *w = worker;
	struct job job;
	/* what tasks don't count for kinds of their own (rt/cpu_task, rt/cpu_budget) */
	const struct cpu_task_scope outer = cpu_task_enter(cpu_task_kind("executor"));
	while (seek(w, &none, &job))
		run(worker_strand(w), &job);
	cpu_task_leave(outer);
}
