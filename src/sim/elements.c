/* Elements' rules: transactions, their balance, what is signed; blocks and the first coins. */
#include "sim/elements.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"
#include "sim/elements_rules.h"
#include "wire/elements_address.h"
#include "wire/elements_blind.h"
#include "wire/elements_block.h"
#include "wire/elements_build.h"
#include "wire/elements_sighash.h"
#include "wire/elements_view.h"

#define COINBASE_MAX 512u
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 44u
#define OP_RETURN 0x6au
#define FIRST_PIECES 250u
#define FIRST_PIECE_RAW UINT64_C(8000000000000)
#define FIRST_FEE_RAW 100000u

const struct elements_network *simel_network(void)
{
	return elements_network_by_name(slice_str("liquidregtest"));
}

/* ---- transactions ---- */

struct own {
	struct elements_tx tx;
	struct elements_txout *out; /* owned, and so is in */
	struct elements_txin *in;
};

const struct elements_tx *simel_tx(const struct simbtc_tx *t)
{
	return &((const struct own *)t->own)->tx;
}

static void own_free(void *own)
{
	struct own *o = own;
	if (o == NULL)
		return;
	free(o->in);
	free(o->out);
	free(o);
}

static uint32_t at_most(uint32_t len, uint32_t size_min)
{
	const uint32_t n = len / size_min + 1;
	return n < SIMBTC_IO_MAX ? n : SIMBTC_IO_MAX;
}

static enum err tx_parse(struct sim_bitcoin *b, struct simbtc_tx *t)
{
	const struct slice raw = slice_of(t->raw, t->raw_len);
	const uint32_t in_max = at_most(t->raw_len, INPUT_SIZE_MIN);
	const uint32_t out_max = at_most(t->raw_len, OUTPUT_SIZE_MIN);
	struct own *own = t->own = sim_alloc(sizeof *own);
	size_t used;
	own->in = own->tx.in = sim_alloc(in_max * sizeof *own->in);
	own->out = own->tx.out = sim_alloc(out_max * sizeof *own->out);
	TRY(elements_tx_parse(&own->tx, &used, in_max, out_max, raw));
	if (used != raw.len)
		return ERR_FORMAT;
	elements_view(
		&t->tx, b->in_scratch, b->out_scratch, &own->tx, &simel_network()->policy_asset);
	elements_tx_id(&t->txid, &own->tx);
	elements_tx_wtxid(&t->wtxid, &own->tx);
	t->weight = elements_tx_weight(&own->tx);
	return OK;
}

static const struct elements_txout *output_at(
	const struct sim_bitcoin *b, const struct simbtc_source *source)
{
	return &simel_tx(b->tx[source->tx])->out[source->vout];
}

static const char *balance(const struct sim_bitcoin *b, const struct simbtc_tx *t,
	const struct simbtc_source *source, uint64_t *fee, char text[128])
{
	const struct elements_tx *tx = simel_tx(t);
	struct elements_txout *spent = sim_alloc(tx->in_count * sizeof *spent);
	struct sat value;
	(void)text;
	*fee = 0;
	for (uint32_t i = 0; i < tx->in_count; i++)
		spent[i] = *output_at(b, &source[i]);
	const enum err err = elements_check_balance(tx, spent);
	free(spent);
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (elements_txout_is_fee(&tx->out[i]) &&
			elements_txout_holds(&value, &tx->out[i], &simel_network()->policy_asset))
			*fee += value.raw;
	return err == OK           ? NULL
		: err == ERR_STATE ? "simulation: no issuances and no peg-ins"
				   : "bad-txns-in-ne-out, value in != value out";
}

static const char *unsendable(const struct simbtc_tx *t)
{
	const struct elements_tx *tx = simel_tx(t);
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (elements_nonce_form(&tx->out[i].nonce) == ELEMENTS_COMMITMENT &&
			elements_value_form(&tx->out[i].value) == ELEMENTS_EXPLICIT)
			return "Transaction output has nonce, but is not blinded. Did you forget "
			       "to call blindrawtransaction, or rawblindrawtransaction?";
	return NULL;
}

static void *sighash_prepare(
	const struct sim_bitcoin *b, const struct simbtc_tx *t, const struct simbtc_source *source)
{
	const struct elements_tx *tx = simel_tx(t);
	struct elements_sighash_cache *cache = sim_alloc(sizeof *cache);
	struct elements_txout *spent = sim_alloc(tx->in_count * sizeof *spent);
	for (uint32_t i = 0; i < tx->in_count; i++)
		spent[i] = *output_at(b, &source[i]);
	elements_sighash_prepare(cache, tx, spent);
	free(spent);
	return cache;
}

