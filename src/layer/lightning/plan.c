/* Lightning's pure half: invoices as what is paid to, the terms of a lock-up, and plans turned into
 * commands. An invoice is read here, whoever gave it: hash, amount and network are what the terms
 * say, or it is refused. */
#include "layer/adapter.h"
#include "wire/bolt11.h"

/* Heights of Bitcoin end where lock times become time stamps (BIP-65). */
#define HEIGHT_END 500000000u

_Static_assert(1 + 32 + 8 + 8 + 4 + LN_REQUEST_MAX <= LAYER_LEG_MAX, "terms fit");

/* An invoice of this network that states its amount. */
static enum err read_request(
	struct bolt11 *out, const struct network *network, struct slice request)
{
	if (request.len > LN_REQUEST_MAX)
		return ERR_RANGE;
	const enum err err = bolt11_decode(out, request);
	if (err != OK)
		return err == ERR_STATE ? ERR_FORMAT : err;
	if (!hash256_eq(&out->network->genesis, &network->genesis))
		return ERR_NETWORK;
	return out->amount_msat > 0 ? OK : ERR_RANGE;
}

static enum err address_check(const struct network *network, uint8_t *destination,
	size_t *destination_len, struct slice text)
{
	static _Thread_local struct bolt11 invoice;
	TRY(read_request(&invoice, network, text));
	memcpy(destination, text.ptr, text.len);
	*destination_len = text.len;
	return OK;
}

static enum err address_format(const struct network *network, char *text, struct slice destination)
{
	(void)network;
	if (destination.len == 0 || destination.len > LN_REQUEST_MAX)
		return ERR_FORMAT;
	memcpy(text, destination.ptr, destination.len);
	text[destination.len] = '\0';
	return OK;
}

/* Channels are funded by the node. */
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

/* The invoice asks for what the offer says, to the millisatoshi. */
static enum err check_request(const struct leg_offer *offer)
{
	static _Thread_local struct bolt11 invoice;
	struct sat amount;
	TRY(read_request(&invoice, offer->network, offer->request));
	TRY(amount_to_sat(&amount, offer->amount));
	return hash256_eq(&invoice.payment_hash, &offer->hash) &&
			invoice.amount_msat == amount.raw * BOLT11_MSAT_PER_SAT
		? OK
		: ERR_FORMAT;
}

static enum err leg_make(struct buf *leg, const struct leg_offer *offer)
{
	struct sat amount;
	TRY(amount_to_sat(&amount, offer->amount));
	if (amount.raw == 0 || offer->timelock == 0 || offer->timelock >= HEIGHT_END)
		return ERR_RANGE;
	TRY(check_request(offer));
	buf_u8(leg, offer->provider_claims);
	buf_put(leg, offer->hash.b, sizeof offer->hash.b);
	buf_le64(leg, amount.raw);
	buf_le64(leg, offer->timelock);
	buf_bytes32(leg, offer->request);
	return leg->overflow ? ERR_FULL : OK;
}

static enum err leg_parse(struct leg_offer *offer, const struct network *network, struct slice leg)
{
	struct reader r = reader_init(leg);
	struct leg_offer read = {.network = network};
	const uint8_t claims = reader_u8(&r);
	reader_copy(&r, read.hash.b, sizeof read.hash.b);
	const struct sat amount = {reader_le64(&r)};
	read.timelock = reader_le64(&r);
	read.request = reader_bytes32(&r, LN_REQUEST_MAX);
	if (reader_finish(&r) != OK || claims > 1 || amount.raw == 0 || amount.raw > SAT_MAX_RAW ||
		read.timelock == 0 || read.timelock >= HEIGHT_END)
		return ERR_FORMAT;
	read.provider_claims = claims == 1;
	read.amount = amount_from_sat(amount);
	if (check_request(&read) != OK)
		return ERR_FORMAT;
	*offer = read;
	return OK;
}

static enum err leg_address(const struct network *network, char *text, struct slice leg)
{
	struct leg_offer offer;
	TRY(leg_parse(&offer, network, leg));
	return address_format(network, text, offer.request);
}

/* ---- plans ---- */

static enum err pay(struct ln_command *c, const struct layer_plan *plan, struct slice request)
{
	if (request.len == 0 || request.len > LN_REQUEST_MAX || plan->fee.raw > SAT_MAX_RAW ||
		plan->max_height >= HEIGHT_END)
		return ERR_RANGE;
	*c = (struct ln_command){.kind = LN_PAY,
		.request = request,
		.fee_limit = plan->fee,
		.max_height = plan->max_height,
		.deadline_ms = plan->deadline_ms};
	return OK;
}

static enum err command_of(
	struct ln_command *c, const struct network *network, const struct layer_plan *plan)
{
	struct leg_offer offer;
	switch (plan->purpose) {
	case SIGN_PAYOUT: return pay(c, plan, plan->to);
	case SIGN_LOCK:
		TRY(leg_parse(&offer, network, plan->leg));
		return pay(c, plan, offer.request);
	case SIGN_CLAIM:
		*c = (struct ln_command){.kind = LN_SETTLE, .preimage = plan->preimage};
		return OK;
	case SIGN_CANCEL:
		TRY(leg_parse(&offer, network, plan->leg));
		*c = (struct ln_command){.kind = LN_CANCEL, .hash = offer.hash};
		return OK;
	case SIGN_REFUND:
	case SIGN_NONCE_FILL:
	case SIGN_DEPLOY: break;
	}
	return ERR_RANGE;
}

/* No signer is asked: what is built is the command itself. */
static enum err build(struct buf *out, struct amount *fee, const struct network *network,
	const struct pubkey *wallet, const struct layer_plan *plan)
{
	(void)wallet;
	struct ln_command c;
	TRY(command_of(&c, network, plan));
	ln_command_put(out, &c);
	*fee = amount_from_sat(c.fee_limit);
	bytes_wipe(&c, sizeof c);
	return out->overflow ? ERR_FULL : OK;
}

/* What routing costs depends on the amount, and is bounded by the settings. */
static enum err fee_bound(
	struct amount *out, enum layer_id id, enum sign_purpose purpose, uint64_t rate)
{
	(void)id;
	(void)out;
	(void)purpose;
	(void)rate;
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
	.leg_make = leg_make,
	.leg_parse = leg_parse,
	.leg_address = leg_address,
	.build = build,
	.fee_bound = fee_bound,
	.gas_limit = gas_limit,
};
