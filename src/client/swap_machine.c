#include "client/swap_machine.h"

#include "base/mutant.h"
#include "client/fees.h"
#include "client/spend.h"
#include "client/verify.h"
#include "ledger/clock.h"

#define ATTEMPTS_MAX 24u /* transactions of one effect; then the last one is only sent again */

struct thinking {
	struct swap_decision *out;
	const struct rescue *r;
	const struct client_config *config;
	const struct swap_facts *f;
	uint64_t tip[SIDE_COUNT], head[SIDE_COUNT];
};

static const struct layer_params *params_of(const struct thinking *t, enum rescue_side side)
{
	return &t->config->layer[rescue_layer(t->r, side)].params;
}

static bool is_account(const struct thinking *t, enum rescue_side side)
{
	return layer_family(rescue_layer(t->r, side)) == FAMILY_ACCOUNT;
}

static bool is_channel(const struct thinking *t, enum rescue_side side)
{
	return layer_family(rescue_layer(t->r, side)) == FAMILY_CHANNEL;
}

/* The source is paid by ourselves, not by somebody who is shown where to. */
static bool pays_itself(const struct thinking *t)
{
	return is_account(t, SIDE_SOURCE) || is_channel(t, SIDE_SOURCE);
}

static void wait_at(struct thinking *t, enum swap_step step, const char *why)
{
	t->out->act = ACT_WAIT;
	t->out->step = step;
	t->out->why = why;
}

static void go(struct thinking *t, enum rescue_phase phase, const char *why)
{
	CHECK(rescue_phase_may(t->r->phase, phase));
	t->out->act = ACT_PHASE;
	t->out->phase = phase;
	t->out->why = why;
}

static void end(struct thinking *t, enum client_exit exit, const char *why)
{
	t->out->act = ACT_END;
	t->out->exit = exit;
	t->out->step = STEP_DONE;
	t->out->why = why;
}

static bool is_rollup(const struct thinking *t, enum rescue_side side)
{
	return t->r->leg[side].network->rollup;
}

/* A rollup's blocks count when the layer below has them. */
static uint64_t depth_at(const struct thinking *t, enum rescue_side side, uint64_t height)
{
	if (is_rollup(t, side) && height > t->f->side[side].below.safe_height)
		return 0;
	return view_depth(t->tip[side], height);
}

/* What was mined there stays. */
static bool is_final(const struct thinking *t, enum rescue_side side, uint64_t height)
{
	if (is_rollup(t, side))
		return height != 0 && height <= t->f->side[side].below.final_height;
	return view_depth(t->tip[side], height) >= params_of(t, side)->final_depth;
}

static void show(struct thinking *t, enum rescue_side side, uint64_t height_of_lock, uint32_t depth)
{
	t->out->step_side = side;
	t->out->confirmations = depth_at(t, side, height_of_lock);
	t->out->depth = depth;
}

/* ---- fees ---- */

static uint64_t rate_cap(const struct thinking *t, enum rescue_side side, enum sign_purpose purpose,
	struct amount value, bool urgent)
{
	return fees_rate_cap(params_of(t, side), purpose, value, urgent);
}

static uint64_t rate_now(const struct thinking *t, enum rescue_side side)
{
	return fees_rate_now(params_of(t, side), t->f->side[side].rate);
}

static uint64_t rate_bumped(const struct thinking *t, enum rescue_side side, uint64_t last)
{
	return fees_rate_bumped(params_of(t, side), t->f->side[side].rate, last);
}

/* ---- effects: one lock-up spent, or one nonce used ---- */

struct effect {
	enum rescue_side side;
	enum sign_purpose purpose;
	struct locator at; /* CLAIM, REFUND */
	struct amount value;
	bool urgent;
	enum rescue_phase phase; /* with the first transaction */
};

static bool same_effect(
	const struct thinking *t, const struct effect *e, const struct rescue_tx *tx)
{
	if (tx->side != e->side || tx->purpose != e->purpose)
		return false;
	return e->purpose == SIGN_LOCK || e->purpose == SIGN_APPROVE ||
		e->purpose == SIGN_NONCE_FILL ||
		(hash256_eq(&tx->at.tx, &e->at.tx) && tx->at.index == e->at.index) ||
		/* a contract's lock is found by its terms: where the event lies says nothing */
		(is_account(t, e->side) && e->purpose == SIGN_CLAIM);
}

