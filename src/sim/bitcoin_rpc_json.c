/* How Bitcoin Core prints transactions, scripts and descriptors. */
#include "base/hex.h"
#include "btc/script.h"
#include "sim/bitcoin_chain.h"

/* ---- descriptors (BIP-380) ---- */

static const char descriptor_input[] =
	"0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
	"ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
static const char descriptor_sum[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint64_t polymod(uint64_t c, unsigned value)
{
	static const uint64_t generator[5] = {UINT64_C(0xf5dee51989), UINT64_C(0xa9fdca3312),
		UINT64_C(0x1bab10e32d), UINT64_C(0x3706b1677a), UINT64_C(0x644d626ffd)};
	const uint64_t high = c >> 35;
	c = (c & UINT64_C(0x7ffffffff)) << 5 ^ value;
	for (unsigned i = 0; i < 5; i++)
		if ((high >> i & 1) != 0)
			c ^= generator[i];
	return c;
}

void simbtc_descriptor_checksum(char sum[9], struct slice text)
{
	uint64_t c = 1;
	unsigned group = 0, members = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.ptr[i] == 0 ? NULL : strchr(descriptor_input, text.ptr[i]);
		const unsigned position = at == NULL ? 0 : (unsigned)(at - descriptor_input);
		c = polymod(c, position & 31);
		group = group * 3 + (position >> 5);
		if (++members == 3) {
			c = polymod(c, group);
			group = members = 0;
		}
	}
	if (members > 0)
		c = polymod(c, group);
	for (unsigned i = 0; i < 8; i++)
		c = polymod(c, 0);
	c ^= 1;
	for (unsigned i = 0; i < 8; i++)
		sum[i] = descriptor_sum[c >> (5 * (7 - i)) & 31];
	sum[8] = 0;
}

/* ---- scripts ---- */

enum script_kind {
	KIND_TAPROOT,
	KIND_P2WPKH,
	KIND_P2WSH,
	KIND_P2PKH,
	KIND_P2SH,
	KIND_P2PK,
	KIND_DATA,
	KIND_OTHER,
	KIND_COUNT
};

static const char *const kind_names[KIND_COUNT] = {
	[KIND_TAPROOT] = "witness_v1_taproot",
	[KIND_P2WPKH] = "witness_v0_keyhash",
	[KIND_P2WSH] = "witness_v0_scripthash",
	[KIND_P2PKH] = "pubkeyhash",
	[KIND_P2SH] = "scripthash",
	[KIND_P2PK] = "pubkey",
	[KIND_DATA] = "nulldata",
	[KIND_OTHER] = "nonstandard",
};

static enum script_kind script_kind(struct slice s)
{
	const uint8_t *p = s.ptr;
	if (s.len == 34 && p[0] == 0x51 && p[1] == 32)
		return KIND_TAPROOT;
	if (s.len == 22 && p[0] == 0 && p[1] == 20)
		return KIND_P2WPKH;
	if (s.len == 34 && p[0] == 0 && p[1] == 32)
		return KIND_P2WSH;
	if (s.len == 25 && p[0] == 0x76 && p[1] == 0xa9 && p[2] == 20 && p[24] == 0xac)
		return KIND_P2PKH;
	if (s.len == 23 && p[0] == 0xa9 && p[1] == 20 && p[22] == 0x87)
		return KIND_P2SH;
	if ((s.len == 35 && p[0] == 33) || (s.len == 67 && p[0] == 65))
		return KIND_P2PK;
	return s.len > 0 && p[0] == 0x6a ? KIND_DATA : KIND_OTHER;
}

static void hex_text(struct text *out, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		text_printf(out, "%02x", bytes.ptr[i]);
}

static void script_asm(struct text *out, struct slice s)
{
	static const struct {
		const char *before, *after;
		uint8_t skip, drop; /* bytes around the data */
	} form[KIND_COUNT] = {
		[KIND_TAPROOT] = {"1 ", "", 2, 0},
		[KIND_P2WPKH] = {"0 ", "", 2, 0},
		[KIND_P2WSH] = {"0 ", "", 2, 0},
		[KIND_P2PKH] = {"OP_DUP OP_HASH160 ", " OP_EQUALVERIFY OP_CHECKSIG", 3, 2},
		[KIND_P2SH] = {"OP_HASH160 ", " OP_EQUAL", 2, 1},
		[KIND_P2PK] = {"", " OP_CHECKSIG", 1, 1},
		[KIND_DATA] = {"OP_RETURN ", "", 2, 0},
		[KIND_OTHER] = {"", "", 0, 0},
	};
	const enum script_kind kind = script_kind(s);
	const size_t around = form[kind].skip + (size_t)form[kind].drop;
	text_printf(out, "%s", form[kind].before);
	if (s.len > around)
		hex_text(out, slice_of(s.ptr + form[kind].skip, s.len - around));
	text_printf(out, "%s", form[kind].after);
}

