/* rt/completion: events that happen once each, and waiting for one, for all or for any of them.
 *
 *     completion_hub_init(&hub, spin)         what its waiters sleep on
 *     completion_init(&c, &hub)               one for each thing that will be done
 *     completion_set(&c, result)              by whoever does it: a task, a callback
 *     completion_wait / _wait_all / _wait_any by whoever needs it, with a deadline
 *
 * Invariants: set at most once; whoever sees it set sees what was done before it. No wake-up is
 * lost, nobody spins at rest. Setting costs an atomic store, a fence and a load where nobody waits.
 * A hub wakes all of its waiters at each event: those that wait for unlike things take unlike hubs.
 * Threads: any, and any number of waiters. Ownership: the caller's storage; a completion may be
 * freed as soon as it has been seen set, a hub after every completion_set on it has returned.
 * Must not: be waited for by a worker of the executor (there, tasks join groups: rt/task).
 */
#ifndef RT_COMPLETION_H
#define RT_COMPLETION_H
#include "rt/eventcount.h"

struct completion_hub {
	struct eventcount changed;
};

struct completion {
	_Atomic uint32_t state; /* 0: not yet; else COMPLETION_SET, and the result below it */
	struct completion_hub *hub;
};

NONNULL_ALL void completion_hub_init(struct completion_hub *hub, uint32_t spin);
NONNULL_ALL void completion_init(struct completion *c, struct completion_hub *hub);
NONNULL_ALL void completion_set(struct completion *c, enum err result);
MUST_USE NONNULL_ALL bool completion_is_set(const struct completion *c);
/* Of one that is set. */
MUST_USE NONNULL_ALL enum err completion_result(const struct completion *c);

/* OK: it is set, whatever its result. ERR_TIMEOUT: not by deadline_ns, on the monotonic clock
 * (FUTEX_FOREVER: there is none; 0: do not wait). */
MUST_USE NONNULL_ALL enum err completion_wait(struct completion *c, uint64_t deadline_ns);
/* All of the list, which are of one hub; an empty list is done. */
MUST_USE NONNULL_ALL enum err completion_wait_all(
	struct completion *const *list, size_t count, uint64_t deadline_ns);
/* One of the list at least; *index says the first that was seen. ERR_RANGE: the list is empty. */
MUST_USE NONNULL_ALL enum err completion_wait_any(
	size_t *index, struct completion *const *list, size_t count, uint64_t deadline_ns);

#endif
