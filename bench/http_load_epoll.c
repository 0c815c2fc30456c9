/* The bound: sockets and epoll, one write and one read for a request, its text made once; no
 * deadlines, no pool, and of an answer only what this server's look like. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "http_load.h"

#define REQUEST_SIZE 512u
#define ANSWER_SIZE 4096u
#define EVENTS 256

struct connection {
	int fd;
	uint64_t began;
};

static struct connection *connections;
static uint32_t connection_count;
static int epoll;
static char text[REQUEST_SIZE];
static size_t text_len;

static void connect_one(struct connection *c, uint16_t port)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	const int on = 1;
	struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&at, sizeof at) == 0);
	CHECK(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) == 0);
}

static void open_all(uint16_t port, uint32_t in_flight)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	connections = calloc(in_flight, sizeof *connections);
	CHECK(epoll >= 0 && connections != NULL);
	connection_count = in_flight;
	for (uint32_t i = 0; i < in_flight; i++)
		connect_one(&connections[i], port);
	const int n = snprintf(text, sizeof text,
		"POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: sluice\r\nAccept: */*\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		port, strlen(HTTP_LOAD_BODY), HTTP_LOAD_BODY);
	CHECK(n > 0 && (size_t)n < sizeof text);
	text_len = (size_t)n;
}

static void send_one(struct connection *c)
{
	c->began = http_load_began();
	CHECK(send(c->fd, text, text_len, MSG_NOSIGNAL) == (ssize_t)text_len);
}

static bool take_answer(struct connection *c)
{
	static const char ok[] = "HTTP/1.1 200",
			  length[] = "\r\nContent-Length: ", end[] = "\r\n\r\n";
	char answer[ANSWER_SIZE];
	const ssize_t n = recv(c->fd, answer, sizeof answer - 1, 0);
	CHECK(n > 0);
	answer[n] = 0;
	const char *announced = strstr(answer, length), *body = strstr(answer, end);
	CHECK(announced != NULL && body != NULL);
	return memcmp(answer, ok, sizeof ok - 1) == 0 &&
		strtoul(announced + sizeof length - 1, NULL, 10) ==
		(size_t)(answer + n - body) - (sizeof end - 1);
}

static void run(uint64_t count)
{
	struct epoll_event events[EVENTS];
	uint64_t sent = 0, answered = 0;
	for (; sent < count && sent < connection_count; sent++)
		send_one(&connections[sent]);
	while (answered < count) {
		const int ready = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			struct connection *c = events[i].data.ptr;
			http_load_ended(c->began, take_answer(c));
			answered++;
			if (sent < count) {
				send_one(c);
				sent++;
			}
		}
	}
}

const struct http_load_way http_load_epoll = {.name = "epoll", .open = open_all, .run = run};
