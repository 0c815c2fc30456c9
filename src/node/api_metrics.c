/* Gauges of the state, read from the ledger and the adapters when they are asked for. */
#include "node/api_internal.h"

#include <stddef.h>

#define LABELS_SIZE 128u
#define NS_PER_MS 1000000u

PRINTF_LIKE(2, 3)
static const char *labels_of(char text[LABELS_SIZE], const char *fmt, ...)
{
	struct buf b = buf_init(text, LABELS_SIZE);
	va_list args;
	va_start(args, fmt);
	buf_vprintf(&b, fmt, args);
	va_end(args);
	CHECK(!b.overflow);
	return buf_cstr(&b);
}

/* ---- layers: one row of this table is one metric with a sample for each enabled layer ---- */

struct layer_view {
	enum layer_id id;
	const struct layer_state *state;
	const struct layer_info *info;
};

enum unit { UNIT_PLAIN, UNIT_MS };

static uint64_t up(const struct layer_view *v)
{
	return v->info->err == OK ? 1 : 0;
}
static uint64_t height(const struct layer_view *v)
{
	return v->state->tip.height;
}
static uint64_t node_height(const struct layer_view *v)
{
	return v->info->tip.height;
}
static uint64_t calls(const struct layer_view *v)
{
	return v->info->health.calls;
}
static uint64_t failures(const struct layer_view *v)
{
	return v->info->health.failures;
}
static uint64_t in_flight(const struct layer_view *v)
{
	return v->info->health.in_flight;
}
static uint64_t blocks(const struct layer_view *v)
{
	return v->info->blocks_seen;
}
static uint64_t seen(const struct layer_view *v)
{
	return v->info->events_seen;
}
static uint64_t reorgs(const struct layer_view *v)
{
	return v->info->reorganisations;
}
static uint64_t fee_rate(const struct layer_view *v)
{
	return v->state->fee_rate;
}
static uint64_t reconciled(const struct layer_view *v)
{
	return v->state->reconciled_ms;
}

static const struct {
	const char *name;
	enum metric_kind kind;
	enum unit unit;
	uint64_t (*value)(const struct layer_view *v);
	const char *help;
} layer_metrics[] = {
	{"sluice_layer_up", METRIC_GAUGE, UNIT_PLAIN, up,
		"1 where the node is connected, checked and in sync."},
	{"sluice_layer_height", METRIC_GAUGE, UNIT_PLAIN, height,
		"Height of the last block in the journal."},
	{"sluice_layer_node_height", METRIC_GAUGE, UNIT_PLAIN, node_height,
		"Height of the node's own tip."},
	{"sluice_layer_calls_total", METRIC_COUNTER, UNIT_PLAIN, calls, "Calls to the node."},
	{"sluice_layer_call_failures_total", METRIC_COUNTER, UNIT_PLAIN, failures,
		"Calls without a usable answer."},
	{"sluice_layer_calls_in_flight", METRIC_GAUGE, UNIT_PLAIN, in_flight,
		"Calls that wait for the node."},
	{"sluice_layer_blocks_total", METRIC_COUNTER, UNIT_PLAIN, blocks, "Blocks looked at."},
	{"sluice_layer_events_total", METRIC_COUNTER, UNIT_PLAIN, seen,
		"Things seen on the chain that concern us."},
	{"sluice_layer_reorganisations_total", METRIC_COUNTER, UNIT_PLAIN, reorgs,
		"Reorganisations seen."},
	{"sluice_layer_fee_rate", METRIC_GAUGE, UNIT_PLAIN, fee_rate,
		"Last fee rate: satoshi for 1,000 vbytes, or wei for a unit of gas."},
	{"sluice_reconciliation_timestamp_seconds", METRIC_GAUGE, UNIT_MS, reconciled,
		"When books and chain were last compared."},
};

