/* Two groups under way at once, on a ring that does what the test says: this program has the
 * functions of sys/file_ring.h itself. Either may end first, well or not; the power may fail while
 * both are on their way to the disk, with any part of each on it: then every acknowledged record is
 * there, behind it only what was in flight, in order, and the journal goes on. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/journal_history_test.h"
#include "store/journal_scan.h"
#include "sys/file_ring.h"
#include "sys/thread.h"

#define SECTORS_MAX 3u /* of a group */
#define ROUNDS 24u
#define UNITS_MAX 16u
#define STATES_MIN 1000u
#define NEXT_LEN 33u
#define MARKS 2u /* that may be written between two rounds */

/* ---- the ring ---- */

struct operation {
	uint64_t id;
	int file;
	const void *bytes;
	size_t len;
	uint64_t offset;
	enum err err;
	bool done;
};

/* One at a time; two operations, the older first. */
struct file_ring {
	const struct file_ops *ops;
	file_ring_cb cb;
	void *ctx;
	struct operation op[2];
	unsigned count;
	bool woken;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct file_ring ring;

static void lock(void)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
}

static void unlock(void)
{
	CHECK(pthread_cond_broadcast(&changed) == 0 && pthread_mutex_unlock(&mutex) == 0);
}

enum err file_ring_create(
	struct file_ring **out, const struct file_ring_config *config, file_ring_cb cb, void *ctx)
{
	ring = (struct file_ring){.ops = config->ops, .cb = cb, .ctx = ctx};
	*out = &ring;
	return OK;
}

void file_ring_destroy(struct file_ring *r)
{
	CHECK(r == NULL || r->count == 0);
}

bool file_ring_is_native(const struct file_ring *r)
{
	return r == &ring;
}

enum err file_ring_write(struct file_ring *r, uint64_t id, int file, const void *bytes, size_t len,
	uint64_t offset, bool sync)
{
	lock();
	CHECK(sync && r->count < ARRAY_LEN(r->op));
	r->op[r->count++] = (struct operation){
		.id = id, .file = file, .bytes = bytes, .len = len, .offset = offset};
	unlock();
	return OK;
}

/* The one that is done, in the order in which the test said so; NONE: none is. */
static bool take_done(struct file_ring *r, struct operation *out)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (!r->op[i].done)
			continue;
		*out = r->op[i];
		r->op[i] = r->op[r->count - 1];
		r->count--;
		return true;
	}
	return false;
}

static void put(const struct file_ops *ops, const struct operation *op, int file)
{
	CHECK(file_write_all(ops, file, op->bytes, op->len, op->offset) == OK);
}

uint32_t file_ring_step(struct file_ring *r, bool wait)
{
	struct operation op;
	uint32_t answered = 0;
	lock();
	while (wait && r->count > 0 && !r->woken && !r->op[0].done &&
		!(r->count > 1 && r->op[1].done))
		CHECK(pthread_cond_wait(&changed, &mutex) == 0);
	r->woken = r->woken && !wait;
	while (take_done(r, &op)) {
		unlock();
		if (op.err == OK) {
			put(r->ops, &op, op.file);
			CHECK(r->ops->fdatasync(r->ops->ctx, op.file) == OK);
		}
		r->cb(r->ctx, op.id, op.err);
		answered++;
		lock();
	}
	unlock();
	return answered;
}

void file_ring_wake(struct file_ring *r)
{
	lock();
	r->woken = true;
	unlock();
}

uint32_t file_ring_busy(const struct file_ring *r)
{
	return r->count;
}

/* ---- the test's side of it ---- */

static void await_operations(unsigned count)
{
	lock();
	while (ring.count < count)
		CHECK(pthread_cond_wait(&changed, &mutex) == 0);
	unlock();
}

static struct operation *find(uint64_t offset)
{
	for (unsigned i = 0; i < ring.count; i++)
		if (ring.op[i].offset == offset)
			return &ring.op[i];
	return NULL;
}

