/* One frame: stack, memory, gas, and the instructions that stay within it. */
#include "sim/evm_machine.h"

#include <stdlib.h>

#include "crypto/hash.h"

#define STACK_MAX 1024u
#define MEMORY_MAX (1u << 25) /* bytes; gas ends long before */
#define GAS_MEMORY 3u         /* a word, and a square's part for each 512 */
#define GAS_COPY_WORD 3u
#define GAS_KECCAK_WORD 6u
#define GAS_EXP_BYTE 50u
#define BLOCKS_KNOWN 256u /* whose hashes can be asked for */
#define PUSH_1 0x60u
#define DUP_1 0x80u
#define SWAP_1 0x90u
#define INVALID 0xfeu

/* ---- a frame's means ---- */

void frame_fail(struct frame *f, enum simevm_failure why)
{
	f->failure = f->state == MACHINE_FAILED ? f->failure : why;
	f->state = MACHINE_FAILED;
	f->gas = 0;
}

static bool charge(struct frame *f, uint64_t gas, enum simevm_failure why)
{
	if (f->state == MACHINE_FAILED || f->gas < gas) {
		frame_fail(f, why);
		return false;
	}
	f->gas -= gas;
	return true;
}

bool frame_charge(struct frame *f, uint64_t gas)
{
	return charge(f, gas, SIMEVM_FAIL_GAS);
}

struct word frame_pop(struct frame *f)
{
	return f->stack[--f->stack_len];
}

void frame_push(struct frame *f, struct word w)
{
	f->stack[f->stack_len++] = w;
}

static uint64_t memory_gas(uint64_t words)
{
	return GAS_MEMORY * words + words * words / 512;
}

bool frame_memory(struct frame *f, struct word at, struct word len, uint32_t *from, uint32_t *count)
{
	*from = *count = 0;
	if (word_is_zero(len))
		return f->state != MACHINE_FAILED;
	if (word_u64(at) > MEMORY_MAX || word_u64(len) > MEMORY_MAX) {
		const bool fits = word_u64(at) != UINT64_MAX && word_u64(len) != UINT64_MAX;
		frame_fail(f, fits ? SIMEVM_FAIL_MEMORY_LIMIT : SIMEVM_FAIL_OPERAND);
		return false;
	}
	*from = (uint32_t)word_u64(at);
	*count = (uint32_t)word_u64(len);
	const uint32_t end = (*from + *count + WORD_SIZE - 1) / WORD_SIZE * WORD_SIZE;
	if (end <= f->memory_len)
		return f->state != MACHINE_FAILED;
	const uint64_t gas = memory_gas(end / WORD_SIZE) - memory_gas(f->memory_len / WORD_SIZE);
	if (!charge(f, gas, SIMEVM_FAIL_MEMORY))
		return false;
	uint8_t *memory = sim_alloc(end);
	if (f->memory_len > 0)
		memcpy(memory, f->memory, f->memory_len);
	free(f->memory);
	f->memory = memory;
	f->memory_len = end;
	return true;
}

struct slice frame_bytes(const struct frame *f, uint32_t at, uint32_t len)
{
	return len == 0 ? slice_of(NULL, 0) : slice_of(f->memory + at, len);
}

uint64_t frame_reach(struct frame *f, const struct evm_address *a)
{
	return draft_account_warm(f->m->draft, a) ? GAS_COLD_ACCOUNT : GAS_WARM;
}

void word_from_address(struct word *w, const struct evm_address *a)
{
	uint8_t be[WORD_SIZE] = {0};
	memcpy(be + WORD_SIZE - sizeof a->b, a->b, sizeof a->b);
	*w = word_load(be);
}

struct evm_address word_to_address(struct word w)
{
	struct evm_address a;
	uint8_t be[WORD_SIZE];
	word_store(be, w);
	memcpy(a.b, be + WORD_SIZE - sizeof a.b, sizeof a.b);
	return a;
}

static void push_u64(struct frame *f, uint64_t v)
{
	frame_push(f, word_of(v));
}

