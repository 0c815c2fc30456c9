#include "rt/executor.h"

#include <stdio.h>
#include <stdlib.h>

#include "rt/executor_internal.h"
#include "sys/clock.h"

#define SPIN_DEFAULT 40u
#define MILLI 1000u

struct executor_config executor_config_default(void)
{
	return (struct executor_config){.numa_aware = true,
		.work_stealing = true,
		.pin_threads = true,
		.max_batch_size = EXECUTOR_BATCH_DEFAULT,
		.queue_size = EXECUTOR_QUEUE_DEFAULT,
		.fork_depth = EXECUTOR_FORKS_DEFAULT,
		.spin = SPIN_DEFAULT};
}

static bool config_is_valid(const struct executor_config *c)
{
	return c->worker_count <= EXECUTOR_WORKERS_MAX && c->max_batch_size >= 1 &&
		c->max_batch_size <= EXECUTOR_BATCH_MAX && c->queue_size >= INJECTOR_SIZE_MIN &&
		c->queue_size <= EXECUTOR_QUEUE_MAX && (c->queue_size & (c->queue_size - 1)) == 0 &&
		c->fork_depth >= 1 && c->fork_depth <= FORK_SLOTS_MAX &&
		(c->cache_line_size & (c->cache_line_size - 1)) == 0;
}

/* ---- memory ---- */

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Its stack of forks, at a multiple of the stack's size; its slots, as many as may be used. */
static void init_forks(struct worker *w, unsigned char *stack, uint32_t depth)
{
	w->forks = (struct fork_stack *)(void *)stack;
	w->slots = (struct fork *)(void *)(stack + sizeof *w->forks);
	*w->forks = (struct fork_stack){.base = w->slots, .end = w->slots + depth, .worker = w};
	atomic_init(&w->forks->limit, w->forks->end);
	split_init(&w->split);
}

/* A worker, its stack and its rings in one region: on its node where that is wanted. */
static struct worker *create_worker(struct executor *x, uint32_t index)
{
	const struct executor_config *c = &x->config;
	const struct cpu_place *place = &x->cpus->place[index % x->cpus->count];
	const size_t ring_at = round_up(sizeof(struct worker), CACHE_LINE);
	const size_t mail_at = round_up(ring_at + c->queue_size * sizeof(void *), CACHE_LINE);
	const size_t victims_at = mail_at + MAILBOX_SIZE * sizeof(struct injector_cell);
	const size_t size = victims_at + x->wanted * sizeof(struct worker *);
	const struct pages_options options = {.want = PAGES_ORDINARY,
		.node = c->numa_aware ? x->cpus->node_id[place->node] : PAGES_NODE_ANY,
		.populate = true};
	struct pages memory;
	if (pages_map(&memory, 2 * FORK_STACK_SIZE + size, &options) != OK)
		return NULL;
	unsigned char *stack = memory.ptr + (-(uintptr_t)memory.ptr & (FORK_STACK_SIZE - 1));
	unsigned char *at = stack + FORK_STACK_SIZE;
	struct worker *w = (struct worker *)(void *)at;
	w->x = x;
	w->index = index;
	w->node = place->node;
	w->place = c->pin_threads ? place : NULL;
	w->rng = index * 2654435761u + 1;
	w->victims = (struct worker **)(void *)(at + victims_at);
	w->memory = memory;
	init_forks(w, stack, c->fork_depth);
	deque_init(&w->deque, (_Atomic(void *) *)(void *)(at + ring_at), c->queue_size);
	injector_init(&w->mailbox, (struct injector_cell *)(void *)(at + mail_at), MAILBOX_SIZE);
	eventcount_init(&w->sleep, 0);
	return w;
}

static void free_worker(struct worker *w)
{
	struct pages memory = w->memory;
	pages_unmap(&memory);
}

static void free_all(struct executor *x)
{
	for (uint32_t i = 0; x->worker != NULL && i < x->wanted; i++)
		if (x->worker[i] != NULL)
			free_worker(x->worker[i]);
	(void)pthread_mutex_destroy(&x->in_place);
	free(x->worker);
	free(x->injector_cells);
	free(x->cpus);
	free(x);
}

