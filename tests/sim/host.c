#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "net/http_local_server.h"
#include "node/core.h"
#include "node/snapshots.h"
#include "world.h"

#define DATA "provider"
#define SEGMENT_SIZE (296u << 10)
#define GROUP_MAX (72u << 10)
/* Where every cut is tried: there is little to copy. */
#define SEGMENT_SIZE_SMALL (64u << 10)
#define GROUP_MAX_SMALL (12u << 10)
#define RESTART_MIN_MS 500u
#define RESTART_MAX_MS 8000u
#define CONNECTIONS_MAX 64u
#define UNSYNCED_MAX 8192u

static const char capacity_text[] =
	"{swaps: 512, transfers: 512, effects: 2048, coins: 2048, postings: 8192, addresses: 16, "
	"book_accounts: 64, book_transfers: 512}";
static const char capacity_small_text[] =
	"{swaps: 16, transfers: 16, effects: 64, coins: 128, postings: 1024, addresses: 16, "
	"book_accounts: 16, book_transfers: 64}";
static const char capacity_tight_text[] =
	"{swaps: 16, transfers: 16, effects: 64, coins: 64, postings: 1024, addresses: 16, "
	"book_accounts: 16, book_transfers: 64}";
static const char limits_text[] = "1000, request_burst: 1000";
static const char limits_tight_text[] = "2, request_burst: 4";
static const char config_text[] =
	"http: {port: 0}\n"
	"signer: {timeout_ms: 15000}\n"
	"reconcile_interval_ms: 30000\n"
	"swap: {fee_ppm: 2500, quote_ttl_ms: 60000, offer_ttl_ms: 720000, observation_ms: 20000}\n"
	"limits: {request_rate: %s, swap_rate: 100000, swap_burst: 1000, "
	"request_cpu_us: 60000000}\n"
	"snapshots: {every_bytes: 49152, keep: 2, collect_after: 20}\n"
	"capacity: %s\n"
	"bitcoin: {enabled: true, network: regtest, rpc_url: '%s', poll_ms: 10000, "
	"rpc_cpu_us: 60000000, rpc_timeout_ms: 20000, "
	"block_interval_ms: 60000, drift_permille: 50, outage_ms: 150000, depth: '0:2, 0.2:3', "
	"final_depth: 3, claim_blocks: 3, lock_blocks: 60, funding_blocks: 12, swap_min: 0.0005, "
	"swap_max: 1, bump_blocks: 2}\n"
	"%s: {enabled: true, network: regtest, rpc_url: '%s', poll_ms: 10000, "
	"rpc_cpu_us: 60000000, rpc_timeout_ms: 20000, contract: '0x%s', %s"
	"block_interval_ms: 12000, drift_permille: 50, outage_ms: 150000, depth: '0:4', "
	"final_depth: 6, claim_blocks: 10, lock_blocks: 140, funding_blocks: 60, swap_min: 0.0005, "
	"swap_max: 1, bump_blocks: 5}\n";
static const char lightning_text[] =
	"lightning: {enabled: true, network: regtest, rpc_url: 'http://lightning', "
	"credential_file: '%s', poll_ms: 10000, rpc_timeout_ms: 20000, "
	"block_interval_ms: 60000, drift_permille: 50, outage_ms: 150000, lock_blocks: 60, "
	"funding_blocks: 12, force_close_blocks: 20, swap_min: 0.0005, swap_max: 1}\n";

struct host_settings {
	struct config config;
	struct seal_key seal;
	struct token_set tokens;
};

static uint64_t now_of(const struct host *h)
{
	return loop_now_ms(h->w->loop);
}

/* ---- what the core asks for ---- */

static void on_request(void *ctx, struct http_local_request *request)
{
	struct host *h = ctx;
	if (h->dead)
		http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	else
		nets_serve(&h->w->nets, ACTOR_PROVIDER, request, NULL);
}

static enum err serve(void *ctx)
{
	struct host *h = ctx;
	TRY(http_local_server_create(&h->door, api_handle, core_api(h->core)));
	world_say(h->w, LANE_PROVIDER, TRACE_NOTE, "serves");
	return OK;
}

