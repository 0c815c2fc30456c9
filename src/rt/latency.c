#include "rt/latency.h"

#include <pthread.h>
#include <stdlib.h>

#include "sys/thread.h"

/* One thread's values; of nobody's where that one has ended. */
struct part {
	struct histogram h;
	_Atomic bool owned;
	struct part *next; /* fixed before it is listed */
	_Atomic uint64_t bucket[];
};

struct latency {
	uint32_t index; /* first: latency_index_ */
	const char *name;
	struct histogram_range range;
	struct part *_Atomic parts; /* only ever longer */
	_Atomic uint64_t dropped;
};

_Static_assert(offsetof(struct latency, index) == 0, "latency_index_ reads it");

_Thread_local struct histogram *latency_own_[LATENCY_SERIES_MAX];
static _Thread_local struct thread_exit exit_node;
static _Thread_local bool exit_node_added;

static struct latency series[LATENCY_SERIES_MAX];
static uint32_t series_count;
static pthread_mutex_t series_lock = PTHREAD_MUTEX_INITIALIZER;

static enum err find_or_make(struct latency **out, const char *name, struct histogram_range range)
{
	struct latency *l = series;
	while (l < series + series_count && strcmp(l->name, name) != 0)
		l++;
	if (l == series + LATENCY_SERIES_MAX)
		return ERR_FULL;
	if (l == series + series_count) {
		l->index = series_count++;
		l->name = name;
		l->range = range;
	} else if (l->range.unit_bits != range.unit_bits ||
		l->range.value_bits != range.value_bits) {
		return ERR_EXISTS;
	}
	*out = l;
	return OK;
}

enum err latency_series(struct latency **out, const char *name, struct histogram_range range)
{
	(void)histogram_buckets(range); /* checks it */
	CHECK(pthread_mutex_lock(&series_lock) == 0);
	const enum err err = find_or_make(out, name, range);
	CHECK(pthread_mutex_unlock(&series_lock) == 0);
	return err;
}

const char *latency_name(const struct latency *l)
{
	return l->name;
}

struct histogram_range latency_range(const struct latency *l)
{
	return l->range;
}

/* ---- the calling thread's part ---- */

static void on_thread_exit(void *ctx)
{
	(void)ctx;
	exit_node_added = false;
	for (uint32_t i = 0; i < LATENCY_SERIES_MAX; i++) {
		struct part *p = (struct part *)(void *)latency_own_[i];
		latency_own_[i] = NULL;
		/* [PART] release: pairs with the acquire in adopt */
		if (p != NULL)
			atomic_store_explicit(&p->owned, false, memory_order_release);
	}
}

/* One that a thread left behind, or NULL. */
static struct part *adopt(struct latency *l)
{
	/* acquire: pairs with [LIST] */
	struct part *p = atomic_load_explicit(&l->parts, memory_order_acquire);
	for (; p != NULL; p = p->next) {
		bool owned = false;
		/* acquire: pairs with [PART] */
		if (!atomic_load_explicit(&p->owned, memory_order_relaxed) &&
			atomic_compare_exchange_strong_explicit(&p->owned, &owned, true,
				memory_order_acquire, memory_order_relaxed))
			return p;
	}
	return NULL;
}

static struct part *make(struct latency *l)
{
	const size_t count = histogram_buckets(l->range);
	/* fresh pages: what is never recorded takes no memory */
	struct part *p = calloc(1, sizeof *p + count * sizeof p->bucket[0]);
	if (p == NULL)
		return NULL;
	histogram_init(&p->h, p->bucket, l->range, true);
	atomic_init(&p->owned, true);
	struct part *first = atomic_load_explicit(&l->parts, memory_order_relaxed);
	do {
		p->next = first;
		/* [LIST] release: pairs with the acquires in adopt and latency_merge */
	} while (!atomic_compare_exchange_weak_explicit(
		&l->parts, &first, p, memory_order_release, memory_order_relaxed));
	return p;
}

enum err latency_attach(struct latency *l)
{
	if (latency_own_[l->index] != NULL)
		return OK;
	struct part *p = adopt(l);
	if (p == NULL)
		p = make(l);
	if (p == NULL)
		return ERR_FULL;
	latency_own_[l->index] = &p->h;
	if (!exit_node_added) {
		exit_node_added = true;
		exit_node = (struct thread_exit){.run = on_thread_exit};
		thread_at_exit(&exit_node);
	}
	return OK;
}

void latency_record_first_(struct latency *l, uint64_t value)
{
	if (latency_attach(l) == OK)
		histogram_record(latency_own_[l->index], value);
	else
		(void)atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
}

/* ---- reading ---- */

void latency_merge(struct histogram *into, const struct latency *l)
{
	/* acquire: pairs with [LIST] */
	const struct part *p = atomic_load_explicit(&l->parts, memory_order_acquire);
	for (; p != NULL; p = p->next)
		histogram_merge(into, &p->h);
}

uint64_t latency_dropped(const struct latency *l)
{
	return atomic_load_explicit(&l->dropped, memory_order_relaxed);
}
