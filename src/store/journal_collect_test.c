/* Segments freed behind a snapshot, on the simulated disk: what is kept is provable as before,
 * roots and consistency too, the journal starts from the snapshot, and new segments are made of old
 * ones; after a power cut at every operation, and with each operation failing. What may not go,
 * stays. */
#include "store/journal_collect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/draw_test.h"
#include "base/mutant.h"
#include "store/journal_follow.h"
#include "store/journal_scan.h"
#include "store/kept_records.h"
#include "store/remove_dir_test.h"
#include "store/snapshot_file.h"
#include "sys/clock.h"
#include "sys/file_sim.h"
#include "sys/thread.h"

#define DIR "j"
#define INDEX_DIR "i"
#define HEAD INDEX_DIR "/" LOG_TREE_NAME "/head"
#define TILES INDEX_DIR "/" LOG_TREE_NAME "/tiles-0"
#define SEGMENT_SIZE 8192u
#define GROUP_MAX 1536u
#define RECORDS_MAX 900u
#define RECORDS 300u
#define KEPT_TYPE 7u
#define FAULTS_EACH 10u
#define CUTS_EACH 3u
#define UNSYNCED_MAX 2048u

static const struct id128 cluster = {{4, 4}};
static struct hash256 leaf[RECORDS_MAX + 1], root[RECORDS_MAX + 1];

static struct slice payload_of(uint64_t seq)
{
	static uint8_t bytes[300];
	memset(bytes, (int)(seq * 5), sizeof bytes);
	return slice_of(bytes, 20 + seq * 31 % 260);
}

static uint16_t type_of(uint64_t seq)
{
	return seq % 5 == 0 ? KEPT_TYPE : 9;
}

static bool is_kept(uint16_t type)
{
	return type == KEPT_TYPE;
}

static void make_roots(void)
{
	struct merkle_frontier f;
	merkle_frontier_init(&f);
	merkle_frontier_root(&root[0], &f);
	for (uint64_t seq = 1; seq <= RECORDS_MAX; seq++) {
		uint8_t header[JOURNAL_RECORD_HEADER_SIZE];
		const struct slice payload = payload_of(seq);
		journal_record_header(header, seq, type_of(seq), payload);
		const struct slice part[2] = {slice_of(header, sizeof header), payload};
		merkle_leaf_hash_parts(&leaf[seq], part, ARRAY_LEN(part));
		merkle_frontier_push(&f, &leaf[seq]);
		merkle_frontier_root(&root[seq], &f);
	}
}

struct world {
	struct file_sim *sim;
	struct journal *j;
	struct log_index *x;
	uint64_t last;
};

static enum err count_record(void *ctx, const struct journal_record *r)
{
	uint64_t *last = ctx;
	CHECK(r->seq > *last);
	*last = r->seq;
	return OK;
}

/* From the newest snapshot, where there is one. */
static enum err open_world(struct world *w, struct file_sim *sim)
{
	struct snapshot_list *list = calloc(1, sizeof *list);
	struct journal_error error = {{0}};
	CHECK(list != NULL);
	*w = (struct world){.sim = sim};
	(void)!snapshot_file_list(list, file_sim_ops(sim), DIR);
	const bool found = list->count > 0 && list->file[0].err == OK;
	const struct journal_config config = {.dir = DIR,
		.fresh_cluster = cluster,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.start = found ? &list->file[0].f.at : NULL,
		.synchronous = true};
	w->last = found ? list->file[0].seq : 0;
	enum err err = journal_open(&w->j, &config, count_record, &w->last, &error);
	free(list);
	if (err != OK) {
		(void)fprintf(stderr, "%s\n", error.text);
		return err;
	}
	const struct log_index_config index = {.journal = w->j,
		.journal_dir = DIR,
		.dir = INDEX_DIR,
		.ops = file_sim_ops(sim),
		.synchronous = true};
	err = log_index_open(&w->x, &index);
	if (err == OK)
		log_index_turn(w->x);
	return err;
}

