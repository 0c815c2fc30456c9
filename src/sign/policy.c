#include "sign/policy.h"

#include "sys/yaml.h"

#include <stdio.h>

#define RETENTION_DAYS_MIN 7u
#define RETENTION_DAYS_MAX 3650u
#define ALL_PERMILLE 1000u
#define NAME_UTXO 1u
#define NAME_ACCOUNT 2u
#define NAME_TOKEN 4u
#define NAME_BOTH (NAME_UTXO | NAME_ACCOUNT)

/* How a key's text becomes a member of struct policy_layer. */
enum kind {
	KIND_NETWORK,
	KIND_AMOUNT, /* whole coins */
	KIND_FEE,    /* whole coins of what gas is paid with */
	KIND_UNITS,  /* its smallest unit */
	KIND_NUMBER,
	KIND_BOOL,
	KIND_ADDRESS,
	KIND_CONTRACTS, /* a list */
};

struct key {
	const char *name;
	unsigned families;
	enum kind kind;
	size_t offset;
	uint64_t max; /* KIND_NUMBER */
	const char *standard;
	const char *text;
};

#define AT(member) offsetof(struct policy_layer, member)

/* The order is the order in which they are read: a contract's check sum needs the network. */
static const struct key keys[] = {
	{"network", NAME_BOTH, KIND_NETWORK, AT(network), 0, NULL,
		"the one network that is signed for: mainnet, testnet, signet, regtest"},
	{"payout_max", NAME_BOTH, KIND_AMOUNT, AT(payout_max), 0, "0",
		"of one payout, in whole coins"},
	{"lock_max", NAME_BOTH, KIND_AMOUNT, AT(lock_max), 0, "0",
		"of one lock-up, in whole coins"},
	{"day_max", NAME_BOTH, KIND_AMOUNT, AT(day_max), 0, "0",
		"payouts and locks of any 24 hours, with all fees but those of claims and refunds"},
	{"fee_max", NAME_BOTH, KIND_FEE, AT(fee_max), 0, "0.005", "the fee of any one transaction"},
	{"fee_small", NAME_BOTH, KIND_FEE, AT(fee_small), 0, "0.0005",
		"up to this a fee passes, however little is moved"},
	{"fee_permille", NAME_BOTH, KIND_NUMBER, AT(fee_permille), ALL_PERMILLE, "50",
		"the fee of a payout or lock over fee_small, in thousandths of the amount"},
	{"rescue_permille", NAME_BOTH, KIND_NUMBER, AT(rescue_permille), ALL_PERMILLE, "1000",
		"the same for claims and refunds, which may have to pay what they are worth"},
	{"rescue_day_max", NAME_BOTH, KIND_FEE, AT(rescue_day_max), 0, "0.05",
		"fees of claims and refunds of any 24 hours; one of each for a lock signed here is "
		"not counted"},
	{"feerate_max", NAME_UTXO, KIND_NUMBER, AT(feerate_max), UINT64_C(100000000), "1000000",
		"satoshi per 1,000 virtual bytes"},
	{"lock_blocks_max", NAME_UTXO, KIND_NUMBER, AT(lock_blocks_max), 499999999, "0",
		"blocks from the tip to a lock-up's refund; 0: any"},
	{"gas_price_max", NAME_ACCOUNT, KIND_UNITS, AT(gas_price_max), 0, "50000000000",
		"wei for a unit of gas"},
	{"gas_max", NAME_ACCOUNT, KIND_NUMBER, AT(gas_max), 30000000, "300000",
		"gas of one call or transfer"},
	{"deploy_gas_max", NAME_ACCOUNT, KIND_NUMBER, AT(deploy_gas_max), 30000000, "0",
		"gas of creating the swap contract; 0: never sign a creation"},
	{"contracts", NAME_ACCOUNT, KIND_CONTRACTS, AT(contract), 0, "[]",
		"swap contracts; 'own': also those that this signer's account created"},
	{"token", NAME_TOKEN, KIND_ADDRESS, AT(token), 0, NULL,
		"the token that is moved here; without one, nothing is signed"},
	{"claim_for_others", NAME_ACCOUNT, KIND_BOOL, AT(claim_for_others), 0, "false",
		"sign claims that pay a recorded claimant who is not us"},
};