static void put_layers(struct buf *out, const struct layer_view *view, size_t count)
{
	char labels[LABELS_SIZE];
	for (size_t m = 0; m < ARRAY_LEN(layer_metrics); m++) {
		const char *name = layer_metrics[m].name;
		metric_head(out, name, layer_metrics[m].kind, layer_metrics[m].help);
		for (size_t i = 0; i < count; i++) {
			const uint64_t value = layer_metrics[m].value(&view[i]);
			(void)labels_of(labels, "layer=\"%s\"", layer_name(view[i].id));
			if (layer_metrics[m].unit == UNIT_MS)
				metric_ms(out, name, labels, value);
			else
				metric_u64(out, name, labels, value);
		}
	}
}

static void put_calls(
	struct buf *out, const struct api *api, const struct layer_view *view, size_t count)
{
	static const char name[] = "sluice_layer_call_duration_seconds";
	char labels[LABELS_SIZE];
	metric_head(out, name, METRIC_HISTOGRAM, "Time of a call that the node answered.");
	for (size_t i = 0; i < count; i++)
		metric_latency(out, name, labels_of(labels, "layer=\"%s\"", layer_name(view[i].id)),
			api->metrics.layer_call[view[i].id]);
}

/* What each kind of task used; what none did, as "other". */
static void put_tasks(struct buf *out)
{
	static const char seconds[] = "sluice_cpu_seconds_total",
			  exceeded[] = "sluice_cpu_budget_exceeded_total",
			  entered[] = "sluice_cpu_tasks_total";
	char labels[LABELS_SIZE];
	struct cpu_task_sum sum[CPU_TASK_KINDS_MAX];
	const uint32_t kinds = cpu_task_kind_count();
	for (uint32_t k = 0; k < kinds; k++)
		cpu_task_read(k, &sum[k]);
	metric_head(out, seconds, METRIC_COUNTER, "CPU time, by the kind of task.");
	for (uint32_t k = 0; k < kinds; k++)
		metric_ns(out, seconds, labels_of(labels, "task=\"%s\"", cpu_task_name(k)),
			sum[k].ns);
	metric_head(out, entered, METRIC_COUNTER, "Tasks begun.");
	for (uint32_t k = 1; k < kinds; k++)
		metric_u64(out, entered, labels_of(labels, "task=\"%s\"", cpu_task_name(k)),
			sum[k].entered);
	metric_head(
		out, exceeded, METRIC_COUNTER, "Tasks that went over their budget of CPU time.");
	for (uint32_t k = 1; k < kinds; k++)
		metric_u64(out, exceeded, labels_of(labels, "task=\"%s\"", cpu_task_name(k)),
			sum[k].exceeded);
}

static void put_money(
	struct buf *out, const struct ledger *l, const struct layer_view *view, size_t count)
{
	char labels[LABELS_SIZE];
	metric_head(out, "sluice_balance_coins", METRIC_GAUGE,
		"Balance of a custody account, in whole coins.");
	for (size_t i = 0; i < count; i++) {
		const enum layer_id id = view[i].id;
		for (unsigned a = 0; a < ACCOUNT_COUNT; a++) {
			if (!account_is_custody((enum account)a))
				continue;
			(void)labels_of(labels, "layer=\"%s\",asset=\"%s\",account=\"%s\"",
				layer_name(id), asset_name(layer_asset(id)),
				account_name((enum account)a));
			metric_amount(out, "sluice_balance_coins", labels,
				ledger_balance(l, id, (enum account)a));
		}
	}
	metric_head(out, "sluice_suspense_coins", METRIC_GAUGE,
		"What arrived unexplained (suspense:in) or left unexplained (suspense:missing), in "
		"whole coins.");
	for (size_t i = 0; i < count; i++) {
		const enum layer_id id = view[i].id;
		(void)labels_of(labels, "layer=\"%s\",account=\"%s\"", layer_name(id),
			account_name(ACCOUNT_SUSPENSE_IN));
		metric_amount(out, "sluice_suspense_coins", labels,
			ledger_balance_credit(l, id, ACCOUNT_SUSPENSE_IN));
		(void)labels_of(labels, "layer=\"%s\",account=\"%s\"", layer_name(id),
			account_name(ACCOUNT_SUSPENSE_MISSING));
		metric_amount(out, "sluice_suspense_coins", labels,
			ledger_balance(l, id, ACCOUNT_SUSPENSE_MISSING));
	}
	metric_head(out, "sluice_reconciliation_difference_coins", METRIC_GAUGE,
		"Difference between books and chain at the last comparison, in whole coins.");
	for (size_t i = 0; i < count; i++) {
		if (!view[i].state->reconciled)
			continue;
		(void)labels_of(labels, "layer=\"%s\"", layer_name(view[i].id));
		metric_amount(out, "sluice_reconciliation_difference_coins", labels,
			view[i].state->difference);
	}
}

