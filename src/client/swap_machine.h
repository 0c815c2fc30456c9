/* client/swap_machine: what a taker does next: a pure function of the rescue file, of what its own
 * nodes say, and of time. One machine for both directions.
 *
 * Rules that no input can break (swap_machine_test.c takes each of them out):
 *  - nothing is paid before the terms are checked, nor after the offer's end, nor without gas;
 *  - the preimage is told only while a good lock-up lies deep enough on our own node, that node is
 *    at its tip, and a claim confirms before the provider's refund can open, by our own clock
 *    bounds. The one exception: the preimage is public already;
 *  - a refund begins only when the preimage stays with us for good, or when the provider's side is
 *    finally gone;
 *  - an effect is final only when our node shows it at depth; a signed transaction is sent again
 *    until then, and replaced only by one that spends the same lock-up or the same nonce.
 *
 * Threads: any, on its own arguments.
 */
#ifndef CLIENT_SWAP_MACHINE_H
#define CLIENT_SWAP_MACHINE_H
#include "client/nodes.h"
#include "client/rescue.h"
#include "client/view.h"
#include "layer/layer.h"

#define SWAP_RESEND_MS 5000u     /* between two submissions of the same bytes */
#define SWAP_PAY_MARGIN_MS 5000u /* an offer that ends sooner is not paid any more */

/* Exit codes of the command line (docs/cli.md). */
enum client_exit {
	CLIENT_OK = 0,
	CLIENT_FAILED = 1,      /* something unexpected */
	CLIENT_USAGE = 2,       /* flags, settings or files */
	CLIENT_REFUSED = 3,     /* refused before anything was paid */
	CLIENT_REFUNDED = 4,    /* it did not come off; our money is back */
	CLIENT_PENDING = 5,     /* money is on its way: run resume */
	CLIENT_UNREACHABLE = 6, /* provider or own node, before anything was paid */
	CLIENT_MISMATCH = 7,    /* what the provider said is wrong; nothing was paid */
	CLIENT_LOST = 8,        /* the provider took both sides */
};
#define CLIENT_EXIT_COUNT 9u

/* What our own node says about one side. */
struct side_facts {
	const struct view *view; /* borrows */
	/* it answered just now, is not syncing, is on the right network with the right contract,
	 * and the view is at its tip, or nearly */
	bool fresh;
	uint64_t tip;      /* up to where the view has seen: what depths are counted from */
	uint64_t head;     /* the node's own tip, not below: what deadlines are held against */
	uint64_t rate;     /* of fees; 0: not known */
	uint64_t data_fee; /* beside them, for each transaction (layer_fee_cb) */
	struct layer_first_layer below; /* rollups */
	struct node_account account;    /* ACCOUNT: ours */
};

/* Of one of our transactions. */
struct tx_facts {
	enum tx_presence presence; /* 0: not asked yet */
	uint64_t depth;            /* CONFIRMED: 1 in the tip */
	bool reverted;             /* CONFIRMED, ACCOUNT */
	bool rejected;             /* the node refused it when it was last sent */
	uint64_t sent_ms;          /* 0: not by this process */
};

struct swap_facts {
	uint64_t now_ms; /* wall clock */
	struct side_facts side[SIDE_COUNT];
	struct tx_facts tx[RESCUE_TX_MAX]; /* as in the rescue file */
	bool claim_works; /* ACCOUNT destination: our node ran the claim and it succeeded */
	bool claim_tried; /* it ran it */
	bool want_refund; /* the user calls the swap off */
	bool has_wallet;  /* a node's wallet pays */
};

enum swap_act {
	ACT_WAIT,
	ACT_POST,       /* send the request (again) and check the answer */
	ACT_TRY_CLAIM,  /* have our node run the claim */
	ACT_PAY_WALLET, /* have the node's wallet sign a payment; record it */
	ACT_PREPARE,    /* sign what plan says; record it with the phase */
	ACT_SEND,       /* submit transaction `tx` */
	ACT_PHASE,      /* record the phase */
	ACT_END,
};

/* Where the swap stands, for people. */
enum swap_step {
	STEP_OFFER,        /* the provider is asked */
	STEP_PAY,          /* our lock-up is to be paid */
	STEP_SOURCE_DEPTH, /* our lock-up needs confirmations */
	STEP_DEST_LOCK,    /* the provider's lock-up is awaited */
	STEP_DEST_DEPTH,   /* it needs confirmations */
	STEP_CLAIM,        /* our claim needs confirmations */
	STEP_TIMELOCK,     /* our refund is not open yet */
	STEP_REFUND,       /* our refund needs confirmations */
	STEP_NODE,         /* one of our nodes does not answer, or is behind */
	STEP_DONE,
	STEP_COUNT
};

struct swap_decision {
	enum swap_act act;
	enum rescue_phase phase; /* PHASE, PREPARE: the new one, or the same */
	enum client_exit exit;   /* END */
	/* PREPARE */
	enum sign_purpose purpose;
	enum rescue_side side;
	struct locator at;
	struct amount amount; /* what the lock-up holds */
	uint64_t rate, nonce;
	uint32_t tx; /* SEND */
	/* for people */
	enum swap_step step;
	enum rescue_side step_side; /* whose confirmations, whose height */
	uint64_t confirmations, depth;
	uint64_t height;   /* a deadline or an opening in blocks; 0: none */
	uint64_t slack_ms; /* DEST_DEPTH: how long the reveal stays safe */
	const char *why;   /* static; NULL: nothing to say */
};

NONNULL_ALL void swap_decide(struct swap_decision *out, const struct rescue *r,
	const struct client_config *config, const struct swap_facts *facts);

#endif
