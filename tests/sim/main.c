/* sluice-sim: whole deployments from seeds. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/secp.h"
#include "sys/clock.h"
#include "world.h"

static const char usage[] =
	"sluice-sim: a whole deployment in one process, from one seed, on virtual time\n"
	"\n"
	"  sluice-sim [--seed N | --seeds N..M] [--minutes M] [--swaps N] [--payouts N]\n"
	"             [--exhaust N [--states N [--enough]]] [--sockets] [--lightning] [--tight]\n"
	"             [--beside NAME]\n"
	"             [--deposits N] [--faults N] [--without I,J,...] [--twice] [--minimise]\n"
	"             [--scenario NAME|all] [--hazard NAME|all [--mutants] [--mutant NAME]]\n"
	"             [--hazards] [--plan] [--trace] [--timeline FILE.svg]\n"
	"\n"
	"  --seed N        the run of this seed (1)\n"
	"  --seeds N..M    those of several\n"
	"  --beside NAME   the network beside Bitcoin: rootstock (as it is),\n"
	"                  rootstock_erc20, bob\n"
	"  --minutes M     work begins within so many minutes\n"
	"  --faults N      so many things go wrong\n"
	"  --without I,J   but not these (numbers as --plan shows them)\n"
	"  --scenario NAME only what brings one hazard about; all: one after the other\n"
	"  --exhaust N     the power fails everywhere, N parts of what is unsynced stay\n"
	"  --states N      fails where fewer different disks came of that, all runs together\n"
	"  --enough        and tries no more of them once so many came\n"
	"  --sockets       the provider's HTTP over simulated sockets, whatever the seed says\n"
	"  --lightning     with Lightning, whatever the seed says\n"
	"  --tight         tables and queues are as small as may be, and fill up\n"
	"  --hazard NAME   brings it about on purpose; all: one after the other\n"
	"  --mutants       and again without each defence that it needs: must be found\n"
	"  --mutant NAME   without this one only\n"
	"  --hazards       the table of them\n"
	"  --twice         each seed twice: both runs must be the same, byte for byte\n"
	"  --minimise      where a checker finds something: with as few faults as it takes\n"
	"  --timeline FILE a picture of the run\n"
	"  --trace         everything that happens, as it happens\n"
	"  --plan          what a seed holds\n"
	"\n"
	"Exit status: 0 all is well; 1 a checker found something; 2 wrong usage.\n";

struct options {
	uint64_t first, last;
	struct plan_profile profile;
	const char *without;
	const char *timeline, *scenario, *hazard, *mutant, *beside;
	bool trace, plan, twice, minimise, mutants, hazards, enough;
	uint32_t subsets;
	uint64_t states_min, states, exhaust_ms;
};

static bool number(uint64_t *out, const char *text)
{
	char *end = NULL;
	if (text == NULL || *text < '0' || *text > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return *end == '\0';
}

static bool range(struct options *o, const char *text)
{
	char *end = NULL;
	if (text == NULL || *text < '0' || *text > '9')
		return false;
	o->first = strtoull(text, &end, 10);
	return strncmp(end, "..", 2) == 0 && number(&o->last, end + 2) && o->last >= o->first;
}

static bool parse(struct options *o, int argc, char **argv)
{
	const struct {
		const char *name;
		bool *on;
	} flags[] = {{"--trace", &o->trace}, {"--plan", &o->plan}, {"--twice", &o->twice},
		{"--minimise", &o->minimise}, {"--mutants", &o->mutants},
		{"--hazards", &o->hazards}, {"--sockets", &o->profile.sockets},
		{"--tight", &o->profile.tight}, {"--enough", &o->enough},
		{"--lightning", &o->profile.lightning}};
	const struct {
		const char *name, **text;
	} texts[] = {{"--timeline", &o->timeline}, {"--scenario", &o->scenario},
		{"--beside", &o->beside}, {"--without", &o->without}, {"--hazard", &o->hazard},
		{"--mutant", &o->mutant}};
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
		uint64_t n = 0;
		size_t f = 0;
		while (f < ARRAY_LEN(flags) && strcmp(a, flags[f].name) != 0)
			f++;
		if (f < ARRAY_LEN(flags)) {
			*flags[f].on = true;
			continue;
		}
		i++;
		if (strcmp(a, "--seeds") == 0 && range(o, v))
			continue;
		for (f = 0; f < ARRAY_LEN(texts) && strcmp(a, texts[f].name) != 0;)
			f++;
		if (f < ARRAY_LEN(texts) && v != NULL) {
			*texts[f].text = v;
			continue;
		}
		if (!number(&n, v))
			return false;
		if (strcmp(a, "--seed") == 0)
			o->first = o->last = n;
		else if (strcmp(a, "--exhaust") == 0)
			o->subsets = (uint32_t)n;
		else if (strcmp(a, "--states") == 0)
			o->states_min = n;
		else if (strcmp(a, "--minutes") == 0)
			o->profile.minutes = n;
		else if (strcmp(a, "--swaps") == 0)
			o->profile.swaps = (uint32_t)n;
		else if (strcmp(a, "--payouts") == 0)
			o->profile.payouts = (uint32_t)n;
		else if (strcmp(a, "--deposits") == 0)
			o->profile.deposits = (uint32_t)n;
		else if (strcmp(a, "--faults") == 0)
			o->profile.faults = (uint32_t)n;
		else
			return false;
	}
	return o->beside == NULL ||
		(layer_parse(&o->profile.other, slice_str(o->beside)) == OK &&
			layer_family(o->profile.other) == FAMILY_ACCOUNT);
}

static void leave_out(struct plan *p, const char *list)
{
	while (list != NULL && *list != '\0') {
		char *end = NULL;
		const uint64_t n = strtoull(list, &end, 10);
		if (end == list)
			return;
		if (n < p->count)
			p->item[n].left_out = true;
		list = *end == ',' ? end + 1 : end;
	}
}

static void show_plan(const struct plan *p)
{
	char when[TRACE_TIME_SIZE], text[PLAN_TEXT_SIZE];
	for (uint32_t i = 0; i < p->count; i++) {
		trace_time(when, p->item[i].at_ms);
		plan_text(text, &p->item[i]);
		if (p->item[i].left_out)
			continue;
		const bool fault = plan_is_fault(p->item[i].kind);
		(void)printf("%4u %14s %s%s\n", i, when, fault ? "! " : "", text);
	}
}

static void report(const struct plan *p, const struct world_result *r, uint64_t took_ms)
{
	char hash[65];
	hex_encode(hash, r->hash.b, sizeof r->hash.b);
	(void)printf("seed %llu: %s %.16s; %u swaps: %u completed, %u refunded, %u else; "
		     "%u payouts; %llu records, %llu + %llu crashes, %llu folds, "
		     "%llu of %llu damages refused; "
		     "%.1f h in %.2f s: %.0f times real time\n",
		(unsigned long long)p->seed, r->wrong == 0 ? "ok" : "WRONG", hash, r->swaps,
		r->completed, r->refunded, r->other, r->payouts, (unsigned long long)r->records,
		(unsigned long long)r->crashes, (unsigned long long)r->signer_crashes,
		(unsigned long long)r->folds, (unsigned long long)r->damage_refused,
		(unsigned long long)r->damaged, (double)r->virtual_ms / 3600e3,
		(double)took_ms / 1e3,
		(double)r->virtual_ms / (double)(took_ms == 0 ? 1 : took_ms));
}

/* The command that does this again. */
static void say_command(const struct plan *p, const struct options *o)
{
	const struct plan_profile *f = &o->profile;
	const char *comma = " --without ";
	(void)printf("  again: sluice-sim --seed %llu --minutes %llu --swaps %u --payouts %u "
		     "--deposits %u --faults %u",
		(unsigned long long)p->seed, (unsigned long long)f->minutes, f->swaps, f->payouts,
		f->deposits, f->faults);
	if (o->beside != NULL)
		(void)printf(" --beside %s", o->beside);
	if (o->profile.sockets)
		(void)printf(" --sockets");
	if (o->profile.lightning)
		(void)printf(" --lightning");
	if (o->profile.tight)
		(void)printf(" --tight");
	if (o->subsets > 0)
		(void)printf(" --exhaust %u", o->subsets);
	for (size_t i = 0; i < plan_scenario_count; i++)
		if (f->kinds != 0 && plan_scenarios[i].kinds == f->kinds)
			(void)printf(" --scenario %s", plan_scenarios[i].name);
	for (uint32_t i = 0; i < p->count; i++) {
		if (!p->item[i].left_out)
			continue;
		(void)printf("%s%u", comma, i);
		comma = ",";
	}
	(void)printf("\n");
}

