/* net/rpc_answer: what one HTTP answer says about one JSON-RPC call. Pure.
 *
 * Bitcoin Core states its errors with HTTP 500 and 404 and a JSON-RPC body, EVM nodes with HTTP
 * 200: the body decides wherever it is JSON-RPC; the status where it is not.
 */
#ifndef NET_RPC_ANSWER_H
#define NET_RPC_ANSWER_H
#include "net/jsonrpc.h"

struct rpc_reading {
	struct rpc_answer answer; /* borrows from doc and text */
	struct json *doc;         /* owned, or NULL */
	size_t values;            /* of doc, at most */
	char text[160];
};

/* id: the call's own. Release with rpc_reading_fini. */
NONNULL_ALL void rpc_answer_read(
	struct rpc_reading *out, unsigned status, struct slice body, uint64_t id);
NONNULL_ALL void rpc_reading_fini(struct rpc_reading *reading);

#endif