static void on_end(void *ctx, enum core_end end)
{
	struct host *h = ctx;
	world_wrong(h->w, "the provider gives up by itself (%d)", (int)end);
	h->dead = true;
}

/* ---- power ---- */

static struct file_sim *cut(struct host *h)
{
	uint8_t survives[UNSYNCED_MAX];
	const size_t count = file_sim_unsynced(h->disk);
	CHECK(count <= sizeof survives);
	const unsigned chance = h->cut_clean ? 0 : (unsigned)draw_between(&h->cuts, 0, 1000);
	for (size_t i = 0; i < count; i++)
		survives[i] = draw_chance(&h->cuts, chance);
	return file_sim_crash(h->disk, survives, count);
}

/* What was acknowledged until now, and what could have been. */
static void note(struct host *h)
{
	h->check = true;
	h->durable = journal_durable(core_journal(h->core));
	h->staged = journal_last(core_journal(h->core));
	file_sim_destroy(h->full);
	h->full = file_sim_copy(h->disk);
	file_sim_repair(h->full);
}

void host_kill(struct host *h, bool power)
{
	if (h->dead || h->core == NULL)
		return;
	world_say(h->w, LANE_PROVIDER, TRACE_FAULT, "%s", power ? "loses its power" : "is killed");
	note(h);
	if (power)
		h->after = cut(h);
	h->cuts_made += power;
	h->kills += !power;
	h->dead = true;
	h->cut_in = 0;
}

static void on_change(void *ctx)
{
	struct host *h = ctx;
	if (h->w->exhaust != NULL && !h->dead)
		exhaust_point(h->w->exhaust);
	if (h->dead || h->cut_in == 0 || --h->cut_in > 0)
		return;
	if (h->core == NULL) { /* while it starts: there is nobody yet who acknowledged anything */
		h->after = cut(h);
		h->dead = true;
		h->cuts_made++;
		return;
	}
	host_kill(h, true);
}

/* ---- birth and death ---- */

static void take_away(struct host *h)
{
	struct file_sim *old = h->disk;
	file_sim_on_change(old, NULL, NULL);
	if (h->core != NULL)
		h->last_seq = core_ledger(h->core)->seq;
	if (h->after == NULL) /* before its end writes anything more */
		h->after = file_sim_copy(old);
	core_destroy(h->core);
	h->core = NULL;
	http_local_server_destroy(h->door);
	h->door = NULL;
	http_client_destroy(h->http);
	h->http = NULL;
	file_sim_destroy(old);
	h->disk = h->after;
	h->after = NULL;
	h->dead = false;
	file_sim_on_change(h->disk, on_change, h);
	h->restart_ms = now_of(h) + draw_between(&h->cuts, RESTART_MIN_MS, RESTART_MAX_MS);
}

/* The prefix of what the last process wrote that is still there: it holds everything that was
 * acknowledged, and it folds to the same state. */
static void check_start(struct host *h)
{
	const struct ledger *l = core_ledger(h->core);
	struct hash256 is, want;
	struct journal_error error = {.text = ""};
	uint64_t seq = 0;
	if (l->seq < h->durable || l->seq > h->staged)
		world_wrong(h->w, "%llu records are left, %llu were durable, %llu were made",
			(unsigned long long)l->seq, (unsigned long long)h->durable,
			(unsigned long long)h->staged);
	ledger_hash(l, &is);
	if (host_fold(h, &want, &seq, &error, h->full, l->seq) != OK)
		world_wrong(h->w, "the journal as it was written is refused: %s", error.text);
	else if (seq != l->seq || !hash256_eq(&is, &want))
		world_wrong(h->w, "the state after record %llu is another than before the crash",
			(unsigned long long)l->seq);
	file_sim_destroy(h->full);
	h->full = NULL;
	h->check = false;
}

void host_core_config(struct host *h, struct core_config *out, struct file_sim *disk)
{
	*out = (struct core_config){.config = &h->settings->config,
		.seal = &h->settings->seal,
		.tokens = &h->settings->tokens,
		.loop = h->w->loop,
		.http = h->http,
		.files = file_sim_ops(disk),
		.synchronous = true,
		.segment_size = h->segment_size,
		.group_max = h->group_max,
		.random = draw_source,
		.random_ctx = &h->random,
		.serve = serve,
		.on_end = on_end,
		.ctx = h};
}

