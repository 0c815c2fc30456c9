/* What is proven to a light relay, behind a command line, for a test that
 * drives a real one: every byte of its calls was encoded by the code under
 * test, and every retarget was checked by it first.
 *
 *   relay_tool genesis HEADER HEIGHT PROOF_LENGTH         calldata
 *   relay_tool retarget HEADERS FIRST_TIME                what our check says,
 * calldata relay_tool validate HEADERS                           what our check
 * says, calldata relay_tool range [ANSWER] calldata; or the first and the last
 * height
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "wire/light_relay.h"

static uint8_t given[LIGHT_RELAY_HEADERS_MAX * BTC_HEADER_SIZE];

static struct slice bytes_of(const char *hex)
{
	size_t len = 0;
	CHECK(hex_decode_var(given, &len, sizeof given, slice_str(hex)) == OK);
	return slice_of(given, len);
}

static void print(const struct buf *call)
{
	static char hex[2 * LIGHT_RELAY_CALL_MAX + 1];
	CHECK(!call->overflow);
	hex_encode(hex, call->ptr, call->len);
	(void)puts(hex);
}

static void print_range(const char *answer)
{
	uint64_t first, last;
	CHECK(light_relay_range_parse(&first, &last, bytes_of(answer)) == OK);
	(void)printf("%" PRIu64 "\n%" PRIu64 "\n", first, last);
}

int main(int argc, char **argv)
{
	static uint8_t storage[LIGHT_RELAY_CALL_MAX];
	struct buf call = buf_init(storage, sizeof storage);
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "genesis") == 0 && argc == 5) {
		light_relay_genesis_call(&call, bytes_of(argv[2]), strtoull(argv[3], NULL, 10),
			strtoull(argv[4], NULL, 10));
	} else if (strcmp(what, "retarget") == 0 && argc == 4) {
		const struct slice headers = bytes_of(argv[2]);
		(void)puts(err_name(
			light_relay_check_retarget(headers, (uint32_t)strtoul(argv[3], NULL, 10))));
		light_relay_retarget_call(&call, headers);
	} else if (strcmp(what, "validate") == 0 && argc == 3) {
		const struct slice headers = bytes_of(argv[2]);
		(void)puts(err_name(light_relay_check_chain(headers)));
		light_relay_validate_call(&call, headers);
	} else if (strcmp(what, "range") == 0 && argc == 3) {
		print_range(argv[2]);
		return EXIT_SUCCESS;
	} else if (strcmp(what, "range") == 0 && argc == 2) {
		light_relay_range_call(&call);
	} else {
		(void)fputs("relay_tool: unknown command, or arguments are missing\n", stderr);
		return 2;
	}
	print(&call);
	return EXIT_SUCCESS;
}
