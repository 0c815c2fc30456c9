/* Pools beside the allocators of everybody else: each is a process of its own, with the allocator's
 * library preloaded, and they take turns. */
#include <gnu/libc-version.h>

#include "child.h"
#include "peers/peers.h"
#include "pool_worker.h"
#include "runtime.h"

/* Each at the setting that its users would choose for a long-running process with memory to spare:
 * caches that hold what the loops have out, nothing given back to the system meanwhile, large pages
 * where the allocator can ask for them. */
static const struct allocator {
	const char *name; /* NULL: ours */
	const char *arguments[CHILD_ARGUMENTS_MAX];
	const char *environment[CHILD_ENVIRONMENT_MAX];
	const char *version;
} allocators[] = {
	{NULL, {"slab"}, {NULL}, NULL},
	{"tcmalloc", {"malloc"},
		{"LD_PRELOAD=libtcmalloc_minimal.so.4",
			"TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=1073741824"},
		peer_version_tcmalloc},
	{"jemalloc", {"malloc"},
		{"LD_PRELOAD=libjemalloc.so.2",
			"MALLOC_CONF=thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1,"
			"tcache_nslots_small_min:256,tcache_nslots_small_max:256"},
		peer_version_jemalloc},
	{"mimalloc", {"malloc"},
		{"LD_PRELOAD=libmimalloc.so.2.0", "MIMALLOC_LARGE_OS_PAGES=1",
			"MIMALLOC_PAGE_RESET=0"},
		peer_version_mimalloc},
	{"glibc", {"malloc"},
		{"GLIBC_TUNABLES=glibc.malloc.tcache_max=8192:glibc.malloc.tcache_count=1024:glibc.malloc.trim_threshold="
		 "4294967296:glibc.malloc.top_pad=67108864:glibc.malloc.hugetlb=1"},
		NULL},
};

#define WORKERS ARRAY_LEN(allocators)

struct worker {
	struct child child;
	struct pool_request request;
};

static struct worker workers[WORKERS];

static uint64_t ask(void *ctx, uint64_t count)
{
	struct worker *w = ctx;
	struct pool_answer answer;
	w->request.count = count;
	child_send(&w->child, &w->request, sizeof w->request);
	child_receive(&w->child, &answer, sizeof answer);
	return answer.ns;
}

static void fill_list(struct contestant *list, uint32_t op, uint32_t size)
{
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i].request = (struct pool_request){.op = op, .size = size};
		list[i] = (struct contestant){.ctx = &workers[i], .run = ask};
		if (allocators[i].name == NULL)
			continue;
		list[i].peer = allocators[i].name;
		list[i].version = allocators[i].version ? allocators[i].version
							: gnu_get_libc_version();
	}
}

static const struct pool_kind {
	uint32_t op;
	const char *name;
} kinds[] = {
	{POOL_PAIR, "out and back"},
	{POOL_LIFO, "64 out and back"},
	{POOL_CROSS, "out, and back on another thread"},
};

static const uint32_t sizes[] = {64, 256, 1024, 4096};

/* The least ratio against the fastest: smallest and largest stand for what lies between. */
static double goal_of(uint32_t op, uint32_t size)
{
	if (op == POOL_CROSS)
		return 2;
	return size == 64 || size == 4096 ? 2 : 0;
}

static unsigned run_kind(const struct pool_kind *kind, uint32_t size)
{
	char name[96];
	struct contestant list[WORKERS];
	fill_list(list, kind->op, size);
	(void)snprintf(name, sizeof name, "pool, %u B, %s", size, kind->name);
	return compare_contest(&(struct contest){.name = name,
				       .unit = "ns/object",
				       .goal_best = goal_of(kind->op, size),
				       .granule = POOL_BURST},
		list, WORKERS);
}

#define LIVE_SIZE 64u
#define LIVE_ROUNDS 21u
#define LIVE_MAX 10000000u

static const struct live_row {
	uint32_t op;
	uint64_t kept;
	const char *name;
} live_rows[] = {
	{POOL_LIFO, 1000000, "pool, 64 B, 64 out and back beside 1 million"},
	{POOL_RANDOM, 1000000, "pool, 64 B, any of 1 million replaced"},
	{POOL_LIFO, LIVE_MAX, "pool, 64 B, 64 out and back beside 10 million"},
	{POOL_RANDOM, LIVE_MAX, "pool, 64 B, any of 10 million replaced"},
};

static void keep(uint64_t count)
{
	struct contestant list[WORKERS];
	fill_list(list, POOL_KEEP, LIVE_SIZE);
	for (size_t i = 0; i < WORKERS; i++)
		(void)list[i].run(list[i].ctx, count);
}

static unsigned run_live(const struct live_row *row)
{
	struct contestant list[WORKERS];
	if (!compare_wants(row->name))
		return 0;
	keep(row->kept);
	fill_list(list, row->op, LIVE_SIZE);
	return compare_contest(&(struct contest){.name = row->name,
				       .unit = "ns/object",
				       .granule = POOL_BURST,
				       .rounds = LIVE_ROUNDS},
		list, WORKERS);
}

/* Ours beside ten million live objects against ours with none: two processes of the same kind, the
 * first of which keeps them. */
#define BESIDE_GOAL (1 / 1.5)

static unsigned run_beside(void)
{
	static struct worker alone;
	const struct contest contest = {
		.name = "pool, 64 B, 64 out and back, 10 million live or none",
		.unit = "ns/object",
		.granule = POOL_BURST,
		.rounds = LIVE_ROUNDS};
	struct contestant list[] = {{.ctx = &workers[0], .run = ask},
		{.peer = "sluice, none live", .ctx = &alone, .run = ask, .goal = {BESIDE_GOAL}}};
	const struct pool_request keep_all = {.op = POOL_KEEP, .size = LIVE_SIZE};
	if (!compare_wants(contest.name))
		return 0;
	CHECK(child_start(
		&alone.child, "pool_worker", allocators[0].arguments, allocators[0].environment));
	workers[0].request = keep_all;
	(void)ask(&workers[0], LIVE_MAX);
	workers[0].request = alone.request = (struct pool_request){
		.op = POOL_LIFO, .size = LIVE_SIZE};
	const unsigned missed = compare_contest(&contest, list, ARRAY_LEN(list));
	child_stop(&alone.child);
	return missed;
}

unsigned runtime_pools(void)
{
	unsigned missed = 0;
	for (size_t i = 0; i < WORKERS; i++)
		CHECK(child_start(&workers[i].child, "pool_worker", allocators[i].arguments,
			allocators[i].environment));
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
			missed += run_kind(&kinds[k], sizes[s]);
	for (size_t i = 0; i < ARRAY_LEN(live_rows); i++)
		missed += run_live(&live_rows[i]);
	missed += run_beside();
	keep(0);
	for (size_t i = 0; i < WORKERS; i++)
		child_stop(&workers[i].child);
	return missed;
}
