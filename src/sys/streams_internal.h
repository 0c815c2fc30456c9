/* sys/streams_internal: what streams.c shares with its two ways to move bytes. */
#ifndef SYS_STREAMS_INTERNAL_H
#define SYS_STREAMS_INTERNAL_H
#include "sys/loop_internal.h"
#include "sys/sock.h"
#include "sys/streams.h"

#define STREAM_NONE UINT32_MAX

struct stream_slot {
	struct streams *owner;
	const struct stream_events *events; /* of a stream */
	stream_accept_cb accepted;          /* of a listener */
	void *ctx;
	struct slice out; /* being sent; out_done of it are on their way */
	size_t out_done;
	int fd;   /* -1: free */
	int file; /* native: its place in the ring's table, or -1 */
	uint32_t generation;
	uint32_t next;             /* free or pending: the next one */
	uint32_t next_starved;     /* native */
	uint32_t stash, stash_end; /* native: received while paused */
	uint32_t in_flight;        /* native: operations that the kernel has */
	unsigned interest;         /* readiness: what the loop waits for */
	struct loop_timer timer;   /* the deadline; of a listener: to look for descriptors again */
	struct sock_address to;    /* being connected */
	enum err ended_with;
	bool pending, paused, starved;
	bool ended;      /* no more will come in */
	bool ended_told; /* and its owner knows */
	bool connecting;
	bool begun; /* some of out may have left */
	bool end_wanted, end_done, closing, shut;
	bool receiving, sending, cancelling; /* native: armed */
	bool submitted;                      /* native: its connect */
	bool registered;                     /* native: file was asked for */
	bool send_waits;                     /* native: there was no room at once */
};

struct streams_way {
	bool native;
	enum err (*open)(struct streams *s);
	void (*close)(struct streams *s);
	/* Brings the system in line with what the slot wants. Runs callbacks; returns how many. A
	 * slot that can't be served now is made pending again. */
	uint32_t (*push)(struct streams *s, uint32_t index);

	/* The rest is as sockets have it where it is NULL. */
	void (*drop)(struct streams *s, int fd); /* closes */
	bool (*is_quiet)(struct streams *s, const struct stream_slot *slot);
	uint16_t (*port)(struct streams *s, const struct stream_slot *slot);
	enum err (*pair)(struct streams *s, int fd[2]);
	enum err (*listen)(struct streams *s, int *fd, const char *address, uint16_t port);
	enum err (*connect)(struct streams *s, int *fd, const char *address, uint16_t port);
};

extern const struct streams_way streams_by_readiness, streams_by_ring, streams_by_simulation;

/* What a virtual loop has for its streams, if it has any. */
void streams_virtual_free(struct loop *loop);

struct streams {
	struct loop *loop;
	const struct streams_way *way;
	void *state;              /* the way's own */
	struct stream_slot *slot; /* owned; stream_max */
	uint32_t stream_max, open_count, touched, free;
	uint32_t pending, pending_end; /* slots to be pushed before the loop waits */
	uint32_t buffer_count, buffer_size;
	uint8_t *buffer; /* owned; native: all of them, readiness: one */
	struct loop_hook hook;
	bool destroying;
};

void streams_make_pending(struct streams *s, uint32_t index);
/* NULL: stale, or being closed. */
struct stream_slot *stream_slot_of(struct streams *s, struct stream stream);
struct stream stream_of(const struct streams *s, uint32_t index);
/* Callbacks, unless the stream is being closed; each returns 1 if it ran. */
uint32_t stream_tell_received(struct streams *s, uint32_t index, const void *bytes, size_t len);
uint32_t stream_tell_ended(struct streams *s, uint32_t index, enum err err);
uint32_t stream_tell_sent(struct streams *s, uint32_t index, enum err err);
uint32_t stream_tell_connected(struct streams *s, uint32_t index, enum err err);
/* A descriptor, or the negative errno of an accept that made none. */
uint32_t stream_tell_accepted(struct streams *s, uint32_t index, int result);
/* Nothing is in flight any more: closes the descriptor, tells, frees the slot. */
uint32_t stream_finish(struct streams *s, uint32_t index);

#endif
