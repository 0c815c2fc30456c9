/* Swaps to Lightning by HTTP: every way in which the client's own invoice can be wrong is found
 * before there is a swap. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "node/api_client_test.h"
#include "node/quote_token.h"
#include "wire/bolt11.h"

#define GOOD_KEY "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define KEY "swap-key-0123456789"
#define DEST_SAT 990000u
#define LIFE_S 86400u
#define HOLD_BLOCKS 40u
#define LOCK_BLOCKS 60u

static struct world w;
static const struct hash256 hash = {{0xa5, 1, 2, 3}};

static void quote(char out[QUOTE_TOKEN_SIZE], enum layer_id to)
{
	struct quote_key key;
	struct amount dest;
	CHECK(amount_convert(&dest, amount_of(ASSET_BTC, DEST_SAT), layer_asset(to), false) == OK);
	const struct quote_terms terms = {.from = LAYER_BITCOIN,
		.to = to,
		.source_amount = amount_of(ASSET_BTC, 1000000),
		.dest_amount = dest,
		.fee = amount_of(ASSET_BTC, 10000),
		.expires_ms = loop_wall_ms(w.loop) + 60000};
	quote_key_derive(&key, &w.seal);
	quote_token_make(out, &key, &terms);
}

/* An invoice as a client makes it, and one thing of it changed. */
struct change {
	const char *network; /* NULL: regtest */
	uint64_t msat, age_s, life_s;
	uint32_t cltv;
	bool other_hash;
};

static void invoice(char text[BOLT11_TEXT_MAX + 1], const struct change *c)
{
	static struct bolt11 b;
	const struct seckey key = {{[31] = 9}};
	b = (struct bolt11){.network = network_by_name(LAYER_BITCOIN,
				    slice_str(c->network == NULL ? "regtest" : c->network)),
		.amount_msat = c->msat == 0 ? DEST_SAT * UINT64_C(1000) : c->msat,
		.timestamp_s = loop_wall_ms(w.loop) / 1000 - c->age_s,
		.expiry_s = c->life_s == 0 ? LIFE_S : c->life_s,
		.payment_hash = hash,
		.payment_secret = {7},
		.final_cltv = c->cltv == 0 ? HOLD_BLOCKS : c->cltv,
		.features = UINT64_C(1) << BOLT11_VAR_ONION | UINT64_C(1) << BOLT11_PAYMENT_SECRET};
	b.payment_hash.b[31] ^= c->other_hash;
	CHECK(bolt11_encode(text, &b, &key) == OK);
}

/* request: NULL: none. */
static struct reply post(enum layer_id to, const char *request, const char *dest)
{
	static char body[BOLT11_TEXT_MAX + 1024];
	char token[QUOTE_TOKEN_SIZE], hex[65];
	struct buf b = buf_init(body, sizeof body);
	quote(token, to);
	hex_encode(hex, hash.b, sizeof hash.b);
	buf_printf(&b,
		"{\"quote\":\"%s\",\"preimage_hash\":\"%s\",\"source\":{\"refund_key\":\"" GOOD_KEY
		"\"},\"destination\":{%s}",
		token, hex, dest);
	if (request != NULL)
		buf_printf(&b, ",\"client_invoice\":\"%s\"", request);
	buf_printf(&b, "}");
	return ask_post(&w, "/v1/swaps", NULL, KEY, buf_cstr(&b));
}

static void expect_fault(struct reply r, const char *pointer, const char *detail)
{
	expect(&r, 400, "invalid_request", detail);
	if (strcmp(reply_text(&r, "errors.0.pointer"), pointer) != 0 ||
		strstr(reply_text(&r, "errors.0.detail"), detail) == NULL) {
		(void)fprintf(stderr, "%s: %s\n", detail, r.body);
		CHECK(false);
	}
	reply_free(&r);
}

static void test_invoices(void)
{
	static const struct {
		struct change change;
		const char *detail;
	} rows[] = {
		{{.network = "mainnet"}, "of another network"},
		{{.other_hash = true}, "not for preimage_hash"},
		{{.msat = DEST_SAT * UINT64_C(1000) + 1}, "not of the quote's destination_amount"},
		{{.msat = DEST_SAT * UINT64_C(1000) - 1000},
			"not of the quote's destination_amount"},
		{{.age_s = LIFE_S}, "runs out before"},
		{{.life_s = 60}, "runs out before"},
		{{.cltv = LOCK_BLOCKS}, "locked for too long"},
	};
	static char text[BOLT11_TEXT_MAX + 1];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		invoice(text, &rows[i].change);
		expect_fault(post(LAYER_LIGHTNING, text, ""), "/client_invoice", rows[i].detail);
	}
	expect_fault(post(LAYER_LIGHTNING, "lnbcrt1", ""), "/client_invoice", "no invoice");
	expect_fault(post(LAYER_LIGHTNING, NULL, ""), "/client_invoice", "required");
	memset(text, 'q', LN_REQUEST_MAX + 1);
	text[LN_REQUEST_MAX + 1] = 0;
	expect_fault(post(LAYER_LIGHTNING, text, ""), "/client_invoice", "too long");

	invoice(text, &(struct change){0});
	expect_fault(post(LAYER_LIGHTNING, text, "\"claim_key\":\"" GOOD_KEY "\""),
		"/destination/claim_key", "no such member");
	expect_fault(post(LAYER_ROOTSTOCK, text,
			     "\"claim_address\":\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\""),
		"/client_invoice", "for swaps to lightning");
	CHECK(w.ledger->swap_count == 0);
}

/* The invoice itself is good: what stands in the way is that there is no money there. */
static void test_good(void)
{
	static char text[BOLT11_TEXT_MAX + 1];
	invoice(text, &(struct change){0});
	struct reply r = post(LAYER_LIGHTNING, text, "");
	CHECK(r.status != 400 && r.status != 201);
	reply_free(&r);
}

int main(void)
{
	world_open(&w,
		"lightning: {enabled: true, network: regtest, credential_file: none, "
		"block_interval_ms: 1000, outage_ms: 0, lock_blocks: 60, force_close_blocks: 2}\n");
	test_invoices();
	test_good();
	world_close(&w);
	return EXIT_SUCCESS;
}
