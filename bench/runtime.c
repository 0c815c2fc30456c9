/* runtime_bench PART[:TEXT]...: measures these parts, or those of their rows whose name contains
 * TEXT, and prints one JSON object a row. */
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
	{"families", runtime_families},
	{"clock", runtime_clock},
	{"loop", runtime_loop},
};

static const struct part *part_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strlen(parts[i].name) == length && strncmp(parts[i].name, name, length) == 0)
			return &parts[i];
	return NULL;
}

static bool run_part(const char *argument, unsigned *missed)
{
	const char *colon = strchr(argument, ':');
	const struct part *part = part_find(
		argument, colon ? (size_t)(colon - argument) : strlen(argument));
	if (!part) {
		(void)fprintf(stderr, "runtime_bench: no part %s\n", argument);
		return false;
	}
	(void)fprintf(stderr, "%s: ", part->name);
	compare_machine();
	compare_only(colon ? colon + 1 : NULL);
	*missed += part->run();
	return true;
}

int main(int argc, char **argv)
{
	unsigned missed = 0;
	for (int i = compare_arguments(argc, argv); i < argc; i++)
		if (!run_part(argv[i], &missed))
			return EXIT_FAILURE;
	return missed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
