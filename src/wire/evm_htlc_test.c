#include "wire/evm_htlc.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/evm_vectors.h"

#define CHAIN 31u

static void decode(void *out, size_t len, const char *hex)
{
	CHECK(hex_decode(out, len, slice_str(hex)) == OK);
}

static void check_hex(struct slice b, const char *want)
{
	char text[2 * EVM_HTLC_CALL_MAX + 1];
	CHECK(b.len <= EVM_HTLC_CALL_MAX);
	hex_encode(text, b.ptr, b.len);
	CHECK(strcmp(text, want) == 0);
}

static struct evm_htlc from_vector(const struct htlc_vector *v)
{
	struct evm_htlc h = {.chain_id = CHAIN, .timelock = v->timelock};
	uint8_t word[32];
	memset(h.contract.b, 0xcc, sizeof h.contract.b);
	decode(h.hash.b, sizeof h.hash.b, v->hash);
	decode(word, sizeof word, v->amount);
	decode(h.claim.b, sizeof h.claim.b, v->claim);
	decode(h.refund.b, sizeof h.refund.b, v->refund);
	CHECK(amount_load_word(&h.amount, ASSET_RBTC, word) == OK);
	return h;
}

static void check_call(void (*put)(struct buf *, const struct evm_htlc *), const struct evm_htlc *h,
	const char *want)
{
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf b = buf_init(storage, sizeof storage);
	put(&b, h);
	CHECK(!b.overflow);
	check_hex(buf_slice(&b), want);
}

static void test_calls(void)
{
	for (size_t i = 0; i < ARRAY_LEN(htlc_vectors); i++) {
		const struct htlc_vector *v = &htlc_vectors[i];
		const struct evm_htlc h = from_vector(v);
		uint8_t storage[EVM_HTLC_CALL_MAX];
		struct buf b = buf_init(storage, sizeof storage);
		struct hash256 key, preimage;
		check_call(evm_htlc_lock_call, &h, v->lock_call);
		check_call(evm_htlc_refund_call, &h, v->refund_call);
		check_call(evm_htlc_refund_for_call, &h, v->refund_for_call);
		check_call(evm_htlc_swaps_call, &h, v->swaps_call);
		check_call(evm_htlc_states_call, &h, v->states_call);
		decode(preimage.b, sizeof preimage.b, v->preimage);
		evm_htlc_claim_call(&b, &h, &preimage);
		check_hex(buf_slice(&b), v->claim_call);
		evm_htlc_key(&key, &h);
		check_hex(slice_of(key.b, sizeof key.b), v->key);
	}
}

/* What the encodings begin with is Keccak-256 of the signatures, also without the vectors. */
static void test_signatures(void)
{
	const struct evm_htlc h = from_vector(&htlc_vectors[0]);
	static const struct {
		const char *signature;
		void (*put)(struct buf *, const struct evm_htlc *);
	} calls[] = {
		{"lock(bytes32,address,uint256)", evm_htlc_lock_call},
		{"refund(bytes32,uint256,address,uint256)", evm_htlc_refund_call},
		{"refund(bytes32,uint256,address,address,uint256)", evm_htlc_refund_for_call},
		{"swaps(bytes32)", evm_htlc_swaps_call},
		{"states(bytes32)", evm_htlc_states_call},
	};
	static const struct {
		const char *signature;
		const struct hash256 *topic;
	} topics[] = {
		{"Lockup(bytes32,uint256,address,address,uint256)", &evm_htlc_topic_lockup},
		{"Claim(bytes32,bytes32)", &evm_htlc_topic_claim},
		{"Refund(bytes32)", &evm_htlc_topic_refund},
		{"Settled(bytes32,bytes32,bool)", &evm_htlc_topic_settled},
	};
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct hash256 k;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct buf b = buf_init(storage, sizeof storage);
		calls[i].put(&b, &h);
		keccak256(&k, slice_str(calls[i].signature));
		CHECK(memcmp(storage, k.b, 4) == 0);
	}
	struct buf b = buf_init(storage, sizeof storage);
	evm_htlc_claim_call(&b, &h, &k);
	keccak256(&k, slice_str("claim(bytes32,uint256,address,address,uint256)"));
	CHECK(memcmp(storage, k.b, 4) == 0);
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		keccak256(&k, slice_str(topics[i].signature));
		CHECK(hash256_eq(&k, topics[i].topic));
	}
}

