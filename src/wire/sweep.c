#include "wire/sweep.h"

#include "btc/sighash.h"
#include "crypto/hash.h"

#include <stdio.h>

#define PAIRS_MAX 4096u
#define SIGNATURE_DER_MAX 72u /* low S, and its hash type */
#define SIGHASH_ALL 0x01u
#define SIGHASH_NONE_STATED UINT32_MAX
#define WITNESS_SCALE 4u
#define KEYS_PATH_MAX (2u * DESCRIPTOR_STEPS_MAX + 1u)
#define PATH_SIZE_MAX (4u + 4u * KEYS_PATH_MAX)

static const struct slice no_key = {NULL, 0};

/* Storage of one PSBT while it is made or read. */
struct place {
	struct psbt_pair pair[PAIRS_MAX];
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[BTC_PAYEE_MAX]; /* of what comes back: more than we make */
	uint8_t store[SWEEP_PSBT_MAX];
};

static struct psbt_room room_of(struct place *p)
{
	return (struct psbt_room){.pair = p->pair,
		.pair_max = PAIRS_MAX,
		.in = p->in,
		.in_max = BTC_INPUT_MAX,
		.out = p->out,
		.out_max = ARRAY_LEN(p->out),
		.store = buf_init(p->store, sizeof p->store)};
}

/* ---- what can be swept, and what it costs ---- */

bool sweep_can_spend(const struct descriptor *d)
{
	const enum descriptor_kind kind = d->script.kind;
	if (d->sh)
		return false;
	if (d->wsh)
		return kind == DESCRIPTOR_MULTI || kind == DESCRIPTOR_SORTEDMULTI;
	return kind == DESCRIPTOR_WPKH || (kind == DESCRIPTOR_TR && d->leaf_count == 0);
}

static size_t multi_script_size(const struct descriptor *d)
{
	return 3 + 34 * (size_t)d->script.key_count;
}

/* A stack with its count, at its longest. */
static size_t witness_size(const struct descriptor *d)
{
	if (d->script.kind == DESCRIPTOR_TR)
		return 1 + 1 + 64;
	if (d->script.kind == DESCRIPTOR_WPKH)
		return 1 + 1 + SIGNATURE_DER_MAX + 1 + 33;
	return 1 + 1 + d->script.threshold * (1 + SIGNATURE_DER_MAX) + 3 + multi_script_size(d);
}

uint32_t sweep_inputs_max(const struct descriptor *d)
{
	const size_t keys = d->script.key_count;
	const size_t tx = btc_sizes.input_base + witness_size(d);
	/* each key's path, and a signature of each */
	const size_t psbt = 128 + multi_script_size(d) + keys * (2 * 40 + PATH_SIZE_MAX + 73);
	const size_t fits = (SWEEP_TX_MAX - 256) / tx, psbts = (SWEEP_PSBT_MAX - 256) / psbt;
	const size_t least = fits < psbts ? fits : psbts;
	return least < BTC_INPUT_MAX ? (uint32_t)least : BTC_INPUT_MAX;
}

struct sat sweep_fee(const struct descriptor *d, uint32_t input_count, size_t to_len, uint64_t rate)
{
	const uint64_t input = WITNESS_SCALE * btc_sizes.input_base + witness_size(d);
	_Static_assert(BTC_INPUT_MAX < 0xfd, "inputs are counted by one byte, as is the output");
	const uint64_t weight = WITNESS_SCALE * (btc_sizes.fixed_base + 1 + 1) +
		btc_sizes.fixed_witness + input_count * input +
		btc_output_weight(&btc_sizes, to_len);
	return btc_fee((weight + WITNESS_SCALE - 1) / WITNESS_SCALE, rate);
}

/* ---- the transaction ---- */

static enum err make_tx(struct btc_tx *tx, const struct sweep *s)
{
	struct sat sum = {0};
	if (s->input_count == 0 || s->input_count > BTC_INPUT_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < s->input_count; i++) {
		tx->in[i] = (struct btc_txin){.prev = s->input[i].at, .sequence = BTC_SEQUENCE_RBF};
		if (s->input[i].value.raw > SAT_MAX_RAW || !sat_add(&sum, sum, s->input[i].value))
			return ERR_RANGE;
	}
	tx->version = 2;
	tx->in_count = s->input_count;
	tx->out_count = 1;
	tx->out[0].script = s->to;
	return sat_sub(&tx->out[0].value, sum, s->fee) && tx->out[0].value.raw > 0 ? OK : ERR_RANGE;
}

enum err sweep_tx(struct buf *raw, struct hash256 *txid, const struct sweep *s)
{
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[1];
	struct btc_tx tx = {.in = in, .out = out};
	TRY(make_tx(&tx, s));
	btc_tx_put_stripped(raw, &tx);
	btc_tx_id(txid, &tx);
	return raw->overflow ? ERR_FULL : OK;
}

