#include "base/hex.h"
#include "btc/descriptor.h"
#include "crypto/hash.h"
#include "layer/bitcoin_world_test.h"
#include <stdlib.h>

static void check_all(void)
{
	const struct chain_event *e = NULL;
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 2);
	e = &fake.event[0];
	CHECK(e->kind == CHAIN_COIN_CREATED && hash256_eq(&e->tx, &deposit.txid));
	CHECK(e->key_index == KEY_INDEX_RECEIVE && e->at.index == 0);
	CHECK(amount_cmp(e->amount, amount_of(layer_asset(world_layer), 50000)) == 0);
	e = fake_event(&fake, CHAIN_LOCK);
	CHECK(id128_eq(&e->swap, &swap) && hash256_eq(&e->at.tx, &lock.txid));
	CHECK(e->timelock == 144 && e->flags == 0);
	CHECK(amount_cmp(e->amount, amount_of(layer_asset(world_layer), 1000000)) == 0);
	e = fake_event(&fake, CHAIN_LOCK_SPENT);
	CHECK(e->spend == LOCK_SPEND_CLAIM && hash256_eq(&e->preimage, &preimage));
	CHECK(hash256_eq(&e->at.tx, &lock.txid) && hash256_eq(&e->tx, &claim.txid));
	e = fake_event(&fake, CHAIN_COIN_SPENT);
	CHECK(hash256_eq(&e->at.tx, &deposit.txid) && hash256_eq(&e->tx, &spend.txid));
	CHECK(fake.event_count == 5);
}

static void test_follows(void)
{
	world_begin();
	world_mine();
	for (unsigned i = 0; i < 40; i++)
		chain_mine(&chain, NULL, 0);
	world_start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 43 && fake_info(&fake).err == OK);
	check_all();
	/* at the tip: block by block, several at once, and nothing twice */
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 44);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.block_count == 46 && fake.event_count == 5 && fake.reorg_count == 0);
	CHECK(fake_info(&fake).tip.height == 46);
	CHECK(fake.rate == 12345 && fake.rate_count == 1);
	world_end();
}

/* A full sink gets the same block again, once it has room. */
static void test_back_pressure(void)
{
	world_begin();
	world_mine();
	fake.block_answer = ERR_FULL;
	world_start();
	fake_run(&fake, 2000);
	CHECK(fake.block_count == 0 && fake.refused_count > 10);
	fake.block_answer = OK;
	fake_run(&fake, 2000);
	CHECK(fake.block_count == 3);
	check_all();
	world_end();
}

/* ---- deposit addresses ---- */

#define TPUB                                                                                       \
	"tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjak"             \
	"ugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL"

static struct descriptor descriptor;

static void watch_deposits(const char *text, uint32_t count)
{
	const struct network *regtest = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	CHECK(descriptor_parse_unchecked(&descriptor, regtest, slice_str(text)) == OK);
	CHECK(layer_watch_deposits(fake.layer, &descriptor, count) == OK);
}

static struct chain_tx pay(uint8_t number, struct slice script, uint64_t value)
{
	static const uint8_t key_path[66] = {1, 64};
	const struct btc_outpoint from = {.txid = {{9}}, .index = number};
	struct chain_tx tx;
	chain_tx(&tx, &chain, &from, slice_of(key_path, 66), script, value);
	return tx;
}

/* Each index below the count, of whatever length its script is, and its spend; no other script,
 * also not one that is ours with zeros behind it. */
