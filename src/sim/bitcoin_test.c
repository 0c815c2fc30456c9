/* The rules of the simulated Bitcoin. With a file name, all that is recordable is recorded, and
 * tests/live/sim_contract.py plays it to Bitcoin Core: blocks, transactions and answers. */
#include <stdlib.h>

#include "base/hex.h"
#include "btc/build.h"
#include "btc/script.h"
#include "crypto/hash.h"
#include "sim/bitcoin_chain.h"
#include "sim/rpc_test.h"

#define START_MS UINT64_C(1700000000000)

static uint32_t blocks_recorded;

static struct sim_bitcoin *chain(struct peer *p)
{
	return simbtc_of(p->network);
}

/* Blocks that the simulation made since are told before the next call. */
static void record_blocks(struct peer *p)
{
	for (; blocks_recorded < chain(p)->block_count; blocks_recorded++) {
		struct text bytes = {0}, line = {0};
		simbtc_block_bytes(&bytes, chain(p), &chain(p)->block[blocks_recorded]);
		js_open(&line, '{');
		js_set_hex(&line, "block", "", bytes.ptr, bytes.len);
		js_close(&line, '}');
		if (blocks_recorded > 0)
			(void)fprintf(p->record, "%s\n", line.ptr);
		text_fini(&bytes);
		text_fini(&line);
	}
}

static void key_of(struct seckey *secret, struct xonly *x, unsigned n)
{
	struct pubkey full;
	bool odd;
	memset(secret->b, 0, sizeof secret->b);
	secret->b[30] = 7;
	secret->b[31] = (uint8_t)n;
	CHECK(pubkey_from_seckey(&full, secret) == OK);
	xonly_from_pubkey(x, &odd, &full);
}

static void txid_text(char text[65], const struct hash256 *id)
{
	hex_encode_reversed(text, id->b, 32);
}

/* ---- making transactions ---- */

enum how { BY_KEY, BY_CLAIM, BY_REFUND, BY_COOPERATIVE };

struct spend {
	enum how how;
	struct btc_outpoint from;
	struct btc_txout coin;
	struct sat to;
	uint8_t to_script[34];
	uint32_t locktime, sequence;
	const struct btc_htlc *htlc;
	struct seckey key, second;
	struct hash256 preimage;
	bool break_signature;
};

static void sign_with(uint8_t sig[64], const struct hash256 *digest, const struct seckey *key)
{
	static const uint8_t aux[32];
	CHECK(schnorr_sign(sig, digest, key, aux) == OK);
}

static void put_witness(struct buf *witness, const struct spend *s, struct btc_tx *tx)
{
	static const enum btc_htlc_leaf leaf_of[] = {[BY_CLAIM] = BTC_LEAF_CLAIM,
		[BY_REFUND] = BTC_LEAF_REFUND,
		[BY_COOPERATIVE] = BTC_LEAF_COOPERATIVE};
	struct btc_sighash_cache cache;
	struct btc_htlc_tree tree;
	struct hash256 digest;
	uint8_t sig[64], second[64];
	btc_sighash_prepare(&cache, tx, &s->coin);
	if (s->how == BY_KEY) {
		btc_sighash_key_path(&digest, &cache, tx, 0);
	} else {
		CHECK(btc_htlc_tree(&tree, s->htlc) == OK);
		btc_sighash_script_path(&digest, &cache, tx, 0, &tree.leaf_hash[leaf_of[s->how]]);
	}
	sign_with(sig, &digest, &s->key);
	sig[40] ^= s->break_signature;
	switch (s->how) {
	case BY_KEY:
		buf_u8(witness, 1);
		buf_u8(witness, 64);
		buf_put(witness, sig, sizeof sig);
		break;
	case BY_CLAIM: btc_htlc_witness_claim(witness, &tree, sig, &s->preimage); break;
	case BY_REFUND: btc_htlc_witness_refund(witness, &tree, sig); break;
	case BY_COOPERATIVE:
		sign_with(second, &digest, &s->second);
		btc_htlc_witness_cooperative(witness, &tree, sig, second);
		break;
	}
}

