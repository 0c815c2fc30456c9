#include "client/view.h"

#include "crypto/hash.h"

void view_init(struct view *v, const struct hash256 *hash)
{
	*v = (struct view){.hash = *hash};
}

uint64_t view_depth(uint64_t tip, uint64_t height)
{
	return height == 0 || height > tip ? 0 : tip - height + 1;
}

static bool same_place(const struct locator *a, const struct locator *b)
{
	return hash256_eq(&a->tx, &b->tx) && a->index == b->index;
}

static struct view_lock *find(struct view *v, const struct locator *at)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (same_place(&v->lock[i].at, at))
			return &v->lock[i];
	return NULL;
}

/* Room for a lock-up of this amount: a free place, or that of the smallest one. */
static struct view_lock *place(struct view *v, struct amount amount)
{
	struct view_lock *least = &v->lock[0];
	if (v->count < VIEW_LOCKS_MAX)
		return &v->lock[v->count++];
	for (uint32_t i = 1; i < v->count; i++)
		if (amount_cmp(v->lock[i].amount, least->amount) < 0)
			least = &v->lock[i];
	return amount_cmp(amount, least->amount) > 0 ? least : NULL;
}

static void see_lock(struct view *v, const struct chain_event *e, uint64_t height)
{
	struct view_lock *lock = find(v, &e->at);
	if (lock == NULL) {
		lock = place(v, e->amount);
		if (lock == NULL)
			return;
		*lock = (struct view_lock){.at = e->at};
	}
	lock->amount = e->amount;
	lock->timelock = e->timelock;
	lock->flags = e->flags;
	if (height != 0)
		lock->height = height;
}

static void see_spend(struct view *v, const struct chain_event *e, uint64_t height)
{
	struct hash256 made;
	if (e->spend == LOCK_SPEND_CLAIM) {
		sha256(&made, slice_of(e->preimage.b, sizeof e->preimage.b));
		if (hash256_eq(&made, &v->hash))
			v->preimage_public = true;
	}
	struct view_lock *lock = find(v, &e->at);
	/* one that is in a block is not replaced by one that is not */
	if (lock == NULL || (height == 0 && lock->spend_height != 0))
		return;
	lock->spend = e->spend;
	lock->spend_tx = e->tx;
	lock->spend_height = height;
}

static void see(struct view *v, const struct chain_event *e, uint64_t height)
{
	switch (e->kind) {
	case CHAIN_LOCK: see_lock(v, e, height); break;
	case CHAIN_LOCK_SPENT: see_spend(v, e, height); break;
	case CHAIN_COIN_CREATED:
	case CHAIN_COIN_SPENT:
	case CHAIN_DEPOSIT:
	case CHAIN_NONCE_USED: break;
	}
}

void view_block(struct view *v, const struct block_ref *block, const struct chain_event *event,
	size_t event_count)
{
	for (size_t i = 0; i < event_count; i++)
		see(v, &event[i], block->height);
	v->tip = *block;
	v->has_tip = true;
}

void view_reorg(struct view *v, const struct block_ref *keep)
{
	for (uint32_t i = 0; i < v->count; i++) {
		struct view_lock *lock = &v->lock[i];
		if (lock->height > keep->height)
			lock->height = 0;
		if (lock->spend_height > keep->height)
			lock->spend_height = 0;
	}
	v->tip = *keep;
}

void view_mempool(struct view *v, const struct chain_event *event)
{
	see(v, event, 0);
}

void view_fact(struct view *v, const struct chain_event *event)
{
	const uint64_t height = v->tip.height == 0 ? 1 : v->tip.height;
	if (event->kind == CHAIN_LOCK_SPENT && find(v, &event->at) == NULL)
		see_lock(v, event, height);
	see(v, event, height);
}