/* The last transaction of an effect, and how many there are. RESCUE_TX_MAX: none. */
static uint32_t last_tx(const struct thinking *t, const struct effect *e, uint32_t *count)
{
	uint32_t last = RESCUE_TX_MAX;
	*count = 0;
	for (uint32_t i = 0; i < t->r->tx_count; i++) {
		if (!same_effect(t, e, &t->r->tx[i]))
			continue;
		last = i;
		++*count;
	}
	return last;
}

static void prepare(struct thinking *t, const struct effect *e, uint64_t rate, uint64_t nonce)
{
	struct swap_decision *d = t->out;
	d->act = ACT_PREPARE;
	d->phase = e->phase;
	d->purpose = e->purpose;
	d->side = e->side;
	d->at = e->at;
	d->amount = e->value;
	d->rate = rate;
	d->nonce = nonce;
}

/* ACCOUNT: none of the transactions with this nonce can do it any more: the nonce went to another
 * transaction, or ours was mined and failed. */
static bool nonce_is_gone(const struct thinking *t, const struct rescue_tx *last)
{
	if (t->f->side[last->side].account.nonce_latest <= last->nonce)
		return false;
	for (uint32_t i = 0; i < t->r->tx_count; i++) {
		const struct rescue_tx *tx = &t->r->tx[i];
		const struct tx_facts *fact = &t->f->tx[i];
		if (!evm_address_eq(&tx->from, &last->from) || tx->nonce != last->nonce ||
			tx->side != last->side)
			continue;
		if (fact->presence == TX_CONFIRMED)
			return fact->reverted;
		if (fact->presence != TX_ABSENT)
			return false; /* not known: nothing follows from it */
	}
	return true;
}

/* The nonce is gone, or another account pays the gas now. */
static bool is_stale(const struct thinking *t, const struct rescue_tx *last)
{
	return !evm_address_eq(&last->from, &t->r->gas_account) || nonce_is_gone(t, last);
}

static bool send_again(struct thinking *t, uint32_t at)
{
	const struct tx_facts *fact = &t->f->tx[at];
	if (fact->presence == TX_MEMPOOL || fact->presence == TX_CONFIRMED)
		return false;
	if (fact->sent_ms != 0 && t->f->now_ms < fact->sent_ms + SWAP_RESEND_MS)
		return false;
	t->out->act = ACT_SEND;
	t->out->tx = at;
	return true;
}

/* The next thing to do for an effect that is not final. False: nothing, wait. */
static bool drive(struct thinking *t, const struct effect *e)
{
	const struct layer_params *p = params_of(t, e->side);
	const bool account = is_account(t, e->side);
	const bool claim = e->purpose == SIGN_CLAIM;
	const uint64_t cap = rate_cap(t, e->side, e->purpose, e->value, e->urgent);
	/* what confirms soon is worth it for a claim at any time */
	const uint64_t first_cap = claim ? rate_cap(t, e->side, e->purpose, e->value, true) : cap;
	const uint64_t now = rate_now(t, e->side), first = now < first_cap ? now : first_cap;
	uint32_t count;
	const uint32_t at = last_tx(t, e, &count);

	const struct node_account *own = &t->f->side[e->side].account;

	if (account && !own->known) {
		t->out->why = "the gas account can't be asked";
		return false;
	}
	if (at == RESCUE_TX_MAX ||
		(account && count < ATTEMPTS_MAX && is_stale(t, &t->r->tx[at]))) {
		prepare(t, e, first, own->nonce_pending);
		return true;
	}
	const struct rescue_tx *tx = &t->r->tx[at];
	const struct tx_facts *fact = &t->f->tx[at];
	const bool rested = fact->sent_ms == 0 || t->f->now_ms >= fact->sent_ms + SWAP_RESEND_MS;
	if (fact->presence == TX_CONFIRMED)
		return false;
	const uint64_t bumped = rate_bumped(t, e->side, tx->rate);
	const bool due = (fact->rejected && rested) ||
		t->tip[e->side] >= tx->height + p->bump_blocks;
	/* not a wallet's payment; a command to a node costs what it costs */
	const bool ours = !is_channel(t, e->side) && (account || e->purpose != SIGN_LOCK);
	const bool was_sent = fact->sent_ms != 0 || fact->presence == TX_MEMPOOL;
	if (due && ours && was_sent && count < ATTEMPTS_MAX && bumped <= cap) {
		prepare(t, e, bumped, tx->nonce);
		return true;
	}
	return send_again(t, at);
}

