/* store/log_index: the log's Merkle tree beside the journal, and what may be asked of it: roots,
 * proofs, and records with their proofs.
 *
 * It follows the journal through its files, up to what is durable, on a thread of its own: nobody
 * waits for it, and what it says is about durable records only. Its nodes are a merkle_store in
 * the folder DIR/tree. When it opens, and its tree is ahead of the journal, is not the tree of its
 * records, or can't be read, it begins again with the first record. Once that was freed
 * (store/journal_collect.h) it can't: then it stands still, and changes nothing.
 *
 * Threads: the index's own; everything here is called on one other thread, but for
 * log_index_covers. Where it is synchronous
 * there is none, and log_index_turn does the work. What it cannot do for good (its disk fails) it
 * says once, by log_index_trouble, and then answers ERR_UNAVAILABLE; the journal does not need it.
 * Ownership: the journal is borrowed, and outlives it.
 */
#ifndef STORE_LOG_INDEX_H
#define STORE_LOG_INDEX_H
#include "store/journal.h"
#include "store/merkle_store.h"

#define LOG_CHECKPOINT_RECORDS 65536u /* between checkpoints while there is work */
#define LOG_CHECKPOINT_IDLE_MS 1000u  /* and after so long without */
#define LOG_TREE_NAME "tree"

struct log_index;

struct log_index_config {
	const struct journal *journal;
	const char *journal_dir;
	const char *dir;            /* made where it is not there */
	const struct file_ops *ops; /* NULL: the system's */
	bool synchronous;
};

/* Returns owned. ERR_FULL: no memory, no thread; errors of sys/file. */
MUST_USE NONNULL_ALL enum err log_index_open(
	struct log_index **out, const struct log_index_config *config);
/* With a checkpoint. */
void log_index_close(struct log_index *x);
/* There may be more that is durable. */
NONNULL_ALL void log_index_turn(struct log_index *x);
/* Why it stands still; NULL: it does not, or it was said already. Borrowed until it is closed. */
NONNULL_ALL const char *log_index_trouble(struct log_index *x);

/* Save what there is, where it is synchronous; otherwise its thread does so by itself. */
MUST_USE NONNULL_ALL enum err log_index_save(struct log_index *x);
/* Are these the leaves of those records, and survive a crash? Before a segment is freed. Any
 * thread. ERR_RANGE: not saved yet; ERR_CHECKSUM: they are others; ERR_UNAVAILABLE: in trouble. */
MUST_USE NONNULL_ALL enum err log_index_covers(
	struct log_index *x, uint64_t first_seq, const struct hash256 *leaf, uint32_t count);

/* How many records the tree has by now. */
NONNULL_ALL uint64_t log_index_size(struct log_index *x);

struct log_root {
	uint64_t size;
	struct hash256 root;
};
/* The answers below: ERR_RANGE: not so many records (yet); ERR_UNAVAILABLE: in trouble, or a page
 * can't be believed; ERR_NOT_FOUND: the journal's segment is gone. */

/* size 0: as it is now, which may be an empty log. */
MUST_USE NONNULL_ALL enum err log_index_root(
	struct log_index *x, struct log_root *out, uint64_t size);
struct log_consistency {
	struct log_root from, to;
	struct merkle_proof proof;
};
/* to 0: as it is now. */
MUST_USE NONNULL_ALL enum err log_index_consistency(
	struct log_index *x, struct log_consistency *out, uint64_t from, uint64_t to);
struct log_inclusion {
	struct log_root in;
	struct merkle_proof proof;
	struct slice
		record; /* header and payload, as in the journal; borrowed until the next call */
};
/* The record of a sequence, proved in the tree as it is now. */
MUST_USE NONNULL_ALL enum err log_index_record(
	struct log_index *x, struct log_inclusion *out, uint64_t seq);

#endif
