/* client/nodes: our own two nodes: connected, checked, asked and followed. Whatever a provider says
 * is held against these and nothing else.
 *
 * Threads: the loop's. Ownership: as each function says.
 */
#ifndef CLIENT_NODES_H
#define CLIENT_NODES_H
#include "client/rescue.h"
#include "client/view.h"
#include "client/wait.h"
#include "layer/layer.h"

struct node {
	enum layer_id id;
	const char *url; /* borrows; of the settings */
	struct upstream *upstream,
		*wallet;           /* owned; wallet: the same node's, to pay with, or NULL */
	struct http_client *http;  /* owned; of a Lightning node with a certificate of its own */
	struct ln_node *lightning; /* owned; CHANNEL */
	struct layer *layer;       /* owned */
	struct evm_address contract, token; /* ACCOUNT; zero: none */
	struct view view;
	bool following;
	struct layer_info info;         /* the last answer to a check */
	bool checked;                   /* there was one */
	uint64_t rate, data_fee;        /* as layer_fee_cb has them */
	struct layer_first_layer below; /* rollups: heads */
};

struct node_options {
	struct loop *loop;        /* borrows */
	struct http_client *http; /* borrows */
	const struct file_ops *ops;
	const struct client_config *config;
	struct evm_address contract, token; /* zero: none known yet, or none there */
	const char *wallet;                 /* "": none */
};

struct node_error {
	enum err err;
	char text[300]; /* what, where, and what to do about it */
};

/* Every call has a deadline of its own, and is waited for in full. */

/* Connects lazily: sends nothing yet. ERR_NOT_FOUND, ERR_IO, ERR_DENIED a password file; ERR_FORMAT
 * a URL. */
MUST_USE NONNULL_ALL enum err node_open(struct node *n, struct node_error *error, enum layer_id id,
	const struct node_options *options);
void node_close(struct node *n);

/* Ask for network, contract, sync state and tip, and for the rate of fees: adds to wait, the
 * answers land in info, rate and data_fee. node_usable says what to make of info. */
void node_ask_begin(struct node *n, struct wait *wait);
/* OK; ERR_NETWORK, ERR_DENIED, ERR_STATE syncing, ERR_UNAVAILABLE and others, with *error. */
MUST_USE NONNULL_ALL enum err node_usable(const struct node *n, struct node_error *error);

/* Follow the chain from the block at `height` on; lock-ups to these terms are seen from the next
 * block on. Waits. */
MUST_USE enum err node_follow(struct node *n, struct node_error *error, struct loop *loop,
	const struct id128 *swap, struct slice terms, const struct hash256 *hash, uint64_t height);

/* The payee's side: the terms of a lock-up to us (layer_offer), appended. Waits. */
MUST_USE NONNULL_ALL enum err node_offer(struct buf *leg, struct node_error *error, struct node *n,
	struct loop *loop, const struct leg_offer *offer);

/* One JSON-RPC call, waited for. *out: owned, NULL on an error. wallet: to the wallet's endpoint.
 * Takes params. Errors as struct rpc_answer. */
MUST_USE enum err node_call(struct json **out, struct node_error *error, struct node *n,
	bool wallet, struct loop *loop, const char *method, struct json *params);

/* An ACCOUNT layer's account. */
struct node_account {
	bool known;
	struct amount gas;              /* of what fees are paid in */
	struct amount value, allowance; /* where another asset is moved: its token, and what the
					 * contract may take of it */
	uint64_t nonce_latest, nonce_pending;
};
MUST_USE enum err node_account(struct node_account *out, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *account);
/* Would this call succeed from this account now? ERR_REJECTED: it would fail; *gas otherwise. */
MUST_USE enum err node_estimate_gas(uint64_t *gas, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *from, const struct evm_address *to,
	struct amount value, struct slice data);

/* ---- between the files of nodes ---- */

/* Says what went wrong; returns err. */
PRINTF_LIKE(3, 4)
enum err node_fail(struct node_error *error, enum err err, const char *fmt, ...);

#endif
