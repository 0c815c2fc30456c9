/* The asking of Lightning nodes as a tool for tests:
 *
 *     ln_tool lnd|cln NETWORK URL CREDENTIAL CERTIFICATE QUESTION [NAME=VALUE]...
 *
 * QUESTION: info, balance, channels, hold, settle, cancel, invoice, pay, payment, or the last three
 * with "follow-" before. Values: hash, preimage (hex), amount, fee (millisatoshis), request,
 * expiry, cltv, limit, timeout. Prints one line of JSON for each answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "layer/lightning/node.h"
#include "net/json.h"

static const char *const questions[LN_ASK_COUNT] = {[LN_ASK_INFO] = "info",
	[LN_ASK_BALANCE] = "balance",
	[LN_ASK_CHANNELS] = "channels",
	[LN_ASK_LIMBO] = "limbo",
	[LN_ASK_HOLDS] = "holds",
	[LN_ASK_HOLD] = "hold",
	[LN_ASK_SETTLE] = "settle",
	[LN_ASK_CANCEL] = "cancel",
	[LN_ASK_INVOICE] = "invoice",
	[LN_ASK_PAY] = "pay",
	[LN_ASK_PAYMENT] = "payment"};

static const char *const invoice_states[] = {[LN_INVOICE_OPEN] = "open",
	[LN_INVOICE_HELD] = "held",
	[LN_INVOICE_SETTLED] = "settled",
	[LN_INVOICE_CANCELLED] = "cancelled"};
static const char *const payment_states[] = {[LN_PAYMENT_IN_FLIGHT] = "in flight",
	[LN_PAYMENT_SUCCEEDED] = "succeeded",
	[LN_PAYMENT_FAILED] = "failed"};
static const char *const failures[] = {[LN_FAILURE_NONE] = "none",
	[LN_FAILURE_TIMEOUT] = "timeout",
	[LN_FAILURE_NO_ROUTE] = "no route",
	[LN_FAILURE_REFUSED] = "refused",
	[LN_FAILURE_BALANCE] = "balance",
	[LN_FAILURE_CANCELLED] = "cancelled",
	[LN_FAILURE_OTHER] = "other"};

static bool over;

static void put_payment(struct json *out, const struct ln_payment *p)
{
	json_set_string(out, "state", payment_states[p->state]);
	json_set_string(out, "failure", failures[p->failure]);
	json_set_u64(out, "amount", p->amount.raw);
	json_set_u64(out, "fee", p->fee.raw);
	json_set_u64(out, "in_flight", p->in_flight_count);
	json_set_u64(out, "expiry_height", p->expiry_height);
	if (p->has_preimage)
		json_set_hex(out, "preimage", "", p->preimage.b, sizeof p->preimage.b);
}

static void put_invoice(struct json *out, const struct ln_invoice *in)
{
	json_set_string(out, "state", invoice_states[in->state]);
	json_set_string(out, "request", in->request);
	json_set_u64(out, "held", in->held.raw);
	json_set_u64(out, "held_count", in->held_count);
	json_set_u64(out, "settled", in->settled.raw);
	json_set_u64(out, "expiry_height", in->expiry_height);
}

static void put_balance(struct json *out, const struct ln_balance *b)
{
	json_set_u64(out, "local", b->local.raw);
	json_set_u64(out, "remote", b->remote.raw);
	json_set_u64(out, "unsettled_local", b->unsettled_local.raw);
	json_set_u64(out, "unsettled_remote", b->unsettled_remote.raw);
}

static void put_info(struct json *out, const struct ln_info *info)
{
	json_set_string(out, "network", info->network->name);
	json_set_string(out, "version", info->version);
	json_set_u64(out, "height", info->height);
	json_set_bool(out, "synced", info->synced);
	json_set_u64(out, "channels", info->channels_active);
}

static void put_channels(struct json *out, const struct ln_answer *a)
{
	const struct ln_channels *all = a->channels;
	json_set_u64(out, "count", all->count);
	if (all->count == 0)
		return;
	json_set_bool(out, "active", all->channel->active);
	json_set_u64(out, "capacity", all->channel->capacity.raw);
	json_set_u64(out, "local", all->channel->local.raw);
	json_set_u64(out, "commit_fee", all->channel->commit_fee.raw);
	json_set_u64(out, "htlcs", all->channel->htlc_count);
	if (all->htlc_count > 0)
		json_set_u64(out, "htlc", all->htlc->amount.raw);
}

static void on_answer(void *ctx, const struct ln_answer *a)
{
	struct json *out = json_object();
	(void)ctx;
	json_set_string(out, "err", err_name(a->err));
	json_set_string(out, "detail", a->detail);
	if (a->info != NULL)
		put_info(out, a->info);
	if (a->balance != NULL)
		put_balance(out, a->balance);
	if (a->limbo != NULL)
		json_set_u64(out, "limbo", a->limbo->all.raw);
	if (a->channels != NULL)
		put_channels(out, a);
	if (a->request != NULL)
		json_set_string(out, "request", a->request);
	if (a->invoice != NULL)
		put_invoice(out, a->invoice);
	if (a->payment != NULL)
		put_payment(out, a->payment);
	char *text = json_dump(out, 0, NULL);
	CHECK(text != NULL && printf("%s\n", text) > 0 && fflush(stdout) == 0);
	json_text_free(text);
	json_free(out);
	over = a->last;
}

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t n = strtoull(text, &end, 10);
	CHECK(*text != 0 && *end == 0);
	return n;
}

static void set(struct ln_question *q, const char *argument)
{
	const char *value = strchr(argument, '=');
	CHECK(value != NULL);
	const struct slice name = slice_of(argument, (size_t)(value - argument));
	value++;
	const struct {
		const char *name;
		struct hash256 *hash;
		uint64_t *amount;
		uint32_t *count;
	} field[] = {{"hash", &q->hash, NULL, NULL}, {"preimage", &q->preimage, NULL, NULL},
		{"amount", NULL, &q->amount.raw, NULL}, {"fee", NULL, &q->fee_limit.raw, NULL},
		{"expiry", NULL, NULL, &q->expiry_s}, {"cltv", NULL, NULL, &q->final_cltv},
		{"limit", NULL, NULL, &q->cltv_limit}, {"timeout", NULL, NULL, &q->timeout_s}};
	if (slice_eq(name, slice_str("request"))) {
		q->request = value;
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		if (!slice_eq(name, slice_str(field[i].name)))
			continue;
		if (field[i].hash != NULL)
			CHECK(hex_decode(field[i].hash->b, 32, slice_str(value)) == OK);
		else if (field[i].amount != NULL)
			*field[i].amount = number(value);
		else
			*field[i].count = (uint32_t)number(value);
		return;
	}
	CHECK(false);
}

static bool parse(struct ln_question *q, int argc, char **argv)
{
	static const char prefix[] = "follow-";
	const bool follow = strncmp(argv[6], prefix, strlen(prefix)) == 0;
	const char *name = argv[6] + (follow ? strlen(prefix) : 0);
	while (q->ask < LN_ASK_COUNT && strcmp(questions[q->ask], name) != 0)
		q->ask++;
	CHECK(q->ask < LN_ASK_COUNT);
	for (int i = 7; i < argc; i++)
		set(q, argv[i]);
	return follow;
}

int main(int argc, char **argv)
{
	struct loop *loop;
	struct http_client *client;
	struct ln_node *node;
	struct ln_question q = {0};
	CHECK(argc >= 7);
	const bool follow = parse(&q, argc, argv);
	const struct http_client_config http = {.ca_file = argv[5]};
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	CHECK(http_client_create_with(&client, loop, &http) == OK);
	const struct ln_node_config config = {.kind = strcmp(argv[1], "lnd") == 0 ? LN_LND : LN_CLN,
		.network = network_by_name(LAYER_BITCOIN, slice_str(argv[2])),
		.url = argv[3],
		.credential_file = argv[4],
		.client = client,
		.loop = loop};
	CHECK(config.network != NULL && ln_node_create(&node, &config) == OK);
	enum err err = follow ? ln_node_follow(node, NULL, &q, on_answer, NULL)
			      : ln_node_ask(node, NULL, &q, on_answer, NULL);
	if (err != OK)
		(void)printf("{\"err\":\"%s\"}\n", err_name(err));
	while (err == OK && !over)
		(void)loop_step(loop, 1000);
	ln_node_destroy(node);
	http_client_destroy(client);
	loop_destroy(loop);
	return EXIT_SUCCESS;
}
