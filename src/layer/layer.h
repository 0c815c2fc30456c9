/* layer/layer: the contract that every network's adapter fills in.
 *
 * An adapter translates: plans of the engine into transactions, and what nodes say into
 * observations. It decides nothing about money and keeps nothing durable: after a restart the
 * engine gives it the cursor and the watch set again. Whatever a node answers is checked for shape
 * and consistency here; an answer that can't be right is an error of the node, never an
 * observation.
 *
 * Three answers about a transaction: confirmed at a block, absent, or unknown. An RPC error is
 * unknown and never a reorganisation (HAZARDS 15); a timeout after a broadcast is unknown and never
 * a failure.
 *
 * Asynchronous operations end in exactly one callback, from the loop, never from inside the call;
 * each has a deadline. When an operation returns an error itself, no callback follows. Threads: the
 * loop's, except the pure functions, which are for any. Ownership: arguments are borrowed until the
 * call returns; callback arguments until the callback does.
 */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H
#include "base/observe.h"
#include "net/jsonrpc.h"
#include "sys/loop.h"
#include "wire/ln_command.h"
#include "wire/signing.h"

struct layer;
struct ln_node;
struct offload;    /* rt/offload.h */
struct descriptor; /* btc/descriptor.h */

/* ---- initialise ---- */

struct layer_config {
	enum layer_id id;
	const struct network *network;
	struct loop *loop;         /* borrows */
	struct upstream *upstream; /* borrows; CHANNEL: NULL */
	struct ln_node *lightning; /* borrows; CHANNEL only (layer/lightning/node.h) */
	/* CHANNEL: borrows; Bitcoin's of the same network, which a node's height is held against;
	 * NULL: it is believed */
	struct layer *chain;
	bool taker;                  /* CHANNEL: it pays what the provider claims */
	struct offload *offload;     /* borrows: for checking large answers; NULL: in place */
	uint64_t poll_ms;            /* of the tip and the mempool; 0: 1,000 */
	struct evm_address contract; /* ACCOUNT: the HTLC contract; zero: none yet */
	struct evm_address token;    /* ACCOUNT whose value is a token: its contract */
	uint32_t mempool_max;        /* transactions looked at in one poll; 0: 10,000 */
	uint32_t lag_max; /* blocks that we may be behind the node and not count as syncing; 0: 1 */
};

/* Returns owned. Sends nothing yet. ERR_NETWORK: the network is another layer's. ERR_FULL: no
 * memory. */
MUST_USE NONNULL_ALL enum err layer_create(struct layer **out, const struct layer_config *config);
/* Operations that are still open end without a callback. Before the upstream, the offload and the
 * loop are destroyed; not from inside a sink's function. */
void layer_destroy(struct layer *layer);

struct layer_info {
	enum err err;     /* OK: checked and usable */
	char detail[200]; /* what is wrong: "wrong network: the node is on regtest, ..." */
	char version[64]; /* the node's own words */
	struct block_ref tip;
	bool syncing;
	struct upstream_health health;
	uint64_t blocks_seen, events_seen, reorganisations;
};

typedef void (*layer_info_cb)(void *ctx, const struct layer_info *info);
/* Connect; check network (genesis hash, chain id), version, sync state; for ACCOUNT the contract's
 * code hash. The callback's err: ERR_NETWORK wrong network or contract code, ERR_DENIED,
 * ERR_UNAVAILABLE, ERR_STATE still syncing. May be called again at any time. */
MUST_USE enum err layer_check(struct layer *layer, layer_info_cb cb, void *ctx);
/* What is known now, without asking. */
NONNULL_ALL void layer_info(const struct layer *layer, struct layer_info *out);

typedef void (*layer_block_cb)(void *ctx, enum err err, const struct block_ref *block);
/* The block at a height of the node's best chain: where a wallet's birth is known by height only.
 * ERR_NOT_FOUND: the chain is shorter. */
MUST_USE enum err layer_block_at(
	struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx);

/* ---- watch ---- */

/* A rollup's blocks count when the layer below has them. */
struct layer_first_layer {
	uint64_t safe_height;  /* blocks up to it were published there */
	uint64_t final_height; /* and can't be reorganised there any more */
	uint64_t data_fee;     /* wei: at most, for the data of one of our transactions */
};

