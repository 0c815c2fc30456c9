/* Takers: the client's own session (client/session.h) on a stack of its own, each with its disk,
 * its transport and its manner. A session waits for the world in its middle; here that means that
 * another one goes on, on the same thread. */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/hex.h"
#include "client/begin.h"
#include "client/spend.h"
#include "world.h"

#define STACK_SIZE (1u << 20)
#define RESCUE "rescue.json"
#define MINUTE_MS UINT64_C(60000)
#define BEGIN_TRIES_MAX 6u
#define RESEND_MS 60000u
#define BEGIN_AGAIN_MS 20000u
#define LOOK_MS 500u

/* How somebody behaves who takes a swap. */
enum manner {
	MANNER_HONEST,
	MANNER_NEVER_PAYS,
	MANNER_PAYS_WRONG, /* another amount than was agreed; on Bitcoin */
	MANNER_VANISHES,   /* the machine is off for hours */
	MANNER_DIES,       /* and never comes back */
	MANNER_COUNT
};
static const char *const manner_names[MANNER_COUNT] = {
	"honest", "never pays", "pays wrong", "vanishes", "dies"};

struct taker {
	struct world *w;
	uint32_t index;
	enum manner manner;
	enum layer_id from, to;
	struct amount amount;
	struct draw draw;
	struct http_client *http;
	struct file_sim *disk;
	struct settings settings;
	struct client_config config;
	struct rescue rescue; /* as the last session left it */
	bool has_rescue;
	char to_address[LAYER_ADDRESS_TEXT_SIZE], refund_address[LAYER_ADDRESS_TEXT_SIZE];
	uint8_t to_script[34], refund_script[34];
	size_t to_len;
	char peer[24];
	/* its thread of thought */
	ucontext_t context;
	uint8_t *stack; /* owned */
	struct loop_timer wake;
	bool ready, over, stop, suspended;
	/* its end */
	enum client_exit exit;
	bool killed; /* by the plan: the process is to end at the next write */
	uint64_t dies_at, writes;
	bool paid, revealed;
	char *payment; /* owned: its raw transaction in hex; its wallet sends it until it is mined
			*/
	uint64_t resend_ms;
	unsigned sessions;
	enum rescue_phase said_phase;
};

static ucontext_t scheduler;
static struct taker *running;

static const struct network *regtest(enum layer_id layer)
{
	return network_by_name(layer, slice_str("regtest"));
}

/* ---- taking turns ---- */

static void on_wake(void *ctx)
{
	struct taker *t = ctx;
	t->wake.id = 0;
	t->ready = true;
}

/* Somebody waits: the scheduler goes on, until then or until an answer came. */
static void step(struct loop *loop, uint64_t wait_ms)
{
	struct taker *t = running;
	/* a Lightning node's answers do not wake anybody (nets_serve) */
	const bool looks = t->from == LAYER_LIGHTNING || t->to == LAYER_LIGHTNING;
	if (looks && wait_ms > LOOK_MS)
		wait_ms = LOOK_MS;
	CHECK(loop_timer_set(loop, &t->wake, wait_ms, on_wake, t) == OK);
	t->ready = false;
	CHECK(swapcontext(&t->context, &scheduler) == 0);
}

static void go_on(struct taker *t)
{
	loop_timer_cancel(t->w->loop, &t->wake);
	running = t;
	CHECK(swapcontext(&scheduler, &t->context) == 0);
	running = NULL;
}

/* What a wallet does whose transaction is in no block. */
static void resend(struct taker *t)
{
	const uint64_t now = loop_now_ms(t->w->loop);
	if (t->payment == NULL || now < t->resend_ms)
		return;
	t->resend_ms = now + RESEND_MS;
	nets_try(&t->w->nets, LAYER_BITCOIN, "sendrawtransaction", "[\"%s\"]", t->payment);
}

void takers_resend(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		w->taker[i]->resend_ms = 0;
		resend(w->taker[i]);
	}
}

void takers_turn(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++)
		resend(w->taker[i]);
	for (uint32_t i = 0; i < w->taker_count; i++)
		if (w->taker[i]->ready && !w->taker[i]->over && !w->taker[i]->suspended)
			go_on(w->taker[i]);
}

