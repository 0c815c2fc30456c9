/* Whole swaps of a taker with a Lightning node of its own, in virtual time, both ways and with each
 * other layer: what ends well, what a provider can say and do that is not so, nodes that are down,
 * and a process that dies at each write of the rescue file. */
#include "client/world_test.h"

#include <stdio.h>

static const enum layer_id directions[][SIDE_COUNT] = {{LAYER_LIGHTNING, LAYER_BITCOIN},
	{LAYER_LIGHTNING, LAYER_ROOTSTOCK}, {LAYER_BITCOIN, LAYER_LIGHTNING},
	{LAYER_ROOTSTOCK, LAYER_LIGHTNING}};

#define PAYS(direction) (directions[direction][SIDE_SOURCE] == LAYER_LIGHTNING)
#define SOURCE_MSAT UINT64_C(1000000000)
#define DEST_MSAT UINT64_C(990000000)
#define BOB_MSAT UINT64_C(5000000000)
#define FEE_SAT_MAX UINT64_C(20000)

#define EXPECT(w, expression, wanted)                                                              \
	do {                                                                                       \
		const enum client_exit exit_ = (expression);                                       \
		if (exit_ != (wanted))                                                             \
			(void)fprintf(stderr, "%d: %s to %s: exit %d, not %d: %s\n", __LINE__,     \
				layer_name((w)->layer[0]), layer_name((w)->layer[1]), (int)exit_,  \
				(int)(wanted), (w)->said);                                         \
		CHECK(exit_ == (wanted));                                                          \
	} while (0)

static struct world *world_of(size_t direction)
{
	return world_create(directions[direction][0], directions[direction][1]);
}

/* What the taker's node has, beside what it had. */
static void check_bob(const struct world *w, int64_t msat)
{
	const struct simln_balance b = simln_balance(w->lightning, SIMLN_BOB);
	CHECK(b.local == (uint64_t)((int64_t)BOB_MSAT + msat) && b.unsettled == 0);
}

static void check_received(struct world *w)
{
	uint64_t sat;
	switch (w->layer[SIDE_DEST]) {
	case LAYER_BITCOIN:
		sat = world_balance(w, LAYER_BITCOIN, WORLD_TO_BITCOIN);
		CHECK(sat <= DEST_MSAT / 1000 && sat > DEST_MSAT / 1000 - FEE_SAT_MAX);
		break;
	case LAYER_ROOTSTOCK:
		CHECK(world_balance(w, LAYER_ROOTSTOCK, WORLD_TO_ROOTSTOCK) ==
			DEST_MSAT * 10000000);
		break;
	case LAYER_LIGHTNING: check_bob(w, DEST_MSAT); break;
	case LAYER_LIQUID:
	case LAYER_BOB:
	case LAYER_ROOTSTOCK_ERC20:
	case LAYER_COUNT: CHECK(false);
	}
}

static void test_completes(size_t direction)
{
	struct world *w = world_of(direction);
	EXPECT(w, world_swap(w), CLIENT_OK);
	CHECK(w->rescue.phase == RESCUE_COMPLETED && w->rescue.revealed);
	CHECK(world_source_locks(w) == 1);
	check_received(w);
	CHECK(!w->rescue.has_gas_account || w->layer[0] == LAYER_ROOTSTOCK ||
		w->layer[1] == LAYER_ROOTSTOCK);
	world_destroy(w);
}

/* Dies at each write, before and after; resumes; paid once, received once. */
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
			if (at == 1 && after == 0)
				EXPECT(w, world_swap(w), CLIENT_OK);
			else
				EXPECT(w, world_resume(w, false), CLIENT_OK);
			if (at == 1 && after == 0)
				writes = w->writes - 1; /* one was lost */
			CHECK(w->rescue.phase == RESCUE_COMPLETED);
			check_received(w);
			if (PAYS(direction))
				CHECK(w->swap.bill->payment_index == 1);
			world_destroy(w);
		}
	}
	CHECK(writes >= 4);
}

/* ---- the provider's invoice is not the one agreed ---- */

static void bend_amount(struct simln_bill *b)
{
	b->msat += 1;
}
static void bend_amount_more(struct simln_bill *b)
{
	b->msat += 1000;
}
static void bend_hash(struct simln_bill *b)
{
	b->hash.b[7] ^= 1;
}
static void bend_expired(struct simln_bill *b)
{
	b->expiry_s = 0;
}
/* It would keep our payment from us for longer than we accept. */
static void bend_cltv(struct simln_bill *b)
{
	b->cltv = 2016;
}

static void test_bent_invoice(size_t direction)
{
	static void (*const bends[])(struct simln_bill *) = {
		bend_amount, bend_amount_more, bend_hash, bend_expired, bend_cltv};
	for (size_t i = 0; PAYS(direction) && i < ARRAY_LEN(bends); i++) {
		struct world *w = world_of(direction);
		w->bend_invoice = bends[i];
		EXPECT(w, world_swap(w), CLIENT_MISMATCH);
		CHECK(w->rescue.tx_count == 0 && w->swap.bill->payment == SIMLN_UNPAID);
		world_destroy(w);
	}
}

/* ---- what the provider leaves undone ---- */

