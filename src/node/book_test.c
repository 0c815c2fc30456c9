/* The customers' book, through the engine: what each item of a batch answers, that nothing is lost
 * and nothing done twice, that the same request answers the same, that a replay finds the same
 * state, and that random batches agree with a model without index, rows and batches. */
#include <stdlib.h>

#include "base/draw_test.h"
#include "crypto/hash.h"
#include "node/engine_world_test.h"

#define LAYER LAYER_ROOTSTOCK
#define ITEMS_MAX 64u
#define COIN (FUNDS_WEI_PER_SAT * 1000)

static struct world w;
static struct book_transfer item[ITEMS_MAX];
static uint32_t item_count;
static uint64_t key_count;

static struct id128 id_of(uint64_t n)
{
	struct id128 id = {{0}};
	store_le64(id.b, n);
	return id;
}

static struct hash256 next_key(void)
{
	struct hash256 key;
	uint8_t n[8];
	store_le64(n, ++key_count);
	sha256(&key, slice_of(n, sizeof n));
	return key;
}

/* 0: custody */
static void add(uint64_t id, uint64_t from, uint64_t to, uint64_t amount)
{
	CHECK(item_count < ITEMS_MAX);
	item[item_count++] = (struct book_transfer){.id = id_of(id),
		.from = id_of(from),
		.to = id_of(to),
		.amount = amount_of(layer_asset(LAYER), amount)};
}

static struct book_answer move_with(
	enum err want, const struct hash256 *key, const struct hash256 *body)
{
	struct book_answer answer;
	const struct book_transfers_command c = {.now_ms = w.now,
		.idempotency_key = *key,
		.idempotency_body = *body,
		.layer = LAYER,
		.transfer = item,
		.count = item_count};
	CHECK(engine_book_transfer(w.engine, &answer, &c) == want);
	return answer;
}

/* One transfer alone. */
static enum book_result move(uint64_t id, uint64_t from, uint64_t to, uint64_t amount)
{
	const struct hash256 key = next_key();
	item_count = 0;
	add(id, from, to, amount);
	return (enum book_result)move_with(OK, &key, &key).result[0];
}

static enum book_result open_account(uint64_t id, enum layer_id layer, uint32_t flags)
{
	struct book_answer answer;
	const struct book_opening o = {.id = id_of(id), .layer = layer, .flags = flags};
	const struct book_openings_command c = {
		.now_ms = w.now, .idempotency_key = next_key(), .opening = &o, .count = 1};
	CHECK(engine_book_open(w.engine, &answer, &c) == OK);
	return (enum book_result)answer.result[0];
}

static const struct book_account *account(uint64_t id)
{
	const struct id128 name = id_of(id);
	const uint32_t at = book_account_find(&w.ledger->book, &name);
	CHECK(at != BOOK_NONE);
	return &w.ledger->book.account[at];
}

static void expect_balance(uint64_t id, uint64_t in, uint64_t out)
{
	CHECK(account(id)->in == in && account(id)->out == out);
}

/* What customers are owed is what the books say, and a replay finds it again. */
static void check_books(void)
{
	for (unsigned i = 0; i < WORLD_LAYERS; i++) {
		const struct account_total *t = &w.ledger->layer[i].account[ACCOUNT_CUSTOMER];
		u128 in, out;
		book_totals(&w.ledger->book, (enum layer_id)i, &in, &out);
		CHECK(in - out == t->out - t->in);
	}
	world_replay(&w);
}

static void test_accounts(void)
{
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE);
	CHECK(open_account(1, LAYER, 0) == BOOK_EXISTS);
	CHECK(open_account(1, LAYER, BOOK_OVERDRAFT) == BOOK_EXISTS_DIFFERENT);
	CHECK(open_account(1, LAYER_BITCOIN, 0) == BOOK_EXISTS_DIFFERENT);
	CHECK(open_account(0, LAYER, 0) == BOOK_ID_INVALID);
	/* a transfer may have an account's id: they are names of different things */
	CHECK(move(1, 0, 1, 5) == BOOK_DONE);
	const struct book_opening o[] = {{.id = id_of(1), .layer = LAYER},
		{.id = id_of(2), .layer = LAYER}, {.id = id_of(2), .layer = LAYER},
		{.id = id_of(3), .layer = LAYER}};
	static const enum book_result want[] = {BOOK_EXISTS, BOOK_DONE, BOOK_EXISTS, BOOK_DONE};
	const struct book_openings_command c = {.now_ms = w.now,
		.idempotency_key = next_key(),
		.opening = o,
		.count = ARRAY_LEN(o)};
	struct book_answer answer;
	for (unsigned again = 0; again < 2; again++) {
		CHECK(engine_book_open(w.engine, &answer, &c) == (again == 0 ? OK : ERR_EXISTS));
		for (size_t i = 0; i < ARRAY_LEN(want); i++)
			CHECK(answer.result[i] == want[i]);
	}
	check_books();
	world_end(&w);
}

