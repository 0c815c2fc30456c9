/* What a rollup of the OP stack charges: a base fee that moves (EIP-1559 with Canyon's figures),
 * and the data on the first layer. The latter's parameters are where the real chain has them: in
 * the storage of the predeploy L1Block; GasPriceOracle reads them there. */
#include "sim/evm_chain.h"
#include "wire/abi.h"
#include "wire/op_fee.h"

#define ELASTICITY 6u
#define DENOMINATOR 250u
/* words of L1Block, and where in the third the scalars stand */
#define SLOT_BASE_FEE 1u
#define SLOT_SCALARS 3u
#define SLOT_BLOB_BASE_FEE 7u
#define AT_BASE_SCALAR 16u
#define AT_BLOB_SCALAR 20u

const struct evm_address simevm_base_fee_vault = {{0x42, [19] = 0x19}};
const struct evm_address simevm_data_fee_vault = {{0x42, [19] = 0x1a}};
static const struct evm_address l1_block = {{0x42, [19] = 0x15}};
static const struct evm_address oracle = {{0x42, [19] = 0x0f}};

/* A quiet day of the first layer, and BOB's scalars of the time. */
#define FIRST_BASE_FEE UINT64_C(2000000000)
#define FIRST_BLOB_BASE_FEE UINT64_C(1000000)
#define FIRST_BASE_SCALAR 5227u
#define FIRST_BLOB_SCALAR 1014213u

uint64_t simevm_next_base_fee(const struct sim_evm *e)
{
	if (!e->rollup)
		return 0;
	if (e->next_base_fee != 0)
		return e->next_base_fee;
	if (e->chain_len < 2) /* the first block's is the one that the genesis names */
		return SIM_EVM_BASE_FEE;
	const struct simevm_block *parent = simevm_tip(e);
	const uint64_t target = e->block_gas / ELASTICITY, used = parent->gas_used;
	const uint64_t apart = used > target ? used - target : target - used;
	const uint64_t by = (uint64_t)((u128)parent->base_fee * apart / target / DENOMINATOR);
	if (used > target)
		return parent->base_fee + (by == 0 ? 1 : by);
	return parent->base_fee - by;
}

static struct op_fee_params params_at(const struct sim_evm *e, uint64_t height)
{
	uint8_t be[WORD_SIZE];
	const struct word base = simevm_slot_at(e, &l1_block, word_of(SLOT_BASE_FEE), height);
	const struct word blob = simevm_slot_at(e, &l1_block, word_of(SLOT_BLOB_BASE_FEE), height);
	word_store(be, simevm_slot_at(e, &l1_block, word_of(SLOT_SCALARS), height));
	return (struct op_fee_params){.base_fee = word_u64(base),
		.blob_base_fee = word_u64(blob),
		.base_fee_scalar = load_be32(be + AT_BASE_SCALAR),
		.blob_base_fee_scalar = load_be32(be + AT_BLOB_SCALAR)};
}

u128 simevm_data_fee(const struct sim_evm *e, struct slice raw, uint64_t height)
{
	const struct op_fee_params params = params_at(e, height);
	struct amount fee;
	if (!e->rollup)
		return 0;
	/* what can't be counted can't be paid, either */
	return op_fee_fjord(&fee, e->coin, &params, raw, true) == OK ? simevm_wei(fee)
								     : ~(u128)0 >> 1;
}

void simevm_fee_begin(struct sim_evm *e)
{
	uint8_t be[WORD_SIZE] = {0};
	store_be32(be + AT_BASE_SCALAR, FIRST_BASE_SCALAR);
	store_be32(be + AT_BLOB_SCALAR, FIRST_BLOB_SCALAR);
	simevm_slot_write(e, &l1_block, word_of(SLOT_BASE_FEE), word_of(FIRST_BASE_FEE));
	simevm_slot_write(e, &l1_block, word_of(SLOT_BLOB_BASE_FEE), word_of(FIRST_BLOB_BASE_FEE));
	simevm_slot_write(e, &l1_block, word_of(SLOT_SCALARS), word_load(be));
}

/* ---- the predeploys ---- */

static struct word yes(const struct sim_evm *e, const struct simevm_call *call)
{
	(void)e;
	(void)call;
	return word_of(1);
}

static struct word six(const struct sim_evm *e, const struct simevm_call *call)
{
	(void)e;
	(void)call;
	return word_of(6);
}

static struct word base_fee(const struct sim_evm *e, const struct simevm_call *call)
{
	return word_of(e->block[e->chain[call->height]].base_fee);
}

