/* lnd's answers: those that were recorded, and what becomes of each when a part of it is changed.
 */
#include "layer/lightning/lnd.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "layer/vectors_lnd.h"

#define TEXT_MAX 16384u

static const char hold_hash[] = "2de27a84f34c3f1406e393c8142a7cf801c0db831216f8bbcf42d0f9263e07f3";
static const char hold_preimage[] =
	"8a69ca138973047dfc0d2ed096d6470ee00e96b350859ce330a5a8e6c2a95041";

static unsigned used;

static struct slice body_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		if (strcmp(exchanges[i].name, name) == 0) {
			used++;
			return exchanges[i].body;
		}
	CHECK(false);
	return slice_of(NULL, 0);
}

/* The n-th line of a stream, from 0; .ptr NULL: there is none. */
static struct slice line_of(struct slice body, unsigned n)
{
	for (;;) {
		const uint8_t *end = body.len == 0 ? NULL : memchr(body.ptr, '\n', body.len);
		if (end == NULL)
			return slice_of(NULL, 0);
		const size_t len = (size_t)(end - body.ptr);
		if (n-- == 0)
			return slice_of(body.ptr, len);
		body = slice_of(end + 1, body.len - len - 1);
	}
}

/* The text with every `from` as `to`; there is one at least. */
static struct slice changed(struct slice in, const char *from, const char *to)
{
	static char text[4][TEXT_MAX];
	static unsigned turn;
	char *out = text[turn++ % 4];
	const size_t from_len = strlen(from), to_len = strlen(to);
	size_t len = 0, count = 0;
	for (size_t i = 0; i < in.len;) {
		const bool here = in.len - i >= from_len && memcmp(in.ptr + i, from, from_len) == 0;
		CHECK(len + to_len + 1 < TEXT_MAX);
		if (here)
			memcpy(out + len, to, to_len);
		else
			out[len] = (char)in.ptr[i];
		len += here ? to_len : 1;
		i += here ? from_len : 1;
		count += here;
	}
	CHECK(count > 0);
	return slice_of(out, len);
}

static bool is_hex(const struct hash256 *h, const char *hex)
{
	char text[65];
	hex_encode(text, h->b, sizeof h->b);
	return strcmp(text, hex) == 0;
}

/* ---- payments ---- */

static enum err pay(struct ln_payment *p, struct slice line)
{
	char detail[LN_DETAIL_SIZE];
	return lnd_payment_line(p, detail, line);
}

static void test_paid(void)
{
	const struct slice body = body_of("paid");
	struct ln_payment p;
	CHECK(pay(&p, line_of(body, 0)) == OK && p.state == LN_PAYMENT_IN_FLIGHT);
	CHECK(p.in_flight_count == 0 && p.expiry_height == 0 && !p.has_preimage);
	CHECK(p.amount.raw == 1000000 && p.fee.raw == 0);
	CHECK(pay(&p, line_of(body, 1)) == OK && p.state == LN_PAYMENT_IN_FLIGHT);
	CHECK(p.in_flight_count == 1 && p.expiry_height == 546 && !p.has_preimage);
	CHECK(pay(&p, line_of(body, 2)) == OK && p.state == LN_PAYMENT_SUCCEEDED);
	CHECK(p.succeeded_count == 1 && p.has_preimage && ln_preimage_fits(&p.preimage, &p.hash));
	CHECK(line_of(body, 3).ptr == NULL);

	const struct slice held = body_of("hold invoice paid");
	CHECK(pay(&p, line_of(held, 2)) == OK && is_hex(&p.preimage, hold_preimage));
	CHECK(is_hex(&p.hash, hold_hash));
	struct ln_payment tracked;
	CHECK(pay(&tracked, line_of(body_of("tracked"), 0)) == OK);
	CHECK(tracked.state == LN_PAYMENT_SUCCEEDED && hash256_eq(&tracked.hash, &p.hash));
}

