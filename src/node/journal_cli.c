#include "node/journal_cli.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "ledger/record.h"
#include "net/json.h"
#include "node/journal_fold.h"
#include "node/secrets.h"
#include "store/journal_read.h"
#include "store/snapshot_file.h"
#include "sys/rand.h"

enum { EXIT_SOUND, EXIT_UNSOUND, EXIT_USAGE };

static const char usage[] =
	"verify DIR [--fold CONFIG], stat DIR, dump DIR, or repair DIR --from COPY; --json";

static int wrong(const char *word)
{
	(void)fprintf(
		stderr, "sluice: journal: %s%s%s\n", word, word[0] != '\0' ? "? " : "", usage);
	return EXIT_USAGE;
}

/* In one word; what is not good follows. */
static const char *verdict_of(enum err err, const struct journal_report *r)
{
	switch ((int)err) {
	case OK: return r->empty ? "empty" : r->torn ? "unfinished" : "good";
	case ERR_CHECKSUM: return "damaged";
	case ERR_FORMAT: return "unknown_version";
	case ERR_NOT_FOUND: return "not_found";
	default: return "unreadable";
	}
}

static void put_line(struct json *v)
{
	size_t len;
	char *text = json_dump(v, 0, &len);
	(void)puts(text == NULL ? "" : text);
	json_text_free(text);
	json_free(v);
}

/* ---- dump ---- */

struct dumping {
	bool json;
};

static enum err dump_record(
	void *ctx, const struct journal_record *record, const struct journal_place *place)
{
	const struct dumping *d = ctx;
	struct reader in = reader_init(record->payload);
	uint64_t time_ms = 0;
	if (record_open(&in, &time_ms) != OK)
		time_ms = 0; /* not one of ours; the journal does not mind */
	if (!d->json) {
		(void)printf("%" PRIu64 " %s, %zu bytes, at %" PRIu64 " ms, segment %" PRIu32
			     " at %" PRIu64 "\n",
			record->seq, record_name(record->type), record->payload.len, time_ms,
			place->segment, place->group_offset);
		return OK;
	}
	struct json *v = json_object();
	json_set_u64(v, "sequence", record->seq);
	json_set_u64(v, "type", record->type);
	json_set_string(v, "name", record_name(record->type));
	json_set_u64(v, "bytes", record->payload.len);
	json_set_u64(v, "time_ms", time_ms);
	json_set_u64(v, "segment", place->segment);
	json_set_u64(v, "group_offset", place->group_offset);
	json_set_u64(v, "epoch", place->epoch);
	json_set_u64(v, "durable", place->durable_seq);
	put_line(v);
	return OK;
}

/* ---- what was found ---- */

static struct json *damage_json(const struct journal_report *r)
{
	const struct journal_behind *b = &r->behind;
	struct json *v = json_object(), *behind = json_object();
	json_set_u64(v, "segment", r->damage.segment);
	json_set_u64(v, "offset", r->damage.offset);
	json_set_string(v, "reason", journal_fault_text(r->damage.fault));
	if (r->record_seq != 0) {
		json_set_u64(v, "record", r->record_seq);
		json_set_u64(v, "record_offset", r->record_offset);
	}
	json_set_u64(behind, "groups", b->groups);
	if (b->groups > 0) {
		json_set_u64(behind, "segment", b->segment);
		json_set_u64(behind, "offset", b->offset);
		json_set_u64(behind, "first_sequence", b->first_seq);
		json_set_u64(behind, "last_sequence", b->last_seq);
		json_set_u64(behind, "claimed_durable", b->claimed_seq);
	}
	json_set(v, "behind", behind);
	return v;
}

static struct json *snapshots_json(const struct snapshot_list *list)
{
	struct json *all = json_array();
	for (uint32_t i = 0; i < list->count; i++) {
		struct json *v = json_object();
		json_set_u64(v, "sequence", list->file[i].seq);
		json_set_u64(v, "bytes", list->file[i].bytes);
		json_set_bool(v, "sound", list->file[i].err == OK);
		if (list->file[i].err == OK) {
			const struct snapshot_file *f = &list->file[i].f;
			json_set_u64(v, "segment", f->at.segment);
			json_set_u64(v, "offset", f->at.offset);
			json_set_hex(v, "state", "", f->state_hash.b, sizeof f->state_hash.b);
		}
		json_push(all, v);
	}
	return all;
}

/* ---- folding ---- */

/* What a fold said, if there was one. */
struct folded {
	const char *config; /* sluiced's file; NULL: none is wanted */
	enum err err;
	struct journal_fold fold;
};

