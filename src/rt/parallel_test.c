/* Loops: every iteration once, in pieces that begin where cache lines do; reductions: one result,
 * whoever computes it. */
#include "rt/parallel.h"

#include <stdlib.h>

#include "rt/cpu_clock.h"
#include "rt/chunks.h"

#define ITEMS_MAX 20000u
#define PIECES_MAX 20000u
#define SLOW_EVERY 64u
#define TRIES_MAX 100u

static struct executor *create(uint32_t workers, bool stealing, uint32_t line)
{
	struct executor *x = NULL;
	struct executor_config config = executor_config_default();
	config.worker_count = workers;
	config.work_stealing = stealing;
	config.cache_line_size = line;
	config.pin_threads = false;
	CHECK(executor_create(&x, &config) == OK);
	return x;
}

struct piece {
	size_t begin, end;
};

struct run {
	size_t count;
	struct parallel_options options;
	uint64_t item_ns; /* each takes so long, on a processor */
	uint64_t slow_ns; /* every SLOW_EVERYth takes so long on top */
	_Atomic uint8_t times[ITEMS_MAX];
	struct piece piece[PIECES_MAX];
	_Atomic uint32_t pieces;
};

static struct run loop;

static void body(void *ctx, size_t begin, size_t end)
{
	struct run *r = ctx;
	const uint32_t at = atomic_fetch_add(&r->pieces, 1);
	CHECK(begin < end && end <= r->count && at < PIECES_MAX);
	r->piece[at] = (struct piece){begin, end};
	for (size_t i = begin; i < end; i++)
		CHECK(atomic_fetch_add_explicit(&r->times[i], 1, memory_order_relaxed) == 0);
	if (r->item_ns != 0) {
		const uint64_t slow = (end + SLOW_EVERY - 1) / SLOW_EVERY -
			(begin + SLOW_EVERY - 1) / SLOW_EVERY;
		const uint64_t until = cpu_clock_ns() + (end - begin) * r->item_ns +
			slow * r->slow_ns;
		while (cpu_clock_ns() < until)
			cpu_relax();
	}
}

static void loop_branch(struct strand s, void *arg)
{
	struct run *r = arg;
	parallel_for_each(s, r->count, &r->options, body, r);
}

static void check_loop(struct executor *x, size_t count, size_t item_size, size_t chunk)
{
	memset(&loop, 0, sizeof loop);
	loop.count = count;
	loop.options = (struct parallel_options){.item_size = item_size, .chunk_items = chunk};
	CHECK(executor_call(x, loop_branch, &loop) == OK);
	for (size_t i = 0; i < count; i++)
		CHECK(atomic_load(&loop.times[i]) == 1);
}

static void test_loops(uint32_t workers, bool stealing)
{
	static const size_t counts[] = {0, 1, 2, 7, 64, 100, 999, 4001, ITEMS_MAX};
	struct executor *x = create(workers, stealing, 64);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		check_loop(x, counts[i], 0, 0);
		check_loop(x, counts[i], 8, 0);
		const bool lines = workers > 1 && counts[i] >= 64;
		for (uint32_t k = 0; lines && k < atomic_load(&loop.pieces); k++)
			CHECK(loop.piece[k].begin % 8 == 0); /* of 8 bytes, 8 in a line */
		check_loop(x, counts[i], 24, 9);
		for (uint32_t k = 0; workers > 1 && k < atomic_load(&loop.pieces); k++)
			CHECK(loop.piece[k].begin % 8 ==
				0); /* 8 of 24 bytes end where a line does */
	}
	executor_destroy(x);
}

static void test_chunks(void)
{
	/* few: two for each worker; many: four */
	CHECK(parallel_chunk_items(1000, 4, 0, 64) == 125);
	CHECK(parallel_chunk_items(4000, 4, 0, 64) == 500);
	CHECK(parallel_chunk_items(4004, 4, 0, 64) == 251);
	CHECK(parallel_chunk_items(40000, 4, 0, 64) == 2500);
	/* whole lines */
	CHECK(parallel_chunk_items(1000, 4, 8, 64) == 128);
	CHECK(parallel_chunk_items(1000, 4, 8, 1) == 125);
	CHECK(parallel_chunk_items(1000, 4, 48, 64) == 128);
	CHECK(parallel_chunk_items(1000, 4, 64, 64) == 125);
	CHECK(parallel_chunk_items(1000, 4, 128, 64) == 125);
	/* too few for a line in each */
	CHECK(parallel_chunk_items(10, 2, 8, 64) == 3 && parallel_chunk_items(64, 4, 8, 64) == 8);
	CHECK(parallel_chunk_items(0, 4, 8, 64) == 1 && parallel_chunk_items(1, 4, 0, 64) == 1);
}

static uint32_t pieces_of(struct executor *x, size_t count, uint64_t item_ns, uint64_t slow_ns)
{
	memset(&loop, 0, sizeof loop);
	loop.count = count;
	loop.item_ns = item_ns;
	loop.slow_ns = slow_ns;
	CHECK(executor_call(x, loop_branch, &loop) == OK);
	return atomic_load(&loop.pieces);
}

/* Chunks are what is run where they take the same time; where their times diverge, small pieces
 * are, and where one item alone is long, single ones. A machine can take a processor away unseen:
 * then a time is wrong, and it is tried again. */
