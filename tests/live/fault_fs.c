/* A file system that shows a folder and fails when it is told to: fault_fs FOLDER MOUNT_POINT
 *
 * Everything is passed on to FOLDER. What is written to MOUNT_POINT/.fault
 * is obeyed from then on: "OP ERRNO COUNT": the next COUNT calls of OP (write, fsync, open,
 * fallocate, rename) answer ERRNO; ERRNO 0 with write: half of it is written. "none": no faults.
 * Reading .fault gives how many calls met one since it was last written. The call reaches it from
 * the kernel, so that a process is hit whichever way it takes: io_uring, pwritev2, a library.
 * In the foreground, one request at a time, until it is unmounted. */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CONTROL "/.fault"
#define TEXT_SIZE 64

enum op { OP_WRITE, OP_FSYNC, OP_OPEN, OP_FALLOCATE, OP_RENAME, OP_COUNT };
static const char *const op_name[OP_COUNT] = {"write", "fsync", "open", "fallocate", "rename"};

static char folder[PATH_MAX];
static struct {
	enum op op;
	int error;
	unsigned long left, met;
} fault = {.op = OP_COUNT};

/* ---- faults ---- */

static int obey(const char *order)
{
	char name[TEXT_SIZE];
	int error = 0;
	unsigned long count = 0;
	fault.op = OP_COUNT;
	fault.met = 0;
	if (strncmp(order, "none", 4) == 0)
		return 0;
	if (sscanf(order, "%63s %d %lu", name, &error, &count) != 3)
		return -EINVAL;
	for (int i = 0; i < OP_COUNT; i++)
		if (strcmp(op_name[i], name) == 0)
			fault.op = (enum op)i;
	fault.error = error;
	fault.left = count;
	return fault.op == OP_COUNT ? -EINVAL : 0;
}

/* 0: no fault; negative: what to answer; 1: half. */
static int strike(enum op op)
{
	if (fault.op != op || fault.left == 0)
		return 0;
	fault.left--;
	fault.met++;
	return fault.error == 0 ? 1 : -fault.error;
}

static int is_control(const char *path)
{
	return strcmp(path, CONTROL) == 0;
}

/* ---- passing on ---- */

static const char *real(char out[PATH_MAX], const char *path)
{
	const int n = snprintf(out, PATH_MAX, "%s%s", folder, path);
	return n < 0 || n >= PATH_MAX ? "" : out;
}

static int answer(int rc)
{
	return rc < 0 ? -errno : 0;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	char at[PATH_MAX];
	(void)fi;
	if (!is_control(path))
		return answer(lstat(real(at, path), st));
	memset(st, 0, sizeof *st);
	st->st_mode = S_IFREG | S_IRUSR | S_IWUSR;
	st->st_nlink = 1;
	st->st_size = TEXT_SIZE;
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	char at[PATH_MAX];
	if (is_control(path)) {
		fi->direct_io = 1;
		return 0;
	}
	const int hit = strike(OP_OPEN);
	if (hit < 0)
		return hit;
	const int fd = open(real(at, path), fi->flags & ~(O_DIRECT | O_CREAT | O_EXCL));
	fi->fh = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	char at[PATH_MAX];
	const int hit = strike(OP_OPEN);
	if (hit < 0)
		return hit;
	const int fd = open(real(at, path), (fi->flags & ~O_DIRECT) | O_CREAT, mode);
	fi->fh = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
	return is_control(path) ? 0 : answer(close((int)fi->fh));
}

static int fs_read(const char *path, char *bytes, size_t size, off_t at, struct fuse_file_info *fi)
{
	if (is_control(path)) {
		char text[TEXT_SIZE];
		const int len = snprintf(text, sizeof text, "%lu\n", fault.met);
		if (at >= len)
			return 0;
		const size_t part = (size_t)(len - at) < size ? (size_t)(len - at) : size;
		memcpy(bytes, text + at, part);
		return (int)part;
	}
	const ssize_t n = pread((int)fi->fh, bytes, size, at);
	return n < 0 ? -errno : (int)n;
}

