/* The journal's mode by HTTP: who may have it, what is wrong with a request, and that answer and
 * mode wait for the record of the switch. */
#include "node/api_client_test.h"

static struct world w;

#define MODE "/v1/journal/mode"

static void expect_mode(struct reply r, const char *mode, const char *interval_ms)
{
	expect(&r, 200, NULL, mode);
	CHECK(strcmp(reply_text(&r, "mode"), mode) == 0);
	CHECK(strstr(r.body, interval_ms) != NULL);
	reply_free(&r);
}

static void test_mode(void)
{
	static const struct {
		const char *body, *pointer, *code;
	} rows[] = {
		{"{}", "/mode", "missing"},
		{"{\"mode\":1}", "/mode", "type"},
		{"{\"mode\":\"memory\"}", "/mode", "unknown"},
		{"{\"mode\":\"\"}", "/mode", "unknown"},
		{"{\"mode\":\"interval\"}", "/interval_ms", "missing"},
		{"{\"mode\":\"interval\",\"interval_ms\":0}", "/interval_ms", "range"},
		{"{\"mode\":\"interval\",\"interval_ms\":1001}", "/interval_ms", "range"},
		{"{\"mode\":\"interval\",\"interval_ms\":1.5}", "/interval_ms", "range"},
		{"{\"mode\":\"group\",\"interval_ms\":5}", "/interval_ms", "unexpected"},
		{"{\"mode\":\"group\",\"x\":5}", "/x", "unknown"},
	};
	const char *interval = "{\"mode\":\"interval\",\"interval_ms\":20}";
	const char *group = "{\"mode\":\"group\"}";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply r = ask_post(&w, MODE, OPERATOR_TOKEN, NULL, rows[i].body);
		expect(&r, 400, "invalid_request", rows[i].body);
		CHECK(strcmp(reply_text(&r, "errors.0.pointer"), rows[i].pointer) == 0);
		CHECK(strcmp(reply_text(&r, "errors.0.code"), rows[i].code) == 0);
		reply_free(&r);
	}
	expect_only(ask_get(&w, MODE, NULL), 401, "unauthorized", "mode");
	expect_only(ask_post(&w, MODE, NULL, NULL, group), 401, "unauthorized", "mode");
	expect_only(ask_post(&w, MODE, READER_TOKEN, NULL, group), 403, "forbidden", "a reader");
	const uint64_t before = w.ledger->seq;
	expect_mode(ask_get(&w, MODE, OPERATOR_TOKEN), "group", ":0}");
	expect_mode(ask_post(&w, MODE, OPERATOR_TOKEN, NULL, group), "group", ":0}");
	CHECK(w.ledger->seq == before); /* it was that already */
	expect_mode(ask_post(&w, MODE, OPERATOR_TOKEN, NULL, interval), "interval", ":20}");
	CHECK(w.ledger->seq == before + 1 && journal_mode_of(w.journal) == JOURNAL_INTERVAL);
	CHECK(journal_durable(w.journal) > before);
	expect_mode(ask_get(&w, MODE, OPERATOR_TOKEN), "interval", ":20}");
	expect_mode(
		ask_post(&w, MODE, OPERATOR_TOKEN, NULL, "{\"mode\":\"strict\"}"), "strict", ":0}");
	expect_mode(ask_post(&w, MODE, OPERATOR_TOKEN, NULL, group), "group", ":0}");
	CHECK(journal_mode_of(w.journal) == JOURNAL_GROUP && w.ledger->seq == before + 3);
	/* held: the answer waits for the record, and so does the mode */
	w.hold_durable = true;
	expect_only(ask_post(&w, MODE, OPERATOR_TOKEN, NULL, interval), 503, "not_durable", "held");
	CHECK(journal_mode_of(w.journal) == JOURNAL_GROUP);
	world_release(&w);
	CHECK(journal_mode_of(w.journal) == JOURNAL_INTERVAL);
	expect_mode(ask_post(&w, MODE, OPERATOR_TOKEN, NULL, group), "group", ":0}");
}

/* Damage on the disk: not ready, and business goes on. */
static void test_damaged(void)
{
	world_reconcile(&w);
	expect_only(ask_get(&w, "/readyz", NULL), 200, NULL, "ready");
	w.damaged = 1;
	struct reply r = ask_get(&w, "/readyz", NULL);
	expect(&r, 503, NULL, "damaged");
	CHECK(strstr(r.body, "\"journal_sound\":false") != NULL);
	reply_free(&r);
	r = ask_get(&w, "/metrics", OPERATOR_TOKEN);
	CHECK(strstr(r.body, "\nsluice_journal_damaged_segments 1\n") != NULL);
	CHECK(strstr(r.body, "\nsluice_ready 0\n") != NULL);
	reply_free(&r);
	w.damaged = 0;
	expect_only(ask_get(&w, "/readyz", NULL), 200, NULL, "mended");
}

int main(void)
{
	world_open(&w, "limits: {request_rate: 100000, request_burst: 100000, deadline_ms: 50}\n");
	test_mode();
	test_damaged();
	world_close(&w);
	return 0;
}
