/* The live half: making it, its blocks, checking the node. */
#include "layer/lightning/channels.h"

#include <stdlib.h>

#include "crypto/hash.h"

static struct layer *allocate(void)
{
	struct lightning *l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	table_init(&l->track, sizeof(struct track_ref), sizeof(struct hash256), LN_TRACKS_MAX);
	table_init(&l->swap, sizeof(struct swap_ref), sizeof(struct id128), LN_TRACKS_MAX);
	table_init(&l->id, sizeof(struct id_ref), sizeof(struct hash256), 2 * LN_TRACKS_MAX);
	return &l->layer;
}

/* ---- one question ---- */

struct ln_ask_op {
	struct lightning *l;
	struct ln_ask_op *prev, *next;
	struct ln_call *call;
	ln_ask_cb cb;
	void *op;
	unsigned tag;
};

static void ask_take(struct ln_ask_op *a)
{
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		a->l->asks = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
}

static void on_asked(void *ctx, const struct ln_answer *answer)
{
	struct ln_ask_op a = *(struct ln_ask_op *)ctx;
	CHECK(answer->last);
	ask_take(ctx);
	free(ctx);
	layer_enter(&a.l->layer);
	if (answer->err != OK)
		(void)DETAIL(a.l->layer.said, OK, "%s", answer->detail);
	a.cb(a.op, a.tag, answer);
	layer_leave(&a.l->layer);
}

enum err lightning_ask(struct lightning *l, const struct ln_question *question, ln_ask_cb cb,
	void *op, unsigned tag)
{
	if (l->layer.dead)
		return ERR_CANCELLED;
	struct ln_ask_op *a = malloc(sizeof *a);
	if (a == NULL)
		return ERR_FULL;
	*a = (struct ln_ask_op){.l = l, .next = l->asks, .cb = cb, .op = op, .tag = tag};
	const enum err err = ln_node_ask(
		l->layer.config.lightning, &a->call, question, on_asked, a);
	if (err != OK) {
		free(a);
		return err;
	}
	if (a->next != NULL)
		a->next->prev = a;
	l->asks = a;
	return OK;
}

void lightning_op_ask(struct op *op, const struct ln_question *question, ln_ask_cb cb, unsigned tag)
{
	op->pending++;
	const enum err err = lightning_ask(lightning_of(op->layer), question, cb, op, tag);
	if (err == OK)
		return;
	if (op->err == OK)
		op->err = err;
	op->pending--;
}

/* Nobody is called back: the operations free themselves. */
static void cancel_asks(struct lightning *l)
{
	static const struct ln_answer cancelled = {
		.err = ERR_CANCELLED, .detail = "closed", .last = true};
	while (l->asks != NULL) {
		struct ln_ask_op *first = l->asks;
		const struct ln_ask_op a = *first;
		ask_take(first);
		free(first);
		ln_call_stop(a.call);
		a.cb(a.op, a.tag, &cancelled);
	}
}

static void release(struct layer *layer)
{
	struct lightning *l = lightning_of(layer);
	cancel_asks(l);
	loop_timer_cancel(layer->config.loop, &l->due_timer);
	while (l->track.item_count > 0) {
		struct track_ref *ref = table_at(&l->track, l->track.item_count - 1);
		track_free(ref->track);
	}
	table_fini(&l->track);
	table_fini(&l->swap);
	table_fini(&l->id);
	free(l);
}

/* ---- blocks ---- */

static void block_hash(struct hash256 *out, uint64_t height)
{
	static const char tag[] = "sluice lightning block";
	uint8_t text[sizeof tag - 1 + 8];
	struct buf b = buf_init(text, sizeof text);
	buf_put(&b, tag, sizeof tag - 1);
	buf_le64(&b, height);
	CHECK(!b.overflow);
	sha256(out, buf_slice(&b));
}

void lightning_block(struct block_ref *out, uint64_t height, uint64_t time_ms)
{
	*out = (struct block_ref){.height = height, .time_ms = time_ms};
	block_hash(&out->hash, height);
	if (height > 0)
		block_hash(&out->parent, height - 1);
}

/* A question of follow.h's, until its answer. */
struct follow_op {
	struct lightning *l;
	uint64_t height, tag;
};

