/* client/view: what our own node was seen to say about one side of a swap: a fold of blocks.
 *
 * Rebuilt at every start from the height in the rescue file; nothing of it is kept. A lock-up that
 * a reorganisation took off the chain stays known as unconfirmed. Many lock-ups can pay to the same
 * terms (paid twice, too little, somebody's dust): the largest VIEW_LOCKS_MAX are kept.
 * Pure. Threads: one.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H
#include "base/observe.h"

#define VIEW_LOCKS_MAX 16u

struct view_lock {
	struct locator at;
	struct amount amount;
	uint64_t timelock;
	uint64_t height;       /* 0: unconfirmed */
	uint32_t flags;        /* CHAIN_LOCK_* */
	enum lock_spend spend; /* 0: not spent */
	struct hash256 spend_tx;
	uint64_t spend_height; /* 0: unconfirmed */
};

struct view {
	struct block_ref tip; /* the last block reported */
	bool has_tip;
	struct hash256 hash;  /* of the preimage, to recognise it */
	bool preimage_public; /* it was seen on this side, anywhere */
	struct view_lock lock[VIEW_LOCKS_MAX];
	uint32_t count;
};

NONNULL_ALL void view_init(struct view *v, const struct hash256 *hash);
void view_block(struct view *v, const struct block_ref *block, const struct chain_event *event,
	size_t event_count);
NONNULL_ALL void view_reorg(struct view *v, const struct block_ref *keep);
NONNULL_ALL void view_mempool(struct view *v, const struct chain_event *event);
/* CHANNEL: what happened between blocks, final when it is seen: at the tip. The end of a payment
 * that was never seen is the end of one all the same. */
NONNULL_ALL void view_fact(struct view *v, const struct chain_event *event);

/* 1 in the tip; 0: not in a block. */
uint64_t view_depth(uint64_t tip, uint64_t height);

#endif
