/* Transactions with a type; legacy ones are evm.c's. */
#include "wire/evm_internal.h"

#include "crypto/hash.h"

/* Items of EIP-1559; EIP-2930 has no priority fee. Signed ones go on to S. */
enum {
	ITEM_CHAIN_ID,
	ITEM_NONCE,
	ITEM_PRIORITY,
	ITEM_FEE,
	ITEM_GAS_LIMIT,
	ITEM_TO,
	ITEM_VALUE,
	ITEM_DATA,
	ITEM_ACCESS_LIST,
	ITEM_Y,
	ITEM_R,
	ITEM_S,
	ITEM_COUNT,
};

static bool has_item(enum evm_type type, size_t item)
{
	return item != ITEM_PRIORITY || type == EVM_TYPE_FEE_MARKET;
}

/* ---- writing ---- */

/* The items as byte strings; numbers are in storage, the rest borrows. */
struct items {
	uint8_t number[ITEM_COUNT][32];
	struct slice item[ITEM_COUNT];
};

static void set_u64(struct items *t, size_t i, uint64_t v)
{
	store_be64(t->number[i], v);
	t->item[i] = evm_without_zeros(t->number[i], 8);
}

static void set_amount(struct items *t, size_t i, struct amount a)
{
	amount_store_word(t->number[i], a);
	t->item[i] = evm_without_zeros(t->number[i], 32);
}

static void set_common(struct items *t, const struct evm_tx *tx)
{
	CHECK(tx->chain_id >= 1 && tx->chain_id <= EVM_CHAIN_ID_MAX);
	CHECK(tx->data.len <= EVM_DATA_MAX && tx->access_list.len <= EVM_ACCESS_LIST_MAX);
	set_u64(t, ITEM_CHAIN_ID, tx->chain_id);
	set_u64(t, ITEM_NONCE, tx->nonce);
	if (tx->type == EVM_TYPE_FEE_MARKET)
		set_amount(t, ITEM_PRIORITY, tx->priority_fee);
	set_amount(t, ITEM_FEE, tx->gas_price);
	set_u64(t, ITEM_GAS_LIMIT, tx->gas_limit);
	t->item[ITEM_TO] = slice_of(tx->to.b, tx->create ? 0 : sizeof tx->to.b);
	set_amount(t, ITEM_VALUE, tx->value);
	t->item[ITEM_DATA] = tx->data;
	t->item[ITEM_ACCESS_LIST] = tx->access_list;
}

static size_t list_header_len(size_t payload_len)
{
	uint8_t storage[16];
	struct buf b = buf_init(storage, sizeof storage);
	rlp_put_list_header(&b, payload_len);
	return b.len;
}

static void put_items(struct buf *out, enum evm_type type, const struct items *t, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++) {
		if (i == ITEM_ACCESS_LIST)
			len += list_header_len(t->item[i].len) + t->item[i].len;
		else if (has_item(type, i))
			len += rlp_bytes_len(t->item[i]);
	}
	buf_u8(out, (uint8_t)type);
	rlp_put_list_header(out, len);
	for (size_t i = 0; i < count; i++) {
		if (i == ITEM_ACCESS_LIST) {
			rlp_put_list_header(out, t->item[i].len);
			buf_put(out, t->item[i].ptr, t->item[i].len);
		} else if (has_item(type, i)) {
			rlp_put_bytes(out, t->item[i]);
		}
	}
}

void evm_typed_put_unsigned(struct buf *out, const struct evm_tx *tx)
{
	struct items t;
	set_common(&t, tx);
	put_items(out, tx->type, &t, ITEM_Y);
}

void evm_typed_put_signed(
	struct buf *out, const struct evm_tx *tx, const uint8_t sig[64], int recovery_id)
{
	struct items t;
	CHECK(recovery_id == 0 || recovery_id == 1);
	set_common(&t, tx);
	set_u64(&t, ITEM_Y, (uint64_t)recovery_id);
	t.item[ITEM_R] = evm_without_zeros(sig, 32);
	t.item[ITEM_S] = evm_without_zeros(sig + 32, 32);
	put_items(out, tx->type, &t, ITEM_COUNT);
}

/* ---- reading ---- */

