#include "store/journal_filler.h"

#include "sys/clock.h"

#define NS_PER_S UINT64_C(1000000000)

enum { IDLE, ASKED, FILLED, STOP };

static void set_state(struct journal_filler *f, uint32_t state)
{
	/* [FILL] release */
	atomic_store_explicit(&f->state, state, memory_order_release);
	eventcount_notify_all(&f->changed);
}

static uint32_t state_of(const struct journal_filler *f)
{
	/* [FILL] acquire */
	return atomic_load_explicit(&f->state, memory_order_acquire);
}

static bool has_orders(void *ctx)
{
	const uint32_t state = state_of(ctx);
	return state == ASKED || state == STOP;
}

static bool is_filled(void *ctx)
{
	return state_of(ctx) == FILLED;
}

static bool is_hurried(void *ctx)
{
	const struct journal_filler *f = ctx;
	/* relaxed: it says nothing of anything else */
	return atomic_load_explicit(&f->hurried, memory_order_relaxed) || state_of(f) == STOP;
}

static bool is_given_up(const struct journal_filler *f)
{
	return atomic_load_explicit(&f->given_up, memory_order_relaxed);
}

static enum err fill(struct journal_filler *f)
{
	const struct file_ops *ops = f->ops;
	const uint64_t step_ns = JOURNAL_FILL_STEP * NS_PER_S / JOURNAL_FILL_RATE;
	uint64_t at;
	TRY(ops->size(ops->ctx, &at, f->file));
	while (at < f->size && !is_given_up(f)) {
		const uint64_t due = clock_mono_ns() + step_ns;
		at = f->size - at > JOURNAL_FILL_STEP ? at + JOURNAL_FILL_STEP : f->size;
		TRY(ops->preallocate(ops->ctx, f->file, at));
		if (at < f->size)
			(void)!eventcount_await(&f->changed, due, is_hurried, f);
	}
	return is_given_up(f) ? ERR_CANCELLED : ops->fdatasync(ops->ctx, f->file);
}

static void filler_main(void *ctx)
{
	struct journal_filler *f = ctx;
	for (;;) {
		(void)!eventcount_await(&f->changed, FUTEX_FOREVER, has_orders, f);
		if (state_of(f) == STOP)
			return;
		f->result = fill(f);
		set_state(f, FILLED);
	}
}

enum err journal_filler_start(struct journal_filler *f, const struct file_ops *ops)
{
	*f = (struct journal_filler){.ops = ops};
	eventcount_init(&f->changed, 0);
	return thread_start(&f->thread, "journal-fill", filler_main, f);
}

void journal_filler_stop(struct journal_filler *f)
{
	set_state(f, STOP);
	thread_join(&f->thread);
}

void journal_filler_ask(struct journal_filler *f, int file, uint64_t size)
{
	CHECK(state_of(f) == IDLE);
	f->file = file;
	f->size = size;
	atomic_store_explicit(&f->hurried, false, memory_order_relaxed);
	atomic_store_explicit(&f->given_up, false, memory_order_relaxed);
	set_state(f, ASKED);
}

void journal_filler_hurry(struct journal_filler *f)
{
	if (atomic_load_explicit(&f->hurried, memory_order_relaxed))
		return;
	atomic_store_explicit(&f->hurried, true, memory_order_relaxed);
	eventcount_notify_all(&f->changed);
}

enum err journal_filler_wait(struct journal_filler *f)
{
	journal_filler_hurry(f);
	(void)!eventcount_await(&f->changed, FUTEX_FOREVER, is_filled, f);
	const enum err result = f->result;
	set_state(f, IDLE);
	return result;
}

void journal_filler_give_up(struct journal_filler *f)
{
	atomic_store_explicit(&f->given_up, true, memory_order_relaxed);
	(void)!journal_filler_wait(f);
}
