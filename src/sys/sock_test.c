/* Sockets: who may connect, what is told about failure, bytes both ways, the end of a stream. */
#include "sys/sock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/env.h"
#include "sys/loop.h"

static char dir[] = "/tmp/sock_test.XXXXXX";
static char path[64];

/* Connected both ways: one[0] is the accepted end. */
static void accept_pair(int pair[2], int listener)
{
	CHECK(sock_connect_unix(&pair[1], path) == OK);
	CHECK(sock_accept(&pair[0], listener) == OK);
	CHECK(sock_accept(&pair[0], listener) == ERR_NOT_FOUND);
}

static void test_unix_listen(void)
{
	int listener, other, fd = -7;
	struct stat st;
	CHECK(sock_connect_unix(&fd, path) == ERR_UNAVAILABLE && fd == -7);
	(void)umask(0);
	CHECK(sock_listen_unix(&listener, path) == OK);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(sock_listen_unix(&other, path) == ERR_EXISTS);
	CHECK(sock_port(listener) == 0);
	/* its file stays behind: nobody listens, and another takes the place */
	sock_close(listener);
	CHECK(sock_connect_unix(&fd, path) == ERR_UNAVAILABLE && fd == -7);
	CHECK(sock_listen_unix(&listener, path) == OK);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	sock_close(listener);
	CHECK(unlink(path) == 0);
	/* a file of another kind is never replaced */
	const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(file >= 0 && close(file) == 0);
	CHECK(sock_listen_unix(&listener, path) == ERR_EXISTS && stat(path, &st) == 0);
	CHECK(S_ISREG(st.st_mode) && unlink(path) == 0);

	char name[SOCK_PATH_MAX + 2];
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	CHECK(sock_listen_unix(&listener, name) == ERR_FORMAT);
	CHECK(sock_connect_unix(&fd, name) == ERR_FORMAT &&
		sock_connect_unix(&fd, "") == ERR_FORMAT);
	CHECK(sock_listen_unix(&listener, "/nowhere/at/all") != OK);
}

static void test_bytes(void)
{
	static uint8_t sent[300000], got[300000];
	int listener, pair[2];
	struct sock_peer peer;
	size_t n = 0, out = 0, in = 0;
	CHECK(sock_listen_unix(&listener, path) == OK);
	accept_pair(pair, listener);
	CHECK(sock_peer(&peer, pair[0]) == OK);
	CHECK(peer.uid == sock_own_uid() && peer.pid == (uint32_t)getpid());
	CHECK((fcntl(pair[0], F_GETFD) & FD_CLOEXEC) != 0 &&
		(fcntl(pair[1], F_GETFD) & FD_CLOEXEC) != 0);

	CHECK(sock_read(pair[0], got, sizeof got, &n) == ERR_SHORT);
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	bool full = false;
	while (in < sizeof sent) {
		const enum err err = sock_write(
			pair[1], slice_of(sent + out, sizeof sent - out), &n);
		CHECK(err == OK || err == ERR_SHORT);
		full = full || err == ERR_SHORT || n < sizeof sent - out;
		out += err == OK ? n : 0;
		while (sock_read(pair[0], got + in, sizeof got - in, &n) == OK && n > 0)
			in += n;
	}
	CHECK(full && memcmp(sent, got, sizeof sent) == 0);

	CHECK(!sock_is_ended(pair[0]));
	CHECK(sock_write(pair[1], slice_str("last"), &n) == OK && n == 4);
	sock_end(pair[1]);
	CHECK(!sock_is_ended(pair[0])); /* bytes wait */
	CHECK(sock_read(pair[0], got, sizeof got, &n) == OK && n == 4);
	CHECK(sock_is_ended(pair[0]));
	CHECK(sock_read(pair[0], got, sizeof got, &n) == OK && n == 0);
	CHECK(sock_write(pair[0], slice_str("back"), &n) == OK);
	CHECK(sock_read(pair[1], got, sizeof got, &n) == OK && n == 4);
	sock_close(pair[1]);
	/* no SIGPIPE */
	enum err err = OK;
	for (int i = 0; i < 3 && err == OK; i++)
		err = sock_write(pair[0], slice_str("nobody"), &n);
	CHECK(err == ERR_IO);
	sock_close(pair[0]);

	accept_pair(pair, listener);
	sock_shut(pair[0]);
	CHECK(sock_is_ended(pair[0]) && sock_is_ended(pair[1]));
	sock_close(pair[0]);
	sock_close(pair[1]);
	sock_close(listener);
	sock_close(-1);
	CHECK(unlink(path) == 0);
}

struct waiting {
	struct loop *loop;
	enum err err;
	bool done;
};

static void on_connected(void *ctx, int fd, unsigned ready)
{
	struct waiting *w = ctx;
	CHECK(ready & LOOP_WRITE);
	w->err = sock_error(fd);
	w->done = true;
	loop_fd_remove(w->loop, fd);
}

static enum err connect_and_wait(int *fd, const char *address, uint16_t port)
{
	struct waiting w = {0};
	TRY(sock_connect_tcp(fd, address, port));
	CHECK(loop_create(&w.loop, &(struct loop_config){0}) == OK);
	CHECK(loop_fd_set(w.loop, *fd, LOOP_WRITE, on_connected, &w) == OK);
	const uint64_t end = clock_mono_ms() + 5000;
	while (!w.done && clock_mono_ms() < end)
		(void)loop_step(w.loop, 100);
	loop_destroy(w.loop);
	CHECK(w.done);
	return w.err;
}

static void test_tcp(void)
{
	int listener, other, fd, accepted;
	char address[SOCK_ADDRESS_SIZE];
	CHECK(sock_listen_tcp(&listener, "127.0.0.1", 0) == OK);
	const uint16_t port = sock_port(listener);
	CHECK(port != 0);
	CHECK(sock_listen_tcp(&other, "127.0.0.1", port) == ERR_EXISTS);
	static const char *const bad[] = {"", "localhost", "127.0.0.1 ", "256.1.1.1", "1:2", "*"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(sock_listen_tcp(&other, bad[i], 0) == ERR_FORMAT &&
			sock_connect_tcp(&other, bad[i], 1) == ERR_FORMAT);
	CHECK(connect_and_wait(&fd, "127.0.0.1", port) == OK);
	CHECK(sock_accept(&accepted, listener) == OK);
	sock_peer_address(accepted, address);
	CHECK(strcmp(address, "127.0.0.1") == 0);
	sock_close(fd);
	sock_close(accepted);
	sock_close(listener);
	const enum err err = connect_and_wait(&fd, "127.0.0.1", port);
	CHECK(err == ERR_UNAVAILABLE);
	sock_close(fd);
	sock_peer_address(-1, address);
	CHECK(address[0] == 0 && sock_port(-1) == 0);
	if (sock_listen_tcp(&listener, "::1", 0) == OK) { /* where there is IPv6 */
		CHECK(connect_and_wait(&fd, "::1", sock_port(listener)) == OK);
		sock_peer_address(fd, address);
		CHECK(strcmp(address, "::1") == 0);
		sock_close(fd);
		sock_close(listener);
	}
}

int main(void)
{
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof path, "%s/socket", dir);
	test_unix_listen();
	test_bytes();
	test_tcp();
	CHECK(rmdir(dir) == 0);
	CHECK(setenv("SOCK_TEST", "", 1) == 0 && env_get("SOCK_TEST") == NULL);
	CHECK(setenv("SOCK_TEST", "x", 1) == 0 && strcmp(env_get("SOCK_TEST"), "x") == 0);
	return 0;
}
