#include "sys/yaml.h"

#include <stdio.h>

#include "base/buf.h"

static enum err collect(void *ctx, const char *path, const char *value, uint32_t line)
{
	buf_printf(ctx, "%u %s=%s\n", line, path, value);
	return strcmp(value, "stop") == 0 ? ERR_DENIED : OK;
}

static enum err read_text(char out[1024], const char *text, struct yaml_error *error)
{
	struct buf b = buf_init(out, 1024);
	const enum err e = yaml_read(slice_str(text), collect, &b, error);
	(void)buf_cstr(&b);
	return e;
}

static void test_shapes(void)
{
	char out[1024];
	struct yaml_error error;
	CHECK(read_text(out, "a: 1\nb:\n  c: x y\n  d: {e: \"2\"}\nf: [p, 'q']\ng: ''\n", &error) ==
		OK);
	CHECK(strcmp(out, "1 a=1\n3 b.c=x y\n4 b.d.e=2\n5 f[]=p\n5 f[]=q\n6 g=\n") == 0);
	CHECK(read_text(out, "", &error) == OK && out[0] == '\0');
	CHECK(read_text(out, "# nothing\n", &error) == OK && out[0] == '\0');
	CHECK(read_text(out, "a: []\nb: {}\n", &error) == OK && out[0] == '\0');
}

static void test_refusals(void)
{
	static const struct {
		const char *text;
		enum err err;
		uint32_t line;
	} rows[] = {
		{"a: 1\na: 2\n", ERR_EXISTS, 2},
		{"a: &x 1\nb: *x\n", ERR_FORMAT, 1},
		{"a: 1\nb: !!int 2\n", ERR_FORMAT, 2},
		{"- a\n", ERR_FORMAT, 1},
		{"just text\n", ERR_FORMAT, 1},
		{"a: [[1]]\n", ERR_FORMAT, 1},
		{"a: [{b: 1}]\n", ERR_FORMAT, 1},
		{"[a]: 1\n", ERR_FORMAT, 1},
		{"a: 1\n---\nb: 2\n", ERR_FORMAT, 2},
		{"a: {b: {c: {d: {e: {f: {g: 1}}}}}}\n", ERR_FULL, 1},
		{"a.b: 1\n", ERR_FORMAT, 1},
		{"a: \"x\\0y\"\n", ERR_FORMAT, 1},
		{"a: 1\nb: \"unfinished\n", ERR_FORMAT, 3},
		{"a: 1\n\tb: 2\n", ERR_FORMAT, 2},
		{"a: 1\nb: stop\nc: 3\n", ERR_DENIED, 2},
	};
	char out[1024];
	struct yaml_error error;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const enum err e = read_text(out, rows[i].text, &error);
		if (e != rows[i].err || error.line != rows[i].line) {
			(void)fprintf(stderr, "row %zu: %s, line %u: %s\n", i, err_name(e),
				error.line, error.text);
			CHECK(false);
		}
	}
}

static enum err count(void *ctx, const char *path, const char *value, uint32_t line)
{
	(void)path;
	(void)value;
	(void)line;
	++*(unsigned *)ctx;
	return OK;
}

static void test_bounds(void)
{
	static char text[YAML_TEXT_MAX + 1];
	struct yaml_error error;
	unsigned n = 0;
	memset(text, '#', sizeof text);
	CHECK(yaml_read(slice_of(text, sizeof text), count, &n, &error) == ERR_FULL);
	CHECK(error.text[0] != '\0');
	CHECK(yaml_read(slice_of(text, sizeof text - 1), count, &n, &error) == OK);
	/* names and list entries are counted together */
	struct buf b = buf_init(text, sizeof text);
	buf_printf(&b, "l: [1");
	for (unsigned i = 2; i < YAML_KEYS_MAX; i++)
		buf_printf(&b, ",%u", i);
	const size_t len = b.len;
	buf_printf(&b, "]\n");
	CHECK(yaml_read(buf_slice(&b), count, &n, &error) == OK && n == YAML_KEYS_MAX - 1);
	b.len = len;
	buf_printf(&b, ",x]\n");
	CHECK(yaml_read(buf_slice(&b), count, &n, &error) == ERR_FULL && error.line == 1);
	CHECK(error.column == len + 2);
	b.len = 0;
	for (unsigned i = 0; i <= YAML_KEYS_MAX; i++)
		buf_printf(&b, "k%u:\n", i);
	CHECK(yaml_read(buf_slice(&b), count, &n, &error) == ERR_FULL);
	CHECK(error.line == YAML_KEYS_MAX + 1 && error.column == 1);
	/* a pile of brackets ends at the depth bound, not in the library's stack */
	memset(text, '[', sizeof text);
	memcpy(text, "a: ", 3);
	CHECK(yaml_read(slice_of(text, sizeof text - 1), count, &n, &error) == ERR_FORMAT);
	memset(text + 3, '{', sizeof text - 3);
	CHECK(yaml_read(slice_of(text, sizeof text - 1), count, &n, &error) != OK);
}

int main(void)
{
	test_bounds();
	test_shapes();
	test_refusals();
	return 0;
}
