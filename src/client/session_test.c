/* Whole swaps of a taker, in virtual time: what ends well, what a provider can say that is not so,
 * what it can leave undone, and a process that dies at each write of the rescue file. */
#include "client/world_test.h"

#include <stdio.h>

static const enum layer_id directions[][SIDE_COUNT] = {{LAYER_BITCOIN, LAYER_ROOTSTOCK},
	{LAYER_ROOTSTOCK, LAYER_BITCOIN}, {LAYER_BITCOIN, LAYER_BOB}, {LAYER_BOB, LAYER_BITCOIN},
	{LAYER_ROOTSTOCK, LAYER_BOB}, {LAYER_BOB, LAYER_ROOTSTOCK},
	{LAYER_BITCOIN, LAYER_ROOTSTOCK_ERC20}, {LAYER_ROOTSTOCK_ERC20, LAYER_BITCOIN},
	{LAYER_ROOTSTOCK, LAYER_ROOTSTOCK_ERC20}, {LAYER_ROOTSTOCK_ERC20, LAYER_ROOTSTOCK}};

#define DEST_SAT UINT64_C(990000)
#define FEE_SAT_MAX UINT64_C(20000)

static struct world *world_of(size_t direction)
{
	return world_create(directions[direction][0], directions[direction][1]);
}

static uint64_t received(struct world *w)
{
	const enum layer_id to = w->layer[SIDE_DEST];
	return to == LAYER_ROOTSTOCK  ? world_balance(w, to, WORLD_TO_ROOTSTOCK) / 10000000000
		: layer_gas_apart(to) ? world_balance(w, to, WORLD_TO_BOB)
				      : world_balance(w, to, WORLD_TO_BITCOIN);
}

static void check_received(struct world *w)
{
	const uint64_t sat = received(w);
	if (layer_family(w->layer[SIDE_DEST]) == FAMILY_ACCOUNT)
		CHECK(sat == DEST_SAT);
	else
		CHECK(sat <= DEST_SAT && sat > DEST_SAT - FEE_SAT_MAX);
}

/* The exit, with what was said where it is another. */
#define EXPECT(w, expression, wanted)                                                              \
	do {                                                                                       \
		const enum client_exit exit_ = (expression);                                       \
		if (exit_ != (wanted))                                                             \
			(void)fprintf(stderr, "%d: exit %d, not %d: %s\n", __LINE__, (int)exit_,   \
				(int)(wanted), (w)->said);                                         \
		CHECK(exit_ == (wanted));                                                          \
	} while (0)

static void test_completes(size_t direction)
{
	struct world *w = world_of(direction);
	EXPECT(w, world_swap(w), CLIENT_OK);
	CHECK(w->rescue.phase == RESCUE_COMPLETED && w->rescue.revealed);
	CHECK(world_source_locks(w) == 1);
	CHECK(w->reached[STEP_CLAIM]);
	check_received(w);
	world_destroy(w);
}

/* Dies at each write, before and after; resumes; it all comes out the same. */
static void test_killed(size_t direction)
{
	uint64_t writes = 1;
	for (uint64_t at = 1; at <= writes; at++) {
		for (unsigned after = 0; after < 2; after++) {
			struct world *w = world_of(direction);
			w->kill_at = at;
			w->kill_after = after == 1;
			(void)world_swap(w);
			CHECK(w->killed);
			w->kill_at = 0;
			w->killed = false;
			const uint64_t before = w->writes;
			if (at == 1 && after == 0) {
				EXPECT(w, world_resume(w, false), CLIENT_USAGE);
				CHECK(w->posts == 0 && w->payments == 0);
				EXPECT(w, world_swap(w), CLIENT_OK);
			} else {
				EXPECT(w, world_resume(w, false), CLIENT_OK);
			}
			if (at == 1)
				writes = before - 1 + w->writes - before;
			CHECK(w->rescue.phase == RESCUE_COMPLETED);
			CHECK(world_source_locks(w) == 1);
			check_received(w);
			world_destroy(w);
		}
	}
	CHECK(writes >= 5);
}

/* ---- before the payment ---- */

