/* A request that burns CPU is cut off, and shows up in what the metrics are made of. */
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

int main(void)
{
	test_cpu_budget();
	return 0;
}
