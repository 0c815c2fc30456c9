/* Every field of a valid request, spoiled: the refusal must name the rule that is there for it. */
#include "sign/message.h"
#include "sign/sample.h"

#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

static struct sample_world world;
static struct sample sample;
static uint8_t storage[SIGNING_REQUEST_MAX];
static struct sign_task task;
static struct check_answer answer;

static enum err check(struct sample *s, const struct sign_state *state, uint64_t now_ms)
{
	struct buf out = buf_init(storage, sizeof storage);
	const struct slice encoded = sample_encode(s, &out);
	return check_request(&task, &answer, encoded, &world.policy, state, &world.wallet, now_ms);
}

static struct sign_state *fresh_state(void)
{
	struct sign_state *state;
	CHECK(sign_state_create(&state, 42) == OK);
	return state;
}

static void accept(struct sample *s, struct sign_state *state)
{
	if (check(s, state, SAMPLE_NOW_MS) != OK) {
		(void)fprintf(stderr, "refused: %s\n", answer.detail);
		abort();
	}
	CHECK(!task.repeat && sign_state_apply(state, &task.record) == OK);
}

static void refuse(struct sample *s, const struct sign_state *state, enum check_rule rule)
{
	const enum err err = check(s, state, SAMPLE_NOW_MS);
	if (err == OK || answer.rule != rule || answer.err != err) {
		(void)fprintf(stderr, "purpose %d: %s instead of %s\n", (int)s->r.purpose,
			err == OK ? "accepted" : answer.detail, check_rules[rule].name);
		abort();
	}
	CHECK(strncmp(answer.detail, check_rules[rule].name, strlen(check_rules[rule].name)) == 0);
}

/* ---- one field at a time ---- */

#define SPOIL(name, ...)                                                                           \
	static void name(struct sample *s)                                                         \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

SPOIL(cut_tx, s->cut = 1)
SPOIL(longer_tx, s->extra = 1)
SPOIL(version_1, s->tx.version = 1)
SPOIL(time_stamp, s->tx.locktime = 1795000000)
SPOIL(early_refund, s->tx.locktime--)
SPOIL(late_refund, s->tx.locktime++)
SPOIL(input_missing, s->r.input_count--)
SPOIL(input_unsaid, s->tx.in_count--)
SPOIL(two_lockups, {
	s->in[1] = s->in[0];
	s->in[1].prev.index = 9;
	s->tx.in_count = s->r.input_count = 2;
	s->r.input[1] = s->r.input[0];
})
SPOIL(script_sig, s->in[0].script_sig = slice_str("x"))
SPOIL(final_sequence, s->in[0].sequence = 0xffffffff)
SPOIL(same_input, s->in[1].prev = s->in[0].prev)
SPOIL(input_key_swap, s->r.input[0].key.use = KEY_SWAP; s->r.input[0].key.index = 0)
SPOIL(input_key_wallet, s->r.input[0].key = (struct key_path){.use = KEY_WALLET})
SPOIL(input_key_far, s->r.input[1].key.index = KEY_INDEX_COUNT)
SPOIL(input_key_other_swap, s->r.input[0].key.swap.b[0] ^= 1)
SPOIL(input_key_crossed, s->r.input[0].key.index = 1)
SPOIL(input_script, s->r.input[0].script[20] ^= 1)
SPOIL(input_value_huge, s->r.input[0].value.raw = SAT_MAX_RAW + 1)
SPOIL(input_value_sum, s->r.input[0].value.raw = s->r.input[1].value.raw = SAT_MAX_RAW)
SPOIL(payee_script, s->out[0].script = s->out[1].script)
SPOIL(payee_missing, s->out[0] = s->out[1]; s->tx.out_count = 1)
SPOIL(payee_second, {
	const struct btc_txout first = s->out[0];
	s->out[0] = s->out[1];
	s->out[1] = first;
})
SPOIL(payee_more, s->out[0].value.raw++)
SPOIL(payee_less, s->out[0].value.raw--)
SPOIL(payee_twice, s->out[1].script = s->out[0].script)
SPOIL(third_output, s->out[2] = s->out[1]; s->out[1].value.raw = 50000; s->out[2].value.raw = 48000;
	s->tx.out_count = 3)
SPOIL(second_proceeds, s->out[1] = s->out[0]; s->out[0].value.raw = s->out[1].value.raw = 1000;
	s->tx.out_count = 2)
SPOIL(no_output, s->tx.out_count = 0)
SPOIL(change_elsewhere,
	s->out[1].script = slice_of(world.wallet.script[LAYER_BITCOIN][KEY_INDEX_RECEIVE], 34))
SPOIL(change_stolen, s->out[1].script = slice_of(s->lock_script, 34))
SPOIL(proceeds_stolen, s->out[0].script = slice_of(s->lock_script, 34))
SPOIL(change_key_far, s->r.change.index = KEY_INDEX_COUNT)
SPOIL(change_key_swap, s->r.change = (struct key_path){.use = KEY_SWAP, .swap = s->r.swap})
SPOIL(more_than_inputs, s->out[1].value.raw = 1000000)
SPOIL(proceeds_created, s->out[0].value.raw = 10000000)
SPOIL(fee_all_change, s->tx.out_count = 1)
SPOIL(fee_everything, s->out[0].value.raw = 1)
SPOIL(payout_nobody, s->r.to = slice_of(s->payee, 33))
SPOIL(payout_other, s->payee[10] ^= 1; s->out[0].script = slice_of(s->lock_script, 34))
SPOIL(payout_nothing, s->r.amount = amount_zero(s->r.amount.asset))
SPOIL(payout_all, s->r.amount = amount_max(s->r.amount.asset))
SPOIL(payout_over_all, s->r.amount = amount_of_u128(s->r.amount.asset, ~(u128)0))
SPOIL(payout_other_amount,
	CHECK(amount_add(&s->r.amount, s->r.amount, amount_of(s->r.amount.asset, 1)) == OK))
