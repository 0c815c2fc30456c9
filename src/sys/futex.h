/* sys/futex: sleep until a word changes. The kernel compares the word and puts the caller to sleep
 * in one step, so that a change before the sleep is never missed; which protocol makes that
 * useful is the caller's (rt/eventcount). Private to the process. Threads: any. */
#ifndef SYS_FUTEX_H
#define SYS_FUTEX_H
#include <stdatomic.h>

#include "base/base.h"

#define FUTEX_FOREVER UINT64_MAX /* a deadline that never comes */
#define FUTEX_ALL INT32_MAX      /* every sleeper */

/* Sleeps while *word is `expected`, until woken or until the monotonic clock reads deadline_ns.
 * OK: woken, or the word differs, or for no reason: look again. ERR_TIMEOUT: the deadline. */
MUST_USE NONNULL_ALL enum err futex_wait(
	const _Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Wakes up to `count` of those that sleep on the word. The word may be gone by then: its address is
 * all that is used, so that a waiter that has seen the change may free it at once. */
NONNULL_ALL void futex_wake(const _Atomic uint32_t *word, int32_t count);

#endif
