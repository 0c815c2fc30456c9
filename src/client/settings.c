#include "client/settings.h"

#include "ledger/clock.h"
#include "sys/yaml.h"

#include <stdio.h>

#define SECOND UINT64_C(1000)
#define HOUR (UINT64_C(3600) * SECOND)
#define DAY (24 * HOUR)

struct plain_row {
	const char *name, *flag, *argument, *doc, *def;
	enum setting_type type;
	bool saved;
	size_t offset;
	uint64_t min, max;
};

static const struct plain_row plain_rows[] = {
	{"provider", "--provider", "URL", "the provider's API", "http://127.0.0.1:8480",
		SETTING_URL, true, offsetof(struct client_config, provider), 0, 0},
	{"token_file", "--token-file", "FILE", "its first line is an operator's token", "",
		SETTING_TEXT, false, offsetof(struct client_config, token_file), 0, 0},
	{"gas_key", "--gas-key", "FILE",
		"64 hexadecimal digits: the key of the account on Rootstock and BOB that pays gas "
		"and locks",
		"", SETTING_TEXT, true, offsetof(struct client_config, gas_key_file), 0, 0},
	{"wallet", "--pay-with-wallet", "NAME", "wallet of Bitcoin Core to pay with", "",
		SETTING_TEXT, true, offsetof(struct client_config, wallet), 0, 0},
	{"refund_address", "--refund-address", "ADDRESS",
		"where Bitcoin goes back to; without it, the wallet's next address, or asked for "
		"when it is needed",
		"", SETTING_TEXT, true, offsetof(struct client_config, refund_address), 0, 0},
	{"rescue_dir", "--rescue-dir", "DIR", "where rescue files are written", ".", SETTING_TEXT,
		false, offsetof(struct client_config, rescue_dir), 0, 0},
	{"max_fee", "--max-fee", "PERCENT", "refuse a quote that costs more", "3", SETTING_PERCENT,
		true, offsetof(struct client_config, max_fee_ppm), 0, 1000000},
};

/* The keys that a layer can have. */
struct layer_row {
	const char *name, *argument, *doc;
	enum setting_type type;
	size_t offset; /* in struct client_layer */
	uint64_t min, max;
};

enum layer_row_id {
	ROW_NETWORK,
	ROW_RPC_URL,
	ROW_RPC_USER,
	ROW_RPC_PASSWORD_FILE,
	ROW_RPC_COOKIE_FILE,
	ROW_NODE,
	ROW_CREDENTIAL_FILE,
	ROW_CA_FILE,
	ROW_RPC_TIMEOUT_MS,
	ROW_POLL_MS,
	ROW_CONTRACT,
	ROW_TOKEN,
	ROW_BLOCK_INTERVAL_MS,
	ROW_DRIFT_PERMILLE,
	ROW_OUTAGE_MS,
	ROW_DEPTH,
	ROW_FINAL_DEPTH,
	ROW_CLAIM_BLOCKS,
	ROW_LOCK_BLOCKS_MIN,
	ROW_LOCK_BLOCKS_MAX,
	ROW_FEE_RATE_MIN,
	ROW_FEE_RATE_MAX,
	ROW_BUMP_BLOCKS,
	ROW_ROUTING_FEE,
	ROW_HOLD_BLOCKS,
	ROW_COUNT
};

#define FIELD(member) offsetof(struct client_layer, member)