SPOIL(batch_other, s->more_payee[0][10] ^= 1; s->out[1].script = slice_of(s->lock_script, 34))
SPOIL(batch_nobody, s->r.more[1].to.len = 33)
SPOIL(batch_nothing, s->r.more[0].amount = amount_zero(ASSET_BTC))
SPOIL(batch_over_all, s->r.more[1].amount = amount_of_u128(ASSET_BTC, ~(u128)0))
SPOIL(batch_other_amount, s->r.more[1].amount = amount_of(ASSET_BTC, 50001))
SPOIL(batch_crossed, {
	const struct sign_payee last = s->r.more[1];
	s->r.more[1] = s->r.more[0];
	s->r.more[0] = last;
})
SPOIL(batch_amounts_crossed, {
	const struct sat value = s->out[0].value;
	s->out[0].value = s->out[2].value;
	s->out[2].value = value;
})
SPOIL(batch_one_more, s->r.more_count = 3; s->r.more[2] = s->r.more[1])
SPOIL(batch_one_less, s->r.more_count = 1)
SPOIL(batch_unsaid, s->r.more_count = 0)
SPOIL(batch_output_missing, s->out[2] = s->out[3]; s->tx.out_count = 3)
SPOIL(batch_outputs_missing, s->tx.out_count = 2)
SPOIL(batch_change_stolen, s->out[3].script = s->out[0].script)
SPOIL(batch_of_locks, s->r.purpose = SIGN_LOCK)
SPOIL(purpose_fill, s->r.purpose = SIGN_NONCE_FILL)
SPOIL(purpose_deploy, s->r.purpose = SIGN_DEPLOY)
SPOIL(preimage, s->r.preimage.b[31] ^= 1)

SPOIL(leg_cut, s->has_leg = false)
SPOIL(leg_same_parties,
	s->btc_leg.claim = s->btc_leg.client = s->btc_leg.provider = s->btc_leg.refund)
SPOIL(leg_hash, s->btc_leg.hash.b[0] ^= 1)
SPOIL(leg_amount, s->btc_leg.amount.raw++)
SPOIL(leg_timelock, s->btc_leg.timelock++)
SPOIL(leg_swap_other, s->r.swap.b[0] ^= 1)
SPOIL(leg_turned, {
	const struct xonly claim = s->btc_leg.claim;
	s->btc_leg.claim = s->btc_leg.refund;
	s->btc_leg.refund = claim;
})
SPOIL(leg_roles, {
	const struct xonly client = s->btc_leg.client;
	s->btc_leg.client = s->btc_leg.provider;
	s->btc_leg.provider = client;
})
/* the client's claim reveals the preimage */
SPOIL(client_short, {
	struct btc_htlc_tree tree;
	leg_roles(s);
	CHECK(btc_htlc_tree(&tree, &s->btc_leg) == OK);
	memcpy(s->r.input[0].script, tree.script_pubkey, 34);
	s->r.input[0].value.raw--;
})

SPOIL(call_chain, s->call.chain_id = 30)
SPOIL(call_account_index, s->r.account.index = 1)
SPOIL(call_account_use, s->r.account = (struct key_path){.use = KEY_SWAP, .layer = LAYER_ROOTSTOCK})
SPOIL(call_to, s->call.to.b[0] ^= 1)
SPOIL(call_value_more,
	CHECK(amount_add(&s->call.value, s->call.value, amount_of(ASSET_RBTC, 1)) == OK))
SPOIL(call_value_less,
	CHECK(amount_sub(&s->call.value, s->call.value, amount_of(ASSET_RBTC, 1)) == OK))
SPOIL(call_data_bit, s->data[s->call.data.len - 1] ^= 1)
SPOIL(call_data_selector, s->data[0] ^= 1)
SPOIL(call_data_longer, s->call.data.len++)
SPOIL(call_data_shorter, s->call.data.len--)
SPOIL(call_data_any, s->call.data = slice_str("x"))
SPOIL(call_creates, s->call.create = true)
SPOIL(call_gas, s->call.gas_limit = 300001)
SPOIL(call_gas_transfer, s->call.gas_limit = 100001)
SPOIL(call_gas_deploy, s->call.gas_limit = 3000001)
SPOIL(call_gas_price, s->call.gas_price = amount_of(ASSET_RBTC, UINT64_C(50000000001)))
SPOIL(call_fee, s->call.gas_price = amount_of(ASSET_RBTC, UINT64_C(50000000000));
	s->call.gas_limit = s->call.create ? 1000001 : 100001)
