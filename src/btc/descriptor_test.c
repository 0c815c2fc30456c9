#include "btc/descriptor.h"

#include "base/hex.h"
#include "btc/vectors_descriptors.h"

static struct descriptor d;
static struct descriptor_scripts made;

static const struct network *network(const char *name)
{
	return network_by_name(LAYER_BITCOIN, slice_str(name));
}

static enum err parse(const char *text)
{
	return descriptor_parse_unchecked(&d, network("regtest"), slice_str(text));
}

/* Bitcoin Core's addresses at 0, 1 and 2, for every alternative. */
static void test_core(void)
{
	for (size_t i = 0; i < ARRAY_LEN(descriptor_valid); i++) {
		const uint32_t ways = descriptor_valid[i].ways;
		CHECK(descriptor_parse(
			      &d, network("regtest"), slice_str(descriptor_valid[i].text)) == OK);
		CHECK(d.ranged == descriptor_valid[i].ranged);
		CHECK(ways == 0 || d.alternative_count == ways);
		for (uint32_t way = 0; way < ways; way++)
			for (uint32_t at = 0; at < (d.ranged ? 3 : 1); at++) {
				char text[BTC_ADDRESS_TEXT_SIZE];
				CHECK(descriptor_derive(&made, &d, way, at) == OK);
				CHECK(btc_address_format(text, network("regtest"),
					      slice_of(made.output, made.output_len)) == OK);
				CHECK(strcmp(text, descriptor_valid[i].address[way][at]) == 0);
			}
		CHECK(descriptor_derive(&made, &d, d.alternative_count, 0) == ERR_RANGE);
		CHECK(descriptor_derive(&made, &d, 0, BIP32_HARDENED) == ERR_RANGE);
		CHECK(descriptor_derive(&made, &d, 0, 3) == (d.ranged ? OK : ERR_RANGE));
	}
	for (size_t i = 0; i < ARRAY_LEN(descriptor_invalid); i++)
		CHECK(parse(descriptor_invalid[i]) != OK);
}

