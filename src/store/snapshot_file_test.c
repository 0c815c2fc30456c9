/* Snapshots beside a journal on the simulated disk, folded into a chain of hashes: from every place
 * between two groups the rest of the journal gives the same as the whole; a power cut at every
 * operation, with any part of what is unsynced left, leaves a start that does; every byte of a head
 * changed is noticed, and what a sound head claims is not forgotten. */
#include "store/snapshot_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/draw_test.h"
#include "crypto/hash.h"
#include "store/journal_follow.h"
#include "store/journal_scan.h"
#include "sys/file_sim.h"

#define DIR "d"
#define SEGMENT_SIZE 8192u
#define GROUP_MAX 1536u
#define RECORDS 90u
#define STATE_SIZE 700u
#define SNAPSHOT_EVERY 11u
#define KEEP 2u
#define CUTS_EACH 12u
#define UNSYNCED_MAX 1024u

static const struct id128 cluster = {{5, 7}};
static struct hash256 folded[RECORDS + 1]; /* the state after so many records */

struct fold {
	uint64_t seq;
	struct hash256 state;
};

static enum err fold_record(void *ctx, const struct journal_record *r)
{
	struct fold *f = ctx;
	CHECK(r->seq == f->seq + 1);
	const struct slice part[] = {slice_of(f->state.b, 32), r->payload};
	sha256_parts(&f->state, part, ARRAY_LEN(part));
	f->seq = r->seq;
	return OK;
}

static struct slice payload_of(uint64_t seq)
{
	static uint8_t bytes[400];
	memset(bytes, (int)(seq * 7), sizeof bytes);
	return slice_of(bytes, 20 + seq * 37 % 380);
}

static void fold_all(void)
{
	struct fold f = {.seq = 0};
	for (uint64_t seq = 1; seq <= RECORDS; seq++) {
		const struct journal_record r = {.seq = seq, .payload = payload_of(seq)};
		CHECK(fold_record(&f, &r) == OK);
		folded[seq] = f.state;
	}
}

static struct journal_config config_of(struct file_sim *sim, const struct journal_start *start)
{
	return (struct journal_config){.dir = DIR,
		.fresh_cluster = cluster,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.start = start,
		.synchronous = true};
}

static struct journal *open_journal(struct file_sim *sim)
{
	const struct journal_config config = config_of(sim, NULL);
	struct journal_error error;
	struct fold f = {.seq = 0};
	struct journal *j;
	CHECK(journal_open(&j, &config, fold_record, &f, &error) == OK);
	return j;
}

static bool append(struct journal *j, uint64_t seq)
{
	uint64_t got;
	if (journal_append(j, &got, 1, payload_of(seq), 0) != OK)
		return false;
	CHECK(got == seq);
	if (seq % 3 != 0)
		journal_flush(j);
	return true;
}

/* ---- the maker of snapshots, as simple as can be ---- */

static void state_put(uint8_t *bytes, const struct fold *f)
{
	memset(bytes, (int)f->seq, SNAPSHOT_FILE_HEAD_SIZE + STATE_SIZE);
	store_le64(bytes + SNAPSHOT_FILE_HEAD_SIZE, f->seq);
	memcpy(bytes + SNAPSHOT_FILE_HEAD_SIZE + 8, f->state.b, 32);
}

/* The newest whose state can be had. False: there is none. */
static bool load_newest(struct snapshot_file *out, struct fold *f, struct file_sim *sim,
	const struct snapshot_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		uint8_t *bytes;
		struct slice state;
		if (list->file[i].err != OK ||
			snapshot_file_load(
				&bytes, &state, file_sim_ops(sim), DIR, &list->file[i].f) != OK)
			continue;
		*out = list->file[i].f;
		CHECK(state.len == STATE_SIZE);
		f->seq = load_le64(state.ptr);
		memcpy(f->state.b, state.ptr + 8, 32);
		CHECK(f->seq == snapshot_file_seq(out) && hash256_eq(&f->state, &out->state_hash));
		free(bytes);
		return true;
	}
	return false;
}

/* Go on from the newest one, as far as the journal is durable, and write that. Calls itself: a
 * power cut may come at any of its operations. */
