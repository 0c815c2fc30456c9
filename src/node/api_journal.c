/* The journal's mode: what an answer waits for. */
#include "node/api_internal.h"

static struct json *mode_json(const struct ledger *l)
{
	struct json *v = json_object();
	json_set_string(v, "mode", journal_mode_name((enum journal_mode)l->durability));
	json_set_u64(v, "interval_ms", l->durability_ms);
	return v;
}

void handle_journal_mode_get(struct call *c)
{
	call_answer_durable(c, 200, mode_json(call_ledger(c)), NULL);
}

static const struct field mode_fields[] = {
	{"mode", JSON_STRING, true},
	{"interval_ms", JSON_NUMBER, false},
};

/* With `interval`, and with it alone, there is an interval. */
static bool read_interval(const struct fields *f, enum durability mode, uint32_t *interval_ms)
{
	uint64_t ms = 0;
	const enum err err = json_get_u64(f->object, "interval_ms", &ms);
	*interval_ms = 0;
	if (mode != DURABILITY_INTERVAL && err != ERR_NOT_FOUND) {
		fields_fault(f, "interval_ms", "unexpected", "goes with the mode interval");
		return false;
	}
	if (mode != DURABILITY_INTERVAL)
		return true;
	if (err == ERR_NOT_FOUND) {
		fields_fault(f, "interval_ms", "missing", "is required with the mode interval");
		return false;
	}
	if (err != OK || ms == 0 || ms > JOURNAL_INTERVAL_MS_MAX) {
		fields_fault(f, "interval_ms", "range", "must be 1 to %u", JOURNAL_INTERVAL_MS_MAX);
		return false;
	}
	*interval_ms = (uint32_t)ms;
	return true;
}

static bool read_mode(struct call *c, enum durability *mode, uint32_t *interval_ms)
{
	struct json *body;
	if (!call_body(c, &body))
		return false;
	struct field_errors errors = {.count = 0};
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, mode_fields, ARRAY_LEN(mode_fields));
	if (good && durability_parse(mode, json_get_string(body, "mode")) != OK) {
		fields_fault(&f, "mode", "unknown", "must be group, strict or interval");
		good = false;
	}
	good = good && read_interval(&f, *mode, interval_ms);
	json_free(body);
	if (!good)
		call_invalid(c, &errors);
	return good;
}

void handle_journal_mode_set(struct call *c)
{
	enum durability mode = DURABILITY_GROUP;
	uint32_t interval_ms = 0;
	if (!read_mode(c, &mode, &interval_ms))
		return;
	const enum err e = engine_set_durability(c->api->engine, c->wall_ms, mode, interval_ms);
	if (e == OK)
		call_answer_synced(c, 200, mode_json(call_ledger(c)), NULL);
	else
		call_not_taken(c, e);
}
