#include "crypto/point.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>

_Static_assert(sizeof(secp256k1_pubkey) == sizeof(struct point), "a point is the library's");

static const secp256k1_context *context(void)
{
	return secp256k1_context_static;
}

static secp256k1_pubkey load(const struct point *p)
{
	secp256k1_pubkey key;
	memcpy(key.data, p->b, sizeof p->b);
	return key;
}

static void store(struct point *out, const secp256k1_pubkey *key)
{
	memcpy(out->b, key->data, sizeof out->b);
}

/* ---- numbers: the library's secret keys, which are never zero ---- */

bool scalar_is_zero(const struct scalar *a)
{
	static const struct scalar zero;
	return bytes_eq_ct(a->b, zero.b, sizeof zero.b);
}

bool scalar_read(struct scalar *out, const uint8_t in[32])
{
	struct scalar s;
	memcpy(s.b, in, sizeof s.b);
	if (!scalar_is_zero(&s) && secp256k1_ec_seckey_verify(context(), s.b) != 1)
		return false;
	*out = s;
	return true;
}

struct scalar scalar_of(uint64_t n)
{
	struct scalar s = {{0}};
	store_be64(s.b + 24, n);
	return s;
}

void scalar_add(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
	struct scalar sum = *a;
	if (scalar_is_zero(a))
		sum = *b;
	else if (secp256k1_ec_seckey_tweak_add(context(), sum.b, b->b) != 1)
		sum = (struct scalar){{0}}; /* they are each other's negative */
	*out = sum;
	bytes_wipe(&sum, sizeof sum);
}

void scalar_sub(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
	struct scalar less = *b;
	if (!scalar_is_zero(b))
		CHECK(secp256k1_ec_seckey_negate(context(), less.b) == 1);
	scalar_add(out, a, &less);
	bytes_wipe(&less, sizeof less);
}

void scalar_mul(struct scalar *out, const struct scalar *a, const struct scalar *b)
{
	struct scalar product = *a;
	if (scalar_is_zero(a) || scalar_is_zero(b))
		product = (struct scalar){{0}};
	else
		CHECK(secp256k1_ec_seckey_tweak_mul(context(), product.b, b->b) == 1);
	*out = product;
	bytes_wipe(&product, sizeof product);
}

/* a^(order - 2), by Fermat. */
void scalar_inverse(struct scalar *out, const struct scalar *a)
{
	static const uint8_t power[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0,
		0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x3f};
	const struct scalar base = *a;
	struct scalar r = scalar_of(1);
	CHECK(!scalar_is_zero(a));
	for (uint32_t bit = 0; bit < 256; bit++) {
		scalar_mul(&r, &r, &r);
		if ((power[bit / 8] >> (7 - bit % 8) & 1) != 0)
			scalar_mul(&r, &r, &base);
	}
	*out = r;
}

/* ---- points ---- */

bool point_read(struct point *out, const uint8_t in[33])
{
	secp256k1_pubkey key;
	if (secp256k1_ec_pubkey_parse(context(), &key, in, 33) != 1)
		return false;
	store(out, &key);
	return true;
}

void point_write(uint8_t out[33], const struct point *p)
{
	const secp256k1_pubkey key = load(p);
	size_t len = 33;
	CHECK(secp256k1_ec_pubkey_serialize(context(), out, &len, &key, SECP256K1_EC_COMPRESSED) ==
		1);
}

void point_coordinates(uint8_t x[32], uint8_t y[32], const struct point *p)
{
	const secp256k1_pubkey key = load(p);
	uint8_t full[65];
	size_t len = sizeof full;
	CHECK(secp256k1_ec_pubkey_serialize(
		      context(), full, &len, &key, SECP256K1_EC_UNCOMPRESSED) == 1);
	memcpy(x, full + 1, 32);
	memcpy(y, full + 33, 32);
}

bool point_eq(const struct point *a, const struct point *b)
{
	const secp256k1_pubkey x = load(a), y = load(b);
	return secp256k1_ec_pubkey_cmp(context(), &x, &y) == 0;
}

void point_negate(struct point *p)
{
	secp256k1_pubkey key = load(p);
	CHECK(secp256k1_ec_pubkey_negate(context(), &key) == 1);
	store(p, &key);
}

bool point_add(struct point *out, const struct point *a, const struct point *b)
{
	const secp256k1_pubkey x = load(a), y = load(b);
	const secp256k1_pubkey *const both[] = {&x, &y};
	secp256k1_pubkey sum;
	if (secp256k1_ec_pubkey_combine(context(), &sum, both, ARRAY_LEN(both)) != 1)
		return false;
	store(out, &sum);
	return true;
}

bool point_mul_vartime(struct point *out, const struct point *p, const struct scalar *factor)
{
	secp256k1_pubkey key = load(p);
	if (secp256k1_ec_pubkey_tweak_mul(context(), &key, factor->b) != 1)
		return false;
	store(out, &key);
	return true;
}

bool point_combine_vartime(
	struct point *out, const struct point *p, const struct scalar *e, const struct scalar *s)
{
	secp256k1_pubkey key = load(p);
	if (secp256k1_ec_pubkey_tweak_mul(context(), &key, e->b) != 1 ||
		secp256k1_ec_pubkey_tweak_add(context(), &key, s->b) != 1)
		return false;
	store(out, &key);
	return true;
}

bool point_of_scalar(struct point *out, const struct scalar *k)
{
	struct seckey secret;
	struct pubkey key;
	memcpy(secret.b, k->b, sizeof secret.b);
	const bool made = pubkey_from_seckey(&key, &secret) == OK;
	bytes_wipe(&secret, sizeof secret);
	return made && point_read(out, key.b);
}

bool point_shared(struct hash256 *out, const struct seckey *key, const struct pubkey *p)
{
	secp256k1_pubkey full;
	return secp256k1_ec_pubkey_parse(context(), &full, p->b, sizeof p->b) == 1 &&
		secp256k1_ecdh(context(), out->b, &full, key->b, NULL, NULL) == 1;
}

void point_sum_add(struct point_sum *sum, const struct point *p)
{
	if (sum->some) {
		sum->some = point_add(&sum->point, &sum->point, p);
	} else {
		sum->point = *p;
		sum->some = true;
	}
}
