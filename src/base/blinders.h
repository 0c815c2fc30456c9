/* base/blinders: what hides the asset and the amount of a confidential coin (Liquid).
 *
 * Two numbers below the order of secp256k1, big-endian. Both zero: the coin is explicit; a
 * confidential one whose both are zero is not taken for a coin. Who spends it needs them, who has
 * them sees what it holds, and nobody can spend by them. Threads: pure. Ownership: values.
 */
#ifndef BASE_BLINDERS_H
#define BASE_BLINDERS_H
#include "base/base.h"

#define BLINDER_SIZE 32u

struct blinders {
	uint8_t asset[BLINDER_SIZE], value[BLINDER_SIZE];
};

/* There is something to hide: the coin is confidential. */
static inline bool blinders_any(const struct blinders *b)
{
	static const struct blinders none;
	return memcmp(b, &none, sizeof none) != 0;
}

#endif
