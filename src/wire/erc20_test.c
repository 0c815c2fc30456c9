#include "wire/erc20.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/evm_htlc.h"
#include "wire/rsk.h"
#include "wire/vectors_evm_tokens.h"

#define ROOM 512u

static void from_hex(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static struct slice bytes_of(uint8_t storage[ROOM], const char *hex)
{
	size_t len;
	CHECK(hex_decode_var(storage, &len, ROOM, slice_str(hex)) == OK);
	return slice_of(storage, len);
}

static struct evm_address address(const char *hex)
{
	struct evm_address a;
	from_hex(a.b, sizeof a.b, hex);
	return a;
}

static struct amount units(const char *hex)
{
	uint8_t word[32];
	struct amount u;
	from_hex(word, sizeof word, hex);
	CHECK(erc20_amount_parse(&u, ASSET_RBTC, slice_of(word, sizeof word)) == OK);
	return u;
}

/* What was written since the last time, compared and taken away. */
static void expect(struct buf *out, const char *hex)
{
	uint8_t want[ROOM];
	CHECK(!out->overflow && slice_eq(buf_slice(out), bytes_of(want, hex)));
	out->len = 0;
}

/* A log: topics one after the other, and data. */
struct log {
	struct hash256 topic[4];
	size_t topic_count;
	uint8_t storage[ROOM];
	struct slice data;
};

static void get_log(struct log *l, const char *const given[2])
{
	l->topic_count = strlen(given[0]) / 64;
	for (size_t i = 0; i < l->topic_count; i++)
		CHECK(hex_decode(l->topic[i].b, 32, slice_of(given[0] + 64 * i, 64)) == OK);
	l->data = bytes_of(l->storage, given[1]);
}

static void test_calls(void)
{
	uint8_t storage[ROOM];
	struct buf out = buf_init(storage, ERC20_CALL_MAX);
	for (size_t i = 0; i < ARRAY_LEN(token_vectors); i++) {
		const struct evm_address a = address(token_vectors[i].a);
		const struct evm_address b = address(token_vectors[i].b);
		const struct amount u = units(token_vectors[i].units);
		struct erc20_call call;
		uint8_t data[ROOM];
		erc20_transfer_call(&out, &b, u);
		expect(&out, token_vectors[i].transfer);
		erc20_approve_call(&out, &b, u);
		expect(&out, token_vectors[i].approve);
		erc20_balance_call(&out, &a);
		expect(&out, token_vectors[i].balance);
		erc20_allowance_call(&out, &a, &b);
		expect(&out, token_vectors[i].allowance);
		const struct slice moved = bytes_of(data, token_vectors[i].transfer);
		CHECK(erc20_call_parse(&call, ASSET_RBTC, moved) == OK &&
			call.kind == ERC20_TRANSFER);
		CHECK(evm_address_eq(&call.to, &b) && amount_cmp(call.amount, u) == 0);
		CHECK(erc20_call_parse(&call, ASSET_RBTC, slice_of(data, moved.len - 1)) ==
			ERR_FORMAT);
		data[4] = 1; /* before the address */
		CHECK(erc20_call_parse(&call, ASSET_RBTC, moved) == ERR_FORMAT);
		data[4] = 0;
		data[36] = 1; /* over 128 bits */
		CHECK(erc20_call_parse(&call, ASSET_RBTC, moved) == ERR_RANGE);
		data[0] ^= 1;
		CHECK(erc20_call_parse(&call, ASSET_RBTC, moved) == ERR_NOT_FOUND);
		CHECK(erc20_call_parse(&call, ASSET_RBTC, slice_of(data, 3)) == ERR_NOT_FOUND);
		CHECK(erc20_call_parse(
			      &call, ASSET_RBTC, bytes_of(data, token_vectors[i].approve)) == OK);
		CHECK(call.kind == ERC20_APPROVE);
	}
}

static void test_answers(void)
{
	uint8_t word[33] = {0};
	struct amount u;
	unsigned decimals;
	CHECK(erc20_done(slice_of(word, 0)) && !erc20_done(slice_of(word, 32)));
	word[31] = 1;
	CHECK(erc20_done(slice_of(word, 32)) && !erc20_done(slice_of(word, 31)));
	CHECK(!erc20_done(slice_of(word, 33)));
	CHECK(erc20_amount_parse(&u, ASSET_RBTC, slice_of(word, 32)) == OK &&
		amount_cmp(u, amount_of(ASSET_RBTC, 1)) == 0);
	CHECK(erc20_amount_parse(&u, ASSET_RBTC, slice_of(word, 33)) == ERR_FORMAT);
	CHECK(erc20_amount_parse(&u, ASSET_RBTC, slice_of(word, 0)) == ERR_FORMAT);
	word[15] = 1;
	CHECK(erc20_amount_parse(&u, ASSET_RBTC, slice_of(word, 32)) == ERR_RANGE);
	word[15] = 0;
	CHECK(erc20_decimals_parse(&decimals, slice_of(word, 0)) == ERR_NOT_FOUND);
	CHECK(erc20_decimals_parse(&decimals, slice_of(word, 33)) == ERR_FORMAT);
	word[30] = 1;
	CHECK(erc20_decimals_parse(&decimals, slice_of(word, 32)) == ERR_FORMAT);
	word[30] = 0;
	CHECK(erc20_decimals_parse(&decimals, slice_of(word, 32)) == OK && decimals == 1);
	word[31] = 2;
	CHECK(!erc20_done(slice_of(word, 32)));
}

static void test_events(void)
{
	for (size_t i = 0; i < ARRAY_LEN(token_vectors); i++) {
		const struct evm_address a = address(token_vectors[i].a);
		const struct evm_address b = address(token_vectors[i].b);
		struct erc20_event e;
		struct log l;
		get_log(&l, token_vectors[i].transferred);
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, l.topic_count, l.data) == OK);
		CHECK(e.kind == ERC20_TRANSFER && evm_address_eq(&e.from, &a));
		CHECK(evm_address_eq(&e.to, &b));
		CHECK(amount_cmp(e.amount, units(token_vectors[i].units)) == 0);
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, 2, l.data) == ERR_NOT_FOUND);
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, 4, l.data) == ERR_NOT_FOUND);
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, 3, slice_of(l.data.ptr, 31)) ==
			ERR_FORMAT);
		l.topic[1].b[0] = 1;
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, 3, l.data) == ERR_FORMAT);
		get_log(&l, token_vectors[i].approved);
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, l.topic_count, l.data) == OK);
		CHECK(e.kind == ERC20_APPROVE);
		l.topic[0].b[0] ^= 1;
		CHECK(erc20_event_parse(&e, ASSET_RBTC, l.topic, 3, l.data) == ERR_NOT_FOUND);
	}
}

