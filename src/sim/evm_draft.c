/* The draft of a transaction: what it touched, and how to take it back. */
#include <stdlib.h>

#include "sim/evm_machine.h"

enum undo_kind { UNDO_ACCOUNT, UNDO_ACCOUNT_WARM, UNDO_SLOT, UNDO_SLOT_WARM };

struct draft_undo {
	enum undo_kind kind;
	uint32_t at;
	struct simevm_version account;
	struct word slot;
};

void simevm_draft_init(struct simevm_draft *d, struct sim_evm *e, uint64_t height)
{
	*d = (struct simevm_draft){.e = e, .height = height};
}

static void drop_logs(struct simevm_draft *d, uint32_t keep)
{
	while (d->log_count > keep)
		free(d->log[--d->log_count].data);
}

void simevm_draft_fini(struct simevm_draft *d)
{
	drop_logs(d, 0);
	free(d->account);
	free(d->slot);
	free(d->log);
	free(d->undo);
}

void simevm_draft_apply(const struct simevm_draft *d, struct sim_evm *e)
{
	for (uint32_t i = 0; i < d->account_count; i++) {
		const struct draft_account *a = &d->account[i];
		if (!a->written)
			continue;
		struct simevm_version *v = simevm_account_write(e, &a->address);
		v->balance = a->now.balance;
		v->nonce = a->now.nonce;
		v->code = a->now.code;
	}
	for (uint32_t i = 0; i < d->slot_count; i++) {
		const struct draft_slot *s = &d->slot[i];
		if (!word_eq(s->before, s->now))
			simevm_slot_write(e, &s->address, s->key, s->now);
	}
}

/* ---- taking back ---- */

static struct draft_undo *note(struct simevm_draft *d, enum undo_kind kind, uint32_t at)
{
	d->undo = sim_grow(d->undo, &d->undo_cap, d->undo_count + 1, sizeof *d->undo);
	struct draft_undo *u = &d->undo[d->undo_count++];
	u->kind = kind;
	u->at = at;
	return u;
}

struct draft_mark draft_mark(const struct simevm_draft *d)
{
	return (struct draft_mark){d->undo_count, d->log_count, d->refund};
}

void draft_revert(struct simevm_draft *d, const struct draft_mark *mark)
{
	while (d->undo_count > mark->undo_count) {
		const struct draft_undo *u = &d->undo[--d->undo_count];
		switch (u->kind) {
		case UNDO_ACCOUNT: d->account[u->at].now = u->account; break;
		case UNDO_ACCOUNT_WARM: d->account[u->at].warm = false; break;
		case UNDO_SLOT: d->slot[u->at].now = u->slot; break;
		case UNDO_SLOT_WARM: d->slot[u->at].warm = false; break;
		}
	}
	drop_logs(d, mark->log_count);
	d->refund = mark->refund;
}

/* ---- accounts: a transaction touches a few, so they are searched in order ---- */

static uint32_t account_index(struct simevm_draft *d, const struct evm_address *address)
{
	for (uint32_t i = 0; i < d->account_count; i++)
		if (evm_address_eq(&d->account[i].address, address))
			return i;
	d->account = sim_grow(
		d->account, &d->account_cap, d->account_count + 1, sizeof *d->account);
	d->account[d->account_count] = (struct draft_account){
		.address = *address, .now = simevm_account_at(d->e, address, d->height)};
	return d->account_count++;
}

const struct draft_account *draft_account(struct simevm_draft *d, const struct evm_address *address)
{
	const uint32_t at = account_index(d, address); /* may move the array */
	return &d->account[at];
}

void draft_account_set(
	struct simevm_draft *d, const struct evm_address *address, const struct simevm_version *now)
{
	const uint32_t at = account_index(d, address);
	note(d, UNDO_ACCOUNT, at)->account = d->account[at].now;
	d->account[at].now = *now;
	d->account[at].written = true;
}

bool draft_account_warm(struct simevm_draft *d, const struct evm_address *address)
{
	const uint32_t at = account_index(d, address);
	if (d->account[at].warm)
		return false;
	d->account[at].warm = true;
	(void)note(d, UNDO_ACCOUNT_WARM, at);
	return true;
}

bool draft_pay(struct simevm_draft *d, const struct evm_address *from, const struct evm_address *to,
	u128 value)
{
	struct simevm_version v = draft_account(d, from)->now;
	if (v.balance < value)
		return false;
	if (value == 0)
		return true;
	v.balance -= value;
	draft_account_set(d, from, &v);
	v = draft_account(d, to)->now;
	v.balance += value;
	draft_account_set(d, to, &v);
	return true;
}

/* ---- storage ---- */

static uint32_t slot_index(
	struct simevm_draft *d, const struct evm_address *address, struct word key)
{
	for (uint32_t i = 0; i < d->slot_count; i++)
		if (word_eq(d->slot[i].key, key) && evm_address_eq(&d->slot[i].address, address))
			return i;
	const struct word value = simevm_slot_at(d->e, address, key, d->height);
	d->slot = sim_grow(d->slot, &d->slot_cap, d->slot_count + 1, sizeof *d->slot);
	d->slot[d->slot_count] = (struct draft_slot){
		.address = *address, .key = key, .before = value, .now = value};
	return d->slot_count++;
}

const struct draft_slot *draft_slot(
	struct simevm_draft *d, const struct evm_address *address, struct word key)
{
	const uint32_t at = slot_index(d, address, key);
	return &d->slot[at];
}

void draft_slot_set(
	struct simevm_draft *d, const struct evm_address *address, struct word key, struct word now)
{
	const uint32_t at = slot_index(d, address, key);
	note(d, UNDO_SLOT, at)->slot = d->slot[at].now;
	d->slot[at].now = now;
}

bool draft_slot_warm(struct simevm_draft *d, const struct evm_address *address, struct word key)
{
	const uint32_t at = slot_index(d, address, key);
	if (d->slot[at].warm)
		return false;
	d->slot[at].warm = true;
	(void)note(d, UNDO_SLOT_WARM, at);
	return true;
}

void draft_log(struct simevm_draft *d, const struct simevm_log *log)
{
	d->log = sim_grow(d->log, &d->log_cap, d->log_count + 1, sizeof *d->log);
	d->log[d->log_count++] = *log;
}
