/* sys/switch_mark: a word of memory that tells a thread whether it was switched out since it last
 * set the mark: one load instead of a system call.
 *
 * Two mechanisms, tried in this order, each only where a probe shows that it works here:
 *   RSEQ  glibc registers an area with the kernel (rseq(2), Linux 4.18, glibc 2.35). Its field
 *         rseq_cs is set to null when the thread is preempted or switched out outside of the
 *         critical section that it names; the mark names one that nobody executes. No privilege
 *         and no cost. Some kernels leave the field alone when a thread blocks by itself: the
 *         probe finds that.
 *   PERF  perf_event_open(2) of a software event that counts nothing: the sequence lock of its
 *         page moves whenever the thread is switched in again. May be refused
 *         (kernel.perf_event_paranoid, seccomp); makes each switch of the thread 1 us longer.
 *
 * Other users of rseq's critical sections in this process overwrite the mark, and it them: theirs
 * restart by themselves, and for us it looks like a switch. A signal looks like one, too.
 *
 * Threads: a mark belongs to the thread that attached it. Ownership: attach acquires, detach
 * releases (a page, with PERF). After fork, a mark is not to be touched in the child.
 */
#ifndef SYS_SWITCH_MARK_H
#define SYS_SWITCH_MARK_H
#include <stdatomic.h>

#include "base/base.h"

enum switch_mark_kind { SWITCH_MARK_NONE, SWITCH_MARK_RSEQ, SWITCH_MARK_PERF, SWITCH_MARK_KINDS };

struct switch_mark {
	const _Atomic uint64_t *word; /* never NULL once attached */
	uint64_t expect;
	enum switch_mark_kind kind;
};

/* A mark of this kind for the calling thread; not set yet. ERR_UNAVAILABLE: it does not work here
 * or is refused. NONE always works, and is never set. */
MUST_USE NONNULL_ALL enum err switch_mark_attach(struct switch_mark *m, enum switch_mark_kind kind);
/* The best kind that works here. */
NONNULL_ALL void switch_mark_attach_best(struct switch_mark *m);
NONNULL_ALL void switch_mark_detach(struct switch_mark *m);
NONNULL_ALL void switch_mark_set(struct switch_mark *m);
/* "rseq", "perf", "none". */
const char *switch_mark_name(enum switch_mark_kind kind);

/* The thread has run without a break since switch_mark_set. What is to lie inside of the interval
 * (a counter that is read) must come before this in program order: an interrupt between the two
 * makes the load here see what the switch wrote. */
NONNULL_ALL static inline bool switch_mark_is_set(const struct switch_mark *m)
{
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_load_explicit(m->word, memory_order_relaxed) == m->expect;
}

#endif
