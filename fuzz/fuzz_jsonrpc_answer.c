/* Two bytes of HTTP status, then a body: any answer has exactly one meaning and a message. */
#include "net/rpc_answer.h"

#define CALL_ID 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct rpc_reading r;
	rpc_answer_read(&r, load_le16(data), slice_of(data + 2, size - 2), CALL_ID);
	const struct rpc_answer *a = &r.answer;
	CHECK(a->message != NULL);
	CHECK((a->result != NULL) == (a->err == OK));
	CHECK(a->err == OK || a->err == ERR_REJECTED || a->err == ERR_FORMAT ||
		a->err == ERR_DENIED || a->err == ERR_UNAVAILABLE);
	CHECK(a->err == ERR_REJECTED || (a->code == 0 && a->data == NULL));
	rpc_reading_fini(&r);
	return 0;
}
