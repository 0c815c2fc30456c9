#include "sign/cli.h"

#include "base/hex.h"
#include "sign/keyfile.h"
#include "sign/server.h"
#include "sys/clock.h"
#include "sys/guard.h"
#include "sys/rand.h"
#include "sys/signals.h"
#include "wire/utxo_build.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_BUSY = 3, EXIT_KEY = 4 };

#define TEXT_SIZE (16u * 1024u)

struct options {
	const char *dir;
	const char *password_file;
	const char *seed_file;
	const char *network;
	const char *socket;
	const char *policy;
	const char *loop_backend;
	bool fast_kdf;
};

/* One row for each option: name, where its value goes, what it is. */
static const struct {
	const char *name;
	size_t offset;
	bool flag;
	const char *value, *text;
} option_rows[] = {
	{"--dir", offsetof(struct options, dir), false, "DIR", "key and state are kept there"},
	{"--password-file", offsetof(struct options, password_file), false, "FILE",
		"its first line opens the key; without it DIR/password, which init makes"},
	{"--seed-file", offsetof(struct options, seed_file), false, "FILE",
		"init: the key is 64 hexadecimal digits in there, instead of a fresh one"},
	{"--network", offsetof(struct options, network), false, "NAME",
		"init: print funding addresses for it: mainnet, testnet, regtest (default)"},
	{"--fast-kdf", offsetof(struct options, fast_kdf), true, "",
		"init: cheap password hashing, for tests"},
	{"--socket", offsetof(struct options, socket), false, "PATH", "run: the Unix socket"},
	{"--policy", offsetof(struct options, policy), false, "FILE",
		"run, policy check: what may be signed"},
	{"--loop-backend", offsetof(struct options, loop_backend), false, "NAME",
		"run: how it waits: auto (io_uring, or epoll where it is refused), epoll, uring"},
};

static int usage(FILE *to, int status)
{
	(void)fputs("sluice-signer: holds the wallet key, checks every request against a policy, "
		    "signs\n\n"
		    "  sluice-signer init --dir DIR [--network NAME] [--password-file FILE]\n"
		    "  sluice-signer run --dir DIR --socket PATH --policy FILE\n"
		    "  sluice-signer policy explain\n"
		    "  sluice-signer policy check --policy FILE\n"
		    "  sluice-signer rules\n\n",
		to);
	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
		(void)fprintf(to, "  %-16s %-5s %s\n", option_rows[i].name, option_rows[i].value,
			option_rows[i].text);
	(void)fputs("\nExit status: 0 done, 1 failed, 2 usage or policy, 3 another signer is "
		    "running, 4 the key does not open.\n",
		to);
	return status;
}

/* What is wrong with the command line, in one line. */
static int misused(const char *what, const char *why)
{
	(void)fprintf(stderr, "sluice-signer: %s: %s; see sluice-signer --help\n", what, why);
	return EXIT_USAGE;
}

static bool parse_options(struct options *o, int argc, char **argv, int from)
{
	*o = (struct options){0};
	for (int i = from; i < argc; i++) {
		size_t row = 0;
		while (row < ARRAY_LEN(option_rows) && strcmp(option_rows[row].name, argv[i]) != 0)
			row++;
		const bool known = row < ARRAY_LEN(option_rows);
		if (!known || (!option_rows[row].flag && i + 1 == argc)) {
			(void)misused(argv[i], known ? "a value is missing" : "no such option");
			return false;
		}
		uint8_t *member = (uint8_t *)o + option_rows[row].offset;
		if (option_rows[row].flag)
			*(bool *)(void *)member = true;
		else
			*(const char **)(void *)member = argv[++i];
	}
	return true;
}

static int fail(int status, const char *what, const char *why)
{
	(void)fprintf(stderr, "sluice-signer: %s: %s\n", what, why);
	return status;
}

/* ---- policy ---- */

static int load_policy(struct policy *policy, const char *path)
{
	static uint8_t text[POLICY_FILE_MAX];
	struct policy_error error;
	size_t len;

	const enum err err = file_read_all(file_system(), path, text, &len, sizeof text);
	if (err != OK)
		return fail(EXIT_USAGE, path, file_why(err));
	if (policy_parse(policy, &error, slice_of(text, len)) != OK)
		return fail(EXIT_USAGE, path, error.text);
	return EXIT_OK;
}

