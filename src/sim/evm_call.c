/* Calls between contracts, storage and logs: the instructions that reach beyond their frame, and
 * the way in from a transaction. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "sim/evm_machine.h"

#define DEPTH_MAX 1024u
#define GAS_VALUE 9000u
#define GAS_STIPEND 2300u
#define GAS_NEW_ACCOUNT 25000u
#define GAS_SET 20000u
#define GAS_RESET 2900u
#define GAS_CLEAR_BERLIN 15000
#define GAS_CLEAR_LONDON 4800
#define GAS_LOG 375u
#define GAS_LOG_BYTE 8u
#define GAS_CODE_BYTE 200u
#define CODE_MAX 24576u /* EIP-170 */

/* ---- precompiled contracts ---- */

static void sha256_of(struct simevm_outcome *out, struct slice in)
{
	struct hash256 h;
	sha256(&h, in);
	out->data = sim_copy(h.b, sizeof h.b);
	out->data_len = sizeof h.b;
}

static void itself(struct simevm_outcome *out, struct slice in)
{
	out->data = sim_copy(in.ptr, in.len);
	out->data_len = (uint32_t)in.len;
}

static const struct {
	uint8_t address; /* after zeros */
	uint16_t gas, gas_word;
	void (*run)(struct simevm_outcome *out, struct slice in);
} precompiles[] = {
	{2, 60, 12, sha256_of},
	{4, 15, 3, itself},
};
#define PRECOMPILES_BERLIN 9u
#define PRECOMPILES_PRAGUE 17u

/* Its number, or 0: none. */
static uint8_t precompile_of(const struct sim_evm *e, const struct evm_address *a)
{
	static const uint8_t zero[19];
	const unsigned last = e->rollup ? PRECOMPILES_PRAGUE : PRECOMPILES_BERLIN;
	return memcmp(a->b, zero, sizeof zero) == 0 && a->b[19] <= last ? a->b[19] : 0;
}

static void run_precompile(struct simevm_outcome *out, uint8_t number, const struct inner *call)
{
	for (size_t i = 0; i < ARRAY_LEN(precompiles); i++) {
		const uint64_t gas = precompiles[i].gas +
			precompiles[i].gas_word * ((call->input.len + WORD_SIZE - 1) / WORD_SIZE);
		if (precompiles[i].address != number || call->gas < gas)
			continue;
		out->ok = true;
		out->gas_left = call->gas - gas;
		precompiles[i].run(out, call->input);
	}
}

/* ---- frames ---- */

static void run_code(struct machine *m, struct simevm_outcome *out, const struct inner *call,
	const struct simevm_code *code)
{
	struct frame f = {.m = m,
		.self = call->self,
		.caller = call->caller,
		.value = call->value,
		.code = code,
		.input = call->input,
		.gas = call->gas,
		.fixed = call->fixed};
	machine_run(&f, out);
}

void machine_enter(struct machine *m, struct simevm_outcome *out, const struct inner *call)
{
	const struct sim_evm *e = m->draft->e;
	const struct draft_mark mark = draft_mark(m->draft);
	const uint8_t precompile = precompile_of(e, &call->code);
	*out = (struct simevm_outcome){.gas_left = call->gas};
	if (m->depth >= DEPTH_MAX ||
		(call->moves && !draft_pay(m->draft, &call->caller, &call->self, call->value)))
		return;
	const uint32_t code = draft_account(m->draft, &call->code)->now.code;
	m->depth++;
	if (precompile != 0) {
		out->gas_left = 0;
		run_precompile(out, precompile, call);
	} else if (code == 0) {
		out->ok = true;
	} else {
		run_code(m, out, call, &e->code[code]);
	}
	m->depth--;
	if (!out->ok)
		draft_revert(m->draft, &mark);
}

/* What a call's operands say. */
struct operands {
	struct word gas;
	struct evm_address to;
	struct word value;
	uint32_t in_at, in_len, out_at, out_len;
};

static bool take_operands(struct frame *f, struct operands *o, bool has_value)
{
	o->gas = frame_pop(f);
	o->to = word_to_address(frame_pop(f));
	o->value = has_value ? frame_pop(f) : word_of(0);
	const struct word in = frame_pop(f), in_len = frame_pop(f), to = frame_pop(f);
	const struct word to_len = frame_pop(f);
	return frame_memory(f, in, in_len, &o->in_at, &o->in_len) &&
		frame_memory(f, to, to_len, &o->out_at, &o->out_len);
}

