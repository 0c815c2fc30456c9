/* The stored tree on the simulated disk: proofs from it against the roots of a frontier that never
 * saw a disk, at many sizes; power cuts after every operation; every operation failing; every byte
 * of a page and of the head changed. */
#include "store/merkle_store.h"

#include <stdio.h>

#include "base/draw_test.h"
#include "sys/file_sim.h"

#define LEAVES 4400u /* a whole tile of the second floor, and some */
#define DIR "m"
#define HEAD DIR "/" MERKLE_HEAD_NAME
#define CHECKPOINT_EVERY 397u
#define UNSYNCED_MAX 1024u
#define CUTS_EACH 6u

static const struct id128 cluster = {{3, 1, 4}}, other_cluster = {{2, 7}};
static struct hash256 leaf[LEAVES], root[LEAVES + 1];

static struct merkle_place place_of(uint64_t index)
{
	return (struct merkle_place){
		.segment = (uint32_t)(1 + index / 1000), .offset = index * 512};
}

static struct merkle_store *open_as(struct file_sim *sim, struct id128 as)
{
	const struct merkle_store_config config = {
		.dir = DIR, .cluster = as, .ops = file_sim_ops(sim)};
	struct merkle_store *s;
	CHECK(merkle_store_open(&s, &config) == OK);
	return s;
}

static struct merkle_store *open_store(struct file_sim *sim)
{
	return open_as(sim, cluster);
}

static enum err push_to(struct merkle_store *s, uint64_t size)
{
	for (uint64_t i = merkle_store_size(s); i < size; i++) {
		const struct merkle_place place = place_of(i);
		TRY(merkle_store_push(s, &leaf[i], &place));
	}
	return OK;
}

static void check_inclusion(struct merkle_store *s, uint64_t index, uint64_t size)
{
	const struct merkle_reader nodes = merkle_store_reader(s);
	struct merkle_proof proof;
	CHECK(merkle_inclusion_prove(&proof, index, size, &nodes) == OK);
	CHECK(merkle_inclusion_verify(&proof, &leaf[index], index, size, &root[size]) == OK);
}

static void check_consistency(struct merkle_store *s, uint64_t from, uint64_t to)
{
	const struct merkle_reader nodes = merkle_store_reader(s);
	struct merkle_proof proof;
	CHECK(merkle_consistency_prove(&proof, from, to, &nodes) == OK);
	CHECK(merkle_consistency_verify(&proof, from, &root[from], to, &root[to]) == OK);
}

/* Its own root, and some of the proofs that it can make. */
static void check_content(struct merkle_store *s, unsigned proofs)
{
	const uint64_t size = merkle_store_size(s);
	const struct merkle_reader nodes = merkle_store_reader(s);
	struct hash256 got;
	CHECK(merkle_root(&got, size, &nodes) == OK && hash256_eq(&got, &root[size]));
	for (unsigned i = 0; i < proofs && size > 0; i++) {
		const uint64_t to = 1 + draw(size);
		check_inclusion(s, draw(to), to);
		check_consistency(s, draw(to + 1), to);
	}
}

static void make_leaves(void)
{
	static struct merkle_frontier f;
	merkle_frontier_init(&f);
	merkle_frontier_root(&root[0], &f);
	for (uint64_t i = 0; i < LEAVES; i++) {
		uint8_t entry[8];
		store_le64(entry, i);
		merkle_leaf_hash(&leaf[i], slice_of(entry, sizeof entry));
		merkle_frontier_push(&f, &leaf[i]);
		merkle_frontier_root(&root[i + 1], &f);
	}
}

static struct file_sim *make_disk(uint64_t size)
{
	struct file_sim *sim = file_sim_create();
	struct merkle_store *s = open_store(sim);
	CHECK(push_to(s, size) == OK && merkle_store_checkpoint(s) == OK);
	merkle_store_close(s);
	file_sim_settle(sim);
	return sim;
}