/* ---- out ---- */

static enum err scripts_of(struct descriptor_scripts *out, const struct sweep *s, uint32_t input)
{
	return descriptor_derive(out, s->descriptor, 0, s->input[input].index);
}

/* Where a signer finds the key: fingerprint and steps from there. */
static void put_path(struct buf *out, const struct descriptor_key *key, uint32_t index)
{
	if (key->has_origin) {
		buf_put(out, key->fingerprint, sizeof key->fingerprint);
		for (uint32_t i = 0; i < key->origin_count; i++)
			buf_le32(out, key->origin[i]);
	} else {
		uint8_t own[4];
		xpub_fingerprint(own, &key->xpub);
		buf_put(out, own, sizeof own);
	}
	for (uint32_t i = 0; key->extended && i < key->step_count; i++)
		buf_le32(out, key->step[i]);
	if (key->extended && key->ranged)
		buf_le32(out, index);
	CHECK(!out->overflow);
}

/* A plain key without origin is nobody's child: it has no path. */
static enum err put_derivation(struct psbt *p, struct psbt_map map, const struct sweep *s,
	uint32_t k, uint32_t index, bool taproot)
{
	const struct descriptor_key *key = &s->descriptor->key[k];
	uint8_t point[DESCRIPTOR_KEY_MAX], value[1 + PATH_SIZE_MAX];
	struct buf out = buf_init(value, sizeof value);
	size_t len;
	TRY(descriptor_key_at(point, &len, key, 0, index));
	if (taproot)
		buf_u8(&out, 0); /* in no leaf */
	if (key->extended || key->has_origin)
		put_path(&out, key, index);
	else
		return OK;
	return taproot ? psbt_set_copy(p, map, PSBT_IN_TAP_BIP32_DERIVATION,
				 slice_of(point + 1, 32), buf_slice(&out))
		       : psbt_set_copy(p, map, PSBT_IN_BIP32_DERIVATION, slice_of(point, len),
				 buf_slice(&out));
}

static enum err put_taproot(struct psbt *p, struct psbt_map map, const struct sweep *s, uint32_t i)
{
	const uint32_t k = s->descriptor->script.key, index = s->input[i].index;
	uint8_t point[DESCRIPTOR_KEY_MAX];
	size_t len;
	TRY(descriptor_key_at(point, &len, &s->descriptor->key[k], 0, index));
	TRY(psbt_set_copy(p, map, PSBT_IN_TAP_INTERNAL_KEY, no_key, slice_of(point + 1, 32)));
	return put_derivation(p, map, s, k, index, true);
}

static enum err put_input(struct psbt *p, const struct sweep *s, uint32_t i)
{
	const struct psbt_map map = {PSBT_INPUT, i};
	const struct descriptor *d = s->descriptor;
	struct descriptor_scripts scripts;
	TRY(scripts_of(&scripts, s, i));
	const struct btc_txout spent = {
		.value = s->input[i].value, .script = slice_of(scripts.output, scripts.output_len)};
	TRY(psbt_set_witness_utxo(p, i, &spent));
	if (d->script.kind == DESCRIPTOR_TR)
		return put_taproot(p, map, s, i);
	if (scripts.witness_len > 0)
		TRY(psbt_set_copy(p, map, PSBT_IN_WITNESS_SCRIPT, no_key,
			slice_of(scripts.witness, scripts.witness_len)));
	for (uint32_t k = 0; k < d->script.key_count; k++)
		TRY(put_derivation(p, map, s, d->script.key + k, s->input[i].index, false));
	return OK;
}

enum err sweep_psbt_put(struct buf *out, const struct sweep *s, enum psbt_version version)
{
	static _Thread_local struct place place;
	const struct psbt_room room = room_of(&place);
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout outputs[1];
	struct btc_tx tx = {.in = in, .out = outputs};
	struct psbt p;
	TRY(make_tx(&tx, s));
	TRY(psbt_create(&p, &room, version, &tx));
	for (uint32_t i = 0; i < s->input_count; i++)
		TRY(put_input(&p, s, i));
	psbt_put(out, &p);
	return out->overflow ? ERR_FULL : OK;
}

/* ---- in ---- */

/* One sweep while what came back is looked at. */
struct taking {
	const struct sweep *s;
	struct psbt p;
	struct btc_sighash_cache cache;
	struct descriptor_scripts scripts; /* of the input that is looked at */
	char *detail;
};

PRINTF_LIKE(3, 4)
static enum err refuse(struct taking *t, enum err err, const char *fmt, ...)
{
	struct buf out = buf_init(t->detail, SWEEP_DETAIL_SIZE);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&out, fmt, args);
	va_end(args);
	(void)buf_cstr(&out);
	return err;
}

