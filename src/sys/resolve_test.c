/* Lookups: on threads of their own, few at once, and nobody waits for those that he left. */
#include "sys/resolve.h"

#include <stdatomic.h>
#include <stdio.h>

#include "sys/clock.h"

#define NAMES 20u

static struct loop *loop;
static _Atomic uint32_t inside, inside_most, calls;
static _Atomic bool gate; /* lookups wait until it is open */

static void rest(void)
{
	const uint64_t until = clock_mono_ns() + 1000000;
	while (clock_mono_ns() < until)
		continue;
}

static void scripted(const char *name, struct resolve_answer *answer)
{
	const uint32_t now = atomic_fetch_add(&inside, 1) + 1;
	uint32_t most = atomic_load(&inside_most);
	while (now > most && !atomic_compare_exchange_weak(&inside_most, &most, now))
		continue;
	atomic_fetch_add(&calls, 1);
	while (!atomic_load(&gate))
		rest();
	if (name[0] == 'x') {
		answer->err = ERR_NOT_FOUND;
		answer->detail = "no such name";
	} else {
		(void)snprintf(answer->address[0], SOCK_ADDRESS_SIZE, "10.0.0.%s", name);
		answer->count = 1;
	}
	atomic_fetch_sub(&inside, 1);
}

struct result {
	uint32_t count, number;
	enum err err;
	bool any_v4;
};

static void on_answer(void *ctx, const struct resolve_answer *answer)
{
	struct result *r = ctx;
	char want[SOCK_ADDRESS_SIZE];
	r->count++;
	r->err = answer->err;
	(void)snprintf(want, sizeof want, "10.0.0.%u", r->number);
	if (r->number > 0 && answer->err == OK)
		CHECK(strcmp(answer->address[0], want) == 0);
	for (uint32_t i = 0; i < answer->count; i++)
		r->any_v4 = r->any_v4 || strcmp(answer->address[i], "127.0.0.1") == 0;
}

static void wait_for(const uint32_t *count, uint32_t target)
{
	const uint64_t end = clock_mono_ms() + 30000;
	while (*count < target) {
		CHECK(clock_mono_ms() < end);
		(void)loop_step(loop, 100);
	}
}

static void test_few_at_once(void)
{
	struct resolver *r;
	static struct result result[NAMES];
	atomic_store(&gate, false);
	atomic_store(&inside_most, 0);
	CHECK(resolver_create(&r, loop, scripted) == OK);
	for (uint32_t i = 0; i < NAMES; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "%u", i + 1);
		result[i] = (struct result){.number = i + 1};
		CHECK(resolver_ask(r, name, on_answer, &result[i]) == OK);
	}
	while (atomic_load(&inside) < RESOLVE_THREADS_MAX)
		rest();
	(void)loop_step(loop, 10);
	CHECK(result[0].count == 0);
	atomic_store(&gate, true);
	for (uint32_t i = 0; i < NAMES; i++) {
		wait_for(&result[i].count, 1);
		CHECK(result[i].err == OK && result[i].count == 1);
	}
	CHECK(atomic_load(&inside_most) == RESOLVE_THREADS_MAX);
	struct result none = {0};
	CHECK(resolver_ask(r, "x", on_answer, &none) == OK);
	wait_for(&none.count, 1);
	CHECK(none.err == ERR_NOT_FOUND);
	resolver_destroy(r);
}

static void test_refused(void)
{
	struct resolver *r;
	struct result result = {0};
	char name[RESOLVE_NAME_LEN_MAX + 2];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	CHECK(resolver_create(&r, loop, scripted) == OK);
	CHECK(resolver_ask(r, "", on_answer, &result) == ERR_FORMAT);
	CHECK(resolver_ask(r, name, on_answer, &result) == ERR_FORMAT);
	atomic_store(&gate, false);
	uint32_t taken = 0;
	while (resolver_ask(r, "x", on_answer, &result) == OK)
		taken++;
	CHECK(taken == RESOLVE_THREADS_MAX + RESOLVE_WAITING_MAX);
	/* destroyed with all of that under way: at once, and no callback */
	resolver_destroy(r);
	atomic_store(&gate, true);
	while (atomic_load(&inside) > 0)
		rest();
	(void)loop_step(loop, 10);
	CHECK(result.count == 0);
}

/* The system's own, as far as it needs no server. */
static void test_system(void)
{
	struct resolver *r;
	struct result name = {0}, numeric = {0};
	CHECK(resolver_create(&r, loop, NULL) == OK);
	CHECK(resolver_ask(r, "localhost", on_answer, &name) == OK);
	CHECK(resolver_ask(r, "127.0.0.1", on_answer, &numeric) == OK);
	wait_for(&name.count, 1);
	wait_for(&numeric.count, 1);
	CHECK(numeric.err == OK && numeric.any_v4 && name.err == OK);
	resolver_destroy(r);
	resolver_destroy(NULL);
}

int main(void)
{
	CHECK(loop_create(&loop, &(struct loop_config){0}) == OK);
	test_few_at_once();
	test_refused();
	test_system();
	loop_destroy(loop);
	return 0;
}
