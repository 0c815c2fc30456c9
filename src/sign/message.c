#include "sign/message.h"

#define BODY_MIN (MESSAGE_HEADER_SIZE - 4u)

/* Payload lengths by type; a row without max is no type. */
static const struct {
	size_t min, max;
} payloads[] = {
	[MESSAGE_HELLO] = {0, 0},
	[MESSAGE_SIGN] = {1, SIGNING_REQUEST_MAX},
	[MESSAGE_HELLO_REPLY] = {33, 33},
	[MESSAGE_SIGN_REPLY] = {1, SIGNING_ANSWER_MAX},
};

void message_put(struct buf *out, const struct message *m)
{
	CHECK(m->payload.len >= payloads[m->type].min && m->payload.len <= payloads[m->type].max);
	buf_le32(out, (uint32_t)(BODY_MIN + m->payload.len));
	buf_u8(out, MESSAGE_VERSION);
	buf_u8(out, (uint8_t)m->type);
	buf_le64(out, m->id);
	buf_put(out, m->payload.ptr, m->payload.len);
}

enum err message_next(struct message *out, size_t *used, struct slice in)
{
	if (in.len < 4)
		return ERR_SHORT;
	const size_t len = load_le32(in.ptr);
	if (len < BODY_MIN || len > BODY_MIN + SIGNING_REQUEST_MAX)
		return ERR_FORMAT;
	/* version and type are judged as soon as they are there, before a long wait for the rest */
	if (in.len > 4 && in.ptr[4] != MESSAGE_VERSION)
		return ERR_FORMAT;
	if (in.len < 6)
		return ERR_SHORT;
	const uint8_t type = in.ptr[5];
	if (type < MESSAGE_HELLO || type > MESSAGE_SIGN_REPLY)
		return ERR_FORMAT;
	if (len - BODY_MIN < payloads[type].min || len - BODY_MIN > payloads[type].max)
		return ERR_FORMAT;
	if (in.len < 4 + len)
		return ERR_SHORT;
	out->type = (enum message_type)type;
	out->id = load_le64(in.ptr + 6);
	out->payload = slice_of(in.ptr + MESSAGE_HEADER_SIZE, len - BODY_MIN);
	*used = 4 + len;
	return OK;
}
