#include "sys/yaml.h"

#include <stdio.h>
#include <yaml.h>

#include "base/buf.h"

struct level {
	bool list;
	bool has_name;   /* a mapping: the next event is a value */
	size_t path_len; /* of this level's own path */
};

struct reading {
	yaml_scalar_cb cb;
	void *ctx;
	struct yaml_error *error;
	uint32_t line, column;
	char path[YAML_PATH_SIZE];
	size_t path_len; /* of the value that comes next */
	struct level level[YAML_DEPTH_MAX];
	uint32_t depth;
	bool seen_root;
	uint64_t seen[YAML_KEYS_MAX]; /* hashes of the paths so far */
	uint32_t seen_count, entry_count;
};

static enum err complain(struct reading *r, enum err e, const char *text)
{
	r->error->line = r->line;
	r->error->column = r->column;
	(void)snprintf(r->error->text, sizeof r->error->text, "%s", text);
	return e;
}

/* FNV-1a: files are short and their own author's; a collision is a refused file, not a wrong one.
 */
static uint64_t path_hash(const char *path)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (const char *p = path; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	return h;
}

static enum err remember(struct reading *r)
{
	const uint64_t h = path_hash(r->path);
	for (uint32_t i = 0; i < r->seen_count; i++) {
		if (r->seen[i] == h)
			return complain(r, ERR_EXISTS, "this name was given before");
	}
	if (r->seen_count + r->entry_count >= YAML_KEYS_MAX)
		return complain(r, ERR_FULL, "too many names");
	r->seen[r->seen_count++] = h;
	return OK;
}

/* A name of the innermost mapping: the path of its value. */
static enum err on_name(struct reading *r, const char *name, size_t len)
{
	struct level *l = &r->level[r->depth - 1];
	const size_t point = l->path_len > 0 ? 1 : 0;
	if (len == 0 || len + l->path_len + point + 3 > sizeof r->path) /* room for "[]" */
		return complain(r, ERR_FULL, "a name is empty or too long");
	if (memchr(name, '.', len) != NULL || memchr(name, '[', len) != NULL)
		return complain(r, ERR_FORMAT, "a name has a point or a bracket in it");
	if (point == 1)
		r->path[l->path_len] = '.';
	memcpy(r->path + l->path_len + point, name, len);
	r->path_len = l->path_len + point + len;
	r->path[r->path_len] = '\0';
	l->has_name = true;
	return remember(r);
}

static enum err on_scalar(struct reading *r, const yaml_event_t *ev)
{
	const char *value = (const char *)ev->data.scalar.value;
	const size_t len = ev->data.scalar.length;
	if (ev->data.scalar.anchor != NULL || ev->data.scalar.tag != NULL)
		return complain(r, ERR_FORMAT, "anchors and tags are not taken");
	if (memchr(value, '\0', len) != NULL)
		return complain(r, ERR_FORMAT, "a value has a zero byte in it");
	if (r->depth == 0)
		return complain(r, ERR_FORMAT, "must begin with names and values");
	struct level *l = &r->level[r->depth - 1];
	if (!l->list && !l->has_name)
		return on_name(r, value, len);
	l->has_name = false;
	if (l->list) {
		memcpy(r->path + l->path_len, "[]", 3);
		if (r->seen_count + r->entry_count++ >= YAML_KEYS_MAX)
			return complain(r, ERR_FULL, "too many list entries");
	}
	const enum err e = r->cb(r->ctx, r->path, value, r->line);
	if (e != OK) {
		r->error->line = r->line;
		r->error->column = r->column;
	}
	return e;
}

static enum err on_begin(struct reading *r, bool list, bool marked)
{
	if (marked)
		return complain(r, ERR_FORMAT, "anchors and tags are not taken");
	if (r->depth == 0 && (list || r->seen_root))
		return complain(r, ERR_FORMAT, "must be one mapping of names to values");
	if (r->depth > 0) {
		struct level *outer = &r->level[r->depth - 1];
		if (outer->list)
			return complain(r, ERR_FORMAT, "a list may only hold single values");
		if (!outer->has_name)
			return complain(r, ERR_FORMAT, "a name must be a single word");
		outer->has_name = false;
	}
	if (r->depth == YAML_DEPTH_MAX)
		return complain(r, ERR_FULL, "nested too deep");
	r->seen_root = true;
	r->level[r->depth++] = (struct level){.list = list, .path_len = r->path_len};
	return OK;
}

static enum err on_event(struct reading *r, const yaml_event_t *ev)
{
	r->line = (uint32_t)ev->start_mark.line + 1;
	r->column = (uint32_t)ev->start_mark.column + 1;
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		/* an empty document is one empty scalar */
		if (r->depth == 0 && ev->data.scalar.length == 0)
			return OK;
		return on_scalar(r, ev);
	case YAML_MAPPING_START_EVENT:
		return on_begin(r, false,
			ev->data.mapping_start.anchor != NULL ||
				ev->data.mapping_start.tag != NULL);
	case YAML_SEQUENCE_START_EVENT:
		return on_begin(r, true,
			ev->data.sequence_start.anchor != NULL ||
				ev->data.sequence_start.tag != NULL);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		r->depth--; /* the library pairs them */
		r->path_len = r->level[r->depth].path_len;
		return OK;
	case YAML_ALIAS_EVENT: return complain(r, ERR_FORMAT, "aliases are not taken");
	case YAML_DOCUMENT_START_EVENT:
		if (r->seen_root)
			return complain(r, ERR_FORMAT, "only one document is taken");
		return OK;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT: return OK;
	}
	return OK;
}

static enum err read_events(struct reading *r, yaml_parser_t *parser)
{
	for (bool end = false; !end;) {
		yaml_event_t ev;
		if (yaml_parser_parse(parser, &ev) == 0) {
			r->line = (uint32_t)parser->problem_mark.line + 1;
			r->column = (uint32_t)parser->problem_mark.column + 1;
			return complain(r, ERR_FORMAT,
				parser->problem != NULL ? parser->problem : "not YAML");
		}
		end = ev.type == YAML_STREAM_END_EVENT;
		const enum err e = on_event(r, &ev);
		yaml_event_delete(&ev);
		if (e != OK)
			return e;
	}
	return OK;
}

enum err yaml_read(struct slice text, yaml_scalar_cb cb, void *ctx, struct yaml_error *error)
{
	yaml_parser_t parser;
	struct reading r = {.cb = cb, .ctx = ctx, .error = error};
	*error = (struct yaml_error){.line = 0};
	if (text.len > YAML_TEXT_MAX)
		return complain(&r, ERR_FULL, "the file is too long");
	if (yaml_parser_initialize(&parser) == 0)
		return complain(&r, ERR_FULL, "no memory");
	yaml_parser_set_input_string(&parser, text.ptr, text.len);
	const enum err e = read_events(&r, &parser);
	yaml_parser_delete(&parser);
	return e;
}
