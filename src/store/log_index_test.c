/* The tree beside a journal: on the simulated disk, step by step, against a frontier over the same
 * records; stopped, damaged, exchanged, on a failing disk; and on real files, asked from one thread
 * while its own follows. */
#include "store/log_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/draw_test.h"
#include "store/journal_format.h"
#include "sys/file_sim.h"

#define SEGMENT_SIZE 32768u
#define GROUP_MAX 6144u
#define RECORDS_MAX 3000u
#define JOURNAL_DIR "j"
#define INDEX_DIR "i"
#define TREE_DIR INDEX_DIR "/" LOG_TREE_NAME

static const struct id128 cluster = {{0xc, 1}};

struct world {
	struct file_sim *sim; /* NULL: real files */
	char journal_dir[64], index_dir[64];
	struct journal *j;
	struct log_index *x;
	unsigned variant; /* of the payloads */
	struct merkle_frontier f;
	struct hash256 root[RECORDS_MAX + 1];
};

static struct slice payload_of(const struct world *w, uint64_t seq)
{
	static uint8_t bytes[400];
	const size_t len = (size_t)(seq * 97 % sizeof bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seq * 131 + i * 7 + w->variant * 59u);
	return slice_of(bytes, len);
}

static void open_journal(struct world *w)
{
	struct journal_error error;
	const struct journal_config config = {.dir = w->journal_dir,
		.fresh_cluster = cluster,
		.ops = w->sim != NULL ? file_sim_ops(w->sim) : NULL,
		.segment_size = SEGMENT_SIZE,
		.group_max = GROUP_MAX,
		.synchronous = w->sim != NULL};
	CHECK(journal_open(&w->j, &config, NULL, NULL, &error) == OK);
}

static void open_index(struct world *w)
{
	const struct log_index_config config = {.journal = w->j,
		.journal_dir = w->journal_dir,
		.dir = w->index_dir,
		.ops = w->sim != NULL ? file_sim_ops(w->sim) : NULL,
		.synchronous = w->sim != NULL};
	CHECK(log_index_open(&w->x, &config) == OK);
}

static void world_open(struct world *w, struct file_sim *sim, unsigned variant)
{
	*w = (struct world){.sim = sim, .variant = variant};
	(void)snprintf(w->journal_dir, sizeof w->journal_dir, "%s", JOURNAL_DIR);
	(void)snprintf(w->index_dir, sizeof w->index_dir, "%s", INDEX_DIR);
	merkle_frontier_init(&w->f);
	merkle_frontier_root(&w->root[0], &w->f);
	open_journal(w);
	open_index(w);
}

static void world_close(struct world *w)
{
	log_index_close(w->x);
	journal_close(w->j);
}

/* Records, in groups of any size; the frontier learns of them, the index does not yet. */
static void append(struct world *w, unsigned count)
{
	while (count-- > 0) {
		uint8_t header[JOURNAL_RECORD_HEADER_SIZE];
		struct hash256 leaf;
		uint64_t seq;
		const uint64_t next = w->f.size + 1;
		const struct slice payload = payload_of(w, next);
		while (journal_append(w->j, &seq, 9, payload, 0) == ERR_FULL)
			journal_flush(w->j);
		CHECK(seq == next && next <= RECORDS_MAX);
		journal_record_header(header, seq, 9, payload);
		const struct slice part[2] = {slice_of(header, sizeof header), payload};
		merkle_leaf_hash_parts(&leaf, part, ARRAY_LEN(part));
		merkle_frontier_push(&w->f, &leaf);
		merkle_frontier_root(&w->root[w->f.size], &w->f);
		if (draw(4) == 0)
			journal_flush(w->j);
	}
	journal_flush(w->j);
}

static void check_record(struct world *w, uint64_t seq)
{
	struct log_inclusion in;
	struct hash256 leaf;
	CHECK(log_index_record(w->x, &in, seq) == OK);
	CHECK(hash256_eq(&in.in.root, &w->root[in.in.size]));
	merkle_leaf_hash(&leaf, in.record);
	CHECK(merkle_inclusion_verify(&in.proof, &leaf, seq - 1, in.in.size, &in.in.root) == OK);
	const struct slice payload = slice_of(in.record.ptr + JOURNAL_RECORD_HEADER_SIZE,
		in.record.len - JOURNAL_RECORD_HEADER_SIZE);
	CHECK(load_le64(in.record.ptr + 8) == seq && slice_eq(payload, payload_of(w, seq)));
}

