#include "store/merkle_store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/crc32c.h"

#define TILE_MAGIC UINT32_C(0x31544d53) /* "SMT1" */
#define HEAD_MAGIC UINT32_C(0x31484d53) /* "SMH1" */
#define TILE_HASHED_SIZE (MERKLE_TILE_HEADER_SIZE - 4u)
#define HEAD_SIZE_MAX (64u + MERKLE_FLOORS * (MERKLE_TILE_LEAVES - 1u) * 32u)
#define KEPT_PER_FLOOR 2u /* a proof's own path, and the right edge of an older size */
#define NAME_SIZE 16u

/* The nodes of a tile: its leaves, then level by level what is above them. */
struct tile {
	uint32_t count;            /* leaves that are there */
	struct merkle_place place; /* on the lowest floor: of the first leaf */
	struct hash256 node[MERKLE_TILE_NODES];
};

struct kept {
	bool used;
	uint64_t index;
	struct tile tile;
};

struct merkle_store {
	const struct file_ops *ops;
	const char *dir;
	struct id128 cluster;
	int file[MERKLE_FLOORS];
	bool written[MERKLE_FLOORS]; /* since the last sync */
	bool named;                  /* a file was made since the folder was synced */
	bool failed;
	_Atomic bool
		doubtful; /* relaxed: it says to whom it concerns that something is to be done */
	uint64_t size, saved, reads;
	struct tile open[MERKLE_FLOORS]; /* the last tile of each floor: not whole */
	struct kept kept[MERKLE_FLOORS][KEPT_PER_FLOOR];
	uint8_t next_kept[MERKLE_FLOORS];
	uint8_t page[MERKLE_TILE_SIZE];
};

/* tiles */

static size_t node_at(unsigned level, uint64_t index)
{
	return 2u * MERKLE_TILE_LEAVES - (2u * MERKLE_TILE_LEAVES >> level) +
		(size_t)(index & ((MERKLE_TILE_LEAVES >> level) - 1));
}

/* Puts a leaf, and the nodes that it completes. */
static void tile_push(struct tile *t, const struct hash256 *leaf)
{
	const uint32_t index = t->count++;
	t->node[node_at(0, index)] = *leaf;
	for (unsigned level = 1;
		level < MERKLE_TILE_LEVELS && (t->count >> level << level) == t->count; level++) {
		const uint32_t at = index >> level;
		merkle_node_hash(&t->node[node_at(level, at)], &t->node[node_at(level - 1, 2 * at)],
			&t->node[node_at(level - 1, 2 * at + 1)]);
	}
}

static void tile_root(struct hash256 *out, const struct tile *t)
{
	merkle_node_hash(out, &t->node[node_at(MERKLE_TILE_LEVELS - 1, 0)],
		&t->node[node_at(MERKLE_TILE_LEVELS - 1, 1)]);
}

static void header_encode(uint8_t *page, const struct merkle_store *s, unsigned tier,
	uint64_t index, const struct merkle_place *place)
{
	struct buf out = buf_init(page, TILE_HASHED_SIZE);
	memset(page, 0, MERKLE_TILE_HEADER_SIZE);
	buf_le32(&out, TILE_MAGIC);
	buf_le32(&out, tier);
	buf_le64(&out, index);
	buf_put(&out, s->cluster.b, sizeof s->cluster.b);
	buf_le32(&out, place->segment);
	buf_le64(&out, place->offset);
	CHECK(!out.overflow);
}

static uint32_t page_sum(const uint8_t *page)
{
	const uint32_t sum = crc32c(0, page, TILE_HASHED_SIZE);
	return crc32c(
		sum, page + MERKLE_TILE_HEADER_SIZE, MERKLE_TILE_SIZE - MERKLE_TILE_HEADER_SIZE);
}

static void page_encode(uint8_t *page, const struct merkle_store *s, unsigned tier, uint64_t index)
{
	const struct tile *t = &s->open[tier];
	header_encode(page, s, tier, index, &t->place);
	memcpy(page + MERKLE_TILE_HEADER_SIZE, t->node, sizeof t->node);
	store_le32(page + TILE_HASHED_SIZE, page_sum(page));
}