/* The older, or the younger one. */
static struct operation operation_at(bool younger)
{
	lock();
	CHECK(ring.count > 0);
	struct operation *a = &ring.op[0], *b = &ring.op[ring.count - 1];
	const struct operation found = (a->offset < b->offset) == younger ? *b : *a;
	unlock();
	return found;
}

/* It ends; where it does well, the ring's thread, whose disk it is, puts it there. */
static void end(const struct operation *which, enum err err)
{
	lock();
	struct operation *op = find(which->offset);
	CHECK(op != NULL && !op->done);
	op->err = err;
	op->done = true;
	unlock();
}

/* ---- the power fails ---- */

static uint64_t states;

static void check_disk(const struct file_sim *sim, const uint8_t *survives, size_t count,
	const struct history *history)
{
	struct history h = *history;
	uint8_t none[UNITS_MAX] = {0};
	struct file_sim *after = file_sim_crash(sim, survives, count);
	struct journal *j = history_open(after, &h, true);
	history_append(j, &h, 2, NEXT_LEN);
	journal_flush(j);
	h.acknowledged = h.staged;
	CHECK(journal_durable(j) == h.staged && file_sim_unsynced(after) <= UNITS_MAX);
	struct file_sim *again = file_sim_crash(after, none, file_sim_unsynced(after));
	journal_close(j);
	file_sim_destroy(after);
	journal_close(history_open(again, &h, true));
	file_sim_destroy(again);
	states++;
}

static void cut_all(const struct file_sim *sim, const struct history *h)
{
	uint8_t survives[UNITS_MAX];
	const size_t count = file_sim_unsynced(sim);
	CHECK(count <= UNITS_MAX);
	for (uint32_t bits = 0; bits < 1u << count; bits++) {
		for (size_t i = 0; i < count; i++)
			survives[i] = (uint8_t)(bits >> i & 1u);
		check_disk(sim, survives, count, h);
	}
}

/* As if everything that is under way had left for the disk just now. The journal's thread touches
 * no file while two are under way and it waits. */
static void cut_under_way(
	const struct file_sim *sim, const struct journal *j, const struct history *h)
{
	struct file_sim *copy = file_sim_copy(sim);
	const struct file_ops *ops = file_sim_ops(copy);
	struct journal_stat stat;
	char name[JOURNAL_NAME_SIZE], path[FILE_PATH_SIZE];
	int file;
	journal_stat(j, &stat);
	journal_segment_name(name, stat.segment);
	CHECK(file_path_join(path, "d", name) == OK);
	CHECK(ops->open(ops->ctx, &file, path, FILE_WRITE) == OK);
	lock();
	for (unsigned i = 0; i < ring.count; i++)
		put(ops, &ring.op[i], file);
	unlock();
	cut_all(copy, h);
	file_sim_destroy(copy);
}

/* ---- waiters ---- */

struct waiter {
	struct thread thread;
	struct journal *j;
	uint64_t seq;
	enum err err;
};

static void wait_main(void *ctx)
{
	struct waiter *w = ctx;
	w->err = journal_wait(w->j, w->seq);
}

static void start_waiter(struct waiter *w, struct journal *j)
{
	*w = (struct waiter){.j = j, .seq = journal_last(j)};
	CHECK(thread_start(&w->thread, "waiter", wait_main, w) == OK);
}

static enum err answer_of(struct waiter *w)
{
	thread_join(&w->thread);
	return w->err;
}

/* Where two groups of the longest would not fit any more, the next segment is begun, which waits
 * until nothing is under way: by one group that does not fit either. */
static void make_room_for_two(struct journal *j, struct history *h, uint64_t at)
{
	if (at + (2 * SECTORS_MAX + MARKS) * JOURNAL_SECTOR <= SEGMENT_SIZE)
		return;
	history_append(j, h, 1, (2 * SECTORS_MAX + MARKS) * JOURNAL_SECTOR);
	journal_flush(j);
	await_operations(1);
	const struct operation op = operation_at(false);
	CHECK(op.offset == JOURNAL_SEGMENT_HEADER_SIZE);
	end(&op, OK);
	CHECK(journal_wait(j, h->staged) == OK);
	h->acknowledged = h->staged;
}

