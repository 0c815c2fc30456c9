/* Pools on one thread and with few: classes, bounds, seal, caches that come and go, faults, and
 * what the guards find. Built three times: as it is, with SLAB_CHECKS, and under AddressSanitizer.
 */
#include "rt/slab.h"

#include "rt/dies_test.h"
#include "sys/thread.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifdef SLAB_CHECKS
#define CHECKED true
#else
#define CHECKED false
#endif

static struct slab *make(size_t bytes_max, uint32_t caches_max)
{
	const struct slab_config config = {.bytes_max = bytes_max,
		.caches_max = caches_max,
		.pages = {.want = PAGES_2M, .node = PAGES_NODE_ANY}};
	struct slab *s;
	CHECK(slab_create(&s, &config) == OK);
	return s;
}

static struct slab_cache *open_cache(struct slab *s)
{
	struct slab_cache *c;
	CHECK(slab_cache_open(&c, s) == OK);
	return c;
}

static struct slab_stats stats_of(struct slab *s, size_t size)
{
	struct slab_stats all[SLAB_CLASS_COUNT];
	slab_stats(s, all);
	return all[slab_class_of(size)];
}

static void test_classes(void)
{
	CHECK(slab_class_of(0) == 0 && slab_class_of(1) == 0 && slab_class_of(64) == 0);
	CHECK(slab_class_of(SLAB_SIZE_MAX) == SLAB_CLASS_COUNT - 1);
	CHECK(slab_class_size(SLAB_CLASS_COUNT - 1) == SLAB_SIZE_MAX);
	for (size_t size = 1; size <= SLAB_SIZE_MAX; size++) {
		const uint32_t class = slab_class_of(size);
		CHECK(size <= slab_class_size(class));
		CHECK(class == 0 || size > slab_class_size(class - 1));
	}
}

static void test_refused(void)
{
	struct slab_config config = {.bytes_max = 4096, .caches_max = 1, .pages = {.node = -1}};
	struct slab *s = NULL;
	CHECK(slab_create(&s, &config) == ERR_FULL); /* not even the caches */
	config.bytes_max = 0;
	CHECK(slab_create(&s, &config) == ERR_RANGE);
	config.bytes_max = SLAB_BYTES_MAX + 1;
	CHECK(slab_create(&s, &config) == ERR_RANGE);
	config.bytes_max = PAGES_2M_SIZE;
	config.caches_max = 0;
	CHECK(slab_create(&s, &config) == ERR_RANGE);
	config.caches_max = SLAB_CACHES_MAX + 1;
	CHECK(slab_create(&s, &config) == ERR_RANGE);
	CHECK(s == NULL);
	slab_destroy(s);
}

static void fill(uint8_t *object, size_t size, size_t seed)
{
	memset(object, (int)(seed * 31 + 7), size);
}

static void check_filled(const uint8_t *object, size_t size, size_t seed)
{
	const uint8_t want = (uint8_t)(seed * 31 + 7);
	for (size_t i = 0; i < size; i++)
		CHECK(object[i] == want);
}

/* Of every class, several magazines' worth: aligned, apart from each other, all given back. */
static void test_every_class(void)
{
	enum { OBJECTS = 200 };
	struct slab *s = make((size_t)64 << 20, 2);
	struct slab_cache *c = open_cache(s);
	uint8_t *object[OBJECTS];

	for (uint32_t class = 0; class < SLAB_CLASS_COUNT; class ++) {
		const size_t size = slab_class_size(class) - class % 3;
		for (size_t i = 0; i < OBJECTS; i++) {
			object[i] = slab_alloc(c, size);
			CHECK(object[i] != NULL && (uintptr_t)object[i] % CACHE_LINE == 0);
			fill(object[i], size, i);
		}
		CHECK(stats_of(s, size).live == OBJECTS);
		for (size_t i = 0; i < OBJECTS; i++) {
			check_filled(object[i], size, i);
			slab_free(c, object[i], size);
		}
		const struct slab_stats stats = stats_of(s, size);
		CHECK(stats.live == 0 && stats.out_max >= OBJECTS && stats.size >= size);
		CHECK(stats.remote == 0 && stats.refused == 0);
		CHECK(stats.cached <= 2 * c->bins[class].cap && stats.objects >= OBJECTS);
		/* all of it is used again */
		for (size_t i = 0; i < stats.objects; i++) {
			void *again = slab_alloc(c, size);
			CHECK(again != NULL);
			*(void **)again = i == 0 ? NULL : object[0];
			object[0] = again;
		}
		CHECK(stats_of(s, size).objects == stats.objects);
		for (void *at = object[0], *next; at != NULL; at = next) {
			next = *(void **)at;
			slab_free(c, at, size);
		}
		CHECK(stats_of(s, size).live == 0);
	}
	slab_cache_close(c);
	slab_destroy(s);
}