/* Hex of the signed transaction; *txid its id. */
static const char *make(struct hash256 *txid, const struct spend *s)
{
	static char hex[8192];
	uint8_t stack[BTC_HTLC_WITNESS_MAX], raw[2048];
	struct buf witness = buf_init(stack, sizeof stack), bytes = buf_init(raw, sizeof raw);
	struct btc_txin in = {
		.prev = s->from, .sequence = s->sequence == 0 ? BTC_SEQUENCE_RBF : s->sequence};
	struct btc_txout out = {.value = s->to, .script = slice_of(s->to_script, 34)};
	struct btc_tx tx = {.version = 2,
		.locktime = s->locktime,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1};
	put_witness(&witness, s, &tx);
	in.witness = buf_slice(&witness);
	btc_tx_put(&bytes, &tx);
	CHECK(!bytes.overflow && !witness.overflow);
	btc_tx_id(txid, &tx);
	hex_encode(hex, raw, bytes.len);
	return hex;
}

static void send(struct peer *p, const struct spend *s, struct hash256 *txid)
{
	struct hash256 unused;
	(void)peer_call(
		p, "sendrawtransaction", "[\"%s\"]", make(txid == NULL ? &unused : txid, s));
}

/* Pay a script from the faucet; the transaction is also told to the record. */
static struct btc_outpoint fund(struct peer *p, const uint8_t script[34], uint64_t sat)
{
	struct hash256 txid;
	FILE *out = p->record;
	if (out != NULL)
		record_blocks(p);
	CHECK(simbtc_fund(chain(p), &txid, p->now_ms, slice_of(script, 34), (struct sat){sat}, 1) ==
		OK);
	const struct simbtc_tx *t = chain(p)->tx[simbtc_tx_find(chain(p), &txid)];
	struct text hex = {0};
	js_hex(&hex, "", t->raw, t->raw_len);
	(void)peer_call(p, "sendrawtransaction", "[%s]", hex.ptr);
	ACCEPTED(p);
	text_fini(&hex);
	return (struct btc_outpoint){txid, 0};
}

static void mine(struct peer *p, uint32_t count)
{
	p->now_ms += 1000;
	p->network->ops->mine(p->network, p->now_ms, count);
}

static bool in_mempool(struct peer *p, const struct hash256 *id)
{
	char text[65];
	txid_text(text, id);
	(void)peer_call(p, "getmempoolentry", "[\"%s\"]", text);
	return p->code == 0;
}

/* ---- scenes ---- */

struct scene {
	struct seckey key[4]; /* claimant, refundee, somebody, wallet */
	struct xonly x[4];
	uint8_t home[34]; /* the wallet's script */
	struct hash256 preimage;
};

static void scene_init(struct scene *s)
{
	for (unsigned i = 0; i < 4; i++)
		key_of(&s->key[i], &s->x[i], i + 1);
	btc_script_p2tr(s->home, &s->x[3]);
	memset(s->preimage.b, 0x5a, 32);
}

static struct btc_htlc lock_terms(const struct scene *s, uint32_t timelock, uint64_t sat)
{
	struct btc_htlc h = {.claim = s->x[0],
		.refund = s->x[1],
		.client = s->x[1],
		.provider = s->x[0],
		.timelock = timelock,
		.amount = {sat}};
	sha256(&h.hash, slice_of(s->preimage.b, 32));
	return h;
}

static struct spend spend_of(const struct scene *s, enum how how, const struct btc_htlc *h,
	struct btc_outpoint from, uint8_t script[34], uint64_t fee)
{
	struct btc_htlc_tree tree;
	struct spend x = {.how = how,
		.from = from,
		.coin = {.value = h->amount, .script = slice_of(script, 34)},
		.to = {h->amount.raw - fee},
		.htlc = h,
		.key = s->key[how == BY_CLAIM ? 0 : 1],
		.second = s->key[0],
		.preimage = s->preimage};
	CHECK(btc_htlc_tree(&tree, h) == OK);
	memcpy(script, tree.script_pubkey, 34);
	memcpy(x.to_script, s->home, 34);
	if (how == BY_REFUND)
		x.locktime = h->timelock;
	return x;
}

