#include "node/channel_world_test.h"

#include "crypto/hash.h"
#include "ledger/snapshot.h"
#include "wire/bolt11.h"

#include <stdlib.h>

#define EXPIRES_S UINT64_C(4000000000)

static const struct seckey node_key = {{9}};
static const enum layer_id ln = LAYER_LIGHTNING;

struct hash256 channel_hash(const struct hash256 *preimage)
{
	struct hash256 hash;
	sha256(&hash, slice_of(preimage->b, sizeof preimage->b));
	return hash;
}

void channel_invoice(
	char text[BOLT11_TEXT_MAX + 1], const struct hash256 *hash, uint64_t amount_sat)
{
	static struct bolt11 b;
	b = (struct bolt11){.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = amount_sat * BOLT11_MSAT_PER_SAT,
		.timestamp_s = 1,
		.expiry_s = EXPIRES_S,
		.payment_hash = *hash,
		.final_cltv = 18,
		.features = 1u << BOLT11_VAR_ONION | 1u << BOLT11_PAYMENT_SECRET};
	CHECK(bolt11_encode(text, &b, &node_key) == OK);
}

struct layer_params channel_params(void)
{
	return (struct layer_params){.network = network_by_name(ln, slice_str("regtest")),
		.block_interval_ms = 1000,
		.drift_permille = 50,
		.depth = {{.from = amount_zero(ASSET_BTC), .depth = 1}},
		.depth_steps = 1,
		.final_depth = 1,
		.claim_blocks = 1,
		.lock_blocks = 80,
		.funding_blocks = 20,
		.swap_min = amount_of(ASSET_BTC, 10000),
		.swap_max = amount_of(ASSET_BTC, 1000000000),
		.fee_limit_ppm = 5000,
		.fee_limit_base = {10},
		.force_close_blocks = 30};
}

void channel_begin(struct world *w)
{
	struct params_problem problem;
	struct block_ref birth = {.height = 100, .hash = {{7}}};
	world_begin(w);
	w->params.layer[ln] = channel_params();
	CHECK(params_check(&w->params, &problem));
	CHECK(engine_params(w->engine, w->now, &w->params) == OK);
	w->chain[ln] = amount_of(ASSET_BTC, FUNDS_SAT);
	w->tip[ln] = birth.height;
	w->tip_hash[ln] = birth.hash;
	CHECK(engine_birth(w->engine, w->now, ln, &birth, 0, w->chain[ln],
		      amount_zero(layer_gas_asset(ln))) == OK);
}

/* A snapshot says it, too, and knows the hashes that are used up. */
struct each {
	struct world *w;
	struct ledger *l; /* owned: as it was folded so far */
	uint64_t records;
};

static struct ledger *copy_of(struct ledger *l, const struct seal_key *seal)
{
	struct ledger *copy;
	const size_t cap = snapshot_size(l);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	CHECK(bytes != NULL && scratch != NULL);
	const size_t len = snapshot_put(bytes, scratch, cap, l);
	CHECK(ledger_create(&copy, &l->capacity, seal, 11) == OK);
	CHECK(snapshot_restore(copy, scratch, slice_of(bytes, len)) == OK);
	free(bytes);
	free(scratch);
	return copy;
}

static enum err each(void *ctx, const struct journal_record *r)
{
	struct each *e = ctx;
	struct hash256 folded, restored;
	e->records++;
	if (r->type == REC_BLOCK) /* there are many, and they say little */
		return ledger_apply(e->l, r->seq, r->type, r->payload);
	struct ledger *copy = copy_of(e->l, &e->w->seal);
	CHECK(ledger_apply(e->l, r->seq, r->type, r->payload) == OK);
	CHECK(ledger_apply(copy, r->seq, r->type, r->payload) == OK);
	ledger_hash(e->l, &folded);
	ledger_hash(copy, &restored);
	CHECK(hash256_eq(&folded, &restored));
	ledger_destroy(copy);
	return OK;
}

void channel_replay_each(struct world *w)
{
	struct each e = {.w = w};
	struct journal *journal;
	struct journal_error error;
	struct hash256 live, folded;
	engine_flush(w->engine);
	struct file_sim *disk = file_sim_copy(w->disk);
	const struct journal_config config = {.dir = "journal",
		.fresh_cluster = {{1}},
		.ops = file_sim_ops(disk),
		.segment_size = 16u << 20,
		.group_max = 2u << 20,
		.synchronous = true};
	CHECK(ledger_create(&e.l, &w->ledger->capacity, &w->seal, 7) == OK);
	CHECK(journal_open(&journal, &config, each, &e, &error) == OK);
	ledger_hash(w->ledger, &live);
	ledger_hash(e.l, &folded);
	CHECK(e.records == w->ledger->seq && hash256_eq(&live, &folded));
	journal_close(journal);
	ledger_destroy(e.l);
	file_sim_destroy(disk);
}

