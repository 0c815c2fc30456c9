#include "ledger/params.h"

#include "ledger/clock.h"

uint32_t params_depth(const struct layer_params *p, struct amount a)
{
	uint32_t depth = 1;
	for (uint32_t i = 0; i < p->depth_steps; i++)
		if (amount_cmp(a, p->depth[i].from) >= 0)
			depth = p->depth[i].depth;
	return depth;
}

enum err params_fee_limit(struct sat *out, const struct layer_params *p, struct amount value)
{
	struct amount fee;
	TRY(amount_mul_div(&fee, value, p->fee_limit_ppm, 1000000, true));
	TRY(amount_add(&fee, fee, amount_from_sat(p->fee_limit_base)));
	return amount_to_sat(out, fee);
}

static void put_amount(struct buf *out, struct amount a)
{
	uint8_t raw[16];
	amount_store(raw, a);
	buf_put(out, raw, sizeof raw);
}

static struct amount get_amount(struct reader *in, enum asset asset)
{
	uint8_t raw[16];
	reader_copy(in, raw, sizeof raw);
	return amount_load(asset, raw);
}

static void put_layer(struct buf *out, const struct layer_params *p)
{
	buf_u8(out, p->network != NULL);
	if (p->network == NULL)
		return;
	buf_bytes32(out, slice_str(p->network->caip2));
	buf_put(out, p->contract.b, sizeof p->contract.b);
	if (layer_gas_apart(p->network->layer)) {
		buf_put(out, p->token.b, sizeof p->token.b);
		put_amount(out, p->gas_value);
	}
	buf_le64(out, p->block_interval_ms);
	buf_le32(out, p->drift_permille);
	buf_le64(out, p->outage_ms);
	buf_le32(out, p->depth_steps);
	for (uint32_t i = 0; i < p->depth_steps; i++) {
		put_amount(out, p->depth[i].from);
		buf_le32(out, p->depth[i].depth);
	}
	buf_le32(out, p->final_depth);
	buf_le32(out, p->claim_blocks);
	buf_le32(out, p->lock_blocks);
	buf_le32(out, p->funding_blocks);
	put_amount(out, p->swap_min);
	put_amount(out, p->swap_max);
	buf_le64(out, p->fee_rate_min);
	buf_le64(out, p->fee_rate_max);
	buf_le32(out, p->bump_blocks);
	buf_le32(out, p->fee_limit_ppm);
	buf_le64(out, p->fee_limit_base.raw);
	buf_le32(out, p->force_close_blocks);
}

static enum err get_layer(struct reader *in, struct layer_params *p, enum layer_id layer)
{
	const enum asset asset = layer_asset(layer);
	const uint8_t used = reader_u8(in);
	if (used == 0 || in->failed)
		return in->failed ? ERR_SHORT : OK;
	if (used != 1)
		return ERR_FORMAT;
	p->network = network_by_caip2(reader_bytes32(in, 64));
	if (p->network == NULL || p->network->layer != layer)
		return in->failed ? ERR_SHORT : ERR_FORMAT;
	reader_copy(in, p->contract.b, sizeof p->contract.b);
	if (layer_gas_apart(layer)) {
		reader_copy(in, p->token.b, sizeof p->token.b);
		p->gas_value = get_amount(in, asset);
	}
	p->block_interval_ms = reader_le64(in);
	p->drift_permille = reader_le32(in);
	p->outage_ms = reader_le64(in);
	p->depth_steps = reader_le32(in);
	if (p->depth_steps > DEPTH_STEPS_MAX)
		return ERR_FORMAT;
	for (uint32_t i = 0; i < p->depth_steps; i++) {
		p->depth[i].from = get_amount(in, asset);
		p->depth[i].depth = reader_le32(in);
	}
	p->final_depth = reader_le32(in);
	p->claim_blocks = reader_le32(in);
	p->lock_blocks = reader_le32(in);
	p->funding_blocks = reader_le32(in);
	p->swap_min = get_amount(in, asset);
	p->swap_max = get_amount(in, asset);
	p->fee_rate_min = reader_le64(in);
	p->fee_rate_max = reader_le64(in);
	p->bump_blocks = reader_le32(in);
	p->fee_limit_ppm = reader_le32(in);
	p->fee_limit_base.raw = reader_le64(in);
	p->force_close_blocks = reader_le32(in);
	return in->failed ? ERR_SHORT : OK;
}

