#include "wire/elements_build.h"
#include "base/hex.h"
#include "wire/elements_sighash.h"
#include "wire/vectors_elements_blinding.h"
#include "wire/vectors_elements_taproot.h"
#include "wire/vectors_elements_wally.h"

#define ROOM 8u
#define RATE 100u /* sat/kvB: what nodes relay at least */

static const struct btc_outpoint somewhere = {.txid = {{1, 2, 3}}, .index = 1};

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static struct hash256 policy_asset(void)
{
	struct hash256 asset;
	from_hex(asset.b, sizeof asset.b, elements_asset);
	return asset;
}

struct parsed {
	struct elements_txin in[ROOM];
	struct elements_txout out[ROOM];
	struct elements_tx tx;
};

static void parse(struct parsed *p, struct slice raw)
{
	size_t used;
	p->tx = (struct elements_tx){.in = p->in, .out = p->out};
	CHECK(elements_tx_parse(&p->tx, &used, ROOM, ROOM, raw) == OK && used == raw.len);
}

static struct pubkey blinding_key(uint8_t n)
{
	struct seckey secret = {{0}};
	struct pubkey key;
	secret.b[31] = n;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	return key;
}

/* ---- plans ---- */

/* A plan with room for its parts. */
struct made {
	struct elements_coin coin[ROOM];
	struct elements_pay pay[ROOM];
	struct pubkey key[ROOM];
	struct elements_plan plan;
	uint8_t raw[1024];
	struct buf buf;
};

static enum err build(struct made *m)
{
	m->buf = buf_init(m->raw, sizeof m->raw);
	return elements_build(&m->buf, &m->plan);
}

/* The plan of which a transaction was made, whose coins hold `in`. */
static void plan_of(struct made *m, const struct elements_tx *tx, const uint64_t *in)
{
	*m = (struct made){0};
	m->plan = (struct elements_plan){.coin = m->coin,
		.coin_count = tx->in_count,
		.pay = m->pay,
		.pay_count = tx->out_count - 1,
		.fee_asset = policy_asset(),
		.locktime = tx->locktime};
	for (uint32_t i = 0; i < tx->in_count; i++)
		m->coin[i] = (struct elements_coin){.at = tx->in[i].prev,
			.spent = {.asset = elements_asset_of(&m->plan.fee_asset),
				.value = elements_value_of((struct sat){in[i]})},
			.asset = m->plan.fee_asset,
			.value = {in[i]}};
	for (uint32_t i = 0; i < m->plan.pay_count; i++) {
		const struct elements_txout *out = &tx->out[i];
		m->pay[i].script = out->script;
		CHECK(elements_asset_read(&m->pay[i].asset, &out->asset));
		CHECK(elements_value_read(&m->pay[i].value, &out->value));
		if (elements_nonce_form(&out->nonce) != ELEMENTS_COMMITMENT)
			continue;
		memcpy(m->key[i].b, out->nonce.b, sizeof m->key[i].b);
		m->pay[i].blinding = &m->key[i];
	}
	CHECK(elements_txout_is_fee(&tx->out[m->plan.pay_count]));
	CHECK(elements_value_read(&m->plan.fee, &tx->out[m->plan.pay_count].value));
}

/* From the same coins and amounts: the bytes of spends that elementsd accepted. */
static void test_recorded(void)
{
	unsigned count = 0;
	for (size_t i = 0; i < ARRAY_LEN(elements_spends); i++) {
		const char *name = elements_spends[i].name;
		const uint64_t in[] = {100000000, 100000000};
		uint8_t want[1024];
		struct parsed p;
		struct made m;
		if (strstr(name, "confidential") != NULL || strstr(name, "issuance") != NULL)
			continue; /* blinded already; not ours to make */
		parse(&p, elements_spends[i].tx);
		plan_of(&m, &p.tx, in);
		CHECK(build(&m) == OK);
		for (uint32_t k = 0; k < p.tx.in_count; k++)
			p.in[k].sequence = BTC_SEQUENCE_RBF; /* one of them has another */
		struct buf b = buf_init(want, sizeof want);
		elements_tx_put_stripped(&b, &p.tx);
		CHECK(slice_eq(buf_slice(&m.buf), buf_slice(&b)));
		m.plan.fee.raw++;
		CHECK(build(&m) == ERR_RANGE);
		count++;
	}
	CHECK(count >= 5);
}