static void start(struct host *h)
{
	enum core_end end;
	struct core_config config;
	if (h->w->plan.sockets)
		CHECK(http_client_create_with(&h->http, h->w->loop,
			      &(struct http_client_config){.connection_max = CONNECTIONS_MAX}) ==
			OK);
	else
		CHECK(http_client_create_local(&h->http, h->w->loop, on_request, h) == OK);
	host_core_config(h, &config, h->disk);
	file_sim_capacity(h->disk, h->capacity);
	if (file_sim_strays(h->disk) > 0) {
		check_strays(h->w);
		file_sim_repair(h->disk); /* from another copy, as an operator does */
	}
	const uint64_t struck = file_sim_count(h->disk, FILE_SIM_STRUCK);
	const enum err err = core_create(&h->core, &end, &config, keeper_line(&h->w->keeper));
	h->starts++;
	if (err != OK) {
		h->core = NULL;
		if (!h->dead && h->capacity == UINT64_MAX &&
			file_sim_count(h->disk, FILE_SIM_STRUCK) == struck)
			world_wrong(h->w, "the provider refuses to start: %s", err_name(err));
		h->dead = true;
		return;
	}
	if (h->dead)
		return;
	world_say(h->w, LANE_PROVIDER, TRACE_NOTE, "starts, with %llu records",
		(unsigned long long)core_ledger(h->core)->seq);
	if (h->check)
		check_start(h);
	h->durable_before = 0;
	h->disk_failed = false;
	core_start(h->core);
}

void host_turn(struct host *h)
{
	h->wait_ms = 1000;
	if (h->dead)
		take_away(h);
	if (h->core == NULL) {
		if (now_of(h) >= h->restart_ms)
			start(h);
		if (h->dead)
			take_away(h);
	}
	if (h->core == NULL || now_of(h) < h->stalled_until_ms)
		return;
	const uint64_t before = journal_durable(core_journal(h->core));
	const enum err err = core_turn(h->core, &h->wait_ms);
	if (journal_durable(core_journal(h->core)) != before)
		h->durable_before = before;
	if (err != OK && !h->dead) { /* its disk failed: it ends as sluiced does */
		world_say(h->w, LANE_PROVIDER, TRACE_FAULT, "ends: its disk failed");
		note(h);
		h->failures++;
		h->dead = true;
	}
	if (h->dead)
		take_away(h);
}

void host_serve(struct host *h, struct http_local_request *request, const char *peer)
{
	if (h->dead || h->door == NULL)
		http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	else
		http_local_serve(h->door, request, peer);
}

const struct ledger *host_ledger(const struct host *h)
{
	return h->core == NULL || h->dead ? NULL : core_ledger(h->core);
}

const struct config *host_config(const struct host *h)
{
	return &h->settings->config;
}

uint32_t host_final_depth(const struct host *h, enum layer_id layer)
{
	return h->settings->config.layer[layer].params.final_depth;
}

void host_bounds(const struct host *h, uint64_t *durable, uint64_t *made)
{
	if (h->core != NULL) {
		*durable = journal_durable(core_journal(h->core));
		*made = journal_last(core_journal(h->core));
	} else { /* it starts: as the one before left it */
		*durable = h->check ? h->durable : 0;
		*made = h->check ? h->staged : 0;
	}
}

/* ---- folding anew ---- */

struct fold {
	struct ledger *ledger;
	uint64_t up_to;
};

static enum err fold_record(void *ctx, const struct journal_record *r)
{
	struct fold *f = ctx;
	return r->seq > f->up_to ? OK : ledger_apply(f->ledger, r->seq, r->type, r->payload);
}

enum err host_fold(const struct host *h, struct hash256 *out, uint64_t *seq,
	struct journal_error *error, const struct file_sim *disk, uint64_t up_to)
{
	struct file_sim *copy = file_sim_copy(disk);
	file_sim_repair(copy);
	const enum err err = host_fold_as_is(h, out, seq, error, copy, up_to);
	file_sim_destroy(copy);
	return err;
}

