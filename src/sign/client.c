/* A signer behind a Unix socket. Every outstanding request keeps its frame: when the connection is
 * lost, all of them are sent again, which is safe by construction of the protocol. */
#include "sign/message.h"
#include "sign/signer_ops.h"
#include "sys/sock.h"

#include <stdio.h>
#include <stdlib.h>

#define BACKOFF_MIN_MS 20u
#define BACKOFF_MAX_MS 2000u
#define IN_SIZE (64u * 1024u)
#define NO_CALL UINT32_MAX

_Static_assert(IN_SIZE >= 2 * (MESSAGE_HEADER_SIZE + SIGNING_ANSWER_MAX), "whole answers fit");

struct call {
	struct client *owner;
	uint64_t id;    /* generation << 32 | slot; 0: free */
	uint8_t *frame; /* owned */
	size_t frame_len;
	bool sent;   /* at least once: the signer may have answered */
	bool queued; /* not sent whole on this connection: no answer can be to it */
	signer_cb sign_cb;
	signer_info_cb info_cb;
	void *ctx;
	struct loop_timer deadline;
	uint32_t next_free;
};

struct client {
	struct signer signer;
	struct loop *loop;
	char path[SOCK_PATH_MAX + 1];
	int fd; /* -1: not connected */
	uint64_t backoff_ms;
	bool waiting; /* for the next attempt */
	struct loop_timer retry;
	uint64_t generation;
	uint32_t free_head, call_count;
	/* the order of sending; at most one entry for each call, so it cannot overflow */
	uint32_t queue[SIGNER_IN_FLIGHT_MAX];
	uint32_t queue_head, queue_count;
	size_t frame_sent; /* of the frame at the head */
	size_t in_len;
	uint8_t in[IN_SIZE];
	struct call call[SIGNER_IN_FLIGHT_MAX];
};

static struct client *client_of(struct signer *s)
{
	return (struct client *)(void *)s;
}

static void on_ready(void *ctx, int fd, unsigned ready);
static void on_retry(void *ctx);

/* ---- calls ---- */

static void queue_remove(struct client *c, uint32_t slot)
{
	for (uint32_t i = 0; i < c->queue_count; i++) {
		if (c->queue[(c->queue_head + i) % SIGNER_IN_FLIGHT_MAX] != slot)
			continue;
		for (uint32_t k = i; k + 1 < c->queue_count; k++)
			c->queue[(c->queue_head + k) % SIGNER_IN_FLIGHT_MAX] =
				c->queue[(c->queue_head + k + 1) % SIGNER_IN_FLIGHT_MAX];
		c->queue_count--;
		return;
	}
}

static uint32_t slot_of(const struct client *c, const struct call *call)
{
	return (uint32_t)(call - c->call);
}

/* Nobody waits for it any more. A frame that is half sent must be finished: it stays as it is. */
static void call_end(struct client *c, struct call *call)
{
	loop_timer_cancel(c->loop, &call->deadline);
	free(call->frame);
	*call = (struct call){.owner = c, .next_free = c->free_head};
	c->free_head = slot_of(c, call);
	c->call_count--;
}

static void disconnect(struct client *c)
{
	if (c->fd < 0)
		return;
	loop_fd_remove(c->loop, c->fd);
	sock_close(c->fd);
	c->fd = -1;
	c->in_len = 0;
	c->frame_sent = 0;
	c->queue_head = c->queue_count = 0;
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++) {
		c->call[i].queued = c->call[i].id != 0;
		if (c->call[i].queued)
			c->queue[c->queue_count++] = i;
	}
}

static void try_later(struct client *c)
{
	if (c->waiting)
		return;
	c->waiting = loop_timer_set(c->loop, &c->retry, c->backoff_ms, on_retry, c) == OK;
	c->backoff_ms = 2 * c->backoff_ms < BACKOFF_MAX_MS ? 2 * c->backoff_ms : BACKOFF_MAX_MS;
}

static void lost(struct client *c)
{
	disconnect(c);
	if (c->call_count > 0)
		try_later(c);
}

