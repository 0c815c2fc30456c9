/* What the layers build is what the signer signs: every purpose on every layer, from the engine's
 * plan to the bytes that would be submitted. */
#include "crypto/hash.h"
#include "layer/layer.h"
#include "sign/sample.h"
#include "wire/elements_address.h"
#include "wire/elements_blind.h"

#include <stdio.h>
#include <stdlib.h>

#define TIP 1000u

static struct sample_world world;
static const struct seckey receiver = {{[31] = 9}}; /* of what is blinded */

static void make_leg(struct buf *leg, enum layer_id id, const struct id128 *swap, bool we_claim)
{
	const enum asset asset = layer_asset(id);
	struct leg_offer offer = {.network = world.policy.layer[id].network,
		.timelock = TIP + 144,
		.provider_claims = we_claim,
		.contract = world.contract};
	struct leg_party ours = {.address = world.wallet.account[LAYER_ROOTSTOCK]};
	const struct leg_party theirs = {.key = world.other, .address = world.stranger};
	struct hash256 preimage;

	const enum layer_id keys = layer_family(id) == FAMILY_UTXO ? id : LAYER_BITCOIN;
	CHECK(wallet_swap_key(&ours.key, &world.wallet.key, keys, swap) == OK);
	CHECK(amount_parse(&offer.amount, asset, slice_str("0.004")) == OK);
	sample_preimage(&preimage, swap->b[0]);
	sha256(&offer.hash, slice_of(preimage.b, sizeof preimage.b));
	offer.claim = we_claim ? ours : theirs;
	offer.refund = we_claim ? theirs : ours;
	CHECK(layer_leg_make(leg, id, &offer) == OK);
}

static void make_plan(struct layer_plan *plan, struct buf *leg, struct buf *to, enum layer_id id,
	enum sign_purpose purpose, bool blinded, uint32_t n)
{
	const bool coins = layer_family(id) == FAMILY_UTXO;

	*plan = (struct layer_plan){.variant = 0,
		.purpose = purpose,
		.tip_height = TIP,
		.fee = {1500},
		.rate = coins ? 10000 : 60000000,
		.nonce = n,
		.gas_limit = layer_gas_limit(LAYER_ROOTSTOCK, purpose),
		.amount = amount_zero(layer_asset(id))};
	store_le32(plan->session.b, n);
	for (uint32_t i = 0; i < 3; i++) {
		struct btc_coin *coin = &plan->coin[plan->coin_count++];
		*coin = (struct btc_coin){.value = {200000}, .key_index = i % KEY_INDEX_COUNT};
		store_le32(coin->at.txid.b, n);
		coin->at.index = i;
	}
	if (purpose == SIGN_PAYOUT) {
		CHECK(amount_parse(&plan->amount, layer_asset(id), slice_str("0.004")) == OK);
		uint8_t script[34];
		btc_script_p2tr(script, &world.other);
		struct pubkey key;
		CHECK(pubkey_from_seckey(&key, &receiver) == OK);
		if (blinded)
			buf_put(to, key.b, sizeof key.b);
		if (coins)
			buf_put(to, script, sizeof script);
		else
			buf_put(to, world.stranger.b, sizeof world.stranger.b);
		plan->to = buf_slice(to);
	} else if (purpose <= SIGN_REFUND) {
		plan->swap.b[0] = (uint8_t)n;
		make_leg(leg, id, &plan->swap, purpose == SIGN_CLAIM);
		plan->leg = buf_slice(leg);
		store_le32(plan->lock.tx.b, n + 1000);
		plan->lock.index = 1;
		if (purpose == SIGN_CLAIM)
			sample_preimage(&plan->preimage, plan->swap.b[0]);
	}
}

/* It balances as its coins lie on the chain; change of confidential ones is blinded, and our key
 * opens it. */
