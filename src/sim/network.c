#include "sim/network.h"

#include <stdarg.h>
#include <stdio.h>

void sim_reply_fini(struct sim_reply *reply)
{
	text_fini(&reply->result);
	text_fini(&reply->data);
}

void sim_reply_error(struct sim_reply *reply, int64_t code, const char *fmt, ...)
{
	va_list args;
	CHECK(code != 0);
	va_start(args, fmt);
	(void)vsnprintf(reply->message, sizeof reply->message, fmt, args);
	va_end(args);
	reply->code = code;
	reply->result.len = 0;
}

static const char *const keys[SIM_PARAMS_MAX] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

const char *sim_param_key(size_t at)
{
	CHECK(at < SIM_PARAMS_MAX);
	return keys[at];
}

enum err sim_params_init(struct sim_params *p, const struct json *params)
{
	*p = (struct sim_params){0};
	if (params != NULL && json_type(params) != JSON_ARRAY && json_type(params) != JSON_NULL)
		return ERR_FORMAT;
	if (json_count(params) > SIM_PARAMS_MAX)
		return ERR_FORMAT;
	p->by_position = json_object();
	p->count = json_count(params);
	for (size_t i = 0; i < p->count; i++)
		json_set(p->by_position, keys[i], json_clone(json_at(params, i)));
	return OK;
}

void sim_params_fini(struct sim_params *p)
{
	json_free(p->by_position);
	*p = (struct sim_params){0};
}

const struct json *sim_param(const struct sim_params *p, size_t at)
{
	if (at >= p->count)
		return NULL;
	const struct json *v = json_get(p->by_position, keys[at]);
	return json_type(v) == JSON_NULL ? NULL : v;
}
