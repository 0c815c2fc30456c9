/* explore: runs a small program of a few threads in every way in which the C11 memory model lets it
 * run, on the real sources (shadow/stdatomic.h).
 *
 * Every atomic operation is a step. Executions differ in which thread takes the next step and in
 * which of the stores that it may still see a load reads. An operational, view-based model: each
 * location keeps all of its stores; a thread has a view, the oldest store of each location that it
 * may still read, and a vector clock; a release store carries both, an acquire load joins them;
 * relaxed operations do so by way of fences; sequentially consistent fences and accesses share one
 * more view. Stores to a location are ordered as they are executed: that an earlier one is ordered
 * after a later one of another thread is not explored (all that is checked here writes a location
 * from one thread, or by read-modify-writes). Loads are not executed before their time (no
 * out-of-thin-air, no load buffering).
 *
 * Found: failed CHECKs, races on memory that is not atomic, threads that all sleep, endless runs.
 * Executions that differ in the order of independent steps alone are run once (sleep sets).
 *
 * A mutant is one place whose order is weakened. Threads: one; the program's are coroutines.
 */
#ifndef MODEL_EXPLORE_H
#define MODEL_EXPLORE_H
#include "shadow/stdatomic.h"

#define MODEL_THREADS_MAX 4u

struct model_program {
	const char *name;
	void (*setup)(void); /* before the threads; what it stores is seen by all */
	void (*thread[MODEL_THREADS_MAX])(void);
	void (*finish)(void); /* after they have ended; may be NULL */
};

struct model_result {
	uint64_t executions, steps;
	bool exhausted;    /* every execution was run (or one has failed) */
	char failure[160]; /* of the first that failed; empty: none */
};

/* Runs up to executions_max of them; stops at the first that fails. */
void model_explore(
	const struct model_program *program, uint64_t executions_max, struct model_result *out);

/* Memory that the program's threads share without atomics; called by setup. */
void model_share(const void *at, size_t size);
/* Ends this execution as a failure. */
_Noreturn void model_fail(const char *why);

/* ---- places and mutants ---- */

/* Weakens one place from now on: number 0 to model_mutants() - 1; -1: none. Places are known once
 * they have been executed. */
void model_mutate(int number);
int model_mutants(void);
/* "rt/spsc.h:120 spsc_push: release as relaxed"; static until the next call. */
const char *model_mutant_name(int number);
const char *model_mutant_function(int number);

#endif