/* With the daemon's key and capacity. False: its configuration can't be used. */
static bool run_fold(struct folded *f, const char *dir, uint64_t last_seq)
{
	static struct config config;
	struct config_error error;
	struct seal_key seal;
	const struct config_source file = {.path = f->config};
	if (config_load(&config, &file, &error) != OK) {
		(void)fprintf(stderr, "sluice: %s\n", error.text);
		return false;
	}
	const enum err err = seal_key_load(&seal, config.seal_key_file);
	if (err != OK) {
		(void)fprintf(stderr, "sluice: seal_key_file %s: %s\n", config.seal_key_file,
			secrets_why(err));
		return false;
	}
	struct snapshots_source source = {
		.ops = file_system(), .dir = dir, .capacity = &config.capacity, .seal = &seal};
	rand_bytes(&source.map_seed, sizeof source.map_seed);
	f->err = journal_fold_run(&f->fold, &source, last_seq);
	bytes_wipe(&seal, sizeof seal);
	return true;
}

static struct json *fold_json(const struct folded *f)
{
	struct json *v = json_object();
	json_set_bool(v, "agrees", f->err == OK);
	json_set_u64(v, "first_sequence", f->fold.from_seq);
	json_set_u64(v, "last_sequence", f->fold.last_seq);
	json_set_u64(v, "snapshots", f->fold.snapshots);
	json_set_hex(v, "state", "", f->fold.state.b, sizeof f->fold.state.b);
	if (f->fold.text[0] != '\0')
		json_set_string(v, "text", f->fold.text);
	return v;
}

static void print_fold(const char *dir, const struct folded *f)
{
	char state[2 * sizeof f->fold.state.b + 1];
	if (f->err != OK) {
		(void)fprintf(stderr, "sluice: %s: %s: %s\n", dir, err_name(f->err), f->fold.text);
		return;
	}
	hex_encode(state, f->fold.state.b, sizeof f->fold.state.b);
	(void)printf("%s: records %" PRIu64 " to %" PRIu64 " give state %s; %" PRIu32
		     " snapshots agree\n",
		dir, f->fold.from_seq, f->fold.last_seq, state, f->fold.snapshots);
}

static void print_json(const char *dir, enum err err, const struct journal_report *r,
	const struct snapshot_list *snapshots, const struct folded *folded)
{
	struct json *v = json_object();
	json_set_string(v, "dir", dir);
	json_set_string(v, "verdict", verdict_of(err, r));
	json_set_u64(v, "segments", r->segments);
	json_set_u64(v, "file_bytes", r->file_bytes);
	json_set_u64(v, "group_bytes", r->group_bytes);
	json_set_u64(v, "payload_bytes", r->payload_bytes);
	json_set_u64(v, "groups", r->groups);
	json_set_u64(v, "marks", r->marks);
	json_set_u64(v, "group_records_max", r->group_records_max);
	json_set_u64(v, "records", r->records);
	json_set_u64(v, "first_sequence", r->first_seq);
	json_set_u64(v, "freed", r->freed_seq);
	json_set_u64(v, "last_sequence", r->last_seq);
	json_set_u64(v, "claimed_durable", r->claimed_seq);
	json_set_u64(v, "openings", r->epoch);
	json_set_hex(v, "root", "", r->root.b, sizeof r->root.b);
	json_set_u64(v, "end_segment", r->end_segment);
	json_set_u64(v, "end_offset", r->end_offset);
	json_set(v, "snapshots", snapshots_json(snapshots));
	if (r->text[0] != '\0')
		json_set_string(v, "text", r->text);
	if (r->damage.fault != JOURNAL_FAULT_NONE)
		json_set(v, "damage", damage_json(r));
	if (folded->config != NULL && err == OK)
		json_set(v, "fold", fold_json(folded));
	put_line(v);
}

static void print_snapshots(const struct snapshot_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		(void)printf("%s %" PRIu64 ", %" PRIu64 " bytes%s\n",
			i == 0 ? "snapshots  of record" : "           of record", list->file[i].seq,
			list->file[i].bytes,
			list->file[i].err == OK ? "" : ", its head is damaged");
}

