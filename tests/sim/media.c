/* Media faults on the only copy: bits flip, sectors land in another's place. The journal refuses to
 * start, or it has lost nothing: but for the last group before its mark (docs/data-on-disk.md). */
#include <stdio.h>
#include <string.h>

#include "node/core.h"
#include "world.h"

#define DAMAGES 4u /* at each look */
#define FILES_MAX 16u

struct names {
	char path[FILES_MAX][FILE_SIM_NAME_MAX];
	uint32_t count;
};

static enum err on_name(void *ctx, const char *name)
{
	struct names *n = ctx;
	if (n->count < FILES_MAX)
		(void)snprintf(n->path[n->count++], FILE_SIM_NAME_MAX, HOST_JOURNAL "/%s", name);
	return OK;
}

/* Where something was written: beyond it everything is zero. */
static size_t used_of(const uint8_t *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == 0)
		len--;
	return len;
}

/* False: there is nothing to damage. */
static bool damage(struct file_sim *disk, struct draw *d, char *what, size_t what_size)
{
	const struct file_ops *ops = file_sim_ops(disk);
	struct names names = {.count = 0};
	size_t len = 0;
	if (ops->list(ops->ctx, HOST_JOURNAL, on_name, &names) != OK || names.count == 0)
		return false;
	const char *path = names.path[draw_between(d, 0, names.count - 1)];
	uint8_t *bytes = file_sim_content(disk, path, &len);
	const size_t used = bytes == NULL ? 0 : used_of(bytes, len);
	if (used < 2 * FILE_SIM_SECTOR)
		return false;
	const size_t at = draw_between(d, 0, used - 1), sectors = used / FILE_SIM_SECTOR;
	if (draw_chance(d, 700)) {
		bytes[at] ^= (uint8_t)(1u << draw_between(d, 0, 7));
		(void)snprintf(what, what_size, "%.60s: a bit of byte %zu flips", path, at);
	} else {
		const size_t from = draw_between(d, 0, sectors - 1);
		const size_t to = draw_between(d, 0, sectors - 1);
		memmove(bytes + to * FILE_SIM_SECTOR, bytes + from * FILE_SIM_SECTOR,
			FILE_SIM_SECTOR);
		(void)snprintf(what, what_size, "%.60s: sector %zu lands on %zu", path, from, to);
	}
	return true;
}

static void judge(struct world *w, const struct file_sim *damaged, const char *what)
{
	const uint64_t last = journal_durable(core_journal(w->host.core));
	struct journal_error error = {.text = ""};
	struct hash256 is, want;
	uint64_t seq = 0, upto = 0;
	w->damaged++;
	if (host_fold(&w->host, &is, &seq, &error, damaged, UINT64_MAX) != OK) {
		w->damage_refused++;
		return;
	}
	if (seq < w->host.durable_before || seq > last)
		world_wrong(w, "%s: %llu of %llu records are left, and nobody says so", what,
			(unsigned long long)seq, (unsigned long long)last);
	w->damage_cut += seq < last;
	w->damage_harmless += seq == last;
	if (host_fold(&w->host, &want, &upto, &error, w->host.disk, seq) != OK ||
		!hash256_eq(&is, &want))
		world_wrong(w, "%s: the records are others, and nobody says so", what);
}

/* The last segment that holds something; NULL: there is none. */
static const char *last_path(struct file_sim *disk, struct names *names)
{
	const struct file_ops *ops = file_sim_ops(disk);
	const char *last = NULL;
	size_t len = 0;
	if (ops->list(ops->ctx, HOST_JOURNAL, on_name, names) != OK)
		return NULL;
	for (uint32_t i = 0; i < names->count; i++) {
		const uint8_t *bytes = file_sim_content(disk, names->path[i], &len);
		if (bytes != NULL && used_of(bytes, len) > 2 * FILE_SIM_SECTOR &&
			(last == NULL || strcmp(names->path[i], last) > 0))
			last = names->path[i];
	}
	return last;
}

void check_media_end(struct world *w)
{
	struct names names = {.count = 0};
	struct draw draw;
	char what[120];
	size_t len = 0;
	if (host_ledger(&w->host) == NULL)
		return;
	draw_init(&draw, w->seed, "media end", w->damaged);
	struct file_sim *copy = file_sim_copy(w->host.disk);
	const char *path = last_path(copy, &names);
	uint8_t *bytes = path == NULL ? NULL : file_sim_content(copy, path, &len);
	if (bytes != NULL) {
		const size_t at = used_of(bytes, len) - draw_between(&draw, 1, FILE_SIM_SECTOR);
		bytes[at] ^= (uint8_t)(1u << draw_between(&draw, 0, 7));
		(void)snprintf(what, sizeof what, "%.60s: a bit of byte %zu flips", path, at);
		judge(w, copy, what);
	}
	file_sim_destroy(copy);
}

/* Writes that landed elsewhere while the provider ran: its next start refuses them, or nothing but
 * the last group is lost. */
void check_strays(struct world *w)
{
	struct host *h = &w->host;
	struct journal_error error = {.text = ""};
	struct hash256 is, want;
	uint64_t seq = 0, upto = 0;
	struct file_sim *copy = file_sim_copy(h->disk);
	w->damaged++;
	world_say(w, LANE_PROVIDER, TRACE_FAULT, "starts on a disk with %zu sectors astray",
		file_sim_strays(copy));
	const enum err err = host_fold_as_is(h, &is, &seq, &error, copy, UINT64_MAX);
	file_sim_destroy(copy);
	if (err != OK) {
		w->damage_refused++;
		world_say(w, LANE_PROVIDER, TRACE_NOTE, "refuses: %.150s", error.text);
		return;
	}
	if (h->check && seq < h->durable_before)
		world_wrong(w,
			"sectors are astray, %llu of %llu records are left, and nobody says so",
			(unsigned long long)seq, (unsigned long long)h->durable);
	if (host_fold(h, &want, &upto, &error, h->disk, seq) != OK || !hash256_eq(&is, &want))
		world_wrong(w, "sectors are astray, the records are others, and nobody says so");
}

void check_media(struct world *w)
{
	const struct ledger *l = host_ledger(&w->host);
	struct draw draw;
	if (l == NULL || journal_durable(core_journal(w->host.core)) != l->seq)
		return;
	draw_init(&draw, w->seed, "media", w->damaged + w->folds);
	for (unsigned i = 0; i < DAMAGES; i++) {
		char what[120];
		struct file_sim *copy = file_sim_copy(w->host.disk);
		file_sim_repair(copy);
		if (damage(copy, &draw, what, sizeof what))
			judge(w, copy, what);
		file_sim_destroy(copy);
	}
}
