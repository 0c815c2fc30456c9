/* store/journal_format: the journal's bytes. Pure: no files, no clock, no allocation.
 *
 * docs/data-on-disk.md draws the layout. A segment is a header sector and groups; each group starts
 * on a sector of its own, so that a torn write never reaches into an earlier group, and everything
 * in it, padding included, is under its sum, and chained to the group before. The header of a
 * segment is a link of the same chain.
 *
 * A group carries a sum of 128 bits over all of its bytes, padding included, keyed by the hash of
 * the group before it: quick enough to stand between the last record and the write, and nobody can
 * prepare a payload that passes when torn. Its *link*, SHA-256 over its header and the leaf hashes
 * of its records (RFC 9162: of a record's bytes), is not in it: the group behind it carries that,
 * so that all hashing is done while the disk works. For the same reason the root that a group
 * states is that of the tree over everything *before* its own records.
 *
 * Checking has two halves. *Self*: a group says where it is (cluster, segment, offset), and its
 * bytes are what was written there. *Chain*: it is the one that continues what is before it. Bytes
 * of another place, another epoch or another journal can pass the first, never the second.
 *
 * Threads: safe from any on its own arguments. Nothing here trusts its input.
 */
#ifndef STORE_JOURNAL_FORMAT_H
#define STORE_JOURNAL_FORMAT_H
#include "base/base.h"
#include "crypto/merkle_log.h"

#define JOURNAL_FORMAT_VERSION 2u
#define JOURNAL_SECTOR 512u
#define JOURNAL_SEGMENT_HEADER_SIZE JOURNAL_SECTOR
#define JOURNAL_GROUP_HEADER_SIZE 144u
#define JOURNAL_GROUP_SUM_SIZE 16u
#define JOURNAL_GROUP_COUNT_OFFSET 40u /* of two fields in the header of a group */
#define JOURNAL_GROUP_BODY_OFFSET 44u
#define JOURNAL_RECORD_HEADER_SIZE 20u
#define JOURNAL_GROUP_SIZE_MAX (4u * 1024u * 1024u) /* of a whole group with its padding */
#define JOURNAL_SEGMENT_SIZE_MAX (1024u * 1024u * 1024u)

_Static_assert(JOURNAL_GROUP_SIZE_MAX % JOURNAL_SECTOR == 0, "a group is whole sectors");

enum journal_fault {
	JOURNAL_FAULT_NONE,
	JOURNAL_FAULT_END,     /* nothing was written here: the zeros of a new segment */
	JOURNAL_FAULT_MAGIC,   /* not the beginning of a group or a segment */
	JOURNAL_FAULT_VERSION, /* a format that this program does not know */
	JOURNAL_FAULT_PLACE,   /* belongs to another cluster, segment or offset */
	JOURNAL_FAULT_LENGTH,  /* its length is impossible here */
	JOURNAL_FAULT_HASH,    /* its bytes are not those that were written */
	JOURNAL_FAULT_RECORD,  /* its records don't fit together */
	JOURNAL_FAULT_CHAIN,   /* does not continue the group before it */
	JOURNAL_FAULT_MISSING, /* a segment's file is not there */
	JOURNAL_FAULT_COUNT
};
/* A sentence without its end, for people; static. */
const char *journal_fault_text(enum journal_fault fault);

struct journal_segment_header {
	struct id128 cluster;
	uint32_t segment; /* from 1 */
	uint64_t size;    /* of the file */
	uint64_t epoch;   /* of the opening that made it */
	uint64_t
		first_seq; /* of its first record; everything before was durable when it was made */
	struct hash256 prev; /* the end of the chain before it */
	struct hash256 root; /* of the tree over all records before first_seq */
	struct hash256 hash; /* its own: the link that its first group continues */
};

struct journal_group_header {
	uint32_t segment;
	uint64_t offset;
	uint64_t epoch;
	uint64_t first_seq;
	uint64_t durable_seq;  /* known to be durable when this was written */
	uint32_t record_count; /* 0: a mark; it only says what is durable */
	uint32_t body_size;    /* of the records, without padding */
	struct id128 cluster;
	struct hash256 prev;
	struct hash256 root; /* of the tree over all records before first_seq */
	uint8_t sum[JOURNAL_GROUP_SUM_SIZE];
	struct hash256 hash; /* its link; set by journal_group_check */
};

