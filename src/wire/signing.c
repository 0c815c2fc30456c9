#include "wire/signing.h"

#include "crypto/hash.h"
#include "wire/elements_address.h"
#include "wire/elements_build.h"

/* Encodings of requests and answers. The first byte is the version of the encoding; everything is
 * little-endian and in the order of the structures. A request has only the parts that its network's
 * family has, so that there is one encoding of each request. */
#define REQUEST_VERSION 1u
#define REQUEST_VERSION_MANY 2u /* behind the first payee's amount come the others */
/* Behind each input whether it is confidential, and its blinders where it is: one of them is. */
#define REQUEST_VERSION_HIDDEN 3u
#define REQUEST_VERSION_HIDDEN_MANY 4u
#define ANSWER_VERSION 1u
#define CAIP2_MAX 64u

_Static_assert(
	SIGNING_DESTINATION_MAX == ELEMENTS_DESTINATION_MAX, "payouts go to what has an address");
_Static_assert(1 + 4 + 4 + 160 + 4 + BTC_INPUT_MAX * 65 <= SIGNING_ANSWER_MAX, "an answer fits");
_Static_assert(SIGNING_TX_MAX + SIGNING_LEG_MAX + CAIP2_MAX +
			BTC_PAYEE_MAX * (SIGNING_DESTINATION_MAX + 4 + 16) +
			BTC_INPUT_MAX * (8 + 34 + KEY_PATH_SIZE + 1 + 2 * BLINDER_SIZE) + 512 <=
		SIGNING_REQUEST_MAX,
	"a request fits");

/* Which purposes there are, and on which family of networks. */
static const struct {
	bool known, utxo, account;
} purposes[] = {
	[SIGN_PAYOUT] = {true, true, true},
	[SIGN_LOCK] = {true, true, true},
	[SIGN_CLAIM] = {true, true, true},
	[SIGN_REFUND] = {true, true, true},
	[SIGN_NONCE_FILL] = {true, true, true},
	[SIGN_DEPLOY] = {true, false, true},
	[SIGN_APPROVE] = {true, false, true},
};

static bool is_utxo(const struct network *network)
{
	return layer_family(network->layer) == FAMILY_UTXO;
}

/* ---- requests ---- */

static void put_payee(struct buf *out, const struct sign_payee *p)
{
	uint8_t amount[16];
	amount_store(amount, p->amount);
	buf_bytes32(out, p->to);
	buf_put(out, amount, sizeof amount);
}

struct sign_payee signing_payee(const struct signing_request *r, uint32_t i)
{
	CHECK(i <= r->more_count && r->more_count < BTC_PAYEE_MAX);
	return i == 0 ? (struct sign_payee){.to = r->to, .amount = r->amount} : r->more[i - 1];
}

static bool spends_hidden(const struct signing_request *r)
{
	bool hidden = false;
	for (uint32_t i = 0; is_utxo(r->network) && i < r->input_count; i++)
		hidden = hidden || blinders_any(&r->input[i].hidden);
	return hidden;
}

static void put_hidden(struct buf *out, const struct blinders *hidden)
{
	buf_u8(out, blinders_any(hidden));
	if (!blinders_any(hidden))
		return;
	buf_put(out, hidden->asset, sizeof hidden->asset);
	buf_put(out, hidden->value, sizeof hidden->value);
}

static enum err get_hidden(struct reader *in, struct blinders *hidden)
{
	const uint8_t flag = reader_u8(in);
	if (flag > 1)
		return ERR_FORMAT;
	if (flag == 0)
		return OK;
	reader_copy(in, hidden->asset, sizeof hidden->asset);
	reader_copy(in, hidden->value, sizeof hidden->value);
	return in->failed ? ERR_SHORT : blinders_any(hidden) ? OK : ERR_FORMAT;
}

static uint8_t version_of(const struct signing_request *r)
{
	if (spends_hidden(r))
		return r->more_count > 0 ? REQUEST_VERSION_HIDDEN_MANY : REQUEST_VERSION_HIDDEN;
	return r->more_count > 0 ? REQUEST_VERSION_MANY : REQUEST_VERSION;
}

