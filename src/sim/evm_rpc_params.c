/* What comes with a call to an EVM node: quantities, addresses, and the ways to name a block. */
#include "base/hex.h"
#include "sim/evm_chain.h"

#define QUANTITY_DIGITS_MAX 32u

static bool invalid(struct simevm_rpc_call *c, const char *what)
{
	sim_reply_error(c->reply, RPC_INVALID_PARAMS, "%s", what);
	return false;
}

static struct slice without_prefix(struct slice text)
{
	if (text.len < 2 || text.ptr[0] != '0' || text.ptr[1] != 'x')
		return slice_of(NULL, 0);
	return slice_of(text.ptr + 2, text.len - 2);
}

enum err simevm_quantity(u128 *out, struct slice text)
{
	const struct slice digits = without_prefix(text);
	if (digits.len == 0 || digits.len > QUANTITY_DIGITS_MAX)
		return ERR_FORMAT;
	char padded[QUANTITY_DIGITS_MAX];
	uint8_t be[QUANTITY_DIGITS_MAX / 2];
	memset(padded, '0', sizeof padded);
	memcpy(padded + sizeof padded - digits.len, digits.ptr, digits.len);
	TRY(hex_decode(be, sizeof be, slice_of(padded, sizeof padded)));
	*out = (u128)load_be64(be) << 64 | load_be64(be + 8);
	return OK;
}

bool simevm_param_address(struct simevm_rpc_call *c, size_t at, struct evm_address *out)
{
	const struct slice digits = without_prefix(json_string(sim_param(c->params, at)));
	if (digits.len != 40 || hex_decode(out->b, sizeof out->b, digits) != OK)
		return invalid(c, "invalid address");
	return true;
}

bool simevm_param_hash(struct simevm_rpc_call *c, size_t at, struct hash256 *out)
{
	const struct slice digits = without_prefix(json_string(sim_param(c->params, at)));
	if (digits.len != 64 || hex_decode(out->b, sizeof out->b, digits) != OK)
		return invalid(c, "invalid hash");
	return true;
}

bool simevm_param_u64(struct simevm_rpc_call *c, size_t at, uint64_t absent, uint64_t *out)
{
	const char *key = sim_param_key(at);
	*out = absent;
	if (sim_param(c->params, at) == NULL ||
		json_get_u64(c->params->by_position, key, out) == OK ||
		json_get_quantity(c->params->by_position, key, out) == OK)
		return true;
	return invalid(c, "invalid number");
}

bool simevm_param_word(struct simevm_rpc_call *c, size_t at, struct word *out)
{
	const struct slice digits = without_prefix(json_string(sim_param(c->params, at)));
	char padded[2 * WORD_SIZE];
	uint8_t be[WORD_SIZE];
	memset(padded, '0', sizeof padded);
	if (digits.len == 0 || digits.len > sizeof padded)
		return invalid(c, "invalid word");
	memcpy(padded + sizeof padded - digits.len, digits.ptr, digits.len);
	if (hex_decode(be, sizeof be, slice_of(padded, sizeof padded)) != OK)
		return invalid(c, "invalid word");
	*out = word_load(be);
	return true;
}

bool simevm_param_bool(struct simevm_rpc_call *c, size_t at, bool absent, bool *out)
{
	*out = absent;
	if (sim_param(c->params, at) == NULL ||
		json_get_bool(c->params->by_position, sim_param_key(at), out) == OK)
		return true;
	return invalid(c, "invalid type: expected a boolean");
}

bool simevm_param_amount(struct simevm_rpc_call *c, size_t at, enum asset asset, struct amount *out)
{
	const struct slice text = json_string(sim_param(c->params, at));
	u128 wei;
	if (simevm_quantity(&wei, text) == OK) {
		*out = amount_of_u128(asset, wei);
		return true;
	}
	/* whole coins, for people */
	if (text.ptr != NULL && amount_parse(out, asset, text) == OK)
		return true;
	return invalid(c, "invalid amount");
}

/* ---- blocks ---- */

static void at_number(const struct sim_evm *e, struct simevm_where *out, uint64_t number)
{
	out->number = number;
	out->block = number < e->chain_len ? e->chain[number] : SIMEVM_NONE;
}

static uint64_t below_tip(const struct sim_evm *e, uint64_t depth)
{
	return simevm_height(e) < depth ? 0 : simevm_height(e) - depth;
}

static bool where_tag(const struct sim_evm *e, struct simevm_where *out, struct slice text)
{
	const struct {
		const char *tag;
		uint64_t number;
	} tags[] = {
		{"latest", simevm_height(e)},
		{"pending", simevm_height(e)},
		{"earliest", 0},
		{"safe", below_tip(e, e->safe_depth)},
		{"finalized", below_tip(e, e->final_depth)},
	};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		if (!slice_eq(text, slice_str(tags[i].tag)))
			continue;
		at_number(e, out, tags[i].number);
		out->pending = i == 1;
		return true;
	}
	return false;
}

static bool where_text(struct simevm_rpc_call *c, struct slice text, struct simevm_where *out)
{
	const struct slice digits = without_prefix(text);
	struct hash256 hash;
	u128 number;
	if (where_tag(c->e, out, text))
		return true;
	if (digits.len == 64 && hex_decode(hash.b, sizeof hash.b, digits) == OK) {
		out->by_hash = true;
		out->block = simevm_block_find(c->e, &hash);
		out->number = out->block == SIMEVM_NONE ? 0 : c->e->block[out->block].number;
		return true;
	}
	if (digits.len == 0)
		return invalid(c, "hex string without 0x prefix");
	if (simevm_quantity(&number, text) != OK || number > UINT64_MAX)
		return invalid(c, "invalid block number");
	at_number(c->e, out, (uint64_t)number);
	return true;
}

bool simevm_where(struct simevm_rpc_call *c, const struct json *v, struct simevm_where *out)
{
	*out = (struct simevm_where){.block = SIMEVM_NONE};
	if (v == NULL) {
		at_number(c->e, out, simevm_height(c->e));
		return true;
	}
	if (json_type(v) == JSON_OBJECT) {
		const struct json *hash = json_get(v, "blockHash");
		v = hash != NULL ? hash : json_get(v, "blockNumber");
	}
	if (json_type(v) != JSON_STRING)
		return invalid(c, "invalid block identifier");
	return where_text(c, json_string(v), out);
}

bool simevm_state_block(struct simevm_rpc_call *c, size_t at, struct simevm_where *where)
{
	if (!simevm_where(c, sim_param(c->params, at), where))
		return false;
	if (where->by_hash &&
		(where->block == SIMEVM_NONE || !simevm_in_best(c->e, where->block))) {
		sim_reply_error(c->reply, RPC_NOT_FOUND, "Resource not found");
		return false;
	}
	if (where->block == SIMEVM_NONE) {
		sim_reply_error(c->reply, RPC_INVALID_PARAMS,
			"BlockOutOfRangeError: block height is %llu but requested was %llu",
			(unsigned long long)simevm_height(c->e), (unsigned long long)where->number);
		return false;
	}
	return true;
}
