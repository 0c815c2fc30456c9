#include "client/session.h"

#include "base/hex.h"
#include "client/spend.h"
#include "sys/kill.h"
#include "wire/elements_address.h"

#include <stdarg.h>
#include <stdio.h>

#define LAG_BLOCKS_MAX 3u /* how far the view may be behind the node and still count */
#define CATCH_UP_MS 10000u
#define CATCH_UP_STEP_MS 10u
#define PROVIDER_EVERY_MS 1000u
#define POST_TRIES_MAX 5u
#define POST_AGAIN_MS 2000u
#define REPORT_TEXT_MAX (LAYER_ADDRESS_TEXT_SIZE + 64u)

/* ---- saying, saving ---- */

static void report(struct session *s, const struct report *r)
{
	struct report told = *r;
	told.rescue = s->r;
	s->c->report(s->c->report_ctx, &told);
}

void session_say(struct session *s, enum report_kind kind, const char *fmt, ...)
{
	char text[REPORT_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	/* the same trouble again and again is told once */
	if (kind == REPORT_WARNING) {
		text[sizeof s->warned - 1] = '\0';
		if (strcmp(text, s->warned) == 0)
			return;
		memcpy(s->warned, text, sizeof s->warned);
	}
	report(s, &(struct report){.kind = kind, .text = text});
}

static bool dies(struct session *s, bool after)
{
	if (s->c->on_save != NULL && s->c->on_save(s->c->on_save_ctx, s->r->revision, after))
		s->dead = true;
	return s->dead;
}

enum err session_save(struct session *s)
{
	kill_point_reached(s->r->revision + 1, KILL_BEFORE_WRITE);
	if (dies(s, false))
		return ERR_CANCELLED;
	const enum err err = rescue_save(s->r, s->c->ops, s->c->path);
	if (err != OK) {
		session_say(s, REPORT_WARNING, "the rescue file can't be written: %s: %s",
			s->c->path, file_why(err));
		s->dead = true; /* what we know and what the file says may differ: go no further */
		return err;
	}
	kill_point_reached(s->r->revision, KILL_SYNCED);
	return dies(s, true) ? ERR_CANCELLED : OK;
}

/* ---- opening ---- */

enum err session_read_key(struct seckey *out, const struct file_ops *ops, const char *path)
{
	uint8_t text[80];
	size_t len;
	enum err err = file_read_all(ops, path, text, &len, sizeof text);
	if (err != OK)
		return err;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	const size_t prefix = len > 2 && text[0] == '0' && text[1] == 'x' ? 2 : 0;
	struct seckey key;
	err = hex_decode(key.b, sizeof key.b, slice_of(text + prefix, len - prefix));
	bytes_wipe(text, sizeof text);
	if (err == OK && seckey_valid(&key))
		*out = key;
	else
		err = ERR_FORMAT;
	bytes_wipe(&key, sizeof key);
	return err;
}

static bool needs_account(const struct session *s)
{
	return s->r->has_gas_account;
}

static enum err open_key(struct session *s)
{
	const char *path = s->c->config->gas_key_file;
	if (!needs_account(s))
		return OK;
	enum err err = path[0] == '\0' ? ERR_NOT_FOUND
				       : session_read_key(&s->gas_key, s->c->ops, path);
	struct evm_address account;
	if (err == OK)
		err = spend_account(&account, &s->gas_key);
	if (err != OK) {
		session_say(s, REPORT_WARNING,
			"--gas-key %s: %s: the key of the account that pays gas", path,
			err == ERR_FORMAT ? "must be a key of 64 hexadecimal digits"
					  : file_why(err));
		return err;
	}
	s->has_gas_key = true;
	const bool locks = layer_family(rescue_layer(s->r, SIDE_SOURCE)) == FAMILY_ACCOUNT;
	if (evm_address_eq(&account, &s->r->gas_account))
		return OK;
	if (locks && s->r->phase != RESCUE_ABANDONED && s->r->phase != RESCUE_REVEALED) {
		session_say(s, REPORT_WARNING,
			"--gas-key %s is not the key of the account that locks in this swap", path);
		return ERR_DENIED;
	}
	s->r->gas_account = account; /* anybody's gas will do for a claim or a refund */
	return OK;
}

static enum err open_nodes(struct session *s)
{
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		struct node_error error;
		const enum layer_id layer = rescue_layer(s->r, (enum rescue_side)i);
		const struct node_options options = {.loop = s->c->loop,
			.http = s->c->http,
			.ops = s->c->ops,
			.config = s->c->config,
			.contract = s->r->leg[i].contract,
			.token = s->r->leg[i].token,
			.wallet = i == SIDE_SOURCE ? s->c->config->wallet : ""};
		const enum err err = node_open(&s->node[i], &error, layer, &options);
		if (err != OK) {
			session_say(s, REPORT_WARNING, "%s", error.text);
			return err;
		}
	}
	return OK;
}

