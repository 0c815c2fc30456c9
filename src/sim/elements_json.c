/* What elementsd answers, and Bitcoin Core does not. */
#include "base/hex.h"
#include "sim/elements_rules.h"

#define BITCOIN_REGTEST_GENESIS "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
#define SIGNERS_HASH "4ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260"
#define PARAMS_ROOT "3700bdb2975ff8e0dadaaba2b33857b0ca2610c950a92b1db725025e3647a8e1"
#define EXTRA_ROOT "b1089ab85bc0e542cff3ebe64d1932700d7e5328c3becf49dcefd800ea9ceefb"
#define PEG_PROGRAM "a91472c44f957fc011d97e3406667dca5b1c930c402687"
#define EPOCH_LENGTH 10u
#define WITNESS_LIMIT 74u

void simel_chain_json(struct text *out, const struct sim_bitcoin *b)
{
	js_set_bool(out, "trim_headers", false);
	js_set_string(out, "current_params_root", PARAMS_ROOT);
	js_set_string(out, "current_signblock_asm", "0 " SIGNERS_HASH);
	js_set_string(out, "current_signblock_hex", "0020" SIGNERS_HASH);
	js_set_u64(out, "max_block_witness", WITNESS_LIMIT);
	js_set_string(out, "current_fedpeg_program", PEG_PROGRAM);
	js_set_string(out, "current_fedpeg_script", "51");
	js_set_u64(out, "epoch_length", EPOCH_LENGTH);
	js_set_u64(out, "total_valid_epochs", 2);
	js_set_u64(out, "epoch_age", (b->chain_len - 1) % EPOCH_LENGTH);
}

void simel_header_json(struct text *out, const struct simbtc_block *block)
{
	if (block->height == 0) {
		js_set_string(out, "signblock_witness_asm", "");
		js_set_string(out, "signblock_witness_hex", "");
		js_set_string(out, "signblock_challenge", "51");
		return;
	}
	js_key(out, "signblock_witness_hex");
	js_open(out, '[');
	js_string(out, "51");
	js_close(out, ']');
	js_key(out, "dynamic_parameters");
	js_open(out, '{');
	js_key(out, "current");
	js_open(out, '{');
	js_set_string(out, "type", "compact");
	js_set_string(out, "root", PARAMS_ROOT);
	js_set_string(out, "signblockscript", "0020" SIGNERS_HASH);
	js_set_u64(out, "max_block_witness", WITNESS_LIMIT);
	js_set_string(out, "extra_root", EXTRA_ROOT);
	js_close(out, '}');
	js_key(out, "proposed");
	js_open(out, '{');
	js_set_string(out, "type", "null");
	js_close(out, '}');
	js_close(out, '}');
}

void simel_tx_json(struct text *out, const struct simbtc_tx *t)
{
	js_set_hash(out, "wtxid", &t->wtxid);
}

static void set_field(struct text *out, const char *key, struct slice bytes)
{
	js_set_hex(out, key, "", bytes.ptr, bytes.len);
}

/* A commitment of a value is called after how an explicit one is. */
void simel_value_json(struct text *out, const struct simbtc_tx *t, uint32_t vout, const char *key)
{
	const struct elements_txout *o = &simel_tx(t)->out[vout];
	const bool amount = strcmp(key, "amount") == 0;
	struct hash256 asset;
	struct sat value;
	if (elements_value_read(&value, &o->value))
		js_set_coins(out, key, value.raw);
	else
		set_field(out, amount ? "amountcommitment" : "valuecommitment",
			elements_value_bytes(&o->value));
	if (elements_asset_read(&asset, &o->asset))
		js_set_hash(out, "asset", &asset);
	else
		set_field(out, "assetcommitment", elements_asset_bytes(&o->asset));
	if (!amount)
		set_field(out, "commitmentnonce",
			elements_nonce_form(&o->nonce) == ELEMENTS_NULL
				? slice_of(NULL, 0)
				: elements_nonce_bytes(&o->nonce));
}

static void rpc_getsidechaininfo(struct simbtc_call *c)
{
	js_open(c->out, '{');
	js_set_string(c->out, "fedpegscript", "51");
	js_key(c->out, "current_fedpeg_programs");
	js_open(c->out, '[');
	js_string(c->out, PEG_PROGRAM);
	js_close(c->out, ']');
	js_key(c->out, "current_fedpegscripts");
	js_open(c->out, '[');
	js_string(c->out, "51");
	js_close(c->out, ']');
	js_set_hash(c->out, "pegged_asset", &simel_network()->policy_asset);
	js_set_string(c->out, "min_peg_diff",
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
	js_set_string(c->out, "parent_blockhash", BITCOIN_REGTEST_GENESIS);
	js_set_bool(c->out, "parent_chain_has_pow", true);
	js_set_bool(c->out, "enforce_pak", false);
	js_set_u64(c->out, "pegin_confirmation_depth", 8);
	js_close(c->out, '}');
}

/* An output of any asset, out of nothing, in the next block. */
static void rpc_mint(struct simbtc_call *c)
{
	struct simbtc_mint mint = {0};
	if (!simbtc_param_script(c, 0, mint.script, &mint.script_len) ||
		!simbtc_param_hash(c, 1, "asset", &mint.asset) ||
		!simbtc_param_coins(c, 2, 0, &mint.value))
		return;
	c->b->mint = mint;
	js_null(c->out);
}

const struct simbtc_row simel_rows[SIMEL_ROW_COUNT] = {
	{"getsidechaininfo", rpc_getsidechaininfo, 0, 0},
	{"sim_mint", rpc_mint, 3, 3},
};
