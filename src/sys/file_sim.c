#include "sys/file_sim.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTOR FILE_SIM_SECTOR
#define NO_INODE (-1)

struct inode {
	bool used, dir;
	bool locked;
	bool size_dirty;
	uint8_t *seen;    /* what a reader gets; cap bytes */
	uint8_t *platter; /* what a power cut leaves; cap bytes */
	bool *dirty;      /* by sector: written since the last sync */
	size_t size, platter_size, cap;
};

struct name {
	char path[FILE_SIM_NAME_MAX];
	int inode;
};

struct names {
	struct name name[FILE_SIM_FILES_MAX];
	size_t count;
};

enum change_kind { CHANGE_CREATE, CHANGE_RENAME, CHANGE_UNLINK };

struct change {
	enum change_kind kind;
	char path[FILE_SIM_NAME_MAX];
	char to[FILE_SIM_NAME_MAX]; /* RENAME */
	int inode;                  /* CREATE */
};

struct handle {
	bool used, write, locks;
	int inode;
};

/* A sector that landed elsewhere. */
struct stray {
	int inode;
	size_t meant, landed;  /* sectors */
	uint8_t bytes[SECTOR]; /* of it */
	uint8_t under[SECTOR]; /* what it landed on */
	uint8_t stale[SECTOR]; /* what stayed where it was meant */
};

struct file_sim {
	struct stray stray[FILE_SIM_STRAYS_MAX];
	size_t stray_count;
	struct file_ops ops;
	struct inode inode[FILE_SIM_FILES_MAX];
	struct names seen, platter;
	struct change pending[FILE_SIM_PENDING_MAX];
	size_t pending_count;
	struct handle handle[FILE_SIM_HANDLES_MAX];
	struct file_sim_fault fault[FILE_SIM_FAULTS_MAX];
	size_t fault_count;
	uint64_t count[FILE_SIM_OP_COUNT];
	uint64_t capacity;
	file_sim_cb on_change;
	void *on_change_ctx;
};

static void *must_calloc(size_t count, size_t size)
{
	void *p = calloc(count, size);
	CHECK(p != NULL);
	return p;
}

/* names */

static int names_find(const struct names *t, const char *path)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->name[i].path, path) == 0)
			return (int)i;
	return -1;
}

static int names_inode(const struct names *t, const char *path)
{
	const int at = names_find(t, path);
	return at < 0 ? NO_INODE : t->name[at].inode;
}

static void names_remove(struct names *t, const char *path)
{
	const int at = names_find(t, path);
	if (at >= 0)
		t->name[at] = t->name[--t->count];
}

static void names_set(struct names *t, const char *path, int inode)
{
	names_remove(t, path);
	CHECK(t->count < FILE_SIM_FILES_MAX && strlen(path) < FILE_SIM_NAME_MAX);
	struct name *name = &t->name[t->count++];
	(void)snprintf(name->path, sizeof name->path, "%s", path);
	name->inode = inode;
}

static void names_apply(struct names *t, const struct change *change)
{
	const int moved = names_inode(t, change->path);
	switch (change->kind) {
	case CHANGE_CREATE: names_set(t, change->path, change->inode); break;
	case CHANGE_RENAME:
		names_remove(t, change->path);
		if (moved != NO_INODE)
			names_set(t, change->to, moved);
		break;
	case CHANGE_UNLINK: names_remove(t, change->path); break;
	}
}

static bool lies_in(const char *path, const char *dir)
{
	char parent[FILE_PATH_SIZE];
	return file_path_parent(parent, path) == OK && strcmp(parent, dir) == 0;
}

static bool is_root(const char *dir)
{
	return strcmp(dir, ".") == 0 || strcmp(dir, "/") == 0;
}

/* inodes */

static void inode_free(struct inode *n)
{
	free(n->seen);
	free(n->platter);
	free(n->dirty);
	*n = (struct inode){0};
}

static void inode_reserve(struct inode *n, size_t size)
{
	if (size <= n->cap)
		return;
	size_t cap = n->cap < SECTOR ? SECTOR : n->cap;
	while (cap < size)
		cap *= 2;
	uint8_t *seen = must_calloc(1, cap);
	uint8_t *platter = must_calloc(1, cap);
	bool *dirty = must_calloc(cap / SECTOR, sizeof *dirty);
	if (n->cap > 0) {
		memcpy(seen, n->seen, n->cap);
		memcpy(platter, n->platter, n->cap);
		memcpy(dirty, n->dirty, n->cap / SECTOR * sizeof *dirty);
	}
	free(n->seen);
	free(n->platter);
	free(n->dirty);
	n->seen = seen;
	n->platter = platter;
	n->dirty = dirty;
	n->cap = cap;
}

