#include "crypto/pedersen.h"

#include "crypto/field.h"
#include "crypto/hash.h"

/* ---- a number as a point ---- */

/* y^2 of the curve at x. */
static struct field curve_at(const struct field *x)
{
	const struct field seven = field_of(7);
	struct field r = field_mul(x, x);
	r = field_mul(&r, x);
	return field_add(&r, &seven);
}

static void from_coordinates(struct point *out, const struct field *x, const struct field *y)
{
	uint8_t bytes[33];
	field_write(bytes + 1, x);
	bytes[0] = (uint8_t)(0x02 | (y->limb[0] & 1));
	CHECK(point_read(out, bytes));
}

/* Shallue and van de Woestijne's map. With c = sqrt(-3) and w = ct / (8 + t^2), one of
 * x1 = (c - 1) / 2 - tw, x2 = -1 - x1 and x3 = 1 + 1 / w^2 is on the curve, since the product of
 * what their y^2 would be is a square. The first counts; y is the root that is a square, or where t
 * is odd its negative. */
static void map(struct point *out, const struct field *t)
{
	static const uint8_t root[32] = {0x0a, 0x2d, 0x2b, 0xa9, 0x35, 0x07, 0xf1, 0xdf, 0x23, 0x37,
		0x70, 0xc2, 0xa7, 0x97, 0x96, 0x2c, 0xc6, 0x1f, 0x6d, 0x15, 0xda, 0x14, 0xec, 0xd4,
		0x7d, 0x8d, 0x27, 0xae, 0x1c, 0xd5, 0xf8, 0x52};
	const struct field one = field_of(1), two = field_of(2), eight = field_of(8);
	const struct field less_one = field_negate(&one), half = field_inverse(&two);
	struct field c, d, w, x[3], y;

	CHECK(field_read(&c, root));
	d = field_add(&c, &less_one);
	d = field_mul(&d, &half);
	w = field_mul(t, t);
	w = field_add(&w, &eight);
	w = field_inverse(&w);
	w = field_mul(&w, &c);
	w = field_mul(&w, t);

	x[0] = field_mul(t, &w);
	x[0] = field_negate(&x[0]);
	x[0] = field_add(&d, &x[0]);
	x[1] = field_add(&x[0], &one);
	x[1] = field_negate(&x[1]);
	x[2] = field_mul(&w, &w);
	x[2] = field_inverse(&x[2]);
	x[2] = field_add(&x[2], &one);

	uint32_t i = 0;
	for (; i < ARRAY_LEN(x); i++) {
		const struct field square = curve_at(&x[i]);
		if (field_sqrt(&y, &square))
			break;
	}
	CHECK(i < ARRAY_LEN(x));
	if ((t->limb[0] & 1) != 0)
		y = field_negate(&y);
	from_coordinates(out, &x[i], &y);
}

static enum err map_hash(struct point *out, const char *tag, const struct hash256 *asset)
{
	const struct slice part[] = {slice_str(tag), slice_of(asset->b, sizeof asset->b)};
	struct hash256 hash;
	struct field t;
	sha256_parts(&hash, part, ARRAY_LEN(part));
	if (!field_read(&t, hash.b))
		return ERR_RANGE;
	map(out, &t);
	return OK;
}

/* ---- commitments ---- */

enum err asset_generator(struct point *out, const struct hash256 *asset)
{
	struct point first, second;
	TRY(map_hash(&first, "1st generation: ", asset));
	TRY(map_hash(&second, "2nd generation: ", asset));
	return point_add(out, &first, &second) ? OK : ERR_RANGE;
}

static enum err add_blinder(struct point_sum *sum, const struct scalar *blinder)
{
	struct point blind;
	if (point_of_scalar(&blind, blinder))
		point_sum_add(sum, &blind);
	return sum->some ? OK : ERR_RANGE;
}

enum err asset_blind(struct point *out, const struct hash256 *asset, const struct scalar *blinder)
{
	struct point_sum sum = {.some = true};
	TRY(asset_generator(&sum.point, asset));
	TRY(add_blinder(&sum, blinder));
	*out = sum.point;
	return OK;
}

enum err value_commit(struct point *out, uint64_t value, const struct point *generator,
	const struct scalar *blinder)
{
	const struct scalar factor = scalar_of(value);
	struct point_sum sum = {.some = value > 0};
	if (value > 0)
		CHECK(point_mul_vartime(&sum.point, generator, &factor));
	TRY(add_blinder(&sum, blinder));
	*out = sum.point;
	return OK;
}

enum err commitment_read(struct point *out, uint8_t kind, const uint8_t in[COMMITMENT_SIZE])
{
	struct field x, y;
	if ((in[0] & 0xfe) != kind || !field_read(&x, in + 1))
		return ERR_FORMAT;
	const struct field square = curve_at(&x);
	if (!field_sqrt(&y, &square))
		return ERR_FORMAT;
	if ((in[0] & 1) != 0)
		y = field_negate(&y);
	from_coordinates(out, &x, &y);
	return OK;
}

void commitment_write(uint8_t out[COMMITMENT_SIZE], uint8_t kind, const struct point *p)
{
	uint8_t bytes[32];
	struct field y;
	point_coordinates(out + 1, bytes, p);
	CHECK(field_read(&y, bytes));
	out[0] = field_is_square(&y) ? kind : (uint8_t)(kind + 1);
}
