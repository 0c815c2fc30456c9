/* node/snapshots: the ledger's state in files beside the journal (store/snapshot_file.h): made
 * while the daemon works, and what a start begins with.
 *
 * A snapshot is made as a start is: the newest one is restored, the journal's files behind it are
 * folded up to what is durable, under the chain that a recovery checks, and the state that this
 * gives is written ([ADR 14](docs/adr/0014-snapshots.md)). So nothing is taken from the engine's
 * thread but a look at some counters in each turn, the cut is consistent by construction, and every
 * snapshot shows again that journal and snapshot give a state. What that costs is a second ledger's
 * memory while one is made.
 *
 * Invariants. What a snapshot says is durable was so before it was begun. One that could not be
 * written harms nothing: the journal is the truth, and the next one is tried when it has grown as
 * much again. The newest `keep` are kept. Segments before the oldest of them are freed
 * (store/journal_collect.h) when the journal has gone on by some commits: never in a hurry.
 *
 * Threads: one of its own; what is here is called on one other. Where it is synchronous there is
 * none, and snapshots_turn does the work.
 * Ownership: borrows its configuration and what that points to until snapshots_destroy.
 * Must not: read the engine's ledger.
 */
#ifndef NODE_SNAPSHOTS_H
#define NODE_SNAPSHOTS_H
#include "node/config.h"
#include "store/journal.h"
#include "store/log_index.h"
#include "store/snapshot_file.h"

/* Left free on the disk when a snapshot has been written: the journal comes first. */
#define SNAPSHOT_SPARE_BYTES (256u * 1024u * 1024u)

/* So many sound snapshots lie behind a segment that is freed. */
#define SNAPSHOTS_SOUND_MIN 2u

/* What is folded, and where from. */
struct snapshots_source {
	const struct file_ops *ops;
	const char *dir; /* the journal's */
	const struct ledger_capacity *capacity;
	const struct seal_key *seal;
	uint64_t map_seed; /* random, from the caller */
	bool oldest;       /* rather than the newest */
	uint64_t up_to;    /* no snapshot behind this sequence; UINT64_MAX: any */
};

struct snapshots_found {
	struct ledger *ledger; /* owned by the caller */
	/* For journal_open: before the first record where no snapshot could be used. It carries
	 * what any sound head claims, too. */
	struct journal_start start;
	uint32_t passed_over; /* files that were not sound, or could not be restored */
	char why[160];        /* the last of them, in words */
};

/* A ledger from the newest snapshot that can be had, or an empty one. ERR_FULL: no memory. */
MUST_USE NONNULL_ALL enum err snapshots_restore(
	struct snapshots_found *out, const struct snapshots_source *source);

struct snapshots_config {
	struct snapshots_source source; /* its strings are borrowed */
	struct snapshot_settings settings;
	const struct journal *journal;
	struct log_index *log; /* NULL: no segment is freed */
	size_t segment_size;   /* of the journal */
	uint64_t floor_seq;    /* snapshots_set_floor */
	uint64_t behind_bytes; /* of records behind the snapshot that the daemon started from */
	bool synchronous;
};

struct snapshots;
/* Returns owned. ERR_FULL: no memory, no thread. */
MUST_USE NONNULL_ALL enum err snapshots_create(
	struct snapshots **out, const struct snapshots_config *config);
/* Waits for one that is under way to be given up or to be whole. */
void snapshots_destroy(struct snapshots *s);
/* From the next run on no segment is freed that holds this record, or a later one: what somebody
 * still reads. UINT64_MAX: nobody does. Any thread. */
NONNULL_ALL void snapshots_set_floor(struct snapshots *s, uint64_t seq);
/* There may be reason to make one. */
NONNULL_ALL void snapshots_turn(struct snapshots *s);

struct snapshots_stat {
	uint64_t made, failed;
	uint64_t freed, recycled; /* segments */
	uint64_t kept_bytes;      /* of records kept of them */
	uint64_t last_seq;        /* the newest one's; 0: there is none */
	uint64_t last_bytes;      /* of its file */
	uint64_t last_ns;         /* how long it took to make; 0: not in this process */
	uint64_t age_ns;          /* since it was made; 0: likewise */
	uint64_t behind_bytes;    /* written since */
};
NONNULL_ALL void snapshots_stat(struct snapshots *s, struct snapshots_stat *out);

#endif
