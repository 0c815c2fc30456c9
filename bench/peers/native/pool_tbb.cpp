// oneTBB: an arena of pinned workers; the calling thread is one of them while it waits.
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_invoke.h>
#include <tbb/parallel_reduce.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#include <tbb/task_scheduler_observer.h>

#include "../peers.h"

namespace
{
// Pins each thread that enters, as long as it is inside.
struct pin_observer final : tbb::task_scheduler_observer {
	explicit pin_observer(tbb::task_arena &arena) : task_scheduler_observer(arena)
	{
		observe(true);
	}
	~pin_observer() final { observe(false); }
	void on_scheduler_exit(bool) final { peer_unpin(); }
	void on_scheduler_entry(bool) final
	{
		peer_pin(uint32_t(tbb::this_task_arena::current_thread_index()));
	}
};

struct pool {
	explicit pool(uint32_t workers)
	    : limit(tbb::global_control::max_allowed_parallelism, workers), arena(int(workers), 1),
	      observer(arena)
	{
	}
	tbb::global_control limit;
	tbb::task_arena arena;
	pin_observer observer;

	template <class F> void run(F &&work) { arena.execute(work); }
};

pool &of(void *p)
{
	return *static_cast<pool *>(p);
}

void *create(uint32_t workers)
{
	return new pool(workers);
}

void destroy(void *p)
{
	delete static_cast<pool *>(p);
}

uint64_t fib_of(uint32_t n)
{
	uint64_t a = 0, b = 0;
	if (n < 2)
		return n;
	tbb::parallel_invoke([&] { a = fib_of(n - 1); }, [&] { b = fib_of(n - 2); });
	return a + b;
}

uint64_t fib(void *p, uint32_t n)
{
	uint64_t result = 0;
	of(p).run([&] { result = fib_of(n); });
	return result;
}

// One task is spawned, the other runs at once: the cheaper form of a fork.
uint64_t fib_group_of(uint32_t n)
{
	uint64_t a = 0;
	if (n < 2)
		return n;
	tbb::task_group group;
	group.run([&] { a = fib_group_of(n - 1); });
	const uint64_t b = fib_group_of(n - 2);
	group.wait();
	return a + b;
}

uint64_t fib_group(void *p, uint32_t n)
{
	uint64_t result = 0;
	of(p).run([&] { result = fib_group_of(n); });
	return result;
}

void spawn_join(void *p, uint64_t count)
{
	of(p).run([&] {
		tbb::task_group group;
		for (uint64_t i = 0; i < count; i++) {
			group.run([] {});
			group.wait();
		}
	});
}

void spawn_many(void *p, uint64_t count)
{
	of(p).run([&] {
		tbb::task_group group;
		for (uint64_t i = 0; i < count; i++)
			group.run([] {});
		group.wait();
	});
}

void each(void *p, uint64_t count, peer_item item, void *ctx)
{
	of(p).run([&] {
		tbb::parallel_for(
			tbb::blocked_range<uint64_t>(0, count, 1),
			[=](const auto &range) {
				for (uint64_t i = range.begin(); i < range.end(); i++)
					item(ctx, i);
			},
			tbb::simple_partitioner());
	});
}

void range(void *p, uint64_t count, peer_item item, void *ctx)
{
	of(p).run(
		[&] { tbb::parallel_for(uint64_t(0), count, [=](uint64_t i) { item(ctx, i); }); });
}

uint64_t sum(void *p, const uint64_t *items, uint64_t count)
{
	uint64_t result = 0;
	of(p).run([&] {
		result = tbb::parallel_reduce(
			tbb::blocked_range<const uint64_t *>(items, items + count), uint64_t(0),
			[](const auto &range, uint64_t so_far) {
				for (const uint64_t *i = range.begin(); i < range.end(); i++)
					so_far += *i;
				return so_far;
			},
			[](uint64_t a, uint64_t b) { return a + b; });
	});
	return result;
}

void sort(void *p, uint64_t *items, uint64_t count)
{
	of(p).run([&] { tbb::parallel_sort(items, items + count); });
}
} // namespace

extern "C" {
const struct peer_pool peer_tbb = {"oneTBB", "parallel_invoke", VERSION_TBB, create, destroy, fib,
	spawn_join, spawn_many, each, sum, sort};
const struct peer_pool peer_tbb_other = {"oneTBB", "task_group", VERSION_TBB, create, destroy,
	fib_group, nullptr, nullptr, range, nullptr, nullptr};
}
