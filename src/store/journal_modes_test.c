/* The modes: what each makes durable, when answers may leave, and what is lost when the process is
 * killed in its window, which is shown by killing it there. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/journal_format.h"
#include "store/remove_dir_test.h"
#include "sys/clock.h"
#include "sys/file_sim.h"

#define INTERVAL_MS 300u
#define SEGMENT_SIZE (1u << 18)

static const struct id128 cluster = {{9}};

static enum err count_record(void *ctx, const struct journal_record *record)
{
	uint64_t *count = ctx;
	CHECK(record->seq == ++*count && slice_eq(record->payload, slice_str("payload")));
	return OK;
}

static struct journal_config config_of(
	const struct file_ops *ops, const char *dir, enum journal_mode mode)
{
	return (struct journal_config){.dir = dir,
		.fresh_cluster = cluster,
		.ops = ops,
		.segment_size = SEGMENT_SIZE,
		.group_max = 1u << 15,
		.mode = mode,
		.interval_ms = INTERVAL_MS,
		.synchronous = ops != NULL};
}

static struct journal *open_as(const struct journal_config *config, uint64_t expect)
{
	struct journal_error error;
	struct journal *j = NULL;
	uint64_t count = 0;
	const enum err err = journal_open(&j, config, count_record, &count, &error);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), error.text);
	CHECK(err == OK);
	CHECK(count == expect && journal_mode_of(j) == config->mode);
	return j;
}

static uint64_t append(struct journal *j)
{
	uint64_t seq = 0;
	CHECK(journal_append(j, &seq, 1, slice_str("payload"), 0) == OK);
	return seq;
}

/* A sync for each record, however many were staged at once; segments change in between. */
static void test_strict(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d", JOURNAL_STRICT);
	struct journal_stat before, after;
	struct journal *j = open_as(&config, 0);
	journal_stat(j, &before);
	for (unsigned i = 0; i < 110; i++) {
		for (unsigned k = 0; k < 10; k++)
			(void)append(j);
		CHECK(journal_answerable(j) == journal_last(j) - 10);
		journal_flush(j);
		CHECK(journal_answerable(j) == journal_last(j));
	}
	journal_stat(j, &after);
	CHECK(after.groups - before.groups == 1100 && after.syncs - before.syncs >= 1100);
	CHECK(after.records == 1100 && after.segment > 2);
	journal_close(j);
	journal_close(open_as(&config, 1100));

	/* a full disk: what is admitted fits, one by one */
	file_sim_capacity(sim, (uint64_t)(after.segment + 2) * SEGMENT_SIZE);
	j = open_as(&config, 1100);
	uint64_t seq = 0;
	for (unsigned flags = 0; flags <= JOURNAL_ESSENTIAL; flags++) {
		enum err err;
		do {
			err = journal_append(j, &seq, 1, slice_str("payload"), flags);
			for (unsigned k = 0; k < 5 && err == OK; k++)
				err = journal_append(j, &seq, 1, slice_str("payload"), flags);
			journal_flush(j);
		} while (journal_durable(j) != 0 && err == OK);
		CHECK(err == ERR_FULL && journal_durable(j) == journal_last(j));
	}
	journal_close(j);
	journal_close(open_as(&config, seq));
	file_sim_destroy(sim);
}

static void test_interval(void)
{
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = config_of(file_sim_ops(sim), "d", JOURNAL_INTERVAL);
	struct journal *j = open_as(&config, 0);
	for (unsigned i = 0; i < 3; i++)
		(void)append(j);
	journal_flush(j); /* time, or who waits */
	CHECK(journal_answerable(j) == 3 && journal_durable(j) == 0);
	CHECK(journal_wait(j, 2) == OK && journal_durable(j) == 3);
	/* a failure: nothing is answered any more that is not durable */
	(void)append(j);
	CHECK(journal_answerable(j) == 4);
	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_SYNC, .err = ERR_IO});
	CHECK(journal_wait(j, 4) == ERR_IO && journal_answerable(j) == 3);
	journal_close(j);
	file_sim_destroy(sim);
}

