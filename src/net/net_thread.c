#include "net/net_thread.h"

#include <stdlib.h>

#include "rt/completion.h"
#include "sys/thread.h"

/* What one side's thread has: its own list of the links, so that neither looks at the other's. */
struct side {
	struct loop *loop;
	uint32_t waker;
	struct link *link[NET_LINKS_MAX];
	uint32_t link_count;
	bool wake_other; /* something was posted since the loop last turned */
};

struct net_thread {
	struct side side[LINK_SIDES];
	struct loop_timer turn; /* the owner's: set while wake_other */
	struct thread thread;
	bool stop; /* the network's */
	/* The owner wakes nobody any more: the loop may go. */
	struct completion_hub end_hub;
	struct completion may_end;

	/* One call at a time, from the owner; handed over with the wake-up. */
	uint32_t call_waker;
	void (*call)(void *ctx); /* NULL: none */
	void *call_ctx;
	struct completion_hub call_hub;
	struct completion called;
};

/* ---- waking ---- */

static void wake_other(struct net_thread *t, enum link_side from)
{
	const struct side *other = &t->side[from == LINK_OWNER ? LINK_NET : LINK_OWNER];
	t->side[from].wake_other = false;
	loop_wake(other->loop, other->waker);
}

static void on_owner_turn(void *ctx)
{
	struct net_thread *t = ctx;
	t->turn.id = 0;
	wake_other(t, LINK_OWNER);
}

void net_thread_wake_later(struct net_thread *t, enum link_side side)
{
	const enum link_side from = side == LINK_OWNER ? LINK_NET : LINK_OWNER;
	struct side *s = &t->side[from];
	if (s->wake_other)
		return;
	s->wake_other = true;
	/* the network's own turns are run() */
	if (from == LINK_OWNER && loop_timer_set(s->loop, &t->turn, 0, on_owner_turn, t) != OK)
		wake_other(t, LINK_OWNER);
}

void net_thread_wake_own(struct net_thread *t, enum link_side side)
{
	loop_wake(t->side[side].loop, t->side[side].waker);
}

static void drain(struct net_thread *t, enum link_side which)
{
	const struct side *s = &t->side[which];
	bool more = false;
	for (uint32_t i = 0; i < s->link_count; i++)
		more = !link_drain(s->link[i], which) || more;
	if (more) /* after what else is ready */
		loop_wake(s->loop, s->waker);
}

static void on_owner_woken(void *ctx)
{
	drain(ctx, LINK_OWNER);
}

static void on_net_woken(void *ctx)
{
	drain(ctx, LINK_NET);
}

/* ---- calls ---- */

static void on_call(void *ctx)
{
	struct net_thread *t = ctx;
	void (*const call)(void *ctx) = t->call;
	if (call == NULL)
		return;
	t->call = NULL;
	call(t->call_ctx);
	completion_set(&t->called, OK);
}

void net_thread_call(struct net_thread *t, void (*fn)(void *ctx), void *ctx)
{
	completion_init(&t->called, &t->call_hub);
	t->call = fn;
	t->call_ctx = ctx;
	loop_wake(t->side[LINK_NET].loop, t->call_waker);
	CHECK(completion_wait(&t->called, FUTEX_FOREVER) == OK);
}

/* ---- links ---- */

struct change {
	struct net_thread *t;
	struct link *link;
};

static void add(struct side *s, struct link *l)
{
	CHECK(s->link_count < NET_LINKS_MAX);
	s->link[s->link_count++] = l;
}

static void take_out(struct side *s, const struct link *l)
{
	uint32_t i = 0;
	while (s->link[i] != l)
		CHECK(++i < s->link_count);
	s->link[i] = s->link[--s->link_count];
}

static void add_to_net(void *ctx)
{
	const struct change *c = ctx;
	add(&c->t->side[LINK_NET], c->link);
}

static void take_out_of_net(void *ctx)
{
	const struct change *c = ctx;
	take_out(&c->t->side[LINK_NET], c->link);
}

enum err net_thread_attach(struct net_thread *t, struct link *l)
{
	if (t->side[LINK_OWNER].link_count == NET_LINKS_MAX)
		return ERR_FULL;
	add(&t->side[LINK_OWNER], l);
	net_thread_call(t, add_to_net, &(struct change){.t = t, .link = l});
	return OK;
}

void net_thread_detach(struct net_thread *t, struct link *l)
{
	net_thread_call(t, take_out_of_net, &(struct change){.t = t, .link = l});
	take_out(&t->side[LINK_OWNER], l);
}

uint32_t net_thread_stat(const struct net_thread *t, struct link_stat out[NET_RINGS_MAX])
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->side[LINK_OWNER].link_count; i++) {
		link_stat(t->side[LINK_OWNER].link[i], LINK_NET, &out[n++]);
		link_stat(t->side[LINK_OWNER].link[i], LINK_OWNER, &out[n++]);
	}
	return n;
}

struct loop *net_thread_loop(const struct net_thread *t)
{
	return t->side[LINK_NET].loop;
}

/* ---- the thread ---- */

static void run(void *ctx)
{
	struct net_thread *t = ctx;
	while (!t->stop) {
		(void)loop_step(t->side[LINK_NET].loop, UINT64_MAX);
		if (t->side[LINK_NET].wake_other)
			wake_other(t, LINK_NET);
	}
	CHECK(completion_wait(&t->may_end, FUTEX_FOREVER) == OK);
	loop_destroy(t->side[LINK_NET].loop); /* by whom it was run */
}

static void stop(void *ctx)
{
	struct net_thread *t = ctx;
	t->stop = true;
}

enum err net_thread_create(
	struct net_thread **out, struct loop *owner, enum loop_backend_kind backend)
{
	if (loop_is_virtual(owner))
		return ERR_STATE;
	struct net_thread *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_FULL;
	struct side *mine = &t->side[LINK_OWNER], *net = &t->side[LINK_NET];
	mine->loop = owner;
	completion_hub_init(&t->call_hub, 0);
	completion_hub_init(&t->end_hub, 0);
	completion_init(&t->may_end, &t->end_hub);
	enum err err = loop_create(&net->loop, &(struct loop_config){.backend = backend});
	if (err == OK)
		err = loop_waker_add(net->loop, &net->waker, on_net_woken, t);
	if (err == OK)
		err = loop_waker_add(net->loop, &t->call_waker, on_call, t);
	if (err == OK)
		err = loop_waker_add(owner, &mine->waker, on_owner_woken, t);
	if (err != OK)
		goto out;
	err = thread_start(&t->thread, "net", run, t);
	if (err == OK) {
		*out = t;
		return OK;
	}
	loop_waker_remove(owner, mine->waker);
out:
	loop_destroy(net->loop);
	free(t);
	return err;
}

void net_thread_destroy(struct net_thread *t)
{
	if (t == NULL)
		return;
	CHECK(t->side[LINK_OWNER].link_count == 0);
	net_thread_call(t, stop, t); /* its wake-up may still be under way when it has stopped */
	completion_set(&t->may_end, OK);
	thread_join(&t->thread);
	loop_timer_cancel(t->side[LINK_OWNER].loop, &t->turn);
	loop_waker_remove(t->side[LINK_OWNER].loop, t->side[LINK_OWNER].waker);
	free(t);
}
