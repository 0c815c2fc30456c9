/* The HTTP client with its network's side on a network thread. There runs an ordinary client, whose
 * answers are handed over; a call is an object of a link (net/link.h):
 *
 *     to the network   SEND; CANCEL, once at most; FREE, its last, after DONE was taken
 *     to the owner     PART, while parts of an answer come; DONE, its last
 *
 * So a call is freed by the network's side, and with it what an answer was made into: a large tree
 * costs the owner's thread neither its making nor its end.
 *
 * What waits for the owner is bounded: as long as answers of held_max bytes were not given back,
 * the next ones stay as they came, up to raw_max bytes; an answer beyond that fails with ERR_FULL.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/http_calls.h"
#include "net/net_pool.h"
#include "net/net_thread.h"
#include "net/pieces.h"

#define LAZY_MAX                                                                                   \
	(1u << 20) /* of answers that were used, until the network is woken to free them           \
		    */
#define DETAIL_SIZE 160u
/* Objects for each call that may be open: one that is, and one that is over but not freed yet. */
#define CALLS_EACH 2u

enum {
	POST_SEND = 1u << 0,
	POST_CANCEL = 1u << 1,
	POST_FREE = 1u << 2,
};

enum {
	POST_DONE = 1u << 0,
	POST_PART = 1u << 1,
};

struct remote_client {
	struct http_client base;
	struct net_thread *net;
	struct link *link;    /* owned */
	struct net_pool pool; /* of calls and their texts */
	bool in_callback, closing;
	struct http_client_config config;
	char *url;   /* owned: the last one that was found good; a client has few */
	size_t lazy; /* bytes of the calls whose FREE woke nobody */

	/* The network's. */
	struct http_client *real; /* owned */
	size_t held, raw;
	struct remote_call *first_raw, *last_raw; /* answered, and not made into anything yet */
	enum err created;
};

struct remote_call {
	struct link_item item; /* first */
	struct remote_client *client;

	/* The owner's. */
	uint64_t id;
	http_answer_cb cb;
	void *ctx;
	bool cancelled;

	/* Written by the owner before SEND. */
	struct http_request request; /* points into text */
	struct net_text text;        /* owned */
	uint64_t deadline_ms;

	struct pieces parts; /* of the answer: the network writes, the owner reads */

	/* The network's. */
	struct http_call real;
	bool ended, overrun;
	struct remote_call *next_raw;

	/* Written by the network before DONE. */
	struct http_answer answer;
	uint8_t *body; /* owned */
	size_t cost;   /* what the answer keeps of memory, roughly */
	char detail[DETAIL_SIZE];
};

static struct remote_client *client_of(struct http_client *base)
{
	return (struct remote_client *)(void *)base;
}

static struct remote_call *call_of(struct link_item *item)
{
	return (struct remote_call *)(void *)item;
}

/* ---- the network's side ---- */

static void done(struct remote_call *c)
{
	c->ended = true;
	c->client->held += c->cost;
	link_post(c->client->link, LINK_OWNER, &c->item, POST_DONE);
}

static void done_with(struct remote_call *c, enum err err, const char *detail)
{
	(void)snprintf(c->detail, sizeof c->detail, "%s", detail);
	c->answer = (struct http_answer){.err = err, .detail = c->detail};
	done(c);
}

/* The bytes are made into what was asked for, and are gone. */
static void make(struct remote_call *c, struct slice body)
{
	const struct http_reader *reader = c->request.reader;
	c->answer.made = reader->read(c->request.reader_args, c->answer.status, body, &c->cost);
	if (c->answer.made == NULL)
		c->answer = (struct http_answer){
			.err = ERR_FULL, .detail = "no memory for the answer"};
}

static bool keep_body(struct remote_call *c, struct slice body)
{
	c->body = body.len == 0 ? NULL : malloc(body.len);
	if (c->body != NULL)
		memcpy(c->body, body.ptr, body.len);
	c->answer.body = slice_of(c->body, c->body == NULL ? 0 : body.len);
	c->cost = c->answer.body.len;
	return c->answer.body.len == body.len;
}

