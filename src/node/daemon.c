#include "node/daemon.h"

#include "node/daemon_internal.h"
#include "node/log.h"
#include "node/metrics.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/rand.h"
#include "sys/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
	"sluiced: settles on Bitcoin and its layers\n"
	"\n"
	"  sluiced --config FILE [--set KEY=VALUE]...\n"
	"\n"
	"  --config FILE     the configuration; `sluice config explain` documents every key\n"
	"  --set KEY=VALUE   overrides one key; so does the environment (SLUICE_BITCOIN_RPC_URL)\n"
	"  --version, --help\n"
	"\n"
	"Exit status: 0 ended as asked; 1 failed while running; 2 wrong usage or configuration;\n"
	"3 the data directory is in use, damaged, or another deployment's.\n";

void daemon_stop(struct daemon *d, int status)
{
	d->stopping = true;
	d->status = status;
	loop_stop(d->loop);
}

/* ---- the journal's thread ---- */

static void on_durable(void *ctx)
{
	struct daemon *d = ctx;
	loop_wake(d->loop, d->waker);
}

static void on_journal_failed(void *ctx, const char *what)
{
	struct daemon *d = ctx;
	(void)snprintf(d->journal_failure, sizeof d->journal_failure, "%s", what);
	/* [FAILED] release: pairs with the acquire in turn() */
	atomic_store_explicit(&d->journal_failed, true, memory_order_release);
	loop_wake(d->loop, d->waker);
}

/* ---- tasks that use too much of the CPU: any thread may find out, the loop's says so ---- */

static void on_over_budget(void *ctx, const struct cpu_budget_report *r)
{
	struct daemon *d = ctx;
	CHECK(pthread_mutex_lock(&d->over_budget_lock) == 0);
	d->over_budget = *r;
	d->over_budget_count++;
	CHECK(pthread_mutex_unlock(&d->over_budget_lock) == 0);
	loop_wake(d->loop, d->waker);
}

/* One line for all since the last turn: the metrics count each. */
static void say_over_budget(struct daemon *d)
{
	CHECK(pthread_mutex_lock(&d->over_budget_lock) == 0);
	const struct cpu_budget_report last = d->over_budget;
	const uint64_t count = d->over_budget_count;
	d->over_budget_count = 0;
	CHECK(pthread_mutex_unlock(&d->over_budget_lock) == 0);
	if (count > 0)
		log_line(LOG_WARNING,
			"%llu over the CPU budget, at last a %s: %llu us of %llu allowed",
			(unsigned long long)count, last.task,
			(unsigned long long)(last.used_ns / 1000),
			(unsigned long long)(last.limit_ns / 1000));
}

static void on_wake(void *ctx)
{
	(void)ctx; /* turn() follows every step of the loop */
}

/* ---- setting up ---- */

static enum err replay(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

/* Workers for CPU work. Where the system gives none, it is done in place. */
static enum err open_executor(struct daemon *d)
{
	char text[EXECUTOR_TEXT_SIZE];
	struct executor_config config = executor_config_default();
	config.pin_threads = false; /* they share the processors with the loop and the journal */
	TRY(executor_create(&d->executor, &config));
	executor_describe(d->executor, text);
	log_line(LOG_INFO, "executor: %s", text);
	return OK;
}

static enum err open_journal(struct daemon *d)
{
	char dir[CONFIG_TEXT_SIZE + 16];
	struct journal_error error = {.text = ""};
	struct journal_config config = {
		.on_durable = on_durable, .on_failed = on_journal_failed, .ctx = d};
	uint64_t seed;

	TRY(latency_series(&config.sync_latency, METRICS_JOURNAL_SYNC, HISTOGRAM_US_HOUR));
	rand_bytes(&seed, sizeof seed);
	rand_bytes(&config.fresh_cluster, sizeof config.fresh_cluster);
	TRY(ledger_create(&d->ledger, &d->config.capacity, &d->seal, seed));
	const struct file_ops *files = file_system();
	enum err err = files->mkdir(files->ctx, d->config.data_dir);
	if (err != OK && err != ERR_EXISTS) {
		log_line(LOG_ERROR, "data_dir %s can't be made: %s", d->config.data_dir,
			file_why(err));
		return err;
	}
	(void)snprintf(dir, sizeof dir, "%s/journal", d->config.data_dir);
	config.dir = dir;
	TRY(open_executor(d));
	const struct parallel parallel = executor_parallel(d->executor);
	config.parallel = &parallel;
	const uint64_t begun = clock_mono_ms();
	err = journal_open(&d->journal, &config, replay, d->ledger, &error);
	if (err != OK) {
		log_line(LOG_ERROR, "journal: %s: %s", err_name(err), error.text);
		return err;
	}
	log_line(LOG_INFO, "journal: %llu records replayed in %llu ms",
		(unsigned long long)d->ledger->seq, (unsigned long long)(clock_mono_ms() - begun));
	const struct engine_config engine = {.journal = d->journal, .ledger = d->ledger};
	return engine_create(&d->engine, &engine);
}

static enum err open_upstream(struct daemon *d, enum layer_id id)
{
	const struct config_layer *c = &d->config.layer[id];
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
	const enum err err = upstream_create(&d->upstream[id], d->http, d->loop, &u);
	bytes_wipe(password, sizeof password);
	if (err != OK)
		log_line(LOG_ERROR, "%s: rpc_url can't be used: %s", layer_name(id), err_name(err));
	return err;
}

/* The time locks allow for observation_ms from a block to our reaction: being behind by as many
 * blocks as come in that time is no reason to wait. */
static uint32_t lag_max(const struct daemon *d, const struct config_layer *c)
{
	const uint64_t blocks = d->config.observation_ms / c->params.block_interval_ms;
	return blocks < LAYER_CURSOR_MAX ? (uint32_t)blocks : LAYER_CURSOR_MAX;
}

static enum err open_layers(struct daemon *d)
{
	TRY(net_thread_create(&d->net, d->loop, d->config.loop_backend));
	TRY(http_client_create_remote(&d->http, d->loop, d->net));
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const enum layer_id id = (enum layer_id)i;
		const struct config_layer *c = &d->config.layer[i];
		d->start[i] = (struct layer_start){.d = d, .id = id};
		if (!c->enabled)
			continue;
		TRY(open_upstream(d, id));
		const struct layer_config layer = {.id = id,
			.network = c->params.network,
			.loop = d->loop,
			.upstream = d->upstream[i],
			.poll_ms = c->poll_ms,
			.lag_max = lag_max(d, c),
			.contract = c->params.contract};
		TRY(layer_create(&d->layer[i], &layer));
	}
	return OK;
}