static void run(struct world_result *out, const struct plan *plan, const struct options *o)
{
	static struct world world;
	world_init(&world, plan);
	world.trace.print = o->trace;
	world.trace.keep = o->timeline != NULL;
	world_run(&world);
	world_result(out, &world);
	if (o->timeline != NULL) {
		char title[TRACE_TEXT_MAX + 32];
		(void)snprintf(title, sizeof title, "seed %llu %s", (unsigned long long)plan->seed,
			out->wrong_text);
		if (trace_draw(&world.trace, o->timeline, title) != OK)
			(void)fprintf(stderr, "%s can't be written\n", o->timeline);
	}
	world_fini(&world);
}

/* Leaves out faults in ever smaller runs of neighbours, as long as something is still wrong. */
static void minimise(struct plan *p, const struct options *o)
{
	struct options quiet = *o;
	struct world_result r;
	uint32_t fault[PLAN_ITEMS_MAX], count = 0;
	quiet.trace = false;
	quiet.timeline = NULL;
	for (uint32_t i = 0; i < p->count; i++)
		if (plan_is_fault(p->item[i].kind) && !p->item[i].left_out)
			fault[count++] = i;
	for (uint32_t size = count; size > 0; size /= 2) {
		for (uint32_t at = 0; at < count; at += size) {
			static struct plan less;
			const uint32_t end = at + size < count ? at + size : count;
			bool any = false;
			less = *p;
			for (uint32_t i = at; i < end; i++) {
				any = any || !p->item[fault[i]].left_out;
				less.item[fault[i]].left_out = true;
			}
			if (!any)
				continue;
			run(&r, &less, &quiet);
			if (r.wrong > 0)
				*p = less;
		}
	}
	(void)printf("  what is left:\n");
	show_plan(p);
}

