/* Signed transactions that somebody else made: handed to a layer's node, and asked about.
 * Submitting the same bytes twice does no harm, so no Idempotency-Key is needed. */
#include "node/api_internal.h"

#include <stdlib.h>

#include "base/hex.h"
#include "wire/elements_tx.h"

#define RAW_MAX (100u * 1024u)
#define TX_PARTS_MAX 4096u /* inputs, or outputs */

static const struct field submit_fields[] = {
	{"layer", JSON_STRING, true},
	{"raw", JSON_STRING, true},
};

static enum err parse_utxo(struct hash256 *txid, struct slice raw)
{
	struct btc_txin *in = calloc(TX_PARTS_MAX, sizeof *in);
	struct btc_txout *out = calloc(TX_PARTS_MAX, sizeof *out);
	struct btc_tx tx = {.in = in, .out = out};
	size_t used = 0;
	enum err e = ERR_FULL;
	if (in != NULL && out != NULL)
		e = btc_tx_parse(&tx, &used, TX_PARTS_MAX, TX_PARTS_MAX, raw);
	if (e == OK && used != raw.len)
		e = ERR_FORMAT;
	if (e == OK)
		btc_tx_id(txid, &tx);
	free(in);
	free(out);
	return e;
}

static enum err parse_elements(struct hash256 *txid, struct slice raw)
{
	struct elements_txin *in = calloc(TX_PARTS_MAX, sizeof *in);
	struct elements_txout *out = calloc(TX_PARTS_MAX, sizeof *out);
	struct elements_tx tx = {.in = in, .out = out};
	size_t used;
	enum err e = ERR_FULL;
	if (in != NULL && out != NULL)
		e = elements_tx_parse(&tx, &used, TX_PARTS_MAX, TX_PARTS_MAX, raw);
	if (e == OK && used != raw.len)
		e = ERR_FORMAT;
	if (e == OK)
		elements_tx_id(txid, &tx);
	free(in);
	free(out);
	return e;
}

/* ERR_NETWORK: signed for another chain. */
static enum err parse_raw(struct hash256 *txid, const struct network *network, struct slice raw)
{
	struct evm_tx tx;
	struct evm_address from;
	switch (layer_family(network->layer)) {
	case FAMILY_UTXO:
		return network->layer == LAYER_LIQUID ? parse_elements(txid, raw)
						      : parse_utxo(txid, raw);
	case FAMILY_ACCOUNT:
		TRY(evm_tx_parse_signed(&tx, &from, txid, ASSET_RBTC, raw));
		return tx.chain_id == network->chain_id ? OK : ERR_NETWORK;
	case FAMILY_CHANNEL: return ERR_FORMAT; /* there are none that anybody could see */
	}
	UNREACHABLE();
}

struct submit_note {
	enum layer_id layer;
	struct hash256 txid;
};
_Static_assert(sizeof(struct submit_note) <= PENDING_NOTE_SIZE, "a note fits");

static void on_submitted(void *ctx, const struct submit_answer *answer)
{
	struct pending *p = ctx;
	const struct submit_note note = *(const struct submit_note *)pending_note(p);
	struct call *c = pending_resume(p);
	if (c == NULL)
		return;
	struct json *v;
	switch (answer->outcome) {
	case SUBMIT_ACCEPTED:
	case SUBMIT_KNOWN:
		v = json_object();
		json_set_string(v, "layer", layer_name(note.layer));
		json_set_txid(v, "id", note.layer, &note.txid);
		json_set_string(
			v, "outcome", answer->outcome == SUBMIT_KNOWN ? "known" : "accepted");
		call_answer_json(c, 200, v);
		return;
	case SUBMIT_REJECTED: call_problem(c, "transaction_rejected", "%s", answer->detail); return;
	case SUBMIT_CONFLICT: call_problem(c, "transaction_conflict", "%s", answer->detail); return;
	case SUBMIT_UNKNOWN: call_problem(c, "submit_unknown", "%s", answer->detail); return;
	}
	UNREACHABLE();
}

static void submit(struct call *c, const struct submit_note *note, struct slice raw)
{
	struct api *api = c->api;
	struct pending *p = call_suspend(c);
	if (p == NULL)
		return;
	memcpy(pending_note(p), note, sizeof *note);
	const enum err e = api->ports.layer_submit(
		api->ports.ctx, note->layer, raw, on_submitted, p);
	if (e == OK)
		return;
	struct call *again = pending_resume(p);
	if (again != NULL)
		call_problem(
			again, "layer_unavailable", "the node takes nothing now (%s)", err_name(e));
}