static void set_interest(struct client *c)
{
	const unsigned interest = (unsigned)LOOP_READ |
		(c->queue_count > 0 ? (unsigned)LOOP_WRITE : 0u);
	if (loop_fd_set(c->loop, c->fd, interest, on_ready, c) != OK)
		lost(c);
}

static void connect_now(struct client *c)
{
	if (c->fd >= 0 || c->waiting)
		return;
	if (sock_connect_unix(&c->fd, c->path) != OK) {
		c->fd = -1;
		try_later(c);
		return;
	}
	set_interest(c);
}

static void on_retry(void *ctx)
{
	struct client *c = ctx;
	c->waiting = false;
	if (c->call_count > 0)
		connect_now(c);
}

static void on_deadline(void *ctx)
{
	struct call *call = ctx;
	struct client *c = call->owner;
	const struct call ended = *call;
	const enum err err = call->sent ? ERR_TIMEOUT : ERR_UNAVAILABLE;
	const char *what = call->sent ? "the signer did not answer in time"
				      : "the signer cannot be reached";
	const bool at_head = c->queue_count > 0 && c->queue[c->queue_head] == slot_of(c, call);

	/* half a frame on the wire can't be taken back: begin a new connection */
	if (at_head && c->frame_sent > 0)
		lost(c);
	queue_remove(c, slot_of(c, call));
	call_end(c, call);
	if (ended.sign_cb != NULL) {
		struct signing_answer answer = {.err = err};
		(void)snprintf(answer.detail, sizeof answer.detail, "%s", what);
		ended.sign_cb(ended.ctx, &answer);
	} else {
		struct signer_info info = {.err = err};
		(void)snprintf(info.detail, sizeof info.detail, "%s: %s", c->path, what);
		ended.info_cb(ended.ctx, &info);
	}
}

static enum err call_begin(struct client *c, enum message_type type, struct slice payload,
	uint64_t timeout_ms, struct call **out)
{
	if (c->free_head == NO_CALL)
		return ERR_FULL;
	struct call *call = &c->call[c->free_head];
	const size_t size = MESSAGE_HEADER_SIZE + payload.len;
	uint8_t *frame = malloc(size);
	if (frame == NULL)
		return ERR_FULL;
	const enum err err = loop_timer_set(
		c->loop, &call->deadline, timeout_ms, on_deadline, call);
	if (err != OK) {
		free(frame);
		return err;
	}
	const uint32_t slot = c->free_head;
	c->free_head = call->next_free;
	c->call_count++;
	call->id = ++c->generation << 32 | slot;
	call->frame = frame;
	call->frame_len = size;
	call->queued = true;
	struct buf b = buf_init(frame, size);
	message_put(&b, &(struct message){.type = type, .id = call->id, .payload = payload});
	CHECK(!b.overflow && b.len == size);
	c->queue[(c->queue_head + c->queue_count++) % SIGNER_IN_FLIGHT_MAX] = slot;
	*out = call;
	return OK;
}

/* ---- the connection ---- */

static bool send_queue(struct client *c)
{
	while (c->queue_count > 0) {
		struct call *call = &c->call[c->queue[c->queue_head]];
		const struct slice rest = slice_of(
			call->frame + c->frame_sent, call->frame_len - c->frame_sent);
		size_t n;
		const enum err err = sock_write(c->fd, rest, &n);
		if (err == ERR_SHORT)
			return true;
		if (err != OK)
			return false;
		call->sent = true;
		c->frame_sent += n;
		if (c->frame_sent < call->frame_len)
			continue;
		c->frame_sent = 0;
		call->queued = false;
		c->queue_head = (c->queue_head + 1) % SIGNER_IN_FLIGHT_MAX;
		c->queue_count--;
	}
	return true;
}

