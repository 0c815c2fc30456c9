/* Blocks, the best chain, mining and reorganisations. */
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define BLOCK_VERSION 0x20000000u
#define COINBASE_MAX 512u

uint32_t simbtc_block_find(const struct sim_bitcoin *b, const struct hash256 *hash)
{
	return sim_index_get(&b->block_by_hash, hash->b);
}

bool simbtc_in_best(const struct sim_bitcoin *b, uint32_t block)
{
	const uint32_t height = b->block[block].height;
	return height < b->chain_len && b->chain[height] == block;
}

uint32_t simbtc_median_time(const struct sim_bitcoin *b, uint32_t block)
{
	uint32_t time[SIMBTC_MEDIAN_SPAN], count = 0;
	for (; block != SIMBTC_NONE && count < SIMBTC_MEDIAN_SPAN; block = b->block[block].parent) {
		uint32_t at = count++;
		for (; at > 0 && time[at - 1] > b->block[block].header.time; at--)
			time[at] = time[at - 1];
		time[at] = b->block[block].header.time;
	}
	return time[count / 2];
}

/* ---- blocks onto the chain and off it ---- */

static void tx_mined(struct sim_bitcoin *b, uint32_t tx, uint32_t block)
{
	struct simbtc_tx *t = b->tx[tx];
	if (t->state == SIMBTC_POOL)
		simbtc_pool_remove(b, tx);
	t->state = SIMBTC_MINED;
	t->block = block;
	sim_index_put(&b->tx_by_id, t->txid.b, tx);
}

/* Whatever else in the mempool spends what this transaction spends can never be mined now. */
static void evict_conflicts(struct sim_bitcoin *b, const struct btc_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_count; i++) {
		uint8_t key[36];
		memcpy(key, tx->in[i].prev.txid.b, 32);
		store_le32(key + 32, tx->in[i].prev.index);
		const uint32_t other = sim_index_get(&b->spender, key);
		if (other != MAP_NONE)
			simbtc_pool_evict(b, other);
	}
}

static void connect(struct sim_bitcoin *b, uint32_t at)
{
	struct simbtc_block *block = &b->block[at];
	CHECK(block->height == b->chain_len);
	block->undo_count = 0;
	for (uint32_t i = 0; i < block->tx_count; i++) {
		const uint32_t tx = block->tx[i];
		const struct simbtc_tx *t = b->tx[tx];
		tx_mined(b, tx, at);
		if (i > 0)
			evict_conflicts(b, &t->tx);
		for (uint32_t k = 0; i > 0 && block->height > 0 && k < t->tx.in_count; k++) {
			block->undo = sim_grow(block->undo, &block->undo_cap, block->undo_count + 1,
				sizeof *block->undo);
			simbtc_coin_spend(b, &block->undo[block->undo_count++], &t->tx.in[k].prev);
		}
		/* by an old rule the genesis block's first coin does not exist */
		const bool none = block->height == 0 && i == 0;
		for (uint32_t v = 0; !none && v < t->tx.out_count; v++)
			if (!simbtc_unspendable(b, t->tx.out[v].script))
				simbtc_coin_add(b,
					&(struct simbtc_coin){.tx = tx,
						.vout = v,
						.height = block->height,
						.coinbase = i == 0});
	}
	b->chain = sim_grow(b->chain, &b->chain_cap, b->chain_len + 1, sizeof *b->chain);
	b->chain[b->chain_len++] = at;
}

static void disconnect_tip(struct sim_bitcoin *b)
{
	CHECK(b->chain_len > 1);
	struct simbtc_block *block = &b->block[b->chain[b->chain_len - 1]];
	uint32_t undo = block->undo_count;
	for (uint32_t i = block->tx_count; i-- > 0;) {
		struct simbtc_tx *t = b->tx[block->tx[i]];
		for (uint32_t v = 0; v < t->tx.out_count; v++) {
			struct simbtc_coin gone;
			const struct btc_outpoint o = {t->txid, v};
			if (!simbtc_unspendable(b, t->tx.out[v].script))
				simbtc_coin_spend(b, &gone, &o);
		}
		for (uint32_t k = i == 0 ? 0 : t->tx.in_count; k-- > 0;)
			simbtc_coin_add(b, &block->undo[--undo]);
		t->state = SIMBTC_GONE;
		t->block = SIMBTC_NONE;
	}
	CHECK(undo == 0);
	b->chain_len--;
}

/* The valid block that is highest, the first seen of those. */
static uint32_t best_candidate(const struct sim_bitcoin *b)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < b->block_count; i++)
		if (!b->block[i].failed && b->block[i].height > b->block[best].height)
			best = i;
	return best;
}

