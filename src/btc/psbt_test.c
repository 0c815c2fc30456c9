#include "btc/psbt_internal.h"

#include "base/hex.h"
#include "btc/script.h"
#include "btc/vectors_psbt.h"
#include "btc/vectors_psbt_payments.h"

#define PAIRS 512u
#define TXS 64u
#define STORE (64u * 1024u)

/* Storage of one psbt. */
struct place {
	struct psbt_pair pair[PAIRS];
	struct btc_txin in[TXS];
	struct btc_txout out[TXS];
	uint8_t store[STORE];
};

static struct place places[4];

static struct psbt_room room(unsigned i)
{
	struct place *p = &places[i];
	return (struct psbt_room){
		p->pair, PAIRS, p->in, TXS, p->out, TXS, buf_init(p->store, sizeof p->store)};
}

static struct psbt parse(unsigned i, struct slice bytes)
{
	struct psbt p;
	const struct psbt_room r = room(i);
	CHECK(psbt_parse(&p, &r, bytes) == OK);
	return p;
}

static void expect_bytes(const struct psbt *p, struct slice want)
{
	static uint8_t bytes[STORE];
	struct buf out = buf_init(bytes, sizeof bytes);
	psbt_put(&out, p);
	CHECK(!out.overflow && slice_eq(buf_slice(&out), want));
}

/* The same fields in the same maps, in whatever order. */
static void expect_same(const struct psbt *a, const struct psbt *b)
{
	CHECK(a->pair_count == b->pair_count && a->tx.in_count == b->tx.in_count);
	for (uint32_t i = 0; i < a->pair_count; i++) {
		const struct psbt_pair *pair = &a->room.pair[i];
		struct slice other;
		CHECK(psbt_get(&other, b, psbt_map_of(a, pair->map), pair->type, pair->key));
		CHECK(slice_eq(pair->value, other));
	}
}

/* ---- reading and writing ---- */

static void test_published(void)
{
	struct psbt p;
	const struct psbt_room r = room(0);
	for (size_t i = 0; i < ARRAY_LEN(psbt_valid); i++) {
		const struct slice bytes = psbt_valid[i].bytes;
		p = parse(0, bytes);
		expect_bytes(&p, bytes);
		for (size_t len = 0; len < bytes.len; len++)
			CHECK(psbt_parse(&p, &r, slice_of(bytes.ptr, len)) == ERR_SHORT);
	}
	for (size_t i = 0; i < ARRAY_LEN(psbt_invalid); i++) {
		p.pair_count = 77;
		const enum err err = psbt_parse(&p, &r, psbt_invalid[i].bytes);
		CHECK(err == ERR_FORMAT || err == ERR_SHORT || err == ERR_RANGE);
		CHECK(p.pair_count == 77);
	}
}

static void test_locktimes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(psbt_locktimes); i++) {
		const struct psbt p = parse(0, psbt_locktimes[i].bytes);
		struct hash256 id;
		CHECK(p.locktime_known == psbt_locktimes[i].known);
		CHECK(psbt_id(&id, &p) == (p.locktime_known ? OK : ERR_STATE));
		if (p.locktime_known)
			CHECK(p.tx.locktime == psbt_locktimes[i].locktime);
	}
}

static void test_bounds(void)
{
	struct psbt p = parse(0, psbt_updated);
	const uint32_t pairs = p.pair_count;
	struct psbt_room r = room(0);
	CHECK(p.tx.in_count == 2 && p.tx.out_count == 2);
	r.in_max = 1;
	CHECK(psbt_parse(&p, &r, psbt_updated) == ERR_FULL);
	r = room(0);
	r.out_max = 1;
	CHECK(psbt_parse(&p, &r, psbt_updated) == ERR_FULL);
	r = room(0);
	r.pair_max = pairs - 1;
	CHECK(psbt_parse(&p, &r, psbt_updated) == ERR_FULL);
	r.pair_max = pairs;
	CHECK(psbt_parse(&p, &r, psbt_updated) == OK);
	/* a byte after the last map */
	uint8_t longer[4096];
	struct buf b = buf_init(longer, sizeof longer);
	buf_put(&b, psbt_updated.ptr, psbt_updated.len);
	buf_u8(&b, 0);
	CHECK(psbt_parse(&p, &r, buf_slice(&b)) == ERR_FORMAT);
}

