/* The model check's programs: the runtime's lock-free pieces, each in the smallest use in which its
 * barriers matter. */
#include "programs.h"
#include "tally.h"

#include "rt/completion.h"
#include "rt/deque.h"
#include "rt/mpmc.h"
#include "rt/spsc.h"

/* ---- rt/spsc ---- */

static struct spsc ring;
static struct spsc_producer p;
static struct spsc_consumer c;
static uint64_t slots[4];
static uint64_t last;
static bool ended; /* the consumer was told that nothing would come */

static void spsc_setup_with(size_t capacity)
{
	expect_nothing_yet();
	last = 0;
	ended = false;
	spsc_init(&ring, slots, capacity, sizeof slots[0]);
	spsc_producer_init(&p, &ring);
	spsc_consumer_init(&c, &ring);
	model_share(slots, capacity * sizeof slots[0]);
}

static void spsc_setup_1(void)
{
	spsc_setup_with(1);
}

static void spsc_setup_2(void)
{
	spsc_setup_with(2);
}

static void spsc_push_three(void)
{
	for (uint64_t item = 1; item <= 3; item++) {
		if (!spsc_push(&p, &item, sizeof item))
			break;
		sent++;
	}
	spsc_close(&p);
}

static void spsc_pop_three(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t item;
		if (spsc_pop(&c, &item, sizeof item))
			note(item, &last);
	}
	ended = spsc_is_drained(&c);
}

static void spsc_push_in_place(void)
{
	size_t n;
	for (uint64_t item = 1; item <= 3;) {
		uint64_t *place = spsc_reserve(&p, 2, &n, sizeof item);
		if (place == NULL)
			return;
		for (size_t i = 0; i < n; i++, item++)
			(void)model_memcpy(&place[i], &item, sizeof item);
		spsc_commit(&p, n);
		sent += n;
	}
}

static void spsc_pop_in_place(void)
{
	size_t n;
	for (uint32_t turn = 0; turn < 2; turn++) {
		const uint64_t *place = spsc_peek(&c, 2, &n, sizeof *place);
		if (place == NULL)
			continue;
		for (size_t i = 0; i < n; i++) {
			uint64_t item;
			(void)model_memcpy(&item, &place[i], sizeof item);
			note(item, &last);
		}
		spsc_release(&c, n);
	}
}

static void spsc_finish(void)
{
	uint64_t item;
	CHECK(!ended || got == sent);
	while (spsc_pop(&c, &item, sizeof item))
		note(item, &last);
	CHECK(got == sent);
}

/* ---- rt/mpmc ---- */

static struct mpmc queue;
static _Alignas(MPMC_APART) uint8_t storage[4096];

static void mpmc_setup(void)
{
	expect_nothing_yet();
	ended = false;
	CHECK(mpmc_storage_size(1, 2, sizeof(uint64_t)) <= sizeof storage);
	memset(storage, 0, sizeof storage);
	mpmc_init(&queue, storage, 1, 2, sizeof(uint64_t));
}

static void mpmc_send(uint64_t from, uint64_t to)
{
	struct mpmc_producer producer;
	if (mpmc_producer_init(&producer, &queue) != OK)
		return;
	for (uint64_t item = from; item <= to; item++)
		if (mpmc_push(&producer, &item, sizeof item))
			sent++;
	mpmc_producer_fini(&producer);
}

static void mpmc_send_three(void)
{
	mpmc_send(1, 3);
}

static void mpmc_send_first(void)
{
	mpmc_send(1, 1);
}

static void mpmc_send_second(void)
{
	mpmc_send(2, 2);
}

static void mpmc_take(uint32_t turns)
{
	struct mpmc_consumer consumer;
	uint64_t item, after = 0;
	mpmc_consumer_init(&consumer, &queue);
	for (uint32_t i = 0; i < turns; i++)
		if (mpmc_pop(&consumer, &item, sizeof item))
			note(item, &after);
}

static void mpmc_take_one(void)
{
	mpmc_take(1);
}

static void mpmc_take_two(void)
{
	mpmc_take(2);
}

