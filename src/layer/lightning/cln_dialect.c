#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "layer/lightning/cln.h"
#include "layer/lightning/dialect.h"
#include "sys/rand.h"

/* ---- what is sent: commands, with their parameters by name ---- */

static void put(struct ln_request *out, const char *command)
{
	out->method = "POST";
	(void)snprintf(out->path, sizeof out->path, "/v1/%s", command);
	out->body = json_object();
}

static void set_hash(struct json *v, const struct ln_question *q)
{
	json_set_hex(v, "payment_hash", "", q->hash.b, sizeof q->hash.b);
}

static void put_info(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "getinfo");
}

static void put_channels(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "listpeerchannels");
}

static void put_pay(struct ln_request *out, const struct ln_question *q)
{
	put(out, "pay");
	json_set_string(out->body, "bolt11", q->request);
	json_set_u64(out->body, "maxfee", q->fee_limit.raw);
	json_set_u64(out->body, "retry_for", q->timeout_s);
	json_set_u64(out->body, "maxdelay", q->cltv_limit);
}

static void put_payment(struct ln_request *out, const struct ln_question *q)
{
	put(out, "listsendpays");
	set_hash(out->body, q);
}

static void put_deadline(struct ln_request *out, const struct ln_question *q)
{
	(void)q;
	put(out, "listconfigs");
	json_set_string(out->body, "config", "hold-expiry-deadline");
}

/* What the node signs; false: no memory, or no invoice can say that. */
static bool write_invoice(char text[BOLT11_TEXT_MAX + 1], const struct ln_question *q)
{
	static const struct seckey anybody = {{1}}; /* the node's signature replaces this one */
	struct bolt11 *b = calloc(1, sizeof *b);
	if (b == NULL)
		return false;
	*b = (struct bolt11){.network = q->network,
		.amount_msat = q->amount.raw,
		.timestamp_s = q->now_s,
		.expiry_s = q->expiry_s,
		.payment_hash = q->hash,
		.final_cltv = q->final_cltv,
		.features = UINT64_C(1) << BOLT11_VAR_ONION | UINT64_C(1) << BOLT11_PAYMENT_SECRET |
			UINT64_C(2) << BOLT11_BASIC_MPP};
	rand_bytes(b->payment_secret, sizeof b->payment_secret);
	const enum err err = bolt11_encode(text, b, &anybody);
	free(b);
	return err == OK;
}

static void put_sign(
	struct ln_request *out, const struct ln_question *q, const union ln_value *so_far)
{
	char *text = malloc(BOLT11_TEXT_MAX + 1);
	(void)so_far;
	put(out, "signinvoice");
	if (text != NULL && write_invoice(text, q))
		json_set_string(out->body, "invstring", text);
	free(text); /* without one the node refuses */
}

static void put_inject(
	struct ln_request *out, const struct ln_question *q, const union ln_value *so_far)
{
	(void)q;
	put(out, "injectholdinvoice");
	json_set_string(out->body, "invoice", so_far->request);
}

static void put_settle(struct ln_request *out, const struct ln_question *q)
{
	put(out, "settleholdinvoice");
	json_set_hex(out->body, "preimage", "", q->preimage.b, sizeof q->preimage.b);
}

static void put_cancel(struct ln_request *out, const struct ln_question *q)
{
	put(out, "cancelholdinvoice");
	set_hash(out->body, q);
}

static void put_invoice(struct ln_request *out, const struct ln_question *q)
{
	put(out, "listholdinvoices");
	set_hash(out->body, q);
}

static bool is_doubtful(const union ln_value *so_far)
{
	return cln_invoice_doubtful(&so_far->invoice);
}

static void put_htlcs(
	struct ln_request *out, const struct ln_question *q, const union ln_value *so_far)
{
	(void)so_far;
	put_channels(out, q);
}

/* ---- what is answered ---- */

static enum err read_info(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_info_parse(&out->info, body);
}

static enum err read_balance(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_balance_parse(&out->balance, body);
}

static enum err read_channels(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_channels_parse(&out->channels, body);
}

static enum err read_limbo(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_limbo_parse(&out->limbo, body);
}

static enum err read_payment(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	return cln_payment_parse(&out->payment, &r->question->hash, r->more_may_come, body);
}

/* pay has ended, one way or the other: the parts tell which. */
static enum err read_paid(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)out;
	(void)r;
	(void)body;
	return ERR_REJECTED;
}

/* Later than the adapter counts on it must not give up what it holds, and not never. */
static enum err read_deadline(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)out;
	return cln_deadline_parse(r->detail, LN_HOLD_MARGIN, body);
}

static enum err read_signed(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_signed_parse(out->request, body);
}

static enum err read_done(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)out;
	(void)r;
	return cln_done_parse(body);
}

static enum err read_invoice(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	return cln_invoice_parse(&out->invoice, &r->question->hash, body);
}

static enum err read_htlcs(union ln_value *out, const struct ln_reading *r, struct slice body)
{
	(void)r;
	return cln_invoice_confirm(&out->invoice, body);
}

/* The plugin is looked at before each: it may be another one than a minute ago. */
static const struct ln_step hold_steps[] = {
	{NULL, put_sign, read_signed}, {NULL, put_inject, read_done}, {0}};
static const struct ln_step invoice_steps[] = {{is_doubtful, put_htlcs, read_htlcs}, {0}};

static enum err refusal(char detail[LN_DETAIL_SIZE], struct slice body)
{
	enum ln_failure failure;
	return cln_refusal_parse(&failure, detail, body);
}

const struct ln_dialect ln_dialect_cln = {
	.header = "Rune: ",
	.once =
		{
			[LN_ASK_INFO] = {put_info, read_info, NULL},
			[LN_ASK_BALANCE] = {put_channels, read_balance, NULL},
			[LN_ASK_CHANNELS] = {put_channels, read_channels, NULL},
			[LN_ASK_LIMBO] = {put_channels, read_limbo, NULL},
			[LN_ASK_HOLDS] = {put_deadline, read_deadline, NULL},
			[LN_ASK_HOLD] = {put_deadline, read_deadline, hold_steps},
			[LN_ASK_SETTLE] = {put_settle, read_done, NULL},
			[LN_ASK_CANCEL] = {put_cancel, read_done, NULL},
			[LN_ASK_INVOICE] = {put_invoice, read_invoice, invoice_steps},
			[LN_ASK_PAY] = {put_pay, read_paid, NULL},
			[LN_ASK_PAYMENT] = {put_payment, read_payment, NULL},
		},
	.refusal = refusal,
};
