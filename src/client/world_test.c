#include "client/world_test.h"

#include "base/hex.h"
#include "client/spend.h"
#include "crypto/hash.h"
#include "sys/rand.h"
#include "wire/erc20.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BITCOIN_BLOCK_MS 250u
#define ROOTSTOCK_BLOCK_MS 125u
#define BOB_BLOCK_MS 125u
#define BOB_RATE 2000000000u
#define TOKENS "0.05"
#define TICK_MS 100u
#define NEVER "2099-01-01T00:00:00.000Z"
#define SWAP_ID "00112233445566778899aabbccddeeff"
#define CHANNEL_MSAT UINT64_C(5000000000)
#define GAS_WEI "0x4563918244f40000" /* 5 */

static const struct network *regtest(enum layer_id layer)
{
	return network_by_name(layer, slice_str("regtest"));
}

/* Whose chain a layer lives on. */
static enum layer_id chain_of(enum layer_id layer)
{
	return layer == LAYER_LIGHTNING          ? LAYER_BITCOIN
		: layer == LAYER_ROOTSTOCK_ERC20 ? LAYER_ROOTSTOCK
						 : layer;
}

const struct json *world_rpc(
	struct world *w, enum layer_id layer, const char *method, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	va_start(args, fmt);
	CHECK(vsnprintf(text, sizeof text, fmt, args) < (int)sizeof text);
	va_end(args);
	w->peer[chain_of(layer)].now_ms = loop_wall_ms(w->loop);
	const struct json *v = peer_call(&w->peer[chain_of(layer)], method, "%s", text);
	ACCEPTED(&w->peer[chain_of(layer)]);
	return v;
}

static uint64_t height(struct world *w, enum layer_id layer)
{
	const struct sim_network *n = sim_node_network(w->node[chain_of(layer)]);
	return n->ops->height(n);
}

static const struct json *token_balance(struct world *w, enum layer_id layer, const char *address)
{
	uint8_t bytes[ERC20_CALL_MAX];
	struct buf call = buf_init(bytes, sizeof bytes);
	struct evm_address owner;
	char data[2 * ERC20_CALL_MAX + 1], token[41];
	CHECK(evm_address_parse(&owner, regtest(layer)->chain_id, slice_str(address)) == OK);
	erc20_balance_call(&call, &owner);
	hex_encode(data, call.ptr, call.len);
	hex_encode(token, w->token[layer].b, sizeof w->token[layer].b);
	return world_rpc(w, layer, "eth_call",
		"[{\"to\": \"0x%s\", \"data\": \"0x%s\"}, \"latest\"]", token, data);
}

uint64_t world_balance(struct world *w, enum layer_id layer, const char *address)
{
	uint64_t sat;
	if (layer == LAYER_BITCOIN) {
		const struct json *v = world_rpc(
			w, layer, "scantxoutset", "[\"start\", [\"addr(%s)\"]]", address);
		CHECK(json_get_decimal(v, "total_amount", 8, &sat) == OK);
		return sat;
	}
	const struct json *v = layer_gas_apart(layer)
		? token_balance(w, layer, address)
		: world_rpc(w, layer, "eth_getBalance", "[\"%s\", \"latest\"]", address);
	return strtoull((const char *)json_string(v).ptr, NULL, 16);
}

/* ---- the provider ---- */

static void dest_party(struct leg_party *out, const struct world *w)
{
	struct pubkey pub;
	bool odd;
	CHECK(pubkey_from_seckey(&pub, &w->wallet) == OK);
	xonly_from_pubkey(&out->key, &odd, &pub);
	CHECK(evm_address_from_pubkey(&out->address, &pub) == OK);
}

static struct amount leg_amount(enum layer_id layer, enum rescue_side side)
{
	struct amount sat = amount_of(ASSET_BTC, side == SIDE_SOURCE ? 1000000 : 990000), a;
	CHECK(amount_convert(&a, sat, layer_asset(layer), false) == OK);
	return a;
}

