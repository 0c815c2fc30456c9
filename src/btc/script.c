#include "btc/script.h"
#include "base/bech32.h"
#include "btc/base58.h"
#include "btc/tx.h"
#include "crypto/hash.h"

enum {
	OP_0 = 0x00,
	OP_PUSH_20 = 0x14,
	OP_PUSH_32 = 0x20,
	OP_1 = 0x51,
	OP_16 = 0x60,
	OP_RETURN = 0x6a,
	OP_DUP = 0x76,
	OP_EQUAL = 0x87,
	OP_EQUALVERIFY = 0x88,
	OP_HASH160 = 0xa9,
	OP_CHECKSIG = 0xac,
};

#define PROGRAM_SIZE_MIN 2u
#define PROGRAM_SIZE_MAX 40u
#define WITNESS_VERSION_MAX 16u
#define SCRIPT_SIZE_MAX 10000u /* consensus: longer ones can't be spent */

_Static_assert(BTC_SCRIPT_STD_MAX == PROGRAM_SIZE_MAX + 2u, "the longest witness program");

void btc_script_p2tr(uint8_t script[34], const struct xonly *output_key)
{
	script[0] = OP_1;
	script[1] = OP_PUSH_32;
	memcpy(script + 2, output_key->b, 32);
}

void btc_script_p2pkh(uint8_t script[25], const uint8_t hash[20])
{
	static const uint8_t head[] = {OP_DUP, OP_HASH160, OP_PUSH_20};
	memcpy(script, head, sizeof head);
	memcpy(script + 3, hash, 20);
	script[23] = OP_EQUALVERIFY;
	script[24] = OP_CHECKSIG;
}

void btc_script_p2sh(uint8_t script[23], const uint8_t hash[20])
{
	script[0] = OP_HASH160;
	script[1] = OP_PUSH_20;
	memcpy(script + 2, hash, 20);
	script[22] = OP_EQUAL;
}

enum err btc_script_witness(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	unsigned version, struct slice program)
{
	if (version > WITNESS_VERSION_MAX || program.len < PROGRAM_SIZE_MIN ||
		program.len > PROGRAM_SIZE_MAX)
		return ERR_FORMAT;
	if (version == 0 && program.len != 20 && program.len != 32)
		return ERR_FORMAT;
	if (version > 1 || (version == 1 && program.len != 32))
		return ERR_RANGE;
	script[0] = (uint8_t)(version == 0 ? OP_0 : OP_1 + version - 1);
	script[1] = (uint8_t)program.len;
	memcpy(script + 2, program.ptr, program.len);
	*script_len = program.len + 2;
	return OK;
}

/* BIP-141: a version opcode and one push of 2 to 40 bytes, nothing else. */
static bool witness_program(unsigned *version, struct slice *program, struct slice script)
{
	if (script.len < PROGRAM_SIZE_MIN + 2 || script.len > PROGRAM_SIZE_MAX + 2 ||
		script.ptr[1] != script.len - 2)
		return false;
	if (script.ptr[0] != OP_0 && (script.ptr[0] < OP_1 || script.ptr[0] > OP_16))
		return false;
	*version = script.ptr[0] == OP_0 ? 0 : script.ptr[0] - (OP_1 - 1u);
	*program = slice_of(script.ptr + 2, script.len - 2);
	return true;
}

enum btc_script_kind btc_script_kind(unsigned *version, struct slice *program, struct slice script)
{
	const uint8_t *s = script.ptr;
	if (witness_program(version, program, script))
		return BTC_SCRIPT_WITNESS;
	*version = 0;
	if (script.len == 25 && s[0] == OP_DUP && s[1] == OP_HASH160 && s[2] == OP_PUSH_20 &&
		s[23] == OP_EQUALVERIFY && s[24] == OP_CHECKSIG) {
		*program = slice_of(s + 3, 20);
		return BTC_SCRIPT_P2PKH;
	}
	if (script.len == 23 && s[0] == OP_HASH160 && s[1] == OP_PUSH_20 && s[22] == OP_EQUAL) {
		*program = slice_of(s + 2, 20);
		return BTC_SCRIPT_P2SH;
	}
	*program = slice_of(NULL, 0);
	return BTC_SCRIPT_OTHER;
}

/* ---- Base58: version, and the hash of a key or of a script ---- */

#define BASE58_HASH_AT 1u
#define BASE58_SIZE 21u

