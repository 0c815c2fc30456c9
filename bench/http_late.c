/* http_late DELAY_MS: an HTTP server that answers each request so many milliseconds after it came.
 * One thread on core 1; prints its port. It knows only requests like those of http_load. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "crew.h"
#include "sys/clock.h"

#define CORE 1u
#define CONNECTIONS_MAX 65536u
#define REQUEST_SIZE 1024u
#define EVENTS 256
#define BACKLOG 16384
#define NS_PER_MS 1000000u
#define BODY "{\"jsonrpc\":\"2.0\",\"id\":1234567,\"result\":1}"

struct connection {
	uint32_t len;
	char text[REQUEST_SIZE];
};

/* The delay is the same for all: who came first is answered first. */
static struct due {
	int fd;
	uint64_t ns;
} due[CONNECTIONS_MAX];
static uint32_t due_first, due_count;
static struct connection *connections[CONNECTIONS_MAX]; /* by descriptor */
static int epoll;
static uint64_t delay_ns;

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	"Date: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Length: 41\r\n\r\n" BODY;
_Static_assert(sizeof BODY - 1 == 41, "as the answer's head says");

static void accept_all(int listener)
{
	int fd;
	const int on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
		CHECK((unsigned)fd < CONNECTIONS_MAX);
		if (connections[fd] == NULL)
			connections[fd] = malloc(sizeof *connections[fd]);
		CHECK(connections[fd] != NULL);
		connections[fd]->len = 0;
		CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	}
}

static bool is_whole(const struct connection *c)
{
	static const char length[] = "\r\nContent-Length: ", end[] = "\r\n\r\n";
	const char *announced = strstr(c->text, length), *body = strstr(c->text, end);
	return announced != NULL && body != NULL &&
		(size_t)(c->text + c->len - body) - (sizeof end - 1) ==
		strtoul(announced + sizeof length - 1, NULL, 10);
}

static void take(int fd)
{
	struct connection *c = connections[fd];
	const ssize_t n = recv(fd, c->text + c->len, REQUEST_SIZE - 1 - c->len, 0);
	if (n <= 0) {
		(void)close(fd);
		return;
	}
	c->len += (uint32_t)n;
	c->text[c->len] = 0;
	if (!is_whole(c))
		return;
	c->len = 0;
	CHECK(due_count < CONNECTIONS_MAX);
	due[(due_first + due_count++) % CONNECTIONS_MAX] = (struct due){
		.fd = fd, .ns = clock_mono_ns() + delay_ns};
}

/* Returns the milliseconds until the next one. */
static int answer_due(void)
{
	while (due_count > 0) {
		const struct due *d = &due[due_first];
		const uint64_t now = clock_mono_ns();
		if (d->ns > now)
			return (int)((d->ns - now + NS_PER_MS - 1) / NS_PER_MS);
		(void)!send(d->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
		due_first = (due_first + 1) % CONNECTIONS_MAX;
		due_count--;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof at;
	struct rlimit limit;
	struct epoll_event events[EVENTS];
	delay_ns = (argc == 2 ? strtoull(argv[1], NULL, 10) : 0) * NS_PER_MS;
	crew_pin(CORE);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(listener >= 0 && bind(listener, (const struct sockaddr *)&at, len) == 0);
	CHECK(listen(listener, BACKLOG) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listener}};
	CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0);
	/* it ends with its standard input */
	event.data.fd = STDIN_FILENO;
	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0);
	(void)printf("%u\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	for (;;) {
		const int ready = epoll_wait(epoll, events, EVENTS, answer_due());
		for (int i = 0; i < ready; i++) {
			const int fd = events[i].data.fd;
			if (fd == STDIN_FILENO)
				return EXIT_SUCCESS;
			if (fd == listener)
				accept_all(listener);
			else
				take(fd);
		}
	}
}