/* A version nobody knows, and amounts over what there is. */
static void test_ranges(void)
{
	struct psbt p;
	const struct psbt_room r = room(0);
	uint8_t bytes[4096];
	struct buf b = buf_init(bytes, sizeof bytes);
	const uint8_t version[] = {0x01, 0xfb, 0x04, 0x01, 0, 0, 0};
	buf_put(&b, psbt_created.ptr, psbt_created.len - 5); /* without the ends of five maps */
	buf_put(&b, version, sizeof version);
	buf_put(&b, (const uint8_t[5]){0}, 5);
	CHECK(psbt_parse(&p, &r, buf_slice(&b)) == ERR_RANGE);
	bytes[psbt_created.len - 5 + 3] = 0;
	CHECK(psbt_parse(&p, &r, buf_slice(&b)) == OK && p.version == PSBT_V0);

	p = parse(0, psbt_created);
	struct btc_txout out[2] = {p.tx.out[0], p.tx.out[1]};
	struct btc_tx tx = p.tx;
	tx.out = out;
	out[0].value.raw = SAT_MAX_RAW - out[1].value.raw;
	const struct psbt_room other = room(1);
	CHECK(psbt_create(&p, &other, PSBT_V0, &tx) == OK);
	out[0].value.raw++;
	CHECK(psbt_create(&p, &other, PSBT_V0, &tx) == ERR_RANGE);
}

/* A tree of leaves is one where they close every branch. */
static void test_tap_tree(void)
{
	static const struct {
		const char *tree;
		enum err err;
	} rows[] = {
		{"00c00151", OK}, {"01c0015101c00151", OK}, {"01c0015102c0015102c00151", OK},
		{"02c0015102c0015101c00151", OK}, {"02c0015102c0015102c0015102c00151", OK},
		{"", ERR_FORMAT}, {"01c00151", ERR_FORMAT}, /* half of it */
		{"00c0015100c00151", ERR_FORMAT},           /* more than it */
		{"02c0015101c0015102c00151", ERR_FORMAT},   /* out of order */
		{"01c1015101c00151", ERR_FORMAT},           /* a version that can't be */
		{"81c0015181c00151", ERR_FORMAT},           /* too deep */
		{"01c0015101c002", ERR_FORMAT},             /* cut off */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct psbt p = parse(0, psbt_created);
		uint8_t bytes[64];
		size_t len;
		CHECK(hex_decode_var(bytes, &len, sizeof bytes, slice_str(rows[i].tree)) == OK);
		CHECK(psbt_set(&p, (struct psbt_map){PSBT_OUTPUT, 0}, PSBT_OUT_TAP_TREE,
			      psbt_no_key(), slice_of(bytes, len)) == rows[i].err);
	}
}

/* ---- roles ---- */

/* BIP-174's own example, from the transaction to the transaction. */
static void test_example(void)
{
	static uint8_t raw[4096];
	struct buf out = buf_init(raw, sizeof raw);
	const struct psbt given = parse(0, psbt_created);
	struct psbt made;
	const struct psbt_room r = room(1);
	CHECK(psbt_create(&made, &r, PSBT_V0, &given.tx) == OK);
	expect_bytes(&made, psbt_created);

	struct psbt one = parse(0, psbt_signer1);
	const struct psbt two = parse(1, psbt_signer2);
	struct psbt want = parse(2, psbt_combined);
	CHECK(psbt_combine(&one, &two) == OK);
	expect_same(&one, &want);
	CHECK(psbt_extract(&out, &want) == ERR_STATE && out.len == 0);
	CHECK(psbt_finalise(&want, 0) == OK && psbt_is_final(&want, 0) && !psbt_is_final(&want, 1));
	CHECK(psbt_extract(&out, &want) == ERR_STATE);
	CHECK(psbt_finalise(&want, 1) == OK && psbt_finalise(&want, 2) == ERR_NOT_FOUND);
	expect_bytes(&want, psbt_final);
	CHECK(psbt_finalise(&want, 0) == OK); /* once more changes nothing */
	expect_bytes(&want, psbt_final);
	CHECK(psbt_extract(&out, &want) == OK && slice_eq(buf_slice(&out), psbt_extracted));

	struct psbt core = parse(0, psbt_two_of_three);
	for (uint32_t i = 0; i < core.tx.in_count; i++)
		CHECK(psbt_finalise(&core, i) == OK);
}