void params_put(struct buf *out, const struct ledger_params *p)
{
	unsigned count = LAYER_COUNT;
	while (count > LAYERS_FIRST && p->layer[count - 1].network == NULL)
		count--;
	for (unsigned i = 0; i < count; i++)
		put_layer(out, &p->layer[i]);
	buf_put(out, p->wallet.b, sizeof p->wallet.b);
	buf_le32(out, p->fee_ppm);
	buf_le64(out, p->quote_ttl_ms);
	buf_le64(out, p->offer_ttl_ms);
	buf_le64(out, p->observation_ms);
	buf_le64(out, p->payout_wait_ms);
	buf_put(out, p->deposits.b, sizeof p->deposits.b);
}

/* The wallet's key follows, whose first byte is none that a layer begins with. */
static bool layers_end(const struct reader *in, enum layer_id next)
{
	return next >= LAYERS_FIRST && in->left > 0 && (in->ptr[0] == 2 || in->ptr[0] == 3);
}

enum err params_get(struct reader *in, struct ledger_params *p)
{
	*p = (struct ledger_params){0};
	for (unsigned i = 0; i < LAYER_COUNT && !layers_end(in, (enum layer_id)i); i++)
		TRY(get_layer(in, &p->layer[i], (enum layer_id)i));
	reader_copy(in, p->wallet.b, sizeof p->wallet.b);
	p->fee_ppm = reader_le32(in);
	p->quote_ttl_ms = reader_le64(in);
	p->offer_ttl_ms = reader_le64(in);
	p->observation_ms = reader_le64(in);
	/* older journals have neither of these */
	p->payout_wait_ms = in->left > 0 ? reader_le64(in) : 0;
	if (in->left > 0)
		reader_copy(in, p->deposits.b, sizeof p->deposits.b);
	return reader_finish(in);
}

#define INTERVAL_MS_MAX (UINT64_C(1) << 28)
#define DEPTH_MAX 512u /* less than the blocks that we keep for reorganisations */
#define OUTAGE_MS_MAX (UINT64_C(30) * 24 * 3600 * 1000)

static bool fail(struct params_problem *problem, const char *field, const char *what)
{
	*problem = (struct params_problem){
		.layer = LAYER_COUNT, .source = LAYER_COUNT, .field = field, .what = what};
	return false;
}

#define FEE_LIMIT_BASE_MAX UINT64_C(1000000)

/* What is told of channels is final: depth would only be a delay. */
static bool check_channel(const struct layer_params *p, struct params_problem *problem)
{
	if (p->depth_steps != 1 || p->depth[0].depth != 1)
		return fail(problem, "depth", "must be 0:1: what channels tell is final");
	if (p->final_depth != 1)
		return fail(problem, "final_depth", "must be 1: what channels tell is final");
	if (p->fee_limit_ppm >= 1000000)
		return fail(problem, "fee_limit_ppm", "must be below 1000000");
	if (p->fee_limit_base.raw > FEE_LIMIT_BASE_MAX)
		return fail(problem, "fee_limit_base", "must be at most 1000000 satoshi");
	if (p->force_close_blocks == 0 || p->force_close_blocks > CLOCK_BLOCKS_MAX)
		return fail(problem, "force_close_blocks", "is out of range");
	return true;
}

