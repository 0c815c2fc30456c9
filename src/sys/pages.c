#include "sys/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define TRANSPARENT_SWITCH "/sys/kernel/mm/transparent_hugepage/enabled"
#define BITS_PER_LONG (8 * sizeof(unsigned long))

static const struct {
	const char *name;
	size_t page; /* 0: the system's ordinary one */
	int flags;   /* of mmap */
} kinds[PAGES_KIND_COUNT] = {
	[PAGES_ORDINARY] = {"ordinary pages", 0, 0},
	[PAGES_TRANSPARENT] = {"transparent 2 MB pages", PAGES_2M_SIZE, 0},
	[PAGES_2M] = {"2 MB pages", PAGES_2M_SIZE, MAP_HUGETLB | 21 << MAP_HUGE_SHIFT},
	[PAGES_1G] = {"1 GB pages", PAGES_1G_SIZE, MAP_HUGETLB | 30 << MAP_HUGE_SHIFT},
};

static _Atomic int limit = PAGES_1G;

void pages_limit(enum pages_kind most)
{
	CHECK((unsigned)most < PAGES_KIND_COUNT);
	atomic_store_explicit(&limit, (int)most, memory_order_relaxed); /* a lone setting */
}

const char *pages_kind_name(enum pages_kind kind)
{
	CHECK((unsigned)kind < PAGES_KIND_COUNT);
	return kinds[kind].name;
}

size_t pages_ordinary_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Address space without access, aligned, with the guards around: what is asked of the system next
 * can't be put elsewhere, and nobody else's memory is adjacent. */
