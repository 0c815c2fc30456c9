/* The faucet: a Taproot key of the node's own that the blocks pay and sim_fund spends. Its
 * transactions are as valid as anybody's. */
#include <stdlib.h>

#include "btc/script.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define FAUCET_INPUT_MAX 100u
#define FAUCET_SPLIT 250u /* outputs that the first coins are split into */
#define FAUCET_CHANGE_MIN 1000u
#define SEQUENCE_RBF 0xfffffffdu

void simbtc_faucet_begin(struct sim_bitcoin *b)
{
	uint8_t seed[8];
	struct hash256 h;
	struct pubkey key;
	struct xonly x;
	bool odd;
	store_le64(seed, b->seed);
	tagged_hash(&h, "sluice/sim/faucet", slice_of(seed, sizeof seed));
	memcpy(b->faucet_key.b, h.b, sizeof h.b);
	CHECK(pubkey_from_seckey(&key, &b->faucet_key) == OK);
	xonly_from_pubkey(&x, &odd, &key);
	btc_script_p2tr(b->faucet_script, &x);
}

struct funding {
	struct btc_txin in[FAUCET_INPUT_MAX];
	struct simbtc_source source[FAUCET_INPUT_MAX];
	struct btc_txout out[SIMBTC_FUND_COUNT_MAX + 1];
	uint8_t witness[FAUCET_INPUT_MAX][66];
	struct btc_tx tx;
	uint64_t total;
	uint32_t blinded; /* of its outputs, that beside one included */
};

static void coin_key(uint8_t key[36], const struct hash256 *txid, uint32_t vout)
{
	memcpy(key, txid->b, sizeof txid->b);
	store_le32(key + sizeof txid->b, vout);
}

/* again: also coins of a payment that has left the mempool; it may come back. */
static bool usable(const struct sim_bitcoin *b, const struct simbtc_coin *coin, bool again)
{
	uint8_t key[36];
	coin_key(key, &b->tx[coin->tx]->txid, coin->vout);
	return sim_index_get(&b->spender, key) == MAP_NONE &&
		(again || sim_index_get(&b->faucet_spent, key) == MAP_NONE) &&
		(!coin->coinbase || b->chain_len - coin->height >= SIMBTC_MATURITY);
}

/* Confirmed coins until they cover due and the inputs' own fee. */
static bool gather(
	struct funding *f, const struct sim_bitcoin *b, uint64_t due, uint64_t rate, bool again)
{
	f->tx.in_count = 0;
	f->total = 0;
	uint32_t at = simbtc_coins_of(b, slice_of(b->faucet_script, sizeof b->faucet_script));
	for (; at != SIMBTC_NONE && f->tx.in_count < FAUCET_INPUT_MAX; at = b->coin[at].next) {
		const struct simbtc_coin *coin = &b->coin[at];
		if (!usable(b, coin, again))
			continue;
		if (simbtc_coin_out(b, coin)->value.raw == 0)
			continue;
		f->source[f->tx.in_count] = (struct simbtc_source){coin->tx, coin->vout};
		f->in[f->tx.in_count++] = (struct btc_txin){
			.prev = {b->tx[coin->tx]->txid, coin->vout}, .sequence = SEQUENCE_RBF};
		f->total += simbtc_coin_out(b, coin)->value.raw;
		if (f->total >= due + simbtc_fee(f->tx.in_count * b->rules->input_vsize, rate))
			return true;
	}
	return false;
}

/* As the rules write it, signed. The record without witnesses stays behind, known to nobody. */
static uint32_t sign(struct sim_bitcoin *b, struct funding *f, uint64_t fee)
{
	static const uint8_t aux[32];
	const size_t cap = 1024 + f->tx.in_count * 256u + f->tx.out_count * 128u +
		(f->blinded == 0 ? 0 : 4u * (f->blinded + 1) * b->rules->blinded_vsize);
	uint8_t *storage = sim_alloc(cap);
	struct buf raw = buf_init(storage, cap);
	uint32_t index;
	b->rules->payment_put(&raw, &f->tx, fee);
	CHECK(!raw.overflow && simbtc_tx_add(b, &index, buf_slice(&raw)) == OK);
	void *cache = b->rules->sighash_prepare(b, b->tx[index], f->source);
	for (uint32_t i = 0; i < f->tx.in_count; i++) {
		struct hash256 digest;
		b->rules->sighash_key_path(&digest, b, cache, b->tx[index], i);
		f->witness[i][0] = 1;
		f->witness[i][1] = 64;
		CHECK(schnorr_sign(f->witness[i] + 2, &digest, &b->faucet_key, aux) == OK);
		f->in[i].witness = slice_of(f->witness[i], sizeof f->witness[i]);
	}
	free(cache);
	raw = buf_init(storage, cap);
	b->rules->payment_put(&raw, &f->tx, fee);
	CHECK(!raw.overflow && simbtc_tx_add(b, &index, buf_slice(&raw)) == OK);
	free(storage);
	return index;
}

