#include "client/wait.h"

#define STEP_MS 1000u

static wait_step chosen;

void wait_step_set(wait_step step)
{
	chosen = step;
}

static void take_step(struct loop *loop, uint64_t ms)
{
	if (chosen != NULL)
		chosen(loop, ms);
	else
		(void)loop_step(loop, ms);
}

static bool stopped(const bool *stop)
{
	return stop != NULL && *stop;
}

enum err wait_for(struct loop *loop, const struct wait *w, const bool *stop)
{
	while (w->pending > 0) {
		if (stopped(stop))
			return ERR_CANCELLED;
		take_step(loop, STEP_MS);
	}
	return OK;
}

enum err wait_ms(struct loop *loop, uint64_t ms, const bool *stop)
{
	const uint64_t end = loop_now_ms(loop) + ms;
	for (;;) {
		const uint64_t now = loop_now_ms(loop);
		if (stopped(stop))
			return ERR_CANCELLED;
		if (now >= end)
			return OK;
		take_step(loop, end - now < STEP_MS ? end - now : STEP_MS);
	}
}