static void base58_encode(struct buf *out, uint8_t version, const uint8_t hash[20])
{
	uint8_t payload[BASE58_SIZE];
	payload[0] = version;
	memcpy(payload + BASE58_HASH_AT, hash, 20);
	base58_put(out, slice_of(payload, sizeof payload));
}

static enum err base58_address(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct btc_prefixes *own, struct slice text)
{
	uint8_t b[BASE58_SIZE];
	TRY(base58_decode(b, sizeof b, text));
	const uint8_t *hash = b + BASE58_HASH_AT;
	if (b[0] == own->p2pkh) {
		btc_script_p2pkh(script, hash);
		*script_len = 25;
	} else if (b[0] == own->p2sh) {
		btc_script_p2sh(script, hash);
		*script_len = 23;
	} else {
		return ERR_NETWORK;
	}
	return OK;
}

/* ---- Bech32 and Bech32m ---- */

#define BECH32_TEXT_MAX 90u

_Static_assert(BTC_ADDRESS_TEXT_SIZE == BECH32_TEXT_MAX + 1u, "and a zero");

static enum err bech32_address(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	bool own_network, const struct bech32 *b)
{
	uint8_t program[PROGRAM_SIZE_MAX];
	size_t len;
	if (b->final != BECH32_FINAL && b->final != BECH32M_FINAL)
		return ERR_CHECKSUM;
	if (b->value_len == 0 || b->value[0] > WITNESS_VERSION_MAX)
		return ERR_FORMAT;
	const unsigned version = b->value[0];
	if (b->final != (version == 0 ? BECH32_FINAL : BECH32M_FINAL))
		return ERR_CHECKSUM;
	TRY(bech32_to_bytes(program, &len, sizeof program, b->value + 1, b->value_len - 1));
	if (own_network)
		return btc_script_witness(script, script_len, version, slice_of(program, len));
	return len < PROGRAM_SIZE_MIN || (version == 0 && len != 20 && len != 32) ? ERR_FORMAT
										  : ERR_NETWORK;
}

static void bech32_encode(struct buf *out, const char *hrp, unsigned version, struct slice program)
{
	uint8_t value[BECH32_TEXT_MAX];
	value[0] = (uint8_t)version;
	const size_t len = 1 + bech32_from_bytes(value + 1, sizeof value - 1, program);
	bech32_put(out, &bech32_code, hrp, value, len, version == 0 ? BECH32_FINAL : BECH32M_FINAL);
}

/* ---- Addresses ---- */

/* A text of bech32's shape is one where its prefix is this network's, or its check sum is right;
 * everything else is judged as Base58. */
enum err btc_address_parse_as(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct btc_prefixes *prefixes, struct slice text)
{
	struct bech32 b;
	uint8_t value[BECH32_TEXT_MAX];
	if (text.len <= BECH32_TEXT_MAX &&
		bech32_decode(&b, value, sizeof value, &bech32_code, text) == OK) {
		const bool own = strcmp(b.prefix, prefixes->hrp) == 0;
		if (own || b.final == BECH32_FINAL || b.final == BECH32M_FINAL)
			return bech32_address(script, script_len, own, &b);
	}
	return base58_address(script, script_len, prefixes, text);
}

static struct btc_prefixes prefixes_of(const struct network *network)
{
	CHECK(network->hrp != NULL);
	return (struct btc_prefixes){network->hrp, network->p2pkh, network->p2sh};
}

enum err btc_address_parse(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct network *network, struct slice text)
{
	const struct btc_prefixes prefixes = prefixes_of(network);
	return btc_address_parse_as(script, script_len, &prefixes, text);
}

enum err btc_address_format(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct network *network, struct slice script)
{
	const struct btc_prefixes prefixes = prefixes_of(network);
	return btc_address_format_as(text, &prefixes, script);
}

enum err btc_address_format_as(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct btc_prefixes *prefixes, struct slice script)
{
	struct buf out = buf_init(text, BTC_ADDRESS_TEXT_SIZE);
	struct slice program;
	unsigned version;
	switch (btc_script_kind(&version, &program, script)) {
	case BTC_SCRIPT_WITNESS:
		if (version == 0 && program.len != 20 && program.len != 32)
			return ERR_FORMAT;
		bech32_encode(&out, prefixes->hrp, version, program);
		break;
	case BTC_SCRIPT_P2PKH: base58_encode(&out, prefixes->p2pkh, program.ptr); break;
	case BTC_SCRIPT_P2SH: base58_encode(&out, prefixes->p2sh, program.ptr); break;
	case BTC_SCRIPT_OTHER: return ERR_FORMAT;
	}
	CHECK(!out.overflow);
	(void)buf_cstr(&out);
	return OK;
}

