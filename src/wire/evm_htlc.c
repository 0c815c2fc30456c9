#include "wire/evm_htlc.h"

#include "crypto/hash.h"
#include "wire/abi.h"

#define WORD ABI_WORD

/* The first four bytes of Keccak-256 of the signature. */
static const uint8_t selector_lock[4] = {0x08, 0x99, 0x14, 0x6b};
static const uint8_t selector_claim_for[4] = {0xcd, 0x41, 0x3e, 0xfa};
static const uint8_t selector_refund[4] = {0x35, 0xcd, 0x4c, 0xcb};
static const uint8_t selector_refund_for[4] = {0x36, 0x50, 0x47, 0x21};
static const uint8_t selector_swaps[4] = {0xeb, 0x84, 0xe7, 0xf2};
static const uint8_t selector_states[4] = {0xfb, 0xdc, 0x1e, 0xf1};

/* Lockup(bytes32,uint256,address,address,uint256) */
const struct hash256 evm_htlc_topic_lockup = {{0x15, 0xb4, 0xb8, 0x20, 0x68, 0x09, 0x53, 0x5e, 0x54,
	0x73, 0x17, 0xcd, 0x5c, 0xed, 0xc8, 0x6c, 0xff, 0x6e, 0x7d, 0x20, 0x35, 0x51, 0xf9, 0x37,
	0x01, 0x78, 0x6d, 0xda, 0xf1, 0x4f, 0xd9, 0xf9}};
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
}

static bool address_is_zero(const struct evm_address *a)
{
	static const struct evm_address zero;
	return evm_address_eq(a, &zero);
}

enum err evm_htlc_parse(struct evm_htlc *out, struct slice in)
{
	struct reader r = reader_init(in);
	struct evm_htlc h;
	uint8_t amount[16];
	reader_copy(&r, h.contract.b, sizeof h.contract.b);
	h.chain_id = reader_le64(&r);
	reader_copy(&r, h.hash.b, sizeof h.hash.b);
	reader_copy(&r, amount, sizeof amount);
	reader_copy(&r, h.claim.b, sizeof h.claim.b);
	reader_copy(&r, h.refund.b, sizeof h.refund.b);
	h.timelock = reader_le64(&r);
	TRY(reader_finish(&r));
	h.amount = amount_load(ASSET_RBTC, amount);
	if (address_is_zero(&h.contract) || address_is_zero(&h.claim) || address_is_zero(&h.refund))
		return ERR_FORMAT;
	if (amount_is_zero(h.amount) || h.chain_id == 0 || h.timelock == 0)
		return ERR_FORMAT;
	if (amount_cmp(h.amount, amount_max(ASSET_RBTC)) > 0 || h.chain_id > EVM_CHAIN_ID_MAX)
		return ERR_RANGE;
	*out = h;
	return OK;
}

/* ---- calldata ---- */

void evm_htlc_lock_call(struct buf *out, const struct evm_htlc *h)
{
	buf_put(out, selector_lock, sizeof selector_lock);
	abi_put_hash(out, &h->hash);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

/* What the five-argument forms and the key have in common. */
static void put_five(struct buf *out, const struct hash256 *first, const struct evm_htlc *h)
{
	abi_put_hash(out, first);
	abi_put_amount(out, h->amount);
	abi_put_address(out, &h->claim);
	abi_put_address(out, &h->refund);
	abi_put_u64(out, h->timelock);
}

void evm_htlc_claim_call(struct buf *out, const struct evm_htlc *h, const struct hash256 *preimage)
{
	buf_put(out, selector_claim_for, sizeof selector_claim_for);
	put_five(out, preimage, h);
}

void evm_htlc_refund_call(struct buf *out, const struct evm_htlc *h)
{
	buf_put(out, selector_refund, sizeof selector_refund);
	abi_put_hash(out, &h->hash);
	abi_put_amount(out, h->amount);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

void evm_htlc_refund_for_call(struct buf *out, const struct evm_htlc *h)
{
	buf_put(out, selector_refund_for, sizeof selector_refund_for);
	put_five(out, &h->hash, h);
}

void evm_htlc_key(struct hash256 *out, const struct evm_htlc *h)
{
	uint8_t storage[5 * WORD];
	struct buf in = buf_init(storage, sizeof storage);
	put_five(&in, &h->hash, h);
	keccak256(out, buf_slice(&in));
}

static void put_key_call(struct buf *out, const uint8_t selector[4], const struct evm_htlc *h)
{
	struct hash256 key;
	evm_htlc_key(&key, h);
	buf_put(out, selector, 4);
	abi_put_hash(out, &key);
}

void evm_htlc_swaps_call(struct buf *out, const struct evm_htlc *h)
{
	put_key_call(out, selector_swaps, h);
}

void evm_htlc_states_call(struct buf *out, const struct evm_htlc *h)
{
	put_key_call(out, selector_states, h);
}

/* ---- events ---- */

static enum err read_lockup(
	struct evm_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	e->hash = topic[1];
	TRY(abi_get_address(&e->claim, topic[2].b));
	TRY(abi_get_address(&e->refund, topic[3].b));
	TRY(amount_load_word(&e->amount, ASSET_RBTC, data));
	return abi_get_u64(&e->timelock, data + WORD);
}

static enum err read_claim(
	struct evm_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	struct hash256 h;
	e->hash = topic[1];
	memcpy(e->preimage.b, data, sizeof e->preimage.b);
	sha256(&h, slice_of(data, WORD));
	return hash256_eq(&h, &e->hash) ? OK : ERR_CHECKSUM;
}

static enum err read_refund(
	struct evm_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	(void)data;
	e->hash = topic[1];
	return OK;
}

static enum err read_settled(
	struct evm_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	uint64_t claimed;
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
	enum err (*read)(
		struct evm_htlc_event *e, const struct hash256 *topic, const uint8_t *data);
} events[] = {
	{&evm_htlc_topic_lockup, EVM_HTLC_LOCKUP, 4, 2 * WORD, read_lockup},
	{&evm_htlc_topic_claim, EVM_HTLC_CLAIM, 2, WORD, read_claim},
	{&evm_htlc_topic_refund, EVM_HTLC_REFUND, 2, 0, read_refund},
	{&evm_htlc_topic_settled, EVM_HTLC_SETTLED, 3, WORD, read_settled},
};

enum err evm_htlc_event_parse(struct evm_htlc_event *out, const struct hash256 *topic,
	size_t topic_count, struct slice data)
{
	for (size_t i = 0; topic_count > 0 && i < ARRAY_LEN(events); i++) {
		if (!hash256_eq(&topic[0], events[i].topic))
			continue;
		struct evm_htlc_event e = {.kind = events[i].kind};
		if (topic_count != events[i].topic_count || data.len != events[i].data_len)
			return ERR_FORMAT;
		TRY(events[i].read(&e, topic, data.ptr));
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
		.claim = event->claim,
		.refund = event->refund,
		.timelock = event->timelock,
	};
}
