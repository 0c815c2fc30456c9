#include "btc/script.h"
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

/* ---- Base58Check: version, 20 bytes of a hash, 4 bytes of its double SHA-256 ---- */

#define BASE58_SIZE 25u
#define BASE58_TEXT_MAX 35u /* 25 bytes have no more digits */
#define BASE58_HASH_AT 1u
#define BASE58_SUM_AT 21u

static const char base58_digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

static enum err base58_decode(uint8_t out[BASE58_SIZE], struct slice text)
{
	uint8_t b[BASE58_SIZE] = {0};
	size_t zeros = 0;
	size_t ones = 0;
	if (text.len == 0 || text.len > BASE58_TEXT_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = text.ptr[i] == 0 ? NULL
						     : strchr(base58_digits, (char)text.ptr[i]);
		if (digit == NULL)
			return ERR_FORMAT;
		unsigned carry = (unsigned)(digit - base58_digits);
		for (size_t k = BASE58_SIZE; k-- > 0;) {
			carry += 58u * b[k];
			b[k] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry != 0)
			return ERR_FORMAT;
	}
	/* one leading digit '1' for each leading zero byte: a value has one text */
	while (ones < text.len && text.ptr[ones] == '1')
		ones++;
	while (zeros < BASE58_SIZE && b[zeros] == 0)
		zeros++;
	if (ones != zeros)
		return ERR_FORMAT;
	struct hash256 sum;
	sha256d(&sum, slice_of(b, BASE58_SUM_AT));
	if (memcmp(sum.b, b + BASE58_SUM_AT, BASE58_SIZE - BASE58_SUM_AT) != 0)
		return ERR_CHECKSUM;
	memcpy(out, b, sizeof b);
	return OK;
}

static void base58_encode(struct buf *out, uint8_t version, const uint8_t hash[20])
{
	uint8_t b[BASE58_SIZE];
	char text[BASE58_TEXT_MAX];
	struct hash256 sum;
	size_t zeros = 0;
	b[0] = version;
	memcpy(b + BASE58_HASH_AT, hash, 20);
	sha256d(&sum, slice_of(b, BASE58_SUM_AT));
	memcpy(b + BASE58_SUM_AT, sum.b, BASE58_SIZE - BASE58_SUM_AT);
	while (zeros < BASE58_SIZE && b[zeros] == 0)
		zeros++;
	size_t at = sizeof text;
	for (size_t first = zeros; first < BASE58_SIZE;) {
		unsigned rest = 0;
		for (size_t i = first; i < BASE58_SIZE; i++) {
			rest = rest << 8 | b[i];
			b[i] = (uint8_t)(rest / 58u);
			rest %= 58u;
		}
		CHECK(at > 0);
		text[--at] = base58_digits[rest];
		while (first < BASE58_SIZE && b[first] == 0)
			first++;
	}
	for (; zeros > 0; zeros--)
		buf_u8(out, '1');
	buf_put(out, text + at, sizeof text - at);
}

static enum err base58_address(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct network *network, struct slice text)
{
	uint8_t b[BASE58_SIZE];
	TRY(base58_decode(b, text));
	const uint8_t *hash = b + BASE58_HASH_AT;
	struct buf out = buf_init(script, BTC_SCRIPT_STD_MAX);
	if (b[0] == network->p2pkh) {
		buf_put(&out, (const uint8_t[]){OP_DUP, OP_HASH160, OP_PUSH_20}, 3);
		buf_put(&out, hash, 20);
		buf_put(&out, (const uint8_t[]){OP_EQUALVERIFY, OP_CHECKSIG}, 2);
	} else if (b[0] == network->p2sh) {
		buf_put(&out, (const uint8_t[]){OP_HASH160, OP_PUSH_20}, 2);
		buf_put(&out, hash, 20);
		buf_u8(&out, OP_EQUAL);
	} else {
		return ERR_NETWORK;
	}
	*script_len = out.len;
	return OK;
}

/* ---- Bech32 and Bech32m ---- */

#define BECH32_TEXT_MAX 90u
#define BECH32_SUM_LEN 6u
#define BECH32_FINAL 1u
#define BECH32M_FINAL 0x2bc830a3u

_Static_assert(BTC_ADDRESS_TEXT_SIZE == BECH32_TEXT_MAX + 1u, "and a zero");

