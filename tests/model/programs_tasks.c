/* The model check's programs, continued: the executor's queue and its split stack, a pool's depot,
 * and a channel whose receiver sleeps in an event loop. */
#include "programs.h"
#include "tally.h"

#include "rt/channel.h"
#include "rt/injector.h"
#include "rt/slab_depot.h"
#include "rt/split.h"

/* ---- rt/injector ---- */

static struct injector injector;
static struct injector_cell cells[2];
static uint64_t task[ITEMS_MAX + 1];

static void injector_setup(void)
{
	expect_nothing_yet();
	injector_init(&injector, cells, ARRAY_LEN(cells));
	model_share(task, sizeof task);
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		model_share(&cells[i].item, sizeof cells[i].item);
}

static void injector_send(uint64_t item)
{
	(void)model_memcpy(&task[item], &item, sizeof item);
	if (injector_push(&injector, &task[item]) == OK)
		sent++;
}

static void injector_send_two(void)
{
	injector_send(1);
	injector_send(2);
}

/* One more than there is room for: a cell is used again. */
static void injector_send_three(void)
{
	injector_send_two();
	injector_send(3);
}

static void injector_send_third(void)
{
	injector_send(3);
}

static void injector_take(uint32_t turns)
{
	for (uint32_t i = 0; i < turns; i++) {
		uint64_t value, after = 0;
		const void *item = injector_pop(&injector);
		if (item == NULL)
			continue;
		(void)model_memcpy(&value, item, sizeof value);
		note(value, &after);
	}
}

static void injector_take_two(void)
{
	injector_take(2);
}

static void injector_take_one(void)
{
	injector_take(1);
}

static void injector_finish(void)
{
	injector_take(2);
	CHECK(got == sent && injector_count(&injector) == 0);
}

/* ---- rt/split ---- */

static struct split split;
static uint64_t entry[2];

static void split_setup(void)
{
	expect_nothing_yet();
	split_init(&split);
	model_share(entry, sizeof entry);
}

static void note_entry(uint32_t index)
{
	uint64_t value, after = 0;
	(void)model_memcpy(&value, &entry[index], sizeof value);
	note(value, &after);
}

static void split_give(uint32_t index, uint64_t value)
{
	(void)model_memcpy(&entry[index], &value, sizeof value);
	split_offer(&split);
	sent++;
}

/* Down over what it has offered, newest first: what is stolen, everything below is, too. */
static void split_own(void)
{
	split_give(0, 1);
	split_give(1, 2);
	if (!split_take_back(&split, 1))
		return;
	note_entry(1);
	if (split_take_back(&split, 0))
		note_entry(0);
}

/* What was taken back is offered again with something else in it. */
static void split_own_again(void)
{
	split_give(0, 1);
	if (!split_take_back(&split, 0))
		return;
	note_entry(0);
	split_give(0, 2);
	if (split_take_back(&split, 0))
		note_entry(0);
}

static void split_rob(void)
{
	uint32_t index;
	if (split_steal(&split, &index))
		note_entry(index);
}

static void split_finish(void)
{
	CHECK(got == sent && !split_has_offer(&split));
}

/* ---- rt/slab_depot ---- */

#define MAGAZINES 2u
#define MAGAZINE_SIZE (2 * CACHE_LINE)

static struct slab_stack stack;
static _Alignas(CACHE_LINE) uint8_t region[MAGAZINES * MAGAZINE_SIZE];

static struct slab_magazine *magazine(uint32_t index)
{
	return (struct slab_magazine *)(void *)(region + index * MAGAZINE_SIZE);
}

static void depot_setup(void)
{
	expect_nothing_yet();
	atomic_init(&stack.head, 0);
	for (uint32_t i = 0; i < MAGAZINES; i++) {
		atomic_init(&magazine(i)->next, 0);
		magazine(i)->count = 0;
		model_share(&magazine(i)->count, sizeof magazine(i)->count);
	}
}

static void depot_setup_full(void)
{
	depot_setup();
	for (uint32_t i = 0; i < MAGAZINES; i++) {
		magazine(i)->count = i + 1;
		slab_stack_push(&stack, magazine(i), region);
		sent++;
	}
}

static void depot_put(uint32_t index, uint64_t value)
{
	(void)model_memcpy(&magazine(index)->count, &value, sizeof value);
	slab_stack_push(&stack, magazine(index), region);
	sent++;
}

static void depot_put_first(void)
{
	depot_put(0, 1);
}

static void depot_put_second(void)
{
	depot_put(1, 2);
}

static struct slab_magazine *depot_take(void)
{
	struct slab_magazine *m = slab_stack_pop(&stack, region);
	uint64_t value, after = 0;
	if (m == NULL)
		return NULL;
	(void)model_memcpy(&value, &m->count, sizeof value);
	note(value, &after);
	return m;
}

