/* The simulated elementsd: what was recorded from a real one is answered in the same words, with
 * the same numbers and statuses, where the chain is brought to the same state; elsewhere the
 * answers have the members and types that the recorded ones have. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "wire/vectors_elements_exchanges.h"
#include "wire/vectors_elements_taproot.h"
#include "sim/elements.h"
#include "sim/elements_rules.h"
#include "sim/rpc_test.h"
#include "wire/elements_address.h"

#define START_MS UINT64_C(1795225000000)
#define COIN_RAW 100000000u  /* what each lock-up of the recording holds */
#define WALLET_RAW 25000000u /* and the coin of its wallet that is spent wrongly */
#define REFUND_HEIGHT 200u   /* where its refunds open */

static struct peer peer;

static struct sim_bitcoin *chain(void)
{
	return simbtc_of(peer.network);
}

/* ---- coins that were on the recorded chain ---- */

struct found {
	struct btc_outpoint at[4];
	uint32_t count;
};

static void inputs_of(struct found *out, struct slice hex)
{
	static uint8_t raw[16 * 1024];
	struct elements_txin in[4];
	struct elements_txout outs[8];
	struct elements_tx tx = {.in = in, .out = outs};
	size_t len, used;
	CHECK(hex_decode_var(raw, &len, sizeof raw, hex) == OK);
	CHECK(elements_tx_parse(&tx, &used, ARRAY_LEN(in), ARRAY_LEN(outs), slice_of(raw, len)) ==
		OK);
	out->count = tx.in_count;
	for (uint32_t i = 0; i < tx.in_count; i++)
		out->at[i] = in[i].prev;
}

/* A coin by the name that it had there: what made it is not known here. */
static void place_output(const struct btc_outpoint *at, const struct elements_txout *coin)
{
	static const uint8_t data[] = {0x6a};
	uint8_t raw[1024];
	struct buf bytes = buf_init(raw, sizeof raw);
	const struct elements_asset asset = elements_asset_of(&simel_network()->policy_asset);
	struct elements_txin in = {.prev = *at};
	struct elements_txout out[8];
	struct elements_tx tx = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = at->index + 1};
	uint32_t index;
	if (simbtc_coin_find(chain(), &at->txid, at->index) != NULL)
		return;
	CHECK(at->index < ARRAY_LEN(out));
	for (uint32_t i = 0; i <= at->index; i++)
		out[i] = (struct elements_txout){.asset = asset,
			.value = elements_value_of((struct sat){1}),
			.script = slice_of(data, sizeof data)};
	out[at->index] = *coin;
	elements_tx_put(&bytes, &tx);
	CHECK(!bytes.overflow && simbtc_tx_add(chain(), &index, buf_slice(&bytes)) == OK);
	chain()->tx[index]->txid = at->txid;
	chain()->tx[index]->state = SIMBTC_MINED;
	chain()->tx[index]->block = 0;
	sim_index_put(&chain()->tx_by_id, at->txid.b, index);
	simbtc_coin_add(
		chain(), &(struct simbtc_coin){.tx = index, .vout = at->index, .height = 1});
}

static void place(const struct btc_outpoint *at, struct sat value, struct slice script)
{
	const struct elements_txout coin = {
		.asset = elements_asset_of(&simel_network()->policy_asset),
		.value = elements_value_of(value),
		.script = script};
	place_output(at, &coin);
}

/* Its lock-ups are all of this script; the wallet's coin is of a kind that is never spent here. */
static void place_inputs(const char *hex, bool lock_up)
{
	static const char lock_script[] =
		"5120a9b331808c08d003663f5535b860b6c8a6433667ec145b59fe8d0f48d83dfcd3";
	static const char wallet_script[] = "0014104adaa986b6d2241e950c096d2bb86223105e62";
	const char *text = lock_up ? lock_script : wallet_script;
	uint8_t script[34];
	size_t len;
	struct found f;
	CHECK(hex_decode_var(script, &len, sizeof script, slice_str(text)) == OK);
	inputs_of(&f, slice_str(hex));
	for (uint32_t i = 0; i < f.count; i++)
		place(&f.at[i], (struct sat){lock_up ? COIN_RAW : WALLET_RAW},
			slice_of(script, len));
}

/* ---- comparing ---- */

static bool leaf_same(const struct json *a, const struct json *b)
{
	size_t a_len, b_len;
	char *x = json_dump(a, 0, &a_len), *y = json_dump(b, 0, &b_len);
	const bool same = a_len == b_len && memcmp(x, y, a_len) == 0;
	json_text_free(x);
	json_text_free(y);
	return same;
}

/* exact: the same values and no more of them; otherwise every member of ours is one of theirs, of
 * its type. */