static void push_address(struct frame *f, const struct evm_address *a)
{
	struct word w;
	word_from_address(&w, a);
	frame_push(f, w);
}

static uint64_t words(uint64_t bytes)
{
	return (bytes + WORD_SIZE - 1) / WORD_SIZE;
}

/* ---- arithmetic that is not of two words, or answers yes or no ---- */

static struct word less(struct word a, struct word b)
{
	return word_of(word_less(a, b));
}

static struct word greater(struct word a, struct word b)
{
	return word_of(word_less(b, a));
}

static struct word less_signed(struct word a, struct word b)
{
	return word_of(word_less_signed(a, b));
}

static struct word greater_signed(struct word a, struct word b)
{
	return word_of(word_less_signed(b, a));
}

static struct word equal(struct word a, struct word b)
{
	return word_of(word_eq(a, b));
}

static struct word both(struct word a, struct word b)
{
	for (size_t i = 0; i < WORD_LIMBS; i++)
		a.limb[i] &= b.limb[i];
	return a;
}

static struct word either(struct word a, struct word b)
{
	for (size_t i = 0; i < WORD_LIMBS; i++)
		a.limb[i] |= b.limb[i];
	return a;
}

static struct word differ(struct word a, struct word b)
{
	for (size_t i = 0; i < WORD_LIMBS; i++)
		a.limb[i] ^= b.limb[i];
	return a;
}

static struct word byte_of(struct word at, struct word a)
{
	uint8_t be[WORD_SIZE];
	word_store(be, a);
	return word_of(word_u64(at) < WORD_SIZE ? be[word_u64(at)] : 0);
}

static struct word shift_left(struct word by, struct word a)
{
	return word_shl(a, by);
}

static struct word shift_right(struct word by, struct word a)
{
	return word_shr(a, by);
}

static struct word shift_signed(struct word by, struct word a)
{
	return word_sar(a, by);
}

static void op_addmod(struct frame *f)
{
	const struct word a = frame_pop(f), b = frame_pop(f);
	frame_push(f, word_add_mod(a, b, frame_pop(f)));
}

static void op_mulmod(struct frame *f)
{
	const struct word a = frame_pop(f), b = frame_pop(f);
	frame_push(f, word_mul_mod(a, b, frame_pop(f)));
}

static void op_exp(struct frame *f)
{
	const struct word a = frame_pop(f), b = frame_pop(f);
	if (frame_charge(f, (uint64_t)GAS_EXP_BYTE * word_bytes(b)))
		frame_push(f, word_exp(a, b));
}

static void op_iszero(struct frame *f)
{
	push_u64(f, word_is_zero(frame_pop(f)));
}

static void op_not(struct frame *f)
{
	frame_push(f, word_not(frame_pop(f)));
}

static void op_keccak(struct frame *f)
{
	uint32_t at, len;
	struct hash256 h;
	const struct word from = frame_pop(f), count = frame_pop(f);
	if (!frame_memory(f, from, count, &at, &len) ||
		!frame_charge(f, GAS_KECCAK_WORD * words(len)))
		return;
	keccak256(&h, frame_bytes(f, at, len));
	frame_push(f, word_load(h.b));
}

/* ---- what is around ---- */

static void op_address(struct frame *f)
{
	push_address(f, &f->self);
}

static void op_balance(struct frame *f)
{
	const struct evm_address a = word_to_address(frame_pop(f));
	if (frame_charge(f, frame_reach(f, &a)))
		frame_push(f, word_of_u128(draft_account(f->m->draft, &a)->now.balance));
}

static void op_selfbalance(struct frame *f)
{
	frame_push(f, word_of_u128(draft_account(f->m->draft, &f->self)->now.balance));
}

static void op_origin(struct frame *f)
{
	push_address(f, &f->m->scene->origin);
}

static void op_caller(struct frame *f)
{
	push_address(f, &f->caller);
}

static void op_callvalue(struct frame *f)
{
	frame_push(f, word_of_u128(f->value));
}

static void op_gasprice(struct frame *f)
{
	frame_push(f, word_of_u128(f->m->scene->price));
}

