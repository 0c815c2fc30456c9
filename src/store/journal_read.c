#include "store/journal_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_scan.h"
#include "store/snapshot_file.h"

struct reading {
	struct journal_report *report;
	struct journal_place place; /* of the group that is read */
	journal_read_cb cb;
	void *ctx;
};

static enum err read_segment(void *ctx, const struct journal_segment_header *header)
{
	struct reading *r = ctx;
	struct journal_report *report = r->report;
	report->cluster = header->cluster;
	report->segments++;
	report->file_bytes += header->size;
	report->epoch = header->epoch;
	report->claimed_seq = header->first_seq - 1;
	return OK;
}

static enum err read_group(void *ctx, const struct journal_group_header *group, struct slice body)
{
	(void)body;
	struct reading *r = ctx;
	struct journal_report *report = r->report;
	report->groups++;
	report->marks += group->record_count == 0;
	report->group_bytes += journal_group_size(group->body_size);
	report->epoch = group->epoch;
	report->claimed_seq = group->durable_seq;
	if (group->record_count > report->group_records_max)
		report->group_records_max = group->record_count;
	r->place = (struct journal_place){
		.segment = group->segment,
		.epoch = group->epoch,
		.group_offset = group->offset,
		.durable_seq = group->durable_seq,
	};
	return OK;
}

static enum err read_record(void *ctx, const struct journal_record *record)
{
	struct reading *r = ctx;
	struct journal_report *report = r->report;
	report->records++;
	report->payload_bytes += record->payload.len;
	report->last_seq = record->seq;
	if (report->first_seq == 0)
		report->first_seq = record->seq;
	return r->cb == NULL ? OK : r->cb(r->ctx, record, &r->place);
}

/* The group at the end has the right shape and the wrong content: which record's own sum is wrong?
 */
static void find_record(struct journal_report *report, const struct journal_scan *scan)
{
	const struct journal_damage *d = &report->damage;
	const bool content = d->fault == JOURNAL_FAULT_HASH || d->fault == JOURNAL_FAULT_RECORD;
	if (!content || scan->bytes_segment != d->segment || d->offset != scan->end ||
		scan->bytes_len < scan->end + JOURNAL_GROUP_HEADER_SIZE)
		return;
	const uint8_t *group = scan->bytes + scan->end;
	const size_t left = scan->bytes_len - (size_t)scan->end - JOURNAL_GROUP_HEADER_SIZE;
	const uint32_t count = load_le32(group + JOURNAL_GROUP_COUNT_OFFSET);
	const uint32_t size = load_le32(group + JOURNAL_GROUP_BODY_OFFSET);
	struct slice body = slice_of(group + JOURNAL_GROUP_HEADER_SIZE, size < left ? size : left);
	struct journal_record_view record;
	uint64_t offset = scan->end + JOURNAL_GROUP_HEADER_SIZE, seq = scan->chain.next_seq;
	for (uint32_t i = 0; i < count; i++, seq++) {
		const size_t before = body.len;
		if (!journal_record_next(&record, &body) || record.seq != seq) {
			report->record_seq = seq;
			report->record_offset = offset;
			(void)snprintf(report->detail, sizeof report->detail,
				"record %" PRIu64 ", at offset %" PRIu64
				", is the first of its group that is damaged",
				seq, offset);
			return;
		}
		offset += before - body.len;
	}
	(void)snprintf(report->detail, sizeof report->detail,
		"the %" PRIu32 " records of the group are whole; its header or its padding is not",
		count);
}

static void note_behind(struct journal_behind *b, const struct journal_group_header *group)
{
	if (b->groups++ == 0) {
		b->segment = group->segment;
		b->offset = group->offset;
	}
	if (group->durable_seq > b->claimed_seq)
		b->claimed_seq = group->durable_seq;
	if (group->record_count == 0)
		return;
	if (b->first_seq == 0)
		b->first_seq = group->first_seq;
	b->last_seq = group->first_seq + group->record_count - 1;
}