/* False where the page is not what was written for this place. */
static bool page_decode(struct tile *out, const uint8_t *page, const struct merkle_store *s,
	unsigned tier, uint64_t index)
{
	uint8_t want[MERKLE_TILE_HEADER_SIZE];
	struct merkle_place place;
	struct reader in = reader_init(slice_of(page, TILE_HASHED_SIZE));
	(void)reader_take(&in, 32);
	place.segment = reader_le32(&in);
	place.offset = reader_le64(&in);
	header_encode(want, s, tier, index, &place);
	if (memcmp(page, want, TILE_HASHED_SIZE) != 0 ||
		load_le32(page + TILE_HASHED_SIZE) != page_sum(page))
		return false;
	out->count = MERKLE_TILE_LEAVES;
	out->place = place;
	memcpy(out->node, page + MERKLE_TILE_HEADER_SIZE, sizeof out->node);
	return true;
}

/* files */

/* A path of this folder, which was found short enough when the store was opened. */
static void path_of(char path[FILE_PATH_SIZE], const struct merkle_store *s, const char *name)
{
	CHECK(file_path_join(path, s->dir, name) == OK);
}

static enum err open_floor(struct merkle_store *s, unsigned tier, unsigned flags)
{
	char name[NAME_SIZE], path[FILE_PATH_SIZE];
	if (s->file[tier] != FILE_NONE)
		return OK;
	(void)snprintf(name, sizeof name, "tiles-%u", tier);
	path_of(path, s, name);
	TRY(s->ops->open(s->ops->ctx, &s->file[tier], path, FILE_WRITE | flags));
	s->named |= (flags & FILE_CREATE) != 0;
	return OK;
}

static uint64_t whole_tiles(uint64_t size, unsigned tier)
{
	return size >> ((tier + 1) * MERKLE_TILE_LEVELS);
}

static enum err write_tile(struct merkle_store *s, unsigned tier, uint64_t index)
{
	TRY(open_floor(s, tier, FILE_CREATE));
	page_encode(s->page, s, tier, index);
	s->written[tier] = true;
	return file_write_all(
		s->ops, s->file[tier], s->page, sizeof s->page, index * sizeof s->page);
}

static enum err read_tile(
	struct merkle_store *s, const struct tile **out, unsigned tier, uint64_t index)
{
	struct kept *k = s->kept[tier];
	for (unsigned i = 0; i < KEPT_PER_FLOOR; i++)
		if (k[i].used && k[i].index == index) {
			s->next_kept[tier] = (uint8_t)((i + 1) % KEPT_PER_FLOOR);
			*out = &k[i].tile;
			return OK;
		}
	k += s->next_kept[tier];
	k->used = false;
	s->reads++;
	const enum err err = file_read_exact(
		s->ops, s->file[tier], s->page, sizeof s->page, index * sizeof s->page);
	if (err != OK && err != ERR_SHORT)
		return err;
	if (err == ERR_SHORT || !page_decode(&k->tile, s->page, s, tier, index)) {
		atomic_store_explicit(&s->doubtful, true, memory_order_relaxed);
		return ERR_CHECKSUM;
	}
	k->used = true;
	k->index = index;
	s->next_kept[tier] = (uint8_t)((s->next_kept[tier] + 1) % KEPT_PER_FLOOR);
	*out = &k->tile;
	return OK;
}

static enum err tile_of(
	struct merkle_store *s, const struct tile **out, unsigned tier, uint64_t index)
{
	if (index < whole_tiles(s->size, tier))
		return read_tile(s, out, tier, index);
	*out = &s->open[tier];
	return OK;
}

/* the head */

static struct slice head_encode(uint8_t bytes[HEAD_SIZE_MAX], const struct merkle_store *s)
{
	struct buf out = buf_init(bytes, HEAD_SIZE_MAX);
	buf_le32(&out, HEAD_MAGIC);
	buf_put(&out, s->cluster.b, sizeof s->cluster.b);
	buf_le64(&out, s->size);
	buf_le32(&out, s->open[0].place.segment);
	buf_le64(&out, s->open[0].place.offset);
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++)
		buf_put(&out, s->open[tier].node,
			s->open[tier].count * sizeof s->open[tier].node[0]);
	buf_le32(&out, crc32c(0, out.ptr, out.len));
	CHECK(!out.overflow);
	return buf_slice(&out);
}

