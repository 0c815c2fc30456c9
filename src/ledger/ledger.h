/* ledger/ledger: the state of the engine: what you get when you fold the records in order.
 *
 * ledger_apply is a pure function of (state, record): no clock, no randomness, no I/O. Replaying
 * the same records gives the same state, byte for byte; ledger_hash says so. Everything here is
 * read by the engine thread only (queries of the API run there).
 *
 * Facts about chains carry the height at which they were seen; a reorganisation clears the facts
 * above the height that stays and posts the reverse of what was posted for them. What a state
 * machine concludes from facts is computed again after every record.
 *
 * Bounds: every table has a capacity, fixed when the ledger is created; ledger_apply answers
 * ERR_FULL before it changes anything. Storage is allocated once, zeroed, and touched as it fills.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H
#include "base/map.h"
#include "base/observe.h"
#include "crypto/seal.h"
#include "ledger/accounts.h"
#include "ledger/book.h"
#include "ledger/params.h"
#include "ledger/swap_table.h"
#include "wire/ln_command.h"
#include "wire/signing.h"

#define LEG_SIZE_MAX 1280u      /* encoded terms of a lock-up; an invoice may be among them */
#define SWAP_LOCKS_MAX 4u       /* lock-ups of one leg that we remember */
#define EFFECT_VARIANTS_MAX 12u /* the first transaction and its replacements */
#define LEDGER_RECENT_BLOCKS                                                                       \
	1024u /* of each layer: reorganisations deeper than this are refused                       \
	       */
#define TEXT_REASON_SIZE 80u
#define LEDGER_CREDITS 8192u /* of each account layer, not yet deep: back-pressure beyond */
#define INDEX_NONE UINT32_MAX
/* Deposit addresses: what a scan of a node's unspent outputs asks for at once. */
#define LEDGER_ADDRESSES_MAX (UINT32_C(1) << 16)
/* Addresses beyond those that were given are watched all the same, so many: another program that
 * knows the descriptor may have shown them. As wallets' gap limits, and some. */
#define LEDGER_ADDRESSES_AHEAD 100u
/* Signed bytes outlive the end of their effect by so many blocks: a reorganisation deeper than what
 * counts as final finds them again. As deep as adapters can follow one. */
#define EFFECT_KEPT_BLOCKS 64u
/* A claim or refund that failed is tried again after 1, 2, 4, ... blocks, at most after 2^this. */
#define RETRY_SHIFT_MAX 6u
/* Of a rollup's fee for data, so many times today's is kept for a transaction. */
#define DATA_FEE_FACTOR 4u
/* Effects and transactions that new business leaves free, so that what is under way can end:
 * some, and some for each swap that is not over. */
#define RESCUE_EFFECTS_BASE 16u
#define RESCUE_EFFECTS_PER_SWAP 2u
#define RESCUE_VARIANTS 3u
/* And coins that a swap can make on one layer: change and refund of our lock-up, or our claim. */
#define RESCUE_COINS_PER_SWAP 2u

struct ledger_capacity {
	uint32_t swaps, transfers, effects, postings;
	uint32_t coins; /* from outside, of each layer; and as many that our own transactions make
			 */
	uint32_t book_accounts, book_rows; /* 0: no customers' accounts */
	uint32_t addresses;                /* given for deposits; at most LEDGER_ADDRESSES_MAX */
};

/* A lock-up of a leg, as seen. */
struct lock_fact {
	struct locator at;
	struct amount amount;
	uint64_t timelock;
	uint64_t height;       /* 0: unconfirmed */
	uint32_t flags;        /* CHAIN_LOCK_* */
	uint64_t spent_height; /* 0: not spent, or spent unconfirmed */
	enum lock_spend spend; /* 0: unspent */
	struct hash256 spend_tx;
};

struct leg {
	enum layer_id layer;
	struct amount amount;
	uint64_t timelock; /* destination: 0 until we lock */
	/* encoded; destination: with the time lock once it is set. CHANNEL: those of the offer
	 * before, which hold the client's invoice */
	uint8_t terms[LEG_SIZE_MAX];
	uint32_t terms_len;
	uint32_t depth; /* blocks that a lock-up of this leg needs */
	struct lock_fact lock[SWAP_LOCKS_MAX];
	uint32_t lock_count;
	uint32_t bound; /* which of them is the one; INDEX_NONE: none yet */
};

