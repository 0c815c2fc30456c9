/* journal_peers: what else keeps records through a power cut, each behind the same few calls:
 * SQLite (WAL, synchronous FULL), LMDB, RocksDB (synced log). Those that the build did not find
 * have a NULL open.
 *
 * Threads: append from those that a peer's `threads` allows, each call with its own writer number.
 * Every append is durable when it returns: sync_count tells whether the disk was asked to. */
#ifndef BENCH_JOURNAL_PEERS_H
#define BENCH_JOURNAL_PEERS_H
#include "base/base.h"

#define JOURNAL_PEER_WRITERS_MAX 256u

struct journal_peer {
	const char *name;
	const char *version;
	bool threads; /* groups the commits of several */
	void (*open)(const char *dir);
	/* `count` records of this payload in one transaction. */
	void (*append)(unsigned writer, struct slice payload, unsigned count);
	void (*close)(void);
};

extern const struct journal_peer journal_peer_sqlite, journal_peer_lmdb, journal_peer_rocksdb;

/* Calls of this process, libraries included, that ask the disk to keep what it has: fsync,
 * fdatasync, msync. */
uint64_t sync_count(void);

#endif
