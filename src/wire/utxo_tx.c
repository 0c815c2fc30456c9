#include "wire/utxo_tx.h"

#include "wire/elements_address.h"
#include "wire/elements_build.h"
#include "wire/elements_view.h"

static bool is_liquid(const struct utxo_tx *u)
{
	return u->network->layer == LAYER_LIQUID;
}

static enum err open_btc(struct utxo_tx *u, struct slice raw)
{
	size_t used;
	TRY(btc_tx_parse(&u->tx, &used, BTC_INPUT_MAX, UTXO_OUTPUT_MAX, raw));
	return used == raw.len ? OK : ERR_FORMAT;
}

static bool is_to_blind(const struct elements_txout *out)
{
	return elements_nonce_form(&out->nonce) == ELEMENTS_COMMITMENT;
}

/* What makes an output one that the view can show. */
static bool is_plain(const struct elements_txout *out, const struct hash256 *asset)
{
	struct sat value;
	struct pubkey key;
	memcpy(key.b, out->nonce.b, sizeof key.b);
	return elements_txout_holds(&value, out, asset) &&
		(elements_nonce_form(&out->nonce) == ELEMENTS_NULL ||
			(is_to_blind(out) && pubkey_valid(&key))) &&
		out->surjection_proof.len == 0 && out->range_proof.len == 0;
}

/* What is blinded, and the output of nothing beside that, if there is one. */
static enum err take_beside(struct utxo_tx *u)
{
	const uint32_t payees = u->tx.out_count;
	uint32_t n = 0;
	for (uint32_t i = 0; i < payees; i++)
		n += is_to_blind(&u->elements.out[i]);
	u->elements.blinded = n;
	if (n == 0)
		return OK;
	const struct elements_txout *last = &u->elements.out[payees - 1];
	u->elements.beside = u->out[payees - 1].value.raw == 0 && is_to_blind(last) &&
		slice_eq(last->script, elements_beside_script);
	if (n > UTXO_BLINDED_MAX)
		return ERR_FULL;
	u->tx.out_count -= u->elements.beside;
	return OK;
}

static enum err open_elements(struct utxo_tx *u, struct slice raw)
{
	const struct elements_network *chain = elements_network_of(u->network);
	struct elements_tx *tx = &u->elements.tx;
	size_t used;
	if (chain == NULL)
		return ERR_FORMAT;
	tx->in = u->elements.in;
	tx->out = u->elements.out;
	TRY(elements_tx_parse(tx, &used, BTC_INPUT_MAX, UTXO_OUTPUT_MAX, raw));
	if (used != raw.len || tx->out_count == 0)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (tx->in[i].issues || tx->in[i].pegin || tx->in[i].pegin_witness.len > 0)
			return ERR_FORMAT;
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (!is_plain(&tx->out[i], &chain->policy_asset) ||
			elements_txout_is_fee(&tx->out[i]) != (i + 1 == tx->out_count))
			return ERR_FORMAT;
	elements_view(&u->tx, u->in, u->out, tx, &chain->policy_asset);
	u->fee = u->out[tx->out_count - 1].value;
	u->states_fee = true;
	u->tx.out_count--;
	return take_beside(u);
}

enum err utxo_tx_open(struct utxo_tx *u, const struct network *network, struct slice raw)
{
	u->network = network;
	u->states_fee = false;
	u->elements.blinded = 0;
	u->elements.beside = false;
	u->tx.in = u->in;
	u->tx.out = u->out;
	const enum err err = is_liquid(u) ? open_elements(u, raw) : open_btc(u, raw);
	return err == OK || err == ERR_FULL ? err : ERR_FORMAT;
}

bool utxo_tx_pays(const struct utxo_tx *u, uint32_t i, struct slice destination)
{
	struct slice script = destination;
	struct pubkey key;
	const bool hidden = is_liquid(u) && elements_destination_split(&script, &key, destination);
	CHECK(i < u->tx.out_count);
	if (!slice_eq(u->out[i].script, script))
		return false;
	if (!is_liquid(u))
		return true;
	const struct elements_nonce *nonce = &u->elements.out[i].nonce;
	return hidden ? memcmp(nonce->b, key.b, sizeof key.b) == 0
		      : elements_nonce_form(nonce) == ELEMENTS_NULL;
}

/* One output balances confidential coins, and two of them explicit ones: that of nothing is there
 * where it has to be, so that a payment has one form. */
static enum err blind(struct utxo_tx *u, const struct elements_opening *in, bool hidden,
	const struct hash256 *seed)
{
	struct buf proofs = buf_init(u->elements.proofs, sizeof u->elements.proofs);
	const uint32_t shown = u->elements.blinded - u->elements.beside;
	if (u->elements.beside != (shown == (hidden ? 0 : 1)))
		return ERR_FORMAT;
	if (u->elements.blinded == 0)
		return OK;
	return seed != NULL && elements_blind(&u->elements.tx, &proofs, in, seed) == OK
		? OK
		: ERR_FORMAT;
}

static enum err spend_elements(struct utxo_tx *u, const struct btc_txout *spent,
	const struct blinders *hidden, const struct hash256 *seed)
{
	static const struct blinders none;
	const struct elements_network *chain = elements_network_of(u->network);
	struct elements_txout own[BTC_INPUT_MAX] = {0};
	struct elements_opening in[BTC_INPUT_MAX];
	bool any = false;
	for (uint32_t i = 0; i < u->tx.in_count; i++) {
		const struct blinders *by = hidden == NULL ? &none : &hidden[i];
		in[i] = elements_opening_of(&chain->policy_asset, spent[i].value, by);
		any = any || blinders_any(by);
		own[i].script = spent[i].script;
		if (elements_spent(&own[i], &in[i]) != OK)
			return ERR_FORMAT;
	}
	TRY(blind(u, in, any, seed));
	elements_sighash_prepare(&u->cache.elements, &u->elements.tx, own);
	return OK;
}

enum err utxo_tx_spends(struct utxo_tx *u, const struct btc_txout *spent,
	const struct blinders *hidden, const struct hash256 *seed)
{
	if (!is_liquid(u)) {
		btc_sighash_prepare(&u->cache.btc, &u->tx, spent);
		return OK;
	}
	return spend_elements(u, spent, hidden, seed);
}

void utxo_tx_key_path(struct hash256 *out, const struct utxo_tx *u, uint32_t input)
{
	if (is_liquid(u))
		elements_sighash_key_path(
			out, &u->cache.elements, &u->network->genesis, &u->elements.tx, input);
	else
		btc_sighash_key_path(out, &u->cache.btc, &u->tx, input);
}

void utxo_tx_script_path(
	struct hash256 *out, const struct utxo_tx *u, uint32_t input, const struct hash256 *leaf)
{
	if (is_liquid(u))
		elements_sighash_script_path(out, &u->cache.elements, &u->network->genesis,
			&u->elements.tx, input, leaf);
	else
		btc_sighash_script_path(out, &u->cache.btc, &u->tx, input, leaf);
}

void utxo_tx_put(struct buf *raw, struct hash256 *txid, struct utxo_tx *u)
{
	if (!is_liquid(u)) {
		btc_tx_put(raw, &u->tx);
		btc_tx_id(txid, &u->tx);
		return;
	}
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		u->elements.in[i].witness = u->in[i].witness;
	elements_tx_put(raw, &u->elements.tx);
	elements_tx_id(txid, &u->elements.tx);
}
