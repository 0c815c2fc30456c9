#include "client/nodes.h"

#include "layer/lightning/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PASSWORD_MAX 1024u
#define FEE_TARGET_BLOCKS 2u

enum err node_fail(struct node_error *error, enum err err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	error->err = err;
	(void)vsnprintf(error->text, sizeof error->text, fmt, args);
	va_end(args);
	return err;
}

/* ---- open, close ---- */

/* The first line. */
static enum err read_password(char password[PASSWORD_MAX], struct node_error *error,
	const struct file_ops *ops, const char *path)
{
	size_t len;
	const enum err err = file_read_all(ops, path, password, &len, PASSWORD_MAX - 1);
	if (err != OK)
		return node_fail(error, err, "%.200s: %s", path, file_why(err));
	password[len] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	return OK;
}

static enum err open_upstream(struct upstream **out, struct node_error *error,
	const struct node_options *o, const struct client_layer *l, const char *name,
	const char *url)
{
	char password[PASSWORD_MAX] = "";
	if (l->rpc_password_file[0] != '\0')
		TRY(read_password(password, error, o->ops, l->rpc_password_file));
	const struct upstream_config config = {.name = name,
		.url = url,
		.user = l->rpc_user[0] != '\0' ? l->rpc_user : NULL,
		.password = password[0] != '\0' ? password : NULL,
		.cookie_file = l->rpc_cookie_file[0] != '\0' ? l->rpc_cookie_file : NULL,
		.timeout_ms = l->rpc_timeout_ms,
		.version_2 = layer_family(l->params.network->layer) == FAMILY_ACCOUNT};
	const enum err err = upstream_create(out, o->http, o->loop, &config);
	bytes_wipe(password, sizeof password);
	return err == OK ? OK : node_fail(error, err, "%.200s: not a URL that can be asked", url);
}

static enum err open_wallet(struct node *n, struct node_error *error, const struct node_options *o,
	const struct client_layer *l)
{
	char url[2 * SETTING_SIZE + 16];
	const size_t len = strlen(l->rpc_url);
	const bool slash = len > 0 && l->rpc_url[len - 1] == '/';
	for (const char *c = o->wallet; *c != '\0'; c++)
		if (strchr("/?#% &", *c) != NULL)
			return node_fail(error, ERR_FORMAT,
				"the wallet's name can't be part of a URL: \"%.100s\"", o->wallet);
	(void)snprintf(url, sizeof url, "%.*s/wallet/%s", (int)(slash ? len - 1 : len), l->rpc_url,
		o->wallet);
	return open_upstream(&n->wallet, error, o, l, "wallet", url);
}

/* A Lightning node: its certificate, where it has one, is trusted for nobody else. */
static enum err open_lightning(struct node *n, struct node_error *error,
	const struct node_options *o, const struct client_layer *l)
{
	const struct http_client_config http = {.ca_file = l->ca_file};
	const bool own = l->ca_file[0] != '\0';
	const struct ln_node_config config = {.kind = strcmp(l->node, "cln") == 0 ? LN_CLN : LN_LND,
		.network = network_by_name(LAYER_BITCOIN, slice_str(l->params.network->name)),
		.url = l->rpc_url,
		.credential_file = l->credential_file[0] != '\0' ? l->credential_file : NULL,
		.loop = o->loop,
		.timeout_ms = l->rpc_timeout_ms,
		.retry_ms = l->poll_ms};
	struct ln_node_config with = config;
	if (own && http_client_create_with(&n->http, o->loop, &http) != OK)
		return node_fail(error, ERR_FORMAT,
			"lightning.ca_file %.200s: no certificate to use", l->ca_file);
	with.client = own ? n->http : o->http;
	const enum err err = ln_node_create(&n->lightning, &with);
	return err == OK
		? OK
		: node_fail(error, err, "our lightning node: %.120s, %.120s: %s", l->rpc_url,
			  l->credential_file,
			  err == ERR_FORMAT ? "not a URL, or no credential" : file_why(err));
}

