/* What the values of a configuration say together. */
#include "node/config.h"

#include "node/deposits.h"

/* One line. */
PRINTF_LIKE(3, 4)
static void problem(struct buf *out, uint32_t *count, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	buf_vprintf(out, fmt, args);
	va_end(args);
	buf_printf(out, "\n");
	(*count)++;
}

static bool is_loopback(const char *bind)
{
	return strncmp(bind, "127.", 4) == 0 || strcmp(bind, "::1") == 0 ||
		strcmp(bind, "localhost") == 0;
}

static void check_node(const struct config *c, struct buf *out, uint32_t *count)
{
	const struct {
		const char *key, *value;
	} needed[] = {
		{"data_dir", c->data_dir},
		{"seal_key_file", c->seal_key_file},
		{"operator_token_file", c->operator_token_file},
		{"signer.socket", c->signer_socket},
		{"http.bind", c->http_bind},
	};
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (needed[i].value[0] == '\0')
			problem(out, count, "%s: is needed", needed[i].key);
	}
	if (!is_loopback(c->http_bind) && !c->http_allow_public)
		problem(out, count,
			"http.bind: \"%s\" is reached from other machines: set http.allow_public "
			"once TLS is in front of it",
			c->http_bind);
	if (c->capacity.effects / 3 < c->capacity.swaps)
		problem(out, count, "capacity.effects: three for each of capacity.swaps (%u)",
			c->capacity.swaps);
	if (c->quote_ttl_ms > c->offer_ttl_ms)
		problem(out, count, "swap.quote_ttl_ms: longer than swap.offer_ttl_ms");
}

static void check_access(
	const struct config_layer *l, const char *name, struct buf *out, uint32_t *count)
{
	if (strncmp(l->rpc_url, "http://", 7) != 0 && strncmp(l->rpc_url, "https://", 8) != 0)
		problem(out, count, "%s.rpc_url: must begin with http:// or https://", name);
	if (l->rpc_cookie_file[0] != '\0' && l->rpc_user[0] != '\0')
		problem(out, count, "%s.rpc_cookie_file: instead of rpc_user, not beside it", name);
	if ((l->rpc_user[0] != '\0') != (l->rpc_password_file[0] != '\0'))
		problem(out, count, "%s.rpc_user: goes with rpc_password_file", name);
}

static void check_layer(const struct config *c, enum layer_id id, struct buf *out, uint32_t *count)
{
	const struct config_layer *l = &c->layer[id];
	const struct layer_params *p = &l->params;
	const char *name = layer_name(id);
	check_access(l, name, out, count);
	if (layer_family(id) == FAMILY_ACCOUNT && l->contract[0] == '\0')
		problem(out, count, "%s.contract: is needed", name);
	if (layer_family(id) == FAMILY_CHANNEL && strcmp(l->node, "lnd") != 0 &&
		strcmp(l->node, "cln") != 0)
		problem(out, count, "%s.node: lnd or cln", name);
	if (layer_family(id) == FAMILY_CHANNEL && l->credential_file[0] == '\0')
		problem(out, count, "%s.credential_file: is needed", name);
	struct descriptor d;
	const char *wrong = l->deposit_descriptor[0] == '\0'
		? NULL
		: deposits_read(&d, p->network, l->deposit_descriptor);
	if (wrong != NULL)
		problem(out, count, "%s.deposit_descriptor: %s", name, wrong);
	wrong = deposits_sweep_addresses(p->network, l->sweep_addresses);
	if (wrong != NULL)
		problem(out, count, "%s.sweep_addresses: %s", name, wrong);
	if (layer_gas_apart(id) && l->token[0] == '\0')
		problem(out, count, "%s.token: is needed", name);
	if (l->poll_ms > l->rpc_timeout_ms * 10)
		problem(out, count, "%s.poll_ms: far longer than rpc_timeout_ms", name);
	if (amount_is_zero(p->swap_min))
		problem(out, count, "%s.swap_min: must be over zero", name);
	if (amount_cmp(p->swap_min, p->swap_max) > 0)
		problem(out, count, "%s.swap_min: over swap_max", name);
	if (p->fee_rate_min > p->fee_rate_max)
		problem(out, count, "%s.fee_rate_min: over fee_rate_max", name);
	if (p->lock_blocks <= p->claim_blocks)
		problem(out, count, "%s.lock_blocks: no time to claim in, claim_blocks is %u", name,
			p->claim_blocks);
	if (p->final_depth < p->depth[0].depth)
		problem(out, count, "%s.final_depth: less than the least depth", name);
	if (p->network->test)
		return;
	if (p->outage_ms < 3600000)
		problem(out, count, "%s.outage_ms: less than an hour, with real money", name);
	if ((id == LAYER_ROOTSTOCK || id == LAYER_ROOTSTOCK_ERC20) && p->depth[0].depth < 12)
		problem(out, count, "%s.depth: less than 12, with real money", name);
}

enum err config_check(const struct config *c, struct buf *problems)
{
	uint32_t count = 0, enabled = 0, test = 0;
	check_node(c, problems, &count);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (!c->layer[i].enabled)
			continue;
		enabled++;
		test += c->layer[i].params.network->test ? 1 : 0;
		check_layer(c, (enum layer_id)i, problems, &count);
	}
	if (enabled == 0)
		problem(problems, &count, "no layer is enabled: set bitcoin.enabled or others");
	if (test != 0 && test != enabled)
		problem(problems, &count,
			"one layer's network is a test network, another's is not");
	struct ledger_params params;
	struct params_problem wrong;
	config_params(&params, c);
	if (!params_check(&params, &wrong))
		problem(problems, &count, "%s%s%s: %s%s%s%s",
			wrong.layer < LAYER_COUNT ? layer_name(wrong.layer) : "",
			wrong.layer < LAYER_COUNT ? "." : "", wrong.field,
			wrong.source < LAYER_COUNT ? "for swaps from " : "",
			wrong.source < LAYER_COUNT ? layer_name(wrong.source) : "",
			wrong.source < LAYER_COUNT ? ": " : "", wrong.what);
	return count == 0 ? OK : ERR_STATE;
}
