/* An output of Elements and its proofs: asset, value and nonce of 33 bytes each, a script behind
 * its length of one byte, a range proof behind its length of two, and what is left as surjection
 * proof. What opens holds what its commitments say; from an explicit coin nothing blinded comes
 * alone. */
#include "wire/elements_blind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the lock-up that elementsd made, which is in the corpus. */
static const struct seckey key = {{0x12, 0xa3, 0xe4, 0x03, 0xc7, 0x4b, 0x8c, 0xc8, 0x83, 0x78, 0x18,
	0xd0, 0xd6, 0xf3, 0x82, 0xf9, 0x34, 0x72, 0x07, 0x18, 0x25, 0x27, 0xaa, 0x0e, 0x2e, 0x10,
	0x98, 0x85, 0x8e, 0x74, 0x7b, 0x28}};

static struct slice take_bytes(struct reader *r, size_t len)
{
	const struct slice bytes = slice_of(r->ptr, len);
	if (r->failed || len > r->left) {
		r->failed = true;
		return slice_of(NULL, 0);
	}
	r->ptr += len;
	r->left -= len;
	return bytes;
}

static bool take(struct elements_txout *out, struct slice in)
{
	struct reader r = reader_init(in);
	reader_copy(&r, out->asset.b, sizeof out->asset.b);
	reader_copy(&r, out->value.b, sizeof out->value.b);
	reader_copy(&r, out->nonce.b, sizeof out->nonce.b);
	const size_t script_len = reader_u8(&r);
	out->script = take_bytes(&r, script_len);
	const size_t proof_len = reader_le16(&r);
	out->range_proof = take_bytes(&r, proof_len);
	out->surjection_proof = take_bytes(&r, r.failed ? 0 : r.left);
	return !r.failed;
}

/* As the parser of transactions leaves them: a known prefix, zeros behind what it asks for. */
static bool is_field(uint8_t b[33], const uint8_t commitment[2], size_t explicit_size)
{
	const bool committed = b[0] == commitment[0] || b[0] == commitment[1];
	const size_t used = committed ? 33 : b[0] == 1 ? explicit_size : 1;
	memset(b + used, 0, 33 - used);
	return committed || b[0] <= 1;
}

static void check_commitment(const struct elements_txout *out, const struct elements_opening *o)
{
	struct elements_txout again = {.script = out->script};
	CHECK(o->value.raw <= SAT_MAX_RAW);
	if (elements_value_form(&out->value) != ELEMENTS_COMMITMENT)
		return;
	CHECK(elements_commit(&again, o) == OK);
	CHECK(memcmp(&again.asset, &out->asset, sizeof again.asset) == 0);
	CHECK(memcmp(&again.value, &out->value, sizeof again.value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	struct elements_txout out = {.script = {0}};
	struct elements_opening opening;
	struct elements_txin in = {.sequence = 0};
	const struct elements_tx tx = {.in = &in, .in_count = 1, .out = &out, .out_count = 1};

	secp_init(seed);
	if (!take(&out, slice_of(data, size)) ||
		!is_field(out.asset.b, (const uint8_t[]){0x0a, 0x0b}, 33) ||
		!is_field(out.value.b, (const uint8_t[]){0x08, 0x09}, 9) ||
		!is_field(out.nonce.b, (const uint8_t[]){0x02, 0x03}, 33))
		return 0;
	if (elements_asset_form(&out.asset) == ELEMENTS_NULL ||
		elements_value_form(&out.value) == ELEMENTS_NULL)
		return 0;
	struct sat value;
	if (elements_value_read(&value, &out.value) && value.raw > SAT_MAX_RAW)
		return 0; /* the parser of transactions refuses it */
	if (elements_open(&opening, &out, &key) == OK)
		check_commitment(&out, &opening);
	const struct hash256 asset = {{9}};
	const struct elements_txout coin = {
		.asset = elements_asset_of(&asset), .value = elements_value_of((struct sat){7})};
	const bool blinded = elements_value_form(&out.value) == ELEMENTS_COMMITMENT;
	CHECK(elements_check_balance(&tx, &coin) == ERR_CHECKSUM || !blinded);
	return 0;
}
