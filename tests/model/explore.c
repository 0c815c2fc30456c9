#include "explore.h"
#undef memcpy

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/base.h"
#include "sys/futex.h"
#include "sys/thread.h"

#define LOCATIONS_MAX 48u
#define STORES_MAX 48u
#define CHOICES_MAX 4096u
#define STEPS_MAX 400u
#define SHARED_WORDS_MAX 64u
#define SITES_MAX 256u
#define STACK_SIZE 65536u
#define MEET_MAX 200u           /* executions until a program must have come by the mutant */
#define SETUP MODEL_THREADS_MAX /* the thread that setup and finish run as */

struct view {
	uint16_t oldest[LOCATIONS_MAX]; /* the store of each location that may still be read */
	uint16_t clock[MODEL_THREADS_MAX + 1];
};

struct store {
	uint64_t value;
	struct view view; /* what an acquire of it learns */
};

struct location {
	volatile void *at;
	size_t size;
	uint16_t count;
	struct store store[STORES_MAX];
};

enum kind { STEP_LOAD, STEP_WRITE, STEP_FENCE, STEP_SLEEP, STEP_WAKE };

struct coroutine {
	ucontext_t context;
	uint8_t *stack;
	bool done, asleep, timed, woken;
	enum kind kind; /* of its next step */
	uint16_t location;
	struct view now, pending, released;
};

struct choice {
	uint8_t count, at;
	uint8_t candidate[MODEL_THREADS_MAX];
	uint8_t asleep; /* sleep set, a bit a thread; of a choice of a thread */
};

struct word { /* of shared memory that is not atomic */
	const uint8_t *at;
	uint8_t writer;
	uint16_t written;
	uint16_t read[MODEL_THREADS_MAX + 1];
};

struct site {
	struct model_place place;
	memory_order order;
	bool is_fence, is_rmw, is_store;
};

static struct location location[LOCATIONS_MAX];
static uint16_t location_count;
static struct coroutine coroutine[MODEL_THREADS_MAX + 1];
static uint16_t sc_oldest[LOCATIONS_MAX];
static struct choice choice[CHOICES_MAX];
static size_t choice_count, choice_next;
static struct word word[SHARED_WORDS_MAX];
static size_t word_count;
static struct site site[SITES_MAX];
static size_t site_count;
static int mutant_site = -1;
static memory_order mutant_order;
static bool mutant_drops, mutant_met; /* the program comes by it */

static const struct model_program *running;
static ucontext_t scheduler;
static uint32_t self = SETUP;
static uint8_t sleep_set;
static bool is_pruned, in_setup, in_finish;
static jmp_buf finishing;
static uint64_t steps;
static char failure[160];

_Noreturn static void leave(void)
{
	if (in_finish)
		longjmp(finishing, 1);
	if (self == SETUP) {
		(void)fprintf(stderr, "model: in setup: %s\n", failure);
		abort();
	}
	(void)setcontext(&scheduler);
	abort();
}

_Noreturn void model_fail(const char *why)
{
	(void)snprintf(failure, sizeof failure, "%s", why);
	leave();
}

_Noreturn void check_failed(const char *expr, const char *file, int line)
{
	char text[140];
	(void)snprintf(text, sizeof text, "CHECK(%.60s) %.50s:%d", expr, file, line);
	model_fail(text);
}

/* ---- views ---- */

static void view_join(struct view *v, const struct view *other)
{
	for (size_t i = 0; i < location_count; i++)
		if (v->oldest[i] < other->oldest[i])
			v->oldest[i] = other->oldest[i];
	for (size_t i = 0; i <= MODEL_THREADS_MAX; i++)
		if (v->clock[i] < other->clock[i])
			v->clock[i] = other->clock[i];
}

static uint64_t memory_read(const volatile void *at, size_t size)
{
	uint64_t value = 0;
	memcpy(&value, (const void *)(uintptr_t)at, size);
	return value;
}

/* The location that holds the address; what is there now is its first store. */
static uint16_t location_of(const volatile void *at, size_t size)
{
	const uintptr_t a = (uintptr_t)at;
	for (uint16_t i = 0; i < location_count; i++)
		if (a >= (uintptr_t)location[i].at &&
			a + size <= (uintptr_t)location[i].at + location[i].size)
			return i;
	if (location_count == LOCATIONS_MAX)
		model_fail("more locations than the explorer has");
	struct location *l = &location[location_count];
	l->at = (volatile void *)(uintptr_t)a;
	l->size = size;
	l->count = 1;
	memset(&l->store[0], 0, sizeof l->store[0]);
	l->store[0].value = memory_read(at, size);
	return location_count++;
}

