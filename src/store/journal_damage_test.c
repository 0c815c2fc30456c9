/* Damage to the platter: every byte of a small journal is changed in turn, files are cut, lost,
 * exchanged and mixed. What a power cut can leave is cut off; what it can't leave is refused, with
 * the place, and without touching a file. Nothing that was not appended is ever replayed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_read.h"
#include "store/journal_scan.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE 8192u
#define GROUP_MAX 1536u
#define GROUPS_MAX 64u

static const struct id128 cluster_a = {{0xa, 1}}, cluster_b = {{0xb, 2}};

static struct slice payload_of(uint64_t seq, unsigned variant)
{
	static uint8_t bytes[GROUP_MAX];
	const size_t len = (size_t)(seq * 97 % 900);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seq * 131 + i * 7 + variant * 59);
	return slice_of(bytes, len);
}

struct replayed {
	uint64_t count;
	unsigned variant;
};

static enum err check_record(void *ctx, const struct journal_record *record)
{
	struct replayed *r = ctx;
	CHECK(record->seq == r->count + 1 && record->type == 7);
	CHECK(slice_eq(record->payload, payload_of(record->seq, r->variant)));
	r->count++;
	return OK;
}

static enum err check_read(
	void *ctx, const struct journal_record *record, const struct journal_place *place)
{
	CHECK(place->segment > 0 && place->durable_seq < record->seq);
	return check_record(ctx, record);
}

/* Openings check groups one by one from the last to the first, as if others were faster with the
 * later ones; journal_read checks them in turn. Both must come to the same, word for word. */
static void run_backwards(void *self, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	(void)self;
	(void)item_size;
	while (count-- > 0)
		body(ctx, count, count + 1);
}

static const struct parallel backwards = {.run = run_backwards};

static struct journal_config config_of(struct file_sim *sim)
{
	return (struct journal_config){.dir = "d",
		.fresh_cluster = cluster_a,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.parallel = &backwards,
		.synchronous = true};
}

/* A journal of so many records, one a group; with or without a mark at the end. */
static struct file_sim *make(uint64_t records, bool mark, unsigned variant, struct id128 cluster)
{
	struct file_sim *sim = file_sim_create();
	struct journal_config config = config_of(sim);
	struct journal_error error;
	struct journal *j;
	config.fresh_cluster = cluster;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	for (uint64_t seq = 1; seq <= records; seq++) {
		CHECK(journal_append(j, &seq, 7, payload_of(seq, variant), 0) == OK);
		journal_flush(j);
	}
	if (mark)
		journal_mark(j);
	file_sim_settle(sim);
	struct file_sim *disk = file_sim_crash(sim, NULL, 0); /* before closing marks the end */
	journal_close(j);
	file_sim_destroy(sim);
	return disk;
}

/* The verdict of the opening. */
struct verdict {
	enum err err;
	uint64_t count;
	struct journal_error error;
};

static void open_twice(struct verdict *v, struct file_sim *image, unsigned variant)
{
	file_sim_settle(image); /* the damage is on the platter */
	struct file_sim *sim = file_sim_crash(image, NULL, 0);
	const struct journal_config config = config_of(sim);
	struct replayed replayed = {.variant = variant}, read = {.variant = variant};
	struct journal_report report;
	struct journal *j = NULL;
	const uint64_t digest = file_sim_digest(sim);
	const enum err read_err = journal_read(&report, config.ops, config.dir, check_read, &read);
	CHECK(file_sim_digest(sim) == digest);
	v->err = journal_open(&j, &config, check_record, &replayed, &v->error);
	v->count = replayed.count;
	CHECK(read_err == v->err && read.count == replayed.count);
	if (v->err == OK) {
		uint64_t seq;
		CHECK(journal_append(j, &seq, 7, payload_of(v->count + 1, variant), 0) == OK);
		journal_close(j);
		replayed.count = 0;
		CHECK(journal_open(&j, &config, check_record, &replayed, &v->error) == OK);
		CHECK(replayed.count == v->count + 1 && seq == replayed.count);
		journal_close(j);
	} else {
		CHECK(strcmp(v->error.text, report.text) == 0);
		CHECK(file_sim_digest(sim) == digest);
	}
	file_sim_destroy(sim);
}

static void must_open(struct file_sim *image, uint64_t count)
{
	struct verdict v;
	open_twice(&v, image, 0);
	if (v.err != OK || v.count != count)
		(void)fprintf(stderr, "%s: %s; %" PRIu64 " for %" PRIu64 "\n", err_name(v.err),
			v.error.text, v.count, count);
	CHECK(v.err == OK && v.count == count);
}

