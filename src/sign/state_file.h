/* sign/state_file: the signer's memory on disk: append-only, synced before an answer leaves.
 *
 * File: a header (magic, version, the wallet's public key, CRC-32C), then records: magic, length,
 * sequence, the sequence known durable when it was written, CRC-32C, payload. Recovery cuts at the
 * first invalid record, unless a later valid one says that what is cut was durable: then the file
 * was damaged by something else than a power cut, and the signer refuses to start.
 * Sessions that have been silent for the retention time are left out when the file is rewritten, at
 * start or when a bound is reached; their nonces stay taken (a floor), and so do all deployments.
 * A failed write or sync is final: the process must stop.
 * Threads: one.
 */
#ifndef SIGN_STATE_FILE_H
#define SIGN_STATE_FILE_H
#include "sign/state.h"
#include "sys/file.h"

#define STATE_FILE_NAME "state"
#define STATE_FILE_MAX (UINT64_C(1) << 30)
/* Below this many records a file is not rewritten. */
#define STATE_FILE_COMPACT_MIN 4096u

struct state_file;

struct state_file_config {
	const char *dir;
	const struct file_ops *ops; /* NULL: the system's */
	struct pubkey wallet;       /* a file of another wallet is refused */
	uint64_t now_ms;
	uint64_t retention_ms;
	uint64_t seed;        /* of the state's hash maps */
	uint32_t compact_min; /* 0: STATE_FILE_COMPACT_MIN */
	struct sign_bounds bounds;
};

struct state_file_error {
	char text[200];
};

/* Lock the folder, recover, replay. Both returned owned. ERR_EXISTS another signer has it;
 * ERR_NETWORK another wallet's; ERR_CHECKSUM damaged; ERR_FORMAT a newer version; ERR_FULL too
 * large; ERR_IO. */
MUST_USE NONNULL_ALL enum err state_file_open(struct state_file **out, struct sign_state **state,
	struct state_file_error *error, const struct state_file_config *config);
void state_file_close(struct state_file *f);

/* Stage a record for the next commit. ERR_FULL: commit first, or the file is at its bound. */
MUST_USE NONNULL_ALL enum err state_file_append(struct state_file *f, const struct sign_record *r);
/* Write and sync what is staged. first_request..last_request number the requests that wait for it:
 * kill points. ERR_IO: stop. */
MUST_USE NONNULL_ALL enum err state_file_commit(
	struct state_file *f, uint64_t first_request, uint64_t last_request);
NONNULL_ALL uint64_t state_file_records(const struct state_file *f);
/* A bound is reached: forget what has been silent for the retention time, as at start. Everything
 * staged is committed. *state is replaced by another, with what is left, and destroyed. Takes as
 * long as a start. ERR_FULL: there is nothing to forget, or no room to rewrite; nothing changed.
 * ERR_IO: stop. */
MUST_USE NONNULL_ALL enum err state_file_forget(
	struct state_file *f, struct sign_state **state, uint64_t now_ms);

#endif