static void put_swaps(struct buf *out, const struct api *api, const struct ledger *l)
{
	char labels[LABELS_SIZE];
	uint64_t open[SWAP_STATE_COUNT] = {0};
	for (uint32_t i = 0; i < l->active_swap_count; i++)
		open[l->swap[l->active_swap[i]].state]++;
	metric_head(out, "sluice_swaps_open", METRIC_GAUGE,
		"Swaps with something left to happen, by state.");
	for (unsigned s = 0; s < SWAP_STATE_COUNT; s++)
		metric_u64(out, "sluice_swaps_open",
			labels_of(labels, "state=\"%s\"", swap_state_name((enum swap_state)s)),
			open[s]);
	metric_head(out, "sluice_swap_changes_total", METRIC_COUNTER,
		"Changes of swaps since the start, by the state after them.");
	for (unsigned s = 0; s < SWAP_STATE_COUNT; s++)
		metric_u64(out, "sluice_swap_changes_total",
			labels_of(labels, "state=\"%s\"", swap_state_name((enum swap_state)s)),
			api->metrics.swap_transition[s]);
}

/* ---- rings between the threads: one row of this table is one metric with a sample for each ----
 */

static uint64_t waiting(const struct link_stat *r)
{
	return r->waiting;
}
static uint64_t peak(const struct link_stat *r)
{
	return r->waiting_peak;
}
static uint64_t depth(const struct link_stat *r)
{
	return r->depth;
}
static uint64_t posted(const struct link_stat *r)
{
	return r->posted;
}
static uint64_t refused(const struct link_stat *r)
{
	return r->refused;
}
static uint64_t amended(const struct link_stat *r)
{
	return r->amended;
}
static uint64_t wait_sum(const struct link_stat *r)
{
	return r->wait_ns_sum / NS_PER_MS;
}
static uint64_t wait_longest(const struct link_stat *r)
{
	return r->wait_ns_max / NS_PER_MS;
}

static const struct {
	const char *name;
	enum metric_kind kind;
	enum unit unit;
	uint64_t (*value)(const struct link_stat *r);
	const char *help;
} ring_metrics[] = {
	{"sluice_ring_waiting", METRIC_GAUGE, UNIT_PLAIN, waiting,
		"Items on the ring that were not taken yet."},
	{"sluice_ring_waiting_peak", METRIC_GAUGE, UNIT_PLAIN, peak,
		"The most items that ever waited."},
	{"sluice_ring_capacity", METRIC_GAUGE, UNIT_PLAIN, depth, "Items that it can hold."},
	{"sluice_ring_items_total", METRIC_COUNTER, UNIT_PLAIN, posted, "Items put on the ring."},
	{"sluice_ring_refused_total", METRIC_COUNTER, UNIT_PLAIN, refused,
		"Items refused because too many waited."},
	{"sluice_ring_expired_total", METRIC_COUNTER, UNIT_PLAIN, amended,
		"Requests answered with 503 because nobody looked at them in time."},
	{"sluice_ring_wait_seconds_total", METRIC_COUNTER, UNIT_MS, wait_sum,
		"Time that items waited, in all."},
	{"sluice_ring_wait_longest_seconds", METRIC_GAUGE, UNIT_MS, wait_longest,
		"The longest that an item waited."},
};