/* Every kind of output, signed by others, in both versions. */
static void test_payments(void)
{
	static uint8_t raw[16384];
	for (size_t i = 0; i < ARRAY_LEN(psbt_payments); i++) {
		struct psbt p = parse(0, psbt_payments[i].unsigned_psbt);
		struct buf out = buf_init(raw, sizeof raw);
		expect_bytes(&p, psbt_payments[i].unsigned_psbt);
		for (uint32_t k = 0; k < p.tx.in_count; k++) {
			const uint32_t pairs = p.pair_count;
			CHECK(psbt_finalise(&p, k) == ERR_STATE && p.pair_count == pairs);
		}
		for (unsigned who = 0; who < 3; who++) {
			const struct psbt own = parse(1 + who, psbt_payments[i].signed_psbt[who]);
			CHECK(psbt_combine(&p, &own) == OK);
		}
		for (uint32_t k = 0; k < p.tx.in_count; k++)
			CHECK(psbt_finalise(&p, k) == OK);
		CHECK(psbt_extract(&out, &p) == OK);
		CHECK(slice_eq(buf_slice(&out), psbt_payments[i].extracted));
		struct buf small = buf_init(raw, psbt_payments[i].extracted.len - 1);
		CHECK(psbt_extract(&small, &p) == ERR_FULL);
	}
}

/* What one version says, created in the other, is the same payment. */
static void test_create_v2(void)
{
	const struct psbt given = parse(0, psbt_payments[0].unsigned_psbt);
	const struct psbt_room r = room(1);
	struct psbt made;
	struct psbt again;
	static uint8_t bytes[4096];
	struct buf out = buf_init(bytes, sizeof bytes);
	CHECK(psbt_create(&made, &r, PSBT_V2, &given.tx) == OK);
	psbt_put(&out, &made);
	again = parse(2, buf_slice(&out));
	CHECK(again.version == PSBT_V2);
	uint8_t a[2048];
	uint8_t b[2048];
	struct buf given_tx = buf_init(a, sizeof a);
	struct buf made_tx = buf_init(b, sizeof b);
	btc_tx_put_stripped(&given_tx, &given.tx);
	btc_tx_put_stripped(&made_tx, &again.tx);
	CHECK(slice_eq(buf_slice(&given_tx), buf_slice(&made_tx)));
	struct psbt_room small = room(3);
	small.store.cap = 40;
	CHECK(psbt_create(&made, &small, PSBT_V2, &given.tx) == ERR_FULL);
	small = room(3);
	small.pair_max = 6;
	CHECK(psbt_create(&made, &small, PSBT_V2, &given.tx) == ERR_FULL);
}

/* ---- what others may have got wrong, or want us to believe ---- */

static struct slice field(const struct psbt *p, uint32_t input, uint64_t type)
{
	struct slice value;
	CHECK(psbt_get(&value, p, (struct psbt_map){PSBT_INPUT, input}, type, psbt_no_key()));
	return value;
}

static void test_spent_output(void)
{
	struct psbt p = parse(0, psbt_payments[1].unsigned_psbt); /* P2WPKH with both fields */
	const struct psbt_map map = {PSBT_INPUT, 0};
	struct btc_txout spent;
	bool proven;
	CHECK(psbt_spent_output(&spent, &proven, &p, 0) == OK && proven);
	CHECK(spent.value.raw == 100000 && spent.script.len == 22);
	CHECK(psbt_spent_output(&spent, &proven, &p, 1) == ERR_NOT_FOUND);

	struct btc_txout more = spent; /* the amount that a signer is to believe, too large */
	more.value.raw++;
	CHECK(psbt_set_witness_utxo(&p, 0, &more) == OK);
	CHECK(psbt_spent_output(&spent, &proven, &p, 0) == ERR_CHECKSUM);

	p = parse(0, psbt_payments[1].unsigned_psbt); /* another transaction than the one spent */
	static uint8_t other[4096];
	const struct slice prev = field(&p, 0, PSBT_IN_NON_WITNESS_UTXO);
	memcpy(other, prev.ptr, prev.len);
	other[prev.len - 1] ^= 1; /* its lock time */
	CHECK(psbt_set_copy(&p, map, PSBT_IN_NON_WITNESS_UTXO, psbt_no_key(),
		      slice_of(other, prev.len)) == OK);
	CHECK(psbt_spent_output(&spent, &proven, &p, 0) == ERR_CHECKSUM);
	p.tx.in[0].prev.index = 2; /* no such output */
	CHECK(psbt_set(&p, map, PSBT_IN_NON_WITNESS_UTXO, psbt_no_key(), prev) == OK);
	CHECK(psbt_spent_output(&spent, &proven, &p, 0) == ERR_FORMAT);
}

static struct psbt signed_by_one(unsigned payment)
{
	return parse(0, psbt_payments[payment].signed_psbt[0]);
}

