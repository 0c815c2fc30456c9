#include "store/snapshot_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "crypto/hash.h"
#include "store/journal_scan.h"

#define VERSION 1u
#define HASHED_SIZE (SNAPSHOT_FILE_HEAD_SIZE - 36u) /* of the head, before its hash */
#define SUMMED_SIZE (SNAPSHOT_FILE_HEAD_SIZE - 4u)  /* before its sum */
#define FIXED_SIZE 168u                             /* before the tree's frontier */
#define NAME_DIGITS 20u
#define NAME_LEN 25u
#define TEMPORARY_LEN 29u

_Static_assert(FIXED_SIZE + MERKLE_FRONTIER_SIZE_MAX <= HASHED_SIZE, "a head holds any frontier");

static const uint8_t magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 'F', '\n'};

/* ---- the head ---- */

void snapshot_file_encode(
	uint8_t out[SNAPSHOT_FILE_HEAD_SIZE], struct snapshot_file *f, struct slice state)
{
	uint8_t frontier[MERKLE_FRONTIER_SIZE_MAX];
	struct buf b = buf_init(out, HASHED_SIZE);
	struct hash256 hash;
	CHECK(f->at.tree.size == snapshot_file_seq(f));
	f->state_len = state.len;
	f->state_crc = crc32c(0, state.ptr, state.len);
	sha256(&f->state_sum, state);
	const size_t frontier_len = merkle_frontier_encode(frontier, &f->at.tree);
	memset(out, 0, SNAPSHOT_FILE_HEAD_SIZE);
	buf_put(&b, magic, sizeof magic);
	buf_le32(&b, VERSION);
	buf_put(&b, f->at.cluster.b, sizeof f->at.cluster.b);
	buf_le32(&b, f->at.segment);
	buf_le64(&b, f->at.offset);
	buf_le64(&b, f->at.chain.epoch);
	buf_le64(&b, snapshot_file_seq(f));
	buf_put(&b, f->at.chain.prev.b, sizeof f->at.chain.prev.b);
	buf_put(&b, f->state_hash.b, sizeof f->state_hash.b);
	buf_le64(&b, f->state_len);
	buf_le32(&b, f->state_crc);
	buf_put(&b, f->state_sum.b, sizeof f->state_sum.b);
	buf_le32(&b, (uint32_t)frontier_len);
	CHECK(b.len == FIXED_SIZE);
	buf_put(&b, frontier, frontier_len);
	CHECK(!b.overflow);
	sha256(&hash, slice_of(out, HASHED_SIZE));
	memcpy(out + HASHED_SIZE, hash.b, sizeof hash.b);
	store_le32(out + SUMMED_SIZE, crc32c(0, out, SUMMED_SIZE));
}

static bool is_sound(const uint8_t *head)
{
	struct hash256 hash;
	sha256(&hash, slice_of(head, HASHED_SIZE));
	return load_le32(head + SUMMED_SIZE) == crc32c(0, head, SUMMED_SIZE) &&
		memcmp(hash.b, head + HASHED_SIZE, sizeof hash.b) == 0;
}

/* Sums are right: whoever wrote it wrote just that, and it may be nonsense all the same. */
static bool is_possible(const struct snapshot_file *f)
{
	return f->at.segment > 0 && f->at.segment <= JOURNAL_SEGMENTS_MAX &&
		f->at.offset >= JOURNAL_SEGMENT_HEADER_SIZE &&
		f->at.offset <= JOURNAL_SEGMENT_SIZE_MAX && f->at.offset % JOURNAL_SECTOR == 0 &&
		f->at.chain.next_seq > 1 && f->at.tree.size == snapshot_file_seq(f) &&
		f->state_len <= SNAPSHOT_FILE_STATE_MAX;
}