static enum err follow_ask(
	struct layer *layer, struct follow_op **out, uint64_t height, uint64_t tag)
{
	struct follow_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct follow_op){.l = lightning_of(layer), .height = height, .tag = tag};
	*out = o;
	return OK;
}

/* What Bitcoin's own node says; 0: it can't be asked. */
static uint64_t chain_height(const struct lightning *l)
{
	const struct layer *chain = l->layer.config.chain;
	const bool known = chain != NULL && chain->info.err == OK && !MUTANT(HEIGHT_BELIEVED);
	return known ? chain->info.tip.height : 0;
}

enum err lightning_judge(struct lightning *l, uint64_t height)
{
	const uint64_t chain = chain_height(l);
	if (chain == 0 || height <= chain + LN_APART_MAX)
		return OK;
	return DETAIL(l->layer.said, ERR_FORMAT, "it says block %llu, Bitcoin is at %llu",
		(unsigned long long)height, (unsigned long long)chain);
}

static void on_tip(void *op, unsigned tag, const struct ln_answer *a)
{
	const struct follow_op o = *(struct follow_op *)op;
	struct lightning *l = o.l;
	struct follow_tip tip = {0};
	enum err err = a->err;
	(void)tag;
	free(op);
	if (l->layer.dead)
		return;
	if (err == OK) {
		tip.height = a->info->height;
		tip.syncing = !a->info->synced || tip.height + LN_APART_MAX < chain_height(l);
		block_hash(&tip.hash, tip.height);
		err = lightning_judge(l, tip.height);
	}
	if (err == OK) {
		l->height = a->info->height;
		l->channels_active = a->info->channels_active;
	}
	follow_tip(&l->layer.follow, o.tag, err, &tip);
}

static enum err ask_tip(struct layer *layer, uint64_t tag)
{
	const struct ln_question q = {.ask = LN_ASK_INFO};
	struct follow_op *o;
	TRY(follow_ask(layer, &o, 0, tag));
	const enum err err = lightning_ask(o->l, &q, on_tip, o, 0);
	if (err != OK)
		free(o);
	return err;
}

static void on_hash(void *op)
{
	const struct follow_op o = *(struct follow_op *)op;
	struct hash256 hash;
	free(op);
	if (o.l->layer.dead)
		return;
	block_hash(&hash, o.height);
	follow_hash(&o.l->layer.follow, o.tag, OK, &hash);
}

static enum err ask_hash(struct layer *layer, uint64_t height, uint64_t tag)
{
	struct follow_op *o;
	TRY(follow_ask(layer, &o, height, tag));
	const enum err err = layer_wait(layer, 0, on_hash, o);
	if (err != OK)
		free(o);
	return err;
}

static char nothing; /* what there is in a block */

static void on_block(void *op)
{
	const struct follow_op o = *(struct follow_op *)op;
	struct layer *layer = &o.l->layer;
	struct block_ref block;
	free(op);
	if (layer->dead)
		return;
	lightning_block(&block, o.height, loop_wall_ms(layer->config.loop));
	follow_block(&layer->follow, o.tag, OK, &block, &nothing);
}

static enum err ask_block(
	struct layer *layer, const struct hash256 *hash, uint64_t height, uint64_t tag)
{
	struct hash256 expected;
	struct follow_op *o;
	block_hash(&expected, height);
	if (!hash256_eq(hash, &expected))
		return ERR_STATE; /* a cursor of some other chain */
	TRY(follow_ask(layer, &o, height, tag));
	const enum err err = layer_wait(layer, 0, on_block, o);
	if (err != OK)
		free(o);
	return err;
}

static enum err deliver(struct layer *layer, const struct block_ref *block, void *payload)
{
	(void)payload;
	return layer->sink.on_block(layer->sink.ctx, layer->config.id, block, NULL, 0);
}

static void drop(void *payload)
{
	(void)payload;
}

static void reorganised(struct layer *layer, const struct block_ref *keep)
{
	(void)layer;
	(void)keep;
}

/* Where holding is not the node's own doing it may be lost while everything else goes on: the node
 * pays then, and is asked for no invoice. No answer says nothing. */