static void test_deposits(const char *text)
{
	struct descriptor_scripts of[4];
	struct chain_tx paid[5];
	uint8_t longer[34] = {0};
	world_begin();
	watch_deposits(text, 3);
	for (uint32_t i = 0; i < ARRAY_LEN(of); i++) {
		CHECK(descriptor_derive(&of[i], &descriptor, 0, i) == OK);
		paid[i] = pay((uint8_t)i, slice_of(of[i].output, of[i].output_len), 1000 + i);
	}
	memcpy(longer, of[0].output, of[0].output_len);
	paid[4] = pay(4, slice_of(longer, sizeof longer), 7);
	const bool same = of[0].output_len == sizeof longer;
	chain_mine(&chain, paid, same ? 4 : 5);
	world_start();
	fake_run(&fake, 3000);
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct chain_event *e = &fake.event[i];
		CHECK(e->key_index == (KEY_INDEX_DEPOSIT | i) && hash256_eq(&e->tx, &paid[i].txid));
		CHECK(amount_cmp(e->amount, amount_of(ASSET_BTC, 1000 + i)) == 0);
	}
	/* one more is given, and what was found is followed */
	CHECK(layer_watch_deposits(fake.layer, &descriptor, 4) == OK);
	const struct btc_outpoint at = {.txid = paid[1].txid};
	struct chain_tx more[2];
	chain_tx(&more[0], &chain, &at, slice_of((const uint8_t *)"\x01\x00", 2),
		slice_of((const uint8_t *)"\x51", 1), 10);
	more[1] = pay(5, slice_of(of[3].output, of[3].output_len), 88);
	chain_mine(&chain, more, 2);
	fake_run(&fake, 3000);
	const struct chain_event *spent = fake_event(&fake, CHAIN_COIN_SPENT);
	CHECK(hash256_eq(&spent->at.tx, &paid[1].txid) && hash256_eq(&spent->tx, &more[0].txid));
	CHECK(fake_event_count(&fake, CHAIN_COIN_CREATED) == 4);
	CHECK(fake.event[fake.event_count - 1].key_index == (KEY_INDEX_DEPOSIT | 3));
	world_end();
}

static void test_deposits_refused(void)
{
	struct descriptor other;
	world_begin();
	watch_deposits("wpkh(" TPUB "/0/*)", 2);
	other = descriptor;
	CHECK(layer_watch_deposits(fake.layer, &other, 3) == ERR_STATE);
	world_end();
	world_begin(); /* a script that is no witness program's */
	const struct network *regtest = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	CHECK(descriptor_parse_unchecked(
		      &other, regtest, slice_str("multi(1," TPUB "/0/*," TPUB "/1/*)")) == OK);
	CHECK(layer_watch_deposits(fake.layer, &other, 1) == ERR_RANGE);
	world_end();
}

/* ---- lies ---- */

static struct json *lie_null(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return NULL;
}

static struct json *lie_number(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_u64(7);
}

static struct json *lie_short_text(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_string("00ff0");
}

static struct json *lie_empty(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_object();
}

static struct json *lie_text(void *ctx, struct json *honest)
{
	json_free(honest);
	(void)ctx;
	return json_new_string("not hex at all, not hex at all, not hex at all, not hex at all!!");
}

/* The first len bytes of a text, and more after them, instead of it. */
static struct json *edit(struct json *honest, const char *text, size_t len, const char *more)
{
	char *copy = malloc(len + strlen(more) + 1);
	CHECK(copy != NULL);
	memcpy(copy, text, len);
	memcpy(copy + len, more, strlen(more) + 1);
	json_free(honest);
	struct json *v = json_new_string(copy);
	free(copy);
	return v;
}

/* Changes one hex digit of a text, counted from the front or, negative, from the end. */
static struct json *flip(struct json *honest, long at)
{
	const struct slice text = json_string(honest);
	char *copy = malloc(text.len);
	CHECK(copy != NULL);
	memcpy(copy, text.ptr, text.len);
	const size_t i = at >= 0 ? (size_t)at : text.len - (size_t)-at;
	copy[i] = copy[i] == '0' ? '1' : '0';
	struct json *v = edit(honest, copy, text.len, "");
	free(copy);
	return v;
}

static struct json *lie_parent(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 8 + 10);
}
static struct json *lie_merkle(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 72 + 10);
}
static struct json *lie_output(void *ctx, struct json *honest)
{
	(void)ctx;
	/* Liquid's proofs of nothing and two witnesses lie behind */
	return flip(honest, world_layer == LAYER_LIQUID ? -2 * (2 + 68 + 4 + 20) : -20);
}
/* in the coinbase's witness: nothing but the commitment covers it */
static struct json *lie_witness(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 160 + 2 + 2 * (4 + 2 + 1 + 36 + 1 + 8 + 4 + 1 + 8 + 1 + 38 + 2) + 4);
}

static struct json *lie_cut_byte(void *ctx, struct json *honest)
{
	const struct slice text = json_string(honest);
	(void)ctx;
	return edit(honest, (const char *)text.ptr, text.len - 2, "");
}
static struct json *lie_more(void *ctx, struct json *honest)
{
	const struct slice text = json_string(honest);
	(void)ctx;
	return edit(honest, (const char *)text.ptr, text.len, "00");
}
/* A good block, but not the one that was asked for. */
static struct json *lie_other_block(void *ctx, struct json *honest)
{
	const struct chain *c = ctx;
	const struct chain_block *block = &c->block[0];
	char *text = malloc(2 * block->len + 1);
	CHECK(text != NULL);
	hex_encode(text, block->raw, block->len);
	json_free(honest);
	struct json *v = json_new_string(text);
	free(text);
	return v;
}