static void sighash_key_path(struct hash256 *out, const struct sim_bitcoin *b, const void *cache,
	const struct simbtc_tx *t, uint32_t input)
{
	(void)b;
	elements_sighash_key_path(out, cache, &simel_network()->genesis, simel_tx(t), input);
}

static void sighash_script_path(struct hash256 *out, const struct sim_bitcoin *b, const void *cache,
	const struct simbtc_tx *t, uint32_t input, const struct hash256 *leaf)
{
	(void)b;
	elements_sighash_script_path(
		out, cache, &simel_network()->genesis, simel_tx(t), input, leaf);
}

static struct elements_txout output_of(struct sat value, struct slice script)
{
	return (struct elements_txout){.asset = elements_asset_of(&simel_network()->policy_asset),
		.value = elements_value_of(value),
		.script = script};
}

/* Who pays is explicit: one output alone can't be blinded. Returns how many are to be. */
static uint32_t to_blind(struct elements_tx *tx, const struct btc_tx *view)
{
	uint32_t blinded = 0;
	for (uint32_t i = 0; i < view->out_count; i++) {
		struct pubkey key;
		struct slice script;
		const bool hidden = elements_destination_split(&script, &key, view->out[i].script);
		tx->out[i] = output_of(view->out[i].value, script);
		if (hidden)
			memcpy(tx->out[i].nonce.b, key.b, sizeof key.b);
		blinded += hidden;
	}
	if (blinded != 1)
		return blinded;
	struct elements_txout *beside = &tx->out[tx->out_count++];
	*beside = output_of((struct sat){0}, elements_beside_script);
	for (uint32_t i = 0; i < view->out_count; i++)
		if (elements_nonce_form(&tx->out[i].nonce) == ELEMENTS_COMMITMENT)
			beside->nonce = tx->out[i].nonce;
	return 2;
}

/* The same whenever it is put. Proofs: owned. */
static uint8_t *blind(struct elements_tx *tx, uint32_t blinded)
{
	const size_t cap = (size_t)blinded * ELEMENTS_PROOFS_MAX;
	uint8_t *storage = sim_alloc(cap + 1);
	struct buf proofs = buf_init(storage, cap);
	struct elements_opening *in = sim_alloc(tx->in_count * sizeof *in);
	struct hash256 seed;
	tagged_hash(&seed, "sluice/sim/blind",
		slice_of(tx->in[0].prev.txid.b, sizeof tx->in[0].prev.txid.b));
	for (uint32_t i = 0; i < tx->in_count; i++)
		in[i].asset = simel_network()->policy_asset;
	if (blinded > 0)
		CHECK(elements_blind(tx, &proofs, in, &seed) == OK);
	free(in);
	return storage;
}

static void payment_put(struct buf *raw, const struct btc_tx *view, uint64_t fee)
{
	struct elements_tx tx = {.version = view->version,
		.locktime = view->locktime,
		.in_count = view->in_count,
		.out_count = view->out_count};
	tx.in = sim_alloc(tx.in_count * sizeof *tx.in);
	tx.out = sim_alloc((tx.out_count + 2) * sizeof *tx.out);
	for (uint32_t i = 0; i < view->in_count; i++)
		tx.in[i] = (struct elements_txin){.prev = view->in[i].prev,
			.sequence = view->in[i].sequence,
			.witness = view->in[i].witness};
	const uint32_t blinded = to_blind(&tx, view);
	tx.out[tx.out_count++] = output_of((struct sat){fee}, slice_of(NULL, 0));
	uint8_t *proofs = blind(&tx, blinded);
	elements_tx_put(raw, &tx);
	free(proofs);
	free(tx.in);
	free(tx.out);
}

/* ---- blocks ---- */

/* The parameters that elementsd's liquidregtest has by default: who signs, by hash, in their
 * compact form, and none proposed. */
static const uint8_t dynamic_rules[] = {0x01, 0x22, 0x00, 0x20, 0x4a, 0xe8, 0x15, 0x72, 0xf0, 0x6e,
	0x1b, 0x88, 0xfd, 0x5c, 0xed, 0x7a, 0x1a, 0x00, 0x09, 0x45, 0x43, 0x2e, 0x83, 0xe1, 0x55,
	0x1e, 0x6f, 0x72, 0x1e, 0xe9, 0xc0, 0x0b, 0x8c, 0xc3, 0x32, 0x60, 0x4a, 0x00, 0x00, 0x00,
	0xfb, 0xee, 0x9c, 0xea, 0x00, 0xd8, 0xef, 0xdc, 0x49, 0xcf, 0xbe, 0xc3, 0x28, 0x53, 0x7e,
	0x0d, 0x70, 0x32, 0x19, 0x4d, 0xe6, 0xeb, 0xf3, 0xcf, 0x42, 0xe5, 0xc0, 0x5b, 0xb8, 0x9a,
	0x08, 0xb1, 0x00};
