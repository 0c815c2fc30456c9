#include "layer/follow.h"

#include "base/mutant.h"
#include "layer/adapter.h"

/* A tag is the round and which of its questions this is. */
#define TAG_INDEX_BITS 8u
_Static_assert(LAYER_CURSOR_MAX <= 1u << TAG_INDEX_BITS, "an index fits into a tag");
_Static_assert(FOLLOW_WINDOW <= LAYER_CURSOR_MAX, "a window is asked for as the ring is");

static void begin_poll(void *ctx);
static void next_block(struct follow *f);

static const struct follow_source *source(const struct follow *f)
{
	return f->layer->ops->follow;
}

static uint64_t tag_of(const struct follow *f, uint32_t index)
{
	return f->round << TAG_INDEX_BITS | index;
}

/* The answer belongs to the question that we wait for; *index says which. */
static bool expected(const struct follow *f, enum follow_phase phase, uint64_t tag, uint32_t *index)
{
	*index = (uint32_t)(tag & ((1u << TAG_INDEX_BITS) - 1));
	return f->phase == phase && tag >> TAG_INDEX_BITS == f->round;
}

static void drop_slots(struct follow *f)
{
	for (uint32_t i = 0; i < f->slot_count; i++) {
		if (f->slot[i].payload != NULL)
			source(f)->drop(f->slot[i].payload);
		f->slot[i] = (struct follow_slot){0};
	}
	f->slot_count = 0;
	f->slot_next = 0;
	f->slot_busy = false;
}

static void set_timer(struct follow *f, uint64_t delay_ms, loop_cb cb)
{
	loop_timer_cancel(f->layer->config.loop, &f->timer);
	/* the loop has room for every layer's one timer, or the process was set up wrongly */
	CHECK(loop_timer_set(f->layer->config.loop, &f->timer, delay_ms, cb, f) == OK);
}

/* So far behind the node that what is reported is of the past. Where blocks come faster than a
 * round of questions takes, being a few behind is how it always is. */
static bool far_behind(const struct follow *f, uint64_t node_height)
{
	const uint32_t lag = f->layer->config.lag_max;
	return node_height > f->ring[0].height + (lag > 0 ? lag : 1);
}

/* At multiples of the interval: the polls of all layers wake the process together. */
static uint64_t until_poll_ms(const struct follow *f)
{
	const uint64_t interval = f->layer->config.poll_ms;
	const uint64_t now = loop_now_ms(f->layer->config.loop);
	const uint64_t least = now + interval / 2; /* a round takes its time, too */
	return (least / interval + 1) * interval - now;
}

/* The round is over; the next poll begins anew. */
static void round_over(struct follow *f)
{
	drop_slots(f);
	f->round++;
	f->keep = 0;
	f->phase = FOLLOW_WAIT;
	set_timer(f, until_poll_ms(f), begin_poll);
}

static void give_up(struct follow *f, enum err err, const char *what)
{
	struct layer_info *info = &f->layer->info;
	const char *why = f->layer->said;

	info->err = DETAIL(info->detail, err, "%s%s%s", what, *why == '\0' ? "" : ": ", why);
	round_over(f);
}

/* Everything that the node has was reported. */
static void settle(struct follow *f)
{
	struct layer_info *info = &f->layer->info;
	const bool behind = f->tip.height < f->ring[0].height;

	info->syncing = f->tip.syncing || behind;
	info->err = info->syncing ? ERR_STATE : OK;
	if (behind)
		(void)DETAIL(info->detail, OK, "the node is behind: at %llu, we were at %llu",
			(unsigned long long)f->tip.height, (unsigned long long)f->ring[0].height);
	else
		(void)DETAIL(info->detail, OK, "%s",
			info->syncing ? "the node is syncing" : f->layer->notice);
	round_over(f);
	if (!behind)
		source(f)->at_tip(f->layer);
}

void follow_init(struct follow *f, struct layer *layer)
{
	*f = (struct follow){.layer = layer};
}