/* The provider's hold invoice: what is paid in time is held until the time lock. */
static void make_invoice(struct world *w, struct leg_offer *offer)
{
	struct sat amount;
	CHECK(amount_to_sat(&amount, offer->amount) == OK);
	struct simln_bill terms = {.hash = offer->hash,
		.msat = amount.raw * BOLT11_MSAT_PER_SAT,
		.expiry_s = 3600,
		.cltv = (uint32_t)(w->source_blocks + SIMLN_MARGIN)};
	if (w->bend_invoice != NULL)
		w->bend_invoice(&terms);
	CHECK(simln_invoice_make(w->lightning, &w->swap.bill, SIMLN_ALICE, &terms) == OK);
	offer->request = slice_str(w->swap.bill->request);
}

/* Terms as layer_leg_make writes them, of an invoice that it would not take. */
static void put_bent_terms(struct buf *out, const struct leg_offer *offer)
{
	struct sat amount;
	CHECK(amount_to_sat(&amount, offer->amount) == OK);
	buf_u8(out, offer->provider_claims);
	buf_put(out, offer->hash.b, sizeof offer->hash.b);
	buf_le64(out, amount.raw);
	buf_le64(out, offer->timelock);
	buf_bytes32(out, offer->request);
}

static void make_terms(struct world *w, enum rescue_side side)
{
	struct world_swap *s = &w->swap;
	if (w->layer[side] == LAYER_LIGHTNING && side == SIDE_DEST)
		return; /* the taker's invoice says it all */
	struct buf out = buf_init(s->terms[side], RESCUE_TERMS_MAX);
	struct leg_offer offer = {.network = regtest(w->layer[side]),
		.hash = s->hash,
		.amount = leg_amount(w->layer[side], side),
		.timelock = height(w, w->layer[side]) +
			(side == SIDE_SOURCE ? w->source_blocks : w->dest_blocks),
		.provider_claims = side == SIDE_SOURCE,
		.contract = w->contract[w->layer[side]]};
	if (layer_gas_apart(w->layer[side]))
		offer.token = w->token[w->layer[side]];
	struct leg_party *ours = side == SIDE_SOURCE ? &offer.claim : &offer.refund;
	struct leg_party *theirs = side == SIDE_SOURCE ? &offer.refund : &offer.claim;
	dest_party(ours, w);
	theirs->key = s->client_key[side];
	theirs->address = s->client_address[side];
	if (w->layer[side] == LAYER_LIGHTNING)
		make_invoice(w, &offer);
	if (w->bend != NULL)
		w->bend(&offer, side);
	if (w->layer[side] == LAYER_LIGHTNING && w->bend_invoice != NULL)
		put_bent_terms(&out, &offer);
	else
		CHECK(layer_leg_make(&out, w->layer[side], &offer) == OK);
	s->terms_len[side] = out.len;
	s->timelock[side] = offer.timelock;
}

static void set_amount(struct json *v, const char *key, struct world *w, enum rescue_side side)
{
	json_set_amount(v, key, leg_amount(w->layer[side], side));
}

static struct json *leg_json(struct world *w, enum rescue_side side, bool terms)
{
	struct json *v = json_object();
	char address[LAYER_ADDRESS_TEXT_SIZE];
	json_set_string(v, "layer", layer_name(w->layer[side]));
	json_set_string(v, "network", regtest(w->layer[side])->caip2);
	set_amount(v, "amount", w, side);
	if (!terms) {
		json_set(v, "terms", json_new_null());
		return v;
	}
	if (w->layer[side] == LAYER_LIGHTNING && w->bend_invoice != NULL)
		memcpy(address, w->swap.bill->request, strlen(w->swap.bill->request) + 1);
	else
		CHECK(layer_leg_address(w->layer[side], regtest(w->layer[side]), address,
			      slice_of(w->swap.terms[side], w->swap.terms_len[side])) == OK);
	json_set_string(v, "address", address);
	json_set_hex(v, "terms", "", w->swap.terms[side], w->swap.terms_len[side]);
	json_set_u64(v, "timelock", w->swap.timelock[side]);
	return v;
}

static struct json *swap_json(struct world *w)
{
	struct json *v = json_object();
	json_set_string(v, "id", SWAP_ID);
	json_set_string(v, "state", w->swap.dest_locked ? "dest_locked" : "offered");
	json_set_hex(v, "preimage_hash", "", w->swap.hash.b, 32);
	set_amount(v, "source_amount", w, SIDE_SOURCE);
	set_amount(v, "destination_amount", w, SIDE_DEST);
	json_set_string(v, "expires_at", NEVER);
	json_set(v, "source", leg_json(w, SIDE_SOURCE, true));
	json_set(v, "destination", leg_json(w, SIDE_DEST, w->swap.terms_len[SIDE_DEST] > 0));
	return v;
}

