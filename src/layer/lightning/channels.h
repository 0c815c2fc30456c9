/* layer/lightning/channels: the adapter for Lightning, over node.h. Shared by its files; the
 * contract is in layer.h.
 *
 * Purpose: nodes keep keys, channels and what is paid; the adapter turns commands (wire/ln_command)
 * into questions, and what the node says about a payment hash into facts. How: every hash that
 * concerns us is a track, followed from when it is watched or paid until its end is known. A lock
 * is told when the whole amount is held, its end when every HTLC of it has ended, and each fact
 * again and again until the sink takes it.
 * Invariants: a payment begins once in a process, and only after the node said that it knows of
 * none with this hash; no HTLC of it expires after the command's height. What is not known is not
 * told. Threads: the loop's. Ownership: borrows the node; owns tracks and operations. Must not:
 * decide whether to pay, or keep anything durable.
 */
#ifndef LAYER_LIGHTNING_CHANNELS_H
#define LAYER_LIGHTNING_CHANNELS_H
#include "base/mutant.h"
#include "layer/adapter.h"
#include "layer/lightning/node.h"
#include "layer/table.h"
#include "wire/ln_command.h"

#define LN_TRACKS_MAX (1u << 16)
/* The node may not have seen the newest blocks when it is asked for an invoice or told to pay. */
#define LN_HEIGHT_SLACK 3u
/* A node that says to be so many blocks from where Bitcoin's own is does not know the time (HAZARDS
 * 4): above it is not believed, below it is behind. */
#define LN_APART_MAX 12u
/* Beyond it nodes refuse to lock (lnd: max-cltv-expiry, and what it lets its own payments take). */
#define LN_LOCK_BLOCKS_MAX 2016u
/* How long new parts of a payment are tried: with LN_HEIGHT_SLACK blocks in that time it stays
 * within its height. */
#define LN_PAY_TRY_S 60u
/* So many blocks after its last HTLC could have expired, a payment that the node does not know of,
 * or still calls under way, is none: whatever there was of it has been claimed on the chain, or
 * come back. */
#define LN_FORGOTTEN_BLOCKS 288u
/* So many are followed, each on a connection of its own; what is watched beside them is asked for
 * now and then. */
#define LN_FOLLOWED_MAX 1024u
#define LN_LOOK_MS 5000u
/* How often a node that may lose what it holds with is asked whether it has it. */
#define LN_HOLDS_MS 60000u
/* When a hash is asked for again that the node should know of and does not. */
#define LN_MISSING_MS 30000u

enum fact_state { FACT_NONE, FACT_DUE, FACT_TOLD };
struct fact {
	enum fact_state state;
	struct chain_event event;
};

struct pay;

struct track {
	struct lightning *l;
	struct hash256 hash;
	struct id128 swap;    /* zero: no swap's, a payout */
	bool held;            /* a hold invoice of ours; otherwise a payment by us */
	bool in_flight;       /* PAY: so the node said last */
	bool sent;            /* PAY: by this process; what becomes of it is being asked */
	bool absent;          /* PAY: it knew of none when it was asked last */
	bool cancelling;      /* HELD: our cancel was sent */
	bool over;            /* how it ended is known */
	bool gone;            /* not watched any more: freed when it is not busy */
	uint32_t busy;        /* uses of it here that go on */
	struct ln_call *call; /* follows it, or asks once; NULL: nobody does */
	bool followed;        /* it is one of LN_FOLLOWED_MAX */
	uint64_t again_ms;    /* not asked before */
	struct pay *pay;      /* is being begun */
	struct msat settled;  /* HELD: once it is settled */
	uint32_t settled_count;
	struct fact lock, spent;
	struct track *next_due;
	bool due; /* in the list */
};

/* Items of the tables; the first member is the key. */
struct track_ref {
	struct hash256 hash;
	struct track *track; /* owned */
};
struct swap_ref {
	struct id128 swap;
	struct hash256 hash;
};
struct id_ref {
	struct hash256 id;
	struct hash256 hash;
};

struct lightning {
	struct layer layer;
	struct table track; /* by hash */
	struct table swap;  /* by swap: hashes */
	struct table id;    /* by a command's id: hashes */
	uint32_t followed_count;
	struct track *due; /* with facts to tell */
	struct loop_timer due_timer;
	bool telling;
	bool at_tip;     /* since the start all blocks were reported once */
	uint32_t height; /* the node's, when it was asked last; 0: not yet */
	uint32_t channels_active;
	bool holds_denied; /* what holding takes: the check was refused it */
	uint64_t holds_again_ms;
	struct ln_ask_op *asks;
};

static inline struct lightning *lightning_of(struct layer *layer)
{
	return (struct lightning *)(void *)layer;
}

static inline uint32_t lightning_hold_margin(void)
{
	return MUTANT(MARGIN_IGNORED) ? 0 : LN_HOLD_MARGIN;
}

/* ---- channels.c: making it, its blocks, its check ---- */

/* One question; cb follows once with the only answer, ERR_CANCELLED after the layer was destroyed.
 * When it returns an error none follows. */
typedef void (*ln_ask_cb)(void *op, unsigned tag, const struct ln_answer *answer);
MUST_USE enum err lightning_ask(struct lightning *l, const struct ln_question *question,
	ln_ask_cb cb, void *op, unsigned tag);
/* The same as one more answer to come of an operation. */
void lightning_op_ask(
	struct op *op, const struct ln_question *question, ln_ask_cb cb, unsigned tag);
/* The height's block: Lightning has none, but its time is Bitcoin's height. */
NONNULL_ALL void lightning_block(struct block_ref *out, uint64_t height, uint64_t time_ms);
/* Whether Bitcoin is where the node says: OK, or as far as that is known. ERR_FORMAT: it is not
 * there yet. */
MUST_USE enum err lightning_judge(struct lightning *l, uint64_t height);
/* NULL: not one of Lightning's. */
const struct network *lightning_bitcoin(const struct network *lightning);

/* ---- facts.c: what is followed, and what is told of it ---- */

enum err lightning_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg);
enum err lightning_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at);
void lightning_unwatch_lock(struct layer *layer, const struct id128 *swap);
enum err lightning_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);
/* NULL: none. */
struct track *track_find(struct lightning *l, const struct hash256 *hash);
/* Of a payout, which is paid to nobody's swap. */
MUST_USE enum err track_payout(struct track **out, struct lightning *l, const struct hash256 *hash);
/* The track is not freed between the two. */
void track_hold(struct track *t);
void track_release(struct track *t);
void track_free(struct track *t);
/* What the node says of a payment: facts, perhaps. */
void track_see_payment(struct track *t, const struct ln_payment *p);
/* It failed without the node's saying so: it can't succeed any more. */
void track_forgotten(struct track *t);
/* What is known of its end is told (again). */
void track_tell_again(struct track *t);
/* Follows it by hash, if nobody does. */
void track_follow(struct track *t);
/* Nobody asks for it any more. */
void track_stop(struct track *t);
/* The answer to a question that follows the track. */
void track_on_answer(void *track, const struct ln_answer *answer);
/* At every poll. */
void tracks_poll(struct lightning *l);
void tracks_started(struct lightning *l);

/* ---- commands.c, offer.c, scan.c ---- */

enum err lightning_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);
/* The first news of a payment that was sent; last: none will follow. */
void pay_on_answer(struct pay *pay, const struct ln_answer *answer);
void pay_free(struct pay *pay);
enum err lightning_offer(
	struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx);
enum err lightning_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx);

#endif
