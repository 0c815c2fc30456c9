/* Every record survives encoding; every proper prefix is refused; a preimage is never in the clear.
 */
#include "ledger/record.h"

#include "crypto/hash.h"

#include <stdlib.h>

static const struct seal_key key = {{1, 2, 3}};

static void test_events(void)
{
	static const enum chain_event_kind kinds[] = {CHAIN_COIN_CREATED, CHAIN_COIN_SPENT,
		CHAIN_DEPOSIT, CHAIN_LOCK, CHAIN_LOCK_SPENT, CHAIN_NONCE_USED};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint8_t storage[512];
		struct buf out = buf_init(storage, sizeof storage);
		struct chain_event e = {.kind = kinds[i],
					   .flags = CHAIN_LOCK_COINBASE,
					   .tx = {{4}},
					   .amount = amount_of(ASSET_RBTC, 0)},
				   back;
		switch (e.kind) {
		case CHAIN_COIN_CREATED:
			e.at.index = 7;
			e.key_index = 1;
			e.amount = amount_of(ASSET_RBTC, 5);
			break;
		case CHAIN_COIN_SPENT: e.at.index = 9; break;
		case CHAIN_DEPOSIT: e.amount = amount_of_u128(ASSET_RBTC, (u128)1 << 100); break;
		case CHAIN_LOCK:
			e.swap.b[15] = 3;
			e.timelock = UINT64_MAX;
			break;
		case CHAIN_LOCK_SPENT:
			e.spend = LOCK_SPEND_CLAIM;
			memset(e.preimage.b, 0xab, 32);
			break;
		case CHAIN_NONCE_USED: e.nonce = 12; break;
		}
		rec_event_put(&out, &e, &key);
		CHECK(!out.overflow);
		for (size_t at = 0; at + 32 <= out.len; at++)
			CHECK(memcmp(storage + at, e.preimage.b, 32) != 0 ||
				e.kind != CHAIN_LOCK_SPENT);
		struct reader in = reader_init(buf_slice(&out));
		CHECK(rec_event_get(&in, &back, LAYER_ROOTSTOCK, &key) == OK && in.left == 0);
		CHECK(back.kind == e.kind && back.flags == e.flags && back.nonce == e.nonce);
		CHECK(amount_cmp(back.amount, e.amount) == 0 && back.timelock == e.timelock);
		CHECK(hash256_eq(&back.preimage, &e.preimage) && back.at.index == e.at.index);
		for (size_t n = 0; n < out.len; n++) {
			in = reader_init(slice_of(storage, n));
			CHECK(rec_event_get(&in, &back, LAYER_ROOTSTOCK, &key) != OK);
		}
		if (e.kind == CHAIN_LOCK_SPENT) {
			const struct seal_key other = {{9}};
			in = reader_init(buf_slice(&out));
			CHECK(rec_event_get(&in, &back, LAYER_ROOTSTOCK, &other) == ERR_CHECKSUM);
		}
	}
}

/* What a layer of channels told: every field, and a preimage that nobody can read. */
static void test_fact(void)
{
	static uint8_t storage[512];
	struct chain_event e = {.kind = CHAIN_LOCK_SPENT,
				   .tx = {{1}},
				   .at = {.tx = {{2}}},
				   .swap = {{3}},
				   .amount = amount_of(ASSET_BTC, 4),
				   .spend = LOCK_SPEND_CLAIM},
			   back;
	enum layer_id layer;
	memset(e.preimage.b, 0x5e, sizeof e.preimage.b);
	struct buf out = buf_init(storage, sizeof storage);
	rec_fact_put(&out, LAYER_LIGHTNING, &e, &key);
	for (size_t at = 0; at + 8 <= out.len; at++)
		CHECK(memcmp(storage + at, e.preimage.b, 8) != 0);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_fact_get(&in, &layer, &back, &key) == OK && layer == LAYER_LIGHTNING);
	CHECK(back.kind == e.kind && back.spend == e.spend && hash256_eq(&back.tx, &e.tx));
	CHECK(hash256_eq(&back.at.tx, &e.at.tx) && id128_eq(&back.swap, &e.swap));
	CHECK(hash256_eq(&back.preimage, &e.preimage) && amount_cmp(back.amount, e.amount) == 0);
	for (size_t len = 0; len < out.len; len++) {
		in = reader_init(slice_of(storage, len));
		CHECK(rec_fact_get(&in, &layer, &back, &key) != OK);
	}
	storage[out.len++] = 0;
	in = reader_init(buf_slice(&out));
	CHECK(rec_fact_get(&in, &layer, &back, &key) == ERR_FORMAT);
}

static void test_address(void)
{
	uint8_t storage[64];
	const struct rec_address r = {.id = {{3, [15] = 4}}, .index = 0x01020304};
	struct rec_address back;
	struct buf out = buf_init(storage, sizeof storage);
	rec_address_put(&out, &r);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_address_get(&in, &back) == OK);
	CHECK(id128_eq(&back.id, &r.id) && back.index == r.index);
	for (size_t len = 0; len < out.len; len++) {
		in = reader_init(slice_of(storage, len));
		CHECK(rec_address_get(&in, &back) != OK);
	}
	storage[out.len++] = 0;
	in = reader_init(buf_slice(&out));
	CHECK(rec_address_get(&in, &back) == ERR_FORMAT);
}

