/* btc/psbt: partially signed transactions, versions 0 and 2: what a payment service hands to other
 * people's signers and gets back. Pure.
 *
 * Purpose: read, check, change and write the maps of fields; create, update, combine, finalise and
 * extract. Signing is src/sign's business and does not need this.
 * Source: BIP-174 (format, version 0), BIP-370 (version 2), BIP-371 (Taproot fields).
 * Invariants: what was read is written back byte by byte, fields that nobody here knows included,
 * as long as nothing was set; every field that is known has the shape that its BIP gives it, those
 * which the version requires are there and those that it forbids are not; no key is there twice.
 * Ownership: fields borrow: from the bytes that were parsed, from what they were set from, or from
 * the room's store. A psbt is usable as long as all of those are.
 * Threads: none of its own; one psbt belongs to one thread at a time.
 * What it must not do: believe. That a field is well-formed does not make it true: amounts come
 * from psbt_spent_output, which holds the previous transaction against its id where it is there;
 * signatures are not verified here.
 */
#ifndef BTC_PSBT_H
#define BTC_PSBT_H
#include "btc/tx.h"

#define PSBT_PAIRS_MAX 16384u   /* fields of one psbt */
#define PSBT_MAP_PAIRS_MAX 512u /* of one map: keys are compared each with each */

enum psbt_version { PSBT_V0 = 0, PSBT_V2 = 2 };

enum psbt_part { PSBT_GLOBAL, PSBT_INPUT, PSBT_OUTPUT };

enum psbt_global {
	PSBT_GLOBAL_UNSIGNED_TX = 0x00,
	PSBT_GLOBAL_XPUB = 0x01,
	PSBT_GLOBAL_TX_VERSION = 0x02,
	PSBT_GLOBAL_FALLBACK_LOCKTIME = 0x03,
	PSBT_GLOBAL_INPUT_COUNT = 0x04,
	PSBT_GLOBAL_OUTPUT_COUNT = 0x05,
	PSBT_GLOBAL_TX_MODIFIABLE = 0x06,
	PSBT_GLOBAL_VERSION = 0xfb,
};
enum psbt_in {
	PSBT_IN_NON_WITNESS_UTXO = 0x00,
	PSBT_IN_WITNESS_UTXO = 0x01,
	PSBT_IN_PARTIAL_SIG = 0x02,
	PSBT_IN_SIGHASH_TYPE = 0x03,
	PSBT_IN_REDEEM_SCRIPT = 0x04,
	PSBT_IN_WITNESS_SCRIPT = 0x05,
	PSBT_IN_BIP32_DERIVATION = 0x06,
	PSBT_IN_FINAL_SCRIPTSIG = 0x07,
	PSBT_IN_FINAL_SCRIPTWITNESS = 0x08,
	PSBT_IN_POR_COMMITMENT = 0x09,
	PSBT_IN_RIPEMD160 = 0x0a,
	PSBT_IN_SHA256 = 0x0b,
	PSBT_IN_HASH160 = 0x0c,
	PSBT_IN_HASH256 = 0x0d,
	PSBT_IN_PREVIOUS_TXID = 0x0e,
	PSBT_IN_OUTPUT_INDEX = 0x0f,
	PSBT_IN_SEQUENCE = 0x10,
	PSBT_IN_REQUIRED_TIME_LOCKTIME = 0x11,
	PSBT_IN_REQUIRED_HEIGHT_LOCKTIME = 0x12,
	PSBT_IN_TAP_KEY_SIG = 0x13,
	PSBT_IN_TAP_SCRIPT_SIG = 0x14,
	PSBT_IN_TAP_LEAF_SCRIPT = 0x15,
	PSBT_IN_TAP_BIP32_DERIVATION = 0x16,
	PSBT_IN_TAP_INTERNAL_KEY = 0x17,
	PSBT_IN_TAP_MERKLE_ROOT = 0x18,
};
enum psbt_out {
	PSBT_OUT_REDEEM_SCRIPT = 0x00,
	PSBT_OUT_WITNESS_SCRIPT = 0x01,
	PSBT_OUT_BIP32_DERIVATION = 0x02,
	PSBT_OUT_AMOUNT = 0x03,
	PSBT_OUT_SCRIPT = 0x04,
	PSBT_OUT_TAP_INTERNAL_KEY = 0x05,
	PSBT_OUT_TAP_TREE = 0x06,
	PSBT_OUT_TAP_BIP32_DERIVATION = 0x07,
};
#define PSBT_PROPRIETARY 0xfcu /* in every map */

/* One of the maps of a psbt. */
struct psbt_map {
	enum psbt_part part;
	uint32_t index; /* of the input or the output */
};

struct psbt_pair {
	uint32_t map;       /* 0 global, then the inputs, then the outputs */
	uint64_t type;      /* the compact size that a key begins with */
	struct slice key;   /* what follows it */
	struct slice value; /* borrows */
};

/* What the caller lends: the pairs in the order of their maps, the unsigned transaction, and bytes
 * for fields that are made here. */
struct psbt_room {
	struct psbt_pair *pair;
	uint32_t pair_max; /* at most PSBT_PAIRS_MAX are used */
	struct btc_txin *in;
	uint32_t in_max;
	struct btc_txout *out;
	uint32_t out_max;
	struct buf store;
};

