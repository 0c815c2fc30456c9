/* Lines do not depend on how the bytes were cut. */
#include "net/lines.h"

#include <stdlib.h>

#define LINE_MAX 8u

static void test_every_cut(void)
{
	static const char text[] = "one\n\n\r\ntwo\r\n\rthree\n12345678\nrest";
	static const char *const want[] = {"one", "two", "\rthree", "12345678"};
	const size_t len = sizeof text - 1;
	for (size_t a = 0; a <= len; a++)
		for (size_t b = a; b <= len; b++) {
			uint8_t storage[LINE_MAX];
			struct lines l = lines_init(storage, sizeof storage);
			const struct slice piece[] = {slice_of(text, a), slice_of(text + a, b - a),
				slice_of(text + b, len - b)};
			size_t count = 0;
			for (size_t i = 0; i < ARRAY_LEN(piece); i++) {
				struct slice in = piece[i], line;
				enum err err;
				while ((err = lines_take(&l, &in, &line)) == OK) {
					CHECK(count < ARRAY_LEN(want));
					CHECK(slice_eq(line, slice_str(want[count])));
					count++;
				}
				CHECK(err == ERR_SHORT && in.len == 0);
			}
			CHECK(count == ARRAY_LEN(want) && lines_is_cut(&l));
		}
}

static void test_bound(void)
{
	uint8_t storage[LINE_MAX];
	struct lines l = lines_init(storage, sizeof storage);
	struct slice in = slice_str("123456789"), line;
	CHECK(lines_take(&l, &in, &line) == ERR_FULL);
	in = slice_str("x\n"); /* nor does it go on in the middle of a line */
	CHECK(lines_take(&l, &in, &line) == ERR_FULL);
	l = lines_init(storage, sizeof storage);
	in = slice_str("1234");
	CHECK(lines_take(&l, &in, &line) == ERR_SHORT && lines_is_cut(&l));
	in = slice_str("56789");
	CHECK(lines_take(&l, &in, &line) == ERR_FULL);
	l = lines_init(storage, sizeof storage);
	in = slice_str("1\n");
	CHECK(lines_take(&l, &in, &line) == OK && !lines_is_cut(&l));
	in = slice_of(NULL, 0);
	CHECK(lines_take(&l, &in, &line) == ERR_SHORT && !lines_is_cut(&l));
}

int main(void)
{
	test_every_cut();
	test_bound();
	return EXIT_SUCCESS;
}
