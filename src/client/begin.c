#include "client/begin.h"

#include "base/hex.h"
#include "client/fees.h"
#include "client/spend.h"
#include "crypto/hash.h"

#include <stdarg.h>
#include <stdio.h>

#define INVOICE_LIFE_MS UINT64_C(86400000) /* our lock-up has to be deep by then */
/* A Lightning node that has just heard of a block counts as syncing for a moment: asked again. */
#define SYNC_AGAIN_MS 250
#define SYNC_ASKS_MAX 20

/* How far before today's tip our own node is read from: deeper than reorganisations go. */
static const uint64_t read_back[LAYER_COUNT] = {[LAYER_BITCOIN] = 12,
	[LAYER_ROOTSTOCK] = 60,
	[LAYER_LIQUID] = 12,
	[LAYER_BOB] = 900,
	[LAYER_ROOTSTOCK_ERC20] = 60};

struct fresh {
	const struct session_config *c;
	const struct begin_request *q;
	enum layer_id layer[SIDE_COUNT];
	struct seckey gas_key;
	struct evm_address gas_account;
	struct node node[SIDE_COUNT];
	struct provider provider;
	struct quote quote;
	struct rescue *r;
};

PRINTF_LIKE(3, 4)
static void say(const struct fresh *f, enum report_kind kind, const char *fmt, ...)
{
	char text[300];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	f->c->report(f->c->report_ctx, &(struct report){.kind = kind, .text = text});
}

static bool is_account(const struct fresh *f, unsigned side)
{
	return layer_family(f->layer[side]) == FAMILY_ACCOUNT;
}

static const struct network *network_of(const struct fresh *f, enum rescue_side side)
{
	return f->c->config->layer[f->layer[side]].params.network;
}

static enum client_exit read_gas_key(struct fresh *f)
{
	const char *path = f->c->config->gas_key_file;
	const unsigned at = is_account(f, SIDE_SOURCE) ? SIDE_SOURCE : SIDE_DEST;
	if (!is_account(f, at))
		return CLIENT_OK;
	if (path[0] == '\0') {
		say(f, REPORT_WARNING,
			"a swap with %s needs gas there: --gas-key FILE (sluice keygen FILE makes "
			"one)",
			layer_name(f->layer[at]));
		return CLIENT_REFUSED;
	}
	enum err err = session_read_key(&f->gas_key, f->c->ops, path);
	if (err == OK)
		err = spend_account(&f->gas_account, &f->gas_key);
	if (err != OK) {
		say(f, REPORT_WARNING, "--gas-key %s: %s", path,
			err == ERR_FORMAT ? "must be a key of 64 hexadecimal digits"
					  : file_why(err));
		return CLIENT_REFUSED;
	}
	f->r->gas_account = f->gas_account;
	f->r->has_gas_account = true;
	return CLIENT_OK;
}

/* ---- contract, nodes, funds ---- */

static enum client_exit read_address(
	struct fresh *f, struct evm_address *out, unsigned side, const char *what, const char *said)
{
	const struct network *network = network_of(f, (enum rescue_side)side);
	if (said != NULL && evm_address_parse(out, network->chain_id, slice_str(said)) == OK)
		return CLIENT_OK;
	say(f, REPORT_WARNING, "the %s %.60s is no address on %s %s", what,
		said == NULL ? "" : said, layer_name(network->layer), network->name);
	return CLIENT_MISMATCH;
}

/* Which token counts as bitcoin is for us to say: anybody can make one of any name. */
static enum client_exit find_token(struct fresh *f, unsigned side)
{
	const char *name = layer_name(f->layer[side]);
	const char *said = f->c->config->layer[f->layer[side]].token;
	if (!layer_gas_apart(f->layer[side]))
		return CLIENT_OK;
	if (said[0] != '\0')
		return read_address(f, &f->r->leg[side].token, side, "token", said);
	struct setting row;
	char key[SETTING_NAME_MAX];
	(void)snprintf(key, sizeof key, "%s.token", name);
	CHECK(setting_at(&row, setting_find(key)));
	say(f, REPORT_WARNING, "which token do you take for bitcoin on %s? %s %s", name, row.flag,
		row.argument);
	return CLIENT_REFUSED;
}

