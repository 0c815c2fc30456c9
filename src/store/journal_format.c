#include "store/journal_format.h"

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/mutant.h"
#include "crypto/hash.h"
#include "crypto/merkle_log.h"

static const uint8_t segment_magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 'J', '\n'};
#define GROUP_MAGIC UINT32_C(0x32475253) /* "SRG2" */

#define SEGMENT_HASHED_SIZE 124u /* of the segment header, before its hash */
#define GROUP_HASHED_SIZE 128u   /* of the group header, before its sum */
#define RECORD_CRC_OFFSET 16u
#define LEAVES_AT_ONCE 64u

_Static_assert(GROUP_HASHED_SIZE + JOURNAL_GROUP_SUM_SIZE == JOURNAL_GROUP_HEADER_SIZE,
	"the sum ends the header");
_Static_assert(RECORD_CRC_OFFSET + 4 == JOURNAL_RECORD_HEADER_SIZE, "the sum ends the header");

const char *journal_fault_text(enum journal_fault fault)
{
	static const char *const text[JOURNAL_FAULT_COUNT] = {
		[JOURNAL_FAULT_NONE] = "nothing is wrong",
		[JOURNAL_FAULT_END] = "nothing was written here",
		[JOURNAL_FAULT_MAGIC] = "this is not the beginning of anything",
		[JOURNAL_FAULT_VERSION] = "the format version is not known to this program",
		[JOURNAL_FAULT_PLACE] = "this belongs to another place or another cluster",
		[JOURNAL_FAULT_LENGTH] = "the length is impossible",
		[JOURNAL_FAULT_HASH] = "the sum or the hash does not match the content",
		[JOURNAL_FAULT_RECORD] = "a record is not what its group says",
		[JOURNAL_FAULT_CHAIN] = "this does not continue what is before it",
		[JOURNAL_FAULT_MISSING] = "the segment's file is missing",
	};
	CHECK(fault < JOURNAL_FAULT_COUNT);
	return text[fault];
}

size_t journal_group_size(size_t body_size)
{
	const size_t size = JOURNAL_GROUP_HEADER_SIZE + body_size;
	return (size + JOURNAL_SECTOR - 1) / JOURNAL_SECTOR * JOURNAL_SECTOR;
}

static void segment_hash(struct hash256 *out, const uint8_t *sector)
{
	const size_t after = SEGMENT_HASHED_SIZE + sizeof out->b;
	const struct slice part[2] = {slice_of(sector, SEGMENT_HASHED_SIZE),
		slice_of(sector + after, JOURNAL_SEGMENT_HEADER_SIZE - after)};
	sha256_parts(out, part, 2);
}

void journal_segment_encode(
	uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE], struct journal_segment_header *header)
{
	struct buf out = buf_init(sector, JOURNAL_SEGMENT_HEADER_SIZE);
	memset(sector, 0, JOURNAL_SEGMENT_HEADER_SIZE);
	buf_put(&out, segment_magic, sizeof segment_magic);
	buf_le32(&out, JOURNAL_FORMAT_VERSION);
	buf_put(&out, header->cluster.b, sizeof header->cluster.b);
	buf_le32(&out, header->segment);
	buf_le32(&out, 0);
	buf_le64(&out, header->size);
	buf_le64(&out, header->epoch);
	buf_le64(&out, header->first_seq);
	buf_put(&out, header->prev.b, sizeof header->prev.b);
	buf_put(&out, header->root.b, sizeof header->root.b);
	CHECK(out.len == SEGMENT_HASHED_SIZE);
	segment_hash(&header->hash, sector);
	buf_put(&out, header->hash.b, sizeof header->hash.b);
}

