/* Sweeps there and back: every kind of descriptor, both versions of PSBT, by halves and final; and
 * what comes back that is not what was asked for. That signers of others understand them is shown
 * with Bitcoin Core (tests/live/deposits.py). */
#include "wire/sweep.h"

#include "base/hex.h"
#include "btc/sighash.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define INPUTS 3u
#define KEYS 3u
#define RATE 5000u
#define BYTES_MAX 16384u

static struct descriptor d;
static struct sweep sweep;
static const uint8_t home[34] = {0x51, 0x20, 7};
static char detail[SWEEP_DETAIL_SIZE];

static void secret(struct seckey *out, uint32_t k)
{
	*out = (struct seckey){{[30] = 1, [31] = (uint8_t)(k + 1)}};
}

static void public(struct pubkey *out, uint32_t k)
{
	struct seckey key;
	secret(&key, k);
	CHECK(pubkey_from_seckey(out, &key) == OK);
}

/* The text with %1, %2, %3 as keys. */
static void describe(const char *text)
{
	char out[512];
	struct buf b = buf_init(out, sizeof out);
	for (const char *p = text; *p != '\0'; p++) {
		struct pubkey key;
		char hex[67];
		if (*p != '%') {
			buf_u8(&b, (uint8_t)*p);
			continue;
		}
		public(&key, (uint32_t)(*++p - '1'));
		hex_encode(hex, key.b, sizeof key.b);
		buf_printf(&b, "%s", hex);
	}
	CHECK(!b.overflow);
	CHECK(descriptor_parse_unchecked(&d, network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		      buf_slice(&b)) == OK);
	CHECK(sweep_can_spend(&d));
	sweep = (struct sweep){.descriptor = &d,
		.input_count = INPUTS,
		.to = slice_of(home, sizeof home),
		.fee = sweep_fee(&d, INPUTS, sizeof home, RATE)};
	for (uint32_t i = 0; i < INPUTS; i++)
		sweep.input[i] = (struct sweep_input){
			.at = {.txid = {{(uint8_t)(i + 1), 9}}, .index = i}, .value = {50000 + i}};
}

/* ---- a signer ---- */

struct paper {
	struct psbt_pair pair[256];
	struct btc_txin in[8];
	struct btc_txout out[4];
	uint8_t store[BYTES_MAX], bytes[BYTES_MAX];
	size_t len;
	struct psbt p;
};

static struct paper paper;

static void paper_open(struct paper *a, enum psbt_version version)
{
	struct buf out = buf_init(a->bytes, sizeof a->bytes);
	const struct psbt_room room = {a->pair, ARRAY_LEN(a->pair), a->in, ARRAY_LEN(a->in), a->out,
		ARRAY_LEN(a->out), buf_init(a->store, sizeof a->store)};
	CHECK(sweep_psbt_put(&out, &sweep, version) == OK);
	a->len = out.len;
	CHECK(psbt_parse(&a->p, &room, buf_slice(&out)) == OK && a->p.version == version);
}

static void sighash(struct hash256 *out, const struct psbt *p, uint32_t i)
{
	static struct descriptor_scripts of;
	struct btc_txout spent[INPUTS];
	struct btc_sighash_cache cache;
	uint8_t code[25];
	CHECK(descriptor_derive(&of, &d, 0, 0) == OK);
	for (uint32_t k = 0; k < INPUTS; k++)
		spent[k] = (struct btc_txout){.value = sweep.input[k].value,
			.script = slice_of(of.output, of.output_len)};
	btc_sighash_prepare(&cache, &p->tx, spent);
	btc_script_p2pkh(code, of.output + 2);
	if (d.script.kind == DESCRIPTOR_TR)
		btc_sighash_key_path(out, &cache, &p->tx, i);
	else if (d.wsh)
		btc_sighash_v0(out, &cache, &p->tx, i, slice_of(of.witness, of.witness_len),
			sweep.input[i].value);
	else
		btc_sighash_v0(
			out, &cache, &p->tx, i, slice_of(code, sizeof code), sweep.input[i].value);
}

static size_t put_der_number(uint8_t *out, const uint8_t n[32])
{
	size_t skip = 0;
	while (skip < 31 && n[skip] == 0)
		skip++;
	const size_t pad = (n[skip] & 0x80) != 0 ? 1 : 0, len = 32 - skip + pad;
	out[0] = 0x02;
	out[1] = (uint8_t)len;
	out[2] = 0;
	memcpy(out + 2 + pad, n + skip, 32 - skip);
	return 2 + len;
}

