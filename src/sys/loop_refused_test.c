/* io_uring refused by a real filter of system calls: whichever call it forbids and however it says
 * so, the loop comes to epoll, says why, and works. */
#include "sys/loop.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SKIP 77

struct refusal {
	unsigned call;
	unsigned error;
	const char *says;
};

static const struct refusal refusals[] = {
	{SYS_io_uring_setup, EPERM, "forbids"},
	{SYS_io_uring_setup, ENOSYS, "none"},
	{SYS_io_uring_register, EPERM, "forbids"},
	{SYS_io_uring_enter, EPERM, "forbids"},
	{SYS_io_uring_enter, ENOSYS, "none"},
};

/* False: this system lets nobody install a filter. */
static bool forbid(const struct refusal *r)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | r->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = filter};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct seen {
	struct loop *loop;
	int reads, timers;
};

static void on_readable(void *ctx, int fd, unsigned ready)
{
	struct seen *s = ctx;
	char byte;
	CHECK(ready == LOOP_READ && read(fd, &byte, 1) == 1);
	s->reads++;
}

static void on_timer(void *ctx)
{
	struct seen *s = ctx;
	s->timers++;
	loop_stop(s->loop);
}

static void check_works(struct loop *loop)
{
	int fd[2];
	struct seen seen = {.loop = loop};
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	CHECK(loop_fd_set(loop, fd[0], LOOP_READ, on_readable, &seen) == OK);
	CHECK(write(fd[1], "x", 1) == 1);
	CHECK(loop_timer_set(loop, NULL, 5, on_timer, &seen) == OK);
	loop_run(loop);
	CHECK(seen.reads == 1 && seen.timers == 1);
	loop_fd_remove(loop, fd[0]);
	CHECK(close(fd[0]) == 0 && close(fd[1]) == 0);
}

static int child(const struct refusal *r)
{
	struct loop *loop;
	if (!forbid(r))
		return EXIT_SKIP;
	const struct loop_config automatic = {.backend = LOOP_AUTO};
	CHECK(loop_create(&loop, &automatic) == OK);
	CHECK(strcmp(loop_backend_name(loop), "epoll") == 0);
	(void)fprintf(stderr, "%s\n", loop_fallback_reason(loop));
	CHECK(strstr(loop_fallback_reason(loop), r->says) != NULL);
	check_works(loop);
	loop_destroy(loop);
	const struct loop_config forced = {.backend = LOOP_URING};
	char reason[LOOP_REASON_SIZE];
	CHECK(loop_create(&loop, &forced) == ERR_UNAVAILABLE);
	CHECK(loop_uring_probe(reason) == ERR_UNAVAILABLE && strstr(reason, r->says) != NULL);
	return EXIT_SUCCESS;
}

int main(void)
{
	char reason[LOOP_REASON_SIZE];
	if (loop_uring_probe(reason) != OK) {
		(void)fprintf(stderr, "this system's own refusal: %s\n", reason);
		return EXIT_SKIP;
	}
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			_exit(child(&refusals[i]));
		int status;
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		if (WEXITSTATUS(status) != EXIT_SUCCESS)
			return WEXITSTATUS(status);
	}
	return EXIT_SUCCESS;
}
