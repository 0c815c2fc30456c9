/* What the simulated lnd is asked: paths, macaroons, and how it refuses. */
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/lightning_internal.h"

#define MACAROON_HEADER "Grpc-Metadata-macaroon"
#define MACAROON_HEX "0201"
#define CODE_UNKNOWN 2u
#define CODE_NOT_FOUND 5u
#define CODE_EXISTS 6u
#define CLTV_MAX 2016u
#define CLTV_DEFAULT 80u
#define EXPIRY_DEFAULT_S 86400u

struct question {
	struct simln *s;
	enum simln_side side;
	struct sim_visit *visit;
	struct slice rest; /* of the path */
	const struct json *body;
};

/* ---- answers ---- */

static void answer(const struct question *q, unsigned status, struct json *v)
{
	size_t len = 0;
	char *text = json_dump(v, 0, &len);
	CHECK(text != NULL);
	sim_visit_answer(q->visit, status, slice_of(text, len));
	json_text_free(text);
	json_free(v);
}

static void refuse(const struct question *q, unsigned status, unsigned code, const char *message)
{
	answer(q, status, simln_error_json(code, message));
}

/* On a stream it is wrapped. */
static void refuse_stream(
	const struct question *q, unsigned status, unsigned code, const char *message)
{
	struct json *v = json_object();
	json_set(v, "error", simln_error_json(code, message));
	answer(q, status, v);
}

/* ---- parts of questions ---- */

static bool get_base64(struct hash256 *out, const struct question *q, const char *key)
{
	const struct slice text = json_string(json_get(q->body, key));
	return text.ptr != NULL && base64_decode(out->b, sizeof out->b, BASE64, text) == OK;
}

/* A 64-bit integer, in digits. */
static bool get_digits(uint64_t *out, const struct question *q, const char *key, uint64_t absent)
{
	const struct json *member = json_get(q->body, key);
	const struct slice text = json_string(member);
	*out = member == NULL ? absent : 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || *out > UINT64_MAX / 16)
			return false;
		*out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	return member == NULL || text.len > 0;
}

/* The asked side's own invoice, or the payment of the other's. */
static struct simln_bill *find(const struct question *q, const struct hash256 *hash, bool payment)
{
	struct simln_bill *b = simln_find(q->s, hash);
	if (b == NULL || (b->payee == q->side) == payment)
		return NULL;
	return payment && b->payment == SIMLN_UNPAID ? NULL : b;
}

/* ---- the node ---- */

static void get_info(const struct question *q)
{
	answer(q, 200, simln_info_json(q->s, q->side));
}

static void get_balance(const struct question *q)
{
	answer(q, 200, simln_balance_json(q->s, q->side));
}

static void get_channels(const struct question *q)
{
	answer(q, 200, simln_channels_json(q->s, q->side));
}

static void get_pending(const struct question *q)
{
	answer(q, 200, simln_pending_json(q->s, q->side));
}

/* ---- invoices ---- */

static bool get_terms(struct simln_bill *terms, const struct question *q)
{
	uint64_t cltv = 0;
	const bool good = get_digits(&terms->msat, q, "value_msat", 0) &&
		terms->msat <= SAT_MAX_RAW * BOLT11_MSAT_PER_SAT &&
		get_digits(&terms->expiry_s, q, "expiry", EXPIRY_DEFAULT_S) &&
		get_digits(&cltv, q, "cltv_expiry", CLTV_DEFAULT) && cltv <= CLTV_MAX;
	terms->cltv = (uint32_t)cltv;
	return good;
}

static void make_invoice(const struct question *q, const struct simln_bill *terms)
{
	struct simln_bill *made;
	if (simln_find(q->s, &terms->hash) != NULL)
		refuse(q, 500, CODE_UNKNOWN, "invoice with payment hash already exists");
	else if (simln_invoice_make(q->s, &made, q->side, terms) != OK)
		refuse(q, 500, CODE_UNKNOWN, "no invoice can be made of this");
	else
		answer(q, 200, simln_made_json(made));
}

