/* Deposit addresses: one given for each name, and what was paid to it. */
#include "node/api_internal.h"

/* What an address has received and holds: coins that were spent are not counted any more. */
struct held {
	struct amount final, inflight;
};

const struct descriptor *call_deposits(struct call *c)
{
	if (c->api->deposits == NULL)
		call_problem(c, "not_found",
			"bitcoin.deposit_descriptor is not set: there are no deposit addresses");
	return c->api->deposits;
}

/* ---- deposits ---- */

static bool is_unspent(const struct coin *k)
{
	return coin_watched(k) && k->created_height != 0 && k->spent_height == 0;
}

static uint32_t address_of(const struct coin *k)
{
	return k->key_index & ~KEY_INDEX_DEPOSIT;
}

static void count_held(struct held *out, const struct ledger *l, uint32_t index)
{
	*out = (struct held){amount_zero(ASSET_BTC), amount_zero(ASSET_BTC)};
	for (uint32_t i = 0; i < l->coin_count; i++) {
		const struct coin *k = &l->coin[i];
		if (!is_unspent(k) || address_of(k) != index)
			continue;
		struct amount *sum = k->final_height != 0 ? &out->final : &out->inflight;
		CHECK(amount_add(sum, *sum, amount_of(ASSET_BTC, k->value.raw)) == OK);
	}
}

static const char *deposit_state(const struct coin *k)
{
	if (k->spent_height != 0)
		return "spent";
	return k->final_height != 0 ? "final" : "confirmed";
}

static struct json *deposit_json(const struct ledger *l, const struct coin *k)
{
	const uint32_t index = address_of(k);
	struct json *v = json_object();
	json_set_txid(v, "transaction", k->layer, &k->at.txid);
	json_set_u64(v, "output", k->at.index);
	json_set_u64(v, "index", index);
	/* nobody was given it here: another program showed it */
	if (index < l->address_count)
		json_set_id(v, "address", &l->address[index]);
	else
		json_set(v, "address", json_new_null());
	json_set_amount(v, "amount", amount_of(layer_asset(k->layer), k->value.raw));
	json_set_string(v, "state", deposit_state(k));
	json_set_u64(v, "height", k->created_height);
	json_set_u64(v, "depth", ledger_depth(l, k->layer, k->created_height));
	return v;
}

void handle_deposit_list(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct page page;
	if (call_deposits(c) == NULL || !call_page(c, &page, l->coin_count))
		return;
	struct json *list = json_array(), *body = json_object();
	uint32_t next = page.next, count = 0;
	while (next > 0 && page_goes_on(&page, count)) {
		const struct coin *k = &l->coin[--next];
		if (!coin_watched(k) || k->created_height == 0)
			continue;
		json_push(list, deposit_json(l, k));
		count++;
	}
	char cursor[CURSOR_TEXT_SIZE];
	page_cursor(cursor, next);
	json_set(body, "deposits", list);
	json_set(body, "next_cursor", next > 0 ? json_new_string(cursor) : json_new_null());
	call_answer_durable(c, 200, body, NULL);
}

/* ---- addresses ---- */

static struct json *address_json(const struct call *c, uint32_t index)
{
	const struct ledger *l = call_ledger(c);
	const struct network *network = l->params.layer[LAYER_BITCOIN].network;
	uint8_t script[DEPOSITS_SCRIPT_MAX];
	char text[LAYER_ADDRESS_TEXT_SIZE], uri[LAYER_URI_TEXT_SIZE];
	struct buf out = buf_init(uri, sizeof uri);
	const struct slice to = slice_of(script, deposits_script(script, c->api->deposits, index));
	struct json *v = json_object();
	CHECK(layer_address_format(LAYER_BITCOIN, network, text, to) == OK);
	CHECK(layer_payment_uri(LAYER_BITCOIN, network, &out, to, amount_zero(ASSET_BTC)) == OK);
	json_set_id(v, "id", &l->address[index]);
	json_set_string(v, "layer", layer_name(LAYER_BITCOIN));
	json_set_u64(v, "index", index);
	json_set_string(v, "address", text);
	json_set_string(v, "uri", buf_cstr(&out));
	return v;
}

static bool read_name(struct call *c, struct id128 *id)
{
	static const struct field known[] = {{"id", JSON_STRING, true}};
	static const struct id128 zero;
	struct field_errors errors = {.count = 0};
	struct json *body;
	if (!call_body(c, &body))
		return false;
	const struct fields f = {.object = body, .pointer = "", .errors = &errors};
	bool good = fields_check(&f, known, ARRAY_LEN(known));
	good = fields_hex(&f, "id", id->b, sizeof id->b) && good;
	if (good && id128_eq(id, &zero)) {
		fields_fault(&f, "id", "zero", "must not be zero");
		good = false;
	}
	json_free(body);
	if (!good)
		call_invalid(c, &errors);
	return good;
}

/* The name is what makes it idempotent: it has one address, for ever. */
void handle_address_create(struct call *c)
{
	struct id128 id;
	uint32_t index;
	if (!call_ready(c) || call_deposits(c) == NULL || !read_name(c, &id) || !call_has_room(c))
		return;
	const enum err err = engine_address(c->api->engine, &index, c->wall_ms, &id);
	if (err == OK || err == ERR_EXISTS)
		call_answer_durable(c, err == OK ? 201 : 200, address_json(c, index), NULL);
	else
		call_problem(c, "overloaded", "no address can be given now (%s)%s", err_name(err),
			err == ERR_FULL ? ": see capacity.addresses" : "");
}

void handle_address_get(struct call *c)
{
	const struct ledger *l = call_ledger(c);
	struct id128 id;
	if (!call_ready(c) || call_deposits(c) == NULL)
		return;
	const uint32_t index = id_parse(&id, c->param[0]) == OK ? ledger_address(l, &id)
								: INDEX_NONE;
	if (index == INDEX_NONE) {
		call_problem(c, "not_found", "no address was given under this id");
		return;
	}
	struct held held;
	struct json *v = address_json(c, index);
	count_held(&held, l, index);
	json_set_amount(v, "final", held.final);
	json_set_amount(v, "confirmed", held.inflight);
	call_answer_durable(c, 200, v, NULL);
}
