/* Bitcoin's rules: how its transactions and blocks are read, made and hashed. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define COINBASE_MAX 512u
#define COMMITMENT_SIZE 38u
#define SEQUENCE_FINAL UINT32_MAX
#define CORE_VERSION 280000u
#define RELAY_RATE 1000u

static const struct network *regtest(void)
{
	return network_by_name(LAYER_BITCOIN, slice_str("regtest"));
}

/* ---- transactions ---- */

static enum err tx_parse(struct sim_bitcoin *b, struct simbtc_tx *t)
{
	const struct slice raw = slice_of(t->raw, t->raw_len);
	size_t used = 0;
	t->tx.in = b->in_scratch;
	t->tx.out = b->out_scratch;
	TRY(btc_tx_parse(&t->tx, &used, SIMBTC_IO_MAX, SIMBTC_IO_MAX, raw));
	if (used != raw.len)
		return ERR_FORMAT;
	btc_tx_id(&t->txid, &t->tx);
	sha256d(&t->wtxid, raw);
	t->weight = btc_tx_weight(&t->tx);
	return OK;
}

static void own_free(void *own)
{
	free(own);
}

static const struct btc_txout *output_at(
	const struct sim_bitcoin *b, const struct simbtc_source *source)
{
	return &b->tx[source->tx]->tx.out[source->vout];
}

static const char *balance(const struct sim_bitcoin *b, const struct simbtc_tx *t,
	const struct simbtc_source *source, uint64_t *fee, char text[128])
{
	uint64_t in = 0, out = 0;
	char a[32], z[32];
	for (uint32_t i = 0; i < t->tx.in_count; i++)
		in += output_at(b, &source[i])->value.raw;
	for (uint32_t i = 0; i < t->tx.out_count; i++)
		out += t->tx.out[i].value.raw;
	*fee = in - out;
	if (in >= out)
		return NULL;
	(void)snprintf(text, 128, "bad-txns-in-belowout, value in (%s) < value out (%s)",
		simbtc_money(a, in), simbtc_money(z, out));
	return text;
}

static void *sighash_prepare(
	const struct sim_bitcoin *b, const struct simbtc_tx *t, const struct simbtc_source *source)
{
	struct btc_sighash_cache *cache = sim_alloc(sizeof *cache);
	struct btc_txout *spent = sim_alloc(t->tx.in_count * sizeof *spent);
	for (uint32_t i = 0; i < t->tx.in_count; i++)
		spent[i] = *output_at(b, &source[i]);
	btc_sighash_prepare(cache, &t->tx, spent);
	free(spent);
	return cache;
}

static void sighash_key_path(struct hash256 *out, const struct sim_bitcoin *b, const void *cache,
	const struct simbtc_tx *t, uint32_t input)
{
	(void)b;
	btc_sighash_key_path(out, cache, &t->tx, input);
}

static void sighash_script_path(struct hash256 *out, const struct sim_bitcoin *b, const void *cache,
	const struct simbtc_tx *t, uint32_t input, const struct hash256 *leaf)
{
	(void)b;
	btc_sighash_script_path(out, cache, &t->tx, input, leaf);
}

static void payment_put(struct buf *raw, const struct btc_tx *tx, uint64_t fee)
{
	(void)fee;
	btc_tx_put(raw, tx);
}

/* ---- blocks ---- */

/* The genesis block of regtest: its header, then its one transaction. */
static const char genesis_header[] =
	"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b2"
	"7ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";
static const char genesis_tx[] =
	"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ff"
	"ff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272"
	"696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000"
	"434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f3"
	"5504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";

static void genesis(struct sim_bitcoin *b, struct simbtc_block *block)
{
	uint8_t header[BTC_HEADER_SIZE], raw[COINBASE_MAX];
	size_t raw_len;
	uint32_t cap = 0;
	CHECK(hex_decode(header, sizeof header, slice_str(genesis_header)) == OK);
	CHECK(hex_decode_var(raw, &raw_len, sizeof raw, slice_str(genesis_tx)) == OK);
	CHECK(btc_header_parse(&block->header, slice_of(header, sizeof header)) == OK);
	btc_header_hash(&block->hash, &block->header);
	CHECK(hash256_eq(&block->hash, &regtest()->genesis));
	block->tx = sim_grow(NULL, &cap, 1, sizeof *block->tx);
	block->tx_count = 1;
	CHECK(simbtc_tx_add(b, &block->tx[0], slice_of(raw, raw_len)) == OK);
}

