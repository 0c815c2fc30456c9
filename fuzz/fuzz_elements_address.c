/* The first byte chooses the network and whether a script is shown as a confidential address; the
 * rest is read as an address, and as a script. A text that is an address is the only text of its
 * script and key, but for upper case. */
#include "wire/elements_address.h"

#include <strings.h>

#define CONFIDENTIAL_BIT 0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"liquidv1", "liquidtestnet", "elementsregtest"};
	/* the generator of the curve */
	static const struct pubkey key = {{0x02, 0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac,
		0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce,
		0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98}};
	if (size == 0)
		return 0;
	const struct elements_network *network = elements_network_by_name(
		slice_str(names[data[0] % ARRAY_LEN(names)]));
	CHECK(network != NULL);
	const struct slice in = slice_of(data + 1, size - 1);
	struct elements_address a;
	char text[ELEMENTS_ADDRESS_TEXT_SIZE];
	if (elements_address_parse(&a, network, in) == OK) {
		CHECK(a.script_len <= sizeof a.script);
		CHECK(!a.confidential || pubkey_valid(&a.blinding));
		CHECK(elements_address_format(text, network, slice_of(a.script, a.script_len),
			      a.confidential ? &a.blinding : NULL) == OK);
		CHECK(strlen(text) == in.len);
		CHECK(strncasecmp(text, (const char *)in.ptr, in.len) == 0);
	}
	const bool confidential = (data[0] & CONFIDENTIAL_BIT) != 0;
	if (elements_address_format(text, network, in, confidential ? &key : NULL) == OK) {
		const enum err err = elements_address_parse(&a, network, slice_str(text));
		CHECK(err == OK || err == ERR_RANGE);
		CHECK(err != OK || slice_eq(slice_of(a.script, a.script_len), in));
		CHECK(err != OK || a.confidential == confidential);
	}
	return 0;
}
