#include "sys/timer_wheel.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define BINS_MAX 25u /* runs of 2^n timers while a list is sorted */

_Static_assert(UINT32_C(1) << (BINS_MAX - 1) >= TIMER_MAX_MAX, "a whole list fits the bins");
_Static_assert(WHEEL_SLOTS == 64, "a level is one word of bits");

/* ---- lists ---- */

static void list_append(struct timer_wheel *w, uint32_t list, uint32_t index)
{
	struct timer_list *l = &w->list[list];
	struct timer *t = &w->timer[index];
	t->list = list;
	t->next = NONE;
	t->prev = l->last;
	if (l->last == NONE)
		l->first = index;
	else
		w->timer[l->last].next = index;
	l->last = index;
}

static void list_remove(struct timer_wheel *w, uint32_t index)
{
	const struct timer *t = &w->timer[index];
	struct timer_list *l = &w->list[t->list];
	if (t->prev == NONE)
		l->first = t->next;
	else
		w->timer[t->prev].next = t->next;
	if (t->next == NONE)
		l->last = t->prev;
	else
		w->timer[t->next].prev = t->prev;
	if (l->first == NONE && t->list < WHEEL_LIST_DUE)
		w->occupied[t->list / WHEEL_SLOTS] &= ~(UINT64_C(1) << t->list % WHEEL_SLOTS);
}

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->seq < b->seq);
}

/* Two sorted chains (linked by next) become one. */
static uint32_t merge(struct timer_wheel *w, uint32_t a, uint32_t b)
{
	uint32_t first = NONE, *tail = &first;
	while (a != NONE && b != NONE) {
		uint32_t *from = is_before(&w->timer[a], &w->timer[b]) ? &a : &b;
		*tail = *from;
		tail = &w->timer[*from].next;
		*from = *tail;
	}
	*tail = a != NONE ? a : b;
	return first;
}

/* Bottom up: bin n holds nothing or a sorted chain of 2^n timers. */
static uint32_t sort(struct timer_wheel *w, uint32_t first)
{
	uint32_t bin[BINS_MAX], used = 0;
	while (first != NONE) {
		uint32_t run = first;
		first = w->timer[run].next;
		w->timer[run].next = NONE;
		uint32_t n = 0;
		for (; n < used && bin[n] != NONE; n++) {
			run = merge(w, bin[n], run);
			bin[n] = NONE;
		}
		CHECK(n < BINS_MAX);
		if (n == used)
			used++;
		bin[n] = run;
	}
	uint32_t sorted = NONE;
	for (uint32_t n = 0; n < used; n++)
		sorted = merge(w, bin[n], sorted);
	return sorted;
}

/* ---- slots ---- */

static uint32_t level_of(const struct timer_wheel *w, uint64_t tick)
{
	const uint64_t differ = tick ^ w->tick;
	return differ == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(differ)) / WHEEL_BITS;
}

static void slot_add(struct timer_wheel *w, uint32_t index)
{
	const uint64_t due_ns = w->timer[index].due_ns, tick = due_ns >> WHEEL_TICK_SHIFT;
	CHECK(tick >= w->tick);
	const uint32_t level = level_of(w, tick);
	const uint32_t digit = (uint32_t)(tick >> level * WHEEL_BITS) % WHEEL_SLOTS;
	const uint32_t list = level * WHEEL_SLOTS + digit;
	if (w->list[list].first == NONE || due_ns < w->slot_due_ns[list])
		w->slot_due_ns[list] = due_ns;
	w->occupied[level] |= UINT64_C(1) << digit;
	list_append(w, list, index);
}

/* The list of the next slot that holds a timer, and the tick at which it begins. */
static bool slot_next(const struct timer_wheel *w, uint32_t *list, uint64_t *tick)
{
	for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
		if (w->occupied[level] == 0)
			continue;
		const uint32_t digit = (uint32_t)__builtin_ctzll(w->occupied[level]);
		const uint32_t shift = level * WHEEL_BITS;
		const uint64_t above = shift + WHEEL_BITS >= 64
			? 0
			: w->tick >> (shift + WHEEL_BITS) << (shift + WHEEL_BITS);
		*list = level * WHEEL_SLOTS + digit;
		*tick = above | (uint64_t)digit << shift;
		return true;
	}
	return false;
}

/* All of one tick, sorted, behind those of earlier ticks. */
static void slot_to_due(struct timer_wheel *w, uint32_t first)
{
	for (uint32_t at = sort(w, first); at != NONE;) {
		const uint32_t next = w->timer[at].next;
		list_append(w, WHEEL_LIST_DUE, at);
		at = next;
	}
}

