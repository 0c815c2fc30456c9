#include "channel_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEADLINE_MS 60000u
#define POLL_MS 200u
#define HEIGHT 463u
#define ALICE_MSAT UINT64_C(3996530000)
#define BOB_MSAT UINT64_C(1000000000)

static const char *const names[SIDES] = {[ALICE] = "alice", [BOB] = "bob"};

/* ---- waiting ---- */

void rig_run(struct channel_rig *rig, uint64_t ms)
{
	const uint64_t end = loop_now_ms(rig->loop) + ms;
	do
		(void)loop_step(rig->loop, end - loop_now_ms(rig->loop));
	while (loop_now_ms(rig->loop) < end);
}

void rig_until(struct channel_rig *rig, const char *what, rig_cond cond, const void *arg)
{
	const uint64_t end = loop_now_ms(rig->loop) + DEADLINE_MS;
	while (!cond(rig, arg)) {
		if (loop_now_ms(rig->loop) >= end) {
			(void)fprintf(stderr, "never came: %s\n", what);
			CHECK(false);
		}
		(void)loop_step(rig->loop, POLL_MS);
	}
}

static bool is_true(struct channel_rig *rig, const void *arg)
{
	(void)rig;
	return *(const bool *)arg;
}

/* ---- what is reported ---- */

static enum err on_block(void *ctx, enum layer_id layer, const struct block_ref *block,
	const struct chain_event *event, size_t event_count)
{
	struct channel_side *s = ctx;
	(void)event;
	CHECK(layer == LAYER_LIGHTNING && event_count == 0);
	if (s->block_answer != OK)
		return s->block_answer;
	CHECK(s->block_count < RIG_BLOCKS_MAX);
	if (s->block_count > 0) {
		const struct block_ref *last = &s->block[s->block_count - 1];
		CHECK(block->height == last->height + 1);
		CHECK(hash256_eq(&block->parent, &last->hash));
	}
	s->block[s->block_count++] = *block;
	return OK;
}

static enum err on_reorg(void *ctx, enum layer_id layer, const struct block_ref *keep)
{
	(void)ctx;
	(void)layer;
	(void)keep;
	CHECK(false); /* never, on these layers */
	return OK;
}

static enum err on_fact(void *ctx, enum layer_id layer, const struct chain_event *event)
{
	struct channel_side *s = ctx;
	CHECK(layer == LAYER_LIGHTNING);
	CHECK(event->kind == CHAIN_LOCK || event->kind == CHAIN_LOCK_SPENT);
	CHECK(event->at.index == 0);
	if (s->fact_answer != OK) {
		s->refused_count++;
		return s->fact_answer;
	}
	CHECK(s->fact_count < RIG_FACTS_MAX);
	s->fact[s->fact_count++] = *event;
	return OK;
}

static const struct chain_event *find(const struct channel_side *s, enum chain_event_kind kind,
	const struct hash256 *hash, uint32_t *count)
{
	const struct chain_event *found = NULL;
	*count = 0;
	for (uint32_t i = 0; i < s->fact_count; i++)
		if (s->fact[i].kind == kind && hash256_eq(&s->fact[i].at.tx, hash)) {
			found = &s->fact[i];
			(*count)++;
		}
	return found;
}

uint32_t rig_facts(const struct channel_rig *rig, enum side side, enum chain_event_kind kind,
	const struct hash256 *hash)
{
	uint32_t count;
	(void)find(&rig->side[side], kind, hash, &count);
	return count;
}

struct wanted {
	enum side side;
	enum chain_event_kind kind;
	const struct hash256 *hash;
};

static bool is_told(struct channel_rig *rig, const void *arg)
{
	const struct wanted *w = arg;
	return rig_facts(rig, w->side, w->kind, w->hash) > 0;
}

struct chain_event rig_fact(struct channel_rig *rig, enum side side, enum chain_event_kind kind,
	const struct hash256 *hash)
{
	const struct wanted w = {.side = side, .kind = kind, .hash = hash};
	uint32_t count;
	rig_until(rig, kind == CHAIN_LOCK ? "a lock" : "the end of a lock", is_told, &w);
	const struct chain_event *found = find(&rig->side[side], kind, hash, &count);
	CHECK(found != NULL && count == 1);
	return *found;
}

/* ---- making it ---- */

static void open_node(struct channel_rig *rig, enum side side, const char *network)
{
	struct channel_side *s = &rig->side[side];
	const struct ln_node_config config = {.kind = rig->kind[side],
		.network = network_by_name(LAYER_BITCOIN, slice_str(network)),
		.url = rig->where[side].url,
		.credential_file = rig->where[side].credential,
		.client = s->client,
		.loop = rig->loop};
	CHECK(ln_node_create(&s->node, &config) == OK);
}

