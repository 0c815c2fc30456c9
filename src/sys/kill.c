#include "sys/kill.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const point_names[KILL_POINT_COUNT] = {
	[KILL_BEFORE_WRITE] = "before_write",
	[KILL_WRITTEN] = "written",
	[KILL_SYNCED] = "synced",
	[KILL_EFFECT_SENT] = "effect_sent",
	[KILL_OBSERVED] = "observed",
};

const char *kill_point_name(enum kill_point point)
{
	CHECK((unsigned)point < KILL_POINT_COUNT);
	return point_names[point];
}

#ifdef SLUICE_KILL_POINTS

#define EXIT_USAGE 2

static pthread_once_t armed_once = PTHREAD_ONCE_INIT;
static bool armed; /* written once, under armed_once */
static uint64_t armed_seq;
static enum kill_point armed_point;

enum err kill_at_parse(uint64_t *seq, enum kill_point *point, const char *text)
{
	uint64_t n = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		const uint64_t digit = (uint64_t)(*at - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return ERR_FORMAT;
		n = n * 10 + digit;
	}
	if (at == text || *at != ':')
		return ERR_FORMAT;
	for (unsigned i = 0; i < KILL_POINT_COUNT; i++) {
		if (strcmp(at + 1, point_names[i]) == 0) {
			*seq = n;
			*point = (enum kill_point)i;
			return OK;
		}
	}
	return ERR_FORMAT;
}

static void arm(void)
{
	const char *text = getenv("SLUICE_KILL_AT");
	if (text == NULL || *text == 0)
		return;
	if (kill_at_parse(&armed_seq, &armed_point, text) != OK) {
		(void)fprintf(stderr, "SLUICE_KILL_AT=%.100s: not SEQ:POINT\n", text);
		_exit(EXIT_USAGE);
	}
	armed = true;
}

void kill_point_reached(uint64_t seq, enum kill_point point)
{
	CHECK((unsigned)point < KILL_POINT_COUNT);
	CHECK(pthread_once(&armed_once, arm) == 0);
	if (!armed || point != armed_point || seq < armed_seq)
		return;
	(void)fprintf(
		stderr, "killed at %llu:%s\n", (unsigned long long)seq, kill_point_name(point));
	_exit(KILL_EXIT_STATUS);
}

#endif
