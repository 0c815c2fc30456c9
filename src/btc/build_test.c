#include "btc/build.h"

#include <stdlib.h>

#define COINS 12u
#define OUTPUT_WEIGHT (4u * 43u) /* P2TR */

static uint64_t draw_state = 1;

/* xorshift64*: fixed sequence */
static uint64_t draw(uint64_t below)
{
	draw_state ^= draw_state >> 12;
	draw_state ^= draw_state << 25;
	draw_state ^= draw_state >> 27;
	return (draw_state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

static struct btc_coin coin_of(uint32_t n, uint64_t value)
{
	struct btc_coin c = {.value = {value}, .at.index = n};
	store_le32(c.at.txid.b, n + 1);
	return c;
}

static void test_fee(void)
{
	CHECK(btc_fee(0, 1000).raw == 0);
	CHECK(btc_fee(141, 1000).raw == 141);
	CHECK(btc_fee(141, 1001).raw == 142);
	CHECK(btc_fee(1, 1).raw == 1);
	CHECK(btc_fee(1000, 1).raw == 1);
	CHECK(btc_fee(1001, 1).raw == 2);
	CHECK(btc_fee(UINT64_MAX, UINT64_MAX).raw == SAT_MAX_RAW);
}

/* What must hold for every selection, checked against the transaction that is built from it. */
static void check_selection(const struct btc_selection *sel, const struct btc_coin *coin,
	struct sat target, uint64_t rate)
{
	static uint8_t script[34] = {0x51, 0x20}, storage[16384];
	struct btc_coin used[BTC_INPUT_MAX];
	struct buf raw = buf_init(storage, sizeof storage);
	struct sat change;
	uint64_t vsize, total = 0;
	CHECK(sel->count > 0 && sel->count <= BTC_INPUT_MAX);
	for (uint32_t i = 0; i < sel->count; i++) {
		CHECK(i == 0 || sel->index[i] > sel->index[i - 1]);
		used[i] = coin[sel->index[i]];
		total += used[i].value.raw;
	}
	CHECK(total == sel->total.raw && total == target.raw + sel->fee.raw + sel->change.raw);
	const struct btc_txout payee = {.value = target, .script = slice_of(script, sizeof script)};
	const struct btc_payment p = {.coin = used,
		.coin_count = sel->count,
		.payee = &payee,
		.payee_count = 1,
		.fee = sel->fee};
	CHECK(btc_build_payment(&raw, &vsize, &change, &p) == OK);
	CHECK(change.raw == sel->change.raw);
	const struct sat due = btc_fee(vsize, rate);
	CHECK(change.raw > 0 ? sel->fee.raw == due.raw : sel->fee.raw >= due.raw);
}

static void test_select_rows(void)
{
	/* rate 1,000: an input is 57.5, one payment to P2TR with change 154 (111 without) */
	static const struct {
		uint64_t coin[4];
		uint64_t target;
		enum err err;
		uint32_t count;
		uint64_t fee, change;
	} rows[] = {
		{{100000}, 50000, OK, 1, 154, 49846},
		{{50111}, 50000, OK, 1, 111, 0},
		{{50110}, 50000, ERR_RANGE, 0, 0, 0},
		{{50211}, 50000, OK, 1, 211, 0}, /* dearer as change */
		{{100000, 50111}, 50000, OK, 1, 111, 0},
		{{100000, 20000, 30169}, 50000, OK, 2, 169, 0},
		{{50483}, 50000, OK, 1, 483, 0},   /* change of 329 would be dust */
		{{50484}, 50000, OK, 1, 154, 330}, /* and 330 is not */
		{{57}, 50000, ERR_RANGE, 0, 0, 0},
		{{0}, 50000, ERR_RANGE, 0, 0, 0},
		{{100000}, 0, ERR_RANGE, 0, 0, 0},
		{{100000}, UINT64_MAX, ERR_RANGE, 0, 0, 0},
		{{UINT64_MAX, 60000}, 50000, OK, 1, 154, 9846},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct btc_coin coin[4];
		struct btc_selection sel = {.count = 77};
		uint32_t n = 0;
		for (; n < 4 && rows[i].coin[n] != 0; n++)
			coin[n] = coin_of(n, rows[i].coin[n]);
		const struct sat target = {rows[i].target};
		CHECK(btc_select(&sel, &btc_sizes, coin, n, target, OUTPUT_WEIGHT, 1000) ==
			rows[i].err);
		if (rows[i].err != OK) {
			CHECK(sel.count == 77);
			continue;
		}
		CHECK(sel.count == rows[i].count && sel.fee.raw == rows[i].fee);
		CHECK(sel.change.raw == rows[i].change);
		check_selection(&sel, coin, target, 1000);
	}
}

static void test_select_many(void)
{
	struct btc_coin coin[200];
	struct btc_selection sel, again;
	for (uint32_t i = 0; i < 200; i++)
		coin[i] = coin_of(i, 1000);
	/* 64 inputs: 3734 for the transaction; 65 would do, but are not allowed */
	CHECK(btc_select(&sel, &btc_sizes, coin, 200, (struct sat){60000}, OUTPUT_WEIGHT, 1000) ==
		OK);
	CHECK(sel.count == 64);
	check_selection(&sel, coin, (struct sat){60000}, 1000);
	CHECK(btc_select(&sel, &btc_sizes, coin, 200, (struct sat){61000}, OUTPUT_WEIGHT, 1000) ==
		ERR_FULL);
	CHECK(btc_select(&sel, &btc_sizes, coin, 64, (struct sat){61000}, OUTPUT_WEIGHT, 1000) ==
		ERR_RANGE);
	CHECK(btc_select(&sel, &btc_sizes, coin, 200, (struct sat){200000}, OUTPUT_WEIGHT, 1000) ==
		ERR_RANGE);
	/* coins that cost more than they are worth */
	CHECK(btc_select(&sel, &btc_sizes, coin, 200, (struct sat){10000}, OUTPUT_WEIGHT, 20000) ==
		ERR_RANGE);
	coin[150].value.raw = 100000;
	CHECK(btc_select(&sel, &btc_sizes, coin, 200, (struct sat){10000}, OUTPUT_WEIGHT, 20000) ==
		OK);
	CHECK(sel.count == 1 && sel.index[0] == 150);
	CHECK(btc_select(&again, &btc_sizes, coin, 200, (struct sat){10000}, OUTPUT_WEIGHT,
		      20000) == OK);
	CHECK(memcmp(sel.index, again.index, sel.count * sizeof sel.index[0]) == 0);
}

/* The cheapest selection without change by trying all of them; UINT64_MAX: none in the window. */
static uint64_t cheapest(const struct btc_coin *coin, uint64_t target, uint64_t rate)
{
	const uint64_t window = btc_fee(43 + 58, rate).raw;
	uint64_t best = UINT64_MAX;
	for (uint32_t set = 1; set < 1u << COINS; set++) {
		uint64_t total = 0, inputs = 0;
		bool worth = true;
		for (uint32_t i = 0; i < COINS; i++) {
			if ((set >> i & 1u) == 0)
				continue;
			total += coin[i].value.raw;
			inputs++;
			worth &= coin[i].value.raw > btc_fee(58, rate).raw;
		}
		const uint64_t weight = 4 * (10 + 43 + 41 * inputs) + 2 + 66 * inputs;
		const uint64_t need = target + btc_fee((weight + 3) / 4, rate).raw;
		if (worth && total >= need && total - need <= window && total - target < best)
			best = total - target;
	}
	return best;
}

/* Small values, so that many sets come close. */
static void test_select_against_all(void)
{
	uint32_t exact = 0;
	for (uint32_t round = 0; round < 300; round++) {
		struct btc_coin coin[COINS];
		struct btc_selection sel;
		const uint64_t rate = 1000 + draw(5000);
		for (uint32_t i = 0; i < COINS; i++)
			coin[i] = coin_of(i, 500 + draw(20000));
		const struct sat target = {1000 + draw(50000)};
		const uint64_t best = cheapest(coin, target.raw, rate);
		const enum err err = btc_select(
			&sel, &btc_sizes, coin, COINS, target, OUTPUT_WEIGHT, rate);
		CHECK(err == OK || (err == ERR_RANGE && best == UINT64_MAX));
		if (err != OK)
			continue;
		check_selection(&sel, coin, target, rate);
		if (best == UINT64_MAX)
			continue;
		exact++;
		CHECK(sel.change.raw == 0 && sel.fee.raw == best);
	}
	CHECK(exact > 100);
}

static struct btc_txout parsed_out[BTC_PAYEE_MAX + 1];

/* The same transaction as btc/tx reads it, with witnesses of the stated sizes put in. */
static uint64_t signed_vsize(
	struct slice raw, const uint8_t *witness, size_t witness_len, uint32_t *out_count)
{
	static struct btc_txin in[BTC_INPUT_MAX];
	struct btc_tx tx = {.in = in, .out = parsed_out};
	size_t used;
	CHECK(btc_tx_parse(&tx, &used, BTC_INPUT_MAX, ARRAY_LEN(parsed_out), raw) == OK &&
		used == raw.len);
	for (uint32_t i = 0; i < tx.in_count; i++) {
		CHECK(in[i].sequence == BTC_SEQUENCE_RBF && in[i].script_sig.len == 0);
		in[i].witness = slice_of(witness, witness_len);
	}
	*out_count = tx.out_count;
	return btc_tx_vsize(&tx);
}

static const struct {
	uint8_t script[34];
	size_t len;
} scripts[] = {
	{{0x00, 0x14}, 22},
	{{0xa9, 0x14, [22] = 0x87}, 23},
	{{0x76, 0xa9, 0x14, [23] = 0x88, [24] = 0xac}, 25},
	{{0x51, 0x20}, 34},
};

/* Payees of all kinds, each of another value. */
static uint64_t make_payees(struct btc_txout *payee, uint32_t count, size_t first)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < count; i++) {
		const size_t kind = (first + i) % ARRAY_LEN(scripts);
		payee[i] = (struct btc_txout){.value = {1000 + i},
			.script = slice_of(scripts[kind].script, scripts[kind].len)};
		sum += payee[i].value.raw;
	}
	return sum;
}

