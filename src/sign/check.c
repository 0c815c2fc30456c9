#include "sign/check_internal.h"

#include "crypto/hash.h"

#include <stdarg.h>

const struct check_rule_row check_rules[RULE_COUNT] = {
	[RULE_NONE] = {"none", "nothing was refused"},
	[RULE_ENCODING] = {"encoding", "the request parses"},
	[RULE_NETWORK] = {"network", "the policy names this network"},
	[RULE_PURPOSE] = {"purpose", "the purpose exists on this layer and the policy allows it"},
	[RULE_TX_ENCODING] = {"tx.encoding", "the unsigned transaction parses, whole, unsigned"},
	[RULE_TX_VERSION] = {"tx.version", "Bitcoin: version 2"},
	[RULE_TX_LOCKTIME] = {"tx.locktime", "Bitcoin: a height; of a refund, the leg's time lock"},
	[RULE_INPUT_COUNT] = {"input.count", "as many inputs as stated; one for claim and refund"},
	[RULE_INPUT_KEY] = {"input.key",
		"wallet keys for payout and lock, the swap's key otherwise"},
	[RULE_INPUT_SCRIPT] = {"input.script", "our own script, or the rebuilt lock script"},
	[RULE_INPUT_VALUE] = {"input.value",
		"sums stay in range; who reveals gets the full amount"},
	[RULE_INPUT_SEQUENCE] = {"input.sequence", "replaceable, lock time active"},
	[RULE_INPUT_TWICE] = {"input.twice", "no outpoint twice in a transaction"},
	[RULE_OUTPUT_COUNT] = {"output.count",
		"the payees and at most one change; one for claim, refund"},
	[RULE_OUTPUT_PAYEE] = {"output.payee",
		"the first outputs pay the payees in order, or the rebuilt lock script"},
	[RULE_OUTPUT_AMOUNT] = {"output.amount", "each of them pays exactly the stated amount"},
	[RULE_OUTPUT_CHANGE] = {"output.change",
		"change and proceeds go to our own script, or blinded for our own key"},
	[RULE_CHANGE_KEY] = {"change.key", "the change path is a wallet path that we have"},
	[RULE_PAYEE] = {"payee", "an address that exists on this network"},
	[RULE_AMOUNT] = {"amount", "over zero, in the layer's asset, within what exists of it"},
	[RULE_LEG] = {"leg", "the swap's terms parse, and are for this network"},
	[RULE_LEG_PARTIES] = {"leg.parties", "claimant and refundee differ"},
	[RULE_LEG_OURS] = {"leg.ours", "the key or address that gets the money back is ours"},
	[RULE_TOKEN] = {"token", "where value is a token: the one that the policy names"},
	[RULE_TX_TYPE] = {"tx.type", "the kind of transaction that the network has"},
	[RULE_LEG_CONTRACT] = {"leg.contract", "the policy names the contract"},
	[RULE_LEG_TIMELOCK] = {"leg.timelock", "the refund opens within the policy's blocks"},
	[RULE_PREIMAGE] = {"preimage", "32 bytes that hash to the leg's hash"},
	[RULE_CHAIN_ID] = {"chain_id", "the network's"},
	[RULE_ACCOUNT_KEY] = {"account.key", "the layer's one account"},
	[RULE_TO] = {"to", "the payee, the contract or ourselves, by purpose"},
	[RULE_VALUE] = {"value", "exactly the stated amount; zero for a call that pays nothing"},
	[RULE_CALLDATA] = {"calldata", "exactly the rebuilt call; empty for a transfer"},
	[RULE_FEE] = {"fee", "within the policy, absolute and relative to the value moved"},
	[RULE_FEERATE] = {"feerate", "Bitcoin: within the policy"},
	[RULE_GAS] = {"gas", "price and limit within the policy"},
	[RULE_LIMIT_TX] = {"limit.tx", "the amount that one payee or lock gets"},
	[RULE_LIMIT_DAY] = {"limit.day", "what 24 hours may cost"},
	[RULE_LIMIT_RESCUE] = {"limit.rescue",
		"fees that 24 hours' claims and refunds without a lock of ours may cost"},
	[RULE_VARIANT] = {"variant", "one request for each (session, variant)"},
	[RULE_VARIANT_TERMS] = {"variant.terms", "variants differ in fee and inputs alone"},
	[RULE_VARIANT_ANCHOR] = {"variant.anchor", "variants share an input, or the nonce"},
	[RULE_INPUT_OWNER] = {"input.owner", "no other session spends these coins"},
	[RULE_NONCE_OWNER] = {"nonce.owner", "no other session uses this nonce"},
	[RULE_LOCK_TWICE] = {"lock.twice", "one lock for a swap on a layer"},
	[RULE_HASH_TWICE] = {"hash.twice", "one lock for a payment hash"},
};

