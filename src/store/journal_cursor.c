#include "store/journal_cursor.h"

#include <stdlib.h>

#include "store/journal_scan.h"

#define FIRST_READ 65536u /* most groups are shorter */

void journal_cursor_init(struct journal_cursor *c, const struct file_ops *ops, const char *dir)
{
	*c = (struct journal_cursor){.ops = ops, .dir = dir, .file = FILE_NONE};
}

void journal_cursor_fini(struct journal_cursor *c)
{
	if (c->file != FILE_NONE)
		c->ops->close(c->ops->ctx, c->file);
	free(c->bytes);
	free(c->leaf);
	journal_cursor_init(c, c->ops, c->dir);
}

/* Room for so much in *ptr, for direct reads; `had` bytes are kept. */
static enum err grow(void **ptr, size_t *cap, size_t want, size_t had)
{
	if (want <= *cap)
		return OK;
	const size_t whole = (want + FILE_DIRECT_ALIGN - 1) / FILE_DIRECT_ALIGN * FILE_DIRECT_ALIGN;
	void *grown = aligned_alloc(FILE_DIRECT_ALIGN, whole);
	if (grown == NULL)
		return ERR_FULL;
	if (had > 0)
		memcpy(grown, *ptr, had);
	free(*ptr);
	*ptr = grown;
	*cap = whole;
	return OK;
}

static enum err open_segment(const struct journal_cursor *c, int *file,
	struct journal_segment_header *header, uint32_t segment)
{
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	_Alignas(FILE_DIRECT_ALIGN) uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE];
	journal_segment_name(name, segment);
	TRY(file_path_join(path, c->dir, name));
	TRY(c->ops->open(c->ops->ctx, file, path, c->open_flags));
	enum err err = file_read_exact(c->ops, *file, sector, sizeof sector, 0);
	if (err == OK &&
		(journal_segment_decode(header, sector) != JOURNAL_FAULT_NONE ||
			header->segment != segment))
		err = ERR_CHECKSUM;
	if (err == OK && c->file != FILE_NONE && !id128_eq(&header->cluster, &c->segment.cluster))
		err = ERR_CHECKSUM;
	if (err != OK)
		c->ops->close(c->ops->ctx, *file);
	return err == ERR_SHORT ? ERR_CHECKSUM : err;
}

static void take_segment(
	struct journal_cursor *c, int file, const struct journal_segment_header *header)
{
	if (c->file != FILE_NONE)
		c->ops->close(c->ops->ctx, c->file);
	c->file = file;
	c->segment = *header;
	c->offset = JOURNAL_SEGMENT_HEADER_SIZE;
	c->next_seq = header->first_seq;
}

enum err journal_cursor_seek(struct journal_cursor *c, uint32_t segment, uint64_t offset)
{
	struct journal_segment_header header;
	int file;
	TRY(open_segment(c, &file, &header, segment));
	take_segment(c, file, &header);
	if (offset != 0) {
		c->offset = offset;
		c->next_seq = 0;
	}
	return OK;
}

/* The group at the offset into c->bytes; *len is what there is of it. */
static enum err read_group(struct journal_cursor *c, size_t *len)
{
	const struct file_ops *ops = c->ops;
	void *bytes = c->bytes;
	TRY(grow(&bytes, &c->bytes_cap, FIRST_READ, 0));
	c->bytes = bytes;
	const uint64_t left = c->segment.size - c->offset;
	const size_t first = left < FIRST_READ ? (size_t)left : FIRST_READ;
	TRY(ops->pread(ops->ctx, len, c->file, c->bytes, first, c->offset));
	if (*len < JOURNAL_SECTOR)
		return OK;
	const uint32_t body_size = load_le32(c->bytes + JOURNAL_GROUP_BODY_OFFSET);
	const size_t size = body_size <= JOURNAL_GROUP_SIZE_MAX ? journal_group_size(body_size) : 0;
	if (size <= *len || size > left)
		return OK;
	const size_t had = *len;
	TRY(grow(&bytes, &c->bytes_cap, size, had));
	c->bytes = bytes;
	TRY(ops->pread(ops->ctx, len, c->file, c->bytes + had, size - had, c->offset + had));
	*len += had;
	return OK;
}

/* OK, or ERR_NOT_FOUND: no group continues the last one here. */
static enum err next_here(struct journal_cursor *c)
{
	size_t len = 0;
	c->fault = JOURNAL_FAULT_END;
	if (c->offset >= c->segment.size)
		return ERR_NOT_FOUND;
	TRY(read_group(c, &len));
	struct journal_group_header h;
	void *leaf = c->leaf;
	if (len >= JOURNAL_GROUP_HEADER_SIZE)
		TRY(grow(&leaf, &c->leaf_cap, journal_group_leaves(c->bytes) * sizeof *c->leaf, 0));
	c->leaf = leaf;
	c->fault = journal_group_check_at(
		&h, c->leaf, slice_of(c->bytes, len), c->offset, &c->segment);
	if (c->fault == JOURNAL_FAULT_NONE && c->next_seq != 0 && h.first_seq != c->next_seq)
		c->fault = JOURNAL_FAULT_CHAIN;
	if (c->fault != JOURNAL_FAULT_NONE)
		return ERR_NOT_FOUND;
	c->group = h;
	c->body = slice_of(c->bytes + JOURNAL_GROUP_HEADER_SIZE, h.body_size);
	c->offset += journal_group_size(h.body_size);
	c->next_seq = h.first_seq + h.record_count;
	return OK;
}

enum err journal_cursor_next(struct journal_cursor *c)
{
	struct journal_segment_header header;
	int file;
	CHECK(c->file != FILE_NONE);
	enum err err = next_here(c);
	if (err != ERR_NOT_FOUND)
		return err;
	/* A segment has a successor only once all that is in it is durable. */
	err = open_segment(c, &file, &header, c->segment.segment + 1);
	if (err == ERR_NOT_FOUND)
		return c->fault == JOURNAL_FAULT_END ? ERR_NOT_FOUND : ERR_CHECKSUM;
	if (err != OK)
		return err;
	if (c->next_seq != 0 && header.first_seq != c->next_seq) {
		c->ops->close(c->ops->ctx, file);
		return ERR_CHECKSUM;
	}
	take_segment(c, file, &header);
	err = next_here(c);
	return err == ERR_NOT_FOUND && c->fault != JOURNAL_FAULT_END ? ERR_CHECKSUM : err;
}
