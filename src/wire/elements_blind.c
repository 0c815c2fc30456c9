#include "wire/elements_blind.h"

#include "crypto/hash.h"

#define OP_RETURN 0x6au
#define SCRIPT_MAX 10000u /* longer ones can't be spent */

static bool is_unspendable(struct slice script)
{
	return script.len > SCRIPT_MAX || (script.len > 0 && script.ptr[0] == OP_RETURN);
}

/* What a proof is good for beside its output's commitments: an empty script is one, too. */
static struct slice extra_of(const struct elements_txout *o)
{
	return slice_of(o->script.len == 0 ? o->asset.b : o->script.ptr, o->script.len);
}

/* ---- fields as points ---- */

/* The field that was read last, since most of a transaction are alike. */
struct generator {
	struct elements_asset field;
	struct point point;
};

static enum err read_generator(struct generator *g, const struct elements_asset *a)
{
	struct hash256 id;
	struct point read;
	if (memcmp(&g->field, a, sizeof *a) == 0)
		return OK;
	if (elements_asset_read(&id, a))
		TRY(asset_generator(&read, &id));
	else
		TRY(commitment_read(&read, COMMITMENT_ASSET, a->b));
	*g = (struct generator){*a, read};
	return OK;
}

/* The amount as a point of the asset's. some false: explicitly nothing. */
static enum err read_value(
	struct point_sum *out, const struct elements_value *v, const struct point *generator)
{
	static const struct scalar zero;
	struct sat value;
	out->some = true;
	if (!elements_value_read(&value, v))
		return commitment_read(&out->point, COMMITMENT_VALUE, v->b);
	out->some = value.raw > 0;
	return out->some ? value_commit(&out->point, value.raw, generator, &zero) : OK;
}

static void add(struct point_sum *sum, const struct point_sum *more)
{
	if (more->some)
		point_sum_add(sum, &more->point);
}

static enum err statement_of(struct range_statement *st, const struct elements_txout *o)
{
	TRY(commitment_read(&st->generator, COMMITMENT_ASSET, o->asset.b));
	TRY(commitment_read(&st->value, COMMITMENT_VALUE, o->value.b));
	st->extra = extra_of(o);
	return OK;
}

enum err elements_commit(struct elements_txout *out, const struct elements_opening *opening)
{
	struct point generator, value;
	TRY(asset_blind(&generator, &opening->asset, &opening->asset_blinder));
	TRY(value_commit(&value, opening->value.raw, &generator, &opening->value_blinder));
	commitment_write(out->asset.b, COMMITMENT_ASSET, &generator);
	commitment_write(out->value.b, COMMITMENT_VALUE, &value);
	return OK;
}

struct elements_opening elements_opening_of(
	const struct hash256 *asset, struct sat value, const struct blinders *hidden)
{
	struct elements_opening o = {.asset = *asset, .value = value};
	memcpy(o.asset_blinder.b, hidden->asset, sizeof hidden->asset);
	memcpy(o.value_blinder.b, hidden->value, sizeof hidden->value);
	return o;
}

struct blinders elements_blinders_of(const struct elements_opening *o)
{
	struct blinders hidden;
	memcpy(hidden.asset, o->asset_blinder.b, sizeof hidden.asset);
	memcpy(hidden.value, o->value_blinder.b, sizeof hidden.value);
	return hidden;
}

enum err elements_spent(struct elements_txout *out, const struct elements_opening *opening)
{
	const struct blinders hidden = elements_blinders_of(opening);
	struct scalar read;
	if (!blinders_any(&hidden)) {
		out->asset = elements_asset_of(&opening->asset);
		out->value = elements_value_of(opening->value);
		return OK;
	}
	if (!scalar_read(&read, hidden.asset) || !scalar_read(&read, hidden.value))
		return ERR_FORMAT;
	return elements_commit(out, opening);
}

/* ---- opening ---- */

static enum err nonce_of(struct hash256 *out, const struct seckey *key, const uint8_t point[33])
{
	struct pubkey other;
	struct hash256 shared;
	memcpy(other.b, point, sizeof other.b);
	if (!point_shared(&shared, key, &other))
		return ERR_FORMAT;
	sha256(out, slice_of(shared.b, sizeof shared.b));
	bytes_wipe(&shared, sizeof shared);
	return OK;
}

enum err elements_open(
	struct elements_opening *out, const struct elements_txout *output, const struct seckey *key)
{
	struct elements_opening found = {.value = {0}};
	struct range_statement st;
	struct range_opening opening;
	struct hash256 nonce;
	struct elements_txout again = *output;

