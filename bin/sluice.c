/* sluice: the taker's and operator's commands are client/cli's; those that read the daemon's own
 * files, its configuration and its journal, are put beside them here. */
#include "client/cli.h"
#include "ledger/record.h"
#include "node/config.h"
#include "store/journal_read.h"

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

/* ---- journal ---- */

static enum err dump_record(
	void *ctx, const struct journal_record *record, const struct journal_place *place)
{
	(void)ctx;
	(void)printf("%llu %s, %zu bytes, segment %u at %llu\n", (unsigned long long)record->seq,
		record_name(record->type), record->payload.len, (unsigned)place->segment,
		(unsigned long long)place->group_offset);
	return OK;
}

static void print_journal(const struct journal_report *r)
{
	(void)printf("segments   %u\nbytes      %llu, %llu in groups, %llu in records\n",
		(unsigned)r->segments, (unsigned long long)r->file_bytes,
		(unsigned long long)r->group_bytes, (unsigned long long)r->payload_bytes);
	(void)printf("groups     %llu, %llu of them marks, at most %llu records in one\n",
		(unsigned long long)r->groups, (unsigned long long)r->marks,
		(unsigned long long)r->group_records_max);
	(void)printf("records    %llu, %llu to %llu\nopened     %llu times\n",
		(unsigned long long)r->records, (unsigned long long)r->first_seq,
		(unsigned long long)r->last_seq, (unsigned long long)r->epoch);
}

static int journal_command(int argc, char **argv)
{
	struct journal_report report = {.empty = false};
	const char *what = argc == 4 ? argv[2] : "";
	const bool dump = strcmp(what, "dump") == 0, stat = strcmp(what, "stat") == 0;

	if (!dump && !stat && strcmp(what, "verify") != 0)
		return fail("journal", "verify DIR, stat DIR, or dump DIR");
	const enum err err = journal_read(
		&report, file_system(), argv[3], dump ? dump_record : NULL, NULL);
	if (err != OK) {
		(void)fprintf(stderr, "sluice: %s: %s: %s%s%s\n", argv[3], err_name(err),
			report.text, report.detail[0] != '\0' ? "; " : "", report.detail);
		return CLIENT_FAILED;
	}
	if (report.empty)
		return fail(argv[3], "there is no journal");
	if (stat)
		print_journal(&report);
	if (!dump)
		(void)printf("%s: good%s%s\n", argv[3],
			report.torn ? ", with an unfinished end: " : "",
			report.torn ? report.text : "");
	return CLIENT_OK;
}

int main(int argc, char **argv, char **environment)
{
	if (argc > 1 && strcmp(argv[1], "config") == 0)
		return config_command(argc, argv, environment);
	if (argc > 1 && strcmp(argv[1], "journal") == 0)
		return journal_command(argc, argv);
	return (int)client_main(argc, argv, environment);
}
