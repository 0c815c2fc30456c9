/* sim/evm_chain: what the files of the simulated EVM node share; nobody else includes it.
 *
 * State is kept as versions: each account and each word of storage has a list of what it was from
 * which height on, so any past state is a binary search away and a reorganisation cuts lists short.
 * A block names what it touched.
 */
#ifndef SIM_EVM_CHAIN_H
#define SIM_EVM_CHAIN_H
#include "crypto/secp.h"
#include "sim/evm.h"
#include "sim/evm_word.h"
#include "sim/index.h"
#include "wire/evm_htlc.h"

#define SIMEVM_NONE UINT32_MAX
#define SIMEVM_TOPIC_MAX 4u

struct simevm_version {
	uint64_t height;
	u128 balance; /* wei */
	uint64_t nonce;
	uint32_t code; /* in sim_evm's table; 0: none */
};

struct simevm_code {
	struct slice bytes; /* owns */
	uint8_t *jump;      /* owns; a bit for each byte: may be jumped to */
};

struct simevm_account {
	struct evm_address address;
	struct simevm_version *version; /* owns; by height */
	uint32_t version_count, version_cap;
	uint64_t next_nonce; /* the first that neither the state nor the pool has */
};

struct simevm_slot_version {
	uint64_t height;
	struct word value;
};

/* A word of a contract's storage. */
struct simevm_slot {
	struct simevm_slot_version *version; /* owns; by height */
	uint32_t version_count, version_cap;
};

struct simevm_log {
	struct evm_address address;
	struct hash256 topic[SIMEVM_TOPIC_MAX];
	uint32_t topic_count;
	uint8_t *data; /* owns */
	uint32_t data_len;
	uint32_t tx; /* whose */
};

enum simevm_tx_state { SIMEVM_GONE, SIMEVM_POOL, SIMEVM_MINED };

struct simevm_tx {
	struct hash256 hash;
	struct evm_address from;
	uint8_t *raw; /* owns; tx.data points into it */
	uint32_t raw_len;
	struct evm_tx tx;
	u128 value, price, priority; /* of tx, as integers; price: at most */
	enum simevm_tx_state state;
	bool held;
	bool foreign;        /* for another chain: stays in the pool */
	uint32_t prev, next; /* POOL: the list in order of arrival */
	/* MINED: the receipt */
	uint32_t block, index, log_first, log_count;
	bool ok;
	uint64_t gas_used, gas_cumulative;
	u128 paid, data_fee; /* for a unit of gas; rollups: for its data */
	struct evm_address created;
};

struct simevm_block {
	struct hash256 hash, tx_root;
	uint32_t parent; /* SIMEVM_NONE: genesis */
	uint64_t number, time_s, gas_used;
	uint64_t base_fee; /* rollups */
	bool pending;      /* shown, not made */
	uint32_t *tx;      /* owns */
	uint32_t tx_count, tx_cap;
	struct simevm_log *log; /* owns */
	uint32_t log_count, log_cap;
	uint32_t *account; /* owns; those with a version of this height */
	uint32_t account_count, account_cap;
	uint32_t *slot; /* owns */
	uint32_t slot_count, slot_cap;
};

struct sim_evm {
	struct sim_network network; /* first: the network is the node */
	uint64_t seed, salt, start_ms;
	uint64_t chain_id, block_gas;
	uint64_t safe_depth, final_depth; /* below the tip */
	uint64_t market_price;            /* rollups: for whoever makes the block */
	uint64_t next_base_fee; /* of the next block, whatever the rule says; 0: nothing was said */
	bool geth, automine, rollup, tokens;
	enum asset coin; /* what gas is paid with */

	struct simevm_account *account;
	uint32_t account_count, account_cap;
	struct sim_index account_by_address;
	struct simevm_slot *slot;
	uint32_t slot_count, slot_cap;
	struct sim_index slot_by_id;
	struct simevm_code *code; /* the first is no code */
	uint32_t code_count, code_cap;

	struct simevm_tx **tx;
	uint32_t tx_count, tx_cap;
	struct sim_index tx_by_hash, tx_by_nonce; /* the pool's: address and nonce */
	uint32_t pool_head, pool_tail, pool_count;

