#include "wire/evm.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/rlp.h"
#include "wire/vectors_evm_typed.h"

#define ROOM 4096u

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static struct slice bytes_of(uint8_t storage[ROOM], const char *hex)
{
	size_t len;
	CHECK(hex_decode_var(storage, &len, ROOM, slice_str(hex)) == OK);
	return slice_of(storage, len);
}

static struct amount word(const char *hex)
{
	uint8_t b[32];
	struct amount a;
	from_hex(b, sizeof b, hex);
	CHECK(amount_load_word(&a, ASSET_RBTC, b) == OK);
	return a;
}

static void expect(struct slice got, const char *hex)
{
	uint8_t want[ROOM];
	CHECK(slice_eq(got, bytes_of(want, hex)));
}

static struct evm_tx of_vector(size_t i, uint8_t data[ROOM], uint8_t list[ROOM])
{
	struct evm_tx tx = {
		.type = (enum evm_type)typed_vectors[i].type,
		.chain_id = typed_vectors[i].chain_id,
		.nonce = typed_vectors[i].nonce,
		.priority_fee = word(typed_vectors[i].priority_hex),
		.gas_price = word(typed_vectors[i].fee_hex),
		.gas_limit = typed_vectors[i].gas_limit,
		.create = typed_vectors[i].to_hex[0] == 0,
		.value = word(typed_vectors[i].value_hex),
		.data = bytes_of(data, typed_vectors[i].data_hex),
		.access_list = bytes_of(list, typed_vectors[i].access_list_hex),
	};
	if (!tx.create)
		from_hex(tx.to.b, sizeof tx.to.b, typed_vectors[i].to_hex);
	return tx;
}

static void check_same(const struct evm_tx *a, const struct evm_tx *b)
{
	CHECK(a->type == b->type && a->chain_id == b->chain_id && a->nonce == b->nonce);
	CHECK(amount_cmp(a->priority_fee, b->priority_fee) == 0);
	CHECK(amount_cmp(a->gas_price, b->gas_price) == 0 && a->gas_limit == b->gas_limit);
	CHECK(a->create == b->create && evm_address_eq(&a->to, &b->to));
	CHECK(amount_cmp(a->value, b->value) == 0 && slice_eq(a->data, b->data));
	CHECK(slice_eq(a->access_list, b->access_list));
}

/* As ethers has them: what is signed, what is sent, its id, and who sent it. */
static void test_vectors(void)
{
	static uint8_t data[ROOM], list[ROOM], bytes[ROOM], given[ROOM];
	for (size_t i = 0; i < ARRAY_LEN(typed_vectors); i++) {
		const struct evm_tx tx = of_vector(i, data, list);
		struct evm_tx again;
		struct hash256 digest, hash;
		struct evm_address from;
		struct seckey key;
		uint8_t sig[64];
		int recovery_id;
		struct buf out = buf_init(bytes, sizeof bytes);
		evm_tx_put_unsigned(&out, &tx);
		expect(buf_slice(&out), typed_vectors[i].unsigned_hex);
		keccak256(&digest, buf_slice(&out));
		CHECK(evm_tx_parse_unsigned(&again, ASSET_RBTC, buf_slice(&out)) == OK);
		check_same(&again, &tx);

		from_hex(key.b, sizeof key.b, typed_vectors[i].key_hex);
		CHECK(ecdsa_sign(sig, &recovery_id, &digest, &key) == OK);
		out = buf_init(bytes, sizeof bytes);
		evm_tx_put_signed(&out, &tx, sig, recovery_id);
		expect(buf_slice(&out), typed_vectors[i].signed_hex);
		const struct slice whole = bytes_of(given, typed_vectors[i].signed_hex);
		CHECK(evm_tx_parse_signed(&again, &from, &hash, ASSET_RBTC, whole) == OK);
		check_same(&again, &tx);
		expect(slice_of(hash.b, sizeof hash.b), typed_vectors[i].hash_hex);
		expect(slice_of(from.b, sizeof from.b), typed_vectors[i].from_hex);
	}
}

