/* Blocks, execution, mining, reorganisations, the faucet, and the node's begin and end. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/evm_chain.h"
#include "wire/erc20.h"

#define FAUCET_COINS "20000000"
#define FAUCET_GAS_DEPLOY 2000000u
#define FAUCET_GAS_TRANSFER 21000u
#define FAUCET_GAS_TOKEN 100000u

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

/* A held one is in no block that is made, but a node that does not make them can't know that. */
static bool runnable(const struct sim_evm *e, const struct simevm_tx *t)
{
	const struct simevm_version from = simevm_account_at(e, &t->from, simevm_height(e));
	const struct simevm_block *block = simevm_tip(e);
	if (t->state != SIMEVM_POOL || t->foreign || t->price < block->base_fee)
		return false;
	if (t->held && !block->pending)
		return false;
	if (simevm_price(t, block->base_fee) - block->base_fee < (e->rollup ? 0 : e->market_price))
		return false;
	if (t->tx.nonce != from.nonce || block->gas_used + t->tx.gas_limit > e->block_gas)
		return false;
	/* checked against overflow when it was accepted */
	const u128 data = simevm_data_fee(e, slice_of(t->raw, t->raw_len), block->number);
	return t->price * t->tx.gas_limit + t->value <= from.balance &&
		data <= from.balance - t->price * t->tx.gas_limit - t->value;
}

/* Into the tip, which is the block being made. */
static void execute(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	simevm_execute(e, tx);
	struct simevm_block *block = simevm_tip(e);
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
	block->base_fee = simevm_next_base_fee(e);
	e->next_base_fee = 0;
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
static void set_block_hash(struct sim_evm *e)
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
	store_be64(fixed + 56, e->salt);
	store_be64(fixed + 64, e->chain_id);
	all.len = 0;
	text_put(&all, fixed, sizeof fixed);
	text_put(&all, block->tx_root.b, 32);
	keccak256(&block->hash, text_slice(&all));
	text_fini(&all);
}

static void seal_block(struct sim_evm *e)
{
	set_block_hash(e);
	e->salt++;
	sim_index_put(&e->block_by_hash, simevm_tip(e)->hash.b, e->chain[e->chain_len - 1]);
}

/* The pool in order of arrival; the caller's. */
static uint32_t *pool_order(const struct sim_evm *e)
{
	uint32_t *order = sim_alloc((e->pool_count + 1) * sizeof *order);
	uint32_t at = e->pool_head;
	for (uint32_t i = 0; i < e->pool_count; i++, at = e->tx[at]->next)
		order[i] = at;
	return order;
}

static void execute_all(struct sim_evm *e, const uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		/* those of the same account that came before their turn follow at once */
		for (uint32_t tx = order[i]; tx != SIMEVM_NONE && runnable(e, e->tx[tx]);
			tx = simevm_pool_find(e, &e->tx[tx]->from, e->tx[tx]->tx.nonce + 1))
			execute(e, tx);
	}
}

void simevm_mine(struct sim_evm *e, uint64_t now_ms, bool empty)
{
	open_block(e, now_ms);
	uint32_t *order = pool_order(e);
	execute_all(e, order, empty ? 0 : e->pool_count);
	free(order);
	seal_block(e);
}

static void free_block(struct simevm_block *block)
{
	for (uint32_t i = 0; i < block->log_count; i++)
		free(block->log[i].data);
	free(block->tx);
	free(block->log);
	free(block->account);
	free(block->slot);
}

