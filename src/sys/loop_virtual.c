/* The virtual loop: its clock stands still while callbacks run, and jumps to the next timer when
 * nothing is left to do. It has no descriptors. */
#include "sys/streams_internal.h"

static enum err virtual_open(struct loop *loop)
{
	(void)loop;
	return OK;
}

static void virtual_close(struct loop *loop)
{
	streams_virtual_free(loop);
}

static void virtual_nothing(struct loop *loop)
{
	(void)loop;
}

/* Lets time pass up to end_ns, or to the first timer that is due before, and runs what is due. */
static uint32_t pass(struct loop *loop, uint64_t end_ns)
{
	for (;;) {
		const uint64_t next_ns = timer_wheel_next_ns(&loop->timers);
		if (next_ns > end_ns)
			return 0;
		/* the bound may be early: the wheel has moved then, and knows better */
		if (next_ns > loop->virtual_now_ns)
			loop->virtual_now_ns = next_ns;
		const uint32_t ran = loop_run_timers(loop, loop->virtual_now_ns);
		if (ran > 0)
			return ran;
	}
}

/* Until something ran, or there is nothing to do. */
static uint32_t run_hooks(struct loop *loop)
{
	uint32_t ran;
	while (loop_run_hooks(loop, &ran) && ran == 0)
		continue;
	return ran;
}

static uint32_t virtual_step(struct loop *loop, uint64_t wait_ms)
{
	const uint32_t ran = run_hooks(loop) + loop_run_wakers(loop) +
		loop_run_timers(loop, loop->virtual_now_ns);
	if (ran > 0)
		return ran;
	const uint64_t wait_ns = (wait_ms > DELAY_MAX_MS ? DELAY_MAX_MS : wait_ms) * NS_PER_MS;
	const uint64_t end_ns = loop->virtual_now_ns + wait_ns;
	const uint32_t passed = pass(loop, end_ns);
	/* waited in vain, for ever where nothing can come any more: the clock stays then */
	if (passed == 0 && wait_ms != UINT64_MAX)
		loop->virtual_now_ns = end_ns;
	return passed;
}

static enum err virtual_fd_arm(struct loop *loop, int fd, const struct fd_slot *slot, bool known)
{
	(void)loop, (void)fd, (void)slot, (void)known;
	return ERR_STATE;
}

static void virtual_fd_disarm(struct loop *loop, int fd, const struct fd_slot *slot)
{
	(void)loop, (void)fd, (void)slot;
}

const struct loop_backend loop_virtual = {
	.name = "virtual",
	.open = virtual_open,
	.close = virtual_close,
	.step = virtual_step,
	.wake = virtual_nothing, /* whoever steps a virtual loop is awake */
	.fd_arm = virtual_fd_arm,
	.fd_disarm = virtual_fd_disarm,
};
