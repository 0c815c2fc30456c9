/* What the roles of BIP-174 and BIP-370 do: creator, updater, combiner, extractor. */
#include "btc/psbt_internal.h"

#define SEQUENCE_FINAL 0xffffffffu
#define SEGWIT_MARKER 0x00u
#define SEGWIT_FLAG 0x01u
#define DEFINED_FLAGS 0x07u /* of PSBT_GLOBAL_TX_MODIFIABLE */
#define ALL_MUST_ALLOW 0x03u

/* ---- creator ---- */

/* What buf holds since `from` as the value of a field. */
static enum err add_from(struct psbt *p, struct psbt_map map, uint64_t type, size_t from)
{
	struct buf *store = &p->room.store;
	struct psbt_pair pair = {.type = type, .key = psbt_no_key()};
	if (store->overflow)
		return ERR_FULL;
	pair.value = slice_of(store->ptr + from, store->len - from);
	TRY(psbt_map_number(&pair.map, p, map));
	return psbt_insert(p, &pair);
}

static enum err add_le32(struct psbt *p, struct psbt_map map, uint64_t type, uint32_t v)
{
	const size_t from = p->room.store.len;
	buf_le32(&p->room.store, v);
	return add_from(p, map, type, from);
}

static enum err add_count(struct psbt *p, uint64_t type, uint32_t count)
{
	const size_t from = p->room.store.len;
	btc_put_compact(&p->room.store, count);
	return add_from(p, (struct psbt_map){PSBT_GLOBAL, 0}, type, from);
}

static enum err add_bytes(
	struct psbt *p, struct psbt_map map, uint64_t type, const void *bytes, size_t len)
{
	const size_t from = p->room.store.len;
	buf_put(&p->room.store, bytes, len);
	return add_from(p, map, type, from);
}

static enum err create_globals(struct psbt *p)
{
	const struct psbt_map global = {PSBT_GLOBAL, 0};
	if (p->version == PSBT_V0) {
		const size_t from = p->room.store.len;
		btc_tx_put_stripped(&p->room.store, &p->tx);
		return add_from(p, global, PSBT_GLOBAL_UNSIGNED_TX, from);
	}
	TRY(add_le32(p, global, PSBT_GLOBAL_TX_VERSION, p->tx.version));
	if (p->tx.locktime != 0)
		TRY(add_le32(p, global, PSBT_GLOBAL_FALLBACK_LOCKTIME, p->tx.locktime));
	TRY(add_count(p, PSBT_GLOBAL_INPUT_COUNT, p->tx.in_count));
	TRY(add_count(p, PSBT_GLOBAL_OUTPUT_COUNT, p->tx.out_count));
	return add_le32(p, global, PSBT_GLOBAL_VERSION, PSBT_V2);
}

static enum err create_maps(struct psbt *p)
{
	for (uint32_t i = 0; i < p->tx.in_count; i++) {
		const struct btc_txin *in = &p->tx.in[i];
		const struct psbt_map map = {PSBT_INPUT, i};
		TRY(add_bytes(p, map, PSBT_IN_PREVIOUS_TXID, in->prev.txid.b, 32));
		TRY(add_le32(p, map, PSBT_IN_OUTPUT_INDEX, in->prev.index));
		if (in->sequence != SEQUENCE_FINAL)
			TRY(add_le32(p, map, PSBT_IN_SEQUENCE, in->sequence));
	}
	for (uint32_t i = 0; i < p->tx.out_count; i++) {
		const struct btc_txout *out = &p->tx.out[i];
		const struct psbt_map map = {PSBT_OUTPUT, i};
		uint8_t value[8];
		store_le64(value, out->value.raw);
		TRY(add_bytes(p, map, PSBT_OUT_AMOUNT, value, sizeof value));
		TRY(add_bytes(p, map, PSBT_OUT_SCRIPT, out->script.ptr, out->script.len));
	}
	return OK;
}

enum err psbt_create(struct psbt *out, const struct psbt_room *room, enum psbt_version version,
	const struct btc_tx *tx)
{
	struct psbt p = {.room = *room, .version = version, .tx = *tx, .locktime_known = true};
	uint64_t total = 0;
	if (tx->in_count > room->in_max || tx->out_count > room->out_max)
		return ERR_FULL;
	p.tx.in = room->in;
	p.tx.out = room->out;
	for (uint32_t i = 0; i < tx->in_count; i++)
		p.tx.in[i] = (struct btc_txin){
			.prev = tx->in[i].prev, .sequence = tx->in[i].sequence};
	for (uint32_t i = 0; i < tx->out_count; i++) {
		if (tx->out[i].value.raw > SAT_MAX_RAW - total)
			return ERR_RANGE;
		total += tx->out[i].value.raw;
		p.tx.out[i] = tx->out[i];
	}
	TRY(create_globals(&p));
	if (version == PSBT_V2)
		TRY(create_maps(&p));
	*out = p;
	return OK;
}

