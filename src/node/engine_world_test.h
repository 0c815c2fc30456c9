/* A deployment of two layers whose chains are made by hand: engine, ledger and journal on a
 * simulated disk. Every block compares the books with what the chains would say. */
#ifndef NODE_ENGINE_WORLD_TEST_H
#define NODE_ENGINE_WORLD_TEST_H
#include "node/engine_internal.h"

#include "sys/file_sim.h"

#define FUNDS_SAT UINT64_C(100000000)
#define FUNDS_WEI_PER_SAT UINT64_C(10000000000)
#define SWAP_SAT UINT64_C(1000000)

/* Bitcoin and Rootstock, by their layers' numbers. */
#define WORLD_LAYERS 2u

struct world {
	struct file_sim *disk;
	uint32_t coins; /* capacity.coins; 0: enough */
	struct journal *journal;
	struct ledger *ledger;
	struct engine *engine;
	struct seal_key seal;
	struct seckey wallet_secret;
	struct ledger_params params;
	uint64_t now;
	uint64_t tip[LAYER_COUNT];
	struct hash256 tip_hash[LAYER_COUNT];
	unsigned fork; /* makes the hashes of replaced blocks differ */
	uint64_t tx_count;
	struct amount chain[LAYER_COUNT]; /* what the chain would say is ours */
	struct amount gas;                /* the same of BOB's gas */
	struct hash256 preimage;
};

void world_replay(struct world *w);
struct hash256 world_tx(struct world *w);
void world_block(
	struct world *w, enum layer_id layer, const struct chain_event *event, size_t count);
void world_blocks(struct world *w, enum layer_id layer, unsigned count);
void world_reorg(struct world *w, enum layer_id layer, unsigned depth);
void world_deposit_coin(struct world *w, uint64_t sat);
void world_begin(struct world *w);
/* With room for so few coins. */
void world_begin_coins(struct world *w, uint32_t coins);
/* With BOB as a third layer: tokens, gas apart, and heads that stand at the birth. */
void world_begin_bob(struct world *w);
/* With Liquid as a third layer, and nothing on it. */
void world_begin_liquid(struct world *w);
#define WORLD_GAS UINT64_C(1000000000000000000) /* ether that it has */
#define WORLD_DATA_FEE UINT64_C(1000000000000)
/* Its records, replayed, give its state. */
void world_end(struct world *w);
/* Without looking: something was folded that is not in the journal. */
void world_drop(struct world *w);
struct swap *world_swap(struct world *w, enum layer_id from, enum layer_id to);
struct chain_event world_lock_event(struct world *w, const struct swap *s, const struct leg *leg);
struct hash256 world_prepare(struct world *w, struct effect *f);
struct amount amount_part(struct amount a, uint64_t n, uint64_t d);
void world_chain_sub(struct world *w, enum layer_id layer, struct amount a);
void world_chain_add(struct world *w, enum layer_id layer, struct amount a);
struct chain_event world_confirm_lock(struct world *w, struct swap *s);
void world_confirm_spend(struct world *w, struct swap *s, struct effect *f, const struct leg *leg,
	enum lock_spend spend);
struct swap *world_both_locked(struct world *w, enum layer_id from, enum layer_id to);

#endif