static bool same_tx(const struct psbt *p, const struct sweep *s)
{
	static _Thread_local uint8_t ours[SWEEP_TX_MAX], theirs[SWEEP_TX_MAX];
	struct buf a = buf_init(ours, sizeof ours), b = buf_init(theirs, sizeof theirs);
	struct hash256 txid;
	if (!p->locktime_known || sweep_tx(&a, &txid, s) != OK)
		return false;
	btc_tx_put_stripped(&b, &p->tx);
	return !b.overflow && slice_eq(buf_slice(&a), buf_slice(&b));
}

/* BIP-143 and BIP-341 commit to what is spent: what they say of it must be so, and what they leave
 * out we know. */
static enum err complete(struct taking *t, uint32_t i)
{
	const struct psbt_map map = {PSBT_INPUT, i};
	const struct slice script = slice_of(t->scripts.output, t->scripts.output_len);
	const struct btc_txout ours = {.value = t->s->input[i].value, .script = script};
	struct btc_txout theirs;
	struct slice value;
	bool proven;
	const enum err err = psbt_spent_output(&theirs, &proven, &t->p, i);
	if (err == ERR_NOT_FOUND)
		TRY(psbt_set_witness_utxo(&t->p, i, &ours));
	else if (err != OK || theirs.value.raw != ours.value.raw ||
		!slice_eq(theirs.script, script))
		return refuse(t, ERR_REJECTED, "input %u: it spends another output", i);
	if (t->scripts.witness_len > 0 &&
		!psbt_get(&value, &t->p, map, PSBT_IN_WITNESS_SCRIPT, no_key) &&
		!psbt_is_final(&t->p, i))
		TRY(psbt_set_copy(&t->p, map, PSBT_IN_WITNESS_SCRIPT, no_key,
			slice_of(t->scripts.witness, t->scripts.witness_len)));
	return OK;
}

/* Signatures cover everything, whatever the field asks its signers for. */
static enum err check_hash_type(struct taking *t, uint32_t i)
{
	struct slice value;
	const bool taproot = t->s->descriptor->script.kind == DESCRIPTOR_TR;
	if (psbt_get(&value, &t->p, (struct psbt_map){PSBT_INPUT, i}, PSBT_IN_SIGHASH_TYPE,
		    no_key) &&
		(value.len != 4 || load_le32(value.ptr) != (taproot ? 0 : SIGHASH_ALL)))
		return refuse(
			t, ERR_REJECTED, "input %u: it asks for another kind of signature", i);
	return OK;
}

static enum err finalise(struct taking *t, uint32_t i)
{
	const enum err err = psbt_finalise(&t->p, i);
	switch (err == OK || err == ERR_STATE || err == ERR_FULL ? (int)err : (int)ERR_REJECTED) {
	case OK: return OK;
	case ERR_STATE: return refuse(t, err, "input %u: signatures are missing", i);
	case ERR_FULL: return refuse(t, err, "input %u: more than fits", i);
	default:
		return refuse(t, ERR_REJECTED,
			"input %u: its scripts or the kind of its signatures are others than asked "
			"for",
			i);
	}
}

/* A signature of ECDSA with its hash type, over an input by its script code. */
static bool ecdsa_good(
	struct taking *t, uint32_t i, struct slice sig, struct slice code, struct slice key)
{
	struct hash256 message;
	struct pubkey point;
	uint8_t plain[64];
	if (sig.len < 2 || sig.ptr[sig.len - 1] != SIGHASH_ALL || key.len != sizeof point.b ||
		ecdsa_from_der(plain, slice_of(sig.ptr, sig.len - 1)) != OK)
		return false;
	memcpy(point.b, key.ptr, key.len);
	btc_sighash_v0(&message, &t->cache, &t->p.tx, i, code, t->s->input[i].value);
	return ecdsa_verify(plain, &message, &point);
}

static bool key_hash_good(struct taking *t, uint32_t i, struct slice witness)
{
	uint8_t hash[20], code[25];
	if (btc_witness_count(witness) != 2)
		return false;
	const struct slice key = btc_witness_item(witness, 1);
	hash160(hash, key);
	if (memcmp(hash, t->scripts.output + 2, sizeof hash) != 0)
		return false;
	btc_script_p2pkh(code, hash);
	return ecdsa_good(t, i, btc_witness_item(witness, 0), slice_of(code, sizeof code), key);
}

