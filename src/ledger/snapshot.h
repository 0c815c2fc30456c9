/* ledger/snapshot: the state as bytes, and back: fold(all records) is restore(after k records) and
 * fold(the rest), for every k. Pure.
 *
 * Deterministic: equal states give equal bytes, whatever their capacities and however they came to
 * be. The head is in the clear; the state is sealed as a whole with the key of the journal's
 * secrets (it holds preimages), the nonce a MAC of what is sealed, and the head authenticated with
 * it. It ends with the state's own hash (ledger_hash), which a restored ledger must have.
 *
 *     8 "sluiceS\n"; 4 version; 8 sequence of the last record that is in it; 8 length of the
 * rest; then nonce (24), ciphertext, tag (16)
 *
 * Threads: the ledger's. Ownership: borrows everything. Storage is the caller's: nothing is
 * allocated.
 */
#ifndef LEDGER_SNAPSHOT_H
#define LEDGER_SNAPSHOT_H
#include "ledger/ledger.h"

#define SNAPSHOT_HEAD_SIZE 28u

/* Bytes that out and scratch need, each, for this state. */
NONNULL_ALL size_t snapshot_size(const struct ledger *l);
/* The ledger is not changed. CHECKs that cap is snapshot_size. Returns the length; scratch is
 * wiped. */
NONNULL_ALL size_t snapshot_put(uint8_t *out, uint8_t *scratch, size_t cap, struct ledger *l);

struct snapshot_head {
	uint64_t seq;
	uint64_t size; /* of all of it */
	bool hidden;   /* there are confidential coins in it */
	bool layers;   /* there are more layers in it than LAYERS_FIRST */
};
/* ERR_SHORT: less than a head. ERR_FORMAT: not a snapshot, or of another version. */
MUST_USE NONNULL_ALL enum err snapshot_peek(struct snapshot_head *out, struct slice in);
/* Into a ledger to which nothing was applied; scratch has in.len bytes, and is wiped. ERR_SHORT and
 * ERR_FORMAT as above; ERR_CHECKSUM: damaged, or sealed with another key; ERR_FULL: over this
 * ledger's capacity. After an error the ledger is worth nothing: destroy it. */
MUST_USE NONNULL_ALL enum err snapshot_restore(struct ledger *l, uint8_t *scratch, struct slice in);

#endif