static const struct world_lie lies[] = {
	{ANSWER_QUOTE, "from", "\"liquid\""},
	{ANSWER_QUOTE, "to", "null"},
	{ANSWER_QUOTE, "source_amount", "\"0.02\""},
	{ANSWER_QUOTE, "source_amount", "0.01"},
	{ANSWER_QUOTE, "destination_amount", "\"0.00991\""},
	{ANSWER_QUOTE, "destination_amount", "\"-1\""},
	{ANSWER_QUOTE, "destination_amount", "\"340282366920938463463374607431768211456\""},
	{ANSWER_QUOTE, "fee", "\"0.00000001\""},
	{ANSWER_QUOTE, "fee", "\"NaN\""},
	{ANSWER_QUOTE, "expires_at", "\"2001-01-01T00:00:00Z\""},
	{ANSWER_QUOTE, "expires_at", "\"tomorrow\""},
	{ANSWER_QUOTE, "source.network", "\"bip122:000000000019d6689c085ae165831e93\""},
	{ANSWER_QUOTE, "destination.network", "\"eip155:30\""},
	{ANSWER_QUOTE, "quote", "\"\""},
	{ANSWER_OFFER, "id", "\"x\""},
	{ANSWER_OFFER, "preimage_hash",
		"\"0000000000000000000000000000000000000000000000000000000000000000\""},
	{ANSWER_OFFER, "source_amount", "\"0.0101\""},
	{ANSWER_OFFER, "destination_amount", "\"0.0098\""},
	{ANSWER_OFFER, "expires_at", "\"2001-01-01T00:00:00Z\""},
	{ANSWER_OFFER, "source.amount", "\"0.0101\""},
	{ANSWER_OFFER, "source.network", "\"eip155:31\""},
	{ANSWER_OFFER, "source.terms", "null"},
	{ANSWER_OFFER, "source.terms", "\"00\""},
	{ANSWER_OFFER, "source.timelock", "1"},
	{ANSWER_OFFER, "source.timelock", "9223372036854775807"},
	{ANSWER_OFFER, "source.address",
		"\"bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6\""},
	{ANSWER_OFFER, "source.address", "\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\""},
	{ANSWER_OFFER, "destination.network", "\"eip155:30\""},
	{ANSWER_OFFER, "destination.amount", "\"0.0098\""},
};

static void test_lies(size_t direction)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct world *w = world_of(direction);
		w->lie = lies[i];
		const enum client_exit exit = world_swap(w);
		if (exit != CLIENT_MISMATCH)
			(void)fprintf(stderr, "%s = %s: exit %d: %s\n", lies[i].path, lies[i].value,
				(int)exit, w->said);
		CHECK(exit == CLIENT_MISMATCH);
		CHECK(w->payments == 0 && w->rescue.tx_count == 0);
		CHECK(!w->swap.known || world_source_locks(w) == 0);
		world_destroy(w);
	}
}

/* Terms that are consistent in themselves, and not ours (HAZARDS 19). */
static void bend_hash(struct leg_offer *o, enum rescue_side side)
{
	o->hash.b[0] ^= side == SIDE_SOURCE;
}
static void bend_amount(struct leg_offer *o, enum rescue_side side)
{
	CHECK(amount_add(&o->amount, o->amount, amount_of(o->amount.asset, side == SIDE_SOURCE)) ==
		OK);
}
static void bend_keys(struct leg_offer *o, enum rescue_side side)
{
	static const struct xonly generator = {{0x79, 0xbe, 0x66, 0x7e, 0xf9, 0xdc, 0xbb, 0xac,
		0x55, 0xa0, 0x62, 0x95, 0xce, 0x87, 0x0b, 0x07, 0x02, 0x9b, 0xfc, 0xdb, 0x2d, 0xce,
		0x28, 0xd9, 0x59, 0xf2, 0x81, 0x5b, 0x16, 0xf8, 0x17, 0x98}};
	if (side != SIDE_SOURCE)
		return;
	o->refund.key = generator;
	o->refund.address.b[0] ^= 1;
}
static void bend_roles(struct leg_offer *o, enum rescue_side side)
{
	const struct leg_party claim = o->claim;
	if (side != SIDE_SOURCE)
		return;
	o->claim = o->refund;
	o->refund = claim;
}
static void bend_provider(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_SOURCE) {
		o->provider_claims = false;
		o->contract.b[0] ^= 1;
	}
}
static void bend_soon(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_SOURCE)
		o->timelock -= 119;
	if (side == SIDE_SOURCE && layer_family(o->network->layer) == FAMILY_ACCOUNT)
		o->timelock -= 120;
}
static void bend_late(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_SOURCE)
		o->timelock += 20000;
}

static void test_bent_source(size_t direction)
{
	static void (*const bends[])(struct leg_offer *, enum rescue_side) = {
		bend_hash, bend_amount, bend_keys, bend_roles, bend_provider, bend_soon, bend_late};
	for (size_t i = 0; i < ARRAY_LEN(bends); i++) {
		struct world *w = world_of(direction);
		w->bend = bends[i];
		EXPECT(w, world_swap(w), CLIENT_MISMATCH);
		CHECK(w->payments == 0 && w->rescue.tx_count == 0);
		world_destroy(w);
	}
}