/* HAZARDS 28, 29: lnd names the reason while a part is in flight still. */
static void test_failed_only_for_good(void)
{
	const struct slice body = body_of("payment cancelled");
	struct ln_payment p;
	CHECK(pay(&p, line_of(body, 2)) == OK);
	CHECK(p.state == LN_PAYMENT_IN_FLIGHT && p.failure == LN_FAILURE_NONE);
	const struct slice last = line_of(body, 3);
	CHECK(pay(&p, last) == OK && p.state == LN_PAYMENT_FAILED);
	CHECK(p.failure == LN_FAILURE_REFUSED && p.failed_count == 1 && p.expiry_height == 0);
	/* called failed as a whole, but a part is not */
	const char part[] = "\"attempt_id\":\"3\",\"status\":\"FAILED\"";
	CHECK(pay(&p, changed(last, part, "\"status\":\"IN_FLIGHT\"")) == OK);
	CHECK(p.state == LN_PAYMENT_IN_FLIGHT && p.in_flight_count == 1);
	CHECK(pay(&p, changed(last, part, "\"status\":\"SUCCEEDED\"")) == OK);
	CHECK(p.state == LN_PAYMENT_IN_FLIGHT && p.succeeded_count == 1);
	/* every part failed, but the whole not: another may be tried */
	const char whole[] = "\"status\":\"FAILED\",\"fee_sat\"";
	CHECK(pay(&p, changed(last, whole, "\"status\":\"IN_FLIGHT\",\"fee_sat\"")) == OK);
	CHECK(p.state == LN_PAYMENT_IN_FLIGHT);
	CHECK(pay(&p, changed(last, whole, "\"status\":\"INITIATED\",\"fee_sat\"")) == OK);
	CHECK(p.state == LN_PAYMENT_IN_FLIGHT);
}

/* One that fits is taken wherever it stands, one that does not is refused. */
static void test_preimage(void)
{
	const struct slice last = line_of(body_of("hold invoice paid"), 2);
	char zeros[65];
	struct ln_payment p;
	memset(zeros, '0', 64);
	zeros[64] = 0;
	CHECK(pay(&p, changed(last, hold_preimage, zeros)) == OK);
	CHECK(p.state == LN_PAYMENT_SUCCEEDED && is_hex(&p.preimage, hold_preimage));
	const struct slice early = changed(last, "\"SUCCEEDED\"", "\"IN_FLIGHT\"");
	CHECK(pay(&p, early) == OK && p.state == LN_PAYMENT_SUCCEEDED && p.has_preimage);
	CHECK(pay(&p, changed(last, "imnKE4lz", "AmnKE4lz")) == ERR_FORMAT);
	CHECK(pay(&p, changed(last, "8a69ca13", "0a69ca13")) == ERR_FORMAT);
	CHECK(pay(&p,
		      changed(changed(last, hold_preimage, zeros),
			      "imnKE4lzBH38DS7QltZHDuAOlrNQhZzjMKWo5sKpUEE=", "")) == ERR_FORMAT);
}

static void test_payment_garbage(void)
{
	static const struct {
		const char *from, *to;
	} lie[] = {
		{"\"status\":\"SUCCEEDED\"", "\"status\":\"DONE\""},
		{"FAILURE_REASON_NONE", "FAILURE_REASON_ODD"},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":\"-1\""},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":20000000"},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":\"020000000\""},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":\"\""},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":\"2100000000000000001\""},
		{"\"value_msat\":\"20000000\"", "\"value_msat\":\"20000000000000000000000\""},
		{"\"total_time_lock\":546", "\"total_time_lock\":500000001"},
		{"\"total_time_lock\":546", "\"total_time_lock\":-1"},
		{"\"payment_hash\":\"2de2", "\"payment_hash\":\"2d"},
		{"\"htlcs\":[", "\"htlcs\":7,\"odd\":["},
		{"\"route\":{", "\"odd\":{"},
		{"{\"result\":", "{\"error\":"},
		{"{\"result\":", "{\"error\":{},\"result\":"},
	};
	const struct slice line = line_of(body_of("hold invoice paid"), 2);
	struct ln_payment p;
	for (size_t i = 0; i < ARRAY_LEN(lie); i++) {
		const enum err err = pay(&p, changed(line, lie[i].from, lie[i].to));
		CHECK(err == ERR_FORMAT || err == ERR_IO);
	}
	for (size_t len = 0; len < line.len; len++)
		CHECK(pay(&p, slice_of(line.ptr, len)) == ERR_FORMAT);
	CHECK(pay(&p,
		      changed(line, "\"value_msat\":\"20000000\"",
			      "\"value_msat\":\"2100000000000000000\"")) == OK);
	CHECK(p.amount.raw == LN_MSAT_MAX);
}