void channel_check_snapshot(const struct world *w)
{
	struct hash256 before, after;
	struct ledger *l;
	const size_t cap = snapshot_size(w->ledger);
	uint8_t *bytes = malloc(cap), *scratch = malloc(cap);
	CHECK(bytes != NULL && scratch != NULL);
	const size_t len = snapshot_put(bytes, scratch, cap, w->ledger);
	CHECK(ledger_create(&l, &w->ledger->capacity, &w->seal, 11) == OK);
	CHECK(snapshot_restore(l, scratch, slice_of(bytes, len)) == OK);
	ledger_hash(w->ledger, &before);
	ledger_hash(l, &after);
	CHECK(hash256_eq(&before, &after));
	for (uint32_t i = 0; i < l->swap_count; i++) {
		const struct swap *a = &w->ledger->swap[i], *b = &l->swap[i];
		CHECK(ledger_hash_used(l, &a->hash) && a->cancel_effect == b->cancel_effect);
		CHECK(a->dest.terms_len == b->dest.terms_len &&
			memcmp(a->dest.terms, b->dest.terms, a->dest.terms_len) == 0);
	}
	for (uint32_t i = 0; i < l->transfer_count; i++) {
		const struct transfer *a = &w->ledger->transfer[i], *b = &l->transfer[i];
		CHECK(ledger_hash_used(l, &a->hash) && hash256_eq(&a->hash, &b->hash));
		CHECK(slice_eq(slice_of(a->destination, a->destination_len),
			slice_of(b->destination, b->destination_len)));
	}
	ledger_destroy(l);
	free(bytes);
	free(scratch);
}

void channel_check_free(const struct world *w)
{
	CHECK(amount_cmp(ledger_balance(w->ledger, ln, ACCOUNT_AVAILABLE), w->chain[ln]) == 0);
	CHECK(amount_is_zero(ledger_balance(w->ledger, ln, ACCOUNT_RESERVED)));
}

void channel_tell(struct world *w, const struct chain_event *e)
{
	w->now += 100;
	CHECK(engine_fact(w->engine, w->now, ln, e) == OK);
	CHECK(amount_cmp(ledger_custody(w->ledger, ln), w->chain[ln]) == 0);
	/* told again after a restart: nothing is journaled, nothing changes */
	const uint64_t seq = w->ledger->seq;
	CHECK(engine_fact(w->engine, w->now, ln, e) == OK && w->ledger->seq == seq);
}

/* What the effect runner makes of a command that was decided. */
struct effect *channel_prepare(struct world *w, uint32_t index, enum ln_command_kind kind)
{
	struct effect *f = &w->ledger->effect[index];
	const struct swap *s = f->swap != INDEX_NONE ? &w->ledger->swap[f->swap] : NULL;
	const struct hash256 hash = s != NULL ? s->hash : w->ledger->transfer[f->transfer].hash;
	struct hash256 id;
	ln_command_id(&id, kind, &hash);
	const struct amount fee = amount_of(ASSET_BTC, kind == LN_PAY ? f->fee.raw : 0);
	CHECK(f->state == EFFECT_INTENT && f->variant_wanted == 0);
	CHECK(engine_prepared(w->engine, w->now, &f->id, 0, &id, fee, slice_str("a command")) ==
		OK);
	CHECK(f->state == EFFECT_PREPARED && ledger_effect(w->ledger, &f->id) == f);
	return f;
}

void channel_submitted(struct world *w, const struct effect *f)
{
	CHECK(engine_submitted(w->engine, w->now, &f->id, 0, 1, "") == OK && f->submitted);
}

struct transfer_command channel_payout(const struct world *w, const char *invoice, uint8_t id)
{
	struct transfer_command c = {.now_ms = w->now,
		.id = {{id}},
		.effect_id = {{id, 1}},
		.idempotency_key = {{id}},
		.layer = ln,
		.amount = amount_of(ASSET_BTC, PAYMENT_SAT),
		.destination_len = (uint32_t)strlen(invoice)};
	memcpy(c.destination, invoice, strlen(invoice));
	return c;
}
