/* A stranger's witness stack against fixed terms: a preimage is reported only where it is the
 * hash's. */
#include "btc/htlc.h"
#include "crypto/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xonly key_of(uint8_t n)
{
	struct seckey secret = {{0}};
	struct pubkey key;
	struct xonly x;
	bool odd;
	secret.b[31] = n;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&x, &odd, &key);
	return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	static const struct hash256 known = {{1, 2, 3}};
	static struct btc_htlc h;
	struct hash256 preimage, hash;
	secp_init(seed);
	if (h.timelock == 0) {
		h = (struct btc_htlc){
			.claim = key_of(2), .refund = key_of(3), .timelock = 840000, .amount = {1}};
		h.client = h.refund;
		h.provider = h.claim;
		sha256(&h.hash, slice_of(known.b, sizeof known.b));
	}
	if (btc_htlc_read_spend(&preimage, &h, slice_of(data, size)) == BTC_SPEND_CLAIM) {
		sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
		CHECK(hash256_eq(&hash, &h.hash));
	}
	return 0;
}
