/* What is ours on the chain at one block: balance, nonce, and which lock-ups are still open. Asked
 * for by number, since not every node takes a hash there; that the number still means the same
 * block is checked at the end. */
#include "layer/evm/evm.h"
#include "wire/erc20.h"
#include <stdlib.h>

#define IN_FLIGHT_MAX 64u
#define SCAN_LATEST UINT64_MAX

struct scan_lock {
	struct evm_htlc terms;
};

struct scan_op {
	struct op op;
	layer_scan_cb cb;
	void *ctx;
	struct scan_lock *lock; /* owned */
	size_t lock_count, lock_next;
	struct layer_scan out;
	bool account; /* ours is known */
	enum { SCAN_TIP, SCAN_READ, SCAN_CHECK, SCAN_END } stage;
};

static void failed(struct scan_op *s, enum err err, const char *what)
{
	if (s->out.err == OK)
		s->out.err = DETAIL(s->out.detail, err, "%s", what);
}

static void failed_answer(struct scan_op *s, const struct rpc_answer *answer)
{
	failed(s, answer->err == OK ? ERR_FORMAT : answer->err,
		answer->err == OK ? "an answer that can't be right" : answer->message);
}

/* tag: the height that was asked for; SCAN_LATEST: whatever it is. */
static void on_tip(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	if (answer->err != OK || evm_answer_block(&s->out.block, answer->result) != OK ||
		(tag != SCAN_LATEST && s->out.block.height != tag))
		failed_answer(s, answer);
	op_done(&s->op);
}

static void on_balance(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	(void)tag;
	if (answer->err != OK ||
		evm_answer_amount(&s->out.wallet, s->out.wallet.asset, answer->result) != OK)
		failed_answer(s, answer);
	op_done(&s->op);
}

/* What gas is paid with. */
static void on_gas(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	(void)tag;
	if (answer->err != OK ||
		evm_answer_amount(&s->out.gas, s->out.gas.asset, answer->result) != OK)
		failed_answer(s, answer);
	op_done(&s->op);
}

static void on_nonce(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	(void)tag;
	if (answer->err != OK || evm_answer_u64(&s->out.nonce, answer->result) != OK)
		failed_answer(s, answer);
	op_done(&s->op);
}

static void ask_locks(struct scan_op *s);

static void on_lock(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	struct hash256 word;
	static const struct hash256 no, yes = {.b[31] = 1};

	if (answer->err != OK || evm_answer_hash(&word, answer->result) != OK)
		failed_answer(s, answer);
	else if (hash256_eq(&word, &yes))
		s->out.err = s->out.err != OK
			? s->out.err
			: amount_add(&s->out.locked, s->out.locked, s->lock[tag].terms.amount);
	else if (!hash256_eq(&word, &no))
		failed(s, ERR_FORMAT, "the contract's answer is neither yes nor no");
	ask_locks(s);
	op_done(&s->op);
}

static void on_again(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct scan_op *s = op;
	struct block_ref block;
	(void)tag;
	if (answer->err != OK || evm_answer_block(&block, answer->result) != OK)
		failed_answer(s, answer);
	else if (!hash256_eq(&block.hash, &s->out.block.hash))
		failed(s, ERR_STATE, "the chain was reorganised during the scan");
	op_done(&s->op);
}

/* A few at a time: an answer makes room for the next. */
static void ask_locks(struct scan_op *s)
{
	while (s->out.err == OK && s->op.err == OK && s->lock_next < s->lock_count &&
		s->op.pending < IN_FLIGHT_MAX) {
		uint8_t data[EVM_HTLC_CALL_MAX];
		struct buf call = buf_init(data, sizeof data);
		const struct evm_htlc *terms = &s->lock[s->lock_next].terms;

		evm_htlc_swaps_call(&call, terms);
		op_ask(&s->op, "eth_call",
			params_call(&terms->contract, buf_slice(&call),
				evm_param_quantity(s->out.block.height)),
			on_lock, s->lock_next++);
	}
}

static void ask_account(struct scan_op *s, const char *method, ask_cb cb)
{
	struct json *params = json_array();
	json_push(params, evm_param_address(&evm_of(s->op.layer)->account));
	json_push(params, evm_param_quantity(s->out.block.height));
	op_ask(&s->op, method, params, cb, 0);
}

