#include "wire/evm_htlc.h"

#include "crypto/hash.h"
#include "wire/abi.h"

#define WORD ABI_WORD

/* The first four bytes of Keccak-256 of the signature, in the contract for the coin and in the one
 * for tokens. */
struct selector {
	uint8_t coin[ABI_SELECTOR], token[ABI_SELECTOR];
};
static const struct selector lock = {{0x08, 0x99, 0x14, 0x6b}, {0x91, 0x64, 0x4b, 0x2b}};
static const struct selector claim_for = {{0xcd, 0x41, 0x3e, 0xfa}, {0xbc, 0x58, 0x6b, 0x28}};
static const struct selector refund = {{0x35, 0xcd, 0x4c, 0xcb}, {0x36, 0x50, 0x47, 0x21}};
static const struct selector refund_for = {{0x36, 0x50, 0x47, 0x21}, {0x0e, 0x5b, 0xbd, 0x59}};
static const struct selector swaps = {{0xeb, 0x84, 0xe7, 0xf2}, {0xeb, 0x84, 0xe7, 0xf2}};
static const struct selector states = {{0xfb, 0xdc, 0x1e, 0xf1}, {0xfb, 0xdc, 0x1e, 0xf1}};

/* Lockup(bytes32,uint256,address,address,uint256) */
const struct hash256 evm_htlc_topic_lockup = {{0x15, 0xb4, 0xb8, 0x20, 0x68, 0x09, 0x53, 0x5e, 0x54,
	0x73, 0x17, 0xcd, 0x5c, 0xed, 0xc8, 0x6c, 0xff, 0x6e, 0x7d, 0x20, 0x35, 0x51, 0xf9, 0x37,
	0x01, 0x78, 0x6d, 0xda, 0xf1, 0x4f, 0xd9, 0xf9}};
/* Lockup(bytes32,uint256,address,address,address,uint256); the others are the same */
const struct hash256 erc20_htlc_topic_lockup = {{0xa9, 0x8e, 0xaa, 0x2b, 0xd8, 0x23, 0x0d, 0x87,
	0xa1, 0xa4, 0xc3, 0x56, 0xf5, 0xc1, 0xd4, 0x1c, 0xb8, 0x5f, 0xf8, 0x81, 0x31, 0x12, 0x2e,
	0xc8, 0xb1, 0x93, 0x1c, 0xb9, 0xd3, 0x1a, 0xe1, 0x45}};
/* Claim(bytes32,bytes32) */
const struct hash256 evm_htlc_topic_claim = {{0x56, 0x64, 0x14, 0x2a, 0xf3, 0xdc, 0xfc, 0x3d, 0xc3,
	0xde, 0x45, 0xa4, 0x3f, 0x75, 0xc7, 0x46, 0xbd, 0x1d, 0x8c, 0x11, 0x17, 0x0a, 0x50, 0x37,
	0xfd, 0xf9, 0x8b, 0xdb, 0x35, 0x77, 0x51, 0x37}};
/* Refund(bytes32) */
const struct hash256 evm_htlc_topic_refund = {{0x3f, 0xbd, 0x46, 0x9e, 0xc3, 0xa5, 0xce, 0x07, 0x4f,
	0x97, 0x5f, 0x76, 0xce, 0x27, 0xe7, 0x27, 0xba, 0x21, 0xc9, 0x91, 0x76, 0x91, 0x7b, 0x97,
	0xae, 0x2e, 0x71, 0x36, 0x95, 0x58, 0x2a, 0x12}};
/* Settled(bytes32,bytes32,bool) */
const struct hash256 evm_htlc_topic_settled = {{0x86, 0xc5, 0x8e, 0xeb, 0xc7, 0x1a, 0x04, 0xe6,
	0x25, 0xb1, 0x78, 0x19, 0x74, 0x97, 0x72, 0x35, 0x00, 0xfa, 0xc6, 0xae, 0xbe, 0xad, 0xaf,
	0xf3, 0xd6, 0x95, 0xdc, 0x8f, 0xd0, 0x9f, 0xd2, 0x9a}};

/* ---- terms ---- */

void evm_htlc_put(struct buf *out, const struct evm_htlc *h)
{
	uint8_t amount[16];
	amount_store(amount, h->amount);
	buf_put(out, h->contract.b, sizeof h->contract.b);
	buf_le64(out, h->chain_id);
	buf_put(out, h->hash.b, sizeof h->hash.b);
	buf_put(out, amount, sizeof amount);
	buf_put(out, h->claim.b, sizeof h->claim.b);
	buf_put(out, h->refund.b, sizeof h->refund.b);
	buf_le64(out, h->timelock);
	if (evm_htlc_has_token(h))
		buf_put(out, h->token.b, sizeof h->token.b);
}

