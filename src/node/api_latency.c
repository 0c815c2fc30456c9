/* How long things took over the last hour: heat maps of the series that the metrics have, too. */
#include "node/api_internal.h"

#include <stdlib.h>

#include "rt/heatmap.h"

#define COLUMN_MS 10000u
#define COLUMNS 360u /* an hour */
#define MAPS_MAX (3u + LAYER_COUNT)

struct latency_maps {
	struct loop *loop;
	struct loop_timer timer;
	const struct latency *series[MAPS_MAX];
	struct heatmap *map[MAPS_MAX]; /* owned */
	uint32_t count;
};

static void sample(void *ctx)
{
	struct latency_maps *m = ctx;
	for (uint32_t i = 0; i < m->count; i++)
		heatmap_sample(m->map[i], loop_wall_ms(m->loop));
	/* with no timer left the last columns stay */
	(void)!loop_timer_set(m->loop, &m->timer, COLUMN_MS, sample, m);
}

static enum err add(struct latency_maps *m, const struct latency *series)
{
	CHECK(m->count < MAPS_MAX);
	TRY(heatmap_create(&m->map[m->count], series, COLUMNS));
	m->series[m->count++] = series;
	return OK;
}

static enum err add_all(struct latency_maps *m, const struct api *api)
{
	TRY(add(m, api->metrics.duration));
	TRY(add(m, api->metrics.journal_sync));
	TRY(add(m, api->metrics.loop_turn));
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (api->config->layer[i].enabled)
			TRY(add(m, api->metrics.layer_call[i]));
	return loop_timer_set(m->loop, &m->timer, COLUMN_MS, sample, m);
}

enum err latency_maps_create(struct latency_maps **out, const struct api *api)
{
	struct latency_maps *m = calloc(1, sizeof *m);
	if (m == NULL)
		return ERR_FULL;
	m->loop = api->loop;
	const enum err err = add_all(m, api);
	if (err != OK) {
		latency_maps_destroy(m);
		return err;
	}
	*out = m;
	return OK;
}

void latency_maps_destroy(struct latency_maps *m)
{
	if (m == NULL)
		return;
	loop_timer_cancel(m->loop, &m->timer);
	for (uint32_t i = 0; i < m->count; i++)
		heatmap_destroy(m->map[i]);
	free(m);
}

static void answer(struct call *c, const struct heatmap *map)
{
	const size_t size = heatmap_text_max(map, HEATMAP_JSON);
	uint8_t *text = malloc(size);
	CHECK(text != NULL);
	struct buf out = buf_init(text, size);
	heatmap_write(&out, map, HEATMAP_JSON);
	CHECK(!out.overflow);
	call_answer_text(c, 200, CONTENT_JSON, buf_slice(&out));
	free(text);
}

void handle_latency(struct call *c)
{
	const struct latency_maps *m = c->api->latency_maps;
	const char *name = http_query(c->x, "series");
	for (uint32_t i = 0; i < m->count; i++) {
		if (name == NULL || strcmp(name, latency_name(m->series[i])) == 0) {
			answer(c, m->map[i]);
			return;
		}
	}
	struct field_errors errors = {.count = 0};
	field_error_add(&errors, "?series", "unknown", "is no series of ours");
	call_invalid(c, &errors);
}