/* ---- Taproot ---- */

const struct btc_taproot btc_taproot = {
	.leaf_tag = "TapLeaf",
	.branch_tag = "TapBranch",
	.tweak_tag = "TapTweak",
	.sighash_tag = "TapSighash",
	.leaf_version = BTC_LEAF_VERSION,
};

static void leaf_hash(struct hash256 *out, const char *tag, uint8_t version, struct slice script)
{
	uint8_t head[1 + BTC_COMPACT_SIZE_MAX];
	struct buf b = buf_init(head, sizeof head);
	buf_u8(&b, version);
	btc_put_compact(&b, script.len);
	const struct slice part[2] = {buf_slice(&b), script};
	tagged_hash_parts(out, tag, part, ARRAY_LEN(part));
}

void btc_tapleaf_hash(struct hash256 *out, const struct btc_taproot *rules, struct slice script)
{
	leaf_hash(out, rules->leaf_tag, rules->leaf_version, script);
}

void btc_tapbranch_hash(struct hash256 *out, const struct btc_taproot *rules,
	const struct hash256 *a, const struct hash256 *b)
{
	const bool ordered = memcmp(a->b, b->b, sizeof a->b) < 0;
	const struct slice part[2] = {
		slice_of(ordered ? a->b : b->b, 32), slice_of(ordered ? b->b : a->b, 32)};
	tagged_hash_parts(out, rules->branch_tag, part, ARRAY_LEN(part));
}

#define PARITY_BIT 0x01u /* of the output's key, in a control block's first byte */

enum err btc_control_check(struct hash256 *leaf, const struct btc_taproot *rules,
	const struct xonly *output, struct slice script, struct slice control)
{
	struct hash256 made, node;
	struct xonly internal, key;
	bool odd;
	if (control.len < BTC_CONTROL_BASE ||
		(control.len - BTC_CONTROL_BASE) % BTC_CONTROL_STEP != 0 ||
		control.len > BTC_CONTROL_BASE + BTC_CONTROL_STEP * BTC_CONTROL_DEPTH_MAX)
		return ERR_FORMAT;
	const uint8_t version = control.ptr[0] & (uint8_t)~PARITY_BIT;
	leaf_hash(&made, rules->leaf_tag, version, script);
	node = made;
	for (size_t at = BTC_CONTROL_BASE; at < control.len; at += BTC_CONTROL_STEP) {
		struct hash256 sibling;
		memcpy(sibling.b, control.ptr + at, sizeof sibling.b);
		btc_tapbranch_hash(&node, rules, &node, &sibling);
	}
	memcpy(internal.b, control.ptr + 1, sizeof internal.b);
	if (taproot_output_key_tagged(&key, &odd, &internal, &node, rules->tweak_tag) != OK ||
		memcmp(key.b, output->b, sizeof key.b) != 0 ||
		odd != ((control.ptr[0] & PARITY_BIT) != 0))
		return ERR_CHECKSUM;
	if (version != rules->leaf_version)
		return ERR_RANGE;
	*leaf = made;
	return OK;
}

/* ---- Dust ---- */

/* Bitcoin Core's GetDustThreshold: an output is dust where spending it costs more than it is worth.
 * Size of the output, and of an input that spends it (a quarter of its witness). */
#define DUST_SAT_PER_BYTE 3u
#define SPEND_LEGACY_SIZE (32u + 4u + 1u + 107u + 4u)
#define SPEND_WITNESS_SIZE (32u + 4u + 1u + 107u / 4u + 4u)

struct sat btc_dust_limit(struct slice script)
{
	unsigned version;
	struct slice program;
	uint8_t length[9];
	struct buf b = buf_init(length, sizeof length);
	if (script.len > SCRIPT_SIZE_MAX || (script.len > 0 && script.ptr[0] == OP_RETURN))
		return (struct sat){0};
	btc_put_compact(&b, script.len);
	const uint64_t size = 8 + b.len + script.len;
	const uint64_t spend = witness_program(&version, &program, script) ? SPEND_WITNESS_SIZE
									   : SPEND_LEGACY_SIZE;
	return (struct sat){(size + spend) * DUST_SAT_PER_BYTE};
}
