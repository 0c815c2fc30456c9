#include "node/effect_plan.h"

#include "base/mutant.h"

/* Each transfer in its place: a request is the same whenever it is made again. */
static void plan_payees(const struct ledger *l, const struct effect *f, struct layer_plan *p)
{
	for (uint32_t i = f->transfer; i != INDEX_NONE; i = l->transfer[i].next) {
		const struct transfer *t = &l->transfer[i];
		const struct sign_payee payee = {
			.to = slice_of(t->destination, t->destination_len), .amount = t->amount};
		if (i != f->transfer) {
			CHECK(p->more_count < ARRAY_LEN(p->more));
			p->more[p->more_count++] = payee;
			continue;
		}
		p->to = payee.to;
		p->amount = payee.amount;
	}
}

static void make_plan(const struct ledger *l, const struct effect *f, struct layer_plan *p)
{
	*p = (struct layer_plan){.session = f->id,
		.variant = f->variant_wanted + f->variant_base,
		.purpose = f->called_off ? SIGN_NONCE_FILL : f->purpose,
		/* as journaled: the same request after a restart, so that the signer knows it again
		 */
		.tip_height = f->last_variant_height,
		.coin_count = f->coin_count,
		.fee = f->fee,
		.rate = f->rate,
		.nonce = f->nonce,
		.gas_limit = f->gas_limit,
		.lock = f->lock,
		.deadline_ms = f->created_ms + EFFECT_PAY_MS,
		.token = l->params.layer[f->layer].token,
		.amount = f->called_off ? amount_zero(f->value.asset) : f->value};
	/* a replacement spends what the first one does, so that one of them only can be mined */
	const struct layer_state *own = &l->layer[f->layer];
	const bool other = MUTANT(OTHER_COINS) && f->variant_count > 0 &&
		own->free_coin_count >= f->coin_count;
	for (uint32_t i = 0; i < f->coin_count; i++) {
		const struct coin *c = &l->coin[other ? own->free_coin[i] : f->coin[i]];
		p->coin[i] = (struct btc_coin){.at = c->at,
			.value = c->value,
			.key_index = c->key_index,
			.hidden = c->hidden};
	}
	if (f->called_off)
		return;
	if (f->purpose == SIGN_APPROVE) {
		const struct evm_address *contract = &l->params.layer[f->layer].contract;
		p->to = slice_of(contract->b, sizeof contract->b);
	}
	if (f->swap != INDEX_NONE) {
		const struct swap *s = &l->swap[f->swap];
		const bool source = f->purpose == SIGN_CLAIM || f->purpose == SIGN_CANCEL;
		const struct leg *leg = source ? &s->source : &s->dest;
		p->swap = s->id;
		p->leg = slice_of(leg->terms, leg->terms_len);
		p->max_height = s->dest.timelock;
		if (f->purpose == SIGN_CLAIM)
			p->preimage = s->preimage;
	}
	plan_payees(l, f, p);
	if (f->transfer != INDEX_NONE)
		p->max_height = f->last_variant_height + l->params.layer[f->layer].lock_blocks;
}

enum err effect_request(
	struct buf *out, struct amount *fee, const struct ledger *l, const struct effect *f)
{
	struct layer_plan plan;
	make_plan(l, f, &plan);
	const enum err err = layer_build(
		out, fee, f->layer, l->params.layer[f->layer].network, &l->params.wallet, &plan);
	bytes_wipe(&plan.preimage, sizeof plan.preimage);
	return err;
}

enum err effect_external_request(struct signing_request *out, struct hash256 *txid,
	struct amount *fee, uint8_t storage[SIGNING_REQUEST_MAX], const struct ledger *l,
	const struct effect *f)
{
	struct btc_txin in[BTC_INPUT_MAX];
	struct btc_txout outputs[BTC_PAYEE_MAX + 1];
	struct btc_tx tx = {.in = in, .out = outputs};
	struct buf request = buf_init(storage, SIGNING_REQUEST_MAX);
	size_t used;
	TRY(effect_request(&request, fee, l, f));
	CHECK(signing_request_parse(out, buf_slice(&request)) == OK);
	CHECK(btc_tx_parse(&tx, &used, BTC_INPUT_MAX, BTC_PAYEE_MAX + 1, out->unsigned_tx) == OK);
	/* our inputs have no script but witnesses, which an id does not cover */
	btc_tx_id(txid, &tx);
	return OK;
}

void effect_sweep(struct sweep *out, const struct ledger *l, const struct effect *f)
{
	const struct transfer *t = &l->transfer[f->transfer];
	*out = (struct sweep){.input_count = f->coin_count,
		.to = slice_of(t->destination, t->destination_len),
		.fee = f->fee};
	for (uint32_t i = 0; i < f->coin_count; i++) {
		const struct coin *c = &l->coin[f->coin[i]];
		out->input[i] = (struct sweep_input){
			.at = c->at, .value = c->value, .index = c->key_index & ~KEY_INDEX_DEPOSIT};
	}
}
