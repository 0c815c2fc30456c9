#include "wire/elements_view.h"

bool elements_txout_holds(
	struct sat *value, const struct elements_txout *out, const struct hash256 *asset)
{
	struct hash256 own;
	return elements_asset_read(&own, &out->asset) && hash256_eq(&own, asset) &&
		elements_value_read(value, &out->value);
}

void elements_view(struct btc_tx *view, struct btc_txin *in, struct btc_txout *out,
	const struct elements_tx *tx, const struct hash256 *asset)
{
	*view = (struct btc_tx){.version = tx->version,
		.locktime = tx->locktime,
		.in = in,
		.in_count = tx->in_count,
		.out = out,
		.out_count = tx->out_count};
	for (uint32_t i = 0; i < tx->in_count; i++) {
		in[i] = (struct btc_txin){.script_sig = tx->in[i].script_sig,
			.sequence = tx->in[i].sequence,
			.witness = tx->in[i].witness};
		if (!tx->in[i].pegin)
			in[i].prev = tx->in[i].prev;
	}
	for (uint32_t i = 0; i < tx->out_count; i++) {
		struct sat value = {0};
		const bool holds = elements_txout_holds(&value, &tx->out[i], asset);
		out[i].value = holds ? value : (struct sat){0};
		out[i].script = tx->out[i].script;
	}
}
