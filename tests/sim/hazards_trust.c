/* Whom nobody has to trust: rows 19, 34 and 51. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/rescue.h"
#include "layer/layer.h"
#include "wire/evm_htlc.h"
#include "world.h"

/* ---- 51: the daemon asks for more than it should ---- */

#define FORGED_OUTPUTS 2u /* payee and change */

/* The same request as a replacement, with one bit of an output's script another. */
static bool is_signed(struct world *w, const struct signing_request *asked, uint32_t output)
{
	static uint8_t storage[SIGNING_REQUEST_MAX], bytes[SIGNING_TX_MAX];
	struct buf forged = buf_init(storage, sizeof storage);
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[FORGED_OUTPUTS];
	struct btc_tx tx = {.in = in, .out = out};
	struct signing_request r = *asked;
	struct signing_answer answer;
	size_t used;

	CHECK(r.unsigned_tx.len <= sizeof bytes);
	memcpy(bytes, r.unsigned_tx.ptr, r.unsigned_tx.len);
	r.unsigned_tx = slice_of(bytes, r.unsigned_tx.len);
	if (btc_tx_parse(&tx, &used, BTC_INPUT_MAX, FORGED_OUTPUTS, r.unsigned_tx) != OK ||
		tx.out_count <= output)
		return false;
	bytes[out[output].script.ptr - bytes + (ptrdiff_t)out[output].script.len - 1] ^= 1;
	r.variant++;
	signing_request_put(&forged, &r);
	CHECK(!forged.overflow);
	service_sign(&w->keeper.service, &answer, buf_slice(&forged), loop_wall_ms(w->loop));
	return answer.err == OK;
}

static void forge(struct world *w, const struct signing_request *r)
{
	static const char *const what[FORGED_OUTPUTS] = {"payee", "change"};
	if (r->purpose != SIGN_PAYOUT || r->network->layer != LAYER_BITCOIN)
		return;
	for (uint32_t i = 0; i < FORGED_OUTPUTS; i++)
		if (is_signed(w, r, i))
			world_wrong(w, "the signer signs for another %s", what[i]);
	hazard_met(w);
}

/* ---- 19: the provider's terms are not those of the taker's keys ---- */

static bool other_terms(struct world *w, struct slice body, struct buf *out)
{
	struct json *answer = NULL;
	uint8_t terms[RESCUE_TERMS_MAX], storage[LEG_SIZE_MAX];
	struct buf forged = buf_init(storage, sizeof storage);
	const struct network *network = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	char hex[2 * LEG_SIZE_MAX + 1], address[LAYER_ADDRESS_TEXT_SIZE];
	struct leg_offer offer;
	size_t len = 0;
	if (json_parse(&answer, body, NULL) != OK)
		return false;
	const char *text = json_get_string(json_get(answer, "source"), "terms");
	const char *at = json_get_string(json_get(answer, "source"), "address");
	bool found = text != NULL && at != NULL &&
		hex_decode_var(terms, &len, sizeof terms, slice_str(text)) == OK &&
		layer_leg_parse(&offer, LAYER_BITCOIN, network, slice_of(terms, len)) == OK;
	if (found) {
		/* the key that the money would come back to is the provider's */
		const struct id128 another = {{7}};
		CHECK(wallet_swap_key(
			      &offer.refund.key, &w->keeper.wallet, LAYER_BITCOIN, &another) == OK);
		CHECK(layer_leg_make(&forged, LAYER_BITCOIN, &offer) == OK);
		CHECK(layer_leg_address(LAYER_BITCOIN, network, address, buf_slice(&forged)) == OK);
		hex_encode(hex, forged.ptr, forged.len);
		found = strlen(hex) == strlen(text) && strlen(address) == strlen(at);
	}
	for (size_t i = 0; found && i < body.len;) {
		const struct slice rest = slice_of(body.ptr + i, body.len - i);
		const bool is_terms = rest.len >= strlen(text) &&
			memcmp(rest.ptr, text, strlen(text)) == 0;
		const bool is_address = rest.len >= strlen(at) &&
			memcmp(rest.ptr, at, strlen(at)) == 0;
		const char *put = is_terms ? hex : is_address ? address : NULL;
		buf_put(out, put != NULL ? (const void *)put : rest.ptr,
			put != NULL ? strlen(put) : 1);
		i += put != NULL ? strlen(put) : 1;
	}
	json_free(answer);
	return found && !out->overflow;
}

/* What was paid to the wrong script is waited for until its refund should open. */
static void wait_for_refund(struct world *w)
{
	if (w->hazard.met)
		hazard_hurry(w, true);
}

/* Between the taker and the provider: what the taker is told. */
struct told {
	struct world *w;
	struct http_local_request *request;
};

static void on_provider(void *ctx, const struct http_answer *a)
{
	static uint8_t storage[1u << 16];
	struct told *t = ctx;
	struct buf other = buf_init(storage, sizeof storage);
	if (a->err == OK && other_terms(t->w, a->body, &other)) {
		hazard_met(t->w);
		http_local_answer(t->request, OK, a->status, buf_slice(&other));
	} else {
		http_local_answer(t->request, a->err, a->status, a->body);
	}
	free(t);
}

static void mislead(struct world *w, struct http_local_request *request)
{
	struct told *t = sim_alloc(sizeof *t);
	*t = (struct told){.w = w, .request = request};
	const char *extra = http_local_extra_header(request);
	const char *type = http_local_content_type(request);
	const struct http_request forward = {.method = http_local_method(request),
		.url = http_local_url(request),
		.content_type = type[0] == '\0' ? NULL : type,
		.extra_header = extra[0] == '\0' ? NULL : extra,
		.body = http_local_body(request),
		.timeout_ms = 15000};
	if (http_client_send(w->operator, NULL, &forward, on_provider, t) == OK)
		return;
	http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	free(t);
}