/* Nothing is written, and there is no way to or from it. */
static void test_memory(void)
{
	struct file_sim *sim = file_sim_create();
	struct journal_config config = config_of(file_sim_ops(sim), "d", JOURNAL_MEMORY);
	struct journal_error error;
	struct journal *j = open_as(&config, 0);
	const uint64_t writes = file_sim_count(sim, FILE_SIM_WRITE);
	for (unsigned i = 0; i < 5000; i++) {
		CHECK(append(j) == i + 1 && journal_answerable(j) == i + 1);
		if (i % 7 == 0)
			journal_flush(j);
	}
	CHECK(journal_wait(j, 5000) == OK && journal_durable(j) == 5000);
	CHECK(journal_set_mode(j, JOURNAL_GROUP, 0) == ERR_STATE);
	journal_close(j);
	CHECK(file_sim_count(sim, FILE_SIM_WRITE) == writes);
	config.mode = JOURNAL_GROUP;
	j = open_as(&config, 0);
	CHECK(journal_set_mode(j, JOURNAL_MEMORY, 0) == ERR_STATE);
	CHECK(journal_set_mode(j, JOURNAL_INTERVAL, 0) == ERR_RANGE);
	CHECK(journal_set_mode(j, JOURNAL_INTERVAL, JOURNAL_INTERVAL_MS_MAX + 1) == ERR_RANGE);
	journal_close(j);
	config = config_of(NULL, "/nonexistent/journal", JOURNAL_MEMORY);
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == ERR_RANGE);
	file_sim_destroy(sim);
}

/* While there may be no room for it before others are written. */
static uint64_t append_at_last(struct journal *j)
{
	uint64_t seq = 0;
	enum err err;
	while ((err = journal_append(j, &seq, 1, slice_str("payload"), 0)) == ERR_FULL)
		clock_sleep_ms(1);
	CHECK(err == OK);
	return seq;
}

/* Back and forth while records are staged: none is lost, and each switch makes them durable. */
static void test_switch(const char *dir)
{
	static const enum journal_mode modes[] = {
		JOURNAL_INTERVAL, JOURNAL_STRICT, JOURNAL_GROUP, JOURNAL_INTERVAL, JOURNAL_GROUP};
	const struct journal_config config = config_of(NULL, dir, JOURNAL_GROUP);
	struct journal *j = open_as(&config, 0);
	uint64_t seq = 0;
	for (unsigned i = 0; i < 40; i++) {
		const enum journal_mode mode = modes[i % ARRAY_LEN(modes)];
		for (unsigned k = 0; k < 5; k++)
			seq = append_at_last(j);
		CHECK(journal_set_mode(j, mode, 1 + i % 3) == OK && journal_mode_of(j) == mode);
		for (unsigned k = 0; k < 5; k++)
			seq = append_at_last(j);
		journal_flush(j);
	}
	CHECK(journal_wait(j, seq) == OK);
	journal_close(j);
	journal_close(open_as(&config, seq));
}

/* ---- killed in the window ---- */

/* A process appends `durable` records that it waits for, then one more that it does not, says
 * whether that one's answer may leave, and is gone. Returns how many the next one finds. */
static uint64_t killed(const char *dir, enum journal_mode mode, uint64_t durable, bool may_leave)
{
	const struct journal_config config = config_of(NULL, dir, mode);
	struct journal_error error;
	struct journal *j;
	uint64_t count = 0;
	int status = 0;
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		j = open_as(&config, 0);
		for (uint64_t i = 0; i < durable; i++)
			CHECK(journal_wait(j, append(j)) == OK);
		const uint64_t last = append(j);
		CHECK((journal_answerable(j) >= last) == may_leave);
		_exit(EXIT_SUCCESS);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	CHECK(journal_open(&j, &config, count_record, &count, &error) == OK);
	journal_close(j);
	return count;
}

/* In time it is durable without anybody's asking. */
static void test_in_time(const char *dir)
{
	const struct journal_config config = config_of(NULL, dir, JOURNAL_INTERVAL);
	struct journal *j = open_as(&config, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		const uint64_t begun = clock_mono_ms(), seq = append(j);
		CHECK(seq == i && journal_answerable(j) == i);
		while (journal_durable(j) < seq)
			clock_sleep_ms(1);
		const uint64_t took = clock_mono_ms() - begun;
		CHECK(took >= INTERVAL_MS / 2 && took < 10000);
		clock_sleep_ms(i * 30); /* before, in and behind the mark's time */
	}
	journal_close(j);
}

int main(void)
{
	char base[] = "/tmp/sluice-journal-modes-XXXXXX", dir[FILE_PATH_SIZE];
	test_strict();
	test_interval();
	test_memory();
	CHECK(mkdtemp(base) != NULL && file_path_join(dir, base, "journal") == OK);
	/* no answer is lost; the record without one may be */
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t found = killed(
			dir, i == 0 ? JOURNAL_GROUP : JOURNAL_STRICT, 3, false);
		CHECK(found == 3 || found == 4);
		remove_dir(dir);
	}
	/* an answer left, and its record is gone: the window; what was synced is not */
	CHECK(killed(dir, JOURNAL_INTERVAL, 3, true) == 3);
	remove_dir(dir);
	test_in_time(dir);
	remove_dir(dir);
	test_switch(dir);
	remove_dir(dir);
	CHECK(rmdir(base) == 0);
	return EXIT_SUCCESS;
}