/* [[address, [key...]]...]: addresses of 20 bytes, storage keys of 32. */
static enum err check_access_list(struct slice list)
{
	if (list.len > EVM_ACCESS_LIST_MAX)
		return ERR_RANGE;
	while (list.len > 0) {
		struct rlp_item entry, address, keys;
		if (rlp_next(&entry, &list) != OK || !entry.is_list ||
			rlp_next(&address, &entry.payload) != OK || address.is_list ||
			address.payload.len != sizeof(struct evm_address) ||
			rlp_next(&keys, &entry.payload) != OK || !keys.is_list ||
			entry.payload.len != 0)
			return ERR_FORMAT;
		while (keys.payload.len > 0) {
			struct rlp_item key;
			if (rlp_next(&key, &keys.payload) != OK || key.is_list ||
				key.payload.len != 32)
				return ERR_FORMAT;
		}
	}
	return OK;
}

/* The type, then one list of exactly `count` items, less those that the type does not have. */
static enum err split(
	struct rlp_item item[ITEM_COUNT], enum evm_type *type, size_t count, struct slice in)
{
	struct rlp_item list;
	if (in.len == 0)
		return ERR_SHORT;
	if (in.ptr[0] != EVM_TYPE_ACCESS_LIST && in.ptr[0] != EVM_TYPE_FEE_MARKET)
		return ERR_FORMAT;
	*type = (enum evm_type)in.ptr[0];
	in = slice_of(in.ptr + 1, in.len - 1);
	TRY(rlp_next(&list, &in));
	if (!list.is_list || in.len != 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < count; i++) {
		if (!has_item(*type, i))
			continue;
		if (rlp_next(&item[i], &list.payload) != OK ||
			item[i].is_list != (i == ITEM_ACCESS_LIST))
			return ERR_FORMAT;
	}
	return list.payload.len == 0 ? OK : ERR_FORMAT;
}

static enum err get_common(
	struct evm_tx *out, enum asset asset, const struct rlp_item item[ITEM_COUNT])
{
	TRY(rlp_get_u64(&out->chain_id, &item[ITEM_CHAIN_ID]));
	TRY(evm_check_chain_id(out->chain_id));
	TRY(rlp_get_u64(&out->nonce, &item[ITEM_NONCE]));
	out->priority_fee = amount_zero(asset);
	if (out->type == EVM_TYPE_FEE_MARKET)
		TRY(evm_get_amount(&out->priority_fee, asset, &item[ITEM_PRIORITY]));
	TRY(evm_get_amount(&out->gas_price, asset, &item[ITEM_FEE]));
	if (amount_cmp(out->priority_fee, out->gas_price) > 0)
		return ERR_FORMAT;
	TRY(rlp_get_u64(&out->gas_limit, &item[ITEM_GAS_LIMIT]));
	TRY(evm_get_amount(&out->value, asset, &item[ITEM_VALUE]));
	const struct slice to = item[ITEM_TO].payload;
	if (to.len != 0 && to.len != sizeof out->to.b)
		return ERR_FORMAT;
	out->create = to.len == 0;
	if (!out->create)
		memcpy(out->to.b, to.ptr, to.len);
	out->data = item[ITEM_DATA].payload;
	out->access_list = item[ITEM_ACCESS_LIST].payload;
	if (out->data.len > EVM_DATA_MAX)
		return ERR_RANGE;
	return check_access_list(out->access_list);
}

enum err evm_typed_parse_unsigned(struct evm_tx *out, enum asset asset, struct slice in)
{
	struct rlp_item item[ITEM_COUNT];
	struct evm_tx tx = {0};
	TRY(split(item, &tx.type, ITEM_Y, in));
	TRY(get_common(&tx, asset, item));
	*out = tx;
	return OK;
}

enum err evm_typed_parse_signed(struct evm_tx *out, struct evm_address *from, struct hash256 *hash,
	enum asset asset, struct slice in)
{
	struct rlp_item item[ITEM_COUNT];
	struct evm_tx tx = {0};
	uint8_t sig[64], storage[EVM_TX_MAX];
	uint64_t y;
	struct hash256 digest;
	struct pubkey key;
	struct evm_address sender;

	TRY(split(item, &tx.type, ITEM_COUNT, in));
	TRY(get_common(&tx, asset, item));
	TRY(rlp_get_u64(&y, &item[ITEM_Y]));
	if (y > 1)
		return ERR_FORMAT;
	TRY(evm_get_scalar(sig, &item[ITEM_R]));
	TRY(evm_get_scalar(sig + 32, &item[ITEM_S]));
	struct buf unsigned_tx = buf_init(storage, sizeof storage);
	evm_typed_put_unsigned(&unsigned_tx, &tx);
	CHECK(!unsigned_tx.overflow);
	keccak256(&digest, buf_slice(&unsigned_tx));
	TRY(ecdsa_recover(&key, sig, (int)y, &digest));
	TRY(evm_address_from_pubkey(&sender, &key));
	keccak256(hash, in);
	*out = tx;
	*from = sender;
	return OK;
}