static void slot_to_lower(struct timer_wheel *w, uint32_t first)
{
	while (first != NONE) {
		const uint32_t next = w->timer[first].next;
		slot_add(w, first);
		first = next;
	}
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now_ns)
{
	const uint64_t now_tick = now_ns >> WHEEL_TICK_SHIFT;
	uint32_t list;
	uint64_t tick;
	while (slot_next(w, &list, &tick) && tick <= now_tick) {
		const uint32_t first = w->list[list].first;
		w->tick = tick;
		w->list[list] = (struct timer_list){.first = NONE, .last = NONE};
		w->occupied[list / WHEEL_SLOTS] &= ~(UINT64_C(1) << list % WHEEL_SLOTS);
		if (list < WHEEL_SLOTS)
			slot_to_due(w, first);
		else
			slot_to_lower(w, first);
	}
	if (now_tick > w->tick) /* no slot begins in between: no timer's place changes */
		w->tick = now_tick;
}

uint64_t timer_wheel_next_ns(const struct timer_wheel *w)
{
	const uint32_t due = w->list[WHEEL_LIST_DUE].first, now = w->list[WHEEL_LIST_NOW].first;
	const uint64_t due_ns = due == NONE ? UINT64_MAX : w->timer[due].due_ns;
	const uint64_t set_ns = now == NONE ? UINT64_MAX : w->timer[now].due_ns;
	uint64_t next_ns = due_ns < set_ns ? due_ns : set_ns, tick;
	uint32_t list;
	if (slot_next(w, &list, &tick) && w->slot_due_ns[list] < next_ns)
		next_ns = w->slot_due_ns[list];
	return next_ns;
}

/* ---- timers ---- */

static void timer_free(struct timer_wheel *w, uint32_t index)
{
	list_remove(w, index);
	struct timer *t = &w->timer[index];
	t->generation++;
	t->cb = NULL;
	t->next = w->free;
	w->free = index;
	w->timer_count--;
}

enum err timer_wheel_set(struct timer_wheel *w, uint64_t *id, uint64_t now_ns, uint64_t delay_ns,
	timer_cb cb, void *ctx)
{
	CHECK(delay_ns == 0 || delay_ns >= TIMER_DELAY_MIN_NS);
	if (w->timer_count == w->timer_max)
		return ERR_FULL;
	uint32_t index = w->free;
	if (index != NONE)
		w->free = w->timer[index].next;
	else
		index = w->touched++;
	CHECK(index < w->timer_max);
	w->timer_count++;
	struct timer *t = &w->timer[index];
	t->cb = cb;
	t->ctx = ctx;
	t->due_ns = now_ns + delay_ns;
	t->seq = w->seq++;
	if (delay_ns == 0)
		list_append(w, WHEEL_LIST_NOW, index);
	else
		slot_add(w, index);
	*id = (uint64_t)t->generation << 32 | (index + 1);
	return OK;
}

void timer_wheel_cancel(struct timer_wheel *w, uint64_t id)
{
	const uint32_t number = (uint32_t)id, generation = (uint32_t)(id >> 32);
	if (number == 0 || number > w->touched)
		return;
	const struct timer *t = &w->timer[number - 1];
	if (t->cb != NULL && t->generation == generation)
		timer_free(w, number - 1);
}

bool timer_wheel_take(
	struct timer_wheel *w, timer_cb *cb, void **ctx, uint64_t now_ns, uint64_t seq_end)
{
	const uint32_t due = w->list[WHEEL_LIST_DUE].first, now = w->list[WHEEL_LIST_NOW].first;
	if (due == NONE && now == NONE)
		return false;
	const bool take_due = now == NONE ||
		(due != NONE && is_before(&w->timer[due], &w->timer[now]));
	const uint32_t index = take_due ? due : now;
	const struct timer *t = &w->timer[index];
	if (t->due_ns > now_ns || t->seq >= seq_end)
		return false;
	*cb = t->cb;
	*ctx = t->ctx;
	timer_free(w, index);
	return true;
}

/* ---- life ---- */

enum err timer_wheel_init(struct timer_wheel *w, uint32_t timer_max, uint64_t now_ns)
{
	CHECK(timer_max >= 1 && timer_max <= TIMER_MAX_MAX);
	*w = (struct timer_wheel){
		.timer_max = timer_max, .free = NONE, .tick = now_ns >> WHEEL_TICK_SHIFT};
	for (uint32_t i = 0; i < WHEEL_LIST_COUNT; i++)
		w->list[i] = (struct timer_list){.first = NONE, .last = NONE};
	/* reserved whole, so that setting a timer never allocates; untouched pages cost nothing */
	w->timer = calloc(timer_max, sizeof *w->timer);
	return w->timer == NULL ? ERR_FULL : OK;
}

void timer_wheel_fini(struct timer_wheel *w)
{
	free(w->timer);
	w->timer = NULL;
}
