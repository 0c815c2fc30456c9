/* layer/lightning/dialect: how a kind of node is asked what. Private to the folder: a new kind is
 * one more table. */
#ifndef LAYER_LIGHTNING_DIALECT_H
#define LAYER_LIGHTNING_DIALECT_H
#include "base/buf.h"
#include "layer/lightning/node.h"
#include "net/json.h"

#define LN_PATH_SIZE 160u

struct ln_request {
	const char *method;
	char path[LN_PATH_SIZE]; /* after the URL */
	struct json *body;       /* owned; NULL: none */
};

union ln_value {
	struct ln_info info;
	struct ln_balance balance;
	struct ln_channels channels; /* owns its lists */
	struct ln_limbo limbo;
	char request[BOLT11_TEXT_MAX + 1];
	struct ln_invoice invoice;
	struct ln_payment payment;
};

struct ln_reading {
	const struct ln_question *question;
	bool more_may_come; /* of a payment: its sender may be at work still */
	char *detail;       /* LN_DETAIL_SIZE */
};

/* What is asked beyond that, in a request of its own, once something was read. */
struct ln_step {
	bool (*needed)(const union ln_value *so_far); /* NULL: always */
	void (*put)(struct ln_request *out, const struct ln_question *q,
		const union ln_value *so_far); /* NULL: no more steps */
	enum err (*read)(union ln_value *so_far, const struct ln_reading *r, struct slice body);
};

struct ln_phrase {
	void (*put)(struct ln_request *out, const struct ln_question *q); /* NULL: not spoken */
	/* A body, or a line of a stream. */
	enum err (*read)(union ln_value *out, const struct ln_reading *r, struct slice body);
	const struct ln_step *then; /* in this order, after a body; NULL: nothing */
};

struct ln_dialect {
	const char *header; /* that the credential is sent in, with colon and blank */
	bool binary;        /* the credential is sent in hex */
	struct ln_phrase once[LN_ASK_COUNT], stream[LN_ASK_COUNT];
	enum err (*refusal)(char detail[LN_DETAIL_SIZE], struct slice body);
};

extern const struct ln_dialect ln_dialect_lnd, ln_dialect_cln;

#endif
