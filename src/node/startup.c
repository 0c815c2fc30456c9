/* The steps of the core that wait for others: the signer, then each layer. */
#include "node/core_internal.h"

#include "node/log.h"

#include <stdio.h>

/* ---- the signer, and what follows from its key ---- */

static bool params_equal(const struct ledger_params *a, const struct ledger_params *b)
{
	uint8_t sa[2048], sb[2048];
	struct buf x = buf_init(sa, sizeof sa), y = buf_init(sb, sizeof sb);
	params_put(&x, a);
	params_put(&y, b);
	CHECK(!x.overflow && !y.overflow);
	return slice_eq(buf_slice(&x), buf_slice(&y));
}

/* Settings become a record when they change, so that a replay sees those of the time. */
static enum err take_params(struct core *k, const struct pubkey *wallet)
{
	struct ledger_params p;
	config_params(&p, k->config);
	p.wallet = *wallet;
	if (k->ledger->has_params && p.layer[LAYER_BITCOIN].network == NULL)
		p.deposits = k->ledger->params.deposits;
	/* a layer that is switched off keeps its parameters: what is under way there goes on */
	for (unsigned i = 0; k->ledger->has_params && i < LAYER_COUNT; i++)
		if (p.layer[i].network == NULL)
			p.layer[i] = k->ledger->params.layer[i];
	if (k->ledger->has_params && params_equal(&p, &k->ledger->params))
		return OK;
	return engine_params(k->engine, loop_wall_ms(k->loop), &p);
}

/* A switch of the journal's mode is a record, too. */
static enum err take_durability(struct core *k)
{
	return engine_set_durability(
		k->engine, loop_wall_ms(k->loop), k->config->durability, k->config->durability_ms);
}

static void on_hello(void *ctx, const struct signer_info *info)
{
	struct core *k = ctx;
	const bool was = k->signer_connected;

	k->signer_connected = info->err == OK;
	if (info->err != OK) {
		if (was || !k->signer_known)
			log_line(LOG_WARNING, "signer: %s: %s", err_name(info->err), info->detail);
	} else if (!k->signer_known) {
		if (take_params(k, &info->wallet) != OK) {
			log_line(LOG_ERROR,
				"the signer's wallet, a network or bitcoin.deposit_descriptor is "
				"not this journal's");
			core_stop(k, CORE_END_DATA);
			return;
		}
		if (take_durability(k) != OK) {
			log_line(LOG_ERROR, "the journal's mode can't be switched");
			core_stop(k, CORE_END_DATA);
			return;
		}
		k->signer_known = true;
		log_line(LOG_INFO, "signer: connected");
		if (core_start_api(k) != OK)
			return;
		for (unsigned i = 0; i < LAYER_COUNT; i++)
			if (k->layer[i] != NULL)
				core_start_layer(&k->start[i]);
	}
	const uint64_t again_ms = k->signer_connected ? CORE_SIGNER_CHECK_MS : CORE_RETRY_MS;
	if (loop_timer_set(k->loop, &k->signer_timer, again_ms, core_ask_signer, k) != OK)
		log_line(LOG_WARNING, "signer: no timer left for its health check");
}

void core_ask_signer(void *core)
{
	struct core *k = core;
	if (signer_hello(k->signer, k->config->signer_timeout_ms, on_hello, k) == OK)
		return;
	if (loop_timer_set(k->loop, &k->signer_timer, CORE_RETRY_MS, core_ask_signer, k) != OK)
		log_line(LOG_WARNING, "signer: no timer left for its health check");
}

/* ---- a layer ---- */

static void retry(struct layer_start *s, enum err err, const char *detail)
{
	if (s->said != err || err == OK)
		log_line(LOG_WARNING, "%s: %s: %s", layer_name(s->id), err_name(err), detail);
	s->said = err;
	if (loop_timer_set(s->core->loop, &s->timer, CORE_RETRY_MS, core_start_layer, s) != OK)
		log_line(LOG_ERROR, "%s: no timer left to try again", layer_name(s->id));
}

static void follow(struct layer_start *s)
{
	struct core *k = s->core;
	const enum err err = watch_start(k->watch, s->id);
	if (err != OK) {
		log_line(LOG_ERROR, "%s: can't be followed: %s", layer_name(s->id), err_name(err));
		core_stop(k, CORE_END_FAILED);
		return;
	}
	s->following = true;
	reconcile_start(k->reconciler, s->id);
	log_line(LOG_INFO, "%s: following from block %llu", layer_name(s->id),
		(unsigned long long)k->ledger->layer[s->id].tip.height);
}