/* Every leaf in the whole log, and at the sizes around whole tiles; a few pages each time. */
static void test_proofs(void)
{
	static const uint64_t sizes[] = {
		1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 4160, LEAVES - 1, LEAVES};
	struct file_sim *sim = make_disk(LEAVES);
	struct merkle_store *s = open_store(sim);
	struct merkle_place place;
	struct hash256 node;
	uint64_t first;
	const struct merkle_reader nodes = merkle_store_reader(s);
	CHECK(merkle_store_size(s) == LEAVES && merkle_store_saved(s) == LEAVES);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (unsigned k = 0; k < 300; k++) {
			const uint64_t before = merkle_store_reads(s);
			check_inclusion(s, draw(sizes[i]), sizes[i]);
			CHECK(merkle_store_reads(s) <= before + 2 * 2);
			check_consistency(s, draw(sizes[i] + 1), sizes[i]);
			CHECK(merkle_store_reads(s) <= before + 4 * 2);
		}
	for (uint64_t i = 0; i < LEAVES; i++) {
		check_inclusion(s, i, LEAVES);
		CHECK(merkle_store_find(s, &place, &first, i) == OK && first == i / 64 * 64);
		CHECK(place.segment == place_of(first).segment);
		CHECK(place.offset == place_of(first).offset);
	}
	CHECK(merkle_store_find(s, &place, &first, LEAVES) == ERR_NOT_FOUND);
	CHECK(nodes.node(s, &node, 0, LEAVES) == ERR_NOT_FOUND);
	CHECK(nodes.node(s, &node, 12, 1) == ERR_NOT_FOUND);
	CHECK(nodes.node(s, &node, 62, 0) == ERR_NOT_FOUND);
	CHECK(!merkle_store_doubtful(s));
	merkle_store_close(s);
	file_sim_destroy(sim);
}

/* Stopped with and without a checkpoint: what was saved is there, and grows on. */
static void test_reopened(void)
{
	struct file_sim *sim = file_sim_create();
	uint64_t saved = 0;
	while (saved < LEAVES) {
		struct merkle_store *s = open_store(sim);
		CHECK(merkle_store_size(s) == saved && merkle_store_saved(s) == saved);
		check_content(s, 4);
		const uint64_t next = saved + 1 + draw(130);
		CHECK(push_to(s, next < LEAVES ? next : LEAVES) == OK);
		check_content(s, 4);
		if (draw(3) > 0) {
			CHECK(merkle_store_checkpoint(s) == OK);
			saved = merkle_store_size(s);
			const uint64_t syncs = file_sim_count(sim, FILE_SIM_SYNC);
			CHECK(merkle_store_checkpoint(s) == OK);
			CHECK(file_sim_count(sim, FILE_SIM_SYNC) == syncs);
		}
		CHECK(merkle_store_saved(s) == saved);
		merkle_store_close(s);
		file_sim_kill(sim);
	}
	file_sim_destroy(sim);
}

/* Power cuts. */

struct cutting {
	struct file_sim *sim;
	uint64_t saved, trying; /* acknowledged; and what a checkpoint is writing */
	uint64_t disks, newer;
};

static void try_cut(struct cutting *c, const uint8_t *survives, size_t count)
{
	struct file_sim *cut = file_sim_crash(c->sim, survives, count);
	struct merkle_store *s = open_store(cut);
	const uint64_t size = merkle_store_size(s);
	CHECK(size == c->saved || size == c->trying);
	c->newer += size != c->saved;
	c->disks++;
	check_content(s, 2);
	if (c->disks % 16 == 0) {
		CHECK(push_to(s, LEAVES) == OK && merkle_store_checkpoint(s) == OK);
		merkle_store_close(s);
		s = open_store(cut);
		CHECK(merkle_store_size(s) == LEAVES);
		check_content(s, 20);
	}
	CHECK(!merkle_store_doubtful(s));
	merkle_store_close(s);
	file_sim_destroy(cut);
}

static void on_change(void *ctx)
{
	struct cutting *c = ctx;
	uint8_t survives[UNSYNCED_MAX];
	const size_t count = file_sim_unsynced(c->sim);
	CHECK(count <= sizeof survives);
	memset(survives, 0, sizeof survives);
	try_cut(c, survives, count);
	memset(survives, 1, sizeof survives);
	try_cut(c, survives, count);
	for (unsigned n = 0; n < CUTS_EACH && count > 0; n++) {
		for (size_t i = 0; i < count; i++)
			survives[i] = (uint8_t)draw(2);
		try_cut(c, survives, count);
	}
}

