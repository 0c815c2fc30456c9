#include "node/log.h"

#include "sys/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static log_sink chosen;
static void *chosen_ctx;

void log_sink_set(log_sink sink, void *ctx)
{
	chosen = sink;
	chosen_ctx = ctx;
}

static void put_line(enum log_level level, const char *text)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
	char when[32] = "";
	const uint64_t now = clock_wall_ms();
	const time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	if (gmtime_r(&seconds, &utc) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)fprintf(stderr, "%s.%03uZ %s %s\n", when, (unsigned)(now % 1000), names[level], text);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	for (char *p = text; *p != 0; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' '; /* what a node said must not write lines of its own */
	if (chosen != NULL)
		chosen(chosen_ctx, level, text);
	else
		put_line(level, text);
}