enum err follow_start(struct follow *f, const struct block_ref *cursor, size_t cursor_count)
{
	if (cursor_count == 0 || cursor_count > LAYER_CURSOR_MAX)
		return ERR_RANGE;
	for (size_t i = 1; i < cursor_count; i++) {
		if (cursor[i].height + 1 != cursor[i - 1].height)
			return ERR_RANGE;
	}
	memcpy(f->ring, cursor, cursor_count * sizeof *cursor);
	f->ring_count = (uint32_t)cursor_count;
	f->layer->info.tip = cursor[0];
	f->layer->info.syncing = true; /* until the first round says how far it is */
	f->round++;
	f->phase = FOLLOW_WAIT;
	set_timer(f, 0, begin_poll);
	return OK;
}

void follow_stop(struct follow *f)
{
	drop_slots(f);
	loop_timer_cancel(f->layer->config.loop, &f->timer);
	f->round++;
	f->phase = FOLLOW_OFF;
	f->ring_count = 0;
}

const struct block_ref *follow_top(const struct follow *f)
{
	CHECK(f->ring_count > 0);
	return &f->ring[0];
}

bool follow_has(const struct follow *f, uint64_t height, const struct hash256 *hash)
{
	if (f->ring_count == 0 || height > f->ring[0].height)
		return false;
	const uint64_t index = f->ring[0].height - height;
	/* deeper than the ring nothing is known to have changed */
	return index >= f->ring_count || hash256_eq(&f->ring[index].hash, hash);
}

static void ring_push(struct follow *f, const struct block_ref *block)
{
	const uint32_t kept = f->ring_count < LAYER_CURSOR_MAX ? f->ring_count
							       : LAYER_CURSOR_MAX - 1;
	memmove(&f->ring[1], &f->ring[0], kept * sizeof f->ring[0]);
	f->ring[0] = *block;
	f->ring_count = kept + 1;
}

/* The blocks above ring[keep] are gone. ERR_FULL: the sink has no room for the news. */
static enum err report_reorg(struct follow *f)
{
	struct layer *layer = f->layer;
	const struct block_ref keep = f->ring[f->keep];

	TRY(layer->sink.on_reorg(layer->sink.ctx, layer->config.id, &keep));
	source(f)->reorganised(layer, &keep);
	f->ring_count -= f->keep;
	memmove(&f->ring[0], &f->ring[f->keep], f->ring_count * sizeof f->ring[0]);
	f->keep = 0;
	layer->info.reorganisations++;
	layer->info.tip = keep;
	return OK;
}

/* ---- questions ---- */

static void begin_tip(struct follow *f)
{
	f->phase = FOLLOW_TIP;
	f->forked = false;
	f->layer->said[0] = '\0';
	f->round++;
	const enum err err = source(f)->ask_tip(f->layer, tag_of(f, 0));
	if (err != OK)
		give_up(f, err, "cannot ask for the best block");
}

static void begin_poll(void *ctx)
{
	struct follow *f = ctx;
	f->timer.id = 0;
	begin_tip(f);
}

/* Blocks slot[0..count) are known by hash. */
static void begin_blocks(struct follow *f)
{
	const uint64_t first = f->ring[f->keep].height + 1;
	f->phase = FOLLOW_BLOCKS;
	f->slot_next = 0;
	f->round++;
	const uint64_t round = f->round;
	for (uint32_t i = 0; i < f->slot_count && f->round == round; i++) {
		const enum err err = source(f)->ask_block(
			f->layer, &f->slot[i].hash, first + i, tag_of(f, i));
		if (err != OK)
			give_up(f, err, "cannot ask for a block");
	}
}

static void begin_block(struct follow *f, const struct hash256 *hash)
{
	drop_slots(f);
	f->slot[0].hash = *hash;
	f->slot_count = 1;
	begin_blocks(f);
}

/* Where does the node have the blocks after ring[keep], and does it still have ring[keep]? */
static void begin_hashes(struct follow *f)
{
	const uint64_t base = f->ring[f->keep].height;
	const uint64_t ahead = f->tip.height - base;

	drop_slots(f);
	f->phase = FOLLOW_HASHES;
	f->round++;
	const uint64_t round = f->round;
	const uint32_t count = 1 +
		(uint32_t)(ahead < FOLLOW_WINDOW ? ahead : (uint64_t)FOLLOW_WINDOW);
	f->pending = count;
	f->slot_count = count - 1;
	for (uint32_t i = 0; i < count && f->round == round; i++) {
		const enum err err = source(f)->ask_hash(f->layer, base + i, tag_of(f, i));
		if (err != OK)
			give_up(f, err, "cannot ask for a block's hash");
	}
}