static bool address_is_zero(const struct evm_address *a)
{
	static const struct evm_address zero;
	return evm_address_eq(a, &zero);
}

enum err evm_htlc_parse(struct evm_htlc *out, enum layer_id layer, struct slice in)
{
	const enum asset asset = layer_asset(layer);
	struct reader r = reader_init(in);
	struct evm_htlc h = {.timelock = 0};
	uint8_t amount[16];
	reader_copy(&r, h.contract.b, sizeof h.contract.b);
	h.chain_id = reader_le64(&r);
	reader_copy(&r, h.hash.b, sizeof h.hash.b);
	reader_copy(&r, amount, sizeof amount);
	reader_copy(&r, h.claim.b, sizeof h.claim.b);
	reader_copy(&r, h.refund.b, sizeof h.refund.b);
	h.timelock = reader_le64(&r);
	if (layer_gas_apart(layer))
		reader_copy(&r, h.token.b, sizeof h.token.b);
	TRY(reader_finish(&r));
	h.amount = amount_load(asset, amount);
	if (layer_gas_apart(layer) && !evm_htlc_has_token(&h))
		return ERR_FORMAT;
	if (address_is_zero(&h.contract) || address_is_zero(&h.claim) || address_is_zero(&h.refund))
		return ERR_FORMAT;
	if (amount_is_zero(h.amount) || h.chain_id == 0 || h.timelock == 0)
		return ERR_FORMAT;
	if (amount_cmp(h.amount, amount_max(asset)) > 0 || h.chain_id > EVM_CHAIN_ID_MAX)
		return ERR_RANGE;
	*out = h;
	return OK;
}

/* ---- calldata ---- */

static void put_selector(struct buf *out, const struct selector *s, const struct evm_htlc *h)
{
	buf_put(out, evm_htlc_has_token(h) ? s->token : s->coin, ABI_SELECTOR);
}

static void put_token(struct buf *out, const struct evm_htlc *h)
{
	if (evm_htlc_has_token(h))
		abi_put_address(out, &h->token);
}