static void keep_raw(struct remote_call *c, struct slice body)
{
	struct remote_client *client = c->client;
	if (body.len > client->config.raw_max - client->raw || !keep_body(c, body)) {
		done_with(c, ERR_FULL, "too many answers wait to be used");
		return;
	}
	client->raw += body.len;
	c->ended = true; /* nothing of it is left to cancel */
	c->next_raw = NULL;
	if (client->last_raw != NULL)
		client->last_raw->next_raw = c;
	else
		client->first_raw = c;
	client->last_raw = c;
}

static void use_raw(struct remote_client *client)
{
	while (client->first_raw != NULL && client->held < client->config.held_max) {
		struct remote_call *c = client->first_raw;
		client->first_raw = c->next_raw;
		if (client->first_raw == NULL)
			client->last_raw = NULL;
		client->raw -= c->answer.body.len;
		if (c->request.reader != NULL) {
			uint8_t *body = c->body;
			const struct slice bytes = c->answer.body;
			c->body = NULL;
			c->answer.body = slice_of(NULL, 0);
			make(c, bytes);
			free(body);
		}
		done(c);
	}
}

static void on_part(void *ctx, struct slice part)
{
	struct remote_call *c = ctx;
	if (c->overrun)
		return;
	const size_t max = c->request.answer_max;
	if (pieces_write(&c->parts, part, max == 0 ? HTTP_ANSWER_MAX_DEFAULT : max) != OK) {
		c->overrun = true;
		http_client_cancel(c->client->real, c->real);
		return;
	}
	link_post(c->client->link, LINK_OWNER, &c->item, POST_PART);
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct remote_call *c = ctx;
	if (c->overrun) {
		done_with(c, ERR_FULL, "too much of the answer waits to be used");
		return;
	}
	if (answer->err != OK) {
		done_with(c, answer->err, answer->detail);
		return;
	}
	c->answer = (struct http_answer){.err = OK, .status = answer->status, .detail = ""};
	if (c->client->first_raw != NULL || c->client->held >= c->client->config.held_max) {
		keep_raw(c, answer->body);
		return;
	}
	if (c->request.reader != NULL)
		make(c, answer->body);
	else if (!keep_body(c, answer->body))
		c->answer = (struct http_answer){
			.err = ERR_FULL, .detail = "no memory for the answer"};
	done(c);
}

static void start(struct remote_call *c)
{
	struct remote_client *client = c->client;
	if (client->real == NULL) {
		done_with(c, ERR_CANCELLED, "closing");
		return;
	}
	const uint64_t now = loop_now_ms(net_thread_loop(client->net));
	if (now >= c->deadline_ms) {
		done_with(c, ERR_UNAVAILABLE, "waited too long to be sent");
		return;
	}
	struct http_request request = c->request;
	request.timeout_ms = c->deadline_ms - now;
	request.reader = NULL; /* on_answer's */
	if (request.part != NULL)
		request.part = on_part;
	if (http_client_send(client->real, &c->real, &request, on_answer, c) != OK)
		done_with(c, ERR_UNAVAILABLE, "can't be sent");
}

static void call_free(struct remote_client *client, enum link_side side, struct remote_call *c)
{
	if (c->answer.made != NULL)
		c->request.reader->drop(c->answer.made);
	if (c->text.ptr != NULL) /* the authorization comes first */
		bytes_wipe(c->text.ptr, strlen((const char *)c->text.ptr));
	net_text_drop(&c->text, &client->pool, side);
	free(c->body);
	pieces_fini(&c->parts);
	net_pool_delete(&client->pool, side, c, sizeof *c);
}

static void on_net(void *ctx, struct link_item *item, uint32_t bits)
{
	struct remote_client *client = ctx;
	struct remote_call *c = call_of(item);
	if (bits & POST_FREE) {
		client->held -= c->cost;
		call_free(client, LINK_NET, c);
		link_leave(client->link);
		use_raw(client);
	} else if ((bits & POST_SEND) && (bits & POST_CANCEL)) {
		done_with(c, ERR_CANCELLED, "cancelled");
	} else if (bits & POST_SEND) {
		start(c);
	} else if (!c->ended) {
		http_client_cancel(client->real, c->real);
	}
}