static void check_refunded(struct world *w, size_t direction)
{
	CHECK(w->rescue.phase == RESCUE_REFUNDED && !w->rescue.revealed);
	for (uint32_t i = 0; i < w->rescue.tx_count; i++)
		CHECK(w->rescue.tx[i].purpose != SIGN_CLAIM);
	CHECK(world_source_locks(w) == 0);
	check_bob(w, 0);
	/* nothing is held for a swap that has ended */
	if (!PAYS(direction))
		CHECK(w->swap.bill->invoice == SIMLN_CANCELED);
}

static void test_never_locked(size_t direction)
{
	struct world *w = world_of(direction);
	w->never_locks = true;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	check_refunded(w, direction);
	world_destroy(w);
}

static void test_killed_refund(size_t direction)
{
	for (uint64_t at = 3; at <= 8; at++) {
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
		check_refunded(w, direction);
		world_destroy(w);
	}
}

/* Too little is left until the provider can take its side back: nothing is told (HAZARDS 3). On
 * Lightning it pays with less time than the invoice wants, which our node does not take. */
static void test_too_short(size_t direction)
{
	struct world *w = world_of(direction);
	w->dest_blocks = 8;
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	check_refunded(w, direction);
	world_destroy(w);
}

/* A part of the payment never comes: it is not held, and nothing is told (HAZARDS 30). */
static void test_part_missing(size_t direction)
{
	if (PAYS(direction))
		return;
	struct world *w = world_of(direction);
	simln_set_parts(w->lightning, 3, 1);
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	CHECK(w->rescue.phase == RESCUE_REFUNDED && !w->rescue.revealed);
	CHECK(simln_balance(w->lightning, SIMLN_BOB).local == BOB_MSAT);
	world_destroy(w);
}

/* Its node gives our payment up at once: that is the refund. */
static void cancels_at_once(struct simln_bill *b)
{
	b->expiry_s = 1;
}

static void test_payment_fails(size_t direction)
{
	if (!PAYS(direction))
		return;
	struct world *w = world_of(direction);
	w->never_locks = true;
	CHECK(simln_move(w->lightning, SIMLN_BOB, BOB_MSAT - SOURCE_MSAT + 1000) == OK);
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	CHECK(!w->rescue.revealed && w->swap.bill->payment == SIMLN_FAILED);
	CHECK(strstr(w->said, "payment has failed") != NULL);
	world_destroy(w);

	w = world_of(direction);
	w->never_locks = true;
	w->bend_invoice = cancels_at_once;
	const enum client_exit exit = world_swap(w);
	CHECK(exit == CLIENT_REFUNDED || exit == CLIENT_MISMATCH);
	check_bob(w, 0);
	world_destroy(w);
}

/* In parts, for a fee within our bound; over it, it is not paid. */
static void test_fee(size_t direction)
{
	if (!PAYS(direction))
		return;
	struct world *w = world_of(direction);
	simln_set_fee(w->lightning, 5000);
	simln_set_parts(w->lightning, 4, 0);
	EXPECT(w, world_swap(w), CLIENT_OK);
	check_received(w);
	world_destroy(w);
	w = world_of(direction);
	simln_set_fee(w->lightning, 5001);
	EXPECT(w, world_swap(w), CLIENT_REFUNDED);
	check_bob(w, 0);
	world_destroy(w);
}

/* ---- our own node ---- */

static void test_node_down(size_t direction)
{
	struct world *w = world_of(direction);
	simln_set_up(w->lightning, SIMLN_BOB, false);
	EXPECT(w, world_swap(w), CLIENT_UNREACHABLE);
	CHECK(w->posts == 0);
	world_destroy(w);

	w = world_of(direction);
	simln_set_lie(w->lightning, SIMLN_BOB, SIMLN_LIE_SYNCED, true);
	EXPECT(w, world_swap(w), CLIENT_UNREACHABLE);
	CHECK(w->posts == 0);
	world_destroy(w);

	w = world_of(direction);
	memset(w->config.layer[LAYER_LIGHTNING].credential_file, 0, SETTING_SIZE);
	EXPECT(w, world_swap(w), CLIENT_UNREACHABLE);
	CHECK(w->posts == 0);
	world_destroy(w);
}

/* Called off after the decision to pay: it is not paid any more, or comes back. */
static void test_called_off(size_t direction)
{
	if (!PAYS(direction))
		return;
	struct world *w = world_of(direction);
	w->never_locks = true;
	w->kill_at = 3;
	w->kill_after = true;
	(void)world_swap(w);
	CHECK(w->killed && w->rescue.phase == RESCUE_PAYING && w->rescue.tx_count == 0);
	w->kill_at = 0;
	w->killed = false;
	EXPECT(w, world_resume(w, true), CLIENT_REFUSED);
	CHECK(w->rescue.phase == RESCUE_CLOSED && w->swap.bill->payment == SIMLN_UNPAID);
	world_destroy(w);
}

int main(void)
{
	const uint8_t seed[32] = {7};
	secp_init(seed);
	for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
		test_completes(i);
		test_killed(i);
		test_bent_invoice(i);
		test_never_locked(i);
		test_killed_refund(i);
		test_too_short(i);
		test_part_missing(i);
		test_payment_fails(i);
		test_fee(i);
		test_node_down(i);
		test_called_off(i);
	}
	return 0;
}
