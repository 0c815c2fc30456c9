#include "wire/signing_psbt.h"

#include <stdio.h>

#define OUTPUT_MAX (BTC_PAYEE_MAX + 1u)
#define PAIRS_MAX 1024u
#define SIGNATURE_SIZE 64u
#define KEY_PATH_WITNESS_SIZE (2u + SIGNATURE_SIZE) /* count, length, signature */

static const struct slice no_key = {NULL, 0};

/* Storage of one PSBT while it is made or read. */
struct place {
	struct psbt_pair pair[PAIRS_MAX];
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout out[OUTPUT_MAX];
	uint8_t store[BTC_INPUT_MAX * 256u];
};

static struct psbt_room room_of(struct place *p)
{
	return (struct psbt_room){.pair = p->pair,
		.pair_max = PAIRS_MAX,
		.in = p->in,
		.in_max = BTC_INPUT_MAX,
		.out = p->out,
		.out_max = OUTPUT_MAX,
		.store = buf_init(p->store, sizeof p->store)};
}

/* ---- out ---- */

static enum err internal_key(
	struct xonly *out, const struct pubkey *wallet, const struct key_path *path)
{
	struct pubkey key;
	bool odd;
	TRY(derive_pubkey(&key, wallet, path));
	xonly_from_pubkey(out, &odd, &key);
	return OK;
}

static enum err put_key_path(struct psbt *p, struct psbt_map map, const struct key_path *path)
{
	uint8_t name[sizeof SIGNING_PSBT_IDENTIFIER + 1], value[KEY_PATH_SIZE];
	struct buf key = buf_init(name, sizeof name), out = buf_init(value, sizeof value);
	buf_u8(&key, sizeof SIGNING_PSBT_IDENTIFIER - 1);
	buf_put(&key, SIGNING_PSBT_IDENTIFIER, sizeof SIGNING_PSBT_IDENTIFIER - 1);
	buf_u8(&key, 0);
	key_path_put(&out, path);
	return psbt_set_copy(p, map, PSBT_PROPRIETARY, buf_slice(&key), buf_slice(&out));
}

static enum err put_inputs(
	struct psbt *p, const struct signing_request *r, const struct pubkey *wallet)
{
	for (uint32_t i = 0; i < r->input_count; i++) {
		const struct sign_input *in = &r->input[i];
		const struct psbt_map map = {PSBT_INPUT, i};
		const struct btc_txout spent = {
			.value = in->value, .script = slice_of(in->script, sizeof in->script)};
		struct xonly key;
		if (in->key.use != KEY_WALLET)
			return ERR_FORMAT;
		TRY(internal_key(&key, wallet, &in->key));
		TRY(psbt_set_witness_utxo(p, i, &spent));
		TRY(psbt_set_copy(
			p, map, PSBT_IN_TAP_INTERNAL_KEY, no_key, slice_of(key.b, sizeof key.b)));
		TRY(put_key_path(p, map, &in->key));
	}
	return OK;
}

/* The change lies behind the payees; it is there or not. */
static enum err put_change(
	struct psbt *p, const struct signing_request *r, const struct pubkey *wallet)
{
	const uint32_t at = 1 + r->more_count;
	struct xonly key;
	if (p->tx.out_count <= at)
		return OK;
	TRY(internal_key(&key, wallet, &r->change));
	return psbt_set_copy(p, (struct psbt_map){PSBT_OUTPUT, at}, PSBT_OUT_TAP_INTERNAL_KEY,
		no_key, slice_of(key.b, sizeof key.b));
}

enum err signing_psbt_put(struct buf *out, const struct signing_request *r,
	const struct pubkey *wallet, enum psbt_version version)
{
	static _Thread_local struct place place;
	const struct psbt_room room = room_of(&place);
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout outputs[OUTPUT_MAX];
	struct btc_tx tx = {.in = in, .out = outputs};
	struct psbt p;
	size_t used;
	if (r->network->layer != LAYER_BITCOIN || r->purpose != SIGN_PAYOUT ||
		btc_tx_parse(&tx, &used, BTC_INPUT_MAX, OUTPUT_MAX, r->unsigned_tx) != OK ||
		used != r->unsigned_tx.len || tx.in_count != r->input_count)
		return ERR_FORMAT;
	TRY(psbt_create(&p, &room, version, &tx));
	TRY(put_inputs(&p, r, wallet));
	TRY(put_change(&p, r, wallet));
	psbt_put(out, &p);
	return out->overflow ? ERR_FULL : OK;
}

