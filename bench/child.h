/* child: a process that answers requests on its standard input by answers on its standard output,
 * and ends when its input does.
 *
 * Ownership: the strings given to child_start are copied by the kernel. Threads: one. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H
#include <sys/types.h>

#include "base/base.h"

#define CHILD_ENVIRONMENT_MAX 4u
#define CHILD_ARGUMENTS_MAX 4u

struct child {
	pid_t pid; /* 0: none */
	int to, from;
};

/* `program`: a path, or the name of a program that lies beside this one. Arguments and environment
 * end with NULL; the child has this environment and no other. False: there is no such program. */
bool child_start(struct child *c, const char *program,
	const char *const arguments[CHILD_ARGUMENTS_MAX],
	const char *const environment[CHILD_ENVIRONMENT_MAX]);
void child_stop(struct child *c);
void child_send(struct child *c, const void *request, size_t size);
void child_receive(struct child *c, void *answer, size_t size);
/* The line that it prints, as a number. */
unsigned child_number(struct child *c);
/* What all its threads together have used of the CPU so far. */
uint64_t child_cpu_ns(const struct child *c);
#endif
