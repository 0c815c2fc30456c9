/* What journal_read says of a journal that is damaged in each field of each kind of header, in a
 * record and in the padding: the very segment and offset, the reason, the record, what is sound
 * before and what follows. */
#include "store/journal_read.h"

#include "sys/file_sim.h"

#define SEGMENT_SIZE 8192u
#define GROUP_MAX 1536u
#define RECORDS 40u
#define RECORD_LEN 300u
#define RECORD_AT JOURNAL_GROUP_HEADER_SIZE
#define SEGMENT_2 "d/0000000002.seg"

static struct journal_place place[RECORDS + 1];
static struct hash256 sound_root;

static enum err note_place(
	void *ctx, const struct journal_record *record, const struct journal_place *at)
{
	(void)ctx;
	CHECK(record->seq <= RECORDS);
	place[record->seq] = *at;
	return OK;
}

/* Three segments and more, a record a group. */
static struct file_sim *make(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = {.dir = "d",
		.fresh_cluster = {{0xa, 1}},
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = true};
	uint8_t payload[RECORD_LEN];
	struct journal_report report;
	struct journal_error error;
	struct journal *j;
	uint64_t seq;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	for (unsigned i = 0; i < RECORDS; i++) {
		memset(payload, (int)i + 1, sizeof payload);
		CHECK(journal_append(j, &seq, 7, slice_of(payload, sizeof payload), 0) == OK);
		journal_flush(j);
	}
	journal_close(j);
	file_sim_settle(sim);
	CHECK(journal_read(&report, config.ops, "d", note_place, NULL) == OK && !report.torn);
	CHECK(report.segments >= 3 && report.records == RECORDS && report.last_seq == RECORDS);
	CHECK(report.damage.fault == JOURNAL_FAULT_NONE && report.behind.groups == 0);
	sound_root = report.root;
	return sim;
}

/* One bit of a file changed. */
static struct file_sim *with_flip(const struct file_sim *sim, const char *path, uint64_t at)
{
	struct file_sim *copy = file_sim_crash(sim, NULL, 0);
	size_t len;
	uint8_t *bytes = file_sim_content(copy, path, &len);
	CHECK(bytes != NULL && at < len);
	bytes[at] ^= 1;
	return copy;
}

static void read_damaged(struct journal_report *report, struct file_sim *sim, enum err want)
{
	CHECK(journal_read(report, file_sim_ops(sim), "d", NULL, NULL) == want);
	CHECK(report->text[0] != '\0' && !hash256_eq(&report->root, &sound_root));
	file_sim_destroy(sim);
}

/* A record in the middle of segment 2. */
static uint64_t middle(void)
{
	uint64_t seq = 1;
	while (place[seq].segment < 2)
		seq++;
	seq += 2;
	CHECK(place[seq - 1].segment == 2 && place[seq + 1].segment == 2);
	return seq;
}

static void test_group(const struct file_sim *sim)
{
	static const struct {
		uint64_t at; /* in the group */
		enum journal_fault fault;
		bool record; /* the record is named */
	} rows[] = {
		{0, JOURNAL_FAULT_MAGIC, false},
		{4, JOURNAL_FAULT_PLACE, false},
		{8, JOURNAL_FAULT_PLACE, false},
		{16, JOURNAL_FAULT_HASH, false},
		{24, JOURNAL_FAULT_HASH, false},
		{32, JOURNAL_FAULT_HASH, false},
		{JOURNAL_GROUP_COUNT_OFFSET, JOURNAL_FAULT_HASH, false},
		{JOURNAL_GROUP_BODY_OFFSET, JOURNAL_FAULT_HASH, false},
		{JOURNAL_GROUP_BODY_OFFSET + 3, JOURNAL_FAULT_LENGTH, false},
		{48, JOURNAL_FAULT_PLACE, false},
		{64, JOURNAL_FAULT_HASH, false},
		{96, JOURNAL_FAULT_HASH, false},
		{128, JOURNAL_FAULT_HASH, false},
		{JOURNAL_GROUP_HEADER_SIZE - 1, JOURNAL_FAULT_HASH, false},
		{RECORD_AT, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 4, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 6, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 8, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 16, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 20, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 20 + RECORD_LEN - 1, JOURNAL_FAULT_HASH, true},
		{RECORD_AT + 20 + RECORD_LEN, JOURNAL_FAULT_HASH, false},
	};
	const uint64_t seq = middle(), offset = place[seq].group_offset;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct journal_report r;
		read_damaged(&r, with_flip(sim, SEGMENT_2, offset + rows[i].at), ERR_CHECKSUM);
		CHECK(r.damage.segment == 2 && r.damage.offset == offset);
		CHECK(r.damage.fault == rows[i].fault && r.last_seq == seq - 1);
		if (rows[i].record)
			CHECK(r.record_seq == seq && r.record_offset == offset + RECORD_AT);
		CHECK(r.behind.segment == 2 && r.behind.offset == place[seq + 1].group_offset);
		CHECK(r.behind.first_seq == seq + 1 && r.behind.last_seq == RECORDS);
		CHECK(r.behind.groups >= RECORDS - seq && r.behind.claimed_seq >= RECORDS - 1);
	}
}

