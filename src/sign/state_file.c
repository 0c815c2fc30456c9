#include "sign/state_file.h"

#include "base/crc32c.h"
#include "sys/kill.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_MAGIC "SLUICESG"
#define FILE_VERSION 1u
#define HEADER_SIZE 52u /* magic 8, version le32, public key 33, zeros 3, CRC le32 */
#define RECORD_MAGIC UINT32_C(0x43455253) /* "SREC" */
#define RECORD_HEADER_SIZE 28u            /* magic, length, sequence, durable, CRC */
#define PAYLOAD_MAX (1u + SIGN_RECORD_SIZE_MAX)
#define WINDOW_SIZE (64u * 1024u)
#define STAGE_SIZE (256u * 1024u)
#define LOCK_NAME "lock"
#define COMPACT_SHARE 2u /* at start, a file is rewritten when half of it is old */

_Static_assert(WINDOW_SIZE > RECORD_HEADER_SIZE + PAYLOAD_MAX, "a record fits the window");

enum payload_type { PAYLOAD_SIGNED = 1, PAYLOAD_FLOOR = 2 };

struct state_file {
	const struct file_ops *ops;
	char path[FILE_PATH_SIZE];
	char dir[FILE_PATH_SIZE];
	int file, lock;
	uint64_t size;    /* of what is valid; staged records go there */
	uint64_t last;    /* sequence of the last record, staged or written */
	uint64_t durable; /* sequence */
	uint64_t records;
	bool failed; /* a write or a sync did: what is on disk is unknown, and asking again might
			lie */
	struct state_file_config config; /* without dir and ops, which are above */
	struct buf stage;
	uint8_t stage_storage[STAGE_SIZE];
};

/* ---- records ---- */

static void header_put(struct buf *out, const struct pubkey *wallet)
{
	static const uint8_t zeros[3];
	const size_t start = out->len;
	buf_put(out, FILE_MAGIC, 8);
	buf_le32(out, FILE_VERSION);
	buf_put(out, wallet->b, sizeof wallet->b);
	buf_put(out, zeros, sizeof zeros);
	buf_le32(out, crc32c(0, out->ptr + start, out->len - start));
}

static void record_put(struct buf *out, uint64_t seq, uint64_t durable, struct slice payload)
{
	uint8_t header[RECORD_HEADER_SIZE - 4];
	struct buf b = buf_init(header, sizeof header);
	buf_le32(&b, RECORD_MAGIC);
	buf_le32(&b, (uint32_t)payload.len);
	buf_le64(&b, seq);
	buf_le64(&b, durable);
	const uint32_t crc = crc32c(crc32c(0, b.ptr, b.len), payload.ptr, payload.len);
	if (out->cap - out->len < RECORD_HEADER_SIZE + payload.len) {
		out->overflow = true; /* a record whole or not at all */
		return;
	}
	buf_put(out, b.ptr, b.len);
	buf_le32(out, crc);
	buf_put(out, payload.ptr, payload.len);
}

static void signed_put(struct buf *out, const struct sign_record *r)
{
	buf_u8(out, PAYLOAD_SIGNED);
	sign_record_put(out, r);
}

/* ---- reading: a window over the file ---- */

struct scan {
	const struct file_ops *ops;
	int file;
	uint64_t size; /* of the file */
	uint64_t base; /* of the window */
	size_t len;
	uint8_t window[WINDOW_SIZE];
};

/* len bytes at offset; NULL beyond the end. *err: a read failed. */
static const uint8_t *scan_at(struct scan *s, enum err *err, uint64_t offset, size_t len)
{
	if (offset > s->size || len > s->size - offset)
		return NULL;
	if (offset < s->base || offset + len > s->base + s->len) {
		s->base = offset;
		s->len = 0;
		*err = s->ops->pread(s->ops->ctx, &s->len, s->file, s->window, WINDOW_SIZE, offset);
		if (*err != OK || s->len < len)
			return NULL;
	}
	return s->window + (offset - s->base);
}

struct scanned {
	uint64_t seq, durable;
	struct slice payload; /* borrows the window */
	size_t size;          /* with its header */
};

/* OK; ERR_CHECKSUM no valid record there; ERR_IO. */
static enum err scan_record(struct scan *s, struct scanned *out, uint64_t offset)
{
	enum err err = OK;
	const uint8_t *header = scan_at(s, &err, offset, RECORD_HEADER_SIZE);

