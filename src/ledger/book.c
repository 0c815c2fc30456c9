#include "ledger/book.h"

#include <stdlib.h>

_Static_assert(sizeof(struct book_row) == BOOK_ROW_SIZE, "docs/data-on-disk.md states it");
_Static_assert(BOOK_BATCH_MAX < BOOK_ROWS_MAX, "a batch fits");

const char *book_result_name(enum book_result r)
{
	static const char *const names[BOOK_RESULT_COUNT] = {
		[BOOK_DONE] = "done",
		[BOOK_EXISTS] = "exists",
		[BOOK_EXISTS_DIFFERENT] = "exists_different",
		[BOOK_ID_INVALID] = "id_invalid",
		[BOOK_AMOUNT_INVALID] = "amount_invalid",
		[BOOK_SAME_ACCOUNT] = "same_account",
		[BOOK_FROM_UNKNOWN] = "from_unknown",
		[BOOK_TO_UNKNOWN] = "to_unknown",
		[BOOK_LAYER_DIFFERENT] = "layer_different",
		[BOOK_FUNDS_SHORT] = "funds_short",
		[BOOK_CUSTODY_SHORT] = "custody_short",
		[BOOK_OVERFLOW] = "overflow",
	};
	CHECK(r < BOOK_RESULT_COUNT);
	return names[r];
}

static bool id_is_zero(const struct id128 *id)
{
	static const struct id128 zero;
	return id128_eq(id, &zero);
}

static u128 units_of(struct amount a)
{
	uint8_t raw[16];
	amount_store(raw, a);
	return (u128)load_le64(raw) | (u128)load_le64(raw + 8) << 64;
}

/* ---- life ---- */

/* At least a quarter of the index stays free. */
static uint32_t index_size(uint32_t rows)
{
	uint32_t n = 2;
	while (n / 4 * 3 < rows)
		n *= 2;
	return n;
}

enum err book_init(struct book *b, uint32_t accounts, uint32_t rows, uint64_t seed)
{
	CHECK(accounts <= BOOK_ACCOUNTS_MAX && rows <= BOOK_ROWS_MAX);
	*b = (struct book){.account_capacity = accounts, .row_capacity = rows, .seed = seed};
	const uint32_t slots = map_slots_for(accounts == 0 ? 1 : accounts);
	struct map_slot *slot = calloc(slots, sizeof *slot);
	if (slot != NULL)
		map_init_zeroed(&b->by_account, slot, slots, sizeof(struct id128), seed);
	b->index_size = index_size(rows);
	b->account = calloc(accounts == 0 ? 1 : accounts, sizeof *b->account);
	b->row = calloc(rows == 0 ? 1 : rows, sizeof *b->row);
	b->index = calloc(b->index_size, sizeof *b->index);
	return slot == NULL || b->account == NULL || b->row == NULL || b->index == NULL ? ERR_FULL
											: OK;
}

void book_fini(struct book *b)
{
	free(b->by_account.slot);
	free(b->account);
	free(b->row);
	free(b->index);
	*b = (struct book){.account = NULL};
}

void book_tables(const struct book *b, void (*each)(void *ctx, void *table, size_t size), void *ctx)
{
	each(ctx, b->by_account.slot, b->by_account.slot_count * sizeof *b->by_account.slot);
	each(ctx, b->account, b->account_capacity * sizeof *b->account);
	each(ctx, b->row, b->row_capacity * sizeof *b->row);
	each(ctx, b->index, b->index_size * sizeof *b->index);
}

/* ---- finding ---- */

/* Transfers and batches have names of their own: the lowest bit tells them apart. */
static uint64_t row_hash(const struct book *b, const struct id128 *id, uint8_t kind)
{
	return map_hash(b->seed ^ kind, id->b, sizeof id->b);
}

/* The entry of the index, or the free one where it would be. Half of the hash is compared before a
 * row is looked at: ids that are new, nearly all, cost one line of the index. */