static void must_refuse(struct file_sim *image, const char *says)
{
	struct verdict v;
	open_twice(&v, image, 0);
	if (v.err != ERR_CHECKSUM || strstr(v.error.text, says) == NULL)
		(void)fprintf(
			stderr, "%s: %s; must say: %s\n", err_name(v.err), v.error.text, says);
	CHECK(v.err == ERR_CHECKSUM && strstr(v.error.text, says) != NULL);
}

/* Where everything is. */
struct map {
	struct journal_group_header group[GROUPS_MAX];
	size_t group_count;
	uint32_t last_segment;
};

static enum err map_group(void *ctx, const struct journal_group_header *group, struct slice body)
{
	(void)body;
	struct map *map = ctx;
	CHECK(map->group_count < GROUPS_MAX);
	map->group[map->group_count++] = *group;
	map->last_segment = group->segment;
	return OK;
}

static void map_of(struct map *map, struct file_sim *sim)
{
	static const struct id128 any;
	struct journal_scan scan;
	const struct journal_visitor visitor = {.group = map_group, .ctx = map};
	*map = (struct map){.group_count = 0};
	CHECK(journal_scan_run(&scan, file_sim_ops(sim), "d", &any, &visitor, NULL, NULL) == OK);
	journal_scan_fini(&scan);
}

static uint8_t *segment_bytes(struct file_sim *sim, uint32_t segment)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	size_t len;
	journal_segment_name(name, segment);
	CHECK(file_path_join(path, "d", name) == OK);
	uint8_t *bytes = file_sim_content(sim, path, &len);
	CHECK(bytes != NULL && len == SEGMENT_SIZE);
	return bytes;
}

static const struct journal_group_header *group_at(
	const struct map *map, uint32_t segment, uint64_t offset)
{
	for (size_t i = 0; i < map->group_count; i++) {
		const struct journal_group_header *g = &map->group[i];
		if (g->segment == segment && offset >= g->offset &&
			offset < g->offset + journal_group_size(g->body_size))
			return g;
	}
	return NULL;
}

/* What one changed byte must lead to. */
static void expect_flip(struct file_sim *sim, const struct map *map, uint32_t segment,
	uint64_t offset, uint64_t records)
{
	const struct journal_group_header *last = &map->group[map->group_count - 1];
	const struct journal_group_header *g = group_at(map, segment, offset);
	char says[64];
	(void)snprintf(says, sizeof says, "segment %" PRIu32 ", offset %" PRIu64, segment,
		g == NULL ? 0 : g->offset);
	if (g == NULL && offset >= JOURNAL_SEGMENT_HEADER_SIZE)
		must_open(sim, records); /* between the last group and the end of the file */
	else if (g == NULL && offset >= 8 && offset < 12) {
		struct verdict v;
		open_twice(&v, sim, 0);
		CHECK(v.err == ERR_FORMAT);
	} else if (g == NULL || g != last)
		must_refuse(sim, says);
	else
		/* the last group, which nothing claims: a mark is nothing lost, and a record is the
		 * stated blind spot */
		must_open(sim, records - last->record_count);
}

static void test_flips(uint64_t records, bool mark)
{
	struct file_sim *sim = make(records, mark, 0, cluster_a);
	struct map map;
	map_of(&map, sim);
	CHECK(map.last_segment >= 2);
	must_open(sim, records);
	for (uint32_t segment = 1; segment <= map.last_segment; segment++) {
		for (uint64_t offset = 0; offset < SEGMENT_SIZE; offset++) {
			uint8_t *byte = segment_bytes(sim, segment) + offset;
			*byte ^= (uint8_t)(1u << offset % 8);
			expect_flip(sim, &map, segment, offset, records);
			*byte ^= (uint8_t)(1u << offset % 8);
		}
	}
	must_open(sim, records);
	file_sim_destroy(sim);
}

/* The last group ends at every byte, in zeros or in garbage, or begins there. */
static void test_torn_tail(uint64_t records)
{
	struct file_sim *sim = make(records, false, 0, cluster_a);
	uint8_t whole[GROUP_MAX];
	struct map map;
	map_of(&map, sim);
	const struct journal_group_header *last = &map.group[map.group_count - 1];
	const size_t size = journal_group_size(last->body_size);
	CHECK(last->record_count == 1 && size > JOURNAL_SECTOR && size <= sizeof whole);
	uint8_t *group = segment_bytes(sim, last->segment) + last->offset;
	memcpy(whole, group, size);
	for (size_t cut = 0; cut < size; cut++) {
		memset(group + cut, 0, size - cut);
		must_open(sim, memcmp(group, whole, size) == 0 ? records : records - 1);
		memset(group + cut, 0xa5, size - cut);
		must_open(sim, records - 1);
		memcpy(group, whole, size);
		memset(group, 0, cut);
		must_open(sim, cut == 0 ? records : records - 1);
		memcpy(group, whole, size);
	}
	file_sim_destroy(sim);
}

