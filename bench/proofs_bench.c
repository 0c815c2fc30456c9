/* Proofs from the stored Merkle tree: a log of 100 million records is made on the disk (6.5 GB,
 * gone afterwards), then proofs for random records and sizes, with the tree's pages in the system's
 * cache and without. Usage: proofs_bench DIR [RECORDS] Prints one JSON object a row; what it is
 * doing goes to standard error.
 *
 * Each proof is verified, outside the time that is measured. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/histogram.h"
#include "store/merkle_store.h"
#include "sys/clock.h"

#define RECORDS_DEFAULT UINT64_C(100000000)
#define RECORDS_FIRST 10000u
#define PROOFS 20000u
#define PROOFS_COLD 1000u
#define GOAL_US 50.0
#define GOAL_MEMORY_KIB 1024.0

static const struct id128 cluster = {{1}};
static uint64_t random_state = 88172645463325252u;
static _Atomic uint64_t *bucket;

static uint64_t draw(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

static void leaf_of(struct hash256 *out, uint64_t index)
{
	for (size_t i = 0; i < 4; i++) {
		index = (index + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		memcpy(out->b + 8 * i, &index, 8);
	}
}

static void row(const char *name, double ours, const char *unit, double goal)
{
	(void)printf("{\"name\":\"%s\",\"peer\":null,\"peer_version\":null,\"ours\":%.3f,"
		     "\"theirs\":null,\"unit\":\"%s\",\"ratio\":null,",
		name, ours, unit);
	if (goal > 0)
		(void)printf(
			"\"goal\":\"< %g\",\"met\":%s}\n", goal, ours < goal ? "true" : "false");
	else
		(void)printf("\"goal\":null,\"met\":null}\n");
	(void)fflush(stdout);
}

static void rows(const char *name, const struct histogram *h, double goal)
{
	static const struct {
		const char *name;
		uint32_t ppm;
	} at[] = {{"p50", 500000}, {"p99", 990000}, {"p99.9", 999000}};
	char full[128];
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		(void)snprintf(full, sizeof full, "%s, %s", name, at[i].name);
		row(full, (double)histogram_quantile(h, at[i].ppm) / 1000.0, "us",
			i < 2 ? goal : 0);
	}
}

static long resident_kib(void)
{
	struct rusage usage;
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	return usage.ru_maxrss;
}

static void read_file(int file)
{
	static uint8_t bytes[1u << 20];
	while (read(file, bytes, sizeof bytes) > 0)
		continue;
}

static void forget_file(int file)
{
	(void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

static void each_tier(const char *dir, void (*visit)(int file))
{
	for (unsigned tier = 0; tier < MERKLE_FLOORS; tier++) {
		char path[FILE_PATH_SIZE];
		(void)snprintf(path, sizeof path, "%s/tiles-%u", dir, tier);
		const int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		visit(file);
		(void)close(file);
	}
}

/* What a log in use has in the page cache, as far as there is memory. */
static void read_pages(const char *dir)
{
	each_tier(dir, read_file);
}

static void forget_pages(const char *dir)
{
	each_tier(dir, forget_file);
}

enum kind { INCLUSION, INCLUSION_OLD, CONSISTENCY };

/* One proof of the log as it is, or as it was; how long it took. */
static uint64_t one(struct merkle_store *s, enum kind kind)
{
	const struct merkle_reader nodes = merkle_store_reader(s);
	const uint64_t whole = merkle_store_size(s);
	const uint64_t to = kind == INCLUSION ? whole : 1 + draw(whole), from = draw(to);
	struct hash256 leaf, first, root;
	struct merkle_proof proof;
	const uint64_t begun = clock_mono_ns();
	const enum err err = kind == CONSISTENCY
		? merkle_consistency_prove(&proof, from, to, &nodes)
		: merkle_inclusion_prove(&proof, from, to, &nodes);
	const uint64_t took = clock_mono_ns() - begun;
	CHECK(err == OK && merkle_root(&root, to, &nodes) == OK);
	if (kind == CONSISTENCY) {
		CHECK(merkle_root(&first, from, &nodes) == OK);
		CHECK(merkle_consistency_verify(&proof, from, &first, to, &root) == OK);
	} else {
		leaf_of(&leaf, from);
		CHECK(merkle_inclusion_verify(&proof, &leaf, from, to, &root) == OK);
	}
	return took;
}

static void measure(
	struct merkle_store *s, const char *name, enum kind kind, const char *cold_dir, double goal)
{
	struct histogram h;
	const uint64_t reads = merkle_store_reads(s);
	const unsigned proofs = cold_dir != NULL ? PROOFS_COLD : PROOFS;
	histogram_init(&h, bucket, HISTOGRAM_NS_MINUTE, false);
	for (unsigned i = 0; i < proofs; i++) {
		if (cold_dir != NULL)
			forget_pages(cold_dir);
		histogram_record(&h, one(s, kind));
	}
	rows(name, &h, goal);
	(void)fprintf(stderr, "%s: %.2f pages read for each, its check included\n", name,
		(double)(merkle_store_reads(s) - reads) / proofs);
}

static void push_to(struct merkle_store *s, uint64_t records)
{
	struct hash256 leaf;
	for (uint64_t i = merkle_store_size(s); i < records; i++) {
		const struct merkle_place place = {.segment = 1, .offset = i};
		leaf_of(&leaf, i);
		CHECK(merkle_store_push(s, &leaf, &place) == OK);
	}
}

static void make(struct merkle_store *s, uint64_t records)
{
	const uint64_t before = merkle_store_size(s), begun = clock_mono_ns();
	if (before >= records)
		return;
	push_to(s, records);
	const uint64_t pushed = clock_mono_ns();
	CHECK(merkle_store_checkpoint(s) == OK);
	row("append of a leaf, written", (double)(pushed - begun) / (double)(records - before),
		"ns", 0);
	row("sync of all of it at the end", (double)(clock_mono_ns() - pushed) / 1e6, "ms", 0);
}

int main(int argc, char **argv)
{
	const uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : RECORDS_DEFAULT;
	struct merkle_store *s;
	char name[64];
	if (argc < 2 || records < RECORDS_FIRST) {
		(void)fprintf(stderr, "usage: proofs_bench DIR [RECORDS]\n");
		return 2;
	}
	const struct merkle_store_config config = {.dir = argv[1], .cluster = cluster};
	bucket = calloc(histogram_buckets(HISTOGRAM_NS_MINUTE), sizeof *bucket);
	CHECK(bucket != NULL && merkle_store_open(&s, &config) == OK);
	push_to(s, RECORDS_FIRST);
	(void)one(s, CONSISTENCY);
	read_pages(argv[1]); /* its buffer is there, too */
	const long before = resident_kib();
	(void)fprintf(stderr, "a log of %llu records, %.1f GB\n", (unsigned long long)records,
		(double)records * 65 / 1e9);
	make(s, records);
	read_pages(argv[1]);
	(void)snprintf(
		name, sizeof name, "inclusion proof of %llu records", (unsigned long long)records);
	measure(s, name, INCLUSION, NULL, GOAL_US);
	measure(s, "inclusion proof in an older size", INCLUSION_OLD, NULL, GOAL_US);
	measure(s, "consistency proof", CONSISTENCY, NULL, GOAL_US);
	measure(s, "inclusion proof, nothing in the page cache", INCLUSION, argv[1], 0);
	row("memory above that of the first 10,000 records", (double)(resident_kib() - before),
		"KiB", GOAL_MEMORY_KIB);
	merkle_store_close(s);
	free(bucket);
	return 0;
}