static uint64_t *index_find(const struct book *b, const struct id128 *id, uint8_t kind)
{
	const uint64_t hash = row_hash(b, id, kind);
	const uint32_t mask = b->index_size - 1;
	for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
		const uint64_t entry = b->index[i];
		if (entry == 0)
			return &b->index[i];
		const struct book_row *r = &b->row[(uint32_t)entry - 1];
		if (entry >> 32 == hash >> 32 && r->kind == kind && id128_eq(&r->id, id))
			return &b->index[i];
	}
}

static void index_set(struct book *b, uint64_t *entry, uint32_t row)
{
	const struct book_row *r = &b->row[row];
	*entry = row_hash(b, &r->id, r->kind) >> 32 << 32 | (row + 1);
}

void book_prefetch(const struct book *b, const struct book_transfer *t)
{
	const uint64_t hash = row_hash(b, &t->id, BOOK_ROW_TRANSFER);
	__builtin_prefetch(&b->index[(uint32_t)hash & (b->index_size - 1)], 1);
	map_prefetch(&b->by_account, t->from.b);
	map_prefetch(&b->by_account, t->to.b);
}

static uint32_t row_find(const struct book *b, const struct id128 *id, uint8_t kind)
{
	const uint64_t entry = *index_find(b, id, kind);
	return entry == 0 ? BOOK_NONE : (uint32_t)entry - 1;
}

uint32_t book_account_find(const struct book *b, const struct id128 *id)
{
	return map_get(&b->by_account, id->b);
}

uint32_t book_transfer_find(const struct book *b, const struct id128 *id)
{
	return row_find(b, id, BOOK_ROW_TRANSFER);
}

static struct id128 batch_id(const struct hash256 *key)
{
	struct id128 id;
	memcpy(id.b, key->b, sizeof id.b);
	return id;
}

uint32_t book_batch_find(const struct book *b, const struct hash256 *key)
{
	const struct id128 id = batch_id(key);
	return row_find(b, &id, BOOK_ROW_BATCH);
}

bool book_batch_same(const struct book *b, uint32_t batch, const struct hash256 *body)
{
	const struct book_row *r = &b->row[batch];
	CHECK(batch < b->row_count && r->kind == BOOK_ROW_BATCH);
	return memcmp(r->u.batch.body, body->b, sizeof r->u.batch.body) == 0;
}

bool book_history_has(const struct book *b, uint32_t account, uint32_t row)
{
	if (row >= b->row_count)
		return false;
	const struct book_row *r = &b->row[row];
	return r->kind == BOOK_ROW_TRANSFER && r->result == BOOK_DONE &&
		(r->u.transfer.from == account || r->u.transfer.to == account);
}

uint32_t book_history_next(const struct book *b, uint32_t account, uint32_t row)
{
	CHECK(book_history_has(b, account, row));
	const struct book_row *r = &b->row[row];
	return r->u.transfer.from == account ? r->u.transfer.from_prev : r->u.transfer.to_prev;
}

/* ---- batches ---- */

enum err book_room(
	const struct book *b, const struct hash256 *key, uint32_t accounts, uint32_t transfers)
{
	const uint32_t count = accounts + transfers;
	if (accounts > BOOK_BATCH_MAX || transfers > BOOK_BATCH_MAX || count == 0)
		return ERR_RANGE;
	if (book_batch_find(b, key) != BOOK_NONE)
		return ERR_EXISTS;
	if (b->account_capacity - b->account_count < accounts ||
		b->row_capacity - b->row_count < transfers + 1)
		return ERR_FULL;
	return OK;
}

static uint32_t row_add(struct book *b, const struct book_row *row)
{
	CHECK(b->row_count < b->row_capacity);
	const uint32_t at = b->row_count++;
	b->row[at] = *row;
	uint64_t *entry = index_find(b, &row->id, row->kind);
	CHECK(*entry == 0);
	index_set(b, entry, at);
	return at;
}

