/* The client that the daemon has. */
#include <stdio.h>

#include "http_load.h"
#include "net/http_client.h"

#define URL_SIZE 64u
#define SQ_IDLE_MS 10u
#define SPARE 64u /* timers and descriptors beside those of requests */

static struct loop *loop;
static struct http_client *client;
static char url[URL_SIZE];
static uint32_t in_flight;
static uint64_t left, open_count;
/* When each open one began: its context is its place. */
static uint64_t began[HTTP_IN_FLIGHT_MAX];

static void send_one(uint64_t *place);

static void on_answer(void *ctx, const struct http_answer *answer)
{
	uint64_t *place = ctx;
	http_load_ended(*place, answer->err == OK && answer->status == 200);
	open_count--;
	if (left > 0)
		send_one(place);
}

static void send_one(uint64_t *place)
{
	const struct http_request request = {.method = "POST",
		.url = url,
		.content_type = "application/json",
		.body = slice_str(HTTP_LOAD_BODY),
		.timeout_ms = HTTP_LOAD_TIMEOUT_MS};
	left--;
	open_count++;
	*place = http_load_began();
	CHECK(http_client_send(client, NULL, &request, on_answer, place) == OK);
}

static void open_on(uint16_t port, uint32_t count, struct loop_config config)
{
	const struct http_client_config bounds = {.connection_max = count, .idle_max = count};
	config.timer_max = 4 * count + SPARE;
	config.fd_max = 2 * count + SPARE;
	CHECK(count <= HTTP_IN_FLIGHT_MAX && loop_create(&loop, &config) == OK);
	CHECK(http_client_create_with(&client, loop, &bounds) == OK);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
	in_flight = count;
}

static void open_auto(uint16_t port, uint32_t count)
{
	open_on(port, count, (struct loop_config){.backend = LOOP_AUTO});
}

static void open_epoll(uint16_t port, uint32_t count)
{
	open_on(port, count, (struct loop_config){.backend = LOOP_EPOLL});
}

static void open_registered(uint16_t port, uint32_t count)
{
	open_on(port, count, (struct loop_config){.registered_max = 2 * count});
}

static void open_sq_poll(uint16_t port, uint32_t count)
{
	open_on(port, count, (struct loop_config){.sq_idle_ms = SQ_IDLE_MS});
}

static void run(uint64_t count)
{
	left = count;
	for (uint32_t i = 0; i < in_flight && left > 0; i++)
		send_one(&began[i]);
	while (open_count > 0)
		(void)loop_step(loop, UINT64_MAX);
}

const struct http_load_way http_load_ours = {.name = "ours", .open = open_auto, .run = run};
const struct http_load_way http_load_ours_epoll = {
	.name = "ours_epoll", .open = open_epoll, .run = run};
const struct http_load_way http_load_ours_registered = {
	.name = "ours_registered", .open = open_registered, .run = run};
const struct http_load_way http_load_ours_sq_poll = {
	.name = "ours_sq_poll", .open = open_sq_poll, .run = run};
