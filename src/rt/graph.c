#include "rt/graph.h"

#define START_ROW 64u /* nodes that wait for none, told of at once */

static void release_after(struct strand s, const struct graph_node *node)
{
	for (uint32_t i = 0; i < node->after_count; i++) {
		struct graph_node *next = node->after[i];
		/* [ORDER] release: what this node did; acquire: what all before the next one did,
		 * by whoever puts it into a queue */
		if (atomic_fetch_sub_explicit(&next->waits, 1, memory_order_acq_rel) == 1)
			task_spawn(s, &next->task);
	}
}

static void run_node(struct strand s, struct task *t)
{
	struct graph_node *node = (struct graph_node *)(void *)t;
	node->run(s, node);
	release_after(s, node);
}

/* Those after it come to an end too: they are dropped in their turn. */
static void drop_node(struct strand s, struct task *t)
{
	release_after(s, (const struct graph_node *)(const void *)t);
}

/* Takes away node after node that waits for none; what goes round in a circle stays. */
static bool is_acyclic(struct graph_node *node, uint32_t count)
{
	struct task *ready = NULL; /* a list through task.next, which nobody uses yet */
	uint32_t taken = 0;
	for (uint32_t i = 0; i < count; i++) {
		atomic_init(&node[i].waits, node[i].before_count);
		if (node[i].before_count == 0) {
			node[i].task.next = ready;
			ready = &node[i].task;
		}
	}
	for (; ready != NULL; taken++) {
		const struct graph_node *n = (const struct graph_node *)(const void *)ready;
		ready = ready->next;
		for (uint32_t i = 0; i < n->after_count; i++) {
			struct graph_node *next = n->after[i];
			if (atomic_fetch_sub_explicit(&next->waits, 1, memory_order_relaxed) == 1) {
				next->task.next = ready;
				ready = &next->task;
			}
		}
	}
	return taken == count;
}

enum err graph_init(
	struct graph *g, struct graph_node *node, uint32_t count, const struct cancel_token *cancel)
{
	*g = (struct graph){.node = node, .count = count};
	task_group_init(&g->group, cancel);
	for (uint32_t i = 0; i < count; i++) {
		node[i].task = (struct task){
			.run = run_node, .dropped = drop_node, .group = &g->group};
		node[i].before_count = 0;
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < node[i].after_count; k++) {
			CHECK(node[i].after[k] >= node && node[i].after[k] < node + count);
			node[i].after[k]->before_count++;
		}
	return is_acyclic(node, count) ? OK : ERR_FORMAT;
}

void graph_start(struct strand s, struct graph *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		atomic_store_explicit(
			&g->node[i].waits, g->node[i].before_count, memory_order_relaxed);
	struct task *ready[START_ROW];
	uint32_t count = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		if (g->node[i].before_count == 0)
			ready[count++] = &g->node[i].task;
		if (count == START_ROW || i + 1 == g->count) {
			task_spawn_many(s, ready, count);
			count = 0;
		}
	}
}
