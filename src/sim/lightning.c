/* The channel, and what is paid in it. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/lightning_internal.h"

#define MILLION UINT64_C(1000000)

uint64_t simln_now_s(const struct simln *s)
{
	return s->config.wall_s + loop_now_ms(s->config.loop) / 1000;
}

static void check_channel(const struct simln *s)
{
	uint64_t had = 0, has = s->fees;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		had += s->config.local_msat[side];
		has += s->local[side] + s->sent[side] + s->limbo[side] + s->swept[side];
	}
	CHECK(had == has);
}

/* Where what a side has comes to lie. */
static uint64_t *purse(struct simln *s, enum simln_side side)
{
	if (!s->closed)
		return &s->local[side];
	return s->height < s->close_height + SIMLN_LIMBO_BLOCKS ? &s->limbo[side] : &s->swept[side];
}

/* ---- invoices ---- */

struct simln_bill *simln_find(struct simln *s, const struct hash256 *hash)
{
	const uint32_t at = sim_index_get(&s->by_hash, hash->b);
	return at == MAP_NONE ? NULL : s->bill[at];
}

static enum err write_request(struct simln_bill *b, const struct seckey *key)
{
	struct bolt11 *in = calloc(1, sizeof *in);
	char *text = malloc(BOLT11_TEXT_MAX + 1);
	enum err err = in == NULL || text == NULL ? ERR_FULL : OK;
	if (err == OK) {
		in->network = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
		in->amount_msat = b->msat;
		in->timestamp_s = b->created_s;
		in->expiry_s = b->expiry_s;
		in->payment_hash = b->hash;
		in->final_cltv = b->cltv;
		in->features = UINT64_C(1) << BOLT11_VAR_ONION |
			UINT64_C(1) << BOLT11_PAYMENT_SECRET | UINT64_C(2) << BOLT11_BASIC_MPP;
		memcpy(in->payment_secret, b->secret, sizeof b->secret);
		err = bolt11_encode(text, in, key);
	}
	if (err == OK && strlen(text) > SIMLN_REQUEST_MAX)
		err = ERR_FULL;
	if (err == OK)
		memcpy(b->request, text, strlen(text) + 1);
	free(text);
	free(in);
	return err;
}

static void set_timer(struct simln_bill *b);

enum err simln_invoice_make(struct simln *s, struct simln_bill **out, enum simln_side payee,
	const struct simln_bill *terms)
{
	struct simln_node *node = &s->node[payee];
	if (s->bill_count == SIMLN_BILLS_MAX)
		return ERR_FULL;
	struct simln_bill *b = sim_alloc(sizeof *b);
	*b = *terms;
	b->s = s;
	b->payee = payee;
	enum err err = OK;
	if (b->request[0] == 0) {
		struct hash256 secret;
		b->created_s = simln_now_s(s);
		sha256(&secret,
			slice_of(b->hash.b, sizeof b->hash.b)); /* anything that is not guessed */
		memcpy(b->secret, secret.b, sizeof b->secret);
		err = write_request(b, &node->key);
	}
	if (err != OK) {
		free(b);
		return err;
	}
	b->add_index = ++node->add_index;
	s->bill = sim_grow(s->bill, &s->bill_cap, s->bill_count + 1, sizeof(struct simln_bill *));
	sim_index_put(&s->by_hash, b->hash.b, s->bill_count);
	s->bill[s->bill_count++] = b;
	set_timer(b);
	*out = b;
	return OK;
}

uint64_t simln_held(const struct simln_bill *b)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < b->part_count; i++)
		if (b->part[i].htlc == SIMLN_HTLC_HELD)
			sum += b->part[i].msat;
	return sum;
}

/* ---- what was decided reaches the payer ---- */

bool simln_linked(const struct simln *s)
{
	return s->node[SIMLN_ALICE].up && s->node[SIMLN_BOB].up;
}

static bool is_resolved(const struct simln_part *p)
{
	return p->htlc == SIMLN_HTLC_SETTLED || p->htlc == SIMLN_HTLC_CANCELED;
}

/* As lnd tells it: a failure's reason is named before anything has failed. */
static void fail(struct simln *s, struct simln_bill *b, enum simln_reason reason)
{
	b->reason = reason;
	simln_tell(s, b, true);
	for (uint32_t i = 0; i < b->part_count; i++)
		b->part[i].reached = true;
	b->payment = SIMLN_FAILED;
	simln_tell(s, b, true);
}

