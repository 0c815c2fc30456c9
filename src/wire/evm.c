#include "wire/evm.h"

#include <stdio.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/evm_internal.h"

/* Items of a legacy transaction; unsigned ones end with chain id and two empty strings. */
enum { TX_NONCE, TX_GAS_PRICE, TX_GAS_LIMIT, TX_TO, TX_VALUE, TX_DATA, TX_V, TX_R, TX_S, TX_ITEMS };

#define V_BASE 35u /* EIP-155: v = V_BASE + 2 * chain_id + recovery id */

/* Networks whose addresses carry the check sum of EIP-1191. */
static const uint64_t eip1191_chains[] = {30, 31, 33};

/* ---- addresses ---- */

enum err evm_address_from_pubkey(struct evm_address *out, const struct pubkey *key)
{
	uint8_t full[65];
	struct hash256 h;
	TRY(pubkey_uncompressed(full, key));
	keccak256(&h, slice_of(full + 1, 64));
	memcpy(out->b, h.b + 12, sizeof out->b);
	return OK;
}

static bool is_eip1191(uint64_t chain_id)
{
	for (size_t i = 0; i < ARRAY_LEN(eip1191_chains); i++)
		if (eip1191_chains[i] == chain_id)
			return true;
	return false;
}

/* The check-summed text; prefix is the decimal chain id and "0x" (EIP-1191), or "" (EIP-55). */
static void format_with(
	char text[EVM_ADDRESS_TEXT_SIZE], const struct evm_address *a, const char *prefix)
{
	uint8_t storage[64];
	struct buf in = buf_init(storage, sizeof storage);
	struct hash256 h;
	text[0] = '0';
	text[1] = 'x';
	hex_encode(text + 2, a->b, sizeof a->b);
	buf_put(&in, prefix, strlen(prefix));
	buf_put(&in, text + 2, 2 * sizeof a->b);
	CHECK(!in.overflow);
	keccak256(&h, buf_slice(&in));
	for (size_t i = 0; i < 2 * sizeof a->b; i++) {
		const unsigned nibble = i % 2 == 0 ? h.b[i / 2] >> 4 : h.b[i / 2] & 15u;
		if (text[2 + i] >= 'a' && nibble >= 8)
			text[2 + i] = (char)(text[2 + i] - 'a' + 'A');
	}
}

void evm_address_format(
	char text[EVM_ADDRESS_TEXT_SIZE], const struct evm_address *a, uint64_t chain_id)
{
	char prefix[24] = "";
	if (is_eip1191(chain_id))
		(void)snprintf(prefix, sizeof prefix, "%llu0x", (unsigned long long)chain_id);
	format_with(text, a, prefix);
}

static bool formats_as(struct slice text, const struct evm_address *a, uint64_t chain_id)
{
	char want[EVM_ADDRESS_TEXT_SIZE];
	evm_address_format(want, a, chain_id);
	return slice_eq(text, slice_str(want));
}

enum err evm_address_parse(struct evm_address *out, uint64_t chain_id, struct slice text)
{
	static const struct evm_address zero;
	struct evm_address a;
	bool lower = false, upper = false;
	if (text.len != 2 + 2 * sizeof a.b || text.ptr[0] != '0' || text.ptr[1] != 'x')
		return ERR_FORMAT;
	if (hex_decode(a.b, sizeof a.b, slice_of(text.ptr + 2, text.len - 2)) != OK)
		return ERR_FORMAT;
	if (evm_address_eq(&a, &zero))
		return ERR_RANGE;
	for (size_t i = 2; i < text.len; i++) {
		lower |= text.ptr[i] >= 'a';
		upper |= text.ptr[i] >= 'A' && text.ptr[i] <= 'F';
	}
	if (lower && upper && !formats_as(text, &a, chain_id)) {
		bool other = formats_as(text, &a, 0);
		for (size_t i = 0; i < ARRAY_LEN(eip1191_chains); i++)
			other |= formats_as(text, &a, eip1191_chains[i]);
		return other ? ERR_NETWORK : ERR_CHECKSUM;
	}
	*out = a;
	return OK;
}