enum err node_open(struct node *n, struct node_error *error, enum layer_id id,
	const struct node_options *options)
{
	const struct client_layer *l = &options->config->layer[id];
	*n = (struct node){.id = id,
		.url = l->rpc_url,
		.contract = options->contract,
		.token = options->token};
	enum err err = layer_family(id) == FAMILY_CHANNEL
		? open_lightning(n, error, options, l)
		: open_upstream(&n->upstream, error, options, l, layer_name(id), l->rpc_url);
	const struct layer_config config = {.id = id,
		.network = l->params.network,
		.loop = options->loop,
		.upstream = n->upstream,
		.lightning = n->lightning,
		.taker = true,
		.poll_ms = l->poll_ms,
		.contract = options->contract,
		.token = options->token};
	if (err == OK) {
		err = layer_create(&n->layer, &config);
		if (err != OK)
			(void)node_fail(error, err, "%s: %s", layer_name(id), err_name(err));
	}
	if (err == OK && layer_family(id) == FAMILY_UTXO && options->wallet[0] != '\0')
		err = open_wallet(n, error, options, l);
	if (err != OK)
		node_close(n);
	return err;
}

void node_close(struct node *n)
{
	layer_destroy(n->layer);
	ln_node_destroy(n->lightning);
	if (n->http != NULL)
		http_client_destroy(n->http);
	upstream_destroy(n->wallet);
	upstream_destroy(n->upstream);
	n->layer = NULL;
	n->lightning = NULL;
	n->http = NULL;
	n->wallet = NULL;
	n->upstream = NULL;
}

/* ---- check, rate ---- */

/* Lives until its answer, which may come after we stopped waiting. */
struct ask {
	struct node *node;
	struct wait *wait;
};

static struct ask *ask_begin(struct node *n, struct wait *wait)
{
	struct ask *a = malloc(sizeof *a);
	if (a == NULL)
		return NULL;
	*a = (struct ask){.node = n, .wait = wait};
	wait->pending++;
	return a;
}

static void on_check(void *ctx, const struct layer_info *info)
{
	struct ask a = *(struct ask *)ctx;
	free(ctx);
	a.node->info = *info;
	a.node->checked = true;
	a.wait->pending--;
}

static void check_begin(struct node *n, struct wait *wait)
{
	struct ask *a = ask_begin(n, wait);
	n->checked = false;
	if (a == NULL)
		return;
	if (layer_check(n->layer, on_check, a) != OK) {
		free(a);
		wait->pending--;
	}
}

static void on_rate(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	struct ask a = *(struct ask *)ctx;
	free(ctx);
	if (err == OK) {
		a.node->rate = rate;
		a.node->data_fee = data_fee;
	}
	a.wait->pending--;
}

static void rate_begin(struct node *n, struct wait *wait)
{
	struct ask *a = ask_begin(n, wait);
	if (a == NULL)
		return;
	if (layer_fee_estimate(n->layer, FEE_TARGET_BLOCKS, on_rate, a) != OK) {
		free(a);
		wait->pending--;
	}
}

void node_ask_begin(struct node *n, struct wait *wait)
{
	check_begin(n, wait);
	rate_begin(n, wait);
}

enum err node_usable(const struct node *n, struct node_error *error)
{
	const char *name = layer_name(n->id);
	const struct layer_info *info = &n->info;
	if (!n->checked)
		return node_fail(error, ERR_UNAVAILABLE, "our %s node, %.120s, can't be asked",
			name, n->url);
	if (info->err == OK)
		return OK;
	if (info->err == ERR_NETWORK)
		return node_fail(error, ERR_NETWORK, "our %s node, %.120s: %.140s", name, n->url,
			info->detail);
	if (info->err == ERR_STATE)
		return node_fail(error, ERR_STATE, "our %s node, %.120s, is still syncing: %.120s",
			name, n->url, info->detail);
	if (info->err == ERR_DENIED)
		return node_fail(error, ERR_DENIED,
			"our %s node, %.100s, refuses user, password or cookie (%s.rpc_*): %.100s",
			name, n->url, name, info->detail);
	return node_fail(error, info->err,
		"our %s node, %.120s, does not answer as it should: %.110s", name, n->url,
		info->detail);
}

/* ---- follow ---- */

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct node *n = ctx;
	(void)layer;
	view_block(&n->view, block, event, event_count);
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	struct node *n = ctx;
	(void)layer;
	view_reorg(&n->view, keep);
	if (n->below.safe_height > keep->height)
		n->below.safe_height = keep->height;
	if (n->below.final_height > keep->height)
		n->below.final_height = keep->height;
	return OK;
}

