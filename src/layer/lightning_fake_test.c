#include "layer/lightning_fake_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/hash.h"

struct ln_world w;

static const char *const paths[LN_KIND_COUNT][PATH_COUNT] = {
	[LN_LND] = {[PATH_INFO] = "/v1/getinfo",
		[PATH_BALANCE] = "/v1/balance/channels",
		[PATH_PENDING] = "/v1/channels/pending",
		[PATH_CHANNELS] = "/v1/channels",
		[PATH_HODL] = "/v2/invoices/hodl",
		[PATH_SETTLE] = "/v2/invoices/settle",
		[PATH_CANCEL] = "/v2/invoices/cancel",
		[PATH_SUBSCRIBE] = "/v2/invoices/subscribe/",
		[PATH_TRACK] = "/v2/router/track/",
		[PATH_SEND] = "/v2/router/send",
		[PATH_INVOICE] = "/v1/invoice/"},
	[LN_CLN] = {[PATH_INFO] = "/v1/getinfo",
		[PATH_BALANCE] = "/v1/listpeerchannels",
		[PATH_HODL] = "/v1/listconfigs",
		[PATH_SETTLE] = "/v1/settleholdinvoice",
		[PATH_CANCEL] = "/v1/cancelholdinvoice",
		[PATH_TRACK] = "/v1/listsendpays",
		[PATH_SEND] = "/v1/pay",
		[PATH_INVOICE] = "/v1/listholdinvoices"}};

static bool is_path(size_t i, const char *path)
{
	const char *known = paths[w.kind][i];
	return known != NULL && strncmp(path, known, strlen(known)) == 0;
}

/* ---- the node ---- */

static void on_request(void *ctx, struct http_local_request *r)
{
	(void)ctx;
	const char *path = strchr(strstr(http_local_url(r), "//") + 2, '/');
	size_t i = 0;
	while (i < PATH_COUNT && !is_path(i, path))
		i++;
	CHECK(i < PATH_COUNT);
	w.says[i].asked++;
	const struct slice body = http_local_body(r);
	CHECK(body.len < TEXT_MAX);
	if (body.len > 0)
		memcpy(w.says[i].body, body.ptr, body.len);
	w.says[i].body[body.len] = 0;
	const struct slice text = slice_str(w.says[i].text);
	switch (w.says[i].how) {
	case ANSWER: http_local_answer(r, OK, w.says[i].status, text); return;
	case STREAM:
	case ENDED:
		if (text.len > 0)
			CHECK(http_local_part(r, text));
		if (w.says[i].how == ENDED)
			http_local_answer(r, OK, 200, slice_of(NULL, 0));
		else
			w.open_request[w.open_count++ % OPEN_MAX] = r;
		return;
	case SILENCE: http_local_drop(r); return;
	case DOWN: http_local_answer(r, ERR_UNAVAILABLE, 0, slice_of(NULL, 0)); return;
	case BROKEN: http_local_answer(r, ERR_IO, 0, slice_of(NULL, 0)); return;
	}
}

void node_says(enum path path, enum how how, unsigned status, const char *text)
{
	w.says[path].how = how;
	w.says[path].status = status;
	(void)snprintf(w.says[path].text, TEXT_MAX, "%s", text);
}

void node_refuses(enum path path, const char *words)
{
	char text[256];
	(void)snprintf(text, sizeof text, "{\"code\":2,\"message\":\"%s\",\"details\":[]}", words);
	node_says(path, ANSWER, 500, text);
}

void node_info(uint32_t height, const char *chain, bool synced, uint32_t channels)
{
	char text[512];
	(void)snprintf(text, sizeof text,
		"{\"version\":\"0.21.0-beta\",\"identity_pubkey\":"
		"\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","
		"\"num_pending_channels\":0,\"num_active_channels\":%u,\"num_inactive_channels\":0,"
		"\"block_height\":%u,\"synced_to_chain\":%s,"
		"\"chains\":[{\"chain\":\"bitcoin\",\"network\":\"%s\"}]}",
		channels, height, synced ? "true" : "false", chain);
	node_says(PATH_INFO, ANSWER, 200, text);
}

