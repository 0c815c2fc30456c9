#include "ledger/fold.h"

#include "wire/bolt11.h"

static enum err apply_params(struct ledger *l, struct reader *in)
{
	struct ledger_params p;
	struct params_problem problem;
	TRY(params_get(in, &p));
	if (!params_check(&p, &problem))
		return ERR_RANGE;
	/* another wallet or network under the same books would make them a lie */
	if (l->has_params) {
		if (deposits_used(l) && !hash256_eq(&p.deposits, &l->params.deposits))
			return ERR_STATE;
		if (memcmp(p.wallet.b, l->params.wallet.b, sizeof p.wallet.b) != 0)
			return ERR_STATE;
		for (unsigned i = 0; i < LAYER_COUNT; i++) {
			const struct layer_params *was = &l->params.layer[i];
			if (was->network == NULL)
				continue; /* a layer that this program has learned since */
			if (p.layer[i].network != was->network)
				return ERR_STATE;
			/* lock-ups in another contract would not be seen any more */
			if (l->active_swap_count > 0 &&
				(!evm_address_eq(&p.layer[i].contract, &was->contract) ||
					!evm_address_eq(&p.layer[i].token, &was->token)))
				return ERR_STATE;
		}
	}
	l->params = p;
	l->has_params = true;
	return OK;
}

static enum err apply_fee_rate(struct ledger *l, struct reader *in)
{
	enum layer_id layer;
	TRY(rec_layer_get(in, &layer));
	const uint64_t rate = reader_le64(in);
	TRY(reader_finish(in));
	l->layer[layer].fee_rate = rate;
	return OK;
}

/* The hash of the payment that an invoice asks for: no swap's, and paid once (HAZARDS 27). */
static enum err take_payment_hash(
	const struct ledger *l, const struct rec_transfer *r, struct hash256 *hash)
{
	static _Thread_local struct bolt11 invoice;
	*hash = (struct hash256){{0}};
	if (layer_family(r->layer) != FAMILY_CHANNEL)
		return OK;
	if (bolt11_decode(&invoice, r->destination) != OK)
		return ERR_FORMAT;
	*hash = invoice.payment_hash;
	return ledger_hash_used(l, hash) && !MUTANT(HASH_TWICE) ? ERR_STATE : OK;
}

/* Named, and found by its key; nothing is owed for it yet. */
enum err transfer_add(struct ledger *l, uint32_t *index, const struct rec_transfer *r)
{
	struct hash256 hash;
	if (map_get(&l->transfer_by_id, r->id.b) != MAP_NONE ||
		(map_get(&l->by_idempotency, r->idempotency_key.b) != MAP_NONE &&
			!MUTANT(KEY_MAKES_ANOTHER)))
		return ERR_EXISTS;
	if (l->transfer_count == l->capacity.transfers)
		return ERR_FULL;
	if (r->external && r->layer != LAYER_BITCOIN)
		return ERR_STATE;
	TRY(take_payment_hash(l, r, &hash));
	if (amount_cmp(r->amount, amount_max(layer_asset(r->layer))) > 0)
		return ERR_RANGE;
	*index = l->transfer_count++;
	struct transfer *t = &l->transfer[*index];
	*t = (struct transfer){.id = r->id,
		.effect_id = r->effect,
		.state = TRANSFER_PENDING,
		.layer = r->layer,
		.amount = r->amount,
		.destination_len = (uint32_t)r->destination.len,
		.hash = hash,
		.created_ms = l->time_ms,
		.updated_ms = l->time_ms,
		.effect = INDEX_NONE,
		.next = INDEX_NONE,
		.alone = r->external,
		.external = r->external,
		.born_seq = l->seq,
		.seq = l->seq};
	if (r->destination.len > 0)
		memcpy(t->destination, r->destination.ptr, r->destination.len);
	CHECK(map_put(&l->transfer_by_id, r->id.b, *index) == OK);
	if (layer_family(r->layer) == FAMILY_CHANNEL)
		CHECK(map_put(&l->paid_hash, hash.b, *index) == OK);
	l->idem[l->idem_count] = (struct idempotency){.key = r->idempotency_key,
		.body = r->idempotency_body,
		.is_swap = false,
		.index = *index};
	CHECK(map_put(&l->by_idempotency, r->idempotency_key.b, l->idem_count) == OK);
	l->idem_count++;
	ledger_mark_dirty(l, *index | DIRTY_TRANSFER);
	return OK;
}

