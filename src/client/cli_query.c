/* status, transfers, layers, accounts, book, keygen, settings: questions and small tools. */
#include "client/cli.h"

#include "base/base64.h"
#include "base/hex.h"
#include "client/spend.h"
#include "sys/rand.h"

#include <ctype.h>
#include <stdlib.h>

#define TOKEN_SIZE 200u
#define CELL_SIZE 200u
#define WATCH_MS 1000u
#define EXPLAIN_MAX (32u * 1024u)

struct asking {
	const char *key; /* Idempotency-Key; NULL: none */
	struct cli *cli;
	struct provider provider;
	char token[TOKEN_SIZE];
};

static enum client_exit read_token(struct asking *a)
{
	const char *path = a->cli->config.token_file;
	size_t len;
	if (path[0] == '\0')
		return CLIENT_OK;
	const enum err err = file_read_all(
		file_system(), path, a->token, &len, sizeof a->token - 1);
	if (err != OK)
		return cli_usage(a->cli, "--token-file %s: %s", path, file_why(err));
	a->token[len] = '\0';
	a->token[strcspn(a->token, " \t\r\n")] = '\0';
	a->provider.token = a->token;
	return CLIENT_OK;
}

static enum client_exit begin(struct asking *a, struct cli *cli)
{
	*a = (struct asking){.cli = cli};
	if (settings_read(&cli->config, &cli->error, &cli->settings) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	enum client_exit exit = cli_begin(cli);
	if (exit != CLIENT_OK)
		return exit;
	a->provider = (struct provider){.loop = cli->loop,
		.http = cli->http,
		.url = cli->config.provider,
		.stop = &cli->stop};
	exit = read_token(a);
	if (exit != CLIENT_OK)
		cli_end(cli);
	return exit;
}

/* The answer, or NULL with *exit; owned. */
static struct json *ask_with(
	struct asking *a, enum client_exit *exit, const char *path, const char *body)
{
	struct provider_answer answer;
	provider_call(&answer, &a->provider, path, body, a->key);
	*exit = answer.err == OK             ? CLIENT_OK
		: answer.err == ERR_REJECTED ? CLIENT_REFUSED
		: answer.err == ERR_FORMAT   ? CLIENT_MISMATCH
					     : CLIENT_UNREACHABLE;
	print_plain(answer.text);
	if (*exit != CLIENT_OK)
		(void)fprintf(stderr, "sluice: %s\n", answer.text);
	if (answer.status == 401)
		(void)fprintf(stderr, "sluice: name your token's file with --token-file FILE\n");
	if (answer.err == OK)
		return answer.body;
	provider_answer_fini(&answer);
	return NULL;
}

static struct json *ask(struct asking *a, enum client_exit *exit, const char *path)
{
	return ask_with(a, exit, path, NULL);
}

static void dump(const struct json *v, unsigned indent)
{
	size_t len;
	char *text = json_dump(v, indent, &len);
	if (text != NULL)
		(void)puts(text);
	(void)fflush(stdout);
	json_text_free(text);
}

/* A member as text for a table, in the caller's storage; what a terminal would obey is blanked. */
static const char *cell(const struct json *v, const char *key, char storage[CELL_SIZE])
{
	const struct json *member = json_get(v, key);
	uint64_t n;
	switch (json_type(member)) {
	case JSON_STRING:
		(void)snprintf(storage, CELL_SIZE, "%s", json_get_string(v, key));
		print_plain(storage);
		return storage;
	case JSON_NUMBER:
		if (json_get_u64(v, key, &n) != OK)
			return "?";
		(void)snprintf(storage, CELL_SIZE, "%llu", (unsigned long long)n);
		return storage;
	case JSON_BOOL: {
		bool yes = false;
		return json_get_bool(v, key, &yes) == OK && yes ? "yes" : "no";
	}
	case JSON_NULL: return "-";
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	return "...";
}

struct column {
	const char *key, *title;
	int width;
};

static void table(const struct json *list, const struct column *column, size_t count)
{
	char storage[CELL_SIZE];
	for (size_t i = 0; i < count; i++)
		(void)printf("%-*s ", column[i].width, column[i].title);
	(void)putchar('\n');
	for (size_t k = 0; k < json_count(list); k++) {
		for (size_t i = 0; i < count; i++)
			(void)printf("%-*s ", column[i].width,
				cell(json_at(list, k), column[i].key, storage));
		(void)putchar('\n');
	}
}

static enum client_exit list(struct cli *cli, const char *path, const char *member,
	const struct column *column, size_t count)
{
	struct asking a;
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *v = ask(&a, &exit, path);
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK)
		table(json_get(v, member), column, count);
	json_free(v);
	cli_end(cli);
	return exit;
}

enum client_exit cli_print_answer(struct cli *cli, const char *path)
{
	struct asking a;
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *v = ask(&a, &exit, path);
	if (exit == CLIENT_OK)
		dump(v, 0);
	json_free(v);
	cli_end(cli);
	return exit;
}

/* What only a chain of tokens that is published on another one has to say. */
static void print_rollup(const struct json *layer)
{
	const struct json *below = json_get(layer, "first_layer");
	char name[CELL_SIZE], token[CELL_SIZE], asset[CELL_SIZE], gas[CELL_SIZE], fee[CELL_SIZE],
		safe[CELL_SIZE], final[CELL_SIZE];
	if (json_type(below) != JSON_OBJECT)
		return;
	(void)printf("%s: token %s, gas in %s", cell(layer, "layer", name),
		cell(layer, "token", token), cell(layer, "gas_asset", asset));
	if (json_get(layer, "gas_available") != NULL)
		(void)printf(" (%s available)", cell(layer, "gas_available", gas));
	(void)printf(", data at most %s a transaction, safe to %s, final to %s\n",
		cell(below, "data_fee", fee), cell(below, "safe_height", safe),
		cell(below, "final_height", final));
}

static enum client_exit command_layers(struct cli *cli)
{
	static const struct column columns[] = {{"layer", "LAYER", 10},
		{"network_name", "NETWORK", 8}, {"height", "HEIGHT", 9},
		{"block_interval_ms", "BLOCK MS", 9}, {"available", "AVAILABLE", 9},
		{"contract", "CONTRACT", 42}, {"funding_address", "FUNDING ADDRESS", 42}};
	struct asking a;
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *v = ask(&a, &exit, "/v1/layers");
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK)
		table(json_get(v, "layers"), columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < json_count(json_get(v, "layers")) && !cli->json; i++)
		print_rollup(json_at(json_get(v, "layers"), i));
	json_free(v);
	cli_end(cli);
	return exit;
}

