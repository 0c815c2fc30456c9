/* Who follows what: streams of a simulated lnd, and who waits for the end of a payment. */
#include "sim/lightning_internal.h"

#include <stdlib.h>

static void forget(struct simln *s, const struct sim_visit *visit)
{
	for (uint32_t i = 0; i < s->stream_count; i++)
		if (s->stream[i].visit == visit) {
			s->stream[i] = s->stream[--s->stream_count];
			return;
		}
}

static void on_gone(void *ctx, struct sim_visit *visit)
{
	forget(ctx, visit);
}

/* False: the visit is gone. */
static bool line(struct sim_visit *visit, struct json *value)
{
	struct json *v = json_object();
	size_t len = 0;
	json_set(v, "result", value);
	char *text = json_dump(v, 0, &len);
	CHECK(text != NULL);
	text[len] = '\n'; /* instead of the terminating zero */
	const bool heard = sim_visit_part(visit, slice_of(text, len + 1));
	json_text_free(text);
	json_free(v);
	return heard;
}

static void tell(struct simln *s, const struct simln_stream *stream)
{
	struct sim_visit *visit = stream->visit;
	const struct simln_bill *b = stream->bill;
	const bool payment = stream->payment;
	const bool last = payment && simln_payment_said(s, b) != SIMLN_IN_FLIGHT;
	if (s->node[stream->side].cln) {
		if (last) {
			forget(s, visit);
			simln_cln_paid(s, b, visit);
		}
		return;
	}
	if (!line(visit, payment ? simln_payment_json(s, b) : simln_invoice_json(s, b))) {
		forget(s, visit);
	} else if (last) {
		forget(s, visit);
		sim_visit_end(visit);
	}
}

void simln_tell(struct simln *s, const struct simln_bill *bill, bool payment)
{
	/* backwards: one that ends is replaced by one that was told already */
	for (uint32_t i = s->stream_count; i-- > 0;)
		if (i < s->stream_count && s->stream[i].bill == bill &&
			s->stream[i].payment == payment)
			tell(s, &s->stream[i]);
}

bool simln_listen(struct simln *s, const struct simln_stream *stream, bool now)
{
	if (s->stream_count == SIMLN_STREAMS_MAX)
		return false;
	s->stream = sim_grow(s->stream, &s->stream_cap, s->stream_count + 1, sizeof *s->stream);
	s->stream[s->stream_count++] = *stream;
	sim_visit_on_gone(stream->visit, on_gone, s);
	if (now)
		tell(s, &s->stream[s->stream_count - 1]);
	return true;
}

void simln_cut_streams(struct simln *s, enum simln_side side)
{
	for (uint32_t i = s->stream_count; i-- > 0;) {
		struct sim_visit *visit = s->stream[i].visit;
		if (side != SIMLN_SIDES && s->stream[i].side != side)
			continue;
		forget(s, visit);
		sim_visit_cut(visit);
	}
}