	if (err != OK)
		return err;
	if (header == NULL || load_le32(header) != RECORD_MAGIC)
		return ERR_CHECKSUM;
	const uint32_t len = load_le32(header + 4);
	if (len == 0 || len > PAYLOAD_MAX)
		return ERR_CHECKSUM;
	const uint8_t *all = scan_at(s, &err, offset, RECORD_HEADER_SIZE + len);
	if (err != OK)
		return err;
	if (all == NULL)
		return ERR_CHECKSUM;
	const uint8_t *payload = all + RECORD_HEADER_SIZE;
	const uint32_t crc = crc32c(crc32c(0, all, RECORD_HEADER_SIZE - 4), payload, len);
	if (crc != load_le32(all + RECORD_HEADER_SIZE - 4))
		return ERR_CHECKSUM;
	*out = (struct scanned){.seq = load_le64(all + 8),
		.durable = load_le64(all + 16),
		.payload = slice_of(payload, len),
		.size = RECORD_HEADER_SIZE + len};
	return OK;
}

/* Does anything behind `from` say that record `seq` was durable? */
static enum err scan_claims(struct scan *s, bool *claims, uint64_t from, uint64_t seq)
{
	*claims = false;
	for (uint64_t at = from; at + RECORD_HEADER_SIZE <= s->size; at++) {
		struct scanned later;
		const enum err err = scan_record(s, &later, at);
		if (err == OK && later.seq > seq && later.durable >= seq) {
			*claims = true;
			return OK;
		}
		if (err != OK && err != ERR_CHECKSUM)
			return err;
	}
	return OK;
}

/* ---- replay ---- */

static enum err apply_payload(struct sign_state *state, struct slice payload)
{
	struct reader r = reader_init(payload);
	struct sign_record record;
	const uint8_t type = reader_u8(&r);

	if (type == PAYLOAD_SIGNED) {
		TRY(sign_record_parse(&record, slice_of(r.ptr, r.left)));
		return sign_state_apply(state, &record);
	}
	if (type != PAYLOAD_FLOOR)
		return ERR_FORMAT;
	const uint8_t layer = reader_u8(&r);
	const uint64_t floor = reader_le64(&r);
	TRY(reader_finish(&r));
	if (layer >= LAYER_COUNT)
		return ERR_FORMAT;
	sign_state_floor(state, (enum layer_id)layer, floor);
	return OK;
}

static void explain(struct state_file_error *error, const char *what, uint64_t offset)
{
	struct buf b = buf_init(error->text, sizeof error->text);
	buf_printf(&b, "%s: %s at offset %llu", STATE_FILE_NAME, what, (unsigned long long)offset);
	(void)buf_cstr(&b);
}

static enum err check_header(
	struct scan *s, struct state_file_error *error, const struct pubkey *wallet)
{
	uint8_t wanted[HEADER_SIZE];
	struct buf b = buf_init(wanted, sizeof wanted);
	enum err err = OK;
	const uint8_t *header = scan_at(s, &err, 0, HEADER_SIZE);

	header_put(&b, wallet);
	CHECK(b.len == HEADER_SIZE);
	if (err != OK)
		return err;
	if (header == NULL || memcmp(header, FILE_MAGIC, 8) != 0 ||
		crc32c(0, header, HEADER_SIZE - 4) != load_le32(header + HEADER_SIZE - 4)) {
		explain(error, "the header is damaged", 0);
		return ERR_CHECKSUM;
	}
	if (load_le32(header + 8) != FILE_VERSION) {
		explain(error, "of another version", 0);
		return ERR_FORMAT;
	}
	if (memcmp(header, wanted, HEADER_SIZE) != 0) {
		explain(error, "of another wallet", 0);
		return ERR_NETWORK;
	}
	return OK;
}

static enum err replay(struct state_file *f, struct scan *s, struct sign_state *state,
	struct state_file_error *error)
{
	struct scanned record;
	uint64_t at = HEADER_SIZE;
	enum err err;

