/* sys/guard: what a process that holds keys asks of the system.
 * Best effort where the system's limits stand in the way: the result says so, and the caller tells
 * its operator. */
#ifndef SYS_GUARD_H
#define SYS_GUARD_H
#include "base/base.h"

/* No core dumps, no ptrace by other processes of this user, no world-readable files. ERR_DENIED:
 * the system refused one of them. */
MUST_USE enum err guard_process(void);
/* Undo guard_process's part that debuggers and leak checkers at exit mind; after secrets are
 * wiped. */
void guard_release(void);
/* Whole pages, zeroed, kept out of swap and dumps where allowed. Returns owned; NULL: no memory.
 * *locked: they are kept out of swap. */
void *guard_alloc(size_t len, bool *locked);
/* Wipes. */
void guard_free(void *ptr, size_t len);
/* OK: nobody but its owner, or with allow_group its group, can do anything with the file;
 * ERR_DENIED others can; ERR_NOT_FOUND, ERR_IO. */
MUST_USE NONNULL_ALL enum err guard_private(const char *path, bool allow_group);

#endif