static const struct layer_row layer_rows[ROW_COUNT] = {
	[ROW_NETWORK] = {"network", "NAME", "mainnet, testnet, signet (Bitcoin) or regtest",
		SETTING_NETWORK, FIELD(params.network), 0, 0},
	[ROW_RPC_URL] = {"rpc_url", "URL", "JSON-RPC of your own node", SETTING_URL, FIELD(rpc_url),
		0, 0},
	[ROW_RPC_USER] = {"rpc_user", "NAME", "user name for it", SETTING_TEXT, FIELD(rpc_user), 0,
		0},
	[ROW_RPC_PASSWORD_FILE] = {"rpc_password_file", "FILE",
		"file whose first line is the password", SETTING_TEXT, FIELD(rpc_password_file), 0,
		0},
	[ROW_RPC_COOKIE_FILE] = {"rpc_cookie_file", "FILE",
		"Bitcoin Core's .cookie, instead of user and password", SETTING_TEXT,
		FIELD(rpc_cookie_file), 0, 0},
	[ROW_NODE] = {"node", "KIND", "lnd, or cln: Core Lightning with clnrest", SETTING_TEXT,
		FIELD(node), 0, 0},
	[ROW_CREDENTIAL_FILE] = {"credential_file", "FILE", "lnd's macaroon, or a rune for cln",
		SETTING_TEXT, FIELD(credential_file), 0, 0},
	[ROW_CA_FILE] = {"ca_file", "FILE",
		"the certificate that the node is known by; without it, those that the system "
		"trusts",
		SETTING_TEXT, FIELD(ca_file), 0, 0},
	[ROW_RPC_TIMEOUT_MS] = {"rpc_timeout_ms", "MS", "deadline of one call", SETTING_U64,
		FIELD(rpc_timeout_ms), 100, 600 * SECOND},
	[ROW_POLL_MS] = {"poll_ms", "MS", "how often the node is asked", SETTING_U64,
		FIELD(poll_ms), 10, 60 * SECOND},
	[ROW_CONTRACT] = {"contract", "ADDRESS",
		"the hash time lock contract; without it, the provider's. Its code is checked in "
		"any case",
		SETTING_TEXT, FIELD(contract), 0, 0},
	[ROW_TOKEN] = {"token", "ADDRESS",
		"the token that you take for bitcoin there: no other is paid or accepted",
		SETTING_TEXT, FIELD(token), 0, 0},
	[ROW_BLOCK_INTERVAL_MS] = {"block_interval_ms", "MS", "expected time between blocks",
		SETTING_U64, FIELD(params.block_interval_ms), 10, DAY},
	[ROW_DRIFT_PERMILLE] = {"drift_permille", "N",
		"how far the block rate may be off, either way", SETTING_U32,
		FIELD(params.drift_permille), 0, 900},
	[ROW_OUTAGE_MS] = {"outage_ms", "MS",
		"how long we or our node may be away while a time lock runs", SETTING_U64,
		FIELD(params.outage_ms), 0, 30 * DAY},
	[ROW_DEPTH] = {"depth", "AMOUNT:BLOCKS,...",
		"confirmations that we want of the provider's lock-up", SETTING_DEPTH,
		FIELD(params.depth), 0, 0},
	[ROW_FINAL_DEPTH] = {"final_depth", "BLOCKS", "our claim or refund is final at this depth",
		SETTING_U32, FIELD(params.final_depth), 1, 512},
	[ROW_CLAIM_BLOCKS] = {"claim_blocks", "BLOCKS", "a claim confirms within so many blocks",
		SETTING_U32, FIELD(params.claim_blocks), 1, 512},
	[ROW_LOCK_BLOCKS_MIN] = {"lock_blocks_min", "BLOCKS",
		"refuse terms whose refund of our own lock-up opens earlier: nobody could lock "
		"safely then",
		SETTING_U32, FIELD(lock_blocks_min), 1, CLOCK_REGULAR_MAX},
	[ROW_LOCK_BLOCKS_MAX] = {"lock_blocks_max", "BLOCKS",
		"refuse terms that keep our own lock-up from us for longer", SETTING_U32,
		FIELD(lock_blocks_max), 1, CLOCK_REGULAR_MAX},
	[ROW_FEE_RATE_MIN] = {"fee_rate_min", "RATE",
		"never pay less: satoshi for 1,000 vbytes; wei for a unit of gas", SETTING_U64,
		FIELD(params.fee_rate_min), 1, UINT64_C(1) << 40},
	[ROW_FEE_RATE_MAX] = {"fee_rate_max", "RATE", "never pay more", SETTING_U64,
		FIELD(params.fee_rate_max), 1, UINT64_C(1) << 40},
	[ROW_BUMP_BLOCKS] = {"bump_blocks", "BLOCKS",
		"pay more for what is not confirmed after so many", SETTING_U32,
		FIELD(params.bump_blocks), 1, 10000},
	[ROW_ROUTING_FEE] = {"routing_fee", "PERCENT",
		"pay no more than this of an amount to those who pass it on", SETTING_PERCENT,
		FIELD(routing_fee_ppm), 0, 1000000},
	[ROW_HOLD_BLOCKS] = {"hold_blocks", "BLOCKS",
		"a payment to us is held for us for so many blocks at least", SETTING_U32,
		FIELD(hold_blocks), 1, 1008},
};