static void inode_resize(struct inode *n, size_t size)
{
	inode_reserve(n, size);
	for (size_t at = size; at < n->size; at++)
		n->seen[at] = 0;
	n->size_dirty = n->size_dirty || size != n->size;
	n->size = size;
}

static void inode_sync(struct inode *n)
{
	for (size_t i = 0; i < n->cap / SECTOR; i++)
		if (n->dirty[i])
			memcpy(n->platter + i * SECTOR, n->seen + i * SECTOR, SECTOR);
	if (n->cap > 0)
		memset(n->dirty, 0, n->cap / SECTOR * sizeof *n->dirty);
	if (n->size_dirty)
		n->platter_size = n->size;
	n->size_dirty = false;
}

static bool sector_unsynced(const struct inode *n, size_t i)
{
	return n->dirty[i] && memcmp(n->platter + i * SECTOR, n->seen + i * SECTOR, SECTOR) != 0;
}

static bool inode_referenced(const struct file_sim *sim, int inode)
{
	for (size_t i = 0; i < sim->seen.count; i++)
		if (sim->seen.name[i].inode == inode)
			return true;
	for (size_t i = 0; i < sim->platter.count; i++)
		if (sim->platter.name[i].inode == inode)
			return true;
	for (size_t i = 0; i < sim->pending_count; i++)
		if (sim->pending[i].kind == CHANGE_CREATE && sim->pending[i].inode == inode)
			return true;
	for (size_t i = 0; i < FILE_SIM_HANDLES_MAX; i++)
		if (sim->handle[i].used && sim->handle[i].inode == inode)
			return true;
	return false;
}

static int inode_new(struct file_sim *sim, bool dir)
{
	for (int i = 0; i < (int)FILE_SIM_FILES_MAX; i++) {
		if (sim->inode[i].used && !inode_referenced(sim, i))
			inode_free(&sim->inode[i]);
		if (!sim->inode[i].used) {
			sim->inode[i] = (struct inode){.used = true, .dir = dir};
			return i;
		}
	}
	return NO_INODE;
}

static uint64_t bytes_used(const struct file_sim *sim)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < sim->seen.count; i++)
		sum += sim->inode[sim->seen.name[i].inode].size;
	return sum;
}

static bool has_room(const struct file_sim *sim, const struct inode *n, size_t size)
{
	return size <= n->size || size - n->size <= sim->capacity - bytes_used(sim);
}

/* operations */

static void changed(struct file_sim *sim)
{
	if (sim->on_change != NULL)
		sim->on_change(sim->on_change_ctx);
}

/* Counts the operation; true, and a copy of the fault, where one strikes it. */
static bool strike(struct file_sim *sim, struct file_sim_fault *out, enum file_sim_op op)
{
	bool hit = false;
	sim->count[op]++;
	for (size_t i = 0; i < sim->fault_count; i++) {
		struct file_sim_fault *f = &sim->fault[i];
		if (f->op != op || f->after == UINT64_MAX)
			continue;
		if (f->after > 0) {
			f->after--;
			continue;
		}
		hit = true;
		*out = *f;
		f->after = f->persistent ? 0 : UINT64_MAX; /* UINT64_MAX: spent */
	}
	sim->count[FILE_SIM_STRUCK] += hit;
	return hit;
}

static enum err strike_plain(struct file_sim *sim, enum file_sim_op op)
{
	struct file_sim_fault fault;
	return strike(sim, &fault, op) ? fault.err : OK;
}

static enum err push_change(struct file_sim *sim, const struct change *change)
{
	if (sim->pending_count == FILE_SIM_PENDING_MAX ||
		(change->kind == CHANGE_CREATE && sim->seen.count == FILE_SIM_FILES_MAX))
		return ERR_FULL;
	sim->pending[sim->pending_count++] = *change;
	names_apply(&sim->seen, change);
	changed(sim);
	return OK;
}

