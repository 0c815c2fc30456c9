/* ledger/fold: what the parts of the fold share. Internal to the module. */
#ifndef LEDGER_FOLD_H
#define LEDGER_FOLD_H
#include "ledger/blob.h"
#include "base/mutant.h"
#include "ledger/ledger.h"
#include "ledger/record.h"

/* Move an amount between two accounts of a layer because of the record being applied. height: of
 * the block that caused it, so that a reorganisation can reverse it; 0: not caused by a block. Zero
 * amounts are left out. */
NONNULL_ALL void ledger_post(struct ledger *l, enum layer_id layer, uint64_t height,
	enum account from, enum account to, struct amount amount);
/* Post the reverse of everything that blocks above `keep` caused; keep_seq: of the record of the
 * block at that height. */
NONNULL_ALL void ledger_post_reversals(
	struct ledger *l, enum layer_id layer, uint64_t keep, uint64_t keep_seq);

NONNULL_ALL void ledger_latch(struct ledger *l, const char *reason);
NONNULL_ALL void ledger_mark_dirty(struct ledger *l, uint32_t what);

/* chain */
NONNULL_ALL enum err fold_birth(struct ledger *l, const struct rec_birth *r);
NONNULL_ALL enum err fold_block(struct ledger *l, struct reader *in);
NONNULL_ALL enum err fold_first_layer(struct ledger *l, const struct rec_first_layer *r);
NONNULL_ALL enum err fold_reorg(
	struct ledger *l, enum layer_id layer, const struct block_ref *keep);
NONNULL_ALL enum err fold_mempool(struct ledger *l, struct reader *in);
NONNULL_ALL void credit_add(
	struct ledger *l, enum layer_id layer, uint64_t height, struct amount amount);

/* coins */
NONNULL_ALL void coin_created(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height);
NONNULL_ALL void coin_spent(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height);
NONNULL_ALL void coins_mature(struct ledger *l, enum layer_id layer, uint64_t tip);
NONNULL_ALL void coins_reorg(struct ledger *l, enum layer_id layer, uint64_t keep);
/* What is known of a restored list of coins. ERR_FULL: they are more than capacity.coins. */
MUST_USE NONNULL_ALL enum err coins_index(struct ledger *l);
/* A coin's name in coin_by_outpoint. */
#define COIN_KEY_SIZE 37u
NONNULL_ALL void coin_key(
	uint8_t key[COIN_KEY_SIZE], enum layer_id layer, const struct hash256 *tx, uint32_t index);
/* What it holds, in its layer's asset. */
NONNULL_ALL struct amount coin_amount(const struct coin *c);
/* Where the value of an unspent coin is booked. */
enum account coin_account(const struct coin *c);
/* After a change of what makes it free. */
NONNULL_ALL void coin_refresh(struct ledger *l, struct coin *c);

/* deposit addresses */
NONNULL_ALL enum err fold_address(struct ledger *l, const struct rec_address *r);
/* A transfer that takes part in nothing yet: the caller says whether it waits. Errors change
 * nothing. */
NONNULL_ALL enum err transfer_add(struct ledger *l, uint32_t *index, const struct rec_transfer *r);
NONNULL_ALL enum err fold_sweep(struct ledger *l, const struct rec_sweep *r);
NONNULL_ALL enum err fold_sweep_cancelled(struct ledger *l, const struct id128 *effect);
/* Addresses were given, or paid to: they stay those of this descriptor. */
NONNULL_ALL bool deposits_used(const struct ledger *l);

/* effects */
NONNULL_ALL enum err fold_intent(struct ledger *l, const struct rec_intent *r);
NONNULL_ALL enum err fold_call_off(struct ledger *l, const struct rec_bump *r);
NONNULL_ALL enum err fold_bump(struct ledger *l, const struct rec_bump *r);
NONNULL_ALL enum err fold_prepared(struct ledger *l, const struct rec_prepared *r);
NONNULL_ALL enum err fold_submitted(struct ledger *l, const struct rec_submitted *r);
NONNULL_ALL enum err fold_build_failed(struct ledger *l, const struct rec_build_failed *r);
/* The effect whose variant is this transaction; NULL. */
NONNULL_ALL struct effect *effect_of_tx(const struct ledger *l, const struct hash256 *tx);
NONNULL_ALL void effect_open(struct ledger *l, struct effect *f);
/* Free the bytes of the effect that has been over for longest; false where there is none. */
NONNULL_ALL bool effects_forget_oldest(struct ledger *l);
NONNULL_ALL void effects_close(struct ledger *l); /* take what is over from the list */
/* Of all that it pays. */
NONNULL_ALL void transfers_update(
	struct ledger *l, const struct effect *f, enum transfer_state state);
