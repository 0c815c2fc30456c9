/* sign/service: requests in, answers out: the check, the memory and the key together, without a
 * socket. A signer process has a state file; a signer in somebody's own process has none.
 *
 * An answer may leave only after service_commit: until then its record is not durable.
 * Threads: one. Ownership: borrows what it is made of.
 */
#ifndef SIGN_SERVICE_H
#define SIGN_SERVICE_H
#include "sign/check.h"
#include "sign/state_file.h"

struct service_stat {
	uint64_t requests, signed_new, repeated, denied, failed;
	uint64_t forgotten; /* sessions, because a bound was reached */
};

struct service {
	const struct policy *policy;
	const struct seckey *key;
	struct sign_wallet wallet;
	struct sign_state *state; /* another one after a bound was reached */
	struct state_file *file;  /* NULL: nothing is kept */
	uint64_t committed;       /* requests whose answers may leave */
	uint64_t forget_again_ms; /* no earlier is a full memory looked through */
	struct service_stat stat;
	struct sign_task task; /* scratch */
};

MUST_USE enum err service_init(struct service *s, const struct policy *policy,
	const struct seckey *key, struct sign_state *state, struct state_file *file);
/* Always answers. */
NONNULL_ALL void service_sign(
	struct service *s, struct signing_answer *out, struct slice request, uint64_t now_ms);
/* ERR_IO: nothing that waits may leave; stop the process. */
MUST_USE NONNULL_ALL enum err service_commit(struct service *s);

#endif