enum err check_refuse(struct check *c, enum check_rule rule, const char *fmt, ...)
{
	struct buf text = buf_init(c->answer->detail, sizeof c->answer->detail);
	va_list args;

	c->answer->err = ERR_DENIED;
	c->answer->rule = rule;
	buf_printf(&text, "%s: ", check_rules[rule].name);
	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	(void)buf_cstr(&text);
	return ERR_DENIED;
}

bool check_is_rescue(enum sign_purpose purpose)
{
	return sign_budget_of(purpose) == SIGN_BUDGET_RESCUE;
}

enum err sign_wallet_init(struct sign_wallet *out, const struct pubkey *wallet)
{
	struct sign_wallet w = {.key = *wallet};

	for (uint32_t i = 0; i < LAYER_COUNT; i++) {
		const enum layer_id layer = (enum layer_id)i;
		if (layer_family(layer) == FAMILY_ACCOUNT)
			TRY(wallet_account(&w.account[i], wallet, layer));
		for (uint32_t k = 0; layer_family(layer) == FAMILY_UTXO && k < KEY_INDEX_COUNT; k++)
			TRY(wallet_script(w.script[i][k], wallet, layer, k));
	}
	*out = w;
	return OK;
}

enum err check_preimage(struct check *c, const struct hash256 *hash)
{
	struct hash256 made;
	sha256(&made, slice_of(c->r->preimage.b, sizeof c->r->preimage.b));
	if (!hash256_eq(&made, hash))
		return check_refuse(c, RULE_PREIMAGE, "it does not hash to the leg's hash");
	return OK;
}

/* ---- limits ---- */

static enum err refuse_over(struct check *c, enum check_rule rule, const char *what,
	struct amount is, struct amount max)
{
	char is_text[AMOUNT_TEXT_SIZE], max_text[AMOUNT_TEXT_SIZE];
	amount_format(is_text, is);
	amount_format(max_text, max);
	return check_refuse(c, rule, "%s %s %s, at most %s allowed", what, is_text,
		asset_name(is.asset), max_text);
}

enum err check_fee(struct check *c)
{
	const struct policy_layer *limit = c->limit;
	const uint64_t permille = check_is_rescue(c->r->purpose) ? limit->rescue_permille
								 : limit->fee_permille;
	struct amount share;

	if (amount_cmp(c->fee, limit->fee_max) > 0)
		return refuse_over(c, RULE_FEE, "fee", c->fee, limit->fee_max);
	/* a fee in another asset is no part of the value */
	if (amount_cmp(c->fee, limit->fee_small) <= 0 || layer_gas_apart(c->r->network->layer))
		return OK;
	if (amount_mul_div(&share, c->value, permille, 1000, false) != OK)
		return check_refuse(c, RULE_FEE, "the value is out of range");
	if (amount_cmp(c->fee, share) > 0)
		return refuse_over(c, RULE_FEE, "for the value moved, fee", c->fee, share);
	return OK;
}

/* A claim or a refund that belongs to a lock which was signed here, the only one of its kind: there
 * are no more of them than the limits of locks allow, so that their fees need no limit of their
 * own, and an honest one is never refused for others' sake. */
static bool is_backed(const struct check *c)
{
	const struct sign_session *first = sign_state_rescue(
		c->state, c->r->purpose, &c->lock_hash);
	return sign_state_hash(c->state, &c->lock_hash) != NULL &&
		(first == NULL || id128_eq(&first->id, &c->r->session));
}

/* What the transaction costs us if it confirms, of the budget of its purpose: what leaves, and the
 * fee. */
static enum err cost_of(struct amount *cost, const struct check *c)
{
	const enum layer_id layer = c->r->network->layer;
	const bool apart = layer_gas_apart(layer);
	*cost = amount_zero(sign_cost_asset(layer, sign_budget_of(c->r->purpose)));
	switch (c->r->purpose) {
	case SIGN_PAYOUT:
	case SIGN_LOCK: *cost = c->value; return apart ? OK : amount_add(cost, c->value, c->fee);
	case SIGN_NONCE_FILL:
	case SIGN_CANCEL:
	case SIGN_APPROVE:
	case SIGN_DEPLOY:
		if (!apart)
			*cost = c->fee;
		return OK;
	case SIGN_CLAIM:
	case SIGN_REFUND:
		if (!is_backed(c))
			*cost = c->fee;
		return OK;
	}
	return OK;
}

