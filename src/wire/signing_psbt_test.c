/* Payouts signed by somebody else: what goes out is a whole PSBT, and of what comes back only
 * signatures for this very transaction are taken. */
#include "wire/signing_psbt.h"

#include <stdlib.h>

#include "btc/psbt.h"

static const struct seckey wallet_secret = {{0x11, 0x22, 0x33, 0x44}};
static struct pubkey wallet;
static const struct slice no_key = {NULL, 0};

#define PAIRS 256u
#define PAYEES 3u

struct fixture {
	uint8_t raw[4096], psbt[8192];
	size_t psbt_len;
	struct signing_request r;
};

/* Coins on both of our scripts pay three; with a change or not. */
static void make(struct fixture *f, bool change)
{
	static const uint8_t to[PAYEES][34] = {{0x51, 0x20, 3}, {0x00, 0x14, 4}, {0x51, 0x20, 3}};
	struct btc_coin coin[2] = {{.value = {60000}, .key_index = KEY_INDEX_RECEIVE},
		{.value = {70000}, .key_index = KEY_INDEX_CHANGE, .at.index = 5}};
	struct btc_txout payee[PAYEES];
	struct btc_payment p = {.coin = coin,
		.coin_count = 2,
		.payee = payee,
		.payee_count = PAYEES,
		.fee = {change ? 500 : 70000 - 3},
		.locktime = 100};
	struct buf raw = buf_init(f->raw, sizeof f->raw), out = buf_init(f->psbt, sizeof f->psbt);
	struct sat left;
	uint64_t vsize;
	for (uint32_t i = 0; i < PAYEES; i++)
		payee[i] = (struct btc_txout){
			.value = {20000 + i}, .script = slice_of(to[i], i == 1 ? 22 : 34)};
	CHECK(wallet_script(p.change_script, &wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
	CHECK(btc_build_payment(&raw, &vsize, &left, &p) == OK && (left.raw > 0) == change);
	f->r = (struct signing_request){.purpose = SIGN_PAYOUT,
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.unsigned_tx = buf_slice(&raw),
		.input_count = 2,
		.change = {.use = KEY_WALLET, .index = KEY_INDEX_CHANGE},
		.to = payee[0].script,
		.amount = amount_of(ASSET_BTC, 20000),
		.more_count = PAYEES - 1};
	for (uint32_t i = 1; i < PAYEES; i++)
		f->r.more[i - 1] = (struct sign_payee){
			.to = payee[i].script, .amount = amount_of(ASSET_BTC, 20000 + i)};
	for (uint32_t i = 0; i < 2; i++) {
		f->r.input[i].value = coin[i].value;
		f->r.input[i].key = (struct key_path){
			.use = KEY_WALLET, .index = coin[i].key_index};
		CHECK(wallet_script(f->r.input[i].script, &wallet, LAYER_BITCOIN,
			      coin[i].key_index) == OK);
	}
	CHECK(signing_psbt_put(&out, &f->r, &wallet, PSBT_V0) == OK);
	f->psbt_len = out.len;
}

/* Storage of the PSBT that a test works on. */
static struct psbt open_psbt(struct slice bytes)
{
	static struct psbt_pair pair[PAIRS];
	static struct btc_txin in[4];
	static struct btc_txout out[8];
	static uint8_t store[8192];
	const struct psbt_room room = {pair, PAIRS, in, 4, out, 8, buf_init(store, sizeof store)};
	struct psbt p;
	CHECK(psbt_parse(&p, &room, bytes) == OK);
	return p;
}

static void sign_input(uint8_t sig[64], const struct fixture *f, uint32_t i)
{
	static const uint8_t aux[32];
	static struct btc_txin in[2];
	static struct btc_txout out[PAYEES + 1], spent[2];
	struct btc_tx tx = {.in = in, .out = out};
	struct btc_sighash_cache cache;
	struct seckey key, output;
	struct hash256 message;
	size_t used;
	CHECK(btc_tx_parse(&tx, &used, 2, PAYEES + 1, f->r.unsigned_tx) == OK);
	for (uint32_t k = 0; k < 2; k++)
		spent[k] = (struct btc_txout){f->r.input[k].value,
			slice_of(f->r.input[k].script, sizeof f->r.input[k].script)};
	btc_sighash_prepare(&cache, &tx, spent);
	btc_sighash_key_path(&message, &cache, &tx, i);
	CHECK(derive_seckey(&key, &wallet_secret, &f->r.input[i].key) == OK);
	CHECK(taproot_seckey(&output, &key, NULL) == OK);
	CHECK(schnorr_sign(sig, &message, &output, aux) == OK);
}

static struct psbt_map input(uint32_t i)
{
	return (struct psbt_map){PSBT_INPUT, i};
}

static struct slice written(const struct psbt *p)
{
	static uint8_t bytes[8192];
	struct buf out = buf_init(bytes, sizeof bytes);
	psbt_put(&out, p);
	CHECK(!out.overflow);
	return buf_slice(&out);
}

/* Both inputs signed in their fields. */
static struct psbt signed_psbt(const struct fixture *f)
{
	struct psbt p = open_psbt(slice_of(f->psbt, f->psbt_len));
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t sig[64];
		sign_input(sig, f, i);
		CHECK(psbt_set_copy(&p, input(i), PSBT_IN_TAP_KEY_SIG, no_key,
			      slice_of(sig, sizeof sig)) == OK);
	}
	return p;
}

static void test_out(void)
{
	static struct fixture f;
	for (unsigned change = 0; change < 2; change++) {
		make(&f, change == 1);
		const struct psbt p = open_psbt(slice_of(f.psbt, f.psbt_len));
		CHECK(p.version == PSBT_V0 && p.tx.in_count == 2);
		CHECK(p.tx.out_count == PAYEES + change);
		for (uint32_t i = 0; i < 2; i++) {
			struct slice value, want;
			struct btc_txout spent;
			struct xonly key, output;
			uint8_t script[34];
			bool proven, odd;
			CHECK(psbt_spent_output(&spent, &proven, &p, i) == OK);
			CHECK(spent.value.raw == f.r.input[i].value.raw);
			CHECK(psbt_get(&value, &p, input(i), PSBT_IN_TAP_INTERNAL_KEY, no_key));
			memcpy(key.b, value.ptr, sizeof key.b);
			CHECK(taproot_output_key(&output, &odd, &key, NULL) == OK);
			btc_script_p2tr(script, &output);
			CHECK(slice_eq(spent.script, slice_of(script, sizeof script)));
			/* and the path of that key */
			want = slice_of("\x06sluice\x00", 8);
			CHECK(psbt_get(&value, &p, input(i), PSBT_PROPRIETARY, want));
			struct reader in = reader_init(value);
			struct key_path path;
			CHECK(key_path_get(&in, &path) == OK && in.left == 0);
			CHECK(path.index == f.r.input[i].key.index && path.use == KEY_WALLET);
		}
		struct slice value;
		const struct psbt_map out = {PSBT_OUTPUT, PAYEES};
		if (change == 1)
			CHECK(psbt_get(&value, &p, out, PSBT_OUT_TAP_INTERNAL_KEY, no_key));
	}
	struct buf small = buf_init(f.raw + 2048, 100);
	CHECK(signing_psbt_put(&small, &f.r, &wallet, PSBT_V0) == ERR_FULL);
	struct buf any = buf_init(f.psbt, sizeof f.psbt);
	f.r.purpose = SIGN_LOCK;
	CHECK(signing_psbt_put(&any, &f.r, &wallet, PSBT_V0) == ERR_FORMAT);
	f.r.purpose = SIGN_PAYOUT;
	f.r.input[1].key = (struct key_path){.use = KEY_SWAP, .swap = {{1}}};
	CHECK(signing_psbt_put(&any, &f.r, &wallet, PSBT_V0) == ERR_FORMAT);
}

static void expect_good(const struct fixture *f, struct slice psbt)
{
	static struct signing_answer a;
	static uint8_t storage[8192];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 txid;
	CHECK(signing_psbt_answer(&a, &f->r, psbt) == OK && a.signature_count == 2);
	CHECK(signing_assemble(&raw, &txid, &f->r, &a, &wallet) == OK);
}

static void test_in(void)
{
	static struct fixture f;
	make(&f, true);
	struct psbt p = signed_psbt(&f);
	expect_good(&f, written(&p));
	/* finalised by whoever signed it; and with one input this way, one the other */
	CHECK(psbt_finalise(&p, 0) == OK);
	expect_good(&f, written(&p));
	CHECK(psbt_finalise(&p, 1) == OK);
	expect_good(&f, written(&p));
}

/* One thing at a time that may not be so. */
static void test_refused(void)
{
	static struct fixture f, other;
	static struct signing_answer a;
	static const uint8_t hash_type[4] = {1}, typed_witness[67] = {1, 65};
	make(&f, true);
	CHECK(signing_psbt_answer(&a, &f.r, slice_of(f.psbt, f.psbt_len)) == ERR_STATE);
	CHECK(strcmp(a.detail, "input 0: it is not signed") == 0);
	CHECK(signing_psbt_answer(&a, &f.r, slice_str("psbt")) != OK);

	struct psbt p = signed_psbt(&f);
	make(&other, false);
	CHECK(signing_psbt_answer(&a, &other.r, written(&p)) == ERR_REJECTED);
	CHECK(strcmp(a.detail, "it is of another transaction") == 0);

	const struct btc_txout dearer = {.value = {60001},
		.script = slice_of(f.r.input[0].script, sizeof f.r.input[0].script)};
	p = signed_psbt(&f);
	CHECK(psbt_set_witness_utxo(&p, 0, &dearer) == OK);
	CHECK(signing_psbt_answer(&a, &f.r, written(&p)) == ERR_REJECTED);
	CHECK(strcmp(a.detail, "input 0: it spends another output") == 0);

	p = signed_psbt(&f);
	CHECK(psbt_set(&p, input(1), PSBT_IN_SIGHASH_TYPE, no_key,
		      slice_of(hash_type, sizeof hash_type)) == OK);
	CHECK(signing_psbt_answer(&a, &f.r, written(&p)) == ERR_REJECTED);

	uint8_t typed[65];
	sign_input(typed, &f, 1);
	typed[64] = 1;
	p = signed_psbt(&f);
	CHECK(psbt_set(&p, input(1), PSBT_IN_TAP_KEY_SIG, no_key, slice_of(typed, sizeof typed)) ==
		OK);
	CHECK(signing_psbt_answer(&a, &f.r, written(&p)) == ERR_REJECTED);
	CHECK(strcmp(a.detail, "input 1: its signature is not of the default kind") == 0);

	p = signed_psbt(&f);
	CHECK(psbt_set(&p, input(1), PSBT_IN_FINAL_SCRIPTWITNESS, no_key,
		      slice_of(typed_witness, sizeof typed_witness)) == OK);
	CHECK(signing_psbt_answer(&a, &f.r, written(&p)) == ERR_REJECTED);

	/* a signature of the right form that is none is found when it is put in */
	static uint8_t storage[8192];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 txid;
	typed[0] ^= 1;
	p = signed_psbt(&f);
	CHECK(psbt_set(&p, input(1), PSBT_IN_TAP_KEY_SIG, no_key, slice_of(typed, 64)) == OK);
	CHECK(signing_psbt_answer(&a, &f.r, written(&p)) == OK);
	CHECK(signing_assemble(&raw, &txid, &f.r, &a, &wallet) == ERR_CHECKSUM);
}

int main(void)
{
	static const uint8_t seed[32] = {3};
	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &wallet_secret) == OK);
	test_out();
	test_in();
	test_refused();
	return EXIT_SUCCESS;
}
