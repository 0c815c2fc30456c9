#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "draw.h"
#include "sim/fault.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define BORN_MS (40 * SECOND)      /* the books are, and with bad luck a little later */
#define WORK_FROM_MS (12 * MINUTE) /* the provider is funded by then */
/* Together shorter than the outage that the time locks allow for. */
#define OUTAGE_MAX_MS (20 * SECOND)
#define FREEZE_MAX_MS (2 * MINUTE)
#define SOCKETS_PERMILLE 330u      /* of seeds */
#define LIGHTNING_PERMILLE 330u    /* of seeds without sockets */
#define ON_LIGHTNING_PERMILLE 400u /* of faults that may meet it, and of payouts */
#define SWAP_SAT_MIN 60000u
#define SWAP_SAT_MAX 20000000u

static const struct {
	const char *name;
	unsigned weight; /* among faults */
} kinds[PLAN_KINDS] = {
	[PLAN_SWAP] = {"swap", 0},
	[PLAN_PAYOUT] = {"payout", 0},
	[PLAN_DEPOSIT] = {"deposit", 0},
	[PLAN_POWER] = {"power", 24},
	[PLAN_KILL] = {"kill", 8},
	[PLAN_SIGNER_POWER] = {"signer-power", 10},
	[PLAN_SIGNER_DOWN] = {"signer-down", 4},
	[PLAN_SIGNER_REFUSES] = {"signer-refuses", 2},
	[PLAN_SIGNER_TWICE] = {"signer-twice", 3},
	[PLAN_TAKER_KILL] = {"taker-kill", 8},
	[PLAN_NODE_DOWN] = {"node-down", 6},
	[PLAN_NODE_STALLS] = {"node-stalls", 4},
	[PLAN_NODE_TWICE] = {"node-twice", 4},
	[PLAN_NODE_SPOILS] = {"node-spoils", 14},
	[PLAN_NODE_LIES] = {"node-lies", 4},
	[PLAN_NODE_SLOW] = {"node-slow", 4},
	[PLAN_REORG] = {"reorg", 10},
	[PLAN_FEES] = {"fees", 4},
	[PLAN_FREEZE] = {"freeze", 6},
	[PLAN_EVICT] = {"evict", 4},
	[PLAN_CLOCK] = {"clock", 3},
	[PLAN_DISK_FAILS] = {"disk-fails", 6},
	[PLAN_DISK_STRAYS] = {"disk-strays", 4},
	[PLAN_DISK_FULL] = {"disk-full", 3},
	[PLAN_DISK_SLOW] = {"disk-slow", 3},
	[PLAN_CHANNEL_PARTS] = {"channel-parts", 8},
	[PLAN_CHANNEL_CUT] = {"channel-cut", 6},
	[PLAN_CHANNEL_FEE] = {"channel-fee", 3},
};

#define KIND(k) (1u << (k))

const struct plan_scenario plan_scenarios[] = {
	{"clock", 5, KIND(PLAN_CLOCK)},
	{"answers-lost", 29, KIND(PLAN_NODE_SPOILS) | KIND(PLAN_NODE_TWICE)},
	{"reorganised", 14, KIND(PLAN_REORG)},
	{"born-reorganised", 14, KIND(PLAN_REORG) | PLAN_EARLY},
	{"node-errors", 15, KIND(PLAN_NODE_SPOILS) | KIND(PLAN_REORG)},
	{"evicted", 16, KIND(PLAN_EVICT) | KIND(PLAN_REORG)},
	{"blocks-missed", 21, KIND(PLAN_NODE_STALLS) | KIND(PLAN_NODE_DOWN) | KIND(PLAN_NODE_SLOW)},
	{"node-lies", 34, KIND(PLAN_NODE_LIES)},
	{"fee-spike", 22, KIND(PLAN_FEES)},
	{"crashes", 32, KIND(PLAN_POWER) | KIND(PLAN_KILL) | KIND(PLAN_TAKER_KILL)},
	{"signer-crashes", 46,
		KIND(PLAN_SIGNER_POWER) | KIND(PLAN_SIGNER_DOWN) | KIND(PLAN_SIGNER_TWICE)},
	{"signer-refuses", 33, KIND(PLAN_SIGNER_REFUSES)},
	{"torn-writes", 40, KIND(PLAN_POWER)},
	{"disk-strays", 40, KIND(PLAN_DISK_STRAYS) | KIND(PLAN_KILL) | KIND(PLAN_POWER)},
	{"disk-fails", 41, KIND(PLAN_DISK_FAILS) | KIND(PLAN_DISK_FULL) | KIND(PLAN_DISK_SLOW)},
};
const size_t plan_scenario_count = ARRAY_LEN(plan_scenarios);

