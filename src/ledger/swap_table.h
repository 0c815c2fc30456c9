/* ledger/swap_table: every state of a swap, as the provider sees it, and every way out of it: data.
 *
 * docs/swap.md is printed from this table by a test. What is not in the table does not happen: an
 * event that a state has no row for changes nothing. In particular no state has rows for both a
 * refund and a claim to begin (HAZARDS 8), and no terminal state has a row at all (HAZARDS 12).
 */
#ifndef LEDGER_SWAP_TABLE_H
#define LEDGER_SWAP_TABLE_H
#include "base/base.h"

enum swap_state {
	SWAP_OFFERED,       /* terms agreed; the client's lock-up is awaited */
	SWAP_SOURCE_SEEN,   /* the lock-up is there, short of depth */
	SWAP_SOURCE_LOCKED, /* the lock-up is right and deep enough */
	SWAP_DEST_LOCKING,  /* our lock-up is decided: money may leave */
	SWAP_DEST_LOCKED,   /* our lock-up is deep enough for the client to rely on */
	SWAP_CLAIMING,      /* the preimage is known: we claim the source */
	SWAP_REFUNDING,     /* our time lock opened without a preimage: we take our lock-up back */
	SWAP_COMPLETED,     /* our claim is final */
	SWAP_REFUNDED,      /* our refund is final */
	SWAP_EXPIRED,       /* nobody locked anything in time */
	SWAP_DECLINED,      /* we did not lock: the client refunds itself after its time lock */
	SWAP_BREACHED,      /* the client took both sides: page the operator */
	SWAP_STATE_COUNT
};

enum swap_event {
	SWAP_EV_SOURCE_SEEN,   /* a right lock-up appeared, in a mempool or short of depth */
	SWAP_EV_SOURCE_DEEP,   /* it reached its depth */
	SWAP_EV_SOURCE_LOST,   /* it was reorganised away or replaced */
	SWAP_EV_SOURCE_WRONG,  /* only a wrong lock-up confirmed: amount, terms, coinbase */
	SWAP_EV_SOURCE_TAKEN,  /* it was spent otherwise, finally */
	SWAP_EV_EXPIRE,        /* the offer's time ran out with nothing seen */
	SWAP_EV_DECLINE,       /* decided: not enough time or money left to lock safely */
	SWAP_EV_LOCK_INTENT,   /* the intent of our lock-up is journaled */
	SWAP_EV_DEST_DEEP,     /* our lock-up reached its depth */
	SWAP_EV_DEST_LOST,     /* our lock-up was reorganised away: it is sent again */
	SWAP_EV_DEST_VOID,     /* our lock-up can't confirm any more, finally */
	SWAP_EV_PREIMAGE,      /* the preimage was seen, anywhere */
	SWAP_EV_REFUND_INTENT, /* the intent of our refund is journaled */
	SWAP_EV_CLAIM_FINAL,   /* our claim is final */
	SWAP_EV_REFUND_FINAL,  /* our refund is final */
	SWAP_EVENT_COUNT
};

struct swap_transition {
	enum swap_state from;
	enum swap_event event;
	enum swap_state to;
	const char *does; /* for docs/swap.md */
};

extern const struct swap_transition swap_transitions[];
extern const size_t swap_transition_count;

/* False where the table has no row: nothing happens. */
MUST_USE NONNULL_ALL bool swap_next(
	enum swap_state *to, enum swap_state from, enum swap_event event);
bool swap_state_terminal(enum swap_state s);
/* "offered", "source_seen", ...: as the API prints them; static. */
const char *swap_state_name(enum swap_state s);
const char *swap_event_name(enum swap_event e);
/* What the state means, what it waits for (deadline), and who can lose what in it; static. */
struct swap_state_text {
	const char *meaning, *waits_for, *at_risk;
};
const struct swap_state_text *swap_state_text(enum swap_state s);

#endif