static struct evm_htlc lock_of(size_t i)
{
	struct evm_htlc h = {
		.token = address(token_vectors[i].token),
		.amount = units(token_vectors[i].units),
		.claim = address(token_vectors[i].claim),
		.refund = address(token_vectors[i].refund),
		.timelock = token_vectors[i].timelock,
	};
	from_hex(h.hash.b, 32, token_vectors[i].hash);
	return h;
}

static void test_swap_calls(void)
{
	uint8_t storage[ROOM];
	struct buf out = buf_init(storage, EVM_HTLC_CALL_MAX);
	for (size_t i = 0; i < ARRAY_LEN(token_vectors); i++) {
		const struct evm_htlc h = lock_of(i);
		struct hash256 preimage;
		struct hash256 key;
		from_hex(preimage.b, 32, token_vectors[i].preimage);
		evm_htlc_lock_call(&out, &h);
		expect(&out, token_vectors[i].lock_call);
		evm_htlc_claim_call(&out, &h, &preimage);
		expect(&out, token_vectors[i].claim_call);
		evm_htlc_refund_call(&out, &h);
		expect(&out, token_vectors[i].refund_call);
		evm_htlc_swaps_call(&out, &h);
		expect(&out, token_vectors[i].swaps_call);
		evm_htlc_key(&key, &h);
		buf_put(&out, key.b, sizeof key.b);
		expect(&out, token_vectors[i].key);
	}
}

/* What vectors of ERC20Swap don't have: calls and views that are ours. */
static void test_own_calls(void)
{
	const struct evm_htlc h = lock_of(0);
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf out = buf_init(storage, sizeof storage);
	struct hash256 k;
	evm_htlc_refund_for_call(&out, &h);
	keccak256(&k, slice_str("refund(bytes32,uint256,address,address,address,uint256)"));
	CHECK(out.len == 4 + 6 * 32 && memcmp(storage, k.b, 4) == 0);
	CHECK(amount_is_zero(evm_htlc_lock_value(&h, ASSET_RBTC)));
	out.len = 0;
	evm_htlc_states_call(&out, &h);
	keccak256(&k, slice_str("states(bytes32)"));
	CHECK(memcmp(storage, k.b, 4) == 0);
}

/* Terms with a token are longer by it, and no others. */
static void test_terms(void)
{
	struct evm_htlc h = lock_of(0), again;
	uint8_t storage[EVM_HTLC_SIZE + 1] = {0};
	struct buf out = buf_init(storage, EVM_HTLC_SIZE);
	h.contract.b[0] = 1;
	h.chain_id = 60808;
	h.amount = amount_of(ASSET_RBTC, 5);
	evm_htlc_put(&out, &h);
	CHECK(!out.overflow && out.len == EVM_HTLC_SIZE);
	CHECK(evm_htlc_parse(&again, LAYER_ROOTSTOCK, buf_slice(&out)) == ERR_FORMAT);
	CHECK(evm_htlc_parse(&again, LAYER_BOB, buf_slice(&out)) == OK);
	CHECK(evm_address_eq(&again.token, &h.token) && again.timelock == h.timelock);
	CHECK(amount_cmp(again.amount, amount_of(ASSET_WBTC, 5)) == 0);
	for (size_t n = 0; n < EVM_HTLC_SIZE; n++)
		CHECK(evm_htlc_parse(&again, LAYER_BOB, slice_of(storage, n)) == ERR_SHORT);
	CHECK(evm_htlc_parse(&again, LAYER_BOB, slice_of(storage, sizeof storage)) == ERR_FORMAT);
	memset(storage + EVM_HTLC_COIN_SIZE, 0, 20);
	CHECK(evm_htlc_parse(&again, LAYER_BOB, slice_of(storage, EVM_HTLC_SIZE)) == ERR_FORMAT);
}