static void succeed(struct simln *s, struct simln_bill *b)
{
	for (uint32_t i = 0; i < b->part_count; i++)
		b->part[i].reached = true;
	b->payment = SIMLN_SUCCEEDED;
	simln_tell(s, b, true);
}

/* The money of a part goes where it was decided; false: that is not known to the payer yet. Once
 * the channel is closed, what is not claimed comes back by its expiry alone. */
static bool carry(struct simln *s, struct simln_bill *b, struct simln_part *p)
{
	const enum simln_side payer = simln_other(b->payee);
	if (s->closed && p->htlc != SIMLN_HTLC_SETTLED && s->height < p->expiry_height)
		return false;
	if (s->closed && !is_resolved(p)) {
		p->htlc = SIMLN_HTLC_CANCELED;
		p->resolve_s = simln_now_s(s);
	}
	if (!is_resolved(p) || (!s->closed && !simln_linked(s)))
		return false;
	s->sent[payer] -= p->msat + p->fee;
	if (p->htlc == SIMLN_HTLC_CANCELED) {
		*purse(s, payer) += p->msat + p->fee;
	} else {
		*purse(s, b->payee) += p->msat;
		s->fees += p->fee;
	}
	return true;
}

static void reach(struct simln *s, struct simln_bill *b)
{
	bool carried[SIMLN_PARTS_MAX] = {0}, any = false, settled = false;
	uint32_t open = 0;
	if (b->payment != SIMLN_IN_FLIGHT)
		return;
	for (uint32_t i = 0; i < b->part_count; i++) {
		struct simln_part *p = &b->part[i];
		carried[i] = !p->reached && carry(s, b, p);
		any |= carried[i];
		open += !p->reached && !carried[i];
		settled |= p->htlc == SIMLN_HTLC_SETTLED;
	}
	check_channel(s);
	if (!any)
		return;
	if (open == 0 && settled) {
		succeed(s, b);
	} else if (open == 0) {
		fail(s, b, SIMLN_REASON_DETAILS);
	} else {
		for (uint32_t i = 0; i < b->part_count; i++)
			b->part[i].reached |= carried[i];
		simln_tell(s, b, true);
	}
}

static void resolve(struct simln *s, struct simln_bill *b, enum simln_htlc how)
{
	for (uint32_t i = 0; i < b->part_count; i++) {
		if (b->part[i].htlc != SIMLN_HTLC_HELD)
			continue;
		b->part[i].htlc = how;
		b->part[i].resolve_s = simln_now_s(s);
	}
}

void simln_settle(struct simln *s, struct simln_bill *b, const struct hash256 *preimage)
{
	b->preimage = *preimage;
	b->known = true;
	b->invoice = SIMLN_SETTLED;
	b->settled_s = simln_now_s(s);
	resolve(s, b, SIMLN_HTLC_SETTLED);
	simln_tell(s, b, false);
	reach(s, b);
}

void simln_cancel(struct simln *s, struct simln_bill *b)
{
	b->invoice = SIMLN_CANCELED;
	resolve(s, b, SIMLN_HTLC_CANCELED);
	simln_tell(s, b, false);
	reach(s, b);
}

/* ---- time ---- */

static uint64_t first_accept_s(const struct simln_bill *b)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < b->part_count; i++)
		if (b->part[i].htlc == SIMLN_HTLC_HELD && b->part[i].accept_s < first)
			first = b->part[i].accept_s;
	return first;
}

/* When an open invoice is looked at: a set of parts that does not become whole, its own end. */
static uint64_t due_s(const struct simln_bill *b)
{
	return simln_held(b) > 0 ? first_accept_s(b) + SIMLN_PARTS_S : b->created_s + b->expiry_s;
}

static void on_due(void *ctx)
{
	struct simln_bill *b = ctx;
	struct simln *s = b->s;
	b->timer.id = 0;
	if (b->invoice == SIMLN_OPEN && s->node[b->payee].up && simln_now_s(s) >= due_s(b)) {
		if (simln_held(b) > 0) {
			resolve(s, b, SIMLN_HTLC_CANCELED);
			simln_tell(s, b, false);
			reach(s, b);
		} else if (!s->node[b->payee].cln) {
			simln_cancel(s, b);
		}
	}
	set_timer(b);
}