struct log {
	struct hash256 topic[4];
	size_t topic_count;
	uint8_t data[64];
	size_t data_len;
};

static struct log make_log(const char *topics, const char *data)
{
	struct log l;
	uint8_t raw[sizeof l.topic];
	size_t len;
	CHECK(hex_decode_var(raw, &len, sizeof raw, slice_str(topics)) == OK);
	memcpy(l.topic, raw, len);
	l.topic_count = len / 32;
	CHECK(hex_decode_var(l.data, &l.data_len, sizeof l.data, slice_str(data)) == OK);
	return l;
}

static enum err parse_log(struct evm_htlc_event *e, const struct log *l)
{
	return evm_htlc_event_parse(
		e, ASSET_RBTC, l->topic, l->topic_count, slice_of(l->data, l->data_len));
}

static void test_events(void)
{
	for (size_t i = 0; i < ARRAY_LEN(htlc_vectors); i++) {
		const struct htlc_vector *v = &htlc_vectors[i];
		const struct evm_htlc h = from_vector(v);
		struct evm_htlc back;
		struct evm_htlc_event e;
		uint8_t a[EVM_HTLC_COIN_SIZE], b[EVM_HTLC_COIN_SIZE];
		struct buf out = buf_init(a, sizeof a), out_back = buf_init(b, sizeof b);

		struct log l = make_log(v->lockup_topics, v->lockup_data);
		CHECK(parse_log(&e, &l) == OK && e.kind == EVM_HTLC_LOCKUP);
		evm_htlc_from_lockup(&back, &e, &h.contract, CHAIN);
		evm_htlc_put(&out, &h);
		evm_htlc_put(&out_back, &back);
		CHECK(!out.overflow && out.len == EVM_HTLC_COIN_SIZE);
		CHECK(memcmp(a, b, sizeof a) == 0);

		l = make_log(v->claim_topics, v->claim_data);
		CHECK(parse_log(&e, &l) == OK && e.kind == EVM_HTLC_CLAIM);
		CHECK(hash256_eq(&e.hash, &h.hash));
		check_hex(slice_of(e.preimage.b, 32), v->preimage);
		l.data[31] ^= 1;
		CHECK(parse_log(&e, &l) == ERR_CHECKSUM);

		l = make_log(v->refund_topics, v->refund_data);
		CHECK(parse_log(&e, &l) == OK && e.kind == EVM_HTLC_REFUND);
		CHECK(hash256_eq(&e.hash, &h.hash));

		l = make_log(v->settled_topics, v->settled_data);
		CHECK(parse_log(&e, &l) == OK && e.kind == EVM_HTLC_SETTLED);
		CHECK(hash256_eq(&e.hash, &h.hash) && e.claimed == (i % 2 == 0));
		check_hex(slice_of(e.key.b, 32), v->key);
	}
}