static void post_hold(const struct question *q)
{
	struct simln_bill terms = {0};
	if (!get_base64(&terms.hash, q, "hash") || !get_terms(&terms, q)) {
		refuse(q, 400, 3, "parsing field");
		return;
	}
	terms.hash.b[0] ^= q->s->node[q->side].lie[SIMLN_LIE_REQUEST];
	make_invoice(q, &terms);
}

/* Settled as soon as it is paid; its preimage is given, or made from the index. */
static void post_invoice(const struct question *q)
{
	struct simln_bill terms = {.plain = true, .known = true};
	const uint8_t seed[2] = {(uint8_t)q->side, (uint8_t)q->s->bill_count};
	if (json_get(q->body, "r_preimage") == NULL)
		sha256(&terms.preimage, slice_of(seed, sizeof seed));
	else if (!get_base64(&terms.preimage, q, "r_preimage")) {
		refuse(q, 400, 3, "parsing field");
		return;
	}
	if (!get_terms(&terms, q)) {
		refuse(q, 400, 3, "parsing field");
		return;
	}
	sha256(&terms.hash, slice_of(terms.preimage.b, sizeof terms.preimage.b));
	make_invoice(q, &terms);
}

static void get_invoice(const struct question *q)
{
	struct hash256 hash;
	struct simln_bill *b = NULL;
	if (hex_decode(hash.b, sizeof hash.b, q->rest) == OK)
		b = find(q, &hash, false);
	if (b == NULL)
		refuse(q, 404, CODE_NOT_FOUND, "unable to locate invoice");
	else
		answer(q, 200, simln_invoice_json(q->s, b));
}

static void post_settle(const struct question *q)
{
	struct hash256 preimage, hash;
	struct simln_bill *b = NULL;
	if (get_base64(&preimage, q, "preimage")) {
		sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
		b = find(q, &hash, false);
	}
	if (b == NULL)
		refuse(q, 500, CODE_UNKNOWN, "unable to locate invoice");
	else if (b->invoice == SIMLN_OPEN)
		refuse(q, 500, CODE_UNKNOWN, "invoice still open");
	else if (b->invoice == SIMLN_CANCELED)
		refuse(q, 500, CODE_UNKNOWN, "invoice already canceled");
	else {
		if (b->invoice == SIMLN_ACCEPTED)
			simln_settle(q->s, b, &preimage);
		answer(q, 200, json_object());
	}
}

static void post_cancel(const struct question *q)
{
	struct hash256 hash;
	struct simln_bill *b = get_base64(&hash, q, "payment_hash") ? find(q, &hash, false) : NULL;
	if (b == NULL)
		refuse(q, 500, CODE_UNKNOWN, "unable to locate invoice");
	else if (b->invoice == SIMLN_SETTLED)
		refuse(q, 500, CODE_UNKNOWN, "invoice already settled");
	else {
		if (b->invoice != SIMLN_CANCELED)
			simln_cancel(q->s, b);
		answer(q, 200, json_object());
	}
}

/* ---- streams ---- */

static bool listen(const struct question *q, struct simln_bill *b, bool payment, bool now)
{
	const struct simln_stream stream = {
		.visit = q->visit, .side = q->side, .payment = payment, .bill = b};
	if (simln_listen(q->s, &stream, now))
		return true;
	refuse_stream(q, 500, CODE_UNKNOWN, "too many streams");
	return false;
}

static struct simln_bill *by_path(const struct question *q, bool payment)
{
	struct hash256 hash;
	return base64_decode(hash.b, sizeof hash.b, BASE64_URL, q->rest) == OK
		? find(q, &hash, payment)
		: NULL;
}

static void get_subscribe(const struct question *q)
{
	struct simln_bill *b = by_path(q, false);
	if (b == NULL)
		refuse_stream(q, 404, CODE_NOT_FOUND, "unable to locate invoice");
	else
		(void)listen(q, b, false, true);
}

static void get_track(const struct question *q)
{
	struct simln_bill *b = by_path(q, true);
	if (b == NULL)
		refuse_stream(q, 404, CODE_NOT_FOUND, "payment isn't initiated");
	else
		(void)listen(q, b, true, true);
}