/* DER and its hash type. */
static size_t put_der(uint8_t out[80], const uint8_t sig[64], uint8_t type)
{
	size_t len = 2;
	len += put_der_number(out + len, sig);
	len += put_der_number(out + len, sig + 32);
	out[0] = 0x30;
	out[1] = (uint8_t)(len - 2);
	out[len++] = type;
	return len;
}

/* By key k; `message` may be another one's, `type` another kind. */
static void sign_as(
	struct psbt *p, uint32_t i, uint32_t k, const struct hash256 *message, uint8_t type)
{
	static const uint8_t aux[32];
	struct seckey key, tweaked;
	struct pubkey own;
	uint8_t sig[80], der[80];
	int recovery;
	const struct psbt_map map = {PSBT_INPUT, i};
	secret(&key, k);
	public(&own, k);
	if (d.script.kind == DESCRIPTOR_TR) {
		CHECK(taproot_seckey(&tweaked, &key, NULL) == OK);
		CHECK(schnorr_sign(sig, message, &tweaked, aux) == OK);
		sig[64] = type;
		CHECK(psbt_set_copy(p, map, PSBT_IN_TAP_KEY_SIG, slice_of(NULL, 0),
			      slice_of(sig, type == 0 ? 64 : 65)) == OK);
		return;
	}
	CHECK(ecdsa_sign(sig, &recovery, message, &key) == OK);
	CHECK(psbt_set_copy(p, map, PSBT_IN_PARTIAL_SIG, slice_of(own.b, sizeof own.b),
		      slice_of(der, put_der(der, sig, type))) == OK);
}

static uint8_t usual_type(void)
{
	return d.script.kind == DESCRIPTOR_TR ? 0 : 1;
}

static void sign(struct psbt *p, uint32_t i, uint32_t k)
{
	struct hash256 message;
	sighash(&message, p, i);
	sign_as(p, i, k, &message, usual_type());
}

static void sign_all(struct psbt *p)
{
	for (uint32_t i = 0; i < INPUTS; i++)
		for (uint32_t k = 0; k < d.script.threshold || k < 1; k++)
			sign(p, i, k + (d.wsh ? 1 : 0)); /* of a multisignature the later keys */
}

static enum err take_bytes(struct slice psbt, struct btc_tx *tx)
{
	static uint8_t raw[BYTES_MAX];
	struct buf out = buf_init(raw, sizeof raw);
	size_t used;
	const enum err err = sweep_psbt_take(&out, detail, &sweep, psbt);
	if (err != OK) {
		CHECK(out.len == 0 && detail[0] != '\0');
		return err;
	}
	CHECK(btc_tx_parse(tx, &used, 8, 4, buf_slice(&out)) == OK && used == out.len);
	return OK;
}

static enum err take(const struct psbt *p)
{
	static uint8_t bytes[BYTES_MAX], ours[BYTES_MAX], theirs[BYTES_MAX];
	struct btc_txin in[8];
	struct btc_txout out[4];
	struct btc_tx tx = {.in = in, .out = out};
	struct buf b = buf_init(bytes, sizeof bytes);
	struct hash256 txid;
	psbt_put(&b, p);
	CHECK(!b.overflow);
	const enum err err = take_bytes(buf_slice(&b), &tx);
	if (err != OK)
		return err;
	/* what is sent is what was made known, with witnesses and nothing else */
	struct buf want = buf_init(ours, sizeof ours), got = buf_init(theirs, sizeof theirs);
	CHECK(sweep_tx(&want, &txid, &sweep) == OK);
	btc_tx_put_stripped(&got, &tx);
	CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
	/* the fee was reckoned for no less than that */
	const uint64_t weight = btc_tx_weight(&tx);
	CHECK(btc_fee((weight + 3) / 4, RATE).raw <= sweep.fee.raw);
	CHECK(sweep.fee.raw <= btc_fee((weight + 3) / 4 + INPUTS * 2, RATE).raw);
	return OK;
}

/* ---- there and back ---- */

static void test_back(const char *text, enum psbt_version version)
{
	describe(text);
	paper_open(&paper, version);
	CHECK(take(&paper.p) == ERR_STATE);
	sign_all(&paper.p);
	CHECK(take(&paper.p) == OK);
	/* final, as Bitcoin Core's wallet hands it back */
	for (uint32_t i = 0; i < INPUTS; i++)
		CHECK(psbt_finalise(&paper.p, i) == OK);
	CHECK(take(&paper.p) == OK);
	/* one of several signatures is not enough */
	paper_open(&paper, version);
	sign_all(&paper.p);
	paper.p.pair_count = 0;
	paper_open(&paper, version);
	for (uint32_t i = 0; i + 1 < INPUTS; i++)
		sign(&paper.p, i, d.wsh ? 1 : 0);
	CHECK(take(&paper.p) == ERR_STATE);
}