/* What was reserved can be live whatever other caches hold back, and after the seal not much more.
 */
static void test_reserve_and_seal(void)
{
	enum { CACHES = 3, RESERVED = 50, SIZE = 4096 };
	struct slab *s = make((size_t)16 << 20, CACHES);
	struct slab_cache *c[CACHES];
	void *object[2 * SLAB_MAGAZINE_MAX * CACHES + RESERVED];
	size_t live = 0;

	CHECK(slab_reserve(s, 0, 1) == ERR_RANGE);
	CHECK(slab_reserve(s, SLAB_SIZE_MAX + 1, 1) == ERR_RANGE);
	CHECK(slab_reserve(s, SIZE, SIZE_MAX) == ERR_RANGE);
	CHECK(slab_reserve(s, SLAB_SIZE_MAX, (size_t)1 << 20) == ERR_FULL);
	struct slab *t = make((size_t)16 << 20, CACHES); /* s is spent now */
	slab_destroy(s);
	s = t;
	CHECK(slab_reserve(s, SIZE, RESERVED / 2) == OK);
	CHECK(slab_reserve(s, SIZE, RESERVED - RESERVED / 2) == OK);
	slab_seal(s);
	CHECK(slab_reserve(s, SIZE, 1) == ERR_STATE);

	/* the first two hold back as much as a cache can */
	for (size_t i = 0; i < CACHES; i++)
		c[i] = open_cache(s);
	const uint32_t hold = 2 * c[0]->bins[slab_class_of(SIZE)].cap;
	for (size_t i = 0; i < CACHES - 1; i++) {
		for (live = 0; live < hold; live++) {
			object[live] = slab_alloc(c[i], SIZE);
			CHECK(object[live] != NULL);
		}
		while (live > 0)
			slab_free(c[i], object[--live], SIZE);
	}
	CHECK(stats_of(s, SIZE).cached == (size_t)hold * (CACHES - 1));
	while ((object[live] = slab_alloc(c[CACHES - 1], SIZE)) != NULL)
		live++;
	CHECK(live >= RESERVED && stats_of(s, SIZE).live == live);
	CHECK(live + (size_t)hold * (CACHES - 1) == stats_of(s, SIZE).objects);
	CHECK(stats_of(s, SIZE).refused == 1);
	/* another class was never reserved: nothing at all */
	CHECK(slab_alloc(c[0], 64) == NULL && stats_of(s, 64).refused == 1);

	slab_free(c[CACHES - 1], object[--live], SIZE);
	CHECK((object[live] = slab_alloc(c[CACHES - 1], SIZE)) != NULL);
	live++;
	/* what a cache held is to be had as soon as it is closed */
	slab_cache_close(c[0]);
	while ((object[live] = slab_alloc(c[CACHES - 1], SIZE)) != NULL)
		live++;
	CHECK(live + hold == stats_of(s, SIZE).objects);
	while (live > 0)
		slab_free(c[1], object[--live], SIZE);
	CHECK(stats_of(s, SIZE).remote >= hold && stats_of(s, SIZE).live == 0);
	slab_cache_close(c[1]);
	slab_cache_close(c[2]);
	CHECK(stats_of(s, SIZE).cached == 0);
	slab_destroy(s);
}

typedef enum err (*create_for_needs)(struct slab **out, uint32_t caches_max,
	const struct slab_need *needs, size_t need_count, const struct pages_options *pages);

/* Made for what is needed: all of it at once, from any of the caches, and no more for long; the
 * second class does not live on the first one's room. */
