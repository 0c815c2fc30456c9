#include "crypto/seal.h"
#include "base/hex.h"

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static const char plain_text[] =
	"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
	"future, sunscreen would be it.";
static const char cipher_hex[] =
	"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
	"4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
	"76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
#define PLAIN_LEN (sizeof plain_text - 1u)

static void test_vector(void)
{
	struct seal_key key;
	uint8_t nonce[24];
	uint8_t context[12];
	uint8_t want[PLAIN_LEN + 16];
	uint8_t sealed[PLAIN_LEN + SEAL_OVERHEAD];
	uint8_t plain[PLAIN_LEN];
	for (unsigned i = 0; i < 32; i++)
		key.b[i] = (uint8_t)(0x80 + i);
	for (unsigned i = 0; i < 24; i++)
		nonce[i] = (uint8_t)(0x40 + i);
	CHECK(hex_decode(context, 12, slice_str("50515253c0c1c2c3c4c5c6c7")) == OK);
	CHECK(hex_decode(want, sizeof want, slice_str(cipher_hex)) == OK);
	const struct slice aad = slice_of(context, sizeof context);
	seal(sealed, &key, nonce, slice_of(plain_text, PLAIN_LEN), aad);
	CHECK(memcmp(sealed, nonce, 24) == 0);
	CHECK(memcmp(sealed + 24, want, PLAIN_LEN) == 0);
	CHECK(memcmp(sealed + 24, want, sizeof want) == 0);
	CHECK(unseal(plain, &key, slice_of(sealed, sizeof sealed), aad) == OK);
	CHECK(memcmp(plain, plain_text, PLAIN_LEN) == 0);

	/* every byte counts, of the text, the key and the context */
	for (size_t i = 0; i < sizeof sealed; i++) {
		sealed[i] ^= 0x10;
		CHECK(unseal(plain, &key, slice_of(sealed, sizeof sealed), aad) == ERR_CHECKSUM);
		sealed[i] ^= 0x10;
	}
	for (size_t n = 0; n < sizeof sealed; n++)
		CHECK(unseal(plain, &key, slice_of(sealed, n), aad) ==
			(n < SEAL_OVERHEAD ? ERR_SHORT : ERR_CHECKSUM));
	CHECK(unseal(plain, &key, slice_of(sealed, sizeof sealed), slice_of(context, 11)) ==
		ERR_CHECKSUM);
	key.b[0] ^= 1;
	CHECK(unseal(plain, &key, slice_of(sealed, sizeof sealed), aad) == ERR_CHECKSUM);
}

static void test_empty(void)
{
	const struct seal_key key = {{1}};
	const uint8_t nonce[24] = {2};
	uint8_t sealed[SEAL_OVERHEAD];
	uint8_t none;
	seal(sealed, &key, nonce, slice_of(NULL, 0), slice_of(NULL, 0));
	CHECK(unseal(&none, &key, slice_of(sealed, sizeof sealed), slice_of(NULL, 0)) == OK);
}

static void test_password(void)
{
	const uint8_t salt[SEAL_SALT_SIZE] = {1, 2, 3};
	const uint8_t other_salt[SEAL_SALT_SIZE] = {1, 2, 4};
	struct seal_key a;
	struct seal_key b;
	CHECK(seal_key_from_password(&a, slice_str("correct horse"), salt, false) == OK);
	CHECK(seal_key_from_password(&b, slice_str("correct horse"), salt, false) == OK);
	CHECK(memcmp(a.b, b.b, 32) == 0);
	CHECK(seal_key_from_password(&b, slice_str("correct horsf"), salt, false) == OK);
	CHECK(memcmp(a.b, b.b, 32) != 0);
	CHECK(seal_key_from_password(&b, slice_str("correct horse"), other_salt, false) == OK);
	CHECK(memcmp(a.b, b.b, 32) != 0);
	CHECK(seal_key_from_password(&b, slice_of(NULL, 0), salt, false) == OK);
	CHECK(memcmp(a.b, b.b, 32) != 0);
}

int main(void)
{
	test_vector();
	test_empty();
	test_password();
	return 0;
}
