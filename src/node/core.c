#include "node/core_internal.h"

#include "layer/lightning/node.h"
#include "node/log.h"
#include "node/metrics.h"
#include "rt/cpu_budget.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

void core_stop(struct core *k, enum core_end end)
{
	if (k->stopping)
		return;
	k->stopping = true;
	k->c.on_end(k->c.ctx, end);
}

/* ---- what the journal's thread says ---- */

static void on_durable(void *ctx)
{
	struct core *k = ctx;
	loop_wake(k->loop, k->waker);
}

static void on_journal_failed(void *ctx, const char *what)
{
	struct core *k = ctx;
	(void)snprintf(k->journal_failure, sizeof k->journal_failure, "%s", what);
	/* [FAILED] release: pairs with the acquire in core_turn */
	atomic_store_explicit(&k->journal_failed, true, memory_order_release);
	loop_wake(k->loop, k->waker);
}

static void on_wake(void *ctx)
{
	(void)ctx; /* core_turn follows every step of the loop */
}

/* ---- setting up ---- */

static enum err replay(void *ctx, const struct journal_record *r)
{
	struct core *k = ctx;
	k->replayed++;
	k->replayed_bytes += JOURNAL_RECORD_HEADER_SIZE + r->payload.len;
	return ledger_apply(k->ledger, r->seq, r->type, r->payload);
}

static enum err make_data_dir(const struct core *k)
{
	const enum err err = file_make_dir(k->c.files, k->config->data_dir);
	if (err == OK)
		return OK;
	log_line(LOG_ERROR, "data_dir %s can't be made: %s", k->config->data_dir, file_why(err));
	return err;
}

/* Roots and receipts; business goes on without. */
static void open_log(struct core *k, const char *journal_dir)
{
	char dir[CONFIG_TEXT_SIZE + 16];
	const struct log_index_config config = {.journal = k->journal,
		.journal_dir = journal_dir,
		.dir = dir,
		.ops = k->c.files,
		.synchronous = k->c.synchronous};
	(void)snprintf(dir, sizeof dir, "%s/log", k->config->data_dir);
	const enum err err = log_index_open(&k->log, &config);
	if (err != OK)
		log_line(LOG_WARNING, "log: %s can't be opened (%s): there are no receipts", dir,
			err_name(err));
}

/* What is durable goes into the log's tree. */
static void turn_log(struct core *k)
{
	if (k->log == NULL)
		return;
	log_index_turn(k->log);
	const char *trouble = log_index_trouble(k->log);
	if (trouble != NULL)
		log_line(LOG_WARNING, "log: %s: there are no receipts", trouble);
}

/* Full segments are read again; business goes on without. */
static void open_scrub(struct core *k, const char *journal_dir)
{
	const struct journal_scrub_config config = {.journal = k->journal,
		.dir = journal_dir,
		.ops = k->c.files,
		.bytes_per_second = k->config->scrub_rate,
		.pause_ms = k->config->scrub_pause_ms,
		.on_damage = on_durable,
		.ctx = k};
	if (k->c.synchronous || k->config->scrub_rate == 0)
		return;
	const enum err err = journal_scrub_open(&k->scrub, &config);
	if (err != OK)
		log_line(LOG_WARNING, "journal: nobody looks for damage: %s", err_name(err));
}

static void turn_scrub(struct core *k)
{
	struct journal_error error;
	uint64_t count;
	if (k->scrub != NULL && journal_scrub_damage(k->scrub, &error, &count))
		log_line(LOG_ERROR,
			"journal: %s (%llu damaged segments): nothing is lost yet, but the next "
			"start will refuse it: see `sluice journal repair`",
			error.text, (unsigned long long)count);
}

static void turn_room(struct core *k)
{
	struct journal_stat stat;
	journal_stat(k->journal, &stat);
	if (stat.full && !k->journal_full)
		log_line(LOG_ERROR,
			"journal: the disk has no room for another segment: what is under way goes "
			"on in the %llu bytes that are left, nothing new is taken",
			(unsigned long long)stat.bytes_free);
	else if (!stat.full && k->journal_full)
		log_line(LOG_INFO, "journal: the disk has room again");
	k->journal_full = stat.full;
}

static enum err restore(struct core *k, const char *dir, struct journal_start *start)
{
	const struct snapshots_source source = {.ops = k->c.files,
		.dir = dir,
		.capacity = &k->config->capacity,
		.seal = k->c.seal,
		.map_seed = k->map_seed,
		.up_to = UINT64_MAX};
	struct snapshots_found found;
	const enum err err = snapshots_restore(&found, &source);
	if (err != OK) {
		log_line(LOG_ERROR, "journal: snapshots in %s: %s", dir, file_why(err));
		return err;
	}
	if (found.passed_over > 0)
		log_line(LOG_WARNING, "%u not used; %s", (unsigned)found.passed_over, found.why);
	k->ledger = found.ledger;
	*start = found.start;
	return OK;
}

