#include "node/secrets.h"

#define T1 "0123456789abcdef0123456789abcdef"
#define T2 "fedcba9876543210fedcba9876543210"

int main(void)
{
	static struct token_set set;
	uint32_t line;
	CHECK(tokens_parse(&set, &line, slice_str("# ours\n" T1 "\r\n\n" T2 " read-only")) == OK);
	CHECK(set.count == 2);
	CHECK(tokens_check(&set, slice_str(T1)) == TOKEN_FULL);
	CHECK(tokens_check(&set, slice_str(T2)) == TOKEN_READ);
	CHECK(tokens_check(&set, slice_str("")) == TOKEN_NONE);
	CHECK(tokens_check(&set, slice_str(T1 " ")) == TOKEN_NONE);
	CHECK(tokens_check(&set, slice_str("# ours")) == TOKEN_NONE);
	CHECK(tokens_parse(&set, &line, slice_str(T1 "\nshort\n")) == ERR_FORMAT && line == 2);
	CHECK(tokens_parse(&set, &line, slice_str("")) == ERR_FORMAT);
	CHECK(tokens_parse(&set, &line, slice_str(T1 " admin\n")) == ERR_FORMAT);
	return 0;
}
