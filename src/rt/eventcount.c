#include "rt/eventcount.h"

#include "sys/thread.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EPOCH_HALF 1
#else
#define EPOCH_HALF 0
#endif

static uint32_t epoch_of(uint64_t state)
{
	return (uint32_t)(state >> 32);
}

static uint32_t waiters_of(uint64_t state)
{
	return (uint32_t)state;
}

void eventcount_init(struct eventcount *ec, uint32_t spin)
{
	atomic_init(&ec->state, 0);
	ec->spin = thread_cpu_count() > 1 ? spin : 0;
}

uint32_t eventcount_prepare(struct eventcount *ec)
{
	/* [EPOCH] acquire: pairs with the release in eventcount_wake: whoever starts from the new
	 * epoch sees the condition that was notified with it */
	const uint64_t before = atomic_fetch_add_explicit(&ec->state, 1, memory_order_acquire);
	CHECK(waiters_of(before) != UINT32_MAX);
	/* [WAIT] pairs with the fence in eventcount_has_waiters */
	fence_seq_cst(&ec->state);
	return epoch_of(before);
}

/* Takes back a registration that no notification has met. After one it is not known whose
 * registration it took: ours is left in the count, for the next one to take. Returns whether there
 * was a notification. */
static bool withdraw(struct eventcount *ec, uint32_t key)
{
	/* [EPOCH] acquire, as in prepare: the caller looks at the condition again */
	uint64_t state = atomic_load_explicit(&ec->state, memory_order_acquire);
	while (epoch_of(state) == key) {
		CHECK(waiters_of(state) != 0);
		if (atomic_compare_exchange_weak_explicit(&ec->state, &state, state - 1,
			    memory_order_acquire, memory_order_acquire))
			return false;
	}
	return true;
}

void eventcount_cancel(struct eventcount *ec, uint32_t key)
{
	(void)withdraw(ec, key);
}

enum err eventcount_wait(struct eventcount *ec, uint32_t key, uint64_t deadline_ns)
{
	/* [EPOCH] acquire, as in prepare */
	if (epoch_of(atomic_load_explicit(&ec->state, memory_order_acquire)) != key)
		return OK;
	if (futex_wait(&ec->half[EPOCH_HALF], key, deadline_ns) == ERR_TIMEOUT)
		return withdraw(ec, key) ? OK : ERR_TIMEOUT;
	/* Awake in the same epoch: a wake-up meant for an earlier one, whose place in the count
	 * is gone. To sleep again would be to swallow it; ours stays counted for the one that it
	 * was meant for. [EPOCH] acquire, as in prepare; a read-modify-write, for it must read the
	 * newest state, and a load may read an older one than the kernel saw. */
	(void)atomic_fetch_add_explicit(&ec->state, 0, memory_order_acquire);
	return OK;
}

void eventcount_wake(struct eventcount *ec, bool all)
{
	uint64_t next, state = atomic_load_explicit(&ec->state, memory_order_relaxed);
	do {
		if (waiters_of(state) == 0)
			return; /* notified by somebody else, or gone */
		const uint32_t left = all ? 0 : waiters_of(state) - 1;
		next = (uint64_t)(epoch_of(state) + 1) << 32 | left;
		/* [EPOCH] release: pairs with the acquires of the waiters */
	} while (!atomic_compare_exchange_weak_explicit(
		&ec->state, &state, next, memory_order_release, memory_order_relaxed));
	futex_wake(&ec->half[EPOCH_HALF], all ? FUTEX_ALL : 1);
}

enum err eventcount_await(
	struct eventcount *ec, uint64_t deadline_ns, eventcount_ready ready, void *ctx)
{
	for (uint32_t i = 0; i < ec->spin; i++) {
		if (ready(ctx))
			return OK;
		cpu_relax();
	}
	for (;;) {
		const uint32_t key = eventcount_prepare(ec);
		if (ready(ctx)) {
			eventcount_cancel(ec, key);
			return OK;
		}
		if (eventcount_wait(ec, key, deadline_ns) == ERR_TIMEOUT)
			return ready(ctx) ? OK : ERR_TIMEOUT;
		if (ready(ctx)) /* as nearly always: without registering again */
			return OK;
	}
}