static const uint8_t dynamic_proof[] = {0x01, 0x01, 0x51};
static const uint8_t first_rules[] = {0x01, 0x51}; /* anybody could have made it */
static const uint8_t first_proof[] = {0x00};

static struct elements_header header_of(const struct simbtc_block *block)
{
	const bool first = block->height == 0;
	return (struct elements_header){.version = block->header.version,
		.dynamic = !first,
		.parent = block->header.parent,
		.merkle_root = block->header.merkle_root,
		.time = block->header.time,
		.height = block->height,
		.rules = first ? slice_of(first_rules, sizeof first_rules)
			       : slice_of(dynamic_rules, sizeof dynamic_rules),
		.proof = first ? slice_of(first_proof, sizeof first_proof)
			       : slice_of(dynamic_proof, sizeof dynamic_proof)};
}

static void seal_block(const struct sim_bitcoin *b, struct simbtc_block *block)
{
	const struct elements_header header = header_of(block);
	(void)b;
	elements_header_hash(&block->hash, &header);
}

static void header_put(struct text *out, const struct simbtc_block *block)
{
	uint8_t bytes[256];
	struct buf b = buf_init(bytes, sizeof bytes);
	const struct elements_header header = header_of(block);
	elements_header_put(&b, &header);
	CHECK(!b.overflow);
	text_put(out, bytes, b.len);
}

/* The first block of liquidregtest: a coinbase that pays nobody, and the issue of all coins. */
static const char *const genesis_tx[] = {
	"0100000000010000000000000000000000000000000000000000000000000000000000000000ffffffff"
	"2120a530c0e71eac524e367c12af33da41f70ac7d2521f53ccea1ed6d0c910c4cd50ffffffff01010000"
	"00000000000000000000000000000000000000000000000000000000000001000000000000000000016a"
	"00000000",
	"010000000001a530c0e71eac524e367c12af33da41f70ac7d2521f53ccea1ed6d0c910c4cd5000000080"
	"00ffffffff000000000000000000000000000000000000000000000000000000000000000006226e4611"
	"1a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f01000775f05a074000010000000000"
	"000000010125b251070e29ca19043cf33ccd7324e2ddab03ecc4ae0b5e77c4fc0e5cf6c95a01000775f0"
	"5a07400000015100000000",
};
#define GENESIS_TIME 1296688602u

static void genesis(struct sim_bitcoin *b, struct simbtc_block *block)
{
	uint8_t raw[COINBASE_MAX];
	struct hash256 leaf[ARRAY_LEN(genesis_tx)];
	size_t raw_len;
	uint32_t cap = 0;
	block->tx_count = ARRAY_LEN(genesis_tx);
	block->tx = sim_grow(NULL, &cap, block->tx_count, sizeof *block->tx);
	for (uint32_t i = 0; i < block->tx_count; i++) {
		CHECK(hex_decode_var(raw, &raw_len, sizeof raw, slice_str(genesis_tx[i])) == OK);
		CHECK(simbtc_tx_add(b, &block->tx[i], slice_of(raw, raw_len)) == OK);
		leaf[i] = b->tx[block->tx[i]]->txid;
	}
	block->header.version = 1;
	block->header.time = GENESIS_TIME;
	btc_merkle_root(&block->header.merkle_root, leaf, block->tx_count);
	seal_block(b, block);
	CHECK(hash256_eq(&block->hash, &simel_network()->genesis));
}

static void coinbase(struct sim_bitcoin *b, struct buf *raw, const struct simbtc_block *block,
	struct slice script, uint64_t value)
{
	static const uint8_t nobody[] = {OP_RETURN};
	uint8_t signature[64];
	struct buf sig = buf_init(signature, sizeof signature);
	simbtc_put_height(&sig, block->height);
	buf_u8(&sig, 16); /* so that no two blocks are the same */
	buf_le64(&sig, b->seed);
	buf_le64(&sig, b->extra_nonce);
	struct elements_txin in = {.prev = {.index = UINT32_MAX},
		.script_sig = buf_slice(&sig),
		.sequence = UINT32_MAX};
	struct elements_txout out[2] = {output_of(
		(struct sat){value}, value == 0 ? slice_of(nobody, sizeof nobody) : script)};
	uint32_t out_count = 1;
	if (b->mint.script_len > 0) {
		out[out_count] = output_of(
			b->mint.value, slice_of(b->mint.script, b->mint.script_len));
		out[out_count++].asset = elements_asset_of(&b->mint.asset);
		b->mint.script_len = 0;
	}
	const struct elements_tx tx = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = out_count};
	elements_tx_put(raw, &tx);
}

