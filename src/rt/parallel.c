#include "rt/parallel.h"

#include "rt/cpu_clock.h"
#include "rt/chunks.h"

/* ---- chunks ---- */

static size_t greatest_common_divisor(size_t a, size_t b)
{
	while (b != 0) {
		const size_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The fewest items that end where a cache line does. */
static size_t items_in_line(size_t item_size, uint32_t line)
{
	return item_size == 0 ? 1 : line / greatest_common_divisor(line, item_size);
}

static size_t round_up(size_t n, size_t to)
{
	const size_t rest = n % to;
	return rest == 0 ? n : n + (to - rest);
}

/* Chunks that begin where lines do would be uneven where a chunk is not even a line. */
static size_t line_items(size_t chunk_items, size_t item_size, uint32_t line)
{
	const size_t items = items_in_line(item_size, line);
	return chunk_items < items ? 1 : items;
}

size_t parallel_chunk_items(size_t count, uint32_t workers, size_t item_size, uint32_t line)
{
	const size_t chunks = (size_t)workers *
		(count / workers > PARALLEL_LARGE ? PARALLEL_CHUNKS_LARGE : PARALLEL_CHUNKS_SMALL);
	const size_t items = count / chunks + (count % chunks != 0);
	return round_up(items == 0 ? 1 : items, line_items(items, item_size, line));
}

/* What loops and reductions have in common. */
struct cut {
	size_t chunk, line; /* items */
};

static struct cut cut_of(struct strand s, size_t count, const struct parallel_options *options)
{
	const struct executor *x = strand_executor(s);
	const uint32_t bytes = executor_settings(x)->cache_line_size;
	const size_t chunk = options->chunk_items != 0
		? options->chunk_items
		: parallel_chunk_items(count, executor_workers(x), options->item_size, bytes);
	const size_t line = line_items(chunk, options->item_size, bytes);
	return (struct cut){.line = line, .chunk = round_up(chunk, line)};
}

/* ---- loops ---- */

struct loop {
	parallel_body body;
	void *ctx;
	struct chunks pieces;
};

struct range {
	struct loop *loop;
	size_t begin, end;
};

/* By the time that this thread was on a processor: to be switched out is nothing of the loop's. */
static void run_piece(struct loop *l, size_t begin, size_t end)
{
	const uint64_t before = cpu_clock_ns();
	l->body(l->ctx, begin, end);
	chunks_measured(&l->pieces, end - begin, cpu_clock_ns() - before);
}

/* Halves: of whole chunks, and a chunk of whole lines. */
static size_t middle_of(const struct chunks *p, size_t begin, size_t end)
{
	const size_t items = end - begin;
	const size_t half = round_up(items / 2, items > p->chunk ? p->chunk : p->line);
	return begin + (half < items ? half : items);
}

static void range_branch(struct strand s, void *frame);

static void run_range(struct strand s, struct loop *l, size_t begin, size_t end)
{
	for (;;) {
		if (end - begin <= chunks_items(&l->pieces)) {
			run_piece(l, begin, end);
			return;
		}
		const size_t middle = middle_of(&l->pieces, begin, end);
		struct range *rest = fork_frame(s);
		*rest = (struct range){.loop = l, .begin = middle, .end = end};
		run_range(chunks_are_long(&l->pieces) ? fork_begin_offered(s, range_branch)
						      : fork_begin(s, range_branch),
			l, begin, middle);
		if (!fork_is_here(s)) {
			fork_join(s);
			return;
		}
		begin = middle;
		if (begin == end)
			return;
	}
}

static void range_branch(struct strand s, void *frame)
{
	const struct range range = *(const struct range *)frame;
	if (range.begin < range.end)
		run_range(s, range.loop, range.begin, range.end);
}

/* Without stealing: each worker gets its share at once, the caller's too. */
struct share {
	struct task task; /* first */
	struct loop *loop;
	size_t begin, end;
};

static void run_share(struct strand s, struct task *t)
{
	const struct share *share = (const struct share *)(const void *)t;
	(void)s;
	share->loop->body(share->loop->ctx, share->begin, share->end);
}

static void deal_shares(struct strand s, struct loop *l, size_t count)
{
	struct share share[EXECUTOR_WORKERS_MAX];
	struct executor *x = strand_executor(s);
	const uint32_t workers = executor_workers(x);
	const size_t items = round_up(count / workers + (count % workers != 0), l->pieces.line);
	struct task_group group;
	task_group_init(&group, NULL);
	for (uint32_t i = 0; i < workers; i++) {
		const size_t begin = i * items < count ? i * items : count;
		share[i] = (struct share){.task = {.run = run_share, .group = &group},
			.loop = l,
			.begin = begin,
			.end = count - begin < items ? count : begin + items};
		if (share[i].begin == share[i].end)
			break;
		/* its own, and what a closed or full executor does not take */
		if (i == strand_worker(s) || executor_submit_to(x, i, &share[i].task) != OK)
			task_spawn(s, &share[i].task);
	}
	task_group_wait(s, &group);
}

void parallel_for_each(struct strand s, size_t count, const struct parallel_options *options,
	parallel_body body, void *ctx)
{
	struct loop l = {.body = body, .ctx = ctx};
	if (count == 0)
		return;
	const struct cut cut = cut_of(s, count, options);
	chunks_init(&l.pieces, cut.chunk, cut.line);
	if (executor_workers(strand_executor(s)) == 1)
		body(ctx, 0, count);
	else if (executor_settings(strand_executor(s))->work_stealing)
		run_range(s, &l, 0, count);
	else
		deal_shares(s, &l, count);
}

/* ---- reductions ---- */

struct reduction {
	const struct reduce *reduce;
	void *ctx;
	size_t count, leaf;   /* items */
	struct chunks pieces; /* of leaves */
};

struct part {
	struct reduction *reduction;
	void *into;
	size_t first, last; /* leaves */
};

/* Always halves, always the left one first into the result: the tree is the same for all. */
static size_t middle_leaf(size_t first, size_t last)
{
	return first + (last - first) / 2;
}

static void fold_piece(struct reduction *r, void *into, size_t first, size_t last)
{
	_Alignas(max_align_t) unsigned char right[REDUCE_SIZE_MAX];
	if (last - first > 1) {
		const size_t middle = middle_leaf(first, last);
		fold_piece(r, into, first, middle);
		fold_piece(r, right, middle, last);
		r->reduce->combine(r->ctx, into, right);
		return;
	}
	const size_t begin = first * r->leaf;
	memcpy(into, r->reduce->identity, r->reduce->size);
	r->reduce->fold(
		r->ctx, into, begin, r->count - begin < r->leaf ? r->count : begin + r->leaf);
}

static void part_branch(struct strand s, void *frame);

static void fold_part(struct strand s, struct reduction *r, void *into, size_t first, size_t last)
{
	_Alignas(max_align_t) unsigned char right[REDUCE_SIZE_MAX];
	if (last - first <= chunks_items(&r->pieces)) {
		const uint64_t before = cpu_clock_ns();
		fold_piece(r, into, first, last);
		chunks_measured(&r->pieces, last - first, cpu_clock_ns() - before);
		return;
	}
	const size_t middle = middle_leaf(first, last);
	struct part *part = fork_frame(s);
	*part = (struct part){.reduction = r, .into = right, .first = middle, .last = last};
	fold_part(chunks_are_long(&r->pieces) ? fork_begin_offered(s, part_branch)
					      : fork_begin(s, part_branch),
		r, into, first, middle);
	if (fork_is_here(s))
		fold_part(s, r, right, middle, last);
	else
		fork_join(s);
	r->reduce->combine(r->ctx, into, right);
}

static void part_branch(struct strand s, void *frame)
{
	const struct part part = *(const struct part *)frame;
	fold_part(s, part.reduction, part.into, part.first, part.last);
}

void parallel_reduce(struct strand s, void *out, size_t count,
	const struct parallel_options *options, const struct reduce *reduce, void *ctx)
{
	const struct cut cut = cut_of(s, count, options);
	const size_t leaf = round_up(
		cut.chunk / PARALLEL_LEAVES + (cut.chunk % PARALLEL_LEAVES != 0), cut.line);
	struct reduction r = {.reduce = reduce, .ctx = ctx, .count = count, .leaf = leaf};
	CHECK(reduce->size <= REDUCE_SIZE_MAX);
	chunks_init(&r.pieces, PARALLEL_LEAVES, 1);
	if (count == 0)
		memcpy(out, reduce->identity, reduce->size);
	else
		fold_part(s, &r, out, 0, count / leaf + (count % leaf != 0));
}

/* ---- for pure code ---- */

static void run_on_strand(void *self, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	const struct parallel_options options = {.item_size = item_size};
	parallel_for_each(*(const struct strand *)self, count, &options, body, ctx);
}

struct parallel strand_parallel(struct strand *s)
{
	return (struct parallel){.run = run_on_strand, .self = s};
}

struct from_outside {
	size_t count, item_size;
	parallel_body body;
	void *ctx;
};

static void outside_branch(struct strand s, void *arg)
{
	const struct from_outside *o = arg;
	run_on_strand(&s, o->count, o->item_size, o->body, o->ctx);
}

static void run_from_outside(
	void *self, size_t count, size_t item_size, parallel_body body, void *ctx)
{
	struct from_outside o = {.count = count, .item_size = item_size, .body = body, .ctx = ctx};
	if (count > 0 && executor_call(self, outside_branch, &o) != OK)
		body(ctx, 0, count); /* not even begun there */
}

struct parallel executor_parallel(struct executor *x)
{
	return (struct parallel){.run = run_from_outside, .self = x};
}