static enum err make(struct file_sim *sim, int *inode, const char *path, bool dir)
{
	char parent[FILE_PATH_SIZE];
	struct change change = {.kind = CHANGE_CREATE};
	if (strlen(path) >= FILE_SIM_NAME_MAX)
		return ERR_FULL;
	TRY(file_path_parent(parent, path));
	const int in = names_inode(&sim->seen, parent);
	if (!is_root(parent) && (in == NO_INODE || !sim->inode[in].dir))
		return ERR_NOT_FOUND;
	change.inode = inode_new(sim, dir);
	if (change.inode == NO_INODE)
		return ERR_FULL;
	(void)snprintf(change.path, sizeof change.path, "%s", path);
	*inode = change.inode;
	return push_change(sim, &change);
}

static struct handle *handle_of(struct file_sim *sim, int file)
{
	CHECK(file >= 0 && file < (int)FILE_SIM_HANDLES_MAX && sim->handle[file].used);
	return &sim->handle[file];
}

static struct inode *inode_of(struct file_sim *sim, int file)
{
	return &sim->inode[handle_of(sim, file)->inode];
}

static enum err sim_open(void *ctx, int *file, const char *path, unsigned flags)
{
	struct file_sim *sim = ctx;
	TRY(strike_plain(sim, FILE_SIM_OPEN));
	int inode = names_inode(&sim->seen, path), at = 0;
	if (inode == NO_INODE && !(flags & FILE_CREATE))
		return ERR_NOT_FOUND;
	if (inode != NO_INODE && (flags & FILE_EXCLUSIVE))
		return ERR_EXISTS;
	while (at < (int)FILE_SIM_HANDLES_MAX && sim->handle[at].used)
		at++;
	if (at == (int)FILE_SIM_HANDLES_MAX)
		return ERR_FULL;
	if (inode == NO_INODE)
		TRY(make(sim, &inode, path, false));
	if (sim->inode[inode].dir)
		return ERR_IO;
	sim->handle[at] = (struct handle){
		.used = true, .write = (flags & FILE_WRITE) != 0, .inode = inode};
	if ((flags & FILE_TRUNCATE) && sim->inode[inode].size > 0) {
		inode_resize(&sim->inode[inode], 0);
		changed(sim);
	}
	*file = at;
	return OK;
}

static void sim_close(void *ctx, int file)
{
	struct handle *h = handle_of(ctx, file);
	if (h->locks)
		inode_of(ctx, file)->locked = false;
	*h = (struct handle){0};
}

static enum err sim_pread(
	void *ctx, size_t *done, int file, void *bytes, size_t len, uint64_t offset)
{
	TRY(strike_plain(ctx, FILE_SIM_READ));
	const struct inode *n = inode_of(ctx, file);
	const size_t left = offset < n->size ? n->size - (size_t)offset : 0;
	*done = len < left ? len : left;
	if (*done > 0)
		memcpy(bytes, n->seen + offset, *done);
	return OK;
}

/* Sector by sector onto others of the file, all of them in its first part, where data are. False:
 * this one lands where it should. */
static bool go_astray(struct file_sim *sim, int inode, const uint8_t *bytes, size_t len,
	uint64_t offset, uint64_t stray)
{
	struct inode *n = &sim->inode[inode];
	const size_t first = (size_t)offset / SECTOR, count = len / SECTOR;
	if (offset % SECTOR != 0 || len % SECTOR != 0 || first < count || offset + len > n->size ||
		sim->stray_count + count > FILE_SIM_STRAYS_MAX)
		return false;
	const size_t landing = (size_t)(stray % (first - count + 1));
	for (size_t i = 0; i < count; i++) {
		struct stray *s = &sim->stray[sim->stray_count++];
		*s = (struct stray){.inode = inode, .meant = first + i, .landed = landing + i};
		memcpy(s->bytes, bytes + i * SECTOR, SECTOR);
		memcpy(s->under, n->seen + s->landed * SECTOR, SECTOR);
		memcpy(s->stale, n->seen + s->meant * SECTOR, SECTOR);
		memcpy(n->seen + s->landed * SECTOR, s->bytes, SECTOR);
		n->dirty[s->landed] = true;
	}
	return true;
}

static void put_back(struct inode *n, size_t sector, const uint8_t *is, const uint8_t *should)
{
	if (memcmp(n->seen + sector * SECTOR, is, SECTOR) == 0)
		memcpy(n->seen + sector * SECTOR, should, SECTOR);
	if (memcmp(n->platter + sector * SECTOR, is, SECTOR) == 0)
		memcpy(n->platter + sector * SECTOR, should, SECTOR);
}

size_t file_sim_strays(const struct file_sim *sim)
{
	return sim->stray_count;
}

