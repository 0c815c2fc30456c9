#include "store/journal_filler.h"

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

static void filler_main(void *ctx)
{
	struct journal_filler *f = ctx;
	for (;;) {
		(void)!eventcount_await(&f->changed, FUTEX_FOREVER, has_orders, f);
		if (state_of(f) == STOP)
			return;
		f->result = f->ops->preallocate(f->ops->ctx, f->file, f->size);
		if (f->result == OK)
			f->result = f->ops->fdatasync(f->ops->ctx, f->file);
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
	set_state(f, ASKED);
}

enum err journal_filler_wait(struct journal_filler *f)
{
	(void)!eventcount_await(&f->changed, FUTEX_FOREVER, is_filled, f);
	const enum err result = f->result;
	set_state(f, IDLE);
	return result;
}
