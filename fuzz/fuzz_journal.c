/* Opening a journal over anything that may be on the disk.
 *
 * Input: a mode byte, then
 *   raw    the bytes of the first segment's file;
 *   edit   changes to a sound journal of three segments: segment, offset (2), length, bytes;
 *   forge  groups with fields of the input's choice and hashes that are right, laid over a sound
 *          journal: segment, sector, flags, epoch, first sequence, durable sequence, body.
 *
 * Whatever it is: no crash; a refusal changes nothing; a journal that opens takes a record, and the
 * next opening gives the same records and that one. */
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/merkle_log.h"
#include "store/journal_read.h"
#include "store/journal_scan.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE 4096u
#define GROUP_MAX 512u
#define SEGMENTS 3u
#define SOUND_RECORDS 18u

enum mode { MODE_RAW, MODE_EDIT, MODE_FORGE, MODE_COUNT };
enum { FORGE_CHAINED = 1u << 0, FORGE_RECORDS = 1u << 1 };

static const struct id128 cluster = {{0xf, 1}};
static const char *const segment_path[SEGMENTS] = {
	"d/0000000001.seg", "d/0000000002.seg", "d/0000000003.seg"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct journal_config config_of(struct file_sim *sim)
{
	return (struct journal_config){.dir = "d",
		.fresh_cluster = cluster,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = true};
}

static struct file_sim *make_sound(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(sim);
	struct journal_error error;
	struct journal *j;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	for (uint64_t seq = 1; seq <= SOUND_RECORDS; seq++) {
		CHECK(journal_append(j, &seq, 1, slice_str("sound"), 0) == OK);
		journal_flush(j);
	}
	journal_close(j);
	file_sim_settle(sim);
	return sim;
}

static void edit(struct file_sim *sim, struct reader *in)
{
	while (in->left > 0 && !in->failed) {
		const uint8_t segment = reader_u8(in) % SEGMENTS;
		const uint16_t offset = reader_le16(in) % SEGMENT_SIZE;
		size_t len = reader_u8(in), size;
		uint8_t *bytes = file_sim_content(sim, segment_path[segment], &size);
		CHECK(bytes != NULL && size == SEGMENT_SIZE);
		if (len > in->left)
			len = in->left;
		if (len > size - offset)
			len = size - offset;
		reader_copy(in, bytes + offset, len);
	}
}

static void leaf_of(struct hash256 *out, uint64_t seq, struct slice payload)
{
	uint8_t record[JOURNAL_SECTOR];
	journal_record_header(record, seq, 1, payload);
	memcpy(record + JOURNAL_RECORD_HEADER_SIZE, payload.ptr, payload.len);
	journal_record_leaf(out, slice_of(record, JOURNAL_RECORD_HEADER_SIZE + payload.len));
}

/* Of the sound journal's tree before this sequence. */
static void root_before(struct hash256 *out, uint64_t seq)
{
	struct merkle_frontier tree;
	struct hash256 leaf;
	merkle_frontier_init(&tree);
	for (uint64_t i = 1; i < seq && i <= SOUND_RECORDS; i++) {
		leaf_of(&leaf, i, slice_str("sound"));
		merkle_frontier_push(&tree, &leaf);
	}
	merkle_frontier_root(out, &tree);
}

/* What the group that is here would be continued by; anything, where it is none. */
static void link_of(struct hash256 *out, const uint8_t *group)
{
	struct journal_segment_header in = {.cluster = cluster};
	struct journal_group_header h;
	journal_group_header_read(&h, group);
	in.segment = h.segment;
	if (journal_group_check_at(&h, NULL, slice_of(group, JOURNAL_SECTOR), h.offset, &in) !=
		JOURNAL_FAULT_NONE)
		memset(&h.hash, 0, sizeof h.hash);
	*out = h.hash;
}

static void forge_one(struct file_sim *sim, struct reader *in)
{
	const uint8_t segment = reader_u8(in) % SEGMENTS;
	const uint32_t sector = 1u + reader_u8(in) % (SEGMENT_SIZE / JOURNAL_SECTOR - 1u);
	const uint8_t flags = reader_u8(in);
	uint8_t group[JOURNAL_SECTOR * 2] = {0};
	size_t size;
	uint8_t *bytes = file_sim_content(sim, segment_path[segment], &size);
	struct journal_group_header h = {
		.segment = segment + 1u, .offset = sector * JOURNAL_SECTOR, .cluster = cluster};
	h.epoch = reader_u8(in);
	h.first_seq = reader_u8(in);
	h.durable_seq = reader_u8(in);
	h.record_count = reader_u8(in) % 4;
	struct buf body = buf_init(
		group + JOURNAL_GROUP_HEADER_SIZE, JOURNAL_SECTOR - JOURNAL_GROUP_HEADER_SIZE);
	for (uint32_t i = 0; i < h.record_count && (flags & FORGE_RECORDS); i++) {
		uint8_t header[JOURNAL_RECORD_HEADER_SIZE];
		const struct slice payload = slice_of(group, reader_u8(in) % 32);
		journal_record_header(header, h.first_seq + i, 1, payload);
		buf_put(&body, header, sizeof header);
		buf_put(&body, payload.ptr, payload.len);
	}
	h.body_size = (uint32_t)body.len;
	/* the group before it, if it is one sector long, or the segment's header */
	const uint8_t *before = bytes + (sector - 1) * JOURNAL_SECTOR;
	struct journal_segment_header segment_header;
	if (flags & FORGE_CHAINED) {
		if (sector == 1 && journal_segment_decode(&segment_header, before) == 0)
			h.prev = segment_header.hash;
		else
			link_of(&h.prev, before);
		root_before(&h.root, h.first_seq);
	}
	journal_group_seal(group, &h);
	memcpy(bytes + h.offset, group, JOURNAL_SECTOR);
}

struct replayed {
	uint64_t count;
	struct hash256 digest; /* chained over the records */
	uint64_t stop_after;   /* of those that are digested */
};

static enum err replay(void *ctx, const struct journal_record *record)
{
	struct replayed *r = ctx;
	CHECK(record->seq == r->count + 1);
	r->count = record->seq;
	if (r->count > r->stop_after)
		return OK;
	uint8_t type[2];
	store_le16(type, record->type);
	const struct slice part[3] = {slice_of(r->digest.b, sizeof r->digest.b),
		slice_of(type, sizeof type), record->payload};
	sha256_parts(&r->digest, part, ARRAY_LEN(part));
	return OK;
}

static void check(struct file_sim *sim)
{
	const struct journal_config config = config_of(sim);
	struct replayed first = {.stop_after = UINT64_MAX};
	struct journal_report report;
	struct journal_error error = {{0}};
	struct journal *j = NULL;
	uint64_t seq;
	file_sim_settle(sim);
	const uint64_t digest = file_sim_digest(sim);
	const enum err read_err = journal_read(&report, config.ops, "d", NULL, NULL);
	const enum err err = journal_open(&j, &config, replay, &first, &error);
	CHECK(read_err == err);
	if (err != OK) {
		CHECK(error.text[0] != '\0' && file_sim_digest(sim) == digest);
		return;
	}
	CHECK(report.records == first.count && report.last_seq == first.count);
	const enum err appended = journal_append(j, &seq, 2, slice_str("one more"), 0);
	CHECK(appended == OK && seq == first.count + 1);
	journal_flush(j);
	CHECK(journal_durable(j) == seq);
	journal_close(j);
	struct replayed second = {.stop_after = first.count};
	CHECK(journal_open(&j, &config, replay, &second, &error) == OK);
	CHECK(second.count == seq && hash256_eq(&second.digest, &first.digest));
	journal_close(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file_sim *sound;
	if (sound == NULL)
		sound = make_sound();
	struct reader in = reader_init(slice_of(data, size));
	const enum mode mode = reader_u8(&in) % MODE_COUNT;
	struct file_sim *sim = file_sim_crash(sound, NULL, 0);
	const struct file_ops *ops = file_sim_ops(sim);
	switch (mode) {
	case MODE_RAW:
		for (unsigned i = 1; i < SEGMENTS; i++)
			CHECK(ops->unlink(sim, segment_path[i]) == OK);
		file_sim_put(sim, segment_path[0], slice_of(in.ptr, in.left));
		break;
	case MODE_EDIT: edit(sim, &in); break;
	case MODE_FORGE:
		while (in.left > 0 && !in.failed)
			forge_one(sim, &in);
		break;
	case MODE_COUNT: UNREACHABLE();
	}
	check(sim);
	file_sim_destroy(sim);
	return 0;
}
