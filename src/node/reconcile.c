#include "node/reconcile.h"

#include <stdlib.h>

struct layer_run {
	struct reconciler *r;
	enum layer_id layer;
	struct loop_timer timer;
	struct block_ref asked_at; /* the ledger's tip when the scan was asked for */
};

struct reconciler {
	struct reconcile_config config;
	struct layer_run run[LAYER_COUNT];
	struct layer_lock_ref lock[LAYER_SCAN_LOCKS_MAX];
};

static void scan(void *ctx);

static void again(struct layer_run *run, uint64_t ms)
{
	/* with no timer left the next restart reconciles: metrics show the age of the last one */
	(void)!loop_timer_set(run->r->config.loop, &run->timer, ms, scan, run);
}

static void on_scan(void *ctx, const struct layer_scan *answer)
{
	struct layer_run *run = ctx;
	struct engine *e = run->r->config.engine;
	const struct layer_state *s = &engine_ledger(e)->layer[run->layer];

	if (answer->err != OK || !hash256_eq(&answer->block.hash, &run->asked_at.hash) ||
		!hash256_eq(&s->tip.hash, &run->asked_at.hash)) {
		again(run, RECONCILE_RETRY_MS);
		return;
	}
	const enum err err = engine_reconciled(e, loop_wall_ms(run->r->config.loop), run->layer,
		&answer->block, answer->wallet, answer->locked);
	again(run, err == OK ? run->r->config.interval_ms : RECONCILE_RETRY_MS);
}

/* Our own lock-ups that the books say are still locked. */
static size_t open_locks(struct reconciler *r, enum layer_id layer)
{
	const struct ledger *l = engine_ledger(r->config.engine);
	size_t n = 0;
	for (uint32_t i = 0; i < l->active_swap_count && n < LAYER_SCAN_LOCKS_MAX; i++) {
		const struct swap *s = &l->swap[l->active_swap[i]];
		const struct leg *leg = &s->dest;
		if (leg->layer != layer || leg->bound == INDEX_NONE)
			continue;
		const struct lock_fact *k = &leg->lock[leg->bound];
		if (k->height == 0 || k->spent_height != 0)
			continue;
		r->lock[n++] = (struct layer_lock_ref){
			.leg = slice_of(leg->terms, leg->terms_len), .at = k->at};
	}
	return n;
}

static void scan(void *ctx)
{
	struct layer_run *run = ctx;
	struct reconciler *r = run->r;
	const size_t n = open_locks(r, run->layer);
	run->asked_at = engine_ledger(r->config.engine)->layer[run->layer].tip;
	if (layer_scan(r->config.layer[run->layer], r->lock, n, on_scan, run) != OK)
		again(run, RECONCILE_RETRY_MS);
}

enum err reconcile_create(struct reconciler **out, const struct reconcile_config *config)
{
	struct reconciler *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ERR_FULL;
	r->config = *config;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		r->run[i] = (struct layer_run){.r = r, .layer = (enum layer_id)i};
	*out = r;
	return OK;
}

void reconcile_destroy(struct reconciler *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		loop_timer_cancel(r->config.loop, &r->run[i].timer);
	free(r);
}

void reconcile_start(struct reconciler *r, enum layer_id layer)
{
	again(&r->run[layer], RECONCILE_RETRY_MS);
}