void book_begin(struct book *b, const struct book_batch *batch)
{
	struct book_row row = {.id = batch_id(&batch->key),
		.u.batch = {.seq = batch->seq, .time_ms = batch->time_ms},
		.batch = b->row_count,
		.kind = BOOK_ROW_BATCH};
	memcpy(row.u.batch.body, batch->body.b, sizeof row.u.batch.body);
	(void)row_add(b, &row);
	b->result_count = 0;
}

static uint32_t current_batch(const struct book *b)
{
	return b->row[b->row_count - 1].batch;
}

static void answer(struct book *b, enum book_result result)
{
	CHECK(b->result_count < BOOK_BATCH_MAX);
	b->result[b->result_count++] = (uint8_t)result;
}

static enum book_result opening_known(
	const struct book *b, uint32_t account, const struct book_opening *o)
{
	const struct book_account *a = &b->account[account];
	return a->layer == o->layer && a->flags == o->flags ? BOOK_EXISTS : BOOK_EXISTS_DIFFERENT;
}

void book_open(struct book *b, const struct book_opening *o)
{
	if (id_is_zero(&o->id)) {
		answer(b, BOOK_ID_INVALID);
		return;
	}
	const uint32_t known = book_account_find(b, &o->id);
	if (known != BOOK_NONE) {
		answer(b, opening_known(b, known, o));
		return;
	}
	const uint32_t at = b->account_count++;
	CHECK(at < b->account_capacity);
	b->account[at] = (struct book_account){.id = o->id,
		.layer = o->layer,
		.flags = o->flags,
		.last = BOOK_NONE,
		.batch = current_batch(b)};
	CHECK(map_put(&b->by_account, o->id.b, at) == OK);
	answer(b, BOOK_DONE);
}

/* ---- transfers ---- */

/* What no state can change: BOOK_DONE, or why it is none. */
static enum book_result transfer_form(const struct book_transfer *t)
{
	if (id_is_zero(&t->id))
		return BOOK_ID_INVALID;
	if (amount_is_zero(t->amount) || amount_cmp(t->amount, amount_max(t->amount.asset)) > 0)
		return BOOK_AMOUNT_INVALID;
	return id128_eq(&t->from, &t->to) ? BOOK_SAME_ACCOUNT : BOOK_DONE;
}

static uint32_t side_find(const struct book *b, const struct id128 *id)
{
	if (id_is_zero(id))
		return BOOK_NONE;
	const uint32_t at = book_account_find(b, id);
	if (at != BOOK_NONE)
		__builtin_prefetch(&b->account[at], 1);
	return at;
}

struct book_sides book_sides_find(const struct book *b, const struct book_transfer *t)
{
	return (struct book_sides){.from = side_find(b, &t->from), .to = side_find(b, &t->to)};
}

/* Of a failed transfer an unknown account is not remembered. */
static bool side_same(const struct id128 *id, uint32_t at, uint32_t known, bool done)
{
	if (known == BOOK_NONE)
		return !done || id_is_zero(id);
	return at == known;
}

/* A transfer under a known id: what to answer. */
static enum book_result transfer_known(
	const struct book *b, uint32_t row, const struct book_transfer *t, struct book_sides sides)
{
	const struct book_row *r = &b->row[row];
	const bool done = r->result == BOOK_DONE;
	if (book_row_units(r) != units_of(t->amount) || r->u.transfer.tag != t->tag ||
		!side_same(&t->from, sides.from, r->u.transfer.from, done) ||
		!side_same(&t->to, sides.to, r->u.transfer.to, done))
		return BOOK_EXISTS_DIFFERENT;
	return done ? BOOK_EXISTS : (enum book_result)r->result;
}

