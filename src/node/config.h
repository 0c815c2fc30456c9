/* node/config: one YAML file, every key in one table.
 *
 * A value comes from the first of: --set KEY=VALUE, the environment (bitcoin.rpc_url is
 * SLUICE_BITCOIN_RPC_URL), the file, the default (mainnet's). Whatever is not in the table is an
 * error that names file and line. Secrets are in files of their own, never in a value: a password
 * inside the YAML file, or inside a URL, is refused.
 * Threads: any, on its own arguments. Ownership: a loaded configuration borrows nothing.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H
#include "base/buf.h"
#include "ledger/ledger.h"
#include "sys/loop.h"

#define CONFIG_TEXT_SIZE 256u
#define CONFIG_DESCRIPTOR_SIZE 4096u
#define CONFIG_FILE_MAX (256u * 1024u)

struct config_layer {
	bool enabled;
	char rpc_url[CONFIG_TEXT_SIZE];
	char rpc_user[CONFIG_TEXT_SIZE];
	char rpc_password_file[CONFIG_TEXT_SIZE];
	char rpc_cookie_file[CONFIG_TEXT_SIZE];
	/* CHANNEL: "lnd" or "cln"; its macaroon or rune; its certificate, "": what the system
	 * trusts
	 */
	char node[CONFIG_TEXT_SIZE];
	char credential_file[CONFIG_TEXT_SIZE];
	char ca_file[CONFIG_TEXT_SIZE];
	uint64_t rpc_timeout_ms;
	uint64_t rpc_cpu_us;
	uint64_t poll_ms;
	uint64_t birth_height; /* the first block that can hold coins of ours; 0: the tip when the
				  journal is new */
	char deposit_descriptor[CONFIG_DESCRIPTOR_SIZE]; /* Bitcoin (node/deposits.h) */
	char sweep_addresses[CONFIG_DESCRIPTOR_SIZE];    /* likewise: apart by commas */
	char contract[CONFIG_TEXT_SIZE]; /* as written; params.contract is what it means */
	char token[CONFIG_TEXT_SIZE];    /* likewise, and params.token */
	struct layer_params params;
};

struct config_limits {
	uint32_t request_rate, request_burst; /* of one peer: a second, at once */
	uint32_t swap_rate, swap_burst;       /* of one peer: an hour, at once */
	uint32_t peers;                       /* peers whose rate is remembered */
	uint32_t event_streams;
	uint32_t waiting;     /* requests that the engine has not looked at */
	uint64_t deadline_ms; /* of an answer that waits for durability */
	uint64_t request_cpu_us;
};

/* node/snapshots.h */
struct snapshot_settings {
	uint64_t every_bytes;   /* of the journal; 0: none is made */
	uint32_t keep;          /* the newest of them */
	uint32_t collect_after; /* groups behind a snapshot, then segments are freed; 0: never */
	uint32_t keep_segments; /* that could be freed, and are not */
	uint64_t write_rate;    /* bytes a second; 0: as fast as the disk is */
};

struct config {
	char data_dir[CONFIG_TEXT_SIZE];
	char http_bind[CONFIG_TEXT_SIZE];
	uint16_t http_port;
	bool http_allow_public; /* listen elsewhere than on this machine */
	char http_trusted_proxy[CONFIG_TEXT_SIZE];
	uint32_t http_connections;
	uint64_t http_body_max;
	char signer_socket[CONFIG_TEXT_SIZE];
	uint64_t signer_timeout_ms;
	char seal_key_file[CONFIG_TEXT_SIZE];
	char operator_token_file[CONFIG_TEXT_SIZE];
	struct config_layer layer[LAYER_COUNT];
	uint32_t fee_ppm;
	uint64_t quote_ttl_ms, offer_ttl_ms, observation_ms;
	uint64_t payout_wait_ms;
	uint64_t reconcile_interval_ms;
	struct ledger_capacity capacity;
	struct config_limits limits;
	enum durability durability;
	uint32_t durability_ms;
	uint64_t scrub_rate, scrub_pause_ms; /* bytes a second, 0: not at all */
	struct snapshot_settings snapshots;
	enum loop_backend_kind loop_backend;
};

#define CONFIG_SET_MAX 64u /* of the words on a command line */

struct config_source {
	const char *path;               /* of the file, for messages too; NULL: none */
	const char *const *environment; /* "NAME=VALUE", NULL at the end; NULL: none */
	const char *const *set;         /* "KEY=VALUE" from the command line */
	size_t set_count;
};

struct config_error {
	char text[400]; /* "sluice.yaml:12: bitcoin.rpc_uri: there is no such key" */
};

/* Put together from all sources; what a value alone can tell is checked. ERR_NOT_FOUND, ERR_IO the
 * file; ERR_FORMAT, ERR_RANGE, ERR_DENIED (a secret where none may be) with *error. */
MUST_USE NONNULL_ALL enum err config_load(
	struct config *out, const struct config_source *source, struct config_error *error);
/* The same with the file's text in memory; source->path names it in messages. */
MUST_USE NONNULL_ALL enum err config_load_text(struct config *out, struct slice yaml,
	const struct config_source *source, struct config_error *error);

/* What values say together: needed keys, unsafe pairs, the time locks of each pair of layers. One
 * line for each problem is added to problems. ERR_STATE when there is one. */
MUST_USE NONNULL_ALL enum err config_check(const struct config *c, struct buf *problems);

/* All but the wallet key, which the signer tells; of the layers that are enabled. */
NONNULL_ALL void config_params(struct ledger_params *out, const struct config *c);

/* Every key with its meaning, bounds and default, as a file that could be loaded. */
NONNULL_ALL void config_explain(struct buf *out);
/* Every key with its value, one "key: value" a line. */
NONNULL_ALL void config_show(struct buf *out, const struct config *c);
#define CONFIG_EXPLAIN_MAX (64u * 1024u)

#endif
