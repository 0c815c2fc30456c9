/* sim/nets: the simulated networks of a world: blocks by a random clock, and what goes wrong
 * between a program and its node.
 *
 * All programs ask the same nodes, each over a transport of its own, which may be down, slow or
 * repeat what it carries. Threads: one. Ownership: nets_init acquires, nets_fini releases.
 */
#ifndef SIM_NETS_H
#define SIM_NETS_H
#include "base/network.h"
#include "lnds.h"
#include "draw.h"
#include "net/http_client.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "sim/node.h"
#include "sim/rpc_test.h"
#include "wire/evm.h"

struct world;

/* Networks of a world: Bitcoin, one of accounts, and in some worlds Lightning, whose blocks are
 * Bitcoin's. What there is of each is found by its layer's number. */
#define NETS_COUNT 3u
#define NETS_CHAINS 2u

enum actor { ACTOR_PROVIDER, ACTOR_TAKERS, ACTOR_COUNT };

/* Between one kind of program and one node. */
struct wire {
	uint64_t down_until_ms;    /* nobody answers */
	uint64_t stalled_until_ms; /* nothing comes back: calls run into their deadlines */
	uint32_t twice;            /* so many next requests arrive twice */
};

/* What a node's answers are changed into, for the provider (lies.c). */
enum lie { LIE_NONE, LIE_SCAN, LIE_BLOCK };

struct lies {
	struct sim_node *imposter; /* owned; NULL: not needed yet */
	uint64_t imposter_until_ms;
	uint32_t scans, blocks; /* so many next answers */
	bool told_less;         /* of what is ours, once at least */
};

struct nets {
	struct world *w;
	enum layer_id place[NETS_COUNT]; /* the chains first, Bitcoin before them all */
	uint32_t count;                  /* NETS_CHAINS, or with Lightning NETS_COUNT */
	struct lnds lnds;
	struct lies lies[LAYER_COUNT];
	struct sim_node *node[LAYER_COUNT]; /* NULL: not of this world */
	struct peer lever[LAYER_COUNT];     /* borrows the network */
	struct draw blocks[LAYER_COUNT];
	struct loop_timer block_timer[LAYER_COUNT];
	uint64_t block_ms[LAYER_COUNT]; /* between blocks, on average */
	struct wire wire[ACTOR_COUNT][LAYER_COUNT];
	uint64_t spike_end_ms[LAYER_COUNT];
	uint64_t frozen_until_ms; /* an account's tokens, or the contract's; 0: none are */
	struct evm_address frozen, contract, token; /* token: where value is one */
	uint64_t requests;
};

NONNULL_ALL void nets_init(struct nets *n, struct world *w);
NONNULL_ALL void nets_fini(struct nets *n);
/* Blocks come from here on. */
NONNULL_ALL void nets_start(struct nets *n);
/* What became of a question; ERR_TIMEOUT: no answer ever comes, ERR_UNAVAILABLE: nobody is there.
 */
typedef void (*nets_answer_cb)(void *ctx, enum err err, unsigned status, struct slice body);
/* Asks a node, over the wire of this actor. cb: once, now or later, at the latest from nets_fini.
 */
void nets_ask(struct nets *n, enum actor who, enum layer_id layer, struct slice body,
	nets_answer_cb cb, void *ctx);
NONNULL_ALL bool nets_is_up(const struct nets *n, enum actor who, enum layer_id layer);
/* A request to "http://bitcoin", "http://accounts" or "http://lightning"; takes it. *answered,
 * which outlives the nets, is set when its answer comes, of Lightning never; NULL: nobody wants to
 * know. */
void nets_serve(struct nets *n, enum actor who, struct http_local_request *request, bool *answered);
/* Until then the provider's node is another one, of a longer chain from the same first block. */
NONNULL_ALL void lies_imposter(struct nets *n, enum layer_id layer, uint64_t until_ms);
/* What becomes of the answer to this request. */
NONNULL_ALL enum lie lies_take(struct nets *n, enum layer_id layer, struct slice request);
/* Changes an answer. */
NONNULL_ALL void lies_tell(struct nets *n, enum lie lie, enum layer_id layer, char *text);
/* A wrong scan was told: the books may be latched for it. */
NONNULL_ALL bool lies_told_less(const struct nets *n);
NONNULL_ALL void lies_end(struct nets *n);
NONNULL_ALL void lies_fini(struct nets *n);
/* A call beside everybody; CHECKs that it succeeds. Borrows until the next. */
PRINTF_LIKE(4, 5)
const struct json *nets_lever(
	struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...);
/* The same, and it may fail. */
PRINTF_LIKE(4, 5)
void nets_try(struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...);
/* The raw transaction, in hex, that an answer of sim_fund names. Returns owned. */
NONNULL_ALL char *nets_raw(struct nets *n, const struct json *txid);
/* A lever of the node itself: sim_fault, sim_latency, sim_fault_clear. */
PRINTF_LIKE(4, 5)
void nets_node_lever(struct nets *n, enum layer_id layer, const char *method, const char *fmt, ...);
PRINTF_LIKE(3, 4)
void nets_door_lever(struct sim_node *node, const char *method, const char *fmt, ...);
NONNULL_ALL uint64_t nets_height(const struct nets *n, enum layer_id layer);
NONNULL_ALL void nets_mine(struct nets *n, enum layer_id layer, uint32_t count);
/* The hash of its best block, as the layer's adapter writes it. */
NONNULL_ALL void nets_tip(struct hash256 *out, struct nets *n, enum layer_id layer);
/* What unspent outputs, or an account, hold: of a Bitcoin output script, or of an address. */
NONNULL_ALL struct amount nets_holds(struct nets *n, enum layer_id layer, struct slice destination);
/* What an account pays gas with. */
NONNULL_ALL struct amount nets_gas(struct nets *n, enum layer_id layer, struct slice account);
/* The lever that pays what is moved there. */
const char *nets_fund_method(enum layer_id layer);
/* From the faucet, what gas is paid with; coins: as a decimal. */
NONNULL_ALL void nets_fund_gas(struct nets *n, const struct evm_address *who, const char *coins);
/* Of a token: nothing leaves this account and nothing reaches it, from the next block on. */
NONNULL_ALL void nets_freeze(struct nets *n, const struct evm_address *who, bool on);
/* The network of accounts. */
static inline enum layer_id nets_other(const struct nets *n)
{
	return n->place[NETS_CHAINS - 1];
}

#endif
