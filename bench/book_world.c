#include "book_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/secp.h"
#include "node/config.h"
#include "sys/pages.h"

#define SEGMENT ((size_t)64 << 20)
#define CREDIT UINT64_C(10000000) /* of each account */
#define AMOUNT_MAX 100u
#define KEY_SEED UINT64_C(0x5eed)

static const char yaml[] =
	"bitcoin: {enabled: true, network: regtest, block_interval_ms: 1000, drift_permille: 50, "
	"outage_ms: 0, depth: '0:2', final_depth: 3, claim_blocks: 2, lock_blocks: 80, "
	"funding_blocks: 20, swap_min: 0.0001, swap_max: 10, bump_blocks: 3}\n"
	"rootstock: {enabled: true, network: regtest, block_interval_ms: 1000, drift_permille: 50, "
	"outage_ms: 0, depth: '0:2', final_depth: 3, claim_blocks: 2, lock_blocks: 80, "
	"funding_blocks: 20, swap_min: 0.0001, swap_max: 10, bump_blocks: 3, "
	"contract: '0xcccccccccccccccccccccccccccccccccccccccc'}\n";

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static struct id128 id_of(uint64_t kind, uint64_t n)
{
	struct id128 id;
	store_le64(id.b, mix(n + 1));
	store_le64(id.b + 8, mix(mix(n) ^ kind));
	return id;
}

static struct id128 account_id(uint64_t n)
{
	return id_of(1, n);
}

static void want_large_pages(void *ctx, void *table, size_t size)
{
	(void)ctx;
	pages_advise(table, size);
}

/* As the daemon's. */
struct ledger *book_world_ledger(const struct book_world *w)
{
	struct ledger *l;
	CHECK(ledger_create(&l, &w->capacity, &w->seal, KEY_SEED) == OK);
	ledger_large_tables(l, want_large_pages, NULL);
	return l;
}

static struct hash256 next_key(struct book_world *w)
{
	struct hash256 key = {{0}};
	store_le64(key.b, mix(++w->sent));
	store_le64(key.b + 8, w->sent);
	return key;
}

static void begin_books(struct book_world *w)
{
	static struct config config;
	struct config_error error;
	const struct config_source source = {.path = "bench"};
	struct ledger_params params;
	struct seckey secret = {{[31] = 5}};
	const struct block_ref birth = {.height = 100, .hash = {{1}}};
	const enum err err = config_load_text(&config, slice_str(yaml), &source, &error);
	if (err != OK)
		(void)fprintf(stderr, "%s\n", error.text);
	CHECK(err == OK);
	config_params(&params, &config);
	CHECK(pubkey_from_seckey(&params.wallet, &secret) == OK);
	CHECK(engine_params(w->engine, 1, &params) == OK);
	CHECK(engine_birth(w->engine, 1, BOOK_LAYER, &birth, 0,
		      amount_of(layer_asset(BOOK_LAYER), CREDIT * BOOK_ACCOUNTS),
		      amount_zero(layer_gas_asset(BOOK_LAYER))) == OK);
}

static void open_accounts(struct book_world *w)
{
	static struct book_opening opening[BOOK_BATCH_MAX];
	struct book_answer answer;
	for (uint32_t done = 0; done < BOOK_ACCOUNTS;) {
		struct book_openings_command c = {
			.now_ms = 1, .idempotency_key = next_key(w), .opening = opening};
		for (; c.count < BOOK_BATCH_MAX && done < BOOK_ACCOUNTS; c.count++, done++)
			opening[c.count] = (struct book_opening){
				.id = account_id(done), .layer = BOOK_LAYER};
		CHECK(engine_book_open(w->engine, &answer, &c) == OK);
		struct book_transfers_command t = {.now_ms = 1,
			.idempotency_key = next_key(w),
			.layer = BOOK_LAYER,
			.transfer = w->transfer,
			.count = c.count};
		for (uint32_t i = 0; i < c.count; i++)
			w->transfer[i] = (struct book_transfer){.id = opening[i].id,
				.to = opening[i].id,
				.amount = amount_of(layer_asset(BOOK_LAYER), CREDIT)};
		CHECK(engine_book_transfer(w->engine, &answer, &t) == OK);
		for (uint32_t i = 0; i < t.count; i++)
			CHECK(answer.result[i] == BOOK_DONE);
	}
	engine_flush(w->engine);
	CHECK(journal_wait(w->journal, journal_last(w->journal)) == OK);
}

void book_world_open(
	struct book_world *w, const char *dir, uint64_t rows, void (*on_durable)(void *ctx))
{
	struct journal_error error = {{0}};
	char path[FILE_PATH_SIZE];
	secp_init(w->seal.b);
	*w = (struct book_world){.dir = dir,
		.capacity = {.swaps = 16,
			.transfers = 16,
			.effects = 64,
			.coins = 64,
			.postings = 4096,
			.book_accounts = BOOK_ACCOUNTS,
			.book_rows = (uint32_t)rows + 2 * BOOK_ACCOUNTS}};
	CHECK(file_path_join(path, dir, "book") == OK);
	w->transfer = calloc(BOOK_BATCH_MAX, sizeof *w->transfer);
	CHECK(w->transfer != NULL);
	w->ledger = book_world_ledger(w);
	const struct journal_config journal = {.dir = path,
		.fresh_cluster = {{1}},
		.segment_size = SEGMENT,
		.on_durable = on_durable};
	const enum err err = journal_open(&w->journal, &journal, NULL, NULL, &error);
	if (err != OK)
		(void)fprintf(stderr, "%s\n", error.text);
	CHECK(err == OK);
	const struct log_index_config log = {
		.journal = w->journal, .journal_dir = path, .dir = path};
	CHECK(log_index_open(&w->log, &log) == OK);
	const struct engine_config engine = {.journal = w->journal, .ledger = w->ledger};
	CHECK(engine_create(&w->engine, &engine) == OK);
	begin_books(w);
	open_accounts(w);
}

void book_world_end(struct book_world *w)
{
	log_index_close(w->log);
	journal_close(w->journal);
	engine_destroy(w->engine);
	ledger_destroy(w->ledger);
	free(w->transfer);
}

void book_world_draw(struct book_world *w, uint64_t i, uint32_t count)
{
	w->count = count;
	for (uint32_t k = 0; k < count; k++) {
		const uint64_t n = i * count + k, drawn = mix(n ^ KEY_SEED);
		const uint64_t from = drawn % BOOK_ACCOUNTS;
		const uint64_t to = (from + 1 + (drawn >> 32) % (BOOK_ACCOUNTS - 1)) %
			BOOK_ACCOUNTS;
		w->transfer[k] = (struct book_transfer){.id = id_of(2, n),
			.from = account_id(from),
			.to = account_id(to),
			.amount = amount_of(
				layer_asset(BOOK_LAYER), 1 + (drawn >> 20) % AMOUNT_MAX),
			.tag = n};
	}
}

uint64_t book_world_send(struct book_world *w, enum err want)
{
	struct book_answer answer;
	const struct book_transfers_command c = {.now_ms = 1,
		.idempotency_key = next_key(w),
		.layer = BOOK_LAYER,
		.transfer = w->transfer,
		.count = w->count};
	enum err err;
	while ((err = engine_book_transfer(w->engine, &answer, &c)) == ERR_FULL &&
		!answer.book_full) {
		/* all groups are taken: the oldest is waited for */
		engine_flush(w->engine);
		CHECK(journal_wait(w->journal, journal_durable(w->journal) + 1) == OK);
	}
	CHECK(err == want);
	return answer.seq;
}
