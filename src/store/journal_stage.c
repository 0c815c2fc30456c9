#include "store/journal_stage.h"

#include <stdlib.h>

#include "sys/file.h"

/* The word: slot << 62 | bytes << 39 | sequence. */
#define SEQ_BITS 39u
#define BYTES_BITS 23u
#define SEQ_MASK ((UINT64_C(1) << SEQ_BITS) - 1)
#define BYTES_MASK ((UINT64_C(1) << BYTES_BITS) - 1)

_Static_assert(JOURNAL_GROUP_SIZE_MAX <= BYTES_MASK, "the bytes of a group fit into the word");
_Static_assert(SEQ_BITS + BYTES_BITS == 62 && JOURNAL_STAGE_SLOTS <= 4, "and so do the slots");

static uint64_t pack(uint64_t slot, uint64_t bytes, uint64_t seq)
{
	return slot << 62 | bytes << SEQ_BITS | (seq & SEQ_MASK);
}

static uint32_t slot_of(uint64_t word)
{
	return (uint32_t)(word >> 62);
}

static size_t bytes_of(uint64_t word)
{
	return (size_t)(word >> SEQ_BITS & BYTES_MASK);
}

/* The next sequence, whole: the first with these low bits that is not below `from`. */
static uint64_t next_of(uint64_t word, uint64_t from)
{
	return from + ((word - from) & SEQ_MASK);
}

static uint64_t durable_of(const struct journal_stage *s)
{
	/* [DURABLE] acquire */
	return atomic_load_explicit(&s->durable, memory_order_acquire);
}

/* [WORD] acquire: pairs with the release of the exchange in journal_stage_close: the limits of the
 * group that was opened with it are seen. Read after `durable`, which is never ahead of it. */
static uint64_t word_of(const struct journal_stage *s)
{
	return atomic_load_explicit(&s->word, memory_order_acquire);
}

enum err journal_stage_init(struct journal_stage *s, size_t group_max, uint64_t last)
{
	*s = (struct journal_stage){.group_max = group_max};
	eventcount_init(&s->settled, EVENTCOUNT_SPIN_DEFAULT);
	atomic_init(&s->word, pack(0, 0, last + 1));
	atomic_init(&s->durable, last);
	atomic_init(&s->closed, last);
	atomic_init(&s->several_max, group_max);
	atomic_init(&s->limit[0], UINT64_MAX);
	atomic_init(&s->limit[1], UINT64_MAX);
	bool whole = true;
	for (uint32_t i = 0; i < JOURNAL_STAGE_SLOTS; i++) {
		s->slot[i].group = aligned_alloc(FILE_DIRECT_ALIGN, journal_group_size(group_max));
		whole = whole && s->slot[i].group != NULL;
	}
	return whole ? OK : ERR_FULL;
}

void journal_stage_fini(struct journal_stage *s)
{
	for (uint32_t i = 0; i < JOURNAL_STAGE_SLOTS; i++)
		free(s->slot[i].group);
	*s = (struct journal_stage){.group_max = 0};
}

/* ---- appending ---- */

static enum err admit(
	const struct journal_stage *s, uint64_t word, size_t size, bool essential, size_t promised)
{
	const size_t whole = journal_group_size(bytes_of(word) + size);
	const bool several = bytes_of(word) > 0;
	if (whole > s->group_max ||
		(several && whole > atomic_load_explicit(&s->several_max, memory_order_relaxed)))
		return ERR_FULL;
	if (size <= promised)
		return OK;
	return whole <= atomic_load_explicit(&s->limit[essential], memory_order_relaxed) ? OK
											 : ERR_FULL;
}

