/* Blinding: what elementsd made is opened and balances, what we make does, and nothing that is
 * changed. */
#include "wire/elements_blind.h"
#include "base/hex.h"
#include "wire/vectors_elements_taproot.h"

#define ROOM 8u

static struct elements_txin ins[ROOM];
static struct elements_txout outs[ROOM], spent[ROOM];
static uint8_t scripts[ROOM][64];

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static void field(uint8_t out[ELEMENTS_FIELD_SIZE], const char *hex)
{
	size_t len;
	memset(out, 0, ELEMENTS_FIELD_SIZE);
	CHECK(hex_decode_var(out, &len, ELEMENTS_FIELD_SIZE, slice_str(hex)) == OK);
}

/* ---- elementsd's ---- */

static struct elements_tx recorded(size_t i)
{
	struct elements_tx tx = {.in = ins, .out = outs};
	size_t used, len;
	CHECK(elements_tx_parse(&tx, &used, ROOM, ROOM, elements_spends[i].tx) == OK);
	CHECK(tx.in_count <= ARRAY_LEN(elements_spends[i].spent));
	for (uint32_t k = 0; k < tx.in_count; k++) {
		spent[k] = (struct elements_txout){0};
		field(spent[k].asset.b, elements_spends[i].spent[k].asset);
		field(spent[k].value.b, elements_spends[i].spent[k].value);
		CHECK(hex_decode_var(scripts[k], &len, sizeof scripts[k],
			      slice_str(elements_spends[i].spent[k].script)) == OK);
		spent[k].script = slice_of(scripts[k], len);
	}
	return tx;
}

static bool has_proofs(const struct elements_tx *tx)
{
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (tx->out[i].range_proof.len > 0)
			return true;
	return false;
}

static void test_recorded(void)
{
	unsigned confidential = 0;
	for (size_t i = 0; i < ARRAY_LEN(elements_spends); i++) {
		const struct elements_tx tx = recorded(i);
		const enum err err = elements_check_balance(&tx, spent);
		CHECK(err == (tx.in[0].issues ? ERR_STATE : OK));
		confidential += has_proofs(&tx);
	}
	CHECK(confidential == 2);
}

static struct elements_txout lock_up(void)
{
	struct elements_txout o = {.range_proof = elements_opening_range_proof,
		.surjection_proof = elements_opening_surjection_proof};
	field(o.asset.b, elements_opening_asset_commitment);
	field(o.value.b, elements_opening_value_commitment);
	field(o.nonce.b, elements_opening_nonce);
	from_hex(scripts[0], 34, elements_opening_script);
	o.script = slice_of(scripts[0], 34);
	return o;
}

static void test_opened(void)
{
	struct elements_txout o = lock_up();
	struct elements_opening got = {0};
	struct seckey key;
	struct hash256 want;
	from_hex(key.b, 32, elements_opening_blinding_secret);
	CHECK(elements_open(&got, &o, &key) == OK && got.value.raw == elements_opening_value);
	from_hex(want.b, 32, elements_opening_asset);
	CHECK(hash256_eq(&want, &got.asset));
	from_hex(want.b, 32, elements_opening_asset_blinder);
	CHECK(memcmp(want.b, got.asset_blinder.b, 32) == 0);
	from_hex(want.b, 32, elements_opening_value_blinder);
	CHECK(memcmp(want.b, got.value_blinder.b, 32) == 0);
	/* for another's key, with another script, without its proof, half of it explicit */
	key.b[31] ^= 1;
	CHECK(elements_open(&got, &o, &key) == ERR_NOT_FOUND);
	key.b[31] ^= 1;
	o.script.len--;
	CHECK(elements_open(&got, &o, &key) == ERR_CHECKSUM);
	o = lock_up();
	o.range_proof.len = 0;
	CHECK(elements_open(&got, &o, &key) == ERR_FORMAT);
	o = lock_up();
	o.asset = elements_asset_of(&want);
	CHECK(elements_open(&got, &o, &key) == ERR_FORMAT);
	o = lock_up();
	o.nonce = (struct elements_nonce){{0}};
	CHECK(elements_open(&got, &o, &key) == ERR_FORMAT);
}

/* ---- ours ---- */

static const struct hash256 asset = {{1, 2, 3}}, other = {{3, 2, 1}}, seed = {{7}};
static const struct seckey receiver = {{[31] = 9}};
static uint8_t proof_bytes[ROOM * ELEMENTS_PROOFS_MAX];
static const uint8_t pay_script[22] = {0, 20, 5}, nobody_script[] = {0x6a};