/* The segment in scan->bytes, from an offset on, whatever its header is worth. */
static void look_through(struct journal_report *report, const struct journal_scan *scan,
	uint32_t segment, uint64_t from)
{
	const struct slice bytes = slice_of(scan->bytes, scan->bytes_len);
	const struct journal_segment_header in = {
		.segment = segment, .cluster = report->cluster, .size = bytes.len};
	struct journal_group_header group;
	for (uint64_t at = from; at < bytes.len;) {
		const enum journal_fault fault = journal_group_check(&group, NULL, bytes, at, &in);
		if (fault == JOURNAL_FAULT_NONE)
			note_behind(&report->behind, &group);
		at += fault == JOURNAL_FAULT_NONE ? journal_group_size(group.body_size)
						  : JOURNAL_SECTOR;
	}
}

/* To the last segment that is there, or the first that is not. */
static void look_behind(struct journal_report *report, struct journal_scan *scan)
{
	const struct journal_damage *d = &report->damage;
	for (uint32_t segment = d->segment; segment <= JOURNAL_SEGMENTS_MAX; segment++) {
		const bool first = segment == d->segment;
		const enum err err = journal_scan_load(scan, segment);
		if (err == OK)
			look_through(report, scan, segment,
				first && d->offset > 0 ? d->offset + JOURNAL_SECTOR
						       : JOURNAL_SEGMENT_HEADER_SIZE);
		else if (!first)
			break;
	}
}

bool journal_begins_later(struct journal_start *out, const struct file_ops *ops, const char *dir)
{
	struct snapshot_list *list;
	uint32_t first, last;
	if (journal_segments_list(&first, &last, ops, dir) != OK || first <= 1)
		return false;
	list = malloc(sizeof *list);
	bool found = list != NULL && snapshot_file_list(list, ops, dir) == OK;
	for (uint32_t i = found ? list->count : 0; i-- > 0;) {
		if (list->file[i].err != OK || list->file[i].f.at.segment < first)
			continue;
		*out = list->file[i].f.at;
		out->claimed = list->claimed;
		free(list);
		return true;
	}
	free(list);
	return false;
}

enum err journal_read(struct journal_report *report, const struct file_ops *ops, const char *dir,
	journal_read_cb cb, void *ctx)
{
	static const struct id128 any;
	struct reading reading = {.report = report, .cb = cb, .ctx = ctx};
	const struct journal_visitor visitor = {.segment = read_segment,
		.group = read_group,
		.record = read_record,
		.ctx = &reading};
	struct journal_scan scan;
	struct journal_start start;
	ops = ops == NULL ? file_system() : ops;
	*report = (struct journal_report){.empty = false};
	const bool later = journal_begins_later(&start, ops, dir);
	report->freed_seq = later ? start.chain.next_seq - 1 : 0;
	report->last_seq = report->freed_seq;
	const enum err err = journal_scan_run(
		&scan, ops, dir, &any, &visitor, NULL, later ? &start : NULL);
	report->empty = err == OK && scan.empty;
	report->end_segment = scan.last.segment;
	report->end_offset = scan.end;
	report->torn = err == OK && !scan.empty && scan.dirty_end > scan.end;
	if (err != OK)
		(void)snprintf(report->text, sizeof report->text, "%s", scan.error.text);
	else if (report->torn)
		(void)snprintf(report->text, sizeof report->text,
			"%s: segment %" PRIu32 ", offset %" PRIu64 ": unfinished: %s", dir,
			scan.last.segment, scan.end, journal_fault_text(scan.at_end));
	merkle_frontier_root(&report->root, &scan.tree);
	report->damage = scan.damage;
	if (report->torn)
		report->damage = (struct journal_damage){scan.at_end, scan.last.segment, scan.end};
	if (report->damage.fault != JOURNAL_FAULT_NONE) {
		if (journal_scan_load(&scan, report->damage.segment) == OK)
			find_record(report, &scan);
		look_behind(report, &scan);
	}
	journal_scan_fini(&scan);
	return err;
}
