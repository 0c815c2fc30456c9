/* Repair from a copy: each kind of damage is made, planned for without a change, repaired, and the
 * journal is then the same, byte for byte; ended at any moment it can be begun again. What must not
 * be taken for a copy is refused, and nothing is changed. */
#include "store/journal_repair.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mutant.h"
#include "store/journal_follow.h"
#include "store/journal_read.h"
#include "store/snapshot_file.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE 8192u
#define GROUP_MAX 1536u
#define RECORDS 54u
#define RECORD_LEN 300u
#define SEGMENTS_MAX 16u
#define STRIDE 53u /* damaged bytes, one by one */
#define PATHS_MAX 2u

static const struct id128 cluster_a = {{0xa, 1}}, cluster_b = {{0xb, 2}};

static struct journal *open_in(struct file_sim *sim, const char *dir, struct id128 cluster)
{
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = cluster,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = true};
	struct journal_error error;
	struct journal *j = NULL;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	return j;
}

static void append(struct journal *j, unsigned count, unsigned salt)
{
	uint8_t payload[RECORD_LEN];
	uint64_t seq;
	while (count-- > 0) {
		memset(payload, (int)(journal_last(j) + salt), sizeof payload);
		CHECK(journal_append(j, &seq, 7, slice_of(payload, sizeof payload), 0) == OK);
		journal_flush(j);
	}
}

static const char *segment_path(const char *dir, uint32_t segment)
{
	static char path[PATHS_MAX][FILE_PATH_SIZE];
	static unsigned next;
	char name[JOURNAL_NAME_SIZE];
	char *at = path[next++ % PATHS_MAX];
	journal_segment_name(name, segment);
	CHECK(file_path_join(at, dir, name) == OK);
	return at;
}

static uint32_t segments_of(struct file_sim *sim, const char *dir)
{
	uint32_t first, last;
	CHECK(journal_segments_list(&first, &last, file_sim_ops(sim), dir) == OK);
	return last;
}

/* The segments of d as those of another folder. */
static void copy_to(struct file_sim *sim, const char *dir)
{
	const struct file_ops *ops = file_sim_ops(sim);
	CHECK(ops->mkdir(ops->ctx, dir) == OK);
	for (uint32_t i = 1; i <= segments_of(sim, "d"); i++) {
		size_t len;
		const uint8_t *bytes = file_sim_content(sim, segment_path("d", i), &len);
		uint8_t *mine = malloc(len);
		CHECK(mine != NULL);
		memcpy(mine, bytes, len);
		file_sim_put(sim, segment_path(dir, i), slice_of(mine, len));
		free(mine);
	}
}

/* But for what is behind the last group of b's: an opening has no use for it. */
static bool same_segments(struct file_sim *sim, const char *a, const char *b)
{
	const uint32_t last = segments_of(sim, b);
	bool same = segments_of(sim, a) == last;
	for (uint32_t i = 1; i <= last && same; i++) {
		size_t len_a = 0, len_b = 0;
		const uint8_t *in_a = file_sim_content(sim, segment_path(a, i), &len_a);
		const uint8_t *in_b = file_sim_content(sim, segment_path(b, i), &len_b);
		size_t used = len_b;
		while (used > 0 && in_b[used - 1] == 0)
			used--;
		same = in_a != NULL && len_a == len_b && memcmp(in_a, in_b, used) == 0;
	}
	return same;
}

/* A journal in d, and a copy in p. */
static struct file_sim *make(void)
{
	struct file_sim *sim = file_sim_create();
	struct journal *j = open_in(sim, "d", cluster_a);
	append(j, RECORDS, 0);
	journal_close(j);
	copy_to(sim, "p");
	file_sim_settle(sim);
	CHECK(segments_of(sim, "d") >= 3);
	return sim;
}

static uint8_t *bytes_of(struct file_sim *sim, const char *dir, uint32_t segment, size_t *len)
{
	uint8_t *bytes = file_sim_content(sim, segment_path(dir, segment), len);
	CHECK(bytes != NULL);
	return bytes;
}