struct swap {
	struct id128 id;
	enum swap_state state;
	uint64_t created_ms, updated_ms, expires_ms; /* the offer's end */
	struct hash256 hash;
	struct hash256 preimage; /* zero: not known. In no answer before our claim is final */
	bool preimage_known;
	struct leg source, dest;
	uint8_t client_dest[32]; /* who claims the destination: x-only key, or address and zeros */
	struct amount fee;       /* earned, in the source asset */
	char reason[TEXT_REASON_SIZE]; /* why declined, breached; "" otherwise */
	uint32_t lock_effect, claim_effect, refund_effect; /* INDEX_NONE: none */
	uint32_t cancel_effect; /* CHANNEL source, not claimed; INDEX_NONE: none */
	uint32_t attempts;      /* claims and refunds that failed: what delays the next one */
	uint64_t claim_after, refund_after; /* not before this height of the leg's layer */
	bool settled;                       /* the exchange accounts were closed */
	bool active;                        /* in active_swap */
	uint64_t born_seq, seq; /* of the record that began it, and of the last that changed it */
};

enum transfer_state {
	TRANSFER_PENDING,   /* intent journaled */
	TRANSFER_SENT,      /* signed and handed to the network */
	TRANSFER_CONFIRMED, /* in a block */
	TRANSFER_FINAL,
	TRANSFER_FAILED, /* finally not paid: nothing left us but fees */
};

struct transfer {
	struct id128 id, effect_id; /* effect_id: the name of the effect that pays it alone */
	enum transfer_state state;
	enum layer_id layer;
	struct amount amount;
	uint8_t destination[LN_REQUEST_MAX]; /* script, address, or an invoice's text */
	uint32_t destination_len;
	struct hash256 hash; /* CHANNEL: of the payment */
	uint64_t created_ms, updated_ms;
	uint32_t effect;
	uint32_t next; /* that the same effect pays behind it; INDEX_NONE */
	bool alone;    /* it waits for no company: a batch with it could not be made, or external */
	bool external; /* Bitcoin: signed by somebody else, not by our signer */
	bool sweep;    /* external: of coins on deposit addresses; amount: what arrives */
	bool to_wallet; /* sweep: to our own wallet, where the signer can spend it */
	char reason[TEXT_REASON_SIZE];
	uint64_t born_seq, seq; /* likewise */
};

enum effect_state {
	EFFECT_INTENT, /* reserved; nothing is signed durably */
	/* signed bytes, or those of a command, are durable; they may be submitted, again and again
	 */
	EFFECT_PREPARED,
	EFFECT_CONFIRMED, /* a variant is in a block */
	EFFECT_FINAL,     /* at depth */
	EFFECT_VOID, /* can't happen any more: abandoned before signing, or its input or nonce was
		      * spent otherwise at depth */
};

struct effect_variant {
	struct hash256 txid;
	struct amount fee; /* what it pays at most */
	uint64_t rate;
	uint32_t raw;   /* blob; ledger_raw. None yet: somebody else is to sign it */
	uint64_t seq;   /* of its PREPARED record: submit only when this is durable */
	bool calls_off; /* pays nobody but ourselves */
};