/* Its coin and its tokens are on one chain. */
#define ROOTSTOCK_CHAIN                                                                            \
	[ROW_RPC_TIMEOUT_MS] = {.def = "15000"},                                                   \
	[ROW_POLL_MS] = {.def = "3000", .def_regtest = "300"},                                     \
	[ROW_BLOCK_INTERVAL_MS] = {.def = "27000", .def_regtest = "125"},                          \
	[ROW_DRIFT_PERMILLE] = {.def = "200", .def_regtest = "0"},                                 \
	[ROW_OUTAGE_MS] = {.def = "21600000", .def_regtest = "0"},                                 \
	[ROW_DEPTH] = {.def = "0:12, 0.1:24, 1:60", .def_regtest = "0:2"},                         \
	[ROW_FINAL_DEPTH] = {.def = "24", .def_regtest = "3"},                                     \
	[ROW_CLAIM_BLOCKS] = {.def = "60", .def_regtest = "1"},                                    \
	[ROW_LOCK_BLOCKS_MIN] = {.def = "720", .def_regtest = "4"},                                \
	[ROW_LOCK_BLOCKS_MAX] = {.def = "16384", .def_regtest = "16384"},                          \
	[ROW_FEE_RATE_MIN] = {.def = "60000000"}, [ROW_FEE_RATE_MAX] = {.def = "2000000000"},      \
	[ROW_BUMP_BLOCKS] = {.def = "6", .def_regtest = "3"}

