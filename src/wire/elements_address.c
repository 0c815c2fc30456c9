#include "wire/elements_address.h"
#include "base/bech32.h"
#include "btc/base58.h"

#define KEY_SIZE 33u
#define HASH_SIZE 20u
#define PROGRAM_SIZE_MAX (BTC_SCRIPT_STD_MAX - 2u)

static const struct elements_network networks[] = {
	{.name = "liquidv1",
		.plain = {.hrp = "ex", .p2pkh = 57, .p2sh = 39},
		.blech32_prefix = "lq",
		.blinded = 12,
		.genesis = {{0x03, 0x60, 0x20, 0x8a, 0x88, 0x96, 0x92, 0x37, 0x2c, 0x8d, 0x68, 0xb0,
			0x84, 0xa6, 0x2e, 0xfd, 0xf6, 0x0e, 0xa1, 0xa3, 0x59, 0xa0, 0x4c, 0x94,
			0xb2, 0x0d, 0x22, 0x36, 0x58, 0x27, 0x66, 0x14}},
		.policy_asset = {{0x6d, 0x52, 0x1c, 0x38, 0xec, 0x1e, 0xa1, 0x57, 0x34, 0xae, 0x22,
			0xb7, 0xc4, 0x60, 0x64, 0x41, 0x28, 0x29, 0xc0, 0xd0, 0x57, 0x9f, 0x0a,
			0x71, 0x3d, 0x1c, 0x04, 0xed, 0xe9, 0x79, 0x02, 0x6f}}},
	{.name = "liquidtestnet",
		.test = true,
		.plain = {.hrp = "tex", .p2pkh = 36, .p2sh = 19},
		.blech32_prefix = "tlq",
		.blinded = 23,
		.genesis = {{0xc1, 0xb1, 0x6a, 0xe2, 0x4f, 0x24, 0x23, 0xae, 0xa2, 0xea, 0x34, 0x55,
			0x22, 0x92, 0x79, 0x3b, 0x5b, 0x5e, 0x82, 0x99, 0x9a, 0x1e, 0xed, 0x81,
			0xd5, 0x6a, 0xee, 0x52, 0x8e, 0xda, 0x71, 0xa7}},
		.policy_asset = {{0x49, 0x9a, 0x81, 0x85, 0x45, 0xf6, 0xba, 0xe3, 0x9f, 0xc0, 0x3b,
			0x63, 0x7f, 0x2a, 0x4e, 0x1e, 0x64, 0xe5, 0x90, 0xca, 0xc1, 0xbc, 0x3a,
			0x6f, 0x6d, 0x71, 0xaa, 0x44, 0x43, 0x65, 0x4c, 0x14}}},
	{.name = "elementsregtest",
		.test = true,
		.plain = {.hrp = "ert", .p2pkh = 235, .p2sh = 75},
		.blech32_prefix = "el",
		.blinded = 4},
	{.name = "liquidregtest",
		.test = true,
		.plain = {.hrp = "ert", .p2pkh = 235, .p2sh = 75},
		.blech32_prefix = "el",
		.blinded = 4,
		.genesis = {{0x21, 0xca, 0xb1, 0xe5, 0xda, 0x47, 0x18, 0xea, 0x14, 0x0d, 0x97, 0x16,
			0x93, 0x17, 0x02, 0x42, 0x2f, 0x0e, 0x6a, 0xd9, 0x15, 0xc8, 0xd9, 0xb5,
			0x83, 0xca, 0xc2, 0x70, 0x6b, 0x2a, 0x90}},
		.policy_asset = {{0x25, 0xb2, 0x51, 0x07, 0x0e, 0x29, 0xca, 0x19, 0x04, 0x3c, 0xf3,
			0x3c, 0xcd, 0x73, 0x24, 0xe2, 0xdd, 0xab, 0x03, 0xec, 0xc4, 0xae, 0x0b,
			0x5e, 0x77, 0xc4, 0xfc, 0x0e, 0x5c, 0xf6, 0xc9, 0x5a}}},
};

