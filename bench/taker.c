#include "taker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"

#define AGAIN_MIN_MS 250u
#define AGAIN_MAX_MS 4000u
#define TRIES_MAX 60u /* of one step */
#define WEI_TEXT_SIZE 80u

static void act(void *taker);

/* ---- going on ---- */

static void fail(struct taker *t, const char *why)
{
	(void)snprintf(t->why, sizeof t->why, "%s", why);
	t->step = TAKER_FAILED;
}

static void after(struct taker *t, uint64_t ms)
{
	if (loop_timer_set(t->world->loop, NULL, ms, act, t) != OK)
		fail(t, "no timer left");
}

static void next(struct taker *t, enum taker_step step)
{
	t->step = step;
	t->tries = 0;
	after(t, 0);
}

/* The same step again, later. */
static void again(struct taker *t, const char *why)
{
	(void)snprintf(t->why, sizeof t->why, "%s", why);
	const uint32_t shift = t->tries < 4 ? t->tries : 4;
	const uint64_t wait = (uint64_t)AGAIN_MIN_MS << shift;
	if (++t->tries >= TRIES_MAX)
		t->step = TAKER_FAILED;
	else
		after(t, wait < AGAIN_MAX_MS ? wait : AGAIN_MAX_MS);
}

/* Not yet so: no failure, ask again. Spread out, so that takers don't ask in step. */
static void wait_on(struct taker *t)
{
	const uint64_t ms = t->world->config.poll_ms;
	t->tries = 0;
	after(t, ms / 2 + (t->index * UINT64_C(2654435761) % 1000) * ms / 1000);
}

static void asked(struct taker *t, enum err err)
{
	if (err != OK)
		again(t, err_name(err));
}

static bool answered(struct taker *t, enum err err, unsigned status, const struct json *body)
{
	char why[160];
	if (err == OK && status < 300 && body != NULL)
		return true;
	const char *code = json_get_string(body, "code"), *detail = json_get_string(body, "detail");
	(void)snprintf(why, sizeof why, "%u %s: %s", status,
		err != OK ? err_name(err) : (code != NULL ? code : ""),
		detail != NULL ? detail : "");
	/* 429 and 5xx pass; anything else is an answer */
	if (err == OK && status >= 400 && status < 500 && status != 429)
		fail(t, why);
	else
		again(t, why);
	return false;
}

static enum err parse_amount(
	struct amount *out, enum asset asset, const struct json *v, const char *key)
{
	const char *text = json_get_string(v, key);
	return text == NULL ? ERR_FORMAT : amount_parse(out, asset, slice_str(text));
}

/* ---- quote and offer ---- */

static void on_quote(void *ctx, enum err err, unsigned status, const struct json *body)
{
	struct taker *t = ctx;
	if (!answered(t, err, status, body))
		return;
	const char *quote = json_get_string(body, "quote");
	if (quote == NULL || strlen(quote) >= sizeof t->quote ||
		parse_amount(&t->dest_amount, layer_asset(t->to), body, "destination_amount") !=
			OK) {
		fail(t, "a quote that can't be right");
		return;
	}
	memcpy(t->quote, quote, strlen(quote) + 1);
	next(t, TAKER_OFFER);
}

static void act_quote(struct taker *t)
{
	char amount[AMOUNT_TEXT_SIZE];
	struct json *body = json_object();
	amount_format(amount, t->source_amount);
	json_set_string(body, "from", layer_name(t->from));
	json_set_string(body, "to", layer_name(t->to));
	json_set_string(body, "source_amount", amount);
	asked(t, world_api(t->world, "POST", "/v1/quotes", NULL, body, on_quote, t));
}

static struct slice terms_of(const struct json *leg, uint8_t bytes[TAKER_TERMS_MAX])
{
	const char *text = json_get_string(leg, "terms");
	size_t len = 0;
	if (text == NULL || hex_decode_var(bytes, &len, TAKER_TERMS_MAX, slice_str(text)) != OK)
		len = 0;
	return slice_of(bytes, len);
}