void simbtc_descriptor(struct text *out, const struct sim_bitcoin *b, struct slice script)
{
	char address[SIMBTC_ADDRESS_SIZE], sum[9];
	const enum script_kind kind = script_kind(script);
	const size_t start = out->len;
	if (kind == KIND_TAPROOT) {
		text_printf(out, "rawtr(");
		hex_text(out, slice_of(script.ptr + 2, 32));
	} else if (kind == KIND_P2PK) {
		text_printf(out, "pk(");
		hex_text(out, slice_of(script.ptr + 1, script.len - 2));
	} else if (b->rules->address_format(address, script) == OK) {
		text_printf(out, "addr(%s", address);
	} else {
		text_printf(out, "raw(");
		hex_text(out, script);
	}
	text_put(out, ")", 1);
	simbtc_descriptor_checksum(sum, slice_of(out->ptr + start, out->len - start));
	text_printf(out, "#%s", sum);
}

void simbtc_script_json(struct text *out, const struct sim_bitcoin *b, struct slice script)
{
	char address[SIMBTC_ADDRESS_SIZE];
	struct text part = {0};
	js_open(out, '{');
	script_asm(&part, script);
	js_set_string(out, "asm", part.ptr);
	part.len = 0;
	simbtc_descriptor(&part, b, script);
	js_set_string(out, "desc", part.ptr);
	js_set_hex(out, "hex", "", script.ptr, script.len);
	if (b->rules->address_format(address, script) == OK)
		js_set_string(out, "address", address);
	js_set_string(out, "type", kind_names[script_kind(script)]);
	js_close(out, '}');
	text_fini(&part);
}

/* ---- transactions ---- */

static void input_json(struct text *out, const struct btc_tx *tx, const struct btc_txin *in)
{
	js_open(out, '{');
	if (btc_tx_is_coinbase(tx)) {
		js_set_hex(out, "coinbase", "", in->script_sig.ptr, in->script_sig.len);
	} else {
		js_set_hash(out, "txid", &in->prev.txid);
		js_set_u64(out, "vout", in->prev.index);
		js_key(out, "scriptSig");
		js_open(out, '{');
		js_set_hex(out, "asm", "", in->script_sig.ptr, in->script_sig.len);
		js_set_hex(out, "hex", "", in->script_sig.ptr, in->script_sig.len);
		js_close(out, '}');
	}
	const uint32_t count = btc_witness_count(in->witness);
	if (count > 0) {
		js_key(out, "txinwitness");
		js_open(out, '[');
		for (uint32_t i = 0; i < count; i++) {
			const struct slice item = btc_witness_item(in->witness, i);
			js_hex(out, "", item.ptr, item.len);
		}
		js_close(out, ']');
	}
	js_set_u64(out, "sequence", in->sequence);
	js_close(out, '}');
}

void simbtc_tx_json(struct text *out, const struct sim_bitcoin *b, uint32_t index)
{
	const struct simbtc_tx *t = b->tx[index];
	js_set_hash(out, "txid", &t->txid);
	js_set_hash(out, "hash", &t->wtxid);
	if (b->rules->tx_json != NULL)
		b->rules->tx_json(out, t);
	js_set_u64(out, "version", t->tx.version);
	js_set_u64(out, "size", t->raw_len);
	js_set_u64(out, "vsize", t->vsize);
	js_set_u64(out, "weight", t->weight);
	js_set_u64(out, "locktime", t->tx.locktime);
	js_key(out, "vin");
	js_open(out, '[');
	for (uint32_t i = 0; i < t->tx.in_count; i++)
		input_json(out, &t->tx, &t->tx.in[i]);
	js_close(out, ']');
	js_key(out, "vout");
	js_open(out, '[');
	for (uint32_t i = 0; i < t->tx.out_count; i++) {
		js_open(out, '{');
		b->rules->value_json(out, t, i, "value");
		js_set_u64(out, "n", i);
		js_key(out, "scriptPubKey");
		simbtc_script_json(out, b, t->tx.out[i].script);
		js_close(out, '}');
	}
	js_close(out, ']');
}