static enum err count_tx(
	void *ctx, uint32_t index, const struct btc_tx *tx, const struct hash256 *txid)
{
	(void)index;
	(void)tx;
	(void)txid;
	++*(uint32_t *)ctx;
	return OK;
}

static void test_chain(struct peer *p)
{
	struct sim_bitcoin *b = chain(p);
	char hash[65];
	for (uint32_t h = 0; h < b->chain_len; h++) {
		const struct simbtc_block *block = &b->block[b->chain[h]];
		struct btc_block parsed;
		struct text bytes = {0};
		uint32_t count = 0;
		simbtc_block_bytes(&bytes, b, block);
		CHECK(btc_block_open(&parsed, text_slice(&bytes), NULL) == OK);
		CHECK(btc_block_check_witnesses(&parsed, NULL) == OK);
		CHECK(btc_block_visit(&parsed, count_tx, &count) == OK);
		CHECK(count == block->tx_count && bytes.len == block->size);
		CHECK(btc_header_check_work(&parsed.header) == OK);
		btc_block_close(&parsed);
		text_fini(&bytes);
	}
	(void)peer_call(p, "getblockhash", "[0]");
	CHECK(strcmp((const char *)json_string(p->answer).ptr,
		      "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206") == 0);
	(void)peer_call(p, "getblock", "[%s, 0]",
		"\"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206\"");
	(void)peer_call(p, "getblockcount", "[]");
	(void)peer_call(p, "getbestblockhash", "[]");
	txid_text(hash, &simbtc_tip(b)->hash);
	for (unsigned verbosity = 0; verbosity < 3; verbosity++)
		(void)peer_call(p, "getblock", "[\"%s\", %u]", hash, verbosity);
	(void)peer_call(p, "getblockheader", "[\"%s\"]", hash);
	(void)peer_call(p, "getblockheader", "[\"%s\", false]", hash);
	txid_text(hash, &b->block[b->chain[5]].hash);
	(void)peer_call(p, "getblockheader", "[\"%s\"]", hash);
	(void)peer_call(p, "getblockchaininfo", "[]");
	(void)peer_call(p, "getnetworkinfo", "[]");
	(void)peer_call(p, "getmempoolinfo", "[]");
	(void)peer_call(p, "uptime", "[]");
	(void)peer_call(p, "getindexinfo", "[]");
	(void)peer_call(p, "getblockhash", "[1000]");
	REFUSED(p, -8, "Block height out of range");
	(void)peer_call(p, "getblockhash", "[-1]");
	REFUSED(p, -8, "Block height out of range");
	(void)peer_call(p, "getblockhash", "[\"1\"]");
	REFUSED(p, -3, "Wrong type passed");
	(void)peer_call(p, "getblockheader", "[\"00\"]");
	REFUSED(p, -8, "hash must be of length 64 (not 2, for '00')");
	(void)peer_call(p, "getblockhash", "[]");
	CHECK(p->code == -1);
	(void)peer_call(p, "nope", "[]");
	REFUSED(p, -32601, "Method not found");
}

