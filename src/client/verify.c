#include "client/verify.h"

#include "base/hex.h"
#include "base/mutant.h"
#include "layer/layer.h"
#include "wire/bolt11.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PAYMENT_PADDING_BLOCKS 3u

PRINTF_LIKE(3, 4)
static enum err refuse(struct verdict *v, enum err err, const char *fmt, ...)
{
	va_list args;
	v->err = err;
	va_start(args, fmt);
	(void)vsnprintf(v->text, sizeof v->text, fmt, args);
	va_end(args);
	return err;
}

/* ---- pieces of answers ---- */

/* Printable for a message, whatever it is. */
static const char *shown(const char *text)
{
	return text == NULL ? "nothing" : text;
}

static enum err need_text(
	struct verdict *v, const struct json *object, const char *key, const char *expected)
{
	const char *text = json_get_string(object, key);
	if (text == NULL || strcmp(text, expected) != 0)
		return refuse(v, ERR_FORMAT, "the provider's \"%s\" is %.80s, we expect %s", key,
			shown(text), expected);
	return OK;
}

static enum err need_amount(struct verdict *v, const struct json *object, const char *key,
	enum asset asset, struct amount *out)
{
	const char *text = json_get_string(object, key);
	if (text == NULL || amount_parse(out, asset, slice_str(text)) != OK)
		return refuse(v, ERR_FORMAT, "the provider's \"%s\" is %.80s, no amount of %s", key,
			shown(text), asset_name(asset));
	return OK;
}

static enum err need_same_amount(
	struct verdict *v, const struct json *object, const char *key, struct amount expected)
{
	struct amount got;
	char want[AMOUNT_TEXT_SIZE], have[AMOUNT_TEXT_SIZE];
	TRY(need_amount(v, object, key, expected.asset, &got));
	if (amount_cmp(got, expected) == 0)
		return OK;
	amount_format(want, expected);
	amount_format(have, got);
	return refuse(v, ERR_FORMAT, "the provider's \"%s\" is %s %s, the quote said %s", key, have,
		asset_name(expected.asset), want);
}

static bool digits(const char **at, unsigned count, unsigned *out)
{
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		n = n * 10 + (unsigned)(**at - '0');
	}
	*out = n;
	return true;
}

static bool mark(const char **at, char c)
{
	return *(*at)++ == c;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, from 1970 on. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
	const unsigned y = month <= 2 ? year - 1 : year;
	const unsigned era = y / 400, of_era = y - era * 400;
	const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	const unsigned days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
	return (uint64_t)era * 146097 + days - 719468;
}

enum err verify_time(uint64_t *wall_ms, const char *text)
{
	unsigned year, month, day, hour, minute, second, ms = 0;
	const char *at = text;
	if (strlen(text) < sizeof "2026-01-01T00:00:00Z" - 1)
		return ERR_FORMAT;
	if (!digits(&at, 4, &year) || !mark(&at, '-') || !digits(&at, 2, &month) ||
		!mark(&at, '-') || !digits(&at, 2, &day) || !mark(&at, 'T') ||
		!digits(&at, 2, &hour) || !mark(&at, ':') || !digits(&at, 2, &minute) ||
		!mark(&at, ':') || !digits(&at, 2, &second))
		return ERR_FORMAT;
	if (*at == '.' && (at++, !digits(&at, 3, &ms)))
		return ERR_FORMAT;
	if (strcmp(at, "Z") != 0 || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 ||
		hour > 23 || minute > 59 || second > 60)
		return ERR_FORMAT;
	*wall_ms = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 +
		ms;
	return OK;
}

static enum err need_time(
	struct verdict *v, const struct json *object, const char *key, uint64_t *out)
{
	const char *text = json_get_string(object, key);
	if (text == NULL || verify_time(out, text) != OK)
		return refuse(
			v, ERR_FORMAT, "the provider's \"%s\" is %.80s, no time", key, shown(text));
	return OK;
}

