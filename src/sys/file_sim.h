/* sys/file_sim: a disk in memory that knows what is synced, for tests and the simulation.
 *
 * Model. A file is sectors of 512 bytes, each with what the process sees and what the platter has;
 * a sector is written whole or not at all. Sync of a file makes its sectors and size durable; sync
 * of a folder makes its names durable. Until then each unsynced sector, and each size, survives a
 * power cut or not, independently; changes of names survive up to some point of their order, as in
 * a file system that logs its metadata. A sync that fails leaves the pages clean and visible but
 * not on the platter, and the next sync has nothing to do: what Linux does.
 *
 * Threads: one. Ownership: file_sim_create and file_sim_crash return owned; paths are copied.
 * Bounds: below; beyond them operations answer ERR_FULL.
 */
#ifndef SYS_FILE_SIM_H
#define SYS_FILE_SIM_H
#include "sys/file.h"

#define FILE_SIM_SECTOR 512u
#define FILE_SIM_NAME_MAX 256u /* of a path, with its zero */
#define FILE_SIM_FILES_MAX 64u
#define FILE_SIM_HANDLES_MAX 64u
#define FILE_SIM_PENDING_MAX 64u /* unsynced changes of names */
#define FILE_SIM_FAULTS_MAX 16u
#define FILE_SIM_STRAYS_MAX 16u /* sectors; beyond that writes land where they should */

struct file_sim;

struct file_sim *file_sim_create(void);
void file_sim_destroy(struct file_sim *sim);
/* Borrows; valid as long as the disk. */
NONNULL_ALL const struct file_ops *file_sim_ops(struct file_sim *sim);

/* The process dies and the machine lives on: handles and locks go, everything written stays. */
NONNULL_ALL void file_sim_kill(struct file_sim *sim);

/* The same disk once more, with what is unsynced, without handles, locks, faults or a limit. */
NONNULL_ALL struct file_sim *file_sim_copy(const struct file_sim *sim);

/* The number of independent unsynced things, and the disk after a power cut now, on which thing i
 * survived where survives[i] != 0 (NULL where there is none). The new disk has no handles, faults
 * or capacity limit. */
NONNULL_ALL size_t file_sim_unsynced(const struct file_sim *sim);
struct file_sim *file_sim_crash(const struct file_sim *sim, const uint8_t *survives, size_t count);
/* Of all names and visible content: equal disks have equal digests. */
NONNULL_ALL uint64_t file_sim_digest(const struct file_sim *sim);

/* Called after each operation that changes what a power cut could leave. */
typedef void (*file_sim_cb)(void *ctx);
void file_sim_on_change(struct file_sim *sim, file_sim_cb cb, void *ctx);

enum file_sim_op {
	FILE_SIM_OPEN,
	FILE_SIM_READ,
	FILE_SIM_WRITE,
	FILE_SIM_SYNC, /* fdatasync, fsync */
	FILE_SIM_SYNC_DIR,
	FILE_SIM_PREALLOCATE,
	FILE_SIM_RENAME,
	FILE_SIM_STRUCK, /* any, by a fault: to be counted only */
	FILE_SIM_OP_COUNT
};

/* One operation goes wrong. */
struct file_sim_fault {
	enum file_sim_op op;
	uint64_t after;  /* so many operations of that kind succeed before */
	enum err err;    /* what it answers; OK with WRITE: a short write */
	size_t partial;  /* WRITE: bytes that reach the file nevertheless */
	bool persistent; /* all later ones too */
	/* WRITE, of whole sectors: they land elsewhere in the file, and nobody is told; where
	 * depends on this number. The file's size stays. 0: they land where they should. */
	uint64_t stray;
};
/* CHECKs the bound. */
NONNULL_ALL void file_sim_inject(struct file_sim *sim, const struct file_sim_fault *fault);
NONNULL_ALL void file_sim_heal(struct file_sim *sim); /* forget all faults */
/* Writes that landed elsewhere and were not made good. */
NONNULL_ALL size_t file_sim_strays(const struct file_sim *sim);
/* Makes them good, on the platter too, but for sectors that were written since. */
NONNULL_ALL void file_sim_repair(struct file_sim *sim);
NONNULL_ALL uint64_t file_sim_count(const struct file_sim *sim, enum file_sim_op op);
/* Bytes that all files together may take; UINT64_MAX, as at the start: no limit. */
NONNULL_ALL void file_sim_capacity(struct file_sim *sim, uint64_t bytes);

/* Put a file there, durable, in place of what was there. */
NONNULL_ALL void file_sim_put(struct file_sim *sim, const char *path, struct slice content);
/* The visible content, to look at or to damage (which counts as durable after file_sim_settle).
 * Borrows until the next operation; NULL where there is no such file. */
NONNULL_ALL uint8_t *file_sim_content(struct file_sim *sim, const char *path, size_t *len);
/* Everything visible becomes durable. */
NONNULL_ALL void file_sim_settle(struct file_sim *sim);

#endif
