#include "rt/executor_internal.h"

/* Gives away the oldest fork that is private, and wakes somebody for it. */
static void offer_oldest(struct worker *w)
{
	struct fork *oldest = w->forks->base++;
	oldest->run = oldest->here;
	oldest->here = NULL;
	atomic_store_explicit(&oldest->state, FORK_OFFERED, memory_order_relaxed);
	split_offer(&w->split);
	counter_add(&w->counters.offered, 1);
	executor_wake(w->x, w->node, 1);
}

struct strand fork_begin_slowly(struct strand s)
{
	struct worker *w = strand_to_worker(s);
	if (s.top < w->forks->end)
		s.top++;
	/* else the stack is full: this fork has no slot of its own, its owner will call it */
	if (fork_is_asked(s) && w->forks->base < s.top) {
		/* [ASK] Lowered again before the offer is made known: whoever asks after that has
		 * seen the offer or is woken for it. */
		atomic_store_explicit(&w->forks->limit, w->forks->end, memory_order_relaxed);
		offer_oldest(w);
	}
	return s;
}

struct strand fork_begin_offered(struct strand s, fork_branch run)
{
	struct worker *w = strand_to_worker(s);
	s.top->here = run;
	if (s.top < w->forks->end)
		s.top++;
	while (w->victim_count > 0 && w->forks->base < s.top)
		offer_oldest(w);
	return s;
}

/* Nobody has taken it: its owner runs it after all. The branch forks into the slots from this one
 * on, so that it works on a copy of its frame. */
static void run_back(struct strand s)
{
	_Alignas(8) unsigned char frame[FORK_FRAME_SIZE];
	const fork_branch run = s.top->run;
	memcpy(frame, s.top->frame, sizeof frame);
	run(s, frame);
	memcpy(s.top->frame, frame, sizeof frame);
}

void fork_join(struct strand s)
{
	struct worker *w = strand_to_worker(s);
	const uint32_t index = (uint32_t)(s.top - w->slots);
	CHECK(w->forks->base == s.top + 1); /* joined newest first */
	if (split_take_back(&w->split, index)) {
		w->forks->base = s.top;
		run_back(s);
		return;
	}
	const struct wait until = {.fork = s.top};
	worker_wait((struct strand){.top = s.top + 1}, &until);
	split_forget(&w->split, index);
	w->forks->base = s.top;
}