static void test_power_cuts(void)
{
	struct cutting c = {.sim = file_sim_create()};
	file_sim_on_change(c.sim, on_change, &c);
	struct merkle_store *s = open_store(c.sim);
	for (uint64_t size = CHECKPOINT_EVERY; size <= LEAVES; size += CHECKPOINT_EVERY) {
		CHECK(push_to(s, size) == OK);
		c.trying = size;
		CHECK(merkle_store_checkpoint(s) == OK);
		c.saved = size;
	}
	c.trying = 0; /* begins again: the old head until it is gone */
	CHECK(merkle_store_reset(s) == OK);
	c.saved = 0;
	CHECK(merkle_store_size(s) == 0 && merkle_store_saved(s) == 0);
	CHECK(push_to(s, 200) == OK);
	c.trying = 200;
	CHECK(merkle_store_checkpoint(s) == OK);
	CHECK(c.disks > 1000 && c.newer > 20);
	merkle_store_close(s);
	file_sim_destroy(c.sim);
}

/* Failures. */

static void test_failing(void)
{
	static const enum file_sim_op ops[] = {
		FILE_SIM_OPEN, FILE_SIM_WRITE, FILE_SIM_SYNC, FILE_SIM_SYNC_DIR, FILE_SIM_RENAME};
	static const uint8_t survives[UNSYNCED_MAX];
	for (size_t o = 0; o < ARRAY_LEN(ops); o++)
		for (uint64_t after = 0;; after++) {
			struct file_sim *sim = make_disk(130);
			struct merkle_store *s = open_store(sim);
			const struct file_sim_fault fault = {.op = ops[o],
				.after = after,
				.err = ops[o] == FILE_SIM_WRITE ? ERR_FULL : ERR_IO,
				.partial = 700};
			file_sim_inject(sim, &fault);
			enum err err = push_to(s, LEAVES);
			if (err == OK)
				err = merkle_store_checkpoint(s);
			if (err != OK) {
				CHECK(err == fault.err);
				CHECK(merkle_store_push(s, &leaf[0], &(struct merkle_place){0}) ==
					ERR_STATE);
				CHECK(merkle_store_checkpoint(s) == ERR_STATE);
			}
			merkle_store_close(s);
			file_sim_heal(sim);
			const size_t unsynced = file_sim_unsynced(sim);
			CHECK(unsynced <= sizeof survives);
			struct file_sim *cut = file_sim_crash(sim, survives, unsynced);
			s = open_store(cut);
			CHECK(merkle_store_size(s) == (err == OK ? LEAVES : 130) ||
				(err != OK && merkle_store_size(s) == LEAVES));
			check_content(s, 2);
			CHECK(push_to(s, LEAVES) == OK && merkle_store_checkpoint(s) == OK);
			check_content(s, 20);
			merkle_store_close(s);
			file_sim_destroy(cut);
			file_sim_destroy(sim);
			if (err == OK) {
				CHECK(after > 0);
				break;
			}
		}
}

static void test_short_writes(void)
{
	struct file_sim *sim = file_sim_create();
	struct merkle_store *s = open_store(sim);
	for (uint64_t i = 0; i < 6; i++)
		file_sim_inject(sim,
			&(struct file_sim_fault){.op = FILE_SIM_WRITE,
				.after = 2 * i,
				.err = OK,
				.partial = (size_t)(1000 * i)});
	CHECK(push_to(s, LEAVES) == OK);
	CHECK(merkle_store_checkpoint(s) == OK);
	merkle_store_close(s);
	s = open_store(sim);
	CHECK(merkle_store_size(s) == LEAVES);
	check_content(s, 200);
	merkle_store_close(s);
	file_sim_destroy(sim);
}

/* Damage. */

/* Change a byte of a file and look what becomes of it. */
static struct merkle_store *open_damaged(
	struct file_sim **cut, struct file_sim *sim, const char *path, size_t at)
{
	size_t len;
	*cut = file_sim_crash(sim, NULL, 0);
	uint8_t *bytes = file_sim_content(*cut, path, &len);
	CHECK(bytes != NULL && at < len);
	bytes[at] ^= (uint8_t)(1u << at % 8);
	file_sim_settle(*cut);
	return open_store(*cut);
}

