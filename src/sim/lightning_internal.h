/* sim/lightning_internal: what the parts of the simulated nodes share. lightning.c has the channel
 * and what is paid in it, lightning_rest.c what an lnd is asked, lightning_json.c and
 * lightning_node_json.c what it answers, lightning_cln.c and lightning_cln_json.c the same of a
 * Core Lightning, lightning_sim.c the levers. */
#ifndef SIM_LIGHTNING_INTERNAL_H
#define SIM_LIGHTNING_INTERNAL_H
#include "net/json.h"
#include "sim/index.h"
#include "sim/lightning.h"
#include "wire/bolt11.h"

#define SIMLN_CHANNEL_ID UINT64_C(503576325586944)
#define SIMLN_PADDING 3u /* blocks that lnd adds to a final HTLC */
#define SIMLN_REQUEST_MAX 511u

enum simln_invoice { SIMLN_OPEN, SIMLN_ACCEPTED, SIMLN_SETTLED, SIMLN_CANCELED };
enum simln_htlc { SIMLN_HTLC_STUCK, SIMLN_HTLC_HELD, SIMLN_HTLC_SETTLED, SIMLN_HTLC_CANCELED };
enum simln_payment { SIMLN_UNPAID, SIMLN_IN_FLIGHT, SIMLN_SUCCEEDED, SIMLN_FAILED };
enum simln_reason {
	SIMLN_REASON_NONE,
	SIMLN_REASON_NO_ROUTE,
	SIMLN_REASON_DETAILS,
	SIMLN_REASON_BALANCE
};

/* An HTLC of a payment. */
struct simln_part {
	uint64_t msat, fee;
	enum simln_htlc htlc; /* as the payee has decided; stuck: it has not heard of it */
	bool reached;         /* the payer knows what was decided */
	uint32_t accept_height, expiry_height, htlc_index, attempt;
	uint64_t sent_s, accept_s, resolve_s;
};

/* An invoice of one side and, perhaps, the other's payment of it. */
struct simln_bill {
	struct simln *s;
	enum simln_side payee;
	struct hash256 hash, preimage;
	bool plain; /* it is settled when it is held */
	bool known; /* the preimage, to the payee's node */
	uint64_t msat, created_s, expiry_s, settled_s;
	uint32_t cltv, add_index;
	uint8_t secret[32];
	char request[SIMLN_REQUEST_MAX + 1];
	enum simln_invoice invoice; /* as the payee's node says */
	struct loop_timer timer;    /* of its expiry, or of a set of parts that is not whole */

	enum simln_payment payment; /* as the payer's node says */
	enum simln_reason reason;
	uint64_t paid_s;
	uint32_t payment_index, part_count;
	struct simln_part part[SIMLN_PARTS_MAX];
};

struct simln_stream {
	struct sim_visit *visit;
	enum simln_side side;
	bool payment; /* or invoice */
	struct simln_bill *bill;
};

struct simln_node {
	bool up, starting;
	bool cln, no_plugin;
	bool lie[SIMLN_LIE_COUNT];
	struct seckey key;
	struct pubkey pubkey;
	struct sim_rest rest;
	uint32_t add_index, payment_index, htlc_index;
};

struct simln {
	struct simln_config config;
	uint32_t height, parts, stuck, fee_ppm;
	bool closed;
	uint32_t close_height;
	struct simln_node node[SIMLN_SIDES];
	uint64_t local[SIMLN_SIDES], sent[SIMLN_SIDES], limbo[SIMLN_SIDES], swept[SIMLN_SIDES];
	uint64_t fees;
	struct sim_index by_hash;
	struct simln_bill **bill; /* owned, and what they point to */
	uint32_t bill_count, bill_cap;
	struct simln_stream *stream; /* owned */
	uint32_t stream_count, stream_cap;
};

static inline enum simln_side simln_other(enum simln_side side)
{
	return side == SIMLN_ALICE ? SIMLN_BOB : SIMLN_ALICE;
}