/* Two groups under way, the second at least as long as the first, and somebody who waits for each.
 */
static void begin_two(
	struct journal *j, struct history *h, struct waiter waiter[2], unsigned a, unsigned b)
{
	const unsigned sectors[] = {a, b};
	for (unsigned i = 0; i < 2; i++) {
		history_append(j, h, 1, sectors[i] * JOURNAL_SECTOR - 200);
		journal_flush(j);
		await_operations(i + 1);
		start_waiter(&waiter[i], j);
	}
}

static void test_orders(void)
{
	struct file_sim *sim = file_sim_create();
	struct history h = {.staged = 0};
	struct journal *j = history_open(sim, &h, false);
	struct waiter waiter[2];
	uint64_t at = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		make_room_for_two(j, &h, at);
		const unsigned a = 1 + round % SECTORS_MAX;
		begin_two(j, &h, waiter, a, a + round / 4 % (SECTORS_MAX + 1 - a));
		const struct operation older = operation_at(false), younger = operation_at(true);
		CHECK(older.offset + older.len == younger.offset);
		at = younger.offset + younger.len;
		cut_under_way(sim, j, &h);
		const bool in_order = round % 2 == 0;
		end(in_order ? &older : &younger, OK);
		if (in_order) {
			CHECK(answer_of(&waiter[0]) == OK);
			h.acknowledged++;
			CHECK(journal_durable(j) == h.acknowledged);
			cut_under_way(sim, j, &h);
		} else {
			CHECK(journal_durable(j) == h.acknowledged); /* not before the older one */
		}
		end(in_order ? &younger : &older, OK);
		if (!in_order)
			CHECK(answer_of(&waiter[0]) == OK);
		CHECK(answer_of(&waiter[1]) == OK);
		h.acknowledged = h.staged;
		CHECK(journal_durable(j) == h.staged);
	}
	journal_close(j);
	journal_close(history_open(sim, &h, true));
	file_sim_destroy(sim);
}

/* One of the two fails, and is answered first or last. */
static void test_failure(bool younger_fails, bool younger_first)
{
	struct file_sim *sim = file_sim_create();
	struct history h = {.staged = 0};
	struct journal *j = history_open(sim, &h, false);
	struct waiter waiter[2];
	uint64_t seq;
	begin_two(j, &h, waiter, 1, 2);
	const struct operation op[] = {operation_at(false), operation_at(true)};
	for (unsigned i = 0; i < 2; i++) {
		const bool younger = (i == 0) == younger_first;
		end(&op[younger], younger == younger_fails ? ERR_IO : OK);
	}
	CHECK(answer_of(&waiter[0]) == (younger_fails ? OK : ERR_IO));
	CHECK(answer_of(&waiter[1]) == ERR_IO);
	h.acknowledged = younger_fails ? 1 : 0;
	CHECK(journal_durable(j) == h.acknowledged && journal_answerable(j) == h.acknowledged);
	CHECK(journal_append(j, &seq, 1, slice_str("more"), JOURNAL_ESSENTIAL) == ERR_IO);
	lock();
	while (ring.count > 0) /* both end; nothing is begun any more, which would never end */
		CHECK(pthread_cond_wait(&changed, &mutex) == 0);
	unlock();
	journal_close(j);
	file_sim_kill(sim);
	cut_all(sim, &h);
	file_sim_destroy(sim);
}

int main(void)
{
	test_orders();
	for (unsigned i = 0; i < 4; i++)
		test_failure(i % 2 == 0, i / 2 == 0);
	(void)printf("%llu disks\n", (unsigned long long)states);
	CHECK(states >= STATES_MIN);
	return EXIT_SUCCESS;
}
