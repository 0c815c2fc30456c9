/* A node's answers: the first byte says which question is answered with the JSON that follows, on
 * a layer of each kind; everything else is answered honestly. Whatever it is, blocks are reported
 * in order (the sink checks it), every operation ends once, and nothing is left behind. */
#include "crypto/hash.h"
#include "layer/bitcoin_world_test.h"
#include "layer/evm_fake_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const coin_methods[] = {"getblockchaininfo", "getblockhash", "getblock",
	"getblockheader", "getrawmempool", "getrawtransaction", "gettxout", "getindexinfo",
	"estimatesmartfee", "getmempoolinfo", "sendrawtransaction", "scantxoutset",
	"getnetworkinfo", "getsidechaininfo"};
static const char *const evm_methods[] = {"eth_getBlockByNumber", "eth_getBlockByHash",
	"eth_getLogs", "eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getCode",
	"eth_getBalance", "eth_getTransactionCount", "eth_call", "eth_gasPrice", "eth_chainId",
	"eth_syncing", "web3_clientVersion"};

static struct json *answer; /* what is said instead */
static uint32_t ended;

static struct json *lie(void *ctx, struct json *honest)
{
	(void)ctx;
	json_free(honest);
	return json_clone(answer);
}

static void on_info(void *ctx, const struct layer_info *info)
{
	(void)ctx;
	CHECK(memchr(info->detail, 0, sizeof info->detail) != NULL);
	ended++;
}
static void on_submit(void *ctx, const struct submit_answer *a)
{
	(void)ctx;
	CHECK(a->outcome >= SUBMIT_ACCEPTED && a->outcome <= SUBMIT_UNKNOWN);
	ended++;
}
static void on_status(void *ctx, const struct tx_status *s)
{
	(void)ctx;
	CHECK(s->presence != TX_CONFIRMED || s->depth > 0);
	ended++;
}
static void on_scan(void *ctx, const struct layer_scan *s)
{
	(void)ctx;
	(void)s;
	ended++;
}
static void on_fee(void *ctx, enum err err, uint64_t rate, uint64_t data_fee)
{
	(void)data_fee;
	(void)ctx;
	CHECK(err == OK || rate == 0);
	ended++;
}

static void operate(struct fake *f, const struct hash256 *txid, const struct layer_lock_ref *ref)
{
	uint32_t begun = 0;
	ended = 0;
	begun += layer_check(f->layer, on_info, NULL) == OK ? 1u : 0u;
	begun += layer_status(f->layer, txid, on_status, NULL) == OK ? 1u : 0u;
	begun += layer_scan(f->layer, ref, 1, on_scan, NULL) == OK ? 1u : 0u;
	begun += layer_fee_estimate(f->layer, 2, on_fee, NULL) == OK ? 1u : 0u;
	if (f == &fake) {
		const struct slice raw = slice_of(spend.raw, spend.len);
		begun += layer_submit(f->layer, raw, on_submit, NULL) == OK ? 1u : 0u;
	}
	fake_run(f, 3000);
	CHECK(ended == begun);
	f->lie_method = NULL;
	fake_run(f, 3000);
}

static void on_coins(enum layer_id layer, const char *method)
{
	world_layer = layer;
	world_begin();
	const struct layer_lock_ref ref = {.leg = leg, .at = {.tx = lock.txid}};
	world_mine();
	chain.unspent = json_array();
	chain.pool[0] = spend;
	chain.pool_count = 1;
	fake.lie_method = method;
	fake.lie = lie;
	world_start();
	operate(&fake, &claim.txid, &ref);
	json_free(chain.unspent);
	world_end();
}

static void on_evm(const char *method)
{
	static struct evm_chain evm;
	static struct fake f;
	static const struct id128 id = {{7}};
	uint8_t bytes[EVM_HTLC_SIZE];
	struct buf out = buf_init(bytes, sizeof bytes);
	struct evm_htlc h = {.chain_id = 33,
		.amount = amount_of(ASSET_RBTC, 1000),
		.claim = {{1}},
		.timelock = 400};
	struct evm_fake_block b = {.tx_count = 2};

	evm_chain_init(&evm);
	const struct layer_config config = {.id = LAYER_ROOTSTOCK,
		.network = network_by_name(LAYER_ROOTSTOCK, slice_str("regtest")),
		.contract = evm.contract};
	fake_init(&f, config, evm_chain_node, &evm);
	CHECK(layer_watch_wallet(f.layer, &wallet) == OK);
	CHECK(wallet_account(&h.refund, &wallet, LAYER_ROOTSTOCK) == OK);
	h.contract = evm.contract;
	sha256(&h.hash, slice_of(preimage.b, sizeof preimage.b));
	evm_htlc_put(&out, &h);
	const struct layer_lock_ref ref = {.leg = buf_slice(&out), .at = {.tx = {{1}}}};
	CHECK(layer_watch_lock(f.layer, &id, ref.leg) == OK);
	CHECK(layer_watch_lock_at(f.layer, &id, &ref.at) == OK);
	b.tx[0] = (struct evm_fake_tx){.hash = {{1}}, .from = h.refund};
	b.tx[1] = (struct evm_fake_tx){.hash = {{2}}, .from = {{1}}, .to = h.refund};
	evm_put_lockup(&b, 0, &h);
	evm_put_claim(&b, 1, &h, &preimage);
	evm_chain_mine(&evm, &b);
	evm_chain_mine(&evm, NULL);
	f.lie_method = method;
	f.lie = lie;
	fake_start(&f, &evm.block[0].ref, 1);
	operate(&f, &b.tx[0].hash, &ref);
	fake_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || json_parse(&answer, slice_of(data + 1, size - 1), NULL) != OK)
		return 0;
	const unsigned which = data[0];
	/* keys and terms come with the Bitcoin world */
	on_coins(LAYER_BITCOIN, coin_methods[which % ARRAY_LEN(coin_methods)]);
	on_coins(LAYER_LIQUID, coin_methods[which % ARRAY_LEN(coin_methods)]);
	on_evm(evm_methods[which % ARRAY_LEN(evm_methods)]);
	json_free(answer);
	answer = NULL;
	return 0;
}
