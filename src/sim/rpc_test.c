#include "sim/rpc_test.h"

#include <stdarg.h>
#include <stdlib.h>

void peer_fini(struct peer *p)
{
	json_free(p->answer);
	if (p->network != NULL)
		p->network->ops->destroy(p->network);
}

static void record(struct peer *p, const char *method, const char *params, struct sim_reply *reply)
{
	struct text line = {0};
	js_open(&line, '{');
	js_set_string(&line, "call", method);
	js_key(&line, "params");
	js_raw(&line, slice_str(params));
	if (reply->code == 0) {
		js_key(&line, "result");
		js_raw(&line, text_slice(&reply->result));
	} else {
		js_key(&line, "code");
		js_i64(&line, reply->code);
		js_set_string(&line, "message", reply->message);
		if (reply->data.len > 0) {
			js_key(&line, "data");
			js_raw(&line, text_slice(&reply->data));
		}
	}
	js_close(&line, '}');
	(void)fprintf(p->record, "%s\n", line.ptr);
	text_fini(&line);
}

const struct json *peer_call(struct peer *p, const char *method, const char *fmt, ...)
{
	struct text params = {0}, format = {0};
	struct sim_reply reply = {0};
	struct sim_params by_position;
	struct json *parsed = NULL;
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	CHECK(vasprintf(&text, fmt, args) >= 0);
	va_end(args);
	CHECK(json_parse(&parsed, slice_str(text), NULL) == OK);
	CHECK(sim_params_init(&by_position, parsed) == OK);
	if (p->record != NULL && p->before != NULL)
		p->before(p);
	p->network->ops->rpc(p->network, &reply, p->now_ms, method, &by_position);
	if (p->record != NULL)
		record(p, method, text, &reply);
	json_free(p->answer);
	p->answer = NULL;
	p->code = reply.code;
	memcpy(p->message, reply.message, sizeof p->message);
	if (reply.code == 0)
		CHECK(json_parse(&p->answer, text_slice(&reply.result), NULL) == OK);
	sim_params_fini(&by_position);
	json_free(parsed);
	sim_reply_fini(&reply);
	text_fini(&params);
	text_fini(&format);
	free(text);
	return p->answer;
}