static struct json *quote_json(struct world *w)
{
	struct json *v = json_object();
	struct amount back, fee;
	json_set_string(v, "from", layer_name(w->layer[SIDE_SOURCE]));
	json_set_string(v, "to", layer_name(w->layer[SIDE_DEST]));
	set_amount(v, "source_amount", w, SIDE_SOURCE);
	set_amount(v, "destination_amount", w, SIDE_DEST);
	CHECK(amount_convert(&back, leg_amount(w->layer[SIDE_DEST], SIDE_DEST),
		      layer_asset(w->layer[SIDE_SOURCE]), false) == OK);
	CHECK(amount_sub(&fee, leg_amount(w->layer[SIDE_SOURCE], SIDE_SOURCE), back) == OK);
	json_set_amount(v, "fee", fee);
	json_set_string(v, "expires_at", NEVER);
	json_set(v, "source", leg_json(w, SIDE_SOURCE, false));
	json_set(v, "destination", leg_json(w, SIDE_DEST, false));
	json_set_string(v, "quote", "token");
	return v;
}

static struct json *layers_json(struct world *w)
{
	struct json *v = json_object(), *list = json_array();
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (layer_family((enum layer_id)i) != FAMILY_ACCOUNT)
			continue;
		struct json *layer = json_object();
		json_set_string(layer, "layer", layer_name((enum layer_id)i));
		json_set_hex(layer, "contract", "0x", w->contract[i].b, sizeof w->contract[i].b);
		json_push(list, layer);
	}
	json_set(v, "layers", list);
	return v;
}

static void take_party(struct world *w, enum rescue_side side, const struct json *party,
	const char *key, const char *address)
{
	struct world_swap *s = &w->swap;
	switch (layer_family(w->layer[side])) {
	case FAMILY_UTXO: CHECK(json_get_hex(party, key, s->client_key[side].b, 32) == OK); break;
	case FAMILY_ACCOUNT:
		CHECK(json_get_hex(party, address, s->client_address[side].b, 20) == OK);
		break;
	case FAMILY_CHANNEL: CHECK(json_count(party) == 0); break;
	}
}

static void take_swap(struct world *w, const struct json *body)
{
	struct world_swap *s = &w->swap;
	const struct json *source = json_get(body, "source"), *dest = json_get(body, "destination");
	CHECK(json_get_hex(body, "preimage_hash", s->hash.b, 32) == OK);
	take_party(w, SIDE_SOURCE, source, "refund_key", "refund_address");
	take_party(w, SIDE_DEST, dest, "claim_key", "claim_address");
	if (w->layer[SIDE_DEST] == LAYER_LIGHTNING) {
		const char *request = json_get_string(body, "client_invoice");
		s->bill = simln_find(w->lightning, &s->hash);
		CHECK(s->bill != NULL && request != NULL && strcmp(s->bill->request, request) == 0);
		CHECK(s->bill->payee == SIMLN_BOB && s->bill->msat == UINT64_C(990000000));
	}
	make_terms(w, SIDE_SOURCE);
	s->known = true;
}

static void lie(const struct world *w, enum world_answer answer, struct json *v)
{
	char path[128];
	struct json *parent = v, *value;
	if (w->lie.path == NULL || w->lie.answer != answer)
		return;
	(void)snprintf(path, sizeof path, "%s", w->lie.path);
	char *key = path;
	for (char *dot = strchr(key, '.'); dot != NULL; dot = strchr(key, '.')) {
		*dot = '\0';
		parent = json_get(parent, key);
		CHECK(parent != NULL);
		key = dot + 1;
	}
	CHECK(json_parse(&value, slice_str(w->lie.value), NULL) == OK);
	json_set(parent, key, value);
}

static void answer(struct http_local_request *request, unsigned status, struct json *v)
{
	size_t len;
	char *text = json_dump(v, 0, &len);
	http_local_answer(request, OK, status, slice_of(text, len));
	json_text_free(text);
	json_free(v);
}

