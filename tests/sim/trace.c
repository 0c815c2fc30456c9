#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/index.h"

static const char *const lane_names[LANE_COUNT] = {[LANE_WORLD] = "world",
	[LANE_BITCOIN] = "bitcoin",
	[LANE_ROOTSTOCK] = "rootstock",
	[LANE_PROVIDER] = "provider",
	[LANE_SIGNER] = "signer",
	[LANE_TAKERS] = "takers"};

const char *trace_lane_name(enum trace_lane lane)
{
	return lane_names[lane];
}

void trace_init(struct trace *t)
{
	*t = (struct trace){.keep = true};
}

void trace_fini(struct trace *t)
{
	for (uint32_t i = 0; i < t->kept; i++)
		free(t->line[i].text);
	free(t->line);
}

void trace_time(char out[TRACE_TIME_SIZE], uint64_t at_ms)
{
	const uint64_t s = at_ms / 1000;
	(void)snprintf(out, TRACE_TIME_SIZE, "%llu:%02u:%02u.%03u", (unsigned long long)(s / 3600),
		(unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(at_ms % 1000));
}

void trace_mix(struct trace *t, struct slice bytes)
{
	const struct slice part[2] = {slice_of(t->hash.b, sizeof t->hash.b), bytes};
	sha256_parts(&t->hash, part, 2);
}

void trace_say(struct trace *t, uint64_t at_ms, enum trace_lane lane, enum trace_kind kind,
	const char *fmt, ...)
{
	char text[TRACE_TEXT_MAX], when[TRACE_TIME_SIZE];
	uint8_t head[10] = {0};
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	store_le64(head, at_ms);
	head[8] = (uint8_t)lane;
	head[9] = (uint8_t)kind;
	trace_mix(t, slice_of(head, sizeof head));
	trace_mix(t, slice_str(text));
	t->count++;
	if (t->print) {
		trace_time(when, at_ms);
		(void)printf("%14s %-9s %s%s\n", when, lane_names[lane],
			kind == TRACE_FAULT           ? "! "
				: kind == TRACE_WRONG ? "WRONG: "
						      : "",
			text);
	}
	if (!t->keep || t->kept == TRACE_LINES_MAX)
		return;
	t->line = sim_grow(t->line, &t->cap, t->kept + 1, sizeof *t->line);
	t->line[t->kept++] = (struct trace_line){.at_ms = at_ms,
		.lane = lane,
		.kind = kind,
		.text = sim_copy(text, strlen(text) + 1)};
}