static void test_transfers(void)
{
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE && open_account(2, LAYER, 0) == BOOK_DONE);
	CHECK(open_account(3, LAYER_BITCOIN, 0) == BOOK_DONE);
	CHECK(open_account(4, LAYER, BOOK_OVERDRAFT) == BOOK_DONE);
	CHECK(move(10, 0, 1, 100) == BOOK_DONE);
	CHECK(move(11, 1, 2, 60) == BOOK_DONE);
	CHECK(move(12, 1, 2, 41) == BOOK_FUNDS_SHORT);
	CHECK(move(13, 1, 2, 0) == BOOK_AMOUNT_INVALID);
	CHECK(move(0, 1, 2, 1) == BOOK_ID_INVALID);
	CHECK(move(14, 1, 1, 1) == BOOK_SAME_ACCOUNT && move(14, 0, 0, 1) == BOOK_SAME_ACCOUNT);
	CHECK(move(15, 9, 2, 1) == BOOK_FROM_UNKNOWN && move(16, 1, 9, 1) == BOOK_TO_UNKNOWN);
	CHECK(move(17, 1, 3, 1) == BOOK_LAYER_DIFFERENT);
	CHECK(move(22, 3, 1, 1) == BOOK_LAYER_DIFFERENT);
	CHECK(move(18, 4, 2, 7) == BOOK_DONE);
	expect_balance(4, 0, 7);
	expect_balance(1, 100, 60);
	expect_balance(2, 67, 0);
	/* out again, and no more than there is */
	CHECK(move(19, 2, 0, 68) == BOOK_FUNDS_SHORT && move(20, 2, 0, 67) == BOOK_DONE);
	/* the same again does nothing; other content under the id is told apart */
	CHECK(move(11, 1, 2, 60) == BOOK_EXISTS);
	CHECK(move(11, 1, 2, 61) == BOOK_EXISTS_DIFFERENT);
	CHECK(move(11, 2, 1, 60) == BOOK_EXISTS_DIFFERENT);
	CHECK(move(11, 0, 2, 60) == BOOK_EXISTS_DIFFERENT);
	const struct hash256 key = next_key();
	item_count = 0;
	add(11, 1, 2, 60);
	item[0].tag = 1;
	CHECK(move_with(OK, &key, &key).result[0] == BOOK_EXISTS_DIFFERENT);
	expect_balance(1, 100, 60);
	/* what failed stays failed, even where it could be done now */
	CHECK(move(21, 0, 1, 1000) == BOOK_DONE && open_account(9, LAYER, 0) == BOOK_DONE);
	CHECK(move(12, 1, 2, 41) == BOOK_FUNDS_SHORT && move(16, 1, 9, 1) == BOOK_TO_UNKNOWN);
	CHECK(move(12, 1, 2, 42) == BOOK_EXISTS_DIFFERENT);
	expect_balance(1, 1100, 60);
	/* what no state could make good does not use up its id */
	CHECK(move(14, 1, 2, 1) == BOOK_DONE);
	check_books();
	world_end(&w);
}

