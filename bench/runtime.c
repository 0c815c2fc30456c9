/* runtime_bench PART...: measures these parts, prints one JSON object a row. */
#include "runtime.h"

#include <stdlib.h>

#include "crew.h"
#include "peers/peers.h"
#include "sys/clock.h"

/* Longer than any peer spins before it parks. */
#define PAUSE_NS 50000u

uint64_t peer_now_ns(void)
{
	return clock_mono_ns();
}

void peer_pin(uint32_t core)
{
	crew_pin(core);
}

void peer_unpin(void)
{
	crew_unpin();
}

void peer_pause_ns(void)
{
	const uint64_t until = clock_mono_ns() + PAUSE_NS;
	while (clock_mono_ns() < until)
		;
}

static const struct part {
	const char *name;
	unsigned (*run)(void);
} parts[] = {
	{"rings", runtime_rings},
	{"channels", runtime_channels},
	{"wake", runtime_wake},
	{"pools", runtime_pools},
	{"executor", runtime_executor},
};

static unsigned run_part(const struct part *part)
{
	(void)fprintf(stderr, "%s: ", part->name);
	compare_machine();
	return part->run();
}

int main(int argc, char **argv)
{
	unsigned missed = 0;
	for (int i = 1; i < argc; i++) {
		size_t at = 0;
		while (at < ARRAY_LEN(parts) && strcmp(parts[at].name, argv[i]) != 0)
			at++;
		if (at == ARRAY_LEN(parts)) {
			(void)fprintf(stderr, "runtime_bench: no part %s\n", argv[i]);
			return EXIT_FAILURE;
		}
		missed += run_part(&parts[at]);
	}
	return missed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
