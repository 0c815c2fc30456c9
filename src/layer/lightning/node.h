/* layer/lightning/node: one Lightning node, asked in its own dialect.
 *
 * Purpose: what an adapter asks of a node, the same for lnd and Core Lightning: about itself and
 * its channels, to hold and to settle, to pay, and how a payment or an invoice stands. How: a
 * question is asked once, or followed: then every answer is told until one is final, over as many
 * requests as that takes. lnd streams; Core Lightning is asked again every retry_ms, and where one
 * command does not tell all, or does not do it, by several, one after the other; while it pays, its
 * parts are looked at. Whatever ends
 * a stream or a request without a final answer, a node that restarts for one, is told and the
 * question asked again, by hash. A payment is sent once: what became of it is asked, never assumed
 * (HAZARDS 28, 29).
 * Invariants: what a node says is checked against what it was asked: hash, network, and the terms
 * of an invoice, which is read here and not by the node. A call ends in exactly one answer that is
 * `last`, from the loop, never from within ln_node_ask; each request has a deadline.
 * Threads: the loop's. Ownership: borrows client and loop, which outlive it. Must not: decide about
 * money, keep anything durable, or show the credential.
 */
#ifndef LAYER_LIGHTNING_NODE_H
#define LAYER_LIGHTNING_NODE_H
#include "layer/lightning/lightning.h"
#include "net/jsonrpc.h"

struct ln_node;
struct ln_call;

enum ln_kind {
	LN_LND, /* REST; the credential is a macaroon, a binary file */
	LN_CLN, /* clnrest; the credential is a rune, a text file */
	LN_KIND_COUNT
};

#define LN_TIMEOUT_DEFAULT_MS 10000u
#define LN_RETRY_DEFAULT_MS 1000u
#define LN_RETRY_MAX_MS 30000u /* while nothing but errors is answered */
#define LN_STREAM_MS                                                                               \
	UINT64_C(600000) /* then a stream is opened anew, whether it is quiet or dead */
#define LN_LINE_MAX (1u << 20)
#define LN_CALLS_MAX 4096u
#define LN_PAY_GRACE_MS 30000u /* after its time a payment may still make a part */
#define LN_PAY_S_MAX 43200u

struct ln_node_config {
	enum ln_kind kind;
	const struct network *network; /* of Bitcoin */
	const char *url;               /* "https://127.0.0.1:8080": without a path; copied */
	const char *credential_file;   /* read again after ERR_DENIED; NULL: none; copied */
	struct http_client *client;    /* trusts the node's certificate: its ca_file */
	struct loop *loop;
	uint64_t timeout_ms; /* of a request that is no stream; 0: LN_TIMEOUT_DEFAULT_MS */
	uint64_t retry_ms;   /* 0: LN_RETRY_DEFAULT_MS */
};

/* Returns owned. Sends nothing. ERR_FORMAT a URL or a credential that can't be; ERR_NETWORK no
 * network of Bitcoin; ERR_NOT_FOUND, ERR_IO the credential's file; ERR_FULL no memory. */
MUST_USE NONNULL_ALL enum err ln_node_create(
	struct ln_node **out, const struct ln_node_config *config);
/* Calls that are open end without an answer. Not from within one. */
void ln_node_destroy(struct ln_node *node);

enum ln_ask {
	LN_ASK_INFO,
	LN_ASK_BALANCE,
	LN_ASK_CHANNELS,
	LN_ASK_LIMBO,   /* what is ours in channels that are being closed */
	LN_ASK_HOLDS,   /* whether it can hold, where that is not its own doing; OK, or why not */
	LN_ASK_HOLD,    /* make a hold invoice; hash, amount, expiry_s, final_cltv */
	LN_ASK_SETTLE,  /* preimage; done already is done */
	LN_ASK_CANCEL,  /* hash; done already is done */
	LN_ASK_INVOICE, /* how it stands; hash */
	LN_ASK_PAY,     /* request, hash, fee_limit, timeout_s, cltv_limit; only followed */
	LN_ASK_PAYMENT, /* how it stands; hash */
	LN_ASK_COUNT
};

struct ln_question {
	enum ln_ask ask;
	struct hash256 hash, preimage;
	struct msat amount;    /* HOLD: not 0 */
	struct msat fee_limit; /* PAY */
	const char *request;   /* PAY: BOLT 11, checked by the caller (wire/bolt11.h); copied */
	uint32_t expiry_s;
	uint32_t final_cltv;
	uint32_t cltv_limit; /* PAY: blocks that the payment may be locked at most */
	uint32_t timeout_s;  /* PAY: no part is begun after that */
	/* the node's to set */
	const struct network *network; /* of Bitcoin */
	uint64_t now_s;                /* when it was asked, since 1970 */
};

struct ln_answer {
	enum err err; /* OK: the member of the question is set. ERR_NOT_FOUND: the node knows of no
		       * such hash now, which of a payment that was sent is no proof: the request
		       * may still arrive. ERR_EXISTS, ERR_STATE, ERR_DENIED, ERR_REJECTED as in
		       * lnd.h and cln.h. ERR_UNAVAILABLE: nothing was done. ERR_NETWORK: it is on
		       * another one. Any other: what was done is not known */
	const char *detail;         /* for people; never NULL */
	bool last;                  /* of this call, which is gone when the callback returns */
	const struct ln_info *info; /* INFO */
	const struct ln_balance *balance;   /* BALANCE */
	const struct ln_channels *channels; /* CHANNELS */
	const struct ln_limbo *limbo;       /* LIMBO */
	const char *request;                /* HOLD */
	const struct ln_invoice *invoice;   /* INVOICE */
	const struct ln_payment *payment;   /* PAYMENT, PAY */
};

/* Everything it points to is borrowed until it returns. It may ask, and stop any call. */
typedef void (*ln_answer_cb)(void *ctx, const struct ln_answer *answer);

/* *call may be NULL; it is valid until its last answer. ERR_FULL too many, no memory; ERR_RANGE a
 * value that can't be; ERR_STATE not of this kind of node, or PAY that is not followed; ERR_FORMAT
 * a request that is no invoice, or of another hash. */
MUST_USE enum err ln_node_ask(struct ln_node *node, struct ln_call **call,
	const struct ln_question *question, ln_answer_cb cb, void *ctx);
/* Whether nodes of this kind can be asked that. */
NONNULL_ALL bool ln_node_can(const struct ln_node *node, enum ln_ask ask);
/* Of its requests so far; queued, window and overloads are 0. */
NONNULL_ALL void ln_node_health(const struct ln_node *node, struct upstream_health *out);
/* INVOICE, PAY, PAYMENT. Ends with a payment that has succeeded or failed, an invoice that is
 * settled or cancelled with nothing held; with ERR_NOT_FOUND; and a PAY also with an error after
 * which nothing was done (ERR_UNAVAILABLE, ERR_DENIED). */
MUST_USE enum err ln_node_follow(struct ln_node *node, struct ln_call **call,
	const struct ln_question *question, ln_answer_cb cb, void *ctx);
/* No answer follows; what was asked for may be done all the same. */
NONNULL_ALL void ln_call_stop(struct ln_call *call);

#endif