static void op_coinbase(struct frame *f)
{
	push_u64(f, 0);
}

static void op_timestamp(struct frame *f)
{
	push_u64(f, f->m->scene->time_s);
}

static void op_number(struct frame *f)
{
	push_u64(f, f->m->scene->number);
}

static void op_difficulty(struct frame *f)
{
	push_u64(f, 0);
}

static void op_gaslimit(struct frame *f)
{
	push_u64(f, f->m->draft->e->block_gas);
}

static void op_chainid(struct frame *f)
{
	push_u64(f, f->m->draft->e->chain_id);
}

static void op_basefee(struct frame *f)
{
	push_u64(f, f->m->scene->base_fee);
}

static void op_blockhash(struct frame *f)
{
	const struct sim_evm *e = f->m->draft->e;
	const uint64_t n = word_u64(frame_pop(f)), now = f->m->scene->number;
	const bool known = n < now && now - n <= BLOCKS_KNOWN && n < e->chain_len;
	frame_push(f, known ? word_load(e->block[e->chain[n]].hash.b) : word_of(0));
}

/* ---- bytes from somewhere ---- */

/* Bytes from `at` on; zeros after the end. */
static void copy_padded(uint8_t *to, uint32_t count, struct slice from, struct word at)
{
	const uint64_t start = word_u64(at);
	memset(to, 0, count);
	if (start >= from.len)
		return;
	const size_t rest = from.len - (size_t)start;
	memcpy(to, from.ptr + start, rest < count ? rest : count);
}

static void copy_to_memory(struct frame *f, struct slice from)
{
	uint32_t at, len;
	const struct word to = frame_pop(f), start = frame_pop(f), count = frame_pop(f);
	if (frame_memory(f, to, count, &at, &len) && frame_charge(f, GAS_COPY_WORD * words(len)) &&
		len > 0)
		copy_padded(f->memory + at, len, from, start);
}

static struct slice code_at(struct frame *f, const struct evm_address *a)
{
	const uint32_t code = draft_account(f->m->draft, a)->now.code;
	return code == 0 ? slice_of(NULL, 0) : f->m->draft->e->code[code].bytes;
}

static void op_calldataload(struct frame *f)
{
	uint8_t be[WORD_SIZE];
	copy_padded(be, sizeof be, f->input, frame_pop(f));
	frame_push(f, word_load(be));
}

static void op_calldatasize(struct frame *f)
{
	push_u64(f, f->input.len);
}

static void op_calldatacopy(struct frame *f)
{
	copy_to_memory(f, f->input);
}

static void op_codesize(struct frame *f)
{
	push_u64(f, f->code->bytes.len);
}

static void op_codecopy(struct frame *f)
{
	copy_to_memory(f, f->code->bytes);
}

static void op_extcodesize(struct frame *f)
{
	const struct evm_address a = word_to_address(frame_pop(f));
	if (frame_charge(f, frame_reach(f, &a)))
		push_u64(f, code_at(f, &a).len);
}

static void op_extcodecopy(struct frame *f)
{
	const struct evm_address a = word_to_address(frame_pop(f));
	if (frame_charge(f, frame_reach(f, &a)))
		copy_to_memory(f, code_at(f, &a));
}

static void op_extcodehash(struct frame *f)
{
	const struct evm_address a = word_to_address(frame_pop(f));
	struct hash256 h;
	if (!frame_charge(f, frame_reach(f, &a)))
		return;
	const struct simevm_version v = draft_account(f->m->draft, &a)->now;
	keccak256(&h, code_at(f, &a));
	frame_push(f, v.code == 0 && v.nonce == 0 && v.balance == 0 ? word_of(0) : word_load(h.b));
}

static void op_returndatasize(struct frame *f)
{
	push_u64(f, f->returned_len);
}

