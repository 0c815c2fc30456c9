#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "layer/lightning/dialect.h"
#include "layer/lightning/lnd.h"

#define DIGITS_SIZE 24u
#define PARTS_PAID_MAX 16u /* HTLCs that one payment is split into */

/* ---- what is sent ---- */

static void put(struct ln_request *out, const char *method, const char *path)
{
	out->method = method;
	(void)snprintf(out->path, sizeof out->path, "%s", path);
	out->body = strcmp(method, "POST") == 0 ? json_object() : NULL;
}

static void set_base64(struct json *v, const char *key, const struct hash256 *bytes)
{
	char text[BASE64_SIZE(32)];
	base64_encode(text, BASE64, bytes->b, sizeof bytes->b);
	json_set_string(v, key, text);
	bytes_wipe(text, sizeof text); /* a preimage, perhaps */
}

/* A 64-bit integer of protocol buffers. */
static void set_digits(struct json *v, const char *key, uint64_t n)
{
	char text[DIGITS_SIZE];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	json_set_string(v, key, text);
}

static void put_info(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "GET", "/v1/getinfo");
}

static void put_balance(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "GET", "/v1/balance/channels");
}

static void put_channels(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "GET", "/v1/channels");
}

static void put_limbo(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "GET", "/v1/channels/pending");
}

static void put_hold(struct ln_request *out, const struct ln_question *q)
{
	put(out, "POST", "/v2/invoices/hodl");
	set_base64(out->body, "hash", &q->hash);
	set_digits(out->body, "value_msat", q->amount.raw);
	set_digits(out->body, "expiry", q->expiry_s);
	set_digits(out->body, "cltv_expiry", q->final_cltv);
}

static void put_settle(struct ln_request *out, const struct ln_question *q)
{
	put(out, "POST", "/v2/invoices/settle");
	set_base64(out->body, "preimage", &q->preimage);
}

static void put_cancel(struct ln_request *out, const struct ln_question *q)
{
	put(out, "POST", "/v2/invoices/cancel");
	set_base64(out->body, "payment_hash", &q->hash);
}

static void put_invoice(struct ln_request *out, const struct ln_question *q)
{
	char hash[65], path[LN_PATH_SIZE];
	hex_encode(hash, q->hash.b, sizeof q->hash.b);
	(void)snprintf(path, sizeof path, "/v1/invoice/%s", hash);
	put(out, "GET", path);
}

/* Bytes in a path are base64url, padded. */
static void put_by_hash(struct ln_request *out, const char *before, const struct hash256 *hash)
{
	char text[BASE64_SIZE(32)], path[LN_PATH_SIZE];
	base64_encode(text, BASE64_URL, hash->b, sizeof hash->b);
	(void)snprintf(path, sizeof path, "%s%s", before, text);
	put(out, "GET", path);
}

static void put_invoice_stream(struct ln_request *out, const struct ln_question *q)
{
	put_by_hash(out, "/v2/invoices/subscribe/", &q->hash);
}

static void put_payment_stream(struct ln_request *out, const struct ln_question *q)
{
	put_by_hash(out, "/v2/router/track/", &q->hash);
}

static void put_pay(struct ln_request *out, const struct ln_question *q)
{
	put(out, "POST", "/v2/router/send");
	json_set_string(out->body, "payment_request", q->request);
	set_digits(out->body, "fee_limit_msat", q->fee_limit.raw);
	json_set_u64(out->body, "timeout_seconds", q->timeout_s);
	json_set_u64(out->body, "cltv_limit", q->cltv_limit);
	json_set_u64(out->body, "max_parts", PARTS_PAID_MAX);
}

/* ---- what is answered ---- */

static enum err read_info(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_info_parse(&out->info, body);
}

static enum err read_balance(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_balance_parse(&out->balance, body);
}

static enum err read_channels(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_channels_parse(&out->channels, body);
}

static enum err read_limbo(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_limbo_parse(&out->limbo, body);
}

static enum err read_request(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_request_parse(out->request, body);
}

static enum err read_done(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)out;
	(void)r;
	return lnd_done_parse(body);
}

static enum err read_invoice(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return lnd_invoice_parse(&out->invoice, body);
}

static enum err read_invoice_line(
	union ln_value *out, const struct ln_reading *r, struct slice line)
{
	return lnd_invoice_line(&out->invoice, r->detail, line);
}

static enum err read_payment_line(
	union ln_value *out, const struct ln_reading *r, struct slice line)
{
	return lnd_payment_line(&out->payment, r->detail, line);
}

const struct ln_dialect ln_dialect_lnd = {
	.header = "Grpc-Metadata-macaroon: ",
	.binary = true,
	.once =
		{
			[LN_ASK_INFO] = {put_info, read_info, NULL},
			[LN_ASK_BALANCE] = {put_balance, read_balance, NULL},
			[LN_ASK_CHANNELS] = {put_channels, read_channels, NULL},
			[LN_ASK_LIMBO] = {put_limbo, read_limbo, NULL},
			[LN_ASK_HOLD] = {put_hold, read_request, NULL},
			[LN_ASK_SETTLE] = {put_settle, read_done, NULL},
			[LN_ASK_CANCEL] = {put_cancel, read_done, NULL},
			[LN_ASK_INVOICE] = {put_invoice, read_invoice, NULL},
		},
	.stream =
		{
			[LN_ASK_INVOICE] = {put_invoice_stream, read_invoice_line, NULL},
			[LN_ASK_PAY] = {put_pay, read_payment_line, NULL},
			[LN_ASK_PAYMENT] = {put_payment_stream, read_payment_line, NULL},
		},
	.refusal = lnd_refusal_parse,
};