	while ((err = scan_record(s, &record, at)) == OK) {
		if (record.seq != f->last + 1) {
			explain(error, "a record out of sequence", at);
			return ERR_CHECKSUM;
		}
		err = apply_payload(state, record.payload);
		if (err != OK) {
			explain(error, "a record that contradicts the ones before it", at);
			return err;
		}
		f->last++;
		f->records++;
		at += record.size;
	}
	if (err != ERR_CHECKSUM)
		return err;
	bool claims;
	TRY(scan_claims(s, &claims, at, f->last + 1));
	if (claims) {
		explain(error, "damaged, and records behind it say that it was durable", at);
		return ERR_CHECKSUM;
	}
	f->size = at;
	return OK;
}

/* ---- rewriting ---- */

struct rewrite {
	uint64_t newest_ms; /* of all records: the age of a session counts back from here, so that a
			     * clock that is far ahead makes nothing forgotten */
	uint64_t retention_ms;
	uint64_t floor[LAYER_COUNT];
};

static bool expired(const struct rewrite *w, const struct sign_session *session)
{
	return session->purpose != SIGN_DEPLOY && session->last_ms < w->newest_ms &&
		w->newest_ms - session->last_ms > w->retention_ms;
}

/* The record's session; NULL for another payload. */
static const struct sign_session *session_of(const struct sign_state *state, struct slice payload)
{
	struct sign_record record;
	if (payload.len == 0 || payload.ptr[0] != PAYLOAD_SIGNED ||
		sign_record_parse(&record, slice_of(payload.ptr + 1, payload.len - 1)) != OK)
		return NULL;
	return sign_state_session(state, &record.session);
}

static uint64_t count_expired(
	struct scan *s, const struct sign_state *state, struct rewrite *w, uint64_t end)
{
	struct scanned record;
	uint64_t count = 0;

	for (uint64_t at = HEADER_SIZE; at < end && scan_record(s, &record, at) == OK;
		at += record.size) {
		const struct sign_session *session = session_of(state, record.payload);
		if (session == NULL || !expired(w, session))
			continue;
		count++;
		if (layer_family(session->layer) == FAMILY_ACCOUNT &&
			session->nonce >= w->floor[session->layer])
			w->floor[session->layer] = session->nonce + 1;
	}
	return count;
}

static enum err stage_flush(struct state_file *f, int file, uint64_t *offset)
{
	TRY(file_write_all(f->ops, file, f->stage.ptr, f->stage.len, *offset));
	*offset += f->stage.len;
	f->stage.len = 0;
	return OK;
}

static enum err rewrite_records(struct state_file *f, struct scan *s,
	const struct sign_state *state, const struct rewrite *w, int file,
	const struct pubkey *wallet)
{
	uint64_t seq = 0, offset = 0;
	struct scanned record;

	f->stage = buf_init(f->stage_storage, sizeof f->stage_storage);
	header_put(&f->stage, wallet);
	for (uint8_t layer = 0; layer < LAYER_COUNT; layer++) {
		uint8_t payload[10] = {PAYLOAD_FLOOR, layer};
		if (w->floor[layer] == 0)
			continue;
		store_le64(payload + 2, w->floor[layer]);
		record_put(&f->stage, ++seq, 0, slice_of(payload, sizeof payload));
	}
	for (uint64_t at = HEADER_SIZE; at < f->size; at += record.size) {
		TRY(scan_record(s, &record, at));
		const struct sign_session *session = session_of(state, record.payload);
		if (session == NULL || expired(w, session))
			continue;
		if (sizeof f->stage_storage - f->stage.len < record.size)
			TRY(stage_flush(f, file, &offset));
		record_put(&f->stage, ++seq, 0, record.payload);
		CHECK(!f->stage.overflow);
	}
	return stage_flush(f, file, &offset);
}