static enum err make(struct file_sim *sim, uint64_t durable)
{
	struct snapshot_list *list = calloc(1, sizeof *list);
	uint8_t *bytes = calloc(1, SNAPSHOT_FILE_HEAD_SIZE + STATE_SIZE);
	struct snapshot_file f;
	struct journal_follow follow;
	struct fold fold = {.seq = 0};
	uint32_t removed;
	const struct file_ops *ops = file_sim_ops(sim);
	CHECK(list != NULL && bytes != NULL);
	enum err err = snapshot_file_list(list, ops, DIR);
	if (err != OK)
		goto out;
	const bool found = load_newest(&f, &fold, sim, list);
	err = journal_follow_init(&follow, ops, DIR, found ? &f.at : NULL);
	while (err == OK) {
		err = journal_follow_next(&follow, durable);
		struct slice body = follow.cursor.body;
		struct journal_record_view view;
		while (err == OK && body.len > 0 && journal_record_next(&view, &body)) {
			const struct journal_record r = {.seq = view.seq, .payload = view.payload};
			CHECK(fold_record(&fold, &r) == OK);
		}
	}
	f = (struct snapshot_file){.at = follow.at, .state_hash = fold.state};
	journal_follow_fini(&follow);
	if (err != ERR_NOT_FOUND)
		goto out;
	CHECK(snapshot_file_seq(&f) == durable && fold.seq == durable);
	state_put(bytes, &fold);
	err = snapshot_file_write(ops, DIR, &f, bytes, SNAPSHOT_FILE_HEAD_SIZE + STATE_SIZE, NULL);
	if (err == OK)
		err = snapshot_file_prune(&removed, ops, DIR, KEEP);
out:
	free(bytes);
	free(list);
	return err;
}

/* ---- a start ---- */

/* From the newest snapshot, or from the first record, whichever can be had: returns the last record
 * that is there. */
static uint64_t start(struct file_sim *sim, bool *from_snapshot)
{
	static struct snapshot_list list;
	struct snapshot_file f;
	struct fold fold = {.seq = 0};
	struct journal_error error = {{0}};
	struct journal *j;
	enum err err = snapshot_file_list(&list, file_sim_ops(sim), DIR);
	CHECK(err == OK || err == ERR_NOT_FOUND);
	*from_snapshot = err == OK && load_newest(&f, &fold, sim, &list);
	f.at.claimed = list.claimed;
	const struct journal_config config = config_of(sim, *from_snapshot ? &f.at : NULL);
	err = journal_open(&j, &config, fold_record, &fold, &error);
	if (err != OK) {
		(void)fprintf(stderr, "%s\n", error.text);
		CHECK(false);
	}
	CHECK(journal_last(j) == fold.seq && hash256_eq(&fold.state, &folded[fold.seq]));
	/* and it goes on */
	if (fold.seq < RECORDS) {
		CHECK(append(j, fold.seq + 1));
		journal_flush(j);
		CHECK(make(sim, journal_durable(j)) == OK);
	}
	journal_close(j);
	return fold.seq;
}

/* ---- power cuts ---- */

struct cutter {
	struct file_sim *sim;
	uint64_t durable; /* acknowledged by now */
	unsigned cuts, from_snapshots;
};

static void cut_now(void *ctx)
{
	struct cutter *c = ctx;
	uint8_t survives[UNSYNCED_MAX];
	const size_t count = file_sim_unsynced(c->sim);
	CHECK(count <= sizeof survives);
	for (unsigned n = 0; n < CUTS_EACH; n++) {
		const uint64_t chance = n == 0 ? 0 : n == 1 ? 100 : draw(100);
		bool from_snapshot;
		for (size_t i = 0; i < count; i++)
			survives[i] = draw(100) < chance;
		struct file_sim *after = file_sim_crash(c->sim, survives, count);
		CHECK(start(after, &from_snapshot) >= c->durable);
		c->from_snapshots += from_snapshot;
		c->cuts++;
		file_sim_destroy(after);
	}
}

static void test_power(void)
{
	struct cutter c = {.sim = file_sim_create()};
	struct journal *j = open_journal(c.sim);
	file_sim_on_change(c.sim, cut_now, &c);
	for (uint64_t seq = 1; seq <= RECORDS; seq++) {
		CHECK(append(j, seq));
		c.durable = journal_durable(j);
		if (seq % SNAPSHOT_EVERY == 0)
			CHECK(make(c.sim, c.durable) == OK);
	}
	file_sim_on_change(c.sim, NULL, NULL);
	CHECK(c.cuts > 1000 && c.from_snapshots > c.cuts / 2);
	journal_close(j);
	file_sim_destroy(c.sim);
}

