#include <stdio.h>

#include "base/hex.h"
#include "layer/lightning/cln.h"
#include "layer/lightning/dialect.h"

/* ---- what is sent: commands, with their parameters by name ---- */

static void put(struct ln_request *out, const char *command)
{
	out->method = "POST";
	(void)snprintf(out->path, sizeof out->path, "/v1/%s", command);
	out->body = json_object();
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
	json_set_hex(out->body, "payment_hash", "", q->hash.b, sizeof q->hash.b);
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

static enum err refusal(char detail[LN_DETAIL_SIZE], struct slice body)
{
	enum ln_failure failure;
	return cln_refusal_parse(&failure, detail, body);
}

const struct ln_dialect ln_dialect_cln = {
	.header = "Rune: ",
	.once =
		{
			[LN_ASK_INFO] = {put_info, read_info},
			[LN_ASK_BALANCE] = {put_channels, read_balance},
			[LN_ASK_CHANNELS] = {put_channels, read_channels},
			[LN_ASK_LIMBO] = {put_channels, read_limbo},
			[LN_ASK_PAY] = {put_pay, read_paid},
			[LN_ASK_PAYMENT] = {put_payment, read_payment},
		},
	.refusal = refusal,
};