NONNULL_ALL void transfers_fail(struct ledger *l, const struct effect *f, const char *reason);
/* UTXO: one of its variants is in a block. Called for each of its inputs and outputs of ours; the
 * first call counts. */
NONNULL_ALL void effect_confirmed(
	struct ledger *l, struct effect *f, const struct hash256 *tx, uint64_t height);
NONNULL_ALL void effect_nonce_used(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height);
NONNULL_ALL void effect_release(struct ledger *l, struct effect *f);
NONNULL_ALL void effect_void(struct ledger *l, struct effect *f, const char *reason);
NONNULL_ALL void effects_settle(struct ledger *l, enum layer_id layer);
/* deep: something that was taken for final is gone. */
NONNULL_ALL void effects_reorg(struct ledger *l, enum layer_id layer, uint64_t keep, bool deep);

/* Its variant `tx` is in a block. What was written off has its reservation again. */
NONNULL_ALL void effect_mark_confirmed(struct ledger *l, struct effect *f, const struct hash256 *tx,
	uint64_t height, bool reverted);
/* Pay from what is left of the reservation; more than that is posted all the same, and latches. */
NONNULL_ALL void effect_pay(struct ledger *l, const struct effect *f, struct amount *left,
	enum account to, struct amount amount, uint64_t height);

/* channels */
NONNULL_ALL enum err fold_fact(struct ledger *l, struct reader *in);
/* With each block: what no node ever took can't happen any more once nothing of it could be alive.
 */
NONNULL_ALL void payments_expire(struct ledger *l, enum layer_id layer);

/* the customers' book */
NONNULL_ALL enum err fold_book_openings(struct ledger *l, struct reader *in);
NONNULL_ALL enum err fold_book_transfers(struct ledger *l, struct reader *in);

/* swaps */
NONNULL_ALL enum err fold_swap(struct ledger *l, const struct rec_swap *r);
NONNULL_ALL void swap_lock_event(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height);
NONNULL_ALL void swap_lock_spent(
	struct ledger *l, enum layer_id layer, const struct chain_event *e, uint64_t height);
/* Follow the table as far as the facts go. */
NONNULL_ALL void swap_evaluate(struct ledger *l, uint32_t index);
/* Follow it with every block again. */
NONNULL_ALL void swap_activate(struct ledger *l, uint32_t index);
NONNULL_ALL void swap_fire(struct ledger *l, uint32_t index, enum swap_event event);
NONNULL_ALL void swaps_evaluate_all(struct ledger *l);
NONNULL_ALL void swaps_reorg(struct ledger *l, enum layer_id layer, uint64_t keep, bool deep);
/* The claim or refund of a swap failed: the next one waits a while. */
NONNULL_ALL void swap_hold_off(struct ledger *l, struct swap *s, enum sign_purpose purpose);
/* The lock-up that counts, or NULL. */
NONNULL_ALL struct lock_fact *leg_bound(struct leg *leg);

static inline uint32_t swap_index(const struct ledger *l, const struct swap *s)
{
	return (uint32_t)(s - l->swap);
}
static inline uint32_t effect_index(const struct ledger *l, const struct effect *f)
{
	return (uint32_t)(f - l->effect);
}
/* Blocks that count as final on a layer. */
static inline bool is_final(const struct ledger *l, enum layer_id layer, uint64_t height)
{
	const struct network *network = l->params.layer[layer].network;
	if (network != NULL && network->rollup)
		return height != 0 && height <= l->layer[layer].final_height;
	return height != 0 && ledger_depth(l, layer, height) >= l->params.layer[layer].final_depth;
}
/* Remember that something at this height was taken for final. */
static inline void note_final(struct ledger *l, enum layer_id layer, uint64_t height)
{
	if (height > l->layer[layer].final_mark)
		l->layer[layer].final_mark = height;
}

#endif
