/* The levers of a simulated Lightning node, as the methods of a network (docs/devnet.md). */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/lightning_internal.h"

#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS (-32602)
#define FEE_PPM_MAX 1000000u

struct door {
	struct sim_network network;
	struct simln *s; /* borrows */
	enum simln_side side;
};

struct lever {
	struct simln *s;
	enum simln_side side;
	const struct sim_params *params;
	struct sim_reply *reply;
};

static bool get_bool(const struct lever *l, const char *key, bool absent)
{
	bool on = absent;
	(void)!json_get_bool(l->params->by_position, key, &on);
	return on;
}

static uint64_t get_u64(const struct lever *l, const char *key, uint64_t absent)
{
	uint64_t n = absent;
	(void)!json_get_u64(l->params->by_position, key, &n);
	return n;
}

static void sim_down(const struct lever *l)
{
	simln_set_up(l->s, l->side, !get_bool(l, "0", true));
	js_null(&l->reply->result);
}

static void sim_starting(const struct lever *l)
{
	simln_set_starting(l->s, l->side, get_bool(l, "0", true));
	js_null(&l->reply->result);
}

static void sim_plugin(const struct lever *l)
{
	simln_set_plugin(l->s, l->side, get_bool(l, "0", true));
	js_null(&l->reply->result);
}

static void sim_cut(const struct lever *l)
{
	simln_cut(l->s, l->side);
	js_null(&l->reply->result);
}

static void sim_close(const struct lever *l)
{
	simln_close(l->s);
	js_null(&l->reply->result);
}

static void sim_parts(const struct lever *l)
{
	const uint64_t parts = get_u64(l, "0", 1), stuck = get_u64(l, "1", 0);
	if (parts > SIMLN_PARTS_MAX || stuck > parts) {
		sim_reply_error(l->reply, RPC_INVALID_PARAMS,
			"parts, at most %u, and how many stay", SIMLN_PARTS_MAX);
		return;
	}
	simln_set_parts(l->s, (uint32_t)parts, (uint32_t)stuck);
	js_null(&l->reply->result);
}

static void sim_release(const struct lever *l)
{
	simln_release(l->s);
	js_null(&l->reply->result);
}

static void sim_fee(const struct lever *l)
{
	const uint64_t ppm = get_u64(l, "0", 0);
	if (ppm > FEE_PPM_MAX) {
		sim_reply_error(
			l->reply, RPC_INVALID_PARAMS, "millionths, at most %u", FEE_PPM_MAX);
		return;
	}
	simln_set_fee(l->s, (uint32_t)ppm);
	js_null(&l->reply->result);
}

static void sim_move(const struct lever *l)
{
	const uint64_t msat = get_u64(l, "0", 0);
	if (simln_move(l->s, l->side, msat) != OK)
		sim_reply_error(l->reply, RPC_INVALID_PARAMS, "it has not got so much");
	else
		js_null(&l->reply->result);
}

static void sim_lie(const struct lever *l)
{
	static const char *const names[SIMLN_LIE_COUNT] = {[SIMLN_LIE_HEIGHT] = "height",
		[SIMLN_LIE_SYNCED] = "synced",
		[SIMLN_LIE_HELD] = "held",
		[SIMLN_LIE_PAID] = "paid",
		[SIMLN_LIE_FAILED] = "failed",
		[SIMLN_LIE_REQUEST] = "request"};
	const struct slice name = json_string(sim_param(l->params, 0));
	for (enum simln_lie lie = 0; name.ptr != NULL && lie < SIMLN_LIE_COUNT; lie++) {
		if (!slice_eq(name, slice_str(names[lie])))
			continue;
		simln_set_lie(l->s, l->side, lie, get_bool(l, "1", true));
		js_null(&l->reply->result);
		return;
	}
	sim_reply_error(l->reply, RPC_INVALID_PARAMS, "no such lie");
}

/* What nobody has to believe a node for. */
static void sim_balance(const struct lever *l)
{
	const struct simln_balance b = simln_balance(l->s, l->side);
	js_open(&l->reply->result, '{');
	js_set_u64(&l->reply->result, "local_msat", b.local);
	js_set_u64(&l->reply->result, "sent_msat", b.unsettled);
	js_set_u64(&l->reply->result, "limbo_msat", b.limbo);
	js_set_u64(&l->reply->result, "swept_msat", b.swept);
	js_close(&l->reply->result, '}');
}

static const struct {
	const char *name;
	void (*run)(const struct lever *l);
} levers[] = {
	{"sim_down", sim_down},
	{"sim_starting", sim_starting},
	{"sim_plugin", sim_plugin},
	{"sim_cut", sim_cut},
	{"sim_close", sim_close},
	{"sim_parts", sim_parts},
	{"sim_release", sim_release},
	{"sim_fee", sim_fee},
	{"sim_move", sim_move},
	{"sim_lie", sim_lie},
	{"sim_balance", sim_balance},
};

/* ---- as a network ---- */

static struct door *door_of(struct sim_network *n)
{
	return (struct door *)n;
}

static void destroy(struct sim_network *n)
{
	free(door_of(n));
}

static void rpc(struct sim_network *n, struct sim_reply *reply, uint64_t now_ms, const char *method,
	const struct sim_params *params)
{
	const struct lever l = {door_of(n)->s, door_of(n)->side, params, reply};
	(void)now_ms;
	for (size_t i = 0; i < ARRAY_LEN(levers); i++)
		if (strcmp(levers[i].name, method) == 0) {
			levers[i].run(&l);
			return;
		}
	sim_reply_error(reply, RPC_METHOD_NOT_FOUND, "no such lever");
}

/* Blocks are Bitcoin's. */
static void mine(struct sim_network *n, uint64_t now_ms, uint32_t count)
{
	(void)n;
	(void)now_ms;
	(void)count;
}

static enum err reorg(struct sim_network *n, uint64_t now_ms, const struct sim_reorg *how)
{
	(void)n;
	(void)now_ms;
	(void)how;
	return ERR_RANGE;
}

static uint64_t height(const struct sim_network *n)
{
	return ((const struct door *)n)->s->height;
}

/* Both sides', one JSON after the other: what it says is what it knows. */
static void state_hash(const struct sim_network *n, struct hash256 *out)
{
	struct simln *s = ((const struct door *)n)->s;
	struct text all = {0};
	for (uint32_t i = 0; i < s->bill_count; i++) {
		struct json *v[] = {
			simln_invoice_json(s, s->bill[i]), simln_payment_json(s, s->bill[i])};
		for (size_t k = 0; k < ARRAY_LEN(v); k++) {
			size_t len = 0;
			char *text = json_dump(v[k], 0, &len);
			text_put(&all, text, len);
			json_text_free(text);
			json_free(v[k]);
		}
	}
	text_printf(&all, "%u", s->height);
	for (enum simln_side side = 0; side < SIMLN_SIDES; side++) {
		const struct simln_balance b = simln_balance(s, side);
		text_put(&all, &b, sizeof b);
	}
	sha256(out, text_slice(&all));
	text_fini(&all);
}

static unsigned http_status(int64_t code)
{
	(void)code;
	return 200;
}

struct sim_network *simln_network(struct simln *s, enum simln_side side)
{
	static const struct sim_ops ops[SIMLN_SIDES] = {
		{"lightning-alice", destroy, rpc, mine, reorg, height, state_hash, http_status,
			true},
		{"lightning-bob", destroy, rpc, mine, reorg, height, state_hash, http_status, true},
	};
	struct door *door = sim_alloc(sizeof *door);
	*door = (struct door){.network = {.ops = &ops[side]}, .s = s, .side = side};
	return &door->network;
}
