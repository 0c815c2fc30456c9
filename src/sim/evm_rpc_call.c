/* Questions to an EVM node about what a call would do, and what contracts said. */
#include <stdlib.h>

#include "base/hex.h"
#include "sim/evm_chain.h"

#define GAS_PART 64u /* what a call keeps back at each level (EIP-150) */

/* ---- calls ---- */

struct call_params {
	struct simevm_call call;
	uint8_t *data; /* owns */
};

static bool member_address(const struct json *v, const char *key, struct evm_address *out)
{
	return json_type(json_get(v, key)) == JSON_NULL ||
		json_get_hex(v, key, out->b, sizeof out->b) == OK;
}

static bool member_quantity(const struct json *v, const char *key, u128 *out)
{
	const struct json *member = json_get(v, key);
	return json_type(member) == JSON_NULL || simevm_quantity(out, json_string(member)) == OK;
}

static bool member_data(const struct json *v, struct call_params *p)
{
	const struct json *member = json_get(v, "data");
	if (json_type(member) == JSON_NULL)
		member = json_get(v, "input");
	if (json_type(member) == JSON_NULL)
		return true;
	const struct slice text = json_string(member);
	if (text.len < 2 || text.ptr[0] != '0' || text.ptr[1] != 'x' ||
		text.len > 2 + 2 * (size_t)EVM_DATA_MAX)
		return false;
	p->data = sim_alloc(text.len / 2);
	size_t len = 0;
	if (hex_decode_var(p->data, &len, text.len / 2, slice_of(text.ptr + 2, text.len - 2)) != OK)
		return false;
	p->call.data = slice_of(p->data, len);
	return true;
}

/* The caller frees p->data in any case. */
static bool call_params(struct simevm_rpc_call *c, struct call_params *p)
{
	const struct json *v = sim_param(c->params, 0);
	struct simevm_where where;
	u128 gas = c->e->block_gas;
	*p = (struct call_params){0};
	if (json_type(v) != JSON_OBJECT || !member_address(v, "from", &p->call.from) ||
		!member_address(v, "to", &p->call.to) ||
		!member_quantity(v, "value", &p->call.value) || !member_quantity(v, "gas", &gas) ||
		!member_quantity(v, "gasPrice", &p->call.price) || !member_data(v, p)) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "invalid transaction request");
		return false;
	}
	p->call.create = json_type(json_get(v, "to")) == JSON_NULL;
	p->call.gas = gas < c->e->block_gas ? (uint64_t)gas : c->e->block_gas;
	if (!simevm_state_block(c, 1, &where))
		return false;
	p->call.height = where.number;
	p->call.number = where.number + where.pending;
	return true;
}

/* How code can end that does not say why. */
static const struct {
	const char *anvil, *geth;
} failures[SIMEVM_FAILURE_COUNT] = {
	[SIMEVM_FAIL_GAS] = {"OutOfGas", "out of gas"},
	[SIMEVM_FAIL_MEMORY] = {"MemoryOOG", "out of gas"},
	[SIMEVM_FAIL_MEMORY_LIMIT] = {"MemoryLimitOOG", "out of gas"},
	[SIMEVM_FAIL_OPERAND] = {"InvalidOperandOOG", "gas uint64 overflow"},
	[SIMEVM_FAIL_UNDERFLOW] = {"StackUnderflow", "stack underflow"},
	[SIMEVM_FAIL_OVERFLOW] = {"StackOverflow", "stack limit reached"},
	[SIMEVM_FAIL_OPCODE] = {"OpcodeNotFound", "invalid opcode"},
	[SIMEVM_FAIL_INVALID] = {"InvalidFEOpcode", "invalid opcode: INVALID"},
	[SIMEVM_FAIL_JUMP] = {"InvalidJump", "invalid jump destination"},
	[SIMEVM_FAIL_OFFSET] = {"OutOfOffset", "return data out of bounds"},
	[SIMEVM_FAIL_STATIC] = {"StateChangeDuringStaticCall", "write protection"},
	[SIMEVM_FAIL_CODE] = {"CreateContractStartingWithEF",
		"invalid code: must not begin with 0xef"},
};

static void say_reverted(struct simevm_rpc_call *c, const struct simevm_called *out)
{
	char selector[9];
	hex_encode(selector, out->data, out->data_len < 4 ? 0 : 4);
	if (c->e->geth || out->data_len < 4)
		sim_reply_error(c->reply, RPC_REVERTED, "execution reverted");
	else
		sim_reply_error(
			c->reply, RPC_REVERTED, "execution reverted: custom error 0x%s", selector);
	js_hex(&c->reply->data, "0x", out->data, out->data_len);
}

static void say_failed(struct simevm_rpc_call *c, enum simevm_failure why)
{
	if (c->e->geth)
		sim_reply_error(c->reply, RPC_SERVER_ERROR, "%s", failures[why].geth);
	else
		sim_reply_error(c->reply, RPC_INTERNAL_ERROR, "EVM error %s", failures[why].anvil);
}

/* Why it did not go; false: it did. */
static bool say_refused(struct simevm_rpc_call *c, const struct simevm_called *out)
{
	switch (out->result) {
	case SIMEVM_CALL_OK: return false;
	case SIMEVM_CALL_REVERTED: say_reverted(c, out); break;
	case SIMEVM_CALL_FAILED: say_failed(c, out->failure); break;
	case SIMEVM_CALL_NO_FUNDS:
		sim_reply_error(
			c->reply, RPC_TX_REJECTED, "Insufficient funds for gas * price + value");
		break;
	}
	return true;
}

