/* layer/evm: the adapter for EVM JSON-RPC (rskj, geth, anvil) and our HTLC contract, shared by all
 * networks of that kind. What one of them differs in is its row of struct evm_kind, in a folder of
 * its own; nothing else here asks which network it is. Docs of the contract are in layer.h.
 */
#ifndef LAYER_EVM_EVM_H
#define LAYER_EVM_EVM_H
#include "layer/adapter.h"
#include "layer/table.h"
#include "wire/evm_htlc.h"

#define EVM_LOCKS_MAX (1u << 16)   /* swaps watched at a time */
#define EVM_SEEN_MAX (1u << 18)    /* locks with their hashes that were seen */
#define EVM_PENDING_MAX (1u << 16) /* unconfirmed transactions that were looked at */
#define EVM_CODE_MAX (24u * 1024u) /* EIP-170 */
/* Wei a unit of gas; a node that asks for more is not believed. */
#define EVM_RATE_MAX UINT64_C(10000000000000)

/* What a network differs in. */
struct evm_kind {
	/* May a payment go there? ERR_RANGE: not to this address. NULL: to any. */
	enum err (*payee)(const struct evm_address *a);
	/* The fee rate, from the tip's block (an object) and the number that the node answers to
	 * price_method. ERR_FORMAT, ERR_RANGE. */
	const char *price_method;
	enum err (*rate)(uint64_t *out, const struct json *block, uint64_t price);
};
extern const struct evm_kind rootstock_kind, bob_kind;

/* FEE_MARKET: this part of the fee, at most, is for whoever makes the block. Rates are such that it
 * is enough and that the base fee can double (bob_kind.rate). A share, so that a replacement raises
 * both. */
#define EVM_PRIORITY_SHARE 8u
/* Of an EVM layer (CHECK). */
const struct evm_kind *evm_kind_of(enum layer_id id);

/* Items of the tables; the first member is the key. */
struct swap_watch { /* by swap */
	struct id128 swap;
	struct evm_htlc terms;
	struct hash256 key; /* of the lock that the terms describe */
};
struct hash_watch { /* by hash: one swap each (HAZARDS 27) */
	struct hash256 hash;
	struct id128 swap;
};
struct lock_seen { /* by key in the contract */
	struct hash256 key;
	struct id128 swap;
	struct locator at;
	bool foreign;
};
/* A lock known from before a restart: which one of the contract's it is has to be looked up. */
struct lock_known { /* by place: transaction and log index */
	uint8_t place[36];
	struct id128 swap;
	struct locator at;
};
struct pending_seen { /* by transaction */
	struct hash256 tx;
	uint32_t generation;
};

struct evm_layer {
	struct layer layer;
	bool has_account;
	struct evm_address account;
	struct table swap, hash, seen, known;
	struct chain_event *event; /* owned; CHAIN_EVENTS_MAX of them */
	bool code_checked;         /* since the start and the last reorganisation */
	struct table pending;
	uint32_t pending_generation;
	bool pending_asking;
	struct layer_first_layer below,
		told; /* rollups: what is known, and what the sink was told */
};

static inline bool evm_is_rollup(const struct layer *layer)
{
	return layer->config.network->rollup;
}

static inline struct evm_layer *evm_of(struct layer *layer)
{
	return (struct evm_layer *)(void *)layer;
}

static inline bool evm_has_contract(const struct evm_layer *r)
{
	static const struct evm_address none;
	return !evm_address_eq(&r->layer.config.contract, &none);
}

static inline bool evm_has_token(const struct evm_layer *r)
{
	static const struct evm_address none;
	return !evm_address_eq(&r->layer.config.token, &none);
}

/* ---- fetch.c: one block with what it has for us, checked ---- */