static void damage(struct file_sim *sim, const char *dir, uint32_t segment, size_t at, size_t count)
{
	size_t len;
	uint8_t *bytes = bytes_of(sim, dir, segment, &len);
	for (size_t i = at; i < at + count && i < len; i++)
		bytes[i] ^= 0x5a;
	file_sim_settle(sim);
}

/* The plan changes nothing. Returns what it answers; pieces are printed where it matters. */
static enum err plan(struct journal_repair *r, struct file_sim *sim, bool extend)
{
	const uint64_t before = file_sim_digest(sim);
	const enum err err = journal_repair_plan(r, file_sim_ops(sim), "d", "p", extend);
	CHECK(file_sim_digest(sim) == before);
	CHECK((err == OK) == (r->error.text[0] == '\0'));
	return err;
}

static void must_refuse(struct file_sim *sim, bool extend, enum err want, const char *says)
{
	struct journal_repair r;
	const enum err err = plan(&r, sim, extend);
	if (err != want || strstr(r.error.text, says) == NULL)
		(void)fprintf(
			stderr, "%s for %s: %s\n", err_name(err), err_name(want), r.error.text);
	CHECK(err == want && strstr(r.error.text, says) != NULL);
	journal_repair_fini(&r);
}

/* With everything that the copy has: the same bytes again. Returns the pieces. */
static uint32_t must_repair(struct file_sim *sim)
{
	struct journal_repair r;
	const enum err err = plan(&r, sim, true);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), r.error.text);
	CHECK(err == OK && r.last_seq == RECORDS && r.count > 0);
	const uint32_t count = r.count;
	CHECK(journal_repair_apply(&r) == OK);
	journal_repair_fini(&r);
	CHECK(same_segments(sim, "d", "p"));
	CHECK(plan(&r, sim, true) == OK && r.count == 0);
	journal_repair_fini(&r);
	return count;
}

/* Without `extend`: sound afterwards, and all that something here vouches for is back. */
static void must_be_sound(struct file_sim *sim, bool all)
{
	struct journal_repair r;
	struct journal_report report;
	const enum err err = plan(&r, sim, false);
	if (err != OK) { /* damage that the journal itself proves, and what it proves is beyond */
		CHECK(err == ERR_CHECKSUM && r.beyond_last_seq == RECORDS && !all);
		journal_repair_fini(&r);
		return;
	}
	CHECK(journal_repair_apply(&r) == OK);
	const uint64_t last = r.last_seq;
	CHECK(last == RECORDS || r.beyond_last_seq == RECORDS);
	CHECK(!all || last == RECORDS);
	journal_repair_fini(&r);
	CHECK(journal_read(&report, file_sim_ops(sim), "d", NULL, NULL) == OK);
	CHECK(report.last_seq == last);
	journal_close(open_in(sim, "d", cluster_b)); /* not needed: the folder says which */
}

/* Behind a segment's groups are zeros, which nothing depends on. */
static bool is_used(struct file_sim *sim, uint32_t segment, size_t at)
{
	size_t len;
	const uint8_t *bytes = bytes_of(sim, "p", segment, &len);
	for (size_t i = at / JOURNAL_SECTOR * JOURNAL_SECTOR; i < len; i++)
		if (bytes[i] != 0)
			return true;
	return false;
}

static void test_each_byte(struct file_sim *sound)
{
	for (uint32_t segment = 1; segment <= segments_of(sound, "d"); segment++) {
		for (size_t at = 0; at < SEGMENT_SIZE; at += STRIDE) {
			if (!is_used(sound, segment, at))
				break;
			for (unsigned extend = 0; extend < 2; extend++) {
				struct file_sim *sim = file_sim_copy(sound);
				damage(sim, "d", segment, at, 1);
				if (extend)
					CHECK(must_repair(sim) == 1);
				else
					must_be_sound(sim, true);
				file_sim_destroy(sim);
			}
		}
	}
}

/* ---- what can happen to files ---- */

