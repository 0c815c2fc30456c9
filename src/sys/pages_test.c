/* Every kind that this system has, and every way in which it has not. */
#include "sys/pages.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULT_STATUS 42

static const struct pages_options ordinary = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY};

static void check_usable(const struct pages *p, size_t size, size_t align)
{
	CHECK(p->size >= size && p->size < size + align);
	CHECK(((uintptr_t)p->ptr & (align - 1)) == 0);
	for (size_t at = 0; at < p->size; at += pages_ordinary_size()) {
		CHECK(p->ptr[at] == 0);
		p->ptr[at] = 0xa5;
	}
	CHECK(p->ptr[p->size - 1] == 0);
	p->ptr[p->size - 1] = 0x5a;
}

static size_t page_of(enum pages_kind kind)
{
	return kind == PAGES_ORDINARY ? pages_ordinary_size()
		: kind == PAGES_1G    ? PAGES_1G_SIZE
				      : PAGES_2M_SIZE;
}

/* Whatever this system gives: usable, and no smaller kind without a reason. */
static void test_kinds(void)
{
	for (int want = PAGES_ORDINARY; want < PAGES_KIND_COUNT; want++) {
		for (int variant = 0; variant < 4; variant++) {
			const struct pages_options options = {.want = (enum pages_kind)want,
				.node = PAGES_NODE_ANY,
				.populate = (variant & 1) != 0,
				.guard = (variant & 2) != 0};
			const size_t size = 3 * PAGES_2M_SIZE + 1;
			char text[PAGES_TEXT_SIZE];
			struct pages p;
			CHECK(pages_map(&p, size, &options) == OK);
			CHECK(p.kind <= options.want &&
				(p.why == NULL) == (p.kind == options.want));
			check_usable(&p, size, page_of(p.kind));
			CHECK(!p.on_node);
			CHECK(p.map_size - p.size ==
				(options.guard ? 2 * pages_ordinary_size() : 0));
			pages_describe(&p, text);
			if (variant == 0)
				printf("wanted %s: %s\n", pages_kind_name(options.want), text);
			pages_unmap(&p);
			CHECK(p.ptr == NULL);
		}
	}
}

static void test_forbidden(void)
{
	const struct pages_options want = {.want = PAGES_1G, .node = PAGES_NODE_ANY};
	char text[PAGES_TEXT_SIZE];
	struct pages p;

	pages_limit(PAGES_ORDINARY);
	CHECK(pages_map(&p, PAGES_2M_SIZE, &want) == OK);
	CHECK(p.kind == PAGES_ORDINARY);
	pages_describe(&p, text);
	CHECK(strcmp(text, "2048 KiB on ordinary pages: larger ones are forbidden") == 0);
	check_usable(&p, PAGES_2M_SIZE, pages_ordinary_size());
	pages_unmap(&p);
	pages_limit(PAGES_1G);

	/* the system's own refusal, for this process */
	CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	const struct pages_options transparent = {
		.want = PAGES_TRANSPARENT, .node = PAGES_NODE_ANY, .populate = true};
	CHECK(pages_map(&p, PAGES_2M_SIZE, &transparent) == OK);
	CHECK(p.kind == PAGES_ORDINARY && strcmp(p.why, "transparent hugepages are off") == 0);
	check_usable(&p, PAGES_2M_SIZE, pages_ordinary_size());
	pages_unmap(&p);
	CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
}

/* A region that would waste most of a large page gets none. */
static void test_small(void)
{
	const struct pages_options want = {.want = PAGES_2M, .node = PAGES_NODE_ANY};
	struct pages p;

	CHECK(pages_map(&p, 1, &want) == OK);
	CHECK(p.kind == PAGES_ORDINARY && p.size == pages_ordinary_size());
	CHECK(strcmp(p.why, "it is small") == 0);
	pages_unmap(&p);
	CHECK(pages_map(&p, PAGES_2M_SIZE / 2, &want) == OK);
	CHECK(p.kind == PAGES_ORDINARY || p.size == PAGES_2M_SIZE);
	pages_unmap(&p);
}

