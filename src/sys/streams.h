/* sys/streams: connections on a loop, by completion: what was received comes to a callback, what is
 * sent is told when it is done.
 *
 * Purpose: on a loop of io_uring one system call carries the receives and sends of all connections:
 * a receive stays armed and takes its buffers from a common ring, sends leave together at the end
 * of a step, accepts stay armed. On epoll the same contract stands on readiness.
 * Invariants: one send at a time for each stream: the next is ERR_FULL until `sent` came, which is
 * the back-pressure. Callbacks come from the loop's steps, never from inside of a function here.
 * Nothing comes after `closed`; after stream_close nothing but that.
 * Threads: the loop's. Ownership: descriptors are taken; events and contexts are borrowed; bytes
 * that are sent are borrowed until `sent` or `closed`, bytes received until the callback returns.
 * Bounds: streams, buffers. When a slow reader holds what there is, others wait for buffers.
 * On a virtual loop there are no descriptors of the system: all of that loop's streams are ends of
 * one simulated network (sys/streams_virtual.h), and a descriptor names a place in it. Code that is
 * to run on all loops uses stream_pair, stream_listen_tcp and stream_connect, and never sys/sock.
 */
#ifndef SYS_STREAMS_H
#define SYS_STREAMS_H
#include "sys/loop.h"

struct streams;

struct streams_config {
	uint32_t stream_max;   /* listeners included; default 1,024 when 0 */
	uint32_t buffer_count; /* a power of two up to 32,768; default 1,024 when 0 */
	uint32_t buffer_size;  /* default 4,096 when 0 */
	bool by_readiness;     /* leave the ring's own operations alone */
};

struct stream {
	uint64_t id; /* 0: none; goes stale safely */
};

struct stream_events {
	void (*received)(void *ctx, struct stream s, struct slice bytes);
	/* Once. OK: the peer sends no more, and may still read. ERR_IO: the connection is gone.
	 * ERR_TIMEOUT: stream_deadline. */
	void (*ended)(void *ctx, struct stream s, enum err err);
	/* What was sent last is on its way (OK), or its fate is unknown (ERR_IO). NULL where the
	 * next request of the peer tells as much (stream_is_sending): that spares a system call. */
	void (*sent)(void *ctx, struct stream s, enum err err);
	/* After stream_close: nothing of the caller's is in use any more. May be NULL. */
	void (*closed)(void *ctx);
	/* After stream_connect, once, and first. OK: as if it had been opened now. Otherwise only
	 * `closed` comes. ERR_UNAVAILABLE: nobody listens, or no way there; ERR_TIMEOUT;
	 * ERR_FULL: no place in the loop; ERR_IO. */
	void (*connected)(void *ctx, struct stream s, enum err err);
};

/* OK: fd is the caller's. ERR_FULL, fd -1: out of descriptors; accepting goes on after a while. */
typedef void (*stream_accept_cb)(void *ctx, enum err err, int fd);

/* Returns owned. ERR_FULL; ERR_IO with errno. */
MUST_USE NONNULL_ALL enum err streams_create(
	struct streams **out, struct loop *loop, const struct streams_config *config);
/* Before its loop. Ends what is in flight; no callback comes any more. NULL does nothing. */
void streams_destroy(struct streams *s);
/* Whether the ring's own operations are in use. */
NONNULL_ALL bool streams_are_native(const struct streams *s);

/* A connected, non-blocking stream socket. Receiving begins at once. On failure fd stays the
 * caller's. ERR_FULL. */
MUST_USE enum err stream_open(struct streams *s, struct stream *out, int fd,
	const struct stream_events *events, void *ctx);
/* To a numeric address. ERR_FORMAT: it is none; ERR_FULL: no streams, no descriptors;
 * ERR_UNAVAILABLE: the system has no addresses of this kind; ERR_IO. */
MUST_USE enum err stream_connect(struct streams *s, struct stream *out, const char *address,
	uint16_t port, const struct stream_events *events, void *ctx);
/* Two that are connected with each other, with their events and contexts. ERR_FULL, ERR_IO. */
MUST_USE NONNULL_ALL enum err stream_pair(struct streams *s, struct stream out[2],
	const struct stream_events *events[2], void *ctx[2]);
/* A listener of its own; errors as sock_listen_tcp, ERR_FULL. */
MUST_USE enum err stream_listen_tcp(struct streams *s, struct stream *out, const char *address,
	uint16_t port, stream_accept_cb cb, void *ctx);
/* The local port of a listener; 0 for others than TCP. */
NONNULL_ALL uint16_t stream_port(struct streams *s, struct stream stream);
/* Closes what was accepted and not opened. */
NONNULL_ALL void stream_discard(struct streams *s, int fd);
/* A listening socket. ERR_FULL as above. */
MUST_USE enum err stream_listen(
	struct streams *s, struct stream *out, int fd, stream_accept_cb cb, void *ctx);
/* All of the bytes, at least one. ERR_FULL: the one before is not sent yet; ERR_STATE: closed, or
 * stream_end came before. */
MUST_USE NONNULL_ALL enum err stream_send(
	struct streams *s, struct stream stream, struct slice bytes);
/* In delay_ms the stream is over, as if the peer were gone (ended, or connected, with ERR_TIMEOUT),
 * unless this is called again before. 0: no more deadline. One timer of the loop: it costs no
 * system call. ERR_FULL: no timer. */
MUST_USE NONNULL_ALL enum err stream_deadline(
	struct streams *s, struct stream stream, uint64_t delay_ms);
/* Whether stream_send would answer ERR_FULL. */
NONNULL_ALL bool stream_is_sending(struct streams *s, struct stream stream);
/* Whether anything of what stream_send was given can have left: it leaves in the next step. */
NONNULL_ALL bool stream_has_begun(struct streams *s, struct stream stream);
/* Whether the peer said nothing that was not received yet, nor ended its stream: a system call. */
NONNULL_ALL bool stream_is_quiet(struct streams *s, struct stream stream);
/* Between them nothing is received: the peer feels it. */
NONNULL_ALL void stream_pause(struct streams *s, struct stream stream);
NONNULL_ALL void stream_resume(struct streams *s, struct stream stream);
/* No more will be sent once what is being sent has left. */
NONNULL_ALL void stream_end(struct streams *s, struct stream stream);
/* At once; what was not sent is dropped. For listeners, too. */
NONNULL_ALL void stream_close(struct streams *s, struct stream stream);

#endif
