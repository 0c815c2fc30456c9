#include "lnds.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "layer/lightning/channels.h"
#include "node/core.h"
#include "sim/lightning_internal.h"
#include "world.h"

#define LOCAL_MSAT UINT64_C(5000000000000) /* of each side: 50 BTC */
#define INVOICE_S 86400u
#define INVOICE_CLTV 18u
#define PARTS_MAX 8u
#define FEE_PPM_MAX 8000u /* above what the provider pays at most */

static uint64_t now_of(const struct nets *n)
{
	return loop_now_ms(n->w->loop);
}

/* ---- life ---- */

static struct sim_node *node_of(struct nets *n, enum simln_side side, struct draw *seeds)
{
	struct sim_node *node = NULL;
	const struct sim_node_config config = {.seed = draw_between(seeds, 1, UINT64_MAX),
		.latency_low_ms = 20,
		.latency_high_ms = 400,
		.wall_ms = WORLD_START_MS};
	struct simln *ln = n->lnds.ln;
	CHECK(sim_node_create(&node, n->w->loop, simln_network(ln, side), &config) == OK);
	simln_rest(ln, side)->node = node;
	return node;
}

void lnds_open(struct nets *n, struct draw *seeds)
{
	struct lnds *c = &n->lnds;
	const struct simln_config config = {.loop = n->w->loop,
		.wall_s = WORLD_START_MS / 1000,
		.height = (uint32_t)nets_height(n, LAYER_BITCOIN),
		.local_msat = {LOCAL_MSAT, LOCAL_MSAT}};
	CHECK(simln_create(&c->ln, &config) == OK);
	n->node[LAYER_LIGHTNING] = node_of(n, SIMLN_ALICE, seeds);
	c->bob = node_of(n, SIMLN_BOB, seeds);
	n->lever[LAYER_LIGHTNING].network = sim_node_network(n->node[LAYER_LIGHTNING]);
	n->count = NETS_COUNT;
	/* the programs read their credential from the disk of this machine */
	(void)snprintf(c->macaroon, sizeof c->macaroon, "/tmp/sluice-sim-XXXXXX");
	const int file = mkstemp(c->macaroon);
	const size_t len = sizeof SIMLN_MACAROON - 1;
	CHECK(file >= 0 && write(file, SIMLN_MACAROON, len) == (ssize_t)len && close(file) == 0);
}

void lnds_close(struct nets *n)
{
	struct lnds *c = &n->lnds;
	if (c->ln == NULL)
		return;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++)
		sim_rest_fini(simln_rest(c->ln, side));
	sim_node_destroy(n->node[LAYER_LIGHTNING]);
	sim_node_destroy(c->bob);
	simln_destroy(c->ln);
	CHECK(unlink(c->macaroon) == 0);
	c->ln = NULL;
}

/* ---- what is asked ---- */

void lnds_serve(struct nets *n, unsigned who, struct http_local_request *request)
{
	const struct wire *wire = &n->wire[who][LAYER_LIGHTNING];
	if (n->lnds.ln == NULL || now_of(n) < wire->down_until_ms)
		http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
	else if (now_of(n) < wire->stalled_until_ms)
		http_local_drop(request);
	else if (who == ACTOR_PROVIDER)
		simln_alice(n->lnds.ln, request);
	else
		simln_bob(n->lnds.ln, request);
}

void lnds_follow(struct nets *n)
{
	if (n->lnds.ln != NULL)
		simln_set_height(n->lnds.ln, (uint32_t)nets_height(n, LAYER_BITCOIN));
}

void lnds_tip(struct hash256 *out, const struct nets *n)
{
	struct block_ref block;
	lightning_block(&block, nets_height(n, LAYER_LIGHTNING), 0);
	*out = block.hash;
}

/* ---- what goes wrong ---- */

static enum simln_side side_of(enum actor who)
{
	return who == ACTOR_PROVIDER ? SIMLN_ALICE : SIMLN_BOB;
}

static struct sim_node *door_of(struct nets *n, enum actor who)
{
	return who == ACTOR_PROVIDER ? n->node[LAYER_LIGHTNING] : n->lnds.bob;
}

/* Down until then: nobody listens, streams break, and nothing passes between the two. */
static void down(struct world *w, enum actor who, uint64_t ms)
{
	simln_set_up(w->nets.lnds.ln, side_of(who), false);
	w->nets.lnds.down_until_ms[side_of(who)] = loop_now_ms(w->loop) + ms;
}