/* ---- invoices ---- */

static void test_invoice_followed(void)
{
	const struct slice body = body_of("hold invoice followed");
	static struct ln_invoice in, asked;
	char detail[LN_DETAIL_SIZE];
	CHECK(lnd_invoice_line(&in, detail, line_of(body, 0)) == OK);
	CHECK(in.state == LN_INVOICE_OPEN && in.held_count == 0 && in.expiry_height == 0);
	CHECK(in.amount.raw == 20000000 && in.expiry_s == 3600 && is_hex(&in.hash, hold_hash));
	CHECK(lnd_invoice_line(&in, detail, line_of(body, 1)) == OK);
	CHECK(in.state == LN_INVOICE_HELD && in.held_count == 1 && in.held.raw == 20000000);
	CHECK(in.expiry_height == 546 && !in.has_preimage);
	CHECK(lnd_invoice_parse(&asked, body_of("hold invoice held")) == OK);
	CHECK(asked.state == in.state && asked.held.raw == in.held.raw);
	CHECK(strcmp(asked.request, in.request) == 0);
	CHECK(lnd_invoice_line(&in, detail, line_of(body, 2)) == OK);
	CHECK(in.state == LN_INVOICE_SETTLED && in.settled.raw == 20000000 && in.held_count == 0);
	CHECK(is_hex(&in.preimage, hold_preimage));
}

/* HAZARDS 30: whatever the node calls it, what counts is what is held. */
static void test_invoice_by_parts(void)
{
	const struct slice held = body_of("hold invoice held");
	static struct ln_invoice in;
	const char part[] = "\"expiry_height\":546, \"state\":\"ACCEPTED\"";
	CHECK(lnd_invoice_parse(&in,
		      changed(held, part, "\"expiry_height\":546, \"state\":\"CANCELED\"")) == OK);
	CHECK(in.state == LN_INVOICE_OPEN && in.cancelled_count == 1 && in.held.raw == 0);
	CHECK(lnd_invoice_parse(&in,
		      changed(held, "\"amt_msat\":\"20000000\"", "\"amt_msat\":\"19999999\"")) ==
		OK);
	CHECK(in.state == LN_INVOICE_OPEN && in.held.raw == 19999999);
	const struct slice cancelled = changed(held,
		"\"amt_paid_msat\":\"20000000\", \"state\":\"ACCEPTED\"", "\"state\":\"CANCELED\"");
	CHECK(lnd_invoice_parse(&in, cancelled) == OK && in.state == LN_INVOICE_OPEN);
	CHECK(lnd_invoice_parse(&in,
		      changed(cancelled, part, "\"expiry_height\":546, \"state\":\"CANCELED\"")) ==
		OK);
	CHECK(in.state == LN_INVOICE_CANCELLED);
	/* settled by nobody who can show the preimage */
	CHECK(lnd_invoice_parse(
		      &in, changed(held, "\"state\":\"ACCEPTED\"", "\"state\":\"SETTLED\"")) ==
		ERR_FORMAT);
}

static void test_invoice_garbage(void)
{
	static const struct {
		const char *from, *to;
	} lie[] = {
		{"\"r_hash\":\"LeJ6", "\"r_hash\":\"LeJ"},
		{"\"state\":\"ACCEPTED\"", "\"state\":\"accepted\""},
		{"\"amt_msat\":\"20000000\"", "\"amt_msat\":\"99999999999999999999\""},
		{"\"expiry_height\":546", "\"expiry_height\":0"},
		{"\"expiry_height\":546", "\"expiry_height\":\"546\""},
		{"\"creation_date\":\"", "\"creation_date\":\"9999"},
		{"\"r_preimage\":\"\"", "\"r_preimage\":null"},
		{"\"r_preimage\":\"\"", "\"r_preimage\":\"AAAA\""},
		{"\"payment_request\":\"", "\"payment_request\":7,\"odd\":\""},
	};
	const struct slice held = body_of("hold invoice held");
	static struct ln_invoice in;
	for (size_t i = 0; i < ARRAY_LEN(lie); i++)
		CHECK(lnd_invoice_parse(&in, changed(held, lie[i].from, lie[i].to)) == ERR_FORMAT);
	for (size_t len = 0; len < held.len; len++)
		CHECK(lnd_invoice_parse(&in, slice_of(held.ptr, len)) == ERR_FORMAT);
}

