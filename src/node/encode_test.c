#include "node/encode.h"

#include <stdio.h>

static void test_time(void)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{951782400123, "2000-02-29T00:00:00.123Z"},
		{1709251199999, "2024-02-29T23:59:59.999Z"},
		{1709251200000, "2024-03-01T00:00:00.000Z"},
		{1735689599000, "2024-12-31T23:59:59.000Z"},
		{2147483648000, "2038-01-19T03:14:08.000Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{UINT64_MAX, "9999-12-31T23:59:59.999Z"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[TIME_TEXT_SIZE];
		time_format(text, rows[i].ms);
		if (strcmp(text, rows[i].text) != 0) {
			(void)fprintf(stderr, "%s, not %s\n", text, rows[i].text);
			CHECK(false);
		}
	}
}

static void test_ids(void)
{
	struct id128 id;
	struct hash256 h = {{1, 2}}, back;
	char text[TXID_TEXT_SIZE], id_text[ID_TEXT_SIZE];
	CHECK(id_parse(&id, "000102030405060708090a0b0c0d0e0f") == OK && id.b[15] == 15);
	id_format(id_text, &id);
	CHECK(strcmp(id_text, "000102030405060708090a0b0c0d0e0f") == 0);
	CHECK(id_parse(&id, "000102030405060708090A0b0c0d0e0f") == ERR_FORMAT);
	CHECK(id_parse(&id, "00") == ERR_FORMAT);
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		txid_format(text, (enum layer_id)i, &h);
		CHECK(txid_parse(&back, (enum layer_id)i, text) == OK && hash256_eq(&h, &back));
	}
	txid_format(text, LAYER_BITCOIN, &h);
	CHECK(strcmp(text + 60, "0201") == 0);
	txid_format(text, LAYER_ROOTSTOCK, &h);
	CHECK(strncmp(text, "0x0102", 6) == 0);
	CHECK(txid_parse(&back, LAYER_BITCOIN, "0x") == ERR_FORMAT);
}

int main(void)
{
	test_time();
	test_ids();
	return 0;
}