_Static_assert(PLAN_KINDS <= 31, "a bit for each kind");

bool plan_is_fault(enum plan_kind kind)
{
	return kind >= PLAN_POWER;
}

const char *plan_kind_name(enum plan_kind kind)
{
	return kinds[kind].name;
}

static bool is_channel(unsigned kind)
{
	return kind >= PLAN_CHANNEL_PARTS;
}

/* What can go wrong in this world, of what is wanted. */
static bool is_possible(const struct plan *p, unsigned kind, uint32_t only)
{
	return (only == 0 || (only & KIND(kind)) != 0) && (p->lightning || !is_channel(kind)) &&
		(layer_gas_apart(p->other) || kind != PLAN_FREEZE);
}

static unsigned weight_of(const struct plan *p, unsigned kind, uint32_t only)
{
	return is_possible(p, kind, only) ? kinds[kind].weight : 0;
}

static enum plan_kind draw_kind(const struct plan *p, struct draw *d, uint32_t only)
{
	uint64_t sum = 0, at;
	unsigned k = 0;
	for (unsigned i = 0; i < PLAN_KINDS; i++)
		sum += weight_of(p, i, only);
	at = draw_between(d, 0, sum - 1);
	while (at >= weight_of(p, k, only))
		at -= weight_of(p, k++, only);
	return (enum plan_kind)k;
}

/* Two different layers. */
static void draw_pair(const struct plan *p, struct plan_item *i, struct draw *d)
{
	const enum layer_id layers[] = {LAYER_BITCOIN, p->other, LAYER_LIGHTNING};
	const uint64_t from = draw_between(d, 0, 2), step = draw_between(d, 1, 2);
	i->layer = layers[from];
	i->to = layers[(from + step) % ARRAY_LEN(layers)];
}

static enum layer_id draw_layer(const struct plan *p, struct draw *d, enum plan_kind kind)
{
	const uint32_t may = KIND(PLAN_PAYOUT) | KIND(PLAN_NODE_DOWN) | KIND(PLAN_NODE_STALLS) |
		KIND(PLAN_NODE_SPOILS) | KIND(PLAN_NODE_LIES) | KIND(PLAN_NODE_SLOW);
	const enum layer_id chain = draw_chance(d, 500) ? LAYER_BITCOIN : p->other;
	if (!p->lightning || (!is_channel(kind) && (may & KIND(kind)) == 0))
		return chain;
	return is_channel(kind) || draw_chance(d, ON_LIGHTNING_PERMILLE) ? LAYER_LIGHTNING : chain;
}

/* Small depths more often than deep ones. */
static uint64_t draw_depth(struct draw *d)
{
	uint64_t depth = 1;
	while (depth < PLAN_REORG_DEPTH_MAX && draw_chance(d, 600))
		depth++;
	return depth;
}

static void draw_fault(const struct plan *p, struct plan_item *i, struct draw *d, uint32_t only)
{
	i->kind = draw_kind(p, d, only);
	i->layer = draw_layer(p, d, i->kind);
	const uint64_t a = draw_between(d, 0, UINT64_MAX - 1);
	i->b = draw_between(d, 0, UINT64_MAX - 1);
	switch (i->kind) {
	case PLAN_POWER:
	case PLAN_SIGNER_POWER: i->a = a % 4 == 0 ? 0 : 1 + a / 4 % 40; break;
	case PLAN_SIGNER_DOWN:
	case PLAN_SIGNER_REFUSES:
	case PLAN_NODE_LIES:
	case PLAN_NODE_DOWN:
	case PLAN_NODE_STALLS: i->a = SECOND + a % OUTAGE_MAX_MS; break;
	case PLAN_DISK_FULL:
	case PLAN_DISK_SLOW: i->a = SECOND + a % (OUTAGE_MAX_MS / 2); break;
	case PLAN_SIGNER_TWICE:
	case PLAN_NODE_TWICE: i->a = 1 + a % 30; break;
	case PLAN_TAKER_KILL: i->a = a; break;
	case PLAN_NODE_SPOILS: i->a = 1 + a % 12; break;
	case PLAN_NODE_SLOW: i->a = a % 3 == 0 ? 0 : SECOND + a / 3 % (25 * SECOND); break;
	case PLAN_REORG: i->a = draw_depth(d); break;
	case PLAN_FREEZE: i->a = SECOND + a % FREEZE_MAX_MS; break;
	case PLAN_FEES:
		i->a = 150 + a % 2000;
		i->b = MINUTE + i->b % (8 * MINUTE);
		break;
	case PLAN_CLOCK: i->a = a % (4 * HOUR); break;
	case PLAN_DISK_STRAYS:
	case PLAN_DISK_FAILS:
		i->a = a;
		i->b %= 30;
		break;
	case PLAN_CHANNEL_PARTS:
	case PLAN_CHANNEL_FEE:
		i->a = a;
		i->b = SECOND + i->b % (4 * MINUTE);
		break;
	case PLAN_CHANNEL_CUT:
	case PLAN_KILL:
	case PLAN_EVICT:
	case PLAN_SWAP:
	case PLAN_PAYOUT:
	case PLAN_DEPOSIT:
	case PLAN_KINDS: break;
	}
}