static bool all_over(const struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++)
		if (!w->taker[i]->over)
			return false;
	return true;
}

/* Who never pays is waited for by his session for ever: he might. */
static bool is_through(const struct taker *t)
{
	return t->over ||
		(t->manner == MANNER_NEVER_PAYS && t->from == LAYER_BITCOIN &&
			t->said_phase == RESCUE_ABANDONED);
}

bool takers_done(const struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++)
		if (!is_through(w->taker[i]))
			return false;
	return true;
}

/* ---- transport: every answer of a node makes its taker look again ---- */

static void on_request(void *ctx, struct http_local_request *request)
{
	struct taker *t = ctx;
	static const char provider[] = "http://provider";
	if (strncmp(http_local_url(request), provider, sizeof provider - 1) != 0)
		nets_serve(&t->w->nets, ACTOR_TAKERS, request, &t->ready);
	else if (t->w->plan.hazard != NULL && t->w->plan.hazard->told != NULL)
		t->w->plan.hazard->told(t->w, request);
	else
		host_serve(&t->w->host, request, t->peer);
}

/* ---- what it does ---- */

static void pay(struct taker *t, const char *uri)
{
	char address[128];
	struct amount a;
	if (t->paid || t->manner == MANNER_NEVER_PAYS)
		return;
	CHECK(sscanf(uri, "bitcoin:%127[^?]", address) == 1);
	const char *text = strstr(uri, "amount=");
	CHECK(text != NULL && amount_parse(&a, ASSET_BTC, slice_str(text + 7)) == OK);
	if (t->manner == MANNER_PAYS_WRONG) {
		const uint64_t by = draw_between(&t->draw, 1, 50000);
		if (draw_chance(&t->draw, 500))
			CHECK(amount_add(&a, a, amount_of(ASSET_BTC, by)) == OK);
		else
			CHECK(amount_sub(&a, a, amount_of(ASSET_BTC, by)) == OK);
	}
	char amount[AMOUNT_TEXT_SIZE];
	amount_format(amount, a);
	t->paid = true;
	const struct json *v = nets_lever(
		&t->w->nets, LAYER_BITCOIN, "sim_fund", "[\"%s\", \"%s\"]", address, amount);
	t->payment = nets_raw(&t->w->nets, v);
	world_say(t->w, LANE_TAKERS, TRACE_NOTE, "%u pays %s", t->index, amount);
}

static void on_report(void *ctx, const struct report *r)
{
	struct taker *t = ctx;
	if (r->kind == REPORT_PAY)
		pay(t, r->text);
	if (r->kind == REPORT_WARNING)
		world_say(t->w, LANE_TAKERS, TRACE_NOTE, "%u: %.150s", t->index, r->text);
	if (r->rescue != NULL && r->rescue->phase != t->said_phase) {
		t->said_phase = r->rescue->phase;
		world_say(t->w, LANE_TAKERS, TRACE_STATE, "%u is %s", t->index,
			rescue_phase_name(t->said_phase));
	}
}

/* True: the process is dead. */
static bool on_save(void *ctx, uint64_t revision, bool after)
{
	struct taker *t = ctx;
	(void)revision;
	t->writes += !after;
	if (t->dies_at == 0 || t->writes < t->dies_at)
		return false;
	t->dies_at = 0;
	t->killed = true;
	world_say(t->w, LANE_TAKERS, TRACE_FAULT, "%u is killed %s a write", t->index,
		after ? "after" : "before");
	return true;
}

static struct session_config session_of(struct taker *t)
{
	return (struct session_config){.loop = t->w->loop,
		.http = t->http,
		.ops = file_sim_ops(t->disk),
		.config = &t->config,
		.path = RESCUE,
		.wait_for_refund = true,
		.stop = &t->stop,
		.random = draw_source,
		.random_ctx = &t->draw,
		.report = on_report,
		.report_ctx = t,
		.on_save = on_save,
		.on_save_ctx = t};
}