static bool unlink_of(struct file_sim *sim, const char *path)
{
	const struct file_ops *ops = file_sim_ops(sim);
	return ops->unlink(ops->ctx, path) == OK;
}

static void lose(struct file_sim *sim, uint32_t segment)
{
	CHECK(unlink_of(sim, segment_path("d", segment)));
}

static void resize(struct file_sim *sim, uint32_t segment, size_t size)
{
	uint8_t bytes[2 * SEGMENT_SIZE] = {0};
	size_t len;
	const uint8_t *old = bytes_of(sim, "d", segment, &len);
	CHECK(size <= sizeof bytes);
	memcpy(bytes, old, len < size ? len : size);
	file_sim_put(sim, segment_path("d", segment), slice_of(bytes, size));
}

static void exchange(struct file_sim *sim, uint32_t a, uint32_t b)
{
	uint8_t bytes[SEGMENT_SIZE];
	size_t len;
	memcpy(bytes, bytes_of(sim, "d", a, &len), SEGMENT_SIZE);
	memcpy(bytes_of(sim, "d", a, &len), bytes_of(sim, "p", b, &len), SEGMENT_SIZE);
	memcpy(bytes_of(sim, "d", b, &len), bytes, SEGMENT_SIZE);
}

/* A sector of one place written to another. */
static void misdirect(struct file_sim *sim, uint32_t segment, size_t from, size_t to)
{
	size_t len;
	uint8_t *bytes = bytes_of(sim, "d", segment, &len);
	memcpy(bytes + to, bytes + from, JOURNAL_SECTOR);
}

static void do_damage(struct file_sim *sim, unsigned kind, uint32_t last)
{
	switch (kind) {
	case 0: lose(sim, 1); break;
	case 1: lose(sim, 2); break;
	case 2: lose(sim, last); break;
	case 3: resize(sim, 1, 0); break;
	case 4: resize(sim, 2, 3000); break;
	case 5: resize(sim, 2, SEGMENT_SIZE + 777); break;
	case 6: resize(sim, last, JOURNAL_SECTOR); break;
	case 7: exchange(sim, 1, 2); break;
	case 8: damage(sim, "d", 2, 0, SEGMENT_SIZE); break;
	case 9: damage(sim, "d", last, 0, SEGMENT_SIZE); break;
	case 10: damage(sim, "d", 1, 1024, 3000); break;
	case 11: misdirect(sim, 2, 512, 1536); break;
	case 12: misdirect(sim, 2, 1536, 0); break;
	case 13: /* everywhere at once, but for a few groups */
		for (uint32_t i = 1; i <= last; i++)
			damage(sim, "d", i, 0, SEGMENT_SIZE / 2);
		break;
	case 14:
		lose(sim, 1);
		lose(sim, 2);
		break;
	default: CHECK(false);
	}
	file_sim_settle(sim);
}

#define KINDS 15u

static void test_files(struct file_sim *sound)
{
	const uint32_t last = segments_of(sound, "d");
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct file_sim *sim = file_sim_copy(sound), *other;
		do_damage(sim, kind, last);
		CHECK(!same_segments(sim, "d", "p"));
		other = file_sim_copy(sim);
		(void)must_repair(sim);
		must_be_sound(other, kind != 2 && kind != 6 && kind != 9);
		file_sim_destroy(sim);
		file_sim_destroy(other);
	}
}

/* The damaged file stays, under another name, each time. */
static void test_kept(struct file_sim *sound)
{
	struct file_sim *sim = file_sim_copy(sound);
	for (unsigned i = 1; i <= 3; i++) {
		char name[FILE_PATH_SIZE];
		uint8_t damaged[SEGMENT_SIZE];
		size_t len;
		damage(sim, "d", 2, 600 + i, 5);
		memcpy(damaged, bytes_of(sim, "d", 2, &len), sizeof damaged);
		CHECK(must_repair(sim) == 1);
		(void)snprintf(name, sizeof name, "d/0000000002.seg.damaged-%u", i);
		const uint8_t *kept = file_sim_content(sim, name, &len);
		CHECK(kept != NULL && len == SEGMENT_SIZE && memcmp(kept, damaged, len) == 0);
	}
	file_sim_destroy(sim);
}