static void op_returndatacopy(struct frame *f)
{
	const uint64_t from = word_u64(f->stack[f->stack_len - 2]);
	const uint64_t len = word_u64(f->stack[f->stack_len - 3]);
	if (from > f->returned_len || len > f->returned_len - from)
		frame_fail(f, SIMEVM_FAIL_OFFSET); /* nothing is padded here (EIP-211) */
	else
		copy_to_memory(f, slice_of(f->returned, f->returned_len));
}

/* ---- stack and memory ---- */

static void op_pop(struct frame *f)
{
	(void)frame_pop(f);
}

static void op_mload(struct frame *f)
{
	uint32_t at, len;
	if (frame_memory(f, frame_pop(f), word_of(WORD_SIZE), &at, &len))
		frame_push(f, word_load(f->memory + at));
}

static void op_mstore(struct frame *f)
{
	uint32_t at, len;
	const struct word to = frame_pop(f), w = frame_pop(f);
	if (frame_memory(f, to, word_of(WORD_SIZE), &at, &len))
		word_store(f->memory + at, w);
}

static void op_mstore8(struct frame *f)
{
	uint32_t at, len;
	const struct word to = frame_pop(f), w = frame_pop(f);
	if (frame_memory(f, to, word_of(1), &at, &len))
		f->memory[at] = (uint8_t)w.limb[0];
}

static void op_mcopy(struct frame *f)
{
	uint32_t to_at, to_len, at, len;
	const struct word to = frame_pop(f), from = frame_pop(f), count = frame_pop(f);
	if (frame_memory(f, to, count, &to_at, &to_len) &&
		frame_memory(f, from, count, &at, &len) &&
		frame_charge(f, GAS_COPY_WORD * words(len)) && len > 0)
		memmove(f->memory + to_at, f->memory + at, len);
}

static void op_msize(struct frame *f)
{
	push_u64(f, f->memory_len);
}

static void op_push(struct frame *f)
{
	const struct slice code = f->code->bytes;
	const uint32_t count = code.ptr[f->pc] - (PUSH_1 - 1);
	uint8_t be[WORD_SIZE] = {0};
	for (uint32_t i = 0; i < count && f->pc + 1 + i < code.len; i++)
		be[WORD_SIZE - count + i] = code.ptr[f->pc + 1 + i];
	frame_push(f, word_load(be));
	f->pc += count;
}

static void op_dup(struct frame *f)
{
	const uint32_t n = f->code->bytes.ptr[f->pc] - DUP_1 + 1;
	frame_push(f, f->stack[f->stack_len - n]);
}

static void op_swap(struct frame *f)
{
	const uint32_t n = f->code->bytes.ptr[f->pc] - SWAP_1 + 1;
	struct word *top = &f->stack[f->stack_len - 1];
	const struct word w = *top;
	*top = top[-(ptrdiff_t)n];
	top[-(ptrdiff_t)n] = w;
}

/* ---- flow ---- */

static void jump(struct frame *f, struct word to)
{
	const uint64_t at = word_u64(to);
	if (at >= f->code->bytes.len || (f->code->jump[at / 8] >> at % 8 & 1) == 0)
		frame_fail(f, SIMEVM_FAIL_JUMP);
	else
		f->pc = (uint32_t)at - 1; /* the step comes on top */
}

static void op_jump(struct frame *f)
{
	jump(f, frame_pop(f));
}

static void op_jumpi(struct frame *f)
{
	const struct word to = frame_pop(f);
	if (!word_is_zero(frame_pop(f)))
		jump(f, to);
}

static void op_jumpdest(struct frame *f)
{
	(void)f;
}

static void op_pc(struct frame *f)
{
	push_u64(f, f->pc);
}

static void op_gas(struct frame *f)
{
	push_u64(f, f->gas);
}

static void op_stop(struct frame *f)
{
	f->state = MACHINE_STOPPED;
}

static void leave(struct frame *f, enum machine_state state)
{
	const struct word at = frame_pop(f), len = frame_pop(f);
	if (frame_memory(f, at, len, &f->out_at, &f->out_len))
		f->state = state;
}

static void op_return(struct frame *f)
{
	leave(f, MACHINE_STOPPED);
}

