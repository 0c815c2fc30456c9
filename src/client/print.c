#include "client/print.h"

#include "base/hex.h"
#include "net/json.h"

#include <stdarg.h>

#define TEXT_MAX 400u

static const char *step_name(enum swap_step step)
{
	static const char *const names[STEP_COUNT] = {
		[STEP_OFFER] = "offer",
		[STEP_PAY] = "pay",
		[STEP_SOURCE_DEPTH] = "source_depth",
		[STEP_DEST_LOCK] = "destination_lock",
		[STEP_DEST_DEPTH] = "destination_depth",
		[STEP_CLAIM] = "claim",
		[STEP_TIMELOCK] = "timelock",
		[STEP_REFUND] = "refund",
		[STEP_NODE] = "node",
		[STEP_DONE] = "done",
	};
	CHECK(step < STEP_COUNT);
	return names[step];
}

static const struct {
	const char *name, *text;
} exits[] = {
	[CLIENT_OK] = {"completed", "done"},
	[CLIENT_FAILED] = {"failed", "failed: the system, memory, or the rescue file"},
	[CLIENT_USAGE] = {"usage", "wrong usage, settings or files; nothing was begun"},
	[CLIENT_REFUSED] = {"refused", "refused before anything was paid"},
	[CLIENT_REFUNDED] = {"refunded", "the swap did not come off, and the lock-up is back"},
	[CLIENT_PENDING] = {"pending", "not finished: run sluice resume"},
	[CLIENT_UNREACHABLE] = {"unreachable",
		"provider or own node not reached; nothing was paid"},
	[CLIENT_MISMATCH] = {"mismatch", "what the provider says is wrong; nothing was paid"},
	[CLIENT_LOST] = {"lost", "the provider took both sides"},
};
_Static_assert(ARRAY_LEN(exits) == CLIENT_EXIT_COUNT, "a line for each exit status");

const char *client_exit_name(enum client_exit exit)
{
	CHECK((size_t)exit < ARRAY_LEN(exits));
	return exits[exit].name;
}

const char *client_exit_text(enum client_exit exit)
{
	CHECK((size_t)exit < ARRAY_LEN(exits));
	return exits[exit].text;
}

void print_span(char text[32], uint64_t ms)
{
	const uint64_t s = ms / 1000, min = s / 60, h = min / 60, days = h / 24;
	if (days >= 2)
		(void)snprintf(text, 32, "%llu d %llu h", (unsigned long long)days,
			(unsigned long long)(h % 24));
	else if (h > 0)
		(void)snprintf(text, 32, "%llu h %llu min", (unsigned long long)h,
			(unsigned long long)(min % 60));
	else if (min > 0)
		(void)snprintf(text, 32, "%llu min", (unsigned long long)min);
	else
		(void)snprintf(text, 32, "%llu s", (unsigned long long)s);
}

void print_plain(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f)
			*c = ' ';
		else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) /* U+0080 to U+009F */
			c[0] = c[1] = ' ';
	}
}

static void txid_text(char text[67], enum layer_id layer, const struct hash256 *txid)
{
	if (layer_family(layer) == FAMILY_UTXO) {
		hex_encode_reversed(text, txid->b, sizeof txid->b);
		return;
	}
	/* what a command to a node is called is nobody's but ours */
	const size_t prefix = layer_family(layer) == FAMILY_ACCOUNT ? 2 : 0;
	memcpy(text, "0x", 2);
	hex_encode(text + prefix, txid->b, sizeof txid->b);
}

/* ---- lines ---- */

enum mark { MARK_DONE, MARK_WAIT, MARK_WARN, MARK_END_GOOD, MARK_END_BAD };

static const struct {
	const char *sign, *colour;
} marks[] = {
	[MARK_DONE] = {"✓", "\033[32m"},
	[MARK_WAIT] = {"·", "\033[36m"},
	[MARK_WARN] = {"!", "\033[33m"},
	[MARK_END_GOOD] = {"✓", "\033[1;32m"},
	[MARK_END_BAD] = {"✗", "\033[1;31m"},
};

static void line(struct printer *p, enum mark mark, const char *text, bool keep)
{
	if (p->line_open)
		(void)fputs("\r\033[K", p->out);
	(void)fprintf(p->out, "%s%s%s %s", p->colour ? marks[mark].colour : "", marks[mark].sign,
		p->colour ? "\033[0m" : "", text);
	p->line_open = !keep && p->terminal;
	if (!p->line_open)
		(void)fputc('\n', p->out);
	(void)fflush(p->out);
}