struct effect {
	struct id128 id;
	enum sign_purpose purpose;
	enum effect_state state;
	enum layer_id layer;
	/* whose; INDEX_NONE. A payout may pay many: this is the first of them, transfer.next leads
	 * to the others, in the order of its outputs */
	uint32_t swap, transfer;
	uint64_t created_ms;
	uint64_t intent_seq; /* build only when this is durable */
	/* reservation */
	uint32_t coin[BTC_INPUT_MAX]; /* indexes into coins */
	uint32_t coin_count;
	struct sat fee; /* of the variant wanted now */
	uint64_t nonce;
	uint64_t gas_limit;
	uint64_t rate;          /* of the variant wanted now */
	struct amount value;    /* leaves us, besides fees */
	struct amount reserved; /* in the account of that name, until it is confirmed or void */
	struct amount gas;      /* likewise, where gas is another asset: at most what it costs */
	struct locator lock;    /* CLAIM, REFUND */
	/* what was made of it */
	uint32_t variant_base;   /* of the numbers that the signer sees: what it may have signed
				  * for without our having it keeps its number */
	uint32_t variant_wanted; /* build this one: variant_count, or one more than there are */
	struct effect_variant variant[EFFECT_VARIANTS_MAX];
	uint32_t variant_count;
	bool submitted;  /* a node accepted it at least once */
	bool called_off; /* the variants wanted from now on only pay ourselves */
	bool open;       /* in open_effect */
	uint64_t last_variant_height;
	uint64_t confirmed_height; /* 0: not */
	uint64_t conflict_height;  /* its input or nonce was used by something else; 0: not */
	struct hash256 confirmed_tx;
	bool reverted; /* in a block, and did not do what it is for: failed there, or called off */
	char reason[TEXT_REASON_SIZE];
};

struct coin {
	enum layer_id layer;
	struct btc_outpoint at;
	struct sat value;
	uint32_t key_index;      /* of ours; KEY_INDEX_DEPOSIT and a deposit address's */
	uint64_t created_height; /* 0: slot free or reorganised away */
	uint64_t final_height;   /* became available at this tip; 0: not yet */
	uint64_t spent_height;   /* 0: unspent */
	struct hash256 spent_by;
	struct blinders hidden; /* Liquid: of a confidential one */
	uint32_t effect;        /* reserved by; INDEX_NONE */
	uint32_t free_at;       /* place in its layer's free_coin; INDEX_NONE: not free */
	bool own;   /* change or proceeds of our own transaction: usable at depth 1. It has
		     * a slot of those that are kept for these */
	bool young; /* in its layer's young_coin */
};

struct recent_block {
	struct block_ref ref;
	struct amount custody; /* sum of the custody accounts after this block */
	struct amount locked;  /* ACCOUNT_LOCKED_OUT among them */
	struct amount gas;     /* where that is another asset: all of it */
	uint64_t seq;          /* of its record: postings with a later one are not caused by it */
	uint64_t nonce_chain;
};

/* Value that arrived on an account layer at a height: in `inflight` until it is deep. */
struct credit {
	uint64_t height;       /* 0: reorganised away */
	uint64_t final_height; /* became available at this tip; 0: not yet */
	struct amount amount;
};

/* Slots for coins of one layer, from outside or our own: what others send takes no slot from what
 * our transactions under way are about to make. */
struct coin_slots {
	uint32_t count; /* in use, or to be used again; at most capacity.coins */
	uint32_t next;  /* where the search for one to be used again goes on */
	uint32_t gone;  /* at least so many can be used again; counted with each block */
	bool full;      /* none can be, as of this block: looked already */
};

struct layer_state {
	bool born;
	struct block_ref birth, tip;
	struct recent_block *recent; /* ring by height % LEDGER_RECENT_BLOCKS */
	uint64_t fee_rate;           /* last observed; 0: none yet */
	uint64_t nonce_next;         /* ACCOUNT: to be given to the next effect */
	uint64_t nonce_given;        /* ACCOUNT: one past the highest that an effect has */
	uint64_t nonce_chain;        /* ACCOUNT: confirmed */
	uint64_t safe_height;        /* rollups: the layer below has blocks up to it */
	uint64_t final_height;       /* rollups: and they are final there */
	uint64_t data_fee;           /* rollups: wei, for the data of a transaction of ours */
	uint64_t reconciled_nonce;   /* of the block that gas was last reconciled at */
	uint64_t final_mark;         /* nothing above this height was taken for final yet */
	struct amount promised; /* to swaps whose lock-up is seen, and that we did not answer */
	struct amount queued;   /* by transfers without an intent yet */
	uint32_t *retired;      /* a ring of closed effects whose bytes are kept, oldest first */
	uint32_t retired_first, retired_count;
	struct account_total account[ACCOUNT_COUNT];
	struct credit *credit; /* ACCOUNT: value in blocks, short of depth; a ring */
	uint64_t credit_count; /* ever */
	/* UTXO: indexes into coins */
	uint32_t *young_coin, young_coin_count; /* in blocks, not final */
	uint32_t *free_coin, free_coin_count;   /* final, unspent, reserved by nothing */
	struct coin_slots coins[2];             /* from outside; our own */
	bool reconciled;                        /* at least once */
	struct block_ref reconciled_at;
	struct amount difference; /* of the last reconciliation: absolute */
	bool difference_missing;  /* the chain had less than the books */
	uint64_t reconciled_ms, reconciled_seq;
};