/* The layer and the bytes; false: answered. */
static bool read_submit(struct call *c, struct submit_note *note, uint8_t *raw, size_t *len,
	const struct json *body)
{
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	if (!fields_check(&f, submit_fields, ARRAY_LEN(submit_fields)) ||
		!fields_layer(&f, "layer", &note->layer)) {
		call_invalid(c, &errors);
		return false;
	}
	if (!call_layer_enabled(c, note->layer))
		return false;
	const struct slice text = json_string(json_get(body, "raw"));
	const struct network *network = call_ledger(c)->params.layer[note->layer].network;
	enum err e = hex_decode_var(raw, len, RAW_MAX, text);
	if (e == OK) {
		struct cpu_budget budget; /* the request's: what decoding used counts apart */
		cpu_budget_begin(&budget, c->api->task_decode, CPU_BUDGET_NONE);
		e = parse_raw(&note->txid, network, slice_of(raw, *len));
		(void)cpu_budget_end(&budget);
	}
	if (e == OK)
		return true;
	fields_fault(&f, "raw", e == ERR_NETWORK ? "network" : "format",
		e == ERR_NETWORK ? "is signed for another chain"
				 : "must be one signed transaction in hexadecimal, without 0x");
	call_invalid(c, &errors);
	return false;
}

void handle_transaction_submit(struct call *c)
{
	struct json *body;
	struct submit_note note;
	size_t len = 0;
	if (!call_ready(c) || !call_body(c, &body))
		return;
	uint8_t *raw = malloc(RAW_MAX);
	CHECK(raw != NULL);
	if (read_submit(c, &note, raw, &len, body) && call_affordable(c))
		submit(c, &note, slice_of(raw, len));
	free(raw);
	json_free(body);
}

/* ---- GET /v1/transactions/{layer}/{id} ---- */

static void on_status(void *ctx, const struct tx_status *status)
{
	static const char *const names[] = {
		[TX_CONFIRMED] = "confirmed",
		[TX_MEMPOOL] = "unconfirmed",
		[TX_ABSENT] = "absent",
	};
	struct pending *p = ctx;
	const struct submit_note note = *(const struct submit_note *)pending_note(p);
	struct call *c = pending_resume(p);
	if (c == NULL)
		return;
	if (status->presence == TX_UNKNOWN) {
		call_problem(c, "layer_unavailable", "%s", status->detail);
		return;
	}
	CHECK((size_t)status->presence < ARRAY_LEN(names));
	struct json *v = json_object();
	json_set_string(v, "layer", layer_name(note.layer));
	json_set_txid(v, "id", note.layer, &note.txid);
	json_set_string(v, "state", names[status->presence]);
	json_set_u64(v, "confirmations", status->presence == TX_CONFIRMED ? status->depth : 0);
	struct json *block = json_new_null();
	if (status->presence == TX_CONFIRMED) {
		json_free(block);
		block = json_object();
		json_set_txid(block, "hash", note.layer, &status->block.hash);
		json_set_u64(block, "height", status->block.height);
	}
	json_set(v, "block", block);
	json_set_bool(v, "reverted", status->presence == TX_CONFIRMED && status->reverted);
	call_answer_json(c, 200, v);
}

void handle_transaction_get(struct call *c)
{
	struct api *api = c->api;
	struct submit_note note;
	if (layer_parse(&note.layer, slice_str(c->param[0])) != OK) {
		call_problem(c, "not_found", "there is no such layer");
		return;
	}
	if (!call_layer_enabled(c, note.layer))
		return;
	if (txid_parse(&note.txid, note.layer, c->param[1]) != OK) {
		call_problem(c, "not_found", "a transaction id has 64 hexadecimal digits");
		return;
	}
	struct pending *p = call_suspend(c);
	if (p == NULL)
		return;
	memcpy(pending_note(p), &note, sizeof note);
	const enum err e = api->ports.layer_status(
		api->ports.ctx, note.layer, &note.txid, on_status, p);
	struct call *again = e == OK ? NULL : pending_resume(p);
	if (again != NULL)
		call_problem(again, "layer_unavailable", "the node can't be asked now (%s)",
			err_name(e));
}