static void close_world(struct world *w)
{
	log_index_close(w->x);
	journal_close(w->j);
}

static void append(struct world *w, uint64_t upto)
{
	while (w->last < upto) {
		uint64_t seq;
		const uint64_t next = w->last + 1;
		while (journal_append(w->j, &seq, type_of(next), payload_of(next), 0) == ERR_FULL)
			journal_flush(w->j);
		CHECK(seq == next);
		w->last = seq;
		if (seq % 3 == 0)
			journal_flush(w->j);
	}
	journal_flush(w->j);
	log_index_turn(w->x);
	CHECK(log_index_trouble(w->x) == NULL && log_index_size(w->x) == w->last);
}

/* Of everything that there is. Returns the segment that a start needs from then on. */
static enum err snapshot(struct world *w, uint32_t *segment)
{
	uint8_t bytes[SNAPSHOT_FILE_HEAD_SIZE + 10] = {0};
	struct journal_follow follow;
	struct snapshot_list *list = calloc(1, sizeof *list);
	uint32_t removed;
	CHECK(list != NULL);
	const struct file_ops *ops = file_sim_ops(w->sim);
	enum err err = snapshot_file_list(list, ops, DIR);
	if (err == OK)
		err = journal_follow_init(
			&follow, ops, DIR, list->count == 0 ? NULL : &list->file[0].f.at);
	while (err == OK)
		err = journal_follow_next(&follow, journal_durable(w->j));
	struct snapshot_file f = {.at = follow.at};
	journal_follow_fini(&follow);
	free(list);
	CHECK(err == ERR_NOT_FOUND && snapshot_file_seq(&f) == w->last);
	*segment = f.at.segment;
	TRY(snapshot_file_write(ops, DIR, &f, bytes, sizeof bytes, NULL));
	return snapshot_file_prune(&removed, ops, DIR, 1);
}

static struct journal_collect collect_of(struct world *w, uint32_t below)
{
	return (struct journal_collect){.ops = file_sim_ops(w->sim),
		.dir = DIR,
		.log = w->x,
		.segment_size = SEGMENT_SIZE,
		.below = below,
		.floor_seq = UINT64_MAX,
		.is_kept = is_kept};
}

static enum err collect(struct world *w, struct journal_collected *out, uint32_t below)
{
	const struct journal_collect c = collect_of(w, below);
	const enum err err = log_index_save(w->x);
	*out = (struct journal_collected){.freed = 0};
	return err == OK ? journal_collect_run(out, &c) : err;
}

static uint32_t first_segment(struct file_sim *sim)
{
	uint32_t first, last;
	CHECK(journal_segments_list(&first, &last, file_sim_ops(sim), DIR) == OK);
	return first;
}

/* Every record that is kept or still in the journal is proved; of the others, their roots. */
static void check_answers(struct world *w, uint64_t freed)
{
	for (uint64_t seq = 1; seq <= w->last; seq++) {
		struct log_inclusion in;
		struct hash256 own;
		const enum err err = log_index_record(w->x, &in, seq);
		if (err == ERR_NOT_FOUND && seq <= freed && !is_kept(type_of(seq)))
			continue;
		CHECK(err == OK && hash256_eq(&in.in.root, &root[w->last]));
		merkle_leaf_hash(&own, in.record);
		CHECK(hash256_eq(&own, &leaf[seq]));
		CHECK(merkle_inclusion_verify(&in.proof, &own, seq - 1, in.in.size, &in.in.root) ==
			OK);
	}
	for (unsigned i = 0; i < 30; i++) {
		const uint64_t to = 1 + draw(w->last), from = draw(to + 1);
		struct log_consistency c;
		CHECK(log_index_consistency(w->x, &c, from, to) == OK);
		CHECK(hash256_eq(&c.from.root, &root[from]) && hash256_eq(&c.to.root, &root[to]));
	}
}

