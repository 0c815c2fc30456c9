/* sys/timer_wheel: the timers of one loop, in a hierarchy of wheels.
 *
 * Purpose: setting and cancelling cost the same however many timers are set; taking the one that is
 * due next is exact: by due time to the nanosecond, then in the order of setting.
 * How: time is counted in ticks of 2^WHEEL_TICK_SHIFT ns. A timer lies at the level of the highest
 * digit (of WHEEL_BITS bits) in which its tick differs from the wheel's own, in the slot of that
 * digit; so all of one level come before all of the next, and the next slot is a bit scan away.
 * When the wheel reaches a slot, its timers move to lower levels; those of one tick are sorted
 * and join `due`. Timers without a delay have a list of their own, `now`, which is in order by
 * itself. (Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987, scheme 7.)
 * Threads: one. Ownership: contexts are borrowed; the table of timers is owned.
 * Bounds: timer_max, ERR_FULL; nothing allocates after timer_wheel_init.
 * It reads no clock: time comes with the calls, and must not go back from one to the next.
 */
#ifndef SYS_TIMER_WHEEL_H
#define SYS_TIMER_WHEEL_H
#include "base/base.h"

#define WHEEL_TICK_SHIFT 19u /* 0.52 ms */
#define WHEEL_BITS 6u
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 8u
#define TIMER_MAX_MAX (1u << 24)
/* The shortest delay but none: a tick and more, so that it is never due within the present one. */
#define TIMER_DELAY_MIN_NS UINT64_C(1000000)

_Static_assert(WHEEL_TICK_SHIFT + WHEEL_BITS * WHEEL_LEVELS >= 64, "every 64-bit time has a slot");
_Static_assert(TIMER_DELAY_MIN_NS >= UINT64_C(1) << WHEEL_TICK_SHIFT, "never the same tick");

typedef void (*timer_cb)(void *ctx);

struct timer {
	uint64_t due_ns;
	uint64_t seq; /* the order of setting */
	timer_cb cb;  /* NULL: free */
	void *ctx;
	uint32_t next, prev; /* in its list; free: next free one */
	uint32_t
		generation; /* counts the uses of this place: a handle of an earlier one is stale */
	uint32_t list;      /* which list it is on */
};

struct timer_list {
	uint32_t first, last;
};

/* Lists: the slots by level, then these two. */
enum {
	WHEEL_LIST_DUE = WHEEL_LEVELS * WHEEL_SLOTS, /* of ticks reached, sorted */
	WHEEL_LIST_NOW,                              /* set without a delay, sorted by itself */
	WHEEL_LIST_COUNT,
};

struct timer_wheel {
	struct timer *timer; /* owned; timer_max */
	uint32_t timer_max, timer_count;
	uint32_t touched; /* places ever used: those above were never on the list of free ones */
	uint32_t free;
	uint64_t seq;  /* of the next that is set */
	uint64_t tick; /* reached: slots up to it are empty */
	uint64_t occupied[WHEEL_LEVELS];
	struct timer_list list[WHEEL_LIST_COUNT];
	/* No timer of the slot is due before this; exact unless the first was cancelled. */
	uint64_t slot_due_ns[WHEEL_LEVELS * WHEEL_SLOTS];
};

/* ERR_FULL: no memory. 1 <= timer_max <= TIMER_MAX_MAX. */
MUST_USE NONNULL_ALL enum err timer_wheel_init(
	struct timer_wheel *w, uint32_t timer_max, uint64_t now_ns);
NONNULL_ALL void timer_wheel_fini(struct timer_wheel *w);

/* *id is never 0. delay_ns is 0 or at least TIMER_DELAY_MIN_NS, and now + delay fits. */
MUST_USE enum err timer_wheel_set(struct timer_wheel *w, uint64_t *id, uint64_t now_ns,
	uint64_t delay_ns, timer_cb cb, void *ctx);
/* A stale id does nothing. */
NONNULL_ALL void timer_wheel_cancel(struct timer_wheel *w, uint64_t id);

/* No timer is due before this: exact in most cases, otherwise early (by less than the time to it),
 * and then exact after timer_wheel_advance to that time. UINT64_MAX: no timer is set. */
MUST_USE NONNULL_ALL uint64_t timer_wheel_next_ns(const struct timer_wheel *w);
/* Every timer due at now_ns becomes ready to be taken. */
NONNULL_ALL void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns);
/* The first that is due at now_ns, if it was set before seq_end: taken out, *cb and *ctx are what
 * to call. False: none. now_ns is not past the last timer_wheel_advance. */
MUST_USE NONNULL_ALL bool timer_wheel_take(
	struct timer_wheel *w, timer_cb *cb, void **ctx, uint64_t now_ns, uint64_t seq_end);

#endif
