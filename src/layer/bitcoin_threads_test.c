/* Bitcoin's adapter on a real loop whose blocks are checked by workers. */
#include "base/hex.h"
#include "btc/block.h"
#include "crypto/hash.h"
#include "layer/bitcoin_world_test.h"
#include "layer/follow.h"
#include "rt/executor.h"
#include <stdlib.h>

#define STEP_MS 600000u /* a wake-up that is lost is a test that does not end */
#define BLOCKS 60u

static uint64_t tasks_run(void)
{
	struct executor_counts counts;
	uint32_t imbalance;
	executor_totals(fake.executor, &counts, &imbalance);
	return counts.run + counts.dropped;
}

static void run_until_height(uint64_t height)
{
	while (fake_info(&fake).tip.height < height)
		(void)loop_step(fake.loop, STEP_MS);
}

/* Windows of blocks, checked at once, are reported in order; each one by a worker. */
static void test_follows(void)
{
	struct offload_stat stat;
	world_begin_threads();
	world_mine();
	while (chain.height < BLOCKS)
		chain_mine(&chain, NULL, 0);
	world_start();
	run_until_height(BLOCKS);
	CHECK(fake.block_count == BLOCKS && fake.event_count == 5 && fake.reorg_count == 0);
	CHECK(hash256_eq(&fake_event(&fake, CHAIN_LOCK_SPENT)->preimage, &preimage));
	chain_undo(&chain, 2);
	for (unsigned i = 0; i < 3; i++)
		chain_mine(&chain, NULL, 0);
	run_until_height(BLOCKS + 1);
	CHECK(fake.reorg_count == 1 && fake.block_count == BLOCKS + 1);
	offload_stat(fake.offload, &stat);
	CHECK(stat.submitted >= BLOCKS + 3 && stat.open == 0 && tasks_run() == stat.submitted);
	CHECK(stat.open_peak > 1 && stat.open_peak <= FOLLOW_WINDOW);
	world_end();
}

static struct json *lie_root(void *ctx, struct json *honest)
{
	const struct slice text = json_string(honest);
	char *copy = malloc(text.len + 1);
	(void)ctx;
	CHECK(copy != NULL);
	memcpy(copy, text.ptr, text.len + 1);
	copy[text.len - 20] ^= 1; /* in the last output */
	json_free(honest);
	struct json *v = json_new_string(copy);
	free(copy);
	return v;
}

static void test_lies(void)
{
	world_begin_threads();
	world_mine();
	fake.lie_method = "getblock";
	fake.lie = lie_root;
	world_start();
	while (tasks_run() < 10)
		(void)loop_step(fake.loop, STEP_MS);
	CHECK(fake.block_count == 0 && fake_info(&fake).err == ERR_CHECKSUM);
	fake.lie_method = NULL;
	run_until_height(3);
	CHECK(fake.block_count == 3 && fake.event_count == 5);
	world_end();
}

/* Many outputs to nobody: its check takes a while. */
static void mine_large(void)
{
	enum { OUTPUTS = 9000 };
	static struct btc_txout out[OUTPUTS];
	static uint8_t raw[OUTPUTS * 9 + 100];
	struct btc_txin in = {.prev.txid = {{8}}};
	const struct btc_tx t = {
		.version = 2, .in = &in, .in_count = 1, .out = out, .out_count = OUTPUTS};
	struct buf b = buf_init(raw, sizeof raw);
	struct chain_tx large = {.big = raw};
	btc_tx_put(&b, &t);
	CHECK(!b.overflow);
	large.len = b.len;
	btc_tx_id(&large.txid, &t);
	chain_mine(&chain, &large, 1);
}

/* The layer goes while its blocks are with the workers: they come to an end, and nobody hears. */
static void test_destroyed(void)
{
	for (unsigned round = 0; round < 20; round++) {
		struct offload_stat stat;
		world_begin_threads();
		for (unsigned i = 0; i < FOLLOW_WINDOW; i++)
			mine_large();
		world_start();
		do {
			(void)loop_step(fake.loop, STEP_MS);
			offload_stat(fake.offload, &stat);
		} while (stat.submitted == 0);
		for (unsigned i = 0; i < round; i++)
			(void)loop_step(fake.loop, 0);
		world_end();
	}
}

/* More blocks than may be checked at once: refused, asked for again, and reported in the end. */
static void test_back_pressure(void)
{
	struct offload_stat stat;
	world_begin_threads();
	offload_destroy(fake.offload);
	const struct offload_config config = {
		.loop = fake.loop, .executor = fake.executor, .jobs_max = 1};
	CHECK(offload_create(&fake.offload, &config) == OK);
	layer_destroy(fake.layer);
	const struct layer_config layer = {.id = LAYER_BITCOIN,
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.loop = fake.loop,
		.upstream = fake.upstream,
		.offload = fake.offload,
		.poll_ms = 1};
	CHECK(layer_create(&fake.layer, &layer) == OK);
	for (unsigned i = 0; i < 2 * FOLLOW_WINDOW; i++)
		mine_large();
	world_start();
	do {
		(void)loop_step(fake.loop, STEP_MS);
		offload_stat(fake.offload, &stat);
	} while (stat.refused == 0);
	/* one after the other, as they come */
	while (chain.height > 1)
		chain_undo(&chain, 1);
	run_until_height(1);
	CHECK(fake.block_count == 1);
	world_end();
}

/* ---- scans ---- */

#define LOCKS 400u

static struct layer_scan scanned;
static uint32_t called;

static void on_scan(void *ctx, const struct layer_scan *s)
{
	(void)ctx;
	scanned = *s;
	called++;
}

/* The scripts of many lock-ups are made by workers; terms that are none are said by callback. */
static void test_scan(void)
{
	static struct layer_lock_ref ref[LOCKS];
	world_begin_threads();
	world_mine();
	chain.unspent = json_array();
	called = 0;
	for (uint32_t i = 0; i < LOCKS; i++)
		ref[i] = (struct layer_lock_ref){.leg = leg, .at = {.tx = lock.txid, .index = i}};
	CHECK(layer_scan(fake.layer, ref, LOCKS, on_scan, NULL) == OK && called == 0);
	while (called == 0)
		(void)loop_step(fake.loop, STEP_MS);
	CHECK(scanned.err == OK && amount_is_zero(scanned.locked));
	ref[LOCKS / 2].leg = slice_str("no terms");
	CHECK(layer_scan(fake.layer, ref, LOCKS, on_scan, NULL) == OK && called == 1);
	while (called == 1)
		(void)loop_step(fake.loop, STEP_MS);
	CHECK(scanned.err != OK);
	/* and the layer goes meanwhile */
	CHECK(layer_scan(fake.layer, ref, LOCKS, on_scan, NULL) == OK);
	json_free(chain.unspent);
	world_end();
	CHECK(called == 2);
}

int main(void)
{
	test_scan();
	test_follows();
	test_lies();
	test_destroyed();
	test_back_pressure();
	return EXIT_SUCCESS;
}
