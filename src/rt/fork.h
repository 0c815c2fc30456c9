/* rt/fork: fork and join at about the price of a call. A fork that nobody takes costs a few
 * ordinary loads and stores, and no atomic read-modify-write.
 *
 *     uint64_t fib(struct strand s, uint64_t n)
 *     {
 *             if (n < 2)
 *                     return n;
 *             struct fib *other = fork_frame(s); // arguments, then results: FORK_FRAME_SIZE
 *             other->n = n - 2;
 *             const uint64_t one = fib(fork_begin(s, fib_branch), n - 1);
 *             if (fork_is_here(s)) // as nearly always: call it; the frame is void
 *                     return one + fib(s, n - 2);
 *             fork_join(s); // another worker has it or had it
 *             return one + other->result;
 *     }
 *
 * A strand is a position on a worker's stack of forks, handed from caller to callee. The newest
 * forks are private to the worker. A worker without work asks for some by a flag, which fork_begin
 * reads; only then the oldest fork is offered (rt/split), and the asker is woken. So whoever forks
 * much pays little, and what is given away is the largest there is. The same holds when nobody ever
 * asks: every fork is called by its owner.
 *
 * Rules: forks of one function are joined (fork_is_here or fork_join) newest first, before it
 * returns. Between fork_begin and its join, only the strand that fork_begin returned is used. After
 * fork_is_here said true the frame's content is void: call with the values at hand (on a full stack
 * forks share one frame, and are all called by their owner). A branch may run on another worker,
 * but for its frame it must share with its parent only what both may use at once.
 * Threads: a strand belongs to the worker that made it. Must not: outlive the task or branch that
 * was given it.
 */
#ifndef RT_FORK_H
#define RT_FORK_H
#include <stdatomic.h>

#include "base/atomic.h"
#include "base/base.h"

#define FORK_FRAME_SIZE 40u

#define FORK_STACK_SIZE                                                                            \
	65536u /* of a worker's stack of forks, its head included; its alignment                   \
		*/

struct worker;

/* A position on a stack of forks. One pointer, so that it is passed in a register: the head of its
 * stack is found by rounding it down. */
struct strand {
	struct fork *top; /* the slot of the next fork */
};

/* A branch. The frame is the one that fork_frame gave. */
typedef void (*fork_branch)(struct strand s, void *frame);

struct fork {
	_Alignas(CACHE_LINE) fork_branch here; /* NULL from when it is offered until it is joined */
	unsigned char frame[FORK_FRAME_SIZE];
	/* set where it is offered */
	fork_branch run;
	_Atomic uint32_t state;
};
_Static_assert(sizeof(struct fork) == CACHE_LINE, "a stolen fork shares no line with another");

/* The head of a worker's stack; the slots follow it. */
struct fork_stack {
	/* Forks from here on take the slow path: the end of the stack, or, where somebody asks for
	 * work, NULL. */
	_Alignas(CACHE_LINE) _Atomic(struct fork *) limit;
	struct fork *base; /* those below are offered or taken; the owner's copy of the border */
	struct fork *end;  /* of the slots: one more is there, for all forks that find no slot */
	struct worker *worker;
};

#define FORK_SLOTS_MAX ((FORK_STACK_SIZE - sizeof(struct fork_stack)) / sizeof(struct fork) - 1)

static inline struct fork_stack *strand_stack(struct strand s)
{
	return (struct fork_stack *)((uintptr_t)s.top & ~(uintptr_t)(FORK_STACK_SIZE - 1));
}

/* The slow paths. */
struct strand fork_begin_slowly(struct strand s);
/* As fork_begin, but this fork and those before it are offered at once: for branches that are long
 * enough not to mind the price, some 50 ns, beside work in which nobody could answer an ask. */
struct strand fork_begin_offered(struct strand s, fork_branch run);
/* Only where fork_is_here said no: runs the branch or waits for whoever runs it, working on what
 * there is meanwhile. The frame then holds the branch's results. */
void fork_join(struct strand s);

/* The arguments of the next fork; aligned to 8. */
static inline void *fork_frame(struct strand s)
{
	return s.top->frame;
}

/* From here on, `run` may be called on another worker. Returns the strand for what runs beside. */
static inline struct strand fork_begin(struct strand s, fork_branch run)
{
	s.top->here = run;
	/* relaxed: a flag that is seen late is answered late */
	if (__builtin_expect(
		    s.top >= atomic_load_explicit(&strand_stack(s)->limit, memory_order_relaxed),
		    false))
		return fork_begin_slowly(s);
	s.top++;
	return s;
}

/* Nobody was offered the newest fork of this strand: the caller does it. */
static inline bool fork_is_here(struct strand s)
{
	return __builtin_expect(s.top->here != NULL, true);
}

/* Somebody is looking for work: a long loop may fork off half of what is left. */
static inline bool fork_is_asked(struct strand s)
{
	return atomic_load_explicit(&strand_stack(s)->limit, memory_order_relaxed) == NULL;
}

#endif
