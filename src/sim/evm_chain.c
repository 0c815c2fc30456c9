/* Blocks, execution, mining, reorganisations, the faucet, and the node's begin and end. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/evm_chain.h"

#define FAUCET_COINS "20000000"
#define FAUCET_GAS_DEPLOY 1000000u

static const struct evm_address miner; /* the zero address, as anvil's */

uint32_t simevm_block_find(const struct sim_evm *e, const struct hash256 *hash)
{
	const uint32_t at = sim_index_get(&e->block_by_hash, hash->b);
	return at == MAP_NONE ? SIMEVM_NONE : at;
}

bool simevm_in_best(const struct sim_evm *e, uint32_t block)
{
	const uint64_t number = e->block[block].number;
	return number < e->chain_len && e->chain[number] == block;
}

/* ---- one transaction ---- */

static void move(
	struct sim_evm *e, const struct evm_address *from, const struct evm_address *to, u128 value)
{
	struct simevm_version *a = simevm_account_write(e, from);
	CHECK(a->balance >= value);
	a->balance -= value;
	simevm_account_write(e, to)->balance += value;
}

static void keep_logs(struct sim_evm *e, uint32_t tx, const struct simevm_outcome *outcome)
{
	struct simevm_block *block = simevm_tip(e);
	e->tx[tx]->log_first = block->log_count;
	e->tx[tx]->log_count = outcome->log_count;
	for (uint32_t i = 0; i < outcome->log_count; i++) {
		block->log = sim_grow(
			block->log, &block->log_cap, block->log_count + 1, sizeof *block->log);
		block->log[block->log_count] = outcome->log[i];
		block->log[block->log_count++].tx = tx;
	}
}

static void run_call(struct sim_evm *e, uint32_t tx, uint64_t intrinsic)
{
	struct simevm_tx *t = e->tx[tx];
	const struct evm_address to = t->tx.to;
	struct simevm_outcome outcome = {.ok = true};
	if (simevm_account_at(e, &to, simevm_height(e)).contract)
		simevm_contract_run(e, &outcome,
			&(struct simevm_message){.from = t->from,
				.to = to,
				.value = t->value,
				.data = t->tx.data,
				.height = simevm_height(e),
				.number = simevm_height(e)});
	const uint64_t gas = intrinsic + outcome.gas;
	const bool enough = t->tx.gas_limit >= gas + outcome.gas_spare;
	t->ok = outcome.ok && enough;
	t->gas_used = enough ? gas : t->tx.gas_limit;
	if (!t->ok)
		return;
	move(e, &t->from, &to, t->value);
	if (outcome.changes)
		simevm_swap_write(e, &to, &outcome.key, outcome.state);
	if (outcome.amount != 0)
		move(e, &to, &outcome.payee, outcome.amount);
	keep_logs(e, tx, &outcome);
}

/* Only the HTLC can be created; whatever else is tried runs out of gas. */
static void run_create(struct sim_evm *e, uint32_t tx, uint64_t intrinsic)
{
	struct simevm_tx *t = e->tx[tx];
	const struct slice code = slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len);
	const bool known = slice_eq(t->tx.data, code) && t->value == 0;
	t->ok = known && t->tx.gas_limit >= intrinsic + SIMEVM_GAS_DEPLOY;
	t->gas_used = t->ok ? intrinsic + SIMEVM_GAS_DEPLOY : t->tx.gas_limit;
	evm_create_address(&t->created, &t->from, t->tx.nonce);
	if (!t->ok)
		return;
	struct simevm_version *a = simevm_account_write(e, &t->created);
	a->contract = true;
	a->nonce = 1;
}

static bool runnable(const struct sim_evm *e, const struct simevm_tx *t)
{
	const struct simevm_version from = simevm_account_at(e, &t->from, simevm_height(e));
	if (t->state != SIMEVM_POOL || t->foreign || t->held || t->price < e->market_price)
		return false;
	if (t->tx.nonce != from.nonce || simevm_tip(e)->gas_used + t->tx.gas_limit > e->block_gas)
		return false;
	/* checked against overflow when it was accepted */
	return t->price * t->tx.gas_limit + t->value <= from.balance;
}