const struct elements_network *elements_network_by_name(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(networks); i++)
		if (slice_eq(name, slice_str(networks[i].name)))
			return &networks[i];
	return NULL;
}

const struct elements_network *elements_network_of(const struct network *network)
{
	for (size_t i = 0; network->layer == LAYER_LIQUID && i < ARRAY_LEN(networks); i++)
		if (hash256_eq(&networks[i].genesis, &network->genesis))
			return &networks[i];
	return NULL;
}

static enum err set_blinding(struct elements_address *out, const uint8_t *key)
{
	memcpy(out->blinding.b, key, sizeof out->blinding.b);
	out->confidential = true;
	return pubkey_valid(&out->blinding) ? OK : ERR_FORMAT;
}

/* ---- blech32: witness version; the key and the program ---- */

#define BLECH32_TEXT_MAX (ELEMENTS_ADDRESS_TEXT_SIZE - 1u)
#define CONFIDENTIAL_PROGRAM_MAX (KEY_SIZE + PROGRAM_SIZE_MAX)
#define WITNESS_VERSION_MAX 16u

static uint64_t final_of(unsigned version)
{
	return version == 0 ? BLECH32_FINAL : BLECH32M_FINAL;
}

static enum err blech32_address(
	struct elements_address *out, bool own_network, const struct bech32 *b)
{
	uint8_t bytes[CONFIDENTIAL_PROGRAM_MAX];
	size_t len;
	if (b->final != BLECH32_FINAL && b->final != BLECH32M_FINAL)
		return ERR_CHECKSUM;
	if (b->value_len == 0 || b->value[0] > WITNESS_VERSION_MAX)
		return ERR_FORMAT;
	const unsigned version = b->value[0];
	if (b->final != final_of(version))
		return ERR_CHECKSUM;
	TRY(bech32_to_bytes(bytes, &len, sizeof bytes, b->value + 1, b->value_len - 1));
	if (len < KEY_SIZE)
		return ERR_FORMAT;
	TRY(set_blinding(out, bytes));
	const enum err err = btc_script_witness(
		out->script, &out->script_len, version, slice_of(bytes + KEY_SIZE, len - KEY_SIZE));
	return err == ERR_FORMAT || own_network ? err : ERR_NETWORK;
}

static bool looks_like_blech32(struct bech32 *b, bool *own_network, uint8_t *value,
	const struct elements_network *network, struct slice text)
{
	if (text.len > BLECH32_TEXT_MAX ||
		bech32_decode(b, value, BLECH32_TEXT_MAX, &blech32_code, text) != OK)
		return false;
	*own_network = strcmp(b->prefix, network->blech32_prefix) == 0;
	return *own_network || b->final == BLECH32_FINAL || b->final == BLECH32M_FINAL;
}

/* ---- Base58: blinded, version, key, hash ---- */

enum { AT_BLINDED = 0, AT_VERSION = 1, AT_KEY = 2, AT_HASH = AT_KEY + KEY_SIZE };
#define BASE58_SIZE (AT_HASH + HASH_SIZE)

_Static_assert(BASE58_SIZE <= BASE58_PAYLOAD_MAX, "no longer than a payload");

static enum err base58_address(struct elements_address *out, const struct elements_network *network,
	const uint8_t payload[BASE58_SIZE])
{
	if (payload[AT_BLINDED] != network->blinded)
		return ERR_NETWORK;
	TRY(set_blinding(out, payload + AT_KEY));
	if (payload[AT_VERSION] == network->plain.p2pkh) {
		btc_script_p2pkh(out->script, payload + AT_HASH);
		out->script_len = 25;
	} else if (payload[AT_VERSION] == network->plain.p2sh) {
		btc_script_p2sh(out->script, payload + AT_HASH);
		out->script_len = 23;
	} else {
		return ERR_NETWORK;
	}
	return OK;
}

