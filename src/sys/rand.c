#include "sys/rand.h"

#include <errno.h>
#include <sys/random.h>

void rand_bytes(void *out, size_t len)
{
	uint8_t *at = out;
	while (len > 0) {
		const ssize_t n = getrandom(at, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		/* without random bytes no key, nonce or preimage is safe: stop here */
		CHECK(n > 0);
		at += (size_t)n;
		len -= (size_t)n;
	}
}
