#include "btc/sighash.h"
#include "crypto/hash.h"

#define EPOCH 0x00u
#define HASH_TYPE_DEFAULT 0x00u
#define EXT_SCRIPT_PATH 1u /* BIP-342 */
#define KEY_VERSION 0x00u
#define NO_CODE_SEPARATOR 0xffffffffu

/* BIP-341's message without annex, hash type SIGHASH_DEFAULT; then BIP-342's extension */
#define MESSAGE_SIZE (1u + 1u + 4u + 4u + 5u * 32u + 1u + 4u)
#define EXTENSION_SIZE (32u + 1u + 4u)

static void add_le32(struct sha256_stream *s, uint32_t v)
{
	uint8_t bytes[4];
	store_le32(bytes, v);
	sha256_add(s, slice_of(bytes, sizeof bytes));
}

static void add_le64(struct sha256_stream *s, uint64_t v)
{
	uint8_t bytes[8];
	store_le64(bytes, v);
	sha256_add(s, slice_of(bytes, sizeof bytes));
}

static void add_script(struct sha256_stream *s, struct slice script)
{
	uint8_t bytes[9];
	struct buf b = buf_init(bytes, sizeof bytes);
	btc_put_compact(&b, script.len);
	sha256_add(s, buf_slice(&b));
	sha256_add(s, script);
}

/* One of BIP-341's five hashes over all inputs or outputs: what each of them adds. */
struct part {
	const struct btc_tx *tx;
	const struct btc_txout *spent;
};

static void add_prevout(struct sha256_stream *s, const struct part *p, uint32_t i)
{
	sha256_add(s, slice_of(p->tx->in[i].prev.txid.b, 32));
	add_le32(s, p->tx->in[i].prev.index);
}

static void add_amount(struct sha256_stream *s, const struct part *p, uint32_t i)
{
	add_le64(s, p->spent[i].value.raw);
}

static void add_spent_script(struct sha256_stream *s, const struct part *p, uint32_t i)
{
	add_script(s, p->spent[i].script);
}

static void add_sequence(struct sha256_stream *s, const struct part *p, uint32_t i)
{
	add_le32(s, p->tx->in[i].sequence);
}

static void add_output(struct sha256_stream *s, const struct part *p, uint32_t i)
{
	add_le64(s, p->tx->out[i].value.raw);
	add_script(s, p->tx->out[i].script);
}

static void hash_each(struct hash256 *out, const struct part *p, uint32_t count,
	void (*add)(struct sha256_stream *s, const struct part *p, uint32_t i))
{
	struct sha256_stream s;
	sha256_begin(&s);
	for (uint32_t i = 0; i < count; i++)
		add(&s, p, i);
	sha256_end(out, &s);
}

void btc_sighash_prepare(
	struct btc_sighash_cache *cache, const struct btc_tx *tx, const struct btc_txout *spent)
{
	const struct part p = {tx, spent};
	hash_each(&cache->prevouts, &p, tx->in_count, add_prevout);
	hash_each(&cache->amounts, &p, tx->in_count, add_amount);
	hash_each(&cache->scripts, &p, tx->in_count, add_spent_script);
	hash_each(&cache->sequences, &p, tx->in_count, add_sequence);
	hash_each(&cache->outputs, &p, tx->out_count, add_output);
}

static void put_message(struct buf *b, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, uint8_t ext_flag)
{
	CHECK(input < tx->in_count);
	buf_u8(b, EPOCH);
	buf_u8(b, HASH_TYPE_DEFAULT);
	buf_le32(b, tx->version);
	buf_le32(b, tx->locktime);
	buf_put(b, cache->prevouts.b, 32);
	buf_put(b, cache->amounts.b, 32);
	buf_put(b, cache->scripts.b, 32);
	buf_put(b, cache->sequences.b, 32);
	buf_put(b, cache->outputs.b, 32);
	buf_u8(b, (uint8_t)(ext_flag * 2u)); /* no annex */
	buf_le32(b, input);
	CHECK(!b->overflow && b->len == MESSAGE_SIZE);
}

void btc_sighash_key_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input)
{
	uint8_t message[MESSAGE_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, tx, input, 0);
	tagged_hash(out, "TapSighash", buf_slice(&b));
}

void btc_sighash_script_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, const struct hash256 *leaf)
{
	uint8_t message[MESSAGE_SIZE + EXTENSION_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, tx, input, EXT_SCRIPT_PATH);
	buf_put(&b, leaf->b, 32);
	buf_u8(&b, KEY_VERSION);
	buf_le32(&b, NO_CODE_SEPARATOR);
	CHECK(!b.overflow && b.len == sizeof message);
	tagged_hash(out, "TapSighash", buf_slice(&b));
}
