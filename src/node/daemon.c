#include "node/daemon.h"

#include "layer/follow.h"
#include "net/jsonrpc.h"
#include "net/net_pool.h"
#include "net/net_thread.h"
#include "node/core.h"
#include "node/effect_runner.h"
#include "node/log.h"
#include "node/metrics.h"
#include "rt/cpu_budget.h"
#include "rt/offload.h"
#include "rt/parallel.h"
#include "sys/rand.h"
#include "sys/signals.h"

#include <errno.h>
#include <pthread.h>
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

/* Blocks that are being checked, and held meanwhile: two windows of each layer. */
#define JOBS_MAX (2u * FOLLOW_WINDOW * LAYER_COUNT + EFFECT_IN_FLIGHT_MAX)

struct daemon {
	struct config config;
	struct seal_key seal;
	struct token_set tokens;
	struct loop *loop;
	struct net_thread *net;
	struct http_client *http;
	struct http_server *server;
	struct executor *executor; /* CPU work that is too long for the loop */
	struct parallel parallel;  /* the executor's */
	struct offload *offload;   /* likewise: for the loop */
	struct latency *loop_turn;
	struct core *core;
	uint32_t waker;
	pthread_mutex_t over_budget_lock;
	struct cpu_budget_report over_budget; /* the last one */
	uint64_t over_budget_count;           /* not said yet */
	bool stopping;
	int status;
};

static void stop(struct daemon *d, int status)
{
	d->stopping = true;
	d->status = status;
	loop_stop(d->loop);
}

