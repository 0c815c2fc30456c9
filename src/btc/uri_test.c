#include "btc/uri.h"

#include "btc/vectors_uri.h"

static const struct network *network(const char *name)
{
	return network_by_name(LAYER_BITCOIN, slice_str(name));
}

static bool same(struct slice got, const char *want)
{
	return slice_eq(got, slice_str(want));
}

static struct slice field(const struct btc_uri_field *f)
{
	return slice_of(f->text, f->len);
}

#define P2PKH "1andreas3batLhQa2FawWjeyjCqyBzypd"
#define P2WPKH "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
#define P2TR "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
#define INVOICE "lnbc10u1p3pj257pp5"
#define NONE UINT64_MAX

/* The examples of BIP-21 and BIP-321 with another address (theirs has a wrong check sum), and what
 * can be wrong. */
static const struct {
	const char *text;
	enum err err;
	uint64_t amount;
	const char *label, *message;
	uint32_t count;
} rows[] = {
	{"bitcoin:" P2PKH, OK, NONE, "", "", 1},
	{"bitcoin:" P2PKH "?", OK, NONE, "", "", 1},
	{"bitcoin:" P2PKH "?label=Luke-Jr", OK, NONE, "Luke-Jr", "", 1},
	{"bitcoin:" P2PKH "?amount=20.3&label=Luke-Jr", OK, 2030000000, "Luke-Jr", "", 1},
	{"bitcoin:" P2PKH "?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz", OK,
		5000000000, "Luke-Jr", "Donation for project xyz", 1},
	{"bitcoin:" P2PKH "?req-somethingyoudontunderstand=50&req-somethingelseyoudontget=999",
		ERR_STATE, 0, "", "", 0},
	{"bitcoin:" P2PKH "?somethingyoudontunderstand=50&somethingelseyoudontget=999", OK, NONE,
		"", "", 1},
	{"BitCoin:" P2PKH "?AMOUNT=1", OK, 100000000, "", "", 1},
	{"BITCOIN:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4?LIGHTNING=LNBC10U1P", OK, NONE, "", "",
		2},
	{"bitcoin:?lightning=" INVOICE, OK, NONE, "", "", 1},
	{"bitcoin:?lno=lno1abc&sp=sp1qabc&bc=" P2TR "&req-bc=" P2WPKH, OK, NONE, "", "", 4},
	{"bitcoin:" P2WPKH "?lightning=" INVOICE "&lightning=" INVOICE, OK, NONE, "", "", 3},
	{"bitcoin:" P2PKH "?req-amount=.5&&req-label=a%3Db%26c", OK, 50000000, "a=b&c", "", 1},
	{"bitcoin:" P2PKH "?amount=5.", OK, 500000000, "", "", 1},
	{"bitcoin:" P2PKH "?amount=0.123456780", OK, 12345678, "", "", 1},
	{"bitcoin:" P2PKH "?amount=21000000", OK, SAT_MAX_RAW, "", "", 1},
	{"bitcoin:" P2PKH "?label=%E2%82%BF%2b+", OK, NONE, "\xe2\x82\xbf++", "", 1},
	{"bitcoin:" P2PKH "?label=a=b", OK, NONE, "a=b", "", 1},
	{"bitcoin:" P2PKH "?pop=somewhere%3A", OK, NONE, "", "", 1},
	/* amounts */
	{"bitcoin:" P2PKH "?amount=50,000.00", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=.", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=1.2.3", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=-1", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=1e3", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=1%30", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=0x10", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=0.000000001", ERR_RANGE, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=21000000.00000001", ERR_RANGE, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=1&amount=1", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?amount=1&req-AMOUNT=2", ERR_FORMAT, 0, "", "", 0},
	/* texts */
	{"bitcoin:" P2PKH "?label=a&label=b", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?message=a&Message=b", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%4", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%4g", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%00", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%0A", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=%ff", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=a b", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?label=a#b", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?%61mount=1", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?=1", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?req-=1", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:" P2PKH "?REQ-pop=a", ERR_STATE, 0, "", "", 0},
	/* ways to pay */
	{"", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:", ERR_NOT_FOUND, 0, "", "", 0},
	{"bitcoin:?amount=1", ERR_NOT_FOUND, 0, "", "", 0},
	{"litecoin:" P2PKH, ERR_FORMAT, 0, "", "", 0},
	{"bitcoin://" P2PKH, ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:1ANDREAS3BATLHQA2FAWWJEYJCQYBZYPD", ERR_CHECKSUM, 0, "", "", 0},
	{"bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", ERR_CHECKSUM, 0, "", "", 0},
	{"bitcoin:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", ERR_NETWORK, 0, "", "", 0},
	{"bitcoin:" P2PKH "?tb=tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", ERR_NETWORK, 0, "", "",
		0},
	{"bitcoin:?bc=" P2PKH, ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:?bc=tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:?lightning=", ERR_FORMAT, 0, "", "", 0},
	{"bitcoin:?lightning=%6cnbc1", ERR_FORMAT, 0, "", "", 0},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct btc_uri u = {.instruction_count = 77};
		CHECK(btc_uri_parse(&u, network("mainnet"), slice_str(rows[i].text)) ==
			rows[i].err);
		if (rows[i].err != OK) {
			CHECK(u.instruction_count == 77);
			continue;
		}
		CHECK(u.has_amount == (rows[i].amount != NONE));
		CHECK(!u.has_amount || u.amount.raw == rows[i].amount);
		CHECK(same(field(&u.label), rows[i].label));
		CHECK(same(field(&u.message), rows[i].message));
		CHECK(u.instruction_count == rows[i].count);
	}
}

static void test_instructions(void)
{
	struct btc_uri u;
	CHECK(btc_uri_parse(&u, network("mainnet"),
		      slice_str("bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"
				"?lightning=LNBC1&sp=sp1q&lno=lno1&bc=" P2TR)) == OK);
	static const enum btc_uri_kind kinds[] = {
		BTC_URI_ADDRESS, BTC_URI_LIGHTNING, BTC_URI_SILENT, BTC_URI_OFFER, BTC_URI_ADDRESS};
	CHECK(u.instruction_count == ARRAY_LEN(kinds));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		CHECK(u.instruction[i].kind == kinds[i]);
	CHECK(u.instruction[0].script_len == 22 && u.instruction[4].script_len == 34);
	CHECK(same(u.instruction[1].text, "LNBC1") && same(u.instruction[4].text, P2TR));
	CHECK(btc_uri_parse(&u, network("regtest"), slice_str("bitcoin:" P2WPKH)) == ERR_NETWORK);
}

static void test_bounds(void)
{
	static char text[BTC_URI_TEXT_MAX + 2];
	struct btc_uri u;
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "bitcoin:%s?x=", P2PKH);
	while (b.len < BTC_URI_TEXT_MAX)
		buf_u8(&b, 'a');
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == OK);
	buf_u8(&b, 'a');
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == ERR_FULL);
	b = buf_init(text, sizeof text);
	buf_printf(&b, "bitcoin:?");
	for (unsigned i = 0; i < BTC_URI_INSTRUCTIONS_MAX; i++)
		buf_printf(&b, "lightning=a&");
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == OK);
	buf_printf(&b, "lno=a");
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == ERR_FULL);
	b = buf_init(text, sizeof text);
	buf_printf(&b, "bitcoin:?lno=a&label=");
	for (unsigned i = 0; i < BTC_URI_FIELD_MAX; i++)
		buf_u8(&b, 'a');
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == OK);
	buf_u8(&b, 'a');
	CHECK(btc_uri_parse(&u, network("mainnet"), buf_slice(&b)) == ERR_FULL);
}

