/* Taproot spends (BIP-341, BIP-342), for the opcodes of btc/htlc.h's leaves and no others. */
#include <stdlib.h>

#include "btc/script.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"

#define STACK_MAX 100u
#define ITEM_MAX 520u
#define SIGNATURE_WEIGHT 50 /* BIP-342: what the witness must weigh for each signature */
#define NUMBER_MAX 5u

typedef const struct simbtc_script_error *verdict;

/* Named as Bitcoin Core's, whose words they are. */
static const struct simbtc_script_error eval_false = {
	"Script evaluated without error but finished with a false/empty top stack element", false};
static const struct simbtc_script_error equal_verify = {
	"Script failed an OP_EQUALVERIFY operation", false};
static const struct simbtc_script_error checksig_verify = {
	"Script failed an OP_CHECKSIGVERIFY operation", false};
static const struct simbtc_script_error push_size = {"Push value size limit exceeded", false};
static const struct simbtc_script_error stack_size = {"Stack size limit exceeded", false};
static const struct simbtc_script_error bad_opcode = {"Opcode missing or not understood", false};
static const struct simbtc_script_error invalid_stack = {
	"Operation not valid with the current stack size", false};
static const struct simbtc_script_error negative_locktime = {"Negative locktime", false};
static const struct simbtc_script_error unsatisfied_locktime = {
	"Locktime requirement not satisfied", false};
static const struct simbtc_script_error minimal_data = {"Data push larger than necessary", true};
static const struct simbtc_script_error unknown_error = {"unknown error", false};
static const struct simbtc_script_error taproot_version = {
	"Taproot version reserved for soft-fork upgrades", true};
static const struct simbtc_script_error op_success = {
	"OP_SUCCESSx reserved for soft-fork upgrades", true};
static const struct simbtc_script_error key_version = {
	"Public key version reserved for soft-fork upgrades", true};
static const struct simbtc_script_error key_type = {
	"Public key is neither compressed or uncompressed", false};
static const struct simbtc_script_error clean_stack = {
	"Stack size must be exactly one after execution", false};
static const struct simbtc_script_error witness_empty = {
	"Witness program was passed an empty witness", false};
static const struct simbtc_script_error witness_mismatch = {"Witness program hash mismatch", false};
static const struct simbtc_script_error witness_malleated = {
	"Witness requires empty scriptSig", false};
static const struct simbtc_script_error schnorr_size = {"Invalid Schnorr signature size", false};
static const struct simbtc_script_error schnorr_hashtype = {
	"Invalid Schnorr signature hash type", false};
static const struct simbtc_script_error schnorr_sig = {"Invalid Schnorr signature", false};
static const struct simbtc_script_error control_size = {
	"Invalid Taproot control block size", false};
static const struct simbtc_script_error validation_weight = {
	"Too much signature validation relative to witness weight", false};
static const struct simbtc_script_error not_simulated = {
	"simulation: only Taproot outputs can be spent", false};

struct item {
	struct slice s;
	uint8_t own[32]; /* where s points for what the script itself computed */
};

struct machine {
	struct item stack[STACK_MAX];
	uint32_t count;
	int64_t weight_left;
	const struct sim_bitcoin *b;
	const void *cache; /* of the rules */
	const struct simbtc_tx *t;
	uint32_t input;
	struct hash256 leaf;
};

static verdict push(struct machine *m, struct slice s)
{
	if (m->count == STACK_MAX)
		return &stack_size;
	m->stack[m->count++].s = s;
	return NULL;
}

static struct item *top(struct machine *m, uint32_t back)
{
	return &m->stack[m->count - 1 - back];
}

/* A small number, minimally encoded. */
static verdict push_number(struct machine *m, uint64_t v)
{
	CHECK(v <= ITEM_MAX);
	const verdict full = push(m, slice_of(NULL, 0));
	if (full != NULL)
		return full;
	struct item *it = top(m, 0);
	size_t len = 0;
	for (; v != 0; v >>= 8)
		it->own[len++] = (uint8_t)v;
	if (len > 0 && (it->own[len - 1] & 0x80) != 0)
		it->own[len++] = 0;
	it->s = slice_of(it->own, len);
	return NULL;
}

static bool truth(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != 0)
			return !(i == s.len - 1 && s.ptr[i] == 0x80); /* minus zero is false */
	return false;
}