enum err snapshot_file_decode(struct snapshot_file *out, struct slice head)
{
	struct snapshot_file f = {.state_len = 0};
	struct reader in = reader_init(head);
	if (head.len < SNAPSHOT_FILE_HEAD_SIZE)
		return ERR_SHORT;
	/* before the sums: a later version may lay out or sum the rest otherwise */
	if (memcmp(reader_take(&in, sizeof magic), magic, sizeof magic) != 0 ||
		reader_le32(&in) != VERSION)
		return ERR_FORMAT;
	if (!is_sound(head.ptr))
		return ERR_CHECKSUM;
	reader_copy(&in, f.at.cluster.b, sizeof f.at.cluster.b);
	f.at.segment = reader_le32(&in);
	f.at.offset = reader_le64(&in);
	f.at.chain.epoch = reader_le64(&in);
	const uint64_t seq = reader_le64(&in);
	reader_copy(&in, f.at.chain.prev.b, sizeof f.at.chain.prev.b);
	reader_copy(&in, f.state_hash.b, sizeof f.state_hash.b);
	f.state_len = reader_le64(&in);
	f.state_crc = reader_le32(&in);
	reader_copy(&in, f.state_sum.b, sizeof f.state_sum.b);
	const uint32_t frontier_len = reader_le32(&in);
	if (seq >= MERKLE_SIZE_MAX || frontier_len > MERKLE_FRONTIER_SIZE_MAX)
		return ERR_CHECKSUM;
	f.at.chain.next_seq = seq + 1;
	f.at.claimed = seq;
	const uint8_t *frontier = reader_take(&in, frontier_len);
	if (merkle_frontier_decode(&f.at.tree, slice_of(frontier, frontier_len)) != OK ||
		!is_possible(&f))
		return ERR_CHECKSUM;
	*out = f;
	return OK;
}

enum err snapshot_file_check(const struct snapshot_file *f, struct slice state)
{
	struct hash256 sum;
	if (state.len < f->state_len)
		return ERR_SHORT;
	if (state.len > f->state_len || crc32c(0, state.ptr, state.len) != f->state_crc)
		return ERR_CHECKSUM;
	sha256(&sum, state);
	return hash256_eq(&sum, &f->state_sum) ? OK : ERR_CHECKSUM;
}

/* ---- files ---- */

void snapshot_file_name(char name[SNAPSHOT_FILE_NAME_SIZE], uint64_t seq)
{
	(void)snprintf(name, SNAPSHOT_FILE_NAME_SIZE, "%020" PRIu64 ".snap", seq);
}

static enum err path_of(char path[FILE_PATH_SIZE], const char *dir, uint64_t seq)
{
	char name[SNAPSHOT_FILE_NAME_SIZE];
	snapshot_file_name(name, seq);
	return file_path_join(path, dir, name);
}

enum err snapshot_file_write(const struct file_ops *ops, const char *dir, struct snapshot_file *f,
	uint8_t *bytes, size_t len, const struct file_pace *pace)
{
	char path[FILE_PATH_SIZE];
	CHECK(len >= SNAPSHOT_FILE_HEAD_SIZE);
	TRY(path_of(path, dir, snapshot_file_seq(f)));
	snapshot_file_encode(
		bytes, f, slice_of(bytes + SNAPSHOT_FILE_HEAD_SIZE, len - SNAPSHOT_FILE_HEAD_SIZE));
	return file_write_atomic_paced(ops, path, slice_of(bytes, len), pace);
}

/* The sequence of a snapshot's name, or of one that was not finished; 0: neither. */
static uint64_t parse_name(const char *name, bool *finished)
{
	char same[SNAPSHOT_FILE_NAME_SIZE];
	const size_t len = strlen(name);
	uint64_t seq = 0;
	if (len != NAME_LEN && len != TEMPORARY_LEN)
		return 0;
	for (size_t i = 0; i < NAME_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		const uint64_t digit = (uint64_t)(name[i] - '0');
		if (seq > (UINT64_MAX - digit) / 10)
			return 0;
		seq = seq * 10 + digit;
	}
	snapshot_file_name(same, seq);
	*finished = len == NAME_LEN;
	return memcmp(name, same, NAME_LEN) == 0 &&
			(*finished || strcmp(name + NAME_LEN, ".tmp") == 0)
		? seq
		: 0;
}

struct names {
	uint32_t count, unfinished_count;
	uint64_t seq[SNAPSHOT_FILES_MAX]; /* highest first */
	uint64_t unfinished[SNAPSHOT_FILES_MAX];
};

static enum err take_name(void *ctx, const char *name)
{
	struct names *n = ctx;
	bool finished = false;
	const uint64_t seq = parse_name(name, &finished);
	if (seq == 0)
		return OK;
	if (!finished) {
		if (n->unfinished_count < SNAPSHOT_FILES_MAX)
			n->unfinished[n->unfinished_count++] = seq;
		return OK;
	}
	uint32_t at = n->count < SNAPSHOT_FILES_MAX ? n->count++ : SNAPSHOT_FILES_MAX;
	for (; at > 0 && n->seq[at - 1] < seq; at--)
		if (at < SNAPSHOT_FILES_MAX)
			n->seq[at] = n->seq[at - 1];
	if (at < SNAPSHOT_FILES_MAX)
		n->seq[at] = seq;
	return OK;
}