/* ---- choices ---- */

static uint8_t choose(uint8_t count)
{
	if (count == 1)
		return 0;
	if (choice_next == choice_count) {
		if (choice_count == CHOICES_MAX)
			model_fail("more choices than the explorer has");
		choice[choice_count++] = (struct choice){.count = count};
	}
	return choice[choice_next++].at;
}

/* Goes back to the last choice that has another way; false: there is none. */
static bool next_execution(void)
{
	while (choice_count > 0) {
		struct choice *c = &choice[choice_count - 1];
		if (++c->at < c->count)
			return true;
		choice_count--;
	}
	return false;
}

/* ---- sites ---- */

static memory_order order_of(struct model_place at, memory_order o, struct site like)
{
	size_t i = 0;
	while (i < site_count &&
		(site[i].place.line != at.line || strcmp(site[i].place.file, at.file) != 0 ||
			site[i].order != o || site[i].is_store != like.is_store))
		i++;
	if (i == site_count) {
		if (site_count == SITES_MAX)
			model_fail("more places than the explorer has");
		like.place = at;
		like.order = o;
		site[site_count++] = like;
	}
	if ((int)i != mutant_site)
		return o;
	mutant_met = true;
	return mutant_order;
}

static size_t variants(const struct site *s)
{
	if (s->is_fence || s->order != memory_order_acq_rel)
		return s->order == memory_order_relaxed ? 0 : 1;
	return 2;
}

static memory_order weaker(const struct site *s, size_t variant)
{
	if (s->order == memory_order_seq_cst && !s->is_fence)
		return s->is_rmw      ? memory_order_acq_rel
			: s->is_store ? memory_order_release
				      : memory_order_acquire;
	if (s->order == memory_order_acq_rel)
		return variant == 0 ? memory_order_acquire : memory_order_release;
	return memory_order_relaxed;
}

static const struct site *site_of_mutant(int number, size_t *variant)
{
	for (size_t i = 0; i < site_count; i++) {
		const size_t n = variants(&site[i]);
		if ((size_t)number < n) {
			*variant = (size_t)number;
			return &site[i];
		}
		number -= (int)n;
	}
	abort();
}

int model_mutants(void)
{
	size_t count = 0;
	for (size_t i = 0; i < site_count; i++)
		count += variants(&site[i]);
	return (int)count;
}

void model_mutate(int number)
{
	size_t variant;
	mutant_site = -1;
	if (number < 0)
		return;
	const struct site *s = site_of_mutant(number, &variant);
	mutant_site = (int)(s - site);
	mutant_order = weaker(s, variant);
	mutant_drops = s->is_fence;
}

const char *model_mutant_function(int number)
{
	size_t variant;
	return site_of_mutant(number, &variant)->place.function;
}

const char *model_mutant_name(int number)
{
	static const char *const names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
	static char text[120];
	size_t variant;
	const struct site *s = site_of_mutant(number, &variant);
	const char *file = strstr(s->place.file, "src/");
	(void)snprintf(text, sizeof text, "%.40s:%d %.40s: %s%s as %s",
		file ? file + 4 : s->place.file, s->place.line, s->place.function, names[s->order],
		s->is_fence ? " fence" : "", s->is_fence ? "none" : names[weaker(s, variant)]);
	return text;
}

/* ---- steps ---- */

/* Lets the scheduler decide when this step is taken. */
static struct coroutine *step(enum kind kind, uint16_t at)
{
	struct coroutine *c = &coroutine[self];
	if (self != SETUP) {
		c->kind = kind;
		c->location = at;
		(void)swapcontext(&c->context, &scheduler);
	}
	c->now.clock[self]++;
	return c;
}

static bool acquires(memory_order o)
{
	return o == memory_order_acquire || o >= memory_order_acq_rel;
}

static bool releases(memory_order o)
{
	return o >= memory_order_release;
}

static void learn(struct coroutine *c, const struct view *v, memory_order o)
{
	view_join(&c->pending, v);
	if (acquires(o))
		view_join(&c->now, v);
}

