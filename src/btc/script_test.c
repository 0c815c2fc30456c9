#include "btc/script.h"
#include "base/hex.h"
#include "btc/vectors_addresses.h"
#include "btc/vectors_bip341.h"
#include "crypto/secp.h"

#include <strings.h>

static const char *const network_names[] = {"mainnet", "testnet", "signet", "regtest"};

static const struct network *network(const char *name)
{
	const struct network *n = network_by_name(LAYER_BITCOIN, slice_str(name));
	CHECK(n != NULL);
	return n;
}

static enum err parse(const char *name, const char *text)
{
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t len;
	return btc_address_parse(script, &len, network(name), slice_str(text));
}

static void check_address(const char *name, const char *text, const char *script_hex)
{
	uint8_t want[BTC_SCRIPT_STD_MAX];
	uint8_t script[BTC_SCRIPT_STD_MAX];
	char again[BTC_ADDRESS_TEXT_SIZE];
	size_t want_len;
	size_t len = 77;
	CHECK(hex_decode_var(want, &want_len, sizeof want, slice_str(script_hex)) == OK);
	const enum err err = btc_address_parse(script, &len, network(name), slice_str(text));
	/* versions and lengths without a rule can be shown, not paid */
	const bool known = want[0] == 0x00 || want[0] > 0x60 || (want[0] == 0x51 && want_len == 34);
	CHECK(err == (known ? OK : ERR_RANGE));
	if (known)
		CHECK(slice_eq(slice_of(script, len), slice_of(want, want_len)));
	else
		CHECK(len == 77);
	CHECK(btc_address_format(again, network(name), slice_of(want, want_len)) == OK);
	CHECK(strcasecmp(again, text) == 0);
}

/* Bitcoin Core's own list: the right network answers with the script, others with ERR_NETWORK. */
static void test_core_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(address_valid); i++) {
		const struct network *own = network(address_valid[i].network);
		check_address(own->name, address_valid[i].text, address_valid[i].script);
		for (size_t k = 0; k < ARRAY_LEN(network_names); k++) {
			const struct network *other = network(network_names[k]);
			const bool bech32 = strchr(address_valid[i].text, '1') != NULL &&
				strncmp(address_valid[i].text, own->hrp, strlen(own->hrp)) == 0;
			const bool same = bech32 ? strcmp(other->hrp, own->hrp) == 0
						 : other->p2pkh == own->p2pkh;
			const enum err err = parse(other->name, address_valid[i].text);
			CHECK(same ? err == OK || err == ERR_RANGE : err == ERR_NETWORK);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(address_invalid); i++)
		for (size_t k = 0; k < ARRAY_LEN(network_names); k++)
			CHECK(parse(network_names[k], address_invalid[i]) != OK);
}

