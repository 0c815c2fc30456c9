/* What the contract test stands on: a layer, its node (real over HTTP, or simulated in this
 * process), two wallets with their signers, and a log of what the layer reported. Everything waits
 * with a deadline; a wait that fails ends the test. */
#ifndef TESTS_CONTRACT_RIG_H
#define TESTS_CONTRACT_RIG_H
#include "layer/layer.h"
#include "sign/signer.h"
#include "sim/network.h"

/* ROGUE has the provider's key, and a signer that does not know what the other one signed. MINER's
 * address gets the blocks of a node that has no wallet. */
enum who { PROVIDER, CLIENT, ROGUE, MINER, WALLETS };

#define RIG_EVENTS_MAX 512u
#define RIG_BLOCKS_MAX 2048u

struct rig_event {
	struct chain_event event;
	uint64_t height;
	bool gone; /* its block was reorganised away */
};

struct rig;

/* The levers of one kind of node. */
struct rig_levers {
	const char *name;
	enum layer_id layer;
	const char *network;       /* that it is on */
	const char *other_network; /* and one that it is not on */
	bool mempool_shows_claims;
	bool no_scan;       /* it can't search for outputs by script */
	bool reorg_remines; /* what a reorganisation took back is in its new blocks at once */
	bool one_by_one; /* blocks leave its chain one after another, and it answers in between */
	bool forgets;    /* its chain is gone when it is started again */
	void (*prepare)(struct rig *rig);
	/* Pay to an address, unconfirmed. */
	void (*fund)(struct rig *rig, const char *address, struct amount amount);
	/* Of another asset than the layer's, in a block of its own. NULL: there is none. */
	void (*mint)(struct rig *rig, const char *address, struct amount amount);
	void (*mine)(struct rig *rig, uint32_t count);
	/* depth blocks leave the chain; more come in their place, empty but for reorg_remines. */
	void (*reorg)(struct rig *rig, uint32_t depth);
	struct sim_network *(*sim)(struct rig *rig); /* NULL: a real node */
};

struct rig {
	const struct rig_levers *levers;
	const struct network *network;
	struct loop *loop;
	struct http_client *client;
	struct upstream *upstream;
	struct sim_network *sim;
	struct layer *layer;
	struct signer *signer[WALLETS];
	struct pubkey wallet[WALLETS];
	struct evm_address contract, token; /* token: where value is one */
	char address[128];                  /* a stranger's, for mining */
	uint32_t spent_coinbases;           /* of MINER's, from the first block on */
	/* the log */
	struct block_ref block[RIG_BLOCKS_MAX];
	uint32_t block_count;
	struct rig_event event[RIG_EVENTS_MAX];
	uint32_t event_count;
	struct chain_event mempool[RIG_EVENTS_MAX];
	uint32_t mempool_count;
	uint32_t reorg_count;
	struct block_ref keep;
	uint64_t rate;
	struct layer_first_layer below; /* rollups */
	enum err block_answer;
	/* the last answer of a lever */
	struct json *result; /* owned */
	int64_t code;
	char message[200];
	uint8_t id_next;
};

const struct rig_levers *rig_levers_of(const char *name);
/* url NULL: simulated. token: the address of one that anybody may mint; NULL: none. */
void rig_init(struct rig *rig, const struct rig_levers *levers, const char *url, const char *token);
void rig_fini(struct rig *rig);
/* A new layer on the same node; the log begins anew. network NULL: the right one. */
void rig_layer(struct rig *rig, const char *network);
struct layer_sink rig_sink(struct rig *rig);

/* Run until cond holds (CHECK: within the deadline). */
typedef bool (*rig_cond)(struct rig *rig, const void *arg);
void rig_until(struct rig *rig, const char *what, rig_cond cond, const void *arg);
void rig_run(struct rig *rig, uint64_t ms);

/* A call to the node; params is JSON text of an array. Leaves result, or code and message. */
PRINTF_LIKE(3, 4) bool rig_call(struct rig *rig, const char *method, const char *fmt, ...);

/* The layer's operations, waited for. */
struct layer_info rig_check(struct rig *rig);
struct block_ref rig_block_at(struct rig *rig, uint64_t height);
struct submit_answer rig_submit(struct rig *rig, struct slice raw);
struct tx_status rig_status(struct rig *rig, const struct hash256 *txid);
struct layer_scan rig_scan(struct rig *rig, const struct layer_lock_ref *lock, size_t count);
uint64_t rig_fee(struct rig *rig);

/* A transaction by plan: built by the layer, signed by the wallet's signer, assembled. */
struct rig_tx {
	uint8_t raw[16384];
	size_t len;
	struct hash256 txid;
	struct amount fee;
};
void rig_sign(struct rig *rig, struct rig_tx *tx, enum who who, const struct layer_plan *plan);
struct id128 rig_id(struct rig *rig);

/* The first event of that kind by that transaction that is still on the chain; waits for it. */
struct chain_event rig_event(struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx);
struct chain_event rig_mempool(
	struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx);
bool rig_has_event(const struct rig *rig, enum chain_event_kind kind, const struct hash256 *tx);
/* Mine, and wait until the layer reported it. */
void rig_mine(struct rig *rig, uint32_t count);

#endif