static int command_policy(int argc, char **argv)
{
	static char text[TEXT_SIZE];
	struct buf out = buf_init(text, sizeof text);
	struct policy policy;
	struct options o;

	if (argc == 3 && strcmp(argv[2], "explain") == 0) {
		policy_explain(&out);
		(void)fputs(buf_cstr(&out), stdout);
		return EXIT_OK;
	}
	if (argc < 3 || strcmp(argv[2], "check") != 0)
		return misused("policy", "explain, or check --policy FILE");
	if (!parse_options(&o, argc, argv, 3))
		return EXIT_USAGE;
	if (o.policy == NULL)
		return misused("policy check", "--policy FILE is missing");
	const int status = load_policy(&policy, o.policy);
	if (status == EXIT_OK)
		(void)printf("%s: good\n", o.policy);
	return status;
}

static int command_rules(void)
{
	for (size_t i = 1; i < RULE_COUNT; i++)
		(void)printf("%-16s %s\n", check_rules[i].name, check_rules[i].text);
	return EXIT_OK;
}

/* ---- init ---- */

/* Where the wallet is paid to on a network; "": its keys are a node's. */
static void wallet_address(char text[UTXO_ADDRESS_TEXT_SIZE], const struct pubkey *wallet,
	const struct network *network)
{
	uint8_t bytes[WALLET_DESTINATION_MAX];
	struct buf to = buf_init(bytes, sizeof bytes);
	struct evm_address account;
	text[0] = '\0';
	switch (layer_family(network->layer)) {
	case FAMILY_UTXO:
		if (wallet_destination(&to, wallet, network->layer, KEY_INDEX_RECEIVE) != OK ||
			utxo_address_format(text, network, buf_slice(&to)) != OK)
			text[0] = '\0';
		return;
	case FAMILY_ACCOUNT:
		if (wallet_account(&account, wallet, network->layer) == OK)
			evm_address_format(text, &account, network->chain_id);
		return;
	case FAMILY_CHANNEL: return;
	}
}

static int print_wallet(const struct pubkey *wallet, const char *name)
{
	char hex[67], text[UTXO_ADDRESS_TEXT_SIZE];
	unsigned known = 0;

	hex_encode(hex, wallet->b, sizeof wallet->b);
	(void)printf("wallet: %s\n", hex);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct network *network = network_by_name((enum layer_id)i, slice_str(name));
		if (!layer_built((enum layer_id)i) || network == NULL)
			continue;
		known++;
		wallet_address(text, wallet, network);
		if (text[0] != '\0')
			(void)printf("%s: %s\n", layer_name((enum layer_id)i), text);
	}
	return known > 0 ? EXIT_OK : fail(EXIT_USAGE, name, "no network of that name");
}

static int seed_key(struct seckey *key, const char *seed_file)
{
	uint8_t text[KEYFILE_PASSWORD_MAX];
	size_t len;

	if (seed_file == NULL) {
		do
			rand_bytes(key->b, sizeof key->b);
		while (!seckey_valid(key));
		return EXIT_OK;
	}
	const enum err err = keyfile_password(text, &len, file_system(), seed_file);
	const bool good = err == OK &&
		hex_decode(key->b, sizeof key->b, slice_of(text, len)) == OK && seckey_valid(key);
	bytes_wipe(text, sizeof text);
	return good ? EXIT_OK : fail(EXIT_FAILED, seed_file, "not a key in hexadecimal");
}