static bool is_there(struct file_sim *sim, const char *path)
{
	size_t len;
	return file_sim_content(sim, path, &len) != NULL;
}

/* ---- the life of a journal ---- */

static void test_life(void)
{
	struct world w;
	struct journal_collected done;
	struct file_sim *sim = file_sim_create();
	uint64_t freed = 0, recycled = 0;
	uint32_t below;
	CHECK(open_world(&w, sim) == OK);
	for (uint64_t upto = 60; upto <= RECORDS_MAX; upto += 60) {
		append(&w, upto);
		CHECK(snapshot(&w, &below) == OK);
		const bool had = is_there(sim, DIR "/recycled-0");
		CHECK(collect(&w, &done, below) == OK);
		CHECK(first_segment(sim) == below);
		CHECK(had || done.freed == 0 || done.recycled > 0);
		freed = done.freed > 0 ? done.last_seq : freed;
		recycled += done.recycled;
		check_answers(&w, freed);
		if (upto % 120 == 0) { /* a start goes on from there */
			close_world(&w);
			CHECK(open_world(&w, sim) == OK && w.last == upto);
		}
	}
	CHECK(freed > RECORDS_MAX / 2 && recycled > 10);
	check_answers(&w, freed);
	/* without the snapshot it is no journal any more, and says so */
	close_world(&w);
	struct journal_error error = {{0}};
	struct journal *j;
	const struct journal_config config = {.dir = DIR,
		.ops = file_sim_ops(sim),
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = true};
	CHECK(journal_open(&j, &config, NULL, NULL, &error) == ERR_CHECKSUM);
	CHECK(strstr(error.text, "segment 1 is missing") != NULL);
	file_sim_destroy(sim);
}

/* ---- what stays ---- */

static struct file_sim *ready_disk(uint32_t *below)
{
	struct world w;
	struct file_sim *sim = file_sim_create();
	CHECK(open_world(&w, sim) == OK);
	append(&w, RECORDS);
	CHECK(snapshot(&w, below) == OK && *below > 5);
	CHECK(log_index_save(w.x) == OK);
	close_world(&w);
	file_sim_settle(sim);
	return sim;
}

/* Is what somebody still reads left alone? */
static bool spares_readers(const struct file_sim *sim, uint32_t below)
{
	struct world w;
	struct journal_collected done;
	struct file_sim *copy = file_sim_copy(sim);
	CHECK(open_world(&w, copy) == OK);
	struct journal_collect c = collect_of(&w, below);
	c.floor_seq = 100;
	const enum err err = journal_collect_run(&done, &c);
	CHECK(done.freed > 0);
	const bool spared = err == ERR_RANGE && done.last_seq < 100 && first_segment(copy) < below;
	close_world(&w);
	file_sim_destroy(copy);
	return spared;
}

/* Is nothing freed that the tree does not have? Here it is another one; it is made again, as the
 * segments are there. */
static bool spares_unproven(const struct file_sim *sim, uint32_t below)
{
	struct world w;
	struct journal_collected done;
	size_t len;
	struct file_sim *copy = file_sim_copy(sim);
	CHECK(open_world(&w, copy) == OK);
	file_sim_content(copy, TILES, &len)[200] ^= 1;
	const bool spared = collect(&w, &done, below) != OK && done.freed == 0 &&
		first_segment(copy) == 1;
	if (spared) {
		log_index_turn(w.x);
		CHECK(log_index_trouble(w.x) == NULL);
		CHECK(collect(&w, &done, below) == OK && first_segment(copy) == below);
		check_answers(&w, done.last_seq);
	}
	close_world(&w);
	file_sim_destroy(copy);
	return spared;
}

