#include "wire/elements_sighash.h"
#include "base/hex.h"
#include "btc/htlc.h"
#include "wire/vectors_elements_liquidjs.h"
#include "wire/vectors_elements_taproot.h"

#define ROOM 64u

static struct elements_txin ins[ROOM];
static struct elements_txout outs[ROOM];
static struct elements_txout spent[ROOM];
static uint8_t scripts[ROOM][64];

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

static void expect_bytes(const void *got, size_t len, const char *hex)
{
	uint8_t want[256];
	size_t want_len;
	CHECK(hex_decode_var(want, &want_len, sizeof want, slice_str(hex)) == OK);
	CHECK(slice_eq(slice_of(got, len), slice_of(want, want_len)));
}

static struct elements_tx parse(struct slice raw)
{
	struct elements_tx tx = {.in = ins, .out = outs};
	size_t used;
	CHECK(elements_tx_parse(&tx, &used, ROOM, ROOM, raw) == OK && used == raw.len);
	return tx;
}

static void set_spent(uint32_t i, const char *asset, const char *value, const char *script)
{
	size_t len;
	spent[i] = (struct elements_txout){0};
	CHECK(hex_decode_var(spent[i].asset.b, &len, ELEMENTS_FIELD_SIZE, slice_str(asset)) == OK);
	CHECK(hex_decode_var(spent[i].value.b, &len, ELEMENTS_FIELD_SIZE, slice_str(value)) == OK);
	CHECK(hex_decode_var(scripts[i], &len, sizeof scripts[i], slice_str(script)) == OK);
	spent[i].script = slice_of(scripts[i], len);
}

/* Spends that elementsd accepted: every hash in the message, the message's, and the signature. */
static void test_recorded(void)
{
	struct hash256 genesis;
	unsigned leaves = 0;
	from_hex(genesis.b, 32, elements_genesis);
	for (size_t i = 0; i < ARRAY_LEN(elements_spends); i++) {
		const struct elements_tx tx = parse(elements_spends[i].tx);
		const uint32_t input = elements_spends[i].input;
		struct elements_sighash_cache c;
		struct hash256 leaf, digest;
		struct xonly key, output;
		for (uint32_t k = 0; k < tx.in_count; k++)
			set_spent(k, elements_spends[i].spent[k].asset,
				elements_spends[i].spent[k].value,
				elements_spends[i].spent[k].script);
		elements_sighash_prepare(&c, &tx, spent);
		const struct hash256 *const fields[] = {&c.flags, &c.prevouts, &c.spent_fields,
			&c.scripts, &c.sequences, &c.issuances, &c.issuance_proofs, &c.outputs,
			&c.output_proofs};
		for (size_t f = 0; f < ARRAY_LEN(fields); f++)
			expect(fields[f], elements_spends[i].fields[f]);
		const struct slice witness = tx.in[input].witness;
		const uint32_t count = btc_witness_count(witness);
		if (count > 1) {
			memcpy(output.b, spent[input].script.ptr + 2, sizeof output.b);
			CHECK(btc_control_check(&leaf, &elements_taproot, &output,
				      btc_witness_item(witness, count - 2),
				      btc_witness_item(witness, count - 1)) == OK);
			elements_sighash_script_path(&digest, &c, &genesis, &tx, input, &leaf);
			leaves++;
		} else {
			elements_sighash_key_path(&digest, &c, &genesis, &tx, input);
		}
		expect(&digest, elements_spends[i].sighash);
		const struct slice sig = btc_witness_item(witness, 0);
		from_hex(key.b, sizeof key.b, elements_spends[i].key);
		CHECK(sig.len == 64 && schnorr_verify(sig.ptr, &digest, &key));
		CHECK(elements_spends[i].vsize == 0 ||
			elements_tx_vsize(&tx) == elements_spends[i].vsize);
		/* on another chain it is another message */
		genesis.b[0] ^= 1;
		elements_sighash_key_path(&digest, &c, &genesis, &tx, input);
		genesis.b[0] ^= 1;
		CHECK(!schnorr_verify(sig.ptr, &digest, &key));
	}
	CHECK(leaves >= 5 && leaves < ARRAY_LEN(elements_spends));
}