/* What elementsd was asked to blind, and what it answered. */
static void test_blinding(void)
{
	for (size_t i = 0; i < ARRAY_LEN(elements_blinding); i++) {
		const bool confidential = strstr(elements_blinding[i].name, "confidential") != NULL;
		const bool alone = strstr(elements_blinding[i].name, "one blinded") != NULL;
		const uint64_t in[] = {confidential ? 200000000 : alone ? 30000000 : 100000000};
		struct parsed asked, answered;
		struct made m;
		parse(&asked, elements_blinding[i].asked);
		parse(&answered, elements_blinding[i].answered);
		CHECK(elements_blinded_check(&asked.tx, &answered.tx) == (alone ? ERR_STATE : OK));
		CHECK(elements_blinded_check(&asked.tx, &asked.tx) == ERR_STATE);
		plan_of(&m, &asked.tx, in);
		m.plan.fee_asset = policy_asset();
		if (confidential) {
			m.coin[0].spent.asset.b[0] = 0x0a;
			m.coin[0].spent.value = (struct elements_value){{0x09, 1}};
		}
		CHECK(build(&m) == (alone ? ERR_STATE : OK));
		if (!alone)
			CHECK(slice_eq(buf_slice(&m.buf), elements_blinding[i].asked));
	}
}

/* Whatever a blinder changes beside is seen. */
static void test_blinder_cheats(void)
{
	static const uint8_t byte[1] = {1};
	const struct slice something = {byte, 1};
	struct parsed asked, p;
	parse(&asked, elements_blinding[0].asked);
	const struct slice answer = elements_blinding[0].answered;
	for (unsigned change = 0; change < 22; change++) {
		parse(&p, answer);
		const uint32_t fee = p.tx.out_count - 1;
		CHECK(elements_blinded_check(&asked.tx, &p.tx) == OK);
		switch (change) {
		case 0: p.tx.version++; break;
		case 1: p.tx.locktime++; break;
		case 2: p.tx.out_count--; break;
		case 3: p.tx.in_count--; break;
		case 4: p.in[0].prev.index ^= 1; break;
		case 5: p.in[0].prev.txid.b[31] ^= 1; break;
		case 6: p.in[0].sequence ^= 1; break;
		case 7: p.in[0].script_sig = something; break;
		case 8: p.in[0].witness = something; break;
		case 9: p.in[0].pegin_witness = something; break;
		case 10: p.in[0].issues = true; break;
		case 11: p.in[0].pegin = true; break;
		case 12: p.in[0].issuance.amount_proof = something; break;
		case 13: p.out[0].script = p.out[1].script; break;
		case 14: p.out[0].range_proof.len = 0; break;
		case 15: p.out[0].surjection_proof.len = 0; break;
		case 16: p.out[0].value = asked.out[0].value; break;
		case 17: p.out[0].asset = asked.out[0].asset; break;
		case 18: p.out[0].nonce.b[0] = 0; break;
		case 19: p.out[fee].value.b[8] ^= 1; break;
		case 20: p.out[fee].range_proof = something; break;
		case 21: p.out[fee].nonce = p.out[0].nonce; break;
		default: break;
		}
		CHECK(elements_blinded_check(&asked.tx, &p.tx) == ERR_FORMAT);
	}
	/* one of the two blinded and not the other */
	parse(&p, answer);
	p.out[1] = asked.out[1];
	memset(&p.out[1].nonce, 0, sizeof p.out[1].nonce);
	CHECK(elements_blinded_check(&asked.tx, &p.tx) == ERR_STATE);
}

