#include "btc/base58.h"
#include "crypto/hash.h"

#define SUM_SIZE 4u
#define SIZE_MAX_WITH_SUM (BASE58_PAYLOAD_MAX + SUM_SIZE)

static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

enum err base58_decode(uint8_t *payload, size_t len, struct slice text)
{
	uint8_t b[SIZE_MAX_WITH_SUM] = {0};
	const size_t size = len + SUM_SIZE;
	size_t zeros = 0;
	size_t ones = 0;
	CHECK(len <= BASE58_PAYLOAD_MAX);
	if (text.len == 0 || text.len > BASE58_TEXT_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = text.ptr[i] == 0 ? NULL : strchr(digits, (char)text.ptr[i]);
		if (digit == NULL)
			return ERR_FORMAT;
		unsigned carry = (unsigned)(digit - digits);
		for (size_t k = size; k-- > 0;) {
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
	while (zeros < size && b[zeros] == 0)
		zeros++;
	if (ones != zeros)
		return ERR_FORMAT;
	struct hash256 sum;
	sha256d(&sum, slice_of(b, len));
	if (memcmp(sum.b, b + len, SUM_SIZE) != 0)
		return ERR_CHECKSUM;
	memcpy(payload, b, len);
	return OK;
}

void base58_put(struct buf *out, struct slice payload)
{
	uint8_t b[SIZE_MAX_WITH_SUM];
	char text[BASE58_TEXT_MAX];
	struct hash256 sum;
	size_t zeros = 0;
	const size_t size = payload.len + SUM_SIZE;
	CHECK(payload.len <= BASE58_PAYLOAD_MAX);
	memcpy(b, payload.ptr, payload.len);
	sha256d(&sum, payload);
	memcpy(b + payload.len, sum.b, SUM_SIZE);
	while (zeros < size && b[zeros] == 0)
		zeros++;
	size_t at = sizeof text;
	for (size_t first = zeros; first < size;) {
		unsigned rest = 0;
		for (size_t i = first; i < size; i++) {
			rest = rest << 8 | b[i];
			b[i] = (uint8_t)(rest / 58u);
			rest %= 58u;
		}
		CHECK(at > 0);
		text[--at] = digits[rest];
		while (first < size && b[first] == 0)
			first++;
	}
	for (; zeros > 0; zeros--)
		buf_u8(out, '1');
	buf_put(out, text + at, sizeof text - at);
}
