/* Reading descriptors: a recursive grammar of a bounded depth, read from left to right. */
#include "btc/descriptor.h"

#include "base/hex.h"

#define MULTI_BARE_KEYS_MAX 3u  /* more are not relayed */
#define MULTI_P2SH_KEYS_MAX 15u /* more do not fit the largest script that can be pushed */
#define SHORTEST_WIF 51u
#define LONGEST_WIF 52u
#define ORIGIN_FINGERPRINT_DIGITS 8u

/* ---- check sum: BIP-380 ---- */

static const char input_charset[] = "0123456789()[],'/*abcdefgh@:$%{}"
				    "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
				    "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
static const char checksum_charset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint64_t polymod(uint64_t c, unsigned value)
{
	static const uint64_t generator[5] = {UINT64_C(0xf5dee51989), UINT64_C(0xa9fdca3312),
		UINT64_C(0x1bab10e32d), UINT64_C(0x3706b1677a), UINT64_C(0x644d626ffd)};
	const unsigned top = (unsigned)(c >> 35);
	c = (c & UINT64_C(0x7ffffffff)) << 5 ^ value;
	for (unsigned i = 0; i < ARRAY_LEN(generator); i++)
		if ((top >> i & 1) != 0)
			c ^= generator[i];
	return c;
}

enum err descriptor_checksum(char out[DESCRIPTOR_CHECKSUM_SIZE + 1], struct slice text)
{
	uint64_t c = 1;
	unsigned class = 0;
	unsigned class_count = 0;
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.ptr[i] == 0 ? NULL : strchr(input_charset, (char)text.ptr[i]);
		if (at == NULL)
			return ERR_FORMAT;
		const unsigned position = (unsigned)(at - input_charset);
		c = polymod(c, position & 31);
		class = class * 3 + (position >> 5);
		if (++class_count == 3) {
			c = polymod(c, class);
			class = class_count = 0;
		}
	}
	if (class_count > 0)
		c = polymod(c, class);
	for (unsigned i = 0; i < DESCRIPTOR_CHECKSUM_SIZE; i++)
		c = polymod(c, 0);
	c ^= 1;
	for (unsigned i = 0; i < DESCRIPTOR_CHECKSUM_SIZE; i++)
		out[i] = checksum_charset[c >> 5 * (DESCRIPTOR_CHECKSUM_SIZE - 1 - i) & 31];
	out[DESCRIPTOR_CHECKSUM_SIZE] = 0;
	return OK;
}

/* ---- tokens ---- */

enum where { TOP, IN_SH, IN_WSH, IN_TR };

struct parsing {
	struct descriptor *d;
	const struct network *network;
	struct slice rest;
};

static bool skip(struct parsing *p, const char *want)
{
	const size_t len = strlen(want);
	if (p->rest.len < len || memcmp(p->rest.ptr, want, len) != 0)
		return false;
	p->rest = slice_of(p->rest.ptr + len, p->rest.len - len);
	return true;
}

static enum err expect(struct parsing *p, const char *want)
{
	return skip(p, want) ? OK : ERR_FORMAT;
}

/* What comes before the first of these characters. */
static struct slice take_until(struct parsing *p, const char *ends)
{
	size_t len = 0;
	while (len < p->rest.len && strchr(ends, (char)p->rest.ptr[len]) == NULL)
		len++;
	const struct slice taken = slice_of(p->rest.ptr, len);
	p->rest = slice_of(p->rest.ptr + len, p->rest.len - len);
	return taken;
}

static bool is_hardened_mark(uint8_t c)
{
	return c == '\'' || c == 'h' || c == 'H';
}

/* Digits below 2^31. */
static enum err get_number(uint32_t *out, struct slice text)
{
	uint64_t v = 0;
	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return ERR_FORMAT;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return ERR_FORMAT;
		v = v * 10 + (uint64_t)(text.ptr[i] - '0');
		if (v >= BIP32_HARDENED)
			return ERR_RANGE;
	}
	*out = (uint32_t)v;
	return OK;
}

/* ---- keys ---- */

static enum err take_origin(struct parsing *p, struct descriptor_key *key)
{
	if (!skip(p, "["))
		return OK;
	const struct slice fingerprint = take_until(p, "/]");
	if (fingerprint.len != ORIGIN_FINGERPRINT_DIGITS ||
		hex_decode(key->fingerprint, sizeof key->fingerprint, fingerprint) != OK)
		return ERR_FORMAT;
	while (skip(p, "/")) {
		struct slice step = take_until(p, "/]");
		const bool hardened = step.len > 0 && is_hardened_mark(step.ptr[step.len - 1]);
		if (key->origin_count == DESCRIPTOR_STEPS_MAX)
			return ERR_FULL;
		step.len -= hardened;
		TRY(get_number(&key->origin[key->origin_count], step));
		if (hardened)
			key->origin[key->origin_count] |= BIP32_HARDENED;
		key->origin_count++;
	}
	key->has_origin = true;
	return expect(p, "]");
}