/* Inputs and outputs of all kinds, as liquidjs-lib hashes them. */
static void test_liquidjs(void)
{
	struct hash256 genesis;
	from_hex(genesis.b, 32, liquidjs_genesis);
	for (size_t i = 0; i < ARRAY_LEN(liquidjs_transactions); i++) {
		const struct elements_tx tx = parse(liquidjs_transactions[i].tx);
		const uint32_t input = liquidjs_transactions[i].input;
		struct elements_sighash_cache c;
		struct hash256 leaf, digest;
		for (uint32_t k = 0; k < tx.in_count; k++)
			set_spent(k, liquidjs_transactions[i].spent[k].asset,
				liquidjs_transactions[i].spent[k].value,
				liquidjs_transactions[i].spent[k].script);
		elements_sighash_prepare(&c, &tx, spent);
		elements_sighash_key_path(&digest, &c, &genesis, &tx, input);
		expect(&digest, liquidjs_transactions[i].key_path);
		from_hex(leaf.b, 32, liquidjs_transactions[i].leaf);
		elements_sighash_script_path(&digest, &c, &genesis, &tx, input, &leaf);
		expect(&digest, liquidjs_transactions[i].script_path);
	}
	struct hash256 made[ARRAY_LEN(liquidjs_leaves)], root;
	for (size_t i = 0; i < ARRAY_LEN(liquidjs_leaves); i++) {
		uint8_t script[400];
		size_t len;
		CHECK(hex_decode_var(script, &len, sizeof script,
			      slice_str(liquidjs_leaves[i].script)) == OK);
		btc_tapleaf_hash(&made[i], &elements_taproot, slice_of(script, len));
		expect(&made[i], liquidjs_leaves[i].hash);
	}
	btc_tapbranch_hash(&root, &elements_taproot, &made[0], &made[1]);
	expect(&root, liquidjs_root);
}

static struct btc_htlc terms(void)
{
	struct btc_htlc h = {.timelock = elements_tree_timelock, .amount = {100000}};
	from_hex(h.hash.b, 32, elements_tree_hash);
	from_hex(h.claim.b, 32, elements_tree_claim);
	from_hex(h.refund.b, 32, elements_tree_refund);
	h.client = h.claim;
	h.provider = h.refund;
	return h;
}

/* Leaves of our tree are leaves of the one that was recorded, which has two and another key. */
static void test_recorded_tree(void)
{
	const struct btc_htlc h = terms();
	struct btc_htlc_tree t;
	struct xonly internal, output;
	struct hash256 root;
	struct seckey key, tweaked;
	bool odd;
	CHECK(btc_htlc_tree_by(&t, &h, &elements_taproot) == OK);
	expect_bytes(
		t.leaf[BTC_LEAF_CLAIM], t.leaf_len[BTC_LEAF_CLAIM], elements_tree_claim_script);
	expect_bytes(
		t.leaf[BTC_LEAF_REFUND], t.leaf_len[BTC_LEAF_REFUND], elements_tree_refund_script);
	expect(&t.leaf_hash[BTC_LEAF_CLAIM], elements_tree_claim_leaf);
	expect(&t.leaf_hash[BTC_LEAF_REFUND], elements_tree_refund_leaf);
	btc_tapbranch_hash(&root, &elements_taproot, &t.leaf_hash[BTC_LEAF_REFUND],
		&t.leaf_hash[BTC_LEAF_CLAIM]);
	expect(&root, elements_tree_root);
	from_hex(internal.b, 32, elements_tree_internal);
	CHECK(taproot_output_key_tagged(
		      &output, &odd, &internal, &root, elements_taproot.tweak_tag) == OK);
	expect_bytes(output.b, sizeof output.b, elements_tree_output);
	CHECK(!odd);
	from_hex(key.b, 32, elements_tree_internal_secret);
	CHECK(taproot_seckey_tagged(&tweaked, &key, &root, elements_taproot.tweak_tag) == OK);
	expect_bytes(tweaked.b, sizeof tweaked.b, elements_tree_key_path_secret);

	struct hash256 leaf;
	uint8_t control[65];
	from_hex(control, sizeof control, elements_tree_refund_control);
	const struct slice script = slice_of(t.leaf[BTC_LEAF_REFUND], t.leaf_len[BTC_LEAF_REFUND]);
	CHECK(btc_control_check(&leaf, &elements_taproot, &output, script,
		      slice_of(control, sizeof control)) == OK);
	CHECK(hash256_eq(&leaf, &t.leaf_hash[BTC_LEAF_REFUND]));
	/* by Bitcoin's rules it leads nowhere, and the other way round */
	CHECK(btc_control_check(&leaf, &btc_taproot, &output, script,
		      slice_of(control, sizeof control)) == ERR_CHECKSUM);
}