static enum client_exit command_transfers(struct cli *cli)
{
	static const struct column columns[] = {{"id", "ID", 32}, {"state", "STATE", 10},
		{"layer", "LAYER", 10}, {"amount", "AMOUNT", 20}, {"to", "TO", 44},
		{"reason", "REASON", 20}};
	return list(cli, "/v1/transfers", "transfers", columns, ARRAY_LEN(columns));
}

static enum client_exit command_accounts(struct cli *cli)
{
	struct asking a;
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *v = ask(&a, &exit, "/v1/accounts");
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	const struct json *layers = cli->json ? NULL : json_get(v, "layers");
	for (size_t i = 0; i < json_count(layers); i++) {
		static const struct column columns[] = {{"account", "ACCOUNT", 20},
			{"asset", "ASSET", 5}, {"balance", "BALANCE", 26},
			{"custody", "CUSTODY", 8}};
		const struct json *layer = json_at(layers, i);
		char name[CELL_SIZE], asset[CELL_SIZE], custody[CELL_SIZE];
		(void)printf("%s%s, %s in custody %s\n", i == 0 ? "" : "\n",
			cell(layer, "layer", name), cell(layer, "asset", asset),
			cell(layer, "custody", custody));
		table(json_get(layer, "accounts"), columns, ARRAY_LEN(columns));
	}
	json_free(v);
	cli_end(cli);
	return exit;
}

static enum client_exit command_book(struct cli *cli)
{
	static const struct column accounts[] = {{"id", "ACCOUNT", 32}, {"layer", "LAYER", 10},
		{"asset", "ASSET", 5}, {"balance", "BALANCE", 26}, {"transfers", "TRANSFERS", 9}};
	static const struct column transfers[] = {{"id", "TRANSFER", 32}, {"from", "FROM", 32},
		{"to", "TO", 32}, {"amount", "AMOUNT", 20}, {"at", "AT", 24}, {"tag", "TAG", 16}};
	char path[CELL_SIZE];
	uint8_t id[16];
	if (cli->argument == NULL)
		return list(cli, "/v1/book/accounts", "accounts", accounts, ARRAY_LEN(accounts));
	if (hex_decode(id, sizeof id, slice_str(cli->argument)) != OK)
		return cli_usage(cli, "an account's ID has %zu hexadecimal digits", 2 * sizeof id);
	(void)snprintf(path, sizeof path, "/v1/book/accounts/%s/transfers", cli->argument);
	return list(cli, path, "transfers", transfers, ARRAY_LEN(transfers));
}

