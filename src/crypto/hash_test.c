#include "crypto/hash.h"
#include "base/hex.h"

#include <pthread.h>

#define PATTERN_SIZE 600u

static void expect(const void *got, size_t len, const char *hex)
{
	uint8_t want[64];
	CHECK(len <= sizeof want && hex_decode(want, len, slice_str(hex)) == OK);
	CHECK(memcmp(got, want, len) == 0);
}

static void test_known(void)
{
	struct hash256 h;
	uint8_t h160[20];
	uint8_t key[33];
	/* FIPS 180-4 */
	sha256(&h, slice_str("abc"));
	expect(h.b, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(&h, slice_of(NULL, 0));
	expect(h.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256d(&h, slice_str("hello"));
	expect(h.b, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
	const struct slice parts[3] = {slice_str("he"), slice_of(NULL, 0), slice_str("llo")};
	sha256d_parts(&h, parts, 3);
	expect(h.b, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
	tagged_hash(&h, "TapLeaf", slice_str("abc"));
	expect(h.b, 32, "83a56308a9c56f467e8df293da5ae5fdbc85b871952a83c4bf0575ee948ec230");
	CHECK(hex_decode(key, sizeof key,
		      slice_str("0284bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4"
				"b0")) == OK);
	hash160(h160, slice_of(key, sizeof key));
	expect(h160, 20, "587c9bfc87a837a056f716c2f9de891adbc46c90");
}

/* What EVM chains hash: the empty text, a signature, the Keccak team's "abc". */
static void test_keccak(void)
{
	struct hash256 h;
	keccak256(&h, slice_of(NULL, 0));
	expect(h.b, 32, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
	keccak256(&h, slice_str("abc"));
	expect(h.b, 32, "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
	keccak256(&h, slice_str("transfer(address,uint256)"));
	expect(h.b, 4, "a9059cbb");
}

/* Every length around the block sizes, folded; the expected values are PyCryptodome's and
 * hashlib's. */
static void test_every_length(void)
{
	static uint8_t pattern[PATTERN_SIZE];
	static struct hash256 k[PATTERN_SIZE];
	static struct hash256 s[PATTERN_SIZE];
	struct hash256 fold;
	for (size_t i = 0; i < PATTERN_SIZE; i++)
		pattern[i] = (uint8_t)(i * 7 + 3);
	for (size_t n = 0; n < PATTERN_SIZE; n++) {
		keccak256(&k[n], slice_of(pattern, n));
		sha256(&s[n], slice_of(pattern, n));
		const struct slice halves[2] = {
			slice_of(pattern, n / 2), slice_of(pattern + n / 2, n - n / 2)};
		sha256_parts(&fold, halves, 2);
		CHECK(hash256_eq(&fold, &s[n]));
		struct sha256_stream stream;
		sha256_begin(&stream);
		for (size_t i = 0; i < n; i += 37)
			sha256_add(&stream, slice_of(pattern + i, n - i < 37 ? n - i : 37));
		sha256(&fold, slice_str("another in between"));
		sha256_end(&fold, &stream);
		CHECK(hash256_eq(&fold, &s[n]));
	}
	expect(k[135].b, 32, "00ef96af9cf4b24c7f269d922294444a197d0a33638c2e56634c57e892103a8f");
	expect(k[136].b, 32, "742061bcad767ed4c4f5883b1dcb1aad11afdcc140dc469d953759b127b9f9ed");
	expect(k[137].b, 32, "e3371f61e770abf254c34239c3b0099ad90594507415bc81dd0a10b9692bbf2a");
	keccak256(&fold, slice_of(k, sizeof k));
	expect(fold.b, 32, "916376dcaa25857664f152e377e9977f06a3f39b9bed1eb364f8fa35f241a5bc");
	sha256(&fold, slice_of(s, sizeof s));
	expect(fold.b, 32, "f6ca03026951132b26cabf4d60c0bf0fa2a339bbd4ea6080904a4b21d33dea2f");
}

/* RFC 4231, cases 1, 2, 6 */
static void test_hmac(void)
{
	uint8_t key[131];
	struct hash256 h;
	memset(key, 0x0b, sizeof key);
	hmac_sha256(&h, slice_of(key, 20), slice_str("Hi There"));
	expect(h.b, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(&h, slice_str("Jefe"), slice_str("what do ya want for nothing?"));
	expect(h.b, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof key);
	hmac_sha256(&h, slice_of(key, sizeof key),
		slice_str("Test Using Larger Than Block-Size Key - Hash Key First"));
	expect(h.b, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 4231, cases 1, 2, 6 */
static void test_hmac_sha512(void)
{
	uint8_t key[131];
	uint8_t h[64];
	memset(key, 0x0b, sizeof key);
	hmac_sha512(h, slice_of(key, 20), slice_str("Hi There"));
	expect(h, 64,
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
	hmac_sha512(h, slice_str("Jefe"), slice_str("what do ya want for nothing?"));
	expect(h, 64,
		"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
	memset(key, 0xaa, sizeof key);
	hmac_sha512(h, slice_of(key, sizeof key),
		slice_str("Test Using Larger Than Block-Size Key - Hash Key First"));
	expect(h, 64,
		"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

static void *hash_thread(void *unused)
{
	for (unsigned i = 0; i < 500; i++)
		test_known();
	return unused;
}

/* Contexts are per thread: hashing in several at once must not mix. */
static void test_threads(void)
{
	pthread_t thread[4];
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		CHECK(pthread_create(&thread[i], NULL, hash_thread, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
}

/* NIST's vectors for GCM (CAVS, no text), and every split of a longer input. */
static void test_gmac(void)
{
	uint8_t key[32], nonce[12], aad[200], tag[16], split[16];
	CHECK(hex_decode(key, 32,
		      slice_str("78dc4e0aaf52d935c3c01eea57428f00"
				"ca1fd475f5da86a49c8dd73d68c8e223")) == OK);
	CHECK(hex_decode(nonce, 12, slice_str("d79cf22d504cc793c3fb6c8a")) == OK);
	CHECK(hex_decode(aad, 16, slice_str("b96baa8c1c75a671bfb2d08d06be5f36")) == OK);
	struct slice part[2] = {slice_of(aad, 16)};
	gmac256(tag, key, nonce, part, 1);
	expect(tag, 16, "3e5d486aa2e30b22e040b85723a06e76");
	memset(key, 0, sizeof key);
	memset(nonce, 0, sizeof nonce);
	gmac256(tag, key, nonce, part, 0);
	expect(tag, 16, "530f8afbc74536b9a963b4f1c4cb738b");
	for (size_t i = 0; i < sizeof aad; i++)
		aad[i] = (uint8_t)(i * 7);
	part[0] = slice_of(aad, sizeof aad);
	gmac256(tag, key, nonce, part, 1);
	for (size_t at = 0; at <= sizeof aad; at++) {
		part[0] = slice_of(aad, at);
		part[1] = slice_of(aad + at, sizeof aad - at);
		gmac256(split, key, nonce, part, 2);
		CHECK(memcmp(split, tag, sizeof tag) == 0);
	}
}

int main(void)
{
	test_threads();
	test_known();
	test_keccak();
	test_every_length();
	test_hmac();
	test_hmac_sha512();
	test_gmac();
	return 0;
}
