/* Records of transactions, and the pool: by account and nonce, with gaps. */
#include <stdlib.h>

#include "sim/evm_chain.h"

#define NONCE_KEY 28u

enum err simevm_tx_add(struct sim_evm *e, uint32_t *index, struct slice raw)
{
	if (raw.len == 0 || raw.len > EVM_TX_MAX)
		return ERR_FORMAT;
	struct simevm_tx *t = sim_alloc(sizeof *t);
	t->raw = sim_copy(raw.ptr, raw.len);
	t->raw_len = (uint32_t)raw.len;
	if (evm_tx_parse_signed(&t->tx, &t->from, &t->hash, e->coin, slice_of(t->raw, raw.len)) !=
			OK ||
		(t->tx.type == EVM_TYPE_FEE_MARKET && !e->rollup)) {
		free(t->raw);
		free(t);
		return ERR_FORMAT;
	}
	const uint32_t known = sim_index_get(&e->tx_by_hash, t->hash.b);
	if (known != MAP_NONE) {
		free(t->raw);
		free(t);
		*index = known;
		return OK;
	}
	t->value = simevm_wei(t->tx.value);
	t->price = simevm_wei(t->tx.gas_price);
	t->priority = t->tx.type == EVM_TYPE_FEE_MARKET ? simevm_wei(t->tx.priority_fee) : t->price;
	t->foreign = t->tx.chain_id != e->chain_id;
	t->block = t->prev = t->next = SIMEVM_NONE;
	e->tx = sim_grow(e->tx, &e->tx_cap, e->tx_count + 1, sizeof(*e->tx));
	e->tx[e->tx_count] = t;
	*index = e->tx_count++;
	sim_index_put(&e->tx_by_hash, t->hash.b, *index);
	return OK;
}

uint32_t simevm_tx_find(const struct sim_evm *e, const struct hash256 *hash)
{
	const uint32_t at = sim_index_get(&e->tx_by_hash, hash->b);
	return at == MAP_NONE ? SIMEVM_NONE : at;
}

static void nonce_key(uint8_t key[NONCE_KEY], const struct evm_address *from, uint64_t nonce)
{
	memcpy(key, from->b, sizeof from->b);
	store_le64(key + sizeof from->b, nonce);
}

uint32_t simevm_pool_find(const struct sim_evm *e, const struct evm_address *from, uint64_t nonce)
{
	uint8_t key[NONCE_KEY];
	nonce_key(key, from, nonce);
	const uint32_t at = sim_index_get(&e->tx_by_nonce, key);
	return at == MAP_NONE ? SIMEVM_NONE : at;
}

/* ---- the next free nonce of each account, kept so that nobody counts a thousand ---- */

uint64_t simevm_next_nonce(const struct sim_evm *e, const struct evm_address *from)
{
	const uint32_t at = simevm_account_find(e, from);
	const uint64_t state = simevm_account_at(e, from, simevm_height(e)).nonce;
	uint64_t next = at == SIMEVM_NONE ? 0 : e->account[at].next_nonce;
	if (next < state)
		next = state;
	while (simevm_pool_find(e, from, next) != SIMEVM_NONE)
		next++;
	return next;
}

static void next_nonce_raise(struct sim_evm *e, const struct evm_address *from)
{
	const uint32_t at = simevm_account_find(e, from);
	if (at != SIMEVM_NONE)
		e->account[at].next_nonce = simevm_next_nonce(e, from);
}

static void next_nonce_lower(struct sim_evm *e, const struct evm_address *from, uint64_t nonce)
{
	const uint32_t at = simevm_account_find(e, from);
	/* one that was mined is taken by the state */
	if (at != SIMEVM_NONE && e->account[at].next_nonce > nonce &&
		simevm_account_at(e, from, simevm_height(e)).nonce <= nonce)
		e->account[at].next_nonce = nonce;
}

/* ---- the list ---- */

static void link_in(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	uint8_t key[NONCE_KEY];
	t->prev = e->pool_tail;
	t->next = SIMEVM_NONE;
	if (e->pool_tail != SIMEVM_NONE)
		e->tx[e->pool_tail]->next = tx;
	else
		e->pool_head = tx;
	e->pool_tail = tx;
	e->pool_count++;
	t->state = SIMEVM_POOL;
	if (t->foreign)
		return; /* takes no nonce of this chain */
	nonce_key(key, &t->from, t->tx.nonce);
	sim_index_put(&e->tx_by_nonce, key, tx);
	next_nonce_raise(e, &t->from);
}

