#include "node/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

#define PIPE_SIZE 4096
#define MORE_THAN_ROOM (4u * LOG_ROOM)
#define TEXT_MAX (1u << 20)

/* Standard error is a pipe; its other end is ours. */
static int reader = -1, kept_stderr = -1;
static char text[TEXT_MAX];
static size_t text_len;

static void redirect(void)
{
	int fd[2];
	CHECK(pipe2(fd, O_CLOEXEC) == 0);
	CHECK(fcntl(fd[1], F_SETPIPE_SZ, PIPE_SIZE) >= 0);
	if (kept_stderr < 0)
		kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	CHECK(dup2(fd[1], STDERR_FILENO) == STDERR_FILENO && close(fd[1]) == 0);
	reader = fd[0];
	text_len = 0;
}

/* What has been written, while anything comes within wait_ms. */
static void read_some(int wait_ms)
{
	struct pollfd fd = {.fd = reader, .events = POLLIN};
	while (poll(&fd, 1, wait_ms) == 1 && (fd.revents & POLLIN) != 0) {
		const ssize_t n = read(reader, text + text_len, TEXT_MAX - 1 - text_len);
		CHECK(n >= 0 && (size_t)n < TEXT_MAX - 1 - text_len);
		if (n == 0)
			break;
		text_len += (size_t)n;
	}
	text[text_len] = 0;
}

static void restore(void)
{
	CHECK(dup2(kept_stderr, STDERR_FILENO) == STDERR_FILENO && close(reader) == 0);
}

/* The numbers of "line N", in order, each once. */
static uint32_t check_order(void)
{
	uint32_t count = 0;
	long last = -1;
	for (const char *at = text; (at = strstr(at, " line ")) != NULL; at += 6) {
		const long n = strtol(at + 6, NULL, 10);
		CHECK(n > last);
		last = n;
		count++;
	}
	return count;
}

/* ---- */

static void test_in_place(void)
{
	redirect();
	log_line(LOG_WARNING, "what a node %s", "said\nwith \x7f lines");
	log_flush();
	log_stop();
	read_some(0);
	restore();
	CHECK(strstr(text, "Z warning what a node said with   lines\n") != NULL);
	CHECK(strstr(text, "Z warning") == text + strlen("2026-01-01T00:00:00.000"));
}

static void test_all_written(void)
{
	struct log_stat stat;
	redirect();
	CHECK(log_start() == OK);
	for (unsigned i = 0; i < 20; i++)
		log_line(LOG_INFO, "line %u", i);
	log_flush();
	read_some(0); /* what was flushed is there */
	CHECK(check_order() == 20);
	log_line(LOG_ERROR, "line 20");
	log_stop();
	read_some(0);
	CHECK(check_order() == 21 && strstr(text, "error line 20\n") != NULL);
	log_stat(&stat);
	CHECK(stat.said == 0); /* nothing is on any more */
	log_line(LOG_INFO, "line 21");
	read_some(0);
	restore();
	CHECK(check_order() == 22);
}

/* Nobody reads: whoever says something goes on, what finds no room is dropped, counted and said. */
static void test_nobody_reads(void)
{
	struct log_stat stat;
	redirect();
	CHECK(log_start() == OK);
	for (unsigned i = 0; i < MORE_THAN_ROOM; i++)
		log_line(LOG_INFO, "line %u", i);
	log_stat(&stat);
	CHECK(stat.dropped > 0 && stat.said + stat.dropped == MORE_THAN_ROOM);
	CHECK(stat.room == LOG_ROOM && stat.waiting_peak == LOG_ROOM);
	const uint64_t begun = clock_mono_ms();
	log_flush(); /* gives up */
	CHECK(clock_mono_ms() - begun >= LOG_FLUSH_MS);
	while (stat.written < stat.said) {
		read_some(10);
		log_stat(&stat);
	}
	log_line(LOG_INFO, "line %u", MORE_THAN_ROOM);
	log_stop();
	read_some(0);
	restore();
	CHECK(check_order() == stat.said + 1);
	char expected[64];
	(void)snprintf(expected, sizeof expected, "log: %llu lines dropped",
		(unsigned long long)stat.dropped);
	/* in as many messages as there were gaps: here the thread saw them all at once or in two */
	CHECK(strstr(text, "warning log: ") != NULL && strstr(text, " lines dropped") != NULL);
}

#define SAYERS 3u
#define EACH 200u

static void say_many(void *ctx)
{
	for (unsigned i = 0; i < EACH; i++)
		log_line(LOG_INFO, "thread %u says %u", *(const unsigned *)ctx, i);
}

static void test_threads(void)
{
	static struct thread thread[SAYERS];
	static unsigned number[SAYERS];
	struct log_stat stat;
	redirect();
	CHECK(log_start() == OK);
	for (unsigned i = 0; i < SAYERS; i++) {
		number[i] = i;
		CHECK(thread_start(&thread[i], "sayer", say_many, &number[i]) == OK);
	}
	do {
		read_some(10);
		log_stat(&stat);
	} while (stat.written < SAYERS * EACH);
	for (unsigned i = 0; i < SAYERS; i++)
		thread_join(&thread[i]);
	CHECK(stat.dropped == 0);
	log_stop();
	read_some(0);
	restore();
	unsigned next[SAYERS] = {0}, from, count;
	for (const char *at = text; (at = strstr(at, "thread ")) != NULL; at += 7) {
		CHECK(sscanf(at, "thread %u says %u", &from, &count) == 2 && from < SAYERS);
		CHECK(count == next[from]++);
	}
	for (unsigned i = 0; i < SAYERS; i++)
		CHECK(next[i] == EACH);
}

/* What was said before a CHECK failed comes before its message; held up, it ends all the same. */
static void test_check_fails(bool somebody_reads)
{
	int status;
	redirect();
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(log_start() == OK);
		for (unsigned i = 0; i < (somebody_reads ? 10u : 200u); i++)
			log_line(LOG_INFO, "line %u", i);
		if (!somebody_reads) { /* stdio's own message would wait */
			log_flush();
			_exit(3);
		}
		check_failed("two and two", "log_test.c", 1);
	}
	CHECK(waitpid(child, &status, 0) == child);
	read_some(0);
	restore();
	CHECK(somebody_reads ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 3);
	if (somebody_reads) {
		CHECK(check_order() == 10);
		CHECK(strstr(text, "CHECK(two and two)") > strstr(text, "line 9"));
	}
}

int main(void)
{
	test_in_place();
	test_all_written();
	test_nobody_reads();
	test_threads();
	test_check_fails(true);
	test_check_fails(false);
	return EXIT_SUCCESS;
}
