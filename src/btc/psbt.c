#include "btc/psbt_internal.h"

/* Source: BIP-174: the magic bytes, then maps of pairs, each ended by a key of length zero. */
static const uint8_t magic[] = {'p', 's', 'b', 't', 0xff};
#define MAP_END 0x00u

#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 9u
#define OUTPOINT_SIZE 36u
#define MAP_SIZE_MIN 1u
#define SEQUENCE_FINAL 0xffffffffu
#define SEGWIT_MARKER 0x00u
#define SEGWIT_FLAG 0x01u

/* ---- maps ---- */

struct psbt_map psbt_map_of(const struct psbt *p, uint32_t map)
{
	if (map == 0)
		return (struct psbt_map){PSBT_GLOBAL, 0};
	if (map <= p->tx.in_count)
		return (struct psbt_map){PSBT_INPUT, map - 1};
	return (struct psbt_map){PSBT_OUTPUT, map - 1 - p->tx.in_count};
}

enum err psbt_map_number(uint32_t *out, const struct psbt *p, struct psbt_map map)
{
	const uint32_t count[] = {
		[PSBT_GLOBAL] = 1, [PSBT_INPUT] = p->tx.in_count, [PSBT_OUTPUT] = p->tx.out_count};
	const uint32_t first[] = {
		[PSBT_GLOBAL] = 0, [PSBT_INPUT] = 1, [PSBT_OUTPUT] = 1 + p->tx.in_count};
	if (map.index >= count[map.part])
		return ERR_NOT_FOUND;
	*out = first[map.part] + map.index;
	return OK;
}