static void answer_post(struct world *w, struct http_local_request *request)
{
	const struct slice text = http_local_body(request);
	struct json *body;
	w->posts++;
	if (w->swap.known) { /* the same request again is the same swap */
		CHECK(slice_eq(text, slice_str(w->swap.body)));
	} else {
		CHECK(text.len < sizeof w->swap.body);
		memcpy(w->swap.body, text.ptr, text.len);
		CHECK(json_parse(&body, text, NULL) == OK);
		take_swap(w, body);
		json_free(body);
	}
	struct json *v = swap_json(w);
	lie(w, ANSWER_OFFER, v);
	answer(request, 201, v);
}

static void provide(struct world *w, struct http_local_request *request, const char *path)
{
	struct json *v;
	if (w->dead) {
		http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	} else if (w->refuses && strcmp(http_local_method(request), "POST") == 0) {
		v = json_object();
		json_set_string(v, "code", "latched");
		json_set_string(v, "title", "New payments are stopped");
		answer(request, 422, v);
	} else if (strcmp(path, "/v1/layers") == 0) {
		answer(request, 200, layers_json(w));
	} else if (strcmp(path, "/v1/quotes") == 0) {
		v = quote_json(w);
		lie(w, ANSWER_QUOTE, v);
		answer(request, 200, v);
	} else if (strcmp(path, "/v1/swaps") == 0) {
		answer_post(w, request);
	} else {
		CHECK(strcmp(path, "/v1/swaps/" SWAP_ID) == 0);
		v = swap_json(w);
		lie(w, ANSWER_SWAP, v);
		answer(request, 200, v);
	}
}

unsigned world_source_locks(struct world *w)
{
	uint8_t bytes[EVM_HTLC_CALL_MAX];
	struct buf call = buf_init(bytes, sizeof bytes);
	const struct slice terms = slice_of(
		w->swap.terms[SIDE_SOURCE], w->swap.terms_len[SIDE_SOURCE]);
	char text[2 * EVM_HTLC_CALL_MAX + 1], contract[41];
	struct btc_htlc h;
	struct btc_htlc_tree tree;
	struct evm_htlc e;

	if (w->layer[SIDE_SOURCE] == LAYER_LIGHTNING)
		return w->swap.bill->invoice == SIMLN_ACCEPTED;
	if (w->layer[SIDE_SOURCE] == LAYER_BITCOIN) {
		CHECK(btc_htlc_parse(&h, terms) == OK && btc_htlc_tree(&tree, &h) == OK);
		hex_encode(text, tree.script_pubkey, sizeof tree.script_pubkey);
		const struct json *v = world_rpc(
			w, LAYER_BITCOIN, "scantxoutset", "[\"start\", [\"raw(%s)\"]]", text);
		return (unsigned)json_count(json_get(v, "unspents"));
	}
	CHECK(evm_htlc_parse(&e, w->layer[SIDE_SOURCE], terms) == OK);
	evm_htlc_states_call(&call, &e);
	hex_encode(text, call.ptr, call.len);
	hex_encode(contract, e.contract.b, sizeof e.contract.b);
	const struct json *v = world_rpc(w, w->layer[SIDE_SOURCE], "eth_call",
		"[{\"to\": \"0x%s\", \"data\": \"0x%s\"}, \"latest\"]", contract, text);
	return strtoull((const char *)json_string(v).ptr, NULL, 16) == EVM_HTLC_STATE_OPEN;
}