static enum err apply_transfer(struct ledger *l, struct reader *in)
{
	struct rec_transfer r;
	struct amount queued;
	uint32_t index;
	TRY(rec_transfer_get(in, &r));
	if (amount_add(&queued, l->layer[r.layer].queued, r.amount) != OK)
		return ERR_RANGE;
	TRY(transfer_add(l, &index, &r));
	l->layer[r.layer].queued = queued;
	l->transfers_waiting++;
	return OK;
}

static enum err apply_swap_end(struct ledger *l, struct reader *in, enum swap_event event)
{
	struct rec_swap_end r;
	enum swap_state to;
	TRY(rec_swap_end_get(in, &r));
	struct swap *s = ledger_swap(l, &r.swap);
	if (s == NULL || !swap_next(&to, s->state, event))
		return ERR_STATE;
	memcpy(s->reason, r.reason, sizeof s->reason);
	swap_fire(l, swap_index(l, s), event);
	swap_evaluate(l, swap_index(l, s));
	return OK;
}

/* An offer that ran out with a wrong lock-up on the chain is declined, not expired: its owner has a
 * refund to wait for. */
static enum err apply_expired(struct ledger *l, struct reader *in)
{
	struct reader peek = *in;
	struct rec_swap_end r;
	TRY(rec_swap_end_get(&peek, &r));
	const struct swap *s = ledger_swap(l, &r.swap);
	if (s == NULL)
		return ERR_STATE;
	return apply_swap_end(l, in,
		s->source.lock_count > 0 && !MUTANT(EXPIRY_OVERWRITES) ? SWAP_EV_SOURCE_WRONG
								       : SWAP_EV_EXPIRE);
}

/* Anybody can add to the balance of an account without a transaction to it: a contract's transfer,
 * a stranger's lock-up that pays us. That must not stop us: what the account holds beyond the books
 * is booked as unexplained, where nothing is missing in our lock-ups. */
static void book_surplus(struct ledger *l, const struct rec_reconciled *r, uint64_t height)
{
	struct layer_state *s = &l->layer[r->layer];
	const struct recent_block *at = &s->recent[height % LEDGER_RECENT_BLOCKS];
	struct amount books, surplus, sum;

	if (layer_family(r->layer) != FAMILY_ACCOUNT || amount_cmp(r->locked, at->locked) != 0 ||
		amount_sub(&books, at->custody, at->locked) != OK ||
		amount_sub(&surplus, r->wallet, books) != OK)
		return;
	/* the scan may speak of an older block: it was ours in every block since */
	for (uint64_t h = height; h <= s->tip.height; h++)
		if (amount_add(&sum, s->recent[h % LEDGER_RECENT_BLOCKS].custody, surplus) != OK)
			return;
	for (uint64_t h = height; h <= s->tip.height; h++) {
		struct recent_block *b = &s->recent[h % LEDGER_RECENT_BLOCKS];
		CHECK(amount_add(&b->custody, b->custody, surplus) == OK);
	}
	ledger_post(l, r->layer, height, ACCOUNT_SUSPENSE_IN, ACCOUNT_INFLIGHT, surplus);
	credit_add(l, r->layer, height, surplus);
}

/* What a node's channels hold beyond the books came in by routing, or by invoices that are not
 * ours. What is in force closes can't be paid with. */
static void book_channels(struct ledger *l, const struct rec_reconciled *r, struct amount chain)
{
	struct amount more;
	const struct amount was = ledger_balance(l, r->layer, ACCOUNT_CHANNEL_LIMBO);
	if (amount_sub(&more, chain, ledger_custody(l, r->layer)) == OK)
		ledger_post(l, r->layer, 0, ACCOUNT_SUSPENSE_IN, ACCOUNT_AVAILABLE, more);
	if (amount_sub(&more, r->limbo, was) == OK)
		ledger_post(l, r->layer, 0, ACCOUNT_AVAILABLE, ACCOUNT_CHANNEL_LIMBO, more);
	else if (amount_sub(&more, was, r->limbo) == OK)
		ledger_post(l, r->layer, 0, ACCOUNT_CHANNEL_LIMBO, ACCOUNT_AVAILABLE, more);
}

/* Gas is nobody's but ours, and anybody may add to it. What it is less by is what nodes did not say
 * that data on the first layer cost; more than that is missing, and latches. */
