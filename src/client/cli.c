#include "client/cli.h"

#include "crypto/secp.h"
#include "sys/rand.h"
#include "sys/signals.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION "0.1.0"
#define CONFIG_FILE_MAX (64u * 1024u)
#define OPTION_NAME_SIZE 64u

/* ---- options that are no settings ---- */

struct option {
	const char *name, *argument; /* NULL: a switch */
	const char *text;
	size_t offset; /* in struct cli */
};

static const struct option options[] = {
	{"--from", "LAYER", "what is paid with: bitcoin or rootstock", offsetof(struct cli, from)},
	{"--to", "LAYER", "what is bought", offsetof(struct cli, to)},
	{"--amount", "COINS", "what is paid, in whole coins: 0.01", offsetof(struct cli, amount)},
	{"--to-address", "ADDRESS", "where what is bought goes to",
		offsetof(struct cli, to_address)},
	{"--head", "HEX", "receipt verify: the head of the log, from somebody you trust",
		offsetof(struct cli, head)},
	{"--rescue", "FILE", "the rescue file of a swap", offsetof(struct cli, rescue)},
	{"--yes", NULL, "don't ask before paying", offsetof(struct cli, yes)},
	{"--wait", NULL, "refund: wait for the time lock", offsetof(struct cli, wait)},
	{"--no-wait", NULL, "swap, resume: don't wait for a time lock, resume later",
		offsetof(struct cli, no_wait)},
	{"--watch", NULL, "status: follow it to its end", offsetof(struct cli, watch)},
	{"--json", NULL, "one JSON object a line", offsetof(struct cli, json)},
	{"--no-color", NULL, "no colours", offsetof(struct cli, no_color)},
};

static const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

enum client_exit cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list args;
	(void)cli;
	(void)fputs("sluice: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputs("\n", stderr);
	return CLIENT_USAGE;
}

/* ---- reading the command line ---- */