static void lock_dest(struct world *w)
{
	const enum layer_id layer = w->layer[SIDE_DEST];
	const struct slice terms = slice_of(w->swap.terms[SIDE_DEST], w->swap.terms_len[SIDE_DEST]);
	char address[LAYER_ADDRESS_TEXT_SIZE], raw[2 * SPEND_RAW_MAX + 1];
	if (layer == LAYER_LIGHTNING) {
		simln_pay(w->lightning, w->swap.bill, 0, (uint32_t)w->dest_blocks);
		return;
	}
	if (layer == LAYER_BITCOIN) {
		CHECK(layer_leg_address(layer, regtest(layer), address, terms) == OK);
		(void)world_rpc(w, layer, "sim_fund", "[\"%s\", \"%s\"]", address,
			w->locks_less ? "0.00989999" : "0.0099");
		return;
	}
	struct spend_plan plan = {.purpose = SIGN_LOCK,
		.network = regtest(layer),
		.leg = terms,
		.key = w->wallet,
		.rate = regtest(layer)->fee_market ? BOB_RATE : 100000000,
		.amount = leg_amount(layer, SIDE_DEST)};
	struct evm_htlc h;
	struct buf less = buf_init((uint8_t[EVM_HTLC_SIZE]){0}, EVM_HTLC_SIZE);
	struct spend made;
	if (w->locks_less) {
		CHECK(evm_htlc_parse(&h, layer, terms) == OK);
		CHECK(amount_sub(&h.amount, h.amount, amount_of(h.amount.asset, 1)) == OK);
		evm_htlc_put(&less, &h);
		plan.leg = buf_slice(&less);
	}
	if (layer_gas_apart(layer)) {
		plan.purpose = SIGN_APPROVE;
		if (spend_make(&made, &plan) != OK)
			return; /* terms that nobody could lock */
		hex_encode(raw, made.raw, made.raw_len);
		(void)world_rpc(w, layer, "eth_sendRawTransaction", "[\"0x%s\"]", raw);
		plan.purpose = SIGN_LOCK;
		plan.nonce++;
	}
	if (spend_make(&made, &plan) != OK)
		return; /* likewise */
	hex_encode(raw, made.raw, made.raw_len);
	(void)world_rpc(w, layer, "eth_sendRawTransaction", "[\"0x%s\"]", raw);
}

static void tick(void *ctx)
{
	struct world *w = ctx;
	CHECK(loop_timer_set(w->loop, &w->timer, TICK_MS, tick, w) == OK);
	if (!w->swap.known || w->swap.dest_locked || w->never_locks || world_source_locks(w) == 0)
		return;
	w->swap.dest_locked = true;
	make_terms(w, SIDE_DEST);
	lock_dest(w);
}

/* ---- transport ---- */

static void on_node(void *ctx, const struct sim_node_answer *a)
{
	http_local_answer(ctx, a->err, a->status, a->body);
}

static void on_request(void *ctx, struct http_local_request *request)
{
	struct world *w = ctx;
	const char *url = http_local_url(request);
	static const char provider[] = "http://provider", lightning[] = "http://lightning",
			  scheme[] = "http://";
	enum layer_id layer;
	if (strncmp(url, lightning, sizeof lightning - 1) == 0) {
		simln_bob(w->lightning, request);
		return;
	}
	if (strncmp(url, provider, sizeof provider - 1) == 0) {
		provide(w, request, url + sizeof provider - 1);
		return;
	}
	CHECK(layer_parse(&layer, slice_str(url + sizeof scheme - 1)) == OK);
	sim_node_request(w->node[layer], NULL, http_local_body(request), on_node, request);
}

/* ---- the taker ---- */

static void on_report(void *ctx, const struct report *r)
{
	struct world *w = ctx;
	if (r->kind == REPORT_WARNING || (r->kind == REPORT_END && r->text != NULL))
		(void)snprintf(w->said, sizeof w->said, "%s", r->text);
	if (r->kind == REPORT_STATUS)
		w->reached[r->decision->step] = true;
	if (r->kind != REPORT_PAY || !w->pays || w->payments > 0)
		return;
	char address[128];
	CHECK(sscanf(r->text, "bitcoin:%127[^?]", address) == 1);
	w->payments++;
	(void)world_rpc(w, LAYER_BITCOIN, "sim_fund", "[\"%s\", \"%s\"]", address,
		w->pays_amount != NULL ? w->pays_amount : strstr(r->text, "amount=") + 7);
}

static bool on_save(void *ctx, uint64_t revision, bool after)
{
	struct world *w = ctx;
	(void)revision;
	if (!after)
		w->writes++;
	w->killed = w->killed || (w->writes == w->kill_at && after == w->kill_after);
	return w->killed;
}

static void seeded(void *ctx, void *out, size_t len)
{
	(void)ctx;
	rand_bytes(out, len);
}

static struct session_config session_of(struct world *w)
{
	return (struct session_config){.loop = w->loop,
		.http = w->http,
		.ops = file_sim_ops(w->disk),
		.config = &w->config,
		.path = WORLD_RESCUE,
		.wait_for_refund = true,
		.random = seeded,
		.report = on_report,
		.report_ctx = w,
		.on_save = on_save,
		.on_save_ctx = w};
}

