/* client/session: the shell around swap_decide: it asks our nodes and the provider, records what
 * was decided, does it, and tells a reporter. One session, one swap, one rescue file.
 *
 * Every effect is in the rescue file before it leaves (client/rescue.h); a session that ends at any
 * moment is taken up by the next one from that file alone. A second session on the same file is
 * refused (PATH.lock).
 *
 * Threads: the loop's. Ownership: a session borrows everything in its configuration.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H
#include "client/nodes.h"
#include "client/provider.h"
#include "client/swap_machine.h"
#include "client/verify.h"

enum report_kind {
	REPORT_NOTE,    /* text: something was done */
	REPORT_WARNING, /* text: something is not as it should be; it is tried again */
	REPORT_OFFER,   /* the terms are checked; text: where to pay to */
	REPORT_PAY,     /* text: a BIP-21 URI */
	REPORT_TX,      /* tx was sent */
	REPORT_STATUS,  /* decision: where the swap stands */
	REPORT_END,     /* decision, text */
};

struct report {
	enum report_kind kind;
	const char *text;                     /* NULL: none */
	const struct rescue *rescue;          /* NULL before there is one */
	const struct rescue_tx *tx;           /* TX */
	const struct swap_decision *decision; /* STATUS, END */
	const struct swap_facts *facts;       /* STATUS */
	const char *provider_state;           /* STATUS; "" unknown */
};
typedef void (*report_cb)(void *ctx, const struct report *report);

struct session_config {
	struct loop *loop;
	struct http_client *http;
	const struct file_ops *ops;
	const struct client_config *config;
	const char *path;     /* of the rescue file */
	bool want_refund;     /* call the swap off if it still can be */
	bool wait_for_refund; /* or end with CLIENT_PENDING where only a time lock is waited for */
	const bool *stop;     /* set by a signal; may be NULL */
	void (*random)(void *ctx, void *out, size_t len);
	void *random_ctx;
	report_cb report;
	void *report_ctx;
	/* Tests: called before and after each write of the rescue file; true: the process is dead.
	 */
	bool (*on_save)(void *ctx, uint64_t revision, bool after);
	void *on_save_ctx;
};

struct session {
	const struct session_config *c;
	struct rescue *r;
	struct provider provider;
	struct node node[SIDE_COUNT];
	bool open;
	struct seckey gas_key;
	bool has_gas_key;
	struct swap_facts facts;
	struct provider_request *asking; /* NULL: none */
	struct json *said;               /* owned: the provider's last word on the swap */
	uint64_t said_ms;                /* when it was asked last */
	bool dest_refused;               /* its terms of its own lock-up were wrong */
	char warned[300];                /* the last warning, told once */
	bool cancelled;                  /* our invoice, by this process */
	bool uri_shown;
	int lock_file;
	bool dead;
};

/* The secret in a file of 64 hexadecimal digits. ERR_FORMAT, and those of file_read_all. */
MUST_USE NONNULL_ALL enum err session_read_key(
	struct seckey *out, const struct file_ops *ops, const char *path);

/* Takes up the swap in r (which the caller owns and has read or just made) and goes on to its end.
 * The first write of a fresh rescue is done here (revision 0). */
NONNULL_ALL enum client_exit session_run(const struct session_config *config, struct rescue *r);

/* ---- between the files of the session ---- */

PRINTF_LIKE(3, 4)
void session_say(struct session *s, enum report_kind kind, const char *fmt, ...);
/* Record. Not OK: nothing may be done that depends on it. */
MUST_USE NONNULL_ALL enum err session_save(struct session *s);
/* A payment signed by the node's wallet, recorded. */
MUST_USE NONNULL_ALL enum err session_pay_wallet(struct session *s);
/* A fresh address of the node's wallet. */
MUST_USE NONNULL_ALL enum err session_wallet_address(
	char out[100], struct node_error *error, struct node *n, struct loop *loop);

#endif