/* The contract's address: ours to say, else the provider's; its code is checked on our node. */
static enum client_exit find_contract(struct fresh *f, unsigned side)
{
	const struct network *network = network_of(f, (enum rescue_side)side);
	const char *said = f->c->config->layer[network->layer].contract;
	struct provider_answer answer = {.err = OK};
	enum client_exit exit = CLIENT_OK;

	if (said[0] == '\0') {
		provider_call(&answer, &f->provider, "/v1/layers", NULL, NULL);
		const struct json *layers = json_get(answer.body, "layers");
		for (size_t i = 0; i < json_count(layers); i++) {
			const struct json *layer = json_at(layers, i);
			const char *name = json_get_string(layer, "layer");
			if (name != NULL && strcmp(name, layer_name(network->layer)) == 0)
				said = json_get_string(layer, "contract");
		}
		if (answer.err != OK) {
			say(f, REPORT_WARNING, "%s", answer.text);
			exit = CLIENT_UNREACHABLE;
		} else if (said == NULL || said[0] == '\0') {
			say(f, REPORT_WARNING, "%s serves no swaps on %s", f->provider.url,
				layer_name(network->layer));
			exit = CLIENT_MISMATCH;
		}
	}
	if (exit == CLIENT_OK)
		exit = read_address(f, &f->r->leg[side].contract, side, "contract", said);
	provider_answer_fini(&answer);
	return exit;
}

static enum client_exit find_contracts(struct fresh *f)
{
	enum client_exit exit = CLIENT_OK;
	for (unsigned i = 0; i < SIDE_COUNT && exit == CLIENT_OK; i++) {
		if (!is_account(f, i))
			continue;
		exit = find_token(f, i);
		if (exit == CLIENT_OK)
			exit = find_contract(f, i);
	}
	return exit;
}

static enum err ask_nodes(struct fresh *f)
{
	for (unsigned asked = 1;; asked++) {
		struct wait wait = {0};
		bool syncing = false;
		for (unsigned i = 0; i < SIDE_COUNT; i++)
			node_ask_begin(&f->node[i], &wait);
		enum err err = wait_for(f->c->loop, &wait, NULL);
		for (unsigned i = 0; i < SIDE_COUNT; i++)
			syncing |= f->node[i].checked && f->node[i].info.err == ERR_STATE;
		if (err != OK || !syncing || asked == SYNC_ASKS_MAX)
			return err;
		err = wait_ms(f->c->loop, SYNC_AGAIN_MS, f->c->stop);
		if (err != OK)
			return err;
	}
}

static enum client_exit check_nodes(struct fresh *f)
{
	struct node_error error;

	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const struct node_options options = {.loop = f->c->loop,
			.http = f->c->http,
			.ops = f->c->ops,
			.config = f->c->config,
			.contract = f->r->leg[i].contract,
			.token = f->r->leg[i].token,
			.wallet = i == SIDE_SOURCE ? f->c->config->wallet : ""};
		if (node_open(&f->node[i], &error, f->layer[i], &options) != OK) {
			say(f, REPORT_WARNING, "%s", error.text);
			return CLIENT_USAGE;
		}
	}
	if (ask_nodes(f) != OK)
		return CLIENT_FAILED;
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const enum err err = node_usable(&f->node[i], &error);
		if (err == OK)
			continue;
		say(f, REPORT_WARNING, "%s", error.text);
		return err == ERR_NETWORK ? CLIENT_MISMATCH : CLIENT_UNREACHABLE;
	}
	return CLIENT_OK;
}

/* Enough gas, and for a lock-up the amount. */
static enum client_exit check_funds(struct fresh *f, unsigned side)
{
	struct node *n = &f->node[side];
	const struct layer_params *params = &f->c->config->layer[n->id].params;
	struct node_error error;
	struct node_account account;
	struct amount gas, value;
	char account_text[EVM_ADDRESS_TEXT_SIZE], need[AMOUNT_TEXT_SIZE], have[AMOUNT_TEXT_SIZE];
	const uint64_t rate = fees_rate_now(params, n->rate);