/* Which of the blocks that we reported does the node still have? */
static void begin_fork(struct follow *f)
{
	drop_slots(f);
	f->phase = FOLLOW_FORK;
	f->forked = true;
	f->pending = 0;
	f->round++;
	const uint64_t round = f->round;
	for (uint32_t i = 0; i < f->ring_count; i++) {
		f->asked[i] = f->ring[i].height <= f->tip.height;
		f->pending += f->asked[i] ? 1u : 0u;
	}
	if (f->pending == 0) {
		settle(f);
		return;
	}
	for (uint32_t i = 0; i < f->ring_count && f->round == round; i++) {
		if (!f->asked[i])
			continue;
		const enum err err = source(f)->ask_hash(f->layer, f->ring[i].height, tag_of(f, i));
		if (err != OK)
			give_up(f, err, "cannot ask for a block's hash");
	}
}

/* The node's best block is not above ours: did ours leave its chain, or is the node behind? */
static void begin_left(struct follow *f)
{
	if (source(f)->ask_left == NULL) {
		settle(f);
		return;
	}
	f->phase = FOLLOW_LEFT;
	f->round++;
	const enum err err = source(f)->ask_left(f->layer, &f->ring[0].hash, tag_of(f, 0));
	if (err != OK)
		give_up(f, err, "cannot ask for a block");
}

/* ---- answers ---- */

void follow_tip(struct follow *f, uint64_t tag, enum err err, const struct follow_tip *tip)
{
	uint32_t index;
	if (!expected(f, FOLLOW_TIP, tag, &index))
		return;
	if (err != OK) {
		give_up(f, err, "no usable answer for the best block");
		return;
	}
	const struct block_ref *top = &f->ring[0];
	/* known before the blocks in between are reported: they are of the past */
	if (tip->syncing || far_behind(f, tip->height))
		f->layer->info.syncing = true;
	f->tip = *tip;
	f->keep = 0;
	if (hash256_eq(&tip->hash, &top->hash))
		settle(f);
	else if (tip->height == top->height + 1 || MUTANT(GAP_NOT_FILLED))
		begin_block(f, &tip->hash);
	else if (tip->height > top->height)
		begin_hashes(f);
	else if (tip->height == top->height)
		begin_fork(f);
	else
		begin_left(f);
}

void follow_left(struct follow *f, uint64_t tag, enum err err, bool left)
{
	uint32_t index;
	if (!expected(f, FOLLOW_LEFT, tag, &index))
		return;
	if (err != OK) {
		give_up(f, err, "no usable answer for a block of ours");
		return;
	}
	if (!left) {
		settle(f);
		return;
	}
	for (uint32_t i = 1; i < f->ring_count; i++) {
		if (f->ring[i].height != f->tip.height ||
			!hash256_eq(&f->ring[i].hash, &f->tip.hash))
			continue;
		f->keep = i;
		if (report_reorg(f) == OK)
			settle(f);
		else
			round_over(f);
		return;
	}
	begin_fork(f);
}

static void fork_found(struct follow *f)
{
	for (uint32_t i = 0; i < f->ring_count; i++) {
		if (!f->asked[i] || !hash256_eq(&f->at[i], &f->ring[i].hash))
			continue;
		f->keep = i;
		if (f->tip.height > f->ring[i].height)
			begin_hashes(f);
		else
			round_over(f); /* shorter now: the next poll sees where it stands */
		return;
	}
	if (f->ring[f->ring_count - 1].height > f->tip.height)
		settle(f);
	else
		give_up(f, ERR_STATE,
			"none of the blocks that we know is on the node's chain: a reorganisation "
			"deeper than can be followed, or another chain");
}

/* The node has the block that we have above ring[keep]: what made us look for a fork was not of
 * this chain. */
static bool has_our_next(const struct follow *f)
{
	return f->keep > 0 && f->slot_count > 0 &&
		hash256_eq(&f->slot[0].hash, &f->ring[f->keep - 1].hash);
}

static void hashes_found(struct follow *f)
{
	/* at[0] is the node's hash at the height of ring[keep] */
	if (has_our_next(f) && !MUTANT(ERROR_IS_REORG))
		round_over(f);
	else if (hash256_eq(&f->at[0], &f->ring[f->keep].hash))
		begin_blocks(f);
	else if (f->keep == 0 && !f->forked)
		begin_fork(f);
	else
		round_over(f); /* it moves while we look */
}