enum err host_fold_as_is(const struct host *h, struct hash256 *out, uint64_t *seq,
	struct journal_error *error, struct file_sim *copy, uint64_t up_to)
{
	struct journal *j = NULL;
	struct snapshots_found found;
	const struct snapshots_source source = {.ops = file_sim_ops(copy),
		.dir = HOST_JOURNAL,
		.capacity = &h->settings->config.capacity,
		.seal = &h->settings->seal,
		.map_seed = h->w->seed,
		.oldest = true, /* a start takes the newest */
		.up_to = up_to};
	CHECK(snapshots_restore(&found, &source) == OK);
	struct fold fold = {.ledger = found.ledger, .up_to = up_to};
	const struct journal_config config = {.dir = HOST_JOURNAL,
		.fresh_cluster = {{1}},
		.ops = file_sim_ops(copy),
		.start = &found.start,
		.segment_size = h->segment_size,
		.group_max = h->group_max,
		.synchronous = true};
	const enum err err = journal_open(&j, &config, fold_record, &fold, error);
	if (err == OK) {
		ledger_hash(fold.ledger, out);
		*seq = fold.ledger->seq;
		journal_close(j);
	}
	ledger_destroy(fold.ledger);
	return err;
}

/* ---- life ---- */

void host_init(struct host *h, struct world *w)
{
	struct config_error error = {.text = ""};
	const struct config_source source = {.path = NULL};
	static uint8_t storage[CONFIG_EXPLAIN_MAX];
	struct buf problems = buf_init(storage, sizeof storage);
	const enum layer_id other = nets_other(&w->nets);
	char text[4096], lightning[512] = "", contract[41], token[41], tokens[128] = "";
	uint32_t line;
	const bool small = w->plan.subsets > 0, sockets = w->plan.sockets;
	*h = (struct host){.w = w,
		.disk = file_sim_create(),
		.capacity = UINT64_MAX,
		.segment_size = small || w->plan.tight ? SEGMENT_SIZE_SMALL : SEGMENT_SIZE,
		.group_max = small || w->plan.tight ? GROUP_MAX_SMALL : GROUP_MAX};
	h->settings = sim_alloc(sizeof *h->settings);
	h->settings->seal = (struct seal_key){{9}};
	draw_init(&h->random, w->seed, "provider", 0);
	draw_init(&h->cuts, w->seed, "provider's machine", 0);
	hex_encode(contract, w->nets.contract.b, sizeof w->nets.contract.b);
	hex_encode(token, w->nets.token.b, sizeof w->nets.token.b);
	if (layer_gas_apart(other))
		(void)snprintf(tokens, sizeof tokens, "token: '0x%s', gas_value: 0.04, ", token);
	(void)snprintf(text, sizeof text, config_text,
		w->plan.tight ? limits_tight_text : limits_text,
		w->plan.tight   ? capacity_tight_text
			: small ? capacity_small_text
				: capacity_text,
		sockets ? DOOR_BITCOIN : "http://bitcoin", layer_name(other),
		sockets ? DOOR_ROOTSTOCK : "http://accounts", contract, tokens);
	if (w->plan.lightning)
		(void)snprintf(lightning, sizeof lightning, lightning_text, w->nets.lnds.macaroon);
	CHECK(strlen(text) + strlen(lightning) < sizeof text);
	memcpy(text + strlen(text), lightning, strlen(lightning) + 1);
	if (config_load_text(&h->settings->config, slice_str(text), &source, &error) != OK ||
		config_check(&h->settings->config, &problems) != OK) {
		(void)fprintf(stderr, "%s%s\n", error.text, buf_cstr(&problems));
		CHECK(false);
	}
	(void)snprintf(
		h->settings->config.data_dir, sizeof h->settings->config.data_dir, "%s", DATA);
	CHECK(tokens_parse(&h->settings->tokens, &line, slice_str(HOST_TOKEN "\n")) == OK);
	file_sim_on_change(h->disk, on_change, h);
}

void host_fini(struct host *h)
{
	file_sim_on_change(h->disk, NULL, NULL);
	core_destroy(h->core);
	http_local_server_destroy(h->door);
	if (h->http != NULL)
		http_client_destroy(h->http);
	file_sim_destroy(h->disk);
	file_sim_destroy(h->after);
	file_sim_destroy(h->full);
	free(h->settings);
}
