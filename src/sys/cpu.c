#include "sys/cpu.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/file.h"

#define TEXT_SIZE 4096u /* sysfs gives at most a page */
#define SET_WORDS (CPU_MAX / 64)
#define CACHE_LINE_DEFAULT 64u
#define CACHE_LINE_MAX 1024u
#define CPU_NONE UINT16_MAX

struct reader {
	const char *root;
	char text[TEXT_SIZE];
};

static bool set_has(const uint64_t *set, uint32_t n)
{
	return (set[n / 64] >> (n % 64) & 1) != 0;
}

/* The start of ROOT/PATH as text; empty where it can't be read. */
PRINTF_LIKE(2, 3) static const char *read_text(struct reader *r, const char *format, ...)
{
	char path[FILE_PATH_SIZE];
	size_t len = 0;
	int file = FILE_NONE;
	const struct file_ops *ops = file_system();
	va_list args;
	const int root_len = snprintf(path, sizeof path, "%s", r->root);
	r->text[0] = '\0';
	if (root_len < 0 || (size_t)root_len >= sizeof path)
		return r->text;
	va_start(args, format);
	const int path_len = vsnprintf(
		path + root_len, sizeof path - (size_t)root_len, format, args);
	va_end(args);
	if (path_len < 0 || (size_t)path_len >= sizeof path - (size_t)root_len ||
		ops->open(ops->ctx, &file, path, 0) != OK)
		return r->text;
	if (ops->pread(ops->ctx, &len, file, r->text, sizeof r->text - 1, 0) != OK)
		len = 0;
	ops->close(ops->ctx, file);
	r->text[len] = '\0';
	return r->text;
}

static const char *skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n')
		at++;
	return at;
}

/* A number that fits 32 bits; NULL where there is none. */
static const char *parse_number(uint32_t *out, const char *at)
{
	uint64_t n = 0;
	if (*at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9'; at++) {
		n = n * 10 + (uint64_t)(*at - '0');
		if (n > UINT32_MAX)
			return NULL;
	}
	*out = (uint32_t)n;
	return at;
}

enum err cpu_list_parse(uint64_t *set, uint32_t cap, const char *text)
{
	const char *at = skip_space(text);
	while (*at != '\0') {
		uint32_t first, last;
		if ((at = parse_number(&first, at)) == NULL)
			return ERR_FORMAT;
		last = first;
		if (*at == '-' && (at = parse_number(&last, at + 1)) == NULL)
			return ERR_FORMAT;
		if (last < first)
			return ERR_FORMAT;
		for (uint32_t n = first; n <= last && n < cap; n++)
			set[n / 64] |= UINT64_C(1) << (n % 64);
		at = skip_space(at);
		if (*at == ',')
			at = skip_space(at + 1);
		else if (*at != '\0')
			return ERR_FORMAT;
	}
	return OK;
}

/* ---- what is allowed ---- */

static void read_allowed(uint64_t set[SET_WORDS], const char *allowed)
{
	/* the kernel refuses a set that is smaller than the machine could grow to: be generous */
	static const size_t sizes[] = {sizeof(cpu_set_t), 8192, 65536};
	memset(set, 0, SET_WORDS * sizeof set[0]);
	if (allowed != NULL) {
		if (cpu_list_parse(set, CPU_MAX, allowed) == OK)
			return;
		memset(set, 0, SET_WORDS * sizeof set[0]);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		cpu_set_t *got = calloc(1, sizes[i]);
		const bool ok = got != NULL && sched_getaffinity(0, sizes[i], got) == 0;
		for (uint32_t n = 0; ok && n < CPU_MAX; n++)
			if (CPU_ISSET_S(n, sizes[i], got))
				set[n / 64] |= UINT64_C(1) << (n % 64);
		free(got);
		if (ok)
			return;
	}
}

/* A quota of `max` microseconds in each `period`, as the smaller one of it and what is known. */
static void lower_quota(struct cpu_map *map, uint64_t max, uint64_t period)
{
	if (max == 0 || period == 0)
		return;
	const uint64_t milli = (max * CPU_MILLI + period - 1) / period;
	if (milli < UINT32_MAX && (map->quota_milli == 0 || milli < map->quota_milli))
		map->quota_milli = (uint32_t)milli;
}

/* "MAX PERIOD" of version 2; "max PERIOD" is none. */
static void read_quota_v2(struct cpu_map *map, struct reader *r, const char *group)
{
	uint32_t max, period;
	const char *at = read_text(r, "/sys/fs/cgroup%s/cpu.max", group);
	if ((at = parse_number(&max, at)) != NULL && parse_number(&period, skip_space(at)) != NULL)
		lower_quota(map, max, period);
}

/* Two files of version 1; -1 in the first is none. */
static void read_quota_v1(
	struct cpu_map *map, struct reader *r, const char *mount, const char *group)
{
	uint32_t max, period;
	if (parse_number(
		    &max, read_text(r, "/sys/fs/cgroup/%s%s/cpu.cfs_quota_us", mount, group)) &&
		parse_number(&period,
			read_text(r, "/sys/fs/cgroup/%s%s/cpu.cfs_period_us", mount, group)))
		lower_quota(map, max, period);
}

static bool controllers_have_cpu(const char *controllers)
{
	for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
			return true;
	}
	return false;
}

/* The group and every one above it can limit. A group's path may be the host's, and not exist in
 * here: its parents that do count. */
static void read_group(struct cpu_map *map, const char *root, const char *controllers, char *group)
{
	struct reader r = {.root = root};
	const bool v2 = controllers[0] == '\0';
	if (!v2 && !controllers_have_cpu(controllers))
		return;
	for (;;) {
		if (v2)
			read_quota_v2(map, &r, group);
		else
			read_quota_v1(map, &r, controllers, group);
		char *last = strrchr(group, '/');
		if (last == NULL)
			return;
		*last = '\0';
	}
}

