/* sys/file_ring: writes and syncs of files that go on while their thread does something else.
 *
 * Purpose: a thread that commits (the journal's) queues writes, durable ones as one operation each
 * (RWF_DSYNC: a sync linked behind a write is handed to a thread of the kernel's, which costs a
 * quarter more), submits them with one system call and hears of them together. One io_uring for
 * each thread, submitted and reaped by it.
 * Invariants: an operation is answered once; OK with sync means that all of it is durable. A write
 * that fell short goes on where it stopped; a sync that failed is answered ERR_IO and never
 * repeated. Operations that are under way at the same time have no order among each other.
 * Where io_uring is refused, or the files are not the system's, the same calls are made one after
 * the other in file_ring_step.
 * Threads: the one that makes its first step; file_ring_wake from any. Ownership: bytes are
 * borrowed until the answer.
 */
#ifndef SYS_FILE_RING_H
#define SYS_FILE_RING_H
#include "sys/file.h"

#define FILE_RING_DEPTH_MAX 256u

struct file_ring;

struct file_ring_config {
	const struct file_ops *ops; /* NULL: the system's */
	uint32_t depth;             /* operations at once; default 32 when 0 */
	bool plain;                 /* without io_uring */
};

/* ERR_FULL no space; ERR_IO everything else: what became of the bytes is not known. */
typedef void (*file_ring_cb)(void *ctx, uint64_t id, enum err err);

/* Returns owned. ERR_FULL. */
MUST_USE NONNULL_ALL enum err file_ring_create(
	struct file_ring **out, const struct file_ring_config *config, file_ring_cb cb, void *ctx);
/* Waits for what is under way; those are not answered any more. NULL does nothing. */
void file_ring_destroy(struct file_ring *r);
NONNULL_ALL bool file_ring_is_native(const struct file_ring *r);

/* Queued for the next step. len may be 0 with sync: a sync alone. ERR_FULL: as many as depth are
 * under way. */
MUST_USE enum err file_ring_write(struct file_ring *r, uint64_t id, int file, const void *bytes,
	size_t len, uint64_t offset, bool sync);
/* Submits what is queued and answers what is done; with wait, at least one where there is any.
 * Returns how many were answered. The callback may queue more. */
NONNULL_ALL uint32_t file_ring_step(struct file_ring *r, bool wait);
/* Ends the wait of a step that goes on, or of the next one, which may then return 0. Where the ring
 * is not native no step waits, and this does nothing. Cheap when repeated. Any thread. */
NONNULL_ALL void file_ring_wake(struct file_ring *r);
/* Operations queued or under way. */
NONNULL_ALL uint32_t file_ring_busy(const struct file_ring *r);

#endif
