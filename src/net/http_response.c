#include "net/http_response.h"

#define STATUS_MIN 100u
#define STATUS_MAX 599u
#define STATUS_FINAL_MIN 200u
#define STATUS_SWITCHING 101u
#define STATUS_NO_CONTENT 204u
#define STATUS_NOT_MODIFIED 304u
#define STATUS_DIGITS 3u
#define LENGTH_MAX (UINT64_MAX >> 1)
#define CHUNK_DIGITS_MAX 15u

enum state {
	VERSION, /* "HTTP/1." */
	MINOR,
	BEFORE_STATUS,
	STATUS,
	BEFORE_REASON,
	REASON,
	LINE_LF, /* the LF that ends a line of the head */
	LINE,    /* the first byte of a header line, or of the empty line */
	NAME,
	BEFORE_VALUE,
	VALUE,
	HEAD_LF, /* the LF that ends the head */
	BODY,
	UNTIL_CLOSE,
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK,
	CHUNK_CR,
	CHUNK_LF,
	TRAILER, /* as LINE */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LINE_LF,
	TRAILER_LF,
	WHOLE,
	BROKEN,
};

/* The headers that decide where an answer ends. */
enum header {
	HEADER_OTHER,
	HEADER_LENGTH,
	HEADER_CODING,
	HEADER_CONNECTION,
};

static const struct {
	const char *name;
	enum header header;
} headers[] = {
	{"content-length", HEADER_LENGTH},
	{"transfer-encoding", HEADER_CODING},
	{"connection", HEADER_CONNECTION},
};

/* ---- characters ---- */

/* RFC 9110, section 5.6.2 */
static bool is_token(uint8_t c)
{
	if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-')
		return true;
	return c != 0 && strchr("!#$%&'*+.^_`|~", c) != NULL;
}

