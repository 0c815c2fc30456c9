/* sim/lightning: two simulated lnd nodes with a channel between them, speaking lnd's REST to the
 * in-process HTTP client (net/http_client.h).
 *
 * Purpose: hold invoices, payments and their streams in virtual time, with nodes that go down in
 * between. What it answers has the shape and the words of what real ones were recorded to answer
 * (tests/vectors/lnd.json; lightning_test.c compares).
 * Model: one channel, so one HTLC for a payment and no fees. What the payee decides reaches the
 * payer when both nodes are up. A node gives up what it holds SIMLN_MARGIN blocks before it
 * expires, as lnd does (HAZARDS 49). Not simulated: routes, parts, the chain, closing. Invariants:
 * what the two have, settled and in flight, is the channel's capacity at every step. Threads: the
 * loop's. Ownership: borrows the loop; destroyed before the client that asks it.
 */
#ifndef SIM_LIGHTNING_H
#define SIM_LIGHTNING_H
#include "crypto/secp.h"
#include "net/http_client.h"

struct simln;

enum simln_side { SIMLN_ALICE, SIMLN_BOB, SIMLN_SIDES };

#define SIMLN_MARGIN 18u
#define SIMLN_BILLS_MAX 256u
#define SIMLN_STREAMS_MAX 64u
#define SIMLN_MACAROON "\x02\x01" /* the file's bytes */

struct simln_config {
	struct loop *loop;
	uint64_t wall_s; /* since 1970, when the loop's time is 0 */
	uint32_t height;
	uint64_t local_msat[SIMLN_SIDES]; /* in the channel */
};

/* Returns owned; both nodes are up. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err simln_create(struct simln **out, const struct simln_config *config);
/* Streams that are open are given back. */
void simln_destroy(struct simln *s);
/* An http_local_handler, for ctx. */
void simln_alice(void *simln, struct http_local_request *request);
void simln_bob(void *simln, struct http_local_request *request);

/* Down: nobody listens, and streams break. What it knew it knows when it comes back. */
NONNULL_ALL void simln_set_up(struct simln *s, enum simln_side side, bool up);
/* It listens, and says that it is not ready. */
NONNULL_ALL void simln_set_starting(struct simln *s, enum simln_side side, bool starting);
NONNULL_ALL void simln_mine(struct simln *s, uint32_t blocks);

struct simln_balance {
	uint64_t local, unsettled; /* unsettled: in HTLCs that this side has sent */
};
NONNULL_ALL struct simln_balance simln_balance(const struct simln *s, enum simln_side side);

#endif
