/* Transactions: what they cost, and running them; calls that change nothing. */
#include <stdlib.h>

#include "sim/evm_machine.h"
#include "wire/rlp.h"

#define GAS_TX 21000u
#define GAS_ZERO_BYTE 4u
#define GAS_BYTE 16u
#define GAS_CREATE 32000u
#define GAS_INIT_WORD 2u
#define GAS_LISTED_ADDRESS 2400u
#define GAS_LISTED_SLOT 1900u
#define GAS_FLOOR_TOKEN 10u /* EIP-7623: a zero byte is one token, another byte four */
#define TOKENS_BYTE 4u
#define REFUND_PART_BERLIN 2u
#define REFUND_PART_LONDON 5u

static const struct evm_address miner; /* the zero address, as anvil's */

/* ---- access lists: checked when the transaction was parsed ---- */

typedef void (*on_listed)(void *ctx, const struct evm_address *address, const uint8_t *key);

static void each_listed(struct slice list, on_listed cb, void *ctx)
{
	struct rlp_item entry, address, keys, key;
	while (list.len > 0) {
		struct evm_address a;
		CHECK(rlp_next(&entry, &list) == OK);
		CHECK(rlp_next(&address, &entry.payload) == OK &&
			address.payload.len == sizeof a.b);
		CHECK(rlp_next(&keys, &entry.payload) == OK);
		memcpy(a.b, address.payload.ptr, sizeof a.b);
		cb(ctx, &a, NULL);
		while (keys.payload.len > 0) {
			CHECK(rlp_next(&key, &keys.payload) == OK && key.payload.len == WORD_SIZE);
			cb(ctx, &a, key.payload.ptr);
		}
	}
}

static void count_listed(void *ctx, const struct evm_address *address, const uint8_t *key)
{
	(void)address;
	*(uint64_t *)ctx += key == NULL ? GAS_LISTED_ADDRESS : GAS_LISTED_SLOT;
}

static void warm_listed(void *ctx, const struct evm_address *address, const uint8_t *key)
{
	if (key == NULL)
		(void)draft_account_warm(ctx, address);
	else
		(void)draft_slot_warm(ctx, address, word_load(key));
}

/* ---- costs ---- */

static struct simevm_intrinsic data_gas(const struct sim_evm *e, struct slice data, bool create)
{
	struct simevm_intrinsic out = {GAS_TX, GAS_TX};
	for (size_t i = 0; i < data.len; i++) {
		out.gas += data.ptr[i] == 0 ? GAS_ZERO_BYTE : GAS_BYTE;
		out.floor += GAS_FLOOR_TOKEN * (data.ptr[i] == 0 ? 1 : TOKENS_BYTE);
	}
	if (create)
		out.gas += GAS_CREATE;
	if (create && e->rollup)
		out.gas += GAS_INIT_WORD * ((data.len + WORD_SIZE - 1) / WORD_SIZE);
	if (!e->rollup)
		out.floor = 0;
	return out;
}

struct simevm_intrinsic simevm_intrinsic_gas(const struct sim_evm *e, const struct evm_tx *tx)
{
	struct simevm_intrinsic out = data_gas(e, tx->data, tx->create);
	each_listed(tx->access_list, count_listed, &out.gas);
	return out;
}

u128 simevm_price(const struct simevm_tx *t, uint64_t base_fee)
{
	if (t->tx.type != EVM_TYPE_FEE_MARKET)
		return t->price;
	const u128 most = base_fee + t->priority;
	return most < t->price ? most : t->price;
}

/* What storage that was cleared gives back, and what the data cost at least. */
static uint64_t settle_gas(const struct simevm_draft *d, uint64_t gas, uint64_t floor)
{
	const uint64_t most = gas / (d->e->rollup ? REFUND_PART_LONDON : REFUND_PART_BERLIN);
	CHECK(d->refund >= 0);
	gas -= (uint64_t)d->refund < most ? (uint64_t)d->refund : most;
	return gas > floor ? gas : floor;
}

/* ---- transactions ---- */

static void take_nonce(struct simevm_draft *d, const struct evm_address *from)
{
	struct simevm_version v = draft_account(d, from)->now;
	v.nonce++;
	draft_account_set(d, from, &v);
}

/* Takes wei from an account; false: it hasn't so much. */
static bool take(struct simevm_draft *d, const struct evm_address *from, u128 wei)
{
	struct simevm_version v = draft_account(d, from)->now;
	if (v.balance < wei)
		return false;
	v.balance -= wei;
	draft_account_set(d, from, &v);
	return true;
}

static void give(struct simevm_draft *d, const struct evm_address *to, u128 wei)
{
	struct simevm_version v = draft_account(d, to)->now;
	if (wei == 0)
		return;
	v.balance += wei;
	draft_account_set(d, to, &v);
}