void node_not_found(enum path path)
{
	node_says(path, ANSWER, 404,
		path == PATH_TRACK
			? "{\"error\":{\"code\":5,\"message\":\"payment isn't initiated\"}}"
			: "{\"code\":5,\"message\":\"unable to locate invoice\"}");
}

void node_payment(enum path path, enum how how, const char *status, const char *htlcs)
{
	char text[TEXT_MAX], hex[65], zero[65] = {0}, none[65];
	hex_encode(hex, w.hash.b, sizeof w.hash.b);
	memset(none, '0', 64);
	none[64] = 0;
	hex_encode(zero, w.preimage.b, sizeof w.preimage.b);
	(void)snprintf(text, sizeof text,
		"{\"result\":{\"payment_hash\":\"%s\",\"payment_preimage\":\"%s\",\"value_msat\":"
		"\"20000000\",\"fee_msat\":\"1001\",\"status\":\"%s\",\"failure_reason\":"
		"\"FAILURE_REASON_NONE\",\"htlcs\":[%s]}}\n",
		hex, strcmp(status, "SUCCEEDED") == 0 ? zero : none, status, htlcs);
	node_says(path, how, 200, text);
}

const char *node_invoice(const char *state, const char *htlcs, bool settled, bool line)
{
	static char text[TEXT_MAX];
	char h[BASE64_SIZE(32)], p[BASE64_SIZE(32)];
	base64_encode(h, BASE64, w.hash.b, sizeof w.hash.b);
	base64_encode(p, BASE64, w.preimage.b, sizeof w.preimage.b);
	(void)snprintf(text, sizeof text,
		"%s{\"r_hash\":\"%s\",\"r_preimage\":\"%s\",\"value_msat\":\"20000000\",\"state\":"
		"\"%s\",\"creation_date\":\"1800000000\",\"expiry\":\"3600\",\"payment_request\":"
		"\"%s\",\"htlcs\":[%s]}%s",
		line ? "{\"result\":" : "", h, settled ? p : "", state, w.request, htlcs,
		line ? "}\n" : "");
	return text;
}

/* A line on the stream that was opened last. */
void node_streams(const char *text)
{
	CHECK(w.open_count > 0);
	CHECK(http_local_part(w.open_request[(w.open_count - 1) % OPEN_MAX], slice_str(text)));
}

/* ---- the world ---- */

static enum err on_block(void *ctx, enum layer_id id, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	(void)ctx;
	(void)event;
	CHECK(id == LAYER_LIGHTNING && event_count == 0);
	CHECK(w.block_count == 0 || block->height == w.last_block.height + 1);
	w.last_block = *block;
	w.block_count++;
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id id, const struct block_ref *keep)
{
	(void)ctx;
	(void)id;
	(void)keep;
	w.reorg_count++;
	return OK;
}

static enum err on_fact(void *ctx, enum layer_id id, const struct chain_event *event)
{
	(void)ctx;
	(void)id;
	if (w.fact_answer != OK)
		return w.fact_answer;
	CHECK(w.fact_count < ARRAY_LEN(w.fact));
	w.fact[w.fact_count++] = *event;
	return OK;
}

void ln_world_run(uint64_t ms)
{
	const uint64_t end = loop_now_ms(w.loop) + ms;
	do
		(void)loop_step(w.loop, end - loop_now_ms(w.loop));
	while (loop_now_ms(w.loop) < end);
}

void ln_world_request(uint32_t cltv)
{
	static struct bolt11 b;
	const struct seckey key = {{7}};
	b = (struct bolt11){.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = SAT * BOLT11_MSAT_PER_SAT,
		.timestamp_s = NOW_S,
		.expiry_s = 3600,
		.payment_hash = w.hash,
		.final_cltv = cltv,
		.features = UINT64_C(1) << BOLT11_VAR_ONION | UINT64_C(1) << BOLT11_PAYMENT_SECRET};
	CHECK(bolt11_encode(w.request, &b, &key) == OK);
}