static void test_needs(create_for_needs create, bool made_at_once)
{
	enum { BIG = 5, SMALL = 3000 };
	static const struct slab_need needs[] = {{SLAB_SIZE_MAX, BIG}, {72, 1}, {72, SMALL - 1}};
	static const struct slab_need wrong[] = {{0, 1}, {SLAB_SIZE_MAX + 1, 1}, {64, SIZE_MAX}};
	const struct pages_options pages = {.want = PAGES_ORDINARY, .node = PAGES_NODE_ANY};
	static void *small[2 * SMALL], *big[2 * SMALL];
	struct slab *s = NULL;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CHECK(create(&s, 1, &wrong[i], 1, &pages) == ERR_RANGE);
	CHECK(create(&s, 0, needs, 1, &pages) == ERR_RANGE);
	CHECK(create(&s, SLAB_CACHES_MAX + 1, needs, 1, &pages) == ERR_RANGE);
	CHECK(s == NULL);

	CHECK(create(&s, 2, needs, ARRAY_LEN(needs), &pages) == OK);
	CHECK((stats_of(s, 72).objects >= SMALL) == made_at_once);
	CHECK((stats_of(s, 72).objects == 0) == !made_at_once);
	CHECK(slab_reserve(s, 64, 1) == (made_at_once ? ERR_STATE : ERR_FULL));
	struct slab_cache *c[2] = {open_cache(s), open_cache(s)};
	CHECK(slab_alloc(c[0], 4096) == NULL); /* nobody needs that */
	size_t smalls = 0, bigs = 0;
	while ((small[smalls] = slab_alloc(c[smalls % 2], 72)) != NULL)
		smalls++;
	while ((big[bigs] = slab_alloc(c[0], SLAB_SIZE_MAX)) != NULL)
		bigs++;
	CHECK(smalls >= SMALL && smalls < SMALL + 6 * SLAB_MAGAZINE_MAX);
	CHECK(bigs >= BIG && bigs < BIG + 6 * SLAB_MAGAZINE_MIN);
	while (smalls > 0)
		slab_free(c[0], small[--smalls], 72);
	while (bigs > 0)
		slab_free(c[1], big[--bigs], SLAB_SIZE_MAX);
	slab_cache_close(c[0]);
	slab_cache_close(c[1]);
	CHECK(stats_of(s, 72).live == 0 && stats_of(s, SLAB_SIZE_MAX).live == 0);
	slab_destroy(s);
}

/* A magazine is fetched when the cache has none left, and then not for as many objects. */
static void test_refilled(void)
{
	enum { MAGAZINES = 3, OBJECTS = MAGAZINES * SLAB_MAGAZINE_MAX };
	struct slab *s = make((size_t)4 << 20, 1);
	struct slab_cache *c = open_cache(s);
	void *object[OBJECTS];
	for (size_t i = 0; i < OBJECTS; i++) {
		CHECK(stats_of(s, 64).refilled == (i + SLAB_MAGAZINE_MAX - 1) / SLAB_MAGAZINE_MAX);
		CHECK((object[i] = slab_alloc(c, 64)) != NULL);
	}
	CHECK(stats_of(s, 64).refilled == MAGAZINES && stats_of(s, 128).refilled == 0);
	/* out and in again within what the cache holds */
	for (size_t i = 0; i < OBJECTS; i++) {
		slab_free(c, object[0], 64);
		CHECK((object[0] = slab_alloc(c, 64)) != NULL);
	}
	CHECK(stats_of(s, 64).refilled == MAGAZINES);
	for (size_t i = 0; i < OBJECTS; i++)
		slab_free(c, object[i], 64);
	slab_cache_close(c);
	slab_destroy(s);
}

/* Not sealed, the region is the bound. */
static void test_region_spent(void)
{
	struct slab *s = make((size_t)2 << 20, 1);
	struct slab_cache *c = open_cache(s);
	void *last = NULL, *object;
	size_t live = 0;

	while ((object = slab_alloc(c, 1000)) != NULL) {
		*(void **)object = last;
		last = object;
		live++;
	}
	CHECK(live > 1000 && stats_of(s, 1000).live == live && stats_of(s, 1000).refused == 1);
	CHECK(live == stats_of(s, 1000).objects);
	object = *(void **)last;
	slab_free(c, last, 1000);
	CHECK(slab_alloc(c, 1000) == last);
	slab_free(c, last, 1000);
	for (last = object; last != NULL; last = object) {
		object = *(void **)last;
		slab_free(c, last, 1000);
	}
	CHECK(stats_of(s, 1000).live == 0);
	slab_cache_close(c);
	slab_destroy(s);
}

/* More threads than the bound; a cache that is closed serves the next. */
static void test_caches_bound(void)
{
	enum { CACHES = 4 };
	struct slab *s = make((size_t)4 << 20, CACHES);
	struct slab_cache *c[CACHES], *more = NULL;

	for (size_t i = 0; i < CACHES; i++)
		c[i] = open_cache(s);
	CHECK(slab_cache_open(&more, s) == ERR_FULL && more == NULL);
	for (size_t round = 0; round < 100; round++) {
		/* an odd number stays in the cache: closing gives it back, and nothing gets lost */
		void *object[3];
		for (size_t i = 0; i < 3; i++)
			CHECK((object[i] = slab_alloc(c[0], 100)) != NULL);
		for (size_t i = 0; i < 3; i++)
			slab_free(c[0], object[i], 100);
		slab_cache_close(c[0]);
		CHECK(stats_of(s, 100).cached == 0 && stats_of(s, 100).live == 0);
		c[0] = open_cache(s);
	}
	CHECK(stats_of(s, 100).objects == c[0]->bins[slab_class_of(100)].cap);
	for (size_t i = 0; i < CACHES; i++)
		slab_cache_close(c[i]);
	slab_destroy(s);
}

