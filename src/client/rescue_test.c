/* The rescue file: what is written is read back to the byte, and what is not one is refused. */
#include "client/rescue.h"

#include "crypto/hash.h"
#include "net/json.h"
#include "sys/file_sim.h"

#include <stdlib.h>

static void sample(struct rescue *r)
{
	memset(r, 0, sizeof *r);
	r->revision = 6;
	r->phase = RESCUE_REVEALED;
	r->revealed = true;
	r->created_ms = UINT64_C(1800000000123);
	r->leg[SIDE_SOURCE] = (struct rescue_leg){
		.network = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest")),
		.amount = amount_max(ASSET_RBTC), /* over 64 bits (HAZARDS 50) */
		.from_height = 40,
		.terms = {1, 2, 3},
		.terms_len = 3,
		.timelock = 900};
	r->leg[SIDE_DEST] = (struct rescue_leg){
		.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount = amount_of(ASSET_BTC, 12345),
		.terms = {4},
		.terms_len = 1,
		.timelock = UINT64_MAX};
	r->fee = amount_of(ASSET_RBTC, 3);
	memset(r->leg[SIDE_SOURCE].contract.b, 0xcc, 20);
	memset(r->wallet.b, 0x11, sizeof r->wallet.b);
	memset(r->preimage.b, 0x22, sizeof r->preimage.b);
	sha256(&r->hash, slice_of(r->preimage.b, 32));
	memset(r->name.b, 0x33, sizeof r->name.b);
	memcpy(r->to_address, "bcrt1q", 7);
	memcpy(r->request, "{\"a\": \"\\u00e9\"}", 16);
	memcpy(r->idempotency_key, "0123", 5);
	r->has_gas_account = true;
	r->gas_account.b[3] = 4;
	r->has_swap_id = true;
	r->swap_id.b[15] = 1;
	r->expires_ms = 5;
	memcpy(r->reason, "why", 4);
	memcpy(r->settings.value[0], "http://x", 9);
	const struct rescue_tx tx[] = {{.purpose = SIGN_LOCK,
					       .nonce = 7,
					       .from = {{8}},
					       .rate = 9,
					       .height = 10,
					       .fee = amount_of(ASSET_RBTC, 11)},
		{.purpose = SIGN_CLAIM,
			.side = SIDE_DEST,
			.at = {.tx = {{5}}, .index = UINT32_MAX},
			.fee = amount_of(ASSET_BTC, 12)}};
	for (size_t i = 0; i < ARRAY_LEN(tx); i++)
		CHECK(rescue_add_tx(r, &tx[i], slice_of("raw bytes", 9)) == OK);
}

static void test_round_trip(void)
{
	static struct rescue r, back;
	struct rescue_error error;
	size_t len, again_len;
	sample(&r);
	char *text = rescue_print(&r, &len);
	CHECK(rescue_parse(&back, &error, slice_of(text, len)) == OK);
	char *again = rescue_print(&back, &again_len);
	CHECK(len == again_len && memcmp(text, again, len) == 0);
	CHECK(back.tx_count == 2 && back.tx[1].at.index == UINT32_MAX && back.revealed);
	CHECK(back.tx[0].raw_len == 9 && memcmp(back.tx[0].raw, "raw bytes", 9) == 0);
	CHECK(amount_cmp(back.leg[0].amount, amount_max(ASSET_RBTC)) == 0);
	CHECK(strcmp(back.request, r.request) == 0 && back.leg[1].timelock == UINT64_MAX);
	rescue_text_free(text, len);
	rescue_text_free(again, again_len);
	rescue_fini(&r);
	rescue_fini(&back);
}

/* Two contracts, and a token; files of before had one contract for all. */
static void test_contracts(void)
{
	static struct rescue r, back;
	struct rescue_error error;
	struct json *v;
	size_t len;
	sample(&r);
	r.leg[SIDE_DEST].network = network_by_name(LAYER_BOB, slice_str("regtest"));
	r.leg[SIDE_DEST].amount = amount_of(ASSET_WBTC, 12345);
	r.leg[SIDE_DEST].contract.b[1] = 0xdd;
	r.leg[SIDE_DEST].token.b[2] = 0xee;
	r.tx[1].fee = amount_of(ASSET_ETH, 12);
	char *text = rescue_print(&r, &len);
	CHECK(rescue_parse(&back, &error, slice_of(text, len)) == OK);
	CHECK(evm_address_eq(&back.leg[SIDE_SOURCE].contract, &r.leg[SIDE_SOURCE].contract));
	CHECK(evm_address_eq(&back.leg[SIDE_DEST].contract, &r.leg[SIDE_DEST].contract));
	CHECK(evm_address_eq(&back.leg[SIDE_DEST].token, &r.leg[SIDE_DEST].token));
	CHECK(back.tx[1].fee.asset == ASSET_ETH);
	rescue_fini(&back);
	/* with its comma: the source's */
	char *at = strstr(text, "\"contract\"");
	memset(at, ' ', sizeof "\"contract\": \"0x\"" - 1 + 40);
	while (*at != ',')
		at--;
	*at = ' ';
	CHECK(rescue_parse(&back, &error, slice_of(text, len)) == ERR_FORMAT);
	CHECK(strcmp(error.text, "contract") == 0);
	CHECK(json_parse(&v, slice_of(text, len), NULL) == OK);
	rescue_text_free(text, len);
	json_set_hex(v, "contract", "0x", r.leg[SIDE_SOURCE].contract.b, 20);
	json_set_string(json_get(v, "settings"), "contract", "0x00");
	text = json_dump(v, 0, &len);
	CHECK(rescue_parse(&back, &error, slice_of(text, len)) == OK);
	CHECK(evm_address_eq(&back.leg[SIDE_SOURCE].contract, &r.leg[SIDE_SOURCE].contract));
	json_text_free(text);
	json_free(v);
	rescue_fini(&back);
	rescue_fini(&r);
}