/* At most NUMBER_MAX bytes, little-endian, the sign in the highest bit, no byte to spare. */
static verdict read_number(int64_t *out, struct slice s)
{
	if (s.len > NUMBER_MAX)
		return &unknown_error;
	if (s.len > 0 && (s.ptr[s.len - 1] & 0x7f) == 0 &&
		(s.len == 1 || (s.ptr[s.len - 2] & 0x80) == 0))
		return &unknown_error;
	int64_t v = 0;
	for (size_t i = 0; i < s.len; i++) {
		const bool last = i == s.len - 1;
		v |= (int64_t)(last ? s.ptr[i] & 0x7f : s.ptr[i]) << (8 * i);
	}
	*out = s.len > 0 && (s.ptr[s.len - 1] & 0x80) != 0 ? -v : v;
	return NULL;
}

static verdict check_signature(
	const struct hash256 *digest, struct slice sig, const uint8_t key[32])
{
	struct xonly x;
	memcpy(x.b, key, sizeof x.b);
	if (sig.len != 64 && sig.len != 65)
		return &schnorr_size;
	if (sig.len == 65)
		return &schnorr_hashtype; /* SIGHASH_DEFAULT has no byte; no other is simulated */
	return schnorr_verify(sig.ptr, digest, &x) ? NULL : &schnorr_sig;
}

/* ---- opcodes: each finds at least `need` items ---- */

static verdict op_size(struct machine *m)
{
	return push_number(m, top(m, 0)->s.len);
}

static verdict op_sha256(struct machine *m)
{
	struct item *it = top(m, 0);
	struct hash256 h;
	sha256(&h, it->s);
	memcpy(it->own, h.b, sizeof h.b);
	it->s = slice_of(it->own, sizeof h.b);
	return NULL;
}

static verdict op_equalverify(struct machine *m)
{
	const bool same = slice_eq(top(m, 0)->s, top(m, 1)->s);
	m->count -= 2;
	return same ? NULL : &equal_verify;
}

static verdict check_top(struct machine *m, bool *ok)
{
	const struct slice key = top(m, 0)->s, sig = top(m, 1)->s;
	*ok = sig.len != 0;
	if (*ok) {
		m->weight_left -= SIGNATURE_WEIGHT;
		if (m->weight_left < 0)
			return &validation_weight;
	}
	if (key.len == 0)
		return &key_type;
	if (key.len != 32)
		return &key_version;
	if (*ok) {
		struct hash256 digest;
		m->b->rules->sighash_script_path(&digest, m->b, m->cache, m->t, m->input, &m->leaf);
		const verdict bad = check_signature(&digest, sig, key.ptr);
		if (bad != NULL)
			return bad;
	}
	m->count -= 2;
	return NULL;
}

static verdict op_checksig(struct machine *m)
{
	bool ok;
	const verdict bad = check_top(m, &ok);
	return bad != NULL ? bad : push_number(m, ok ? 1 : 0);
}

static verdict op_checksigverify(struct machine *m)
{
	bool ok;
	const verdict bad = check_top(m, &ok);
	return bad != NULL ? bad : ok ? NULL : &checksig_verify;
}

static verdict op_checklocktimeverify(struct machine *m)
{
	int64_t lock;
	const verdict bad = read_number(&lock, top(m, 0)->s);
	if (bad != NULL)
		return bad;
	if (lock < 0)
		return &negative_locktime;
	const bool by_time = m->t->tx.locktime >= SIMBTC_LOCKTIME_THRESHOLD;
	if (by_time != (lock >= (int64_t)SIMBTC_LOCKTIME_THRESHOLD) ||
		lock > (int64_t)m->t->tx.locktime || m->t->tx.in[m->input].sequence == UINT32_MAX)
		return &unsatisfied_locktime;
	return NULL;
}

static const struct {
	uint8_t code;
	uint8_t need;
	verdict (*run)(struct machine *m);
} opcodes[] = {
	{0x82, 1, op_size},
	{0x88, 2, op_equalverify},
	{0xa8, 1, op_sha256},
	{0xac, 2, op_checksig},
	{0xad, 2, op_checksigverify},
	{0xb1, 1, op_checklocktimeverify},
};

static verdict run_opcode(struct machine *m, uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++)
		if (opcodes[i].code == code)
			return m->count < opcodes[i].need ? &invalid_stack : opcodes[i].run(m);
	return &bad_opcode;
}

#define OP_PUSHDATA1 0x4cu
#define OP_1 0x51u
#define OP_16 0x60u

