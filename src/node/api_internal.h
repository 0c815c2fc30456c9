/* node/api_internal: what the files of the API share. */
#ifndef NODE_API_INTERNAL_H
#define NODE_API_INTERNAL_H
#include "base/base64.h"
#include "base/mutant.h"
#include "node/api.h"
#include "node/deposits.h"
#include "node/encode.h"
#include "node/events.h"
#include "node/fields.h"
#include "node/metrics.h"
#include "node/quote_token.h"
#include "node/rate_limit.h"
#include "rt/cpu_budget.h"

#define API_PENDING_MAX 4096u /* answers that wait for durability or for a node */
#define API_PAGE_MAX 100u
#define API_PAGE_DEFAULT 20u
#define IDEMPOTENCY_KEY_LEN_MIN 16u
#define IDEMPOTENCY_KEY_LEN_MAX 128u
#define CONTENT_JSON "application/json"
#define CONTENT_PROBLEM "application/problem+json"

struct call;
struct pending;
struct latency_maps;

enum api_scope {
	SCOPE_PROBE,    /* anonymous, never limited: health checks */
	SCOPE_TAKER,    /* anonymous, rate-limited */
	SCOPE_OPERATOR, /* a token; a read-only one where the method is GET */
};

struct route {
	const char *method;
	const char *path; /* "/v1/swaps/{id}" */
	enum api_scope scope;
	void (*handle)(struct call *c);
};
extern const struct route api_routes[];
extern const size_t api_route_count;

#define CALL_PARAMS_MAX 2u
#define CALL_PARAM_SIZE 128u

/* One request, while its handler runs. */
struct call {
	struct api *api;
	struct http_exchange *x;
	const struct route *route;
	enum token_scope token;
	char param[CALL_PARAMS_MAX][CALL_PARAM_SIZE]; /* the path's, in order */
	uint64_t wall_ms, begun_ms;
	uint64_t begun_ns; /* by the machine's clock, for the time that it takes */
	/* POSTs that move money */
	struct hash256 idempotency_key, idempotency_body;
};

#define ADDRESS_KEPT_TEXT_SIZE 96u /* invoices are not kept: their terms hold them as they are */
/* Where a lock-up is paid to, by its terms: a Taproot tree takes longer to compute than all the
 * rest of an answer, and takers ask after the same swap again and again. */
struct address_kept {
	uint8_t terms[SIGNING_LEG_MAX];
	uint32_t terms_len; /* 0: free */
	char text[ADDRESS_KEPT_TEXT_SIZE];
};
/* two legs for each swap; a later swap takes an earlier one's place */
#define API_ADDRESSES_KEPT 16384u

struct api {
	struct loop *loop;
	struct engine *engine;
	const struct config *config;
	const struct token_set *tokens;
	struct api_ports ports;
	struct log_index *log;
	const struct descriptor *deposits;
	struct id128 cluster;
	struct quote_key quote_key;
	struct rate_limit *requests, *swaps;
	struct events *events;
	struct metrics metrics;
	struct latency_maps *latency_maps;
	uint32_t task_request, task_decode; /* rt/cpu_task */
	struct pending *pending;
	uint32_t pending_free; /* head of the list of free ones */
	uint32_t pending_count;
	struct map in_flight; /* idempotency keys of unanswered commands */
	struct map_slot *in_flight_slot;
	struct address_kept *address;  /* API_ADDRESSES_KEPT */
	struct swap_request *offering; /* those that a node is asked about */
};

static inline const struct ledger *call_ledger(const struct call *c)
{
	return engine_ledger(c->api->engine);
}

/* ---- answering: exactly one of these for each call ---- */

/* Now. Takes body. */
NONNULL_ALL void call_answer_json(struct call *c, unsigned status, struct json *body);
NONNULL_ALL void call_answer_text(
	struct call *c, unsigned status, const char *content_type, struct slice text);
PRINTF_LIKE(3, 4) void call_problem(struct call *c, const char *code, const char *fmt, ...);
/* invalid_request, and with another code. */
NONNULL_ALL void call_invalid(struct call *c, const struct field_errors *errors);
NONNULL_ALL void call_problem_fields(
	struct call *c, const char *code, const struct field_errors *errors);
/* Takes a token of the peer from the limit; false: answered. */
MUST_USE NONNULL_ALL bool call_take(struct call *c, struct rate_limit *limit);
NONNULL_ALL void call_refused(struct call *c, const struct engine_refusal *refusal);
/* What the engine could not append: the disk is full, or too much at once. */
NONNULL_ALL void call_not_taken(struct call *c, enum err err);
/* When an answer may depend on everything that the ledger shows now: durable, or what the journal's
 * mode calls answerable. Takes body. location may be NULL. A call
 * whose idempotency key is set (call_idempotency) keeps it in flight until then. */
void call_answer_durable(struct call *c, unsigned status, struct json *body, const char *location);
/* The same for what shows a preimage: when it is durable, in every mode. */
void call_answer_synced(struct call *c, unsigned status, struct json *body, const char *location);

/* When a node has answered: a pending answer to hand to a layer's callback; NULL: none is left, and
 * the call is answered. Then exactly one of pending_finish and pending_abandon. */
struct pending *call_suspend(struct call *c);
/* NULL where the deadline answered already; the pending is released. Otherwise the call to answer,
 * valid until the caller returns. */