static void test_mutants(void)
{
	uint32_t below;
	struct file_sim *sim = ready_disk(&below);
	CHECK(spares_readers(sim, below) && spares_unproven(sim, below));
	if (mutant_choose(MUTANT_FREED_UNDER_READERS))
		CHECK(!spares_readers(sim, below));
	if (mutant_choose(MUTANT_FREED_UNPROVEN))
		CHECK(!spares_unproven(sim, below));
	CHECK(mutant_choose(MUTANT_NONE));
	file_sim_destroy(sim);
}

static void test_stays(void)
{
	struct world w;
	struct journal_collected done;
	uint32_t below;
	size_t len;
	struct file_sim *sim = ready_disk(&below);
	struct file_sim *copy = file_sim_copy(sim);
	CHECK(open_world(&w, copy) == OK);
	_Atomic bool stop = true;
	struct journal_collect c = collect_of(&w, below);
	c.stop = &stop;
	CHECK(journal_collect_run(&done, &c) == ERR_CANCELLED && done.freed == 0);
	close_world(&w);
	file_sim_destroy(copy);

	copy = file_sim_copy(sim); /* a damaged segment is somebody else's to look at */
	CHECK(open_world(&w, copy) == OK);
	file_sim_content(copy, DIR "/0000000003.seg", &len)[700] ^= 1;
	CHECK(collect(&w, &done, below) == ERR_CHECKSUM && done.freed == 2);
	CHECK(first_segment(copy) == 3);
	close_world(&w);
	file_sim_destroy(copy);

	copy = file_sim_copy(sim); /* not saved yet */
	CHECK(open_world(&w, copy) == OK);
	append(&w, RECORDS + 200);
	c = collect_of(&w, 99);
	CHECK(journal_collect_run(&done, &c) == ERR_RANGE && done.last_seq <= RECORDS);
	close_world(&w);
	file_sim_destroy(copy);
	file_sim_destroy(sim);
}

/* A disk that fails at each write and at each change of a name: what is counted as freed is what
 * has lost its name, and the next run goes on. */
static void test_counts(void)
{
	static const enum file_sim_op ops[] = {FILE_SIM_WRITE, FILE_SIM_RENAME, FILE_SIM_SYNC_DIR};
	uint32_t below;
	struct file_sim *sim = ready_disk(&below);
	for (unsigned i = 0; i < 3 * ARRAY_LEN(ops) * FAULTS_EACH; i++) {
		struct file_sim_fault fault = {
			.op = ops[i % ARRAY_LEN(ops)], .after = i / ARRAY_LEN(ops), .err = ERR_IO};
		struct world w;
		struct journal_collected done, rest;
		struct file_sim *copy = file_sim_copy(sim);
		CHECK(open_world(&w, copy) == OK);
		const struct journal_collect c = collect_of(&w, below);
		file_sim_inject(copy, &fault);
		const enum err err = journal_collect_run(&done, &c);
		file_sim_heal(copy);
		CHECK(err == OK || err == ERR_IO);
		CHECK(done.recycled <= done.freed);
		/* a name that may come back with a power cut is not counted */
		const uint32_t gone = first_segment(copy) - 1;
		CHECK(done.freed == gone ||
			(fault.op == FILE_SIM_SYNC_DIR && done.freed == gone - 1));
		check_answers(&w, gone > done.freed ? w.last : done.last_seq);
		CHECK(journal_collect_run(&rest, &c) == OK && first_segment(copy) == below);
		close_world(&w);
		file_sim_destroy(copy);
	}
	file_sim_destroy(sim);
}

