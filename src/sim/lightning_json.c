/* The bodies of the simulated lnd: every member that a real one was recorded to have. */
#include <inttypes.h>
#include <stdio.h>

#include "base/base64.h"
#include "sim/lightning_internal.h"

#define DIGITS_SIZE 24u
#define CUSTOM_RECORD "106823"
#define NS_PER_S UINT64_C(1000000000)
#define MSAT BOLT11_MSAT_PER_SAT

void simln_set_digits(struct json *v, const char *key, uint64_t n)
{
	char text[DIGITS_SIZE];
	(void)snprintf(text, sizeof text, "%" PRIu64, n);
	json_set_string(v, key, text);
}

void simln_set_base64(struct json *v, const char *key, const void *bytes, size_t len)
{
	char text[BASE64_SIZE(32)];
	CHECK(len <= 32);
	base64_encode(text, BASE64, bytes, len);
	json_set_string(v, key, text);
}

static void set_custom_records(struct json *v, const char *key)
{
	struct json *records = json_object();
	json_set_string(records, CUSTOM_RECORD, "AA==");
	json_set(v, key, records);
}

/* ---- invoices ---- */

static const char *const invoice_words[] = {[SIMLN_OPEN] = "OPEN",
	[SIMLN_ACCEPTED] = "ACCEPTED",
	[SIMLN_SETTLED] = "SETTLED",
	[SIMLN_CANCELED] = "CANCELED"};
static const char *const htlc_words[] = {[SIMLN_HTLC_STUCK] = "",
	[SIMLN_HTLC_HELD] = "ACCEPTED",
	[SIMLN_HTLC_SETTLED] = "SETTLED",
	[SIMLN_HTLC_CANCELED] = "CANCELED"};

/* A part that has not arrived, and an earlier payment that was not taken, are unknown here. */
static struct json *invoice_htlcs(const struct simln_bill *b)
{
	struct json *list = json_array();
	for (uint32_t i = 0; i < b->part_count; i++) {
		const struct simln_part *p = &b->part[i];
		if (p->htlc == SIMLN_HTLC_STUCK)
			continue;
		struct json *v = json_object();
		simln_set_digits(v, "chan_id", SIMLN_CHANNEL_ID);
		simln_set_digits(v, "htlc_index", p->htlc_index);
		simln_set_digits(v, "amt_msat", p->msat);
		json_set_u64(v, "accept_height", p->accept_height);
		simln_set_digits(v, "accept_time", p->accept_s);
		simln_set_digits(v, "resolve_time", p->resolve_s);
		json_set_u64(v, "expiry_height", p->expiry_height);
		json_set_string(v, "state", htlc_words[p->htlc]);
		set_custom_records(v, "custom_records");
		simln_set_digits(v, "mpp_total_amt_msat", b->msat);
		json_set(v, "amp", json_new_null());
		json_set_string(v, "custom_channel_data", "/gABoUcBAA==");
		json_push(list, v);
	}
	return list;
}

static struct json *invoice_features(void)
{
	static const struct {
		const char *bit, *name;
		bool required;
	} features[] = {{"8", "tlv-onion", true}, {"14", "payment-addr", true},
		{"17", "multi-path-payments", false}, {"25", "route-blinding", false}};
	struct json *v = json_object();
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		struct json *f = json_object();
		json_set_string(f, "name", features[i].name);
		json_set_bool(f, "is_required", features[i].required);
		json_set_bool(f, "is_known", true);
		json_set(v, features[i].bit, f);
	}
	return v;
}