static void reconcile_gas(
	struct ledger *l, enum layer_id layer, const struct recent_block *at, struct amount chain)
{
	struct layer_state *s = &l->layer[layer];
	const uint64_t calls = at->nonce_chain > s->reconciled_nonce
		? at->nonce_chain - s->reconciled_nonce
		: 0;
	const bool more = amount_cmp(chain, at->gas) >= 0;
	const uint64_t height = at->ref.height;
	struct amount change, untold = amount_of(chain.asset, s->data_fee);

	CHECK(amount_sub(&change, more ? chain : at->gas, more ? at->gas : chain) == OK);
	if (!more &&
		(amount_mul(&untold, untold, calls * DATA_FEE_FACTOR) != OK ||
			amount_cmp(change, untold) > 0) &&
		!MUTANT(DIFFERENCE_IGNORED))
		ledger_latch(l, "reconciliation: the chain has less gas than the books");
	for (uint64_t h = height; h <= s->tip.height; h++) {
		struct recent_block *b = &s->recent[h % LEDGER_RECENT_BLOCKS];
		if ((more ? amount_add(&b->gas, b->gas, change)
			  : amount_sub(&b->gas, b->gas, change)) != OK)
			b->gas = amount_zero(chain.asset);
	}
	ledger_post(l, layer, height, more ? ACCOUNT_GAS_EXTERNAL : ACCOUNT_GAS_AVAILABLE,
		more ? ACCOUNT_GAS_AVAILABLE : ACCOUNT_GAS_SPENT, change);
	s->reconciled_nonce = at->nonce_chain;
}

static enum err apply_reconciled(struct ledger *l, struct reader *in)
{
	struct rec_reconciled r;
	TRY(rec_reconciled_get(in, &r));
	struct layer_state *s = &l->layer[r.layer];
	const bool channels = layer_family(r.layer) == FAMILY_CHANNEL;
	const struct recent_block *b = ledger_recent(l, r.layer, &r.block.hash);
	if (b == NULL || b->ref.height != r.block.height)
		return ERR_STATE;
	struct amount chain;
	if (amount_add(&chain, r.wallet, r.locked) != OK ||
		amount_cmp(chain, amount_max(layer_asset(r.layer))) > 0 ||
		amount_cmp(r.gas, amount_max(r.gas.asset)) > 0 ||
		amount_cmp(r.limbo, r.wallet) > 0 || (!channels && !amount_is_zero(r.limbo)))
		return ERR_RANGE;

	s->reconciled = true;
	s->reconciled_at = r.block;
	s->reconciled_ms = l->time_ms;
	s->reconciled_seq = l->seq;
	if (layer_gas_apart(r.layer))
		reconcile_gas(l, r.layer, b, r.gas);
	if (channels)
		book_channels(l, &r, chain);
	else if (amount_cmp(chain, b->custody) > 0)
		book_surplus(l, &r, b->ref.height);
	/* channels have no blocks: they are compared as of now */
	const struct amount books = channels ? ledger_custody(l, r.layer) : b->custody;
	s->difference_missing = amount_cmp(chain, books) < 0;
	CHECK(amount_sub(&s->difference, s->difference_missing ? books : chain,
		      s->difference_missing ? chain : books) == OK);
	if (!amount_is_zero(s->difference) && !MUTANT(DIFFERENCE_IGNORED))
		ledger_latch(l,
			s->difference_missing
				? "reconciliation: the chain has less than the books"
				: "reconciliation: the chain has more than the books");
	return OK;
}

/* Only after each layer was reconciled without a difference since there was a reason. */
static bool may_clear(const struct ledger *l)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		const struct layer_state *s = &l->layer[i];
		if (s->born &&
			(!s->reconciled || s->reconciled_seq < l->latch_seq ||
				!amount_is_zero(s->difference)))
			return false;
	}
	return true;
}

static enum err apply_latch(struct ledger *l, struct reader *in)
{
	struct rec_latch r;
	TRY(rec_latch_get(in, &r));
	if (!r.on && !may_clear(l) && !MUTANT(LATCH_OPENS))
		return ERR_STATE;
	if (r.on)
		l->latch_seq = l->seq;
	l->latched = r.on;
	memcpy(l->latch_reason, r.reason, sizeof l->latch_reason);
	return OK;
}

static enum err apply_durability(struct ledger *l, struct reader *in)
{
	struct rec_durability r;
	TRY(rec_durability_get(in, &r));
	l->durability = r.mode;
	l->durability_ms = r.interval_ms;
	return OK;
}

