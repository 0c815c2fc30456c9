/* rt/channel: batches of items from any number of senders to any number of receivers, with waiting.
 *
 *     channel_create(&ch, &config)
 *     channel_sender_init(&s, ch);    channel_send_batch(&s, &sent, items, count, deadline)
 *     channel_receiver_init(&r, ch);  channel_receive_batch(&r, items, &got, count, deadline)
 *
 * Over rt/mpmc: each sender has a lane, a batch is published and announced once, a receiver takes a
 * batch by one exchange. A sender that finds its lane full is told so (ERR_FULL), or waits until
 * its deadline: that is the back-pressure. Waiting is sleeping on an eventcount after a short spin.
 * A sender that waits is woken when a quarter of its lane is free again, or what the receiver had
 * seen is used up: not for each item.
 *
 * Close: nothing more can be sent; what was sent is received; then, once every sender has gone,
 * receivers are told (ERR_STATE).
 *
 * Order: that of each sender. Nothing is lost, nothing comes twice.
 * Threads: a sender or receiver is one thread's at a time; close and stats are anybody's.
 * Ownership: the channel owns its memory; senders and receivers borrow it and end before it.
 * Must not: be waited on by a worker of the executor; allocate after channel_create.
 */
#ifndef RT_CHANNEL_H
#define RT_CHANNEL_H
#include "rt/eventcount.h"
#include "rt/mpmc.h"
#include "sys/pages.h"

#define CHANNEL_BATCH_DEFAULT 256u
#define CHANNEL_BATCH_MAX 4096u

/* Deadlines, otherwise in nanoseconds of the monotonic clock. */
#define CHANNEL_NOW UINT64_C(0) /* do not wait */
#define CHANNEL_FOREVER FUTEX_FOREVER

struct channel_config {
	size_t capacity;      /* items of each sender; a power of two */
	size_t item_size;     /* a multiple of 8, up to MPMC_ITEM_SIZE_MAX */
	uint32_t senders_max; /* at one time, up to MPMC_LANES_MAX */
	uint32_t batch_max;   /* items published or taken at once; 0: CHANNEL_BATCH_DEFAULT */
	uint32_t spin;        /* turns before a wait sleeps: EVENTCOUNT_SPIN_DEFAULT */
	/* For a receiver that sleeps elsewhere, in an event loop: called by a sender, or by whoever
	 * closes, after channel_arm, when there is something to receive. NULL: nobody does. */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

struct channel {
	struct mpmc ring;
	_Alignas(MPMC_APART) struct eventcount items; /* receivers wait for some */
	_Alignas(MPMC_APART) struct eventcount room;  /* senders wait for some */
	_Alignas(MPMC_APART) struct channel_config config;
	struct pages memory;
};

struct channel_sender {
	struct mpmc_producer producer;
	struct channel *channel;
};

struct channel_receiver {
	struct mpmc_consumer consumer;
	struct channel *channel;
	size_t unannounced; /* items taken since senders were last told of room */
};

/* Returns owned, on hugepages where the system has them. ERR_FULL: no memory; ERR_RANGE: a setting
 * out of its bounds. */
MUST_USE NONNULL_ALL enum err channel_create(
	struct channel **out, const struct channel_config *config);
void channel_destroy(struct channel *ch);

/* ERR_FULL: there are senders_max already; ERR_STATE: closed. */
MUST_USE NONNULL_ALL enum err channel_sender_init(struct channel_sender *s, struct channel *ch);
NONNULL_ALL void channel_sender_fini(struct channel_sender *s);
NONNULL_ALL void channel_receiver_init(struct channel_receiver *r, struct channel *ch);

NONNULL_ALL void channel_close(struct channel *ch);
NONNULL_ALL void channel_stats(const struct channel *ch, struct mpmc_stats *out);

/* Sends all `count` items, in batches. *sent says how many went, whatever is returned.
 * OK: all. ERR_FULL: there is no room now (CHANNEL_NOW); ERR_TIMEOUT: nor was there by the
 * deadline; ERR_STATE: closed. */
MUST_USE NONNULL_ALL enum err channel_send_batch(struct channel_sender *s, size_t *sent,
	const void *items, size_t count, uint64_t deadline_ns);

/* Receives what is there, one item at least, up to `count` and to the channel's batch.
 * ERR_UNAVAILABLE: nothing is there now (CHANNEL_NOW); ERR_TIMEOUT: nor was there by the deadline;
 * ERR_STATE: closed, and everything has been received. *got is 0 then. */
MUST_USE NONNULL_ALL enum err channel_receive_batch(
	struct channel_receiver *r, void *items, size_t *got, size_t count, uint64_t deadline_ns);

/* For a receiver in an event loop, before it sleeps there: true: nothing is there, and `wake` will
 * be called when there is; false: receive first. */
MUST_USE NONNULL_ALL bool channel_arm(struct channel_receiver *r);

#endif
