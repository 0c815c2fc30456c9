/* Strict parsing, typed getters, and what the makers write. */
#include "net/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rt/cpu_budget.h"

static enum err parse(struct json **out, const char *text)
{
	return json_parse(out, slice_str(text), NULL);
}

static struct json *must(const char *text)
{
	struct json *v = NULL;
	CHECK(parse(&v, text) == OK && v != NULL);
	return v;
}

static void check_dump(const struct json *v, unsigned indent, const char *expected)
{
	size_t len = 0;
	char *text = json_dump(v, indent, &len);
	if (strcmp(text, expected) != 0)
		(void)fprintf(stderr, "have: %s\nwant: %s\n", text, expected);
	CHECK(strcmp(text, expected) == 0 && len == strlen(expected));
	json_text_free(text);
}

static void test_refused(void)
{
	static const char *const bad[] = {"", " ", "{", "}", "[1,]", "{\"a\":1,}",
		"{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "[1] x", "[1][2]", "nul", "NaN",
		"[Infinity]", "[-]", "[01]", "[1.]", "[.5]", "[1e]", "[+1]", "[0x10]", "'a'",
		"[\"a]", "[\"\\x\"]", "[\"\\u00\"]", "[\"\\u0000\"]", "[\"\\ud800\"]",
		"[\"\\udc00\\ud800\"]", "[\"\x01\"]", "[\"\n\"]", "[\"\xff\"]", "[\"\xc0\x80\"]",
		"[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]", "{1:2}", "{\"a\" 1}", "[1 2]",
		"// c\n1", "[1]/* */", "\xef\xbb\xbf[]", "[18446744073709551616]", "[1e999]",
		"{\"\\u0000\":1}"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json *v = NULL;
		struct json_error error = {0};
		const enum err err = json_parse(&v, slice_str(bad[i]), &error);
		if (err != ERR_FORMAT)
			(void)fprintf(stderr, "accepted: %s\n", bad[i]);
		CHECK(err == ERR_FORMAT && v == NULL);
		CHECK(error.text[0] != 0 && error.offset <= strlen(bad[i]) + 1);
	}
	struct json *v = NULL;
	CHECK(json_parse(&v, slice_of("[1]\0", 4), NULL) == ERR_FORMAT);
	CHECK(json_parse(&v, slice_of("[\"a\0b\"]", 7), NULL) == ERR_FORMAT);
	CHECK(json_parse(&v, slice_of(NULL, 0), NULL) == ERR_FORMAT);
	struct json_error error;
	CHECK(json_parse(&v, slice_str("[1, 2, x]"), &error) == ERR_FORMAT);
	CHECK(error.offset >= 7 && error.offset <= 9);
}

static char *repeat(const char *unit, size_t count, size_t *len)
{
	const size_t each = strlen(unit);
	char *text = malloc(each * count + 1);
	CHECK(text != NULL);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * each, unit, each);
	*len = each * count;
	text[*len] = 0;
	return text;
}

static void test_bounds(void)
{
	struct json *v = NULL;
	struct json_error error;
	size_t len;
	char *brackets = repeat("[", 1u << 20, &len);
	CHECK(json_parse(&v, slice_of(brackets, len), &error) == ERR_FULL);
	CHECK(error.offset == JSON_DEPTH_MAX && v == NULL);
	free(brackets);

	char deep[2 * JSON_DEPTH_MAX + 3] = {0};
	for (size_t extra = 0; extra < 2; extra++) {
		const size_t depth = JSON_DEPTH_MAX + extra;
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		const enum err err = json_parse(&v, slice_of(deep, 2 * depth), NULL);
		CHECK(err == (extra == 0 ? OK : ERR_FULL));
	}
	json_free(v);
	v = NULL;

	/* brackets within strings don't count; an escaped quote doesn't end one */
	char *text = repeat("[\\\"", 200, &len);
	char *quoted = malloc(len + 3);
	CHECK(quoted != NULL);
	(void)snprintf(quoted, len + 3, "\"%s\"", text);
	CHECK(parse(&v, quoted) == OK && json_string(v).len == 400);
	json_free(v);
	free(quoted);
	free(text);

	char *many = repeat(",1", JSON_VALUES_MAX, &len);
	many[0] = '[';
	many[len - 1] = ']';
	v = NULL;
	CHECK(json_parse(&v, slice_of(many, len), NULL) == ERR_FULL && v == NULL);
	free(many);
}