uint32_t psbt_map_begin(const struct psbt *p, uint32_t map)
{
	uint32_t low = 0;
	uint32_t high = p->pair_count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (p->room.pair[middle].map < map)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct psbt_pair *find(const struct psbt *p, uint32_t map, uint64_t type, struct slice key)
{
	for (uint32_t i = psbt_map_begin(p, map); i < p->pair_count; i++) {
		struct psbt_pair *pair = &p->room.pair[i];
		if (pair->map != map)
			break;
		if (pair->type == type && slice_eq(pair->key, key))
			return pair;
	}
	return NULL;
}

bool psbt_get(struct slice *value, const struct psbt *p, struct psbt_map map, uint64_t type,
	struct slice key)
{
	uint32_t number;
	if (psbt_map_number(&number, p, map) != OK)
		return false;
	const struct psbt_pair *pair = find(p, number, type, key);
	if (pair != NULL)
		*value = pair->value;
	return pair != NULL;
}

const struct psbt_pair *psbt_next(
	const struct psbt *p, uint32_t *at, struct psbt_map map, uint64_t type)
{
	uint32_t number;
	if (psbt_map_number(&number, p, map) != OK)
		return NULL;
	const uint32_t begin = psbt_map_begin(p, number);
	for (uint32_t i = *at < begin ? begin : *at; i < p->pair_count; i++) {
		if (p->room.pair[i].map != number)
			break;
		if (p->room.pair[i].type == type) {
			*at = i + 1;
			return &p->room.pair[i];
		}
	}
	return NULL;
}

enum err psbt_insert(struct psbt *p, const struct psbt_pair *pair)
{
	const uint32_t begin = psbt_map_begin(p, pair->map);
	const uint32_t end = psbt_map_begin(p, pair->map + 1);
	if (p->pair_count >= p->room.pair_max || p->pair_count >= PSBT_PAIRS_MAX ||
		end - begin >= PSBT_MAP_PAIRS_MAX)
		return ERR_FULL;
	memmove(p->room.pair + end + 1, p->room.pair + end,
		(p->pair_count - end) * sizeof *p->room.pair);
	p->room.pair[end] = *pair;
	p->pair_count++;
	return OK;
}

/* ---- reading ---- */

static enum err take_pair(struct btc_cursor *c, struct psbt_pair *pair, bool *end)
{
	struct slice key = {NULL, 0};
	TRY(btc_take_bytes(c, &key));
	*end = key.len == MAP_END;
	if (*end)
		return OK;
	struct reader r = reader_init(key);
	pair->type = btc_get_compact(&r);
	if (r.failed)
		return ERR_FORMAT;
	pair->key = slice_of(r.ptr, r.left);
	return btc_take_bytes(c, &pair->value);
}

static enum err take_map(struct btc_cursor *c, struct psbt *p, uint32_t map)
{
	for (;;) {
		struct psbt_pair pair = {.map = map};
		bool end = false;
		TRY(take_pair(c, &pair, &end));
		if (end)
			return OK;
		if (find(p, map, pair.type, pair.key) != NULL)
			return ERR_FORMAT;
		TRY(psbt_insert(p, &pair));
	}
}

static enum err get_version(struct psbt *p)
{
	struct slice value;
	p->version = PSBT_V0;
	if (!psbt_get(&value, p, (struct psbt_map){PSBT_GLOBAL, 0}, PSBT_GLOBAL_VERSION,
		    psbt_no_key()))
		return OK;
	if (value.len != 4)
		return ERR_FORMAT;
	const uint32_t version = load_le32(value.ptr);
	if (version != PSBT_V0 && version != PSBT_V2)
		return ERR_RANGE;
	p->version = (enum psbt_version)version;
	return OK;
}

/* The serialisation without witnesses, scripts empty; there may be no inputs yet. */
static enum err take_unsigned(struct btc_cursor *c, struct psbt *p)
{
	struct btc_tx *tx = &p->tx;
	uint64_t total = 0;
	TRY(btc_take_le32(c, &tx->version));
	TRY(btc_take_count(c, &tx->in_count, INPUT_SIZE_MIN));
	if (tx->in_count > p->room.in_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		const uint8_t *b = btc_take(c, OUTPOINT_SIZE + 1);
		if (b == NULL)
			return c->at_end;
		if (b[OUTPOINT_SIZE] != 0)
			return ERR_FORMAT;
		tx->in[i] = (struct btc_txin){.prev.index = load_le32(b + 32)};
		memcpy(tx->in[i].prev.txid.b, b, 32);
		TRY(btc_take_le32(c, &tx->in[i].sequence));
	}
	TRY(btc_take_count(c, &tx->out_count, OUTPUT_SIZE_MIN));
	if (tx->out_count > p->room.out_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->out_count; i++) {
		const uint8_t *b = btc_take(c, 8);
		if (b == NULL)
			return c->at_end;
		tx->out[i].value.raw = load_le64(b);
		if (tx->out[i].value.raw > SAT_MAX_RAW - total)
			return ERR_RANGE;
		total += tx->out[i].value.raw;
		TRY(btc_take_bytes(c, &tx->out[i].script));
	}
	return btc_take_le32(c, &tx->locktime);
}

static enum err get_unsigned(struct psbt *p)
{
	struct slice value;
	struct btc_cursor c;
	if (!psbt_get(&value, p, (struct psbt_map){PSBT_GLOBAL, 0}, PSBT_GLOBAL_UNSIGNED_TX,
		    psbt_no_key()))
		return ERR_FORMAT;
	btc_cursor_init(&c, value);
	const enum err err = take_unsigned(&c, p);
	if (err == ERR_FULL || err == ERR_RANGE)
		return err;
	p->locktime_known = true;
	return err == OK && c.r.left == 0 ? OK : ERR_FORMAT;
}

/* A required field of the global map of version 2. */
static enum err get_count(uint32_t *count, const struct psbt *p, uint64_t type, uint32_t max)
{
	struct slice value;
	if (!psbt_get(&value, p, (struct psbt_map){PSBT_GLOBAL, 0}, type, psbt_no_key()))
		return ERR_FORMAT;
	struct reader r = reader_init(value);
	const uint64_t v = btc_get_compact(&r);
	if (reader_finish(&r) != OK || v > BTC_TX_SIZE_MAX / MAP_SIZE_MIN)
		return ERR_FORMAT;
	if (v > max)
		return ERR_FULL;
	*count = (uint32_t)v;
	return OK;
}

static enum err get_counts(struct psbt *p)
{
	TRY(get_count(&p->tx.in_count, p, PSBT_GLOBAL_INPUT_COUNT, p->room.in_max));
	return get_count(&p->tx.out_count, p, PSBT_GLOBAL_OUTPUT_COUNT, p->room.out_max);
}

/* Each field has its shape, and those that the version requires are there. */
static enum err check_fields(const struct psbt *p)
{
	for (uint32_t i = 0; i < p->pair_count; i++) {
		const struct psbt_pair *pair = &p->room.pair[i];
		TRY(psbt_field_check(p->version, psbt_map_of(p, pair->map).part, pair));
	}
	const uint32_t maps = 1 + p->tx.in_count + p->tx.out_count;
	for (uint32_t map = 0; map < maps; map++) {
		size_t count;
		const struct psbt_field *f = psbt_fields(&count, psbt_map_of(p, map).part);
		for (size_t i = 0; i < count; i++)
			if ((f[i].flags & PSBT_REQUIRED) != 0 &&
				!psbt_excluded(&f[i], p->version) &&
				find(p, map, f[i].type, psbt_no_key()) == NULL)
				return ERR_FORMAT;
	}
	return OK;
}

static uint32_t get_le32(
	const struct psbt *p, enum psbt_part part, uint32_t index, uint64_t type, uint32_t absent)
{
	struct slice value;
	const struct psbt_map map = {part, index};
	return psbt_get(&value, p, map, type, psbt_no_key()) ? load_le32(value.ptr) : absent;
}

/* BIP-370, determining lock time: the kind that every input which asks for one can have, a height
 * where it can be both; the greatest of them. */
static void reread_locktime(struct psbt *p)
{
	uint32_t time = 0;
	uint32_t height = 0;
	bool asked = false;
	bool time_ok = true;
	bool height_ok = true;
	for (uint32_t i = 0; i < p->tx.in_count; i++) {
		const uint32_t t = get_le32(p, PSBT_INPUT, i, PSBT_IN_REQUIRED_TIME_LOCKTIME, 0);
		const uint32_t h = get_le32(p, PSBT_INPUT, i, PSBT_IN_REQUIRED_HEIGHT_LOCKTIME, 0);
		if (t == 0 && h == 0)
			continue;
		asked = true;
		time_ok = time_ok && t != 0;
		height_ok = height_ok && h != 0;
		time = t > time ? t : time;
		height = h > height ? h : height;
	}
	p->locktime_known = !asked || time_ok || height_ok;
	p->tx.locktime = !asked ? get_le32(p, PSBT_GLOBAL, 0, PSBT_GLOBAL_FALLBACK_LOCKTIME, 0)
		: height_ok     ? height
		: time_ok       ? time
				: 0;
}

void psbt_reread(struct psbt *p)
{
	if (p->version != PSBT_V2)
		return;
	for (uint32_t i = 0; i < p->tx.in_count; i++)
		p->tx.in[i].sequence = get_le32(p, PSBT_INPUT, i, PSBT_IN_SEQUENCE, SEQUENCE_FINAL);
	reread_locktime(p);
}

/* The fields of version 2 as a transaction; they are there and have their shapes. */
static enum err get_fields_tx(struct psbt *p)
{
	uint64_t total = 0;
	struct slice value;
	p->tx.version = get_le32(p, PSBT_GLOBAL, 0, PSBT_GLOBAL_TX_VERSION, 0);
	for (uint32_t i = 0; i < p->tx.in_count; i++) {
		const struct psbt_map map = {PSBT_INPUT, i};
		p->tx.in[i] = (struct btc_txin){
			.prev.index = get_le32(p, PSBT_INPUT, i, PSBT_IN_OUTPUT_INDEX, 0)};
		CHECK(psbt_get(&value, p, map, PSBT_IN_PREVIOUS_TXID, psbt_no_key()));
		memcpy(p->tx.in[i].prev.txid.b, value.ptr, 32);
	}
	for (uint32_t i = 0; i < p->tx.out_count; i++) {
		const struct psbt_map map = {PSBT_OUTPUT, i};
		CHECK(psbt_get(&value, p, map, PSBT_OUT_AMOUNT, psbt_no_key()));
		p->tx.out[i].value.raw = load_le64(value.ptr);
		if (p->tx.out[i].value.raw > SAT_MAX_RAW - total)
			return ERR_RANGE;
		total += p->tx.out[i].value.raw;
		CHECK(psbt_get(&p->tx.out[i].script, p, map, PSBT_OUT_SCRIPT, psbt_no_key()));
	}
	psbt_reread(p);
	return OK;
}

enum err psbt_parse(struct psbt *out, const struct psbt_room *room, struct slice in)
{
	struct psbt p = {.room = *room, .tx = {.in = room->in, .out = room->out}};
	struct btc_cursor c;
	btc_cursor_init(&c, in);
	const uint8_t *head = btc_take(&c, sizeof magic);
	if (head == NULL)
		return c.at_end;
	if (memcmp(head, magic, sizeof magic) != 0)
		return ERR_FORMAT;
	TRY(take_map(&c, &p, 0));
	TRY(get_version(&p));
	TRY(p.version == PSBT_V0 ? get_unsigned(&p) : get_counts(&p));
	for (uint32_t map = 1; map <= p.tx.in_count + p.tx.out_count; map++)
		TRY(take_map(&c, &p, map));
	if (btc_cursor_used(&c) != in.len)
		return ERR_FORMAT;
	TRY(check_fields(&p));
	if (p.version == PSBT_V2)
		TRY(get_fields_tx(&p));
	*out = p;
	return OK;
}

/* ---- writing ---- */

static void put_pair(struct btc_sink *s, const struct psbt_pair *pair)
{
	struct btc_sink type = {0};
	btc_sink_compact(&type, pair->type);
	btc_sink_compact(s, type.size + pair->key.len);
	btc_sink_compact(s, pair->type);
	btc_sink_put(s, pair->key);
	btc_sink_bytes(s, pair->value);
}

void psbt_put(struct buf *out, const struct psbt *p)
{
	struct btc_sink s = {.buf = out};
	uint32_t at = 0;
	btc_sink_put(&s, slice_of(magic, sizeof magic));
	for (uint32_t map = 0; map <= p->tx.in_count + p->tx.out_count; map++) {
		for (; at < p->pair_count && p->room.pair[at].map == map; at++)
			put_pair(&s, &p->room.pair[at]);
		btc_sink_u8(&s, MAP_END);
	}
}

/* ---- setting ---- */

enum err psbt_set(
	struct psbt *p, struct psbt_map map, uint64_t type, struct slice key, struct slice value)
{
	struct psbt_pair pair = {.type = type, .key = key, .value = value};
	const struct psbt_field *f = psbt_field_of(map.part, type);
	TRY(psbt_map_number(&pair.map, p, map));
	TRY(psbt_field_check(p->version, map.part, &pair));
	if (f != NULL && (f->flags & PSBT_FIXED) != 0)
		return ERR_STATE;
	struct psbt_pair *old = find(p, pair.map, type, key);
	if (old != NULL)
		old->value = value;
	else
		TRY(psbt_insert(p, &pair));
	psbt_reread(p);
	return OK;
}

enum err psbt_set_copy(
	struct psbt *p, struct psbt_map map, uint64_t type, struct slice key, struct slice value)
{
	struct buf *store = &p->room.store;
	const size_t before = store->len;
	if (store->overflow || key.len > store->cap - before ||
		value.len > store->cap - before - key.len)
		return ERR_FULL;
	uint8_t *at = store->ptr + before;
	buf_put(store, key.ptr, key.len);
	buf_put(store, value.ptr, value.len);
	const enum err err = psbt_set(
		p, map, type, slice_of(at, key.len), slice_of(at + key.len, value.len));
	if (err != OK)
		store->len = before;
	return err;
}

/* ---- transactions that fields hold ---- */

static enum err walk_inputs(struct btc_cursor *c, bool *segwit, uint32_t *count)
{
	TRY(btc_take_count(c, count, INPUT_SIZE_MIN));
	*segwit = *count == SEGWIT_MARKER;
	if (*segwit) {
		const uint8_t *flag = btc_take(c, 1);
		if (flag == NULL)
			return c->at_end;
		if (*flag != SEGWIT_FLAG)
			return ERR_FORMAT;
	}
	return OK;
}

/* From the inputs' count to the last output; *out where the index is met. */
static enum err walk_body(
	struct btc_cursor *c, uint32_t in_count, struct btc_txout *out, uint32_t index)
{
	uint32_t out_count;
	struct slice script;
	for (uint32_t i = 0; i < in_count; i++) {
		if (btc_take(c, OUTPOINT_SIZE) == NULL)
			return c->at_end;
		TRY(btc_take_bytes(c, &script));
		if (btc_take(c, 4) == NULL)
			return c->at_end;
	}
	TRY(btc_take_count(c, &out_count, OUTPUT_SIZE_MIN));
	for (uint32_t i = 0; i < out_count; i++) {
		const uint8_t *value = btc_take(c, 8);
		if (value == NULL)
			return c->at_end;
		if (load_le64(value) > SAT_MAX_RAW)
			return ERR_RANGE;
		TRY(btc_take_bytes(c, &script));
		if (i == index)
			*out = (struct btc_txout){{load_le64(value)}, script};
	}
	return OK;
}

enum err psbt_walk_tx(struct hash256 *txid, struct btc_txout *out, struct slice tx, uint32_t index)
{
	struct btc_cursor c;
	struct btc_txout found = {{0}, {NULL, 0}};
	struct slice part[3] = {slice_of(tx.ptr, 4)}; /* version, inputs and outputs, lock time */
	bool segwit;
	uint32_t in_count;
	btc_cursor_init(&c, tx);
	if (btc_take(&c, 4) == NULL)
		return c.at_end;
	const uint8_t *body = c.r.ptr;
	TRY(walk_inputs(&c, &segwit, &in_count));
	if (segwit) {
		body = c.r.ptr;
		TRY(btc_take_count(&c, &in_count, INPUT_SIZE_MIN));
	}
	TRY(walk_body(&c, in_count, &found, index));
	part[1] = slice_of(body, (size_t)(c.r.ptr - body));
	for (uint32_t i = 0; segwit && i < in_count; i++) {
		struct slice stack;
		TRY(btc_take_stack(&c, &stack));
	}
	part[2] = slice_of(c.r.ptr, 4);
	if (btc_take(&c, 4) == NULL)
		return c.at_end;
	if (c.r.left != 0 || in_count == 0)
		return ERR_FORMAT;
	sha256d_parts(txid, part, ARRAY_LEN(part));
	*out = found;
	return OK;
}