SPOIL(call_fee_share, s->call.gas_price = amount_of(ASSET_RBTC, UINT64_C(8000000000)))
SPOIL(call_nobody, memset(s->payee, 0, 20); memset(s->call.to.b, 0, 20))
SPOIL(call_payee_long, s->r.to.len = 21)
SPOIL(call_payee, s->payee[0] ^= 1)
SPOIL(terms_contract, s->evm_leg.contract.b[0] ^= 1)
SPOIL(terms_chain, s->evm_leg.chain_id = 30)
SPOIL(terms_hash, s->evm_leg.hash.b[0] ^= 1)
SPOIL(terms_amount, s->evm_leg.amount = amount_of(ASSET_RBTC, 5))
SPOIL(terms_amount_all, s->evm_leg.amount = amount_of_u128(ASSET_RBTC, ~(u128)0))
SPOIL(terms_amount_zero, s->evm_leg.amount = amount_zero(ASSET_RBTC))
SPOIL(terms_amount_over,
	CHECK(amount_add(&s->evm_leg.amount, amount_max(ASSET_RBTC), amount_of(ASSET_RBTC, 1)) ==
		OK))
SPOIL(terms_timelock, s->evm_leg.timelock++)
SPOIL(terms_claim, s->evm_leg.claim.b[0] ^= 1)
SPOIL(terms_refund, s->evm_leg.refund.b[0] ^= 1)
SPOIL(terms_one_party, s->evm_leg.claim = s->evm_leg.refund)
SPOIL(terms_turned, {
	const struct evm_address claim = s->evm_leg.claim;
	s->evm_leg.claim = s->evm_leg.refund;
	s->evm_leg.refund = claim;
})

SPOIL(terms_token, s->evm_leg.token.b[0] ^= 1)
SPOIL(call_legacy, s->call.type = EVM_TYPE_LEGACY)
SPOIL(call_listed,
	s->call.access_list = slice_of("\xd6\x94\x11\x11\x11\x11\x11\x11\x11\x11\x11"
				       "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
				       "\x11\xc0",
		23))
SPOIL(call_type_fee, s->call.type = EVM_TYPE_FEE_MARKET)
SPOIL(call_gas_price_gas, s->call.gas_price = amount_of(ASSET_ETH, UINT64_C(50000000001)))
SPOIL(call_wei, s->call.value = amount_of(ASSET_ETH, 1))

