/* Streaming: from one thread to another through a bounded channel, item by item and in batches. */
#include "channel_ours.h"
#include "runtime.h"

#define CAPACITY 1024u
#define BATCH 256u
#define ROUNDS 21u
#define ROUND_NS 4000000u
#define LATENCIES_MAX (1u << 20)

struct entry {
	const struct peer_channel *channel;
	uint32_t batch;
	uint64_t count;
};

static uint32_t latencies[LATENCIES_MAX];

static bool is_long(const struct entry *e)
{
	uint64_t used;
	return e->channel->run(CAPACITY, e->batch, e->count, latencies, LATENCIES_MAX, &used) >=
		ROUND_NS;
}

/* A count that takes some ROUND_NS, and not only the first time. */
static void find_count(struct entry *e)
{
	e->count = CAPACITY;
	while (!is_long(e) || !is_long(e))
		e->count *= 2;
}

static void measure(void *ctx, double *figures)
{
	const struct entry *e = ctx;
	uint64_t used = 0;
	const uint64_t took = e->channel->run(
		CAPACITY, e->batch, e->count, latencies, LATENCIES_MAX, &used);
	figures[0] = (double)took / (double)e->count;
	figures[1] = latency_quantile(latencies, used, 0.99) / 1e3;
}

static const struct channel_row {
	const char *name; /* NULL: the channel's own, which ours does not have */
	const struct peer_channel *channel;
	uint32_t batch;
	double goal;
} rivals[] = {
	{NULL, &channel_ours, BATCH, 0},
	{"sluice, item by item", &channel_ours, 1, 10},
	{"tokio mpsc recv", &peer_channel_tokio_1, 1, 10},
	{"tokio mpsc recv", &peer_channel_tokio_2, 1, 10},
	{"tokio mpsc recv_many", &peer_channel_tokio_1, BATCH, 0},
	{"tokio mpsc recv_many", &peer_channel_tokio_2, BATCH, 0},
	{NULL, &peer_channel_crossbeam, 1, 0},
	{NULL, &peer_channel_std, 1, 0},
	{NULL, &peer_channel_flume, 1, 0},
	{NULL, &peer_channel_rtrb, BATCH, 0},
};

unsigned runtime_channels(void)
{
	static const struct contest contests[] = {
		{.name = "stream in batches of 256", .unit = "ns/item", .rounds = ROUNDS},
		{.name = "stream in batches of 256, p99 of an item", .unit = "us", .figure = 1},
	};
	struct entry entries[ARRAY_LEN(rivals)];
	struct contestant list[ARRAY_LEN(rivals)] = {0};
	if (!compare_wants(contests[0].name) && !compare_wants(contests[1].name))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(rivals); i++) {
		const struct peer_channel *channel = rivals[i].channel;
		entries[i] = (struct entry){.channel = channel, .batch = rivals[i].batch};
		find_count(&entries[i]);
		list[i] = (struct contestant){
			.peer = rivals[i].name ? rivals[i].name : channel->name,
			.form = channel->form,
			.version = channel->version,
			.measure = measure,
			.ctx = &entries[i],
			.goal = {rivals[i].goal}};
	}
	return compare_figures(contests, ARRAY_LEN(contests), list, ARRAY_LEN(list));
}