enum client_exit world_swap(struct world *w)
{
	static const char *const to[LAYER_COUNT] = {[LAYER_BITCOIN] = WORLD_TO_BITCOIN,
		[LAYER_ROOTSTOCK] = WORLD_TO_ROOTSTOCK,
		[LAYER_BOB] = WORLD_TO_BOB,
		[LAYER_ROOTSTOCK_ERC20] = WORLD_TO_ROOTSTOCK};
	const struct session_config config = session_of(w);
	const struct begin_request request = {.from = w->layer[SIDE_SOURCE],
		.to = w->layer[SIDE_DEST],
		.amount = leg_amount(w->layer[SIDE_SOURCE], SIDE_SOURCE),
		.to_address = to[w->layer[SIDE_DEST]],
		.settings = &w->settings};
	rescue_fini(&w->rescue);
	const enum client_exit exit = swap_begin(&w->rescue, &config, &request);
	return exit == CLIENT_OK ? session_run(&config, &w->rescue) : exit;
}

enum client_exit world_resume(struct world *w, bool want_refund)
{
	struct session_config config = session_of(w);
	struct rescue_error error;
	config.want_refund = want_refund;
	rescue_fini(&w->rescue);
	if (rescue_load(&w->rescue, &error, config.ops, WORLD_RESCUE) != OK)
		return CLIENT_USAGE;
	return session_run(&config, &w->rescue);
}

/* ---- create, destroy ---- */

static void set(struct world *w, const char *name, const char *value)
{
	struct settings_error error;
	CHECK(settings_offer(&w->settings, &error, name, value) == OK);
}

static void set_token(struct world *w, enum layer_id layer)
{
	char name[64], token[43] = "0x";
	(void)snprintf(name, sizeof name, "%s.token", layer_name(layer));
	hex_encode(token + 2, w->token[layer].b, sizeof w->token[layer].b);
	set(w, name, token);
}

static void on_bitcoin(void *ctx)
{
	struct world *w = ctx;
	if (w->lightning != NULL)
		simln_set_height(w->lightning, (uint32_t)height(w, LAYER_BITCOIN));
}

static void make_nodes(struct world *w)
{
	const uint64_t now = loop_wall_ms(w->loop);
	const struct sim_bitcoin_config bitcoin = {.seed = 1, .now_ms = now};
	const struct sim_evm_config evm = {.seed = 2, .now_ms = now, .tokens = true},
				    rollup = {.seed = 3, .now_ms = now, .rollup = true};
	struct sim_network *network[LAYER_COUNT] = {[LAYER_BITCOIN] = sim_bitcoin_create(&bitcoin),
		[LAYER_ROOTSTOCK] = sim_evm_create(&evm),
		[LAYER_BOB] = sim_evm_create(&rollup)};
	static const uint64_t block_ms[LAYER_COUNT] = {[LAYER_BITCOIN] = BITCOIN_BLOCK_MS,
		[LAYER_ROOTSTOCK] = ROOTSTOCK_BLOCK_MS,
		[LAYER_BOB] = BOB_BLOCK_MS};
	sim_evm_contract(&w->contract[LAYER_ROOTSTOCK], network[LAYER_ROOTSTOCK]);
	sim_evm_contract(&w->contract[LAYER_BOB], network[LAYER_BOB]);
	sim_evm_token(&w->token[LAYER_BOB], network[LAYER_BOB]);
	sim_evm_token(&w->token[LAYER_ROOTSTOCK_ERC20], network[LAYER_ROOTSTOCK]);
	sim_evm_token_contract(&w->contract[LAYER_ROOTSTOCK_ERC20], network[LAYER_ROOTSTOCK]);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (network[i] == NULL)
			continue;
		const struct sim_node_config config = {.seed = i,
			.block_ms = block_ms[i],
			.changed = i == LAYER_BITCOIN ? on_bitcoin : NULL,
			.changed_ctx = w};
		CHECK(sim_node_create(&w->node[i], w->loop, network[i], &config) == OK);
		w->peer[i].network = network[i];
	}
	const struct simln_config lightning = {.loop = w->loop,
		.wall_s = now / 1000,
		.height = (uint32_t)height(w, LAYER_BITCOIN),
		.local_msat = {CHANNEL_MSAT, CHANNEL_MSAT}};
	CHECK(simln_create(&w->lightning, &lightning) == OK);
}