/* ERR_FULL: it could not be written, and the old file stands. */
static enum err rewrite_file(struct state_file *f, struct scan *s, const struct sign_state *state,
	const struct rewrite *w)
{
	char temporary[FILE_PATH_SIZE];
	int file;

	TRY(file_path_join(temporary, f->dir, STATE_FILE_NAME ".new"));
	TRY(f->ops->open(f->ops->ctx, &file, temporary, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
	enum err err = rewrite_records(f, s, state, w, file, &f->config.wallet);
	if (err == OK)
		err = f->ops->fsync(f->ops->ctx, file);
	f->ops->close(f->ops->ctx, file);
	if (err != OK) {
		(void)f->ops->unlink(f->ops->ctx, temporary);
		return ERR_FULL;
	}
	TRY(f->ops->rename(f->ops->ctx, temporary, f->path));
	return f->ops->sync_dir(f->ops->ctx, f->dir);
}

/* ---- open ---- */

static enum err open_file(struct state_file *f)
{
	const enum err err = f->ops->open(f->ops->ctx, &f->file, f->path, FILE_WRITE);
	if (err != ERR_NOT_FOUND)
		return err;
	uint8_t header[HEADER_SIZE];
	struct buf b = buf_init(header, sizeof header);
	header_put(&b, &f->config.wallet);
	TRY(file_write_atomic(f->ops, f->path, buf_slice(&b)));
	return f->ops->open(f->ops->ctx, &f->file, f->path, FILE_WRITE);
}

static void scan_init(struct scan *s, const struct state_file *f)
{
	s->ops = f->ops;
	s->file = f->file;
	s->base = s->len = 0;
	s->size = f->size;
}

/* Everything that the file says. */
static enum err load(struct state_file *f, struct scan *s, struct sign_state *state,
	struct state_file_error *error)
{
	scan_init(s, f);
	f->last = f->records = 0;
	enum err err = f->ops->size(f->ops->ctx, &s->size, f->file);
	if (err == OK && s->size > STATE_FILE_MAX) {
		explain(error, "larger than a signer keeps", STATE_FILE_MAX);
		err = ERR_FULL;
	}
	if (err == OK)
		err = check_header(s, error, &f->config.wallet);
	if (err == OK)
		err = replay(f, s, state, error);
	/* what was written and not synced by the process before is in the cache: sync it before
	 * anything is answered from it */
	if (err == OK && s->size > f->size)
		err = f->ops->truncate(f->ops->ctx, f->file, f->size);
	if (err == OK)
		err = f->ops->fdatasync(f->ops->ctx, f->file);
	return err;
}

/* Open the file and fold it into a fresh state. */
static enum err open_and_load(struct state_file *f, struct scan *s, struct sign_state **state,
	struct state_file_error *error)
{
	TRY(open_file(f));
	TRY(sign_state_create(state, f->config.seed));
	sign_state_bound(*state, &f->config.bounds);
	TRY(load(f, s, *state, error));
	f->durable = f->last;
	f->stage = buf_init(f->stage_storage, sizeof f->stage_storage);
	return OK;
}

/* Rewrite the file without what is old, where that is a `share`th of it at least; *done: it was. */
static enum err forget_old(struct state_file *f, struct scan *s, const struct sign_state *state,
	uint64_t now_ms, uint64_t share, bool *done)
{
	const uint64_t newest = sign_state_newest_ms(state);
	struct rewrite w = {.newest_ms = newest < now_ms ? newest : now_ms,
		.retention_ms = f->config.retention_ms};
	for (uint32_t i = 0; i < LAYER_COUNT; i++)
		w.floor[i] = sign_state_nonce_floor(state, (enum layer_id)i);
	const uint64_t old = count_expired(s, state, &w, f->size);
	*done = false;
	if (old == 0 || old * share < f->records)
		return OK;
	TRY(rewrite_file(f, s, state, &w));
	*done = true;
	return OK;
}

static void drop(struct state_file *f, struct sign_state **state)
{
	f->ops->close(f->ops->ctx, f->file);
	f->file = FILE_NONE;
	sign_state_destroy(*state);
	*state = NULL;
}

static enum err open_locked(struct state_file *f, struct sign_state **state,
	struct state_file_error *error, const struct state_file_config *config)
{
	const uint64_t least = config->compact_min != 0 ? config->compact_min
							: STATE_FILE_COMPACT_MIN;
	struct scan *s = malloc(sizeof *s);
	bool rewritten = false;
	if (s == NULL)
		return ERR_FULL;
	enum err err = open_and_load(f, s, state, error);
	if (err == OK && f->records >= least)
		err = forget_old(f, s, *state, config->now_ms, COMPACT_SHARE, &rewritten);
	if (err == OK && rewritten) {
		drop(f, state);
		err = open_and_load(f, s, state, error);
	}
	free(s);
	return err;
}

enum err state_file_forget(struct state_file *f, struct sign_state **state, uint64_t now_ms)
{
	struct state_file_error error;
	struct scan *s = malloc(sizeof *s);
	bool rewritten = false;

	CHECK(f->stage.len == 0);
	if (s == NULL)
		return ERR_FULL;
	scan_init(s, f);
	enum err err = forget_old(f, s, *state, now_ms, UINT32_MAX, &rewritten);
	f->stage = buf_init(f->stage_storage, sizeof f->stage_storage);
	if (err == OK && !rewritten)
		err = ERR_FULL;
	if (err == OK) {
		drop(f, state);
		if (open_and_load(f, s, state, &error) != OK)
			err = ERR_IO;
	}
	f->failed = f->failed || (err != OK && err != ERR_FULL);
	free(s);
	return f->failed ? ERR_IO : err;
}

enum err state_file_open(struct state_file **out, struct sign_state **state,
	struct state_file_error *error, const struct state_file_config *config)
{
	struct state_file *f = calloc(1, sizeof *f);
	struct sign_state *made = NULL;
	char lock_path[FILE_PATH_SIZE];
	enum err err;

	error->text[0] = 0;
	if (f == NULL)
		return ERR_FULL;
	f->ops = config->ops != NULL ? config->ops : file_system();
	f->file = f->lock = FILE_NONE;
	f->config = *config;
	(void)snprintf(f->dir, sizeof f->dir, "%s", config->dir);
	err = file_path_join(f->path, config->dir, STATE_FILE_NAME);
	if (err == OK)
		err = file_path_join(lock_path, config->dir, LOCK_NAME);
	if (err == OK)
		err = f->ops->open(f->ops->ctx, &f->lock, lock_path, FILE_WRITE | FILE_CREATE);
	if (err == OK)
		err = f->ops->lock(f->ops->ctx, f->lock);
	if (err == OK)
		err = open_locked(f, &made, error, config);
	if (err != OK) {
		if (error->text[0] == 0)
			(void)snprintf(error->text, sizeof error->text, "%s: %s", config->dir,
				err == ERR_EXISTS ? "another signer uses it" : file_why(err));
		sign_state_destroy(made);
		state_file_close(f);
		return err;
	}
	*out = f;
	*state = made;
	return OK;
}

void state_file_close(struct state_file *f)
{
	if (f == NULL)
		return;
	if (f->file != FILE_NONE)
		f->ops->close(f->ops->ctx, f->file);
	if (f->lock != FILE_NONE)
		f->ops->close(f->ops->ctx, f->lock);
	free(f);
}

/* ---- append ---- */

enum err state_file_append(struct state_file *f, const struct sign_record *r)
{
	uint8_t payload[PAYLOAD_MAX];
	struct buf b = buf_init(payload, sizeof payload);

	signed_put(&b, r);
	CHECK(!b.overflow);
	const size_t size = RECORD_HEADER_SIZE + b.len;
	if (size > sizeof f->stage_storage - f->stage.len ||
		f->size + f->stage.len + size > STATE_FILE_MAX)
		return ERR_FULL;
	record_put(&f->stage, f->last + 1, f->durable, buf_slice(&b));
	CHECK(!f->stage.overflow);
	f->last++;
	f->records++;
	return OK;
}

static void kill_points(uint64_t first, uint64_t last, enum kill_point point)
{
	for (uint64_t n = first; n <= last; n++)
		kill_point_reached(n, point);
}

enum err state_file_commit(struct state_file *f, uint64_t first_request, uint64_t last_request)
{
	if (f->failed)
		return ERR_IO;
	kill_points(first_request, last_request, KILL_BEFORE_WRITE);
	f->failed = f->stage.len > 0 &&
		file_write_all(f->ops, f->file, f->stage.ptr, f->stage.len, f->size) != OK;
	if (f->failed)
		return ERR_IO;
	kill_points(first_request, last_request, KILL_WRITTEN);
	f->failed = f->stage.len > 0 && f->ops->fdatasync(f->ops->ctx, f->file) != OK;
	if (f->failed)
		return ERR_IO;
	f->size += f->stage.len;
	f->stage.len = 0;
	f->durable = f->last;
	kill_points(first_request, last_request, KILL_SYNCED);
	return OK;
}

uint64_t state_file_records(const struct state_file *f)
{
	return f->records;
}
