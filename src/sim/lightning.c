#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/lightning_internal.h"

uint64_t simln_now_s(const struct simln *s)
{
	return s->config.wall_s + loop_now_ms(s->config.loop) / 1000;
}

static void check_channel(const struct simln *s)
{
	uint64_t had = 0, has = 0;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		had += s->config.local_msat[side];
		has += s->local[side] + s->sent[side];
	}
	CHECK(had == has);
}

/* ---- streams ---- */

static bool is_final(const struct simln_bill *b)
{
	return b->payment == SIMLN_SUCCEEDED || b->payment == SIMLN_FAILED;
}

static void tell(struct simln *s, struct simln_stream *stream)
{
	const struct simln_bill *b = stream->bill;
	struct http_local_request *request = stream->request;
	struct json *line = stream->payment ? simln_payment_json(s, b) : simln_invoice_json(s, b);
	if (!simln_line(request, "result", line)) {
		stream->request = NULL;
		http_local_drop(request);
	} else if (stream->payment && is_final(b)) {
		stream->request = NULL;
		http_local_answer(request, OK, 200, slice_of(NULL, 0));
	}
}

static void tell_all(struct simln *s, const struct simln_bill *bill, bool payment)
{
	for (size_t i = 0; i < SIMLN_STREAMS_MAX; i++) {
		struct simln_stream *stream = &s->stream[i];
		if (stream->request != NULL && stream->bill == bill && stream->payment == payment)
			tell(s, stream);
	}
}

bool simln_listen(struct simln *s, const struct simln_stream *stream, bool now)
{
	for (size_t i = 0; i < SIMLN_STREAMS_MAX; i++)
		if (s->stream[i].request == NULL) {
			s->stream[i] = *stream;
			if (now)
				tell(s, &s->stream[i]);
			return true;
		}
	return false;
}

/* ---- invoices ---- */

struct simln_bill *simln_find(struct simln *s, const struct hash256 *hash)
{
	for (uint32_t i = 0; i < s->bill_count; i++)
		if (hash256_eq(&s->bill[i].hash, hash))
			return &s->bill[i];
	return NULL;
}

enum err simln_invoice_make(struct simln *s, struct simln_bill **out, enum simln_side payee,
	const struct simln_bill *terms)
{
	struct simln_node *node = &s->node[payee];
	if (s->bill_count == SIMLN_BILLS_MAX)
		return ERR_FULL;
	struct simln_bill *b = &s->bill[s->bill_count];
	*b = *terms;
	b->payee = payee;
	b->created_s = simln_now_s(s);
	struct hash256 secret;
	sha256(&secret, slice_of(b->hash.b, sizeof b->hash.b)); /* anything that is not guessed */
	memcpy(b->secret, secret.b, sizeof b->secret);
	struct bolt11 *text = calloc(1, sizeof *text);
	if (text == NULL)
		return ERR_FULL;
	text->network = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	text->amount_msat = b->msat;
	text->timestamp_s = b->created_s;
	text->expiry_s = b->expiry_s;
	text->payment_hash = b->hash;
	text->final_cltv = b->cltv;
	text->features = UINT64_C(1) << BOLT11_VAR_ONION | UINT64_C(1) << BOLT11_PAYMENT_SECRET |
		UINT64_C(2) << BOLT11_BASIC_MPP;
	memcpy(text->payment_secret, b->secret, sizeof b->secret);
	const enum err err = bolt11_encode(b->request, text, &node->key);
	free(text);
	TRY(err);
	b->add_index = ++node->add_index;
	s->bill_count++;
	*out = b;
	return OK;
}

/* ---- what was decided reaches the payer ---- */

static bool is_linked(const struct simln *s)
{
	return s->node[SIMLN_ALICE].up && s->node[SIMLN_BOB].up;
}

/* As lnd tells it: a failure's reason is named before anything has failed. */
static void fail(struct simln *s, struct simln_bill *b, enum simln_reason reason)
{
	b->reason = reason;
	tell_all(s, b, true);
	b->reached = true;
	b->payment = SIMLN_FAILED;
	tell_all(s, b, true);
}

static void reach(struct simln *s, struct simln_bill *b)
{
	const enum simln_side payer = simln_other(b->payee);
	if (b->reached || !is_linked(s) ||
		(b->htlc != SIMLN_HTLC_SETTLED && b->htlc != SIMLN_HTLC_CANCELED))
		return;
	s->sent[payer] -= b->msat;
	if (b->htlc == SIMLN_HTLC_CANCELED) {
		s->local[payer] += b->msat;
		fail(s, b, SIMLN_REASON_DETAILS);
	} else {
		s->local[b->payee] += b->msat;
		b->reached = true;
		b->payment = SIMLN_SUCCEEDED;
		tell_all(s, b, true);
	}
	check_channel(s);
}

