#include "wire/signing.h"

#include <stdlib.h>

#include "crypto/hash.h"

static const struct seckey wallet_secret = {{0x11, 0x22, 0x33, 0x44}};
static struct pubkey wallet;
static const struct id128 swap = {{0x5a, 1, 2, 3}};
static const struct hash256 preimage = {{7, 7, 7}};

static const struct network *network_of(const char *caip2)
{
	const struct network *n = network_by_caip2(slice_str(caip2));
	CHECK(n != NULL);
	return n;
}

#define REGTEST "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"

/* ---- requests ---- */

struct fixture {
	uint8_t raw[4096], leg[SIGNING_LEG_MAX], encoded[SIGNING_REQUEST_MAX];
	struct btc_htlc terms;
	struct signing_request r;
};

static struct xonly other_key(void)
{
	struct seckey secret = {{9}};
	struct pubkey key;
	struct xonly x;
	bool odd;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&x, &odd, &key);
	return x;
}

static void make_terms(struct btc_htlc *h, bool we_claim)
{
	struct xonly ours;
	CHECK(wallet_swap_key(&ours, &wallet, LAYER_BITCOIN, &swap) == OK);
	*h = (struct btc_htlc){.timelock = 1000, .amount = {500000}};
	sha256(&h->hash, slice_of(preimage.b, sizeof preimage.b));
	h->claim = we_claim ? ours : other_key();
	h->refund = we_claim ? other_key() : ours;
	h->provider = h->claim;
	h->client = h->refund;
}