static void pay_fees(struct simevm_draft *d, const struct simevm_tx *t, uint64_t base_fee)
{
	give(d, &t->from, t->paid * (t->tx.gas_limit - t->gas_used));
	give(d, &miner, (t->paid - base_fee) * t->gas_used);
	give(d, &simevm_base_fee_vault, (u128)base_fee * t->gas_used);
	give(d, &simevm_data_fee_vault, t->data_fee);
}

/* The logs of a transaction go into its block. */
static void move_logs(struct sim_evm *e, struct simevm_draft *d, uint32_t tx)
{
	struct simevm_block *block = simevm_tip(e);
	e->tx[tx]->log_first = block->log_count;
	e->tx[tx]->log_count = d->log_count;
	for (uint32_t i = 0; i < d->log_count; i++) {
		block->log = sim_grow(
			block->log, &block->log_cap, block->log_count + 1, sizeof *block->log);
		block->log[block->log_count] = d->log[i];
		block->log[block->log_count++].tx = tx;
	}
	d->log_count = 0;
}

void simevm_execute(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	const struct simevm_block *block = simevm_tip(e);
	const struct simevm_intrinsic intrinsic = simevm_intrinsic_gas(e, &t->tx);
	struct simevm_draft d;
	struct simevm_outcome out;
	t->created = (struct evm_address){0};
	t->paid = simevm_price(t, block->base_fee);
	t->data_fee = simevm_data_fee(e, slice_of(t->raw, t->raw_len), block->number);
	simevm_draft_init(&d, e, block->number);
	take_nonce(&d, &t->from);
	CHECK(take(&d, &t->from, t->paid * t->tx.gas_limit + t->data_fee));
	if (t->tx.create)
		evm_create_address(&t->created, &t->from, t->tx.nonce);
	each_listed(t->tx.access_list, warm_listed, &d);
	const struct simevm_scene scene = {.origin = t->from,
		.price = t->paid,
		.number = block->number,
		.time_s = block->time_s,
		.base_fee = block->base_fee};
	simevm_run(&d, &out, &scene,
		&(struct simevm_message){.from = t->from,
			.to = t->tx.create ? t->created : t->tx.to,
			.value = t->value,
			.data = t->tx.data,
			.gas = t->tx.gas_limit - intrinsic.gas,
			.create = t->tx.create});
	t->ok = out.ok;
	t->gas_used = settle_gas(&d, t->tx.gas_limit - out.gas_left, intrinsic.floor);
	simevm_outcome_fini(&out);
	pay_fees(&d, t, block->base_fee);
	simevm_draft_apply(&d, e);
	move_logs(e, &d, tx);
	simevm_draft_fini(&d);
}

/* ---- calls ---- */

struct simevm_called simevm_call(struct sim_evm *e, const struct simevm_call *call)
{
	const struct simevm_intrinsic intrinsic = data_gas(e, call->data, call->create);
	const struct simevm_block *block = &e->block[e->chain[call->height]];
	struct simevm_message m = {.from = call->from,
		.to = call->to,
		.value = call->value,
		.data = call->data,
		.gas = call->gas < intrinsic.gas ? 0 : call->gas - intrinsic.gas,
		.create = call->create};
	const struct simevm_scene scene = {.origin = call->from,
		.price = call->price,
		.number = call->number,
		.time_s = block->time_s,
		.base_fee = block->base_fee};
	struct simevm_called called = {.gas_used = intrinsic.gas};
	struct simevm_draft d;
	struct simevm_outcome out;
	struct word answer;
	if (simevm_oracle(e, &answer, call)) {
		called.data = sim_alloc(WORD_SIZE);
		called.data_len = WORD_SIZE;
		word_store(called.data, answer);
		return called;
	}
	simevm_draft_init(&d, e, call->height);
	const struct simevm_version from = draft_account(&d, &call->from)->now;
	if (call->create)
		evm_create_address(&m.to, &call->from, from.nonce);
	simevm_run(&d, &out, &scene, &m);
	simevm_draft_fini(&d);
	called.gas_used += m.gas - out.gas_left;
	if (called.gas_used < intrinsic.floor)
		called.gas_used = intrinsic.floor;
	called.data = out.data;
	called.data_len = out.data_len;
	called.failure = out.failure;
	if (from.balance < call->value)
		called.result = SIMEVM_CALL_NO_FUNDS;
	else if (out.failure != SIMEVM_FAIL_NONE)
		called.result = SIMEVM_CALL_FAILED;
	else if (!out.ok)
		called.result = SIMEVM_CALL_REVERTED;
	return called;
}