/* A tree that is damaged when it can't be made again stands still, and loses nothing more. */
static void test_damaged_tree(void)
{
	struct world w;
	struct journal_collected done;
	struct log_inclusion in;
	uint32_t below;
	size_t len;
	struct file_sim *sim = ready_disk(&below);
	CHECK(open_world(&w, sim) == OK);
	CHECK(collect(&w, &done, below) == OK);
	close_world(&w);
	file_sim_content(sim, TILES, &len)[200] ^= 1;
	CHECK(open_world(&w, sim) == OK);
	CHECK(log_index_record(w.x, &in, 5) == ERR_UNAVAILABLE);
	log_index_turn(w.x);
	CHECK(log_index_trouble(w.x) != NULL);
	close_world(&w);
	CHECK(is_there(sim, HEAD));
	file_sim_content(sim, TILES, &len)[200] ^= 1; /* as from a backup */
	CHECK(open_world(&w, sim) == OK);
	check_answers(&w, done.last_seq);
	close_world(&w);
	file_sim_destroy(sim);
}

/* ---- power, and failures ---- */

static void check_after(struct file_sim *disk, uint64_t durable)
{
	struct world w;
	struct journal_collected done;
	uint32_t below;
	CHECK(open_world(&w, disk) == OK && w.last >= durable);
	CHECK(log_index_trouble(w.x) == NULL && log_index_size(w.x) == w.last);
	check_answers(&w, w.last);
	append(&w, w.last + 20);
	CHECK(snapshot(&w, &below) == OK && collect(&w, &done, below) == OK);
	check_answers(&w, w.last);
	close_world(&w);
}

struct cutter {
	struct file_sim *sim;
	uint64_t durable;
	unsigned cuts;
};

static void on_change(void *ctx)
{
	struct cutter *c = ctx;
	uint8_t survives[UNSYNCED_MAX];
	const size_t count = file_sim_unsynced(c->sim);
	CHECK(count <= sizeof survives);
	for (unsigned n = 0; n < CUTS_EACH; n++) {
		const uint64_t chance = n * 50;
		for (size_t i = 0; i < count; i++)
			survives[i] = draw(100) < chance;
		struct file_sim *after = file_sim_crash(c->sim, survives, count);
		check_after(after, c->durable);
		file_sim_destroy(after);
		c->cuts++;
	}
}

static void test_power(void)
{
	struct world w;
	struct journal_collected done;
	struct cutter c = {.sim = file_sim_create()};
	uint32_t below;
	CHECK(open_world(&w, c.sim) == OK);
	append(&w, 100);
	CHECK(snapshot(&w, &below) == OK && collect(&w, &done, below) == OK);
	append(&w, 160);
	c.durable = w.last;
	CHECK(snapshot(&w, &below) == OK);
	file_sim_on_change(c.sim, on_change, &c);
	CHECK(collect(&w, &done, below) == OK && done.freed > 1 && done.recycled > 0);
	append(&w, 200); /* into what was recycled */
	file_sim_on_change(c.sim, NULL, NULL);
	CHECK(c.cuts > 100);
	close_world(&w);
	file_sim_destroy(c.sim);
}

static void test_failures(void)
{
	static const enum file_sim_op ops[] = {FILE_SIM_OPEN, FILE_SIM_READ, FILE_SIM_WRITE,
		FILE_SIM_SYNC, FILE_SIM_SYNC_DIR, FILE_SIM_RENAME};
	uint32_t below;
	struct file_sim *ready = ready_disk(&below);
	for (size_t op = 0; op < ARRAY_LEN(ops); op++) {
		uint64_t step = 1;
		for (uint64_t after = 0;; after += step) {
			struct world w;
			struct journal_collected done;
			struct file_sim *sim = file_sim_copy(ready);
			CHECK(open_world(&w, sim) == OK);
			const uint64_t count = file_sim_count(sim, ops[op]);
			file_sim_inject(sim,
				&(struct file_sim_fault){.op = ops[op],
					.after = after,
					.err = ERR_IO,
					.partial = 100});
			const enum err err = collect(&w, &done, below);
			const bool over = file_sim_count(sim, ops[op]) - count <= after;
			file_sim_heal(sim);
			/* a place that can't be looked at is none, and what is read of the segment
			 * behind is not needed */
			CHECK(over ? err == OK
				   : err != OK || ops[op] == FILE_SIM_OPEN ||
						ops[op] == FILE_SIM_READ);
			close_world(&w);
			check_after(sim, RECORDS);
			file_sim_destroy(sim);
			if (over)
				break;
			step = after < 20 ? 1 : 7;
		}
	}
	file_sim_destroy(ready);
}