/* The pieces say exactly what is taken. */
static void test_pieces(struct file_sim *sound)
{
	struct file_sim *sim = file_sim_copy(sound);
	struct journal_repair r;
	damage(sim, "d", 1, 512, 1);
	damage(sim, "d", 1, 4000, 1);
	lose(sim, 2);
	resize(sim, 3, SEGMENT_SIZE + 1);
	CHECK(plan(&r, sim, false) == OK && r.count == 4);
	CHECK(r.piece[0].segment == 1 && r.piece[0].offset == 512 && r.piece[0].groups == 1);
	CHECK(r.piece[1].segment == 1 && r.piece[1].offset > 512 && r.piece[1].offset <= 4000);
	CHECK(r.piece[1].size == JOURNAL_SECTOR && r.piece[1].first_seq == r.piece[1].last_seq);
	CHECK(r.piece[2].segment == 2 && r.piece[2].offset == 0 && r.piece[2].groups > 5);
	CHECK(r.piece[2].last_seq - r.piece[2].first_seq + 1 == r.piece[2].groups);
	CHECK(r.piece[3].segment == 3 && r.piece[3].size == 0);
	CHECK(r.piece[3].file_size == SEGMENT_SIZE && r.last_seq == RECORDS);
	journal_repair_fini(&r);
	file_sim_destroy(sim);
}

/* ---- what is refused ---- */

static void test_refused(struct file_sim *sound)
{
	const uint32_t last = segments_of(sound, "d");
	struct file_sim *sim = file_sim_copy(sound);
	/* damaged where the copy is; elsewhere it does not matter */
	damage(sim, "d", 2, 1024, 1);
	damage(sim, "p", 3, 1024, 1);
	struct file_sim *other = file_sim_copy(sim);
	must_be_sound(other, true);
	file_sim_destroy(other);
	damage(sim, "p", 2, 1024, 1);
	must_refuse(sim, false, ERR_CHECKSUM, "segment 2, offset");
	must_refuse(sim, true, ERR_CHECKSUM, "in the copy:");
	file_sim_destroy(sim);
	/* a copy that ends too early */
	sim = file_sim_copy(sound);
	damage(sim, "d", last - 1, 1024, 1);
	for (uint32_t i = last - 1; i <= last; i++)
		CHECK(unlink_of(sim, segment_path("p", i)));
	must_refuse(sim, true, ERR_CHECKSUM, "in the copy:");
	file_sim_destroy(sim);
	/* nothing left to match it with */
	sim = file_sim_copy(sound);
	for (uint32_t i = 1; i <= last; i++)
		damage(sim, "d", i, 0, SEGMENT_SIZE);
	must_refuse(sim, true, ERR_STATE, "could be matched");
	for (uint32_t i = 1; i <= last; i++)
		lose(sim, i);
	must_refuse(sim, true, ERR_STATE, "could be matched");
	file_sim_destroy(sim);
	/* in use */
	sim = file_sim_copy(sound);
	struct journal *j = open_in(sim, "d", cluster_a);
	must_refuse(sim, false, ERR_EXISTS, "stop it first");
	journal_close(j);
	file_sim_destroy(sim);
}

/* Another cluster's journal, of the same shape. */
static void test_foreign(struct file_sim *sound)
{
	struct file_sim *sim = file_sim_copy(sound);
	for (uint32_t i = 1; i <= segments_of(sound, "p"); i++)
		CHECK(unlink_of(sim, segment_path("p", i)));
	struct journal *j = open_in(sim, "p", cluster_b);
	append(j, RECORDS, 0);
	journal_close(j);
	must_refuse(sim, true, ERR_NETWORK, "another cluster");
	damage(sim, "d", 1, 0, JOURNAL_SECTOR);
	must_refuse(sim, true, ERR_NETWORK, "another cluster");
	file_sim_destroy(sim);
}