/* <a;b;...>: at least two, all different. */
static enum err take_alternatives(
	struct descriptor *d, struct descriptor_key *key, struct slice text)
{
	uint32_t count = 0;
	struct parsing p = {.rest = slice_of(text.ptr + 1, text.len - 2)};
	if (key->alternative_at < key->step_count)
		return ERR_FORMAT; /* a second set of them */
	do {
		uint32_t v;
		const struct slice number = take_until(&p, ";");
		if (count == DESCRIPTOR_ALTERNATIVES_MAX)
			return ERR_FULL;
		if (number.len > 0 && is_hardened_mark(number.ptr[number.len - 1]))
			return ERR_DENIED;
		TRY(get_number(&v, number));
		for (uint32_t i = 0; i < count; i++)
			if (key->alternative[i] == v)
				return ERR_FORMAT;
		key->alternative[count++] = v;
	} while (skip(&p, ";"));
	if (count < 2 || (d->alternative_count > 1 && d->alternative_count != count))
		return ERR_FORMAT;
	d->alternative_count = count;
	return OK;
}

/* One step of a path. *last: it is the index to be chosen. */
static enum err take_step(
	struct descriptor *d, struct descriptor_key *key, struct slice step, bool *last)
{
	if (step.len > 0 && is_hardened_mark(step.ptr[step.len - 1]))
		return ERR_DENIED;
	if (step.len == 1 && step.ptr[0] == '*') {
		*last = key->ranged = d->ranged = true;
		return OK;
	}
	if (key->step_count == DESCRIPTOR_STEPS_MAX)
		return ERR_FULL;
	if (step.len > 2 && step.ptr[0] == '<' && step.ptr[step.len - 1] == '>') {
		TRY(take_alternatives(d, key, step));
		key->alternative_at = key->step_count++;
		return OK;
	}
	TRY(get_number(&key->step[key->step_count], step));
	/* no step before it has alternatives: "none" moves along */
	if (key->alternative_at == key->step_count)
		key->alternative_at++;
	key->step_count++;
	return OK;
}

static enum err take_path(struct parsing *p, struct descriptor_key *key)
{
	bool last = false;
	while (skip(p, "/")) {
		if (last)
			return ERR_FORMAT;
		TRY(take_step(p->d, key, take_until(p, "/,)}"), &last));
	}
	return OK;
}

/* Base58 of a private key's length and shape. */
static bool is_wif(struct slice text)
{
	uint8_t b[34];
	if (text.len < SHORTEST_WIF || text.len > LONGEST_WIF)
		return false;
	const bool wif = base58_decode(b, 34, text) == OK || base58_decode(b, 33, text) == OK;
	bytes_wipe(b, sizeof b);
	return wif;
}

/* A point of the curve, written in full: the same as the compressed one says. */
static bool uncompressed_valid(const uint8_t full[65])
{
	struct pubkey key;
	uint8_t again[65];
	key.b[0] = (uint8_t)(0x02 | (full[64] & 1));
	memcpy(key.b + 1, full + 1, 32);
	return full[0] == 0x04 && pubkey_uncompressed(again, &key) == OK &&
		memcmp(full, again, sizeof again) == 0;
}

static enum err get_plain_key(struct descriptor_key *key, struct slice text, enum where where)
{
	struct pubkey compressed = {{0x02}};
	if (is_wif(text))
		return ERR_DENIED;
	if (where == IN_TR && text.len == 64) {
		TRY(hex_decode(compressed.b + 1, 32, text));
	} else if (text.len == 66) {
		TRY(hex_decode(compressed.b, 33, text));
	} else if (text.len == 130 && (where == TOP || where == IN_SH)) {
		key->len = sizeof key->bytes;
		if (hex_decode(key->bytes, key->len, text) != OK || !uncompressed_valid(key->bytes))
			return ERR_FORMAT;
		return OK;
	} else {
		return ERR_FORMAT;
	}
	if (!pubkey_valid(&compressed))
		return ERR_FORMAT;
	key->len = sizeof compressed.b;
	memcpy(key->bytes, compressed.b, sizeof compressed.b);
	return OK;
}

