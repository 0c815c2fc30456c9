/* Prints a journal's records, one a line: sequence, type, payload length. For tests; not installed.
 *
 *   journal_tool DIR
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/record.h"
#include "store/journal_read.h"

static enum err print_record(
	void *ctx, const struct journal_record *record, const struct journal_place *place)
{
	(void)ctx;
	(void)place;
	printf("%" PRIu64 " %s %zu\n", record->seq, record_name(record->type), record->payload.len);
	return OK;
}

int main(int argc, char **argv)
{
	struct journal_report report;
	if (argc != 2)
		return 2;
	const enum err err = journal_read(&report, file_system(), argv[1], print_record, NULL);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), report.text);
	return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
