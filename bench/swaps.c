/* Many swaps at once, both ways, against a provider on simulated networks: a taker each, that
 * checks everything and signs for itself. Prints one JSON object; bench/run_swaps.py starts the
 * rest.
 *
 * Usage: bench_swaps --url URL --bitcoin URL --rootstock URL --contract ADDRESS
 *        [--count N] [--seed N] [--poll-ms N] [--timeout-s N] */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/rand.h"
#include "taker.h"

#define COUNT_DEFAULT 1000u
#define POLL_DEFAULT_MS 1000u
#define TIMEOUT_DEFAULT_S 300u
#define STEP_MS 100u
#define SAY_MS 1000u

struct options {
	struct world_config world;
	const char *contract;
	uint64_t timeout_s;
};

static bool number(uint64_t *out, uint64_t max)
{
	char *end;
	*out = strtoull(optarg, &end, 10);
	return *optarg != '\0' && *end == '\0' && *out <= max;
}

static bool parse_options(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{"url", required_argument, NULL, 'u'},
		{"bitcoin", required_argument, NULL, 'b'},
		{"rootstock", required_argument, NULL, 'r'},
		{"contract", required_argument, NULL, 'c'},
		{"count", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"poll-ms", required_argument, NULL, 'p'},
		{"timeout-s", required_argument, NULL, 't'},
		{0},
	};
	uint64_t count = COUNT_DEFAULT;
	bool good = true;
	int key;
	*o = (struct options){
		.world = {.poll_ms = POLL_DEFAULT_MS, .seed = 1}, .timeout_s = TIMEOUT_DEFAULT_S};
	while (good && (key = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (key) {
		case 'u': o->world.url = optarg; break;
		case 'b': o->world.node[LAYER_BITCOIN] = optarg; break;
		case 'r': o->world.node[LAYER_ROOTSTOCK] = optarg; break;
		case 'c': o->contract = optarg; break;
		case 'n': good = number(&count, WORLD_TAKERS_MAX) && count > 0; break;
		case 's': good = number(&o->world.seed, UINT64_MAX); break;
		case 'p': good = number(&o->world.poll_ms, 60000); break;
		case 't': good = number(&o->timeout_s, 86400); break;
		default: good = false;
		}
	}
	o->world.takers = (uint32_t)count;
	const struct network *rootstock = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest"));
	return good && optind == argc && o->world.url != NULL && o->contract != NULL &&
		o->world.node[LAYER_BITCOIN] != NULL && o->world.node[LAYER_ROOTSTOCK] != NULL &&
		evm_address_parse(
			&o->world.contract, rootstock->chain_id, slice_str(o->contract)) == OK;
}

/* ---- the run ---- */

static void say(const struct taker *taker, uint32_t count, uint64_t ms)
{
	static const char *const name[] = {"quote", "offer", "pay", "wait", "verify", "claim",
		"finish", "check", "settled", "failed"};
	uint32_t in[ARRAY_LEN(name)] = {0};
	for (uint32_t i = 0; i < count; i++)
		in[taker[i].step]++;
	(void)fprintf(stderr, "%5.1f s ", (double)ms / 1000.0);
	for (size_t i = 0; i < ARRAY_LEN(name); i++)
		if (in[i] > 0)
			(void)fprintf(stderr, " %s %u", name[i], in[i]);
	(void)fputc('\n', stderr);
}

static uint64_t run(struct world *w, struct taker *taker, uint64_t timeout_ms)
{
	const uint32_t count = w->config.takers;
	const uint64_t begun = loop_now_ms(w->loop);
	uint64_t said = begun;
	uint32_t over;
	for (uint32_t i = 0; i < count; i++)
		taker_begin(&taker[i], w, i);
	do {
		(void)loop_step(w->loop, STEP_MS);
		over = 0;
		for (uint32_t i = 0; i < count; i++)
			over += taker_over(&taker[i]);
		const uint64_t now = loop_now_ms(w->loop);
		if (now >= said + SAY_MS) {
			say(taker, count, now - begun);
			said = now;
		}
	} while (over < count && loop_now_ms(w->loop) < begun + timeout_ms);
	say(taker, count, loop_now_ms(w->loop) - begun);
	return loop_now_ms(w->loop) - begun;
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

struct series {
	uint64_t ms[WORLD_TAKERS_MAX];
	uint32_t count;
};

static void put_series(const char *name, struct series *s)
{
	qsort(s->ms, s->count, sizeof s->ms[0], compare);
	if (s->count == 0)
		return;
	(void)printf("\"%s\":{\"p50\":%llu,\"p99\":%llu,\"max\":%llu},", name,
		(unsigned long long)s->ms[(s->count - 1) / 2],
		(unsigned long long)s->ms[(s->count - 1) * UINT64_C(99) / 100],
		(unsigned long long)s->ms[s->count - 1]);
}

static uint32_t report(const struct world *w, const struct taker *taker, uint64_t ms)
{
	static struct series completed, locked;
	uint32_t settled = 0, told = 0;
	for (uint32_t i = 0; i < w->config.takers; i++) {
		const struct taker *t = &taker[i];
		if (t->step == TAKER_SETTLED) {
			settled++;
			completed.ms[completed.count++] = t->completed_ms - t->offered_ms;
			locked.ms[locked.count++] = t->locked_ms - t->offered_ms;
		} else if (told++ < 10) {
			(void)fprintf(stderr, "taker %u, swap %s: step %u: %s\n", i, t->id,
				(unsigned)t->step, t->why);
		}
	}
	(void)printf("{\"count\":%u,\"settled\":%u,\"seconds\":%.3f,", w->config.takers, settled,
		(double)ms / 1000.0);
	put_series("completed_ms", &completed);
	put_series("locked_ms", &locked);
	(void)printf("\"api_requests\":%llu,\"node_requests\":%llu}\n",
		(unsigned long long)w->api_requests, (unsigned long long)w->node_requests);
	return settled;
}

int main(int argc, char **argv)
{
	static struct world w;
	struct options o;
	uint8_t seed[32];
	if (!parse_options(&o, argc, argv)) {
		(void)fprintf(stderr,
			"usage: bench_swaps --url URL --bitcoin URL --rootstock URL --contract "
			"ADDRESS\n       [--count N] [--seed N] [--poll-ms N] [--timeout-s N]\n");
		return 2;
	}
	rand_bytes(seed, sizeof seed);
	secp_init(seed);
	struct taker *taker = calloc(o.world.takers, sizeof *taker);
	enum err err = taker == NULL ? ERR_FULL : world_create(&w, &o.world);
	if (err == OK)
		err = world_fund(&w);
	if (err != OK) {
		(void)fprintf(stderr, "bench_swaps: can't begin: %s\n", err_name(err));
		return EXIT_FAILURE;
	}
	const uint64_t ms = run(&w, taker, o.timeout_s * 1000);
	const uint32_t settled = report(&w, taker, ms);
	world_destroy(&w);
	free(taker);
	return settled == o.world.takers ? EXIT_SUCCESS : EXIT_FAILURE;
}
