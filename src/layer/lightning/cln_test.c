/* Core Lightning's answers, made by its schemas. */
#include "layer/lightning/cln.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/secp.h"

#define NODE "03ebc86c6d62fb1b991b0e0b1256d7a505454a60b0e6644c20cccee865d717a83a"
#define TXID "00000000000000000000000000000000000000000000000000000000000000ff"

static const char info_format[] =
	"{\"id\":\"" NODE "\",\"alias\":\"A\",\"color\":\"022d22\",\"num_peers\":1,"
	"\"num_pending_channels\":1,\"num_active_channels\":2,\"num_inactive_channels\":3,"
	"\"version\":\"v25.05\",\"blockheight\":110,\"network\":\"%s\",%s"
	"\"fees_collected_msat\":0,\"lightning-dir\":\"/x\",\"address\":[]}";

static void test_info(void)
{
	static const struct {
		const char *network, *ours;
	} names[] = {{"bitcoin", "mainnet"}, {"regtest", "regtest"}, {"signet", "signet"},
		{"testnet", "testnet"}, {"mainnet", NULL}, {"liquid-regtest", NULL}, {"", NULL}};
	struct ln_info info;
	char text[800];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(text, sizeof text, info_format, names[i].network, "");
		const enum err err = cln_info_parse(&info, slice_str(text));
		CHECK(err == (names[i].ours == NULL ? ERR_NETWORK : OK));
		CHECK(err != OK || strcmp(info.network->name, names[i].ours) == 0);
	}
	(void)snprintf(text, sizeof text, info_format, "regtest", "");
	CHECK(cln_info_parse(&info, slice_str(text)) == OK && info.synced && info.height == 110);
	CHECK(info.channels_pending == 1 && info.channels_inactive == 3);
	(void)snprintf(text, sizeof text, info_format, "regtest",
		"\"warning_lightningd_sync\":\"still loading\",");
	CHECK(cln_info_parse(&info, slice_str(text)) == OK && !info.synced);
	(void)snprintf(text, sizeof text, info_format, "regtest",
		"\"warning_bitcoind_sync\":\"not up to date\",");
	CHECK(cln_info_parse(&info, slice_str(text)) == OK && !info.synced);
	CHECK(cln_info_parse(&info, slice_str("{}")) == ERR_FORMAT);
	CHECK(cln_info_parse(&info, slice_str("7")) == ERR_FORMAT);
}

/* ---- payments ---- */

static struct hash256 hash, preimage = {{7}};

static struct slice parts(const char *const *part, size_t count)
{
	static char text[4096];
	char hash_text[65], preimage_text[65];
	size_t len = (size_t)snprintf(text, sizeof text, "{\"payments\":[");
	hex_encode(hash_text, hash.b, 32);
	hex_encode(preimage_text, preimage.b, 32);
	for (size_t i = 0; i < count; i++) {
		const bool complete = strstr(part[i], "complete") != NULL;
		len += (size_t)snprintf(text + len, sizeof text - len,
			"%s{\"id\":1,\"created_index\":1,\"groupid\":1,\"created_at\":1,"
			"\"payment_hash\":\"%s\",%s%s%s%s}",
			i == 0 ? "" : ",", hash_text, part[i],
			complete ? ",\"payment_preimage\":\"" : "", complete ? preimage_text : "",
			complete ? "\"" : "");
	}
	len += (size_t)snprintf(text + len, sizeof text - len, "]}");
	CHECK(len < sizeof text);
	return slice_of(text, len);
}

#define PART(status, amount, sent)                                                                 \
	"\"status\":\"" status "\",\"amount_msat\":" amount ",\"amount_sent_msat\":" sent