static void test_damaged_tile(void)
{
	struct file_sim *sim = make_disk(200), *cut;
	for (size_t at = 0; at < MERKLE_TILE_SIZE; at++) {
		struct merkle_store *s = open_damaged(
			&cut, sim, DIR "/tiles-0", MERKLE_TILE_SIZE + at);
		const struct merkle_reader nodes = merkle_store_reader(s);
		struct merkle_proof proof;
		CHECK(merkle_store_size(s) == 200);
		check_inclusion(s, 3, 64); /* of the tile before it */
		CHECK(!merkle_store_doubtful(s));
		CHECK(merkle_inclusion_prove(&proof, 64, 200, &nodes) == ERR_CHECKSUM);
		CHECK(merkle_store_doubtful(s));
		if (at % 512 == 0) {
			CHECK(push_to(s, 201) == OK && merkle_store_checkpoint(s) == OK);
			merkle_store_close(s);
			s = open_store(cut);
			CHECK(merkle_store_size(s) == 0 && push_to(s, 300) == OK);
			check_content(s, 50);
		}
		merkle_store_close(s);
		file_sim_destroy(cut);
	}
	file_sim_destroy(sim);
}

static void test_damaged_head(void)
{
	struct file_sim *sim = make_disk(200), *cut;
	size_t len;
	CHECK(file_sim_content(sim, HEAD, &len) != NULL);
	for (size_t at = 0; at < len; at++) {
		struct merkle_store *s = open_damaged(&cut, sim, HEAD, at);
		CHECK(merkle_store_size(s) == 0 && push_to(s, 70) == OK);
		check_content(s, 2);
		merkle_store_close(s);
		file_sim_destroy(cut);
	}
	for (size_t cut_len = 0; cut_len < len; cut_len += 7) {
		cut = file_sim_crash(sim, NULL, 0);
		const uint8_t *bytes = file_sim_content(sim, HEAD, &len);
		file_sim_put(cut, HEAD, slice_of(bytes, cut_len));
		struct merkle_store *s = open_store(cut);
		CHECK(merkle_store_size(s) == 0);
		merkle_store_close(s);
		file_sim_destroy(cut);
	}
	file_sim_destroy(sim);
}

/* Tiles of another place, of another cluster, and fewer than there should be. */
static void test_exchanged(void)
{
	static uint8_t copy[MERKLE_TILE_SIZE];
	struct file_sim *sim = make_disk(200);
	struct merkle_proof proof;
	size_t len;
	uint8_t *tiles = file_sim_content(sim, DIR "/tiles-0", &len);
	CHECK(tiles != NULL && len == 3u * MERKLE_TILE_SIZE);
	memcpy(copy, tiles + MERKLE_TILE_SIZE, sizeof copy);
	memcpy(tiles + MERKLE_TILE_SIZE, tiles, sizeof copy);
	struct merkle_store *s = open_store(sim);
	const struct merkle_reader nodes = merkle_store_reader(s);
	CHECK(merkle_inclusion_prove(&proof, 64, 200, &nodes) == ERR_CHECKSUM);
	merkle_store_close(s);

	s = open_as(sim, other_cluster);
	CHECK(merkle_store_size(s) == 0);
	merkle_store_close(s);

	tiles = file_sim_content(sim, DIR "/tiles-0", &len);
	memcpy(tiles + MERKLE_TILE_SIZE, copy, sizeof copy);
	s = open_store(sim);
	check_content(s, 20);
	merkle_store_close(s);
	tiles = file_sim_content(sim, DIR "/tiles-0", &len);
	file_sim_put(sim, DIR "/tiles-0", slice_of(tiles, len - 1));
	s = open_store(sim);
	CHECK(merkle_store_size(s) == 0);
	merkle_store_close(s);
	CHECK(file_sim_ops(sim)->unlink(sim, DIR "/tiles-0") == OK);
	s = open_store(sim);
	CHECK(merkle_store_size(s) == 0 && push_to(s, 90) == OK);
	check_content(s, 2);
	merkle_store_close(s);
	file_sim_destroy(sim);
}

int main(void)
{
	make_leaves();
	test_proofs();
	test_reopened();
	test_power_cuts();
	test_failing();
	test_short_writes();
	test_damaged_tile();
	test_damaged_head();
	test_exchanged();
	return 0;
}
