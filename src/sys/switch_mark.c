#include "sys/switch_mark.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAVE_RSEQ 1
#else
#define HAVE_RSEQ 0
#endif

#define PROBES 3u /* each must see the switch */

/* ---- none ---- */

static const _Atomic uint64_t no_word = 0;

static enum err none_attach(struct switch_mark *m)
{
	m->word = &no_word;
	m->expect = 1; /* never equal: the mark is never set */
	return OK;
}

static void none_detach(struct switch_mark *m)
{
	(void)m;
}

static void none_set(struct switch_mark *m)
{
	(void)m;
}

/* ---- rseq ---- */

#if HAVE_RSEQ
/* A critical section of one byte among data, where no instruction pointer ever is. What an abort
 * would jump to must have the signature before it, although none ever happens. */
static const struct {
	uint32_t signature;
	uint8_t abort_here;
	uint8_t never_executed;
} landmark = {.signature = RSEQ_SIG};

static struct rseq_cs section;
static pthread_once_t section_once = PTHREAD_ONCE_INIT;

static void make_section(void)
{
	section = (struct rseq_cs){.start_ip = (uintptr_t)&landmark.never_executed,
		.post_commit_offset = sizeof landmark.never_executed,
		.abort_ip = (uintptr_t)&landmark.abort_here};
}

static _Atomic uint64_t *rseq_word(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	return (_Atomic uint64_t *)(void *)(area + offsetof(struct rseq, rseq_cs));
}

static enum err rseq_attach(struct switch_mark *m)
{
	if (__rseq_size == 0) /* an old kernel, or switched off (glibc.pthread.rseq=0) */
		return ERR_UNAVAILABLE;
	CHECK(pthread_once(&section_once, make_section) == 0);
	m->word = rseq_word();
	m->expect = (uintptr_t)&section;
	return OK;
}

static void rseq_detach(struct switch_mark *m)
{
	(void)m;
	atomic_store_explicit(rseq_word(), 0, memory_order_relaxed);
}

static void rseq_set(struct switch_mark *m)
{
	atomic_store_explicit(rseq_word(), m->expect, memory_order_relaxed);
}
#else
static enum err rseq_attach(struct switch_mark *m)
{
	(void)m;
	return ERR_UNAVAILABLE;
}
#define rseq_detach none_detach
#define rseq_set none_set
#endif

/* ---- perf ---- */

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The mapping keeps the event: no descriptor is held. */
static enum err perf_attach(struct switch_mark *m)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1};
	const long fd = syscall(
		SYS_perf_event_open, &attr, 0, -1, -1, (unsigned long)PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return ERR_UNAVAILABLE;
	void *page = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, (int)fd, 0);
	(void)close((int)fd);
	if (page == MAP_FAILED)
		return ERR_UNAVAILABLE;
	/* two fields of 32 bits, read as one: `lock`, and `index`, which software events leave */
	_Static_assert(offsetof(struct perf_event_mmap_page, lock) % sizeof(uint64_t) == 0,
		"the lock begins a word");
	m->word = (const _Atomic uint64_t *)(const void *)((const char *)page +
		offsetof(struct perf_event_mmap_page, lock));
	m->expect = ~atomic_load_explicit(m->word, memory_order_relaxed);
	return OK;
}

static void perf_detach(struct switch_mark *m)
{
	const uintptr_t page = (uintptr_t)m->word - offsetof(struct perf_event_mmap_page, lock);
	CHECK(munmap((void *)page, page_size()) == 0);
}

static void perf_set(struct switch_mark *m)
{
	m->expect = atomic_load_explicit(m->word, memory_order_relaxed);
}

/* ---- all ---- */

static const struct {
	const char *name;
	enum err (*attach)(struct switch_mark *m);
	void (*detach)(struct switch_mark *m);
	void (*set)(struct switch_mark *m);
} kinds[SWITCH_MARK_KINDS] = {
	[SWITCH_MARK_NONE] = {"none", none_attach, none_detach, none_set},
	[SWITCH_MARK_RSEQ] = {"rseq", rseq_attach, rseq_detach, rseq_set},
	[SWITCH_MARK_PERF] = {"perf", perf_attach, perf_detach, perf_set},
};

static bool works[SWITCH_MARK_KINDS];
static pthread_once_t probe_once = PTHREAD_ONCE_INIT;

/* Whether a switch is seen: to sleep, if only for a nanosecond, is to be switched out. */
static bool probe(enum switch_mark_kind kind)
{
	struct switch_mark m = {.kind = kind};
	bool seen = true;
	if (kinds[kind].attach(&m) != OK)
		return false;
	for (unsigned i = 0; i < PROBES; i++) {
		const struct timespec shortest = {.tv_nsec = 1};
		switch_mark_set(&m);
		(void)nanosleep(&shortest, NULL);
		seen = seen && !switch_mark_is_set(&m);
	}
	kinds[kind].detach(&m);
	return seen;
}

static void probe_all(void)
{
	works[SWITCH_MARK_NONE] = true;
	works[SWITCH_MARK_RSEQ] = probe(SWITCH_MARK_RSEQ);
	works[SWITCH_MARK_PERF] = probe(SWITCH_MARK_PERF);
}

enum err switch_mark_attach(struct switch_mark *m, enum switch_mark_kind kind)
{
	CHECK(kind < SWITCH_MARK_KINDS);
	CHECK(pthread_once(&probe_once, probe_all) == 0);
	if (!works[kind])
		return ERR_UNAVAILABLE;
	struct switch_mark made = {.kind = kind};
	TRY(kinds[kind].attach(&made));
	*m = made;
	return OK;
}

void switch_mark_attach_best(struct switch_mark *m)
{
	if (switch_mark_attach(m, SWITCH_MARK_RSEQ) != OK &&
		switch_mark_attach(m, SWITCH_MARK_PERF) != OK)
		CHECK(switch_mark_attach(m, SWITCH_MARK_NONE) == OK);
}

void switch_mark_detach(struct switch_mark *m)
{
	kinds[m->kind].detach(m);
	CHECK(none_attach(m) == OK);
	m->kind = SWITCH_MARK_NONE;
}

void switch_mark_set(struct switch_mark *m)
{
	kinds[m->kind].set(m);
}

const char *switch_mark_name(enum switch_mark_kind kind)
{
	CHECK(kind < SWITCH_MARK_KINDS);
	return kinds[kind].name;
}
