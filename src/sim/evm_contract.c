/* The HTLC contract (contracts/HashTimeLock.sol) in C: rules, events, errors, and the gas that its
 * bytecode takes under Berlin's rules. Gas figures were read off anvil, and tests compare them. */
#include "crypto/hash.h"
#include "sim/evm_chain.h"

#define GAS_ZERO_BYTE 4u
#define GAS_BYTE 16u
#define GAS_CREATE 32000u
#define GAS_COLD_ACCOUNT 2500u /* over a warm one (EIP-2929) */
#define GAS_NEW_ACCOUNT 25000u
#define GAS_STIPEND 2300u /* given with a payment, and given back by who has no code */
#define VERSION_WORD 101u
#define SELECTOR_SIZE 4u
#define HEAD_MAX 64u /* of the creation code, before the runtime code */

uint64_t simevm_intrinsic_gas(struct slice data, bool create)
{
	uint64_t gas = SIMEVM_GAS_TX + (create ? GAS_CREATE : 0);
	for (size_t i = 0; i < data.len; i++)
		gas += data.ptr[i] == 0 ? GAS_ZERO_BYTE : GAS_BYTE;
	return gas;
}

struct slice simevm_contract_code(void)
{
	/* no constructor, no immutables: the creation code ends with the runtime code as it is */
	for (size_t head = 0; head < HEAD_MAX && head < evm_htlc_creation_code_len; head++) {
		const struct slice tail = slice_of(
			evm_htlc_creation_code + head, evm_htlc_creation_code_len - head);
		struct hash256 h;
		keccak256(&h, tail);
		if (hash256_eq(&h, &evm_htlc_runtime_code_hash))
			return tail;
	}
	UNREACHABLE();
}

/* ---- calldata ---- */

struct arguments {
	const struct sim_evm *e;
	const struct simevm_message *m;
	const uint8_t *word[5];
	struct simevm_outcome *out;
};

static bool word_is_zero(const uint8_t *w)
{
	static const uint8_t zero[SIMEVM_WORD];
	return memcmp(w, zero, SIMEVM_WORD) == 0;
}

/* The block number that a word names; one that no block reaches is UINT64_MAX. */
static uint64_t word_height(const uint8_t *w)
{
	for (size_t i = 0; i < SIMEVM_WORD - 8; i++)
		if (w[i] != 0)
			return UINT64_MAX;
	return load_be64(w + SIMEVM_WORD - 8);
}

static void address_word(uint8_t w[SIMEVM_WORD], const struct evm_address *a)
{
	memset(w, 0, SIMEVM_WORD);
	memcpy(w + SIMEVM_WORD - sizeof a->b, a->b, sizeof a->b);
}

static void word_address(struct evm_address *a, const uint8_t *w)
{
	memcpy(a->b, w + SIMEVM_WORD - sizeof a->b, sizeof a->b);
}

static void u128_word(uint8_t w[SIMEVM_WORD], u128 v)
{
	memset(w, 0, SIMEVM_WORD);
	store_be64(w + 16, (uint64_t)(v >> 64));
	store_be64(w + 24, (uint64_t)v);
}

static void swap_key(struct hash256 *key, const uint8_t *hash, const uint8_t *amount,
	const uint8_t *claim, const uint8_t *refund, const uint8_t *timelock)
{
	uint8_t all[5 * SIMEVM_WORD];
	const uint8_t *const word[5] = {hash, amount, claim, refund, timelock};
	for (size_t i = 0; i < 5; i++)
		memcpy(all + i * SIMEVM_WORD, word[i], SIMEVM_WORD);
	keccak256(key, slice_of(all, sizeof all));
}

/* ---- outcomes ---- */

static void revert(struct simevm_outcome *out, uint64_t gas, const char *error)
{
	struct hash256 h;
	*out = (struct simevm_outcome){.gas = gas};
	if (error == NULL)
		return;
	keccak256(&h, slice_str(error));
	memcpy(out->data, h.b, SELECTOR_SIZE);
	out->data_len = SELECTOR_SIZE;
}