/* ---- the faucet ---- */

/* The one output that holds all coins is anybody's: it is spent in the first block after. */
static void first_coins(struct sim_bitcoin *b, uint64_t now_ms)
{
	const struct slice own = slice_of(b->faucet_script, sizeof b->faucet_script);
	struct btc_txin in = {
		.prev = {.txid = b->tx[b->block[0].tx[1]]->txid}, .sequence = UINT32_MAX};
	struct btc_txout out[FIRST_PIECES + 1];
	uint64_t left = SAT_MAX_RAW - FIRST_FEE_RAW;
	for (uint32_t i = 0; i < FIRST_PIECES; i++, left -= FIRST_PIECE_RAW)
		out[i] = (struct btc_txout){{FIRST_PIECE_RAW}, own};
	out[FIRST_PIECES] = (struct btc_txout){{left}, own};
	const struct btc_tx tx = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = FIRST_PIECES + 1};
	const size_t cap = 1024 + (FIRST_PIECES + 2) * 128u;
	uint8_t *storage = sim_alloc(cap);
	struct buf raw = buf_init(storage, cap);
	struct simbtc_verdict verdict;
	uint32_t index;
	payment_put(&raw, &tx, FIRST_FEE_RAW);
	CHECK(!raw.overflow && simbtc_tx_add(b, &index, buf_slice(&raw)) == OK);
	free(storage);
	simbtc_check(b, &verdict, index, true);
	CHECK(verdict.code == 0 && verdict.fee == FIRST_FEE_RAW);
	simbtc_pool_add(b, index, &verdict, now_ms);
	(void)simbtc_mine(b, now_ms, own, false);
}

static enum err address_parse(
	uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len, struct slice text)
{
	struct elements_address a;
	TRY(elements_address_parse(&a, simel_network(), text));
	memcpy(script, a.script, a.script_len);
	*script_len = a.script_len;
	return OK;
}

static enum err destination_parse(
	uint8_t to[SIMBTC_DESTINATION_MAX], size_t *to_len, struct slice text)
{
	struct elements_address a;
	struct buf out = buf_init(to, SIMBTC_DESTINATION_MAX);
	TRY(elements_address_parse(&a, simel_network(), text));
	elements_destination_put(&out, &a);
	*to_len = out.len;
	return OK;
}

static enum err address_format(char text[SIMBTC_ADDRESS_SIZE], struct slice script)
{
	return elements_address_format(text, simel_network(), script, NULL);
}

static const struct simbtc_rules rules = {
	.name = "liquid",
	.chain = "liquidregtest",
	.subversion = "/Elements Core:23.3.3(sluice-devnet)/",
	.version = 230303,
	.relay_rate = SIM_ELEMENTS_FEE_RATE,
	.taproot = &elements_taproot,
	.fee_outputs = true,
	.old_core = true,
	.first_blocks = SIM_ELEMENTS_FIRST_BLOCKS,
	/* with the fee's output; inputs and outputs have proofs, which are empty */
	.base_vsize = 60,
	.input_vsize = 60,
	.output_vsize = 79,
	.blinded_vsize = 1300,
	.script_failed = "mempool-script-verify-flag-failed",
	.tx_parse = tx_parse,
	.own_free = own_free,
	.balance = balance,
	.unsendable = unsendable,
	.dust = elements_dust_limit,
	.sighash_prepare = sighash_prepare,
	.sighash_key_path = sighash_key_path,
	.sighash_script_path = sighash_script_path,
	.genesis = genesis,
	.coinbase = coinbase,
	.seal = seal_block,
	.header_put = header_put,
	.first_coins = first_coins,
	.payment_put = payment_put,
	.address_parse = address_parse,
	.destination_parse = destination_parse,
	.address_format = address_format,
	.chain_json = simel_chain_json,
	.header_json = simel_header_json,
	.tx_json = simel_tx_json,
	.value_json = simel_value_json,
	.scan_total = "total_unblinded_bitcoin_amount",
	.row = simel_rows,
	.row_count = SIMEL_ROW_COUNT,
};

struct sim_network *sim_elements_create(const struct sim_bitcoin_config *config)
{
	struct sim_bitcoin_config own = *config;
	if (own.rate_sat_kvb == 0)
		own.rate_sat_kvb = SIM_ELEMENTS_FEE_RATE;
	return simbtc_create(&rules, &own);
}