/* The settings of this run are for the networks of the swap, and its terms are what they were. */
static enum err check_rescue(struct session *s)
{
	struct verdict verdict;
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const struct network *is = s->r->leg[i].network;
		const struct network *set = s->c->config->layer[is->layer].params.network;
		if (is == set)
			continue;
		session_say(s, REPORT_WARNING, "the swap is on %s %s, the settings say %s",
			layer_name(is->layer), is->name, set->name);
		return ERR_NETWORK;
	}
	if (verify_rescue(&verdict, s->r) == OK)
		return OK;
	session_say(s, REPORT_WARNING, "%s: %s", s->c->path, verdict.text);
	return verdict.err;
}

static enum err lock_file(struct session *s)
{
	char path[FILE_PATH_SIZE];
	struct buf b = buf_init(path, sizeof path);
	buf_printf(&b, "%s.lock", s->c->path);
	const char *name = buf_cstr(&b);
	enum err err = s->c->ops->open(
		s->c->ops->ctx, &s->lock_file, name, FILE_WRITE | FILE_CREATE);
	if (err == OK) {
		err = s->c->ops->lock(s->c->ops->ctx, s->lock_file);
		if (err != OK) {
			s->c->ops->close(s->c->ops->ctx, s->lock_file);
			s->lock_file = FILE_NONE;
		}
	} else {
		s->lock_file = FILE_NONE;
	}
	if (err != OK)
		session_say(s, REPORT_WARNING, "%s: %s", name,
			err == ERR_EXISTS ? "another sluice is at work on this rescue file"
					  : file_why(err));
	return err;
}

static enum client_exit open_session(struct session *s)
{
	if (lock_file(s) != OK)
		return CLIENT_USAGE;
	if (check_rescue(s) != OK)
		return CLIENT_USAGE;
	if (open_key(s) != OK)
		return CLIENT_USAGE;
	if (s->r->revision == 0) {
		if (session_save(s) != OK)
			return CLIENT_FAILED;
		session_say(s, REPORT_NOTE, "rescue file: %s", s->c->path);
	}
	if (open_nodes(s) != OK)
		return CLIENT_USAGE;
	s->provider = (struct provider){.loop = s->c->loop,
		.http = s->c->http,
		.url = s->c->config->provider,
		.stop = s->c->stop};
	return CLIENT_OK;
}

static void close_session(struct session *s)
{
	provider_forget(s->asking);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		node_close(&s->node[i]);
	json_free(s->said);
	bytes_wipe(&s->gas_key, sizeof s->gas_key);
	if (s->lock_file != FILE_NONE)
		s->c->ops->close(s->c->ops->ctx, s->lock_file);
}

/* ---- looking ---- */

/* The first blocks are read at once, rather than in the rhythm of the polls. */
static void catch_up(struct session *s, const struct node *n)
{
	const uint64_t end = loop_now_ms(s->c->loop) + CATCH_UP_MS;
	while (n->view.tip.height < n->info.tip.height && loop_now_ms(s->c->loop) < end)
		if (wait_ms(s->c->loop, CATCH_UP_STEP_MS, s->c->stop) != OK)
			return;
}

static void follow(struct session *s)
{
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const struct rescue_leg *leg = &s->r->leg[i];
		struct node_error error;
		if (s->node[i].following || leg->terms_len == 0 ||
			node_usable(&s->node[i], &error) != OK)
			continue;
		if (node_follow(&s->node[i], &error, s->c->loop, &s->r->name,
			    rescue_terms(s->r, (enum rescue_side)i), &s->r->hash,
			    leg->from_height) != OK)
			session_say(s, REPORT_WARNING, "%s", error.text);
		else
			catch_up(s, &s->node[i]);
	}
}

