#include "ledger/receipt.h"

#include "crypto/hash.h"

/* ---- names ---- */

void log_id_of(struct hash256 *out, const struct id128 *cluster)
{
	tagged_hash(out, "sluice/log", slice_of(cluster->b, sizeof cluster->b));
}

void log_head_of(
	struct hash256 *out, const struct hash256 *log, uint64_t size, const struct hash256 *root)
{
	uint8_t number[8];
	const struct slice part[3] = {slice_of(log->b, sizeof log->b),
		slice_of(number, sizeof number), slice_of(root->b, sizeof root->b)};
	store_le64(number, size);
	tagged_hash_parts(out, "sluice/log-head", part, ARRAY_LEN(part));
}

/* ---- the text, from top to bottom ---- */

static void put_hex(struct buf *out, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes.len; i++) {
		buf_u8(out, (uint8_t)digits[bytes.ptr[i] >> 4]);
		buf_u8(out, (uint8_t)digits[bytes.ptr[i] & 15]);
	}
}

static void put_hash(struct buf *out, const struct hash256 *h)
{
	put_hex(out, slice_of(h->b, sizeof h->b));
}

void receipt_encode(struct buf *out, const struct receipt *r)
{
	struct hash256 head;
	CHECK(r->record.len <= RECEIPT_RECORD_MAX && r->proof.count <= MERKLE_PROOF_MAX);
	log_head_of(&head, &r->log, r->size, &r->root);
	buf_printf(out, "{\"version\":1,\"id\":\"");
	put_hex(out, slice_of(r->id.b, sizeof r->id.b));
	buf_printf(out, "\",\"log\":\"");
	put_hash(out, &r->log);
	buf_printf(out, "\",\"sequence\":%llu,\"record\":\"", (unsigned long long)r->seq);
	put_hex(out, r->record);
	buf_printf(out, "\",\"size\":%llu,\"root\":\"", (unsigned long long)r->size);
	put_hash(out, &r->root);
	buf_printf(out, "\",\"head\":\"");
	put_hash(out, &head);
	buf_printf(out, "\",\"proof\":[");
	for (size_t i = 0; i < r->proof.count; i++) {
		buf_printf(out, i == 0 ? "\"" : ",\"");
		put_hash(out, &r->proof.node[i]);
		buf_printf(out, "\"");
	}
	buf_printf(out, "]}");
}

struct scanner {
	struct slice text;
	size_t at;
};

/* The text goes on with exactly this. */
static bool take(struct scanner *s, const char *want)
{
	const size_t len = strlen(want);
	if (s->text.len - s->at < len || memcmp(s->text.ptr + s->at, want, len) != 0)
		return false;
	s->at += len;
	return true;
}

static int take_digit(struct scanner *s, int base)
{
	const uint8_t c = s->at < s->text.len ? s->text.ptr[s->at] : 0;
	const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : base;
	if (v >= base)
		return -1;
	s->at++;
	return v;
}

