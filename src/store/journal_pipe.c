#include "store/journal_pipe.h"

#include "rt/channel.h"
#include "sys/thread.h"

#define TAKEN_AT_ONCE 64u

enum what { SEGMENT, GROUP };

struct item {
	uint64_t what; /* enum what */
	union {
		struct journal_segment_header segment;
		struct {
			struct journal_group_header header;
			struct slice body;
		} group;
	} u;
};
_Static_assert(sizeof(struct item) % sizeof(uint64_t) == 0, "the channel's items are of words");

struct pipe {
	struct channel *items;
	struct eventcount begun_more;
	_Atomic uint64_t begun; /* segments that the visitor has come to */
	_Atomic bool ended;     /* it goes no further */
	_Atomic bool waits;     /* it has nothing to visit; only a hint */
	/* the reader's */
	struct channel_sender out;
	uint64_t told; /* segments */
	journal_pipe_read read;
	void *ctx;
	enum err result; /* for who joined it */
};

/* ---- the reader's side ---- */

static enum err send(struct pipe *p, const struct item *item)
{
	size_t sent;
	const enum err err = channel_send_batch(&p->out, &sent, item, 1, CHANNEL_FOREVER);
	return err == ERR_STATE ? ERR_CANCELLED : err;
}

static enum err send_segment(void *ctx, const struct journal_segment_header *header)
{
	struct pipe *p = ctx;
	p->told++;
	return send(p, &(struct item){.what = SEGMENT, .u.segment = *header});
}

static enum err send_group(void *ctx, const struct journal_group_header *header, struct slice body)
{
	return send(ctx, &(struct item){.what = GROUP, .u.group = {*header, body}});
}

static bool has_left(void *ctx)
{
	const struct pipe *p = ctx;
	/* [BEGUN] acquire: pairs with the release in visit: its reads of what was before */
	return atomic_load_explicit(&p->begun, memory_order_acquire) == p->told ||
		atomic_load_explicit(&p->ended, memory_order_relaxed);
}

/* Until the visitor has come to the last segment, and so is through with those before it. */
static enum err await_left(void *ctx)
{
	struct pipe *p = ctx;
	(void)!eventcount_await(&p->begun_more, FUTEX_FOREVER, has_left, p);
	return atomic_load_explicit(&p->ended, memory_order_relaxed) ? ERR_CANCELLED : OK;
}

static bool waits(void *ctx)
{
	const struct pipe *p = ctx;
	return atomic_load_explicit(&p->waits, memory_order_relaxed);
}

static void reader_main(void *ctx)
{
	struct pipe *p = ctx;
	const struct journal_visitor sender = {.segment = send_segment,
		.group = send_group,
		.leave = await_left,
		.waits = waits,
		.ctx = p};
	p->result = p->read(p->ctx, &sender);
	channel_sender_fini(&p->out);
	channel_close(p->items);
}

/* ---- the visitor's side ---- */

static enum err visit(struct pipe *p, const struct item *item, const struct journal_visitor *v)
{
	if (item->what == GROUP)
		return journal_visit_group(v, &item->u.group.header, item->u.group.body);
	const uint64_t begun = atomic_load_explicit(&p->begun, memory_order_relaxed);
	/* [BEGUN] release */
	atomic_store_explicit(&p->begun, begun + 1, memory_order_release);
	eventcount_notify_one(&p->begun_more);
	return v->segment == NULL ? OK : v->segment(v->ctx, &item->u.segment);
}

static void refuse(struct journal_refusal *out, const struct item *item, enum err err)
{
	out->err = err;
	out->segment = item->what == GROUP ? item->u.group.header.segment : item->u.segment.segment;
	out->offset = item->what == GROUP ? item->u.group.header.offset : 0;
}

static void end(struct pipe *p)
{
	atomic_store_explicit(&p->ended, true, memory_order_relaxed);
	eventcount_notify_one(&p->begun_more);
	channel_close(p->items);
}

/* What there is; where there is nothing, it is said so and waited for. */
static enum err take(
	struct pipe *p, struct channel_receiver *in, struct item item[TAKEN_AT_ONCE], size_t *got)
{
	enum err err = channel_receive_batch(in, item, got, TAKEN_AT_ONCE, CHANNEL_NOW);
	if (err == ERR_UNAVAILABLE) {
		atomic_store_explicit(&p->waits, true, memory_order_relaxed);
		err = channel_receive_batch(in, item, got, TAKEN_AT_ONCE, CHANNEL_FOREVER);
		atomic_store_explicit(&p->waits, false, memory_order_relaxed);
	}
	return err;
}

/* Until all is visited, or something is refused. */
static void visit_all(
	struct pipe *p, struct journal_refusal *refused, const struct journal_visitor *visitor)
{
	struct item item[TAKEN_AT_ONCE];
	struct channel_receiver in;
	size_t got;
	channel_receiver_init(&in, p->items);
	while (refused->err == OK && take(p, &in, item, &got) == OK) {
		for (size_t i = 0; i < got && refused->err == OK; i++) {
			const enum err err = visit(p, &item[i], visitor);
			if (err != OK)
				refuse(refused, &item[i], err);
		}
	}
	if (refused->err != OK)
		end(p);
}

static enum err start(struct pipe *p, struct thread *thread)
{
	const struct channel_config config = {.capacity = JOURNAL_PIPE_GROUPS,
		.item_size = sizeof(struct item),
		.senders_max = 1,
		.spin = EVENTCOUNT_SPIN_DEFAULT};
	eventcount_init(&p->begun_more, EVENTCOUNT_SPIN_DEFAULT);
	TRY(channel_create(&p->items, &config));
	CHECK(channel_sender_init(&p->out, p->items) == OK);
	const enum err err = thread_start(thread, "journal-read", reader_main, p);
	if (err != OK)
		channel_destroy(p->items);
	return err;
}

enum err journal_pipe_run(struct journal_refusal *refused, const struct journal_visitor *visitor,
	journal_pipe_read read, void *ctx)
{
	struct pipe p = {.read = read, .ctx = ctx};
	struct thread thread;
	*refused = (struct journal_refusal){.err = OK};
	if (start(&p, &thread) != OK)
		return read(ctx, visitor);
	visit_all(&p, refused, visitor);
	thread_join(&thread);
	channel_destroy(p.items);
	return refused->err != OK ? refused->err : p.result;
}