void file_sim_repair(struct file_sim *sim)
{
	while (sim->stray_count > 0) { /* the last one first: it may lie on another */
		const struct stray *s = &sim->stray[--sim->stray_count];
		struct inode *n = &sim->inode[s->inode];
		if (!n->used || n->cap < (s->meant + 1) * SECTOR)
			continue;
		put_back(n, s->landed, s->bytes, s->under);
		put_back(n, s->meant, s->stale, s->bytes);
	}
}

static enum err sim_pwrite(
	void *ctx, size_t *done, int file, const void *bytes, size_t len, uint64_t offset)
{
	struct file_sim *sim = ctx;
	struct inode *n = inode_of(sim, file);
	struct file_sim_fault fault;
	enum err err = OK;
	CHECK(handle_of(sim, file)->write);
	if (strike(sim, &fault, FILE_SIM_WRITE)) {
		if (fault.stray != 0 &&
			go_astray(sim, handle_of(sim, file)->inode, bytes, len, offset,
				fault.stray)) {
			changed(sim);
			*done = len;
			return OK;
		}
		err = fault.err;
		if (fault.stray == 0)
			len = fault.partial < len ? fault.partial : len;
	}
	if (!has_room(sim, n, (size_t)offset + len))
		return ERR_FULL;
	if (len > 0) {
		if (offset + len > n->size)
			inode_resize(n, (size_t)offset + len);
		memcpy(n->seen + offset, bytes, len);
		for (size_t i = (size_t)offset / SECTOR; i <= (offset + len - 1) / SECTOR; i++)
			n->dirty[i] = true;
		changed(sim);
	}
	*done = len;
	return err;
}

static enum err sim_sync(void *ctx, int file)
{
	struct file_sim *sim = ctx;
	struct inode *n = inode_of(sim, file);
	const enum err err = strike_plain(sim, FILE_SIM_SYNC);
	if (err == OK) {
		inode_sync(n);
	} else if (n->cap > 0) {
		memset(n->dirty, 0, n->cap / SECTOR * sizeof *n->dirty);
		n->size_dirty = false;
	}
	changed(sim);
	return err;
}

static enum err sim_size(void *ctx, uint64_t *size, int file)
{
	*size = inode_of(ctx, file)->size;
	return OK;
}

static enum err sim_preallocate(void *ctx, int file, uint64_t size)
{
	struct file_sim *sim = ctx;
	struct inode *n = inode_of(sim, file);
	TRY(strike_plain(sim, FILE_SIM_PREALLOCATE));
	if (!has_room(sim, n, (size_t)size))
		return ERR_FULL;
	if (size > n->size) {
		inode_resize(n, (size_t)size);
		changed(sim);
	}
	return OK;
}

static enum err sim_truncate(void *ctx, int file, uint64_t size)
{
	struct file_sim *sim = ctx;
	struct inode *n = inode_of(sim, file);
	if (!has_room(sim, n, (size_t)size))
		return ERR_FULL;
	inode_resize(n, (size_t)size);
	changed(sim);
	return OK;
}

static enum err sim_rename(void *ctx, const char *from, const char *to)
{
	struct file_sim *sim = ctx;
	struct change change = {.kind = CHANGE_RENAME};
	TRY(strike_plain(sim, FILE_SIM_RENAME));
	if (names_find(&sim->seen, from) < 0)
		return ERR_NOT_FOUND;
	if (strlen(to) >= FILE_SIM_NAME_MAX)
		return ERR_FULL;
	(void)snprintf(change.path, sizeof change.path, "%s", from);
	(void)snprintf(change.to, sizeof change.to, "%s", to);
	return push_change(sim, &change);
}

static enum err sim_unlink(void *ctx, const char *path)
{
	struct file_sim *sim = ctx;
	struct change change = {.kind = CHANGE_UNLINK};
	if (names_find(&sim->seen, path) < 0)
		return ERR_NOT_FOUND;
	(void)snprintf(change.path, sizeof change.path, "%s", path);
	return push_change(sim, &change);
}

static enum err sim_mkdir(void *ctx, const char *path)
{
	struct file_sim *sim = ctx;
	int inode;
	if (names_find(&sim->seen, path) >= 0)
		return ERR_EXISTS;
	return make(sim, &inode, path, true);
}

static enum err sim_sync_dir(void *ctx, const char *path)
{
	struct file_sim *sim = ctx;
	size_t kept = 0;
	TRY(strike_plain(sim, FILE_SIM_SYNC_DIR));
	for (size_t i = 0; i < sim->pending_count; i++) {
		const struct change *change = &sim->pending[i];
		const bool rename = change->kind == CHANGE_RENAME;
		if (lies_in(rename ? change->to : change->path, path))
			names_apply(&sim->platter, change);
		else
			sim->pending[kept++] = *change;
	}
	sim->pending_count = kept;
	changed(sim);
	return OK;
}

