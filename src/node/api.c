/* The route table, who may call what, and how often. */
#include "node/api_internal.h"

#include <stdlib.h>
#include <strings.h>

#include "crypto/hash.h"
#include "node/api_pending.h"
#include "sys/clock.h"

const struct route api_routes[] = {
	{"POST", "/v1/quotes", SCOPE_TAKER, handle_quotes},
	{"POST", "/v1/swaps", SCOPE_TAKER, handle_swap_create},
	{"GET", "/v1/swaps", SCOPE_OPERATOR, handle_swap_list},
	{"GET", "/v1/swaps/{id}", SCOPE_TAKER, handle_swap_get},
	{"POST", "/v1/transfers", SCOPE_OPERATOR, handle_transfer_create},
	{"GET", "/v1/transfers", SCOPE_OPERATOR, handle_transfer_list},
	{"GET", "/v1/transfers/{id}", SCOPE_OPERATOR, handle_transfer_get},
	{"GET", "/v1/transfers/{id}/psbt", SCOPE_OPERATOR, handle_psbt_get},
	{"POST", "/v1/transfers/{id}/psbt", SCOPE_OPERATOR, handle_psbt_set},
	{"POST", "/v1/transfers/{id}/cancel", SCOPE_OPERATOR, handle_transfer_cancel},
	{"POST", "/v1/sweeps", SCOPE_OPERATOR, handle_sweep_create},
	{"POST", "/v1/addresses", SCOPE_OPERATOR, handle_address_create},
	{"GET", "/v1/addresses/{id}", SCOPE_OPERATOR, handle_address_get},
	{"GET", "/v1/deposits", SCOPE_OPERATOR, handle_deposit_list},
	{"POST", "/v1/transactions", SCOPE_OPERATOR, handle_transaction_submit},
	{"GET", "/v1/transactions/{layer}/{id}", SCOPE_OPERATOR, handle_transaction_get},
	{"GET", "/v1/layers", SCOPE_TAKER, handle_layers},
	{"GET", "/v1/accounts", SCOPE_OPERATOR, handle_accounts},
	{"GET", "/v1/receipts/{id}", SCOPE_TAKER, handle_receipt},
	{"GET", "/v1/log/root", SCOPE_TAKER, handle_log_root},
	{"GET", "/v1/log/consistency", SCOPE_TAKER, handle_log_consistency},
	{"GET", "/v1/events", SCOPE_OPERATOR, handle_events},
	{"POST", "/v1/latch", SCOPE_OPERATOR, handle_latch},
	{"GET", "/v1/journal/mode", SCOPE_OPERATOR, handle_journal_mode_get},
	{"POST", "/v1/journal/mode", SCOPE_OPERATOR, handle_journal_mode_set},
	{"GET", "/v1/latency", SCOPE_OPERATOR, handle_latency},
	{"GET", "/metrics", SCOPE_OPERATOR, handle_metrics},
	{"GET", "/healthz", SCOPE_PROBE, handle_healthz},
	{"GET", "/readyz", SCOPE_PROBE, handle_readyz},
	{"GET", "/openapi.yaml", SCOPE_TAKER, handle_openapi},
	{"POST", "/v1/book/accounts", SCOPE_OPERATOR, handle_book_open},
	{"GET", "/v1/book/accounts", SCOPE_OPERATOR, handle_book_account_list},
	{"GET", "/v1/book/accounts/{id}", SCOPE_OPERATOR, handle_book_account_get},
	{"GET", "/v1/book/accounts/{id}/transfers", SCOPE_OPERATOR, handle_book_history},
	{"POST", "/v1/book/transfers", SCOPE_OPERATOR, handle_book_transfer},
	{"GET", "/v1/book/transfers/{id}", SCOPE_OPERATOR, handle_book_transfer_get},
};
const size_t api_route_count = ARRAY_LEN(api_routes);
_Static_assert(ARRAY_LEN(api_routes) <= METRICS_ROUTES_MAX, "every route is counted");

/* ---- routes ---- */

static size_t segment_len(const char *p)
{
	return strcspn(p, "/");
}