static uint32_t count_wanted(const struct executor_config *c, const struct cpu_map *cpus)
{
	uint32_t wanted = c->worker_count;
	if (c->in_place)
		return 1;
	if (wanted == 0)
		wanted = cpu_map_parallel(cpus);
	return wanted < EXECUTOR_WORKERS_MAX ? wanted : EXECUTOR_WORKERS_MAX;
}

/* All the memory that there will ever be. */
static enum err allocate(struct executor **out, const struct executor_config *config)
{
	struct executor *x = aligned_alloc(CACHE_LINE, round_up(sizeof *x, CACHE_LINE));
	if (x == NULL)
		return ERR_FULL;
	memset(x, 0, sizeof *x);
	x->config = *config;
	CHECK(pthread_mutex_init(&x->in_place, NULL) == 0);
	x->cpus = malloc(sizeof *x->cpus);
	x->injector_cells = calloc(config->queue_size, sizeof x->injector_cells[0]);
	if (x->cpus == NULL || x->injector_cells == NULL)
		goto full;
	if (config->cpus != NULL)
		*x->cpus = *config->cpus;
	else
		cpu_map_read(x->cpus);
	x->config.cpus = x->cpus;
	if (x->config.cache_line_size == 0)
		x->config.cache_line_size = x->cpus->cache_line;
	injector_init(&x->injector, x->injector_cells, config->queue_size);
	eventcount_init(&x->gate, 0);
	x->wanted = count_wanted(config, x->cpus);
	x->worker = calloc(x->wanted, sizeof x->worker[0]);
	for (uint32_t i = 0; x->worker != NULL && i < x->wanted; i++)
		if ((x->worker[i] = create_worker(x, i)) == NULL)
			goto full;
	if (x->worker == NULL)
		goto full;
	*out = x;
	return OK;
full:
	free_all(x);
	return ERR_FULL;
}

/* ---- life ---- */

/* All other workers, those of the same node first where that counts. */
static void list_victims(struct worker *w)
{
	const struct executor *x = w->x;
	for (int far = 0; far < 2; far++) {
		for (uint32_t i = 0; x->config.work_stealing && i < x->worker_count; i++) {
			const bool is_far = x->config.numa_aware && x->worker[i]->node != w->node;
			if (x->worker[i] != w && is_far == (far != 0))
				w->victims[w->victim_count++] = x->worker[i];
		}
		if (far == 0)
			w->near_count = w->victim_count;
	}
}

static bool gate_is_open(void *executor)
{
	const struct executor *x = executor;
	/* [GATE] acquire: pairs with the release in start_threads */
	return atomic_load_explicit(&x->open, memory_order_acquire);
}

static bool all_arrived(void *executor)
{
	const struct executor *x = executor;
	/* [ARRIVED] acquire: they are where they belong, and counted */
	return atomic_load_explicit(&x->arrived, memory_order_acquire) == x->threads;
}

static void thread_entry(void *worker)
{
	struct worker *w = worker;
	struct executor *x = w->x;
	if (w->place != NULL && cpu_pin(w->place->cpu) == OK)
		(void)atomic_fetch_add_explicit(&x->pinned, 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&x->arrived, 1, memory_order_release); /* [ARRIVED] */
	eventcount_notify_all(&x->gate);
	(void)!eventcount_await(&x->gate, FUTEX_FOREVER, gate_is_open, x);
	worker_main(w);
}

/* As many as the system grants. */
static void start_threads(struct executor *x)
{
	while (!x->config.in_place && x->threads < x->wanted) {
		char name[16];
		struct worker *w = x->worker[x->threads];
		(void)snprintf(name, sizeof name, "work-%u", x->threads);
		if (thread_start(&w->thread, name, thread_entry, w) != OK)
			break;
		x->threads++;
	}
	(void)!eventcount_await(&x->gate, FUTEX_FOREVER, all_arrived, x);
	x->worker_count = x->threads > 0 ? x->threads : 1;
	x->has_thieves = x->worker_count > 1 && x->config.work_stealing;
	for (uint32_t i = 0; i < x->worker_count; i++) {
		list_victims(x->worker[i]);
		x->worker[i]->started_ns = clock_mono_ns();
	}
	/* [GATE] release: everything above is seen by the workers */
	atomic_store_explicit(&x->open, true, memory_order_release);
	eventcount_notify_all(&x->gate);
}