static void on_offer(void *ctx, enum err err, unsigned status, const struct json *body)
{
	struct taker *t = ctx;
	uint8_t terms[TAKER_TERMS_MAX];
	if (!answered(t, err, status, body))
		return;
	const char *id = json_get_string(body, "id");
	if (id == NULL || strlen(id) >= sizeof t->id) {
		fail(t, "a swap without an id");
		return;
	}
	memcpy(t->id, id, strlen(id) + 1);
	const char *wrong = taker_check_source(t, terms_of(json_get(body, "source"), terms));
	if (wrong == NULL && taker_build_pay(t) != OK)
		wrong = "the lock-up can't be built";
	if (wrong != NULL) {
		fail(t, wrong);
		return;
	}
	t->offered_ms = loop_now_ms(t->world->loop);
	next(t, TAKER_PAY);
}

static void act_offer(struct taker *t)
{
	struct json *body = json_object(), *source = json_object(), *dest = json_object();
	struct json *utxo = t->from == LAYER_BITCOIN ? source : dest;
	struct json *call = t->from == LAYER_BITCOIN ? dest : source;
	const struct evm_address *address = t->from == LAYER_BITCOIN ? &t->claim : &t->account;

	json_set_hex(utxo, t->from == LAYER_BITCOIN ? "refund_key" : "claim_key", "", t->xonly.b,
		sizeof t->xonly.b);
	json_set_hex(call, t->from == LAYER_BITCOIN ? "claim_address" : "refund_address", "0x",
		address->b, sizeof address->b);
	json_set_string(body, "quote", t->quote);
	json_set_hex(body, "preimage_hash", "", t->hash.b, sizeof t->hash.b);
	json_set(body, "source", source);
	json_set(body, "destination", dest);
	asked(t, world_api(t->world, "POST", "/v1/swaps", t->idempotency, body, on_offer, t));
}

/* ---- sending ---- */

static void on_sent(void *ctx, const struct rpc_answer *answer)
{
	struct taker *t = ctx;
	static const char *const known[] = {"already", "nonce too low"};
	bool there = answer->err == OK;
	for (size_t i = 0; i < ARRAY_LEN(known) && answer->err == ERR_REJECTED; i++)
		there = there || strstr(answer->message, known[i]) != NULL;
	if (!there) {
		again(t, answer->message);
		return;
	}
	if (t->step == TAKER_CLAIM)
		t->claimed_ms = loop_now_ms(t->world->loop);
	next(t, t->step == TAKER_PAY ? TAKER_WAIT : TAKER_FINISH);
}

static void act_send(struct taker *t, enum layer_id layer)
{
	char text[2 * TAKER_RAW_MAX + 1];
	struct json *params = json_array();
	if (layer == LAYER_BITCOIN) {
		hex_encode(text, t->raw, t->raw_len);
		json_push(params, json_new_string(text));
	} else {
		json_push(params, world_hex(t->raw, t->raw_len));
	}
	asked(t,
		world_ask(t->world, layer,
			layer == LAYER_BITCOIN ? "sendrawtransaction" : "eth_sendRawTransaction",
			params, on_sent, t));
}

/* ---- the provider's word ---- */

/* Transaction and index of the lock-up that the provider says it made. */
static bool read_lock(struct taker *t, const struct json *dest)
{
	const struct json *lock = json_get(dest, "lock");
	const char *tx = json_get_string(lock, "transaction");
	uint64_t index;
	if (tx == NULL || json_get_u64(lock, "index", &index) != OK || index > UINT32_MAX)
		return false;
	t->lock.index = (uint32_t)index;
	return t->to != LAYER_BITCOIN ||
		hex_decode_reversed(t->lock.txid.b, sizeof t->lock.txid.b, slice_str(tx)) == OK;
}

