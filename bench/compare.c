#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "sys/clock.h"

#define COUNT_MAX (UINT64_C(1) << 40)
/* Before each turn: whoever had the last one may still spin for work. */
#define SETTLE_MS 1u
#define SPREAD_LOW 0.1
#define SPREAD_HIGH 0.9

static const char *only;

void compare_only(const char *text)
{
	only = text;
}

static unsigned rounds_max = COMPARE_ROUNDS_MAX;

void compare_rounds(unsigned rounds)
{
	rounds_max = rounds;
}

int compare_arguments(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "--rounds") != 0)
		return 1;
	const unsigned long rounds = strtoul(argv[2], NULL, 10);
	compare_rounds(rounds > 0 && rounds < COMPARE_ROUNDS_MAX ? (unsigned)rounds : 1);
	return 3;
}

static unsigned rounds_of(const struct contest *c)
{
	const unsigned rounds = c->rounds ? c->rounds : COMPARE_ROUNDS;
	return rounds < rounds_max ? rounds : rounds_max;
}

bool compare_wants(const char *name)
{
	return !only || strstr(name, only);
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double series_quantile(struct series *s, double q)
{
	CHECK(s->count > 0 && s->count <= COMPARE_ROUNDS_MAX);
	qsort(s->value, s->count, sizeof s->value[0], compare_doubles);
	return s->value[(size_t)(q * (double)(s->count - 1) + 0.5)];
}

static int compare_latencies(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

double latency_quantile(uint32_t *latencies_ns, size_t count, double q)
{
	CHECK(count > 0);
	qsort(latencies_ns, count, sizeof *latencies_ns, compare_latencies);
	return latencies_ns[(size_t)(q * (double)(count - 1) + 0.5)];
}

/* Sorting a series would lose which round a value is of. */
static double quantile_of(const struct series *s, double q)
{
	struct series copy = *s;
	return series_quantile(&copy, q);
}

static void machine_model(char *out, size_t size)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "r");
	(void)snprintf(out, size, "unknown CPU");
	while (f && fgets(line, sizeof line, f)) {
		const char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) == 0 && colon) {
			line[strcspn(line, "\n")] = 0;
			(void)snprintf(out, size, "%s", colon + 2);
			break;
		}
	}
	if (f)
		(void)fclose(f);
}

void compare_machine(void)
{
	struct utsname name;
	char model[128];
	double load = 0;
	CHECK(uname(&name) == 0);
	machine_model(model, sizeof model);
	(void)getloadavg(&load, 1);
	(void)fprintf(stderr, "%s, %ld CPUs, %s %s, load %.1f\n", model,
		sysconf(_SC_NPROCESSORS_ONLN), name.sysname, name.release, load);
}

static void put_string(const char *key, const char *value)
{
	if (value)
		(void)printf("\"%s\":\"%s\",", key, value);
	else
		(void)printf("\"%s\":null,", key);
}

static void put_number(const char *key, double value, bool known)
{
	if (known)
		(void)printf("\"%s\":%.4g,", key, value);
	else
		(void)printf("\"%s\":null,", key);
}

struct row {
	const struct contest *contest;
	const struct contestant *peer; /* NULL: ours alone */
	double ours, theirs;
	double ratio, low, high;
	bool has_ours;
	double goal; /* of the ratio; without a peer, of ours */
};

/* Returns whether a goal was missed. */
static unsigned put_row(const struct row *r)
{
	const bool larger = r->contest->larger_is_better;
	const bool has_goal = r->goal > 0, has_ratio = r->has_ours && r->peer;
	bool met;
	if (r->peer)
		met = r->ratio >= r->goal;
	else
		met = larger ? r->ours >= r->goal : r->ours <= r->goal;
	(void)printf("{");
	put_string("name", r->contest->name);
	put_string("peer", r->peer ? r->peer->peer : NULL);
	if (r->peer && r->peer->form)
		put_string("form", r->peer->form);
	put_string("peer_version", r->peer ? r->peer->version : NULL);
	put_number("ours", r->ours, r->has_ours);
	put_number("theirs", r->theirs, r->peer != NULL);
	put_string("unit", r->contest->unit);
	put_number("ratio", r->ratio, has_ratio);
	put_number("ratio_low", r->low, has_ratio);
	put_number("ratio_high", r->high, has_ratio);
	if (has_goal)
		(void)printf("\"goal\":\"%s %.4g%s\",", r->peer || larger ? ">=" : "<=", r->goal,
			r->peer ? "x" : "");
	else
		(void)printf("\"goal\":null,");
	(void)printf("\"met\":%s}\n", !has_goal || !r->has_ours ? "null" : met ? "true" : "false");
	(void)fflush(stdout);
	return has_goal && r->has_ours && !met;
}

static bool is_better(const struct contest *c, double a, double b)
{
	return c->larger_is_better ? a > b : a < b;
}

/* Of all forms of the peer that list[first] is a form of: the one with the best median. */
static size_t best_form(const struct contest *c, const struct contestant *list,
	const struct series *series, size_t count, size_t first)
{
	size_t best = first;
	for (size_t i = first + 1; i < count; i++)
		if (series[i].count > 0 && strcmp(list[i].peer, list[first].peer) == 0 &&
			is_better(c, quantile_of(&series[i], 0.5), quantile_of(&series[best], 0.5)))
			best = i;
	return best;
}

static bool is_first_form(const struct contestant *list, size_t at)
{
	for (size_t i = 1; i < at; i++)
		if (strcmp(list[i].peer, list[at].peer) == 0)
			return false;
	return true;
}