/* May it be done now? */
static enum book_result transfer_check(const struct book *b, const struct book_custody *custody,
	const struct book_transfer *transfer, struct book_sides sides, u128 units)
{
	if (sides.from == BOOK_NONE && !id_is_zero(&transfer->from))
		return BOOK_FROM_UNKNOWN;
	if (sides.to == BOOK_NONE && !id_is_zero(&transfer->to))
		return BOOK_TO_UNKNOWN;
	const struct book_account *f = sides.from == BOOK_NONE ? NULL : &b->account[sides.from];
	const struct book_account *t = sides.to == BOOK_NONE ? NULL : &b->account[sides.to];
	if ((f != NULL && f->layer != custody->layer) || (t != NULL && t->layer != custody->layer))
		return BOOK_LAYER_DIFFERENT;
	if (f == NULL && custody->room < units)
		return BOOK_CUSTODY_SHORT;
	if ((f != NULL && f->out + units < units) || (t != NULL && t->in + units < units))
		return BOOK_OVERFLOW;
	if (f != NULL && (f->flags & BOOK_OVERDRAFT) == 0 && f->in - f->out < units)
		return BOOK_FUNDS_SHORT;
	return BOOK_DONE;
}

static void transfer_do(
	struct book *b, struct book_custody *custody, struct book_row *r, uint32_t at)
{
	const u128 units = book_row_units(r);
	if (r->u.transfer.from == BOOK_NONE) {
		custody->room -= units;
		custody->in += units;
	} else {
		struct book_account *f = &b->account[r->u.transfer.from];
		r->u.transfer.from_prev = f->last;
		f->last = at;
		f->transfers++;
		f->out += units;
	}
	if (r->u.transfer.to == BOOK_NONE) {
		custody->room += units;
		custody->out += units;
	} else {
		struct book_account *t = &b->account[r->u.transfer.to];
		r->u.transfer.to_prev = t->last;
		t->last = at;
		t->transfers++;
		t->in += units;
	}
}

void book_move(struct book *b, struct book_custody *custody, const struct book_transfer *t,
	struct book_sides sides)
{
	enum book_result result = transfer_form(t);
	if (result != BOOK_DONE) {
		answer(b, result);
		return;
	}
	uint64_t *entry = index_find(b, &t->id, BOOK_ROW_TRANSFER);
	if (*entry != 0) {
		answer(b, transfer_known(b, (uint32_t)*entry - 1, t, sides));
		return;
	}
	const u128 units = units_of(t->amount);
	const uint32_t at = b->row_count;
	CHECK(at < b->row_capacity);
	result = transfer_check(b, custody, t, sides, units);
	struct book_row *r = &b->row[at];
	*r = (struct book_row){.id = t->id,
		.u.transfer = {.amount = {(uint64_t)units, (uint64_t)(units >> 64)},
			.from = sides.from,
			.to = sides.to,
			.from_prev = BOOK_NONE,
			.to_prev = BOOK_NONE,
			.tag = t->tag},
		.batch = current_batch(b),
		.kind = BOOK_ROW_TRANSFER,
		.layer = (uint8_t)custody->layer,
		.result = (uint8_t)result};
	if (result == BOOK_DONE)
		transfer_do(b, custody, r, at);
	b->row_count++;
	index_set(b, entry, at);
	answer(b, result);
}

/* ---- telling a batch again ---- */

/* What a batch made lies in its order, without gaps: what is not the next of it was known. */
void book_recall_openings(
	struct book *b, uint32_t batch, const struct book_opening *o, uint32_t count)
{
	uint32_t next = BOOK_NONE;
	CHECK(count <= BOOK_BATCH_MAX);
	b->result_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t at = book_account_find(b, &o[i].id);
		if (at == BOOK_NONE) {
			answer(b, BOOK_ID_INVALID);
		} else if (b->account[at].batch == batch && (next == BOOK_NONE || at == next)) {
			answer(b, BOOK_DONE);
			next = at + 1;
		} else {
			answer(b, opening_known(b, at, &o[i]));
		}
	}
}

void book_recall_transfers(struct book *b, uint32_t batch, enum layer_id layer,
	const struct book_transfer *t, uint32_t count)
{
	uint32_t next = batch + 1;
	CHECK(count <= BOOK_BATCH_MAX);
	b->result_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const enum book_result form = transfer_form(&t[i]);
		const uint32_t at = book_transfer_find(b, &t[i].id);
		CHECK(t[i].amount.asset == layer_asset(layer));
		if (form != BOOK_DONE || at == BOOK_NONE) {
			answer(b, form);
		} else if (at == next) {
			answer(b, (enum book_result)b->row[at].result);
			next++;
		} else {
			answer(b, transfer_known(b, at, &t[i], book_sides_find(b, &t[i])));
		}
	}
}

