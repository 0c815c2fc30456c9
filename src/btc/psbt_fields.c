/* The tables of BIP-174, BIP-370 and BIP-371: which fields there are, and what shape they have. */
#include "btc/psbt_internal.h"
#include "btc/script.h"

#define XPUB_SIZE 78u
#define XPUB_DEPTH_AT 4u
#define PATH_STEP 4u
#define FINGERPRINT_SIZE 4u
#define ECDSA_SIG_MIN 9u /* the shortest DER, and the hash type */
#define ECDSA_SIG_MAX 73u
#define LOCKTIME_THRESHOLD 500000000u /* below: a height; BIP-65 */
#define LEAF_PARITY_BIT 0x01u

/* ---- keys ---- */

static bool key_none(struct slice key)
{
	return key.len == 0;
}

static bool key_xpub(struct slice key)
{
	return key.len == XPUB_SIZE;
}

/* A compressed key, or an uncompressed one, as old wallets have them. */
static bool key_pubkey(struct slice key)
{
	struct pubkey compressed;
	if (key.len == 65)
		return key.ptr[0] == 0x04;
	if (key.len != sizeof compressed.b)
		return false;
	memcpy(compressed.b, key.ptr, sizeof compressed.b);
	return pubkey_valid(&compressed);
}

static bool key_20(struct slice key)
{
	return key.len == 20;
}

static bool key_32(struct slice key)
{
	return key.len == 32;
}

static bool key_64(struct slice key) /* x-only key and leaf hash */
{
	return key.len == 64;
}

static bool key_control(struct slice key)
{
	return key.len >= BTC_CONTROL_BASE &&
		(key.len - BTC_CONTROL_BASE) % BTC_CONTROL_STEP == 0 &&
		key.len <= BTC_CONTROL_BASE + BTC_CONTROL_STEP * BTC_CONTROL_DEPTH_MAX;
}

/* A compact length, an identifier of that many bytes, a compact sub-type, anything. */
static bool key_proprietary(struct slice key)
{
	struct reader r = reader_init(key);
	const uint64_t len = btc_get_compact(&r);
	if (r.failed || len > r.left)
		return false;
	(void)reader_take(&r, (size_t)len);
	const uint64_t subtype = btc_get_compact(&r);
	(void)subtype;
	return !r.failed;
}

/* ---- values ---- */

#define VALUE(name) static bool name(struct slice key, struct slice value)

VALUE(value_any)
{
	(void)key;
	(void)value;
	return true;
}

static bool is_path(struct slice path)
{
	return path.len >= FINGERPRINT_SIZE && (path.len - FINGERPRINT_SIZE) % PATH_STEP == 0;
}

VALUE(value_path)
{
	(void)key;
	return is_path(value);
}

/* As many steps as the key is deep. */
VALUE(value_xpub_path)
{
	return is_path(value) &&
		(value.len - FINGERPRINT_SIZE) / PATH_STEP == key.ptr[XPUB_DEPTH_AT];
}

VALUE(value_compact)
{
	struct reader r = reader_init(value);
	(void)key;
	const uint64_t count = btc_get_compact(&r);
	return reader_finish(&r) == OK && count <= UINT32_MAX;
}

VALUE(value_tx)
{
	struct hash256 txid;
	struct btc_txout out;
	(void)key;
	return psbt_walk_tx(&txid, &out, value, 0) == OK;
}

VALUE(value_txout)
{
	struct btc_cursor c;
	struct slice script;
	(void)key;
	btc_cursor_init(&c, value);
	const uint8_t *amount = btc_take(&c, 8);
	return amount != NULL && load_le64(amount) <= SAT_MAX_RAW &&
		btc_take_bytes(&c, &script) == OK && c.r.left == 0;
}

VALUE(value_stack)
{
	struct btc_cursor c;
	struct slice stack;
	(void)key;
	btc_cursor_init(&c, value);
	return btc_take_stack(&c, &stack) == OK && c.r.left == 0;
}

VALUE(value_ecdsa)
{
	(void)key;
	return value.len >= ECDSA_SIG_MIN && value.len <= ECDSA_SIG_MAX;
}

VALUE(value_schnorr)
{
	(void)key;
	return value.len == 64 || value.len == 65;
}

VALUE(value_time)
{
	(void)key;
	return load_le32(value.ptr) >= LOCKTIME_THRESHOLD;
}

VALUE(value_height)
{
	(void)key;
	return load_le32(value.ptr) > 0 && load_le32(value.ptr) < LOCKTIME_THRESHOLD;
}

/* The preimage of the hash that the key names. */
VALUE(value_sha256)
{
	struct hash256 h;
	sha256(&h, value);
	return memcmp(h.b, key.ptr, sizeof h.b) == 0;
}