/* BIP-350, its lists of valid and invalid addresses */
static void test_bip350(void)
{
	static const char key[] = "751e76e8199196d454941c45d1b3a323f1433bd6";
	static const struct {
		const char *network, *text, *script;
	} valid[] = {
		{"mainnet", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
			"0014751e76e8199196d454941c45d1b3a323f1433bd6"},
		{"testnet", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
			"00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"},
		{"mainnet",
			"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd"
			"6y",
			"5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3"
			"a323f1433bd6"},
		{"mainnet", "BC1SW50QGDZ25J", "6002751e"},
		{"mainnet", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
			"5210751e76e8199196d454941c45d1b3a323"},
		{"testnet", "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
			"0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
		{"testnet", "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
			"5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
		{"mainnet", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
			"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},
	};
	for (size_t i = 0; i < ARRAY_LEN(valid); i++)
		check_address(valid[i].network, valid[i].text, valid[i].script);
	CHECK(strstr(valid[0].script, key) != NULL);
	static const struct {
		const char *network, *text;
		enum err err;
	} invalid[] = {
		{"testnet", "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
			ERR_NETWORK},
		{"mainnet", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
			ERR_CHECKSUM},
		{"testnet", "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
			ERR_CHECKSUM},
		{"mainnet", "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
			ERR_CHECKSUM},
		{"mainnet", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", ERR_CHECKSUM},
		{"testnet", "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
			ERR_CHECKSUM},
		{"mainnet", "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
			ERR_FORMAT},
		{"mainnet", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
			ERR_FORMAT},
		{"mainnet", "bc1pw5dgrnzv", ERR_FORMAT},
		{"mainnet",
			"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253z"
			"geav",
			ERR_FORMAT},
		{"mainnet", "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", ERR_FORMAT},
		{"testnet", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
			ERR_FORMAT},
		{"mainnet", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
			ERR_FORMAT},
		{"testnet", "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
			ERR_FORMAT},
		{"mainnet", "bc1gmk9yu", ERR_FORMAT},
	};
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
		CHECK(parse(invalid[i].network, invalid[i].text) == invalid[i].err);
}

/* Every single wrong character is noticed: as a wrong check sum, or as no address at all. */
static void test_typos(void)
{
	static const char *const texts[] = {
		"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
		"3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const size_t len = strlen(texts[i]);
		char text[BTC_ADDRESS_TEXT_SIZE];
		uint8_t script[BTC_SCRIPT_STD_MAX];
		size_t script_len;
		CHECK(parse("mainnet", texts[i]) == OK);
		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 0; c < 256; c++) {
				memcpy(text, texts[i], len + 1);
				if ((uint8_t)text[at] == c)
					continue;
				text[at] = (char)c;
				CHECK(btc_address_parse(script, &script_len, network("mainnet"),
					      slice_of(text, len)) != OK);
			}
		}
		for (size_t n = 0; n < len; n++)
			CHECK(btc_address_parse(script, &script_len, network("mainnet"),
				      slice_of(texts[i], n)) != OK);
	}
	CHECK(parse("mainnet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb") == ERR_CHECKSUM);
	CHECK(parse("mainnet", "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == ERR_FORMAT);
	CHECK(parse("mainnet", "1111111111111111111114oLvT2") == OK); /* the hash is all zeros */
	CHECK(parse("mainnet", "111111111111111111114oLvT2") == ERR_FORMAT);
}

static void test_format_refuses(void)
{
	char text[BTC_ADDRESS_TEXT_SIZE];
	static const char *const scripts[] = {"", "6a", "00", "5120",
		"0010751e76e8199196d454941c45d1b3a323", "51010a",
		"76a914751e76e8199196d454941c45d1b3a323f1433bd688",
		"a914751e76e8199196d454941c45d1b3a323f1433bd688",
		"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179800",
		"21030000000000000000000000000000000000000000000000000000000000000000ac"};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		uint8_t script[64];
		size_t len;
		CHECK(hex_decode_var(script, &len, sizeof script, slice_str(scripts[i])) == OK);
		CHECK(btc_address_format(text, network("mainnet"), slice_of(script, len)) ==
			ERR_FORMAT);
	}
}

/* BIP-341, scriptPubKey: trees, roots, outputs, addresses */
static void test_taproot_outputs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bip341_outputs); i++) {
		struct hash256 stack[3];
		size_t depth = 0;
		size_t leaf = 0;
		for (const char *op = bip341_outputs[i].shape; *op != 0; op++) {
			if (*op == '+') {
				CHECK(depth >= 2);
				btc_tapbranch_hash(&stack[depth - 2], &btc_taproot,
					&stack[depth - 2], &stack[depth - 1]);
				depth--;
				continue;
			}
			struct hash256 want;
			uint8_t script[128];
			size_t len;
			CHECK(hex_decode(want.b, 32,
				      slice_str(bip341_outputs[i].leaf[leaf].hash)) == OK);
			CHECK(hex_decode_var(script, &len, sizeof script,
				      slice_str(bip341_outputs[i].leaf[leaf].script)) == OK);
			btc_tapleaf_hash(&stack[depth], &btc_taproot, slice_of(script, len));
			if (bip341_outputs[i].leaf[leaf].version == BTC_LEAF_VERSION)
				CHECK(hash256_eq(&stack[depth], &want));
			stack[depth++] = want;
			leaf++;
		}
		struct hash256 root;
		struct xonly internal;
		struct xonly output;
		uint8_t script[34];
		char hex[69];
		bool odd;
		CHECK((depth == 0) == (bip341_outputs[i].root == NULL));
		if (depth > 0) {
			CHECK(hex_decode(root.b, 32, slice_str(bip341_outputs[i].root)) == OK);
			CHECK(depth == 1 && hash256_eq(&root, &stack[0]));
		}
		CHECK(hex_decode(internal.b, 32, slice_str(bip341_outputs[i].internal)) == OK);
		CHECK(taproot_output_key(&output, &odd, &internal, depth > 0 ? &root : NULL) == OK);
		btc_script_p2tr(script, &output);
		hex_encode(hex, script, sizeof script);
		CHECK(strcmp(hex, bip341_outputs[i].script_pubkey) == 0);
		check_address("mainnet", bip341_outputs[i].address, hex);
	}
}

/* Bitcoin Core's figures at 3,000 sat/kvB */
static void test_dust(void)
{
	static uint8_t script[10001];
	static const struct {
		uint8_t head[2];
		size_t len;
		uint64_t limit;
	} rows[] = {
		{{0x51, 0x20}, 34, 330},
		{{0x00, 0x20}, 34, 330},
		{{0x00, 0x14}, 22, 294},
		{{0x76, 0xa9}, 25, 546},
		{{0xa9, 0x14}, 23, 540},
		{{0x51, 0x02}, 4, 240},
		{{0x6a, 0x04}, 6, 0},
		{{0x76, 0x04}, 10001, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		memcpy(script, rows[i].head, 2);
		CHECK(btc_dust_limit(slice_of(script, rows[i].len)).raw == rows[i].limit);
	}
	CHECK(btc_dust_limit(slice_of(NULL, 0)).raw == 3 * (9 + 148));
}

int main(void)
{
	test_core_vectors();
	test_bip350();
	test_typos();
	test_format_refuses();
	test_taproot_outputs();
	test_dust();
	return 0;
}
