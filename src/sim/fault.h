/* sim/fault: what goes wrong with a call, on request: which method, in which way, how often. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H
#include "sim/index.h"
#include "sim/text.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_ERROR,       /* the node states an error; nothing was done */
	FAULT_UNAVAILABLE, /* nobody listens: 503 over HTTP; nothing was done */
	FAULT_DENIED,      /* who asks may not: 401, of lnd 500; nothing was done */
	FAULT_HTTP500,     /* an error page; nothing was done */
	FAULT_BRACKETS,    /* a mebibyte of them; nothing was done */
	FAULT_HANG,        /* nothing was done, and no answer ever comes */
	FAULT_TIMEOUT,     /* done, and no answer ever comes */
	FAULT_LOST_REPLY,  /* done, and the connection ends before the answer */
	FAULT_CUT,         /* done, and the connection ends in the middle of the answer */
	FAULT_HALF,        /* done, and half of the JSON is there */
	FAULT_GARBAGE,     /* done, and random bytes are there */
	FAULT_KIND_COUNT
};

#define FAULT_RULES_MAX 64u
#define FAULT_METHOD_MAX 64u

struct fault_rule {
	char method[FAULT_METHOD_MAX]; /* "*": every method but sim's own */
	enum fault_kind kind;
	uint64_t count; /* left */
	int64_t code;   /* ERROR */
};

struct faults {
	struct fault_rule rule[FAULT_RULES_MAX];
	uint32_t rule_count;
	uint64_t hits;
};

/* "lost_reply" and so on; ERR_NOT_FOUND. */
MUST_USE NONNULL_ALL enum err fault_parse(enum fault_kind *out, struct slice name);
/* ERR_FULL; ERR_FORMAT: a method's name too long. */
MUST_USE NONNULL_ALL enum err faults_add(
	struct faults *f, struct slice method, enum fault_kind kind, uint64_t count, int64_t code);
/* The first rule for this method loses one of its count; FAULT_NONE where there is none. */
NONNULL_ALL enum fault_kind faults_take(struct faults *f, const char *method, int64_t *code);
/* The call is carried out, whatever becomes of the answer. */
bool fault_lets_act(enum fault_kind kind);
/* Change the body of an answer as the fault says. */
NONNULL_ALL void fault_spoil(enum fault_kind kind, struct text *body, struct sim_random *random);

#endif
