#include "layer/lightning/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/mutant.h"
#include "layer/lightning/dialect.h"
#include "net/lines.h"
#include "sys/file.h"

#define CREDENTIAL_MAX 2048u /* bytes */
#define HEADER_SIZE (2 * CREDENTIAL_MAX + 64u)
#define URL_MAX 1024u
#define ANSWER_MAX (32u << 20)
#define EXPIRY_S_MAX 31536000u
#define CLTV_MAX 20160u /* blocks: some 20 weeks */
#define STATUS_GOOD(status) ((status) / 100 == 2)

static const struct ln_dialect *const dialects[] = {
	[LN_LND] = &ln_dialect_lnd,
	[LN_CLN] = &ln_dialect_cln,
};
_Static_assert(ARRAY_LEN(dialects) == LN_KIND_COUNT, "one for each kind");

struct ln_node {
	struct ln_node_config config;
	const struct ln_dialect *dialect;
	char *url, *credential_file; /* owned */
	char header[HEADER_SIZE];    /* "" where there is no credential */
	struct ln_call *call;        /* those that are open */
	uint32_t call_count;
	struct upstream_health health;
};

struct ln_call {
	struct ln_node *node; /* NULL: destroyed */
	struct ln_call *prev, *next;
	struct ln_question question;
	char *request; /* owned: the question's */
	ln_answer_cb cb;
	void *ctx;
	bool follow, streams;
	bool open; /* a request is under way, and its end comes */
	bool over; /* no more answers */
	bool held; /* somebody here uses it still */
	struct http_call http;
	uint64_t sent_ms;
	struct loop_timer
		timer;        /* until the next request, a look, or for a stream's first answer */
	struct ln_call *look; /* at a payment whose command has not ended */
	bool quiet;           /* which did not come in time */
	uint64_t pause_ms;
	uint64_t more_until_ms;     /* until then a payment of ours may make parts; 0: none */
	bool told;                  /* this request has told something good */
	const struct ln_step *step; /* that is asked now; NULL: the question itself */
	union ln_value *so_far;     /* owned: what was read in earlier steps */
	bool more;                  /* a step follows */
	struct lines lines;
	uint8_t *storage; /* owned: of a line */
	struct slice bad; /* the line that ended it, in storage */
	enum err line_err;
	char detail[LN_DETAIL_SIZE];
};

/* ---- the credential ---- */

static enum err credential_read(struct ln_node *node)
{
	uint8_t bytes[CREDENTIAL_MAX];
	size_t len = 0;
	if (node->credential_file == NULL)
		return OK;
	enum err err = file_read_all(
		file_system(), node->credential_file, bytes, &len, sizeof bytes);
	bytes_wipe(node->header, sizeof node->header);
	struct buf out = buf_init(node->header, sizeof node->header - 1);
	buf_put(&out, node->dialect->header, strlen(node->dialect->header));
	if (err == OK && node->dialect->binary) {
		CHECK(out.len + 2 * len < sizeof node->header);
		hex_encode(node->header + out.len, bytes, len);
	} else if (err == OK) {
		while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
			len--;
		buf_put(&out, bytes, len);
		for (size_t i = 0; i < len; i++)
			if (bytes[i] <= ' ' || bytes[i] > '~')
				err = ERR_FORMAT;
	}
	bytes_wipe(bytes, sizeof bytes);
	return err == OK && len == 0 ? ERR_FORMAT : err;
}

/* ---- the life of a call ---- */

static void value_free(union ln_value *v)
{
	if (v != NULL)
		bytes_wipe(v, sizeof *v); /* a preimage, perhaps */
	free(v);
}

/* Whatever is sent next is the question itself. */
static void forget_steps(struct ln_call *c)
{
	value_free(c->so_far);
	c->so_far = NULL;
	c->step = NULL;
	c->more = false;
}

static void call_free(struct ln_call *c)
{
	forget_steps(c);
	bytes_wipe(&c->question, sizeof c->question); /* a preimage, perhaps */
	free(c->request);
	free(c->storage);
	free(c);
}

static void stop_look(struct ln_call *c)
{
	struct ln_call *look = c->look;
	c->look = NULL;
	if (look != NULL)
		ln_call_stop(look);
}