/* Transactions that lost their block, parents before children. */
struct returned {
	uint32_t *tx; /* owned */
	uint32_t count, cap;
};

/* Make `target` the tip. out takes what the blocks taken off held: whoever asks puts it into the
 * mempool, or not, against the tip that stays (return_all). True: blocks were taken off. */
static bool activate(struct sim_bitcoin *b, struct returned *out, uint32_t target)
{
	uint32_t *up = sim_alloc(b->block_count * sizeof *up), up_count = 0;
	uint32_t fork = target;
	while (!simbtc_in_best(b, fork)) {
		up[up_count++] = fork;
		fork = b->block[fork].parent;
	}
	const uint32_t fork_len = b->block[fork].height + 1, old_len = b->chain_len;
	while (b->chain_len > fork_len)
		disconnect_tip(b);
	/* chain[] still names what was taken off, lowest first */
	for (uint32_t h = fork_len; h < old_len; h++) {
		const struct simbtc_block *off = &b->block[b->chain[h]];
		for (uint32_t i = 1; i < off->tx_count; i++) {
			out->tx = sim_grow(out->tx, &out->cap, out->count + 1, sizeof *out->tx);
			out->tx[out->count++] = off->tx[i];
		}
	}
	while (up_count > 0)
		connect(b, up[--up_count]);
	free(up);
	return old_len > fork_len;
}

/* The mempool anew, under the rules of the tip as it is now: what a lock time allowed on the old
 * chain is judged once the new one has its length. */
static void return_all(struct sim_bitcoin *b, struct returned *r, uint64_t now_ms)
{
	uint32_t none = 0;
	simbtc_pool_rebuild(b, r->tx == NULL ? &none : r->tx, r->count, now_ms);
	free(r->tx);
	*r = (struct returned){0};
}

static void activate_best(struct sim_bitcoin *b, uint64_t now_ms, uint32_t best)
{
	struct returned back = {0};
	if (activate(b, &back, best))
		return_all(b, &back, now_ms);
}

/* A block is listed after its parent, so one pass marks all that come after it. */
static void mark_failed(struct sim_bitcoin *b, uint32_t block)
{
	b->block[block].failed = true;
	for (uint32_t i = block + 1; i < b->block_count; i++)
		if (b->block[b->block[i].parent].failed)
			b->block[i].failed = true;
}

void simbtc_invalidate(struct sim_bitcoin *b, uint32_t block, uint64_t now_ms)
{
	CHECK(b->block[block].height > 0);
	mark_failed(b, block);
	activate_best(b, now_ms, best_candidate(b));
}

void simbtc_reconsider(struct sim_bitcoin *b, uint32_t block, uint64_t now_ms)
{
	bool *below = sim_alloc(b->block_count * sizeof *below);
	for (uint32_t i = block; i != SIMBTC_NONE; i = b->block[i].parent)
		b->block[i].failed = false;
	below[block] = true;
	for (uint32_t i = block + 1; i < b->block_count; i++) {
		below[i] = below[b->block[i].parent];
		if (below[i])
			b->block[i].failed = false;
	}
	free(below);
	const uint32_t best = best_candidate(b);
	if (b->block[best].height > simbtc_tip(b)->height)
		activate_best(b, now_ms, best);
}

enum err simbtc_reorg(struct sim_bitcoin *b, uint64_t now_ms, const struct sim_reorg *reorg)
{
	if (reorg->depth == 0 || reorg->depth >= b->chain_len)
		return ERR_RANGE;
	const uint32_t old_len = b->chain_len;
	const uint32_t first = b->chain[old_len - reorg->depth];
	const uint32_t count = reorg->blocks == 0 ? reorg->depth + 1 : reorg->blocks;
	struct returned back = {0};
	mark_failed(b, first);
	(void)activate(b, &back, b->block[first].parent);
	if (reorg->drop)
		back.count = 0;
	for (uint32_t i = 0; i < count; i++)
		(void)simbtc_mine(
			b, now_ms, slice_of(b->faucet_script, sizeof b->faucet_script), true);
	if (b->chain_len > old_len) /* beaten by work, not invalid */
		simbtc_reconsider(b, first, now_ms);
	return_all(b, &back, now_ms);
	return OK;
}

/* ---- mining ---- */

static uint64_t subsidy(const struct sim_bitcoin *b, uint32_t height)
{
	const uint32_t halvings = height / SIMBTC_HALVING;
	return halvings >= 64 ? 0 : b->rules->subsidy >> halvings;
}

