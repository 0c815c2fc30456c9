#include "sys/file_ring.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/loop.h"
#include "sys/uring.h"

#define DEPTH_DEFAULT 32u
#define NONE UINT32_MAX
#define IDLE_MAX 8u /* calls in a row that wrote nothing before we call it a failure */

enum { PART_WRITE, PART_SYNC, PARTS };

struct op {
	uint64_t id, offset;
	const uint8_t *bytes;
	size_t len, done;
	int file;
	uint32_t next;     /* free, queued */
	uint32_t parts;    /* that the kernel has */
	uint32_t idle;     /* writes in a row without progress */
	int failed;        /* errno of the write or the sync; 0: none */
	bool sync, synced; /* wanted; done */
};

struct file_ring {
	const struct file_ops *ops;
	file_ring_cb cb;
	void *ctx;
	struct uring uring; /* opened: native */
	uint32_t depth, busy;
	uint32_t free, queued, queued_end;
	struct op op[FILE_RING_DEPTH_MAX];
};

/* ---- the queue ---- */

static void queue(struct file_ring *r, uint32_t index)
{
	r->op[index].next = NONE;
	if (r->queued == NONE)
		r->queued = index;
	else
		r->op[r->queued_end].next = index;
	r->queued_end = index;
}

enum err file_ring_write(struct file_ring *r, uint64_t id, int file, const void *bytes, size_t len,
	uint64_t offset, bool sync)
{
	CHECK(len > 0 || sync);
	if (r->free == NONE)
		return ERR_FULL;
	const uint32_t index = r->free;
	r->free = r->op[index].next;
	r->op[index] = (struct op){
		.id = id, .file = file, .bytes = bytes, .len = len, .offset = offset, .sync = sync};
	r->busy++;
	queue(r, index);
	return OK;
}

static void answer(struct file_ring *r, uint32_t index, enum err err)
{
	const uint64_t id = r->op[index].id;
	r->op[index].next = r->free;
	r->free = index;
	r->busy--;
	if (r->cb != NULL)
		r->cb(r->ctx, id, err);
}

/* ---- on a ring ---- */

static bool submit(struct file_ring *r, uint32_t index)
{
	struct op *op = &r->op[index];
	struct io_uring *ring = &r->uring.ring;
	const bool write = op->done < op->len;
	/* a chain has to be submitted in one piece */
	if (io_uring_sq_space_left(ring) < PARTS)
		uring_enter(&r->uring, 0, 0);
	if (io_uring_sq_space_left(ring) < PARTS)
		return false;
	if (write) {
		struct io_uring_sqe *sqe = uring_sqe(&r->uring);
		const size_t left = op->len - op->done;
		io_uring_prep_write(sqe, op->file, op->bytes + op->done,
			left > INT32_MAX ? INT32_MAX : (unsigned)left, op->offset + op->done);
		/* what falls short breaks the chain: the sync is called off */
		sqe->flags |= op->sync ? IOSQE_IO_LINK : 0;
		sqe->user_data = (uint64_t)index * PARTS + PART_WRITE;
		op->parts++;
	}
	if (op->sync) {
		struct io_uring_sqe *sqe = uring_sqe(&r->uring);
		io_uring_prep_fsync(sqe, op->file, IORING_FSYNC_DATASYNC);
		sqe->user_data = (uint64_t)index * PARTS + PART_SYNC;
		op->parts++;
	}
	return true;
}

static enum err err_of(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : ERR_IO;
}

static void wrote(struct op *op, int result)
{
	if (result == -EINTR || result == -EAGAIN || result == 0) {
		if (++op->idle == IDLE_MAX)
			op->failed = EIO;
	} else if (result < 0) {
		op->failed = -result;
	} else {
		op->idle = 0;
		op->done += (size_t)result;
	}
}

static uint32_t complete(struct file_ring *r, const struct io_uring_cqe *cqe)
{
	const uint32_t index = (uint32_t)(cqe->user_data / PARTS);
	struct op *op = &r->op[index];
	op->parts--;
	if (cqe->user_data % PARTS == PART_WRITE)
		wrote(op, cqe->res);
	else if (cqe->res >= 0)
		op->synced = true;
	else if (cqe->res != -ECANCELED)
		op->failed = -cqe->res;
	if (op->parts > 0)
		return 0;
	if (op->failed != 0)
		answer(r, index, err_of(op->failed));
	else if (op->done == op->len && (op->synced || !op->sync))
		answer(r, index, OK);
	else {
		queue(r, index);
		return 0;
	}
	return 1;
}

static uint32_t step_native(struct file_ring *r, bool wait)
{
	uint32_t answered = 0;
	CHECK(uring_bind(&r->uring) == OK);
	do {
		while (r->queued != NONE && submit(r, r->queued))
			r->queued = r->op[r->queued].next;
		uring_enter(&r->uring, 1, wait && r->busy > 0 ? UINT64_MAX : 0);
		for (uint32_t left = uring_ready(&r->uring); left > 0; left--) {
			struct io_uring_cqe cqe;
			uring_reap(&r->uring, &cqe);
			answered += complete(r, &cqe);
		}
	} while (wait && answered == 0 && r->busy > 0);
	return answered;
}

/* ---- one after the other ---- */

static enum err run_plain(struct file_ring *r, const struct op *op)
{
	if (op->len > 0)
		TRY(file_write_all(r->ops, op->file, op->bytes, op->len, op->offset));
	return op->sync ? r->ops->fdatasync(r->ops->ctx, op->file) : OK;
}

/* Those that callbacks queue meanwhile are the next step's. */
static uint32_t step_plain(struct file_ring *r)
{
	uint32_t answered = 0;
	for (uint32_t left = r->busy; left > 0; left--) {
		const uint32_t index = r->queued;
		const enum err err = run_plain(r, &r->op[index]);
		r->queued = r->op[index].next;
		answer(r, index, err == OK || err == ERR_FULL ? err : ERR_IO);
		answered++;
	}
	return answered;
}

uint32_t file_ring_step(struct file_ring *r, bool wait)
{
	return r->uring.opened ? step_native(r, wait) : step_plain(r);
}

/* ---- life ---- */

enum err file_ring_create(
	struct file_ring **out, const struct file_ring_config *config, file_ring_cb cb, void *ctx)
{
	struct file_ring *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ERR_FULL;
	r->ops = config->ops == NULL ? file_system() : config->ops;
	r->cb = cb;
	r->ctx = ctx;
	r->depth = config->depth == 0 ? DEPTH_DEFAULT : config->depth;
	CHECK(r->depth <= FILE_RING_DEPTH_MAX);
	r->free = r->queued = r->queued_end = NONE;
	for (uint32_t i = r->depth; i > 0; i--) {
		r->op[i - 1].next = r->free;
		r->free = i - 1;
	}
	if (!config->plain && r->ops == file_system()) {
		const struct uring_config ring = {
			.sq_entries = r->depth * PARTS, .cq_entries = r->depth * PARTS * 2};
		char reason[LOOP_REASON_SIZE];
		/* whatever stands in its way, plain calls do without it */
		(void)!uring_open(&r->uring, &ring, reason, sizeof reason);
	}
	*out = r;
	return OK;
}

void file_ring_destroy(struct file_ring *r)
{
	if (r == NULL)
		return;
	r->cb = NULL;
	while (r->busy > 0)
		(void)file_ring_step(r, true);
	uring_close(&r->uring);
	free(r);
}

bool file_ring_is_native(const struct file_ring *r)
{
	return r->uring.opened;
}

uint32_t file_ring_busy(const struct file_ring *r)
{
	return r->busy;
}