static const struct {
	enum sample_kind kind;
	void (*spoil)(struct sample *s);
	enum check_rule rule;
} rows[] = {
	{SAMPLE_BTC_PAYOUT, cut_tx, RULE_TX_ENCODING},
	{SAMPLE_BTC_PAYOUT, longer_tx, RULE_TX_ENCODING},
	{SAMPLE_BTC_PAYOUT, script_sig, RULE_TX_ENCODING},
	{SAMPLE_BTC_PAYOUT, version_1, RULE_TX_VERSION},
	{SAMPLE_BTC_PAYOUT, time_stamp, RULE_TX_LOCKTIME},
	{SAMPLE_BTC_PAYOUT, input_missing, RULE_INPUT_COUNT},
	{SAMPLE_BTC_PAYOUT, input_unsaid, RULE_INPUT_COUNT},
	{SAMPLE_BTC_PAYOUT, final_sequence, RULE_INPUT_SEQUENCE},
	{SAMPLE_BTC_PAYOUT, same_input, RULE_INPUT_TWICE},
	{SAMPLE_BTC_PAYOUT, input_key_swap, RULE_INPUT_KEY},
	{SAMPLE_BTC_PAYOUT, input_key_far, RULE_INPUT_KEY},
	{SAMPLE_BTC_PAYOUT, input_key_crossed, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_PAYOUT, input_script, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_PAYOUT, input_value_huge, RULE_ENCODING},
	{SAMPLE_BTC_PAYOUT, input_value_sum, RULE_INPUT_VALUE},
	{SAMPLE_BTC_PAYOUT, payee_script, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_PAYOUT, payee_missing, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_PAYOUT, payee_second, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_PAYOUT, payout_other, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_PAYOUT, payee_more, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_PAYOUT, payee_less, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_PAYOUT, payout_other_amount, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_PAYOUT, payee_twice, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_PAYOUT, change_elsewhere, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_PAYOUT, third_output, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_PAYOUT, no_output, RULE_TX_ENCODING},
	{SAMPLE_BTC_PAYOUT, change_key_far, RULE_CHANGE_KEY},
	{SAMPLE_BTC_PAYOUT, change_key_swap, RULE_CHANGE_KEY},
	{SAMPLE_BTC_PAYOUT, more_than_inputs, RULE_FEE},
	{SAMPLE_BTC_PAYOUT, fee_all_change, RULE_FEE},
	{SAMPLE_BTC_PAYOUT, payout_nobody, RULE_PAYEE},
	{SAMPLE_BTC_PAYOUT, payout_nothing, RULE_AMOUNT},
	{SAMPLE_BTC_PAYOUT, payout_over_all, RULE_ENCODING},
	{SAMPLE_BTC_PAYOUT, payout_all, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_PAYOUT, purpose_fill, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_PAYOUT, purpose_deploy, RULE_ENCODING},

	{SAMPLE_BTC_BATCH, cut_tx, RULE_TX_ENCODING},
	{SAMPLE_BTC_BATCH, payee_script, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, payee_second, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, payee_more, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_BATCH, payout_other_amount, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_BATCH, batch_other, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, batch_crossed, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, batch_amounts_crossed, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_BATCH, batch_other_amount, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_BATCH, batch_nobody, RULE_PAYEE},
	{SAMPLE_BTC_BATCH, batch_nothing, RULE_AMOUNT},
	{SAMPLE_BTC_BATCH, batch_over_all, RULE_ENCODING},
	{SAMPLE_BTC_BATCH, batch_one_more, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, batch_one_less, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_BATCH, batch_unsaid, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_BATCH, batch_output_missing, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_BATCH, batch_outputs_missing, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_BATCH, batch_change_stolen, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_BATCH, batch_of_locks, RULE_ENCODING},
	{SAMPLE_BTC_BATCH, purpose_fill, RULE_ENCODING},

	{SAMPLE_BTC_LOCK, leg_cut, RULE_LEG},
	{SAMPLE_BTC_LOCK, leg_same_parties, RULE_LEG_PARTIES},
	{SAMPLE_BTC_LOCK, leg_turned, RULE_LEG_OURS},
	{SAMPLE_BTC_LOCK, leg_swap_other, RULE_LEG_OURS},
	{SAMPLE_BTC_LOCK, leg_hash, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_LOCK, leg_timelock, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_LOCK, leg_amount, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_LOCK, payee_more, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_LOCK, payee_less, RULE_OUTPUT_AMOUNT},
	{SAMPLE_BTC_LOCK, payee_script, RULE_OUTPUT_PAYEE},
	{SAMPLE_BTC_LOCK, change_stolen, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_LOCK, input_script, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_LOCK, input_key_swap, RULE_INPUT_KEY},
	{SAMPLE_BTC_LOCK, fee_all_change, RULE_FEE},

	{SAMPLE_BTC_CLAIM, preimage, RULE_PREIMAGE},
	{SAMPLE_BTC_CLAIM, leg_hash, RULE_PREIMAGE},
	{SAMPLE_BTC_CLAIM, leg_turned, RULE_LEG_OURS},
	{SAMPLE_BTC_CLAIM, leg_swap_other, RULE_LEG_OURS},
	{SAMPLE_BTC_CLAIM, leg_timelock, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_CLAIM, input_script, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_CLAIM, input_key_wallet, RULE_INPUT_KEY},
	{SAMPLE_BTC_CLAIM, input_key_other_swap, RULE_INPUT_KEY},
	{SAMPLE_BTC_CLAIM, two_lockups, RULE_INPUT_COUNT},
	{SAMPLE_BTC_CLAIM, second_proceeds, RULE_OUTPUT_COUNT},
	{SAMPLE_BTC_CLAIM, proceeds_stolen, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_CLAIM, change_key_far, RULE_CHANGE_KEY},
	{SAMPLE_BTC_CLAIM, proceeds_created, RULE_FEE},
	{SAMPLE_BTC_CLAIM, fee_everything, RULE_FEERATE},
	{SAMPLE_BTC_CLAIM, client_short, RULE_INPUT_VALUE},
	{SAMPLE_BTC_CLAIM, leg_cut, RULE_LEG},

	{SAMPLE_BTC_REFUND, early_refund, RULE_TX_LOCKTIME},
	{SAMPLE_BTC_REFUND, late_refund, RULE_TX_LOCKTIME},
	{SAMPLE_BTC_REFUND, final_sequence, RULE_INPUT_SEQUENCE},
	{SAMPLE_BTC_REFUND, leg_turned, RULE_LEG_OURS},
	{SAMPLE_BTC_REFUND, leg_hash, RULE_INPUT_SCRIPT},
	{SAMPLE_BTC_REFUND, proceeds_stolen, RULE_OUTPUT_CHANGE},
	{SAMPLE_BTC_REFUND, input_key_other_swap, RULE_INPUT_KEY},

	{SAMPLE_EVM_PAYOUT, cut_tx, RULE_TX_ENCODING},
	{SAMPLE_EVM_PAYOUT, longer_tx, RULE_TX_ENCODING},
	{SAMPLE_EVM_PAYOUT, call_chain, RULE_CHAIN_ID},
	{SAMPLE_EVM_PAYOUT, call_account_use, RULE_ACCOUNT_KEY},
	{SAMPLE_EVM_PAYOUT, call_account_index, RULE_ENCODING},
	{SAMPLE_EVM_PAYOUT, call_to, RULE_TO},
	{SAMPLE_EVM_PAYOUT, call_payee, RULE_TO},
	{SAMPLE_EVM_PAYOUT, call_creates, RULE_TO},
	{SAMPLE_EVM_PAYOUT, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_PAYOUT, call_value_less, RULE_VALUE},
	{SAMPLE_EVM_PAYOUT, payout_other_amount, RULE_VALUE},
	{SAMPLE_EVM_PAYOUT, call_data_any, RULE_CALLDATA},
	{SAMPLE_EVM_PAYOUT, call_gas_transfer, RULE_GAS},
	{SAMPLE_EVM_PAYOUT, call_gas_price, RULE_GAS},
	{SAMPLE_EVM_PAYOUT, call_fee_share, RULE_FEE},
	{SAMPLE_EVM_PAYOUT, call_nobody, RULE_PAYEE},
	{SAMPLE_EVM_PAYOUT, call_payee_long, RULE_PAYEE},
	{SAMPLE_EVM_PAYOUT, payout_nothing, RULE_AMOUNT},
	{SAMPLE_EVM_PAYOUT, payout_over_all, RULE_ENCODING},

	{SAMPLE_EVM_LOCK, leg_cut, RULE_LEG},
	{SAMPLE_EVM_LOCK, terms_chain, RULE_LEG},
	{SAMPLE_EVM_LOCK, terms_contract, RULE_LEG_CONTRACT},
	{SAMPLE_EVM_LOCK, terms_refund, RULE_LEG_OURS},
	{SAMPLE_EVM_LOCK, terms_turned, RULE_LEG_OURS},
	{SAMPLE_EVM_LOCK, terms_one_party, RULE_LEG_PARTIES},
	{SAMPLE_EVM_LOCK, terms_hash, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, terms_timelock, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, terms_claim, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, terms_amount, RULE_VALUE},
	{SAMPLE_EVM_LOCK, terms_amount_all, RULE_LEG},
	{SAMPLE_EVM_LOCK, terms_amount_zero, RULE_LEG},
	{SAMPLE_EVM_LOCK, terms_amount_over, RULE_LEG},
	{SAMPLE_EVM_LOCK, call_chain, RULE_CHAIN_ID},
	{SAMPLE_EVM_LOCK, call_to, RULE_TO},
	{SAMPLE_EVM_LOCK, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_LOCK, call_value_less, RULE_VALUE},
	{SAMPLE_EVM_LOCK, call_data_bit, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, call_data_selector, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, call_data_longer, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, call_data_shorter, RULE_CALLDATA},
	{SAMPLE_EVM_LOCK, call_gas, RULE_GAS},
	{SAMPLE_EVM_LOCK, call_gas_price, RULE_GAS},
	{SAMPLE_EVM_LOCK, call_fee, RULE_FEE},

	{SAMPLE_EVM_CLAIM, preimage, RULE_PREIMAGE},
	{SAMPLE_EVM_CLAIM, terms_hash, RULE_PREIMAGE},
	{SAMPLE_EVM_CLAIM, terms_claim, RULE_LEG_OURS},
	{SAMPLE_EVM_CLAIM, terms_turned, RULE_LEG_OURS},
	{SAMPLE_EVM_CLAIM, terms_contract, RULE_LEG_CONTRACT},
	{SAMPLE_EVM_CLAIM, terms_amount, RULE_CALLDATA},
	{SAMPLE_EVM_CLAIM, terms_timelock, RULE_CALLDATA},
	{SAMPLE_EVM_CLAIM, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_CLAIM, call_data_bit, RULE_CALLDATA},
	{SAMPLE_EVM_CLAIM, call_to, RULE_TO},
	{SAMPLE_EVM_CLAIM, call_gas, RULE_GAS},

	{SAMPLE_EVM_REFUND, terms_refund, RULE_LEG_OURS},
	{SAMPLE_EVM_REFUND, terms_turned, RULE_LEG_OURS},
	{SAMPLE_EVM_REFUND, terms_amount, RULE_CALLDATA},
	{SAMPLE_EVM_REFUND, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_REFUND, call_data_bit, RULE_CALLDATA},

	{SAMPLE_EVM_FILL, call_to, RULE_TO},
	{SAMPLE_EVM_FILL, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_FILL, call_data_any, RULE_CALLDATA},
	{SAMPLE_EVM_FILL, call_gas_transfer, RULE_GAS},
	{SAMPLE_EVM_FILL, call_creates, RULE_TO},

	{SAMPLE_EVM_DEPLOY, call_data_bit, RULE_CALLDATA},
	{SAMPLE_EVM_DEPLOY, call_data_shorter, RULE_CALLDATA},
	{SAMPLE_EVM_DEPLOY, call_value_more, RULE_VALUE},
	{SAMPLE_EVM_DEPLOY, call_gas_deploy, RULE_GAS},
	{SAMPLE_EVM_DEPLOY, call_fee, RULE_FEE},

	{SAMPLE_EVM_LOCK, call_type_fee, RULE_TX_TYPE},
	{SAMPLE_TOKEN_PAYOUT, call_legacy, RULE_TX_TYPE},
	{SAMPLE_TOKEN_PAYOUT, call_listed, RULE_TX_TYPE},
	{SAMPLE_TOKEN_PAYOUT, call_to, RULE_TO},
	{SAMPLE_TOKEN_PAYOUT, call_payee, RULE_CALLDATA},
	{SAMPLE_TOKEN_PAYOUT, call_wei, RULE_VALUE},
	{SAMPLE_TOKEN_PAYOUT, call_gas_price_gas, RULE_GAS},
	{SAMPLE_TOKEN_PAYOUT, payout_other_amount, RULE_CALLDATA},
	{SAMPLE_TOKEN_LOCK, terms_token, RULE_TOKEN},
	{SAMPLE_TOKEN_LOCK, terms_contract, RULE_LEG_CONTRACT},
	{SAMPLE_TOKEN_LOCK, call_wei, RULE_VALUE},
	{SAMPLE_TOKEN_CLAIM, terms_token, RULE_TOKEN},
	{SAMPLE_TOKEN_CLAIM, preimage, RULE_PREIMAGE},
	{SAMPLE_TOKEN_REFUND, call_data_bit, RULE_CALLDATA},
	{SAMPLE_TOKEN_APPROVE, call_to, RULE_TO},
	{SAMPLE_TOKEN_APPROVE, call_payee, RULE_LEG_CONTRACT},
	{SAMPLE_TOKEN_APPROVE, call_wei, RULE_VALUE},
};

