/* The rescue file's text. One function writes, one reads; what one writes the other reads back to
 * the same bytes (rescue_test.c). */
#include "client/rescue.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "net/json.h"

#include <stdio.h>
#include <stdlib.h>

#define FORMAT_VERSION 1u

static const char *const purpose_names[] = {[SIGN_PAYOUT] = NULL,
	[SIGN_LOCK] = "lock",
	[SIGN_CLAIM] = "claim",
	[SIGN_REFUND] = "refund",
	[SIGN_NONCE_FILL] = "nonce_fill",
	[SIGN_DEPLOY] = NULL,
	[SIGN_CANCEL] = "cancel",
	[SIGN_APPROVE] = "approve"};
static const char *const side_names[SIDE_COUNT] = {"source", "destination"};

/* ---- writing ---- */

static void set_units(struct json *object, const char *key, struct amount a)
{
	char text[AMOUNT_TEXT_SIZE];
	amount_format_units(text, a);
	json_set_string(object, key, text);
}

static struct json *leg_json(const struct rescue_leg *leg)
{
	struct json *v = json_object();
	json_set_string(v, "layer", layer_name(leg->network->layer));
	json_set_string(v, "network", leg->network->caip2);
	set_units(v, "amount_units", leg->amount);
	json_set_amount(v, "amount", leg->amount);
	json_set_u64(v, "from_height", leg->from_height);
	json_set_hex(v, "terms", "", leg->terms, leg->terms_len);
	json_set_u64(v, "timelock", leg->timelock);
	if (layer_family(leg->network->layer) == FAMILY_ACCOUNT)
		json_set_hex(v, "contract", "0x", leg->contract.b, sizeof leg->contract.b);
	if (layer_gas_apart(leg->network->layer))
		json_set_hex(v, "token", "0x", leg->token.b, sizeof leg->token.b);
	return v;
}

static struct json *tx_json(const struct rescue *r, const struct rescue_tx *tx)
{
	struct json *v = json_object();
	json_set_string(v, "purpose", purpose_names[tx->purpose]);
	json_set_string(v, "side", side_names[tx->side]);
	json_set_hex(v, "txid_internal", "", tx->txid.b, sizeof tx->txid.b);
	if (tx->purpose == SIGN_CLAIM || tx->purpose == SIGN_REFUND) {
		json_set_hex(v, "lock_tx_internal", "", tx->at.tx.b, sizeof tx->at.tx.b);
		json_set_u64(v, "lock_index", tx->at.index);
	}
	if (layer_family(rescue_layer(r, tx->side)) == FAMILY_ACCOUNT) {
		json_set_hex(v, "from", "0x", tx->from.b, sizeof tx->from.b);
		json_set_u64(v, "nonce", tx->nonce);
	}
	json_set_u64(v, "rate", tx->rate);
	json_set_u64(v, "height", tx->height);
	set_units(v, "fee_units", tx->fee);
	json_set_hex(v, "raw", "", tx->raw, tx->raw_len);
	return v;
}

static void put_secrets(struct json *v, const struct rescue *r)
{
	json_set_hex(v, "wallet_key", "", r->wallet.b, sizeof r->wallet.b);
	json_set_hex(v, "preimage", "", r->preimage.b, sizeof r->preimage.b);
	json_set_hex(v, "preimage_hash", "", r->hash.b, sizeof r->hash.b);
	json_set_hex(v, "name", "", r->name.b, sizeof r->name.b);
}

static void put_agreement(struct json *v, const struct rescue *r)
{
	json_set_string(v, "to_address", r->to_address);
	json_set_string(v, "refund_address", r->refund_address);
	if (r->has_gas_account)
		json_set_hex(v, "gas_account", "0x", r->gas_account.b, sizeof r->gas_account.b);
	json_set_string(v, "idempotency_key", r->idempotency_key);
	json_set_string(v, "request", r->request);
	json_set_u64(v, "quote_expires_ms", r->quote_expires_ms);
	if (r->has_swap_id)
		json_set_hex(v, "swap_id", "", r->swap_id.b, sizeof r->swap_id.b);
	json_set_u64(v, "expires_ms", r->expires_ms);
	json_set_string(v, "reason", r->reason);
}

