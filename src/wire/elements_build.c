#include "wire/elements_build.h"
#include "wire/elements_blind.h"
#include "wire/elements_build_internal.h"

#define TX_VERSION 2u

/* An output of Elements over one of Bitcoin: 33 + 9 + 1 bytes in place of 8; at Bitcoin Core's
 * three satoshi a byte for dust. */
#define DUST_EXCESS (3u * (33u + 9u + 1u - 8u))

#define FEE_OUTPUT_BASE (33u + 9u + 1u + 1u) /* asset, value, no nonce, no script */
#define PROOFS_NONE 2u /* two empty ones: of an output, or of an input's issuance */

const struct btc_sizes elements_sizes = {
	.fixed_base = 4 + 1 + 4 + FEE_OUTPUT_BASE, /* version, flag, lock time */
	.fixed_witness = PROOFS_NONE,
	.input_base = 41,
	.input_witness = PROOFS_NONE + 1, /* and no peg-in */
	.output_base = 33 + 9 + 1,
	.output_witness = PROOFS_NONE,
	.change_dust = {330 + DUST_EXCESS},
};

static const uint8_t beside_script[] = {0x6a};
const struct slice elements_beside_script = {beside_script, sizeof beside_script};

/* Commitments and a nonce in the place of numbers, and proofs with their lengths. */
#define BLINDED_BASE (33u + 33u + 33u + 1u)
#define BLINDED_WITNESS                                                                            \
	(3u + RANGE_PROOF_SIZE + 1u + 2u + BTC_INPUT_MAX / 8u + 32u * (1u + SURJECTION_USED))

_Static_assert(2 + BTC_INPUT_MAX / 8 + 32 * (1 + SURJECTION_USED) < 0xfd, "its length is one byte");

uint64_t elements_blinded_weight(size_t script_len)
{
	return 4 * (BLINDED_BASE + script_len) + BLINDED_WITNESS;
}

/* ---- what may be built ---- */

static bool is_blinded(const struct elements_coin *coin)
{
	return elements_asset_form(&coin->spent.asset) == ELEMENTS_COMMITMENT ||
		elements_value_form(&coin->spent.value) == ELEMENTS_COMMITMENT;
}

static bool value_valid(struct sat value)
{
	return value.raw > 0 && value.raw <= SAT_MAX_RAW;
}

struct sat elements_dust_limit(struct slice script)
{
	const struct sat limit = btc_dust_limit(script);
	return (struct sat){limit.raw == 0 ? 0 : limit.raw + DUST_EXCESS};
}

static enum err check_coin(const struct elements_plan *p, uint32_t i)
{
	const struct elements_coin *coin = &p->coin[i];
	struct hash256 asset;
	struct sat value;
	if (coin->at.index > ELEMENTS_INDEX_MAX || !value_valid(coin->value))
		return ERR_RANGE;
	if (elements_asset_form(&coin->spent.asset) == ELEMENTS_NULL ||
		elements_value_form(&coin->spent.value) == ELEMENTS_NULL)
		return ERR_FORMAT;
	if (elements_asset_read(&asset, &coin->spent.asset) && !hash256_eq(&asset, &coin->asset))
		return ERR_FORMAT;
	if (elements_value_read(&value, &coin->spent.value) && value.raw != coin->value.raw)
		return ERR_FORMAT;
	for (uint32_t k = 0; k < i; k++)
		if (p->coin[k].at.index == coin->at.index &&
			hash256_eq(&p->coin[k].at.txid, &coin->at.txid))
			return ERR_EXISTS;
	return OK;
}

static enum err check_pay(const struct elements_plan *p, const struct elements_pay *pay)
{
	const bool beside = pay->value.raw == 0 && pay->blinding != NULL &&
		slice_eq(pay->script, elements_beside_script);
	if (!value_valid(pay->value) && !beside)
		return ERR_RANGE;
	if (pay->script.len == 0 || (pay->blinding != NULL && !pubkey_valid(pay->blinding)))
		return ERR_FORMAT;
	if (pay->blinding == NULL && hash256_eq(&pay->asset, &p->fee_asset) &&
		pay->value.raw < elements_dust_limit(pay->script).raw)
		return ERR_RANGE;
	return OK;
}

/* At most 64 times 21 million coins on each side: 64 bits hold the sums. */
_Static_assert(SAT_MAX_RAW <= UINT64_MAX / (ELEMENTS_INPUT_MAX + ELEMENTS_OUTPUT_MAX), "sums fit");

static bool asset_balances(const struct elements_plan *p, const struct hash256 *asset)
{
	uint64_t in = 0;
	uint64_t out = hash256_eq(asset, &p->fee_asset) ? p->fee.raw : 0;
	for (uint32_t i = 0; i < p->coin_count; i++)
		if (hash256_eq(asset, &p->coin[i].asset))
			in += p->coin[i].value.raw;
	for (uint32_t i = 0; i < p->pay_count; i++)
		if (hash256_eq(asset, &p->pay[i].asset))
			out += p->pay[i].value.raw;
	return in == out;
}

static bool balances(const struct elements_plan *p)
{
	for (uint32_t i = 0; i < p->coin_count; i++)
		if (!asset_balances(p, &p->coin[i].asset))
			return false;
	for (uint32_t i = 0; i < p->pay_count; i++)
		if (!asset_balances(p, &p->pay[i].asset))
			return false;
	return asset_balances(p, &p->fee_asset);
}