static void check_hidden(struct slice raw, const struct signing_request *r, bool blinded)
{
	struct elements_txin in[4];
	struct elements_txout out[6], spent[4] = {0};
	struct elements_tx tx = {.in = in, .out = out};
	struct elements_opening got;
	struct seckey key;
	struct pubkey point;
	uint8_t home[34];
	uint64_t total = 0, paid = 0;
	const struct hash256 *asset = &elements_network_of(r->network)->policy_asset;
	size_t used;
	CHECK(elements_tx_parse(&tx, &used, 4, 6, raw) == OK && used == raw.len);
	for (uint32_t i = 0; i < tx.in_count; i++) {
		got = elements_opening_of(asset, r->input[i].value, &r->input[i].hidden);
		CHECK(elements_spent(&spent[i], &got) == OK);
		total += r->input[i].value.raw;
	}
	CHECK(elements_check_balance(&tx, spent) == OK);
	const uint32_t at = r->purpose == SIGN_NONCE_FILL ? 0 : 1;
	CHECK(wallet_script(home, &world.wallet.key, LAYER_LIQUID, KEY_INDEX_CHANGE) == OK);
	CHECK(slice_eq(out[at].script, slice_of(home, sizeof home)));
	CHECK(wallet_blinding(&key, &point, &world.wallet.key, out[at].script) == OK);
	CHECK(elements_value_form(&out[at].value) == ELEMENTS_COMMITMENT);
	CHECK(elements_open(&got, &out[at], &key) == OK && hash256_eq(&got.asset, asset));
	paid = got.value.raw;
	CHECK(elements_value_read(&got.value, &out[tx.out_count - 1].value));
	paid += got.value.raw;
	CHECK(total - paid == (at == 0 ? 0 : 400000));
	CHECK(tx.out_count == at + 2); /* nothing beside: one output balances them */
	if (at > 0)
		CHECK((elements_value_form(&out[0].value) == ELEMENTS_COMMITMENT) == blinded);
}

/* It balances, the payee can open what it is paid, and nobody else finds an amount in it. */
static void check_blinded(struct slice raw, const struct signing_request *r)
{
	struct elements_txin in[4];
	struct elements_txout out[6], spent[4];
	struct elements_tx tx = {.in = in, .out = out};
	struct elements_opening got;
	const struct hash256 *asset = &elements_network_of(r->network)->policy_asset;
	size_t used;
	CHECK(elements_tx_parse(&tx, &used, 4, 6, raw) == OK && used == raw.len);
	for (uint32_t i = 0; i < tx.in_count; i++)
		spent[i] = (struct elements_txout){.asset = elements_asset_of(asset),
			.value = elements_value_of(r->input[i].value)};
	CHECK(elements_check_balance(&tx, spent) == OK);
	CHECK(elements_value_form(&out[0].value) == ELEMENTS_COMMITMENT);
	CHECK(elements_open(&got, &out[0], &receiver) == OK && got.value.raw == 400000);
	CHECK(hash256_eq(&got.asset, asset));
	CHECK(tx.out_count == 4 && elements_value_form(&out[2].value) == ELEMENTS_COMMITMENT);
}

enum { EXPLICIT, BLINDED = 1, HIDDEN = 2 }; /* the payee's address; one of the coins */

/* A change for somebody else's key, or of somebody else's script, is none of ours. */
static void check_refused(struct sign_state *state, const struct signing_request *r)
{
	static uint8_t encoded[SIGNING_REQUEST_MAX], bytes[4096];
	static struct sign_task task;
	struct signing_request own = *r;
	struct elements_txin in[4];
	struct elements_txout out[6];
	struct elements_tx tx = {.in = in, .out = out};
	struct check_answer answer;
	struct pubkey key;
	size_t used;
	CHECK(pubkey_from_seckey(&key, &receiver) == OK);
	own.session.b[9] ^= 1;
	own.variant = 0;
	for (unsigned i = 0; i < 3; i++) {
		struct buf request = buf_init(encoded, sizeof encoded),
			   raw = buf_init(bytes, sizeof bytes);
		CHECK(elements_tx_parse(&tx, &used, 4, 6, r->unsigned_tx) == OK);
		const uint32_t at = r->purpose == SIGN_NONCE_FILL ? 0 : 1;
		if (i == 0)
			memcpy(out[at].nonce.b, key.b, sizeof key.b);
		else if (i == 1)
			out[at].nonce = (struct elements_nonce){{0}};
		else
			out[at].script = slice_of(r->input[0].script, 33);
		elements_tx_put(&raw, &tx);
		own.unsigned_tx = buf_slice(&raw);
		signing_request_put(&request, &own);
		CHECK(!raw.overflow && !request.overflow);
		CHECK(check_request(&task, &answer, buf_slice(&request), &world.policy, state,
			      &world.wallet, SAMPLE_NOW_MS) == ERR_DENIED);
	}
}

