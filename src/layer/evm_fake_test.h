/* For tests: an EVM chain in memory and the answers of a node that has it. It runs nothing: blocks
 * hold the transactions and events that the test puts into them. */
#ifndef LAYER_EVM_FAKE_TEST_H
#define LAYER_EVM_FAKE_TEST_H
#include "layer/fake_test.h"
#include "wire/evm_htlc.h"

#define EVM_BLOCKS_MAX 300u
#define EVM_BLOCK_TX_MAX 8u
#define EVM_BLOCK_LOG_MAX 16u

struct evm_fake_tx {
	struct hash256 hash;
	struct evm_address from, to;
	uint64_t nonce;
	struct amount value;
	bool reverted;
	uint8_t input[200];
	size_t input_len;
};
struct evm_fake_log {
	uint32_t tx; /* index in the block */
	struct hash256 topic[4];
	uint32_t topic_count;
	bool of_token; /* the token's own, not the contract's */
	uint8_t data[128];
	size_t data_len;
};
struct evm_fake_block {
	struct block_ref ref;
	struct evm_fake_tx tx[EVM_BLOCK_TX_MAX];
	uint32_t tx_count;
	struct evm_fake_log log[EVM_BLOCK_LOG_MAX];
	uint32_t log_count;
};
#define DECIMALS_NONE 0xffu
struct evm_chain {
	struct evm_fake_block block[EVM_BLOCKS_MAX]; /* by height */
	uint32_t height;
	uint32_t salt;
	struct evm_address contract;
	uint64_t chain_id;
	bool other_code;
	bool syncing;
	/* a chain with tokens, a fee market and a layer below */
	struct evm_address token;
	struct amount tokens; /* the account's */
	uint8_t decimals;     /* of the token; DECIMALS_NONE: it answers nothing */
	uint64_t base_fee, priority_fee, l1_fee, safe, final;
	uint64_t oracle[4];   /* what it answers, in the order of its questions: base fee of the
			       * first layer, of its blobs, and their scalars */
	uint64_t least_price; /* that blocks state, as Rootstock's do; 0: they do not */
	struct evm_fake_tx pending[4];
	uint32_t pending_count;
	struct amount balance;
	bool open; /* what swaps() answers */
	int64_t submit_code;
	const char *submit_message;
	struct hash256 submit_hash;
};

void evm_chain_init(struct evm_chain *c);
/* The next block, with what was put into *next; its ref is filled in. */
void evm_chain_mine(struct evm_chain *c, const struct evm_fake_block *next);
void evm_chain_undo(struct evm_chain *c, uint32_t count);
/* Events of the contract, added to a block for its transaction `tx`. */
void evm_put_lockup(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h);
/* The token moves. */
void evm_put_transfer(struct evm_fake_block *b, uint32_t tx, const struct evm_address *from,
	const struct evm_address *to, uint64_t units);
void evm_put_claim(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h,
	const struct hash256 *preimage);
void evm_put_refund(struct evm_fake_block *b, uint32_t tx, const struct evm_htlc *h);
void evm_chain_node(
	void *ctx, struct fake_reply *reply, const char *method, const struct json *params);

#endif
