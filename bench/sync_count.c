/* The system's sync calls, counted. Defined in the program, they take the place of the C library's
 * in the libraries, too. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal_peers.h"

static _Atomic uint64_t syncs;

static void note(void)
{
	atomic_fetch_add_explicit(&syncs, 1, memory_order_relaxed);
}

uint64_t sync_count(void)
{
	return atomic_load_explicit(&syncs, memory_order_relaxed);
}

int fsync(int fd)
{
	note();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	note();
	return (int)syscall(SYS_fdatasync, fd);
}

int msync(void *address, size_t len, int flags)
{
	note();
	return (int)syscall(SYS_msync, address, len, flags);
}
