/* runtime_bench PART...: measures these parts, prints one JSON object a row. */
#include "runtime.h"

#include <stdlib.h>

static const struct part {
	const char *name;
	unsigned (*run)(void);
} parts[] = {
	{"rings", runtime_rings},
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