/* ---- before the payment ---- */

static void decide_agreed(struct thinking *t)
{
	const struct client_layer *bounds = &t->config->layer[rescue_layer(t->r, SIDE_SOURCE)];
	const char *poor = NULL;

	if (t->f->want_refund) {
		go(t, RESCUE_CLOSED, "called off before anything was paid");
		return;
	}
	if (t->f->now_ms + SWAP_PAY_MARGIN_MS >= t->r->expires_ms) {
		go(t, RESCUE_CLOSED, "the offer expired before anything was paid");
		return;
	}
	if (t->r->leg[SIDE_SOURCE].timelock < t->head[SIDE_SOURCE] + bounds->lock_blocks_min) {
		go(t, RESCUE_CLOSED, "too few blocks are left until our refund opens");
		return;
	}
	for (unsigned i = 0; i < SIDE_COUNT && poor == NULL; i++) {
		const enum rescue_side side = (enum rescue_side)i;
		if (!is_account(t, side))
			continue;
		if (!t->f->side[side].account.known) {
			wait_at(t, STEP_NODE, "the gas account can't be asked");
			return;
		}
		const struct side_facts *f = &t->f->side[side];
		poor = fees_too_poor(&f->account, t->r, side, rate_now(t, side), f->data_fee);
	}
	go(t, poor == NULL ? RESCUE_PAYING : RESCUE_CLOSED, poor);
}

/* ---- our lock-up ---- */

/* The lock-up of ours that counts: the exact amount, in a block rather than not. */
static const struct view_lock *own_lock(const struct thinking *t)
{
	const struct view *v = t->f->side[SIDE_SOURCE].view;
	const struct view_lock *best = NULL;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct view_lock *lock = &v->lock[i];
		if ((lock->flags & CHAIN_LOCK_FOREIGN) != 0 ||
			amount_cmp(lock->amount, t->r->leg[SIDE_SOURCE].amount) != 0)
			continue;
		if (best == NULL || (best->height == 0 && lock->height != 0))
			best = lock;
	}
	return best;
}

/* The last signed payment of ours; RESCUE_TX_MAX: none. */
static uint32_t lock_tx(const struct thinking *t)
{
	uint32_t last = RESCUE_TX_MAX;
	for (uint32_t i = 0; i < t->r->tx_count; i++)
		if (t->r->tx[i].purpose == SIGN_LOCK)
			last = i;
	return last;
}

static bool has_lock_tx(const struct thinking *t)
{
	return lock_tx(t) != RESCUE_TX_MAX;
}

/* The contract may take what we lock: a lock signed before would be mined and fail. False: it is
 * being approved. */
static bool is_approved(struct thinking *t)
{
	const struct rescue_leg *leg = &t->r->leg[SIDE_SOURCE];
	const struct node_account *own = &t->f->side[SIDE_SOURCE].account;
	const struct effect e = {.side = SIDE_SOURCE,
		.purpose = SIGN_APPROVE,
		.value = leg->amount,
		.phase = RESCUE_PAYING};
	const uint32_t lock = lock_tx(t);
	uint32_t count;

	if (!layer_gas_apart(leg->network->layer) ||
		(lock != RESCUE_TX_MAX && !is_stale(t, &t->r->tx[lock])) ||
		(own->known && amount_cmp(own->allowance, leg->amount) >= 0))
		return true;
	const uint32_t at = last_tx(t, &e, &count);
	/* what it approved, another swap of ours has used */
	if (own->known && at != RESCUE_TX_MAX && t->f->tx[at].presence == TX_CONFIRMED &&
		own->nonce_latest > t->r->tx[at].nonce && count < ATTEMPTS_MAX)
		prepare(t, &e, rate_now(t, SIDE_SOURCE), own->nonce_pending);
	else
		(void)drive(t, &e);
	return false;
}

