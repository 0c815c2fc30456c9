#include "layer/bitcoin_fake_test.h"
#include "wire/elements_block.h"
#include <stdlib.h>

void liquid_tx_put(
	struct buf *raw, struct hash256 *txid, const struct chain *c, const struct btc_tx *shape)
{
	struct elements_txin in = {.prev = shape->in[0].prev,
		.script_sig = shape->in[0].script_sig,
		.sequence = shape->in[0].sequence,
		.witness = shape->in[0].witness};
	struct elements_tx tx = {.version = shape->version,
		.in = &in,
		.in_count = 1,
		.out = calloc(shape->out_count, sizeof *tx.out),
		.out_count = shape->out_count};

	CHECK(shape->in_count == 1 && tx.out != NULL);
	for (uint32_t i = 0; i < tx.out_count; i++)
		tx.out[i] = (struct elements_txout){
			.asset = elements_asset_of(&c->liquid->policy_asset),
			.value = elements_value_of(shape->out[i].value),
			.script = shape->out[i].script};
	elements_tx_put(raw, &tx);
	elements_tx_id(txid, &tx);
	free(tx.out);
}

/* Pays nobody; carries the height and the salt. */
void liquid_coinbase(struct chain_tx *out, const struct chain *c, uint32_t height)
{
	static const uint8_t nobody[] = {0x6a};
	uint8_t sig[8];
	store_le32(sig, height);
	store_le32(sig + 4, c->salt);
	struct btc_txin in = {.prev.index = UINT32_MAX,
		.script_sig = slice_of(sig, sizeof sig),
		.sequence = UINT32_MAX};
	struct btc_txout pays = {.script = slice_of(nobody, sizeof nobody)};
	const struct btc_tx shape = {
		.version = 2, .in = &in, .in_count = 1, .out = &pays, .out_count = 1};
	struct buf b = buf_init(out->raw, sizeof out->raw);
	liquid_tx_put(&b, &out->txid, c, &shape);
	CHECK(!b.overflow);
	out->big = NULL;
	out->len = b.len;
}

void liquid_head(struct buf *b, struct block_ref *ref, const struct hash256 *merkle_root)
{
	static const uint8_t rules[] = {0x01, 0x51}; /* anybody may sign */
	static const uint8_t proof[] = {0x00};
	const struct elements_header h = {.version = 1,
		.parent = ref->parent,
		.merkle_root = *merkle_root,
		.time = (uint32_t)(ref->time_ms / 1000),
		.height = (uint32_t)ref->height,
		.rules = slice_of(rules, sizeof rules),
		.proof = slice_of(proof, sizeof proof)};
	elements_header_put(b, &h);
	elements_header_hash(&ref->hash, &h);
}