/* ---- status ---- */

static bool is_over(const char *state)
{
	static const char *const over[] = {
		"completed", "refunded", "expired", "declined", "breached"};
	for (size_t i = 0; i < ARRAY_LEN(over); i++)
		if (strcmp(state, over[i]) == 0)
			return true;
	return false;
}

static void show_leg(const struct json *swap, const char *side)
{
	const struct json *leg = json_get(swap, side), *lock = json_get(leg, "lock");
	char a[CELL_SIZE], b[CELL_SIZE], c[CELL_SIZE], d[CELL_SIZE];
	(void)printf("%-12s %s %s, refund opens at block %s\n", side, cell(leg, "amount", a),
		cell(leg, "layer", b), cell(leg, "timelock", c));
	if (json_type(lock) == JSON_OBJECT)
		(void)printf("%-12s   lock-up %s: %s, %s of %s confirmations\n", "",
			cell(lock, "transaction", a), cell(lock, "state", b),
			cell(lock, "confirmations", c), cell(leg, "depth", d));
}

static void show_swap(const struct json *v)
{
	char a[CELL_SIZE], b[CELL_SIZE], c[CELL_SIZE], d[CELL_SIZE];
	const struct json *next = json_get(v, "next");
	(void)printf("%-12s %s\n%-12s %s %s to %s\n", "swap", cell(v, "id", a), "state",
		cell(v, "state", b), cell(v, "from", c), cell(v, "to", d));
	show_leg(v, "source");
	show_leg(v, "destination");
	(void)printf("%-12s %s: %s\n", "next", cell(next, "action", a), cell(next, "detail", b));
	if (json_type(json_get(v, "reason")) == JSON_STRING)
		(void)printf("%-12s %s\n", "reason", cell(v, "reason", a));
}

static enum client_exit watch(struct asking *a, const char *path)
{
	char last[1024] = "";
	enum client_exit exit = CLIENT_OK;
	bool over = false;
	while (!over) {
		struct json *v = ask(a, &exit, path);
		if (exit != CLIENT_OK)
			return exit;
		const char *state = json_get_string(v, "state");
		char now[1024], x[CELL_SIZE], y[CELL_SIZE];
		(void)snprintf(now, sizeof now, "%.200s %s %s", state == NULL ? "?" : state,
			cell(json_get(json_get(v, "source"), "lock"), "confirmations", x),
			cell(json_get(json_get(v, "destination"), "lock"), "confirmations", y));
		if (strcmp(now, last) != 0) {
			if (a->cli->json)
				dump(v, 0);
			else
				show_swap(v);
			memcpy(last, now, sizeof last);
		}
		over = !a->cli->watch || (state != NULL && is_over(state));
		json_free(v);
		if (!over && wait_ms(a->cli->loop, WATCH_MS, &a->cli->stop) != OK)
			return CLIENT_PENDING;
	}
	return exit;
}

static enum client_exit show_rescue(struct cli *cli)
{
	struct rescue_error error;
	struct rescue *r = calloc(1, sizeof *r);
	if (r == NULL)
		return CLIENT_FAILED;
	const enum err err = rescue_load(r, &error, file_system(), cli->rescue);
	if (err != OK) {
		free(r);
		return cli_usage(cli, "--rescue %s: %s", cli->rescue, error.text);
	}
	cli->printer = (struct printer){
		.out = stdout, .json = cli->json, .rescue_path = cli->rescue};
	if (cli->json) {
		print_end(&cli->printer, r, CLIENT_OK);
	} else {
		char amount[2][AMOUNT_TEXT_SIZE], id[33] = "-";
		for (unsigned i = 0; i < SIDE_COUNT; i++)
			amount_format(amount[i], r->leg[i].amount);
		if (r->has_swap_id)
			hex_encode(id, r->swap_id.b, sizeof r->swap_id.b);
		(void)printf("swap         %s\nphase        %s%s\n", id,
			rescue_phase_name(r->phase), r->revealed ? ", preimage told" : "");
		for (unsigned i = 0; i < SIDE_COUNT; i++)
			(void)printf("%-12s %s %s on %s %s, refund opens at block %llu\n",
				i == SIDE_SOURCE ? "source" : "destination", amount[i],
				asset_name(r->leg[i].amount.asset),
				layer_name(r->leg[i].network->layer), r->leg[i].network->name,
				(unsigned long long)r->leg[i].timelock);
		print_plain(r->reason);
		if (r->reason[0] != '\0')
			(void)printf("reason       %s\n", r->reason);
		(void)printf("transactions %u\n", (unsigned)r->tx_count);
	}
	rescue_fini(r);
	free(r);
	return CLIENT_OK;
}