void ln_world_secret(uint32_t n)
{
	memset(w.preimage.b, 9, sizeof w.preimage.b);
	memcpy(w.preimage.b, &n, sizeof n);
	sha256(&w.hash, slice_of(w.preimage.b, sizeof w.preimage.b));
	ln_world_request(80);
}

void ln_world_layer(void)
{
	const struct ln_node_config config = {.kind = w.kind,
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.url = "http://node",
		.client = w.client,
		.loop = w.loop};
	const struct layer_config c = {.id = LAYER_LIGHTNING, .network = w.network, .loop = w.loop};
	CHECK(ln_node_create(&w.node, &config) == OK);
	struct layer_config l = c;
	l.lightning = w.node;
	CHECK(layer_create(&w.layer, &l) == OK);
}

static void begin_kind(enum ln_kind kind)
{
	const struct loop_config config = {.virtual_time = true, .start_wall_ms = NOW_S * 1000};
	w = (struct ln_world){.kind = kind, .swap = {{1}}};
	w.network = network_by_name(LAYER_LIGHTNING, slice_str("regtest"));
	ln_world_secret(0);
	CHECK(loop_create(&w.loop, &config) == OK);
	CHECK(http_client_create_local(&w.client, w.loop, on_request, NULL) == OK);
	ln_world_layer();
}

void ln_world_begin(void)
{
	begin_kind(LN_LND);
	node_info(HEIGHT, "regtest", true, 1);
	node_says(PATH_BALANCE, ANSWER, 200,
		"{\"local_balance\":{\"msat\":\"1000000500\"},\"remote_balance\":{\"msat\":\"0\"},"
		"\"unsettled_local_balance\":{\"msat\":\"0\"},\"unsettled_remote_balance\":"
		"{\"msat\":\"0\"},\"pending_open_local_balance\":{\"msat\":\"0\"},"
		"\"pending_open_remote_balance\":{\"msat\":\"0\"}}");
	node_says(PATH_CHANNELS, ANSWER, 200, "{\"channels\":[]}");
	node_says(PATH_PENDING, ANSWER, 200, "{\"total_limbo_balance\":\"0\"}");
	for (enum path p = PATH_SETTLE; p < PATH_COUNT; p++)
		node_not_found(p);
}

void ln_world_begin_cln(void)
{
	begin_kind(LN_CLN);
	char text[512];
	(void)snprintf(text, sizeof text,
		"{\"id\":\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","
		"\"num_pending_channels\":0,\"num_active_channels\":1,\"num_inactive_channels\":0,"
		"\"version\":\"v25.05\",\"blockheight\":%u,\"network\":\"regtest\"}",
		HEIGHT);
	node_says(PATH_INFO, ANSWER, 200, text);
	node_says(PATH_BALANCE, ANSWER, 201, "{\"channels\":[]}");
	node_says(PATH_TRACK, ANSWER, 201, "{\"payments\":[]}");
	node_says(PATH_INVOICE, ANSWER, 201, "{\"holdinvoices\":[]}");
	node_says(PATH_CANCEL, ANSWER, 500, "{\"code\":-32700,\"message\":\"invoice not found\"}");
	node_says(PATH_HODL, ANSWER, 201,
		"{\"configs\":{\"hold-expiry-deadline\":{\"value_int\":18}}}");
}

void ln_world_end(void)
{
	layer_destroy(w.layer);
	ln_node_destroy(w.node);
	http_client_destroy(w.client);
	for (uint32_t i = 0; i < w.open_count && i < OPEN_MAX; i++)
		http_local_drop(w.open_request[i]);
	loop_destroy(w.loop);
}

void ln_world_start(void)
{
	const struct block_ref from = ask_block(HEIGHT - 2);
	const struct layer_sink sink = {
		.on_block = on_block, .on_reorg = on_reorg, .on_fact = on_fact};
	CHECK(layer_start(w.layer, &from, 1, &sink) == OK);
	ln_world_run(3000);
	CHECK(w.last_block.height == HEIGHT);
}

/* ---- operations ---- */