/* ---- the owner's side ---- */

static void call_end(struct remote_call *c, const struct http_answer *answer)
{
	struct remote_client *client = c->client;
	const bool nested = client->in_callback;
	struct http_answer given = *answer;
	bool keep = false;
	given.keep = &keep;
	http_calls_remove(&client->base.calls, c->id);
	client->in_callback = true;
	c->cb(c->ctx, &given);
	client->in_callback = nested;
	if (keep)
		c->answer.made = NULL;
	client->lazy += c->cost;
	if (client->lazy < LAZY_MAX) {
		link_post_lazily(client->link, LINK_NET, &c->item, POST_FREE);
	} else {
		client->lazy = 0;
		link_post(client->link, LINK_NET, &c->item, POST_FREE);
	}
}

static void give_parts(struct remote_call *c)
{
	struct remote_client *client = c->client;
	const bool nested = client->in_callback;
	struct slice part;
	client->in_callback = true;
	/* whoever is told may cancel it, and is told no more; the call is there until DONE */
	while (!c->cancelled && (part = pieces_next(&c->parts)).len > 0)
		c->request.part(c->ctx, part);
	client->in_callback = nested;
}

static void on_owner(void *ctx, struct link_item *item, uint32_t bits)
{
	struct remote_call *c = call_of(item);
	(void)ctx;
	if ((bits & POST_PART) && !c->client->closing)
		give_parts(c);
	if (!(bits & POST_DONE))
		return;
	if (c->client->closing)
		call_end(c, &(struct http_answer){.err = ERR_CANCELLED, .detail = "closing"});
	else if (c->cancelled)
		call_end(c, &(struct http_answer){.err = ERR_CANCELLED, .detail = "cancelled"});
	else
		call_end(c, &c->answer);
}

/* All texts in one block, the authorization first. */
static bool copy_request(
	struct remote_client *client, struct remote_call *c, const struct http_request *request)
{
	const char *const text[] = {request->authorization, request->method, request->url,
		request->content_type, request->extra_header};
	const char **const field[ARRAY_LEN(text)] = {&c->request.authorization, &c->request.method,
		&c->request.url, &c->request.content_type, &c->request.extra_header};
	size_t size = 1 + request->body.len;
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		size += text[i] == NULL ? 0 : strlen(text[i]) + 1;
	if (!net_text_make(&c->text, &client->pool, LINK_OWNER, size))
		return false;
	char *at = (char *)c->text.ptr;
	c->request = *request;
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		if (text[i] == NULL)
			continue;
		const size_t len = strlen(text[i]) + 1;
		*field[i] = memcpy(at, text[i], len);
		at += len;
	}
	*at++ = 0;
	if (request->body.len > 0)
		memcpy(at, request->body.ptr, request->body.len);
	c->request.body = slice_of(at, request->body.len);
	return true;
}

static enum err check_url(struct remote_client *client, const char *url)
{
	if (client->url != NULL && strcmp(client->url, url) == 0)
		return OK;
	TRY(http_url_check(url));
	free(client->url);
	client->url = strdup(url);
	return client->url == NULL ? ERR_FULL : OK;
}

static enum err remote_send(struct http_client *base, struct http_call *handle,
	const struct http_request *request, http_answer_cb cb, void *ctx)
{
	struct remote_client *client = client_of(base);
	if (client->closing)
		return ERR_UNAVAILABLE;
	if (base->calls.count == base->calls.max)
		return ERR_FULL;
	TRY(check_url(client, request->url));
	struct remote_call *c = net_pool_new(&client->pool, LINK_OWNER, sizeof *c);
	enum err err = c == NULL || !copy_request(client, c, request) ? ERR_FULL : OK;
	if (err == OK && request->part != NULL && !pieces_init(&c->parts))
		err = ERR_FULL;
	if (err == OK)
		err = link_enter(client->link, LINK_NET, &c->item);
	if (err != OK) {
		if (c != NULL)
			call_free(client, LINK_OWNER, c);
		return err;
	}
	/* there was room */
	CHECK(http_calls_add(&base->calls, &c->id, c) == OK);
	c->client = client;
	c->cb = cb;
	c->ctx = ctx;
	c->deadline_ms = loop_now_ms(base->loop) +
		(request->timeout_ms == 0 ? HTTP_TIMEOUT_DEFAULT_MS : request->timeout_ms);
	if (handle != NULL)
		handle->id = c->id;
	link_post(client->link, LINK_NET, &c->item, POST_SEND);
	return OK;
}