/* When an answer may leave: what the journal does with records (store/journal.h has the same
 * modes). */
enum durability { DURABILITY_GROUP, DURABILITY_STRICT, DURABILITY_INTERVAL, DURABILITY_COUNT };

struct ledger {
	struct ledger_params params;
	bool has_params;
	struct ledger_capacity capacity;
	struct seal_key seal; /* of preimages in records */
	struct layer_state layer[LAYER_COUNT];
	struct swap *swap;
	struct transfer *transfer;
	struct effect *effect;
	struct coin *coin;
	uint32_t swap_count, transfer_count, effect_count, coin_count;
	uint32_t transfers_waiting;               /* without an intent yet */
	uint32_t transfer_first;                  /* all before it have one */
	uint32_t *active_swap, active_swap_count; /* not terminal, or with a leg still open */
	uint32_t *open_effect, open_effect_count; /* not final and not void */
	struct map swap_by_id, swap_by_hash, paid_hash, transfer_by_id, effect_by_id, effect_by_tx,
		coin_by_outpoint;
	struct map by_idempotency; /* 32-byte hash of scope and key -> idem index */
	struct idempotency *idem;
	uint32_t idem_count;
	struct posting *posting; /* ring: undo of reorganisations and the journal of books */
	uint64_t posting_count;  /* ever */
	struct blobs *blobs;
	struct book book; /* customers' accounts */
	/* Whom each deposit address was given to, by its index: each index once, in order, for
	 * ever */
	struct id128 *address;
	uint32_t address_count;
	struct map address_by_id;
	bool latched;
	char latch_reason[TEXT_REASON_SIZE];
	enum durability durability; /* as it was last recorded */
	uint32_t durability_ms;
	uint64_t latch_seq; /* of the last record that was a reason for it */
	uint64_t seq;       /* last applied */
	uint64_t time_ms;   /* of the last applied record */
	/* What records changed since ledger_clean: swaps, and transfers with DIRTY_TRANSFER, each
	 * once; the engine takes them. */
	uint32_t *dirty, dirty_count;
	uint32_t *dirty_round; /* by swap, then by transfer: the round in which it was noted */
	uint32_t round;
};

#define DIRTY_TRANSFER (UINT32_C(1) << 31)

struct idempotency {
	struct hash256 key;  /* SHA-256 of scope and key */
	struct hash256 body; /* SHA-256 of the request body */
	bool is_swap;
	uint32_t index;
};

struct posting {
	uint64_t seq;    /* of the record that caused it */
	uint64_t height; /* of the block that caused it; 0: none, never reversed */
	enum layer_id layer;
	enum account from, to;
	struct amount amount;
	bool reversed; /* undone by a later posting */
};

/* Returns owned. ERR_FULL: no memory. map_seed: random, from the caller. */
MUST_USE NONNULL_ALL enum err ledger_create(struct ledger **out,
	const struct ledger_capacity *capacity, const struct seal_key *seal, uint64_t map_seed);
void ledger_destroy(struct ledger *l);
/* Tables that are large and looked into at random, still untouched: for who can have larger pages
 * put under them. */
void ledger_large_tables(
	const struct ledger *l, void (*each)(void *ctx, void *table, size_t size), void *ctx);

/* Fold one record. Errors change nothing: ERR_FORMAT / ERR_SHORT malformed; ERR_STATE does not
 * follow from the state (an unknown id, a block that does not extend the tip); ERR_EXISTS;
 * ERR_FULL. In a replay any error is fatal: the journal does not belong to this program. */
MUST_USE NONNULL_ALL enum err ledger_apply(
	struct ledger *l, uint64_t seq, uint16_t type, struct slice payload);

/* Forget which objects the last records changed. */
NONNULL_ALL void ledger_clean(struct ledger *l);

