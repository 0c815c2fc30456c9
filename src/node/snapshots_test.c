/* node/snapshots over a history that an engine made, on the simulated disk and on real files: a
 * start from a snapshot and the journal behind it is the ledger that a replay of everything gives,
 * after a power cut at every operation as well; what can't be used is passed over; and a thread
 * that makes them while records are appended. */
#include "node/snapshots.h"
#include "base/draw_test.h"
#include "base/mutant.h"
#include "node/engine_world_test.h"
#include "ledger/blob.h"
#include "ledger/snapshot.h"
#include "node/journal_fold.h"
#include "node/log.h"
#include "store/journal_scan.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SMALL_SEGMENT (32u << 10)
#define READ_ON 20u   /* records while somebody reads from the first one on */
#define DIR "journal" /* as the world's */
#define RECORDS_MAX 4000u
#define SNAPSHOTS_WANTED 3u
#define UNSYNCED_MAX 16384u
#define CUT_ONE_IN 6u
#define REAL_DIR "snapshots_test.journal"

static const struct ledger_capacity capacity = {
	.swaps = 64, .transfers = 64, .effects = 256, .coins = 256, .postings = 4096};
static const struct seal_key key = {{0}}; /* as the world's */

static struct snapshots_source source_of(const struct file_ops *ops, const char *dir)
{
	return (struct snapshots_source){.ops = ops,
		.dir = dir,
		.capacity = &capacity,
		.seal = &key,
		.map_seed = 3,
		.up_to = UINT64_MAX};
}

static struct snapshots *snapshots_paced(const struct file_ops *ops, const char *dir,
	const struct journal *j, bool synchronous, uint64_t rate)
{
	struct snapshots *s;
	const struct snapshots_config config = {.source = source_of(ops, dir),
		.settings = {.every_bytes = 1, .keep = 2, .write_rate = rate},
		.journal = j,
		.floor_seq = UINT64_MAX,
		.synchronous = synchronous};
	CHECK(snapshots_create(&s, &config) == OK);
	return s;
}

static struct snapshots *snapshots_of(
	const struct file_ops *ops, const char *dir, const struct journal *j, bool synchronous)
{
	return snapshots_paced(ops, dir, j, synchronous, 0);
}

/* ---- a start, both ways ---- */

static enum err apply(void *ctx, const struct journal_record *r)
{
	return ledger_apply(ctx, r->seq, r->type, r->payload);
}

static enum err fold(struct hash256 *out, uint64_t *seq, struct file_sim *disk,
	const struct journal_start *start, struct ledger *l)
{
	struct journal_error error = {{0}};
	struct journal *j;
	const struct journal_config config = {.dir = DIR,
		.ops = file_sim_ops(disk),
		.fresh_cluster = {{1}},
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.start = start,
		.synchronous = true};
	const enum err err = journal_open(&j, &config, apply, l, &error);
	if (err == OK) {
		ledger_hash(l, out);
		*seq = l->seq;
		journal_close(j);
	}
	ledger_destroy(l);
	return err;
}

/* From the newest snapshot, from the oldest, and from the first record: the same. Returns how many
 * records that is. */
static uint64_t check_start(const struct file_sim *disk, uint64_t *from)
{
	struct hash256 whole, short_cut;
	uint64_t whole_seq, seq;
	struct ledger *l;
	struct file_sim *copy = file_sim_copy(disk);
	CHECK(ledger_create(&l, &capacity, &key, 1) == OK);
	CHECK(fold(&whole, &whole_seq, copy, NULL, l) == OK);
	file_sim_destroy(copy);
	for (unsigned oldest = 0; oldest < 2; oldest++) {
		struct snapshots_found found;
		copy = file_sim_copy(disk);
		struct snapshots_source source = source_of(file_sim_ops(copy), DIR);
		source.oldest = oldest != 0;
		CHECK(snapshots_restore(&found, &source) == OK);
		if (oldest == 0)
			*from = found.start.chain.next_seq - 1;
		CHECK(fold(&short_cut, &seq, copy, &found.start, found.ledger) == OK);
		CHECK(seq == whole_seq && hash256_eq(&short_cut, &whole));
		file_sim_destroy(copy);
	}
	return whole_seq;
}

/* ---- power ---- */

struct cutter {
	struct world *w;
	uint64_t durable;
	unsigned changes, cuts, from_snapshots;
};