/* The password's path; a fresh one in DIR when none is named and none is there. */
static int password_path(char path[FILE_PATH_SIZE], const struct options *o, bool make)
{
	uint8_t fresh[32];
	char line[2 * sizeof fresh + 2];
	int file;

	if (o->password_file != NULL) {
		(void)snprintf(path, FILE_PATH_SIZE, "%s", o->password_file);
		return EXIT_OK;
	}
	if (file_path_join(path, o->dir, KEYFILE_PASSWORD_NAME) != OK)
		return fail(EXIT_FAILED, o->dir, "too long");
	const struct file_ops *ops = file_system();
	if (!make)
		return EXIT_OK;
	if (ops->open(ops->ctx, &file, path, 0) == OK) {
		ops->close(ops->ctx, file);
		return EXIT_OK;
	}
	rand_bytes(fresh, sizeof fresh);
	hex_encode(line, fresh, sizeof fresh);
	line[2 * sizeof fresh] = '\n';
	const enum err err = file_write_atomic(ops, path, slice_of(line, sizeof line - 1));
	bytes_wipe(fresh, sizeof fresh);
	bytes_wipe(line, sizeof line);
	if (err != OK)
		return fail(EXIT_FAILED, path, file_why(err));
	(void)printf("password: made %s; who has it and the key file has the funds\n", path);
	return EXIT_OK;
}

static int make_key(struct seckey *key, const struct options *o, const char *key_path)
{
	char path[FILE_PATH_SIZE];
	uint8_t password[KEYFILE_PASSWORD_MAX];
	struct keyfile_random fresh;
	size_t len;

	int status = seed_key(key, o->seed_file);
	if (status == EXIT_OK)
		status = password_path(path, o, true);
	if (status != EXIT_OK)
		return status;
	enum err err = keyfile_password(password, &len, file_system(), path);
	if (err != OK)
		return fail(EXIT_FAILED, path, file_why(err));
	rand_bytes(&fresh, sizeof fresh);
	err = keyfile_create(
		file_system(), key_path, key, slice_of(password, len), &fresh, !o->fast_kdf);
	bytes_wipe(password, sizeof password);
	if (err == ERR_EXISTS)
		return fail(EXIT_FAILED, key_path, "a key is there already");
	return err == OK ? EXIT_OK : fail(EXIT_FAILED, key_path, file_why(err));
}

static int command_init(const struct options *o)
{
	char key_path[FILE_PATH_SIZE];
	const struct file_ops *ops = file_system();
	struct pubkey wallet;
	bool locked;
	int file;

	if (o->dir == NULL)
		return misused("init", "--dir DIR is missing");
	const enum err err = file_make_dir(ops, o->dir);
	if (err != OK)
		return fail(EXIT_FAILED, o->dir, file_why(err));
	if (file_path_join(key_path, o->dir, KEYFILE_NAME) != OK)
		return fail(EXIT_FAILED, o->dir, "too long");
	if (ops->open(ops->ctx, &file, key_path, 0) == OK) {
		ops->close(ops->ctx, file);
		return fail(EXIT_FAILED, key_path, "a key is there already");
	}
	struct seckey *key = guard_alloc(sizeof *key, &locked);
	if (key == NULL)
		return fail(EXIT_FAILED, "memory", "none");
	int status = make_key(key, o, key_path);
	if (status == EXIT_OK && pubkey_from_seckey(&wallet, key) != OK)
		status = EXIT_FAILED;
	guard_free(key, sizeof *key);
	return status == EXIT_OK
		? print_wallet(&wallet, o->network != NULL ? o->network : "regtest")
		: status;
}

/* ---- run ---- */