void evm_create_address(struct evm_address *out, const struct evm_address *sender, uint64_t nonce)
{
	uint8_t storage[64], number[16];
	struct buf list = buf_init(storage, sizeof storage);
	struct buf encoded = buf_init(number, sizeof number);
	const struct slice from = slice_of(sender->b, sizeof sender->b);
	struct hash256 h;
	rlp_put_u64(&encoded, nonce);
	rlp_put_list_header(&list, rlp_bytes_len(from) + encoded.len);
	rlp_put_bytes(&list, from);
	buf_put(&list, encoded.ptr, encoded.len);
	CHECK(!list.overflow);
	keccak256(&h, buf_slice(&list));
	memcpy(out->b, h.b + 12, sizeof out->b);
}

/* ---- transactions: writing ---- */

/* The items as byte strings; numbers are in storage, the rest borrows. */
struct tx_items {
	uint8_t number[TX_ITEMS][32];
	struct slice item[TX_ITEMS];
};

struct slice evm_without_zeros(const uint8_t *b, size_t len)
{
	while (len > 0 && *b == 0) {
		b++;
		len--;
	}
	return slice_of(b, len);
}

static void set_u64(struct tx_items *t, size_t i, uint64_t v)
{
	store_be64(t->number[i], v);
	t->item[i] = evm_without_zeros(t->number[i], 8);
}

static void set_amount(struct tx_items *t, size_t i, struct amount a)
{
	amount_store_word(t->number[i], a);
	t->item[i] = evm_without_zeros(t->number[i], 32);
}

static void set_common(struct tx_items *t, const struct evm_tx *tx)
{
	CHECK(tx->chain_id >= 1 && tx->chain_id <= EVM_CHAIN_ID_MAX);
	set_u64(t, TX_NONCE, tx->nonce);
	set_amount(t, TX_GAS_PRICE, tx->gas_price);
	set_u64(t, TX_GAS_LIMIT, tx->gas_limit);
	t->item[TX_TO] = slice_of(tx->to.b, tx->create ? 0 : sizeof tx->to.b);
	set_amount(t, TX_VALUE, tx->value);
	t->item[TX_DATA] = tx->data;
}

static void put_items(struct buf *out, const struct tx_items *t)
{
	size_t len = 0;
	for (size_t i = 0; i < TX_ITEMS; i++)
		len += rlp_bytes_len(t->item[i]);
	rlp_put_list_header(out, len);
	for (size_t i = 0; i < TX_ITEMS; i++)
		rlp_put_bytes(out, t->item[i]);
}

void evm_tx_put_unsigned(struct buf *out, const struct evm_tx *tx)
{
	struct tx_items t;
	if (tx->type != EVM_TYPE_LEGACY) {
		evm_typed_put_unsigned(out, tx);
		return;
	}
	set_common(&t, tx);
	set_u64(&t, TX_V, tx->chain_id);
	set_u64(&t, TX_R, 0);
	set_u64(&t, TX_S, 0);
	put_items(out, &t);
}

void evm_tx_put_signed(
	struct buf *out, const struct evm_tx *tx, const uint8_t sig[64], int recovery_id)
{
	struct tx_items t;
	if (tx->type != EVM_TYPE_LEGACY) {
		evm_typed_put_signed(out, tx, sig, recovery_id);
		return;
	}
	CHECK(recovery_id == 0 || recovery_id == 1);
	set_common(&t, tx);
	set_u64(&t, TX_V, V_BASE + 2 * tx->chain_id + (unsigned)recovery_id);
	t.item[TX_R] = evm_without_zeros(sig, 32);
	t.item[TX_S] = evm_without_zeros(sig + 32, 32);
	put_items(out, &t);
}

/* ---- transactions: reading ---- */

enum err evm_get_amount(struct amount *out, enum asset asset, const struct rlp_item *item)
{
	uint8_t word[32] = {0};
	if (item->is_list || (item->payload.len > 0 && item->payload.ptr[0] == 0))
		return ERR_FORMAT;
	if (item->payload.len > sizeof word)
		return ERR_RANGE;
	if (item->payload.len > 0)
		memcpy(word + sizeof word - item->payload.len, item->payload.ptr,
			item->payload.len);
	return amount_load_word(out, asset, word);
}