static struct word l1_base_fee(const struct sim_evm *e, const struct simevm_call *call)
{
	return word_of(params_at(e, call->height).base_fee);
}

static struct word blob_base_fee(const struct sim_evm *e, const struct simevm_call *call)
{
	return word_of(params_at(e, call->height).blob_base_fee);
}

static struct word base_scalar(const struct sim_evm *e, const struct simevm_call *call)
{
	return word_of(params_at(e, call->height).base_fee_scalar);
}

static struct word blob_scalar(const struct sim_evm *e, const struct simevm_call *call)
{
	return word_of(params_at(e, call->height).blob_base_fee_scalar);
}

/* getL1Fee(bytes) of an unsigned transaction */
static struct word fee_of(const struct sim_evm *e, const struct simevm_call *call)
{
	const struct op_fee_params params = params_at(e, call->height);
	const struct slice in = slice_of(
		call->data.ptr + ABI_SELECTOR, call->data.len - ABI_SELECTOR);
	struct amount fee;
	if (in.len < 2 * (size_t)WORD_SIZE)
		return word_of(0);
	const uint64_t len = word_u64(word_load(in.ptr + WORD_SIZE));
	if (len > in.len - 2 * (size_t)WORD_SIZE)
		return word_of(0);
	const struct slice tx = slice_of(in.ptr + 2 * (size_t)WORD_SIZE, (size_t)len);
	return op_fee_fjord(&fee, e->coin, &params, tx, false) == OK ? word_of_u128(simevm_wei(fee))
								     : word_of(0);
}

static const struct {
	const struct evm_address *at;
	uint8_t selector[ABI_SELECTOR];
	struct word (*answer)(const struct sim_evm *e, const struct simevm_call *call);
} predeploys[] = {
	{&oracle, {0x51, 0x9b, 0x4b, 0xd3}, l1_base_fee},   /* l1BaseFee() */
	{&oracle, {0xf8, 0x20, 0x61, 0x40}, blob_base_fee}, /* blobBaseFee() */
	{&oracle, {0xc5, 0x98, 0x59, 0x18}, base_scalar},   /* baseFeeScalar() */
	{&oracle, {0x68, 0xd5, 0xdc, 0xa6}, blob_scalar},   /* blobBaseFeeScalar() */
	{&oracle, {0x6e, 0xf2, 0x5c, 0x3a}, base_fee},      /* baseFee() */
	{&oracle, {0xfe, 0x17, 0x3b, 0x97}, base_fee},      /* gasPrice() */
	{&oracle, {0x31, 0x3c, 0xe5, 0x67}, six},           /* decimals() */
	{&oracle, {0x4e, 0xf6, 0xe2, 0x24}, yes},           /* isEcotone() */
	{&oracle, {0x96, 0x0e, 0x3a, 0x23}, yes},           /* isFjord() */
	{&oracle, {0x49, 0x94, 0x8e, 0x0e}, fee_of},        /* getL1Fee(bytes) */
	{&l1_block, {0x5c, 0xf2, 0x49, 0x69}, l1_base_fee}, /* basefee() */
	{&l1_block, {0xf8, 0x20, 0x61, 0x40}, blob_base_fee},
	{&l1_block, {0xc5, 0x98, 0x59, 0x18}, base_scalar},
	{&l1_block, {0x68, 0xd5, 0xdc, 0xa6}, blob_scalar},
};

bool simevm_oracle(const struct sim_evm *e, struct word *out, const struct simevm_call *call)
{
	if (!e->rollup || call->create || call->data.len < ABI_SELECTOR)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(predeploys); i++) {
		if (!evm_address_eq(&call->to, predeploys[i].at) ||
			memcmp(call->data.ptr, predeploys[i].selector, ABI_SELECTOR) != 0)
			continue;
		*out = predeploys[i].answer(e, call);
		return true;
	}
	return false;
}

void simevm_receipt_fees(struct text *out, const struct sim_evm *e, const struct simevm_tx *t)
{
	const struct op_fee_params params = params_at(e, e->block[t->block].number);
	js_set_quantity(out, "l1Fee", t->data_fee);
	js_set_quantity(out, "l1GasPrice", params.base_fee);
	js_set_quantity(out, "l1BaseFeeScalar", params.base_fee_scalar);
	js_set_quantity(out, "l1BlobBaseFee", params.blob_base_fee);
	js_set_quantity(out, "l1BlobBaseFeeScalar", params.blob_base_fee_scalar);
}
