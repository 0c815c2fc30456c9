/* sys/cpu: the processors that this process may use, where they lie, and how much of them it gets.
 *
 * Three kinds of facts: what the scheduler allows (affinity), what the control group allows (a
 * quota of processor time), and the machine's shape (cores, NUMA nodes, cache lines), from sysfs:
 * a handful of one-line files, so that no topology library is needed. What can't be read is taken
 * for the simplest machine: one node, one hardware thread a core, lines of 64 bytes.
 * Threads: any; a map is a value. Must not: change anything but the calling thread's affinity.
 */
#ifndef SYS_CPU_H
#define SYS_CPU_H
#include "base/base.h"

#define CPU_MAX                                                                                    \
	1024u /* processors looked at; those of a larger machine beyond it are left alone          \
	       */
#define CPU_NODE_MAX 64u
#define CPU_MILLI 1000u /* thousandths of a processor */

struct cpu_place {
	uint16_t cpu;
	uint16_t node; /* counted from 0 without holes; not the system's number */
	uint16_t core; /* the lowest processor of its core */
	uint16_t turn; /* 0 for the first allowed hardware thread of a core, 1 for the second.. */
};

/* Places come in the order in which threads should be put on them: by turn, then node by node, so
 * that cores fill before their second hardware threads, and one node before the next. */
struct cpu_map {
	uint32_t count;                 /* at least 1 */
	uint32_t node_count;            /* of those that have an allowed processor; at least 1 */
	uint32_t cache_line;            /* bytes; a power of two */
	uint32_t quota_milli;           /* of the control group, in CPU_MILLI; 0: none */
	uint16_t node_id[CPU_NODE_MAX]; /* the system's number of each node */
	struct cpu_place place[CPU_MAX];
};

/* Where the facts come from. */
struct cpu_source {
	const char *root; /* before every path: "" is the machine, else a folder that imitates it */
	const char *allowed; /* "0-3,8" instead of asking the scheduler; NULL: ask */
};

NONNULL_ALL void cpu_map_read(struct cpu_map *out);
NONNULL_ALL void cpu_map_read_from(struct cpu_map *out, const struct cpu_source *source);
/* How many threads can run at once: the allowed processors, or what the quota rounds up to where
 * that is less. At least 1. */
NONNULL_ALL uint32_t cpu_map_parallel(const struct cpu_map *map);

/* Keep the calling thread on one processor. ERR_DENIED: it may not be used. */
MUST_USE enum err cpu_pin(uint32_t cpu);
/* The one that the calling thread runs on at this moment. */
uint32_t cpu_current(void);

/* Parses the kernel's lists, "0-3,8,10-11": sets bit N of `set` for each number below cap.
 * ERR_FORMAT; numbers of cap and above are passed over. */
MUST_USE NONNULL_ALL enum err cpu_list_parse(uint64_t *set, uint32_t cap, const char *text);

#endif