static void spoil(struct world *w, enum actor who, uint64_t kind, uint64_t path, uint64_t count)
{
	static const char *const kinds[] = {"error", "unavailable", "http500", "hang", "timeout",
		"lost_reply", "cut", "half", "garbage"};
	/* to pay, to hold and to settle is where it hurts most */
	static const char *const paths[] = {"/v2/router/send", "/v2/invoices/hodl",
		"/v2/invoices/settle", "/v2/router/track", "*", "*"};
	nets_door_lever(door_of(&w->nets, who), "sim_fault", "[\"%s\", \"%s\", %u]",
		paths[path % ARRAY_LEN(paths)], kinds[kind % ARRAY_LEN(kinds)], (unsigned)count);
}

static void lie(struct world *w, enum simln_lie what, uint64_t ms)
{
	struct lnds *c = &w->nets.lnds;
	simln_set_lie(c->ln, SIMLN_ALICE, c->lie, false);
	c->lie = what;
	simln_set_lie(c->ln, SIMLN_ALICE, what, true);
	c->lie_until_ms = loop_now_ms(w->loop) + ms;
}

static void slow(struct world *w, enum actor who, uint64_t ms)
{
	nets_door_lever(door_of(&w->nets, who), "sim_latency", "[%llu, %llu]",
		(unsigned long long)(ms == 0 ? 20 : ms / 2),
		(unsigned long long)(ms == 0 ? 400 : ms));
}

static void parts(struct world *w, uint64_t count, uint64_t stuck, uint64_t ms)
{
	struct lnds *c = &w->nets.lnds;
	simln_set_parts(c->ln, (uint32_t)count, (uint32_t)(stuck % (count + 1)));
	c->parts_until_ms = loop_now_ms(w->loop) + ms;
}

void lnds_strike(struct world *w, const struct plan_item *i)
{
	const enum actor who = i->b % 3 == 0 ? ACTOR_TAKERS : ACTOR_PROVIDER;
	struct lnds *c = &w->nets.lnds;
	switch (i->kind) {
	case PLAN_NODE_DOWN: down(w, who, i->a); return;
	case PLAN_NODE_STALLS:
		w->nets.wire[who][LAYER_LIGHTNING].stalled_until_ms = loop_now_ms(w->loop) + i->a;
		return;
	case PLAN_NODE_SPOILS: spoil(w, who, i->b / 4, i->b / 64, i->a); return;
	case PLAN_NODE_LIES: lie(w, (enum simln_lie)(i->b % SIMLN_LIE_COUNT), i->a); return;
	case PLAN_NODE_SLOW: slow(w, who, i->a); return;
	case PLAN_CHANNEL_PARTS: parts(w, 1 + i->a % PARTS_MAX, i->a / PARTS_MAX, i->b); return;
	case PLAN_CHANNEL_CUT: simln_cut(c->ln, side_of(who)); return;
	case PLAN_CHANNEL_FEE: simln_set_fee(c->ln, (uint32_t)(i->a % FEE_PPM_MAX)); return;
	case PLAN_SWAP:
	case PLAN_PAYOUT:
	case PLAN_DEPOSIT:
	case PLAN_POWER:
	case PLAN_KILL:
	case PLAN_SIGNER_POWER:
	case PLAN_SIGNER_DOWN:
	case PLAN_SIGNER_REFUSES:
	case PLAN_SIGNER_TWICE:
	case PLAN_TAKER_KILL:
	case PLAN_NODE_TWICE:
	case PLAN_REORG:
	case PLAN_FEES:
	case PLAN_FREEZE:
	case PLAN_EVICT:
	case PLAN_CLOCK:
	case PLAN_DISK_FAILS:
	case PLAN_DISK_STRAYS:
	case PLAN_DISK_FULL:
	case PLAN_DISK_SLOW:
	case PLAN_KINDS: UNREACHABLE();
	}
}

void lnds_turn(struct world *w, bool calm)
{
	struct lnds *c = &w->nets.lnds;
	const uint64_t now = loop_now_ms(w->loop);
	if (c->ln == NULL)
		return;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		if (c->down_until_ms[side] == 0 || (now < c->down_until_ms[side] && !calm))
			continue;
		c->down_until_ms[side] = 0;
		simln_set_up(c->ln, side, true);
	}
	if (c->parts_until_ms != 0 && (now >= c->parts_until_ms || calm)) {
		c->parts_until_ms = 0;
		simln_set_parts(c->ln, 1, 0);
		simln_release(c->ln);
	}
	if (c->lie_until_ms != 0 && (now >= c->lie_until_ms || calm)) {
		c->lie_until_ms = 0;
		simln_set_lie(c->ln, SIMLN_ALICE, c->lie, false);
	}
	if (!calm)
		return;
	simln_set_fee(c->ln, 0);
	for (unsigned who = 0; who < ACTOR_COUNT; who++) {
		nets_door_lever(door_of(&w->nets, who), "sim_fault_clear", "[]");
		slow(w, who, 0);
	}
}

