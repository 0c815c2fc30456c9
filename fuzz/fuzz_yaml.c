/* What is reported lies within the bounds, and what is refused says where. */
#include "sys/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err on_scalar(void *ctx, const char *path, const char *value, uint32_t line)
{
	unsigned *left = ctx;
	CHECK(strlen(path) > 0 && strlen(path) < YAML_PATH_SIZE && line > 0);
	CHECK(value != NULL && *left > 0);
	--*left;
	return strcmp(value, "stop") == 0 ? ERR_DENIED : OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_error error;
	unsigned left = YAML_KEYS_MAX;
	const enum err err = yaml_read(slice_of(data, size), on_scalar, &left, &error);
	CHECK(err == OK || err == ERR_DENIED || (error.text[0] != 0 && error.line > 0) ||
		size > YAML_TEXT_MAX);
	return 0;
}
