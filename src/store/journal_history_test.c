#include "store/journal_history_test.h"

#include <stdio.h>

static const struct id128 cluster = {{0xc, 1}};

static struct slice content_of(uint64_t seq, uint8_t generation, size_t len)
{
	static _Thread_local uint8_t bytes[GROUP_MAX];
	CHECK(len <= sizeof bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seq * 29 + i * 3 + (i >> 8) + generation * 101u);
	return slice_of(bytes, len);
}

struct replayed {
	const struct history *history;
	uint64_t count;
};

static enum err check_record(void *ctx, const struct journal_record *record)
{
	struct replayed *r = ctx;
	const struct history *h = r->history;
	const uint64_t seq = record->seq;
	CHECK(seq == r->count + 1 && seq <= h->staged && seq < RECORDS_MAX);
	CHECK(record->type == h->generation[seq]);
	CHECK(slice_eq(record->payload, content_of(seq, h->generation[seq], h->len[seq])));
	r->count = seq;
	return OK;
}

struct journal *history_open(struct file_sim *sim, struct history *h, bool synchronous)
{
	const struct journal_config config = {.dir = "d",
		.fresh_cluster = cluster,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.ring_min = 1, /* every group */
		.synchronous = synchronous};
	struct replayed replayed = {.history = h};
	struct journal_error error = {{0}};
	struct journal *j = NULL;
	const enum err err = journal_open(&j, &config, check_record, &replayed, &error);
	if (err != OK || replayed.count < h->acknowledged)
		(void)fprintf(stderr, "%s: %s; %llu of %llu\n", err_name(err), error.text,
			(unsigned long long)replayed.count, (unsigned long long)h->acknowledged);
	CHECK(err == OK && replayed.count >= h->acknowledged);
	h->staged = h->acknowledged = replayed.count;
	return j;
}

void history_append(struct journal *j, struct history *h, uint8_t generation, size_t len)
{
	uint64_t seq = journal_last(j) + 1;
	CHECK(seq < RECORDS_MAX);
	const struct slice payload = content_of(seq, generation, len);
	CHECK(journal_append(j, &seq, generation, payload, 0) == OK);
	CHECK(seq == h->staged + 1);
	h->generation[seq] = generation;
	h->len[seq] = (uint16_t)len;
	h->staged = seq;
}