static bool alike(const struct json *ours, const struct json *theirs, bool exact)
{
	const char *key;
	struct json *value;
	if (json_type(ours) != json_type(theirs))
		return false;
	if (exact && json_count(ours) != json_count(theirs))
		return false;
	if (json_type(ours) == JSON_OBJECT) {
		for (size_t i = 0; json_member(ours, i, &key, &value); i++)
			if (!alike(value, json_get(theirs, key), exact)) {
				(void)fprintf(stderr, "member %s differs\n", key);
				return false;
			}
		return true;
	}
	if (json_type(ours) == JSON_ARRAY) {
		const size_t n = json_count(ours) < json_count(theirs) ? json_count(ours)
								       : json_count(theirs);
		for (size_t i = 0; i < n; i++)
			if (!alike(json_at(ours, i), json_at(theirs, i), exact))
				return false;
		return true;
	}
	return !exact || leaf_same(ours, theirs);
}

static size_t recorded(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		if (strcmp(exchanges[i].name, name) == 0)
			return i;
	(void)fprintf(stderr, "nothing recorded is named %s\n", name);
	CHECK(false);
	return 0;
}

static uint32_t compared;

static void compare(const char *name, struct json *request, const struct json *params, bool exact)
{
	const size_t at = recorded(name);
	const struct slice recorded_body = exchanges[at].body;
	struct sim_reply reply = {0};
	struct sim_params by_position;
	struct json *body, *ours = NULL;
	CHECK(json_parse(&body, recorded_body, NULL) == OK);
	CHECK(sim_params_init(&by_position, params) == OK);
	peer.network->ops->rpc(peer.network, &reply, peer.now_ms,
		json_get_string(request, "method"), &by_position);
	const struct json *error = json_get(body, "error");
	int64_t code = 0;
	if (json_type(error) == JSON_OBJECT)
		CHECK(json_get_i64(error, "code", &code) == OK);
	bool same = code == reply.code &&
		peer.network->ops->http_status(code) == exchanges[at].status;
	if (same && code != 0)
		same = strcmp(json_get_string(error, "message"), reply.message) == 0;
	if (same && code == 0) {
		CHECK(json_parse(&ours, text_slice(&reply.result), NULL) == OK);
		same = alike(ours, json_get(body, "result"), exact);
	}
	if (!same)
		(void)fprintf(stderr, "%s: %lld %s %s, recorded: %.*s\n", name,
			(long long)reply.code, reply.message,
			reply.result.ptr == NULL ? "" : reply.result.ptr, (int)recorded_body.len,
			(const char *)recorded_body.ptr);
	CHECK(same);
	compared++;
	json_free(ours);
	json_free(body);
	json_free(request);
	sim_params_fini(&by_position);
	sim_reply_fini(&reply);
}

static struct json *request_of(const char *name)
{
	struct json *request;
	CHECK(json_parse(&request, slice_str(exchanges[recorded(name)].request), NULL) == OK);
	return request;
}

/* As recorded, question and answer. */
static void same(const char *name)
{
	struct json *request = request_of(name);
	compare(name, request, json_get(request, "params"), true);
}

/* A transaction of the recording, on the coins that it spends. */
static void same_tx(const char *name, bool lock_up)
{
	struct json *request = request_of(name);
	const struct json *params = json_get(request, "params");
	const struct json *first = json_at(params, 0);
	const struct slice hex = json_string(
		json_type(first) == JSON_ARRAY ? json_at(first, 0) : first);
	place_inputs((const char *)hex.ptr, lock_up);
	compare(name, request, params, true);
}

/* A claim of its confidential lock-up, which the taproot vectors have opened. */
static void same_confidential(const char *name)
{
	struct json *request = request_of(name);
	const struct json *params = json_get(request, "params");
	struct elements_txout coin = {.script = {0}};
	uint8_t script[34];
	struct found f;
	CHECK(hex_decode(coin.asset.b, 33, slice_str(elements_opening_asset_commitment)) == OK);
	CHECK(hex_decode(coin.value.b, 33, slice_str(elements_opening_value_commitment)) == OK);
	CHECK(hex_decode(script, sizeof script, slice_str(elements_opening_script)) == OK);
	coin.script = slice_of(script, sizeof script);
	inputs_of(&f, json_string(json_at(json_at(params, 0), 0)));
	CHECK(f.count == 1);
	place_output(&f.at[0], &coin);
	compare(name, request, params, true);
}

/* The recorded question about something of this chain. */
static void like(const char *name, const char *params_text)
{
	struct json *request = request_of(name), *params;
	CHECK(json_parse(&params, slice_str(params_text), NULL) == OK);
	compare(name, request, params, false);
	json_free(params);
}

static void mine(uint32_t count)
{
	peer.network->ops->mine(peer.network, peer.now_ms, count);
}

/* ---- the recording ---- */

