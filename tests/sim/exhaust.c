#include "exhaust.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_local_server.h"
#include "node/core.h"
#include "sign/signer_ops.h"
#include "sys/clock.h"
#include "world.h"

#define UNITS_MAX 4096u
#define KEPT_MAX (32 << 20) /* bytes */
#define ASKED_MAX 512u
#define SIGNER_SUBSETS 64u /* of the bound, at most so many for the signer's disk */
#define AGAIN_EVERY 16u    /* one in so many recovered disks is recovered once more */

/* What the signer was asked, and whether its answer left. */
struct asked {
	struct id128 session;
	uint32_t variant;
	bool answered;
};

/* The state as it was live, by the last record of it. */
struct lived {
	uint64_t seq;
	struct hash256 hash;
};

struct exhaust {
	struct world *w;
	uint32_t subsets;
	uint64_t states;
	struct exhaust_counts counts;
	struct draw draw;
	struct loop *loop;    /* of what starts again */
	struct config config; /* its settings: adapters keep nothing durable, and are left out */
	struct http_client *http;
	struct asked asked[ASKED_MAX];
	uint32_t asked_count;
	struct lived *lived; /* owned; by rising seq */
	uint32_t lived_count, lived_cap;
};

/* Pairs of disks that were started from, in any run of this process: the last record that was left.
 */
static struct sim_index seen;
static uint64_t seen_count;

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0xff51afd7ed558ccd);
	return a ^ a >> 32;
}

/* ---- what has been, as it was ---- */

static void live(struct exhaust *x)
{
	const struct ledger *l = host_ledger(&x->w->host);
	if (l == NULL || (x->lived_count > 0 && x->lived[x->lived_count - 1].seq >= l->seq))
		return;
	x->lived = sim_grow(x->lived, &x->lived_cap, x->lived_count + 1, sizeof *x->lived);
	struct lived *at = &x->lived[x->lived_count++];
	at->seq = l->seq;
	ledger_hash(l, &at->hash);
}

/* NULL: no power could have failed with this record as the last one. */
static const struct lived *lived_at(const struct exhaust *x, uint64_t seq)
{
	for (uint32_t i = x->lived_count; i-- > 0 && x->lived[i].seq >= seq;)
		if (x->lived[i].seq == seq)
			return &x->lived[i];
	return NULL;
}

/* ---- what had to be there ---- */

static bool asked_of(struct asked *out, struct slice request)
{
	struct signing_request r;
	if (signing_request_parse(&r, request) != OK)
		return false;
	*out = (struct asked){.session = r.session, .variant = r.variant};
	return true;
}

static struct asked *asked_find(struct exhaust *x, const struct asked *a)
{
	for (uint32_t i = 0; i < x->asked_count; i++)
		if (id128_eq(&x->asked[i].session, &a->session) &&
			x->asked[i].variant == a->variant)
			return &x->asked[i];
	return NULL;
}

void exhaust_asked(struct exhaust *x, struct slice request)
{
	struct asked a;
	if (!asked_of(&a, request) || asked_find(x, &a) != NULL)
		return;
	CHECK(x->asked_count < ASKED_MAX);
	x->asked[x->asked_count++] = a;
}

void exhaust_answered(struct exhaust *x, struct slice request)
{
	struct asked a;
	if (!asked_of(&a, request))
		return;
	struct asked *known = asked_find(x, &a);
	if (known != NULL)
		known->answered = true;
}

/* ---- starting again ---- */

static void on_request(void *ctx, struct http_local_request *request)
{
	(void)ctx;
	http_local_answer(request, ERR_UNAVAILABLE, 0, slice_of(NULL, 0));
}

static void nobody_destroy(struct signer *s)
{
	(void)s;
}

static void on_end(void *ctx, enum core_end end)
{
	struct exhaust *x = ctx;
	world_wrong(x->w, "what starts again gives up by itself (%d)", (int)end);
}

static enum err core_again(struct exhaust *x, struct core **core, struct file_sim *disk)
{
	static const struct signer_ops ops = {.destroy = nobody_destroy};
	static struct signer nobody = {.ops = &ops};
	struct core_config config;
	enum core_end end;
	host_core_config(&x->w->host, &config, disk);
	config.config = &x->config;
	config.loop = x->loop;
	config.http = x->http;
	config.random_ctx = &x->draw;
	config.on_end = on_end;
	config.ctx = x;
	return core_create(core, &end, &config, &nobody);
}