void simevm_pending(struct sim_evm *e, uint64_t now_ms,
	void (*show)(struct simevm_rpc_call *c, uint32_t block), struct simevm_rpc_call *c)
{
	const uint64_t said = e->next_base_fee;
	const uint32_t count = e->pool_count;
	uint32_t *order = pool_order(e);
	open_block(e, now_ms);
	struct simevm_block *block = simevm_tip(e);
	block->pending = true;
	execute_all(e, order, count);
	set_block_hash(e);
	show(c, e->chain[e->chain_len - 1]);

	for (uint32_t i = 0; i < block->tx_count; i++)
		e->tx[block->tx[i]]->state = SIMEVM_GONE;
	simevm_state_undo(e, block);
	free_block(block);
	*block = (struct simevm_block){0};
	e->block_count--;
	e->chain_len--;
	e->next_base_fee = said;
	simevm_pool_rebuild(e, order, count);
	free(order);
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

/* What the faucet offers for gas: it is mined also when the market rises a little. */
static struct amount generous_price(const struct sim_evm *e)
{
	const uint64_t base = e->chain_len == 0 ? 0 : simevm_next_base_fee(e);
	return amount_of(e->coin, (base + e->market_price) * 2);
}

enum err simevm_fund(
	struct sim_evm *e, struct hash256 *hash, const struct evm_address *to, struct amount value)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf call = buf_init(storage, sizeof storage);
	struct evm_tx tx = {.chain_id = e->chain_id,
		.nonce = simevm_next_nonce(e, &e->faucet),
		.gas_price = generous_price(e),
		.gas_limit = FAUCET_GAS_TRANSFER,
		.to = *to,
		.value = value};
	if (value.asset != e->coin) {
		erc20_transfer_call(&call, to, value);
		tx.gas_limit = FAUCET_GAS_TOKEN;
		tx.to = e->token;
		tx.value = amount_zero(e->coin);
		tx.data = buf_slice(&call);
	}
	return faucet_send(e, hash, &tx);
}

static void deploy(struct sim_evm *e, struct evm_address *at, struct slice code)
{
	struct hash256 hash;
	const uint64_t nonce = simevm_next_nonce(e, &e->faucet);
	const struct evm_tx tx = {.chain_id = e->chain_id,
		.nonce = nonce,
		.gas_price = generous_price(e),
		.gas_limit = FAUCET_GAS_DEPLOY,
		.create = true,
		.value = amount_zero(e->coin),
		.data = code};
	evm_create_address(at, &e->faucet, nonce);
	CHECK(faucet_send(e, &hash, &tx) == OK);
}

enum err simevm_token_call(struct sim_evm *e, struct hash256 *hash, const char *signature,
	const struct evm_address *who, u128 number)
{
	uint8_t storage[ERC20_CALL_MAX];
	struct buf call = buf_init(storage, sizeof storage);
	struct hash256 selector;
	keccak256(&selector, slice_str(signature));
	buf_put(&call, selector.b, ABI_SELECTOR);
	abi_put_address(&call, who);
	abi_put_u128(&call, number);
	const struct evm_tx tx = {.chain_id = e->chain_id,
		.nonce = simevm_next_nonce(e, &e->faucet),
		.gas_price = generous_price(e),
		.gas_limit = FAUCET_GAS_TOKEN,
		.to = e->token,
		.value = amount_zero(e->coin),
		.data = buf_slice(&call)};
	return faucet_send(e, hash, &tx);
}

static void mint(struct sim_evm *e)
{
	struct hash256 hash;
	struct amount all;
	CHECK(amount_parse(&all, ASSET_WBTC, slice_str(FAUCET_COINS)) == OK);
	CHECK(simevm_token_call(e, &hash, "mint(address,uint256)", &e->faucet, simevm_wei(all)) ==
		OK);
}

/* Block 1 has the contracts. */
static void first_block(struct sim_evm *e)
{
	const enum layer_id layer = e->rollup ? LAYER_BOB : LAYER_ROOTSTOCK;
	deploy(e, &e->contract, evm_htlc_creation(layer));
	e->token_contract = e->contract;
	if (e->tokens) {
		deploy(e, &e->token,
			slice_of(test_token_creation_code, test_token_creation_code_len));
		mint(e);
	}
	if (e->tokens && !e->rollup)
		deploy(e, &e->token_contract, evm_htlc_creation(LAYER_ROOTSTOCK_ERC20));
	simevm_mine(e, e->start_ms, false);
	const struct evm_address *const made[] = {&e->contract, &e->token, &e->token_contract};
	for (size_t i = 0; i < (e->tokens ? ARRAY_LEN(made) : 1); i++)
		CHECK(simevm_account_at(e, made[i], simevm_height(e)).code != 0);
	CHECK(e->pool_count == 0);
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
	CHECK(amount_parse(&all, e->coin, slice_str(FAUCET_COINS)) == OK);
	open_block(e, e->start_ms);
	simevm_account_write(e, &e->faucet)->balance = simevm_wei(all);
	seal_block(e);
	if (e->rollup)
		simevm_fee_begin(e);
	first_block(e);
}

/* ---- the network ---- */

