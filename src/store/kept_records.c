#include "store/kept_records.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "crypto/hash.h"
#include "store/journal.h"

#define VERSION 1u
#define SUMMED_SIZE (KEPT_RECORDS_HEAD_SIZE - 4u)
#define RECORD_MAX (JOURNAL_RECORD_HEADER_SIZE + JOURNAL_PAYLOAD_MAX)
#define FIRST_CAP 4096u
#define NAME_SIZE 32u

static const uint8_t magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 'R', '\n'};

/* "0000000007.kept" */
static enum err path_of(char path[FILE_PATH_SIZE], const char *dir, uint32_t segment)
{
	char name[NAME_SIZE];
	(void)snprintf(name, sizeof name, "%010" PRIu32 ".kept", segment);
	return file_path_join(path, dir, name);
}

/* ---- writing ---- */

static enum err grow(uint8_t **bytes, size_t *cap, size_t want)
{
	size_t next = *cap < FIRST_CAP ? FIRST_CAP : *cap;
	if (want <= *cap)
		return OK;
	while (next < want)
		next *= 2;
	uint8_t *grown = realloc(*bytes, next);
	if (grown == NULL)
		return ERR_FULL;
	*bytes = grown;
	*cap = next;
	return OK;
}

/* Offsets count from the first record until the file is written. */
enum err kept_records_add(struct kept_records *k, uint64_t seq, struct slice record)
{
	TRY(grow(&k->record, &k->record_cap, k->record_len + record.len));
	TRY(grow(&k->entry, &k->entry_cap, k->entry_len + KEPT_RECORDS_ENTRY_SIZE));
	struct buf entry = buf_init(k->entry + k->entry_len, KEPT_RECORDS_ENTRY_SIZE);
	buf_le64(&entry, seq);
	buf_le64(&entry, k->record_len);
	buf_le32(&entry, (uint32_t)record.len);
	k->entry_len += entry.len;
	memcpy(k->record + k->record_len, record.ptr, record.len);
	k->record_len += record.len;
	return OK;
}

static void put_head(uint8_t *head, const struct kept_records *k, struct slice rest)
{
	struct buf out = buf_init(head, SUMMED_SIZE);
	struct hash256 sum;
	sha256(&sum, rest);
	memset(head, 0, KEPT_RECORDS_HEAD_SIZE);
	buf_put(&out, magic, sizeof magic);
	buf_le32(&out, VERSION);
	buf_put(&out, k->cluster.b, sizeof k->cluster.b);
	buf_le32(&out, k->segment);
	buf_le64(&out, k->first_seq);
	buf_le64(&out, k->last_seq);
	buf_le32(&out, (uint32_t)(k->entry_len / KEPT_RECORDS_ENTRY_SIZE));
	buf_le64(&out, KEPT_RECORDS_HEAD_SIZE + rest.len);
	buf_put(&out, sum.b, sizeof sum.b);
	CHECK(!out.overflow && out.len == SUMMED_SIZE);
	store_le32(head + SUMMED_SIZE, crc32c(0, head, SUMMED_SIZE));
}

enum err kept_records_write(
	uint64_t *bytes, const struct kept_records *k, const struct file_ops *ops, const char *dir)
{
	char path[FILE_PATH_SIZE];
	const size_t records_at = KEPT_RECORDS_HEAD_SIZE + k->entry_len;
	const size_t len = records_at + k->record_len;
	TRY(path_of(path, dir, k->segment));
	uint8_t *all = malloc(len);
	if (all == NULL)
		return ERR_FULL;
	for (size_t at = 0; at < k->entry_len; at += KEPT_RECORDS_ENTRY_SIZE) {
		uint8_t *entry = all + KEPT_RECORDS_HEAD_SIZE + at;
		memcpy(entry, k->entry + at, KEPT_RECORDS_ENTRY_SIZE);
		store_le64(entry + 8, load_le64(entry + 8) + records_at);
	}
	if (k->record_len > 0)
		memcpy(all + records_at, k->record, k->record_len);
	put_head(all, k, slice_of(all + KEPT_RECORDS_HEAD_SIZE, len - KEPT_RECORDS_HEAD_SIZE));
	const enum err err = file_write_atomic(ops, path, slice_of(all, len));
	free(all);
	*bytes = len;
	return err;
}