/* ---- snapshots and hashes ---- */

void book_row_put(struct buf *out, const struct book_row *r)
{
	buf_put(out, r->id.b, sizeof r->id.b);
	if (r->kind == BOOK_ROW_BATCH) {
		buf_put(out, r->u.batch.body, sizeof r->u.batch.body);
		buf_le64(out, r->u.batch.seq);
		buf_le64(out, r->u.batch.time_ms);
	} else {
		buf_le64(out, r->u.transfer.amount[0]);
		buf_le64(out, r->u.transfer.amount[1]);
		buf_le32(out, r->u.transfer.from);
		buf_le32(out, r->u.transfer.to);
		buf_le32(out, r->u.transfer.from_prev);
		buf_le32(out, r->u.transfer.to_prev);
		buf_le64(out, r->u.transfer.tag);
	}
	buf_le32(out, r->batch);
	buf_u8(out, r->kind);
	buf_u8(out, r->layer);
	buf_le16(out, r->result);
}

static bool below_or_none(uint32_t v, uint32_t bound)
{
	return v < bound || v == BOOK_NONE;
}

bool book_row_get(const struct book *b, struct book_row *r, uint32_t at, struct reader *in)
{
	struct reader kind = *in;
	(void)reader_take(&kind, BOOK_ROW_SIZE - 8);
	memset(r, 0, sizeof *r);
	reader_copy(in, r->id.b, sizeof r->id.b);
	const uint32_t batch = reader_le32(&kind);
	r->kind = reader_u8(&kind);
	if (r->kind == BOOK_ROW_BATCH) {
		reader_copy(in, r->u.batch.body, sizeof r->u.batch.body);
		r->u.batch.seq = reader_le64(in);
		r->u.batch.time_ms = reader_le64(in);
	} else {
		r->u.transfer.amount[0] = reader_le64(in);
		r->u.transfer.amount[1] = reader_le64(in);
		r->u.transfer.from = reader_le32(in);
		r->u.transfer.to = reader_le32(in);
		r->u.transfer.from_prev = reader_le32(in);
		r->u.transfer.to_prev = reader_le32(in);
		r->u.transfer.tag = reader_le64(in);
	}
	r->batch = reader_le32(in);
	(void)reader_u8(in);
	r->layer = reader_u8(in);
	const uint16_t result = reader_le16(in);
	r->result = (uint8_t)result;
	if (in->failed || batch > at || result >= BOOK_RESULT_COUNT || r->layer >= LAYER_COUNT)
		return false;
	if (r->kind == BOOK_ROW_BATCH)
		return batch == at;
	return r->kind == BOOK_ROW_TRANSFER && batch < at &&
		below_or_none(r->u.transfer.from, b->account_count) &&
		below_or_none(r->u.transfer.to, b->account_count) &&
		below_or_none(r->u.transfer.from_prev, at) &&
		below_or_none(r->u.transfer.to_prev, at);
}

enum err book_index_all(struct book *b)
{
	for (uint32_t i = 0; i < b->account_count; i++) {
		if (book_account_find(b, &b->account[i].id) != BOOK_NONE)
			return ERR_EXISTS;
		CHECK(map_put(&b->by_account, b->account[i].id.b, i) == OK);
	}
	for (uint32_t i = 0; i < b->row_count; i++) {
		uint64_t *entry = index_find(b, &b->row[i].id, b->row[i].kind);
		if (*entry != 0)
			return ERR_EXISTS;
		index_set(b, entry, i);
	}
	return OK;
}

void book_totals(const struct book *b, enum layer_id layer, u128 *in, u128 *out)
{
	*in = 0;
	*out = 0;
	for (uint32_t i = 0; i < b->account_count; i++) {
		if (b->account[i].layer == layer) {
			*in += b->account[i].in;
			*out += b->account[i].out;
		}
	}
}
