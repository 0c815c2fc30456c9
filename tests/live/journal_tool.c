/* Prints a journal's records, one a line: sequence, type, payload length; or makes a journal. For
 * tests; not installed.
 *
 *   journal_tool DIR
 *   journal_tool make DIR RECORDS
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

static int make(const char *dir, unsigned long records)
{
	const struct journal_config config = {.dir = dir,
		.fresh_cluster = {{1}},
		.segment_size = 8192,
		.group_max = 1536,
		.synchronous = true};
	struct journal_error error;
	struct journal *j;
	if (journal_open(&j, &config, NULL, NULL, &error) != OK)
		return EXIT_FAILURE;
	for (unsigned long i = 0; i < records; i++) {
		uint8_t payload[200];
		struct buf out = buf_init(payload, sizeof payload);
		uint64_t seq;
		record_begin(&out, 1000 + i);
		buf_printf(&out, "record %lu of a journal that nobody lives by", i);
		if (journal_append(j, &seq, REC_FEE_RATE, buf_slice(&out), 0) != OK)
			return EXIT_FAILURE;
		if (i % 3 == 2)
			journal_flush(j);
	}
	journal_close(j);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct journal_report report;
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtoul(argv[3], NULL, 10));
	if (argc != 2)
		return 2;
	const enum err err = journal_read(&report, file_system(), argv[1], print_record, NULL);
	if (err != OK)
		(void)fprintf(stderr, "%s: %s\n", err_name(err), report.text);
	return err == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