static enum err need_network(struct verdict *v, const struct json *answer, const char *side,
	const struct network *expected)
{
	const struct json *leg = json_get(answer, side);
	const char *network = json_get_string(leg, "network");
	TRY(need_text(v, leg, "layer", layer_name(expected->layer)));
	if (network == NULL || strcmp(network, expected->caip2) != 0)
		return refuse(v, ERR_NETWORK,
			"the provider's %s is on network %.80s; we are set to %s, %s", side,
			shown(network), expected->name, expected->caip2);
	return OK;
}

/* ---- quotes ---- */

static enum err check_fee(struct verdict *v, const struct quote *q, uint32_t max_fee_ppm)
{
	struct amount back, fee, most;
	char fee_text[AMOUNT_TEXT_SIZE], most_text[AMOUNT_TEXT_SIZE];
	const enum asset asset = q->source_amount.asset;

	if (amount_convert(&back, q->dest_amount, asset, false) != OK ||
		amount_sub(&fee, q->source_amount, back) != OK)
		return refuse(v, ERR_FORMAT,
			"the provider's amounts don't add up: the destination is more than the "
			"source");
	amount_format(fee_text, fee);
	if (amount_cmp(fee, q->fee) != 0) {
		char said[AMOUNT_TEXT_SIZE];
		amount_format(said, q->fee);
		return refuse(v, ERR_FORMAT,
			"the provider's amounts don't add up: it says a fee of %s %s, source less "
			"destination is %s",
			said, asset_name(asset), fee_text);
	}
	TRY(amount_mul_div(&most, q->source_amount, max_fee_ppm, 1000000, false));
	amount_format(most_text, most);
	if (amount_cmp(fee, most) > 0)
		return refuse(v, ERR_REJECTED,
			"the quote costs %s %s, more than the %s that --max-fee allows (%u.%02u%%)",
			fee_text, asset_name(asset), most_text, (unsigned)(max_fee_ppm / 10000),
			(unsigned)(max_fee_ppm % 10000 / 100));
	return OK;
}

enum err verify_quote(struct quote *out, struct verdict *verdict, const struct json *answer,
	const struct client_config *config, enum layer_id from, enum layer_id to,
	struct amount amount, uint64_t now_ms)
{
	struct quote q = {.from = from, .to = to, .source_amount = amount};
	const char *token = json_get_string(answer, "quote");

	*verdict = (struct verdict){.err = OK};
	TRY(need_text(verdict, answer, "from", layer_name(from)));
	TRY(need_text(verdict, answer, "to", layer_name(to)));
	TRY(need_network(verdict, answer, "source", config->layer[from].params.network));
	TRY(need_network(verdict, answer, "destination", config->layer[to].params.network));
	TRY(need_same_amount(verdict, answer, "source_amount", amount));
	TRY(need_amount(verdict, answer, "destination_amount", layer_asset(to), &q.dest_amount));
	TRY(need_amount(verdict, answer, "fee", layer_asset(from), &q.fee));
	if (amount_cmp(q.dest_amount, layer_dust(to)) < 0)
		return refuse(verdict, ERR_FORMAT, "the provider would pay nothing, or dust");
	TRY(check_fee(verdict, &q, config->max_fee_ppm));
	TRY(need_time(verdict, answer, "expires_at", &q.expires_ms));
	if (q.expires_ms <= now_ms)
		return refuse(verdict, ERR_FORMAT,
			"the quote has expired already: is one of the two clocks wrong?");
	if (token == NULL || token[0] == '\0' || strlen(token) >= sizeof q.token)
		return refuse(verdict, ERR_FORMAT, "the provider's \"quote\" is no token");
	memcpy(q.token, token, strlen(token) + 1);
	*out = q;
	return OK;
}

/* ---- terms ---- */

/* Our half of the terms of one side. */
static enum err own_half(struct leg_offer *out, const struct rescue *r, enum rescue_side side)
{
	const struct rescue_leg *leg = &r->leg[side];
	struct leg_offer offer = {.network = leg->network,
		.hash = r->hash,
		.amount = leg->amount,
		.provider_claims = side == SIDE_SOURCE,
		.contract = leg->contract,
		.token = leg->token};
	struct leg_party *ours = side == SIDE_SOURCE ? &offer.refund : &offer.claim;

