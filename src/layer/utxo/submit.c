/* Submission, and what a refusal means. */
#include "base/hex.h"
#include "layer/utxo/utxo.h"
#include <stdlib.h>

struct submit_op {
	struct layer *layer;
	struct hash256 txid;
	layer_submit_cb cb;
	void *ctx;
};

/* The first row that fits: code (0: any) and a part of the message. */
static const struct {
	int64_t code;
	const char *text;
	enum submit_outcome outcome;
} refusals[] = {
	{-27, "", SUBMIT_KNOWN}, /* in the chain, by its outputs */
	{0, "already in block chain", SUBMIT_KNOWN}, {0, "txn-already-known", SUBMIT_KNOWN},
	{0, "txn-already-in-mempool", SUBMIT_KNOWN},
	{0, "txn-same-nonwitness-data-in-mempool", SUBMIT_KNOWN},
	{0, "already have transaction", SUBMIT_KNOWN}, /* btcd */
	/* spent, or the parent is unknown, or this very transaction is confirmed and its outputs
	 * are spent: the caller looks for the spender of its input */
	{0, "missingorspent", SUBMIT_CONFLICT}, {0, "missing-inputs", SUBMIT_CONFLICT},
	{0, "Missing inputs", SUBMIT_CONFLICT},
	{0, "orphan transaction", SUBMIT_CONFLICT}, /* btcd */
	{0, "txn-mempool-conflict", SUBMIT_CONFLICT},
	{0, "bad-txns-spends-conflicting-tx", SUBMIT_CONFLICT},
	{0, "already spent", SUBMIT_CONFLICT}, /* btcd */
	{-26, "", SUBMIT_REJECTED}, {-25, "", SUBMIT_REJECTED},
	{-22, "", SUBMIT_REJECTED}, /* does not decode */
};

static enum submit_outcome refusal_of(int64_t code, const char *message)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if ((refusals[i].code == 0 || refusals[i].code == code) &&
			strstr(message, refusals[i].text) != NULL)
			return refusals[i].outcome;
	}
	return SUBMIT_UNKNOWN; /* warming up, internal errors */
}

static void on_submitted(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct submit_op s = *(struct submit_op *)op;
	struct submit_answer out = {.outcome = SUBMIT_UNKNOWN};
	struct hash256 txid;

	(void)tag;
	free(op);
	if (s.layer->dead)
		return;
	if (answer->err == OK && core_answer_hash(&txid, answer->result) == OK &&
		hash256_eq(&txid, &s.txid)) {
		out.outcome = SUBMIT_ACCEPTED;
	} else if (answer->err == OK) {
		(void)DETAIL(out.detail, OK, "the node answers with another transaction's id");
	} else {
		if (answer->err == ERR_REJECTED)
			out.outcome = refusal_of(answer->code, answer->message);
		(void)DETAIL(out.detail, OK, "%s", answer->message);
	}
	s.cb(s.ctx, &out);
}

static enum err keep_id(void *ctx, const struct btc_tx *tx, const struct hash256 *txid)
{
	(void)tx;
	*(struct hash256 *)ctx = *txid;
	return OK;
}

enum err utxo_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx)
{
	struct hash256 txid;
	const enum err parsed = utxo_tx_open(layer, raw, keep_id, &txid);
	if (parsed != OK)
		return parsed == ERR_FULL ? ERR_FULL : ERR_FORMAT;

	struct submit_op *s = malloc(sizeof *s);
	char *text = malloc(2 * raw.len + 1);
	enum err err = ERR_FULL;
	if (s == NULL || text == NULL)
		goto out;
	*s = (struct submit_op){.layer = layer, .txid = txid, .cb = cb, .ctx = ctx};
	hex_encode(text, raw.ptr, raw.len);
	struct json *params = json_array();
	json_push(params, json_new_string(text));
	json_push(
		params, json_new_u64(0)); /* no limit of the node on the fee: ours is the plan's */
	err = adapter_ask(layer, "sendrawtransaction", params, on_submitted, s, 0);
	if (err == OK)
		s = NULL;
out:
	free(text);
	free(s);
	return err;
}