static enum err on_fact(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct node *n = ctx;
	(void)layer;
	view_fact(&n->view, event);
	return OK;
}

static void on_mempool(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct node *n = ctx;
	(void)layer;
	view_mempool(&n->view, event);
}

static void on_first_layer(void *ctx, enum layer_id layer, const struct layer_first_layer *seen)
{
	struct node *n = ctx;
	(void)layer;
	n->below = *seen;
}

struct block_wait {
	struct wait wait;
	enum err err;
	struct block_ref block;
};

static void on_block_at(void *ctx, enum err err, const struct block_ref *block)
{
	struct block_wait *w = ctx;
	w->err = err;
	w->block = *block;
	w->wait.pending = 0;
}

enum err node_follow(struct node *n, struct node_error *error, struct loop *loop,
	const struct id128 *swap, struct slice terms, const struct hash256 *hash, uint64_t height)
{
	static const struct layer_sink sink = {.on_block = on_block,
		.on_reorg = on_reorg,
		.on_mempool = on_mempool,
		.on_fact = on_fact,
		.on_first_layer = on_first_layer};
	struct layer_sink own = sink;
	struct block_wait w = {.wait = {1}};

	own.ctx = n;
	TRY(layer_block_at(n->layer, height, on_block_at, &w));
	TRY(wait_for(loop, &w.wait, NULL));
	if (w.err != OK)
		return node_fail(error, w.err, "our %s node has no block %llu to begin at (%s)",
			layer_name(n->id), (unsigned long long)height, err_name(w.err));
	view_init(&n->view, hash);
	n->view.tip = w.block;
	n->view.has_tip = true;
	enum err err = layer_watch_lock(n->layer, swap, terms);
	if (err == OK)
		err = layer_start(n->layer, &w.block, 1, &own);
	if (err != OK)
		return node_fail(error, err, "the %s chain can't be followed (%s)",
			layer_name(n->id), err_name(err));
	n->following = true;
	return OK;
}

/* ---- offers ---- */

struct offer_wait {
	struct wait wait;
	enum err err;
	struct buf *leg;
	char text[200];
};

static void on_offer(void *ctx, enum err err, struct slice leg, const char *detail)
{
	struct offer_wait *w = ctx;
	w->err = err;
	if (err == OK)
		buf_put(w->leg, leg.ptr, leg.len);
	(void)snprintf(w->text, sizeof w->text, "%s", detail == NULL ? "" : detail);
	w->wait.pending = 0;
}

enum err node_offer(struct buf *leg, struct node_error *error, struct node *n, struct loop *loop,
	const struct leg_offer *offer)
{
	struct offer_wait w = {.wait = {1}, .leg = leg};
	enum err err = layer_offer(n->layer, offer, on_offer, &w);
	if (err == OK)
		err = wait_for(loop, &w.wait, NULL);
	if (err == OK)
		err = w.err;
	return err == OK ? OK
			 : node_fail(error, err, "our %s node makes no invoice: %s %.180s",
				   layer_name(n->id), err_name(err), w.text);
}

/* ---- calls ---- */

struct call_wait {
	struct wait wait;
	enum err err;
	struct json *result;
	char text[200];
};

static void on_call(void *ctx, const struct rpc_answer *answer)
{
	struct call_wait *w = ctx;
	w->err = answer->err;
	if (answer->err == OK)
		w->result = json_clone(answer->result);
	else
		(void)snprintf(w->text, sizeof w->text, "%s", answer->message);
	w->wait.pending = 0;
}

enum err node_call(struct json **out, struct node_error *error, struct node *n, bool wallet,
	struct loop *loop, const char *method, struct json *params)
{
	struct call_wait w = {.wait = {1}};
	*out = NULL;
	enum err err = upstream_call(wallet ? n->wallet : n->upstream, method, params, on_call, &w);
	if (err != OK)
		return node_fail(error, err, "our %s node: %s can't be asked (%s)",
			layer_name(n->id), method, err_name(err));
	TRY(wait_for(loop, &w.wait, NULL));
	if (w.err != OK)
		return node_fail(
			error, w.err, "our %s node: %s: %s", layer_name(n->id), method, w.text);
	*out = w.result;
	return OK;
}
