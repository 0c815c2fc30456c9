/* What the plugin `hold` says of its invoices, and what the node says of their HTLCs. */
#include <stdio.h>
#include <stdlib.h>

#include "layer/lightning/answer.h"
#include "layer/lightning/cln.h"

/* ---- hold invoices ---- */

enum hold_word { HOLD_UNPAID, HOLD_ACCEPTED, HOLD_PAID, HOLD_CANCELLED };
static const char *const hold_words[] = {[HOLD_UNPAID] = "unpaid",
	[HOLD_ACCEPTED] = "accepted",
	[HOLD_PAID] = "paid",
	[HOLD_CANCELLED] = "cancelled"};
static const enum ln_invoice_state hold_states[] = {[HOLD_UNPAID] = LN_INVOICE_OPEN,
	[HOLD_ACCEPTED] = LN_INVOICE_HELD,
	[HOLD_PAID] = LN_INVOICE_SETTLED,
	[HOLD_CANCELLED] = LN_INVOICE_CANCELLED};
_Static_assert(ARRAY_LEN(hold_words) == ARRAY_LEN(hold_states), "one for each");

static enum err add_hold_part(struct ln_invoice *in, const struct json *v)
{
	struct msat amount;
	size_t state;
	TRY(ln_get_word(&state, v, "state", hold_words, ARRAY_LEN(hold_words)));
	TRY(ln_get_number(&amount.raw, v, "msat", LN_MSAT_MAX));
	switch ((enum hold_word)state) {
	case HOLD_UNPAID: return ERR_FORMAT;
	case HOLD_ACCEPTED: in->held_count++; return ln_msat_add(&in->held, amount);
	case HOLD_PAID: in->settled_count++; return ln_msat_add(&in->settled, amount);
	case HOLD_CANCELLED: in->cancelled_count++; return OK;
	}
	UNREACHABLE();
}