#define IN_RAW 100000u
#define FEE_RAW 300u

/* Two inputs of the asset; a payment that is to be blinded, explicit change, what blinds beside,
 * and the fee. */
static struct elements_tx draft(struct elements_opening in[2])
{
	struct pubkey to;
	CHECK(pubkey_from_seckey(&to, &receiver) == OK);
	const struct elements_tx tx = {
		.version = 2, .in = ins, .in_count = 2, .out = outs, .out_count = 4};
	for (uint32_t i = 0; i < 2; i++) {
		ins[i] = (struct elements_txin){.prev = {.index = i}};
		in[i] = (struct elements_opening){.asset = asset, .value = {IN_RAW}};
		spent[i] = (struct elements_txout){.asset = elements_asset_of(&asset),
			.value = elements_value_of(in[i].value)};
	}
	static const uint64_t value[] = {150000, 2 * IN_RAW - 150000 - FEE_RAW, 0, FEE_RAW};
	for (uint32_t i = 0; i < 4; i++)
		outs[i] = (struct elements_txout){.asset = elements_asset_of(&asset),
			.value = elements_value_of((struct sat){value[i]})};
	outs[0].script = slice_of(pay_script, sizeof pay_script);
	outs[1].script = slice_of(pay_script, sizeof pay_script);
	outs[2].script = slice_of(nobody_script, sizeof nobody_script);
	memcpy(outs[0].nonce.b, to.b, sizeof to.b);
	memcpy(outs[2].nonce.b, to.b, sizeof to.b);
	return tx;
}

static void blind_by(
	struct elements_tx *tx, const struct elements_opening *in, const struct hash256 *by)
{
	struct buf proofs = buf_init(proof_bytes, sizeof proof_bytes);
	CHECK(elements_blind(tx, &proofs, in, by) == OK);
}

static void blind(struct elements_tx *tx, const struct elements_opening *in)
{
	blind_by(tx, in, &seed);
}

static void test_blinded(void)
{
	struct elements_opening in[2], got;
	struct elements_tx tx = draft(in);
	struct hash256 id, again;
	static const struct seckey stranger = {{[31] = 8}};
	blind(&tx, in);
	CHECK(elements_value_form(&outs[0].value) == ELEMENTS_COMMITMENT);
	CHECK(elements_value_form(&outs[1].value) == ELEMENTS_EXPLICIT);
	CHECK(elements_check_balance(&tx, spent) == OK);
	CHECK(elements_open(&got, &outs[0], &receiver) == OK);
	CHECK(got.value.raw == 150000 && hash256_eq(&got.asset, &asset));
	CHECK(elements_open(&got, &outs[0], &stranger) == ERR_NOT_FOUND);
	CHECK(elements_open(&got, &outs[2], &receiver) == OK && got.value.raw == 0);
	CHECK(elements_open(&got, &outs[1], &stranger) == OK && got.value.raw == 49700);
	/* once more, the same; with another seed, another */
	elements_tx_wtxid(&id, &tx);
	tx = draft(in);
	blind(&tx, in);
	elements_tx_wtxid(&again, &tx);
	CHECK(hash256_eq(&id, &again));
	tx = draft(in);
	struct buf proofs = buf_init(proof_bytes, sizeof proof_bytes);
	CHECK(elements_blind(&tx, &proofs, in, &other) == OK);
	elements_tx_wtxid(&again, &tx);
	CHECK(!hash256_eq(&id, &again));
	CHECK(elements_check_balance(&tx, spent) == OK);
}

/* What was blinded is spent: one blinded output is enough then. */
static struct elements_tx draft_of(struct elements_opening in[2], const struct elements_txout *paid,
	struct elements_opening holds)
{
	struct elements_tx tx = draft(in);
	in[1] = holds;
	spent[1] = *paid;
	outs[1].value = elements_value_of((struct sat){2 * IN_RAW - 100000 - FEE_RAW});
	outs[2] = outs[3];
	tx.out_count = 3;
	return tx;
}