enum journal_fault journal_segment_decode(
	struct journal_segment_header *out, const uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE])
{
	struct journal_segment_header h = {0};
	struct hash256 computed;
	struct reader in = reader_init(slice_of(sector, JOURNAL_SEGMENT_HEADER_SIZE));
	const uint8_t *magic = reader_take(&in, sizeof segment_magic);
	if (magic == NULL || memcmp(magic, segment_magic, sizeof segment_magic) != 0)
		return JOURNAL_FAULT_MAGIC;
	/* before the hash: a later version may lay out or hash the rest otherwise */
	if (reader_le32(&in) != JOURNAL_FORMAT_VERSION)
		return JOURNAL_FAULT_VERSION;
	reader_copy(&in, h.cluster.b, sizeof h.cluster.b);
	h.segment = reader_le32(&in);
	(void)reader_le32(&in);
	h.size = reader_le64(&in);
	h.epoch = reader_le64(&in);
	h.first_seq = reader_le64(&in);
	reader_copy(&in, h.prev.b, sizeof h.prev.b);
	reader_copy(&in, h.root.b, sizeof h.root.b);
	reader_copy(&in, h.hash.b, sizeof h.hash.b);
	segment_hash(&computed, sector);
	if (in.failed || !hash256_eq(&computed, &h.hash))
		return JOURNAL_FAULT_HASH;
	if (h.size > JOURNAL_SEGMENT_SIZE_MAX || h.size % JOURNAL_SECTOR != 0)
		return JOURNAL_FAULT_LENGTH;
	*out = h;
	return JOURNAL_FAULT_NONE;
}

/* Over all of the group but the sum itself. What is written at the same place of the chain again,
 * after a crash, is of another epoch: key and nonce are used once. */
static void group_sum(uint8_t out[JOURNAL_GROUP_SUM_SIZE], const uint8_t *group,
	const struct journal_group_header *h)
{
	uint8_t nonce[12];
	const size_t size = journal_group_size(h->body_size);
	const struct slice part[2] = {slice_of(group, GROUP_HASHED_SIZE),
		slice_of(group + JOURNAL_GROUP_HEADER_SIZE, size - JOURNAL_GROUP_HEADER_SIZE)};
	store_le64(nonce, h->epoch);
	store_le32(nonce + 8, h->segment);
	gmac256(out, h->prev.b, nonce, part, ARRAY_LEN(part));
}

void journal_group_seal(uint8_t *group, struct journal_group_header *header)
{
	const size_t used = JOURNAL_GROUP_HEADER_SIZE + header->body_size;
	const size_t size = journal_group_size(header->body_size);
	struct buf out = buf_init(group, JOURNAL_GROUP_HEADER_SIZE);
	buf_le32(&out, GROUP_MAGIC);
	buf_le32(&out, header->segment);
	buf_le64(&out, header->offset);
	buf_le64(&out, header->epoch);
	buf_le64(&out, header->first_seq);
	buf_le64(&out, header->durable_seq);
	buf_le32(&out, header->record_count);
	buf_le32(&out, header->body_size);
	buf_put(&out, header->cluster.b, sizeof header->cluster.b);
	buf_put(&out, header->prev.b, sizeof header->prev.b);
	buf_put(&out, header->root.b, sizeof header->root.b);
	CHECK(out.len == GROUP_HASHED_SIZE);
	memset(group + used, 0, size - used);
	group_sum(header->sum, group, header);
	buf_put(&out, header->sum, sizeof header->sum);
}

void journal_record_leaf(struct hash256 *out, struct slice record)
{
	merkle_leaf_hash(out, record);
}

static uint32_t record_crc(const uint8_t *header, struct slice payload)
{
	return crc32c(crc32c(0, header, RECORD_CRC_OFFSET), payload.ptr, payload.len);
}

void journal_record_header(
	uint8_t out[JOURNAL_RECORD_HEADER_SIZE], uint64_t seq, uint16_t type, struct slice payload)
{
	CHECK(payload.len <= JOURNAL_GROUP_SIZE_MAX);
	store_le32(out, (uint32_t)payload.len);
	store_le16(out + 4, type);
	store_le16(out + 6, 0);
	store_le64(out + 8, seq);
	store_le32(out + RECORD_CRC_OFFSET, record_crc(out, payload));
}