	struct simevm_block *block;
	uint32_t block_count, block_cap;
	struct sim_index block_by_hash;
	uint32_t *chain; /* best chain, by number */
	uint32_t chain_len, chain_cap;

	struct seckey faucet_key;
	struct evm_address faucet, contract, token, token_contract; /* token: where it has tokens */
};

static inline u128 simevm_wei(struct amount a)
{
	uint8_t le[16];
	amount_store(le, a);
	return (u128)load_le64(le + 8) << 64 | load_le64(le);
}

static inline struct sim_evm *simevm_of(struct sim_network *n)
{
	return (struct sim_evm *)(void *)n;
}

static inline uint64_t simevm_height(const struct sim_evm *e)
{
	return e->chain_len - 1;
}

static inline struct simevm_block *simevm_tip(const struct sim_evm *e)
{
	return &e->block[e->chain[e->chain_len - 1]];
}

/* Generated: the token of contracts/TestToken.sol. */
extern const uint8_t test_token_creation_code[];
extern const size_t test_token_creation_code_len;
extern const struct hash256 test_token_runtime_code_hash;

/* ---- evm_state.c ---- */

/* SIMEVM_NONE: never seen. */
NONNULL_ALL uint32_t simevm_account_find(
	const struct sim_evm *e, const struct evm_address *address);
/* What an account was at a height; zeros where it was nothing. */
NONNULL_ALL struct simevm_version simevm_account_at(
	const struct sim_evm *e, const struct evm_address *address, uint64_t height);
/* What it is in the tip's state, to be changed; borrowed until the next call. */
NONNULL_ALL struct simevm_version *simevm_account_write(
	struct sim_evm *e, const struct evm_address *address);
NONNULL_ALL struct word simevm_slot_at(const struct sim_evm *e, const struct evm_address *contract,
	struct word key, uint64_t height);
NONNULL_ALL void simevm_slot_write(
	struct sim_evm *e, const struct evm_address *contract, struct word key, struct word value);
/* The number of this code, which is kept for ever. */
NONNULL_ALL uint32_t simevm_code_add(struct sim_evm *e, struct slice bytes);
NONNULL_ALL void simevm_code_init(struct simevm_code *code, struct slice bytes);
NONNULL_ALL void simevm_code_fini(struct simevm_code *code);
/* Cut off every version that the block made. */
NONNULL_ALL void simevm_state_undo(struct sim_evm *e, const struct simevm_block *block);

/* ---- evm_execute.c ---- */

/* Gas of a transaction before anything runs, and the least that it costs in the end (EIP-2028,
 * 2930, 3860, 7623). */
struct simevm_intrinsic {
	uint64_t gas, floor;
};
NONNULL_ALL struct simevm_intrinsic simevm_intrinsic_gas(
	const struct sim_evm *e, const struct evm_tx *tx);
/* What a unit of gas costs in a block of that base fee. */
NONNULL_ALL u128 simevm_price(const struct simevm_tx *t, uint64_t base_fee);
/* Runs it in the tip, which is the block being made: everything but its place there. */
NONNULL_ALL void simevm_execute(struct sim_evm *e, uint32_t tx);

/* A call that changes nothing. */
struct simevm_call {
	struct evm_address from, to;
	u128 value, price;
	struct slice data;
	bool create;
	uint64_t gas;    /* at most */
	uint64_t height; /* whose state it sees */
	uint64_t number; /* of the block that it runs in */
};
enum simevm_call_result {
	SIMEVM_CALL_OK,
	SIMEVM_CALL_REVERTED,
	SIMEVM_CALL_NO_FUNDS,
	SIMEVM_CALL_FAILED
};
/* Why code ended that did not say why. */
enum simevm_failure {
	SIMEVM_FAIL_NONE,
	SIMEVM_FAIL_GAS,
	SIMEVM_FAIL_MEMORY,       /* no gas for it */
	SIMEVM_FAIL_MEMORY_LIMIT, /* nobody has */
	SIMEVM_FAIL_OPERAND,
	SIMEVM_FAIL_UNDERFLOW,
	SIMEVM_FAIL_OVERFLOW,
	SIMEVM_FAIL_OPCODE,
	SIMEVM_FAIL_INVALID, /* the instruction of that name */
	SIMEVM_FAIL_JUMP,
	SIMEVM_FAIL_OFFSET,
	SIMEVM_FAIL_STATIC,
	SIMEVM_FAIL_CODE, /* a created contract's */
	SIMEVM_FAILURE_COUNT
};
struct simevm_called {
	enum simevm_call_result result;
	enum simevm_failure failure; /* FAILED */
	uint8_t *data;               /* the caller's; what it returned, or why it reverted */
	uint32_t data_len;
	uint64_t gas_used; /* by the whole transaction, before anything is given back */
};
NONNULL_ALL struct simevm_called simevm_call(struct sim_evm *e, const struct simevm_call *call);

