#include "wire/light_relay.h"

#include "wire/abi.h"

#define SELECTOR(a, b, c, d) ((const uint8_t[ABI_SELECTOR]){a, b, c, d})
/* Bitcoin's proof-of-work limit, and how far a target moves at once. */
#define BITS_EASIEST 0x1d00ffffu
#define EPOCH_SECONDS 1209600u
#define MOVE_MAX 4u

/* ---- calls ---- */

/* Bytes among a call's words: how far from the first word they begin, their
 * length, themselves. */
static void put_bytes(struct buf *out, struct slice bytes)
{
	static const uint8_t zeros[ABI_WORD];
	abi_put_u64(out, bytes.len);
	buf_put(out, bytes.ptr, bytes.len);
	buf_put(out, zeros, (ABI_WORD - bytes.len % ABI_WORD) % ABI_WORD);
}

static void put_headers_call(
	struct buf *out, const uint8_t selector[ABI_SELECTOR], struct slice headers)
{
	CHECK(headers.len <= (size_t)LIGHT_RELAY_HEADERS_MAX * BTC_HEADER_SIZE);
	buf_put(out, selector, ABI_SELECTOR);
	abi_put_u64(out, ABI_WORD);
	put_bytes(out, headers);
}

void light_relay_genesis_call(
	struct buf *out, struct slice header, uint64_t height, uint64_t proof_length)
{
	CHECK(header.len == BTC_HEADER_SIZE);
	buf_put(out, SELECTOR(0x4c, 0xa4, 0x9f, 0x51), ABI_SELECTOR);
	abi_put_u64(out, 3u * ABI_WORD);
	abi_put_u64(out, height);
	abi_put_u64(out, proof_length);
	put_bytes(out, header);
}

void light_relay_retarget_call(struct buf *out, struct slice headers)
{
	put_headers_call(out, SELECTOR(0x7c, 0xa5, 0xb1, 0xdd), headers);
}

void light_relay_validate_call(struct buf *out, struct slice headers)
{
	put_headers_call(out, SELECTOR(0x18, 0x91, 0x79, 0xa3), headers);
}

void light_relay_range_call(struct buf *out)
{
	buf_put(out, SELECTOR(0x10, 0xb7, 0x6e, 0xd8), ABI_SELECTOR);
}

enum err light_relay_range_parse(uint64_t *first, uint64_t *last, struct slice answer)
{
	uint64_t a, b;
	if (answer.len != 2 * (size_t)ABI_WORD)
		return ERR_FORMAT;
	TRY(abi_get_u64(&a, answer.ptr));
	TRY(abi_get_u64(&b, answer.ptr + ABI_WORD));
	if (a > b)
		return ERR_FORMAT;
	*first = a;
	*last = b;
	return OK;
}

/* ---- targets ---- */

/* number * 256^tail as compact bits: its length, its three leading bytes, none
 * of them a sign. */
static uint32_t compact(u128 number, uint32_t tail)
{
	uint32_t bytes = 0;
	for (u128 n = number; n != 0; n >>= 8)
		bytes++;
	uint32_t size = bytes + tail;
	u128 word = bytes > 3 ? number >> 8 * (bytes - 3) : number;
	for (uint32_t i = bytes; i < 3; i++)
		word <<= 8; /* of a tail of zeros, or of none, where size says so */
	if ((word & 0x800000u) != 0) {
		word >>= 8;
		size++;
	}
	return size << 24 | (uint32_t)word;
}

/* a is the greater target; both are as compact() makes them. */
static bool is_easier(uint32_t a, uint32_t b)
{
	return a >> 24 != b >> 24 ? a >> 24 > b >> 24 : (a & 0xffffffu) > (b & 0xffffffu);
}

enum err light_relay_next_bits(
	uint32_t *out, uint32_t bits, uint32_t first_time, uint32_t last_time)
{
	const uint32_t size = bits >> 24, word = bits & 0xffffffu;
	int64_t span = (int64_t)last_time - first_time;
	if (size < 3 || size > 32 || word == 0 || (word & 0x800000u) != 0)
		return ERR_FORMAT;
	if (span < (int64_t)(EPOCH_SECONDS / MOVE_MAX))
		span = EPOCH_SECONDS / MOVE_MAX;
	if (span > (int64_t)EPOCH_SECONDS * MOVE_MAX)
		span = (int64_t)EPOCH_SECONDS * MOVE_MAX;
	/* some of the zeros behind the word are there while it is divided: enough for
	 * three bytes that are exact, and all of them where they are few */
	const uint32_t tail = size - 3, kept = tail < 8 ? tail : 8;
	const u128 product = (u128)word * (uint64_t)span << 8 * kept;
	const uint32_t next = compact(product / EPOCH_SECONDS, tail - kept);
	*out = is_easier(next, BITS_EASIEST) ? BITS_EASIEST : next;
	return OK;
}

/* ---- headers ---- */

static struct btc_header header_at(struct slice headers, size_t index)
{
	struct btc_header h;
	CHECK(btc_header_parse(
		      &h, slice_of(headers.ptr + index * BTC_HEADER_SIZE, BTC_HEADER_SIZE)) == OK);
	return h;
}

enum err light_relay_check_chain(struct slice headers)
{
	const size_t count = headers.len / BTC_HEADER_SIZE;
	struct hash256 before;
	if (count == 0 || count > LIGHT_RELAY_HEADERS_MAX || headers.len % BTC_HEADER_SIZE != 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < count; i++) {
		const struct btc_header h = header_at(headers, i);
		if (i > 0 && !hash256_eq(&h.parent, &before))
			return ERR_CHECKSUM;
		TRY(btc_header_check_work(&h));
		btc_header_hash(&before, &h);
	}
	return OK;
}

enum err light_relay_check_retarget(struct slice headers, uint32_t first_time)
{
	const size_t count = headers.len / BTC_HEADER_SIZE, half = count / 2;
	uint32_t due;
	if (count == 0 || count % 2 != 0)
		return ERR_FORMAT;
	TRY(light_relay_check_chain(headers));
	const struct btc_header last = header_at(headers, half - 1);
	TRY(light_relay_next_bits(&due, last.bits, first_time, last.time));
	for (size_t i = 0; i < count; i++)
		if (header_at(headers, i).bits != (i < half ? last.bits : due))
			return ERR_RANGE;
	return OK;
}