static void test_state(void)
{
	char text[128], hash[65];
	static const char *const whole[] = {"getsidechaininfo", "getblockhash-0", "gettxout-null",
		"estimatesmartfee", "ERR-tx-decode-failed", "ERR-unknown-txid-getrawtransaction",
		"ERR-unknown-block", "ERR-block-height-out-of-range", "ERR-bad-hash-length",
		"ERR-method-not-found", "ERR-estimatesmartfee-range"};
	static const char *const shapes[] = {"getblockchaininfo", "getblockchaininfo-after-restart",
		"getindexinfo", "getmempoolinfo", "getrawmempool", "getnetworkinfo"};
	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		same(whole[i]);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		like(shapes[i], "[]");
	hex_encode_reversed(hash, simbtc_tip(chain())->hash.b, 32);
	(void)snprintf(text, sizeof text, "[\"%s\"]", hash);
	like("getblockheader", text);
	(void)snprintf(text, sizeof text, "[\"%s\", 0]", hash);
	like("getblock-verbosity0", text);
	like("scantxoutset-raw51", "[\"start\", [\"raw(51)\"]]");
}

static void test_refusals(void)
{
	static const char *const wallet[] = {"ERR-missing-fee-output-sendraw",
		"ERR-unbalanced-asset-sendraw", "ERR-unbalanced-amount-sendraw",
		"ERR-min-relay-fee", "ERR-min-relay-fee-testmempoolaccept", "ERR-non-final"};
	for (size_t i = 0; i < ARRAY_LEN(wallet); i++)
		same_tx(wallet[i], false);
	same("ERR-missing-inputs-sendraw");
	same("ERR-missing-inputs-testmempoolaccept");
	same("ERR-dust-testmempoolaccept");
	same_tx("ERR-send-unblinded-when-conf-addresses", false);
}

static void test_lock_ups(void)
{
	static const char *const early[] = {"htlc-claim-testmempoolaccept", "htlc-claim-sendraw",
		"htlc-ERR-wrong-preimage", "htlc-ERR-preimage-31-bytes", "htlc-ERR-wrong-signature",
		"htlc-ERR-sig-with-explicit-zero-hashtype", "htlc-ERR-control-block-parity",
		"htlc-ERR-control-block-leafver-c0", "htlc-ERR-control-block-size",
		"htlc-claim2-ok-again", "htlc-keypath-testmempoolaccept",
		"htlc-two-inputs-testmempoolaccept", "htlc-ERR-refund-early-testmempoolaccept",
		"htlc-ERR-refund-early-sendraw"};
	static const char *const late[] = {"htlc-ERR-refund-locktime-too-low",
		"htlc-ERR-refund-final-sequence", "htlc-refund-testmempoolaccept",
		"htlc-refund-sendraw"};
	for (size_t i = 0; i < ARRAY_LEN(early); i++)
		same_tx(early[i], true);
	same_tx("htlc-claim-explicit-to-confidential-testmempoolaccept", true);
	same_confidential("htlc-claim-confidential-testmempoolaccept");
	mine(REFUND_HEIGHT - chain()->chain_len);
	CHECK(chain()->chain_len == REFUND_HEIGHT);
	same_tx("htlc-ERR-refund-at-tip-199", true);
	mine(1);
	for (size_t i = 0; i < ARRAY_LEN(late); i++)
		same_tx(late[i], true);
}

/* ---- its own ---- */

/* The faucet pays; what it paid, another asset and the fee are where the answers say. */
static void test_faucet(void)
{
	static const char address[] = "ert1qzp9d42vxkmfzg854psyk62acvg33qhnz4drgnp";
	char id[65];
	(void)peer_call(&peer, "sim_fund", "[\"%s\", 1.5]", address);
	ACCEPTED(&peer);
	const struct slice txid = json_string(peer.answer);
	CHECK(txid.len == 64);
	memcpy(id, txid.ptr, sizeof id);
	mine(1);
	(void)peer_call(&peer, "gettxout", "[\"%s\", 0]", id);
	ACCEPTED(&peer);
	uint64_t value;
	CHECK(json_get_decimal(peer.answer, "value", 8, &value) == OK && value == 150000000);
	(void)peer_call(&peer, "sim_mint", "[\"%s\", \"%064x\", 2]", address, 0xabc);
	ACCEPTED(&peer);
	mine(1);
	(void)peer_call(&peer, "scantxoutset", "[\"start\", [\"addr(%s)\"]]", address);
	ACCEPTED(&peer);
	const struct json *list = json_get(peer.answer, "unspents");
	bool policy = false, other = false;
	for (size_t i = 0; i < json_count(list); i++) {
		const char *asset = json_get_string(json_at(list, i), "asset");
		policy |= strncmp(asset, "5ac9f65c", 8) == 0;
		other |= strcmp(asset + 61, "abc") == 0;
	}
	CHECK(policy && other);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	const struct sim_bitcoin_config config = {.seed = 3, .now_ms = START_MS};
	secp_init(seed);
	peer = (struct peer){.network = sim_elements_create(&config), .now_ms = START_MS};
	test_state();
	test_refusals();
	test_lock_ups();
	test_faucet();
	(void)printf("%u recorded exchanges compared\n", (unsigned)compared);
	peer_fini(&peer);
	return EXIT_SUCCESS;
}
