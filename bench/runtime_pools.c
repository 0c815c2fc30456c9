/* Pools beside the allocators of everybody else: each is a process of its own, with the allocator's
 * library preloaded, and they take turns. */
#include <gnu/libc-version.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peers/peers.h"
#include "pool_worker.h"
#include "runtime.h"

#define PATH_SIZE 4096u
#define ENVIRON_MAX 4u

/* Each at the setting that its users would choose for a long-running process with memory to spare:
 * caches that hold what the loops have out, nothing given back to the system meanwhile, large pages
 * where the allocator can ask for them. */
static const struct allocator {
	const char *name; /* NULL: ours */
	const char *argument;
	const char *environment[ENVIRON_MAX];
	const char *version;
} allocators[] = {
	{"tcmalloc", "malloc",
		{"LD_PRELOAD=libtcmalloc_minimal.so.4",
			"TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=1073741824"},
		peer_version_tcmalloc},
	{"jemalloc", "malloc",
		{"LD_PRELOAD=libjemalloc.so.2",
			"MALLOC_CONF=thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1,"
			"tcache_nslots_small_min:256,tcache_nslots_small_max:256"},
		peer_version_jemalloc},
	{"mimalloc", "malloc",
		{"LD_PRELOAD=libmimalloc.so.2.0", "MIMALLOC_LARGE_OS_PAGES=1",
			"MIMALLOC_PAGE_RESET=0"},
		peer_version_mimalloc},
	{"glibc", "malloc",
		{"GLIBC_TUNABLES=glibc.malloc.tcache_max=8192:glibc.malloc.tcache_count=1024:glibc.malloc.trim_threshold="
		 "4294967296:glibc.malloc.top_pad=67108864:glibc.malloc.hugetlb=1"},
		NULL},
};

#define WORKERS (ARRAY_LEN(allocators) + 1)

struct worker {
	pid_t pid;
	int to, from;
	struct pool_request request;
};

static struct worker workers[WORKERS];

static void worker_start(struct worker *w, const struct allocator *a)
{
	char path[PATH_SIZE];
	int to[2], from[2];
	posix_spawn_file_actions_t actions;
	const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
	char *environment[ENVIRON_MAX + 1] = {NULL};
	CHECK(length > 0);
	path[length] = 0;
	(void)snprintf(strrchr(path, '/'), 32, "/pool_worker");
	char argument[16];
	(void)snprintf(argument, sizeof argument, "%s", a->argument);
	char *argv[] = {path, argument, NULL};
	for (size_t i = 0; i < ENVIRON_MAX && a->environment[i]; i++)
		CHECK((environment[i] = strdup(a->environment[i])) != NULL);
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO) == 0);
	CHECK(posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1) == 0);
	CHECK(posix_spawn(&w->pid, path, &actions, NULL, argv, environment) == 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < ENVIRON_MAX; i++)
		free(environment[i]);
	(void)close(to[0]);
	(void)close(from[1]);
	w->to = to[1];
	w->from = from[0];
}

/* Its standard input ends, and so does it. */
static void worker_stop(struct worker *w)
{
	(void)close(w->to);
	(void)close(w->from);
	(void)waitpid(w->pid, NULL, 0);
}

static uint64_t ask(void *ctx, uint64_t count)
{
	struct worker *w = ctx;
	struct pool_answer answer;
	w->request.count = count;
	CHECK(write(w->to, &w->request, sizeof w->request) == (ssize_t)sizeof w->request);
	CHECK(read(w->from, &answer, sizeof answer) == (ssize_t)sizeof answer);
	return answer.ns;
}

static void fill_list(struct contestant *list, uint32_t op, uint32_t size)
{
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i].request = (struct pool_request){.op = op, .size = size};
		list[i] = (struct contestant){.ctx = &workers[i]};
		if (i == 0)
			continue;
		list[i].run = ask;
		list[i].peer = allocators[i - 1].name;
		list[i].version = allocators[i - 1].version ? allocators[i - 1].version
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

static const struct live_row {
	uint32_t op;
	uint64_t kept;
	const char *name;
} live_rows[] = {
	{POOL_LIFO, 1000000, "pool, 64 B, 64 out and back beside 1 million"},
	{POOL_RANDOM, 1000000, "pool, 64 B, any of 1 million replaced"},
	{POOL_LIFO, 10000000, "pool, 64 B, 64 out and back beside 10 million"},
	{POOL_RANDOM, 10000000, "pool, 64 B, any of 10 million replaced"},
};

static void keep(uint64_t count)
{
	struct contestant list[WORKERS];
	fill_list(list, POOL_KEEP, LIVE_SIZE);
	for (size_t i = 0; i < WORKERS; i++)
		if (list[i].run)
			(void)list[i].run(list[i].ctx, count);
}

static unsigned run_live(const struct live_row *row)
{
	struct contestant list[WORKERS];
	keep(row->kept);
	fill_list(list, row->op, LIVE_SIZE);
	return compare_contest(&(struct contest){.name = row->name,
				       .unit = "ns/object",
				       .granule = POOL_BURST,
				       .rounds = LIVE_ROUNDS},
		list, WORKERS);
}

unsigned runtime_pools(void)
{
	unsigned missed = 0;
	for (size_t i = 1; i < WORKERS; i++)
		worker_start(&workers[i], &allocators[i - 1]);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
			missed += run_kind(&kinds[k], sizes[s]);
	for (size_t i = 0; i < ARRAY_LEN(live_rows); i++)
		missed += run_live(&live_rows[i]);
	keep(0);
	for (size_t i = 1; i < WORKERS; i++)
		worker_stop(&workers[i]);
	return missed;
}
