/* What the simulated Core Lightning is asked over clnrest: commands, runes, and how it refuses; its
 * own commands, and those of the plugin `hold`. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/lightning_internal.h"

#define STATUS_DONE 201u
#define STATUS_DENIED 401u
#define STATUS_NO_COMMAND 404u
#define STATUS_FAILED 500u
#define CODE_FAILED (-1)
#define CODE_PLUGIN (-32700) /* whatever goes wrong in a plugin */
#define CODE_NO_COMMAND (-32601)
#define CODE_PARAMETER (-32602)
#define CODE_NO_RUNE 1501
#define CODE_RUNE 1502
#define CODE_IN_PROGRESS 200
#define CODE_NO_ROUTE 205
#define CODE_REFUSED 203
#define ERROR_SIZE 256u
#define DEADLINE "hold-expiry-deadline"

struct command {
	struct simln *s;
	enum simln_side side;
	struct sim_visit *visit;
	const struct json *params;
};

static void answer_visit(struct sim_visit *visit, unsigned status, struct json *v)
{
	size_t len = 0;
	char *text = json_dump(v, 0, &len);
	CHECK(text != NULL);
	sim_visit_answer(visit, status, slice_of(text, len));
	json_text_free(text);
	json_free(v);
}

static void answer(const struct command *c, struct json *v)
{
	answer_visit(c->visit, STATUS_DONE, v);
}

/* message: of ours, without anything to escape. */
static void refuse_visit(struct sim_visit *visit, unsigned status, int code, const char *message)
{
	char text[ERROR_SIZE];
	const int len = snprintf(
		text, sizeof text, "{\"code\":%d,\"message\":\"%s\"}", code, message);
	CHECK(len > 0 && len < (int)sizeof text);
	sim_visit_answer(visit, status, slice_str(text));
}

static void refuse(const struct command *c, int code, const char *message)
{
	refuse_visit(c->visit, STATUS_FAILED, code, message);
}

/* ---- the node's own ---- */

static void getinfo(const struct command *c)
{
	answer(c, simln_cln_info_json(c->s, c->side));
}

static void listpeerchannels(const struct command *c)
{
	answer(c, simln_cln_channels_json(c->s, c->side));
}

static void listconfigs(const struct command *c)
{
	const char *name = json_get_string(c->params, "config");
	if (name == NULL || strcmp(name, DEADLINE) != 0 || c->s->node[c->side].no_plugin) {
		refuse(c, CODE_PARAMETER, "config: Unknown config option");
		return;
	}
	struct json *v = json_object(), *configs = json_object(), *one = json_object();
	json_set_u64(one, "value_int", SIMLN_MARGIN);
	json_set_string(one, "source", "default");
	json_set_string(one, "plugin", "/usr/local/bin/hold");
	json_set(configs, DEADLINE, one);
	json_set(v, "configs", configs);
	answer(c, v);
}

/* The payment of the other side's invoice, or the asked side's own. */
static struct simln_bill *find(const struct command *c, const struct hash256 *hash, bool payment)
{
	struct simln_bill *b = simln_find(c->s, hash);
	if (b == NULL || (b->payee == c->side) == payment || (!payment && b->plain))
		return NULL;
	return payment && b->payment == SIMLN_UNPAID ? NULL : b;
}

static bool get_hash(struct hash256 *out, const struct command *c, const char *key)
{
	if (json_get_hex(c->params, key, out->b, sizeof out->b) == OK)
		return true;
	refuse(c, CODE_PARAMETER, "should be a 32 byte hex value");
	return false;
}

static void listsendpays(const struct command *c)
{
	struct hash256 hash;
	if (get_hash(&hash, c, "payment_hash"))
		answer(c, simln_cln_payments_json(c->s, find(c, &hash, true)));
}

/* What an invoice says; NULL: it is none. Owned. */
static struct bolt11 *decode(const struct json *text)
{
	struct bolt11 *in = sim_alloc(sizeof *in);
	if (bolt11_decode(in, json_string(text)) == OK)
		return in;
	free(in);
	return NULL;
}

