/* sign/message: the frames on a signer's socket. Pure.
 *
 * A frame: le32 length of what follows, version (1), type, le64 request id, payload. Requests go to
 * the signer, answers come back with the request's id, in any order. There is nothing to
 * negotiate: whatever does not parse closes the connection.
 */
#ifndef SIGN_MESSAGE_H
#define SIGN_MESSAGE_H
#include "wire/signing.h"

enum message_type {
	MESSAGE_HELLO = 1,   /* no payload */
	MESSAGE_SIGN,        /* an encoded struct signing_request */
	MESSAGE_HELLO_REPLY, /* the wallet's public key */
	MESSAGE_SIGN_REPLY,  /* an encoded struct signing_answer */
};

#define MESSAGE_VERSION 1u
#define MESSAGE_HEADER_SIZE 14u
#define MESSAGE_MAX (MESSAGE_HEADER_SIZE + SIGNING_REQUEST_MAX)
_Static_assert(SIGNING_ANSWER_MAX <= SIGNING_REQUEST_MAX, "answers fit a frame");

struct message {
	enum message_type type;
	uint64_t id;
	struct slice payload; /* borrows */
};

NONNULL_ALL void message_put(struct buf *out, const struct message *m);
/* The first frame of in; *used: its bytes. ERR_SHORT, ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err message_next(struct message *out, size_t *used, struct slice in);

#endif