static void fill_ratio(struct row *r, const struct series *ours, const struct series *theirs)
{
	struct series ratios = {.count = 0};
	const size_t rounds = ours->count < theirs->count ? ours->count : theirs->count;
	for (size_t i = 0; i < rounds; i++)
		ratios.value[ratios.count++] = r->contest->larger_is_better
			? ours->value[i] / theirs->value[i]
			: theirs->value[i] / ours->value[i];
	r->ratio = series_quantile(&ratios, 0.5);
	r->low = series_quantile(&ratios, SPREAD_LOW);
	r->high = series_quantile(&ratios, SPREAD_HIGH);
}

unsigned compare_series(
	const struct contest *c, const struct contestant *list, struct series *series, size_t count)
{
	struct row rows[COMPARE_CONTESTANTS_MAX] = {0};
	size_t used = 0, best = 0;
	unsigned missed = 0;
	CHECK(count > 0 && count <= COMPARE_CONTESTANTS_MAX);
	const bool has_ours = series[0].count > 0;
	const double ours = has_ours ? quantile_of(&series[0], 0.5) : 0;
	for (size_t i = 1; i < count; i++) {
		if (series[i].count == 0 || !is_first_form(list, i))
			continue;
		const size_t form = best_form(c, list, series, count, i);
		struct row *r = &rows[used];
		*r = (struct row){.contest = c,
			.peer = &list[form],
			.ours = ours,
			.has_ours = has_ours,
			.goal = list[form].goal[c->figure],
			.theirs = quantile_of(&series[form], 0.5)};
		if (has_ours)
			fill_ratio(r, &series[0], &series[form]);
		if (used == 0 || is_better(c, r->theirs, rows[best].theirs))
			best = used;
		used++;
	}
	if (used > 0 && c->goal_best > rows[best].goal)
		rows[best].goal = c->goal_best;
	for (size_t i = 0; i < used; i++)
		missed += put_row(&rows[i]);
	if (has_ours && (used == 0 || c->goal_ours > 0))
		missed += put_row(&(struct row){
			.contest = c, .ours = ours, .has_ours = true, .goal = c->goal_ours});
	return missed;
}

static uint64_t round_up(uint64_t count, uint64_t granule)
{
	return (count + granule - 1) / granule * granule;
}

/* A count that takes some round_ns: doubled until it is long enough to tell. This warms up, too. */
static uint64_t find_count(const struct contest *c, const struct contestant *who)
{
	const uint64_t granule = c->granule ? c->granule : 1;
	const uint64_t target = c->round_ns ? c->round_ns : COMPARE_ROUND_NS;
	uint64_t count = granule;
	if (c->count) {
		(void)who->run(who->ctx, c->count);
		return c->count;
	}
	for (;;) {
		uint64_t took = who->run(who->ctx, count);
		CHECK(count < COUNT_MAX);
		if (took >= target / 2) { /* unless it was the beginning that took so long */
			const uint64_t again = who->run(who->ctx, count);
			took = again < took ? again : took;
		}
		if (took >= target / 2) {
			const double fit = (double)count * (double)target / (double)took;
			return round_up((uint64_t)fit + 1, granule);
		}
		count = took < target / 16 ? count * 8 : count * 2;
	}
}

unsigned compare_contest(const struct contest *c, const struct contestant *list, size_t count)
{
	static struct series series[COMPARE_CONTESTANTS_MAX];
	uint64_t counts[COMPARE_CONTESTANTS_MAX] = {0};
	const unsigned rounds = rounds_of(c);
	CHECK(count <= COMPARE_CONTESTANTS_MAX && rounds <= COMPARE_ROUNDS_MAX);
	if (!compare_wants(c->name))
		return 0;
	for (size_t i = 0; i < count; i++) {
		series[i].count = 0;
		if (list[i].run)
			counts[i] = find_count(c, &list[i]);
	}
	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++)
			if (list[i].run) {
				clock_sleep_ms(SETTLE_MS);
				const uint64_t took = list[i].run(list[i].ctx, counts[i]);
				series[i].value[series[i].count++] = (double)took /
					(double)counts[i];
			}
	return compare_series(c, list, series, count);
}

unsigned compare_figures(
	const struct contest *contests, size_t figures, const struct contestant *list, size_t count)
{
	static struct series series[COMPARE_FIGURES_MAX][COMPARE_CONTESTANTS_MAX];
	const unsigned rounds = rounds_of(contests);
	unsigned missed = 0;
	bool wanted = false;
	for (size_t f = 0; f < figures; f++)
		wanted = wanted || compare_wants(contests[f].name);
	if (!wanted)
		return 0;
	CHECK(count <= COMPARE_CONTESTANTS_MAX && rounds <= COMPARE_ROUNDS_MAX);
	CHECK(figures > 0 && figures <= COMPARE_FIGURES_MAX);
	for (size_t f = 0; f < figures; f++)
		for (size_t i = 0; i < count; i++)
			series[f][i].count = 0;
	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++) {
			double values[COMPARE_FIGURES_MAX];
			for (size_t f = 0; f < figures; f++)
				values[f] = (double)NAN;
			if (list[i].measure) {
				clock_sleep_ms(SETTLE_MS);
				list[i].measure(list[i].ctx, values);
			}
			for (size_t f = 0; f < figures; f++)
				if (!isnan(values[f]))
					series[f][i].value[series[f][i].count++] = values[f];
		}
	for (size_t f = 0; f < figures; f++)
		if (compare_wants(contests[f].name))
			missed += compare_series(&contests[f], list, series[f], count);
	return missed;
}
