#include "net/link.h"

#include <stdlib.h>

#include "net/net_thread.h"
#include "rt/spsc.h"
#include "sys/clock.h"

/* The ring to one side, of pointers. What is counted has one writer, and is read by anybody. */
struct ring {
	struct spsc spsc;
	struct link_item **slots; /* owned; NULL: both sides are on one thread */

	/* The poster's. */
	_Alignas(SPSC_APART) struct spsc_producer producer;
	uint64_t entered;
	_Atomic uint64_t refused, amended;

	/* The taker's. */
	_Alignas(SPSC_APART) struct spsc_consumer consumer;
	struct link_end end;
	_Atomic uint64_t wait_ns_sum, wait_ns_max, seen;
};

struct link {
	struct net_thread *net; /* NULL: both sides are on one thread */
	uint32_t depth;
	_Atomic uint32_t count; /* of objects; what they hold is ordered by the posts */
	struct ring to[LINK_SIDES];
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

/* ---- objects ---- */

/* What keeps the places may be on the way back, posted lazily: on the other side's ring, or on this
 * one's. */
static void give_places(struct link *l, enum link_side to)
{
	const enum link_side own = to == LINK_OWNER ? LINK_NET : LINK_OWNER;
	if (l->net == NULL)
		return;
	net_thread_wake_later(l->net, to);
	if (spsc_ready(&l->to[own].consumer, 1) > 0)
		net_thread_wake_own(l->net, own);
}

enum err link_enter(struct link *l, enum link_side to, struct link_item *item)
{
	struct ring *r = &l->to[to];
	const uint32_t there = atomic_load_explicit(&l->count, memory_order_relaxed);
	const uint64_t fresh = r->entered - atomic_load_explicit(&r->seen, memory_order_relaxed);
	if (there >= l->depth || fresh >= r->end.fresh_max) {
		count(&r->refused, 1);
		give_places(l, to);
		return ERR_FULL;
	}
	r->entered++;
	atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed);
	atomic_init(&item->posted[LINK_OWNER], 0);
	atomic_init(&item->posted[LINK_NET], 0);
	item->fresh = true;
	return OK;
}

void link_leave(struct link *l)
{
	const uint32_t before = atomic_fetch_sub_explicit(&l->count, 1, memory_order_relaxed);
	CHECK(before > 0);
}

uint32_t link_count(const struct link *l)
{
	return atomic_load_explicit(&l->count, memory_order_relaxed);
}

/* ---- posting ---- */

static void look(struct ring *r, struct link_item *item, uint32_t bits)
{
	if (item->fresh) {
		item->fresh = false;
		count(&r->seen, 1);
	}
	r->end.take(r->end.ctx, item, bits);
}

/* Both sides are on this thread. What link_close found on the ring comes with it. */
static void post_here(struct ring *r, enum link_side to, struct link_item *item, uint32_t bits)
{
	if (atomic_load_explicit(&item->posted[to], memory_order_relaxed) != 0)
		atomic_fetch_or_explicit(&item->posted[to], bits, memory_order_relaxed);
	else
		look(r, item, bits);
}

static void post(
	struct link *l, enum link_side to, struct link_item *item, uint32_t bits, bool lazily)
{
	struct ring *r = &l->to[to];
	CHECK(bits != 0);
	if (l->net == NULL) {
		post_here(r, to, item, bits);
		return;
	}
	/* [POST] release: what was written before is seen by who takes the bits; pairs with the
	 * acquire in take. Where it finds bits the object is on the ring, and who takes it has not
	 * looked yet. acquire: pairs with the release in take: where it finds none, since_ns has
	 * been read before it is written anew. */
	const uint32_t before = atomic_fetch_or_explicit(
		&item->posted[to], bits, memory_order_acq_rel);
	if (before == 0) {
		item->since_ns[to] = clock_mono_ns();
		/* there is a place for each object */
		CHECK(spsc_push(&r->producer, &item, sizeof item));
	}
	if (!lazily)
		net_thread_wake_later(l->net, to);
}

void link_post(struct link *l, enum link_side to, struct link_item *item, uint32_t bits)
{
	post(l, to, item, bits, false);
}

void link_post_lazily(struct link *l, enum link_side to, struct link_item *item, uint32_t bits)
{
	post(l, to, item, bits, true);
}