static bool take_record(struct journal_record_view *out, struct slice *body, bool check_sum)
{
	if (body->len < JOURNAL_RECORD_HEADER_SIZE)
		return false;
	const uint8_t *header = body->ptr;
	const uint32_t len = load_le32(header);
	if (len > body->len - JOURNAL_RECORD_HEADER_SIZE)
		return false;
	const struct slice payload = slice_of(header + JOURNAL_RECORD_HEADER_SIZE, len);
	if (load_le16(header + 6) != 0 ||
		(check_sum &&
			load_le32(header + RECORD_CRC_OFFSET) != record_crc(header, payload) &&
			!MUTANT(CHECKSUM_IGNORED)))
		return false;
	out->seq = load_le64(header + 8);
	out->type = load_le16(header + 4);
	out->payload = payload;
	body->ptr += JOURNAL_RECORD_HEADER_SIZE + len;
	body->len -= JOURNAL_RECORD_HEADER_SIZE + len;
	return true;
}

bool journal_record_next(struct journal_record_view *out, struct slice *body)
{
	return take_record(out, body, true);
}

void journal_record_next_unchecked(struct journal_record_view *out, struct slice *body)
{
	CHECK(take_record(out, body, false));
}

/* The records that come next, as far as they are sound and have the sequences from `seq` on. */
static uint32_t take_records(
	struct slice record[LEAVES_AT_ONCE], struct slice *body, uint32_t want, uint64_t seq)
{
	uint32_t n = 0;
	for (; n < want; n++) {
		struct journal_record_view view;
		const uint8_t *start = body->ptr;
		if (!journal_record_next(&view, body) || view.seq != seq + n)
			break;
		record[n] = slice_of(start, (size_t)(body->ptr - start));
	}
	return n;
}

/* Walks the records and computes the group's link from what they are. False where they are not what
 * the header says. One of leaf and tree is NULL, or both. */
static bool hash_records(struct hash256 *link, struct hash256 *leaf, struct merkle_frontier *tree,
	const uint8_t *group, const struct journal_group_header *header)
{
	struct slice body = slice_of(group + JOURNAL_GROUP_HEADER_SIZE, header->body_size);
	struct slice record[LEAVES_AT_ONCE];
	struct hash256 own[LEAVES_AT_ONCE];
	struct sha256_stream stream;
	uint32_t i = 0, want, got;
	CHECK(leaf == NULL || tree == NULL); /* which overwrites what it is given */
	sha256_begin(&stream);
	sha256_add(&stream, slice_of(group, JOURNAL_GROUP_HEADER_SIZE));
	do {
		const uint32_t left = header->record_count - i;
		struct hash256 *hash = leaf == NULL ? own : leaf + i;
		want = left < LEAVES_AT_ONCE ? left : LEAVES_AT_ONCE;
		got = take_records(record, &body, want, header->first_seq + i);
		merkle_leaf_hash_many(hash, record, got);
		sha256_add(&stream, slice_of((const uint8_t *)hash, got * sizeof *hash));
		if (tree != NULL)
			merkle_frontier_push_many(tree, hash, got);
		i += got;
	} while (got == want && i < header->record_count);
	sha256_end(link, &stream);
	return i == header->record_count && body.len == 0;
}

void journal_group_fold(struct hash256 *link, struct merkle_frontier *tree, const uint8_t *group)
{
	struct journal_group_header header;
	journal_group_header_read(&header, group);
	CHECK(hash_records(link, NULL, tree, group, &header));
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	static const uint8_t zeros[JOURNAL_SECTOR];
	CHECK(len <= sizeof zeros);
	return memcmp(bytes, zeros, len) == 0;
}

void journal_group_header_read(
	struct journal_group_header *h, const uint8_t group[JOURNAL_GROUP_HEADER_SIZE])
{
	struct reader from = reader_init(slice_of(group, JOURNAL_GROUP_HEADER_SIZE));
	(void)reader_le32(&from);
	h->segment = reader_le32(&from);
	h->offset = reader_le64(&from);
	h->epoch = reader_le64(&from);
	h->first_seq = reader_le64(&from);
	h->durable_seq = reader_le64(&from);
	h->record_count = reader_le32(&from);
	h->body_size = reader_le32(&from);
	reader_copy(&from, h->cluster.b, sizeof h->cluster.b);
	reader_copy(&from, h->prev.b, sizeof h->prev.b);
	reader_copy(&from, h->root.b, sizeof h->root.b);
	reader_copy(&from, h->sum, sizeof h->sum);
	CHECK(reader_finish(&from) == OK);
}