static uint64_t read_store(struct coroutine *c, uint16_t at, uint16_t index, memory_order o)
{
	const struct store *s = &location[at].store[index];
	if (c->now.oldest[at] < index)
		c->now.oldest[at] = index;
	learn(c, &s->view, o);
	return s->value;
}

static void add_store(struct coroutine *c, uint16_t at, uint64_t value, memory_order o,
	const struct view *sequence)
{
	struct location *l = &location[at];
	if (l->count == STORES_MAX)
		model_fail("more stores to a location than the explorer has");
	struct store *s = &l->store[l->count];
	c->now.oldest[at] = l->count;
	s->value = value;
	s->view = releases(o) ? c->now : c->released;
	if (sequence != NULL)
		view_join(&s->view, sequence);
	s->view.oldest[at] = l->count;
	if (o == memory_order_seq_cst)
		sc_oldest[at] = l->count;
	l->count++;
	memcpy((void *)(uintptr_t)l->at, &value, l->size);
}

uint64_t model_load(const volatile void *p, size_t size, memory_order o, struct model_place place)
{
	const uint16_t at = location_of(p, size);
	o = order_of(place, o, (struct site){.is_store = false});
	/* one that is sequentially consistent depends on what fences and such stores do */
	struct coroutine *c = step(o == memory_order_seq_cst ? STEP_WRITE : STEP_LOAD, at);
	uint16_t oldest = c->now.oldest[at];
	if (o == memory_order_seq_cst && oldest < sc_oldest[at])
		oldest = sc_oldest[at];
	const uint16_t newest = (uint16_t)(location[at].count - 1);
	const uint8_t back = choose((uint8_t)(newest - oldest + 1));
	return read_store(c, at, (uint16_t)(newest - back), o);
}

void model_store(
	volatile void *p, size_t size, uint64_t value, memory_order o, struct model_place place)
{
	const uint16_t at = location_of(p, size);
	if (in_setup) { /* seen by all, whatever its order */
		coroutine[SETUP].now.oldest[at] = 0;
		location[at].count = 1;
		location[at].store[0].value = value;
		memcpy((void *)(uintptr_t)p, &value, size);
		return;
	}
	o = order_of(place, o, (struct site){.is_store = true});
	struct coroutine *c = step(STEP_WRITE, at);
	if (size < sizeof value)
		value &= (UINT64_C(1) << 8 * size) - 1;
	add_store(c, at, value, o, NULL);
}

/* A read-modify-write reads the newest store and carries on its release sequence. */
static uint64_t rmw_read(struct coroutine *c, uint16_t at, memory_order o, struct view *sequence)
{
	const uint16_t newest = (uint16_t)(location[at].count - 1);
	*sequence = location[at].store[newest].view;
	return read_store(c, at, newest, o);
}

uint64_t model_rmw(volatile void *p, size_t size, enum model_rmw op, uint64_t operand,
	memory_order o, struct model_place place)
{
	const uint16_t at = location_of(p, size);
	struct view sequence;
	o = order_of(place, o, (struct site){.is_rmw = true, .is_store = true});
	struct coroutine *c = step(STEP_WRITE, at);
	const uint64_t before = rmw_read(c, at, o, &sequence);
	const uint64_t after[] = {
		[MODEL_ADD] = before + operand,
		[MODEL_AND] = before & operand,
		[MODEL_OR] = before | operand,
		[MODEL_EXCHANGE] = operand,
	};
	const uint64_t mask = size < 8 ? (UINT64_C(1) << 8 * size) - 1 : UINT64_MAX;
	add_store(c, at, after[op] & mask, o, &sequence);
	return before;
}

bool model_cas(volatile void *p, size_t size, uint64_t *expected, uint64_t desired, memory_order o,
	memory_order failed, struct model_place place)
{
	const uint16_t at = location_of(p, size);
	struct view sequence;
	o = order_of(place, o, (struct site){.is_rmw = true, .is_store = true});
	failed = order_of(place, failed, (struct site){.is_store = false});
	struct coroutine *c = step(STEP_WRITE, at);
	const uint16_t newest = (uint16_t)(location[at].count - 1);
	if (location[at].store[newest].value != *expected) {
		*expected = read_store(c, at, newest, failed);
		return false;
	}
	(void)rmw_read(c, at, o, &sequence);
	add_store(c, at, desired, o, &sequence);
	return true;
}

