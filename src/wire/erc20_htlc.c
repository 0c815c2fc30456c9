#include "wire/erc20_htlc.h"

#include "crypto/hash.h"
#include "wire/evm_htlc.h"

/* lock(bytes32,uint256,address,address,uint256) */
static const uint8_t selector_lock[ABI_SELECTOR] = {0x91, 0x64, 0x4b, 0x2b};
/* claim(bytes32,uint256,address,address,address,uint256) */
static const uint8_t selector_claim_for[ABI_SELECTOR] = {0xbc, 0x58, 0x6b, 0x28};
/* refund(bytes32,uint256,address,address,uint256) */
static const uint8_t selector_refund[ABI_SELECTOR] = {0x36, 0x50, 0x47, 0x21};
/* swaps(bytes32) */
static const uint8_t selector_swaps[ABI_SELECTOR] = {0xeb, 0x84, 0xe7, 0xf2};

/* Lockup(bytes32,uint256,address,address,address,uint256); the other two are EtherSwap's */
const struct hash256 erc20_htlc_topic_lockup = {{0xa9, 0x8e, 0xaa, 0x2b, 0xd8, 0x23, 0x0d, 0x87,
	0xa1, 0xa4, 0xc3, 0x56, 0xf5, 0xc1, 0xd4, 0x1c, 0xb8, 0x5f, 0xf8, 0x81, 0x31, 0x12, 0x2e,
	0xc8, 0xb1, 0x93, 0x1c, 0xb9, 0xd3, 0x1a, 0xe1, 0x45}};

void erc20_htlc_lock_call(struct buf *out, const struct erc20_htlc *h)
{
	buf_put(out, selector_lock, sizeof selector_lock);
	abi_put_hash(out, &h->hash);
	abi_put_u128(out, h->units.raw);
	abi_put_address(out, &h->token);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

/* What the six-argument form and the key have in common. */
static void put_six(struct buf *out, const struct hash256 *first, const struct erc20_htlc *h)
{
	abi_put_hash(out, first);
	abi_put_u128(out, h->units.raw);
	abi_put_address(out, &h->token);
	abi_put_address(out, &h->claim);
	abi_put_address(out, &h->refund);
	abi_put_u64(out, h->timelock);
}

void erc20_htlc_claim_call(
	struct buf *out, const struct erc20_htlc *h, const struct hash256 *preimage)
{
	buf_put(out, selector_claim_for, sizeof selector_claim_for);
	put_six(out, preimage, h);
}

void erc20_htlc_refund_call(struct buf *out, const struct erc20_htlc *h)
{
	buf_put(out, selector_refund, sizeof selector_refund);
	abi_put_hash(out, &h->hash);
	abi_put_u128(out, h->units.raw);
	abi_put_address(out, &h->token);
	abi_put_address(out, &h->claim);
	abi_put_u64(out, h->timelock);
}

void erc20_htlc_key(struct hash256 *out, const struct erc20_htlc *h)
{
	uint8_t storage[6 * ABI_WORD];
	struct buf in = buf_init(storage, sizeof storage);
	put_six(&in, &h->hash, h);
	keccak256(out, buf_slice(&in));
}

void erc20_htlc_swaps_call(struct buf *out, const struct erc20_htlc *h)
{
	struct hash256 key;
	erc20_htlc_key(&key, h);
	buf_put(out, selector_swaps, sizeof selector_swaps);
	abi_put_hash(out, &key);
}

/* ---- events ---- */

static enum err read_lockup(
	struct erc20_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	TRY(abi_get_address(&e->refund, topic[2].b));
	TRY(abi_get_u128(&e->units.raw, data));
	TRY(abi_get_address(&e->token, data + ABI_WORD));
	TRY(abi_get_address(&e->claim, data + 2 * (size_t)ABI_WORD));
	return abi_get_u64(&e->timelock, data + 3 * (size_t)ABI_WORD);
}

static enum err read_claim(
	struct erc20_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	struct hash256 h;
	memcpy(e->preimage.b, data, sizeof e->preimage.b);
	sha256(&h, slice_of(data, ABI_WORD));
	return hash256_eq(&h, &topic[1]) ? OK : ERR_CHECKSUM;
}

static enum err read_refund(
	struct erc20_htlc_event *e, const struct hash256 *topic, const uint8_t *data)
{
	(void)e;
	(void)topic;
	(void)data;
	return OK;
}

static const struct {
	const struct hash256 *topic;
	enum erc20_htlc_event_kind kind;
	size_t topic_count;
	size_t data_len;
	enum err (*read)(
		struct erc20_htlc_event *e, const struct hash256 *topic, const uint8_t *data);
} events[] = {
	{&erc20_htlc_topic_lockup, ERC20_HTLC_LOCKUP, 3, 4 * (size_t)ABI_WORD, read_lockup},
	{&evm_htlc_topic_claim, ERC20_HTLC_CLAIM, 2, ABI_WORD, read_claim},
	{&evm_htlc_topic_refund, ERC20_HTLC_REFUND, 2, 0, read_refund},
};

enum err erc20_htlc_event_parse(struct erc20_htlc_event *out, const struct hash256 *topic,
	size_t topic_count, struct slice data)
{
	for (size_t i = 0; topic_count > 0 && i < ARRAY_LEN(events); i++) {
		if (!hash256_eq(&topic[0], events[i].topic))
			continue;
		struct erc20_htlc_event e = {.kind = events[i].kind};
		if (topic_count != events[i].topic_count || data.len != events[i].data_len)
			return ERR_FORMAT;
		e.hash = topic[1];
		TRY(events[i].read(&e, topic, data.ptr));
		*out = e;
		return OK;
	}
	return ERR_NOT_FOUND;
}