static void test_events_refused(void)
{
	const struct htlc_vector *v = &htlc_vectors[0];
	const struct log good[] = {make_log(v->lockup_topics, v->lockup_data),
		make_log(v->claim_topics, v->claim_data),
		make_log(v->refund_topics, v->refund_data),
		make_log(v->settled_topics, v->settled_data)};
	struct evm_htlc_event e = {.kind = EVM_HTLC_REFUND, .timelock = 77};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct log l = good[i];
		l.topic_count--;
		CHECK(parse_log(&e, &l) == ERR_FORMAT);
		l = good[i];
		if (l.data_len > 0) {
			l.data_len--;
			CHECK(parse_log(&e, &l) == ERR_FORMAT);
		} else {
			l.data_len++;
			CHECK(parse_log(&e, &l) == ERR_FORMAT);
		}
		l = good[i];
		l.topic[0].b[0] ^= 1;
		CHECK(parse_log(&e, &l) == ERR_NOT_FOUND);
		l = good[i];
		l.topic_count = 0;
		CHECK(parse_log(&e, &l) == ERR_NOT_FOUND);
	}
	struct log l = good[0];
	l.topic[2].b[11] = 1; /* an address over 160 bits */
	CHECK(parse_log(&e, &l) == ERR_FORMAT);
	l = good[0];
	l.data[15] = 1; /* an amount over 128 bits */
	CHECK(parse_log(&e, &l) == ERR_RANGE);
	l = good[0];
	l.data[32 + 23] = 1; /* a time lock over 64 bits */
	CHECK(parse_log(&e, &l) == ERR_RANGE);
	l = good[3];
	l.data[31] = 2; /* no bool */
	CHECK(parse_log(&e, &l) == ERR_FORMAT);
	CHECK(e.timelock == 77); /* untouched by all of these */
}

static void test_terms(void)
{
	const struct evm_htlc h = from_vector(&htlc_vectors[3]);
	uint8_t bytes[EVM_HTLC_COIN_SIZE + 1] = {0};
	struct buf b = buf_init(bytes, EVM_HTLC_COIN_SIZE);
	struct evm_htlc back;
	evm_htlc_put(&b, &h);
	CHECK(evm_htlc_parse(&back, LAYER_ROOTSTOCK, slice_of(bytes, EVM_HTLC_COIN_SIZE)) == OK);
	CHECK(amount_cmp(back.amount, h.amount) == 0 && back.timelock == h.timelock);
	CHECK(evm_address_eq(&back.claim, &h.claim) && evm_address_eq(&back.refund, &h.refund));
	CHECK(evm_address_eq(&back.contract, &h.contract) && hash256_eq(&back.hash, &h.hash));
	CHECK(evm_htlc_parse(&back, LAYER_ROOTSTOCK, slice_of(bytes, EVM_HTLC_COIN_SIZE - 1)) ==
		ERR_SHORT);
	CHECK(evm_htlc_parse(&back, LAYER_ROOTSTOCK, slice_of(bytes, EVM_HTLC_COIN_SIZE + 1)) ==
		ERR_FORMAT);

	/* offset and length of each field that must not be zero: contract, chain id, amount, claim,
	 * refund, time lock */
	static const struct {
		size_t at, len;
	} fields[] = {{0, 20}, {20, 8}, {60, 16}, {76, 20}, {96, 20}, {116, 8}};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		uint8_t copy[EVM_HTLC_COIN_SIZE];
		memcpy(copy, bytes, sizeof copy);
		memset(copy + fields[i].at, 0, fields[i].len);
		CHECK(evm_htlc_parse(&back, LAYER_ROOTSTOCK, slice_of(copy, sizeof copy)) ==
			ERR_FORMAT);
	}
	bytes[60]++; /* a wei over all there is */
	CHECK(evm_htlc_parse(&back, LAYER_ROOTSTOCK, slice_of(bytes, EVM_HTLC_COIN_SIZE)) ==
		ERR_RANGE);
}

/* The creation code ends with the runtime code whose hash we require: there is no metadata, no
 * immutable and no constructor argument. */
static void test_code(void)
{
	struct hash256 h;
	bool found = false;
	for (size_t i = 0; i < evm_htlc_creation_code_len && !found; i++) {
		keccak256(&h, slice_of(evm_htlc_creation_code + i, evm_htlc_creation_code_len - i));
		found = hash256_eq(&h, &evm_htlc_runtime_code_hash);
	}
	CHECK(found);
}

int main(void)
{
	test_calls();
	test_signatures();
	test_events();
	test_events_refused();
	test_terms();
	test_code();
	return EXIT_SUCCESS;
}