/* Each leaf of our tree leads to its output, and nothing near it does. */
static void test_tree(void)
{
	const struct btc_htlc h = terms();
	struct btc_htlc_tree t, on_bitcoin;
	CHECK(btc_htlc_tree_by(&t, &h, &elements_taproot) == OK);
	CHECK(btc_htlc_tree(&on_bitcoin, &h) == OK);
	CHECK(memcmp(&t.internal, &on_bitcoin.internal, sizeof t.internal) == 0);
	CHECK(memcmp(&t.output, &on_bitcoin.output, sizeof t.output) != 0);
	for (unsigned i = 0; i < BTC_LEAF_COUNT; i++) {
		struct hash256 leaf;
		const struct slice script = slice_of(t.leaf[i], t.leaf_len[i]);
		const struct slice control = slice_of(t.control[i], t.control_len[i]);
		CHECK((t.control[i][0] & 0xfe) == ELEMENTS_LEAF_VERSION);
		CHECK(btc_control_check(&leaf, &elements_taproot, &t.output, script, control) ==
			OK);
		CHECK(hash256_eq(&leaf, &t.leaf_hash[i]));
		for (size_t k = 0; k < control.len; k++) {
			t.control[i][k] ^= 1;
			CHECK(btc_control_check(&leaf, &elements_taproot, &t.output, script,
				      control) == ERR_CHECKSUM);
			t.control[i][k] ^= 1;
		}
		CHECK(btc_control_check(&leaf, &elements_taproot, &t.output, script,
			      slice_of(control.ptr, control.len - 1)) == ERR_FORMAT);
		CHECK(btc_control_check(&leaf, &elements_taproot, &t.output, script,
			      slice_of(control.ptr, 0)) == ERR_FORMAT);
	}
}

/* A leaf of Bitcoin's version in an output of Elements: it is in there, and anybody can spend it,
 * as a block that elementsd accepted shows. */
static void test_other_versions(void)
{
	const struct btc_htlc h = terms();
	struct btc_htlc_tree t;
	CHECK(btc_htlc_tree_by(&t, &h, &elements_taproot) == OK);
	const struct slice script = slice_of(t.leaf[BTC_LEAF_CLAIM], t.leaf_len[BTC_LEAF_CLAIM]);
	for (unsigned version = 0; version < 256; version += 2) {
		struct btc_taproot other = elements_taproot;
		struct hash256 root, leaf = {{0}};
		struct xonly output;
		uint8_t control[BTC_CONTROL_BASE];
		bool odd;
		other.leaf_version = (uint8_t)version;
		btc_tapleaf_hash(&root, &other, script);
		CHECK(taproot_output_key_tagged(
			      &output, &odd, &t.internal, &root, other.tweak_tag) == OK);
		control[0] = (uint8_t)(version | (odd ? 1u : 0u));
		memcpy(control + 1, t.internal.b, sizeof t.internal.b);
		CHECK(btc_control_check(&leaf, &elements_taproot, &output, script,
			      slice_of(control, sizeof control)) ==
			(version == ELEMENTS_LEAF_VERSION ? OK : ERR_RANGE));
		CHECK(hash256_is_zero(&leaf) == (version != ELEMENTS_LEAF_VERSION));
	}
}

/* The output of these terms, computed a second time by tools/vectors/btc_htlc.py. */
static void test_second_opinion(void)
{
	static const char script[] =
		"5120ccaa39bc499e6c3b0211916e3941331b2871ce2ae2b42fc9e0cbf0f3547f9141";
	struct btc_htlc h = {.timelock = 840000, .amount = {1}};
	struct btc_htlc_tree t;
	struct pubkey key;
	bool odd;
	const uint8_t preimage[32] = {1, 2, 3};
	sha256(&h.hash, slice_of(preimage, sizeof preimage));
	CHECK(pubkey_from_seckey(&key, &(struct seckey){.b = {[31] = 2}}) == OK);
	xonly_from_pubkey(&h.claim, &odd, &key);
	CHECK(pubkey_from_seckey(&key, &(struct seckey){.b = {[31] = 3}}) == OK);
	xonly_from_pubkey(&h.refund, &odd, &key);
	h.client = h.refund;
	h.provider = h.claim;
	CHECK(btc_htlc_tree_by(&t, &h, &elements_taproot) == OK);
	expect_bytes(t.script_pubkey, sizeof t.script_pubkey, script);
}

int main(void)
{
	const uint8_t seed[32] = {7};
	secp_init(seed);
	test_recorded();
	test_liquidjs();
	test_recorded_tree();
	test_tree();
	test_other_versions();
	test_second_opinion();
	return 0;
}