static unsigned family_bit(enum layer_id layer)
{
	switch (layer_family(layer)) {
	case FAMILY_UTXO: return NAME_UTXO;
	case FAMILY_ACCOUNT:
		return layer_gas_apart(layer) ? NAME_ACCOUNT | NAME_TOKEN : NAME_ACCOUNT;
	case FAMILY_CHANNEL: return 0; /* its node has the keys */
	}
	UNREACHABLE();
}

/* ---- values ---- */

static enum err parse_number(uint64_t *out, struct slice text, uint64_t max)
{
	uint64_t v = 0;
	if (text.len == 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		const unsigned digit = (unsigned)text.ptr[i] - '0';
		if (digit > 9)
			return ERR_FORMAT;
		if (v > (max - digit) / 10)
			return ERR_RANGE;
		v = v * 10 + digit;
	}
	*out = v;
	return OK;
}

static enum err parse_bool(bool *out, struct slice text)
{
	if (slice_eq(text, slice_str("true")))
		*out = true;
	else if (slice_eq(text, slice_str("false")))
		*out = false;
	else
		return ERR_FORMAT;
	return OK;
}

static enum err add_contract(struct policy_layer *l, struct slice text)
{
	if (slice_eq(text, slice_str("own"))) {
		l->contract_own = true;
		return OK;
	}
	if (l->contract_count == POLICY_CONTRACT_MAX)
		return ERR_FULL;
	if (l->network == NULL)
		return ERR_STATE;
	TRY(evm_address_parse(&l->contract[l->contract_count], l->network->chain_id, text));
	l->contract_count++;
	return OK;
}

static enum err set_scalar(
	struct policy_layer *l, enum layer_id layer, const struct key *key, struct slice text)
{
	void *member = (uint8_t *)l + key->offset;
	const struct network *network;

	switch (key->kind) {
	case KIND_NETWORK:
		network = network_by_name(layer, text);
		if (network == NULL)
			return ERR_NOT_FOUND;
		l->network = network;
		return OK;
	case KIND_AMOUNT: return amount_parse(member, layer_asset(layer), text);
	case KIND_FEE: return amount_parse(member, layer_gas_asset(layer), text);
	case KIND_UNITS: return amount_parse_units(member, layer_gas_asset(layer), text);
	case KIND_NUMBER: return parse_number(member, text, key->max);
	case KIND_BOOL: return parse_bool(member, text);
	case KIND_ADDRESS:
		return l->network == NULL ? ERR_STATE
					  : evm_address_parse(member, l->network->chain_id, text);
	case KIND_CONTRACTS: return ERR_FORMAT; /* a list */
	}
	return ERR_FORMAT;
}

void policy_init(struct policy *p)
{
	*p = (struct policy){.retention_days = 90};
	for (uint32_t layer = 0; layer < LAYER_COUNT; layer++) {
		struct policy_layer *l = &p->layer[layer];
		/* also of the other family's members: amounts need their asset */
		l->gas_price_max = amount_zero(layer_gas_asset((enum layer_id)layer));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			if ((keys[i].families & family_bit((enum layer_id)layer)) != 0 &&
				keys[i].standard != NULL && keys[i].kind != KIND_CONTRACTS)
				CHECK(set_scalar(l, (enum layer_id)layer, &keys[i],
					      slice_str(keys[i].standard)) == OK);
	}
}

void policy_open(struct policy *out)
{
	policy_init(out);
	for (uint32_t i = 0; i < LAYER_COUNT; i++) {
		struct policy_layer *l = &out->layer[i];
		const struct amount all = amount_max(layer_asset((enum layer_id)i));
		const struct amount gas = amount_max(layer_gas_asset((enum layer_id)i));
		l->payout_max = l->lock_max = l->day_max = all;
		l->rescue_day_max = l->fee_max = l->fee_small = l->gas_price_max = gas;
		l->feerate_max = UINT64_C(100000000);
		l->gas_max = l->deploy_gas_max = UINT64_C(30000000);
		l->any_network = l->contract_any = l->claim_for_others = true;
	}
}

/* ---- the file ---- */

struct reading {
	struct policy policy;
	bool networks_only; /* the first pass */
	struct policy_error *error;
};

static enum err complain(
	struct reading *r, enum err err, uint32_t line, const char *path, const char *what)
{
	(void)snprintf(r->error->text, sizeof r->error->text, "line %u: %s: %s", (unsigned)line,
		path, what);
	return err == OK ? ERR_FORMAT : err;
}

