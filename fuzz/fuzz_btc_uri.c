/* A URI that is read is written, and read as the same again. */
#include "btc/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"mainnet", "testnet", "regtest"};
	static char text[2][4 * BTC_URI_TEXT_MAX];
	static struct btc_uri u, again;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct network *net = network_by_name(LAYER_BITCOIN, slice_str(names[i]));
		struct buf a = buf_init(text[0], sizeof text[0]);
		struct buf b = buf_init(text[1], sizeof text[1]);
		if (btc_uri_parse(&u, net, slice_of(data, size)) != OK)
			continue;
		const enum err err = btc_uri_put(&a, net, &u);
		/* percent-encoding, and Base58 that is not first, may make it impossible */
		if (err == ERR_FULL || (err == ERR_FORMAT && u.instruction_count > 1))
			continue;
		CHECK(err == OK && btc_uri_parse(&again, net, buf_slice(&a)) == OK);
		CHECK(u.has_amount == again.has_amount && u.amount.raw == again.amount.raw);
		CHECK(u.label.len == again.label.len && u.message.len == again.message.len);
		CHECK(btc_uri_put(&b, net, &again) == OK);
		CHECK(slice_eq(buf_slice(&a), buf_slice(&b)));
	}
	return 0;
}