/* Whole groups that are valid by themselves, in the wrong journal, place or time. */
static void test_strangers(void)
{
	struct file_sim *sim = make(12, false, 0, cluster_a);
	struct file_sim *twin = make(12, false, 1, cluster_a); /* another past, same shape */
	struct file_sim *other = make(12, false, 0, cluster_b);
	uint8_t saved[SEGMENT_SIZE];
	struct map map;
	map_of(&map, sim);
	const struct journal_group_header *last = &map.group[map.group_count - 1];
	const struct journal_group_header *before = &map.group[map.group_count - 2];
	uint8_t *bytes = segment_bytes(sim, last->segment);
	const size_t size = journal_group_size(last->body_size);
	CHECK(before->segment == last->segment);
	memcpy(saved, bytes, SEGMENT_SIZE);

	/* the last group of another past, or of another cluster: not replayed */
	memcpy(bytes + last->offset, segment_bytes(twin, last->segment) + last->offset, size);
	must_open(sim, 11);
	memcpy(bytes + last->offset, segment_bytes(other, last->segment) + last->offset, size);
	must_open(sim, 11);
	memcpy(bytes, saved, SEGMENT_SIZE);
	/* the group before the last */
	memcpy(bytes + before->offset, segment_bytes(twin, last->segment) + before->offset,
		journal_group_size(before->body_size));
	must_refuse(sim, "does not continue");
	memcpy(bytes, saved, SEGMENT_SIZE);
	/* misdirected: the last group once more behind itself, and over the one before it */
	memcpy(bytes + last->offset + size, bytes + last->offset, size);
	must_open(sim, 12);
	memcpy(bytes, saved, SEGMENT_SIZE);
	memcpy(bytes + before->offset, bytes + last->offset, JOURNAL_SECTOR);
	must_refuse(sim, "another place");
	memcpy(bytes, saved, SEGMENT_SIZE);
	/* lost write: the group before the last never arrived */
	memset(bytes + before->offset, 0, journal_group_size(before->body_size));
	must_refuse(sim, "nothing was written");
	memcpy(bytes, saved, SEGMENT_SIZE);
	must_open(sim, 12);
	file_sim_destroy(sim);
	file_sim_destroy(twin);
	file_sim_destroy(other);
}

static void copy_segment(
	struct file_sim *to, uint32_t to_segment, struct file_sim *from, uint32_t from_segment)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	uint8_t bytes[SEGMENT_SIZE];
	memcpy(bytes, segment_bytes(from, from_segment), sizeof bytes);
	journal_segment_name(name, to_segment);
	CHECK(file_path_join(path, "d", name) == OK);
	file_sim_put(to, path, slice_of(bytes, sizeof bytes));
}

static struct file_sim *without(struct file_sim *image, const char *path, size_t keep)
{
	file_sim_settle(image);
	struct file_sim *sim = file_sim_crash(image, NULL, 0);
	const struct file_ops *ops = file_sim_ops(sim);
	int file;
	if (keep == 0) {
		CHECK(ops->unlink(sim, path) == OK);
	} else {
		CHECK(ops->open(sim, &file, path, FILE_WRITE) == OK);
		CHECK(ops->truncate(sim, file, keep) == OK);
		ops->close(sim, file);
	}
	file_sim_settle(sim);
	return sim;
}