static enum err check_limits(struct check *c, uint64_t now_ms)
{
	const struct policy_layer *limit = c->limit;
	const enum layer_id layer = c->r->network->layer;
	const struct sign_session *session = sign_state_session(c->state, &c->r->session);
	const enum sign_budget budget = sign_budget_of(c->r->purpose);
	const bool rescue = budget == SIGN_BUDGET_RESCUE;
	const struct amount day_max = rescue ? limit->rescue_day_max : limit->day_max;
	struct amount cost = c->task->record.cost, more, day;

	if (c->r->purpose == SIGN_PAYOUT && amount_cmp(c->largest, limit->payout_max) > 0)
		return refuse_over(c, RULE_LIMIT_TX, "payout of", c->largest, limit->payout_max);
	if (c->r->purpose == SIGN_LOCK && amount_cmp(c->value, limit->lock_max) > 0)
		return refuse_over(c, RULE_LIMIT_TX, "lock of", c->value, limit->lock_max);
	/* a replacement adds only what it costs over the dearest variant before it */
	if (session == NULL || amount_is_zero(cost))
		more = cost;
	else if (amount_sub(&more, cost, session->cost) != OK)
		return OK;
	if (amount_is_zero(more))
		return OK;
	if (amount_add(&day, sign_state_day(c->state, layer, budget, now_ms), more) != OK ||
		amount_cmp(day, day_max) > 0)
		return refuse_over(c, rescue ? RULE_LIMIT_RESCUE : RULE_LIMIT_DAY,
			"with this the day costs", day, day_max);
	return OK;
}

/* ---- sessions ---- */

/* All payees but the first, whose place the terms name themselves. */
static void payees_hash(struct hash256 *out, const struct signing_request *r)
{
	uint8_t text[(BTC_PAYEE_MAX - 1) * (4 + SIGNING_DESTINATION_MAX + 16)], amount[16];
	struct buf b = buf_init(text, sizeof text);
	for (uint32_t i = 0; i < r->more_count; i++) {
		amount_store(amount, r->more[i].amount);
		buf_bytes32(&b, r->more[i].to);
		buf_put(&b, amount, sizeof amount);
	}
	CHECK(!b.overflow);
	tagged_hash(out, "sluice/sign/payees", buf_slice(&b));
}

/* Everything that no variant may change. */
static void terms_hash(struct hash256 *out, const struct check *c)
{
	const bool payout = c->r->purpose == SIGN_PAYOUT;
	uint8_t fixed[96], amount[16] = {0};
	struct buf b = buf_init(fixed, sizeof fixed);
	struct hash256 others;

	if (payout)
		amount_store(amount, c->r->amount);
	buf_u8(&b, (uint8_t)c->r->purpose);
	buf_put(&b, c->r->swap.b, sizeof c->r->swap.b);
	buf_put(&b, amount, sizeof amount);
	buf_put(&b, c->lockup.txid.b, sizeof c->lockup.txid.b);
	buf_le32(&b, c->lockup.index);
	buf_le32(&b, payout ? (uint32_t)c->r->to.len | c->r->more_count << 16 : 0);
	CHECK(!b.overflow);
	payees_hash(&others, c->r);
	/* the first payee's length and the others' number are fixed above, so that the parts cannot
	 * run into each other */
	const struct slice part[] = {slice_str(c->r->network->caip2), buf_slice(&b),
		payout ? c->r->to : slice_of(NULL, 0),
		slice_of(others.b, c->r->more_count > 0 ? sizeof others.b : 0), c->r->leg};
	tagged_hash_parts(out, "sluice/sign/terms", part, ARRAY_LEN(part));
}

static enum err check_inputs_owner(struct check *c, const struct sign_session *session)
{
	const struct sign_record *record = &c->task->record;
	bool shared = session == NULL;

	for (uint32_t i = 0; i < record->input_count; i++) {
		bool common;
		const struct sign_session *owner = sign_state_input(
			c->state, &record->input[i], &common);
		if (owner != NULL && owner != session)
			return check_refuse(c, RULE_INPUT_OWNER,
				"input %u belongs to another session", (unsigned)i);
		shared = shared || common;
	}
	if (record->input_count > 0 && !shared && !MUTANT(OTHER_COINS))
		return check_refuse(
			c, RULE_VARIANT_ANCHOR, "no input that all earlier variants spend");
	return OK;
}

static enum err check_nonce_owner(struct check *c, const struct sign_session *session)
{
	const struct sign_record *record = &c->task->record;
	const struct sign_session *owner = sign_state_nonce(c->state, record->layer, record->nonce);