/* So that the next start has less to replay; business goes on without. */
static void open_snapshots(struct core *k, const char *dir)
{
	(void)snprintf(k->journal_dir, sizeof k->journal_dir, "%s", dir);
	const struct snapshots_config config = {.source = {.ops = k->c.files,
							.dir = k->journal_dir,
							.capacity = &k->config->capacity,
							.seal = k->c.seal,
							.map_seed = k->map_seed,
							.up_to = UINT64_MAX},
		.settings = k->config->snapshots,
		.journal = k->journal,
		.log = k->log,
		.segment_size = k->c.segment_size,
		.floor_seq = UINT64_MAX,
		.behind_bytes = k->replayed_bytes,
		.synchronous = k->c.synchronous};
	const enum err err = snapshots_create(&k->snapshots, &config);
	if (err != OK)
		log_line(LOG_WARNING, "snapshots can't be made: %s", err_name(err));
}

static enum err open_journal(struct core *k)
{
	char dir[CONFIG_TEXT_SIZE + 16];
	struct journal_start start;
	struct journal_error error = {.text = ""};
	struct journal_config config = {.dir = dir,
		.ops = k->c.files,
		.segment_size = k->c.segment_size,
		.group_max = k->c.group_max,
		.synchronous = k->c.synchronous,
		.ring_min = k->config->loop_backend == LOOP_EPOLL ? SIZE_MAX : 0,
		.parallel = k->c.parallel,
		.start = &start,
		.on_durable = on_durable,
		.on_failed = on_journal_failed,
		.ctx = k};

	TRY(latency_series(&config.sync_latency, METRICS_JOURNAL_SYNC, HISTOGRAM_US_HOUR));
	k->c.random(k->c.random_ctx, &k->map_seed, sizeof k->map_seed);
	k->c.random(k->c.random_ctx, &config.fresh_cluster, sizeof config.fresh_cluster);
	TRY(make_data_dir(k));
	(void)snprintf(dir, sizeof dir, "%s/journal", k->config->data_dir);
	const uint64_t begun = clock_mono_ms();
	TRY(restore(k, dir, &start));
	const enum err err = journal_open(&k->journal, &config, replay, k, &error);
	if (err != OK) {
		log_line(LOG_ERROR, "journal: %s: %s", err_name(err), error.text);
		return err;
	}
	open_log(k, dir);
	open_scrub(k, dir);
	log_line(LOG_INFO, "journal: %llu records replayed in %llu ms, behind a snapshot of %llu",
		(unsigned long long)k->replayed, (unsigned long long)(clock_mono_ms() - begun),
		(unsigned long long)start.chain.next_seq - 1);
	open_snapshots(k, dir);
	const struct engine_config engine = {.journal = k->journal, .ledger = k->ledger};
	return engine_create(&k->engine, &engine);
}

static enum err open_upstream(struct core *k, enum layer_id id)
{
	const struct config_layer *c = &k->config->layer[id];
	char password[PASSWORD_SIZE] = "";
	struct upstream_config u = {.name = layer_name(id),
		.url = c->rpc_url,
		.user = c->rpc_user[0] != 0 ? c->rpc_user : NULL,
		.cookie_file = c->rpc_cookie_file[0] != 0 ? c->rpc_cookie_file : NULL,
		.timeout_ms = c->rpc_timeout_ms,
		.version_2 = layer_family(id) == FAMILY_ACCOUNT,
		.cpu_ns = c->rpc_cpu_us * (CPU_BUDGET_MS / 1000)};
	TRY(metrics_layer_call(&u.latency, id));
	if (c->rpc_password_file[0] != 0) {
		const enum err err = password_load(password, c->rpc_password_file);
		if (err != OK) {
			log_line(LOG_ERROR, "%s.rpc_password_file %s: %s", layer_name(id),
				c->rpc_password_file, secrets_why(err));
			return err;
		}
		u.password = password;
	}
	const enum err err = upstream_create(&k->upstream[id], k->c.http, k->loop, &u);
	bytes_wipe(password, sizeof password);
	if (err != OK)
		log_line(LOG_ERROR, "%s: rpc_url can't be used: %s", layer_name(id), err_name(err));
	return err;
}