static void decide_pay(struct thinking *t)
{
	const bool late = t->f->now_ms + SWAP_PAY_MARGIN_MS >= t->r->expires_ms;
	const bool made = has_lock_tx(t);
	const struct effect e = {.side = SIDE_SOURCE,
		.purpose = SIGN_LOCK,
		.value = t->r->leg[SIDE_SOURCE].amount,
		.phase = RESCUE_PAYING};

	wait_at(t, STEP_PAY,
		t->f->side[SIDE_SOURCE].view->count > 0
			? "another amount than agreed was paid: it comes back when our refund opens"
			: NULL);
	t->out->step_side = SIDE_SOURCE;
	if (late && !made && (pays_itself(t) || t->f->has_wallet)) {
		go(t, RESCUE_ABANDONED, "the offer expired before we paid");
	} else if (late && !made) {
		end(t, CLIENT_PENDING,
			"the offer expired and no payment was seen; if one is on its way, resume "
			"gets it back");
	} else if (made && t->f->tx[lock_tx(t)].rejected && is_channel(t, SIDE_SOURCE)) {
		go(t, RESCUE_ABANDONED, "our node has not paid, and won't any more");
	} else if (late && !is_channel(t, SIDE_SOURCE)) {
		t->out->why = "the offer has expired; our payment may still confirm";
	} else if (pays_itself(t) || made) {
		if (is_approved(t))
			(void)drive(t, &e);
	} else if (t->f->has_wallet) {
		t->out->act = ACT_PAY_WALLET;
	}
}

/* ---- the provider's lock-up ---- */

/* The best lock-up of the provider, and what is wrong with it. */
static const struct view_lock *their_lock(const struct thinking *t, enum lock_fault *fault)
{
	const struct rescue_leg *leg = &t->r->leg[SIDE_DEST];
	const struct view *v = t->f->side[SIDE_DEST].view;
	const uint32_t depth = params_depth(params_of(t, SIDE_DEST), leg->amount);
	const struct view_lock *best = NULL;

	*fault = LOCK_UNCONFIRMED;
	for (uint32_t i = 0; i < v->count; i++) {
		const enum lock_fault f = verify_lock(
			&v->lock[i], leg, depth_at(t, SIDE_DEST, v->lock[i].height), depth);
		if (best != NULL && f >= *fault)
			continue;
		best = &v->lock[i];
		*fault = f;
	}
	return best;
}

/* Until when the provider can't take back what it locked: what the terms say, or what is held for
 * us, which is held for longer when it came late. */
static uint64_t dest_timelock(const struct thinking *t)
{
	const struct view *v = t->f->side[SIDE_DEST].view;
	uint64_t timelock = t->r->leg[SIDE_DEST].timelock;
	for (uint32_t i = 0; is_channel(t, SIDE_DEST) && i < v->count; i++)
		if (v->lock[i].timelock > timelock)
			timelock = v->lock[i].timelock;
	return timelock;
}

/* The provider has told its terms; of a payment to us they are our own, and known when it is held.
 */
static bool dest_is_known(const struct thinking *t)
{
	return t->r->leg[SIDE_DEST].terms_len != 0 &&
		(!is_channel(t, SIDE_DEST) || t->f->side[SIDE_DEST].view->count > 0);
}

static void claim_of(struct effect *e, const struct thinking *t, const struct view_lock *lock)
{
	const uint32_t claim_blocks = params_of(t, SIDE_DEST)->claim_blocks;
	*e = (struct effect){.side = SIDE_DEST,
		.purpose = SIGN_CLAIM,
		.at = lock->at,
		.value = lock->amount,
		.urgent = dest_timelock(t) <= t->tip[SIDE_DEST] + 2ull * claim_blocks,
		.phase = RESCUE_REVEALED};
}