enum err executor_create(struct executor **out, const struct executor_config *config)
{
	if (!config_is_valid(config))
		return ERR_RANGE;
	TRY(allocate(out, config));
	start_threads(*out);
	return OK;
}

void executor_close(struct executor *x, enum executor_close how)
{
	const uint32_t state = how == EXECUTOR_DROP ? EXECUTOR_DROPPING : EXECUTOR_DRAINING;
	uint32_t before = atomic_load_explicit(&x->state, memory_order_relaxed);
	/* release: pairs with the acquire in worker.c:is_over; only ever further */
	while (before < state &&
		!atomic_compare_exchange_weak_explicit(
			&x->state, &before, state, memory_order_acq_rel, memory_order_relaxed))
		continue;
	executor_wake_all(x);
}

/* No two threads that run have the same. */
static uintptr_t this_thread(void)
{
	static _Thread_local char mark;
	return (uintptr_t)&mark;
}

/* Runs a worker's queues on this thread, which is the worker meanwhile. */
static void run_in_place(struct executor *x, struct worker *w, struct task *first)
{
	CHECK(pthread_mutex_lock(&x->in_place) == 0);
	atomic_store_explicit(&x->in_place_by, this_thread(), memory_order_relaxed);
	if (first != NULL)
		worker_run_task(worker_strand(w), first);
	worker_run_all(worker_strand(w));
	atomic_store_explicit(&x->in_place_by, 0, memory_order_relaxed);
	CHECK(pthread_mutex_unlock(&x->in_place) == 0);
}

void executor_destroy(struct executor *x)
{
	if (x == NULL)
		return;
	executor_close(x, EXECUTOR_DRAIN);
	for (uint32_t i = 0; i < x->threads; i++)
		thread_join(&x->worker[i]->thread);
	/* what came in while it closed */
	for (uint32_t i = 0; i < x->worker_count; i++)
		run_in_place(x, x->worker[i], NULL);
	free_all(x);
}

/* ---- submission ---- */

static enum err submit_in_place(struct executor *x, struct task *t)
{
	struct worker *w = x->worker[0];
	/* from within a task: its turn comes when that one has ended */
	if (atomic_load_explicit(&x->in_place_by, memory_order_relaxed) == this_thread())
		return deque_push(&w->deque, t);
	run_in_place(x, w, t);
	return OK;
}

static enum err submit(struct executor *x, struct worker *to, struct task *t)
{
	enum err err = ERR_STATE;
	task_enter(t);
	if (atomic_load_explicit(&x->state, memory_order_relaxed) == EXECUTOR_OPEN)
		err = x->threads == 0 ? submit_in_place(x, t)
				      : injector_push(to == NULL ? &x->injector : &to->mailbox, t);
	if (err != OK)
		task_refused(x, t);
	return err;
}

enum err executor_submit_to(struct executor *x, uint32_t worker, struct task *t)
{
	CHECK(worker < x->worker_count);
	struct worker *to = x->worker[worker];
	TRY(submit(x, to, t));
	if (x->threads > 0)
		worker_wake(to);
	return OK;
}

/* Without stealing, tasks are dealt out in turn. */
static enum err deal(struct executor *x, struct task *t)
{
	const uint32_t turn = atomic_fetch_add_explicit(&x->next_mailbox, 1, memory_order_relaxed);
	return executor_submit_to(x, turn % x->worker_count, t);
}

enum err executor_submit(struct executor *x, struct task *t)
{
	if (!x->config.work_stealing)
		return deal(x, t);
	TRY(submit(x, NULL, t));
	if (x->threads > 0)
		executor_wake(x, x->worker[0]->node, 1);
	return OK;
}

enum err executor_submit_many(
	struct executor *x, uint32_t *taken, struct task *const *tasks, uint32_t count)
{
	enum err err = OK;
	for (*taken = 0; *taken < count; ++*taken) {
		err = x->config.work_stealing ? submit(x, NULL, tasks[*taken])
					      : deal(x, tasks[*taken]);
		if (err != OK)
			break;
	}
	if (x->config.work_stealing && x->threads > 0)
		executor_wake(x, x->worker[0]->node, *taken);
	return err;
}

