/* runtime_bench: the parts of the runtime, each beside its peers. A part prints its rows and
 * returns how many goals were missed. */
#ifndef BENCH_RUNTIME_H
#define BENCH_RUNTIME_H
#include "compare.h"

unsigned runtime_rings(void);
unsigned runtime_channels(void);
unsigned runtime_wake(void);
unsigned runtime_pools(void);
unsigned runtime_executor(void);
unsigned runtime_families(void);
unsigned runtime_clock(void);
unsigned runtime_loop(void);
#endif
