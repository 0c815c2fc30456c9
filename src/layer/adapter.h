/* layer/adapter: what a network's adapter provides, and what all of them share.
 *
 * Two tables of functions, which layer.c and plan.c dispatch over. The pure half holds no state and
 * runs on any thread; the live half belongs to the loop's thread. A new network is two more tables
 * and a line each there; networks of one family share theirs (layer/evm).
 */
#ifndef LAYER_ADAPTER_H
#define LAYER_ADAPTER_H
#include "layer/follow.h"
#include "layer/layer.h"
#include "rt/offload.h"

/* As the functions of the same names in layer.h; `network` is already known to be of this layer. */
struct layer_pure {
	enum err (*address_check)(const struct network *network, uint8_t *destination,
		size_t *destination_len, struct slice text);
	enum err (*address_format)(
		const struct network *network, char *text, struct slice destination);
	enum err (*funding_address)(
		const struct network *network, char *text, const struct pubkey *wallet);
	struct amount (*dust)(enum layer_id id);
	uint64_t (*rate_step)(enum layer_id id);
	enum err (*leg_make)(struct buf *leg, const struct leg_offer *offer);
	enum err (*leg_parse)(
		struct leg_offer *offer, const struct network *network, struct slice leg);
	enum err (*leg_address)(const struct network *network, char *text, struct slice leg);
	enum err (*build)(struct buf *out, struct amount *fee, const struct network *network,
		const struct pubkey *wallet, const struct layer_plan *plan);
	enum err (*fee_bound)(
		struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate);
	uint64_t (*gas_limit)(
		enum layer_id id, enum sign_purpose purpose); /* 0: no such thing here */
	uint32_t payees_max;                                  /* of one payout; 0: as 1 */
	/* NULL: the layer has no URIs */
	enum err (*payment_parse)(
		const struct network *network, struct layer_payment *out, struct slice text);
	enum err (*payment_uri)(const struct network *network, struct buf *out,
		struct slice destination, struct amount amount);
};

extern const struct layer_pure utxo_pure, evm_pure, lightning_pure;

/* As the functions of the same names in layer.h. */
struct layer_ops {
	const struct follow_source *follow;
	/* Allocates the adapter's own struct, whose first member is struct layer (filled in by the
	 * caller). NULL: no memory. */
	struct layer *(*allocate)(void);
	void (*release)(struct layer *layer); /* frees it; nothing is open any more */
	void (*started)(struct layer *layer); /* there is a new sink; NULL: no matter */
	/* NULL: the upstream's. */
	void (*health)(const struct layer *layer, struct upstream_health *out);
	enum err (*check)(struct layer *layer, layer_info_cb cb, void *ctx);
	enum err (*block_at)(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx);
	enum err (*watch_wallet)(struct layer *layer, const struct pubkey *wallet);
	/* NULL: there are none. */
	enum err (*watch_deposits)(
		struct layer *layer, const struct descriptor *descriptor, uint32_t count);
	enum err (*watch_coin)(struct layer *layer, const struct btc_coin *coin);
	enum err (*watch_lock)(struct layer *layer, const struct id128 *swap, struct slice leg);
	enum err (*watch_lock_at)(
		struct layer *layer, const struct id128 *swap, const struct locator *at);
	void (*unwatch_lock)(struct layer *layer, const struct id128 *swap);
	enum err (*submit)(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx);
	enum err (*status)(
		struct layer *layer, const struct hash256 *txid, layer_status_cb cb, void *ctx);
	enum err (*fee_estimate)(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx);
	enum err (*scan)(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
		layer_scan_cb cb, void *ctx);
	/* NULL: the terms depend on nobody's answer (layer_leg_make). */
	enum err (*offer)(
		struct layer *layer, const struct leg_offer *offer, layer_offer_cb cb, void *ctx);
	/* NULL: it can't. */
	enum err (*scan_at)(struct layer *layer, uint64_t height, layer_scan_cb cb, void *ctx);
};

extern const struct layer_ops bitcoin_ops, evm_ops, lightning_ops;

/* of the same nodes as bitcoin_ops, by other rules */
extern const struct layer_ops liquid_ops;

struct layer_wait;