/* The keys that each layer has. */
static const struct layer_value {
	const char *def;         /* NULL: the layer has no such key */
	const char *def_regtest; /* NULL: the same */
	const char *flag;        /* NULL: none */
} layer_values[LAYER_COUNT][ROW_COUNT] = {
	[LAYER_BITCOIN] =
		{
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--bitcoin-network"},
			[ROW_RPC_URL] = {.def = "http://127.0.0.1:8332",
				.def_regtest = "http://127.0.0.1:18443",
				.flag = "--bitcoin-rpc"},
			[ROW_RPC_USER] = {.def = "", .flag = "--bitcoin-rpc-user"},
			[ROW_RPC_PASSWORD_FILE] = {.def = "",
				.flag = "--bitcoin-rpc-password-file"},
			[ROW_RPC_COOKIE_FILE] = {.def = "", .flag = "--bitcoin-rpc-cookie"},
			[ROW_RPC_TIMEOUT_MS] = {.def = "30000"},
			[ROW_POLL_MS] = {.def = "3000", .def_regtest = "300"},
			[ROW_BLOCK_INTERVAL_MS] = {.def = "600000", .def_regtest = "250"},
			[ROW_DRIFT_PERMILLE] = {.def = "100", .def_regtest = "0"},
			[ROW_OUTAGE_MS] = {.def = "21600000", .def_regtest = "0"},
			[ROW_DEPTH] = {.def = "0:1, 0.1:3, 1:6", .def_regtest = "0:1"},
			[ROW_FINAL_DEPTH] = {.def = "3", .def_regtest = "2"},
			[ROW_CLAIM_BLOCKS] = {.def = "12", .def_regtest = "1"},
			[ROW_LOCK_BLOCKS_MIN] = {.def = "36", .def_regtest = "4"},
			[ROW_LOCK_BLOCKS_MAX] = {.def = "1008", .def_regtest = "16384"},
			[ROW_FEE_RATE_MIN] = {.def = "1000"},
			[ROW_FEE_RATE_MAX] = {.def = "500000"},
			[ROW_BUMP_BLOCKS] = {.def = "2", .def_regtest = "3"},
		},
	[LAYER_LIQUID] =
		{
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--liquid-network"},
			[ROW_RPC_URL] = {.def = "http://127.0.0.1:7041",
				.def_regtest = "http://127.0.0.1:7040",
				.flag = "--liquid-rpc"},
			[ROW_RPC_USER] = {.def = "", .flag = "--liquid-rpc-user"},
			[ROW_RPC_PASSWORD_FILE] = {.def = "", .flag = "--liquid-rpc-password-file"},
			[ROW_RPC_COOKIE_FILE] = {.def = "", .flag = "--liquid-rpc-cookie"},
			[ROW_RPC_TIMEOUT_MS] = {.def = "30000"},
			[ROW_POLL_MS] = {.def = "3000", .def_regtest = "300"},
			[ROW_BLOCK_INTERVAL_MS] = {.def = "60000", .def_regtest = "125"},
			[ROW_DRIFT_PERMILLE] = {.def = "50", .def_regtest = "0"},
			[ROW_OUTAGE_MS] = {.def = "21600000", .def_regtest = "0"},
			[ROW_DEPTH] = {.def = "0:2", .def_regtest = "0:2"},
			[ROW_FINAL_DEPTH] = {.def = "3", .def_regtest = "3"},
			[ROW_CLAIM_BLOCKS] = {.def = "30", .def_regtest = "1"},
			[ROW_LOCK_BLOCKS_MIN] = {.def = "360", .def_regtest = "4"},
			[ROW_LOCK_BLOCKS_MAX] = {.def = "10080", .def_regtest = "16384"},
			[ROW_FEE_RATE_MIN] = {.def = "100"},
			[ROW_FEE_RATE_MAX] = {.def = "10000"},
			[ROW_BUMP_BLOCKS] = {.def = "5", .def_regtest = "3"},
		},
	[LAYER_ROOTSTOCK] =
		{
			ROOTSTOCK_CHAIN,
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--rootstock-network"},
			[ROW_RPC_URL] = {.def = "http://127.0.0.1:4444",
				.def_regtest = "http://127.0.0.1:8545",
				.flag = "--rootstock-rpc"},
			[ROW_RPC_USER] = {.def = "", .flag = "--rootstock-rpc-user"},
			[ROW_RPC_PASSWORD_FILE] = {.def = "",
				.flag = "--rootstock-rpc-password-file"},
			[ROW_CONTRACT] = {.def = "", .flag = "--rootstock-contract"},
		},
	/* without claim_blocks: what is held for us is ours as soon as we say the preimage */
	[LAYER_LIGHTNING] =
		{
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--lightning-network"},
			[ROW_RPC_URL] = {.def = "https://127.0.0.1:8080",
				.flag = "--lightning-rpc"},
			[ROW_NODE] = {.def = "lnd", .flag = "--lightning-node"},
			[ROW_CREDENTIAL_FILE] = {.def = "", .flag = "--lightning-credential"},
			[ROW_CA_FILE] = {.def = "", .flag = "--lightning-ca"},
			[ROW_RPC_TIMEOUT_MS] = {.def = "15000"},
			[ROW_POLL_MS] = {.def = "3000", .def_regtest = "300"},
			[ROW_BLOCK_INTERVAL_MS] = {.def = "600000", .def_regtest = "250"},
			[ROW_DRIFT_PERMILLE] = {.def = "100", .def_regtest = "0"},
			[ROW_OUTAGE_MS] = {.def = "3600000", .def_regtest = "0"},
			[ROW_DEPTH] = {.def = "0:1"},
			[ROW_FINAL_DEPTH] = {.def = "1"},
			[ROW_LOCK_BLOCKS_MIN] = {.def = "36", .def_regtest = "4"},
			[ROW_LOCK_BLOCKS_MAX] = {.def = "1008", .def_regtest = "2016"},
			[ROW_ROUTING_FEE] = {.def = "0.5"},
			[ROW_HOLD_BLOCKS] = {.def = "60", .def_regtest = "20"},
		},
	[LAYER_BOB] =
		{
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--bob-network"},
			[ROW_RPC_URL] = {.def = "http://127.0.0.1:8545", .flag = "--bob-rpc"},
			[ROW_RPC_USER] = {.def = "", .flag = "--bob-rpc-user"},
			[ROW_RPC_PASSWORD_FILE] = {.def = "", .flag = "--bob-rpc-password-file"},
			[ROW_RPC_TIMEOUT_MS] = {.def = "15000"},
			[ROW_POLL_MS] = {.def = "2000", .def_regtest = "300"},
			[ROW_CONTRACT] = {.def = "", .flag = "--bob-contract"},
			[ROW_TOKEN] = {.def = "", .flag = "--bob-token"},
			[ROW_BLOCK_INTERVAL_MS] = {.def = "2000", .def_regtest = "125"},
			[ROW_DRIFT_PERMILLE] = {.def = "20", .def_regtest = "0"},
			[ROW_OUTAGE_MS] = {.def = "21600000", .def_regtest = "0"},
			[ROW_DEPTH] = {.def = "0:1"},
			[ROW_FINAL_DEPTH] = {.def = "512", .def_regtest = "3"},
			[ROW_CLAIM_BLOCKS] = {.def = "300", .def_regtest = "1"},
			[ROW_LOCK_BLOCKS_MIN] = {.def = "10800", .def_regtest = "4"},
			[ROW_LOCK_BLOCKS_MAX] = {.def = "302400", .def_regtest = "16384"},
			[ROW_FEE_RATE_MIN] = {.def = "8000000"},
			[ROW_FEE_RATE_MAX] = {.def = "2000000000"},
			[ROW_BUMP_BLOCKS] = {.def = "30", .def_regtest = "3"},
		},
	[LAYER_ROOTSTOCK_ERC20] =
		{
			ROOTSTOCK_CHAIN,
			[ROW_NETWORK] = {.def = "mainnet", .flag = "--rootstock-erc20-network"},
			[ROW_RPC_URL] = {.def = "http://127.0.0.1:4444",
				.def_regtest = "http://127.0.0.1:8545",
				.flag = "--rootstock-erc20-rpc"},
			[ROW_RPC_USER] = {.def = "", .flag = "--rootstock-erc20-rpc-user"},
			[ROW_RPC_PASSWORD_FILE] = {.def = "",
				.flag = "--rootstock-erc20-rpc-password-file"},
			[ROW_CONTRACT] = {.def = "", .flag = "--rootstock-erc20-contract"},
			[ROW_TOKEN] = {.def = "", .flag = "--rootstock-erc20-token"},
		},
};

