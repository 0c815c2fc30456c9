/* Power cuts: scripts of journal work run on the simulated disk, and after every single operation
 * that changes what a cut could leave, every subset of what is unsynced (a bounded sample where
 * there are too many) becomes a disk of its own, which must open and must hold
 *   - every acknowledged record, as it was appended,
 *   - behind those only records that were really in flight, in order,
 *   - and then work on: one more record, of another generation, survives the next cut.
 * What an earlier generation left on the disk must never come back: contents tell them apart.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_history_test.h"

#define UNITS_MAX 128u
#define ALL_SUBSETS_BITS 12u /* up to so many unsynced things every subset is tried, ... */
#define SAMPLE_COUNT 1024u   /* ... beyond, so many and the edges */
#define NESTED_EVERY 61u     /* recovery itself is cut in one of so many states */
#define STATES_MIN 20000u
#define SEEN_SLOTS (1u << 19)
#define FRESH_GENERATION 200u

struct world {
	struct file_sim *sim;
	struct journal *j;
	struct history history;
	uint8_t generation; /* of what is appended now */
	unsigned depth;     /* 0: the script; 1: a recovery that is itself cut */
};

static uint64_t seen[SEEN_SLOTS]; /* disks that were tried with what had to be on them; 0: free */
static uint64_t seen_count, disk_count, nested_count, sampled_count;
static uint64_t random_state = 1;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* False where it was there. */
static bool remember(uint64_t key)
{
	key += key == 0;
	for (uint64_t at = key * UINT64_C(0x9e3779b97f4a7c15) >> 40;; at++) {
		uint64_t *slot = &seen[at & (SEEN_SLOTS - 1)];
		if (*slot == key)
			return false;
		if (*slot == 0) {
			CHECK(++seen_count < SEEN_SLOTS / 2);
			*slot = key;
			return true;
		}
	}
}

static void flush(struct journal *j, struct history *h)
{
	journal_flush(j);
	h->acknowledged = journal_durable(j);
	CHECK(h->acknowledged == h->staged);
}

static void cut_here(void *ctx);

static struct file_sim *cut_all(const struct file_sim *sim)
{
	static const uint8_t none[UNITS_MAX];
	const size_t count = file_sim_unsynced(sim);
	CHECK(count <= UNITS_MAX);
	return file_sim_crash(sim, none, count);
}

/* Open it, go on, cut again, look again. Takes the disk. */
static void check_disk(struct file_sim *sim, const struct history *history)
{
	struct history h = *history;
	struct journal *j = history_open(sim, &h, true);
	history_append(j, &h, FRESH_GENERATION, 40);
	flush(j, &h);
	struct file_sim *again = cut_all(sim);
	journal_close(j);
	file_sim_destroy(sim);
	j = history_open(again, &h, true);
	CHECK(journal_last(j) == h.staged);
	journal_close(j);
	file_sim_destroy(again);
}

/* The power fails while it is being recovered. */
static void check_recovery_cut(const struct file_sim *sim, const struct history *history)
{
	struct world w = {.sim = file_sim_crash(sim, NULL, 0), .history = *history, .depth = 1};
	struct history h = *history;
	file_sim_on_change(w.sim, cut_here, &w);
	struct journal *j = history_open(w.sim, &h, true);
	file_sim_on_change(w.sim, NULL, NULL);
	journal_close(j);
	file_sim_destroy(w.sim);
	nested_count++;
}

static void check_subset(struct world *w, const uint8_t *survives, size_t count)
{
	struct file_sim *after = file_sim_crash(w->sim, survives, count);
	const uint64_t digest = file_sim_digest(after);
	const struct history *h = &w->history;
	const bool fresh = remember(digest * 2);
	disk_count += fresh;
	if (!remember((digest ^ h->acknowledged * UINT64_C(0xff51afd7ed558ccd) ^
			      h->staged * UINT64_C(0xc4ceb9fe1a85ec53)) *
			    2 +
		    1)) {
		file_sim_destroy(after);
		return;
	}
	if (w->depth == 0 && disk_count % NESTED_EVERY == 0)
		check_recovery_cut(after, h);
	check_disk(after, h);
}