/* Two coins of two assets, an explicit output of each. */
static const uint8_t to[34] = {0x51, 0x20, 7};
static void plan_two(struct made *m)
{
	const struct hash256 other = {{9}};
	*m = (struct made){0};
	m->plan = (struct elements_plan){.coin = m->coin,
		.coin_count = 2,
		.pay = m->pay,
		.pay_count = 2,
		.fee_asset = policy_asset(),
		.fee = {50},
		.locktime = 7};
	for (uint32_t i = 0; i < 2; i++) {
		const struct hash256 asset = i == 0 ? m->plan.fee_asset : other;
		m->coin[i] = (struct elements_coin){.at = somewhere,
			.spent = {.asset = elements_asset_of(&asset),
				.value = elements_value_of((struct sat){1000})},
			.asset = asset,
			.value = {1000}};
		m->coin[i].at.index = i;
		m->pay[i] = (struct elements_pay){
			.script = slice_of(to, sizeof to), .asset = asset, .value = {1000}};
	}
	m->pay[0].value.raw = 950;
}

static void test_refused(void)
{
	static const struct pubkey no_key = {{2, 0xff}};
	const struct pubkey key = blinding_key(5);
	struct made m;
	plan_two(&m);
	CHECK(build(&m) == OK);
	m.buf = buf_init(m.raw, m.buf.len - 1);
	CHECK(elements_build(&m.buf, &m.plan) == ERR_FULL);
	for (unsigned change = 0; change < 24; change++) {
		enum err want = ERR_RANGE;
		plan_two(&m);
		switch (change) {
		case 0: m.plan.coin_count = 0; break;
		case 1: m.plan.coin_count = ELEMENTS_INPUT_MAX + 1; break;
		case 2: m.plan.pay_count = 0; break;
		case 3: m.plan.pay_count = ELEMENTS_PAY_MAX + 1; break;
		case 4: m.plan.locktime = BTC_TIMELOCK_MAX + 1; break;
		case 5:
			m.plan.fee.raw = 0;
			m.pay[0].value.raw = 1000;
			break;
		case 6: m.pay[0].value.raw = 951; break;
		case 7: m.pay[0].value.raw = 949; break;
		case 8: m.pay[1].value.raw = 999; break;
		case 9: m.pay[1].asset = m.pay[0].asset; break;
		case 10: m.plan.pay_count = 1; break;  /* an asset is left over */
		case 11: m.plan.coin_count = 1; break; /* an asset comes from nowhere */
		case 12: m.coin[1].value.raw = 0; break;
		case 13: m.coin[1].value.raw = SAT_MAX_RAW + 1; break;
		case 14: m.coin[1].at.index = ELEMENTS_INDEX_MAX + 1; break;
		case 15:
			m.coin[1].at.index = 0;
			want = ERR_EXISTS;
			break;
		case 16:
			m.coin[1].spent.value.b[8] ^= 1;
			want = ERR_FORMAT;
			break;
		case 17:
			m.coin[1].spent.asset.b[8] ^= 1;
			want = ERR_FORMAT;
			break;
		case 18:
			m.coin[1].spent.value.b[0] = 0;
			want = ERR_FORMAT;
			break;
		case 19:
			m.pay[1].script.len = 0;
			want = ERR_FORMAT;
			break;
		case 20:
			m.pay[1].blinding = &no_key;
			want = ERR_FORMAT;
			break;
		case 21:
			m.pay[1].blinding = &key;
			want = ERR_STATE;
			break; /* alone */
		case 22:
			m.coin[1].spent.value.b[0] = 9;
			want = ERR_STATE;
			break;
		case 23:
			m.coin[1].spent.asset.b[0] = 0x0b;
			want = ERR_STATE;
			break;
		default: break;
		}
		CHECK(build(&m) == want);
	}
}

/* Blinded on both sides; two on one. */
static void test_blinded(void)
{
	const struct pubkey key = blinding_key(5);
	struct made m;
	plan_two(&m);
	m.pay[0].blinding = &key;
	m.pay[1].blinding = &key;
	CHECK(build(&m) == OK);
	m.pay[0].blinding = NULL;
	m.coin[0].spent.value.b[0] = 8;
	CHECK(build(&m) == OK);
}