static void call_leave(struct ln_call *c)
{
	struct ln_node *node = c->node;
	loop_timer_cancel(node->config.loop, &c->timer);
	stop_look(c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		node->call = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	node->call_count--;
	c->node = NULL;
	c->over = true;
}

static void release(struct ln_call *c)
{
	if (c->over && !c->open && !c->held)
		call_free(c);
}

/* No more answers; what is under way is cancelled, and its end releases the call. */
static void call_end(struct ln_call *c)
{
	struct ln_node *node = c->node;
	if (node == NULL)
		return;
	call_leave(c);
	if (c->open)
		http_client_cancel(node->config.client, c->http);
}

void ln_call_stop(struct ln_call *call)
{
	if (call->node == NULL)
		return;
	call_end(call);
	release(call);
}

/* May free the call. */
static void tell(struct ln_call *c, const struct ln_answer *answer)
{
	const bool held = c->held;
	c->held = true;
	c->cb(c->ctx, answer);
	if (answer->last)
		call_end(c); /* unless it was stopped */
	c->held = held;
	release(c);
}

static void tell_error(struct ln_call *c, enum err err, const char *detail, bool last)
{
	tell(c, &(struct ln_answer){.err = err, .detail = detail, .last = last});
}

/* ---- what is answered ---- */

static bool is_final(const struct ln_call *c, const union ln_value *v)
{
	if (!c->follow)
		return true;
	if (c->question.ask == LN_ASK_INVOICE)
		return (v->invoice.state == LN_INVOICE_SETTLED ||
			       v->invoice.state == LN_INVOICE_CANCELLED) &&
			v->invoice.held_count == 0;
	return v->payment.state != LN_PAYMENT_IN_FLIGHT;
}

/* Whoever pays this pays for what was asked for. */
static enum err check_request(const struct ln_call *c, const char *text)
{
	const struct ln_question *q = &c->question;
	struct bolt11 *b = malloc(sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	enum err err = bolt11_decode(b, slice_str(text));
	if (err == OK && b->network != c->node->config.network)
		err = ERR_NETWORK;
	else if (err == OK &&
		(!hash256_eq(&b->payment_hash, &q->hash) || b->amount_msat != q->amount.raw ||
			b->final_cltv < q->final_cltv || b->expiry_s != q->expiry_s))
		err = ERR_FORMAT;
	else if (err != OK)
		err = ERR_FORMAT;
	free(b);
	return err;
}

static enum err check_value(const struct ln_call *c, const union ln_value *v)
{
	const struct ln_question *q = &c->question;
	switch (q->ask) {
	case LN_ASK_INFO: return v->info.network == c->node->config.network ? OK : ERR_NETWORK;
	case LN_ASK_HOLD: return check_request(c, v->request);
	case LN_ASK_INVOICE: return hash256_eq(&v->invoice.hash, &q->hash) ? OK : ERR_FORMAT;
	case LN_ASK_PAY:
	case LN_ASK_PAYMENT: return hash256_eq(&v->payment.hash, &q->hash) ? OK : ERR_FORMAT;
	case LN_ASK_BALANCE:
	case LN_ASK_CHANNELS:
	case LN_ASK_LIMBO:
	case LN_ASK_HOLDS:
	case LN_ASK_SETTLE:
	case LN_ASK_CANCEL:
	case LN_ASK_COUNT: break;
	}
	return OK;
}

static void tell_value(struct ln_call *c, const union ln_value *v)
{
	const enum ln_ask ask = c->question.ask;
	loop_timer_cancel(c->node->config.loop, &c->timer);
	struct ln_answer answer = {.err = OK, .detail = "", .last = is_final(c, v)};
	c->told = true;
	c->pause_ms = c->node->config.retry_ms;
	if (ask == LN_ASK_INFO)
		answer.info = &v->info;
	else if (ask == LN_ASK_BALANCE)
		answer.balance = &v->balance;
	else if (ask == LN_ASK_HOLD)
		answer.request = v->request;
	else if (ask == LN_ASK_INVOICE)
		answer.invoice = &v->invoice;
	else if (ask == LN_ASK_PAY || ask == LN_ASK_PAYMENT)
		answer.payment = &v->payment;
	else if (ask == LN_ASK_CHANNELS)
		answer.channels = &v->channels;
	else if (ask == LN_ASK_LIMBO)
		answer.limbo = &v->limbo;
	tell(c, &answer);
}

static const struct ln_phrase *phrase_of(const struct ln_call *c)
{
	const struct ln_dialect *d = c->node->dialect;
	return c->streams ? &d->stream[c->question.ask] : &d->once[c->question.ask];
}

/* Of what was read so far, or NULL: that is all. */
static const struct ln_step *step_after(const struct ln_call *c, const union ln_value *v)
{
	const struct ln_step *next = c->step == NULL ? phrase_of(c)->then : c->step + 1;
	while (next != NULL && next->put != NULL && next->needed != NULL && !next->needed(v))
		next++;
	return next != NULL && next->put != NULL ? next : NULL;
}

/* A body, or a line. OK: it was told, and the call may be gone; or more is to be asked. */
static enum err read_and_tell(struct ln_call *c, struct slice text)
{
	union ln_value *v = c->so_far != NULL ? c->so_far : calloc(1, sizeof *v);
	const struct ln_step *next = NULL;
	struct ln_channel *list = NULL;
	struct ln_htlc *htlc = NULL;
	enum err err = v == NULL ? ERR_FULL : OK;
	if (err == OK && c->question.ask == LN_ASK_CHANNELS) {
		list = calloc(LN_CHANNELS_MAX, sizeof *list);
		htlc = calloc(LN_HTLCS_MAX, sizeof *htlc);
		v->channels = (struct ln_channels){.channel = list,
			.max = LN_CHANNELS_MAX,
			.htlc = htlc,
			.htlc_max = LN_HTLCS_MAX};
		err = list == NULL || htlc == NULL ? ERR_FULL : OK;
	}
	const struct ln_reading reading = {.question = &c->question,
		.more_may_come = loop_now_ms(c->node->config.loop) < c->more_until_ms,
		.detail = c->detail};
	if (err == OK)
		err = (c->step != NULL ? c->step->read : phrase_of(c)->read)(v, &reading, text);
	if (err == OK)
		next = step_after(c, v);
	c->so_far = next != NULL ? v : NULL;
	c->step = next;
	c->more = next != NULL;
	if (err == OK && next == NULL)
		err = check_value(c, v);
	if (err == OK && next == NULL)
		tell_value(c, v);
	if (next == NULL)
		value_free(v);
	free(list);
	free(htlc);
	return err;
}

static void on_part(void *ctx, struct slice part)
{
	struct ln_call *c = ctx;
	struct slice line;
	/* `open` keeps it: it is freed by the request's end */
	while (!c->over && c->line_err == OK) {
		const enum err err = lines_take(&c->lines, &part, &line);
		if (err == ERR_SHORT)
			return;
		if (err == OK)
			c->bad = line;
		c->line_err = err == OK ? read_and_tell(c, line) : err;
	}
}

/* ---- what comes next ---- */

static void send(struct ln_call *c);

static void on_retry(void *ctx)
{
	struct ln_call *c = ctx;
	c->timer.id = 0;
	send(c);
}

static void again(struct ln_call *c)
{
	const uint64_t pause_ms = c->pause_ms;
	forget_steps(c);
	c->pause_ms = pause_ms * 2 > LN_RETRY_MAX_MS ? LN_RETRY_MAX_MS : pause_ms * 2;
	if (loop_timer_set(c->node->config.loop, &c->timer, pause_ms, on_retry, c) != OK)
		tell_error(c, ERR_FULL, "no timer", true);
}

/* After a payment's own request, unless nothing was done: what became of it is asked by hash. */
static bool pay_becomes_payment(struct ln_call *c, enum err err)
{
	if (err == ERR_UNAVAILABLE || err == ERR_DENIED || MUTANT(UNKNOWN_IS_FAILED))
		return false;
	c->question.ask = LN_ASK_PAYMENT;
	c->streams = c->node->dialect->stream[LN_ASK_PAYMENT].put != NULL;
	if (err == ERR_REJECTED) /* it says itself that it tries no more */
		c->more_until_ms = 0;
	return true;
}

/* The request has ended: without an answer that is the last one. */
static void conclude(struct ln_call *c, enum err err, const char *detail)
{
	if (err == ERR_DENIED && credential_read(c->node) != OK)
		detail = "refused, and the credential's file can't be read";
	if (!c->follow) {
		tell_error(c, err == OK ? ERR_FORMAT : err, detail, true);
		return;
	}
	const bool payment = c->question.ask == LN_ASK_PAY;
	bool last = err == ERR_NOT_FOUND;
	if (payment)
		last = !pay_becomes_payment(c, err);
	/* that a stream or a command has ended is nothing to tell */
	if (last || (err != OK && !payment)) {
		tell_error(c, err, detail, last);
		if (last)
			return;
	}
	if (!c->over)
		again(c);
}

/* Who stands before the node says that it is not there. */
static bool is_gateway(unsigned status)
{
	return status >= 502 && status <= 504;
}

static enum err refused(struct ln_call *c, unsigned status, struct slice body)
{
	const enum err err = c->node->dialect->refusal(c->detail, body);
	if (is_gateway(status))
		(void)snprintf(c->detail, sizeof c->detail, "status %u", status);
	return err;
}

static enum err stream_ended(struct ln_call *c, unsigned status)
{
	if (lines_is_cut(&c->lines))
		c->bad = slice_of(c->lines.ptr, c->lines.len);
	if (!STATUS_GOOD(status))
		return refused(c, status, c->bad);
	if (c->line_err != OK)
		return c->line_err;
	return lines_is_cut(&c->lines) || !c->told ? ERR_FORMAT : OK;
}

static enum err body_ended(struct ln_call *c, const struct http_answer *answer)
{
	if (STATUS_GOOD(answer->status))
		return read_and_tell(c, answer->body);
	return refused(c, answer->status, answer->body);
}

static void ended(struct ln_call *c, const struct http_answer *answer)
{
	enum err err = answer->err;
	if (err == ERR_CANCELLED && c->quiet) {
		conclude(c, ERR_TIMEOUT, "no answer");
		return;
	}
	if (err == ERR_CANCELLED) { /* by the client's end */
		tell_error(c, err, answer->detail, true);
		return;
	}
	if (c->streams && err == ERR_TIMEOUT && c->told && c->line_err == OK) {
		conclude(c, OK, ""); /* it was open for long enough */
		return;
	}
	if (err != OK && c->line_err == OK) {
		conclude(c, err, answer->detail);
		return;
	}
	/* an error on a stream says more than what ended it */
	if (err != OK)
		err = c->line_err;
	else
		err = c->streams ? stream_ended(c, answer->status) : body_ended(c, answer);
	if (err == OK && c->more && !c->over) {
		send(c);
		return;
	}
	if (!c->over && (err != OK || c->follow))
		conclude(c, err, c->detail[0] != 0 ? c->detail : err_name(err));
}

#define LATENCY_WEIGHT 8u /* of all that came before a request */

/* A stream that was open for its time is no failure, and how long it was says nothing. */
static void note_health(const struct ln_call *c, const struct http_answer *answer)
{
	struct ln_node *node = c->node;
	if (node == NULL || (answer->err == ERR_CANCELLED && !c->quiet))
		return;
	struct upstream_health *h = &node->health;
	h->calls++;
	const bool gateway = answer->err == OK && is_gateway(answer->status);
	h->up = (answer->err == OK && !gateway) || (c->streams && c->told);
	if (!h->up) {
		h->failures++;
		(void)snprintf(h->last_error, sizeof h->last_error, "%s",
			gateway            ? "it is not there, says who stands before it"
				: c->quiet ? "no answer"
					   : answer->detail);
		return;
	}
	h->last_error[0] = 0;
	const uint64_t ms = loop_now_ms(node->config.loop) - c->sent_ms;
	if (!c->streams)
		h->latency_ms = (h->latency_ms * (LATENCY_WEIGHT - 1) + ms) / LATENCY_WEIGHT;
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct ln_call *c = ctx;
	note_health(c, answer);
	c->open = false;
	c->held = true;
	if (!c->over) {
		loop_timer_cancel(c->node->config.loop, &c->timer);
		stop_look(c);
		ended(c, answer);
	}
	c->held = false;
	release(c);
}

/* ---- asking ---- */

static enum err send_request(struct ln_call *c)
{
	const struct ln_node *node = c->node;
	struct ln_request r = {0};
	char url[URL_MAX + LN_PATH_SIZE];
	char *text = NULL;
	size_t len = 0;
	if (c->step != NULL)
		c->step->put(&r, &c->question, c->so_far);
	else
		phrase_of(c)->put(&r, &c->question);
	(void)snprintf(url, sizeof url, "%s%s", node->url, r.path);
	enum err err = OK;
	if (r.body != NULL) {
		text = json_dump(r.body, 0, &len);
		err = text == NULL ? ERR_FULL : OK;
	}
	const uint64_t pay_ms = (uint64_t)c->question.timeout_s * 1000 + LN_PAY_GRACE_MS;
	const struct http_request request = {.method = r.method,
		.url = url,
		.content_type = r.body == NULL ? NULL : "application/json",
		.extra_header = node->header[0] == 0 ? NULL : node->header,
		.body = slice_of(text, len),
		.timeout_ms = c->streams && c->follow   ? LN_STREAM_MS
			: c->question.ask == LN_ASK_PAY ? pay_ms
							: node->config.timeout_ms,
		.answer_max = c->streams ? LN_LINE_MAX : ANSWER_MAX,
		.part = c->streams ? on_part : NULL};
	if (err == OK)
		err = http_client_send(node->config.client, &c->http, &request, on_answer, c);
	if (text != NULL)
		bytes_wipe(text, len);
	json_text_free(text);
	json_free(r.body);
	return err;
}

static void on_quiet(void *ctx)
{
	struct ln_call *c = ctx;
	c->timer.id = 0;
	c->quiet = true;
	http_client_cancel(c->node->config.client, c->http);
}

/* A command that pays says nothing before it has ended, and what it pays may be held for as long as
 * a swap takes: whether it is under way is looked for meanwhile. That all of its parts have failed
 * is nothing as long as it runs. */
static enum err ask(struct ln_node *node, struct ln_call **out, const struct ln_question *question,
	bool follow, ln_answer_cb cb, void *ctx);
static void look_later(struct ln_call *c);

static void on_look(void *ctx, const struct ln_answer *a)
{
	struct ln_call *c = ctx;
	c->look = NULL;
	look_later(c);
	if (a->payment != NULL && a->payment->state == LN_PAYMENT_IN_FLIGHT)
		tell(c, &(struct ln_answer){.err = OK, .detail = "", .payment = a->payment});
}

static void look(void *ctx)
{
	struct ln_call *c = ctx;
	const struct ln_question q = {.ask = LN_ASK_PAYMENT, .hash = c->question.hash};
	c->timer.id = 0;
	if (ask(c->node, &c->look, &q, false, on_look, c) != OK)
		look_later(c);
}

/* Without a timer its end is waited for. */
static void look_later(struct ln_call *c)
{
	(void)!loop_timer_set(c->node->config.loop, &c->timer, c->node->config.retry_ms, look, c);
}

static enum err begin(struct ln_call *c)
{
	if (c->streams && c->storage == NULL)
		c->storage = malloc(LN_LINE_MAX);
	if (c->streams && c->storage == NULL)
		return ERR_FULL;
	c->lines = lines_init(c->storage, LN_LINE_MAX);
	c->bad = slice_of(NULL, 0);
	c->line_err = OK;
	c->detail[0] = 0;
	c->told = false;
	c->quiet = false;
	TRY(send_request(c));
	c->sent_ms = loop_now_ms(c->node->config.loop);
	c->open = true;
	/* a node that is there says at once how things stand; without a timer the stream's own
	 * deadline ends it */
	if (c->streams)
		(void)!loop_timer_set(
			c->node->config.loop, &c->timer, c->node->config.timeout_ms, on_quiet, c);
	else if (c->question.ask == LN_ASK_PAY)
		look_later(c);
	return OK;
}

static void send(struct ln_call *c)
{
	const enum err err = begin(c);
	if (err == OK)
		return;
	/* the client is full or closing: nothing was sent */
	if (c->question.ask == LN_ASK_PAY || !c->follow)
		tell_error(c, err, "can't be sent", true);
	else
		again(c);
}

static enum err check_pay(const struct ln_node *node, const struct ln_question *q)
{
	if (q->request == NULL || q->timeout_s == 0 || q->timeout_s > LN_PAY_S_MAX ||
		q->cltv_limit == 0 || q->cltv_limit > CLTV_MAX || q->fee_limit.raw > LN_MSAT_MAX)
		return ERR_RANGE;
	struct bolt11 *b = malloc(sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	enum err err = bolt11_decode(b, slice_str(q->request));
	if (err == OK && b->network != node->config.network)
		err = ERR_NETWORK;
	else if (err != OK || !hash256_eq(&b->payment_hash, &q->hash) || b->amount_msat == 0)
		err = ERR_FORMAT;
	free(b);
	return err;
}

bool ln_node_can(const struct ln_node *node, enum ln_ask ask)
{
	const struct ln_dialect *d = node->dialect;
	CHECK(ask < LN_ASK_COUNT);
	return d->once[ask].put != NULL || d->stream[ask].put != NULL;
}

void ln_node_health(const struct ln_node *node, struct upstream_health *out)
{
	*out = node->health;
	for (const struct ln_call *c = node->call; c != NULL; c = c->next)
		out->in_flight += c->open ? 1u : 0u;
}

static enum err check_question(const struct ln_node *node, const struct ln_question *q, bool follow)
{
	const bool lasting = q->ask == LN_ASK_PAY || q->ask == LN_ASK_PAYMENT ||
		q->ask == LN_ASK_INVOICE;
	if (q->ask >= LN_ASK_COUNT || !ln_node_can(node, q->ask) ||
		(follow ? !lasting : q->ask == LN_ASK_PAY))
		return ERR_STATE;
	if (q->ask == LN_ASK_PAY)
		return check_pay(node, q);
	if (q->ask == LN_ASK_HOLD &&
		(q->amount.raw == 0 || q->amount.raw > LN_MSAT_MAX || q->expiry_s == 0 ||
			q->expiry_s > EXPIRY_S_MAX || q->final_cltv == 0 ||
			q->final_cltv > CLTV_MAX))
		return ERR_RANGE;
	return OK;
}

static enum err call_make(
	struct ln_call **out, struct ln_node *node, const struct ln_question *question, bool follow)
{
	const struct ln_dialect *d = node->dialect;
	struct ln_call *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	*c = (struct ln_call){.question = *question, .follow = follow};
	c->streams = follow ? d->stream[question->ask].put != NULL
			    : d->once[question->ask].put == NULL;
	c->pause_ms = node->config.retry_ms;
	c->question.network = node->config.network;
	c->question.now_s = loop_wall_ms(node->config.loop) / 1000;
	c->question.request = NULL;
	if (question->ask == LN_ASK_PAY) {
		c->more_until_ms = loop_now_ms(node->config.loop) +
			(uint64_t)question->timeout_s * 1000 + LN_PAY_GRACE_MS;
		c->request = strdup(question->request);
		c->question.request = c->request;
		if (c->request == NULL) {
			call_free(c);
			return ERR_FULL;
		}
	}
	*out = c;
	return OK;
}

static enum err ask(struct ln_node *node, struct ln_call **out, const struct ln_question *question,
	bool follow, ln_answer_cb cb, void *ctx)
{
	struct ln_call *c = NULL;
	TRY(check_question(node, question, follow));
	if (node->call_count == LN_CALLS_MAX)
		return ERR_FULL;
	TRY(call_make(&c, node, question, follow));
	c->cb = cb;
	c->ctx = ctx;
	c->node = node;
	c->next = node->call;
	if (c->next != NULL)
		c->next->prev = c;
	node->call = c;
	node->call_count++;
	const enum err err = begin(c);
	if (err != OK) {
		ln_call_stop(c);
		return err;
	}
	if (out != NULL)
		*out = c;
	return OK;
}

enum err ln_node_ask(struct ln_node *node, struct ln_call **call,
	const struct ln_question *question, ln_answer_cb cb, void *ctx)
{
	return ask(node, call, question, false, cb, ctx);
}

enum err ln_node_follow(struct ln_node *node, struct ln_call **call,
	const struct ln_question *question, ln_answer_cb cb, void *ctx)
{
	return ask(node, call, question, true, cb, ctx);
}

/* ---- life ---- */

enum err ln_node_create(struct ln_node **out, const struct ln_node_config *config)
{
	const size_t len = strnlen(config->url, URL_MAX);
	if (config->network->layer != LAYER_BITCOIN)
		return ERR_NETWORK;
	if (len == 0 || len == URL_MAX || config->url[len - 1] == '/')
		return ERR_FORMAT;
	struct ln_node *node = calloc(1, sizeof *node);
	if (node == NULL)
		return ERR_FULL;
	*node = (struct ln_node){.config = *config, .dialect = dialects[config->kind]};
	if (config->timeout_ms == 0)
		node->config.timeout_ms = LN_TIMEOUT_DEFAULT_MS;
	if (config->retry_ms == 0)
		node->config.retry_ms = LN_RETRY_DEFAULT_MS;
	node->url = strdup(config->url);
	if (config->credential_file != NULL)
		node->credential_file = strdup(config->credential_file);
	enum err err = node->url == NULL ||
			(config->credential_file != NULL && node->credential_file == NULL)
		? ERR_FULL
		: credential_read(node);
	if (err != OK) {
		ln_node_destroy(node);
		return err;
	}
	*out = node;
	return OK;
}

void ln_node_destroy(struct ln_node *node)
{
	if (node == NULL)
		return;
	while (node->call != NULL) {
		CHECK(!node->call->held);
		ln_call_stop(node->call);
	}
	bytes_wipe(node->header, sizeof node->header);
	free(node->url);
	free(node->credential_file);
	free(node);
}
