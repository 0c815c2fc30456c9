/* store/merkle_store: the nodes of the log's Merkle tree on disk, so that proofs for any size take
 * a few reads and no memory that grows. An index: the journal is the truth, and this is made from
 * it again when it is behind, or in doubt.
 *
 * Layout (docs/data-on-disk.md). A *tile* is one page: 64 nodes of one level and all complete
 * nodes above them, six levels, whose parents are in the next *floor*. A floor is a file of tiles
 * in order. Only whole tiles are written, each once, and their content follows from the log alone:
 * writing one again after a crash writes the same bytes, so that no cut can harm one. What is not a
 * whole tile yet lives in memory, and in the head, a small file that is replaced as a whole at a
 * checkpoint, after everything that it counts on is synced.
 *
 * Invariants. Nothing is counted by the head that is not on the disk. A node is never given out of
 * a page whose sum is wrong, or that belongs to another place or cluster: then the answer is
 * ERR_CHECKSUM, and the next opening starts from nothing.
 *
 * Threads: one at a time; but a checkpoint may run while one other thread reads (the reader, find,
 * size, doubtful): it touches nothing that those change.
 * Ownership: the folder's name and the operations are borrowed as long as the store.
 * Must not: decide what is durable. Its caller pushes leaves of durable records only.
 */
#ifndef STORE_MERKLE_STORE_H
#define STORE_MERKLE_STORE_H
#include "crypto/merkle_log.h"
#include "sys/file.h"

#define MERKLE_TILE_LEVELS 6u
#define MERKLE_TILE_LEAVES (1u << MERKLE_TILE_LEVELS)
#define MERKLE_TILE_NODES (2u * MERKLE_TILE_LEAVES - 2u)
#define MERKLE_TILE_HEADER_SIZE 64u
#define MERKLE_TILE_SIZE 4096u
#define MERKLE_FLOORS 8u
#define MERKLE_STORE_SIZE_MAX (UINT64_C(1) << (MERKLE_FLOORS * MERKLE_TILE_LEVELS))
#define MERKLE_HEAD_NAME "head"

_Static_assert(MERKLE_TILE_HEADER_SIZE + MERKLE_TILE_NODES * 32u == MERKLE_TILE_SIZE,
	"a tile is one page, without a gap");

/* Where a record's group lies in the journal. */
struct merkle_place {
	uint32_t segment;
	uint64_t offset;
};

struct merkle_store;

struct merkle_store_config {
	const char *dir;            /* made where it is not there; not locked: the journal's is */
	struct id128 cluster;       /* what belongs to another is not believed */
	const struct file_ops *ops; /* NULL: the system's */
};

/* What is on the disk and fits together, or nothing: a store that can't be believed begins again.
 * Returns owned. ERR_FULL: no memory; errors of sys/file. */
MUST_USE NONNULL_ALL enum err merkle_store_open(
	struct merkle_store **out, const struct merkle_store_config *config);
/* Forgets what was pushed since the last checkpoint. */
void merkle_store_close(struct merkle_store *s);

NONNULL_ALL uint64_t merkle_store_size(const struct merkle_store *s);  /* leaves */
NONNULL_ALL uint64_t merkle_store_saved(const struct merkle_store *s); /* at the last checkpoint */
/* Was a page found that can't be believed? */
NONNULL_ALL bool merkle_store_doubtful(const struct merkle_store *s);

/* The next leaf, and where its record is. After an error nothing more is taken: open it again.
 * ERR_FULL at MERKLE_STORE_SIZE_MAX; ERR_STATE after an error; errors of sys/file. */
MUST_USE NONNULL_ALL enum err merkle_store_push(
	struct merkle_store *s, const struct hash256 *leaf, const struct merkle_place *place);
/* Make everything that was pushed survive a crash. Where the store is doubtful, make sure that the
 * next opening begins again. Errors as of a push. */
MUST_USE NONNULL_ALL enum err merkle_store_checkpoint(struct merkle_store *s);
/* Begin again, with nothing: it does not belong to its journal. */
MUST_USE NONNULL_ALL enum err merkle_store_reset(struct merkle_store *s);

/* For the makers of proofs, for any size up to merkle_store_size; borrows the store. A proof of
 * either kind reads at most two pages on each floor. ERR_NOT_FOUND: not complete;
 * ERR_CHECKSUM; errors of sys/file. */
NONNULL_ALL struct merkle_reader merkle_store_reader(struct merkle_store *s);
/* Where to look for the record of a leaf: in a group at *place or one of the groups behind it, less
 * than MERKLE_TILE_LEAVES records on: *first is the leaf that is there. Same errors. */
MUST_USE NONNULL_ALL enum err merkle_store_find(
	struct merkle_store *s, struct merkle_place *place, uint64_t *first, uint64_t index);
/* Pages read since it was opened. */
NONNULL_ALL uint64_t merkle_store_reads(const struct merkle_store *s);

#endif