static bool is_dead(struct simevm_draft *d, const struct evm_address *a)
{
	const struct simevm_version v = draft_account(d, a)->now;
	return v.balance == 0 && v.nonce == 0 && v.code == 0;
}

/* Gas is asked for; all but one part of 64 can be given (EIP-150). */
static bool give_gas(struct frame *f, struct inner *call, const struct operands *o)
{
	const uint64_t wanted = word_u64(o->gas), most = f->gas - f->gas / 64;
	call->gas = wanted < most ? wanted : most;
	return frame_charge(f, call->gas);
}

static void go(struct frame *f, const struct operands *o, struct inner *call)
{
	struct simevm_outcome out;
	call->input = frame_bytes(f, o->in_at, o->in_len);
	machine_enter(f->m, &out, call);
	f->gas += out.gas_left;
	free(f->returned);
	f->returned = out.data;
	f->returned_len = out.data_len;
	const uint32_t len = out.data_len < o->out_len ? out.data_len : o->out_len;
	if (len > 0)
		memcpy(f->memory + o->out_at, out.data, len);
	frame_push(f, word_of(out.ok));
}

void op_call(struct frame *f)
{
	struct operands o;
	if (!take_operands(f, &o, true))
		return;
	const bool pays = !word_is_zero(o.value);
	uint64_t gas = frame_reach(f, &o.to);
	if (pays && f->fixed) {
		frame_fail(f, f->fixed ? SIMEVM_FAIL_STATIC : SIMEVM_FAIL_GAS);
		return;
	}
	if (pays)
		gas += GAS_VALUE + (is_dead(f->m->draft, &o.to) ? GAS_NEW_ACCOUNT : 0);
	struct inner call = {.code = o.to,
		.self = o.to,
		.caller = f->self,
		.value = word_u128(o.value),
		.moves = true,
		.fixed = f->fixed};
	if (!frame_charge(f, gas) || !give_gas(f, &call, &o))
		return;
	call.gas += pays ? GAS_STIPEND : 0;
	go(f, &o, &call);
}

void op_delegatecall(struct frame *f)
{
	struct operands o;
	if (!take_operands(f, &o, false))
		return;
	struct inner call = {.code = o.to,
		.self = f->self,
		.caller = f->caller,
		.value = f->value,
		.fixed = f->fixed};
	if (frame_charge(f, frame_reach(f, &o.to)) && give_gas(f, &call, &o))
		go(f, &o, &call);
}

void op_staticcall(struct frame *f)
{
	struct operands o;
	if (!take_operands(f, &o, false))
		return;
	struct inner call = {.code = o.to, .self = o.to, .caller = f->self, .fixed = true};
	if (frame_charge(f, frame_reach(f, &o.to)) && give_gas(f, &call, &o))
		go(f, &o, &call);
}

/* ---- storage ---- */

void op_sload(struct frame *f)
{
	const struct word key = frame_pop(f);
	const bool cold = draft_slot_warm(f->m->draft, &f->self, key);
	if (frame_charge(f, cold ? GAS_COLD_SLOAD : GAS_WARM))
		frame_push(f, draft_slot(f->m->draft, &f->self, key)->now);
}

/* EIP-2200 with the figures of EIP-2929, and what EIP-3529 left of refunds. */
static void refund_store(struct frame *f, const struct draft_slot *s, struct word to)
{
	int64_t *refund = &f->m->draft->refund;
	const int64_t clear = f->m->draft->e->rollup ? GAS_CLEAR_LONDON : GAS_CLEAR_BERLIN;
	if (!word_is_zero(s->before)) {
		if (!word_eq(s->before, s->now) && word_is_zero(s->now))
			*refund -= clear;
		if (word_is_zero(to))
			*refund += clear;
	}
	if (!word_eq(s->before, s->now) && word_eq(s->before, to))
		*refund += (word_is_zero(to) ? GAS_SET : GAS_RESET) - (int64_t)GAS_WARM;
}

void op_sstore(struct frame *f)
{
	const struct word key = frame_pop(f), to = frame_pop(f);
	if (f->fixed || f->gas <= GAS_STIPEND) {
		frame_fail(f, f->fixed ? SIMEVM_FAIL_STATIC : SIMEVM_FAIL_GAS);
		return;
	}
	uint64_t gas = draft_slot_warm(f->m->draft, &f->self, key) ? GAS_COLD_SLOAD : 0;
	const struct draft_slot s = *draft_slot(f->m->draft, &f->self, key);
	const bool same = word_eq(s.now, to);
	if (same || !word_eq(s.before, s.now))
		gas += GAS_WARM;
	else
		gas += word_is_zero(s.before) ? GAS_SET : GAS_RESET;
	if (!frame_charge(f, gas) || same)
		return;
	refund_store(f, &s, to);
	draft_slot_set(f->m->draft, &f->self, key, to);
}

