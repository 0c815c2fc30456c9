/* Our channel behind the function that its peers are behind. */
#include "channel_ours.h"

#include "crew.h"
#include "rt/channel.h"

#define STAMP_EVERY 256u /* as src/channels.rs does */

struct stream {
	struct channel *channel;
	uint64_t count;
	uint32_t batch;
	uint32_t *latencies_ns;
	uint64_t room, used;
};

static void produce(const struct stream *s)
{
	uint64_t items[PEER_BATCH_MAX];
	struct channel_sender sender;
	CHECK(channel_sender_init(&sender, s->channel) == OK);
	for (uint64_t at = 0; at < s->count;) {
		const uint64_t left = s->count - at;
		const size_t n = left < s->batch ? (size_t)left : s->batch;
		size_t sent;
		for (size_t i = 0; i < n; i++)
			items[i] = (at + i) % STAMP_EVERY == 0 ? peer_now_ns() : 0;
		CHECK(channel_send_batch(&sender, &sent, items, n, CHANNEL_FOREVER) == OK);
		at += n;
	}
	channel_sender_fini(&sender);
}

static void take(struct stream *s, uint64_t item)
{
	if (item == 0 || s->used == s->room)
		return;
	const uint64_t took = peer_now_ns() - item;
	s->latencies_ns[s->used++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
}

static void consume(struct stream *s)
{
	uint64_t items[PEER_BATCH_MAX];
	struct channel_receiver receiver;
	channel_receiver_init(&receiver, s->channel);
	for (uint64_t left = s->count; left > 0;) {
		size_t got;
		CHECK(channel_receive_batch(&receiver, items, &got, s->batch, CHANNEL_FOREVER) ==
			OK);
		for (size_t i = 0; i < got; i++)
			take(s, items[i]);
		left -= got;
	}
}

static void part(void *ctx, unsigned member)
{
	if (member == 0)
		produce(ctx);
	else
		consume(ctx);
}

static uint64_t run(uint32_t capacity, uint32_t batch, uint64_t count, uint32_t *latencies_ns,
	uint64_t room, uint64_t *used)
{
	const struct channel_config config = {.capacity = capacity,
		.item_size = sizeof(uint64_t),
		.senders_max = 1,
		.batch_max = batch,
		.spin = EVENTCOUNT_SPIN_DEFAULT};
	struct stream s = {
		.count = count, .batch = batch, .latencies_ns = latencies_ns, .room = room};
	CHECK(channel_create(&s.channel, &config) == OK);
	const uint64_t took = crew_run(2, part, &s);
	channel_destroy(s.channel);
	*used = s.used;
	return took;
}

const struct peer_channel channel_ours = {.run = run};
