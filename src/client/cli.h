/* client/cli: the commands of `sluice` that a taker or an operator types (docs/cli.md).
 *
 * client_main is everything but what belongs to the daemon's own files (config, journal), which
 * bin/sluice.c adds. Exit status: enum client_exit.
 */
#ifndef CLIENT_CLI_H
#define CLIENT_CLI_H
#include "client/print.h"

int client_main(int argc, char **argv, char **environment);

/* ---- between the files of the command line ---- */

#define CLI_ADDRESS_SIZE 100u /* of an address as text, with its zero */

struct cli {
	struct settings settings;
	struct client_config config;
	bool json, yes, wait, no_wait, watch, no_color;
	const char *from, *to, *amount, *to_address, *rescue, *head;
	/* canonical, where a URI was given */
	char to_text[CLI_ADDRESS_SIZE], refund_text[CLI_ADDRESS_SIZE];
	const char *argument, *argument2; /* words that are no options */
	const char *const *environment;
	struct loop *loop;
	struct http_client *http;
	struct printer printer;
	bool stop;
	struct settings_error error;
};

struct cli_command {
	const char *name, *usage, *text;
	enum client_exit (*run)(struct cli *cli);
	unsigned arguments; /* how many words it takes that are no options: at most two */
};
extern const struct cli_command cli_swap_commands[], cli_query_commands[], cli_receipt_commands[];
extern const size_t cli_swap_command_count, cli_query_command_count, cli_receipt_command_count;

/* Loop, HTTP client, printer, signals; undone by cli_end. */
MUST_USE NONNULL_ALL enum client_exit cli_begin(struct cli *cli);
NONNULL_ALL void cli_end(struct cli *cli);
/* Ask the provider, with the operator's token where there is one, and print what it answers. */
MUST_USE NONNULL_ALL enum client_exit cli_print_answer(struct cli *cli, const char *path);
/* Says what is wrong with the command line and gives CLIENT_USAGE. */
PRINTF_LIKE(2, 3)
enum client_exit cli_usage(struct cli *cli, const char *fmt, ...);

#endif
