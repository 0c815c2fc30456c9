/* Payouts that somebody else signs, by HTTP: out as a PSBT, back in signed; and what is not taken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "btc/psbt.h"
#include "node/api_client_test.h"
#include "node/effect_plan.h"
#include "wire/signing_psbt.h"

#define TRANSFERS "/v1/transfers"
#define ADDRESS "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define KEY "external-0123456789"
#define PSBT_MAX 8192u

static struct world w;
static const struct seckey wallet_secret = {{[31] = 5}}; /* the world's */
static char id[40], path[96];

static struct transfer *payout(void)
{
	struct id128 name;
	CHECK(hex_decode(name.b, sizeof name.b, slice_str(id)) == OK);
	struct transfer *t = ledger_transfer(w.ledger, &name);
	CHECK(t != NULL && t->effect != INDEX_NONE);
	return t;
}

/* What the effect runner does with it. */
static void make_known(struct signing_request *request)
{
	static uint8_t storage[SIGNING_REQUEST_MAX];
	const struct effect *f = &w.ledger->effect[payout()->effect];
	struct hash256 txid;
	struct amount fee;
	const bool first = f->variant_count == 0;
	CHECK(effect_external_request(request, &txid, &fee, storage, w.ledger, f) == OK);
	if (first)
		CHECK(engine_prepared(w.engine, 1, &f->id, 0, &txid, fee, slice_of(NULL, 0)) == OK);
	CHECK(hash256_eq(&txid, &f->variant[0].txid));
}

static void sign(uint8_t sig[64], const struct signing_request *r, const struct btc_tx *tx)
{
	static const uint8_t aux[32];
	struct btc_txout spent = {r->input[0].value, slice_of(r->input[0].script, 34)};
	struct btc_sighash_cache cache;
	struct hash256 message;
	struct seckey key, output;
	CHECK(r->input_count == 1);
	btc_sighash_prepare(&cache, tx, &spent);
	btc_sighash_key_path(&message, &cache, tx, 0);
	CHECK(derive_seckey(&key, &wallet_secret, &r->input[0].key) == OK);
	CHECK(taproot_seckey(&output, &key, NULL) == OK);
	CHECK(schnorr_sign(sig, &message, &output, aux) == OK);
}

/* The PSBT that was answered, with a signature whose first byte is turned by flip, as a body. */
static const char *signed_body(const struct signing_request *r, const char *text, uint8_t flip)
{
	static char body[2 * PSBT_MAX], again[BASE64_SIZE(PSBT_MAX)];
	static uint8_t bytes[PSBT_MAX], out[PSBT_MAX];
	static struct psbt_pair pair[64];
	static struct btc_txin in[4];
	static struct btc_txout outputs[4];
	uint8_t store[512], sig[64];
	size_t len = strlen(text) / 4 * 3;
	for (size_t i = strlen(text); text[i - 1] == '='; i--)
		len--;
	CHECK(base64_decode(bytes, len, BASE64, slice_str(text)) == OK);
	const struct psbt_room room = {pair, 64, in, 4, outputs, 4, buf_init(store, sizeof store)};
	struct psbt p;
	CHECK(psbt_parse(&p, &room, slice_of(bytes, len)) == OK);
	sign(sig, r, &p.tx);
	sig[0] ^= flip;
	CHECK(psbt_set(&p, (struct psbt_map){PSBT_INPUT, 0}, PSBT_IN_TAP_KEY_SIG, slice_of(NULL, 0),
		      slice_of(sig, sizeof sig)) == OK);
	struct buf b = buf_init(out, sizeof out);
	psbt_put(&b, &p);
	CHECK(!b.overflow);
	base64_encode(again, BASE64, b.ptr, b.len);
	(void)snprintf(body, sizeof body, "{\"psbt\":\"%s\"}", again);
	return body;
}

