/* Our eventcount behind the function that its peers are behind: a thread parks at once, without a
 * spin. */
#include "wake_ours.h"

#include "crew.h"
#include "rt/eventcount.h"

struct wake {
	_Alignas(128) struct eventcount event;
	/* When the wake-up left; 0: none under way. The sleeper takes it back. */
	_Alignas(128) _Atomic uint64_t stamp;
	uint64_t count;
	uint32_t *latencies_ns;
};

static bool is_stamped(void *ctx)
{
	struct wake *w = ctx;
	/* acquire: pairs with the release in wake_all */
	return atomic_load_explicit(&w->stamp, memory_order_acquire) != 0;
}

static void sleep_all(struct wake *w)
{
	for (uint64_t i = 0; i < w->count; i++) {
		CHECK(eventcount_await(&w->event, FUTEX_FOREVER, is_stamped, w) == OK);
		const uint64_t now = peer_now_ns();
		/* relaxed: the waker reads nothing on the strength of it */
		const uint64_t since = atomic_exchange_explicit(&w->stamp, 0, memory_order_relaxed);
		w->latencies_ns[i] = (uint32_t)(now - since);
	}
}

static void wake_all(struct wake *w)
{
	for (uint64_t i = 0; i < w->count; i++) {
		peer_pause_ns();
		/* release: pairs with the acquire in is_stamped */
		atomic_store_explicit(&w->stamp, peer_now_ns(), memory_order_release);
		eventcount_notify_one(&w->event);
		while (atomic_load_explicit(&w->stamp, memory_order_relaxed) != 0)
			__builtin_ia32_pause();
	}
}

static void part(void *ctx, unsigned member)
{
	if (member == 0)
		wake_all(ctx);
	else
		sleep_all(ctx);
}

static void run(uint64_t count, uint32_t *latencies_ns)
{
	struct wake w = {.count = count, .latencies_ns = latencies_ns};
	eventcount_init(&w.event, 0);
	(void)crew_run(2, part, &w);
}

const struct peer_wake wake_ours = {.run = run};