/* As CHECKMULTISIG: signatures in the order of their keys. The script is the descriptor's own. */
static bool multi_good(struct taking *t, uint32_t i, struct slice witness)
{
	const struct descriptor_script *multi = &t->s->descriptor->script;
	const struct slice code = slice_of(t->scripts.witness, t->scripts.witness_len);
	const uint32_t count = btc_witness_count(witness);
	struct reader r = reader_init(code);
	uint32_t have = 0;
	if (count != multi->threshold + 2 || btc_witness_item(witness, 0).len != 0 ||
		!slice_eq(btc_witness_item(witness, count - 1), code))
		return false;
	(void)reader_take(&r, multi->threshold <= 16 ? 1 : 2);
	for (uint32_t k = 0; k < multi->key_count && have < multi->threshold; k++) {
		const size_t len = reader_u8(&r);
		const uint8_t *key = reader_take(&r, len);
		if (key != NULL &&
			ecdsa_good(t, i, btc_witness_item(witness, 1 + have), code,
				slice_of(key, len)))
			have++;
	}
	return have == multi->threshold;
}

static bool taproot_good(struct taking *t, uint32_t i, struct slice witness)
{
	struct hash256 message;
	struct xonly key;
	if (btc_witness_count(witness) != 1 || btc_witness_item(witness, 0).len != 64)
		return false; /* of the default kind */
	memcpy(key.b, t->scripts.output + 2, sizeof key.b);
	btc_sighash_key_path(&message, &t->cache, &t->p.tx, i);
	return schnorr_verify(btc_witness_item(witness, 0).ptr, &message, &key);
}

static enum err check_witness(struct taking *t, uint32_t i)
{
	const struct psbt_map map = {PSBT_INPUT, i};
	struct slice value;
	bool good = false;
	if (psbt_get(&value, &t->p, map, PSBT_IN_FINAL_SCRIPTSIG, no_key))
		return refuse(t, ERR_REJECTED, "input %u: it has a script besides its witness", i);
	if (!psbt_get(&value, &t->p, map, PSBT_IN_FINAL_SCRIPTWITNESS, no_key))
		return refuse(t, ERR_STATE, "input %u: signatures are missing", i);
	switch (t->s->descriptor->script.kind) {
	case DESCRIPTOR_WPKH: good = key_hash_good(t, i, value); break;
	case DESCRIPTOR_MULTI:
	case DESCRIPTOR_SORTEDMULTI: good = multi_good(t, i, value); break;
	case DESCRIPTOR_TR: good = taproot_good(t, i, value); break;
	case DESCRIPTOR_PK:
	case DESCRIPTOR_PKH:
	case DESCRIPTOR_MULTI_A:
	case DESCRIPTOR_SORTEDMULTI_A:
	case DESCRIPTOR_FIXED: break;
	}
	return good
		? OK
		: refuse(t, ERR_CHECKSUM,
			  "input %u: a signature is none by the address's keys over all of it", i);
}

static enum err take_input(struct taking *t, uint32_t i)
{
	TRY(scripts_of(&t->scripts, t->s, i));
	TRY(complete(t, i));
	TRY(check_hash_type(t, i));
	TRY(finalise(t, i));
	return check_witness(t, i);
}

/* What each input spends, as BIP-341 hashes it. */
static enum err prepare(struct taking *t)
{
	static _Thread_local uint8_t script[BTC_INPUT_MAX][DESCRIPTOR_SCRIPT_MAX];
	struct btc_txout spent[BTC_INPUT_MAX];
	for (uint32_t i = 0; i < t->s->input_count; i++) {
		TRY(scripts_of(&t->scripts, t->s, i));
		memcpy(script[i], t->scripts.output, t->scripts.output_len);
		spent[i] = (struct btc_txout){.value = t->s->input[i].value,
			.script = slice_of(script[i], t->scripts.output_len)};
	}
	btc_sighash_prepare(&t->cache, &t->p.tx, spent);
	return OK;
}

enum err sweep_psbt_take(
	struct buf *raw, char detail[SWEEP_DETAIL_SIZE], const struct sweep *s, struct slice psbt)
{
	static _Thread_local struct place place;
	const struct psbt_room room = room_of(&place);
	const size_t before = raw->len;
	struct taking t = {.s = s, .detail = detail};
	detail[0] = '\0';
	enum err err = psbt_parse(&t.p, &room, psbt);
	if (err != OK)
		return refuse(&t, err, "it is no PSBT, or too large");
	if (!same_tx(&t.p, s))
		return refuse(&t, ERR_REJECTED, "it is of another transaction");
	TRY(prepare(&t));
	for (uint32_t i = 0; i < s->input_count; i++)
		TRY(take_input(&t, i));
	err = psbt_extract(raw, &t.p);
	if (err == OK && !raw->overflow && raw->len - before <= SWEEP_TX_MAX)
		return OK;
	raw->len = before;
	return refuse(&t, ERR_FULL, "its transaction is too large");
}
