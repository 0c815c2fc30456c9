#include "crypto/derive.h"
#include "base/hex.h"

/* Computed by hashlib and coincurve from the definition in derive.h; wallet key 01 02 .. 20. */
static const struct {
	struct key_path path;
	const char *seckey;
	const char *pubkey;
} rows[] = {
	{{.use = KEY_WALLET, .layer = LAYER_BITCOIN, .index = KEY_INDEX_RECEIVE},
		"5e911c137ec722e802097683da94b8c26ff4b54ad36e7c48d1af42f9da59f4df",
		"03a3dddc683ad9a79390deef44ee24c5b7c79c4ff2ce98a415d19424514d5c37b0"},
	{{.use = KEY_WALLET, .layer = LAYER_BITCOIN, .index = KEY_INDEX_CHANGE},
		"f4eec91ca1b068bb142608f8932fb619dc727bdc99383a1c60bc6baa3b314a9a",
		"03c73b703e6ff3c19f4f36346de1ae27fecbe19c35125c38d976034bde531ad91e"},
	{{.use = KEY_ACCOUNT, .layer = LAYER_ROOTSTOCK},
		"c49e5d1d84da41ebf691c94e94aa5637e9b3594be9d4e082ed10c91a3ce56432",
		"03d22cc5750ad66880b09f920562c7973a480ac93d236e428b777726f51d53fb38"},
	{{.use = KEY_SWAP,
		 .layer = LAYER_ROOTSTOCK,
		 .swap = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}},
		"282e09f6e6b18a6d81e6d8337eb01d8538822b4c702974c9329943a8f7c26a98",
		"03146f8ca0b70bff5310a71a2b5133a373eae91e91052f8077c5132cf7aac29109"},
};

static void test_vectors(void)
{
	struct seckey wallet;
	struct pubkey wallet_pub;
	for (unsigned i = 0; i < sizeof wallet.b; i++)
		wallet.b[i] = (uint8_t)(i + 1);
	CHECK(pubkey_from_seckey(&wallet_pub, &wallet) == OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seckey secret;
		struct pubkey public;
		struct pubkey again;
		uint8_t want[33];
		CHECK(derive_seckey(&secret, &wallet, &rows[i].path) == OK);
		CHECK(hex_decode(want, 32, slice_str(rows[i].seckey)) == OK);
		CHECK(memcmp(secret.b, want, 32) == 0);
		CHECK(derive_pubkey(&public, &wallet_pub, &rows[i].path) == OK);
		CHECK(hex_decode(want, 33, slice_str(rows[i].pubkey)) == OK);
		CHECK(memcmp(public.b, want, 33) == 0);
		CHECK(pubkey_from_seckey(&again, &secret) == OK);
		CHECK(memcmp(again.b, public.b, 33) == 0);
	}
	const struct seckey zero = {{0}};
	struct seckey out = {{7}};
	CHECK(derive_seckey(&out, &zero, &rows[0].path) == ERR_RANGE && out.b[0] == 7);
}

static enum err get(struct key_path *path, const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(slice_of(bytes, len));
	return key_path_get(&r, path);
}

static void test_encoding(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[KEY_PATH_SIZE];
		struct buf b = buf_init(bytes, sizeof bytes);
		struct key_path path;
		key_path_put(&b, &rows[i].path);
		CHECK(!b.overflow && b.len == KEY_PATH_SIZE);
		for (size_t n = 0; n < KEY_PATH_SIZE; n++)
			CHECK(get(&path, bytes, n) == ERR_SHORT);
		CHECK(get(&path, bytes, KEY_PATH_SIZE) == OK);
		CHECK(path.use == rows[i].path.use && path.layer == rows[i].path.layer);
		CHECK(path.index == rows[i].path.index);
		CHECK(id128_eq(&path.swap, &rows[i].path.swap));
	}
	/* use, layer, first byte of the index, first byte of the swap's id */
	static const struct {
		uint8_t use, layer, index, swap;
		enum err err;
	} edges[] = {
		{0, 0, 0, 0, ERR_FORMAT},
		{4, 0, 0, 0, ERR_FORMAT},
		{255, 0, 0, 0, ERR_FORMAT},
		{KEY_WALLET, LAYER_COUNT, 0, 0, ERR_FORMAT},
		{KEY_WALLET, LAYER_BITCOIN, 1, 0, OK},
		{KEY_WALLET, LAYER_BITCOIN, 0, 1, ERR_FORMAT},
		{KEY_WALLET, LAYER_ROOTSTOCK, 0, 0, ERR_FORMAT},
		{KEY_ACCOUNT, LAYER_BITCOIN, 0, 0, ERR_FORMAT},
		{KEY_ACCOUNT, LAYER_ROOTSTOCK, 0, 0, OK},
		{KEY_ACCOUNT, LAYER_ROOTSTOCK, 1, 0, ERR_FORMAT},
		{KEY_SWAP, LAYER_BITCOIN, 0, 1, OK},
		{KEY_SWAP, LAYER_ROOTSTOCK, 0, 0, OK},
		{KEY_SWAP, LAYER_ROOTSTOCK, 1, 0, ERR_FORMAT},
	};
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		uint8_t bytes[KEY_PATH_SIZE] = {edges[i].use, edges[i].layer, edges[i].index};
		struct key_path path;
		bytes[6] = edges[i].swap;
		CHECK(get(&path, bytes, sizeof bytes) == edges[i].err);
	}
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_vectors();
	test_encoding();
	return 0;
}