static void test_payment_size(void)
{
	static const uint8_t witness[66] = {1, 64};
	struct btc_coin coin[BTC_INPUT_MAX];
	struct btc_txout payee;
	uint8_t storage[4096];
	for (uint32_t i = 0; i < BTC_INPUT_MAX; i++)
		coin[i] = coin_of(i, 100000);
	for (uint32_t n = 1; n <= BTC_INPUT_MAX; n++) {
		for (size_t s = 0; s < ARRAY_LEN(scripts) * 2; s++) {
			const bool with_change = s % 2 == 1;
			(void)make_payees(&payee, 1, s / 2);
			payee.value.raw = n * 100000u - 10000u;
			struct btc_payment p = {.coin = coin,
				.coin_count = n,
				.payee = &payee,
				.payee_count = 1,
				.fee = {with_change ? 1000 : 9900},
				.locktime = 840000};
			struct buf raw = buf_init(storage, sizeof storage);
			uint64_t vsize;
			struct sat change;
			uint32_t out_count;
			CHECK(btc_build_payment(&raw, &vsize, &change, &p) == OK);
			CHECK(signed_vsize(buf_slice(&raw), witness, sizeof witness, &out_count) ==
				vsize);
			CHECK(out_count == (with_change ? 2 : 1));
			CHECK(change.raw == (with_change ? 9000 : 0));
		}
	}
}