	switch (layer_family(leg->network->layer)) {
	case FAMILY_UTXO: TRY(rescue_swap_xonly(&ours->key, r, side)); break;
	case FAMILY_ACCOUNT:
		if (side == SIDE_DEST) {
			TRY(evm_address_parse(
				&ours->address, leg->network->chain_id, slice_str(r->to_address)));
		} else {
			if (!r->has_gas_account)
				return ERR_STATE;
			ours->address = r->gas_account;
		}
		break;
	case FAMILY_CHANNEL: break; /* an invoice names one party, which has its key */
	}
	*out = offer;
	return OK;
}

/* The terms that the provider gave must be what we make of our half, its key and the time lock.
 * Each difference has a message of its own; the comparison of the bytes is what counts. */
static enum err check_terms(struct verdict *v, struct leg_offer *given, const struct rescue *r,
	enum rescue_side side, struct slice terms)
{
	const struct network *network = r->leg[side].network;
	const char *name = side == SIDE_SOURCE ? "source" : "destination";
	uint8_t storage[RESCUE_TERMS_MAX];
	struct buf rebuilt = buf_init(storage, sizeof storage);
	struct leg_offer ours;

	if (layer_leg_parse(given, network->layer, network, terms) != OK)
		return refuse(v, ERR_FORMAT, "the provider's %s terms are none of %s %s", name,
			layer_name(network->layer), network->name);
	if (own_half(&ours, r, side) != OK)
		return refuse(v, ERR_STATE, "our own keys for the %s can't be made", name);
	if (!hash256_eq(&given->hash, &ours.hash))
		return refuse(v, ERR_FORMAT, "the provider's %s terms have another hash", name);
	if (amount_cmp(given->amount, ours.amount) != 0)
		return refuse(v, ERR_FORMAT, "the provider's %s terms have another amount", name);
	if (!evm_address_eq(&given->contract, &ours.contract) &&
		layer_family(network->layer) == FAMILY_ACCOUNT)
		return refuse(v, ERR_FORMAT,
			"the provider's %s terms name another contract than the one checked", name);
	if (!evm_address_eq(&given->token, &ours.token))
		return refuse(v, ERR_FORMAT,
			"the provider's %s terms name another token than the one that is set",
			name);
	ours.timelock = given->timelock;
	ours.request = given->request; /* whose hash, amount and network leg_make looks at */
	if (side == SIDE_SOURCE)
		ours.claim = given->claim;
	else
		ours.refund = given->refund;
	if (layer_leg_make(&rebuilt, network->layer, &ours) != OK ||
		(!slice_eq(buf_slice(&rebuilt), terms) && !MUTANT(TERMS_NOT_REBUILT)))
		return refuse(v, ERR_FORMAT, "the provider's %s terms are not those of our %s key",
			name, side == SIDE_SOURCE ? "refund" : "claim");
	return OK;
}

static enum err need_terms(struct verdict *v, const struct json *leg, const char *name,
	uint8_t terms[RESCUE_TERMS_MAX], size_t *len)
{
	const char *text = json_get_string(leg, "terms");
	if (text == NULL || hex_decode_var(terms, len, RESCUE_TERMS_MAX, slice_str(text)) != OK ||
		*len == 0)
		return refuse(
			v, ERR_FORMAT, "the provider's %s terms are no hexadecimal text", name);
	return OK;
}

/* What the answer says beside the terms must say the same. */
static enum err check_beside(struct verdict *v, const struct json *leg, const char *name,
	const struct leg_offer *given, const struct network *network, struct slice terms,
	char address[LAYER_ADDRESS_TEXT_SIZE])
{
	uint64_t timelock;
	if (json_get_u64(leg, "timelock", &timelock) != OK || timelock != given->timelock)
		return refuse(v, ERR_FORMAT,
			"the provider's %s time lock is not the one in its terms, %llu", name,
			(unsigned long long)given->timelock);
	if (layer_leg_address(network->layer, network, address, terms) != OK)
		return refuse(v, ERR_FORMAT, "the provider's %s terms make no address", name);
	const char *said = json_get_string(leg, "address");
	if (said == NULL || strcmp(said, address) != 0)
		return refuse(v, ERR_FORMAT,
			"the provider's %s address is %.100s, the terms make %s: pay nothing to it",
			name, shown(said), address);
	return OK;
}

