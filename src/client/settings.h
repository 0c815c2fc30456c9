/* client/settings: what the taker is told by flags, environment and a file, in one table.
 *
 * A value comes from the first of: a flag, SLUICE_ and the key in capitals (bitcoin.rpc_url is
 * SLUICE_BITCOIN_RPC_URL), the file given with --config, a rescue file (for the commands that read
 * one), the default. Defaults of regtest differ from those of networks whose coins have value.
 * Every number that a swap's safety hangs on is the taker's own: nothing here is ever asked of a
 * provider. Secrets are in files of their own; a password inside a URL is refused. Threads: any, on
 * its own arguments.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H
#include "ledger/params.h"

#define SETTING_SIZE 256u /* of a value as text, with its zero */
#define SETTING_NAME_MAX 40u
#define SETTINGS_MAX 128u

enum setting_type {
	SETTING_TEXT,
	SETTING_URL,
	SETTING_U64,
	SETTING_U32,
	SETTING_NETWORK, /* const struct network * */
	SETTING_DEPTH,   /* steps of struct layer_params */
	SETTING_PERCENT, /* uint32_t, in millionths */
};

struct client_layer {
	char rpc_url[SETTING_SIZE], rpc_user[SETTING_SIZE];
	char rpc_password_file[SETTING_SIZE], rpc_cookie_file[SETTING_SIZE];
	uint64_t rpc_timeout_ms, poll_ms;
	/* CHANNEL: "lnd" or "cln"; its macaroon or rune; its certificate, "" what the system trusts
	 */
	char node[SETTING_SIZE], credential_file[SETTING_SIZE], ca_file[SETTING_SIZE];
	uint32_t routing_fee_ppm; /* CHANNEL: of what we pay, at most */
	uint32_t hold_blocks;     /* CHANNEL: what is paid to us is held for so many, at least */
	/* our own lock-up's refund may open this many blocks from now at most, and not earlier than
	 * in so many */
	uint32_t lock_blocks_max, lock_blocks_min;
	/* ACCOUNT, as written. contract "": the provider's, if its code is right. token: where the
	 * layer's value is one */
	char contract[SETTING_SIZE], token[SETTING_SIZE];
	struct layer_params params;
};

struct client_config {
	char provider[SETTING_SIZE];
	char token_file[SETTING_SIZE];
	char gas_key_file[SETTING_SIZE]; /* one account, by this key on each ACCOUNT layer */
	char wallet[SETTING_SIZE];       /* of Bitcoin Core, to pay with; "": we print a URI */
	char refund_address[SETTING_SIZE];
	char rescue_dir[SETTING_SIZE];
	uint32_t max_fee_ppm;
	struct client_layer layer[LAYER_COUNT];
};

/* Values as text, by row of the table; "" where nothing was said. */
struct settings {
	char value[SETTINGS_MAX][SETTING_SIZE];
};

struct setting {
	char name[SETTING_NAME_MAX]; /* "bitcoin.rpc_url" */
	const char *flag;            /* "--bitcoin-rpc"; NULL: only --set NAME=VALUE */
	const char *argument;        /* "URL" */
	const char *doc;
	const char *def, *def_regtest;
	enum setting_type type;
	enum layer_id layer; /* LAYER_COUNT: of no layer */
	bool saved;          /* in rescue files, too */
	size_t offset;       /* in struct client_config */
	uint64_t min, max;
};

/* The rows in order; false beyond the last. */
NONNULL_ALL bool setting_at(struct setting *out, uint32_t index);
/* By name, or by flag. UINT32_MAX: there is none. */
NONNULL_ALL uint32_t setting_find(const char *name);
NONNULL_ALL uint32_t setting_find_flag(const char *flag);

struct settings_error {
	char text[400];
};

/* Set unless an earlier source did. ERR_NOT_FOUND no such key, ERR_RANGE too long. */
MUST_USE NONNULL_ALL enum err settings_offer(
	struct settings *s, struct settings_error *error, const char *name, const char *value);
/* SLUICE_ variables of an environment ("NAME=VALUE", NULL at the end); others are not looked at. */
MUST_USE NONNULL_ALL enum err settings_environment(
	struct settings *s, struct settings_error *error, const char *const *environment);
/* A YAML file's text; path names it in messages. */
MUST_USE NONNULL_ALL enum err settings_file(
	struct settings *s, struct settings_error *error, const char *path, struct slice text);

/* What the values mean; checks each, and what they say together. ERR_FORMAT, ERR_RANGE, ERR_DENIED
 * (a secret where none may be). */
MUST_USE NONNULL_ALL enum err settings_read(
	struct client_config *out, struct settings_error *error, const struct settings *s);
/* Every key with its meaning and default. */
NONNULL_ALL void settings_explain(struct buf *out);

#endif
