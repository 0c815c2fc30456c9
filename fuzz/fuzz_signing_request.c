/* Requests and answers between daemon and signer, both directions: one encoding of each; assembly
 * of whatever parses, and the PSBT of it, end without a CHECK. */
#include "wire/signing_psbt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_assemble(const struct signing_request *r)
{
	static uint8_t storage[2 * SIGNING_TX_MAX];
	static struct signing_answer a;
	const struct seckey secret = {{1}};
	struct buf raw = buf_init(storage, sizeof storage);
	struct pubkey wallet;
	struct hash256 txid;
	CHECK(pubkey_from_seckey(&wallet, &secret) == OK);
	a = (struct signing_answer){.signature_count = r->input_count > 0 ? r->input_count : 1};
	for (uint32_t i = 0; i < a.signature_count; i++)
		memset(a.signature[i].b, 0x11, sizeof a.signature[i].b);
	CHECK(signing_assemble(&raw, &txid, r, &a, &wallet) != OK);
}

/* What goes out to be signed elsewhere comes back unsigned, and is not taken. */
static void try_psbt(const struct signing_request *r)
{
	static uint8_t storage[SIGNING_PSBT_MAX];
	static struct signing_answer a;
	const struct seckey secret = {{1}};
	struct buf out = buf_init(storage, sizeof storage);
	struct pubkey wallet;
	CHECK(pubkey_from_seckey(&wallet, &secret) == OK);
	if (signing_psbt_put(&out, r, &wallet, PSBT_V0) == OK)
		CHECK(signing_psbt_answer(&a, r, buf_slice(&out)) != OK);
}

static void try_request(struct slice in)
{
	static uint8_t storage[SIGNING_REQUEST_MAX];
	static struct signing_request r;
	struct buf b = buf_init(storage, sizeof storage);
	if (signing_request_parse(&r, in) != OK)
		return;
	signing_request_put(&b, &r);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), in));
	try_assemble(&r);
	try_psbt(&r);
}

static void try_answer(struct slice in)
{
	static uint8_t storage[SIGNING_ANSWER_MAX];
	static struct signing_answer a;
	struct buf b = buf_init(storage, sizeof storage);
	if (signing_answer_parse(&a, in) != OK)
		return;
	signing_answer_put(&b, &a);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	const struct slice in = slice_of(data, size);
	secp_init(seed);
	try_request(in);
	try_answer(in);
	return 0;
}