static enum err set_in(struct psbt *p, uint64_t type, const void *value, size_t len)
{
	return psbt_set_copy(
		p, (struct psbt_map){PSBT_INPUT, 0}, type, psbt_no_key(), slice_of(value, len));
}

static void test_hash_types(void)
{
	static const uint8_t all[4] = {0x01};
	static const uint8_t single[4] = {0x03};
	static const uint8_t by_default[4] = {0x00};
	const struct psbt_map map = {PSBT_INPUT, 0};
	struct psbt p = signed_by_one(1);
	CHECK(set_in(&p, PSBT_IN_SIGHASH_TYPE, single, 4) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);
	CHECK(set_in(&p, PSBT_IN_SIGHASH_TYPE, all, 4) == OK && psbt_finalise(&p, 0) == OK);

	p = signed_by_one(1); /* signed for anything else, and nobody asked for that */
	uint32_t at = 0;
	const struct psbt_pair *pair = psbt_next(&p, &at, map, PSBT_IN_PARTIAL_SIG);
	uint8_t sig[80];
	CHECK(pair != NULL && psbt_next(&p, &at, map, PSBT_IN_PARTIAL_SIG) == NULL);
	memcpy(sig, pair->value.ptr, pair->value.len);
	sig[pair->value.len - 1] = 0x02; /* NONE */
	CHECK(psbt_set_copy(&p, map, PSBT_IN_PARTIAL_SIG, pair->key,
		      slice_of(sig, pair->value.len)) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);

	p = signed_by_one(6); /* Taproot */
	memcpy(sig, field(&p, 0, PSBT_IN_TAP_KEY_SIG).ptr, 64);
	sig[64] = 0x00;
	CHECK(set_in(&p, PSBT_IN_TAP_KEY_SIG, sig, 65) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);
	sig[64] = 0x03;
	CHECK(set_in(&p, PSBT_IN_TAP_KEY_SIG, sig, 65) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);
	CHECK(set_in(&p, PSBT_IN_SIGHASH_TYPE, by_default, 4) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);
	CHECK(set_in(&p, PSBT_IN_TAP_KEY_SIG, sig, 64) == OK && psbt_finalise(&p, 0) == OK);
}

/* Scripts that are not those of the output. */
static void test_other_scripts(void)
{
	static uint8_t script[1024];
	static const struct {
		unsigned payment;
		uint64_t type;
	} rows[] = {{2, PSBT_IN_REDEEM_SCRIPT}, {3, PSBT_IN_REDEEM_SCRIPT},
		{4, PSBT_IN_WITNESS_SCRIPT}, {5, PSBT_IN_WITNESS_SCRIPT}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct psbt p = signed_by_one(rows[i].payment);
		const struct slice own = field(&p, 0, rows[i].type);
		memcpy(script, own.ptr, own.len);
		script[own.len - 1] ^= 1;
		CHECK(set_in(&p, rows[i].type, script, own.len) == OK);
		CHECK(psbt_finalise(&p, 0) == ERR_REJECTED);
	}
	/* without its previous transaction, what a script without witness spends is hearsay */
	struct psbt p = signed_by_one(0);
	struct btc_txout spent;
	bool proven;
	CHECK(psbt_spent_output(&spent, &proven, &p, 0) == OK && proven);
	for (uint32_t i = 0; i < p.pair_count; i++)
		if (p.room.pair[i].map == 1 && p.room.pair[i].type == PSBT_IN_NON_WITNESS_UTXO)
			p.room.pair[i].type = 0xf0;
	CHECK(psbt_set_witness_utxo(&p, 0, &spent) == OK);
	CHECK(psbt_finalise(&p, 0) == ERR_NOT_FOUND);
}

