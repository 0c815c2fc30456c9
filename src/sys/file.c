#include "sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_IDLE_MAX 100u /* calls in a row that wrote nothing before we call it a failure */
#define ZEROS_SIZE ((size_t)1 << 18)

static enum err err_of_errno(void)
{
	static const struct {
		int number;
		enum err err;
	} rows[] = {
		{ENOENT, ERR_NOT_FOUND},
		{ENOTDIR, ERR_NOT_FOUND},
		{EEXIST, ERR_EXISTS},
		{ENOTEMPTY, ERR_EXISTS},
		{EWOULDBLOCK, ERR_EXISTS},
		{EACCES, ERR_DENIED},
		{EPERM, ERR_DENIED},
		{EROFS, ERR_DENIED},
		{ENOSPC, ERR_FULL},
		{EDQUOT, ERR_FULL},
		{EFBIG, ERR_FULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == errno)
			return rows[i].err;
	return ERR_IO;
}

static enum err err_of(int rc)
{
	return rc == 0 ? OK : err_of_errno();
}

/* Where the kernel hands a file to a process (FUSE), a direct write that is to be durable is only
 * written: no sync is sent behind it. One through the cache is synced. Unknown: direct. */
static bool has_durable_direct(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) != 0 || fs.f_type != FUSE_SUPER_MAGIC;
}

/* Whether the file's device takes our alignment shows when it is asked for something. */
static void go_direct(int fd)
{
	_Alignas(FILE_DIRECT_ALIGN) uint8_t sector[FILE_DIRECT_ALIGN];
	if (!has_durable_direct(fd) || fcntl(fd, F_SETFL, O_DIRECT) != 0 ||
		pread(fd, sector, sizeof sector, FILE_DIRECT_ALIGN) >= 0)
		return;
	const int how = fcntl(fd, F_GETFL);
	if (how >= 0)
		(void)fcntl(fd, F_SETFL, how & ~O_DIRECT);
}

static enum err sys_open(void *ctx, int *file, const char *path, unsigned flags)
{
	(void)ctx;
	int how = O_CLOEXEC | (flags & FILE_WRITE ? O_RDWR | O_NOFOLLOW : O_RDONLY);
	how |= flags & FILE_CREATE ? O_CREAT : 0;
	how |= flags & FILE_EXCLUSIVE ? O_EXCL : 0;
	how |= flags & FILE_TRUNCATE ? O_TRUNC : 0;
	int fd;
	do
		fd = open(path, how, S_IRUSR | S_IWUSR);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_of_errno();
	if (flags & FILE_DIRECT)
		go_direct(fd);
	*file = fd;
	return OK;
}

static void sys_close(void *ctx, int file)
{
	(void)ctx;
	(void)close(file);
}

static enum err sys_pread(
	void *ctx, size_t *done, int file, void *bytes, size_t len, uint64_t offset)
{
	(void)ctx;
	uint8_t *at = bytes;
	size_t got = 0;
	while (got < len) {
		const ssize_t n = pread(file, at + got, len - got, (off_t)(offset + got));
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_of_errno();
		got += (size_t)n;
	}
	*done = got;
	return OK;
}

static enum err sys_pwrite(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset)
{
	(void)ctx;
	const ssize_t n = pwrite(file, bytes, len, (off_t)offset);
	if (n < 0 && errno != EINTR)
		return err_of_errno();
	*done = n < 0 ? 0 : (size_t)n;
	return OK;
}

/* EINTR of a sync counts as a failure: what became of the pages is not known. The journal's writer
 * blocks all signals, so it does not meet it. */
static enum err sys_fdatasync(void *ctx, int file)
{
	(void)ctx;
	return fdatasync(file) == 0 ? OK : ERR_IO;
}

static enum err sys_pwrite_durable(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset)
{
	(void)ctx;
	const struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	const ssize_t n = pwritev2(file, &part, 1, (off_t)offset, RWF_DSYNC);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
		TRY(sys_pwrite(ctx, done, file, bytes, len, offset));
		return sys_fdatasync(ctx, file);
	}
	if (n < 0 && errno != EINTR) /* a signal: before anything was written */
		return err_of_errno();
	*done = n < 0 ? 0 : (size_t)n;
	return OK;
}

static enum err sys_fsync(void *ctx, int file)
{
	(void)ctx;
	return fsync(file) == 0 ? OK : ERR_IO;
}

static enum err sys_size(void *ctx, uint64_t *size, int file)
{
	(void)ctx;
	struct stat st;
	if (fstat(file, &st) != 0)
		return err_of_errno();
	*size = (uint64_t)st.st_size;
	return OK;
}

static enum err sys_truncate(void *ctx, int file, uint64_t size)
{
	(void)ctx;
	int rc;
	do
		rc = ftruncate(file, (off_t)size);
	while (rc != 0 && errno == EINTR);
	return err_of(rc);
}