static enum err submit(struct sim_bitcoin *b, struct funding *f, struct hash256 *txid,
	uint64_t now_ms, uint64_t fee)
{
	struct simbtc_verdict verdict;
	const uint32_t index = sign(b, f, fee);
	simbtc_check(b, &verdict, index, false);
	if (verdict.code != 0)
		return ERR_REJECTED;
	simbtc_pool_add(b, index, &verdict, now_ms);
	for (uint32_t i = 0; i < f->tx.in_count; i++) {
		uint8_t key[36];
		coin_key(key, &f->in[i].prev.txid, f->in[i].prev.index);
		sim_index_put(&b->faucet_spent, key, index);
	}
	*txid = b->tx[index]->txid;
	return OK;
}

enum err simbtc_fund(struct sim_bitcoin *b, struct hash256 *txid, uint64_t now_ms,
	struct slice script, struct sat value, uint32_t count)
{
	CHECK(count > 0 && count <= SIMBTC_FUND_COUNT_MAX);
	if (value.raw == 0 || value.raw > SAT_MAX_RAW / count)
		return ERR_RANGE;
	const uint64_t rate = b->market_rate > b->relay_rate ? b->market_rate : b->relay_rate;
	struct funding *f = sim_alloc(sizeof *f);
	if (script.len > BTC_SCRIPT_STD_MAX)
		f->blinded = count == 1 ? 2 : count;
	const uint64_t base = simbtc_fee(b->rules->base_vsize +
			(count + 1) * b->rules->output_vsize + f->blinded * b->rules->blinded_vsize,
		rate);
	enum err e = ERR_RANGE;
	f->tx = (struct btc_tx){.version = 2, .in = f->in, .out = f->out, .out_count = count};
	for (uint32_t i = 0; i < count; i++)
		f->out[i] = (struct btc_txout){value, script};
	const uint64_t due = value.raw * count + base;
	if (gather(f, b, due, rate, false) || gather(f, b, due, rate, true)) {
		const uint64_t inputs = simbtc_fee(f->tx.in_count * b->rules->input_vsize, rate);
		uint64_t change = f->total - due - inputs;
		if (change >= FAUCET_CHANGE_MIN)
			f->out[f->tx.out_count++] = (struct btc_txout){
				{change}, slice_of(b->faucet_script, sizeof b->faucet_script)};
		else
			change = 0;
		e = submit(b, f, txid, now_ms, f->total - value.raw * count - change);
	}
	free(f);
	return e;
}

/* ---- the node's begin and end ---- */

static void split_first_coins(struct sim_bitcoin *b, uint64_t now_ms)
{
	const struct slice own = slice_of(b->faucet_script, sizeof b->faucet_script);
	struct hash256 txid;
	const uint64_t mature = (b->chain_len - SIMBTC_MATURITY) * b->rules->subsidy;
	const uint64_t piece = mature / (FAUCET_SPLIT + 1);
	if (b->chain_len <= SIMBTC_MATURITY + 1)
		return;
	CHECK(simbtc_fund(b, &txid, now_ms, own, (struct sat){piece}, FAUCET_SPLIT) == OK);
	(void)simbtc_mine(b, now_ms, own, false);
}