static void put_rings(struct buf *out, const struct node_status *node)
{
	char labels[LABELS_SIZE];
	for (size_t m = 0; m < ARRAY_LEN(ring_metrics); m++) {
		const char *name = ring_metrics[m].name;
		metric_head(out, name, ring_metrics[m].kind, ring_metrics[m].help);
		for (uint32_t i = 0; i < node->ring_count; i++) {
			const uint64_t value = ring_metrics[m].value(&node->ring[i]);
			(void)labels_of(labels, "ring=\"%s\"", node->ring[i].name);
			if (ring_metrics[m].unit == UNIT_MS)
				metric_ms(out, name, labels, value);
			else
				metric_u64(out, name, labels, value);
		}
	}
}

static void put_one(
	struct buf *out, const char *name, enum metric_kind kind, const char *help, uint64_t value)
{
	metric_head(out, name, kind, help);
	metric_u64(out, name, "", value);
}

/* ---- pools: likewise, with a sample for each class of each pool ---- */

static const struct {
	const char *name;
	enum metric_kind kind;
	const char *help;
	size_t at; /* of a counter in struct slab_stats */
} pool_metrics[] = {
	{"sluice_pool_objects", METRIC_GAUGE, "Objects of the pool that memory was taken for.",
		offsetof(struct slab_stats, objects)},
	{"sluice_pool_in_use", METRIC_GAUGE, "Objects of the pool that are in use.",
		offsetof(struct slab_stats, live)},
	{"sluice_pool_peak", METRIC_GAUGE, "The most that were in use, or kept at hand, at once.",
		offsetof(struct slab_stats, out_max)},
	{"sluice_pool_refills_total", METRIC_COUNTER,
		"Times that a thread had none at hand and fetched a row of them.",
		offsetof(struct slab_stats, refilled)},
	{"sluice_pool_refused_total", METRIC_COUNTER, "Times that the pool had no room left.",
		offsetof(struct slab_stats, refused)},
};

static void put_pools(struct buf *out, const struct node_status *node)
{
	char labels[LABELS_SIZE];
	for (size_t m = 0; m < ARRAY_LEN(pool_metrics); m++) {
		metric_head(out, pool_metrics[m].name, pool_metrics[m].kind, pool_metrics[m].help);
		for (uint32_t i = 0; i < node->pool_count; i++) {
			uint64_t value;
			memcpy(&value,
				(const unsigned char *)&node->pool[i].stats + pool_metrics[m].at,
				sizeof value);
			(void)labels_of(labels, "pool=\"%s\",size=\"%zu\"", node->pool[i].name,
				node->pool[i].stats.size);
			metric_u64(out, pool_metrics[m].name, labels, value);
		}
	}
}

/* ---- the workers: one row of this table is one metric ---- */

static const struct {
	const char *name, *help;
	size_t at; /* of a counter in struct executor_counts */
} work_metrics[] = {
	{"sluice_executor_tasks_total", "Tasks that workers ran.",
		offsetof(struct executor_counts, run)},
	{"sluice_executor_dropped_total", "Tasks that were called off before they began.",
		offsetof(struct executor_counts, dropped)},
	{"sluice_executor_stolen_total", "Tasks and parts of tasks taken from another worker.",
		offsetof(struct executor_counts, stolen)},
	{"sluice_executor_failed_steals_total", "Looks at another worker that had nothing to take.",
		offsetof(struct executor_counts, failed_steals)},
	{"sluice_executor_parked_total", "Times that a worker went to sleep.",
		offsetof(struct executor_counts, parked)},
};