/* False where it is not a head of this store. */
static bool head_decode(struct merkle_store *s, struct slice bytes)
{
	struct id128 cluster;
	struct hash256 leaf;
	struct reader in = reader_init(bytes);
	if (bytes.len < 4 ||
		load_le32(bytes.ptr + bytes.len - 4) != crc32c(0, bytes.ptr, bytes.len - 4) ||
		reader_le32(&in) != HEAD_MAGIC)
		return false;
	reader_copy(&in, cluster.b, sizeof cluster.b);
	const uint64_t size = reader_le64(&in);
	if (!id128_eq(&cluster, &s->cluster) || size > MERKLE_STORE_SIZE_MAX)
		return false;
	s->open[0].place.segment = reader_le32(&in);
	s->open[0].place.offset = reader_le64(&in);
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++)
		for (uint64_t left = size >> tier * MERKLE_TILE_LEVELS & (MERKLE_TILE_LEAVES - 1);
			left > 0; left--) {
			reader_copy(&in, leaf.b, sizeof leaf.b);
			tile_push(&s->open[tier], &leaf);
		}
	(void)reader_le32(&in);
	s->size = size;
	return reader_finish(&in) == OK;
}

static void forget(struct merkle_store *s)
{
	memset(s->open, 0, sizeof s->open);
	memset(s->kept, 0, sizeof s->kept);
	s->size = 0;
	s->failed = false;
	atomic_store_explicit(&s->doubtful, false, memory_order_relaxed);
}

/* What the head counts on is there: its sums are looked at when it is read. */
static enum err load_head(struct merkle_store *s)
{
	uint8_t bytes[HEAD_SIZE_MAX];
	char path[FILE_PATH_SIZE];
	size_t len;
	path_of(path, s, MERKLE_HEAD_NAME);
	enum err err = file_read_all(s->ops, path, bytes, &len, sizeof bytes);
	if (err == ERR_NOT_FOUND || err == ERR_FULL)
		return OK;
	if (err != OK)
		return err;
	bool whole = head_decode(s, slice_of(bytes, len));
	for (unsigned tier = 0; whole && tier < MERKLE_FLOORS; tier++) {
		const uint64_t tiles = whole_tiles(s->size, tier);
		uint64_t file_size = 0;
		if (tiles == 0)
			break;
		err = open_floor(s, tier, 0);
		if (err == OK)
			err = s->ops->size(s->ops->ctx, &file_size, s->file[tier]);
		if (err != OK && err != ERR_NOT_FOUND)
			return err;
		whole = err == OK && file_size / MERKLE_TILE_SIZE >= tiles;
	}
	if (!whole)
		forget(s);
	s->saved = s->size;
	return OK;
}

/* opening and closing */

enum err merkle_store_open(struct merkle_store **out, const struct merkle_store_config *config)
{
	struct merkle_store *s = calloc(1, sizeof *s);
	char path[FILE_PATH_SIZE];
	if (s == NULL)
		return ERR_FULL;
	s->ops = config->ops == NULL ? file_system() : config->ops;
	s->dir = config->dir;
	s->cluster = config->cluster;
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++)
		s->file[tier] = FILE_NONE;
	enum err err = strlen(s->dir) + NAME_SIZE + 1 < sizeof path ? OK : ERR_RANGE;
	if (err == OK)
		err = s->ops->mkdir(s->ops->ctx, s->dir);
	if (err == OK) {
		err = file_path_parent(path, s->dir);
		if (err == OK)
			err = s->ops->sync_dir(s->ops->ctx, path);
	} else if (err == ERR_EXISTS) {
		err = OK;
	}
	if (err == OK)
		err = load_head(s);
	if (err == OK)
		*out = s;
	else
		merkle_store_close(s);
	return err;
}

void merkle_store_close(struct merkle_store *s)
{
	if (s == NULL)
		return;
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++)
		if (s->file[tier] != FILE_NONE)
			s->ops->close(s->ops->ctx, s->file[tier]);
	free(s);
}

uint64_t merkle_store_size(const struct merkle_store *s)
{
	return s->size;
}

