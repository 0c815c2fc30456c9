#include "layer/bitcoin_world_test.h"
#include "crypto/hash.h"
#include "wire/signing.h"

enum layer_id world_layer = LAYER_BITCOIN;
struct chain chain;
struct fake fake;
struct pubkey wallet;
struct btc_htlc terms;
uint8_t leg_bytes[BTC_HTLC_SIZE];
struct slice leg;
struct hash256 preimage;
const struct id128 swap = {{7}};
uint8_t wallet_spk[34], lock_spk[34];
struct chain_tx deposit, lock, claim, spend;

static void keys_init(void)
{
	struct seckey key = {{[31] = 5}};
	struct pubkey a, b;
	bool odd;
	const uint8_t seed[32] = {1};

	secp_init(seed);
	CHECK(pubkey_from_seckey(&wallet, &key) == OK);
	key.b[31] = 6;
	CHECK(pubkey_from_seckey(&a, &key) == OK);
	key.b[31] = 7;
	CHECK(pubkey_from_seckey(&b, &key) == OK);
	memset(preimage.b, 0x5a, sizeof preimage.b);
	sha256(&terms.hash, slice_of(preimage.b, 32));
	xonly_from_pubkey(&terms.claim, &odd, &a);
	xonly_from_pubkey(&terms.refund, &odd, &b);
	terms.provider = terms.claim;
	terms.client = terms.refund;
	terms.timelock = 144;
	terms.amount.raw = 1000000;
	struct buf out = buf_init(leg_bytes, sizeof leg_bytes);
	btc_htlc_put(&out, &terms);
	leg = buf_slice(&out);
	CHECK(wallet_script(wallet_spk, &wallet, world_layer, KEY_INDEX_RECEIVE) == OK);
	struct btc_htlc_tree tree;
	CHECK(btc_htlc_tree_by(&tree, &terms, layer_taproot(world_layer)) == OK);
	memcpy(lock_spk, tree.script_pubkey, 34);
}

static struct btc_outpoint outpoint(const struct chain_tx *tx)
{
	return (struct btc_outpoint){.txid = tx->txid};
}

/* A deposit, a lock-up, its claim, and the deposit spent. */
static void txs_init(void)
{
	static const struct btc_outpoint stranger = {.txid = {{9}}, .index = 1};
	static const uint8_t sig[64] = {3};
	static const uint8_t key_path[66] = {1, 64};
	uint8_t bytes[BTC_HTLC_WITNESS_MAX];
	struct buf witness = buf_init(bytes, sizeof bytes);
	struct btc_htlc_tree tree;
	struct btc_outpoint at;

	CHECK(btc_htlc_tree_by(&tree, &terms, layer_taproot(world_layer)) == OK);
	btc_htlc_witness_claim(&witness, &tree, sig, &preimage);
	chain_tx(&deposit, &chain, &stranger, slice_of(key_path, 66), slice_of(wallet_spk, 34),
		50000);
	at = stranger;
	at.index = 2;
	chain_tx(&lock, &chain, &at, slice_of(key_path, 66), slice_of(lock_spk, 34), 1000000);
	at = outpoint(&lock);
	chain_tx(&claim, &chain, &at, buf_slice(&witness), slice_of(wallet_spk, 34), 999000);
	at = outpoint(&deposit);
	chain_tx(&spend, &chain, &at, slice_of(key_path, 66), slice_of((const uint8_t *)"\x51", 1),
		49000);
}

static void begin(
	void (*init)(struct fake *f, struct layer_config config, fake_node node, void *node_ctx))
{
	const struct layer_config config = {.id = world_layer,
		.network = network_by_name(world_layer, slice_str("regtest")),
		.poll_ms = init == fake_init ? 0 : 5};
	chain_init(&chain, config.network);
	keys_init();
	txs_init();
	init(&fake, config, chain_node, &chain);
	CHECK(layer_watch_wallet(fake.layer, &wallet) == OK);
	CHECK(layer_watch_lock(fake.layer, &swap, leg) == OK);
}

void world_begin(void)
{
	begin(fake_init);
}

void world_begin_threads(void)
{
	begin(fake_init_threads);
}

void world_end(void)
{
	fake_fini(&fake);
	chain_fini(&chain);
}

void world_start(void)
{
	fake_start(&fake, &chain.block[0].ref, 1);
}

/* Three blocks with all of it. */
void world_mine(void)
{
	chain_mine(&chain, &deposit, 1);
	chain_mine(&chain, &lock, 1);
	const struct chain_tx both[] = {claim, spend};
	chain_mine(&chain, both, 2);
}
