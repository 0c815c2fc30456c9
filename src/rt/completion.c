#include "rt/completion.h"

#define COMPLETION_SET (UINT32_C(1) << 31)

void completion_hub_init(struct completion_hub *hub, uint32_t spin)
{
	eventcount_init(&hub->changed, spin);
}

void completion_init(struct completion *c, struct completion_hub *hub)
{
	atomic_init(&c->state, 0);
	c->hub = hub;
}

void completion_set(struct completion *c, enum err result)
{
	/* read before the store, for the completion may be gone after it */
	struct completion_hub *hub = c->hub;
	const uint32_t state = COMPLETION_SET | (uint32_t) - (int32_t)result;
	/* [SET] release: pairs with the acquires in state_of: what was done, then the event */
	const uint32_t before = atomic_exchange_explicit(&c->state, state, memory_order_release);
	CHECK(before == 0);
	eventcount_notify_all(&hub->changed);
}

static uint32_t state_of(const struct completion *c)
{
	/* [SET] acquire: pairs with the release in completion_set */
	return atomic_load_explicit(&c->state, memory_order_acquire);
}

bool completion_is_set(const struct completion *c)
{
	return state_of(c) != 0;
}

enum err completion_result(const struct completion *c)
{
	const uint32_t state = state_of(c);
	CHECK(state != 0);
	return (enum err) - (int32_t)(state & ~COMPLETION_SET);
}

struct waiting {
	struct completion *const *list;
	size_t count;
	size_t at; /* all: those before it are set. any: the one that is */
};

static bool are_all_set(void *ctx)
{
	struct waiting *w = ctx;
	while (w->at < w->count && completion_is_set(w->list[w->at]))
		w->at++;
	return w->at == w->count;
}

static bool is_any_set(void *ctx)
{
	struct waiting *w = ctx;
	for (w->at = 0; w->at < w->count; w->at++)
		if (completion_is_set(w->list[w->at]))
			return true;
	return false;
}

static enum err wait_for(struct waiting *w, eventcount_ready ready, uint64_t deadline_ns)
{
	for (size_t i = 1; i < w->count; i++)
		CHECK(w->list[i]->hub == w->list[0]->hub);
	if (ready(w))
		return OK;
	if (deadline_ns == 0)
		return ERR_TIMEOUT;
	return eventcount_await(&w->list[0]->hub->changed, deadline_ns, ready, w);
}

enum err completion_wait(struct completion *c, uint64_t deadline_ns)
{
	return completion_wait_all(&c, 1, deadline_ns);
}

enum err completion_wait_all(struct completion *const *list, size_t count, uint64_t deadline_ns)
{
	struct waiting w = {.list = list, .count = count};
	return wait_for(&w, are_all_set, deadline_ns);
}

enum err completion_wait_any(
	size_t *index, struct completion *const *list, size_t count, uint64_t deadline_ns)
{
	struct waiting w = {.list = list, .count = count};
	if (count == 0)
		return ERR_RANGE;
	TRY(wait_for(&w, is_any_set, deadline_ns));
	*index = w.at;
	return OK;
}