struct layer_sink {
	/* One block, with its parent reported before. ERR_FULL: ask again later (back-pressure);
	 * the same block is then reported again. */
	enum err (*on_block)(void *ctx, enum layer_id layer, const struct block_ref *block,
		const struct chain_event *event, size_t event_count);
	/* The best chain no longer has the blocks above `keep`. Reported before their replacements.
	 */
	enum err (*on_reorg)(void *ctx, enum layer_id layer, const struct block_ref *keep);
	/* Seen unconfirmed (mempool), each once per transaction: LOCK and LOCK_SPENT events only.
	 */
	void (*on_mempool)(void *ctx, enum layer_id layer, const struct chain_event *event);
	/* CHANNEL: what happened between blocks and is final: LOCK and LOCK_SPENT events. ERR_FULL:
	 * told again later. After a start everything that is watched is told again. NULL: elsewhere
	 */
	enum err (*on_fact)(void *ctx, enum layer_id layer, const struct chain_event *event);
	/* The fee rate that confirms within about 2 blocks: satoshi per 1,000 vbytes, or wei per
	 * gas. Called when it changed by more than a tenth, at most once a poll. */
	void (*on_fee_rate)(void *ctx, enum layer_id layer, uint64_t rate);
	/* Rollups: what became of blocks on the first layer, and what data there costs. Called when
	 * a height changed, or the fee by more than a tenth, at most once a poll. NULL: not of
	 * interest. */
	void (*on_first_layer)(
		void *ctx, enum layer_id layer, const struct layer_first_layer *seen);
	void *ctx;
};

#define LAYER_CURSOR_MAX 64u

/* Follow the chain from cursor[0] (the last block that the engine has; cursor[1] its parent, and so
 * on, newest first, at most LAYER_CURSOR_MAX). The first report is the block after the newest
 * cursor entry that is still on the best chain, after an on_reorg if that is not cursor[0]. When
 * none of them is, the adapter reports nothing and says ERR_STATE in layer_info: a reorganisation
 * deeper than we can follow. Blocks are fetched by hash and follow each other by parent hash
 * (HAZARDS 21); a node whose chain is merely shorter than what we know is behind, not reorganised.
 * ERR_RANGE: cursor_count is 0 or over LAYER_CURSOR_MAX, or the heights don't count down by one.
 * ERR_STATE: started already. */
MUST_USE NONNULL_ALL enum err layer_start(struct layer *layer, const struct block_ref *cursor,
	size_t cursor_count, const struct layer_sink *sink);
void layer_stop(struct layer *layer);
/* Our own scripts and account, from the wallet's public key. Call before layer_start. */
MUST_USE NONNULL_ALL enum err layer_watch_wallet(struct layer *layer, const struct pubkey *wallet);
/* Bitcoin: the descriptor's addresses below `count`, besides: what pays them is a coin of ours
 * whose key_index is KEY_INDEX_DEPOSIT and the address's. Again where there are more of them. The
 * descriptor is borrowed until the layer is destroyed. ERR_STATE: not on this layer, or another
 * descriptor than before; ERR_RANGE, ERR_FULL: over LAYER_DEPOSITS_MAX, or what a script can be. */
#define LAYER_DEPOSITS_MAX ((UINT32_C(1) << 16) + 1024u)
MUST_USE NONNULL_ALL enum err layer_watch_deposits(
	struct layer *layer, const struct descriptor *descriptor, uint32_t count);
/* A coin of ours whose spend is to be reported (coins found by scripts are added by the adapter).
 * What a confidential one holds is not to be seen on the chain: scans go by this. */
MUST_USE NONNULL_ALL enum err layer_watch_coin(struct layer *layer, const struct btc_coin *coin);
/* A swap's lock-up on this layer, by its encoded terms: locks that pay to these terms (any amount
 * on UTXO layers; on ACCOUNT layers any Lockup event with this hash) and spends of them are
 * reported from the next block on. Known lock-ups (after a restart) are added with
 * layer_watch_lock_at. */
MUST_USE NONNULL_ALL enum err layer_watch_lock(
	struct layer *layer, const struct id128 *swap, struct slice leg);
MUST_USE NONNULL_ALL enum err layer_watch_lock_at(
	struct layer *layer, const struct id128 *swap, const struct locator *at);
NONNULL_ALL void layer_unwatch_lock(struct layer *layer, const struct id128 *swap);

/* ---- transactions ---- */

enum submit_outcome {
	SUBMIT_ACCEPTED = 1,
	SUBMIT_KNOWN,    /* already in the mempool or in a block: as good as accepted */
	SUBMIT_REJECTED, /* the node said no; the transaction may still be valid elsewhere or later
			  */
	SUBMIT_CONFLICT, /* an input or the nonce is spent by another transaction: look for which */
	SUBMIT_UNKNOWN,  /* no usable answer: it may have arrived */
};
struct submit_answer {
	enum submit_outcome outcome;
	char detail[160]; /* the node's words */
};
typedef void (*layer_submit_cb)(void *ctx, const struct submit_answer *answer);
MUST_USE enum err layer_submit(
	struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);

