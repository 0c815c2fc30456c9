/* sys/env: the process's environment. Read at start-up by whoever parses the configuration; nothing
 * that decides about money asks it. */
#ifndef SYS_ENV_H
#define SYS_ENV_H
#include "base/base.h"

/* NULL where it is not set, or empty. Borrows: until the environment is changed, which we don't. */
NONNULL_ALL const char *env_get(const char *name);

#endif