struct json *simln_invoice_json(const struct simln *s, const struct simln_bill *b)
{
	const bool settled = b->invoice == SIMLN_SETTLED;
	const uint64_t paid = settled || b->invoice == SIMLN_ACCEPTED ? b->msat : 0;
	const bool held = b->invoice == SIMLN_OPEN && s->node[b->payee].lie[SIMLN_LIE_HELD];
	struct json *v = json_object();
	json_set_string(v, "memo", "");
	if (b->known)
		simln_set_base64(v, "r_preimage", b->preimage.b, sizeof b->preimage.b);
	else
		json_set_string(v, "r_preimage", "");
	simln_set_base64(v, "r_hash", b->hash.b, sizeof b->hash.b);
	simln_set_digits(v, "value", b->msat / MSAT);
	simln_set_digits(v, "value_msat", b->msat);
	json_set_bool(v, "settled", settled);
	simln_set_digits(v, "creation_date", b->created_s);
	simln_set_digits(v, "settle_date", b->settled_s);
	json_set_string(v, "payment_request", b->request);
	json_set_string(v, "description_hash", "");
	simln_set_digits(v, "expiry", b->expiry_s);
	json_set_string(v, "fallback_addr", "");
	simln_set_digits(v, "cltv_expiry", b->cltv);
	json_set(v, "route_hints", json_array());
	json_set_bool(v, "private", false);
	simln_set_digits(v, "add_index", b->add_index);
	simln_set_digits(v, "settle_index", settled ? b->add_index : 0);
	simln_set_digits(v, "amt_paid", paid);
	simln_set_digits(v, "amt_paid_sat", paid / MSAT);
	simln_set_digits(v, "amt_paid_msat", paid);
	json_set_string(v, "state", invoice_words[held ? SIMLN_ACCEPTED : b->invoice]);
	json_set(v, "htlcs", invoice_htlcs(b));
	json_set(v, "features", invoice_features());
	json_set_bool(v, "is_keysend", false);
	simln_set_base64(v, "payment_addr", b->secret, sizeof b->secret);
	json_set_bool(v, "is_amp", false);
	json_set(v, "amp_invoice_state", json_object());
	json_set_bool(v, "is_blinded", false);
	json_set(v, "blinded_path_config", json_new_null());
	return v;
}

struct json *simln_made_json(const struct simln_bill *b)
{
	struct json *v = json_object();
	if (b->plain)
		simln_set_base64(v, "r_hash", b->hash.b, sizeof b->hash.b);
	json_set_string(v, "payment_request", b->request);
	simln_set_digits(v, "add_index", b->add_index);
	simln_set_base64(v, "payment_addr", b->secret, sizeof b->secret);
	return v;
}

/* ---- payments ---- */

static const char *const payment_words[] = {[SIMLN_IN_FLIGHT] = "IN_FLIGHT",
	[SIMLN_SUCCEEDED] = "SUCCEEDED",
	[SIMLN_FAILED] = "FAILED"};
static const char *const reason_words[] = {[SIMLN_REASON_NONE] = "FAILURE_REASON_NONE",
	[SIMLN_REASON_NO_ROUTE] = "FAILURE_REASON_NO_ROUTE",
	[SIMLN_REASON_DETAILS] = "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS",
	[SIMLN_REASON_BALANCE] = "FAILURE_REASON_INSUFFICIENT_BALANCE"};

static struct json *hops_json(
	const struct simln *s, const struct simln_bill *b, const struct simln_part *p)
{
	struct json *list = json_array(), *v = json_object(), *record = json_object();
	simln_set_digits(v, "chan_id", SIMLN_CHANNEL_ID);
	simln_set_digits(v, "chan_capacity", p->msat / MSAT);
	simln_set_digits(v, "amt_to_forward", p->msat / MSAT);
	json_set_string(v, "fee", "0");
	json_set_u64(v, "expiry", p->expiry_height);
	simln_set_digits(v, "amt_to_forward_msat", p->msat);
	json_set_string(v, "fee_msat", "0");
	const struct pubkey *payee = &s->node[b->payee].pubkey;
	json_set_hex(v, "pub_key", "", payee->b, sizeof payee->b);
	json_set_bool(v, "tlv_payload", true);
	simln_set_base64(record, "payment_addr", b->secret, sizeof b->secret);
	simln_set_digits(record, "total_amt_msat", b->msat);
	json_set(v, "mpp_record", record);
	json_set(v, "amp_record", json_new_null());
	json_set(v, "custom_records", json_object());
	json_set_string(v, "metadata", "");
	json_set_string(v, "blinding_point", "");
	json_set_string(v, "encrypted_data", "");
	json_set_string(v, "total_amt_msat", "0");
	json_push(list, v);
	return list;
}

static struct json *route_json(
	const struct simln *s, const struct simln_bill *b, const struct simln_part *p)
{
	struct json *v = json_object();
	json_set_u64(v, "total_time_lock", p->expiry_height);
	simln_set_digits(v, "total_fees", p->fee / MSAT);
	simln_set_digits(v, "total_amt", (p->msat + p->fee) / MSAT);
	json_set(v, "hops", hops_json(s, b, p));
	simln_set_digits(v, "total_fees_msat", p->fee);
	simln_set_digits(v, "total_amt_msat", p->msat + p->fee);
	simln_set_digits(v, "first_hop_amount_msat", p->msat + p->fee);
	json_set_string(v, "custom_channel_data", "");
	return v;
}