static void test_combine_refuses(void)
{
	static const uint8_t one[4] = {1};
	static const uint8_t two[4] = {2};
	const struct psbt_map map = {PSBT_INPUT, 0};
	struct psbt p = parse(0, psbt_payments[0].unsigned_psbt);
	struct psbt other = parse(1, psbt_payments[1].unsigned_psbt);
	CHECK(psbt_combine(&p, &other) == ERR_REJECTED);
	other = parse(1, psbt_payments[8].unsigned_psbt); /* the same, of version 2 */
	CHECK(psbt_combine(&p, &other) == ERR_REJECTED);
	other = parse(1, psbt_payments[0].signed_psbt[0]);
	CHECK(set_in(&p, PSBT_IN_SIGHASH_TYPE, one, 4) == OK);
	CHECK(set_in(&other, PSBT_IN_SIGHASH_TYPE, two, 4) == OK);
	const uint32_t pairs = p.pair_count;
	CHECK(psbt_combine(&p, &other) == ERR_EXISTS && p.pair_count == pairs);
	CHECK(set_in(&other, PSBT_IN_SIGHASH_TYPE, one, 4) == OK);
	p.room.pair_max = pairs;
	CHECK(psbt_combine(&p, &other) == ERR_FULL && p.pair_count == pairs);
	p.room.pair_max = PAIRS;
	/* unknown fields come along, and which is kept where both have one */
	CHECK(psbt_set(&p, map, 0x70, slice_of(one, 1), slice_of(one, 4)) == OK);
	CHECK(psbt_set(&other, map, 0x70, slice_of(one, 1), slice_of(two, 4)) == OK);
	CHECK(psbt_set(&other, map, 0x70, slice_of(two, 1), slice_of(two, 4)) == OK);
	CHECK(psbt_combine(&p, &other) == OK);
	struct slice value;
	CHECK(psbt_get(&value, &p, map, 0x70, slice_of(one, 1)) && value.ptr == one);
	CHECK(psbt_get(&value, &p, map, 0x70, slice_of(two, 1)) && value.ptr == two);
}

static void test_modifiable(void)
{
	static const struct {
		uint8_t own, other, want;
	} rows[] = {{3, 3, 3}, {3, 2, 2}, {1, 2, 0}, {7, 3, 7}, {4, 0, 4}, {0, 0, 0}};
	const struct psbt_map global = {PSBT_GLOBAL, 0};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct psbt p = parse(0, psbt_payments[8].unsigned_psbt);
		struct psbt other = parse(1, psbt_payments[8].unsigned_psbt);
		CHECK(psbt_set(&p, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key(),
			      slice_of(&rows[i].own, 1)) == OK);
		CHECK(psbt_set(&other, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key(),
			      slice_of(&rows[i].other, 1)) == OK);
		CHECK(psbt_combine(&p, &other) == OK);
		struct slice value;
		CHECK(psbt_get(&value, &p, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key()));
		CHECK(value.len == 1 && value.ptr[0] == rows[i].want);
	}
}

static void test_set_refuses(void)
{
	static const uint8_t bytes[80] = {0x02};
	const struct psbt_map in = {PSBT_INPUT, 0};
	struct psbt p = parse(0, psbt_payments[0].unsigned_psbt);
	const uint32_t pairs = p.pair_count;
	CHECK(psbt_set(&p, in, PSBT_IN_SEQUENCE, psbt_no_key(), slice_of(bytes, 4)) == ERR_FORMAT);
	CHECK(psbt_set(&p, in, PSBT_IN_PARTIAL_SIG, slice_of(bytes, 33), slice_of(bytes, 71)) ==
		ERR_FORMAT); /* no point of the curve */
	CHECK(psbt_set(&p, (struct psbt_map){PSBT_INPUT, 1}, 0x70, psbt_no_key(),
		      slice_of(bytes, 4)) == ERR_NOT_FOUND);
	CHECK(psbt_set(&p, (struct psbt_map){PSBT_GLOBAL, 0}, PSBT_GLOBAL_UNSIGNED_TX,
		      psbt_no_key(), slice_of(bytes, 4)) == ERR_STATE);
	p.room.store.cap = p.room.store.len + 7;
	CHECK(psbt_set_copy(&p, in, 0x70, slice_of(bytes, 4), slice_of(bytes, 4)) == ERR_FULL);
	CHECK(p.pair_count == pairs);
	CHECK(psbt_set_copy(&p, in, 0x70, slice_of(bytes, 3), slice_of(bytes, 4)) == OK);
	CHECK(p.pair_count == pairs + 1);
	/* of version 2, a sequence reaches the transaction */
	p = parse(0, psbt_payments[8].unsigned_psbt);
	CHECK(p.tx.in[0].sequence == 0xfffffffd);
	CHECK(psbt_set(&p, in, PSBT_IN_SEQUENCE, psbt_no_key(), slice_of(bytes, 4)) == OK);
	CHECK(p.tx.in[0].sequence == 2);
}

int main(void)
{
	test_published();
	test_locktimes();
	test_bounds();
	test_ranges();
	test_tap_tree();
	test_example();
	test_payments();
	test_create_v2();
	test_spent_output();
	test_hash_types();
	test_other_scripts();
	test_combine_refuses();
	test_modifiable();
	test_set_refuses();
	return 0;
}