/* Every prefix, every member gone, every member of another type: an error, never more. */
static void test_broken(void)
{
	static struct rescue r, back;
	struct rescue_error error;
	size_t len, changed_len;
	sample(&r);
	char *text = rescue_print(&r, &len);
	for (size_t i = 0; i < len; i++)
		CHECK(rescue_parse(&back, &error, slice_of(text, i)) != OK);
	static const char *const optional[] = {"gas_account", "swap_id", "settings", NULL};
	const char *key;
	struct json *whole, *value;
	CHECK(json_parse(&whole, slice_of(text, len), NULL) == OK);
	for (size_t i = 0; json_member(whole, i, &key, &value); i++) {
		bool needed = true;
		for (const char *const *o = optional; *o != NULL; o++)
			needed = needed && strcmp(*o, key) != 0;
		struct json *copy = json_clone(whole);
		json_set(copy, key, json_new_bool(true));
		if (strcmp(key, "revealed") == 0 || strcmp(key, "settings") == 0) {
			json_free(copy);
			continue;
		}
		char *changed = json_dump(copy, 0, &changed_len);
		CHECK(!needed || rescue_parse(&back, &error, slice_of(changed, changed_len)) != OK);
		json_text_free(changed);
		json_free(copy);
	}
	json_free(whole);
	rescue_text_free(text, len);
	rescue_fini(&r);
}

static void test_told_apart(void)
{
	static struct rescue r, back;
	struct rescue_error error;
	size_t len;
	sample(&r);
	r.preimage.b[0] ^= 1;
	char *text = rescue_print(&r, &len);
	CHECK(rescue_parse(&back, &error, slice_of(text, len)) == ERR_CHECKSUM);
	rescue_text_free(text, len);
	CHECK(rescue_parse(&back, &error, slice_str("{\"sluice_rescue\": 2}")) == ERR_NETWORK);
	CHECK(rescue_parse(&back, &error, slice_str("[]")) == ERR_FORMAT);
	rescue_fini(&r);
}

/* A power cut at any moment leaves the old file or the new one. */
struct cut {
	struct file_sim *disk;
	unsigned checked;
	bool saved;
};

static void on_change(void *ctx)
{
	struct cut *cut = ctx;
	static struct rescue back;
	struct rescue_error error;
	uint8_t all[64];
	for (unsigned keep = 0; keep < 2; keep++) {
		const size_t count = file_sim_unsynced(cut->disk);
		CHECK(count <= sizeof all);
		memset(all, (int)keep, sizeof all);
		struct file_sim *left = file_sim_crash(cut->disk, all, count);
		const enum err err = rescue_load(&back, &error, file_sim_ops(left), "r.json");
		CHECK(err == OK ? back.revision == 7 || back.revision == 8
				: err == ERR_NOT_FOUND && !cut->saved);
		if (err == OK)
			rescue_fini(&back);
		file_sim_destroy(left);
		cut->checked++;
	}
}

static void test_power_cut(void)
{
	static struct rescue r;
	struct cut cut = {.disk = file_sim_create()};
	sample(&r);
	file_sim_on_change(cut.disk, on_change, &cut);
	CHECK(rescue_save(&r, file_sim_ops(cut.disk), "r.json") == OK && r.revision == 7);
	cut.saved = true;
	CHECK(rescue_save(&r, file_sim_ops(cut.disk), "r.json") == OK && r.revision == 8);
	CHECK(cut.checked > 8);
	rescue_fini(&r);
	file_sim_destroy(cut.disk);
}

static void test_phases(void)
{
	CHECK(rescue_phase_may(RESCUE_PAYING, RESCUE_REVEALED));
	CHECK(!rescue_phase_may(RESCUE_REVEALED, RESCUE_REFUNDED));
	CHECK(!rescue_phase_may(RESCUE_PAYING, RESCUE_REFUNDED));
	CHECK(!rescue_phase_may(RESCUE_PAYING, RESCUE_CLOSED));
	for (unsigned i = 0; i < RESCUE_PHASE_COUNT; i++)
		for (unsigned k = 0; k < RESCUE_PHASE_COUNT; k++)
			CHECK(!rescue_phase_terminal((enum rescue_phase)i) || i == k ||
				!rescue_phase_may((enum rescue_phase)i, (enum rescue_phase)k));
}

int main(void)
{
	test_round_trip();
	test_contracts();
	test_broken();
	test_told_apart();
	test_power_cut();
	test_phases();
	return 0;
}
