/* OpenSSL names a type as base.h names an error; nothing here needs that type. */
#define ERR_STATE OPENSSL_ERR_STATE
/* SHA-256 without EVP, which costs 110 ns a text beside it: as much as a node of a Merkle tree. The
 * library would have everybody use EVP; what computes is the same. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>
#undef ERR_STATE
#include "crypto/hash.h"

#include <pthread.h>

#define SHA256_BLOCK_SIZE 64u
#define SHA512_BLOCK_SIZE 128u

enum digest { DIGEST_SHA256, DIGEST_SHA512, DIGEST_RIPEMD160, DIGEST_COUNT };

static const struct {
	const char *name;
	int size;
} digests[DIGEST_COUNT] = {
	[DIGEST_SHA256] = {"SHA256", 32},
	[DIGEST_SHA512] = {"SHA512", 64},
	[DIGEST_RIPEMD160] = {"RIPEMD160", 20},
};

/* Looking an algorithm up costs more than hashing a short text with it, so that is done once for
 * the process, and each thread keeps its contexts until it ends. */
struct contexts {
	EVP_MD_CTX *whole;
	EVP_CIPHER_CTX *gcm;
	SHA256_CTX stream; /* the thread's one stream */
	bool streaming;
};

static EVP_MD *fetched[DIGEST_COUNT];
static EVP_CIPHER *fetched_gcm;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;

static void contexts_free(void *ptr)
{
	struct contexts *c = ptr;
	EVP_MD_CTX_free(c->whole);
	EVP_CIPHER_CTX_free(c->gcm);
	*c = (struct contexts){0};
}

static void fetch_all(void)
{
	for (unsigned i = 0; i < DIGEST_COUNT; i++) {
		fetched[i] = EVP_MD_fetch(NULL, digests[i].name, NULL);
		CHECK(fetched[i] != NULL && EVP_MD_get_size(fetched[i]) == digests[i].size);
	}
	fetched_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	CHECK(fetched_gcm != NULL);
	CHECK(pthread_key_create(&contexts_key, contexts_free) == 0);
}

static struct contexts *contexts(void)
{
	static _Thread_local struct contexts own;
	if (own.whole == NULL) {
		CHECK(pthread_once(&fetch_once, fetch_all) == 0);
		own.whole = EVP_MD_CTX_new();
		own.gcm = EVP_CIPHER_CTX_new();
		CHECK(own.whole != NULL && own.gcm != NULL);
		CHECK(pthread_setspecific(contexts_key, &own) == 0);
	}
	return &own;
}

static void sha256_more(SHA256_CTX *ctx, const struct slice *part, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (part[i].len > 0)
			CHECK(SHA256_Update(ctx, part[i].ptr, part[i].len) == 1);
}

static void sha256_of(uint8_t *out, struct slice prefix, const struct slice *part, size_t count)
{
	SHA256_CTX ctx;
	CHECK(SHA256_Init(&ctx) == 1);
	sha256_more(&ctx, &prefix, 1);
	sha256_more(&ctx, part, count);
	CHECK(SHA256_Final(out, &ctx) == 1); /* which wipes it */
}

/* Two runs of parts, hashed as one text: a prefix (a tag, a key block), then what the caller has.
 */
