/* Settings: which source wins, what each value may be, and what they may not be together. */
#include "client/settings.h"

static struct settings s;
static struct client_config c;
static struct settings_error error;

static enum err offer(const char *name, const char *value)
{
	return settings_offer(&s, &error, name, value);
}

static void clear(void)
{
	s = (struct settings){.value = {""}};
}

static void test_table(void)
{
	struct setting row, other;
	uint32_t count = 0;
	for (; setting_at(&row, count); count++) {
		CHECK(setting_find(row.name) == count);
		CHECK(row.flag == NULL || setting_find_flag(row.flag) == count);
		for (uint32_t k = 0; k < count; k++)
			CHECK(setting_at(&other, k) && strcmp(other.name, row.name) != 0);
	}
	CHECK(count <= SETTINGS_MAX);
	CHECK(setting_find("bitcoin.rpc_uri") == UINT32_MAX);
}

static void test_defaults(void)
{
	clear();
	CHECK(settings_read(&c, &error, &s) == OK);
	CHECK(c.layer[LAYER_BITCOIN].params.block_interval_ms == 600000);
	CHECK(c.layer[LAYER_BITCOIN].params.depth_steps == 3);
	CHECK(c.max_fee_ppm == 30000);
	CHECK(offer("bitcoin.network", "regtest") == OK);
	CHECK(settings_read(&c, &error, &s) == OK);
	CHECK(c.layer[LAYER_BITCOIN].params.block_interval_ms == 250);
	/* the other layers' are like Bitcoin's unless they are set */
	CHECK(c.layer[LAYER_ROOTSTOCK].params.network->test);
	CHECK(c.layer[LAYER_ROOTSTOCK].params.block_interval_ms == 125);
	CHECK(offer("rootstock.network", "mainnet") == OK);
	CHECK(settings_read(&c, &error, &s) == ERR_NETWORK); /* with value, and without */
}

static void test_sources(void)
{
	static const char *const environment[] = {"PATH=/bin", "SLUICE_MAX_FEE=1.25",
		"SLUICE_BITCOIN_POLL_MS=77", "SLUICE_BITCOIN_RPC_URL=http://environment", NULL};
	clear();
	CHECK(offer("bitcoin.rpc_url", "http://flag") == OK);
	CHECK(settings_environment(&s, &error, environment) == OK);
	CHECK(settings_file(&s, &error, "f.yaml",
		      slice_str("max_fee: 9\nbitcoin:\n  poll_ms: 88\n  claim_blocks: 5\n")) == OK);
	CHECK(settings_read(&c, &error, &s) == OK);
	CHECK(strcmp(c.layer[LAYER_BITCOIN].rpc_url, "http://flag") == 0);
	CHECK(c.max_fee_ppm == 12500 && c.layer[LAYER_BITCOIN].poll_ms == 77);
	CHECK(c.layer[LAYER_BITCOIN].params.claim_blocks == 5);
	CHECK(settings_file(&s, &error, "f.yaml", slice_str("bitcoin:\n  rpc_uri: x\n")) != OK);
	CHECK(strstr(error.text, "f.yaml:2") != NULL && strstr(error.text, "rpc_uri") != NULL);
}

static void test_values(void)
{
	static const struct {
		const char *name, *value;
		enum err err;
	} rows[] = {
		{"provider", "ftp://x", ERR_FORMAT},
		{"provider", "https://user:secret@x", ERR_DENIED},
		{"bitcoin.rpc_url", "http://x/a@b", OK}, {"max_fee", "-1", ERR_FORMAT},
		{"max_fee", "101", ERR_FORMAT}, {"max_fee", "100", OK}, {"max_fee", "0", OK},
		{"max_fee", "NaN", ERR_FORMAT}, {"bitcoin.network", "eip155", ERR_FORMAT},
		{"bitcoin.poll_ms", "9", ERR_RANGE}, {"bitcoin.poll_ms", "1e3", ERR_RANGE},
		{"bitcoin.poll_ms", "18446744073709551616", ERR_RANGE},
		{"bitcoin.depth", "0:1, 0.1:3", OK}, {"bitcoin.depth", "0.1:3", ERR_FORMAT},
		{"bitcoin.depth", "0:1, 0.1:3, 0.1:4", ERR_FORMAT},
		{"bitcoin.depth", "0:0", ERR_FORMAT}, {"bitcoin.depth", "0:1,,", ERR_FORMAT},
		{"bitcoin.depth", "0:99999999999999999999", ERR_FORMAT},
		{"bitcoin.lock_blocks_min", "2000", ERR_RANGE}, /* over lock_blocks_max */
		{"bitcoin.fee_rate_min", "900000", ERR_RANGE},
		{"bitcoin.rpc_user", "u", ERR_FORMAT}, /* without a password */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clear();
		CHECK(offer(rows[i].name, rows[i].value) == OK);
		CHECK(settings_read(&c, &error, &s) == rows[i].err);
	}
	char text[SETTING_SIZE + 1];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	CHECK(offer("gas_key", text) == ERR_RANGE);
	CHECK(offer("no_such", "1") == ERR_NOT_FOUND);
}

static void test_explain(void)
{
	static char text[32768];
	struct buf out = buf_init(text, sizeof text);
	struct setting row;
	settings_explain(&out);
	CHECK(!out.overflow);
	(void)buf_cstr(&out);
	for (uint32_t i = 0; setting_at(&row, i); i++)
		CHECK(strstr(text, row.name) != NULL);
}

int main(void)
{
	test_table();
	test_defaults();
	test_sources();
	test_values();
	test_explain();
	return 0;
}
