#include "wire/elements_tx.h"

/* In the index of an outpoint on the wire; an index itself has 30 bits. */
#define ISSUES_FLAG (UINT32_C(1) << 31)
#define PEGIN_FLAG (UINT32_C(1) << 30)
#define INDEX_MASK ELEMENTS_INDEX_MAX
#define INDEX_COINBASE UINT32_MAX /* has no flags */

_Static_assert(INDEX_MASK == PEGIN_FLAG - 1u, "flags above an index");

/* After the version: what follows the lock time. */
#define FLAG_WITNESS 0x01u

/* The smallest encodings: an input has an outpoint, an empty script and a sequence; an output an
 * asset, a value, no nonce and an empty script. */
#define INPUT_SIZE_MIN 41u
#define OUTPUT_SIZE_MIN (33u + 9u + 1u + 1u)

#define WITNESS_SCALE 4u

/* ---- fields ---- */

#define PREFIX_NULL 0x00u
#define PREFIX_EXPLICIT 0x01u
#define COMMITMENT_SIZE 33u

/* The prefixes of a commitment, which differ by the point's y, and the size of an explicit field
 * with its prefix. */
struct field_kind {
	uint8_t commitment[2];
	size_t explicit_size;
};
static const struct field_kind asset_kind = {{0x0a, 0x0b}, 33};
static const struct field_kind value_kind = {
	{ELEMENTS_VALUE_COMMITMENT, ELEMENTS_VALUE_COMMITMENT + 1}, 9};
static const struct field_kind nonce_kind = {{0x02, 0x03}, 33};

/* *size: of the whole field. false: no such prefix. */
static bool field_read_prefix(
	enum elements_form *form, size_t *size, const struct field_kind *kind, uint8_t prefix)
{
	if (prefix == PREFIX_NULL) {
		*form = ELEMENTS_NULL;
		*size = 1;
	} else if (prefix == PREFIX_EXPLICIT) {
		*form = ELEMENTS_EXPLICIT;
		*size = kind->explicit_size;
	} else if (prefix == kind->commitment[0] || prefix == kind->commitment[1]) {
		*form = ELEMENTS_COMMITMENT;
		*size = COMMITMENT_SIZE;
	} else {
		return false;
	}
	return true;
}

static enum elements_form field_form(const uint8_t *field, const struct field_kind *kind)
{
	enum elements_form form;
	size_t size;
	CHECK(field_read_prefix(&form, &size, kind, field[0]));
	return form;
}

static struct slice field_bytes(const uint8_t *field, const struct field_kind *kind)
{
	enum elements_form form;
	size_t size;
	CHECK(field_read_prefix(&form, &size, kind, field[0]));
	return slice_of(field, size);
}

enum elements_form elements_asset_form(const struct elements_asset *a)
{
	return field_form(a->b, &asset_kind);
}

enum elements_form elements_value_form(const struct elements_value *v)
{
	return field_form(v->b, &value_kind);
}

enum elements_form elements_nonce_form(const struct elements_nonce *n)
{
	return field_form(n->b, &nonce_kind);
}

struct slice elements_asset_bytes(const struct elements_asset *a)
{
	return field_bytes(a->b, &asset_kind);
}

struct slice elements_value_bytes(const struct elements_value *v)
{
	return field_bytes(v->b, &value_kind);
}

struct slice elements_nonce_bytes(const struct elements_nonce *n)
{
	return field_bytes(n->b, &nonce_kind);
}

struct elements_asset elements_asset_of(const struct hash256 *id)
{
	struct elements_asset a = {{PREFIX_EXPLICIT}};
	memcpy(a.b + 1, id->b, sizeof id->b);
	return a;
}

struct elements_value elements_value_of(struct sat value)
{
	struct elements_value v = {{PREFIX_EXPLICIT}};
	store_be64(v.b + 1, value.raw);
	return v;
}

bool elements_asset_read(struct hash256 *id, const struct elements_asset *a)
{
	if (elements_asset_form(a) != ELEMENTS_EXPLICIT)
		return false;
	memcpy(id->b, a->b + 1, sizeof id->b);
	return true;
}

bool elements_value_read(struct sat *value, const struct elements_value *v)
{
	if (elements_value_form(v) != ELEMENTS_EXPLICIT)
		return false;
	value->raw = load_be64(v->b + 1);
	return true;
}