static void on_change(void *ctx)
{
	static uint8_t survives[UNSYNCED_MAX];
	struct cutter *c = ctx;
	if (c->changes++ % CUT_ONE_IN != 0)
		return;
	const size_t count = file_sim_unsynced(c->w->disk);
	CHECK(count <= sizeof survives);
	const uint64_t chance = draw(3) * 50;
	uint64_t from;
	for (size_t i = 0; i < count; i++)
		survives[i] = draw(100) < chance;
	struct file_sim *after = file_sim_crash(c->w->disk, survives, count);
	CHECK(check_start(after, &from) >= c->durable);
	c->from_snapshots += from > 0;
	c->cuts++;
	file_sim_destroy(after);
}

static void pay(struct world *w, uint64_t n)
{
	struct transfer_command c = {.now_ms = w->now,
		.layer = LAYER_ROOTSTOCK,
		.amount = amount_of(ASSET_RBTC, FUNDS_WEI_PER_SAT),
		.destination = {0xaa},
		.destination_len = 20};
	struct command_result result;
	store_le64(c.id.b, n * 4 + 1);
	store_le64(c.effect_id.b, n * 4 + 2);
	store_le64(c.idempotency_key.b, n * 4 + 3);
	(void)!engine_transfer(w->engine, &result, &c);
}

static void step(struct world *w, uint64_t n)
{
	for (uint32_t i = 0; i < w->ledger->effect_count; i++)
		if (w->ledger->effect[i].state == EFFECT_INTENT && draw(2) == 0)
			(void)world_prepare(w, &w->ledger->effect[i]);
	if (n % 9 == 0 && n < 400)
		pay(w, n);
	world_blocks(w, (enum layer_id)draw(WORLD_LAYERS), 1 + (unsigned)draw(3));
	if (draw(9) == 0)
		world_deposit_coin(w, 10000 + draw(90000));
	engine_flush(w->engine);
}

static void test_power(struct world *w)
{
	struct cutter c = {.w = w};
	struct snapshots_stat stat;
	world_begin(w);
	(void)world_both_locked(w, LAYER_BITCOIN, LAYER_ROOTSTOCK);
	engine_flush(w->engine);
	struct snapshots *s = snapshots_of(file_sim_ops(w->disk), DIR, w->journal, true);
	file_sim_on_change(w->disk, on_change, &c);
	for (uint64_t n = 0;; n++) {
		step(w, n);
		c.durable = journal_durable(w->journal);
		snapshots_turn(s);
		snapshots_stat(s, &stat);
		CHECK(stat.failed == 0 && journal_last(w->journal) < RECORDS_MAX);
		if (stat.made >= SNAPSHOTS_WANTED)
			break;
	}
	file_sim_on_change(w->disk, NULL, NULL);
	CHECK(c.cuts > 20 && c.from_snapshots > 10);
	CHECK(stat.last_seq == journal_durable(w->journal) && stat.last_bytes > 4096);
	snapshots_destroy(s);
}

/* ---- what can't be used ---- */

static void path_of(char path[FILE_PATH_SIZE], uint64_t seq)
{
	char name[SNAPSHOT_FILE_NAME_SIZE];
	snapshot_file_name(name, seq);
	CHECK(file_path_join(path, DIR, name) == OK);
}

