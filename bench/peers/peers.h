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
extern const struct peer_ring peer_boost_single, peer_boost_arrays, peer_rwq, peer_moody;
extern const struct peer_ring peer_ck_spsc, peer_ck_mpmc, peer_dpdk_spsc, peer_dpdk_zc,
	peer_dpdk_mpmc;

#ifdef __cplusplus
}
#endif
#endif