static void add_exhausted(struct options *o, const struct exhaust_counts *c)
{
	if (o->subsets == 0)
		return;
	(void)printf(
		"  the power fails at %llu places, %llu of them sampled: %llu disks in %.2f s\n",
		(unsigned long long)c->points, (unsigned long long)c->sampled,
		(unsigned long long)c->states, (double)c->took_ms / 1e3);
	o->states += c->states;
	o->exhaust_ms += c->took_ms;
}

static bool states_suffice(const struct options *o)
{
	if (o->subsets == 0)
		return true;
	(void)printf("%llu different disks, each started from, %.0f a second; %llu wanted\n",
		(unsigned long long)o->states,
		(double)o->states * 1e3 / (double)(o->exhaust_ms == 0 ? 1 : o->exhaust_ms),
		(unsigned long long)o->states_min);
	return o->states >= o->states_min;
}

static bool run_seed(uint64_t seed, struct options *o)
{
	static struct plan plan;
	struct world_result first, second;
	plan_draw(&plan, seed, &o->profile);
	plan.subsets = o->subsets;
	plan.states = o->enough ? o->states_min : 0;
	leave_out(&plan, o->without);
	if (o->plan) {
		show_plan(&plan);
		return true;
	}
	const uint64_t begun = clock_mono_ms();
	run(&first, &plan, o);
	report(&plan, &first, clock_mono_ms() - begun);
	add_exhausted(o, &first.exhaust);
	bool good = first.wrong == 0;
	if (!good)
		(void)printf("  %s\n", first.wrong_text);
	if (!good && o->minimise)
		minimise(&plan, o);
	if (good && o->twice) {
		run(&second, &plan, o);
		good = hash256_eq(&first.hash, &second.hash);
		if (!good)
			(void)printf("  the second run is another than the first\n");
	}
	if (!good)
		say_command(&plan, o);
	(void)fflush(stdout);
	return good;
}

