/* node/problem: errors of the API as RFC 9457 problem details.
 *
 * `code` is stable and what programs decide by; `retryable` says whether the same request may
 * succeed later; `funds_state` says what may have happened to money: "none" (nothing was done) or
 * "unknown" (ask again with the same key). The table here is the list in docs/api.md. Pure.
 */
#ifndef NODE_PROBLEM_H
#define NODE_PROBLEM_H
#include "net/json.h"

#define PROBLEM_TYPE_PREFIX "urn:sluice:problem:"

struct problem_kind {
	const char *code;
	unsigned status;
	bool retryable;
	const char *funds_state;
	const char *title;
};

/* Rows of the table, in its order; NULL past the end. */
const struct problem_kind *problem_at(size_t index);
/* Never NULL: a code without a row (an engine's refusal) is answered as "refused" with that code.
 */
NONNULL_ALL const struct problem_kind *problem_by_code(const char *code);

/* What is wrong with single fields of a request: JSON pointer, code, words. */
#define FIELD_ERRORS_MAX 16u
#define FIELD_POINTER_SIZE 96u
struct field_error {
	char pointer[FIELD_POINTER_SIZE];
	const char *code; /* static: "missing", "unknown", "type", "format", ... */
	char detail[160];
};
struct field_errors {
	struct field_error item[FIELD_ERRORS_MAX];
	uint32_t count;
};
/* Further ones than FIELD_ERRORS_MAX are left out. */
PRINTF_LIKE(4, 5)
void field_error_add(
	struct field_errors *errors, const char *pointer, const char *code, const char *fmt, ...);

/* Returns owned. errors may be NULL. code is what the kind was looked up by. */
struct json *problem_json(const struct problem_kind *kind, const char *code, const char *detail,
	const struct field_errors *errors);

#endif
