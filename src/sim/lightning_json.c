/* The bodies of the simulated lnd: every member that a real one was recorded to have. */
#include <inttypes.h>
#include <stdio.h>

#include "base/base64.h"
#include "sim/lightning_internal.h"

#define DIGITS_SIZE 24u
#define CHANNEL_ID UINT64_C(503576325586944)
#define CUSTOM_RECORD "106823"
#define NS_PER_S UINT64_C(1000000000)
#define MSAT BOLT11_MSAT_PER_SAT

static void set_digits(struct json *v, const char *key, uint64_t n)
{
	char text[DIGITS_SIZE];
	(void)snprintf(text, sizeof text, "%" PRIu64, n);
	json_set_string(v, key, text);
}

static void set_base64(struct json *v, const char *key, const void *bytes, size_t len)
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
static const char *const htlc_words[] = {[SIMLN_HTLC_HELD] = "ACCEPTED",
	[SIMLN_HTLC_SETTLED] = "SETTLED",
	[SIMLN_HTLC_CANCELED] = "CANCELED"};

static struct json *invoice_htlcs(const struct simln_bill *b)
{
	struct json *list = json_array();
	if (b->htlc == SIMLN_NO_HTLC)
		return list;
	struct json *v = json_object();
	set_digits(v, "chan_id", CHANNEL_ID);
	set_digits(v, "htlc_index", b->htlc_index);
	set_digits(v, "amt_msat", b->msat);
	json_set_u64(v, "accept_height", b->accept_height);
	set_digits(v, "accept_time", b->accept_s);
	set_digits(v, "resolve_time", b->resolve_s);
	json_set_u64(v, "expiry_height", b->expiry_height);
	json_set_string(v, "state", htlc_words[b->htlc]);
	set_custom_records(v, "custom_records");
	set_digits(v, "mpp_total_amt_msat", b->msat);
	json_set(v, "amp", json_new_null());
	json_set_string(v, "custom_channel_data", "/gABoUcBAA==");
	json_push(list, v);
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
	struct json *v = json_object();
	(void)s;
	json_set_string(v, "memo", "");
	if (settled)
		set_base64(v, "r_preimage", b->preimage.b, sizeof b->preimage.b);
	else
		json_set_string(v, "r_preimage", "");
	set_base64(v, "r_hash", b->hash.b, sizeof b->hash.b);
	set_digits(v, "value", b->msat / MSAT);
	set_digits(v, "value_msat", b->msat);
	json_set_bool(v, "settled", settled);
	set_digits(v, "creation_date", b->created_s);
	set_digits(v, "settle_date", b->settled_s);
	json_set_string(v, "payment_request", b->request);
	json_set_string(v, "description_hash", "");
	set_digits(v, "expiry", b->expiry_s);
	json_set_string(v, "fallback_addr", "");
	set_digits(v, "cltv_expiry", b->cltv);
	json_set(v, "route_hints", json_array());
	json_set_bool(v, "private", false);
	set_digits(v, "add_index", b->add_index);
	set_digits(v, "settle_index", settled ? b->add_index : 0);
	set_digits(v, "amt_paid", paid);
	set_digits(v, "amt_paid_sat", paid / MSAT);
	set_digits(v, "amt_paid_msat", paid);
	json_set_string(v, "state", invoice_words[b->invoice]);
	json_set(v, "htlcs", invoice_htlcs(b));
	json_set(v, "features", invoice_features());
	json_set_bool(v, "is_keysend", false);
	set_base64(v, "payment_addr", b->secret, sizeof b->secret);
	json_set_bool(v, "is_amp", false);
	json_set(v, "amp_invoice_state", json_object());
	json_set_bool(v, "is_blinded", false);
	json_set(v, "blinded_path_config", json_new_null());
	return v;
}