/* ---- 34: a node reports the event of a contract that only looks like ours ---- */

#define FORGED_ANSWERS 4u

static void put_word(struct buf *out, const void *bytes, size_t len)
{
	char hex[2 * 32 + 1];
	uint8_t word[32] = {0};
	memcpy(word + sizeof word - len, bytes, len);
	hex_encode(hex, word, sizeof word);
	buf_printf(out, "%s", hex);
}

/* A lock-up with the swap's own terms, in the first transaction of this block. */
static bool put_event(struct world *w, struct buf *out, const struct swap *s, const char *block)
{
	struct evm_htlc h;
	uint8_t amount[32], timelock[8];
	const struct json *b = nets_lever(
		&w->nets, LAYER_ROOTSTOCK, "eth_getBlockByHash", "[\"%s\", false]", block);
	const struct json *txs = json_get(b, "transactions");
	if (json_count(txs) == 0 ||
		evm_htlc_parse(
			&h, LAYER_ROOTSTOCK, slice_of(s->source.terms, s->source.terms_len)) != OK)
		return false;
	amount_store_word(amount, h.amount);
	for (size_t i = 0; i < sizeof timelock; i++)
		timelock[i] = (uint8_t)(h.timelock >> (56 - 8 * i));
	buf_printf(out,
		"{\"address\":\"0x%040x\",\"blockHash\":\"%s\",\"blockNumber\":\"%s\","
		"\"transactionHash\":\"%s\",\"transactionIndex\":\"0x0\",\"logIndex\":\"0x0\","
		"\"removed\":false,\"topics\":[\"0x",
		0xbad, block, json_get_string(b, "number"),
		(const char *)json_string(json_at(txs, 0)).ptr);
	put_word(out, evm_htlc_topic_lockup.b, 32);
	buf_printf(out, "\",\"0x");
	put_word(out, h.hash.b, 32);
	buf_printf(out, "\",\"0x");
	put_word(out, h.claim.b, 20);
	buf_printf(out, "\",\"0x");
	put_word(out, h.refund.b, 20);
	buf_printf(out, "\"],\"data\":\"0x");
	put_word(out, amount, 32);
	put_word(out, timelock, 8);
	buf_printf(out, "\"}");
	return true;
}

static bool forge_event(struct world *w, enum layer_id layer, struct slice asked,
	struct slice answer, struct buf *out)
{
	static const char none[] = "\"result\":[]";
	const struct swap *s = hazard_swap(w, 0);
	struct hazard_run *run = &w->hazard;
	struct json *request = NULL;
	char text[4096];
	if (layer != LAYER_ROOTSTOCK || s == NULL || run->phase >= FORGED_ANSWERS ||
		answer.len >= sizeof text || json_parse(&request, asked, NULL) != OK)
		return false;
	memcpy(text, answer.ptr, answer.len);
	text[answer.len] = '\0';
	const char *at = strstr(text, none), *method = json_get_string(request, "method");
	const char *block = json_get_string(json_at(json_get(request, "params"), 0), "blockHash");
	bool forged = false;
	if (at != NULL && method != NULL && block != NULL && strcmp(method, "eth_getLogs") == 0) {
		buf_printf(out, "%.*s\"result\":[", (int)(at - text), text);
		forged = put_event(w, out, s, block);
		buf_printf(out, "]%s", at + sizeof none - 1);
	}
	json_free(request);
	if (forged && ++run->phase == FORGED_ANSWERS)
		hazard_met(w);
	return forged && !out->overflow;
}

/* The taker waits with its own, so that there is none but the forged one. */
static void before_lock(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	if (hazard_swap(w, 0) == NULL)
		return;
	taker_suspend(w, 0, run->phase < FORGED_ANSWERS);
	if (run->count++ == 0) /* a block needs a transaction that could be it */
		(void)nets_lever(
			&w->nets, LAYER_ROOTSTOCK, "sim_fund", "[\"0x%040x\", \"0.01\"]", 0xfeed);
}

const struct hazard hazards_trust[] = {
	{.name = "other-terms",
		.row = 19,
		.about = "the provider's terms are not those of the taker's keys",
		.work = {{.kind = PLAN_SWAP, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.turn = wait_for_refund,
		.told = mislead,
		.mutant = {MUTANT_TERMS_NOT_REBUILT},
		.mutant_count = 1,
		.settle_minutes = 240},
	{.name = "forged-event",
		.row = 34,
		.about = "a node reports the event of a contract that only looks like ours",
		.work = {{.kind = PLAN_SWAP, .layer = LAYER_ROOTSTOCK}},
		.work_count = 1,
		.turn = before_lock,
		.answered = forge_event,
		.mutant = {MUTANT_ANY_CONTRACT},
		.mutant_count = 1},
	{.name = "daemon-turned",
		.row = 51,
		.about = "the daemon asks the signer to pay somebody else",
		.work = {{.kind = PLAN_PAYOUT, .layer = LAYER_BITCOIN}},
		.work_count = 1,
		.asked = forge,
		.mutant = {MUTANT_PAYEE_NOT_CHECKED, MUTANT_CHANGE_NOT_CHECKED},
		.mutant_count = 2},
};
const size_t hazards_trust_count = ARRAY_LEN(hazards_trust);
