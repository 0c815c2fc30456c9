/* sim/lnds: the Lightning of a world: two simulated lnds with a channel between them, alice the
 * provider's and bob the takers' (sim/lightning.h), on the world's Bitcoin.
 *
 * Purpose: what both nodes are asked, what goes wrong with them, and what the channel itself says
 * of a payment, for the checkers: never an adapter. Threads: one. Ownership: lnds_open acquires,
 * lnds_close releases.
 */
#ifndef SIM_LNDS_H
#define SIM_LNDS_H
#include "sim/lightning.h"

struct nets;
struct world;
struct draw;
struct plan_item;
struct ledger;
struct swap;
struct http_local_request;

#define LNDS_MACAROON_SIZE 48u

struct lnds {
	struct simln *ln;     /* NULL: there is no Lightning in this world */
	struct sim_node *bob; /* alice's is the network's node */
	uint64_t down_until_ms[SIMLN_SIDES], parts_until_ms, lie_until_ms;
	enum simln_lie lie;
	char macaroon[LNDS_MACAROON_SIZE]; /* its file */
};

NONNULL_ALL void lnds_open(struct nets *n, struct draw *seeds);
NONNULL_ALL void lnds_close(struct nets *n);
/* Whoever asks "http://lightning" asks his own node; takes the request. An answer that is lost on a
 * wire that stalls was not asked for: what is done and not told is a fault of the node. */
void lnds_serve(struct nets *n, unsigned who, struct http_local_request *request);
/* The nodes see Bitcoin's tip. */
NONNULL_ALL void lnds_follow(struct nets *n);
/* The hash of its block, as the adapter writes it. */
NONNULL_ALL void lnds_tip(struct hash256 *out, const struct nets *n);

/* ---- what goes wrong ---- */

/* An item of the plan whose layer is Lightning, or that only Lightning knows. */
NONNULL_ALL void lnds_strike(struct world *w, const struct plan_item *item);
/* What was to last until now ends. */
NONNULL_ALL void lnds_turn(struct world *w, bool calm);

/* ---- what the channel says ---- */

/* A plain invoice of bob's; its request, borrowed as long as the channel. */
NONNULL_ALL const char *lnds_invoice(
	struct nets *n, struct hash256 *hash, struct draw *draw, uint64_t sat);
enum lnds_state { LNDS_UNPAID, LNDS_UNDER_WAY, LNDS_PAID, LNDS_FAILED };
/* How the payment of this hash stands, at the payer's. */
NONNULL_ALL enum lnds_state lnds_state(const struct nets *n, const struct hash256 *hash);
/* What lies in HTLCs for it, in satoshi, and the height at which its node gives the first of them
 * up; 0: nothing does. */
NONNULL_ALL uint64_t lnds_held(
	const struct nets *n, uint64_t *gives_up, const struct hash256 *hash);
/* Books and channel agree to the satoshi, once nothing is under way in either. */
NONNULL_ALL void lnds_check(struct world *w, const struct ledger *l, bool end);

#endif
