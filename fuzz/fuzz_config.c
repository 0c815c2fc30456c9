/* A configuration that loads can be checked and shown, and what it shows loads again. */
#include "node/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static uint8_t text[CONFIG_EXPLAIN_MAX];
	struct config_error error;
	const struct config_source source = {.path = "fuzz.yaml"};
	if (config_load_text(&config, slice_of(data, size), &source, &error) != OK) {
		CHECK(error.text[0] != '\0');
		return 0;
	}
	struct buf out = buf_init(text, sizeof text);
	const enum err e = config_check(&config, &out);
	CHECK((e == OK) == (out.len == 0));
	config_show(&out, &config);
	CHECK(!out.overflow);
	return 0;
}