	if (node_account(&account, &error, n, f->c->loop, &f->gas_account) != OK) {
		say(f, REPORT_WARNING, "%s", error.text);
		return CLIENT_UNREACHABLE;
	}
	if (fees_funds_needed(&gas, &value, f->r, (enum rescue_side)side, rate, n->data_fee) != OK)
		return CLIENT_FAILED;
	const char *missing = fees_funds_missing(&account, gas, value);
	if (missing == NULL)
		return CLIENT_OK;
	const bool tokens = amount_cmp(account.gas, gas) >= 0;
	evm_address_format(account_text, &f->gas_account, params->network->chain_id);
	amount_format(need, tokens ? value : gas);
	amount_format(have, tokens ? account.value : account.gas);
	say(f, REPORT_WARNING, "the gas account %s has %s %s, it needs %s", account_text, have,
		asset_name(tokens ? value.asset : gas.asset), need);
	return CLIENT_REFUSED;
}

/* The payee takes payments: a contract may not. A token asks nobody whom it is sent to. */
static enum client_exit check_payee(struct fresh *f)
{
	struct node *n = &f->node[SIDE_DEST];
	struct node_error error;
	struct evm_address to;
	uint64_t gas;

	if (evm_address_parse(
		    &to, network_of(f, SIDE_DEST)->chain_id, slice_str(f->q->to_address)) != OK)
		return CLIENT_FAILED;
	if (layer_gas_apart(n->id))
		return CLIENT_OK;
	const enum err err = node_estimate_gas(&gas, &error, n, f->c->loop, &f->gas_account, &to,
		amount_of(layer_gas_asset(n->id), 1), slice_of(NULL, 0));
	if (err == ERR_REJECTED) {
		say(f, REPORT_WARNING, "--to-address %s takes no payments: %s", f->q->to_address,
			error.text);
		return CLIENT_REFUSED;
	}
	return CLIENT_OK;
}

static enum client_exit check_accounts(struct fresh *f)
{
	enum client_exit exit = CLIENT_OK;
	for (unsigned i = 0; i < SIDE_COUNT && exit == CLIENT_OK; i++)
		if (is_account(f, i))
			exit = check_funds(f, i);
	return exit == CLIENT_OK && is_account(f, SIDE_DEST) ? check_payee(f) : exit;
}

/* ---- the quote ---- */

static enum client_exit get_quote(struct fresh *f)
{
	struct provider_answer answer;
	struct verdict verdict;
	char body[256], amount[AMOUNT_TEXT_SIZE], dest[AMOUNT_TEXT_SIZE], fee[AMOUNT_TEXT_SIZE];

	amount_format(amount, f->q->amount);
	(void)snprintf(body, sizeof body,
		"{\"from\":\"%s\",\"to\":\"%s\",\"source_amount\":\"%s\"}",
		layer_name(f->layer[SIDE_SOURCE]), layer_name(f->layer[SIDE_DEST]), amount);
	provider_call(&answer, &f->provider, "/v1/quotes", body, NULL);
	enum client_exit exit = answer.err == OK ? CLIENT_OK
		: answer.err == ERR_REJECTED     ? CLIENT_REFUSED
		: answer.err == ERR_FORMAT       ? CLIENT_MISMATCH
						 : CLIENT_UNREACHABLE;
	if (exit != CLIENT_OK) {
		say(f, REPORT_WARNING, "%s", answer.text);
	} else if (verify_quote(&f->quote, &verdict, answer.body, f->c->config,
			   f->layer[SIDE_SOURCE], f->layer[SIDE_DEST], f->q->amount,
			   loop_wall_ms(f->c->loop)) != OK) {
		exit = verdict.err == ERR_REJECTED ? CLIENT_REFUSED : CLIENT_MISMATCH;
		say(f, REPORT_WARNING, "%s", verdict.text);
	}
	provider_answer_fini(&answer);
	if (exit != CLIENT_OK)
		return exit;
	amount_format(dest, f->quote.dest_amount);
	amount_format(fee, f->quote.fee);
	say(f, REPORT_NOTE, "quote: %s %s for %s %s, fees %s", dest,
		asset_name(f->quote.dest_amount.asset), amount, asset_name(f->q->amount.asset),
		fee);
	return CLIENT_OK;
}

