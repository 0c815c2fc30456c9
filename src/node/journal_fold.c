#include "node/journal_fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/ledger.h"
#include "store/journal_follow.h"
#include "store/journal_scan.h"

struct folding {
	struct journal_fold *out;
	struct ledger *ledger;
	struct snapshot_list list;
};

/* Every snapshot of the state that the ledger has now. */
static enum err compare(struct folding *f)
{
	struct hash256 hash;
	for (uint32_t i = 0; i < f->list.count; i++) {
		if (f->list.file[i].err != OK || f->list.file[i].seq != f->ledger->seq)
			continue;
		ledger_hash(f->ledger, &hash);
		if (!hash256_eq(&hash, &f->list.file[i].f.state_hash)) {
			(void)snprintf(f->out->text, sizeof f->out->text,
				"the records up to %" PRIu64
				" give another state than the snapshot there has",
				f->ledger->seq);
			return ERR_CHECKSUM;
		}
		f->out->snapshots++;
	}
	return OK;
}

static enum err fold_group(struct folding *f, struct slice body)
{
	struct journal_record_view r;
	while (body.len > 0) {
		journal_record_next_unchecked(&r, &body);
		const enum err err = ledger_apply(f->ledger, r.seq, r.type, r.payload);
		if (err != OK) {
			(void)snprintf(f->out->text, sizeof f->out->text,
				"record %" PRIu64 " is refused (%s)%s", r.seq, err_name(err),
				err == ERR_FULL ? ": it does not fit the configured capacity" : "");
			return ERR_CHECKSUM;
		}
		ledger_clean(f->ledger);
		f->out->last_seq = r.seq;
		TRY(compare(f));
	}
	return OK;
}

static enum err fold_from(struct folding *f, const struct snapshots_source *source,
	const struct journal_start *start, uint64_t last_seq)
{
	struct journal_follow follow;
	enum err err = journal_follow_init(
		&follow, source->ops, source->dir, start->chain.next_seq == 1 ? NULL : start);
	while (err == OK) {
		err = journal_follow_next(&follow, last_seq);
		if (err == OK)
			err = fold_group(f, follow.cursor.body);
	}
	if (err == ERR_NOT_FOUND) /* of a group */
		err = follow.at.chain.next_seq > last_seq ? OK : ERR_CHECKSUM;
	if (err != OK && f->out->text[0] == '\0')
		(void)snprintf(f->out->text, sizeof f->out->text, "behind record %" PRIu64 ": %s",
			f->ledger->seq, file_why(err));
	journal_follow_fini(&follow);
	return err;
}

/* Where the first segments were freed, only a snapshot says what was in them. */
static enum err begin(struct journal_fold *out, struct snapshots_found *found,
	const struct snapshots_source *source)
{
	struct snapshots_source from = *source;
	uint32_t first, last;
	TRY(journal_segments_list(&first, &last, source->ops, source->dir));
	from.oldest = first > 1;
	from.up_to = first > 1 ? UINT64_MAX : 0;
	TRY(snapshots_restore(found, &from));
	if (first <= 1 || found->start.chain.next_seq > 1)
		return OK;
	(void)snprintf(out->text, sizeof out->text,
		"segments before %" PRIu32 " were freed, and no snapshot can be restored: %s",
		first, found->why);
	ledger_destroy(found->ledger);
	return ERR_NOT_FOUND;
}

enum err journal_fold_run(
	struct journal_fold *out, const struct snapshots_source *source, uint64_t last_seq)
{
	struct snapshots_found found;
	*out = (struct journal_fold){.from_seq = 1};
	struct folding *f = calloc(1, sizeof *f);
	if (f == NULL)
		return ERR_FULL;
	f->out = out;
	enum err err = snapshot_file_list(&f->list, source->ops, source->dir);
	if (err == OK)
		err = begin(out, &found, source);
	if (err == OK) {
		f->ledger = found.ledger;
		out->from_seq = found.start.chain.next_seq;
		out->last_seq = out->from_seq - 1;
		err = compare(f);
		if (err == OK)
			err = fold_from(f, source, &found.start, last_seq);
		ledger_hash(f->ledger, &out->state);
		ledger_destroy(f->ledger);
	}
	free(f);
	return err;
}
