/* The first byte chooses the network; the rest is read as an address, and as a script. A text that
 * is an address is the only text of its script, but for bech32's upper case. */
#include "btc/script.h"

#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"mainnet", "testnet", "signet", "regtest"};
	if (size == 0)
		return 0;
	const struct network *network = network_by_name(
		LAYER_BITCOIN, slice_str(names[data[0] % ARRAY_LEN(names)]));
	CHECK(network != NULL);
	const struct slice in = slice_of(data + 1, size - 1);
	uint8_t script[BTC_SCRIPT_STD_MAX];
	char text[BTC_ADDRESS_TEXT_SIZE];
	size_t len;
	if (btc_address_parse(script, &len, network, in) == OK) {
		CHECK(len <= sizeof script && btc_dust_limit(slice_of(script, len)).raw > 0);
		CHECK(btc_address_format(text, network, slice_of(script, len)) == OK);
		CHECK(strlen(text) == in.len);
		CHECK(strncasecmp(text, (const char *)in.ptr, in.len) == 0);
	}
	(void)btc_dust_limit(in);
	if (btc_address_format(text, network, in) == OK) {
		const enum err err = btc_address_parse(script, &len, network, slice_str(text));
		CHECK(err == OK || err == ERR_RANGE);
		CHECK(err != OK || slice_eq(slice_of(script, len), in));
	}
	return 0;
}