static struct json *failure_json(const struct simln_part *p)
{
	struct json *v = json_object();
	json_set_string(v, "code", "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS");
	json_set(v, "channel_update", json_new_null());
	json_set_string(v, "htlc_msat", "0");
	json_set_string(v, "onion_sha_256", "");
	json_set_u64(v, "cltv_expiry", 0);
	json_set_u64(v, "flags", 0);
	json_set_u64(v, "failure_source_index", 1);
	json_set_u64(v, "height", p->accept_height);
	return v;
}

static struct json *attempt_json(
	const struct simln *s, const struct simln_bill *b, const struct simln_part *p)
{
	const bool paid = p->reached && p->htlc == SIMLN_HTLC_SETTLED;
	const bool failed = p->reached && p->htlc == SIMLN_HTLC_CANCELED;
	const enum simln_payment state = paid ? SIMLN_SUCCEEDED
		: failed                      ? SIMLN_FAILED
					      : SIMLN_IN_FLIGHT;
	struct json *v = json_object();
	simln_set_digits(v, "attempt_id", p->attempt);
	json_set_string(v, "status", payment_words[state]);
	json_set(v, "route", route_json(s, b, p));
	simln_set_digits(v, "attempt_time_ns", p->sent_s * NS_PER_S);
	simln_set_digits(v, "resolve_time_ns", p->reached ? p->resolve_s * NS_PER_S : 0);
	json_set(v, "failure", failed ? failure_json(p) : json_new_null());
	if (paid)
		simln_set_base64(v, "preimage", b->preimage.b, sizeof b->preimage.b);
	else
		json_set_string(v, "preimage", "");
	return v;
}

/* The attempts, as far as the payer knows; the fees of those that count. */
static struct json *attempts_json(const struct simln *s, const struct simln_bill *b, uint64_t *fee)
{
	struct json *list = json_array();
	*fee = 0;
	for (uint32_t i = 0; i < b->part_count; i++) {
		const struct simln_part *p = &b->part[i];
		json_push(list, attempt_json(s, b, p));
		if (!p->reached || p->htlc == SIMLN_HTLC_SETTLED)
			*fee += p->fee;
	}
	return list;
}

enum simln_payment simln_payment_said(const struct simln *s, const struct simln_bill *b)
{
	const bool *lie = s->node[simln_other(b->payee)].lie;
	if (b->payment != SIMLN_IN_FLIGHT)
		return b->payment;
	return lie[SIMLN_LIE_PAID]      ? SIMLN_SUCCEEDED
		: lie[SIMLN_LIE_FAILED] ? SIMLN_FAILED
					: SIMLN_IN_FLIGHT;
}

struct json *simln_payment_json(const struct simln *s, const struct simln_bill *b)
{
	static const struct hash256 none;
	const enum simln_payment said = simln_payment_said(s, b);
	const bool paid = b->payment == SIMLN_SUCCEEDED;
	/* of a payment that it says was paid and was not: any bytes */
	const struct hash256 *preimage = paid ? &b->preimage
		: said == SIMLN_SUCCEEDED     ? &b->hash
					      : &none;
	uint64_t fee;
	struct json *v = json_object(), *attempts = attempts_json(s, b, &fee);
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	simln_set_digits(v, "value", b->msat / MSAT);
	simln_set_digits(v, "creation_date", b->paid_s);
	simln_set_digits(v, "fee", fee / MSAT);
	json_set_hex(v, "payment_preimage", "", preimage->b, sizeof preimage->b);
	simln_set_digits(v, "value_sat", b->msat / MSAT);
	simln_set_digits(v, "value_msat", b->msat);
	json_set_string(v, "payment_request", b->request);
	json_set_string(v, "status", payment_words[said]);
	simln_set_digits(v, "fee_sat", fee / MSAT);
	simln_set_digits(v, "fee_msat", fee);
	simln_set_digits(v, "creation_time_ns", b->paid_s * NS_PER_S);
	json_set(v, "htlcs", attempts);
	simln_set_digits(v, "payment_index", b->payment_index);
	json_set_string(v, "failure_reason", reason_words[b->reason]);
	set_custom_records(v, "first_hop_custom_records");
	return v;
}