/* False: not an answer to anything that was asked. */
static bool take_answer(struct client *c, const struct message *m)
{
	struct signing_answer answer = {.err = OK};
	struct signer_info info = {.err = OK};

	if (m->type == MESSAGE_SIGN_REPLY) {
		if (signing_answer_parse(&answer, m->payload) != OK)
			return false;
	} else if (m->type == MESSAGE_HELLO_REPLY) {
		memcpy(info.wallet.b, m->payload.ptr, sizeof info.wallet.b);
		if (!pubkey_valid(&info.wallet))
			return false;
	} else {
		return false;
	}
	const uint32_t slot = (uint32_t)m->id;
	if (slot >= SIGNER_IN_FLIGHT_MAX || c->call[slot].id != m->id)
		return true; /* its deadline has passed */
	struct call *call = &c->call[slot];
	if (call->queued || (call->sign_cb != NULL) != (m->type == MESSAGE_SIGN_REPLY))
		return false;
	const struct call ended = *call;
	call_end(c, call);
	c->backoff_ms = BACKOFF_MIN_MS;
	if (ended.sign_cb != NULL)
		ended.sign_cb(ended.ctx, &answer);
	else
		ended.info_cb(ended.ctx, &info);
	return true;
}

/* One answer at a time, each taken out of the buffer first: a callback may begin new calls, or end
 * this connection by its own. */
static bool take_answers(struct client *c)
{
	for (;;) {
		uint8_t frame[MESSAGE_HEADER_SIZE + SIGNING_ANSWER_MAX];
		struct message m;
		size_t used;
		enum err err = message_next(&m, &used, slice_of(c->in, c->in_len));
		if (err == ERR_SHORT)
			return c->in_len < sizeof c->in;
		if (err != OK || used > sizeof frame)
			return false;
		memcpy(frame, c->in, used);
		memmove(c->in, c->in + used, c->in_len - used);
		c->in_len -= used;
		err = message_next(&m, &used, slice_of(frame, used));
		if (err != OK || !take_answer(c, &m))
			return false;
	}
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
	struct client *c = ctx;
	(void)fd;
	if ((ready & LOOP_READ) != 0) {
		size_t n = 0;
		const enum err err = sock_read(
			c->fd, c->in + c->in_len, sizeof c->in - c->in_len, &n);
		if (err != ERR_SHORT && (err != OK || n == 0)) {
			lost(c);
			return;
		}
		c->in_len += n;
		if (!take_answers(c)) {
			lost(c);
			return;
		}
		if (c->fd < 0) /* a callback's new call found the connection broken */
			return;
	}
	if ((ready & LOOP_ERROR) != 0 || !send_queue(c))
		lost(c);
	else
		set_interest(c);
}

/* ---- operations ---- */

static void begin_sending(struct client *c)
{
	if (c->fd < 0)
		connect_now(c);
	else
		set_interest(c);
}

static enum err client_hello(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx)
{
	struct client *c = client_of(s);
	struct call *call;
	TRY(call_begin(c, MESSAGE_HELLO, slice_of(NULL, 0), timeout_ms, &call));
	call->info_cb = cb;
	call->ctx = ctx;
	begin_sending(c);
	return OK;
}

static enum err client_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	struct client *c = client_of(s);
	struct call *call;
	TRY(call_begin(c, MESSAGE_SIGN, request, timeout_ms, &call));
	call->sign_cb = cb;
	call->ctx = ctx;
	begin_sending(c);
	return OK;
}

static void client_destroy(struct signer *s)
{
	struct client *c = client_of(s);
	disconnect(c);
	loop_timer_cancel(c->loop, &c->retry);
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
		if (c->call[i].id != 0)
			call_end(c, &c->call[i]);
	free(c);
}

static const struct signer_ops client_ops = {
	.destroy = client_destroy, .hello = client_hello, .sign = client_sign};

enum err signer_connect(struct signer **out, struct loop *loop, const char *socket_path)
{
	const size_t len = strlen(socket_path);
	if (len == 0 || len > SOCK_PATH_MAX)
		return ERR_FORMAT;
	struct client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	c->signer.ops = &client_ops;
	c->loop = loop;
	memcpy(c->path, socket_path, len);
	c->fd = -1;
	c->backoff_ms = BACKOFF_MIN_MS;
	for (uint32_t i = 0; i < SIGNER_IN_FLIGHT_MAX; i++)
		c->call[i] = (struct call){
			.owner = c, .next_free = i + 1 < SIGNER_IN_FLIGHT_MAX ? i + 1 : NO_CALL};
	*out = &c->signer;
	return OK;
}