static const char *explain_err(const struct key *key, enum err err)
{
	if (err == ERR_FULL)
		return "too many entries";
	if (err == ERR_STATE)
		return "needs a network first";
	if (err == ERR_CHECKSUM || err == ERR_NETWORK)
		return "the address's check sum is wrong, or another network's";
	if (err == ERR_RANGE)
		return "out of range";
	switch (key->kind) {
	case KIND_NETWORK: return "no network of that name";
	case KIND_AMOUNT:
	case KIND_FEE: return "wants an amount in whole coins, as 0.01";
	case KIND_UNITS:
	case KIND_NUMBER: return "wants a whole number";
	case KIND_BOOL: return "wants true or false";
	case KIND_ADDRESS: return "wants an address";
	case KIND_CONTRACTS: return "wants a list of addresses, or own";
	}
	return "wrong";
}

/* The layer and the key that a path names; NULL: none. */
static const struct key *find_key(enum layer_id *layer, const char *path, bool *entry)
{
	const char *point = strchr(path, '.');

	if (point == NULL || layer_parse(layer, slice_of(path, (size_t)(point - path))) != OK)
		return NULL;
	const char *name = point + 1;
	const size_t len = strcspn(name, "[");
	*entry = strcmp(name + len, "[]") == 0;
	if (!*entry && name[len] != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if ((keys[i].families & family_bit(*layer)) != 0 && strlen(keys[i].name) == len &&
			memcmp(keys[i].name, name, len) == 0)
			return &keys[i];
	return NULL;
}

static enum err on_scalar(void *ctx, const char *path, const char *value, uint32_t line)
{
	struct reading *r = ctx;
	const struct slice text = slice_str(value);
	enum layer_id layer;
	bool entry;
	enum err err;

	if (strcmp(path, "retention_days") == 0) {
		err = parse_number(&r->policy.retention_days, text, RETENTION_DAYS_MAX);
		if (err != OK || r->policy.retention_days < RETENTION_DAYS_MIN)
			return complain(r, ERR_RANGE, line, path, "wants 7 to 3650");
		return OK;
	}
	const struct key *key = find_key(&layer, path, &entry);
	if (key == NULL)
		return complain(r, ERR_FORMAT, line, path, "unknown key");
	if ((key->kind == KIND_NETWORK) != r->networks_only)
		return OK;
	struct policy_layer *l = &r->policy.layer[layer];
	if (entry != (key->kind == KIND_CONTRACTS))
		return complain(
			r, ERR_FORMAT, line, path, entry ? "wants one value" : "wants a list");
	err = entry ? add_contract(l, text) : set_scalar(l, layer, key, text);
	return err == OK ? OK : complain(r, err, line, path, explain_err(key, err));
}

enum err policy_parse(struct policy *out, struct policy_error *error, struct slice text)
{
	struct reading r = {.error = error};
	struct yaml_error yaml = {0};

	error->text[0] = 0;
	policy_init(&r.policy);
	/* networks first, in whatever order they stand: a contract's check sum depends on its own
	 */
	for (int pass = 0; pass < 2; pass++) {
		r.networks_only = pass == 0;
		if (yaml_read(text, on_scalar, &r, &yaml) == OK)
			continue;
		if (error->text[0] == 0)
			(void)snprintf(error->text, sizeof error->text, "line %u: %s",
				(unsigned)yaml.line, yaml.text);
		return ERR_FORMAT;
	}
	*out = r.policy;
	return OK;
}

void policy_explain(struct buf *out)
{
	buf_printf(out,
		"# What sluice-signer may sign. Every key, with its default. A layer without\n"
		"# a network signs nothing; a limit that is not stated is 0. Claims and\n"
		"# refunds are limited by their fees alone.\n\n"
		"# days after which a silent session may be forgotten: %u to %u\n"
		"retention_days: 90\n",
		RETENTION_DAYS_MIN, RETENTION_DAYS_MAX);
	for (uint32_t layer = 0; layer < LAYER_COUNT; layer++) {
		if (!layer_built((enum layer_id)layer) || family_bit((enum layer_id)layer) == 0)
			continue;
		buf_printf(out, "\n%s:\n", layer_name((enum layer_id)layer));
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			if ((keys[i].families & family_bit((enum layer_id)layer)) == 0)
				continue;
			buf_printf(out, "  # %s\n", keys[i].text);
			if (keys[i].standard != NULL)
				buf_printf(out, "  %s: %s\n", keys[i].name, keys[i].standard);
			else
				buf_printf(out, "  # %s: mainnet\n", keys[i].name);
		}
	}
}