static bool counts_fit(uint32_t record_count, uint32_t body_size)
{
	return body_size <= JOURNAL_GROUP_SIZE_MAX - JOURNAL_GROUP_HEADER_SIZE &&
		record_count <= body_size / JOURNAL_RECORD_HEADER_SIZE;
}

uint32_t journal_group_leaves(const uint8_t header[JOURNAL_GROUP_HEADER_SIZE])
{
	const uint32_t count = load_le32(header + JOURNAL_GROUP_COUNT_OFFSET);
	return counts_fit(count, load_le32(header + JOURNAL_GROUP_BODY_OFFSET)) ? count : 0;
}

enum journal_fault journal_group_check(struct journal_group_header *out, struct hash256 *leaf,
	struct slice segment, uint64_t offset, const struct journal_segment_header *in)
{
	if (offset >= segment.len)
		return JOURNAL_FAULT_END;
	return journal_group_check_at(out, leaf,
		slice_of(segment.ptr + offset, segment.len - (size_t)offset), offset, in);
}

enum journal_fault journal_group_check_at(struct journal_group_header *out, struct hash256 *leaf,
	struct slice bytes, uint64_t offset, const struct journal_segment_header *in)
{
	struct journal_group_header h;
	uint8_t sum[JOURNAL_GROUP_SUM_SIZE];
	if (bytes.len < JOURNAL_SECTOR)
		return JOURNAL_FAULT_LENGTH;
	const uint8_t *group = bytes.ptr;
	if (load_le32(group) != GROUP_MAGIC)
		return is_zero(group, JOURNAL_SECTOR) ? JOURNAL_FAULT_END : JOURNAL_FAULT_MAGIC;
	journal_group_header_read(&h, group);
	if (h.segment != in->segment || h.offset != offset || !id128_eq(&h.cluster, &in->cluster))
		return JOURNAL_FAULT_PLACE;
	if (h.body_size > JOURNAL_GROUP_SIZE_MAX - JOURNAL_GROUP_HEADER_SIZE ||
		journal_group_size(h.body_size) > bytes.len)
		return JOURNAL_FAULT_LENGTH;
	if (!counts_fit(h.record_count, h.body_size) || h.first_seq == 0 ||
		h.record_count > UINT64_MAX - h.first_seq)
		return JOURNAL_FAULT_RECORD;
	const size_t used = JOURNAL_GROUP_HEADER_SIZE + h.body_size;
	group_sum(sum, group, &h);
	if ((memcmp(sum, h.sum, sizeof sum) != 0 && !MUTANT(CHECKSUM_IGNORED)) ||
		!is_zero(group + used, journal_group_size(h.body_size) - used))
		return JOURNAL_FAULT_HASH;
	if (!hash_records(&h.hash, leaf, NULL, group, &h))
		return JOURNAL_FAULT_RECORD;
	*out = h;
	return JOURNAL_FAULT_NONE;
}

bool journal_chain_continues(
	const struct journal_chain *chain, const struct journal_group_header *group)
{
	return hash256_eq(&group->prev, &chain->prev) && group->first_seq == chain->next_seq &&
		group->epoch >= chain->epoch && group->durable_seq < group->first_seq;
}

void journal_chain_push(struct journal_chain *chain, const struct journal_group_header *group)
{
	chain->prev = group->hash;
	chain->next_seq = group->first_seq + group->record_count;
	chain->epoch = group->epoch;
}

struct slice journal_group_body(struct slice segment, const struct journal_group_header *group)
{
	return slice_of(segment.ptr + group->offset + JOURNAL_GROUP_HEADER_SIZE, group->body_size);
}