void rig_layer(struct channel_rig *rig, enum side side, const char *network)
{
	struct channel_side *s = &rig->side[side];
	layer_destroy(s->layer);
	ln_node_destroy(s->node);
	open_node(rig, side, network);
	const struct layer_config config = {.id = LAYER_LIGHTNING,
		.network = network_by_name(LAYER_LIGHTNING, slice_str(network)),
		.loop = rig->loop,
		.lightning = s->node,
		.poll_ms = POLL_MS};
	CHECK(layer_create(&s->layer, &config) == OK);
	s->block_count = 0;
	s->fact_count = 0;
	s->refused_count = 0;
}

void rig_start(struct channel_rig *rig, enum side side, uint64_t height)
{
	struct channel_side *s = &rig->side[side];
	struct block_ref block;
	const struct layer_sink sink = {
		.on_block = on_block, .on_reorg = on_reorg, .on_fact = on_fact, .ctx = s};
	CHECK(rig_block_at(rig, side, height, &block) == OK);
	CHECK(layer_start(s->layer, &block, 1, &sink) == OK);
}

static void simulate(struct channel_rig *rig)
{
	static const http_local_handler serve[SIDES] = {[ALICE] = simln_alice, [BOB] = simln_bob};
	const struct simln_config config = {.loop = rig->loop,
		.wall_s = 1800000000,
		.height = HEIGHT,
		.local_msat = {ALICE_MSAT, BOB_MSAT},
		.cln = {rig->kind[ALICE] == LN_CLN, rig->kind[BOB] == LN_CLN}};
	CHECK(simln_create(&rig->sim, &config) == OK);
	for (enum side side = 0; side < SIDES; side++) {
		const char *secret = rig->kind[side] == LN_CLN ? SIMLN_RUNE : SIMLN_MACAROON;
		char *path = rig->credential[side];
		(void)snprintf(path, sizeof rig->credential[side], "/tmp/sluice-channel-XXXXXX");
		const int fd = mkstemp(path);
		CHECK(fd >= 0 && write(fd, secret, strlen(secret)) > 0 && close(fd) == 0);
		rig->where[side].url = "https://node";
		rig->where[side].credential = path;
		CHECK(http_client_create_local(
			      &rig->side[side].client, rig->loop, serve[side], rig->sim) == OK);
	}
}

void rig_init(struct channel_rig *rig, int argc, char **argv)
{
	const bool cln = argc == 1 && strcmp(argv[0], "cln") == 0, real = argc > 0 && !cln;
	const struct loop_config loop = {
		.virtual_time = !real, .start_wall_ms = UINT64_C(1800000000000)};
	*rig = (struct channel_rig){
		.network = network_by_name(LAYER_LIGHTNING, slice_str("regtest"))};
	rig->kind[BOB] = cln ? LN_CLN : LN_LND;
	CHECK(loop_create(&rig->loop, &loop) == OK);
	CHECK(!real || argc == 3 * (int)SIDES);
	for (enum side side = 0; side < SIDES; side++) {
		rig->side[side].name = names[side];
		if (!real)
			continue;
		rig->where[side].url = argv[3 * side];
		rig->where[side].credential = argv[3 * side + 1];
		rig->where[side].certificate = argv[3 * side + 2];
		const struct http_client_config config = {.ca_file = rig->where[side].certificate};
		CHECK(http_client_create_with(&rig->side[side].client, rig->loop, &config) == OK);
	}
	if (!real)
		simulate(rig);
}

void rig_fini(struct channel_rig *rig)
{
	for (enum side side = 0; side < SIDES; side++) {
		layer_destroy(rig->side[side].layer);
		ln_node_destroy(rig->side[side].node);
	}
	simln_destroy(rig->sim);
	for (enum side side = 0; side < SIDES; side++)
		http_client_destroy(rig->side[side].client);
	for (enum side side = 0; rig->sim != NULL && side < SIDES; side++)
		(void)unlink(rig->credential[side]);
	loop_destroy(rig->loop);
}

/* ---- levers ---- */

/* The driver of the test does it, and says so. */
static void drive(const char *what, const char *more, uint32_t n)
{
	char line[16];
	CHECK(printf("%s %s %u\n", what, more, n) > 0 && fflush(stdout) == 0);
	CHECK(fgets(line, sizeof line, stdin) != NULL);
}

void rig_mine(struct channel_rig *rig, uint32_t count)
{
	if (rig->sim != NULL)
		simln_mine(rig->sim, count);
	else
		drive("mine", "-", count);
}

void rig_stop_node(struct channel_rig *rig, enum side side)
{
	if (rig->sim != NULL)
		simln_set_up(rig->sim, side == ALICE ? SIMLN_ALICE : SIMLN_BOB, false);
	else
		drive("stop", names[side], 0);
}

struct asked {
	bool done;
	struct ln_info info; /* height 0: no answer */
};

static void on_asked(void *ctx, const struct ln_answer *answer)
{
	struct asked *a = ctx;
	a->done = true;
	if (answer->info != NULL)
		a->info = *answer->info;
}