/* Many payees in one transaction: each gets its own, in order; what is chosen for them pays for
 * their size at the rate. */
static void test_payment_to_many(void)
{
	static const uint8_t witness[66] = {1, 64};
	static struct btc_txout payee[BTC_PAYEE_MAX + 1];
	struct btc_coin coin[COINS], used[BTC_INPUT_MAX];
	uint8_t storage[8192];
	for (uint32_t i = 0; i < COINS; i++)
		coin[i] = coin_of(i, 20000);
	for (uint32_t n = 1; n <= BTC_PAYEE_MAX + 1; n++) {
		struct btc_selection sel;
		struct buf raw = buf_init(storage, sizeof storage);
		struct sat change;
		uint64_t vsize;
		uint32_t out_count;
		size_t size = 0;
		const struct sat target = {make_payees(payee, n, n)};
		for (uint32_t i = 0; i < n; i++)
			size += btc_output_weight(&btc_sizes, payee[i].script.len);
		if (n <= BTC_PAYEE_MAX)
			CHECK(btc_select(&sel, &btc_sizes, coin, COINS, target, size, 2000) == OK);
		for (uint32_t i = 0; i < sel.count; i++)
			used[i] = coin[sel.index[i]];
		const struct btc_payment p = {.coin = used,
			.coin_count = sel.count,
			.payee = payee,
			.payee_count = n,
			.fee = sel.fee};
		if (n > BTC_PAYEE_MAX) {
			CHECK(btc_build_payment(&raw, &vsize, &change, &p) == ERR_RANGE);
			continue;
		}
		CHECK(btc_build_payment(&raw, &vsize, &change, &p) == OK);
		CHECK(change.raw == sel.change.raw && sel.fee.raw >= btc_fee(vsize, 2000).raw);
		CHECK(signed_vsize(buf_slice(&raw), witness, sizeof witness, &out_count) == vsize);
		CHECK(out_count == n + (change.raw > 0 ? 1 : 0));
		for (uint32_t i = 0; i < n; i++)
			CHECK(parsed_out[i].value.raw == payee[i].value.raw &&
				slice_eq(parsed_out[i].script, payee[i].script));
	}
}