static void test_getters(void)
{
	struct json *v = must(
		"{\"n\":9223372036854775807,\"neg\":-1,\"f\":1.0,\"e\":1e3,\"s\":\"x\","
		"\"b\":true,\"null\":null,\"q\":\"0x1F\",\"h\":\"0xAbcd\",\"h2\":\"abcd\","
		"\"a\":[1,\"two\",{}],\"z\":\"\",\"emoji\":\"\\ud83d\\ude00\"}");
	uint64_t n = 5;
	int64_t i = 5;
	bool b = false;
	CHECK(json_get_u64(v, "n", &n) == OK && n == INT64_MAX);
	n = 5;
	CHECK(json_get_u64(v, "neg", &n) == ERR_FORMAT && json_get_u64(v, "f", &n) == ERR_FORMAT);
	CHECK(json_get_u64(v, "e", &n) == ERR_FORMAT && json_get_u64(v, "s", &n) == ERR_FORMAT);
	CHECK(json_get_u64(v, "b", &n) == ERR_FORMAT && json_get_u64(v, "null", &n) == ERR_FORMAT);
	CHECK(json_get_u64(v, "none", &n) == ERR_NOT_FOUND && n == 5);
	CHECK(json_get_i64(v, "neg", &i) == OK && i == -1);
	CHECK(json_get_bool(v, "b", &b) == OK && b);
	CHECK(json_get_bool(v, "n", &b) == ERR_FORMAT);
	CHECK(json_get_bool(v, "none", &b) == ERR_NOT_FOUND);
	CHECK(json_get_quantity(v, "q", &n) == OK && n == 31);
	CHECK(json_get_quantity(v, "s", &n) == ERR_FORMAT);
	CHECK(json_get_quantity(v, "n", &n) == ERR_FORMAT);
	CHECK(json_get_quantity(v, "none", &n) == ERR_NOT_FOUND);
	uint8_t two[2] = {0};
	CHECK(json_get_hex(v, "h", two, 2) == OK && two[0] == 0xab && two[1] == 0xcd);
	CHECK(json_get_hex(v, "h2", two, 2) == OK);
	CHECK(json_get_hex(v, "h2", two, 1) == ERR_FORMAT);
	CHECK(json_get_hex(v, "h2", two, 3) == ERR_FORMAT);
	CHECK(json_get_hex(v, "s", two, 2) == ERR_FORMAT);
	CHECK(json_get_hex(v, "n", two, 2) == ERR_FORMAT);
	CHECK(json_get_hex(v, "none", two, 2) == ERR_NOT_FOUND);
	CHECK(strcmp(json_get_string(v, "s"), "x") == 0 && json_get_string(v, "n") == NULL);
	CHECK(json_string(json_get(v, "z")).ptr != NULL && json_string(json_get(v, "z")).len == 0);
	CHECK(json_string(json_get(v, "emoji")).len == 4);
	const struct json *a = json_get(v, "a");
	CHECK(json_type(a) == JSON_ARRAY && json_count(a) == 3 && json_at(a, 3) == NULL);
	CHECK(json_type(json_at(a, 1)) == JSON_STRING && json_type(json_at(a, 2)) == JSON_OBJECT);
	CHECK(json_count(json_at(a, 0)) == 0 && json_get(a, "x") == NULL && json_at(v, 0) == NULL);
	CHECK(json_type(json_get(v, "null")) == JSON_NULL && json_type(NULL) == JSON_NULL);
	json_free(v);
	json_free(NULL);
	CHECK(json_get(NULL, "x") == NULL && json_at(NULL, 0) == NULL && json_count(NULL) == 0);
	CHECK(json_string(NULL).ptr == NULL && json_get_u64(NULL, "x", &n) == ERR_NOT_FOUND);
}

