/* Spends of lock-ups: how large they will be, and what they leave. */
#include "wire/elements_build_internal.h"
#include "wire/elements_sighash.h"

#define KEY_PATH_WITNESS 66u /* count, length, 64-byte signature */

/* Proofs as elementsd makes them: of 52 bits, which every amount of 21 million coins fits; from at
 * most three of the inputs. */
#define RANGE_PROOF_SIZE 4174u
#define SURJECTION_INPUTS_MAX 3u

static uint32_t surjection_proof_size(uint32_t input_count)
{
	const uint32_t used = input_count < SURJECTION_INPUTS_MAX ? input_count
								  : SURJECTION_INPUTS_MAX;
	return 2 + (input_count + 7) / 8 + 32 * (1 + used);
}

/* At most the lock-up and a coin for the fee; what it pays, what lies beside, change, the fee. */
enum { SPEND_IN_MAX = 2, SPEND_PAY_MAX = 3 };

static void witness_put(struct buf *out, const struct btc_htlc_tree *tree, enum btc_htlc_leaf leaf)
{
	static const uint8_t sig[64];
	static const struct hash256 preimage;
	switch (leaf) {
	case BTC_LEAF_CLAIM: btc_htlc_witness_claim(out, tree, sig, &preimage); break;
	case BTC_LEAF_REFUND: btc_htlc_witness_refund(out, tree, sig); break;
	case BTC_LEAF_COOPERATIVE: btc_htlc_witness_cooperative(out, tree, sig, sig); break;
	case BTC_LEAF_COUNT: UNREACHABLE();
	}
	CHECK(!out->overflow);
}

/* As large as it will be: witnesses of the right size, commitments and proofs of any content. */
static struct elements_size measure(
	const struct elements_plan *plan, const struct btc_htlc_tree *tree, enum btc_htlc_leaf leaf)
{
	static const uint8_t proof[RANGE_PROOF_SIZE];
	static const uint8_t key_path[KEY_PATH_WITNESS] = {1, 64};
	uint8_t witness[BTC_HTLC_WITNESS_MAX];
	struct buf b = buf_init(witness, sizeof witness);
	struct elements_draft d;
	elements_draft_make(&d, plan);
	witness_put(&b, tree, leaf);
	d.in[0].witness = buf_slice(&b);
	for (uint32_t i = 1; i < plan->coin_count; i++)
		d.in[i].witness = slice_of(key_path, sizeof key_path);
	for (uint32_t i = 0; i < plan->pay_count; i++) {
		if (plan->pay[i].blinding == NULL)
			continue;
		d.out[i].value = (struct elements_value){{ELEMENTS_VALUE_COMMITMENT}};
		d.out[i].range_proof = slice_of(proof, sizeof proof);
		d.out[i].surjection_proof = slice_of(
			proof, surjection_proof_size(plan->coin_count));
	}
	return (struct elements_size){elements_tx_vsize(&d.tx), elements_tx_discount_vsize(&d.tx)};
}

/* The plan of a spend, with values that are filled in once its size is known. */
struct spend_plan {
	struct elements_coin coin[SPEND_IN_MAX];
	struct elements_pay pay[SPEND_PAY_MAX];
	struct elements_pay *change; /* NULL: none */
	struct elements_plan plan;
};

static void plan_make(struct spend_plan *p, const struct elements_spend *s)
{
	*p = (struct spend_plan){.coin = {*s->lock}};
	p->plan = (struct elements_plan){.coin = p->coin,
		.coin_count = 1,
		.pay = p->pay,
		.pay_count = 1,
		.fee_asset = s->fee_asset,
		.locktime = s->leaf == BTC_LEAF_REFUND ? s->terms->timelock : s->tip_height};
	p->pay[0] = (struct elements_pay){
		.script = s->to_script, .asset = s->lock->asset, .blinding = s->to_blinding};
	if (s->beside.value.raw > 0) {
		p->pay[p->plan.pay_count] = s->beside;
		p->pay[p->plan.pay_count++].asset = s->lock->asset;
	}
	if (s->fee_coin != NULL) {
		p->coin[p->plan.coin_count++] = *s->fee_coin;
		p->change = &p->pay[p->plan.pay_count++];
		*p->change = (struct elements_pay){.script = s->change_script,
			.asset = s->fee_asset,
			.blinding = s->change_blinding};
	}
}

/* What is left of the lock-up for its receiver, and of the coin for the fee. */
static enum err plan_fill(struct spend_plan *p, const struct elements_spend *s)
{
	struct sat left = s->lock->value;
	if (!sat_sub(&left, left, s->beside.value))
		return ERR_RANGE;
	if (p->change == NULL) {
		if (!sat_sub(&left, left, p->plan.fee))
			return ERR_RANGE;
	} else if (!sat_sub(&p->change->value, s->fee_coin->value, p->plan.fee)) {
		return ERR_RANGE;
	}
	p->pay[0].value = left;
	return OK;
}

static enum err check_spend(const struct elements_spend *s, const struct btc_htlc_tree *tree)
{
	if (s->tip_height > BTC_TIMELOCK_MAX || s->to_script.len > BTC_SCRIPT_STD_MAX ||
		s->beside.script.len > BTC_SCRIPT_STD_MAX ||
		s->change_script.len > BTC_SCRIPT_STD_MAX)
		return ERR_RANGE;
	return slice_eq(s->lock->spent.script,
		       slice_of(tree->script_pubkey, sizeof tree->script_pubkey))
		? OK
		: ERR_FORMAT;
}

enum err elements_build_spend(struct buf *raw, struct elements_size *size, struct sat *value,
	const struct elements_spend *s)
{
	struct btc_htlc_tree tree;
	struct spend_plan p;
	struct elements_size measured;
	CHECK(s->leaf < BTC_LEAF_COUNT);
	TRY(btc_htlc_tree_by(&tree, s->terms, &elements_taproot));
	TRY(check_spend(s, &tree));
	plan_make(&p, s);
	measured = measure(&p.plan, &tree, s->leaf);
	p.plan.fee = btc_fee(
		s->discount ? measured.discount_vsize : measured.vsize, s->rate_sat_kvb);
	TRY(plan_fill(&p, s));
	TRY(elements_build(raw, &p.plan));
	*size = measured;
	*value = p.pay[0].value;
	return OK;
}
