#include "layer/lightning/cln.h"

#include "base/hex.h"
#include "layer/lightning/answer.h"

#define CHANNELS_EACH_MAX UINT32_C(1000000) /* that a node says it has */

/* ---- refusals ---- */

static const struct {
	int64_t code;
	enum err err;
	enum ln_failure failure;
} refusals[] = {
	{201, ERR_EXISTS, LN_FAILURE_NONE},      /* paid, with another amount or payee */
	{203, ERR_REJECTED, LN_FAILURE_REFUSED}, /* by the payee, for good */
	{205, ERR_REJECTED, LN_FAILURE_NO_ROUTE},
	{206, ERR_REJECTED, LN_FAILURE_NO_ROUTE}, /* none within the limits */
	{207, ERR_REJECTED, LN_FAILURE_REFUSED},  /* the invoice has run out */
	{210, ERR_REJECTED, LN_FAILURE_TIMEOUT}, {1501, ERR_DENIED, LN_FAILURE_NONE},
	{1502, ERR_DENIED, LN_FAILURE_NONE}, {1503, ERR_DENIED, LN_FAILURE_NONE},
	{-32601, ERR_UNAVAILABLE, LN_FAILURE_NONE}, /* no such command: no such plugin */
};

/* Where the code does not tell: its words, or a part of them. The first five are the plugin's; it
 * names a hash that is used by its database's words, SQLite's or PostgreSQL's. */
static const struct {
	const char *words;
	enum err err;
} worded[] = {
	{"UNIQUE constraint failed", ERR_EXISTS},
	{"duplicate key value", ERR_EXISTS},
	{"invoice not found", ERR_NOT_FOUND},
	{"no HTLCs to settle", ERR_STATE},
	{"is final", ERR_STATE}, /* "state paid is final" */
	{"Unknown config option", ERR_UNAVAILABLE},
};

static enum err refusal_of(enum ln_failure *failure, int64_t code, const char *message)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].code == code) {
			*failure = refusals[i].failure;
			return refusals[i].err;
		}
	for (size_t i = 0; i < ARRAY_LEN(worded); i++)
		if (strstr(message, worded[i].words) != NULL)
			return worded[i].err;
	return ERR_IO;
}

enum err cln_refusal_parse(enum ln_failure *failure, char detail[LN_DETAIL_SIZE], struct slice body)
{
	static const char unreadable[] = "an error that can't be read";
	struct json *v = NULL;
	int64_t code;
	enum err err = ERR_IO;
	*failure = LN_FAILURE_NONE;
	memcpy(detail, unreadable, sizeof unreadable);
	if (json_parse(&v, body, NULL) != OK)
		return ERR_IO;
	if (json_get_i64(v, "code", &code) == OK && json_get_string(v, "message") != NULL) {
		ln_get_words(detail, LN_DETAIL_SIZE, v, "message");
		err = refusal_of(failure, code, json_get_string(v, "message"));
	}
	json_free(v);
	return err;
}

/* ---- the node ---- */

static enum err read_network(const struct network **out, const struct json *v)
{
	const char *name = json_get_string(v, "network");
	if (name == NULL)
		return ERR_FORMAT;
	const char *ours = strcmp(name, "bitcoin") == 0 ? "mainnet" : name;
	*out = strcmp(name, "mainnet") == 0 ? NULL
					    : network_by_name(LAYER_BITCOIN, slice_str(ours));
	return *out == NULL ? ERR_NETWORK : OK;
}

static enum err read_info(struct ln_info *info, const struct json *v)
{
	*info = (struct ln_info){0};
	TRY(ln_get_pubkey(&info->node, v, "id"));
	TRY(read_network(&info->network, v));
	TRY(ln_get_u32(&info->height, v, "blockheight", LN_HEIGHT_MAX));
	TRY(ln_get_u32(&info->channels_active, v, "num_active_channels", CHANNELS_EACH_MAX));
	TRY(ln_get_u32(&info->channels_pending, v, "num_pending_channels", CHANNELS_EACH_MAX));
	TRY(ln_get_u32(&info->channels_inactive, v, "num_inactive_channels", CHANNELS_EACH_MAX));
	info->synced = json_get(v, "warning_bitcoind_sync") == NULL &&
		json_get(v, "warning_lightningd_sync") == NULL;
	ln_get_words(info->version, sizeof info->version, v, "version");
	return info->version[0] == 0 ? ERR_FORMAT : OK;
}

enum err cln_info_parse(struct ln_info *out, struct slice body)
{
	struct json *v = NULL;
	TRY(json_parse(&v, body, NULL));
	const enum err err = read_info(out, v);
	json_free(v);
	return err;
}

/* ---- payments ---- */

enum part_status { PART_PENDING, PART_COMPLETE, PART_FAILED };
static const char *const part_words[] = {
	[PART_PENDING] = "pending", [PART_COMPLETE] = "complete", [PART_FAILED] = "failed"};