static void answer(struct simevm_outcome *out, uint64_t gas, const uint8_t word[SIMEVM_WORD])
{
	*out = (struct simevm_outcome){.ok = true, .gas = gas, .data_len = SIMEVM_WORD};
	memcpy(out->data, word, SIMEVM_WORD);
}

static void answer_u64(struct simevm_outcome *out, uint64_t gas, uint64_t v)
{
	uint8_t word[SIMEVM_WORD];
	u128_word(word, v);
	answer(out, gas, word);
}

static struct simevm_log *add_log(struct simevm_outcome *out, const struct evm_address *contract,
	const struct hash256 *topic, uint32_t topic_count)
{
	CHECK(out->log_count < ARRAY_LEN(out->log) && topic_count <= SIMEVM_TOPIC_MAX);
	struct simevm_log *log = &out->log[out->log_count++];
	log->address = *contract;
	log->topic_count = topic_count;
	memcpy(log->topic, topic, topic_count * sizeof *topic);
	return log;
}

static void log_word(struct simevm_log *log, const uint8_t word[SIMEVM_WORD])
{
	CHECK(log->data_len + SIMEVM_WORD <= SIMEVM_LOG_DATA_MAX);
	memcpy(log->data + log->data_len, word, SIMEVM_WORD);
	log->data_len += SIMEVM_WORD;
}

static enum evm_htlc_state state_of(const struct arguments *a, const struct hash256 *key)
{
	return simevm_swap_at(a->e, &a->m->to, key, a->m->height);
}

/* ---- functions ---- */

/* lock(bytes32 preimageHash, address claimAddress, uint256 timelock) payable */
static void run_lock(struct arguments *a)
{
	struct simevm_outcome *out = a->out;
	uint8_t amount[SIMEVM_WORD], refund[SIMEVM_WORD];
	struct hash256 key, topic[4] = {evm_htlc_topic_lockup};
	u128_word(amount, a->m->value);
	address_word(refund, &a->m->from);
	if (a->m->value == 0) {
		revert(out, 374, "AmountZero()");
		return;
	}
	if (word_is_zero(a->word[1])) {
		revert(out, 397, "ClaimAddressZero()");
		return;
	}
	if (word_height(a->word[2]) <= a->m->number) {
		revert(out, 419, "TimelockNotInFuture()");
		return;
	}
	swap_key(&key, a->word[0], amount, a->word[1], refund, a->word[2]);
	if (state_of(a, &key) != EVM_HTLC_STATE_NONE) {
		revert(out, 2884, "SwapAlreadyExists()");
		return;
	}
	*out = (struct simevm_outcome){.ok = true,
		.gas = 25531,
		.changes = true,
		.key = key,
		.state = EVM_HTLC_STATE_OPEN};
	memcpy(topic[1].b, a->word[0], SIMEVM_WORD);
	memcpy(topic[2].b, a->word[1], SIMEVM_WORD);
	memcpy(topic[3].b, refund, SIMEVM_WORD);
	struct simevm_log *log = add_log(out, &a->m->to, topic, 4);
	log_word(log, amount);
	log_word(log, a->word[2]);
}

/* Pay, if the payee takes payments. gas: to somebody warm who has an account. */
static void pay(struct arguments *a, const uint8_t *payee, const uint8_t *amount, uint64_t gas)
{
	struct simevm_outcome *out = a->out;
	word_address(&out->payee, payee);
	out->amount = (u128)load_be64(amount + 16) << 64 | load_be64(amount + 24);
	const struct simevm_version to = simevm_account_at(a->e, &out->payee, a->m->height);
	if (to.contract) {
		/* it is called without calldata, and has nothing for that */
		revert(out, gas + 46, "TransferFailed()");
		return;
	}
	const bool warm = evm_address_eq(&out->payee, &a->m->from);
	const bool fresh = to.balance == 0 && to.nonce == 0 && !warm;
	out->gas = gas + (warm ? 0 : GAS_COLD_ACCOUNT) + (fresh ? GAS_NEW_ACCOUNT : 0);
	out->gas_spare = GAS_STIPEND;
}