/* True where the instruction was a push: *bad says what is wrong with it. */
static bool read_push(struct machine *m, struct reader *r, uint8_t code, verdict *bad)
{
	*bad = NULL;
	if (code >= OP_1 && code <= OP_16) {
		*bad = push_number(m, code - OP_1 + 1);
		return true;
	}
	if (code > OP_PUSHDATA1)
		return false;
	const size_t len = code == OP_PUSHDATA1 ? reader_u8(r) : code;
	const uint8_t *at = reader_take(r, len);
	if (r->failed)
		*bad = &bad_opcode;
	else if (code == OP_PUSHDATA1 && len < OP_PUSHDATA1)
		*bad = &minimal_data;
	else if (len == 1 && ((at[0] >= 1 && at[0] <= 16) || at[0] == 0x81))
		*bad = &minimal_data;
	else
		*bad = push(m, slice_of(at, len));
	return true;
}

static bool is_op_success(uint8_t c)
{
	return c == 80 || c == 98 || (c >= 126 && c <= 129) || (c >= 131 && c <= 134) ||
		(c >= 137 && c <= 138) || (c >= 141 && c <= 142) || (c >= 149 && c <= 153) ||
		(c >= 187 && c <= 254);
}

static verdict find_op_success(struct slice script)
{
	struct reader r = reader_init(script);
	while (r.left > 0) {
		const uint8_t code = reader_u8(&r);
		if (is_op_success(code))
			return &op_success;
		if (code <= OP_PUSHDATA1)
			(void)reader_take(&r, code == OP_PUSHDATA1 ? reader_u8(&r) : code);
		if (r.failed)
			return &bad_opcode;
	}
	return NULL;
}

static verdict run_script(struct machine *m, struct slice script)
{
	verdict bad = find_op_success(script);
	struct reader r = reader_init(script);
	while (bad == NULL && r.left > 0) {
		const uint8_t code = reader_u8(&r);
		if (!read_push(m, &r, code, &bad))
			bad = run_opcode(m, code);
	}
	if (bad != NULL)
		return bad;
	if (m->count != 1)
		return &clean_stack;
	return truth(top(m, 0)->s) ? NULL : &eval_false;
}

/* ---- the two ways to spend ---- */

static verdict spend_by_script(struct machine *m, const uint8_t output[32], struct slice witness)
{
	const uint32_t count = btc_witness_count(witness);
	const struct slice control = btc_witness_item(witness, count - 1);
	const struct slice script = btc_witness_item(witness, count - 2);
	struct xonly key;
	memcpy(key.b, output, sizeof key.b);
	const enum err err = btc_control_check(
		&m->leaf, m->b->rules->taproot, &key, script, control);
	if (err != OK)
		return err == ERR_FORMAT   ? &control_size
			: err == ERR_RANGE ? &taproot_version
					   : &witness_mismatch;
	m->weight_left = (int64_t)witness.len + SIGNATURE_WEIGHT;
	for (uint32_t i = 0; i + 2 < count; i++) {
		const struct slice it = btc_witness_item(witness, i);
		if (it.len > ITEM_MAX)
			return &push_size;
		const verdict full = push(m, it);
		if (full != NULL)
			return full;
	}
	return run_script(m, script);
}

verdict simbtc_verify_input(const struct sim_bitcoin *b, const void *cache,
	const struct simbtc_tx *t, const struct btc_txout *spent, uint32_t input)
{
	const struct slice script = spent[input].script;
	const struct slice witness = t->tx.in[input].witness;
	if (script.len == 1 && script.ptr[0] == OP_1 && witness.len == 0)
		return NULL; /* anybody's */
	if (script.len != 34 || script.ptr[0] != OP_1 || script.ptr[1] != 32)
		return &not_simulated;
	if (t->tx.in[input].script_sig.len != 0)
		return &witness_malleated;
	const uint32_t count = btc_witness_count(witness);
	if (count == 0)
		return &witness_empty;
	if (count == 1) {
		struct hash256 digest;
		b->rules->sighash_key_path(&digest, b, cache, t, input);
		return check_signature(&digest, btc_witness_item(witness, 0), script.ptr + 2);
	}
	struct machine *m = sim_alloc(sizeof *m);
	m->b = b;
	m->cache = cache;
	m->t = t;
	m->input = input;
	const verdict bad = spend_by_script(m, script.ptr + 2, witness);
	free(m);
	return bad;
}