static struct json *with(struct json *honest, const char *key, struct json *value)
{
	json_set(honest, key, value);
	return honest;
}
static struct json *lie_best(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "bestblockhash", json_new_string("zz"));
}
static struct json *lie_height_text(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "blocks", json_new_string("3"));
}
static struct json *lie_height_huge(void *ctx, struct json *honest)
{
	(void)ctx;
	return with(honest, "blocks", json_new_u64(INT64_MAX));
}

static struct json *lie_asset(void *ctx, struct json *honest)
{
	const uint64_t at = 2 * (4 + 32 + 32 + 4 + 4 + 2 + 1 + 1 + 4 + 1 + 1 + 36 + 9 + 4 + 1 + 1);
	(void)ctx;
	return flip(honest, (long)at + 4);
}
static struct json *lie_header_height(void *ctx, struct json *honest)
{
	(void)ctx;
	return flip(honest, 2 * (4 + 32 + 32 + 4) + 1);
}

static const struct {
	const char *method;
	fake_lie lie;
	enum { ANY, BITCOIN, LIQUID } layer;
} lies[] = {
	{"getblockchaininfo", lie_null, ANY},
	{"getblockchaininfo", lie_number, ANY},
	{"getblockchaininfo", lie_empty, ANY},
	{"getblockchaininfo", lie_best, ANY},
	{"getblockchaininfo", lie_height_text, ANY},
	{"getblockchaininfo", lie_height_huge, ANY},
	{"getblockhash", lie_null, ANY},
	{"getblockhash", lie_number, ANY},
	{"getblockhash", lie_short_text, ANY},
	{"getblockhash", lie_text, ANY},
	{"getblock", lie_null, ANY},
	{"getblock", lie_number, ANY},
	{"getblock", lie_empty, ANY},
	{"getblock", lie_text, ANY},
	{"getblock", lie_short_text, ANY},
	{"getblock", lie_parent, ANY},
	{"getblock", lie_merkle, ANY},
	{"getblock", lie_output, ANY},
	{"getblock", lie_witness, BITCOIN},
	{"getblock", lie_asset, LIQUID},
	{"getblock", lie_header_height, LIQUID},
	{"getblock", lie_cut_byte, ANY},
	{"getblock", lie_more, ANY},
	{"getblock", lie_other_block, ANY},
};

/* Every answer that can't be right: nothing is reported, info says so, and the truth afterwards is
 * reported in full. */
static void test_lies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		if (lies[i].layer == (world_layer == LAYER_LIQUID ? BITCOIN : LIQUID))
			continue;
		world_begin();
		world_mine();
		fake.lie_method = lies[i].method;
		fake.lie = lies[i].lie;
		world_start();
		fake_run(&fake, 5000);
		CHECK(fake.block_count == 0 && fake.reorg_count == 0 && fake.event_count == 0);
		CHECK(fake_info(&fake).err != OK && fake_info(&fake).detail[0] != '\0');
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.block_count == 3 && fake_info(&fake).err == OK);
		check_all();
		world_end();
	}
}

/* HAZARDS 15: no failure of a question is a reorganisation. */
static void test_errors_are_no_reorganisation(void)
{
	static const char *const methods[] = {
		"getblockchaininfo", "getblockhash", "getblock", "getblockheader"};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		world_begin();
		world_mine();
		world_start();
		fake_run(&fake, 3000);
		CHECK(fake.block_count == 3);
		fake.lie_method = methods[i];
		fake.lie_error = true;
		chain_undo(&chain, 2);
		for (unsigned k = 0; k < 3; k++)
			chain_mine(&chain, NULL, 0);
		fake_run(&fake, 5000);
		/* Without headers the way back is still found, by hashes. */
		const bool needed = strcmp(methods[i], "getblockheader") != 0;
		CHECK((fake.reorg_count == 0) == needed);
		CHECK((fake_info(&fake).err != OK) == needed);
		fake.lie_method = NULL;
		fake_run(&fake, 40000);
		CHECK(fake.reorg_count == 1 && fake.keep.height == 1 && fake.block_count == 4);
		world_end();
	}
}

