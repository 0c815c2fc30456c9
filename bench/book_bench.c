/* Durable transfers in the engine, and what a start takes: customers' transfers in batches, through
 * the engine, with the journal in `group` mode and the log's Merkle tree beside it; then the
 * journal that this made is verified, folded, and both.
 *
 *   book_bench DIR [BATCHES]
 *
 * The method is the one that TigerBeetle publishes (docs/benchmarks.md): 10,000 accounts, random
 * transfers between them in batches of 8,190, ids that were never seen, each looked up among all
 * before it. Two batches are under way at once: one is applied while the other is being synced. A
 * batch's latency is from the call until it is durable. Prints one JSON object a row; what it is
 * doing goes to standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book_world.h"
#include "compare.h"
#include "rt/eventcount.h"
#include "sys/clock.h"

#define BATCHES_DEFAULT 400u
#define BATCHES_MAX 20000u
#define BATCHES_WARM 8u
#define UNDER_WAY 2u
#define AGAIN_EVERY 37u /* of the batches, so many are sent again in the end */
#define GOAL_TRANSFERS 100000.0

static struct book_world w;
static struct eventcount durable_changed;
static uint32_t latency_ns[BATCHES_MAX];
static bool missed;
static uint64_t batch_seq[BATCHES_MAX], batch_begun[BATCHES_MAX];

static void row(const char *name, double ours, const char *unit, double goal)
{
	(void)printf("{\"name\":\"%s\",\"peer\":null,\"peer_version\":null,\"ours\":%.4g,"
		     "\"theirs\":null,\"unit\":\"%s\",\"ratio\":null,",
		name, ours, unit);
	missed = missed || ours < goal;
	if (goal > 0)
		(void)printf(
			"\"goal\":\">= %g\",\"met\":%s}\n", goal, ours >= goal ? "true" : "false");
	else
		(void)printf("\"goal\":null,\"met\":null}\n");
	(void)fflush(stdout);
}

static void on_durable(void *ctx)
{
	(void)ctx;
	eventcount_notify_all(&durable_changed);
}

static bool is_durable(void *ctx)
{
	return journal_durable(w.journal) >= *(const uint64_t *)ctx;
}

/* Until the batch is durable; notes how long that took. */
static void await(uint32_t batch, uint32_t warm)
{
	while (eventcount_await(&durable_changed, UINT64_MAX, is_durable, &batch_seq[batch]) != OK)
		continue;
	if (batch >= warm)
		latency_ns[batch - warm] = (uint32_t)(clock_mono_ns() - batch_begun[batch]);
}

static void run(uint32_t batches)
{
	uint64_t begun = 0;
	struct journal_stat before, after;
	for (uint32_t i = 0; i < batches + BATCHES_WARM; i++) {
		if (i >= UNDER_WAY)
			await(i - UNDER_WAY, BATCHES_WARM);
		if (i == BATCHES_WARM) {
			begun = clock_mono_ns();
			journal_stat(w.journal, &before);
		}
		book_world_draw(&w, i, BOOK_BATCH_MAX);
		batch_begun[i] = clock_mono_ns();
		batch_seq[i] = book_world_send(&w, OK);
		engine_flush(w.engine);
	}
	for (uint32_t i = batches + BATCHES_WARM - UNDER_WAY; i < batches + BATCHES_WARM; i++)
		await(i, BATCHES_WARM);
	const double took = (double)(clock_mono_ns() - begun) / 1e9;
	journal_stat(w.journal, &after);
	const uint64_t syncs = after.syncs - before.syncs;
	CHECK(syncs >= batches / UNDER_WAY);
	(void)fprintf(stderr, "%u batches, %.2f s, %llu syncs\n", batches, took,
		(unsigned long long)syncs);
	row("durable transfers in the engine, batches of 8,190, group mode",
		(double)batches * BOOK_BATCH_MAX / took, "transfers/s", GOAL_TRANSFERS);
	row("the same, a batch until it is durable, p50",
		latency_quantile(latency_ns, batches, 0.5) / 1e6, "ms", 0);
	row("the same, p99", latency_quantile(latency_ns, batches, 0.99) / 1e6, "ms", 0);
	row("the same, the longest", latency_quantile(latency_ns, batches, 1) / 1e6, "ms", 0);
}

/* Some of the batches again under new keys: not one of their transfers is done twice. */
static void check_duplicates(uint32_t batches)
{
	const struct book *b = &w.ledger->book;
	u128 in, out, in_again, out_again;
	book_totals(b, BOOK_LAYER, &in, &out);
	for (uint32_t i = 0; i < batches; i += AGAIN_EVERY) {
		book_world_draw(&w, i, BOOK_BATCH_MAX);
		(void)book_world_send(&w, OK);
		for (uint32_t k = 0; k < BOOK_BATCH_MAX; k++)
			CHECK(b->result[k] == BOOK_EXISTS);
	}
	book_totals(b, BOOK_LAYER, &in_again, &out_again);
	CHECK(in == in_again && out == out_again);
	const struct account_total *t = &w.ledger->layer[BOOK_LAYER].account[ACCOUNT_CUSTOMER];
	CHECK(in - out == t->out - t->in);
}

static uint64_t rows_of(uint32_t batches)
{
	return (uint64_t)(batches + BATCHES_WARM + batches / AGAIN_EVERY + 1) *
		(BOOK_BATCH_MAX + 1);
}

int main(int argc, char **argv)
{
	const uint32_t batches = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : BATCHES_DEFAULT;
	if (argc < 2 || batches < AGAIN_EVERY || batches > BATCHES_MAX - BATCHES_WARM) {
		(void)fprintf(stderr, "usage: book_bench DIR [BATCHES, %u to %u]\n", AGAIN_EVERY,
			BATCHES_MAX - BATCHES_WARM);
		return 2;
	}
	compare_machine();
	eventcount_init(&durable_changed, 0);
	book_world_open(&w, argv[1], rows_of(batches), on_durable);
	run(batches);
	check_duplicates(batches);
	book_world_end(&w);
	return missed ? EXIT_FAILURE : EXIT_SUCCESS;
}
