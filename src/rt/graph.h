/* rt/graph: tasks with an order between them: each runs when all that come before it have ended.
 *
 * A node names those that come after it. No thread waits for a node: the last of its predecessors
 * to end puts it into its worker's deque. A graph may be run again when it has come to an end.
 * Where it is called off, nodes that have not begun are dropped, in the same order.
 *
 * Threads: as tasks. Ownership: borrows nodes and their lists until the graph has come to an end.
 * Must not: be changed while it runs.
 */
#ifndef RT_GRAPH_H
#define RT_GRAPH_H
#include "rt/executor.h"

struct graph_node;
typedef void (*graph_run)(struct strand s, struct graph_node *node);

struct graph_node {
	struct task task; /* first: the node is its task */
	graph_run run;
	struct graph_node *const *after; /* those that wait for it; borrowed */
	uint32_t after_count;
	uint32_t before_count;  /* graph_init counts it */
	_Atomic uint32_t waits; /* of its predecessors, those that have not ended */
};

struct graph {
	struct task_group group;
	struct graph_node *node;
	uint32_t count;
};

/* Sets up nodes that have run, after and after_count. Every node of a list is one of `node`.
 * ERR_FORMAT: they go round in a circle, some would never run. */
MUST_USE enum err graph_init(struct graph *g, struct graph_node *node, uint32_t count,
	const struct cancel_token *cancel);
/* Starts the first ones; task_group_wait(s, &g->group) waits for the end of all. */
NONNULL_ALL void graph_start(struct strand s, struct graph *g);

#endif
