#include "node/journal_cli.h"

#include <inttypes.h>
#include <stdio.h>

#include "net/json.h"
#include "store/journal_repair.h"

enum { EXIT_SOUND, EXIT_UNSOUND, EXIT_USAGE };

static const char usage[] = "repair DIR --from COPY; --extend, --apply, --json";

struct repairing {
	const char *dir, *from;
	bool extend, apply, json;
};

/* ---- what is to be taken ---- */

static void print_piece(const struct journal_repair_piece *p)
{
	(void)printf("segment %" PRIu32 ", offset %" PRIu64 ": ", p->segment, p->offset);
	if (p->size == 0) {
		(void)printf("the file gets its length of %" PRIu64 " bytes back\n", p->file_size);
		return;
	}
	(void)printf("%" PRIu64 " bytes, %s%" PRIu64 " groups", p->size,
		p->offset == 0 ? "the header and " : "", p->groups);
	if (p->last_seq != 0)
		(void)printf(", with records %" PRIu64 " to %" PRIu64, p->first_seq, p->last_seq);
	(void)puts("");
}

static void print_text(const struct repairing *what, enum err err, const struct journal_repair *r)
{
	for (uint32_t i = 0; i < r->count && err == OK; i++)
		print_piece(&r->piece[i]);
	if (err != OK) {
		(void)fprintf(
			stderr, "sluice: %s: %s: %s\n", what->dir, err_name(err), r->error.text);
		return;
	}
	if (!what->extend && r->beyond_last_seq != 0)
		(void)printf("%s has records %" PRIu64 " to %" PRIu64
			     " behind these, for which nothing here vouches; --extend takes them\n",
			what->from, r->beyond_first_seq, r->beyond_last_seq);
	(void)printf("%s: %s, up to record %" PRIu64 "%s\n", what->dir,
		r->count == 0         ? "good, nothing is to be restored"
			: what->apply ? "restored, and good"
				      : "good once this is restored",
		r->last_seq, r->count == 0 || what->apply ? "" : "; --apply does it");
}

static struct json *piece_json(const struct journal_repair_piece *p)
{
	struct json *v = json_object();
	json_set_u64(v, "segment", p->segment);
	json_set_u64(v, "offset", p->offset);
	json_set_u64(v, "bytes", p->size);
	json_set_u64(v, "file_bytes", p->file_size);
	json_set_u64(v, "groups", p->groups);
	json_set_u64(v, "first_sequence", p->first_seq);
	json_set_u64(v, "last_sequence", p->last_seq);
	return v;
}

static void print_json(const struct repairing *what, enum err err, const struct journal_repair *r)
{
	struct json *v = json_object(), *pieces = json_array();
	size_t len;
	json_set_string(v, "dir", what->dir);
	json_set_string(v, "from", what->from);
	json_set_string(v, "verdict",
		err != OK               ? "refused"
			: r->count == 0 ? "good"
			: what->apply   ? "restored"
					: "restorable");
	for (uint32_t i = 0; i < r->count; i++)
		json_push(pieces, piece_json(&r->piece[i]));
	json_set(v, "pieces", pieces);
	if (r->beyond_last_seq != 0) {
		json_set_u64(v, "beyond_first_sequence", r->beyond_first_seq);
		json_set_u64(v, "beyond_last_sequence", r->beyond_last_seq);
	}
	if (err == OK) {
		json_set_u64(v, "segments", r->segments);
		json_set_u64(v, "last_sequence", r->last_seq);
	} else {
		json_set_string(v, "text", r->error.text);
	}
	char *text = json_dump(v, 0, &len);
	(void)puts(text == NULL ? "" : text);
	json_text_free(text);
	json_free(v);
}

/* ---- words ---- */

static int wrong(const char *word)
{
	(void)fprintf(
		stderr, "sluice: journal: %s%s%s\n", word, word[0] != '\0' ? "? " : "", usage);
	return EXIT_USAGE;
}

/* NULL: all were taken; else the one that was not. */
static const char *take_words(struct repairing *what, int argc, char **argv)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{"--extend", &what->extend}, {"--apply", &what->apply}, {"--json", &what->json}};
	for (int i = 0; i < argc; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(flags) && strcmp(argv[i], flags[k].word) != 0)
			k++;
		if (k < ARRAY_LEN(flags))
			*flags[k].flag = true;
		else if (strcmp(argv[i], "--from") == 0 && i + 1 < argc && what->from == NULL)
			what->from = argv[++i];
		else if (argv[i][0] != '-' && what->dir == NULL)
			what->dir = argv[i];
		else
			return argv[i];
	}
	return NULL;
}

int journal_repair_command(int argc, char **argv)
{
	static struct journal_repair repair;
	struct repairing what = {.dir = NULL};
	const char *unknown = take_words(&what, argc, argv);
	if (unknown != NULL || what.dir == NULL || what.from == NULL)
		return wrong(unknown == NULL ? "" : unknown);
	enum err err = journal_repair_plan(
		&repair, file_system(), what.dir, what.from, what.extend);
	if (err == OK && what.apply)
		err = journal_repair_apply(&repair);
	if (what.json)
		print_json(&what, err, &repair);
	else
		print_text(&what, err, &repair);
	journal_repair_fini(&repair);
	return err == OK ? EXIT_SOUND : EXIT_UNSOUND;
}