static void print_stat(const struct journal_report *r, const struct snapshot_list *snapshots)
{
	if (r->freed_seq > 0)
		(void)printf("freed      what is before segment %" PRIu32
			     "; read from record %" PRIu64 " on, behind a snapshot\n",
			r->end_segment - r->segments + 1, r->freed_seq + 1);
	print_snapshots(snapshots);
	(void)printf("segments   %" PRIu32 "\nbytes      %" PRIu64 ", %" PRIu64
		     " in groups, %" PRIu64 " in records\n",
		r->segments, r->file_bytes, r->group_bytes, r->payload_bytes);
	(void)printf("groups     %" PRIu64 ", %" PRIu64 " of them marks, at most %" PRIu64
		     " records in one\n",
		r->groups, r->marks, r->group_records_max);
	(void)printf("records    %" PRIu64 ", %" PRIu64 " to %" PRIu64 "\nopened     %" PRIu64
		     " times\n",
		r->records, r->first_seq, r->last_seq, r->epoch);
	(void)printf(
		"end        segment %" PRIu32 " at %" PRIu64 "\n", r->end_segment, r->end_offset);
}

/* Where it is unsound, how, and what follows: to standard error unless it is a power cut's. */
static void print_damage(FILE *to, const struct journal_report *r)
{
	const struct journal_behind *b = &r->behind;
	if (r->detail[0] != '\0')
		(void)fprintf(to, "  %s\n", r->detail);
	(void)fprintf(to, "  sound before it: %" PRIu64 " records, up to %" PRIu64 "\n", r->records,
		r->last_seq);
	if (b->groups == 0)
		(void)fprintf(to, "  behind it: no group\n");
	else if (b->first_seq == 0)
		(void)fprintf(to,
			"  behind it: %" PRIu64 " marks, from segment %" PRIu32 ", offset %" PRIu64
			" on; %" PRIu64 " was durable\n",
			b->groups, b->segment, b->offset, b->claimed_seq);
	else
		(void)fprintf(to,
			"  behind it: %" PRIu64
			" groups that are sound by themselves, from segment "
			"%" PRIu32 ", offset %" PRIu64 " on, with records %" PRIu64 " to %" PRIu64
			"; %" PRIu64 " was durable\n",
			b->groups, b->segment, b->offset, b->first_seq, b->last_seq,
			b->claimed_seq);
}

static void print_text(const char *dir, enum err err, const struct journal_report *r,
	const struct snapshot_list *snapshots, bool stat)
{
	if (err != OK) {
		(void)fprintf(stderr, "sluice: %s: %s: %s\n", dir, verdict_of(err, r), r->text);
		if (r->damage.fault != JOURNAL_FAULT_NONE)
			print_damage(stderr, r);
		return;
	}
	if (r->empty) {
		(void)fprintf(stderr, "sluice: %s: there is no journal\n", dir);
		return;
	}
	if (stat)
		print_stat(r, snapshots);
	(void)printf("%s: good%s%s\n", dir, r->torn ? ", with an unfinished end: " : "",
		r->torn ? r->text : "");
	if (r->torn)
		print_damage(stdout, r);
}

int journal_command(int argc, char **argv)
{
	static struct journal_report report;
	static struct snapshot_list snapshots;
	static struct folded folded;
	const char *word[2] = {"", ""};
	struct dumping dumping = {.json = false};
	int count = 0;
	if (argc > 0 && strcmp(argv[0], "repair") == 0)
		return journal_repair_command(argc - 1, argv + 1);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			dumping.json = true;
		else if (strcmp(argv[i], "--fold") == 0 && i + 1 < argc)
			folded.config = argv[++i];
		else if (argv[i][0] == '-' || count == 2)
			return wrong(argv[i]);
		else
			word[count++] = argv[i];
	}
	const bool dump = strcmp(word[0], "dump") == 0, stat = strcmp(word[0], "stat") == 0;
	if (count < 2 || (!dump && !stat && strcmp(word[0], "verify") != 0))
		return wrong(count == 0 ? "" : word[0]);
	if (folded.config != NULL && (dump || stat))
		return wrong("--fold");
	const enum err err = journal_read(
		&report, file_system(), word[1], dump ? dump_record : NULL, &dumping);
	(void)!snapshot_file_list(&snapshots, file_system(), word[1]);
	if (folded.config != NULL && err == OK && !report.empty &&
		!run_fold(&folded, word[1], report.last_seq))
		return EXIT_USAGE;
	if (dumping.json && !dump)
		print_json(word[1], err, &report, &snapshots, &folded);
	else if (!dump || err != OK || report.empty)
		print_text(word[1], err, &report, &snapshots, stat);
	if (err == OK && report.empty)
		return EXIT_USAGE;
	if (folded.config != NULL && err == OK && !dumping.json)
		print_fold(word[1], &folded);
	return err == OK && folded.err == OK ? EXIT_SOUND : EXIT_UNSOUND;
}
