/* The memory and its file: growth, contradictions, power cuts, damage, rewriting. */
#include "sign/state_file.h"
#include "sys/file_sim.h"

#include <stdlib.h>

#define NOW_MS UINT64_C(1795000000000)
#define DAY_MS UINT64_C(86400000)
#define MASKS_MAX 4096u

static const struct pubkey wallet = {{2, 1, 2, 3}};

static struct sign_record record_of(uint32_t n, uint32_t variant, enum sign_purpose purpose)
{
	struct sign_record r = {.variant = variant,
		.time_ms = NOW_MS + n,
		.layer = n % 2 == 0 ? LAYER_BITCOIN : LAYER_ROOTSTOCK,
		.purpose = purpose,
		.nonce = n % 2 == 0 ? 0 : n};
	store_le32(r.session.b, n);
	store_le32(r.digest.b, n);
	store_le32(r.digest.b + 4, variant);
	store_le32(r.terms.b, n);
	r.cost = amount_of(layer_asset(r.layer), 10 + variant);
	if (purpose == SIGN_LOCK) {
		store_le32(r.swap.b, n);
		store_le32(r.hash.b, n);
	}
	if (n % 2 == 0 && (purpose == SIGN_PAYOUT || purpose == SIGN_LOCK)) {
		r.input_count = 2;
		store_le32(r.input[0].txid.b, n);
		store_le32(r.input[1].txid.b, n);
		r.input[1].index = 1 + variant;
	}
	return r;
}

static bool knows(const struct sign_state *s, const struct sign_record *r)
{
	const struct hash256 *digest = sign_state_variant(s, &r->session, r->variant);
	return digest != NULL && hash256_eq(digest, &r->digest);
}

static void test_record(void)
{
	uint8_t bytes[SIGN_RECORD_SIZE_MAX];
	struct buf b = buf_init(bytes, sizeof bytes);
	struct sign_record r = record_of(4, 2, SIGN_LOCK), again;

	r.input_count = BTC_INPUT_MAX;
	sign_record_put(&b, &r);
	CHECK(!b.overflow && sign_record_parse(&again, buf_slice(&b)) == OK);
	CHECK(memcmp(r.input, again.input, sizeof r.input) == 0 && again.variant == 2);
	for (size_t len = 0; len < b.len; len++)
		CHECK(sign_record_parse(&again, slice_of(bytes, len)) != OK);
	bytes[0] ^= 0xff;
	CHECK(sign_record_parse(&again, buf_slice(&b)) == ERR_FORMAT);
}

static void test_growth(void)
{
	const uint32_t count = 20000;
	struct sign_state *s;
	bool common;

	CHECK(sign_state_create(&s, 7) == OK);
	for (uint32_t n = 0; n < count; n++) {
		const struct sign_record r = record_of(n, 0, n % 3 == 0 ? SIGN_LOCK : SIGN_PAYOUT);
		CHECK(sign_state_apply(s, &r) == OK);
	}
	CHECK(sign_state_session_count(s) == count);
	for (uint32_t n = 0; n < count; n++) {
		const struct sign_record r = record_of(n, 0, n % 3 == 0 ? SIGN_LOCK : SIGN_PAYOUT);
		const struct sign_session *session = sign_state_session(s, &r.session);
		CHECK(knows(s, &r) && session != NULL);
		CHECK(r.input_count == 0 ||
			(sign_state_input(s, &r.input[1], &common) == session && common));
		CHECK(r.input_count != 0 || sign_state_nonce(s, r.layer, r.nonce) == session);
		CHECK(n % 3 != 0 ||
			(sign_state_lock(s, &r.swap, r.layer) == session &&
				sign_state_hash(s, &r.hash) == session));
	}
	sign_state_destroy(s);
}

