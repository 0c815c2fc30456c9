/* A scan on two threads against the same scan on one: whole, refused at some record, damaged at
 * some place, with a visitor that is slower than the reader. Both must visit the same records and
 * come to the same end, word for word. */
#include "store/journal_pipe.h"

#include "rt/parallel.h"
#include "sys/clock.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE (256u << 10)
#define GROUP_MAX (16u << 10)
#define RECORD_MAX 3000u
#define JOURNAL_BYTES (4u << 20)
#define SLOW_EVERY 256u
#define SLOW_MS 2u
_Static_assert(JOURNAL_BYTES >= 2 * JOURNAL_PIPE_WORTH, "it is read ahead");

static uint64_t records; /* of the journal */

static struct file_sim *make(void)
{
	static uint8_t payload[RECORD_MAX];
	struct file_sim *sim = file_sim_create();
	const struct journal_config config = {.dir = "d",
		.fresh_cluster = {{7}},
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = true};
	struct journal_error error;
	struct journal *j;
	uint64_t bytes = 0;
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == OK);
	while (bytes < JOURNAL_BYTES) {
		const size_t len = (size_t)(records * 2654435761u % RECORD_MAX);
		uint64_t seq;
		memset(payload, (int)(records & 0xff), len);
		CHECK(journal_append(j, &seq, (uint16_t)(len & 0xff), slice_of(payload, len), 0) ==
			OK);
		bytes += len;
		if (++records % 3 == 0)
			journal_flush(j);
	}
	journal_close(j);
	file_sim_settle(sim);
	return sim;
}

/* What a visitor saw. */
struct seen {
	uint64_t count, digest, segments, groups;
	uint64_t refuses; /* this record; 0: none */
	bool slow;
};

static void mix(struct seen *s, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < len; i++)
		s->digest = (s->digest ^ at[i]) * UINT64_C(0x100000001b3);
}

static enum err see_segment(void *ctx, const struct journal_segment_header *header)
{
	struct seen *s = ctx;
	s->segments++;
	mix(s, header->hash.b, sizeof header->hash.b);
	return OK;
}

static enum err see_group(void *ctx, const struct journal_group_header *group, struct slice body)
{
	struct seen *s = ctx;
	s->groups++;
	mix(s, group->hash.b, sizeof group->hash.b);
	mix(s, body.ptr, body.len);
	return OK;
}

static enum err see_record(void *ctx, const struct journal_record *record)
{
	struct seen *s = ctx;
	CHECK(record->seq == ++s->count);
	mix(s, &record->type, sizeof record->type);
	mix(s, record->payload.ptr, record->payload.len);
	if (s->slow && record->seq % SLOW_EVERY == 0)
		clock_sleep_ms(SLOW_MS);
	return record->seq == s->refuses ? ERR_RANGE : OK;
}

struct end {
	enum err err;
	struct seen seen;
	struct journal_error error;
	struct journal_chain chain;
	uint64_t at;
};

static void scan(struct end *out, struct file_sim *sim, const struct seen *seen,
	const struct parallel *parallel)
{
	static const struct id128 any;
	struct journal_scan s;
	*out = (struct end){.seen = *seen};
	const struct journal_visitor visitor = {.segment = see_segment,
		.group = see_group,
		.record = see_record,
		.ctx = &out->seen};
	out->err = journal_scan_run(&s, file_sim_ops(sim), "d", &any, &visitor, parallel, NULL);
	out->chain = s.chain;
	out->at = s.end;
	if (out->err == OK)
		CHECK(s.tree.size == records && s.bytes_segment == s.last.segment);
	else
		out->error = s.error;
	journal_scan_fini(&s);
}

/* Returns how it ends; both ways the same. */
static enum err compare(
	struct file_sim *sim, const struct seen *seen, const struct parallel *parallel)
{
	struct end one, two;
	scan(&one, sim, &(struct seen){.refuses = seen->refuses}, NULL);
	scan(&two, sim, seen, parallel);
	CHECK(one.err == two.err && strcmp(one.error.text, two.error.text) == 0);
	CHECK(one.seen.count == two.seen.count && one.seen.digest == two.seen.digest);
	CHECK(one.seen.segments == two.seen.segments && one.seen.groups == two.seen.groups);
	/* where something was refused, the reader may have come further */
	if (seen->refuses == 0)
		CHECK(hash256_eq(&one.chain.prev, &two.chain.prev) && one.at == two.at);
	return one.err;
}

static void test_whole(struct file_sim *sim, const struct parallel *parallel)
{
	CHECK(compare(sim, &(struct seen){0}, parallel) == OK);
	CHECK(compare(sim, &(struct seen){.slow = true}, parallel) == OK);
}

static void test_refused(struct file_sim *sim, const struct parallel *parallel)
{
	const uint64_t at[] = {1, 2, 3, records / 2, records / 2 + 1, records - 1, records};
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		for (unsigned slow = 0; slow < 2; slow++)
			CHECK(compare(sim, &(struct seen){.refuses = at[i], .slow = slow},
				      parallel) == ERR_RANGE);
}

static void test_damaged(const struct file_sim *sim, const struct parallel *parallel)
{
	static const char *const path[] = {
		"d/0000000001.seg", "d/0000000002.seg", "d/0000000009.seg"};
	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		for (size_t at = 100; at < SEGMENT_SIZE / 2; at += SEGMENT_SIZE / 5) {
			struct file_sim *copy = file_sim_crash(sim, NULL, 0);
			size_t len;
			uint8_t *bytes = file_sim_content(copy, path[i], &len);
			CHECK(bytes != NULL && at < len);
			bytes[at] ^= 1;
			CHECK(compare(copy, &(struct seen){.slow = at > 100}, parallel) ==
				ERR_CHECKSUM);
			file_sim_destroy(copy);
		}
		struct file_sim *copy = file_sim_crash(sim, NULL, 0);
		const struct file_ops *ops = file_sim_ops(copy);
		CHECK(ops->unlink(ops->ctx, path[i]) == OK);
		CHECK(compare(copy, &(struct seen){0}, parallel) == ERR_CHECKSUM);
		file_sim_destroy(copy);
	}
}

int main(void)
{
	struct executor *x;
	struct executor_config config = executor_config_default();
	config.worker_count = 2;
	CHECK(executor_create(&x, &config) == OK);
	const struct parallel parallel = executor_parallel(x);
	struct file_sim *sim = make();
	test_whole(sim, &parallel);
	test_refused(sim, &parallel);
	test_damaged(sim, &parallel);
	file_sim_destroy(sim);
	executor_destroy(x);
	return 0;
}
