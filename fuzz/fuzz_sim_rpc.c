/* Whatever is asked of a simulated node, it answers once, in JSON, and lives on. The first byte
 * chooses the network. */
#include "crypto/secp.h"
#include "sim/bitcoin.h"
#include "sim/evm.h"
#include "sim/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS UINT64_C(1700000000000)
#define FIRST_BLOCKS 103u /* enough for the faucet, and soon made */

struct seen {
	unsigned answers;
	bool spoiled; /* a fault was asked for: the answer need not be JSON */
};

static void on_answer(void *ctx, const struct sim_node_answer *answer)
{
	struct seen *seen = ctx;
	struct json *v = NULL;
	seen->answers++;
	if (answer->err == OK && !seen->spoiled)
		CHECK(json_parse(&v, answer->body, NULL) == OK);
	json_free(v);
}

static bool mentions(struct slice text, const char *word)
{
	return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t blinding[32];
	const struct loop_config loop_config = {.virtual_time = true, .start_wall_ms = NOW_MS};
	const struct sim_bitcoin_config bitcoin = {
		.seed = 1, .now_ms = NOW_MS, .first_blocks = FIRST_BLOCKS};
	const struct sim_evm_config evm = {
		.seed = 1, .now_ms = NOW_MS, .rollup = size > 0 && data[0] % 4 == 3};
	const struct sim_node_config config = {.seed = 1};
	struct loop *loop = NULL;
	struct sim_node *node = NULL;
	struct seen seen = {0};
	if (size == 0)
		return 0;
	const struct slice body = slice_of(data + 1, size - 1);
	/* a long chain is no news, and takes long */
	if (mentions(body, "mine") || mentions(body, "generate"))
		return 0;
	secp_init(blinding);
	CHECK(loop_create(&loop, &loop_config) == OK);
	struct sim_network *network = data[0] % 2 == 0 ? sim_bitcoin_create(&bitcoin)
						       : sim_evm_create(&evm);
	CHECK(sim_node_create(&node, loop, network, &config) == OK);
	seen.spoiled = mentions(body, "\\u") || mentions(body, "sim_fault");
	sim_node_request(node, NULL, body, on_answer, &seen);
	while (seen.answers == 0)
		CHECK(loop_step(loop, UINT64_MAX) > 0);
	CHECK(seen.answers == 1);
	sim_node_destroy(node);
	loop_destroy(loop);
	return 0;
}
