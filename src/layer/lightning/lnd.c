#include "layer/lightning/lnd.h"

#include "base/hex.h"
#include "base/mutant.h"
#include "layer/lightning/answer.h"

#define TIME_MAX_S (UINT64_C(1) << 40)
#define CHANNELS_EACH_MAX UINT32_C(1000000) /* that a node says it has */

/* ---- refusals ---- */

/* Its words, or a part of them; of several the first that fits counts. */
static const struct {
	const char *words;
	enum err err;
} refusals[] = {
	{"payment isn't initiated", ERR_NOT_FOUND},
	{"unable to locate invoice", ERR_NOT_FOUND},
	{"there are no existing invoices", ERR_NOT_FOUND},
	{"invoice is already paid", ERR_EXISTS},
	{"payment already exists", ERR_EXISTS},
	{"invoice with payment hash already exists", ERR_EXISTS},
	{"payment is in transition", ERR_STATE},
	{"invoice already settled", ERR_STATE},
	{"invoice already canceled", ERR_STATE},
	{"invoice still open", ERR_STATE},
	{"macaroon", ERR_DENIED},
	{"permission denied", ERR_DENIED},
	{"verification failed", ERR_DENIED},
	{"waiting to start", ERR_UNAVAILABLE},
	{"not yet ready to accept calls", ERR_UNAVAILABLE},
	{"wallet locked", ERR_UNAVAILABLE},
	{"wallet not created", ERR_UNAVAILABLE},
};

static enum err refusal_of(char detail[LN_DETAIL_SIZE], const struct json *v)
{
	const char *message = json_get_string(v, "message");
	if (message == NULL)
		return ERR_IO;
	ln_get_words(detail, LN_DETAIL_SIZE, v, "message");
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (strstr(message, refusals[i].words) != NULL)
			return refusals[i].err;
	return ERR_IO;
}

enum err lnd_refusal_parse(char detail[LN_DETAIL_SIZE], struct slice body)
{
	static const char unreadable[] = "an error that can't be read";
	struct json *v = NULL;
	memcpy(detail, unreadable, sizeof unreadable);
	if (json_parse(&v, body, NULL) != OK)
		return ERR_IO;
	const struct json *inner = json_get(v, "error");
	const enum err err = refusal_of(detail, inner == NULL ? v : inner);
	json_free(v);
	return err;
}

/* ---- whole answers and lines ---- */

typedef enum err (*reader)(void *out, const struct json *v);

