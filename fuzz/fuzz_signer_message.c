/* What comes over the signer's socket: frames, requests (through the whole check), answers. */
#include "sign/message.h"
#include "sign/sample.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sample_world world;
static struct sign_state *state;

static void prepare(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	sample_world_init(&world);
	CHECK(sign_state_create(&state, 1) == OK);
}

static void request(struct slice payload)
{
	static struct sign_task task;
	static struct signing_answer answer;
	struct check_answer verdict;

	if (check_request(&task, &verdict, payload, &world.policy, state, &world.wallet,
		    SAMPLE_NOW_MS) != OK) {
		CHECK(verdict.err != OK && verdict.rule != RULE_NONE && verdict.detail[0] != 0);
		return;
	}
	CHECK(task.count > 0 && sign_state_reserve(state, &task.record) == OK);
	CHECK(sign_task_run(&answer, &task, &world.key) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size);
	struct signing_answer answer;
	struct message m;
	size_t used;

	if (state == NULL)
		prepare();
	while (message_next(&m, &used, rest) == OK) {
		CHECK(used > 0 && used <= rest.len);
		if (m.type == MESSAGE_SIGN)
			request(m.payload);
		else if (m.type == MESSAGE_SIGN_REPLY)
			(void)(signing_answer_parse(&answer, m.payload) == OK);
		rest = slice_of(rest.ptr + used, rest.len - used);
	}
	return 0;
}
