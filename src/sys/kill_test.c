/* The hook ends the process where it should, with its status, and nowhere else. */
#include "sys/kill.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef SLUICE_KILL_POINTS
/* Runs the points of records 1 to 5 in a child; its exit status. */
static int run_points(const char *kill_at)
{
	(void)fflush(NULL);
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setenv("SLUICE_KILL_AT", kill_at, 1) == 0);
		CHECK(freopen("/dev/null", "w", stderr) != NULL);
		for (uint64_t seq = 1; seq <= 5; seq++) {
			kill_point_reached(seq, KILL_BEFORE_WRITE);
			kill_point_reached(seq, KILL_WRITTEN);
			if (seq != 3)
				kill_point_reached(seq, KILL_SYNCED);
			if (seq == 4 && strcmp(kill_at, "3:synced") == 0)
				_exit(1);
		}
		_exit(0);
	}
	int status = 0;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_parse(void)
{
	uint64_t seq = 7;
	enum kill_point point = KILL_SYNCED;
	static const char *const bad[] = {"", ":", "1", "1:", ":synced", "x:synced", "1:sync",
		"1:synced ", "-1:synced", "18446744073709551616:synced", "1 :synced"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(kill_at_parse(&seq, &point, bad[i]) == ERR_FORMAT);
	CHECK(seq == 7 && point == KILL_SYNCED);
	CHECK(kill_at_parse(&seq, &point, "18446744073709551615:before_write") == OK);
	CHECK(seq == UINT64_MAX && point == KILL_BEFORE_WRITE);
}

int main(void)
{
	test_parse();
	CHECK(run_points("2:written") == KILL_EXIT_STATUS);
	CHECK(run_points("3:synced") == KILL_EXIT_STATUS);
	CHECK(run_points("5:before_write") == KILL_EXIT_STATUS);
	CHECK(run_points("6:written") == 0);
	CHECK(run_points("1:observed") == 0);
	CHECK(run_points("") == 0);
	CHECK(run_points("nonsense") == 2);
	return 0;
}
#else
int main(void)
{
	kill_point_reached(1, KILL_WRITTEN);
	return strcmp(kill_point_name(KILL_WRITTEN), "written") == 0 ? 0 : 1;
}
#endif