	if (session != NULL && session->nonce != record->nonce)
		return check_refuse(c, RULE_VARIANT_ANCHOR, "the nonce is not the session's");
	if (owner != NULL && owner != session)
		return check_refuse(c, RULE_NONCE_OWNER, "the nonce belongs to another session");
	if (owner == NULL && record->nonce < sign_state_nonce_floor(c->state, record->layer))
		return check_refuse(
			c, RULE_NONCE_OWNER, "the nonce belongs to a forgotten session");
	return OK;
}

static enum err check_lock_once(struct check *c)
{
	const struct sign_record *record = &c->task->record;
	if (sign_state_lock(c->state, &record->swap, record->layer) != NULL)
		return check_refuse(c, RULE_LOCK_TWICE, "another session locks this swap here");
	if (sign_state_hash(c->state, &record->hash) != NULL)
		return check_refuse(c, RULE_HASH_TWICE, "another lock has this payment hash");
	return OK;
}

static enum err check_session(struct check *c)
{
	const struct sign_record *record = &c->task->record;
	const struct sign_session *session = sign_state_session(c->state, &record->session);
	const bool account = layer_family(record->layer) == FAMILY_ACCOUNT;

	if (session != NULL) {
		/* a transfer to ourselves with the same nonce, or the same coins, calls an
		 * effect off */
		const bool call_off = record->purpose == SIGN_NONCE_FILL;
		if (session->layer != record->layer ||
			(!call_off && !hash256_eq(&session->terms, &record->terms)))
			return check_refuse(
				c, RULE_VARIANT_TERMS, "not the terms that the session began with");
		if (session->variant_count >= SIGN_SESSION_VARIANT_MAX)
			return check_refuse(c, RULE_VARIANT, "too many variants");
	} else if (record->purpose == SIGN_LOCK) {
		TRY(check_lock_once(c));
	}
	return account ? check_nonce_owner(c, session) : check_inputs_owner(c, session);
}

/* ---- entry ---- */

static enum err answer_with(
	struct check_answer *answer, enum err err, enum check_rule rule, const char *text)
{
	struct buf detail = buf_init(answer->detail, sizeof answer->detail);
	buf_printf(&detail, "%s: %s", check_rules[rule].name, text);
	(void)buf_cstr(&detail);
	answer->err = err;
	answer->rule = rule;
	return err;
}

static enum err check_known(struct check *c, uint64_t now_ms)
{
	struct sign_record *record = &c->task->record;

	record->session = c->r->session;
	record->variant = c->r->variant;
	record->time_ms = now_ms;
	record->layer = c->r->network->layer;
	record->purpose = c->r->purpose;
	if (c->r->purpose == SIGN_LOCK)
		record->swap = c->r->swap;
	record->hash = c->lock_hash;
	if (cost_of(&record->cost, c) != OK)
		return check_refuse(c, RULE_AMOUNT, "amount and fee are out of range");
	terms_hash(&record->terms, c);
	if (c->task->repeat)
		return OK; /* what was answered once is not counted again */
	TRY(check_session(c));
	return check_limits(c, now_ms);
}

enum err check_request(struct sign_task *task, struct check_answer *answer, struct slice encoded,
	const struct policy *policy, const struct sign_state *state,
	const struct sign_wallet *wallet, uint64_t now_ms)
{
	struct signing_request r;

	*answer = (struct check_answer){.err = OK};
	if (signing_request_parse(&r, encoded) != OK)
		return answer_with(answer, ERR_FORMAT, RULE_ENCODING, "the request does not parse");

	*task = (struct sign_task){0};
	struct check c = {.r = &r,
		.limit = &policy->layer[r.network->layer],
		.state = state,
		.wallet = wallet,
		.task = task,
		.answer = answer,
		.value = amount_zero(layer_asset(r.network->layer)),
		.largest = amount_zero(layer_asset(r.network->layer)),
		.fee = amount_zero(layer_gas_asset(r.network->layer))};
	signing_request_digest(&task->record.digest, encoded);
	const struct hash256 *known = sign_state_variant(state, &r.session, r.variant);
	if (known != NULL && !hash256_eq(known, &task->record.digest))
		return answer_with(answer, ERR_EXISTS, RULE_VARIANT,
			"another request was signed as this variant");
	task->repeat = known != NULL;
	if (c.limit->network != r.network && !c.limit->any_network)
		return check_refuse(&c, RULE_NETWORK, "%s is not in the policy", r.network->caip2);
	switch (layer_family(r.network->layer)) {
	case FAMILY_UTXO: TRY(check_utxo(&c)); break;
	case FAMILY_ACCOUNT: TRY(check_account(&c)); break;
	case FAMILY_CHANNEL:
		return check_refuse(&c, RULE_NETWORK, "%s has its keys itself", r.network->caip2);
	}
	return check_known(&c, now_ms);
}