static void test_passed_over(struct world *w)
{
	static struct snapshot_list list;
	struct snapshots_found found;
	struct file_sim *disk = file_sim_copy(w->disk);
	const struct file_ops *ops = file_sim_ops(disk);
	struct snapshots_source source = source_of(ops, DIR);
	char path[FILE_PATH_SIZE];
	struct hash256 hash;
	uint64_t from, seq;
	size_t len;
	file_sim_settle(disk);
	CHECK(snapshot_file_list(&list, ops, DIR) == OK && list.count == 2);
	path_of(path, list.file[0].seq);
	file_sim_content(disk, path, &len)[5000] ^= 1;
	CHECK(snapshots_restore(&found, &source) == OK && found.passed_over == 1);
	CHECK(found.start.chain.next_seq == list.file[1].seq + 1 && found.why[0] != '\0');
	ledger_destroy(found.ledger);
	(void)check_start(disk, &from);
	CHECK(from == list.file[1].seq);
	/* none is left that can be used: everything is replayed, as far as the heads claim */
	path_of(path, list.file[1].seq);
	file_sim_content(disk, path, &len)[5000] ^= 1;
	CHECK(snapshots_restore(&found, &source) == OK && found.passed_over == 2);
	CHECK(found.start.chain.next_seq == 1 && found.start.claimed == list.file[0].seq);
	CHECK(fold(&hash, &seq, disk, &found.start, found.ledger) == OK);
	CHECK(seq >= list.file[0].seq);
	/* the journal is gone, and they say that there was one */
	CHECK(ops->unlink(ops->ctx, DIR "/0000000001.seg") == OK);
	CHECK(snapshots_restore(&found, &source) == OK);
	CHECK(fold(&hash, &seq, disk, &found.start, found.ledger) == ERR_CHECKSUM);
	file_sim_destroy(disk);
	/* another key, too little room */
	disk = file_sim_copy(w->disk);
	source = source_of(file_sim_ops(disk), DIR);
	const struct ledger_capacity small = {
		.swaps = 16, .transfers = 1, .effects = 2, .coins = 2, .postings = 16};
	source.capacity = &small;
	CHECK(snapshots_restore(&found, &source) == OK && found.passed_over == 2);
	CHECK(strstr(found.why, "capacity") != NULL);
	ledger_destroy(found.ledger);
	const struct seal_key other = {{1}};
	source.capacity = &capacity;
	source.seal = &other;
	CHECK(snapshots_restore(&found, &source) == OK && found.passed_over == 2);
	ledger_destroy(found.ledger);
	file_sim_destroy(disk);
}

/* ---- folded once more ---- */

/* The last record of the snapshot that a start uses. */
static uint64_t restored_from(const struct snapshots_source *source)
{
	struct snapshots_found found;
	CHECK(snapshots_restore(&found, source) == OK);
	ledger_destroy(found.ledger);
	return found.start.chain.next_seq - 1;
}

static void test_folded(const struct world *w)
{
	static struct snapshot_list list;
	struct file_sim *disk = file_sim_copy(w->disk);
	const struct file_ops *ops = file_sim_ops(disk);
	const uint64_t last = journal_durable(w->journal);
	struct snapshots_source source = source_of(ops, DIR);
	struct journal_fold f;
	struct hash256 live;
	struct slice state;
	uint8_t *bytes;
	size_t len;
	file_sim_settle(disk);
	CHECK(journal_fold_run(&f, &source, last) == OK && f.text[0] == '\0');
	CHECK(f.from_seq == 1 && f.last_seq == last && f.snapshots == 2);
	ledger_hash(w->ledger, &live);
	CHECK(hash256_eq(&f.state, &live));

	const struct ledger_capacity small = {
		.swaps = 16, .transfers = 1, .effects = 2, .coins = 2, .postings = 16};
	source.capacity = &small;
	CHECK(journal_fold_run(&f, &source, last) == ERR_CHECKSUM);
	CHECK(strstr(f.text, "capacity") != NULL && f.snapshots == 0);
	source.capacity = &capacity;

	/* sound in itself, and of a state that these records do not give */
	CHECK(snapshot_file_list(&list, ops, DIR) == OK && list.count == 2);
	struct snapshot_file forged = list.file[0].f;
	CHECK(snapshot_file_load(&bytes, &state, ops, DIR, &forged) == OK);
	forged.state_hash.b[31] ^= 1;
	CHECK(snapshot_file_write(
		      ops, DIR, &forged, bytes, SNAPSHOT_FILE_HEAD_SIZE + state.len, NULL) == OK);
	free(bytes);
	CHECK(restored_from(&source) == list.file[1].seq);
	if (mutant_choose(MUTANT_SNAPSHOT_OF_ANY_STATE))
		CHECK(restored_from(&source) == list.file[0].seq);
	CHECK(mutant_choose(MUTANT_NONE));
	CHECK(journal_fold_run(&f, &source, last) == ERR_CHECKSUM);
	CHECK(strstr(f.text, "another state") != NULL && f.snapshots == 1);
	CHECK(f.last_seq == list.file[0].seq);

	/* less than was said to be there */
	file_sim_content(disk, DIR "/0000000001.seg", &len)[JOURNAL_SEGMENT_HEADER_SIZE] ^= 1;
	CHECK(journal_fold_run(&f, &source, last) == ERR_CHECKSUM);
	CHECK(f.last_seq == 0 && strstr(f.text, "behind record 0") != NULL);
	file_sim_destroy(disk);
}

/* ---- what grows for ever ---- */