/* Recovered once more, it is the same. */
static void check_again(struct exhaust *x, struct file_sim *disk, const struct hash256 *want)
{
	struct core *core = NULL;
	struct hash256 is;
	file_sim_kill(disk);
	if (core_again(x, &core, disk) != OK) {
		world_wrong(x->w, "what was recovered once can't be recovered again");
		return;
	}
	ledger_hash(core_ledger(core), &is);
	if (!hash256_eq(&is, want))
		world_wrong(x->w, "what was recovered twice is another state");
	core_destroy(core);
}

/* Also where the same disks were started from before, when less was durable. */
static void check_bounds(struct exhaust *x, uint64_t seq)
{
	uint64_t durable, made;
	host_bounds(&x->w->host, &durable, &made);
	if (seq < durable || seq > made)
		world_wrong(x->w, "%llu records are left, %llu were durable, %llu were made",
			(unsigned long long)seq, (unsigned long long)durable,
			(unsigned long long)made);
}

static void check_state(struct exhaust *x, const struct ledger *l, struct hash256 *is)
{
	ledger_hash(l, is);
	const struct lived *lived = l->seq == 0 ? NULL : lived_at(x, l->seq);
	if (l->seq > 0 && lived == NULL)
		world_wrong(x->w, "record %llu was never the last one that was written",
			(unsigned long long)l->seq);
	else if (lived != NULL && !hash256_eq(is, &lived->hash))
		world_wrong(x->w, "the state after record %llu is another than it was live",
			(unsigned long long)l->seq);
}

/* Commands to a Lightning node need no signature, and others sign what is external. */
static bool signer_signs(const struct ledger *l, const struct effect *f)
{
	return layer_family(f->layer) != FAMILY_CHANNEL && !effect_external(l, f);
}

/* An intent is durable before the signer hears of it; what it signs, before we do. */
static void check_signatures(
	struct exhaust *x, const struct ledger *l, const struct sign_state *signer)
{
	for (uint32_t i = 0; i < x->asked_count; i++)
		if (sign_state_session(signer, &x->asked[i].session) != NULL &&
			ledger_effect(l, &x->asked[i].session) == NULL)
			world_wrong(x->w, "the signer remembers what the journal never intended");
	for (uint32_t i = 0; i < l->effect_count; i++) {
		const struct effect *f = &l->effect[i];
		if (!signer_signs(l, f))
			continue;
		for (uint32_t v = 0; v < f->variant_count && f->variant_base == 0; v++)
			if (sign_state_variant(signer, &f->id, v) == NULL)
				world_wrong(x->w,
					"the journal has a signature that the signer "
					"doesn't remember");
	}
}

/* The last record that is left. */
static uint64_t check_core(
	struct exhaust *x, struct file_sim *disk, const struct sign_state *signer)
{
	struct core *core = NULL;
	struct hash256 is;
	if (core_again(x, &core, disk) != OK) {
		world_wrong(x->w, "the provider refuses to start after a power cut");
		return 0;
	}
	const struct ledger *l = core_ledger(core);
	const uint64_t seq = l->seq;
	check_state(x, l, &is);
	check_signatures(x, l, signer);
	takers_check_books(x->w, l);
	operator_check_books(x->w, l);
	core_destroy(core);
	if (x->counts.states % AGAIN_EVERY == 0)
		check_again(x, disk, &is);
	return seq;
}

/* ---- subsets ---- */

static uint64_t subsets_of(size_t units, uint64_t most)
{
	return units < 63 && UINT64_C(1) << units <= most ? UINT64_C(1) << units : most;
}

/* Subset i of all, or of a sample: a beginning, all but one, only one, or any. */
static void choose(struct exhaust *x, uint8_t *survives, size_t units, uint64_t i, uint64_t of)
{
	const bool each = units < 63 && UINT64_C(1) << units == of;
	const uint64_t span = units + 1, kind = i / span, at = i % span;
	for (size_t k = 0; k < units; k++) {
		if (each)
			survives[k] = (uint8_t)(i >> k & 1u);
		else if (kind < 3)
			survives[k] = kind == 0 ? k < at : kind == 1 ? k != at : k == at;
		else
			survives[k] = draw_chance(&x->draw, 500);
	}
}