/* No more is owed than is available; what is owed is not spent. */
static void test_custody(void)
{
	struct command_result result;
	struct transfer_command pay = {.now_ms = w.now,
		.id = {{1}},
		.effect_id = {{2}},
		.idempotency_key = {{3}},
		.layer = LAYER,
		.destination = {0xaa},
		.destination_len = 20};
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE && open_account(2, LAYER, 0) == BOOK_DONE);
	const uint64_t funds = FUNDS_SAT * FUNDS_WEI_PER_SAT;
	CHECK(move(1, 0, 1, funds + 1) == BOOK_CUSTODY_SHORT);
	CHECK(move(2, 0, 1, funds) == BOOK_DONE && move(3, 0, 2, 1) == BOOK_CUSTODY_SHORT);
	CHECK(amount_is_zero(ledger_unclaimed(w.ledger, LAYER)));
	CHECK(amount_cmp(ledger_custody(w.ledger, LAYER), w.chain[LAYER]) == 0);
	pay.amount = amount_of(ASSET_RBTC, COIN * 2);
	CHECK(engine_transfer(w.engine, &result, &pay) == ERR_REJECTED);
	CHECK(strcmp(result.refusal.code, "insufficient_funds") == 0);
	/* within a batch, what leaves makes room for what comes */
	const struct hash256 key = next_key();
	item_count = 0;
	add(4, 0, 2, COIN);
	add(5, 1, 0, COIN * 3);
	add(6, 0, 2, COIN);
	const struct book_answer answer = move_with(OK, &key, &key);
	CHECK(answer.result[0] == BOOK_CUSTODY_SHORT && answer.result[1] == BOOK_DONE);
	CHECK(answer.result[2] == BOOK_DONE);
	const struct amount most = ledger_unclaimed(w.ledger, LAYER);
	CHECK(amount_cmp(most, amount_of(ASSET_RBTC, COIN * 2)) == 0);
	CHECK(amount_cmp(engine_free_funds(w.ledger, LAYER), most) <= 0);
	CHECK(engine_transfer(w.engine, &result, &pay) == ERR_REJECTED); /* and its gas */
	CHECK(move(7, 1, 0, funds / 2) == BOOK_DONE);
	CHECK(engine_transfer(w.engine, &result, &pay) == OK);
	/* while books and chain may differ, customers move what they have and get nothing new */
	CHECK(engine_latch(w.engine, w.now, true, "test") == OK);
	CHECK(move(8, 0, 2, 1) == BOOK_CUSTODY_SHORT && move(9, 1, 2, 1) == BOOK_DONE);
	check_books();
	world_end(&w);
}

static void test_overflow(void)
{
	world_begin(&w);
	CHECK(open_account(1, LAYER, BOOK_OVERDRAFT) == BOOK_DONE);
	CHECK(open_account(2, LAYER, BOOK_OVERDRAFT) == BOOK_DONE);
	/* no sequence of transfers gets there in a lifetime: put there by hand */
	struct book *b = &w.ledger->book;
	b->account[0].out = ~(u128)0 - 9;
	CHECK(move(1, 1, 2, 10) == BOOK_OVERFLOW && move(2, 1, 2, 9) == BOOK_DONE);
	b->account[0].out = 9;
	b->account[1].in = ~(u128)0;
	CHECK(move(3, 1, 2, 1) == BOOK_OVERFLOW);
	b->account[1].in = 9;
	item_count = 0;
	add(4, 1, 2, 1);
	CHECK(amount_add(&item[0].amount, amount_max(ASSET_RBTC), item[0].amount) == OK);
	const struct hash256 key = next_key();
	CHECK(move_with(OK, &key, &key).result[0] == BOOK_AMOUNT_INVALID);
	item[0].amount.asset = ASSET_BTC;
	(void)move_with(ERR_RANGE, &key, &key);
	engine_flush(w.engine);
	journal_close(w.journal);
	engine_destroy(w.engine);
	ledger_destroy(w.ledger);
	file_sim_destroy(w.disk);
}

