#include "http_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compare.h"
#include "crew.h"
#include "sys/clock.h"

#define CORE 0u
#define LATENCIES_MAX (1u << 20)

static uint32_t latencies[LATENCIES_MAX];
static size_t latency_count;
static uint64_t failed;

static const struct http_load_way *const ways[] = {&http_load_ours, &http_load_ours_epoll,
	&http_load_ours_registered, &http_load_ours_sq_poll, &http_load_epoll, &http_load_curl,
	&http_load_curl_64};

uint64_t http_load_began(void)
{
	return clock_mono_ns();
}

void http_load_ended(uint64_t began, bool good)
{
	const uint64_t took = clock_mono_ns() - began;
	failed += good ? 0 : 1;
	if (latency_count < LATENCIES_MAX)
		latencies[latency_count++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
}

static void put_answer(void)
{
	const struct http_load_answer answer = {.failed = failed,
		.p99_ns = latency_count == 0
			? 0
			: (uint64_t)latency_quantile(latencies, latency_count, 0.99)};
	CHECK(write(STDOUT_FILENO, &answer, sizeof answer) == (ssize_t)sizeof answer);
	failed = 0;
	latency_count = 0;
}

static const struct http_load_way *way_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (strcmp(ways[i]->name, name) == 0)
			return ways[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct http_load_request request;
	const struct http_load_way *way = argc == 4 ? way_of(argv[1]) : NULL;
	if (way == NULL) {
		(void)fprintf(stderr, "usage: http_load WAY PORT IN_FLIGHT\n");
		return EXIT_FAILURE;
	}
	crew_pin(CORE);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	const uint32_t in_flight = (uint32_t)strtoul(argv[3], NULL, 10);
	way->open((uint16_t)strtoul(argv[2], NULL, 10), in_flight);
	way->run(in_flight); /* the connections */
	put_answer();
	while (read(STDIN_FILENO, &request, sizeof request) == (ssize_t)sizeof request) {
		way->run(request.count);
		put_answer();
	}
	return EXIT_SUCCESS;
}