static void test_refused(size_t direction)
{
	struct world *w = world_of(direction);
	w->refuses = true;
	EXPECT(w, world_swap(w), CLIENT_REFUSED);
	world_destroy(w);

	w = world_of(direction);
	w->dead = true;
	EXPECT(w, world_swap(w), CLIENT_UNREACHABLE);
	world_destroy(w);

	w = world_of(direction);
	w->config.max_fee_ppm = 9999;
	EXPECT(w, world_swap(w), CLIENT_REFUSED);
	CHECK(w->posts == 0);
	world_destroy(w);

	w = world_of(direction);
	w->config.gas_key_file[0] = '\0';
	EXPECT(w, world_swap(w), CLIENT_REFUSED);
	CHECK(w->posts == 0);
	world_destroy(w);

	w = world_of(direction);
	memset(w->gas_key.b, 0x33, sizeof w->gas_key.b);
	file_sim_put(w->disk, "gas",
		slice_str("3333333333333333333333333333333333333333333333333333333333333333"));
	EXPECT(w, world_swap(w), CLIENT_REFUSED);
	CHECK(w->posts == 0);
	world_destroy(w);
}

/* The provider's contract has other code: told before anything else. */
static void test_wrong_contract(size_t direction)
{
	struct world *w = world_of(direction);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		w->contract[w->layer[i]].b[5] ^= 1;
	EXPECT(w, world_swap(w), CLIENT_MISMATCH);
	CHECK(w->posts == 0);
	world_destroy(w);
}

/* A token of another contract is not what was agreed, whatever it is called. */
static void bend_token(struct leg_offer *o, enum rescue_side side)
{
	if (layer_gas_apart(o->network->layer) && side == SIDE_SOURCE)
		o->token.b[0] ^= 1;
}
static void bend_dest_token(struct leg_offer *o, enum rescue_side side)
{
	if (layer_gas_apart(o->network->layer) && side == SIDE_DEST)
		o->token.b[0] ^= 1;
}

static void test_other_token(enum layer_id token)
{
	struct world *w = world_create(token, LAYER_BITCOIN);
	w->bend = bend_token;
	EXPECT(w, world_swap(w), CLIENT_MISMATCH);
	CHECK(w->rescue.tx_count == 0);
	world_destroy(w);
	w = world_create(LAYER_BITCOIN, token);
	w->bend = bend_dest_token;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	CHECK(!w->rescue.revealed);
	world_destroy(w);
	w = world_create(LAYER_BITCOIN, token);
	w->config.layer[token].token[0] = '\0';
	EXPECT(w, world_swap(w), CLIENT_REFUSED);
	CHECK(w->posts == 0);
	world_destroy(w);
}

/* ---- after the payment ---- */

static uint64_t refund_sat(struct world *w)
{
	return world_balance(w, LAYER_BITCOIN, WORLD_REFUND);
}

static void check_refunded(struct world *w)
{
	CHECK(w->rescue.phase == RESCUE_REFUNDED && !w->rescue.revealed);
	CHECK(world_source_locks(w) == 0 && received(w) == 0);
	for (uint32_t i = 0; i < w->rescue.tx_count; i++)
		CHECK(w->rescue.tx[i].purpose != SIGN_CLAIM);
	if (w->layer[SIDE_SOURCE] == LAYER_BITCOIN)
		CHECK(refund_sat(w) > 1000000 - FEE_SAT_MAX);
}

static void test_never_locked(size_t direction)
{
	struct world *w = world_of(direction);
	w->never_locks = true;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	CHECK(w->reached[STEP_REFUND]);
	check_refunded(w);
	world_destroy(w);
}

/* Dies at each write of a swap that is refunded. */
static void test_killed_refund(size_t direction)
{
	for (uint64_t at = 4; at <= 9; at++) {
		struct world *w = world_of(direction);
		w->never_locks = true;
		w->kill_at = at;
		w->kill_after = at % 2 == 0;
		const enum client_exit exit = world_swap(w);
		if (w->killed) {
			w->kill_at = 0;
			w->killed = false;
			EXPECT(w, world_resume(w, false), CLIENT_REFUNDED);
		} else {
			EXPECT(w, exit, CLIENT_REFUNDED);
		}
		check_refunded(w);
		world_destroy(w);
	}
}

/* It locks less than agreed: nothing is told (HAZARDS 18). */
static void test_locks_less(size_t direction)
{
	struct world *w = world_of(direction);
	w->locks_less = true;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	check_refunded(w);
	world_destroy(w);
}