static enum err reserve(struct pages *p, size_t size, size_t align, size_t guard)
{
	const size_t page = pages_ordinary_size();
	const size_t slack = align - page; /* mmap aligns to ordinary pages only */
	if (size > SIZE_MAX - slack - 2 * guard)
		return ERR_FULL;
	uint8_t *map = mmap(
		NULL, size + slack + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return ERR_FULL;
	const size_t before = (size_t)(-((uintptr_t)map + guard) & (align - 1));
	const size_t after = slack - before;
	if (before > 0)
		CHECK(munmap(map, before) == 0);
	if (after > 0)
		CHECK(munmap(map + before + size + 2 * guard, after) == 0);
	p->map = map + before;
	p->map_size = size + 2 * guard;
	p->ptr = p->map + guard;
	p->size = size;
	return OK;
}

static bool prefer_node(const struct pages *p, int node)
{
	unsigned long mask[PAGES_NODES_MAX / BITS_PER_LONG + 1] = {0};
	if (node == PAGES_NODE_ANY)
		return false;
	mask[(size_t)node / BITS_PER_LONG] = 1ul << ((size_t)node % BITS_PER_LONG);
	return syscall(SYS_mbind, p->ptr, p->size, MPOL_PREFERRED, mask, 8 * sizeof mask, 0) == 0;
}

/* Write-fault every page, as an error and not as a signal where the system can tell. */
static enum err fault_in(const struct pages *p)
{
	if (madvise(p->ptr, p->size, MADV_POPULATE_WRITE) == 0)
		return OK;
	if (errno != EINVAL)
		return ERR_FULL;
	const size_t page = pages_ordinary_size();
	for (size_t at = 0; at < p->size; at += page)
		((volatile uint8_t *)p->ptr)[at] = 0;
	return OK;
}

/* Pages that were set aside. The reserved range is given back for a moment and mapped again with
 * NOREPLACE: where another thread takes it meanwhile this fails, and nothing is overwritten. */
static enum err map_set_aside(struct pages *p, enum pages_kind kind, int node)
{
	CHECK(munmap(p->ptr, p->size) == 0);
	void *got = mmap(p->ptr, p->size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | kinds[kind].flags, -1, 0);
	if (got == p->ptr) {
		p->on_node = prefer_node(p, node);
		if (fault_in(p) == OK)
			return OK;
	}
	/* an old system takes NOREPLACE for a hint and maps elsewhere */
	if (got != MAP_FAILED)
		(void)munmap(got, p->size);
	const size_t guard = (size_t)(p->ptr - p->map);
	if (guard > 0) {
		CHECK(munmap(p->map, guard) == 0);
		CHECK(munmap(p->ptr + p->size, guard) == 0);
	}
	return ERR_FULL;
}

static enum err map_ordinary(
	struct pages *p, enum pages_kind kind, const struct pages_options *options)
{
	if (mprotect(p->ptr, p->size, PROT_READ | PROT_WRITE) != 0)
		goto out;
	if (kind == PAGES_TRANSPARENT && madvise(p->ptr, p->size, MADV_HUGEPAGE) != 0)
		goto out;
	p->on_node = prefer_node(p, options->node);
	if (!options->populate || fault_in(p) == OK)
		return OK;
out:
	CHECK(munmap(p->map, p->map_size) == 0);
	return ERR_FULL;
}

/* Transparent hugepages are switched off for the system or for this process. */
static bool transparent_off(void)
{
	char text[64] = "";
	if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
		return true;
	const int file = open(TRANSPARENT_SWITCH, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return true;
	const ssize_t len = read(file, text, sizeof text - 1);
	(void)close(file);
	return len <= 0 || strstr(text, "[never]") != NULL;
}

static enum err map_kind(
	struct pages *out, size_t size, enum pages_kind kind, const struct pages_options *options)
{
	const size_t page = kinds[kind].page != 0 ? kinds[kind].page : pages_ordinary_size();
	const size_t rounded = (size + page - 1) & ~(page - 1);
	struct pages p = {.kind = kind};

	if (rounded < size)
		return ERR_FULL;
	if (kind != PAGES_ORDINARY && rounded - size > size)
		return ERR_RANGE;
	if (kind == PAGES_TRANSPARENT && transparent_off())
		return ERR_UNAVAILABLE;
	TRY(reserve(&p, rounded, page, options->guard ? pages_ordinary_size() : 0));
	if (kind >= PAGES_2M)
		TRY(map_set_aside(&p, kind, options->node));
	else
		TRY(map_ordinary(&p, kind, options));
	*out = p;
	return OK;
}

/* Why a region did not get this kind. */
static const char *reason(enum pages_kind kind, enum err err)
{
	if (err == ERR_RANGE)
		return "it is small";
	if (kind != PAGES_TRANSPARENT)
		return "no larger ones are free (vm.nr_hugepages)";
	return err == ERR_UNAVAILABLE ? "transparent hugepages are off"
				      : "no memory for larger ones";
}

enum err pages_map(struct pages *out, size_t size, const struct pages_options *options)
{
	CHECK((unsigned)options->want < PAGES_KIND_COUNT);
	if (size == 0 || options->node < PAGES_NODE_ANY || options->node >= PAGES_NODES_MAX)
		return ERR_RANGE;

	const enum pages_kind most = (enum pages_kind)atomic_load_explicit(
		&limit, memory_order_relaxed);
	const char *why = options->want > most ? "larger ones are forbidden" : NULL;
	enum pages_kind kind = options->want < most ? options->want : most;
	enum err err;
	while ((err = map_kind(out, size, kind, options)) != OK) {
		if (kind == PAGES_ORDINARY)
			return err;
		why = reason(kind, err);
		kind--;
	}
	out->why = why;
	return OK;
}

void pages_advise(void *ptr, size_t size)
{
	const size_t page = pages_ordinary_size();
	const size_t before = (size_t)(-(uintptr_t)ptr & (page - 1));
	if (size < before + PAGES_2M_SIZE ||
		atomic_load_explicit(&limit, memory_order_relaxed) < PAGES_TRANSPARENT)
		return;
	/* a wish: the memory is as good without */
	(void)madvise((uint8_t *)ptr + before, (size - before) & ~(page - 1), MADV_HUGEPAGE);
}

void pages_unmap(struct pages *p)
{
	CHECK(p->map != NULL);
	if (p->kind >= PAGES_2M && p->map_size > p->size) {
		/* one call may not span pages of two sizes: the guards are ordinary */
		const size_t guard = (size_t)(p->ptr - p->map);
		CHECK(munmap(p->map, guard) == 0);
		CHECK(munmap(p->ptr, p->size) == 0);
		CHECK(munmap(p->ptr + p->size, guard) == 0);
	} else {
		CHECK(munmap(p->map, p->map_size) == 0);
	}
	*p = (struct pages){0};
}

void pages_describe(const struct pages *p, char text[PAGES_TEXT_SIZE])
{
	(void)snprintf(text, PAGES_TEXT_SIZE, "%zu KiB on %s%s%s", p->size >> 10,
		pages_kind_name(p->kind), p->why == NULL ? "" : ": ", p->why == NULL ? "" : p->why);
}