	if (elements_asset_read(&found.asset, &output->asset) &&
		elements_value_read(&found.value, &output->value)) {
		*out = found;
		return OK;
	}
	if (elements_asset_form(&output->asset) != ELEMENTS_COMMITMENT ||
		elements_value_form(&output->value) != ELEMENTS_COMMITMENT ||
		elements_nonce_form(&output->nonce) != ELEMENTS_COMMITMENT)
		return ERR_FORMAT;
	TRY(statement_of(&st, output));
	TRY(nonce_of(&nonce, key, output->nonce.b));
	TRY(range_open(&opening, &st, output->range_proof, &nonce));
	found.value.raw = opening.value;
	found.value_blinder = opening.blinder;
	memcpy(found.asset.b, opening.message, sizeof found.asset.b);
	if (found.value.raw > SAT_MAX_RAW ||
		!scalar_read(&found.asset_blinder, opening.message + sizeof found.asset.b))
		return ERR_FORMAT;
	/* who made it may have written any asset into the proof: the commitment says which it is */
	TRY(elements_commit(&again, &found));
	if (memcmp(&again.asset, &output->asset, sizeof again.asset) != 0 ||
		memcmp(&again.value, &output->value, sizeof again.value) != 0)
		return ERR_CHECKSUM;
	*out = found;
	return OK;
}

/* ---- blinding ---- */

struct blinding {
	struct elements_tx *tx;
	struct buf *proofs;
	const struct elements_opening *in;
	const struct hash256 *seed;
	struct point input[SURJECTION_INPUTS_MAX]; /* generators */
	struct scalar rest; /* what the last output's blinder has to be, so that all cancel out */
	uint32_t left;      /* outputs still to be blinded */
};

/* A secret number of output `index`; never zero, and below the order. */
static void draw(struct scalar *out, const struct blinding *b, uint32_t index, uint8_t what)
{
	uint8_t where[5] = {what};
	struct hash256 hash;
	const struct slice part[] = {
		slice_of(b->seed->b, sizeof b->seed->b), slice_of(where, sizeof where)};
	store_le32(where + 1, index);
	tagged_hash_parts(&hash, "sluice/elements/blind", part, ARRAY_LEN(part));
	CHECK(scalar_read(out, hash.b) && !scalar_is_zero(out)); /* but for 2^-128 */
	bytes_wipe(&hash, sizeof hash);
}

/* value * asset_blinder + value_blinder: how much of G is in a commitment. */
static void blinders_of(struct scalar *out, const struct elements_opening *o)
{
	const struct scalar value = scalar_of(o->value.raw);
	scalar_mul(out, &value, &o->asset_blinder);
	scalar_add(out, out, &o->value_blinder);
}

static bool to_blind(const struct elements_txout *o)
{
	return elements_nonce_form(&o->nonce) == ELEMENTS_COMMITMENT &&
		elements_asset_form(&o->asset) == ELEMENTS_EXPLICIT &&
		elements_value_form(&o->value) == ELEMENTS_EXPLICIT;
}

static struct slice keep(struct buf *proofs, const uint8_t *bytes, size_t len)
{
	const size_t at = proofs->len;
	buf_put(proofs, bytes, len);
	return proofs->overflow ? slice_of(bytes, 0) : slice_of(proofs->ptr + at, len);
}

static enum err prove_range(struct blinding *b, struct elements_txout *o,
	const struct elements_opening *opening, const struct hash256 *nonce)
{
	uint8_t proof[RANGE_PROOF_SIZE];
	size_t len;
	struct range_statement st;
	struct range_opening range = {
		.value = opening->value.raw, .blinder = opening->value_blinder};
	memcpy(range.message, opening->asset.b, sizeof opening->asset.b);
	memcpy(range.message + sizeof opening->asset.b, opening->asset_blinder.b, 32);
	TRY(statement_of(&st, o));
	TRY(range_prove(proof, &len, &st, &range, is_unspendable(o->script) ? 0 : 1, nonce));
	o->range_proof = keep(b->proofs, proof, len);
	return OK;
}

static enum err prove_surjection(
	struct blinding *b, struct elements_txout *o, const struct elements_opening *opening)
{
	uint8_t proof[SURJECTION_PROOF_SIZE];
	size_t len;
	struct point output;
	struct scalar difference;
	uint32_t from = 0;
	while (from < b->tx->in_count && !hash256_eq(&b->in[from].asset, &opening->asset))
		from++;
	if (from == b->tx->in_count)
		return ERR_NOT_FOUND;
	scalar_sub(&difference, &opening->asset_blinder, &b->in[from].asset_blinder);
	TRY(commitment_read(&output, COMMITMENT_ASSET, o->asset.b));
	TRY(surjection_prove(proof, &len, b->input, b->tx->in_count, &output, from, &difference));
	o->surjection_proof = keep(b->proofs, proof, len);
	return OK;
}

static enum err blind_output(struct blinding *b, uint32_t index)
{
	struct elements_txout *o = &b->tx->out[index];
	struct elements_opening opening;
	struct scalar ephemeral, part;
	struct seckey secret;
	struct pubkey point;
	struct hash256 nonce;