static void evm_destroy(struct sim_network *n)
{
	struct sim_evm *e = simevm_of(n);
	for (uint32_t i = 0; i < e->tx_count; i++) {
		free(e->tx[i]->raw);
		free(e->tx[i]);
	}
	for (uint32_t i = 0; i < e->block_count; i++)
		free_block(&e->block[i]);
	for (uint32_t i = 0; i < e->account_count; i++)
		free(e->account[i].version);
	for (uint32_t i = 0; i < e->slot_count; i++)
		free(e->slot[i].version);
	for (uint32_t i = 1; i < e->code_count; i++)
		simevm_code_fini(&e->code[i]);
	sim_index_fini(&e->account_by_address);
	sim_index_fini(&e->slot_by_id);
	sim_index_fini(&e->tx_by_hash);
	sim_index_fini(&e->tx_by_nonce);
	sim_index_fini(&e->block_by_hash);
	free(e->tx);
	free(e->block);
	free(e->chain);
	free(e->account);
	free(e->slot);
	free(e->code);
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
		if (e->account[i].version_count == 0)
			continue; /* was there in a block that is no more */
		const struct simevm_version v = simevm_account_at(
			e, &e->account[i].address, simevm_height(e));
		js_quantity(&all, v.balance);
		js_u64(&all, v.nonce);
	}
	for (uint32_t i = 0; i < e->slot_count; i++) {
		const struct simevm_slot *s = &e->slot[i];
		if (s->version_count > 0)
			text_put(&all, &s->version[s->version_count - 1].value, WORD_SIZE);
	}
	js_u64(&all, e->market_price);
	js_u64(&all, e->next_base_fee);
	sha256(out, text_slice(&all));
	text_fini(&all);
}

static unsigned evm_http_status(int64_t code)
{
	(void)code;
	return 200;
}

#define OPS(its_name)                                                                              \
	{                                                                                          \
		.name = its_name, .destroy = evm_destroy, .rpc = simevm_rpc, .mine = evm_mine,     \
		.reorg = evm_reorg, .height = evm_height, .state_hash = evm_state_hash,            \
		.http_status = evm_http_status, .version_2 = true                                  \
	}
static const struct sim_ops evm_ops = OPS("rootstock"), rollup_ops = OPS("bob");

/* What is not said is as it is by default. */
static void configure(struct sim_evm *e, const struct sim_evm_config *c)
{
	const struct {
		uint64_t *to, said, rootstock, rollup;
	} numbers[] = {
		{&e->chain_id, c->chain_id, SIM_EVM_CHAIN_ID, SIM_EVM_ROLLUP_CHAIN_ID},
		{&e->market_price, c->gas_price, SIM_EVM_GAS_PRICE, SIM_EVM_PRIORITY},
		{&e->block_gas, c->block_gas, SIM_EVM_BLOCK_GAS, SIM_EVM_BLOCK_GAS},
		{&e->safe_depth, c->safe_depth, SIM_EVM_SAFE_DEPTH, SIM_EVM_ROLLUP_SAFE_DEPTH},
		{&e->final_depth, c->final_depth, SIM_EVM_FINAL_DEPTH, SIM_EVM_ROLLUP_FINAL_DEPTH},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		*numbers[i].to = numbers[i].said != 0 ? numbers[i].said
			: c->rollup                   ? numbers[i].rollup
						      : numbers[i].rootstock;
	e->rollup = c->rollup;
	e->tokens = c->tokens || c->rollup;
	e->coin = c->rollup ? ASSET_ETH : ASSET_RBTC;
	e->network.ops = c->rollup ? &rollup_ops : &evm_ops;
	e->seed = c->seed;
	e->start_ms = c->now_ms;
	e->geth = c->geth;
}

struct sim_network *sim_evm_create(const struct sim_evm_config *config)
{
	struct sim_evm *e = sim_alloc(sizeof *e);
	struct sim_random random = {config->seed};
	const uint64_t key = sim_random_next(&random);
	configure(e, config);
	e->pool_head = e->pool_tail = SIMEVM_NONE;
	sim_index_init(&e->account_by_address, 20, key);
	sim_index_init(&e->slot_by_id, 32, key);
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

void sim_evm_token(struct evm_address *out, const struct sim_network *n)
{
	*out = ((const struct sim_evm *)(const void *)n)->token;
}

void sim_evm_token_contract(struct evm_address *out, const struct sim_network *n)
{
	*out = ((const struct sim_evm *)(const void *)n)->token_contract;
}
