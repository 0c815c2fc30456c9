/* sim/lightning: two simulated nodes with a channel between them, speaking lnd's REST, or Core
 * Lightning's with the plugin `hold`, over HTTP or to the in-process client (sim/rest.h).
 *
 * Purpose: invoices, hold invoices, payments and their streams, with nodes that go down, lie and
 * are slow in between. What it answers has the shape and the words of what real ones were recorded
 * to answer (tests/vectors/lnd.json; lightning_test.c compares). Of Core Lightning nothing was
 * recorded: it answers as its schemas and the plugin's sources say, and does not end an invoice
 * that is not paid. Its `pay` leaves nothing behind where it finds no way.
 * Model: one channel, which alice opened. A payment is split into as many parts as the lever says,
 * and pays the fee that it says, as if a node between had taken it. What the payee decides reaches
 * the payer when both nodes are up. A node gives up what it holds SIMLN_MARGIN blocks before it
 * expires, as lnd does (HAZARDS 49), an incomplete set of parts after SIMLN_PARTS_S, an invoice
 * that is not paid when it expires. A closed channel: what was each side's is in limbo for
 * SIMLN_LIMBO_BLOCKS, then gone to its wallet, which is not simulated; parts are resolved by their
 * preimage, or by their expiry alone. Not simulated: routes, the chain, on-chain fees.
 * Invariants: what the two have, settled, in flight, in limbo and swept, and what was paid in fees,
 * is what they had in the beginning, at every step. Threads: the loop's. Ownership: borrows the
 * loop; destroyed before a client that asks it in-process, after an HTTP server before it.
 */
#ifndef SIM_LIGHTNING_H
#define SIM_LIGHTNING_H
#include "crypto/secp.h"
#include "sim/network.h"
#include "sim/rest.h"

struct simln;

enum simln_side { SIMLN_ALICE, SIMLN_BOB, SIMLN_SIDES };

#define SIMLN_MARGIN 18u
#define SIMLN_PARTS_MAX 16u
#define SIMLN_PARTS_S 120u
#define SIMLN_LIMBO_BLOCKS 144u
#define SIMLN_COMMIT_FEE_SAT 2810u /* alice pays it while the channel is open */
#define SIMLN_MACAROON "\x02\x01"  /* the file's bytes */
#define SIMLN_RUNE "c2ltdWxhdGVk"  /* of a Core Lightning */
#define SIMLN_BILLS_MAX 100000u
#define SIMLN_STREAMS_MAX 20000u

struct simln_config {
	struct loop *loop;
	uint64_t wall_s; /* since 1970, when the loop's time is 0 */
	uint32_t height;
	uint64_t local_msat[SIMLN_SIDES]; /* in the channel, without the commitment's fee */
	bool cln[SIMLN_SIDES];            /* it is a Core Lightning */
};

/* Returns owned; both nodes are up. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err simln_create(struct simln **out, const struct simln_config *config);
/* Streams that are open are given back. */
void simln_destroy(struct simln *s);
/* The node's door: handlers of sim/rest.h take it. It borrows the sim_node once it has one. */
NONNULL_ALL struct sim_rest *simln_rest(struct simln *s, enum simln_side side);
/* An http_local_handler, for ctx a struct simln. */
void simln_alice(void *simln, struct http_local_request *request);
void simln_bob(void *simln, struct http_local_request *request);
/* A side as a network: its levers, for a sim_node (docs/devnet.md). Returns owned; destroyed by its
 * ops, before the simln. */
MUST_USE NONNULL_ALL struct sim_network *simln_network(struct simln *s, enum simln_side side);

/* Down: nobody listens, and streams break. What it knew it knows when it comes back. */
NONNULL_ALL void simln_set_up(struct simln *s, enum simln_side side, bool up);
/* It listens, and says that it is not ready. */
NONNULL_ALL void simln_set_starting(struct simln *s, enum simln_side side, bool starting);
NONNULL_ALL void simln_mine(struct simln *s, uint32_t blocks);
/* Of a Core Lightning: whether it has the plugin it holds with. What is held stays. */
NONNULL_ALL void simln_set_plugin(struct simln *s, enum simln_side side, bool on);
/* Of the chain that the nodes see; it may fall. */
NONNULL_ALL void simln_set_height(struct simln *s, uint32_t height);
/* Payments are split into so many parts, at most SIMLN_PARTS_MAX; the last `stuck` of each do not
 * arrive until simln_release. */
NONNULL_ALL void simln_set_parts(struct simln *s, uint32_t parts, uint32_t stuck);
NONNULL_ALL void simln_release(struct simln *s);
NONNULL_ALL void simln_set_fee(struct simln *s, uint32_t fee_ppm);
/* The connections of this node's streams end. */
NONNULL_ALL void simln_cut(struct simln *s, enum simln_side side);
/* The channel is closed by force. */
NONNULL_ALL void simln_close(struct simln *s);
/* From this side to the other, as if it had been paid by something that nobody here knows of.
 * ERR_RANGE: it has not got so much. */
MUST_USE NONNULL_ALL enum err simln_move(struct simln *s, enum simln_side from, uint64_t msat);

/* What a node says that is not so. */
enum simln_lie {
	SIMLN_LIE_HEIGHT,  /* a thousand blocks more than there are */
	SIMLN_LIE_SYNCED,  /* it is not at its tip */
	SIMLN_LIE_HELD,    /* an open invoice is held, by no HTLC */
	SIMLN_LIE_PAID,    /* a payment in flight has succeeded, with a preimage that is none */
	SIMLN_LIE_FAILED,  /* it has failed, while its parts are in flight */
	SIMLN_LIE_REQUEST, /* a hold invoice is made for another hash */
	SIMLN_LIE_COUNT
};
NONNULL_ALL void simln_set_lie(struct simln *s, enum simln_side side, enum simln_lie lie, bool on);

struct simln_balance {
	uint64_t local, unsettled; /* unsettled: in HTLCs that this side has sent */
	uint64_t limbo, swept;
};
NONNULL_ALL struct simln_balance simln_balance(const struct simln *s, enum simln_side side);

#endif