static void test_sweep(void)
{
	uint8_t storage[512];
	struct rec_sweep r = {.id = {{3}},
				 .effect = {{4}},
				 .idempotency_key = {{5}},
				 .idempotency_body = {{6}},
				 .destination = slice_str("a script"),
				 .to_wallet = true,
				 .coin_count = 2,
				 .coin = {{.txid = {{7}}, .index = 8}, {.txid = {{9}}, .index = 1}},
				 .fee = {1234},
				 .rate = 77},
			 back;
	struct buf out = buf_init(storage, sizeof storage);
	rec_sweep_put(&out, &r);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_sweep_get(&in, &back) == OK);
	CHECK(id128_eq(&back.id, &r.id) && id128_eq(&back.effect, &r.effect));
	CHECK(slice_eq(back.destination, r.destination) && back.to_wallet);
	CHECK(back.coin_count == 2 && hash256_eq(&back.coin[1].txid, &r.coin[1].txid));
	CHECK(back.coin[0].index == 8 && back.fee.raw == 1234 && back.rate == 77);
	for (size_t len = 0; len < out.len; len++) {
		in = reader_init(slice_of(storage, len));
		CHECK(rec_sweep_get(&in, &back) != OK);
	}
	storage[out.len++] = 0;
	in = reader_init(buf_slice(&out));
	CHECK(rec_sweep_get(&in, &back) == ERR_FORMAT);
}

static void test_prepared_is_sealed(void)
{
	static uint8_t storage[1024], plain[RECORD_RAW_MAX];
	static const char secret[] = "a claim with its preimage";
	struct rec_prepared r = {.effect = {{1}},
				    .fee = amount_of(ASSET_BTC, 3),
				    .layer = LAYER_BITCOIN,
				    .sealed = true,
				    .raw = slice_str(secret)},
			    back;
	struct buf out = buf_init(storage, sizeof storage);
	rec_prepared_put(&out, &r, &key);
	for (size_t at = 0; at + sizeof secret <= out.len; at++)
		CHECK(memcmp(storage + at, secret, 8) != 0);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_prepared_get(&in, &back, &key, plain) == OK);
	CHECK(slice_eq(back.raw, r.raw) && back.sealed);
	storage[1]++; /* another effect's name: the seal is bound to it */
	in = reader_init(buf_slice(&out));
	CHECK(rec_prepared_get(&in, &back, &key, plain) == ERR_CHECKSUM);
}

static void test_intent_bounds(void)
{
	static uint8_t storage[8192];
	struct rec_intent r = {.purpose = SIGN_LOCK,
				  .layer = LAYER_BITCOIN,
				  .coin_count = BTC_INPUT_MAX,
				  .value = amount_of(ASSET_BTC, 1),
				  .reserved = amount_of(ASSET_BTC, 2),
				  .terms = slice_str("terms")},
			  back;
	struct buf out = buf_init(storage, sizeof storage);
	rec_intent_put(&out, &r);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_intent_get(&in, &back) == OK && back.coin_count == BTC_INPUT_MAX);
	storage[16] = 0; /* no purpose */
	in = reader_init(buf_slice(&out));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
	storage[16] = SIGN_LOCK;
	storage[35]++; /* one coin too many */
	in = reader_init(buf_slice(&out));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
}

/* Many owners: behind all the rest, of payouts alone, and from the first byte told from one. */
static void test_intent_owners(void)
{
	static uint8_t storage[8192];
	struct rec_intent r = {.purpose = SIGN_PAYOUT,
				  .layer = LAYER_BITCOIN,
				  .owner = {{1}},
				  .more_count = BTC_PAYEE_MAX - 1,
				  .coin_count = 1,
				  .value = amount_of(ASSET_BTC, 1),
				  .reserved = amount_of(ASSET_BTC, 2)},
			  back;
	for (uint32_t i = 0; i < r.more_count; i++)
		r.more[i].b[1] = (uint8_t)(i + 1);
	struct buf out = buf_init(storage, sizeof storage);
	rec_intent_put(&out, &r);
	struct reader in = reader_init(buf_slice(&out));
	CHECK(rec_intent_get(&in, &back) == OK && back.more_count == r.more_count);
	CHECK(!back.owner_is_swap && memcmp(back.more, r.more, sizeof r.more) == 0);
	for (size_t cut = 0; cut < out.len; cut++) {
		in = reader_init(slice_of(storage, cut));
		CHECK(rec_intent_get(&in, &back) == ERR_SHORT);
	}
	const size_t count_at = out.len - 16 * r.more_count - 4;
	storage[count_at]++; /* one too many */
	in = reader_init(buf_slice(&out));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
	storage[count_at] = 0; /* many that are one */
	in = reader_init(slice_of(storage, count_at + 4));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
	storage[count_at] = 1;
	in = reader_init(slice_of(storage, count_at + 4 + 16));
	CHECK(rec_intent_get(&in, &back) == OK && back.more_count == 1);
	storage[16] = SIGN_LOCK;
	in = reader_init(slice_of(storage, count_at + 4 + 16));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
	storage[16] = SIGN_PAYOUT;
	storage[34] = 3; /* no kind of owner */
	in = reader_init(slice_of(storage, count_at + 4 + 16));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
	storage[34] = 0; /* one owner, and something behind */
	in = reader_init(slice_of(storage, count_at + 4 + 16));
	CHECK(rec_intent_get(&in, &back) == ERR_FORMAT);
}

int main(void)
{
	test_events();
	test_fact();
	test_address();
	test_sweep();
	test_prepared_is_sealed();
	test_intent_bounds();
	test_intent_owners();
	return EXIT_SUCCESS;
}