static void test_rows(void)
{
	bool seen[RULE_COUNT] = {0};
	struct sign_state *state = fresh_state();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		sample_make(&sample, &world, rows[i].kind, 1);
		CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
		rows[i].spoil(&sample);
		refuse(&sample, state, rows[i].rule);
		seen[rows[i].rule] = true;
	}
	/* the rest need a policy (budget_test.c) or a past, and have tests of their own */
	static const enum check_rule elsewhere[] = {RULE_NONE, RULE_ENCODING, RULE_NETWORK,
		RULE_PURPOSE, RULE_LEG_TIMELOCK, RULE_LIMIT_TX, RULE_LIMIT_DAY, RULE_LIMIT_RESCUE,
		RULE_VARIANT, RULE_VARIANT_TERMS, RULE_VARIANT_ANCHOR, RULE_INPUT_OWNER,
		RULE_NONCE_OWNER, RULE_LOCK_TWICE, RULE_HASH_TWICE};
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		seen[elsewhere[i]] = true;
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (!seen[i])
			(void)fprintf(stderr, "no row for %s\n", check_rules[i].name);
		CHECK(seen[i] && check_rules[i].name != NULL);
	}
	sign_state_destroy(state);
}

/* ---- any bit ---- */

/* Whatever was accepted: what leaves us is what it was. */
static void same_effect(const struct signing_request *r, const struct sample *s)
{
	CHECK(r->purpose == s->r.purpose && r->network == s->r.network);
	if (s->evm) {
		struct evm_tx tx;
		CHECK(evm_tx_parse_unsigned(
			      &tx, layer_gas_asset(r->network->layer), r->unsigned_tx) == OK);
		CHECK(tx.chain_id == s->call.chain_id && tx.create == s->call.create);
		CHECK(tx.create || evm_address_eq(&tx.to, &s->call.to));
		CHECK(amount_cmp(tx.value, s->call.value) == 0);
		CHECK(slice_eq(tx.data, s->call.data));
		return;
	}
	struct btc_txin in[4];
	struct btc_txout out[4];
	struct btc_tx tx = {.in = in, .out = out};
	size_t used;
	CHECK(btc_tx_parse(&tx, &used, 4, 4, r->unsigned_tx) == OK);
	CHECK(tx.out_count == s->tx.out_count);
	const bool rescue = r->purpose == SIGN_CLAIM || r->purpose == SIGN_REFUND;
	const uint32_t payees = rescue ? 0 : 1 + s->r.more_count;
	for (uint32_t i = payees; i < tx.out_count; i++)
		CHECK(slice_eq(tx.out[i].script,
			      slice_of(world.wallet.script[LAYER_BITCOIN][0], 34)) ||
			slice_eq(tx.out[i].script,
				slice_of(world.wallet.script[LAYER_BITCOIN][1], 34)));
	for (uint32_t i = 0; i < payees; i++) {
		CHECK(slice_eq(tx.out[i].script, s->out[i].script));
		CHECK(tx.out[i].value.raw == s->out[i].value.raw);
	}
}