/* What was asked for stands in the invoice alone. */
static enum err read_hold_request(struct ln_invoice *in, const struct json *v)
{
	struct bolt11 *b = malloc(sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	enum err err = ln_get_text(in->request, sizeof in->request, v, "invoice");
	if (err == OK && bolt11_decode(b, slice_str(in->request)) != OK)
		err = ERR_FORMAT;
	if (err == OK && !hash256_eq(&b->payment_hash, &in->hash))
		err = ERR_FORMAT;
	if (err == OK) {
		in->amount.raw = b->amount_msat;
		in->created_s = b->timestamp_s;
		in->expiry_s = b->expiry_s;
	}
	free(b);
	return err;
}

static enum err read_hold(struct ln_invoice *in, const struct json *v)
{
	const struct json *parts = json_get(v, "htlcs"), *preimage = json_get(v, "preimage");
	struct hash256 hash;
	size_t state;
	TRY(ln_get_hex32(&hash, v, "payment_hash"));
	if (!hash256_eq(&hash, &in->hash))
		return ERR_FORMAT;
	TRY(ln_get_word(&state, v, "state", hold_words, ARRAY_LEN(hold_words)));
	TRY(read_hold_request(in, v));
	if (preimage != NULL && json_type(preimage) != JSON_NULL) {
		TRY(ln_get_hex32(&in->preimage, v, "preimage"));
		in->has_preimage = ln_preimage_fits(&in->preimage, &in->hash);
		if (!in->has_preimage)
			return ERR_FORMAT;
	}
	if (json_type(parts) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(parts) > LN_PARTS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(parts); i++)
		TRY(add_hold_part(in, json_at(parts, i)));
	in->state = hold_states[state];
	/* nobody settles without it */
	return in->state == LN_INVOICE_SETTLED && !in->has_preimage ? ERR_FORMAT : OK;
}

enum err cln_invoice_parse(struct ln_invoice *out, const struct hash256 *hash, struct slice body)
{
	struct json *v = NULL;
	*out = (struct ln_invoice){.hash = *hash};
	TRY(json_parse(&v, body, NULL));
	const struct json *list = json_get(v, "holdinvoices");
	enum err err = json_type(list) != JSON_ARRAY || json_count(list) > 1 ? ERR_FORMAT
		: json_count(list) == 0                                      ? ERR_NOT_FOUND
									     : OK;
	if (err == OK)
		err = read_hold(out, json_at(list, 0));
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

bool cln_invoice_doubtful(const struct ln_invoice *in)
{
	return in->state == LN_INVOICE_HELD ||
		(in->state != LN_INVOICE_OPEN &&
			in->held_count + in->settled_count + in->cancelled_count > 0);
}

/* That the node waits for. */
struct waiting {
	const struct hash256 *hash;
	struct msat amount;
	uint32_t count, expiry_height; /* the lowest */
};

/* The life of an HTLC that was offered to us; in the fifth state, and in no other, the node waits
 * to be told what to do. */
static const char *const htlc_words[] = {"RCVD_ADD_HTLC", "RCVD_ADD_COMMIT", "SENT_ADD_REVOCATION",
	"SENT_ADD_ACK_COMMIT", "RCVD_ADD_ACK_REVOCATION", "SENT_REMOVE_HTLC", "SENT_REMOVE_COMMIT",
	"RCVD_REMOVE_REVOCATION", "RCVD_REMOVE_ACK_COMMIT", "SENT_REMOVE_ACK_REVOCATION"};
#define HTLC_WAITS 4u

static enum err add_waiting(struct waiting *w, const struct json *v)
{
	struct msat amount;
	struct hash256 hash;
	const char *direction = json_get_string(v, "direction");
	uint32_t expiry;
	size_t state;
	if (direction == NULL)
		return ERR_FORMAT;
	TRY(ln_get_hex32(&hash, v, "payment_hash"));
	if (strcmp(direction, "in") != 0 || !hash256_eq(&hash, w->hash))
		return OK;
	TRY(ln_get_word(&state, v, "state", htlc_words, ARRAY_LEN(htlc_words)));
	TRY(ln_get_number(&amount.raw, v, "amount_msat", LN_MSAT_MAX));
	TRY(ln_get_u32(&expiry, v, "expiry", LN_HEIGHT_MAX));
	if (state != HTLC_WAITS)
		return OK;
	if (w->count == 0 || expiry < w->expiry_height)
		w->expiry_height = expiry;
	w->count++;
	return expiry == 0 ? ERR_FORMAT : ln_msat_add(&w->amount, amount);
}

/* In whatever state the channel is. */
static enum err read_waiting(struct waiting *w, const struct json *v)
{
	const struct json *list = json_get(v, "channels");
	if (json_type(list) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(list) > LN_CHANNELS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *htlcs = json_get(json_at(list, i), "htlcs");
		if (htlcs == NULL)
			continue;
		if (json_type(htlcs) != JSON_ARRAY)
			return ERR_FORMAT;
		if (json_count(htlcs) > LN_PARTS_MAX)
			return ERR_FULL;
		for (size_t k = 0; k < json_count(htlcs); k++)
			TRY(add_waiting(w, json_at(htlcs, k)));
	}
	return OK;
}

/* What the plugin calls accepted and the node does not wait for is neither held nor given back: it
 * went some way that the plugin has not heard of. */
static void confirm(struct ln_invoice *in, const struct waiting *w)
{
	if (in->state == LN_INVOICE_HELD) {
		if (w->amount.raw < in->held.raw)
			in->held = w->amount;
		if (w->count == 0 || in->held_count == 0 || in->held.raw < in->amount.raw)
			in->state = LN_INVOICE_OPEN;
	} else {
		in->held = w->amount;
		in->held_count = w->count;
		if (in->state == LN_INVOICE_CANCELLED && w->count > 0)
			in->state = LN_INVOICE_OPEN;
	}
	in->expiry_height = w->expiry_height;
}

enum err cln_invoice_confirm(struct ln_invoice *in, struct slice body)
{
	struct waiting w = {.hash = &in->hash};
	struct json *v = NULL;
	TRY(json_parse(&v, body, NULL));
	const enum err err = read_waiting(&w, v);
	if (err == OK)
		confirm(in, &w);
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

enum err cln_signed_parse(char out[BOLT11_TEXT_MAX + 1], struct slice body)
{
	struct json *v = NULL;
	TRY(json_parse(&v, body, NULL));
	enum err err = ln_get_text(out, BOLT11_TEXT_MAX + 1, v, "bolt11");
	if (err == OK && out[0] == 0)
		err = ERR_FORMAT;
	json_free(v);
	return err;
}

enum err cln_done_parse(struct slice body)
{
	struct json *v = NULL;
	TRY(json_parse(&v, body, NULL));
	const bool done = json_type(v) == JSON_OBJECT && json_count(v) == 0;
	json_free(v);
	return done ? OK : ERR_FORMAT;
}

enum err cln_deadline_parse(char detail[LN_DETAIL_SIZE], uint32_t most, struct slice body)
{
	struct json *v = NULL;
	uint32_t blocks = 0;
	TRY(json_parse(&v, body, NULL));
	const struct json *option = json_get(json_get(v, "configs"), "hold-expiry-deadline");
	enum err err = option == NULL ? ERR_FORMAT
				      : ln_get_u32(&blocks, option, "value_int", UINT32_MAX);
	json_free(v);
	if (err == OK && (blocks == 0 || blocks > most)) {
		(void)snprintf(detail, LN_DETAIL_SIZE, "hold-expiry-deadline is %u: 1 to %u",
			blocks, most);
		err = ERR_UNAVAILABLE;
	}
	return err;
}
