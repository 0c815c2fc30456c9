/* net/http_parts: answers that are given in parts, as they come. Private to net.
 *
 * What has come is handed over from the loop's next step, never from within a way's own functions
 * (libcurl may not be called from its callbacks), and then its room is free again: a call holds at
 * most answer_max bytes, however long its answer is. Threads: the loop's.
 */
#ifndef NET_HTTP_PARTS_H
#define NET_HTTP_PARTS_H
#include "net/http_real.h"

/* Something was added to what the call holds. */
NONNULL_ALL void http_parts_due(struct http_open *call);
/* It ends: what was not handed over yet is, now, and the answer has no body any more. */
NONNULL_ALL void http_parts_last(struct http_open *call, struct http_answer *answer);

#endif