/* Everything that the provider's disk can be, beside this one of the signer's. */
static void with_signer(
	struct exhaust *x, uint64_t signer_digest, const struct sign_state *signer, uint64_t most)
{
	uint8_t survives[UNITS_MAX];
	const struct file_sim *disk = x->w->host.disk;
	const size_t units = file_sim_unsynced(disk);
	const uint64_t count = subsets_of(units, most);
	CHECK(units <= UNITS_MAX);
	for (uint64_t i = 0; i < count && x->w->wrong == 0; i++) {
		choose(x, survives, units, i, count);
		struct file_sim *after = file_sim_crash(disk, survives, units);
		const uint64_t key = mix(file_sim_digest(after), signer_digest);
		uint32_t seq = sim_index_get(&seen, &key);
		if (seq == MAP_NONE) {
			x->counts.states++;
			seen_count++;
			seq = (uint32_t)check_core(x, after, signer);
			sim_index_put(&seen, &key, seq);
		}
		check_bounds(x, seq);
		file_sim_destroy(after);
	}
}

static void check_answered(struct exhaust *x, const struct sign_state *signer)
{
	for (uint32_t i = 0; i < x->asked_count; i++)
		if (x->asked[i].answered &&
			sign_state_variant(signer, &x->asked[i].session, x->asked[i].variant) ==
				NULL)
			world_wrong(x->w, "the signer forgot a signature that left it");
}

void exhaust_point(struct exhaust *x)
{
	uint8_t survives[UNITS_MAX];
	const struct file_sim *disk = x->w->keeper.disk;
	const size_t units = file_sim_unsynced(disk);
	const size_t all = units + file_sim_unsynced(x->w->host.disk);
	const uint64_t count = subsets_of(units, SIGNER_SUBSETS), begun = clock_mono_ms();
	CHECK(units <= UNITS_MAX);
	if (x->states > 0 && seen_count >= x->states)
		return;
	live(x);
	x->counts.points++;
	x->counts.sampled += all >= 63 || UINT64_C(1) << all > x->subsets;
	for (uint64_t i = 0; i < count && x->w->wrong == 0; i++) {
		struct state_file *file = NULL;
		struct sign_state *state = NULL;
		choose(x, survives, units, i, count);
		struct file_sim *after = file_sim_crash(disk, survives, units);
		const uint64_t digest = file_sim_digest(after);
		if (keeper_open(&x->w->keeper, &file, &state, after)) {
			check_answered(x, state);
			with_signer(
				x, digest, state, x->subsets / count > 0 ? x->subsets / count : 1);
			state_file_close(file);
			sign_state_destroy(state);
		}
		file_sim_destroy(after);
	}
	x->counts.took_ms += clock_mono_ms() - begun;
}

/* ---- life ---- */

struct exhaust *exhaust_create(struct world *w, uint32_t subsets, uint64_t states)
{
	const struct loop_config loop = {.virtual_time = true, .start_wall_ms = WORLD_START_MS};
	struct exhaust *x = sim_alloc(sizeof *x);
	x->w = w;
	x->subsets = subsets;
	x->states = states;
	/* what a start needs is not given back to the system between two */
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_MAX);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
	if (seen.map.key_len == 0)
		sim_index_init(&seen, sizeof(uint64_t), 1);
	draw_init(&x->draw, w->seed, "exhaust", 0);
	x->config = *host_config(&w->host);
	for (unsigned i = 0; i < w->nets.count; i++)
		x->config.layer[w->nets.place[i]].enabled = false;
	CHECK(loop_create(&x->loop, &loop) == OK);
	CHECK(http_client_create_local(&x->http, x->loop, on_request, x) == OK);
	return x;
}

void exhaust_destroy(struct exhaust *x)
{
	if (x == NULL)
		return;
	http_client_destroy(x->http);
	loop_destroy(x->loop);
	free(x->lived);
	free(x);
}

const struct exhaust_counts *exhaust_counts(const struct exhaust *x)
{
	return &x->counts;
}
