/* rt/eventcount: sleep until a condition that somebody else makes true; a condition variable
 * without a lock, for conditions that are themselves lock-free.
 *
 *     waiter                                      notifier
 *     key = eventcount_prepare(ec)                make the condition true
 *     condition true? eventcount_cancel(ec, key)  eventcount_notify_one(ec) or _all
 *     else eventcount_wait(ec, key, deadline)
 *
 * Invariants: a condition made true before a notification is seen by the check after prepare, or
 * the wait ends; no wake-up is lost. A wait may end for no reason: check again. Nobody waiting: a
 * notification costs a fence and a load, and no system call; as much while those that wait have
 * been notified already and are on their way.
 * notify_one is for waiters that would all do the same with the condition: one that was registered
 * before, or has checked since, gets it.
 * Threads: any number on both sides. Ownership: the caller's storage; it outlives the last call,
 * a notifier's included. Must not: wait on a worker of the executor (there, tasks suspend).
 */
#ifndef RT_EVENTCOUNT_H
#define RT_EVENTCOUNT_H
#include "base/atomic.h"
#include "base/base.h"
#include "sys/futex.h"

/* Turns of the spin in eventcount_await that pay: about as long as a sleep and a wake-up take. */
#define EVENTCOUNT_SPIN_DEFAULT 100u

struct eventcount {
	union {
		/* epoch << 32 | waiters: a notification advances the one and takes from the other
		 * in one step. The waiters are those registered and not yet notified; more may be
		 * counted than there are (a notification that meets nobody then costs a system
		 * call once), never fewer. */
		_Atomic uint64_t state;
		_Atomic uint32_t half[2]; /* for the kernel alone: it sleeps on the epoch */
	};
	uint32_t spin; /* turns of eventcount_await before it sleeps */
};

/* spin: 0 to sleep at once. It is 0 anyway where the process has one processor: there a spin only
 * keeps the one away that it waits for. */
NONNULL_ALL void eventcount_init(struct eventcount *ec, uint32_t spin);

/* Registers the caller; exactly one of cancel and wait follows, with the key. */
MUST_USE NONNULL_ALL uint32_t eventcount_prepare(struct eventcount *ec);
NONNULL_ALL void eventcount_cancel(struct eventcount *ec, uint32_t key);
/* Until notified after the prepare (OK), or until the monotonic deadline (ERR_TIMEOUT). */
MUST_USE NONNULL_ALL enum err eventcount_wait(
	struct eventcount *ec, uint32_t key, uint64_t deadline_ns);

/* The whole of the waiter's side: spins on `ready`, then sleeps until it is true (OK) or until the
 * deadline (ERR_TIMEOUT; `ready` was false after it). `ready` may be called any number of times and
 * may take what it finds: it is not called again after it said true. */
typedef bool (*eventcount_ready)(void *ctx);
MUST_USE enum err eventcount_await(
	struct eventcount *ec, uint64_t deadline_ns, eventcount_ready ready, void *ctx);

/* What eventcount_notify_* do when somebody waits. */
NONNULL_ALL void eventcount_wake(struct eventcount *ec, bool all);

/* [WAIT] the condition's write, this fence, the read of the waiters; on the other side the
 * registration, the fence in eventcount_prepare, the read of the condition: one of the two reads
 * sees the other side's write. */
NONNULL_ALL static inline bool eventcount_has_waiters(struct eventcount *ec)
{
	fence_seq_cst(&ec->state);
	return (uint32_t)atomic_load_explicit(&ec->state, memory_order_relaxed) != 0;
}

NONNULL_ALL static inline void eventcount_notify_one(struct eventcount *ec)
{
	if (eventcount_has_waiters(ec))
		eventcount_wake(ec, false);
}

NONNULL_ALL static inline void eventcount_notify_all(struct eventcount *ec)
{
	if (eventcount_has_waiters(ec))
		eventcount_wake(ec, true);
}

#endif