static void put_work(struct buf *out, const struct node_status *node)
{
	static const char busy[] = "sluice_executor_busy_seconds_total",
			  imbalance[] = "sluice_executor_imbalance_ratio";
	put_one(out, "sluice_executor_workers", METRIC_GAUGE,
		"Threads for CPU work; 1 where the system gives none.", node->workers);
	put_one(out, "sluice_executor_queue_depth", METRIC_GAUGE, "Tasks that wait for a worker.",
		node->work.queue_depth);
	for (size_t i = 0; i < ARRAY_LEN(work_metrics); i++) {
		uint64_t value;
		memcpy(&value, (const unsigned char *)&node->work + work_metrics[i].at,
			sizeof value);
		put_one(out, work_metrics[i].name, METRIC_COUNTER, work_metrics[i].help, value);
	}
	metric_head(out, busy, METRIC_COUNTER, "Time that workers did not sleep or look for work.");
	metric_ns(out, busy, "", node->work.busy_ns);
	metric_head(out, imbalance, METRIC_GAUGE,
		"How much longer than the mean the busiest worker was busy.");
	metric_ms(out, imbalance, "", node->imbalance_milli);
}

static void put_coins(
	struct buf *out, const struct ledger *l, const struct layer_view *view, size_t count)
{
	char labels[LABELS_SIZE];
	metric_head(out, "sluice_coins", METRIC_GAUGE,
		"Coins in the ledger's list, from outside or made by our own transactions.");
	for (size_t i = 0; i < count; i++) {
		const enum layer_id id = view[i].id;
		for (unsigned own = 0; layer_family(id) == FAMILY_UTXO && own < 2; own++)
			metric_u64(out, "sluice_coins",
				labels_of(labels, "layer=\"%s\",from=\"%s\"", layer_name(id),
					own ? "own" : "outside"),
				ledger_coins(l, id, own));
	}
	put_one(out, "sluice_coins_max", METRIC_GAUGE, "As many of each as capacity allows.",
		l->capacity.coins);
}

static void put_snapshots(struct buf *out, const struct snapshots_stat *s)
{
	static const char age[] = "sluice_snapshot_age_seconds",
			  took[] = "sluice_snapshot_duration_seconds";
	put_one(out, "sluice_snapshots_total", METRIC_COUNTER, "Snapshots made by this process.",
		s->made);
	put_one(out, "sluice_snapshots_failed_total", METRIC_COUNTER,
		"Snapshots that could not be made.", s->failed);
	put_one(out, "sluice_journal_segments_freed_total", METRIC_COUNTER,
		"Segments freed: snapshots and the log's tree hold what was in them.", s->freed);
	put_one(out, "sluice_journal_segments_recycled_total", METRIC_COUNTER,
		"Those of them that are used again.", s->recycled);
	put_one(out, "sluice_journal_kept_bytes_total", METRIC_COUNTER,
		"Records kept of freed segments, for receipts.", s->kept_bytes);
	put_one(out, "sluice_snapshot_sequence", METRIC_GAUGE,
		"The last record in the newest snapshot; 0: there is none.", s->last_seq);
	put_one(out, "sluice_snapshot_bytes", METRIC_GAUGE, "Size of the newest snapshot.",
		s->last_bytes);
	put_one(out, "sluice_snapshot_journal_bytes", METRIC_GAUGE,
		"Written to the journal since: what a start replays, about.", s->behind_bytes);
	metric_head(out, took, METRIC_GAUGE,
		"Time to make the newest snapshot; 0: not by this process.");
	metric_ns(out, took, "", s->last_ns);
	metric_head(out, age, METRIC_GAUGE,
		"Since the newest snapshot; 0: none was made by this process.");
	metric_ns(out, age, "", s->age_ns);
}

