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

/* ---- the picture ---- */

#define LEFT 90u
#define WIDTH 1600u
#define LANE_HEIGHT 96u
#define TOP 40u
#define LEVELS 5u /* of texts above each other in a lane */

static const char *const colours[TRACE_KINDS] = {[TRACE_NOTE] = "#889",
	[TRACE_BLOCK] = "#ccd",
	[TRACE_STATE] = "#16803c",
	[TRACE_FAULT] = "#c22",
	[TRACE_WRONG] = "#f0f"};

static void put_text(FILE *f, const char *text, size_t max)
{
	for (size_t i = 0; text[i] != '\0' && i < max; i++) {
		const char c = text[i];
		if (c == '<' || c == '>' || c == '&' || c == '"' || c < ' ')
			(void)fputc('.', f);
		else
			(void)fputc(c, f);
	}
}

static void draw_line(FILE *f, const struct trace_line *l, double x, unsigned level)
{
	const unsigned top = TOP + (unsigned)l->lane * LANE_HEIGHT, y = top + 16 + level * 15;
	char when[TRACE_TIME_SIZE];
	trace_time(when, l->at_ms);
	(void)fprintf(f, "<g fill=\"%s\"><rect x=\"%.1f\" y=\"%u\" width=\"%s\" height=\"%u\"/>",
		colours[l->kind], x, top + 4, l->kind == TRACE_BLOCK ? "0.5" : "1.5",
		l->kind == TRACE_BLOCK ? LANE_HEIGHT - 8 : 12 + level * 15);
	if (l->kind != TRACE_BLOCK) {
		(void)fprintf(f, "<text x=\"%.1f\" y=\"%u\">", x + 3, y);
		put_text(f, l->text, 26);
		(void)fprintf(f, "</text>");
	}
	(void)fprintf(f, "<title>%s ", when);
	put_text(f, l->text, TRACE_TEXT_MAX);
	(void)fprintf(f, "</title></g>\n");
}

static void draw_frame(FILE *f, const char *title, uint64_t end_ms)
{
	char when[TRACE_TIME_SIZE];
	(void)fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"font-family=\"sans-serif\" font-size=\"11\"><rect width=\"100%%\" "
		"height=\"100%%\" fill=\"#fff\"/><text x=\"8\" y=\"16\" font-size=\"13\">",
		LEFT + WIDTH + 160, TOP + LANE_COUNT * LANE_HEIGHT + 30);
	put_text(f, title, TRACE_TEXT_MAX);
	(void)fprintf(f, "</text>\n");
	for (unsigned i = 0; i < LANE_COUNT; i++)
		(void)fprintf(f,
			"<line x1=\"0\" x2=\"%u\" y1=\"%u\" y2=\"%u\" stroke=\"#ddd\"/>"
			"<text x=\"8\" y=\"%u\" font-weight=\"bold\">%s</text>\n",
			LEFT + WIDTH + 160, TOP + i * LANE_HEIGHT, TOP + i * LANE_HEIGHT,
			TOP + i * LANE_HEIGHT + 18, lane_names[i]);
	for (unsigned i = 0; i <= 10; i++) {
		trace_time(when, end_ms * i / 10);
		when[strlen(when) - 4] = '\0';
		(void)fprintf(f, "<text x=\"%u\" y=\"%u\" fill=\"#667\">%s</text>\n",
			LEFT + WIDTH * i / 10, TOP + LANE_COUNT * LANE_HEIGHT + 18, when);
	}
}

enum err trace_draw(const struct trace *t, const char *path, const char *title)
{
	unsigned level[LANE_COUNT] = {0};
	FILE *f = fopen(path, "w");
	if (f == NULL)
		return ERR_IO;
	const uint64_t end_ms = t->kept == 0 ? 1 : t->line[t->kept - 1].at_ms + 1;
	draw_frame(f, title, end_ms);
	for (uint32_t i = 0; i < t->kept; i++) {
		const struct trace_line *l = &t->line[i];
		const double x = LEFT + (double)WIDTH * (double)l->at_ms / (double)end_ms;
		draw_line(f, l, x, level[l->lane]);
		if (l->kind != TRACE_BLOCK)
			level[l->lane] = (level[l->lane] + 1) % LEVELS;
	}
	(void)fprintf(f, "</svg>\n");
	const bool good = ferror(f) == 0;
	return fclose(f) == 0 && good ? OK : ERR_IO;
}