/* SHA-256 over the state in a canonical order. */
NONNULL_ALL void ledger_hash(const struct ledger *l, struct hash256 *out);

/* A swap or a payout has this payment hash: for ever (HAZARDS 27). */
NONNULL_ALL bool ledger_hash_used(const struct ledger *l, const struct hash256 *hash);

/* Lookups; NULL where there is none. Borrowed until the next apply. */
struct swap *ledger_swap(const struct ledger *l, const struct id128 *id);
struct transfer *ledger_transfer(const struct ledger *l, const struct id128 *id);
struct effect *ledger_effect(const struct ledger *l, const struct id128 *id);
/* The index of the deposit address that was given under this id; INDEX_NONE. */
NONNULL_ALL uint32_t ledger_address(const struct ledger *l, const struct id128 *id);
const struct idempotency *ledger_idempotency(const struct ledger *l, const struct hash256 *key);

/* A variant's signed bytes; false when it was dropped. */
MUST_USE NONNULL_ALL bool ledger_raw(
	const struct ledger *l, const struct effect_variant *v, struct buf *out);

/* in - out for custody and most; zero where out > in (see ledger_balance_credit). `available` can
 * be overdrawn while a deposit that was spent already is reorganised away. */
struct amount ledger_balance(const struct ledger *l, enum layer_id layer, enum account a);
/* out - in. */
struct amount ledger_balance_credit(const struct ledger *l, enum layer_id layer, enum account a);
/* What is available and customers are not owed: what is on deposit addresses is theirs first. */
struct amount ledger_unclaimed(const struct ledger *l, enum layer_id layer);
/* What is available or on deposit addresses, less what customers are owed; zero where that is more.
 */
struct amount ledger_uncredited(const struct ledger *l, enum layer_id layer);
/* Gas of ours, where that is another asset: free or reserved. */
struct amount ledger_gas(const struct ledger *l, enum layer_id layer);
/* Sum of the custody accounts. */
struct amount ledger_custody(const struct ledger *l, enum layer_id layer);
/* Its signed bytes are there: what somebody else is to sign has none yet. */
bool variant_signed(const struct effect_variant *v);
/* A payout that somebody else signs; once it is called off, our signer does. */
bool effect_external(const struct ledger *l, const struct effect *f);
/* On a deposit address: ours, and not the signer's to spend. */
bool coin_watched(const struct coin *c);
/* And final, and in no sweep yet. */
bool coin_sweepable(const struct coin *c);
/* A payout of coins on deposit addresses, which the signer can't sign. */
bool effect_sweeps(const struct ledger *l, const struct effect *f);
/* Coins that the list can hold, of all layers. */
uint32_t ledger_coins_max(const struct ledger_capacity *capacity);
/* So many slots of a layer's coins (own: of ours) are taken and can't be used again yet. */
uint32_t ledger_coins(const struct ledger *l, enum layer_id layer, bool own);
/* Effects are left for new business, beyond what the swaps under way may need to end. */
bool ledger_room(const struct ledger *l);
/* The key of the configuration whose table is too full for so much new business, beside all that
 * was taken already and is to end; NULL: there is room. Static. */
const char *ledger_full(const struct ledger *l, uint32_t swaps, uint32_t transfers);
/* Our hold invoice of a swap that ended without our claiming it: what is held is to go back, and
 * nobody shall pay it any more. */
bool swap_wants_cancel(const struct swap *s);
/* The lock-up is right for its leg, in a block, and unspent: it can be claimed or refunded. */
bool leg_spendable(const struct leg *leg);
/* How many layers a state tells of: LAYERS_FIRST, and more where something of them is known. */
unsigned ledger_layers(const struct ledger *l);
/* Blocks since a height, 1 in the tip; 0 when height is 0 or above the tip, and on rollups while
 * the layer below does not have the block. */
uint64_t ledger_depth(const struct ledger *l, enum layer_id layer, uint64_t height);
/* The custody totals as of a block that we have, by its hash; NULL: not ours, or too old. */
const struct recent_block *ledger_recent(
	const struct ledger *l, enum layer_id layer, const struct hash256 *hash);

#endif