static void test_there_and_back(void)
{
	static struct signing_request request;
	static char psbt[BASE64_SIZE(PSBT_MAX)], body[2 * PSBT_MAX];
	struct reply r = ask_post(&w, TRANSFERS, OPERATOR_TOKEN, KEY,
		"{\"layer\":\"bitcoin\",\"to\":\"bitcoin:" ADDRESS
		"?amount=0.001\",\"signing\":\"external\"}");
	expect(&r, 201, NULL, "external payout");
	CHECK(strcmp(reply_text(&r, "signing"), "external") == 0);
	(void)snprintf(id, sizeof id, "%.32s", reply_text(&r, "id"));
	(void)snprintf(path, sizeof path, TRANSFERS "/%s/psbt", id);
	reply_free(&r);
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 503, "not_ready", "not known yet");

	make_known(&request);
	r = ask_get(&w, path, READER_TOKEN);
	expect(&r, 200, NULL, "out");
	(void)snprintf(psbt, sizeof psbt, "%s", reply_text(&r, "psbt"));
	reply_free(&r);
	(void)snprintf(body, sizeof body, "{\"psbt\":\"%s\"}", psbt);
	expect_only(
		ask_post(&w, path, OPERATOR_TOKEN, NULL, body), 422, "psbt_refused", "unsigned");
	expect_only(ask_post(&w, path, OPERATOR_TOKEN, NULL, signed_body(&request, psbt, 1)), 422,
		"psbt_refused", "a signature that is none");
	expect_only(ask_post(&w, path, READER_TOKEN, NULL, signed_body(&request, psbt, 0)), 403,
		"forbidden", "who may only look");
	CHECK(!variant_signed(&w.ledger->effect[payout()->effect].variant[0]));
	r = ask_post(&w, path, OPERATOR_TOKEN, NULL, signed_body(&request, psbt, 0));
	expect(&r, 200, NULL, "signed");
	CHECK(strcmp(reply_text(&r, "id"), id) == 0 &&
		json_count(reply_at(&r, "transactions")) == 1);
	reply_free(&r);
	CHECK(variant_signed(&w.ledger->effect[payout()->effect].variant[0]));
	const uint64_t records = w.ledger->seq;
	expect_only(ask_post(&w, path, OPERATOR_TOKEN, NULL, signed_body(&request, psbt, 0)), 200,
		NULL, "again");
	CHECK(w.ledger->seq == records);
}

static void test_refused(void)
{
	static const char *const bodies[] = {"{}", "{\"psbt\":7}", "{\"psbt\":\"\"}",
		"{\"psbt\":\"cHNidP8\"}", "{\"psbt\":\"!!!!\"}", "{\"psbt\":\"cHNi\",\"more\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		expect_only(ask_post(&w, path, OPERATOR_TOKEN, NULL, bodies[i]), 400,
			"invalid_request", bodies[i]);
	expect_only(ask_get(&w, TRANSFERS "/00000000000000000000000000000000/psbt", OPERATOR_TOKEN),
		404, "not_found", "no such payout");
	static const struct {
		const char *body, *pointer;
	} rows[] = {
		{"{\"layer\":\"bitcoin\",\"to\":\"" ADDRESS
		 "\",\"amount\":\"0.001\",\"signing\":\"me\"}",
			"/signing"},
		{"{\"layer\":\"rootstock\",\"to\":\"0x7e5f4552091a69125d5dfcb7b8c2659029395bdf\","
		 "\"amount\":\"0.001\",\"signing\":\"external\"}",
			"/signing"},
		{"{\"layer\":\"bitcoin\",\"signing\":\"external\",\"transfers\":["
		 "{\"to\":\"" ADDRESS "\",\"amount\":\"0.001\"}]}",
			"/signing"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply r = ask_post(&w, TRANSFERS, OPERATOR_TOKEN, KEY "-bad", rows[i].body);
		expect(&r, 400, "invalid_request", rows[i].body);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		reply_free(&r);
	}
	struct reply r = ask_post(&w, TRANSFERS, OPERATOR_TOKEN, KEY "-ours",
		"{\"layer\":\"bitcoin\",\"to\":\"" ADDRESS "\",\"amount\":\"0.001\"}");
	expect(&r, 201, NULL, "one of our signer's");
	CHECK(strcmp(reply_text(&r, "signing"), "signer") == 0);
	(void)snprintf(path, sizeof path, TRANSFERS "/%.32s/psbt", reply_text(&r, "id"));
	reply_free(&r);
	expect_only(ask_get(&w, path, OPERATOR_TOKEN), 404, "not_found", "our signer signs it");
}

int main(void)
{
	world_open(&w, "");
	test_there_and_back();
	test_refused();
	world_close(&w);
	return EXIT_SUCCESS;
}
