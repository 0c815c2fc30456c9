/* ledger/blob: bounded store of byte strings in fixed chunks, allocated once. */
#ifndef LEDGER_BLOB_H
#define LEDGER_BLOB_H
#include "base/buf.h"

struct blobs;

#define BLOB_NONE UINT32_MAX

MUST_USE NONNULL_ALL enum err blobs_create(struct blobs **out, uint32_t chunk_count);
void blobs_destroy(struct blobs *b);
/* ERR_FULL: no room; nothing is kept. */
MUST_USE NONNULL_ALL enum err blob_put(struct blobs *b, uint32_t *blob, struct slice bytes);
/* False for BLOB_NONE or where out has no room. */
MUST_USE NONNULL_ALL bool blob_get(const struct blobs *b, uint32_t blob, struct buf *out);
NONNULL_ALL void blob_free(struct blobs *b, uint32_t *blob); /* sets it to BLOB_NONE */

#endif