static void test_adapts(void)
{
	enum { COUNT = 8000, CHUNKS = 2 * PARALLEL_CHUNKS_LARGE, TO_FIND_OUT = 3 * CHUNKS };
	struct executor *x = create(2, true, 64);
	uint32_t tries = 0;
	size_t largest;
	do {
		CHECK(tries++ < TRIES_MAX);
		const uint32_t pieces = pieces_of(x, COUNT, 50, 0);
		largest = 0;
		for (uint32_t i = 0; i < pieces; i++)
			if (loop.piece[i].end - loop.piece[i].begin > largest)
				largest = loop.piece[i].end - loop.piece[i].begin;
		CHECK(largest <= COUNT / CHUNKS);
	} while (largest < COUNT / CHUNKS || atomic_load(&loop.pieces) > CHUNKS + TO_FIND_OUT);
	/* a chunk would take as long as sixteen small pieces */
	for (tries = 0; pieces_of(x, COUNT, 100, 20000) < 8 * CHUNKS; tries++)
		CHECK(tries < TRIES_MAX);
	for (tries = 0; pieces_of(x, 400, CHUNKS_EVEN_NS, 0) < 400; tries++)
		CHECK(tries < TRIES_MAX);
	executor_destroy(x);
}

/* ---- reductions ---- */

/* Which items, in their order, and a sum that depends on the shape of the tree. */
struct partial {
	double sum;
	size_t begin, end;
	bool any;
};

static double value(size_t i)
{
	return 1.0 / (double)(i * i % 977 + 1) * ((i & 1) != 0 ? 1e9 : 1e-9);
}

static void fold(void *ctx, void *into, size_t begin, size_t end)
{
	struct partial *p = into;
	(void)ctx;
	CHECK(!p->any && begin < end);
	*p = (struct partial){.begin = begin, .end = end, .any = true};
	for (size_t i = begin; i < end; i++)
		p->sum += value(i);
}

static void combine(void *ctx, void *into, const void *right)
{
	struct partial *l = into;
	const struct partial *r = right;
	(void)ctx;
	CHECK(l->any && r->any && l->end == r->begin); /* in order */
	l->sum += r->sum;
	l->end = r->end;
}

struct reduce_run {
	size_t count, chunk;
	struct partial out;
};

static void reduce_branch(struct strand s, void *arg)
{
	static const struct partial identity;
	const struct reduce reduce = {.size = sizeof(struct partial),
		.identity = &identity,
		.fold = fold,
		.combine = combine};
	struct reduce_run *r = arg;
	const struct parallel_options options = {.chunk_items = r->chunk};
	parallel_reduce(s, &r->out, r->count, &options, &reduce, NULL);
}

/* Equal to the last bit, not only near. */
static uint64_t bits(double value)
{
	uint64_t out;
	memcpy(&out, &value, sizeof out);
	return out;
}

/* Bit for bit the same on one worker and on several, again and again. */
static void test_reduce(void)
{
	static const size_t counts[] = {1, 2, 3, 100, 1001, 5000, ITEMS_MAX};
	struct executor *x[4];
	for (uint32_t w = 0; w < 4; w++)
		x[w] = create(w + 1, w != 3, 64);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct reduce_run first = {.count = counts[i], .chunk = 600};
		CHECK(executor_call(x[0], reduce_branch, &first) == OK);
		CHECK(first.out.begin == 0 && first.out.end == counts[i]);
		for (uint32_t n = 0; n < 40; n++) {
			struct reduce_run again = {.count = counts[i], .chunk = 600};
			CHECK(executor_call(x[n % 4], reduce_branch, &again) == OK);
			CHECK(bits(again.out.sum) == bits(first.out.sum));
		}
		struct reduce_run other = {.count = counts[i]}; /* another cut may differ */
		CHECK(executor_call(x[1], reduce_branch, &other) == OK);
		CHECK(other.out.end == counts[i]);
	}
	struct reduce_run none = {.out = {.sum = 5, .any = true}};
	CHECK(executor_call(x[1], reduce_branch, &none) == OK);
	CHECK(none.out.sum == 0 && !none.out.any);
	for (uint32_t w = 0; w < 4; w++)
		executor_destroy(x[w]);
}

/* ---- for pure code ---- */

static void sum_rows(void *ctx, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		(void)atomic_fetch_add((_Atomic uint64_t *)ctx, i);
}

/* Pure code, which knows of no executor. */
struct table {
	const struct parallel *parallel;
	_Atomic uint64_t sum;
};

static void table_body(void *ctx, size_t begin, size_t end)
{
	struct table *t = ctx;
	for (size_t row = begin; row < end; row++)
		sum_rows(&t->sum, 0, 100);
}

static void table_sum(struct table *t)
{
	parallel_run(t->parallel, 50, 8, table_body, t);
}

static void table_branch(struct strand s, void *arg)
{
	struct table *t = arg;
	const struct parallel parallel = strand_parallel(&s);
	t->parallel = &parallel;
	table_sum(t);
}

static void test_pure(void)
{
	struct executor *x = create(2, true, 0);
	const struct parallel outside = executor_parallel(x);
	struct table none = {0}, from_outside = {.parallel = &outside}, on_worker = {0};
	table_sum(&none);
	table_sum(&from_outside);
	CHECK(executor_call(x, table_branch, &on_worker) == OK);
	CHECK(atomic_load(&none.sum) == 50 * 4950);
	CHECK(atomic_load(&from_outside.sum) == 50 * 4950);
	CHECK(atomic_load(&on_worker.sum) == 50 * 4950);
	executor_close(x, EXECUTOR_DRAIN);
	struct table closed = {.parallel = &outside};
	table_sum(&closed);
	CHECK(atomic_load(&closed.sum) == 50 * 4950);
	executor_destroy(x);
}

int main(void)
{
	test_chunks();
	for (uint32_t workers = 1; workers <= 3; workers++) {
		test_loops(workers, true);
		test_loops(workers, false);
	}
	test_adapts();
	test_reduce();
	test_pure();
	return EXIT_SUCCESS;
}
