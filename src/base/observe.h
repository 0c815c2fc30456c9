/* base/observe: what a chain was seen to do, in one vocabulary for all layers.
 *
 * An adapter turns blocks and mempools into these; the engine journals them and folds them. A block
 * is reported once, with everything in it that concerns us, in chain order. A reorganisation is
 * reported before the blocks that replace it. Nothing here is a decision: unknown is not failed,
 * and absent is not void.
 */
#ifndef BASE_OBSERVE_H
#define BASE_OBSERVE_H
#include "base/amount.h"
#include "base/blinders.h"
#include "base/network.h"

struct block_ref {
	uint64_t height;
	struct hash256 hash; /* the layer's own byte order in which it is hashed */
	struct hash256 parent;
	uint64_t time_ms; /* the header's own time stamp; informs, never decides */
};

/* Where a thing is: an outpoint, a swap in a contract, what is held or paid for a hash. */
struct locator {
	/* UTXO: the funding transaction. ACCOUNT: the transaction of the lock event. CHANNEL: the
	 * payment hash */
	struct hash256 tx;
	uint32_t index; /* UTXO: the output. ACCOUNT: the log index in the block. CHANNEL: 0 */
};

enum chain_event_kind {
	CHAIN_COIN_CREATED = 1, /* an output that pays one of our wallet scripts */
	CHAIN_COIN_SPENT,       /* an outpoint that we watch as our coin was spent by `tx` */
	CHAIN_DEPOSIT,          /* ACCOUNT: plain value that arrived at our account */
	CHAIN_LOCK,             /* a lock-up for a swap that we watch */
	CHAIN_LOCK_SPENT,       /* that lock-up was claimed, refunded or spent otherwise */
	CHAIN_NONCE_USED,       /* ACCOUNT: our account's nonce was consumed by `tx` */
};

enum lock_spend {
	LOCK_SPEND_CLAIM = 1, /* with the preimage: preimage is set and hashes to the swap's hash */
	LOCK_SPEND_REFUND,
	LOCK_SPEND_OTHER, /* cooperative, or by a path that we don't know */
};

enum {
	CHAIN_LOCK_COINBASE = 1u << 0, /* the output of a coinbase: refused as a lock-up */
	CHAIN_TX_REVERTED = 1u << 1,   /* NONCE_USED: receipt status 0 */
	/* ACCOUNT, LOCK and LOCK_SPENT: a lock with the swap's hash that pays or refunds to other
	 * addresses than the leg says. UTXO, LOCK_SPENT: the preimage was shown in a spend of what
	 * is not known as a lock-up of the swap. Never a lock-up of this swap; a preimage that
	 * comes with it is real all the same. `at` of such a LOCK_SPENT may be zero. */
	CHAIN_LOCK_FOREIGN = 1u << 2,
	CHAIN_HIDDEN = 1u << 4, /* COIN_CREATED: it is confidential, `hidden` is set */
	CHAIN_GAS = 1u << 3, /* DEPOSIT: of what fees are paid with, where that is another asset */
};

/* One event. Which fields are meaningful is said by kind; the others are zero. */
struct chain_event {
	enum chain_event_kind kind;
	uint32_t flags;
	/* the transaction that did it. CHANNEL: the name of our command (wire/ln_command.h), or
	 * zero */
	struct hash256 tx;
	struct locator at;  /* COIN_*: the coin. LOCK*: the lock-up */
	struct id128 swap;  /* LOCK*: whose */
	uint32_t key_index; /* COIN_CREATED: which of our scripts (struct watch_script.key_index) */
	/* COIN_CREATED, DEPOSIT, LOCK: value; NONCE_USED: fee paid, of what fees are paid with.
	 * CHANNEL, LOCK_SPENT by claim: what left or reached us, with fees */
	struct amount amount;
	struct blinders hidden;  /* COIN_CREATED, of a confidential one */
	uint64_t nonce;          /* NONCE_USED */
	enum lock_spend spend;   /* LOCK_SPENT */
	struct hash256 preimage; /* LOCK_SPENT by claim */
	uint64_t timelock; /* LOCK: the refund height that the lock-up itself states. CHANNEL: until
			    * when it is held at least (source), or when the last HTLC expires */
};

#define CHAIN_EVENTS_MAX                                                                           \
	4096u /* of one block; of a fuller one an adapter leaves out what no swap depends on */

#endif