bool setting_at(struct setting *out, uint32_t index)
{
	uint32_t left = index;
	if (left < ARRAY_LEN(plain_rows)) {
		const struct plain_row *r = &plain_rows[left];
		*out = (struct setting){.flag = r->flag,
			.argument = r->argument,
			.doc = r->doc,
			.def = r->def,
			.def_regtest = r->def,
			.type = r->type,
			.layer = LAYER_COUNT,
			.saved = r->saved,
			.offset = r->offset,
			.min = r->min,
			.max = r->max};
		(void)snprintf(out->name, sizeof out->name, "%s", r->name);
		return true;
	}
	left -= (uint32_t)ARRAY_LEN(plain_rows);
	for (unsigned layer = 0; layer < LAYER_COUNT; layer++) {
		for (size_t i = 0; i < ROW_COUNT && layer_built((enum layer_id)layer); i++) {
			const struct layer_row *r = &layer_rows[i];
			const struct layer_value *v = &layer_values[layer][i];
			if (v->def == NULL || left-- != 0)
				continue;
			*out = (struct setting){.flag = v->flag,
				.argument = r->argument,
				.doc = r->doc,
				.def = v->def,
				.def_regtest = v->def_regtest != NULL ? v->def_regtest : v->def,
				.type = r->type,
				.layer = (enum layer_id)layer,
				.saved = true,
				.offset = offsetof(struct client_config, layer) +
					layer * sizeof(struct client_layer) + r->offset,
				.min = r->min,
				.max = r->max};
			(void)snprintf(out->name, sizeof out->name, "%s.%s",
				layer_name((enum layer_id)layer), r->name);
			return true;
		}
	}
	return false;
}