/* Lines "NUMBER:CONTROLLERS:/GROUP"; version 2 has number 0 and no controllers. */
static void read_quota(struct cpu_map *map, const char *root)
{
	struct reader r = {.root = root};
	(void)read_text(&r, "/proc/self/cgroup");
	for (char *line = r.text; *line != '\0';) {
		char *end = line + strcspn(line, "\n");
		char *next = *end == '\0' ? end : end + 1;
		char *controllers = strchr(line, ':');
		*end = '\0';
		char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
		if (group != NULL) {
			*group = '\0';
			read_group(map, root, controllers + 1, group + 1);
		}
		line = next;
	}
}

/* ---- the machine's shape ---- */

static uint32_t read_cache_line(const char *root)
{
	struct reader r = {.root = root};
	uint32_t line;
	const char *text = read_text(
		&r, "/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size");
	if (parse_number(&line, text) == NULL || line == 0 || line > CACHE_LINE_MAX ||
		(line & (line - 1)) != 0)
		return CACHE_LINE_DEFAULT;
	return line;
}

static uint16_t read_core(const char *root, uint32_t cpu)
{
	struct reader r = {.root = root};
	uint64_t set[SET_WORDS] = {0};
	const char *text = read_text(
		&r, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
	if (cpu_list_parse(set, CPU_MAX, text) == OK)
		for (uint32_t n = 0; n < cpu; n++)
			if (set_has(set, n))
				return (uint16_t)n;
	return (uint16_t)cpu;
}

/* Node of each processor, CPU_NONE where none claims it. */
static void read_nodes(uint16_t node_of[CPU_MAX], const char *root)
{
	struct reader r = {.root = root};
	uint64_t nodes[1] = {0};
	_Static_assert(CPU_NODE_MAX <= 64, "a set of one word");
	for (uint32_t n = 0; n < CPU_MAX; n++)
		node_of[n] = CPU_NONE;
	if (cpu_list_parse(nodes, CPU_NODE_MAX, read_text(&r, "/sys/devices/system/node/online")) !=
		OK)
		return;
	for (uint32_t node = 0; node < CPU_NODE_MAX; node++) {
		uint64_t set[SET_WORDS] = {0};
		if (!set_has(nodes, node) ||
			cpu_list_parse(set, CPU_MAX,
				read_text(&r, "/sys/devices/system/node/node%u/cpulist", node)) !=
				OK)
			continue;
		for (uint32_t n = 0; n < CPU_MAX; n++)
			if (set_has(set, n))
				node_of[n] = (uint16_t)node;
	}
}

static int place_order(const void *a, const void *b)
{
	const struct cpu_place *x = a, *y = b;
	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->cpu < y->cpu ? -1 : 1;
}

/* The system's numbers may have holes, and a node may have no allowed processor: count anew. A
 * processor that no node claims is counted to the first. */
static void number_nodes(struct cpu_map *map)
{
	uint16_t number[CPU_NODE_MAX];
	for (uint32_t i = 0; i < CPU_NODE_MAX; i++)
		number[i] = CPU_NONE;
	map->node_count = 0;
	for (uint32_t node = 0; node < CPU_NODE_MAX; node++)
		for (uint32_t i = 0; i < map->count; i++)
			if (map->place[i].node == node && number[node] == CPU_NONE) {
				number[node] = (uint16_t)map->node_count++;
				map->node_id[number[node]] = (uint16_t)node;
			}
	for (uint32_t i = 0; i < map->count; i++)
		map->place[i].node = map->place[i].node == CPU_NONE ? 0
								    : number[map->place[i].node];
	if (map->node_count == 0)
		map->node_count = 1;
}

void cpu_map_read_from(struct cpu_map *out, const struct cpu_source *source)
{
	uint64_t allowed[SET_WORDS];
	uint16_t node_of[CPU_MAX], turns[CPU_MAX] = {0};
	*out = (struct cpu_map){.cache_line = read_cache_line(source->root)};
	read_allowed(allowed, source->allowed);
	read_nodes(node_of, source->root);
	for (uint32_t n = 0; n < CPU_MAX; n++) {
		if (!set_has(allowed, n))
			continue;
		const uint16_t core = read_core(source->root, n);
		out->place[out->count++] = (struct cpu_place){.cpu = (uint16_t)n,
			.node = node_of[n],
			.core = core,
			.turn = turns[core]++};
	}
	if (out->count == 0) /* whatever runs this has one */
		out->place[out->count++] = (struct cpu_place){.cpu = 0, .node = CPU_NONE};
	number_nodes(out);
	qsort(out->place, out->count, sizeof out->place[0], place_order);
	read_quota(out, source->root);
}

void cpu_map_read(struct cpu_map *out)
{
	const struct cpu_source machine = {.root = ""};
	cpu_map_read_from(out, &machine);
}

uint32_t cpu_map_parallel(const struct cpu_map *map)
{
	const uint32_t quota = (map->quota_milli + CPU_MILLI - 1) / CPU_MILLI;
	return quota != 0 && quota < map->count ? quota : map->count;
}

enum err cpu_pin(uint32_t cpu)
{
	cpu_set_t set;
	_Static_assert(CPU_SETSIZE >= CPU_MAX, "a set holds every place");
	if (cpu >= CPU_MAX)
		return ERR_DENIED;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof set, &set) == 0 ? OK : ERR_DENIED;
}

uint32_t cpu_current(void)
{
	const int cpu = sched_getcpu();
	return cpu < 0 ? 0 : (uint32_t)cpu;
}