/* Each operation of the maker fails in turn: the journal goes on, and so does the next start. */
static void test_failures(void)
{
	static const enum file_sim_op ops[] = {FILE_SIM_OPEN, FILE_SIM_READ, FILE_SIM_WRITE,
		FILE_SIM_SYNC, FILE_SIM_SYNC_DIR, FILE_SIM_RENAME};
	for (size_t op = 0; op < ARRAY_LEN(ops); op++) {
		for (uint64_t after = 0;; after++) {
			struct file_sim *sim = file_sim_create();
			struct journal *j = open_journal(sim);
			bool from_snapshot;
			for (uint64_t seq = 1; seq <= 20; seq++)
				CHECK(append(j, seq));
			CHECK(make(sim, journal_durable(j)) == OK);
			for (uint64_t seq = 21; seq <= 40; seq++)
				CHECK(append(j, seq));
			const uint64_t count = file_sim_count(sim, ops[op]);
			file_sim_inject(sim,
				&(struct file_sim_fault){.op = ops[op],
					.after = after,
					.err = ERR_IO,
					.partial = 100});
			const enum err err = make(sim, journal_durable(j));
			const bool over = file_sim_count(sim, ops[op]) - count <= after;
			file_sim_heal(sim);
			CHECK(over || err != OK || ops[op] == FILE_SIM_READ ||
				ops[op] == FILE_SIM_OPEN); /* the older one will do */
			journal_close(j);
			CHECK(start(sim, &from_snapshot) == 40 && from_snapshot);
			file_sim_destroy(sim);
			if (over)
				break;
		}
	}
}

/* ---- every place ---- */

static struct file_sim *full_disk(void)
{
	struct file_sim *sim = file_sim_create();
	struct journal *j = open_journal(sim);
	for (uint64_t seq = 1; seq <= RECORDS; seq++)
		CHECK(append(j, seq));
	journal_close(j);
	file_sim_settle(sim);
	return sim;
}

static enum err open_at(struct file_sim *sim, const struct journal_start *at, uint64_t *last)
{
	struct fold fold = {.seq = at->chain.next_seq - 1, .state = folded[at->chain.next_seq - 1]};
	struct file_sim *copy = file_sim_copy(sim);
	const struct journal_config config = config_of(copy, at);
	struct journal_error error = {{0}};
	struct journal *j;
	const enum err err = journal_open(&j, &config, fold_record, &fold, &error);
	if (err == OK) {
		CHECK(journal_last(j) == fold.seq);
		CHECK(hash256_eq(&fold.state, &folded[fold.seq]));
		*last = fold.seq;
		journal_close(j);
	} else {
		CHECK(error.text[0] != '\0');
	}
	file_sim_destroy(copy);
	return err;
}

static void refuse_at(struct file_sim *sim, const struct journal_start *at)
{
	struct journal_start bad = *at;
	uint64_t last;
	bad.claimed = RECORDS + 1; /* it once was longer */
	CHECK(open_at(sim, &bad, &last) == ERR_CHECKSUM);
	bad = *at;
	bad.cluster.b[3] ^= 1;
	CHECK(open_at(sim, &bad, &last) == ERR_CHECKSUM);
	bad = *at;
	bad.segment = 99;
	CHECK(open_at(sim, &bad, &last) == ERR_CHECKSUM);
	if (at->chain.next_seq > RECORDS)
		return;
	bad = *at; /* what is there does not continue it: so much was durable, and is gone */
	bad.chain.prev.b[0] ^= 1;
	bad.claimed = at->chain.next_seq;
	CHECK(open_at(sim, &bad, &last) == ERR_CHECKSUM);
}

static void test_every_place(void)
{
	struct file_sim *sim = full_disk();
	const struct file_ops *ops = file_sim_ops(sim);
	struct journal_follow follow;
	unsigned places = 0;
	CHECK(journal_follow_init(&follow, ops, DIR, NULL) == OK);
	while (journal_follow_next(&follow, RECORDS) == OK) {
		struct journal_follow other;
		uint64_t last = 0;
		places++;
		CHECK(open_at(sim, &follow.at, &last) == OK && last == RECORDS);
		refuse_at(sim, &follow.at);
		CHECK(journal_follow_init(&other, ops, DIR, &follow.at) == OK);
		while (journal_follow_next(&other, RECORDS) == OK) {}
		CHECK(other.at.chain.next_seq == RECORDS + 1);
		journal_follow_fini(&other);
	}
	CHECK(places > RECORDS / 3 && follow.at.segment > 3);
	/* segments before it are not needed */
	char path[FILE_PATH_SIZE], name[JOURNAL_NAME_SIZE];
	uint64_t last = 0;
	for (uint32_t segment = 1; segment < follow.at.segment; segment++) {
		journal_segment_name(name, segment);
		CHECK(file_path_join(path, DIR, name) == OK && ops->unlink(ops->ctx, path) == OK);
	}
	CHECK(open_at(sim, &follow.at, &last) == OK && last == RECORDS);
	journal_follow_fini(&follow);
	file_sim_destroy(sim);
}

/* ---- bytes ---- */