uint32_t setting_find(const char *name)
{
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++)
		if (strcmp(row.name, name) == 0)
			return i;
	return UINT32_MAX;
}

uint32_t setting_find_flag(const char *flag)
{
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++)
		if (row.flag != NULL && strcmp(row.flag, flag) == 0)
			return i;
	return UINT32_MAX;
}

/* ---- sources ---- */

static enum err say(struct settings_error *error, enum err err, const char *where, const char *what)
{
	(void)snprintf(error->text, sizeof error->text, "%s: %s", where, what);
	return err;
}

enum err settings_offer(
	struct settings *s, struct settings_error *error, const char *name, const char *value)
{
	const uint32_t row = setting_find(name);
	if (row == UINT32_MAX)
		return say(error, ERR_NOT_FOUND, name, "there is no such key");
	CHECK(row < SETTINGS_MAX);
	if (strlen(value) >= SETTING_SIZE)
		return say(error, ERR_RANGE, name, "the value is too long");
	if (s->value[row][0] == '\0')
		memcpy(s->value[row], value, strlen(value) + 1);
	return OK;
}

static void environment_name(char *out, size_t size, const char *name)
{
	struct buf b = buf_init(out, size);
	buf_printf(&b, "SLUICE_%s", name);
	(void)buf_cstr(&b);
	for (char *c = out; *c != '\0'; c++)
		*c = *c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
}

enum err settings_environment(
	struct settings *s, struct settings_error *error, const char *const *environment)
{
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++) {
		char name[SETTING_NAME_MAX + 8];
		environment_name(name, sizeof name, row.name);
		const size_t len = strlen(name);
		for (const char *const *e = environment; *e != NULL; e++)
			if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
				TRY(settings_offer(s, error, row.name, *e + len + 1));
	}
	return OK;
}

struct file_use {
	struct settings *s;
	struct settings_error *error;
};

static enum err on_scalar(void *ctx, const char *path, const char *value, uint32_t line)
{
	const struct file_use *use = ctx;
	(void)line;
	return settings_offer(use->s, use->error, path, value);
}

enum err settings_file(
	struct settings *s, struct settings_error *error, const char *path, struct slice text)
{
	struct settings_error inner = {.text = ""};
	struct file_use use = {.s = s, .error = &inner};
	struct yaml_error yaml = {.text = ""};
	const enum err err = yaml_read(text, on_scalar, &use, &yaml);
	if (err != OK)
		(void)snprintf(error->text, sizeof error->text, "%s:%u: %s", path,
			(unsigned)yaml.line, inner.text[0] != '\0' ? inner.text : yaml.text);
	return err;
}

/* ---- meaning ---- */

static enum err read_number(uint64_t *out, const char *text)
{
	uint64_t n = 0;
	if (*text == '\0')
		return ERR_FORMAT;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return ERR_FORMAT;
		const uint64_t digit = (uint64_t)(*c - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return ERR_RANGE;
		n = n * 10 + digit;
	}
	*out = n;
	return OK;
}

/* "2.5" percent in millionths: an amount of an asset with eight decimals, moved. */
static enum err read_percent(uint32_t *out, const char *text)
{
	struct amount a, ppm;
	uint64_t units;
	char digits[AMOUNT_TEXT_SIZE];
	TRY(amount_parse(&a, ASSET_BTC, slice_str(text)));
	TRY(amount_mul_div(&ppm, a, 1, 10000, false)); /* 1% is 10^8 units, and 10^4 ppm */
	amount_format_units(digits, ppm);
	TRY(read_number(&units, digits));
	if (units > 1000000)
		return ERR_RANGE;
	*out = (uint32_t)units;
	return OK;
}

