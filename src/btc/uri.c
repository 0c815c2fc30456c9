#include "btc/uri.h"

#include "base/utf8.h"

#define SCHEME "bitcoin:"
#define REQUIRED "req-"
#define AMOUNT_DIGITS_MAX 40u

/* ---- characters ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_letter_or_digit(uint8_t c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

/* What may stand in a query as itself (RFC 3986), less the two that separate. */
static bool is_query_char(uint8_t c)
{
	static const char others[] = "-._~!$'()*+,;:@/?";
	return is_letter_or_digit(c) || (c != 0 && strchr(others, c) != NULL);
}

/* What needs no encoding anywhere: RFC 3986's unreserved characters. */
static bool is_unreserved(uint8_t c)
{
	return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool eq_nocase(struct slice text, const char *want)
{
	if (text.len != strlen(want))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (lower(text.ptr[i]) != (uint8_t)want[i])
			return false;
	return true;
}

/* Takes `want` off the front. */
static bool skip_nocase(struct slice *text, const char *want)
{
	const size_t len = strlen(want);
	if (text->len < len || !eq_nocase(slice_of(text->ptr, len), want))
		return false;
	*text = slice_of(text->ptr + len, text->len - len);
	return true;
}

/* Takes what comes before a separator, and the separator, off the front; false: there is none, and
 * the part is all of it. */
static bool cut(struct slice *part, struct slice *rest, uint8_t separator)
{
	const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
	const size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
	const size_t used = at == NULL ? len : len + 1;
	*part = slice_of(rest->ptr, len);
	*rest = slice_of(rest->ptr + used, rest->len - used);
	return at != NULL;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- parameters ---- */

struct parsing {
	struct btc_uri uri;
	const struct network *network;
};

static enum err set_amount(struct parsing *p, struct slice value)
{
	uint8_t digits[AMOUNT_DIGITS_MAX];
	struct buf b = buf_init(digits, sizeof digits);
	struct amount amount;
	if (p->uri.has_amount || value.len == 0)
		return ERR_FORMAT;
	/* the grammar allows nothing before the point, or after it */
	if (value.ptr[0] == '.')
		buf_u8(&b, '0');
	buf_put(&b, value.ptr, value.len);
	if (value.len > 1 && value.ptr[value.len - 1] == '.')
		buf_u8(&b, '0');
	if (b.overflow)
		return ERR_RANGE;
	TRY(amount_parse(&amount, ASSET_BTC, buf_slice(&b)));
	TRY(amount_to_sat(&p->uri.amount, amount));
	p->uri.has_amount = true;
	return OK;
}

static enum err set_field(struct btc_uri_field *field, struct slice value)
{
	if (field->len > 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];
		if (c == '%') {
			const int high = value.len - i > 2 ? hex_digit(value.ptr[i + 1]) : -1;
			const int low = high >= 0 ? hex_digit(value.ptr[i + 2]) : -1;
			if (low < 0)
				return ERR_FORMAT;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		} else if (!is_query_char(c) && c != '=') {
			return ERR_FORMAT;
		}
		if (c < ' ' || c == 0x7f)
			return ERR_FORMAT;
		if (field->len == sizeof field->text)
			return ERR_FULL;
		field->text[field->len++] = c;
	}
	return utf8_valid(slice_of(field->text, field->len)) ? OK : ERR_FORMAT;
}

static enum err set_label(struct parsing *p, struct slice value)
{
	return set_field(&p->uri.label, value);
}

static enum err set_message(struct parsing *p, struct slice value)
{
	return set_field(&p->uri.message, value);
}

/* Instructions consist of letters and digits; so does everything that is known of their kinds. */
static enum err add_instruction(struct parsing *p, enum btc_uri_kind kind, struct slice value)
{
	struct btc_uri *uri = &p->uri;
	if (value.len == 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < value.len; i++)
		if (!is_letter_or_digit(value.ptr[i]))
			return ERR_FORMAT;
	if (uri->instruction_count == BTC_URI_INSTRUCTIONS_MAX)
		return ERR_FULL;
	struct btc_uri_instruction *made = &uri->instruction[uri->instruction_count];
	*made = (struct btc_uri_instruction){.kind = kind, .text = value};
	if (kind == BTC_URI_ADDRESS)
		TRY(btc_address_parse(made->script, &made->script_len, p->network, value));
	uri->instruction_count++;
	return OK;
}

static enum err add_lightning(struct parsing *p, struct slice value)
{
	return add_instruction(p, BTC_URI_LIGHTNING, value);
}

static enum err add_offer(struct parsing *p, struct slice value)
{
	return add_instruction(p, BTC_URI_OFFER, value);
}

static enum err add_silent(struct parsing *p, struct slice value)
{
	return add_instruction(p, BTC_URI_SILENT, value);
}

static const struct {
	const char *key;
	enum err (*set)(struct parsing *p, struct slice value);
} params[] = {
	{"amount", set_amount},
	{"label", set_label},
	{"message", set_message},
	{"lightning", add_lightning},
	{"lno", add_offer},
	{"sp", add_silent},
};

/* The prefixes of segwit addresses, each a key for addresses of its network. */
static const char *const prefixes[] = {"bc", "tb", "bcrt"};

static enum err add_segwit(struct parsing *p, const char *prefix, struct slice value)
{
	struct slice rest = value;
	if (!skip_nocase(&rest, prefix) || rest.len == 0 || rest.ptr[0] != '1')
		return ERR_FORMAT;
	return strcmp(prefix, p->network->hrp) == 0 ? add_instruction(p, BTC_URI_ADDRESS, value)
						    : ERR_NETWORK;
}

static enum err take_param(struct parsing *p, struct slice param)
{
	struct slice key;
	struct slice value = param;
	if (param.len == 0)
		return OK;
	(void)cut(&key, &value, '=');
	for (size_t i = 0; i < key.len; i++)
		if (!is_query_char(key.ptr[i]))
			return ERR_FORMAT;
	const bool required = skip_nocase(&key, REQUIRED);
	if (key.len == 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		if (eq_nocase(key, params[i].key))
			return params[i].set(p, value);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (eq_nocase(key, prefixes[i]))
			return add_segwit(p, prefixes[i], value);
	return required ? ERR_STATE : OK;
}

enum err btc_uri_parse(struct btc_uri *out, const struct network *network, struct slice text)
{
	struct parsing p = {.network = network};
	struct slice path;
	CHECK(network->hrp != NULL);
	if (text.len > BTC_URI_TEXT_MAX)
		return ERR_FULL;
	if (!skip_nocase(&text, SCHEME))
		return ERR_FORMAT;
	(void)cut(&path, &text, '?');
	if (path.len > 0)
		TRY(add_instruction(&p, BTC_URI_ADDRESS, path));
	while (text.len > 0) {
		struct slice param;
		(void)cut(&param, &text, '&');
		TRY(take_param(&p, param));
	}
	if (p.uri.instruction_count == 0)
		return ERR_NOT_FOUND;
	*out = p.uri;
	return OK;
}

/* ---- writing ---- */

static void put_separator(struct buf *out, bool *first)
{
	buf_u8(out, *first ? '?' : '&');
	*first = false;
}

static void put_text(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

static void put_field(
	struct buf *out, bool *first, const char *key, const struct btc_uri_field *field)
{
	if (field->len == 0)
		return;
	put_separator(out, first);
	put_text(out, key);
	for (size_t i = 0; i < field->len; i++) {
		if (is_unreserved(field->text[i]))
			buf_u8(out, field->text[i]);
		else
			buf_printf(out, "%%%02X", field->text[i]);
	}
}

static enum err put_amount(struct buf *out, bool *first, struct sat amount)
{
	char text[AMOUNT_TEXT_SIZE];
	if (amount.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	amount_format(text, amount_from_sat(amount));
	put_separator(out, first);
	put_text(out, "amount=");
	put_text(out, text);
	return OK;
}

static enum err put_instruction(struct buf *out, bool *first, const struct network *network,
	const struct btc_uri_instruction *way)
{
	static const char *const keys[] = {[BTC_URI_LIGHTNING] = "lightning",
		[BTC_URI_OFFER] = "lno",
		[BTC_URI_SILENT] = "sp"};
	struct slice rest = way->text;
	const bool address = way->kind == BTC_URI_ADDRESS;
	const char *key = address ? network->hrp : keys[way->kind];
	if (address && (!skip_nocase(&rest, key) || rest.len == 0 || rest.ptr[0] != '1'))
		return ERR_FORMAT;
	put_separator(out, first);
	put_text(out, key);
	buf_u8(out, '=');
	buf_put(out, way->text.ptr, way->text.len);
	return OK;
}

/* Our own reader takes it back as what it was made from, or it is not made. */
static enum err check_made(
	struct slice text, const struct network *network, const struct btc_uri *uri)
{
	struct btc_uri again;
	const enum err err = btc_uri_parse(&again, network, text);
	if (err != OK)
		return err == ERR_FULL ? ERR_FULL : ERR_FORMAT;
	if (again.instruction_count != uri->instruction_count ||
		again.has_amount != uri->has_amount || again.label.len != uri->label.len ||
		again.message.len != uri->message.len)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < again.instruction_count; i++)
		if (!slice_eq(again.instruction[i].text, uri->instruction[i].text))
			return ERR_FORMAT;
	return OK;
}

enum err btc_uri_put(struct buf *out, const struct network *network, const struct btc_uri *uri)
{
	const size_t from = out->len;
	bool first = true;
	uint32_t next = 0;
	enum err err = OK;
	CHECK(network->hrp != NULL);
	if (uri->instruction_count > BTC_URI_INSTRUCTIONS_MAX ||
		uri->label.len > BTC_URI_FIELD_MAX || uri->message.len > BTC_URI_FIELD_MAX)
		return ERR_FULL;
	put_text(out, SCHEME);
	if (uri->instruction_count > 0 && uri->instruction[0].kind == BTC_URI_ADDRESS) {
		buf_put(out, uri->instruction[0].text.ptr, uri->instruction[0].text.len);
		next = 1;
	}
	if (uri->has_amount)
		err = put_amount(out, &first, uri->amount);
	put_field(out, &first, "label=", &uri->label);
	put_field(out, &first, "message=", &uri->message);
	for (; err == OK && next < uri->instruction_count; next++)
		err = put_instruction(out, &first, network, &uri->instruction[next]);
	if (err == OK && out->overflow)
		err = ERR_FULL;
	if (err == OK)
		err = check_made(slice_of(out->ptr + from, out->len - from), network, uri);
	if (err != OK)
		out->len = from;
	return err;
}