static void settle(struct arguments *a, const struct hash256 *key, const uint8_t *hash,
	const uint8_t *preimage)
{
	struct simevm_outcome *out = a->out;
	const bool claimed = preimage != NULL;
	struct hash256 topic[3] = {claimed ? evm_htlc_topic_claim : evm_htlc_topic_refund};
	uint8_t flag[SIMEVM_WORD];
	*out = (struct simevm_outcome){.ok = true,
		.changes = true,
		.key = *key,
		.state = claimed ? EVM_HTLC_STATE_CLAIMED : EVM_HTLC_STATE_REFUNDED};
	memcpy(topic[1].b, hash, SIMEVM_WORD);
	struct simevm_log *log = add_log(out, &a->m->to, topic, 2);
	if (claimed)
		log_word(log, preimage);
	topic[0] = evm_htlc_topic_settled;
	topic[2] = topic[1];
	topic[1] = *key;
	u128_word(flag, claimed);
	log_word(add_log(out, &a->m->to, topic, 3), flag);
}

/* What one function's two forms differ in. */
struct form_gas {
	uint64_t ok, early, unknown;
};

static void claim(struct arguments *a, const uint8_t *claimant, const uint8_t *refund,
	const uint8_t *timelock, const struct form_gas *gas)
{
	struct hash256 hash, key;
	sha256(&hash, slice_of(a->word[0], SIMEVM_WORD));
	swap_key(&key, hash.b, a->word[1], claimant, refund, timelock);
	if (state_of(a, &key) != EVM_HTLC_STATE_OPEN) {
		revert(a->out, gas->unknown, "SwapNotFound()");
		return;
	}
	settle(a, &key, hash.b, a->word[0]);
	pay(a, claimant, a->word[1], gas->ok);
}

static void refund(struct arguments *a, const uint8_t *refundee, const uint8_t *timelock,
	const struct form_gas *gas)
{
	struct hash256 key;
	if (word_height(timelock) > a->m->number) {
		revert(a->out, gas->early, "SwapNotTimedOut()");
		return;
	}
	swap_key(&key, a->word[0], a->word[1], a->word[2], refundee, timelock);
	if (state_of(a, &key) != EVM_HTLC_STATE_OPEN) {
		revert(a->out, gas->unknown, "SwapNotFound()");
		return;
	}
	settle(a, &key, a->word[0], NULL);
	pay(a, refundee, a->word[1], gas->ok);
}

/* claim(bytes32 preimage, uint256 amount, address refundAddress, uint256 timelock) */
static void run_claim(struct arguments *a)
{
	static const struct form_gas gas = {.ok = 16865, .unknown = 3567};
	uint8_t self[SIMEVM_WORD];
	address_word(self, &a->m->from);
	claim(a, self, a->word[2], a->word[3], &gas);
}

/* claim(bytes32 preimage, uint256 amount, address claimAddress, address refundAddress, uint256
 * timelock) */
static void run_claim_for(struct arguments *a)
{
	static const struct form_gas gas = {.ok = 16894, .unknown = 3613};
	claim(a, a->word[2], a->word[3], a->word[4], &gas);
}

/* refund(bytes32 preimageHash, uint256 amount, address claimAddress, uint256 timelock) */
static void run_refund(struct arguments *a)
{
	static const struct form_gas gas = {.ok = 15949, .early = 469, .unknown = 2945};
	uint8_t self[SIMEVM_WORD];
	address_word(self, &a->m->from);
	refund(a, self, a->word[3], &gas);
}

/* refund(bytes32 preimageHash, uint256 amount, address claimAddress, address refundAddress, uint256
 * timelock) */
static void run_refund_for(struct arguments *a)
{
	static const struct form_gas gas = {.ok = 16012, .early = 549, .unknown = 3025};
	refund(a, a->word[3], a->word[4], &gas);
}

