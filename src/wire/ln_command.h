/* wire/ln_command: what a Lightning node is told to do about a payment hash: pay, settle, cancel.
 *
 * Commands are the effects of a layer without transactions of ours: the engine journals the bytes
 * before they are sent, and sends the same bytes again until a fact about the hash ends them. So a
 * command says nothing relative to the time at which it is sent: a repeat after a restart can't
 * lock for longer, pay more, or try for longer than the first one could. Pure. Threads: any.
 */
#ifndef WIRE_LN_COMMAND_H
#define WIRE_LN_COMMAND_H
#include "base/amount.h"
#include "base/buf.h"

#define LN_REQUEST_MAX 1024u /* characters of an invoice that we pay or give out */
#define LN_COMMAND_MAX (1u + 3u * 8u + 4u + LN_REQUEST_MAX)

/* The numbers are on disk, and in ids. */
enum ln_command_kind {
	LN_PAY = 1, /* an invoice */
	LN_SETTLE,  /* our hold invoice, with the preimage */
	LN_CANCEL,  /* our hold invoice: what is held for it goes back */
};

struct ln_command {
	enum ln_command_kind kind;
	struct hash256
		hash; /* of the payment. Decoding gives it; encoding reads it for CANCEL only */
	/* SETTLE; secret */
	struct hash256 preimage;
	/* PAY */
	struct slice request; /* the invoice's text, which states the hash and the amount */
	struct sat fee_limit; /* for routing, over all parts */
	uint64_t max_height;  /* no HTLC of it may expire later: an absolute height of Bitcoin */
	uint64_t deadline_ms; /* no attempt begins later: since 1970 */
};

/* Appends. A PAY's request has 1 to LN_REQUEST_MAX characters. */
NONNULL_ALL void ln_command_put(struct buf *out, const struct ln_command *c);
/* One encoding of each command; the request borrows from in. ERR_SHORT, ERR_FORMAT: no command, or
 * its request is no invoice (bolt11_decode) or leaves the amount to the payer; ERR_RANGE: a fee
 * limit over all money. *c is untouched on failure. */
MUST_USE NONNULL_ALL enum err ln_command_decode(struct ln_command *c, struct slice in);
/* The name of what a command does: SHA-256("sluice lightning", kind, hash). Paying, settling and
 * cancelling one hash have three names; facts that an adapter tells carry them. */
NONNULL_ALL void ln_command_id(
	struct hash256 *id, enum ln_command_kind kind, const struct hash256 *hash);

#endif
