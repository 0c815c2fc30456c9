#include "node/deposits.h"

#include "crypto/hash.h"
#include "wire/sweep.h"

#define IDENTITY_SCRIPTS 2u /* of one index alone, other descriptors could have the same */

static const struct {
	enum err err;
	const char *why;
} refusals[] = {
	{ERR_DENIED,
		"holds a private key, or needs one (a hardened step behind the xpub): give the "
		"public descriptor"},
	{ERR_CHECKSUM, "its check sum, or that of a key, is missing or wrong"},
	{ERR_NETWORK, "has keys of another network"},
	{ERR_STATE, "is of a kind that is not read here"},
	{ERR_FULL, "is too long"},
	{ERR_RANGE, "has a number that can't be, or could not be spent"},
};

static const char *why_not(enum err err)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].err == err)
			return refusals[i].why;
	return "is no output descriptor";
}

const char *deposits_read(struct descriptor *out, const struct network *network, const char *text)
{
	const enum err err = descriptor_parse(out, network, slice_str(text));
	if (err != OK)
		return why_not(err);
	if (!sweep_can_spend(out))
		return "must be wpkh(), tr() of a key alone, or wsh() of multi() or sortedmulti()";
	if (!out->ranged)
		return "has one address only: it must end in /*";
	if (out->alternative_count > 1)
		return "has several chains of addresses: give the one for receiving";
	return NULL;
}

/* The next address of a list, without the blanks around it; false: there is none. */
static bool next_address(struct slice *out, const char **at)
{
	if (**at == '\0')
		return false;
	const char *end = *at + strcspn(*at, ",");
	const char *from = *at;
	*at = *end == ',' ? end + 1 : end;
	while (from < end && *from == ' ')
		from++;
	while (from < end && end[-1] == ' ')
		end--;
	*out = slice_of(from, (size_t)(end - from));
	return true;
}

const char *deposits_sweep_addresses(const struct network *network, const char *list)
{
	uint8_t script[BTC_SCRIPT_STD_MAX];
	struct slice text;
	size_t len;
	while (next_address(&text, &list)) {
		const enum err err = btc_address_parse(script, &len, network, text);
		if (err != OK)
			return err == ERR_NETWORK ? "has an address of another network"
						  : "has something that is no address";
	}
	return NULL;
}

bool deposits_may_sweep_to(const struct network *network, const char *list, struct slice script)
{
	uint8_t own[BTC_SCRIPT_STD_MAX];
	struct slice text;
	size_t len;
	bool found = false;
	while (!found && next_address(&text, &list))
		found = btc_address_parse(own, &len, network, text) == OK &&
			slice_eq(slice_of(own, len), script);
	return found;
}

void deposits_id(struct hash256 *out, const struct descriptor *d)
{
	uint8_t script[IDENTITY_SCRIPTS][DEPOSITS_SCRIPT_MAX];
	struct slice part[IDENTITY_SCRIPTS];
	for (uint32_t i = 0; i < IDENTITY_SCRIPTS; i++)
		part[i] = slice_of(script[i], deposits_script(script[i], d, i));
	sha256_parts(out, part, IDENTITY_SCRIPTS);
}

size_t deposits_script(
	uint8_t script[DEPOSITS_SCRIPT_MAX], const struct descriptor *d, uint32_t index)
{
	struct descriptor_scripts scripts;
	/* but for one key in 2^127, which nobody can make */
	CHECK(descriptor_derive(&scripts, d, 0, index) == OK);
	CHECK(scripts.output_len <= DEPOSITS_SCRIPT_MAX);
	memcpy(script, scripts.output, scripts.output_len);
	return scripts.output_len;
}