void simln_cln_paid(struct simln *s, const struct simln_bill *b, struct sim_visit *visit)
{
	if (simln_payment_said(s, b) == SIMLN_FAILED) {
		const bool refused = b->reason == SIMLN_REASON_DETAILS;
		refuse_visit(visit, STATUS_FAILED, refused ? CODE_REFUSED : CODE_NO_ROUTE,
			"it was not paid");
		return;
	}
	struct json *v = json_object();
	json_set_hex(v, "payment_hash", "", b->hash.b, sizeof b->hash.b);
	json_set_hex(v, "payment_preimage", "", b->preimage.b, sizeof b->preimage.b);
	json_set_string(v, "status", "complete");
	json_set_u64(v, "amount_msat", b->msat);
	json_set_u64(v, "parts", b->part_count);
	answer_visit(visit, STATUS_DONE, v);
}

/* Its answer comes with the end of the payment. */
static void pay(const struct command *c)
{
	struct bolt11 *in = decode(json_get(c->params, "bolt11"));
	struct simln_bill *b = in == NULL ? NULL : simln_find(c->s, &in->payment_hash);
	const struct simln_stream stream = {
		.visit = c->visit, .side = c->side, .payment = true, .bill = b};
	uint64_t fee_msat = UINT64_MAX, blocks = UINT32_MAX;
	free(in);
	(void)!json_get_u64(c->params, "maxfee", &fee_msat);
	(void)!json_get_u64(c->params, "maxdelay", &blocks);
	if (b == NULL || b->payee == c->side || blocks > UINT32_MAX)
		refuse(c, CODE_PARAMETER, "no invoice of the other node");
	else if (b->payment == SIMLN_SUCCEEDED)
		simln_cln_paid(c->s, b, c->visit);
	else if (b->payment == SIMLN_IN_FLIGHT)
		refuse(c, CODE_IN_PROGRESS, "Payment is pending");
	else if (!simln_listen(c->s, &stream, false))
		refuse(c, CODE_FAILED, "too many");
	else
		simln_pay(c->s, b, fee_msat, (uint32_t)blocks);
}

/* Whatever was written, signed by this node. */
static void signinvoice(const struct command *c)
{
	struct bolt11 *in = decode(json_get(c->params, "invstring"));
	char *text = sim_alloc(BOLT11_TEXT_MAX + 1);
	if (in != NULL && bolt11_encode(text, in, &c->s->node[c->side].key) == OK) {
		struct json *v = json_object();
		json_set_string(v, "bolt11", text);
		answer(c, v);
	} else {
		refuse(c, CODE_PARAMETER, "invstring: invalid");
	}
	free(text);
	free(in);
}

/* ---- the plugin's ---- */

static void inject(const struct command *c, const struct bolt11 *in, struct slice text)
{
	struct simln_bill *made,
		terms = {.hash = in->payment_hash,
			.msat = in->amount_msat,
			.created_s = in->timestamp_s,
			.expiry_s = in->expiry_s,
			.cltv = in->final_cltv};
	terms.hash.b[0] ^= c->s->node[c->side].lie[SIMLN_LIE_REQUEST];
	memcpy(terms.secret, in->payment_secret, sizeof terms.secret);
	memcpy(terms.request, text.ptr, text.len);
	if (memcmp(in->payee.b, c->s->node[c->side].pubkey.b, sizeof in->payee.b) != 0)
		refuse(c, CODE_PLUGIN, "invoice is not related to us");
	else if (simln_find(c->s, &terms.hash) != NULL)
		refuse(c, CODE_PLUGIN, "UNIQUE constraint failed: invoices.payment_hash");
	else if (simln_invoice_make(c->s, &made, c->side, &terms) != OK)
		refuse(c, CODE_PLUGIN, "no room");
	else
		answer(c, json_object());
}