static void test_swap_events(void)
{
	for (size_t i = 0; i < ARRAY_LEN(token_vectors); i++) {
		const struct evm_htlc h = lock_of(i);
		struct evm_htlc_event e;
		struct log l;
		get_log(&l, token_vectors[i].lockup);
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, l.topic_count, l.data) == OK);
		CHECK(e.kind == EVM_HTLC_LOCKUP && hash256_eq(&e.hash, &h.hash));
		CHECK(evm_address_eq(&e.token, &h.token) && evm_address_eq(&e.claim, &h.claim));
		CHECK(evm_address_eq(&e.refund, &h.refund) && amount_cmp(e.amount, h.amount) == 0);
		CHECK(e.timelock == h.timelock);
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, 2, l.data) == ERR_FORMAT);
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, 0, l.data) == ERR_NOT_FOUND);
		l.storage[32] = 1; /* before the token's address */
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, 3, l.data) == ERR_FORMAT);
		get_log(&l, token_vectors[i].claimed);
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, l.topic_count, l.data) == OK);
		CHECK(e.kind == EVM_HTLC_CLAIM && hash256_eq(&e.hash, &h.hash));
		l.storage[0] ^= 1; /* another preimage than the hash's */
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, 2, l.data) == ERR_CHECKSUM);
		get_log(&l, token_vectors[i].refunded);
		CHECK(evm_htlc_event_parse(&e, ASSET_RBTC, l.topic, l.topic_count, l.data) == OK);
		CHECK(e.kind == EVM_HTLC_REFUND && hash256_eq(&e.hash, &h.hash));
	}
}

/* ---- Rootstock's own addresses ---- */

static void test_reserved(void)
{
	static const struct {
		const char *address;
		enum rsk_address_kind kind;
	} rows[] = {
		{"0000000000000000000000000000000001000006", RSK_BRIDGE},
		{"0000000000000000000000000000000001000008", RSK_RESERVED}, /* REMASC */
		{"0000000000000000000000000000000001000000", RSK_RESERVED},
		{"000000000000000000000000000000000100ffff", RSK_RESERVED},
		{"0000000000000000000000000000000000000001", RSK_RESERVED}, /* ecrecover */
		{"0000000000000000000000000000000000000100", RSK_ORDINARY},
		{"0000000000000000000000000000000001010000", RSK_ORDINARY},
		{"0000000000000000000000000000000101000006", RSK_ORDINARY},
		{"0100000000000000000000000000000001000006", RSK_ORDINARY},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct evm_address a = address(rows[i].address);
		CHECK(rsk_address_kind(&a) == rows[i].kind);
	}
	CHECK(evm_address_eq(&rsk_bridge, &(struct evm_address){{[16] = 1, [19] = 6}}));
}

/* getFederationAddress(): an ABI string of 35 characters. */
static void test_federation(void)
{
	static const char text[] = "2N3oefVeg6stiTb5Kh3ozCSkaqmx91FDbsm";
	const struct network *net = network_by_name(LAYER_BITCOIN, slice_str("testnet"));
	const struct network *main = network_by_name(LAYER_BITCOIN, slice_str("mainnet"));
	uint8_t answer[128] = {[31] = 32, [63] = 35};
	uint8_t script[BTC_SCRIPT_STD_MAX];
	size_t len;
	uint8_t call[8];
	struct buf out = buf_init(call, sizeof call);
	rsk_federation_call(&out);
	expect(&out, "6923fa85");
	memcpy(answer + 64, text, 35);
	CHECK(rsk_federation_parse(script, &len, net, slice_of(answer, 128)) == OK && len == 23);
	CHECK(rsk_federation_parse(script, &len, main, slice_of(answer, 128)) == ERR_NETWORK);
	for (size_t n = 0; n < 128; n++)
		CHECK(rsk_federation_parse(script, &len, net, slice_of(answer, n)) == ERR_FORMAT);
	answer[63] = 65; /* longer than what is there */
	CHECK(rsk_federation_parse(script, &len, net, slice_of(answer, 128)) == ERR_FORMAT);
	answer[63] = 35;
	answer[32] = 1; /* a length over 64 bits */
	CHECK(rsk_federation_parse(script, &len, net, slice_of(answer, 128)) == ERR_FORMAT);
	answer[32] = 0;
	answer[31] = 64; /* the string elsewhere */
	CHECK(rsk_federation_parse(script, &len, net, slice_of(answer, 128)) == ERR_FORMAT);
}

int main(void)
{
	test_calls();
	test_answers();
	test_events();
	test_swap_calls();
	test_own_calls();
	test_terms();
	test_swap_events();
	test_reserved();
	test_federation();
	return 0;
}