/* ---- updater, and what it says ---- */

enum err psbt_set_witness_utxo(struct psbt *p, uint32_t input, const struct btc_txout *spent)
{
	const size_t from = p->room.store.len;
	struct btc_sink s = {.buf = &p->room.store};
	if (s.buf->overflow)
		return ERR_FULL;
	btc_sink_txout(&s, spent);
	enum err err = ERR_FULL;
	if (!s.buf->overflow)
		err = psbt_set(p, (struct psbt_map){PSBT_INPUT, input}, PSBT_IN_WITNESS_UTXO,
			psbt_no_key(), slice_of(s.buf->ptr + from, s.buf->len - from));
	if (err != OK) {
		s.buf->len = from;
		s.buf->overflow = false;
	}
	return err;
}

static enum err get_witness_utxo(struct btc_txout *out, struct slice value)
{
	struct btc_cursor c;
	btc_cursor_init(&c, value);
	const uint8_t *amount = btc_take(&c, 8);
	if (amount == NULL)
		return ERR_FORMAT;
	out->value.raw = load_le64(amount);
	return btc_take_bytes(&c, &out->script) == OK ? OK : ERR_FORMAT;
}

enum err psbt_spent_output(
	struct btc_txout *out, bool *proven, const struct psbt *p, uint32_t input)
{
	const struct psbt_map map = {PSBT_INPUT, input};
	struct slice value;
	struct btc_txout whole;
	struct btc_txout alone;
	struct hash256 txid;
	const bool has_alone = psbt_get(&value, p, map, PSBT_IN_WITNESS_UTXO, psbt_no_key());
	if (has_alone)
		TRY(get_witness_utxo(&alone, value));
	const bool has_whole = psbt_get(&value, p, map, PSBT_IN_NON_WITNESS_UTXO, psbt_no_key());
	if (!has_whole && !has_alone)
		return ERR_NOT_FOUND;
	if (has_whole) {
		const struct btc_outpoint *prev = &p->tx.in[input].prev;
		if (psbt_walk_tx(&txid, &whole, value, prev->index) != OK)
			return ERR_FORMAT;
		if (!hash256_eq(&txid, &prev->txid))
			return ERR_CHECKSUM;
		if (whole.script.ptr == NULL)
			return ERR_FORMAT;
		if (has_alone &&
			(whole.value.raw != alone.value.raw ||
				!slice_eq(whole.script, alone.script)))
			return ERR_CHECKSUM;
	}
	*out = has_whole ? whole : alone;
	*proven = has_whole;
	return OK;
}

/* ---- combiner ---- */

enum err psbt_id(struct hash256 *out, const struct psbt *p)
{
	struct sha256_stream hash;
	struct btc_sink s = {.hash = &hash};
	struct hash256 inner;
	if (!p->locktime_known)
		return ERR_STATE;
	sha256_begin(&hash);
	btc_sink_le32(&s, p->tx.version);
	btc_sink_compact(&s, p->tx.in_count);
	for (uint32_t i = 0; i < p->tx.in_count; i++) {
		const struct btc_txin *in = &p->tx.in[i];
		btc_sink_put(&s, slice_of(in->prev.txid.b, sizeof in->prev.txid.b));
		btc_sink_le32(&s, in->prev.index);
		btc_sink_bytes(&s, slice_of(NULL, 0));
		btc_sink_le32(&s, p->version == PSBT_V2 ? 0 : in->sequence);
	}
	btc_sink_compact(&s, p->tx.out_count);
	for (uint32_t i = 0; i < p->tx.out_count; i++)
		btc_sink_txout(&s, &p->tx.out[i]);
	btc_sink_le32(&s, p->tx.locktime);
	sha256_end(&inner, &hash);
	sha256(out, slice_of(inner.b, sizeof inner.b));
	return OK;
}

static bool same_payment(const struct psbt *a, const struct psbt *b)
{
	struct hash256 a_id;
	struct hash256 b_id;
	return a->version == b->version && psbt_id(&a_id, a) == OK && psbt_id(&b_id, b) == OK &&
		hash256_eq(&a_id, &b_id) && a->tx.in_count == b->tx.in_count &&
		a->tx.out_count == b->tx.out_count;
}

/* Whether all that is new fits, and nothing contradicts. */
static enum err combine_check(const struct psbt *into, const struct psbt *from)
{
	uint32_t fresh = 0;
	uint32_t fresh_here = 0;
	for (uint32_t i = 0; i < from->pair_count; i++) {
		const struct psbt_pair *pair = &from->room.pair[i];
		const struct psbt_map map = psbt_map_of(from, pair->map);
		const struct psbt_field *f = psbt_field_of(map.part, pair->type);
		struct slice own;
		if (i == 0 || from->room.pair[i - 1].map != pair->map)
			fresh_here = 0;
		if (psbt_get(&own, into, map, pair->type, pair->key)) {
			if (f != NULL && (f->flags & PSBT_FACT) != 0 && !slice_eq(own, pair->value))
				return ERR_EXISTS;
			continue;
		}
		fresh++;
		fresh_here++;
		const uint32_t here = psbt_map_begin(into, pair->map + 1) -
			psbt_map_begin(into, pair->map);
		if (here + fresh_here > PSBT_MAP_PAIRS_MAX)
			return ERR_FULL;
	}
	const uint32_t max = into->room.pair_max < PSBT_PAIRS_MAX ? into->room.pair_max
								  : PSBT_PAIRS_MAX;
	return into->pair_count + fresh > max ? ERR_FULL : OK;
}