static void test_claim(struct peer *p, const struct scene *s)
{
	uint8_t script[34];
	char id[65];
	struct hash256 txid;
	struct btc_htlc h = lock_terms(s, (uint32_t)chain(p)->chain_len + 20, 500000);
	struct spend x = spend_of(s, BY_CLAIM, &h, (struct btc_outpoint){0}, script, 1000);
	struct hash256 right = x.preimage;
	x.from = fund(p, script, h.amount.raw);
	txid_text(id, &x.from.txid);
	(void)peer_call(p, "getrawtransaction", "[\"%s\", 1]", id);
	(void)peer_call(p, "gettxout", "[\"%s\", 0]", id);
	(void)peer_call(p, "getmempoolentry", "[\"%s\"]", id);

	const struct btc_htlc other = lock_terms(s, h.timelock + 1, h.amount.raw);
	x.htlc = &other; /* leaf and path of another tree */
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Witness program hash mismatch)");
	x.htlc = &h;
	x.break_signature = true;
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Invalid Schnorr signature)");
	x.break_signature = false;
	x.preimage.b[3] ^= 1;
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Script failed an OP_EQUALVERIFY");
	x.preimage = right;
	x.key = s->key[2];
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Invalid Schnorr signature)");
	x.key = s->key[0];
	(void)peer_call(p, "testmempoolaccept", "[[\"%s\"]]", make(&txid, &x));
	ACCEPTED(p);
	send(p, &x, &txid);
	ACCEPTED(p);
	send(p, &x, &txid); /* again is as good */
	ACCEPTED(p);
	(void)peer_call(p, "testmempoolaccept", "[[\"%s\"]]", make(&txid, &x));
	txid_text(id, &txid);
	(void)peer_call(p, "getmempoolentry", "[\"%s\"]", id);
	(void)peer_call(p, "getrawmempool", "[]");
	(void)peer_call(p, "getmempoolinfo", "[]");
	mine(p, 1);
	CHECK(!in_mempool(p, &txid));
	send(p, &x, NULL);
	REFUSED(p, -27, "Transaction outputs already in utxo set");
	(void)peer_call(p, "testmempoolaccept", "[[\"%s\"]]", make(&txid, &x));
	(void)peer_call(p, "getrawtransaction", "[\"%s\", 1]", id);
	(void)peer_call(p, "gettxout", "[\"%s\", 0]", id);
	txid_text(id, &x.from.txid);
	(void)peer_call(p, "gettxout", "[\"%s\", 0]", id);
	x.to.raw -= 1000;
	send(p, &x, NULL);
	REFUSED(p, -25, "bad-txns-inputs-missingorspent");
}

static void test_refund(struct peer *p, const struct scene *s)
{
	uint8_t script[34];
	struct hash256 txid;
	struct btc_htlc h = lock_terms(s, (uint32_t)chain(p)->chain_len + 3, 400000);
	struct spend x = spend_of(s, BY_REFUND, &h, (struct btc_outpoint){0}, script, 1000);
	x.from = fund(p, script, h.amount.raw);
	mine(p, 1);
	send(p, &x, NULL);
	REFUSED(p, -26, "non-final");
	x.locktime = h.timelock - 3; /* final, and not what the script asks */
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Locktime requirement not satisfied)");
	x.locktime = h.timelock;
	x.sequence = UINT32_MAX;
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Locktime requirement not satisfied)");
	x.sequence = 0;
	mine(p, 2);
	CHECK(chain(p)->chain_len == h.timelock);
	send(p, &x, NULL);
	REFUSED(p, -26, "non-final");
	mine(p, 1);
	send(p, &x, &txid);
	ACCEPTED(p);

	/* the claim is still possible, and replaces the refund if it pays more */
	struct spend claim = spend_of(s, BY_CLAIM, &h, x.from, script, 3000);
	send(p, &claim, NULL);
	ACCEPTED(p);
	CHECK(!in_mempool(p, &txid));
	send(p, &x, NULL);
	REFUSED(p, -26, "insufficient fee, rejecting replacement");
	mine(p, 1);

	h = lock_terms(s, 900, 300000);
	x = spend_of(s, BY_COOPERATIVE, &h, (struct btc_outpoint){0}, script, 800);
	x.from = fund(p, script, h.amount.raw);
	x.second = s->key[2];
	send(p, &x, NULL);
	REFUSED(p, -26, "mandatory-script-verify-flag-failed (Invalid Schnorr signature)");
	x.second = s->key[0];
	send(p, &x, NULL);
	ACCEPTED(p);
	mine(p, 1);
}