static int fs_write(
	const char *path, const char *bytes, size_t size, off_t at, struct fuse_file_info *fi)
{
	if (is_control(path)) {
		char order[TEXT_SIZE] = "";
		memcpy(order, bytes, size < sizeof order ? size : sizeof order - 1);
		const int rc = obey(order);
		return rc < 0 ? rc : (int)size;
	}
	const int hit = strike(OP_WRITE);
	if (hit < 0)
		return hit;
	if (hit > 0 && size >= 1024)
		size = size / 1024 *
			512; /* whole sectors: the rest is written past the cache, too */
	const ssize_t n = pwrite((int)fi->fh, bytes, size, at);
	return n < 0 ? -errno : (int)n;
}

static int fs_fsync(const char *path, int only_data, struct fuse_file_info *fi)
{
	if (is_control(path))
		return 0;
	const int hit = strike(OP_FSYNC);
	if (hit < 0)
		return hit;
	return answer(only_data ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

static int fs_fallocate(const char *path, int mode, off_t at, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	const int hit = strike(OP_FALLOCATE);
	return hit < 0 ? hit : answer(fallocate((int)fi->fh, mode, at, size));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	char at[PATH_MAX];
	if (is_control(path))
		return 0;
	return answer(fi != NULL ? ftruncate((int)fi->fh, size) : truncate(real(at, path), size));
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
	char at[PATH_MAX], there[PATH_MAX];
	const int hit = strike(OP_RENAME);
	if (hit < 0 || flags != 0)
		return hit < 0 ? hit : -EINVAL;
	return answer(rename(real(at, from), real(there, to)));
}

static int fs_unlink(const char *path)
{
	char at[PATH_MAX];
	return answer(unlink(real(at, path)));
}

static int fs_mkdir(const char *path, mode_t mode)
{
	char at[PATH_MAX];
	return answer(mkdir(real(at, path), mode));
}

static int fs_rmdir(const char *path)
{
	char at[PATH_MAX];
	return answer(rmdir(real(at, path)));
}

static int fs_statfs(const char *path, struct statvfs *out)
{
	char at[PATH_MAX];
	return answer(statvfs(real(at, path), out));
}

static int fs_readdir(const char *path, void *out, fuse_fill_dir_t fill, off_t from,
	struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	char at[PATH_MAX];
	(void)from, (void)fi, (void)flags;
	DIR *dir = opendir(real(at, path));
	if (dir == NULL)
		return -errno;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		if (fill(out, e->d_name, NULL, 0, (enum fuse_fill_dir_flags)0) != 0)
			break;
	return answer(closedir(dir));
}

static int fs_fsyncdir(const char *path, int only_data, struct fuse_file_info *fi)
{
	char at[PATH_MAX];
	(void)fi;
	const int fd = open(real(at, path), O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return -errno;
	const int rc = answer(only_data ? fdatasync(fd) : fsync(fd));
	return answer(close(fd)) < 0 ? -EIO : rc;
}

/* Nothing is remembered: names and sizes are the folder's. */
static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.open = fs_open,
	.create = fs_create,
	.release = fs_release,
	.read = fs_read,
	.write = fs_write,
	.fsync = fs_fsync,
	.fallocate = fs_fallocate,
	.truncate = fs_truncate,
	.rename = fs_rename,
	.unlink = fs_unlink,
	.mkdir = fs_mkdir,
	.rmdir = fs_rmdir,
	.statfs = fs_statfs,
	.readdir = fs_readdir,
	.fsyncdir = fs_fsyncdir,
};

int main(int argc, char **argv)
{
	if (argc != 3 || realpath(argv[1], folder) == NULL) {
		(void)fputs("fault_fs FOLDER MOUNT_POINT\n", stderr);
		return 2;
	}
	char *args[] = {argv[0], (char[]){"-f"}, (char[]){"-s"}, argv[2], NULL};
	return fuse_main(4, args, &operations, NULL);
}
