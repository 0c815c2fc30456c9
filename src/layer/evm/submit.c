/* Submission, and what a refusal means. */
#include "layer/evm/evm.h"
#include <ctype.h>
#include <stdlib.h>

#define RPC_INTERNAL (-32603)
#define RPC_NO_METHOD (-32601)

struct submit_op {
	struct layer *layer;
	struct hash256 txid;
	layer_submit_cb cb;
	void *ctx;
	struct submit_answer out;
};

/* The first row whose text is part of the node's, whatever its case. */
static const struct {
	const char *text;
	enum submit_outcome outcome;
} refusals[] = {
	{"already imported", SUBMIT_KNOWN},  /* anvil */
	{"already known", SUBMIT_KNOWN},     /* geth */
	{"known transaction", SUBMIT_KNOWN}, /* older geth */
	{"already exists", SUBMIT_KNOWN},    /* rskj: pending transaction with same hash */
	{"nonce too low", SUBMIT_CONFLICT},
	{"transaction nonce too low", SUBMIT_CONFLICT}, /* rskj */
	{"replacement transaction underpriced", SUBMIT_REJECTED},
	{"gas price not enough to bump", SUBMIT_REJECTED}, /* rskj */
	{"insufficient funds", SUBMIT_REJECTED},
	{"underpriced", SUBMIT_REJECTED},
	{"fee cap less than block base fee", SUBMIT_REJECTED},
	{"max fee per gas less than block base fee", SUBMIT_REJECTED}, /* anvil */
	{"intrinsic gas too low", SUBMIT_REJECTED},
	{"exceeds block gas limit", SUBMIT_REJECTED},
};

static bool contains(const char *message, const char *text)
{
	for (; *message != '\0'; message++) {
		size_t i = 0;
		while (text[i] != '\0' && tolower((unsigned char)message[i]) == text[i])
			i++;
		if (text[i] == '\0')
			return true;
	}
	return false;
}

static enum submit_outcome refusal_of(int64_t code, const char *message)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (contains(message, refusals[i].text))
			return refusals[i].outcome;
	}
	return code == RPC_INTERNAL || code == RPC_NO_METHOD ? SUBMIT_UNKNOWN : SUBMIT_REJECTED;
}

static void submit_end(struct submit_op *s)
{
	if (!s->layer->dead)
		s->cb(s->ctx, &s->out);
	free(s);
}

/* "Nonce too low" is also what is said of a transaction that is in a block already. */
static void on_receipt(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct submit_op *s = op;
	struct hash256 hash;
	(void)tag;
	if (answer->err == OK &&
		evm_answer_hash(&hash, json_get(answer->result, "transactionHash")) == OK &&
		hash256_eq(&hash, &s->txid))
		s->out.outcome = SUBMIT_KNOWN;
	submit_end(s);
}

static void on_submitted(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct submit_op *s = op;
	struct hash256 txid;

	(void)tag;
	s->out.outcome = SUBMIT_UNKNOWN;
	if (answer->err == OK && evm_answer_hash(&txid, answer->result) == OK &&
		hash256_eq(&txid, &s->txid)) {
		s->out.outcome = SUBMIT_ACCEPTED;
	} else if (answer->err == OK) {
		(void)DETAIL(s->out.detail, OK, "the node answers with another transaction's id");
	} else {
		if (answer->err == ERR_REJECTED)
			s->out.outcome = refusal_of(answer->code, answer->message);
		(void)DETAIL(s->out.detail, OK, "%s", answer->message);
	}
	if (s->out.outcome == SUBMIT_CONFLICT) {
		struct json *params = json_array();
		json_push(params, evm_param_hash(&s->txid));
		if (adapter_ask(s->layer, "eth_getTransactionReceipt", params, on_receipt, s, 0) ==
			OK)
			return;
	}
	submit_end(s);
}

enum err evm_submit(struct layer *layer, struct slice raw, layer_submit_cb cb, void *ctx)
{
	struct evm_tx tx;
	struct evm_address from;
	struct hash256 txid;

	if (evm_tx_parse_signed(&tx, &from, &txid, layer_gas_asset(layer->config.id), raw) != OK)
		return ERR_FORMAT;
	/* some nodes accept another chain's transaction and never mine it */
	if (tx.chain_id != layer->config.network->chain_id)
		return ERR_NETWORK;
	struct submit_op *s = malloc(sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct submit_op){.layer = layer, .txid = txid, .cb = cb, .ctx = ctx};
	struct json *params = json_array();
	json_push(params, evm_param_bytes(raw));
	const enum err err = adapter_ask(
		layer, "eth_sendRawTransaction", params, on_submitted, s, 0);
	if (err != OK)
		free(s);
	return err;
}