/* HAZARDS 28, 29: which parts there are, whether more may come, and what is made of it. */
static void test_payment_by_parts(void)
{
	static const struct {
		const char *part[3];
		size_t count;
		bool more;
		enum ln_payment_state state;
	} want[] = {
		{{PART("pending", "10", "11")}, 1, false, LN_PAYMENT_IN_FLIGHT},
		{{PART("failed", "10", "11")}, 1, false, LN_PAYMENT_FAILED},
		{{PART("failed", "10", "11")}, 1, true, LN_PAYMENT_IN_FLIGHT},
		{{PART("failed", "10", "11"), PART("pending", "10", "11")}, 2, false,
			LN_PAYMENT_IN_FLIGHT},
		{{PART("complete", "10", "11")}, 1, true, LN_PAYMENT_SUCCEEDED},
		{{PART("failed", "9", "9"), PART("complete", "6", "7"), PART("pending", "4", "5")},
			3, true, LN_PAYMENT_SUCCEEDED},
	};
	struct ln_payment p;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct slice body = parts(want[i].part, want[i].count);
		CHECK(cln_payment_parse(&p, &hash, want[i].more, body) == OK);
		CHECK(p.state == want[i].state && hash256_eq(&p.hash, &hash));
		CHECK(p.has_preimage == (p.state == LN_PAYMENT_SUCCEEDED));
		CHECK(p.in_flight_count + p.succeeded_count + p.failed_count == want[i].count);
		CHECK((p.failure != LN_FAILURE_NONE) == (p.state == LN_PAYMENT_FAILED));
	}
	/* the last of them */
	CHECK(p.amount.raw == 10 && p.fee.raw == 2 && hash256_eq(&p.preimage, &preimage));
	CHECK(cln_payment_parse(&p, &hash, false, parts(NULL, 0)) == ERR_NOT_FOUND);
}

static void test_payment_garbage(void)
{
	static const char *const part[] = {
		PART("PENDING", "10", "11"),
		PART("pending", "12", "11"), /* delivered is more than sent */
		PART("pending", "\"10msat\"", "11"),
		PART("pending", "10", "2100000000000000001"),
		"\"status\":\"pending\",\"amount_msat\":10",
		"\"status\":\"pending\",\"payment_hash2\":0,\"amount_sent_msat\":-1",
	};
	static const char *const whole[] = {PART("complete", "10", "11")};
	static const char *const two[] = {
		PART("pending", "2100000000000000000", "2100000000000000000"),
		PART("pending", "1", "1")};
	const struct hash256 other = {{1}};
	struct ln_payment p;
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		CHECK(cln_payment_parse(&p, &hash, false, parts(&part[i], 1)) == ERR_FORMAT);
	CHECK(cln_payment_parse(&p, &other, false, parts(whole, 1)) == ERR_FORMAT);
	CHECK(cln_payment_parse(&p, &hash, false, parts(two, 2)) == ERR_FORMAT);
	const struct slice body = parts(whole, 1);
	for (size_t len = 0; len < body.len; len++)
		CHECK(cln_payment_parse(&p, &hash, false, slice_of(body.ptr, len)) == ERR_FORMAT);
	preimage.b[0]++; /* not the hash's */
	CHECK(cln_payment_parse(&p, &hash, false, parts(whole, 1)) == ERR_FORMAT);
	preimage.b[0]--;
}

