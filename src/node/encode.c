#include "node/encode.h"

#include <stdio.h>

#include "base/hex.h"

#define DAY_MS UINT64_C(86400000)
#define TIME_MAX_MS UINT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

void time_format(char text[TIME_TEXT_SIZE], uint64_t wall_ms)
{
	const uint64_t ms = wall_ms > TIME_MAX_MS ? TIME_MAX_MS : wall_ms;
	/* Days counted from 0000-03-01 in eras of 400 years: leap days come last in each. */
	const uint64_t days = ms / DAY_MS + 719468;
	const uint64_t era = days / 146097, of_era = days % 146097;
	const uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	const uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const uint64_t shifted = (5 * of_year + 2) / 153; /* March is 0 */
	const unsigned day = (unsigned)(of_year - (153 * shifted + 2) / 5 + 1);
	const unsigned month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
	const unsigned year = (unsigned)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
	const unsigned of_day = (unsigned)(ms % DAY_MS);
	(void)snprintf(text, TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000u,
		month, day, of_day / 3600000u, of_day / 60000u % 60u, of_day / 1000u % 60u,
		of_day % 1000u);
}

void id_format(char text[ID_TEXT_SIZE], const struct id128 *id)
{
	hex_encode(text, id->b, sizeof id->b);
}

enum err id_parse(struct id128 *id, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'F')
			return ERR_FORMAT;
	}
	return hex_decode(id->b, sizeof id->b, slice_str(text)) == OK ? OK : ERR_FORMAT;
}

void txid_format(char text[TXID_TEXT_SIZE], enum layer_id layer, const struct hash256 *txid)
{
	switch (layer_family(layer)) {
	case FAMILY_UTXO: hex_encode_reversed(text, txid->b, sizeof txid->b); return;
	case FAMILY_ACCOUNT:
		memcpy(text, "0x", 2);
		hex_encode(text + 2, txid->b, sizeof txid->b);
		return;
	case FAMILY_CHANNEL: hex_encode(text, txid->b, sizeof txid->b); return;
	}
	UNREACHABLE();
}

enum err txid_parse(struct hash256 *txid, enum layer_id layer, const char *text)
{
	struct slice digits = slice_str(text);
	if (digits.len >= 2 && digits.ptr[0] == '0' && digits.ptr[1] == 'x')
		digits = slice_of(digits.ptr + 2, digits.len - 2);
	switch (layer_family(layer)) {
	case FAMILY_UTXO:
		return hex_decode_reversed(txid->b, sizeof txid->b, digits) == OK ? OK : ERR_FORMAT;
	case FAMILY_ACCOUNT:
	case FAMILY_CHANNEL:
		return hex_decode(txid->b, sizeof txid->b, digits) == OK ? OK : ERR_FORMAT;
	}
	UNREACHABLE();
}
