/* store/snapshot_file: a state of whoever folds the journal, in a file beside the segments, with
 * the place in the journal from which the fold goes on. The state itself is opaque here.
 *
 * Invariants. A file gets its name when all of its bytes are on the platter, and its bytes never
 * change then: a crash leaves the whole of it or nothing. Its head says of what journal and what
 * place it is, and carries sums of itself and of the state, so that whatever is wrong with a file
 * is noticed before anything of it is used; the caller goes on with the one before it. A head that
 * is sound is a claim: the journal was durable as far as it says.
 *
 * docs/data-on-disk.md draws the bytes. Threads: any, on its own arguments; one writer of a folder.
 * Ownership: borrows everything; snapshot_file_load returns owned.
 */
#ifndef STORE_SNAPSHOT_FILE_H
#define STORE_SNAPSHOT_FILE_H
#include "store/journal.h"
#include "store/journal_format.h"

#define SNAPSHOT_FILE_HEAD_SIZE 4096u
#define SNAPSHOT_FILE_STATE_MAX (UINT64_C(1) << 36)
#define SNAPSHOT_FILES_MAX 64u /* of a folder that are looked at: the newest */
#define SNAPSHOT_FILE_NAME_SIZE 32u

struct snapshot_file {
	struct journal_start at;
	struct hash256 state_hash; /* as the one who folds knows it */
	uint64_t state_len;
	uint32_t state_crc;
	struct hash256 state_sum;
};

/* The last record that is in the state. */
static inline uint64_t snapshot_file_seq(const struct snapshot_file *f)
{
	return f->at.chain.next_seq - 1;
}

/* Sets length and sums of the state in *f, too. */
NONNULL_ALL void snapshot_file_encode(
	uint8_t out[SNAPSHOT_FILE_HEAD_SIZE], struct snapshot_file *f, struct slice state);
/* ERR_SHORT; ERR_FORMAT: not a snapshot, or of another version; ERR_CHECKSUM: damaged. */
MUST_USE NONNULL_ALL enum err snapshot_file_decode(struct snapshot_file *out, struct slice head);
/* Are these the bytes that were written? ERR_SHORT; ERR_CHECKSUM. */
MUST_USE NONNULL_ALL enum err snapshot_file_check(
	const struct snapshot_file *f, struct slice state);

/* "00000000000000001234.snap" */
NONNULL_ALL void snapshot_file_name(char name[SNAPSHOT_FILE_NAME_SIZE], uint64_t seq);

/* bytes: SNAPSHOT_FILE_HEAD_SIZE bytes of room, then the state; len: of all of it. The head is
 * filled in. pace: NULL: at once. Errors of sys/file, or of pace; then nothing of it is there, or
 * all of it. */
MUST_USE enum err snapshot_file_write(const struct file_ops *ops, const char *dir,
	struct snapshot_file *f, uint8_t *bytes, size_t len, const struct file_pace *pace);

struct snapshot_list {
	uint32_t count;
	struct {
		uint64_t seq;           /* as its name says */
		uint64_t bytes;         /* of the file */
		enum err err;           /* of its head: as of snapshot_file_decode; ERR_IO */
		struct snapshot_file f; /* where that is OK */
	} file[SNAPSHOT_FILES_MAX];     /* newest first */
	uint64_t claimed;               /* the highest sequence that a sound head names; 0: none */
};
/* Reads the heads. ERR_NOT_FOUND: no such folder; errors of sys/file. */
MUST_USE NONNULL_ALL enum err snapshot_file_list(
	struct snapshot_list *out, const struct file_ops *ops, const char *dir);
/* The state of a file that is listed as sound: *bytes as for snapshot_file_write, owned (free).
 * ERR_FULL: no memory; as snapshot_file_check; errors of sys/file. */
MUST_USE NONNULL_ALL enum err snapshot_file_load(uint8_t **bytes, struct slice *state,
	const struct file_ops *ops, const char *dir, const struct snapshot_file *f);
/* Take away all but the newest `keep` with a sound head, and what an attempt left behind. Sets
 * *removed. */
MUST_USE NONNULL_ALL enum err snapshot_file_prune(
	uint32_t *removed, const struct file_ops *ops, const char *dir, uint32_t keep);

#endif