/* A wallet coin, spent by key path. */
static struct spend wallet_spend(struct peer *p, const struct scene *s, uint64_t sat, uint64_t fee)
{
	struct spend x = {.how = BY_KEY,
		.from = fund(p, s->home, sat),
		.coin = {.value = {sat}, .script = slice_of(s->home, 34)},
		.to = {sat - fee},
		.key = s->key[3]};
	memcpy(x.to_script, s->home, 34);
	return x;
}

/* A child, then a replacement of the parent: both go. */
static void replace_parent(struct peer *p, struct spend x, const struct hash256 *first)
{
	struct hash256 second, child;
	struct spend y = x;
	y.from = (struct btc_outpoint){*first, 0};
	y.coin.value = x.to;
	y.to.raw = x.to.raw - 300;
	send(p, &y, &child);
	ACCEPTED(p);
	CHECK(in_mempool(p, &child) && in_mempool(p, first));
	char id[65];
	txid_text(id, first);
	(void)peer_call(p, "gettxout", "[\"%s\", 0]", id);
	(void)peer_call(p, "gettxout", "[\"%s\", 0, false]", id);
	x.to.raw = 200000 - 510;
	send(p, &x, NULL);
	REFUSED(p, -26, "insufficient fee, rejecting replacement");
	CHECK(strstr(p->message, "less fees than conflicting txs; 0.0000051 < 0.000008") != NULL);
	x.to.raw = 200000 - 850;
	send(p, &x, NULL);
	REFUSED(p, -26, "insufficient fee, rejecting replacement");
	CHECK(strstr(p->message, "not enough additional fees to relay; 0.0000005 < ") != NULL);
	x.to.raw = 200000 - 500;
	x.locktime = 1;
	send(p, &x, NULL);
	REFUSED(p, -26, "insufficient fee, rejecting replacement");
	CHECK(strstr(p->message, "new feerate 0.00004504 BTC/kvB <= old feerate") != NULL);
	x.locktime = 0;
	x.to.raw = 200000 - 2000;
	send(p, &x, &second);
	ACCEPTED(p);
	CHECK(in_mempool(p, &second) && !in_mempool(p, &child) && !in_mempool(p, first));
	mine(p, 1);
}

static void ask_badly(struct peer *p)
{
	(void)peer_call(p, "sendrawtransaction", "[\"00\"]");
	REFUSED(p, -22, "TX decode failed. Make sure the tx has at least one input.");
	(void)peer_call(p, "sendrawtransaction", "[\"zz\"]");
	REFUSED(p, -22, "TX decode failed");
	(void)peer_call(p, "sendrawtransaction", "[5]");
	REFUSED(p, -3, "Wrong type passed");
	(void)peer_call(p, "getrawtransaction", "[\"%064d\"]", 1);
	REFUSED(p, -5, "No such mempool or blockchain transaction.");
	(void)peer_call(p, "estimatesmartfee", "[0]");
	REFUSED(p, -8, "Invalid conf_target, must be between 1 and 1008");
}

static void test_policy(struct peer *p, const struct scene *s)
{
	struct spend x = wallet_spend(p, s, 200000, 500);
	struct hash256 first;
	mine(p, 1);
	x.to.raw = 200000 - 50;
	send(p, &x, NULL);
	REFUSED(p, -26, "min relay fee not met, 50 < ");
	x.to.raw = 200001;
	send(p, &x, NULL);
	REFUSED(p, -26, "bad-txns-in-belowout, value in (0.002) < value out (0.00200001)");
	x.to.raw = 100;
	send(p, &x, NULL);
	REFUSED(p, -26, "dust");
	struct spend dear = wallet_spend(p, s, 5000000, 4000000);
	send(p, &dear, NULL);
	REFUSED(p, -25, "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)");
	x.to.raw = 199500;
	x.locktime = (uint32_t)chain(p)->chain_len;
	send(p, &x, NULL);
	REFUSED(p, -26, "non-final");
	x.locktime = 0;
	x.sequence = 5; /* relative: five blocks after its coin */
	send(p, &x, NULL);
	REFUSED(p, -26, "non-BIP68-final");
	x.sequence = 1u << 22 | 100;
	send(p, &x, NULL);
	REFUSED(p, -26, "non-BIP68-final");
	x.sequence = 0;
	send(p, &x, &first);
	ACCEPTED(p);
	replace_parent(p, x, &first);
	ask_badly(p);
}