static enum client_exit offer(struct cli *cli, const char *name, const char *value)
{
	if (settings_offer(&cli->settings, &cli->error, name, value) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	return CLIENT_OK;
}

/* "--set KEY=VALUE" */
static enum client_exit offer_pair(struct cli *cli, const char *pair)
{
	char name[SETTING_NAME_MAX];
	const char *sign = strchr(pair, '=');
	const size_t len = sign == NULL ? 0 : (size_t)(sign - pair);
	if (len == 0 || len >= sizeof name)
		return cli_usage(cli, "--set %s: must be KEY=VALUE", pair);
	memcpy(name, pair, len);
	name[len] = '\0';
	return offer(cli, name, sign + 1);
}

static enum client_exit read_file(struct cli *cli, const char *path)
{
	static uint8_t text[CONFIG_FILE_MAX];
	size_t len;
	const enum err err = file_read_all(file_system(), path, text, &len, sizeof text);
	if (err != OK)
		return cli_usage(cli, "--config %s: %s", path, file_why(err));
	if (settings_file(&cli->settings, &cli->error, path, slice_of(text, len)) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	return CLIENT_OK;
}

static bool option_is_known(const char *name)
{
	return option_find(name) != NULL || setting_find_flag(name) != UINT32_MAX ||
		strcmp(name, "--config") == 0 || strcmp(name, "--set") == 0;
}

/* One option that has a value; NULL only where there is no such option. */
static enum client_exit take_value(
	struct cli *cli, const char *name, const char *value, const char **config_file)
{
	const struct option *option = option_find(name);
	const uint32_t row = setting_find_flag(name);
	struct setting setting;
	if (option != NULL) {
		*(const char **)(void *)((uint8_t *)cli + option->offset) = value;
		return CLIENT_OK;
	}
	if (strcmp(name, "--config") == 0) {
		*config_file = value;
		return CLIENT_OK;
	}
	if (strcmp(name, "--set") == 0)
		return offer_pair(cli, value);
	if (row == UINT32_MAX || !setting_at(&setting, row))
		return cli_usage(cli, "%s: there is no such option; see sluice help", name);
	return offer(cli, setting.name, value);
}

/* "--name=value" is "--name value". The name goes to `name`; the value, NULL where there is none.
 */
static const char *split_option(char name[OPTION_NAME_SIZE], const char *word)
{
	const size_t len = strcspn(word, "=");
	(void)snprintf(name, OPTION_NAME_SIZE, "%.*s", (int)len, word);
	return word[len] == '=' ? word + len + 1 : NULL;
}

/* One word that begins with "-", and its value, perhaps the next word: *used says how many. */
static enum client_exit read_option(
	struct cli *cli, int *used, char **words, int left, const char **config_file)
{
	char name[OPTION_NAME_SIZE];
	const char *value = split_option(name, words[0]);
	const struct option *option = option_find(name);
	*used = 1;
	if (option != NULL && option->argument == NULL) {
		if (value != NULL)
			return cli_usage(cli, "%s: takes no value", name);
		*(bool *)(void *)((uint8_t *)cli + option->offset) = true;
		return CLIENT_OK;
	}
	if (value == NULL && left > 1 && strncmp(words[1], "--", 2) != 0) {
		value = words[1];
		*used = 2;
	}
	if (value == NULL && option_is_known(name))
		return cli_usage(cli, "%s: its value is missing", name);
	return take_value(cli, name, value, config_file);
}

static enum client_exit read_options(
	struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
	const char *config_file = NULL;
	for (int i = 2, used = 1; i < argc; i += used) {
		enum client_exit exit = CLIENT_OK;
		used = 1;
		if (argv[i][0] == '-')
			exit = read_option(cli, &used, argv + i, argc - i, &config_file);
		else if (cli->argument == NULL && command->arguments > 0)
			cli->argument = argv[i];
		else if (cli->argument2 == NULL && command->arguments > 1)
			cli->argument2 = argv[i];
		else
			exit = cli_usage(cli, "%s: what is this for?", argv[i]);
		if (exit != CLIENT_OK)
			return exit;
	}
	if (settings_environment(&cli->settings, &cli->error, cli->environment) != OK)
		return cli_usage(cli, "%s", cli->error.text);
	return config_file == NULL ? CLIENT_OK : read_file(cli, config_file);
}

/* ---- begin, end ---- */

static void on_signal(void *ctx)
{
	struct cli *cli = ctx;
	cli->stop = true;
}

static bool in_environment(const struct cli *cli, const char *name)
{
	const size_t len = strlen(name);
	for (const char *const *e = cli->environment; *e != NULL; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=' && (*e)[len + 1] != '\0')
			return true;
	return false;
}

enum client_exit cli_begin(struct cli *cli)
{
	const struct loop_config loop = {.timer_max = 4096};
	uint8_t seed[32];

	cli->printer = (struct printer){.out = stdout, .json = cli->json, .config = &cli->config};
	cli->printer.terminal = !cli->json && isatty(STDOUT_FILENO) == 1;
	cli->printer.colour = cli->printer.terminal && !cli->no_color &&
		!in_environment(cli, "NO_COLOR");
	rand_bytes(seed, sizeof seed);
	secp_init(seed);
	bytes_wipe(seed, sizeof seed);
	if (loop_create(&cli->loop, &loop) != OK ||
		http_client_create(&cli->http, cli->loop) != OK ||
		signals_watch(cli->loop, on_signal, cli) != OK) {
		cli_end(cli);
		(void)fputs("sluice: the system gives no event loop\n", stderr);
		return CLIENT_FAILED;
	}
	return CLIENT_OK;
}

void cli_end(struct cli *cli)
{
	signals_unwatch();
	http_client_destroy(cli->http);
	loop_destroy(cli->loop);
	cli->http = NULL;
	cli->loop = NULL;
}

/* ---- help ---- */

static const struct {
	const struct cli_command *command;
	const size_t *count;
} groups[] = {
	{cli_swap_commands, &cli_swap_command_count},
	{cli_query_commands, &cli_query_command_count},
	{cli_receipt_commands, &cli_receipt_command_count},
};

static void print_commands(FILE *to, const struct cli_command *command, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)fprintf(to, "  sluice %-52s %s\n", command[i].usage, command[i].text);
}

static void print_help(FILE *to)
{
	(void)fputs(
		"sluice: swap between Bitcoin and its layers, trusting nobody; ask a daemon\n\n",
		to);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		print_commands(to, groups[i].command, *groups[i].count);
	(void)fputs("  sluice config check FILE [--set KEY=VALUE]... | explain     the daemon's "
		    "configuration\n"
		    "  sluice journal verify|stat|dump DIR [--json]                the daemon's "
		    "journal\n"
		    "  sluice journal repair DIR --from COPY [--extend] [--apply]  damaged, from "
		    "another copy\n\nOptions:\n",
		to);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		(void)fprintf(to, "  %-28s %s\n    %s\n", options[i].name,
			options[i].argument == NULL ? "" : options[i].argument, options[i].text);
	(void)fputs(
		"  --config                     FILE\n    settings as YAML, by the names of sluice "
		"settings\n  --set                        KEY=VALUE\n    one setting\n",
		to);
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++)
		if (row.flag != NULL)
			(void)fprintf(to, "  %-28s %s\n    %s\n", row.flag, row.argument, row.doc);
	(void)fputs("\nA value follows its option after a space or an =.\n\nExit status:\n", to);
	for (unsigned i = 0; i < CLIENT_EXIT_COUNT; i++)
		(void)fprintf(to, "  %u  %s\n", i, client_exit_text((enum client_exit)i));
}

static const struct cli_command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		for (size_t k = 0; k < *groups[i].count; k++)
			if (strcmp(groups[i].command[k].name, name) == 0)
				return &groups[i].command[k];
	return NULL;
}

int client_main(int argc, char **argv, char **environment)
{
	const char *name = argc < 2 ? "" : argv[1];
	const struct cli_command *command = command_find(name);

	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return CLIENT_OK;
	}
	if (strcmp(name, "--version") == 0) {
		(void)puts("sluice " VERSION);
		return CLIENT_OK;
	}
	if (command == NULL) {
		if (argc < 2)
			print_help(stderr);
		else
			(void)fprintf(stderr,
				"sluice: %s: there is no such command; see sluice help\n", name);
		return CLIENT_USAGE;
	}
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			(void)printf("sluice %s\n  %s\n\nsluice help lists all options.\n",
				command->usage, command->text);
			return CLIENT_OK;
		}
	}
	struct cli *cli = calloc(1, sizeof *cli);
	if (cli == NULL)
		return CLIENT_FAILED;
	cli->environment = (const char *const *)environment;
	enum client_exit exit = read_options(cli, command, argc, argv);
	if (exit == CLIENT_OK)
		exit = command->run(cli);
	free(cli);
	return (int)exit;
}
