/* Accounts, storage and code, by version. */
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

/* ---- storage ---- */

static void slot_id(struct hash256 *id, const struct evm_address *contract, struct word key)
{
	uint8_t be[WORD_SIZE];
	const struct slice part[2] = {
		slice_of(contract->b, sizeof contract->b), slice_of(be, sizeof be)};
	word_store(be, key);
	sha256_parts(id, part, 2);
}

struct word simevm_slot_at(const struct sim_evm *e, const struct evm_address *contract,
	struct word key, uint64_t height)
{
	struct hash256 id;
	slot_id(&id, contract, key);
	const uint32_t at = sim_index_get(&e->slot_by_id, id.b);
	if (at == MAP_NONE)
		return word_of(0);
	const struct simevm_slot *s = &e->slot[at];
	uint32_t low = 0, high = s->version_count;
	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;
		if (s->version[mid].height <= height)
			low = mid + 1;
		else
			high = mid;
	}
	return low == 0 ? word_of(0) : s->version[low - 1].value;
}

void simevm_slot_write(
	struct sim_evm *e, const struct evm_address *contract, struct word key, struct word value)
{
	struct hash256 id;
	struct simevm_block *block = simevm_tip(e);
	slot_id(&id, contract, key);
	uint32_t at = sim_index_get(&e->slot_by_id, id.b);
	if (at == MAP_NONE) {
		e->slot = sim_grow(e->slot, &e->slot_cap, e->slot_count + 1, sizeof *e->slot);
		at = e->slot_count++;
		sim_index_put(&e->slot_by_id, id.b, at);
	}
	struct simevm_slot *s = &e->slot[at];
	const uint32_t count = s->version_count;
	if (count > 0 && s->version[count - 1].height == block->number) {
		s->version[count - 1].value = value;
		return;
	}
	s->version = sim_grow(s->version, &s->version_cap, count + 1, sizeof *s->version);
	s->version[s->version_count++] = (struct simevm_slot_version){block->number, value};
	block->slot = sim_grow(
		block->slot, &block->slot_cap, block->slot_count + 1, sizeof(uint32_t));
	block->slot[block->slot_count++] = at;
}

/* ---- code ---- */

#define PUSH_1 0x60u
#define PUSH_32 0x7fu
#define JUMPDEST 0x5bu

void simevm_code_init(struct simevm_code *code, struct slice bytes)
{
	code->bytes = slice_of(sim_copy(bytes.ptr, bytes.len), bytes.len);
	code->jump = sim_alloc(bytes.len / 8 + 1);
	for (size_t i = 0; i < bytes.len; i++) {
		const uint8_t op = bytes.ptr[i];
		if (op == JUMPDEST)
			code->jump[i / 8] |= (uint8_t)(1u << i % 8);
		else if (op >= PUSH_1 && op <= PUSH_32)
			i += op - PUSH_1 + 1u;
	}
}

void simevm_code_fini(struct simevm_code *code)
{
	free((void *)(uintptr_t)code->bytes.ptr);
	free(code->jump);
}

uint32_t simevm_code_add(struct sim_evm *e, struct slice bytes)
{
	if (bytes.len == 0)
		return 0;
	for (uint32_t i = 1; i < e->code_count; i++)
		if (slice_eq(e->code[i].bytes, bytes))
			return i;
	const uint32_t at = e->code_count == 0 ? 1 : e->code_count;
	e->code = sim_grow(e->code, &e->code_cap, at + 1, sizeof *e->code);
	simevm_code_init(&e->code[at], bytes);
	e->code_count = at + 1;
	return at;
}

void simevm_state_undo(struct sim_evm *e, const struct simevm_block *block)
{
	for (uint32_t i = 0; i < block->account_count; i++) {
		struct simevm_account *a = &e->account[block->account[i]];
		while (a->version_count > 0 &&
			a->version[a->version_count - 1].height >= block->number)
			a->version_count--;
	}
	for (uint32_t i = 0; i < block->slot_count; i++) {
		struct simevm_slot *s = &e->slot[block->slot[i]];
		while (s->version_count > 0 &&
			s->version[s->version_count - 1].height >= block->number)
			s->version_count--;
	}
}
