#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/file_sim.h"

static enum err count_name(void *ctx, const char *name)
{
	unsigned *count = ctx;
	CHECK(name[0] != '\0');
	(*count)++;
	return OK;
}

/* One contract for the real and the simulated disk. */
static void test_contract(const struct file_ops *ops, const char *dir)
{
	char path[FILE_PATH_SIZE], other[FILE_PATH_SIZE];
	uint8_t bytes[16];
	size_t done = 0, len = 0;
	uint64_t size = 0;
	unsigned names = 0;
	int file = FILE_NONE, again = FILE_NONE;

	CHECK(ops->mkdir(ops->ctx, dir) == OK);
	CHECK(ops->mkdir(ops->ctx, dir) == ERR_EXISTS);
	CHECK(file_path_join(path, dir, "a") == OK && file_path_join(other, dir, "b") == OK);
	CHECK(ops->open(ops->ctx, &file, path, 0) == ERR_NOT_FOUND);
	CHECK(ops->open(ops->ctx, &file, path, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE) == OK);
	CHECK(ops->open(ops->ctx, &again, path, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE) ==
		ERR_EXISTS);
	CHECK(file_write_all(ops, file, "hello", 5, 3) == OK);
	CHECK(ops->size(ops->ctx, &size, file) == OK && size == 8);
	CHECK(ops->pread(ops->ctx, &done, file, bytes, sizeof bytes, 0) == OK && done == 8);
	CHECK(memcmp(bytes, "\0\0\0hello", 8) == 0);
	CHECK(ops->pread(ops->ctx, &done, file, bytes, sizeof bytes, 100) == OK && done == 0);
	CHECK(file_read_exact(ops, file, bytes, 9, 0) == ERR_SHORT);
	CHECK(ops->preallocate(ops->ctx, file, 100000) == OK);
	CHECK(ops->preallocate(ops->ctx, file, 10) == OK);
	CHECK(ops->size(ops->ctx, &size, file) == OK && size == 100000);
	CHECK(file_read_exact(ops, file, bytes, 8, 0) == OK && memcmp(bytes + 3, "hello", 5) == 0);
	CHECK(file_read_exact(ops, file, bytes, 1, 99999) == OK && bytes[0] == 0);
	CHECK(ops->truncate(ops->ctx, file, 4) == OK);
	CHECK(ops->fdatasync(ops->ctx, file) == OK && ops->fsync(ops->ctx, file) == OK);
	CHECK(ops->lock(ops->ctx, file) == OK);
	CHECK(ops->open(ops->ctx, &again, path, FILE_WRITE) == OK);
	CHECK(ops->lock(ops->ctx, again) == ERR_EXISTS);
	ops->close(ops->ctx, file);
	CHECK(ops->lock(ops->ctx, again) == OK);
	ops->close(ops->ctx, again);

	CHECK(ops->rename(ops->ctx, path, other) == OK);
	CHECK(ops->rename(ops->ctx, path, other) == ERR_NOT_FOUND);
	CHECK(ops->sync_dir(ops->ctx, dir) == OK);
	CHECK(file_read_all(ops, other, bytes, &len, 3) == ERR_FULL);
	CHECK(file_read_all(ops, other, bytes, &len, 4) == OK && len == 4 && bytes[3] == 'h');
	CHECK(file_write_atomic(ops, path, slice_str("first")) == OK);
	CHECK(file_write_atomic(ops, path, slice_str("2nd")) == OK);
	CHECK(file_read_all(ops, path, bytes, &len, sizeof bytes) == OK);
	CHECK(slice_eq(slice_of(bytes, len), slice_str("2nd")));
	CHECK(ops->list(ops->ctx, dir, count_name, &names) == OK && names == 2);
	CHECK(ops->free_bytes(ops->ctx, &size, dir) == OK && size > 0);
	CHECK(ops->unlink(ops->ctx, other) == OK && ops->unlink(ops->ctx, other) == ERR_NOT_FOUND);
	CHECK(ops->unlink(ops->ctx, path) == OK);
}