VALUE(value_hash256)
{
	struct hash256 h;
	sha256d(&h, value);
	return memcmp(h.b, key.ptr, sizeof h.b) == 0;
}

VALUE(value_hash160)
{
	uint8_t h[20];
	hash160(h, value);
	return memcmp(h, key.ptr, sizeof h) == 0;
}

/* A script and its leaf version, which the control block names, too. */
VALUE(value_leaf)
{
	return value.len >= 1 &&
		(key.ptr[0] & (uint8_t)~LEAF_PARITY_BIT) == value.ptr[value.len - 1];
}

/* Leaf hashes, then a path. */
VALUE(value_tap_path)
{
	struct reader r = reader_init(value);
	(void)key;
	const uint64_t count = btc_get_compact(&r);
	if (r.failed || count > r.left / 32)
		return false;
	(void)reader_take(&r, (size_t)count * 32);
	return is_path(slice_of(r.ptr, r.left));
}

/* Leaves in depth-first order: depth, version, script. They fill a tree when the last one closes
 * every branch that is open: branch holds one bit for each level that has its left half. */
VALUE(value_tap_tree)
{
	struct btc_cursor c;
	uint8_t left[BTC_CONTROL_DEPTH_MAX + 1] = {0};
	unsigned depth = 0; /* of the node that is to come */
	bool whole = false;
	(void)key;
	btc_cursor_init(&c, value);
	while (c.r.left > 0) {
		const uint8_t *head = btc_take(&c, 2);
		struct slice script;
		if (head == NULL || btc_take_bytes(&c, &script) != OK || whole)
			return false;
		if (head[0] > BTC_CONTROL_DEPTH_MAX || head[0] < depth ||
			(head[1] & LEAF_PARITY_BIT) != 0)
			return false;
		depth = head[0];
		while (depth > 0 && left[depth] != 0)
			left[depth--] = 0;
		left[depth] = 1;
		whole = depth == 0;
	}
	return whole;
}

/* ---- the tables ---- */

static const struct psbt_field global_fields[] = {
	{PSBT_GLOBAL_UNSIGNED_TX, PSBT_FIXED | PSBT_ONLY_V0 | PSBT_REQUIRED, key_none, value_any,
		0},
	{PSBT_GLOBAL_XPUB, PSBT_FACT, key_xpub, value_xpub_path, 0},
	{PSBT_GLOBAL_TX_VERSION, PSBT_FIXED | PSBT_ONLY_V2 | PSBT_REQUIRED, key_none, value_any, 4},
	{PSBT_GLOBAL_FALLBACK_LOCKTIME, PSBT_FACT | PSBT_ONLY_V2, key_none, value_any, 4},
	{PSBT_GLOBAL_INPUT_COUNT, PSBT_FIXED | PSBT_ONLY_V2 | PSBT_REQUIRED, key_none,
		value_compact, 0},
	{PSBT_GLOBAL_OUTPUT_COUNT, PSBT_FIXED | PSBT_ONLY_V2 | PSBT_REQUIRED, key_none,
		value_compact, 0},
	{PSBT_GLOBAL_TX_MODIFIABLE, PSBT_ONLY_V2, key_none, value_any, 1},
	{PSBT_GLOBAL_VERSION, PSBT_FIXED, key_none, value_any, 4},
	{PSBT_PROPRIETARY, 0, key_proprietary, value_any, 0},
};

