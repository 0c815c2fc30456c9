/* What the loop's part asks the load generator to do: `echo_load tcp PORT CONNECTIONS`, or
 * `echo_load udp|trains PORT OUTSTANDING`, answers each request on its standard input with one on
 * its standard output. Its first answer, unasked, is that all connections are there. */
#ifndef BENCH_ECHO_LOAD_H
#define BENCH_ECHO_LOAD_H
#include <stdint.h>

struct echo_request {
	uint64_t count; /* of requests to be sent and answered */
};

struct echo_answer {
	uint64_t ns;
	uint64_t p99_ns; /* of a request, as its sender saw it */
};
#endif