uint64_t merkle_store_saved(const struct merkle_store *s)
{
	return s->saved;
}

bool merkle_store_doubtful(const struct merkle_store *s)
{
	return atomic_load_explicit(&s->doubtful, memory_order_relaxed);
}

uint64_t merkle_store_reads(const struct merkle_store *s)
{
	return s->reads;
}

/* growing */

static enum err push(
	struct merkle_store *s, const struct hash256 *leaf, const struct merkle_place *place)
{
	struct hash256 node = *leaf;
	if (s->open[0].count == 0)
		s->open[0].place = *place;
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++) {
		struct tile *t = &s->open[tier];
		tile_push(t, &node);
		if (t->count < MERKLE_TILE_LEAVES)
			break;
		TRY(write_tile(s, tier, whole_tiles(s->size, tier)));
		tile_root(&node, t);
		*t = (struct tile){0};
	}
	s->size++;
	return OK;
}

enum err merkle_store_push(
	struct merkle_store *s, const struct hash256 *leaf, const struct merkle_place *place)
{
	if (s->failed)
		return ERR_STATE;
	if (s->size == MERKLE_STORE_SIZE_MAX - 1)
		return ERR_FULL;
	const enum err err = push(s, leaf, place);
	s->failed = err != OK;
	return err;
}

static enum err remove_head(struct merkle_store *s)
{
	char path[FILE_PATH_SIZE];
	path_of(path, s, MERKLE_HEAD_NAME);
	const enum err err = s->ops->unlink(s->ops->ctx, path);
	if (err != OK && err != ERR_NOT_FOUND)
		return err;
	s->saved = 0;
	return s->ops->sync_dir(s->ops->ctx, s->dir);
}

static enum err save(struct merkle_store *s)
{
	uint8_t bytes[HEAD_SIZE_MAX];
	char path[FILE_PATH_SIZE];
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++) {
		if (s->written[tier])
			TRY(s->ops->fdatasync(s->ops->ctx, s->file[tier]));
		s->written[tier] = false;
	}
	if (s->named)
		TRY(s->ops->sync_dir(s->ops->ctx, s->dir));
	s->named = false;
	path_of(path, s, MERKLE_HEAD_NAME);
	TRY(file_write_atomic(s->ops, path, head_encode(bytes, s)));
	s->saved = s->size;
	return OK;
}

enum err merkle_store_checkpoint(struct merkle_store *s)
{
	if (s->failed)
		return ERR_STATE;
	const bool doubtful = merkle_store_doubtful(s);
	if (s->saved == s->size && !doubtful)
		return OK;
	const enum err err = doubtful ? remove_head(s) : save(s);
	s->failed = err != OK; /* a sync that failed is not repeated */
	return err;
}

/* The head first: no crash leaves one that counts on tiles which are gone. */
enum err merkle_store_reset(struct merkle_store *s)
{
	forget(s);
	enum err err = remove_head(s);
	for (unsigned tier = 0; err == OK && tier < MERKLE_FLOORS; tier++)
		if (s->file[tier] != FILE_NONE)
			err = s->ops->truncate(s->ops->ctx, s->file[tier], 0);
	s->failed = err != OK;
	return err;
}

/* reading */

static enum err read_node(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	struct merkle_store *s = ctx;
	const unsigned tier = level / MERKLE_TILE_LEVELS, row = level % MERKLE_TILE_LEVELS;
	const struct tile *t;
	if (tier >= MERKLE_FLOORS || index >= s->size >> level)
		return ERR_NOT_FOUND;
	TRY(tile_of(s, &t, tier, index >> (MERKLE_TILE_LEVELS - row)));
	*out = t->node[node_at(row, index)];
	return OK;
}

struct merkle_reader merkle_store_reader(struct merkle_store *s)
{
	return (struct merkle_reader){.node = read_node, .ctx = s};
}

enum err merkle_store_find(
	struct merkle_store *s, struct merkle_place *place, uint64_t *first, uint64_t index)
{
	const struct tile *t;
	if (index >= s->size)
		return ERR_NOT_FOUND;
	TRY(tile_of(s, &t, 0, index / MERKLE_TILE_LEAVES));
	*place = t->place;
	*first = index - index % MERKLE_TILE_LEAVES;
	return OK;
}
