/* What requests cost: those that burn CPU are cut off, and how long they take is shown. */
#include "node/api_client_test.h"
#include "rt/cpu_task.h"

#define KEY "0123456789abcdef-budget"

static struct world w;

#define BURNING_VALUES 20000u /* of a body: milliseconds to read */

/* Cut off before anything is changed, and counted; the same request goes through where it may
 * take longer, and others are served as before. */
static void test_cpu_budget(void)
{
	static char body[4 * BURNING_VALUES];
	struct cpu_task_sum before, after;
	const uint32_t kind = cpu_task_kind("http_request");
	struct buf b = buf_init(body, sizeof body);
	buf_printf(&b, "[");
	for (unsigned i = 0; i < BURNING_VALUES; i++)
		buf_printf(&b, i == 0 ? "{}" : ",{}");
	buf_printf(&b, "]");
	(void)buf_cstr(&b);
	CHECK(!b.overflow);
	world_open(&w, "limits: {request_cpu_us: 100}\n");
	cpu_task_read(kind, &before);
	struct reply r = ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY, body);
	expect(&r, 503, "cpu_budget_exceeded", "cut off");
	CHECK(strcmp(reply_text(&r, "funds_state"), "none") == 0);
	reply_free(&r);
	cpu_task_read(kind, &after);
	CHECK(after.exceeded > before.exceeded && after.ns > before.ns);
	expect_only(ask_get(&w, "/healthz", NULL), 200, NULL, "others go on");
	world_close(&w);

	world_open(&w, "limits: {request_cpu_us: 10000000}\n");
	expect_only(ask_post(&w, "/v1/transfers", OPERATOR_TOKEN, KEY, body), 400,
		"invalid_request", "in its own time");
	world_close(&w);
}

/* The heat maps are there, by the name of their series. */
static void test_latency(void)
{
	world_open(&w, "");
	struct reply r = ask_get(&w, "/v1/latency", READER_TOKEN);
	expect(&r, 200, NULL, "the default");
	CHECK(strcmp(reply_text(&r, "series"), "http_request") == 0);
	CHECK(json_count(reply_at(&r, "low_ns")) > 1 && json_count(reply_at(&r, "columns")) == 0);
	reply_free(&r);
	r = ask_get(&w, "/v1/latency?series=call_bitcoin", READER_TOKEN);
	expect(&r, 200, NULL, "by name");
	CHECK(strcmp(reply_text(&r, "series"), "call_bitcoin") == 0);
	reply_free(&r);
	expect_only(ask_get(&w, "/v1/latency?series=x", READER_TOKEN), 400, "invalid_request",
		"no such series");
	expect_only(ask_get(&w, "/v1/latency", NULL), 401, "unauthorized", "for operators");
	world_close(&w);
}

int main(void)
{
	test_cpu_budget();
	test_latency();
	return 0;
}
