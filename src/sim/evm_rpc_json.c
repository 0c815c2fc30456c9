/* How an EVM node prints blocks, transactions, receipts and logs. */
#include "base/hex.h"
#include "crypto/hash.h"
#include "sim/evm_chain.h"
#include "wire/rlp.h"

#define BLOOM_SIZE 256u
#define HEADER_SIZE 508u /* about what a header takes; "size" is no more exact than that */
#define UNCLES_NONE "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
#define ROOT_NONE "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

void simevm_address_json(struct text *out, const struct evm_address *a)
{
	js_hex(out, "0x", a->b, sizeof a->b);
}

static void set_hash(struct text *out, const char *key, const struct hash256 *h)
{
	js_set_hex(out, key, "0x", h->b, sizeof h->b);
}

static void set_address(struct text *out, const char *key, const struct evm_address *a)
{
	js_key(out, key);
	simevm_address_json(out, a);
}

/* Three bits for each address and topic (yellow paper, 4.3.1). */
static void bloom_add(uint8_t bloom[BLOOM_SIZE], const void *bytes, size_t len)
{
	struct hash256 h;
	keccak256(&h, slice_of(bytes, len));
	for (size_t i = 0; i < 6; i += 2) {
		const unsigned bit = ((unsigned)h.b[i] << 8 | h.b[i + 1]) & 2047;
		bloom[BLOOM_SIZE - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

static void set_bloom(struct text *out, const struct simevm_log *log, uint32_t count)
{
	uint8_t bloom[BLOOM_SIZE] = {0};
	for (uint32_t i = 0; i < count; i++) {
		bloom_add(bloom, log[i].address.b, sizeof log[i].address.b);
		for (uint32_t k = 0; k < log[i].topic_count; k++)
			bloom_add(bloom, log[i].topic[k].b, sizeof log[i].topic[k].b);
	}
	js_set_hex(out, "logsBloom", "0x", bloom, sizeof bloom);
}

/* The list of a transaction, its first item next. */
static struct slice fields_of(const struct simevm_tx *t)
{
	const unsigned type = t->tx.type == EVM_TYPE_LEGACY ? 0 : 1; /* its byte */
	struct slice in = slice_of(t->raw + type, t->raw_len - type);
	struct rlp_item list;
	CHECK(rlp_next(&list, &in) == OK);
	return list.payload;
}

static void set_digits(struct text *out, const char *key, struct slice number)
{
	char digits[67] = "0x0";
	char hex[65];
	hex_encode(hex, number.ptr, number.len);
	const char *significant = hex;
	while (*significant == '0')
		significant++;
	if (*significant != 0)
		memcpy(digits + 2, significant, strlen(significant) + 1);
	js_set_string(out, key, digits);
}

/* v, r and s, as they stand in the transaction: the last three. */
static void set_signature(struct text *out, const struct simevm_tx *t)
{
	static const unsigned fields[] = {
		[EVM_TYPE_LEGACY] = 9, [EVM_TYPE_ACCESS_LIST] = 11, [EVM_TYPE_FEE_MARKET] = 12};
	static const char *const key[3] = {"v", "r", "s"};
	struct slice list = fields_of(t);
	struct rlp_item item;
	const unsigned first = fields[t->tx.type] - 3;
	for (unsigned i = 0; i < first + 3; i++) {
		CHECK(rlp_next(&item, &list) == OK);
		if (i == first && t->tx.type != EVM_TYPE_LEGACY)
			set_digits(out, "yParity", item.payload);
		if (i >= first)
			set_digits(out, key[i - first], item.payload);
	}
}

static void set_access_list(struct text *out, struct slice list)
{
	struct rlp_item entry, address, keys, key;
	js_key(out, "accessList");
	js_open(out, '[');
	while (list.len > 0) {
		CHECK(rlp_next(&entry, &list) == OK);
		CHECK(rlp_next(&address, &entry.payload) == OK);
		CHECK(rlp_next(&keys, &entry.payload) == OK);
		js_open(out, '{');
		js_set_hex(out, "address", "0x", address.payload.ptr, address.payload.len);
		js_key(out, "storageKeys");
		js_open(out, '[');
		while (keys.payload.len > 0) {
			CHECK(rlp_next(&key, &keys.payload) == OK);
			js_hex(out, "0x", key.payload.ptr, key.payload.len);
		}
		js_close(out, ']');
		js_close(out, '}');
	}
	js_close(out, ']');
}

/* What depends on the type. */
static void set_typed(struct text *out, const struct sim_evm *e, const struct simevm_tx *t)
{
	/* of one that waits: what it would pay now (anvil), or the most (geth) */
	const u128 waiting = e->geth ? t->price : simevm_price(t, simevm_next_base_fee(e));
	js_set_quantity(out, "type", t->tx.type);
	js_set_quantity(out, "gasPrice", t->state == SIMEVM_MINED ? t->paid : waiting);
	if (t->tx.type == EVM_TYPE_FEE_MARKET) {
		js_set_quantity(out, "maxFeePerGas", t->price);
		js_set_quantity(out, "maxPriorityFeePerGas", t->priority);
	}
	if (t->tx.type != EVM_TYPE_LEGACY)
		set_access_list(out, t->tx.access_list);
}

void simevm_tx_json(struct text *out, const struct sim_evm *e, uint32_t tx)
{
	const struct simevm_tx *t = e->tx[tx];
	const bool mined = t->state == SIMEVM_MINED;
	js_open(out, '{');
	set_typed(out, e, t);
	js_set_quantity(out, "chainId", t->tx.chain_id);
	js_set_quantity(out, "nonce", t->tx.nonce);
	js_set_quantity(out, "gas", t->tx.gas_limit);
	if (t->tx.create)
		js_set_null(out, "to");
	else
		set_address(out, "to", &t->tx.to);
	js_set_quantity(out, "value", t->value);
	js_set_hex(out, "input", "0x", t->tx.data.ptr, t->tx.data.len);
	set_signature(out, t);
	set_hash(out, "hash", &t->hash);
	if (mined) {
		const struct simevm_block *block = &e->block[t->block];
		set_hash(out, "blockHash", &block->hash);
		js_set_quantity(out, "blockNumber", block->number);
		js_set_quantity(out, "transactionIndex", t->index);
	} else {
		js_set_null(out, "blockHash");
		js_set_null(out, "blockNumber");
		js_set_null(out, "transactionIndex");
	}
	set_address(out, "from", &t->from);
	js_close(out, '}');
}

void simevm_log_json(struct text *out, const struct sim_evm *e, uint32_t block, uint32_t index)
{
	const struct simevm_block *b = &e->block[block];
	const struct simevm_log *log = &b->log[index];
	const struct simevm_tx *t = e->tx[log->tx];
	uint32_t position = t->state == SIMEVM_MINED && t->block == block ? t->index : 0;
	while (b->tx[position] != log->tx) /* an orphan's: it may stand elsewhere now */
		position++;
	js_open(out, '{');
	set_address(out, "address", &log->address);
	js_key(out, "topics");
	js_open(out, '[');
	for (uint32_t i = 0; i < log->topic_count; i++)
		js_hex(out, "0x", log->topic[i].b, sizeof log->topic[i].b);
	js_close(out, ']');
	js_set_hex(out, "data", "0x", log->data, log->data_len);
	set_hash(out, "blockHash", &b->hash);
	js_set_quantity(out, "blockNumber", b->number);
	set_hash(out, "transactionHash", &e->tx[log->tx]->hash);
	js_set_quantity(out, "transactionIndex", position);
	js_set_quantity(out, "logIndex", index);
	js_set_bool(out, "removed", !simevm_in_best(e, block));
	js_close(out, '}');
}

void simevm_receipt_json(struct text *out, const struct sim_evm *e, uint32_t tx)
{
	const struct simevm_tx *t = e->tx[tx];
	const struct simevm_block *block = &e->block[t->block];
	CHECK(t->state == SIMEVM_MINED);
	js_open(out, '{');
	js_set_quantity(out, "type", t->tx.type);
	js_set_string(out, "status", t->ok ? "0x1" : "0x0");
	js_set_quantity(out, "cumulativeGasUsed", t->gas_cumulative);
	js_key(out, "logs");
	js_open(out, '[');
	for (uint32_t i = 0; i < t->log_count; i++)
		simevm_log_json(out, e, t->block, t->log_first + i);
	js_close(out, ']');
	set_bloom(out, t->log_count == 0 ? NULL : &block->log[t->log_first], t->log_count);
	set_hash(out, "transactionHash", &t->hash);
	js_set_quantity(out, "transactionIndex", t->index);
	set_hash(out, "blockHash", &block->hash);
	js_set_quantity(out, "blockNumber", block->number);
	js_set_quantity(out, "gasUsed", t->gas_used);
	js_set_quantity(out, "effectiveGasPrice", t->paid);
	if (e->rollup)
		simevm_receipt_fees(out, e, t);
	set_address(out, "from", &t->from);
	if (t->tx.create) {
		js_set_null(out, "to");
		set_address(out, "contractAddress", &t->created);
	} else {
		set_address(out, "to", &t->tx.to);
		js_set_null(out, "contractAddress");
	}
	js_close(out, '}');
}

static void set_zeros(struct text *out, const char *key, size_t len)
{
	static const uint8_t zero[32];
	js_set_hex(out, key, "0x", zero, len);
}

/* What headers have since Berlin. */
static void set_later(struct text *out, const struct simevm_block *block)
{
	js_set_quantity(out, "baseFeePerGas", block->base_fee);
	js_set_quantity(out, "blobGasUsed", 0);
	js_set_quantity(out, "excessBlobGas", 0);
	set_zeros(out, "parentBeaconBlockRoot", 32);
	js_set_string(out, "withdrawalsRoot", ROOT_NONE);
	js_key(out, "withdrawals");
	js_open(out, '[');
	js_close(out, ']');
}

void simevm_block_json(struct text *out, const struct sim_evm *e, uint32_t at, bool full)
{
	const struct simevm_block *block = &e->block[at];
	size_t size = HEADER_SIZE;
	/* geth says that nobody has made it yet */
	const bool unnamed = block->pending && e->geth;
	js_open(out, '{');
	if (unnamed)
		js_set_null(out, "hash");
	else
		set_hash(out, "hash", &block->hash);
	if (block->parent == SIMEVM_NONE)
		set_zeros(out, "parentHash", 32);
	else
		set_hash(out, "parentHash", &e->block[block->parent].hash);
	js_set_string(out, "sha3Uncles", UNCLES_NONE);
	if (unnamed)
		js_set_null(out, "miner");
	else
		set_zeros(out, "miner", 20);
	js_set_string(out, "stateRoot", ROOT_NONE);
	set_hash(out, "transactionsRoot", &block->tx_root);
	js_set_string(out, "receiptsRoot", ROOT_NONE);
	set_bloom(out, block->log, block->log_count);
	js_set_quantity(out, "difficulty", 0);
	js_set_quantity(out, "number", block->number);
	js_set_quantity(out, "gasLimit", e->block_gas);
	js_set_quantity(out, "gasUsed", block->gas_used);
	js_set_quantity(out, "timestamp", block->time_s);
	js_set_string(out, "extraData", "0x");
	if (e->rollup)
		set_later(out, block);
	set_zeros(out, "mixHash", 32);
	if (unnamed)
		js_set_null(out, "nonce");
	else
		set_zeros(out, "nonce", 8);
	js_set_quantity(out, "totalDifficulty", 0);
	for (uint32_t i = 0; i < block->tx_count; i++)
		size += e->tx[block->tx[i]]->raw_len;
	js_set_quantity(out, "size", size);
	js_key(out, "uncles");
	js_open(out, '[');
	js_close(out, ']');
	js_key(out, "transactions");
	js_open(out, '[');
	for (uint32_t i = 0; i < block->tx_count; i++) {
		const struct hash256 *hash = &e->tx[block->tx[i]]->hash;
		if (full)
			simevm_tx_json(out, e, block->tx[i]);
		else
			js_hex(out, "0x", hash->b, sizeof hash->b);
	}
	js_close(out, ']');
	js_close(out, '}');
}