static bool reveal_safe(const struct thinking *t, uint64_t *slack_ms)
{
	const uint64_t timelock = dest_timelock(t), head = t->head[SIDE_DEST];
	*slack_ms = 0;
	return timelock > head &&
		clock_reveal_safe(params_of(t, SIDE_DEST), timelock - head, slack_ms);
}

/* The preimage is public: nothing is lost by claiming. */
static bool decide_public(struct thinking *t)
{
	enum lock_fault fault;
	struct effect e;
	if (!t->f->side[SIDE_SOURCE].view->preimage_public &&
		!t->f->side[SIDE_DEST].view->preimage_public)
		return false;
	if (!dest_is_known(t) || !t->f->side[SIDE_DEST].fresh)
		return false;
	const struct view_lock *lock = their_lock(t, &fault);
	if (lock == NULL || (fault != LOCK_GOOD && fault != LOCK_SHALLOW))
		return false;
	claim_of(&e, t, lock);
	return drive(t, &e);
}

static bool claim_is_paid_for(const struct thinking *t)
{
	const struct side_facts *f = &t->f->side[SIDE_DEST];
	struct amount gas = amount_zero(layer_gas_asset(rescue_layer(t->r, SIDE_DEST)));
	return f->account.known &&
		fees_add(&gas, rescue_layer(t->r, SIDE_DEST), SIGN_CLAIM, rate_now(t, SIDE_DEST),
			f->data_fee, 1) == OK &&
		amount_cmp(f->account.gas, gas) >= 0;
}

/* With the provider's terms known: claim, wait, or give up. */
static void decide_reveal(struct thinking *t)
{
	const uint32_t depth = params_depth(params_of(t, SIDE_DEST), t->r->leg[SIDE_DEST].amount);
	enum lock_fault fault;
	struct effect e;
	uint64_t slack_ms;
	const struct view_lock *lock = their_lock(t, &fault);

	if (!reveal_safe(t, &slack_ms) && !MUTANT(LATE_REVEAL)) {
		go(t, RESCUE_ABANDONED, "too late to tell the preimage safely");
		return;
	}
	wait_at(t, lock == NULL ? STEP_DEST_LOCK : STEP_DEST_DEPTH, NULL);
	show(t, SIDE_DEST, lock == NULL ? 0 : lock->height, depth);
	t->out->height = dest_timelock(t);
	t->out->slack_ms = slack_ms;
	/* the same bytes only: the provider counts on this very lock-up */
	const struct view_lock *own = own_lock(t);
	if ((own == NULL || own->height == 0) && has_lock_tx(t) && send_again(t, lock_tx(t)))
		return;
	if (lock == NULL)
		return;
	if (fault != LOCK_GOOD) {
		t->out->why = fault == LOCK_UNCONFIRMED || fault == LOCK_SHALLOW
			? NULL
			: lock_fault_text(fault);
		return;
	}
	if (is_account(t, SIDE_DEST) && !claim_is_paid_for(t)) {
		t->out->why = "the gas account has too little for the claim: nothing is told";
		return;
	}
	if (is_account(t, SIDE_DEST) && !t->f->claim_works) {
		if (!t->f->claim_tried)
			t->out->act = ACT_TRY_CLAIM;
		else
			t->out->why = "our node says that the claim would fail: nothing is told";
		return;
	}
	claim_of(&e, t, lock);
	if (rate_now(t, SIDE_DEST) > rate_cap(t, SIDE_DEST, SIGN_CLAIM, lock->amount, true)) {
		t->out->why = "fees are too high for a claim now: nothing is told";
		return;
	}
	(void)drive(t, &e);
}

/* Every part of it, for good: nothing of ours is locked. */
static bool payment_failed(const struct thinking *t)
{
	const struct view *v = t->f->side[SIDE_SOURCE].view;
	return is_channel(t, SIDE_SOURCE) && v->count > 0 && v->lock[0].spend == LOCK_SPEND_REFUND;
}