static void on_state(void *ctx, enum err err, unsigned status, const struct json *body)
{
	static const char *const ended[] = {
		"refunding", "refunded", "expired", "declined", "breached"};
	struct taker *t = ctx;
	uint8_t terms[TAKER_TERMS_MAX];
	if (!answered(t, err, status, body))
		return;
	const char *state = json_get_string(body, "state");
	const struct json *dest = json_get(body, "destination");
	for (size_t i = 0; i < ARRAY_LEN(ended) && state != NULL; i++) {
		if (strcmp(state, ended[i]) != 0)
			continue;
		const char *reason = json_get_string(body, "reason");
		(void)snprintf(
			t->why, sizeof t->why, "%s: %s", state, reason != NULL ? reason : "");
		t->step = TAKER_FAILED;
		return;
	}
	if (t->step == TAKER_FINISH && state != NULL && strcmp(state, "completed") == 0) {
		t->completed_ms = loop_now_ms(t->world->loop);
		next(t, TAKER_CHECK);
	} else if (t->step == TAKER_WAIT && state != NULL && strcmp(state, "dest_locked") == 0) {
		const char *wrong = taker_check_dest(t, terms_of(dest, terms));
		t->locked_ms = loop_now_ms(t->world->loop);
		if (wrong == NULL && !read_lock(t, dest))
			wrong = "no lock-up";
		if (wrong != NULL)
			fail(t, wrong);
		else
			next(t, TAKER_VERIFY);
	} else {
		wait_on(t);
	}
}

static void act_ask(struct taker *t)
{
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/swaps/%s", t->id);
	asked(t, world_api(t->world, "GET", path, NULL, NULL, on_state, t));
}

/* ---- the counter-lock, on our own node ---- */

static void claim(struct taker *t)
{
	if (taker_build_claim(t) != OK)
		fail(t, "the claim can't be built");
	else
		next(t, TAKER_CLAIM);
}

static void on_output(void *ctx, const struct rpc_answer *answer)
{
	struct taker *t = ctx;
	struct btc_htlc_tree tree;
	uint8_t script[34];
	uint64_t depth = 0;
	struct sat value;
	const struct json *output = answer->err == OK ? answer->result : NULL;
	if (json_get_u64(output, "confirmations", &depth) != OK || depth == 0) {
		again(t, "the counter-lock is not on our node yet");
		return;
	}
	if (json_get_decimal(output, "value", 8, &value.raw) != OK ||
		json_get_hex(json_get(output, "scriptPubKey"), "hex", script, sizeof script) !=
			OK ||
		btc_htlc_tree(&tree, &t->utxo) != OK || value.raw != t->utxo.amount.raw ||
		memcmp(script, tree.script_pubkey, sizeof script) != 0)
		fail(t, "the counter-lock is not what was agreed");
	else
		claim(t);
}

static void on_call(void *ctx, const struct rpc_answer *answer)
{
	struct taker *t = ctx;
	static const uint8_t open[32] = {[31] = EVM_HTLC_STATE_OPEN};
	uint8_t word[32] = {0};
	struct json *holder = json_object();
	if (answer->err == OK)
		json_set(holder, "word", json_clone(answer->result));
	const enum err err = json_get_hex(holder, "word", word, sizeof word);
	json_free(holder);
	if (err != OK || memcmp(word, open, sizeof word) != 0)
		again(t, "the counter-lock is not on our node yet");
	else
		claim(t);
}

static void act_verify(struct taker *t)
{
	if (t->to == LAYER_BITCOIN) {
		char txid[65];
		hex_encode_reversed(txid, t->lock.txid.b, sizeof t->lock.txid.b);
		struct json *params = world_params(txid);
		json_push(params, json_new_u64(t->lock.index));
		asked(t, world_ask(t->world, LAYER_BITCOIN, "gettxout", params, on_output, t));
		return;
	}
	uint8_t data[EVM_HTLC_CALL_MAX];
	struct buf call = buf_init(data, sizeof data);
	evm_htlc_states_call(&call, &t->call);
	struct json *params = json_array(), *object = json_object();
	json_set(object, "to", world_hex(t->call.contract.b, sizeof t->call.contract.b));
	json_set(object, "data", world_hex(call.ptr, call.len));
	json_push(params, object);
	json_push(params, json_new_string("latest"));
	asked(t, world_ask(t->world, LAYER_ROOTSTOCK, "eth_call", params, on_call, t));
}

/* ---- the money ---- */