static void check_answers(struct world *w, unsigned count)
{
	struct log_root root;
	struct log_consistency c;
	CHECK(log_index_root(w->x, &root, 0) == OK);
	CHECK(root.size <= w->f.size && hash256_eq(&root.root, &w->root[root.size]));
	for (unsigned i = 0; i < count && root.size > 0; i++) {
		const uint64_t to = 1 + draw(root.size), from = draw(to + 1);
		CHECK(log_index_consistency(w->x, &c, from, to) == OK);
		CHECK(hash256_eq(&c.from.root, &w->root[from]) && c.from.size == from);
		CHECK(hash256_eq(&c.to.root, &w->root[to]) && c.to.size == to);
		CHECK(merkle_consistency_verify(&c.proof, from, &w->root[from], to, &w->root[to]) ==
			OK);
		check_record(w, to);
	}
}

static void follow(struct world *w)
{
	log_index_turn(w->x);
	CHECK(log_index_trouble(w->x) == NULL);
	CHECK(log_index_size(w->x) == w->f.size);
}

static void test_follows(void)
{
	static struct world w;
	struct log_root root;
	struct log_consistency c;
	struct log_inclusion in;
	world_open(&w, file_sim_create(), 1);
	CHECK(log_index_root(w.x, &root, 0) == OK && root.size == 0);
	CHECK(hash256_eq(&root.root, &w.root[0]));
	CHECK(log_index_record(w.x, &in, 1) == ERR_RANGE);
	CHECK(log_index_record(w.x, &in, 0) == ERR_RANGE);
	while (w.f.size + 60 < 1200) {
		append(&w, 1 + (unsigned)draw(60));
		follow(&w);
		check_answers(&w, 3);
	}
	for (uint64_t seq = 1; seq <= w.f.size; seq++)
		check_record(&w, seq);
	CHECK(log_index_root(w.x, &root, w.f.size + 1) == ERR_RANGE);
	CHECK(log_index_consistency(w.x, &c, 2, 1) == ERR_RANGE);
	CHECK(log_index_consistency(w.x, &c, 1, w.f.size + 1) == ERR_RANGE);
	CHECK(log_index_record(w.x, &in, w.f.size + 1) == ERR_RANGE);
	world_close(&w);
	file_sim_destroy(w.sim);
}

/* Staged and not durable: not in the tree, in no answer. */
static void test_durable_only(void)
{
	static struct world w;
	struct log_inclusion in;
	uint64_t seq;
	world_open(&w, file_sim_create(), 1);
	append(&w, 10);
	follow(&w);
	CHECK(journal_append(w.j, &seq, 9, slice_str("not yet"), 0) == OK);
	follow(&w);
	CHECK(log_index_record(w.x, &in, 11) == ERR_RANGE);
	world_close(&w);
	file_sim_destroy(w.sim);
}

/* It goes on where it was, and does not read what it had. */
static void test_reopened(void)
{
	static struct world w;
	world_open(&w, file_sim_create(), 1);
	for (unsigned i = 0; i < 12; i++) {
		append(&w, 1 + (unsigned)draw(150));
		if (i % 3 != 2)
			follow(&w);
		log_index_close(w.x);
		if (i % 4 == 3) {
			journal_close(w.j);
			file_sim_kill(w.sim);
			open_journal(&w);
		}
		open_index(&w);
		follow(&w);
		check_answers(&w, 5);
	}
	CHECK(w.f.size > 500);
	log_index_close(w.x);
	const uint64_t reads = file_sim_count(w.sim, FILE_SIM_READ);
	open_index(&w);
	follow(&w);
	CHECK(file_sim_count(w.sim, FILE_SIM_READ) <= reads + 2); /* the head */
	append(&w, 1);
	follow(&w);
	CHECK(file_sim_count(w.sim, FILE_SIM_READ) <= reads + 60);
	world_close(&w);
	file_sim_destroy(w.sim);
}

static void copy_file(struct file_sim *to, struct file_sim *from, const char *path)
{
	size_t len;
	const uint8_t *bytes = file_sim_content(from, path, &len);
	CHECK(bytes != NULL);
	file_sim_put(to, path, slice_of(bytes, len));
}

/* The tree of another journal of this cluster, shorter and longer than this one. */
static void test_exchanged(void)
{
	static struct world a, b;
	for (unsigned other = 150; other <= 450; other += 300) {
		world_open(&a, file_sim_create(), 1);
		world_open(&b, file_sim_create(), 2);
		append(&a, 300);
		follow(&a);
		append(&b, other);
		follow(&b);
		log_index_close(a.x);
		log_index_close(b.x);
		copy_file(b.sim, a.sim, TREE_DIR "/" MERKLE_HEAD_NAME);
		copy_file(b.sim, a.sim, TREE_DIR "/tiles-0");
		open_index(&b);
		append(&b, 1);
		follow(&b);
		check_answers(&b, 50);
		world_close(&b);
		journal_close(a.j);
		file_sim_destroy(a.sim);
		file_sim_destroy(b.sim);
	}
}