void evm_htlc_lock_call(struct buf *out, const struct evm_htlc *h)
{
	put_selector(out, &lock, h);
	abi_put_hash(out, &h->hash);
	if (evm_htlc_has_token(h))
		abi_put_amount(out, h->amount);
	put_token(out, h);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

struct amount evm_htlc_lock_value(const struct evm_htlc *h, enum asset coin)
{
	return evm_htlc_has_token(h) ? amount_zero(coin) : h->amount;
}

/* What the forms with all terms and the key have in common. */
static void put_terms(struct buf *out, const struct hash256 *first, const struct evm_htlc *h)
{
	abi_put_hash(out, first);
	abi_put_amount(out, h->amount);
	put_token(out, h);
	abi_put_address(out, &h->claim);
	abi_put_address(out, &h->refund);
	abi_put_u64(out, h->timelock);
}

void evm_htlc_claim_call(struct buf *out, const struct evm_htlc *h, const struct hash256 *preimage)
{
	put_selector(out, &claim_for, h);
	put_terms(out, preimage, h);
}

void evm_htlc_refund_call(struct buf *out, const struct evm_htlc *h)
{
	put_selector(out, &refund, h);
	abi_put_hash(out, &h->hash);
	abi_put_amount(out, h->amount);
	put_token(out, h);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

void evm_htlc_refund_for_call(struct buf *out, const struct evm_htlc *h)
{
	put_selector(out, &refund_for, h);
	put_terms(out, &h->hash, h);
}

void evm_htlc_key(struct hash256 *out, const struct evm_htlc *h)
{
	uint8_t storage[6 * WORD];
	struct buf in = buf_init(storage, sizeof storage);
	put_terms(&in, &h->hash, h);
	keccak256(out, buf_slice(&in));
}

static void put_key_call(struct buf *out, const struct selector *s, const struct evm_htlc *h)
{
	struct hash256 key;
	evm_htlc_key(&key, h);
	put_selector(out, s, h);
	abi_put_hash(out, &key);
}

void evm_htlc_swaps_call(struct buf *out, const struct evm_htlc *h)
{
	put_key_call(out, &swaps, h);
}

void evm_htlc_states_call(struct buf *out, const struct evm_htlc *h)
{
	put_key_call(out, &states, h);
}

struct slice evm_htlc_creation(enum layer_id layer)
{
	return layer_gas_apart(layer)
		? slice_of(erc20_htlc_creation_code, erc20_htlc_creation_code_len)
		: slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len);
}

const struct hash256 *evm_htlc_code_hash(enum layer_id layer)
{
	return layer_gas_apart(layer) ? &erc20_htlc_runtime_code_hash : &evm_htlc_runtime_code_hash;
}

/* ---- events ---- */

static enum err read_lockup(struct evm_htlc_event *e, enum asset asset, const struct hash256 *topic,
	const uint8_t *data)
{
	e->hash = topic[1];
	TRY(abi_get_address(&e->claim, topic[2].b));
	TRY(abi_get_address(&e->refund, topic[3].b));
	TRY(amount_load_word(&e->amount, asset, data));
	return abi_get_u64(&e->timelock, data + WORD);
}

static enum err read_token_lockup(struct evm_htlc_event *e, enum asset asset,
	const struct hash256 *topic, const uint8_t *data)
{
	static const struct evm_address coin;
	e->hash = topic[1];
	TRY(abi_get_address(&e->refund, topic[2].b));
	TRY(amount_load_word(&e->amount, asset, data));
	TRY(abi_get_address(&e->token, data + WORD));
	TRY(abi_get_address(&e->claim, data + 2 * (size_t)WORD));
	if (evm_address_eq(&e->token, &coin))
		return ERR_FORMAT; /* has no code: the contract refuses it */
	return abi_get_u64(&e->timelock, data + 3 * (size_t)WORD);
}

static enum err read_claim(struct evm_htlc_event *e, enum asset asset, const struct hash256 *topic,
	const uint8_t *data)
{
	struct hash256 h;
	(void)asset;
	e->hash = topic[1];
	memcpy(e->preimage.b, data, sizeof e->preimage.b);
	sha256(&h, slice_of(data, WORD));
	return hash256_eq(&h, &e->hash) ? OK : ERR_CHECKSUM;
}

static enum err read_refund(struct evm_htlc_event *e, enum asset asset, const struct hash256 *topic,
	const uint8_t *data)
{
	(void)asset;
	(void)data;
	e->hash = topic[1];
	return OK;
}

static enum err read_settled(struct evm_htlc_event *e, enum asset asset,
	const struct hash256 *topic, const uint8_t *data)
{
	uint64_t claimed;
	(void)asset;
	e->key = topic[1];
	e->hash = topic[2];
	if (abi_get_u64(&claimed, data) != OK || claimed > 1)
		return ERR_FORMAT;
	e->claimed = claimed == 1;
	return OK;
}

static const struct {
	const struct hash256 *topic;
	enum evm_htlc_event_kind kind;
	size_t topic_count;
	size_t data_len;
	enum err (*read)(struct evm_htlc_event *e, enum asset asset, const struct hash256 *topic,
		const uint8_t *data);
} events[] = {
	{&evm_htlc_topic_lockup, EVM_HTLC_LOCKUP, 4, 2 * WORD, read_lockup},
	{&erc20_htlc_topic_lockup, EVM_HTLC_LOCKUP, 3, 4 * (size_t)WORD, read_token_lockup},
	{&evm_htlc_topic_claim, EVM_HTLC_CLAIM, 2, WORD, read_claim},
	{&evm_htlc_topic_refund, EVM_HTLC_REFUND, 2, 0, read_refund},
	{&evm_htlc_topic_settled, EVM_HTLC_SETTLED, 3, WORD, read_settled},
};

enum err evm_htlc_event_parse(struct evm_htlc_event *out, enum asset asset,
	const struct hash256 *topic, size_t topic_count, struct slice data)
{
	for (size_t i = 0; topic_count > 0 && i < ARRAY_LEN(events); i++) {
		if (!hash256_eq(&topic[0], events[i].topic))
			continue;
		struct evm_htlc_event e = {.kind = events[i].kind};
		if (topic_count != events[i].topic_count || data.len != events[i].data_len)
			return ERR_FORMAT;
		TRY(events[i].read(&e, asset, topic, data.ptr));
		*out = e;
		return OK;
	}
	return ERR_NOT_FOUND;
}

void evm_htlc_from_lockup(struct evm_htlc *out, const struct evm_htlc_event *event,
	const struct evm_address *contract, uint64_t chain_id)
{
	CHECK(event->kind == EVM_HTLC_LOCKUP);
	*out = (struct evm_htlc){
		.contract = *contract,
		.chain_id = chain_id,
		.hash = event->hash,
		.amount = event->amount,
		.token = event->token,
		.claim = event->claim,
		.refund = event->refund,
		.timelock = event->timelock,
	};
}