char *rescue_print(const struct rescue *r, size_t *len)
{
	struct json *v = json_object(), *list = json_array(), *settings = json_object();
	struct setting row;

	json_set_u64(v, "sluice_rescue", FORMAT_VERSION);
	json_set_u64(v, "revision", r->revision);
	json_set_string(v, "phase", rescue_phase_name(r->phase));
	json_set_bool(v, "revealed", r->revealed);
	json_set_u64(v, "created_ms", r->created_ms);
	for (unsigned i = 0; i < SIDE_COUNT; i++)
		json_set(v, side_names[i], leg_json(&r->leg[i]));
	set_units(v, "fee_units", r->fee);
	put_secrets(v, r);
	put_agreement(v, r);
	for (uint32_t i = 0; i < r->tx_count; i++)
		json_push(list, tx_json(r, &r->tx[i]));
	json_set(v, "transactions", list);
	for (uint32_t i = 0; setting_at(&row, i); i++)
		if (row.saved && r->settings.value[i][0] != '\0')
			json_set_string(settings, row.name, r->settings.value[i]);
	json_set(v, "settings", settings);
	char *text = json_dump(v, 2, len);
	json_free(v);
	return text;
}

void rescue_text_free(char *text, size_t len)
{
	if (text != NULL)
		bytes_wipe(text, len);
	json_text_free(text);
}

/* ---- reading ---- */

struct reading {
	const struct json *object;
	struct rescue_error *error;
	enum err err; /* the first */
};

static void fail(struct reading *in, enum err err, const char *key)
{
	if (in->err != OK)
		return;
	in->err = err;
	(void)snprintf(in->error->text, sizeof in->error->text, "%s", key);
}

static void get_u64(struct reading *in, const char *key, uint64_t *out)
{
	const struct json *v = json_get(in->object, key);
	if (json_type(v) == JSON_STRING) { /* over INT64_MAX it is written as digits */
		char *end;
		const char *text = (const char *)json_string(v).ptr;
		*out = strtoull(text, &end, 10);
		if (*text == '\0' || *end != '\0')
			fail(in, ERR_FORMAT, key);
	} else if (json_get_u64(in->object, key, out) != OK) {
		fail(in, ERR_FORMAT, key);
	}
}

static void get_bytes(struct reading *in, const char *key, void *out, size_t len)
{
	if (json_get_hex(in->object, key, out, len) != OK)
		fail(in, ERR_FORMAT, key);
}

static void get_text(struct reading *in, const char *key, char *out, size_t size)
{
	const char *text = json_get_string(in->object, key);
	if (text == NULL || strlen(text) >= size)
		fail(in, text == NULL ? ERR_FORMAT : ERR_RANGE, key);
	else
		memcpy(out, text, strlen(text) + 1);
}

static void get_units(struct reading *in, const char *key, enum asset asset, struct amount *out)
{
	const char *text = json_get_string(in->object, key);
	if (text == NULL || amount_parse_units(out, asset, slice_str(text)) != OK)
		fail(in, ERR_FORMAT, key);
}

/* file: where files of before had the contract. */
static void get_leg(struct reading *in, struct reading *file, struct rescue_leg *leg)
{
	const char *network = json_get_string(in->object, "network");
	const char *terms = json_get_string(in->object, "terms");
	leg->network = network == NULL ? NULL : network_by_caip2(slice_str(network));
	if (leg->network == NULL) {
		fail(in, ERR_FORMAT, "network");
		return;
	}
	get_units(in, "amount_units", layer_asset(leg->network->layer), &leg->amount);
	get_u64(in, "from_height", &leg->from_height);
	get_u64(in, "timelock", &leg->timelock);
	if (terms == NULL ||
		hex_decode_var(leg->terms, &leg->terms_len, sizeof leg->terms, slice_str(terms)) !=
			OK)
		fail(in, ERR_FORMAT, "terms");
	if (layer_family(leg->network->layer) == FAMILY_ACCOUNT)
		get_bytes(json_get(in->object, "contract") != NULL ? in : file, "contract",
			leg->contract.b, sizeof leg->contract.b);
	if (layer_gas_apart(leg->network->layer))
		get_bytes(in, "token", leg->token.b, sizeof leg->token.b);
}

