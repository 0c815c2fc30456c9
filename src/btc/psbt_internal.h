/* btc/psbt_internal: what the files of btc/psbt share. */
#ifndef BTC_PSBT_INTERNAL_H
#define BTC_PSBT_INTERNAL_H
#include "btc/psbt.h"

/* What is to become of a field when two psbts are combined, or an input is final. */
enum psbt_flag {
	PSBT_FIXED = 1u,    /* the transaction consists of it */
	PSBT_FACT = 2u,     /* two values contradict each other */
	PSBT_OUTLIVES = 4u, /* stays in an input that is final */
	PSBT_ONLY_V0 = 8u,
	PSBT_ONLY_V2 = 16u,
	PSBT_REQUIRED = 32u, /* in the versions that it is not excluded from */
};

/* One row of BIP-174's tables. */
struct psbt_field {
	uint64_t type;
	unsigned flags;
	bool (*key_ok)(struct slice key);
	bool (*value_ok)(struct slice key, struct slice value);
	size_t value_len; /* exactly so many bytes; 0: value_ok says */
};

/* NULL: a field that nobody here knows. */
const struct psbt_field *psbt_field_of(enum psbt_part part, uint64_t type);
/* The rows of a part, to look for required ones. */
const struct psbt_field *psbt_fields(size_t *count, enum psbt_part part);
/* ERR_FORMAT: the pair has not the shape of its field, or the version excludes it. */
MUST_USE NONNULL_ALL enum err psbt_field_check(
	enum psbt_version version, enum psbt_part part, const struct psbt_pair *pair);

static inline bool psbt_excluded(const struct psbt_field *f, enum psbt_version version)
{
	return (f->flags & (version == PSBT_V0 ? PSBT_ONLY_V2 : PSBT_ONLY_V0)) != 0;
}

static inline struct slice psbt_no_key(void)
{
	return slice_of(NULL, 0);
}

/* Which part and index a pair's map is. */
NONNULL_ALL struct psbt_map psbt_map_of(const struct psbt *p, uint32_t map);
/* ERR_NOT_FOUND. */
MUST_USE NONNULL_ALL enum err psbt_map_number(
	uint32_t *out, const struct psbt *p, struct psbt_map map);
/* The first pair of a map, or where it would be. */
NONNULL_ALL uint32_t psbt_map_begin(const struct psbt *p, uint32_t map);
/* Insert after the map's last pair; ERR_FULL. */
MUST_USE NONNULL_ALL enum err psbt_insert(struct psbt *p, const struct psbt_pair *pair);
/* Of version 2: sequences and lock times as the fields have them now. */
NONNULL_ALL void psbt_reread(struct psbt *p);

/* Walks a whole serialised transaction: its id, and the output at an index where there is one
 * (otherwise out->script.ptr is NULL). ERR_SHORT, ERR_FORMAT, ERR_RANGE. */
MUST_USE NONNULL_ALL enum err psbt_walk_tx(
	struct hash256 *txid, struct btc_txout *out, struct slice tx, uint32_t index);

#endif