static enum err apply_prepared(struct ledger *l, struct reader *in)
{
	static _Thread_local uint8_t plain[RECORD_RAW_MAX];
	struct rec_prepared r;
	enum err err = rec_prepared_get(in, &r, &l->seal, plain);
	if (err == OK)
		err = fold_prepared(l, &r);
	if (r.sealed)
		bytes_wipe(plain, r.raw.len);
	return err;
}

static enum err apply_body(struct ledger *l, enum record_type type, struct reader *in)
{
	union {
		struct rec_birth birth;
		struct rec_swap swap;
		struct rec_intent intent;
		struct rec_bump bump;
		struct rec_submitted submitted;
		struct rec_build_failed build_failed;
		struct rec_first_layer first_layer;
		struct rec_address address;
		struct rec_sweep sweep;
		struct id128 id;
	} r;
	enum layer_id layer;
	struct block_ref keep;

	switch (type) {
	case REC_PARAMS: return apply_params(l, in);
	case REC_BIRTH: TRY(rec_birth_get(in, &r.birth)); return fold_birth(l, &r.birth);
	case REC_BLOCK: return fold_block(l, in);
	case REC_REORG:
		TRY(rec_layer_get(in, &layer));
		rec_block_ref_get(in, &keep);
		TRY(reader_finish(in));
		return fold_reorg(l, layer, &keep);
	case REC_MEMPOOL: return fold_mempool(l, in);
	case REC_FEE_RATE: return apply_fee_rate(l, in);
	case REC_SWAP: TRY(rec_swap_get(in, &r.swap)); return fold_swap(l, &r.swap);
	case REC_TRANSFER: return apply_transfer(l, in);
	case REC_INTENT: TRY(rec_intent_get(in, &r.intent)); return fold_intent(l, &r.intent);
	case REC_BUMP: TRY(rec_bump_get(in, &r.bump)); return fold_bump(l, &r.bump);
	case REC_CALL_OFF: TRY(rec_bump_get(in, &r.bump)); return fold_call_off(l, &r.bump);
	case REC_PREPARED: return apply_prepared(l, in);
	case REC_SUBMITTED:
		TRY(rec_submitted_get(in, &r.submitted));
		return fold_submitted(l, &r.submitted);
	case REC_BUILD_FAILED:
		TRY(rec_build_failed_get(in, &r.build_failed));
		return fold_build_failed(l, &r.build_failed);
	case REC_DECLINED: return apply_swap_end(l, in, SWAP_EV_DECLINE);
	case REC_EXPIRED: return apply_expired(l, in);
	case REC_RECONCILED: return apply_reconciled(l, in);
	case REC_LATCH: return apply_latch(l, in);
	case REC_DURABILITY: return apply_durability(l, in);
	case REC_BOOK_OPENINGS: return fold_book_openings(l, in);
	case REC_BOOK_TRANSFERS: return fold_book_transfers(l, in);
	case REC_FACT: return fold_fact(l, in);
	case REC_FIRST_LAYER:
		TRY(rec_first_layer_get(in, &r.first_layer));
		return fold_first_layer(l, &r.first_layer);
	case REC_ADDRESS: TRY(rec_address_get(in, &r.address)); return fold_address(l, &r.address);
	case REC_SWEEP: TRY(rec_sweep_get(in, &r.sweep)); return fold_sweep(l, &r.sweep);
	case REC_SWEEP_CANCELLED:
		reader_copy(in, r.id.b, sizeof r.id.b);
		TRY(reader_finish(in));
		return fold_sweep_cancelled(l, &r.id);
	case REC_TYPE_COUNT: break;
	}
	return ERR_FORMAT;
}

enum err ledger_apply(struct ledger *l, uint64_t seq, uint16_t type, struct slice payload)
{
	struct reader in = reader_init(payload);
	uint64_t time_ms;

	if (seq != l->seq + 1)
		return ERR_STATE;
	if (type == 0 || type >= REC_TYPE_COUNT)
		return ERR_FORMAT;
	TRY(record_open(&in, &time_ms));
	if (!l->has_params && type != REC_PARAMS)
		return ERR_STATE;

	const uint64_t seq_was = l->seq, time_was = l->time_ms;
	l->seq = seq;
	if (time_ms > l->time_ms)
		l->time_ms = time_ms; /* the wall clock may step back; the books' time does not */
	const enum err err = apply_body(l, (enum record_type)type, &in);
	if (err != OK) {
		l->seq = seq_was;
		l->time_ms = time_was;
	}
	return err;
}