static void decide_paying(struct thinking *t)
{
	const struct view_lock *own = own_lock(t);
	const struct rescue_leg *source = &t->r->leg[SIDE_SOURCE];

	if (decide_public(t))
		return;
	if (t->f->want_refund) {
		go(t, RESCUE_ABANDONED, "called off");
	} else if (t->head[SIDE_SOURCE] >= source->timelock) {
		go(t, RESCUE_ABANDONED, "our refund has opened");
	} else if (payment_failed(t)) {
		go(t, RESCUE_ABANDONED, "our payment has failed");
	} else if (dest_is_known(t)) {
		decide_reveal(t);
	} else if (own == NULL) {
		decide_pay(t);
	} else if (own->height == 0) {
		wait_at(t, STEP_SOURCE_DEPTH, NULL);
		show(t, SIDE_SOURCE, 0, params_depth(params_of(t, SIDE_SOURCE), source->amount));
		const struct effect e = {.side = SIDE_SOURCE,
			.purpose = SIGN_LOCK,
			.value = source->amount,
			.phase = RESCUE_PAYING};
		/* in the mempool of our own node once; it may have been dropped since */
		if (has_lock_tx(t) && t->f->now_ms + SWAP_PAY_MARGIN_MS < t->r->expires_ms)
			(void)drive(t, &e);
	} else {
		const uint32_t depth = params_depth(params_of(t, SIDE_SOURCE), source->amount);
		const bool deep = depth_at(t, SIDE_SOURCE, own->height) >= depth;
		wait_at(t, deep ? STEP_DEST_LOCK : STEP_SOURCE_DEPTH, NULL);
		show(t, SIDE_SOURCE, own->height, depth);
		t->out->height = source->timelock;
	}
}

/* ---- after the reveal ---- */

static void decide_revealed(struct thinking *t)
{
	const struct view *v = t->f->side[SIDE_DEST].view;
	const uint32_t final_depth = params_of(t, SIDE_DEST)->final_depth;
	const struct rescue_leg *leg = &t->r->leg[SIDE_DEST];
	const struct view_lock *open = NULL, *claimed = NULL;
	bool gone = false;
	struct effect e;

	for (uint32_t i = 0; i < v->count; i++) {
		const struct view_lock *lock = &v->lock[i];
		const enum lock_fault fault = verify_lock(
			lock, leg, view_depth(t->tip[SIDE_DEST], lock->height), 1);
		/* who asks later than it ended is told the end alone, not how long it was held */
		const bool past = is_channel(t, SIDE_DEST) && lock->spend == LOCK_SPEND_CLAIM;
		if (fault == LOCK_FOREIGN || fault == LOCK_COINBASE || fault == LOCK_AMOUNT ||
			(fault == LOCK_TIMELOCK && !past))
			continue;
		if (view_depth(t->tip[SIDE_DEST], lock->spend_height) == 0)
			open = open == NULL || open->height == 0 ? lock : open;
		else if (lock->spend == LOCK_SPEND_CLAIM)
			claimed = lock;
		else if (is_final(t, SIDE_DEST, lock->spend_height))
			gone = true;
	}
	wait_at(t, STEP_CLAIM, NULL);
	t->out->height = leg->timelock;
	show(t, SIDE_DEST, claimed == NULL ? 0 : claimed->spend_height, final_depth);
	if (claimed != NULL && is_final(t, SIDE_DEST, claimed->spend_height)) {
		go(t, RESCUE_COMPLETED, NULL);
	} else if (claimed != NULL) {
		return;
	} else if (open != NULL) {
		claim_of(&e, t, open);
		(void)drive(t, &e);
	} else if (gone) {
		go(t, RESCUE_ABANDONED, "the provider took its lock-up back before our claim");
	}
}

/* ---- the refund ---- */

struct refund_state {
	uint32_t refunded, taken, open; /* lock-ups: finally ours again, finally not, still there */
	uint64_t confirmations;         /* of the one that has fewest */
};

/* Somebody's dust on our script is not waited for. */
static bool worth_it(const struct thinking *t, const struct view_lock *lock)
{
	const enum layer_id layer = rescue_layer(t->r, SIDE_SOURCE);
	struct amount fee;
	if (pays_itself(t))
		return true;
	return spend_fee(&fee, layer, SIGN_REFUND, rate_now(t, SIDE_SOURCE)) == OK &&
		amount_add(&fee, fee, layer_dust(layer)) == OK && amount_cmp(lock->amount, fee) > 0;
}

