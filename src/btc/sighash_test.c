#include "btc/sighash.h"
#include "base/hex.h"
#include "btc/script.h"
#include "btc/vectors_bip341.h"
#include "btc/vectors_spends.h"
#include "crypto/secp.h"

#define ROOM 64u

static struct btc_txin ins[ROOM];
static struct btc_txout outs[ROOM];

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static void expect(const struct hash256 *got, const char *hex)
{
	struct hash256 want;
	from_hex(want.b, 32, hex);
	CHECK(hash256_eq(got, &want));
}

/* BIP-341, keyPathSpending: what all inputs share; the tweaked keys; the message and the signature
 * of the input with the default hash type. */
static void test_wallet_vectors(void)
{
	static uint8_t scripts[ARRAY_LEN(bip341_spent)][64];
	struct btc_txout spent[ARRAY_LEN(bip341_spent)];
	struct btc_tx tx = {.in = ins, .out = outs};
	struct btc_sighash_cache cache;
	size_t used;
	unsigned default_count = 0;
	CHECK(btc_tx_parse(&tx, &used, ROOM, ROOM, bip341_tx) == OK && used == bip341_tx.len);
	CHECK(tx.in_count == ARRAY_LEN(bip341_spent));
	for (size_t i = 0; i < ARRAY_LEN(bip341_spent); i++) {
		size_t len;
		CHECK(hex_decode_var(scripts[i], &len, sizeof scripts[i],
			      slice_str(bip341_spent[i].script)) == OK);
		spent[i] = (struct btc_txout){{bip341_spent[i].value}, slice_of(scripts[i], len)};
	}
	btc_sighash_prepare(&cache, &tx, spent);
	expect(&cache.prevouts, bip341_hash_prevouts);
	expect(&cache.amounts, bip341_hash_amounts);
	expect(&cache.scripts, bip341_hash_scriptpubkeys);
	expect(&cache.sequences, bip341_hash_sequences);
	expect(&cache.outputs, bip341_hash_outputs);
	for (size_t i = 0; i < ARRAY_LEN(bip341_spends); i++) {
		const uint8_t aux[32] = {0};
		struct seckey internal;
		struct seckey tweaked;
		struct hash256 root;
		struct hash256 message;
		uint8_t want[64];
		uint8_t sig[64];
		const bool has_root = bip341_spends[i].root != NULL;
		from_hex(internal.b, 32, bip341_spends[i].seckey);
		if (has_root)
			from_hex(root.b, 32, bip341_spends[i].root);
		CHECK(taproot_seckey(&tweaked, &internal, has_root ? &root : NULL) == OK);
		from_hex(want, 32, bip341_spends[i].tweaked);
		CHECK(memcmp(want, tweaked.b, 32) == 0);
		from_hex(message.b, 32, bip341_spends[i].sighash);
		if (bip341_spends[i].hash_type == 0) {
			btc_sighash_key_path(&message, &cache, &tx, bip341_spends[i].input);
			expect(&message, bip341_spends[i].sighash);
			default_count++;
		}
		CHECK(schnorr_sign(sig, &message, &tweaked, aux) == OK);
		from_hex(want, 64, bip341_spends[i].signature);
		CHECK(memcmp(sig, want, 64) == 0);
	}
	CHECK(default_count == 1);
}

/* The output key that a control block proves for a leaf. */
static struct hash256 control_leaf(
	struct xonly *output, bool *odd, struct slice script, struct slice control)
{
	struct xonly internal;
	struct hash256 leaf;
	struct hash256 node;
	CHECK(control.len >= 33 && (control.len - 33) % 32 == 0);
	memcpy(internal.b, control.ptr + 1, 32);
	btc_tapleaf_hash(&leaf, &btc_taproot, script);
	node = leaf;
	for (size_t at = 33; at < control.len; at += 32) {
		struct hash256 other;
		memcpy(other.b, control.ptr + at, 32);
		btc_tapbranch_hash(&node, &btc_taproot, &node, &other);
	}
	CHECK(taproot_output_key(output, odd, &internal, &node) == OK);
	return leaf;
}

/* Spends that Bitcoin Core accepts: our message must be the one that was signed, and the leaf must
 * be in the output that is spent. */
static void test_core_spends(void)
{
	unsigned leaves = 0;
	for (size_t i = 0; i < ARRAY_LEN(taproot_spends); i++) {
		static struct btc_txout spent[ROOM];
		struct btc_tx tx = {.in = ins, .out = outs};
		struct btc_sighash_cache cache;
		struct hash256 message;
		struct xonly key;
		size_t used;
		const uint32_t input = taproot_spends[i].input;
		const struct slice *witness = taproot_spends[i].witness;
		CHECK(btc_tx_parse(&tx, &used, ROOM, ROOM, taproot_spends[i].tx) == OK);
		struct reader r = reader_init(taproot_spends[i].prevouts);
		for (uint32_t k = 0; k < taproot_spends[i].prevout_count; k++) {
			spent[k].value.raw = reader_le64(&r);
			const uint64_t len = btc_get_compact(&r);
			spent[k].script = slice_of(reader_take(&r, len), len);
		}
		CHECK(reader_finish(&r) == OK);
		CHECK(tx.in_count == taproot_spends[i].prevout_count);
		btc_sighash_prepare(&cache, &tx, spent);
		const struct slice output = spent[input].script;
		CHECK(output.len == 34 && output.ptr[0] == 0x51);
		if (witness[1].len == 0) {
			memcpy(key.b, output.ptr + 2, 32);
			btc_sighash_key_path(&message, &cache, &tx, input);
		} else {
			struct xonly proved;
			bool odd;
			const struct hash256 leaf = control_leaf(
				&proved, &odd, witness[1], witness[2]);
			CHECK(memcmp(proved.b, output.ptr + 2, 32) == 0);
			CHECK(odd == (witness[2].ptr[0] & 1));
			memcpy(key.b, witness[1].ptr + 1, 32);
			btc_sighash_script_path(&message, &cache, &tx, input, &leaf);
			leaves++;
		}
		CHECK(witness[0].len == 64);
		CHECK(schnorr_verify(witness[0].ptr, &message, &key));
		message.b[i % 32] ^= 1;
		CHECK(!schnorr_verify(witness[0].ptr, &message, &key));
	}
	CHECK(leaves >= 5 && leaves < ARRAY_LEN(taproot_spends));
}

int main(void)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	test_wallet_vectors();
	test_core_spends();
	return 0;
}
