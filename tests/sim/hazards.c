/* The scenarios' common part: the table, the work that they begin with, and what several use. */
#include "hazards.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "client/rescue.h"
#include "draw.h"
#include "world.h"

#define MINUTE_MS UINT64_C(60000)
#define BEGIN_MS (12 * MINUTE_MS) /* the provider is funded by then */
#define SPREAD_MS MINUTE_MS
/* As fast as a program that asks every 10 s can follow. */
#define HURRY_BITCOIN_MS 6000u
#define HURRY_ROOTSTOCK_MS 1500u
#define SAT_MIN 100000u
#define SAT_MAX 5000000u

/* ---- the table ---- */

static const struct {
	const struct hazard *list;
	const size_t *count;
} parts[] = {
	{hazards_time, &hazards_time_count},
	{hazards_race, &hazards_race_count},
	{hazards_chain, &hazards_chain_count},
	{hazards_fee, &hazards_fee_count},
	{hazards_process, &hazards_process_count},
	{hazards_disk, &hazards_disk_count},
	{hazards_trust, &hazards_trust_count},
	{hazards_channel, &hazards_channel_count},
	{hazards_token, &hazards_token_count},
};

const struct hazard *hazard_at(size_t index)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (index < *parts[i].count)
			return &parts[i].list[index];
		index -= *parts[i].count;
	}
	return NULL;
}

const struct hazard *hazard_by_name(const char *name)
{
	const struct hazard *h;
	for (size_t i = 0; (h = hazard_at(i)) != NULL; i++)
		if (strcmp(h->name, name) == 0)
			return h;
	return NULL;
}

void hazards_print(void)
{
	const struct hazard *h;
	for (size_t i = 0; (h = hazard_at(i)) != NULL; i++) {
		(void)printf("%2u  %-22s %s\n", h->row, h->name, h->about);
		for (uint32_t m = 0; m < h->mutant_count; m++)
			(void)printf("    - %s\n", mutant_name(h->mutant[m]));
	}
}

void hazard_plan(struct plan *p, const struct hazard *h, uint64_t seed)
{
	struct draw draw;
	draw_init(&draw, seed, h->name, 0);
	*p = (struct plan){.seed = seed, .hazard = h, .lightning = h->lightning};
	p->other = h->other == LAYER_BITCOIN ? LAYER_ROOTSTOCK : h->other;
	uint64_t at = BEGIN_MS + draw_between(&draw, 0, SPREAD_MS);
	for (uint32_t i = 0; i < h->work_count; i++) {
		const struct hazard_work *work = &h->work[i];
		const uint64_t sat = draw_between(&draw, SAT_MIN, SAT_MAX);
		at += work->after_ms;
		p->item[p->count++] = (struct plan_item){.at_ms = at,
			.kind = work->kind,
			.layer = work->layer,
			.to = h->lightning                     ? work->to
				: work->layer == LAYER_BITCOIN ? p->other
							       : LAYER_BITCOIN,
			.a = work->sat != 0 ? work->sat : sat,
			.b = work->manner};
	}
	p->work_ms = at;
}

/* ---- what several scenarios use ---- */

void hazard_met(struct world *w)
{
	if (w->hazard.met)
		return;
	w->hazard.met = true;
	world_say(w, LANE_WORLD, TRACE_FAULT, "%s", w->plan.hazard->name);
}

const struct effect *hazard_effect(const struct world *w, enum sign_purpose purpose)
{
	const struct ledger *l = host_ledger(&w->host);
	for (uint32_t i = 0; l != NULL && i < l->effect_count; i++)
		if (l->effect[i].purpose == purpose)
			return &l->effect[i];
	return NULL;
}

void hazard_id(char out[HAZARD_ID_SIZE], enum layer_id layer, const struct hash256 *tx)
{
	uint8_t b[sizeof tx->b];
	for (size_t i = 0; i < sizeof b; i++) /* Bitcoin's are written backwards */
		b[i] = tx->b[layer == LAYER_BITCOIN ? sizeof b - 1 - i : i];
	const size_t prefix = layer == LAYER_BITCOIN ? 0 : 2;
	memcpy(out, "0x", prefix);
	hex_encode(out + prefix, b, sizeof b);
}

void hazard_hold_tx(struct world *w, enum layer_id layer, const struct hash256 *tx, bool on)
{
	char id[HAZARD_ID_SIZE];
	hazard_id(id, layer, tx);
	nets_try(&w->nets, layer, "sim_hold", "[\"%s\", %s]", id, on ? "true" : "false");
}

void hazard_hold_pool(struct world *w)
{
	struct json *pool = json_clone(nets_lever(&w->nets, LAYER_BITCOIN, "getrawmempool", "[]"));
	for (size_t i = 0; i < json_count(pool); i++)
		nets_try(&w->nets, LAYER_BITCOIN, "sim_hold", "[\"%s\"]",
			(const char *)json_string(json_at(pool, i)).ptr);
	json_free(pool);
}

void hazard_hold(struct world *w, const struct effect *f, uint32_t from, uint32_t to, bool on)
{
	for (uint32_t i = from; i < to && i < f->variant_count; i++)
		hazard_hold_tx(w, f->layer, &f->variant[i].txid, on);
}

bool hazard_hold_taker(struct world *w, uint32_t taker, enum sign_purpose purpose, bool on)
{
	const struct rescue *r = taker_rescue(w, taker);
	bool any = false;
	for (uint32_t i = 0; r != NULL && i < r->tx_count; i++) {
		if (r->tx[i].purpose != purpose)
			continue;
		hazard_hold_tx(w, rescue_layer(r, r->tx[i].side), &r->tx[i].txid, on);
		any = true;
	}
	return any;
}

void hazard_evict_taker(struct world *w, uint32_t taker, enum sign_purpose purpose)
{
	const struct rescue *r = taker_rescue(w, taker);
	for (uint32_t i = 0; r != NULL && i < r->tx_count; i++) {
		char id[HAZARD_ID_SIZE];
		const enum layer_id layer = rescue_layer(r, r->tx[i].side);
		if (r->tx[i].purpose != purpose)
			continue;
		hazard_id(id, layer, &r->tx[i].txid);
		nets_try(&w->nets, layer, "sim_evict", "[\"%s\"]", id);
	}
}

void hazard_hurry(struct world *w, bool on)
{
	w->nets.block_ms[LAYER_BITCOIN] = on ? HURRY_BITCOIN_MS : WORLD_BITCOIN_BLOCK_MS;
	w->nets.block_ms[nets_other(&w->nets)] = on ? HURRY_ROOTSTOCK_MS : WORLD_ROOTSTOCK_BLOCK_MS;
}

const struct swap *hazard_swap(const struct world *w, uint32_t index)
{
	const struct ledger *l = host_ledger(&w->host);
	return l == NULL || index >= l->swap_count ? NULL : &l->swap[index];
}

void hazard_expect(struct world *w, uint32_t swap, enum swap_state state)
{
	const struct swap *s = hazard_swap(w, swap);
	if (s == NULL || s->state != state)
		world_wrong(w, "swap %u ends %s, it should be %s", swap,
			s == NULL ? "nowhere" : swap_state_name(s->state), swap_state_name(state));
}