/* A copy that was opened, and went on by itself: also where its groups fit where ours are damaged.
 */
static void test_diverged(void)
{
	for (unsigned own = 0; own < 40; own += 3) {
		struct file_sim *sim = file_sim_create();
		struct journal *j = open_in(sim, "d", cluster_a);
		append(j, 20, 0);
		journal_close(j);
		copy_to(sim, "p");
		file_sim_settle(sim);
		j = open_in(sim, "d", cluster_a);
		append(j, 1 + own, 0);
		journal_close(j);
		j = open_in(sim, "p", cluster_a);
		append(j, 24, 1);
		journal_close(j);
		must_refuse(sim, true, ERR_STATE, "another way");
		must_refuse(sim, false, ERR_STATE, "another way");
		struct journal_report report;
		const struct file_ops *ops = file_sim_ops(sim);
		CHECK(journal_read(&report, ops, "d", NULL, NULL) == OK);
		/* the first record that is not common is lost here, the copy has its own */
		const uint64_t digest = file_sim_digest(sim);
		for (size_t at = JOURNAL_SECTOR; at < SEGMENT_SIZE; at += JOURNAL_SECTOR) {
			struct journal_repair r;
			damage(sim, "d", 2, at, JOURNAL_SECTOR);
			const enum err err = plan(&r, sim, true);
			CHECK(err == ERR_STATE || err == ERR_CHECKSUM ||
				(err == OK && r.count == 0));
			journal_repair_fini(&r);
			damage(sim, "d", 2, at, JOURNAL_SECTOR);
		}
		CHECK(file_sim_digest(sim) == digest);
		file_sim_destroy(sim);
	}
}

static uint64_t end_of(struct file_sim *sim, const char *dir)
{
	struct journal_report report;
	CHECK(journal_read(&report, file_sim_ops(sim), dir, NULL, NULL) == OK);
	CHECK(report.end_segment == 1);
	return report.end_offset;
}

/* So many records in one group. */
static void append_group(struct journal *j, unsigned count, size_t len)
{
	static const uint8_t payload[GROUP_MAX];
	uint64_t seq;
	while (count-- > 0)
		CHECK(journal_append(j, &seq, 8, slice_of(payload, len), 0) == OK);
	journal_flush(j);
}

/* Where a copy's group would fit and what is ours says in another place that it was not so. */
static void test_diverged_unseen(void)
{
	/* the copy's group takes the place of our damaged one and of the sound mark behind it */
	struct file_sim *sim = file_sim_create();
	struct journal *j = open_in(sim, "d", cluster_a);
	append(j, 3, 0);
	journal_close(j);
	copy_to(sim, "p");
	const uint64_t fork = end_of(sim, "d") + JOURNAL_SECTOR; /* behind an opening's mark */
	j = open_in(sim, "d", cluster_a);
	append(j, 1, 0);
	journal_close(j);
	CHECK(end_of(sim, "d") == fork + 2 * JOURNAL_SECTOR);
	j = open_in(sim, "p", cluster_a);
	append_group(j, 3, RECORD_LEN);
	journal_close(j);
	CHECK(end_of(sim, "p") == fork + 4 * JOURNAL_SECTOR);
	damage(sim, "d", 1, fork, JOURNAL_SECTOR);
	must_refuse(sim, true, ERR_STATE, "another way");
	file_sim_destroy(sim);

	/* we began the next segment where the copy still had room for something small */
	sim = file_sim_create();
	j = open_in(sim, "d", cluster_a);
	append(j, 12, 0);
	journal_close(j);
	copy_to(sim, "p");
	CHECK(SEGMENT_SIZE - end_of(sim, "d") == 2 * JOURNAL_SECTOR); /* one, behind a mark */
	j = open_in(sim, "d", cluster_a);
	append_group(j, 1, 900);
	journal_close(j);
	j = open_in(sim, "p", cluster_a);
	append_group(j, 1, 10);
	CHECK(segments_of(sim, "d") == 2 && segments_of(sim, "p") == 1);
	must_refuse(sim, true, ERR_STATE, "another way");
	must_refuse(sim, false, ERR_STATE, "another way");
	journal_close(j);
	file_sim_destroy(sim);

	/* only its later segments are there */
	sim = file_sim_create();
	j = open_in(sim, "d", cluster_a);
	append(j, 5, 0);
	journal_close(j);
	copy_to(sim, "p");
	j = open_in(sim, "d", cluster_a);
	append(j, 20, 0);
	journal_close(j);
	j = open_in(sim, "p", cluster_a);
	append(j, 20, 1);
	journal_close(j);
	CHECK(segments_of(sim, "p") > 1 && unlink_of(sim, segment_path("p", 1)));
	must_refuse(sim, false, ERR_STATE, "another way");
	file_sim_destroy(sim);
}