static void note_holding(struct lightning *l, enum err err, const char *why)
{
	if (err == OK && !l->holds_denied)
		l->layer.notice[0] = '\0';
	else if (err == ERR_UNAVAILABLE || err == ERR_FORMAT || err == ERR_DENIED)
		(void)DETAIL(l->layer.notice, OK,
			"it can pay, and can't hold (the plugin hold, 0.3.2 or newer): %s", why);
}

static void on_holds(void *op, unsigned tag, const struct ln_answer *a)
{
	struct lightning *l = op;
	(void)tag;
	if (!l->layer.dead)
		note_holding(l, a->err, a->detail);
}

static void ask_holding(struct lightning *l)
{
	const struct ln_question q = {.ask = LN_ASK_HOLDS};
	const uint64_t now = loop_now_ms(l->layer.config.loop);
	if (!ln_node_can(l->layer.config.lightning, LN_ASK_HOLDS) || now < l->holds_again_ms)
		return;
	l->holds_again_ms = now + LN_HOLDS_MS;
	/* what can't be asked now is asked the next time */
	(void)!lightning_ask(l, &q, on_holds, l, 0);
}

static void at_tip(struct layer *layer)
{
	struct lightning *l = lightning_of(layer);
	ask_holding(l);
	if (layer->info.err == OK && l->channels_active == 0)
		(void)DETAIL(layer->info.detail, OK,
			"no channel is active: nothing can be paid or held");
	l->at_tip = true;
	tracks_poll(l);
}

static const struct follow_source lightning_follow = {
	.ask_tip = ask_tip,
	.ask_hash = ask_hash,
	.ask_block = ask_block,
	.deliver = deliver,
	.drop = drop,
	.reorganised = reorganised,
	.at_tip = at_tip,
};

struct block_op {
	struct lightning *l;
	layer_block_cb cb;
	void *ctx;
	uint64_t height;
};

static void on_height(void *op, unsigned tag, const struct ln_answer *a)
{
	const struct block_op o = *(struct block_op *)op;
	struct layer *layer = &o.l->layer;
	struct block_ref block;
	(void)tag;
	free(op);
	if (layer->dead)
		return;
	lightning_block(&block, o.height, loop_wall_ms(layer->config.loop));
	o.cb(o.ctx, a->err != OK || a->info->height >= o.height ? a->err : ERR_NOT_FOUND, &block);
}

static enum err block_at(struct layer *layer, uint64_t height, layer_block_cb cb, void *ctx)
{
	const struct ln_question q = {.ask = LN_ASK_INFO};
	struct block_op *o = malloc(sizeof *o);
	if (o == NULL)
		return ERR_FULL;
	*o = (struct block_op){.l = lightning_of(layer), .cb = cb, .ctx = ctx, .height = height};
	const enum err err = lightning_ask(o->l, &q, on_height, o, 0);
	if (err != OK)
		free(o);
	return err;
}

/* ---- check ---- */

static void on_info(void *op, unsigned tag, const struct ln_answer *a)
{
	struct node_check *c = op;
	struct layer *layer = c->op.layer;
	(void)tag;
	if (a->err == ERR_NETWORK) {
		c->out.err = OK; /* outranks whatever else was found wrong */
		node_check_fail(c, ERR_NETWORK, "wrong network: the node is not on",
			layer->config.network->name);
	} else if (a->err == ERR_DENIED || a->err == ERR_FORMAT) {
		node_check_fail(c, a->err,
			a->err == ERR_DENIED ? "permission denied"
					     : "an answer that can't be right",
			a->detail);
	} else if (a->err != OK) {
		node_check_fail(c, ERR_UNAVAILABLE, "getinfo", a->detail);
	} else {
		lightning_block(&c->out.tip, a->info->height, loop_wall_ms(layer->config.loop));
		c->syncing = !a->info->synced;
		memcpy(c->out.version, a->info->version, sizeof c->out.version);
		lightning_of(layer)->height = a->info->height;
		lightning_of(layer)->channels_active = a->info->channels_active;
	}
	op_done(&c->op);
}

