#include "sys/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

_Static_assert(sizeof(_Atomic uint32_t) == 4, "the kernel compares 32 bits");
_Static_assert(FUTEX_ALL == INT_MAX, "the kernel counts sleepers in an int");

/* FUTEX_WAIT_BITSET takes an absolute time of the monotonic clock; plain FUTEX_WAIT a relative one.
 */
enum err futex_wait(const _Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	const long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
		deadline_ns == FUTEX_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
	if (rc == 0)
		return OK;
	if (errno == ETIMEDOUT)
		return ERR_TIMEOUT;
	CHECK(errno == EAGAIN || errno == EINTR);
	return OK;
}

void futex_wake(const _Atomic uint32_t *word, int32_t count)
{
	const long rc = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
	/* EFAULT: the waiter saw the change without us, and its memory is gone */
	CHECK(rc >= 0 || errno == EFAULT);
}