static void test_any_bit(void)
{
	static uint8_t mutated[SIGNING_REQUEST_MAX];
	struct sign_state *state = fresh_state();
	uint32_t accepted = 0, refused = 0;

	for (enum sample_kind kind = 0; kind < SAMPLE_COUNT; kind++) {
		struct buf out = buf_init(storage, sizeof storage);
		sample_make(&sample, &world, kind, 1);
		const struct slice encoded = sample_encode(&sample, &out);
		/* the creation code is compared whole: its bytes add nothing but time */
		const size_t step = kind == SAMPLE_EVM_DEPLOY ? 97 : 3;
		for (size_t bit = 0; bit < encoded.len * 8; bit += step) {
			struct signing_request r;
			memcpy(mutated, encoded.ptr, encoded.len);
			mutated[bit / 8] ^= (uint8_t)(1u << bit % 8);
			const struct slice in = slice_of(mutated, encoded.len);
			if (check_request(&task, &answer, in, &world.policy, state, &world.wallet,
				    SAMPLE_NOW_MS) != OK) {
				refused++;
				continue;
			}
			accepted++;
			CHECK(signing_request_parse(&r, in) == OK);
			same_effect(&r, &sample);
		}
	}
	CHECK(accepted > 100 && refused > 1000);
	sign_state_destroy(state);
}

static void test_encoding(void)
{
	struct sign_state *state = fresh_state();
	struct buf out = buf_init(storage, sizeof storage);

	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 1);
	const struct slice encoded = sample_encode(&sample, &out);
	for (size_t len = 0; len < encoded.len; len++) {
		CHECK(check_request(&task, &answer, slice_of(storage, len), &world.policy, state,
			      &world.wallet, SAMPLE_NOW_MS) == ERR_FORMAT);
		CHECK(answer.rule == RULE_ENCODING);
	}
	sign_state_destroy(state);
}

/* ---- sessions ---- */