static void get_raw(struct reading *in, struct rescue_tx *tx, struct rescue *r)
{
	const struct slice text = json_string(json_get(in->object, "raw"));
	if (text.ptr == NULL || text.len % 2 != 0 || text.len / 2 > RESCUE_RAW_MAX) {
		fail(in, ERR_FORMAT, "raw");
		return;
	}
	uint8_t *raw = malloc(text.len / 2 + 1);
	enum err err = raw == NULL ? ERR_FULL : hex_decode(raw, text.len / 2, text);
	if (err == OK)
		err = rescue_add_tx(r, tx, slice_of(raw, text.len / 2));
	if (err != OK)
		fail(in, err, "raw");
	free(raw);
}

static void get_tx(struct reading *in, struct rescue *r)
{
	struct rescue_tx tx = {.purpose = 0, .side = SIDE_COUNT};
	const char *purpose = json_get_string(in->object, "purpose");
	const char *side = json_get_string(in->object, "side");
	uint64_t index = 0;

	for (size_t i = 0; purpose != NULL && i < ARRAY_LEN(purpose_names); i++)
		if (purpose_names[i] != NULL && strcmp(purpose_names[i], purpose) == 0)
			tx.purpose = (enum sign_purpose)i;
	for (unsigned i = 0; side != NULL && i < SIDE_COUNT; i++)
		if (strcmp(side_names[i], side) == 0)
			tx.side = (enum rescue_side)i;
	if (tx.purpose == 0 || tx.side == SIDE_COUNT) {
		fail(in, ERR_FORMAT, "purpose or side of a transaction");
		return;
	}
	const enum layer_id layer = rescue_layer(r, tx.side);
	get_bytes(in, "txid_internal", tx.txid.b, sizeof tx.txid.b);
	if (tx.purpose == SIGN_CLAIM || tx.purpose == SIGN_REFUND) {
		get_bytes(in, "lock_tx_internal", tx.at.tx.b, sizeof tx.at.tx.b);
		get_u64(in, "lock_index", &index);
		if (index > UINT32_MAX)
			fail(in, ERR_RANGE, "lock_index");
		tx.at.index = (uint32_t)index;
	}
	if (layer_family(layer) == FAMILY_ACCOUNT) {
		get_bytes(in, "from", tx.from.b, sizeof tx.from.b);
		get_u64(in, "nonce", &tx.nonce);
	}
	get_u64(in, "rate", &tx.rate);
	get_u64(in, "height", &tx.height);
	get_units(in, "fee_units", layer_gas_asset(layer), &tx.fee);
	if (in->err == OK)
		get_raw(in, &tx, r);
}

static void get_secrets(struct reading *in, struct rescue *r)
{
	struct hash256 made;
	get_bytes(in, "wallet_key", r->wallet.b, sizeof r->wallet.b);
	get_bytes(in, "preimage", r->preimage.b, sizeof r->preimage.b);
	get_bytes(in, "preimage_hash", r->hash.b, sizeof r->hash.b);
	get_bytes(in, "name", r->name.b, sizeof r->name.b);
	sha256(&made, slice_of(r->preimage.b, sizeof r->preimage.b));
	if (!hash256_eq(&made, &r->hash))
		fail(in, ERR_CHECKSUM, "preimage and preimage_hash don't belong together");
	if (!seckey_valid(&r->wallet))
		fail(in, ERR_RANGE, "wallet_key");
}