static const char bech32_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

struct bech32 {
	char hrp[BECH32_TEXT_MAX]; /* lower case */
	size_t hrp_len;
	uint8_t value[BECH32_TEXT_MAX]; /* five bits each; the check sum is cut off */
	size_t value_len;
	uint32_t final;
};

static uint32_t bech32_step(uint32_t sum, uint8_t value)
{
	static const uint32_t generator[] = {
		0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	const uint32_t top = sum >> 25;
	sum = (sum & 0x1ffffffu) << 5 ^ value;
	for (unsigned i = 0; i < ARRAY_LEN(generator); i++)
		if (top >> i & 1u)
			sum ^= generator[i];
	return sum;
}

static uint32_t bech32_sum_hrp(const char *hrp, size_t len)
{
	uint32_t sum = 1;
	for (size_t i = 0; i < len; i++)
		sum = bech32_step(sum, (uint8_t)((uint8_t)hrp[i] >> 5));
	sum = bech32_step(sum, 0);
	for (size_t i = 0; i < len; i++)
		sum = bech32_step(sum, (uint8_t)((uint8_t)hrp[i] & 31u));
	return sum;
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static char to_lower(uint8_t c)
{
	return (char)(is_upper(c) ? c + ('a' - 'A') : c);
}

/* Printable, of one case; *separator is the last '1', with a prefix before and a check sum after.
 */
static enum err bech32_shape(size_t *separator, struct slice text)
{
	bool upper = false;
	bool lower = false;
	*separator = 0;
	if (text.len > BECH32_TEXT_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 33 || text.ptr[i] > 126)
			return ERR_FORMAT;
		upper = upper || is_upper(text.ptr[i]);
		lower = lower || is_lower(text.ptr[i]);
		if (text.ptr[i] == '1')
			*separator = i;
	}
	if ((upper && lower) || *separator == 0 || text.len - *separator <= BECH32_SUM_LEN)
		return ERR_FORMAT;
	return OK;
}

/* Splits a text into prefix and values. ERR_FORMAT: it has not the shape of bech32. Whether .final
 * is one of the two constants is the caller's question. */
static enum err bech32_decode(struct bech32 *out, struct slice text)
{
	TRY(bech32_shape(&out->hrp_len, text));
	for (size_t i = 0; i < out->hrp_len; i++)
		out->hrp[i] = to_lower(text.ptr[i]);
	out->value_len = 0;
	out->final = bech32_sum_hrp(out->hrp, out->hrp_len);
	for (size_t i = out->hrp_len + 1; i < text.len; i++) {
		const char *digit = strchr(bech32_digits, to_lower(text.ptr[i]));
		if (digit == NULL)
			return ERR_FORMAT;
		out->value[out->value_len++] = (uint8_t)(digit - bech32_digits);
		out->final = bech32_step(out->final, out->value[out->value_len - 1]);
	}
	out->value_len -= BECH32_SUM_LEN;
	return OK;
}

/* BIP-173: eight bits from five; the rest of the last value is fewer than five bits, all zero. */
static enum err bech32_program(
	uint8_t program[PROGRAM_SIZE_MAX], size_t *len, const uint8_t *value, size_t value_len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	*len = 0;
	for (size_t i = 0; i < value_len; i++) {
		bits = (bits << 5 | value[i]) & 0xfffu;
		held += 5;
		if (held < 8)
			continue;
		held -= 8;
		if (*len == PROGRAM_SIZE_MAX)
			return ERR_FORMAT;
		program[(*len)++] = (uint8_t)(bits >> held);
	}
	if (held >= 5 || (bits & ((1u << held) - 1u)) != 0)
		return ERR_FORMAT;
	return *len < PROGRAM_SIZE_MIN ? ERR_FORMAT : OK;
}

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
	TRY(bech32_program(program, &len, b->value + 1, b->value_len - 1));
	if (version == 0 && len != 20 && len != 32)
		return ERR_FORMAT;
	if (!own_network)
		return ERR_NETWORK;
	if (version > 1 || (version == 1 && len != 32))
		return ERR_RANGE;
	script[0] = (uint8_t)(version == 0 ? OP_0 : OP_1 + version - 1);
	script[1] = (uint8_t)len;
	memcpy(script + 2, program, len);
	*script_len = len + 2;
	return OK;
}

