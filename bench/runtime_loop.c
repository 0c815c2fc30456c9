/* Event loops: echo servers, each one thread on core 0 of a process of its own, and a load
 * generator for each on core 1. They take turns; what counts is how much of the CPU a server uses
 * for a request. */
#include "child.h"
#include "echo_load.h"
#include "peers/peers.h"
#include "runtime.h"

#define PATH_SIZE 4096u
#define SERVERS_MAX 6u
#define ROUNDS 11u

static const char *const no_environment[CHILD_ENVIRONMENT_MAX];

/* The first is ours. */
static const struct echo_server {
	const char *peer, *form, *program, *version;
	const char *tcp, *udp; /* its argument, or NULL: it does not serve that */
} servers[] = {
	{NULL, NULL, "echo_sluice", NULL, "tcp", "udp"},
	{"epoll", NULL, "echo_epoll", NULL, "tcp", NULL},
	{"bare calls", "one by one", "echo_epoll", NULL, NULL, "udp1"},
	{"bare calls", "recvmmsg", "echo_epoll", NULL, NULL, "udp"},
	{"libuv", NULL, "echo_uv", peer_version_uv, "tcp", "udp"},
	{"tokio", NULL, "echo_tokio", peer_version_tokio, "tcp", "udp"},
};

struct pair {
	struct child server, load;
	uint64_t count;
};

/* Peers' programs lie where bench/peers/build.sh put them; ours beside this one. */
static bool server_start(struct pair *p, const struct echo_server *s, const char *argument)
{
	char path[PATH_SIZE];
	const char *const arguments[CHILD_ARGUMENTS_MAX] = {argument};
	if (s->peer)
		(void)snprintf(path, sizeof path, PEERS_DIR "/%s", s->program);
	else
		(void)snprintf(path, sizeof path, "%s", s->program);
	return child_start(&p->server, path, arguments, no_environment);
}

static bool pair_start(struct pair *p, const struct echo_server *s, bool tcp, unsigned clients)
{
	char port[16], number[16];
	struct echo_answer ready;
	const char *argument = tcp ? s->tcp : s->udp;
	if (!argument || !server_start(p, s, argument))
		return false;
	(void)snprintf(port, sizeof port, "%u", child_number(&p->server));
	(void)snprintf(number, sizeof number, "%u", clients);
	const char *const arguments[CHILD_ARGUMENTS_MAX] = {tcp ? "tcp" : "udp", port, number};
	CHECK(child_start(&p->load, "echo_load", arguments, no_environment));
	child_receive(&p->load, &ready, sizeof ready);
	return true;
}

static void measure(void *ctx, double *figures)
{
	struct pair *p = ctx;
	struct echo_answer answer;
	const uint64_t before = child_cpu_ns(&p->server);
	child_send(
		&p->load, &(struct echo_request){.count = p->count}, sizeof(struct echo_request));
	child_receive(&p->load, &answer, sizeof answer);
	figures[0] = (double)p->count * 1e9 / (double)(child_cpu_ns(&p->server) - before);
	figures[1] = (double)answer.p99_ns / 1e3;
}

static const struct loop_row {
	const char *name;
	bool tcp;
	unsigned clients;
	uint64_t count; /* of requests in a round */
	double goal;
} rows[] = {
	{"TCP echo, 64 B, 1 connection", true, 1, 4000, 1.2},
	{"TCP echo, 64 B, 100 connections", true, 100, 20000, 1.2},
	{"TCP echo, 64 B, 10,000 connections", true, 10000, 60000, 1.2},
	{"UDP echo, 64 B, 1 outstanding", false, 1, 5000, 0},
	{"UDP echo, 64 B, 64 outstanding", false, 64, 30000, 0},
};

static unsigned run_row(const struct loop_row *row)
{
	char p99[96];
	struct pair pairs[ARRAY_LEN(servers)] = {0};
	struct contestant list[ARRAY_LEN(servers)] = {0};
	(void)snprintf(p99, sizeof p99, "%s, p99", row->name);
	const struct contest contests[] = {
		{.name = row->name,
			.unit = "req/CPU-s",
			.larger_is_better = true,
			.goal_best = row->goal,
			.rounds = ROUNDS},
		{.name = p99, .unit = "us", .figure = 1},
	};
	if (!compare_wants(row->name))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		double warm[COMPARE_FIGURES_MAX];
		pairs[i].count = row->count;
		list[i] = (struct contestant){.peer = servers[i].peer,
			.form = servers[i].form,
			.version = servers[i].version,
			.ctx = &pairs[i]};
		if (!pair_start(&pairs[i], &servers[i], row->tcp, row->clients))
			continue;
		list[i].measure = measure;
		measure(&pairs[i], warm);
	}
	const unsigned missed = compare_figures(
		contests, ARRAY_LEN(contests), list, ARRAY_LEN(list));
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		child_stop(&pairs[i].load);
		child_stop(&pairs[i].server);
	}
	return missed;
}

unsigned runtime_loop(void)
{
	unsigned missed = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missed += run_row(&rows[i]);
	return missed;
}