void simbtc_put_height(struct buf *out, uint32_t height)
{
	if (height <= 16) {
		buf_u8(out, (uint8_t)(0x50 + height));
		return;
	}
	uint8_t le[5] = {0};
	store_le32(le, height);
	uint8_t len = 4;
	while (len > 1 && le[len - 1] == 0)
		len--;
	if ((le[len - 1] & 0x80) != 0)
		len++;
	buf_u8(out, len);
	buf_put(out, le, len);
}

/* BIP-141: a commitment to every transaction's witness, the coinbase's counted as zero. */
static void witness_commitment(const struct sim_bitcoin *b, uint8_t script[COMMITMENT_SIZE],
	const uint32_t *tx, uint32_t count)
{
	static const uint8_t head[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	static const uint8_t reserved[32];
	struct hash256 *leaf = sim_alloc(count * sizeof *leaf), root, commitment;
	for (uint32_t i = 1; i < count; i++)
		leaf[i] = b->tx[tx[i]]->wtxid;
	btc_merkle_root(&root, leaf, count);
	free(leaf);
	const struct slice part[2] = {slice_of(root.b, 32), slice_of(reserved, 32)};
	sha256d_parts(&commitment, part, 2);
	memcpy(script, head, sizeof head);
	memcpy(script + sizeof head, commitment.b, 32);
}

static void coinbase(struct sim_bitcoin *b, struct buf *raw, const struct simbtc_block *block,
	struct slice script, uint64_t value)
{
	uint8_t signature[64], commitment[COMMITMENT_SIZE];
	uint8_t witness[34] = {1, 32};
	struct buf sig = buf_init(signature, sizeof signature);
	simbtc_put_height(&sig, block->height);
	buf_u8(&sig, 16); /* so that no two blocks are the same */
	buf_le64(&sig, b->seed);
	buf_le64(&sig, b->extra_nonce);
	witness_commitment(b, commitment, block->tx, block->tx_count);

	struct btc_txin in = {.prev = {.index = UINT32_MAX},
		.script_sig = buf_slice(&sig),
		.sequence = SEQUENCE_FINAL,
		.witness = slice_of(witness, sizeof witness)};
	struct btc_txout out[2] = {{.value = {value}, .script = script},
		{.value = {0}, .script = slice_of(commitment, sizeof commitment)}};
	const struct btc_tx tx = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = 2};
	btc_tx_put(raw, &tx);
}

static void seal_block(const struct sim_bitcoin *b, struct simbtc_block *block)
{
	(void)b;
	while (btc_header_check_work(&block->header) != OK)
		block->header.nonce++;
	btc_header_hash(&block->hash, &block->header);
}

static void header_put(struct text *out, const struct simbtc_block *block)
{
	uint8_t bytes[BTC_HEADER_SIZE];
	struct buf b = buf_init(bytes, sizeof bytes);
	btc_header_put(&b, &block->header);
	text_put(out, bytes, b.len);
}

/* ---- texts ---- */

static enum err address_parse(
	uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len, struct slice text)
{
	return btc_address_parse(script, script_len, regtest(), text);
}

static enum err address_format(char text[SIMBTC_ADDRESS_SIZE], struct slice script)
{
	return btc_address_format(text, regtest(), script);
}

static void value_json(struct text *out, const struct simbtc_tx *t, uint32_t vout, const char *key)
{
	js_set_coins(out, key, t->tx.out[vout].value.raw);
}

const struct simbtc_rules simbtc_rules_bitcoin = {
	.name = "bitcoin",
	.chain = "regtest",
	.subversion = "/Satoshi:28.0.0(sluice-devnet)/",
	.version = CORE_VERSION,
	.relay_rate = RELAY_RATE,
	.taproot = &btc_taproot,
	.full_rbf = true,
	.subsidy = SIMBTC_SUBSIDY,
	.first_blocks = SIM_BITCOIN_FIRST_BLOCKS,
	.base_vsize = 12, /* of a transaction with a witness, without inputs and outputs */
	.input_vsize = 58,
	.output_vsize = 43, /* P2TR, the longest that sim_fund pays to */
	.script_failed = "mandatory-script-verify-flag-failed",
	.tx_parse = tx_parse,
	.own_free = own_free,
	.balance = balance,
	.dust = btc_dust_limit,
	.sighash_prepare = sighash_prepare,
	.sighash_key_path = sighash_key_path,
	.sighash_script_path = sighash_script_path,
	.genesis = genesis,
	.coinbase = coinbase,
	.seal = seal_block,
	.header_put = header_put,
	.payment_put = payment_put,
	.address_parse = address_parse,
	.address_format = address_format,
	.value_json = value_json,
	.scan_total = "total_amount",
};

struct sim_network *sim_bitcoin_create(const struct sim_bitcoin_config *config)
{
	return simbtc_create(&simbtc_rules_bitcoin, config);
}