static void get_agreement(struct reading *in, struct rescue *r)
{
	get_text(in, "to_address", r->to_address, sizeof r->to_address);
	get_text(in, "refund_address", r->refund_address, sizeof r->refund_address);
	r->has_gas_account = json_get(in->object, "gas_account") != NULL;
	if (r->has_gas_account)
		get_bytes(in, "gas_account", r->gas_account.b, sizeof r->gas_account.b);
	get_text(in, "idempotency_key", r->idempotency_key, sizeof r->idempotency_key);
	get_text(in, "request", r->request, sizeof r->request);
	get_u64(in, "quote_expires_ms", &r->quote_expires_ms);
	r->has_swap_id = json_get(in->object, "swap_id") != NULL;
	if (r->has_swap_id)
		get_bytes(in, "swap_id", r->swap_id.b, sizeof r->swap_id.b);
	get_u64(in, "expires_ms", &r->expires_ms);
	get_text(in, "reason", r->reason, sizeof r->reason);
}

static void get_settings(struct reading *in, struct rescue *r)
{
	const struct json *object = json_get(in->object, "settings");
	const char *key;
	struct json *value;
	for (size_t i = 0; json_member(object, i, &key, &value); i++) {
		const struct slice text = json_string(value);
		const uint32_t row = setting_find(key);
		if (strcmp(key, "contract") == 0)
			continue; /* of files of before; it mattered until the terms were known */
		if (row == UINT32_MAX || text.ptr == NULL || text.len >= SETTING_SIZE)
			fail(in, ERR_FORMAT, key);
		else
			memcpy(r->settings.value[row], text.ptr, text.len + 1);
	}
}

static void get_all(struct reading *in, struct rescue *r)
{
	const char *phase = json_get_string(in->object, "phase");
	struct reading inner = *in;

	r->phase = RESCUE_PHASE_COUNT;
	for (unsigned i = 0; phase != NULL && i < RESCUE_PHASE_COUNT; i++)
		if (strcmp(phase, rescue_phase_name((enum rescue_phase)i)) == 0)
			r->phase = (enum rescue_phase)i;
	if (r->phase == RESCUE_PHASE_COUNT)
		fail(in, ERR_FORMAT, "phase");
	get_u64(in, "revision", &r->revision);
	if (json_get_bool(in->object, "revealed", &r->revealed) != OK)
		fail(in, ERR_FORMAT, "revealed");
	get_u64(in, "created_ms", &r->created_ms);
	for (unsigned i = 0; i < SIDE_COUNT && in->err == OK; i++) {
		inner.object = json_get(in->object, side_names[i]);
		get_leg(&inner, in, &r->leg[i]);
		in->err = in->err == OK ? inner.err : in->err;
	}
	if (in->err != OK)
		return;
	get_units(in, "fee_units", layer_asset(rescue_layer(r, SIDE_SOURCE)), &r->fee);
	get_secrets(in, r);
	get_agreement(in, r);
	get_settings(in, r);
	const struct json *list = json_get(in->object, "transactions");
	if (json_type(list) != JSON_ARRAY || json_count(list) > RESCUE_TX_MAX)
		fail(in, ERR_FORMAT, "transactions");
	for (size_t i = 0; i < json_count(list) && in->err == OK; i++) {
		inner.object = json_at(list, i);
		get_tx(&inner, r);
		in->err = inner.err;
	}
}

enum err rescue_parse(struct rescue *out, struct rescue_error *error, struct slice text)
{
	struct json *v;
	struct json_error where;
	struct reading in = {.error = error, .err = OK};
	uint64_t version;
	struct rescue *r = calloc(1, sizeof *r);

	if (r == NULL)
		return ERR_FULL;
	if (json_parse(&v, text, &where) != OK) {
		free(r);
		(void)snprintf(error->text, sizeof error->text, "not JSON at byte %zu: %s",
			where.offset, where.text);
		return ERR_FORMAT;
	}
	in.object = v;
	if (json_get_u64(v, "sluice_rescue", &version) != OK)
		fail(&in, ERR_FORMAT, "sluice_rescue: this is no rescue file");
	else if (version != FORMAT_VERSION)
		fail(&in, ERR_NETWORK, "sluice_rescue: a format of another version of sluice");
	else
		get_all(&in, r);
	json_free(v);
	if (in.err == OK)
		*out = *r; /* with what it owns */
	else
		rescue_fini(r);
	bytes_wipe(r, sizeof *r);
	free(r);
	return in.err;
}