/* A key used before answers as it did, whatever happened since; for another body it is refused. */
static void test_again(void)
{
	uint8_t first[ITEMS_MAX];
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE && open_account(2, LAYER, 0) == BOOK_DONE);
	CHECK(move(1, 0, 1, 10) == BOOK_DONE);
	const struct hash256 key = next_key(), body = next_key(), other = next_key();
	item_count = 0;
	add(1, 0, 1, 10); /* an earlier batch's */
	add(2, 1, 2, 8);
	add(2, 1, 2, 8); /* twice in this one */
	add(3, 1, 2, 8); /* too much */
	add(4, 7, 2, 8);
	add(0, 1, 2, 8);
	add(5, 2, 1, 8);
	static const enum book_result want[] = {BOOK_EXISTS, BOOK_DONE, BOOK_EXISTS,
		BOOK_FUNDS_SHORT, BOOK_FROM_UNKNOWN, BOOK_ID_INVALID, BOOK_DONE};
	struct book_answer answer = move_with(OK, &key, &body);
	for (uint32_t i = 0; i < item_count; i++)
		CHECK(answer.result[i] == want[i]);
	memcpy(first, answer.result, item_count);
	struct book_transfer kept[ITEMS_MAX];
	const uint32_t kept_count = item_count;
	memcpy(kept, item, sizeof kept);
	CHECK(move(6, 0, 1, 100) == BOOK_DONE && open_account(7, LAYER, 0) == BOOK_DONE);
	CHECK(move(3, 1, 2, 8) == BOOK_FUNDS_SHORT);
	world_replay(&w);
	const uint64_t seq = w.ledger->seq;
	memcpy(item, kept, sizeof kept);
	item_count = kept_count;
	answer = move_with(ERR_EXISTS, &key, &body);
	CHECK(answer.same_body && w.ledger->seq == seq && answer.seq < seq);
	CHECK(memcmp(answer.result, first, item_count) == 0);
	CHECK(!move_with(ERR_EXISTS, &key, &other).same_body);
	check_books();
	world_end(&w);
}

static void test_history(void)
{
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE && open_account(2, LAYER, 0) == BOOK_DONE);
	CHECK(move(1, 0, 1, 9) == BOOK_DONE && move(2, 1, 2, 10) == BOOK_FUNDS_SHORT);
	CHECK(move(3, 1, 2, 4) == BOOK_DONE && move(4, 0, 2, 1) == BOOK_DONE);
	CHECK(move(5, 2, 1, 1) == BOOK_DONE);
	const struct book *b = &w.ledger->book;
	static const struct {
		uint32_t account, count;
		uint64_t id[4];
	} want[] = {{0, 3, {5, 3, 1}}, {1, 3, {5, 4, 3}}};
	for (size_t k = 0; k < ARRAY_LEN(want); k++) {
		uint32_t row = b->account[want[k].account].last;
		for (uint32_t i = 0; i < want[k].count; i++) {
			CHECK(load_le64(b->row[row].id.b) == want[k].id[i]);
			CHECK(book_history_has(b, want[k].account, row));
			row = book_history_next(b, want[k].account, row);
		}
		CHECK(row == BOOK_NONE && b->account[want[k].account].transfers == want[k].count);
	}
	const struct id128 failed = id_of(2);
	const uint32_t row = book_transfer_find(b, &failed);
	CHECK(row != BOOK_NONE && b->row[row].result == BOOK_FUNDS_SHORT);
	CHECK(!book_history_has(b, 0, row) && !book_history_has(b, 0, b->row_count));
	check_books();
	world_end(&w);
}

static void test_full(void)
{
	uint64_t id = 100;
	struct book_answer answer;
	struct hash256 key = next_key();
	world_begin(&w);
	CHECK(open_account(1, LAYER, 0) == BOOK_DONE);
	const struct book *b = &w.ledger->book;
	while (b->row_capacity - b->row_count >= ITEMS_MAX + 1) {
		item_count = 0;
		while (item_count < ITEMS_MAX)
			add(id++, 0, 1, 1);
		key = next_key();
		(void)move_with(OK, &key, &key);
	}
	CHECK(account(1)->in == id - 100);
	/* nothing of a batch that does not fit; what fits still does; what was done is known */
	const uint64_t seq = w.ledger->seq;
	item_count = 0;
	while (item_count < ITEMS_MAX)
		add(id++, 0, 1, 1);
	const struct hash256 more = next_key();
	answer = move_with(ERR_FULL, &more, &more);
	CHECK(answer.book_full && w.ledger->seq == seq);
	item_count = b->row_capacity - b->row_count - 1;
	if (item_count > 0)
		CHECK(move_with(OK, &more, &more).result[0] == BOOK_DONE);
	CHECK(b->row_count >= b->row_capacity - 1);
	item_count = 0;
	key = next_key();
	(void)move_with(ERR_RANGE, &key, &key);
	check_books();
	world_end(&w);
}

