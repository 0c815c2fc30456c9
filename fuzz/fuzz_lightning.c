/* A Lightning node's answer: the first byte says to which question, the rest is the body. Whatever
 * it is, what comes out of it agrees with itself, and no payment has failed while a part has not.
 * Or the terms of a lock-up, which a provider sends. */
#include "crypto/hash.h"
#include "layer/layer.h"
#include "layer/lightning/cln.h"
#include "layer/lightning/lnd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANNELS 16u
#define HTLCS 8u

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static void check_payment(const struct ln_payment *p)
{
	const uint32_t open = p->in_flight_count + p->succeeded_count;
	CHECK(p->state >= LN_PAYMENT_IN_FLIGHT && p->state <= LN_PAYMENT_FAILED);
	CHECK((p->state == LN_PAYMENT_SUCCEEDED) == p->has_preimage);
	CHECK(!p->has_preimage || ln_preimage_fits(&p->preimage, &p->hash));
	CHECK(p->state != LN_PAYMENT_FAILED || open == 0);
	CHECK(p->amount.raw <= LN_MSAT_MAX && p->fee.raw <= LN_MSAT_MAX);
}

static void check_invoice(const struct ln_invoice *in)
{
	CHECK(in->state >= LN_INVOICE_OPEN && in->state <= LN_INVOICE_CANCELLED);
	CHECK(in->state != LN_INVOICE_HELD || (in->held_count > 0 && in->expiry_height > 0));
	CHECK(in->state != LN_INVOICE_HELD || in->held.raw >= in->amount.raw);
	CHECK(in->state != LN_INVOICE_CANCELLED || in->held_count == 0);
	CHECK(in->state != LN_INVOICE_SETTLED || in->has_preimage);
	CHECK(!in->has_preimage || ln_preimage_fits(&in->preimage, &in->hash));
	CHECK(is_terminated(in->request, sizeof in->request));
}

static void check_balance(const struct ln_balance *b)
{
	CHECK(b->local.raw <= LN_MSAT_MAX && b->remote.raw <= LN_MSAT_MAX);
	CHECK(b->unsettled_local.raw <= LN_MSAT_MAX && b->unsettled_remote.raw <= LN_MSAT_MAX);
}

static void check_channels(const struct ln_channels *all)
{
	CHECK(all->count <= CHANNELS && all->htlc_count <= HTLCS);
	for (size_t i = 0; i < all->count; i++) {
		const struct ln_channel *c = &all->channel[i];
		CHECK(c->local.raw + c->remote.raw + c->unsettled.raw <= c->capacity.raw);
		CHECK(c->commit_fee.raw <= c->capacity.raw);
	}
	for (size_t i = 0; i < all->htlc_count; i++)
		CHECK(all->htlc[i].amount.raw <= LN_MSAT_MAX);
}

static void check_info(const struct ln_info *info)
{
	CHECK(info->network != NULL && info->network->layer == LAYER_BITCOIN);
	CHECK(is_terminated(info->version, sizeof info->version) && pubkey_valid(&info->node));
}

/* Terms of a lock-up have one encoding, and an address that is read as it is written. */
static void check_terms(struct slice body)
{
	static uint8_t again[LAYER_LEG_MAX], to[LAYER_DESTINATION_MAX];
	static char text[LAYER_ADDRESS_TEXT_SIZE];
	const struct network *network = network_by_name(LAYER_LIGHTNING, slice_str("regtest"));
	struct buf leg = buf_init(again, sizeof again);
	struct leg_offer o;
	size_t len;
	if (layer_address_check(LAYER_LIGHTNING, network, to, &len, body) == OK)
		CHECK(layer_address_format(LAYER_LIGHTNING, network, text, slice_of(to, len)) ==
			OK);
	if (layer_leg_parse(&o, LAYER_LIGHTNING, network, body) != OK)
		return;
	CHECK(layer_leg_make(&leg, LAYER_LIGHTNING, &o) == OK && slice_eq(buf_slice(&leg), body));
	CHECK(layer_leg_address(LAYER_LIGHTNING, network, text, body) == OK);
	CHECK(slice_eq(slice_str(text), o.request));
}

