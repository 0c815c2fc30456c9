#include "sign/signer_ops.h"

void signer_destroy(struct signer *s)
{
	if (s != NULL)
		s->ops->destroy(s);
}

enum err signer_hello(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx)
{
	return s->ops->hello(s, timeout_ms, cb, ctx);
}

enum err signer_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx)
{
	if (request.len == 0 || request.len > SIGNING_REQUEST_MAX)
		return ERR_RANGE;
	return s->ops->sign(s, request, timeout_ms, cb, ctx);
}
