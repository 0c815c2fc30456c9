#include "sim/evm_scene_test.h"

#include "base/hex.h"
#include "crypto/hash.h"

struct sim_evm *scene_chain(struct peer *p)
{
	return simevm_of(p->network);
}

const char *scene_address(const struct evm_address *a)
{
	static char text[4][43];
	static unsigned turn;
	char *t = text[turn++ % 4];
	memcpy(t, "0x", 2);
	hex_encode(t + 2, a->b, 20);
	return t;
}

void scene_init(struct scene *s, uint64_t chain_id, enum asset coin, uint64_t gas_price)
{
	*s = (struct scene){.chain_id = chain_id, .coin = coin, .gas_price = gas_price};
	for (unsigned i = 0; i < SCENE_ACCOUNTS; i++) {
		struct pubkey pub;
		s->key[i].b[0] = 0x21;
		s->key[i].b[31] = (uint8_t)(i + 1);
		CHECK(pubkey_from_seckey(&pub, &s->key[i]) == OK);
		CHECK(evm_address_from_pubkey(&s->who[i], &pub) == OK);
	}
}

struct evm_tx scene_transfer(const struct scene *s, unsigned from, unsigned to, uint64_t wei)
{
	return (struct evm_tx){.chain_id = s->chain_id,
		.nonce = s->nonce[from],
		.gas_price = amount_of(s->coin, s->gas_price),
		.priority_fee = amount_zero(s->coin),
		.gas_limit = 21000,
		.to = s->who[to],
		.value = amount_of(s->coin, wei)};
}

struct evm_tx scene_call(
	const struct scene *s, unsigned from, const struct evm_address *to, struct slice data)
{
	struct evm_tx tx = scene_transfer(s, from, 0, 0);
	tx.to = *to;
	tx.gas_limit = 200000;
	tx.data = data;
	return tx;
}

struct hash256 scene_send(
	struct peer *p, const struct scene *s, unsigned from, const struct evm_tx *tx)
{
	static uint8_t storage[EVM_TX_MAX];
	static char hex[2 * EVM_TX_MAX + 1];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 digest, hash;
	uint8_t sig[64];
	int id;
	evm_tx_put_unsigned(&raw, tx);
	keccak256(&digest, buf_slice(&raw));
	CHECK(ecdsa_sign(sig, &id, &digest, &s->key[from]) == OK);
	raw = buf_init(storage, sizeof storage);
	evm_tx_put_signed(&raw, tx, sig, id);
	keccak256(&hash, buf_slice(&raw));
	hex_encode(hex, raw.ptr, raw.len);
	(void)peer_call(p, "eth_sendRawTransaction", "[\"0x%s\"]", hex);
	return hash;
}

void scene_mine(struct peer *p)
{
	p->now_ms += 1000;
	(void)peer_call(p, "evm_mine", "[]");
}

const struct json *scene_receipt(struct peer *p, const struct hash256 *hash)
{
	char hex[65];
	hex_encode(hex, hash->b, 32);
	return peer_call(p, "eth_getTransactionReceipt", "[\"0x%s\"]", hex);
}

unsigned scene_did(struct peer *p, struct scene *s, unsigned from, const struct evm_tx *tx)
{
	const struct hash256 hash = scene_send(p, s, from, tx);
	uint64_t status;
	ACCEPTED(p);
	CHECK(json_type(scene_receipt(p, &hash)) == JSON_NULL); /* not mined yet */
	scene_mine(p);
	s->nonce[from] = tx->nonce + 1;
	return json_get_quantity(scene_receipt(p, &hash), "status", &status) == OK
		? (unsigned)status
		: 2;
}

void scene_ask(struct peer *p, const struct evm_address *from, const struct evm_address *to,
	struct slice data)
{
	static char hex[2 * 1024 + 1];
	CHECK(data.len <= 1024);
	hex_encode(hex, data.ptr, data.len);
	(void)peer_call(p, "eth_call",
		"[{\"from\": \"%s\", \"to\": \"%s\", \"data\": \"0x%s\"}, \"latest\"]",
		scene_address(from), scene_address(to), hex);
}

void scene_fund(struct peer *p, const struct scene *s)
{
	for (unsigned i = 0; i < 3; i++) {
		(void)peer_call(p, "anvil_setBalance", "[\"%s\", \"0x8ac7230489e80000\"]",
			scene_address(&s->who[i]));
		ACCEPTED(p);
	}
}