void model_fence(memory_order o, struct model_place place)
{
	const bool is_mutant = order_of(place, o, (struct site){.is_fence = true}) != o;
	struct coroutine *c = step(STEP_FENCE, 0);
	if (is_mutant && mutant_drops)
		return;
	if (acquires(o))
		view_join(&c->now, &c->pending);
	if (o == memory_order_seq_cst)
		for (size_t i = 0; i < location_count; i++) {
			if (c->now.oldest[i] < sc_oldest[i])
				c->now.oldest[i] = sc_oldest[i];
			sc_oldest[i] = c->now.oldest[i];
		}
	if (releases(o))
		c->released = c->now;
}

/* ---- memory that is not atomic ---- */

void model_share(const void *at, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		CHECK(word_count < SHARED_WORDS_MAX);
		word[word_count++] = (struct word){.at = (const uint8_t *)at + i, .writer = SETUP};
	}
}

static void touch(const void *from, size_t size, bool writes)
{
	const struct view *now = &coroutine[self].now;
	for (size_t i = 0; i < word_count; i++) {
		struct word *w = &word[i];
		if (w->at + sizeof(uint64_t) <= (const uint8_t *)from ||
			w->at >= (const uint8_t *)from + size)
			continue;
		if (w->written > now->clock[w->writer])
			model_fail(writes ? "a race of two writes" : "a race: read of a write");
		for (size_t t = 0; writes && t <= MODEL_THREADS_MAX; t++)
			if (t != self && w->read[t] > now->clock[t])
				model_fail("a race: write of what is being read");
		if (writes) {
			w->writer = (uint8_t)self;
			w->written = now->clock[self];
		} else {
			w->read[self] = now->clock[self];
		}
	}
}

void *model_memcpy(void *to, const void *from, size_t size)
{
	touch(from, size, false);
	touch(to, size, true);
	return memcpy(to, from, size);
}

/* ---- sleeping ---- */

enum err futex_wait(const _Atomic uint32_t *p, uint32_t expected, uint64_t deadline_ns)
{
	const uint16_t at = location_of(p, sizeof *p);
	const bool upper = (uintptr_t)p != (uintptr_t)location[at].at;
	struct coroutine *c = step(STEP_SLEEP, at);
	const uint64_t value = location[at].store[location[at].count - 1].value;
	if ((uint32_t)(upper ? value >> 32 : value) != expected)
		return OK;
	c->asleep = true;
	c->timed = deadline_ns != FUTEX_FOREVER;
	c->woken = false;
	(void)step(STEP_SLEEP, at);
	c->asleep = false;
	return c->woken ? OK : ERR_TIMEOUT;
}

void futex_wake(const _Atomic uint32_t *p, int32_t count)
{
	const uint16_t at = location_of(p, sizeof *p);
	(void)step(STEP_WAKE, at);
	for (; count > 0; count--) {
		uint8_t list[MODEL_THREADS_MAX], n = 0;
		for (uint8_t i = 0; i < MODEL_THREADS_MAX; i++)
			if (coroutine[i].asleep && !coroutine[i].woken &&
				coroutine[i].location == at)
				list[n++] = i;
		if (n == 0)
			return;
		coroutine[list[choose(n)]].woken = true;
	}
}

uint32_t thread_cpu_count(void)
{
	return 1; /* no spinning */
}

/* ---- executions ---- */

static void entry(void)
{
	running->thread[self]();
	coroutine[self].done = true;
	(void)setcontext(&scheduler);
}

static bool is_enabled(const struct coroutine *c)
{
	return !c->done && (!c->asleep || c->woken || c->timed);
}

/* Whether it makes no difference which of the two steps comes first. */
static bool are_independent(const struct coroutine *a, const struct coroutine *b)
{
	if (a->kind == STEP_FENCE || b->kind == STEP_FENCE)
		return a->kind != b->kind && a->kind < STEP_SLEEP && b->kind < STEP_SLEEP &&
			a->kind != STEP_WRITE && b->kind != STEP_WRITE;
	return a->location != b->location || (a->kind == STEP_LOAD && b->kind == STEP_LOAD);
}

