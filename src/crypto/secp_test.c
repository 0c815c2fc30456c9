#include "crypto/secp.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/vectors_bip340.h"

static const struct seckey seckey_one = {{[31] = 1}};
/* The group's order and one less. */
#define ORDER "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define ORDER_LESS_ONE "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static void test_bip340(void)
{
	unsigned signed_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(bip340_vectors); i++) {
		struct xonly key;
		struct hash256 message;
		uint8_t want[64];
		from_hex(key.b, 32, bip340_vectors[i].pubkey);
		from_hex(message.b, 32, bip340_vectors[i].message);
		from_hex(want, 64, bip340_vectors[i].signature);
		CHECK(schnorr_verify(want, &message, &key) == bip340_vectors[i].valid);
		if (bip340_vectors[i].seckey[0] == 0)
			continue;
		struct seckey secret;
		struct pubkey full;
		struct xonly own;
		uint8_t aux[32];
		uint8_t sig[64];
		bool odd;
		from_hex(secret.b, 32, bip340_vectors[i].seckey);
		from_hex(aux, 32, bip340_vectors[i].aux);
		CHECK(pubkey_from_seckey(&full, &secret) == OK);
		xonly_from_pubkey(&own, &odd, &full);
		CHECK(memcmp(own.b, key.b, 32) == 0 && odd == (full.b[0] == 3));
		CHECK(schnorr_sign(sig, &message, &secret, aux) == OK);
		CHECK(memcmp(sig, want, 64) == 0);
		sig[40] ^= 1;
		CHECK(!schnorr_verify(sig, &message, &key));
		signed_count++;
	}
	CHECK(signed_count >= 4);
}

/* RFC 6979 on secp256k1: the vector that its implementations share. */
static void test_ecdsa(void)
{
	struct hash256 message;
	struct pubkey own;
	struct pubkey got = {{9}};
	uint8_t want[64];
	uint8_t sig[64];
	int id = -1;
	sha256(&message, slice_str("Satoshi Nakamoto"));
	from_hex(want, 64,
		"934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
		"2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
	CHECK(ecdsa_sign(sig, &id, &message, &seckey_one) == OK);
	CHECK(memcmp(sig, want, 64) == 0);
	CHECK(id == 0 || id == 1);
	CHECK(pubkey_from_seckey(&own, &seckey_one) == OK);
	CHECK(ecdsa_verify(sig, &message, &own));
	CHECK(ecdsa_recover(&got, sig, id, &message) == OK);
	CHECK(memcmp(got.b, own.b, 33) == 0);
	CHECK(ecdsa_recover(&got, sig, id ^ 1, &message) == OK);
	CHECK(memcmp(got.b, own.b, 33) != 0);
	/* r + order is above the field: there is no such point */
	got.b[0] = 9;
	CHECK(ecdsa_recover(&got, sig, id | 2, &message) == ERR_CHECKSUM);
	CHECK(ecdsa_recover(&got, sig, 4, &message) == ERR_FORMAT);
	CHECK(ecdsa_recover(&got, sig, -1, &message) == ERR_FORMAT);

	/* HAZARDS 26: the same signature with the high S */
	struct seckey s;
	struct hash256 order_less_one;
	memcpy(s.b, sig + 32, 32);
	from_hex(order_less_one.b, 32, ORDER_LESS_ONE);
	/* order - s, byte by byte: (order - 1 - s) + 1 */
	unsigned borrow = 0;
	for (unsigned i = 32; i-- > 0;) {
		const unsigned d = 256u + order_less_one.b[i] - s.b[i] - borrow;
		s.b[i] = (uint8_t)d;
		borrow = d < 256u;
	}
	for (unsigned i = 32; i-- > 0 && ++s.b[i] == 0;)
		;
	memcpy(sig + 32, s.b, 32);
	CHECK(ecdsa_recover(&got, sig, id ^ 1, &message) == ERR_FORMAT);
	CHECK(!ecdsa_verify(sig, &message, &own));
	/* s = order, and s = 0 */
	from_hex(sig + 32, 32, ORDER);
	CHECK(ecdsa_recover(&got, sig, id, &message) == ERR_FORMAT);
	CHECK(!ecdsa_verify(sig, &message, &own));
	memset(sig + 32, 0, 32);
	CHECK(ecdsa_recover(&got, sig, id, &message) == ERR_CHECKSUM);
	CHECK(!ecdsa_verify(sig, &message, &own));
	CHECK(got.b[0] == 9);
}

static void test_ranges(void)
{
	struct seckey zero = {{0}};
	struct seckey order;
	struct seckey last;
	struct seckey out = {{7}};
	struct pubkey pub = {{7}};
	struct hash256 one = {{[31] = 1}};
	struct hash256 message = {{5}};
	uint8_t sig[64] = {7};
	int id = 7;
	const uint8_t aux[32] = {0};
	from_hex(order.b, 32, ORDER);
	from_hex(last.b, 32, ORDER_LESS_ONE);
	CHECK(!seckey_valid(&zero) && !seckey_valid(&order));
	CHECK(seckey_valid(&last) && seckey_valid(&seckey_one));
	const struct seckey *bad[] = {&zero, &order};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(pubkey_from_seckey(&pub, bad[i]) == ERR_RANGE);
		CHECK(seckey_tweak_add(&out, bad[i], &one) == ERR_RANGE);
		CHECK(taproot_seckey(&out, bad[i], NULL) == ERR_RANGE);
		CHECK(schnorr_sign(sig, &message, bad[i], aux) == ERR_RANGE);
		CHECK(ecdsa_sign(sig, &id, &message, bad[i]) == ERR_RANGE);
	}
	CHECK(seckey_tweak_add(&out, &last, &one) == ERR_RANGE); /* the sum is zero */
	struct hash256 big;
	memcpy(big.b, order.b, 32);
	CHECK(seckey_tweak_add(&out, &seckey_one, &big) == ERR_RANGE);
	CHECK(out.b[0] == 7 && pub.b[0] == 7 && sig[0] == 7 && id == 7);

	CHECK(pubkey_from_seckey(&pub, &last) == OK);
	struct pubkey sum = {{7}};
	CHECK(pubkey_tweak_add(&sum, &pub, &one) == ERR_RANGE);
	CHECK(pubkey_tweak_add(&sum, &pub, &big) == ERR_RANGE);
	CHECK(pubkey_from_seckey(&pub, &seckey_one) == OK && pubkey_valid(&pub));
	const uint8_t prefix[] = {0, 1, 4, 5, 6, 7, 0xff};
	for (size_t i = 0; i < sizeof prefix; i++) {
		uint8_t wide[65];
		struct pubkey wrong = pub;
		wrong.b[0] = prefix[i];
		CHECK(!pubkey_valid(&wrong));
		CHECK(pubkey_tweak_add(&sum, &wrong, &one) == ERR_FORMAT);
		CHECK(pubkey_uncompressed(wide, &wrong) == ERR_FORMAT);
	}
	CHECK(sum.b[0] == 7);
	struct xonly x;
	from_hex(x.b, 32, "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34");
	CHECK(!xonly_valid(&x)); /* BIP-340, vector 5: not on the curve */
	bool odd;
	CHECK(taproot_output_key(&x, &odd, &x, NULL) == ERR_FORMAT);
}