static enum err sim_lock(void *ctx, int file)
{
	struct inode *n = inode_of(ctx, file);
	if (n->locked)
		return ERR_EXISTS;
	n->locked = true;
	handle_of(ctx, file)->locks = true;
	return OK;
}

static enum err sim_list(void *ctx, const char *path, file_list_cb cb, void *cb_ctx)
{
	const struct file_sim *sim = ctx;
	if (names_find(&sim->seen, path) < 0)
		return ERR_NOT_FOUND;
	for (size_t i = 0; i < sim->seen.count; i++)
		if (lies_in(sim->seen.name[i].path, path))
			TRY(cb(cb_ctx, strrchr(sim->seen.name[i].path, '/') + 1));
	return OK;
}

static enum err sim_free_bytes(void *ctx, uint64_t *bytes, const char *path)
{
	const struct file_sim *sim = ctx;
	(void)path;
	const uint64_t used = bytes_used(sim);
	*bytes = used < sim->capacity ? sim->capacity - used : 0;
	return OK;
}

/* the disk */

struct file_sim *file_sim_create(void)
{
	struct file_sim *sim = must_calloc(1, sizeof *sim);
	sim->capacity = UINT64_MAX;
	sim->ops = (struct file_ops){
		.ctx = sim,
		.open = sim_open,
		.close = sim_close,
		.pread = sim_pread,
		.pwrite = sim_pwrite,
		.fdatasync = sim_sync,
		.fsync = sim_sync,
		.preallocate = sim_preallocate,
		.truncate = sim_truncate,
		.size = sim_size,
		.rename = sim_rename,
		.unlink = sim_unlink,
		.mkdir = sim_mkdir,
		.sync_dir = sim_sync_dir,
		.lock = sim_lock,
		.list = sim_list,
		.free_bytes = sim_free_bytes,
	};
	return sim;
}

void file_sim_destroy(struct file_sim *sim)
{
	if (sim == NULL)
		return;
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++)
		inode_free(&sim->inode[i]);
	free(sim);
}

const struct file_ops *file_sim_ops(struct file_sim *sim)
{
	return &sim->ops;
}

void file_sim_kill(struct file_sim *sim)
{
	memset(sim->handle, 0, sizeof sim->handle);
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++)
		sim->inode[i].locked = false;
}

size_t file_sim_unsynced(const struct file_sim *sim)
{
	size_t count = sim->pending_count;
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++) {
		const struct inode *n = &sim->inode[i];
		count += n->size_dirty && n->size != n->platter_size;
		for (size_t k = 0; k < n->cap / SECTOR; k++)
			count += sector_unsynced(n, k);
	}
	return count;
}

/* What of one file is left; *unit counts on over the unsynced things in the order in which
 * file_sim_unsynced counts them. */
static void inode_crash(
	struct inode *out, const struct inode *n, const uint8_t *survives, size_t *unit)
{
	*out = (struct inode){.used = n->used, .dir = n->dir};
	size_t size = n->platter_size;
	if (n->size_dirty && n->size != n->platter_size && survives[(*unit)++] != 0)
		size = n->size;
	inode_reserve(out, n->cap);
	for (size_t k = 0; k < n->cap / SECTOR; k++) {
		const bool lives = sector_unsynced(n, k) && survives[(*unit)++] != 0;
		const uint8_t *from = lives ? n->seen : n->platter;
		memcpy(out->seen + k * SECTOR, from + k * SECTOR, SECTOR);
	}
	if (size < n->cap)
		memset(out->seen + size, 0, n->cap - size);
	if (n->cap > 0)
		memcpy(out->platter, out->seen, n->cap);
	out->size = out->platter_size = size;
}

/* What lies in a folder that was lost is lost, too. */
static void names_drop_orphans(struct names *t)
{
	char parent[FILE_PATH_SIZE];
	for (size_t i = 0; i < t->count;) {
		if (file_path_parent(parent, t->name[i].path) == OK && !is_root(parent) &&
			names_find(t, parent) < 0) {
			names_remove(t, t->name[i].path);
			i = 0; /* what lay in it is an orphan now */
		} else {
			i++;
		}
	}
}