/* The bill that a request asks for. */
static struct simln_bill *by_request(const struct question *q, struct slice request)
{
	struct bolt11 *in = sim_alloc(sizeof *in);
	struct simln_bill *b = NULL;
	if (request.ptr != NULL && bolt11_decode(in, request) == OK)
		b = simln_find(q->s, &in->payment_hash);
	free(in);
	return b;
}

static void post_send(const struct question *q)
{
	struct simln_bill *b = by_request(q, json_string(json_get(q->body, "payment_request")));
	uint64_t fee_limit_msat, cltv_limit = CLTV_MAX;
	(void)!json_get_u64(q->body, "cltv_limit", &cltv_limit);
	if (!get_digits(&fee_limit_msat, q, "fee_limit_msat", UINT64_MAX) ||
		cltv_limit > UINT32_MAX)
		refuse_stream(q, 400, 3, "parsing field");
	else if (b == NULL || b->payee == q->side)
		refuse_stream(q, 500, CODE_UNKNOWN, "no invoice of the other node");
	else if (b->payment == SIMLN_SUCCEEDED)
		refuse_stream(q, 409, CODE_EXISTS, "invoice is already paid");
	else if (b->payment == SIMLN_IN_FLIGHT)
		refuse_stream(q, 409, CODE_EXISTS, "payment is in transition");
	else if (listen(q, b, true, false))
		simln_pay(q->s, b, fee_limit_msat, (uint32_t)cltv_limit);
}

/* ---- which is which ---- */

static const struct {
	const char *method, *path; /* the path as a whole, or up to its last part */
	void (*take)(const struct question *q);
} routes[] = {
	{"GET", "/v1/getinfo", get_info},
	{"GET", "/v1/balance/channels", get_balance},
	{"GET", "/v1/channels", get_channels},
	{"GET", "/v1/channels/pending", get_pending},
	{"GET", "/v1/invoice/", get_invoice},
	{"POST", "/v1/invoices", post_invoice},
	{"POST", "/v2/invoices/hodl", post_hold},
	{"POST", "/v2/invoices/settle", post_settle},
	{"POST", "/v2/invoices/cancel", post_cancel},
	{"GET", "/v2/invoices/subscribe/", get_subscribe},
	{"GET", "/v2/router/track/", get_track},
	{"POST", "/v2/router/send", post_send},
};

static bool fits(size_t i, const char *path)
{
	const size_t len = strlen(routes[i].path);
	const bool part = routes[i].path[len - 1] == '/';
	return strncmp(routes[i].path, path, len) == 0 && (part || path[len] == 0);
}

const char *simln_route_name(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++)
		if (fits(i, path))
			return routes[i].path;
	return path; /* a Core Lightning's commands have none that goes on */
}

static void route(struct question *q)
{
	const char *path = sim_visit_path(q->visit);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!fits(i, path) || strcmp(routes[i].method, sim_visit_method(q->visit)) != 0)
			continue;
		q->rest = slice_str(path + strlen(routes[i].path));
		routes[i].take(q);
		return;
	}
	refuse(q, 404, CODE_NOT_FOUND, "Not Found");
}

void simln_serve(struct simln *s, enum simln_side side, struct sim_visit *visit)
{
	struct question q = {.s = s, .side = side, .visit = visit};
	const char *macaroon = sim_visit_header(visit, MACAROON_HEADER);
	const struct slice text = sim_visit_body(visit);
	struct json *body = NULL;
	if (!s->node[side].up) {
		sim_visit_refuse(visit);
	} else if (s->node[side].cln) {
		simln_cln_serve(s, side, visit);
	} else if (s->node[side].starting) {
		refuse(&q, 500, CODE_UNKNOWN, "waiting to start, RPC services not available");
	} else if (macaroon[0] == 0) {
		refuse(&q, 500, CODE_UNKNOWN, "expected 1 macaroon, got 0");
	} else if (strcmp(macaroon, MACAROON_HEX) != 0) {
		refuse(&q, 500, CODE_UNKNOWN,
			"cannot determine data format of binary-encoded macaroon");
	} else if (text.len > 0 && json_parse(&body, text, NULL) != OK) {
		refuse(&q, 400, 3, "not JSON");
	} else {
		q.body = body;
		route(&q);
	}
	json_free(body);
}