static size_t bytes_of(struct ledger *l)
{
	const size_t cap = snapshot_size(l);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	CHECK(bytes != NULL && scratch != NULL);
	const size_t len = snapshot_put(bytes, scratch, cap, l);
	free(bytes);
	free(scratch);
	return len;
}

/* docs/data-on-disk.md states these: what one more object of a kind that is never removed adds to a
 * snapshot. Effects as they are when all of their transactions are final: the bytes are gone. */
static void test_growth(struct world *w)
{
	struct ledger *l = w->ledger;
	struct effect *f = &l->effect[l->effect_count];
	const struct {
		const char *what;
		uint32_t *count;
		size_t stated;
	} kinds[] = {
		{"swap", &l->swap_count, 1000},
		{"payout", &l->transfer_count, 250},
		{"transaction", &l->effect_count, 450},
		{"coin", &l->coin_count, 130},
		{"idempotency key", &l->idem_count, 80},
		{"customer's transfer", &l->book.row_count, 64},
	};
	CHECK(l->swap_count > 0 && l->transfer_count > 0 && l->effect_count > 0);
	l->swap[l->swap_count] = l->swap[0];
	l->transfer[l->transfer_count] = l->transfer[0];
	*f = l->effect[0];
	for (uint32_t i = 0; i < f->variant_count; i++)
		f->variant[i].raw = BLOB_NONE;
	l->coin[l->coin_count] = l->coin[0];
	l->idem[l->idem_count] = l->idem[0];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const size_t before = bytes_of(l);
		++*kinds[i].count;
		const size_t more = bytes_of(l) - before;
		(void)printf("%s: %zu bytes in every snapshot\n", kinds[i].what, more);
		CHECK(more > 0 && more <= kinds[i].stated);
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		--*kinds[i].count;
}

/* A disk without room: nothing is lost, and it goes on when there is. */
static void test_full(struct world *w)
{
	struct snapshots_stat stat;
	struct snapshots *s = snapshots_of(file_sim_ops(w->disk), DIR, w->journal, true);
	file_sim_capacity(w->disk, 64u << 20);
	for (uint64_t n = 500; n < 1000; n++) {
		step(w, n);
		snapshots_turn(s);
		snapshots_stat(s, &stat);
		if (stat.failed > 0)
			file_sim_capacity(w->disk, UINT64_MAX);
		if (stat.made > 0)
			break;
	}
	CHECK(stat.failed == 1 && stat.made == 1);
	snapshots_destroy(s);
}

/* ---- a thread of its own ---- */

struct copying {
	struct journal *to;
	struct snapshots *snapshots;
};

static enum err copy_record(void *ctx, const struct journal_record *r)
{
	struct copying *c = ctx;
	const struct timespec pause = {.tv_nsec = 100000};
	uint64_t seq;
	CHECK(journal_append(c->to, &seq, r->type, r->payload, 0) == OK && seq == r->seq);
	journal_flush(c->to);
	snapshots_turn(c->snapshots);
	(void)nanosleep(&pause, NULL);
	return OK;
}

/* ---- what somebody still reads ---- */

struct small {
	struct journal *journal;
	struct log_index *log;
	struct snapshots *snapshots;
	unsigned since; /* records, since segments could be freed but for who reads there */
	bool read_by_none;
};

static enum err copy_small(void *ctx, const struct journal_record *r)
{
	struct small *c = ctx;
	struct snapshots_stat stat;
	uint64_t seq;
	CHECK(journal_append(c->journal, &seq, r->type, r->payload, 0) == OK && seq == r->seq);
	journal_flush(c->journal);
	log_index_turn(c->log);
	snapshots_turn(c->snapshots);
	snapshots_stat(c->snapshots, &stat);
	CHECK(c->read_by_none || stat.freed == 0);
	c->since += stat.made >= SNAPSHOTS_SOUND_MIN;
	if (c->since == READ_ON && !c->read_by_none) {
		snapshots_set_floor(c->snapshots, UINT64_MAX);
		c->read_by_none = true;
	}
	return OK;
}