/* Everything before the rescue file: nothing is lost by doing it again. */
static enum client_exit begin(struct taker *t)
{
	const struct session_config config = session_of(t);
	const struct begin_request request = {.from = t->from,
		.to = t->to,
		.amount = t->amount,
		.to_address = t->to == LAYER_LIGHTNING ? NULL : t->to_address,
		.settings = &t->settings};
	enum client_exit exit = CLIENT_FAILED;
	for (unsigned i = 0; i < BEGIN_TRIES_MAX && !t->stop; i++) {
		rescue_fini(&t->rescue);
		exit = swap_begin(&t->rescue, &config, &request);
		if (exit != CLIENT_UNREACHABLE && exit != CLIENT_FAILED && exit != CLIENT_MISMATCH)
			break;
		(void)!wait_ms(t->w->loop, BEGIN_AGAIN_MS, &t->stop);
	}
	t->has_rescue = exit == CLIENT_OK;
	return exit;
}

/* A power cut of its machine: its disk's unsynced things survive or not. */
static void lose_power(struct taker *t)
{
	uint8_t survives[1024];
	const size_t count = file_sim_unsynced(t->disk);
	CHECK(count <= sizeof survives);
	for (size_t i = 0; i < count; i++)
		survives[i] = draw_chance(&t->draw, 500);
	struct file_sim *after = file_sim_crash(t->disk, survives, count);
	file_sim_destroy(t->disk);
	t->disk = after;
}

static bool comes_back(struct taker *t)
{
	if (!t->killed || t->stop)
		return false;
	t->killed = false;
	if (t->manner == MANNER_DIES)
		return false;
	const uint64_t away = t->manner == MANNER_VANISHES
		? draw_between(&t->draw, MINUTE_MS, 90 * MINUTE_MS)
		: draw_between(&t->draw, 1000, 60000);
	lose_power(t);
	(void)!wait_ms(t->w->loop, away, &t->stop);
	return !t->stop;
}

static void live(struct taker *t)
{
	struct rescue_error error;
	t->exit = begin(t);
	while (t->has_rescue) {
		const struct session_config config = session_of(t);
		t->sessions++;
		if (t->exit == CLIENT_OK || t->sessions > 1)
			t->exit = session_run(&config, &t->rescue);
		t->revealed = t->revealed || t->rescue.revealed;
		/* a session that ends unfinished is taken up again, as a user does */
		const bool unfinished = t->exit == CLIENT_PENDING ||
			(t->exit == CLIENT_UNREACHABLE && t->rescue.revision > 0) ||
			(t->exit == CLIENT_USAGE && t->rescue.revision > 0);
		if (t->killed ? !comes_back(t) : !unfinished || t->stop)
			break;
		if (unfinished && !t->killed)
			(void)!wait_ms(t->w->loop, BEGIN_AGAIN_MS, &t->stop);
		rescue_fini(&t->rescue);
		if (rescue_load(&t->rescue, &error, file_sim_ops(t->disk), RESCUE) != OK) {
			/* never written: nothing was told, nothing was paid */
			t->has_rescue = false;
			t->exit = CLIENT_REFUSED;
		}
	}
}

static void main_of(unsigned high, unsigned low)
{
	struct taker *t = (struct taker *)(((uintptr_t)high << 32) | low);
	live(t);
	t->over = true;
	world_say(t->w, LANE_TAKERS, TRACE_STATE, "%u ends: exit %d, %s", t->index, (int)t->exit,
		t->has_rescue ? rescue_phase_name(t->rescue.phase) : "nothing begun");
	CHECK(swapcontext(&t->context, &scheduler) == 0);
	UNREACHABLE();
}

/* ---- life ---- */

static void set(struct taker *t, const char *name, const char *value)
{
	struct settings_error error;
	CHECK(settings_offer(&t->settings, &error, name, value) == OK);
}