static struct snapshot_file sample(void)
{
	struct snapshot_file f = {.state_hash = folded[3]};
	f.at = (struct journal_start){.cluster = cluster,
		.segment = 4,
		.offset = 1024,
		.chain = {.prev = folded[5], .next_seq = 1, .epoch = 9}};
	for (; f.at.chain.next_seq < 1000; f.at.chain.next_seq++)
		merkle_frontier_push(&f.at.tree, &folded[f.at.chain.next_seq % RECORDS]);
	f.at.claimed = 999;
	return f;
}

static void test_bytes(void)
{
	uint8_t head[SNAPSHOT_FILE_HEAD_SIZE], state[STATE_SIZE], again[SNAPSHOT_FILE_HEAD_SIZE];
	struct snapshot_file f = sample(), back;
	memset(state, 7, sizeof state);
	snapshot_file_encode(head, &f, slice_of(state, sizeof state));
	CHECK(snapshot_file_decode(&back, slice_of(head, sizeof head)) == OK);
	CHECK(back.at.segment == 4 && back.at.offset == 1024 && back.at.chain.epoch == 9);
	CHECK(snapshot_file_seq(&back) == 999 && back.at.claimed == 999);
	CHECK(hash256_eq(&back.at.chain.prev, &folded[5]) && id128_eq(&back.at.cluster, &cluster));
	CHECK(hash256_eq(&back.state_hash, &folded[3]) && back.state_len == sizeof state);
	snapshot_file_encode(again, &back, slice_of(state, sizeof state));
	CHECK(memcmp(head, again, sizeof head) == 0);
	for (size_t i = 0; i < sizeof head; i++) {
		head[i] ^= (uint8_t)(1u << i % 8);
		CHECK(snapshot_file_decode(&back, slice_of(head, sizeof head)) ==
			(i < 12 ? ERR_FORMAT : ERR_CHECKSUM));
		head[i] ^= (uint8_t)(1u << i % 8);
		CHECK(snapshot_file_decode(&back, slice_of(head, i)) == ERR_SHORT);
	}
	CHECK(snapshot_file_check(&f, slice_of(state, sizeof state)) == OK);
	CHECK(snapshot_file_check(&f, slice_of(state, sizeof state - 1)) == ERR_SHORT);
	for (size_t i = 0; i < sizeof state; i++) {
		state[i] ^= 1;
		CHECK(snapshot_file_check(&f, slice_of(state, sizeof state)) == ERR_CHECKSUM);
		state[i] ^= 1;
	}
}

/* Damaged files are passed over, what a sound head claims is kept, and leftovers go. */
static void test_files(void)
{
	static struct snapshot_list list;
	struct file_sim *sim = full_disk();
	const struct file_ops *ops = file_sim_ops(sim);
	struct snapshot_file f;
	struct fold fold = {.seq = 0};
	char newest[FILE_PATH_SIZE], name[SNAPSHOT_FILE_NAME_SIZE];
	uint32_t removed;
	size_t len;
	bool from_snapshot;
	for (uint64_t seq = 13; seq <= 37; seq += 12) /* each ends a group */
		CHECK(make(sim, seq) == OK);
	file_sim_put(sim, DIR "/00000000000000000040.snap.tmp", slice_str("half"));
	file_sim_put(sim, DIR "/00000000000000000007.snap", slice_str("no snapshot"));
	file_sim_put(sim, DIR "/7.snap", slice_str("no name of ours"));
	CHECK(snapshot_file_list(&list, ops, DIR) == OK && list.count == 3);
	CHECK(list.file[0].seq == 37 && list.file[1].seq == 25 && list.file[2].err == ERR_SHORT);
	CHECK(list.claimed == 37);
	snapshot_file_name(name, 37);
	CHECK(file_path_join(newest, DIR, name) == OK);
	uint8_t *bytes = file_sim_content(sim, newest, &len);
	bytes[len - 1] ^= 1; /* of the state: its head still claims */
	CHECK(load_newest(&f, &fold, sim, &list) && fold.seq == 25);
	CHECK(start(sim, &from_snapshot) == RECORDS && from_snapshot);
	bytes = file_sim_content(sim, newest, &len);
	bytes[100] ^= 1;
	CHECK(snapshot_file_list(&list, ops, DIR) == OK && list.claimed == 25);
	CHECK(list.file[0].err == ERR_CHECKSUM);
	CHECK(snapshot_file_prune(&removed, ops, DIR, 1) == OK && removed == 2);
	CHECK(snapshot_file_list(&list, ops, DIR) == OK && list.count == 2);
	CHECK(file_sim_content(sim, DIR "/7.snap", &len) != NULL);
	file_sim_destroy(sim);
}

int main(void)
{
	fold_all();
	test_bytes();
	test_every_place();
	test_files();
	test_failures();
	test_power();
	return EXIT_SUCCESS;
}