/* A payout from two coins on different scripts of ours. */
static void make_payout(struct fixture *f)
{
	static const uint8_t to[34] = {0x51, 0x20, 3};
	struct btc_coin coin[2] = {{.value = {60000}, .key_index = KEY_INDEX_RECEIVE},
		{.value = {70000}, .key_index = KEY_INDEX_CHANGE, .at.index = 5}};
	const struct btc_txout payee = {.value = {100000}, .script = slice_of(to, sizeof to)};
	struct btc_payment p = {.coin = coin,
		.coin_count = 2,
		.payee = &payee,
		.payee_count = 1,
		.fee = {500},
		.locktime = 100};
	struct buf raw = buf_init(f->raw, sizeof f->raw);
	struct sat change;
	uint64_t vsize;
	CHECK(wallet_script(p.change_script, &wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
	CHECK(btc_build_payment(&raw, &vsize, &change, &p) == OK);
	f->r = (struct signing_request){.session = {{1}},
		.variant = 2,
		.purpose = SIGN_PAYOUT,
		.network = network_of(REGTEST),
		.unsigned_tx = buf_slice(&raw),
		.input_count = 2,
		.change = {.use = KEY_WALLET, .index = KEY_INDEX_CHANGE},
		.to = slice_of(to, sizeof to),
		.amount = amount_of(ASSET_BTC, 100000)};
	for (uint32_t i = 0; i < 2; i++) {
		f->r.input[i].value = coin[i].value;
		f->r.input[i].key = (struct key_path){
			.use = KEY_WALLET, .index = coin[i].key_index};
		CHECK(wallet_script(f->r.input[i].script, &wallet, LAYER_BITCOIN,
			      coin[i].key_index) == OK);
	}
}

/* The same to so many more. */
static void make_batch(struct fixture *f, uint32_t more)
{
	static uint8_t to[BTC_PAYEE_MAX][34];
	make_payout(f);
	f->r.more_count = more;
	for (uint32_t i = 0; i < more; i++) {
		to[i][0] = 0x51;
		to[i][1] = 0x20;
		to[i][2] = (uint8_t)i;
		f->r.more[i] = (struct sign_payee){.to = slice_of(to[i], 34 - i % 2),
			.amount = amount_of(ASSET_BTC, 1000 + i)};
	}
}

static void make_spend(struct fixture *f, bool claim)
{
	const struct btc_outpoint at = {.txid = {{4}}, .index = 1};
	struct btc_htlc_tree tree;
	struct buf raw = buf_init(f->raw, sizeof f->raw), leg = buf_init(f->leg, sizeof f->leg);
	uint8_t to[34];
	uint64_t vsize;
	struct sat value;
	make_terms(&f->terms, claim);
	CHECK(btc_htlc_tree(&tree, &f->terms) == OK);
	CHECK(wallet_script(to, &wallet, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
	CHECK(btc_build_spend(&raw, &vsize, &value, &f->terms, &at,
		      claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND, to, 2000, 1200) == OK);
	btc_htlc_put(&leg, &f->terms);
	f->r = (struct signing_request){.purpose = claim ? SIGN_CLAIM : SIGN_REFUND,
		.network = network_of(REGTEST),
		.unsigned_tx = buf_slice(&raw),
		.input_count = 1,
		.input[0] = {.value = f->terms.amount, .key = {.use = KEY_SWAP, .swap = swap}},
		.change = {.use = KEY_WALLET, .index = KEY_INDEX_CHANGE},
		.swap = swap,
		.leg = buf_slice(&leg)};
	memcpy(f->r.input[0].script, tree.script_pubkey, sizeof tree.script_pubkey);
	if (claim)
		f->r.preimage = preimage;
}

static void make_account(struct fixture *f)
{
	static const uint8_t data[] = {1, 2, 3, 4};
	struct buf raw = buf_init(f->raw, sizeof f->raw);
	const struct key_path account = {.use = KEY_ACCOUNT, .layer = LAYER_ROOTSTOCK};
	const struct evm_tx tx = {.chain_id = 31,
		.nonce = 5,
		.gas_price = amount_of(ASSET_RBTC, 60000000),
		.gas_limit = 90000,
		.to = {{0xaa}},
		.value = amount_of(ASSET_RBTC, 12345),
		.data = slice_of(data, sizeof data)};
	evm_tx_put_unsigned(&raw, &tx);
	f->r = (struct signing_request){.purpose = SIGN_PAYOUT,
		.network = network_of("eip155:31"),
		.unsigned_tx = buf_slice(&raw),
		.account = account,
		.change = account,
		.to = slice_of(tx.to.b, sizeof tx.to.b),
		.amount = tx.value};
	memcpy(f->leg, tx.to.b, sizeof tx.to.b);
	f->r.to = slice_of(f->leg, sizeof tx.to.b);
}

static struct slice encode(struct fixture *f)
{
	struct buf b = buf_init(f->encoded, sizeof f->encoded);
	signing_request_put(&b, &f->r);
	CHECK(!b.overflow);
	return buf_slice(&b);
}

static void check_round_trip(struct fixture *f)
{
	static uint8_t again[SIGNING_REQUEST_MAX];
	const struct slice in = encode(f);
	struct signing_request back;
	struct buf b = buf_init(again, sizeof again);
	struct hash256 a, c;
	CHECK(signing_request_parse(&back, in) == OK);
	CHECK(back.purpose == f->r.purpose && back.network == f->r.network);
	CHECK(slice_eq(back.unsigned_tx, f->r.unsigned_tx) && slice_eq(back.leg, f->r.leg));
	CHECK(amount_cmp(back.amount,
		      amount_is_zero(f->r.amount) ? amount_zero(layer_asset(f->r.network->layer))
						  : f->r.amount) == 0);
	signing_request_put(&b, &back);
	CHECK(slice_eq(buf_slice(&b), in));
	signing_request_digest(&a, in);
	f->encoded[1] ^= 1; /* the session */
	signing_request_digest(&c, in);
	CHECK(!hash256_eq(&a, &c));
	f->encoded[1] ^= 1;
	for (size_t cut = 0; cut < in.len; cut++)
		CHECK(signing_request_parse(&back, slice_of(in.ptr, cut)) == ERR_SHORT);
	f->encoded[in.len] = 0;
	CHECK(signing_request_parse(&back, slice_of(in.ptr, in.len + 1)) == ERR_FORMAT);
}

/* A payout of coins on Liquid, the second of which is confidential. */
static void make_hidden(struct fixture *f, uint32_t more)
{
	make_payout(f);
	f->r.network = network_by_name(LAYER_LIQUID, slice_str("regtest"));
	f->r.amount = amount_of(ASSET_LBTC, 100000);
	f->r.change.layer = LAYER_LIQUID;
	for (uint32_t i = 0; i < f->r.input_count; i++)
		f->r.input[i].key.layer = LAYER_LIQUID;
	f->r.input[1].hidden = (struct blinders){.asset = {1}, .value = {2}};
	f->r.more_count = more;
	for (uint32_t i = 0; i < more; i++)
		f->r.more[i] = (struct sign_payee){f->r.to, amount_of(ASSET_LBTC, 1)};
}

static void test_hidden(void)
{
	static struct fixture f;
	struct signing_request back;
	for (uint32_t more = 0; more < 2; more++) {
		make_hidden(&f, more);
		check_round_trip(&f);
		CHECK(f.encoded[0] == 3 + more);
		CHECK(signing_request_parse(&back, encode(&f)) == OK);
		CHECK(!blinders_any(&back.input[0].hidden));
		CHECK(memcmp(&back.input[1].hidden, &f.r.input[1].hidden,
			      sizeof(struct blinders)) == 0);
	}
	/* nowhere else, and not without one: one request has one encoding */
	make_payout(&f);
	f.r.input[0].hidden.value[5] = 1;
	CHECK(signing_request_parse(&back, encode(&f)) == ERR_FORMAT);
	make_hidden(&f, 0);
	const struct slice whole = encode(&f);
	const uint8_t *found = memmem(
		whole.ptr, whole.len, &f.r.input[1].hidden, sizeof(struct blinders));
	CHECK(found != NULL);
	const size_t flag = (size_t)(found - whole.ptr) - 1;
	f.encoded[flag] = 2;
	CHECK(signing_request_parse(&back, whole) == ERR_FORMAT);
	f.encoded[flag] = 1;
	memset(f.encoded + flag + 1, 0, sizeof(struct blinders));
	CHECK(signing_request_parse(&back, whole) == ERR_FORMAT);
}

/* One script's key tells nothing of another's, and it is the same for who knows the wallet's public
 * key. */
static void test_blinding(void)
{
	struct seckey key[3];
	struct pubkey point[3], of;
	uint8_t script[2][34], bytes[WALLET_DESTINATION_MAX];
	struct buf to = buf_init(bytes, sizeof bytes);
	struct pubkey other = wallet;
	other.b[20] ^= 1;
	for (uint32_t i = 0; i < 2; i++) {
		CHECK(wallet_script(script[i], &wallet, LAYER_LIQUID, i) == OK);
		CHECK(wallet_blinding(&key[i], &point[i], &wallet, slice_of(script[i], 34)) == OK);
		CHECK(pubkey_from_seckey(&of, &key[i]) == OK);
		CHECK(memcmp(&of, &point[i], sizeof of) == 0);
	}
	CHECK(memcmp(&key[0], &key[1], sizeof key[0]) != 0);
	CHECK(wallet_blinding(&key[2], &point[2], &other, slice_of(script[0], 34)) == OK);
	CHECK(memcmp(&key[0], &key[2], sizeof key[0]) != 0);
	CHECK(wallet_destination(&to, &wallet, LAYER_LIQUID, 1) == OK && to.len == 33 + 34);
	CHECK(memcmp(bytes, point[1].b, 33) == 0 && memcmp(bytes + 33, script[1], 34) == 0);
	to.len = 0;
	CHECK(wallet_destination(&to, &wallet, LAYER_BITCOIN, 1) == OK && to.len == 34);
}

static void test_requests(void)
{
	static struct fixture f;
	make_payout(&f);
	check_round_trip(&f);
	make_batch(&f, 1);
	check_round_trip(&f);
	make_batch(&f, BTC_PAYEE_MAX - 1);
	check_round_trip(&f);
	make_spend(&f, true);
	check_round_trip(&f);
	make_spend(&f, false);
	check_round_trip(&f);
	make_account(&f);
	check_round_trip(&f);
}

static enum err parse_encoded(struct fixture *f)
{
	struct signing_request back;
	return signing_request_parse(&back, encode(f));
}

static void test_requests_refused(void)
{
	static struct fixture f;
	make_payout(&f);
	f.r.purpose = SIGN_DEPLOY; /* no contracts on Bitcoin */
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	f.r.purpose = (enum sign_purpose)0;
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	f.r.purpose = (enum sign_purpose)7;
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	make_payout(&f);
	f.r.input_count = 0;
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	make_payout(&f);
	f.r.input[1].value.raw = SAT_MAX_RAW + 1;
	CHECK(parse_encoded(&f) == ERR_RANGE);
	make_payout(&f);
	f.r.change = (struct key_path){.use = KEY_ACCOUNT, .layer = LAYER_ROOTSTOCK};
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	make_payout(&f);
	f.r.amount = amount_of(ASSET_BTC, SAT_MAX_RAW + 1);
	CHECK(parse_encoded(&f) == ERR_RANGE);
	make_batch(&f, 5);
	f.r.more[4].amount = amount_of(ASSET_BTC, SAT_MAX_RAW + 1);
	CHECK(parse_encoded(&f) == ERR_RANGE);
	make_batch(&f, 5);
	f.r.purpose = SIGN_LOCK; /* a swap's output has no company */
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	make_account(&f);
	f.r.more_count = 1;
	f.r.more[0] = signing_payee(&f.r, 0);
	CHECK(parse_encoded(&f) == ERR_FORMAT);
	make_batch(&f, 1);
	const size_t count_at = encode(&f).len - (4 + 34 + 16) - 4;
	struct signing_request counted;
	f.encoded[count_at] = 0;
	CHECK(signing_request_parse(&counted, slice_of(f.encoded, count_at + 4)) == ERR_FORMAT);
	f.encoded[count_at] = BTC_PAYEE_MAX;
	CHECK(signing_request_parse(&counted, slice_of(f.encoded, count_at + 4)) == ERR_FORMAT);
	make_payout(&f);
	encode(&f);
	f.encoded[0] = 3; /* the version */
	struct signing_request back;
	CHECK(signing_request_parse(&back, slice_of(f.encoded, 400)) == ERR_FORMAT);
}

/* ---- answers ---- */

static void test_answers(void)
{
	static uint8_t bytes[SIGNING_ANSWER_MAX];
	static struct signing_answer a, back;
	a = (struct signing_answer){.detail = "limit.payout: 5 BTC in a day",
		.err = ERR_DENIED,
		.signature_count = BTC_INPUT_MAX};
	for (uint32_t i = 0; i < BTC_INPUT_MAX; i++) {
		memset(a.signature[i].b, (int)i, 64);
		a.signature[i].recovery_id = (uint8_t)(i % 4);
	}
	struct buf b = buf_init(bytes, sizeof bytes);
	signing_answer_put(&b, &a);
	CHECK(!b.overflow && signing_answer_parse(&back, buf_slice(&b)) == OK);
	CHECK(back.err == ERR_DENIED && strcmp(back.detail, a.detail) == 0);
	CHECK(back.signature_count == BTC_INPUT_MAX);
	CHECK(memcmp(back.signature, a.signature, sizeof a.signature) == 0);
	for (size_t cut = 0; cut < b.len; cut++)
		CHECK(signing_answer_parse(&back, slice_of(bytes, cut)) == ERR_SHORT);
	CHECK(signing_answer_parse(&back, slice_of(bytes, b.len + 1)) == ERR_FORMAT);
	store_le32(bytes + 1, 16); /* no such error */
	CHECK(signing_answer_parse(&back, buf_slice(&b)) == ERR_FORMAT);

	/* a detail of the whole length, with what would break a line of a log */
	memset(a.detail, 'x', sizeof a.detail);
	a.detail[3] = '\n';
	a.detail[sizeof a.detail - 1] = 0;
	a.signature_count = 0;
	b = buf_init(bytes, sizeof bytes);
	signing_answer_put(&b, &a);
	CHECK(signing_answer_parse(&back, buf_slice(&b)) == OK);
	CHECK(strlen(back.detail) == sizeof a.detail - 1 && back.detail[3] == '?');
	bytes[9] = '\n';
	CHECK(signing_answer_parse(&back, buf_slice(&b)) == ERR_FORMAT);
}

/* ---- assemble ---- */

/* What an honest signer answers to a Bitcoin request. */
static void sign_utxo(struct signing_answer *a, const struct fixture *f)
{
	static const uint8_t aux[32];
	static struct btc_txin in[BTC_INPUT_MAX];
	static struct btc_txout out[4], spent[BTC_INPUT_MAX];
	struct btc_tx tx = {.in = in, .out = out};
	struct btc_sighash_cache cache;
	size_t used;
	CHECK(btc_tx_parse(&tx, &used, BTC_INPUT_MAX, 4, f->r.unsigned_tx) == OK);
	for (uint32_t i = 0; i < tx.in_count; i++)
		spent[i] = (struct btc_txout){f->r.input[i].value,
			slice_of(f->r.input[i].script, sizeof f->r.input[i].script)};
	btc_sighash_prepare(&cache, &tx, spent);
	*a = (struct signing_answer){.signature_count = tx.in_count};
	for (uint32_t i = 0; i < tx.in_count; i++) {
		struct seckey key, output;
		struct hash256 message;
		CHECK(derive_seckey(&key, &wallet_secret, &f->r.input[i].key) == OK);
		if (f->r.input[i].key.use == KEY_WALLET) {
			btc_sighash_key_path(&message, &cache, &tx, i);
			CHECK(taproot_seckey(&output, &key, NULL) == OK);
			key = output;
		} else {
			struct btc_htlc_tree tree;
			CHECK(btc_htlc_tree(&tree, &f->terms) == OK);
			btc_sighash_script_path(&message, &cache, &tx, i,
				&tree.leaf_hash[f->r.purpose == SIGN_CLAIM ? BTC_LEAF_CLAIM
									   : BTC_LEAF_REFUND]);
		}
		CHECK(schnorr_sign(a->signature[i].b, &message, &key, aux) == OK);
	}
}

static enum err assemble(const struct fixture *f, const struct signing_answer *a)
{
	static uint8_t storage[16384];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 txid;
	return signing_assemble(&raw, &txid, &f->r, a, &wallet);
}

static void test_assemble_payout(void)
{
	static struct fixture f;
	static struct signing_answer a, bad;
	static struct btc_txin in[2];
	static struct btc_txout out[2];
	struct btc_tx tx = {.in = in, .out = out};
	uint8_t storage[4096];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 txid, unsigned_id;
	size_t used;
	make_payout(&f);
	sign_utxo(&a, &f);
	CHECK(signing_assemble(&raw, &txid, &f.r, &a, &wallet) == OK);
	CHECK(btc_tx_parse(&tx, &used, 2, 2, buf_slice(&raw)) == OK && used == raw.len);
	sha256d(&unsigned_id, f.r.unsigned_tx);
	CHECK(hash256_eq(&txid, &unsigned_id));
	for (uint32_t i = 0; i < 2; i++) {
		const struct slice sig = btc_witness_item(in[i].witness, 0);
		CHECK(btc_witness_count(in[i].witness) == 1);
		CHECK(slice_eq(sig, slice_of(a.signature[i].b, 64)));
	}
	for (uint32_t i = 0; i < 2; i++) {
		bad = a;
		bad.signature[i].b[40] ^= 1;
		CHECK(assemble(&f, &bad) == ERR_CHECKSUM);
	}
	bad = a;
	bad.signature_count = 1;
	CHECK(assemble(&f, &bad) == ERR_CHECKSUM);
	bad = a;
	bad.err = ERR_DENIED;
	CHECK(assemble(&f, &bad) == ERR_DENIED);
	f.r.input[0].value.raw++; /* the signature commits to what is spent */
	CHECK(assemble(&f, &a) == ERR_CHECKSUM);
	make_payout(&f);
	f.r.input[0].key.index = KEY_INDEX_CHANGE; /* not the key of that script */
	CHECK(assemble(&f, &a) == ERR_FORMAT);
	make_payout(&f);
	f.r.unsigned_tx.len--;
	CHECK(assemble(&f, &a) == ERR_FORMAT);
}

static void test_assemble_spend(bool claim)
{
	static struct fixture f;
	static struct signing_answer a;
	static struct btc_txin in[1];
	static struct btc_txout out[1];
	struct btc_tx tx = {.in = in, .out = out};
	uint8_t storage[4096];
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 txid, got;
	size_t used;
	make_spend(&f, claim);
	sign_utxo(&a, &f);
	CHECK(signing_assemble(&raw, &txid, &f.r, &a, &wallet) == OK);
	CHECK(btc_tx_parse(&tx, &used, 1, 1, buf_slice(&raw)) == OK && used == raw.len);
	CHECK(btc_htlc_read_spend(&got, &f.terms, in[0].witness) ==
		(claim ? BTC_SPEND_CLAIM : BTC_SPEND_REFUND));
	CHECK(!claim || hash256_eq(&got, &preimage));
	CHECK(btc_tx_vsize(&tx) <=
		btc_spend_vsize(&btc_sizes, claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND));

	a.signature[0].b[0] ^= 1;
	CHECK(assemble(&f, &a) == ERR_CHECKSUM);
	a.signature[0].b[0] ^= 1;
	if (claim) {
		f.r.preimage.b[0] ^= 1;
		CHECK(assemble(&f, &a) == ERR_FORMAT);
		f.r.preimage.b[0] ^= 1;
	}
	f.r.purpose = claim ? SIGN_REFUND : SIGN_CLAIM; /* the other party's leaf */
	CHECK(assemble(&f, &a) == ERR_FORMAT);
	f.r.purpose = SIGN_PAYOUT;
	CHECK(assemble(&f, &a) == ERR_FORMAT);
	make_spend(&f, claim);
	f.r.input[0].key.swap.b[0] ^= 1;
	CHECK(assemble(&f, &a) == ERR_FORMAT);
	make_spend(&f, claim);
	f.r.input[0].script[5] ^= 1;
	CHECK(assemble(&f, &a) == ERR_FORMAT);
}

static void test_assemble_account(void)
{
	static struct fixture f;
	static struct signing_answer a;
	struct seckey key;
	struct hash256 digest, txid, id;
	struct evm_tx tx;
	struct evm_address from, ours;
	uint8_t storage[1024];
	struct buf raw = buf_init(storage, sizeof storage);
	int recovery_id;
	make_account(&f);
	CHECK(derive_seckey(&key, &wallet_secret, &f.r.account) == OK);
	keccak256(&digest, f.r.unsigned_tx);
	a = (struct signing_answer){.signature_count = 1};
	CHECK(ecdsa_sign(a.signature[0].b, &recovery_id, &digest, &key) == OK);
	a.signature[0].recovery_id = (uint8_t)recovery_id;
	buf_u8(&raw, 0xee); /* what is there already stays */
	CHECK(signing_assemble(&raw, &txid, &f.r, &a, &wallet) == OK && storage[0] == 0xee);
	CHECK(evm_tx_parse_signed(
		      &tx, &from, &id, ASSET_RBTC, slice_of(storage + 1, raw.len - 1)) == OK);
	CHECK(hash256_eq(&id, &txid) && tx.nonce == 5);
	CHECK(wallet_account(&ours, &wallet, LAYER_ROOTSTOCK) == OK);
	CHECK(evm_address_eq(&from, &ours));
	struct buf small = buf_init(storage, 50);
	CHECK(signing_assemble(&small, &txid, &f.r, &a, &wallet) == ERR_FULL);

	a.signature[0].recovery_id ^= 1;
	CHECK(assemble(&f, &a) == ERR_CHECKSUM);
	a.signature[0].recovery_id ^= 3;
	CHECK(assemble(&f, &a) == ERR_CHECKSUM);
	a.signature[0].recovery_id = (uint8_t)recovery_id;
	a.signature_count = 2;
	CHECK(assemble(&f, &a) == ERR_CHECKSUM);
	a.signature_count = 1;
	f.r.network = network_of("eip155:30"); /* signed for another chain */
	CHECK(assemble(&f, &a) == ERR_FORMAT);
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &wallet_secret) == OK);
	test_requests();
	test_hidden();
	test_blinding();
	test_requests_refused();
	test_answers();
	test_assemble_payout();
	test_assemble_spend(true);
	test_assemble_spend(false);
	test_assemble_account();
	return EXIT_SUCCESS;
}