void simevm_pool_remove(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	uint8_t key[NONCE_KEY];
	CHECK(t->state == SIMEVM_POOL);
	if (t->prev != SIMEVM_NONE)
		e->tx[t->prev]->next = t->next;
	else
		e->pool_head = t->next;
	if (t->next != SIMEVM_NONE)
		e->tx[t->next]->prev = t->prev;
	else
		e->pool_tail = t->prev;
	t->prev = t->next = SIMEVM_NONE;
	t->state = SIMEVM_GONE;
	e->pool_count--;
	if (t->foreign)
		return;
	nonce_key(key, &t->from, t->tx.nonce);
	CHECK(sim_index_remove(&e->tx_by_nonce, key));
	next_nonce_lower(e, &t->from, t->tx.nonce);
}

/* gas_limit * price + value and the fee for data, or the greatest there is. */
static u128 cost_of(const struct sim_evm *e, const struct simevm_tx *t)
{
	const u128 data = simevm_data_fee(e, slice_of(t->raw, t->raw_len), simevm_height(e));
	const u128 most = ~(u128)0;
	if (t->price != 0 && t->tx.gas_limit > most / t->price)
		return most;
	const u128 gas = t->price * t->tx.gas_limit;
	if (t->value > most - gas || data > most - gas - t->value)
		return most;
	return gas + t->value + data;
}

/* Rounded up; prices are far below 2^124 where anybody has funds. */
static bool a_tenth_more(u128 price, u128 old)
{
	return price >= old + old / 10 + (old % 10 != 0);
}

enum simevm_refusal simevm_pool_add(struct sim_evm *e, uint32_t tx)
{
	struct simevm_tx *t = e->tx[tx];
	const struct simevm_version from = simevm_account_at(e, &t->from, simevm_height(e));
	if (t->state != SIMEVM_GONE)
		return SIMEVM_KNOWN;
	if (t->foreign && e->geth)
		return SIMEVM_FOREIGN;
	if (t->tx.nonce < from.nonce)
		return SIMEVM_NONCE_LOW;
	const struct simevm_intrinsic least = simevm_intrinsic_gas(e, &t->tx);
	if (t->tx.gas_limit < least.gas || t->tx.gas_limit < least.floor)
		return SIMEVM_GAS_LOW;
	if (t->tx.gas_limit > e->block_gas)
		return SIMEVM_GAS_HIGH;
	if (t->price < simevm_next_base_fee(e) && !e->geth)
		return SIMEVM_FEE_LOW; /* geth keeps it until the fee falls */
	if (cost_of(e, t) > from.balance)
		return SIMEVM_NO_FUNDS;
	const uint32_t other = t->foreign ? SIMEVM_NONE
					  : simevm_pool_find(e, &t->from, t->tx.nonce);
	if (other != SIMEVM_NONE) {
		if (!a_tenth_more(t->price, e->tx[other]->price) ||
			!a_tenth_more(t->priority, e->tx[other]->priority))
			return SIMEVM_UNDERPRICED;
		simevm_pool_remove(e, other);
	} else if (e->pool_count >= SIM_EVM_POOL_MAX) {
		return SIMEVM_POOL_FULL;
	}
	link_in(e, tx);
	return SIMEVM_ACCEPTED;
}

void simevm_pool_rebuild(struct sim_evm *e, const uint32_t *first, uint32_t first_count)
{
	const uint32_t old_count = e->pool_count;
	uint32_t *old = sim_alloc((old_count + 1) * sizeof *old);
	for (uint32_t i = 0; i < old_count; i++) {
		old[i] = e->pool_head;
		simevm_pool_remove(e, e->pool_head);
	}
	for (uint32_t i = 0; i < e->account_count; i++)
		e->account[i].next_nonce = 0;
	for (uint32_t i = 0; i < first_count + old_count; i++) {
		const uint32_t tx = i < first_count ? first[i] : old[i - first_count];
		const struct simevm_tx *t = e->tx[tx];
		const uint64_t nonce = simevm_account_at(e, &t->from, simevm_height(e)).nonce;
		const bool taken = !t->foreign &&
			(t->tx.nonce < nonce ||
				simevm_pool_find(e, &t->from, t->tx.nonce) != SIMEVM_NONE);
		if (t->state == SIMEVM_GONE && !taken)
			link_in(e, tx);
	}
	free(old);
}
