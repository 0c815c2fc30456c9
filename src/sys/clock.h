/* sys/clock: time. Wall time is for people, records and quotes; monotonic time for our own timers.
 * Nothing in ledger, btc, wire or the engine calls this: time reaches them in their arguments. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H
#include "base/base.h"

uint64_t clock_wall_ms(void);
uint64_t clock_mono_ms(void);
uint64_t clock_mono_ns(void);
/* For command-line tools and tests only; a daemon waits on its loop. */
void clock_sleep_ms(uint64_t ms);
#endif