static int open_key(struct seckey *key, struct pubkey *public, const struct options *o)
{
	char key_path[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	uint8_t password[KEYFILE_PASSWORD_MAX];
	size_t len;

	if (file_path_join(key_path, o->dir, KEYFILE_NAME) != OK)
		return fail(EXIT_FAILED, o->dir, "too long");
	const int status = password_path(path, o, false);
	if (status != EXIT_OK)
		return status;
	const char *const secret[] = {key_path, path};
	for (size_t i = 0; i < ARRAY_LEN(secret); i++)
		if (guard_private(secret[i], false) == ERR_DENIED)
			return fail(EXIT_KEY, secret[i], "others can read it: chmod 600");
	enum err err = keyfile_password(password, &len, file_system(), path);
	if (err != OK)
		return fail(EXIT_KEY, path,
			err == ERR_FORMAT ? "its first line is no password" : file_why(err));
	err = keyfile_open(key, public, file_system(), key_path, slice_of(password, len));
	bytes_wipe(password, sizeof password);
	if (err == ERR_CHECKSUM)
		return fail(EXIT_KEY, key_path, "damaged, or not the password");
	return err == OK ? EXIT_OK : fail(EXIT_KEY, key_path, file_why(err));
}

static void on_stop(void *ctx)
{
	loop_stop(ctx);
}

static int serve(struct service *service, const struct options *o)
{
	struct loop_config config = {.backend = LOOP_AUTO};
	char reason[LOOP_REASON_SIZE];
	struct loop *loop;
	struct server *server;

	if (o->loop_backend != NULL && loop_backend_parse(&config.backend, o->loop_backend) != OK)
		return fail(EXIT_USAGE, "--loop-backend", "must be auto, epoll or uring");
	enum err err = loop_create(&loop, &config);
	if (err == ERR_UNAVAILABLE && loop_uring_probe(reason) == err)
		return fail(EXIT_FAILED, "--loop-backend", reason);
	if (err != OK)
		return fail(EXIT_FAILED, "loop", "the system refused");
	err = signals_watch(loop, on_stop, loop);
	if (err == OK)
		err = server_start(&server, loop, service, o->socket);
	if (err != OK) {
		loop_destroy(loop);
		return fail(err == ERR_EXISTS ? EXIT_BUSY : EXIT_FAILED, o->socket, file_why(err));
	}
	(void)printf("sluice-signer: ready on %s, %u sessions known\n", o->socket,
		(unsigned)sign_state_session_count(service->state));
	(void)fflush(stdout);
	loop_run(loop);
	const bool good = server_stop(server);
	signals_unwatch();
	loop_destroy(loop);
	return good ? EXIT_OK : EXIT_FAILED;
}

static int run_with(struct seckey *key, const struct policy *policy, const struct options *o)
{
	struct state_file_config config = {.dir = o->dir,
		.now_ms = clock_wall_ms(),
		.retention_ms = policy->retention_days * POLICY_DAY_MS};
	struct state_file_error error;
	struct state_file *file;
	struct sign_state *state;
	static struct service service;

	int status = open_key(key, &config.wallet, o);
	if (status != EXIT_OK)
		return status;
	rand_bytes(&config.seed, sizeof config.seed);
	const enum err err = state_file_open(&file, &state, &error, &config);
	if (err != OK)
		return fail(err == ERR_EXISTS ? EXIT_BUSY : EXIT_FAILED, "state", error.text);
	if (service_init(&service, policy, key, state, file) != OK)
		status = fail(EXIT_FAILED, "wallet", "the key gives no wallet");
	else
		status = serve(&service, o);
	state_file_close(file);
	sign_state_destroy(service.state);
	return status;
}

static int command_run(const struct options *o)
{
	static struct policy policy;
	bool locked;

	if (o->dir == NULL || o->socket == NULL || o->policy == NULL)
		return misused("run", "--dir DIR, --socket PATH and --policy FILE are all needed");
	int status = load_policy(&policy, o->policy);
	if (status != EXIT_OK)
		return status;
	struct seckey *key = guard_alloc(sizeof *key, &locked);
	if (key == NULL)
		return fail(EXIT_FAILED, "memory", "none");
	if (!locked)
		(void)fail(0, "warning", "the key's memory cannot be kept out of swap");
	status = run_with(key, &policy, o);
	guard_free(key, sizeof *key);
	return status;
}

/* ---- main ---- */

int signer_main(int argc, char **argv)
{
	uint8_t blind[32];
	struct options o;

	if (argc < 2)
		return usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout, EXIT_OK);
	rand_bytes(blind, sizeof blind);
	secp_init(blind);
	bytes_wipe(blind, sizeof blind);
	if (strcmp(argv[1], "policy") == 0)
		return command_policy(argc, argv);
	if (strcmp(argv[1], "rules") == 0)
		return command_rules();
	const bool run = strcmp(argv[1], "run") == 0;
	if (!run && strcmp(argv[1], "init") != 0)
		return misused(argv[1], "no such command");
	if (!parse_options(&o, argc, argv, 2))
		return EXIT_USAGE;
	if (guard_process() != OK)
		(void)fail(0, "warning", "core dumps cannot be switched off");
	const int status = run ? command_run(&o) : command_init(&o);
	guard_release();
	return status;
}