static void depot_take_both(void)
{
	(void)depot_take();
	(void)depot_take();
}

static void depot_take_once(void)
{
	(void)depot_take();
}

/* Takes both and gives the first one back: it is on top again, and what was below it is gone. */
static void depot_take_and_return(void)
{
	const uint64_t again = 3;
	struct slab_magazine *m = depot_take();
	if (m == NULL)
		return;
	(void)depot_take();
	(void)model_memcpy(&m->count, &again, sizeof again);
	slab_stack_push(&stack, m, region);
	sent++;
}

static void depot_finish(void)
{
	while (depot_take() != NULL)
		continue;
	CHECK(got == sent);
}

/* ---- rt/channel, with a receiver in an event loop ---- */

static struct channel *channel;
static struct channel_sender sender[2];
static struct channel_receiver receiver;
static struct eventcount loop_sleep; /* the loop: it sleeps until it is woken */
static _Atomic uint32_t woken;
static _Alignas(MPMC_APART) uint8_t channel_memory[8192];

/* What the channel lies on. */
enum err pages_map(struct pages *out, size_t size, const struct pages_options *options)
{
	(void)options;
	CHECK(size <= sizeof channel_memory);
	memset(channel_memory, 0, sizeof channel_memory);
	*out = (struct pages){.ptr = channel_memory, .size = size};
	return OK;
}

void pages_unmap(struct pages *p)
{
	*p = (struct pages){0};
}

static void wake_loop(void *ctx)
{
	(void)ctx;
	atomic_store_explicit(&woken, 1, memory_order_relaxed);
	eventcount_notify_all(&loop_sleep);
}

static bool take_wake(void *ctx)
{
	uint32_t one = 1;
	(void)ctx;
	return atomic_compare_exchange_strong_explicit(
		&woken, &one, 0, memory_order_relaxed, memory_order_relaxed);
}

static void channel_setup(void)
{
	const struct channel_config config = {
		.capacity = 2, .item_size = sizeof(uint64_t), .senders_max = 2, .wake = wake_loop};
	expect_nothing_yet();
	eventcount_init(&loop_sleep, 0);
	atomic_init(&woken, 0);
	CHECK(channel_create(&channel, &config) == OK);
	for (size_t i = 0; i < ARRAY_LEN(sender); i++)
		CHECK(channel_sender_init(&sender[i], channel) == OK);
	channel_receiver_init(&receiver, channel);
}

static void channel_say(struct channel_sender *s, uint64_t item)
{
	size_t done;
	CHECK(channel_send_batch(s, &done, &item, 1, CHANNEL_NOW) == OK);
	sent++;
}

static void channel_send_first(void)
{
	channel_say(&sender[0], 1);
}

static void channel_send_second(void)
{
	channel_say(&sender[1], 2);
}

/* As a loop does: everything that there is, then asleep, until `count` have come. A wake-up that is
 * lost is a sleep without an end. */
static void channel_loop(uint64_t count)
{
	while (got < count) {
		uint64_t item[2], after = 0;
		size_t n;
		if (channel_receive_batch(&receiver, item, &n, 2, CHANNEL_NOW) == OK) {
			for (size_t i = 0; i < n; i++, after = 0)
				note(item[i], &after);
			continue;
		}
		if (channel_arm(&receiver))
			CHECK(eventcount_await(&loop_sleep, FUTEX_FOREVER, take_wake, NULL) == OK);
	}
}

static void channel_loop_one(void)
{
	channel_loop(1);
}

static void channel_loop_two(void)
{
	channel_loop(2);
}

const struct model_program task_programs[] = {
	{"injector, cells again", injector_setup, {injector_send_three, injector_take_two},
		injector_finish},
	{"injector, two of each", injector_setup,
		{injector_send_two, injector_send_third, injector_take_one, injector_take_one},
		injector_finish},
	{"split, two thieves", split_setup, {split_own, split_rob, split_rob}, split_finish},
	{"split, offered again", split_setup, {split_own_again, split_rob}, split_finish},
	{"depot, two put and one takes", depot_setup,
		{depot_put_first, depot_put_second, depot_take_both}, depot_finish},
	{"depot, one comes back", depot_setup_full, {depot_take_and_return, depot_take_once},
		depot_finish},
	{"channel to a loop", channel_setup, {channel_send_first, channel_loop_one}, NULL},
	{"channel to a loop, two senders", channel_setup,
		{channel_send_first, channel_send_second, channel_loop_two}, NULL},
};
const size_t task_program_count = ARRAY_LEN(task_programs);