void signing_request_put(struct buf *out, const struct signing_request *r)
{
	const bool hidden = spends_hidden(r);
	const struct sign_payee first = signing_payee(r, 0);
	buf_u8(out, version_of(r));
	buf_put(out, r->session.b, sizeof r->session.b);
	buf_le32(out, r->variant);
	buf_u8(out, (uint8_t)r->purpose);
	buf_bytes32(out, slice_str(r->network->caip2));
	buf_bytes32(out, r->unsigned_tx);
	if (is_utxo(r->network)) {
		CHECK(r->input_count <= BTC_INPUT_MAX);
		buf_le32(out, r->input_count);
		for (uint32_t i = 0; i < r->input_count; i++) {
			buf_le64(out, r->input[i].value.raw);
			buf_put(out, r->input[i].script, sizeof r->input[i].script);
			key_path_put(out, &r->input[i].key);
			if (hidden)
				put_hidden(out, &r->input[i].hidden);
		}
	} else {
		key_path_put(out, &r->account);
	}
	key_path_put(out, &r->change);
	buf_put(out, r->swap.b, sizeof r->swap.b);
	buf_bytes32(out, r->leg);
	buf_put(out, r->preimage.b, sizeof r->preimage.b);
	put_payee(out, &first);
	if (r->more_count > 0)
		buf_le32(out, r->more_count);
	for (uint32_t i = 0; i < r->more_count; i++)
		put_payee(out, &r->more[i]);
}

static enum err get_path(struct reader *in, struct key_path *path, enum layer_id layer)
{
	TRY(key_path_get(in, path));
	return path->layer == layer ? OK : ERR_FORMAT;
}

static enum err get_inputs(struct reader *in, struct signing_request *r, bool hidden)
{
	r->input_count = reader_le32(in);
	if (in->failed)
		return ERR_SHORT;
	if (r->input_count == 0 || r->input_count > BTC_INPUT_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < r->input_count; i++) {
		struct sign_input *input = &r->input[i];
		input->value.raw = reader_le64(in);
		reader_copy(in, input->script, sizeof input->script);
		TRY(get_path(in, &input->key, r->network->layer));
		if (input->value.raw > SAT_MAX_RAW)
			return ERR_RANGE;
		if (hidden)
			TRY(get_hidden(in, &input->hidden));
	}
	if (in->failed)
		return ERR_SHORT;
	return hidden && !spends_hidden(r) ? ERR_FORMAT : OK;
}

/* Bytes with their length in front; a length over the bound can't become right with more input. */
static enum err get_bytes(struct reader *in, struct slice *out, size_t len_max)
{
	if (!in->failed && in->left >= 4 && load_le32(in->ptr) > len_max)
		return ERR_FORMAT;
	*out = reader_bytes32(in, len_max);
	return in->failed ? ERR_SHORT : OK;
}

static enum err get_payee(struct reader *in, struct sign_payee *p, enum asset asset)
{
	uint8_t amount[16];
	TRY(get_bytes(in, &p->to, SIGNING_DESTINATION_MAX));
	reader_copy(in, amount, sizeof amount);
	p->amount = amount_load(asset, amount);
	return in->failed ? ERR_SHORT : OK;
}

/* All of them have one range: each amount is of the layer's asset. */
static enum err get_payees(struct reader *in, struct signing_request *r, bool many)
{
	const enum asset asset = layer_asset(r->network->layer);
	struct sign_payee first;
	TRY(get_payee(in, &first, asset));
	r->to = first.to;
	r->amount = first.amount;
	if (!many)
		return OK;
	r->more_count = reader_le32(in);
	if (in->failed)
		return ERR_SHORT;
	if (r->more_count == 0 || r->more_count >= BTC_PAYEE_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < r->more_count; i++)
		TRY(get_payee(in, &r->more[i], asset));
	return OK;
}

/* Session to network; *many: the request has more payees than one; *hidden: it spends confidential
 * coins. */