/* In the order of arrival, parents first; what is held or pays less than the market waits. */
static void pick(struct sim_bitcoin *b, uint32_t **tx, uint32_t *count, uint64_t *fees)
{
	uint32_t cap = 0;
	uint64_t weight = 0;
	*tx = sim_grow(NULL, &cap, 1, sizeof **tx); /* [0]: the coinbase */
	*count = 1;
	for (uint32_t at = b->pool_head; at != SIMBTC_NONE; at = b->tx[at]->next) {
		struct simbtc_tx *t = b->tx[at];
		bool ready = !t->held && simbtc_rate(t->fee, t->vsize) >= b->market_rate &&
			weight + t->weight <= SIMBTC_BLOCK_WEIGHT;
		for (uint32_t i = 0; ready && i < t->tx.in_count; i++) {
			const uint32_t parent = simbtc_tx_find(b, &t->tx.in[i].prev.txid);
			ready = parent == MAP_NONE || b->tx[parent]->state != SIMBTC_POOL ||
				b->tx[parent]->picked == b->extra_nonce;
		}
		if (!ready)
			continue;
		t->picked = b->extra_nonce;
		weight += t->weight;
		*fees += t->fee;
		*tx = sim_grow(*tx, &cap, *count + 1, sizeof **tx);
		(*tx)[(*count)++] = at;
	}
}

static uint32_t make_coinbase(struct sim_bitcoin *b, const struct simbtc_block *block,
	struct slice script, uint64_t value)
{
	uint8_t storage[COINBASE_MAX];
	struct buf raw = buf_init(storage, sizeof storage);
	uint32_t index;
	b->rules->coinbase(b, &raw, block, script, value);
	CHECK(!raw.overflow && simbtc_tx_add(b, &index, buf_slice(&raw)) == OK);
	return index;
}

static void fill_header(const struct sim_bitcoin *b, struct simbtc_block *block, uint64_t now_ms)
{
	struct hash256 *leaf = sim_alloc(block->tx_count * sizeof *leaf);
	for (uint32_t i = 0; i < block->tx_count; i++)
		leaf[i] = b->tx[block->tx[i]]->txid;
	const uint32_t least = simbtc_median_time(b, block->parent) + 1;
	const uint32_t now_s = (uint32_t)(now_ms / 1000);
	block->header = (struct btc_header){.version = BLOCK_VERSION,
		.parent = b->block[block->parent].hash,
		.time = now_s < least ? least : now_s,
		.bits = SIMBTC_BITS};
	btc_merkle_root(&block->header.merkle_root, leaf, block->tx_count);
	free(leaf);
	b->rules->seal(b, block);
}

uint32_t simbtc_block_add(struct sim_bitcoin *b, const struct simbtc_block *block)
{
	b->block = sim_grow(b->block, &b->block_cap, b->block_count + 1, sizeof *b->block);
	const uint32_t at = b->block_count++;
	struct simbtc_block *added = &b->block[at];
	*added = *block;
	uint8_t count[9];
	struct buf compact = buf_init(count, sizeof count);
	btc_put_compact(&compact, added->tx_count);
	struct text header = {0};
	b->rules->header_put(&header, added);
	added->size = added->stripped_size = (uint32_t)(header.len + compact.len);
	text_fini(&header);
	for (uint32_t i = 0; i < added->tx_count; i++) {
		const struct simbtc_tx *t = b->tx[added->tx[i]];
		added->size += t->raw_len;
		added->stripped_size += (uint32_t)((t->weight - t->raw_len) / 3);
	}
	sim_index_put(&b->block_by_hash, added->hash.b, at);
	connect(b, at);
	return at;
}

uint32_t simbtc_mine(struct sim_bitcoin *b, uint64_t now_ms, struct slice script, bool empty)
{
	struct simbtc_block block = {.height = b->chain_len, .parent = b->chain[b->chain_len - 1]};
	uint64_t fees = 0;
	uint32_t cap = 0;
	b->extra_nonce++;
	if (empty) {
		block.tx = sim_grow(NULL, &cap, 1, sizeof *block.tx);
		block.tx_count = 1;
	} else {
		pick(b, &block.tx, &block.tx_count, &fees);
	}
	block.tx[0] = make_coinbase(b, &block, script, subsidy(b, block.height) + fees);
	fill_header(b, &block, now_ms);
	return simbtc_block_add(b, &block);
}

void simbtc_chain_begin(struct sim_bitcoin *b)
{
	struct simbtc_block genesis = {.parent = SIMBTC_NONE};
	b->rules->genesis(b, &genesis);
	(void)simbtc_block_add(b, &genesis);
}
