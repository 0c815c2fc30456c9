/* client/print: a session told to people, or as one JSON object a line.
 *
 * On a terminal what changes is shown in place; otherwise a line is printed when something changed.
 * Colours only on a terminal, and not where NO_COLOR is set. What providers and nodes say is
 * printed without control characters.
 */
#ifndef CLIENT_PRINT_H
#define CLIENT_PRINT_H
#include <stdio.h>

#include "client/session.h"

struct printer {
	FILE *out;
	bool json, terminal, colour;
	const char *rescue_path;
	const struct client_config *config;
	char warning[300]; /* the last one */
	char why[300];     /* of the session's end; "": it said nothing */
	bool line_open;    /* a status line is on the terminal, to be overwritten */
	char last[400];    /* the last status, to tell whether it changed */
};

/* A report_cb; ctx: struct printer. */
void print_report(void *ctx, const struct report *report);
/* The same before there is a session, where any trouble is the end: print_end tells it. */
void print_begin_report(void *ctx, const struct report *report);
/* A step that has been done, or a note: before there is a session. */
PRINTF_LIKE(2, 3)
void print_done(struct printer *p, const char *fmt, ...);
PRINTF_LIKE(2, 3)
void print_error(struct printer *p, const char *fmt, ...);
/* The last line: what became of it, why, and what to do next. JSON: the final object. r may be
 * NULL.
 */
void print_end(struct printer *p, const struct rescue *r, enum client_exit exit);

/* Blanks for what a terminal would obey, in place: C0 controls, DEL, and the C1 controls of UTF-8.
 * For everything that others wrote. */
void print_plain(char *text);
/* "3 h 20 min"; text has room for 32. */
void print_span(char text[32], uint64_t ms);
const char *client_exit_name(enum client_exit exit);
/* What the exit status means, in a line: the table of docs/operating.md. */
const char *client_exit_text(enum client_exit exit);

#endif
