/* Payouts that somebody else signs: the transaction out as a PSBT, and what was signed in. */
#include "node/api_internal.h"
#include "node/effect_plan.h"

#include "wire/signing_psbt.h"

#include <stdio.h>
#include <stdlib.h>

static const struct field psbt_fields[] = {{"psbt", JSON_STRING, true}};

/* Handlers run one at a time. */
static uint8_t request_storage[SIGNING_REQUEST_MAX];
static uint8_t psbt_bytes[SIGNING_PSBT_MAX];

/* The payout that the path names, and what pays it; NULL: answered. */
static const struct effect *find_external(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct id128 id;
	const struct transfer *t = id_parse(&id, c->param[0]) == OK ? ledger_transfer(l, &id)
								    : NULL;
	if (t == NULL || !t->external) {
		call_problem(c, "not_found",
			t == NULL ? "there is no such transfer"
				  : "our own signer signs this transfer");
		return NULL;
	}
	if (t->effect == INDEX_NONE || l->effect[t->effect].variant_count == 0) {
		call_problem(c, "not_ready", "its coins are not chosen yet");
		return NULL;
	}
	return &l->effect[t->effect];
}

/* Of the effect that is found; false: answered. */
static bool external_request(
	struct call *c, struct signing_request *out, struct amount *fee, const struct effect *f)
{
	struct hash256 txid;
	if (f->state != EFFECT_PREPARED || f->called_off) {
		call_problem(c, "not_found", "this transfer waits for no signature any more");
		return false;
	}
	/* what it is made of was journaled, and makes the same again */
	CHECK(effect_external_request(out, &txid, fee, request_storage, call_ledger(c), f) == OK);
	CHECK(hash256_eq(&txid, &f->variant[0].txid));
	return true;
}

/* The sweep that the effect is; false: answered. */
static bool find_sweep(struct call *c, struct sweep *out, const struct effect *f)
{
	if (f->state != EFFECT_PREPARED) {
		call_problem(c, "not_found", "this sweep waits for no signature any more");
		return false;
	}
	/* where there is a sweep there is the descriptor that it is of: the start says so */
	CHECK(c->api->deposits != NULL);
	effect_sweep(out, call_ledger(c), f);
	out->descriptor = c->api->deposits;
	return true;
}

/* ?version=2; false: answered. */
static bool read_version(struct call *c, enum psbt_version *out)
{
	struct field_errors errors = {.count = 0};
	const char *text = http_query(c->x, "version");
	*out = PSBT_V0;
	if (text == NULL || strcmp(text, "0") == 0)
		return true;
	*out = PSBT_V2;
	if (strcmp(text, "2") == 0)
		return true;
	field_error_add(&errors, "?version", "range", "must be 0 or 2");
	call_invalid(c, &errors);
	return false;
}

/* What is to be signed; false: answered. */
static bool put_unsigned(struct call *c, struct buf *out, const struct effect *f)
{
	static struct signing_request request;
	static struct sweep sweep;
	struct amount fee;
	enum psbt_version version;
	if (!read_version(c, &version))
		return false;
	if (effect_sweeps(call_ledger(c), f)) {
		if (!find_sweep(c, &sweep, f))
			return false;
		CHECK(sweep_psbt_put(out, &sweep, version) == OK);
		return true;
	}
	if (!external_request(c, &request, &fee, f))
		return false;
	CHECK(signing_psbt_put(out, &request, &call_ledger(c)->params.wallet, version) == OK);
	return true;
}

void handle_psbt_get(struct call *c)
{
	struct buf out = buf_init(psbt_bytes, sizeof psbt_bytes);
	const struct effect *f = find_external(c);
	if (f == NULL || !put_unsigned(c, &out, f))
		return;
	char *text = malloc(BASE64_SIZE(out.len));
	if (text == NULL) {
		call_problem(c, "overloaded", "no memory");
		return;
	}
	base64_encode(text, BASE64, out.ptr, out.len);
	struct json *v = json_object();
	json_set_string(v, "psbt", text);
	json_set_txid(v, "transaction", f->layer, &f->variant[0].txid);
	json_set_amount(v, "fee", f->variant[0].fee);
	free(text);
	call_answer_durable(c, 200, v, NULL);
}

