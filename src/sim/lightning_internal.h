/* sim/lightning_internal: what the parts of the simulated lnd share. lightning.c has the channel,
 * lightning_rest.c what is asked, lightning_json.c what is answered. */
#ifndef SIM_LIGHTNING_INTERNAL_H
#define SIM_LIGHTNING_INTERNAL_H
#include "net/json.h"
#include "sim/lightning.h"
#include "wire/bolt11.h"

enum simln_invoice { SIMLN_OPEN, SIMLN_ACCEPTED, SIMLN_SETTLED, SIMLN_CANCELED };
enum simln_htlc { SIMLN_NO_HTLC, SIMLN_HTLC_HELD, SIMLN_HTLC_SETTLED, SIMLN_HTLC_CANCELED };
enum simln_payment { SIMLN_UNPAID, SIMLN_IN_FLIGHT, SIMLN_SUCCEEDED, SIMLN_FAILED };
enum simln_reason {
	SIMLN_REASON_NONE,
	SIMLN_REASON_NO_ROUTE,
	SIMLN_REASON_DETAILS,
	SIMLN_REASON_BALANCE
};

/* An invoice of one side and, perhaps, the other's payment of it. */
struct simln_bill {
	enum simln_side payee;
	struct hash256 hash, preimage; /* preimage: once settled */
	uint64_t msat, created_s, expiry_s, settled_s;
	uint32_t cltv, add_index;
	uint8_t secret[32];
	char request[BOLT11_TEXT_MAX + 1];
	enum simln_invoice invoice; /* as the payee's node says */

	enum simln_htlc htlc; /* as the payee has decided */
	uint32_t accept_height, expiry_height, htlc_index;
	uint64_t accept_s, resolve_s;

	enum simln_payment payment; /* as the payer's node says */
	enum simln_reason reason;
	bool reached; /* the payer knows what was decided */
	uint64_t paid_s;
	uint32_t payment_index;
};

struct simln_stream {
	struct http_local_request *request; /* NULL: free */
	enum simln_side side;
	bool payment; /* or invoice */
	struct simln_bill *bill;
};

struct simln_node {
	bool up, starting;
	struct seckey key;
	struct pubkey pubkey;
	uint32_t add_index, payment_index, htlc_index;
};

struct simln {
	struct simln_config config;
	uint32_t height;
	struct simln_node node[SIMLN_SIDES];
	uint64_t local[SIMLN_SIDES], sent[SIMLN_SIDES];
	struct simln_bill *bill; /* owned: SIMLN_BILLS_MAX */
	uint32_t bill_count;
	struct simln_stream stream[SIMLN_STREAMS_MAX];
};

static inline enum simln_side simln_other(enum simln_side side)
{
	return side == SIMLN_ALICE ? SIMLN_BOB : SIMLN_ALICE;
}

/* ---- lightning.c ---- */

NONNULL_ALL uint64_t simln_now_s(const struct simln *s);
/* NULL: none. */
NONNULL_ALL struct simln_bill *simln_find(struct simln *s, const struct hash256 *hash);
MUST_USE NONNULL_ALL enum err simln_invoice_make(struct simln *s, struct simln_bill **out,
	enum simln_side payee, const struct simln_bill *terms);
/* Begins, and goes as far as it can: streams are told. The bill is unpaid, or has failed. */
NONNULL_ALL void simln_pay(struct simln *s, struct simln_bill *bill);
/* The payee's decision, about what is held or open. */
NONNULL_ALL void simln_settle(
	struct simln *s, struct simln_bill *bill, const struct hash256 *preimage);
NONNULL_ALL void simln_cancel(struct simln *s, struct simln_bill *bill);
/* now: it begins with how the bill stands. False: no room. */
MUST_USE NONNULL_ALL bool simln_listen(
	struct simln *s, const struct simln_stream *stream, bool now);

/* ---- lightning_json.c: owned ---- */

NONNULL_ALL struct json *simln_invoice_json(const struct simln *s, const struct simln_bill *bill);
NONNULL_ALL struct json *simln_payment_json(const struct simln *s, const struct simln_bill *bill);
NONNULL_ALL struct json *simln_made_json(const struct simln_bill *bill);
NONNULL_ALL struct json *simln_info_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_balance_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_channels_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_error_json(unsigned code, const char *message);

/* ---- lightning_rest.c ---- */

/* Sends the JSON, which it takes, as a line of a stream. False: nobody listens any more. */
MUST_USE NONNULL_ALL bool simln_line(
	struct http_local_request *request, const char *key, struct json *value);

#endif
