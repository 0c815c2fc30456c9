#include "sys/console.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Somebody made it non-blocking, for himself or for us. */
static bool wait_for_room(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
	return errno == EAGAIN && (poll(&fd, 1, -1) == 1 || errno == EINTR);
}

void console_write(struct slice text)
{
	while (text.len > 0) {
		const ssize_t n = write(STDERR_FILENO, text.ptr, text.len);
		if (n > 0)
			text = slice_of(text.ptr + n, text.len - (size_t)n);
		else if (n == 0 || (errno != EINTR && !wait_for_room()))
			return;
	}
}
