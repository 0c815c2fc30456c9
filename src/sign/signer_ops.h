/* sign/signer_ops: what a kind of signer fills in; sign/signer.h documents each. */
#ifndef SIGN_SIGNER_OPS_H
#define SIGN_SIGNER_OPS_H
#include "sign/signer.h"

struct signer_ops {
	void (*destroy)(struct signer *s);
	enum err (*hello)(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx);
	enum err (*sign)(struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb,
		void *ctx);
};

/* The first member of each kind. */
struct signer {
	const struct signer_ops *ops;
};

#endif