static bool take_hex(struct scanner *s, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const int high = take_digit(s, 16), low = high < 0 ? -1 : take_digit(s, 16);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool take_hash(struct scanner *s, struct hash256 *out)
{
	return take_hex(s, out->b, sizeof out->b);
}

/* As it is written: no sign, no zero in front. */
static bool take_number(struct scanner *s, uint64_t *out)
{
	uint64_t v = 0;
	int digit = take_digit(s, 10);
	if (digit <= 0)
		return false;
	for (; digit >= 0; digit = take_digit(s, 10)) {
		if (v > (UINT64_MAX - (uint64_t)digit) / 10)
			return false;
		v = v * 10 + (uint64_t)digit;
	}
	*out = v;
	return true;
}

static bool take_record(struct scanner *s, struct slice *out, uint8_t *storage)
{
	size_t len = 0;
	while (s->at < s->text.len && s->text.ptr[s->at] != '"')
		if (len == RECEIPT_RECORD_MAX || !take_hex(s, &storage[len++], 1))
			return false;
	*out = slice_of(storage, len);
	return true;
}

static bool take_proof(struct scanner *s, struct merkle_proof *proof)
{
	while (proof->count < MERKLE_PROOF_MAX && take(s, proof->count == 0 ? "\"" : ",\"")) {
		if (!take_hash(s, &proof->node[proof->count]) || !take(s, "\""))
			return false;
		proof->count++;
	}
	return true;
}

enum err receipt_decode(
	struct receipt *r, size_t *offset, uint8_t storage[RECEIPT_RECORD_MAX], struct slice text)
{
	struct scanner s = {.text = text};
	struct hash256 head, computed;
	*r = (struct receipt){.seq = 0};
	const bool good = take(&s, "{\"version\":1,\"id\":\"") &&
		take_hex(&s, r->id.b, sizeof r->id.b) && take(&s, "\",\"log\":\"") &&
		take_hash(&s, &r->log) && take(&s, "\",\"sequence\":") &&
		take_number(&s, &r->seq) && take(&s, ",\"record\":\"") &&
		take_record(&s, &r->record, storage) && take(&s, "\",\"size\":") &&
		take_number(&s, &r->size) && take(&s, ",\"root\":\"") && take_hash(&s, &r->root) &&
		take(&s, "\",\"head\":\"") && take_hash(&s, &head) && take(&s, "\",\"proof\":[") &&
		take_proof(&s, &r->proof) && take(&s, "]}");
	*offset = s.at;
	if (!good)
		return ERR_FORMAT;
	(void)take(&s, "\n");
	*offset = s.at;
	if (s.at != text.len)
		return ERR_FORMAT;
	log_head_of(&computed, &r->log, r->size, &r->root);
	return hash256_eq(&computed, &head) ? OK : ERR_CHECKSUM;
}

/* ---- what it proves ---- */

static enum err book_transfer_of(
	struct receipt_subject *s, struct reader *in, const struct id128 *id)
{
	struct rec_book batch;
	TRY(rec_book_transfers_get(in, &batch));
	for (uint32_t i = 0; i < batch.count; i++) {
		rec_book_transfer_at(&batch, i, &s->book_transfer);
		if (id128_eq(&s->book_transfer.id, id)) {
			s->layer = batch.layer;
			return OK;
		}
	}
	return ERR_FORMAT;
}

static enum err subject_of(struct receipt_subject *out, const struct receipt *r)
{
	struct receipt_subject s = {.type = REC_SWAP};
	struct reader in = reader_init(r->record);
	const uint32_t len = reader_le32(&in);
	const uint16_t type = reader_le16(&in), zero = reader_le16(&in);
	const uint64_t seq = reader_le64(&in);
	(void)reader_le32(&in); /* its sum: the leaf's hash covers more */
	if (in.failed || in.left != len || zero != 0 || seq != r->seq ||
		record_open(&in, &s.time_ms) != OK)
		return ERR_FORMAT;
	s.type = (enum record_type)type;
	const struct id128 *id = NULL;
	enum err err = ERR_FORMAT;
	if (s.type == REC_SWAP) {
		err = rec_swap_get(&in, &s.swap);
		id = &s.swap.id;
	} else if (s.type == REC_TRANSFER) {
		err = rec_transfer_get(&in, &s.transfer);
		id = &s.transfer.id;
	} else if (s.type == REC_BOOK_TRANSFERS) {
		err = book_transfer_of(&s, &in, &r->id);
		id = &s.book_transfer.id;
	} else if (s.type == REC_SWEEP) {
		err = rec_sweep_get(&in, &s.sweep);
		id = &s.sweep.id;
	}
	if (err != OK || !id128_eq(id, &r->id) || reader_finish(&in) != OK)
		return ERR_FORMAT;
	*out = s;
	return OK;
}

enum err receipt_verify(struct receipt_subject *out, const struct receipt *r)
{
	struct receipt_subject subject;
	struct hash256 leaf;
	TRY(subject_of(&subject, r));
	merkle_leaf_hash(&leaf, r->record);
	TRY(merkle_inclusion_verify(&r->proof, &leaf, r->seq - 1, r->size, &r->root));
	*out = subject;
	return OK;
}
