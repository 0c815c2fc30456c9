/* Zeros for the next segment: slowly while nobody needs them, at once for who does; a disk that
 * fails meanwhile. */
#include "store/journal_filler.h"

#include "sys/clock.h"

#define SIZE (8 * JOURNAL_FILL_STEP)
#define SIZE_BEFORE (JOURNAL_FILL_STEP / 2) /* what an earlier process left */
#define SLOWLY_NS (6 * JOURNAL_FILL_STEP * UINT64_C(1000000000) / JOURNAL_FILL_RATE)

/* A file that only has a size. */
static struct {
	_Atomic uint64_t size;
	_Atomic unsigned steps, syncs, step_fails;
} disk;

static enum err disk_size(void *ctx, uint64_t *size, int file)
{
	(void)ctx;
	CHECK(file == 7);
	*size = disk.size;
	return OK;
}

static enum err disk_preallocate(void *ctx, int file, uint64_t size)
{
	(void)ctx;
	CHECK(file == 7 && size > disk.size && size - disk.size <= JOURNAL_FILL_STEP);
	disk.size = size;
	return ++disk.steps == disk.step_fails ? ERR_IO : OK;
}

static enum err disk_sync(void *ctx, int file)
{
	(void)ctx;
	CHECK(file == 7 && disk.size == SIZE);
	disk.syncs++;
	return OK;
}

static const struct file_ops ops = {
	.size = disk_size, .preallocate = disk_preallocate, .fdatasync = disk_sync};

static void new_file(struct journal_filler *f)
{
	disk.size = SIZE_BEFORE;
	disk.steps = disk.syncs = 0;
	journal_filler_ask(f, 7, SIZE);
}

static void await(const _Atomic unsigned *count, unsigned want)
{
	while (*count < want)
		clock_sleep_ms(1);
}

int main(void)
{
	struct journal_filler f;
	CHECK(journal_filler_start(&f, &ops) == OK);

	uint64_t begun = clock_mono_ns();
	new_file(&f);
	await(&disk.syncs, 1);
	CHECK(clock_mono_ns() - begun >= SLOWLY_NS);
	CHECK(journal_filler_wait(&f) == OK && disk.steps == 8 && disk.syncs == 1);

	/* hurried in the middle, by who needs it soon and by who waits: no pause is sat out */
	begun = clock_mono_ns();
	for (unsigned i = 0; i < 20; i++) {
		new_file(&f);
		await(&disk.steps, 1);
		if (i % 2 == 0)
			journal_filler_hurry(&f);
		CHECK(journal_filler_wait(&f) == OK && disk.steps == 8 && disk.syncs == 1);
	}
	CHECK(clock_mono_ns() - begun < 20 * SLOWLY_NS);

	/* given up in the middle: at once, without a sync, and gone on with later */
	begun = clock_mono_ns();
	for (unsigned i = 0; i < 20; i++) {
		new_file(&f);
		await(&disk.steps, 1);
		journal_filler_give_up(&f);
		CHECK(disk.steps < 8 && disk.syncs == 0);
		journal_filler_ask(&f, 7, SIZE);
		CHECK(journal_filler_wait(&f) == OK && disk.steps == 8 && disk.syncs == 1);
	}
	CHECK(clock_mono_ns() - begun < 20 * SLOWLY_NS);

	for (unsigned i = 1; i <= 8; i++) {
		disk.step_fails = i;
		new_file(&f);
		CHECK(journal_filler_wait(&f) == ERR_IO && disk.steps == i && disk.syncs == 0);
	}
	journal_filler_stop(&f);
	return 0;
}