static void test_chain(void)
{
	struct elements_opening in[2], holds, got;
	struct elements_tx tx = draft(in);
	struct buf proofs = buf_init(proof_bytes, sizeof proof_bytes);
	blind(&tx, in);
	const struct elements_txout paid = outs[0];
	CHECK(elements_open(&holds, &paid, &receiver) == OK);
	tx = draft_of(in, &paid, holds);
	blind_by(&tx, in, &other);
	CHECK(elements_check_balance(&tx, spent) == OK);
	CHECK(elements_open(&got, &outs[0], &receiver) == OK && got.value.raw == 150000);
	/* with another opening than the output's it can't balance */
	holds.value_blinder.b[9] ^= 1;
	tx = draft_of(in, &paid, holds);
	blind_by(&tx, in, &other);
	CHECK(elements_check_balance(&tx, spent) == ERR_CHECKSUM);
	/* the same blinder again would show that it is the same asset, and can't be proved */
	holds.value_blinder.b[9] ^= 1;
	tx = draft_of(in, &paid, holds);
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_RANGE);
}

static void test_refused(void)
{
	struct elements_opening in[2];
	struct elements_tx tx = draft(in);
	struct buf proofs = buf_init(proof_bytes, sizeof proof_bytes);
	outs[2].nonce = (struct elements_nonce){{0}};
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_STATE); /* one alone */
	tx = draft(in);
	outs[0].nonce = outs[2].nonce = (struct elements_nonce){{0}};
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_STATE); /* none */
	tx = draft(in);
	outs[0].asset = elements_asset_of(&other);
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_NOT_FOUND);
	tx = draft(in);
	outs[0].value = elements_value_of((struct sat){0});
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_RANGE);
	tx = draft(in);
	outs[0].nonce.b[5] ^= 0x55;
	for (uint8_t i = 0; i < 8; i++) { /* half of all x are on the curve */
		outs[0].nonce.b[7] = i;
		const enum err err = elements_blind(&tx, &proofs, in, &seed);
		CHECK(err == OK || err == ERR_FORMAT);
		if (err == ERR_FORMAT)
			break;
		CHECK(i < 7);
		tx = draft(in);
		proofs = buf_init(proof_bytes, sizeof proof_bytes);
		outs[0].nonce.b[5] ^= 0x55;
	}
	tx = draft(in);
	proofs = buf_init(proof_bytes, ELEMENTS_PROOFS_MAX);
	CHECK(elements_blind(&tx, &proofs, in, &seed) == ERR_FULL);
}

/* ---- money out of nothing ---- */

static void cheat_explicit(struct elements_tx *tx)
{
	tx->out[1].value = elements_value_of((struct sat){50000});
}
static void cheat_fee(struct elements_tx *tx)
{
	tx->out[3].value = elements_value_of((struct sat){FEE_RAW - 1});
}
static void cheat_value(struct elements_tx *tx)
{
	tx->out[0].value.b[0] ^= 1;
}
static void cheat_swapped(struct elements_tx *tx)
{
	const struct elements_value v = tx->out[0].value;
	tx->out[0].value = tx->out[2].value;
	tx->out[2].value = v;
}
static void cheat_asset(struct elements_tx *tx)
{
	tx->out[1].asset = elements_asset_of(&other);
}
static void cheat_no_range(struct elements_tx *tx)
{
	tx->out[0].range_proof.len = 0;
}
static void cheat_no_surjection(struct elements_tx *tx)
{
	tx->out[0].surjection_proof.len = 0;
}
static void cheat_proofs(struct elements_tx *tx)
{
	const struct slice p = tx->out[0].surjection_proof;
	tx->out[0].surjection_proof = tx->out[2].surjection_proof;
	tx->out[2].surjection_proof = p;
}
static void cheat_script(struct elements_tx *tx)
{
	tx->out[0].script.len--;
}
/* an amount of nothing that can be spent: the proof says at least zero */
static void cheat_spendable(struct elements_tx *tx)
{
	tx->out[2].script = tx->out[0].script;
}
static void cheat_proof_of_explicit(struct elements_tx *tx)
{
	tx->out[1].range_proof = tx->out[0].range_proof;
}

static void test_cheats(void)
{
	static void (*const cheats[])(struct elements_tx *) = {cheat_explicit, cheat_fee,
		cheat_value, cheat_swapped, cheat_asset, cheat_no_range, cheat_no_surjection,
		cheat_proofs, cheat_script, cheat_spendable, cheat_proof_of_explicit};
	struct elements_opening in[2];
	for (size_t i = 0; i < ARRAY_LEN(cheats); i++) {
		struct elements_tx tx = draft(in);
		blind(&tx, in);
		cheats[i](&tx);
		CHECK(elements_check_balance(&tx, spent) == ERR_CHECKSUM);
	}
}

int main(void)
{
	const uint8_t random[32] = {1};
	secp_init(random);
	test_recorded();
	test_opened();
	test_blinded();
	test_chain();
	test_refused();
	test_cheats();
	return 0;
}