static void configure(struct taker *t)
{
	static const char *const pairs[][2] = {{"provider", "http://provider"}, {"gas_key", "gas"},
		{"bitcoin.network", "regtest"}, {"bitcoin.rpc_url", "http://bitcoin"},
		{"bitcoin.poll_ms", "10000"}, {"bitcoin.block_interval_ms", "60000"},
		{"bitcoin.drift_permille", "50"}, {"bitcoin.outage_ms", "150000"},
		{"bitcoin.depth", "0:2"}, {"bitcoin.final_depth", "3"},
		{"bitcoin.claim_blocks", "3"}, {"max_fee", "60"}, {"lightning.network", "regtest"},
		{"lightning.rpc_url", "http://lightning"}, {"lightning.poll_ms", "10000"},
		{"lightning.block_interval_ms", "60000"}, {"lightning.drift_permille", "50"},
		{"lightning.outage_ms", "150000"}};
	static const char *const others[][2] = {{"network", "regtest"},
		{"rpc_url", "http://accounts"}, {"poll_ms", "10000"},
		{"block_interval_ms", "12000"}, {"drift_permille", "50"}, {"outage_ms", "150000"},
		{"depth", "0:4"}, {"final_depth", "6"}, {"claim_blocks", "10"}};
	struct settings_error error = {.text = ""};
	char name[64], token[2 + 2 * sizeof(struct evm_address) + 1] = "0x";
	const enum layer_id other = nets_other(&t->w->nets);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		set(t, pairs[i][0], pairs[i][1]);
	if (t->w->plan.lightning)
		set(t, "lightning.credential_file", t->w->nets.lnds.macaroon);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		(void)snprintf(name, sizeof name, "%s.%s", layer_name(other), others[i][0]);
		set(t, name, others[i][1]);
	}
	if (layer_gas_apart(other)) {
		(void)snprintf(name, sizeof name, "%s.token", layer_name(other));
		hex_encode(token + 2, t->w->nets.token.b, sizeof t->w->nets.token.b);
		set(t, name, token);
	}
	set(t, "refund_address", t->refund_address);
	if (settings_read(&t->config, &error, &t->settings) != OK) {
		(void)fprintf(stderr, "%s\n", error.text);
		CHECK(false);
	}
}

static void make_addresses(struct taker *t)
{
	t->to_len = t->to == nets_other(&t->w->nets) ? 20 : 22;
	draw_bytes(&t->draw, t->to_script, t->to_len);
	draw_bytes(&t->draw, t->refund_script, 22);
	t->refund_script[0] = 0;
	t->refund_script[1] = 20;
	if (t->to == LAYER_BITCOIN) {
		t->to_script[0] = 0;
		t->to_script[1] = 20;
	}
	CHECK(t->to == LAYER_LIGHTNING ||
		layer_address_format(t->to, regtest(t->to), t->to_address,
			slice_of(t->to_script, t->to_len)) == OK);
	CHECK(layer_address_format(LAYER_BITCOIN, regtest(LAYER_BITCOIN), t->refund_address,
		      slice_of(t->refund_script, 22)) == OK);
}

static void gas_key(struct seckey *out, uint64_t seed, uint32_t number)
{
	struct draw draw;
	draw_init(&draw, seed, "gas key", number);
	do
		draw_bytes(&draw, out->b, sizeof out->b);
	while (!seckey_valid(out));
}

void taker_account(struct evm_address *out, uint64_t seed, uint32_t number)
{
	struct seckey key;
	gas_key(&key, seed, number);
	CHECK(spend_account(out, &key) == OK);
}

static void put_gas_key(struct taker *t, uint32_t number)
{
	struct seckey key;
	char text[65];
	gas_key(&key, t->w->seed, number);
	hex_encode(text, key.b, sizeof key.b);
	file_sim_put(t->disk, "gas", slice_str(text));
}

static enum manner manner_of(uint64_t b, enum layer_id from)
{
	static const unsigned weight[MANNER_COUNT] = {60, 8, 8, 16, 8};
	unsigned at = (unsigned)(b % 100), m = 0;
	while (at >= weight[m])
		at -= weight[m++];
	/* only of Bitcoin somebody else's wallet pays; what a session does is done */
	if ((m == MANNER_PAYS_WRONG && from != LAYER_BITCOIN) ||
		(m == MANNER_NEVER_PAYS && from == LAYER_LIGHTNING))
		m = MANNER_HONEST;
	return (enum manner)m;
}

