/* For tests of a node (node.h) that is a script: each request is taken, looked at and answered by
 * the test, on virtual time. */
#ifndef LAYER_LIGHTNING_SCRIPT_TEST_H
#define LAYER_LIGHTNING_SCRIPT_TEST_H
#include "crypto/secp.h"
#include "layer/lightning/node.h"

#define REQUESTS_MAX 128u
/* Of the recorded hold invoice. */
#define HOLD_HASH "2de27a84f34c3f1406e393c8142a7cf801c0db831216f8bbcf42d0f9263e07f3"
#define HOLD_PREIMAGE "8a69ca138973047dfc0d2ed096d6470ee00e96b350859ce330a5a8e6c2a95041"

extern char credential[]; /* the path of its file */
extern struct loop *loop;
extern struct ln_node *node;
extern struct http_client *client;
extern struct http_local_request *asked[REQUESTS_MAX];
extern unsigned asked_count, taken;

/* What the caller was told by the call that was begun last. */
struct told {
	unsigned count, last;
	enum err err;
	struct ln_info info;
	struct ln_balance balance;
	struct ln_payment payment;
	enum ln_invoice_state invoice;
	char request[BOLT11_TEXT_MAX + 1];
	char detail[LN_DETAIL_SIZE];
	struct ln_call *call;
	bool stop;
};
extern struct told told;
extern char hold_request[BOLT11_TEXT_MAX + 1]; /* "" until somebody sets it */

void script_init(void);
void script_fini(void);
void begin(enum ln_kind kind, const char *secret);
void end(void);

/* ---- the node's side ---- */

void run(uint64_t ms);
/* Until it asks; not for longer than it waits at most. */
void run_until_asked(void);
/* The next request, which is this one. */
struct http_local_request *next(const char *method, const char *path);
bool body_is(struct http_local_request *r, const char *text);
void nobody_asks(uint64_t ms);
/* What a real lnd was recorded to answer: all of it; lines first to last, from 0, with their ends.
 */
struct slice body_of(const char *name);
struct slice lines_of(const char *name, unsigned first, unsigned last);

/* ---- our side ---- */

void on_told(void *ctx, const struct ln_answer *a);
void ask(const struct ln_question *q);
void follow(const struct ln_question *q);
struct ln_question hold_question(enum ln_ask what);
struct ln_question pay_question(void);

#endif
