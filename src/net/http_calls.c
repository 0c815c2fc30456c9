#include "net/http_calls.h"

#include <stdlib.h>
#include <strings.h>

#define NO_SLOT UINT32_MAX
#define METHOD_LEN_MAX 16u
#define URL_LEN_MAX 4096u
#define HEADER_LEN_MAX 8192u

enum err http_calls_init(struct http_calls *calls, uint32_t max)
{
	CHECK(max > 0 && max <= HTTP_IN_FLIGHT_MAX);
	*calls = (struct http_calls){.max = max, .free = NO_SLOT};
	calls->slot = calloc(max, sizeof *calls->slot);
	return calls->slot == NULL ? ERR_FULL : OK;
}

void http_calls_fini(struct http_calls *calls)
{
	free(calls->slot);
	calls->slot = NULL;
}

enum err http_calls_add(struct http_calls *calls, uint64_t *id, void *call)
{
	CHECK(call != NULL);
	if (calls->count == calls->max)
		return ERR_FULL;
	uint32_t index = calls->free;
	if (index != NO_SLOT)
		calls->free = calls->slot[index].next_free;
	else
		index = calls->touched++;
	CHECK(index < calls->max);
	calls->slot[index].call = call;
	calls->count++;
	*id = (uint64_t)calls->slot[index].generation << 32 | (index + 1);
	return OK;
}

void *http_calls_get(const struct http_calls *calls, uint64_t id)
{
	const uint32_t number = (uint32_t)id;
	if (number == 0 || number > calls->touched)
		return NULL;
	const struct http_call_slot *slot = &calls->slot[number - 1];
	return slot->generation == id >> 32 ? slot->call : NULL;
}

void http_calls_remove(struct http_calls *calls, uint64_t id)
{
	CHECK(http_calls_get(calls, id) != NULL);
	const uint32_t index = (uint32_t)id - 1;
	struct http_call_slot *slot = &calls->slot[index];
	slot->call = NULL;
	slot->generation++;
	slot->next_free = calls->free;
	calls->free = index;
	calls->count--;
}

void *http_calls_any(const struct http_calls *calls)
{
	for (uint32_t i = 0; i < calls->touched; i++)
		if (calls->slot[i].call != NULL)
			return calls->slot[i].call;
	return NULL;
}

void http_answer_give(const struct http_answer *answer, const struct http_reader *reader,
	struct http_reader_args reader_args, http_answer_cb cb, void *ctx)
{
	struct http_answer given = *answer;
	size_t cost = 0;
	bool keep = false;
	given.keep = &keep;
	if (reader != NULL && given.err == OK) {
		given.made = reader->read(reader_args, given.status, given.body, &cost);
		given.body = slice_of(NULL, 0);
		if (given.made == NULL)
			given = (struct http_answer){
				.err = ERR_FULL, .detail = "no memory for the answer"};
	}
	cb(ctx, &given);
	if (given.made != NULL && !keep)
		reader->drop(given.made);
}

/* No control characters: what we send can't be made to hold a second header or request. */
static bool plain(const char *text, size_t len_max)
{
	const size_t len = strnlen(text, len_max + 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return len <= len_max;
}

/* A header's name, and none of those that are the connection's own: with them a request could be
 * made to end elsewhere, or to be meant for somebody else. */
static bool is_extra_header(const char *line)
{
	static const char *const own[] = {"connection", "content-length", "expect", "host",
		"keep-alive", "te", "trailer", "transfer-encoding", "upgrade"};
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const size_t len = strspn(line, token);
	if (len == 0 || line[len] != ':')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strlen(own[i]) == len && strncasecmp(own[i], line, len) == 0)
			return false;
	return true;
}

enum err http_request_check(const struct http_request *request)
{
	if (request->method == NULL || request->url == NULL)
		return ERR_FORMAT;
	const size_t len = strnlen(request->method, METHOD_LEN_MAX + 1);
	if (len == 0 || len > METHOD_LEN_MAX)
		return ERR_FORMAT;
	for (size_t i = 0; i < len; i++)
		if (request->method[i] < 'A' || request->method[i] > 'Z')
			return ERR_FORMAT;
	if (strncmp(request->url, "http://", 7) != 0 && strncmp(request->url, "https://", 8) != 0)
		return ERR_FORMAT;
	if (!plain(request->url, URL_LEN_MAX))
		return ERR_FORMAT;
	const char *const header[] = {
		request->content_type, request->authorization, request->extra_header};
	for (size_t i = 0; i < ARRAY_LEN(header); i++)
		if (header[i] != NULL && !plain(header[i], HEADER_LEN_MAX))
			return ERR_FORMAT;
	if (request->extra_header != NULL && !is_extra_header(request->extra_header))
		return ERR_FORMAT;
	return request->part != NULL && request->reader != NULL ? ERR_FORMAT : OK;
}
