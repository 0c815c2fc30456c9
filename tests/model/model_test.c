/* model_test [LIMIT]: explores every program, then every mutant of every barrier.
 *
 * Passes where no program fails as it is, and each mutant fails some program but those that are
 * known not to matter (spare). LIMIT is the most executions of a program (EXECUTIONS); those that
 * have more say so. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "programs.h"

#define EXECUTIONS 2000u

/* Orders that are stronger than what any program here can tell, and why they stay. */
static const struct {
	const char *function, *change, *reason;
} spare[] = {
	{"mpmc_room", "acquire as relaxed",
		"shows only where a load is executed after a later store: not explored"},
	{"deque_steal", "seq_cst as acquire",
		"the first of its two loads: the exchange settles it"},
	{"deque_take", "seq_cst as acq_rel",
		"the exchange: read-modify-writes are in order anyway"},
	{"eventcount_prepare", "acquire as relaxed", "the fence after it acquires as well"},
	{"eventcount_wake", "release as relaxed", "the fence before it releases as well"},
	{"slab_stack_pop", "acquire as relaxed",
		"of the exchange that succeeds: whatever head it finds was acquired before"},
	{"withdraw", "acquire as relaxed",
		"of the exchange that succeeds: it may not be weaker than of one that fails"},
};

/* Several places of a function may share a change: each is spared once. */
static bool is_spare(int number)
{
	static bool used[ARRAY_LEN(spare)];
	for (size_t i = 0; i < ARRAY_LEN(spare); i++)
		if (!used[i] && strcmp(model_mutant_function(number), spare[i].function) == 0 &&
			strstr(model_mutant_name(number), spare[i].change) != NULL) {
			used[i] = true;
			(void)printf("    spare: %s\n", spare[i].reason);
			return true;
		}
	return false;
}

static bool explore_all(uint64_t limit)
{
	bool good = true;
	for (size_t i = 0; i < program_total(); i++) {
		struct model_result r;
		model_explore(program_at(i), limit, &r);
		(void)printf("%-28s %9llu executions, %10llu steps%s%s%s\n", program_at(i)->name,
			(unsigned long long)r.executions, (unsigned long long)r.steps,
			r.exhausted ? "" : ", and there are more", r.failure[0] ? ": " : "",
			r.failure);
		good = good && r.failure[0] == 0;
	}
	return good;
}

/* Which program finds it; NULL: none. */
static const char *find_mutant(int number, uint64_t limit, struct model_result *r)
{
	model_mutate(number);
	for (size_t i = 0; i < program_total(); i++) {
		model_explore(program_at(i), limit, r);
		if (r->failure[0] != 0)
			return program_at(i)->name;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const uint64_t limit = argc > 1 ? strtoull(argv[1], NULL, 10) : EXECUTIONS;
	struct model_result r;
	int missed = 0;
	if (!explore_all(limit))
		return EXIT_FAILURE;
	const int count = model_mutants();
	for (int i = 0; i < count; i++) {
		const char *by = find_mutant(i, limit, &r);
		(void)printf("%-66s %s%s%s\n", model_mutant_name(i), by ? by : "not found",
			by ? ": " : "", by ? r.failure : "");
		missed += by == NULL && !is_spare(i);
	}
	model_mutate(-1);
	(void)printf("%d mutants, %d missed\n", count, missed);
	return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
