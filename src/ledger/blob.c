#include "ledger/blob.h"

#include <stdlib.h>

#define CHUNK_BYTES 248u

struct chunk {
	uint32_t next; /* BLOB_NONE: last */
	uint32_t len;
	uint8_t bytes[CHUNK_BYTES];
};

struct blobs {
	uint32_t chunk_count;
	uint32_t used; /* chunks that were ever used; beyond them memory is untouched */
	uint32_t free; /* list of returned chunks */
	uint32_t free_count;
	struct chunk chunk[];
};

enum err blobs_create(struct blobs **out, uint32_t chunk_count)
{
	struct blobs *b = calloc(1, sizeof *b + (size_t)chunk_count * sizeof b->chunk[0]);
	if (b == NULL)
		return ERR_FULL;
	b->chunk_count = chunk_count;
	b->free = BLOB_NONE;
	*out = b;
	return OK;
}

void blobs_destroy(struct blobs *b)
{
	free(b);
}

static uint32_t take(struct blobs *b)
{
	if (b->free != BLOB_NONE) {
		const uint32_t i = b->free;
		b->free = b->chunk[i].next;
		b->free_count--;
		return i;
	}
	CHECK(b->used < b->chunk_count);
	return b->used++;
}

enum err blob_put(struct blobs *b, uint32_t *blob, struct slice bytes)
{
	const size_t need = bytes.len == 0 ? 1 : (bytes.len + CHUNK_BYTES - 1) / CHUNK_BYTES;
	if (need > (size_t)b->free_count + (b->chunk_count - b->used))
		return ERR_FULL;

	uint32_t *link = blob;
	for (size_t at = 0, i = 0; i < need; i++) {
		const uint32_t c = take(b);
		const size_t len = bytes.len - at < CHUNK_BYTES ? bytes.len - at : CHUNK_BYTES;
		b->chunk[c].len = (uint32_t)len;
		if (len > 0)
			memcpy(b->chunk[c].bytes, bytes.ptr + at, len);
		at += len;
		*link = c;
		link = &b->chunk[c].next;
	}
	*link = BLOB_NONE;
	return OK;
}

bool blob_get(const struct blobs *b, uint32_t blob, struct buf *out)
{
	if (blob == BLOB_NONE)
		return false;
	for (uint32_t c = blob; c != BLOB_NONE; c = b->chunk[c].next) {
		CHECK(c < b->used);
		buf_put(out, b->chunk[c].bytes, b->chunk[c].len);
	}
	return !out->overflow;
}

void blob_free(struct blobs *b, uint32_t *blob)
{
	while (*blob != BLOB_NONE) {
		const uint32_t c = *blob;
		*blob = b->chunk[c].next;
		bytes_wipe(b->chunk[c].bytes, b->chunk[c].len);
		b->chunk[c].next = b->free;
		b->free = c;
		b->free_count++;
	}
}