/* ---- hazards ---- */

/* Says so where the run is not as it should be: without a mutant right, with one wrong. */
static bool run_hazard(
	const struct hazard *h, enum mutant m, uint64_t seed, const struct options *o)
{
	static struct plan plan;
	struct world_result r;
	hazard_plan(&plan, h, seed);
	if (!mutant_choose(m))
		return true; /* a build without them */
	const uint64_t begun = clock_mono_ms();
	run(&r, &plan, o);
	const uint64_t took = clock_mono_ms() - begun;
	CHECK(mutant_choose(MUTANT_NONE));
	const bool good = m == MUTANT_NONE ? r.wrong == 0 : r.wrong > 0 && !r.unmet;
	(void)printf("%2u %-20s %-24s seed %llu: %s  %.2f s%s%s\n", h->row, h->name,
		m == MUTANT_NONE ? "" : mutant_name(m), (unsigned long long)seed,
		good ? (m == MUTANT_NONE ? "ok" : "found")
		     : (m == MUTANT_NONE ? "WRONG" : "MISSED"),
		(double)took / 1e3, r.wrong > 0 ? ": " : "", r.wrong > 0 ? r.wrong_text : "");
	(void)fflush(stdout);
	return good;
}

static bool run_hazard_all(const struct hazard *h, const struct options *o)
{
	bool good = true;
	for (uint64_t seed = o->first; seed <= o->last; seed++) {
		if (o->mutant == NULL)
			good = run_hazard(h, MUTANT_NONE, seed, o) && good;
		for (uint32_t i = 0; i < h->mutant_count; i++)
			if (o->mutant != NULL ? strcmp(o->mutant, mutant_name(h->mutant[i])) == 0
					      : o->mutants)
				good = run_hazard(h, h->mutant[i], seed, o) && good;
	}
	return good;
}

static int run_hazards(const struct options *o)
{
	const struct hazard *h = hazard_by_name(o->hazard);
	bool good = true;
	if (h == NULL && strcmp(o->hazard, "all") != 0) {
		(void)fprintf(stderr, "sluice-sim: %s: no such hazard\n", o->hazard);
		return 2;
	}
	if (h != NULL)
		return run_hazard_all(h, o) ? 0 : 1;
	for (size_t i = 0; (h = hazard_at(i)) != NULL; i++)
		good = run_hazard_all(h, o) && good;
	return good ? 0 : 1;
}

static int run_scenarios(struct options *o)
{
	bool good = true, found = false;
	for (size_t i = 0; i < plan_scenario_count; i++) {
		const struct plan_scenario *s = &plan_scenarios[i];
		if (strcmp(o->scenario, "all") != 0 && strcmp(o->scenario, s->name) != 0)
			continue;
		found = true;
		o->profile.kinds = s->kinds;
		(void)printf("hazard %u: %s\n", s->row, s->name);
		for (uint64_t seed = o->first; seed <= o->last; seed++)
			good = run_seed(seed, o) && good;
	}
	if (!found)
		(void)fprintf(stderr, "sluice-sim: %s: no such scenario\n", o->scenario);
	return found ? (good ? 0 : 1) : 2;
}

int main(int argc, char **argv)
{
	const uint8_t blind[32] = {7};
	struct options o = {.first = 1,
		.last = 1,
		.profile = {.other = LAYER_ROOTSTOCK,
			.minutes = 30,
			.swaps = 4,
			.payouts = 3,
			.deposits = 1,
			.faults = 0}};
	bool good = true;
	if (!parse(&o, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	secp_init(blind);
	if (o.hazards) {
		hazards_print();
		return 0;
	}
	if (o.hazard != NULL)
		return run_hazards(&o);
	if (o.scenario != NULL)
		return run_scenarios(&o);
	for (uint64_t seed = o.first; seed <= o.last; seed++)
		good = run_seed(seed, &o) && good;
	return good && states_suffice(&o) ? 0 : 1;
}