static void test_segment_header(const struct file_sim *sim)
{
	static const struct {
		uint64_t at;
		enum journal_fault fault;
	} rows[] = {{0, JOURNAL_FAULT_MAGIC}, {8, JOURNAL_FAULT_VERSION}, {12, JOURNAL_FAULT_HASH},
		{28, JOURNAL_FAULT_HASH}, {32, JOURNAL_FAULT_HASH}, {36, JOURNAL_FAULT_HASH},
		{44, JOURNAL_FAULT_HASH}, {52, JOURNAL_FAULT_HASH}, {60, JOURNAL_FAULT_HASH},
		{92, JOURNAL_FAULT_HASH}, {124, JOURNAL_FAULT_HASH}, {511, JOURNAL_FAULT_HASH}};
	uint64_t first = middle() - 2;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct journal_report r;
		read_damaged(&r, with_flip(sim, SEGMENT_2, rows[i].at),
			rows[i].fault == JOURNAL_FAULT_VERSION ? ERR_FORMAT : ERR_CHECKSUM);
		CHECK(r.damage.segment == 2 && r.damage.offset == 0);
		CHECK(r.damage.fault == rows[i].fault && r.last_seq == first - 1);
		CHECK(r.behind.segment == 2 && r.behind.first_seq == first);
		CHECK(r.behind.last_seq == RECORDS && r.record_seq == 0);
	}
}

/* A file that is gone, cut, or exchanged with another. */
static void test_files(const struct file_sim *sim)
{
	static uint8_t content[SEGMENT_SIZE];
	struct journal_report r;
	size_t len;
	struct file_sim *copy = file_sim_crash(sim, NULL, 0);
	CHECK(file_sim_ops(copy)->unlink(copy, SEGMENT_2) == OK);
	read_damaged(&r, copy, ERR_CHECKSUM);
	CHECK(r.damage.fault == JOURNAL_FAULT_MISSING && r.damage.segment == 2);
	CHECK(r.behind.segment == 3 && r.behind.last_seq == RECORDS);

	copy = file_sim_crash(sim, NULL, 0);
	const uint8_t *bytes = file_sim_content(copy, SEGMENT_2, &len);
	CHECK(bytes != NULL && len == sizeof content);
	memcpy(content, bytes, len);
	file_sim_put(copy, SEGMENT_2, slice_of(content, len - JOURNAL_SECTOR));
	read_damaged(&r, copy, ERR_CHECKSUM);
	CHECK(r.damage.fault == JOURNAL_FAULT_LENGTH && r.damage.segment == 2);
	CHECK(r.damage.offset == 0 && r.behind.groups > 0);

	copy = file_sim_crash(sim, NULL, 0);
	bytes = file_sim_content(copy, "d/0000000003.seg", &len);
	CHECK(bytes != NULL && len == sizeof content);
	memcpy(content, bytes, len);
	file_sim_put(copy, SEGMENT_2, slice_of(content, len));
	read_damaged(&r, copy, ERR_CHECKSUM);
	CHECK(r.damage.fault == JOURNAL_FAULT_PLACE && r.damage.segment == 2);
	CHECK(r.behind.segment == 3);
}

/* The last record's group torn, and no mark behind it: a power cut's, and no damage. */
static void test_torn(const struct file_sim *sim)
{
	struct file_sim *copy = file_sim_crash(sim, NULL, 0);
	struct journal_report r;
	char name[JOURNAL_NAME_SIZE], path[64] = "d/";
	size_t len;
	const uint64_t offset = place[RECORDS].group_offset;
	journal_segment_name(name, place[RECORDS].segment);
	memcpy(path + 2, name, sizeof name);
	uint8_t *bytes = file_sim_content(copy, path, &len);
	CHECK(bytes != NULL);
	memset(bytes + offset + RECORD_AT + 40, 0, len - (size_t)offset - RECORD_AT - 40);
	CHECK(journal_read(&r, file_sim_ops(copy), "d", NULL, NULL) == OK && r.torn);
	CHECK(r.damage.segment == place[RECORDS].segment && r.damage.offset == offset);
	CHECK(r.record_seq == RECORDS && r.last_seq == RECORDS - 1 && r.behind.groups == 0);
	file_sim_destroy(copy);
}

int main(void)
{
	struct file_sim *sim = make();
	test_group(sim);
	test_segment_header(sim);
	test_files(sim);
	test_torn(sim);
	file_sim_destroy(sim);
	return 0;
}
