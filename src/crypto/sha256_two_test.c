/* Two texts at once against one after the other: each length up to some blocks beside each, at odd
 * places, and with the hashes where the texts were. */
#include "crypto/sha256_two.h"

#define LEN_MAX 200u /* three blocks, and whatever padding does */

static void test_lengths(const uint8_t *bytes)
{
	for (size_t a = 0; a < LEN_MAX; a++) {
		for (size_t b = 0; b < LEN_MAX; b++) {
			const struct slice one = slice_of(bytes + 1, a),
					   two = slice_of(bytes + 7, b);
			struct hash256 got[2], want[2];
			sha256_two(&got[0], &got[1], (uint8_t)a, one, two);
			sha256_two_portable(&want[0], &want[1], (uint8_t)a, one, two);
			CHECK(memcmp(got, want, sizeof got) == 0);
		}
	}
}

static void test_in_place(const uint8_t *bytes)
{
	struct hash256 text[4], want[2];
	memcpy(text, bytes, sizeof text);
	const struct slice one = slice_of((const uint8_t *)&text[0], 64);
	const struct slice two = slice_of((const uint8_t *)&text[2], 64);
	sha256_two_portable(&want[0], &want[1], 1, one, two);
	sha256_two(&text[0], &text[1], 1, one, two);
	CHECK(memcmp(text, want, sizeof want) == 0);
}

int main(void)
{
	static uint8_t bytes[LEN_MAX + 8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * i * 7 + i);
	test_lengths(bytes);
	test_in_place(bytes);
	return 0;
}