static void test_dust(void)
{
	const struct sat limit = elements_dust_limit(slice_of(to, sizeof to));
	const struct pubkey key = blinding_key(5);
	struct made m;
	CHECK(limit.raw == 435); /* 78 and 67 bytes at 3 satoshi */
	plan_two(&m);
	m.pay[0].value.raw = limit.raw;
	m.plan.fee.raw = 1000 - limit.raw;
	CHECK(build(&m) == OK);
	m.pay[0].value.raw--;
	m.plan.fee.raw++;
	CHECK(build(&m) == ERR_RANGE);
	m.pay[0].blinding = &key; /* nobody sees what a blinded output holds */
	m.pay[1].blinding = &key;
	CHECK(build(&m) == OK);
	plan_two(&m); /* of another asset, a unit may be a house */
	m.coin[1].value.raw = 1;
	m.coin[1].spent.value = elements_value_of(m.coin[1].value);
	m.pay[1].value.raw = 1;
	CHECK(build(&m) == OK);
}

/* ---- spends ---- */

static struct btc_htlc terms(void)
{
	struct btc_htlc h = {.timelock = elements_tree_timelock, .amount = {100000000}};
	from_hex(h.hash.b, 32, elements_tree_hash);
	from_hex(h.claim.b, 32, elements_tree_claim);
	from_hex(h.refund.b, 32, elements_tree_refund);
	h.client = h.claim;
	h.provider = h.refund;
	return h;
}

struct lock {
	struct btc_htlc terms;
	struct btc_htlc_tree tree;
	struct elements_coin coin;
	struct elements_spend spend;
};

static void lock_make(struct lock *l, enum btc_htlc_leaf leaf)
{
	*l = (struct lock){.terms = terms()};
	CHECK(btc_htlc_tree_by(&l->tree, &l->terms, &elements_taproot) == OK);
	l->coin = (struct elements_coin){
		.at = somewhere, .asset = policy_asset(), .value = {100000000}};
	l->coin.spent = (struct elements_txout){.asset = elements_asset_of(&l->coin.asset),
		.value = elements_value_of(l->coin.value),
		.script = slice_of(l->tree.script_pubkey, sizeof l->tree.script_pubkey)};
	l->spend = (struct elements_spend){.terms = &l->terms,
		.leaf = leaf,
		.lock = &l->coin,
		.to_script = slice_of(to, 22), /* as the recorded ones: a key's hash */
		.fee_asset = l->coin.asset,
		.rate_sat_kvb = RATE,
		.tip_height = 150};
}

static void sign(uint8_t sig[64], const struct hash256 *digest, const char *secret)
{
	const uint8_t aux[32] = {0};
	struct seckey key;
	from_hex(key.b, sizeof key.b, secret);
	CHECK(schnorr_sign(sig, digest, &key, aux) == OK);
}

static void put_witness(struct buf *out, const struct lock *l, const struct hash256 *digest)
{
	struct hash256 preimage;
	uint8_t claim[64], refund[64];
	sign(claim, digest, elements_tree_claim_secret);
	sign(refund, digest, elements_tree_refund_secret);
	from_hex(preimage.b, 32, elements_tree_preimage);
	if (l->spend.leaf == BTC_LEAF_CLAIM)
		btc_htlc_witness_claim(out, &l->tree, claim, &preimage);
	else if (l->spend.leaf == BTC_LEAF_REFUND)
		btc_htlc_witness_refund(out, &l->tree, refund);
	else
		btc_htlc_witness_cooperative(out, &l->tree, claim, refund); /* client claims */
	CHECK(!out->overflow);
}