enum tx_presence { TX_CONFIRMED = 1, TX_MEMPOOL, TX_ABSENT, TX_UNKNOWN };
struct tx_status {
	enum tx_presence presence;
	struct block_ref block; /* CONFIRMED */
	uint64_t depth;         /* CONFIRMED: 1 in the tip */
	bool reverted;          /* ACCOUNT */
	char detail[160];
};
typedef void (*layer_status_cb)(void *ctx, const struct tx_status *status);
MUST_USE enum err layer_status(
	struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);

/* rate as layer_sink.on_fee_rate has it. data_fee: rollups, wei: at most, for the data of one of
 * our transactions, which is paid for beside its gas; 0 elsewhere. */
typedef void (*layer_fee_cb)(void *ctx, enum err err, uint64_t rate, uint64_t data_fee);
MUST_USE enum err layer_fee_estimate(
	struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx);

/* ---- reconciliation ---- */

struct layer_scan {
	enum err err;
	char detail[160];
	struct block_ref block; /* everything below is as of this one block */
	struct amount wallet;   /* our scripts' unspent outputs, our account's balance, or our side
				 * of all channels */
	struct amount limbo;    /* CHANNEL: of wallet, in channels that are being closed by force */
	struct amount gas; /* what our account has to pay fees with, where that is another asset */
	struct amount locked; /* still locked in the lock-ups asked for */
	struct amount
		spread; /* CHANNEL: it kept moving, and so much less was seen as well; else 0 */
	uint64_t nonce; /* ACCOUNT: the next nonce at that block */
};
typedef void (*layer_scan_cb)(void *ctx, const struct layer_scan *scan);
/* Scan the chain itself, not our records and no node wallet, for what is ours: wallet scripts or
 * account, and these lock-ups. */
struct layer_lock_ref {
	struct slice leg;
	struct locator at;
};
#define LAYER_SCAN_LOCKS_MAX 8192u
MUST_USE enum err layer_scan(struct layer *layer, const struct layer_lock_ref *lock,
	size_t lock_count, layer_scan_cb cb, void *ctx);
/* ACCOUNT: the same without lock-ups, as of the best chain's block at a height. ERR_STATE on UTXO
 * layers: nodes tell their set of unspent outputs as of the tip only. */
MUST_USE enum err layer_scan_at(struct layer *layer, uint64_t height, layer_scan_cb cb, void *ctx);

/* ---- pure: addresses, offers, plans ---- */

/* What transfers pay to: an output script, a 20-byte address, or an invoice's text. Errors as
 * btc_address_parse and evm_address_parse. */
#define LAYER_DESTINATION_MAX LN_REQUEST_MAX
MUST_USE NONNULL_ALL enum err layer_address_check(enum layer_id id, const struct network *network,
	uint8_t destination[LAYER_DESTINATION_MAX], size_t *destination_len, struct slice text);
#define LAYER_ADDRESS_TEXT_SIZE (LN_REQUEST_MAX + 1)
MUST_USE NONNULL_ALL enum err layer_address_format(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], struct slice destination);
/* A payment as people hand it over: an address, or a URI of the layer (Bitcoin: BIP-21, BIP-321),
 * which may say how much. */
struct layer_payment {
	uint8_t destination[LAYER_DESTINATION_MAX];
	size_t destination_len;
	bool has_amount;
	struct amount amount;
};
/* Errors as layer_address_check; of a URI also ERR_STATE: it demands something (`req-`) that is not
 * known here; ERR_NOT_FOUND: it names no way to pay on this layer; ERR_FULL: it is too long. */
MUST_USE NONNULL_ALL enum err layer_payment_parse(enum layer_id id, const struct network *network,
	struct layer_payment *out, struct slice text);
/* The URI that asks for it, appended; amount zero: it says nothing of one. ERR_NOT_FOUND: the layer
 * has none. Others as layer_address_format. */
#define LAYER_URI_TEXT_SIZE 160u
MUST_USE NONNULL_ALL enum err layer_payment_uri(enum layer_id id, const struct network *network,
	struct buf *out, struct slice destination, struct amount amount);
/* Where deposits are paid to, as text. */
MUST_USE NONNULL_ALL enum err layer_funding_address(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], const struct pubkey *wallet);
/* How many payees one payout can have, at least 1 and at most BTC_PAYEE_MAX. */
uint32_t layer_payees_max(enum layer_id id);
/* The least amount that can be sent on the layer, to whatever kind of address. */
struct amount layer_dust(enum layer_id id);
/* How much higher than the one before the rate of a replacement is at least, beside the share that
 * nodes ask for; satoshi per 1,000 vbytes, wei. */
uint64_t layer_rate_step(enum layer_id id);

/* Both parties' halves of a lock-up. Which members count depends on the layer: UTXO layers use
 * x-only keys, ACCOUNT layers addresses. */