/* What must be allowed: asked about a hash of nobody's, which changes nothing. */
static const struct {
	enum ln_ask ask;
	const char *what;
	bool holding; /* only for that; a node may do without where it is not its own doing */
} rights[] = {
	{LN_ASK_BALANCE, "permission denied to see its channels", false},
	{LN_ASK_PAYMENT, "permission denied to see payments", false},
	{LN_ASK_INVOICE, "permission denied to see invoices", true},
	{LN_ASK_CANCEL, "permission denied to change invoices", true},
	{LN_ASK_HOLDS, "permission denied to see its configuration", true},
};

static void on_right(void *op, unsigned tag, const struct ln_answer *a)
{
	struct node_check *c = op;
	struct lightning *l = lightning_of(c->op.layer);
	const bool optional = rights[tag].holding && !l->layer.dead &&
		ln_node_can(l->layer.config.lightning, LN_ASK_HOLDS);
	if (a->err == ERR_DENIED && optional) {
		l->holds_denied = true;
		note_holding(l, ERR_DENIED, rights[tag].what);
	} else if (rights[tag].ask == LN_ASK_HOLDS && optional) {
		note_holding(l, a->err, a->detail);
	} else if (a->err == ERR_DENIED) {
		node_check_fail(c, ERR_DENIED, rights[tag].what, a->detail);
	}
	op_done(&c->op);
}

static enum err check(struct layer *layer, layer_info_cb cb, void *ctx)
{
	static const char probe[] = "sluice lightning probe";
	struct ln_question q = {.ask = LN_ASK_INFO};
	struct node_check *c = malloc(sizeof *c);
	if (c == NULL)
		return ERR_FULL;
	node_check_init(c, layer, cb, ctx);
	lightning_of(layer)->holds_denied = false;
	sha256(&q.hash, slice_str(probe));
	lightning_op_ask(&c->op, &q, on_info, 0);
	for (unsigned i = 0; i < ARRAY_LEN(rights); i++) {
		q.ask = rights[i].ask;
		if (ln_node_can(layer->config.lightning, q.ask))
			lightning_op_ask(&c->op, &q, on_right, i);
	}
	return node_check_begun(c);
}

/* ---- the rest ---- */

struct fee_op {
	struct layer *layer;
	layer_fee_cb cb;
	void *ctx;
};

static void on_fee(void *op)
{
	const struct fee_op f = *(struct fee_op *)op;
	free(op);
	if (!f.layer->dead)
		f.cb(f.ctx, OK, 0, 0);
}

/* Nothing is paid by size or by gas: a payment's limit is a share of its amount. */
static enum err fee_estimate(struct layer *layer, uint32_t blocks, layer_fee_cb cb, void *ctx)
{
	if (blocks == 0)
		return ERR_RANGE;
	struct fee_op *f = malloc(sizeof *f);
	if (f == NULL)
		return ERR_FULL;
	*f = (struct fee_op){.layer = layer, .cb = cb, .ctx = ctx};
	const enum err err = layer_wait(layer, 0, on_fee, f);
	if (err != OK)
		free(f);
	return err;
}

static enum err watch_wallet(struct layer *layer, const struct pubkey *wallet)
{
	(void)layer;
	(void)wallet;
	return OK; /* the node's keys are its own */
}

static enum err watch_coin(struct layer *layer, const struct btc_coin *coin)
{
	(void)layer;
	(void)coin;
	return ERR_STATE; /* channels have no coins */
}

static void health(const struct layer *layer, struct upstream_health *out)
{
	ln_node_health(layer->config.lightning, out);
}

static void started(struct layer *layer)
{
	tracks_started(lightning_of(layer));
}

const struct layer_ops lightning_ops = {
	.follow = &lightning_follow,
	.allocate = allocate,
	.release = release,
	.health = health,
	.started = started,
	.check = check,
	.block_at = block_at,
	.watch_wallet = watch_wallet,
	.watch_coin = watch_coin,
	.watch_lock = lightning_watch_lock,
	.watch_lock_at = lightning_watch_lock_at,
	.unwatch_lock = lightning_unwatch_lock,
	.submit = lightning_submit,
	.status = lightning_status,
	.fee_estimate = fee_estimate,
	.scan = lightning_scan,
	.offer = lightning_offer,
};