static void resolve(struct simln *s, struct simln_bill *b, enum simln_htlc how)
{
	if (b->htlc != SIMLN_HTLC_HELD)
		return;
	b->htlc = how;
	b->resolve_s = simln_now_s(s);
}

void simln_settle(struct simln *s, struct simln_bill *b, const struct hash256 *preimage)
{
	b->preimage = *preimage;
	b->invoice = SIMLN_SETTLED;
	b->settled_s = simln_now_s(s);
	resolve(s, b, SIMLN_HTLC_SETTLED);
	tell_all(s, b, false);
	reach(s, b);
}

void simln_cancel(struct simln *s, struct simln_bill *b)
{
	b->invoice = SIMLN_CANCELED;
	resolve(s, b, SIMLN_HTLC_CANCELED);
	tell_all(s, b, false);
	reach(s, b);
}

/* ---- paying ---- */

void simln_pay(struct simln *s, struct simln_bill *b)
{
	const enum simln_side payer = simln_other(b->payee);
	b->payment = SIMLN_IN_FLIGHT;
	b->reason = SIMLN_REASON_NONE;
	b->htlc = SIMLN_NO_HTLC;
	b->reached = false;
	b->paid_s = simln_now_s(s);
	b->payment_index = ++s->node[payer].payment_index;
	tell_all(s, b, true);
	if (!is_linked(s)) {
		fail(s, b, SIMLN_REASON_NO_ROUTE);
		return;
	}
	if (s->local[payer] < b->msat) {
		fail(s, b, SIMLN_REASON_BALANCE);
		return;
	}
	s->local[payer] -= b->msat;
	s->sent[payer] += b->msat;
	b->htlc = SIMLN_HTLC_HELD;
	b->htlc_index = s->node[payer].htlc_index++;
	b->accept_height = s->height;
	b->accept_s = simln_now_s(s);
	b->expiry_height = s->height + b->cltv + 3; /* so many does lnd add */
	tell_all(s, b, true);
	if (b->invoice != SIMLN_OPEN || simln_now_s(s) >= b->created_s + b->expiry_s) {
		resolve(s, b, SIMLN_HTLC_CANCELED);
		reach(s, b);
		return;
	}
	b->invoice = SIMLN_ACCEPTED;
	tell_all(s, b, false);
	check_channel(s);
}

/* ---- what happens to the nodes ---- */

static void look_at_all(struct simln *s)
{
	for (uint32_t i = 0; i < s->bill_count; i++) {
		struct simln_bill *b = &s->bill[i];
		if (b->htlc == SIMLN_HTLC_HELD && s->node[b->payee].up &&
			s->height + SIMLN_MARGIN >= b->expiry_height)
			simln_cancel(s, b);
		else
			reach(s, b);
	}
}

void simln_mine(struct simln *s, uint32_t blocks)
{
	s->height += blocks;
	look_at_all(s);
}

void simln_set_up(struct simln *s, enum simln_side side, bool up)
{
	s->node[side].up = up;
	for (size_t i = 0; !up && i < SIMLN_STREAMS_MAX; i++) {
		struct http_local_request *request = s->stream[i].request;
		if (request == NULL || s->stream[i].side != side)
			continue;
		s->stream[i].request = NULL;
		http_local_answer(request, ERR_IO, 0, slice_of(NULL, 0));
	}
	look_at_all(s);
}

void simln_set_starting(struct simln *s, enum simln_side side, bool starting)
{
	s->node[side].starting = starting;
}

struct simln_balance simln_balance(const struct simln *s, enum simln_side side)
{
	return (struct simln_balance){.local = s->local[side], .unsettled = s->sent[side]};
}

/* ---- life ---- */

enum err simln_create(struct simln **out, const struct simln_config *config)
{
	struct simln *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct simln){.config = *config, .height = config->height};
	s->bill = calloc(SIMLN_BILLS_MAX, sizeof *s->bill);
	enum err err = s->bill == NULL ? ERR_FULL : OK;
	for (enum simln_side side = 0; err == OK && side < SIMLN_SIDES; side++) {
		struct simln_node *node = &s->node[side];
		s->local[side] = config->local_msat[side];
		node->up = true;
		node->key.b[31] = (uint8_t)(side + 1);
		err = pubkey_from_seckey(&node->pubkey, &node->key);
	}
	if (err != OK) {
		simln_destroy(s);
		return err;
	}
	*out = s;
	return OK;
}

void simln_destroy(struct simln *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SIMLN_STREAMS_MAX; i++)
		if (s->stream[i].request != NULL)
			http_local_drop(s->stream[i].request);
	free(s->bill);
	free(s);
}
