/* client/begin: everything before the first byte of a rescue file: keys, nodes, contract, funds and
 * quote are checked, and a swap is made that session_run takes up. Nothing is paid here, and the
 * provider learns nothing but the question for a quote.
 */
#ifndef CLIENT_BEGIN_H
#define CLIENT_BEGIN_H
#include "client/session.h"

struct begin_request {
	enum layer_id from, to; /* different */
	struct amount amount;   /* of from's asset */
	const char *to_address; /* checked to be one of to's network; CHANNEL: NULL, it is made */
	struct amount to_wants; /* what is to arrive there, exactly; zero: what there is */
	const struct settings *settings; /* what the configuration was read from */
	/* Asked before anything is made; NULL: yes. */
	bool (*confirm)(void *ctx, const struct quote *quote);
	void *confirm_ctx;
};

/* r: zeroed; the caller's rescue_fini also after a failure. config->path is not used. */
NONNULL_ALL enum client_exit swap_begin(
	struct rescue *r, const struct session_config *config, const struct begin_request *request);

#endif