/* The hook: the power fails here. */
static void cut_here(void *ctx)
{
	struct world *w = ctx;
	uint8_t survives[UNITS_MAX];
	const size_t count = file_sim_unsynced(w->sim);
	CHECK(count <= UNITS_MAX);
	if (count <= (w->depth == 0 ? ALL_SUBSETS_BITS : ALL_SUBSETS_BITS / 3)) {
		for (uint32_t bits = 0; bits < 1u << count; bits++) {
			for (size_t i = 0; i < count; i++)
				survives[i] = (uint8_t)(bits >> i & 1u);
			check_subset(w, survives, count);
		}
		return;
	}
	sampled_count++;
	/* the first k, all but one, only one, and random ones */
	for (size_t k = 0; k <= count; k++) {
		for (size_t i = 0; i < count; i++)
			survives[i] = i < k;
		check_subset(w, survives, count);
		for (size_t i = 0; i < count; i++)
			survives[i] = i != k;
		check_subset(w, survives, count);
		for (size_t i = 0; i < count; i++)
			survives[i] = i == k;
		check_subset(w, survives, count);
	}
	for (unsigned n = 0; n < (w->depth == 0 ? SAMPLE_COUNT : 16); n++) {
		const uint64_t bits = draw();
		for (size_t i = 0; i < count; i++)
			survives[i] = (uint8_t)(bits >> (i % 64) & 1u);
		check_subset(w, survives, count);
	}
}

/* The machine really loses power in the script: a random part survives, and life goes on there. */
static void power_cut(struct world *w)
{
	uint8_t survives[UNITS_MAX];
	const size_t count = file_sim_unsynced(w->sim);
	CHECK(count <= UNITS_MAX);
	for (size_t i = 0; i < count; i++)
		survives[i] = draw() % 2 == 0;
	struct file_sim *after = file_sim_crash(w->sim, survives, count);
	file_sim_on_change(w->sim, NULL, NULL);
	journal_close(w->j);
	file_sim_destroy(w->sim);
	w->sim = after;
	file_sim_on_change(after, cut_here, w);
}

/* A group is written and its sync never comes back; then the power fails. */
static void torn_flush(struct world *w)
{
	CHECK(w->history.staged > w->history.acknowledged);
	file_sim_inject(w->sim, &(struct file_sim_fault){.op = FILE_SIM_SYNC, .err = ERR_IO});
	journal_flush(w->j);
	CHECK(journal_durable(w->j) == w->history.acknowledged);
}

static void reopen(struct world *w)
{
	struct history h = w->history;
	w->j = history_open(w->sim, &h, true);
	w->history = h;
	w->generation++;
}

/* a b c: append a short, middling, long record. f: flush. m: mark. r: close and open. k: the
 * process dies and starts again. p: power cut. t: write without a sync that succeeds, then power
 * cut or, T, only a restart. */
static void run_script(const char *script)
{
	static struct world w;
	w = (struct world){.sim = file_sim_create()};
	file_sim_on_change(w.sim, cut_here, &w);
	reopen(&w);
	for (const char *c = script; *c != '\0'; c++) {
		switch (*c) {
		case 'a': history_append(w.j, &w.history, w.generation, 21); break;
		case 'b': history_append(w.j, &w.history, w.generation, 700); break;
		case 'c': history_append(w.j, &w.history, w.generation, 2300); break;
		case 'f': flush(w.j, &w.history); break;
		case 'm': journal_mark(w.j); break;
		case 'r':
			journal_close(w.j);
			w.history.acknowledged = w.history.staged;
			reopen(&w);
			break;
		case 't':
			torn_flush(&w);
			power_cut(&w);
			reopen(&w);
			break;
		case 'p':
			power_cut(&w);
			reopen(&w);
			break;
		case 'T':
			torn_flush(&w);
			journal_close(w.j);
			file_sim_kill(w.sim);
			reopen(&w);
			break;
		default: CHECK(false);
		}
	}
	file_sim_on_change(w.sim, NULL, NULL);
	journal_close(w.j);
	file_sim_destroy(w.sim);
}

int main(void)
{
	static const char *const scripts[] = {
		"afaafmbfrafp",
		"ccfbbbfacfmccfpaf",
		"ccfccfccfccfccfccfccfccfrcfccf", /* into the second and third segment */
		"bbfbbtbbTbbtbTccfactaaTaf",
		"acTacTacTafmacTrccTbt",
		"bbbbtbbbtbbtbtaf",
	};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		run_script(scripts[i]);
	(void)printf("%llu distinct disks, %llu recoveries cut too, %llu places sampled\n",
		(unsigned long long)disk_count, (unsigned long long)nested_count,
		(unsigned long long)sampled_count);
	CHECK(disk_count >= STATES_MIN && nested_count > 0);
	return EXIT_SUCCESS;
}
