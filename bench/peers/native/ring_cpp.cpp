// Boost's spsc_queue, moodycamel's ReaderWriterQueue and ConcurrentQueue (with its tokens).
#include <algorithm>
#include <boost/lockfree/spsc_queue.hpp>
#include <concurrentqueue/concurrentqueue.h>
#include <cstdlib>
#include <readerwriterqueue/readerwriterqueue.h>

#include "../peers.h"
#include "wait.h"

namespace
{
constexpr uint32_t capacity_fixed = 4096;
using item = uint64_t;

struct boost_ring {
	using queue = boost::lockfree::spsc_queue<item, boost::lockfree::capacity<capacity_fixed>>;
	static void *create(uint32_t capacity)
	{
		return capacity == capacity_fixed ? new queue : nullptr;
	}
	static uint32_t push(queue &q, const item *items, uint32_t n) { return q.push(items, n); }
	static uint32_t pop(queue &q, item *items, uint32_t n) { return q.pop(items, n); }
	static bool push(queue &q, item one) { return q.push(one); }
	static bool pop(queue &q, item &one) { return q.pop(one); }
};

struct rwq_ring {
	using queue = moodycamel::ReaderWriterQueue<item>;
	static void *create(uint32_t capacity) { return new queue(capacity); }
	static bool push(queue &q, item one) { return q.try_enqueue(one); }
	static bool pop(queue &q, item &one) { return q.try_dequeue(one); }
};

template <class R> void destroy(void *ring)
{
	delete static_cast<typename R::queue *>(ring);
}

template <class R>
void produce_single(void *ring, uint32_t, const item *table, uint64_t count, uint32_t)
{
	auto &q = *static_cast<typename R::queue *>(ring);
	uint32_t spins = 0;
	for (uint64_t i = 0; i < count; i++)
		while (!R::push(q, table[i % PEER_TABLE_SIZE]))
			peer_wait(&spins);
}

template <class R> uint64_t consume_single(void *ring, uint32_t, uint64_t count, uint32_t)
{
	auto &q = *static_cast<typename R::queue *>(ring);
	uint32_t spins = 0;
	item sum = 0, one = 0;
	for (uint64_t i = 0; i < count; i++) {
		while (!R::pop(q, one))
			peer_wait(&spins);
		sum += one;
	}
	return sum;
}

template <class R>
void produce_array(void *ring, uint32_t, const item *table, uint64_t count, uint32_t batch)
{
	auto &q = *static_cast<typename R::queue *>(ring);
	uint32_t spins = 0, at = 0;
	while (count > 0) {
		const uint32_t n = R::push(
			q, table + at, peer_next(batch, at, PEER_TABLE_SIZE, count));
		if (n == 0)
			peer_wait(&spins);
		at = (at + n) % PEER_TABLE_SIZE;
		count -= n;
	}
}

template <class R> uint64_t consume_array(void *ring, uint32_t, uint64_t count, uint32_t batch)
{
	auto &q = *static_cast<typename R::queue *>(ring);
	item items[PEER_BATCH_MAX], sum = 0;
	uint32_t spins = 0;
	while (count > 0) {
		const uint32_t n = R::pop(q, items, uint32_t(std::min(count, uint64_t(batch))));
		if (n == 0)
			peer_wait(&spins);
		sum += peer_sum(items, n);
		count -= n;
	}
	return sum;
}

template <class R> uint64_t pair(void *ring, const item *table, uint64_t count)
{
	auto &q = *static_cast<typename R::queue *>(ring);
	item sum = 0, one = 0;
	for (uint64_t i = 0; i < count; i++) {
		if (!R::push(q, table[i % PEER_TABLE_SIZE]) || !R::pop(q, one))
			abort();
		sum += one;
	}
	return sum;
}

// Explicit producers, consumers with their tokens; bounded by what was allocated at first, or
// growing.
template <bool grows> struct moody {
	using queue = moodycamel::ConcurrentQueue<item>;

	static void *create(uint32_t capacity)
	{
		return new queue(capacity, PEER_THREADS_MAX, PEER_THREADS_MAX);
	}

	static bool push(
		queue &q, const moodycamel::ProducerToken &token, const item *items, uint32_t n)
	{
		if constexpr (grows)
			return n == 1 ? q.enqueue(token, *items) : q.enqueue_bulk(token, items, n);
		else
			return n == 1 ? q.try_enqueue(token, *items)
				      : q.try_enqueue_bulk(token, items, n);
	}

	static void produce(void *ring, uint32_t, const item *table, uint64_t count, uint32_t batch)
	{
		auto &q = *static_cast<queue *>(ring);
		const moodycamel::ProducerToken token(q);
		uint32_t spins = 0, at = 0;
		while (count > 0) {
			const uint32_t n = peer_next(batch, at, PEER_TABLE_SIZE, count);
			if (!push(q, token, table + at, n)) {
				peer_wait(&spins);
				continue;
			}
			at = (at + n) % PEER_TABLE_SIZE;
			count -= n;
		}
	}

	static uint64_t consume(void *ring, uint32_t, uint64_t count, uint32_t batch)
	{
		auto &q = *static_cast<queue *>(ring);
		moodycamel::ConsumerToken token(q);
		item items[PEER_BATCH_MAX], sum = 0;
		uint32_t spins = 0;
		while (count > 0) {
			const uint64_t want = std::min(count, uint64_t(batch));
			const size_t n = want == 1 ? q.try_dequeue(token, items[0])
						   : q.try_dequeue_bulk(token, items, want);
			if (n == 0)
				peer_wait(&spins);
			sum += peer_sum(items, uint32_t(n));
			count -= n;
		}
		return sum;
	}

	static uint64_t pair(void *ring, const item *table, uint64_t count)
	{
		auto &q = *static_cast<queue *>(ring);
		const moodycamel::ProducerToken producer(q);
		moodycamel::ConsumerToken consumer(q);
		item sum = 0, one = 0;
		for (uint64_t i = 0; i < count; i++) {
			if (!q.try_enqueue(producer, table[i % PEER_TABLE_SIZE]) ||
				!q.try_dequeue(consumer, one))
				abort();
			sum += one;
		}
		return sum;
	}
};
} // namespace

extern "C" {
const struct peer_ring peer_boost_single = {"boost spsc_queue", "single", VERSION_BOOST,
	boost_ring::create, destroy<boost_ring>, produce_single<boost_ring>,
	consume_single<boost_ring>, pair<boost_ring>};
const struct peer_ring peer_boost_arrays = {"boost spsc_queue", "arrays", VERSION_BOOST,
	boost_ring::create, destroy<boost_ring>, produce_array<boost_ring>,
	consume_array<boost_ring>, nullptr};
const struct peer_ring peer_rwq = {"moodycamel ReaderWriterQueue", nullptr, VERSION_RWQ,
	rwq_ring::create, destroy<rwq_ring>, produce_single<rwq_ring>, consume_single<rwq_ring>,
	pair<rwq_ring>};
const struct peer_ring peer_moody = {"moodycamel ConcurrentQueue", "tokens, bounded", VERSION_MOODY,
	moody<false>::create, destroy<moody<false>>, moody<false>::produce, moody<false>::consume,
	moody<false>::pair};
const struct peer_ring peer_moody_growing = {"moodycamel ConcurrentQueue", "tokens, growing",
	VERSION_MOODY, moody<true>::create, destroy<moody<true>>, moody<true>::produce,
	moody<true>::consume, nullptr};
}