static void op_revert(struct frame *f)
{
	leave(f, MACHINE_REVERTED);
}

/* ---- the instructions ---- */

struct instruction {
	void (*run)(struct frame *f);                        /* either */
	struct word (*of_two)(struct word a, struct word b); /* or: top and next for a result */
	uint8_t gas, in, out;
	bool later; /* than Berlin */
};

#define TWO(function, gas)                                                                         \
	{                                                                                          \
		NULL, function, gas, 2, 1, false                                                   \
	}
#define RUN(function, gas, in, out)                                                                \
	{                                                                                          \
		function, NULL, gas, in, out, false                                                \
	}
#define LATER(function, gas, in, out)                                                              \
	{                                                                                          \
		function, NULL, gas, in, out, true                                                 \
	}

static const struct instruction instructions[256] = {
	[0x00] = RUN(op_stop, 0, 0, 0),
	[0x01] = TWO(word_add, 3),
	[0x02] = TWO(word_mul, 5),
	[0x03] = TWO(word_sub, 3),
	[0x04] = TWO(word_div, 5),
	[0x05] = TWO(word_div_signed, 5),
	[0x06] = TWO(word_mod, 5),
	[0x07] = TWO(word_mod_signed, 5),
	[0x08] = RUN(op_addmod, 8, 3, 1),
	[0x09] = RUN(op_mulmod, 8, 3, 1),
	[0x0a] = RUN(op_exp, 10, 2, 1),
	[0x0b] = TWO(word_sign_extend, 5),
	[0x10] = TWO(less, 3),
	[0x11] = TWO(greater, 3),
	[0x12] = TWO(less_signed, 3),
	[0x13] = TWO(greater_signed, 3),
	[0x14] = TWO(equal, 3),
	[0x15] = RUN(op_iszero, 3, 1, 1),
	[0x16] = TWO(both, 3),
	[0x17] = TWO(either, 3),
	[0x18] = TWO(differ, 3),
	[0x19] = RUN(op_not, 3, 1, 1),
	[0x1a] = TWO(byte_of, 3),
	[0x1b] = TWO(shift_left, 3),
	[0x1c] = TWO(shift_right, 3),
	[0x1d] = TWO(shift_signed, 3),
	[0x20] = RUN(op_keccak, 30, 2, 1),
	[0x30] = RUN(op_address, 2, 0, 1),
	[0x31] = RUN(op_balance, 0, 1, 1),
	[0x32] = RUN(op_origin, 2, 0, 1),
	[0x33] = RUN(op_caller, 2, 0, 1),
	[0x34] = RUN(op_callvalue, 2, 0, 1),
	[0x35] = RUN(op_calldataload, 3, 1, 1),
	[0x36] = RUN(op_calldatasize, 2, 0, 1),
	[0x37] = RUN(op_calldatacopy, 3, 3, 0),
	[0x38] = RUN(op_codesize, 2, 0, 1),
	[0x39] = RUN(op_codecopy, 3, 3, 0),
	[0x3a] = RUN(op_gasprice, 2, 0, 1),
	[0x3b] = RUN(op_extcodesize, 0, 1, 1),
	[0x3c] = RUN(op_extcodecopy, 0, 4, 0),
	[0x3d] = RUN(op_returndatasize, 2, 0, 1),
	[0x3e] = RUN(op_returndatacopy, 3, 3, 0),
	[0x3f] = RUN(op_extcodehash, 0, 1, 1),
	[0x40] = RUN(op_blockhash, 20, 1, 1),
	[0x41] = RUN(op_coinbase, 2, 0, 1),
	[0x42] = RUN(op_timestamp, 2, 0, 1),
	[0x43] = RUN(op_number, 2, 0, 1),
	[0x44] = RUN(op_difficulty, 2, 0, 1),
	[0x45] = RUN(op_gaslimit, 2, 0, 1),
	[0x46] = RUN(op_chainid, 2, 0, 1),
	[0x47] = RUN(op_selfbalance, 5, 0, 1),
	[0x48] = LATER(op_basefee, 2, 0, 1),
	[0x50] = RUN(op_pop, 2, 1, 0),
	[0x51] = RUN(op_mload, 3, 1, 1),
	[0x52] = RUN(op_mstore, 3, 2, 0),
	[0x53] = RUN(op_mstore8, 3, 2, 0),
	[0x54] = RUN(op_sload, 0, 1, 1),
	[0x55] = RUN(op_sstore, 0, 2, 0),
	[0x56] = RUN(op_jump, 8, 1, 0),
	[0x57] = RUN(op_jumpi, 10, 2, 0),
	[0x58] = RUN(op_pc, 2, 0, 1),
	[0x59] = RUN(op_msize, 2, 0, 1),
	[0x5a] = RUN(op_gas, 2, 0, 1),
	[0x5b] = RUN(op_jumpdest, 1, 0, 0),
	[0x5e] = LATER(op_mcopy, 3, 3, 0),
	[0x5f] = LATER(op_push, 2, 0, 1),
	[0xa0] = RUN(op_log, 0, 2, 0),
	[0xa1] = RUN(op_log, 0, 3, 0),
	[0xa2] = RUN(op_log, 0, 4, 0),
	[0xa3] = RUN(op_log, 0, 5, 0),
	[0xa4] = RUN(op_log, 0, 6, 0),
	[0xf1] = RUN(op_call, 0, 7, 1),
	[0xf3] = RUN(op_return, 0, 2, 0),
	[0xf4] = RUN(op_delegatecall, 0, 6, 1),
	[0xfa] = RUN(op_staticcall, 0, 6, 1),
	[0xfd] = RUN(op_revert, 0, 2, 0),
};