static enum client_exit command_status(struct cli *cli)
{
	struct asking a;
	char path[64];
	struct id128 id;
	if (cli->argument == NULL && cli->rescue != NULL)
		return show_rescue(cli);
	if (cli->argument == NULL)
		return cli_usage(cli, "status needs a swap's ID, or --rescue FILE");
	if (hex_decode(id.b, sizeof id.b, slice_str(cli->argument)) != OK)
		return cli_usage(cli, "%s: an ID has 32 hexadecimal digits", cli->argument);
	(void)snprintf(path, sizeof path, "/v1/swaps/%s", cli->argument);
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	exit = watch(&a, path);
	cli_end(cli);
	return exit;
}

/* ---- the journal of a daemon that runs ---- */

/* "group", "strict" or "interval:20" as what the daemon is asked for. */
static enum client_exit mode_request(struct cli *cli, char *body, size_t size, const char *mode)
{
	static const char interval[] = "interval:";
	const size_t len = sizeof interval - 1;
	if (strcmp(mode, "group") == 0 || strcmp(mode, "strict") == 0) {
		(void)snprintf(body, size, "{\"mode\":\"%s\"}", mode);
		return CLIENT_OK;
	}
	const char *ms = mode + len;
	if (strncmp(mode, interval, len) != 0 || ms[0] == '\0' || strlen(ms) > 4 ||
		strspn(ms, "0123456789") != strlen(ms) || ms[0] == '0')
		return cli_usage(cli, "%s: a mode is group, strict or interval:MS", mode);
	(void)snprintf(body, size, "{\"mode\":\"interval\",\"interval_ms\":%s}", ms);
	return CLIENT_OK;
}

/* Its other words are about files, and the daemon's own (node/journal_cli.h). */
static enum client_exit command_journal(struct cli *cli)
{
	struct asking a;
	char body[64], mode[CELL_SIZE], ms[CELL_SIZE];
	enum client_exit exit = CLIENT_OK;
	if (cli->argument == NULL || strcmp(cli->argument, "mode") != 0)
		return cli_usage(cli, "journal: verify, stat, dump, repair or mode");
	if (cli->argument2 != NULL)
		exit = mode_request(cli, body, sizeof body, cli->argument2);
	if (exit == CLIENT_OK)
		exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *v = ask_with(
		&a, &exit, "/v1/journal/mode", cli->argument2 == NULL ? NULL : body);
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK && strcmp(cell(v, "mode", mode), "interval") == 0)
		(void)printf("interval:%s\n", cell(v, "interval_ms", ms));
	else if (exit == CLIENT_OK)
		(void)printf("%s\n", cell(v, "mode", mode));
	json_free(v);
	cli_end(cli);
	return exit;
}

/* ---- payouts that somebody else signs ---- */

#define PSBT_FILE_MAX (256u * 1024u)
#define PSBT_BODY_HEAD "{\"psbt\":\""

/* The file as the request's body: a PSBT as bytes, or already in base64. NULL: said why. Owned. */
static char *psbt_body(struct cli *cli, const char *path, enum client_exit *exit)
{
	static const uint8_t magic[] = {'p', 's', 'b', 't', 0xff};
	static uint8_t bytes[PSBT_FILE_MAX];
	size_t len;
	const enum err err = file_read_all(file_system(), path, bytes, &len, sizeof bytes);
	char *body = malloc(sizeof PSBT_BODY_HEAD + BASE64_SIZE(sizeof bytes) + 4);
	if (err != OK || body == NULL) {
		*exit = cli_usage(cli, "%s: %s", path, err != OK ? file_why(err) : "no memory");
		free(body);
		return NULL;
	}
	char *text = body + sizeof PSBT_BODY_HEAD - 1;
	memcpy(body, PSBT_BODY_HEAD, sizeof PSBT_BODY_HEAD - 1);
	if (len >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0) {
		base64_encode(text, BASE64, bytes, len);
	} else {
		size_t kept = 0; /* line breaks are no part of it */
		for (size_t i = 0; i < len; i++)
			if (isalnum(bytes[i]) || strchr("+/=", bytes[i]) != NULL)
				text[kept++] = (char)bytes[i];
			else if (!isspace(bytes[i]))
				*exit = CLIENT_USAGE;
		text[kept] = '\0';
	}
	(void)memcpy(text + strlen(text), "\"}", 3);
	if (*exit == CLIENT_OK)
		return body;
	free(body);
	*exit = cli_usage(cli, "%s: neither a PSBT nor one in base64", path);
	return NULL;
}