/* Into the tip, which is the block being made. */
static void execute(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	struct simevm_block *block = simevm_tip(e);
	const uint64_t intrinsic = simevm_intrinsic_gas(t->tx.data, t->tx.create);
	t->log_count = 0;
	t->created = (struct evm_address){0};
	simevm_account_write(e, &t->from)->nonce++;
	if (t->tx.create)
		run_create(e, tx, intrinsic);
	else
		run_call(e, tx, intrinsic);
	move(e, &t->from, &miner, t->price * t->gas_used);
	/* after the nonce went up, so that the next free one stays where it is */
	simevm_pool_remove(e, tx);
	t->state = SIMEVM_MINED;
	t->block = e->chain[e->chain_len - 1];
	t->index = block->tx_count;
	block->gas_used += t->gas_used;
	t->gas_cumulative = block->gas_used;
	block->tx = sim_grow(block->tx, &block->tx_cap, block->tx_count + 1, sizeof *block->tx);
	block->tx[block->tx_count++] = tx;
}

/* ---- blocks ---- */

static void open_block(struct sim_evm *e, uint64_t now_ms)
{
	e->block = sim_grow(e->block, &e->block_cap, e->block_count + 1, sizeof *e->block);
	const uint32_t at = e->block_count++;
	struct simevm_block *block = &e->block[at];
	block->parent = e->chain_len == 0 ? SIMEVM_NONE : e->chain[e->chain_len - 1];
	block->number = e->chain_len;
	block->time_s = now_ms / 1000;
	if (e->chain_len > 0 && block->time_s <= simevm_tip(e)->time_s)
		block->time_s = simevm_tip(e)->time_s + 1;
	e->chain = sim_grow(e->chain, &e->chain_cap, e->chain_len + 1, sizeof *e->chain);
	e->chain[e->chain_len++] = at;
}

/* Its hash covers its parent, its place, its transactions, and a number that no two blocks share.
 */
static void seal_block(struct sim_evm *e)
{
	struct simevm_block *block = simevm_tip(e);
	struct text all = {0};
	uint8_t fixed[32 + 5 * 8] = {0};
	text_put(&all, "", 0);
	for (uint32_t i = 0; i < block->tx_count; i++)
		text_put(&all, e->tx[block->tx[i]]->hash.b, 32);
	keccak256(&block->tx_root, text_slice(&all));
	if (block->parent != SIMEVM_NONE)
		memcpy(fixed, e->block[block->parent].hash.b, 32);
	store_be64(fixed + 32, block->number);
	store_be64(fixed + 40, block->time_s);
	store_be64(fixed + 48, e->seed);
	store_be64(fixed + 56, e->salt++);
	store_be64(fixed + 64, e->chain_id);
	all.len = 0;
	text_put(&all, fixed, sizeof fixed);
	text_put(&all, block->tx_root.b, 32);
	keccak256(&block->hash, text_slice(&all));
	text_fini(&all);
	sim_index_put(&e->block_by_hash, block->hash.b, e->chain[e->chain_len - 1]);
}

void simevm_mine(struct sim_evm *e, uint64_t now_ms, bool empty)
{
	open_block(e, now_ms);
	const uint32_t count = empty ? 0 : e->pool_count;
	uint32_t *order = sim_alloc((count + 1) * sizeof *order);
	uint32_t at = e->pool_head;
	for (uint32_t i = 0; i < count; i++, at = e->tx[at]->next)
		order[i] = at;
	for (uint32_t i = 0; i < count; i++) {
		/* those of the same account that came before their turn follow at once */
		for (uint32_t tx = order[i]; tx != SIMEVM_NONE && runnable(e, e->tx[tx]);
			tx = simevm_pool_find(e, &e->tx[tx]->from, e->tx[tx]->tx.nonce + 1))
			execute(e, tx);
	}
	free(order);
	seal_block(e);
}