static enum err load_secrets(struct daemon *d)
{
	uint32_t line = 0;
	enum err err = seal_key_load(&d->seal, d->config.seal_key_file);
	if (err != OK) {
		log_line(LOG_ERROR, "seal_key_file %s: %s", d->config.seal_key_file,
			secrets_why(err));
		return err;
	}
	err = tokens_load(&d->tokens, &line, d->config.operator_token_file);
	if (err != OK && line > 0)
		log_line(LOG_ERROR, "operator_token_file %s:%u: %s", d->config.operator_token_file,
			(unsigned)line, secrets_why(err));
	else if (err != OK)
		log_line(LOG_ERROR, "operator_token_file %s: %s", d->config.operator_token_file,
			secrets_why(err));
	return err;
}

static enum err open_workers(struct daemon *d)
{
	const struct watch_config watch = {.loop = d->loop, .engine = d->engine, .layer = d->layer};
	const struct reconcile_config reconcile = {.loop = d->loop,
		.engine = d->engine,
		.layer = d->layer,
		.interval_ms = d->config.reconcile_interval_ms};
	TRY(signer_connect(&d->signer, d->loop, d->config.signer_socket));
	TRY(watch_create(&d->watch, &watch));
	const struct effect_runner_config effects = {.loop = d->loop,
		.engine = d->engine,
		.journal = d->journal,
		.signer = d->signer,
		.watch = d->watch,
		.layer = d->layer,
		.signer_timeout_ms = d->config.signer_timeout_ms,
		.resubmit_ms = DAEMON_RESUBMIT_MS};
	TRY(effect_runner_create(&d->effects, &effects));
	return reconcile_create(&d->reconciler, &reconcile);
}

/* ---- running ---- */

/* What the ledger has of this layer is what its node has. */
static bool layer_is_current(const struct daemon *d, unsigned id)
{
	struct layer_info info;
	if (d->layer[id] == NULL || !d->start[id].following)
		return false;
	layer_info(d->layer[id], &info);
	return info.err == OK && !info.syncing;
}

/* After every step of the loop: hand over what was appended, answer what became durable, do what is
 * due. */
static void turn(struct daemon *d, uint64_t *wait_ms)
{
	uint64_t effects_next, tick_next;
	/* acquire: pairs with [FAILED] */
	if (atomic_load_explicit(&d->journal_failed, memory_order_acquire)) {
		log_line(LOG_ERROR, "journal: %s: nothing may be acknowledged any more",
			d->journal_failure);
		_exit(1); /* no clean-up: what is not durable must not leave by any path */
	}
	say_over_budget(d);
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		engine_layer_current(d->engine, (enum layer_id)i, layer_is_current(d, i));
	const uint64_t wall = loop_wall_ms(d->loop);
	if (engine_ok(d->engine) &&
		(wall >= d->tick_due_ms || wall + DAEMON_TURN_MS < d->tick_due_ms)) {
		(void)!engine_tick(d->engine, wall, &tick_next);
		watch_sweep(d->watch);
		d->tick_due_ms = tick_next < wall + DAEMON_TURN_MS ? tick_next
								   : wall + DAEMON_TURN_MS;
	}
	if (!engine_ok(d->engine)) {
		log_line(LOG_ERROR, "a record could not be journaled");
		_exit(1);
	}
	engine_flush(d->engine);
	engine_on_durable(d->engine);
	effect_runner_run(d->effects, &effects_next);
	engine_flush(d->engine);

	const uint64_t now = loop_now_ms(d->loop);
	*wait_ms = DAEMON_TURN_MS;
	if (effects_next < now + *wait_ms)
		*wait_ms = effects_next > now ? effects_next - now : 1;
}

