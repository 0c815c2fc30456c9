/* store/journal: the append-only truth. Payloads are opaque to it.
 *
 * Records are staged into an open group by any number of threads, without a lock; a group is
 * written by one call that returns when it is durable, and then the sequence up to which everything
 * is durable is published. While a group is under way, the next one fills: an idle system commits
 * one record at once, a busy one thousands. Who commits (journal_internal.h): a thread that waits
 * in journal_wait while nobody else commits, or the journal's own thread.
 *
 * On disk (docs/data-on-disk.md): a segment is a header and groups; a group is a header (magic,
 * cluster id, segment, offset, epoch, first sequence, record count, length, durable sequence known
 * when it was written, link of the previous group, root of the Merkle tree before it, sum) and
 * records (length, type, sequence, crc32c, payload). Recovery cuts at the first invalid group
 * unless a later valid group claims durability past the cut: then journal_open refuses with
 * ERR_CHECKSUM, says where, and keeps the file.
 *
 * A failed write or sync is never retried: the journal turns failed, publishes nothing more, and
 * the on_failed callback is called by whoever commits; the process is expected to stop. A full
 * disk is met earlier: journal_append answers ERR_FULL once less than the reserve is left, unless
 * the record is marked essential (finishing what is in flight).
 *
 * Threads: open and close on one thread, with no other call under way; everything else from any.
 * on_durable and on_failed are called by the thread that commits (use them to wake a loop).
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H
#include "base/parallel.h"
#include "rt/latency.h"
#include "sys/file.h"

#define JOURNAL_PAYLOAD_MAX (1024u * 1024u)
#define JOURNAL_GROUP_MAX (4u * 1024u * 1024u)
#define JOURNAL_SEGMENT_SIZE (64u * 1024u * 1024u)
#define JOURNAL_RING_MIN (512u * 1024u)
/* Of the first segment of a new journal, whose zeros are waited for; the rest is written while it
 * is used. */
#define JOURNAL_SEGMENT_FIRST (1024u * 1024u)
#define JOURNAL_MARK_IDLE_MS 50u

struct journal;
struct journal_start;

/* When a group is closed, and when an answer that depends on a record may leave
 * (journal_answerable). What must never be undone, an effect or a preimage, waits for
 * journal_durable in every mode. */
enum journal_mode {
	JOURNAL_GROUP,    /* when the disk is free; answers wait for the sync: nothing is lost */
	JOURNAL_STRICT,   /* likewise, and each record has a sync of its own */
	JOURNAL_INTERVAL, /* at most interval_ms after the first record; answers don't wait: those
			   * of the last interval_ms, and of the sync under way, may be lost */
	JOURNAL_MEMORY,   /* nothing is ever written. For simulations: of a synchronous journal
			   * from its opening on */
	JOURNAL_MODE_COUNT
};
#define JOURNAL_INTERVAL_MS_MAX 1000u
/* "group", ...; static. */
const char *journal_mode_name(enum journal_mode mode);

struct journal_config {
	const char *dir; /* created 0700 when missing; locked: a second opener gets ERR_EXISTS */
	struct id128 cluster; /* all zero: take what the directory says, or draw `fresh_cluster` */
	struct id128 fresh_cluster;
	const struct file_ops *ops; /* NULL: the system's */
	size_t segment_size;        /* 0: 64 MiB, preallocated; at least four times group_max */
	size_t group_max; /* bytes of an open group before append answers ERR_FULL; 0: the most, 4
			     MiB */
	enum journal_mode mode;
	uint32_t interval_ms; /* JOURNAL_INTERVAL: from 1 to JOURNAL_INTERVAL_MS_MAX */
	/* No thread: journal_flush writes and syncs on the caller's thread, callbacks run there,
	 * and nothing is written behind the caller's back. For the simulation on virtual time. */
	bool synchronous;
	/* Groups of so many bytes are written on a ring, where the system has one; 0:
	 * JOURNAL_RING_MIN; SIZE_MAX: none is. */
	size_t ring_min;
	const struct parallel *parallel; /* shares the checks of journal_open, which alone borrows
					    it; NULL: nobody */
	/* Read from here on: nothing before is looked at, or given to `replay`. NULL: from the
	 * first record. Borrowed for journal_open alone. */
	const struct journal_start *start;
	struct latency *sync_latency; /* NULL: not recorded; borrowed */
	void (*on_durable)(void *ctx);
	void (*on_failed)(void *ctx, const char *what);
	void *ctx;
};