/* ---- evm_fee.c: rollups ---- */

NONNULL_ALL uint64_t simevm_next_base_fee(const struct sim_evm *e);
/* For the data of a transaction, on the first layer, by the parameters of that height. */
NONNULL_ALL u128 simevm_data_fee(const struct sim_evm *e, struct slice raw, uint64_t height);
/* What the predeploys GasPriceOracle and L1Block answer. False: it is a call of something else. */
MUST_USE NONNULL_ALL bool simevm_oracle(
	const struct sim_evm *e, struct word *out, const struct simevm_call *call);
/* The parameters that the chain begins with, in its first block. */
NONNULL_ALL void simevm_fee_begin(struct sim_evm *e);
/* Who gets base fees, and fees for data. */
extern const struct evm_address simevm_base_fee_vault, simevm_data_fee_vault;

/* ---- evm_pool.c ---- */

enum simevm_refusal {
	SIMEVM_ACCEPTED,
	SIMEVM_KNOWN,
	SIMEVM_NONCE_LOW,
	SIMEVM_NO_FUNDS,
	SIMEVM_UNDERPRICED,
	SIMEVM_GAS_LOW,
	SIMEVM_GAS_HIGH,
	SIMEVM_FEE_LOW,
	SIMEVM_FOREIGN,
	SIMEVM_POOL_FULL,
	SIMEVM_REFUSAL_COUNT
};

/* The record of these bytes, which are copied. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err simevm_tx_add(struct sim_evm *e, uint32_t *index, struct slice raw);
NONNULL_ALL uint32_t simevm_tx_find(const struct sim_evm *e, const struct hash256 *hash);
/* Into the pool, replacing the one with the same nonce if it pays a tenth more. */
MUST_USE NONNULL_ALL enum simevm_refusal simevm_pool_add(struct sim_evm *e, uint32_t tx);
NONNULL_ALL void simevm_pool_remove(struct sim_evm *e, uint32_t tx);
/* The pool's transaction of that account and nonce, or SIMEVM_NONE. */
NONNULL_ALL uint32_t simevm_pool_find(
	const struct sim_evm *e, const struct evm_address *from, uint64_t nonce);
/* After the state went back: put `first` before what is there, drop what can't be any more. */
NONNULL_ALL void simevm_pool_rebuild(
	struct sim_evm *e, const uint32_t *first, uint32_t first_count);
/* The first nonce free in state and pool. */
NONNULL_ALL uint64_t simevm_next_nonce(const struct sim_evm *e, const struct evm_address *from);

/* ---- evm_chain.c ---- */

NONNULL_ALL void simevm_chain_begin(struct sim_evm *e);
NONNULL_ALL void simevm_mine(struct sim_evm *e, uint64_t now_ms, bool empty);
struct simevm_rpc_call;
/* Shows the block that would be made now, above the tip, and takes it back. */
NONNULL_ALL void simevm_pending(struct sim_evm *e, uint64_t now_ms,
	void (*show)(struct simevm_rpc_call *c, uint32_t block), struct simevm_rpc_call *c);
MUST_USE NONNULL_ALL enum err simevm_reorg(
	struct sim_evm *e, uint64_t now_ms, const struct sim_reorg *reorg);