/* ---- lightning.c ---- */

NONNULL_ALL uint64_t simln_now_s(const struct simln *s);
/* NULL: none. */
NONNULL_ALL struct simln_bill *simln_find(struct simln *s, const struct hash256 *hash);
/* terms.request: that was written elsewhere; "": it is written here, now. */
MUST_USE NONNULL_ALL enum err simln_invoice_make(struct simln *s, struct simln_bill **out,
	enum simln_side payee, const struct simln_bill *terms);
/* What lies in HTLCs that the payee holds. */
NONNULL_ALL uint64_t simln_held(const struct simln_bill *bill);
/* Begins, and goes as far as it can: streams are told. The bill is unpaid, or has failed. */
NONNULL_ALL void simln_pay(
	struct simln *s, struct simln_bill *bill, uint64_t fee_limit_msat, uint32_t cltv_limit);
/* The payee's decision, about what is held or open. */
NONNULL_ALL void simln_settle(
	struct simln *s, struct simln_bill *bill, const struct hash256 *preimage);
NONNULL_ALL void simln_cancel(struct simln *s, struct simln_bill *bill);
NONNULL_ALL bool simln_linked(const struct simln *s);
NONNULL_ALL void simln_look_at_all(struct simln *s);

/* ---- lightning_stream.c ---- */

/* now: it begins with how the bill stands. False: no room. */
MUST_USE NONNULL_ALL bool simln_listen(
	struct simln *s, const struct simln_stream *stream, bool now);
NONNULL_ALL void simln_tell(struct simln *s, const struct simln_bill *bill, bool payment);
/* Of one side; both where side is SIMLN_SIDES. */
NONNULL_ALL void simln_cut_streams(struct simln *s, enum simln_side side);

/* ---- lightning_json.c, lightning_node_json.c: owned ---- */

/* Of a 64-bit integer, in digits; of bytes, at most 32. */
NONNULL_ALL void simln_set_digits(struct json *v, const char *key, uint64_t n);
NONNULL_ALL void simln_set_base64(struct json *v, const char *key, const void *bytes, size_t len);
NONNULL_ALL struct json *simln_invoice_json(const struct simln *s, const struct simln_bill *bill);
NONNULL_ALL struct json *simln_payment_json(const struct simln *s, const struct simln_bill *bill);
/* As its node says, which may lie. */
NONNULL_ALL enum simln_payment simln_payment_said(
	const struct simln *s, const struct simln_bill *bill);
NONNULL_ALL struct json *simln_made_json(const struct simln_bill *bill);
NONNULL_ALL struct json *simln_info_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_balance_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_channels_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_pending_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_error_json(unsigned code, const char *message);

NONNULL_ALL uint64_t simln_capacity_msat(const struct simln *s);

/* ---- lightning_cln.c, lightning_cln_json.c: owned ---- */

NONNULL_ALL void simln_cln_serve(struct simln *s, enum simln_side side, struct sim_visit *visit);
/* Whoever waits for the end of its `pay` is told; takes the visit. */
NONNULL_ALL void simln_cln_paid(
	struct simln *s, const struct simln_bill *bill, struct sim_visit *visit);
NONNULL_ALL struct json *simln_cln_info_json(const struct simln *s, enum simln_side side);
NONNULL_ALL struct json *simln_cln_channels_json(const struct simln *s, enum simln_side side);
/* Of one hash; NULL: there is none. */
struct json *simln_cln_payments_json(const struct simln *s, const struct simln_bill *bill);
struct json *simln_cln_hold_json(const struct simln *s, const struct simln_bill *bill);

/* ---- lightning_rest.c ---- */

/* A sim_rest_handler's work, and its names. */
NONNULL_ALL void simln_serve(struct simln *s, enum simln_side side, struct sim_visit *visit);
const char *simln_route_name(const char *path);

#endif
