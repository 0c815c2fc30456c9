#include "btc/sighash.h"
#include "btc/script.h"
#include "crypto/hash.h"

#define EPOCH 0x00u
#define HASH_TYPE_DEFAULT 0x00u
#define HASH_TYPE_ALL 0x01u /* BIP-143 */
#define EXT_SCRIPT_PATH 1u  /* BIP-342 */
#define KEY_VERSION 0x00u
#define NO_CODE_SEPARATOR 0xffffffffu

/* BIP-341's message without annex, hash type SIGHASH_DEFAULT */
#define MESSAGE_SIZE (1u + 1u + 4u + 4u + 5u * 32u + 1u + 4u)

_Static_assert(BTC_SIGHASH_EXTENSION_SIZE == 32 + 1 + 4, "leaf, key version, code separator");

/* One of BIP-341's five hashes over all inputs or outputs: what each of them adds. */
struct part {
	const struct btc_tx *tx;
	const struct btc_txout *spent;
};

static void add_prevout(struct btc_sink *s, const void *part, uint32_t i)
{
	const struct btc_outpoint *prev = &((const struct part *)part)->tx->in[i].prev;
	btc_sink_put(s, slice_of(prev->txid.b, sizeof prev->txid.b));
	btc_sink_le32(s, prev->index);
}

static void add_amount(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_le64(s, ((const struct part *)part)->spent[i].value.raw);
}

static void add_spent_script(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_bytes(s, ((const struct part *)part)->spent[i].script);
}

static void add_sequence(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_le32(s, ((const struct part *)part)->tx->in[i].sequence);
}

static void add_output(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_txout(s, &((const struct part *)part)->tx->out[i]);
}

void btc_sighash_prepare(
	struct btc_sighash_cache *cache, const struct btc_tx *tx, const struct btc_txout *spent)
{
	const struct part p = {tx, spent};
	btc_hash_each(&cache->prevouts, &p, tx->in_count, add_prevout);
	btc_hash_each(&cache->amounts, &p, tx->in_count, add_amount);
	btc_hash_each(&cache->scripts, &p, tx->in_count, add_spent_script);
	btc_hash_each(&cache->sequences, &p, tx->in_count, add_sequence);
	btc_hash_each(&cache->outputs, &p, tx->out_count, add_output);
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

void btc_sighash_put_extension(struct buf *message, const struct hash256 *leaf)
{
	buf_put(message, leaf->b, sizeof leaf->b);
	buf_u8(message, KEY_VERSION);
	buf_le32(message, NO_CODE_SEPARATOR);
}

void btc_sighash_key_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input)
{
	uint8_t message[MESSAGE_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, tx, input, 0);
	tagged_hash(out, btc_taproot.sighash_tag, buf_slice(&b));
}

void btc_sighash_script_path(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, const struct hash256 *leaf)
{
	uint8_t message[MESSAGE_SIZE + BTC_SIGHASH_EXTENSION_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, tx, input, EXT_SCRIPT_PATH);
	btc_sighash_put_extension(&b, leaf);
	CHECK(!b.overflow && b.len == sizeof message);
	tagged_hash(out, btc_taproot.sighash_tag, buf_slice(&b));
}

void btc_sighash_v0(struct hash256 *out, const struct btc_sighash_cache *cache,
	const struct btc_tx *tx, uint32_t input, struct slice code, struct sat value)
{
	const struct btc_txin *in = &tx->in[input];
	uint8_t head[4 + 32 + 32 + 36 + 9], tail[8 + 4 + 32 + 4 + 4];
	struct buf a = buf_init(head, sizeof head), b = buf_init(tail, sizeof tail);
	struct hash256 prevouts, sequences, outputs;
	CHECK(input < tx->in_count);
	/* what BIP-341 hashes once, it hashes twice */
	sha256(&prevouts, slice_of(cache->prevouts.b, 32));
	sha256(&sequences, slice_of(cache->sequences.b, 32));
	sha256(&outputs, slice_of(cache->outputs.b, 32));
	buf_le32(&a, tx->version);
	buf_put(&a, prevouts.b, 32);
	buf_put(&a, sequences.b, 32);
	buf_put(&a, in->prev.txid.b, 32);
	buf_le32(&a, in->prev.index);
	btc_put_compact(&a, code.len);
	buf_le64(&b, value.raw);
	buf_le32(&b, in->sequence);
	buf_put(&b, outputs.b, 32);
	buf_le32(&b, tx->locktime);
	buf_le32(&b, HASH_TYPE_ALL);
	CHECK(!a.overflow && !b.overflow);
	const struct slice part[] = {buf_slice(&a), code, buf_slice(&b)};
	sha256d_parts(out, part, ARRAY_LEN(part));
}