void op_log(struct frame *f)
{
	struct simevm_log log = {.address = f->self};
	uint32_t at, len;
	log.topic_count = f->code->bytes.ptr[f->pc] & 0xfu;
	const struct word from = frame_pop(f), count = frame_pop(f);
	if (f->fixed) {
		frame_fail(f, f->fixed ? SIMEVM_FAIL_STATIC : SIMEVM_FAIL_GAS);
		return;
	}
	if (!frame_memory(f, from, count, &at, &len) ||
		!frame_charge(
			f, GAS_LOG + GAS_LOG * log.topic_count + (uint64_t)GAS_LOG_BYTE * len))
		return;
	for (uint32_t i = 0; i < log.topic_count; i++)
		word_store(log.topic[i].b, frame_pop(f));
	log.data = len == 0 ? NULL : sim_copy(f->memory + at, len);
	log.data_len = len;
	draft_log(f->m->draft, &log);
}

/* ---- from outside ---- */

/* The bytes that the code returned become the account's code. */
static void keep_code(
	struct machine *m, struct simevm_outcome *out, const struct evm_address *created)
{
	const uint64_t gas = (uint64_t)GAS_CODE_BYTE * out->data_len;
	const bool odd = m->draft->e->rollup && out->data_len > 0 && out->data[0] == 0xef;
	if (out->data_len > CODE_MAX || odd || out->gas_left < gas) {
		out->ok = false;
		out->failure = odd ? SIMEVM_FAIL_CODE : SIMEVM_FAIL_GAS;
		out->gas_left = 0;
		return;
	}
	struct simevm_version v = draft_account(m->draft, created)->now;
	v.code = simevm_code_add(m->draft->e, slice_of(out->data, out->data_len));
	draft_account_set(m->draft, created, &v);
	out->gas_left -= gas;
}

static void create(struct machine *m, struct simevm_outcome *out, const struct simevm_message *msg)
{
	const struct draft_mark mark = draft_mark(m->draft);
	struct simevm_code code;
	const struct inner call = {
		.self = msg->to, .caller = msg->from, .value = msg->value, .gas = msg->gas};
	struct simevm_version v = draft_account(m->draft, &msg->to)->now;
	*out = (struct simevm_outcome){.gas_left = msg->gas};
	v.nonce = 1;
	draft_account_set(m->draft, &msg->to, &v);
	if (!draft_pay(m->draft, &msg->from, &msg->to, msg->value)) {
		draft_revert(m->draft, &mark);
		return;
	}
	simevm_code_init(&code, msg->data);
	m->depth++;
	run_code(m, out, &call, &code);
	m->depth--;
	if (out->ok)
		keep_code(m, out, &msg->to);
	if (!out->ok)
		draft_revert(m->draft, &mark);
	simevm_code_fini(&code);
}

static void warm_up(struct simevm_draft *d, const struct simevm_message *m)
{
	struct evm_address a = {{0}};
	const uint8_t last = d->e->rollup ? PRECOMPILES_PRAGUE : PRECOMPILES_BERLIN;
	(void)draft_account_warm(d, &m->from);
	(void)draft_account_warm(d, &m->to);
	for (a.b[19] = d->e->rollup ? 0 : 1; a.b[19] <= last; a.b[19]++)
		(void)draft_account_warm(d, &a); /* 0: who makes the block (EIP-3651) */
}

void simevm_run(struct simevm_draft *d, struct simevm_outcome *out,
	const struct simevm_scene *scene, const struct simevm_message *msg)
{
	struct machine m = {.draft = d, .scene = scene};
	const struct inner call = {.code = msg->to,
		.self = msg->to,
		.caller = msg->from,
		.value = msg->value,
		.moves = true,
		.input = msg->data,
		.gas = msg->gas};
	warm_up(d, msg);
	if (msg->create)
		create(&m, out, msg);
	else
		machine_enter(&m, out, &call);
}

void simevm_outcome_fini(struct simevm_outcome *out)
{
	free(out->data);
	*out = (struct simevm_outcome){0};
}
