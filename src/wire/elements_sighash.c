#include "wire/elements_sighash.h"
#include "btc/sighash.h"
#include "crypto/hash.h"

#define HASH_TYPE_DEFAULT 0x00u
#define EXT_SCRIPT_PATH 1u /* BIP-342 */

/* Bytes that stand for an input's flags: the two highest bits of its index on the wire. */
#define FLAG_ISSUES 0x80u
#define FLAG_PEGIN 0x40u
#define NO_ISSUANCE 0x00u

/* There is no epoch; the genesis block is there twice, type, version, lock time, nine hashes, spend
 * type, index. */
#define MESSAGE_SIZE (2u * 32u + 1u + 4u + 4u + 9u * 32u + 1u + 4u)

const struct btc_taproot elements_taproot = {
	.leaf_tag = "TapLeaf/elements",
	.branch_tag = "TapBranch/elements",
	.tweak_tag = "TapTweak/elements",
	.sighash_tag = "TapSighash/elements",
	.leaf_version = ELEMENTS_LEAF_VERSION,
};

/* One of the hashes over all inputs or outputs: what each of them adds. */
struct part {
	const struct elements_tx *tx;
	const struct elements_txout *spent;
};

static const struct elements_txin *input_of(const void *part, uint32_t i)
{
	return &((const struct part *)part)->tx->in[i];
}

static const struct elements_txout *spent_of(const void *part, uint32_t i)
{
	return &((const struct part *)part)->spent[i];
}

static const struct elements_txout *output_of(const void *part, uint32_t i)
{
	return &((const struct part *)part)->tx->out[i];
}

static void add_flags(struct btc_sink *s, const void *part, uint32_t i)
{
	const struct elements_txin *in = input_of(part, i);
	btc_sink_u8(s, (uint8_t)((in->issues ? FLAG_ISSUES : 0u) | (in->pegin ? FLAG_PEGIN : 0u)));
}

/* The index without its flags. */
static void add_prevout(struct btc_sink *s, const void *part, uint32_t i)
{
	const struct btc_outpoint *prev = &input_of(part, i)->prev;
	btc_sink_put(s, slice_of(prev->txid.b, sizeof prev->txid.b));
	btc_sink_le32(s, prev->index);
}

static void add_spent_fields(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_put(s, elements_asset_bytes(&spent_of(part, i)->asset));
	btc_sink_put(s, elements_value_bytes(&spent_of(part, i)->value));
}

static void add_spent_script(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_bytes(s, spent_of(part, i)->script);
}

static void add_sequence(struct btc_sink *s, const void *part, uint32_t i)
{
	btc_sink_le32(s, input_of(part, i)->sequence);
}

static void add_issuance(struct btc_sink *s, const void *part, uint32_t i)
{
	const struct elements_txin *in = input_of(part, i);
	if (in->issues)
		elements_sink_issuance(s, &in->issuance);
	else
		btc_sink_u8(s, NO_ISSUANCE);
}

static void add_issuance_proofs(struct btc_sink *s, const void *part, uint32_t i)
{
	elements_sink_issuance_proofs(s, &input_of(part, i)->issuance);
}

static void add_output(struct btc_sink *s, const void *part, uint32_t i)
{
	elements_sink_txout(s, output_of(part, i));
}

static void add_output_proofs(struct btc_sink *s, const void *part, uint32_t i)
{
	elements_sink_txout_proofs(s, output_of(part, i));
}

void elements_sighash_prepare(struct elements_sighash_cache *cache, const struct elements_tx *tx,
	const struct elements_txout *spent)
{
	const struct part p = {tx, spent};
	btc_hash_each(&cache->flags, &p, tx->in_count, add_flags);
	btc_hash_each(&cache->prevouts, &p, tx->in_count, add_prevout);
	btc_hash_each(&cache->spent_fields, &p, tx->in_count, add_spent_fields);
	btc_hash_each(&cache->scripts, &p, tx->in_count, add_spent_script);
	btc_hash_each(&cache->sequences, &p, tx->in_count, add_sequence);
	btc_hash_each(&cache->issuances, &p, tx->in_count, add_issuance);
	btc_hash_each(&cache->issuance_proofs, &p, tx->in_count, add_issuance_proofs);
	btc_hash_each(&cache->outputs, &p, tx->out_count, add_output);
	btc_hash_each(&cache->output_proofs, &p, tx->out_count, add_output_proofs);
}

static void put_message(struct buf *b, const struct elements_sighash_cache *cache,
	const struct hash256 *genesis, const struct elements_tx *tx, uint32_t input, uint8_t ext)
{
	CHECK(input < tx->in_count);
	buf_put(b, genesis->b, 32);
	buf_put(b, genesis->b, 32);
	buf_u8(b, HASH_TYPE_DEFAULT);
	buf_le32(b, tx->version);
	buf_le32(b, tx->locktime);
	const struct hash256 *const hashes[] = {&cache->flags, &cache->prevouts,
		&cache->spent_fields, &cache->scripts, &cache->sequences, &cache->issuances,
		&cache->issuance_proofs, &cache->outputs, &cache->output_proofs};
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		buf_put(b, hashes[i]->b, 32);
	buf_u8(b, (uint8_t)(ext * 2u)); /* no annex */
	buf_le32(b, input);
	CHECK(!b->overflow && b->len == MESSAGE_SIZE);
}

void elements_sighash_key_path(struct hash256 *out, const struct elements_sighash_cache *cache,
	const struct hash256 *genesis, const struct elements_tx *tx, uint32_t input)
{
	uint8_t message[MESSAGE_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, genesis, tx, input, 0);
	tagged_hash(out, elements_taproot.sighash_tag, buf_slice(&b));
}

void elements_sighash_script_path(struct hash256 *out, const struct elements_sighash_cache *cache,
	const struct hash256 *genesis, const struct elements_tx *tx, uint32_t input,
	const struct hash256 *leaf)
{
	uint8_t message[MESSAGE_SIZE + BTC_SIGHASH_EXTENSION_SIZE];
	struct buf b = buf_init(message, sizeof message);
	put_message(&b, cache, genesis, tx, input, EXT_SCRIPT_PATH);
	btc_sighash_put_extension(&b, leaf);
	CHECK(!b.overflow && b.len == sizeof message);
	tagged_hash(out, elements_taproot.sighash_tag, buf_slice(&b));
}