/* Absent where a payment was made by hand, without saying how much is delivered. */
static enum err part_amount(struct msat *delivered, struct msat *sent, const struct json *v)
{
	TRY(ln_get_number(&sent->raw, v, "amount_sent_msat", LN_MSAT_MAX));
	*delivered = *sent;
	if (json_get(v, "amount_msat") != NULL)
		TRY(ln_get_number(&delivered->raw, v, "amount_msat", LN_MSAT_MAX));
	return delivered->raw > sent->raw ? ERR_FORMAT : OK;
}

static enum err add_part(struct ln_payment *p, const struct json *v)
{
	struct hash256 hash;
	struct msat delivered, sent;
	size_t status;
	TRY(ln_get_hex32(&hash, v, "payment_hash"));
	if (!hash256_eq(&hash, &p->hash))
		return ERR_FORMAT;
	TRY(ln_get_word(&status, v, "status", part_words, ARRAY_LEN(part_words)));
	if (status == PART_FAILED) {
		p->failed_count++;
		return OK;
	}
	TRY(part_amount(&delivered, &sent, v));
	TRY(ln_msat_add(&p->amount, delivered));
	TRY(ln_msat_add(&p->fee, (struct msat){sent.raw - delivered.raw}));
	if (status == PART_PENDING) {
		p->in_flight_count++;
		return OK;
	}
	p->succeeded_count++;
	TRY(ln_get_hex32(&p->preimage, v, "payment_preimage"));
	p->has_preimage = ln_preimage_fits(&p->preimage, &p->hash);
	return p->has_preimage ? OK : ERR_FORMAT;
}

static enum err read_payment(struct ln_payment *p, bool more_may_come, const struct json *v)
{
	const struct json *parts = json_get(v, "payments");
	if (json_type(parts) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(parts) == 0)
		return ERR_NOT_FOUND;
	if (json_count(parts) > LN_PARTS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(parts); i++)
		TRY(add_part(p, json_at(parts, i)));
	if (p->has_preimage) {
		p->state = LN_PAYMENT_SUCCEEDED;
	} else if (p->in_flight_count > 0 || more_may_come) {
		p->state = LN_PAYMENT_IN_FLIGHT;
	} else {
		p->state = LN_PAYMENT_FAILED;
		p->failure = LN_FAILURE_OTHER;
	}
	return OK;
}