/* What its head says; a file that is as long as that, and where it belongs. */
static enum err read_head(struct snapshot_file *out, uint64_t *size, const struct file_ops *ops,
	const char *dir, uint64_t seq)
{
	uint8_t head[SNAPSHOT_FILE_HEAD_SIZE];
	char path[FILE_PATH_SIZE];
	int file = FILE_NONE;
	TRY(path_of(path, dir, seq));
	TRY(ops->open(ops->ctx, &file, path, 0));
	enum err err = ops->size(ops->ctx, size, file);
	if (err == OK)
		err = file_read_exact(ops, file, head, sizeof head, 0);
	ops->close(ops->ctx, file);
	if (err != OK)
		return err;
	TRY(snapshot_file_decode(out, slice_of(head, sizeof head)));
	if (snapshot_file_seq(out) != seq)
		return ERR_CHECKSUM;
	return OK;
}

enum err snapshot_file_list(struct snapshot_list *out, const struct file_ops *ops, const char *dir)
{
	struct names names = {.count = 0};
	*out = (struct snapshot_list){.count = 0};
	TRY(ops->list(ops->ctx, dir, take_name, &names));
	for (uint32_t i = 0; i < names.count; i++) {
		const uint64_t seq = names.seq[i];
		uint64_t size = 0;
		const enum err err = read_head(&out->file[i].f, &size, ops, dir, seq);
		out->file[i].seq = seq;
		out->file[i].bytes = size;
		out->file[i].err = err;
		if (err == OK && seq > out->claimed)
			out->claimed = seq;
	}
	out->count = names.count;
	return OK;
}

enum err snapshot_file_load(uint8_t **bytes, struct slice *state, const struct file_ops *ops,
	const char *dir, const struct snapshot_file *f)
{
	char path[FILE_PATH_SIZE];
	int file = FILE_NONE;
	uint64_t size = 0;
	const size_t len = SNAPSHOT_FILE_HEAD_SIZE + (size_t)f->state_len;
	TRY(path_of(path, dir, snapshot_file_seq(f)));
	TRY(ops->open(ops->ctx, &file, path, 0));
	enum err err = ops->size(ops->ctx, &size, file);
	if (err == OK && size != len)
		err = size < len ? ERR_SHORT : ERR_CHECKSUM;
	uint8_t *all = err == OK ? malloc(len) : NULL;
	if (err == OK && all == NULL)
		err = ERR_FULL;
	if (err == OK)
		err = file_read_exact(ops, file, all, len, 0);
	ops->close(ops->ctx, file);
	if (err == OK)
		err = snapshot_file_check(
			f, slice_of(all + SNAPSHOT_FILE_HEAD_SIZE, (size_t)f->state_len));
	if (err != OK) {
		free(all);
		return err;
	}
	*bytes = all;
	*state = slice_of(all + SNAPSHOT_FILE_HEAD_SIZE, (size_t)f->state_len);
	return OK;
}

static enum err remove_file(const struct file_ops *ops, const char *path, uint32_t *removed)
{
	const enum err err = ops->unlink(ops->ctx, path);
	*removed += err == OK;
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err snapshot_file_prune(
	uint32_t *removed, const struct file_ops *ops, const char *dir, uint32_t keep)
{
	struct names names = {.count = 0};
	char path[FILE_PATH_SIZE], temporary[FILE_PATH_SIZE + 8];
	uint32_t sound = 0;
	*removed = 0;
	TRY(ops->list(ops->ctx, dir, take_name, &names));
	for (uint32_t i = 0; i < names.unfinished_count; i++) {
		TRY(path_of(path, dir, names.unfinished[i]));
		(void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
		TRY(remove_file(ops, temporary, removed));
	}
	for (uint32_t i = 0; i < names.count; i++) {
		struct snapshot_file f;
		uint64_t size;
		const bool wanted = sound < keep;
		sound += read_head(&f, &size, ops, dir, names.seq[i]) == OK;
		if (wanted)
			continue;
		TRY(path_of(path, dir, names.seq[i]));
		TRY(remove_file(ops, path, removed));
	}
	return OK;
}
