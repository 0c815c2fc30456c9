/* echo_load: requests of 64 bytes, each connection's next as soon as its last was answered; or
 * datagrams, so many outstanding, one by one or in trains. One thread on core 1. */
#include "echo_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "crew.h"
#include "sys/clock.h"
#include "sys/datagrams.h"

#define MESSAGE_SIZE 64u
#define CONNECTIONS_MAX 100000u
#define OUTSTANDING_MAX 1024u
#define EVENTS 256
#define LATENCIES_MAX (1u << 20)
#define CORE 1u
/* Datagrams may be lost; a round without any for so long sends what is missing again. */
#define LOST_AFTER_MS 200

static struct connection {
	int fd;
	uint32_t got; /* of the answer under way */
	uint64_t sent_ns;
} connections[CONNECTIONS_MAX];
static unsigned connection_count;
static int epoll;
static uint32_t latencies[LATENCIES_MAX];
static size_t latency_count;

static void latency_add(uint64_t since)
{
	const uint64_t took = clock_mono_ns() - since;
	if (latency_count < LATENCIES_MAX)
		latencies[latency_count++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
}

static int compare_latencies(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int connect_to(int type, uint16_t port)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	CHECK(fd >= 0);
	CHECK(connect(fd, (const struct sockaddr *)&at, sizeof at) == 0);
	if (type == SOCK_STREAM)
		CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	return fd;
}

static void send_one(struct connection *c)
{
	static const char message[MESSAGE_SIZE] = "echo";
	c->got = 0;
	c->sent_ns = clock_mono_ns();
	CHECK(send(c->fd, message, sizeof message, 0) == (ssize_t)sizeof message);
}

/* Returns whether an answer is complete. */
static bool take_some(struct connection *c)
{
	char answer[MESSAGE_SIZE];
	const ssize_t n = recv(c->fd, answer, sizeof answer - c->got, 0);
	CHECK(n > 0);
	c->got += (uint32_t)n;
	if (c->got < MESSAGE_SIZE)
		return false;
	latency_add(c->sent_ns);
	return true;
}

/* With fewer requests than connections, some have none to send. */
static void run_tcp(uint64_t count)
{
	struct epoll_event events[EVENTS];
	uint64_t sent = 0, answered = 0;
	for (; sent < count && sent < connection_count; sent++)
		send_one(&connections[sent]);
	while (answered < count) {
		const int ready = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			struct connection *c = events[i].data.ptr;
			if (!take_some(c))
				continue;
			answered++;
			if (sent < count) {
				send_one(c);
				sent++;
			}
		}
	}
}

/* One socket; a datagram carries the time at which it left. Several leave and come by one call. */
static void run_udp(uint64_t count, unsigned outstanding)
{
	static char data[OUTSTANDING_MAX][MESSAGE_SIZE];
	static struct iovec pieces[OUTSTANDING_MAX];
	static struct mmsghdr messages[OUTSTANDING_MAX];
	uint64_t answered = 0;
	unsigned in_flight = 0;
	for (unsigned i = 0; i < outstanding; i++) {
		pieces[i] = (struct iovec){data[i], MESSAGE_SIZE};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
	}
	while (answered < count) {
		const uint64_t left = count - answered - in_flight;
		const unsigned room = outstanding - in_flight;
		const unsigned more = left < room ? (unsigned)left : room;
		const uint64_t now = clock_mono_ns();
		for (unsigned i = 0; i < more; i++)
			memcpy(data[i], &now, sizeof now);
		for (unsigned sent = 0; sent < more;) {
			const int n = sendmmsg(connections->fd, messages, more - sent, 0);
			CHECK(n > 0);
			sent += (unsigned)n;
		}
		in_flight += more;
		const int n = recvmmsg(
			connections->fd, messages, outstanding, MSG_WAITFORONE, NULL);
		if (n <= 0) { /* lost: the time limit of the socket is over */
			in_flight = 0;
			continue;
		}
		for (int i = 0; i < n; i++) {
			uint64_t since;
			memcpy(&since, data[i], sizeof since);
			latency_add(since);
		}
		answered += (unsigned)n;
		in_flight -= (unsigned)n < in_flight ? (unsigned)n : in_flight;
	}
}

