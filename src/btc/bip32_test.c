#include "btc/bip32.h"

#include "base/hex.h"

static const struct network *network(const char *name)
{
	return network_by_name(LAYER_BITCOIN, slice_str(name));
}

/* BIP-32, test vectors 1 and 2: the steps that a public key can go. */
static const struct {
	const char *parent;
	uint32_t index;
	const char *child;
} steps[] = {
	{"xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCd"
	 "rfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
		1,
		"xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7"
		"SyYq527Hqck2AxYysAA7xmALppuCkwQ"},
	{"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5"
	 "uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
		2,
		"xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZAC"
		"Tj37sR62cfN7fe5JnJ7dh8zL4fiyLHV"},
	{"xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZAC"
	 "Tj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
		1000000000,
		"xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro"
		"49S8yGasTvXEYBVPamhGW6cFJodrTHy"},
	{"xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8ido"
	 "c4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
		0,
		"xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUm"
		"mDznezpbZb7ap6r1D3tgFxHmwMkQTPH"},
	{"xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uN"
	 "Rts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
		1,
		"xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DC"
		"Wh89LojfZ537wTfunKau47EL2dhHKon"},
	{"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4"
	 "ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
		2,
		"xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3"
		"emM2rnY5agb9rXpVGyy3bdW6EEgAtqt"},
};

static const char private_text[] =
	"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF"
	"5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";

static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct xpub parent;
		struct xpub child;
		char text[XPUB_TEXT_SIZE];
		CHECK(xpub_parse(&parent, network("mainnet"), slice_str(steps[i].parent)) == OK);
		CHECK(xpub_child(&child, &parent, steps[i].index) == OK);
		xpub_format(text, network("mainnet"), &child);
		CHECK(strcmp(text, steps[i].child) == 0);
		xpub_format(text, network("mainnet"), &parent);
		CHECK(strcmp(text, steps[i].parent) == 0);
	}
}

static void test_networks(void)
{
	struct xpub key;
	struct xpub again;
	char text[XPUB_TEXT_SIZE];
	CHECK(xpub_parse(&key, network("mainnet"), slice_str(steps[0].parent)) == OK);
	CHECK(xpub_parse(&again, network("regtest"), slice_str(steps[0].parent)) == ERR_NETWORK);
	xpub_format(text, network("regtest"), &key);
	CHECK(strncmp(text, "tpub", 4) == 0);
	CHECK(xpub_parse(&again, network("regtest"), slice_str(text)) == OK);
	CHECK(xpub_parse(&key, network("mainnet"), slice_str(text)) == ERR_NETWORK);
	xpub_format(text, network("mainnet"), &again);
	CHECK(strcmp(text, steps[0].parent) == 0);
	CHECK(xpub_parse(&again, network("mainnet"), slice_str(private_text)) == ERR_DENIED);
	CHECK(xpub_parse(&again, network("regtest"), slice_str(private_text)) == ERR_DENIED);
	memcpy(text, steps[0].parent, XPUB_TEXT_SIZE - 1);
	text[20] = text[20] == '2' ? '3' : '2';
	CHECK(xpub_parse(&again, network("mainnet"), slice_of(text, strlen(steps[0].parent))) ==
		ERR_CHECKSUM);
	CHECK(xpub_parse(&again, network("mainnet"), slice_str("xpub")) == ERR_FORMAT);
}

/* BIP-32, test vector 5: what is no key though its check sum is right. */
static void test_invalid(void)
{
	static const struct {
		size_t at;
		const char *bytes;
	} rows[] = {
		{0, "04b24746"}, /* zpub: a version of another standard */
		{0, "00000000"}, /* no version at all */
		{45, "04"},      /* no compressed key */
		{45, "00"},      /* a private key under a public version */
		{45, "02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
		{45, "020000000000000000000000000000000000000000000000000000000000000007"},
		{5, "00000001"}, /* depth 0 has no parent */
		{9, "00000001"}, /* and no index */
	};
	uint8_t good[78];
	CHECK(base58_decode(good, sizeof good, slice_str(steps[3].parent)) == OK && good[4] == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t b[78];
		char text[XPUB_TEXT_SIZE];
		struct xpub key;
		size_t len;
		struct buf out = buf_init(text, sizeof text);
		memcpy(b, good, sizeof b);
		CHECK(hex_decode_var(b + rows[i].at, &len, sizeof b - rows[i].at,
			      slice_str(rows[i].bytes)) == OK);
		base58_put(&out, slice_of(b, sizeof b));
		CHECK(xpub_parse(&key, network("mainnet"), buf_slice(&out)) == ERR_FORMAT);
	}
}

static void test_child_refuses(void)
{
	struct xpub key;
	struct xpub child;
	CHECK(xpub_parse(&key, network("mainnet"), slice_str(steps[0].parent)) == OK);
	CHECK(xpub_child(&child, &key, BIP32_HARDENED) == ERR_RANGE);
	CHECK(xpub_child(&child, &key, BIP32_HARDENED - 1) == OK);
	key.depth = 255;
	CHECK(xpub_child(&child, &key, 0) == ERR_RANGE);
}

int main(void)
{
	test_vectors();
	test_networks();
	test_invalid();
	test_child_refuses();
	return 0;
}
