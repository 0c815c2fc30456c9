/* layer/follow: follows a node's best chain from a cursor, for every network alike.
 *
 * What a node says about heights is only a hint where to look. What is reported is decided by
 * hashes: each block names the block reported before it as its parent, or a reorganisation back to
 * its parent was reported first. A question without an answer ends the round, and nothing follows
 * from it: the next poll begins anew. So a reorganisation is reported only
 *   - together with the first block that replaces, which was fetched and checked; or
 *   - when the node's best block is one that we know, below ours, and the node says outright that
 *     ours has left its chain.
 *
 *   WAIT ── poll ──► TIP ──► BLOCKS (the next one)          ─┐
 *    ▲                ├────► HASHES ──► BLOCKS (a window)    ├─► DELIVER ─► more, or WAIT
 *    │                ├────► FORK ──► HASHES ──► BLOCKS     ─┘
 *    └── any failure ─┴────► LEFT ──► on_reorg, FORK or WAIT
 *
 * Threads: the loop's. Bounds: FOLLOW_WINDOW blocks are held at a time.
 */
#ifndef LAYER_FOLLOW_H
#define LAYER_FOLLOW_H
#include "base/observe.h"
#include "layer/layer.h"

#define FOLLOW_WINDOW 8u
#define FOLLOW_RETRY_MS 25u /* after the sink was full */

struct follow_tip {
	uint64_t height;
	struct hash256 hash;
	bool syncing; /* the node itself says that it is not there yet */
};

/* What a network provides. Each question is answered later and once with the function named, with
 * the tag given; when it returns an error no answer follows. */
struct follow_source {
	enum err (*ask_tip)(struct layer *layer, uint64_t tag);                   /* follow_tip */
	enum err (*ask_hash)(struct layer *layer, uint64_t height, uint64_t tag); /* follow_hash */
	/* The answer's block has this hash. height is where it is expected to be. */
	enum err (*ask_block)(struct layer *layer, const struct hash256 *hash, uint64_t height,
		uint64_t tag); /* follow_block */
	/* Does the node know this block and say that it is not on its best chain? NULL: nodes of
	 * this network can't say so. */
	enum err (*ask_left)(
		struct layer *layer, const struct hash256 *hash, uint64_t tag); /* follow_left */
	/* Report the block to the sink. OK; ERR_FULL: again later; ERR_UNAVAILABLE: something is
	 * being asked first, follow_resume comes when it is known; others: the block is not usable,
	 * and info.detail says why. */
	enum err (*deliver)(struct layer *layer, const struct block_ref *block, void *payload);
	void (*drop)(void *payload);
	/* The chain above `keep` is gone; before the sink hears it. */
	void (*reorganised)(struct layer *layer, const struct block_ref *keep);
	void (*at_tip)(struct layer *layer); /* nothing more to report in this round */
};

enum follow_phase {
	FOLLOW_OFF,
	FOLLOW_WAIT,
	FOLLOW_TIP,
	FOLLOW_LEFT,
	FOLLOW_FORK,
	FOLLOW_HASHES,
	FOLLOW_BLOCKS,
};

struct follow_slot {
	struct hash256 hash;
	struct block_ref block;
	void *payload; /* owned; NULL: not there yet */
	bool ready;
};

struct follow {
	struct layer *layer; /* borrows: it contains this */
	enum follow_phase phase;
	uint64_t round;                          /* answers to older questions are dropped */
	struct block_ref ring[LAYER_CURSOR_MAX]; /* what was reported, newest first */
	uint32_t ring_count;
	struct follow_tip tip;
	uint32_t keep; /* index in ring: the next block's parent; over 0: ring[0..keep) is gone */
	uint32_t pending;                    /* answers to come */
	bool forked;                         /* a fork was looked for in this round of polling */
	struct hash256 at[LAYER_CURSOR_MAX]; /* FORK: the node's hash at the height of ring[i] */
	bool asked[LAYER_CURSOR_MAX];
	struct follow_slot slot[FOLLOW_WINDOW];
	uint32_t slot_count, slot_next;
	bool slot_busy; /* deliver is asking for something */
	struct loop_timer timer;
};

NONNULL_ALL void follow_init(struct follow *f, struct layer *layer);
/* ERR_RANGE: not a cursor. */
MUST_USE NONNULL_ALL enum err follow_start(
	struct follow *f, const struct block_ref *cursor, size_t cursor_count);
NONNULL_ALL void follow_stop(struct follow *f);
/* Where we are: the newest block reported. Not before follow_start. */
NONNULL_ALL const struct block_ref *follow_top(const struct follow *f);
/* The block was reported and is still on the best chain, as far as we know. */
NONNULL_ALL bool follow_has(const struct follow *f, uint64_t height, const struct hash256 *hash);

/* Answers. On an error the other arguments are not looked at. */
void follow_tip(struct follow *f, uint64_t tag, enum err err, const struct follow_tip *tip);
void follow_hash(struct follow *f, uint64_t tag, enum err err, const struct hash256 *hash);
/* Takes payload. */
void follow_block(
	struct follow *f, uint64_t tag, enum err err, const struct block_ref *block, void *payload);
void follow_left(struct follow *f, uint64_t tag, enum err err, bool left);
NONNULL_ALL void follow_resume(struct follow *f, enum err err);

#endif