static void put_answer(const struct echo_answer *answer)
{
	CHECK(write(STDOUT_FILENO, answer, sizeof *answer) == (ssize_t)sizeof *answer);
}

static void open_tcp(uint16_t port, unsigned count)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	CHECK(epoll >= 0 && count <= CONNECTIONS_MAX);
	for (; connection_count < count; connection_count++) {
		struct connection *c = &connections[connection_count];
		struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
		c->fd = connect_to(SOCK_STREAM, port);
		CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) == 0);
	}
}

static uint64_t trains_answered;

static void on_train(void *ctx, const struct datagram_train *train)
{
	(void)ctx;
	for (size_t at = 0; at + MESSAGE_SIZE <= train->bytes.len; at += MESSAGE_SIZE) {
		uint64_t since;
		memcpy(&since, train->bytes.ptr + at, sizeof since);
		latency_add(since);
		trains_answered++;
	}
}

/* So many at a time, as one train; the next when all are back, or given up. */
static void run_trains(uint64_t count, unsigned outstanding)
{
	static struct datagrams *datagrams;
	static uint8_t data[OUTSTANDING_MAX * MESSAGE_SIZE];
	const struct datagrams_config config = {0};
	if (datagrams == NULL)
		CHECK(datagrams_create(&datagrams, connections->fd, &config) == OK);
	for (uint64_t done = 0; done < count;) {
		const uint64_t now = clock_mono_ns(), left = count - done;
		const size_t n = left < outstanding ? (size_t)left : outstanding;
		for (size_t i = 0; i < n; i++)
			memcpy(data + i * MESSAGE_SIZE, &now, sizeof now);
		const struct datagram_train train = {
			.bytes = slice_of(data, n * MESSAGE_SIZE), .segment = MESSAGE_SIZE};
		datagrams_send(datagrams, &train);
		datagrams_flush(datagrams);
		trains_answered = 0;
		while (trains_answered < n) {
			struct pollfd wait = {.fd = connections->fd, .events = POLLIN};
			uint32_t trains;
			if (poll(&wait, 1, LOST_AFTER_MS) == 0)
				break;
			CHECK(datagrams_receive(datagrams, &trains, on_train, NULL) == OK);
		}
		done += trains_answered;
	}
}

static void open_udp(uint16_t port, unsigned outstanding)
{
	const struct timeval limit = {.tv_usec = LOST_AFTER_MS * 1000};
	const int size = 4 << 20;
	CHECK(outstanding <= OUTSTANDING_MAX);
	connections->fd = connect_to(SOCK_DGRAM, port);
	connection_count = 1;
	CHECK(setsockopt(connections->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
	(void)setsockopt(connections->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct echo_request request;
	if (argc != 4) {
		(void)fprintf(stderr, "usage: echo_load tcp|udp|trains PORT COUNT\n");
		return EXIT_FAILURE;
	}
	const bool tcp = strcmp(argv[1], "tcp") == 0, trains = strcmp(argv[1], "trains") == 0;
	const uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
	const unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
	crew_pin(CORE);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (tcp)
		open_tcp(port, count);
	else
		open_udp(port, count);
	put_answer(&(struct echo_answer){0});
	while (read(STDIN_FILENO, &request, sizeof request) == (ssize_t)sizeof request) {
		const uint64_t began = clock_mono_ns();
		latency_count = 0;
		if (tcp)
			run_tcp(request.count);
		else if (trains)
			run_trains(request.count, count);
		else
			run_udp(request.count, count);
		const uint64_t took = clock_mono_ns() - began;
		qsort(latencies, latency_count, sizeof *latencies, compare_latencies);
		put_answer(&(struct echo_answer){
			.ns = took, .p99_ns = latencies[(latency_count - 1) * 99 / 100]});
	}
	return EXIT_SUCCESS;
}