static void rpc_call(struct simevm_rpc_call *c)
{
	struct call_params p;
	if (call_params(c, &p)) {
		const struct simevm_called out = simevm_call(c->e, &p.call);
		if (!say_refused(c, &out))
			js_hex(c->out, "0x", out.data, out.data_len);
		free(out.data);
	}
	free(p.data);
}

static bool goes_with(struct sim_evm *e, struct simevm_call call, uint64_t gas)
{
	call.gas = gas;
	const struct simevm_called out = simevm_call(e, &call);
	free(out.data);
	return out.result == SIMEVM_CALL_OK;
}

/* The least gas that it goes with: more than it uses, where calls within keep some back. */
static uint64_t least_gas(struct sim_evm *e, const struct simevm_call *call, uint64_t used)
{
	uint64_t low = used - 1, high = call->gas;
	if (goes_with(e, *call, used))
		return used;
	if (used + used / GAS_PART < high && goes_with(e, *call, used + used / GAS_PART))
		high = used + used / GAS_PART;
	while (high - low > 1) {
		const uint64_t mid = low + (high - low) / 2;
		if (goes_with(e, *call, mid))
			high = mid;
		else
			low = mid;
	}
	return high;
}

static void rpc_estimate_gas(struct simevm_rpc_call *c)
{
	struct call_params p;
	if (call_params(c, &p)) {
		p.call.number = p.call.height + 1; /* it would be in the next block */
		const struct simevm_called out = simevm_call(c->e, &p.call);
		if (!say_refused(c, &out))
			js_quantity(c->out, least_gas(c->e, &p.call, out.gas_used));
		free(out.data);
	}
	free(p.data);
}

/* ---- logs ---- */

struct log_filter {
	const struct json *address, *topics;
};

/* A filter's member: nothing, one value, or a list of which one must match. */
static bool matches(const struct json *wanted, const uint8_t *bytes, size_t len)
{
	uint8_t value[32];
	if (wanted == NULL || json_type(wanted) == JSON_NULL)
		return true;
	const size_t count = json_type(wanted) == JSON_ARRAY ? json_count(wanted) : 1;
	for (size_t i = 0; i < count; i++) {
		const struct slice text = json_string(
			json_type(wanted) == JSON_ARRAY ? json_at(wanted, i) : wanted);
		if (text.len == 2 + 2 * len &&
			hex_decode(value, len, slice_of(text.ptr + 2, 2 * len)) == OK &&
			memcmp(value, bytes, len) == 0)
			return true;
	}
	return json_type(wanted) == JSON_ARRAY && count == 0;
}

static bool log_matches(const struct log_filter *f, const struct simevm_log *log)
{
	if (!matches(f->address, log->address.b, sizeof log->address.b))
		return false;
	for (size_t i = 0; i < json_count(f->topics); i++) {
		const struct json *wanted = json_at(f->topics, i);
		if (i >= log->topic_count) {
			if (json_type(wanted) != JSON_NULL)
				return false;
		} else if (!matches(wanted, log->topic[i].b, sizeof log->topic[i].b)) {
			return false;
		}
	}
	return true;
}

static void block_logs(struct simevm_rpc_call *c, const struct log_filter *f, uint32_t block)
{
	for (uint32_t i = 0; i < c->e->block[block].log_count; i++)
		if (log_matches(f, &c->e->block[block].log[i]))
			simevm_log_json(c->out, c->e, block, i);
}

static void rpc_logs(struct simevm_rpc_call *c)
{
	const struct json *v = sim_param(c->params, 0);
	const struct log_filter f = {json_get(v, "address"), json_get(v, "topics")};
	struct simevm_where from, to;
	if (json_type(v) != JSON_OBJECT) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS, "invalid filter");
		return;
	}
	if (json_type(json_get(v, "blockHash")) != JSON_NULL) {
		if (!simevm_where(c, json_get(v, "blockHash"), &from))
			return;
		if (from.block == SIMEVM_NONE) {
			sim_reply_error(c->reply, RPC_SERVER_ERROR, "unknown block");
			return;
		}
		js_open(c->out, '[');
		block_logs(c, &f, from.block);
		js_close(c->out, ']');
		return;
	}
	if (!simevm_where(c, json_get(v, "fromBlock"), &from) ||
		!simevm_where(c, json_get(v, "toBlock"), &to))
		return;
	if (from.number > simevm_height(c->e)) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS,
			"BlockOutOfRangeError: block height is %llu but requested was %llu",
			(unsigned long long)simevm_height(c->e), (unsigned long long)from.number);
		return;
	}
	js_open(c->out, '[');
	for (uint64_t n = from.number; n <= to.number && n < c->e->chain_len; n++)
		block_logs(c, &f, c->e->chain[n]);
	js_close(c->out, ']');
}

const struct simevm_row simevm_call_rows[] = {
	{"eth_call", rpc_call, 1, 2},
	{"eth_estimateGas", rpc_estimate_gas, 1, 2},
	{"eth_getLogs", rpc_logs, 1, 1},
};
const size_t simevm_call_row_count = ARRAY_LEN(simevm_call_rows);
