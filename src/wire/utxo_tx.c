#include "wire/utxo_tx.h"

#include "wire/elements_address.h"
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

/* What makes an output one that the view can show. */
static bool is_plain(const struct elements_txout *out, const struct hash256 *asset)
{
	struct sat value;
	return elements_txout_holds(&value, out, asset) &&
		elements_nonce_form(&out->nonce) == ELEMENTS_NULL &&
		out->surjection_proof.len == 0 && out->range_proof.len == 0;
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
	elements_view(&u->tx, u->in, u->out, tx, &chain->policy_asset, false);
	u->fee = u->out[tx->out_count - 1].value;
	u->states_fee = true;
	u->tx.out_count--;
	return OK;
}

enum err utxo_tx_open(struct utxo_tx *u, const struct network *network, struct slice raw)
{
	u->network = network;
	u->states_fee = false;
	u->tx.in = u->in;
	u->tx.out = u->out;
	const enum err err = is_liquid(u) ? open_elements(u, raw) : open_btc(u, raw);
	return err == OK || err == ERR_FULL ? err : ERR_FORMAT;
}

void utxo_tx_spends(struct utxo_tx *u, const struct btc_txout *spent)
{
	if (!is_liquid(u)) {
		btc_sighash_prepare(&u->cache.btc, &u->tx, spent);
		return;
	}
	const struct elements_network *chain = elements_network_of(u->network);
	struct elements_txout own[BTC_INPUT_MAX];
	for (uint32_t i = 0; i < u->tx.in_count; i++)
		own[i] = (struct elements_txout){.asset = elements_asset_of(&chain->policy_asset),
			.value = elements_value_of(spent[i].value),
			.script = spent[i].script};
	elements_sighash_prepare(&u->cache.elements, &u->elements.tx, own);
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
