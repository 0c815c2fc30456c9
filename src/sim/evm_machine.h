/* sim/evm_machine: the virtual machine, over a draft of the state; only the simulated EVM node's
 * files include it.
 *
 * What a transaction does is first only in a draft: what it touched, what that is now, what is warm
 * (EIP-2929), logs, and how to take any of it back. A call keeps or drops it; whoever wants it in
 * the chain applies it. So a question about an old block and a transaction in a new one are the
 * same thing.
 *
 * Rules are Berlin's, or those of a rollup (struct sim_evm's `rollup`): Prague's. Gas is to the
 * unit, tests hold it to anvil's. Source: yellow paper; EIP-2200, 2929, 3529, 3541, 3651, 3855,
 * 3860, 5656, 7623.
 * What there is not: contracts that create contracts or end themselves, CALLCODE, transient
 * storage, blobs, delegations of accounts (EIP-7702), and precompiles other than SHA-256 and the
 * identity; each is as an unknown instruction, or fails.
 *
 * Bounds: everything costs gas. Threads: one.
 */
#ifndef SIM_EVM_MACHINE_H
#define SIM_EVM_MACHINE_H
#include "sim/evm_chain.h"

/* ---- evm_draft.c ---- */

struct draft_account {
	struct evm_address address;
	struct simevm_version now;
	bool warm, written;
};

struct draft_slot {
	struct evm_address address;
	struct word key, before, now; /* before: the transaction */
	bool warm;
};

struct draft_undo; /* evm_draft.c */

struct simevm_draft {
	struct sim_evm *e;             /* of which only the table of codes grows */
	uint64_t height;               /* whose state it sees */
	struct draft_account *account; /* owns, as all below */
	uint32_t account_count, account_cap;
	struct draft_slot *slot;
	uint32_t slot_count, slot_cap;
	struct simevm_log *log;
	uint32_t log_count, log_cap;
	struct draft_undo *undo;
	uint32_t undo_count, undo_cap;
	int64_t refund;
};

struct draft_mark {
	uint32_t undo_count, log_count;
	int64_t refund;
};

NONNULL_ALL void simevm_draft_init(struct simevm_draft *d, struct sim_evm *e, uint64_t height);
NONNULL_ALL void simevm_draft_fini(struct simevm_draft *d);
/* Into the tip's state; the logs are left. */
NONNULL_ALL void simevm_draft_apply(const struct simevm_draft *d, struct sim_evm *e);
NONNULL_ALL struct draft_mark draft_mark(const struct simevm_draft *d);
/* All since then did not happen. */
NONNULL_ALL void draft_revert(struct simevm_draft *d, const struct draft_mark *mark);
/* What an account is; borrowed until the next call. */
NONNULL_ALL const struct draft_account *draft_account(
	struct simevm_draft *d, const struct evm_address *address);
NONNULL_ALL void draft_account_set(struct simevm_draft *d, const struct evm_address *address,
	const struct simevm_version *now);
/* True: it was cold, and is warm now. */
NONNULL_ALL bool draft_account_warm(struct simevm_draft *d, const struct evm_address *address);
/* False: there is not so much. */
MUST_USE NONNULL_ALL bool draft_pay(struct simevm_draft *d, const struct evm_address *from,
	const struct evm_address *to, u128 value);
NONNULL_ALL const struct draft_slot *draft_slot(
	struct simevm_draft *d, const struct evm_address *address, struct word key);
NONNULL_ALL void draft_slot_set(struct simevm_draft *d, const struct evm_address *address,
	struct word key, struct word now);
NONNULL_ALL bool draft_slot_warm(
	struct simevm_draft *d, const struct evm_address *address, struct word key);
/* The log's data become the draft's. */
NONNULL_ALL void draft_log(struct simevm_draft *d, const struct simevm_log *log);

/* ---- evm_machine.c, evm_call.c ---- */

/* What instructions can ask about the transaction and its block. */
struct simevm_scene {
	struct evm_address origin;
	u128 price;
	uint64_t number, time_s, base_fee;
};

struct simevm_message {
	struct evm_address from, to; /* to: of a creation, what is created */
	u128 value;
	struct slice data; /* of a creation, its code */
	uint64_t gas;
	bool create;
};

struct simevm_outcome {
	bool ok;
	enum simevm_failure failure; /* NONE also where it reverted, or never began */
	uint8_t *data;               /* owns; returned, or the reason of a revert */
	uint32_t data_len;
	uint64_t gas_left;
};

/* A message from outside, of which the sender's nonce is the caller's affair. On failure the draft
 * is as it was. */
NONNULL_ALL void simevm_run(struct simevm_draft *d, struct simevm_outcome *out,
	const struct simevm_scene *scene, const struct simevm_message *m);
NONNULL_ALL void simevm_outcome_fini(struct simevm_outcome *out);

/* ---- shared by the two files ---- */

struct machine {
	struct simevm_draft *draft;
	const struct simevm_scene *scene;
	uint32_t depth;
};

enum machine_state { MACHINE_RUNS, MACHINE_STOPPED, MACHINE_REVERTED, MACHINE_FAILED };

struct frame {
	struct machine *m;
	struct evm_address self, caller;
	u128 value;
	const struct simevm_code *code;
	struct slice input;
	uint64_t gas;
	uint32_t pc;
	bool fixed; /* may change nothing */
	enum machine_state state;
	enum simevm_failure failure;
	struct word *stack;
	uint32_t stack_len;
	uint8_t *memory; /* owns */
	uint32_t memory_len;
	uint8_t *returned; /* owns; by the last call */
	uint32_t returned_len;
	uint32_t out_at, out_len; /* STOPPED, REVERTED: in memory */
};

/* One call within a transaction. */
struct inner {
	struct evm_address code, self, caller;
	u128 value;
	bool moves; /* value is paid, not only said */
	bool fixed;
	struct slice input;
	uint64_t gas;
};

NONNULL_ALL void machine_enter(
	struct machine *m, struct simevm_outcome *out, const struct inner *call);
/* Runs until it ends; out gets what it leaves. */
NONNULL_ALL void machine_run(struct frame *f, struct simevm_outcome *out);
/* False: not enough, and all of it is gone. */
NONNULL_ALL bool frame_charge(struct frame *f, uint64_t gas);
/* Memory from `at` on is there, and paid for. False: it can't be. */
NONNULL_ALL bool frame_memory(
	struct frame *f, struct word at, struct word len, uint32_t *from, uint32_t *count);
/* What frame_memory answered; nothing is there where len is 0. */
NONNULL_ALL struct slice frame_bytes(const struct frame *f, uint32_t at, uint32_t len);
NONNULL_ALL void frame_fail(struct frame *f, enum simevm_failure why);
NONNULL_ALL struct word frame_pop(struct frame *f);
NONNULL_ALL void frame_push(struct frame *f, struct word w);
NONNULL_ALL void word_from_address(struct word *w, const struct evm_address *a);
NONNULL_ALL struct evm_address word_to_address(struct word w);
/* Gas of reaching an account. */
NONNULL_ALL uint64_t frame_reach(struct frame *f, const struct evm_address *a);

void op_sload(struct frame *f);
void op_sstore(struct frame *f);
void op_log(struct frame *f);
void op_call(struct frame *f);
void op_delegatecall(struct frame *f);
void op_staticcall(struct frame *f);

#define GAS_COLD_SLOAD 2100u
#define GAS_COLD_ACCOUNT 2600u
#define GAS_WARM 100u

#endif
