/* The scrubber on real files: damage of each kind in segments that are full is found while the
 * journal is used, with its place, and nothing is changed; what is sound is said to be; no more is
 * read in a second than is allowed, and between passes nothing happens. */
#include "store/journal_scrub.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/journal_scan.h"
#include "store/remove_dir_test.h"
#include "sys/clock.h"

#define SEGMENT_SIZE (1u << 18)
#define GROUP_MAX (1u << 15)
#define PAYLOAD 9000u
#define FULL 3u /* segments */
#define FAST (UINT64_C(1) << 30)
#define NEVER_MS (UINT64_C(1) << 40)
#define WAIT_MS 60000u

static char base[] = "/tmp/sluice-journal-scrub-XXXXXX", dir[FILE_PATH_SIZE];
static _Atomic unsigned damages;

static void on_damage(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&damages, 1);
}

/* A journal with so many full segments, open. */
static struct journal *fill(void)
{
	static const uint8_t payload[PAYLOAD] = {7};
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = {{3}},
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX};
	struct journal_error error;
	struct journal_stat stat;
	struct journal *j;
	uint64_t seq;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	do {
		CHECK(journal_append(j, &seq, 1, slice_of(payload, sizeof payload), 0) == OK);
		CHECK(journal_wait(j, seq) == OK);
		journal_stat(j, &stat);
	} while (stat.segment <= FULL);
	return j;
}

static void path_of(char path[FILE_PATH_SIZE], uint32_t segment)
{
	char name[JOURNAL_NAME_SIZE];
	journal_segment_name(name, segment);
	CHECK(file_path_join(path, dir, name) == OK);
}

/* Writes behind the journal's back, and past what it may have in the cache. */
static void change(uint32_t segment, uint64_t at, uint8_t by)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE];
	uint8_t byte;
	int file;
	path_of(path, segment);
	CHECK(ops->open(NULL, &file, path, FILE_WRITE) == OK);
	CHECK(file_read_exact(ops, file, &byte, 1, at) == OK);
	byte ^= by;
	CHECK(file_write_all(ops, file, &byte, 1, at) == OK && ops->fsync(NULL, file) == OK);
	ops->close(NULL, file);
}

static uint64_t digest_of(uint32_t segment)
{
	static uint8_t bytes[2 * SEGMENT_SIZE];
	char path[FILE_PATH_SIZE];
	uint64_t digest = 0;
	size_t len = 0;
	path_of(path, segment);
	const enum err err = file_read_all(file_system(), path, bytes, &len, sizeof bytes);
	for (size_t i = 0; err == OK && i < len; i++)
		digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
	return digest + len;
}

static struct journal_scrub *start(struct journal *j, uint64_t rate, uint64_t pause_ms)
{
	const struct journal_scrub_config config = {.journal = j,
		.dir = dir,
		.bytes_per_second = rate,
		.pause_ms = pause_ms,
		.on_damage = on_damage};
	struct journal_scrub *s;
	CHECK(journal_scrub_open(&s, &config) == OK);
	return s;
}

static struct journal_scrub_stat after_passes(struct journal_scrub *s, uint64_t passes)
{
	struct journal_scrub_stat stat;
	const uint64_t begun = clock_mono_ms();
	do {
		journal_scrub_stat(s, &stat);
		clock_sleep_ms(1);
		CHECK(clock_mono_ms() < begun + WAIT_MS);
	} while (stat.passes < passes);
	return stat;
}

/* One pass; what it says must begin so, behind the folder's name. NULL: nothing. */
static void expect_pass(struct journal *j, const char *says, uint64_t want)
{
	struct journal_error error;
	uint64_t count;
	atomic_store(&damages, 0);
	struct journal_scrub *s = start(j, FAST, NEVER_MS);
	const struct journal_scrub_stat stat = after_passes(s, 1);
	const bool any = journal_scrub_damage(s, &error, &count);
	if (any != (says != NULL) || (any && strstr(error.text, says) == NULL))
		(void)fprintf(stderr, "%s for %s\n", any ? error.text : "nothing",
			says == NULL ? "nothing" : says);
	CHECK(any == (says != NULL) && count == want && stat.damaged == want);
	CHECK(atomic_load(&damages) == want);
	CHECK(!any || strstr(error.text, says) != NULL);
	CHECK(!journal_scrub_damage(s, &error, &count)); /* once */
	journal_scrub_close(s);
}

static void test_sound(struct journal *j)
{
	struct journal_scrub *s = start(j, FAST, NEVER_MS);
	const struct journal_scrub_stat stat = after_passes(s, 1);
	CHECK(stat.damaged == 0 && stat.bytes > FULL * (SEGMENT_SIZE - GROUP_MAX));
	CHECK(stat.bytes <= FULL * SEGMENT_SIZE);
	journal_scrub_close(s);
}