static enum err get_head(struct reader *in, struct signing_request *r, bool *many, bool *hidden)
{
	struct slice caip2;
	const uint8_t version = reader_u8(in);
	reader_copy(in, r->session.b, sizeof r->session.b);
	r->variant = reader_le32(in);
	const uint8_t purpose = reader_u8(in);
	if (in->failed)
		return ERR_SHORT;
	*hidden = version == REQUEST_VERSION_HIDDEN || version == REQUEST_VERSION_HIDDEN_MANY;
	*many = version == REQUEST_VERSION_MANY || version == REQUEST_VERSION_HIDDEN_MANY;
	if ((version != REQUEST_VERSION && !*many && !*hidden) || purpose >= ARRAY_LEN(purposes) ||
		!purposes[purpose].known || (*many && purpose != SIGN_PAYOUT))
		return ERR_FORMAT;
	TRY(get_bytes(in, &caip2, CAIP2_MAX));
	r->purpose = (enum sign_purpose)purpose;
	r->network = network_by_caip2(caip2);
	if (r->network == NULL)
		return ERR_FORMAT;
	const bool fits = is_utxo(r->network) ? purposes[purpose].utxo
					      : purposes[purpose].account && !*many;
	return fits && (!*hidden || r->network->layer == LAYER_LIQUID) ? OK : ERR_FORMAT;
}

enum err signing_request_parse(struct signing_request *out, struct slice in)
{
	struct reader reader = reader_init(in);
	struct signing_request r = {0};
	bool many, hidden;

	TRY(get_head(&reader, &r, &many, &hidden));
	TRY(get_bytes(&reader, &r.unsigned_tx, SIGNING_TX_MAX));
	if (is_utxo(r.network))
		TRY(get_inputs(&reader, &r, hidden));
	else
		TRY(get_path(&reader, &r.account, r.network->layer));
	TRY(get_path(&reader, &r.change, r.network->layer));
	reader_copy(&reader, r.swap.b, sizeof r.swap.b);
	TRY(get_bytes(&reader, &r.leg, SIGNING_LEG_MAX));
	reader_copy(&reader, r.preimage.b, sizeof r.preimage.b);
	TRY(get_payees(&reader, &r, many));
	TRY(reader_finish(&reader));
	for (uint32_t i = 0; i <= r.more_count; i++) {
		const struct amount amount = signing_payee(&r, i).amount;
		if (amount_cmp(amount, amount_max(amount.asset)) > 0)
			return ERR_RANGE;
	}
	*out = r;
	return OK;
}

void signing_request_digest(struct hash256 *out, struct slice encoded)
{
	tagged_hash(out, "sluice/signing-request", encoded);
}

void signing_blind_seed(
	struct hash256 *out, const struct signing_request *r, const struct pubkey *wallet)
{
	uint8_t variant[4];
	const struct slice part[] = {slice_of(wallet->b, sizeof wallet->b),
		slice_of(r->session.b, sizeof r->session.b), slice_of(variant, sizeof variant),
		r->unsigned_tx};
	store_le32(variant, r->variant);
	tagged_hash_parts(out, "sluice/signing/blind", part, ARRAY_LEN(part));
}

/* ---- answers ---- */

/* One line of text: it goes into logs and into answers. */
static bool is_text(uint8_t c)
{
	return c >= 0x20 && c != 0x7f;
}

static void put_detail(struct buf *out, const struct signing_answer *a)
{
	uint8_t text[sizeof a->detail];
	const size_t len = strnlen(a->detail, sizeof a->detail - 1);
	for (size_t i = 0; i < len; i++)
		text[i] = is_text((uint8_t)a->detail[i]) ? (uint8_t)a->detail[i] : '?';
	buf_bytes32(out, slice_of(text, len));
}

void signing_answer_put(struct buf *out, const struct signing_answer *a)
{
	CHECK(a->signature_count <= BTC_INPUT_MAX && a->err <= OK && a->err >= ERR_CANCELLED);
	buf_u8(out, ANSWER_VERSION);
	buf_le32(out, (uint32_t) - (int32_t)a->err);
	put_detail(out, a);
	buf_le32(out, a->signature_count);
	for (uint32_t i = 0; i < a->signature_count; i++) {
		buf_put(out, a->signature[i].b, sizeof a->signature[i].b);
		buf_u8(out, a->signature[i].recovery_id);
	}
}

enum err signing_answer_parse(struct signing_answer *out, struct slice in)
{
	struct reader r = reader_init(in);
	struct signing_answer a = {0};
	struct slice detail;