static bool check_layer(const struct layer_params *p, struct params_problem *problem)
{
	if (p->block_interval_ms == 0 || p->block_interval_ms > INTERVAL_MS_MAX)
		return fail(problem, "block_interval_ms", "must be from 1 to 2^28");
	if (p->drift_permille >= 1000)
		return fail(problem, "drift_permille", "must be below 1000");
	if (p->outage_ms > OUTAGE_MS_MAX)
		return fail(problem, "outage_ms", "must be at most 30 days");
	if (p->depth_steps == 0 || p->depth_steps > DEPTH_STEPS_MAX)
		return fail(problem, "depth", "needs from 1 to 4 steps");
	for (uint32_t i = 0; i < p->depth_steps; i++) {
		if (p->depth[i].depth == 0 || p->depth[i].depth > DEPTH_MAX)
			return fail(problem, "depth", "must be from 1 to 512 blocks");
		if (i == 0 && !amount_is_zero(p->depth[0].from))
			return fail(problem, "depth", "must start with the step from 0");
		if (i > 0 &&
			(amount_cmp(p->depth[i].from, p->depth[i - 1].from) <= 0 ||
				p->depth[i].depth < p->depth[i - 1].depth))
			return fail(problem, "depth", "must ascend");
	}
	if (p->final_depth == 0 || p->final_depth > DEPTH_MAX)
		return fail(problem, "final_depth", "must be from 1 to 512 blocks");
	if (p->claim_blocks == 0 || p->claim_blocks > DEPTH_MAX)
		return fail(problem, "claim_blocks", "must be from 1 to 512");
	if (p->lock_blocks == 0 || p->lock_blocks > clock_blocks_max(p))
		return fail(problem, "lock_blocks", "is out of range");
	if (p->funding_blocks > CLOCK_BLOCKS_MAX)
		return fail(problem, "funding_blocks", "is out of range");
	if (amount_is_zero(p->swap_min) || amount_cmp(p->swap_min, p->swap_max) > 0)
		return fail(problem, "swap_min", "must be above 0 and not above swap_max");
	if (amount_cmp(p->swap_max, amount_max(p->swap_max.asset)) > 0)
		return fail(problem, "swap_max", "is more than exists");
	if (layer_family(p->network->layer) == FAMILY_CHANNEL)
		return check_channel(p, problem);
	if (p->fee_rate_min == 0 || p->fee_rate_min > p->fee_rate_max)
		return fail(problem, "fee_rate_min", "must be above 0 and not above fee_rate_max");
	if (p->bump_blocks == 0)
		return fail(problem, "bump_blocks", "must be above 0");
	return true;
}

/* A swap between the two has time locks that are safe for both sides. */
static bool check_pair(const struct ledger_params *p, const struct layer_params *src,
	const struct layer_params *dst, struct params_problem *problem)
{
	const uint32_t depth = params_depth(dst, dst->swap_max);
	const uint32_t src_depth = params_depth(src, src->swap_max);
	uint64_t slack;
	if (dst->lock_blocks <= depth || !clock_reveal_safe(dst, dst->lock_blocks - depth, &slack))
		return fail(problem, "lock_blocks",
			"leaves the client no safe time to claim: raise it, or lower "
			"depth, claim_blocks or outage_ms");
	if (clock_source_blocks(src, dst, src_depth, p->observation_ms) == 0)
		return fail(problem, "lock_blocks",
			"no time lock on the source can outlive it safely: lower it, or "
			"claim_blocks, final_depth, outage_ms or force_close_blocks here, or "
			"funding_blocks, claim_blocks, depth or outage_ms of the source");
	return true;
}

static bool fail_at(struct params_problem *problem, unsigned layer)
{
	problem->layer = (enum layer_id)layer;
	return false;
}

bool params_check(const struct ledger_params *p, struct params_problem *problem)
{
	for (unsigned i = 0; i < LAYER_COUNT; i++)
		if (p->layer[i].network != NULL && !check_layer(&p->layer[i], problem))
			return fail_at(problem, i);
	if (p->payout_wait_ms > PARAMS_PAYOUT_WAIT_MS_MAX)
		return fail(problem, "payouts.wait_ms", "must be at most an hour");
	if (p->fee_ppm >= 1000000)
		return fail(problem, "swap.fee_ppm", "must be below 1000000");
	for (unsigned to = 0; to < LAYER_COUNT; to++)
		for (unsigned from = 0; from < LAYER_COUNT; from++)
			if (from != to && p->layer[from].network != NULL &&
				p->layer[to].network != NULL &&
				!check_pair(p, &p->layer[from], &p->layer[to], problem)) {
				problem->source = (enum layer_id)from;
				return fail_at(problem, to);
			}
	return true;
}