/* Again every second while its node is down. */
static void set_timer(struct simln_bill *b)
{
	struct simln *s = b->s;
	const uint64_t now = simln_now_s(s), due = due_s(b);
	loop_timer_cancel(s->config.loop, &b->timer);
	b->timer.id = 0;
	if (b->invoice == SIMLN_OPEN && (!s->node[b->payee].cln || simln_held(b) > 0))
		(void)!loop_timer_set(
			s->config.loop, &b->timer, (due > now ? due - now : 1) * 1000, on_due, b);
}

/* ---- paying ---- */

/* What has arrived at the payee's: held, when it is whole. */
static void arrived(struct simln *s, struct simln_bill *b)
{
	const bool late = !s->node[b->payee].cln && simln_now_s(s) >= b->created_s + b->expiry_s;
	if (b->invoice != SIMLN_OPEN || late) {
		resolve(s, b, SIMLN_HTLC_CANCELED);
		reach(s, b);
	} else if (simln_held(b) >= b->msat) {
		b->invoice = SIMLN_ACCEPTED;
		simln_tell(s, b, false);
		if (b->plain)
			simln_settle(s, b, &b->preimage);
	} else {
		simln_tell(s, b, false);
	}
	set_timer(b);
	check_channel(s);
}

static void send_parts(struct simln *s, struct simln_bill *b)
{
	const enum simln_side payer = simln_other(b->payee);
	const uint64_t now = simln_now_s(s);
	uint64_t left = b->msat;
	uint32_t count = s->parts == 0 ? 1 : s->parts;
	if (count > b->msat)
		count = 1;
	b->part_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t msat = i + 1 == count ? left : b->msat / count;
		const bool stuck = i + s->stuck >= count;
		left -= msat;
		b->part[i] = (struct simln_part){.msat = msat,
			.fee = msat * s->fee_ppm / MILLION,
			.htlc = stuck ? SIMLN_HTLC_STUCK : SIMLN_HTLC_HELD,
			.accept_height = s->height,
			.expiry_height = s->height + b->cltv + SIMLN_PADDING,
			.htlc_index = s->node[payer].htlc_index++,
			.attempt = b->payment_index * SIMLN_PARTS_MAX + i,
			.sent_s = now,
			.accept_s = now};
		s->local[payer] -= msat + b->part[i].fee;
		s->sent[payer] += msat + b->part[i].fee;
	}
}

void simln_pay(struct simln *s, struct simln_bill *b, uint64_t fee_limit_msat, uint32_t cltv_limit)
{
	const enum simln_side payer = simln_other(b->payee);
	const uint64_t fee = b->msat * s->fee_ppm / MILLION;
	b->payment = SIMLN_IN_FLIGHT;
	b->reason = SIMLN_REASON_NONE;
	b->part_count = 0;
	b->paid_s = simln_now_s(s);
	b->payment_index = ++s->node[payer].payment_index;
	simln_tell(s, b, true);
	if (!simln_linked(s) || s->closed || fee > fee_limit_msat ||
		b->cltv + SIMLN_PADDING > cltv_limit) {
		fail(s, b, SIMLN_REASON_NO_ROUTE);
		return;
	}
	if (s->local[payer] < b->msat + fee) {
		fail(s, b, SIMLN_REASON_BALANCE);
		return;
	}
	send_parts(s, b);
	simln_tell(s, b, true);
	arrived(s, b);
}

void simln_release(struct simln *s)
{
	for (uint32_t i = 0; i < s->bill_count; i++) {
		struct simln_bill *b = s->bill[i];
		bool any = false;
		for (uint32_t k = 0; k < b->part_count; k++) {
			if (b->part[k].htlc != SIMLN_HTLC_STUCK)
				continue;
			b->part[k].htlc = SIMLN_HTLC_HELD;
			b->part[k].accept_s = simln_now_s(s);
			b->part[k].accept_height = s->height;
			any = true;
		}
		if (any)
			arrived(s, b);
	}
}

/* ---- what happens to the nodes ---- */

static bool is_nearly_over(const struct simln *s, const struct simln_bill *b)
{
	for (uint32_t i = 0; i < b->part_count; i++)
		if (b->part[i].htlc == SIMLN_HTLC_HELD &&
			s->height + SIMLN_MARGIN >= b->part[i].expiry_height)
			return true;
	return false;
}

void simln_look_at_all(struct simln *s)
{
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		if (!s->closed || s->height < s->close_height + SIMLN_LIMBO_BLOCKS)
			continue;
		s->swept[side] += s->limbo[side];
		s->limbo[side] = 0;
	}
	for (uint32_t i = 0; i < s->bill_count; i++) {
		struct simln_bill *b = s->bill[i];
		if (s->node[b->payee].up && is_nearly_over(s, b))
			simln_cancel(s, b);
		else
			reach(s, b);
	}
}