/* Signed, a spend is as large as was said, pays the rate, and reads as what it is. */
static void test_spends(void)
{
	struct hash256 genesis;
	from_hex(genesis.b, 32, elements_genesis);
	for (enum btc_htlc_leaf leaf = 0; leaf < BTC_LEAF_COUNT; leaf++) {
		struct elements_sighash_cache cache;
		struct elements_size size;
		struct hash256 digest, preimage;
		struct parsed p;
		struct lock l;
		struct sat value, fee;
		uint8_t raw[1024], witness[BTC_HTLC_WITNESS_MAX];
		lock_make(&l, leaf);
		struct buf b = buf_init(raw, sizeof raw);
		CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
		parse(&p, buf_slice(&b));
		CHECK(p.tx.in_count == 1 && p.tx.out_count == 2);
		CHECK(p.tx.locktime == (leaf == BTC_LEAF_REFUND ? l.terms.timelock : 150));
		CHECK(elements_value_read(&fee, &p.out[1].value));
		CHECK(value.raw + fee.raw == l.coin.value.raw);
		CHECK(fee.raw == btc_fee(size.vsize, RATE).raw && fee.raw > 0);
		elements_sighash_prepare(&cache, &p.tx, &l.coin.spent);
		elements_sighash_script_path(
			&digest, &cache, &genesis, &p.tx, 0, &l.tree.leaf_hash[leaf]);
		struct buf w = buf_init(witness, sizeof witness);
		put_witness(&w, &l, &digest);
		p.in[0].witness = buf_slice(&w);
		CHECK(elements_tx_vsize(&p.tx) == size.vsize);
		CHECK(elements_tx_discount_vsize(&p.tx) == size.discount_vsize);
		CHECK(size.vsize == size.discount_vsize);
		const enum btc_htlc_spend read = btc_htlc_read_spend(
			&preimage, &l.terms, p.in[0].witness);
		CHECK(read ==
			(leaf == BTC_LEAF_CLAIM                   ? BTC_SPEND_CLAIM
					: leaf == BTC_LEAF_REFUND ? BTC_SPEND_REFUND
								  : BTC_SPEND_OTHER));
		/* as large as elementsd said of the same leaf at the same depth */
		CHECK(leaf != BTC_LEAF_CLAIM || size.vsize == 224);
	}
}

/* Confidential ones: as large as those that elementsd blinded, and only where they balance. */
static void test_confidential(void)
{
	const struct pubkey key = blinding_key(6);
	struct elements_size size;
	struct sat value, full;
	struct lock l;
	uint8_t raw[1024];
	lock_make(&l, BTC_LEAF_CLAIM);
	l.spend.to_blinding = &key;
	struct buf b = buf_init(raw, sizeof raw);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_STATE);
	l.spend.beside = (struct elements_pay){
		.script = slice_of(to, 22), .value = {1000}, .blinding = &key};
	CHECK(elements_build_spend(&b, &size, &full, &l.spend) == OK);
	CHECK(size.vsize == 2524 && size.discount_vsize == 290);
	CHECK(full.raw == l.coin.value.raw - 1000 - btc_fee(2524, RATE).raw);
	l.spend.discount = true;
	b = buf_init(raw, sizeof raw);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
	CHECK(value.raw == l.coin.value.raw - 1000 - btc_fee(290, RATE).raw);

	/* a confidential lock-up: one blinded output is enough, none is not */
	l.coin.spent.value.b[0] = 8;
	l.spend.beside.value.raw = 0;
	b = buf_init(raw, sizeof raw);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
	l.spend.to_blinding = NULL;
	b = buf_init(raw, sizeof raw);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_STATE);
	CHECK(b.len == 0);
	l.spend.beside.value.raw = 1000;
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
	l.spend.beside.blinding = NULL;
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_STATE);
}

/* Another asset was locked: the fee comes from a coin of its own. */
static void test_other_asset(void)
{
	const struct hash256 other = {{9}};
	struct elements_size size;
	struct sat value, change, fee;
	struct elements_coin fee_coin;
	struct parsed p;
	struct lock l;
	uint8_t raw[1024];
	struct buf b = buf_init(raw, sizeof raw);
	lock_make(&l, BTC_LEAF_REFUND);
	fee_coin = l.coin;
	fee_coin.at.index++;
	l.coin.asset = other;
	l.coin.spent.asset = elements_asset_of(&other);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_RANGE);
	l.spend.fee_coin = &fee_coin;
	l.spend.change_script = slice_of(to, sizeof to);
	b = buf_init(raw, sizeof raw);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
	CHECK(value.raw == l.coin.value.raw);
	parse(&p, buf_slice(&b));
	CHECK(p.tx.in_count == 2 && p.tx.out_count == 3 && elements_txout_is_fee(&p.out[2]));
	CHECK(elements_value_read(&change, &p.out[1].value));
	CHECK(elements_value_read(&fee, &p.out[2].value));
	CHECK(change.raw + fee.raw == fee_coin.value.raw);
	CHECK(fee.raw == btc_fee(size.vsize, RATE).raw);
	fee_coin.value.raw = fee.raw;
	fee_coin.spent.value = elements_value_of(fee_coin.value);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_RANGE);
	fee_coin.value.raw = fee.raw - 1;
	fee_coin.spent.value = elements_value_of(fee_coin.value);
	CHECK(elements_build_spend(&b, &size, &value, &l.spend) == ERR_RANGE);
}