/* One record as replay gives it; payload borrows until the callback returns. */
struct journal_record {
	uint64_t seq; /* from 1, without gaps */
	uint16_t type;
	struct slice payload;
};
/* Return other than OK to stop; journal_open then fails with it. */
typedef enum err (*journal_replay_cb)(void *ctx, const struct journal_record *record);

struct journal_error {
	char text[256]; /* which segment, which offset, what was wrong */
};

/* Lock, recover, replay everything durable through `replay`, then be ready to append. Returns
 * owned. ERR_EXISTS another process has it; ERR_NETWORK another cluster's; ERR_CHECKSUM damaged
 * where a power cut can't have done it; ERR_FORMAT a future format version; ERR_IO. *error says
 * where. */
MUST_USE enum err journal_open(struct journal **out, const struct journal_config *config,
	journal_replay_cb replay, void *replay_ctx, struct journal_error *error);
/* Waits until everything appended is durable (unless failed), stops the writer, unlocks. */
void journal_close(struct journal *j);

enum { JOURNAL_ESSENTIAL = 1u << 0 };
/* Stage one record; *seq is its number. ERR_FULL: group or disk bound; ERR_RANGE: payload too long;
 * ERR_IO: failed. */
MUST_USE enum err journal_append(
	struct journal *j, uint64_t *seq, uint16_t type, struct slice payload, unsigned flags);
/* What journal_append would answer now for a payload of this length; stages nothing. OK is a
 * promise to the next journal_append of such a length: only a failure (ERR_IO) can come between.
 * For a journal to which one thread appends. */
MUST_USE NONNULL_ALL enum err journal_room(struct journal *j, size_t payload_len, unsigned flags);
NONNULL_ALL uint64_t journal_last(const struct journal *j); /* last staged sequence, 0: none */
NONNULL_ALL uint64_t journal_durable(
	const struct journal *j); /* acquire: pairs with the writer's release */
/* The last sequence on which an answer may depend: what is durable, or, in the modes that say so,
 * what is staged. */
NONNULL_ALL uint64_t journal_answerable(const struct journal *j);
/* From now on; what is staged is wanted durable. That it is switched is for the caller to record,
 * before. ERR_RANGE: interval_ms; ERR_STATE: from or to JOURNAL_MEMORY. Not while another thread
 * does the same. */
MUST_USE NONNULL_ALL enum err journal_set_mode(
	struct journal *j, enum journal_mode mode, uint32_t interval_ms);
NONNULL_ALL enum journal_mode journal_mode_of(const struct journal *j);
/* The open group is wanted durable now, rather than within JOURNAL_MARK_IDLE_MS; does not wait.
 * Cheap when there is none. In JOURNAL_INTERVAL it does nothing: time comes, or journal_wait. */
NONNULL_ALL void journal_flush(struct journal *j);
/* Write a mark group now if the last group has none: what the writer does by itself after
 * JOURNAL_MARK_IDLE_MS without work, and journal_close at the end. For synchronous journals; does
 * nothing on others. */
NONNULL_ALL void journal_mark(struct journal *j);
/* Block until seq is durable. ERR_IO when failed; ERR_STATE: it was not appended. */
MUST_USE NONNULL_ALL enum err journal_wait(struct journal *j, uint64_t seq);
NONNULL_ALL struct id128 journal_cluster(const struct journal *j);

struct journal_stat {
	uint64_t groups, syncs, bytes, records;
	uint64_t sync_ns_max;
	uint32_t segment;
	uint64_t bytes_free;
	bool full; /* the disk has no room for another segment: only what is essential is taken */
};
NONNULL_ALL void journal_stat(const struct journal *j, struct journal_stat *out);

#endif
