#include <stdatomic.h>

#include "base/mutant.h"
#include "store/journal_internal.h"
#include "sys/clock.h"

#define NS_PER_MS UINT64_C(1000000)
#define SPARE_RETRY_MS 1000u
#define LINGER_NS 60000u
#define IN_VAIN_MAX 8u
/* On a full disk, so much of the active segment is kept for the marks between groups. */
#define MARK_ROOM (2u * JOURNAL_SECTOR)

/* ---- the role ---- */

static bool has_work(const struct journal *j)
{
	return !journal_has_failed(j) &&
		atomic_load_explicit(&j->wanted, memory_order_relaxed) >
		atomic_load_explicit(&j->stage.closed, memory_order_relaxed);
}

static bool take_role(struct journal *j)
{
	uint32_t nobody = 0;
	/* [HOLDER] acquire: pairs with the release in give_role: the tail, as it was left */
	return atomic_compare_exchange_strong_explicit(
		&j->role, &nobody, 1, memory_order_acquire, memory_order_relaxed);
}

static void give_role(struct journal *j)
{
	/* [HOLDER] release */
	atomic_store_explicit(&j->role, 0, memory_order_release);
	/* [ROLE] pairs with the fence in journal_commit_want */
	fence_seq_cst(&j->role);
	if (has_work(j))
		eventcount_notify_one(&j->work);
}

void journal_commit_want(struct journal *j, uint64_t seq)
{
	uint64_t wanted = atomic_load_explicit(&j->wanted, memory_order_relaxed);
	while (wanted < seq &&
		!atomic_compare_exchange_weak_explicit(
			&j->wanted, &wanted, seq, memory_order_relaxed, memory_order_relaxed)) {}
	/* [ROLE] pairs with the fence in give_role */
	fence_seq_cst(&j->role);
}

void journal_commit_ask(struct journal *j, uint64_t seq)
{
	journal_commit_want(j, seq);
	if (!has_work(j))
		return;
	if (atomic_load_explicit(&j->role, memory_order_relaxed) == 0)
		eventcount_notify_one(&j->work);
	else if (j->ring != NULL &&
		journal_stage_bytes(&j->stage) >=
			atomic_load_explicit(&j->second_at, memory_order_relaxed))
		file_ring_wake(j->ring);
}

/* ---- what others see ---- */

