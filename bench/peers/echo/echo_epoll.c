/* The bare system calls: epoll, level-triggered, one read and one write for each event; for
 * datagrams, recvmmsg and sendmmsg of what is there, or one at a time (`udp1`). */
#include "echo.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define EVENTS 256
#define DATAGRAMS 64
#define DATAGRAM_SIZE 2048

static char buffer[ECHO_BUFFER_SIZE];

static void add(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
	echo_check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
	const int on = 1;
	int fd;
	while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		add(epoll, fd);
	}
}

/* A small answer always fits the socket's buffer: the client waits for it before it asks again. */
static void answer(int fd)
{
	const ssize_t n = read(fd, buffer, sizeof buffer);
	if (n > 0)
		echo_check(write(fd, buffer, (size_t)n) == n, "write");
	else if (n == 0 || errno != EAGAIN)
		close(fd);
}

static void serve_tcp(void)
{
	struct epoll_event events[EVENTS];
	const int listener = echo_bind(SOCK_STREAM), epoll = epoll_create1(EPOLL_CLOEXEC), on = 1;
	echo_check(epoll >= 0 && ioctl(listener, FIONBIO, &on) == 0, "epoll_create1");
	add(epoll, listener);
	for (;;) {
		const int count = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++)
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				answer(events[i].data.fd);
	}
}

/* Blocking: the cheapest wait there is. */
static void serve_udp_single(void)
{
	const int fd = echo_bind(SOCK_DGRAM);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof from;
		const ssize_t n = recvfrom(
			fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
		if (n >= 0)
			(void)sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, length);
	}
}

static void serve_udp_many(void)
{
	static char data[DATAGRAMS][DATAGRAM_SIZE];
	static struct sockaddr_in from[DATAGRAMS];
	struct iovec pieces[DATAGRAMS];
	struct mmsghdr messages[DATAGRAMS];
	const int fd = echo_bind(SOCK_DGRAM);
	memset(messages, 0, sizeof messages);
	for (;;) {
		for (int i = 0; i < DATAGRAMS; i++) {
			pieces[i] = (struct iovec){data[i], DATAGRAM_SIZE};
			messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
				.msg_namelen = sizeof from[i],
				.msg_iov = &pieces[i],
				.msg_iovlen = 1};
		}
		const int count = recvmmsg(fd, messages, DATAGRAMS, MSG_WAITFORONE, 0);
		for (int i = 0; i < count; i++)
			pieces[i].iov_len = messages[i].msg_len;
		for (int sent = 0; sent < count;) {
			const int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
			if (n <= 0)
				break;
			sent += n;
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	echo_start();
	if (strcmp(what, "tcp") == 0)
		serve_tcp();
	if (strcmp(what, "udp1") == 0)
		serve_udp_single();
	if (strcmp(what, "udp") == 0)
		serve_udp_many();
	return 2;
}