static void test_reorganisations(bool btcd)
{
	world_begin();
	chain.btcd = btcd;
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	/* as long as before, then longer, then one of one block */
	chain_undo(&chain, 1);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 3);
	CHECK(hash256_eq(&fake.block[2].hash, &chain_tip(&chain)->hash));
	/* the spends of the lost block come again */
	const uint32_t before = fake.event_count;
	const struct chain_tx both[] = {spend, claim};
	chain_mine(&chain, both, 2);
	fake_run(&fake, 3000);
	CHECK(fake.event_count == before + 3 && fake.block_count == 4);
	CHECK(fake.event[before].kind == CHAIN_COIN_SPENT);
	CHECK(fake.event[before + 1].kind == CHAIN_LOCK_SPENT);
	/* invalidated, and nothing in its place: the node says that the block has left */
	chain_undo(&chain, 2);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 2 && fake.keep.height == 2 && fake.block_count == 2);
	CHECK(fake_info(&fake).tip.height == 2);
	chain_mine(&chain, NULL, 0);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 2 && fake.block_count == 3);
	world_end();
}

/* A node that fell behind (restored, or another one) is waited for. */
static void test_behind(void)
{
	world_begin();
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	const uint32_t top = chain.best[3];
	chain.height = 2; /* not "off": it never saw the block */
	const struct block_ref kept = chain.block[top].ref;
	chain.block[top].ref.hash.b[0] ^= 1;
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 0 && fake.block_count == 3);
	CHECK(fake_info(&fake).err == ERR_STATE && fake_info(&fake).syncing);
	chain.block[top].ref = kept;
	chain.height = 3;
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 0 && fake_info(&fake).err == OK);
	/* it knows of blocks that it doesn't have yet: what it has is of the past */
	chain.headers_ahead = 3;
	fake_run(&fake, 3000);
	CHECK(fake_info(&fake).err == ERR_STATE && fake_info(&fake).syncing);
	chain.headers_ahead = 0;
	fake_run(&fake, 3000);
	CHECK(fake_info(&fake).err == OK && !fake_info(&fake).syncing);
	world_end();
}

/* HAZARDS 15: a node that fell behind, and can't say whether our last block left, says nothing. */
static void test_error_while_behind(void)
{
	world_begin();
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	chain.height = 2;
	fake.lie_method = "getblockheader";
	fake.lie_error = true;
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 0 && fake_info(&fake).err != OK);
	fake.lie_method = NULL;
	chain.height = 3;
	fake_run(&fake, 40000);
	CHECK(fake.reorg_count == 0 && fake.block_count == 3 && fake_info(&fake).err == OK);
	world_end();
}

static void test_too_deep(void)
{
	world_begin();
	for (unsigned i = 0; i < 80; i++)
		chain_mine(&chain, NULL, 0);
	world_start();
	fake_run(&fake, 3000);
	CHECK(fake.block_count == 80);
	chain_undo(&chain, 70);
	for (unsigned i = 0; i < 90; i++)
		chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 0 && fake.block_count == 80);
	CHECK(fake_info(&fake).err == ERR_STATE);
	/* nearly as deep as can be followed */
	world_end();
	world_begin();
	for (unsigned i = 0; i < 80; i++)
		chain_mine(&chain, NULL, 0);
	world_start();
	fake_run(&fake, 3000);
	chain_undo(&chain, 60);
	for (unsigned i = 0; i < 90; i++)
		chain_mine(&chain, NULL, 0);
	fake_run(&fake, 5000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 20 && fake.block_count == 110);
	world_end();
}

/* The cursor's top is gone when we come back: the way goes over its older entries. */
static void test_cursor(void)
{
	struct block_ref cursor[3];
	world_begin();
	world_mine();
	for (unsigned i = 0; i < 3; i++)
		cursor[i] = chain.block[3 - i].ref;
	chain_undo(&chain, 1);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	fake_start(&fake, cursor, 3);
	fake_run(&fake, 3000);
	CHECK(fake.reorg_count == 1 && fake.keep.height == 2 && fake.block_count == 2);
	world_end();
	world_begin();
	const struct layer_sink sink = fake_sink(&fake);
	cursor[1].height = 9;
	CHECK(layer_start(fake.layer, cursor, 3, &sink) == ERR_RANGE);
	CHECK(layer_start(fake.layer, cursor, 0, &sink) == ERR_RANGE);
	world_end();
}