static void look_at_side(struct session *s, unsigned i)
{
	struct side_facts *f = &s->facts.side[i];
	const struct node *n = &s->node[i];
	struct node_error error;

	f->view = &n->view;
	f->rate = n->rate;
	f->data_fee = n->data_fee;
	f->below = n->below;
	f->fresh = node_usable(n, &error) == OK;
	if (!f->fresh) {
		session_say(s, REPORT_WARNING, "%s", error.text);
		return;
	}
	f->head = n->info.tip.height;
	f->tip = n->following ? n->view.tip.height : f->head;
	if (!n->following)
		f->fresh = s->r->leg[i].terms_len == 0;
	else
		f->fresh = f->tip + LAG_BLOCKS_MAX >= f->head;
	if (n->following && !f->fresh) {
		struct layer_info info;
		layer_info(n->layer, &info);
		session_say(s, REPORT_WARNING,
			"our %s node is at block %llu, we have followed it to %llu only: %.120s",
			layer_name(n->id), (unsigned long long)f->head, (unsigned long long)f->tip,
			info.detail);
	}
}

static void look_at_chains(struct session *s)
{
	follow(s);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		look_at_side(s, i);
}

struct status_ask {
	struct session *s;
	struct wait *wait;
	uint32_t tx;
};

static void on_status(void *ctx, const struct tx_status *status)
{
	struct status_ask *a = ctx;
	struct tx_facts *f = &a->s->facts.tx[a->tx];
	f->presence = status->presence;
	f->depth = status->presence == TX_CONFIRMED ? status->depth : 0;
	f->reverted = status->presence == TX_CONFIRMED && status->reverted;
	if (f->presence == TX_MEMPOOL || f->presence == TX_CONFIRMED)
		f->rejected = false;
	a->wait->pending--;
}

static void look_at_txs(struct session *s, struct status_ask asks[RESCUE_TX_MAX], struct wait *wait)
{
	for (uint32_t i = 0; i < s->r->tx_count; i++) {
		const struct rescue_tx *tx = &s->r->tx[i];
		s->facts.tx[i].presence = TX_UNKNOWN;
		asks[i] = (struct status_ask){.s = s, .wait = wait, .tx = i};
		wait->pending++;
		if (layer_status(s->node[tx->side].layer, &tx->txid, on_status, &asks[i]) != OK)
			wait->pending--;
	}
}

static void look_at_accounts(struct session *s)
{
	struct node_error error;
	for (unsigned i = 0; i < SIDE_COUNT && s->has_gas_key; i++) {
		struct node_account *out = &s->facts.side[i].account;
		*out = (struct node_account){.known = false};
		if (layer_family(rescue_layer(s->r, (enum rescue_side)i)) == FAMILY_ACCOUNT &&
			node_account(out, &error, &s->node[i], s->c->loop, &s->r->gas_account) !=
				OK)
			session_say(s, REPORT_WARNING, "%s", error.text);
	}
}

static void on_said(void *ctx, struct provider_answer *answer)
{
	struct session *s = ctx;
	s->asking = NULL;
	if (answer->err == OK) {
		json_free(s->said);
		s->said = answer->body;
		answer->body = NULL;
	}
	provider_answer_fini(answer);
}

/* The provider is asked beside everything else: nothing ever waits for it. */
static void ask_provider(struct session *s)
{
	const uint64_t now = loop_now_ms(s->c->loop);
	char path[64], id[33];
	struct provider_answer none;
	if (s->asking != NULL || !s->r->has_swap_id ||
		(s->said_ms != 0 && now < s->said_ms + PROVIDER_EVERY_MS))
		return;
	s->said_ms = now;
	hex_encode(id, s->r->swap_id.b, sizeof s->r->swap_id.b);
	(void)snprintf(path, sizeof path, "/v1/swaps/%s", id);
	s->asking = provider_send(&none, &s->provider, path, NULL, NULL, on_said, s);
}

static enum err take_dest_terms(struct session *s)
{
	struct verdict verdict;
	if (s->said == NULL || s->r->leg[SIDE_DEST].terms_len != 0 || s->dest_refused ||
		s->r->phase == RESCUE_CREATED)
		return OK;
	const enum err err = verify_dest(s->r, &verdict, s->said);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err != OK) {
		s->dest_refused = true;
		session_say(s, REPORT_WARNING,
			"%s: the preimage stays here, and our lock-up comes back", verdict.text);
		return OK;
	}
	return session_save(s);
}