static void test_contradictions(void)
{
	struct sign_state *s;
	struct sign_record r = record_of(2, 0, SIGN_LOCK);

	CHECK(sign_state_create(&s, 7) == OK);
	CHECK(sign_state_apply(s, &r) == OK);
	CHECK(sign_state_apply(s, &r) == ERR_FORMAT); /* twice */
	r.session.b[9] = 1;
	CHECK(sign_state_apply(s, &r) == ERR_FORMAT); /* its coins are another's */
	r.input_count = 0;
	CHECK(sign_state_apply(s, &r) == ERR_FORMAT); /* its swap too */
	r = record_of(3, 0, SIGN_PAYOUT);
	CHECK(sign_state_apply(s, &r) == OK);
	r.session.b[9] = 1;
	CHECK(sign_state_apply(s, &r) == ERR_FORMAT); /* the nonce */
	CHECK(sign_state_session_count(s) == 2);

	for (uint32_t v = 1; v < SIGN_SESSION_VARIANT_MAX; v++) {
		r = record_of(3, v, SIGN_PAYOUT);
		CHECK(sign_state_apply(s, &r) == OK);
	}
	r = record_of(3, SIGN_SESSION_VARIANT_MAX, SIGN_PAYOUT);
	CHECK(sign_state_apply(s, &r) == ERR_FULL);
	/* a thousand variants cost what the dearest costs */
	CHECK(amount_cmp(sign_state_day(s, LAYER_ROOTSTOCK, SIGN_BUDGET_OWN, NOW_MS),
		      amount_of(ASSET_RBTC, 10 + SIGN_SESSION_VARIANT_MAX - 1)) == 0);
	sign_state_destroy(s);
}

/* ---- the file ---- */

static enum err open_at(
	struct file_sim *disk, struct state_file **f, struct sign_state **s, uint64_t retention_ms)
{
	struct state_file_error error;
	const struct state_file_config config = {.dir = "d",
		.ops = file_sim_ops(disk),
		.wallet = wallet,
		.now_ms = NOW_MS + 100 * DAY_MS,
		.retention_ms = retention_ms,
		.seed = 3,
		.compact_min = 4};
	return state_file_open(f, s, &error, &config);
}

static void keep(struct state_file *f, struct sign_state *s, const struct sign_record *r)
{
	CHECK(sign_state_apply(s, r) == OK);
	CHECK(state_file_append(f, r) == OK);
}

static struct file_sim *fresh_disk(void)
{
	struct file_sim *disk = file_sim_create();
	const struct file_ops *ops = file_sim_ops(disk);
	CHECK(disk != NULL && ops->mkdir(ops->ctx, "d") == OK &&
		ops->sync_dir(ops->ctx, ".") == OK);
	return disk;
}

static void close_both(struct state_file *f, struct sign_state *s)
{
	state_file_close(f);
	sign_state_destroy(s);
}

static void test_reopen(void)
{
	struct file_sim *disk = fresh_disk();
	struct state_file *f, *second;
	struct sign_state *s, *other;

	CHECK(open_at(disk, &f, &s, UINT64_MAX) == OK);
	CHECK(open_at(disk, &second, &other, UINT64_MAX) == ERR_EXISTS);
	for (uint32_t n = 0; n < 100; n++) {
		const struct sign_record r = record_of(n, 0, SIGN_PAYOUT);
		keep(f, s, &r);
		if (n % 7 == 0)
			CHECK(state_file_commit(f, 1, 0) == OK);
	}
	CHECK(state_file_commit(f, 1, 0) == OK);
	close_both(f, s);
	CHECK(open_at(disk, &f, &s, UINT64_MAX) == OK);
	CHECK(state_file_records(f) == 100);
	for (uint32_t n = 0; n < 100; n++) {
		const struct sign_record r = record_of(n, 0, SIGN_PAYOUT);
		CHECK(knows(s, &r));
	}
	close_both(f, s);

	struct state_file_error error;
	struct state_file_config config = {.dir = "d",
		.ops = file_sim_ops(disk),
		.wallet = wallet,
		.retention_ms = UINT64_MAX};
	config.wallet.b[5] = 9;
	CHECK(state_file_open(&f, &s, &error, &config) == ERR_NETWORK);
	file_sim_destroy(disk);
}

/* What a power cut now would leave, in all combinations: what was acknowledged is known. */
struct cut_test {
	struct file_sim *disk;
	uint32_t acknowledged; /* records 0 .. acknowledged - 1 */
	uint32_t first_kept;   /* earlier ones may have been forgotten by rewriting */
	uint64_t retention_ms;
	uint32_t cuts;
};

static void cut_everywhere(void *ctx)
{
	struct cut_test *t = ctx;
	uint8_t survives[64];
	const size_t n = file_sim_unsynced(t->disk);
	CHECK(n <= sizeof survives);
	const uint32_t masks = n < 12 ? UINT32_C(1) << n : MASKS_MAX;

	for (uint32_t mask = 0; mask < masks; mask++) {
		struct state_file *f;
		struct sign_state *s;
		for (size_t i = 0; i < n; i++)
			survives[i] = (uint8_t)((mask * (n < 12 ? 1u : 2654435761u)) >> (i % 32) &
				1);
		struct file_sim *after = file_sim_crash(t->disk, survives, n);
		CHECK(after != NULL);
		const enum err err = open_at(after, &f, &s, t->retention_ms);
		CHECK(err == OK);
		for (uint32_t k = t->first_kept; k < t->acknowledged; k++) {
			const struct sign_record r = record_of(k, 0, SIGN_PAYOUT);
			CHECK(knows(s, &r));
		}
		/* and it goes on */
		const struct sign_record more = record_of(5000, 0, SIGN_PAYOUT);
		keep(f, s, &more);
		CHECK(state_file_commit(f, 1, 0) == OK);
		close_both(f, s);
		file_sim_destroy(after);
		t->cuts++;
	}
}

