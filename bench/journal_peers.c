#include "journal_peers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BIG_MAP ((size_t)8 << 30)

static void make_path(char path[512], const char *dir, const char *name)
{
	CHECK(snprintf(path, 512, "%s/%s", dir, name) < 512);
}

/* ---- SQLite ---- */

#ifdef HAVE_SQLITE
#include <sqlite3.h>

static sqlite3 *db;
static sqlite3_stmt *begin, *insert, *commit;

static void must(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		(void)fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
	CHECK(rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW);
}

static void sqlite_open(const char *dir)
{
	char path[512];
	make_path(path, dir, "sqlite");
	must(sqlite3_open(path, &db));
	must(sqlite3_exec(db,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE;"
		"CREATE TABLE log (seq INTEGER PRIMARY KEY, payload BLOB)",
		NULL, NULL, NULL));
	must(sqlite3_prepare_v2(db, "BEGIN IMMEDIATE", -1, &begin, NULL));
	must(sqlite3_prepare_v2(db, "INSERT INTO log (payload) VALUES (?)", -1, &insert, NULL));
	must(sqlite3_prepare_v2(db, "COMMIT", -1, &commit, NULL));
}

static void run_once(sqlite3_stmt *statement)
{
	must(sqlite3_step(statement));
	must(sqlite3_reset(statement));
}

static void sqlite_append(unsigned writer, struct slice payload, unsigned count)
{
	(void)writer;
	run_once(begin);
	for (unsigned i = 0; i < count; i++) {
		must(sqlite3_bind_blob(insert, 1, payload.ptr, (int)payload.len, SQLITE_STATIC));
		run_once(insert);
	}
	run_once(commit);
}

static void sqlite_close(void)
{
	must(sqlite3_finalize(begin));
	must(sqlite3_finalize(insert));
	must(sqlite3_finalize(commit));
	must(sqlite3_close(db));
}

const struct journal_peer journal_peer_sqlite = {.name = "SQLite, WAL FULL",
	.version = SQLITE_VERSION,
	.open = sqlite_open,
	.append = sqlite_append,
	.close = sqlite_close};
#else
const struct journal_peer journal_peer_sqlite = {.name = "SQLite, WAL FULL"};
#endif

/* ---- LMDB ---- */

#ifdef HAVE_LMDB
#include <lmdb.h>

static MDB_env *env;
static MDB_dbi dbi;
static uint64_t lmdb_seq;

static void lmdb_open(const char *dir)
{
	char path[512];
	MDB_txn *txn;
	make_path(path, dir, "lmdb");
	CHECK(mkdir(path, 0700) == 0);
	CHECK(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, BIG_MAP) == 0);
	CHECK(mdb_env_open(env, path, 0, 0600) == 0);
	CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	CHECK(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY | MDB_CREATE, &dbi) == 0);
	CHECK(mdb_txn_commit(txn) == 0);
	lmdb_seq = 0;
}

static void lmdb_append(unsigned writer, struct slice payload, unsigned count)
{
	MDB_txn *txn;
	(void)writer;
	CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	for (unsigned i = 0; i < count; i++) {
		MDB_val key = {.mv_size = sizeof lmdb_seq, .mv_data = &lmdb_seq};
		MDB_val value = {.mv_size = payload.len, .mv_data = (void *)(uintptr_t)payload.ptr};
		lmdb_seq++;
		CHECK(mdb_put(txn, dbi, &key, &value, MDB_APPEND) == 0);
	}
	CHECK(mdb_txn_commit(txn) == 0);
}

static void lmdb_close(void)
{
	mdb_env_close(env);
}

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
const struct journal_peer journal_peer_lmdb = {.name = "LMDB",
	.version = VERSION(MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH),
	.open = lmdb_open,
	.append = lmdb_append,
	.close = lmdb_close};
#else
const struct journal_peer journal_peer_lmdb = {.name = "LMDB"};
#endif

/* ---- RocksDB ---- */

#ifdef HAVE_ROCKSDB
#include <rocksdb/c.h>

static rocksdb_t *rocks;
static rocksdb_options_t *rocks_options;
static rocksdb_writeoptions_t *rocks_write;
static rocksdb_writebatch_t *rocks_batch[JOURNAL_PEER_WRITERS_MAX];
static _Atomic uint64_t rocks_seq;

static void rocks_must(char *error)
{
	if (error != NULL)
		(void)fprintf(stderr, "rocksdb: %s\n", error);
	CHECK(error == NULL);
}

/* A log that is written and kept: nothing is compacted while it is measured, log files are used
 * again, as a long-running process does. */
static void rocks_open(const char *dir)
{
	char path[512], *error = NULL;
	make_path(path, dir, "rocksdb");
	rocks_options = rocksdb_options_create();
	rocksdb_options_set_create_if_missing(rocks_options, 1);
	rocksdb_options_set_compression(rocks_options, rocksdb_no_compression);
	rocksdb_options_set_write_buffer_size(rocks_options, (size_t)256 << 20);
	rocksdb_options_set_recycle_log_file_num(rocks_options, 2);
	rocks = rocksdb_open(rocks_options, path, &error);
	rocks_must(error);
	rocks_write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(rocks_write, 1);
	for (unsigned i = 0; i < JOURNAL_PEER_WRITERS_MAX; i++)
		rocks_batch[i] = rocksdb_writebatch_create();
	rocks_seq = 0;
}

static void rocks_append(unsigned writer, struct slice payload, unsigned count)
{
	rocksdb_writebatch_t *batch = rocks_batch[writer];
	char *error = NULL;
	rocksdb_writebatch_clear(batch);
	for (unsigned i = 0; i < count; i++) {
		char key[8];
		store_be64((uint8_t *)key,
			atomic_fetch_add_explicit(&rocks_seq, 1, memory_order_relaxed));
		rocksdb_writebatch_put(
			batch, key, sizeof key, (const char *)payload.ptr, payload.len);
	}
	rocksdb_write(rocks, rocks_write, batch, &error);
	rocks_must(error);
}

static void rocks_close(void)
{
	for (unsigned i = 0; i < JOURNAL_PEER_WRITERS_MAX; i++)
		rocksdb_writebatch_destroy(rocks_batch[i]);
	rocksdb_writeoptions_destroy(rocks_write);
	rocksdb_close(rocks);
	rocksdb_options_destroy(rocks_options);
}

const struct journal_peer journal_peer_rocksdb = {.name = "RocksDB, synced log",
	.version = HAVE_ROCKSDB,
	.threads = true,
	.open = rocks_open,
	.append = rocks_append,
	.close = rocks_close};
#else
const struct journal_peer journal_peer_rocksdb = {.name = "RocksDB, synced log"};
#endif