void simln_set_height(struct simln *s, uint32_t height)
{
	if (height == s->height)
		return;
	s->height = height;
	simln_look_at_all(s);
}

void simln_mine(struct simln *s, uint32_t blocks)
{
	simln_set_height(s, s->height + blocks);
}

void simln_close(struct simln *s)
{
	if (s->closed)
		return;
	s->closed = true;
	s->close_height = s->height;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		s->limbo[side] += s->local[side];
		s->local[side] = 0;
	}
	simln_look_at_all(s);
	check_channel(s);
}

enum err simln_move(struct simln *s, enum simln_side from, uint64_t msat)
{
	if (s->local[from] < msat)
		return ERR_RANGE;
	s->local[from] -= msat;
	s->local[simln_other(from)] += msat;
	check_channel(s);
	return OK;
}

void simln_set_up(struct simln *s, enum simln_side side, bool up)
{
	s->node[side].up = up;
	if (!up)
		simln_cut_streams(s, side);
	simln_look_at_all(s);
}

void simln_set_starting(struct simln *s, enum simln_side side, bool starting)
{
	s->node[side].starting = starting;
}

void simln_set_plugin(struct simln *s, enum simln_side side, bool on)
{
	s->node[side].no_plugin = !on;
}

void simln_set_lie(struct simln *s, enum simln_side side, enum simln_lie lie, bool on)
{
	CHECK(lie < SIMLN_LIE_COUNT);
	s->node[side].lie[lie] = on;
}

void simln_set_parts(struct simln *s, uint32_t parts, uint32_t stuck)
{
	CHECK(parts <= SIMLN_PARTS_MAX && stuck <= parts);
	s->parts = parts;
	s->stuck = stuck;
}

void simln_set_fee(struct simln *s, uint32_t fee_ppm)
{
	s->fee_ppm = fee_ppm;
}

void simln_cut(struct simln *s, enum simln_side side)
{
	simln_cut_streams(s, side);
}

struct simln_balance simln_balance(const struct simln *s, enum simln_side side)
{
	return (struct simln_balance){.local = s->local[side],
		.unsettled = s->sent[side],
		.limbo = s->limbo[side],
		.swept = s->swept[side]};
}

/* ---- life ---- */

static void serve_alice(void *ctx, struct sim_visit *visit)
{
	simln_serve(ctx, SIMLN_ALICE, visit);
}

static void serve_bob(void *ctx, struct sim_visit *visit)
{
	simln_serve(ctx, SIMLN_BOB, visit);
}

enum err simln_create(struct simln **out, const struct simln_config *config)
{
	static const sim_rest_handler serve[SIMLN_SIDES] = {serve_alice, serve_bob};
	struct simln *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ERR_FULL;
	*s = (struct simln){.config = *config, .height = config->height};
	sim_index_init(&s->by_hash, sizeof(struct hash256), 1);
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		struct simln_node *node = &s->node[side];
		s->local[side] = config->local_msat[side];
		node->up = true;
		node->cln = config->cln[side];
		node->key.b[31] = (uint8_t)(side + 1);
		node->rest = (struct sim_rest){.loop = config->loop,
			.handler = serve[side],
			.ctx = s,
			.name = simln_route_name};
		CHECK(pubkey_from_seckey(&node->pubkey, &node->key) == OK);
	}
	*out = s;
	return OK;
}

void simln_destroy(struct simln *s)
{
	if (s == NULL)
		return;
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++)
		sim_rest_fini(&s->node[side].rest);
	for (uint32_t i = 0; i < s->bill_count; i++) {
		loop_timer_cancel(s->config.loop, &s->bill[i]->timer);
		free(s->bill[i]);
	}
	sim_index_fini(&s->by_hash);
	free(s->bill);
	free(s->stream);
	free(s);
}

struct sim_rest *simln_rest(struct simln *s, enum simln_side side)
{
	return &s->node[side].rest;
}

void simln_alice(void *simln, struct http_local_request *request)
{
	sim_rest_local(simln_rest(simln, SIMLN_ALICE), request);
}

void simln_bob(void *simln, struct http_local_request *request)
{
	sim_rest_local(simln_rest(simln, SIMLN_BOB), request);
}