static void test_power_cuts(void)
{
	struct cut_test t = {.disk = fresh_disk(), .retention_ms = UINT64_MAX};
	struct state_file *f;
	struct sign_state *s;

	file_sim_settle(t.disk);
	file_sim_on_change(t.disk, cut_everywhere, &t);
	CHECK(open_at(t.disk, &f, &s, UINT64_MAX) == OK);
	for (uint32_t n = 0; n < 24; n++) {
		const struct sign_record r = record_of(n, 0, SIGN_PAYOUT);
		keep(f, s, &r);
		if (n % 5 == 0 || n == 23) {
			CHECK(state_file_commit(f, 1, 0) == OK);
			t.acknowledged = n + 1;
		}
	}
	CHECK(t.cuts > 100);
	close_both(f, s);
	file_sim_destroy(t.disk);
}

static void test_failed_sync(void)
{
	struct file_sim *disk = fresh_disk();
	struct state_file *f;
	struct sign_state *s;
	const struct sign_record r = record_of(1, 0, SIGN_PAYOUT);

	CHECK(open_at(disk, &f, &s, UINT64_MAX) == OK);
	file_sim_inject(disk, &(struct file_sim_fault){.op = FILE_SIM_SYNC, .err = ERR_IO});
	keep(f, s, &r);
	CHECK(state_file_commit(f, 1, 0) == ERR_IO);
	CHECK(state_file_commit(f, 1, 0) == ERR_IO); /* the disk works again, and is not believed */
	close_both(f, s);
	file_sim_destroy(disk);
}

/* Damage that no power cut does is refused, with the one stated exception: the last group. */
static void test_damage(void)
{
	struct file_sim *disk = fresh_disk();
	struct state_file *f;
	struct sign_state *s;
	uint8_t saved[4096];
	size_t len, last_group = 0;

	CHECK(open_at(disk, &f, &s, UINT64_MAX) == OK);
	for (uint32_t n = 0; n < 4; n++) {
		const struct sign_record r = record_of(n, 0, SIGN_PAYOUT);
		CHECK(file_sim_content(disk, "d/state", &last_group) != NULL);
		keep(f, s, &r);
		CHECK(state_file_commit(f, 1, 0) == OK);
	}
	close_both(f, s);
	uint8_t *content = file_sim_content(disk, "d/state", &len);
	CHECK(content != NULL && len <= sizeof saved);
	memcpy(saved, content, len);
	for (size_t at = 0; at < len; at++) {
		uint8_t damaged[sizeof saved];
		memcpy(damaged, saved, len);
		damaged[at] ^= 0x20;
		file_sim_put(disk, "d/state", slice_of(damaged, len));
		const enum err err = open_at(disk, &f, &s, UINT64_MAX);
		CHECK(at >= last_group ? err == OK : err != OK);
		if (err == OK) {
			CHECK(state_file_records(f) == 3);
			close_both(f, s);
		}
	}
	file_sim_destroy(disk);
}

