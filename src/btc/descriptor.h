/* btc/descriptor: output descriptors: from one line of text, every address of a watched wallet.
 * Pure; public keys only.
 *
 * Source: BIP-380 (texts, check sum, key expressions), 381 (pk, pkh, sh), 382 (wpkh, wsh), 383
 * (multi, sortedmulti), 385 (addr, raw), 386 (tr), 387 (multi_a, sortedmulti_a), 389 (<0;1>);
 * Bitcoin Core's limits where the BIPs name none.
 * Read: pk, pkh, wpkh, multi and sortedmulti, alone and in sh, wsh and sh(wsh) as far as the BIPs
 * let them; tr with any tree of pk, multi_a and sortedmulti_a; addr; raw. Not read: combo, rawtr,
 * miniscript, musig (ERR_STATE).
 * Invariants: a descriptor that was parsed has a script for every index below 2^31 (but for one in
 * 2^127 keys); all keys that have alternatives have as many.
 * Threads: any. Ownership: nothing is borrowed after parsing.
 * What it must not do: take private keys. A text that holds one is refused (ERR_DENIED), so that
 * none gets into a configuration that is meant for watching.
 */
#ifndef BTC_DESCRIPTOR_H
#define BTC_DESCRIPTOR_H
#include "btc/bip32.h"
#include "btc/script.h"

#define DESCRIPTOR_TEXT_MAX 8192u
#define DESCRIPTOR_KEYS_MAX 32u        /* of all scripts together */
#define DESCRIPTOR_STEPS_MAX 10u       /* of a path, before the last one */
#define DESCRIPTOR_ALTERNATIVES_MAX 8u /* in <a;b;...> */
#define DESCRIPTOR_LEAVES_MAX 32u
#define DESCRIPTOR_MULTI_KEYS_MAX 20u /* of one multi; Bitcoin Core's MAX_PUBKEYS_PER_MULTISIG */
#define DESCRIPTOR_SCRIPT_MAX 702u    /* the longest script: multi of so many keys */
#define DESCRIPTOR_RAW_MAX 520u
#define DESCRIPTOR_CHECKSUM_SIZE 8u

struct descriptor_key {
	bool extended; /* .xpub and a path; otherwise .bytes */
	struct xpub xpub;
	uint8_t bytes[65]; /* compressed or not; compressed with 0x02 for an x-only key */
	size_t len;
	uint32_t step[DESCRIPTOR_STEPS_MAX];
	uint32_t step_count;
	uint32_t alternative_at; /* which step has alternatives; step_count: none */
	uint32_t alternative[DESCRIPTOR_ALTERNATIVES_MAX];
	bool ranged; /* ends in an index to be chosen */
	/* where the key comes from, as stated: for signers, never checked */
	bool has_origin;
	uint8_t fingerprint[4];
	uint32_t origin[DESCRIPTOR_STEPS_MAX];
	uint32_t origin_count;
};

enum descriptor_kind {
	DESCRIPTOR_PK,
	DESCRIPTOR_PKH,
	DESCRIPTOR_WPKH,
	DESCRIPTOR_MULTI,
	DESCRIPTOR_SORTEDMULTI,
	DESCRIPTOR_MULTI_A, /* in tr alone */
	DESCRIPTOR_SORTEDMULTI_A,
	DESCRIPTOR_TR,
	DESCRIPTOR_FIXED, /* addr, raw */
};

/* A script: the keys from `key` on. */
struct descriptor_script {
	enum descriptor_kind kind;
	uint32_t key, key_count;
	uint32_t threshold;
	uint32_t depth; /* of a leaf of tr */
};

struct descriptor {
	bool sh, wsh; /* what the script is wrapped in */
	struct descriptor_script script;
	struct descriptor_script leaf[DESCRIPTOR_LEAVES_MAX]; /* of tr, depth first */
	uint32_t leaf_count;
	struct descriptor_key key[DESCRIPTOR_KEYS_MAX];
	uint32_t key_count;
	uint32_t alternative_count; /* 1: none */
	bool ranged;
	uint8_t fixed[DESCRIPTOR_RAW_MAX];
	size_t fixed_len;
};

/* The check sum of a text without it. ERR_FORMAT: a character that no descriptor has. */
MUST_USE NONNULL_ALL enum err descriptor_checksum(
	char out[DESCRIPTOR_CHECKSUM_SIZE + 1], struct slice text);

/* With its check sum: a descriptor in a configuration or from another program has one. ERR_FORMAT;
 * ERR_CHECKSUM missing or wrong, also of a key or an address; ERR_NETWORK of another network;
 * ERR_DENIED a private key, or a hardened step that needs one; ERR_RANGE a threshold, a number or a
 * size that can't be spent or relayed; ERR_FULL over the bounds above; ERR_STATE something that is
 * a descriptor elsewhere and not read here. *out is undefined on failure. */
MUST_USE NONNULL_ALL enum err descriptor_parse(
	struct descriptor *out, const struct network *network, struct slice text);
/* The same where the check sum may be missing (not wrong): what somebody typed just now. */
MUST_USE NONNULL_ALL enum err descriptor_parse_unchecked(
	struct descriptor *out, const struct network *network, struct slice text);

/* A key at an index: compressed or not, with 0x02 in front of an x-only one. Errors as
 * descriptor_derive. */
#define DESCRIPTOR_KEY_MAX 65u
MUST_USE NONNULL_ALL enum err descriptor_key_at(uint8_t out[DESCRIPTOR_KEY_MAX], size_t *len,
	const struct descriptor_key *key, uint32_t alternative, uint32_t index);

/* What pays to an index: the output's script, and what signers need besides. */
struct descriptor_scripts {
	uint8_t output[DESCRIPTOR_SCRIPT_MAX];
	size_t output_len;
	uint8_t redeem[DESCRIPTOR_RAW_MAX]; /* of sh; 0 bytes: none */
	size_t redeem_len;
	uint8_t witness[DESCRIPTOR_SCRIPT_MAX]; /* of wsh; 0 bytes: none */
	size_t witness_len;
};

/* ERR_RANGE: an alternative that is not there, an index of 2^31 or more, or over 0 where nothing is
 * ranged; or a key that does not exist (2^-127). *out is undefined on failure. */
MUST_USE NONNULL_ALL enum err descriptor_derive(struct descriptor_scripts *out,
	const struct descriptor *d, uint32_t alternative, uint32_t index);

#endif