enum err simevm_reorg(struct sim_evm *e, uint64_t now_ms, const struct sim_reorg *reorg)
{
	if (reorg->depth == 0 || reorg->depth >= e->chain_len)
		return ERR_RANGE;
	const uint32_t keep_len = e->chain_len - reorg->depth, old_len = e->chain_len;
	const uint32_t count = reorg->blocks == 0 ? reorg->depth + 1 : reorg->blocks;
	uint32_t *back = NULL, back_count = 0, back_cap = 0;
	for (uint32_t h = keep_len; h < old_len; h++) {
		const struct simevm_block *block = &e->block[e->chain[h]];
		for (uint32_t i = 0; i < block->tx_count; i++) {
			e->tx[block->tx[i]]->state = SIMEVM_GONE;
			back = sim_grow(back, &back_cap, back_count + 1, sizeof *back);
			back[back_count++] = block->tx[i];
		}
	}
	for (; e->chain_len > keep_len; e->chain_len--)
		simevm_state_undo(e, simevm_tip(e));
	uint32_t none = 0;
	simevm_pool_rebuild(e, back == NULL ? &none : back, reorg->drop ? 0 : back_count);
	free(back);
	for (uint32_t i = 0; i < count; i++)
		simevm_mine(e, now_ms, true);
	return OK;
}

/* ---- the faucet ---- */

static enum err faucet_send(struct sim_evm *e, struct hash256 *hash, const struct evm_tx *tx)
{
	uint8_t *storage = sim_alloc(EVM_TX_MAX);
	struct buf raw = buf_init(storage, EVM_TX_MAX);
	struct hash256 digest;
	uint8_t sig[64];
	int recovery_id;
	uint32_t index;
	enum err e2 = ERR_RANGE;
	evm_tx_put_unsigned(&raw, tx);
	keccak256(&digest, buf_slice(&raw));
	CHECK(ecdsa_sign(sig, &recovery_id, &digest, &e->faucet_key) == OK);
	raw = buf_init(storage, EVM_TX_MAX);
	evm_tx_put_signed(&raw, tx, sig, recovery_id);
	CHECK(!raw.overflow);
	CHECK(simevm_tx_add(e, &index, buf_slice(&raw)) == OK);
	if (simevm_pool_add(e, index) == SIMEVM_ACCEPTED) {
		*hash = e->tx[index]->hash;
		e2 = OK;
	}
	free(storage);
	return e2;
}

enum err simevm_fund(
	struct sim_evm *e, struct hash256 *hash, const struct evm_address *to, struct amount value)
{
	/* twice the market's price: it is mined also when the market rises a little */
	const struct evm_tx tx = {.chain_id = e->chain_id,
		.nonce = simevm_next_nonce(e, &e->faucet),
		.gas_price = amount_of(ASSET_RBTC, e->market_price * 2),
		.gas_limit = SIMEVM_GAS_TX,
		.to = *to,
		.value = value};
	return faucet_send(e, hash, &tx);
}

static void deploy(struct sim_evm *e)
{
	struct hash256 hash;
	const struct evm_tx tx = {.chain_id = e->chain_id,
		.gas_price = amount_of(ASSET_RBTC, e->market_price),
		.gas_limit = FAUCET_GAS_DEPLOY,
		.create = true,
		.value = amount_zero(ASSET_RBTC),
		.data = slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len)};
	evm_create_address(&e->contract, &e->faucet, 0);
	CHECK(faucet_send(e, &hash, &tx) == OK);
}

void simevm_chain_begin(struct sim_evm *e)
{
	uint8_t seed[8];
	struct hash256 h;
	struct pubkey key;
	struct amount all;
	store_le64(seed, e->seed);
	tagged_hash(&h, "sluice/sim/evm-faucet", slice_of(seed, sizeof seed));
	memcpy(e->faucet_key.b, h.b, sizeof h.b);
	CHECK(pubkey_from_seckey(&key, &e->faucet_key) == OK);
	CHECK(evm_address_from_pubkey(&e->faucet, &key) == OK);
	CHECK(amount_parse(&all, ASSET_RBTC, slice_str(FAUCET_COINS)) == OK);
	open_block(e, e->start_ms);
	simevm_account_write(e, &e->faucet)->balance = simevm_wei(all);
	seal_block(e);
	deploy(e);
	simevm_mine(e, e->start_ms, false);
	CHECK(simevm_account_at(e, &e->contract, simevm_height(e)).contract);
}