/* ---- Addresses ---- */

enum err elements_address_parse(
	struct elements_address *out, const struct elements_network *network, struct slice text)
{
	struct elements_address made = {0};
	struct bech32 b;
	uint8_t value[BLECH32_TEXT_MAX];
	uint8_t payload[BASE58_SIZE];
	bool own;
	if (looks_like_blech32(&b, &own, value, network, text)) {
		TRY(blech32_address(&made, own, &b));
	} else {
		const enum err err = base58_decode(payload, sizeof payload, text);
		if (err == ERR_CHECKSUM)
			return err;
		if (err == OK)
			TRY(base58_address(&made, network, payload));
		else
			TRY(btc_address_parse_as(
				made.script, &made.script_len, &network->plain, text));
	}
	*out = made;
	return OK;
}

static void blech32_put(struct buf *out, const char *prefix, unsigned version, struct slice program,
	const struct pubkey *blinding)
{
	uint8_t bytes[CONFIDENTIAL_PROGRAM_MAX];
	uint8_t value[BLECH32_TEXT_MAX];
	memcpy(bytes, blinding->b, KEY_SIZE);
	memcpy(bytes + KEY_SIZE, program.ptr, program.len);
	value[0] = (uint8_t)version;
	const size_t len = 1 +
		bech32_from_bytes(
			value + 1, sizeof value - 1, slice_of(bytes, KEY_SIZE + program.len));
	bech32_put(out, &blech32_code, prefix, value, len, final_of(version));
}

static void confidential_base58_put(struct buf *out, const struct elements_network *network,
	uint8_t version, const uint8_t *hash, const struct pubkey *blinding)
{
	uint8_t payload[BASE58_SIZE];
	payload[AT_BLINDED] = network->blinded;
	payload[AT_VERSION] = version;
	memcpy(payload + AT_KEY, blinding->b, KEY_SIZE);
	memcpy(payload + AT_HASH, hash, HASH_SIZE);
	base58_put(out, slice_of(payload, sizeof payload));
}

void elements_destination_put(struct buf *out, const struct elements_address *a)
{
	if (a->confidential)
		buf_put(out, a->blinding.b, sizeof a->blinding.b);
	buf_put(out, a->script, a->script_len);
}

bool elements_destination_split(
	struct slice *script, struct pubkey *blinding, struct slice destination)
{
	const size_t key_len = sizeof blinding->b;
	*script = destination;
	if (destination.len <= key_len || (destination.ptr[0] & 0xfe) != 0x02)
		return false;
	memcpy(blinding->b, destination.ptr, key_len);
	*script = slice_of(destination.ptr + key_len, destination.len - key_len);
	return true;
}

enum err elements_address_format(char text[ELEMENTS_ADDRESS_TEXT_SIZE],
	const struct elements_network *network, struct slice script, const struct pubkey *blinding)
{
	struct buf out = buf_init(text, ELEMENTS_ADDRESS_TEXT_SIZE);
	struct slice program;
	unsigned version;
	if (blinding == NULL)
		return btc_address_format_as(text, &network->plain, script);
	if (!pubkey_valid(blinding))
		return ERR_FORMAT;
	const struct btc_prefixes *plain = &network->plain;
	switch (btc_script_kind(&version, &program, script)) {
	case BTC_SCRIPT_WITNESS:
		if (version == 0 && program.len != 20 && program.len != 32)
			return ERR_FORMAT;
		blech32_put(&out, network->blech32_prefix, version, program, blinding);
		break;
	case BTC_SCRIPT_P2PKH:
		confidential_base58_put(&out, network, plain->p2pkh, program.ptr, blinding);
		break;
	case BTC_SCRIPT_P2SH:
		confidential_base58_put(&out, network, plain->p2sh, program.ptr, blinding);
		break;
	case BTC_SCRIPT_OTHER: return ERR_FORMAT;
	}
	CHECK(!out.overflow);
	(void)buf_cstr(&out);
	return OK;
}