/* What a value or a reason may hold: no control characters, so neither CR nor LF. */
static bool is_text(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static char to_lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (uint8_t)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- what goes wrong ---- */

static enum err broken(struct http_response *r, const char *flaw)
{
	r->flaw = flaw;
	r->state = BROKEN;
	return ERR_FORMAT;
}

/* Everything that is no body counts. */
static enum err count_head(struct http_response *r, size_t len)
{
	if (len > HTTP_RESPONSE_HEAD_MAX - r->head_len) {
		r->too_long = true;
		return broken(r, "the answer's headers are too long");
	}
	r->head_len += (uint32_t)len;
	return OK;
}

static enum err expect(struct http_response *r, uint8_t c, uint8_t want, enum state next)
{
	if (c != want)
		return broken(r, "a line of the answer does not end in CR LF");
	r->state = (uint8_t)next;
	return OK;
}

/* ---- the head ---- */

static bool text_is(const struct http_response *r, const char *word)
{
	return strlen(word) == r->text_len && memcmp(r->text, word, r->text_len) == 0;
}

/* Keeps what is worth keeping; text_len one over the room says that it was longer. */
static void text_add(struct http_response *r, uint8_t c)
{
	if (r->text_len < HTTP_RESPONSE_NAME_MAX)
		r->text[r->text_len++] = to_lower(c);
	else
		r->text_len = HTTP_RESPONSE_NAME_MAX + 1;
}

static enum err name_ends(struct http_response *r)
{
	r->header = HEADER_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (text_is(r, headers[i].name))
			r->header = (uint8_t)headers[i].header;
	r->text_len = 0;
	r->gap = false;
	r->state = BEFORE_VALUE;
	if (r->header == HEADER_LENGTH) {
		if (r->has_length)
			return broken(r, "the answer has two lengths");
		r->has_length = true;
		r->number = 0;
		r->digits = 0;
	} else if (r->header == HEADER_CODING) {
		if (r->has_coding)
			return broken(r, "the answer has two transfer codings");
		r->has_coding = true;
	}
	return OK;
}

/* One of a list, in `text`: empty ones count for nothing (RFC 9110, section 5.6.1). */
static enum err element_ends(struct http_response *r)
{
	if (r->header == HEADER_CONNECTION) {
		r->close = r->close || text_is(r, "close");
		r->keep = r->keep || text_is(r, "keep-alive");
	} else if (!text_is(r, "chunked")) {
		return broken(r, "the answer's transfer coding is not \"chunked\"");
	}
	r->text_len = 0;
	r->gap = false;
	return OK;
}

/* Of an element: blanks around it are none of it, and with one inside it is nothing that we know.
 */
static void element_byte(struct http_response *r, uint8_t c)
{
	if (is_blank(c))
		r->gap = r->text_len > 0;
	else if (r->gap)
		r->text_len = HTTP_RESPONSE_NAME_MAX + 1;
	else
		text_add(r, c);
}

static enum err length_byte(struct http_response *r, uint8_t c)
{
	if (is_blank(c)) {
		r->gap = true;
		return OK;
	}
	if (c < '0' || c > '9' || r->gap)
		return broken(r, "the answer's length is no number");
	const uint64_t digit = c - '0';
	if (r->number > (LENGTH_MAX - digit) / 10) {
		r->too_long = true;
		return broken(r, "the answer's length is beyond all bounds");
	}
	r->number = r->number * 10 + digit;
	r->digits = 1; /* or more */
	return OK;
}

static enum err value_byte(struct http_response *r, uint8_t c)
{
	if (!is_text(c))
		return broken(r, "a header of the answer holds a control character");
	switch ((enum header)r->header) {
	case HEADER_OTHER: return OK;
	case HEADER_LENGTH: return length_byte(r, c);
	case HEADER_CODING:
	case HEADER_CONNECTION:
		/* a list of codings is refused with the comma in it */
		if (c == ',' && r->header == HEADER_CONNECTION)
			return element_ends(r);
		element_byte(r, c);
		return OK;
	}
	return OK;
}

static enum err value_ends(struct http_response *r)
{
	r->state = LINE_LF;
	switch ((enum header)r->header) {
	case HEADER_OTHER: return OK;
	case HEADER_LENGTH:
		if (r->digits == 0)
			return broken(r, "the answer's length is no number");
		r->length = r->number;
		return OK;
	case HEADER_CODING:
	case HEADER_CONNECTION: return element_ends(r);
	}
	return OK;
}

static void head_begins(struct http_response *r)
{
	r->state = VERSION;
	r->text_len = 0;
	r->status = 0;
	r->digits = 0;
	r->length = HTTP_RESPONSE_LENGTH_UNKNOWN;
	r->has_length = r->has_coding = r->close = r->keep = false;
}

/* RFC 9112, section 6.3: where the answer ends. */
static enum err head_ends(struct http_response *r)
{
	if (r->has_length && r->has_coding)
		return broken(r, "the answer has a length and a transfer coding");
	if (r->has_coding && !r->minor)
		return broken(r, "an answer of HTTP/1.0 has a transfer coding");
	if (r->status == STATUS_SWITCHING)
		return broken(r, "the server changes the protocol unasked");
	if (r->status < STATUS_FINAL_MIN) {
		head_begins(r);
		return ERR_SHORT;
	}
	r->head_whole = true;
	r->keep_alive = !r->close && (r->minor || r->keep);
	const bool no_content = r->status == STATUS_NO_CONTENT;
	if (no_content && (r->has_coding || (r->has_length && r->length > 0)))
		r->keep_alive = false; /* not everybody would agree where it ends */
	if (r->head_only || no_content || r->status == STATUS_NOT_MODIFIED) {
		r->state = WHOLE;
	} else if (r->has_coding) {
		r->state = CHUNK_SIZE;
		r->number = 0;
		r->digits = 0;
	} else if (r->has_length) {
		r->number = r->length;
		r->state = r->length == 0 ? WHOLE : BODY;
	} else {
		r->keep_alive = false;
		r->state = UNTIL_CLOSE;
	}
	return r->state == WHOLE ? OK : ERR_SHORT;
}

static enum err status_byte(struct http_response *r, uint8_t c)
{
	if (c < '0' || c > '9')
		return broken(r, "the answer's status is no number");
	r->status = r->status * 10 + (unsigned)(c - '0');
	if (++r->digits < STATUS_DIGITS)
		return OK;
	if (r->status < STATUS_MIN || r->status > STATUS_MAX)
		return broken(r, "the answer's status is none");
	r->state = BEFORE_REASON;
	return OK;
}

static enum err line_begins(struct http_response *r, uint8_t c, enum state name, enum state end)
{
	if (c == '\r') {
		r->state = (uint8_t)end;
		return OK;
	}
	if (is_blank(c))
		return broken(r, "a header of the answer is folded");
	if (!is_token(c))
		return broken(r, "a line of the answer's head is no header");
	r->state = (uint8_t)name;
	r->text_len = 0;
	text_add(r, c);
	return OK;
}

static enum err status_line_byte(struct http_response *r, uint8_t c)
{
	static const char version[] = "HTTP/1.";
	switch ((int)r->state) {
	case VERSION:
		if (c != (uint8_t)version[r->text_len])
			return broken(r, "the answer is not HTTP/1");
		if (version[++r->text_len] == 0)
			r->state = MINOR;
		return OK;
	case MINOR:
		if (c != '0' && c != '1')
			return broken(r, "the answer is neither HTTP/1.0 nor 1.1");
		r->minor = c == '1';
		r->state = BEFORE_STATUS;
		return OK;
	case BEFORE_STATUS:
		r->state = STATUS;
		return c == ' ' ? OK : broken(r, "the answer has no status");
	case STATUS: return status_byte(r, c);
	case BEFORE_REASON: /* some leave out the blank together with the reason */
		if (c != ' ' && c != '\r')
			return broken(r, "the answer's status is none");
		r->state = c == ' ' ? REASON : LINE_LF;
		return OK;
	default: /* REASON */
		if (c == '\r')
			r->state = LINE_LF;
		else if (!is_text(c))
			return broken(r, "the answer's reason holds a control character");
		return OK;
	}
}

static enum err header_byte(struct http_response *r, uint8_t c)
{
	switch ((int)r->state) {
	case LINE_LF: return expect(r, c, '\n', LINE);
	case LINE: return line_begins(r, c, NAME, HEAD_LF);
	case NAME:
		if (c == ':')
			return name_ends(r);
		if (!is_token(c))
			return broken(r, "a header's name in the answer is none");
		text_add(r, c);
		return OK;
	case BEFORE_VALUE:
		if (is_blank(c))
			return OK;
		r->state = VALUE;
		return c == '\r' ? value_ends(r) : value_byte(r, c);
	default: /* VALUE */ return c == '\r' ? value_ends(r) : value_byte(r, c);
	}
}

/* ---- chunks ---- */

static enum err chunk_size_byte(struct http_response *r, uint8_t c)
{
	const int value = hex_value(c);
	if (value >= 0) {
		if (r->digits++ == CHUNK_DIGITS_MAX) {
			r->too_long = true;
			return broken(r, "a chunk's size is beyond all bounds");
		}
		r->number = r->number * 16 + (unsigned)value;
		return OK;
	}
	if (r->digits == 0 || (c != '\r' && c != ';'))
		return broken(r, "a chunk's size is no number");
	r->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
	return OK;
}

static enum err chunk_byte(struct http_response *r, uint8_t c)
{
	switch ((int)r->state) {
	case CHUNK_SIZE: return chunk_size_byte(r, c);
	case CHUNK_EXTENSION:
		if (c == '\r')
			r->state = CHUNK_SIZE_LF;
		else if (!is_text(c))
			return broken(r, "a chunk's extension holds a control character");
		return OK;
	case CHUNK_SIZE_LF: return expect(r, c, '\n', r->number == 0 ? TRAILER : CHUNK);
	case CHUNK_CR: return expect(r, c, '\r', CHUNK_LF);
	default: /* CHUNK_LF */
		r->number = 0;
		r->digits = 0;
		return expect(r, c, '\n', CHUNK_SIZE);
	}
}

static enum err trailer_byte(struct http_response *r, uint8_t c)
{
	switch ((int)r->state) {
	case TRAILER: return line_begins(r, c, TRAILER_NAME, TRAILER_LF);
	case TRAILER_NAME:
		if (c != ':' && !is_token(c))
			return broken(r, "a trailer's name in the answer is none");
		if (c == ':')
			r->state = TRAILER_VALUE;
		return OK;
	case TRAILER_VALUE:
		if (c == '\r')
			r->state = TRAILER_LINE_LF;
		else if (!is_text(c))
			return broken(r, "a trailer of the answer holds a control character");
		return OK;
	case TRAILER_LINE_LF: return expect(r, c, '\n', TRAILER);
	default: /* TRAILER_LF */ return expect(r, c, '\n', WHOLE);
	}
}

/* ---- the whole ---- */

static enum err take_byte(struct http_response *r, uint8_t c)
{
	const enum state state = (enum state)r->state;
	if (state == HEAD_LF) {
		TRY(expect(r, c, '\n', HEAD_LF));
		return head_ends(r);
	}
	if (state <= REASON)
		TRY(status_line_byte(r, c));
	else if (state < HEAD_LF)
		TRY(header_byte(r, c));
	else if (state < TRAILER)
		TRY(chunk_byte(r, c));
	else
		TRY(trailer_byte(r, c));
	return r->state == WHOLE ? OK : ERR_SHORT;
}

/* The body as it comes: as much as there is of it, up to its end or its chunk's. */
static enum err take_body(struct http_response *r, struct slice *in, struct slice *body)
{
	const bool bounded = r->state != UNTIL_CLOSE;
	const size_t len = bounded && r->number < in->len ? (size_t)r->number : in->len;
	*body = slice_of(in->ptr, len);
	*in = slice_of(in->ptr + len, in->len - len);
	if (!bounded)
		return ERR_SHORT;
	r->number -= len;
	if (r->number > 0)
		return ERR_SHORT;
	r->state = r->state == CHUNK ? CHUNK_CR : WHOLE;
	return r->state == WHOLE ? OK : ERR_SHORT;
}

/* How many bytes of text without a meaning to us come next: they go by together. */
static size_t idle_text(const struct http_response *r, const uint8_t *in, size_t len)
{
	const bool idle = r->state == REASON || r->state == TRAILER_VALUE ||
		(r->state == VALUE && r->header == HEADER_OTHER);
	size_t n = 0;
	while (idle && n < len && is_text(in[n]))
		n++;
	return n;
}

static bool is_body(const struct http_response *r)
{
	return r->state == BODY || r->state == CHUNK || r->state == UNTIL_CLOSE;
}

void http_response_init(struct http_response *r, bool head_only)
{
	*r = (struct http_response){.head_only = head_only};
	head_begins(r);
}

enum err http_response_take(struct http_response *r, struct slice *in, struct slice *body)
{
	*body = slice_of(NULL, 0);
	if (r->state == WHOLE)
		return OK;
	if (r->state == BROKEN)
		return ERR_FORMAT;
	r->begun = r->begun || in->len > 0;
	size_t used = 0;
	enum err err = ERR_SHORT;
	while (err == ERR_SHORT && used < in->len && !is_body(r)) {
		const enum state state = (enum state)r->state;
		const size_t idle = idle_text(r, in->ptr + used, in->len - used);
		if (idle > 0) {
			TRY(count_head(r, idle));
			used += idle;
			continue;
		}
		/* a chunk of data bears its own size line: extensions and trailers do not */
		if (state != CHUNK_SIZE && state != CHUNK_SIZE_LF && state != CHUNK_CR &&
			state != CHUNK_LF)
			TRY(count_head(r, 1));
		err = take_byte(r, in->ptr[used++]);
	}
	*in = slice_of(in->ptr + used, in->len - used);
	if (err == ERR_SHORT && is_body(r) && in->len > 0)
		return take_body(r, in, body);
	return err;
}

enum err http_response_end(const struct http_response *r)
{
	return r->state == WHOLE || r->state == UNTIL_CLOSE ? OK : ERR_SHORT;
}
