/* sys/sock: stream sockets for a loop: Unix and TCP, never blocking, never inherited by a child.
 *
 * Descriptors are plain numbers, owned by the caller, closed with sock_close after loop_fd_remove.
 * A peer that went away is an answer, not a signal (SIGPIPE is never raised).
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H
#include "base/base.h"

#define SOCK_PATH_MAX 107u /* of a Unix socket: sun_path less its zero */

/* A Unix socket that only its owner may connect to (0600 from the first moment). A socket file that
 * nobody listens on is replaced. ERR_EXISTS somebody listens there, or it is another kind of file;
 * ERR_FORMAT the path is empty or too long; ERR_DENIED; ERR_IO (errno). */
MUST_USE NONNULL_ALL enum err sock_listen_unix(int *fd, const char *path);
/* A numeric address, "127.0.0.1" or "::1"; port 0: any. ERR_FORMAT no such address; ERR_EXISTS in
 * use; ERR_DENIED; ERR_IO. */
MUST_USE NONNULL_ALL enum err sock_listen_tcp(int *fd, const char *address, uint16_t port);
/* The local port; 0 for others than TCP. */
uint16_t sock_port(int fd);
/* ERR_NOT_FOUND nobody is waiting; ERR_FULL out of descriptors: accept again later. */
MUST_USE NONNULL_ALL enum err sock_accept(int *fd, int listener);

/* ERR_UNAVAILABLE nobody listens, or the listener's queue is full; ERR_FORMAT; ERR_DENIED; ERR_IO.
 */
MUST_USE NONNULL_ALL enum err sock_connect_unix(int *fd, const char *path);
/* The connection is under way: wait for LOOP_WRITE, then ask sock_error. Errors as above. */
MUST_USE NONNULL_ALL enum err sock_connect_tcp(int *fd, const char *address, uint16_t port);
/* The same in two steps, for those who connect by completion. The address must stay in place until
 * the system has taken it. */
#define SOCK_ADDRESS_BYTES 28u /* of a sockaddr_in6 */
struct sock_address {
	_Alignas(uint64_t) uint8_t bytes[SOCK_ADDRESS_BYTES];
	uint32_t len;
};
MUST_USE NONNULL_ALL enum err sock_address_parse(
	struct sock_address *out, const char *address, uint16_t port);
/* ERR_FULL; ERR_UNAVAILABLE: this system has no such addresses; ERR_IO. */
MUST_USE NONNULL_ALL enum err sock_open_tcp(int *fd, const struct sock_address *address);
/* OK: connected, or under way. */
MUST_USE NONNULL_ALL enum err sock_connect(int fd, const struct sock_address *address);
/* What a system's error number means for who wanted a connection; errno is set to it. */
MUST_USE enum err sock_error_of(int error);
/* Two ends of one connection within this process. ERR_FULL, ERR_IO. */
MUST_USE NONNULL_ALL enum err sock_pair(int fd[2]);
/* What happened to a socket: OK, ERR_UNAVAILABLE refused or unreachable, ERR_TIMEOUT, ERR_IO. */
MUST_USE enum err sock_error(int fd);

/* Who is at the other end of a Unix socket, as the kernel says. */
struct sock_peer {
	uint32_t uid, gid, pid;
};
MUST_USE NONNULL_ALL enum err sock_peer(struct sock_peer *out, int fd);
/* Of this process: what a peer's is compared with. */
uint32_t sock_own_uid(void);

/* OK with *len bytes; *len = 0 is the end of the stream. ERR_SHORT nothing now; ERR_IO. */
MUST_USE NONNULL_ALL enum err sock_read(int fd, void *bytes, size_t cap, size_t *len);
/* OK: *len of the bytes are on their way, perhaps not all. ERR_SHORT no room now; ERR_IO. */
MUST_USE NONNULL_ALL enum err sock_write(int fd, struct slice bytes, size_t *len);
/* No more will be written; the peer reads the end of the stream. */
void sock_end(int fd);
/* Both directions end at once; whoever waits on the descriptor sees it. It stays open. */
void sock_shut(int fd);
/* Whether the peer has ended the stream, without reading: false while bytes wait or it is just
 * quiet. */
bool sock_is_ended(int fd);
/* Whether nothing waits to be read: no bytes, no end, no error. */
bool sock_is_quiet(int fd);
/* The peer's numeric address, without port; "" for others than TCP. */
#define SOCK_ADDRESS_SIZE 46u
NONNULL_ALL void sock_peer_address(int fd, char text[SOCK_ADDRESS_SIZE]);
/* -1 does nothing. */
void sock_close(int fd);

#endif
