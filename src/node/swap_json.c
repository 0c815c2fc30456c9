/* A swap as its client sees it. The preimage is left out until our claim is final. */
#include "node/api_internal.h"

void json_set_time(struct json *object, const char *key, uint64_t wall_ms)
{
	char text[TIME_TEXT_SIZE];
	time_format(text, wall_ms);
	json_set_string(object, key, text);
}

void json_set_id(struct json *object, const char *key, const struct id128 *id)
{
	json_set_hex(object, key, "", id->b, sizeof id->b);
}

void json_set_txid(
	struct json *object, const char *key, enum layer_id layer, const struct hash256 *txid)
{
	char text[TXID_TEXT_SIZE];
	txid_format(text, layer, txid);
	json_set_string(object, key, text);
}

struct json *effect_json(const struct ledger *l, uint32_t index)
{
	struct json *list = json_array();
	if (index == INDEX_NONE)
		return list;
	const struct effect *e = &l->effect[index];
	for (uint32_t i = 0; i < e->variant_count; i++) {
		const struct effect_variant *v = &e->variant[i];
		const bool confirmed = e->confirmed_height != 0 &&
			hash256_eq(&v->txid, &e->confirmed_tx);
		struct json *tx = json_object();
		json_set_txid(tx, "id", e->layer, &v->txid);
		json_set_amount(tx, "fee", v->fee);
		json_set_u64(tx, "confirmations",
			confirmed ? ledger_depth(l, e->layer, e->confirmed_height) : 0);
		json_push(list, tx);
	}
	return list;
}

/* The lock-up that counts, or the last one seen. */
static const struct lock_fact *leg_lock(const struct leg *leg)
{
	if (leg->bound != INDEX_NONE)
		return &leg->lock[leg->bound];
	return leg->lock_count > 0 ? &leg->lock[leg->lock_count - 1] : NULL;
}

static const char *lock_state(const struct leg *leg, const struct lock_fact *lock, uint64_t depth)
{
	static const char *const spent[] = {
		[LOCK_SPEND_CLAIM] = "claimed",
		[LOCK_SPEND_REFUND] = "refunded",
		[LOCK_SPEND_OTHER] = "spent",
	};
	if (lock->spend != 0)
		return spent[lock->spend];
	if (leg->bound == INDEX_NONE && lock->height != 0)
		return "wrong";
	if (lock->height == 0)
		return "unconfirmed";
	return depth >= leg->depth ? "deep" : "confirmed";
}

static struct json *lock_json(const struct ledger *l, const struct leg *leg)
{
	const struct lock_fact *lock = leg_lock(leg);
	if (lock == NULL)
		return json_new_null();
	const uint64_t depth = ledger_depth(l, leg->layer, lock->height);
	struct json *v = json_object();
	json_set_txid(v, "transaction", leg->layer, &lock->at.tx);
	json_set_u64(v, "index", lock->at.index);
	json_set_amount(v, "amount", lock->amount);
	json_set_u64(v, "confirmations", depth);
	json_set_string(v, "state", lock_state(leg, lock, depth));
	return v;
}

/* NULL: terms without an address. */
static const char *leg_address(struct api *api, uint32_t index, const struct leg *leg)
{
	static char text[LAYER_ADDRESS_TEXT_SIZE]; /* handlers run one at a time */
	const struct ledger *l = engine_ledger(api->engine);
	struct address_kept *kept = &api->address[index % API_ADDRESSES_KEPT];
	const struct slice terms = slice_of(leg->terms, leg->terms_len);
	if (slice_eq(slice_of(kept->terms, kept->terms_len), terms))
		return kept->text;
	if (layer_leg_address(leg->layer, l->params.layer[leg->layer].network, text, terms) != OK)
		return NULL;
	const size_t len = strlen(text);
	if (terms.len > sizeof kept->terms || len >= sizeof kept->text)
		return text;
	memcpy(kept->text, text, len + 1);
	memcpy(kept->terms, leg->terms, leg->terms_len);
	kept->terms_len = leg->terms_len;
	return kept->text;
}

/* Our own terms are shown once our lock-up is decided: before, nobody can rely on them. */
static struct json *leg_json(struct api *api, uint32_t index, const struct leg *leg, bool terms)
{
	const struct ledger *l = engine_ledger(api->engine);
	const struct network *network = l->params.layer[leg->layer].network;
	const char *address = terms && leg->terms_len > 0 ? leg_address(api, index, leg) : NULL;
	struct json *v = json_object();
	json_set_string(v, "layer", layer_name(leg->layer));
	json_set_string(v, "network", network->caip2);
	json_set_amount(v, "amount", leg->amount);
	json_set_u64(v, "depth", leg->depth);
	json_set(v, "address", address != NULL ? json_new_string(address) : json_new_null());
	if (address != NULL) {
		json_set_hex(v, "terms", "", leg->terms, leg->terms_len);
		json_set_u64(v, "timelock", leg->timelock);
	} else {
		json_set(v, "terms", json_new_null());
		json_set(v, "timelock", json_new_null());
	}
	json_set(v, "lock", lock_json(l, leg));
	return v;
}

enum next_action { NEXT_LOCK, NEXT_WAIT, NEXT_CLAIM, NEXT_REFUND, NEXT_NONE };

static const struct {
	const char *action;
} next_names[] = {
	[NEXT_LOCK] = {"lock"},
	[NEXT_WAIT] = {"wait"},
	[NEXT_CLAIM] = {"claim"},
	[NEXT_REFUND] = {"refund"},
	[NEXT_NONE] = {"none"},
};