static enum client_exit command_psbt(struct cli *cli)
{
	struct asking a;
	char path[CELL_SIZE], text[CELL_SIZE];
	uint8_t id[16];
	enum client_exit exit = CLIENT_OK;
	if (cli->argument == NULL || hex_decode(id, sizeof id, slice_str(cli->argument)) != OK)
		return cli_usage(
			cli, "psbt: the payout's ID has %zu hexadecimal digits", 2 * sizeof id);
	char *body = cli->argument2 == NULL ? NULL : psbt_body(cli, cli->argument2, &exit);
	if (exit == CLIENT_OK)
		exit = begin(&a, cli);
	if (exit != CLIENT_OK) {
		free(body);
		return exit;
	}
	(void)snprintf(path, sizeof path, "/v1/transfers/%s/psbt", cli->argument);
	struct json *v = ask_with(&a, &exit, path, body);
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK && body != NULL)
		(void)printf("%s\n", cell(v, "state", text));
	else if (exit == CLIENT_OK)
		(void)printf("%s\n", json_get_string(v, "psbt"));
	json_free(v);
	free(body);
	cli_end(cli);
	return exit;
}

/* Print the transfer that was answered: its id, or all of it. */
static enum client_exit print_transfer(struct cli *cli, struct json *v, enum client_exit exit)
{
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK)
		(void)printf("%s %s %s\n", json_get_string(v, "id"), json_get_string(v, "state"),
			json_get_string(v, "amount"));
	json_free(v);
	return exit;
}

/* A key of its own for each: what was begun is seen in the list of transfers. */
static enum client_exit command_sweep(struct cli *cli)
{
	struct asking a;
	uint8_t seed[16];
	char key[2 * sizeof seed + 1];
	struct json *v = NULL;
	size_t len;
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	struct json *body = json_object();
	if (cli->amount != NULL)
		json_set_string(body, "amount", cli->amount);
	if (cli->to_address != NULL)
		json_set_string(body, "to", cli->to_address);
	rand_bytes(seed, sizeof seed);
	hex_encode(key, seed, sizeof seed);
	a.key = key;
	char *text = json_dump(body, 0, &len);
	json_free(body);
	if (text != NULL)
		v = ask_with(&a, &exit, "/v1/sweeps", text);
	else
		exit = CLIENT_UNREACHABLE;
	exit = print_transfer(cli, v, exit);
	json_text_free(text);
	cli_end(cli);
	return exit;
}

static enum client_exit command_cancel(struct cli *cli)
{
	struct asking a;
	char path[CELL_SIZE];
	uint8_t id[16];
	if (cli->argument == NULL || hex_decode(id, sizeof id, slice_str(cli->argument)) != OK)
		return cli_usage(
			cli, "cancel: the transfer's ID has %zu hexadecimal digits", 2 * sizeof id);
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	(void)snprintf(path, sizeof path, "/v1/transfers/%s/cancel", cli->argument);
	struct json *v = ask_with(&a, &exit, path, "{}");
	exit = print_transfer(cli, v, exit);
	cli_end(cli);
	return exit;
}

static enum client_exit command_address(struct cli *cli)
{
	struct asking a;
	char body[64];
	uint8_t id[16];
	if (cli->argument == NULL || hex_decode(id, sizeof id, slice_str(cli->argument)) != OK)
		return cli_usage(cli, "address: an ID of your choice has %zu hexadecimal digits",
			2 * sizeof id);
	enum client_exit exit = begin(&a, cli);
	if (exit != CLIENT_OK)
		return exit;
	(void)snprintf(body, sizeof body, "{\"id\":\"%s\"}", cli->argument);
	struct json *v = ask_with(&a, &exit, "/v1/addresses", body);
	if (exit == CLIENT_OK && cli->json)
		dump(v, 0);
	else if (exit == CLIENT_OK)
		(void)printf("%s\n", json_get_string(v, "address"));
	json_free(v);
	cli_end(cli);
	return exit;
}