static void test_refusals(void)
{
	static const struct {
		const char *body;
		enum err err;
		enum ln_failure failure;
	} want[] = {
		{"{\"code\":205,\"message\":\"no route\"}", ERR_REJECTED, LN_FAILURE_NO_ROUTE},
		{"{\"code\":203,\"message\":\"x\"}", ERR_REJECTED, LN_FAILURE_REFUSED},
		{"{\"code\":210,\"message\":\"x\",\"data\":{}}", ERR_REJECTED, LN_FAILURE_TIMEOUT},
		{"{\"code\":201,\"message\":\"x\"}", ERR_EXISTS, LN_FAILURE_NONE},
		{"{\"code\":1501,\"message\":\"Not authorized\"}", ERR_DENIED, LN_FAILURE_NONE},
		{"{\"code\":-1,\"message\":\"x\"}", ERR_IO, LN_FAILURE_NONE},
		{"{\"code\":-32601,\"message\":\"Unknown command 'listholdinvoices'\"}",
			ERR_UNAVAILABLE, LN_FAILURE_NONE},
		{"{\"code\":-32602,\"message\":\"config: Unknown config option\"}", ERR_UNAVAILABLE,
			LN_FAILURE_NONE},
		{"{\"code\":-32602,\"message\":\"invstring: x\"}", ERR_IO, LN_FAILURE_NONE},
		{"{\"code\":-32700,\"message\":\"invoice not found\"}", ERR_NOT_FOUND,
			LN_FAILURE_NONE},
		{"{\"code\":-32700,\"message\":\"no HTLCs to settle\"}", ERR_STATE,
			LN_FAILURE_NONE},
		{"{\"code\":-32700,\"message\":\"could not update invoice in database: "
		 "state paid is final\"}",
			ERR_STATE, LN_FAILURE_NONE},
		{"{\"code\":-32700,\"message\":\"UNIQUE constraint failed: "
		 "invoices.payment_hash\"}",
			ERR_EXISTS, LN_FAILURE_NONE},
		{"{\"code\":-32700,\"message\":\"duplicate key value violates unique "
		 "constraint\"}",
			ERR_EXISTS, LN_FAILURE_NONE},
		{"{\"code\":205}", ERR_IO, LN_FAILURE_NONE},
		{"{\"code\":\"205\",\"message\":\"x\"}", ERR_IO, LN_FAILURE_NONE},
		{"", ERR_IO, LN_FAILURE_NONE},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		enum ln_failure failure;
		char detail[LN_DETAIL_SIZE];
		CHECK(cln_refusal_parse(&failure, detail, slice_str(want[i].body)) == want[i].err);
		CHECK(failure == want[i].failure && detail[0] != 0);
	}
}

/* ---- hold invoices ---- */

#define AMOUNT 20000000u
static char request[BOLT11_TEXT_MAX + 1];

static void make_request(void)
{
	static struct bolt11 b;
	const struct seckey key = {{7}};
	b = (struct bolt11){.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = AMOUNT,
		.timestamp_s = 1800000000,
		.expiry_s = 3600,
		.payment_hash = hash,
		.final_cltv = 121,
		.features = UINT64_C(1) << BOLT11_VAR_ONION | UINT64_C(1) << BOLT11_PAYMENT_SECRET};
	CHECK(bolt11_encode(request, &b, &key) == OK);
}

/* more: a preimage, perhaps; each HTLC as its state and its amount. */
static struct slice hold(const char *state, const char *more, const char *htlcs)
{
	static char text[8192];
	char hex[65];
	hex_encode(hex, hash.b, sizeof hash.b);
	const int len = snprintf(text, sizeof text,
		"{\"holdinvoices\":[{\"id\":1,\"payment_hash\":\"%s\",%s\"invoice\":\"%s\","
		"\"state\":\"%s\",\"created_at\":\"2027-01-15T08:00:00\",\"htlcs\":[%s]}]}",
		hex, more, request, state, htlcs);
	CHECK(len > 0 && (size_t)len < sizeof text);
	return slice_of(text, (size_t)len);
}

#define ROW(state, amount)                                                                         \
	"{\"id\":1,\"invoice_id\":1,\"state\":\"" state "\",\"scid\":\"103x1x2\","                 \
	"\"channel_id\":0,\"msat\":" amount                                                        \
	",\"cltv_expiry\":624,\"created_at\":\"2027-01-15T08:00:01\"}"

static const char *preimage_member(void)
{
	static char text[96];
	char hex[65];
	hex_encode(hex, preimage.b, sizeof preimage.b);
	(void)snprintf(text, sizeof text, "\"preimage\":\"%s\",", hex);
	return text;
}

/* As the node lists it, of our hash. */
static const char *waits(
	const char *direction, const char *state, const char *amount, const char *expiry)
{
	static char text[4][400];
	static unsigned n;
	char hex[65], *to = text[n++ % 4];
	hex_encode(hex, hash.b, sizeof hash.b);
	(void)snprintf(to, sizeof text[0],
		"{\"direction\":\"%s\",\"id\":0,\"amount_msat\":%s,\"expiry\":%s,"
		"\"payment_hash\":\"%s\",\"state\":\"%s\"}",
		direction, amount, expiry, hex, state);
	return to;
}

