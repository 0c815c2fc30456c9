/* sys/uring: one io_uring: made with what the kernel has of it, or refused with a reason.
 *
 * Purpose: what the ring's users in sys share: loop_uring.c and those that stand beside it.
 * Invariants: submissions go to the kernel together, by uring_enter or when the queue is full;
 * what cannot be submitted now stays with its user, who tries again at the next step.
 * Threads: a ring belongs to the thread that calls uring_bind; it may be opened on another. The
 * kernel holds us to that (IORING_SETUP_SINGLE_ISSUER), which makes it cheaper.
 * Ownership: memory that an operation names is the kernel's until its completion was reaped.
 * It must not: be used outside sys; no other file includes <liburing.h>.
 */
#ifndef SYS_URING_H
#define SYS_URING_H
#include <liburing.h>

#include "base/base.h"

/* What operations may count on, by the kernel's version: each includes the ones before. */
enum uring_level {
	URING_BASIC,  /* 5.17: poll, linked writes, skipped completions, waits with a timeout */
	URING_STREAM, /* 6.0: multishot accept and receive, buffer rings, registered rings */
};

struct uring_config {
	uint32_t sq_entries, cq_entries;
	uint32_t file_max;   /* of the table of descriptors; 0: none */
	uint32_t sq_idle_ms; /* not 0: a thread of the kernel submits (SQPOLL), and sleeps after
				this */
};

struct uring {
	struct io_uring ring;
	enum uring_level level;
	bool opened, bound;
	bool sq_poll;
	uint32_t *file_free; /* owned; places in the table that nobody has */
	uint32_t file_free_count;
	unsigned enter_flags; /* how enter_ring_fd is meant */
};

/* ERR_UNAVAILABLE: there is none, or it may not be used; reason says why. ERR_FULL: no memory, no
 * descriptors. */
MUST_USE NONNULL_ALL enum err uring_open(
	struct uring *u, const struct uring_config *config, char *reason, size_t reason_size);
/* Everything in flight must have completed, or name no memory. Does nothing if not opened. */
NONNULL_ALL void uring_close(struct uring *u);
/* This thread submits from now on. Does nothing the second time. ERR_IO. */
MUST_USE NONNULL_ALL enum err uring_bind(struct uring *u);

/* Zeroed, to be filled at once. NULL: the queue is full and the kernel takes none at present. */
MUST_USE NONNULL_ALL struct io_uring_sqe *uring_sqe(struct uring *u);
/* A place for a descriptor in the ring's own table, where operations find it without a look-up in
 * the process's; -1: there is no table, or no place in it. The table holds what fd names until
 * uring_file_remove. */
MUST_USE NONNULL_ALL int uring_file_add(struct uring *u, int fd);
NONNULL_ALL void uring_file_remove(struct uring *u, int file);
/* What was queued has been begun, also where the kernel's thread does that. */
NONNULL_ALL void uring_flush(struct uring *u);
/* Submit what is queued; then wait until `wait_count` completions are there, at most wait_ns
 * (UINT64_MAX: without end; 0: don't wait, but let completions that are due come in). A signal ends
 * the wait. What was not submitted stays queued. */
NONNULL_ALL void uring_enter(struct uring *u, uint32_t wait_count, uint64_t wait_ns);

/* How many completions can be reaped. */
static inline uint32_t uring_ready(const struct uring *u)
{
	return io_uring_cq_ready(&u->ring);
}

/* The next one, taken out of the ring. Only after uring_ready said that there is one. */
static inline void uring_reap(struct uring *u, struct io_uring_cqe *out)
{
	const unsigned head = *u->ring.cq.khead;
	*out = u->ring.cq.cqes[head & u->ring.cq.ring_mask];
	io_uring_cq_advance(&u->ring, 1);
}

#endif