/* ---- tools ---- */

/* One key is an account on each layer of accounts, written as it is there. */
static void print_accounts(const struct cli *cli, const struct evm_address *account)
{
	struct json *v = json_object(), *list = json_array();
	json_set_string(v, "file", cli->argument);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct network *network = cli->config.layer[i].params.network;
		char address[EVM_ADDRESS_TEXT_SIZE];
		if (network == NULL || layer_family((enum layer_id)i) != FAMILY_ACCOUNT)
			continue;
		struct json *one = json_object();
		evm_address_format(address, account, network->chain_id);
		json_set_string(one, "network", network->caip2);
		json_set_string(one, "address", address);
		json_push(list, one);
		if (!cli->json)
			(void)printf("%s: key of %s on %s %s\n", cli->argument, address,
				layer_name((enum layer_id)i), network->name);
	}
	json_set(v, "accounts", list);
	if (cli->json)
		dump(v, 0);
	json_free(v);
}

static enum client_exit command_keygen(struct cli *cli)
{
	struct seckey key;
	struct evm_address account;
	char text[sizeof key.b * 2 + 2];
	uint8_t seed[32];
	int file;
	const struct file_ops *ops = file_system();

	if (cli->argument == NULL)
		return cli_usage(cli, "keygen needs the FILE to write");
	if (settings_read(&cli->config, &cli->error, &cli->settings) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	rand_bytes(seed, sizeof seed);
	secp_init(seed);
	do
		rand_bytes(key.b, sizeof key.b);
	while (!seckey_valid(&key));
	hex_encode(text, key.b, sizeof key.b);
	text[sizeof key.b * 2] = '\n';
	enum err err = spend_account(&account, &key);
	if (err == OK)
		err = ops->open(
			ops->ctx, &file, cli->argument, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE);
	if (err == OK) {
		err = file_write_all(ops, file, text, sizeof key.b * 2 + 1, 0);
		if (err == OK)
			err = ops->fsync(ops->ctx, file);
		ops->close(ops->ctx, file);
	}
	bytes_wipe(&key, sizeof key);
	bytes_wipe(text, sizeof text);
	if (err != OK)
		return cli_usage(cli, "%s: %s", cli->argument,
			err == ERR_EXISTS ? "is there already, and is not overwritten"
					  : file_why(err));
	print_accounts(cli, &account);
	return CLIENT_OK;
}

static enum client_exit command_settings(struct cli *cli)
{
	static char text[EXPLAIN_MAX];
	struct buf out = buf_init(text, sizeof text);
	(void)cli;
	settings_explain(&out);
	(void)fputs(buf_cstr(&out), stdout);
	return CLIENT_OK;
}

const struct cli_command cli_query_commands[] = {
	{"status", "status ID [--watch] | --rescue FILE",
		"what the provider, or a rescue file, says", command_status, 1},
	{"transfers", "transfers", "payouts (operators)", command_transfers, 0},
	{"layers", "layers", "the networks that the provider serves", command_layers, 0},
	{"accounts", "accounts", "the books (operators)", command_accounts, 0},
	{"journal", "journal mode [group | strict | interval:MS]",
		"what an answer waits for (operators)", command_journal, 2},
	{"book", "book [ACCOUNT]", "customers' accounts, or one's newest transfers (operators)",
		command_book, 1},
	{"psbt", "psbt ID [FILE]",
		"an external payout as a PSBT to sign; signed, from FILE (operators)", command_psbt,
		2},
	{"sweep", "sweep [--amount AMOUNT] [--to-address ADDRESS]",
		"move coins off deposit addresses, signed elsewhere (operators)", command_sweep, 0},
	{"cancel", "cancel ID", "give up what others were to sign (operators)", command_cancel, 1},
	{"address", "address ID", "a deposit address, the same for the same ID (operators)",
		command_address, 1},
	{"keygen", "keygen FILE", "make a key for gas", command_keygen, 1},
	{"settings", "settings", "every setting with its meaning and default", command_settings, 0},
};
const size_t cli_query_command_count = ARRAY_LEN(cli_query_commands);