static void test_coinbase(struct peer *p)
{
	struct sim_bitcoin *b = chain(p);
	const struct simbtc_block *block = &b->block[b->chain[b->chain_len - 20]];
	const struct simbtc_tx *coinbase = b->tx[block->tx[0]];
	struct spend x = {.how = BY_KEY,
		.from = {coinbase->txid, 0},
		.coin = coinbase->tx.out[0],
		.to = {coinbase->tx.out[0].value.raw - 5000},
		.key = b->faucet_key};
	memcpy(x.to_script, b->faucet_script, 34);
	send(p, &x, NULL);
	REFUSED(p, -26,
		"bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 20");
}

/* A chain of unconfirmed transactions ends at the 25th. */
static void test_long_chain(struct peer *p, const struct scene *s)
{
	struct spend x = wallet_spend(p, s, 300000, 300);
	mine(p, 1);
	for (unsigned i = 0; i < 25; i++) {
		struct hash256 txid;
		send(p, &x, &txid);
		ACCEPTED(p);
		x.from = (struct btc_outpoint){txid, 0};
		x.coin.value = x.to;
		x.to.raw -= 300;
	}
	send(p, &x, NULL);
	REFUSED(p, -26, "too-long-mempool-chain, too many");
	mine(p, 1);
	CHECK(chain(p)->pool_count == 0);
}

static void scan(struct peer *p, const struct scene *s)
{
	char address[SIMBTC_ADDRESS_SIZE], descriptor[160], sum[9], hex[69];
	CHECK(chain(p)->rules->address_format(address, slice_of(s->home, 34)) == OK);
	(void)snprintf(descriptor, sizeof descriptor, "addr(%s)", address);
	simbtc_descriptor_checksum(sum, slice_str(descriptor));
	hex_encode(hex, s->home, 34);
	(void)peer_call(
		p, "scantxoutset", "[\"start\", [\"%s#%s\", \"raw(%s)\"]]", descriptor, sum, hex);
	ACCEPTED(p);
	(void)peer_call(p, "scantxoutset", "[\"start\", [\"%s#qqqqqqqq\"]]", descriptor);
	CHECK(p->code == -5);
}

static void test_reorg(struct peer *p, const struct scene *s)
{
	struct sim_bitcoin *b = chain(p);
	struct spend x = wallet_spend(p, s, 100000, 700);
	struct hash256 txid, state, again;
	char id[65], block[65];
	mine(p, 1);
	send(p, &x, &txid);
	ACCEPTED(p);
	mine(p, 3);
	txid_text(id, &txid);
	txid_text(block, &b->block[b->tx[simbtc_tx_find(b, &txid)]->block].hash);
	scan(p, s);
	p->network->ops->state_hash(p->network, &state);

	const uint32_t old_len = b->chain_len;
	p->now_ms += 1000;
	CHECK(p->network->ops->reorg(p->network, p->now_ms, &(struct sim_reorg){.depth = 3}) == OK);
	CHECK(b->chain_len == old_len + 1);
	(void)peer_call(p, "getblockheader", "[\"%s\"]", block);
	int64_t confirmations;
	CHECK(json_get_i64(p->answer, "confirmations", &confirmations) == OK);
	CHECK(confirmations == -1);
	(void)peer_call(p, "getrawtransaction", "[\"%s\", true, \"%s\"]", id, block);
	CHECK(in_mempool(p, &txid));
	scan(p, s);
	mine(p, 1);
	CHECK(!in_mempool(p, &txid));
	(void)peer_call(p, "getrawtransaction", "[\"%s\", true]", id);
	scan(p, s);

	/* invalidated, and considered again */
	const uint32_t tip = b->chain[b->chain_len - 1];
	txid_text(block, &b->block[tip].hash);
	(void)peer_call(p, "invalidateblock", "[\"%s\"]", block);
	ACCEPTED(p);
	CHECK(in_mempool(p, &txid));
	(void)peer_call(p, "getblockcount", "[]");
	(void)peer_call(p, "reconsiderblock", "[\"%s\"]", block);
	ACCEPTED(p);
	CHECK(b->chain[b->chain_len - 1] == tip && !in_mempool(p, &txid));
	(void)peer_call(p, "invalidateblock", "[\"%064d\"]", 1);
	REFUSED(p, -5, "Block not found");
	p->network->ops->state_hash(p->network, &again);
	CHECK(!hash256_eq(&state, &again));
}

