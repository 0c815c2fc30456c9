/* A descriptor that is read has scripts at every index and alternative that it has, and at no
 * other; where there is an address, addr() of it is the same output. The first byte adds a check
 * sum. */
#include "btc/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct descriptor d, again;
static struct descriptor_scripts made, same;

static void check_address(const struct network *net)
{
	char text[BTC_ADDRESS_TEXT_SIZE], whole[2 * BTC_ADDRESS_TEXT_SIZE];
	struct buf b = buf_init(whole, sizeof whole);
	if (btc_address_format(text, net, slice_of(made.output, made.output_len)) != OK)
		return;
	buf_printf(&b, "addr(%s)", text);
	const enum err err = descriptor_parse_unchecked(&again, net, buf_slice(&b));
	if (err == ERR_RANGE) /* raw() of a witness version that has no rule yet */
		return;
	CHECK(err == OK && descriptor_derive(&same, &again, 0, 0) == OK);
	CHECK(slice_eq(
		slice_of(made.output, made.output_len), slice_of(same.output, same.output_len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[DESCRIPTOR_TEXT_MAX + 16];
	struct buf b = buf_init(text, sizeof text);
	char sum[DESCRIPTOR_CHECKSUM_SIZE + 1];
	if (size == 0 || size > DESCRIPTOR_TEXT_MAX)
		return 0;
	const struct network *net = network_by_name(
		LAYER_BITCOIN, slice_str((data[0] & 1) != 0 ? "mainnet" : "regtest"));
	buf_put(&b, data + 1, size - 1);
	const bool summed = (data[0] & 2) != 0 && descriptor_checksum(sum, buf_slice(&b)) == OK;
	if (summed)
		buf_printf(&b, "#%s", sum);
	if ((summed ? descriptor_parse(&d, net, buf_slice(&b))
		    : descriptor_parse_unchecked(&d, net, buf_slice(&b))) != OK)
		return 0;
	CHECK(d.key_count <= DESCRIPTOR_KEYS_MAX && d.alternative_count >= 1);
	for (uint32_t i = 0; i < d.alternative_count; i++) {
		CHECK(descriptor_derive(&made, &d, i, 0) == OK);
		CHECK(made.output_len <= DESCRIPTOR_SCRIPT_MAX);
		check_address(net);
	}
	CHECK(descriptor_derive(&made, &d, 0, 1) == (d.ranged ? OK : ERR_RANGE));
	CHECK(descriptor_derive(&made, &d, d.alternative_count, 0) == ERR_RANGE);
	return 0;
}