/* Where a chain has come to. */
struct journal_chain {
	struct hash256 prev;
	uint64_t next_seq;
	uint64_t epoch;
};

/* A place between two groups, and what is before it: a journal can be read from there on without
 * that. Where it comes from has to be believed (store/snapshot_file.h). Where chain.next_seq is 1,
 * the place is before the first record, in segment 1, and the rest says nothing. */
struct journal_start {
	struct id128 cluster;
	uint32_t segment;
	uint64_t offset; /* where the next group begins, or would, at the end of the segment */
	struct journal_chain chain;
	struct merkle_frontier tree;
	uint64_t claimed; /* so much is known to be durable: chain.next_seq - 1, or more */
};

/* Size on disk of a group whose records take body_size bytes. */
size_t journal_group_size(size_t body_size);

/* Writes the sector and sets header->hash. */
NONNULL_ALL void journal_segment_encode(
	uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE], struct journal_segment_header *header);
/* NONE, MAGIC, VERSION, HASH or LENGTH. */
NONNULL_ALL enum journal_fault journal_segment_decode(
	struct journal_segment_header *out, const uint8_t sector[JOURNAL_SEGMENT_HEADER_SIZE]);

/* The header and the padding of a group whose records lie in group[JOURNAL_GROUP_HEADER_SIZE...];
 * there is room for journal_group_size(header->body_size). Sets header->sum. */
NONNULL_ALL void journal_group_seal(uint8_t *group, struct journal_group_header *header);
/* The link of a group that was sealed; its records become leaves of the tree. */
NONNULL_ALL void journal_group_fold(
	struct hash256 *link, struct merkle_frontier *tree, const uint8_t *group);
/* record: its header and its payload, as they lie in a group. */
NONNULL_ALL void journal_record_leaf(struct hash256 *out, struct slice record);

/* Writes a record's header; the payload follows it. */
NONNULL_ALL void journal_record_header(
	uint8_t out[JOURNAL_RECORD_HEADER_SIZE], uint64_t seq, uint16_t type, struct slice payload);
struct journal_record_view {
	uint64_t seq;
	uint16_t type;
	struct slice payload; /* borrows */
};
/* Take one record off the front of *body. False where it is damaged. */
MUST_USE NONNULL_ALL bool journal_record_next(struct journal_record_view *out, struct slice *body);
/* The same, of a group that passed journal_group_check and was not changed since. */
NONNULL_ALL void journal_record_next_unchecked(struct journal_record_view *out, struct slice *body);

/* The self half, of the group at `offset` of a segment file. NONE, END, MAGIC, PLACE, LENGTH, HASH
 * or RECORD; *out is set with NONE. Where leaf is not NULL, it has room for as many as the group's
 * header states and its length allows, and is set with NONE, too. */
MUST_USE enum journal_fault journal_group_check(struct journal_group_header *out,
	struct hash256 *leaf, struct slice segment, uint64_t offset,
	const struct journal_segment_header *in);
/* The same, of bytes that begin with the group and are all that the segment has from there on. */
MUST_USE enum journal_fault journal_group_check_at(struct journal_group_header *out,
	struct hash256 *leaf, struct slice bytes, uint64_t offset,
	const struct journal_segment_header *in);
/* The header of a group that passed that. */
NONNULL_ALL void journal_group_header_read(
	struct journal_group_header *out, const uint8_t group[JOURNAL_GROUP_HEADER_SIZE]);
/* How many leaves that can be, of what may be no group at all. */
NONNULL_ALL uint32_t journal_group_leaves(const uint8_t header[JOURNAL_GROUP_HEADER_SIZE]);
/* The chain half. */
NONNULL_ALL bool journal_chain_continues(
	const struct journal_chain *chain, const struct journal_group_header *group);
NONNULL_ALL void journal_chain_push(
	struct journal_chain *chain, const struct journal_group_header *group);
/* The records of a group that passed journal_group_check. */
NONNULL_ALL struct slice journal_group_body(
	struct slice segment, const struct journal_group_header *group);

#endif