static void test_mempool(void)
{
	world_begin();
	world_mine();
	world_start();
	fake_run(&fake, 3000);
	chain_undo(&chain, 2);
	chain_mine(&chain, NULL, 0);
	chain_mine(&chain, NULL, 0);
	chain.pool[0] = lock;
	chain.pool[1] = deposit;
	chain.pool_count = 2;
	fake_run(&fake, 5000);
	CHECK(fake.mempool_count == 1 && fake.mempool[0].kind == CHAIN_LOCK);
	CHECK(hash256_eq(&fake.mempool[0].at.tx, &lock.txid));
	/* a claim of it; a node that lies about a transaction is asked again */
	chain.pool[2] = claim;
	chain.pool_count = 3;
	fake.lie_method = "getrawtransaction";
	fake.lie = lie_parent; /* in the input: another transaction */
	fake_run(&fake, 3000);
	CHECK(fake.mempool_count == 1);
	fake.lie_method = NULL;
	fake_run(&fake, 5000);
	CHECK(fake.mempool_count == 2 && fake.mempool[1].kind == CHAIN_LOCK_SPENT);
	CHECK(hash256_eq(&fake.mempool[1].preimage, &preimage));
	CHECK(fake.mempool[1].spend == LOCK_SPEND_CLAIM);
	world_end();
}

/* Whatever shows the preimage: here a spend of something that is no lock-up we know. */
static void test_preimage_anywhere(void)
{
	static const struct btc_outpoint stranger = {.txid = {{8}}};
	uint8_t witness[35] = {2, 0, 32};
	struct chain_tx show;
	world_begin();
	memcpy(witness + 3, preimage.b, 32);
	chain_tx(&show, &chain, &stranger, slice_of(witness, sizeof witness),
		slice_of(wallet_spk, 34), 1);
	chain.pool[0] = show;
	chain.pool_count = 1;
	world_start();
	fake_run(&fake, 3000);
	CHECK(fake.mempool_count == 1 && fake.mempool[0].kind == CHAIN_LOCK_SPENT);
	CHECK(fake.mempool[0].flags == CHAIN_LOCK_FOREIGN &&
		id128_eq(&fake.mempool[0].swap, &swap));
	CHECK(hash256_eq(&fake.mempool[0].preimage, &preimage));
	chain_mine(&chain, &show, 1);
	fake_run(&fake, 3000);
	CHECK(fake_event(&fake, CHAIN_LOCK_SPENT)->flags == CHAIN_LOCK_FOREIGN);
	world_end();
}

/* Thousands of dust outputs to us and to the lock's script, around what counts. */
static void test_crowded(void)
{
	enum { OUTPUTS = CHAIN_OUTPUTS_MAX };
	static struct btc_txout out[OUTPUTS];
	static uint8_t raw[OUTPUTS * 80 + 100];
	const struct btc_outpoint stranger = {.txid = {{8}}};
	struct buf b = buf_init(raw, sizeof raw);
	struct chain_tx dust = {.big = raw};

	world_begin();
	for (uint32_t i = 0; i < OUTPUTS; i++)
		out[i] = (struct btc_txout){
			.value = {600}, .script = slice_of(i % 2 == 0 ? wallet_spk : lock_spk, 34)};
	chain_tx_put(&b, &dust.txid, &chain, &stranger, slice_of(NULL, 0), out, OUTPUTS);
	dust.len = b.len;
	const struct chain_tx txs[] = {dust, lock, claim};
	chain_mine(&chain, txs, 3);
	world_start();
	fake_run(&fake, 5000);
	CHECK(fake.block_count == 1 && fake_info(&fake).err == OK);
	CHECK(fake.event_count == 3);
	CHECK(hash256_eq(&fake_event(&fake, CHAIN_LOCK)->at.tx, &lock.txid));
	CHECK(hash256_eq(&fake_event(&fake, CHAIN_LOCK_SPENT)->preimage, &preimage));
	CHECK(hash256_eq(&fake_event(&fake, CHAIN_COIN_CREATED)->tx, &claim.txid));
	world_end();
}

static void test_all(enum layer_id layer)
{
	world_layer = layer;
	test_follows();
	test_back_pressure();
	test_lies();
	test_errors_are_no_reorganisation();
	test_reorganisations(false);
	test_behind();
	test_error_while_behind();
	test_too_deep();
	test_cursor();
	test_mempool();
	test_preimage_anywhere();
	test_crowded();
}

int main(void)
{
	test_all(LAYER_LIQUID);
	test_all(LAYER_BITCOIN);
	test_deposits("wpkh(" TPUB "/0/*)");
	test_deposits("tr(" TPUB "/0/*)");
	test_deposits("wsh(sortedmulti(2," TPUB "/0/*," TPUB "/1/*))");
	test_deposits_refused();
	test_reorganisations(true);
	return EXIT_SUCCESS;
}