/* A page goes bad: what needs it is not answered, and the tree is made again. */
static void test_bad_page(void)
{
	static struct world w;
	struct log_consistency c;
	size_t len;
	world_open(&w, file_sim_create(), 1);
	append(&w, 300);
	follow(&w);
	log_index_close(w.x);
	uint8_t *tiles = file_sim_content(w.sim, TREE_DIR "/tiles-0", &len);
	CHECK(tiles != NULL);
	tiles[MERKLE_TILE_SIZE + 1000] ^= 1;
	open_index(&w);
	CHECK(log_index_consistency(w.x, &c, 70, 300) == ERR_UNAVAILABLE);
	follow(&w);
	CHECK(log_index_consistency(w.x, &c, 70, 300) == OK);
	check_answers(&w, 50);
	world_close(&w);
	file_sim_destroy(w.sim);
}

/* The journal's own bytes change under it, behind and before where it stands. */
static void test_bad_journal(void)
{
	static struct world w;
	struct log_inclusion in;
	struct log_root root;
	const char *why;
	size_t len;
	for (unsigned before = 0; before < 2; before++) {
		world_open(&w, file_sim_create(), 1);
		append(&w, 20);
		if (before)
			follow(&w);
		uint8_t *segment = file_sim_content(w.sim, JOURNAL_DIR "/0000000001.seg", &len);
		CHECK(segment != NULL);
		segment[1024 + 200] ^= 1;
		if (before) {
			CHECK(log_index_record(w.x, &in, 20) == ERR_UNAVAILABLE);
			follow(&w); /* what it has is right, and it may be asked for */
			CHECK(log_index_root(w.x, &root, 0) == OK);
		} else {
			log_index_turn(w.x);
			why = log_index_trouble(w.x);
			CHECK(why != NULL && strstr(why, "segment 1, offset ") != NULL);
			CHECK(log_index_trouble(w.x) == NULL);
			CHECK(log_index_root(w.x, &root, 0) == ERR_UNAVAILABLE);
			log_index_turn(w.x);
			append(&w, 1); /* the journal does not care */
		}
		world_close(&w);
		file_sim_destroy(w.sim);
	}
}

/* Its disk fails at each operation: the journal goes on, and the next opening makes it right. */
static void test_failing(void)
{
	static const enum file_sim_op ops[] = {FILE_SIM_WRITE, FILE_SIM_SYNC, FILE_SIM_READ};
	static struct world w;
	for (size_t o = 0; o < ARRAY_LEN(ops); o++)
		for (uint64_t after = 0; after < 8; after++) {
			struct log_root root;
			world_open(&w, file_sim_create(), 1);
			append(&w, 200);
			const struct file_sim_fault fault = {
				.op = ops[o], .after = after, .err = ERR_IO, .persistent = true};
			file_sim_inject(w.sim, &fault);
			log_index_turn(w.x);
			if (log_index_trouble(w.x) != NULL)
				CHECK(log_index_root(w.x, &root, 0) == ERR_UNAVAILABLE);
			log_index_close(w.x);
			file_sim_heal(w.sim);
			append(&w, 1);
			open_index(&w);
			follow(&w);
			check_answers(&w, 20);
			world_close(&w);
			file_sim_destroy(w.sim);
		}
}

/* Real files, its own thread: asked all the while. */
static void test_threads(void)
{
	static struct world w;
	char dir[] = "/tmp/sluice-log-XXXXXX", command[128];
	CHECK(mkdtemp(dir) != NULL);
	w = (struct world){.variant = 3};
	(void)snprintf(w.journal_dir, sizeof w.journal_dir, "%s/j", dir);
	(void)snprintf(w.index_dir, sizeof w.index_dir, "%s/i", dir);
	merkle_frontier_init(&w.f);
	merkle_frontier_root(&w.root[0], &w.f);
	open_journal(&w);
	open_index(&w);
	for (unsigned i = 0; i < 40; i++) {
		append(&w, 1 + (unsigned)draw(50));
		log_index_turn(w.x);
		check_answers(&w, 2);
		if (i == 20) {
			log_index_close(w.x);
			open_index(&w);
		}
	}
	CHECK(journal_wait(w.j, w.f.size) == OK);
	for (unsigned i = 0; log_index_size(w.x) < w.f.size; i++) {
		CHECK(i < 20000);
		log_index_turn(w.x);
		(void)usleep(1000);
	}
	check_answers(&w, 100);
	CHECK(log_index_trouble(w.x) == NULL);
	world_close(&w);
	(void)snprintf(command, sizeof command, "rm -r %s", dir);
	CHECK(system(command) == 0); // NOLINT(cert-env33-c): a folder of our own making
}

int main(void)
{
	test_follows();
	test_durable_only();
	test_reopened();
	test_exchanged();
	test_bad_page();
	test_bad_journal();
	test_failing();
	test_threads();
	return 0;
}
