/* sluice: the taker's and operator's commands are client/cli's; those that read the daemon's own
 * files, its configuration and its journal, are put beside them here. */
#include "client/cli.h"
#include "node/config.h"
#include "node/journal_cli.h"

#include <stdlib.h>

static int fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "sluice: %s: %s\n", what, why);
	return CLIENT_USAGE;
}

/* ---- config ---- */

static int config_explain_command(void)
{
	static char text[CONFIG_EXPLAIN_MAX];
	struct buf out = buf_init(text, sizeof text);
	config_explain(&out);
	(void)fputs(buf_cstr(&out), stdout);
	return CLIENT_OK;
}

static int config_check_command(const struct config_source *source)
{
	static char text[CONFIG_EXPLAIN_MAX];
	static struct config config;
	struct config_error error = {.text = ""};
	struct buf problems = buf_init(text, sizeof text);

	const enum err err = config_load(&config, source, &error);
	if (err != OK) {
		(void)fprintf(
			stderr, "sluice: %s\n", error.text[0] != '\0' ? error.text : err_name(err));
		return CLIENT_USAGE;
	}
	if (config_check(&config, &problems) != OK) {
		(void)fputs(buf_cstr(&problems), stderr);
		return CLIENT_USAGE;
	}
	(void)printf("%s: good\n", source->path);
	return CLIENT_OK;
}

/* The same words as sluiced takes; FILE may stand alone. */
static int config_command(int argc, char **argv, char **environment)
{
	const char *set[CONFIG_SET_MAX];
	struct config_source source = {.environment = (const char *const *)environment, .set = set};
	if (argc == 3 && strcmp(argv[2], "explain") == 0)
		return config_explain_command();
	if (argc < 4 || strcmp(argv[2], "check") != 0)
		return fail("config", "check [--config] FILE [--set KEY=VALUE]..., or explain");
	for (int i = 3; i < argc; i++) {
		const bool more = i + 1 < argc;
		if (strcmp(argv[i], "--config") == 0 && more)
			source.path = argv[++i];
		else if (strcmp(argv[i], "--set") == 0 && more && source.set_count < CONFIG_SET_MAX)
			set[source.set_count++] = argv[++i];
		else if (argv[i][0] != '-' && source.path == NULL)
			source.path = argv[i];
		else
			return fail(argv[i], "no such option, or its value is missing");
	}
	return source.path != NULL ? config_check_command(&source)
				   : fail("config check", "FILE is missing");
}

int main(int argc, char **argv, char **environment)
{
	if (argc > 1 && strcmp(argv[1], "config") == 0)
		return config_command(argc, argv, environment);
	if (argc > 1 && strcmp(argv[1], "journal") == 0 &&
		(argc < 3 || strcmp(argv[2], "mode") != 0))
		return journal_command(argc - 2, argv + 2);
	return (int)client_main(argc, argv, environment);
}