static void run_swaps(struct arguments *a)
{
	struct hash256 key;
	memcpy(key.b, a->word[0], sizeof key.b);
	answer_u64(a->out, 2551, state_of(a, &key) == EVM_HTLC_STATE_OPEN);
}

static void run_states(struct arguments *a)
{
	struct hash256 key;
	memcpy(key.b, a->word[0], sizeof key.b);
	answer_u64(a->out, 2560, state_of(a, &key));
}

static void run_version(struct arguments *a)
{
	answer_u64(a->out, 260, VERSION_WORD);
}

static void run_hash_values(struct arguments *a)
{
	struct hash256 key;
	swap_key(&key, a->word[0], a->word[1], a->word[2], a->word[3], a->word[4]);
	answer(a->out, 782, key.b);
}

static const struct {
	uint8_t selector[SELECTOR_SIZE];
	uint8_t word_count;
	uint8_t addresses; /* bit i: word i is an address, and must look like one */
	/* what it takes to refuse a payment (0: none is), calldata cut short, a first bad address
	 */
	uint16_t gas_value, gas_short, gas_address;
	void (*run)(struct arguments *a);
} functions[] = {
	{{0x08, 0x99, 0x14, 0x6b}, 3, 1 << 1, 0, 166, 236, run_lock},
	{{0xc3, 0xc3, 0x7f, 0xbc}, 4, 1 << 2, 168, 237, 324, run_claim},
	{{0xcd, 0x41, 0x3e, 0xfa}, 5, 1 << 2 | 1 << 3, 145, 217, 304, run_claim_for},
	{{0x35, 0xcd, 0x4c, 0xcb}, 4, 1 << 2, 146, 215, 302, run_refund},
	{{0x36, 0x50, 0x47, 0x21}, 5, 1 << 2 | 1 << 3, 168, 240, 327, run_refund_for},
	{{0xeb, 0x84, 0xe7, 0xf2}, 1, 0, 167, 227, 0, run_swaps},
	{{0xfb, 0xdc, 0x1e, 0xf1}, 1, 0, 189, 249, 0, run_states},
	{{0x54, 0xfd, 0x4d, 0x50}, 0, 0, 190, 0, 0, run_version},
	{{0x8b, 0x2f, 0x8f, 0x82}, 5, 1 << 2 | 1 << 3, 146, 218, 305, run_hash_values},
};

#define GAS_NO_SELECTOR 46u
#define GAS_NO_FUNCTION 169u
#define GAS_NEXT_ADDRESS 81u /* for each address that was good before the bad one */

static bool address_like(const uint8_t *w)
{
	static const uint8_t zero[12];
	return memcmp(w, zero, sizeof zero) == 0;
}

void simevm_contract_run(
	const struct sim_evm *e, struct simevm_outcome *out, const struct simevm_message *m)
{
	struct arguments a = {.e = e, .m = m, .out = out};
	size_t f = 0;
	if (m->data.len < SELECTOR_SIZE) {
		revert(out, GAS_NO_SELECTOR, NULL);
		return;
	}
	while (f < ARRAY_LEN(functions) &&
		memcmp(functions[f].selector, m->data.ptr, SELECTOR_SIZE) != 0)
		f++;
	if (f == ARRAY_LEN(functions)) {
		revert(out, GAS_NO_FUNCTION, NULL);
		return;
	}
	if (m->value != 0 && functions[f].gas_value != 0) {
		revert(out, functions[f].gas_value, NULL);
		return;
	}
	if (m->data.len < SELECTOR_SIZE + functions[f].word_count * (size_t)SIMEVM_WORD) {
		revert(out, functions[f].gas_short, NULL);
		return;
	}
	uint64_t gas = functions[f].gas_address;
	for (size_t i = 0; i < functions[f].word_count; i++) {
		a.word[i] = m->data.ptr + SELECTOR_SIZE + i * SIMEVM_WORD;
		if ((functions[f].addresses >> i & 1) == 0)
			continue;
		if (!address_like(a.word[i])) {
			revert(out, gas, NULL);
			return;
		}
		gas += GAS_NEXT_ADDRESS;
	}
	functions[f].run(&a);
}
