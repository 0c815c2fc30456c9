/* Receipts of a swap and of a payout in logs of several sizes: read as they were written, verified,
 * and refused with any byte changed to anything else, cut, or longer. */
#include "ledger/receipt.h"

#include <stdio.h>

#define LEAVES 37u

static const struct id128 cluster = {{7, 7, 7}}, id = {{0xab, 1, 2, 3}};
static struct hash256 stored[6][LEAVES];

static enum err stored_node(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	(void)ctx;
	CHECK(level < 6 && index < LEAVES >> level);
	*out = stored[level][index];
	return OK;
}

static const struct merkle_reader nodes = {.node = stored_node};

static void put_swap(struct buf *out)
{
	static const uint8_t terms[40] = {5, 6, 7};
	const struct rec_swap r = {.id = id,
		.hash = {{9}},
		.expires_ms = 77,
		.fee = amount_of(ASSET_BTC, 10),
		.from = LAYER_BITCOIN,
		.to = LAYER_ROOTSTOCK,
		.source_amount = amount_of(ASSET_BTC, 1000),
		.dest_amount = amount_of(ASSET_RBTC, 990),
		.source_terms = slice_of(terms, sizeof terms)};
	rec_swap_put(out, &r);
}

static void put_transfer(struct buf *out)
{
	const struct rec_transfer r = {.id = id,
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 1000),
		.destination = slice_str("somewhere")};
	rec_transfer_put(out, &r);
}

/* Of three; the one that is asked for is the second. */
static void put_batch(struct buf *out)
{
	const struct book_transfer transfer[3] = {
		{.id = {{1}}, .from = {{2}}, .to = {{3}}, .amount = amount_of(ASSET_BTC, 7)},
		{.id = id, .from = {{3}}, .to = {{2}}, .amount = amount_of(ASSET_BTC, 1000)},
		{.id = {{4}}, .from = {{2}}, .to = {{3}}, .amount = amount_of(ASSET_BTC, 8)}};
	const struct rec_book r = {
		.key = {{5}}, .body = {{6}}, .layer = LAYER_BITCOIN, .count = ARRAY_LEN(transfer)};
	rec_book_transfers_put(out, &r, transfer);
}

static struct slice make_record(
	uint8_t storage[RECEIPT_RECORD_MAX], enum record_type type, uint64_t seq)
{
	struct buf out = buf_init(storage, RECEIPT_RECORD_MAX);
	buf_le32(&out, 0);
	buf_le16(&out, (uint16_t)type);
	buf_le16(&out, 0);
	buf_le64(&out, seq);
	buf_le32(&out, 0xdddddddd);
	CHECK(out.len == RECEIPT_HEADER_SIZE);
	record_begin(&out, 1234567);
	if (type == REC_SWAP)
		put_swap(&out);
	else if (type == REC_TRANSFER)
		put_transfer(&out);
	else
		put_batch(&out);
	CHECK(!out.overflow);
	store_le32(storage, (uint32_t)(out.len - RECEIPT_HEADER_SIZE));
	return buf_slice(&out);
}

/* The log of other things, with the record in its place. */
static void make_receipt(struct receipt *r, uint8_t storage[RECEIPT_RECORD_MAX],
	enum record_type type, uint64_t seq, uint64_t size)
{
	struct merkle_frontier f;
	merkle_frontier_init(&f);
	*r = (struct receipt){.id = id, .seq = seq, .size = size};
	r->record = make_record(storage, type, seq);
	log_id_of(&r->log, &cluster);
	while (f.size < LEAVES) {
		struct hash256 leaf;
		uint8_t other = (uint8_t)f.size;
		merkle_leaf_hash(
			&leaf, f.size + 1 == seq ? r->record : slice_of(&other, sizeof other));
		merkle_frontier_push(&f, &leaf);
		for (unsigned l = 0; l <= (unsigned)__builtin_ctzll(f.size); l++)
			stored[l][(f.size >> l) - 1] = f.node[l];
	}
	CHECK(merkle_root(&r->root, size, &nodes) == OK);
	CHECK(merkle_inclusion_prove(&r->proof, seq - 1, size, &nodes) == OK);
}

static enum err decode_and_verify(struct receipt_subject *subject, struct slice text)
{
	static uint8_t storage[RECEIPT_RECORD_MAX];
	struct receipt r;
	size_t offset = SIZE_MAX;
	const enum err err = receipt_decode(&r, &offset, storage, text);
	CHECK(offset <= text.len && (err == OK || err == ERR_FORMAT || err == ERR_CHECKSUM));
	CHECK(err != OK || offset == text.len);
	return err == OK ? receipt_verify(subject, &r) : err;
}

/* Each byte changed to every other value, or in each bit. */
static void refuse_changes(const uint8_t *good, size_t len, bool all)
{
	static uint8_t text[RECEIPT_TEXT_MAX];
	struct receipt_subject subject;
	memcpy(text, good, len);
	for (size_t i = 0; i < len; i++) {
		for (unsigned v = 1; v < 256; v = all ? v + 1 : v << 1) {
			text[i] = (uint8_t)(good[i] ^ v);
			CHECK(decode_and_verify(&subject, slice_of(text, len)) != OK);
		}
		text[i] = good[i];
		CHECK(decode_and_verify(&subject, slice_of(text, i)) == ERR_FORMAT);
	}
	text[len] = '\n';
	CHECK(decode_and_verify(&subject, slice_of(text, len + 1)) == OK);
	text[len + 1] = '\n';
	CHECK(decode_and_verify(&subject, slice_of(text, len + 2)) == ERR_FORMAT);
	text[len] = ' ';
	CHECK(decode_and_verify(&subject, slice_of(text, len + 1)) == ERR_FORMAT);
}

