#include "sys/file_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/loop.h"
#include "sys/uring.h"

#define DEPTH_DEFAULT 32u
#define NONE UINT32_MAX
#define IDLE_MAX 8u /* calls in a row that wrote nothing before we call it a failure */

#define WAKE_DATA UINT64_MAX

struct op {
	uint64_t id, offset;
	const uint8_t *bytes;
	size_t len, done;
	int file;
	uint32_t next; /* free, queued */
	uint32_t idle; /* writes in a row without progress */
	bool sync;
};

struct file_ring {
	const struct file_ops *ops;
	file_ring_cb cb;
	void *ctx;
	struct uring uring; /* opened: native */
	uint32_t depth, busy;
	uint32_t free, queued, queued_end;
	int wake_fd;
	bool wake_armed;
	uint64_t wake_count;    /* the kernel writes it */
	_Atomic uint32_t woken; /* the descriptor was written since it was last read */
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
	const struct op *op = &r->op[index];
	struct io_uring_sqe *sqe = uring_sqe(&r->uring);
	if (sqe == NULL)
		return false;
	if (op->len > 0) {
		const size_t left = op->len - op->done;
		io_uring_prep_write(sqe, op->file, op->bytes + op->done,
			left > INT32_MAX ? INT32_MAX : (unsigned)left, op->offset + op->done);
		sqe->rw_flags = op->sync ? RWF_DSYNC : 0;
	} else {
		io_uring_prep_fsync(sqe, op->file, IORING_FSYNC_DATASYNC);
	}
	sqe->user_data = index;
	return true;
}

static enum err err_of(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : ERR_IO;
}

static enum err run_plain(struct file_ring *r, const struct op *op)
{
	enum err err;
	if (op->len == 0)
		err = r->ops->fdatasync(r->ops->ctx, op->file);
	else
		err = (op->sync ? file_write_durable : file_write_all)(
			r->ops, op->file, op->bytes, op->len, op->offset);
	return err == OK || err == ERR_FULL ? err : ERR_IO;
}

/* Returns how many it answered. */
static uint32_t complete(struct file_ring *r, const struct io_uring_cqe *cqe)
{
	const uint32_t index = (uint32_t)cqe->user_data;
	struct op *op = &r->op[index];
	const bool again = cqe->res == -EINTR || cqe->res == -EAGAIN;
	enum err err = OK;
	if (op->len == 0) {
		err = cqe->res < 0 ? ERR_IO
				   : OK; /* whatever became of a sync, it is not repeated */
	} else if (cqe->res == -EOPNOTSUPP && op->sync) { /* a device that has no such writes */
		op->done = op->len;
		err = run_plain(r, op);
	} else if (again || cqe->res == 0) {
		err = ++op->idle == IDLE_MAX ? ERR_IO : OK;
	} else if (cqe->res < 0) {
		err = err_of(-cqe->res);
	} else {
		op->idle = 0;
		op->done += (size_t)cqe->res;
	}
	if (err == OK && op->done < op->len) {
		queue(r, index);
		return 0;
	}
	answer(r, index, err);
	return 1;
}

static void arm_wake(struct file_ring *r)
{
	struct io_uring_sqe *sqe = r->wake_armed ? NULL : uring_sqe(&r->uring);
	if (sqe == NULL)
		return;
	io_uring_prep_read(sqe, r->wake_fd, &r->wake_count, sizeof r->wake_count, 0);
	sqe->user_data = WAKE_DATA;
	r->wake_armed = true;
}

static uint32_t step_native(struct file_ring *r, bool wait)
{
	uint32_t answered = 0;
	bool woken = false;
	CHECK(uring_bind(&r->uring) == OK);
	do {
		arm_wake(r);
		while (r->queued != NONE && submit(r, r->queued))
			r->queued = r->op[r->queued].next;
		uring_enter(&r->uring, 1, wait && r->busy > 0 ? UINT64_MAX : 0);
		for (uint32_t left = uring_ready(&r->uring); left > 0; left--) {
			struct io_uring_cqe cqe;
			uring_reap(&r->uring, &cqe);
			if (cqe.user_data != WAKE_DATA) {
				answered += complete(r, &cqe);
				continue;
			}
			r->wake_armed = false;
			woken = true;
			/* [WOKEN] acquire: pairs with the release in file_ring_wake: what was done
			 * before the wake is seen after this step */
			(void)atomic_exchange_explicit(&r->woken, 0, memory_order_acquire);
		}
	} while (wait && answered == 0 && !woken && r->busy > 0);
	return answered;
}

void file_ring_wake(struct file_ring *r)
{
	static const uint64_t one = 1;
	if (r->wake_fd < 0)
		return;
	/* [WOKEN] release: pairs with the acquire in step_native */
	if (atomic_exchange_explicit(&r->woken, 1, memory_order_release) == 0)
		CHECK(write(r->wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

/* ---- one after the other ---- */

/* Those that callbacks queue meanwhile are the next step's. */
static uint32_t step_plain(struct file_ring *r)
{
	uint32_t answered = 0;
	for (uint32_t left = r->busy; left > 0; left--) {
		const uint32_t index = r->queued;
		const enum err err = run_plain(r, &r->op[index]);
		r->queued = r->op[index].next;
		answer(r, index, err);
		answered++;
	}
	return answered;
}

uint32_t file_ring_step(struct file_ring *r, bool wait)
{
	return r->uring.opened ? step_native(r, wait) : step_plain(r);
}

/* ---- life ---- */

/* Whatever stands in its way, plain calls do without it. */
static void open_native(struct file_ring *r)
{
	const struct uring_config ring = {
		.sq_entries = r->depth + 1, .cq_entries = (r->depth + 1) * 2};
	char reason[LOOP_REASON_SIZE];
	r->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (r->wake_fd >= 0 && uring_open(&r->uring, &ring, reason, sizeof reason) == OK)
		return;
	if (r->wake_fd >= 0)
		(void)close(r->wake_fd);
	r->wake_fd = -1;
}

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
	r->wake_fd = -1;
	if (!config->plain && r->ops == file_system())
		open_native(r);
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
	if (r->wake_fd >= 0)
		(void)close(r->wake_fd);
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