static struct plan_item *add(struct plan *p, uint64_t at_ms)
{
	CHECK(p->count < PLAN_ITEMS_MAX);
	p->item[p->count] = (struct plan_item){.at_ms = at_ms};
	return &p->item[p->count++];
}

static void draw_work(struct plan *p, struct draw *d, enum plan_kind kind, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct plan_item *item = add(
			p, draw_between(d, WORK_FROM_MS, WORK_FROM_MS + p->work_ms));
		item->kind = kind;
		if (kind == PLAN_SWAP && p->lightning) {
			draw_pair(p, item, d);
		} else {
			item->layer = draw_layer(p, d, kind);
			item->to = item->layer == LAYER_BITCOIN ? p->other : LAYER_BITCOIN;
		}
		item->a = draw_between(d, SWAP_SAT_MIN, SWAP_SAT_MAX);
		item->b = draw_between(d, 0, UINT64_MAX - 1);
	}
}

static int compare(const void *a, const void *b)
{
	const struct plan_item *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Around the work, where they hurt, some while the books are born, and some at any time. */
static uint64_t draw_time(const struct plan *p, struct draw *d, uint32_t work_count, uint32_t only)
{
	if ((only & PLAN_EARLY) != 0 || draw_chance(d, 50))
		return draw_between(d, 0, BORN_MS);
	if (work_count == 0 || !draw_chance(d, 700))
		return draw_between(d, 0, WORK_FROM_MS + 3 * p->work_ms);
	return p->item[draw_between(d, 0, work_count - 1)].at_ms + draw_wait(d, 4 * MINUTE);
}

void plan_draw(struct plan *p, uint64_t seed, const struct plan_profile *profile)
{
	struct draw work, faults, sockets, lightning;
	*p = (struct plan){
		.seed = seed, .other = profile->other, .work_ms = profile->minutes * MINUTE};
	p->tight = profile->tight;
	draw_init(&sockets, seed, "sockets", 0);
	p->sockets = draw_chance(&sockets, SOCKETS_PERMILLE) || profile->sockets;
	draw_init(&lightning, seed, "lightning", 0);
	p->lightning = profile->lightning ||
		(!p->sockets && draw_chance(&lightning, LIGHTNING_PERMILLE));
	p->sockets = p->sockets && !p->lightning;
	draw_init(&work, seed, "work", 0);
	draw_init(&faults, seed, "faults", 0);
	draw_work(p, &work, PLAN_SWAP, profile->swaps);
	draw_work(p, &work, PLAN_PAYOUT, profile->payouts);
	draw_work(p, &work, PLAN_DEPOSIT, profile->deposits);
	for (uint32_t i = 0, work_count = p->count; i < profile->faults; i++) {
		const uint64_t at = draw_time(p, &faults, work_count, profile->kinds);
		draw_fault(p, add(p, at), &faults, profile->kinds);
	}
	qsort(p->item, p->count, sizeof p->item[0], compare);
}

void plan_text(char out[PLAN_TEXT_SIZE], const struct plan_item *i)
{
	(void)snprintf(out, PLAN_TEXT_SIZE, "%s %s %llu %llu", plan_kind_name(i->kind),
		layer_name(i->layer), (unsigned long long)i->a, (unsigned long long)i->b);
}
