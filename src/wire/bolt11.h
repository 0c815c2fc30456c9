/* wire/bolt11: Lightning invoices: read and checked here, without trust in a node; made for nodes
 * that sign what others have written, for simulators and tests. Pure.
 *
 * Stricter than the source where a reader could be led to pay for something else than the node
 * does: a field that may be there once is there once, a payment secret is demanded, numbers are in
 * range, a description is UTF-8. Fields without a meaning here are skipped, as the source says.
 * Threads: any. Source: BOLT 11, BOLT 9 (features); BIP-173.
 */
#ifndef WIRE_BOLT11_H
#define WIRE_BOLT11_H
#include "base/network.h"
#include "btc/script.h"

#define BOLT11_TEXT_MAX 7089u /* what the largest QR code holds */
#define BOLT11_FIELD_MAX 639u /* bytes in one field: 1,023 values of five bits */
#define BOLT11_HOPS_MAX 24u
#define BOLT11_FALLBACKS_MAX 4u
#define BOLT11_EXPIRY_DEFAULT_S 3600u
#define BOLT11_FINAL_CLTV_DEFAULT 18u
#define BOLT11_MSAT_PER_SAT 1000u

/* Bits of features that are understood; each is the required one, the next higher the optional. */
enum {
	BOLT11_VAR_ONION = 8,
	BOLT11_PAYMENT_SECRET = 14,
	BOLT11_BASIC_MPP = 16,
	BOLT11_ROUTE_BLINDING = 24,
	BOLT11_ATTRIBUTION_DATA = 36,
	BOLT11_PAYMENT_METADATA = 48,
};

/* One channel of a private route to the payee, beginning at its node. */
struct bolt11_hop {
	struct pubkey node;
	uint64_t short_channel_id;
	uint32_t fee_base_msat;
	uint32_t fee_ppm; /* millionths of the amount */
	uint16_t cltv_delta;
	uint8_t route; /* hops of one route have the same number, from 0 */
};

struct bolt11 {
	const struct network *network; /* of Bitcoin; static */
	uint64_t amount_msat;          /* 0: the payer chooses */
	uint64_t timestamp_s;          /* since 1970 */
	uint64_t expiry_s;             /* after the timestamp */
	struct hash256 payment_hash;
	uint8_t payment_secret[32];
	struct pubkey payee;
	bool payee_stated;   /* in a field of its own; otherwise recovered from the signature */
	uint32_t final_cltv; /* blocks that the payee wants for the last HTLC */
	uint64_t features;   /* bits 0 to 63 */
	bool described_by_hash;
	struct hash256 description_hash; /* where described_by_hash */
	uint8_t description[BOLT11_FIELD_MAX];
	size_t description_len;
	uint8_t metadata[BOLT11_FIELD_MAX];
	size_t metadata_len;
	struct {
		uint8_t script[BTC_SCRIPT_STD_MAX];
		size_t script_len;
	} fallback[BOLT11_FALLBACKS_MAX]; /* on the chain, best first */
	size_t fallback_count;
	struct bolt11_hop hop[BOLT11_HOPS_MAX];
	size_t hop_count;
};

/* ERR_FORMAT no invoice, or against the rules above; ERR_CHECKSUM its check sum or its signature is
 * wrong; ERR_NETWORK an invoice of a network that is not known; ERR_RANGE a number or a count over
 * the bounds above, an amount that is not whole millisatoshis or over 21 million coins; ERR_STATE
 * well-formed, but it demands a feature that is not understood. A leading "lightning:" is the
 * caller's to take off. *out is untouched on failure. */
MUST_USE NONNULL_ALL enum err bolt11_decode(struct bolt11 *out, struct slice text);

/* Writes the invoice's text, terminated, signed with the payee's key (in.payee is not read; it is
 * stated where payee_stated). ERR_RANGE: a value that has no encoding, or the key is invalid;
 * ERR_FULL: longer than the text. */
MUST_USE NONNULL_ALL enum err bolt11_encode(
	char text[BOLT11_TEXT_MAX + 1], const struct bolt11 *in, const struct seckey *key);

/* Whether the invoice has run out at this time, in seconds since 1970. */
NONNULL_ALL bool bolt11_is_expired(const struct bolt11 *invoice, uint64_t now_s);

#endif