/* "0:1, 0.1:3" */
static enum err read_depth(struct layer_params *p, const char *text, enum asset asset)
{
	struct slice left = slice_str(text);
	uint32_t count = 0;
	while (left.len > 0) {
		char blocks[16];
		uint64_t depth;
		while (left.len > 0 && *left.ptr == ' ')
			left = slice_of(left.ptr + 1, left.len - 1);
		const uint8_t *end = memchr(left.ptr, ',', left.len);
		const size_t len = end == NULL ? left.len : (size_t)(end - left.ptr);
		const uint8_t *colon = memchr(left.ptr, ':', len);
		if (colon == NULL || count == DEPTH_STEPS_MAX)
			return ERR_FORMAT;
		const size_t amount_len = (size_t)(colon - left.ptr);
		const size_t blocks_len = len - amount_len - 1;
		if (blocks_len >= sizeof blocks)
			return ERR_RANGE;
		memcpy(blocks, colon + 1, blocks_len);
		blocks[blocks_len] = '\0';
		TRY(amount_parse(&p->depth[count].from, asset, slice_of(left.ptr, amount_len)));
		TRY(read_number(&depth, blocks));
		if (depth == 0 || depth > 512)
			return ERR_RANGE;
		p->depth[count].depth = (uint32_t)depth;
		if (count == 0 ? !amount_is_zero(p->depth[0].from)
			       : amount_cmp(p->depth[count].from, p->depth[count - 1].from) <= 0)
			return ERR_FORMAT;
		count++;
		left = slice_of(left.ptr + len, left.len - len);
		if (left.len > 0)
			left = slice_of(left.ptr + 1, left.len - 1);
	}
	if (count == 0)
		return ERR_FORMAT;
	p->depth_steps = count;
	return OK;
}

static enum err read_url(char *out, struct settings_error *error, const char *name, const char *v)
{
	const bool http = strncmp(v, "http://", 7) == 0 || strncmp(v, "https://", 8) == 0;
	if (!http)
		return say(error, ERR_FORMAT, name, "must begin with http:// or https://");
	const char *host = strstr(v, "://") + 3;
	const size_t host_len = strcspn(host, "/");
	if (memchr(host, '@', host_len) != NULL)
		return say(error, ERR_DENIED, name,
			"no user or password inside a URL: they have keys of their own");
	memcpy(out, v, strlen(v) + 1);
	return OK;
}