/* ---- in ---- */

static enum err refuse(struct signing_answer *a, enum err err, uint32_t input, const char *what)
{
	(void)snprintf(a->detail, sizeof a->detail, "input %u: %s", (unsigned)input, what);
	a->err = err;
	return err;
}

static bool same_tx(const struct psbt *p, struct slice want)
{
	static _Thread_local uint8_t bytes[SIGNING_TX_MAX];
	struct buf b = buf_init(bytes, sizeof bytes);
	if (!p->locktime_known)
		return false;
	btc_tx_put_stripped(&b, &p->tx);
	return !b.overflow && slice_eq(buf_slice(&b), want);
}

/* A spend by the internal key, with a signature of the default kind: of the field for it, or of the
 * final witness. */
static enum err take_signature(
	struct signing_answer *a, const struct psbt *p, uint32_t i, uint8_t sig[SIGNATURE_SIZE])
{
	const struct psbt_map map = {PSBT_INPUT, i};
	struct slice value;
	if (psbt_get(&value, p, map, PSBT_IN_SIGHASH_TYPE, no_key) &&
		(value.len != 4 || load_le32(value.ptr) != 0))
		return refuse(a, ERR_REJECTED, i, "it asks for another kind of signature");
	if (psbt_get(&value, p, map, PSBT_IN_FINAL_SCRIPTWITNESS, no_key)) {
		if (value.len != KEY_PATH_WITNESS_SIZE || value.ptr[0] != 1 ||
			value.ptr[1] != SIGNATURE_SIZE)
			return refuse(a, ERR_REJECTED, i,
				"its witness is not one signature of the default kind");
		memcpy(sig, value.ptr + 2, SIGNATURE_SIZE);
		return OK;
	}
	if (!psbt_get(&value, p, map, PSBT_IN_TAP_KEY_SIG, no_key))
		return refuse(a, ERR_STATE, i, "it is not signed");
	if (value.len != SIGNATURE_SIZE)
		return refuse(a, ERR_REJECTED, i, "its signature is not of the default kind");
	memcpy(sig, value.ptr, SIGNATURE_SIZE);
	return OK;
}

/* What it says of the output that it spends, if it says anything. */
static enum err check_spent(
	struct signing_answer *a, const struct psbt *p, const struct signing_request *r, uint32_t i)
{
	struct btc_txout spent;
	bool proven;
	const enum err err = psbt_spent_output(&spent, &proven, p, i);
	if (err == ERR_NOT_FOUND)
		return OK;
	if (err != OK || spent.value.raw != r->input[i].value.raw ||
		!slice_eq(spent.script, slice_of(r->input[i].script, sizeof r->input[i].script)))
		return refuse(a, ERR_REJECTED, i, "it spends another output");
	return OK;
}

enum err signing_psbt_answer(
	struct signing_answer *out, const struct signing_request *r, struct slice bytes)
{
	static _Thread_local struct place place;
	const struct psbt_room room = room_of(&place);
	struct psbt p;
	*out = (struct signing_answer){.err = OK};
	out->err = psbt_parse(&p, &room, bytes);
	if (out->err != OK) {
		(void)snprintf(out->detail, sizeof out->detail, "it is no PSBT, or too large");
		return out->err;
	}
	if (!same_tx(&p, r->unsigned_tx)) {
		(void)snprintf(out->detail, sizeof out->detail, "it is of another transaction");
		out->err = ERR_REJECTED;
		return out->err;
	}
	CHECK(p.tx.in_count <= BTC_INPUT_MAX);
	for (uint32_t i = 0; i < p.tx.in_count; i++) {
		TRY(check_spent(out, &p, r, i));
		TRY(take_signature(out, &p, i, out->signature[i].b));
	}
	out->signature_count = p.tx.in_count;
	return OK;
}