/* The factors that blind add up to the same on both sides, so one alone would have to be zero. */
static bool can_blind(const struct elements_plan *p)
{
	uint32_t in = 0;
	uint32_t out = 0;
	for (uint32_t i = 0; i < p->coin_count; i++)
		in += is_blinded(&p->coin[i]);
	for (uint32_t i = 0; i < p->pay_count; i++)
		out += p->pay[i].blinding != NULL;
	return out == 0 ? in == 0 : in + out > 1;
}

static enum err check_plan(const struct elements_plan *p)
{
	if (p->coin_count == 0 || p->coin_count > ELEMENTS_INPUT_MAX || p->pay_count == 0 ||
		p->pay_count > ELEMENTS_PAY_MAX)
		return ERR_RANGE;
	if (p->locktime > BTC_TIMELOCK_MAX || !value_valid(p->fee))
		return ERR_RANGE;
	for (uint32_t i = 0; i < p->coin_count; i++)
		TRY(check_coin(p, i));
	for (uint32_t i = 0; i < p->pay_count; i++)
		TRY(check_pay(p, &p->pay[i]));
	if (!balances(p))
		return ERR_RANGE;
	return can_blind(p) ? OK : ERR_STATE;
}

/* ---- making it ---- */

void elements_draft_make(struct elements_draft *d, const struct elements_plan *p)
{
	d->tx = (struct elements_tx){.version = TX_VERSION,
		.locktime = p->locktime,
		.in = d->in,
		.in_count = p->coin_count,
		.out = d->out,
		.out_count = p->pay_count + 1};
	for (uint32_t i = 0; i < p->coin_count; i++)
		d->in[i] = (struct elements_txin){
			.prev = p->coin[i].at, .sequence = BTC_SEQUENCE_RBF};
	for (uint32_t i = 0; i < p->pay_count; i++) {
		const struct elements_pay *pay = &p->pay[i];
		d->out[i] = (struct elements_txout){.asset = elements_asset_of(&pay->asset),
			.value = elements_value_of(pay->value),
			.script = pay->script};
		if (pay->blinding != NULL)
			memcpy(d->out[i].nonce.b, pay->blinding->b, sizeof pay->blinding->b);
	}
	d->out[p->pay_count] = (struct elements_txout){
		.asset = elements_asset_of(&p->fee_asset), .value = elements_value_of(p->fee)};
}

enum err elements_build(struct buf *raw, const struct elements_plan *plan)
{
	struct elements_draft d;
	TRY(check_plan(plan));
	elements_draft_make(&d, plan);
	elements_tx_put_stripped(raw, &d.tx);
	return raw->overflow ? ERR_FULL : OK;
}

/* ---- what a blinder did ---- */

static bool inputs_same(const struct elements_tx *a, const struct elements_tx *b)
{
	if (a->in_count != b->in_count)
		return false;
	for (uint32_t i = 0; i < a->in_count; i++) {
		const struct elements_txin *x = &a->in[i];
		const struct elements_txin *y = &b->in[i];
		if (!hash256_eq(&x->prev.txid, &y->prev.txid) || x->prev.index != y->prev.index ||
			x->sequence != y->sequence || !slice_eq(x->script_sig, y->script_sig) ||
			x->issues || y->issues || x->pegin || y->pegin)
			return false;
		if (y->witness.len > 0 || y->pegin_witness.len > 0 ||
			y->issuance.amount_proof.len > 0 || y->issuance.tokens_proof.len > 0)
			return false;
	}
	return true;
}

static bool fields_same(const struct elements_txout *a, const struct elements_txout *b)
{
	return memcmp(&a->asset, &b->asset, sizeof a->asset) == 0 &&
		memcmp(&a->value, &b->value, sizeof a->value) == 0;
}

static enum err check_blinded_output(
	const struct elements_txout *asked, const struct elements_txout *got)
{
	const bool proofs = got->range_proof.len > 0 || got->surjection_proof.len > 0;
	if (!slice_eq(asked->script, got->script))
		return ERR_FORMAT;
	if (elements_nonce_form(&asked->nonce) != ELEMENTS_COMMITMENT) {
		const bool same = fields_same(asked, got) && !proofs &&
			memcmp(&asked->nonce, &got->nonce, sizeof asked->nonce) == 0;
		return same ? OK : ERR_FORMAT;
	}
	if (fields_same(asked, got) && !proofs)
		return ERR_STATE;
	return elements_asset_form(&got->asset) == ELEMENTS_COMMITMENT &&
			elements_value_form(&got->value) == ELEMENTS_COMMITMENT &&
			elements_nonce_form(&got->nonce) == ELEMENTS_COMMITMENT &&
			got->range_proof.len > 0 && got->surjection_proof.len > 0
		? OK
		: ERR_FORMAT;
}

enum err elements_blinded_check(const struct elements_tx *asked, const struct elements_tx *blinded)
{
	if (asked->version != blinded->version || asked->locktime != blinded->locktime ||
		asked->out_count != blinded->out_count || !inputs_same(asked, blinded))
		return ERR_FORMAT;
	enum err found = OK;
	for (uint32_t i = 0; i < asked->out_count; i++) {
		const enum err err = check_blinded_output(&asked->out[i], &blinded->out[i]);
		if (err == ERR_FORMAT)
			return err;
		found = err == OK ? found : err;
	}
	return found;
}