static enum err read_value(struct client_config *c, struct settings_error *error,
	const struct setting *row, const char *v)
{
	uint8_t *at = (uint8_t *)c + row->offset;
	uint64_t n;
	switch (row->type) {
	case SETTING_TEXT: memcpy(at, v, strlen(v) + 1); return OK;
	case SETTING_URL: return read_url((char *)at, error, row->name, v);
	case SETTING_U64:
	case SETTING_U32:
		if (read_number(&n, v) != OK || n < row->min || n > row->max) {
			(void)snprintf(error->text, sizeof error->text,
				"%s: must be a number from %llu to %llu, not \"%s\"", row->name,
				(unsigned long long)row->min, (unsigned long long)row->max, v);
			return ERR_RANGE;
		}
		if (row->type == SETTING_U64)
			memcpy(at, &n, sizeof n);
		else
			memcpy(at, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
		return OK;
	case SETTING_NETWORK: {
		const struct network *network = network_by_name(row->layer, slice_str(v));
		if (network == NULL)
			return say(error, ERR_FORMAT, row->name, "there is no such network");
		memcpy(at, &network, sizeof network);
		return OK;
	}
	case SETTING_DEPTH:
		if (read_depth(&c->layer[row->layer].params, v, layer_asset(row->layer)) != OK)
			return say(error, ERR_FORMAT, row->name,
				"must be AMOUNT:BLOCKS, ... ascending, beginning with 0");
		return OK;
	case SETTING_PERCENT: {
		uint32_t ppm;
		if (read_percent(&ppm, v) != OK)
			return say(error, ERR_FORMAT, row->name, "must be a percentage, like 2.5");
		memcpy(at, &ppm, sizeof ppm);
		return OK;
	}
	}
	UNREACHABLE();
}

static const char *network_said(const struct settings *s, enum layer_id layer)
{
	char name[SETTING_NAME_MAX];
	(void)snprintf(name, sizeof name, "%s.network", layer_name(layer));
	return s->value[setting_find(name)];
}

/* The one that is set; else the one like Bitcoin's: coins with value beside such coins. */
static const char *network_of(const struct settings *s, enum layer_id layer)
{
	const char *said = network_said(s, layer), *bitcoin = network_said(s, LAYER_BITCOIN);
	if (said[0] != '\0')
		return said;
	if (bitcoin[0] == '\0' || strcmp(bitcoin, "mainnet") == 0)
		return "mainnet";
	return network_by_name(layer, slice_str(bitcoin)) != NULL ? bitcoin : "testnet";
}

static enum err check_together(const struct client_config *c, struct settings_error *error)
{
	const bool test = c->layer[LAYER_BITCOIN].params.network->test;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct client_layer *l = &c->layer[i];
		const char *name = layer_name((enum layer_id)i);
		if (!layer_built((enum layer_id)i))
			continue;
		if (l->params.network->test != test) {
			char where[2 * SETTING_NAME_MAX];
			(void)snprintf(where, sizeof where, "bitcoin.network, %s.network", name);
			return say(error, ERR_NETWORK, where,
				"coins with value against coins without: one of the two is wrong");
		}
		if (l->lock_blocks_min > l->lock_blocks_max)
			return say(
				error, ERR_RANGE, name, "lock_blocks_min is over lock_blocks_max");
		if (l->params.fee_rate_min > l->params.fee_rate_max)
			return say(error, ERR_RANGE, name, "fee_rate_min is over fee_rate_max");
		if (l->rpc_cookie_file[0] != '\0' && l->rpc_user[0] != '\0')
			return say(error, ERR_FORMAT, name, "a cookie file or a user, not both");
		if (l->node[0] != '\0' && strcmp(l->node, "lnd") != 0 &&
			strcmp(l->node, "cln") != 0)
			return say(error, ERR_FORMAT, name, "node must be lnd or cln");
		if (l->rpc_user[0] != '\0' && l->rpc_password_file[0] == '\0')
			return say(error, ERR_FORMAT, name, "a user needs rpc_password_file");
	}
	return OK;
}

enum err settings_read(
	struct client_config *out, struct settings_error *error, const struct settings *s)
{
	struct client_config c = {.provider = ""};
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++) {
		const bool regtest = row.layer != LAYER_COUNT &&
			strcmp(network_of(s, row.layer), "regtest") == 0;
		const char *v = s->value[i][0] != '\0' ? s->value[i]
			: row.type == SETTING_NETWORK  ? network_of(s, row.layer)
			: regtest                      ? row.def_regtest
						       : row.def;
		TRY(read_value(&c, error, &row, v));
	}
	TRY(check_together(&c, error));
	*out = c;
	return OK;
}

void settings_explain(struct buf *out)
{
	struct setting row;
	for (uint32_t i = 0; setting_at(&row, i); i++) {
		if (row.flag != NULL)
			buf_printf(out, "%-28s %s %s\n", row.name, row.flag, row.argument);
		else
			buf_printf(out, "%-28s --set %s=%s\n", row.name, row.name, row.argument);
		buf_printf(out, "    %s\n", row.doc);
		if (row.def[0] != '\0')
			buf_printf(out, "    default: %s%s%s\n", row.def,
				strcmp(row.def, row.def_regtest) != 0 ? "; on regtest: " : "",
				strcmp(row.def, row.def_regtest) != 0 ? row.def_regtest : "");
	}
}