static void test_uncompressed(void)
{
	struct pubkey pub;
	uint8_t wide[65];
	uint8_t want[65];
	CHECK(pubkey_from_seckey(&pub, &seckey_one) == OK);
	CHECK(pubkey_uncompressed(wide, &pub) == OK);
	from_hex(want, 65,
		"0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
		"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
	CHECK(memcmp(wide, want, 65) == 0);
}

/* What a tweaked secret signs, the tweaked public key verifies: for keys of both parities. */
static void test_taproot_pair(void)
{
	struct hash256 root;
	sha256(&root, slice_str("root"));
	for (unsigned i = 0; i < 64; i++) {
		const struct hash256 *merkle = i % 2 == 0 ? NULL : &root;
		struct hash256 seed;
		struct seckey inner;
		struct seckey outer;
		struct pubkey full;
		struct xonly x;
		struct xonly want;
		struct xonly got;
		bool odd;
		bool want_odd;
		sha256(&seed, slice_of(&i, sizeof i));
		memcpy(inner.b, seed.b, 32);
		CHECK(pubkey_from_seckey(&full, &inner) == OK);
		xonly_from_pubkey(&x, &odd, &full);
		CHECK(taproot_output_key(&want, &want_odd, &x, merkle) == OK);
		CHECK(taproot_seckey(&outer, &inner, merkle) == OK);
		CHECK(pubkey_from_seckey(&full, &outer) == OK);
		xonly_from_pubkey(&got, &odd, &full);
		CHECK(memcmp(got.b, want.b, 32) == 0 && odd == want_odd);

		struct seckey child;
		struct pubkey child_pub;
		struct pubkey inner_pub;
		struct pubkey sum;
		CHECK(seckey_tweak_add(&child, &inner, &root) == OK);
		CHECK(pubkey_from_seckey(&child_pub, &child) == OK);
		CHECK(pubkey_from_seckey(&inner_pub, &inner) == OK);
		CHECK(pubkey_tweak_add(&sum, &inner_pub, &root) == OK);
		CHECK(memcmp(sum.b, child_pub.b, 33) == 0);
	}
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	secp_init(seed);
	test_bip340();
	test_ecdsa();
	test_ranges();
	test_uncompressed();
	test_taproot_pair();
	return 0;
}