static void test_paths(void)
{
	static const char *const rows[][2] = {
		{"a/b", "a"}, {"a", "."}, {"/a", "/"}, {"/", "/"}, {"a/b/", "a"}, {"a//b", "a"}};
	char out[FILE_PATH_SIZE], name[FILE_PATH_SIZE];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(file_path_parent(out, rows[i][0]) == OK);
		CHECK(strcmp(out, rows[i][1]) == 0);
	}
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	CHECK(file_path_join(out, "d", name) == ERR_RANGE);
}

static void test_modes(const char *dir)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE], link[FILE_PATH_SIZE];
	struct stat st;
	int file;
	CHECK(file_path_join(path, dir, "mode") == OK);
	CHECK(file_write_atomic(ops, path, slice_str("x")) == OK);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(file_path_join(link, dir, "link") == OK && symlink("mode", link) == 0);
	CHECK(ops->open(ops->ctx, &file, link, FILE_WRITE) != OK);
	CHECK(unlink(link) == 0 && unlink(path) == 0);
}

/* The lock of a process that died is free. */
static void test_lock_of_the_dead(const char *dir)
{
	const struct file_ops *ops = file_system();
	char path[FILE_PATH_SIZE];
	int ready[2], stop[2], file, status;
	char c = 0;
	CHECK(file_path_join(path, dir, "lock") == OK && pipe(ready) == 0 && pipe(stop) == 0);
	const pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(ops->open(ops->ctx, &file, path, FILE_WRITE | FILE_CREATE) == OK);
		CHECK(ops->lock(ops->ctx, file) == OK);
		CHECK(write(ready[1], "x", 1) == 1);
		CHECK(close(stop[1]) == 0 && read(stop[0], &c, 1) == 0);
		_exit(0);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	CHECK(ops->open(ops->ctx, &file, path, FILE_WRITE | FILE_CREATE) == OK);
	CHECK(ops->lock(ops->ctx, file) == ERR_EXISTS);
	CHECK(close(stop[1]) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(ops->lock(ops->ctx, file) == OK);
	ops->close(ops->ctx, file);
	CHECK(unlink(path) == 0);
}

static struct file_sim *crash_with(const struct file_sim *sim, unsigned bits)
{
	uint8_t survives[32];
	const size_t count = file_sim_unsynced(sim);
	CHECK(count <= sizeof survives);
	for (size_t i = 0; i < count; i++)
		survives[i] = (uint8_t)(bits >> i & 1u);
	return file_sim_crash(sim, survives, count);
}

/* Whatever survives, an atomic write leaves the old file or the new one, and once it answered OK,
 * the new one. */
struct atomic {
	struct file_sim *sim;
	bool done;
	unsigned states;
};

static void check_atomic(void *ctx)
{
	struct atomic *a = ctx;
	const unsigned count = 1u << file_sim_unsynced(a->sim);
	for (unsigned bits = 0; bits < count; bits++) {
		struct file_sim *after = crash_with(a->sim, bits);
		uint8_t bytes[2000];
		size_t len = 0;
		CHECK(file_read_all(file_sim_ops(after), "d/f", bytes, &len, sizeof bytes) == OK);
		CHECK(len == 700 || len == 1500);
		CHECK(len == 1500 || !a->done);
		for (size_t i = 0; i < len; i++)
			CHECK(bytes[i] == (len == 700 ? 'o' : 'n'));
		file_sim_destroy(after);
		a->states++;
	}
}

static void test_atomic_write(void)
{
	struct atomic a = {.sim = file_sim_create()};
	const struct file_ops *ops = file_sim_ops(a.sim);
	uint8_t content[1500];
	CHECK(ops->mkdir(ops->ctx, "d") == OK && ops->sync_dir(ops->ctx, ".") == OK);
	memset(content, 'o', sizeof content);
	CHECK(file_write_atomic(ops, "d/f", slice_of(content, 700)) == OK);
	memset(content, 'n', sizeof content);
	file_sim_on_change(a.sim, check_atomic, &a);
	CHECK(file_write_atomic(ops, "d/f", slice_of(content, 1500)) == OK);
	a.done = true;
	check_atomic(&a);
	CHECK(a.states > 16);
	file_sim_destroy(a.sim);
}

struct pieces {
	unsigned count, stop_at;
	uint64_t written;
};

static enum err wait_piece(void *ctx, uint64_t written)
{
	struct pieces *p = ctx;
	CHECK(written == p->written + 100);
	p->written = written;
	return ++p->count == p->stop_at ? ERR_CANCELLED : OK;
}

/* In pieces: the whole of it, or what was there before. */
static void test_paced_write(void)
{
	struct file_sim *sim = file_sim_create();
	const struct file_ops *ops = file_sim_ops(sim);
	uint8_t content[450], bytes[sizeof content];
	size_t len;
	memset(content, 'p', sizeof content);
	CHECK(ops->mkdir(ops->ctx, "d") == OK && ops->sync_dir(ops->ctx, ".") == OK);
	CHECK(file_write_atomic(ops, "d/f", slice_str("old")) == OK);
	for (unsigned stop_at = 4; stop_at <= 5; stop_at++) {
		struct pieces p = {.stop_at = stop_at};
		const struct file_pace pace = {.piece = 100, .wait = wait_piece, .ctx = &p};
		const uint64_t syncs = file_sim_count(sim, FILE_SIM_SYNC);
		const enum err err = file_write_atomic_paced(
			ops, "d/f", slice_of(content, sizeof content), &pace);
		CHECK(p.count == 4 && err == (stop_at == 4 ? ERR_CANCELLED : OK));
		CHECK(file_sim_count(sim, FILE_SIM_SYNC) == syncs + (err == OK ? 5 : 4));
		CHECK(file_read_all(ops, "d/f", bytes, &len, sizeof bytes) == OK);
		CHECK(slice_eq(slice_of(bytes, len),
			err == OK ? slice_of(content, sizeof content) : slice_str("old")));
		CHECK(file_read_all(ops, "d/f.tmp", bytes, &len, sizeof bytes) == ERR_NOT_FOUND);
	}
	file_sim_destroy(sim);
}

static void test_sim_model(void)
{
	struct file_sim *sim = file_sim_create(), *after;
	const struct file_ops *ops = file_sim_ops(sim);
	uint8_t bytes[1024];
	size_t len;
	int file;
	memset(bytes, 'x', sizeof bytes);
	CHECK(ops->open(ops->ctx, &file, "f", FILE_WRITE | FILE_CREATE) == OK);
	CHECK(file_write_all(ops, file, bytes, 1024, 0) == OK);
	CHECK(file_sim_unsynced(sim) == 4); /* name, size, two sectors */
	after = crash_with(sim, 0);
	CHECK(file_sim_content(after, "f", &len) == NULL);
	file_sim_destroy(after);
	after = crash_with(sim, 1 | 2 | 8);
	const uint8_t *seen = file_sim_content(after, "f", &len);
	CHECK(seen != NULL && len == 1024 && seen[0] == 0 && seen[512] == 'x');
	file_sim_destroy(after);

	/* a sync that failed: visible, clean, and not there after a power cut */
	CHECK(ops->sync_dir(ops->ctx, ".") == OK);
	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_SYNC, .err = ERR_IO});
	CHECK(ops->fdatasync(ops->ctx, file) == ERR_IO);
	CHECK(ops->fdatasync(ops->ctx, file) == OK);
	CHECK(file_sim_unsynced(sim) == 0);
	after = crash_with(sim, 0);
	CHECK(file_sim_content(after, "f", &len) != NULL && len == 0);
	file_sim_destroy(after);

	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_WRITE, .partial = 7});
	CHECK(ops->pwrite(ops->ctx, &len, file, bytes, 100, 0) == OK && len == 7);
	CHECK(ops->pwrite(ops->ctx, &len, file, bytes, 100, 0) == OK && len == 100);
	file_sim_capacity(sim, 1200);
	CHECK(ops->pwrite(ops->ctx, &len, file, bytes, 1024, 512) == ERR_FULL);
	file_sim_destroy(sim);
}