/* One list of exactly TX_ITEMS items that are no lists, and nothing after it. */
static enum err split(struct rlp_item item[TX_ITEMS], struct slice in)
{
	struct rlp_item list;
	TRY(rlp_next(&list, &in));
	if (!list.is_list || in.len != 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < TX_ITEMS; i++)
		if (rlp_next(&item[i], &list.payload) != OK || item[i].is_list)
			return ERR_FORMAT;
	return list.payload.len == 0 ? OK : ERR_FORMAT;
}

static enum err get_common(
	struct evm_tx *out, enum asset asset, const struct rlp_item item[TX_ITEMS])
{
	out->priority_fee = amount_zero(asset);
	TRY(rlp_get_u64(&out->nonce, &item[TX_NONCE]));
	TRY(evm_get_amount(&out->gas_price, asset, &item[TX_GAS_PRICE]));
	TRY(rlp_get_u64(&out->gas_limit, &item[TX_GAS_LIMIT]));
	TRY(evm_get_amount(&out->value, asset, &item[TX_VALUE]));
	const struct slice to = item[TX_TO].payload;
	if (to.len != 0 && to.len != sizeof out->to.b)
		return ERR_FORMAT;
	out->create = to.len == 0;
	if (!out->create)
		memcpy(out->to.b, to.ptr, to.len);
	out->data = item[TX_DATA].payload;
	return out->data.len <= EVM_DATA_MAX ? OK : ERR_RANGE;
}

enum err evm_check_chain_id(uint64_t chain_id)
{
	if (chain_id == 0)
		return ERR_FORMAT;
	return chain_id <= EVM_CHAIN_ID_MAX ? OK : ERR_RANGE;
}

enum err evm_tx_parse_unsigned(struct evm_tx *out, enum asset asset, struct slice in)
{
	struct rlp_item item[TX_ITEMS];
	struct evm_tx tx = {0};
	if (evm_is_typed(in))
		return evm_typed_parse_unsigned(out, asset, in);
	TRY(split(item, in));
	TRY(get_common(&tx, asset, item));
	TRY(rlp_get_u64(&tx.chain_id, &item[TX_V]));
	TRY(evm_check_chain_id(tx.chain_id));
	if (item[TX_R].payload.len != 0 || item[TX_S].payload.len != 0)
		return ERR_FORMAT;
	*out = tx;
	return OK;
}

enum err evm_get_scalar(uint8_t out[32], const struct rlp_item *item)
{
	const struct slice p = item->payload;
	if (p.len == 0 || p.len > 32 || p.ptr[0] == 0)
		return ERR_FORMAT;
	memset(out, 0, 32 - p.len);
	memcpy(out + 32 - p.len, p.ptr, p.len);
	return OK;
}

enum err evm_tx_parse_signed(struct evm_tx *out, struct evm_address *from, struct hash256 *hash,
	enum asset asset, struct slice in)
{
	struct rlp_item item[TX_ITEMS];
	struct evm_tx tx = {0};
	uint8_t sig[64], storage[EVM_TX_MAX];
	uint64_t v;
	struct hash256 digest;
	struct pubkey key;
	struct evm_address sender;

	if (evm_is_typed(in))
		return evm_typed_parse_signed(out, from, hash, asset, in);
	TRY(split(item, in));
	TRY(get_common(&tx, asset, item));
	TRY(rlp_get_u64(&v, &item[TX_V]));
	if (v < V_BASE) /* without a chain id: valid on every chain */
		return ERR_FORMAT;
	tx.chain_id = (v - V_BASE) / 2;
	TRY(evm_check_chain_id(tx.chain_id));
	TRY(evm_get_scalar(sig, &item[TX_R]));
	TRY(evm_get_scalar(sig + 32, &item[TX_S]));

	struct buf unsigned_tx = buf_init(storage, sizeof storage);
	evm_tx_put_unsigned(&unsigned_tx, &tx);
	CHECK(!unsigned_tx.overflow);
	keccak256(&digest, buf_slice(&unsigned_tx));
	TRY(ecdsa_recover(&key, sig, (int)((v - V_BASE) % 2), &digest));
	TRY(evm_address_from_pubkey(&sender, &key));
	keccak256(hash, in);
	*out = tx;
	*from = sender;
	return OK;
}