static void test_payment_refused(void)
{
	static uint8_t script[34] = {0x51, 0x20}, longer[43];
	struct btc_coin coin[2] = {coin_of(0, 5000), coin_of(1, 5000)};
	uint8_t storage[512];
	struct sat change = {77};
	uint64_t vsize = 77;
	const struct btc_payment good = {
		.coin = coin, .coin_count = 2, .payee_count = 2, .fee = {1000}};
	for (int i = 0; i <= 9; i++) {
		struct btc_txout payee[2] = {{.value = {4000}, .script = slice_of(script, 34)},
			{.value = {5000}, .script = slice_of(script, 34)}};
		struct buf raw = buf_init(storage, i == 7 ? 20 : sizeof storage);
		struct btc_payment p = good;
		p.payee = payee;
		switch (i) {
		case 1: p.fee.raw++; break;
		case 2: payee[1].value.raw++; break;
		case 3: payee[1].value.raw = 329; break;
		case 4: p.coin_count = 0; break;
		case 5: payee[0].value.raw = UINT64_MAX; break;
		case 6: p.locktime = 500000000; break;
		case 8: p.payee_count = 0; break;
		case 9: payee[1].script = slice_of(longer, sizeof longer); break;
		}
		const enum err want = i == 0 ? OK : i == 7 ? ERR_FULL : ERR_RANGE;
		CHECK(btc_build_payment(&raw, &vsize, &change, &p) == want);
	}
}

static struct btc_htlc sample(void)
{
	struct btc_htlc h = {.timelock = 840000, .amount = {100000}};
	struct seckey secret = {{0}};
	struct pubkey key;
	bool odd;
	secret.b[31] = 2;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&h.claim, &odd, &key);
	secret.b[31] = 3;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	xonly_from_pubkey(&h.refund, &odd, &key);
	h.client = h.claim;
	h.provider = h.refund;
	return h;
}

static void test_spend(void)
{
	const struct btc_outpoint at = {.txid = {{9}}, .index = 3};
	const uint8_t to[34] = {0x51, 0x20};
	const uint32_t heights[] = {1, 100, 840000, 499999999};
	for (size_t i = 0; i < ARRAY_LEN(heights) * BTC_LEAF_COUNT; i++) {
		const enum btc_htlc_leaf leaf = (enum btc_htlc_leaf)(i % BTC_LEAF_COUNT);
		struct btc_htlc h = sample();
		struct btc_htlc_tree tree;
		uint8_t storage[512], witness[BTC_HTLC_WITNESS_MAX];
		const uint8_t sig[64] = {1};
		const struct hash256 preimage = {{1}};
		struct buf raw = buf_init(storage, sizeof storage);
		struct buf w = buf_init(witness, sizeof witness);
		uint64_t vsize;
		struct sat value;
		uint32_t out_count;
		h.timelock = heights[i / BTC_LEAF_COUNT];
		CHECK(btc_htlc_tree(&tree, &h) == OK);
		CHECK(btc_build_spend(&raw, &vsize, &value, &h, &at, leaf, to, 2500, 77) == OK);
		switch (leaf) {
		case BTC_LEAF_CLAIM: btc_htlc_witness_claim(&w, &tree, sig, &preimage); break;
		case BTC_LEAF_REFUND: btc_htlc_witness_refund(&w, &tree, sig); break;
		case BTC_LEAF_COOPERATIVE: btc_htlc_witness_cooperative(&w, &tree, sig, sig); break;
		case BTC_LEAF_COUNT: UNREACHABLE();
		}
		CHECK(signed_vsize(buf_slice(&raw), w.ptr, w.len, &out_count) == vsize);
		CHECK(out_count == 1 && vsize <= btc_spend_vsize(&btc_sizes, leaf));
		CHECK(value.raw == 100000 - btc_fee(vsize, 2500).raw);
		/* the lock time, at the end */
		CHECK(load_le32(raw.ptr + raw.len - 4) ==
			(leaf == BTC_LEAF_REFUND ? h.timelock : 77));
	}
}

static void test_spend_dust(void)
{
	const struct btc_outpoint at = {.index = 0};
	const uint8_t to[34] = {0x51, 0x20};
	struct btc_htlc h = sample();
	uint8_t storage[512];
	struct buf raw = buf_init(storage, sizeof storage);
	uint64_t vsize;
	struct sat value;
	CHECK(btc_build_spend(&raw, &vsize, &value, &h, &at, BTC_LEAF_CLAIM, to, 1000, 1) == OK);
	h.amount.raw = vsize + 330;
	raw.len = 0;
	CHECK(btc_build_spend(&raw, &vsize, &value, &h, &at, BTC_LEAF_CLAIM, to, 1000, 1) == OK);
	CHECK(value.raw == 330);
	h.amount.raw--;
	CHECK(btc_build_spend(&raw, &vsize, &value, &h, &at, BTC_LEAF_CLAIM, to, 1000, 1) ==
		ERR_RANGE);
	h.amount.raw = 10;
	CHECK(btc_build_spend(&raw, &vsize, &value, &h, &at, BTC_LEAF_CLAIM, to, 1000, 1) ==
		ERR_RANGE);
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	test_fee();
	test_select_rows();
	test_select_many();
	test_select_against_all();
	test_payment_size();
	test_payment_to_many();
	test_payment_refused();
	test_spend();
	test_spend_dust();
	return EXIT_SUCCESS;
}