/* ---- what the channel says ---- */

const char *lnds_invoice(struct nets *n, struct hash256 *hash, struct draw *draw, uint64_t sat)
{
	struct simln_bill *bill = NULL;
	struct simln_bill terms = {.plain = true,
		.known = true,
		.msat = sat * BOLT11_MSAT_PER_SAT,
		.expiry_s = INVOICE_S,
		.cltv = INVOICE_CLTV};
	draw_bytes(draw, terms.preimage.b, sizeof terms.preimage.b);
	sha256(&terms.hash, slice_of(terms.preimage.b, sizeof terms.preimage.b));
	CHECK(simln_invoice_make(n->lnds.ln, &bill, SIMLN_BOB, &terms) == OK);
	*hash = terms.hash;
	return bill->request;
}

enum lnds_state lnds_state(const struct nets *n, const struct hash256 *hash)
{
	static const enum lnds_state states[] = {[SIMLN_UNPAID] = LNDS_UNPAID,
		[SIMLN_IN_FLIGHT] = LNDS_UNDER_WAY,
		[SIMLN_SUCCEEDED] = LNDS_PAID,
		[SIMLN_FAILED] = LNDS_FAILED};
	const struct simln_bill *b = simln_find(n->lnds.ln, hash);
	return b == NULL ? LNDS_UNPAID : states[b->payment];
}

uint64_t lnds_held(const struct nets *n, uint64_t *gives_up, const struct hash256 *hash)
{
	const struct simln_bill *b = simln_find(n->lnds.ln, hash);
	*gives_up = 0;
	for (uint32_t i = 0; b != NULL && i < b->part_count; i++) {
		const uint64_t at = b->part[i].expiry_height - SIMLN_MARGIN;
		if (b->part[i].htlc == SIMLN_HTLC_HELD && (*gives_up == 0 || at < *gives_up))
			*gives_up = at;
	}
	return b == NULL ? 0 : simln_held(b) / BOLT11_MSAT_PER_SAT;
}

/* ---- books and channel ---- */

/* What the books round up of what the provider has paid: it is still in the channel. */
static uint64_t rounded_msat(const struct simln *s)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < s->bill_count; i++) {
		const struct simln_bill *b = s->bill[i];
		uint64_t msat = 0;
		for (uint32_t k = 0; k < b->part_count; k++)
			msat += b->part[k].msat + b->part[k].fee;
		if (b->payee == SIMLN_BOB && b->payment == SIMLN_SUCCEEDED)
			sum += (BOLT11_MSAT_PER_SAT - msat % BOLT11_MSAT_PER_SAT) %
				BOLT11_MSAT_PER_SAT;
	}
	return sum;
}

static bool is_quiet(const struct simln *s, const struct ledger *l)
{
	for (uint32_t i = 0; i < l->open_effect_count; i++)
		if (l->effect[l->open_effect[i]].layer == LAYER_LIGHTNING)
			return false;
	return s->sent[SIMLN_ALICE] == 0 && s->sent[SIMLN_BOB] == 0;
}

void lnds_check(struct world *w, const struct ledger *l, bool end)
{
	const struct simln *s = w->nets.lnds.ln;
	char text[AMOUNT_TEXT_SIZE];
	if (s == NULL || !l->layer[LAYER_LIGHTNING].born || !is_quiet(s, l) ||
		world_lax(w, HAZARD_UNEQUAL))
		return;
	const struct simln_balance has = simln_balance(s, SIMLN_ALICE);
	/* while the channel is open alice's side pays for its closing, out of nothing */
	const uint64_t commit = s->closed ? 0 : SIMLN_COMMIT_FEE_SAT * BOLT11_MSAT_PER_SAT;
	const uint64_t msat = has.local + has.limbo + commit;
	const struct amount books = ledger_custody(l, LAYER_LIGHTNING);
	struct sat sat;
	CHECK(amount_to_sat(&sat, books) == OK);
	const uint64_t least = sat.raw * BOLT11_MSAT_PER_SAT;
	/* what was rounded up is taken as found by the next reconciliation */
	const uint64_t more = msat - least;
	amount_format(text, books);
	if (msat < least || more > rounded_msat(s) || (end && more >= BOLT11_MSAT_PER_SAT))
		world_wrong(w, "lightning: the books say %s, the channel has %llu msat", text,
			(unsigned long long)msat);
	w->checks++;
}