static void test_damage(struct journal *j)
{
	static const struct {
		uint32_t segment;
		uint64_t at;
		const char *says;
	} rows[] = {
		{1, JOURNAL_SEGMENT_HEADER_SIZE, "segment 1, offset 512: damaged"},
		{1, JOURNAL_SEGMENT_HEADER_SIZE + 100, "segment 1, offset 512: damaged"},
		{2, 5000, "segment 2, offset 512: damaged"},
		{2, SEGMENT_SIZE / 2, "segment 2, offset "},
		{3, 3, "segment 3, offset 0: damaged"},
		{3, 60, "segment 3, offset 0: damaged"},
		{1, 40, "segment 1, offset 0: damaged"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		change(rows[i].segment, rows[i].at, 4);
		const uint64_t digest = digest_of(rows[i].segment);
		expect_pass(j, rows[i].says, 1);
		CHECK(digest_of(rows[i].segment) == digest);
		change(rows[i].segment, rows[i].at, 4);
	}
	/* the active one is not looked at; what is being written there is not sound yet */
	change(FULL + 1, 40, 4);
	expect_pass(j, NULL, 0);
	change(FULL + 1, 40, 4);
	/* all at once: each segment is told of */
	for (uint32_t i = 1; i <= FULL; i++)
		change(i, 5000, 1);
	expect_pass(j, "segment 3", FULL);
	for (uint32_t i = 1; i <= FULL; i++)
		change(i, 5000, 1);
	expect_pass(j, NULL, 0);
}

static void test_files(struct journal *j)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE], away[FILE_PATH_SIZE];
	path_of(path, 2);
	CHECK(file_path_join(away, base, "away") == OK && ops->rename(NULL, path, away) == OK);
	expect_pass(j, "segment 2, offset 0: damaged", 1);
	CHECK(ops->rename(NULL, away, path) == OK);
	/* collected: nothing is wrong */
	path_of(path, 1);
	CHECK(ops->rename(NULL, path, away) == OK);
	expect_pass(j, NULL, 0);
	CHECK(ops->rename(NULL, away, path) == OK);
}

/* What was found is found again in each pass until it is mended, in a process that goes on. */
static void test_passes(struct journal *j)
{
	struct journal_error error;
	uint64_t count, seq;
	struct journal_scrub *s = start(j, FAST, 1);
	CHECK(after_passes(s, 2).damaged == 0);
	change(2, 5000, 1);
	while (!journal_scrub_damage(s, &error, &count))
		clock_sleep_ms(1);
	CHECK(strstr(error.text, "segment 2, offset ") != NULL);
	struct journal_scrub_stat stat;
	journal_scrub_stat(s, &stat);
	CHECK(stat.damaged == 1);
	CHECK(journal_append(j, &seq, 1, slice_str("on"), 0) == OK && journal_wait(j, seq) == OK);
	change(2, 5000, 1);
	CHECK(after_passes(s, stat.passes + 3).damaged == 0);
	journal_scrub_close(s);
}

/* Twice a second's worth takes a second at least; a stop does not wait for it. */
static void test_rate(struct journal *j)
{
	const uint64_t rate = FULL * SEGMENT_SIZE / 4;
	struct journal_scrub_stat stat;
	uint64_t begun = clock_mono_ms();
	struct journal_scrub *s = start(j, rate, NEVER_MS);
	do {
		clock_sleep_ms(5);
		journal_scrub_stat(s, &stat);
		const uint64_t seconds = (clock_mono_ms() - begun) / 1000 + 1;
		CHECK(stat.bytes <= seconds * (rate + GROUP_MAX));
	} while (stat.bytes < 2 * rate);
	CHECK(clock_mono_ms() - begun >= 900);
	begun = clock_mono_ms();
	journal_scrub_close(s);
	CHECK(clock_mono_ms() - begun < 900);
	const struct journal_scrub_config config = {
		.journal = j, .dir = dir, .bytes_per_second = 0};
	CHECK(journal_scrub_open(&s, &config) == ERR_RANGE);
}

int main(void)
{
	CHECK(mkdtemp(base) != NULL && file_path_join(dir, base, "journal") == OK);
	struct journal *j = fill();
	test_sound(j);
	test_damage(j);
	test_files(j);
	test_passes(j);
	test_rate(j);
	journal_close(j);
	remove_dir(dir);
	CHECK(rmdir(base) == 0);
	return EXIT_SUCCESS;
}