static uint64_t reason; /* why it was closed: whoever is told may read it */

static void mpmc_setup_to_close(void)
{
	mpmc_setup();
	model_share(&reason, sizeof reason);
}

static void mpmc_shut(void)
{
	const uint64_t why = 1;
	(void)model_memcpy(&reason, &why, sizeof why);
	mpmc_close(&queue);
}

static void mpmc_take_until_drained(void)
{
	mpmc_take(1);
	uint64_t why;
	ended = mpmc_is_drained(&queue);
	if (!ended)
		return;
	CHECK(got == sent);
	(void)model_memcpy(&why, &reason, sizeof why);
}

static void mpmc_finish(void)
{
	struct mpmc_consumer consumer;
	uint64_t item;
	CHECK(!ended || got == sent);
	mpmc_consumer_init(&consumer, &queue);
	while (mpmc_pop(&consumer, &item, sizeof item)) {
		uint64_t after = 0;
		note(item, &after);
	}
	CHECK(got == sent);
}

/* ---- rt/deque ---- */

static struct deque deque;
static _Atomic(void *) deque_ring[2];
static uint64_t deque_item[ITEMS_MAX + 1];

static void deque_setup(void)
{
	expect_nothing_yet();
	deque_init(&deque, deque_ring, ARRAY_LEN(deque_ring));
	atomic_init(&deque_ring[0], NULL);
	atomic_init(&deque_ring[1], NULL);
	model_share(deque_item, sizeof deque_item);
}

static void note_item(const void *item)
{
	uint64_t value, after = 0;
	(void)model_memcpy(&value, item, sizeof value);
	note(value, &after);
}

static void deque_own(void)
{
	for (uint64_t item = 1; item <= 3; item++) {
		(void)model_memcpy(&deque_item[item], &item, sizeof item);
		if (deque_push(&deque, &deque_item[item]) == OK)
			sent++;
		if (item == 2)
			for (const void *taken; (taken = deque_take(&deque)) != NULL;)
				note_item(taken);
	}
	for (const void *taken; (taken = deque_take(&deque)) != NULL;)
		note_item(taken);
}

static void deque_rob(void)
{
	void *item;
	for (uint32_t i = 0; i < 2; i++)
		if (deque_steal(&deque, &item) == DEQUE_STOLEN)
			note_item(item);
}

static void deque_setup_full(void)
{
	deque_setup();
	for (uint64_t item = 1; item <= 2; item++, sent++) {
		deque_item[item] = item;
		CHECK(deque_push(&deque, &deque_item[item]) == OK);
	}
}

static void deque_take_two(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		const void *taken = deque_take(&deque);
		if (taken != NULL)
			note_item(taken);
	}
}

static void deque_rob_once(void)
{
	void *item;
	if (deque_steal(&deque, &item) == DEQUE_STOLEN)
		note_item(item);
}

static void deque_finish(void)
{
	CHECK(got == sent && deque_take(&deque) == NULL);
}

/* ---- rt/eventcount ---- */

static struct eventcount ec;
static _Atomic uint32_t tokens;

static void ec_setup(void)
{
	eventcount_init(&ec, 0);
	atomic_init(&tokens, 0);
}

