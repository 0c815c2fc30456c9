/* Storage: rows 40 to 42. */
#include "node/core.h"
#include "world.h"

#define MINUTE_MS UINT64_C(60000)
#define CUTS 8u
#define CUT_EVERY_MS 47000u
#define LOOKS 24u
#define FLIPS 8u /* at each */

static uint64_t now_of(const struct world *w)
{
	return loop_now_ms(w->loop);
}

/* ---- 40 ---- */

static void power_cuts(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	if (w->plan_next == 0 || host_ledger(&w->host) == NULL || now_of(w) < run->since_ms ||
		run->phase >= CUTS)
		return;
	run->since_ms = now_of(w) + CUT_EVERY_MS;
	if (++run->phase == CUTS)
		hazard_met(w);
	host_kill(&w->host, true);
}

/* Whenever the books have moved on: what was written last has nothing behind it yet. */
static void media(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct hazard_run *run = &w->hazard;
	if (w->calm_ms == 0 || l == NULL || l->seq == run->count || run->phase >= LOOKS)
		return;
	run->count = l->seq;
	for (unsigned i = 0; i < FLIPS; i++)
		check_media_end(w);
	if (++run->phase == LOOKS)
		hazard_met(w);
}

/* ---- 41: a sync fails; then the power does ---- */

static void sync_fails(struct world *w)
{
	struct hazard_run *run = &w->hazard;
	const struct file_sim_fault fault = {.op = FILE_SIM_SYNC, .err = ERR_IO};
	if (w->calm_ms == 0 || host_ledger(&w->host) == NULL)
		return;
	if (run->phase == 0) {
		run->phase = 1;
		run->since_ms = now_of(w) + MINUTE_MS / 2;
		run->count = w->host.starts;
		file_sim_inject(w->host.disk, &fault);
	} else if (run->phase == 1 && now_of(w) > run->since_ms) {
		run->phase = 2;
		if (w->host.starts == run->count)
			world_wrong(w, "a sync failed, and the provider goes on");
		w->host.cut_clean = true;
		host_kill(&w->host, true);
		hazard_met(w);
	}
}

/* ---- 42: a second process, and the journal of another cluster ---- */

static enum err ignore(void *ctx, const struct journal_record *r)
{
	(void)ctx, (void)r;
	return OK;
}

static enum err open_once(const struct world *w, const struct file_ops *ops, struct id128 cluster)
{
	struct journal *j = NULL;
	struct journal_error error;
	const struct journal_config config = {.dir = HOST_JOURNAL,
		.cluster = cluster,
		.fresh_cluster = {{1}},
		.ops = ops,
		.segment_size = w->host.segment_size,
		.group_max = w->host.group_max,
		.synchronous = true};
	const enum err err = journal_open(&j, &config, ignore, NULL, &error);
	if (err == OK)
		journal_close(j);
	return err;
}

static void two_daemons(struct world *w)
{
	if (w->plan_next == 0 || host_ledger(&w->host) == NULL || w->hazard.met)
		return;
	hazard_met(w);
	if (open_once(w, file_sim_ops(w->host.disk), (struct id128){{0}}) != ERR_EXISTS)
		world_wrong(w, "a second process has the provider's journal");
}

static void another_cluster(struct world *w)
{
	if (w->plan_next == 0 || host_ledger(&w->host) == NULL || w->hazard.met)
		return;
	hazard_met(w);
	struct file_sim *copy = file_sim_copy(w->host.disk);
	if (open_once(w, file_sim_ops(copy), (struct id128){{42}}) != ERR_NETWORK)
		world_wrong(w, "the journal of another cluster is taken");
	file_sim_destroy(copy);
}

const struct hazard hazards_disk[] = {
	{.name = "power-cuts",
		.row = 40,
		.about = "the power fails, and any part of what was unsynced is left",
		SWAP_FROM(LAYER_BITCOIN),
		.turn = power_cuts,
		.mutant = {MUTANT_SYNC_LEFT_OUT},
		.mutant_count = 1},
	{.name = "media-faults",
		.row = 40,
		.about = "bits flip and sectors land in another's place",
		PAYOUT_ON(LAYER_BITCOIN),
		.turn = media,
		.mutant = {MUTANT_CHECKSUM_IGNORED},
		.mutant_count = 1},
	{.name = "sync-fails",
		.row = 41,
		.about = "a sync fails, and later the power",
		PAYOUT_ON(LAYER_ROOTSTOCK),
		.turn = sync_fails,
		.mutant = {MUTANT_SYNC_ERROR_IGNORED},
		.mutant_count = 1},
	{.name = "two-daemons",
		.row = 42,
		.about = "a second process opens the journal",
		PAYOUT_ON(LAYER_ROOTSTOCK),
		.turn = two_daemons,
		.mutant = {MUTANT_JOURNAL_NOT_LOCKED},
		.mutant_count = 1},
	{.name = "another-cluster",
		.row = 42,
		.about = "the journal belongs to another cluster",
		PAYOUT_ON(LAYER_ROOTSTOCK),
		.turn = another_cluster,
		.mutant = {MUTANT_ANY_CLUSTER},
		.mutant_count = 1},
};
const size_t hazards_disk_count = ARRAY_LEN(hazards_disk);