/* ---- hostile ---- */

static void test_other_kind_of_signature(const char *text)
{
	static const uint8_t types[] = {0, 1, 2, 3, 0x81, 0x82, 0x83};
	struct hash256 message;
	describe(text);
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		uint8_t field[4];
		if (types[t] == usual_type())
			continue;
		/* the signature says so */
		paper_open(&paper, PSBT_V0);
		sign_all(&paper.p);
		sighash(&message, &paper.p, 1);
		sign_as(&paper.p, 1, d.wsh ? 1 : 0, &message, types[t]);
		CHECK(take(&paper.p) != OK);
		/* the field does: it would make a signer sign less */
		paper_open(&paper, PSBT_V0);
		sign_all(&paper.p);
		store_le32(field, types[t]);
		CHECK(psbt_set_copy(&paper.p, (struct psbt_map){PSBT_INPUT, 1},
			      PSBT_IN_SIGHASH_TYPE, slice_of(NULL, 0),
			      slice_of(field, sizeof field)) == OK);
		CHECK(take(&paper.p) == ERR_REJECTED && strstr(detail, "kind") != NULL);
	}
}

static void test_signature_of_another(const char *text)
{
	struct hash256 message;
	describe(text);
	/* of another input */
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	sighash(&message, &paper.p, 0);
	sign_as(&paper.p, 1, d.wsh ? 1 : 0, &message, usual_type());
	CHECK(take(&paper.p) == ERR_CHECKSUM && strstr(detail, "input 1") != NULL);
	/* by another key, under the right one's name */
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	message.b[0] ^= 1;
	sign_as(&paper.p, 2, d.wsh ? 1 : 0, &message, usual_type());
	CHECK(take(&paper.p) == ERR_CHECKSUM && strstr(detail, "input 2") != NULL);
}

/* The same sweep but for one thing, signed well. */
static void test_another_transaction(const char *text)
{
	static const uint8_t thief[34] = {0x51, 0x20, 8};
	describe(text);
	const struct sweep asked = sweep;
	for (unsigned what = 0; what < 6; what++) {
		sweep = asked;
		switch (what) {
		case 0: sweep.to = slice_of(thief, sizeof thief); break;
		case 1: sweep.fee.raw++; break;
		case 2: sweep.input[2].at.index++; break;
		case 3: sweep.input_count--; break;
		case 4: {
			const struct sweep_input first = sweep.input[0];
			sweep.input[0] = sweep.input[1];
			sweep.input[1] = first;
			break;
		}
		default: sweep.input[0].at.txid.b[31] ^= 1; break;
		}
		paper_open(&paper, PSBT_V0);
		if (sweep.input_count == INPUTS)
			sign_all(&paper.p);
		sweep = asked;
		CHECK(take(&paper.p) == ERR_REJECTED);
		CHECK(strstr(detail, "another transaction") != NULL);
	}
	/* other amounts: the transaction is the same, what is signed is not */
	sweep.input[0].value.raw++;
	sweep.fee.raw++;
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	sweep = asked;
	CHECK(take(&paper.p) == ERR_REJECTED && strstr(detail, "another output") != NULL);
}

static void set_final(struct psbt *p, uint64_t type, struct slice value)
{
	CHECK(psbt_set_copy(p, (struct psbt_map){PSBT_INPUT, 1}, type, slice_of(NULL, 0), value) ==
		OK);
}

/* Witnesses that nobody would take, or that are not the address's own. */
static void test_final_forms(const char *text)
{
	static const uint8_t empty[] = {0}, one[] = {1, 0}, many[] = {3, 1, 1, 1, 1, 1, 1};
	static const uint8_t script[] = {0x51};
	const struct slice bad[] = {slice_of(empty, 1), slice_of(one, 2), slice_of(many, 7)};
	struct slice whole;
	uint8_t more[1024];
	describe(text);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		paper_open(&paper, PSBT_V0);
		sign_all(&paper.p);
		for (uint32_t k = 0; k < INPUTS; k++)
			CHECK(psbt_finalise(&paper.p, k) == OK);
		set_final(&paper.p, PSBT_IN_FINAL_SCRIPTWITNESS, bad[i]);
		CHECK(take(&paper.p) != OK);
	}
	/* a good one, and an item more */
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	for (uint32_t k = 0; k < INPUTS; k++)
		CHECK(psbt_finalise(&paper.p, k) == OK);
	CHECK(psbt_get(&whole, &paper.p, (struct psbt_map){PSBT_INPUT, 1},
		PSBT_IN_FINAL_SCRIPTWITNESS, slice_of(NULL, 0)));
	CHECK(whole.len + 2 < sizeof more);
	memcpy(more, whole.ptr, whole.len);
	more[0]++;
	more[whole.len] = 0;
	set_final(&paper.p, PSBT_IN_FINAL_SCRIPTWITNESS, slice_of(more, whole.len + 1));
	CHECK(take(&paper.p) == ERR_CHECKSUM);
	/* a script besides would change the transaction's id */
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	for (uint32_t k = 0; k < INPUTS; k++)
		CHECK(psbt_finalise(&paper.p, k) == OK);
	set_final(&paper.p, PSBT_IN_FINAL_SCRIPTSIG, slice_of(script, sizeof script));
	CHECK(take(&paper.p) == ERR_REJECTED);
}

