/* Machines that are made of a few files, and what is read from them. */
#include "sys/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/sluice-cpu-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[512];
	(void)snprintf(full, sizeof full, "%s%s", root, path);
	for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		(void)mkdir(full, 0700);
		*at = '/';
	}
	FILE *f = fopen(full, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void clear_root(void)
{
	char command[64];
	(void)snprintf(command, sizeof command, "rm -rf %s", root);
	CHECK(system(command) == 0);
}

static void read_map(struct cpu_map *map, const char *allowed)
{
	const struct cpu_source source = {.root = root, .allowed = allowed};
	cpu_map_read_from(map, &source);
}

static void test_lists(void)
{
	static const char *const bad[] = {"x", "1-", "3-1", "1;2", "-1", "99999999999", "1 2"};
	uint64_t set[2] = {0};
	CHECK(cpu_list_parse(set, 128, "0-2,5, 64-65,127\n") == OK);
	CHECK(set[0] == 0x27 && set[1] == (UINT64_C(1) << 63 | 3));
	set[0] = set[1] = 0;
	CHECK(cpu_list_parse(set, 128, "") == OK && set[0] == 0 && set[1] == 0);
	CHECK(cpu_list_parse(set, 128, "126-4000000000") == OK && set[1] == UINT64_C(3) << 62);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(cpu_list_parse(set, 128, bad[i]) == ERR_FORMAT);
}

/* Nothing to read: the simplest machine. */
static void test_nothing(void)
{
	static struct cpu_map map;
	read_map(&map, "2-3");
	CHECK(map.count == 2 && map.node_count == 1 && map.cache_line == 64);
	CHECK(map.quota_milli == 0 && cpu_map_parallel(&map) == 2);
	CHECK(map.place[0].cpu == 2 && map.place[1].cpu == 3);
	CHECK(map.place[0].node == 0 && map.place[1].turn == 0);
	read_map(&map, "nonsense");
	CHECK(map.count == 1 && map.node_count == 1 && map.place[0].node == 0);
}

/* Two nodes of two cores of two hardware threads each; the system calls the nodes 0 and 2. */
static void make_two_nodes(void)
{
	char path[128], text[32];
	put("/sys/devices/system/node/online", "0,2\n");
	put("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
	put("/sys/devices/system/node/node2/cpulist", "2-3,6-7\n");
	put("/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size", "128\n");
	for (unsigned n = 0; n < 8; n++) {
		(void)snprintf(path, sizeof path,
			"/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", n);
		(void)snprintf(text, sizeof text, "%u,%u\n", n % 4, n % 4 + 4);
		put(path, text);
	}
}

static void test_two_nodes(void)
{
	static const struct cpu_place want[8] = {{0, 0, 0, 0}, {1, 0, 1, 0}, {2, 1, 2, 0},
		{3, 1, 3, 0}, {4, 0, 0, 1}, {5, 0, 1, 1}, {6, 1, 2, 1}, {7, 1, 3, 1}};
	static struct cpu_map map;
	make_two_nodes();
	read_map(&map, "0-7");
	CHECK(map.count == 8 && map.node_count == 2 && map.cache_line == 128);
	CHECK(memcmp(map.place, want, sizeof want) == 0);
	CHECK(map.node_id[0] == 0 && map.node_id[1] == 2);
	/* a core of which only the second thread may be used is a core all the same */
	read_map(&map, "2-3,6");
	CHECK(map.count == 3 && map.node_count == 1 && map.place[2].turn == 1);
	read_map(&map, "6-7");
	CHECK(map.count == 2 && map.place[0].turn == 0 && map.place[0].core == 2);
	/* a line that makes no sense */
	put("/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size", "96\n");
	read_map(&map, "0");
	CHECK(map.cache_line == 64 && map.count == 1 && map.node_count == 1);
}

static void test_quota(void)
{
	static struct cpu_map map;
	put("/proc/self/cgroup", "0::/user/job\n");
	put("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
	read_map(&map, "0-7");
	CHECK(map.quota_milli == 0 && cpu_map_parallel(&map) == 8);
	/* the group above limits too; rounded up to whole threads */
	put("/sys/fs/cgroup/user/cpu.max", "250000 100000\n");
	read_map(&map, "0-7");
	CHECK(map.quota_milli == 2500 && cpu_map_parallel(&map) == 3);
	put("/sys/fs/cgroup/user/job/cpu.max", "50000 100000\n");
	read_map(&map, "0-7");
	CHECK(map.quota_milli == 500 && cpu_map_parallel(&map) == 1);
	/* more than there are */
	put("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
	read_map(&map, "0-1");
	CHECK(cpu_map_parallel(&map) == 2);

	/* version 1, beside a controller whose name only begins alike; a path of the host */
	put("/proc/self/cgroup", "4:cpuset:/other\n3:cpu,cpuacct:/host/only\n");
	put("/sys/fs/cgroup/cpuset/other/cpu.cfs_quota_us", "1000\n");
	put("/sys/fs/cgroup/cpuset/other/cpu.cfs_period_us", "100000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	read_map(&map, "0-7");
	CHECK(map.quota_milli == 1500 && cpu_map_parallel(&map) == 2);
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	read_map(&map, "0-7");
	CHECK(map.quota_milli == 0);
}

/* The machine that this runs on: pinned, a thread stays, and may use no other. */
static void *test_pin(void *unused)
{
	static struct cpu_map map, pinned;
	(void)unused;
	cpu_map_read(&map);
	CHECK(map.count >= 1 && map.node_count >= 1 && cpu_map_parallel(&map) >= 1);
	for (uint32_t i = map.count; i-- > 0;) {
		CHECK(cpu_pin(map.place[i].cpu) == OK);
		CHECK(cpu_current() == map.place[i].cpu);
		cpu_map_read(&pinned);
		CHECK(pinned.count == 1 && pinned.place[0].cpu == map.place[i].cpu);
	}
	CHECK(cpu_pin(CPU_MAX - 1) == ERR_DENIED || map.count >= CPU_MAX);
	CHECK(cpu_pin(CPU_MAX) == ERR_DENIED && cpu_pin(UINT32_MAX) == ERR_DENIED);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	CHECK(mkdtemp(root) != NULL);
	test_lists();
	test_nothing();
	test_two_nodes();
	test_quota();
	clear_root();
	/* on a thread of its own: a pinned thread stays pinned */
	CHECK(pthread_create(&thread, NULL, test_pin, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return EXIT_SUCCESS;
}
