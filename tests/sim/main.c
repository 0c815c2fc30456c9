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
	"             [--deposits N] [--faults N] [--without I,J,...] [--twice] [--trace]\n"
	"             [--plan]\n"
	"\n"
	"  --seed N        the run of this seed (1)\n"
	"  --seeds N..M    those of several\n"
	"  --minutes M     work begins within so many minutes\n"
	"  --faults N      so many things go wrong\n"
	"  --without I,J   but not these (numbers as --plan shows them)\n"
	"  --twice         each seed twice: both runs must be the same, byte for byte\n"
	"  --trace         everything that happens, as it happens\n"
	"  --plan          what a seed holds\n"
	"\n"
	"Exit status: 0 all is well; 1 a checker found something; 2 wrong usage.\n";

struct options {
	uint64_t first, last;
	struct plan_profile profile;
	const char *without;
	bool trace, plan, twice;
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
	} flags[] = {{"--trace", &o->trace}, {"--plan", &o->plan}, {"--twice", &o->twice}};
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
		if (strcmp(a, "--without") == 0 && v != NULL) {
			o->without = v;
			continue;
		}
		if (!number(&n, v))
			return false;
		if (strcmp(a, "--seed") == 0)
			o->first = o->last = n;
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
	return true;
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
		(void)printf("%4u %14s %s%s\n", i, when, plan_is_fault(p->item[i].kind) ? "! " : "",
			text);
	}
}

static void report(uint64_t seed, const struct world_result *r, uint64_t took_ms)
{
	char hash[65];
	hex_encode(hash, r->hash.b, sizeof r->hash.b);
	(void)printf("seed %llu: %s %.16s; %u swaps: %u completed, %u refunded, %u else; "
		     "%u payouts; %llu records, %llu + %llu crashes, %llu folds; "
		     "%.1f h in %.2f s: %.0f times real time\n",
		(unsigned long long)seed, r->wrong == 0 ? "ok" : "WRONG", hash, r->swaps,
		r->completed, r->refunded, r->other, r->payouts, (unsigned long long)r->records,
		(unsigned long long)r->crashes, (unsigned long long)r->signer_crashes,
		(unsigned long long)r->folds, (double)r->virtual_ms / 3600e3, (double)took_ms / 1e3,
		(double)r->virtual_ms / (double)(took_ms == 0 ? 1 : took_ms));
	if (r->wrong > 0)
		(void)printf("  %s\n", r->wrong_text);
	(void)fflush(stdout);
}

static void run(struct world_result *out, uint64_t seed, const struct options *o)
{
	static struct plan plan;
	static struct world world;
	plan_draw(&plan, seed, &o->profile);
	leave_out(&plan, o->without);
	const uint64_t begun = clock_mono_ms();
	world_init(&world, &plan);
	world.trace.print = o->trace;
	world_run(&world);
	world_result(out, &world);
	report(seed, out, clock_mono_ms() - begun);
	world_fini(&world);
}

static bool run_seed(uint64_t seed, const struct options *o)
{
	struct world_result first, second;
	if (o->plan) {
		static struct plan plan;
		plan_draw(&plan, seed, &o->profile);
		show_plan(&plan);
		return true;
	}
	run(&first, seed, o);
	if (!o->twice)
		return first.wrong == 0;
	run(&second, seed, o);
	if (!hash256_eq(&first.hash, &second.hash))
		(void)printf("  the second run is another than the first\n");
	return first.wrong == 0 && hash256_eq(&first.hash, &second.hash);
}

int main(int argc, char **argv)
{
	const uint8_t blind[32] = {7};
	struct options o = {.first = 1,
		.last = 1,
		.profile = {.minutes = 30, .swaps = 4, .payouts = 3, .deposits = 1, .faults = 0}};
	bool good = true;
	if (!parse(&o, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	secp_init(blind);
	for (uint64_t seed = o.first; seed <= o.last; seed++)
		good = run_seed(seed, &o) && good;
	return good ? 0 : 1;
}