/* Inputs or outputs may be changed where both say so; there is a signature that binds one to the
 * other where either says so. */
static struct slice join_flags(struct slice a, struct slice b)
{
	static const uint8_t flags[DEFINED_FLAGS + 1] = {0, 1, 2, 3, 4, 5, 6, 7};
	const unsigned both = a.ptr[0] & b.ptr[0] & ALL_MUST_ALLOW;
	const unsigned either = (unsigned)(a.ptr[0] | b.ptr[0]) & DEFINED_FLAGS & ~ALL_MUST_ALLOW;
	return slice_of(&flags[both | either], 1);
}

enum err psbt_combine(struct psbt *into, const struct psbt *from)
{
	static const uint8_t none = 0;
	const struct psbt_map global = {PSBT_GLOBAL, 0};
	struct slice own = slice_of(&none, 1);
	struct slice other = slice_of(&none, 1);
	if (!same_payment(into, from))
		return ERR_REJECTED;
	TRY(combine_check(into, from));
	(void)psbt_get(&own, into, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key());
	(void)psbt_get(&other, from, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key());
	for (uint32_t i = 0; i < from->pair_count; i++) {
		const struct psbt_pair *pair = &from->room.pair[i];
		struct slice held;
		if (!psbt_get(&held, into, psbt_map_of(from, pair->map), pair->type, pair->key))
			CHECK(psbt_insert(into, pair) == OK);
	}
	if (own.ptr[0] != other.ptr[0])
		CHECK(psbt_set(into, global, PSBT_GLOBAL_TX_MODIFIABLE, psbt_no_key(),
			      join_flags(own, other)) == OK);
	psbt_reread(into);
	return OK;
}

/* ---- extractor ---- */

bool psbt_is_final(const struct psbt *p, uint32_t input)
{
	const struct psbt_map map = {PSBT_INPUT, input};
	struct slice value;
	return psbt_get(&value, p, map, PSBT_IN_FINAL_SCRIPTSIG, psbt_no_key()) ||
		psbt_get(&value, p, map, PSBT_IN_FINAL_SCRIPTWITNESS, psbt_no_key());
}

/* Empty where there is none. */
static struct slice final_part(const struct psbt *p, uint32_t input, uint64_t type)
{
	struct slice value = {NULL, 0};
	(void)psbt_get(&value, p, (struct psbt_map){PSBT_INPUT, input}, type, psbt_no_key());
	return value;
}

static void put_final(struct btc_sink *s, const struct psbt *p, bool segwit)
{
	const struct btc_tx *tx = &p->tx;
	btc_sink_le32(s, tx->version);
	if (segwit) {
		btc_sink_u8(s, SEGWIT_MARKER);
		btc_sink_u8(s, SEGWIT_FLAG);
	}
	btc_sink_compact(s, tx->in_count);
	for (uint32_t i = 0; i < tx->in_count; i++) {
		btc_sink_put(s, slice_of(tx->in[i].prev.txid.b, 32));
		btc_sink_le32(s, tx->in[i].prev.index);
		btc_sink_bytes(s, final_part(p, i, PSBT_IN_FINAL_SCRIPTSIG));
		btc_sink_le32(s, tx->in[i].sequence);
	}
	btc_sink_compact(s, tx->out_count);
	for (uint32_t i = 0; i < tx->out_count; i++)
		btc_sink_txout(s, &tx->out[i]);
	for (uint32_t i = 0; segwit && i < tx->in_count; i++)
		btc_sink_stack(s, final_part(p, i, PSBT_IN_FINAL_SCRIPTWITNESS));
	btc_sink_le32(s, tx->locktime);
}

enum err psbt_extract(struct buf *raw, const struct psbt *p)
{
	struct btc_sink s = {.buf = raw};
	bool segwit = false;
	if (!p->locktime_known || p->tx.in_count == 0 || p->tx.out_count == 0)
		return ERR_STATE;
	for (uint32_t i = 0; i < p->tx.in_count; i++) {
		if (!psbt_is_final(p, i))
			return ERR_STATE;
		segwit = segwit || btc_stack_any(final_part(p, i, PSBT_IN_FINAL_SCRIPTWITNESS));
	}
	put_final(&s, p, segwit);
	return raw->overflow ? ERR_FULL : OK;
}