/* With proofs of the sizes that wallycore makes, and signed, a spend is as large as was said. */
static void test_proof_sizes(void)
{
	static const uint8_t proof[8192];
	static const uint8_t key_path[66] = {1, 64};
	const struct pubkey key = blinding_key(6);
	for (uint32_t inputs = 1; inputs <= 2; inputs++) {
		const size_t row = inputs - 1;
		struct elements_coin fee_coin;
		struct elements_size size;
		struct sat value;
		struct parsed p;
		struct lock l;
		uint8_t raw[1024], witness[BTC_HTLC_WITNESS_MAX];
		struct buf b = buf_init(raw, sizeof raw);
		struct buf w = buf_init(witness, sizeof witness);
		CHECK(wally_proofs[row].inputs == inputs);
		lock_make(&l, BTC_LEAF_COOPERATIVE);
		fee_coin = l.coin;
		fee_coin.at.index++;
		l.spend.to_blinding = &key;
		l.spend.beside = (struct elements_pay){
			.script = slice_of(to, 22), .value = {1000}, .blinding = &key};
		l.spend.change_script = slice_of(to, sizeof to);
		l.spend.change_blinding = &key;
		l.spend.fee_coin = inputs == 2 ? &fee_coin : NULL;
		CHECK(elements_build_spend(&b, &size, &value, &l.spend) == OK);
		parse(&p, buf_slice(&b));
		btc_htlc_witness_cooperative(&w, &l.tree, proof, proof);
		p.in[0].witness = buf_slice(&w);
		if (inputs == 2)
			p.in[1].witness = slice_of(key_path, sizeof key_path);
		CHECK(p.tx.in_count == inputs && p.tx.out_count == inputs + 2);
		for (uint32_t i = 0; i + 1 < p.tx.out_count; i++) {
			p.out[i].value = (struct elements_value){{ELEMENTS_VALUE_COMMITMENT}};
			p.out[i].range_proof = slice_of(proof, wally_proofs[row].range);
			p.out[i].surjection_proof = slice_of(proof, wally_proofs[row].surjection);
		}
		CHECK(elements_tx_vsize(&p.tx) == size.vsize);
		CHECK(elements_tx_discount_vsize(&p.tx) == size.discount_vsize);
	}
}

static void test_spends_refused(void)
{
	struct elements_size size = {77, 77};
	struct sat value = {77};
	struct lock l;
	uint8_t raw[1024];
	struct buf b = buf_init(raw, sizeof raw);
	for (unsigned change = 0; change < 8; change++) {
		enum err want = ERR_RANGE;
		lock_make(&l, BTC_LEAF_CLAIM);
		switch (change) {
		case 0:
			l.terms.timelock++;
			want = ERR_FORMAT;
			break; /* another script */
		case 1:
			l.terms.amount.raw = 0;
			want = ERR_FORMAT;
			break;
		case 2: l.spend.tip_height = BTC_TIMELOCK_MAX + 1; break;
		case 3:
			l.spend.to_script.len = 0;
			want = ERR_FORMAT;
			break;
		case 4: l.spend.rate_sat_kvb = 0; break;
		case 5: l.spend.rate_sat_kvb = UINT64_MAX; break;
		case 6: l.spend.beside.value.raw = l.coin.value.raw + 1; break;
		case 7: l.spend.to_script.len = BTC_SCRIPT_STD_MAX + 1; break;
		default: break;
		}
		CHECK(elements_build_spend(&b, &size, &value, &l.spend) == want);
		CHECK(b.len == 0 && value.raw == 77 && size.vsize == 77);
	}
}

int main(void)
{
	const uint8_t seed[32] = {7};
	secp_init(seed);
	test_recorded();
	test_blinding();
	test_blinder_cheats();
	test_refused();
	test_blinded();
	test_dust();
	test_spends();
	test_confidential();
	test_other_asset();
	test_proof_sizes();
	test_spends_refused();
	return 0;
}