/* Whatever bit is turned on the way: it is refused, or it is the same transaction (take says so).
 */
static void test_any_bit(const char *text)
{
	static uint8_t bytes[BYTES_MAX], ours[BYTES_MAX], theirs[BYTES_MAX];
	struct btc_txin in[8];
	struct btc_txout outs[4];
	struct btc_tx tx = {.in = in, .out = outs};
	struct hash256 txid;
	describe(text);
	paper_open(&paper, PSBT_V0);
	sign_all(&paper.p);
	struct buf b = buf_init(bytes, sizeof bytes);
	psbt_put(&b, &paper.p);
	struct buf want = buf_init(ours, sizeof ours);
	CHECK(sweep_tx(&want, &txid, &sweep) == OK);
	for (size_t at = 0; at < b.len; at++) {
		bytes[at] ^= (uint8_t)(1u << (at % 8));
		if (take_bytes(buf_slice(&b), &tx) == OK) {
			struct buf got = buf_init(theirs, sizeof theirs);
			btc_tx_put_stripped(&got, &tx);
			CHECK(slice_eq(buf_slice(&want), buf_slice(&got)));
		}
		bytes[at] ^= (uint8_t)(1u << (at % 8));
	}
	for (size_t len = 0; len < b.len; len++)
		CHECK(take_bytes(slice_of(bytes, len), &tx) != OK);
}

/* ---- paths ---- */

/* Each key is found by its origin and the index. */
static void test_paths(void)
{
	static const char text[] =
		"wpkh([deadbeef/84h/1]tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4"
		"kCb7"
		"R8mjYFpiPWgjakugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL/5/*)";
	static const uint8_t want[] = {
		0xde, 0xad, 0xbe, 0xef, 84, 0, 0, 0x80, 1, 0, 0, 0, 5, 0, 0, 0, 42, 0, 0, 0};
	uint32_t at = 0;
	describe("wpkh(%1)");
	CHECK(descriptor_parse_unchecked(&d, network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		      slice_str(text)) == OK);
	sweep.input[1].index = 42;
	paper_open(&paper, PSBT_V2);
	const struct psbt_pair *pair = psbt_next(
		&paper.p, &at, (struct psbt_map){PSBT_INPUT, 1}, PSBT_IN_BIP32_DERIVATION);
	CHECK(pair != NULL && slice_eq(pair->value, slice_of(want, sizeof want)));
	CHECK(pair->key.len == 33);
}

static void test_bounds(void)
{
	struct buf none = buf_init(paper.bytes, sizeof paper.bytes);
	struct hash256 txid;
	describe("wpkh(%1)");
	CHECK(sweep_inputs_max(&d) == BTC_INPUT_MAX);
	sweep.input_count = 0;
	CHECK(sweep_tx(&none, &txid, &sweep) == ERR_RANGE);
	describe("wpkh(%1)");
	sweep.fee.raw = 50000 + 50001 + 50002;
	CHECK(sweep_tx(&none, &txid, &sweep) == ERR_RANGE);
	describe("wsh(multi(3,%1,%2,%3,%1,%2,%3,%1))");
	CHECK(sweep_inputs_max(&d) > 0 && sweep_inputs_max(&d) < BTC_INPUT_MAX);
}

int main(void)
{
	static const char *const all[] = {"wpkh(%1)", "tr(%1)", "wsh(multi(1,%1,%2))",
		"wsh(multi(2,%1,%2,%3))", "wsh(sortedmulti(2,%3,%2,%1))"};
	const uint8_t seed[32] = {1};
	secp_init(seed);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		test_back(all[i], PSBT_V0);
		test_back(all[i], PSBT_V2);
		test_other_kind_of_signature(all[i]);
		test_signature_of_another(all[i]);
		test_another_transaction(all[i]);
		test_final_forms(all[i]);
		test_any_bit(all[i]);
	}
	test_paths();
	test_bounds();
	return EXIT_SUCCESS;
}