static void injectholdinvoice(const struct command *c)
{
	const struct slice text = json_string(json_get(c->params, "invoice"));
	struct bolt11 *in = decode(json_get(c->params, "invoice"));
	if (in == NULL || text.len > SIMLN_REQUEST_MAX)
		refuse(c, CODE_PLUGIN, "could not parse invoice");
	else
		inject(c, in, text);
	free(in);
}

static void listholdinvoices(const struct command *c)
{
	struct hash256 hash;
	if (get_hash(&hash, c, "payment_hash"))
		answer(c, simln_cln_hold_json(c->s, find(c, &hash, false)));
}

static void settleholdinvoice(const struct command *c)
{
	struct hash256 preimage, hash;
	if (!get_hash(&preimage, c, "preimage"))
		return;
	sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
	struct simln_bill *b = find(c, &hash, false);
	if (b == NULL) {
		refuse(c, CODE_PLUGIN, "invoice not found");
	} else if (b->invoice != SIMLN_SETTLED && simln_held(b) == 0) {
		refuse(c, CODE_PLUGIN, "no HTLCs to settle");
	} else {
		if (b->invoice != SIMLN_SETTLED)
			simln_settle(c->s, b, &preimage);
		answer(c, json_object());
	}
}

static void cancelholdinvoice(const struct command *c)
{
	struct hash256 hash;
	if (!get_hash(&hash, c, "payment_hash"))
		return;
	struct simln_bill *b = find(c, &hash, false);
	if (b == NULL) {
		refuse(c, CODE_PLUGIN, "invoice not found");
	} else if (b->invoice == SIMLN_SETTLED) {
		refuse(c, CODE_PLUGIN, "could not update invoice in database: state paid is final");
	} else {
		if (b->invoice != SIMLN_CANCELED)
			simln_cancel(c->s, b);
		answer(c, json_object());
	}
}

/* ---- which is which ---- */

static const struct {
	const char *name;
	void (*take)(const struct command *c);
	bool plugin;
} commands[] = {
	{"getinfo", getinfo, false},
	{"listpeerchannels", listpeerchannels, false},
	{"listconfigs", listconfigs, false},
	{"listsendpays", listsendpays, false},
	{"pay", pay, false},
	{"signinvoice", signinvoice, false},
	{"injectholdinvoice", injectholdinvoice, true},
	{"listholdinvoices", listholdinvoices, true},
	{"settleholdinvoice", settleholdinvoice, true},
	{"cancelholdinvoice", cancelholdinvoice, true},
};

static void take(const struct command *c, const char *name)
{
	char message[96];
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) != 0 ||
			(commands[i].plugin && c->s->node[c->side].no_plugin))
			continue;
		commands[i].take(c);
		return;
	}
	(void)snprintf(message, sizeof message, "Unknown command '%s'", name);
	refuse_visit(c->visit, STATUS_NO_COMMAND, CODE_NO_COMMAND, message);
}

/* While it starts clnrest does not listen. */
void simln_cln_serve(struct simln *s, enum simln_side side, struct sim_visit *visit)
{
	static const char prefix[] = "/v1/";
	const char *path = sim_visit_path(visit), *rune = sim_visit_header(visit, "Rune");
	const struct slice text = sim_visit_body(visit);
	struct json *params = NULL;
	struct command c = {.s = s, .side = side, .visit = visit};
	if (s->node[side].starting) {
		sim_visit_refuse(visit);
	} else if (strncmp(path, prefix, strlen(prefix)) != 0 ||
		strcmp(sim_visit_method(visit), "POST") != 0) {
		refuse_visit(visit, STATUS_NO_COMMAND, CODE_NO_COMMAND, "Path not found");
	} else if (strcmp(rune, SIMLN_RUNE) != 0) {
		refuse_visit(visit, STATUS_DENIED, rune[0] == 0 ? CODE_NO_RUNE : CODE_RUNE,
			"Not authorized: Rune is not valid");
	} else if (text.len > 0 && json_parse(&params, text, NULL) != OK) {
		refuse(&c, CODE_PARAMETER, "not JSON");
	} else {
		c.params = params;
		take(&c, path + strlen(prefix));
	}
	json_free(params);
}
