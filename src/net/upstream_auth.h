/* net/upstream_auth: how we show ourselves to a node: HTTP basic authentication with a user and a
 * password from the configuration, from the URL, or from a cookie file that the node writes anew
 * each time it starts. Secrets are wiped when they are replaced. Private to net. Threads: the
 * loop's.
 */
#ifndef NET_UPSTREAM_AUTH_H
#define NET_UPSTREAM_AUTH_H
#include "net/jsonrpc.h"

#define AUTH_USER_MAX 256u
#define AUTH_PASSWORD_MAX 1024u
#define AUTH_PAIR_SIZE (AUTH_USER_MAX + AUTH_PASSWORD_MAX + 2)

struct upstream_auth {
	char *cookie_file;         /* owned, or NULL */
	char pair[AUTH_PAIR_SIZE]; /* "user:password"; "" for none */
	char header[8 + (AUTH_PAIR_SIZE + 2) / 3 * 4];
	uint32_t generation; /* counts what was read: tells whether a refusal is old news */
};

/* Sets *url (owned) to the configuration's, without user and password. ERR_FORMAT. */
MUST_USE NONNULL_ALL enum err upstream_auth_init(
	struct upstream_auth *auth, char **url, const struct upstream_config *config);
NONNULL_ALL void upstream_auth_fini(struct upstream_auth *auth);
/* The value for the header, or NULL. */
NONNULL_ALL const char *upstream_auth_header(const struct upstream_auth *auth);
/* Read the cookie again; true where it is another than before. */
NONNULL_ALL bool upstream_auth_refresh(struct upstream_auth *auth);

#endif