static void on_signal(void *ctx)
{
	struct daemon *d = ctx;
	log_line(LOG_INFO, "ending");
	daemon_stop(d, 0);
}

static void run(struct daemon *d)
{
	uint64_t wait_ms = 0;
	daemon_ask_signer(d);
	while (!d->stopping) {
		(void)loop_step(d->loop, wait_ms);
		turn(d, &wait_ms);
	}
}

static void close_all(struct daemon *d)
{
	cpu_watchdog_stop();
	if (d->server != NULL)
		http_server_destroy(d->server);
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (d->layer[i] != NULL)
			layer_stop(d->layer[i]);
	signer_destroy(d->signer);
	reconcile_destroy(d->reconciler);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		layer_destroy(d->layer[i]);
		upstream_destroy(d->upstream[i]);
	}
	if (d->http != NULL)
		http_client_destroy(d->http);
	net_thread_destroy(d->net);
	api_destroy(d->api);
	effect_runner_destroy(d->effects);
	watch_destroy(d->watch);
	journal_close(d->journal);
	engine_destroy(d->engine);
	ledger_destroy(d->ledger);
	executor_destroy(d->executor);
	signals_unwatch();
	if (d->loop != NULL)
		loop_destroy(d->loop);
	bytes_wipe(&d->seal, sizeof d->seal);
}

static int parse_arguments(
	struct config_source *source, const char *set[CONFIG_SET_MAX], int argc, char **argv)
{
	source->set = set;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (strcmp(a, "--version") == 0) {
			(void)puts("sluiced " SLUICE_VERSION);
			return 0;
		}
		if (strcmp(a, "--config") == 0 && i + 1 < argc) {
			source->path = argv[++i];
		} else if (strcmp(a, "--set") == 0 && i + 1 < argc &&
			source->set_count < CONFIG_SET_MAX) {
			set[source->set_count++] = argv[++i];
		} else {
			(void)fprintf(stderr,
				"sluiced: %s: no such option, or its value is missing\n\n%s", a,
				usage);
			return 2;
		}
	}
	if (source->path == NULL) {
		(void)fprintf(stderr, "sluiced: --config is missing\n\n%s", usage);
		return 2;
	}
	return -1;
}

static enum err read_config(struct daemon *d, const struct config_source *source)
{
	static uint8_t storage[CONFIG_EXPLAIN_MAX];
	struct buf problems = buf_init(storage, sizeof storage);
	struct config_error error = {.text = ""};
	if (config_load(&d->config, source, &error) != OK) {
		(void)fprintf(stderr, "sluiced: %s\n", error.text);
		return ERR_FORMAT;
	}
	if (config_check(&d->config, &problems) != OK) {
		(void)fprintf(stderr,
			"sluiced: %s, with what --set and the environment say, can't be used:\n%s",
			source->path, buf_cstr(&problems));
		return ERR_STATE;
	}
	return OK;
}

static enum err open_loop(struct daemon *d)
{
	const struct loop_config config = {.backend = d->config.loop_backend};
	char reason[LOOP_REASON_SIZE];
	const enum err err = loop_create(&d->loop, &config);
	if (err == ERR_UNAVAILABLE) {
		(void)!loop_uring_probe(reason);
		log_line(LOG_ERROR, "loop_backend: %s", reason);
	}
	if (err == OK && loop_fallback_reason(d->loop)[0] != '\0')
		log_line(LOG_INFO, "waiting by %s; %s", loop_backend_name(d->loop),
			loop_fallback_reason(d->loop));
	return err;
}

int daemon_main(int argc, char **argv)
{
	static struct daemon d = {.over_budget_lock = PTHREAD_MUTEX_INITIALIZER};
	const char *set[CONFIG_SET_MAX];
	struct config_source source = {.environment = (const char *const *)environ};
	uint8_t seed[32];

	const int early = parse_arguments(&source, set, argc, argv);
	if (early >= 0)
		return early;
	if (read_config(&d, &source) != OK || load_secrets(&d) != OK)
		return 2;
	rand_bytes(seed, sizeof seed);
	secp_init(seed);
	if (open_loop(&d) != OK || loop_waker_add(d.loop, &d.waker, on_wake, &d) != OK ||
		signals_watch(d.loop, on_signal, &d) != OK)
		return 1;
	if (cpu_watchdog_start(on_over_budget, &d) != OK)
		log_line(LOG_WARNING,
			"no thread for the CPU watchdog: tasks look at their own "
			"budgets alone");
	if (open_journal(&d) != OK)
		d.status = 3;
	else if (open_layers(&d) != OK || open_workers(&d) != OK)
		d.status = 2;
	else
		run(&d);
	close_all(&d);
	return d.status;
}