static enum err take_key(struct parsing *p, enum where where)
{
	struct descriptor *d = p->d;
	if (d->key_count == DESCRIPTOR_KEYS_MAX)
		return ERR_FULL;
	struct descriptor_key *key = &d->key[d->key_count];
	*key = (struct descriptor_key){0};
	TRY(take_origin(p, key));
	const struct slice text = take_until(p, "/,)}");
	const enum err extended = xpub_parse(&key->xpub, p->network, text);
	key->extended = extended == OK;
	if (extended == ERR_DENIED || extended == ERR_NETWORK)
		return extended;
	if (key->extended) {
		TRY(take_path(p, key));
	} else {
		const enum err err = get_plain_key(key, text, where);
		if (err != OK)
			return err == ERR_FORMAT && extended == ERR_CHECKSUM ? ERR_CHECKSUM : err;
	}
	d->key_count++;
	return OK;
}

/* ---- scripts ---- */

static enum err take_one_key(
	struct parsing *p, struct descriptor_script *s, enum descriptor_kind kind, enum where where)
{
	*s = (struct descriptor_script){.kind = kind, .key = p->d->key_count, .key_count = 1};
	TRY(take_key(p, where));
	return expect(p, ")");
}

static enum err take_multi(
	struct parsing *p, struct descriptor_script *s, enum descriptor_kind kind, enum where where)
{
	static const uint32_t keys_max[] = {[TOP] = MULTI_BARE_KEYS_MAX,
		[IN_SH] = MULTI_P2SH_KEYS_MAX,
		[IN_WSH] = DESCRIPTOR_MULTI_KEYS_MAX,
		[IN_TR] = DESCRIPTOR_MULTI_KEYS_MAX};
	*s = (struct descriptor_script){.kind = kind, .key = p->d->key_count};
	TRY(get_number(&s->threshold, take_until(p, ",)")));
	while (skip(p, ",")) {
		if (s->key_count == keys_max[where])
			return ERR_RANGE;
		TRY(take_key(p, where));
		s->key_count++;
	}
	if (s->threshold == 0 || s->threshold > s->key_count)
		return ERR_RANGE;
	return expect(p, ")");
}

/* Which functions a script may be, and where. */
static const struct {
	const char *name;
	enum descriptor_kind kind;
	enum err (*take)(struct parsing *p, struct descriptor_script *s, enum descriptor_kind kind,
		enum where where);
	unsigned allowed; /* bits of enum where */
} functions[] = {
	{"pk(", DESCRIPTOR_PK, take_one_key, 1u << TOP | 1u << IN_SH | 1u << IN_WSH | 1u << IN_TR},
	{"pkh(", DESCRIPTOR_PKH, take_one_key, 1u << TOP | 1u << IN_SH | 1u << IN_WSH},
	{"wpkh(", DESCRIPTOR_WPKH, take_one_key, 1u << TOP | 1u << IN_SH},
	{"multi(", DESCRIPTOR_MULTI, take_multi, 1u << TOP | 1u << IN_SH | 1u << IN_WSH},
	{"sortedmulti(", DESCRIPTOR_SORTEDMULTI, take_multi,
		1u << TOP | 1u << IN_SH | 1u << IN_WSH},
	{"multi_a(", DESCRIPTOR_MULTI_A, take_multi, 1u << IN_TR},
	{"sortedmulti_a(", DESCRIPTOR_SORTEDMULTI_A, take_multi, 1u << IN_TR},
};

/* What is a descriptor elsewhere, or a script of miniscript; what is one here, is so at the top
 * alone. */
static enum err not_read(struct parsing *p)
{
	static const char *const outer[] = {"sh(", "wsh(", "tr(", "addr(", "raw("};
	for (size_t i = 0; i < ARRAY_LEN(outer); i++)
		if (skip(p, outer[i]))
			return ERR_FORMAT;
	for (size_t i = 0; i < p->rest.len; i++) {
		const uint8_t c = p->rest.ptr[i];
		if (c == '(' && i > 0)
			return ERR_STATE;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != ':')
			break;
	}
	return ERR_FORMAT;
}

static enum err take_script(struct parsing *p, struct descriptor_script *s, enum where where)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		if (!skip(p, functions[i].name))
			continue;
		if ((functions[i].allowed & 1u << where) == 0)
			return ERR_FORMAT;
		const enum where keys = functions[i].kind == DESCRIPTOR_WPKH ? IN_WSH : where;
		return functions[i].take(p, s, functions[i].kind, keys);
	}
	return not_read(p);
}