void follow_hash(struct follow *f, uint64_t tag, enum err err, const struct hash256 *hash)
{
	uint32_t index;
	const bool fork = expected(f, FOLLOW_FORK, tag, &index);
	if (!fork && !expected(f, FOLLOW_HASHES, tag, &index))
		return;
	const struct hash256 none = {{0}};
	if (MUTANT(ERROR_IS_REORG) && err != OK)
		hash = &none;
	else if (err != OK) {
		give_up(f, err, "no usable answer for a block's hash");
		return;
	}
	CHECK(index < LAYER_CURSOR_MAX && f->pending > 0);
	f->at[index] = *hash;
	if (!fork && index > 0)
		f->slot[index - 1].hash = *hash;
	if (--f->pending > 0)
		return;
	if (fork)
		fork_found(f);
	else
		hashes_found(f);
}

void follow_block(
	struct follow *f, uint64_t tag, enum err err, const struct block_ref *block, void *payload)
{
	uint32_t index;
	if (!expected(f, FOLLOW_BLOCKS, tag, &index)) {
		if (payload != NULL)
			source(f)->drop(payload);
		return;
	}
	if (err != OK) {
		if (payload != NULL)
			source(f)->drop(payload);
		give_up(f, err, "no usable answer for a block");
		return;
	}
	CHECK(index < f->slot_count && !f->slot[index].ready && payload != NULL);
	f->slot[index].block = *block;
	f->slot[index].payload = payload;
	f->slot[index].ready = true;
	if (index == f->slot_next && !f->slot_busy)
		next_block(f);
}

static void again(void *ctx)
{
	struct follow *f = ctx;
	f->timer.id = 0;
	next_block(f);
}

/* The block's parent is what we reported last, or what we are about to go back to. */
static bool links(struct follow *f, const struct follow_slot *slot)
{
	const struct block_ref *parent = &f->ring[f->keep];
	if (hash256_eq(&slot->block.parent, &parent->hash) &&
		slot->block.height == parent->height + 1)
		return true;
	/* the chain went another way, which is looked for once: blocks that still don't follow
	 * each other then are no chain */
	if (f->keep == 0 && !f->forked)
		begin_fork(f);
	else
		give_up(f, ERR_FORMAT, "the node's blocks don't follow each other");
	return false;
}

/* False: the round is over, or nothing can be done now. */
static bool deliver(struct follow *f)
{
	struct follow_slot *slot = &f->slot[f->slot_next];
	const struct block_ref block = slot->block;
	struct layer *layer = f->layer;
	enum err err = OK;

	if (!links(f, slot))
		return false;
	if (f->keep > 0)
		err = report_reorg(f);
	if (err == OK)
		err = source(f)->deliver(layer, &block, slot->payload);
	/* the sink may have stopped us */
	if (f->phase != FOLLOW_BLOCKS)
		return false;
	if (err == ERR_FULL) {
		set_timer(f, FOLLOW_RETRY_MS, again);
		return false;
	}
	if (err == ERR_UNAVAILABLE) {
		f->slot_busy = true;
		return false;
	}
	if (err != OK) {
		layer->info.err = err;
		round_over(f);
		return false;
	}
	ring_push(f, &block);
	layer->info.tip = block;
	layer->info.blocks_seen++;
	source(f)->drop(slot->payload);
	*slot = (struct follow_slot){0};
	f->slot_next++;
	return true;
}

/* One block in a turn of the loop: looking through it takes a while. */
static void next_block(struct follow *f)
{
	if (f->slot_next < f->slot_count) {
		if (!f->slot[f->slot_next].ready || !deliver(f))
			return;
	}
	if (f->slot_next < f->slot_count) {
		if (f->slot[f->slot_next].ready)
			set_timer(f, 0, again);
		return;
	}
	f->layer->info.syncing = f->tip.syncing || far_behind(f, f->tip.height);
	if (f->tip.height > f->ring[0].height)
		begin_hashes(f);
	else
		settle(f);
}

void follow_resume(struct follow *f, enum err err)
{
	if (f->phase != FOLLOW_BLOCKS || !f->slot_busy)
		return;
	f->slot_busy = false;
	if (err != OK) {
		f->layer->info.err = err;
		round_over(f);
		return;
	}
	next_block(f);
}