/* A folder that was made is there after a power cut, also where its first maker died. */
static void test_make_dir(void)
{
	struct file_sim *sim = file_sim_create();
	const struct file_ops *ops = file_sim_ops(sim);
	CHECK(file_make_dir(ops, "d") == OK);
	CHECK(file_sim_unsynced(sim) == 0);
	CHECK(file_make_dir(ops, "d/e") == OK && file_sim_unsynced(sim) == 0);
	CHECK(ops->mkdir(ops->ctx, "d/f") == OK && file_sim_unsynced(sim) == 1);
	CHECK(file_make_dir(ops, "d/f") == OK && file_sim_unsynced(sim) == 0);
	CHECK(file_make_dir(ops, "none/e") == ERR_NOT_FOUND);
	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_SYNC_DIR, .err = ERR_IO});
	CHECK(file_make_dir(ops, "g") == ERR_IO);
	file_sim_destroy(sim);
}

/* A write that lands elsewhere: nobody is told, a power cut keeps it, and it can be made good. */
static void test_stray(void)
{
	static uint8_t a[8 * FILE_SIM_SECTOR], b[FILE_SIM_SECTOR];
	struct file_sim *sim = file_sim_create();
	const struct file_ops *ops = file_sim_ops(sim);
	size_t len;
	int file;
	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	file_sim_put(sim, "f", slice_of(a, sizeof a));
	CHECK(ops->open(ops->ctx, &file, "f", FILE_WRITE) == OK);
	file_sim_inject(sim, &(struct file_sim_fault){.op = FILE_SIM_WRITE, .stray = 11});
	CHECK(file_write_all(ops, file, b, sizeof b, 4 * FILE_SIM_SECTOR) == OK);
	CHECK(ops->fdatasync(ops->ctx, file) == OK && file_sim_unsynced(sim) == 0);
	ops->close(ops->ctx, file);
	struct file_sim *after = file_sim_crash(sim, NULL, 0);
	CHECK(file_sim_strays(after) == 1);
	const uint8_t *is = file_sim_content(after, "f", &len);
	CHECK(len == sizeof a && is[4 * FILE_SIM_SECTOR] == 'a');
	CHECK(is[11 % 4 * FILE_SIM_SECTOR] == 'b');
	file_sim_repair(after);
	is = file_sim_content(after, "f", &len);
	CHECK(is[4 * FILE_SIM_SECTOR] == 'b' && is[11 % 4 * FILE_SIM_SECTOR] == 'a');
	CHECK(file_sim_strays(after) == 0);
	file_sim_destroy(after);
	file_sim_destroy(sim);
}

int main(void)
{
	char base[] = "/tmp/sluice-file-test-XXXXXX", dir[FILE_PATH_SIZE];
	CHECK(mkdtemp(base) != NULL && file_path_join(dir, base, "d") == OK);
	test_paths();
	test_contract(file_system(), dir);
	test_modes(dir);
	test_lock_of_the_dead(dir);
	CHECK(rmdir(dir) == 0 && rmdir(base) == 0);

	struct file_sim *sim = file_sim_create();
	test_contract(file_sim_ops(sim), "d");
	file_sim_destroy(sim);
	test_sim_model();
	test_stray();
	test_atomic_write();
	test_paced_write();
	test_make_dir();
	return EXIT_SUCCESS;
}