/* It locks so late, or for so short a time, that a claim might not win (HAZARDS 3). */
static void test_too_short(size_t direction)
{
	struct world *w = world_of(direction);
	/* blocks by the clock are not late: fewer are too few */
	w->dest_blocks = layer_gas_apart(w->layer[SIDE_DEST]) ? 5 : 8;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	check_refunded(w);
	world_destroy(w);
}

static void bend_dest_keys(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_DEST)
		bend_keys(o, SIDE_SOURCE), o->claim = o->refund, o->refund.address.b[3] ^= 1,
					   o->refund.key.b[31] ^= 0;
}
static void bend_dest_amount(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_DEST)
		CHECK(amount_sub(&o->amount, o->amount, amount_of(o->amount.asset, 1)) == OK);
}
static void bend_dest_hash(struct leg_offer *o, enum rescue_side side)
{
	if (side == SIDE_DEST)
		o->hash.b[31] ^= 1;
}

static void test_bent_dest(size_t direction)
{
	static void (*const bends[])(struct leg_offer *, enum rescue_side) = {
		bend_dest_amount, bend_dest_hash, bend_dest_keys};
	for (size_t i = 0; i < ARRAY_LEN(bends); i++) {
		if (bends[i] == bend_dest_keys && directions[direction][1] == LAYER_BITCOIN)
			continue; /* one key on both sides is no lock at all */
		struct world *w = world_of(direction);
		w->bend = bends[i];
		EXPECT(w, world_swap(w), CLIENT_REFUNDED);
		check_refunded(w);
		world_destroy(w);
	}
}

/* The user pays another amount: it comes back (HAZARDS 18). */
static void test_wrong_payment(void)
{
	static const char *const amounts[] = {"0.009", "0.011"};
	for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
		struct world *w = world_of(0);
		w->never_locks = true;
		w->pays_amount = amounts[i];
		EXPECT(w, world_swap(w), CLIENT_REFUNDED);
		CHECK(refund_sat(w) > 900000 - FEE_SAT_MAX);
		world_destroy(w);
	}
}

/* Called off after the payment: the provider's lock-up is not claimed any more. */
static void test_called_off(size_t direction)
{
	struct world *w = world_of(direction);
	w->never_locks = true;
	w->kill_at = w->layer[SIDE_SOURCE] == LAYER_BITCOIN ? 3 : 4;
	w->kill_after = true;
	(void)world_swap(w);
	CHECK(w->killed && w->rescue.phase == RESCUE_PAYING);
	w->kill_at = 0;
	w->killed = false;
	const enum client_exit exit = world_resume(w, true);
	/* nothing was sent yet: on bitcoin the user may still pay, and is waited for */
	CHECK(exit == CLIENT_PENDING || exit == CLIENT_REFUSED);
	CHECK(received(w) == 0 && world_source_locks(w) == 0 && !w->rescue.revealed);
	world_destroy(w);
}

/* What is judged before anything is paid. */
static void test_before(size_t i)
{
	test_lies(i);
	test_bent_source(i);
	test_refused(i);
	test_wrong_contract(i);
}

static void test_after(size_t i)
{
	test_never_locked(i);
	test_killed_refund(i);
	test_locks_less(i);
	test_too_short(i);
	test_bent_dest(i);
	test_called_off(i);
}

/* Without an argument Bitcoin and Rootstock; with the name of a layer of tokens, that and each of
 * them. */
int main(int argc, char **argv)
{
	const uint8_t seed[32] = {7};
	enum layer_id tokens = LAYER_COUNT;
	CHECK(argc == 1 || layer_parse(&tokens, slice_str(argv[1])) == OK);
	secp_init(seed);
	for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
		const enum layer_id *d = directions[i];
		const enum layer_id of = layer_gas_apart(d[0]) ? d[0]
			: layer_gas_apart(d[1])                ? d[1]
							       : LAYER_COUNT;
		if (of != tokens)
			continue;
		const bool bitcoin = d[0] == LAYER_BITCOIN || d[1] == LAYER_BITCOIN;
		test_completes(i);
		if (of == LAYER_ROOTSTOCK_ERC20) /* the rest is as on BOB */
			continue;
		if (bitcoin || d[1] == tokens)
			test_killed(i);
		if (bitcoin && d[1] != tokens)
			test_before(i);
		if (bitcoin)
			test_after(i);
	}
	if (tokens != LAYER_COUNT)
		test_other_token(tokens);
	else
		test_wrong_payment();
	return 0;
}