static enum err sys_reserve(void *ctx, int file, uint64_t size)
{
	(void)ctx;
	int rc;
	do
		rc = fallocate(file, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
	while (rc != 0 && errno == EINTR);
	return rc != 0 && errno == EOPNOTSUPP ? ERR_UNAVAILABLE : err_of(rc);
}

/* Zeros are written, rather than space only reserved: a write into reserved but unwritten space
 * makes each later sync commit metadata too. */
static enum err sys_preallocate(void *ctx, int file, uint64_t size)
{
	static const _Alignas(FILE_DIRECT_ALIGN) uint8_t zeros[ZEROS_SIZE];
	uint64_t at = 0;
	TRY(sys_size(ctx, &at, file));
	if (at >= size)
		return OK;
	if (at % FILE_DIRECT_ALIGN != 0) { /* the rest of a block that is there */
		at += FILE_DIRECT_ALIGN - at % FILE_DIRECT_ALIGN;
		TRY(sys_truncate(ctx, file, at < size ? at : size));
	}
	const enum err err = sys_reserve(ctx, file, size);
	if (err != OK && err != ERR_UNAVAILABLE)
		return err;
	while (at < size) {
		const size_t len = size - at < ZEROS_SIZE ? (size_t)(size - at) : ZEROS_SIZE;
		TRY(file_write_all(file_system(), file, zeros, len, at));
		at += len;
	}
	return OK;
}

static enum err sys_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return err_of(rename(from, to));
}

static enum err sys_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return err_of(unlink(path));
}

static enum err sys_mkdir(void *ctx, const char *path)
{
	(void)ctx;
	return err_of(mkdir(path, S_IRWXU));
}

static enum err sys_sync_dir(void *ctx, const char *path)
{
	(void)ctx;
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_of_errno();
	const enum err err = fsync(fd) == 0 ? OK : ERR_IO;
	(void)close(fd);
	return err;
}

static enum err sys_lock(void *ctx, int file)
{
	(void)ctx;
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int rc = fcntl(file, F_OFD_SETLK, &whole);
	return rc != 0 && errno == EACCES ? ERR_EXISTS : err_of(rc);
}

static enum err sys_list(void *ctx, const char *path, file_list_cb cb, void *cb_ctx)
{
	(void)ctx;
	DIR *dir = opendir(path);
	if (dir == NULL)
		return err_of_errno();
	enum err err = OK;
	while (err == OK) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			err = errno == 0 ? OK : ERR_IO;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = cb(cb_ctx, entry->d_name);
	}
	(void)closedir(dir);
	return err;
}

static enum err sys_free_bytes(void *ctx, uint64_t *bytes, const char *path)
{
	(void)ctx;
	struct statvfs st;
	if (statvfs(path, &st) != 0)
		return err_of_errno();
	*bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_frsize;
	return OK;
}

const struct file_ops *file_system(void)
{
	static const struct file_ops ops = {
		.open = sys_open,
		.close = sys_close,
		.pread = sys_pread,
		.pwrite = sys_pwrite,
		.pwrite_durable = sys_pwrite_durable,
		.fdatasync = sys_fdatasync,
		.fsync = sys_fsync,
		.preallocate = sys_preallocate,
		.reserve = sys_reserve,
		.truncate = sys_truncate,
		.size = sys_size,
		.rename = sys_rename,
		.unlink = sys_unlink,
		.mkdir = sys_mkdir,
		.sync_dir = sys_sync_dir,
		.lock = sys_lock,
		.list = sys_list,
		.free_bytes = sys_free_bytes,
	};
	return &ops;
}

typedef enum err (*write_once)(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset);

static enum err write_by(const struct file_ops *ops, write_once once, int file, const void *bytes,
	size_t len, uint64_t offset)
{
	const uint8_t *at = bytes;
	unsigned idle = 0;
	while (len > 0) {
		size_t done = 0;
		TRY(once(ops->ctx, &done, file, at, len, offset));
		CHECK(done <= len);
		idle = done == 0 ? idle + 1 : 0;
		if (idle == WRITE_IDLE_MAX)
			return ERR_IO;
		at += done;
		len -= done;
		offset += done;
	}
	return OK;
}

enum err file_write_all(
	const struct file_ops *ops, int file, const void *bytes, size_t len, uint64_t offset)
{
	return write_by(ops, ops->pwrite, file, bytes, len, offset);
}

enum err file_write_durable(
	const struct file_ops *ops, int file, const void *bytes, size_t len, uint64_t offset)
{
	if (ops->pwrite_durable != NULL)
		return write_by(ops, ops->pwrite_durable, file, bytes, len, offset);
	TRY(file_write_all(ops, file, bytes, len, offset));
	return ops->fdatasync(ops->ctx, file);
}