/* No segment goes as long as somebody reads from the first record on; then they do. */
static void test_floor(const struct world *w)
{
	struct file_sim *from = file_sim_copy(w->disk), *to = file_sim_create();
	struct journal_error error;
	struct snapshots_stat stat;
	struct journal *j;
	struct small c = {.read_by_none = false};
	const struct journal_config source = {.dir = DIR,
					    .ops = file_sim_ops(from),
					    .segment_size = 16u << 20,
					    .group_max = 2u << 20,
					    .synchronous = true},
				    small = {.dir = DIR,
					    .ops = file_sim_ops(to),
					    .fresh_cluster = {{1}},
					    .segment_size = SMALL_SEGMENT,
					    .group_max = SMALL_SEGMENT / 8,
					    .synchronous = true};
	CHECK(journal_open(&c.journal, &small, NULL, NULL, &error) == OK);
	const struct log_index_config log = {.journal = c.journal,
		.journal_dir = DIR,
		.dir = "log",
		.ops = file_sim_ops(to),
		.synchronous = true};
	CHECK(log_index_open(&c.log, &log) == OK);
	const struct snapshots_config config = {.source = source_of(file_sim_ops(to), DIR),
		.settings = {.every_bytes = SMALL_SEGMENT, .keep = 2, .collect_after = 1},
		.journal = c.journal,
		.log = c.log,
		.segment_size = SMALL_SEGMENT,
		.floor_seq = 1,
		.synchronous = true};
	CHECK(snapshots_create(&c.snapshots, &config) == OK);
	CHECK(journal_open(&j, &source, copy_small, &c, &error) == OK);
	snapshots_stat(c.snapshots, &stat);
	CHECK(c.read_by_none);
	CHECK(stat.freed > 0);
	journal_close(j);
	snapshots_destroy(c.snapshots);
	log_index_close(c.log);
	journal_close(c.journal);
	file_sim_destroy(from);
	file_sim_destroy(to);
}

static enum err remove_name(void *ctx, const char *name)
{
	char path[FILE_PATH_SIZE];
	(void)ctx;
	CHECK(file_path_join(path, REAL_DIR, name) == OK && unlink(path) == 0);
	return OK;
}

static enum err remove_snapshot(void *ctx, const char *name)
{
	return strstr(name, ".snap") != NULL ? remove_name(ctx, name) : OK;
}

/* No faster than allowed; and given up at once where nobody wants it any more. */
static void check_paced(const struct file_ops *ops, const struct journal *j)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	const uint64_t rate = 512u << 10, slow = 4u << 10, piece = 32u << 10;
	struct snapshots_stat stat;
	CHECK(ops->list(NULL, REAL_DIR, remove_snapshot, NULL) == OK);
	struct snapshots *s = snapshots_paced(ops, REAL_DIR, j, false, slow);
	snapshots_turn(s);
	const uint64_t begun = clock_mono_ns();
	snapshots_destroy(s);
	CHECK(clock_mono_ns() - begun < 5000000000u);

	s = snapshots_paced(ops, REAL_DIR, j, false, rate);
	snapshots_turn(s);
	do {
		(void)nanosleep(&pause, NULL);
		snapshots_stat(s, &stat);
	} while (stat.made == 0);
	CHECK(stat.last_bytes > 20 * slow);
	CHECK(stat.last_ns / 1000 >= (stat.last_bytes - piece) * 1000000 / rate);
	snapshots_destroy(s);
}

static void test_thread(struct world *w)
{
	const struct file_ops *ops = file_system();
	struct journal_config config = {
		.dir = REAL_DIR, .ops = ops, .fresh_cluster = {{7}}, .segment_size = 17u << 20};
	struct journal_error error;
	struct snapshots_found found;
	struct snapshots_stat stat;
	struct hash256 live, started;
	struct copying c;
	struct ledger *l;
	CHECK(journal_open(&c.to, &config, NULL, NULL, &error) == OK);
	c.snapshots = snapshots_of(ops, REAL_DIR, c.to, false);
	CHECK(journal_wait(w->journal, 0) == OK);
	CHECK(ledger_create(&l, &capacity, &key, 1) == OK);
	struct file_sim *disk = file_sim_copy(w->disk);
	const struct journal_config from = {.dir = DIR,
		.ops = file_sim_ops(disk),
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.synchronous = true};
	struct journal *j;
	CHECK(journal_open(&j, &from, copy_record, &c, &error) == OK);
	const struct timespec pause = {.tv_nsec = 1000000};
	do {
		(void)nanosleep(&pause, NULL);
		snapshots_stat(c.snapshots, &stat);
	} while (stat.made == 0);
	snapshots_destroy(c.snapshots);
	check_paced(ops, c.to);
	journal_close(c.to);
	journal_close(j);
	CHECK(journal_open(&j, &from, apply, l, &error) == OK);
	ledger_hash(l, &live);
	ledger_destroy(l);
	journal_close(j);
	file_sim_destroy(disk);
	const struct snapshots_source source = source_of(ops, REAL_DIR);
	CHECK(snapshots_restore(&found, &source) == OK && found.start.chain.next_seq > 1);
	config.start = &found.start;
	CHECK(journal_open(&c.to, &config, apply, found.ledger, &error) == OK);
	ledger_hash(found.ledger, &started);
	CHECK(hash256_eq(&live, &started));
	ledger_destroy(found.ledger);
	journal_close(c.to);
	CHECK(ops->list(NULL, REAL_DIR, remove_name, NULL) == OK && rmdir(REAL_DIR) == 0);
}