static void test_files(void)
{
	static const struct {
		const char *path;
		size_t keep;
		const char *says;
	} rows[] = {
		{"d/0000000001.seg", 0, "segment 1 is missing"},
		{"d/0000000002.seg", 0, "segment 2 is missing"},
		{"d/0000000001.seg", 100, "segment 1, offset 0"},
		{"d/0000000002.seg", 4096, "segment 2, offset 0"},
		{"d/0000000003.seg", 512, "segment 3, offset 0"},
		{"d/0000000003.seg", SEGMENT_SIZE - 512, "segment 3, offset 0"},
	};
	struct file_sim *image = make(24, true, 0, cluster_a), *sim;
	struct file_sim *twin = make(24, true, 1, cluster_a);
	struct map map;
	map_of(&map, image);
	CHECK(map.last_segment == 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		sim = without(image, rows[i].path, rows[i].keep);
		must_refuse(sim, rows[i].says);
		file_sim_destroy(sim);
	}
	sim = without(image, "d/spare", 0);
	must_open(sim, 24);
	file_sim_destroy(sim);
	sim = without(image, "d/spare", 1000);
	must_open(sim, 24);
	file_sim_destroy(sim);
	/* a segment in another's place, one too many, one of another past */
	sim = file_sim_crash(image, NULL, 0);
	copy_segment(sim, 2, image, 1);
	must_refuse(sim, "segment 2, offset 0");
	copy_segment(sim, 2, image, 2);
	must_open(sim, 24);
	copy_segment(sim, 4, image, 3);
	must_refuse(sim, "segment 4, offset 0");
	copy_segment(sim, 4, image, 2);
	must_refuse(sim, "segment 4, offset 0");
	file_sim_destroy(sim);
	sim = file_sim_crash(image, NULL, 0);
	copy_segment(sim, 3, twin, 3);
	must_refuse(sim, "segment 3 was begun after");
	copy_segment(sim, 3, image, 3);
	copy_segment(sim, 1, twin, 1);
	struct verdict v;
	open_twice(&v, sim, 1); /* replays the twin's, then stops */
	CHECK(v.err == ERR_CHECKSUM);
	file_sim_destroy(sim);
	file_sim_destroy(image);
	file_sim_destroy(twin);
}

/* Each opening is an epoch of its own, and wipes what was unfinished. */
static void test_epochs(void)
{
	struct file_sim *sim = make(5, false, 0, cluster_a);
	const struct journal_config config = config_of(sim);
	struct journal_report report;
	struct journal_error error;
	struct map map;
	struct journal *j;
	map_of(&map, sim);
	const struct journal_group_header *last = &map.group[map.group_count - 1];
	uint8_t *bytes = segment_bytes(sim, last->segment);
	bytes[last->offset] ^= 1;
	CHECK(journal_read(&report, config.ops, "d", NULL, NULL) == OK);
	CHECK(report.torn && report.records == 4 && report.epoch == 1 && report.last_seq == 4);
	CHECK(report.end_offset == last->offset && report.claimed_seq == 3);
	CHECK(strstr(report.text, "unfinished") != NULL);
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	bytes = segment_bytes(sim, last->segment) + last->offset + JOURNAL_SECTOR;
	for (size_t i = 0; i < SEGMENT_SIZE - last->offset - JOURNAL_SECTOR; i++)
		CHECK(bytes[i] == 0);
	journal_close(j);
	for (uint64_t epoch = 3; epoch < 6; epoch++) {
		CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
		journal_close(j);
		CHECK(journal_read(&report, config.ops, "d", NULL, NULL) == OK);
		CHECK(report.epoch == epoch && !report.torn && report.claimed_seq == 4);
	}
	file_sim_destroy(sim);
}

/* The reader names the record. */
static void test_detail(void)
{
	struct file_sim *sim = file_sim_create();
	struct journal_config config = config_of(sim);
	struct journal_report report;
	struct journal_error error;
	struct journal *j;
	uint64_t seq;
	CHECK(journal_read(&report, config.ops, "d", NULL, NULL) == ERR_NOT_FOUND);
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	for (unsigned i = 0; i < 5; i++)
		CHECK(journal_append(j, &seq, 7, slice_str("0123456789"), 0) == OK);
	journal_close(j);
	CHECK(journal_read(&report, config.ops, "d", NULL, NULL) == OK);
	CHECK(!report.empty && report.records == 5 && report.groups == 2 && report.marks == 1);
	CHECK(report.payload_bytes == 50 && report.group_records_max == 5);
	CHECK(report.first_seq == 1 && report.last_seq == 5 && report.claimed_seq == 5);
	uint8_t *group = segment_bytes(sim, 1) + JOURNAL_SEGMENT_HEADER_SIZE;
	group[JOURNAL_GROUP_HEADER_SIZE + 2 * (JOURNAL_RECORD_HEADER_SIZE + 10) + 25] ^= 4;
	CHECK(journal_read(&report, config.ops, "d", NULL, NULL) == ERR_CHECKSUM);
	CHECK(strstr(report.text, "segment 1, offset 512") != NULL);
	CHECK(strstr(report.detail, "record 3, at offset 716") != NULL);
	file_sim_destroy(sim);
}

int main(void)
{
	test_flips(12, true);
	test_flips(12, false);
	test_torn_tail(9);
	test_strangers();
	test_files();
	test_epochs();
	test_detail();
	return EXIT_SUCCESS;
}