static void bitcoin_destroy(struct sim_network *n)
{
	struct sim_bitcoin *b = simbtc_of(n);
	for (uint32_t i = 0; i < b->tx_count; i++) {
		free(b->tx[i]->raw);
		free(b->tx[i]->tx.in);
		free(b->tx[i]->tx.out);
		b->rules->own_free(b->tx[i]->own);
		free(b->tx[i]);
	}
	for (uint32_t i = 0; i < b->block_count; i++) {
		free(b->block[i].tx);
		free(b->block[i].undo);
	}
	sim_index_fini(&b->tx_by_id);
	sim_index_fini(&b->block_by_hash);
	sim_index_fini(&b->coin_by_outpoint);
	sim_index_fini(&b->coin_by_script);
	sim_index_fini(&b->spender);
	sim_index_fini(&b->faucet_spent);
	free(b->tx);
	free(b->block);
	free(b->chain);
	free(b->coin);
	free(b->in_scratch);
	free(b->out_scratch);
	free(b);
}

static void bitcoin_mine(struct sim_network *n, uint64_t now_ms, uint32_t count)
{
	struct sim_bitcoin *b = simbtc_of(n);
	for (uint32_t i = 0; i < count; i++)
		(void)simbtc_mine(
			b, now_ms, slice_of(b->faucet_script, sizeof b->faucet_script), false);
}

static enum err bitcoin_reorg(struct sim_network *n, uint64_t now_ms, const struct sim_reorg *reorg)
{
	return simbtc_reorg(simbtc_of(n), now_ms, reorg);
}

static uint64_t bitcoin_height(const struct sim_network *n)
{
	return ((const struct sim_bitcoin *)(const void *)n)->chain_len - 1;
}

static void bitcoin_state_hash(const struct sim_network *n, struct hash256 *out)
{
	const struct sim_bitcoin *b = (const struct sim_bitcoin *)(const void *)n;
	struct text all = {0};
	text_put(&all, simbtc_tip(b)->hash.b, 32);
	for (uint32_t at = b->pool_head; at != SIMBTC_NONE; at = b->tx[at]->next)
		text_put(&all, b->tx[at]->wtxid.b, 32);
	text_printf(&all, "%llu %llu %u", (unsigned long long)b->market_rate,
		(unsigned long long)b->relay_rate, b->coin_live);
	sha256(out, text_slice(&all));
	text_fini(&all);
}

static unsigned bitcoin_http_status(int64_t code)
{
	static const struct {
		int64_t code;
		unsigned status;
	} rows[] = {{0, 200}, {RPC_METHOD_NOT_FOUND, 404}, {-32600, 400}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].code == code)
			return rows[i].status;
	return 500;
}

/* but for the name, which is the rules' */
static const struct sim_ops node_ops = {
	.destroy = bitcoin_destroy,
	.rpc = simbtc_rpc,
	.mine = bitcoin_mine,
	.reorg = bitcoin_reorg,
	.height = bitcoin_height,
	.state_hash = bitcoin_state_hash,
	.http_status = bitcoin_http_status,
};

struct sim_network *simbtc_create(
	const struct simbtc_rules *rules, const struct sim_bitcoin_config *config)
{
	struct sim_bitcoin *b = sim_alloc(sizeof *b);
	b->rules = rules;
	b->ops = node_ops;
	b->ops.name = rules->name;
	b->network.ops = &b->ops;
	b->seed = b->random.state = config->seed;
	b->start_ms = config->now_ms;
	b->market_rate = config->rate_sat_kvb == 0 ? SIM_BITCOIN_FEE_RATE : config->rate_sat_kvb;
	b->relay_rate = rules->relay_rate;
	b->pool_head = b->pool_tail = b->coin_free = SIMBTC_NONE;
	const uint64_t key = sim_random_next(&b->random);
	sim_index_init(&b->tx_by_id, 32, key);
	sim_index_init(&b->block_by_hash, 32, key);
	sim_index_init(&b->coin_by_outpoint, 36, key);
	sim_index_init(&b->coin_by_script, 32, key);
	sim_index_init(&b->spender, 36, key);
	sim_index_init(&b->faucet_spent, 36, key);
	b->in_scratch = sim_alloc(SIMBTC_IO_MAX * sizeof *b->in_scratch);
	b->out_scratch = sim_alloc(SIMBTC_IO_MAX * sizeof *b->out_scratch);
	simbtc_faucet_begin(b);
	simbtc_chain_begin(b);
	if (rules->first_coins != NULL)
		rules->first_coins(b, config->now_ms);
	bitcoin_mine(&b->network, config->now_ms,
		config->first_blocks == 0 ? rules->first_blocks : config->first_blocks);
	if (rules->first_coins == NULL)
		split_first_coins(b, config->now_ms);
	return &b->network;
}
