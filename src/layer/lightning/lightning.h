/* layer/lightning/lightning: what Lightning nodes say, in one form for every kind of node.
 *
 * Purpose: nodes are asked in their own dialects (lnd.h, cln.h); what comes out of an answer is one
 * of the values below, checked. Pure: text in, values out.
 * Invariants: an answer that can't be right is an error, never a value. The state of a payment or a
 * hold invoice is that of its HTLCs, whatever the node calls the whole (HAZARDS 30): a payment has
 * failed only when each of its parts has failed for good (HAZARDS 28), and one preimage that fits
 * is taken wherever it stands. Unknown is not failed (HAZARDS 29): whatever is not understood is
 * ERR_FORMAT or ERR_IO, after which the node is asked again by hash.
 * Threads: any. Ownership: outputs are the caller's; nothing of an input is kept. Must not: send,
 * allocate beyond the reading of one answer, or keep a preimage anywhere but in the output.
 *
 * Amounts are in millisatoshis. What is ours and what we are owed is rounded by who books it.
 */
#ifndef LAYER_LIGHTNING_LIGHTNING_H
#define LAYER_LIGHTNING_LIGHTNING_H
#include "wire/bolt11.h"

struct msat {
	uint64_t raw;
};

#define LN_MSAT_MAX (SAT_MAX_RAW * BOLT11_MSAT_PER_SAT)
#define LN_HEIGHT_MAX 500000000u /* where lock times begin to be times (BIP-65) */
#define LN_PARTS_MAX 4096u       /* HTLCs of one payment or invoice */
#define LN_CHANNELS_MAX 16384u   /* in one answer */
#define LN_HTLCS_MAX 65536u      /* in all of them */
/* A node gives up what it holds for us so many blocks before it expires (HAZARDS 49): lnd does; one
 * that does earlier is not asked to hold. */
#define LN_HOLD_MARGIN 18u
#define LN_VERSION_SIZE 64u
#define LN_DETAIL_SIZE 160u

/* What a node says of itself. */
struct ln_info {
	struct pubkey node;
	const struct network *network; /* of Bitcoin; static */
	char version[LN_VERSION_SIZE]; /* the node's own words */
	uint32_t height;
	bool synced; /* with its own view of the chain */
	uint32_t channels_active, channels_pending, channels_inactive;
};

enum ln_invoice_state {
	LN_INVOICE_OPEN = 1,  /* nothing is held, or not all of it */
	LN_INVOICE_HELD,      /* the whole amount is in HTLCs that wait for us */
	LN_INVOICE_SETTLED,   /* the preimage was given; HTLCs may be on their way still */
	LN_INVOICE_CANCELLED, /* no HTLC is held */
};

/* A hold invoice at the payee's node. */
struct ln_invoice {
	struct hash256 hash;
	enum ln_invoice_state state;
	struct msat amount;        /* 0: whatever comes */
	struct msat held, settled; /* in HTLCs, each by its own state */
	uint32_t held_count, settled_count, cancelled_count;
	uint32_t expiry_height; /* the lowest of those held; 0: none is. The node gives up some
				 * blocks earlier (HAZARDS 49) */
	bool has_preimage;
	struct hash256 preimage; /* its SHA-256 is hash */
	uint64_t created_s, expiry_s;
	char request[BOLT11_TEXT_MAX + 1]; /* BOLT 11, not looked into */
};

enum ln_payment_state {
	LN_PAYMENT_IN_FLIGHT = 1, /* it may still be paid */
	LN_PAYMENT_SUCCEEDED,     /* the preimage is there */
	LN_PAYMENT_FAILED,        /* every part failed for good, and no more will be tried */
};

enum ln_failure {
	LN_FAILURE_NONE,
	LN_FAILURE_TIMEOUT,
	LN_FAILURE_NO_ROUTE,
	LN_FAILURE_REFUSED, /* by the payee: cancelled, unknown, wrong amount, too late */
	LN_FAILURE_BALANCE, /* too little of our own on any way */
	LN_FAILURE_CANCELLED,
	LN_FAILURE_OTHER,
};

/* A payment at the payer's node: all of its parts. */
struct ln_payment {
	struct hash256 hash;
	enum ln_payment_state state;
	enum ln_failure failure; /* FAILED */
	struct msat amount, fee; /* fee: SUCCEEDED */
	uint32_t in_flight_count, succeeded_count, failed_count;
	uint32_t expiry_height; /* the highest at which a part that has not failed leaves us; 0:
				 * none, or not told */
	bool has_preimage;
	struct hash256 preimage; /* its SHA-256 is hash */
};

/* All channels of a node. */
struct ln_balance {
	struct msat local, remote;                     /* settled, in usable channels */
	struct msat unsettled_local, unsettled_remote; /* in HTLCs that we, that they sent */
	struct msat pending_local, pending_remote;     /* in channels that are being opened */
};

/* What comes back from channels that are being closed. */
struct ln_limbo {
	struct msat all;
	struct msat undecided; /* of it, in HTLCs to us that nobody has claimed yet */
};

struct ln_channel {
	struct pubkey peer;
	struct hash256 funding_txid; /* in hashing order */
	uint32_t funding_output;
	uint64_t short_channel_id; /* 0: none yet */
	bool active;
	struct msat capacity, local, remote, unsettled;
	struct msat commit_fee; /* that comes off our side, and back to it when the channel is
				 * closed together; 0: the other side pays it, or local has it */
	uint32_t htlc_count;
};

/* Under way in a channel. */
struct ln_htlc {
	struct hash256 hash;
	struct msat amount; /* lnd: in whole satoshis, rounded down */
	uint32_t expiry_height;
	bool incoming;
};

/* Those of the channels one after the other. */
struct ln_channels {
	struct ln_channel *channel; /* borrows, as htlc; room for so many */
	size_t count, max;
	struct ln_htlc *htlc;
	size_t htlc_count, htlc_max;
};

/* Whether the preimage is the hash's. */
NONNULL_ALL bool ln_preimage_fits(const struct hash256 *preimage, const struct hash256 *hash);

#endif