/* ---- where the first segments were freed ---- */

/* A snapshot of the place where a segment ends, as one who folds the journal makes it; the segments
 * before that one go. */
static void free_before(struct file_sim *sim, uint32_t segment)
{
	static uint8_t bytes[SNAPSHOT_FILE_HEAD_SIZE + 10];
	const struct file_ops *ops = file_sim_ops(sim);
	struct journal_follow f;
	CHECK(journal_follow_init(&f, ops, "d", NULL) == OK);
	while (journal_follow_next(&f, RECORDS) == OK && f.at.segment <= segment) {
		if (f.at.segment < segment)
			continue;
		struct snapshot_file file = {.at = f.at};
		CHECK(snapshot_file_write(ops, "d", &file, bytes, sizeof bytes, NULL) == OK);
		break;
	}
	CHECK(f.at.segment == segment);
	journal_follow_fini(&f);
	for (uint32_t i = 1; i < segment; i++)
		lose(sim, i);
	file_sim_settle(sim);
}

static void repair_freed(struct file_sim *sim, uint32_t from)
{
	struct journal_repair r;
	const enum err err = plan(&r, sim, false);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), r.error.text);
	CHECK(err == OK && r.later && r.count > 0 && r.last_seq == RECORDS);
	CHECK(journal_repair_apply(&r) == OK);
	journal_repair_fini(&r);
	for (uint32_t i = from; i <= segments_of(sim, "p"); i++) {
		size_t len;
		uint8_t mine[SEGMENT_SIZE];
		memcpy(mine, bytes_of(sim, "d", i, &len), sizeof mine);
		CHECK(memcmp(mine, bytes_of(sim, "p", i, &len), sizeof mine) == 0);
	}
}

static void test_freed(struct file_sim *sound)
{
	const uint32_t last = segments_of(sound, "d");
	struct file_sim *freed = file_sim_copy(sound), *sim;
	free_before(freed, 2);
	CHECK(last >= 4);
	for (uint32_t segment = 2; segment <= last; segment++) {
		sim = file_sim_copy(freed);
		damage(sim, "d", segment, segment == 2 ? 3000 : 0, JOURNAL_SECTOR);
		repair_freed(sim, 3);
		file_sim_destroy(sim);
	}
	sim = file_sim_copy(freed);
	lose(sim, 3);
	repair_freed(sim, 3);
	damage(sim, "d", 2, 0, 1);
	must_refuse(sim, true, ERR_CHECKSUM, "the oldest snapshot lies");
	file_sim_destroy(sim);
	/* the copy has freed more */
	sim = file_sim_copy(freed);
	CHECK(unlink_of(sim, segment_path("p", 1)) && unlink_of(sim, segment_path("p", 2)));
	damage(sim, "d", 3, 1024, 1);
	repair_freed(sim, 3);
	file_sim_destroy(sim);
	file_sim_destroy(freed);
}

/* ---- stopped, and on a disk that fails ---- */

struct stopping {
	struct file_sim *sim;
	unsigned states;
};