struct file_sim *file_sim_crash(const struct file_sim *sim, const uint8_t *survives, size_t count)
{
	CHECK(count == file_sim_unsynced(sim));
	struct file_sim *out = file_sim_create();
	size_t unit = 0;
	out->platter = sim->platter;
	memcpy(out->stray, sim->stray, sizeof out->stray);
	out->stray_count = sim->stray_count;
	bool logged = true;
	for (size_t i = 0; i < sim->pending_count; i++) {
		logged = logged && survives[unit] != 0;
		unit++;
		if (logged)
			names_apply(&out->platter, &sim->pending[i]);
	}
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++)
		inode_crash(&out->inode[i], &sim->inode[i], survives, &unit);
	CHECK(unit == count);
	names_drop_orphans(&out->platter);
	out->seen = out->platter;
	return out;
}

struct file_sim *file_sim_copy(const struct file_sim *sim)
{
	struct file_sim *out = file_sim_create();
	out->seen = sim->seen;
	out->platter = sim->platter;
	memcpy(out->stray, sim->stray, sizeof out->stray);
	out->stray_count = sim->stray_count;
	memcpy(out->pending, sim->pending, sizeof out->pending);
	out->pending_count = sim->pending_count;
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++) {
		const struct inode *n = &sim->inode[i];
		struct inode *to = &out->inode[i];
		*to = (struct inode){.used = n->used, .dir = n->dir};
		inode_reserve(to, n->cap);
		to->size = n->size;
		to->platter_size = n->platter_size;
		to->size_dirty = n->size_dirty;
		if (n->cap == 0)
			continue;
		memcpy(to->seen, n->seen, n->cap);
		memcpy(to->platter, n->platter, n->cap);
		memcpy(to->dirty, n->dirty, n->cap / SECTOR * sizeof *n->dirty);
	}
	return out;
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t i = 0;
	for (; i + 8 <= len; i += 8)
		h = (h ^ load_le64(p + i)) * UINT64_C(0x9e3779b97f4a7c15), h ^= h >> 29;
	for (; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t file_sim_digest(const struct file_sim *sim)
{
	uint64_t sum = 0; /* of one number per name, so that the order of names plays no part */
	for (size_t i = 0; i < sim->seen.count; i++) {
		const struct name *name = &sim->seen.name[i];
		const struct inode *n = &sim->inode[name->inode];
		uint64_t h = fnv(UINT64_C(0xcbf29ce484222325), name->path, strlen(name->path));
		h = fnv(h, &n->size, sizeof n->size);
		sum += n->size == 0 ? h : fnv(h, n->seen, n->size);
	}
	return sum;
}

void file_sim_on_change(struct file_sim *sim, file_sim_cb cb, void *ctx)
{
	sim->on_change = cb;
	sim->on_change_ctx = ctx;
}

void file_sim_inject(struct file_sim *sim, const struct file_sim_fault *fault)
{
	CHECK(sim->fault_count < FILE_SIM_FAULTS_MAX);
	sim->fault[sim->fault_count++] = *fault;
}

void file_sim_heal(struct file_sim *sim)
{
	sim->fault_count = 0;
}

uint64_t file_sim_count(const struct file_sim *sim, enum file_sim_op op)
{
	return sim->count[op];
}

void file_sim_capacity(struct file_sim *sim, uint64_t bytes)
{
	sim->capacity = bytes;
}

void file_sim_settle(struct file_sim *sim)
{
	for (size_t i = 0; i < sim->pending_count; i++)
		names_apply(&sim->platter, &sim->pending[i]);
	sim->pending_count = 0;
	for (size_t i = 0; i < FILE_SIM_FILES_MAX; i++) {
		struct inode *n = &sim->inode[i];
		if (n->cap > 0)
			memcpy(n->platter, n->seen, n->cap);
		n->size_dirty = true;
		inode_sync(n);
	}
}

void file_sim_put(struct file_sim *sim, const char *path, struct slice content)
{
	const struct file_ops *ops = &sim->ops;
	int file;
	CHECK(sim_open(sim, &file, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE) == OK);
	if (content.len > 0)
		CHECK(file_write_all(ops, file, content.ptr, content.len, 0) == OK);
	sim_close(sim, file);
	file_sim_settle(sim);
}

uint8_t *file_sim_content(struct file_sim *sim, const char *path, size_t *len)
{
	const int inode = names_inode(&sim->seen, path);
	if (inode == NO_INODE || sim->inode[inode].dir)
		return NULL;
	*len = sim->inode[inode].size;
	return sim->inode[inode].seen;
}