static void bech32_encode(struct buf *out, const char *hrp, unsigned version, struct slice program)
{
	uint8_t value[BECH32_TEXT_MAX];
	size_t len = 0;
	uint32_t bits = 0;
	unsigned held = 0;
	CHECK(program.len <= PROGRAM_SIZE_MAX);
	value[len++] = (uint8_t)version;
	for (size_t i = 0; i < program.len; i++) {
		bits = (bits << 8 | program.ptr[i]) & 0xfffu;
		for (held += 8; held >= 5; held -= 5)
			value[len++] = (uint8_t)(bits >> (held - 5) & 31u);
	}
	if (held > 0)
		value[len++] = (uint8_t)(bits << (5 - held) & 31u);

	uint32_t sum = bech32_sum_hrp(hrp, strlen(hrp));
	buf_printf(out, "%s1", hrp);
	for (size_t i = 0; i < len; i++) {
		sum = bech32_step(sum, value[i]);
		buf_u8(out, (uint8_t)bech32_digits[value[i]]);
	}
	for (unsigned i = 0; i < BECH32_SUM_LEN; i++)
		sum = bech32_step(sum, 0);
	sum ^= version == 0 ? BECH32_FINAL : BECH32M_FINAL;
	for (unsigned i = BECH32_SUM_LEN; i-- > 0;)
		buf_u8(out, (uint8_t)bech32_digits[sum >> 5 * i & 31u]);
}

/* ---- Addresses ---- */

/* A text of bech32's shape is one where its prefix is this network's, or its check sum is right;
 * everything else is judged as Base58. */
enum err btc_address_parse(uint8_t script[BTC_SCRIPT_STD_MAX], size_t *script_len,
	const struct network *network, struct slice text)
{
	struct bech32 b;
	CHECK(network->hrp != NULL);
	if (bech32_decode(&b, text) == OK) {
		const bool own = slice_eq(slice_of(b.hrp, b.hrp_len), slice_str(network->hrp));
		if (own || b.final == BECH32_FINAL || b.final == BECH32M_FINAL)
			return bech32_address(script, script_len, own, &b);
	}
	return base58_address(script, script_len, network, text);
}

enum err btc_address_format(
	char text[BTC_ADDRESS_TEXT_SIZE], const struct network *network, struct slice script)
{
	struct buf out = buf_init(text, BTC_ADDRESS_TEXT_SIZE);
	struct slice program;
	unsigned version;
	CHECK(network->hrp != NULL);
	if (witness_program(&version, &program, script)) {
		if (version == 0 && program.len != 20 && program.len != 32)
			return ERR_FORMAT;
		bech32_encode(&out, network->hrp, version, program);
	} else if (script.len == 25 && script.ptr[0] == OP_DUP && script.ptr[1] == OP_HASH160 &&
		script.ptr[2] == OP_PUSH_20 && script.ptr[23] == OP_EQUALVERIFY &&
		script.ptr[24] == OP_CHECKSIG) {
		base58_encode(&out, network->p2pkh, script.ptr + 3);
	} else if (script.len == 23 && script.ptr[0] == OP_HASH160 && script.ptr[1] == OP_PUSH_20 &&
		script.ptr[22] == OP_EQUAL) {
		base58_encode(&out, network->p2sh, script.ptr + 2);
	} else {
		return ERR_FORMAT;
	}
	CHECK(!out.overflow);
	(void)buf_cstr(&out);
	return OK;
}

/* ---- Taproot ---- */

void btc_tapleaf_hash(struct hash256 *out, struct slice script)
{
	uint8_t head[1 + 9];
	struct buf b = buf_init(head, sizeof head);
	buf_u8(&b, BTC_LEAF_VERSION);
	btc_put_compact(&b, script.len);
	const struct slice part[2] = {buf_slice(&b), script};
	tagged_hash_parts(out, "TapLeaf", part, ARRAY_LEN(part));
}

void btc_tapbranch_hash(struct hash256 *out, const struct hash256 *a, const struct hash256 *b)
{
	const bool ordered = memcmp(a->b, b->b, sizeof a->b) < 0;
	const struct slice part[2] = {
		slice_of(ordered ? a->b : b->b, 32), slice_of(ordered ? b->b : a->b, 32)};
	tagged_hash_parts(out, "TapBranch", part, ARRAY_LEN(part));
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