static bool token_take(void *ctx)
{
	uint32_t have = atomic_load_explicit(&tokens, memory_order_relaxed);
	(void)ctx;
	while (have != 0)
		if (atomic_compare_exchange_strong_explicit(
			    &tokens, &have, have - 1, memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

static void ec_take(void)
{
	CHECK(eventcount_await(&ec, FUTEX_FOREVER, token_take, NULL) == OK);
}

/* May give up; then it must not keep anybody else's wake-up. */
static void ec_take_impatiently(void)
{
	if (eventcount_await(&ec, 1, token_take, NULL) == ERR_TIMEOUT)
		return;
	/* gives back what it took, as somebody with a token would */
	(void)atomic_fetch_add_explicit(&tokens, 1, memory_order_relaxed);
	eventcount_notify_one(&ec);
}

static void ec_give_one(void)
{
	(void)atomic_fetch_add_explicit(&tokens, 1, memory_order_relaxed);
	eventcount_notify_one(&ec);
}

static void ec_give_two(void)
{
	(void)atomic_fetch_add_explicit(&tokens, 2, memory_order_relaxed);
	eventcount_notify_all(&ec);
}

/* The end of a wait that was notified shows what was done before the notification. */
static void ec_wait_once(void)
{
	const uint32_t key = eventcount_prepare(&ec);
	if (atomic_load_explicit(&tokens, memory_order_relaxed) != 0) {
		eventcount_cancel(&ec, key);
		return;
	}
	CHECK(eventcount_wait(&ec, key, FUTEX_FOREVER) == OK);
	CHECK(atomic_load_explicit(&tokens, memory_order_relaxed) != 0);
}

static void ec_wait_briefly(void)
{
	const uint32_t key = eventcount_prepare(&ec);
	if (eventcount_wait(&ec, key, 1) == OK)
		CHECK(atomic_load_explicit(&tokens, memory_order_relaxed) != 0);
}

/* ---- rt/completion ---- */

static struct completion_hub hub;
static struct completion completion[2];
static uint64_t work[2];

static void completion_setup(void)
{
	completion_hub_init(&hub, 0);
	for (size_t i = 0; i < 2; i++)
		completion_init(&completion[i], &hub);
	model_share(work, sizeof work);
}

static void complete(size_t index)
{
	const uint64_t done = 1;
	(void)model_memcpy(&work[index], &done, sizeof done);
	completion_set(&completion[index], OK);
}

static void complete_first(void)
{
	complete(0);
}

static void complete_second(void)
{
	complete(1);
}

static void await_both(void)
{
	struct completion *const list[] = {&completion[0], &completion[1]};
	uint64_t seen_work;
	size_t index;
	CHECK(completion_wait_any(&index, list, 2, FUTEX_FOREVER) == OK);
	(void)model_memcpy(&seen_work, &work[index], sizeof seen_work);
	CHECK(completion_wait_all(list, 2, FUTEX_FOREVER) == OK);
	(void)model_memcpy(&seen_work, &work[0], sizeof seen_work);
	(void)model_memcpy(&seen_work, &work[1], sizeof seen_work);
}

const struct model_program programs[] = {
	{"ring of one", spsc_setup_1, {spsc_push_three, spsc_pop_three}, spsc_finish},
	{"ring of two", spsc_setup_2, {spsc_push_three, spsc_pop_three}, spsc_finish},
	{"ring in place", spsc_setup_2, {spsc_push_in_place, spsc_pop_in_place}, spsc_finish},
	{"queue, two consumers", mpmc_setup, {mpmc_send_three, mpmc_take_two, mpmc_take_one},
		mpmc_finish},
	{"queue, a lane handed over", mpmc_setup,
		{mpmc_send_first, mpmc_send_second, mpmc_take_one}, mpmc_finish},
	{"queue, closed", mpmc_setup_to_close,
		{mpmc_send_first, mpmc_shut, mpmc_take_until_drained}, mpmc_finish},
	{"deque, the last items", deque_setup_full, {deque_take_two, deque_rob}, deque_finish},
	{"deque, two thieves", deque_setup_full, {deque_take_two, deque_rob_once, deque_rob_once},
		deque_finish},
	{"deque, one thief", deque_setup, {deque_own, deque_rob}, deque_finish},
	{"eventcount, one waiter", ec_setup, {ec_give_one, ec_wait_once}, NULL},
	{"eventcount, deadline", ec_setup, {ec_give_one, ec_wait_briefly}, NULL},
	{"eventcount, one each", ec_setup, {ec_give_one, ec_give_one, ec_take, ec_take}, NULL},
	{"eventcount, both at once", ec_setup, {ec_give_two, ec_take, ec_take}, NULL},
	{"eventcount, one gives up", ec_setup, {ec_give_one, ec_take, ec_take_impatiently}, NULL},
	{"completions", completion_setup, {complete_first, complete_second, await_both}, NULL},
};
const size_t program_count = ARRAY_LEN(programs);