static void on_wake(void *ctx)
{
	(void)ctx; /* say_over_budget follows every step of the loop */
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

/* ---- what the core asks for ---- */

static int status_of(enum core_end end)
{
	switch (end) {
	case CORE_END_SETTINGS: return 2;
	case CORE_END_DATA: return 3;
	case CORE_END_FAILED: return 1;
	}
	UNREACHABLE();
}

static void on_end(void *ctx, enum core_end end)
{
	stop(ctx, status_of(end));
}

static void random_of(void *ctx, void *out, size_t len)
{
	(void)ctx;
	rand_bytes(out, len);
}

/* Jobs for the workers, and their results. */
static uint32_t job_rings(struct link_stat out[2], const struct offload *offload)
{
	struct offload_stat s;
	offload_stat(offload, &s);
	out[0] = (struct link_stat){.name = "cpu_jobs",
		.posted = s.submitted,
		.refused = s.refused,
		.wait_ns_sum = s.took_ns_sum,
		.wait_ns_max = s.took_ns_max,
		.depth = s.jobs_max,
		.waiting = s.open,
		.waiting_peak = s.open_peak};
	out[1] = (struct link_stat){.name = "cpu_results",
		.posted = s.results.pushed,
		.refused = s.results.refused,
		.depth = (uint32_t)s.results.capacity,
		.waiting = (uint32_t)s.results.occupancy,
		.waiting_peak = (uint32_t)s.results.high_water};
	return 2;
}

static struct link_stat log_ring(void)
{
	struct log_stat s;
	log_stat(&s);
	return (struct link_stat){.name = "log",
		.posted = s.said,
		.refused = s.dropped,
		.depth = s.room,
		.waiting = s.waiting,
		.waiting_peak = s.waiting_peak};
}

static void add_pool(struct node_status *out, const struct net_pool *pool)
{
	struct slab_stats stats[NET_POOL_CLASSES_MAX];
	const uint32_t count = net_pool_stats(pool, stats);
	for (uint32_t i = 0; i < count; i++) {
		out->pool[out->pool_count].name = pool->name;
		out->pool[out->pool_count++].stats = stats[i];
	}
}

static void add_pools(const struct daemon *d, struct node_status *out)
{
	const struct net_pool *pool[HTTP_CLIENT_POOLS];
	const uint32_t count = http_client_pools(d->http, pool);
	for (uint32_t i = 0; i < count; i++)
		add_pool(out, pool[i]);
	if (d->server != NULL)
		add_pool(out, http_server_pool(d->server));
}

static void status(void *ctx, struct node_status *out)
{
	const struct daemon *d = ctx;
	out->ring_count = net_thread_stat(d->net, out->ring);
	out->ring_count += job_rings(&out->ring[out->ring_count], d->offload);
	out->ring[out->ring_count++] = log_ring();
	add_pools(d, out);
	executor_totals(d->executor, &out->work, &out->imbalance_milli);
	out->workers = executor_workers(d->executor);
}

static enum err serve(void *ctx)
{
	struct daemon *d = ctx;
	const struct http_server_config http = {.bind = d->config.http_bind,
		.port = d->config.http_port,
		.connection_max = d->config.http_connections,
		.body_max = (size_t)d->config.http_body_max,
		.net = d->net,
		.waiting_max = d->config.limits.waiting,
		.waiting_ms = d->config.limits.deadline_ms};
	const enum err err = http_server_create(
		&d->server, d->loop, &http, api_handle, core_api(d->core));
	if (err != OK) {
		log_line(LOG_ERROR, "http: %s:%u can't be listened on: %s", http.bind,
			(unsigned)http.port, strerror(errno));
		return err;
	}
	log_line(LOG_INFO, "http: listening on %s:%u", http.bind,
		(unsigned)http_server_port(d->server));
	return OK;
}

/* ---- setting up ---- */

/* Workers for CPU work. Where the system gives none, it is done in place. */
static enum err open_executor(struct daemon *d)
{
	char text[EXECUTOR_TEXT_SIZE];
	struct executor_config config = executor_config_default();
	struct cpu_map cpus;
	cpu_map_read(&cpus);
	config.worker_count = cpu_map_parallel(&cpus);
	if (config.worker_count > OFFLOAD_WORKERS_MAX)
		config.worker_count = OFFLOAD_WORKERS_MAX;
	config.pin_threads = false; /* they share the processors with the loop and the journal */
	TRY(executor_create(&d->executor, &config));
	const struct offload_config offload = {
		.loop = d->loop, .executor = d->executor, .jobs_max = JOBS_MAX};
	TRY(offload_create(&d->offload, &offload));
	TRY(latency_series(&d->loop_turn, METRICS_LOOP_TURN, HISTOGRAM_US_HOUR));
	executor_describe(d->executor, text);
	log_line(LOG_INFO, "executor: %s", text);
	return OK;
}

/* To nodes at once: what their upstreams have open, and as much that was given up and is not closed
 * yet. */
static uint32_t calls_max(const struct config *config)
{
	uint32_t layers = 0;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		layers += config->layer[i].enabled;
	return 2 * UPSTREAM_IN_FLIGHT_DEFAULT * (layers == 0 ? 1 : layers);
}

static enum err open_core(struct daemon *d)
{
	enum core_end end = CORE_END_FAILED;
	struct signer *signer = NULL;
	enum err err = open_executor(d);
	if (err == OK)
		err = net_thread_create(&d->net, d->loop, d->config.loop_backend);
	if (err == OK)
		err = http_client_create_remote_with(&d->http, d->loop, d->net,
			&(struct http_client_config){.calls_max = calls_max(&d->config)});
	end = err == OK ? CORE_END_SETTINGS : end;
	if (err == OK)
		err = signer_connect(&signer, d->loop, d->config.signer_socket);
	if (err == OK) {
		d->parallel = executor_parallel(d->executor);
		const struct core_config core = {.config = &d->config,
			.seal = &d->seal,
			.tokens = &d->tokens,
			.loop = d->loop,
			.http = d->http,
			.files = file_system(),
			.parallel = &d->parallel,
			.offload = d->offload,
			.random = random_of,
			.serve = serve,
			.status = status,
			.on_end = on_end,
			.ctx = d};
		err = core_create(&d->core, &end, &core, signer);
	}
	if (err != OK)
		d->status = status_of(end);
	return err;
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

/* ---- running ---- */

static void on_signal(void *ctx)
{
	struct daemon *d = ctx;
	log_line(LOG_INFO, "ending");
	stop(d, 0);
}

static void run(struct daemon *d)
{
	uint64_t wait_ms = 0;
	core_start(d->core);
	while (!d->stopping) {
		(void)loop_step(d->loop, wait_ms);
		say_over_budget(d);
		if (core_turn(d->core, &wait_ms) != OK) {
			log_flush();
			_exit(1); /* no clean-up: what is not durable must not leave by any path */
		}
		latency_record(d->loop_turn, loop_turn_ns(d->loop));
	}
}

static void close_all(struct daemon *d)
{
	cpu_watchdog_stop();
	if (d->server != NULL)
		http_server_destroy(d->server);
	core_destroy(d->core);
	if (d->http != NULL)
		http_client_destroy(d->http);
	net_thread_destroy(d->net);
	offload_destroy(d->offload);
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
	if (log_start() != OK)
		log_line(LOG_WARNING, "no thread for the log: its reader can hold up the engine");
	if (cpu_watchdog_start(on_over_budget, &d) != OK)
		log_line(LOG_WARNING,
			"no thread for the CPU watchdog: tasks look at their own "
			"budgets alone");
	if (open_core(&d) == OK)
		run(&d);
	close_all(&d);
	log_stop();
	return d.status;
}
