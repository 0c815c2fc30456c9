/* sim/trace: what happened, in order: the run's hash, and a timeline for people.
 *
 * Everything that a run does to the outside goes into the hash as it happens, whether lines are
 * kept or not. Ownership: a trace owns its lines.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H
#include "base/base.h"
#include "crypto/hash.h"

#define TRACE_LINES_MAX 200000u /* kept; later ones are only hashed */
#define TRACE_TEXT_MAX 200u
#define TRACE_LANE_MAX 16u

/* Who it happened to: a row of the picture. */
enum trace_lane {
	LANE_WORLD,
	LANE_BITCOIN,
	LANE_ROOTSTOCK,
	LANE_PROVIDER,
	LANE_SIGNER,
	LANE_TAKERS,
	LANE_COUNT
};
enum trace_kind { TRACE_NOTE, TRACE_BLOCK, TRACE_STATE, TRACE_FAULT, TRACE_WRONG, TRACE_KINDS };

struct trace_line {
	uint64_t at_ms;
	enum trace_lane lane;
	enum trace_kind kind;
	char *text; /* owned */
};

struct trace {
	struct hash256 hash; /* of the one before and of what came */
	uint64_t count;
	struct trace_line *line; /* owned; kept of them */
	uint32_t kept, cap;
	bool keep;  /* lines for people */
	bool print; /* as they come */
};

NONNULL_ALL void trace_init(struct trace *t);
NONNULL_ALL void trace_fini(struct trace *t);
PRINTF_LIKE(5, 6)
void trace_say(struct trace *t, uint64_t at_ms, enum trace_lane lane, enum trace_kind kind,
	const char *fmt, ...);
/* Into the hash alone. */
NONNULL_ALL void trace_mix(struct trace *t, struct slice bytes);
/* "12:03:44.120". */
#define TRACE_TIME_SIZE 24u
NONNULL_ALL void trace_time(char out[TRACE_TIME_SIZE], uint64_t at_ms);
const char *trace_lane_name(enum trace_lane lane);
/* The picture. ERR_IO: it can't be written. */
MUST_USE NONNULL_ALL enum err trace_draw(
	const struct trace *t, const char *path, const char *title);

#endif