/* One lock-up; true where something is to be done for it now. */
static bool refund_one(struct thinking *t, struct refund_state *s, const struct view_lock *lock)
{
	const uint64_t depth = view_depth(t->tip[SIDE_SOURCE], lock->spend_height);
	const struct effect e = {.side = SIDE_SOURCE,
		.purpose = SIGN_REFUND,
		.at = lock->at,
		.value = lock->amount,
		.phase = RESCUE_ABANDONED};

	if ((lock->flags & CHAIN_LOCK_FOREIGN) != 0 || !worth_it(t, lock))
		return false;
	if (is_final(t, SIDE_SOURCE, lock->spend_height)) {
		s->refunded += lock->spend == LOCK_SPEND_REFUND;
		s->taken += lock->spend != LOCK_SPEND_REFUND;
		return false;
	}
	s->open++;
	if (depth != 0) {
		s->confirmations = s->confirmations == 0 || depth < s->confirmations
			? depth
			: s->confirmations;
		return false;
	}
	/* a payment comes back by itself */
	if (is_channel(t, SIDE_SOURCE))
		return false;
	/* a lock of another time lock is none of ours, and could not be built */
	return lock->height != 0 && t->tip[SIDE_SOURCE] >= lock->timelock &&
		lock->timelock == t->r->leg[SIDE_SOURCE].timelock && drive(t, &e);
}

/* Our node was to pay, and tells of no payment. Once it would not begin one any more, it is told
 * again: that it refuses says that there was none. */
static bool call_off_payment(struct thinking *t, bool *waiting)
{
	const uint32_t at = lock_tx(t);
	*waiting = !t->f->tx[at].rejected;
	return *waiting && t->f->now_ms > t->r->expires_ms && send_again(t, at);
}

/* Our lock-up was signed and is not on the chain: on a layer of accounts its nonce is used up by an
 * empty transfer to ourselves, so that it never will be; the contract refuses it anyway once its
 * time lock has passed. True: something is to be done. *waiting: it may still confirm. */
static bool call_off(struct thinking *t, bool *waiting)
{
	const uint32_t final_depth = params_of(t, SIDE_SOURCE)->final_depth;
	const uint32_t lock_at = lock_tx(t);

	*waiting = lock_at != RESCUE_TX_MAX;
	if (*waiting && is_channel(t, SIDE_SOURCE))
		return call_off_payment(t, waiting);
	if (lock_at == RESCUE_TX_MAX || !is_account(t, SIDE_SOURCE))
		return false;
	const struct rescue_tx *lock = &t->r->tx[lock_at];
	if (t->tip[SIDE_SOURCE] >= t->r->leg[SIDE_SOURCE].timelock + final_depth) {
		*waiting = false;
		return false;
	}
	if (!t->f->side[SIDE_SOURCE].account.known)
		return false;
	for (uint32_t i = 0; i < t->r->tx_count; i++) {
		const struct rescue_tx *tx = &t->r->tx[i];
		const struct tx_facts *fact = &t->f->tx[i];
		if (tx->side != SIDE_SOURCE || tx->nonce != lock->nonce ||
			fact->presence != TX_CONFIRMED)
			continue;
		/* what confirmed is not the lock, or it failed; at depth that is for good */
		*waiting = !((tx->purpose == SIGN_NONCE_FILL || fact->reverted) &&
			fact->depth >= final_depth);
		return false;
	}
	if (nonce_is_gone(t, lock))
		return false;
	const struct effect fill = {.side = SIDE_SOURCE,
		.purpose = SIGN_NONCE_FILL,
		.value = t->r->leg[SIDE_SOURCE].amount,
		.phase = RESCUE_ABANDONED};
	uint32_t count;
	const uint32_t at = last_tx(t, &fill, &count);
	if (at != RESCUE_TX_MAX)
		return drive(t, &fill);
	prepare(t, &fill, rate_bumped(t, SIDE_SOURCE, lock->rate), lock->nonce);
	return true;
}

