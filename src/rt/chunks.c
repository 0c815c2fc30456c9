#include "rt/chunks.h"

void chunks_init(struct chunks *p, size_t chunk, size_t line)
{
	CHECK(line > 0 && chunk >= line && chunk % line == 0);
	p->chunk = chunk;
	p->line = line;
	atomic_init(&p->items, line);
	atomic_init(&p->item_ns, 0);
	atomic_init(&p->agreed, CHUNKS_AGREE);
	atomic_init(&p->is_long, false);
}

/* Whether the loop is even, now that an item took so long; and what one takes, to be careful. */
static bool judge(struct chunks *p, double *item_ns)
{
	const double now = *item_ns;
	const double before = atomic_load_explicit(&p->item_ns, memory_order_relaxed);
	uint32_t agreed = atomic_load_explicit(&p->agreed, memory_order_relaxed);
	if (before == 0) {
		atomic_store_explicit(&p->item_ns, now, memory_order_relaxed);
	} else if (now > before * CHUNKS_APART || now * CHUNKS_APART < before) {
		agreed = 0;
		*item_ns = now > before ? now : before;
		atomic_store_explicit(&p->item_ns, now, memory_order_relaxed);
	} else {
		agreed += agreed < CHUNKS_AGREE;
		atomic_store_explicit(&p->item_ns, (before + now) / 2, memory_order_relaxed);
	}
	/* written where it changes: all workers read the line */
	if (agreed != atomic_load_explicit(&p->agreed, memory_order_relaxed))
		atomic_store_explicit(&p->agreed, agreed, memory_order_relaxed);
	return agreed == CHUNKS_AGREE;
}

static size_t round_up_to_line(const struct chunks *p, double items)
{
	if (items >= (double)p->chunk)
		return p->chunk;
	const size_t n = (size_t)items + (items < 1);
	return (n + p->line - 1) / p->line * p->line;
}

void chunks_measured(struct chunks *p, size_t items, uint64_t ns)
{
	const size_t piece = chunks_items(p);
	const bool is_long = ns >= CHUNKS_LONG_NS;
	double item_ns = (double)(ns + 1) / (double)items;
	if (is_long != chunks_are_long(p))
		atomic_store_explicit(&p->is_long, is_long, memory_order_relaxed);
	const bool even = ns < CHUNKS_JUDGED_NS ? chunks_are_even(p) : judge(p, &item_ns);
	const double fit = (even ? CHUNKS_EVEN_NS : CHUNKS_UNEVEN_NS) / item_ns;
	double next = (double)piece;
	if (fit < next / 2)
		next = fit;
	else if (items > piece / 2 && (fit > next * 2 || fit >= (double)p->chunk))
		/* by what was measured, not by the end of a range */
		next = fit < next * CHUNKS_GROWTH_MAX ? fit : next * CHUNKS_GROWTH_MAX;
	const size_t rounded = round_up_to_line(p, next);
	if (rounded != piece)
		atomic_store_explicit(&p->items, rounded, memory_order_relaxed);
}
