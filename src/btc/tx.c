#include "btc/tx.h"
#include "crypto/hash.h"

/* The smallest encodings: an input has an outpoint, an empty script and a sequence; an output a
 * value and an empty script. What claims more of them than fit is refused before it is counted. */
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN 9u

#define SEGWIT_MARKER 0x00u
#define SEGWIT_FLAG 0x01u

static enum err take_input(struct btc_cursor *c, struct btc_txin *in)
{
	const uint8_t *prev = btc_take(c, 36);
	if (prev == NULL)
		return c->at_end;
	memcpy(in->prev.txid.b, prev, 32);
	in->prev.index = load_le32(prev + 32);
	TRY(btc_take_bytes(c, &in->script_sig));
	TRY(btc_take_le32(c, &in->sequence));
	in->witness = slice_of(NULL, 0);
	return OK;
}

/* *total stays below 2 * SAT_MAX_RAW, so that it cannot wrap. */
static enum err take_output(struct btc_cursor *c, struct btc_txout *out, uint64_t *total)
{
	const uint8_t *value = btc_take(c, 8);
	if (value == NULL)
		return c->at_end;
	out->value.raw = load_le64(value);
	if (out->value.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	*total += out->value.raw;
	if (*total > SAT_MAX_RAW)
		return ERR_RANGE;
	return btc_take_bytes(c, &out->script);
}

/* The number of inputs, and whether witnesses follow: where the count is 0, that zero is BIP-144's
 * marker. A transaction without inputs does not exist. */
static enum err take_input_count(struct btc_cursor *c, uint32_t *count, bool *segwit)
{
	TRY(btc_take_count(c, count, INPUT_SIZE_MIN));
	*segwit = *count == SEGWIT_MARKER;
	if (!*segwit)
		return OK;
	const uint8_t *flag = btc_take(c, 1);
	if (flag == NULL)
		return c->at_end;
	if (*flag != SEGWIT_FLAG)
		return ERR_FORMAT;
	TRY(btc_take_count(c, count, INPUT_SIZE_MIN));
	return *count == 0 ? ERR_FORMAT : OK;
}

static enum err take_witnesses(struct btc_cursor *c, const struct btc_tx *tx)
{
	bool any = false;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		TRY(btc_take_stack(c, &tx->in[i].witness));
		any = any || tx->in[i].witness.len > 0;
	}
	/* a witness record without witnesses: Bitcoin Core refuses it, too, because it would be a
	 * second encoding of the same transaction */
	return any ? OK : ERR_FORMAT;
}

static enum err take_tx(struct btc_cursor *c, struct btc_tx *tx, uint32_t in_max, uint32_t out_max)
{
	bool segwit;
	uint64_t total = 0;
	TRY(btc_take_le32(c, &tx->version));
	TRY(take_input_count(c, &tx->in_count, &segwit));
	if (tx->in_count > in_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->in_count; i++)
		TRY(take_input(c, &tx->in[i]));
	TRY(btc_take_count(c, &tx->out_count, OUTPUT_SIZE_MIN));
	if (tx->out_count == 0)
		return ERR_FORMAT;
	if (tx->out_count > out_max)
		return ERR_FULL;
	for (uint32_t i = 0; i < tx->out_count; i++)
		TRY(take_output(c, &tx->out[i], &total));
	if (segwit)
		TRY(take_witnesses(c, tx));
	return btc_take_le32(c, &tx->locktime);
}

enum err btc_tx_parse(
	struct btc_tx *tx, size_t *used, uint32_t in_max, uint32_t out_max, struct slice in)
{
	struct btc_cursor c;
	btc_cursor_init(&c, in);
	struct btc_tx parsed = {.in = tx->in, .out = tx->out};
	TRY(take_tx(&c, &parsed, in_max, out_max));
	*tx = parsed;
	*used = btc_cursor_used(&c);
	return OK;
}

static bool tx_has_witness(const struct btc_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (btc_stack_any(tx->in[i].witness))
			return true;
	return false;
}

static void put_input(struct btc_sink *s, const struct btc_txin *in)
{
	btc_sink_put(s, slice_of(in->prev.txid.b, sizeof in->prev.txid.b));
	btc_sink_le32(s, in->prev.index);
	btc_sink_bytes(s, in->script_sig);
	btc_sink_le32(s, in->sequence);
}

void btc_sink_txout(struct btc_sink *s, const struct btc_txout *out)
{
	btc_sink_le64(s, out->value.raw);
	btc_sink_bytes(s, out->script);
}

static void put_tx(struct btc_sink *s, const struct btc_tx *tx, bool with_witness)
{
	const bool segwit = with_witness && tx_has_witness(tx);
	btc_sink_le32(s, tx->version);
	if (segwit) {
		btc_sink_u8(s, SEGWIT_MARKER);
		btc_sink_u8(s, SEGWIT_FLAG);
	}
	btc_sink_compact(s, tx->in_count);
	for (uint32_t i = 0; i < tx->in_count; i++)
		put_input(s, &tx->in[i]);
	btc_sink_compact(s, tx->out_count);
	for (uint32_t i = 0; i < tx->out_count; i++)
		btc_sink_txout(s, &tx->out[i]);
	for (uint32_t i = 0; segwit && i < tx->in_count; i++)
		btc_sink_stack(s, tx->in[i].witness);
	btc_sink_le32(s, tx->locktime);
}

void btc_tx_put(struct buf *out, const struct btc_tx *tx)
{
	struct btc_sink s = {.buf = out};
	put_tx(&s, tx, true);
}

void btc_tx_put_stripped(struct buf *out, const struct btc_tx *tx)
{
	struct btc_sink s = {.buf = out};
	put_tx(&s, tx, false);
}

void btc_tx_id(struct hash256 *out, const struct btc_tx *tx)
{
	struct sha256_stream hash;
	struct btc_sink s = {.hash = &hash};
	struct hash256 inner;
	sha256_begin(&hash);
	put_tx(&s, tx, false);
	sha256_end(&inner, &hash);
	sha256(out, slice_of(inner.b, sizeof inner.b));
}

uint64_t btc_tx_weight(const struct btc_tx *tx)
{
	struct btc_sink stripped = {0};
	struct btc_sink total = {0};
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
	struct btc_cursor c = {.r = reader_init(witness), .at_end = ERR_SHORT};
	struct slice found = {NULL, 0};
	uint32_t count;
	if (btc_take_count(&c, &count, BTC_WITNESS_ITEM_SIZE_MIN) != OK ||
		count > BTC_WITNESS_ITEM_MAX || index >= count)
		return (struct slice){NULL, 0};
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		if (btc_take_bytes(&c, &item) != OK)
			return (struct slice){NULL, 0};
		if (i == index)
			found = item;
	}
	return c.r.left == 0 ? found : (struct slice){NULL, 0};
}

uint32_t btc_witness_count(struct slice witness)
{
	struct btc_cursor c = {.r = reader_init(witness), .at_end = ERR_SHORT};
	uint32_t count;
	if (btc_take_count(&c, &count, BTC_WITNESS_ITEM_SIZE_MIN) != OK)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		struct slice item = {NULL, 0};
		if (btc_take_bytes(&c, &item) != OK)
			return 0;
	}
	return c.r.left == 0 ? count : 0;
}