static void sign_one(struct sign_state *state, enum layer_id id, enum sign_purpose purpose,
	unsigned form, uint32_t n, uint32_t variant)
{
	const bool blinded = (form & BLINDED) != 0, hidden = (form & HIDDEN) != 0;
	static uint8_t encoded[SIGNING_REQUEST_MAX], raw_bytes[SIGNING_REQUEST_MAX];
	static struct sign_task task;
	static struct layer_plan plan;
	static struct signing_answer signatures;
	uint8_t leg_bytes[SIGNING_LEG_MAX], to_bytes[LAYER_DESTINATION_MAX];
	struct buf out = buf_init(encoded, sizeof encoded),
		   raw = buf_init(raw_bytes, sizeof raw_bytes);
	struct buf leg = buf_init(leg_bytes, sizeof leg_bytes),
		   to = buf_init(to_bytes, sizeof to_bytes);
	struct check_answer answer;
	struct signing_request r;
	struct hash256 txid;
	struct amount fee;

	make_plan(&plan, &leg, &to, id, purpose, blinded, n);
	for (uint8_t i = 0; hidden && i < 2; i++)
		plan.coin[i].hidden = (struct blinders){.asset = {[31] = i + 1u}, .value = {3, i}};
	plan.variant = variant;
	plan.rate += variant * plan.rate / 2;
	plan.fee.raw += 500 * variant;
	CHECK(layer_build(&out, &fee, id, world.policy.layer[id].network, &world.wallet.key,
		      &plan) == OK);
	if (check_request(&task, &answer, buf_slice(&out), &world.policy, state, &world.wallet,
		    SAMPLE_NOW_MS) != OK) {
		(void)fprintf(stderr, "%s, purpose %d: %s\n", layer_name(id), (int)purpose,
			answer.detail);
		abort();
	}
	CHECK(sign_state_apply(state, &task.record) == OK);
	CHECK(sign_task_run(&signatures, &task, &world.key) == OK);
	CHECK(signing_request_parse(&r, buf_slice(&out)) == OK);
	CHECK(signing_assemble(&raw, &txid, &r, &signatures, &world.wallet.key) == OK);
	if (hidden)
		check_hidden(buf_slice(&raw), &r, blinded);
	else if (blinded)
		check_blinded(buf_slice(&raw), &r);
	if (hidden && variant == 0)
		check_refused(state, &r);
	/* both sides count the same fee */
	struct amount cost = task.record.cost;
	if (purpose == SIGN_PAYOUT || purpose == SIGN_LOCK) {
		struct amount value;
		CHECK(amount_parse(&value, layer_asset(id), slice_str("0.004")) == OK);
		CHECK(amount_sub(&cost, cost, value) == OK);
	}
	CHECK(amount_cmp(cost, fee) == 0);
}

int main(void)
{
	static const struct {
		enum layer_id id;
		enum sign_purpose purpose;
		unsigned form;
	} rows[] = {
		{LAYER_BITCOIN, SIGN_PAYOUT, EXPLICIT},
		{LAYER_BITCOIN, SIGN_LOCK, EXPLICIT},
		{LAYER_BITCOIN, SIGN_CLAIM, EXPLICIT},
		{LAYER_BITCOIN, SIGN_REFUND, EXPLICIT},
		{LAYER_LIQUID, SIGN_PAYOUT, EXPLICIT},
		{LAYER_LIQUID, SIGN_PAYOUT, BLINDED},
		{LAYER_LIQUID, SIGN_PAYOUT, HIDDEN},
		{LAYER_LIQUID, SIGN_PAYOUT, BLINDED | HIDDEN},
		{LAYER_LIQUID, SIGN_LOCK, HIDDEN},
		{LAYER_LIQUID, SIGN_NONCE_FILL, HIDDEN},
		{LAYER_LIQUID, SIGN_LOCK, EXPLICIT},
		{LAYER_LIQUID, SIGN_CLAIM, EXPLICIT},
		{LAYER_LIQUID, SIGN_REFUND, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_PAYOUT, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_LOCK, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_CLAIM, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_REFUND, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_NONCE_FILL, EXPLICIT},
		{LAYER_ROOTSTOCK, SIGN_DEPLOY, EXPLICIT},
	};
	const uint8_t seed[32] = {1};
	struct sign_state *state;

	secp_init(seed);
	sample_world_init(&world);
	CHECK(sign_state_create(&state, 4) == OK);
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		for (uint32_t variant = 0; variant < 3; variant++)
			sign_one(state, rows[i].id, rows[i].purpose, rows[i].form, i + 1, variant);
	sign_state_destroy(state);
	return EXIT_SUCCESS;
}