/* A URI asks for an amount: another one would pay nobody's bill. */
static enum client_exit check_wanted(struct fresh *f)
{
	char dest[AMOUNT_TEXT_SIZE], wants[AMOUNT_TEXT_SIZE];
	if (amount_is_zero(f->q->to_wants) || amount_cmp(f->q->to_wants, f->quote.dest_amount) == 0)
		return CLIENT_OK;
	amount_format(dest, f->quote.dest_amount);
	amount_format(wants, f->q->to_wants);
	say(f, REPORT_WARNING, "--to-address asks for %s %s, and the swap would pay %s", wants,
		asset_name(f->quote.dest_amount.asset), dest);
	return CLIENT_REFUSED;
}

/* ---- the rescue file ---- */

static void put_party(struct json *object, const char *verb, const struct fresh *f,
	enum rescue_side side, const struct evm_address *address)
{
	struct json *party = json_object();
	char name[32];
	struct xonly key;
	switch (layer_family(f->layer[side])) {
	case FAMILY_UTXO:
		(void)snprintf(name, sizeof name, "%s_key", verb);
		CHECK(rescue_swap_xonly(&key, f->r, side) == OK);
		json_set_hex(party, name, "", key.b, sizeof key.b);
		break;
	case FAMILY_ACCOUNT:
		(void)snprintf(name, sizeof name, "%s_address", verb);
		json_set_hex(party, name, "0x", address->b, sizeof address->b);
		break;
	case FAMILY_CHANNEL: /* who pays is nobody's business; who is paid, the invoice says */
		if (side == SIDE_DEST)
			json_set_string(object, "client_invoice", f->r->to_address);
		break;
	}
	json_set(object, side == SIDE_SOURCE ? "source" : "destination", party);
}

/* The body of POST /v1/swaps: sent again to the byte after a crash. */
static enum err make_request(struct fresh *f)
{
	struct json *v = json_object();
	struct evm_address to = {{0}};
	size_t len;

	if (is_account(f, SIDE_DEST))
		CHECK(evm_address_parse(&to, network_of(f, SIDE_DEST)->chain_id,
			      slice_str(f->q->to_address)) == OK);
	json_set_string(v, "quote", f->quote.token);
	json_set_hex(v, "preimage_hash", "", f->r->hash.b, sizeof f->r->hash.b);
	put_party(v, "refund", f, SIDE_SOURCE, &f->gas_account);
	put_party(v, "claim", f, SIDE_DEST, &to);
	char *text = json_dump(v, 0, &len);
	json_free(v);
	const bool fits = text != NULL && len < sizeof f->r->request;
	if (fits)
		memcpy(f->r->request, text, len + 1);
	json_text_free(text);
	return fits ? OK : ERR_FULL;
}

static void make_keys(const struct fresh *f, struct rescue *r)
{
	uint8_t random[16];
	do
		f->c->random(f->c->random_ctx, r->wallet.b, sizeof r->wallet.b);
	while (!seckey_valid(&r->wallet));
	f->c->random(f->c->random_ctx, r->preimage.b, sizeof r->preimage.b);
	sha256(&r->hash, slice_of(r->preimage.b, sizeof r->preimage.b));
	f->c->random(f->c->random_ctx, r->name.b, sizeof r->name.b);
	f->c->random(f->c->random_ctx, random, sizeof random);
	hex_encode(r->idempotency_key, random, sizeof random);
}