/* What a block held may be final only at the height that it had: a reorganisation that is as long
 * leaves it in the mempool. */
static void test_reorg_of_locked(struct peer *p, const struct scene *s)
{
	struct spend x = wallet_spend(p, s, 100000, 300);
	struct hash256 txid;
	mine(p, 4);
	x.locktime = chain(p)->chain_len - 1;
	send(p, &x, &txid);
	ACCEPTED(p);
	mine(p, 1);
	CHECK(!in_mempool(p, &txid));
	(void)peer_call(p, "sim_reorg", "[4]");
	ACCEPTED(p);
	CHECK(in_mempool(p, &txid));
	mine(p, 1);
	CHECK(!in_mempool(p, &txid));
	scan(p, s);
}

/* A payment that left the mempool can come back: the faucet pays nobody else with its coin. */
static void test_fund_after_eviction(struct peer *p, const struct scene *s)
{
	const struct hash256 first = fund(p, s->home, 70000).txid;
	char id[65], *raw;
	txid_text(id, &first);
	(void)peer_call(p, "getrawtransaction", "[\"%s\"]", id);
	ACCEPTED(p);
	const struct slice text = json_string(p->answer);
	raw = sim_copy(text.ptr, text.len + 1);
	(void)peer_call(p, "sim_evict", "[\"%s\"]", id);
	const struct hash256 second = fund(p, s->home, 70000).txid;
	(void)peer_call(p, "sendrawtransaction", "[\"%s\"]", raw);
	ACCEPTED(p);
	free(raw);
	CHECK(in_mempool(p, &first) && in_mempool(p, &second));
	mine(p, 1);
	CHECK(!in_mempool(p, &first) && !in_mempool(p, &second));
	scan(p, s);
}

