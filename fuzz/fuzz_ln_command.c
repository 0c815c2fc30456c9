/* A command to a Lightning node: what is read is written as the same bytes again. An invoice that a
 * fuzzer changed is none any more: the first byte chooses whether the one that is there is put into
 * a payment made of the bytes, or the bytes are read as they are. */
#include "crypto/hash.h"
#include "wire/bolt11.h"
#include "wire/ln_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_payment(struct buf *out, const uint8_t *data, size_t size)
{
	static char text[BOLT11_TEXT_MAX + 1];
	static const struct seckey key = {{1}};
	struct bolt11 b = {.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = 1000,
		.features = 1u << BOLT11_VAR_ONION | 1u << BOLT11_PAYMENT_SECRET};
	if (text[0] == 0)
		CHECK(bolt11_encode(text, &b, &key) == OK);
	buf_u8(out, LN_PAY);
	buf_put(out, data, size < 24 ? size : 24);
	buf_bytes32(out, slice_str(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	static uint8_t made[LN_COMMAND_MAX], again[LN_COMMAND_MAX];
	struct buf payment = buf_init(made, sizeof made), out = buf_init(again, sizeof again);
	struct ln_command c;
	struct hash256 hash;
	if (size == 0)
		return 0;
	secp_init(seed);
	struct slice in = slice_of(data + 1, size - 1);
	if (data[0] >= 128) {
		make_payment(&payment, data + 1, size - 1);
		in = buf_slice(&payment);
	}
	if (ln_command_decode(&c, in) != OK)
		return 0;
	ln_command_put(&out, &c);
	CHECK(!out.overflow && slice_eq(buf_slice(&out), in));
	if (c.kind == LN_SETTLE) {
		sha256(&hash, slice_of(c.preimage.b, sizeof c.preimage.b));
		CHECK(hash256_eq(&hash, &c.hash));
	}
	return 0;
}