static void put_node(struct buf *out, const struct api *api, const struct ledger *l)
{
	struct node_status node;
	struct readiness ready;
	api->ports.status(api->ports.ctx, &node);
	api_readiness(api, &ready);
	put_one(out, "sluice_ready", METRIC_GAUGE, "1 where /readyz says so.", ready.ready);
	put_one(out, "sluice_signer_up", METRIC_GAUGE, "1 where the signer is connected.",
		node.signer_connected);
	put_one(out, "sluice_journal_up", METRIC_GAUGE, "1 where the journal takes records.",
		node.journal_ok);
	put_one(out, "sluice_journal_damaged_segments", METRIC_GAUGE,
		"Full segments of the journal in which damage was found.", node.scrub.damaged);
	put_one(out, "sluice_journal_scrubbed_bytes_total", METRIC_COUNTER,
		"Bytes of full segments that were read again.", node.scrub.bytes);
	put_one(out, "sluice_journal_scrubs_total", METRIC_COUNTER,
		"Times that all full segments were read again.", node.scrub.passes);
	put_one(out, "sluice_latched", METRIC_GAUGE, "1 where new payments are stopped.",
		l->latched);
	put_one(out, "sluice_swaps_known", METRIC_GAUGE, "Swaps in the ledger.", l->swap_count);
	put_one(out, "sluice_transfers_known", METRIC_GAUGE, "Payouts in the ledger.",
		l->transfer_count);
	put_one(out, "sluice_book_accounts", METRIC_GAUGE, "Accounts of customers.",
		l->book.account_count);
	put_one(out, "sluice_book_rows", METRIC_GAUGE,
		"Customers' transfers and batches of them that are remembered.", l->book.row_count);
	put_one(out, "sluice_book_rows_max", METRIC_GAUGE, "As many as capacity allows.",
		l->book.row_capacity);
	put_one(out, "sluice_effects_open", METRIC_GAUGE,
		"Transactions of ours that are not final.", l->open_effect_count);
	put_one(out, "sluice_effects_in_flight", METRIC_GAUGE,
		"Transactions being built, signed or submitted.", node.effects_in_flight);
	put_one(out, "sluice_journal_sequence", METRIC_GAUGE, "Last record applied.", l->seq);
	put_one(out, "sluice_journal_durable_sequence", METRIC_GAUGE, "Last record durable.",
		api->ports.durable(api->ports.ctx));
	put_one(out, "sluice_journal_records_total", METRIC_COUNTER, "Records written.",
		node.journal.records);
	put_one(out, "sluice_journal_written_bytes_total", METRIC_COUNTER, "Bytes written.",
		node.journal.bytes);
	metric_head(out, "sluice_journal_sync_duration_seconds", METRIC_HISTOGRAM,
		"Time of a sync of the disk.");
	metric_latency(out, "sluice_journal_sync_duration_seconds", "", api->metrics.journal_sync);
	metric_head(out, "sluice_loop_turn_duration_seconds", METRIC_HISTOGRAM,
		"Time from when the engine's loop wakes to when it waits again.");
	metric_latency(out, "sluice_loop_turn_duration_seconds", "", api->metrics.loop_turn);
	put_one(out, "sluice_journal_free_bytes", METRIC_GAUGE, "Space left for the journal.",
		node.journal.bytes_free);
	put_one(out, "sluice_journal_full", METRIC_GAUGE,
		"1 where the disk has no room for another segment: nothing new is taken.",
		node.journal.full);
	put_snapshots(out, &node.snapshots);
	put_one(out, "sluice_event_streams", METRIC_GAUGE, "Open event streams.",
		events_stream_count(api->events));
	put_one(out, "sluice_answers_waiting", METRIC_GAUGE,
		"Requests whose answer waits for durability or a node.", api->pending_count);
	put_rings(out, &node);
	put_work(out, &node);
	put_pools(out, &node);
}

void api_put_metrics(struct buf *out, const struct api *api)
{
	const struct ledger *l = engine_ledger(api->engine);
	struct layer_info info[LAYER_COUNT];
	struct layer_view view[LAYER_COUNT];
	size_t count = 0;
	for (unsigned i = 0; i < LAYER_COUNT; i++) {
		if (!api->config->layer[i].enabled)
			continue;
		info[count] = (struct layer_info){.err = ERR_UNAVAILABLE};
		api->ports.layer_info(api->ports.ctx, (enum layer_id)i, &info[count]);
		view[count] = (struct layer_view){
			.id = (enum layer_id)i, .state = &l->layer[i], .info = &info[count]};
		count++;
	}
	put_node(out, api, l);
	put_swaps(out, api, l);
	put_layers(out, view, count);
	put_calls(out, api, view, count);
	put_tasks(out);
	put_money(out, l, view, count);
	put_coins(out, l, view, count);
}