static void test_receipts(void)
{
	static const struct {
		enum record_type type;
		uint64_t seq, size;
	} rows[] = {{REC_SWAP, 1, 1}, {REC_SWAP, 5, 37}, {REC_SWAP, 37, 37}, {REC_SWAP, 2, 2},
		{REC_TRANSFER, 20, 33}, {REC_BOOK_TRANSFERS, 21, 33}};
	static uint8_t storage[RECEIPT_RECORD_MAX], text[RECEIPT_TEXT_MAX];
	struct receipt_subject subject;
	struct receipt r;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		make_receipt(&r, storage, rows[i].type, rows[i].seq, rows[i].size);
		struct buf out = buf_init(text, sizeof text);
		receipt_encode(&out, &r);
		CHECK(!out.overflow);
		CHECK(decode_and_verify(&subject, buf_slice(&out)) == OK);
		CHECK(subject.type == rows[i].type && subject.time_ms == 1234567);
		CHECK(id128_eq(&id,
			subject.type == REC_SWAP               ? &subject.swap.id
				: subject.type == REC_TRANSFER ? &subject.transfer.id
							       : &subject.book_transfer.id));
		CHECK(subject.type != REC_BOOK_TRANSFERS ||
			(subject.layer == LAYER_BITCOIN &&
				amount_cmp(subject.book_transfer.amount,
					amount_of(ASSET_BTC, 1000)) == 0));
		refuse_changes(out.ptr, out.len, i == 0);
	}
}

/* Right in form, and not what it says: heads computed anew, so that only the proof can tell. */
static void test_forged(void)
{
	static uint8_t storage[RECEIPT_RECORD_MAX], text[RECEIPT_TEXT_MAX];
	struct receipt_subject subject;
	struct receipt good, r;
	make_receipt(&good, storage, REC_SWAP, 5, 37);
	for (unsigned n = 0; n < 7; n++) {
		static uint8_t record[RECEIPT_RECORD_MAX];
		memcpy(record, good.record.ptr, good.record.len);
		r = good;
		r.record.ptr = record;
		enum err want = ERR_FORMAT;
		switch (n) {
		case 0: r.id.b[0] ^= 1; break;
		case 1: r.seq++; break;
		case 2: r.root.b[0] ^= 1, want = ERR_CHECKSUM; break;
		case 3: record[4] = REC_BLOCK; break;
		case 4: record[r.record.len - 1] ^= 1, want = ERR_CHECKSUM; break;
		case 5: r.record.len--; break;
		case 6: r.size = 4, want = ERR_RANGE; break;
		default: UNREACHABLE();
		}
		struct buf out = buf_init(text, sizeof text);
		receipt_encode(&out, &r);
		CHECK(decode_and_verify(&subject, buf_slice(&out)) == want);
	}
}

/* The largest that there can be fits, and what is larger is refused. */
static void test_bounds(void)
{
	static uint8_t storage[RECEIPT_RECORD_MAX], text[RECEIPT_TEXT_MAX];
	struct receipt r = {.seq = UINT64_MAX,
		.size = UINT64_MAX,
		.record = slice_of(storage, sizeof storage),
		.proof = {.count = MERKLE_PROOF_MAX}};
	struct receipt_subject subject;
	struct buf out = buf_init(text, sizeof text);
	receipt_encode(&out, &r);
	CHECK(!out.overflow);
	CHECK(decode_and_verify(&subject, buf_slice(&out)) == ERR_FORMAT); /* of the record */

	static const char *const numbers[] = {
		"0", "01", "-1", "+1", "18446744073709551616", "1e3", "", " 1", "1 "};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		size_t offset;
		char start[256];
		const int n = snprintf(start, sizeof start,
			"{\"version\":1,\"id\":\"%032d\",\"log\":\"%064d\",\"sequence\":%s,"
			"\"record\":\"00\",",
			0, 0, numbers[i]);
		CHECK(n > 0 && (size_t)n < sizeof start);
		CHECK(receipt_decode(&r, &offset, storage, slice_str(start)) == ERR_FORMAT);
		CHECK(offset < (size_t)n - 12);
	}
}

/* Names bind what they name. */
static void test_names(void)
{
	const struct id128 other = {{7, 7, 8}};
	struct hash256 a, b, root = {{1}}, head[4];
	log_id_of(&a, &cluster);
	log_id_of(&b, &other);
	CHECK(!hash256_eq(&a, &b));
	log_head_of(&head[0], &a, 5, &root);
	log_head_of(&head[1], &b, 5, &root);
	log_head_of(&head[2], &a, 6, &root);
	root.b[31] = 1;
	log_head_of(&head[3], &a, 5, &root);
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		for (size_t k = 0; k < i; k++)
			CHECK(!hash256_eq(&head[i], &head[k]));
}

int main(void)
{
	test_receipts();
	test_forged();
	test_bounds();
	test_names();
	return 0;
}
