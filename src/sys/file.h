/* sys/file: files, as a table of operations with two implementations: the system's, and a
 * simulated disk (sys/file_sim.h) that remembers what is synced and can be crashed.
 *
 * Errors, of every operation: ERR_NOT_FOUND no such file or folder; ERR_EXISTS it is there already,
 * or locked by somebody else; ERR_DENIED permissions; ERR_FULL no space or quota; ERR_IO the rest
 * (errno says more). A signal is no error: reads and syncs go on, a write may be short.
 *
 * Durability: what was written is durable after fdatasync or fsync of the file answered OK; that a
 * file exists, and under which name, after sync_dir of its folder. A sync that failed is never to
 * be repeated in the hope of a better answer: the system may have dropped the pages and answer OK.
 *
 * Handles are small integers. Paths borrow; files are made 0600, folders 0700, nothing is followed
 * into a child process. Threads: as the system's own calls; the simulation is for one thread.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H
#include "base/base.h"

#define FILE_PATH_SIZE 1024u /* of a path that this module composes, with its zero */
#define FILE_NONE (-1)       /* no handle */
#define FILE_DIRECT_ALIGN 512u

enum {
	FILE_WRITE = 1u << 0,     /* read and write; without it, read */
	FILE_CREATE = 1u << 1,    /* where it is not there */
	FILE_EXCLUSIVE = 1u << 2, /* with FILE_CREATE: ERR_EXISTS where it is */
	FILE_TRUNCATE = 1u << 3,
	/* Past the system's cache, where the file system can: bytes in memory, offsets and lengths
	 * are then multiples of FILE_DIRECT_ALIGN. Where it can't, as without. */
	FILE_DIRECT = 1u << 4,
};

/* Called for each name of a folder, without "." and ".."; return other than OK to stop. */
typedef enum err (*file_list_cb)(void *ctx, const char *name);

struct file_ops {
	void *ctx; /* handed to each operation */
	enum err (*open)(void *ctx, int *file, const char *path, unsigned flags);
	/* Releases the lock too. Never fails: whoever cares has synced. */
	void (*close)(void *ctx, int file);
	/* Fewer than len only at the end of the file. */
	enum err (*pread)(
		void *ctx, size_t *done, int file, void *bytes, size_t len, uint64_t offset);
	/* One attempt; may write less than len, also nothing. On failure any part may be written.
	 */
	enum err (*pwrite)(
		void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset);
	/* As pwrite; with OK, the bytes that it wrote are durable, in one call. Says nothing of
	 * other bytes, of size or name. May be NULL: see file_write_durable. */
	enum err (*pwrite_durable)(
		void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset);
	enum err (*fdatasync)(void *ctx, int file); /* content, and the size if it changed */
	enum err (*fsync)(void *ctx, int file);
	/* Make the file at least size bytes, zeros, with its space taken: later writes within it
	 * don't meet a full disk. */
	enum err (*preallocate)(void *ctx, int file, uint64_t size);
	/* Take the space only, at once: preallocate, which may take long, does not meet a full disk
	 * then. ERR_UNAVAILABLE: the file system can't. May be NULL. */
	enum err (*reserve)(void *ctx, int file, uint64_t size);
	enum err (*truncate)(void *ctx, int file, uint64_t size);
	enum err (*size)(void *ctx, uint64_t *size, int file);
	/* Replaces `to` where it is there. */
	enum err (*rename)(void *ctx, const char *from, const char *to);
	enum err (*unlink)(void *ctx, const char *path);
	enum err (*mkdir)(void *ctx, const char *path);
	enum err (*sync_dir)(void *ctx, const char *path);
	/* Exclusive, for this open file (with FILE_WRITE), without waiting; held until it is closed
	 * or the process ends. ERR_EXISTS where another holds it, in this process or another. */
	enum err (*lock)(void *ctx, int file);
	enum err (*list)(void *ctx, const char *path, file_list_cb cb, void *cb_ctx);
	/* Bytes that an unprivileged writer may still take on the file system of path. */
	enum err (*free_bytes)(void *ctx, uint64_t *bytes, const char *path);
};

/* The system's. Static. */
const struct file_ops *file_system(void);
/* What an error of these operations means, in words that follow a path: "/x/y: no such file or
 * folder". Static. */
const char *file_why(enum err err);

/* Write all of it, however many calls that takes; ERR_IO where nothing moves any more. */
MUST_USE NONNULL_ALL enum err file_write_all(
	const struct file_ops *ops, int file, const void *bytes, size_t len, uint64_t offset);
/* The same, and durable with OK, within the size that the file had: by pwrite_durable, or by pwrite
 * and fdatasync. A failure is that of a sync: what became of the bytes is not known. */
MUST_USE NONNULL_ALL enum err file_write_durable(
	const struct file_ops *ops, int file, const void *bytes, size_t len, uint64_t offset);
/* ERR_SHORT where the file ends before. */
MUST_USE NONNULL_ALL enum err file_read_exact(
	const struct file_ops *ops, int file, void *bytes, size_t len, uint64_t offset);

/* Put a whole file in place so that a crash leaves the old one or the new one: PATH.tmp is written
 * and synced, renamed over PATH, and the folder is synced. After an error the old or the new one
 * is there; what a caller may rely on is decided by reading it again. */
MUST_USE NONNULL_ALL enum err file_write_atomic(
	const struct file_ops *ops, const char *path, struct slice content);
/* The same, in pieces that are each synced, so that others who use the disk meanwhile wait for
 * little. wait is called between them, with what is written; other than OK gives it up. */
struct file_pace {
	size_t piece; /* bytes */
	enum err (*wait)(void *ctx, uint64_t written);
	void *ctx;
};
/* pace: NULL: at once. */
MUST_USE enum err file_write_atomic_paced(const struct file_ops *ops, const char *path,
	struct slice content, const struct file_pace *pace);
/* A folder whose name survives a power cut: made where it is not there, and its parent synced.
 * Where it was there before, a parent that may not be opened is no error: somebody else made it. */
MUST_USE NONNULL_ALL enum err file_make_dir(const struct file_ops *ops, const char *path);
/* The whole of a small file. ERR_FULL where it is longer than cap. */
MUST_USE NONNULL_ALL enum err file_read_all(
	const struct file_ops *ops, const char *path, void *bytes, size_t *len, size_t cap);

/* "DIR/NAME" and the folder that holds PATH ("." for a plain name). ERR_RANGE over FILE_PATH_SIZE.
 */
MUST_USE NONNULL_ALL enum err file_path_join(
	char path[FILE_PATH_SIZE], const char *dir, const char *name);
MUST_USE NONNULL_ALL enum err file_path_parent(char parent[FILE_PATH_SIZE], const char *path);

#endif
