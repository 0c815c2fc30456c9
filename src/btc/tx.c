#include "btc/tx.h"
#include "crypto/hash.h"

/* The smallest encodings: an input has an outpoint, an empty script and a sequence; an output a
 * value and an empty script. What claims more of them than fit is refused before it is counted. */
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 9u
#define ITEM_SIZE_MIN 1u

#define SEGWIT_MARKER 0x00u
#define SEGWIT_FLAG 0x01u

/* Bytes of one transaction. Where they end early, more may help only below BTC_TX_SIZE_MAX. */
struct cursor {
	struct reader r;
	enum err at_end;
};

static const uint8_t *take(struct cursor *c, size_t len)
{
	return reader_take(&c->r, len);
}

/* One compact size. ERR_SHORT, as the cursor has it; ERR_FORMAT a longer form than needed. */
static enum err take_compact(struct cursor *c, uint64_t *v)
{
	static const uint64_t smallest[] = {0xfd, UINT64_C(0x10000), UINT64_C(0x100000000)};
	const uint8_t *first = take(c, 1);
	if (first == NULL)
		return c->at_end;
	if (*first < 0xfd) {
		*v = *first;
		return OK;
	}
	const unsigned form = *first - 0xfdu;
	const size_t len = (size_t)2 << form;
	const uint8_t *bytes = take(c, len);
	if (bytes == NULL)
		return c->at_end;
	uint64_t value = 0;
	for (size_t i = len; i-- > 0;)
		value = value << 8 | bytes[i];
	if (value < smallest[form])
		return ERR_FORMAT;
	*v = value;
	return OK;
}

/* A count of things that take at least size_min each. */
static enum err take_count(struct cursor *c, uint32_t *count, uint32_t size_min)
{
	uint64_t v = 0;
	TRY(take_compact(c, &v));
	if (v > BTC_TX_SIZE_MAX / size_min)
		return ERR_FORMAT;
	*count = (uint32_t)v;
	return OK;
}

static enum err take_bytes(struct cursor *c, struct slice *out)
{
	uint32_t len;
	TRY(take_count(c, &len, 1));
	const uint8_t *bytes = take(c, len);
	if (bytes == NULL)
		return c->at_end;
	*out = slice_of(bytes, len);
	return OK;
}

static enum err take_input(struct cursor *c, struct btc_txin *in)
{
	const uint8_t *prev = take(c, 36);
	if (prev == NULL)
		return c->at_end;
	memcpy(in->prev.txid.b, prev, 32);
	in->prev.index = load_le32(prev + 32);
	TRY(take_bytes(c, &in->script_sig));
	const uint8_t *sequence = take(c, 4);
	if (sequence == NULL)
		return c->at_end;
	in->sequence = load_le32(sequence);
	in->witness = slice_of(NULL, 0);
	return OK;
}

/* *total stays below 2 * SAT_MAX_RAW, so that it cannot wrap. */
static enum err take_output(struct cursor *c, struct btc_txout *out, uint64_t *total)
{
	const uint8_t *value = take(c, 8);
	if (value == NULL)
		return c->at_end;
	out->value.raw = load_le64(value);
	if (out->value.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	*total += out->value.raw;
	if (*total > SAT_MAX_RAW)
		return ERR_RANGE;
	return take_bytes(c, &out->script);
}

static enum err take_witness(struct cursor *c, struct slice *witness)
{
	const uint8_t *start = c->r.ptr;
	uint32_t count;
	TRY(take_count(c, &count, ITEM_SIZE_MIN));
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		TRY(take_bytes(c, &item));
	}
	*witness = count == 0 ? slice_of(NULL, 0) : slice_of(start, (size_t)(c->r.ptr - start));
	return OK;
}

/* The number of inputs, and whether witnesses follow: where the count is 0, that zero is BIP-144's
 * marker. A transaction without inputs does not exist. */
static enum err take_input_count(struct cursor *c, uint32_t *count, bool *segwit)
{
	TRY(take_count(c, count, INPUT_SIZE_MIN));
	*segwit = *count == SEGWIT_MARKER;
	if (!*segwit)
		return OK;
	const uint8_t *flag = take(c, 1);
	if (flag == NULL)
		return c->at_end;
	if (*flag != SEGWIT_FLAG)
		return ERR_FORMAT;
	TRY(take_count(c, count, INPUT_SIZE_MIN));
	return *count == 0 ? ERR_FORMAT : OK;
}