static void test_rewrite(void)
{
	struct cut_test t = {.disk = fresh_disk(),
		.retention_ms = 10 * DAY_MS,
		.acknowledged = 20,
		.first_kept = 12};
	struct state_file *f;
	struct sign_state *s;

	CHECK(open_at(t.disk, &f, &s, UINT64_MAX) == OK);
	for (uint32_t n = 0; n < 20; n++) {
		struct sign_record r = record_of(n, 0, n == 1 ? SIGN_DEPLOY : SIGN_PAYOUT);
		r.time_ms = n < 12 ? NOW_MS : NOW_MS + 20 * DAY_MS;
		keep(f, s, &r);
	}
	CHECK(state_file_commit(f, 1, 0) == OK);
	close_both(f, s);
	file_sim_settle(t.disk);
	file_sim_on_change(t.disk, cut_everywhere, &t);
	CHECK(open_at(t.disk, &f, &s, 10 * DAY_MS) == OK);
	CHECK(t.cuts > 10);
	CHECK(sign_state_session_count(s) == 9); /* eight young ones, and the deployment */
	for (uint32_t n = 0; n < 20; n++) {
		const struct sign_record r = record_of(n, 0, SIGN_PAYOUT);
		CHECK(knows(s, &r) == (n >= 12 || n == 1));
	}
	CHECK(sign_state_nonce_floor(s, LAYER_ROOTSTOCK) == 12);
	CHECK(sign_state_nonce(s, LAYER_ROOTSTOCK, 13) != NULL);
	close_both(f, s);
	/* the floor outlives the next rewriting too */
	file_sim_on_change(t.disk, NULL, NULL);
	CHECK(open_at(t.disk, &f, &s, 0) == OK);
	CHECK(sign_state_nonce_floor(s, LAYER_ROOTSTOCK) >= 12);
	close_both(f, s);
	file_sim_destroy(t.disk);
}

/* A running signer whose bound is reached forgets what is old, and goes on; a power cut in between
 * loses nothing. */
static void test_forget(void)
{
	struct cut_test t = {.disk = fresh_disk(),
		.retention_ms = 10 * DAY_MS,
		.acknowledged = 20,
		.first_kept = 12};
	const struct state_file_config config = {.dir = "d",
		.ops = file_sim_ops(t.disk),
		.wallet = wallet,
		.now_ms = NOW_MS,
		.retention_ms = 10 * DAY_MS,
		.bounds = {.sessions = 20}};
	struct state_file_error error;
	struct state_file *f;
	struct sign_state *s;

	CHECK(state_file_open(&f, &s, &error, &config) == OK);
	CHECK(state_file_forget(f, &s, NOW_MS) == ERR_FULL); /* nothing is there */
	for (uint32_t n = 0; n < 20; n++) {
		struct sign_record r = record_of(n, 0, n == 1 ? SIGN_DEPLOY : SIGN_PAYOUT);
		r.time_ms = n < 12 ? NOW_MS : NOW_MS + 20 * DAY_MS;
		keep(f, s, &r);
	}
	CHECK(state_file_commit(f, 1, 0) == OK);
	struct sign_record more = record_of(20, 0, SIGN_PAYOUT);
	more.time_ms = NOW_MS + 20 * DAY_MS;
	CHECK(sign_state_reserve(s, &more) == ERR_FULL);
	/* a clock that stands at the first records makes nothing old */
	CHECK(state_file_forget(f, &s, NOW_MS) == ERR_FULL);
	file_sim_settle(t.disk);
	file_sim_on_change(t.disk, cut_everywhere, &t);
	CHECK(state_file_forget(f, &s, NOW_MS + 20 * DAY_MS) == OK);
	CHECK(t.cuts > 10);
	file_sim_on_change(t.disk, NULL, NULL);
	CHECK(sign_state_session_count(s) == 9);
	CHECK(sign_state_nonce_floor(s, LAYER_ROOTSTOCK) == 12);
	keep(f, s, &more);
	CHECK(state_file_commit(f, 1, 0) == OK);
	CHECK(state_file_forget(f, &s, NOW_MS + 20 * DAY_MS) == ERR_FULL);
	close_both(f, s);
	CHECK(state_file_open(&f, &s, &error, &config) == OK);
	CHECK(knows(s, &more) && sign_state_session_count(s) == 10);

	/* no room to rewrite: nothing changes, and the signer goes on */
	struct sign_record late = record_of(22, 0, SIGN_PAYOUT);
	late.time_ms = NOW_MS + 90 * DAY_MS;
	keep(f, s, &late);
	CHECK(state_file_commit(f, 1, 0) == OK);
	file_sim_inject(t.disk, &(struct file_sim_fault){.op = FILE_SIM_WRITE, .err = ERR_FULL});
	CHECK(state_file_forget(f, &s, NOW_MS + 90 * DAY_MS) == ERR_FULL);
	CHECK(knows(s, &more) && sign_state_session_count(s) == 11);
	late = record_of(24, 0, SIGN_PAYOUT);
	keep(f, s, &late);
	CHECK(state_file_commit(f, 1, 0) == OK);
	close_both(f, s);
	file_sim_destroy(t.disk);
}

int main(void)
{
	test_record();
	test_growth();
	test_contradictions();
	test_reopen();
	test_power_cuts();
	test_failed_sync();
	test_damage();
	test_rewrite();
	test_forget();
	return EXIT_SUCCESS;
}