/* A transaction from or to our account. */
struct own_tx {
	struct hash256 hash;
	uint32_t index; /* in the block */
	bool from_us, reverted;
	uint64_t nonce, gas_limit;
	struct amount value, gas_price, fee;
	bool receipt; /* reverted and fee are known */
};
/* An event of the contract. */
struct own_log {
	struct evm_htlc_event event;
	struct hash256 tx;
	uint32_t tx_index, index;
};
/* Tokens that arrived at our account, other than from the contract. */
struct own_credit {
	struct hash256 tx;
	uint32_t tx_index;
	struct amount amount;
};
struct payload {
	struct block_ref block;
	struct own_credit *credit; /* owned */
	uint32_t credit_count;
	struct own_tx *tx; /* owned */
	uint32_t tx_count;
	struct own_log *log; /* owned */
	uint32_t log_count;
	struct hash256 *all; /* owned: every transaction of the block */
	uint32_t all_count;
};
void evm_payload_drop(void *payload);
/* Ends in follow_block. */
enum err evm_fetch(struct layer *layer, const struct hash256 *hash, uint64_t height, uint64_t tag);

/* ---- watch.c ---- */

extern const struct follow_source evm_follow;
enum err evm_watch_wallet(struct layer *layer, const struct pubkey *wallet);
enum err evm_watch_lock(struct layer *layer, const struct id128 *swap, struct slice leg);
enum err evm_watch_lock_at(struct layer *layer, const struct id128 *swap, const struct locator *at);
void evm_unwatch_lock(struct layer *layer, const struct id128 *swap);

/* A Lockup with the hash of a watched swap: remember which lock it is. *foreign: not the swap's.
 * ERR_FULL: no room. */
MUST_USE enum err evm_see_lock(struct evm_layer *r, bool *foreign,
	const struct evm_htlc_event *event, const struct swap_watch *watch,
	const struct locator *at);

/* ---- known.c ---- */

/* Look up what is in `known`; ends in follow_resume. ERR_UNAVAILABLE: asked; others: can't be. */
enum err evm_ask_known(struct evm_layer *r);

/* ---- price.c ---- */

/* data_fee: rollups; for the data of one of our transactions, at most. */
typedef void (*price_cb)(void *ctx, enum err err, uint64_t rate, uint64_t data_fee);
/* cb follows once; when the layer is destroyed, with ERR_CANCELLED. */
MUST_USE enum err evm_ask_price(struct layer *layer, price_cb cb, void *ctx);

/* ---- pending.c, submit.c, status.c, scan.c ---- */

void evm_pending_poll(struct evm_layer *r);
enum err evm_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);
enum err evm_status(struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);
enum err evm_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx);
enum err evm_scan_at(struct layer *layer, uint64_t height, layer_scan_cb cb, void *ctx);

/* ---- answer.c: shapes of answers ---- */

MUST_USE enum err evm_answer_hash(struct hash256 *out, const struct json *value);
MUST_USE enum err evm_answer_address(struct evm_address *out, const struct json *value);
/* A quantity of an asset's smallest unit, up to all there is. ERR_RANGE above. */
MUST_USE enum err evm_answer_amount(struct amount *out, enum asset asset, const struct json *value);
/* A quantity that is the whole answer. */
MUST_USE enum err evm_answer_u64(uint64_t *out, const struct json *value);
/* Hex of any length up to len_max into the caller's bytes. */
MUST_USE enum err evm_answer_bytes(
	uint8_t *bytes, size_t *len, size_t len_max, const struct json *value);
/* The first len bytes of hex. */
MUST_USE enum err evm_answer_prefix(uint8_t *bytes, size_t len, const struct json *value);
/* A block's header. */
MUST_USE enum err evm_answer_block(struct block_ref *out, const struct json *result);
/* eth_getCode's answer is the layer's HTLC contract: ERR_NETWORK where it is not. */
MUST_USE enum err evm_answer_is_contract(enum layer_id id, const struct json *value);

struct json *evm_param_hash(const struct hash256 *hash);
struct json *evm_param_quantity(uint64_t n);
struct json *evm_param_address(const struct evm_address *a);
struct json *evm_param_bytes(struct slice bytes);
/* eth_getBlockByNumber. */
enum err ask_block_at(struct layer *layer, uint64_t height, ask_cb cb, void *op, uint64_t tag);
struct json *params_block_tag(const char *block_tag, bool full);
/* eth_call. where: a block's number or tag; taken. */
struct json *params_call(const struct evm_address *to, struct slice data, struct json *where);

#endif