static enum err take_witnesses(struct cursor *c, const struct btc_tx *tx)
{
	bool any = false;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		TRY(take_witness(c, &tx->in[i].witness));
		any = any || tx->in[i].witness.len > 0;
	}
	/* a witness record without witnesses: Bitcoin Core refuses it, too, because it would be a
	 * second encoding of the same transaction */
	return any ? OK : ERR_FORMAT;
}

static enum err take_tx(struct cursor *c, struct btc_tx *tx, uint32_t in_max, uint32_t out_max)
{
	bool segwit;
	uint64_t total = 0;
	const uint8_t *version = take(c, 4);
	if (version == NULL)
		return c->at_end;
	tx->version = load_le32(version);
	TRY(take_input_count(c, &tx->in_count, &segwit));
	if (tx->in_count > in_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->in_count; i++)
		TRY(take_input(c, &tx->in[i]));
	TRY(take_count(c, &tx->out_count, OUTPUT_SIZE_MIN));
	if (tx->out_count == 0)
		return ERR_FORMAT;
	if (tx->out_count > out_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->out_count; i++)
		TRY(take_output(c, &tx->out[i], &total));
	if (segwit)
		TRY(take_witnesses(c, tx));
	const uint8_t *locktime = take(c, 4);
	if (locktime == NULL)
		return c->at_end;
	tx->locktime = load_le32(locktime);
	return OK;
}

enum err btc_tx_parse(
	struct btc_tx *tx, size_t *used, uint32_t in_max, uint32_t out_max, struct slice in)
{
	const bool whole = in.len >= BTC_TX_SIZE_MAX;
	const size_t len = whole ? BTC_TX_SIZE_MAX : in.len;
	struct cursor c = {
		.r = reader_init(slice_of(in.ptr, len)),
		.at_end = whole ? ERR_FORMAT : ERR_SHORT,
	};
	struct btc_tx parsed = {.in = tx->in, .out = tx->out};
	TRY(take_tx(&c, &parsed, in_max, out_max));
	*tx = parsed;
	*used = len - c.r.left;
	return OK;
}

/* Where a serialisation goes: into a buffer, into a hash, or nowhere: it is always counted. */
struct sink {
	struct buf *buf;
	struct sha256_stream *hash;
	uint64_t size;
};

static void sink_put(struct sink *s, struct slice part)
{
	if (s->buf != NULL)
		buf_put(s->buf, part.ptr, part.len);
	if (s->hash != NULL)
		sha256_add(s->hash, part);
	s->size += part.len;
}

static bool has_witness(const struct btc_txin *in)
{
	return in->witness.len > 0 && in->witness.ptr[0] != 0;
}

static bool tx_has_witness(const struct btc_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (has_witness(&tx->in[i]))
			return true;
	return false;
}

#define COMPACT_SIZE_MAX 9u

static void put_input(struct sink *s, const struct btc_txin *in)
{
	uint8_t head[36 + COMPACT_SIZE_MAX];
	uint8_t tail[4];
	struct buf b = buf_init(head, sizeof head);
	buf_put(&b, in->prev.txid.b, sizeof in->prev.txid.b);
	buf_le32(&b, in->prev.index);
	btc_put_compact(&b, in->script_sig.len);
	sink_put(s, buf_slice(&b));
	sink_put(s, in->script_sig);
	store_le32(tail, in->sequence);
	sink_put(s, slice_of(tail, sizeof tail));
}

static void put_output(struct sink *s, const struct btc_txout *out)
{
	uint8_t head[8 + COMPACT_SIZE_MAX];
	struct buf b = buf_init(head, sizeof head);
	buf_le64(&b, out->value.raw);
	btc_put_compact(&b, out->script.len);
	sink_put(s, buf_slice(&b));
	sink_put(s, out->script);
}

