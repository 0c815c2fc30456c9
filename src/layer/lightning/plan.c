/* Lightning's pure half: invoices as addresses, the terms of a lock-up, and plans turned into
 * commands to the node. */
#include "layer/lightning/channels.h"

#include <stdlib.h>

#include "crypto/hash.h"

#define SCHEME "lightning:"
#define LEG_PROVIDER_CLAIMS 1u

_Static_assert(LAYER_DESTINATION_MAX >= LN_REQUEST_MAX, "a destination is an invoice's text");
_Static_assert(LAYER_ADDRESS_TEXT_SIZE > LN_REQUEST_MAX, "and an address");
_Static_assert(1u + 32u + 8u + 8u + 4u + LN_REQUEST_MAX <= LAYER_LEG_MAX, "terms fit into a leg");

const struct network *lightning_bitcoin(const struct network *lightning)
{
	return network_by_name(LAYER_BITCOIN, slice_str(lightning->name));
}

/* An invoice of this network that states its amount, in whole satoshis: nothing else can be booked.
 * Owned (free). ERR_RANGE: longer than what we pay. */
static enum err invoice_open(struct bolt11 **out, const struct network *network, struct slice text)
{
	if (text.len > LN_REQUEST_MAX)
		return ERR_RANGE;
	struct bolt11 *b = malloc(sizeof *b);
	if (b == NULL)
		return ERR_FULL;
	enum err err = bolt11_decode(b, text);
	if (err == ERR_STATE) /* it demands what is not understood */
		err = ERR_FORMAT;
	if (err == OK && b->network != lightning_bitcoin(network))
		err = ERR_NETWORK;
	else if (err == OK && (b->amount_msat == 0 || b->amount_msat % BOLT11_MSAT_PER_SAT != 0))
		err = ERR_RANGE;
	if (err != OK) {
		free(b);
		return err;
	}
	*out = b;
	return OK;
}

static struct amount amount_of_invoice(const struct bolt11 *b)
{
	return amount_of(ASSET_BTC, b->amount_msat / BOLT11_MSAT_PER_SAT);
}

/* ---- addresses ---- */