/* ---- the file of kept records ---- */

static void test_kept_bytes(void)
{
	struct kept_records k = {.cluster = cluster, .segment = 3, .first_seq = 10, .last_seq = 40};
	struct file_sim *sim = file_sim_create();
	const struct file_ops *ops = file_sim_ops(sim);
	uint8_t *bytes = NULL, record[400];
	struct slice found;
	size_t cap = 0, len;
	uint64_t size = 0;
	CHECK(ops->mkdir(ops->ctx, DIR) == OK);
	for (uint64_t seq = 10; seq <= 40; seq += 5) {
		const struct slice payload = payload_of(seq);
		journal_record_header(record, seq, KEPT_TYPE, payload);
		memcpy(record + JOURNAL_RECORD_HEADER_SIZE, payload.ptr, payload.len);
		CHECK(kept_records_add(&k, seq,
			      slice_of(record, JOURNAL_RECORD_HEADER_SIZE + payload.len)) == OK);
	}
	CHECK(kept_records_write(&size, &k, ops, DIR) == OK);
	kept_records_fini(&k);
#define FIND(segment, seq) kept_records_find(&found, &bytes, &cap, ops, DIR, &cluster, segment, seq)
	for (uint64_t seq = 1; seq <= 45; seq++) {
		const enum err want = seq > 40      ? ERR_RANGE
			: seq >= 10 && seq % 5 == 0 ? OK
						    : ERR_NOT_FOUND;
		CHECK(FIND(3, seq) == want);
	}
	CHECK(FIND(4, 10) == ERR_NOT_FOUND);
	uint8_t *content = file_sim_content(sim, DIR "/0000000003.kept", &len);
	CHECK(len == size);
	for (size_t i = 0; i < len; i++) { /* whatever it says then: not another record */
		content[i] ^= 0x41;
		const enum err err = FIND(3, 25);
		CHECK(err != OK || load_le64(found.ptr + 8) == 25);
		CHECK(i >= KEPT_RECORDS_HEAD_SIZE || err == ERR_CHECKSUM);
		content[i] ^= 0x41;
	}
	uint8_t *whole = malloc(len);
	CHECK(whole != NULL);
	memcpy(whole, content, len);
	for (size_t n = 0; n < len; n += 13) {
		file_sim_put(sim, DIR "/0000000003.kept", slice_of(whole, n));
		CHECK(FIND(3, 25) == ERR_CHECKSUM);
	}
	free(whole);
	free(bytes);
	file_sim_destroy(sim);
}

/* ---- on real files, with threads: appended, followed and freed at once ---- */

#define REAL_DIR "journal_collect_test.journal"
#define REAL_INDEX_DIR "journal_collect_test.log"
#define REAL_SECONDS_MAX 60u

struct real {
	struct journal *j;
	struct log_index *x;
	_Atomic bool stop;
	_Atomic uint64_t freed; /* records */
	uint32_t segments;
};

static enum err real_snapshot(struct real *r, uint32_t *segment)
{
	uint8_t bytes[SNAPSHOT_FILE_HEAD_SIZE + 10] = {0};
	const struct file_ops *ops = file_system();
	struct snapshot_list *list = calloc(1, sizeof *list);
	struct journal_follow follow;
	uint32_t removed;
	CHECK(list != NULL && snapshot_file_list(list, ops, REAL_DIR) == OK);
	enum err err = journal_follow_init(
		&follow, ops, REAL_DIR, list->count == 0 ? NULL : &list->file[0].f.at);
	while (err == OK)
		err = journal_follow_next(&follow, journal_durable(r->j));
	struct snapshot_file f = {.at = follow.at};
	journal_follow_fini(&follow);
	free(list);
	CHECK(err == ERR_NOT_FOUND);
	if (snapshot_file_seq(&f) == 0)
		return ERR_NOT_FOUND;
	*segment = f.at.segment;
	TRY(snapshot_file_write(ops, REAL_DIR, &f, bytes, sizeof bytes, NULL));
	return snapshot_file_prune(&removed, ops, REAL_DIR, 1);
}

