/* Records of transactions, and the UTXO set with its index by script. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define OUTPOINT_SIZE 36u
#define OP_RETURN 0x6au
#define SCRIPT_MAX 10000u

static void outpoint_key(uint8_t key[OUTPOINT_SIZE], const struct hash256 *txid, uint32_t vout)
{
	memcpy(key, txid->b, sizeof txid->b);
	store_le32(key + sizeof txid->b, vout);
}

/* ---- transactions ---- */

static void tx_free(const struct sim_bitcoin *b, struct simbtc_tx *t)
{
	if (t == NULL)
		return;
	free(t->raw);
	free(t->tx.in);
	free(t->tx.out);
	b->rules->own_free(t->own);
	free(t);
}

enum err simbtc_tx_add(struct sim_bitcoin *b, uint32_t *index, struct slice raw)
{
	if (raw.len == 0 || raw.len > BTC_TX_SIZE_MAX)
		return ERR_FORMAT;
	struct simbtc_tx *t = sim_alloc(sizeof *t);
	t->raw = sim_copy(raw.ptr, raw.len);
	t->raw_len = (uint32_t)raw.len;
	t->tx.in = b->in_scratch;
	t->tx.out = b->out_scratch;
	const enum err e = b->rules->tx_parse(b, t);
	t->tx.in = e == OK ? sim_copy(b->in_scratch, t->tx.in_count * sizeof *t->tx.in) : NULL;
	t->tx.out = e == OK ? sim_copy(b->out_scratch, t->tx.out_count * sizeof *t->tx.out) : NULL;
	if (e != OK) {
		tx_free(b, t);
		return ERR_FORMAT;
	}
	const uint32_t known = sim_index_get(&b->tx_by_id, t->txid.b);
	if (known != MAP_NONE && hash256_eq(&b->tx[known]->wtxid, &t->wtxid)) {
		tx_free(b, t);
		*index = known;
		return OK;
	}
	t->vsize = (t->weight + 3) / 4;
	t->block = t->prev = t->next = SIMBTC_NONE;
	b->tx = sim_grow(b->tx, &b->tx_cap, b->tx_count + 1, sizeof(*b->tx));
	b->tx[b->tx_count] = t;
	*index = b->tx_count++;
	/* another witness of one that is in the mempool or mined does not take its name */
	if (known == MAP_NONE || b->tx[known]->state == SIMBTC_GONE)
		sim_index_put(&b->tx_by_id, t->txid.b, *index);
	return OK;
}

uint32_t simbtc_tx_find(const struct sim_bitcoin *b, const struct hash256 *txid)
{
	return sim_index_get(&b->tx_by_id, txid->b);
}

/* ---- coins ---- */

bool simbtc_unspendable(const struct sim_bitcoin *b, struct slice script)
{
	if (script.len == 0)
		return b->rules->fee_outputs;
	return script.len > SCRIPT_MAX || script.ptr[0] == OP_RETURN;
}

const struct simbtc_coin *simbtc_coin_find(
	const struct sim_bitcoin *b, const struct hash256 *txid, uint32_t vout)
{
	uint8_t key[OUTPOINT_SIZE];
	outpoint_key(key, txid, vout);
	const uint32_t at = sim_index_get(&b->coin_by_outpoint, key);
	return at == MAP_NONE ? NULL : &b->coin[at];
}

uint32_t simbtc_coins_of(const struct sim_bitcoin *b, struct slice script)
{
	struct hash256 key;
	sha256(&key, script);
	return sim_index_get(&b->coin_by_script, key.b);
}

void simbtc_coin_add(struct sim_bitcoin *b, const struct simbtc_coin *coin)
{
	uint32_t at = b->coin_free;
	if (at != SIMBTC_NONE) {
		b->coin_free = b->coin[at].next;
	} else {
		b->coin = sim_grow(b->coin, &b->coin_cap, b->coin_count + 1, sizeof *b->coin);
		at = b->coin_count++;
	}
	b->coin[at] = *coin;
	const struct btc_txout *out = simbtc_coin_out(b, coin);
	uint8_t key[OUTPOINT_SIZE];
	outpoint_key(key, &b->tx[coin->tx]->txid, coin->vout);
	sim_index_put(&b->coin_by_outpoint, key, at);

	struct hash256 script;
	sha256(&script, out->script);
	const uint32_t head = sim_index_get(&b->coin_by_script, script.b);
	b->coin[at].prev = SIMBTC_NONE;
	b->coin[at].next = head == MAP_NONE ? SIMBTC_NONE : head;
	if (head != MAP_NONE)
		b->coin[head].prev = at;
	sim_index_put(&b->coin_by_script, script.b, at);
	b->coin_live++;
}

void simbtc_coin_spend(
	struct sim_bitcoin *b, struct simbtc_coin *spent, const struct btc_outpoint *at)
{
	uint8_t key[OUTPOINT_SIZE];
	outpoint_key(key, &at->txid, at->index);
	const uint32_t i = sim_index_get(&b->coin_by_outpoint, key);
	CHECK(i != MAP_NONE);
	struct simbtc_coin *coin = &b->coin[i];
	*spent = *coin;
	CHECK(sim_index_remove(&b->coin_by_outpoint, key));

	if (coin->next != SIMBTC_NONE)
		b->coin[coin->next].prev = coin->prev;
	if (coin->prev != SIMBTC_NONE) {
		b->coin[coin->prev].next = coin->next;
	} else {
		struct hash256 script;
		sha256(&script, simbtc_coin_out(b, coin)->script);
		if (coin->next != SIMBTC_NONE)
			sim_index_put(&b->coin_by_script, script.b, coin->next);
		else
			CHECK(sim_index_remove(&b->coin_by_script, script.b));
	}
	coin->next = b->coin_free;
	b->coin_free = i;
	b->coin_live--;
}
