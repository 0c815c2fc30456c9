/* How every contestant waits for room or for items: it spins, and, where threads share a core
 * (peers.h), gives it up now and then, for the one it waits for may need it. */
#ifndef PEERS_WAIT_H
#define PEERS_WAIT_H
#include <sched.h>
#include <stdint.h>

#include "../peers.h"

#define PEER_SPINS_BEFORE_YIELD 128u

static inline void peer_wait(uint32_t *spins)
{
	__builtin_ia32_pause();
	if (++*spins % PEER_SPINS_BEFORE_YIELD == 0 && peer_cores_are_shared != 0)
		(void)sched_yield();
}

/* The items to send next: what is left of the batch, of the table and of the count. */
static inline uint32_t peer_next(uint32_t batch, uint32_t at, uint32_t table, uint64_t left)
{
	uint32_t n = batch < table - at ? batch : table - at;
	return n < left ? n : (uint32_t)left;
}

static inline uint64_t peer_sum(const uint64_t *items, uint32_t count)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < count; i++)
		sum += items[i];
	return sum;
}
#endif