/* The node's certificate, where it has one of its own, is trusted for nobody else. */
static enum err open_lightning(struct core *k, enum layer_id id)
{
	const struct config_layer *c = &k->config->layer[id];
	struct http_client *http = k->c.http;
	if (c->ca_file[0] != 0) {
		const struct http_client_config own = {.ca_file = c->ca_file};
		const enum err err = http_client_create_with(&k->lightning_http, k->loop, &own);
		if (err != OK) {
			log_line(LOG_ERROR, "%s.ca_file %s: %s", layer_name(id), c->ca_file,
				file_why(err));
			return err;
		}
		http = k->lightning_http;
	}
	const struct ln_node_config node = {.kind = strcmp(c->node, "cln") == 0 ? LN_CLN : LN_LND,
		.network = network_by_name(LAYER_BITCOIN, slice_str(c->params.network->name)),
		.url = c->rpc_url,
		.credential_file = c->credential_file,
		.client = http,
		.loop = k->loop,
		.timeout_ms = c->rpc_timeout_ms,
		.retry_ms = c->poll_ms};
	const enum err err = ln_node_create(&k->lightning, &node);
	if (err != OK)
		log_line(LOG_ERROR, "%s: rpc_url or credential_file %s can't be used: %s",
			layer_name(id), c->credential_file,
			err == ERR_FORMAT ? "not of the right form" : file_why(err));
	return err;
}

/* The time locks allow for observation_ms from a block to our reaction: being behind by as many
 * blocks as come in that time is no reason to wait. */
static uint32_t lag_max(const struct core *k, const struct config_layer *c)
{
	const uint64_t blocks = k->config->observation_ms / c->params.block_interval_ms;
	return blocks < LAYER_CURSOR_MAX ? (uint32_t)blocks : LAYER_CURSOR_MAX;
}

/* Whose blocks a channel's time is counted in. */
static struct layer *chain_of(const struct core *k, enum layer_id id)
{
	const struct network *of[] = {k->config->layer[id].params.network,
		k->config->layer[LAYER_BITCOIN].params.network};
	const bool same = k->layer[LAYER_BITCOIN] != NULL && strcmp(of[0]->name, of[1]->name) == 0;
	return same ? k->layer[LAYER_BITCOIN] : NULL;
}

static enum err open_layers(struct core *k)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const enum layer_id id = (enum layer_id)i;
		const struct config_layer *c = &k->config->layer[i];
		k->start[i] = (struct layer_start){.core = k, .id = id};
		if (!c->enabled)
			continue;
		if (layer_family(id) == FAMILY_CHANNEL)
			TRY(open_lightning(k, id));
		else
			TRY(open_upstream(k, id));
		const struct layer_config layer = {.id = id,
			.network = c->params.network,
			.loop = k->loop,
			.upstream = k->upstream[i],
			.lightning = layer_family(id) == FAMILY_CHANNEL ? k->lightning : NULL,
			.chain = layer_family(id) == FAMILY_CHANNEL ? chain_of(k, id) : NULL,
			.offload = k->c.offload,
			.poll_ms = c->poll_ms,
			.lag_max = lag_max(k, c),
			.contract = c->params.contract,
			.token = c->params.token};
		TRY(layer_create(&k->layer[i], &layer));
	}
	return OK;
}

static enum err open_deposits(struct core *k)
{
	const struct config_layer *c = &k->config->layer[LAYER_BITCOIN];
	if (!c->enabled || c->deposit_descriptor[0] == '\0')
		return OK;
	k->deposits = calloc(1, sizeof *k->deposits);
	if (k->deposits == NULL)
		return ERR_FULL;
	const char *wrong = deposits_read(k->deposits, c->params.network, c->deposit_descriptor);
	if (wrong != NULL)
		log_line(LOG_ERROR, "bitcoin.deposit_descriptor: %s", wrong);
	return wrong == NULL ? OK : ERR_FORMAT;
}

static enum err open_workers(struct core *k)
{
	const struct watch_config watch = {
		.loop = k->loop, .engine = k->engine, .layer = k->layer, .deposits = k->deposits};
	const struct reconcile_config reconcile = {.loop = k->loop,
		.engine = k->engine,
		.layer = k->layer,
		.interval_ms = k->config->reconcile_interval_ms};
	TRY(watch_create(&k->watch, &watch));
	const struct effect_runner_config effects = {.loop = k->loop,
		.engine = k->engine,
		.journal = k->journal,
		.signer = k->signer,
		.watch = k->watch,
		.layer = k->layer,
		.offload = k->c.offload,
		.signer_timeout_ms = k->config->signer_timeout_ms,
		.resubmit_ms = CORE_RESUBMIT_MS};
	TRY(effect_runner_create(&k->effects, &effects));
	return reconcile_create(&k->reconciler, &reconcile);
}