static void copy(
	struct journal_stage *s, uint64_t word, uint64_t seq, uint16_t type, struct slice payload)
{
	struct journal_stage_slot *slot = &s->slot[slot_of(word)];
	uint8_t *at = slot->group + JOURNAL_GROUP_HEADER_SIZE + bytes_of(word);
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload.len;
	journal_record_header(at, seq, type, payload);
	if (payload.len > 0)
		memcpy(at + JOURNAL_RECORD_HEADER_SIZE, payload.ptr, payload.len);
	/* [COPIED] release: pairs with the acquires in settle: the record, then its bytes */
	const int64_t before = atomic_fetch_add_explicit(
		&slot->copied, (int64_t)size, memory_order_release);
	if (before + (int64_t)size == 0) /* the last of a group that is closed */
		eventcount_notify_one(&s->settled);
}

enum err journal_stage_put(struct journal_stage *s, struct journal_put *out, uint16_t type,
	struct slice payload, bool essential, size_t promised)
{
	const size_t size = JOURNAL_RECORD_HEADER_SIZE + payload.len;
	const uint64_t durable = durable_of(s);
	uint64_t seq, next, word = word_of(s);
	do {
		TRY(admit(s, word, size, essential, promised));
		seq = next_of(word, durable);
		next = pack(slot_of(word), bytes_of(word) + size, seq + 1);
		/* [WORD] acquire as in word_of; release: a record's appender has seen what is
		 * durable, and so does whoever reads the word */
	} while (!atomic_compare_exchange_weak_explicit(
		&s->word, &word, next, memory_order_acq_rel, memory_order_acquire));
	copy(s, word, seq, type, payload);
	*out = (struct journal_put){.seq = seq, .first = bytes_of(word) == 0};
	return OK;
}

enum err journal_stage_room(const struct journal_stage *s, size_t size, bool essential)
{
	return admit(s, word_of(s), size, essential, 0);
}

uint64_t journal_stage_last(const struct journal_stage *s)
{
	const uint64_t durable = durable_of(s);
	return next_of(word_of(s), durable) - 1;
}

size_t journal_stage_bytes(const struct journal_stage *s)
{
	return bytes_of(word_of(s));
}

/* ---- committing ---- */

struct journal_closing journal_stage_look(const struct journal_stage *s)
{
	const uint64_t word = word_of(s);
	return (struct journal_closing){.word = word, .bytes = bytes_of(word)};
}

static bool is_settled(void *ctx)
{
	const struct journal_stage_slot *slot = ctx;
	/* [COPIED] acquire */
	return atomic_load_explicit(&slot->copied, memory_order_acquire) == 0;
}

static void settle(struct journal_stage *s, struct journal_stage_slot *slot, size_t bytes)
{
	/* [COPIED] acquire: pairs with the release in copy */
	const int64_t copied = atomic_fetch_sub_explicit(
		&slot->copied, (int64_t)bytes, memory_order_acquire);
	if (copied != (int64_t)bytes)
		(void)!eventcount_await(&s->settled, FUTEX_FOREVER, is_settled, slot);
}

bool journal_stage_close(
	struct journal_stage *s, struct journal_body *out, struct journal_closing closing)
{
	uint64_t word = closing.word;
	const uint32_t slot = slot_of(word);
	const uint64_t before = atomic_load_explicit(&s->closed, memory_order_relaxed);
	const uint64_t last = next_of(word, before) - 1;
	CHECK(closing.bytes > 0 && last > before);
	/* [WORD] release: pairs with word_of */
	if (!atomic_compare_exchange_strong_explicit(&s->word, &word,
		    pack((slot + 1) % JOURNAL_STAGE_SLOTS, 0, last + 1), memory_order_acq_rel,
		    memory_order_acquire))
		return false;
	atomic_store_explicit(&s->closed, last, memory_order_relaxed);
	settle(s, &s->slot[slot], closing.bytes);

	*out = (struct journal_body){
		.group = s->slot[slot].group,
		.size = closing.bytes,
		.first_seq = before + 1,
		.count = (uint32_t)(last - before),
		.slot = slot,
	};
	return true;
}

void journal_stage_publish(struct journal_stage *s, uint64_t seq)
{
	/* [DURABLE] release */
	atomic_store_explicit(&s->durable, seq, memory_order_release);
}