/* Bech32 is read in either case, and written in small letters. */
static enum err lower(char out[LN_REQUEST_MAX], size_t *len, struct slice text)
{
	const size_t scheme = sizeof SCHEME - 1;
	char c = 0;
	size_t at = 0;
	while (at < scheme && at < text.len && (text.ptr[at] | 0x20) == SCHEME[at])
		at++;
	if (at != scheme)
		at = 0;
	if (text.len - at > LN_REQUEST_MAX)
		return ERR_RANGE;
	*len = text.len - at;
	bool small = false, capital = false;
	for (size_t i = 0; i < *len; i++) {
		c = (char)text.ptr[at + i];
		capital = capital || (c >= 'A' && c <= 'Z');
		small = small || (c >= 'a' && c <= 'z');
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return small && capital ? ERR_FORMAT : OK;
}

static enum err address_check(const struct network *network, uint8_t *destination,
	size_t *destination_len, struct slice text)
{
	char small[LN_REQUEST_MAX];
	struct bolt11 *b;
	size_t len;
	TRY(lower(small, &len, text));
	TRY(invoice_open(&b, network, slice_of(small, len)));
	free(b);
	memcpy(destination, small, len);
	*destination_len = len;
	return OK;
}

static enum err address_format(const struct network *network, char *text, struct slice destination)
{
	struct bolt11 *b;
	TRY(invoice_open(&b, network, destination));
	free(b);
	memcpy(text, destination.ptr, destination.len);
	text[destination.len] = 0;
	return OK;
}

/* Channels are opened, by the node's own tools; what is paid in is an invoice of its own. */
static enum err funding_address(
	const struct network *network, char *text, const struct pubkey *wallet)
{
	(void)network;
	(void)text;
	(void)wallet;
	return ERR_STATE;
}

static struct amount dust(enum layer_id id)
{
	return amount_of(layer_asset(id), 1);
}

static uint64_t rate_step(enum layer_id id)
{
	(void)id;
	return 0; /* nothing is replaced */
}

/* ---- terms ---- */

/* The invoice asks for these terms and no others. */
static enum err check_invoice(const struct leg_offer *o)
{
	struct bolt11 *b;
	TRY(invoice_open(&b, o->network, o->request));
	const bool fits = hash256_eq(&b->payment_hash, &o->hash) &&
		amount_cmp(amount_of_invoice(b), o->amount) == 0;
	free(b);
	return fits ? OK : ERR_FORMAT;
}

static enum err leg_make(struct buf *leg, const struct leg_offer *o)
{
	struct sat amount;
	TRY(amount_to_sat(&amount, o->amount));
	if (amount.raw == 0 || o->timelock == 0 || o->timelock > LN_HEIGHT_MAX)
		return ERR_RANGE;
	TRY(check_invoice(o));
	buf_u8(leg, o->provider_claims ? LEG_PROVIDER_CLAIMS : 0);
	buf_put(leg, o->hash.b, sizeof o->hash.b);
	buf_le64(leg, amount.raw);
	buf_le64(leg, o->timelock);
	buf_bytes32(leg, o->request);
	return leg->overflow ? ERR_FULL : OK;
}

static enum err leg_parse(struct leg_offer *offer, const struct network *network, struct slice leg)
{
	struct reader in = reader_init(leg);
	struct leg_offer o = {.network = network};
	const uint8_t flags = reader_u8(&in);
	reader_copy(&in, o.hash.b, sizeof o.hash.b);
	const struct sat amount = {reader_le64(&in)};
	o.timelock = reader_le64(&in);
	o.request = reader_bytes32(&in, LN_REQUEST_MAX);
	if (reader_finish(&in) != OK || flags > LEG_PROVIDER_CLAIMS || amount.raw == 0 ||
		amount.raw > SAT_MAX_RAW || o.timelock == 0 || o.timelock > LN_HEIGHT_MAX)
		return ERR_FORMAT;
	o.provider_claims = flags == LEG_PROVIDER_CLAIMS;
	o.amount = amount_from_sat(amount);
	const enum err err = check_invoice(&o);
	if (err != OK)
		return err == ERR_FULL ? ERR_FULL : ERR_FORMAT;
	*offer = o;
	return OK;
}

static enum err leg_address(const struct network *network, char *text, struct slice leg)
{
	struct leg_offer o;
	TRY(leg_parse(&o, network, leg));
	memcpy(text, o.request.ptr, o.request.len);
	text[o.request.len] = 0;
	return OK;
}

/* ---- commands ---- */

static enum err plan_pay(
	struct ln_command *c, const struct network *network, const struct layer_plan *plan)
{
	struct leg_offer o;
	if (plan->fee.raw > SAT_MAX_RAW || plan->max_height == 0 ||
		plan->max_height > LN_HEIGHT_MAX || plan->deadline_ms == 0)
		return ERR_RANGE;
	*c = (struct ln_command){.kind = LN_PAY,
		.fee_limit = plan->fee,
		.max_height = plan->max_height,
		.deadline_ms = plan->deadline_ms};
	if (plan->purpose == SIGN_LOCK) {
		TRY(leg_parse(&o, network, plan->leg));
		c->request = o.request;
		return o.provider_claims ? ERR_RANGE : OK;
	}
	struct bolt11 *b;
	if (plan->more_count > 0)
		return ERR_RANGE;
	TRY(invoice_open(&b, network, plan->to));
	const bool fits = plan->amount.asset == ASSET_BTC &&
		amount_cmp(amount_of_invoice(b), plan->amount) == 0;
	free(b);
	c->request = plan->to;
	return fits ? OK : ERR_RANGE;
}

/* Of a hold invoice of ours. */
static enum err plan_end(
	struct ln_command *c, const struct network *network, const struct layer_plan *plan)
{
	struct leg_offer o;
	TRY(leg_parse(&o, network, plan->leg));
	if (!o.provider_claims)
		return ERR_RANGE;
	*c = (struct ln_command){.kind = LN_CANCEL, .hash = o.hash};
	if (plan->purpose == SIGN_CANCEL)
		return OK;
	c->kind = LN_SETTLE;
	c->preimage = plan->preimage;
	return ln_preimage_fits(&plan->preimage, &o.hash) ? OK : ERR_FORMAT;
}

static enum err build(struct buf *out, struct amount *fee, const struct network *network,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	struct ln_command c = {0};
	enum err err = ERR_RANGE;
	(void)wallet; /* the node has keys of its own */
	switch (plan->purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK: err = plan_pay(&c, network, plan); break;
	case SIGN_CLAIM:
	case SIGN_CANCEL: err = plan_end(&c, network, plan); break;
	case SIGN_REFUND: /* the node's own doing */
	case SIGN_NONCE_FILL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: break;
	}
	if (err == OK) {
		ln_command_put(out, &c);
		err = out->overflow ? ERR_FULL : OK;
	}
	if (err == OK)
		*fee = amount_from_sat(c.kind == LN_PAY ? c.fee_limit : (struct sat){0});
	bytes_wipe(&c, sizeof c);
	return err;
}

/* Routing costs a share of the amount, which the engine's own limit bounds; to settle and to cancel
 * costs nothing. */
static enum err fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate)
{
	(void)rate;
	switch (purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK:
	case SIGN_CLAIM:
	case SIGN_CANCEL: *out = amount_zero(layer_asset(id)); return OK;
	case SIGN_REFUND:
	case SIGN_NONCE_FILL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY: break;
	}
	return ERR_RANGE;
}

static uint64_t gas_limit(enum layer_id id, enum sign_purpose purpose)
{
	(void)id;
	(void)purpose;
	return 0;
}

const struct layer_pure lightning_pure = {
	.address_check = address_check,
	.address_format = address_format,
	.funding_address = funding_address,
	.dust = dust,
	.rate_step = rate_step,
	.leg_make = leg_make,
	.leg_parse = leg_parse,
	.leg_address = leg_address,
	.build = build,
	.fee_bound = fee_bound,
	.gas_limit = gas_limit,
};
