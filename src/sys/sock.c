#include "sys/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define MODE_OWNER_ONLY 0600

_Static_assert(sizeof((struct sockaddr_un *)0)->sun_path == SOCK_PATH_MAX + 1, "sun_path");
_Static_assert(sizeof(struct sockaddr_in6) <= SOCK_ADDRESS_BYTES, "sock_address");

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* By the errno of a call that made nothing. */
static enum err err_of_errno(void)
{
	switch (errno) {
	case EADDRINUSE: return ERR_EXISTS;
	case EACCES:
	case EPERM: return ERR_DENIED;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: return ERR_FULL;
	case ECONNREFUSED:
	case ENOENT:
	case EAGAIN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL: return ERR_UNAVAILABLE;
	case ETIMEDOUT: return ERR_TIMEOUT;
	default: return ERR_IO;
	}
}

static enum err unix_address(union address *out, socklen_t *len, const char *path)
{
	const size_t path_len = strnlen(path, SOCK_PATH_MAX + 1);
	if (path_len == 0 || path_len > SOCK_PATH_MAX)
		return ERR_FORMAT;
	*out = (union address){.un.sun_family = AF_UNIX};
	memcpy(out->un.sun_path, path, path_len);
	*len = sizeof out->un;
	return OK;
}

static enum err tcp_address(union address *out, socklen_t *len, const char *text, uint16_t port)
{
	*out = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
	*len = sizeof out->v4;
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1)
		return OK;
	*out = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
	*len = sizeof out->v6;
	return inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1 ? OK : ERR_FORMAT;
}

static enum err make(int *fd, int family)
{
	*fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_of_errno();
	const int one = 1;
	if (family != AF_UNIX)
		(void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return OK;
}

static enum err give_up(int *fd, enum err err)
{
	const int saved = errno;
	(void)close(*fd);
	*fd = -1;
	errno = saved;
	return err;
}

/* ---- listening ---- */

/* A socket file that is left over: it is a socket, and nobody answers. */
static bool is_stale(const char *path, const union address *address, socklen_t len)
{
	struct stat st;
	int fd;
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode) || make(&fd, AF_UNIX) != OK)
		return false;
	const bool refused = connect(fd, &address->any, len) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

enum err sock_listen_unix(int *fd, const char *path)
{
	union address address;
	socklen_t len;
	TRY(unix_address(&address, &len, path));
	int made;
	TRY(make(&made, AF_UNIX));
	/* the file takes the socket's own mode: there is no moment when others may connect */
	if (fchmod(made, MODE_OWNER_ONLY) != 0)
		return give_up(&made, ERR_IO);
	int rc = bind(made, &address.any, len);
	if (rc != 0 && errno == EADDRINUSE && is_stale(path, &address, len)) {
		(void)unlink(path);
		rc = bind(made, &address.any, len);
	}
	if (rc != 0)
		return give_up(&made, err_of_errno());
	if (chmod(path, MODE_OWNER_ONLY) != 0 || listen(made, BACKLOG) != 0)
		return give_up(&made, ERR_IO);
	*fd = made;
	return OK;
}

enum err sock_listen_tcp(int *fd, const char *address, uint16_t port)
{
	union address at;
	socklen_t len;
	TRY(tcp_address(&at, &len, address, port));
	int made;
	TRY(make(&made, at.any.sa_family));
	const int one = 1;
	(void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(made, &at.any, len) != 0 || listen(made, BACKLOG) != 0)
		return give_up(&made, errno == EADDRNOTAVAIL ? ERR_IO : err_of_errno());
	*fd = made;
	return OK;
}

uint16_t sock_port(int fd)
{
	union address address = {0};
	socklen_t len = sizeof address;
	if (getsockname(fd, &address.any, &len) != 0)
		return 0;
	if (address.any.sa_family == AF_INET)
		return ntohs(address.v4.sin_port);
	return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}

enum err sock_accept(int *fd, int listener)
{
	for (;;) {
		const int made = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (made >= 0) {
			*fd = made;
			return OK;
		}
		/* one that went away while it waited is not ours to report */
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return ERR_NOT_FOUND;
		return err_of_errno();
	}
}

/* ---- connecting ---- */

enum err sock_connect_unix(int *fd, const char *path)
{
	union address address;
	socklen_t len;
	TRY(unix_address(&address, &len, path));
	int made;
	TRY(make(&made, AF_UNIX));
	if (connect(made, &address.any, len) != 0)
		return give_up(&made, err_of_errno());
	*fd = made;
	return OK;
}

enum err sock_address_parse(struct sock_address *out, const char *address, uint16_t port)
{
	union address at;
	socklen_t len;
	TRY(tcp_address(&at, &len, address, port));
	memcpy(out->bytes, &at, len);
	out->len = len;
	return OK;
}

enum err sock_open_tcp(int *fd, const struct sock_address *address)
{
	struct sockaddr any;
	memcpy(&any, address->bytes, sizeof any);
	return make(fd, any.sa_family);
}

enum err sock_connect(int fd, const struct sock_address *address)
{
	union address at;
	memcpy(&at, address->bytes, address->len);
	const bool under_way = connect(fd, &at.any, address->len) == 0 || errno == EINPROGRESS;
	return under_way ? OK : err_of_errno();
}

enum err sock_connect_tcp(int *fd, const char *address, uint16_t port)
{
	struct sock_address at;
	int made;
	TRY(sock_address_parse(&at, address, port));
	TRY(sock_open_tcp(&made, &at));
	const enum err err = sock_connect(made, &at);
	if (err != OK)
		return give_up(&made, err);
	*fd = made;
	return OK;
}

enum err sock_pair(int fd[2])
{
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	return socketpair(AF_UNIX, type, 0, fd) == 0 ? OK : err_of_errno();
}

enum err sock_error(int fd)
{
	int what = 0;
	socklen_t len = sizeof what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &what, &len) != 0)
		return ERR_IO;
	return what == 0 ? OK : sock_error_of(what);
}

enum err sock_error_of(int error)
{
	errno = error;
	return err_of_errno();
}

enum err sock_peer(struct sock_peer *out, int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || len != sizeof who)
		return ERR_IO;
	*out = (struct sock_peer){.uid = who.uid, .gid = who.gid, .pid = (uint32_t)who.pid};
	return OK;
}

uint32_t sock_own_uid(void)
{
	return geteuid();
}

/* ---- bytes ---- */

enum err sock_read(int fd, void *bytes, size_t cap, size_t *len)
{
	ssize_t n;
	do
		n = recv(fd, bytes, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_SHORT : ERR_IO;
	*len = (size_t)n;
	return OK;
}

enum err sock_write(int fd, struct slice bytes, size_t *len)
{
	ssize_t n;
	do
		n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_SHORT : ERR_IO;
	*len = (size_t)n;
	return OK;
}

void sock_end(int fd)
{
	(void)shutdown(fd, SHUT_WR);
}

void sock_shut(int fd)
{
	(void)shutdown(fd, SHUT_RDWR);
}

bool sock_is_ended(int fd)
{
	uint8_t byte;
	const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

bool sock_is_quiet(int fd)
{
	uint8_t byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void sock_peer_address(int fd, char text[SOCK_ADDRESS_SIZE])
{
	union address address = {0};
	socklen_t len = sizeof address;
	text[0] = 0;
	if (getpeername(fd, &address.any, &len) != 0)
		return;
	if (address.any.sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &address.v4.sin_addr, text, SOCK_ADDRESS_SIZE);
	else if (address.any.sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &address.v6.sin6_addr, text, SOCK_ADDRESS_SIZE);
}

void sock_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}