enum err cln_payment_parse(
	struct ln_payment *out, const struct hash256 *hash, bool more_may_come, struct slice body)
{
	struct json *v = NULL;
	*out = (struct ln_payment){.hash = *hash};
	TRY(json_parse(&v, body, NULL));
	const enum err err = read_payment(out, more_may_come, v);
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

/* ---- channels ---- */

static const char opening[][32] = {
	"CHANNELD_AWAITING_LOCKIN", "CHANNELD_AWAITING_SPLICE", "DUALOPEND_AWAITING_LOCKIN"};

struct channel {
	struct ln_channel c;
	struct msat ours_in_flight, theirs_in_flight;
	struct msat closing; /* ours, in one that is being closed */
	bool usable, opening;
	const struct json *htlcs;
};

/* "<block>x<transaction>x<output>", 24, 24 and 16 bits */
static enum err read_short_id(uint64_t *out, const char *text)
{
	static const uint64_t max[] = {0xffffff, 0xffffff, 0xffff};
	static const unsigned shift[] = {40, 16, 0};
	uint64_t id = 0;
	for (size_t i = 0; i < ARRAY_LEN(max); i++) {
		uint64_t n = 0;
		if (*text < '0' || *text > '9')
			return ERR_FORMAT;
		for (; *text >= '0' && *text <= '9'; text++) {
			n = n * 10 + (uint64_t)(*text - '0');
			if (n > max[i])
				return ERR_FORMAT;
		}
		id |= n << shift[i];
		if (*text != (i + 1 == ARRAY_LEN(max) ? '\0' : 'x'))
			return ERR_FORMAT;
		text++;
	}
	*out = id;
	return OK;
}

static enum err read_htlc(struct ln_htlc *h, const struct json *v)
{
	static const char *const word[] = {"out", "in"};
	size_t direction;
	*h = (struct ln_htlc){0};
	TRY(ln_get_word(&direction, v, "direction", word, ARRAY_LEN(word)));
	TRY(ln_get_number(&h->amount.raw, v, "amount_msat", LN_MSAT_MAX));
	TRY(ln_get_hex32(&h->hash, v, "payment_hash"));
	TRY(ln_get_u32(&h->expiry_height, v, "expiry", LN_HEIGHT_MAX));
	h->incoming = direction == 1;
	return OK;
}

static enum err add_htlc(struct channel *ch, const struct json *v)
{
	struct ln_htlc h;
	TRY(read_htlc(&h, v));
	return ln_msat_add(h.incoming ? &ch->theirs_in_flight : &ch->ours_in_flight, h.amount);
}

/* to_us_msat changes when an HTLC is gone, not when it is made: until then it is the sender's. */
static enum err read_amounts(struct channel *ch, const struct json *v)
{
	const struct json *htlcs = json_get(v, "htlcs");
	struct msat ours;
	TRY(ln_get_number(&ch->c.capacity.raw, v, "total_msat", LN_MSAT_MAX));
	TRY(ln_get_number(&ours.raw, v, "to_us_msat", ch->c.capacity.raw));
	if (htlcs != NULL && json_type(htlcs) != JSON_ARRAY)
		return ERR_FORMAT;
	if (json_count(htlcs) > LN_PARTS_MAX)
		return ERR_FULL;
	for (size_t i = 0; i < json_count(htlcs); i++)
		TRY(add_htlc(ch, json_at(htlcs, i)));
	ch->c.htlc_count = (uint32_t)json_count(htlcs);
	ch->htlcs = htlcs;
	const uint64_t theirs = ch->c.capacity.raw - ours.raw;
	if (ch->ours_in_flight.raw > ours.raw || ch->theirs_in_flight.raw > theirs)
		return ERR_FORMAT;
	ch->c.local.raw = ours.raw - ch->ours_in_flight.raw;
	ch->c.remote.raw = theirs - ch->theirs_in_flight.raw;
	ch->c.unsettled.raw = ch->ours_in_flight.raw + ch->theirs_in_flight.raw;
	return OK;
}

static enum err read_channel(struct channel *ch, const struct json *v)
{
	const char *state = json_get_string(v, "state");
	bool connected;
	*ch = (struct channel){0};
	TRY(ln_get_pubkey(&ch->c.peer, v, "peer_id"));
	if (state == NULL || json_get_bool(v, "peer_connected", &connected) != OK)
		return ERR_FORMAT;
	ch->usable = strcmp(state, "CHANNELD_NORMAL") == 0;
	for (size_t i = 0; i < ARRAY_LEN(opening); i++)
		ch->opening = ch->opening || strcmp(state, opening[i]) == 0;
	ch->c.active = ch->usable && connected;
	if (!ch->usable && !ch->opening) /* not funded yet, or on its way to the chain */
		return json_get(v, "to_us_msat") == NULL
			? OK
			: ln_get_number(&ch->closing.raw, v, "to_us_msat", LN_MSAT_MAX);
	const char *id = json_get_string(v, "short_channel_id");
	if (id != NULL)
		TRY(read_short_id(&ch->c.short_channel_id, id));
	const struct slice txid = json_string(json_get(v, "funding_txid"));
	if (txid.ptr == NULL || hex_decode_reversed(ch->c.funding_txid.b, 32, txid) != OK)
		return ERR_FORMAT;
	TRY(ln_get_u32(&ch->c.funding_output, v, "funding_outnum", UINT16_MAX));
	return read_amounts(ch, v);
}

typedef enum err (*channel_use)(void *ctx, const struct channel *ch);

static enum err each_channel(struct slice body, channel_use use, void *ctx)
{
	struct json *v = NULL;
	TRY(json_parse(&v, body, NULL));
	const struct json *list = json_get(v, "channels");
	enum err err = json_type(list) != JSON_ARRAY ? ERR_FORMAT
		: json_count(list) > LN_CHANNELS_MAX ? ERR_FULL
						     : OK;
	for (size_t i = 0; err == OK && i < json_count(list); i++) {
		struct channel ch;
		err = read_channel(&ch, json_at(list, i));
		if (err == OK)
			err = use(ctx, &ch);
	}
	json_free(v);
	return err == ERR_RANGE ? ERR_FORMAT : err;
}

static enum err add_to_balance(void *ctx, const struct channel *ch)
{
	struct ln_balance *b = ctx;
	if (!ch->usable && !ch->opening)
		return OK;
	TRY(ln_msat_add(ch->usable ? &b->local : &b->pending_local, ch->c.local));
	TRY(ln_msat_add(ch->usable ? &b->remote : &b->pending_remote, ch->c.remote));
	TRY(ln_msat_add(&b->unsettled_local, ch->ours_in_flight));
	return ln_msat_add(&b->unsettled_remote, ch->theirs_in_flight);
}

enum err cln_balance_parse(struct ln_balance *out, struct slice body)
{
	*out = (struct ln_balance){0};
	return each_channel(body, add_to_balance, out);
}

static enum err add_to_list(void *ctx, const struct channel *ch)
{
	struct ln_channels *all = ctx;
	if (!ch->usable)
		return OK;
	if (all->count == all->max || ch->c.htlc_count > all->htlc_max - all->htlc_count)
		return ERR_FULL;
	for (size_t i = 0; i < ch->c.htlc_count; i++)
		TRY(read_htlc(&all->htlc[all->htlc_count + i], json_at(ch->htlcs, i)));
	all->htlc_count += ch->c.htlc_count;
	all->channel[all->count++] = ch->c;
	return OK;
}

enum err cln_channels_parse(struct ln_channels *out, struct slice body)
{
	return each_channel(body, add_to_list, out);
}

static enum err add_to_limbo(void *ctx, const struct channel *ch)
{
	return ln_msat_add(ctx, ch->closing);
}

/* An HTLC to us is nobody's there until it is claimed. */
enum err cln_limbo_parse(struct ln_limbo *out, struct slice body)
{
	struct msat sum = {0};
	TRY(each_channel(body, add_to_limbo, &sum));
	*out = (struct ln_limbo){.all = sum};
	return OK;
}