static struct slice listed(const char *a, const char *b)
{
	static char text[4096];
	const int len = snprintf(text, sizeof text,
		"{\"channels\":[{\"state\":\"CHANNELD_NORMAL\",\"htlcs\":[%s]},"
		"{\"state\":\"OPENINGD\"},"
		"{\"state\":\"ONCHAIN\",\"htlcs\":[%s]}]}",
		a, b);
	CHECK(len > 0 && (size_t)len < sizeof text);
	return slice_of(text, (size_t)len);
}

static struct ln_invoice *read_hold(const char *state, const char *htlcs)
{
	static struct ln_invoice in;
	const bool paid = strcmp(state, "paid") == 0;
	CHECK(cln_invoice_parse(&in, &hash,
		      hold(state, paid ? preimage_member() : "\"preimage\":null,", htlcs)) == OK);
	CHECK(in.amount.raw == AMOUNT && in.created_s == 1800000000 && in.expiry_s == 3600);
	CHECK(strcmp(in.request, request) == 0 && in.has_preimage == paid);
	return &in;
}

#define WAITS "RCVD_ADD_ACK_REVOCATION"
#define WHOLE "20000000"
#define HALF "10000000"

/* HAZARDS 30: what the plugin's rows say, what the node waits for, and what is made of both. */
static void test_hold_by_parts(void)
{
	static const struct {
		const char *state, *htlcs, *a[4], *b[4]; /* direction, state, amount, expiry */
		enum ln_invoice_state want;
		uint64_t held;
		uint32_t held_count, expiry;
	} rows[] = {
		{"accepted", ROW("accepted", WHOLE), {"in", WAITS, WHOLE, "624"}, {0},
			LN_INVOICE_HELD, AMOUNT, 1, 624},
		{"accepted", ROW("accepted", HALF) "," ROW("accepted", HALF),
			{"in", WAITS, HALF, "630"}, {"in", WAITS, HALF, "625"}, LN_INVOICE_HELD,
			AMOUNT, 2, 625},
		/* one of two parts is gone; both are; it goes the other way; it is not agreed on */
		{"accepted", ROW("accepted", HALF) "," ROW("accepted", HALF),
			{"in", WAITS, HALF, "630"}, {0}, LN_INVOICE_OPEN, AMOUNT / 2, 2, 630},
		{"accepted", ROW("accepted", WHOLE), {0}, {0}, LN_INVOICE_OPEN, 0, 1, 0},
		{"accepted", ROW("accepted", WHOLE), {"out", "SENT_ADD_HTLC", WHOLE, "624"}, {0},
			LN_INVOICE_OPEN, 0, 1, 0},
		{"accepted", ROW("accepted", WHOLE), {"in", "SENT_ADD_ACK_COMMIT", WHOLE, "624"},
			{0}, LN_INVOICE_OPEN, 0, 1, 0},
		{"accepted", ROW("accepted", WHOLE), {"in", "SENT_REMOVE_HTLC", WHOLE, "624"}, {0},
			LN_INVOICE_OPEN, 0, 1, 0},
		/* the plugin has less than there is, or nothing */
		{"accepted", ROW("accepted", HALF), {"in", WAITS, WHOLE, "624"}, {0},
			LN_INVOICE_OPEN, AMOUNT / 2, 1, 624},
		{"accepted", ROW("cancelled", WHOLE), {"in", WAITS, WHOLE, "624"}, {0},
			LN_INVOICE_OPEN, 0, 0, 624},
		/* settled, cancelled: not before the node waits no more */
		{"paid", ROW("paid", WHOLE), {0}, {0}, LN_INVOICE_SETTLED, 0, 0, 0},
		{"paid", ROW("paid", WHOLE), {"in", "SENT_REMOVE_COMMIT", WHOLE, "624"}, {0},
			LN_INVOICE_SETTLED, 0, 0, 0},
		{"paid", ROW("paid", WHOLE), {"in", WAITS, WHOLE, "624"}, {0}, LN_INVOICE_SETTLED,
			AMOUNT, 1, 624},
		{"cancelled", ROW("cancelled", WHOLE), {0}, {0}, LN_INVOICE_CANCELLED, 0, 0, 0},
		{"cancelled", ROW("cancelled", WHOLE), {"in", WAITS, WHOLE, "624"}, {0},
			LN_INVOICE_OPEN, AMOUNT, 1, 624},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const *const w[] = {rows[i].a, rows[i].b};
		const char *text[2] = {"", ""};
		struct ln_invoice *in = read_hold(rows[i].state, rows[i].htlcs);
		for (size_t k = 0; k < 2; k++)
			if (w[k][0] != NULL)
				text[k] = waits(w[k][0], w[k][1], w[k][2], w[k][3]);
		CHECK(cln_invoice_doubtful(in));
		CHECK(cln_invoice_confirm(in, listed(text[0], text[1])) == OK);
		CHECK(in->state == rows[i].want && in->held.raw == rows[i].held);
		CHECK(in->held_count == rows[i].held_count);
		CHECK(in->expiry_height == rows[i].expiry);
	}
	/* nothing to ask the node about */
	struct ln_invoice *in = read_hold("unpaid", "");
	CHECK(in->state == LN_INVOICE_OPEN && !cln_invoice_doubtful(in));
	in = read_hold("unpaid", ROW("accepted", HALF) "," ROW("cancelled", HALF));
	CHECK(in->state == LN_INVOICE_OPEN && !cln_invoice_doubtful(in));
	CHECK(in->held_count == 1 && in->cancelled_count == 1 && in->held.raw == AMOUNT / 2);
	in = read_hold("cancelled", "");
	CHECK(in->state == LN_INVOICE_CANCELLED && !cln_invoice_doubtful(in));
	in = read_hold("paid", ROW("cancelled", "1") "," ROW("paid", WHOLE));
	CHECK(in->settled_count == 1 && in->settled.raw == AMOUNT);
}

