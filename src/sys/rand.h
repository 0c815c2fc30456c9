/* sys/rand: random bytes from the system; aborts where there are none. */
#ifndef SYS_RAND_H
#define SYS_RAND_H
#include "base/base.h"

NONNULL_ALL void rand_bytes(void *out, size_t len);
#endif
