/* ledger/receipt: the proof, for whoever asks, that a record is in the log: that the provider has
 * promised these terms, and can't take them back without being found out. Pure.
 *
 * The log is the journal's records as leaves of an RFC 9162 tree (crypto/merkle_log). An entry is
 * a record as it lies in the journal: a header of RECEIPT_HEADER_SIZE bytes, then the payload.
 * A *log id* names a log without giving its cluster's id away. A *head* is a hash over log id, size
 * and root: one value to keep, to publish and to compare, since a size is worth nothing without its
 * root, nor either without its log.
 *
 * A receipt is a text, one line of JSON of a fixed form: members in order, no spaces, lower-case
 * digits. Any other spelling is refused, so that of each receipt there is one only.
 *
 * Threads: safe from any on its own arguments. What is decoded is hostile.
 */
#ifndef LEDGER_RECEIPT_H
#define LEDGER_RECEIPT_H
#include "crypto/merkle_log.h"
#include "ledger/record.h"

#define RECEIPT_HEADER_SIZE                                                                        \
	20u /* le32 length of the payload, le16 type, le16 0, le64 sequence, sum */
/* A batch of customers' transfers: the largest of the records that begin something. */
#define RECEIPT_RECORD_MAX (RECEIPT_HEADER_SIZE + REC_BOOK_TRANSFERS_SIZE_MAX)
#define RECEIPT_TEXT_MAX (1024u + 2u * RECEIPT_RECORD_MAX + 67u * MERKLE_PROOF_MAX)

NONNULL_ALL void log_id_of(struct hash256 *out, const struct id128 *cluster);
NONNULL_ALL void log_head_of(
	struct hash256 *out, const struct hash256 *log, uint64_t size, const struct hash256 *root);

struct receipt {
	struct id128 id;     /* of the swap or transfer that the record begins, or holds */
	struct hash256 log;  /* log_id_of */
	uint64_t seq;        /* of the record, from 1: the leaf's index is one less */
	struct slice record; /* borrows */
	uint64_t size;       /* of the tree that it is proved in */
	struct hash256 root;
	struct merkle_proof proof;
};

/* Without a newline. CHECKs the bounds; overflow is out's. */
NONNULL_ALL void receipt_encode(struct buf *out, const struct receipt *r);
/* The whole of a text, a newline at its end or not. r->record then borrows from `storage`.
 * ERR_FORMAT: *offset is where it is not what a receipt has there. ERR_CHECKSUM: its head is
 * another's. */
MUST_USE NONNULL_ALL enum err receipt_decode(
	struct receipt *r, size_t *offset, uint8_t storage[RECEIPT_RECORD_MAX], struct slice text);

/* What the record says. */
struct receipt_subject {
	enum record_type type; /* REC_SWAP, REC_TRANSFER, REC_SWEEP, REC_BOOK_TRANSFERS */
	uint64_t time_ms;
	union {
		struct rec_swap swap;
		struct rec_transfer transfer;
		/* of a batch the one that the receipt names. That it was asked for: what came
		 * of it follows from the records before */
		struct book_transfer book_transfer;
		struct rec_sweep sweep;
	};
	enum layer_id layer; /* REC_BOOK_TRANSFERS */
};
/* ERR_FORMAT: the record is not one that begins what the receipt names. ERR_RANGE, ERR_CHECKSUM: it
 * is not proved to be in the log of that root. */
MUST_USE NONNULL_ALL enum err receipt_verify(struct receipt_subject *out, const struct receipt *r);

#endif
