/* The family http: requests to a node that answers after 50 ms, so many open at once: CPU-seconds
 * that the client's process uses for 100,000 of them. Each contestant is a process on core 0, each
 * with a server of its own on core 1; they take turns. */
#include <stdio.h>
#include <stdlib.h>

#include "child.h"
#include "compare.h"
#include "http_load.h"

#define DELAY_MS "50"
#define UNIT_REQUESTS 100000.0
#define NAME_SIZE 96u

static const char *const no_environment[CHILD_ENVIRONMENT_MAX];

/* The first is ours. */
static const struct sender {
	const char *way, *peer, *form;
	double goal; /* of CPU time */
} senders[] = {
	{"ours", NULL, NULL, 0},
	{"ours_epoll", "sluice on epoll", NULL, 0},
	{"ours_registered", "sluice with registered files", NULL, 0},
	{"ours_sq_poll", "sluice with SQPOLL", NULL, 0},
	{"epoll", "bare epoll", NULL, 0.8},
	{"curl", "libcurl", "one multi", 2},
	{"curl_64", "libcurl", "64 multis", 2},
};

static const struct http_row {
	const char *name;
	uint32_t in_flight;
	uint64_t count; /* of requests in a round */
	unsigned rounds;
} rows[] = {
	{"HTTP client, 1,000 in flight", 1000, 10000, 7},
	{"HTTP client, 10,000 in flight", 10000, 20000, 3},
};

struct pair {
	struct child server, load;
	uint64_t count;
};

static void measure(void *ctx, double *figures)
{
	struct pair *p = ctx;
	struct http_load_answer answer;
	const struct http_load_request request = {.count = p->count};
	const uint64_t before = child_cpu_ns(&p->load);
	child_send(&p->load, &request, sizeof request);
	child_receive(&p->load, &answer, sizeof answer);
	CHECK(answer.failed == 0);
	figures[0] = (double)(child_cpu_ns(&p->load) - before) / 1e9 * UNIT_REQUESTS /
		(double)p->count;
	figures[1] = (double)answer.p99_ns / 1e6;
}

static void pair_start(struct pair *p, const struct sender *s, const struct http_row *row)
{
	char port[16], in_flight[16];
	struct http_load_answer ready;
	const char *const delay[CHILD_ARGUMENTS_MAX] = {DELAY_MS};
	CHECK(child_start(&p->server, "http_late", delay, no_environment));
	(void)snprintf(port, sizeof port, "%u", child_number(&p->server));
	(void)snprintf(in_flight, sizeof in_flight, "%u", row->in_flight);
	const char *const arguments[CHILD_ARGUMENTS_MAX] = {s->way, port, in_flight};
	CHECK(child_start(&p->load, "http_load", arguments, no_environment));
	child_receive(&p->load, &ready, sizeof ready);
	CHECK(ready.failed == 0);
	p->count = row->count;
}

static unsigned run_row(const struct http_row *row)
{
	char p99[NAME_SIZE];
	struct pair pairs[ARRAY_LEN(senders)] = {0};
	struct contestant list[ARRAY_LEN(senders)] = {0};
	(void)snprintf(p99, sizeof p99, "%s, p99", row->name);
	const struct contest contests[] = {
		{.name = row->name, .unit = "CPU-s/100k", .rounds = row->rounds},
		{.name = p99, .unit = "ms", .figure = 1},
	};
	if (!compare_wants(row->name))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		pair_start(&pairs[i], &senders[i], row);
		list[i] = (struct contestant){.peer = senders[i].peer,
			.form = senders[i].form,
			.measure = measure,
			.ctx = &pairs[i],
			.goal = {senders[i].goal}};
	}
	const unsigned missed = compare_figures(
		contests, ARRAY_LEN(contests), list, ARRAY_LEN(list));
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		child_stop(&pairs[i].load);
		child_stop(&pairs[i].server);
	}
	return missed;
}

/* TEXT: only the rows whose name contains it. */
int main(int argc, char **argv)
{
	unsigned missed = 0;
	compare_only(argc > 1 ? argv[1] : NULL);
	compare_machine();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		missed += run_row(&rows[i]);
	return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
