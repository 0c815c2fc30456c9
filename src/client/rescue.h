/* client/rescue: the rescue file: everything that is needed to claim or to refund a swap, without
 * the provider and without anything else of ours (docs/rescue.md).
 *
 * Invariants:
 *  - it is written, synced and in place before the first thing that depends on it leaves this
 *    machine: keys and preimage before the hash is told, the checked terms before anything is paid,
 *    each signed transaction before it is sent;
 *  - the phase only moves along the arrows below, and once `revealed` is set it stays set;
 *  - transactions are only ever added: what was signed once may be mined once.
 *
 *   CREATED ─► AGREED ─► PAYING ─┬─► REVEALED ─┬─► COMPLETED
 *      │          │              │             └─► ABANDONED (the provider took its side back)
 *      └──────────┴─► CLOSED     └─► ABANDONED ─┬─► REFUNDED
 *                       ▲                       ├─► REVEALED (the preimage is public all the same)
 *                       └───────────────────────┘ (nothing had been locked)
 *
 * The file holds keys: 0600, never logged. Threads: one. Ownership: a rescue owns the raw bytes of
 * its transactions; rescue_fini frees and wipes.
 */
#ifndef CLIENT_RESCUE_H
#define CLIENT_RESCUE_H
#include "base/observe.h"
#include "client/settings.h"
#include "layer/layer.h"
#include "sys/file.h"
#include "wire/signing.h"

enum rescue_phase {
	RESCUE_CREATED,   /* keys and preimage are made; the provider may know the hash */
	RESCUE_AGREED,    /* the terms of our lock-up are checked; nothing is paid */
	RESCUE_PAYING,    /* our lock-up may exist from here on */
	RESCUE_REVEALED,  /* a claim is signed: the preimage may be out. No refund while it can win
			   */
	RESCUE_ABANDONED, /* the preimage stays with us: our lock-up comes back */
	RESCUE_COMPLETED, /* our claim is final */
	RESCUE_REFUNDED,  /* our refund is final */
	RESCUE_CLOSED,    /* it ended before anything was paid */
	RESCUE_PHASE_COUNT
};
const char *rescue_phase_name(enum rescue_phase phase);
bool rescue_phase_terminal(enum rescue_phase phase);
/* What the arrows above allow. */
bool rescue_phase_may(enum rescue_phase from, enum rescue_phase to);

enum rescue_side { SIDE_SOURCE, SIDE_DEST, SIDE_COUNT };

#define RESCUE_TX_MAX 64u
#define RESCUE_RAW_MAX (100u * 1024u) /* a payment by a node's wallet may have many inputs */
#define RESCUE_FILE_MAX (16u << 20)
#define RESCUE_REQUEST_MAX 3072u
#define RESCUE_TERMS_MAX LAYER_LEG_MAX
#define RESCUE_REASON_MAX 160u

/* A signed transaction, or a command to a Lightning node: PREPARED, and perhaps sent. */
struct rescue_tx {
	enum sign_purpose purpose; /* APPROVE, LOCK, CLAIM, REFUND, NONCE_FILL, CANCEL */
	enum rescue_side side;
	struct hash256 txid;
	struct locator at;       /* CLAIM, REFUND: the lock-up that it spends */
	struct evm_address from; /* ACCOUNT */
	uint64_t nonce;          /* ACCOUNT */
	uint64_t rate;           /* 0: a node's wallet chose */
	uint64_t height;         /* the tip when it was made */
	struct amount fee;       /* at most */
	uint8_t *raw;            /* owned */
	size_t raw_len;
};

struct rescue_leg {
	const struct network *network;
	struct amount amount;
	uint64_t from_height;            /* blocks above it can hold lock-ups of this swap */
	uint8_t terms[RESCUE_TERMS_MAX]; /* checked; terms_len 0: not known yet */
	size_t terms_len;
	uint64_t timelock; /* of the terms */
	/* ACCOUNT: its code was checked on our own node; token: where the layer's value is one */
	struct evm_address contract, token;
};

struct rescue {
	uint64_t revision; /* of the file: one up with each write */
	enum rescue_phase phase;
	bool revealed;       /* the preimage may have left this machine */
	uint64_t created_ms; /* wall clock */
	struct rescue_leg leg[SIDE_COUNT];
	struct amount fee; /* of the quote, in the source's asset */

	/* secrets */
	struct seckey wallet; /* swap keys derive from it: KEY_SWAP, layer, name */
	struct hash256 preimage;
	struct hash256 hash;
	struct id128 name; /* ours; the provider's is swap_id */

	/* what is bought goes there. CHANNEL: the invoice that our node made */
	char to_address[LAYER_ADDRESS_TEXT_SIZE];
	char refund_address[100]; /* UTXO source: what was locked comes back there; "": not told yet
				   */
	struct evm_address gas_account;
	bool has_gas_account;

	char idempotency_key[40];
	char request[RESCUE_REQUEST_MAX]; /* the body of POST /v1/swaps, to the byte */
	uint64_t quote_expires_ms;
	bool has_swap_id;
	struct id128 swap_id;
	uint64_t expires_ms;            /* of the offer: not paid later than that */
	char reason[RESCUE_REASON_MAX]; /* why it was abandoned or closed */

	struct rescue_tx tx[RESCUE_TX_MAX];
	uint32_t tx_count;
	struct settings settings;
};

NONNULL_ALL void rescue_fini(struct rescue *r);

/* The key and public key of this swap on a UTXO layer. */
MUST_USE NONNULL_ALL enum err rescue_swap_key(
	struct seckey *out, const struct rescue *r, enum rescue_side side);
MUST_USE NONNULL_ALL enum err rescue_swap_xonly(
	struct xonly *out, const struct rescue *r, enum rescue_side side);
static inline enum layer_id rescue_layer(const struct rescue *r, enum rescue_side side)
{
	return r->leg[side].network->layer;
}
static inline struct slice rescue_terms(const struct rescue *r, enum rescue_side side)
{
	return slice_of(r->leg[side].terms, r->leg[side].terms_len);
}

/* Copies raw. ERR_FULL: no room for another. */
MUST_USE NONNULL_ALL enum err rescue_add_tx(
	struct rescue *r, const struct rescue_tx *tx, struct slice raw);

/* ---- the file ---- */

/* The text of the file; returns owned, wipe and free with rescue_text_free. */
NONNULL_ALL char *rescue_print(const struct rescue *r, size_t *len);
void rescue_text_free(char *text, size_t len);
struct rescue_error {
	char text[200]; /* which member */
};
/* ERR_FORMAT, ERR_RANGE, ERR_CHECKSUM (preimage and hash, or ids, don't belong together),
 * ERR_NETWORK (another version of the format), all with *error. */
MUST_USE NONNULL_ALL enum err rescue_parse(
	struct rescue *out, struct rescue_error *error, struct slice text);

/* Counts the revision up and writes. On failure nothing may be done that depends on it. */
MUST_USE NONNULL_ALL enum err rescue_save(
	struct rescue *r, const struct file_ops *ops, const char *path);
MUST_USE NONNULL_ALL enum err rescue_load(struct rescue *out, struct rescue_error *error,
	const struct file_ops *ops, const char *path);

#endif