static void put_tx(struct sink *s, const struct btc_tx *tx, bool with_witness)
{
	static const uint8_t no_witness[1] = {0};
	uint8_t small[4 + 2 + COMPACT_SIZE_MAX];
	struct buf b = buf_init(small, sizeof small);
	const bool segwit = with_witness && tx_has_witness(tx);
	buf_le32(&b, tx->version);
	if (segwit) {
		buf_u8(&b, SEGWIT_MARKER);
		buf_u8(&b, SEGWIT_FLAG);
	}
	btc_put_compact(&b, tx->in_count);
	sink_put(s, buf_slice(&b));
	for (uint32_t i = 0; i < tx->in_count; i++)
		put_input(s, &tx->in[i]);
	b = buf_init(small, sizeof small);
	btc_put_compact(&b, tx->out_count);
	sink_put(s, buf_slice(&b));
	for (uint32_t i = 0; i < tx->out_count; i++)
		put_output(s, &tx->out[i]);
	for (uint32_t i = 0; segwit && i < tx->in_count; i++)
		sink_put(s, has_witness(&tx->in[i]) ? tx->in[i].witness : slice_of(no_witness, 1));
	b = buf_init(small, sizeof small);
	buf_le32(&b, tx->locktime);
	sink_put(s, buf_slice(&b));
}

void btc_tx_put(struct buf *out, const struct btc_tx *tx)
{
	struct sink s = {.buf = out};
	put_tx(&s, tx, true);
}

void btc_tx_put_stripped(struct buf *out, const struct btc_tx *tx)
{
	struct sink s = {.buf = out};
	put_tx(&s, tx, false);
}

void btc_tx_id(struct hash256 *out, const struct btc_tx *tx)
{
	struct sha256_stream hash;
	struct sink s = {.hash = &hash};
	struct hash256 inner;
	sha256_begin(&hash);
	put_tx(&s, tx, false);
	sha256_end(&inner, &hash);
	sha256(out, slice_of(inner.b, sizeof inner.b));
}

uint64_t btc_tx_weight(const struct btc_tx *tx)
{
	struct sink stripped = {0};
	struct sink total = {0};
	put_tx(&stripped, tx, false);
	put_tx(&total, tx, true);
	return 3 * stripped.size + total.size;
}

uint64_t btc_tx_vsize(const struct btc_tx *tx)
{
	return (btc_tx_weight(tx) + 3) / 4;
}

bool btc_tx_is_coinbase(const struct btc_tx *tx)
{
	return tx->in_count == 1 && hash256_is_zero(&tx->in[0].prev.txid) &&
		tx->in[0].prev.index == UINT32_MAX;
}

struct slice btc_witness_item(struct slice witness, uint32_t index)
{
	struct cursor c = {.r = reader_init(witness), .at_end = ERR_SHORT};
	struct slice found = {NULL, 0};
	uint32_t count;
	if (take_count(&c, &count, ITEM_SIZE_MIN) != OK || count > BTC_WITNESS_ITEM_MAX ||
		index >= count)
		return (struct slice){NULL, 0};
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		if (take_bytes(&c, &item) != OK)
			return (struct slice){NULL, 0};
		if (i == index)
			found = item;
	}
	return c.r.left == 0 ? found : (struct slice){NULL, 0};
}

uint32_t btc_witness_count(struct slice witness)
{
	struct cursor c = {.r = reader_init(witness), .at_end = ERR_SHORT};
	uint32_t count;
	if (take_count(&c, &count, ITEM_SIZE_MIN) != OK)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		if (take_bytes(&c, &item) != OK)
			return 0;
	}
	return c.r.left == 0 ? count : 0;
}

void btc_put_compact(struct buf *out, uint64_t v)
{
	uint8_t bytes[COMPACT_SIZE_MAX];
	struct buf b = buf_init(bytes, sizeof bytes);
	if (v < 0xfd) {
		buf_u8(&b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		buf_u8(&b, 0xfd);
		buf_le16(&b, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		buf_u8(&b, 0xfe);
		buf_le32(&b, (uint32_t)v);
	} else {
		buf_u8(&b, 0xff);
		buf_le64(&b, v);
	}
	buf_put(out, bytes, b.len);
}

uint64_t btc_get_compact(struct reader *in)
{
	struct cursor c = {.r = *in, .at_end = ERR_SHORT};
	uint64_t v = 0;
	const enum err err = take_compact(&c, &v);
	*in = c.r;
	in->failed = in->failed || err != OK;
	return err == OK ? v : 0;
}
