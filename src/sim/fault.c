#include "sim/fault.h"

#define BRACKETS_LEN (1u << 20)
#define GARBAGE_LEN_MAX 4096u
#define ERROR_PAGE                                                                                 \
	"<html><head><title>500</title></head><body>Internal Server Error</body></html>\n"

static const struct {
	const char *name;
	bool acts;
} kinds[FAULT_KIND_COUNT] = {
	[FAULT_NONE] = {"none", true},
	[FAULT_ERROR] = {"error", false},
	[FAULT_UNAVAILABLE] = {"unavailable", false},
	[FAULT_DENIED] = {"denied", false},
	[FAULT_HTTP500] = {"http500", false},
	[FAULT_BRACKETS] = {"brackets", false},
	[FAULT_HANG] = {"hang", false},
	[FAULT_TIMEOUT] = {"timeout", true},
	[FAULT_LOST_REPLY] = {"lost_reply", true},
	[FAULT_CUT] = {"cut", true},
	[FAULT_HALF] = {"half", true},
	[FAULT_GARBAGE] = {"garbage", true},
};

enum err fault_parse(enum fault_kind *out, struct slice name)
{
	for (unsigned i = FAULT_NONE + 1; i < FAULT_KIND_COUNT; i++) {
		if (slice_eq(name, slice_str(kinds[i].name))) {
			*out = (enum fault_kind)i;
			return OK;
		}
	}
	return ERR_NOT_FOUND;
}

bool fault_lets_act(enum fault_kind kind)
{
	return kinds[kind].acts;
}

enum err faults_add(
	struct faults *f, struct slice method, enum fault_kind kind, uint64_t count, int64_t code)
{
	if (method.len == 0 || method.len >= FAULT_METHOD_MAX)
		return ERR_FORMAT;
	if (f->rule_count == FAULT_RULES_MAX)
		return ERR_FULL;
	if (count == 0)
		return OK;
	struct fault_rule *rule = &f->rule[f->rule_count++];
	*rule = (struct fault_rule){.kind = kind, .count = count, .code = code};
	memcpy(rule->method, method.ptr, method.len);
	return OK;
}

enum fault_kind faults_take(struct faults *f, const char *method, int64_t *code)
{
	for (uint32_t i = 0; i < f->rule_count; i++) {
		struct fault_rule *rule = &f->rule[i];
		if (strcmp(rule->method, "*") != 0 && strcmp(rule->method, method) != 0)
			continue;
		const enum fault_kind kind = rule->kind;
		*code = rule->code;
		f->hits++;
		if (--rule->count == 0) {
			f->rule_count--;
			memmove(rule, rule + 1, (f->rule_count - i) * sizeof *rule);
		}
		return kind;
	}
	return FAULT_NONE;
}

static void put_brackets(struct text *body)
{
	char line[1024];
	memset(line, '[', sizeof line);
	for (unsigned i = 0; i < BRACKETS_LEN / sizeof line; i++)
		text_put(body, line, sizeof line);
}

void fault_spoil(enum fault_kind kind, struct text *body, struct sim_random *random)
{
	size_t len;
	switch (kind) {
	case FAULT_HTTP500:
		body->len = 0;
		text_put(body, ERROR_PAGE, sizeof ERROR_PAGE - 1);
		break;
	case FAULT_BRACKETS:
		body->len = 0;
		put_brackets(body);
		break;
	case FAULT_CUT:
	case FAULT_HALF: body->len /= 2; break;
	case FAULT_GARBAGE:
		len = (size_t)sim_random_between(random, 1, GARBAGE_LEN_MAX);
		body->len = 0;
		for (size_t i = 0; i < len; i++) {
			const uint8_t byte = (uint8_t)sim_random_next(random);
			text_put(body, &byte, 1);
		}
		break;
	case FAULT_NONE:
	case FAULT_ERROR:
	case FAULT_DENIED:
	case FAULT_UNAVAILABLE:
	case FAULT_HANG:
	case FAULT_TIMEOUT:
	case FAULT_LOST_REPLY:
	case FAULT_KIND_COUNT: break;
	}
}
