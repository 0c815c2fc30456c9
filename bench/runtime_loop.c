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
	double trains_goal;    /* of datagrams that come in trains */
} servers[] = {
	{NULL, NULL, "echo_sluice", NULL, "tcp", "udp", 0},
	{"epoll", NULL, "echo_epoll", NULL, "tcp", NULL, 0},
	{"calls one by one", NULL, "echo_epoll", NULL, NULL, "udp1", 10},
	{"recvmmsg", NULL, "echo_epoll", NULL, NULL, "udp", 0},
	{"libuv", NULL, "echo_uv", peer_version_uv, "tcp", "udp", 0},
	{"tokio", NULL, "echo_tokio", peer_version_tokio, "tcp", "udp", 3},
};

enum traffic { TCP, UDP, TRAINS };

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

static bool pair_start(
	struct pair *p, const struct echo_server *s, enum traffic traffic, unsigned clients)
{
	static const char *const load[] = {[TCP] = "tcp", [UDP] = "udp", [TRAINS] = "trains"};
	char port[16], number[16];
	struct echo_answer ready;
	const char *argument = traffic == TCP ? s->tcp : s->udp;
	if (!argument || !server_start(p, s, argument))
		return false;
	(void)snprintf(port, sizeof port, "%u", child_number(&p->server));
	(void)snprintf(number, sizeof number, "%u", clients);
	const char *const arguments[CHILD_ARGUMENTS_MAX] = {load[traffic], port, number};
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
	enum traffic traffic;
	unsigned clients;
	uint64_t count; /* of requests in a round */
	double goal;
} rows[] = {
	{"TCP echo, 64 B, 1 connection", TCP, 1, 4000, 1.2},
	{"TCP echo, 64 B, 100 connections", TCP, 100, 20000, 1.2},
	{"TCP echo, 64 B, 10,000 connections", TCP, 10000, 60000, 1.2},
	{"UDP echo, 64 B, 1 outstanding", UDP, 1, 5000, 0},
	{"UDP echo, 64 B, 64 outstanding", UDP, 64, 30000, 0},
	{"UDP echo, 64 B, in trains of 64", TRAINS, 64, 20000, 0},
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
			.ctx = &pairs[i],
			.goal = {row->traffic == TRAINS ? servers[i].trains_goal : 0}};
		if (!pair_start(&pairs[i], &servers[i], row->traffic, row->clients))
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