static void test_variants(void)
{
	struct sign_state *state = fresh_state();

	sample_make(&sample, &world, SAMPLE_BTC_PAYOUT, 1);
	accept(&sample, state);
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK && task.repeat);
	sample.out[1].value.raw--;
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == ERR_EXISTS && answer.rule == RULE_VARIANT);
	/* a replacement: higher fee, one common input, another coin */
	sample.r.variant = 1;
	sample.in[1].prev.index = 77;
	const struct amount before = sign_state_day(
		state, LAYER_BITCOIN, SIGN_BUDGET_OWN, SAMPLE_NOW_MS);
	accept(&sample, state);
	struct amount more = sign_state_day(state, LAYER_BITCOIN, SIGN_BUDGET_OWN, SAMPLE_NOW_MS);
	CHECK(amount_sub(&more, more, before) == OK);
	CHECK(amount_cmp(more, amount_of(ASSET_BTC, 1)) == 0); /* the dearer fee only */
	/* input 1 of variant 0 is not common to both any more; 77 neither */
	sample.r.variant = 2;
	sample.in[0].prev.index = 78;
	refuse(&sample, state, RULE_VARIANT_ANCHOR);
	sample.in[0].prev.index = 0;
	sample.r.amount = amount_of(ASSET_BTC, 299999);
	sample.out[0].value.raw = 299999;
	refuse(&sample, state, RULE_VARIANT_TERMS);

	/* another session, the same coin */
	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 1);
	refuse(&sample, state, RULE_INPUT_OWNER);
	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 2);
	accept(&sample, state);
	sign_state_destroy(state);
}

/* A replacement pays the same payees the same amounts. */
static void test_batch_variants(void)
{
	struct sign_state *state = fresh_state();

	sample_make(&sample, &world, SAMPLE_BTC_BATCH, 1);
	accept(&sample, state);
	sample.r.variant = 1;
	sample.out[3].value.raw--;
	accept(&sample, state);
	sample.r.variant = 2;
	sample.r.more[0].amount = amount_of(ASSET_BTC, 99999);
	sample.out[1].value.raw--;
	refuse(&sample, state, RULE_VARIANT_TERMS);
	sample.r.more[0].amount = amount_of(ASSET_BTC, 100000);
	sample.out[1].value.raw++;
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK);
	/* the last payee is left out, and what it had is change */
	sample.r.more_count--;
	sample.out[2] = sample.out[3];
	sample.out[2].value.raw += 50000;
	sample.tx.out_count--;
	refuse(&sample, state, RULE_VARIANT_TERMS);
	/* nor does a batch become a payout to the first of them */
	sample.r.more_count = 0;
	sample.out[1] = sample.out[2];
	sample.out[1].value.raw += 100000;
	sample.tx.out_count--;
	refuse(&sample, state, RULE_VARIANT_TERMS);
	sign_state_destroy(state);
}

static void test_variant_bound(void)
{
	struct sign_state *state = fresh_state();

	sample_make(&sample, &world, SAMPLE_EVM_FILL, 1);
	for (uint32_t v = 0; v < SIGN_SESSION_VARIANT_MAX; v++) {
		sample.r.variant = v;
		accept(&sample, state);
	}
	sample.r.variant = SIGN_SESSION_VARIANT_MAX;
	refuse(&sample, state, RULE_VARIANT);
	sample.r.variant = 7; /* what was answered is answered for ever */
	CHECK(check(&sample, state, SAMPLE_NOW_MS) == OK && task.repeat);
	sign_state_destroy(state);
}

static void test_nonces(void)
{
	struct sign_state *state = fresh_state();

	sample_make(&sample, &world, SAMPLE_EVM_LOCK, 5);
	accept(&sample, state);
	sample.r.variant = 1;
	sample.call.nonce = 6;
	refuse(&sample, state, RULE_VARIANT_ANCHOR);
	sample.call.nonce = 5;
	sample.call.gas_price = amount_of(ASSET_RBTC, 70000000);
	accept(&sample, state);
	/* a stranger on this nonce, and a fill under its own name */
	sample_make(&sample, &world, SAMPLE_EVM_PAYOUT, 5);
	refuse(&sample, state, RULE_NONCE_OWNER);
	sample_make(&sample, &world, SAMPLE_EVM_FILL, 5);
	refuse(&sample, state, RULE_NONCE_OWNER);
	/* the session itself may be called off, by a fill with its nonce */
	struct sample lock;
	sample_make(&lock, &world, SAMPLE_EVM_LOCK, 5);
	sample.r.session = lock.r.session;
	sample.r.variant = 2;
	accept(&sample, state);
	/* a nonce that nobody signed for is filled by a session of its own, and then is its own */
	sample_make(&sample, &world, SAMPLE_EVM_FILL, 6);
	accept(&sample, state);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 6);
	refuse(&sample, state, RULE_NONCE_OWNER);
	/* a fill does not become something else */
	struct sample fill;
	sample_make(&fill, &world, SAMPLE_EVM_FILL, 6);
	sample.r.session = fill.r.session;
	sample.r.variant = 1;
	refuse(&sample, state, RULE_VARIANT_TERMS);
	sign_state_floor(state, LAYER_ROOTSTOCK, 100);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 99);
	refuse(&sample, state, RULE_NONCE_OWNER);
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 100);
	accept(&sample, state);
	sign_state_destroy(state);
}

static void test_lock_once(void)
{
	struct sign_state *state = fresh_state();

	/* HAZARDS 11: a swap is locked once on a layer, whoever asks and with whatever coins */
	sample_make(&sample, &world, SAMPLE_BTC_LOCK, 1);
	accept(&sample, state);
	sample.r.session.b[15] = 1;
	sample.in[0].prev.index = 50;
	sample.in[1].prev.index = 51;
	refuse(&sample, state, RULE_LOCK_TWICE);
	/* HAZARDS 27: nor a payment hash under another swap, on another layer either */
	struct sample evm;
	sample_make(&evm, &world, SAMPLE_EVM_LOCK, 1);
	evm.r.swap.b[15] = 9;
	refuse(&evm, state, RULE_HASH_TWICE);
	sign_state_destroy(state);
}