struct psbt {
	struct psbt_room room;
	enum psbt_version version;
	uint32_t pair_count;
	/* What is to be signed: no scripts, no witnesses. Of version 2: made from the fields, with
	 * the lock time that the inputs agree on. */
	struct btc_tx tx;
	bool locktime_known; /* false: the inputs' required lock times exclude each other */
};

/* The whole of in is one psbt. ERR_SHORT; ERR_FORMAT: no psbt, a field of a wrong shape, twice,
 * missing or not allowed in this version; ERR_FULL: more than the room, or than the bounds above;
 * ERR_RANGE: of a version that is neither 0 nor 2, or amounts over 21 million. On failure *out is
 * untouched, the room's arrays may have been written to. */
MUST_USE NONNULL_ALL enum err psbt_parse(
	struct psbt *out, const struct psbt_room *room, struct slice in);
/* Overflow is remembered in out. */
NONNULL_ALL void psbt_put(struct buf *out, const struct psbt *p);

/* ---- fields ---- */

/* The value under a key; false: none, and *value as before. */
NONNULL_ALL bool psbt_get(struct slice *value, const struct psbt *p, struct psbt_map map,
	uint64_t type, struct slice key);
/* All fields of one type: start with *at = 0; NULL when there are no more. */
NONNULL_ALL const struct psbt_pair *psbt_next(
	const struct psbt *p, uint32_t *at, struct psbt_map map, uint64_t type);
/* Set a field, in place of one with the same key or after the map's last. key and value are
 * borrowed. ERR_FORMAT: not the shape of that field, or not in this version; ERR_STATE: the field
 * is what the transaction consists of and is changed by creating another; ERR_NOT_FOUND: no such
 * map; ERR_FULL. */
MUST_USE NONNULL_ALL enum err psbt_set(
	struct psbt *p, struct psbt_map map, uint64_t type, struct slice key, struct slice value);
/* The same with key and value copied into the store. */
MUST_USE NONNULL_ALL enum err psbt_set_copy(
	struct psbt *p, struct psbt_map map, uint64_t type, struct slice key, struct slice value);

/* ---- roles ---- */

/* Creator: a psbt of this transaction, whose scripts and witnesses are not taken along. ERR_FULL;
 * ERR_FORMAT: version 2 and an amount that it can't state. Of version 2 nothing is modifiable. */
MUST_USE NONNULL_ALL enum err psbt_create(struct psbt *out, const struct psbt_room *room,
	enum psbt_version version, const struct btc_tx *tx);
/* Updater: the output that an input spends. */
MUST_USE NONNULL_ALL enum err psbt_set_witness_utxo(
	struct psbt *p, uint32_t input, const struct btc_txout *spent);
/* The output that an input spends, from the previous transaction where that is there, otherwise
 * from the output alone, which a signer must not believe for anything but a witness program's
 * (and where not all inputs are Taproot's, not its amount: BIP-174). *proven: from the previous
 * transaction. ERR_NOT_FOUND: neither; ERR_CHECKSUM: the previous transaction has another id, or
 * the two disagree; ERR_FORMAT: it is none, or has no such output. */
MUST_USE NONNULL_ALL enum err psbt_spent_output(
	struct btc_txout *out, bool *proven, const struct psbt *p, uint32_t input);

/* What makes two psbts the same payment: the unsigned transaction's id; of version 2 with all
 * sequences 0 (BIP-370). ERR_STATE: no lock time. */
MUST_USE NONNULL_ALL enum err psbt_id(struct hash256 *out, const struct psbt *p);
/* Combiner: every field of `from` that `into` lacks; where both have one, `into` keeps its own.
 * ERR_REJECTED: not the same payment or version; ERR_EXISTS: they contradict each other in what
 * should be a fact (the output that is spent, a script, a sequence); ERR_FULL. On failure `into` is
 * as before. Borrows from what `from` borrows from. */
MUST_USE NONNULL_ALL enum err psbt_combine(struct psbt *into, const struct psbt *from);

/* Input finaliser: final script and witness from the signatures, for outputs to a key (P2PKH,
 * P2WPKH, in P2SH or not), to a multisignature script (P2SH, P2WSH, in P2SH or not), and Taproot's
 * key path; other fields than the spent output and those which nobody knows are dropped (BIP-174).
 * ERR_STATE: signatures are missing (nothing is changed); ERR_NOT_FOUND: the spent output is not
 * known, or a script that this can't finalise; ERR_REJECTED: a signature whose hash type is not
 * the one that the field asks for (all of the transaction, where it asks for none), or a script
 * whose hash the output does not have; ERR_FULL; errors of psbt_spent_output. OK also where it is
 * final already. */
MUST_USE NONNULL_ALL enum err psbt_finalise(struct psbt *p, uint32_t input);
MUST_USE NONNULL_ALL bool psbt_is_final(const struct psbt *p, uint32_t input);
/* Extractor: the transaction to broadcast, appended to raw. ERR_STATE: an input is not final, none
 * are there, or no lock time; ERR_FULL. */
MUST_USE NONNULL_ALL enum err psbt_extract(struct buf *raw, const struct psbt *p);

#endif