struct json *simln_made_json(const struct simln_bill *b)
{
	struct json *v = json_object();
	json_set_string(v, "payment_request", b->request);
	set_digits(v, "add_index", b->add_index);
	set_base64(v, "payment_addr", b->secret, sizeof b->secret);
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

static struct json *hops_json(const struct simln *s, const struct simln_bill *b)
{
	struct json *list = json_array(), *v = json_object(), *record = json_object();
	set_digits(v, "chan_id", CHANNEL_ID);
	set_digits(v, "chan_capacity", b->msat / MSAT);
	set_digits(v, "amt_to_forward", b->msat / MSAT);
	json_set_string(v, "fee", "0");
	json_set_u64(v, "expiry", b->expiry_height);
	set_digits(v, "amt_to_forward_msat", b->msat);
	json_set_string(v, "fee_msat", "0");
	const struct pubkey *payee = &s->node[b->payee].pubkey;
	json_set_hex(v, "pub_key", "", payee->b, sizeof payee->b);
	json_set_bool(v, "tlv_payload", true);
	set_base64(record, "payment_addr", b->secret, sizeof b->secret);
	set_digits(record, "total_amt_msat", b->msat);
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

static struct json *route_json(const struct simln *s, const struct simln_bill *b)
{
	struct json *v = json_object();
	json_set_u64(v, "total_time_lock", b->expiry_height);
	json_set_string(v, "total_fees", "0");
	set_digits(v, "total_amt", b->msat / MSAT);
	json_set(v, "hops", hops_json(s, b));
	json_set_string(v, "total_fees_msat", "0");
	set_digits(v, "total_amt_msat", b->msat);
	set_digits(v, "first_hop_amount_msat", b->msat);
	json_set_string(v, "custom_channel_data", "");
	return v;
}

static struct json *failure_json(const struct simln_bill *b)
{
	struct json *v = json_object();
	json_set_string(v, "code", "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS");
	json_set(v, "channel_update", json_new_null());
	json_set_string(v, "htlc_msat", "0");
	json_set_string(v, "onion_sha_256", "");
	json_set_u64(v, "cltv_expiry", 0);
	json_set_u64(v, "flags", 0);
	json_set_u64(v, "failure_source_index", 1);
	json_set_u64(v, "height", b->accept_height);
	return v;
}

/* The attempt, as far as the payer knows. */
static struct json *attempts_json(const struct simln *s, const struct simln_bill *b)
{
	struct json *list = json_array();
	if (b->htlc == SIMLN_NO_HTLC)
		return list;
	const bool paid = b->reached && b->htlc == SIMLN_HTLC_SETTLED;
	const bool failed = b->reached && b->htlc == SIMLN_HTLC_CANCELED;
	struct json *v = json_object();
	set_digits(v, "attempt_id", b->payment_index);
	json_set_string(v, "status",
		payment_words[paid       ? SIMLN_SUCCEEDED
				: failed ? SIMLN_FAILED
					 : SIMLN_IN_FLIGHT]);
	json_set(v, "route", route_json(s, b));
	set_digits(v, "attempt_time_ns", b->accept_s * NS_PER_S);
	set_digits(v, "resolve_time_ns", b->reached ? b->resolve_s * NS_PER_S : 0);
	json_set(v, "failure", failed ? failure_json(b) : json_new_null());
	if (paid)
		set_base64(v, "preimage", b->preimage.b, sizeof b->preimage.b);
	else
		json_set_string(v, "preimage", "");
	json_push(list, v);
	return list;
}

struct json *simln_payment_json(const struct simln *s, const struct simln_bill *b)
{
	static const struct hash256 none;
	const bool paid = b->payment == SIMLN_SUCCEEDED;
	const struct hash256 *preimage = paid ? &b->preimage : &none;
	struct json *v = json_object();
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	set_digits(v, "value", b->msat / MSAT);
	set_digits(v, "creation_date", b->paid_s);
	json_set_string(v, "fee", "0");
	json_set_hex(v, "payment_preimage", "", preimage->b, sizeof preimage->b);
	set_digits(v, "value_sat", b->msat / MSAT);
	set_digits(v, "value_msat", b->msat);
	json_set_string(v, "payment_request", b->request);
	json_set_string(v, "status", payment_words[b->payment]);
	json_set_string(v, "fee_sat", "0");
	json_set_string(v, "fee_msat", "0");
	set_digits(v, "creation_time_ns", b->paid_s * NS_PER_S);
	json_set(v, "htlcs", attempts_json(s, b));
	set_digits(v, "payment_index", b->payment_index);
	json_set_string(v, "failure_reason", reason_words[b->reason]);
	set_custom_records(v, "first_hop_custom_records");
	return v;
}

/* ---- the node ---- */

struct json *simln_info_json(const struct simln *s, enum simln_side side)
{
	struct json *v = json_object(), *chains = json_array(), *chain = json_object();
	const struct pubkey *key = &s->node[side].pubkey;
	json_set_string(v, "version", "0.21.0-beta simulated");
	json_set_hex(v, "identity_pubkey", "", key->b, sizeof key->b);
	json_set_string(v, "alias", side == SIMLN_ALICE ? "alice" : "bob");
	json_set_u64(v, "num_pending_channels", 0);
	json_set_u64(v, "num_active_channels", 1);
	json_set_u64(v, "num_inactive_channels", 0);
	json_set_u64(v, "block_height", s->height);
	json_set_bool(v, "synced_to_chain", true);
	json_set_string(chain, "chain", "bitcoin");
	json_set_string(chain, "network", "regtest");
	json_push(chains, chain);
	json_set(v, "chains", chains);
	return v;
}

static void set_amount(struct json *v, const char *key, uint64_t msat)
{
	struct json *amount = json_object();
	set_digits(amount, "sat", msat / MSAT);
	set_digits(amount, "msat", msat);
	json_set(v, key, amount);
}

struct json *simln_balance_json(const struct simln *s, enum simln_side side)
{
	const enum simln_side other = simln_other(side);
	struct json *v = json_object();
	set_digits(v, "balance", s->local[side] / MSAT);
	json_set_string(v, "pending_open_balance", "0");
	set_amount(v, "local_balance", s->local[side]);
	set_amount(v, "remote_balance", s->local[other]);
	set_amount(v, "unsettled_local_balance", s->sent[other]);
	set_amount(v, "unsettled_remote_balance", s->sent[side]);
	set_amount(v, "pending_open_local_balance", 0);
	set_amount(v, "pending_open_remote_balance", 0);
	json_set_string(v, "custom_channel_data", "AQAA");
	return v;
}

struct json *simln_channels_json(const struct simln *s, enum simln_side side)
{
	static const struct hash256 funding = {{1}};
	const enum simln_side other = simln_other(side);
	struct json *list = json_array(), *v = json_object(), *out = json_object();
	struct json *htlcs = json_array();
	const uint64_t sent = s->sent[side] + s->sent[other];
	char point[80];
	size_t len = 0;
	for (size_t i = 0; i < sizeof funding.b; i++)
		len += (size_t)snprintf(point + len, sizeof point - len, "%02x",
			funding.b[sizeof funding.b - 1 - i]);
	(void)snprintf(point + len, sizeof point - len, ":0");
	for (uint32_t i = 0; i < s->bill_count; i++)
		if (s->bill[i].htlc != SIMLN_NO_HTLC && !s->bill[i].reached)
			json_push(htlcs, json_object());
	json_set_bool(v, "active", s->node[SIMLN_ALICE].up && s->node[SIMLN_BOB].up);
	json_set_hex(v, "remote_pubkey", "", s->node[other].pubkey.b, 33);
	json_set_string(v, "channel_point", point);
	set_digits(v, "chan_id", CHANNEL_ID);
	set_digits(v, "capacity",
		(s->config.local_msat[SIMLN_ALICE] + s->config.local_msat[SIMLN_BOB]) / MSAT);
	set_digits(v, "local_balance", s->local[side] / MSAT);
	set_digits(v, "remote_balance", s->local[other] / MSAT);
	set_digits(v, "unsettled_balance", sent / MSAT);
	json_set(v, "pending_htlcs", htlcs);
	json_push(list, v);
	json_set(out, "channels", list);
	return out;
}

struct json *simln_error_json(unsigned code, const char *message)
{
	struct json *v = json_object();
	json_set_u64(v, "code", code);
	json_set_string(v, "message", message);
	json_set(v, "details", json_array());
	return v;
}