/* ---- the network ---- */

static void evm_destroy(struct sim_network *n)
{
	struct sim_evm *e = simevm_of(n);
	for (uint32_t i = 0; i < e->tx_count; i++) {
		free(e->tx[i]->raw);
		free(e->tx[i]);
	}
	for (uint32_t i = 0; i < e->block_count; i++) {
		free(e->block[i].tx);
		free(e->block[i].log);
		free(e->block[i].account);
		free(e->block[i].swap);
	}
	for (uint32_t i = 0; i < e->account_count; i++)
		free(e->account[i].version);
	for (uint32_t i = 0; i < e->swap_count; i++)
		free(e->swap[i].version);
	sim_index_fini(&e->account_by_address);
	sim_index_fini(&e->swap_by_id);
	sim_index_fini(&e->tx_by_hash);
	sim_index_fini(&e->tx_by_nonce);
	sim_index_fini(&e->block_by_hash);
	free(e->tx);
	free(e->block);
	free(e->chain);
	free(e->account);
	free(e->swap);
	free(e);
}

static void evm_mine(struct sim_network *n, uint64_t now_ms, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		simevm_mine(simevm_of(n), now_ms, false);
}

static enum err evm_reorg(struct sim_network *n, uint64_t now_ms, const struct sim_reorg *reorg)
{
	return simevm_reorg(simevm_of(n), now_ms, reorg);
}

static uint64_t evm_height(const struct sim_network *n)
{
	return simevm_height((const struct sim_evm *)(const void *)n);
}

static void evm_state_hash(const struct sim_network *n, struct hash256 *out)
{
	const struct sim_evm *e = (const struct sim_evm *)(const void *)n;
	struct text all = {0};
	text_put(&all, simevm_tip(e)->hash.b, 32);
	for (uint32_t at = e->pool_head; at != SIMEVM_NONE; at = e->tx[at]->next)
		text_put(&all, e->tx[at]->hash.b, 32);
	for (uint32_t i = 0; i < e->account_count; i++) {
		const struct simevm_version v = simevm_account_at(
			e, &e->account[i].address, simevm_height(e));
		js_quantity(&all, v.balance);
		js_u64(&all, v.nonce);
	}
	js_u64(&all, e->market_price);
	sha256(out, text_slice(&all));
	text_fini(&all);
}

static unsigned evm_http_status(int64_t code)
{
	(void)code;
	return 200;
}

static const struct sim_ops evm_ops = {
	.name = "rootstock",
	.destroy = evm_destroy,
	.rpc = simevm_rpc,
	.mine = evm_mine,
	.reorg = evm_reorg,
	.height = evm_height,
	.state_hash = evm_state_hash,
	.http_status = evm_http_status,
	.version_2 = true,
};

struct sim_network *sim_evm_create(const struct sim_evm_config *config)
{
	struct sim_evm *e = sim_alloc(sizeof *e);
	struct sim_random random = {config->seed};
	const uint64_t key = sim_random_next(&random);
	e->network.ops = &evm_ops;
	e->seed = config->seed;
	e->start_ms = config->now_ms;
	e->chain_id = config->chain_id == 0 ? SIM_EVM_CHAIN_ID : config->chain_id;
	e->market_price = config->gas_price == 0 ? SIM_EVM_GAS_PRICE : config->gas_price;
	e->block_gas = config->block_gas == 0 ? SIM_EVM_BLOCK_GAS : config->block_gas;
	e->geth = config->geth;
	e->pool_head = e->pool_tail = SIMEVM_NONE;
	e->runtime = simevm_contract_code();
	sim_index_init(&e->account_by_address, 20, key);
	sim_index_init(&e->swap_by_id, 32, key);
	sim_index_init(&e->tx_by_hash, 32, key);
	sim_index_init(&e->tx_by_nonce, 28, key);
	sim_index_init(&e->block_by_hash, 32, key);
	simevm_chain_begin(e);
	return &e->network;
}

void sim_evm_contract(struct evm_address *out, const struct sim_network *n)
{
	*out = ((const struct sim_evm *)(const void *)n)->contract;
}