static void decide_abandoned(struct thinking *t)
{
	const struct view *v = t->f->side[SIDE_SOURCE].view;
	const uint64_t timelock = t->r->leg[SIDE_SOURCE].timelock;
	struct refund_state s = {0};
	bool waiting;

	if (!t->r->revealed && decide_public(t))
		return;
	wait_at(t, t->tip[SIDE_SOURCE] < timelock ? STEP_TIMELOCK : STEP_REFUND, NULL);
	t->out->height = timelock;
	t->out->step_side = SIDE_SOURCE;
	t->out->depth = params_of(t, SIDE_SOURCE)->final_depth;
	for (uint32_t i = 0; i < v->count; i++)
		if (refund_one(t, &s, &v->lock[i]))
			return;
	t->out->confirmations = s.confirmations;
	if (s.open > 0)
		return;
	if (s.refunded > 0) {
		go(t, RESCUE_REFUNDED, NULL);
	} else if (s.taken > 0) {
		end(t, t->r->revealed ? CLIENT_LOST : CLIENT_FAILED,
			"the provider took our lock-up with the preimage");
	} else if (!call_off(t, &waiting)) {
		if (!waiting && pays_itself(t))
			go(t, RESCUE_CLOSED, "nothing of ours was locked");
		else if (!waiting && t->f->has_wallet)
			end(t, CLIENT_REFUSED, "nothing of ours was locked");
		else if (t->tip[SIDE_SOURCE] >= timelock && !waiting)
			end(t, CLIENT_PENDING,
				"no lock-up of ours is on the chain; if one comes, resume gets it "
				"back");
		else
			t->out->why = waiting ? "our lock-up was signed and may still confirm"
					      : NULL;
	}
}

/* ---- entry ---- */

static void decide_end(struct thinking *t)
{
	static const enum client_exit exits[RESCUE_PHASE_COUNT] = {
		[RESCUE_COMPLETED] = CLIENT_OK,
		[RESCUE_REFUNDED] = CLIENT_REFUNDED,
		[RESCUE_CLOSED] = CLIENT_REFUSED,
	};
	end(t, exits[t->r->phase], t->r->reason[0] != '\0' ? t->r->reason : NULL);
}

/* Whose nodes must be there and at their tips before anything is decided. */
static const struct {
	bool source, dest;
} needs[RESCUE_PHASE_COUNT] = {
	[RESCUE_CREATED] = {true, true},
	[RESCUE_AGREED] = {true, true},
	[RESCUE_PAYING] = {true, true},
	[RESCUE_REVEALED] = {false, true},
	[RESCUE_ABANDONED] = {true, false},
};

static bool nodes_ready(struct thinking *t)
{
	for (unsigned i = 0; i < SIDE_COUNT; i++) {
		const struct side_facts *s = &t->f->side[i];
		const bool needed = i == SIDE_SOURCE ? needs[t->r->phase].source
						     : needs[t->r->phase].dest;
		t->tip[i] = s->tip;
		t->head[i] = s->head > s->tip ? s->head : s->tip;
		if (needed && !s->fresh) {
			wait_at(t, STEP_NODE, NULL);
			t->out->step_side = (enum rescue_side)i;
			return false;
		}
	}
	return true;
}

void swap_decide(struct swap_decision *out, const struct rescue *r,
	const struct client_config *config, const struct swap_facts *facts)
{
	struct thinking t = {.out = out, .r = r, .config = config, .f = facts};

	*out = (struct swap_decision){.act = ACT_WAIT, .phase = r->phase, .step = STEP_NODE};
	if (rescue_phase_terminal(r->phase)) {
		decide_end(&t);
		return;
	}
	if (!nodes_ready(&t))
		return;
	switch (r->phase) {
	case RESCUE_CREATED:
		out->act = ACT_POST;
		out->step = STEP_OFFER;
		break;
	case RESCUE_AGREED: decide_agreed(&t); break;
	case RESCUE_PAYING: decide_paying(&t); break;
	case RESCUE_REVEALED: decide_revealed(&t); break;
	case RESCUE_ABANDONED: decide_abandoned(&t); break;
	case RESCUE_COMPLETED:
	case RESCUE_REFUNDED:
	case RESCUE_CLOSED:
	case RESCUE_PHASE_COUNT: break;
	}
}
