/* btc/uri: `bitcoin:` URIs: what a customer's wallet scans, and what a payer hands to us. Pure.
 *
 * Source: BIP-21, BIP-321 (any number of payment instructions, case-insensitive keys); RFC 3986.
 * Where two readers of one text could come to pay different things, it is refused: amount, label
 * and message are there once; keys, amounts and instructions hold no percent-encoding; a label is
 * UTF-8 without control characters. An unknown parameter is ignored, an unknown `req-` one refused.
 * Threads: any. Ownership: instructions borrow from the text that was parsed.
 * What it must not do: decide. A URI says what somebody wants, not what is to be paid; Lightning
 * invoices, offers and silent payment addresses are passed on as they stand.
 */
#ifndef BTC_URI_H
#define BTC_URI_H
#include "btc/script.h"

#define BTC_URI_TEXT_MAX 8192u
#define BTC_URI_FIELD_MAX 512u       /* bytes of a label or a message */
#define BTC_URI_INSTRUCTIONS_MAX 16u /* ways to pay in one URI */

enum btc_uri_kind {
	BTC_URI_ADDRESS,   /* in the path, or under a network's prefix: bc=bc1... */
	BTC_URI_LIGHTNING, /* lightning=: a BOLT 11 invoice */
	BTC_URI_OFFER,     /* lno=: a BOLT 12 offer */
	BTC_URI_SILENT,    /* sp=: a BIP-352 silent payment address */
};

struct btc_uri_instruction {
	enum btc_uri_kind kind;
	struct slice text;                  /* borrows; in the case that it was written in */
	uint8_t script[BTC_SCRIPT_STD_MAX]; /* ADDRESS */
	size_t script_len;
};

struct btc_uri_field {
	uint8_t text[BTC_URI_FIELD_MAX]; /* decoded */
	size_t len;                      /* 0: none */
};

struct btc_uri {
	bool has_amount;
	struct sat amount;
	struct btc_uri_field label;   /* whom one pays */
	struct btc_uri_field message; /* what for */
	struct btc_uri_instruction instruction[BTC_URI_INSTRUCTIONS_MAX];
	uint32_t instruction_count; /* at least one; an address in the path comes first */
};

/* ERR_FORMAT: no such URI, or against the rules above; ERR_STATE: it demands something (`req-`)
 * that is not known here; ERR_NETWORK: an address of another network; ERR_CHECKSUM, ERR_RANGE: of
 * an address (btc_address_parse), or an amount that is not whole satoshis or over 21 million;
 * ERR_FULL: longer, or more ways to pay, than the bounds above; ERR_NOT_FOUND: no way to pay that
 * is known here. *out is untouched on failure. */
MUST_USE NONNULL_ALL enum err btc_uri_parse(
	struct btc_uri *out, const struct network *network, struct slice text);

/* Appends the URI: the first instruction in the path where it is an address, everything else as
 * parameters. ERR_FORMAT: an address that is not first and has no prefix of its own (Base58), or a
 * text that can't stand in a URI; ERR_RANGE: an amount over 21 million; ERR_FULL. */
MUST_USE NONNULL_ALL enum err btc_uri_put(
	struct buf *out, const struct network *network, const struct btc_uri *uri);

#endif