static void ask_balances(struct scan_op *s)
{
	const struct evm_layer *r = evm_of(s->op.layer);
	uint8_t data[ERC20_CALL_MAX];
	struct buf call = buf_init(data, sizeof data);

	if (!layer_gas_apart(r->layer.config.id)) {
		ask_account(s, "eth_getBalance", on_balance);
		return;
	}
	ask_account(s, "eth_getBalance", on_gas);
	erc20_balance_call(&call, &r->account);
	op_ask(&s->op, "eth_call",
		params_call(&r->layer.config.token, buf_slice(&call),
			evm_param_quantity(s->out.block.height)),
		on_balance, 0);
}

static void ask_stage(struct scan_op *s)
{
	s->op.pending++;
	if (s->stage == SCAN_READ) {
		if (s->account) {
			ask_balances(s);
			ask_account(s, "eth_getTransactionCount", on_nonce);
		}
		ask_locks(s);
	} else {
		s->op.pending++;
		const enum err err = ask_block_at(s->op.layer, s->out.block.height, on_again, s, 0);
		if (err != OK) {
			s->op.err = err;
			s->op.pending--;
		}
	}
	op_done(&s->op);
}

static void scan_free(struct op *op)
{
	struct scan_op *s = (struct scan_op *)(void *)op;
	free(s->lock);
	free(s);
}

static void scan_end(struct op *op)
{
	struct scan_op *s = (struct scan_op *)(void *)op;

	if (op->err != OK)
		failed(s, op->err, "cannot ask the node");
	if (s->out.err == OK && s->stage != SCAN_CHECK && !op->layer->dead) {
		s->stage = s->stage == SCAN_TIP ? SCAN_READ : SCAN_CHECK;
		ask_stage(s);
		return;
	}
	if (!op->layer->dead)
		s->cb(s->ctx, &s->out);
	scan_free(op);
}

static struct scan_op *scan_make(
	struct layer *layer, size_t lock_count, layer_scan_cb cb, void *ctx)
{
	struct scan_op *s = malloc(sizeof *s);
	const struct amount none = amount_zero(layer_asset(layer->config.id));
	if (s == NULL)
		return NULL;
	*s = (struct scan_op){.op = {.layer = layer, .pending = 1, .end = scan_end},
		.cb = cb,
		.ctx = ctx,
		.out = {.wallet = none,
			.locked = none,
			.gas = amount_zero(layer_gas_asset(layer->config.id))},
		.account = evm_of(layer)->has_account,
		.lock = calloc(lock_count + 1, sizeof *s->lock),
		.lock_count = lock_count};
	if (s->lock != NULL)
		return s;
	free(s);
	return NULL;
}

enum err evm_scan(struct layer *layer, const struct layer_lock_ref *lock, size_t lock_count,
	layer_scan_cb cb, void *ctx)
{
	struct scan_op *s = scan_make(layer, lock_count, cb, ctx);
	if (s == NULL)
		return ERR_FULL;
	enum err err = OK;
	for (size_t i = 0; i < lock_count && err == OK; i++) {
		struct evm_htlc *terms = &s->lock[i].terms;
		err = evm_htlc_parse(terms, layer->config.id, lock[i].leg);
		if (err == OK &&
			(terms->chain_id != layer->config.network->chain_id ||
				!evm_address_eq(&terms->contract, &layer->config.contract)))
			err = ERR_NETWORK;
	}
	if (err != OK) {
		scan_free(&s->op);
		return err;
	}
	op_ask(&s->op, "eth_getBlockByNumber", params_block_tag("latest", false), on_tip,
		SCAN_LATEST);
	return op_begun(&s->op, scan_free);
}

enum err evm_scan_at(struct layer *layer, uint64_t height, layer_scan_cb cb, void *ctx)
{
	struct scan_op *s = scan_make(layer, 0, cb, ctx);
	struct json *params = json_array();
	if (s == NULL) {
		json_free(params);
		return ERR_FULL;
	}
	json_push(params, evm_param_quantity(height));
	json_push(params, json_new_bool(false));
	op_ask(&s->op, "eth_getBlockByNumber", params, on_tip, height);
	return op_begun(&s->op, scan_free);
}