/* Those that are sixteen or more of a kind, made from their number. */
static struct instruction instruction_of(uint8_t op)
{
	if (op >= PUSH_1 && op < DUP_1)
		return (struct instruction)RUN(op_push, 3, 0, 1);
	if (op >= DUP_1 && op < SWAP_1) {
		const uint8_t n = (uint8_t)(op - DUP_1 + 1);
		return (struct instruction)RUN(op_dup, 3, n, (uint8_t)(n + 1));
	}
	if (op >= SWAP_1 && op < SWAP_1 + 16) {
		const uint8_t n = (uint8_t)(op - SWAP_1 + 2);
		return (struct instruction)RUN(op_swap, 3, n, n);
	}
	return instructions[op];
}

static void step(struct frame *f)
{
	/* the end of the code stops */
	const uint8_t op = f->pc < f->code->bytes.len ? f->code->bytes.ptr[f->pc] : 0;
	const struct instruction i = instruction_of(op);
	const bool known = i.run != NULL || i.of_two != NULL;
	if (!known || (i.later && !f->m->draft->e->rollup)) {
		frame_fail(f, op == INVALID ? SIMEVM_FAIL_INVALID : SIMEVM_FAIL_OPCODE);
		return;
	}
	if (f->stack_len < i.in || f->stack_len - i.in + i.out > STACK_MAX) {
		frame_fail(f, f->stack_len < i.in ? SIMEVM_FAIL_UNDERFLOW : SIMEVM_FAIL_OVERFLOW);
		return;
	}
	if (!frame_charge(f, i.gas))
		return;
	if (i.run != NULL) {
		i.run(f);
	} else {
		const struct word a = frame_pop(f), b = frame_pop(f);
		frame_push(f, i.of_two(a, b));
	}
	f->pc++;
}

void machine_run(struct frame *f, struct simevm_outcome *out)
{
	f->stack = sim_alloc((size_t)STACK_MAX * sizeof *f->stack);
	while (f->state == MACHINE_RUNS)
		step(f);
	*out = (struct simevm_outcome){
		.ok = f->state == MACHINE_STOPPED, .failure = f->failure, .gas_left = f->gas};
	if (f->state != MACHINE_FAILED && f->out_len > 0) {
		out->data = sim_copy(f->memory + f->out_at, f->out_len);
		out->data_len = f->out_len;
	}
	free(f->stack);
	free(f->memory);
	free(f->returned);
}
