#include "sys/guard.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum err guard_process(void)
{
	const struct rlimit none = {0};
	(void)umask(S_IRWXG | S_IRWXO);
	const int limit = setrlimit(RLIMIT_CORE, &none);
	const int dump = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return limit == 0 && dump == 0 ? OK : ERR_DENIED;
}

void guard_release(void)
{
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static size_t whole_pages(size_t len)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (len + page - 1) / page * page;
}

void *guard_alloc(size_t len, bool *locked)
{
	const size_t size = whole_pages(len);
	void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ptr == MAP_FAILED)
		return NULL;
	(void)madvise(ptr, size, MADV_DONTDUMP);
	(void)madvise(ptr, size, MADV_DONTFORK);
	*locked = mlock(ptr, size) == 0;
	return ptr;
}

void guard_free(void *ptr, size_t len)
{
	if (ptr == NULL)
		return;
	bytes_wipe(ptr, len);
	(void)munmap(ptr, whole_pages(len));
}

enum err guard_private(const char *path, bool allow_group)
{
	const mode_t others = allow_group ? S_IRWXO : S_IRWXG | S_IRWXO;
	struct stat st;
	if (stat(path, &st) != 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	return (st.st_mode & others) == 0 ? OK : ERR_DENIED;
}
