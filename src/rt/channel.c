#include "rt/channel.h"

/* A sender that waits is woken when this part of its lane is free, if not sooner. */
#define ROOM_PART 4u

static bool is_valid(const struct channel_config *c)
{
	return c->capacity > 0 && c->capacity <= MPMC_CAPACITY_MAX &&
		(c->capacity & (c->capacity - 1)) == 0 && c->item_size > 0 &&
		c->item_size <= MPMC_ITEM_SIZE_MAX && c->item_size % sizeof(uint64_t) == 0 &&
		c->senders_max > 0 && c->senders_max <= MPMC_LANES_MAX &&
		c->batch_max <= CHANNEL_BATCH_MAX;
}

enum err channel_create(struct channel **out, const struct channel_config *config)
{
	const struct pages_options where = {.want = PAGES_2M, .node = PAGES_NODE_ANY};
	struct pages memory;
	if (!is_valid(config))
		return ERR_RANGE;
	_Static_assert(sizeof(struct channel) % MPMC_APART == 0, "the lanes follow it");
	TRY(pages_map(&memory,
		sizeof(struct channel) +
			mpmc_storage_size(config->senders_max, config->capacity, config->item_size),
		&where));
	struct channel *ch = (struct channel *)(void *)memory.ptr;
	mpmc_init(&ch->ring, ch + 1, config->senders_max, config->capacity, config->item_size);
	eventcount_init(&ch->items, config->spin);
	eventcount_init(&ch->room, config->spin);
	ch->config = *config;
	if (ch->config.batch_max == 0)
		ch->config.batch_max = CHANNEL_BATCH_DEFAULT;
	ch->memory = memory;
	*out = ch;
	return OK;
}

void channel_destroy(struct channel *ch)
{
	if (ch == NULL)
		return;
	struct pages memory = ch->memory;
	pages_unmap(&memory);
}

/* Something to receive, or the end. */
static void announce(struct channel *ch, bool all)
{
	if (!eventcount_has_waiters(&ch->items))
		return;
	eventcount_wake(&ch->items, all);
	if (ch->config.wake != NULL)
		ch->config.wake(ch->config.wake_ctx);
}

enum err channel_sender_init(struct channel_sender *s, struct channel *ch)
{
	TRY(mpmc_producer_init(&s->producer, &ch->ring));
	s->channel = ch;
	return OK;
}

void channel_sender_fini(struct channel_sender *s)
{
	mpmc_producer_fini(&s->producer);
	if (mpmc_is_closed(&s->channel->ring))
		announce(s->channel, true); /* this may have been the last one */
}

void channel_receiver_init(struct channel_receiver *r, struct channel *ch)
{
	*r = (struct channel_receiver){.channel = ch};
	mpmc_consumer_init(&r->consumer, &ch->ring);
}

void channel_close(struct channel *ch)
{
	mpmc_close(&ch->ring);
	eventcount_notify_all(&ch->room);
	announce(ch, true);
}

void channel_stats(const struct channel *ch, struct mpmc_stats *out)
{
	mpmc_stats(&ch->ring, out);
}

/* ---- sending ---- */

struct sending {
	struct channel_sender *sender;
	const uint8_t *items;
	size_t left;
	size_t done;
};

/* Moves one batch, if there is room; true as well where there is no use in waiting. */
static bool send_some(void *ctx)
{
	struct sending *s = ctx;
	const struct channel_config *config = &s->sender->channel->config;
	const size_t want = s->left < config->batch_max ? s->left : config->batch_max;
	s->done = mpmc_push_batch(&s->sender->producer, s->items, want, config->item_size);
	return s->done > 0 || mpmc_is_closed(&s->sender->channel->ring);
}

enum err channel_send_batch(struct channel_sender *s, size_t *sent, const void *items, size_t count,
	uint64_t deadline_ns)
{
	struct channel *ch = s->channel;
	struct sending sending = {.sender = s, .items = items, .left = count};
	*sent = 0;
	while (sending.left > 0) {
		if (!send_some(&sending)) {
			if (deadline_ns == CHANNEL_NOW)
				return ERR_FULL;
			TRY(eventcount_await(&ch->room, deadline_ns, send_some, &sending));
		}
		if (sending.done == 0)
			return ERR_STATE;
		announce(ch, false);
		*sent += sending.done;
		sending.items += sending.done * ch->config.item_size;
		sending.left -= sending.done;
	}
	return OK;
}

/* ---- receiving ---- */

static void announce_room(struct channel_receiver *r)
{
	if (r->unannounced == 0)
		return;
	r->unannounced = 0;
	/* each waits for its own lane, and this does not say whose it was */
	eventcount_notify_all(&r->channel->room);
}

struct receiving {
	struct channel_receiver *receiver;
	void *items;
	size_t want;
	size_t done;
};

/* Takes a batch, if there is one; true as well where there is no use in waiting. */
static bool receive_some(void *ctx)
{
	struct receiving *v = ctx;
	struct channel_receiver *r = v->receiver;
	struct channel *ch = r->channel;
	if (r->consumer.head == r->consumer.tail_seen)
		announce_room(r); /* before the look, so that a sender may answer it */
	v->done = mpmc_pop_batch(&r->consumer, v->items, v->want, ch->config.item_size);
	if (v->done == 0)
		return mpmc_is_drained(&ch->ring);
	r->unannounced += v->done;
	if (r->unannounced >= ch->config.capacity / ROOM_PART)
		announce_room(r);
	return true;
}

enum err channel_receive_batch(
	struct channel_receiver *r, void *items, size_t *got, size_t count, uint64_t deadline_ns)
{
	struct channel *ch = r->channel;
	struct receiving v = {
		.receiver = r,
		.items = items,
		.want = count < ch->config.batch_max ? count : ch->config.batch_max,
	};
	CHECK(count > 0);
	*got = 0;
	if (!receive_some(&v)) {
		if (deadline_ns == CHANNEL_NOW)
			return ERR_UNAVAILABLE;
		TRY(eventcount_await(&ch->items, deadline_ns, receive_some, &v));
	}
	if (v.done == 0)
		return ERR_STATE;
	*got = v.done;
	/* One notification woke one receiver: whoever leaves something wakes the next one. */
	if (r->consumer.head != r->consumer.tail_seen)
		announce(ch, false);
	return OK;
}

bool channel_arm(struct channel_receiver *r)
{
	struct channel *ch = r->channel;
	const uint32_t key = eventcount_prepare(&ch->items);
	if (!mpmc_ready(&r->consumer) && !mpmc_is_drained(&ch->ring))
		return true; /* the registration stays: the next notification takes it */
	eventcount_cancel(&ch->items, key);
	return false;
}