static enum err read_body(void *out, struct slice body, reader read)
{
	struct json *v = NULL;
	enum err err = json_parse(&v, body, NULL);
	if (err == OK)
		err = json_type(v) == JSON_OBJECT ? read(out, v) : ERR_FORMAT;
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

/* {"result": {..}} or {"error": {..}} */
static enum err read_line(void *out, char detail[LN_DETAIL_SIZE], struct slice line, reader read)
{
	struct json *v = NULL;
	detail[0] = 0;
	enum err err = json_parse(&v, line, NULL);
	if (err == OK) {
		const struct json *result = json_get(v, "result"), *error = json_get(v, "error");
		if (json_type(error) == JSON_OBJECT && result == NULL)
			err = refusal_of(detail, error);
		else if (json_type(result) == JSON_OBJECT && error == NULL)
			err = read(out, result);
		else
			err = ERR_FORMAT;
	}
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

/* ---- the node ---- */

static enum err read_network(const struct network **out, const struct json *v)
{
	const struct json *chains = json_get(v, "chains");
	const struct json *chain = json_at(chains, 0);
	const char *name = json_get_string(chain, "network");
	if (name == NULL || json_count(chains) != 1)
		return ERR_FORMAT;
	const char *kind = json_get_string(chain, "chain");
	if (kind != NULL && strcmp(kind, "bitcoin") != 0)
		return ERR_NETWORK;
	*out = network_by_name(LAYER_BITCOIN, slice_str(name));
	return *out == NULL ? ERR_NETWORK : OK;
}

static enum err read_info(void *out, const struct json *v)
{
	struct ln_info *info = out;
	*info = (struct ln_info){0};
	TRY(ln_get_pubkey(&info->node, v, "identity_pubkey"));
	TRY(read_network(&info->network, v));
	TRY(ln_get_u32(&info->height, v, "block_height", LN_HEIGHT_MAX));
	if (json_get_bool(v, "synced_to_chain", &info->synced) != OK)
		return ERR_FORMAT;
	TRY(ln_get_u32(&info->channels_active, v, "num_active_channels", CHANNELS_EACH_MAX));
	TRY(ln_get_u32(&info->channels_pending, v, "num_pending_channels", CHANNELS_EACH_MAX));
	TRY(ln_get_u32(&info->channels_inactive, v, "num_inactive_channels", CHANNELS_EACH_MAX));
	ln_get_words(info->version, sizeof info->version, v, "version");
	return info->version[0] == 0 ? ERR_FORMAT : OK;
}

enum err lnd_info_parse(struct ln_info *out, struct slice body)
{
	return read_body(out, body, read_info);
}

/* ---- invoices ---- */

static enum err read_request(void *out, const struct json *v)
{
	TRY(ln_get_text(out, BOLT11_TEXT_MAX + 1, v, "payment_request"));
	return *(const char *)out == 0 ? ERR_FORMAT : OK;
}

enum err lnd_request_parse(char out[BOLT11_TEXT_MAX + 1], struct slice body)
{
	return read_body(out, body, read_request);
}

static const char *const invoice_words[] = {"OPEN", "ACCEPTED", "SETTLED", "CANCELED"};
static const enum ln_invoice_state invoice_states[] = {
	LN_INVOICE_OPEN, LN_INVOICE_HELD, LN_INVOICE_SETTLED, LN_INVOICE_CANCELLED};

static enum err add_invoice_part(struct ln_invoice *in, const struct json *htlc)
{
	static const char *const word[] = {"ACCEPTED", "SETTLED", "CANCELED"};
	size_t state;
	struct msat amount;
	uint32_t expiry;
	TRY(ln_get_word(&state, htlc, "state", word, ARRAY_LEN(word)));
	TRY(ln_get_msat(&amount, htlc, "amt_msat"));
	TRY(ln_get_u32(&expiry, htlc, "expiry_height", LN_HEIGHT_MAX));
	switch (state) {
	case 0:
		in->held_count++;
		if (in->expiry_height == 0 || expiry < in->expiry_height)
			in->expiry_height = expiry;
		return expiry == 0 ? ERR_FORMAT : ln_msat_add(&in->held, amount);
	case 1: in->settled_count++; return ln_msat_add(&in->settled, amount);
	default: in->cancelled_count++; return OK;
	}
}

/* What the HTLCs allow of the state that the node names: HELD only while the whole amount is held,
 * CANCELLED only where nothing is. */
static enum ln_invoice_state state_by_parts(
	const struct ln_invoice *in, enum ln_invoice_state named)
{
	switch (named) {
	case LN_INVOICE_OPEN:
	case LN_INVOICE_SETTLED: return named;
	case LN_INVOICE_HELD:
		return in->held_count > 0 && in->held.raw >= in->amount.raw ? LN_INVOICE_HELD
									    : LN_INVOICE_OPEN;
	case LN_INVOICE_CANCELLED:
		return in->held_count == 0 ? LN_INVOICE_CANCELLED : LN_INVOICE_OPEN;
	}
	UNREACHABLE();
}

static enum err read_invoice_preimage(struct ln_invoice *in, const struct json *v)
{
	const struct slice text = json_string(json_get(v, "r_preimage"));
	if (text.ptr == NULL)
		return ERR_FORMAT;
	if (text.len == 0)
		return OK;
	TRY(ln_get_base64(&in->preimage, v, "r_preimage"));
	in->has_preimage = ln_preimage_fits(&in->preimage, &in->hash);
	return in->has_preimage ? OK : ERR_FORMAT;
}

static enum err read_invoice(void *out, const struct json *v)
{
	struct ln_invoice *in = out;
	const struct json *htlcs = json_get(v, "htlcs");
	size_t state;
	*in = (struct ln_invoice){0};
	TRY(ln_get_base64(&in->hash, v, "r_hash"));
	TRY(ln_get_word(&state, v, "state", invoice_words, ARRAY_LEN(invoice_words)));
	TRY(ln_get_msat(&in->amount, v, "value_msat"));
	TRY(ln_get_digits(&in->created_s, v, "creation_date", TIME_MAX_S));
	TRY(ln_get_digits(&in->expiry_s, v, "expiry", TIME_MAX_S));
	TRY(ln_get_text(in->request, sizeof in->request, v, "payment_request"));
	TRY(read_invoice_preimage(in, v));
	if (json_type(htlcs) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(htlcs) > LN_PARTS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(htlcs); i++)
		TRY(add_invoice_part(in, json_at(htlcs, i)));
	if (MUTANT(INVOICE_BELIEVED) && invoice_states[state] == LN_INVOICE_HELD)
		in->held = in->amount;
	in->state = state_by_parts(in, invoice_states[state]);
	/* nobody settles without it */
	return in->state == LN_INVOICE_SETTLED && !in->has_preimage ? ERR_FORMAT : OK;
}

enum err lnd_invoice_parse(struct ln_invoice *out, struct slice body)
{
	return read_body(out, body, read_invoice);
}

enum err lnd_invoice_line(struct ln_invoice *out, char detail[LN_DETAIL_SIZE], struct slice line)
{
	return read_line(out, detail, line, read_invoice);
}

static enum err read_done(void *out, const struct json *v)
{
	(void)out;
	return json_count(v) == 0 ? OK : ERR_FORMAT;
}

enum err lnd_done_parse(struct slice body)
{
	char nothing;
	return read_body(&nothing, body, read_done);
}

/* ---- payments ---- */

static const char *const payment_words[] = {
	"UNKNOWN", "INITIATED", "IN_FLIGHT", "SUCCEEDED", "FAILED"};
#define PAYMENT_SUCCEEDED 3u
#define PAYMENT_FAILED 4u

static const char *const failure_words[] = {"FAILURE_REASON_NONE", "FAILURE_REASON_TIMEOUT",
	"FAILURE_REASON_NO_ROUTE", "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS",
	"FAILURE_REASON_INSUFFICIENT_BALANCE", "FAILURE_REASON_CANCELED", "FAILURE_REASON_ERROR"};
static const enum ln_failure failures[] = {LN_FAILURE_NONE, LN_FAILURE_TIMEOUT, LN_FAILURE_NO_ROUTE,
	LN_FAILURE_REFUSED, LN_FAILURE_BALANCE, LN_FAILURE_CANCELLED, LN_FAILURE_OTHER};

_Static_assert(ARRAY_LEN(failure_words) == ARRAY_LEN(failures), "one for each");
_Static_assert(ARRAY_LEN(invoice_words) == ARRAY_LEN(invoice_states), "one for each");

/* A preimage that stands somewhere: taken if it fits; one that does not is a lie. */
static enum err take_preimage(struct ln_payment *p, const struct hash256 *preimage)
{
	if (!ln_preimage_fits(preimage, &p->hash))
		return ERR_FORMAT;
	p->preimage = *preimage;
	p->has_preimage = true;
	return OK;
}

static enum err add_payment_part(struct ln_payment *p, const struct json *htlc)
{
	static const char *const word[] = {"IN_FLIGHT", "SUCCEEDED", "FAILED"};
	const struct slice text = json_string(json_get(htlc, "preimage"));
	const struct json *route = json_get(htlc, "route");
	struct hash256 preimage;
	size_t state;
	uint32_t expiry;
	TRY(ln_get_word(&state, htlc, "status", word, ARRAY_LEN(word)));
	if (text.len > 0) {
		TRY(ln_get_base64(&preimage, htlc, "preimage"));
		TRY(take_preimage(p, &preimage));
	}
	if (state == 2) {
		p->failed_count++;
		return OK;
	}
	if (route == NULL)
		return ERR_FORMAT;
	TRY(ln_get_u32(&expiry, route, "total_time_lock", LN_HEIGHT_MAX));
	if (expiry > p->expiry_height)
		p->expiry_height = expiry;
	if (state == 0)
		p->in_flight_count++;
	else
		p->succeeded_count++;
	return OK;
}

/* Failed is what the node calls it and no part contradicts; paid is what has its preimage. */
static enum err payment_by_parts(struct ln_payment *p, size_t named, size_t reason)
{
	const bool open = p->in_flight_count + p->succeeded_count > 0 &&
		!MUTANT(PART_FAILED_IS_FAILED);
	if (p->has_preimage)
		p->state = LN_PAYMENT_SUCCEEDED;
	else if (named == PAYMENT_SUCCEEDED)
		return ERR_FORMAT;
	else
		p->state = named == PAYMENT_FAILED && !open ? LN_PAYMENT_FAILED
							    : LN_PAYMENT_IN_FLIGHT;
	if (p->state == LN_PAYMENT_FAILED)
		p->failure = failures[reason];
	return OK;
}

static enum err read_payment(void *out, const struct json *v)
{
	struct ln_payment *p = out;
	const struct json *htlcs = json_get(v, "htlcs");
	struct hash256 preimage;
	size_t state, reason;
	*p = (struct ln_payment){0};
	TRY(ln_get_hex32(&p->hash, v, "payment_hash"));
	TRY(ln_get_word(&state, v, "status", payment_words, ARRAY_LEN(payment_words)));
	TRY(ln_get_word(&reason, v, "failure_reason", failure_words, ARRAY_LEN(failure_words)));
	TRY(ln_get_msat(&p->amount, v, "value_msat"));
	TRY(ln_get_msat(&p->fee, v, "fee_msat"));
	TRY(ln_get_hex32(&preimage, v, "payment_preimage"));
	if (!hash256_is_zero(&preimage))
		TRY(take_preimage(p, &preimage));
	if (json_type(htlcs) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(htlcs) > LN_PARTS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(htlcs); i++)
		TRY(add_payment_part(p, json_at(htlcs, i)));
	return payment_by_parts(p, state, reason);
}

enum err lnd_payment_line(struct ln_payment *out, char detail[LN_DETAIL_SIZE], struct slice line)
{
	return read_line(out, detail, line, read_payment);
}

/* ---- channels ---- */

/* What is unsettled it names by whom it comes to, lightning.h by who has sent it. */
static enum err read_balance(void *out, const struct json *v)
{
	struct ln_balance *b = out;
	const struct {
		const char *key;
		struct msat *to;
	} member[] = {
		{"local_balance", &b->local},
		{"remote_balance", &b->remote},
		{"unsettled_local_balance", &b->unsettled_remote},
		{"unsettled_remote_balance", &b->unsettled_local},
		{"pending_open_local_balance", &b->pending_local},
		{"pending_open_remote_balance", &b->pending_remote},
	};
	*b = (struct ln_balance){0};
	for (size_t i = 0; i < ARRAY_LEN(member); i++) {
		const struct json *amount = json_get(v, member[i].key);
		if (amount == NULL)
			return ERR_FORMAT;
		TRY(ln_get_msat(member[i].to, amount, "msat"));
	}
	return OK;
}

enum err lnd_balance_parse(struct ln_balance *out, struct slice body)
{
	return read_body(out, body, read_balance);
}

/* "<txid>:<output>" */
static enum err read_point(struct ln_channel *c, const struct json *v)
{
	const struct slice text = json_string(json_get(v, "channel_point"));
	uint32_t output = 0;
	if (text.ptr == NULL || text.len < 66 || text.len > 70 || text.ptr[64] != ':')
		return ERR_FORMAT;
	for (size_t i = 65; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return ERR_FORMAT;
		output = output * 10 + (uint32_t)(text.ptr[i] - '0');
	}
	c->funding_output = output;
	return hex_decode_reversed(c->funding_txid.b, 32, slice_of(text.ptr, 64)) == OK
		? OK
		: ERR_FORMAT;
}

static enum err read_htlc(struct ln_channels *all, const struct json *v)
{
	struct ln_htlc h = {0};
	if (all->htlc_count == all->htlc_max)
		return ERR_FULL;
	TRY(ln_get_base64(&h.hash, v, "hash_lock"));
	TRY(ln_get_sat(&h.amount, v, "amount"));
	TRY(ln_get_u32(&h.expiry_height, v, "expiration_height", LN_HEIGHT_MAX));
	if (json_get_bool(v, "incoming", &h.incoming) != OK)
		return ERR_FORMAT;
	all->htlc[all->htlc_count++] = h;
	return OK;
}

/* The fee is its opener's. */
static enum err read_commit_fee(struct ln_channel *c, const struct json *v)
{
	struct msat fee;
	bool opener;
	TRY(ln_get_sat(&fee, v, "commit_fee"));
	if (json_get_bool(v, "initiator", &opener) != OK)
		return ERR_FORMAT;
	if (opener)
		c->commit_fee = fee;
	return OK;
}

static enum err read_channel(struct ln_channels *all, const struct json *v)
{
	const struct json *htlcs = json_get(v, "pending_htlcs");
	struct ln_channel *c = &all->channel[all->count];
	*c = (struct ln_channel){0};
	TRY(ln_get_pubkey(&c->peer, v, "remote_pubkey"));
	TRY(read_point(c, v));
	TRY(ln_get_digits(&c->short_channel_id, v, "chan_id", UINT64_MAX));
	if (json_get_bool(v, "active", &c->active) != OK || json_type(htlcs) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(htlcs) > LN_PARTS_MAX)
		return ERR_FULL;
	c->htlc_count = (uint32_t)json_count(htlcs);
	for (size_t i = 0; i < c->htlc_count; i++)
		TRY(read_htlc(all, json_at(htlcs, i)));
	TRY(ln_get_sat(&c->capacity, v, "capacity"));
	TRY(ln_get_sat(&c->local, v, "local_balance"));
	TRY(ln_get_sat(&c->remote, v, "remote_balance"));
	TRY(ln_get_sat(&c->unsettled, v, "unsettled_balance"));
	TRY(read_commit_fee(c, v));
	struct msat sum = c->local;
	TRY(ln_msat_add(&sum, c->remote));
	TRY(ln_msat_add(&sum, c->unsettled));
	TRY(ln_msat_add(&sum, c->commit_fee));
	if (sum.raw > c->capacity.raw)
		return ERR_FORMAT;
	all->count++;
	return OK;
}

static enum err read_channels(void *out, const struct json *v)
{
	struct ln_channels *all = out;
	const struct json *list = json_get(v, "channels");
	if (json_type(list) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(list) > all->max - all->count)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(list); i++)
		TRY(read_channel(all, json_at(list, i)));
	return OK;
}

enum err lnd_channels_parse(struct ln_channels *out, struct slice body)
{
	return read_body(out, body, read_channels);
}

/* In the first stage an HTLC is on the chain, and neither preimage nor time has decided it. */
static enum err add_undecided(struct ln_limbo *limbo, const struct json *htlc)
{
	struct msat amount;
	uint32_t stage;
	bool incoming;
	if (json_get_bool(htlc, "incoming", &incoming) != OK)
		return ERR_FORMAT;
	TRY(ln_get_u32(&stage, htlc, "stage", UINT32_MAX));
	TRY(ln_get_sat(&amount, htlc, "amount"));
	return incoming && stage == 1 ? ln_msat_add(&limbo->undecided, amount) : OK;
}

static enum err read_limbo(void *out, const struct json *v)
{
	struct ln_limbo *limbo = out;
	const struct json *closing = json_get(v, "pending_force_closing_channels");
	limbo->undecided = (struct msat){0};
	TRY(ln_get_sat(&limbo->all, v, "total_limbo_balance"));
	for (size_t i = 0; i < json_count(closing); i++) {
		const struct json *htlcs = json_get(json_at(closing, i), "pending_htlcs");
		for (size_t k = 0; k < json_count(htlcs); k++)
			TRY(add_undecided(limbo, json_at(htlcs, k)));
	}
	return limbo->undecided.raw <= limbo->all.raw ? OK : ERR_FORMAT;
}

enum err lnd_limbo_parse(struct ln_limbo *out, struct slice body)
{
	return read_body(out, body, read_limbo);
}
