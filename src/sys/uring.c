#include "sys/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define FEATURES                                                                                   \
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP)
#define PROBE_ENTRIES 4u

/* ---- opening ---- */

/* The switch of the whole machine: 0 for all, 1 for a group, 2 for nobody. */
static int read_sysctl(void)
{
	char text = '0';
	const int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	const ssize_t n = read(fd, &text, 1);
	(void)close(fd);
	return n == 1 ? text - '0' : 0;
}

static enum err refuse(char *reason, size_t size, int error)
{
	const char *why = "the kernel refused it";
	switch (error) {
	case ENOSYS: why = "this kernel has none, or a filter of system calls hides it"; break;
	case EPERM:
	case EACCES:
		why = read_sysctl() > 0 ? "the sysctl kernel.io_uring_disabled forbids it"
					: "a filter of system calls (seccomp) forbids it";
		break;
	case EOPNOTSUPP: why = "this kernel's is too old: Linux 5.17 has what is needed"; break;
	case ENOMEM: why = "no memory, or over the limit of locked memory"; break;
	case EMFILE:
	case ENFILE: why = "no descriptors left"; break;
	default: break;
	}
	(void)snprintf(reason, size, "io_uring: %s (errno %d)", why, error);
	return error == ENOMEM || error == EMFILE || error == ENFILE ? ERR_FULL : ERR_UNAVAILABLE;
}

/* From the best to the plainest. Completions of SINGLE_ISSUER | DEFER_TASKRUN are worked on when we
 * ask for them, in our own time; with COOP_TASKRUN at our next system call; else by interruption.
 */
static const unsigned setup_flags[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
	0,
};

static int setup(
	struct io_uring *ring, const struct uring_config *config, size_t attempt, uint32_t idle_ms)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED,
		.cq_entries = config->cq_entries,
	};
	/* the kernel's thread has no use for the others */
	params.flags |= idle_ms > 0 ? IORING_SETUP_SQPOLL | IORING_SETUP_SUBMIT_ALL
				    : setup_flags[attempt];
	params.sq_thread_idle = idle_ms;
	const int rc = io_uring_queue_init_params(config->sq_entries, ring, &params);
	if (rc < 0)
		return rc;
	if ((params.features & FEATURES) == FEATURES)
		return 0;
	io_uring_queue_exit(ring);
	return -EOPNOTSUPP;
}

/* A filter may let the ring be made and forbid its use. Returns 0, or the negative errno. */
static int try_calls(struct io_uring *ring, enum uring_level *level)
{
	union {
		struct io_uring_probe head;
		uint8_t size[sizeof(struct io_uring_probe) +
			IORING_OP_LAST * sizeof(struct io_uring_probe_op)];
	} probe = {.size = {0}};
	const unsigned fd = (unsigned)ring->ring_fd;
	int rc = io_uring_register(fd, IORING_REGISTER_PROBE, &probe, IORING_OP_LAST);
	if (rc < 0)
		return rc;
	/* came with 6.0, as did the flags of multishot receive, which can't be asked for */
	const bool has = probe.head.last_op >= IORING_OP_SEND_ZC;
	*level = has ? URING_STREAM : URING_BASIC;
	rc = io_uring_enter(fd, 0, 0, 0, NULL);
	return rc == -EBADFD ? 0 : rc; /* the answer of a ring that is not enabled yet */
}

/* As good without. */
static void make_table(struct uring *u, uint32_t file_max)
{
	if (file_max == 0 || io_uring_register_files_sparse(&u->ring, file_max) != 0)
		return;
	u->file_free = calloc(file_max, sizeof *u->file_free);
	if (u->file_free == NULL)
		return;
	for (uint32_t i = 0; i < file_max; i++)
		u->file_free[u->file_free_count++] = file_max - 1 - i;
}

enum err uring_open(
	struct uring *u, const struct uring_config *config, char *reason, size_t reason_size)
{
	*u = (struct uring){.opened = false};
	int rc = -EINVAL;
	if (config->sq_idle_ms > 0) {
		rc = setup(&u->ring, config, 0, config->sq_idle_ms);
		u->sq_poll = rc == 0;
		rc = rc == 0 ? 0 : -EINVAL; /* as well without, if at all */
	}
	for (size_t i = 0; i < ARRAY_LEN(setup_flags) && rc == -EINVAL; i++)
		rc = setup(&u->ring, config, i, 0);
	if (rc < 0)
		return refuse(reason, reason_size, -rc);
	u->opened = true;
	rc = try_calls(&u->ring, &u->level);
	if (rc < 0) {
		uring_close(u);
		return refuse(reason, reason_size, -rc);
	}
	(void)io_uring_ring_dontfork(&u->ring);
	make_table(u, config->file_max);
	return OK;
}