/* What is read is written as something that is read as the same. */
static void check_again(const struct btc_uri *u, const struct network *net)
{
	static char text[2][BTC_URI_TEXT_MAX];
	struct btc_uri again;
	struct buf a = buf_init(text[0], sizeof text[0]);
	struct buf b = buf_init(text[1], sizeof text[1]);
	CHECK(btc_uri_put(&a, net, u) == OK);
	CHECK(btc_uri_parse(&again, net, buf_slice(&a)) == OK);
	CHECK(again.has_amount == u->has_amount && again.amount.raw == u->amount.raw);
	CHECK(slice_eq(field(&again.label), field(&u->label)));
	CHECK(slice_eq(field(&again.message), field(&u->message)));
	CHECK(btc_uri_put(&b, net, &again) == OK && slice_eq(buf_slice(&a), buf_slice(&b)));
}

static void test_put(void)
{
	struct btc_uri u;
	char text[256];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (btc_uri_parse(&u, network("mainnet"), slice_str(rows[i].text)) == OK)
			check_again(&u, network("mainnet"));
	u = (struct btc_uri){.has_amount = true,
		.amount.raw = 150,
		.label = {.text = "a b&\xe2\x82\xbf", .len = 7},
		.instruction = {{.kind = BTC_URI_ADDRESS, .text = slice_str(P2PKH)},
			{.kind = BTC_URI_ADDRESS, .text = slice_str(P2TR)},
			{.kind = BTC_URI_LIGHTNING, .text = slice_str(INVOICE)}},
		.instruction_count = 3};
	struct buf out = buf_init(text, sizeof text);
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == OK);
	CHECK(same(buf_slice(&out),
		"bitcoin:" P2PKH "?amount=0.0000015&label=a%20b%26%E2%82%BF"
		"&bc=" P2TR "&lightning=" INVOICE));
	out = buf_init(text, out.len - 1);
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FULL);
	out = buf_init(text, sizeof text);
	u.instruction[1].text = slice_str(P2PKH);
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FORMAT && out.len == 0);
	u.instruction[1].text = slice_str("bc1&amount=2");
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FORMAT);
	u.instruction[1].text = slice_str(P2TR);
	u.instruction[2].text = slice_str("lnbc1&label=b");
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FORMAT);
	u.label.len = 0;
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FORMAT);
	u.label.len = 7;
	u.instruction[2].text = slice_str(INVOICE);
	u.amount.raw = SAT_MAX_RAW + 1;
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_RANGE);
	u.amount.raw = 1;
	u.label.text[0] = '\n';
	CHECK(btc_uri_put(&out, network("mainnet"), &u) == ERR_FORMAT);
}

/* As another library writes and reads them. */
static void test_others(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bip21_vectors); i++) {
		struct btc_uri u;
		const struct network *net = network(bip21_vectors[i].network);
		CHECK(btc_uri_parse(&u, net, slice_str(bip21_vectors[i].text)) == OK);
		CHECK(u.has_amount == (bip21_vectors[i].sat != NONE));
		CHECK(!u.has_amount || u.amount.raw == bip21_vectors[i].sat);
		CHECK(same(u.instruction[0].text, bip21_vectors[i].address));
		CHECK(slice_eq(field(&u.label), bip21_vectors[i].label));
		CHECK(slice_eq(field(&u.message), bip21_vectors[i].message));
		check_again(&u, net);
	}
}

int main(void)
{
	test_rows();
	test_instructions();
	test_bounds();
	test_put();
	test_others();
	return 0;
}