static void on_cancelled(void *ctx, const struct submit_answer *answer)
{
	struct wait *wait = ctx;
	(void)answer; /* an invoice that stays costs nobody anything but a while */
	wait->pending--;
}

/* What is given up is not held against the provider: our invoice goes. */
static void cancel_invoice(struct session *s)
{
	const enum rescue_phase phase = s->r->phase;
	const struct spend_plan plan = {.purpose = SIGN_CANCEL,
		.network = s->r->leg[SIDE_DEST].network,
		.leg = rescue_terms(s->r, SIDE_DEST)};
	struct wait wait = {1};
	struct spend made;
	if (layer_family(plan.network->layer) != FAMILY_CHANNEL || s->cancelled || s->r->revealed ||
		(phase != RESCUE_ABANDONED && phase != RESCUE_CLOSED))
		return;
	s->cancelled = true;
	if (spend_make(&made, &plan) == OK &&
		layer_submit(s->node[SIDE_DEST].layer, slice_of(made.raw, made.raw_len),
			on_cancelled, &wait) == OK)
		CHECK(wait_for(s->c->loop, &wait, NULL) == OK);
}

/* Not OK: the rescue file can't be written. */
static enum err look(struct session *s)
{
	struct status_ask asks[RESCUE_TX_MAX];
	struct wait wait = {0};

	s->facts.now_ms = loop_wall_ms(s->c->loop);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		node_ask_begin(&s->node[i], &wait);
	look_at_txs(s, asks, &wait);
	ask_provider(s);
	CHECK(wait_for(s->c->loop, &wait, NULL) == OK); /* each has a deadline */
	look_at_accounts(s);
	cancel_invoice(s);
	TRY(take_dest_terms(s));
	look_at_chains(s);
	s->facts.claim_tried = false;
	s->facts.claim_works = false;
	s->facts.want_refund = s->c->want_refund;
	s->facts.has_wallet = s->node[SIDE_SOURCE].wallet != NULL;
	return OK;
}

/* ---- doing ---- */

static const char *provider_state(const struct session *s)
{
	const char *state = json_get_string(s->said, "state");
	return state == NULL ? "" : state;
}

static enum err set_phase(struct session *s, enum rescue_phase phase, const char *why)
{
	CHECK(rescue_phase_may(s->r->phase, phase));
	s->r->phase = phase;
	if (phase == RESCUE_REVEALED)
		s->r->revealed = true;
	if (why != NULL)
		(void)snprintf(s->r->reason, sizeof s->r->reason, "%s", why);
	return session_save(s);
}

/* OK: agreed, or to be tried again; anything else ends the session with *exit. */
static enum err post(struct session *s, enum client_exit *exit)
{
	struct provider_answer answer = {.err = OK};
	struct verdict verdict;
	char address[LAYER_ADDRESS_TEXT_SIZE];
	enum err err = OK;

	for (unsigned i = 0; i < POST_TRIES_MAX; i++) {
		provider_call(
			&answer, &s->provider, "/v1/swaps", s->r->request, s->r->idempotency_key);
		const bool again = answer.err == ERR_UNAVAILABLE || answer.err == ERR_TIMEOUT ||
			answer.err == ERR_IO;
		if (!again || i + 1 == POST_TRIES_MAX)
			break;
		session_say(s, REPORT_WARNING, "%s", answer.text);
		provider_answer_fini(&answer);
		if (wait_ms(s->c->loop, POST_AGAIN_MS, s->c->stop) != OK)
			return ERR_CANCELLED;
	}
	*exit = answer.err == ERR_REJECTED ? CLIENT_REFUSED
		: answer.err == ERR_FORMAT ? CLIENT_MISMATCH
					   : CLIENT_UNREACHABLE;
	err = answer.err;
	if (err != OK)
		session_say(s, REPORT_WARNING, "%s", answer.text);
	else if (verify_offer(s->r, address, &verdict, answer.body, s->c->config,
			 s->facts.side[SIDE_SOURCE].head, s->facts.now_ms) != OK) {
		*exit = CLIENT_MISMATCH;
		err = verdict.err;
		session_say(s, REPORT_WARNING, "refused: %s", verdict.text);
	} else {
		provider_answer_fini(&answer);
		*exit = CLIENT_FAILED;
		TRY(set_phase(s, RESCUE_AGREED, NULL));
		session_say(s, REPORT_OFFER, "%s", address);
		return OK;
	}
	provider_answer_fini(&answer);
	/* unreachable: the same request can be sent again; else it is over */
	if (*exit != CLIENT_UNREACHABLE && !s->dead)
		TRY(set_phase(s, RESCUE_CLOSED, s->warned));
	return err;
}

