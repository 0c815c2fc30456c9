/* store/journal_internal: what journal.c (the interface, opening and closing) and journal_commit.c
 * (who writes groups, and when) share. Nobody else includes it.
 *
 * The *role* is the right to commit: whoever holds it closes groups, writes them and publishes.
 *
 *   a thread that waits for its record takes the role if it is free, and commits on the spot: one
 *     record of one writer costs no hand-over between threads;
 *   else the journal's thread has it as long as there is work.
 *
 * A group is written by a plain call: what a ring completes, a thread of the kernel's has to come
 * to first, which waits for a processor where all are taken. Large ones (ring_min) the journal's
 * thread writes on a ring, hashes while they are under way, and sends a second one after the first
 * once it has as many bytes: a disk takes two at once in less than twice the time.
 *
 * [ROLE] Who asks for something says so first (`wanted`) and looks at the role then; who gives the
 * role back does so first and looks at `wanted` then; between them on either side is a fence: one
 * of the two sees the other, and nothing wanted is forgotten.
 */
#ifndef STORE_JOURNAL_INTERNAL_H
#define STORE_JOURNAL_INTERNAL_H
#include "store/journal_tail.h"
#include "sys/file_ring.h"
#include "sys/thread.h"

/* Waiters sleep by their sequence: JOURNAL_WAIT_CHUNK neighbours on one, so that a group wakes its
 * own and few others. */
#define JOURNAL_WAITS 32u
#define JOURNAL_WAIT_CHUNK_BITS 5u

/* How much longer records can get on the disk where each has a group of its own: the smallest takes
 * a sector. Groups to be taken apart are kept so much smaller, so that room for one is room. */
#define JOURNAL_STRICT_GROWTH 26u
_Static_assert(JOURNAL_STRICT_GROWTH *JOURNAL_RECORD_HEADER_SIZE >= JOURNAL_SECTOR &&
		JOURNAL_RECORD_HEADER_SIZE + JOURNAL_GROUP_HEADER_SIZE <= JOURNAL_SECTOR,
	"of the smallest record");

enum journal_rest { JOURNAL_AWAKE, JOURNAL_RESTS_TIMED, JOURNAL_RESTS };

/* A group under way. */
struct journal_flight {
	struct journal_body body;
	struct journal_sealed sealed;
	uint64_t begun_ns;
	enum err err;
	bool done;
};

/* As others see them; the role's. */
struct journal_counters {
	_Atomic uint64_t groups, syncs, bytes, records, sync_ns_max, segment, bytes_free;
};

struct journal {
	struct journal_config config;
	char dir[FILE_PATH_SIZE];
	const struct file_ops *ops;
	int lock_file;
	struct id128 cluster;
	_Atomic size_t promised; /* journal_room said yes to a record of this size */

	struct journal_stage stage;
	_Atomic uint32_t mode; /* enum journal_mode */
	_Atomic uint32_t interval_ms;
	_Atomic bool failed;
	_Atomic uint64_t wanted; /* up to here it is wanted durable */
	_Atomic uint32_t role;   /* 1: somebody has it */

	/* The role's. */
	struct journal_tail tail;
	struct journal_flight flight[JOURNAL_FLIGHTS_MAX];
	uint32_t flight_first, flight_count;
	uint8_t *single; /* JOURNAL_STRICT: a record's own group */
	uint64_t told;   /* those who wait for this and what is before it were woken */
	struct journal_counters counters;
	_Atomic uint64_t second_at; /* bytes at which another group may go: see above */
	_Atomic uint64_t last_ns;   /* when a group was last written */
	_Atomic bool wants_mark;    /* as the role's last holder left it */
	_Atomic bool wants_spare;   /* likewise */
	struct eventcount wait[JOURNAL_WAITS];

	/* The journal's thread. */
	struct thread thread;
	bool thread_runs;
	struct journal_filler filler;
	struct file_ring *ring; /* for large groups; NULL: there is none */
	struct eventcount work;
	_Atomic uint32_t rest; /* enum journal_rest */
	bool lingers;          /* there is a processor to do it on */
	uint32_t in_vain;      /* times in a row that it did, ... */
	uint32_t no_linger;    /* ... after which it does not so many times */
	uint64_t open_after;   /* the open group's first record is behind this one, ... */
	uint64_t open_ns;      /* ... and was there by then; 0: there is none */
	_Atomic bool stop;
};

static inline bool journal_is(const struct journal *j, enum journal_mode mode)
{
	return atomic_load_explicit(&j->mode, memory_order_relaxed) == (uint32_t)mode;
}
bool journal_has_failed(const struct journal *j);
/* Everything up to seq is wanted durable; see journal_commit_ask. */
void journal_commit_want(struct journal *j, uint64_t seq);
/* Want it, and see to it that somebody commits; does not wait. */
void journal_commit_ask(struct journal *j, uint64_t seq);
/* Commit on this thread until nothing is wanted, if nobody else does: false then. */
bool journal_commit_here(struct journal *j);
/* A spare segment, or a mark: nothing that anybody waits for. On this thread, with the role. */
void journal_commit_chore(struct journal *j, enum err (*run)(struct journal_tail *t));
/* Tell the appending side how the tail stands. With the role. */
void journal_commit_state(struct journal *j);
/* A record is the first of its group: the thread must not rest without end. */
void journal_commit_first(struct journal *j);
void journal_commit_wrote(void *ctx, uint64_t id, enum err err); /* file_ring_cb */
void journal_thread_main(void *ctx);

#endif