void kept_records_fini(struct kept_records *k)
{
	free(k->record);
	free(k->entry);
	*k = (struct kept_records){.segment = 0};
}

/* ---- reading ---- */

struct head {
	uint64_t first_seq, last_seq, size;
	uint32_t count;
};

static enum err read_head(struct head *out, const struct file_ops *ops, int file,
	const struct id128 *cluster, uint32_t segment)
{
	uint8_t bytes[KEPT_RECORDS_HEAD_SIZE];
	struct id128 of;
	uint64_t size;
	TRY(ops->size(ops->ctx, &size, file));
	const enum err err = file_read_exact(ops, file, bytes, sizeof bytes, 0);
	if (err != OK)
		return err == ERR_SHORT ? ERR_CHECKSUM : err;
	struct reader in = reader_init(slice_of(bytes, sizeof bytes));
	if (memcmp(reader_take(&in, sizeof magic), magic, sizeof magic) != 0 ||
		reader_le32(&in) != VERSION ||
		load_le32(bytes + SUMMED_SIZE) != crc32c(0, bytes, SUMMED_SIZE))
		return ERR_CHECKSUM;
	reader_copy(&in, of.b, sizeof of.b);
	const uint32_t number = reader_le32(&in);
	out->first_seq = reader_le64(&in);
	out->last_seq = reader_le64(&in);
	out->count = reader_le32(&in);
	out->size = reader_le64(&in);
	return id128_eq(&of, cluster) && number == segment && out->size == size &&
			out->count <= (size - sizeof bytes) / KEPT_RECORDS_ENTRY_SIZE
		? OK
		: ERR_CHECKSUM;
}

/* Entries are in the order of sequences. */
static enum err search(uint64_t *offset, uint32_t *len, const struct file_ops *ops, int file,
	const struct head *head, uint64_t seq)
{
	uint32_t low = 0, high = head->count;
	while (low < high) {
		const uint32_t at = low + (high - low) / 2;
		uint8_t entry[KEPT_RECORDS_ENTRY_SIZE];
		TRY(file_read_exact(ops, file, entry, sizeof entry,
			KEPT_RECORDS_HEAD_SIZE + (uint64_t)at * KEPT_RECORDS_ENTRY_SIZE));
		const uint64_t found = load_le64(entry);
		*offset = load_le64(entry + 8);
		*len = load_le32(entry + 16);
		if (found == seq)
			return *len <= RECORD_MAX && *offset <= head->size &&
					*len <= head->size - *offset
				? OK
				: ERR_CHECKSUM;
		if (found < seq)
			low = at + 1;
		else
			high = at;
	}
	return ERR_NOT_FOUND;
}

static enum err find(struct slice *record, uint8_t **bytes, size_t *cap, const struct file_ops *ops,
	int file, const struct head *head, uint64_t seq)
{
	struct journal_record_view view;
	uint64_t offset;
	uint32_t len;
	if (seq > head->last_seq)
		return ERR_RANGE;
	if (seq < head->first_seq)
		return ERR_NOT_FOUND;
	TRY(search(&offset, &len, ops, file, head, seq));
	TRY(grow(bytes, cap, (size_t)len + 1));
	TRY(file_read_exact(ops, file, *bytes, len, offset));
	struct slice body = slice_of(*bytes, len);
	if (!journal_record_next(&view, &body) || view.seq != seq || body.len != 0)
		return ERR_CHECKSUM;
	*record = slice_of(*bytes, len);
	return OK;
}

enum err kept_records_find(struct slice *record, uint8_t **bytes, size_t *cap,
	const struct file_ops *ops, const char *dir, const struct id128 *cluster, uint32_t segment,
	uint64_t seq)
{
	char path[FILE_PATH_SIZE];
	struct head head;
	int file;
	TRY(path_of(path, dir, segment));
	TRY(ops->open(ops->ctx, &file, path, 0));
	enum err err = read_head(&head, ops, file, cluster, segment);
	if (err == OK)
		err = find(record, bytes, cap, ops, file, &head, seq);
	ops->close(ops->ctx, file);
	return err == ERR_SHORT ? ERR_CHECKSUM : err;
}