/* ---- reading ---- */

static enum err take_field(
	struct btc_cursor *c, uint8_t field[ELEMENTS_FIELD_SIZE], const struct field_kind *kind)
{
	enum elements_form form;
	size_t size;
	const uint8_t *prefix = btc_take(c, 1);
	if (prefix == NULL)
		return c->at_end;
	if (!field_read_prefix(&form, &size, kind, *prefix))
		return ERR_FORMAT;
	const uint8_t *rest = btc_take(c, size - 1);
	if (rest == NULL)
		return c->at_end;
	memset(field, 0, ELEMENTS_FIELD_SIZE);
	field[0] = *prefix;
	memcpy(field + 1, rest, size - 1);
	return OK;
}

static enum err take_value(struct btc_cursor *c, struct elements_value *v)
{
	struct sat explicit_value;
	TRY(take_field(c, v->b, &value_kind));
	if (elements_value_read(&explicit_value, v) && explicit_value.raw > SAT_MAX_RAW)
		return ERR_RANGE;
	return OK;
}

static enum err take_hash(struct btc_cursor *c, struct hash256 *out)
{
	const uint8_t *bytes = btc_take(c, sizeof out->b);
	if (bytes == NULL)
		return c->at_end;
	memcpy(out->b, bytes, sizeof out->b);
	return OK;
}

static enum err take_issuance(struct btc_cursor *c, struct elements_issuance *issuance)
{
	TRY(take_hash(c, &issuance->nonce));
	TRY(take_hash(c, &issuance->entropy));
	TRY(take_value(c, &issuance->amount));
	TRY(take_value(c, &issuance->tokens));
	/* of nothing: Elements would write the input without it */
	return elements_value_form(&issuance->amount) == ELEMENTS_NULL &&
			elements_value_form(&issuance->tokens) == ELEMENTS_NULL
		? ERR_FORMAT
		: OK;
}

static enum err take_input(struct btc_cursor *c, struct elements_txin *in)
{
	uint32_t index;
	*in = (struct elements_txin){0};
	TRY(take_hash(c, &in->prev.txid));
	TRY(btc_take_le32(c, &index));
	const bool flags = index != INDEX_COINBASE;
	in->prev.index = flags ? index & INDEX_MASK : index;
	in->issues = flags && (index & ISSUES_FLAG) != 0;
	in->pegin = flags && (index & PEGIN_FLAG) != 0;
	TRY(btc_take_bytes(c, &in->script_sig));
	TRY(btc_take_le32(c, &in->sequence));
	return in->issues ? take_issuance(c, &in->issuance) : OK;
}

static enum err take_output(struct btc_cursor *c, struct elements_txout *out)
{
	*out = (struct elements_txout){0};
	TRY(take_field(c, out->asset.b, &asset_kind));
	TRY(take_value(c, &out->value));
	TRY(take_field(c, out->nonce.b, &nonce_kind));
	TRY(btc_take_bytes(c, &out->script));
	return elements_asset_form(&out->asset) == ELEMENTS_NULL ||
			elements_value_form(&out->value) == ELEMENTS_NULL
		? ERR_FORMAT
		: OK;
}

/* Both counts are of something: a transaction has an input and an output. */
static enum err take_things_count(
	struct btc_cursor *c, uint32_t *count, uint32_t size_min, uint32_t max)
{
	TRY(btc_take_count(c, count, size_min));
	if (*count == 0)
		return ERR_FORMAT;
	return *count > max ? ERR_FULL : OK;
}

static bool input_has_witness(const struct elements_txin *in)
{
	return in->issuance.amount_proof.len > 0 || in->issuance.tokens_proof.len > 0 ||
		btc_stack_any(in->witness) || btc_stack_any(in->pegin_witness);
}

static bool tx_has_witness(const struct elements_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (input_has_witness(&tx->in[i]))
			return true;
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (tx->out[i].surjection_proof.len > 0 || tx->out[i].range_proof.len > 0)
			return true;
	return false;
}