/* Between the two the layer is not freed; leaving may free it. */
NONNULL_ALL void layer_enter(struct layer *layer);
NONNULL_ALL void layer_leave(struct layer *layer);

struct layer {
	const struct layer_ops *ops;
	struct layer_config config;
	struct layer_info info;
	struct layer_sink sink; /* on_block NULL: not started */
	struct follow follow;
	struct layer_wait *waits; /* owned, a list */
	uint32_t open; /* answers and waits still to come, and calls into us in progress */
	bool dead;     /* destroyed: freed when open is 0; nobody is called back */
	struct cancel_token gone; /* requested when it is: what is being computed need not end */
	uint64_t fee_rate;        /* last told to the sink; 0: none */
	uint64_t fee_due_ms;      /* when to ask for it again */
	bool fee_asking;
	char notice[160]; /* for who looks, where nothing is wrong: what was seen and is not counted
			   */
	char said[160];   /* the node's last words on why something is not so, or ours on its answer
			   */
};

/* How often the fee rate is asked for. */
#define LAYER_FEE_EVERY_MS 10000u

/* ---- asking the node ---- */

/* One answer for one question, from the loop. After the layer was destroyed: ERR_CANCELLED. */
typedef void (*ask_cb)(void *op, uint64_t tag, const struct rpc_answer *answer);
/* Takes params. When it returns an error no answer follows. */
MUST_USE enum err adapter_ask(struct layer *layer, const char *method, struct json *params,
	ask_cb cb, void *op, uint64_t tag);
/* With a deadline of its own instead of the upstream's. */
MUST_USE enum err ask_within(struct layer *layer, uint64_t timeout_ms, const char *method,
	struct json *params, ask_cb cb, void *op, uint64_t tag);
/* cb follows once, after delay_ms or when the layer is destroyed. */
typedef void (*wait_cb)(void *op);
MUST_USE enum err layer_wait(struct layer *layer, uint64_t delay_ms, wait_cb cb, void *op);

/* Work on what a node answered that is too long for the loop (rt/offload): job->run and ->done are
 * set. `done` follows once, maybe from here; it ends with layer_computed, after which the layer may
 * be gone. ERR_FULL, ERR_STATE: it does not follow. */
MUST_USE NONNULL_ALL enum err layer_compute(struct layer *layer, struct offload_job *job);
NONNULL_ALL void layer_computed(struct layer *layer);

/* An operation with several answers to come. It is the first member of the operation's own struct;
 * `end` tells the caller (unless layer->dead) and frees it. */
struct op {
	struct layer *layer;
	uint32_t pending; /* answers still to come, and one while questions are being asked */
	enum err err;     /* the first failure of a question */
	void (*end)(struct op *op);
};
/* Count one more answer to come and ask; a question that can't be asked is a failure of the
 * operation, not of the call. */
void op_ask(struct op *op, const char *method, struct json *params, ask_cb cb, uint64_t tag);
/* An answer was used; or the first questions have been asked. Ends the operation after the last. */
void op_done(struct op *op);
/* The first questions have been asked. When none of them could be: frees the operation with `drop`
 * and returns why, and the caller is not called back. */
MUST_USE enum err op_begun(struct op *op, void (*drop)(struct op *op));

/* A check of the node under way: layer_check. The first member of a family's own struct where that
 * notes more. */
struct node_check {
	struct op op;
	layer_info_cb cb;
	void *ctx;
	struct layer_info out; /* the first thing that was found wrong is said */
	bool syncing;
	char chain[32]; /* which; "": it goes without saying */
};
/* The callback follows when all that is asked was answered; until op_begun the caller asks. */
void node_check_init(struct node_check *c, struct layer *layer, layer_info_cb cb, void *ctx);
MUST_USE enum err node_check_begun(struct node_check *c);
void node_check_fail(struct node_check *c, enum err err, const char *what, const char *why);

/* ---- saying what happened ---- */

/* Returns err, so that a failure is noted and returned at once. */
PRINTF_LIKE(4, 5)
enum err detail_set(char *detail, size_t size, enum err err, const char *fmt, ...);
#define DETAIL(where, err, ...) detail_set((where), sizeof(where), (err), __VA_ARGS__)

/* Tell the sink when the rate changed by more than a tenth. */
void layer_tell_fee(struct layer *layer, uint64_t rate);

#endif