static void try_claim(struct session *s)
{
	const struct rescue_leg *leg = &s->r->leg[SIDE_DEST];
	uint8_t bytes[EVM_HTLC_CALL_MAX];
	struct buf call = buf_init(bytes, sizeof bytes);
	struct evm_htlc h;
	struct node_error error;
	uint64_t gas;

	s->facts.claim_tried = true;
	if (evm_htlc_parse(
		    &h, rescue_layer(s->r, SIDE_DEST), slice_of(leg->terms, leg->terms_len)) != OK)
		return;
	evm_htlc_claim_call(&call, &h, &s->r->preimage);
	const enum err err = node_estimate_gas(&gas, &error, &s->node[SIDE_DEST], s->c->loop,
		&s->r->gas_account, &h.contract,
		amount_zero(layer_gas_asset(rescue_layer(s->r, SIDE_DEST))), buf_slice(&call));
	s->facts.claim_works = err == OK &&
		gas <= layer_gas_limit(rescue_layer(s->r, SIDE_DEST), SIGN_CLAIM);
	if (err != OK)
		session_say(s, REPORT_WARNING, "the claim would fail: %s", error.text);
	else if (!s->facts.claim_works)
		session_say(s, REPORT_WARNING,
			"the claim would take %llu gas, more than we give it",
			(unsigned long long)gas);
	bytes_wipe(bytes, sizeof bytes);
}

static enum err destination(const struct session *s, const char *text,
	uint8_t to[LAYER_DESTINATION_MAX], size_t *len, enum rescue_side side)
{
	const struct network *network = s->r->leg[side].network;
	return layer_address_check(network->layer, network, to, len, slice_str(text));
}

/* The bounds of a payment are absolute: sent again by a later process, it locks for no longer. */
static enum err fill_payment(
	struct spend_plan *plan, const struct session *s, const struct swap_decision *d)
{
	const struct client_layer *l = &s->c->config->layer[plan->network->layer];
	struct amount fee;
	plan->max_height = s->facts.side[d->side].head + l->lock_blocks_max;
	plan->deadline_ms = s->r->expires_ms;
	TRY(amount_mul_div(&fee, d->amount, l->routing_fee_ppm, 1000000, true));
	return amount_to_sat(&plan->fee_limit, fee);
}

static enum err fill_plan(struct session *s, struct spend_plan *plan, const struct swap_decision *d,
	uint8_t to[LAYER_DESTINATION_MAX])
{
	const struct rescue_leg *leg = &s->r->leg[d->side];
	size_t len = 0;
	*plan = (struct spend_plan){.purpose = d->purpose,
		.network = leg->network,
		.leg = rescue_terms(s->r, d->side),
		.rate = d->rate,
		.at = d->at,
		.amount = d->amount,
		.tip_height = s->facts.side[d->side].tip,
		.nonce = d->nonce};
	if (d->purpose == SIGN_CLAIM)
		plan->preimage = s->r->preimage;
	switch (layer_family(leg->network->layer)) {
	case FAMILY_UTXO: break;
	case FAMILY_ACCOUNT: plan->key = s->gas_key; return OK;
	case FAMILY_CHANNEL: return fill_payment(plan, s, d);
	}
	TRY(destination(s, d->purpose == SIGN_CLAIM ? s->r->to_address : s->r->refund_address, to,
		&len, d->side));
	plan->to = slice_of(to, len);
	s->c->random(s->c->random_ctx, plan->aux_random, sizeof plan->aux_random);
	return rescue_swap_key(&plan->key, s->r, d->side);
}