/* The power fails here, with nothing or everything of what is unsynced. */
static void stop_here(void *ctx)
{
	static uint8_t survives[4096];
	struct stopping *s = ctx;
	const size_t count = file_sim_unsynced(s->sim);
	CHECK(count <= sizeof survives);
	for (int all = 0; all < 2; all++) {
		struct journal_repair r;
		memset(survives, all, sizeof survives);
		struct file_sim *after = file_sim_crash(s->sim, survives, count);
		CHECK(plan(&r, after, true) == OK);
		CHECK(journal_repair_apply(&r) == OK);
		journal_repair_fini(&r);
		CHECK(same_segments(after, "d", "p"));
		file_sim_destroy(after);
		s->states++;
	}
}

static void test_stopped(struct file_sim *sound)
{
	struct file_sim *sim = file_sim_copy(sound);
	struct stopping stopping = {.sim = sim};
	struct journal_repair r;
	damage(sim, "d", 1, 1024, 1);
	lose(sim, 2);
	file_sim_settle(sim);
	CHECK(plan(&r, sim, true) == OK);
	file_sim_on_change(sim, stop_here, &stopping);
	CHECK(journal_repair_apply(&r) == OK);
	file_sim_on_change(sim, NULL, NULL);
	journal_repair_fini(&r);
	CHECK(stopping.states > 15 && same_segments(sim, "d", "p"));
	file_sim_destroy(sim);
}

static void test_failing_disk(struct file_sim *sound)
{
	static const enum file_sim_op ops[] = {FILE_SIM_OPEN, FILE_SIM_READ, FILE_SIM_WRITE,
		FILE_SIM_SYNC, FILE_SIM_SYNC_DIR, FILE_SIM_RENAME};
	unsigned failures = 0;
	for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
		for (unsigned after = 0; after < 12; after++) {
			struct file_sim *sim = file_sim_copy(sound);
			struct journal_repair r;
			damage(sim, "d", 2, 1024, 1);
			file_sim_inject(sim,
				&(struct file_sim_fault){
					.op = ops[i], .after = after, .err = ERR_IO});
			enum err err = journal_repair_plan(&r, file_sim_ops(sim), "d", "p", true);
			if (err == OK)
				err = journal_repair_apply(&r);
			CHECK((err == OK) == (r.error.text[0] == '\0'));
			failures += err != OK;
			journal_repair_fini(&r);
			file_sim_heal(sim);
			if (!same_segments(sim, "d", "p"))
				(void)must_repair(sim);
			file_sim_destroy(sim);
		}
	}
	CHECK(failures > 10);
}

/* Nothing here vouches for what a copy has behind the end: it is said, and left out. */
static bool leaves_out_the_unvouched(const struct file_sim *sound)
{
	char path[FILE_PATH_SIZE], name[JOURNAL_NAME_SIZE];
	struct file_sim *sim = file_sim_copy(sound);
	const struct file_ops *ops = file_sim_ops(sim);
	struct journal_repair r;
	journal_segment_name(name, segments_of(sim, "d"));
	CHECK(file_path_join(path, "d", name) == OK && ops->unlink(ops->ctx, path) == OK);
	CHECK(plan(&r, sim, false) == OK && r.beyond_last_seq == RECORDS);
	const bool left_out = r.count == 0 && r.last_seq < RECORDS;
	journal_repair_fini(&r);
	file_sim_destroy(sim);
	return left_out;
}

static void test_mutant(const struct file_sim *sound)
{
	CHECK(leaves_out_the_unvouched(sound));
	if (mutant_choose(MUTANT_REPAIR_BELIEVES))
		CHECK(!leaves_out_the_unvouched(sound));
	CHECK(mutant_choose(MUTANT_NONE));
}

int main(void)
{
	struct file_sim *sound = make();
	test_mutant(sound);
	test_each_byte(sound);
	test_files(sound);
	test_kept(sound);
	test_pieces(sound);
	test_refused(sound);
	test_foreign(sound);
	test_diverged();
	test_diverged_unseen();
	test_freed(sound);
	test_stopped(sound);
	test_failing_disk(sound);
	file_sim_destroy(sound);
	return EXIT_SUCCESS;
}
