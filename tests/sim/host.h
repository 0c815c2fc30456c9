/* sim/host: the provider's machine: the core (node/core.h) on a simulated disk, wire and signer,
 * and how it dies and comes back.
 *
 * A process that dies may do so in the middle of a callback, at a write to its disk: from that
 * moment on nothing that it does leaves it (host_is_dead), and what is left of it is taken away
 * when the callback has returned. Threads: one. Ownership: host_init acquires, host_fini releases.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H
#include "draw.h"
#include "ledger/ledger.h"
#include "net/http_client.h"
#include "store/journal.h"
#include "sys/file_sim.h"

struct world;
struct core;
struct host_settings;
struct http_local_server;
struct config;
struct core_config;

#define HOST_TOKEN "operator-0123456789abcdef0123456789"

struct host {
	struct world *w;
	struct host_settings *settings; /* owned */
	struct file_sim *disk;
	struct http_client *http;
	struct http_local_server *door; /* NULL: nobody listens */
	struct core *core;              /* NULL: no process */
	struct draw random, cuts;
	bool dead;              /* it ended; to be taken away */
	bool disk_failed;       /* an operation of the disk did, since it started */
	struct file_sim *after; /* its disk after the power failed; NULL: the machine lives on */
	uint32_t cut_in;     /* the power fails at so many changes of the disk from now; 0: not */
	bool cut_clean;      /* nothing that is unsynced survives */
	uint64_t restart_ms; /* not before this time of the loop */
	uint64_t stalled_until_ms; /* the disk is slow: nothing is handed to it */
	uint64_t wait_ms;
	uint64_t capacity; /* of the disk; UINT64_MAX */
	size_t segment_size, group_max;

	uint64_t durable_before; /* the last turn made anything durable; of this process */

	/* what the next start must find */
	bool check;
	uint64_t durable, staged;
	struct file_sim *full; /* the disk as it would be if nothing had been lost */
	uint64_t starts, cuts_made, kills, failures, last_seq;
};

NONNULL_ALL void host_init(struct host *h, struct world *w);
NONNULL_ALL void host_fini(struct host *h);
/* After every step of the loop: what is due, births and deaths. */
NONNULL_ALL void host_turn(struct host *h);
/* Takes a request to "http://provider". */
NONNULL_ALL void host_serve(struct host *h, struct http_local_request *request, const char *peer);
/* It dies where it stands: the process alone, or with the power of its machine. */
NONNULL_ALL void host_kill(struct host *h, bool power);
/* NULL while there is no process. */
NONNULL_ALL const struct ledger *host_ledger(const struct host *h);
/* As it is configured: the deepest reorganisation that nobody has to look at. */
NONNULL_ALL uint32_t host_final_depth(const struct host *h, enum layer_id layer);
NONNULL_ALL const struct config *host_config(const struct host *h);
/* As it starts on this disk; loop, HTTP client and callbacks are its own. */
NONNULL_ALL void host_core_config(struct host *h, struct core_config *out, struct file_sim *disk);
/* The records that a start must find at least, and at most. */
NONNULL_ALL void host_bounds(const struct host *h, uint64_t *durable, uint64_t *made);
#define HOST_JOURNAL "provider/journal"
/* The state that the journal on this disk folds to, up to a record, once writes that went astray
 * are made good; compares with nothing. ERR: the journal is refused, in words. */
MUST_USE NONNULL_ALL enum err host_fold(const struct host *h, struct hash256 *out, uint64_t *seq,
	struct journal_error *error, const struct file_sim *disk, uint64_t up_to);
/* The same on the disk itself, as it is. */
MUST_USE NONNULL_ALL enum err host_fold_as_is(const struct host *h, struct hash256 *out,
	uint64_t *seq, struct journal_error *error, struct file_sim *disk, uint64_t up_to);

#endif
