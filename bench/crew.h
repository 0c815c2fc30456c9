/* crew: threads that are there already, each pinned to a core, that begin a piece of work together.
 *
 * Purpose: every contestant runs on the same threads in the same places, so that neither thread
 * creation nor the scheduler's choice is measured.
 * Threads: one conductor calls crew_run; member i sits on core i modulo the number of cores. With
 * more members than cores, members of one core take turns, and whoever waits must yield.
 * Ownership: the contexts are borrowed until crew_run returns. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H
#include "base/base.h"

#define CREW_MAX 8u

typedef void (*crew_part)(void *ctx, unsigned member);

/* Starts as many members as there are not yet; never stops them: they end with the process. */
void crew_start(unsigned members);
/* Members 0 to members - 1 begin together; the nanoseconds until the last of them is done. */
uint64_t crew_run(unsigned members, crew_part part, void *ctx);
/* Pins the calling thread; for the threads that peers start by themselves, too. */
void crew_pin(unsigned core);
void crew_unpin(void);
unsigned crew_cores(void);
#endif