NONNULL_ALL struct call *pending_resume(struct pending *p);
/* What a suspended call carries along: zeroed. */
#define PENDING_NOTE_SIZE 48u
NONNULL_ALL void *pending_note(struct pending *p);

/* ---- requests ---- */

/* The body as JSON; false: answered. *out is owned. */
MUST_USE NONNULL_ALL bool call_body(struct call *c, struct json **out);
/* Whether the request's CPU budget lasts; false: answered. Before anything is changed. */
MUST_USE NONNULL_ALL bool call_affordable(struct call *c);
/* The header's key, set in c and not in flight; false: answered. */
MUST_USE NONNULL_ALL bool call_idempotency(struct call *c);
/* Page size and cursor of a list; false: answered. *next is the index below which to go on, or
 * total. */
struct page {
	uint32_t limit, next;
};
MUST_USE NONNULL_ALL bool call_page(struct call *c, struct page *out, uint32_t total);
/* Whether the page takes another item after `count`: it ends early, with a cursor to go on from,
 * where the CPU budget is spent. */
MUST_USE NONNULL_ALL bool page_goes_on(const struct page *p, uint32_t count);
#define CURSOR_TEXT_SIZE BASE64_BARE_SIZE(5)
NONNULL_ALL void page_cursor(char text[CURSOR_TEXT_SIZE], uint32_t next);
/* "?name=" as a number of records, from 1; untouched where it is not there and not needed. What is
 * wrong is added to errors. */
NONNULL_ALL void call_query_size(
	struct call *c, uint64_t *out, const char *name, bool needed, struct field_errors *errors);
/* The layer of that name when it is enabled; false: answered. */
MUST_USE NONNULL_ALL bool call_layer_enabled(struct call *c, enum layer_id layer);
/* Parameters are journaled: the node knows its wallet. False: answered. */
MUST_USE NONNULL_ALL bool call_ready(struct call *c);
/* One more answer can wait: asked before anything is done that it would tell. False: answered. */
MUST_USE NONNULL_ALL bool call_has_room(struct call *c);
MUST_USE NONNULL_ALL struct id128 call_fresh_id(struct call *c);
/* The descriptor of deposit addresses; NULL: answered. */
MUST_USE NONNULL_ALL const struct descriptor *call_deposits(struct call *c);

/* ---- resources ---- */

MUST_USE NONNULL_ALL bool swap_shows_preimage(const struct swap *s);
MUST_USE NONNULL_ALL struct json *swap_json(struct api *api, const struct swap *s);
MUST_USE NONNULL_ALL struct json *transfer_json(const struct ledger *l, const struct transfer *t);
/* The transactions of an effect, oldest first; an empty array where index is INDEX_NONE. */
MUST_USE NONNULL_ALL struct json *effect_json(const struct ledger *l, uint32_t index);
NONNULL_ALL void json_set_time(struct json *object, const char *key, uint64_t wall_ms);
NONNULL_ALL void json_set_id(struct json *object, const char *key, const struct id128 *id);
NONNULL_ALL void json_set_txid(
	struct json *object, const char *key, enum layer_id layer, const struct hash256 *txid);
const char *transfer_state_name(enum transfer_state s);

/* ---- handlers, one file for each family ---- */

void handle_quotes(struct call *c);
void handle_swap_create(struct call *c);
/* Those that a node was asked about and has not answered. */
NONNULL_ALL void swap_requests_free(struct api *api);
void handle_swap_get(struct call *c);
void handle_swap_list(struct call *c);
void handle_transfer_create(struct call *c);
void handle_transfer_get(struct call *c);
void handle_transfer_list(struct call *c);
void handle_psbt_get(struct call *c);
void handle_psbt_set(struct call *c);
void handle_transfer_cancel(struct call *c);
void handle_sweep_create(struct call *c);
void handle_address_create(struct call *c);
void handle_address_get(struct call *c);
void handle_deposit_list(struct call *c);
void handle_transaction_submit(struct call *c);
void handle_transaction_get(struct call *c);
void handle_layers(struct call *c);
void handle_accounts(struct call *c);
void handle_book_open(struct call *c);
void handle_book_account_list(struct call *c);
void handle_book_account_get(struct call *c);
void handle_book_history(struct call *c);
void handle_book_transfer(struct call *c);
void handle_book_transfer_get(struct call *c);
void handle_log_root(struct call *c);
void handle_log_consistency(struct call *c);
void handle_receipt(struct call *c);
void handle_latch(struct call *c);
void handle_journal_mode_get(struct call *c);
void handle_journal_mode_set(struct call *c);
void handle_events(struct call *c);
void handle_latency(struct call *c);
void handle_metrics(struct call *c);
void handle_healthz(struct call *c);
void handle_readyz(struct call *c);
void handle_openapi(struct call *c);

/* Samples by a timer of the loop, and is what handle_latency shows. */
MUST_USE NONNULL_ALL enum err latency_maps_create(struct latency_maps **out, const struct api *api);
void latency_maps_destroy(struct latency_maps *m);

/* Everything that /readyz asks for. */
struct readiness {
	bool journal, journal_sound, journal_room, signer, params, latch_clear;
	bool layer[LAYER_COUNT], reconciled[LAYER_COUNT]; /* of enabled layers */
	bool ready;
};
NONNULL_ALL void api_readiness(const struct api *api, struct readiness *out);
/* The gauges and counters of everything but HTTP (api_metrics.c). */
NONNULL_ALL void api_put_metrics(struct buf *out, const struct api *api);

#endif
