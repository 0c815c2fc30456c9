/* The log that every record is in: its root, that it only grows, and receipts (ledger/receipt). */
#include "node/api_internal.h"

#include "base/hex.h"
#include "ledger/receipt.h"
#include "store/journal_format.h"
#include "store/log_index.h"

_Static_assert(RECEIPT_HEADER_SIZE == JOURNAL_RECORD_HEADER_SIZE,
	"a receipt's record is one as it lies in the journal");

static struct hash256 log_id(const struct call *c)
{
	struct hash256 id;
	log_id_of(&id, &c->api->cluster);
	return id;
}

/* What could not be answered; ERR_RANGE is the caller's. */
static void not_now(struct call *c, enum err err)
{
	if (err == ERR_NOT_FOUND)
		call_problem(c, "not_found", "the record is not kept any more");
	else
		call_problem(c, "not_ready", "the log can't be asked now");
}

static bool has_log(struct call *c)
{
	if (c->api->log != NULL)
		return true;
	not_now(c, ERR_UNAVAILABLE);
	return false;
}

static void set_hash(struct json *v, const char *key, const struct hash256 *h)
{
	json_set_hex(v, key, "", h->b, sizeof h->b);
}

static void set_root(struct json *v, const struct hash256 *log, const struct log_root *root)
{
	struct hash256 head;
	log_head_of(&head, log, root->size, &root->root);
	json_set_u64(v, "size", root->size);
	set_hash(v, "root", &root->root);
	set_hash(v, "head", &head);
}

static void over_size(struct call *c, struct field_errors *errors, const char *name)
{
	field_error_add(errors, name, "range", "the log has %llu records",
		(unsigned long long)log_index_size(c->api->log));
	call_invalid(c, errors);
}

void handle_log_root(struct call *c)
{
	struct field_errors errors = {.count = 0};
	struct log_root root;
	uint64_t size = 0;
	call_query_size(c, &size, "size", false, &errors);
	if (errors.count > 0) {
		call_invalid(c, &errors);
		return;
	}
	if (!has_log(c))
		return;
	const enum err err = log_index_root(c->api->log, &root, size);
	if (err == ERR_RANGE) {
		over_size(c, &errors, "?size");
	} else if (err != OK) {
		not_now(c, err);
	} else {
		const struct hash256 log = log_id(c);
		struct json *v = json_object();
		set_hash(v, "log", &log);
		set_root(v, &log, &root);
		call_answer_json(c, 200, v);
	}
}

static struct json *consistency_json(const struct call *c, const struct log_consistency *l)
{
	const struct hash256 log = log_id(c);
	struct json *v = json_object(), *from = json_object(), *to = json_object();
	struct json *proof = json_array();
	set_root(from, &log, &l->from);
	set_root(to, &log, &l->to);
	for (size_t i = 0; i < l->proof.count; i++) {
		char text[65];
		hex_encode(text, l->proof.node[i].b, sizeof l->proof.node[i].b);
		json_push(proof, json_new_string(text));
	}
	set_hash(v, "log", &log);
	json_set(v, "from", from);
	json_set(v, "to", to);
	json_set(v, "proof", proof);
	return v;
}

void handle_log_consistency(struct call *c)
{
	struct field_errors errors = {.count = 0};
	struct log_consistency l;
	uint64_t from = 0, to = 0;
	call_query_size(c, &from, "from", true, &errors);
	call_query_size(c, &to, "to", false, &errors);
	if (errors.count == 0 && to != 0 && from > to)
		field_error_add(&errors, "?from", "range", "must not be over ?to");
	if (errors.count > 0) {
		call_invalid(c, &errors);
		return;
	}
	if (!has_log(c))
		return;
	const enum err err = log_index_consistency(c->api->log, &l, from, to);
	if (err == ERR_RANGE)
		over_size(c, &errors, to != 0 ? "?to" : "?from");
	else if (err != OK)
		not_now(c, err);
	else
		call_answer_json(c, 200, consistency_json(c, &l));
}

/* Of the batch that holds it. */
static uint64_t book_seq(const struct book *b, const struct id128 *id)
{
	const uint32_t row = book_transfer_find(b, id);
	return row == BOOK_NONE ? 0 : b->row[b->row[row].batch].u.batch.seq;
}

/* The record that began what has this id; 0: there is none, or not for this caller. */
static uint64_t born_seq(const struct call *c, const struct id128 *id)
{
	const struct ledger *l = call_ledger(c);
	const struct swap *s = ledger_swap(l, id);
	if (s != NULL)
		return s->born_seq;
	if (c->token == TOKEN_NONE)
		return 0;
	const struct transfer *t = ledger_transfer(l, id);
	return t != NULL ? t->born_seq : book_seq(&l->book, id);
}

static void answer_receipt(
	struct call *c, const struct id128 *id, uint64_t seq, const struct log_inclusion *in)
{
	static uint8_t text[RECEIPT_TEXT_MAX]; /* handlers run one at a time */
	struct buf out = buf_init(text, sizeof text);
	const struct receipt r = {.id = *id,
		.log = log_id(c),
		.seq = seq,
		.record = in->record,
		.size = in->in.size,
		.root = in->in.root,
		.proof = in->proof};
	CHECK(in->record.len <= RECEIPT_RECORD_MAX); /* of the types that begin something */
	receipt_encode(&out, &r);
	CHECK(!out.overflow);
	call_answer_text(c, 200, CONTENT_JSON, buf_slice(&out));
}

void handle_receipt(struct call *c)
{
	struct log_inclusion in;
	struct id128 id;
	const uint64_t seq = id_parse(&id, c->param[0]) == OK ? born_seq(c, &id) : 0;
	if (seq == 0) {
		call_problem(c, "not_found", "there is no such swap, payout or transfer");
		return;
	}
	if (!has_log(c))
		return;
	const enum err err = log_index_record(c->api->log, &in, seq);
	if (err == ERR_RANGE)
		call_problem(c, "not_ready", "the record is not in the log's tree yet");
	else if (err != OK)
		not_now(c, err);
	else
		answer_receipt(c, &id, seq, &in);
}