static enum err take_witnesses(struct btc_cursor *c, const struct elements_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_count; i++) {
		struct elements_txin *in = &tx->in[i];
		TRY(btc_take_bytes(c, &in->issuance.amount_proof));
		TRY(btc_take_bytes(c, &in->issuance.tokens_proof));
		TRY(btc_take_stack(c, &in->witness));
		TRY(btc_take_stack(c, &in->pegin_witness));
	}
	for (uint32_t i = 0; i < tx->out_count; i++) {
		TRY(btc_take_bytes(c, &tx->out[i].surjection_proof));
		TRY(btc_take_bytes(c, &tx->out[i].range_proof));
	}
	/* witnesses without content would be a second encoding of the same transaction */
	return tx_has_witness(tx) ? OK : ERR_FORMAT;
}

static enum err take_tx(
	struct btc_cursor *c, struct elements_tx *tx, uint32_t in_max, uint32_t out_max)
{
	TRY(btc_take_le32(c, &tx->version));
	const uint8_t *flags = btc_take(c, 1);
	if (flags == NULL)
		return c->at_end;
	if (*flags != 0 && *flags != FLAG_WITNESS)
		return ERR_FORMAT;
	TRY(take_things_count(c, &tx->in_count, INPUT_SIZE_MIN, in_max));
	for (uint32_t i = 0; i < tx->in_count; i++)
		TRY(take_input(c, &tx->in[i]));
	TRY(take_things_count(c, &tx->out_count, OUTPUT_SIZE_MIN, out_max));
	for (uint32_t i = 0; i < tx->out_count; i++)
		TRY(take_output(c, &tx->out[i]));
	TRY(btc_take_le32(c, &tx->locktime));
	return *flags == FLAG_WITNESS ? take_witnesses(c, tx) : OK;
}

enum err elements_tx_parse(
	struct elements_tx *tx, size_t *used, uint32_t in_max, uint32_t out_max, struct slice in)
{
	struct btc_cursor c;
	btc_cursor_init(&c, in);
	struct elements_tx parsed = {.in = tx->in, .out = tx->out};
	TRY(take_tx(&c, &parsed, in_max, out_max));
	*tx = parsed;
	*used = btc_cursor_used(&c);
	return OK;
}

/* ---- writing ---- */

void elements_sink_issuance(struct btc_sink *s, const struct elements_issuance *issuance)
{
	btc_sink_put(s, slice_of(issuance->nonce.b, sizeof issuance->nonce.b));
	btc_sink_put(s, slice_of(issuance->entropy.b, sizeof issuance->entropy.b));
	btc_sink_put(s, elements_value_bytes(&issuance->amount));
	btc_sink_put(s, elements_value_bytes(&issuance->tokens));
}

void elements_sink_issuance_proofs(struct btc_sink *s, const struct elements_issuance *issuance)
{
	btc_sink_bytes(s, issuance->amount_proof);
	btc_sink_bytes(s, issuance->tokens_proof);
}

void elements_sink_txout(struct btc_sink *s, const struct elements_txout *out)
{
	btc_sink_put(s, elements_asset_bytes(&out->asset));
	btc_sink_put(s, elements_value_bytes(&out->value));
	btc_sink_put(s, elements_nonce_bytes(&out->nonce));
	btc_sink_bytes(s, out->script);
}

void elements_sink_txout_proofs(struct btc_sink *s, const struct elements_txout *out)
{
	btc_sink_bytes(s, out->surjection_proof);
	btc_sink_bytes(s, out->range_proof);
}

static void put_input(struct btc_sink *s, const struct elements_txin *in)
{
	const uint32_t flags = (in->issues ? ISSUES_FLAG : 0) | (in->pegin ? PEGIN_FLAG : 0);
	CHECK(in->prev.index <= INDEX_MASK || in->prev.index == INDEX_COINBASE);
	/* all bits at once are a coinbase's index, which has no flags */
	CHECK(flags == 0 || (in->prev.index | flags) != INDEX_COINBASE);
	btc_sink_put(s, slice_of(in->prev.txid.b, sizeof in->prev.txid.b));
	btc_sink_le32(s, in->prev.index | flags);
	btc_sink_bytes(s, in->script_sig);
	btc_sink_le32(s, in->sequence);
	if (in->issues)
		elements_sink_issuance(s, &in->issuance);
}

