/* What the peers of the runtime's benchmarks look like from here: each does the same work behind
 * the same C functions, compiled by its own toolchain at its best setting, whole loops at a time,
 * so that no call across languages is inside what is measured.
 *
 * Also read by C++; src/abi.rs says the same in Rust. */
#ifndef PEERS_H
#define PEERS_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The source of all items: producers send it over and over, consumers add up what they got. */
#define PEER_TABLE_SIZE 1024u
#define PEER_BATCH_MAX 1024u
#define PEER_THREADS_MAX 4u

/* More threads than cores: whoever waits gives up its core now and then. Where each has its own,
 * that would only let other processes in. */
extern uint32_t peer_cores_are_shared;

/* A queue of 64-bit items. Producer and consumer wait by peer_wait (or its twin in Rust). */
struct peer_ring {
	const char *name, *form, *version;
	void *(*create)(uint32_t capacity);
	void (*destroy)(void *ring);
	/* As producer or consumer `member`: moves `count` items in batches of up to `batch`. */
	void (*produce)(
		void *ring, uint32_t member, const uint64_t *table, uint64_t count, uint32_t batch);
	uint64_t (*consume)(void *ring, uint32_t member, uint64_t count, uint32_t batch);
	/* One in, one out, on one thread. */
	uint64_t (*pair)(void *ring, const uint64_t *table, uint64_t count);
};

extern const struct peer_ring peer_rtrb_single, peer_rtrb_chunks, peer_rtrb_slices,
	peer_array_queue, peer_seg_queue;
extern const struct peer_ring peer_boost_single, peer_boost_arrays, peer_rwq, peer_moody,
	peer_moody_growing;
extern const struct peer_ring peer_ck_spsc, peer_ck_mpmc, peer_dpdk_spsc, peer_dpdk_zc,
	peer_dpdk_mpmc;

/* A piece of work that is done once for each index. */
typedef void (*peer_item)(void *ctx, uint64_t index);

/* An executor with pinned workers. A function that a peer has no sensible form of is NULL. */
struct peer_pool {
	const char *name, *form, *version;
	void *(*create)(uint32_t workers);
	void (*destroy)(void *pool);
	/* Forks at each call above 1, and never cuts off. */
	uint64_t (*fib)(void *pool, uint32_t n);
	/* An empty task: spawned and waited for, one after the other; or all spawned, then all
	 * waited for. */
	void (*spawn_join)(void *pool, uint64_t count);
	void (*spawn_many)(void *pool, uint64_t count);
	/* A task for each index, or the peer's own division. */
	void (*each)(void *pool, uint64_t count, peer_item item, void *ctx);
	uint64_t (*sum)(void *pool, const uint64_t *items, uint64_t count);
	void (*sort)(void *pool, uint64_t *items, uint64_t count);
};

extern const struct peer_pool peer_rayon, peer_rayon_range, peer_tokio, peer_deque;
extern const struct peer_pool peer_tbb, peer_tbb_other;

/* A bounded channel from one pinned thread (or task) to another. */
struct peer_channel {
	const char *name, *form, *version;
	/* Moves count items, received in batches of up to `batch` where the channel has them. An
	 * item is stamped now and then; latencies_ns has room for `room`, *used are filled in.
	 * Returns the nanoseconds that it took. */
	uint64_t (*run)(uint32_t capacity, uint32_t batch, uint64_t count, uint32_t *latencies_ns,
		uint64_t room, uint64_t *used);
};

extern const struct peer_channel peer_channel_crossbeam, peer_channel_std, peer_channel_flume,
	peer_channel_tokio_1, peer_channel_tokio_2, peer_channel_rtrb;

/* Wakes a parked thread (or task) count times, one at a time, and says how long each took, from
 * before the wake-up to after it. */
struct peer_wake {
	const char *name, *version;
	void (*run)(uint64_t count, uint32_t *latencies_ns);
};

extern const struct peer_wake peer_wake_parking_lot, peer_wake_std, peer_wake_tokio;

/* Of peers that are processes of their own. */
extern const char peer_version_tcmalloc[], peer_version_jemalloc[], peer_version_mimalloc[];
extern const char peer_version_uv[], peer_version_tokio[];

/* What the peers use of ours: one clock and one way to pin for all; and the busy time between two
 * wake-ups, after which the other side surely sleeps. */
uint64_t peer_now_ns(void);
void peer_pin(uint32_t core);
void peer_unpin(void);
void peer_pause_ns(void);

#ifdef __cplusplus
}
#endif
#endif
