/* Our JSON-RPC client as a tool for tests: rpc_tool URL 1|2 [COOKIE], with the
 * version of JSON-RPC. Each line of standard input is
 * "COUNT METHOD PARAMS"; it makes that many calls at once and prints one line of JSON: how many
 * ended in which way, and the last result or error. */
#include <stdio.h>
#include <stdlib.h>

#include "net/jsonrpc.h"

#define LINE_MAX_LEN 65536

struct tally {
	unsigned left;
	unsigned by_err[32];
	struct json *last_result;
	int64_t code;
	char message[200];
};

static void on_answer(void *ctx, const struct rpc_answer *answer)
{
	struct tally *t = ctx;
	t->left--;
	t->by_err[-answer->err]++;
	t->code = answer->code;
	(void)snprintf(t->message, sizeof t->message, "%s", answer->message);
	if (answer->err == OK) {
		json_free(t->last_result);
		t->last_result = json_clone(answer->result);
	}
}

static void print(struct tally *t)
{
	struct json *out = json_object();
	for (int i = 0; i < (int)ARRAY_LEN(t->by_err); i++)
		if (t->by_err[i] > 0)
			json_set_u64(out, err_name((enum err) - i), t->by_err[i]);
	char code[24];
	(void)snprintf(code, sizeof code, "%lld", (long long)t->code);
	json_set_string(out, "code", code);
	json_set_string(out, "message", t->message);
	json_set(out, "result", t->last_result);
	t->last_result = NULL;
	char *text = json_dump(out, 0, NULL);
	(void)printf("%s\n", text);
	(void)fflush(stdout);
	json_text_free(text);
	json_free(out);
}

static void run(struct loop *loop, struct upstream *u, const char *line)
{
	unsigned count;
	char method[64];
	int params_at = 0;
	struct tally t = {0};
	CHECK(sscanf(line, "%u %63s %n", &count, method, &params_at) == 2 && params_at > 0);
	t.left = count;
	for (unsigned i = 0; i < count; i++) {
		struct json *params = NULL;
		CHECK(json_parse(&params, slice_str(line + params_at), NULL) == OK);
		const enum err err = upstream_call(u, method, params, on_answer, &t);
		if (err != OK)
			on_answer(
				&t, &(struct rpc_answer){.err = err, .message = "refused at once"});
	}
	while (t.left > 0)
		(void)loop_step(loop, 1000);
	print(&t);
}

int main(int argc, char **argv)
{
	static char line[LINE_MAX_LEN];
	struct loop *loop;
	struct http_client *client;
	struct upstream *u;
	if (argc < 3)
		return 2;
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	CHECK(http_client_create(&client, loop) == OK);
	CHECK(upstream_create(&u, client, loop,
		      &(struct upstream_config){.name = "node",
			      .url = argv[1],
			      .cookie_file = argc > 3 ? argv[3] : NULL,
			      .version_2 = argv[2][0] == '2',
			      .in_flight_max = 64}) == OK);
	while (fgets(line, sizeof line, stdin) != NULL)
		run(loop, u, line);
	upstream_destroy(u);
	http_client_destroy(client);
	loop_destroy(loop);
	return 0;
}
