/* The first signal becomes a call; the second ends the process; none is lost to a broken pipe. */
#include "sys/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"

static void on_signal(void *ctx)
{
	unsigned *count = ctx;
	++*count;
}

static void test_first(struct loop *loop, int number)
{
	unsigned count = 0;
	CHECK(signals_watch(loop, on_signal, &count) == OK);
	CHECK(signals_watch(loop, on_signal, &count) == ERR_EXISTS);
	CHECK(raise(number) == 0 && count == 0);
	CHECK(loop_step(loop, 1000) == 1 && count == 1);
	CHECK(raise(SIGPIPE) == 0);
	signals_unwatch();
}

/* In a child that never ends by itself. */
static int end_of_child(int signals)
{
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct loop *loop;
		unsigned count = 0;
		CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
		CHECK(signals_watch(loop, on_signal, &count) == OK);
		for (int i = 0; i < signals; i++) {
			CHECK(raise(SIGTERM) == 0);
			(void)loop_step(loop, 100);
		}
		_exit((int)count);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

int main(void)
{
	struct loop *loop;
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	test_first(loop, SIGTERM);
	test_first(loop, SIGINT);
	loop_destroy(loop);
	int status = end_of_child(1);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	status = end_of_child(2);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	return 0;
}