struct leg_party {
	struct xonly key;
	struct evm_address address;
};
struct leg_offer {
	const struct network *network;
	struct hash256 hash;
	struct amount amount;
	uint64_t timelock;
	struct leg_party claim, refund;
	bool provider_claims;        /* the source leg */
	struct evm_address contract; /* ACCOUNT */
	struct evm_address token;    /* ACCOUNT whose value is a token */
	/* CHANNEL: the invoice's text. layer_offer makes that of the source leg, which nobody can
	 * pay after expires_ms (since 1970) */
	struct slice request;
	uint64_t expires_ms;
};
/* The encoded terms of a lock-up: what both sides compute and compare. ERR_FULL leg too small;
 * ERR_RANGE amount (zero, dust, all money) or time lock; ERR_FORMAT a key that is none, or one
 * address or key on both sides; ERR_NETWORK the network is another layer's. */
MUST_USE NONNULL_ALL enum err layer_leg_make(
	struct buf *leg, enum layer_id id, const struct leg_offer *offer);
/* The terms taken apart; ERR_FORMAT. provider_claims is what the terms say on UTXO layers; ACCOUNT
 * terms don't say it: false. */
MUST_USE NONNULL_ALL enum err layer_leg_parse(
	struct leg_offer *offer, enum layer_id id, const struct network *network, struct slice leg);
/* Where the lock-up is paid to: an address, or the contract. */
MUST_USE NONNULL_ALL enum err layer_leg_address(enum layer_id id, const struct network *network,
	char text[LAYER_ADDRESS_TEXT_SIZE], struct slice leg);

/* Bytes of encoded terms: an invoice may be among them. */
#define LAYER_LEG_MAX 1280u

/* The payee's side of a lock-up: where it is to be paid to. UTXO, ACCOUNT: the terms as
 * layer_leg_make has them. CHANNEL: an invoice that the node made, or had already for the same hash
 * and terms. ERR_EXISTS: it has one of that hash with others. The callback's leg is borrowed until
 * it returns; detail says what was wrong. */
typedef void (*layer_offer_cb)(void *ctx, enum err err, struct slice leg, const char *detail);
MUST_USE enum err layer_offer(
	struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx);

/* What the engine decided: everything a transaction depends on. Adapters choose nothing. */
struct layer_plan {
	struct id128 session;
	uint32_t variant;
	enum sign_purpose purpose;
	uint64_t tip_height;
	/* UTXO: PAYOUT and LOCK spend exactly these coins and pay exactly this fee; CLAIM and
	 * REFUND take the fee for `rate` from the output */
	struct btc_coin coin[BTC_INPUT_MAX];
	uint32_t coin_count;
	struct sat fee;
	uint64_t rate; /* UTXO: sat/kvB. ACCOUNT: gas price in wei */
	/* ACCOUNT */
	uint64_t nonce;
	uint64_t gas_limit;
	struct evm_address token; /* PAYOUT, APPROVE: where the layer's value is one */
	/* LOCK, CLAIM, REFUND */
	struct id128 swap;
	struct slice leg;
	struct locator lock;     /* CLAIM, REFUND */
	struct hash256 preimage; /* CLAIM */
	/* CHANNEL, LOCK and PAYOUT: `fee` is the most that routing may cost; no HTLC may expire
	 * after this height, no attempt begin later than deadline_ms, since 1970 */
	uint64_t max_height, deadline_ms;
	/* PAYOUT; APPROVE: the contract. UTXO: and who else is paid by it */
	struct slice to;
	uint32_t more_count;
	struct sign_payee more[BTC_PAYEE_MAX - 1];
	/* PAYOUT: what `to` is paid. UTXO, CLAIM and REFUND: what the lock-up really holds, where
	 * that differs from the terms (HAZARDS 18); zero: what the terms say */
	struct amount amount;
};
/* The request to the signer, encoded into out; fee is what the transaction pays at most.
 * ERR_RANGE: the plan can't be built (value under fee, dust). */
MUST_USE NONNULL_ALL enum err layer_build(struct buf *out, struct amount *fee, enum layer_id id,
	const struct network *network, const struct pubkey *wallet, const struct layer_plan *plan);
/* Upper bounds for reserving, before a plan exists; for UTXO payouts and lock-ups that spend at
 * most LAYER_FEE_BOUND_INPUTS coins. ERR_RANGE: no such purpose on this layer, or over all money.
 */
#define LAYER_FEE_BOUND_INPUTS 16u
MUST_USE NONNULL_ALL enum err layer_fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate);
uint64_t layer_gas_limit(enum layer_id id, enum sign_purpose purpose); /* ACCOUNT */

#endif