/* Leaves depth first. An opening brace goes a level down to a left part; a leaf or a closed pair
 * that is a left part is followed by a comma, and its right part is on the same level; one that is
 * a right part closes its pair. */
static enum err take_tree(struct parsing *p)
{
	struct descriptor *d = p->d;
	bool left[BTC_CONTROL_DEPTH_MAX + 1] = {false};
	uint32_t depth = 0;
	for (;;) {
		while (skip(p, "{")) {
			if (depth == BTC_CONTROL_DEPTH_MAX)
				return ERR_RANGE;
			left[++depth] = true;
		}
		if (d->leaf_count == DESCRIPTOR_LEAVES_MAX)
			return ERR_FULL;
		TRY(take_script(p, &d->leaf[d->leaf_count], IN_TR));
		d->leaf[d->leaf_count++].depth = depth;
		while (depth > 0 && !left[depth]) {
			TRY(expect(p, "}"));
			depth--;
		}
		if (depth == 0)
			return OK;
		TRY(expect(p, ","));
		left[depth] = false;
	}
}

static enum err take_tr(struct parsing *p)
{
	p->d->script = (struct descriptor_script){.kind = DESCRIPTOR_TR, .key_count = 1};
	TRY(take_key(p, IN_TR));
	if (skip(p, ","))
		TRY(take_tree(p));
	return expect(p, ")");
}

static enum err take_addr(struct parsing *p)
{
	p->d->script.kind = DESCRIPTOR_FIXED;
	TRY(btc_address_parse(p->d->fixed, &p->d->fixed_len, p->network, take_until(p, ")")));
	return expect(p, ")");
}

static enum err take_raw(struct parsing *p)
{
	p->d->script.kind = DESCRIPTOR_FIXED;
	TRY(hex_decode_var(p->d->fixed, &p->d->fixed_len, sizeof p->d->fixed, take_until(p, ")")));
	return expect(p, ")");
}

_Static_assert(DESCRIPTOR_RAW_MAX >= BTC_SCRIPT_STD_MAX, "room for an address's script");

static enum err take_wsh(struct parsing *p)
{
	p->d->wsh = true;
	TRY(take_script(p, &p->d->script, IN_WSH));
	return expect(p, ")");
}

static enum err take_sh(struct parsing *p)
{
	p->d->sh = true;
	TRY(skip(p, "wsh(") ? take_wsh(p) : take_script(p, &p->d->script, IN_SH));
	return expect(p, ")");
}

static enum err take_top(struct parsing *p)
{
	static const struct {
		const char *name;
		enum err (*take)(struct parsing *p);
	} wrappers[] = {{"sh(", take_sh}, {"wsh(", take_wsh}, {"tr(", take_tr},
		{"addr(", take_addr}, {"raw(", take_raw}};
	for (size_t i = 0; i < ARRAY_LEN(wrappers); i++)
		if (skip(p, wrappers[i].name))
			return wrappers[i].take(p);
	return take_script(p, &p->d->script, TOP);
}

/* ---- the whole text ---- */

static enum err split_checksum(struct slice *text, bool demanded)
{
	char want[DESCRIPTOR_CHECKSUM_SIZE + 1];
	const uint8_t *mark = text->len == 0 ? NULL : memchr(text->ptr, '#', text->len);
	const struct slice body = mark == NULL ? *text
					       : slice_of(text->ptr, (size_t)(mark - text->ptr));
	TRY(descriptor_checksum(want, body));
	if (mark == NULL)
		return demanded ? ERR_CHECKSUM : OK;
	const struct slice have = slice_of(mark + 1, text->len - body.len - 1);
	if (!slice_eq(have, slice_str(want)))
		return ERR_CHECKSUM;
	*text = body;
	return OK;
}

static enum err parse(
	struct descriptor *out, const struct network *network, struct slice text, bool demanded)
{
	struct parsing p = {.d = out, .network = network};
	struct descriptor_scripts first;
	CHECK(network->hrp != NULL);
	if (text.len > DESCRIPTOR_TEXT_MAX)
		return ERR_FULL;
	TRY(split_checksum(&text, demanded));
	*out = (struct descriptor){.alternative_count = 1};
	p.rest = text;
	TRY(take_top(&p));
	if (p.rest.len != 0)
		return ERR_FORMAT;
	/* a script that is too large is so at every index */
	return descriptor_derive(&first, out, 0, 0);
}

enum err descriptor_parse(struct descriptor *out, const struct network *network, struct slice text)
{
	return parse(out, network, text, true);
}

enum err descriptor_parse_unchecked(
	struct descriptor *out, const struct network *network, struct slice text)
{
	return parse(out, network, text, false);
}
