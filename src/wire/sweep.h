/* wire/sweep: what moves coins of a deposit descriptor, whose keys are elsewhere, to one address:
 * the transaction, the PSBT that its signers get, and what comes back from them. Pure.
 *
 * Source: BIP-143, BIP-174, BIP-341, BIP-370, BIP-371. Out: version 0 or 2; each input has the
 * output that it spends, its witness script, and for each key the fingerprint and path that the
 * descriptor states as its origin (of one without origin: its own fingerprint, and the path from
 * there). In: either version, with signatures or final.
 * Invariants: one sweep is one transaction, byte by byte. What comes back is believed for its
 * signatures alone: each is verified, covers all inputs and outputs, and is by the keys that the
 * descriptor has at that index.
 * Threads: any. What it must not do: sign.
 */
#ifndef WIRE_SWEEP_H
#define WIRE_SWEEP_H
#include "btc/build.h"
#include "btc/descriptor.h"
#include "btc/psbt.h"

#define SWEEP_TX_MAX (64u * 1024u)    /* signed */
#define SWEEP_PSBT_MAX (128u * 1024u) /* signed by all who may */
#define SWEEP_DETAIL_SIZE 160u

struct sweep_input {
	struct btc_outpoint at;
	struct sat value;
	uint32_t index; /* of the descriptor */
};
struct sweep {
	const struct descriptor *descriptor; /* borrows; not looked at by sweep_tx */
	struct sweep_input input[BTC_INPUT_MAX];
	uint32_t input_count;
	struct slice to; /* borrows: an output script */
	struct sat fee;
};

/* Wpkh, wsh of (sorted)multi, tr by its key: what a sweep can be checked for and sent as. */
MUST_USE NONNULL_ALL bool sweep_can_spend(const struct descriptor *d);
/* How many inputs of such a descriptor fit, at most BTC_INPUT_MAX; and what the fee for so many is,
 * at a rate in satoshi for 1,000 virtual bytes. */
NONNULL_ALL uint32_t sweep_inputs_max(const struct descriptor *d);
NONNULL_ALL struct sat sweep_fee(
	const struct descriptor *d, uint32_t input_count, size_t to_len, uint64_t rate);

/* The transaction without witnesses, appended, and its id, which no witness changes. ERR_RANGE: no
 * inputs, or they don't cover the fee; ERR_FULL. */
MUST_USE NONNULL_ALL enum err sweep_tx(
	struct buf *raw, struct hash256 *txid, const struct sweep *s);
/* Appended. Errors as sweep_tx. */
MUST_USE NONNULL_ALL enum err sweep_psbt_put(
	struct buf *out, const struct sweep *s, enum psbt_version version);
/* The signed transaction, appended. Otherwise detail says what is wrong and where: ERR_FORMAT,
 * ERR_SHORT, ERR_RANGE, ERR_FULL: no PSBT, or more than fits; ERR_REJECTED: of another transaction,
 * another output that it would spend, or signed otherwise than asked for; ERR_STATE: signatures
 * are missing; ERR_CHECKSUM: one is none. raw is then as before. */
MUST_USE NONNULL_ALL enum err sweep_psbt_take(
	struct buf *raw, char detail[SWEEP_DETAIL_SIZE], const struct sweep *s, struct slice psbt);

#endif