	const uint8_t version = reader_u8(&r);
	const uint32_t err = reader_le32(&r);
	if (r.failed)
		return ERR_SHORT;
	if (version != ANSWER_VERSION || err > (uint32_t) - (int32_t)ERR_CANCELLED)
		return ERR_FORMAT;
	a.err = (enum err)(-(int32_t)err);
	TRY(get_bytes(&r, &detail, sizeof a.detail - 1));
	for (size_t i = 0; i < detail.len; i++) {
		if (!is_text(detail.ptr[i]))
			return ERR_FORMAT;
		a.detail[i] = (char)detail.ptr[i];
	}
	a.signature_count = reader_le32(&r);
	if (r.failed)
		return ERR_SHORT;
	if (a.signature_count > BTC_INPUT_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < a.signature_count; i++) {
		reader_copy(&r, a.signature[i].b, sizeof a.signature[i].b);
		a.signature[i].recovery_id = reader_u8(&r);
		if (a.signature[i].recovery_id > 3)
			return ERR_FORMAT;
	}
	TRY(reader_finish(&r));
	*out = a;
	return OK;
}

/* ---- our own keys ---- */

const struct btc_taproot *layer_taproot(enum layer_id layer)
{
	CHECK(layer_family(layer) == FAMILY_UTXO);
	return layer == LAYER_LIQUID ? &elements_taproot : &btc_taproot;
}

const struct btc_sizes *layer_sizes(enum layer_id layer)
{
	CHECK(layer_family(layer) == FAMILY_UTXO);
	return layer == LAYER_LIQUID ? &elements_sizes : &btc_sizes;
}

enum err wallet_script(
	uint8_t script[34], const struct pubkey *wallet, enum layer_id layer, uint32_t key_index)
{
	const struct key_path path = {.use = KEY_WALLET, .layer = layer, .index = key_index};
	struct pubkey key;
	struct xonly internal, output;
	bool odd;
	TRY(derive_pubkey(&key, wallet, &path));
	xonly_from_pubkey(&internal, &odd, &key);
	TRY(taproot_output_key_tagged(
		&output, &odd, &internal, NULL, layer_taproot(layer)->tweak_tag));
	btc_script_p2tr(script, &output);
	return OK;
}

enum err wallet_blinding(
	struct seckey *key, struct pubkey *point, const struct pubkey *wallet, struct slice script)
{
	struct hash256 hash;
	const struct slice part[] = {slice_of(wallet->b, sizeof wallet->b), script};
	tagged_hash_parts(&hash, "sluice/wallet/blinding", part, ARRAY_LEN(part));
	memcpy(key->b, hash.b, sizeof key->b);
	bytes_wipe(&hash, sizeof hash);
	return pubkey_from_seckey(point, key);
}

enum err wallet_destination(
	struct buf *out, const struct pubkey *wallet, enum layer_id layer, uint32_t key_index)
{
	uint8_t script[34];
	struct seckey key;
	struct pubkey point;
	TRY(wallet_script(script, wallet, layer, key_index));
	if (layer == LAYER_LIQUID) {
		TRY(wallet_blinding(&key, &point, wallet, slice_of(script, sizeof script)));
		bytes_wipe(&key, sizeof key);
		buf_put(out, point.b, sizeof point.b);
	}
	buf_put(out, script, sizeof script);
	return out->overflow ? ERR_FULL : OK;
}

enum err wallet_account(struct evm_address *out, const struct pubkey *wallet, enum layer_id layer)
{
	const struct key_path path = {.use = KEY_ACCOUNT, .layer = layer};
	struct pubkey key;
	TRY(derive_pubkey(&key, wallet, &path));
	return evm_address_from_pubkey(out, &key);
}

enum err wallet_swap_key(struct xonly *out, const struct pubkey *wallet, enum layer_id layer,
	const struct id128 *swap)
{
	const struct key_path path = {.use = KEY_SWAP, .layer = layer, .swap = *swap};
	struct pubkey key;
	bool odd;
	TRY(derive_pubkey(&key, wallet, &path));
	xonly_from_pubkey(out, &odd, &key);
	return OK;
}