static enum err check_same_swap(
	struct verdict *v, const struct rescue *r, const struct json *answer, struct id128 *id)
{
	struct hash256 hash;
	if (json_get_hex(answer, "id", id->b, sizeof id->b) != OK)
		return refuse(v, ERR_FORMAT, "the provider's answer has no id");
	if (json_get_hex(answer, "preimage_hash", hash.b, sizeof hash.b) != OK ||
		!hash256_eq(&hash, &r->hash))
		return refuse(v, ERR_FORMAT, "the provider's answer has another preimage_hash");
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const char *name = i == SIDE_SOURCE ? "source" : "destination";
		TRY(need_network(v, answer, name, r->leg[i].network));
		TRY(need_same_amount(v, json_get(answer, name), "amount", r->leg[i].amount));
	}
	TRY(need_same_amount(v, answer, "source_amount", r->leg[SIDE_SOURCE].amount));
	return need_same_amount(v, answer, "destination_amount", r->leg[SIDE_DEST].amount);
}

/* What only the payer of an invoice has to know. lnd adds some blocks to what the payee wants. */
static enum err check_invoice(struct verdict *v, const struct leg_offer *given,
	const struct client_layer *bounds, uint64_t now_ms)
{
	struct bolt11 *b = malloc(sizeof *b);
	enum err err = b == NULL ? ERR_FULL : bolt11_decode(b, given->request);
	if (err != OK)
		(void)refuse(v, err, "the provider's invoice can't be read");
	else if (bolt11_is_expired(b, now_ms / 1000))
		err = refuse(v, ERR_FORMAT, "the provider's invoice has run out already");
	else if (b->final_cltv + PAYMENT_PADDING_BLOCKS > bounds->lock_blocks_max)
		err = refuse(v, ERR_RANGE,
			"our payment would be locked for %u blocks: we accept %u "
			"(lightning.lock_blocks_max)",
			(unsigned)b->final_cltv, (unsigned)bounds->lock_blocks_max);
	free(b);
	return err;
}

enum err verify_offer(struct rescue *r, char address[LAYER_ADDRESS_TEXT_SIZE],
	struct verdict *verdict, const struct json *answer, const struct client_config *config,
	uint64_t source_height, uint64_t now_ms)
{
	const struct json *leg = json_get(answer, "source");
	const struct network *network = r->leg[SIDE_SOURCE].network;
	const struct client_layer *bounds = &config->layer[network->layer];
	char at[LAYER_ADDRESS_TEXT_SIZE];
	uint8_t terms[RESCUE_TERMS_MAX];
	struct leg_offer given;
	struct id128 id;
	uint64_t expires_ms;
	size_t len = 0;

	*verdict = (struct verdict){.err = OK};
	TRY(check_same_swap(verdict, r, answer, &id));
	TRY(need_terms(verdict, leg, "source", terms, &len));
	TRY(check_terms(verdict, &given, r, SIDE_SOURCE, slice_of(terms, len)));
	TRY(check_beside(verdict, leg, "source", &given, network, slice_of(terms, len), at));
	if (given.timelock < source_height + bounds->lock_blocks_min ||
		given.timelock > source_height + bounds->lock_blocks_max)
		return refuse(verdict, ERR_RANGE,
			"our refund would open at height %llu: at height %llu we accept from %u to "
			"%u blocks (%s.lock_blocks_min, lock_blocks_max)",
			(unsigned long long)given.timelock, (unsigned long long)source_height,
			(unsigned)bounds->lock_blocks_min, (unsigned)bounds->lock_blocks_max,
			layer_name(network->layer));
	if (layer_family(network->layer) == FAMILY_CHANNEL)
		TRY(check_invoice(verdict, &given, bounds, now_ms));
	TRY(need_time(verdict, answer, "expires_at", &expires_ms));
	if (expires_ms <= now_ms)
		return refuse(verdict, ERR_FORMAT, "the offer has expired already");
	memcpy(r->leg[SIDE_SOURCE].terms, terms, len);
	r->leg[SIDE_SOURCE].terms_len = len;
	r->leg[SIDE_SOURCE].timelock = given.timelock;
	r->swap_id = id;
	r->has_swap_id = true;
	r->expires_ms = expires_ms;
	memcpy(address, at, sizeof at);
	return OK;
}