void ln_world_on_info(void *ctx, const struct layer_info *info)
{
	(void)ctx;
	w.done = true;
	w.info = *info;
}

void ln_world_on_submit(void *ctx, const struct submit_answer *a)
{
	(void)ctx;
	w.done = true;
	w.submit = *a;
}

void ln_world_on_status(void *ctx, const struct tx_status *s)
{
	(void)ctx;
	w.done = true;
	w.status = *s;
}

void ln_world_on_scan(void *ctx, const struct layer_scan *s)
{
	(void)ctx;
	w.done = true;
	w.scan = *s;
}

void ln_world_on_offer(void *ctx, enum err err, struct slice leg, const char *detail)
{
	(void)ctx;
	CHECK(detail != NULL);
	w.done = true;
	w.offer_err = err;
	w.offer_len = leg.len;
	if (leg.len > 0)
		memcpy(w.offer_bytes, leg.ptr, leg.len);
}

void ln_world_on_block(void *ctx, enum err err, const struct block_ref *block)
{
	(void)ctx;
	CHECK(err == OK);
	w.done = true;
	w.block = *block;
}

/* Within the node's deadline, and what follows from it. */
void ln_world_wait(void)
{
	CHECK(!w.done);
	for (unsigned i = 0; i < 300 && !w.done; i++)
		ln_world_run(100);
	CHECK(w.done);
	w.done = false;
}

struct block_ref ask_block(uint64_t height)
{
	CHECK(layer_block_at(w.layer, height, ln_world_on_block, NULL) == OK);
	ln_world_wait();
	return w.block;
}

const struct layer_info *ask_check(void)
{
	CHECK(layer_check(w.layer, ln_world_on_info, NULL) == OK);
	ln_world_wait();
	return &w.info;
}

const struct layer_info *ask_info(void)
{
	layer_info(w.layer, &w.info);
	return &w.info;
}

struct leg_offer ln_world_terms(bool provider_claims)
{
	return (struct leg_offer){.network = w.network,
		.hash = w.hash,
		.amount = amount_of(ASSET_BTC, SAT),
		.timelock = TIP_LOCK,
		.provider_claims = provider_claims,
		.request = slice_str(w.request),
		.expires_ms = loop_wall_ms(w.loop) + 3600 * 1000};
}

void ln_world_watch(bool provider_claims)
{
	static uint8_t bytes[LAYER_LEG_MAX];
	struct buf leg = buf_init(bytes, sizeof bytes);
	const struct leg_offer o = ln_world_terms(provider_claims);
	CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == OK);
	CHECK(layer_watch_lock(w.layer, &w.swap, buf_slice(&leg)) == OK);
}

enum submit_outcome ask_submit(const struct ln_command *c)
{
	static uint8_t bytes[LN_COMMAND_MAX];
	struct buf out = buf_init(bytes, sizeof bytes);
	ln_command_put(&out, c);
	CHECK(layer_submit(w.layer, buf_slice(&out), ln_world_on_submit, NULL) == OK);
	ln_world_wait();
	return w.submit.outcome;
}

struct ln_command ln_world_pay(void)
{
	return (struct ln_command){.kind = LN_PAY,
		.request = slice_str(w.request),
		.fee_limit = {77},
		.max_height = HEIGHT + 300,
		.deadline_ms = (NOW_S + 600) * 1000};
}

enum submit_outcome ask_pay(void)
{
	const struct ln_command c = ln_world_pay();
	return ask_submit(&c);
}

bool node_was_told(enum path path, const char *text)
{
	return strstr(w.says[path].body, text) != NULL;
}

void ask_offer(void)
{
	const struct leg_offer o = ln_world_terms(true);
	CHECK(layer_offer(w.layer, &o, ln_world_on_offer, NULL) == OK);
	ln_world_wait();
}

void ask_scan(void)
{
	const struct layer_lock_ref lock = {.at = {.tx = w.hash}};
	CHECK(layer_scan(w.layer, &lock, 1, ln_world_on_scan, NULL) == OK);
	ln_world_wait();
}