static struct ln_info ask_info(struct channel_rig *rig, enum side side)
{
	struct asked a = {0};
	const struct ln_question q = {.ask = LN_ASK_INFO};
	CHECK(ln_node_ask(rig->side[side].node, NULL, &q, on_asked, &a) == OK);
	rig_until(rig, "the node's answer", is_true, &a.done);
	return a.info;
}

void rig_start_node(struct channel_rig *rig, enum side side)
{
	if (rig->sim != NULL)
		simln_set_up(rig->sim, side == ALICE ? SIMLN_ALICE : SIMLN_BOB, true);
	else
		drive("start", names[side], 0);
	for (unsigned i = 0; ask_info(rig, side).channels_active == 0; i++) {
		CHECK(i < DEADLINE_MS / POLL_MS);
		rig_run(rig, POLL_MS);
	}
}

uint64_t rig_height(struct channel_rig *rig, enum side side)
{
	return ask_info(rig, side).height;
}

struct id128 rig_id(struct channel_rig *rig)
{
	return (struct id128){{++rig->id_next, 0x1d}};
}

/* ---- operations ---- */

struct waiting {
	bool done;
	void *out;
};

#define ON_DONE(name, type)                                                                        \
	static void name(void *ctx, const type *value)                                             \
	{                                                                                          \
		struct waiting *w = ctx;                                                           \
		*(type *)w->out = *value;                                                          \
		w->done = true;                                                                    \
	}
ON_DONE(on_info, struct layer_info)
ON_DONE(on_submit, struct submit_answer)
ON_DONE(on_status, struct tx_status)
ON_DONE(on_scan, struct layer_scan)

struct layer_info rig_check(struct channel_rig *rig, enum side side)
{
	struct layer_info info;
	struct waiting w = {.out = &info};
	CHECK(layer_check(rig->side[side].layer, on_info, &w) == OK && !w.done);
	rig_until(rig, "the check", is_true, &w.done);
	return info;
}

struct found {
	bool done;
	enum err err;
	struct block_ref *out;
};

static void on_found(void *ctx, enum err err, const struct block_ref *block)
{
	struct found *f = ctx;
	f->done = true;
	f->err = err;
	*f->out = *block;
}

enum err rig_block_at(
	struct channel_rig *rig, enum side side, uint64_t height, struct block_ref *out)
{
	struct found f = {.out = out};
	CHECK(layer_block_at(rig->side[side].layer, height, on_found, &f) == OK && !f.done);
	rig_until(rig, "a block", is_true, &f.done);
	return f.err;
}

struct submit_answer rig_submit(struct channel_rig *rig, enum side side, struct slice raw)
{
	struct submit_answer answer;
	struct waiting w = {.out = &answer};
	CHECK(layer_submit(rig->side[side].layer, raw, on_submit, &w) == OK && !w.done);
	rig_until(rig, "the answer to a command", is_true, &w.done);
	return answer;
}

struct tx_status rig_status(struct channel_rig *rig, enum side side, const struct hash256 *id)
{
	struct tx_status status;
	struct waiting w = {.out = &status};
	CHECK(layer_status(rig->side[side].layer, id, on_status, &w) == OK && !w.done);
	rig_until(rig, "a status", is_true, &w.done);
	return status;
}

struct layer_scan rig_scan(struct channel_rig *rig, enum side side, const struct hash256 *sent)
{
	struct layer_scan scan;
	const struct layer_lock_ref lock = {
		.at = {.tx = sent == NULL ? (struct hash256){{0}} : *sent}};
	for (unsigned i = 0; i < DEADLINE_MS / POLL_MS; i++) {
		struct waiting w = {.out = &scan};
		CHECK(layer_scan(rig->side[side].layer, &lock, sent == NULL ? 0 : 1, on_scan, &w) ==
			OK);
		rig_until(rig, "a scan", is_true, &w.done);
		if (scan.err != ERR_UNAVAILABLE)
			break;
		rig_run(rig, POLL_MS);
	}
	if (scan.err != OK)
		(void)fprintf(stderr, "scan: %s %s\n", err_name(scan.err), scan.detail);
	CHECK(scan.err == OK);
	return scan;
}

struct offered {
	bool done;
	enum err err;
	struct buf *leg;
};

static void on_offered(void *ctx, enum err err, struct slice leg, const char *detail)
{
	struct offered *o = ctx;
	(void)detail;
	o->done = true;
	o->err = err;
	if (err == OK)
		buf_put(o->leg, leg.ptr, leg.len);
}

enum err rig_offer(
	struct channel_rig *rig, enum side side, const struct leg_offer *offer, struct buf *leg)
{
	struct offered o = {.leg = leg};
	CHECK(layer_offer(rig->side[side].layer, offer, on_offered, &o) == OK && !o.done);
	rig_until(rig, "an offer", is_true, &o.done);
	return o.err;
}