static void json_line(struct printer *p, struct json *v)
{
	size_t len;
	char *text = json_dump(v, 0, &len);
	json_free(v);
	if (text != NULL)
		(void)fprintf(p->out, "%s\n", text);
	(void)fflush(p->out);
	json_text_free(text);
}

PRINTF_LIKE(4, 0)
static void note(
	struct printer *p, enum mark mark, const char *event, const char *fmt, va_list args)
{
	char text[TEXT_MAX];
	(void)vsnprintf(text, sizeof text, fmt, args);
	print_plain(text);
	if (mark == MARK_WARN)
		(void)snprintf(p->warning, sizeof p->warning, "%.299s", text);
	if (!p->json) {
		line(p, mark, text, true);
		return;
	}
	struct json *v = json_object();
	json_set_string(v, "event", event);
	json_set_string(v, "text", text);
	json_line(p, v);
}

void print_done(struct printer *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	note(p, MARK_DONE, "note", fmt, args);
	va_end(args);
}

void print_error(struct printer *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	note(p, MARK_WARN, "warning", fmt, args);
	va_end(args);
}

/* ---- transactions ---- */

static const char *purpose_text(const struct rescue_tx *tx)
{
	switch (tx->purpose) {
	case SIGN_LOCK: return "lock-up";
	case SIGN_CLAIM: return "claim";
	case SIGN_REFUND: return "refund";
	case SIGN_NONCE_FILL:
	case SIGN_CANCEL: return "cancellation";
	case SIGN_PAYOUT:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: break;
	}
	return "transaction";
}

static struct json *tx_json(const struct rescue *r, const struct rescue_tx *tx)
{
	struct json *v = json_object();
	char id[67];
	const enum layer_id layer = rescue_layer(r, tx->side);
	txid_text(id, layer, &tx->txid);
	json_set_string(v, "purpose", purpose_text(tx));
	json_set_string(v, "layer", layer_name(layer));
	json_set_string(v, "id", id);
	json_set_amount(v, "fee_at_most", tx->fee);
	return v;
}

static void print_tx(struct printer *p, const struct report *report)
{
	const struct rescue_tx *tx = report->tx;
	const enum layer_id layer = rescue_layer(report->rescue, tx->side);
	char id[67], text[TEXT_MAX];
	if (p->json) {
		struct json *v = json_object();
		json_set_string(v, "event", "transaction");
		json_set(v, "transaction", tx_json(report->rescue, tx));
		json_line(p, v);
		return;
	}
	txid_text(id, layer, &tx->txid);
	(void)snprintf(
		text, sizeof text, "%s sent on %s  %s", purpose_text(tx), layer_name(layer), id);
	line(p, MARK_DONE, text, true);
}

/* ---- status ---- */

struct status {
	struct buf b;
	const struct printer *p;
	const struct report *report;
};

static void put_depth(struct status *s, const char *what)
{
	const struct swap_decision *d = s->report->decision;
	buf_printf(&s->b, "%s: %llu of %llu confirmations", what,
		(unsigned long long)d->confirmations, (unsigned long long)d->depth);
}

static void put_timelock(struct status *s)
{
	const struct swap_decision *d = s->report->decision;
	const uint64_t head = s->report->facts->side[SIDE_SOURCE].head;
	const enum layer_id layer = rescue_layer(s->report->rescue, SIDE_SOURCE);
	const uint64_t blocks = d->height > head ? d->height - head : 0;
	char span[32];
	if (layer_family(layer) == FAMILY_CHANNEL) {
		buf_printf(&s->b,
			"your payment is held; it comes back when the other side gives it "
			"up, or by itself after block %llu, now %llu",
			(unsigned long long)d->height, (unsigned long long)head);
		return;
	}
	print_span(span, blocks * s->p->config->layer[layer].params.block_interval_ms);
	buf_printf(&s->b, "your refund opens at %s block %llu, now %llu: in %llu blocks, about %s",
		layer_name(layer), (unsigned long long)d->height, (unsigned long long)head,
		(unsigned long long)blocks, span);
}

