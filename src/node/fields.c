#include "node/fields.h"

#include "base/hex.h"

static const char *const type_text[] = {
	[JSON_NULL] = "null",
	[JSON_BOOL] = "true or false",
	[JSON_NUMBER] = "a number",
	[JSON_STRING] = "a string",
	[JSON_ARRAY] = "an array",
	[JSON_OBJECT] = "an object",
};

/* A member's name as a JSON pointer (RFC 6901), cut to what fits. */
static void pointer_to(char out[FIELD_POINTER_SIZE], const char *parent, const char *name)
{
	struct buf b = buf_init(out, FIELD_POINTER_SIZE);
	buf_printf(&b, "%s/", parent);
	for (const char *p = name; *p != '\0' && b.len + 3 < b.cap; p++) {
		if (*p == '~' || *p == '/')
			buf_printf(&b, "~%c", *p == '~' ? '0' : '1');
		else
			buf_u8(&b, (uint8_t)*p);
	}
	(void)buf_cstr(&b);
}

void fields_fault(const struct fields *f, const char *name, const char *code, const char *fmt, ...)
{
	char pointer[FIELD_POINTER_SIZE], detail[160];
	struct buf b = buf_init(detail, sizeof detail);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	pointer_to(pointer, f->pointer, name);
	field_error_add(f->errors, pointer, code, "%s", buf_cstr(&b));
}

static const struct field *field_of(const struct field *field, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(field[i].name, name) == 0)
			return &field[i];
	}
	return NULL;
}

bool fields_check(const struct fields *f, const struct field *field, size_t count)
{
	const uint32_t before = f->errors->count;
	if (json_type(f->object) != JSON_OBJECT) {
		field_error_add(f->errors, f->pointer, "type", "must be an object");
		return false;
	}
	const char *name;
	struct json *value;
	for (size_t i = 0; json_member(f->object, i, &name, &value); i++) {
		const struct field *known = field_of(field, count, name);
		if (known == NULL)
			fields_fault(f, name, "unknown", "there is no such member");
		else if (json_type(value) != known->type)
			fields_fault(f, name, "type", "must be %s", type_text[known->type]);
	}
	for (size_t i = 0; i < count; i++) {
		if (field[i].required && json_get(f->object, field[i].name) == NULL)
			fields_fault(f, field[i].name, "missing", "is required");
	}
	return f->errors->count == before;
}

bool fields_layer(const struct fields *f, const char *name, enum layer_id *out)
{
	const struct slice text = json_string(json_get(f->object, name));
	if (text.ptr == NULL)
		return false;
	if (layer_parse(out, text) == OK)
		return true;
	fields_fault(f, name, "unknown_layer", "is no layer that sluice knows");
	return false;
}

bool fields_amount(const struct fields *f, const char *name, enum asset asset, struct amount *out)
{
	const struct slice text = json_string(json_get(f->object, name));
	if (text.ptr == NULL)
		return false;
	struct amount a;
	const enum err e = amount_parse(&a, asset, text);
	if (e == ERR_RANGE) {
		fields_fault(f, name, "range",
			"%s has %u decimals, and there are no more than 21 million",
			asset_name(asset), asset_decimals(asset));
	} else if (e != OK) {
		fields_fault(
			f, name, "format", "must be a decimal number of whole coins, as \"0.01\"");
	} else if (amount_is_zero(a)) {
		fields_fault(f, name, "zero", "must be over zero");
	} else {
		*out = a;
		return true;
	}
	return false;
}

bool fields_hex(const struct fields *f, const char *name, void *out, size_t len)
{
	const struct slice text = json_string(json_get(f->object, name));
	if (text.ptr == NULL)
		return false;
	if (hex_decode(out, len, text) == OK)
		return true;
	fields_fault(f, name, "format", "must be %zu hexadecimal digits", 2 * len);
	return false;
}

bool fields_xonly(const struct fields *f, const char *name, struct xonly *out)
{
	struct xonly key;
	if (!fields_hex(f, name, key.b, sizeof key.b))
		return false;
	if (!xonly_valid(&key)) {
		fields_fault(f, name, "format", "is no x-only public key");
		return false;
	}
	*out = key;
	return true;
}

void fields_address_fault(
	const struct fields *f, const char *name, const struct network *network, enum err e)
{
	if (e == ERR_NETWORK)
		fields_fault(f, name, "network", "is an address of another network than %s %s",
			layer_name(network->layer), network->name);
	else if (e == ERR_CHECKSUM)
		fields_fault(f, name, "checksum", "has a wrong check sum: mistyped?");
	else if (e == ERR_RANGE)
		fields_fault(f, name, "range", "nobody can spend from this address");
	else if (e == ERR_STATE)
		fields_fault(f, name, "demand", "demands something that is not known here");
	else if (e == ERR_NOT_FOUND)
		fields_fault(f, name, "no_way", "names no way to pay on %s %s",
			layer_name(network->layer), network->name);
	else
		fields_fault(f, name, "format", "is no address");
}

bool fields_evm_address(const struct fields *f, const char *name, const struct network *network,
	struct evm_address *out)
{
	const struct slice text = json_string(json_get(f->object, name));
	if (text.ptr == NULL)
		return false;
	const enum err e = evm_address_parse(out, network->chain_id, text);
	if (e != OK)
		fields_address_fault(f, name, network, e);
	return e == OK;
}