/* ---- the model ---- */

#define MODEL_ACCOUNTS 12u
#define MODEL_IDS 400u

static struct model {
	bool open[MODEL_ACCOUNTS];
	uint32_t flags[MODEL_ACCOUNTS];
	int64_t balance[MODEL_ACCOUNTS];
	struct {
		bool used, any_from, any_to; /* not remembered of what failed */
		uint64_t from, to, amount;
		enum book_result result;
	} id[MODEL_IDS];
} model;

static enum book_result model_move(uint64_t id, uint64_t from, uint64_t to, uint64_t amount)
{
	if (id == 0)
		return BOOK_ID_INVALID;
	if (amount == 0)
		return BOOK_AMOUNT_INVALID;
	if (from == to)
		return BOOK_SAME_ACCOUNT;
	if (model.id[id].used) {
		if (model.id[id].amount != amount ||
			(model.id[id].from != from && !model.id[id].any_from) ||
			(model.id[id].to != to && !model.id[id].any_to))
			return BOOK_EXISTS_DIFFERENT;
		return model.id[id].result == BOOK_DONE ? BOOK_EXISTS : model.id[id].result;
	}
	enum book_result r = BOOK_DONE;
	if (!model.open[from])
		r = BOOK_FROM_UNKNOWN;
	else if (!model.open[to])
		r = BOOK_TO_UNKNOWN;
	else if (from != 0 && model.flags[from] == 0 && model.balance[from] < (int64_t)amount)
		r = BOOK_FUNDS_SHORT;
	model.id[id].used = true;
	model.id[id].from = from;
	model.id[id].to = to;
	model.id[id].amount = amount;
	model.id[id].result = r;
	model.id[id].any_from = r != BOOK_DONE && (from == 0 || !model.open[from]);
	model.id[id].any_to = r != BOOK_DONE && (to == 0 || !model.open[to]);
	if (r == BOOK_DONE) {
		model.balance[from] -= (int64_t)amount;
		model.balance[to] += (int64_t)amount;
	}
	return r;
}

static void model_step(void)
{
	enum book_result want[ITEMS_MAX];
	const struct hash256 key = next_key();
	const uint64_t fresh = 1 + draw(MODEL_ACCOUNTS - 1);
	if (draw(4) == 0 && !model.open[fresh]) {
		model.open[fresh] = true;
		model.flags[fresh] = draw(4) == 0 ? BOOK_OVERDRAFT : 0;
		CHECK(open_account(fresh, LAYER, model.flags[fresh]) == BOOK_DONE);
	}
	item_count = 0;
	for (uint64_t n = 1 + draw(12); n > 0; n--) {
		const uint64_t id = draw(MODEL_IDS), amount = draw(50);
		uint64_t from = draw(MODEL_ACCOUNTS), to = draw(MODEL_ACCOUNTS);
		const bool again = draw(5) == 0 && model.id[id].used;
		add(id, again ? model.id[id].from : from, again ? model.id[id].to : to,
			again ? model.id[id].amount : amount);
		from = load_le64(item[item_count - 1].from.b);
		to = load_le64(item[item_count - 1].to.b);
		want[item_count - 1] = model_move(
			id, from, to, again ? model.id[id].amount : amount);
	}
	const struct book_answer answer = move_with(OK, &key, &key);
	for (uint32_t i = 0; i < item_count; i++)
		CHECK(answer.result[i] == want[i]);
}

static void test_model(uint64_t seed)
{
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	model = (struct model){.open = {true}};
	world_begin(&w);
	for (unsigned step = 0; step < 200; step++)
		model_step();
	for (uint64_t a = 1; a < MODEL_ACCOUNTS; a++)
		if (model.open[a])
			CHECK((int64_t)(uint64_t)(account(a)->in - account(a)->out) ==
				model.balance[a]);
	check_books();
	world_end(&w);
}

int main(void)
{
	test_accounts();
	test_transfers();
	test_custody();
	test_overflow();
	test_again();
	test_history();
	test_full();
	for (uint64_t seed = 1; seed <= 10; seed++)
		test_model(seed);
	return EXIT_SUCCESS;
}