static void test_refused(void)
{
	struct pages_options options = ordinary;
	struct pages p = {.size = 7};

	CHECK(pages_map(&p, 0, &options) == ERR_RANGE);
	CHECK(pages_map(&p, (size_t)1 << 62, &options) == ERR_FULL);
	CHECK(pages_map(&p, SIZE_MAX, &options) == ERR_FULL);
	options.want = PAGES_1G;
	CHECK(pages_map(&p, SIZE_MAX - PAGES_2M_SIZE, &options) == ERR_FULL);
	options.node = -2;
	CHECK(pages_map(&p, 1, &options) == ERR_RANGE);
	options.node = PAGES_NODES_MAX;
	CHECK(pages_map(&p, 1, &options) == ERR_RANGE);
	CHECK(p.size == 7 && p.ptr == NULL);
}

/* A node that is not there is no error. */
static void test_node(void)
{
	struct pages_options options = ordinary;
	struct pages p;

	options.node = PAGES_NODES_MAX - 1;
	CHECK(pages_map(&p, 1, &options) == OK && !p.on_node);
	pages_unmap(&p);
	options.node = 0;
	options.populate = true;
	CHECK(pages_map(&p, 1, &options) == OK);
	printf("node 0: %s\n", p.on_node ? "preferred" : "the system takes no preference");
	check_usable(&p, 1, pages_ordinary_size());
	pages_unmap(&p);
}

static void faulted(int signal)
{
	(void)signal;
	_exit(FAULT_STATUS);
}

static int write_in_child(volatile uint8_t *at)
{
	int status;
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		const struct sigaction action = {.sa_handler = faulted};
		CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
		*at = 1;
		_exit(EXIT_SUCCESS);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_guard(void)
{
	for (int want = PAGES_ORDINARY; want <= PAGES_2M; want++) {
		const struct pages_options options = {
			.want = (enum pages_kind)want, .node = PAGES_NODE_ANY, .guard = true};
		struct pages p;
		CHECK(pages_map(&p, PAGES_2M_SIZE, &options) == OK);
		CHECK(write_in_child(p.ptr) == EXIT_SUCCESS);
		CHECK(write_in_child(p.ptr + p.size - 1) == EXIT_SUCCESS);
		CHECK(write_in_child(p.ptr - 1) == FAULT_STATUS);
		CHECK(write_in_child(p.ptr + p.size) == FAULT_STATUS);
		pages_unmap(&p);
	}
}

/* Is memory at this place wanted on large pages, as the system has it? */
static bool is_advised(const void *ptr)
{
	char line[512];
	bool inside = false, advised = false;
	FILE *maps = fopen("/proc/self/smaps", "r");
	CHECK(maps != NULL);
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)ptr >= from && (uintptr_t)ptr < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			advised = strstr(line, " hg") != NULL;
	}
	CHECK(fclose(maps) == 0);
	return advised;
}

static void test_advise(void)
{
	const bool has = access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
	struct pages p;
	CHECK(pages_map(&p, 3 * PAGES_2M_SIZE, &ordinary) == OK);
	pages_limit(PAGES_ORDINARY);
	pages_advise(p.ptr + 1, p.size - 1);
	CHECK(!is_advised(p.ptr + PAGES_2M_SIZE));
	pages_limit(PAGES_1G);
	pages_advise(p.ptr + 1, PAGES_2M_SIZE); /* there is no whole one in it */
	CHECK(!is_advised(p.ptr + PAGES_2M_SIZE));
	pages_advise(p.ptr + 1, p.size - 2);
	CHECK(is_advised(p.ptr + PAGES_2M_SIZE) == has);
	/* what is not wholly inside is left alone */
	CHECK(!is_advised(p.ptr) && !is_advised(p.ptr + p.size - 1));
	check_usable(&p, 3 * PAGES_2M_SIZE, pages_ordinary_size());
	pages_unmap(&p);
}

int main(void)
{
	test_kinds();
	test_forbidden();
	test_small();
	test_refused();
	test_node();
	test_guard();
	test_advise();
	return EXIT_SUCCESS;
}
