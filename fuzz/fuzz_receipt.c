/* A receipt that somebody sent. The first byte chooses: the rest is its text; or changes to a sound
 * one (position, value). What is taken is written as the same text again. */
#include "base/buf.h"
#include "ledger/receipt.h"

#define SEQ 3u
#define SIZE 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t sound[RECEIPT_TEXT_MAX];
static size_t sound_len;
static struct hash256 stored[3][SIZE];

static enum err stored_node(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	(void)ctx;
	CHECK(level < 3 && index < SIZE >> level);
	*out = stored[level][index];
	return OK;
}

static void make_sound(void)
{
	static uint8_t record[RECEIPT_RECORD_MAX];
	const struct merkle_reader nodes = {.node = stored_node};
	const struct rec_transfer transfer = {.id = {{1}},
		.layer = LAYER_BITCOIN,
		.amount = amount_of(ASSET_BTC, 5),
		.destination = slice_str("there")};
	struct receipt r = {.id = transfer.id, .seq = SEQ, .size = SIZE};
	struct merkle_frontier f;
	struct buf out = buf_init(record, sizeof record);
	buf_le32(&out, 0);
	buf_le32(&out, REC_TRANSFER);
	buf_le64(&out, SEQ);
	buf_le32(&out, 0);
	record_begin(&out, 99);
	rec_transfer_put(&out, &transfer);
	store_le32(record, (uint32_t)(out.len - RECEIPT_HEADER_SIZE));
	r.record = buf_slice(&out);
	merkle_frontier_init(&f);
	while (f.size < SIZE) {
		struct hash256 leaf;
		merkle_leaf_hash(&leaf, f.size + 1 == SEQ ? r.record : slice_of(&f.size, 1));
		merkle_frontier_push(&f, &leaf);
		for (unsigned l = 0; l <= (unsigned)__builtin_ctzll(f.size); l++)
			stored[l][(f.size >> l) - 1] = f.node[l];
	}
	merkle_frontier_root(&r.root, &f);
	CHECK(merkle_inclusion_prove(&r.proof, SEQ - 1, SIZE, &nodes) == OK);
	struct buf text = buf_init(sound, sizeof sound);
	receipt_encode(&text, &r);
	sound_len = text.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[RECEIPT_TEXT_MAX], again[RECEIPT_TEXT_MAX], storage[RECEIPT_RECORD_MAX];
	struct receipt_subject subject;
	struct receipt r;
	size_t offset;
	if (sound_len == 0)
		make_sound();
	struct reader in = reader_init(slice_of(data, size));
	const bool edit = reader_u8(&in) & 1;
	struct slice whole = slice_of(in.ptr, in.left);
	if (edit) {
		memcpy(text, sound, sound_len);
		while (in.left > 2) {
			const size_t at = reader_le16(&in) % sound_len;
			text[at] = reader_u8(&in);
		}
		whole = slice_of(text, sound_len);
	}
	const bool unchanged = edit && memcmp(text, sound, sound_len) == 0;
	if (receipt_decode(&r, &offset, storage, whole) != OK) {
		CHECK(!unchanged);
		return 0;
	}
	struct buf out = buf_init(again, sizeof again);
	receipt_encode(&out, &r);
	CHECK(out.len <= whole.len && memcmp(again, whole.ptr, out.len) == 0);
	const enum err err = receipt_verify(&subject, &r);
	CHECK(!edit || (err == OK) == unchanged);
	return 0;
}