static void put_tx(struct btc_sink *s, const struct elements_tx *tx, bool with_witness)
{
	const bool witness = with_witness && tx_has_witness(tx);
	btc_sink_le32(s, tx->version);
	btc_sink_u8(s, witness ? FLAG_WITNESS : 0);
	btc_sink_compact(s, tx->in_count);
	for (uint32_t i = 0; i < tx->in_count; i++)
		put_input(s, &tx->in[i]);
	btc_sink_compact(s, tx->out_count);
	for (uint32_t i = 0; i < tx->out_count; i++)
		elements_sink_txout(s, &tx->out[i]);
	btc_sink_le32(s, tx->locktime);
	if (!witness)
		return;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		elements_sink_issuance_proofs(s, &tx->in[i].issuance);
		btc_sink_stack(s, tx->in[i].witness);
		btc_sink_stack(s, tx->in[i].pegin_witness);
	}
	for (uint32_t i = 0; i < tx->out_count; i++)
		elements_sink_txout_proofs(s, &tx->out[i]);
}

void elements_tx_put(struct buf *out, const struct elements_tx *tx)
{
	struct btc_sink s = {.buf = out};
	put_tx(&s, tx, true);
}

void elements_tx_put_stripped(struct buf *out, const struct elements_tx *tx)
{
	struct btc_sink s = {.buf = out};
	put_tx(&s, tx, false);
}

static void tx_hash(struct hash256 *out, const struct elements_tx *tx, bool with_witness)
{
	struct sha256_stream hash;
	struct btc_sink s = {.hash = &hash};
	struct hash256 inner;
	sha256_begin(&hash);
	put_tx(&s, tx, with_witness);
	sha256_end(&inner, &hash);
	sha256(out, slice_of(inner.b, sizeof inner.b));
}

void elements_tx_id(struct hash256 *out, const struct elements_tx *tx)
{
	tx_hash(out, tx, false);
}

void elements_tx_wtxid(struct hash256 *out, const struct elements_tx *tx)
{
	tx_hash(out, tx, true);
}

/* ---- sizes ---- */

uint64_t elements_tx_weight(const struct elements_tx *tx)
{
	struct btc_sink stripped = {0};
	struct btc_sink total = {0};
	put_tx(&stripped, tx, false);
	put_tx(&total, tx, true);
	return (WITNESS_SCALE - 1) * stripped.size + total.size;
}

uint64_t elements_tx_vsize(const struct elements_tx *tx)
{
	return (elements_tx_weight(tx) + WITNESS_SCALE - 1) / WITNESS_SCALE;
}

/* What an output weighs more than if it were explicit: its proofs but for their two empty lengths,
 * a commitment in place of a number, a nonce in place of none. */
static uint64_t output_excess(const struct elements_txout *out, bool witness)
{
	struct btc_sink proofs = {0};
	uint64_t excess = 0;
	elements_sink_txout_proofs(&proofs, out);
	if (witness)
		excess += proofs.size - 2;
	if (elements_value_form(&out->value) == ELEMENTS_COMMITMENT)
		excess += WITNESS_SCALE * (COMMITMENT_SIZE - value_kind.explicit_size);
	if (elements_nonce_form(&out->nonce) == ELEMENTS_COMMITMENT)
		excess += WITNESS_SCALE * (COMMITMENT_SIZE - 1);
	return excess;
}

uint64_t elements_tx_discount_weight(const struct elements_tx *tx)
{
	const bool witness = tx_has_witness(tx);
	uint64_t weight = elements_tx_weight(tx);
	for (uint32_t i = 0; i < tx->out_count; i++)
		weight -= output_excess(&tx->out[i], witness);
	return weight;
}

uint64_t elements_tx_discount_vsize(const struct elements_tx *tx)
{
	return (elements_tx_discount_weight(tx) + WITNESS_SCALE - 1) / WITNESS_SCALE;
}

bool elements_tx_is_coinbase(const struct elements_tx *tx)
{
	return tx->in_count == 1 && hash256_is_zero(&tx->in[0].prev.txid) &&
		tx->in[0].prev.index == INDEX_COINBASE;
}

bool elements_txout_is_fee(const struct elements_txout *out)
{
	return out->script.len == 0 && elements_asset_form(&out->asset) == ELEMENTS_EXPLICIT &&
		elements_value_form(&out->value) == ELEMENTS_EXPLICIT;
}