/* BIP-380: the check sum of raw(deadbeef), and what is wrong with others. */
static void test_checksum(void)
{
	static const struct {
		const char *text;
		enum err err;
	} rows[] = {
		{"raw(deadbeef)#89f8spxm", OK},
		{"raw(deadbeef)", ERR_CHECKSUM},
		{"raw(deadbeef)#", ERR_CHECKSUM},
		{"raw(deadbeef)#89f8spxmx", ERR_CHECKSUM},
		{"raw(deadbeef)#89f8spx", ERR_CHECKSUM},
		{"raw(dedbeef)#89f8spxm", ERR_CHECKSUM},
		{"raw(deadbeef)##9f8spxm", ERR_CHECKSUM},
		{"raw(Ü)#00000000", ERR_FORMAT},
	};
	char sum[DESCRIPTOR_CHECKSUM_SIZE + 1];
	CHECK(descriptor_checksum(sum, slice_str("raw(deadbeef)")) == OK);
	CHECK(strcmp(sum, "89f8spxm") == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(descriptor_parse(&d, network("mainnet"), slice_str(rows[i].text)) ==
			rows[i].err);
	CHECK(parse("raw(deadbeef)") == OK && parse("raw(deadbeef)#89f8spxq") == ERR_CHECKSUM);
}

#define KEY "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define X "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define KEY2 "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
#define XPUB                                                                                       \
	"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHW"            \
	"kY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL"

/* Scripts that have no address: BIP-381 and BIP-383. */
static void test_scripts(void)
{
	static const struct {
		const char *text, *script;
	} rows[] = {
		{"pk(" KEY ")", "21" KEY "ac"},
		{"multi(1," KEY "," KEY2 ")", "5121" KEY "21" KEY2 "52ae"},
		{"multi(2," KEY2 "," KEY ")", "5221" KEY2 "21" KEY "52ae"},
		{"sortedmulti(2," KEY2 "," KEY ")", "5221" KEY "21" KEY2 "52ae"},
		{"raw(6a0101)", "6a0101"},
		{"raw()", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char hex[2 * DESCRIPTOR_SCRIPT_MAX + 1];
		CHECK(parse(rows[i].text) == OK && descriptor_derive(&made, &d, 0, 0) == OK);
		hex_encode(hex, made.output, made.output_len);
		CHECK(strcmp(hex, rows[i].script) == 0);
		CHECK(made.redeem_len == 0 && made.witness_len == 0);
	}
	CHECK(parse("sh(wsh(multi(1," KEY "," KEY2 ")))") == OK);
	CHECK(descriptor_derive(&made, &d, 0, 0) == OK);
	CHECK(made.output_len == 23 && made.redeem_len == 34 && made.witness_len == 71);
}

static void test_errors(void)
{
	static const struct {
		const char *text;
		enum err err;
	} rows[] = {
		/* private keys, and what would need them */
		{"pkh(L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1)", ERR_DENIED},
		{"pkh(5KYZdUEo39z3FPrtuX2QbbwGnNP5zTd7yyr2SC1j299sBCnWjss)", ERR_DENIED},
		{"wpkh(xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWU"
		 "tg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi/0/*)",
			ERR_DENIED},
		{"wpkh(" XPUB "/0'/*)", ERR_DENIED},
		{"wpkh(" XPUB "/0/*h)", ERR_DENIED},
		{"wpkh(" XPUB "/<0;1h>/*)", ERR_DENIED},
		/* of other networks */
		{"addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)", ERR_NETWORK},
		{"wpkh(tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjak"
		 "ugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL/*)",
			ERR_NETWORK},
		/* descriptors elsewhere */
		{"combo(" KEY ")", ERR_STATE},
		{"rawtr(" X ")", ERR_STATE},
		{"wsh(and_v(v:pk(" KEY "),older(10)))", ERR_STATE},
		{"tr(" X ",and_v(v:pk(" X "),older(10)))", ERR_STATE},
		/* a typing mistake in a key */
		{"wpkh(xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4ko"
		 "xb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEM/*)",
			ERR_CHECKSUM},
		/* bounds */
		{"wpkh(" XPUB "/0/1/2/3/4/5/6/7/8/9/*)", OK},
		{"wpkh(" XPUB "/0/1/2/3/4/5/6/7/8/9/10/*)", ERR_FULL},
		{"wpkh([00000000/0/1/2/3/4/5/6/7/8/9]" KEY ")", OK},
		{"wpkh([00000000/0/1/2/3/4/5/6/7/8/9/10]" KEY ")", ERR_FULL},
		{"wpkh(" XPUB "/<0;1;2;3;4;5;6;7>/*)", OK},
		{"wpkh(" XPUB "/<0;1;2;3;4;5;6;7;8>/*)", ERR_FULL},
		{"multi(3," KEY "," KEY ")", ERR_RANGE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(descriptor_parse_unchecked(&d, network("mainnet"), slice_str(rows[i].text)) ==
			rows[i].err);
}

static void test_origin(void)
{
	static const uint8_t fingerprint[4] = {0xde, 0xad, 0xbe, 0xef};
	CHECK(descriptor_parse_unchecked(&d, network("mainnet"),
		      slice_str("wpkh([deadbeef/84'/1h/2]" XPUB "/<3;4>/5/*)")) == OK);
	const struct descriptor_key *key = &d.key[0];
	CHECK(key->has_origin && memcmp(key->fingerprint, fingerprint, 4) == 0);
	CHECK(key->origin_count == 3 && key->origin[0] == (BIP32_HARDENED | 84));
	CHECK(key->origin[1] == (BIP32_HARDENED | 1) && key->origin[2] == 2);
	CHECK(key->step_count == 2 && key->alternative_at == 0 && key->alternative[1] == 4);
	CHECK(key->step[1] == 5 && key->ranged && d.alternative_count == 2);
}

int main(void)
{
	test_core();
	test_checksum();
	test_scripts();
	test_errors();
	test_origin();
	return 0;
}