enum err verify_dest(struct rescue *r, struct verdict *verdict, const struct json *answer)
{
	const struct json *leg = json_get(answer, "destination");
	const struct network *network = r->leg[SIDE_DEST].network;
	char address[LAYER_ADDRESS_TEXT_SIZE];
	uint8_t terms[RESCUE_TERMS_MAX];
	struct leg_offer given;
	struct id128 id;
	size_t len = 0;

	*verdict = (struct verdict){.err = OK};
	if (json_type(json_get(leg, "terms")) == JSON_NULL)
		return refuse(verdict, ERR_NOT_FOUND, "the provider has not locked yet");
	TRY(check_same_swap(verdict, r, answer, &id));
	TRY(need_terms(verdict, leg, "destination", terms, &len));
	TRY(check_terms(verdict, &given, r, SIDE_DEST, slice_of(terms, len)));
	TRY(check_beside(
		verdict, leg, "destination", &given, network, slice_of(terms, len), address));
	memcpy(r->leg[SIDE_DEST].terms, terms, len);
	r->leg[SIDE_DEST].terms_len = len;
	r->leg[SIDE_DEST].timelock = given.timelock;
	return OK;
}

enum err verify_rescue(struct verdict *verdict, const struct rescue *r)
{
	*verdict = (struct verdict){.err = OK};
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const enum rescue_side side = (enum rescue_side)i;
		struct leg_offer given;
		if (r->leg[i].terms_len == 0)
			continue;
		TRY(check_terms(verdict, &given, r, side, rescue_terms(r, side)));
		if (given.timelock != r->leg[i].timelock)
			return refuse(verdict, ERR_FORMAT, "a time lock is not that of its terms");
	}
	const bool agreed = r->phase != RESCUE_CREATED && r->phase != RESCUE_CLOSED;
	if (agreed && r->leg[SIDE_SOURCE].terms_len == 0)
		return refuse(verdict, ERR_FORMAT, "the source terms are missing");
	if (r->phase == RESCUE_REVEALED && r->leg[SIDE_DEST].terms_len == 0)
		return refuse(verdict, ERR_FORMAT, "the destination terms are missing");
	return OK;
}

/* ---- lock-ups ---- */

const char *lock_fault_text(enum lock_fault fault)
{
	static const char *const text[] = {
		[LOCK_GOOD] = "good",
		[LOCK_UNCONFIRMED] = "unconfirmed",
		[LOCK_SHALLOW] = "not deep enough yet",
		[LOCK_AMOUNT] = "of another amount than agreed",
		[LOCK_TIMELOCK] = "with another time lock than its terms",
		[LOCK_FOREIGN] = "for other addresses than agreed",
		[LOCK_COINBASE] = "the output of a coinbase",
		[LOCK_SPENT] = "spent",
	};
	return text[fault];
}

enum lock_fault verify_lock(
	const struct view_lock *lock, const struct rescue_leg *leg, uint64_t has, uint32_t depth)
{
	/* a contract's lock is of the exact amount or it is another lock; an output may hold more,
	 * which we get, too */
	const int more = amount_cmp(lock->amount, leg->amount);
	const enum layer_family family = layer_family(leg->network->layer);
	if ((lock->flags & CHAIN_LOCK_FOREIGN) != 0)
		return LOCK_FOREIGN;
	if ((lock->flags & CHAIN_LOCK_COINBASE) != 0)
		return LOCK_COINBASE;
	if (more < 0 || (more > 0 && family == FAMILY_ACCOUNT))
		return LOCK_AMOUNT;
	/* a payment that came later than it might is held for longer */
	if (family == FAMILY_CHANNEL ? lock->timelock < leg->timelock
				     : lock->timelock != leg->timelock)
		return LOCK_TIMELOCK;
	if (lock->spend != 0)
		return LOCK_SPENT;
	if (lock->height == 0)
		return LOCK_UNCONFIRMED;
	return has < depth ? LOCK_SHALLOW : LOCK_GOOD;
}
