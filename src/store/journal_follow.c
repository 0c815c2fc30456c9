#include "store/journal_follow.h"

static bool root_matches(const struct merkle_frontier *tree, const struct hash256 *root)
{
	struct hash256 own;
	merkle_frontier_root(&own, tree);
	return hash256_eq(&own, root);
}

/* The cursor went into a segment: its header is the chain's next link. */
static enum err take_header(struct journal_follow *f)
{
	const struct journal_segment_header *h = &f->cursor.segment;
	if (!hash256_eq(&h->prev, &f->at.chain.prev) || h->first_seq != f->at.chain.next_seq ||
		h->epoch < f->at.chain.epoch || !root_matches(&f->at.tree, &h->root))
		return ERR_CHECKSUM;
	f->at.segment = h->segment;
	f->at.offset = JOURNAL_SEGMENT_HEADER_SIZE;
	f->at.chain.prev = h->hash;
	f->at.chain.epoch = h->epoch;
	return OK;
}

enum err journal_follow_init(struct journal_follow *f, const struct file_ops *ops, const char *dir,
	const struct journal_start *start)
{
	journal_cursor_init(&f->cursor, ops, dir);
	f->at = (struct journal_start){.segment = 1, .chain = {.next_seq = 1}};
	if (start == NULL) {
		TRY(journal_cursor_seek(&f->cursor, 1, 0));
		f->at.cluster = f->cursor.segment.cluster;
		return take_header(f);
	}
	f->at = *start;
	TRY(journal_cursor_seek(&f->cursor, start->segment, start->offset));
	f->cursor.next_seq = start->chain.next_seq;
	return id128_eq(&f->cursor.segment.cluster, &start->cluster) &&
			start->offset <= f->cursor.segment.size
		? OK
		: ERR_CHECKSUM;
}

void journal_follow_fini(struct journal_follow *f)
{
	journal_cursor_fini(&f->cursor);
}

static enum err push_group(struct journal_follow *f)
{
	const struct journal_group_header *group = &f->cursor.group;
	if (!journal_chain_continues(&f->at.chain, group) ||
		!root_matches(&f->at.tree, &group->root))
		return ERR_CHECKSUM;
	journal_chain_push(&f->at.chain, group);
	for (uint32_t i = 0; i < group->record_count; i++)
		merkle_frontier_push(&f->at.tree, &f->cursor.leaf[i]);
	f->at.offset = f->cursor.offset;
	f->at.claimed = f->at.chain.next_seq - 1;
	return OK;
}

enum err journal_follow_next(struct journal_follow *f, uint64_t durable)
{
	struct journal_cursor *c = &f->cursor;
	if (f->at.chain.next_seq > durable) /* what is behind that may be unfinished */
		return ERR_NOT_FOUND;
	const enum err err = journal_cursor_next(c);
	if (c->segment.segment != f->at.segment)
		TRY(take_header(f));
	TRY(err);
	if (c->group.first_seq + c->group.record_count - 1 > durable) {
		c->offset = c->group.offset;
		c->next_seq = c->group.first_seq;
		return ERR_NOT_FOUND;
	}
	return push_group(f);
}