static void be_born(
	struct layer_start *s, const struct block_ref *block, const struct layer_scan *held)
{
	struct core *k = s->core;
	const enum err err = engine_birth(k->engine, loop_wall_ms(k->loop), s->id, block,
		held->nonce, held->wallet, held->gas);
	if (err != OK) {
		retry(s, err, "the first block could not be journaled");
		return;
	}
	log_line(LOG_INFO, "%s: born at block %llu", layer_name(s->id),
		(unsigned long long)block->height);
	follow(s);
}

/* The first block of the books: everything that was ours before it must be known. An account says
 * what it held; coins have to be found, so their wallet starts empty, or at a block that the
 * operator names. It lies the final depth below the tip: a reorganisation that we are to follow
 * must not take it off, since what was before it we could not know. What has come since is
 * followed. */
static uint64_t birth_below(const struct core *k, enum layer_id id, uint64_t height)
{
	const uint32_t depth = k->config->layer[id].params.final_depth;
	return height > depth ? height - depth : 0;
}

static void on_birth_account(void *ctx, const struct layer_scan *scan)
{
	struct layer_start *s = ctx;
	if (scan->err != OK)
		retry(s, scan->err, scan->detail);
	else
		be_born(s, &scan->block, scan);
}

static void on_birth_block(void *ctx, enum err err, const struct block_ref *block)
{
	struct layer_start *s = ctx;
	const struct layer_scan none = {.wallet = amount_zero(layer_asset(s->id)),
		.gas = amount_zero(layer_gas_asset(s->id))};
	if (err != OK)
		retry(s, err, "the first block can't be had");
	else
		be_born(s, block, &none);
}

/* Channels tell what is ours as of now. */
static void on_birth_channels(void *ctx, const struct layer_scan *scan)
{
	struct layer_start *s = ctx;
	if (scan->err != OK)
		retry(s, scan->err, scan->detail);
	else
		be_born(s, &scan->block, scan);
}

static void ask_birth_block(struct layer_start *s, uint64_t height)
{
	const enum err err = layer_block_at(s->core->layer[s->id], height, on_birth_block, s);
	if (err != OK)
		retry(s, err, "the first block can't be asked for");
}

static void on_birth_coins(void *ctx, const struct layer_scan *scan)
{
	struct layer_start *s = ctx;
	if (scan->err != OK)
		retry(s, scan->err, scan->detail);
	else if (!amount_is_zero(scan->wallet))
		retry(s, ERR_STATE,
			"the wallet holds coins older than its journal: set birth_height "
			"to a block before the first of them");
	else
		ask_birth_block(s, birth_below(s->core, s->id, scan->block.height));
}

static void ask_birth(struct layer_start *s, uint64_t tip)
{
	const struct core *k = s->core;
	const uint64_t below = birth_below(k, s->id, tip),
		       named = k->config->layer[s->id].birth_height;
	enum err err = OK;
	if (layer_family(s->id) == FAMILY_CHANNEL)
		err = layer_scan(k->layer[s->id], NULL, 0, on_birth_channels, s);
	else if (layer_family(s->id) == FAMILY_ACCOUNT)
		err = layer_scan_at(k->layer[s->id], below, on_birth_account, s);
	else if (named == 0)
		err = layer_scan(k->layer[s->id], NULL, 0, on_birth_coins, s);
	else
		ask_birth_block(s, named < below ? named : below);
	if (err != OK)
		retry(s, err, "the first block can't be asked for");
}

static void on_checked(void *ctx, const struct layer_info *info)
{
	struct layer_start *s = ctx;
	if (info->err != OK)
		retry(s, info->err, info->detail);
	else if (s->core->ledger->layer[s->id].born)
		follow(s);
	else
		ask_birth(s, info->tip.height);
}

void core_start_layer(void *layer_start)
{
	struct layer_start *s = layer_start;
	struct core *k = s->core;
	if (s->following || k->stopping)
		return;
	/* a scan of our scripts needs the scripts */
	enum err err = watch_scripts(k->watch, s->id);
	if (err == OK)
		err = layer_check(k->layer[s->id], on_checked, s);
	if (err != OK)
		retry(s, err, "can't be asked");
}