static void test_levers(struct peer *p, const struct scene *s)
{
	struct sim_bitcoin *b = chain(p);
	struct spend x = wallet_spend(p, s, 100000, 300);
	struct hash256 txid;
	char id[65];
	mine(p, 1);
	send(p, &x, &txid);
	txid_text(id, &txid);

	(void)peer_call(p, "sim_fee_rate", "[50000]");
	mine(p, 2);
	CHECK(in_mempool(p, &txid)); /* pays too little now */
	(void)peer_call(p, "estimatesmartfee", "[2]");
	uint64_t rate;
	CHECK(json_get_decimal(p->answer, "feerate", 8, &rate) == OK && rate == 50000);
	(void)peer_call(p, "sim_fee_rate", "[1000]");
	(void)peer_call(p, "sim_hold", "[\"%s\"]", id);
	mine(p, 1);
	CHECK(in_mempool(p, &txid));
	(void)peer_call(p, "sim_hold", "[\"%s\", false]", id);
	(void)peer_call(p, "sim_evict", "[\"%s\"]", id);
	CHECK(!in_mempool(p, &txid));
	(void)peer_call(p, "sim_relay_fee_rate", "[5000]");
	send(p, &x, NULL);
	REFUSED(p, -26, "min relay fee not met");
	(void)peer_call(p, "sim_relay_fee_rate", "[1000]");
	send(p, &x, NULL);
	ACCEPTED(p);
	(void)peer_call(p, "sim_mine", "[1]");
	CHECK(!in_mempool(p, &txid));

	/* dropped: gone from everywhere until somebody sends it again */
	(void)peer_call(p, "sim_reorg", "[1, 2, true]");
	ACCEPTED(p);
	CHECK(!in_mempool(p, &txid));
	send(p, &x, NULL);
	ACCEPTED(p);
	(void)peer_call(p, "sim_reorg", "[%u]", b->chain_len);
	CHECK(p->code == -8);

	char address[SIMBTC_ADDRESS_SIZE];
	CHECK(b->rules->address_format(address, slice_of(s->home, 34)) == OK);
	(void)peer_call(p, "sim_fund", "[\"%s\", \"0.5\", 300]", address);
	ACCEPTED(p);
	(void)peer_call(p, "sim_fund", "[\"%s\", 0.25]", address);
	ACCEPTED(p);
	(void)peer_call(p, "sim_fund", "[\"%s\", \"1000000\"]", address);
	CHECK(p->code == -1);
	(void)peer_call(p, "generatetoaddress", "[2, \"%s\"]", address);
	ACCEPTED(p);
	CHECK(json_count(p->answer) == 2 && b->pool_count == 0);
}

/* All coins are what the blocks made, less what was never claimed. */
static void test_supply(struct peer *p)
{
	const struct sim_bitcoin *b = chain(p);
	uint64_t made = 0, there = 0;
	for (uint32_t h = 1; h < b->chain_len; h++) {
		const struct simbtc_block *block = &b->block[b->chain[h]];
		uint64_t fees = 0;
		for (uint32_t i = 1; i < block->tx_count; i++)
			fees += b->tx[block->tx[i]]->fee;
		made += b->tx[block->tx[0]]->tx.out[0].value.raw - fees;
		for (uint32_t i = 0; i < block->tx_count; i++) {
			const struct simbtc_tx *t = b->tx[block->tx[i]];
			for (uint32_t v = 0; v < t->tx.out_count; v++)
				if (simbtc_coin_find(b, &t->txid, v) != NULL)
					there += t->tx.out[v].value.raw;
		}
	}
	CHECK(made == there);
}

static void run_all(struct peer *p, const struct scene *s)
{
	test_chain(p);
	test_claim(p, s);
	test_refund(p, s);
	test_policy(p, s);
	test_coinbase(p);
	test_long_chain(p, s);
	test_reorg(p, s);
	/* what only the simulation can be asked for is not recorded */
	p->record = NULL;
	test_reorg_of_locked(p, s);
	test_fund_after_eviction(p, s);
	test_levers(p, s);
	test_supply(p);
}

int main(int argc, char **argv)
{
	static const uint8_t seed[32];
	struct hash256 end[3];
	struct scene s;
	secp_init(seed);
	scene_init(&s);
	for (unsigned i = 0; i < 3; i++) {
		struct sim_bitcoin_config config = {.seed = 1 + i / 2, .now_ms = START_MS};
		struct peer p = {.now_ms = START_MS, .before = record_blocks};
		p.network = sim_bitcoin_create(&config);
		if (i == 0 && argc > 1) {
			p.record = fopen(argv[1], "w");
			CHECK(p.record != NULL);
		}
		FILE *record = p.record;
		run_all(&p, &s);
		p.network->ops->state_hash(p.network, &end[i]);
		peer_fini(&p);
		if (record != NULL)
			CHECK(fclose(record) == 0);
	}
	/* the same seed and calls, the same end */
	CHECK(hash256_eq(&end[0], &end[1]) && !hash256_eq(&end[0], &end[2]));
	return EXIT_SUCCESS;
}