static void real_collector(void *ctx)
{
	struct real *r = ctx;
	while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		struct journal_collect c = {.ops = file_system(),
			.dir = REAL_DIR,
			.log = r->x,
			.segment_size = SEGMENT_SIZE,
			.floor_seq = UINT64_MAX,
			.is_kept = is_kept,
			.stop = &r->stop};
		struct journal_collected done;
		if (real_snapshot(r, &c.below) != OK)
			continue;
		const enum err err = journal_collect_run(&done, &c);
		CHECK(err == OK || err == ERR_RANGE || err == ERR_CANCELLED);
		r->segments += done.freed;
		if (done.freed > 0)
			atomic_store_explicit(&r->freed, done.last_seq, memory_order_relaxed);
	}
}

/* Whatever is freed just then: a record that is kept can be had at any time. */
static void real_ask(struct real *r)
{
	const uint64_t seq = (1 + draw(log_index_size(r->x) / 5 + 1)) * 5;
	struct log_inclusion in;
	struct hash256 own;
	if (seq > log_index_size(r->x))
		return;
	CHECK(log_index_record(r->x, &in, seq) == OK);
	merkle_leaf_hash(&own, in.record);
	CHECK(hash256_eq(&own, &leaf[seq]));
}

static void real_append(struct real *r)
{
	const uint64_t end = clock_mono_ms() + REAL_SECONDS_MAX * 1000;
	for (uint64_t next = 1; next <= RECORDS_MAX; next++) {
		uint64_t seq;
		while (journal_append(r->j, &seq, type_of(next), payload_of(next), 0) == ERR_FULL)
			thread_yield();
		CHECK(seq == next && journal_wait(r->j, seq) == OK);
		log_index_turn(r->x);
		CHECK(log_index_trouble(r->x) == NULL);
		real_ask(r);
	}
	/* the log saves when it has been idle for a second */
	while (atomic_load_explicit(&r->freed, memory_order_relaxed) < RECORDS_MAX / 2) {
		log_index_turn(r->x);
		real_ask(r);
		CHECK(clock_mono_ms() < end);
	}
}

static void test_real(void)
{
	struct real r = {.segments = 0};
	struct journal_error error;
	struct thread thread;
	const struct journal_config config = {.dir = REAL_DIR,
		.fresh_cluster = cluster,
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX};
	CHECK(journal_open(&r.j, &config, NULL, NULL, &error) == OK);
	const struct log_index_config index = {
		.journal = r.j, .journal_dir = REAL_DIR, .dir = REAL_INDEX_DIR};
	CHECK(log_index_open(&r.x, &index) == OK);
	CHECK(thread_start(&thread, "collector", real_collector, &r) == OK);
	real_append(&r);
	atomic_store_explicit(&r.stop, true, memory_order_relaxed);
	thread_join(&thread);
	CHECK(r.segments > 3);
	log_index_close(r.x);
	journal_close(r.j);
	remove_dir(REAL_DIR);
	remove_dir(REAL_INDEX_DIR "/" LOG_TREE_NAME);
	remove_dir(REAL_INDEX_DIR);
}

int main(void)
{
	make_roots();
	test_real();
	test_kept_bytes();
	test_life();
	test_stays();
	test_counts();
	test_mutants();
	test_damaged_tree();
	test_power();
	test_failures();
	return EXIT_SUCCESS;
}
