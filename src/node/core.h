/* node/core: the provider without its process: journal, engine, effect runner, watching,
 * reconciliation, adapters and API, wired together on a loop that somebody else runs.
 *
 * What tells one deployment from another comes in from outside: the loop, the HTTP client, the
 * signer, the files, the random bytes. sluiced passes real ones; the simulation passes simulated
 * ones and runs the very same wiring on virtual time. Nothing here reads a clock of its own, starts
 * a thread (the journal does, unless it is synchronous) or ends the process.
 *
 * Invariant: after core_turn has answered other than OK nothing may leave any more by any path: the
 * owner ends the process at once, without cleaning up.
 * Threads: the loop's. Ownership: borrows its configuration, and what that points to, until
 * core_destroy; takes the signer.
 */
#ifndef NODE_CORE_H
#define NODE_CORE_H
#include "base/parallel.h"
#include "node/api.h"
#include "node/config.h"
#include "node/secrets.h"
#include "sign/signer.h"
#include "sys/file.h"

struct core;

/* Why it can't go on. */
enum core_end {
	CORE_END_SETTINGS, /* configuration, or what it names */
	CORE_END_DATA,     /* the data folder is in use, damaged, or another deployment's */
	CORE_END_FAILED,   /* while running */
};

struct core_config {
	const struct config *config;
	const struct seal_key *seal;
	const struct token_set *tokens;
	struct loop *loop;
	struct http_client *http; /* to the nodes */
	const struct file_ops *files;
	/* The journal in place, without a thread: for a virtual loop. */
	bool synchronous;
	size_t segment_size, group_max;  /* of the journal; 0: as it likes */
	const struct parallel *parallel; /* shares work at the start; NULL: nobody */
	struct offload *offload; /* CPU work that is too long for the loop; NULL: in place */
	void (*random)(void *random_ctx, void *out, size_t len);
	void *random_ctx;
	/* The API can be served now: core_api. ERR: it could not be, and the owner has said why. */
	enum err (*serve)(void *ctx);
	/* Fills in what the process knows, for metrics: rings and workers; NULL: nothing. */
	void (*status)(void *ctx, struct node_status *out);
	/* From the loop, once: it can't go on. */
	void (*on_end)(void *ctx, enum core_end end);
	void *ctx;
};

/* Opens and replays the journal; sends nothing yet. Takes the signer, also on failure. Returns
 * owned; on failure *end says what kind it was, and a log line the rest. */
MUST_USE NONNULL_ALL enum err core_create(struct core **out, enum core_end *end,
	const struct core_config *config, struct signer *signer);
/* The signer is asked, then the layers are followed. */
NONNULL_ALL void core_start(struct core *core);
/* After every step of the loop: hand over what was appended, answer what became durable, do what is
 * due. *wait_ms: the loop may wait so long. ERR_IO: the journal failed. */
MUST_USE NONNULL_ALL enum err core_turn(struct core *core, uint64_t *wait_ms);
/* After the HTTP server, and before the HTTP client, the offload and the loop, are gone. */
void core_destroy(struct core *core);

/* Borrowed; for http_server_create, from `serve` on. */
NONNULL_ALL struct api *core_api(const struct core *core);
NONNULL_ALL const struct ledger *core_ledger(const struct core *core);
NONNULL_ALL const struct journal *core_journal(const struct core *core);
/* NULL: it could not be opened. */
NONNULL_ALL struct log_index *core_log(const struct core *core);

#endif
