/* The table of swaps: what it must hold, and that docs/swap.md shows it as it is.
 *
 *     swap_table_test docs/swap.md           fails where the page differs from the table
 *     swap_table_test docs/swap.md --print   prints what has to be between the page's marks
 */
#include "base/buf.h"
#include "ledger/swap_table.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE_MAX (256u * 1024u)

static const char begin_mark[] = "<!-- begin: printed from src/ledger/swap_table.c -->\n";
static const char end_mark[] = "<!-- end -->\n";

static void print_table(struct buf *out)
{
	buf_printf(out, "| state | means | waits for | at risk |\n|---|---|---|---|\n");
	for (unsigned s = 0; s < SWAP_STATE_COUNT; s++) {
		const struct swap_state_text *t = swap_state_text((enum swap_state)s);
		buf_printf(out, "| `%s`%s | %s | %s | %s |\n", swap_state_name((enum swap_state)s),
			swap_state_terminal((enum swap_state)s) ? " (end)" : "", t->meaning,
			t->waits_for, t->at_risk);
	}
	buf_printf(out, "\n| in state | on event | goes to | and |\n|---|---|---|---|\n");
	for (size_t i = 0; i < swap_transition_count; i++) {
		const struct swap_transition *t = &swap_transitions[i];
		buf_printf(out, "| `%s` | `%s` | `%s` | %s |\n", swap_state_name(t->from),
			swap_event_name(t->event), swap_state_name(t->to), t->does);
	}
}

static bool has_row(enum swap_state from, enum swap_event event)
{
	enum swap_state to;
	return swap_next(&to, from, event);
}

static void test_rules(void)
{
	bool reachable[SWAP_STATE_COUNT] = {[SWAP_OFFERED] = true};
	for (size_t round = 0; round < SWAP_STATE_COUNT; round++)
		for (size_t i = 0; i < swap_transition_count; i++)
			if (reachable[swap_transitions[i].from])
				reachable[swap_transitions[i].to] = true;
	for (unsigned s = 0; s < SWAP_STATE_COUNT; s++) {
		unsigned rows = 0;
		CHECK(reachable[s]);
		for (unsigned e = 0; e < SWAP_EVENT_COUNT; e++)
			rows += has_row((enum swap_state)s, (enum swap_event)e);
		/* HAZARDS 12: nothing leaves an end; nothing else is a dead end */
		CHECK(swap_state_terminal((enum swap_state)s) == (rows == 0));
	}
	for (size_t i = 0; i < swap_transition_count; i++)
		for (size_t k = i + 1; k < swap_transition_count; k++)
			CHECK(swap_transitions[i].from != swap_transitions[k].from ||
				swap_transitions[i].event != swap_transitions[k].event);
	/* HAZARDS 7, 8: once the preimage is known no refund begins */
	CHECK(!has_row(SWAP_CLAIMING, SWAP_EV_REFUND_INTENT));
	CHECK(!has_row(SWAP_CLAIMING, SWAP_EV_REFUND_FINAL));
	CHECK(!has_row(SWAP_REFUNDING, SWAP_EV_REFUND_INTENT));
	/* nothing is locked twice, and nothing is locked before the source is deep (HAZARDS 11) */
	for (unsigned s = 0; s < SWAP_STATE_COUNT; s++)
		CHECK(has_row((enum swap_state)s, SWAP_EV_LOCK_INTENT) ==
			(s == SWAP_SOURCE_LOCKED));
}

int main(int argc, char **argv)
{
	static uint8_t page[PAGE_MAX], table[PAGE_MAX];
	struct buf out = buf_init(table, sizeof table);

	test_rules();
	print_table(&out);
	CHECK(!out.overflow);
	if (argc == 3 && strcmp(argv[2], "--print") == 0) {
		(void)fwrite(table, 1, out.len, stdout);
		return EXIT_SUCCESS;
	}
	CHECK(argc == 2);
	FILE *f = fopen(argv[1], "rb");
	CHECK(f != NULL);
	const size_t n = fread(page, 1, sizeof page - 1, f);
	(void)fclose(f);
	page[n] = 0;
	const char *from = strstr((const char *)page, begin_mark);
	const char *to = from == NULL ? NULL : strstr(from, end_mark);
	if (from != NULL && to != NULL) {
		from += strlen(begin_mark);
		if ((size_t)(to - from) == out.len && memcmp(from, table, out.len) == 0)
			return EXIT_SUCCESS;
	}
	(void)fprintf(stderr,
		"%s differs from the table: put the output of --print between its marks\n",
		argv[1]);
	return EXIT_FAILURE;
}