NONNULL_ALL uint32_t simevm_block_find(const struct sim_evm *e, const struct hash256 *hash);
NONNULL_ALL bool simevm_in_best(const struct sim_evm *e, uint32_t block);
/* A signed transfer of coins, or of tokens, from the faucet, in the pool. ERR_RANGE: it has not
 * that much. */
MUST_USE NONNULL_ALL enum err simevm_fund(
	struct sim_evm *e, struct hash256 *hash, const struct evm_address *to, struct amount value);
/* The same of a call of the token's: who, and a number. */
MUST_USE NONNULL_ALL enum err simevm_token_call(struct sim_evm *e, struct hash256 *hash,
	const char *signature, const struct evm_address *who, u128 number);

/* ---- evm_rpc.c, evm_rpc_call.c, evm_rpc_fee.c, evm_rpc_json.c, evm_rpc_params.c ---- */

struct simevm_rpc_call {
	struct sim_evm *e;
	struct sim_reply *reply;
	struct text *out; /* of the reply */
	const struct sim_params *params;
	uint64_t now_ms;
};
typedef void (*simevm_method)(struct simevm_rpc_call *c);
struct simevm_row {
	const char *name;
	simevm_method run;
	uint8_t params_min, params_max;
};
/* Calls and logs; what only rollups answer; what only test nodes do. */
extern const struct simevm_row simevm_call_rows[], simevm_fee_rows[], simevm_sim_rows[];
extern const size_t simevm_call_row_count, simevm_fee_row_count, simevm_sim_row_count;

#define RPC_REVERTED 3
#define RPC_SERVER_ERROR (-32000)
#define RPC_NOT_FOUND (-32001)
#define RPC_TX_REJECTED (-32003)
#define RPC_METHOD_UNKNOWN (-32601)
#define RPC_INVALID_PARAMS (-32602)
#define RPC_INTERNAL_ERROR (-32603)

void simevm_rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params);

/* Parameters by position. False: the reply has the error. */
bool simevm_param_address(struct simevm_rpc_call *c, size_t at, struct evm_address *out);
bool simevm_param_hash(struct simevm_rpc_call *c, size_t at, struct hash256 *out);
/* A quantity, or a plain number. */
bool simevm_param_u64(struct simevm_rpc_call *c, size_t at, uint64_t absent, uint64_t *out);
bool simevm_param_bool(struct simevm_rpc_call *c, size_t at, bool absent, bool *out);
/* Smallest units as a quantity, or whole coins with a point. */
bool simevm_param_amount(
	struct simevm_rpc_call *c, size_t at, enum asset asset, struct amount *out);
/* "0x12" up to 256 bits. */
bool simevm_param_word(struct simevm_rpc_call *c, size_t at, struct word *out);
/* "0x12" up to 128 bits. */
MUST_USE NONNULL_ALL enum err simevm_quantity(u128 *out, struct slice text);

/* Which block a parameter names: a number, a tag, a hash, or an object of EIP-1898. */
struct simevm_where {
	uint32_t block; /* SIMEVM_NONE: there is none */
	uint64_t number;
	bool by_hash, pending;
};
bool simevm_where(struct simevm_rpc_call *c, const struct json *v, struct simevm_where *out);
/* One whose state is known: of the best chain. */
bool simevm_state_block(struct simevm_rpc_call *c, size_t at, struct simevm_where *where);

NONNULL_ALL void simevm_block_json(
	struct text *out, const struct sim_evm *e, uint32_t block, bool full);
NONNULL_ALL void simevm_tx_json(struct text *out, const struct sim_evm *e, uint32_t tx);
NONNULL_ALL void simevm_receipt_json(struct text *out, const struct sim_evm *e, uint32_t tx);
/* What a rollup's receipt says of the fee for data. */
NONNULL_ALL void simevm_receipt_fees(
	struct text *out, const struct sim_evm *e, const struct simevm_tx *t);
NONNULL_ALL void simevm_log_json(
	struct text *out, const struct sim_evm *e, uint32_t block, uint32_t index);
NONNULL_ALL void simevm_address_json(struct text *out, const struct evm_address *a);

#endif
