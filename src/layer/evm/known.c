/* Locks known from before a restart: a locator says where the Lockup was, its receipt which lock
 * that is. Several with one hash may be known, so it can't be guessed from the terms. */
#include "layer/evm/evm.h"
#include <stdlib.h>

#define BATCH_MAX 64u

struct known_op {
	struct op op;
	uint32_t count;
	struct lock_known lock[BATCH_MAX];
};

/* The Lockup at this place, if the receipt has it. ERR_NOT_FOUND: the transaction is in another
 * block now, and its Lockup is or will be reported from there. */
static enum err find_lockup(struct evm_htlc_event *event, const struct evm_layer *r,
	const struct lock_known *known, const struct json *receipt)
{
	const struct json *logs = json_get(receipt, "logs");
	struct hash256 tx;

	TRY(evm_answer_hash(&tx, json_get(receipt, "transactionHash")));
	if (!hash256_eq(&tx, &known->at.tx) || json_type(logs) != JSON_ARRAY)
		return ERR_FORMAT;
	for (size_t i = 0; i < json_count(logs); i++) {
		const struct json *log = json_at(logs, i), *topics = json_get(log, "topics");
		const size_t topic_count = json_count(topics);
		struct hash256 topic[4];
		struct evm_address address;
		uint8_t data[4 * 32];
		size_t data_len;
		uint64_t index;

		TRY(evm_answer_u64(&index, json_get(log, "logIndex")));
		TRY(evm_answer_address(&address, json_get(log, "address")));
		if (index != known->at.index ||
			!evm_address_eq(&address, &r->layer.config.contract))
			continue;
		if (topic_count > ARRAY_LEN(topic))
			return ERR_FORMAT;
		for (size_t k = 0; k < topic_count; k++)
			TRY(evm_answer_hash(&topic[k], json_at(topics, k)));
		TRY(evm_answer_bytes(data, &data_len, sizeof data, json_get(log, "data")));
		TRY(evm_htlc_event_parse(event, layer_asset(r->layer.config.id), topic, topic_count,
			slice_of(data, data_len)));
		return event->kind == EVM_HTLC_LOCKUP ? OK : ERR_NOT_FOUND;
	}
	return ERR_NOT_FOUND;
}

static enum err resolve(
	struct evm_layer *r, const struct lock_known *known, const struct json *receipt)
{
	const struct swap_watch *watch = table_get(&r->swap, &known->swap);
	struct evm_htlc_event event;
	bool foreign;

	/* unwatched since, or not on the chain */
	if (watch == NULL || json_type(receipt) == JSON_NULL)
		return OK;
	const enum err err = find_lockup(&event, r, known, receipt);
	if (err == ERR_NOT_FOUND || (err == OK && !hash256_eq(&event.hash, &watch->terms.hash)))
		return OK;
	if (err != OK)
		return ERR_FORMAT;
	return evm_see_lock(r, &foreign, &event, watch, &known->at);
}

static void on_receipt(void *op, uint64_t tag, const struct rpc_answer *answer)
{
	struct known_op *k = op;
	struct layer *layer = k->op.layer;
	enum err err = answer->err;

	if (!layer->dead) {
		if (err == OK)
			err = resolve(evm_of(layer), &k->lock[tag], answer->result);
		if (err == OK)
			table_remove(&evm_of(layer)->known, k->lock[tag].place);
		else if (k->op.err == OK)
			k->op.err = DETAIL(layer->info.detail, err, "a lock from before: %s",
				answer->err == OK ? "a receipt that can't be right"
						  : answer->message);
	}
	op_done(&k->op);
}

static void known_end(struct op *op)
{
	struct layer *layer = op->layer;
	const enum err err = op->err;
	free(op);
	if (!layer->dead)
		follow_resume(&layer->follow, err);
}

static void known_drop(struct op *op)
{
	free(op);
}

enum err evm_ask_known(struct evm_layer *r)
{
	struct known_op *k = malloc(sizeof *k);
	if (k == NULL)
		return ERR_FULL;
	k->op = (struct op){.layer = &r->layer, .pending = 1, .end = known_end};
	k->count = r->known.item_count < BATCH_MAX ? r->known.item_count : BATCH_MAX;
	/* copied first: an answer changes the table */
	for (uint32_t i = 0; i < k->count; i++)
		k->lock[i] = *(const struct lock_known *)table_at(&r->known, i);
	for (uint32_t i = 0; i < k->count; i++) {
		struct json *params = json_array();
		json_push(params, evm_param_hash(&k->lock[i].at.tx));
		op_ask(&k->op, "eth_getTransactionReceipt", params, on_receipt, i);
	}
	const enum err err = op_begun(&k->op, known_drop);
	/* the answers are what is unavailable yet */
	return err == OK ? ERR_UNAVAILABLE
			 : DETAIL(r->layer.info.detail, ERR_IO, "cannot ask for a lock's receipt");
}
