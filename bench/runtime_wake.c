/* How long a parked worker takes to run after it was woken: one way, from core 0 to core 1. */
#include "peers/peers.h"
#include "runtime.h"
#include "wake_ours.h"

#define WAKES 300u
#define ROUNDS 15u

static void measure(void *ctx, double *figures)
{
	static uint32_t latencies[WAKES];
	const struct peer_wake *wake = ctx;
	wake->run(WAKES, latencies);
	figures[0] = latency_quantile(latencies, WAKES, 0.5) / 1e3;
	figures[1] = latency_quantile(latencies, WAKES, 0.99) / 1e3;
}

unsigned runtime_wake(void)
{
	static const struct contest contests[] = {
		{.name = "wake-up of a parked worker, p50",
			.unit = "us",
			.goal_best = 1,
			.rounds = ROUNDS},
		{.name = "wake-up of a parked worker, p99",
			.unit = "us",
			.goal_best = 1,
			.figure = 1},
	};
	struct peer_wake all[] = {wake_ours, peer_wake_parking_lot, peer_wake_tokio, peer_wake_std};
	struct contestant list[ARRAY_LEN(all)];
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		list[i] = (struct contestant){.peer = all[i].name,
			.version = all[i].version,
			.measure = measure,
			.ctx = &all[i]};
	return compare_figures(contests, ARRAY_LEN(contests), list, ARRAY_LEN(all));
}