static void put_step(struct status *s)
{
	const struct swap_decision *d = s->report->decision;
	const struct rescue *r = s->report->rescue;
	char text[AMOUNT_TEXT_SIZE], span[32];
	switch (d->step) {
	case STEP_OFFER: buf_printf(&s->b, "asking the provider"); break;
	case STEP_PAY:
		amount_format(text, r->leg[SIDE_SOURCE].amount);
		print_span(span,
			r->expires_ms > s->report->facts->now_ms
				? r->expires_ms - s->report->facts->now_ms
				: 0);
		buf_printf(&s->b, "waiting for your payment of %s %s, for another %s", text,
			asset_name(r->leg[SIDE_SOURCE].amount.asset), span);
		break;
	case STEP_SOURCE_DEPTH: put_depth(s, "your lock-up"); break;
	case STEP_DEST_LOCK:
		buf_printf(&s->b, "your lock-up is deep; waiting for the provider's");
		break;
	case STEP_DEST_DEPTH:
		put_depth(s, "the provider's lock-up");
		print_span(span, d->slack_ms);
		buf_printf(&s->b, "; a claim is safe for another %s", span);
		break;
	case STEP_CLAIM: put_depth(s, "your claim"); break;
	case STEP_TIMELOCK: put_timelock(s); break;
	case STEP_REFUND: put_depth(s, "your refund"); break;
	case STEP_NODE:
		buf_printf(&s->b, "waiting for our %s node",
			layer_name(rescue_layer(r, d->step_side)));
		break;
	case STEP_DONE:
	case STEP_COUNT: break;
	}
	if (d->why != NULL)
		buf_printf(&s->b, " (%s)", d->why);
	if (s->report->provider_state[0] != '\0')
		buf_printf(&s->b, "  [provider: %.20s]", s->report->provider_state);
}

static void print_status(struct printer *p, const struct report *report)
{
	const struct swap_decision *d = report->decision;
	char text[TEXT_MAX];
	struct status s = {.b = buf_init(text, sizeof text), .p = p, .report = report};
	char key[sizeof p->last];

	/* what passes with time alone is no news for those who can't be shown it in place */
	(void)snprintf(key, sizeof key, "%d %d %llu %llu %s %s", (int)report->rescue->phase,
		(int)d->step, (unsigned long long)d->confirmations, (unsigned long long)d->height,
		d->why == NULL ? "" : d->why, report->provider_state);
	if (!(p->terminal && !p->json) && strcmp(key, p->last) == 0)
		return;
	memcpy(p->last, key, sizeof key);
	if (!p->json) {
		put_step(&s);
		(void)buf_cstr(&s.b);
		print_plain(text);
		line(p, MARK_WAIT, text, false);
		return;
	}
	struct json *v = json_object();
	json_set_string(v, "event", "status");
	json_set_string(v, "step", step_name(d->step));
	json_set_string(v, "phase", rescue_phase_name(report->rescue->phase));
	json_set_string(v, "layer", layer_name(rescue_layer(report->rescue, d->step_side)));
	json_set_u64(v, "confirmations", d->confirmations);
	json_set_u64(v, "depth", d->depth);
	json_set_u64(v, "height", d->height);
	json_set_u64(v, "head", report->facts->side[d->step_side].head);
	json_set_u64(v, "slack_ms", d->slack_ms);
	json_set_string(v, "provider_state", report->provider_state);
	json_set(v, "why", d->why == NULL ? json_new_null() : json_new_string(d->why));
	json_line(p, v);
}

/* ---- the end ---- */

static void put_end(struct buf *b, const struct printer *p, const struct rescue *r,
	enum client_exit exit, const char *why)
{
	char text[AMOUNT_TEXT_SIZE];
	const char *because = why == NULL ? "" : why;
	switch (exit) {
	case CLIENT_OK:
		if (r == NULL) {
			buf_printf(b, "done");
			break;
		}
		amount_format(text, r->leg[SIDE_DEST].amount);
		if (layer_family(rescue_layer(r, SIDE_DEST)) == FAMILY_CHANNEL)
			buf_printf(b, "done: %s %s to your %s node", text,
				asset_name(r->leg[SIDE_DEST].amount.asset),
				layer_name(rescue_layer(r, SIDE_DEST)));
		else
			buf_printf(b, "done: %s %s at %s", text,
				asset_name(r->leg[SIDE_DEST].amount.asset), r->to_address);
		break;
	case CLIENT_REFUSED: buf_printf(b, "refused, nothing was paid: %s", because); break;
	case CLIENT_REFUNDED:
		buf_printf(b, "refunded: your lock-up is back (%s)",
			why == NULL ? "the swap did not come off" : why);
		break;
	case CLIENT_PENDING:
		buf_printf(b, "not finished%s%s; go on with: sluice resume --rescue %s",
			why == NULL ? "" : ": ", because, p->rescue_path);
		break;
	case CLIENT_UNREACHABLE: buf_printf(b, "nothing was paid: %s", because); break;
	case CLIENT_MISMATCH:
		buf_printf(b, "nothing was paid, for what the provider says is wrong: %s", because);
		break;
	case CLIENT_LOST: buf_printf(b, "lost: %s", because); break;
	case CLIENT_FAILED:
	case CLIENT_USAGE: buf_printf(b, "%s", why == NULL ? "it failed" : why); break;
	}
}

