/* Payment by a wallet of Bitcoin Core: it signs, we check what it signed and record the bytes, and
 * only then are they sent, by us. What is locked there and never sent is free again when the node
 * restarts. */
#include "client/session.h"

#include "base/hex.h"
#include "btc/script.h"
#include "btc/tx.h"
#include "client/fees.h"

#include <stdio.h>
#include <stdlib.h>

#define INPUT_SIZE_MIN 41u
#define OUTPUTS_MAX 64u

static enum err call(struct json **out, struct session *s, const char *method, struct json *params)
{
	struct node_error error = {.err = OK};
	const enum err err = node_call(
		out, &error, &s->node[SIDE_SOURCE], true, s->c->loop, method, params);
	if (err != OK)
		session_say(s, REPORT_WARNING, "%s", error.text);
	return err;
}

enum err session_wallet_address(
	char out[100], struct node_error *error, struct node *n, struct loop *loop)
{
	struct json *v, *params = json_array();
	json_push(params, json_new_string("sluice refund"));
	json_push(params, json_new_string("bech32m"));
	TRY(node_call(&v, error, n, true, loop, "getnewaddress", params));
	const struct slice text = json_string(v);
	const bool fits = text.ptr != NULL && text.len < 100;
	if (fits)
		memcpy(out, text.ptr, text.len + 1);
	json_free(v);
	return fits ? OK : ERR_FORMAT;
}

/* {"fee_rate": "12.5"}: satoshi a virtual byte, from satoshi for 1,000 of them. */
static struct json *funding_options(uint64_t rate)
{
	struct json *options = json_object();
	char text[40];
	(void)snprintf(text, sizeof text, "%llu.%03llu", (unsigned long long)(rate / 1000),
		(unsigned long long)(rate % 1000));
	json_set_string(options, "fee_rate", text);
	json_set_bool(options, "lockUnspents", true);
	json_set_bool(options, "replaceable", true);
	return options;
}

/* A signed transaction as hexadecimal text, owned by *out. */
static enum err sign(struct json **out, struct session *s, const char *address, uint64_t rate)
{
	struct json *params = json_array(), *pay = json_object(), *outputs = json_array();
	struct json *funded, *processed, *final;
	enum err err;

	json_set_amount(pay, address, s->r->leg[SIDE_SOURCE].amount);
	json_push(outputs, pay);
	json_push(params, json_array());
	json_push(params, outputs);
	json_push(params, json_new_u64(0));
	json_push(params, funding_options(rate));
	TRY(call(&funded, s, "walletcreatefundedpsbt", params));
	const char *psbt = json_get_string(funded, "psbt");
	params = json_array();
	json_push(params, json_new_string(psbt == NULL ? "" : psbt));
	err = call(&processed, s, "walletprocesspsbt", params);
	json_free(funded);
	TRY(err);
	psbt = json_get_string(processed, "psbt");
	params = json_array();
	json_push(params, json_new_string(psbt == NULL ? "" : psbt));
	err = call(&final, s, "finalizepsbt", params);
	json_free(processed);
	TRY(err);
	*out = final;
	return OK;
}

/* It pays the lock-up once, exactly. */
static enum err check_payment(struct rescue_tx *tx, struct slice raw, const struct rescue *r)
{
	const size_t in_max = raw.len / INPUT_SIZE_MIN + 1;
	struct btc_txin *in = calloc(in_max, sizeof *in);
	struct btc_txout out[OUTPUTS_MAX];
	struct btc_tx parsed = {.in = in, .out = out};
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	uint32_t pays = 0;
	size_t used;
	enum err err = in == NULL ? ERR_FULL : OK;

	if (err == OK)
		err = btc_tx_parse(&parsed, &used, (uint32_t)in_max, OUTPUTS_MAX, raw);
	if (err == OK && used != raw.len)
		err = ERR_FORMAT;
	if (err == OK)
		err = btc_htlc_parse(&h, rescue_terms(r, SIDE_SOURCE));
	if (err == OK)
		err = btc_htlc_tree(&tree, &h);
	for (uint32_t i = 0; err == OK && i < parsed.out_count; i++)
		pays += out[i].value.raw == h.amount.raw &&
			slice_eq(out[i].script,
				slice_of(tree.script_pubkey, sizeof tree.script_pubkey));
	if (err == OK && pays != 1)
		err = ERR_FORMAT;
	if (err == OK)
		btc_tx_id(&tx->txid, &parsed);
	free(in);
	return err;
}

static enum err record(struct session *s, const struct json *final)
{
	struct rescue_tx tx = {.purpose = SIGN_LOCK,
		.side = SIDE_SOURCE,
		.height = s->facts.side[SIDE_SOURCE].head,
		.fee = amount_zero(s->r->leg[SIDE_SOURCE].amount.asset)};
	const struct slice hex = json_string(json_get(final, "hex"));
	uint8_t *raw = malloc(RESCUE_RAW_MAX);
	size_t len;
	bool complete = false;

	enum err err = raw == NULL ? ERR_FULL : json_get_bool(final, "complete", &complete);
	if (err == OK && (!complete || hex.ptr == NULL)) {
		session_say(s, REPORT_WARNING,
			"the wallet can't sign the payment: is it locked, or watch-only?");
		err = ERR_DENIED;
	}
	if (err == OK)
		err = hex_decode_var(raw, &len, RESCUE_RAW_MAX, hex);
	if (err == OK && check_payment(&tx, slice_of(raw, len), s->r) != OK) {
		session_say(s, REPORT_WARNING,
			"the wallet signed something else than the payment: it is not sent");
		err = ERR_FORMAT;
	}
	if (err == OK)
		err = rescue_add_tx(s->r, &tx, slice_of(raw, len));
	free(raw);
	return err;
}

enum err session_pay_wallet(struct session *s)
{
	const struct rescue_leg *leg = &s->r->leg[SIDE_SOURCE];
	const struct layer_params *p = &s->c->config->layer[leg->network->layer].params;
	char address[LAYER_ADDRESS_TEXT_SIZE];
	struct json *final;
	const uint64_t rate = fees_rate_now(p, s->facts.side[SIDE_SOURCE].rate);

	if (s->node[SIDE_SOURCE].wallet == NULL)
		return ERR_STATE;
	TRY(layer_leg_address(
		leg->network->layer, leg->network, address, rescue_terms(s->r, SIDE_SOURCE)));
	TRY(sign(&final, s, address, rate));
	const enum err err = record(s, final);
	json_free(final);
	TRY(err);
	return session_save(s);
}
