/* For tests: a chain of Bitcoin or of Liquid in memory and the answers of a node that has it. It
 * checks nothing: what the adapter must refuse can be put into it. */
#ifndef LAYER_BITCOIN_FAKE_TEST_H
#define LAYER_BITCOIN_FAKE_TEST_H
#include "btc/block.h"
#include "btc/htlc.h"
#include "layer/fake_test.h"
#include "wire/elements_address.h"

#define CHAIN_BLOCKS_MAX 300u
#define CHAIN_POOL_MAX 32u
#define CHAIN_OUTPUTS_MAX 5000u /* of one transaction */

struct chain_block {
	uint8_t *raw; /* owned */
	size_t len;
	struct block_ref ref;
	bool off; /* not on the best chain any more */
};
struct chain_tx {
	const uint8_t *big; /* borrows: the bytes where they don't fit into raw; NULL: they do */
	uint8_t raw[1024];
	size_t len;
	struct hash256 txid;
};
struct chain {
	const struct elements_network *liquid;      /* NULL: Bitcoin */
	struct chain_block block[CHAIN_BLOCKS_MAX]; /* every block ever */
	uint32_t block_count;
	uint32_t best[CHAIN_BLOCKS_MAX]; /* by height: index into block */
	uint32_t height;
	uint32_t salt; /* makes blocks of one height differ */
	struct chain_tx pool[CHAIN_POOL_MAX];
	uint32_t pool_count;
	struct hash256 genesis;
	struct chain_tx index[64]; /* what getrawtransaction finds in blocks */
	uint32_t index_block[64];
	uint32_t index_count;
	bool txindex;
	int64_t submit_code; /* 0: accepted */
	const char *submit_message;
	struct json *unspent; /* borrowed: of the scan */
	uint32_t scan_busy;   /* how many times it is busy first */
	bool no_estimate;
	uint32_t headers_ahead; /* that the node knows of and has no blocks for yet */
	bool btcd;              /* answers as btcd 0.24.2 does, and has no more methods than it */
};

void chain_init(struct chain *c, const struct network *network); /* a genesis block */
void chain_fini(struct chain *c);
/* A transaction that spends `prev` (all of its witness: raw stack) and pays script. */
void chain_tx(struct chain_tx *tx, const struct chain *c, const struct btc_outpoint *prev,
	struct slice witness, struct slice script, uint64_t value);
/* To several. */
void chain_tx_put(struct buf *raw, struct hash256 *txid, const struct chain *c,
	const struct btc_outpoint *prev, struct slice witness, const struct btc_txout *out,
	uint32_t out_count);
void chain_mine(struct chain *c, const struct chain_tx *tx, uint32_t tx_count);
/* The last count blocks leave the chain. */
void chain_undo(struct chain *c, uint32_t count);
const struct block_ref *chain_tip(const struct chain *c);
void chain_node(void *ctx, struct fake_reply *reply, const char *method, const struct json *params);

/* ---- liquid_fake_test.c: the bytes of a chain that is Liquid's ---- */

/* Of the same shape, with the chain's own asset and without a fee. */
void liquid_tx_put(
	struct buf *raw, struct hash256 *txid, const struct chain *c, const struct btc_tx *shape);
void liquid_coinbase(struct chain_tx *out, const struct chain *c, uint32_t height);
/* The header; its hash into *ref, whose height, parent and time are there. */
void liquid_head(struct buf *b, struct block_ref *ref, const struct hash256 *merkle_root);

#endif