/* What the session said at its end, or what went wrong last. */
static const char *why_of(const struct printer *p, enum client_exit exit)
{
	if (p->why[0] != '\0')
		return p->why;
	return exit == CLIENT_OK || exit == CLIENT_REFUNDED || p->warning[0] == '\0' ? NULL
										     : p->warning;
}

void print_end(struct printer *p, const struct rescue *r, enum client_exit exit)
{
	const char *why = why_of(p, exit);
	char text[TEXT_MAX];
	struct buf b = buf_init(text, sizeof text);
	put_end(&b, p, r, exit, why);
	(void)buf_cstr(&b);
	print_plain(text);
	if (!p->json) {
		line(p, exit == CLIENT_OK ? MARK_END_GOOD : MARK_END_BAD, text, true);
		return;
	}
	struct json *v = json_object();
	json_set_string(v, "event", "end");
	json_set_u64(v, "exit", (uint64_t)exit);
	json_set_string(v, "result", client_exit_name(exit));
	json_set_string(v, "text", text);
	if (r != NULL) {
		struct json *list = json_array();
		json_set_string(v, "phase", rescue_phase_name(r->phase));
		json_set_string(v, "rescue", p->rescue_path);
		json_set_hex(v, "preimage_hash", "", r->hash.b, sizeof r->hash.b);
		json_set(v, "swap_id", json_new_null());
		if (r->has_swap_id)
			json_set_hex(v, "swap_id", "", r->swap_id.b, sizeof r->swap_id.b);
		json_set_amount(v, "source_amount", r->leg[SIDE_SOURCE].amount);
		json_set_amount(v, "destination_amount", r->leg[SIDE_DEST].amount);
		json_set_string(v, "to_address", r->to_address);
		for (uint32_t i = 0; i < r->tx_count; i++)
			json_push(list, tx_json(r, &r->tx[i]));
		json_set(v, "transactions", list);
	}
	json_line(p, v);
}

static void print_pay(struct printer *p, const struct report *report)
{
	char text[TEXT_MAX];
	if (p->json) {
		struct json *v = json_object();
		json_set_string(v, "event", "pay");
		json_set_string(v, "uri", report->text);
		json_set_u64(v, "expires_ms", report->rescue->expires_ms);
		json_line(p, v);
		return;
	}
	(void)snprintf(text, sizeof text, "pay now:  %s", report->text);
	line(p, MARK_DONE, text, true);
}

void print_report(void *ctx, const struct report *report)
{
	struct printer *p = ctx;
	switch (report->kind) {
	case REPORT_NOTE: print_done(p, "%s", report->text); break;
	case REPORT_WARNING: print_error(p, "%s", report->text); break;
	case REPORT_OFFER:
		print_done(p, "terms checked: lock-up at %s, refund from block %llu", report->text,
			(unsigned long long)report->rescue->leg[SIDE_SOURCE].timelock);
		break;
	case REPORT_PAY: print_pay(p, report); break;
	case REPORT_TX: print_tx(p, report); break;
	case REPORT_STATUS: print_status(p, report); break;
	case REPORT_END: /* whoever runs the session calls print_end */
		(void)snprintf(
			p->why, sizeof p->why, "%s", report->text == NULL ? "" : report->text);
		break;
	}
}

void print_begin_report(void *ctx, const struct report *report)
{
	struct printer *p = ctx;
	if (report->kind != REPORT_WARNING) {
		print_report(ctx, report);
		return;
	}
	(void)snprintf(p->why, sizeof p->why, "%.299s", report->text);
	print_plain(p->why);
}