/* Both begin with '/'. */
static bool route_matches(
	const char *pattern, const char *path, char param[CALL_PARAMS_MAX][CALL_PARAM_SIZE])
{
	uint32_t count = 0;
	while (*pattern == '/' && *path == '/') {
		const size_t want = segment_len(++pattern), have = segment_len(++path);
		if (pattern[0] == '{') {
			if (have == 0 || have >= CALL_PARAM_SIZE || count == CALL_PARAMS_MAX)
				return false;
			memcpy(param[count], path, have);
			param[count++][have] = '\0';
		} else if (want != have || memcmp(pattern, path, want) != 0) {
			return false;
		}
		pattern += want;
		path += have;
	}
	return *pattern == '\0' && *path == '\0';
}

/* HEAD is GET without its body, which the server leaves out. */
static bool method_matches(const struct route *r, const char *method)
{
	return strcmp(r->method, method) == 0 ||
		(strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

/* The route, or NULL; *path_known and allow say whether other methods would do. */
static const struct route *find_route(struct call *c, struct buf *allow)
{
	const char *path = http_path(c->x), *method = http_method(c->x);
	for (size_t i = 0; i < api_route_count; i++) {
		const struct route *r = &api_routes[i];
		if (!route_matches(r->path, path, c->param))
			continue;
		if (method_matches(r, method))
			return r;
		buf_printf(allow, "%s%s", allow->len > 0 ? ", " : "", r->method);
	}
	return NULL;
}

/* ---- who asks ---- */

/* Behind a proxy that we trust: the last address that it wrote down; otherwise the peer's own. */
static const char *peer_of(const struct call *c)
{
	const char *peer = http_peer(c->x);
	const char *proxy = c->api->config->http_trusted_proxy;
	if (proxy[0] == '\0' || strcmp(peer, proxy) != 0)
		return peer;
	const char *forwarded = http_header(c->x, "X-Forwarded-For");
	if (forwarded == NULL)
		return peer;
	const char *last = strrchr(forwarded, ',');
	last = last != NULL ? last + 1 : forwarded;
	return last + strspn(last, " \t");
}

/* Waits are told in whole seconds. */
static void set_retry_after(struct call *c, uint64_t wait_ms)
{
	char text[24];
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "%llu", (unsigned long long)((wait_ms + 999) / 1000));
	http_set_header(c->x, "Retry-After", buf_cstr(&b));
}

bool call_take(struct call *c, struct rate_limit *limit)
{
	uint64_t wait_ms = 0;
	if (rate_limit_take(limit, &wait_ms, peer_of(c), c->begun_ms))
		return true;
	c->api->metrics.rate_limited++;
	set_retry_after(c, wait_ms);
	call_problem(c, "rate_limited", "try again in %llu ms", (unsigned long long)wait_ms);
	return false;
}

/* False: a token was shown, and it is none. */
static bool read_token(struct call *c)
{
	static const char scheme[] = "Bearer ";
	const char *header = http_header(c->x, "Authorization");
	if (header == NULL)
		return true;
	if (strncasecmp(header, scheme, sizeof scheme - 1) != 0)
		return false;
	c->token = tokens_check(c->api->tokens, slice_str(header + sizeof scheme - 1));
	return c->token != TOKEN_NONE;
}

static void answer_unauthorized(struct call *c, const char *detail)
{
	http_set_header(c->x, "WWW-Authenticate", "Bearer realm=\"sluice\"");
	call_problem(c, "unauthorized", "%s", detail);
}

/* False: answered. */
static bool authorize(struct call *c)
{
	if (c->route->scope != SCOPE_OPERATOR)
		return true;
	if (c->token == TOKEN_NONE) {
		answer_unauthorized(c, "send \"Authorization: Bearer TOKEN\"");
		return false;
	}
	if (c->token == TOKEN_READ && strcmp(c->route->method, "GET") != 0) {
		call_problem(c, "forbidden", "%s needs a token that may do more than read",
			c->route->path);
		return false;
	}
	return true;
}

static void handle(struct api *api, struct http_exchange *x)
{
	struct call c = {.api = api,
		.x = x,
		.wall_ms = loop_wall_ms(api->loop),
		.begun_ms = loop_now_ms(api->loop),
		.begun_ns = clock_mono_ns()};
	char allow[64];
	struct buf allowed = buf_init(allow, sizeof allow);
	const bool token_ok = read_token(&c);
	c.route = find_route(&c, &allowed);
	const bool limited = c.route == NULL || c.route->scope != SCOPE_PROBE;
	if (c.token == TOKEN_NONE && limited && !call_take(&c, api->requests))
		return;
	if (!token_ok) {
		answer_unauthorized(&c, "this token is not known here");
	} else if (c.route != NULL) {
		if (authorize(&c))
			c.route->handle(&c);
	} else if (allowed.len > 0) {
		http_set_header(x, "Allow", buf_cstr(&allowed));
		call_problem(&c, "method_not_allowed", "allowed here: %s", allow);
	} else {
		call_problem(&c, "not_found", "no such path; see /openapi.yaml");
	}
}

/* Handlers look at the budget while they read a request and while they list; what they do to the
 * engine is never cut off. */
void api_handle(void *ctx, struct http_exchange *x)
{
	struct api *api = ctx;
	struct cpu_budget budget;
	cpu_budget_begin(&budget, api->task_request,
		api->config->limits.request_cpu_us * (CPU_BUDGET_MS / 1000));
	handle(api, x);
	(void)cpu_budget_end(&budget);
}

/* ---- life ---- */

static void on_engine_event(void *ctx, const struct engine_event *event)
{
	struct api *api = ctx;
	for (unsigned i = 0; event->swap != NULL && i < SWAP_STATE_COUNT; i++) {
		if (strcmp(event_state(event->type), swap_state_name((enum swap_state)i)) == 0)
			api->metrics.swap_transition[i]++;
	}
	events_add(api->events, event);
}

static enum err create_limits(struct api *api, uint64_t map_seed)
{
	const struct config_limits *l = &api->config->limits;
	const struct rate_limit_config requests = {.rate = l->request_rate,
		.period_ms = 1000,
		.burst = l->request_burst,
		.peers = l->peers};
	const struct rate_limit_config swaps = {.rate = l->swap_rate,
		.period_ms = 3600000,
		.burst = l->swap_burst,
		.peers = l->peers};
	TRY(rate_limit_create(&api->requests, &requests, map_seed));
	return rate_limit_create(&api->swaps, &swaps, map_seed);
}

enum err api_create(struct api **out, const struct api_config *config)
{
	struct api *api = calloc(1, sizeof *api);
	uint64_t map_seed;
	if (api == NULL)
		return ERR_FULL;
	api->loop = config->loop;
	api->engine = config->engine;
	api->config = config->config;
	api->tokens = config->tokens;
	api->ports = config->ports;
	api->log = config->log;
	api->deposits = config->deposits;
	api->cluster = config->cluster;
	api->task_request = cpu_task_kind("http_request");
	api->task_decode = cpu_task_kind("transaction_decode");
	quote_key_derive(&api->quote_key, config->seal);
	api->ports.random(api->ports.ctx, &map_seed, sizeof map_seed);
	enum err e = metrics_init(&api->metrics);
	if (e == OK)
		e = create_limits(api, map_seed);
	if (e == OK)
		e = events_create(&api->events, api->loop, api->config->limits.event_streams);
	if (e == OK)
		e = pending_create(api, map_seed);
	if (e == OK)
		e = latency_maps_create(&api->latency_maps, api);
	api->address = calloc(API_ADDRESSES_KEPT, sizeof *api->address);
	if (e == OK && api->address == NULL)
		e = ERR_FULL;
	if (e != OK) {
		api_destroy(api);
		return e;
	}
	engine_subscribe(api->engine, on_engine_event, api);
	*out = api;
	return OK;
}

void api_destroy(struct api *api)
{
	if (api == NULL)
		return;
	swap_requests_free(api);
	pending_destroy(api);
	latency_maps_destroy(api->latency_maps);
	events_destroy(api->events);
	rate_limit_destroy(api->requests);
	rate_limit_destroy(api->swaps);
	bytes_wipe(&api->quote_key, sizeof api->quote_key);
	free(api->address);
	free(api);
}