static void test_quantities(void)
{
	static const struct {
		const char *text;
		enum err err;
		uint64_t value;
	} row[] = {
		{"0x0", OK, 0},
		{"0xffffffffffffffff", OK, UINT64_MAX},
		{"0x0000000000000000000000000000000000000000000000000000000000000010", OK, 16},
		{"0x10000000000000000", ERR_RANGE, 0},
		{"0x00000000000000000000000000000000000000000000000000000000000000010", ERR_FORMAT,
			0},
		{"0x", ERR_FORMAT, 0},
		{"", ERR_FORMAT, 0},
		{"10", ERR_FORMAT, 0},
		{"0X10", ERR_FORMAT, 0},
		{"0x-1", ERR_FORMAT, 0},
		{"0x1g", ERR_FORMAT, 0},
		{"0x1 ", ERR_FORMAT, 0},
		{"0x10000000000000000z", ERR_FORMAT, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct json *v = json_object();
		json_set_string(v, "q", row[i].text);
		uint64_t n = 42;
		CHECK(json_get_quantity(v, "q", &n) == row[i].err);
		CHECK(n == (row[i].err == OK ? row[i].value : 42));
		json_free(v);
	}
}

static void test_decimals(void)
{
	static const struct {
		const char *text;
		enum err err;
		uint64_t value;
	} row[] = {
		{"0", OK, 0},
		{"0.00000001", OK, 1},
		{"1e-8", OK, 1},
		{"0.1", OK, 10000000},
		{"0.3", OK, 30000000},
		{"20999999.9769", OK, UINT64_C(2099999997690000)},
		{"20999999.99999999", OK, UINT64_C(2099999999999999)},
		{"21000000", OK, UINT64_C(2100000000000000)},
		{"0.000000001", ERR_RANGE, 0},
		{"0.123456785", ERR_RANGE, 0},
		{"90071992.54740993", ERR_RANGE, 0},
		{"1e300", ERR_RANGE, 0},
		{"9223372036854775807", ERR_RANGE, 0},
		{"-0.1", ERR_FORMAT, 0},
		{"-1", ERR_FORMAT, 0},
		{"\"1\"", ERR_FORMAT, 0},
		{"null", ERR_FORMAT, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct json *v = json_object();
		json_set(v, "x", must(row[i].text));
		uint64_t n = 42;
		const enum err err = json_get_decimal(v, "x", 8, &n);
		if (err != row[i].err)
			(void)fprintf(stderr, "%s: %s\n", row[i].text, err_name(err));
		CHECK(err == row[i].err && n == (err == OK ? row[i].value : 42));
		CHECK(json_get_decimal(v, "none", 8, &n) == ERR_NOT_FOUND);
		json_free(v);
	}
	static const struct {
		const char *text;
		uint64_t value;
	} up[] = {{"0", 0}, {"0.00000001", 1}, {"0.000000011", 2}, {"1e-30", 1}, {"0.3", 30000000},
		{"0.123456785", 12345679}, {"1.0512345678901234e-04", 10513}};
	for (size_t i = 0; i < ARRAY_LEN(up); i++) {
		struct json *v = json_object();
		json_set(v, "x", must(up[i].text));
		uint64_t n = 0;
		CHECK(json_get_decimal_up(v, "x", 8, &n) == OK && n == up[i].value);
		CHECK(json_get_decimal_up(v, "none", 8, &n) == ERR_NOT_FOUND);
		json_free(v);
	}
	/* every number of satoshi that is written with eight places is read as itself */
	uint64_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		const uint64_t sat = (seed >> 8) % SAT_MAX_RAW;
		char text[64];
		(void)snprintf(text, sizeof text, "{\"x\":%llu.%08llu}",
			(unsigned long long)(sat / 100000000),
			(unsigned long long)(sat % 100000000));
		struct json *v = must(text);
		uint64_t n = 0;
		CHECK(json_get_decimal(v, "x", 8, &n) == OK && n == sat);
		CHECK(json_get_decimal_up(v, "x", 8, &n) == OK && n == sat);
		json_free(v);
	}
}

static void test_members(void)
{
	struct json *v = must("{\"b\":1,\"a\":2,\"c\":{\"d\":3,\"e\":4}}");
	const char *key;
	struct json *value;
	char seen[16] = {0};
	size_t n = 0;
	for (size_t i = 0; json_member(v, i, &key, &value); i++) {
		seen[n++] = key[0];
		for (size_t k = 0; json_member(value, k, &key, &value) && k < 1; k++)
			seen[n++] = key[0];
	}
	CHECK(strcmp(seen, "bacd") == 0); /* in the order of the text */
	CHECK(json_member(v, 2, &key, &value) && key[0] == 'c');
	CHECK(json_member(v, 1, &key, &value) && key[0] == 'a');
	CHECK(!json_member(v, 3, &key, &value) && !json_member(NULL, 0, &key, &value));
	json_free(v);
	/* a new object may lie where the old one was */
	v = must("{\"x\":1,\"y\":2}");
	CHECK(json_member(v, 1, &key, &value) && key[0] == 'y');
	json_set_u64(v, "x", 5);
	json_set_u64(v, "z", 6);
	CHECK(json_member(v, 2, &key, &value) && key[0] == 'z');
	json_free(v);
}

static void test_makers(void)
{
	struct json *v = json_object();
	json_set_string(v, "s", "a\"\\\n\x01\xc3\xa9");
	json_set_string(v, "bad", "a\xff\xfe z");
	json_set_string(v, "none", NULL);
	json_set_u64(v, "n", 7);
	json_set_u64(v, "big", UINT64_MAX);
	json_set_bool(v, "t", true);
	json_set_hex(v, "hex", "0x", "\x00\xab", 2);
	json_set_amount(v, "amount", amount_of(ASSET_BTC, 1000000));
	struct json *a = json_array();
	json_push(a, json_new_u64(1));
	json_push(a, json_new_null());
	json_push(a, NULL);
	json_set(v, "a", a);
	json_set(v, "nothing", NULL);
	json_set(NULL, "x", json_new_u64(1));
	json_push(NULL, json_new_u64(1));
	json_push(v, json_new_u64(1));
	json_set(a, "x", json_new_u64(1));
	check_dump(v, 0,
		"{\"s\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"bad\":\"a?? z\",\"none\":null,\"n\":7,"
		"\"big\":\"18446744073709551615\",\"t\":true,\"hex\":\"0x00ab\","
		"\"amount\":\"0.01\","
		"\"a\":[1,null]}");
	struct json *copy = json_clone(a);
	json_free(v);
	check_dump(copy, 2, "[\n  1,\n  null\n]");
	json_free(copy);
	check_dump(NULL, 0, "null");
	struct json *text = json_new_string("x");
	check_dump(text, 0, "\"x\"");
	json_free(text);
}

/* A text that takes longer than the thread's budget allows is given up, in both passes. */
static void test_cpu_budget(void)
{
	size_t len;
	char *many = repeat("[1,\"two\"],", 200000, &len);
	struct json *v = NULL;
	struct json_error error = {0};
	struct cpu_budget budget;
	many[0] = '[', many[len - 1] = ']'; /* "[1," is "[" and numbers now */
	const uint32_t kind = cpu_task_kind("json_test");
	cpu_budget_begin(&budget, kind, CPU_BUDGET_MIN_NS);
	CHECK(json_parse(&v, slice_of(many, len), &error) == ERR_CANCELLED);
	CHECK(v == NULL && error.text[0] != 0 && error.offset > 0 && error.offset < len);
	CHECK(cpu_budget_spent());
	CHECK(parse(&v, "[1]") == OK); /* too short to be looked at */
	json_free(v);
	CHECK(cpu_budget_end(&budget));
	/* spent in the library: the first pass takes far less than this */
	char *deep = repeat("{},", 300000, &len);
	cpu_budget_begin(&budget, kind, 5 * CPU_BUDGET_MS);
	char *list = malloc(len + 1);
	CHECK(list != NULL);
	list[0] = '[';
	memcpy(list + 1, deep, len - 1);
	list[len] = ']';
	v = NULL;
	CHECK(json_parse(&v, slice_of(list, len + 1), NULL) == ERR_CANCELLED && v == NULL);
	CHECK(cpu_budget_end(&budget));
	CHECK(json_parse(&v, slice_of(list, len + 1), NULL) == OK); /* nothing else is wrong */
	CHECK(json_count(v) == 300000);
	json_free(v);
	free(list);
	free(deep);
	free(many);
}

int main(void)
{
	test_refused();
	test_bounds();
	test_getters();
	test_quantities();
	test_decimals();
	test_members();
	test_makers();
	test_cpu_budget();
	return 0;
}