/* Every byte changed or cut off: never taken for the same transaction. */
static void test_damage(void)
{
	static uint8_t given[ROOM], copy[ROOM];
	const struct slice whole = bytes_of(given, typed_vectors[3].signed_hex);
	struct evm_tx tx;
	struct evm_address from, damaged;
	struct hash256 hash;
	CHECK(evm_tx_parse_signed(&tx, &from, &hash, ASSET_RBTC, whole) == OK);
	for (size_t i = 0; i < whole.len; i++) {
		memcpy(copy, whole.ptr, whole.len);
		copy[i] ^= 0x01;
		const enum err err = evm_tx_parse_signed(
			&tx, &damaged, &hash, ASSET_RBTC, slice_of(copy, whole.len));
		CHECK(err != OK || !evm_address_eq(&from, &damaged));
		CHECK(evm_tx_parse_signed(
			      &tx, &damaged, &hash, ASSET_RBTC, slice_of(whole.ptr, i)) != OK);
	}
	memcpy(copy, whole.ptr, whole.len);
	CHECK(evm_tx_parse_signed(&tx, &damaged, &hash, ASSET_RBTC,
		      slice_of(copy, whole.len + 1)) == ERR_FORMAT);
}

static enum err parse_again(const struct evm_tx *tx)
{
	static uint8_t bytes[EVM_TX_MAX];
	struct evm_tx again;
	struct buf out = buf_init(bytes, sizeof bytes);
	evm_tx_put_unsigned(&out, tx);
	CHECK(!out.overflow);
	return evm_tx_parse_unsigned(&again, ASSET_RBTC, buf_slice(&out));
}

static void test_refused(void)
{
	static const char *const lists[] = {
		"80",                                             /* no list */
		"c0",                                             /* an entry without an address */
		"d594000000000000000000000000000000000000000000", /* without keys */
		"d69300000000000000000000000000000000000000c0",   /* 19 bytes */
		"d7940000000000000000000000000000000000000001c180", /* a key that is none */
		"d694000000000000000000000000000000000000000180",   /* keys that are no list */
	};
	static uint8_t data[ROOM], list[ROOM], storage[ROOM];
	struct evm_tx tx = of_vector(1, data, list);
	CHECK(tx.type == EVM_TYPE_FEE_MARKET && parse_again(&tx) == OK);
	tx.priority_fee = tx.gas_price;
	CHECK(parse_again(&tx) == OK);
	CHECK(amount_add(&tx.priority_fee, tx.gas_price, amount_of(ASSET_RBTC, 1)) == OK);
	CHECK(parse_again(&tx) == ERR_FORMAT);
	tx.priority_fee = amount_zero(ASSET_RBTC);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		tx.access_list = bytes_of(storage, lists[i]);
		CHECK(parse_again(&tx) == ERR_FORMAT);
	}
	const uint8_t legacy[] = {0xc0};
	const uint8_t blob[] = {0x03, 0xc0};
	struct evm_tx out;
	CHECK(evm_tx_parse_unsigned(&out, ASSET_RBTC, slice_of(legacy, 1)) == ERR_FORMAT);
	CHECK(evm_tx_parse_unsigned(&out, ASSET_RBTC, slice_of(blob, 2)) == ERR_FORMAT);
	CHECK(evm_tx_parse_unsigned(&out, ASSET_RBTC, slice_of(legacy, 0)) == ERR_SHORT);
}

/* A high S is another id of the same transaction (HAZARDS 26). */
static void test_high_s(void)
{
	static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0,
		0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
	static uint8_t data[ROOM], list[ROOM], bytes[ROOM];
	const struct evm_tx tx = of_vector(1, data, list);
	struct evm_tx again;
	struct evm_address from;
	struct hash256 digest, hash;
	struct seckey key;
	uint8_t sig[64];
	int recovery_id;
	struct buf out = buf_init(bytes, sizeof bytes);
	evm_tx_put_unsigned(&out, &tx);
	keccak256(&digest, buf_slice(&out));
	from_hex(key.b, sizeof key.b, typed_vectors[1].key_hex);
	CHECK(ecdsa_sign(sig, &recovery_id, &digest, &key) == OK);
	int borrow = 0;
	for (size_t i = 32; i-- > 0;) {
		const int v = order[i] - sig[32 + i] - borrow;
		borrow = v < 0;
		sig[32 + i] = (uint8_t)v;
	}
	out = buf_init(bytes, sizeof bytes);
	evm_tx_put_signed(&out, &tx, sig, 1 - recovery_id);
	CHECK(evm_tx_parse_signed(&again, &from, &hash, ASSET_RBTC, buf_slice(&out)) == ERR_FORMAT);
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	test_vectors();
	test_damage();
	test_refused();
	test_high_s();
	return 0;
}