/* Sign and record. ERR_RANGE: it can't be built at these fees. */
static enum err prepare(struct session *s, const struct swap_decision *d)
{
	uint8_t to[LAYER_DESTINATION_MAX];
	struct spend_plan plan;
	struct spend made;

	enum err err = fill_plan(s, &plan, d, to);
	if (err == OK)
		err = spend_make(&made, &plan);
	bytes_wipe(&plan, sizeof plan);
	if (err != OK)
		return err;
	const struct rescue_tx tx = {.purpose = d->purpose,
		.side = d->side,
		.txid = made.txid,
		.at = d->at,
		.from = layer_family(rescue_layer(s->r, d->side)) == FAMILY_ACCOUNT
			? s->r->gas_account
			: (struct evm_address){{0}},
		.nonce = d->nonce,
		.rate = d->rate,
		.height = s->facts.side[d->side].head,
		.fee = made.fee};
	TRY(rescue_add_tx(s->r, &tx, slice_of(made.raw, made.raw_len)));
	s->facts.tx[s->r->tx_count - 1] = (struct tx_facts){.presence = 0};
	return set_phase(s, d->phase, NULL);
}

struct send_wait {
	struct wait wait;
	struct submit_answer answer;
};

static void on_submitted(void *ctx, const struct submit_answer *answer)
{
	struct send_wait *w = ctx;
	w->answer = *answer;
	w->wait.pending = 0;
}

static void send_tx(struct session *s, uint32_t at)
{
	const struct rescue_tx *tx = &s->r->tx[at];
	struct tx_facts *f = &s->facts.tx[at];
	struct send_wait w = {.wait = {1}, .answer = {.outcome = SUBMIT_UNKNOWN}};
	const bool first = f->sent_ms == 0;

	f->sent_ms = s->facts.now_ms;
	if (layer_submit(s->node[tx->side].layer, slice_of(tx->raw, tx->raw_len), on_submitted,
		    &w) != OK)
		return;
	CHECK(wait_for(s->c->loop, &w.wait, NULL) == OK);
	kill_point_reached(s->r->revision, KILL_EFFECT_SENT);
	f->rejected = w.answer.outcome == SUBMIT_REJECTED;
	f->presence = w.answer.outcome == SUBMIT_ACCEPTED ? TX_MEMPOOL : TX_UNKNOWN;
	if (w.answer.outcome == SUBMIT_REJECTED || w.answer.outcome == SUBMIT_CONFLICT)
		session_say(s, REPORT_WARNING, "our %s node refuses our transaction: %.200s",
			layer_name(rescue_layer(s->r, tx->side)), w.answer.detail);
	else if (first)
		report(s, &(struct report){.kind = REPORT_TX, .tx = tx});
}

/* BIP-21; on Liquid, wallets take the scheme and the asset that Blockstream's apps use. */
static void show_payment(
	struct session *s, const struct network *network, const char *address, const char *amount)
{
	const struct elements_network *chain = elements_network_of(network);
	char asset[65];
	if (chain == NULL) {
		session_say(s, REPORT_PAY, "bitcoin:%s?amount=%s", address, amount);
		return;
	}
	hex_encode_reversed(asset, chain->policy_asset.b, sizeof chain->policy_asset.b);
	session_say(s, REPORT_PAY, "liquidnetwork:%s?amount=%s&assetid=%s", address, amount, asset);
}

/* Also after a restart, as long as no payment was seen. */
static void show_uri(struct session *s)
{
	const struct rescue_leg *leg = &s->r->leg[SIDE_SOURCE];
	char address[LAYER_ADDRESS_TEXT_SIZE], amount[AMOUNT_TEXT_SIZE];
	if (s->uri_shown || s->facts.has_wallet || s->r->phase != RESCUE_PAYING ||
		layer_family(leg->network->layer) != FAMILY_UTXO ||
		layer_leg_address(leg->network->layer, leg->network, address,
			rescue_terms(s->r, SIDE_SOURCE)) != OK)
		return;
	s->uri_shown = true;
	amount_format(amount, leg->amount);
	show_payment(s, leg->network, address, amount);
}

