/* How often the threads of this process have gone to sleep of their own accord: for tests of what
 * is at rest. Reading it sleeps at most once itself. */
#ifndef SYS_SLEEPS_TEST_H
#define SYS_SLEEPS_TEST_H
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

static inline uint64_t process_sleeps(void)
{
	uint64_t sum = 0;
	DIR *tasks = opendir("/proc/self/task");
	CHECK(tasks != NULL);
	for (const struct dirent *e; (e = readdir(tasks)) != NULL;) {
		char path[300], line[200];
		(void)snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (f != NULL && fgets(line, sizeof line, f) != NULL)
			if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
				sum += strtoull(line + 24, NULL, 10);
		if (f != NULL)
			(void)fclose(f);
	}
	(void)closedir(tasks);
	return sum;
}

#endif