enum err file_read_exact(
	const struct file_ops *ops, int file, void *bytes, size_t len, uint64_t offset)
{
	size_t done = 0;
	TRY(ops->pread(ops->ctx, &done, file, bytes, len, offset));
	return done == len ? OK : ERR_SHORT;
}

enum err file_path_join(char path[FILE_PATH_SIZE], const char *dir, const char *name)
{
	const int n = snprintf(path, FILE_PATH_SIZE, "%s/%s", dir, name);
	return n > 0 && (size_t)n < FILE_PATH_SIZE ? OK : ERR_RANGE;
}

enum err file_path_parent(char parent[FILE_PATH_SIZE], const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= FILE_PATH_SIZE)
		return ERR_RANGE;
	const int n = len == 0 ? snprintf(parent, FILE_PATH_SIZE, ".")
			       : snprintf(parent, FILE_PATH_SIZE, "%.*s", (int)len, path);
	CHECK(n > 0);
	return OK;
}

const char *file_why(enum err err)
{
	switch (err) {
	case ERR_NOT_FOUND: return "no such file or folder";
	case ERR_EXISTS: return "is there already, or in use by another process";
	case ERR_DENIED: return "permission denied";
	case ERR_FULL: return "no space left, or more in it than expected";
	case ERR_RANGE: return "the path is too long";
	case ERR_SHORT: return "it ends too early";
	case ERR_IO: return "the system can't read or write it";
	case OK:
	case ERR_FORMAT:
	case ERR_TIMEOUT:
	case ERR_STATE:
	case ERR_CHECKSUM:
	case ERR_NETWORK:
	case ERR_UNAVAILABLE:
	case ERR_REJECTED:
	case ERR_CANCELLED: break;
	}
	return err_name(err);
}

/* Each piece is synced, so that the last sync has no more to do than the others. */
static enum err write_pieces(
	const struct file_ops *ops, int file, struct slice content, const struct file_pace *pace)
{
	for (size_t at = 0; at < content.len;) {
		const size_t left = content.len - at, len = left < pace->piece ? left : pace->piece;
		TRY(file_write_all(ops, file, content.ptr + at, len, at));
		at += len;
		if (at < content.len) {
			TRY(ops->fdatasync(ops->ctx, file));
			TRY(pace->wait(pace->ctx, at));
		}
	}
	return OK;
}

static enum err write_new(const struct file_ops *ops, const char *path, struct slice content,
	const struct file_pace *pace)
{
	const struct file_pace none = {.piece = SIZE_MAX};
	int file = FILE_NONE;
	TRY(ops->open(ops->ctx, &file, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
	enum err err = write_pieces(ops, file, content, pace == NULL ? &none : pace);
	if (err == OK)
		err = ops->fsync(ops->ctx, file);
	ops->close(ops->ctx, file);
	return err;
}

enum err file_write_atomic(const struct file_ops *ops, const char *path, struct slice content)
{
	return file_write_atomic_paced(ops, path, content, NULL);
}

enum err file_write_atomic_paced(const struct file_ops *ops, const char *path, struct slice content,
	const struct file_pace *pace)
{
	char parent[FILE_PATH_SIZE], temporary[FILE_PATH_SIZE];
	TRY(file_path_parent(parent, path));
	const int n = snprintf(temporary, sizeof temporary, "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof temporary)
		return ERR_RANGE;
	enum err err = write_new(ops, temporary, content, pace);
	if (err == OK)
		err = ops->rename(ops->ctx, temporary, path);
	if (err != OK) {
		(void)ops->unlink(ops->ctx, temporary); /* a leftover is overwritten next time */
		return err;
	}
	return ops->sync_dir(ops->ctx, parent);
}

enum err file_make_dir(const struct file_ops *ops, const char *path)
{
	char parent[FILE_PATH_SIZE];
	TRY(file_path_parent(parent, path));
	const enum err made = ops->mkdir(ops->ctx, path);
	if (made != OK && made != ERR_EXISTS)
		return made;
	/* also where it was there: whoever made it may have died before this */
	const enum err err = ops->sync_dir(ops->ctx, parent);
	return made == ERR_EXISTS && err == ERR_DENIED ? OK : err;
}

enum err file_read_all(
	const struct file_ops *ops, const char *path, void *bytes, size_t *len, size_t cap)
{
	int file = FILE_NONE;
	uint64_t size = 0;
	TRY(ops->open(ops->ctx, &file, path, 0));
	enum err err = ops->size(ops->ctx, &size, file);
	if (err == OK && size > cap)
		err = ERR_FULL;
	if (err == OK)
		err = file_read_exact(ops, file, bytes, (size_t)size, 0);
	ops->close(ops->ctx, file);
	if (err == OK)
		*len = (size_t)size;
	return err;
}