/* A refund needs somewhere to go. False: it has nowhere, and the session ends. */
static bool has_refund_address(struct session *s)
{
	struct node_error error = {.text = ""};
	const bool utxo = layer_family(rescue_layer(s->r, SIDE_SOURCE)) == FAMILY_UTXO;
	if (!utxo || s->r->refund_address[0] != '\0')
		return true;
	if (s->node[SIDE_SOURCE].wallet != NULL &&
		session_wallet_address(
			s->r->refund_address, &error, &s->node[SIDE_SOURCE], s->c->loop) == OK)
		return true; /* written with the transaction that pays it */
	session_say(s, REPORT_WARNING,
		"where should the refund go? sluice refund --rescue %s --refund-address ADDRESS",
		s->c->path);
	return false;
}

/* ---- the loop ---- */

/* True: act again at once. False: wait for the world; *over with *exit: the end. */
static bool act(
	struct session *s, const struct swap_decision *d, bool *over, enum client_exit *exit)
{
	enum err err = OK;
	*exit = CLIENT_FAILED;
	switch (d->act) {
	case ACT_WAIT:
		if (d->step == STEP_PAY)
			show_uri(s);
		return false;
	case ACT_END:
		*over = true;
		*exit = d->exit;
		return false;
	case ACT_POST:
		*over = post(s, exit) != OK;
		if (!*over)
			look_at_chains(s); /* what is paid from here on is watched first */
		return !*over;
	case ACT_TRY_CLAIM: try_claim(s); return true;
	case ACT_PHASE: *over = set_phase(s, d->phase, d->why) != OK; return !*over;
	case ACT_PAY_WALLET:
		err = session_pay_wallet(s);
		*over = s->dead;
		if (err != OK && !s->dead && (err == ERR_REJECTED || err == ERR_DENIED))
			*over = set_phase(s, RESCUE_ABANDONED, s->warned) != OK;
		return err == OK && !*over;
	case ACT_PREPARE:
		if (d->purpose == SIGN_REFUND && !has_refund_address(s)) {
			*over = true;
			*exit = CLIENT_PENDING;
			return false;
		}
		err = prepare(s, d);
		*over = s->dead;
		if (err != OK && !s->dead)
			session_say(s, REPORT_WARNING,
				"a transaction can't be made at today's fees (%s)", err_name(err));
		return err == OK;
	case ACT_SEND: send_tx(s, d->tx); return true;
	}
	UNREACHABLE();
}

static bool only_waits_for_height(const struct swap_decision *d)
{
	return d->act == ACT_WAIT && d->step == STEP_TIMELOCK;
}

static uint64_t poll_ms(const struct session *s)
{
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const enum layer_id layer = rescue_layer(s->r, (enum rescue_side)i);
		if (s->c->config->layer[layer].poll_ms < least)
			least = s->c->config->layer[layer].poll_ms;
	}
	return least;
}

static enum client_exit run(struct session *s)
{
	struct swap_decision d = {.act = ACT_WAIT};
	enum client_exit exit = CLIENT_FAILED;
	bool over = false;

	while (!over) {
		if (look(s) != OK)
			return CLIENT_FAILED;
		do {
			s->facts.now_ms = loop_wall_ms(s->c->loop);
			swap_decide(&d, s->r, s->c->config, &s->facts);
		} while (act(s, &d, &over, &exit));
		if (over || s->dead)
			break;
		report(s,
			&(struct report){.kind = REPORT_STATUS,
				.decision = &d,
				.facts = &s->facts,
				.provider_state = provider_state(s)});
		if (only_waits_for_height(&d) && !s->c->wait_for_refund) {
			exit = CLIENT_PENDING;
			break;
		}
		if (wait_ms(s->c->loop, poll_ms(s), s->c->stop) != OK) {
			exit = s->r->phase == RESCUE_CREATED || s->r->phase == RESCUE_AGREED
				? CLIENT_REFUSED
				: CLIENT_PENDING;
			break;
		}
	}
	if (!s->dead)
		report(s,
			&(struct report){.kind = REPORT_END,
				.decision = &d,
				.text = s->r->reason[0] != '\0' ? s->r->reason : d.why});
	return s->dead ? CLIENT_FAILED : exit;
}

enum client_exit session_run(const struct session_config *config, struct rescue *r)
{
	struct session s = {.c = config, .r = r, .lock_file = FILE_NONE};
	enum client_exit exit = open_session(&s);
	if (exit == CLIENT_OK)
		exit = run(&s);
	close_session(&s);
	return exit;
}