	CHECK(elements_asset_read(&opening.asset, &o->asset) &&
		elements_value_read(&opening.value, &o->value));
	if (opening.value.raw == 0 && !is_unspendable(o->script))
		return ERR_RANGE;
	draw(&opening.asset_blinder, b, index, 'a');
	draw(&ephemeral, b, index, 'e');
	if (--b->left > 0) {
		draw(&opening.value_blinder, b, index, 'v');
		blinders_of(&part, &opening);
		scalar_sub(&b->rest, &b->rest, &part);
	} else {
		opening.value_blinder = (struct scalar){{0}};
		blinders_of(&part, &opening);
		scalar_sub(&opening.value_blinder, &b->rest, &part);
	}
	memcpy(secret.b, ephemeral.b, sizeof secret.b);
	TRY(nonce_of(&nonce, &secret, o->nonce.b));
	TRY(pubkey_from_seckey(&point, &secret));
	memcpy(o->nonce.b, point.b, sizeof point.b);
	TRY(elements_commit(o, &opening));
	TRY(prove_range(b, o, &opening, &nonce));
	return prove_surjection(b, o, &opening);
}

enum err elements_blind(struct elements_tx *tx, struct buf *proofs,
	const struct elements_opening *in, const struct hash256 *seed)
{
	struct blinding b = {.tx = tx, .proofs = proofs, .in = in, .seed = seed};
	bool input_blinded = false;

	if (tx->in_count > SURJECTION_INPUTS_MAX)
		return ERR_RANGE;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		struct scalar part;
		TRY(asset_blind(&b.input[i], &in[i].asset, &in[i].asset_blinder));
		blinders_of(&part, &in[i]);
		scalar_add(&b.rest, &b.rest, &part);
		input_blinded = input_blinded || !scalar_is_zero(&in[i].asset_blinder) ||
			!scalar_is_zero(&in[i].value_blinder);
	}
	for (uint32_t i = 0; i < tx->out_count; i++)
		b.left += to_blind(&tx->out[i]);
	if (b.left == 0 || (b.left == 1 && !input_blinded))
		return ERR_STATE;
	for (uint32_t i = 0; i < tx->out_count; i++)
		if (to_blind(&tx->out[i]))
			TRY(blind_output(&b, i));
	return proofs->overflow ? ERR_FULL : OK;
}

/* ---- checking ---- */

static enum err check_output(const struct elements_txout *o, const struct point *generator,
	const struct point *input, uint32_t input_count)
{
	struct range_statement st;
	uint64_t least;
	if (elements_asset_form(&o->asset) == ELEMENTS_COMMITMENT)
		TRY(surjection_verify(o->surjection_proof, input, input_count, generator));
	else if (o->surjection_proof.len > 0)
		return ERR_CHECKSUM;
	if (elements_value_form(&o->value) != ELEMENTS_COMMITMENT)
		return o->range_proof.len > 0 ? ERR_CHECKSUM : OK;
	st.generator = *generator;
	st.extra = extra_of(o);
	TRY(commitment_read(&st.value, COMMITMENT_VALUE, o->value.b));
	TRY(range_verify(&least, &st, o->range_proof));
	return least == 0 && !is_unspendable(o->script) ? ERR_CHECKSUM : OK;
}

/* Every way in which it can be wrong is one: it makes money of nothing. */
static enum err check_balance(const struct elements_tx *tx, const struct elements_txout *spent)
{
	struct point input[SURJECTION_INPUTS_MAX];
	struct point_sum in = {.some = false}, out = {.some = false}, value;
	struct generator g = {.field = {{0}}};

	if (tx->in_count > SURJECTION_INPUTS_MAX)
		return ERR_CHECKSUM;
	for (uint32_t i = 0; i < tx->in_count; i++) {
		TRY(read_generator(&g, &spent[i].asset));
		input[i] = g.point;
		TRY(read_value(&value, &spent[i].value, &g.point));
		add(&in, &value);
	}
	for (uint32_t i = 0; i < tx->out_count; i++) {
		TRY(read_generator(&g, &tx->out[i].asset));
		TRY(read_value(&value, &tx->out[i].value, &g.point));
		add(&out, &value);
	}
	if (in.some != out.some || (in.some && !point_eq(&in.point, &out.point)))
		return ERR_CHECKSUM;
	for (uint32_t i = 0; i < tx->out_count; i++) {
		TRY(read_generator(&g, &tx->out[i].asset));
		TRY(check_output(&tx->out[i], &g.point, input, tx->in_count));
	}
	return OK;
}

enum err elements_check_balance(const struct elements_tx *tx, const struct elements_txout *spent)
{
	for (uint32_t i = 0; i < tx->in_count; i++)
		if (tx->in[i].issues || tx->in[i].pegin)
			return ERR_STATE;
	return check_balance(tx, spent) == OK ? OK : ERR_CHECKSUM;
}