struct call {
	struct task task; /* first: the task is the call */
	fork_branch run;
	void *arg;
};

static void run_call(struct strand s, struct task *t)
{
	const struct call *call = (const struct call *)(const void *)t;
	call->run(s, call->arg);
}

enum err executor_call(struct executor *x, fork_branch run, void *arg)
{
	struct task_group group;
	struct call call = {.task = {.run = run_call, .group = &group}, .run = run, .arg = arg};
	task_group_init(&group, NULL);
	TRY(executor_submit(x, &call.task));
	(void)!task_group_await(&group, FUTEX_FOREVER);
	return task_group_dropped(&group) > 0 ? ERR_CANCELLED : OK;
}

/* ---- what is known about it ---- */

uint32_t executor_workers(const struct executor *x)
{
	return x->worker_count;
}

bool executor_is_in_place(const struct executor *x)
{
	return x->threads == 0;
}

const struct executor_config *executor_settings(const struct executor *x)
{
	return &x->config;
}

struct executor *strand_executor(struct strand s)
{
	return strand_to_worker(s)->x;
}

uint32_t strand_worker(struct strand s)
{
	return strand_to_worker(s)->index;
}

static uint64_t counter_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void executor_counts(const struct executor *x, struct executor_counts *out, uint32_t worker)
{
	CHECK(worker < x->worker_count);
	const struct worker *w = x->worker[worker];
	const struct worker_counters *c = &w->counters;
	const uint64_t since = counter_get(&c->idle_since_ns), now = clock_mono_ns();
	const uint64_t alive = now - w->started_ns;
	const uint64_t idle = counter_get(&c->idle_ns) +
		(since != 0 && since < now ? now - since : 0);
	*out = (struct executor_counts){.run = counter_get(&c->run),
		.dropped = counter_get(&c->dropped),
		.stolen = counter_get(&c->stolen),
		.failed_steals = counter_get(&c->failed_steals),
		.offered = counter_get(&c->offered),
		.parked = counter_get(&c->parked),
		.idle_ns = idle,
		/* read one after the other, the two may overlap a little */
		.busy_ns = idle < alive ? alive - idle : 0,
		.queue_depth = deque_count(&w->deque) + injector_count(&w->mailbox)};
}

void executor_totals(
	const struct executor *x, struct executor_counts *out, uint32_t *imbalance_milli)
{
	uint64_t most = 0;
	*out = (struct executor_counts){.queue_depth = injector_count(&x->injector)};
	for (uint32_t i = 0; i < x->worker_count; i++) {
		struct executor_counts one;
		executor_counts(x, &one, i);
		out->run += one.run;
		out->dropped += one.dropped;
		out->stolen += one.stolen;
		out->failed_steals += one.failed_steals;
		out->offered += one.offered;
		out->parked += one.parked;
		out->busy_ns += one.busy_ns;
		out->idle_ns += one.idle_ns;
		out->queue_depth += one.queue_depth;
		most = one.busy_ns > most ? one.busy_ns : most;
	}
	const uint64_t mean = out->busy_ns / x->worker_count;
	*imbalance_milli = mean == 0 ? 0 : (uint32_t)((most - mean) * MILLI / mean);
}

void executor_describe(const struct executor *x, char text[EXECUTOR_TEXT_SIZE])
{
	const uint32_t pinned = atomic_load_explicit(&x->pinned, memory_order_relaxed);
	if (x->config.in_place)
		(void)snprintf(text, EXECUTOR_TEXT_SIZE, "tasks run where they are submitted");
	else if (x->threads == 0)
		(void)snprintf(text, EXECUTOR_TEXT_SIZE,
			"the system refuses threads: tasks run where they are submitted");
	else
		(void)snprintf(text, EXECUTOR_TEXT_SIZE,
			"%u workers%s on %u processors of %u nodes, %u pinned", x->threads,
			x->threads < x->wanted ? " (the system refuses more)" : "", x->cpus->count,
			x->cpus->node_count, pinned);
}
