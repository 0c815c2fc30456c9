/* rt/dies_test: whether a piece of code ends its process, tried in a child whose messages nobody
 * sees. */
#ifndef RT_DIES_TEST_H
#define RT_DIES_TEST_H
#include "base/base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool dies(void (*run)(void *ctx), void *ctx)
{
	int status;
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
		CHECK(nowhere >= 0 && dup2(nowhere, STDERR_FILENO) == STDERR_FILENO);
		run(ctx);
		_exit(EXIT_SUCCESS);
	}
	CHECK(waitpid(child, &status, 0) == child);
	return !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
}

#endif