static void test_hold_garbage(void)
{
	static const char *const rows[] = {"7", "{}", ROW("unpaid", "1"), ROW("ACCEPTED", "1"),
		ROW("accepted", "-1"), ROW("accepted", "\"1\""),
		ROW("accepted", "2100000000000000001"),
		ROW("accepted", "2100000000000000000") "," ROW("accepted", "1")};
	static struct ln_invoice in;
	const struct hash256 other = {{1}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(cln_invoice_parse(&in, &hash, hold("accepted", "", rows[i])) == ERR_FORMAT);
	CHECK(cln_invoice_parse(&in, &hash, hold("held", "", "")) == ERR_FORMAT);
	CHECK(cln_invoice_parse(&in, &hash, hold("paid", "", "")) == ERR_FORMAT);
	CHECK(cln_invoice_parse(&in, &other, hold("unpaid", "", "")) == ERR_FORMAT);
	preimage.b[0]++; /* not the hash's */
	CHECK(cln_invoice_parse(&in, &hash, hold("paid", preimage_member(), "")) == ERR_FORMAT);
	preimage.b[0]--;
	CHECK(cln_invoice_parse(&in, &hash, slice_str("{\"holdinvoices\":[]}")) == ERR_NOT_FOUND);
	CHECK(cln_invoice_parse(&in, &hash, slice_str("{\"holdinvoices\":[{},{}]}")) == ERR_FORMAT);
	CHECK(cln_invoice_parse(&in, &hash, slice_str("{\"holdinvoices\":{}}")) == ERR_FORMAT);
	const struct slice body = hold("accepted", "", ROW("accepted", WHOLE));
	for (size_t len = 0; len < body.len; len++)
		CHECK(cln_invoice_parse(&in, &hash, slice_of(body.ptr, len)) == ERR_FORMAT);
	/* a version from before "invoice"; another's request; none */
	char *const member = strstr((char *)(uintptr_t)body.ptr, "\"invoice\":");
	memcpy(member, "\"bolt11\": ", strlen("\"bolt11\": "));
	CHECK(cln_invoice_parse(&in, &hash, body) == ERR_FORMAT);
	request[strlen(request) - 1] ^= 1;
	CHECK(cln_invoice_parse(&in, &hash, hold("unpaid", "", "")) == ERR_FORMAT);
	make_request();
	/* and what the node says */
	static const struct {
		const char *direction, *state, *amount, *expiry;
	} said[] = {{"in", "HELD", "1", "1"}, {"in", WAITS, "-1", "1"}, {"in", WAITS, "1", "0"},
		{"in", WAITS, "1", "-1"}, {"in", WAITS, "2100000000000000000", "1"}};
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		struct ln_invoice *held = read_hold("accepted", ROW("accepted", WHOLE));
		CHECK(cln_invoice_confirm(held,
			      listed(waits(said[i].direction, said[i].state, said[i].amount,
					     said[i].expiry),
				      waits("in", WAITS, "1", "1"))) == ERR_FORMAT);
	}
	struct ln_invoice *held = read_hold("accepted", ROW("accepted", WHOLE));
	CHECK(cln_invoice_confirm(held, slice_str("{}")) == ERR_FORMAT);
	CHECK(cln_invoice_confirm(held, listed("7", "")) == ERR_FORMAT);
}