void uring_close(struct uring *u)
{
	if (u->opened)
		io_uring_queue_exit(&u->ring);
	u->opened = u->bound = false;
	free(u->file_free);
	u->file_free = NULL;
}

int uring_file_add(struct uring *u, int fd)
{
	if (u->file_free_count == 0)
		return -1;
	const uint32_t file = u->file_free[u->file_free_count - 1];
	if (io_uring_register_files_update(&u->ring, file, &fd, 1) != 1)
		return -1;
	u->file_free_count--;
	return (int)file;
}

void uring_file_remove(struct uring *u, int file)
{
	const int none = -1;
	CHECK(io_uring_register_files_update(&u->ring, (unsigned)file, &none, 1) == 1);
	u->file_free[u->file_free_count++] = (uint32_t)file;
}

enum err uring_bind(struct uring *u)
{
	if (u->bound)
		return OK;
	/* io_uring_enable_rings, which liburing 2.3 forgets to export */
	const int rc = io_uring_register(
		(unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (rc < 0) {
		errno = -rc;
		return ERR_IO;
	}
	/* spares the kernel a look-up at each call; as good without */
	if (io_uring_register_ring_fd(&u->ring) == 1)
		u->enter_flags = IORING_ENTER_REGISTERED_RING;
	u->bound = true;
	return OK;
}

/* ---- submitting ---- */

/* Shows the kernel what was filled since the last time. How many it has not taken yet. */
static unsigned publish(struct uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;
	/* [SQE] release: pairs with the kernel's acquire of the tail; whole entries are seen. The
	 * places of the queue were mapped one to one when the ring was made. */
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	sq->sqe_head = sq->sqe_tail;
	return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

/* One system call. The library's own calls would wait twice where they submit and wait at once and
 * the time is over. */
static void enter(struct uring *u, uint32_t wait_count, unsigned flags, uint64_t wait_ns)
{
	struct __kernel_timespec wait = {.tv_sec = (long long)(wait_ns / NS_PER_S),
		.tv_nsec = (long long)(wait_ns % NS_PER_S)};
	struct io_uring_getevents_arg arg = {.ts = (uint64_t)(uintptr_t)&wait};
	const bool timed = wait_count > 0 && wait_ns != UINT64_MAX;
	const unsigned count = publish(u);
	if (u->sq_poll) {
		/* [SLEEP] full fence: the tail before the flag; pairs with the kernel's thread,
		 * which sets the flag and looks at the tail once more before it sleeps */
		io_uring_smp_mb();
		if ((IO_URING_READ_ONCE(*u->ring.sq.kflags) & IORING_SQ_NEED_WAKEUP) != 0)
			flags |= IORING_ENTER_SQ_WAKEUP;
		else if (wait_count == 0 && (flags & IORING_ENTER_SQ_WAIT) == 0)
			return; /* it takes them, and brings what is done */
	}
	const int rc = io_uring_enter2((unsigned)u->ring.enter_ring_fd, count, wait_count,
		flags | u->enter_flags | (timed ? IORING_ENTER_EXT_ARG : 0),
		timed ? (sigset_t *)(void *)&arg : NULL, timed ? sizeof arg : _NSIG / 8);
	/* ETIME: time is over. EINTR: a signal. EAGAIN, EBUSY, ENOMEM: the kernel is short of
	 * something or wants completions reaped first. Anything else is a bug of ours. */
	CHECK(rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY ||
		rc == -ENOMEM);
}

struct io_uring_sqe *uring_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	if (sqe == NULL && u->bound) {
		enter(u, 0, u->sq_poll ? IORING_ENTER_SQ_WAIT : 0, 0);
		sqe = io_uring_get_sqe(&u->ring);
	}
	if (sqe != NULL)
		memset(sqe, 0, sizeof *sqe);
	return sqe;
}

void uring_flush(struct uring *u)
{
	do
		uring_enter(u, 0, 0);
	while (u->sq_poll && publish(u) > 0);
}

void uring_enter(struct uring *u, uint32_t wait_count, uint64_t wait_ns)
{
	CHECK(u->bound);
	enter(u, wait_ns == 0 ? 0 : wait_count, IORING_ENTER_GETEVENTS, wait_ns);
}
