#include "draw.h"

#include "crypto/hash.h"

void draw_init(struct draw *d, uint64_t seed, const char *name, uint64_t number)
{
	uint8_t bytes[16];
	struct hash256 h;
	store_le64(bytes, seed);
	store_le64(bytes + 8, number);
	const struct slice part[2] = {slice_of(bytes, sizeof bytes), slice_str(name)};
	sha256_parts(&h, part, 2);
	d->random.state = load_le64(h.b);
}

uint64_t draw_between(struct draw *d, uint64_t low, uint64_t high)
{
	return sim_random_between(&d->random, low, high);
}

bool draw_chance(struct draw *d, unsigned permille)
{
	return draw_between(d, 0, 999) < permille;
}

/* -ln(u) for u = k/65536 by halving: integers only, so that every machine draws the same. */
uint64_t draw_wait(struct draw *d, uint64_t mean)
{
	static const uint64_t ln2 = 45426; /* in 65,536ths */
	uint64_t u = draw_between(d, 1, UINT64_C(1) << 32), bits = 0;
	while (u < UINT64_C(1) << 31) {
		u <<= 1;
		bits++;
	}
	/* u is in [1/2, 1] now: -ln(u) lies between 2(1-u)/(1+u) and that plus a thousandth */
	const uint64_t one = UINT64_C(1) << 32;
	const uint64_t rest = 2 * ((one - u) >> 8) * 65536 / ((one + u) >> 8);
	const uint64_t wait = mean * (bits * ln2 + rest) / 65536;
	return wait == 0 ? 1 : wait;
}

void draw_bytes(struct draw *d, void *out, size_t len)
{
	uint8_t *at = out;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)sim_random_next(&d->random);
}

void draw_source(void *ctx, void *out, size_t len)
{
	draw_bytes(ctx, out, len);
}