static void test_refund_or_claim(void)
{
	/* HAZARDS 8: of one lock-up, we can claim or refund, and never both: the leg says which */
	static const enum sample_kind kinds[] = {
		SAMPLE_BTC_CLAIM, SAMPLE_BTC_REFUND, SAMPLE_EVM_CLAIM, SAMPLE_EVM_REFUND};
	struct sign_state *state = fresh_state();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const uint32_t number = (uint32_t)i + 1;
		sample_make(&sample, &world, kinds[i], number);
		accept(&sample, state);
		sample_make(&sample, &world, kinds[i], number);
		sample.r.session.b[15] = 1;
		sample.call.nonce = 1000 + i;
		if (sample.r.purpose == SIGN_CLAIM) {
			sample.r.purpose = SIGN_REFUND;
			sample.tx.locktime = sample.btc_leg.timelock;
		} else {
			sample.r.purpose = SIGN_CLAIM;
			sample_preimage(&sample.r.preimage, number);
		}
		refuse(&sample, state, RULE_LEG_OURS);
	}
	sign_state_destroy(state);
}

static void test_contracts(void)
{
	const struct policy saved = world.policy;
	struct policy_layer *rootstock = &world.policy.layer[LAYER_ROOTSTOCK];
	struct sign_state *state = fresh_state();
	struct sample deploy;

	rootstock->contract_count = 0;
	rootstock->contract_own = true;
	sample_make(&sample, &world, SAMPLE_EVM_LOCK, 4);
	refuse(&sample, state, RULE_LEG_CONTRACT);
	sample_make(&deploy, &world, SAMPLE_EVM_DEPLOY, 3);
	accept(&deploy, state);
	refuse(&sample, state, RULE_LEG_CONTRACT);
	evm_create_address(&sample.evm_leg.contract, &world.wallet.account[LAYER_ROOTSTOCK], 3);
	sample.call.to = sample.evm_leg.contract;
	accept(&sample, state);

	rootstock->contract_any = true;
	sample_make(&sample, &world, SAMPLE_EVM_CLAIM, 5);
	rootstock->claim_for_others = true;
	sample.evm_leg.claim = world.stranger;
	sample.evm_leg.refund = world.wallet.account[LAYER_ROOTSTOCK];
	struct buf data = buf_init(sample.data, sizeof sample.data);
	evm_htlc_claim_call(&data, &sample.evm_leg, &sample.r.preimage);
	sample.call.data = buf_slice(&data);
	accept(&sample, state);
	world.policy = saved;
	sign_state_destroy(state);
}

/* ---- signatures ---- */

static void test_signatures(void)
{
	static struct signing_answer first, again;
	static uint8_t raw[SAMPLE_CALL_MAX + 4096];
	struct sign_state *state = fresh_state();

	for (enum sample_kind kind = 0; kind < SAMPLE_COUNT; kind++) {
		sample_make(&sample, &world, kind, (uint32_t)kind + 1);
		accept(&sample, state);
		CHECK(sign_task_run(&first, &task, &world.key) == OK);
		CHECK(sign_task_run(&again, &task, &world.key) == OK);
		CHECK(memcmp(&first, &again, sizeof first) == 0);
		struct buf out = buf_init(raw, sizeof raw);
		struct hash256 txid;
		CHECK(signing_assemble(&out, &txid, &sample.r, &first, &world.wallet.key) == OK);
		first.signature[0].b[5] ^= 1;
		out.len = 0;
		CHECK(signing_assemble(&out, &txid, &sample.r, &first, &world.wallet.key) != OK);
	}
	sign_state_destroy(state);
}

/* The seeds of fuzz/corpus/signer_message: a frame with each kind of request, and an answer. */
static void write_corpus(const char *dir)
{
	static uint8_t frame[MESSAGE_MAX], encoded[SIGNING_ANSWER_MAX];
	const struct signing_answer answer_sample = {.signature_count = 2};
	struct buf payload = buf_init(encoded, sizeof encoded);

	signing_answer_put(&payload, &answer_sample);
	for (enum sample_kind kind = 0; kind <= SAMPLE_COUNT; kind++) {
		char name[512];
		struct buf out = buf_init(storage, sizeof storage),
			   b = buf_init(frame, sizeof frame);
		struct message m = {MESSAGE_SIGN_REPLY, 7, buf_slice(&payload)};
		if (kind < SAMPLE_COUNT) {
			sample_make(&sample, &world, kind, 1);
			m = (struct message){MESSAGE_SIGN, 7, sample_encode(&sample, &out)};
		}
		message_put(&b, &m);
		(void)snprintf(name, sizeof name, "%s/sample_%d", dir, (int)kind);
		FILE *f = fopen(name, "wb");
		CHECK(f != NULL && fwrite(frame, 1, b.len, f) == b.len && fclose(f) == 0);
	}
}

int main(int argc, char **argv)
{
	const uint8_t seed[32] = {1};
	secp_init(seed);
	sample_world_init(&world);
	if (argc == 3 && strcmp(argv[1], "--corpus") == 0) {
		write_corpus(argv[2]);
		return EXIT_SUCCESS;
	}
	test_rows();
	test_encoding();
	test_any_bit();
	test_variants();
	test_batch_variants();
	test_variant_bound();
	test_nonces();
	test_lock_once();
	test_refund_or_claim();
	test_contracts();
	test_signatures();
	return EXIT_SUCCESS;
}
