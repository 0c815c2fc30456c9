/* For tests: a taker's world in one process and in virtual time: simulated networks behind
 * JSON-RPC, a disk, and a provider that does as it is told, and lies as it is told. */
#ifndef CLIENT_WORLD_TEST_H
#define CLIENT_WORLD_TEST_H
#include "client/begin.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "sim/lightning_internal.h"
#include "sim/node.h"
#include "sim/rpc_test.h"
#include "sys/file_sim.h"

#define WORLD_RESCUE "rescue.json"
#define WORLD_TO_ROOTSTOCK "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define WORLD_TO_BOB WORLD_TO_ROOTSTOCK
#define WORLD_TO_BITCOIN "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define WORLD_REFUND "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"

enum world_answer { ANSWER_QUOTE, ANSWER_OFFER, ANSWER_SWAP, ANSWER_COUNT };

/* Where the provider lies: a member of an answer, by path, and the JSON text that it says instead.
 */
struct world_lie {
	enum world_answer answer;
	const char *path, *value;
};

struct world_swap { /* as the provider knows it */
	bool known;
	struct hash256 hash;
	struct xonly client_key[SIDE_COUNT];
	struct evm_address client_address[SIDE_COUNT];
	uint8_t terms[SIDE_COUNT][RESCUE_TERMS_MAX];
	size_t terms_len[SIDE_COUNT];
	uint64_t timelock[SIDE_COUNT];
	struct simln_bill *bill; /* CHANNEL: what is paid by either of the two */
	bool dest_locked;
	char body[RESCUE_REQUEST_MAX]; /* of the request that made it */
	char key[64];
};

struct world {
	struct loop *loop;
	struct http_client *http;
	struct file_sim *disk;
	/* by layer, of Bitcoin, Rootstock and BOB; tokens of Rootstock are on its node */
	struct sim_node *node[LAYER_COUNT];
	struct peer peer[LAYER_COUNT];
	char macaroon[40];       /* a file; bob's */
	struct simln *lightning; /* alice is the provider's node, bob the taker's */
	struct evm_address contract[LAYER_COUNT], token[LAYER_COUNT]; /* ACCOUNT */
	struct settings settings;
	struct client_config config;
	struct seckey gas_key, wallet; /* the taker's; the provider's */
	struct evm_address gas_account;
	enum layer_id layer[SIDE_COUNT];
	struct world_swap swap;
	struct loop_timer timer;

	/* what the provider does */
	struct world_lie lie;
	void (*bend)(
		struct leg_offer *offer, enum rescue_side side); /* terms, consistent in itself */
	uint64_t source_blocks, dest_blocks;                     /* until the refunds open */
	bool never_locks, locks_less, refuses, dead;
	void (*bend_invoice)(struct simln_bill *terms); /* the provider's */
	unsigned posts;

	/* what the taker does */
	bool pays;               /* the URI that it is shown */
	const char *pays_amount; /* instead of what it says */
	unsigned payments;
	/* the kill: before or after the write number kill_at of this run; 0: never */
	uint64_t kill_at, writes;
	bool kill_after, killed;
	char said[300]; /* the last warning, or the end */
	bool reached[STEP_COUNT];
	struct rescue rescue; /* as the last run left it */
};

struct world *world_create(enum layer_id from, enum layer_id to);
void world_destroy(struct world *w);
/* Begin a swap, and go on to its end. */
enum client_exit world_swap(struct world *w);
/* From the rescue file. ERR_NOT_FOUND there is none: CLIENT_USAGE. */
enum client_exit world_resume(struct world *w, bool want_refund);
/* A call at the node of a layer, beside the taker's. */
PRINTF_LIKE(4, 5)
const struct json *world_rpc(
	struct world *w, enum layer_id layer, const char *method, const char *fmt, ...);
/* What lies at an address of what is moved there, in the smallest unit. */
uint64_t world_balance(struct world *w, enum layer_id layer, const char *address);
/* How many lock-ups of ours are on the chain, unspent. */
unsigned world_source_locks(struct world *w);

#endif