struct world *world_create(enum layer_id from, enum layer_id to)
{
	struct world *w = calloc(1, sizeof *w);
	const struct loop_config loop = {.virtual_time = true, .start_wall_ms = 1800000000000};
	struct settings_error error;
	char account[43] = "0x", key[65];

	CHECK(w != NULL && loop_create(&w->loop, &loop) == OK);
	CHECK(http_client_create_local(&w->http, w->loop, on_request, w) == OK);
	w->disk = file_sim_create();
	w->layer[SIDE_SOURCE] = from;
	w->layer[SIDE_DEST] = to;
	w->source_blocks = layer_family(from) == FAMILY_ACCOUNT ? 240 : 120;
	w->dest_blocks = 60;
	w->pays = true;
	memset(w->gas_key.b, 0x11, sizeof w->gas_key.b);
	memset(w->wallet.b, 0x22, sizeof w->wallet.b);
	make_nodes(w);
	(void)snprintf(w->macaroon, sizeof w->macaroon, "/tmp/sluice-world-XXXXXX");
	const int file = mkstemp(w->macaroon);
	CHECK(file >= 0 && write(file, SIMLN_MACAROON, 2) == 2 && close(file) == 0);
	set(w, "provider", "http://provider");
	set(w, "bitcoin.network", "regtest");
	set(w, "rootstock.network", "regtest");
	set(w, "bitcoin.rpc_url", "http://bitcoin");
	set(w, "rootstock.rpc_url", "http://rootstock");
	set(w, "bob.rpc_url", "http://bob");
	set_token(w, LAYER_BOB);
	set(w, "rootstock_erc20.network", "regtest");
	set(w, "rootstock_erc20.rpc_url", "http://rootstock");
	set_token(w, LAYER_ROOTSTOCK_ERC20);
	set(w, "lightning.network", "regtest");
	set(w, "lightning.rpc_url", "http://lightning");
	set(w, "lightning.credential_file", w->macaroon);
	set(w, "gas_key", "gas");
	set(w, "refund_address", WORLD_REFUND);
	CHECK(settings_read(&w->config, &error, &w->settings) == OK);
	hex_encode(key, w->gas_key.b, sizeof w->gas_key.b);
	file_sim_put(w->disk, "gas", slice_str(key));
	const struct seckey *const rich[] = {&w->gas_key, &w->wallet};
	static const enum layer_id tokens[] = {LAYER_BOB, LAYER_ROOTSTOCK_ERC20};
	for (size_t i = 0; i < ARRAY_LEN(rich); i++) {
		CHECK(spend_account(&w->gas_account, rich[1 - i]) == OK);
		hex_encode(account + 2, w->gas_account.b, sizeof w->gas_account.b);
		(void)world_rpc(w, LAYER_ROOTSTOCK, "anvil_setBalance", "[\"%s\", \"%s\"]", account,
			GAS_WEI);
		(void)world_rpc(
			w, LAYER_BOB, "anvil_setBalance", "[\"%s\", \"%s\"]", account, GAS_WEI);
		for (size_t k = 0; k < ARRAY_LEN(tokens); k++)
			(void)world_rpc(w, tokens[k], "sim_fund_token", "[\"%s\", \"%s\"]", account,
				TOKENS);
	}
	for (size_t k = 0; k < ARRAY_LEN(tokens); k++) /* they come by transactions */
		(void)world_rpc(w, tokens[k], "sim_mine", "[1]");
	CHECK(loop_timer_set(w->loop, &w->timer, TICK_MS, tick, w) == OK);
	return w;
}

void world_destroy(struct world *w)
{
	rescue_fini(&w->rescue);
	simln_destroy(w->lightning);
	http_client_destroy(w->http);
	CHECK(unlink(w->macaroon) == 0);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (w->node[i] == NULL)
			continue;
		json_free(w->peer[i].answer);
		sim_node_destroy(w->node[i]);
	}
	loop_timer_cancel(w->loop, &w->timer);
	file_sim_destroy(w->disk);
	loop_destroy(w->loop);
	free(w);
}