void takers_begin(struct world *w, const struct plan_item *item, uint32_t number)
{
	CHECK(w->taker_count < WORLD_TAKERS_MAX);
	struct taker *t = sim_alloc(sizeof *t);
	*t = (struct taker){.w = w,
		.index = w->taker_count,
		.from = item->layer,
		.to = item->to,
		.manner = manner_of(item->b, item->layer),
		.disk = file_sim_create(),
		.stack = malloc(STACK_SIZE),
		.ready = true,
		.said_phase = RESCUE_PHASE_COUNT};
	CHECK(t->stack != NULL);
	w->taker[w->taker_count++] = t;
	draw_init(&t->draw, w->seed, "taker", number);
	(void)snprintf(t->peer, sizeof t->peer, "127.0.1.%u", t->index);
	CHECK(amount_convert(&t->amount, amount_of(ASSET_BTC, item->a), layer_asset(t->from),
		      false) == OK);
	if (t->manner == MANNER_VANISHES || t->manner == MANNER_DIES)
		t->dies_at = draw_between(&t->draw, 2, 7);
	make_addresses(t);
	configure(t);
	put_gas_key(t, number);
	CHECK(http_client_create_local(&t->http, w->loop, on_request, t) == OK);
	char amount[AMOUNT_TEXT_SIZE];
	amount_format(amount, t->amount);
	world_say(w, LANE_TAKERS, TRACE_NOTE, "%u swaps %s from %s to %s; %s", t->index, amount,
		layer_name(t->from), layer_name(t->to), manner_names[t->manner]);
	wait_step_set(step);
	CHECK(getcontext(&t->context) == 0);
	t->context.uc_stack.ss_sp = t->stack;
	t->context.uc_stack.ss_size = STACK_SIZE;
	t->context.uc_link = NULL;
	const uintptr_t self = (uintptr_t)t;
	makecontext(&t->context, (void (*)(void))main_of, 2, (unsigned)(self >> 32),
		(unsigned)(self & UINT32_MAX));
}

void taker_kill(struct world *w, uint32_t index)
{
	if (w->taker_count == 0)
		return;
	struct taker *t = w->taker[index % w->taker_count];
	if (!t->over && t->dies_at == 0)
		t->dies_at = t->writes + 1;
}

void takers_stop(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		w->taker[i]->stop = true;
		w->taker[i]->suspended = false;
	}
	for (unsigned n = 0; n < 100000 && !all_over(w); n++) {
		(void)loop_step(w->loop, 1000);
		takers_turn(w);
	}
}

void takers_fini(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		struct taker *t = w->taker[i];
		loop_timer_cancel(w->loop, &t->wake);
		http_client_destroy(t->http);
		rescue_fini(&t->rescue);
		file_sim_destroy(t->disk);
		free(t->stack);
		free(t->payment);
		free(t);
	}
	w->taker_count = 0;
}

const struct rescue *taker_rescue(const struct world *w, uint32_t index)
{
	return index < w->taker_count && w->taker[index]->has_rescue ? &w->taker[index]->rescue
								     : NULL;
}

void taker_suspend(struct world *w, uint32_t index, bool on)
{
	w->taker[index]->suspended = on;
}

/* ---- what it may rely on ---- */

void takers_check_books(struct world *w, const struct ledger *l)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		const struct taker *t = w->taker[i];
		if (!t->has_rescue || !t->rescue.has_swap_id)
			continue;
		const struct swap *s = ledger_swap(l, &t->rescue.swap_id);
		if (s == NULL || !hash256_eq(&s->hash, &t->rescue.hash))
			world_wrong(w, "taker %u's swap was acknowledged and is not in the books",
				t->index);
	}
}

/* A taker's own: who follows the protocol is through by then. */
void takers_check_deadlines(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		const struct taker *t = w->taker[i];
		const struct rescue_leg *source = &t->rescue.leg[SIDE_SOURCE];
		if (t->over || t->manner != MANNER_HONEST || !t->has_rescue ||
			source->timelock == 0 || !check_is_overdue(w, t->from, source->timelock))
			continue;
		world_wrong(w, "taker %u follows the protocol and is %s long after its time lock",
			i, rescue_phase_name(t->rescue.phase));
	}
}