static void on_lnd(uint8_t which, struct slice body)
{
	static struct ln_invoice invoice;
	static struct ln_channel channel[CHANNELS];
	static struct ln_htlc htlc[HTLCS];
	static char request[BOLT11_TEXT_MAX + 1];
	char detail[LN_DETAIL_SIZE];
	struct ln_payment payment;
	struct ln_balance balance;
	struct ln_info info;
	struct ln_limbo limbo;
	struct ln_channels channels = {
		.channel = channel, .max = CHANNELS, .htlc = htlc, .htlc_max = HTLCS};
	switch (which) {
	case 0:
		if (lnd_payment_line(&payment, detail, body) == OK)
			check_payment(&payment);
		CHECK(is_terminated(detail, sizeof detail));
		break;
	case 1:
		if (lnd_invoice_line(&invoice, detail, body) == OK)
			check_invoice(&invoice);
		break;
	case 2:
		if (lnd_invoice_parse(&invoice, body) == OK)
			check_invoice(&invoice);
		break;
	case 3:
		CHECK(lnd_refusal_parse(detail, body) != OK);
		CHECK(is_terminated(detail, sizeof detail));
		break;
	case 4:
		if (lnd_balance_parse(&balance, body) == OK)
			check_balance(&balance);
		break;
	case 5:
		if (lnd_channels_parse(&channels, body) == OK)
			check_channels(&channels);
		break;
	case 6:
		if (lnd_info_parse(&info, body) == OK)
			check_info(&info);
		break;
	default:
		if (lnd_request_parse(request, body) == OK)
			CHECK(is_terminated(request, sizeof request));
		(void)!lnd_done_parse(body);
		if (lnd_limbo_parse(&limbo, body) == OK)
			CHECK(limbo.all.raw <= LN_MSAT_MAX && limbo.undecided.raw <= limbo.all.raw);
	}
}

/* What the plugin says, a line feed, what the node says. Without the node's word nothing is held.
 */
static void on_cln_invoice(struct slice body)
{
	static const struct hash256 preimage = {{7}};
	static struct ln_invoice invoice;
	struct hash256 hash;
	const uint8_t *cut = body.len == 0 ? NULL : memchr(body.ptr, '\n', body.len);
	const size_t len = cut == NULL ? body.len : (size_t)(cut - body.ptr);
	const struct slice rest = cut == NULL ? slice_of(NULL, 0)
					      : slice_of(cut + 1, body.len - len - 1);
	char text[LN_DETAIL_SIZE];
	sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
	if (cln_deadline_parse(text, LN_HOLD_MARGIN, body) == ERR_UNAVAILABLE)
		CHECK(is_terminated(text, sizeof text));
	if (cln_invoice_parse(&invoice, &hash, slice_of(body.ptr, len)) != OK)
		return;
	if (!cln_invoice_doubtful(&invoice) || cln_invoice_confirm(&invoice, rest) == OK)
		check_invoice(&invoice);
}

static void on_cln(uint8_t which, struct slice body)
{
	static char request[BOLT11_TEXT_MAX + 1];
	static struct ln_channel channel[CHANNELS];
	static struct ln_htlc htlc[HTLCS];
	static const struct hash256 hash;
	char detail[LN_DETAIL_SIZE];
	enum ln_failure failure;
	struct ln_payment payment;
	struct ln_balance balance;
	struct ln_info info;
	struct ln_limbo limbo;
	struct ln_channels channels = {
		.channel = channel, .max = CHANNELS, .htlc = htlc, .htlc_max = HTLCS};
	switch (which) {
	case 0:
	case 1:
		if (cln_payment_parse(&payment, &hash, which == 1, body) == OK)
			check_payment(&payment);
		break;
	case 2: CHECK(cln_refusal_parse(&failure, detail, body) != OK); break;
	case 3:
		if (cln_balance_parse(&balance, body) == OK)
			check_balance(&balance);
		break;
	case 4:
		if (cln_channels_parse(&channels, body) == OK)
			check_channels(&channels);
		break;
	case 6:
		if (cln_limbo_parse(&limbo, body) == OK)
			CHECK(limbo.all.raw <= LN_MSAT_MAX && limbo.undecided.raw <= limbo.all.raw);
		break;
	case 7: check_terms(body); break;
	case 8: on_cln_invoice(body); break;
	case 9:
		if (cln_signed_parse(request, body) == OK)
			CHECK(is_terminated(request, sizeof request));
		(void)!cln_done_parse(body);
		break;
	default:
		if (cln_info_parse(&info, body) == OK)
			check_info(&info);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct slice body = slice_of(data + 1, size - 1);
	if (data[0] & 0x80)
		on_cln(data[0] & 15, body);
	else
		on_lnd(data[0] & 7, body);
	return 0;
}