static void test_hold_commands(void)
{
	static char text[BOLT11_TEXT_MAX + 1];
	char detail[LN_DETAIL_SIZE] = "";
	CHECK(cln_signed_parse(text, slice_str("{\"bolt11\":\"lnbc1\"}")) == OK);
	CHECK(strcmp(text, "lnbc1") == 0);
	CHECK(cln_signed_parse(text, slice_str("{\"bolt11\":\"\"}")) == ERR_FORMAT);
	CHECK(cln_signed_parse(text, slice_str("{}")) == ERR_FORMAT);
	CHECK(cln_done_parse(slice_str("{}")) == OK);
	CHECK(cln_done_parse(slice_str("{\"code\":1}")) == ERR_FORMAT);
	CHECK(cln_done_parse(slice_str("[]")) == ERR_FORMAT);
	static const struct {
		const char *value;
		enum err err;
	} deadline[] = {{"0", ERR_UNAVAILABLE}, {"1", OK}, {"3", OK}, {"18", OK},
		{"19", ERR_UNAVAILABLE}, {"4294967295", ERR_UNAVAILABLE},
		{"4294967296", ERR_FORMAT}, {"-1", ERR_FORMAT}, {"\"3\"", ERR_FORMAT}};
	for (size_t i = 0; i < ARRAY_LEN(deadline); i++) {
		char body[160];
		(void)snprintf(body, sizeof body,
			"{\"configs\":{\"hold-expiry-deadline\":{\"value_int\":%s,\"source\":"
			"\"default\",\"plugin\":\"/hold\"}}}",
			deadline[i].value);
		detail[0] = 0;
		CHECK(cln_deadline_parse(detail, LN_HOLD_MARGIN, slice_str(body)) ==
			deadline[i].err);
		CHECK((detail[0] != 0) == (deadline[i].err == ERR_UNAVAILABLE));
	}
	CHECK(cln_deadline_parse(detail, 18, slice_str("{\"configs\":{}}")) == ERR_FORMAT);
}

/* ---- channels ---- */

#define CHANNEL(state, connected, id, total, ours, htlcs)                                          \
	"{\"peer_id\":\"" NODE "\",\"peer_connected\":" connected ",\"state\":\"" state            \
	"\",\"short_channel_id\":\"" id "\",\"funding_txid\":\"" TXID "\",\"funding_outnum\":1,"   \
	"\"total_msat\":" total ",\"to_us_msat\":" ours ",\"htlcs\":[" htlcs "]}"
#define HTLC(direction, amount)                                                                    \
	"{\"direction\":\"" direction "\",\"payment_hash\":\"" TXID                                \
	"\",\"expiry\":500,\"amount_msat\":" amount "}"
