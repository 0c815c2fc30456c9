/* The API of api_world_test on a port, until it is killed: for tests that speak HTTP themselves.
 * api_serve_test [PORT]; prints "http://127.0.0.1:PORT OPERATOR_TOKEN". */
#include <stdio.h>
#include <stdlib.h>

#include "node/api_world_test.h"

#define INTERVAL_MS 50u

static struct loop_timer timer;

/* A journal without a thread has no clock for its mode `interval`. */
static void commit(void *ctx)
{
	struct world *w = ctx;
	if (journal_mode_of(w->journal) == JOURNAL_INTERVAL)
		CHECK(journal_wait(w->journal, journal_last(w->journal)) == OK);
	CHECK(loop_timer_set(w->loop, &timer, INTERVAL_MS, commit, w) == OK);
}

int main(int argc, char **argv)
{
	static struct world w;
	char yaml[512];
	(void)snprintf(yaml, sizeof yaml,
		"limits: {request_rate: 1000000, request_burst: 1000000, swap_rate: 1000000, "
		"swap_burst: 1000000, deadline_ms: 500}\n");
	world_open(&w, yaml);
	(void)argv;
	if (argc > 1) { /* a port of the caller's choice instead of any */
		http_server_destroy(w.server);
		const struct http_server_config http = {.bind = "127.0.0.1",
			.port = (uint16_t)strtoul(argv[1], NULL, 10),
			.body_max = w.config.http_body_max};
		CHECK(http_server_create(&w.server, w.loop, &http, api_handle, w.api) == OK);
	}
	world_reconcile(&w);
	commit(&w);
	(void)printf("http://127.0.0.1:%u %s\n", http_server_port(w.server), OPERATOR_TOKEN);
	(void)fflush(stdout);
	loop_run(w.loop);
	world_close(&w);
	return 0;
}
