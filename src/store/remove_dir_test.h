/* store/remove_dir_test: takes away the folder of files that a test has made. */
#ifndef STORE_REMOVE_DIR_TEST_H
#define STORE_REMOVE_DIR_TEST_H
#include <unistd.h>

#include "sys/file.h"

static inline enum err remove_file(void *dir, const char *name)
{
	char path[FILE_PATH_SIZE];
	CHECK(file_path_join(path, dir, name) == OK && unlink(path) == 0);
	return OK;
}

static inline void remove_dir(const char *dir)
{
	CHECK(file_system()->list(NULL, dir, remove_file, (void *)(uintptr_t)dir) == OK);
	CHECK(rmdir(dir) == 0);
}

#endif