static void put(_Atomic uint64_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* What an open group may take of the disk, where `closing` bytes more go before it. */
static void set_limits(struct journal *j, uint64_t closing)
{
	const uint64_t growth = journal_is(j, JOURNAL_STRICT) ? JOURNAL_STRICT_GROWTH : 1;
	const uint64_t room = journal_tail_room(&j->tail) / growth, kept = closing + MARK_ROOM;
	const bool full = j->tail.spare == JOURNAL_SPARE_NO_SPACE;
	put(&j->stage.limit[0], full ? 0 : UINT64_MAX);
	put(&j->stage.limit[1], !full ? UINT64_MAX : room > kept ? room - kept : 0);
}

/* Before what they count is published. */
static void put_counts(struct journal *j)
{
	put(&j->counters.groups, j->tail.groups);
	put(&j->counters.syncs, j->tail.syncs);
	put(&j->counters.bytes, j->tail.bytes);
	put(&j->counters.records, j->tail.records);
}

void journal_commit_state(struct journal *j)
{
	const struct journal_tail *t = &j->tail;
	uint64_t free_bytes = journal_tail_room(t);
	if (t->spare == JOURNAL_SPARE_READY)
		free_bytes += t->segment_size - JOURNAL_SEGMENT_HEADER_SIZE;
	put(&j->counters.segment, t->segment.segment);
	put(&j->counters.bytes_free, free_bytes);
	put_counts(j);
	set_limits(j, 0);
	atomic_store_explicit(&j->wants_mark, j->flight_count == 0 && journal_tail_wants_mark(t),
		memory_order_relaxed);
	atomic_store_explicit(
		&j->wants_spare, t->spare == JOURNAL_SPARE_NO_SPACE, memory_order_relaxed);
}

static uint32_t wait_of(uint64_t seq)
{
	return (uint32_t)(seq >> JOURNAL_WAIT_CHUNK_BITS) % JOURNAL_WAITS;
}

/* Wakes those who wait for what became durable. */
static void tell(struct journal *j)
{
	const uint64_t durable = atomic_load_explicit(&j->stage.durable, memory_order_relaxed);
	if (durable == j->told)
		return;
	const uint64_t first = (j->told + 1) >> JOURNAL_WAIT_CHUNK_BITS;
	uint64_t chunks = (durable >> JOURNAL_WAIT_CHUNK_BITS) - first + 1;
	j->told = durable;
	for (uint64_t i = 0; i < chunks && i < JOURNAL_WAITS; i++)
		eventcount_notify_all(&j->wait[(first + i) % JOURNAL_WAITS]);
	if (j->config.on_durable != NULL)
		j->config.on_durable(j->config.ctx);
}

static void fail(struct journal *j)
{
	/* [FAILED] release: pairs with the acquire in journal_has_failed */
	if (atomic_exchange_explicit(&j->failed, true, memory_order_acq_rel))
		return;
	for (uint32_t i = 0; i < JOURNAL_WAITS; i++)
		eventcount_notify_all(&j->wait[i]);
	if (j->config.on_failed != NULL)
		j->config.on_failed(j->config.ctx, j->tail.error.text);
}

bool journal_has_failed(const struct journal *j)
{
	/* [FAILED] acquire */
	return atomic_load_explicit(&j->failed, memory_order_acquire);
}

void journal_commit_chore(struct journal *j, enum err (*run)(struct journal_tail *t))
{
	const enum err err = journal_has_failed(j) ? OK : run(&j->tail);
	journal_commit_state(j);
	if (err != OK)
		fail(j);
}

/* ---- groups ---- */

static struct journal_flight *flight_at(struct journal *j, uint32_t index)
{
	return &j->flight[(j->flight_first + index) % JOURNAL_FLIGHTS_MAX];
}

static uint64_t now_ns(const struct journal *j)
{
	return j->config.synchronous ? 0 : clock_mono_ns();
}

/* Close the open group and seal it. NULL: there is none, it has to wait for those under way, or
 * the journal failed. */
static struct journal_flight *begin(struct journal *j)
{
	struct journal_flight *f = flight_at(j, j->flight_count);
	struct journal_closing closing;
	*f = (struct journal_flight){.err = OK};
	do {
		closing = journal_stage_look(&j->stage);
		const size_t size = journal_group_size(closing.bytes);
		if (closing.bytes == 0)
			return NULL;
		if (size > journal_tail_room(&j->tail)) {
			if (j->flight_count > 0)
				return NULL;
			if (journal_tail_roll(&j->tail) != OK) {
				fail(j);
				return NULL;
			}
		}
		set_limits(j, size);
	} while (!journal_stage_close(&j->stage, &f->body, closing));
	j->flight_count++;
	const uint64_t durable = atomic_load_explicit(&j->stage.durable, memory_order_relaxed);
	journal_tail_seal(&j->tail, &f->sealed, &f->body, durable);
	f->begun_ns = now_ns(j);
	put(&j->second_at, j->flight_count < JOURNAL_FLIGHTS_MAX ? closing.bytes : UINT64_MAX);
	return f;
}

static void note_time(struct journal *j, uint64_t begun_ns)
{
	const uint64_t now = now_ns(j), took = now - begun_ns;
	put(&j->last_ns, now);
	if (j->config.synchronous)
		return;
	if (took > atomic_load_explicit(&j->counters.sync_ns_max, memory_order_relaxed))
		put(&j->counters.sync_ns_max, took);
	if (j->config.sync_latency != NULL)
		latency_record(j->config.sync_latency, took);
}

/* The oldest groups that are done are durable. After a failure none is any more. */
static void finish(struct journal *j)
{
	while (j->flight_count > 0 && flight_at(j, 0)->done) {
		const struct journal_flight *f = flight_at(j, 0);
		j->flight_first = (j->flight_first + 1) % JOURNAL_FLIGHTS_MAX;
		j->flight_count--;
		if (journal_has_failed(j))
			continue;
		if (journal_tail_wrote(&j->tail, &f->sealed, f->err) != OK) {
			fail(j);
			continue;
		}
		note_time(j, f->begun_ns);
		put_counts(j);
		journal_stage_publish(&j->stage, f->sealed.first_seq + f->sealed.count - 1);
	}
	put(&j->second_at, j->flight_count == 0 ? 0 : flight_at(j, 0)->body.size);
}

/* ---- committing on the thread that is here ---- */

static void commit_group(struct journal *j)
{
	struct journal_flight *f = begin(j);
	if (f == NULL)
		return;
	put(&j->second_at, UINT64_MAX); /* nobody is there to be woken for another */
	f->err = (MUTANT(SYNC_LEFT_OUT) ? file_write_all : file_write_durable)(
		j->ops, f->sealed.file, f->sealed.group, f->sealed.size, f->sealed.offset);
	f->done = true;
	finish(j);
	tell(j); /* others go on meanwhile */
	journal_tail_fold(&j->tail);
}

/* All that is staged; nothing is under way. False: nothing is. */
static bool take(struct journal *j, struct journal_body *out)
{
	struct journal_closing closing;
	do {
		closing = journal_stage_look(&j->stage);
		if (closing.bytes == 0)
			return false;
		set_limits(j, journal_group_size(closing.bytes));
	} while (!journal_stage_close(&j->stage, out, closing));
	return true;
}

static enum err commit_single(struct journal *j, const struct journal_body *body)
{
	struct journal_sealed sealed;
	if (journal_group_size(body->size) > journal_tail_room(&j->tail))
		TRY(journal_tail_roll(&j->tail));
	journal_tail_seal(&j->tail, &sealed, body, body->first_seq - 1);
	const uint64_t begun = now_ns(j);
	TRY(journal_tail_write(&j->tail, &sealed));
	journal_tail_fold(&j->tail);
	note_time(j, begun);
	put_counts(j);
	journal_stage_publish(&j->stage, body->first_seq);
	return OK;
}

/* Each record in a group of its own. */
static void commit_each(struct journal *j)
{
	struct journal_body all;
	if (!take(j, &all))
		return;
	const uint8_t *at = all.group + JOURNAL_GROUP_HEADER_SIZE;
	enum err err = OK;
	for (uint32_t i = 0; i < all.count && err == OK; i++) {
		const size_t size = JOURNAL_RECORD_HEADER_SIZE + load_le32(at);
		memcpy(j->single + JOURNAL_GROUP_HEADER_SIZE, at, size);
		at += size;
		err = commit_single(j,
			&(struct journal_body){.group = j->single,
				.size = size,
				.first_seq = all.first_seq + i,
				.count = 1});
	}
	if (err != OK)
		fail(j);
}

static void commit_nowhere(struct journal *j)
{
	struct journal_body all;
	if (take(j, &all))
		journal_stage_publish(&j->stage, all.first_seq + all.count - 1);
}

static void commit_one(struct journal *j)
{
	if (journal_is(j, JOURNAL_STRICT))
		commit_each(j);
	else if (journal_is(j, JOURNAL_MEMORY))
		commit_nowhere(j);
	else
		commit_group(j);
	journal_commit_state(j);
	tell(j);
	if (j->tail.spare == JOURNAL_SPARE_WANTED)
		journal_commit_chore(j, journal_tail_spare);
}

bool journal_commit_here(struct journal *j)
{
	if (!take_role(j))
		return false;
	if (has_work(j))
		commit_one(j);
	give_role(j);
	return true;
}

/* ---- committing on a ring ---- */

void journal_commit_wrote(void *ctx, uint64_t id, enum err err)
{
	struct journal *j = ctx;
	j->flight[id].err = err;
	j->flight[id].done = true;
}

static bool may_begin(const struct journal *j)
{
	return j->flight_count < JOURNAL_FLIGHTS_MAX && has_work(j) &&
		!journal_is(j, JOURNAL_STRICT) &&
		journal_stage_bytes(&j->stage) >=
		atomic_load_explicit(&j->second_at, memory_order_relaxed);
}

/* Is the open group one for the ring? */
static bool is_large(const struct journal *j)
{
	return j->ring != NULL && !journal_is(j, JOURNAL_STRICT) &&
		journal_stage_bytes(&j->stage) >= j->config.ring_min;
}

/* Until no large group is wanted and nothing is under way. What follows a sync and nobody waits for
 * with the disk idle is done when the next write is under way: waking, hashing, a spare. */
static void commit_on_ring(struct journal *j)
{
	do {
		struct journal_flight *f = may_begin(j) ? begin(j) : NULL;
		if (f != NULL) {
			const uint64_t id = (uint64_t)(f - j->flight);
			CHECK(file_ring_write(j->ring, id, f->sealed.file, f->sealed.group,
				      f->sealed.size, f->sealed.offset, true) == OK);
			(void)file_ring_step(j->ring, false);
			journal_tail_fold(&j->tail);
		}
		tell(j);
		if (j->tail.spare == JOURNAL_SPARE_WANTED)
			journal_commit_chore(j, journal_tail_spare);
		if (j->flight_count > 0)
			(void)file_ring_step(j->ring, f == NULL || !may_begin(j));
		finish(j);
		journal_commit_state(j);
	} while (j->flight_count > 0 || (may_begin(j) && is_large(j)));
	tell(j);
}

/* ---- the thread ---- */

static void commit(struct journal *j)
{
	while (has_work(j)) {
		if (is_large(j))
			commit_on_ring(j);
		else
			commit_one(j);
	}
}

static bool is_flagged(const _Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

/* When the open group was first seen to hold something; 0: it does not. */
static uint64_t open_since(struct journal *j)
{
	const uint64_t closed = atomic_load_explicit(&j->stage.closed, memory_order_relaxed);
	if (journal_stage_bytes(&j->stage) == 0) {
		j->open_ns = 0;
	} else if (j->open_ns == 0 || j->open_after != closed) {
		j->open_ns = clock_mono_ns();
		j->open_after = closed;
	}
	return j->open_ns;
}

/* Until when the thread may rest. */
static uint64_t rest_until(struct journal *j)
{
	const uint64_t open_ns = open_since(j);
	const uint64_t open_ms = journal_is(j, JOURNAL_INTERVAL)
		? atomic_load_explicit(&j->interval_ms, memory_order_relaxed)
		: JOURNAL_MARK_IDLE_MS;
	if (open_ns > 0)
		return open_ns + open_ms * NS_PER_MS;
	if (is_flagged(&j->wants_mark))
		return atomic_load_explicit(&j->last_ns, memory_order_relaxed) +
			JOURNAL_MARK_IDLE_MS * NS_PER_MS;
	return is_flagged(&j->wants_spare) ? clock_mono_ns() + SPARE_RETRY_MS * NS_PER_MS
					   : FUTEX_FOREVER;
}

static bool is_due(const struct journal *j)
{
	return atomic_load_explicit(&j->last_ns, memory_order_relaxed) +
		JOURNAL_MARK_IDLE_MS * NS_PER_MS <=
		clock_mono_ns();
}

/* Time is over: what callers did not flush, a mark, or another attempt at a spare. */
static void do_chores(struct journal *j)
{
	if (journal_stage_bytes(&j->stage) > 0)
		journal_commit_want(j, journal_stage_last(&j->stage));
	else if (take_role(j)) {
		if (is_flagged(&j->wants_mark) && is_due(j))
			journal_commit_chore(j, journal_tail_mark);
		else if (is_flagged(&j->wants_spare))
			journal_commit_chore(j, journal_tail_spare);
		give_role(j);
	}
}

static void rest(struct journal *j)
{
	const uint64_t until = rest_until(j);
	const bool endless = until == FUTEX_FOREVER;
	/* [REST] before the fence in eventcount_prepare; pairs with the one in
	 * journal_commit_first */
	atomic_store_explicit(
		&j->rest, endless ? JOURNAL_RESTS : JOURNAL_RESTS_TIMED, memory_order_relaxed);
	const uint32_t key = eventcount_prepare(&j->work);
	const bool work = has_work(j) && atomic_load_explicit(&j->role, memory_order_relaxed) == 0;
	const bool changed = work || is_flagged(&j->stop) || journal_has_failed(j) ||
		rest_until(j) < until; /* a first record came */
	if (changed)
		eventcount_cancel(&j->work, key);
	else if (eventcount_wait(&j->work, key, until) == ERR_TIMEOUT)
		do_chores(j);
	atomic_store_explicit(&j->rest, JOURNAL_AWAKE, memory_order_relaxed);
}

/* Callers who hear that their records are durable often bring the next ones within the time that a
 * sleep and a wake-up take, which is a good part of a sync's. Where that was hoped in vain, it is
 * hoped more and more seldom. */
static void linger(struct journal *j)
{
	if (j->no_linger > 0) {
		j->no_linger--;
		return;
	}
	const uint64_t until = clock_mono_ns() + LINGER_NS;
	while (j->lingers && !is_flagged(&j->stop) && clock_mono_ns() < until) {
		if (has_work(j) && atomic_load_explicit(&j->role, memory_order_relaxed) == 0) {
			j->in_vain = 0;
			return;
		}
		cpu_relax();
	}
	j->in_vain += j->in_vain < IN_VAIN_MAX;
	j->no_linger = (1u << j->in_vain) - 1;
}

void journal_commit_first(struct journal *j)
{
	fence_seq_cst(&j->rest); /* [REST] */
	const uint32_t rest = atomic_load_explicit(&j->rest, memory_order_relaxed);
	/* what it may rest until is no later than it would be, but where the interval is short */
	if (rest == JOURNAL_RESTS ||
		(rest == JOURNAL_RESTS_TIMED && journal_is(j, JOURNAL_INTERVAL)))
		eventcount_notify_one(&j->work);
}

void journal_thread_main(void *ctx)
{
	struct journal *j = ctx;
	while (!journal_has_failed(j)) {
		if (is_flagged(&j->stop))
			journal_commit_want(j, journal_stage_last(&j->stage));
		if (has_work(j) && take_role(j)) {
			commit(j);
			give_role(j);
			linger(j);
		} else if (is_flagged(&j->stop) && !has_work(j)) {
			break;
		} else {
			rest(j);
		}
	}
	if (take_role(j)) {
		journal_commit_chore(j, journal_tail_mark);
		give_role(j);
	}
}

/* ---- waiting ---- */

struct waiting {
	const struct journal *j;
	uint64_t seq;
};

static bool is_over(void *ctx)
{
	const struct waiting *w = ctx;
	return journal_durable(w->j) >= w->seq || journal_has_failed(w->j);
}

/* Commit here, unless somebody else does, or had better: a large group takes so long to hash that
 * it is worth the hand-over to have that done while it is written. */
static bool lead(struct journal *j)
{
	const bool large = is_large(j);
	if (large)
		journal_commit_ask(j, journal_last(j));
	return !large && journal_commit_here(j);
}

enum err journal_wait(struct journal *j, uint64_t seq)
{
	struct waiting waiting = {.j = j, .seq = seq};
	if (seq > journal_last(j))
		return ERR_STATE;
	journal_commit_want(j, seq);
	while (!is_over(&waiting))
		if (!lead(j))
			(void)!eventcount_await(
				&j->wait[wait_of(seq)], FUTEX_FOREVER, is_over, &waiting);
	return journal_durable(j) >= seq ? OK : ERR_IO;
}