static void on_paid_coin(void *ctx, const struct rpc_answer *answer)
{
	struct taker *t = ctx;
	struct sat value = {0};
	if (answer->err != OK || json_type(answer->result) == JSON_NULL)
		again(t, "completed, and the claim is not on the chain");
	else if (json_get_decimal(answer->result, "value", 8, &value.raw) != OK ||
		value.raw != t->claim_value.raw)
		fail(t, "paid another amount");
	else
		t->step = TAKER_SETTLED;
}

static void on_paid_balance(void *ctx, const struct rpc_answer *answer)
{
	struct taker *t = ctx;
	const struct slice text = json_string(answer->result);
	uint8_t word[32] = {0}, want[32];
	char digits[65];
	/* a quantity has no leading zeros, perhaps half a byte */
	if (answer->err != OK || text.len < 3 || text.len > 66) {
		again(t, answer->message);
		return;
	}
	memset(digits, '0', 64);
	memcpy(digits + 64 - (text.len - 2), text.ptr + 2, text.len - 2);
	digits[64] = '\0';
	amount_store_word(want, t->dest_amount);
	if (hex_decode(word, sizeof word, slice_str(digits)) != OK ||
		memcmp(word, want, sizeof word) != 0)
		fail(t, "completed, and the address has another amount");
	else
		t->step = TAKER_SETTLED;
}

static void act_check(struct taker *t)
{
	if (t->to == LAYER_BITCOIN) {
		char txid[65];
		hex_encode_reversed(txid, t->claim_tx.b, sizeof t->claim_tx.b);
		struct json *params = world_params(txid);
		json_push(params, json_new_u64(0));
		asked(t, world_ask(t->world, LAYER_BITCOIN, "gettxout", params, on_paid_coin, t));
		return;
	}
	struct json *params = json_array();
	json_push(params, world_hex(t->claim.b, sizeof t->claim.b));
	json_push(params, json_new_string("latest"));
	asked(t,
		world_ask(t->world, LAYER_ROOTSTOCK, "eth_getBalance", params, on_paid_balance, t));
}

/* ---- all ---- */

static void act(void *taker)
{
	struct taker *t = taker;
	switch (t->step) {
	case TAKER_QUOTE: act_quote(t); return;
	case TAKER_OFFER: act_offer(t); return;
	case TAKER_PAY: act_send(t, t->from); return;
	case TAKER_WAIT: act_ask(t); return;
	case TAKER_VERIFY: act_verify(t); return;
	case TAKER_CLAIM: act_send(t, t->to); return;
	case TAKER_FINISH: act_ask(t); return;
	case TAKER_CHECK: act_check(t); return;
	case TAKER_SETTLED:
	case TAKER_FAILED: return;
	}
}

static void draw(struct taker *t)
{
	struct hash256 secret;
	struct pubkey key;
	bool odd;
	world_secret(&t->preimage, t->world, "preimage", t->index);
	sha256(&t->hash, slice_of(t->preimage.b, sizeof t->preimage.b));
	world_key(&t->key, t->world, t->index);
	CHECK(pubkey_from_seckey(&key, &t->key) == OK);
	xonly_from_pubkey(&t->xonly, &odd, &key);
	CHECK(evm_address_from_pubkey(&t->account, &key) == OK);
	world_secret(&secret, t->world, "claim", t->index);
	memcpy(t->claim.b, secret.b, sizeof t->claim.b);
	world_secret(&secret, t->world, "amount", t->index);
	const uint64_t sats = WORLD_AMOUNT_MIN + load_le32(secret.b) % WORLD_AMOUNT_SPREAD;
	CHECK(amount_convert(&t->source_amount, amount_of(ASSET_BTC, sats), layer_asset(t->from),
		      false) == OK);
	char text[33];
	hex_encode(text, secret.b + 8, 16);
	(void)snprintf(t->idempotency, sizeof t->idempotency, "Idempotency-Key: %s", text);
}

void taker_begin(struct taker *t, struct world *w, uint32_t index)
{
	const bool forth = index % 2 == 0;
	*t = (struct taker){.world = w,
		.index = index,
		.from = forth ? LAYER_BITCOIN : LAYER_ROOTSTOCK,
		.to = forth ? LAYER_ROOTSTOCK : LAYER_BITCOIN};
	draw(t);
	next(t, TAKER_QUOTE);
}
