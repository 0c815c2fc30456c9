#include "node/rate_limit.h"

#include <stdio.h>

static uint32_t take_all(struct rate_limit *r, const char *peer, uint64_t now_ms)
{
	uint64_t wait_ms;
	uint32_t taken = 0;
	while (taken < 1000 && rate_limit_take(r, &wait_ms, peer, now_ms))
		taken++;
	return taken;
}

static void test_one_peer(void)
{
	const struct rate_limit_config config = {
		.rate = 3, .period_ms = 1000, .burst = 5, .peers = 4};
	struct rate_limit *r;
	uint64_t wait_ms;
	CHECK(rate_limit_create(&r, &config, 7) == OK);
	CHECK(take_all(r, "1.2.3.4", 1000) == 5);
	CHECK(!rate_limit_take(r, &wait_ms, "1.2.3.4", 1000) && wait_ms == 334);
	CHECK(!rate_limit_take(r, &wait_ms, "1.2.3.4", 1333));
	CHECK(rate_limit_take(r, &wait_ms, "1.2.3.4", 1334));
	CHECK(take_all(r, "1.2.3.4", 4334) == 5);        /* never over the burst */
	CHECK(take_all(r, "1.2.3.4", 0) == 0);           /* a clock that went back gives nothing */
	CHECK(take_all(r, "::ffff:1.2.3.4", 4334) == 0); /* the same peer */
	CHECK(take_all(r, "1.2.3.5", 4334) == 5);
	rate_limit_destroy(r);
}

/* One holder of a /64 is one peer; a flood of addresses costs no memory and shares one bucket. */
static void test_many_peers(void)
{
	const struct rate_limit_config config = {
		.rate = 1, .period_ms = 1000, .burst = 2, .peers = 4};
	struct rate_limit *r;
	uint32_t taken = 0;
	char peer[32];
	CHECK(rate_limit_create(&r, &config, 7) == OK);
	CHECK(take_all(r, "2001:db8::1", 0) == 2 && take_all(r, "2001:db8::2", 0) == 0);
	CHECK(take_all(r, "2001:db8:0:1::1", 0) == 2);
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(peer, sizeof peer, "10.0.%u.%u", i / 250, i % 250);
		taken += take_all(r, peer, 0);
	}
	CHECK(taken == 2 * 2 + 2);                 /* two buckets were left, then the shared one */
	CHECK(take_all(r, "10.9.9.9", 2000) == 2); /* a refilled one was given away */
	CHECK(take_all(r, "10.9.9.9", 2000) == 0);
	rate_limit_destroy(r);
}

int main(void)
{
	test_one_peer();
	test_many_peers();
	return 0;
}