/* Fees of claims and refunds: what is missing must not be more. */
static bool is_about(struct amount has, struct amount want)
{
	struct amount least;
	return amount_mul_div(&least, want, 60, 100, false) == OK && amount_cmp(has, least) >= 0 &&
		amount_cmp(has, want) <= 0;
}

/* What arrived at the destination. */
static struct amount received(struct world *w, const struct taker *t)
{
	if (t->to != LAYER_LIGHTNING)
		return nets_holds(&w->nets, t->to, slice_of(t->to_script, t->to_len));
	return t->has_rescue && lnds_state(&w->nets, &t->rescue.hash) == LNDS_PAID
		? t->rescue.leg[SIDE_DEST].amount
		: amount_zero(layer_asset(t->to));
}

/* A payment of its own that has not come back, and should have. */
static void check_payment(struct world *w, const struct taker *t)
{
	const enum lnds_state is = lnds_state(&w->nets, &t->rescue.hash);
	if (t->rescue.phase == RESCUE_COMPLETED && is != LNDS_PAID)
		world_wrong(w, "taker %u completed and has not paid", t->index);
	if (t->rescue.phase != RESCUE_COMPLETED && t->manner != MANNER_DIES && is != LNDS_FAILED &&
		is != LNDS_UNPAID)
		world_wrong(w, "taker %u is %s, and its payment is not back", t->index,
			rescue_phase_name(t->rescue.phase));
}

static void check_taker(struct world *w, const struct taker *t)
{
	const struct amount got = received(w, t);
	const struct amount back = t->from == LAYER_BITCOIN
		? nets_holds(&w->nets, LAYER_BITCOIN, slice_of(t->refund_script, 22))
		: amount_zero(layer_asset(t->from));
	const bool follows = t->manner == MANNER_HONEST;
	if (t->exit == CLIENT_LOST)
		world_wrong(w, "taker %u (%s) lost both sides", t->index, manner_names[t->manner]);
	if (!t->has_rescue)
		return;
	if (t->from == LAYER_LIGHTNING)
		check_payment(w, t);
	const struct amount want = t->rescue.leg[SIDE_DEST].amount;
	char has[AMOUNT_TEXT_SIZE], due[AMOUNT_TEXT_SIZE];
	amount_format(has, got);
	amount_format(due, want);
	if (t->rescue.phase == RESCUE_COMPLETED && !is_about(got, want))
		world_wrong(w, "taker %u completed and got %s instead of %s", t->index, has, due);
	if (t->rescue.phase != RESCUE_COMPLETED && t->manner != MANNER_DIES && !amount_is_zero(got))
		world_wrong(w, "taker %u got paid without completing", t->index);
	if (t->rescue.phase == RESCUE_REFUNDED && t->from == LAYER_BITCOIN && amount_is_zero(back))
		world_wrong(w, "taker %u was refunded and has nothing back", t->index);
	if (follows && t->rescue.phase != RESCUE_COMPLETED && t->rescue.phase != RESCUE_REFUNDED &&
		t->rescue.phase != RESCUE_CLOSED)
		world_wrong(w, "taker %u follows the protocol and ends %s, exit %d", t->index,
			rescue_phase_name(t->rescue.phase), (int)t->exit);
}

void takers_check_end(struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		if (w->taker[i]->over)
			check_taker(w, w->taker[i]);
		else if (!is_through(w->taker[i]))
			world_wrong(w, "taker %u is not through", i);
	}
}

void takers_count(struct world_result *out, const struct world *w)
{
	for (uint32_t i = 0; i < w->taker_count; i++) {
		const struct taker *t = w->taker[i];
		out->swaps++;
		if (t->has_rescue && t->rescue.phase == RESCUE_COMPLETED)
			out->completed++;
		else if (t->has_rescue && t->rescue.phase == RESCUE_REFUNDED)
			out->refunded++;
		else
			out->other++;
	}
}
