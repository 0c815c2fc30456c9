/* What every echo server does at its start and its end, whichever loop it has.
 *
 * An echo server is run as `SERVER tcp` or `SERVER udp`. It binds a free port of 127.0.0.1, prints
 * the port and a newline, sends back what it gets, and ends when its standard input does. It is one
 * thread on core 0; whoever measures reads its CPU clock from outside. */
#ifndef PEERS_ECHO_H
#define PEERS_ECHO_H
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_BACKLOG 4096
#define ECHO_BUFFER_SIZE 65536u
#define ECHO_UDP_BUFFER_SIZE (4 << 20)

static inline void echo_check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static inline void *echo_watch(void *ctx)
{
	char byte;
	(void)ctx;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}

/* As many descriptors as there may be, core 0 for this thread, and an end when the input ends. */
static inline void echo_start(void)
{
	struct rlimit limit;
	pthread_t watcher;
	cpu_set_t set;
	echo_check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	echo_check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	echo_check(pthread_create(&watcher, 0, echo_watch, 0) == 0, "pthread_create");
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* A bound (and for TCP listening) socket without O_NONBLOCK; its port is printed. */
static inline int echo_bind(int type)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof at;
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), size = ECHO_UDP_BUFFER_SIZE;
	echo_check(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bind");
	if (type == SOCK_STREAM)
		echo_check(listen(fd, ECHO_BACKLOG) == 0, "listen");
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	echo_check(getsockname(fd, (struct sockaddr *)&at, &length) == 0, "getsockname");
	printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}
#endif