#define OUT(amount) HTLC("out", amount)
#define IN(amount) HTLC("in", amount)

static void test_channels(void)
{
	static const char list[] = "{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "103x1x2",
		"1000", "600", OUT("100") "," IN("30")) "," CHANNEL("CHANNELD_NORMAL", "false",
		"16777215x16777215x65535", "50", "50",
		"") "," CHANNEL("DUALOPEND_AWAITING_LOCKIN", "true", "1x1x1", "70", "20",
		"") ","
		    "{\"peer_id\":\"" NODE
		    "\",\"peer_connected\":true,\"state\":\"OPENINGD\"}," CHANNEL(
			    "AWAITING_UNILATERAL", "true", "1x1x1", "900", "900", "") "]}";
	struct ln_balance b;
	struct ln_channel c[4];
	struct ln_htlc htlc[2];
	struct ln_channels all = {.channel = c, .max = 4, .htlc = htlc, .htlc_max = 2};
	struct ln_limbo limbo;
	CHECK(cln_balance_parse(&b, slice_str(list)) == OK);
	CHECK(b.local.raw == 550 && b.remote.raw == 370);
	CHECK(b.unsettled_local.raw == 100 && b.unsettled_remote.raw == 30);
	CHECK(b.pending_local.raw == 20 && b.pending_remote.raw == 50);
	CHECK(cln_channels_parse(&all, slice_str(list)) == OK && all.count == 2);
	CHECK(all.htlc_count == 2 && !htlc[0].incoming && htlc[1].incoming);
	CHECK(htlc[0].amount.raw == 100 && htlc[1].amount.raw == 30);
	CHECK(htlc[0].expiry_height == 500 && htlc[0].hash.b[31] == 0xff);
	CHECK(cln_limbo_parse(&limbo, slice_str(list)) == OK && limbo.all.raw == 900);
	CHECK(c[0].active && !c[1].active && c[0].htlc_count == 2 && c[0].unsettled.raw == 130);
	CHECK(c[0].short_channel_id == (UINT64_C(103) << 40 | 1u << 16 | 2u));
	CHECK(c[1].short_channel_id == UINT64_MAX && c[0].funding_txid.b[0] == 0xff);
	all = (struct ln_channels){.channel = c, .max = 1, .htlc = htlc, .htlc_max = 2};
	CHECK(cln_channels_parse(&all, slice_str(list)) == ERR_FULL);
	all = (struct ln_channels){.channel = c, .max = 2, .htlc = htlc, .htlc_max = 1};
	CHECK(cln_channels_parse(&all, slice_str(list)) == ERR_FULL);
}

static void test_channels_garbage(void)
{
	static const char *const list[] = {
		"{}",
		"{\"channels\":{}}",
		"{\"channels\":[7]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "1x1x1", "10", "11", "") "]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "1", "1x1x1", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "1x1", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "1x1x1x", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL(
			"CHANNELD_NORMAL", "true", "16777216x1x1", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL(
			"CHANNELD_NORMAL", "true", "1x1x65536", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "x1x1", "10", "1", "") "]}",
		"{\"channels\":[" CHANNEL(
			"CHANNELD_NORMAL", "true", "1x1x1", "10", "1", OUT("2")) "]}",
		"{\"channels\":[" CHANNEL(
			"CHANNELD_NORMAL", "true", "1x1x1", "10", "9", IN("2")) "]}",
		"{\"channels\":[" CHANNEL("CHANNELD_NORMAL", "true", "1x1x1", "10", "9", "{}") "]}",
	};
	struct ln_balance b;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		CHECK(cln_balance_parse(&b, slice_str(list[i])) == ERR_FORMAT);
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
	make_request();
	test_info();
	test_hold_by_parts();
	test_hold_garbage();
	test_hold_commands();
	test_payment_by_parts();
	test_payment_garbage();
	test_refusals();
	test_channels();
	test_channels_garbage();
	return EXIT_SUCCESS;
}
