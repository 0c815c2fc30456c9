/* For tests of simulated networks: calls in JSON text, answers parsed, and an optional record of
 * every exchange and every block, one JSON object a line, which tests/live plays to a real node. */
#ifndef SIM_RPC_TEST_H
#define SIM_RPC_TEST_H
#include <stdio.h>

#include "sim/network.h"

struct peer {
	struct sim_network *network;
	uint64_t now_ms;
	FILE *record; /* NULL: none */
	/* called before each recorded exchange: what happened that no call tells */
	void (*before)(struct peer *p);
	struct json *answer; /* owns: the last result, NULL after an error */
	int64_t code;        /* 0: none */
	char message[SIM_MESSAGE_MAX];
};

void peer_fini(struct peer *p);
/* params: JSON text of an array, made from fmt. Returns the result, borrowed until the next. */
PRINTF_LIKE(3, 4)
const struct json *peer_call(struct peer *p, const char *method, const char *fmt, ...);
/* The call must fail with this code, and with a text that begins so. */
#define REFUSED(p, wanted, text)                                                                   \
	do {                                                                                       \
		if ((p)->code != (wanted) || strncmp((p)->message, text, strlen(text)) != 0)       \
			(void)fprintf(stderr, "%d: %lld %s\n", __LINE__, (long long)(p)->code,     \
				(p)->message);                                                     \
		CHECK((p)->code == (wanted));                                                      \
		CHECK(strncmp((p)->message, text, strlen(text)) == 0);                             \
	} while (0)
#define ACCEPTED(p)                                                                                \
	do {                                                                                       \
		if ((p)->code != 0)                                                                \
			(void)fprintf(stderr, "%d: %lld %s\n", __LINE__, (long long)(p)->code,     \
				(p)->message);                                                     \
		CHECK((p)->code == 0);                                                             \
	} while (0)

#endif
