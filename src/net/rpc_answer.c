#include "net/rpc_answer.h"

#include <stdio.h>

#define QUOTE_MAX 60u /* of a body that can't be read, in a message */

/* Statuses that say what happened without a JSON-RPC body. */
static const struct {
	unsigned status;
	enum err err;
	const char *text;
} status_table[] = {
	{401, ERR_DENIED, "the node refuses our user or password (HTTP 401)"},
	{403, ERR_DENIED,
		"the node refuses us: this address, user or method is not allowed (HTTP 403)"},
	{429, ERR_UNAVAILABLE, "the node has too many requests (HTTP 429)"},
};

static bool contains(struct slice text, const char *word)
{
	return memmem(text.ptr == NULL ? (const uint8_t *)"" : text.ptr, text.len, word,
		       strlen(word)) != NULL;
}

/* The beginning of a body, printable, for a message. */
static void quote(char out[QUOTE_MAX + 1], struct slice body)
{
	size_t n = 0;
	for (size_t i = 0; i < body.len && n < QUOTE_MAX; i++)
		out[n++] = body.ptr[i] >= 0x20 && body.ptr[i] < 0x7f ? (char)body.ptr[i] : '.';
	out[n] = 0;
}

static void fail(struct rpc_reading *r, enum err err, unsigned status, const char *why)
{
	(void)snprintf(r->text, sizeof r->text, "HTTP %u: %s", status % 1000, why);
	r->answer = (struct rpc_answer){.err = err, .message = r->text};
}

/* The members of an object with our id; false where they are not those of an answer. */
static bool read_members(struct rpc_reading *r, uint64_t id, const char **why)
{
	const struct json *error = json_get(r->doc, "error");
	const struct json *result = json_get(r->doc, "result");
	const struct json *their_id = json_get(r->doc, "id");
	const bool failed = error != NULL && json_type(error) != JSON_NULL;
	uint64_t n = 0;
	/* a node that could not read the request can't know its id; a result must carry it */
	const bool nameless = failed && their_id != NULL && json_type(their_id) == JSON_NULL;
	*why = "the answer has another id";
	if (!nameless && (json_get_u64(r->doc, "id", &n) != OK || n != id))
		return false;
	if (!failed) {
		*why = "neither a result nor an error";
		r->answer = (struct rpc_answer){.err = OK, .message = "", .result = result};
		return result != NULL;
	}
	*why = "both a result and an error";
	if (result != NULL && json_type(result) != JSON_NULL)
		return false;
	*why = "an error without a code";
	int64_t code;
	if (json_type(error) != JSON_OBJECT || json_get_i64(error, "code", &code) != OK)
		return false;
	const char *message = json_get_string(error, "message");
	r->answer = (struct rpc_answer){.err = ERR_REJECTED,
		.code = code,
		.message = message == NULL ? "" : message,
		.data = json_get(error, "data")};
	return true;
}

void rpc_answer_read(struct rpc_reading *out, unsigned status, struct slice body, uint64_t id)
{
	*out = (struct rpc_reading){.answer.message = ""};
	for (size_t i = 0; i < ARRAY_LEN(status_table); i++) {
		if (status_table[i].status == status) {
			out->answer.err = status_table[i].err;
			out->answer.message = status_table[i].text;
			return;
		}
	}
	/* Bitcoin Core and btcd (the second) take no request in then; any other 503 may come after
	 * the work was done */
	if (status == 503 &&
		(contains(body, "ork queue depth exceeded") ||
			contains(body, "503 Too busy.  Try again later."))) {
		fail(out, ERR_UNAVAILABLE, status, "the node's work queue is full");
		return;
	}
	char begin[QUOTE_MAX + 1];
	quote(begin, body);
	struct json_error where;
	const enum err err = json_parse_counted(&out->doc, &out->values, body, &where);
	if (err == ERR_CANCELLED) {
		fail(out, ERR_FULL, status, "reading the answer takes too much CPU time");
		return;
	}
	if (err != OK) {
		char why[QUOTE_MAX + 48];
		(void)snprintf(why, sizeof why, "%s: \"%s\"",
			err == ERR_FULL ? "JSON out of bounds" : "not JSON", begin);
		fail(out, ERR_FORMAT, status, why);
		return;
	}
	const char *why = "not a JSON-RPC answer";
	const bool good = status >= 200 && status < 300;
	const bool read = json_type(out->doc) == JSON_OBJECT && read_members(out, id, &why);
	if (!read)
		fail(out, ERR_FORMAT, status, why);
	else if (out->answer.err == OK && !good)
		fail(out, ERR_FORMAT, status, "a result with a status of failure");
}

void rpc_reading_fini(struct rpc_reading *reading)
{
	json_free(reading->doc);
	reading->doc = NULL;
}