/* The member's bytes; false: answered. */
static bool read_psbt(struct call *c, struct slice *out)
{
	struct field_errors errors = {.count = 0};
	struct json *body;
	if (!call_body(c, &body))
		return false;
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, psbt_fields, ARRAY_LEN(psbt_fields));
	const struct slice text = json_string(json_get(body, "psbt"));
	size_t len = good ? text.len / 4 * 3 : 0;
	for (size_t i = text.len; i > 0 && len > 0 && text.ptr[i - 1] == '='; i--)
		len--;
	if (good &&
		(len > sizeof psbt_bytes || len == 0 ||
			base64_decode(psbt_bytes, len, BASE64, text) != OK)) {
		fields_fault(&f, "psbt", "format", "must be a PSBT in base64");
		good = false;
	}
	if (!good)
		call_invalid(c, &errors);
	json_free(body);
	*out = slice_of(psbt_bytes, len);
	return good;
}

/* What was signed is this payment, by each field that says something about it and by every
 * signature; false: answered. */
static bool check_payout(struct call *c, struct buf *raw, const struct effect *f, struct slice psbt)
{
	static struct signing_request request;
	static struct signing_answer answer;
	struct hash256 txid;
	struct amount fee;
	if (!external_request(c, &request, &fee, f))
		return false;
	if (signing_psbt_answer(&answer, &request, psbt) != OK) {
		call_problem(c, "psbt_refused", "%s", answer.detail);
		return false;
	}
	const enum err err = signing_assemble(
		raw, &txid, &request, &answer, &call_ledger(c)->params.wallet);
	if (err != OK)
		call_problem(c, "psbt_refused", "a signature is none by the coin's key (%s)",
			err_name(err));
	return err == OK;
}

/* The same of a sweep. */
static bool check_sweep(struct call *c, struct buf *raw, const struct effect *f, struct slice psbt)
{
	static struct sweep sweep;
	char detail[SWEEP_DETAIL_SIZE];
	if (!find_sweep(c, &sweep, f))
		return false;
	const enum err err = sweep_psbt_take(raw, detail, &sweep, psbt);
	if (err != OK)
		call_problem(c, "psbt_refused", "%s", detail);
	return err == OK;
}

/* What is found right is journaled, and sent. */
static void take_signed(struct call *c, const struct effect *f, struct slice psbt)
{
	static uint8_t storage[SIGNING_TX_MAX];
	const struct id128 id = f->id;
	struct buf raw = buf_init(storage, sizeof storage);
	if (!(effect_sweeps(call_ledger(c), f) ? check_sweep : check_payout)(c, &raw, f, psbt))
		return;
	const enum err made = engine_prepared(c->api->engine, c->wall_ms, &id, 0,
		&f->variant[0].txid, f->variant[0].fee, buf_slice(&raw));
	if (made != OK) {
		call_not_taken(c, made);
		return;
	}
	const struct ledger *l = call_ledger(c);
	const struct effect *now = ledger_effect(l, &id);
	call_answer_durable(c, 200, transfer_json(l, &l->transfer[now->transfer]), NULL);
}

void handle_psbt_set(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct slice psbt;
	if (!call_ready(c) || !read_psbt(c, &psbt) || !call_has_room(c))
		return;
	const struct effect *f = find_external(c);
	if (f == NULL)
		return;
	/* once is enough: signatures differ each time, the payment does not */
	if (variant_signed(&f->variant[0]))
		call_answer_durable(c, 200, transfer_json(l, &l->transfer[f->transfer]), NULL);
	else
		take_signed(c, f, psbt);
}

void handle_transfer_cancel(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct engine_refusal refusal;
	struct id128 id;
	if (!call_ready(c) || !call_has_room(c))
		return;
	if (id_parse(&id, c->param[0]) != OK || ledger_transfer(l, &id) == NULL) {
		call_problem(c, "not_found", "there is no such transfer");
		return;
	}
	const enum err err = engine_cancel(c->api->engine, &refusal, c->wall_ms, &id);
	if (err == OK)
		call_answer_durable(c, 200, transfer_json(l, ledger_transfer(l, &id)), NULL);
	else if (err == ERR_REJECTED)
		call_refused(c, &refusal);
	else
		call_problem(c, "overloaded", "it can't be journaled now (%s)", err_name(err));
}