/* What we are paid with: our own node's invoice for our hash, whose payment it holds. */
static enum client_exit make_invoice(struct fresh *f)
{
	struct rescue *r = f->r;
	struct rescue_leg *leg = &r->leg[SIDE_DEST];
	struct node *n = &f->node[SIDE_DEST];
	struct buf terms = buf_init(leg->terms, sizeof leg->terms);
	struct node_error error;
	const struct leg_offer offer = {.network = leg->network,
		.hash = r->hash,
		.amount = leg->amount,
		.timelock = n->info.tip.height + f->c->config->layer[n->id].hold_blocks,
		.expires_ms = loop_wall_ms(f->c->loop) + INVOICE_LIFE_MS};

	if (layer_family(n->id) != FAMILY_CHANNEL)
		return CLIENT_OK;
	if (node_offer(&terms, &error, n, f->c->loop, &offer) != OK) {
		say(f, REPORT_WARNING, "%s", error.text);
		return CLIENT_REFUSED;
	}
	leg->terms_len = terms.len;
	leg->timelock = offer.timelock;
	return layer_leg_address(n->id, leg->network, r->to_address, buf_slice(&terms)) == OK
		? CLIENT_OK
		: CLIENT_FAILED;
}

static enum client_exit make_rescue(struct fresh *f)
{
	struct rescue *r = f->r;
	struct node_error error;

	make_keys(f, r);
	r->created_ms = loop_wall_ms(f->c->loop);
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const uint64_t tip = f->node[i].info.tip.height, back = read_back[f->layer[i]];
		r->leg[i].from_height = tip > back ? tip - back : 0;
	}
	r->leg[SIDE_DEST].amount = f->quote.dest_amount;
	r->fee = f->quote.fee;
	r->quote_expires_ms = f->quote.expires_ms;
	r->settings = *f->q->settings;
	if (f->q->to_address != NULL)
		(void)snprintf(r->to_address, sizeof r->to_address, "%s", f->q->to_address);
	const enum client_exit exit = make_invoice(f);
	if (exit != CLIENT_OK)
		return exit;
	(void)snprintf(r->refund_address, sizeof r->refund_address, "%.99s",
		layer_family(f->layer[SIDE_SOURCE]) == FAMILY_UTXO ? f->c->config->refund_address
								   : "");
	if (r->refund_address[0] == '\0' && f->node[SIDE_SOURCE].wallet != NULL &&
		session_wallet_address(
			r->refund_address, &error, &f->node[SIDE_SOURCE], f->c->loop) != OK) {
		say(f, REPORT_WARNING, "%s", error.text);
		return CLIENT_REFUSED;
	}
	if (make_request(f) != OK)
		return CLIENT_FAILED;
	return CLIENT_OK;
}

static enum client_exit confirm(struct fresh *f)
{
	if (f->q->confirm == NULL || f->q->confirm(f->q->confirm_ctx, &f->quote))
		return CLIENT_OK;
	say(f, REPORT_WARNING, "called off");
	return CLIENT_REFUSED;
}

enum client_exit swap_begin(
	struct rescue *r, const struct session_config *config, const struct begin_request *request)
{
	static enum client_exit (*const steps[])(struct fresh * f) = {read_gas_key, find_contracts,
		check_nodes, check_accounts, get_quote, check_wanted, confirm, make_rescue};
	struct fresh f = {.c = config,
		.q = request,
		.layer = {request->from, request->to},
		.provider = {.loop = config->loop,
			.http = config->http,
			.url = config->config->provider,
			.stop = config->stop},
		.r = r};
	enum client_exit exit = CLIENT_OK;

	for (unsigned i = 0; i < SIDE_COUNT; i++)
		r->leg[i] = (struct rescue_leg){.network = network_of(&f, (enum rescue_side)i),
			.amount = amount_zero(layer_asset(f.layer[i]))};
	r->leg[SIDE_SOURCE].amount = request->amount;
	for (size_t i = 0; i < ARRAY_LEN(steps) && exit == CLIENT_OK; i++) {
		exit = steps[i](&f);
		if (exit == CLIENT_OK && config->stop != NULL && *config->stop)
			exit = CLIENT_REFUSED;
	}
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		node_close(&f.node[i]);
	bytes_wipe(&f, sizeof f);
	return exit;
}