/* lnd's invoices, read by ourselves, say what lnd says about them. */
static void test_requests(void)
{
	char text[BOLT11_TEXT_MAX + 1];
	static struct bolt11 b;
	CHECK(lnd_request_parse(text, body_of("hold invoice made")) == OK);
	CHECK(bolt11_decode(&b, slice_str(text)) == OK && is_hex(&b.payment_hash, hold_hash));
	CHECK(b.amount_msat == 20000000 && b.final_cltv == 80 && b.expiry_s == 3600);
	CHECK(strcmp(b.network->name, "regtest") == 0);
	CHECK(lnd_request_parse(text, body_of("invoice made")) == OK);
	CHECK(bolt11_decode(&b, slice_str(text)) == OK && b.amount_msat == 1000000);
	CHECK(lnd_request_parse(text, slice_str("{\"payment_request\":\"\"}")) == ERR_FORMAT);
	CHECK(lnd_request_parse(text, slice_str("[]")) == ERR_FORMAT);
}

/* ---- refusals ---- */

static void test_refusals(void)
{
	static const struct {
		const char *name;
		enum err err;
	} want[] = {
		{"paid already", ERR_EXISTS}, {"wrong preimage", ERR_NOT_FOUND},
		{"hash used", ERR_EXISTS}, {"cancel what is settled", ERR_STATE},
		{"cancel what is unknown", ERR_NOT_FOUND}, {"track what is unknown", ERR_NOT_FOUND},
		{"invoice unknown", ERR_NOT_FOUND}, {"bad macaroon", ERR_DENIED},
		{"no macaroon", ERR_DENIED},
		{"no such path", ERR_IO}, /* and not: no such payment */
	};
	static const struct {
		const char *body;
		enum err err;
	} more[] = {
		{"{\"code\":2,\"message\":\"waiting to start, RPC services not available\"}",
			ERR_UNAVAILABLE},
		{"{\"code\":2,\"message\":\"the RPC server is in the process of starting up, but "
		 "not yet ready to accept calls\"}",
			ERR_UNAVAILABLE},
		{"{\"error\":{\"code\":6,\"message\":\"payment is in transition\"}}", ERR_STATE},
		{"{\"code\":2,\"message\":\"permission denied\"}", ERR_DENIED},
		{"{\"code\":2,\"message\":\"context deadline exceeded\"}", ERR_IO},
		{"{\"code\":5}", ERR_IO},
		{"", ERR_IO},
		{"<html>", ERR_IO},
		{"[1]", ERR_IO},
	};
	char detail[LN_DETAIL_SIZE];
	struct ln_payment p;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct slice body = body_of(want[i].name);
		CHECK(lnd_refusal_parse(detail, body) == want[i].err && detail[0] != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		CHECK(lnd_refusal_parse(detail, slice_str(more[i].body)) == more[i].err);
	/* within a stream */
	CHECK(lnd_payment_line(&p, detail, line_of(body_of("paid already"), 0)) == ERR_EXISTS);
	CHECK(strcmp(detail, "invoice is already paid") == 0);
	/* words that are too long, or not to be shown */
	char body[400];
	(void)snprintf(body, sizeof body, "{\"message\":\"\\u0007%0300d\"}", 7);
	CHECK(lnd_refusal_parse(detail, slice_str(body)) == ERR_IO);
	CHECK(detail[0] == '?' && strlen(detail) == LN_DETAIL_SIZE - 1);
}

static void test_done(void)
{
	CHECK(lnd_done_parse(body_of("settled")) == OK);
	CHECK(lnd_done_parse(body_of("settled again")) == OK);
	CHECK(lnd_done_parse(body_of("cancelled")) == OK);
	CHECK(lnd_done_parse(slice_str("{\"state\":\"SETTLED\"}")) == ERR_FORMAT);
	CHECK(lnd_done_parse(slice_str("")) == ERR_FORMAT);
}

/* ---- the node and its channels ---- */

static void test_balance(void)
{
	const struct slice body = body_of("channel balance");
	struct ln_balance b;
	CHECK(lnd_balance_parse(&b, body) == OK);
	CHECK(b.local.raw == UINT64_C(3977775000) && b.remote.raw == UINT64_C(1021000000));
	CHECK(b.unsettled_local.raw == 0 && b.unsettled_remote.raw == 0);
	/* lnd's "remote": what goes to the other side, which is what we have sent */
	CHECK(lnd_balance_parse(&b,
		      changed(body, "\"unsettled_remote_balance\":{\"sat\":\"0\", \"msat\":\"0\"",
			      "\"unsettled_remote_balance\":{\"sat\":\"7\", \"msat\":\"7000\"")) ==
		OK);
	CHECK(b.unsettled_local.raw == 7000 && b.unsettled_remote.raw == 0);
	CHECK(lnd_balance_parse(&b, changed(body, "\"unsettled_local", "\"settled_local")) ==
		ERR_FORMAT);
	CHECK(lnd_balance_parse(&b, changed(body, "\"3977775000\"", "3977775000")) == ERR_FORMAT);
}

static const char node_info[] =
	"{\"version\":\"0.21.0-beta commit=v0.21.0-beta\",\"identity_pubkey\":"
	"\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","
	"\"num_pending_channels\":1,\"num_active_channels\":2,\"num_inactive_channels\":3,"
	"\"block_height\":463,\"synced_to_chain\":true,"
	"\"chains\":[{\"chain\":\"bitcoin\",\"network\":\"regtest\"}]}";

static void test_info(void)
{
	static const struct {
		const char *from, *to;
		enum err err;
	} lie[] = {
		{"regtest", "simnet", ERR_NETWORK},
		{"\"bitcoin\"", "\"litecoin\"", ERR_NETWORK},
		{"[{\"chain\"", "[{},{\"chain\"", ERR_FORMAT},
		{"03ebc8", "04ebc8", ERR_FORMAT},
		{"463", "-1", ERR_FORMAT},
		{"true", "\"true\"", ERR_FORMAT},
		{"\"version\":\"0.21", "\"version\":\"\",\"odd\":\"0.21", ERR_FORMAT},
	};
	struct ln_info info;
	CHECK(lnd_info_parse(&info, slice_str(node_info)) == OK);
	CHECK(info.height == 463 && info.synced && strcmp(info.network->name, "regtest") == 0);
	CHECK(info.channels_pending == 1 && info.channels_active == 2);
	CHECK(info.channels_inactive == 3 && strncmp(info.version, "0.21.0-beta", 11) == 0);
	for (size_t i = 0; i < ARRAY_LEN(lie); i++)
		CHECK(lnd_info_parse(&info,
			      changed(slice_str(node_info), lie[i].from, lie[i].to)) == lie[i].err);
}

static const char channel_list[] =
	"{\"channels\":[{\"active\":true,\"remote_pubkey\":"
	"\"03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a\","
	"\"channel_point\":\"00000000000000000000000000000000000000000000000000000000"
	"000000ff:65535\""
	",\"chan_id\":\"18446744073709551615\",\"capacity\":\"5000000\",\"local_balance\":"
	"\"3000000\",\"remote_balance\":\"1900000\",\"unsettled_balance\":\"90000\","
	"\"commit_fee\":\"3240\",\"initiator\":true,\"pending_htlcs\":["
	"{\"incoming\":false,\"amount\":\"20000\",\"hash_lock\":"
	"\"j770N41PoPP0PvSmbnncXn0M7z59sQmjvOGiUrJr2iE=\",\"expiration_height\":197},"
	"{\"incoming\":true,\"amount\":\"70000\",\"hash_lock\":"
	"\"LeJ6hPNMPxQG45PIFCp8+AHA24MSFvi7z0LQ+SY+B/M=\",\"expiration_height\":546}]}]}";

static enum err channels_of(struct ln_channels *out, size_t max, size_t htlc_max, struct slice body)
{
	static struct ln_channel channel[2];
	static struct ln_htlc htlc[2];
	*out = (struct ln_channels){
		.channel = channel, .max = max, .htlc = htlc, .htlc_max = htlc_max};
	return lnd_channels_parse(out, body);
}

static void test_channels(void)
{
	static const struct {
		const char *from, *to;
	} lie[] = {
		{"\"90000\"", "\"100001\""}, /* more than there is */
		{"\"3240\"", "\"10001\""},
		{":65535", ":6553x"},
		{"true,\"pending", "1,\"pending"},
		{"\"incoming\":false", "\"incoming\":0"},
		{"\"20000\"", "20000"},
		{"j770", "j77"},
		{"197", "\"197\""},
	};
	const struct slice body = slice_str(channel_list);
	struct ln_channels all;
	CHECK(channels_of(&all, 1, 2, body) == OK && all.count == 1 && all.htlc_count == 2);
	const struct ln_channel *c = all.channel;
	CHECK(c[0].commit_fee.raw == 3240000);
	CHECK(all.htlc[0].amount.raw == 20000000 && !all.htlc[0].incoming);
	CHECK(all.htlc[1].expiry_height == 546 && all.htlc[1].incoming);
	CHECK(all.htlc[0].hash.b[0] == 0x8f && all.htlc[1].hash.b[0] == 0x2d);
	CHECK(c[0].active && c[0].funding_txid.b[0] == 0xff && c[0].funding_output == 65535);
	CHECK(c[0].short_channel_id == UINT64_MAX && c[0].htlc_count == 2);
	CHECK(c[0].capacity.raw == UINT64_C(5000000000) && c[0].unsettled.raw == 90000000);
	/* the other side has opened it */
	CHECK(channels_of(&all, 1, 2, changed(body, "true,\"pending", "false,\"pending")) == OK);
	CHECK(all.channel->commit_fee.raw == 0);
	CHECK(channels_of(&all, 0, 2, body) == ERR_FULL);
	CHECK(channels_of(&all, 1, 1, body) == ERR_FULL);
	CHECK(channels_of(&all, 1, 2, slice_str("{\"channels\":[]}")) == OK && all.count == 0);
	for (size_t i = 0; i < ARRAY_LEN(lie); i++)
		CHECK(channels_of(&all, 1, 2, changed(body, lie[i].from, lie[i].to)) == ERR_FORMAT);
}

static void test_limbo(void)
{
	/* as lnd 0.21 told it of a channel that the other side had closed, with a payment held */
	static const char held[] =
		"{\"total_limbo_balance\":\"4196430\",\"pending_force_closing_channels\":[{"
		"\"limbo_balance\":\"4196430\",\"pending_htlcs\":[{\"incoming\":true,"
		"\"amount\":\"200000\",\"maturity_height\":385,\"blocks_til_maturity\":258,"
		"\"stage\":1}]}]}";
	struct ln_limbo limbo;
	CHECK(lnd_limbo_parse(&limbo,
		      slice_str("{\"total_limbo_balance\":\"7\",\"waiting_close_channels\":[]}")) ==
		OK);
	CHECK(limbo.all.raw == 7000 && limbo.undecided.raw == 0);
	CHECK(lnd_limbo_parse(&limbo, slice_str(held)) == OK);
	CHECK(limbo.all.raw == 4196430000 && limbo.undecided.raw == 200000000);
	CHECK(lnd_limbo_parse(&limbo, changed(slice_str(held), "true", "false")) == OK);
	CHECK(limbo.undecided.raw == 0); /* what we sent comes back */
	CHECK(lnd_limbo_parse(&limbo, changed(slice_str(held), "stage\":1", "stage\":2")) == OK);
	CHECK(limbo.undecided.raw == 0);
	CHECK(lnd_limbo_parse(&limbo, changed(slice_str(held), "\"200000", "\"4196431")) ==
		ERR_FORMAT);
	CHECK(lnd_limbo_parse(&limbo, changed(slice_str(held), "\"200000\"", "200000")) ==
		ERR_FORMAT);
	CHECK(lnd_limbo_parse(&limbo, changed(slice_str(held), "incoming", "outgoing")) ==
		ERR_FORMAT);
	CHECK(lnd_limbo_parse(&limbo, slice_str("{\"total_limbo_balance\":7}")) == ERR_FORMAT);
	CHECK(lnd_limbo_parse(&limbo, slice_str("{}")) == ERR_FORMAT);
}

int main(void)
{
	test_paid();
	test_failed_only_for_good();
	test_preimage();
	test_payment_garbage();
	test_invoice_followed();
	test_invoice_by_parts();
	test_invoice_garbage();
	test_requests();
	test_refusals();
	test_done();
	test_balance();
	test_info();
	test_channels();
	test_limbo();
	CHECK(used >= ARRAY_LEN(exchanges)); /* none is left out */
	return EXIT_SUCCESS;
}
