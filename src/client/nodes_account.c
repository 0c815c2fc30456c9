/* An account on an EVM chain as our own node has it, and what a call from it would do. */
#include "client/nodes.h"

#include "base/hex.h"
#include "wire/erc20.h"

#include <stdio.h>
#include <stdlib.h>

static struct json *address_params(const struct evm_address *a, const char *tag)
{
	char text[2 + 40 + 1] = "0x";
	struct json *params = json_array();
	hex_encode(text + 2, a->b, sizeof a->b);
	json_push(params, json_new_string(text));
	json_push(params, json_new_string(tag));
	return params;
}

/* "0x…" of at most 256 bits. */
static enum err read_amount(struct amount *out, enum asset asset, const struct json *value)
{
	const struct slice text = json_string(value);
	uint8_t digit[64], word[32];
	if (text.ptr == NULL || text.len < 3 || text.len > 66 || text.ptr[0] != '0' ||
		text.ptr[1] != 'x')
		return ERR_FORMAT;
	memset(digit, '0', sizeof digit);
	memcpy(digit + sizeof digit - (text.len - 2), text.ptr + 2, text.len - 2);
	TRY(hex_decode(word, sizeof word, slice_of(digit, sizeof digit)));
	return amount_load_word(out, asset, word);
}

static enum err read_count(uint64_t *out, const struct json *value)
{
	struct amount a;
	char text[AMOUNT_TEXT_SIZE];
	TRY(read_amount(&a, ASSET_RBTC, value));
	if (amount_cmp(a, amount_of(ASSET_RBTC, UINT64_C(1) << 62)) > 0)
		return ERR_RANGE;
	amount_format_units(text, a);
	*out = strtoull(text, NULL, 10);
	return OK;
}

enum account_question { ASK_BALANCE, ASK_LATEST, ASK_PENDING, ACCOUNT_QUESTIONS };

static enum err ask_chain(struct node_account *a, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *account)
{
	static const struct {
		const char *method, *tag;
	} ask[ACCOUNT_QUESTIONS] = {[ASK_BALANCE] = {"eth_getBalance", "latest"},
		[ASK_LATEST] = {"eth_getTransactionCount", "latest"},
		[ASK_PENDING] = {"eth_getTransactionCount", "pending"}};
	enum err err = OK;
	for (unsigned i = 0; i < ACCOUNT_QUESTIONS && err == OK; i++) {
		struct json *v;
		TRY(node_call(&v, error, n, false, loop, ask[i].method,
			address_params(account, ask[i].tag)));
		err = i == ASK_BALANCE
			? read_amount(&a->gas, layer_gas_asset(n->id), v)
			: read_count(i == ASK_LATEST ? &a->nonce_latest : &a->nonce_pending, v);
		json_free(v);
	}
	return err == OK ? OK
			 : node_fail(error, err, "our %s node: an account that can't be right",
				   layer_name(n->id));
}

/* One number that the token's contract answers. ERR_RANGE: over 128 bits. */
static enum err ask_token(struct amount *out, struct node_error *error, struct node *n,
	struct loop *loop, struct slice data)
{
	struct json *call = json_object(), *params = json_array(), *v;
	uint8_t word[32];
	size_t len = 0;
	json_set_hex(call, "to", "0x", n->token.b, sizeof n->token.b);
	json_set_hex(call, "data", "0x", data.ptr, data.len);
	json_push(params, call);
	json_push(params, json_new_string("latest"));
	TRY(node_call(&v, error, n, false, loop, "eth_call", params));
	const struct slice text = json_string(v);
	enum err err = ERR_FORMAT;
	if (text.ptr != NULL && text.len > 2)
		err = hex_decode_var(word, &len, sizeof word, slice_of(text.ptr + 2, text.len - 2));
	if (err == OK)
		err = erc20_amount_parse(out, layer_asset(n->id), slice_of(word, len));
	json_free(v);
	return err == OK || err == ERR_RANGE
		? err
		: node_fail(error, err, "our %s node: there is no token at the address that is set",
			  layer_name(n->id));
}

static enum err ask_tokens(struct node_account *a, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *account)
{
	uint8_t bytes[ERC20_CALL_MAX];
	struct buf call = buf_init(bytes, sizeof bytes);
	erc20_balance_call(&call, account);
	TRY(ask_token(&a->value, error, n, loop, buf_slice(&call)));
	call = buf_init(bytes, sizeof bytes);
	erc20_allowance_call(&call, account, &n->contract);
	const enum err err = ask_token(&a->allowance, error, n, loop, buf_slice(&call));
	if (err == ERR_RANGE) /* without a limit */
		a->allowance = erc20_unlimited(layer_asset(n->id));
	return err == ERR_RANGE ? OK : err;
}

enum err node_account(struct node_account *out, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *account)
{
	struct node_account a = {.known = true};
	TRY(ask_chain(&a, error, n, loop, account));
	if (layer_gas_apart(n->id))
		TRY(ask_tokens(&a, error, n, loop, account));
	if (a.nonce_pending < a.nonce_latest)
		a.nonce_pending = a.nonce_latest;
	*out = a;
	return OK;
}

enum err node_estimate_gas(uint64_t *gas, struct node_error *error, struct node *n,
	struct loop *loop, const struct evm_address *from, const struct evm_address *to,
	struct amount value, struct slice data)
{
	struct json *call = json_object(), *params = json_array(), *v;
	char word[2 + 64 + 1] = "0x0";
	uint8_t bytes[32];

	amount_store_word(bytes, value);
	hex_encode(word + 2, bytes, sizeof bytes);
	const char *digits = word + 2;
	while (digits[0] == '0' && digits[1] != '\0')
		digits++;
	char quantity[2 + 64 + 1];
	(void)snprintf(quantity, sizeof quantity, "0x%s", digits);
	json_set_hex(call, "from", "0x", from->b, sizeof from->b);
	json_set_hex(call, "to", "0x", to->b, sizeof to->b);
	json_set_string(call, "value", quantity);
	if (data.len > 0)
		json_set_hex(call, "data", "0x", data.ptr, data.len);
	json_push(params, call);
	TRY(node_call(&v, error, n, false, loop, "eth_estimateGas", params));
	const enum err err = read_count(gas, v);
	json_free(v);
	if (err != OK)
		return node_fail(error, err, "our %s node: a gas estimate that can't be right",
			layer_name(n->id));
	return OK;
}