#define UTXO (PSBT_FACT | PSBT_OUTLIVES)
#define OF_TX (PSBT_FIXED | PSBT_OUTLIVES | PSBT_ONLY_V2 | PSBT_REQUIRED)
#define OF_INPUT (PSBT_FACT | PSBT_OUTLIVES | PSBT_ONLY_V2)
static const struct psbt_field in_fields[] = {
	{PSBT_IN_NON_WITNESS_UTXO, UTXO, key_none, value_tx, 0},
	{PSBT_IN_WITNESS_UTXO, UTXO, key_none, value_txout, 0},
	{PSBT_IN_PARTIAL_SIG, 0, key_pubkey, value_ecdsa, 0},
	{PSBT_IN_SIGHASH_TYPE, PSBT_FACT, key_none, value_any, 4},
	{PSBT_IN_REDEEM_SCRIPT, PSBT_FACT, key_none, value_any, 0},
	{PSBT_IN_WITNESS_SCRIPT, PSBT_FACT, key_none, value_any, 0},
	{PSBT_IN_BIP32_DERIVATION, PSBT_FACT, key_pubkey, value_path, 0},
	{PSBT_IN_FINAL_SCRIPTSIG, PSBT_OUTLIVES, key_none, value_any, 0},
	{PSBT_IN_FINAL_SCRIPTWITNESS, PSBT_OUTLIVES, key_none, value_stack, 0},
	{PSBT_IN_POR_COMMITMENT, 0, key_none, value_any, 0},
	{PSBT_IN_RIPEMD160, 0, key_20, value_any, 0},
	{PSBT_IN_SHA256, 0, key_32, value_sha256, 0},
	{PSBT_IN_HASH160, 0, key_20, value_hash160, 0},
	{PSBT_IN_HASH256, 0, key_32, value_hash256, 0},
	{PSBT_IN_PREVIOUS_TXID, OF_TX, key_none, value_any, 32},
	{PSBT_IN_OUTPUT_INDEX, OF_TX, key_none, value_any, 4},
	{PSBT_IN_SEQUENCE, OF_INPUT, key_none, value_any, 4},
	{PSBT_IN_REQUIRED_TIME_LOCKTIME, OF_INPUT, key_none, value_time, 4},
	{PSBT_IN_REQUIRED_HEIGHT_LOCKTIME, OF_INPUT, key_none, value_height, 4},
	{PSBT_IN_TAP_KEY_SIG, 0, key_none, value_schnorr, 0},
	{PSBT_IN_TAP_SCRIPT_SIG, 0, key_64, value_schnorr, 0},
	{PSBT_IN_TAP_LEAF_SCRIPT, PSBT_FACT, key_control, value_leaf, 0},
	{PSBT_IN_TAP_BIP32_DERIVATION, PSBT_FACT, key_32, value_tap_path, 0},
	{PSBT_IN_TAP_INTERNAL_KEY, PSBT_FACT, key_none, value_any, 32},
	{PSBT_IN_TAP_MERKLE_ROOT, PSBT_FACT, key_none, value_any, 32},
	{PSBT_PROPRIETARY, PSBT_OUTLIVES, key_proprietary, value_any, 0},
};

#define OF_OUTPUT (PSBT_FIXED | PSBT_ONLY_V2 | PSBT_REQUIRED)
static const struct psbt_field out_fields[] = {
	{PSBT_OUT_REDEEM_SCRIPT, PSBT_FACT, key_none, value_any, 0},
	{PSBT_OUT_WITNESS_SCRIPT, PSBT_FACT, key_none, value_any, 0},
	{PSBT_OUT_BIP32_DERIVATION, PSBT_FACT, key_pubkey, value_path, 0},
	{PSBT_OUT_AMOUNT, OF_OUTPUT, key_none, value_any, 8},
	{PSBT_OUT_SCRIPT, OF_OUTPUT, key_none, value_any, 0},
	{PSBT_OUT_TAP_INTERNAL_KEY, PSBT_FACT, key_none, value_any, 32},
	{PSBT_OUT_TAP_TREE, PSBT_FACT, key_none, value_tap_tree, 0},
	{PSBT_OUT_TAP_BIP32_DERIVATION, PSBT_FACT, key_32, value_tap_path, 0},
	{PSBT_PROPRIETARY, 0, key_proprietary, value_any, 0},
};

const struct psbt_field *psbt_fields(size_t *count, enum psbt_part part)
{
	static const struct {
		const struct psbt_field *row;
		size_t count;
	} of[] = {
		[PSBT_GLOBAL] = {global_fields, ARRAY_LEN(global_fields)},
		[PSBT_INPUT] = {in_fields, ARRAY_LEN(in_fields)},
		[PSBT_OUTPUT] = {out_fields, ARRAY_LEN(out_fields)},
	};
	*count = of[part].count;
	return of[part].row;
}

const struct psbt_field *psbt_field_of(enum psbt_part part, uint64_t type)
{
	size_t count;
	const struct psbt_field *row = psbt_fields(&count, part);
	for (size_t i = 0; i < count; i++)
		if (row[i].type == type)
			return &row[i];
	return NULL;
}

enum err psbt_field_check(
	enum psbt_version version, enum psbt_part part, const struct psbt_pair *pair)
{
	const struct psbt_field *f = psbt_field_of(part, pair->type);
	if (f == NULL)
		return OK;
	/* with another key than the field has, it is one that version 0 does not know (BIP-174 has
	 * such vectors, older than the fields of version 2) */
	if (psbt_excluded(f, version))
		return f->key_ok(pair->key) ? ERR_FORMAT : OK;
	const bool sized = f->value_len == 0 || pair->value.len == f->value_len;
	return f->key_ok(pair->key) && sized && f->value_ok(pair->key, pair->value) ? OK
										    : ERR_FORMAT;
}
