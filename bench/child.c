#include "child.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096u
#define NAME_SIZE 64u
#define NUMBER_SIZE 16u

static void sibling_path(char path[PATH_SIZE], const char *program)
{
	const ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE - NAME_SIZE);
	CHECK(length > 0);
	path[length] = 0;
	(void)snprintf(strrchr(path, '/') + 1, NAME_SIZE, "%s", program);
}

static void copy_strings(char **out, const char *const *in, size_t max)
{
	for (size_t i = 0; i < max && in[i]; i++)
		CHECK((out[i] = strdup(in[i])) != NULL);
}

static void free_strings(char **strings, size_t max)
{
	for (size_t i = 0; i < max; i++)
		free(strings[i]);
}

bool child_start(struct child *c, const char *program,
	const char *const arguments[CHILD_ARGUMENTS_MAX],
	const char *const environment[CHILD_ENVIRONMENT_MAX])
{
	char path[PATH_SIZE];
	char *argv[CHILD_ARGUMENTS_MAX + 2] = {path};
	char *envp[CHILD_ENVIRONMENT_MAX + 1] = {NULL};
	int to[2], from[2];
	posix_spawn_file_actions_t actions;
	if (strchr(program, '/'))
		(void)snprintf(path, sizeof path, "%s", program);
	else
		sibling_path(path, program);
	if (access(path, X_OK) != 0)
		return false;
	copy_strings(argv + 1, arguments, CHILD_ARGUMENTS_MAX);
	copy_strings(envp, environment, CHILD_ENVIRONMENT_MAX);
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO) == 0);
	CHECK(posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1) == 0);
	CHECK(posix_spawn(&c->pid, path, &actions, NULL, argv, envp) == 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	free_strings(argv + 1, CHILD_ARGUMENTS_MAX);
	free_strings(envp, CHILD_ENVIRONMENT_MAX);
	(void)close(to[0]);
	(void)close(from[1]);
	c->to = to[1];
	c->from = from[0];
	return true;
}

void child_stop(struct child *c)
{
	if (c->pid == 0)
		return;
	(void)close(c->to);
	(void)close(c->from);
	(void)waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

void child_send(struct child *c, const void *request, size_t size)
{
	CHECK(write(c->to, request, size) == (ssize_t)size);
}

void child_receive(struct child *c, void *answer, size_t size)
{
	CHECK(read(c->from, answer, size) == (ssize_t)size);
}

unsigned child_number(struct child *c)
{
	char line[NUMBER_SIZE];
	const ssize_t n = read(c->from, line, sizeof line - 1);
	CHECK(n > 0);
	line[n] = 0;
	return (unsigned)strtoul(line, NULL, 10);
}

uint64_t child_cpu_ns(const struct child *c)
{
	clockid_t clock;
	struct timespec now;
	CHECK(clock_getcpuclockid(c->pid, &clock) == 0 && clock_gettime(clock, &now) == 0);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
