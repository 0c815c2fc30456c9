/* client/verify: what a provider says, held against what the taker knows. Pure.
 *
 * Nothing that a provider says is believed: amounts are added up, scripts and contract calls are
 * rebuilt from our own keys and compared byte for byte, networks, contract and time locks are held
 * against our own settings and our own nodes' heights. What fails here before we paid costs
 * nothing; what fails afterwards only means that the preimage stays with us and our lock-up comes
 * back. Threads: any, on its own arguments.
 */
#ifndef CLIENT_VERIFY_H
#define CLIENT_VERIFY_H
#include "client/rescue.h"
#include "client/view.h"
#include "net/json.h"

struct verdict {
	enum err err; /* OK; ERR_REJECTED: dearer than asked for; ERR_FORMAT and others: it lies, or
			 is broken */
	char text[256]; /* what was wrong, where, and what it should have been */
};

/* ---- quotes ---- */

struct quote {
	enum layer_id from, to;
	struct amount source_amount, dest_amount, fee;
	uint64_t expires_ms;
	char token[512];
};
/* The answer to POST /v1/quotes, for this swap: the right layers, networks and amount; source less
 * fee is destination; not dearer than max_fee_ppm. */
MUST_USE NONNULL_ALL enum err verify_quote(struct quote *out, struct verdict *verdict,
	const struct json *answer, const struct client_config *config, enum layer_id from,
	enum layer_id to, struct amount amount, uint64_t now_ms);

/* ---- the offer ---- */

/* Our own lock-up's terms in the answer to POST /v1/swaps or GET: rebuilt from our keys, the
 * provider's key or account and the time lock; byte for byte the same; the same amounts and hash as
 * quoted; a time lock within our bounds at our own node's height. On OK fills in leg[SIDE_SOURCE],
 * swap_id and expires_ms of r, and *address. CHANNEL: the invoice, read here: of this hash, amount
 * and network, not run out, and one whose payment is locked for no longer than we accept. */
MUST_USE NONNULL_ALL enum err verify_offer(struct rescue *r, char address[LAYER_ADDRESS_TEXT_SIZE],
	struct verdict *verdict, const struct json *answer, const struct client_config *config,
	uint64_t source_height, uint64_t now_ms);

/* The provider's lock-up's terms, once it has told them: ERR_NOT_FOUND not yet. The same hash, our
 * claim key or address, the quoted amount, the contract that we checked. The time lock is judged
 * when it counts, at the reveal. On OK fills in leg[SIDE_DEST] of r. */
MUST_USE NONNULL_ALL enum err verify_dest(
	struct rescue *r, struct verdict *verdict, const struct json *answer);

/* Both sides' terms in a rescue file, after it was read: what verify_offer and verify_dest made of
 * them, without an answer. */
MUST_USE NONNULL_ALL enum err verify_rescue(struct verdict *verdict, const struct rescue *r);

/* ---- lock-ups on our own nodes ---- */

enum lock_fault {
	LOCK_GOOD, /* from here on: the less hope, the later */
	LOCK_SHALLOW,
	LOCK_UNCONFIRMED,
	LOCK_AMOUNT,
	LOCK_TIMELOCK,
	LOCK_FOREIGN, /* other addresses than the terms */
	LOCK_COINBASE,
	LOCK_SPENT, /* or about to be */
};
const char *lock_fault_text(enum lock_fault fault);
/* May the preimage be told for this lock-up? has: its confirmations; depth: those that we want. */
NONNULL_ALL enum lock_fault verify_lock(
	const struct view_lock *lock, const struct rescue_leg *leg, uint64_t has, uint32_t depth);

/* Of an API's time, RFC 3339 in UTC. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err verify_time(uint64_t *wall_ms, const char *text);

#endif
