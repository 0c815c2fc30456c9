/* node/fields: reading a request's JSON by a table, with every fault named. Pure.
 *
 * Each reader adds to errors and returns false where the member is not what it must be; a reader of
 * a member that fields_check already complained about only returns false.
 */
#ifndef NODE_FIELDS_H
#define NODE_FIELDS_H
#include "crypto/secp.h"
#include "node/problem.h"
#include "wire/evm.h"

struct field {
	const char *name;
	enum json_type type;
	bool required;
};

struct fields {
	const struct json *object; /* borrows */
	const char *pointer;       /* of it: "" or "/source"; borrows */
	struct field_errors *errors;
};

/* The object has all required members, each of its type, and no others. */
MUST_USE NONNULL_ALL bool fields_check(
	const struct fields *f, const struct field *field, size_t count);

/* A fault of one member. */
PRINTF_LIKE(4, 5)
void fields_fault(const struct fields *f, const char *name, const char *code, const char *fmt, ...);

MUST_USE NONNULL_ALL bool fields_layer(
	const struct fields *f, const char *name, enum layer_id *out);
/* Over zero, within what the asset allows. */
MUST_USE NONNULL_ALL bool fields_amount(
	const struct fields *f, const char *name, enum asset asset, struct amount *out);
/* Exactly len bytes of hexadecimal, without 0x. */
MUST_USE NONNULL_ALL bool fields_hex(
	const struct fields *f, const char *name, void *out, size_t len);
MUST_USE NONNULL_ALL bool fields_xonly(const struct fields *f, const char *name, struct xonly *out);
MUST_USE NONNULL_ALL bool fields_evm_address(const struct fields *f, const char *name,
	const struct network *network, struct evm_address *out);
/* A fault for an address, or a URI, that a parser refused with e. */
NONNULL_ALL void fields_address_fault(
	const struct fields *f, const char *name, const struct network *network, enum err e);

#endif