static const struct {
	enum next_action action;
	const char *detail;
} next_steps[SWAP_STATE_COUNT] = {
	[SWAP_OFFERED] = {NEXT_LOCK, "check the terms, then pay the source amount to its address"},
	[SWAP_SOURCE_SEEN] = {NEXT_WAIT, "your lock-up needs more confirmations"},
	[SWAP_SOURCE_LOCKED] = {NEXT_WAIT, "we are about to lock the destination"},
	[SWAP_DEST_LOCKING] = {NEXT_WAIT, "our lock-up needs more confirmations"},
	[SWAP_DEST_LOCKED] = {NEXT_CLAIM, "check our lock-up on your own node, then claim it"},
	[SWAP_CLAIMING] = {NEXT_NONE, "the preimage is out; make sure that your claim confirms"},
	[SWAP_REFUNDING] = {NEXT_REFUND,
		"do not reveal the preimage any more; take yours back "
		"from this height on"},
	[SWAP_COMPLETED] = {NEXT_NONE, "done"},
	[SWAP_REFUNDED] = {NEXT_REFUND, "take your lock-up back from this height on"},
	[SWAP_EXPIRED] = {NEXT_REFUND,
		"nothing was locked in time; if you locked all the same, "
		"take it back from this height on"},
	[SWAP_DECLINED] = {NEXT_REFUND,
		"we did not lock; take your lock-up back from this height "
		"on"},
	[SWAP_BREACHED] = {NEXT_NONE, "closed"},
};

/* What was paid for an invoice needs nobody to take it back. */
static bool comes_back(const struct swap *s)
{
	return next_steps[s->state].action == NEXT_REFUND &&
		layer_family(s->source.layer) == FAMILY_CHANNEL;
}

static struct json *next_json(const struct ledger *l, const struct swap *s)
{
	const enum next_action action = comes_back(s) ? NEXT_WAIT : next_steps[s->state].action;
	struct json *v = json_object();
	struct json *by_time = json_new_null(), *by_height = json_new_null();
	struct json *from_height = json_new_null(), *layer = json_new_null();
	switch (action) {
	case NEXT_LOCK: {
		char text[TIME_TEXT_SIZE];
		time_format(text, s->expires_ms);
		json_free(by_time);
		json_free(layer);
		by_time = json_new_string(text);
		layer = json_new_string(layer_name(s->source.layer));
		break;
	}
	case NEXT_CLAIM: {
		/* confirmed before our refund opens, so sent so many blocks earlier */
		const uint64_t spare = l->params.layer[s->dest.layer].claim_blocks;
		const uint64_t lock = s->dest.timelock;
		json_free(by_height);
		json_free(layer);
		by_height = json_new_u64(lock > spare ? lock - spare : 0);
		layer = json_new_string(layer_name(s->dest.layer));
		break;
	}
	case NEXT_REFUND:
		json_free(from_height);
		json_free(layer);
		from_height = json_new_u64(s->source.timelock);
		layer = json_new_string(layer_name(s->source.layer));
		break;
	case NEXT_WAIT:
	case NEXT_NONE: break;
	}
	json_set_string(v, "action", next_names[action].action);
	json_set(v, "layer", layer);
	json_set(v, "by_time", by_time);
	json_set(v, "by_height", by_height);
	json_set(v, "from_height", from_height);
	json_set_string(v, "detail",
		comes_back(s) ? "what you paid comes back by itself" : next_steps[s->state].detail);
	return v;
}

bool swap_shows_preimage(const struct swap *s)
{
	return s->state == SWAP_COMPLETED && s->preimage_known;
}

struct json *swap_json(struct api *api, const struct swap *s)
{
	const struct ledger *l = engine_ledger(api->engine);
	const uint32_t leg = (uint32_t)(s - l->swap) * 2;
	struct json *v = json_object();
	json_set_id(v, "id", &s->id);
	json_set_string(v, "state", swap_state_name(s->state));
	json_set_string(v, "from", layer_name(s->source.layer));
	json_set_string(v, "to", layer_name(s->dest.layer));
	json_set_amount(v, "source_amount", s->source.amount);
	json_set_amount(v, "destination_amount", s->dest.amount);
	json_set_amount(v, "fee", s->fee);
	json_set_hex(v, "preimage_hash", "", s->hash.b, sizeof s->hash.b);
	if (swap_shows_preimage(s))
		json_set_hex(v, "preimage", "", s->preimage.b, sizeof s->preimage.b);
	else
		json_set(v, "preimage", json_new_null());
	json_set_time(v, "created_at", s->created_ms);
	json_set_time(v, "updated_at", s->updated_ms);
	json_set_time(v, "expires_at", s->expires_ms);
	json_set(v, "source", leg_json(api, leg, &s->source, true));
	json_set(v, "destination", leg_json(api, leg + 1, &s->dest, s->dest.timelock != 0));
	json_set(v, "lock_transactions", effect_json(l, s->lock_effect));
	json_set(v, "claim_transactions", effect_json(l, s->claim_effect));
	json_set(v, "refund_transactions", effect_json(l, s->refund_effect));
	json_set(v, "cancel_transactions", effect_json(l, s->cancel_effect));
	json_set(v, "reason", s->reason[0] != '\0' ? json_new_string(s->reason) : json_new_null());
	json_set(v, "next", next_json(l, s));
	return v;
}