static void remote_cancel(struct http_client *base, struct http_call handle)
{
	struct remote_client *client = client_of(base);
	struct remote_call *c = http_calls_get(&base->calls, handle.id);
	if (c == NULL || c->cancelled)
		return;
	c->cancelled = true;
	link_post(client->link, LINK_NET, &c->item, POST_CANCEL);
}

static void create_real(void *ctx)
{
	struct remote_client *client = ctx;
	client->created = http_client_create_with(
		&client->real, net_thread_loop(client->net), &client->config);
}

/* Every call that is open there is done with. */
static void destroy_real(void *ctx)
{
	struct remote_client *client = ctx;
	http_client_destroy(client->real);
	for (struct remote_call *c; (c = client->first_raw) != NULL;) {
		client->first_raw = c->next_raw;
		done(c);
	}
	client->real = NULL;
}

static void remote_destroy(struct http_client *base)
{
	struct remote_client *client = client_of(base);
	CHECK(!client->in_callback);
	client->closing = true;
	if (client->real != NULL)
		net_thread_call(client->net, destroy_real, client);
	if (client->link != NULL)
		link_close(client->link); /* every call that is still on its way ends here */
	link_destroy(client->link);
	net_pool_fini(&client->pool);
	free(client->url);
	http_calls_fini(&base->calls);
	free(client);
}

static uint32_t remote_pools(
	const struct http_client *base, const struct net_pool *out[HTTP_CLIENT_POOLS])
{
	const struct remote_client *client = (const struct remote_client *)(const void *)base;
	const struct net_pool *real[HTTP_CLIENT_POOLS];
	out[0] = &client->pool;
	/* the network's, but made before and gone after anybody can ask */
	const uint32_t count = http_client_pools(client->real, real);
	CHECK(count == 1);
	out[1] = real[0];
	return 2;
}

static const struct http_client_ops remote_ops = {.send = remote_send,
	.cancel = remote_cancel,
	.destroy = remote_destroy,
	.pools = remote_pools};

enum err http_client_create_remote_with(struct http_client **out, struct loop *loop,
	struct net_thread *net, const struct http_client_config *config)
{
	struct remote_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return ERR_FULL;
	*client = (struct remote_client){
		.base = {.ops = &remote_ops, .loop = loop}, .net = net, .config = *config};
	if (client->config.held_max == 0)
		client->config.held_max = HTTP_HELD_MAX;
	if (client->config.raw_max == 0)
		client->config.raw_max = HTTP_RAW_MAX;
	const uint32_t calls_max = http_calls_bound(config);
	const struct link_config link = {.net = net,
		.depth = CALLS_EACH * calls_max,
		.end = {[LINK_OWNER] = {.name = "node_answers", .take = on_owner, .ctx = client},
			[LINK_NET] = {.name = "node_calls", .take = on_net, .ctx = client}}};
	const struct slab_need need = {.size = sizeof(struct remote_call), .count = link.depth};
	enum err err = http_calls_init(&client->base.calls, calls_max);
	if (err == OK)
		err = net_pool_init(&client->pool, "node_calls", &need, 1, link.depth);
	if (err == OK)
		err = link_create(&client->link, &link);
	if (err == OK) {
		net_thread_call(net, create_real, client);
		err = client->created;
	}
	if (err != OK) {
		remote_destroy(&client->base);
		return err;
	}
	*out = &client->base;
	return OK;
}

enum err http_client_create_remote(
	struct http_client **out, struct loop *loop, struct net_thread *net)
{
	return http_client_create_remote_with(out, loop, net, &(struct http_client_config){0});
}
