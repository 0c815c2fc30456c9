/* Accounts and swaps by version. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/evm_chain.h"

uint32_t simevm_account_find(const struct sim_evm *e, const struct evm_address *address)
{
	const uint32_t at = sim_index_get(&e->account_by_address, address->b);
	return at == MAP_NONE ? SIMEVM_NONE : at;
}

static uint32_t account_make(struct sim_evm *e, const struct evm_address *address)
{
	uint32_t at = simevm_account_find(e, address);
	if (at != SIMEVM_NONE)
		return at;
	e->account = sim_grow(
		e->account, &e->account_cap, e->account_count + 1, sizeof *e->account);
	at = e->account_count++;
	e->account[at].address = *address;
	sim_index_put(&e->account_by_address, address->b, at);
	return at;
}

/* How many versions are of this height or lower. */
static uint32_t account_rank(const struct simevm_account *a, uint64_t height)
{
	uint32_t low = 0, high = a->version_count;
	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;
		if (a->version[mid].height <= height)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct simevm_version simevm_account_at(
	const struct sim_evm *e, const struct evm_address *address, uint64_t height)
{
	const uint32_t at = simevm_account_find(e, address);
	const uint32_t rank = at == SIMEVM_NONE ? 0 : account_rank(&e->account[at], height);
	return rank == 0 ? (struct simevm_version){0} : e->account[at].version[rank - 1];
}

struct simevm_version *simevm_account_write(struct sim_evm *e, const struct evm_address *address)
{
	const uint64_t height = simevm_height(e);
	struct simevm_block *block = simevm_tip(e);
	const uint32_t at = account_make(e, address);
	struct simevm_account *a = &e->account[at];
	const uint32_t count = a->version_count;
	if (count > 0 && a->version[count - 1].height == height)
		return &a->version[count - 1];
	a->version = sim_grow(a->version, &a->version_cap, count + 1, sizeof *a->version);
	a->version[count] = count > 0 ? a->version[count - 1]
				      : (struct simevm_version){.height = height};
	a->version[count].height = height;
	a->version_count++;
	block->account = sim_grow(
		block->account, &block->account_cap, block->account_count + 1, sizeof(uint32_t));
	block->account[block->account_count++] = at;
	return &a->version[count];
}

static void swap_id(
	struct hash256 *id, const struct evm_address *contract, const struct hash256 *key)
{
	const struct slice part[2] = {
		slice_of(contract->b, sizeof contract->b), slice_of(key->b, sizeof key->b)};
	sha256_parts(id, part, 2);
}

enum evm_htlc_state simevm_swap_at(const struct sim_evm *e, const struct evm_address *contract,
	const struct hash256 *key, uint64_t height)
{
	struct hash256 id;
	swap_id(&id, contract, key);
	const uint32_t at = sim_index_get(&e->swap_by_id, id.b);
	if (at == MAP_NONE)
		return EVM_HTLC_STATE_NONE;
	/* a swap changes twice in its life */
	const struct simevm_swap *s = &e->swap[at];
	for (uint32_t i = s->version_count; i-- > 0;)
		if (s->version[i].height <= height)
			return s->version[i].state;
	return EVM_HTLC_STATE_NONE;
}

void simevm_swap_write(struct sim_evm *e, const struct evm_address *contract,
	const struct hash256 *key, enum evm_htlc_state state)
{
	struct hash256 id;
	struct simevm_block *block = simevm_tip(e);
	swap_id(&id, contract, key);
	uint32_t at = sim_index_get(&e->swap_by_id, id.b);
	if (at == MAP_NONE) {
		e->swap = sim_grow(e->swap, &e->swap_cap, e->swap_count + 1, sizeof *e->swap);
		at = e->swap_count++;
		sim_index_put(&e->swap_by_id, id.b, at);
	}
	struct simevm_swap *s = &e->swap[at];
	s->version = sim_grow(
		s->version, &s->version_cap, s->version_count + 1, sizeof *s->version);
	s->version[s->version_count++] = (struct simevm_swap_version){
		.height = block->number, .state = state};
	block->swap = sim_grow(
		block->swap, &block->swap_cap, block->swap_count + 1, sizeof(uint32_t));
	block->swap[block->swap_count++] = at;
}

void simevm_state_undo(struct sim_evm *e, const struct simevm_block *block)
{
	for (uint32_t i = 0; i < block->account_count; i++) {
		struct simevm_account *a = &e->account[block->account[i]];
		while (a->version_count > 0 &&
			a->version[a->version_count - 1].height >= block->number)
			a->version_count--;
	}
	for (uint32_t i = 0; i < block->swap_count; i++) {
		struct simevm_swap *s = &e->swap[block->swap[i]];
		while (s->version_count > 0 &&
			s->version[s->version_count - 1].height >= block->number)
			s->version_count--;
	}
}