enum err core_create(struct core **out, enum core_end *end, const struct core_config *config,
	struct signer *signer)
{
	struct core *k = calloc(1, sizeof *k);
	*end = CORE_END_FAILED;
	if (k == NULL) {
		signer_destroy(signer);
		return ERR_FULL;
	}
	k->c = *config;
	k->config = config->config;
	k->loop = config->loop;
	k->signer = signer;
	enum err err = loop_waker_add(k->loop, &k->waker, on_wake, k);
	k->has_waker = err == OK;
	if (err == OK) {
		*end = CORE_END_DATA;
		err = open_journal(k);
	}
	if (err == OK) {
		*end = CORE_END_SETTINGS;
		err = open_layers(k);
	}
	if (err == OK)
		err = open_deposits(k);
	if (err == OK)
		err = open_workers(k);
	if (err != OK) {
		core_destroy(k);
		return err;
	}
	*out = k;
	return OK;
}

void core_destroy(struct core *k)
{
	if (k == NULL)
		return;
	k->stopping = true;
	loop_timer_cancel(k->loop, &k->signer_timer);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		loop_timer_cancel(k->loop, &k->start[i].timer);
		if (k->layer[i] != NULL)
			layer_stop(k->layer[i]);
	}
	signer_destroy(k->signer);
	reconcile_destroy(k->reconciler);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		layer_destroy(k->layer[i]);
		upstream_destroy(k->upstream[i]);
	}
	ln_node_destroy(k->lightning);
	if (k->lightning_http != NULL)
		http_client_destroy(k->lightning_http);
	api_destroy(k->api);
	effect_runner_destroy(k->effects);
	watch_destroy(k->watch);
	snapshots_destroy(k->snapshots);
	journal_scrub_close(k->scrub);
	log_index_close(k->log);
	journal_close(k->journal);
	engine_destroy(k->engine);
	ledger_destroy(k->ledger);
	free(k->deposits);
	if (k->has_waker)
		loop_waker_remove(k->loop, k->waker);
	free(k);
}

/* ---- running ---- */

void core_start(struct core *k)
{
	core_ask_signer(k);
}

/* What the ledger has of this layer is what its node has. */
static bool layer_is_current(const struct core *k, unsigned id)
{
	struct layer_info info;
	if (k->layer[id] == NULL || !k->start[id].following)
		return false;
	layer_info(k->layer[id], &info);
	return info.err == OK && !info.syncing;
}

/* How long the loop may wait for something that only the clock tells: at rest there is none. */
static uint64_t patience_ms(const struct core *k)
{
	const bool at_rest = k->ledger->active_swap_count == 0 && k->ledger->open_effect_count == 0;
	return at_rest ? CORE_REST_MS : CORE_TURN_MS;
}

/* The wall clock may have been set back, too. */
static void tick(struct core *k)
{
	const uint64_t wall = loop_wall_ms(k->loop);
	if (!engine_ok(k->engine) ||
		(wall >= k->ticked_ms && wall < k->ticked_ms + patience_ms(k) &&
			wall < k->tick_next_ms && wall < engine_look_ms(k->engine)))
		return;
	(void)!engine_tick(k->engine, wall, &k->tick_next_ms);
	watch_sweep(k->watch);
	k->ticked_ms = wall;
}

enum err core_turn(struct core *k, uint64_t *wait_ms)
{
	uint64_t effects_next;
	/* acquire: pairs with [FAILED] */
	if (atomic_load_explicit(&k->journal_failed, memory_order_acquire)) {
		log_line(LOG_ERROR, "journal: %s: nothing may be acknowledged any more",
			k->journal_failure);
		return ERR_IO;
	}
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		engine_layer_current(k->engine, (enum layer_id)i, layer_is_current(k, i));
	tick(k);
	if (!engine_ok(k->engine)) {
		log_line(LOG_ERROR, "a record could not be journaled");
		return ERR_IO;
	}
	engine_flush(k->engine);
	if (watch_addresses(k->watch) != OK) {
		log_line(LOG_ERROR, "bitcoin: a deposit address can't be watched");
		return ERR_FULL;
	}
	engine_on_durable(k->engine);
	turn_log(k);
	turn_scrub(k);
	turn_room(k);
	if (k->snapshots != NULL)
		snapshots_turn(k->snapshots);
	effect_runner_run(k->effects, &effects_next);
	engine_flush(k->engine);

	const uint64_t now = loop_now_ms(k->loop);
	const uint64_t wall = loop_wall_ms(k->loop), look = engine_look_ms(k->engine);
	*wait_ms = patience_ms(k);
	if (look < wall + *wait_ms)
		*wait_ms = look > wall ? look - wall : 1;
	if (effects_next < now + *wait_ms)
		*wait_ms = effects_next > now ? effects_next - now : 1;
	return OK;
}

struct api *core_api(const struct core *k)
{
	return k->api;
}

const struct ledger *core_ledger(const struct core *k)
{
	return k->ledger;
}

const struct journal *core_journal(const struct core *k)
{
	return k->journal;
}

struct log_index *core_log(const struct core *k)
{
	return k->log;
}