static void digest_parts(uint8_t *out, enum digest digest, struct slice prefix,
	const struct slice *part, size_t count)
{
	if (digest == DIGEST_SHA256) {
		sha256_of(out, prefix, part, count);
		return;
	}
	EVP_MD_CTX *ctx = contexts()->whole;
	CHECK(EVP_DigestInit_ex2(ctx, fetched[digest], NULL) == 1);
	if (prefix.len > 0)
		CHECK(EVP_DigestUpdate(ctx, prefix.ptr, prefix.len) == 1);
	for (size_t i = 0; i < count; i++)
		if (part[i].len > 0)
			CHECK(EVP_DigestUpdate(ctx, part[i].ptr, part[i].len) == 1);
	CHECK(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

static const struct slice no_prefix;

void sha256_parts(struct hash256 *out, const struct slice *part, size_t count)
{
	sha256_of(out->b, no_prefix, part, count);
}

void sha256(struct hash256 *out, struct slice in)
{
	sha256_parts(out, &in, 1);
}

void sha256d_parts(struct hash256 *out, const struct slice *part, size_t count)
{
	struct hash256 inner;
	sha256_parts(&inner, part, count);
	sha256(out, slice_of(inner.b, sizeof inner.b));
}

void sha256d(struct hash256 *out, struct slice in)
{
	sha256d_parts(out, &in, 1);
}

void sha256_begin(struct sha256_stream *s)
{
	struct contexts *c = contexts();
	CHECK(!c->streaming);
	CHECK(SHA256_Init(&c->stream) == 1);
	c->streaming = true;
	s->ctx = c;
}

void sha256_add(struct sha256_stream *s, struct slice part)
{
	struct contexts *c = s->ctx;
	sha256_more(&c->stream, &part, 1);
}

void sha256_end(struct hash256 *out, struct sha256_stream *s)
{
	struct contexts *c = s->ctx;
	CHECK(c->streaming);
	CHECK(SHA256_Final(out->b, &c->stream) == 1);
	c->streaming = false;
	s->ctx = NULL;
}

void hash160(uint8_t out[20], struct slice in)
{
	struct hash256 inner;
	sha256(&inner, in);
	const struct slice part = slice_of(inner.b, sizeof inner.b);
	digest_parts(out, DIGEST_RIPEMD160, no_prefix, &part, 1);
}

void tagged_hash_parts(struct hash256 *out, const char *tag, const struct slice *part, size_t count)
{
	struct hash256 prefix[2];
	sha256(&prefix[0], slice_str(tag));
	prefix[1] = prefix[0];
	digest_parts(out->b, DIGEST_SHA256, slice_of(prefix, sizeof prefix), part, count);
}

void tagged_hash(struct hash256 *out, const char *tag, struct slice in)
{
	tagged_hash_parts(out, tag, &in, 1);
}

void gmac256(uint8_t tag[16], const uint8_t key[32], const uint8_t nonce[12],
	const struct slice *part, size_t count)
{
	EVP_CIPHER_CTX *ctx = contexts()->gcm;
	int len = 0;
	CHECK(EVP_EncryptInit_ex2(ctx, fetched_gcm, key, nonce, NULL) == 1);
	for (size_t i = 0; i < count; i++) {
		CHECK(part[i].len <= INT32_MAX);
		if (part[i].len > 0)
			CHECK(EVP_EncryptUpdate(ctx, NULL, &len, part[i].ptr, (int)part[i].len) ==
				1);
	}
	CHECK(EVP_EncryptFinal_ex(ctx, tag, &len) == 1 && len == 0);
	CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tag) == 1);
}

/* RFC 2104, of a hash whose blocks have block_size bytes. */
static void hmac(
	uint8_t *out, enum digest digest, size_t block_size, struct slice key, struct slice in)
{
	uint8_t block[SHA512_BLOCK_SIZE] = {0};
	uint8_t inner[64];
	const size_t size = (size_t)digests[digest].size;
	CHECK(block_size <= sizeof block && size <= sizeof inner);
	if (key.len > block_size)
		digest_parts(block, digest, slice_of(NULL, 0), &key, 1);
	else if (key.len > 0)
		memcpy(block, key.ptr, key.len);
	for (size_t i = 0; i < block_size; i++)
		block[i] ^= 0x36;
	digest_parts(inner, digest, slice_of(block, block_size), &in, 1);
	for (size_t i = 0; i < block_size; i++)
		block[i] ^= 0x36 ^ 0x5c;
	const struct slice part = slice_of(inner, size);
	digest_parts(out, digest, slice_of(block, block_size), &part, 1);
	bytes_wipe(block, sizeof block);
	bytes_wipe(inner, sizeof inner);
}

void hmac_sha256(struct hash256 *out, struct slice key, struct slice in)
{
	hmac(out->b, DIGEST_SHA256, SHA256_BLOCK_SIZE, key, in);
}

void hmac_sha512(uint8_t out[64], struct slice key, struct slice in)
{
	hmac(out, DIGEST_SHA512, SHA512_BLOCK_SIZE, key, in);
}