/* Which thread goes on; false: none can, or all that could have been seen in another order. */
static bool schedule(uint32_t *next)
{
	struct choice c = {.asleep = sleep_set};
	for (uint8_t i = 0; i < MODEL_THREADS_MAX; i++)
		if (is_enabled(&coroutine[i])) {
			is_pruned = true;
			if ((sleep_set >> i & 1) == 0)
				c.candidate[c.count++] = i;
		}
	if (c.count == 0)
		return false;
	is_pruned = false;
	if (choice_next == choice_count) {
		if (choice_count == CHOICES_MAX)
			model_fail("more choices than the explorer has");
		choice[choice_count++] = c;
	}
	const struct choice *taken = &choice[choice_next++];
	*next = taken->candidate[taken->at];
	uint8_t before = taken->asleep;
	for (uint8_t i = 0; i < taken->at; i++)
		before |= (uint8_t)(1u << taken->candidate[i]);
	sleep_set = 0;
	for (uint8_t i = 0; i < MODEL_THREADS_MAX; i++)
		if ((before >> i & 1) != 0 && are_independent(&coroutine[i], &coroutine[*next]))
			sleep_set |= (uint8_t)(1u << i);
	return true;
}

static void run_thread(uint32_t index)
{
	self = index;
	(void)swapcontext(&scheduler, &coroutine[index].context);
	self = SETUP;
}

static void start_threads(void)
{
	for (uint32_t i = 0; i < MODEL_THREADS_MAX; i++) {
		struct coroutine *c = &coroutine[i];
		c->done = running->thread[i] == NULL;
		if (c->done)
			continue;
		c->now = coroutine[SETUP].now;
		c->now.clock[i] = 1;
		if (c->stack == NULL)
			c->stack = malloc(STACK_SIZE);
		CHECK(c->stack != NULL && getcontext(&c->context) == 0);
		c->context.uc_stack.ss_sp = c->stack;
		c->context.uc_stack.ss_size = STACK_SIZE;
		c->context.uc_link = NULL;
		makecontext(&c->context, entry, 0);
		run_thread(i); /* up to its first step */
	}
}

static void reset(void)
{
	for (size_t i = 0; i <= MODEL_THREADS_MAX; i++) {
		uint8_t *stack = coroutine[i].stack;
		memset(&coroutine[i], 0, sizeof coroutine[i]);
		coroutine[i].stack = stack;
	}
	location_count = 0;
	word_count = 0;
	choice_next = 0;
	sleep_set = 0;
	memset(sc_oldest, 0, sizeof sc_oldest);
}

static void finish(void)
{
	for (uint32_t i = 0; i < MODEL_THREADS_MAX; i++)
		if (!coroutine[i].done) {
			(void)snprintf(failure, sizeof failure, "all that are left sleep");
			return;
		}
	for (uint32_t i = 0; i < MODEL_THREADS_MAX; i++)
		view_join(&coroutine[SETUP].now, &coroutine[i].now);
	for (size_t i = 0; i < location_count; i++)
		coroutine[SETUP].now.oldest[i] = (uint16_t)(location[i].count - 1);
	in_finish = true;
	if (running->finish != NULL && setjmp(finishing) == 0)
		running->finish();
	in_finish = false;
}

static void run_once(void)
{
	uint32_t next;
	reset();
	in_setup = true;
	running->setup();
	in_setup = false;
	start_threads();
	for (uint32_t i = 0; failure[0] == 0 && schedule(&next); i++) {
		steps++;
		if (i == STEPS_MAX)
			(void)snprintf(failure, sizeof failure, "endless");
		else
			run_thread(next);
	}
	if (failure[0] == 0 && !is_pruned)
		finish();
}

void model_explore(
	const struct model_program *program, uint64_t executions_max, struct model_result *out)
{
	*out = (struct model_result){.exhausted = true};
	running = program;
	choice_count = 0;
	failure[0] = 0;
	steps = 0;
	mutant_met = mutant_site < 0;
	do {
		if (out->executions == executions_max ||
			(out->executions == MEET_MAX && !mutant_met)) {
			out->exhausted = false;
			break;
		}
		is_pruned = false;
		run_once();
		out->executions++;
	} while (failure[0] == 0 && next_execution());
	out->steps = steps;
	(void)snprintf(out->failure, sizeof out->failure, "%s", failure);
}
