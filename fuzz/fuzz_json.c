/* Whatever the parser takes can be walked, written, and read again as the same. */
#include "net/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct json *v, unsigned depth)
{
	CHECK(depth <= JSON_DEPTH_MAX);
	const char *key;
	struct json *member;
	uint64_t n;
	int64_t i;
	bool b;
	uint8_t hash[32];
	const struct slice text = json_string(v);
	CHECK(text.ptr == NULL || memchr(text.ptr, 0, text.len) == NULL);
	for (size_t k = 0; k < json_count(v) && json_type(v) == JSON_ARRAY; k++)
		walk(json_at(v, k), depth + 1);
	for (size_t k = 0; json_member(v, k, &key, &member); k++) {
		CHECK(json_get(v, key) == member);
		(void)!json_get_u64(v, key, &n);
		(void)!json_get_i64(v, key, &i);
		(void)!json_get_bool(v, key, &b);
		(void)!json_get_quantity(v, key, &n);
		(void)!json_get_hex(v, key, hash, sizeof hash);
		if (json_get_decimal(v, key, 8, &n) == OK)
			CHECK(n <= UINT64_C(1) << 53);
		walk(member, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *v = NULL, *again = NULL;
	struct json_error error = {0};
	if (json_parse(&v, slice_of(data, size), &error) != OK) {
		CHECK(v == NULL && error.text[0] != 0);
		return 0;
	}
	walk(v, 0);
	size_t len, len_again;
	char *text = json_dump(v, 0, &len);
	CHECK(json_parse(&again, slice_of(text, len), NULL) == OK);
	char *text_again = json_dump(again, 0, &len_again);
	CHECK(len == len_again && memcmp(text, text_again, len) == 0);
	json_text_free(text);
	json_text_free(text_again);
	json_free(v);
	json_free(again);
	return 0;
}