bool link_amend(
	struct link *l, enum link_side to, struct link_item *item, uint32_t posted, uint32_t bits)
{
	uint32_t expected = posted;
	/* [POST] as in post; and what it finds is on the ring, so that nobody needs to be woken */
	if (l->net == NULL ||
		!atomic_compare_exchange_strong_explicit(&item->posted[to], &expected,
			posted | bits, memory_order_release, memory_order_relaxed))
		return false;
	count(&l->to[to].amended, 1);
	return true;
}

/* ---- taking ---- */

static void take(struct ring *r, enum link_side side, struct link_item *item)
{
	/* before the bits are taken: after that the other side may post, and write it */
	const uint64_t now = clock_mono_ns(), since = item->since_ns[side];
	const uint64_t waited = now > since ? now - since : 0;
	count(&r->wait_ns_sum, waited);
	if (waited > atomic_load_explicit(&r->wait_ns_max, memory_order_relaxed))
		atomic_store_explicit(&r->wait_ns_max, waited, memory_order_relaxed);
	/* [POST] acquire: pairs with the release in post; release: with its acquire */
	const uint32_t bits = atomic_exchange_explicit(
		&item->posted[side], 0, memory_order_acq_rel);
	look(r, item, bits);
}

bool link_drain(struct link *l, enum link_side side)
{
	struct ring *r = &l->to[side];
	struct link_item *item[LINK_BATCH];
	const size_t n = spsc_pop_batch(&r->consumer, item, LINK_BATCH, sizeof item[0]);
	for (size_t i = 0; i < n; i++)
		take(r, side, item[i]);
	return spsc_ready(&r->consumer, 1) == 0;
}

void link_stat(const struct link *l, enum link_side to, struct link_stat *out)
{
	const struct ring *r = &l->to[to];
	struct spsc_stats stats;
	spsc_stats(&r->spsc, &stats);
	*out = (struct link_stat){
		.name = r->end.name,
		.posted = stats.pushed,
		.amended = atomic_load_explicit(&r->amended, memory_order_relaxed),
		.refused = atomic_load_explicit(&r->refused, memory_order_relaxed),
		.wait_ns_sum = atomic_load_explicit(&r->wait_ns_sum, memory_order_relaxed),
		.wait_ns_max = atomic_load_explicit(&r->wait_ns_max, memory_order_relaxed),
		.depth = l->depth,
		.waiting = (uint32_t)stats.occupancy,
		.waiting_peak = (uint32_t)stats.high_water,
	};
}

/* ---- life ---- */

static enum err ring_init(struct ring *r, uint32_t depth)
{
	size_t capacity = 1;
	while (capacity < depth)
		capacity *= 2;
	r->slots = aligned_alloc(CACHE_LINE,
		(spsc_slots_size(capacity, sizeof *r->slots) + CACHE_LINE - 1) / CACHE_LINE *
			CACHE_LINE);
	if (r->slots == NULL)
		return ERR_FULL;
	spsc_init(&r->spsc, r->slots, capacity, sizeof *r->slots);
	spsc_producer_init(&r->producer, &r->spsc);
	spsc_consumer_init(&r->consumer, &r->spsc);
	return OK;
}

enum err link_create(struct link **out, const struct link_config *config)
{
	struct link *l = aligned_alloc(_Alignof(struct link), sizeof *l);
	if (l == NULL)
		return ERR_FULL;
	memset(l, 0, sizeof *l);
	l->depth = config->depth;
	enum err err = OK;
	for (unsigned side = 0; side < LINK_SIDES; side++) {
		struct ring *r = &l->to[side];
		r->end = config->end[side];
		if (r->end.fresh_max == 0)
			r->end.fresh_max = l->depth;
		if (err == OK && config->net != NULL)
			err = ring_init(r, l->depth);
	}
	if (err == OK && config->net != NULL)
		err = net_thread_attach(config->net, l);
	if (err != OK) {
		link_destroy(l);
		return err;
	}
	l->net = config->net;
	*out = l;
	return OK;
}

void link_close(struct link *l)
{
	if (l->net == NULL)
		return;
	net_thread_detach(l->net, l);
	l->net = NULL;
	while (!link_drain(l, LINK_OWNER))
		continue;
	while (!link_drain(l, LINK_NET))
		continue;
}

void link_destroy(struct link *l)
{
	if (l == NULL)
		return;
	CHECK(l->net == NULL && link_count(l) == 0);
	for (unsigned side = 0; side < LINK_SIDES; side++)
		free(l->to[side].slots);
	free(l);
}