static void use_and_end(void *ctx)
{
	struct slab_cache *c = ctx;
	void *object = slab_alloc(c, 256);
	CHECK(object != NULL);
	slab_free(c, object, 256);
	slab_cache_close(c);
}

/* A system that makes no more threads. */
static void forbid_threads(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_clone3
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 2, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
	};
	const struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = filter};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

/* The cache of a thread that never came to be goes back to the slab, which works on. */
static void without_threads(void *ctx)
{
	struct slab *s = make((size_t)4 << 20, 1);
	struct slab_cache *c = open_cache(s);
	struct thread thread;
	(void)ctx;
	forbid_threads();
	CHECK(thread_start(&thread, "user", use_and_end, c) == ERR_FULL);
	slab_cache_close(c);
	use_and_end(open_cache(s));
	CHECK(stats_of(s, 256).live == 0);
	slab_destroy(s);
}

static void test_thread_ends(void)
{
	struct slab *s = make((size_t)4 << 20, 1);
	struct thread thread;
	CHECK(thread_start(&thread, "user", use_and_end, open_cache(s)) == OK);
	thread_join(&thread);
	CHECK(stats_of(s, 256).cached == 0 && stats_of(s, 256).live == 0);
	use_and_end(open_cache(s));
	CHECK(stats_of(s, 256).remote == 0); /* the same cache, again */
	slab_destroy(s);
	CHECK(!dies(without_threads, NULL));
}

/* ---- what the guards find ---- */

struct crime {
	struct slab_cache *c;
	uint8_t *object;
};

enum { VICTIM = 100 };

static void use_after_free(void *ctx)
{
	const struct crime *crime = ctx;
	slab_free(crime->c, crime->object, VICTIM);
	((volatile uint8_t *)crime->object)[VICTIM - 1] = 1;
	(void)!slab_alloc(crime->c, VICTIM); /* the same object again */
}

static void write_behind(void *ctx)
{
	const struct crime *crime = ctx;
	((volatile uint8_t *)crime->object)[VICTIM] = 1;
	slab_free(crime->c, crime->object, VICTIM);
}

static void write_behind_class(void *ctx)
{
	const struct crime *crime = ctx;
	((volatile uint8_t *)crime->object)[slab_class_size(slab_class_of(VICTIM))] = 1;
	slab_free(crime->c, crime->object, VICTIM);
}

static void free_twice(void *ctx)
{
	const struct crime *crime = ctx;
	slab_free(crime->c, crime->object, VICTIM);
	slab_free(crime->c, crime->object, VICTIM);
}

static void free_as_another_size(void *ctx)
{
	const struct crime *crime = ctx;
	slab_free(crime->c, crime->object, VICTIM - 1);
}

static void use_rightly(void *ctx)
{
	const struct crime *crime = ctx;
	memset(crime->object, 1, VICTIM);
	slab_free(crime->c, crime->object, VICTIM);
	CHECK(slab_alloc(crime->c, VICTIM - 1) == crime->object);
}

static void test_guards(void)
{
	static const struct {
		void (*commit)(void *ctx);
		bool found_poison, found_checks;
	} crimes[] = {
		{use_after_free, true, true},
		{write_behind, true, true},
		{write_behind_class, true, true},
		{free_twice, true, true},
		{free_as_another_size, false, true},
		{use_rightly, false, false},
	};
	struct slab *s = make((size_t)4 << 20, 1);
	struct slab_cache *c = open_cache(s);
	struct crime crime = {.c = c, .object = slab_alloc(c, VICTIM)};
	CHECK(crime.object != NULL);
	for (size_t i = 0; i < ARRAY_LEN(crimes); i++) {
		const bool found = POISON_ON ? crimes[i].found_poison
					     : CHECKED && crimes[i].found_checks;
		CHECK(dies(crimes[i].commit, &crime) == found);
	}
	slab_free(c, crime.object, VICTIM);
	slab_cache_close(c);
	slab_destroy(s);
}

int main(void)
{
	test_classes();
	test_refused();
	for (int huge = 1; huge >= 0; huge--) {
		pages_limit(huge ? PAGES_1G : PAGES_ORDINARY);
		test_every_class();
		test_reserve_and_seal();
		test_region_spent();
		test_needs(slab_create_sized, true);
		test_needs(slab_create_on_demand, false);
		test_refilled();
		test_caches_bound();
	}
	test_thread_ends();
	test_guards();
	return EXIT_SUCCESS;
}
