/* sign/signer: the engine's side of signing: one interface for a signer behind a Unix socket and
 * for one in this process (the taker's own keys, simulations). Threshold signing implements the
 * same.
 *
 * Asynchronous and session-based: an answer comes once, from the loop; a lost connection is retried
 * within the deadline with the same (session, variant), which is safe by construction.
 * Threads: the loop's.
 */
#ifndef SIGN_SIGNER_H
#define SIGN_SIGNER_H
#include "sys/loop.h"
#include "wire/signing.h"

struct signer;

typedef void (*signer_cb)(void *ctx, const struct signing_answer *answer);

struct signer_info {
	enum err err; /* ERR_UNAVAILABLE: not connected */
	struct pubkey wallet;
	char detail[160];
};
typedef void (*signer_info_cb)(void *ctx, const struct signer_info *info);

/* A signer process at socket_path. Returns owned; connects when first used and again after a
 * failure, with backoff. */
MUST_USE enum err signer_connect(struct signer **out, struct loop *loop, const char *socket_path);
/* One in this process: holds key, checks requests as the process would, with no limits. */
MUST_USE enum err signer_local(struct signer **out, struct loop *loop, const struct seckey *wallet);
/* Outstanding callbacks are not called any more. Not from inside a callback. */
void signer_destroy(struct signer *s);

/* The wallet's public key. */
MUST_USE enum err signer_hello(struct signer *s, uint64_t timeout_ms, signer_info_cb cb, void *ctx);
/* request: encoded struct signing_request. ERR_FULL over SIGNER_IN_FLIGHT_MAX. */
#define SIGNER_IN_FLIGHT_MAX 1024u
MUST_USE enum err signer_sign(
	struct signer *s, struct slice request, uint64_t timeout_ms, signer_cb cb, void *ctx);

#endif
