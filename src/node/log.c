#include "node/log.h"

#include "sys/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
	char text[LOG_LINE_MAX];
	char when[32] = "";
	const uint64_t now = clock_wall_ms();
	const time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	for (char *p = text; *p != 0; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' '; /* what a node said must not write lines of its own */
	if (gmtime_r(&seconds, &utc) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)fprintf(stderr, "%s.%03uZ %s %s\n", when, (unsigned)(now % 1000), names[level], text);
}