/* ---- how long it takes (--measure): a ledger with so many final payouts ---- */

#define MEASURE_TURNS 1000000u

static double ms_since(uint64_t begun_ns)
{
	return (double)(clock_mono_ns() - begun_ns) / 1e6;
}

static void add_payout(struct ledger *l, const struct ledger *from)
{
	const uint32_t n = l->transfer_count;
	struct transfer *t = &l->transfer[l->transfer_count++];
	struct effect *f = &l->effect[l->effect_count++];
	struct idempotency *i = &l->idem[l->idem_count++];
	*t = from->transfer[0];
	*f = from->effect[0];
	*i = from->idem[0];
	i->is_swap = false;
	i->index = t->effect = f->transfer = n;
	f->swap = INDEX_NONE;
	f->coin_count = 0;
	store_le64(t->id.b, n + 1);
	store_le64(f->id.b, n + 1);
	store_le64(i->key.b, n + 1);
	for (uint32_t k = 0; k < f->variant_count; k++) {
		f->variant[k].raw = BLOB_NONE;
		store_le64(f->variant[k].txid.b, n * 16 + k + 1);
	}
}

static void measure_size(const struct world *w, uint32_t count)
{
	const struct ledger_capacity large = {
		.swaps = 16, .transfers = count, .effects = count, .coins = 16, .postings = 1024};
	struct ledger *l, *back;
	CHECK(ledger_create(&l, &large, &key, 1) == OK);
	for (uint32_t n = 0; n < count; n++)
		add_payout(l, w->ledger);
	const size_t cap = snapshot_size(l);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	CHECK(bytes != NULL && scratch != NULL);
	uint64_t begun = clock_mono_ns();
	const size_t len = snapshot_put(bytes, scratch, cap, l);
	const double put_ms = ms_since(begun);
	begun = clock_mono_ns();
	CHECK(file_write_atomic(file_system(), "snapshots_test.measured", slice_of(bytes, len)) ==
		OK);
	const double write_ms = ms_since(begun);
	CHECK(unlink("snapshots_test.measured") == 0);
	begun = clock_mono_ns();
	CHECK(ledger_create(&back, &large, &key, 1) == OK);
	CHECK(snapshot_restore(back, scratch, slice_of(bytes, len)) == OK);
	(void)printf("%u payouts: %zu bytes; put %.0f ms, written and synced %.0f ms, restored "
		     "%.0f ms\n",
		count, len, put_ms, write_ms, ms_since(begun));
	free(bytes);
	free(scratch);
	ledger_destroy(l);
	ledger_destroy(back);
}

static void measure(struct world *w)
{
	struct snapshots *s = snapshots_of(file_sim_ops(w->disk), DIR, w->journal, false);
	const uint64_t begun = clock_mono_ns();
	for (uint32_t i = 0; i < MEASURE_TURNS; i++)
		snapshots_turn(s);
	(void)printf(
		"a turn of the engine's loop: %.0f ns\n", ms_since(begun) * 1e6 / MEASURE_TURNS);
	snapshots_destroy(s);
	for (uint32_t count = 1000; count <= 1000000; count *= 10)
		measure_size(w, count);
}

static void drop_line(void *ctx, enum log_level level, const char *text)
{
	(void)ctx, (void)level, (void)text;
}

int main(int argc, char **argv)
{
	static struct world w;
	log_sink_set(drop_line, NULL);
	test_power(&w);
	if (argc > 1 && strcmp(argv[1], "--measure") == 0) {
		measure(&w);
		return EXIT_SUCCESS;
	}
	test_passed_over(&w);
	test_folded(&w);
	test_full(&w);
	test_growth(&w);
	test_floor(&w);
	test_thread(&w);
	world_end(&w);
	return EXIT_SUCCESS;
}
