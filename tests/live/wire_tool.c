/* clang-format off */
/* The pure encodings behind a command line, for tests that drive real nodes: everything that such a
 * test sends to a node was encoded, signed and assembled by the code under test. Prints
 * hexadecimal, one answer a line. Keys come from two wallets with fixed secrets, "client" and
 * "provider". Not installed.
 *
 *   wire_tool address WALLET CHAIN
 *   wire_tool tx WALLET CHAIN NONCE GAS_PRICE GAS_LIMIT TO|create VALUE DATA      raw, id
 *   wire_tool op-fee ecotone|fjord BASE_FEE BLOB_FEE SCALAR BLOB_SCALAR UNSIGNED|-    wei
 *   wire_tool code                                            creation code, runtime hash
 *   wire_tool created SENDER NONCE
 *   wire_tool call KIND CONTRACT CHAIN HASH AMOUNT CLAIM REFUND TIMELOCK [PREIMAGE]
 *   wire_tool event TOPICS DATA                                                what it is
 *   wire_tool btc-wallet WALLET INDEX                                     address, script
 *   wire_tool btc-key WALLET                                              x-only swap key
 *   wire_tool btc-lock HASH CLAIM_WALLET REFUND_WALLET TIMELOCK AMOUNT    address, script
 *   wire_tool btc-spend LEAF HASH CLAIM_WALLET REFUND_WALLET TIMELOCK AMOUNT
 *             TXID INDEX RATE TIP [PREIMAGE]                        raw, id, vsize, value
 *   wire_tool btc-spend-terms LEAF WALLET TERMS TXID INDEX RATE TIP [PREIMAGE]   the same
 *   wire_tool btc-spend-paid LEAF WALLET TERMS VALUE TXID INDEX RATE TIP [PREIMAGE]
 *                                         the same, of a lock-up that holds another amount
 *   wire_tool coin-claim LAYER TERMS TXID INDEX AMOUNT RATE TIP PREIMAGE  raw, id: the client's
 *   wire_tool btc-leg TERMS               address, script of the lock-up with these encoded terms
 *   wire_tool wallet PUBKEY               address, script, change address, change script, account
 *   wire_tool btc-pay WALLET SCRIPT VALUE RATE TIP TXID:INDEX:VALUE:KEY...
 *                                                            raw, id, vsize, fee, change
 */
/* clang-format on */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "client/spend.h"
#include "crypto/hash.h"
#include "wire/op_fee.h"
#include "wire/signing.h"

#define DATA_MAX 16384u
#define TEXT_MAX (2u * DATA_MAX + 1u)

static const struct id128 swap = {{0x5a, 0x5a}};
static const uint8_t no_aux[32];

/* ---- arguments ---- */

_Noreturn static void bad(const char *what)
{
	(void)fprintf(stderr, "wire_tool: %s\n", what);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	const unsigned long long v = strtoull(text, &end, 10);
	if (*text == 0 || *end != 0)
		bad("a number was wanted");
	return v;
}

static void fixed(void *out, size_t len, const char *hex)
{
	if (hex_decode(out, len, slice_str(hex)) != OK)
		bad("hexadecimal of another length was wanted");
}

static struct slice bytes(const char *hex)
{
	static uint8_t storage[DATA_MAX];
	size_t len;
	if (hex_decode_var(storage, &len, sizeof storage, slice_str(hex)) != OK)
		bad("hexadecimal was wanted");
	return slice_of(storage, len);
}

static struct amount wei(const char *text)
{
	struct amount a;
	if (amount_parse_units(&a, ASSET_RBTC, slice_str(text)) != OK)
		bad("an amount in wei was wanted");
	return a;
}

static struct evm_address address(const char *text, uint64_t chain_id)
{
	struct evm_address a;
	const enum err err = evm_address_parse(&a, chain_id, slice_str(text));
	if (err != OK)
		bad(err_name(err));
	return a;
}

static struct seckey wallet_secret(const char *name)
{
	struct seckey key;
	memset(key.b, strcmp(name, "client") == 0 ? 0xc1 : 0x9d, sizeof key.b);
	if (strcmp(name, "client") != 0 && strcmp(name, "provider") != 0)
		bad("client or provider was wanted");
	return key;
}

static struct pubkey wallet_key(const char *name)
{
	const struct seckey secret = wallet_secret(name);
	struct pubkey key;
	CHECK(pubkey_from_seckey(&key, &secret) == OK);
	return key;
}

static void print_hex(struct slice b)
{
	static char text[TEXT_MAX];
	CHECK(b.len <= DATA_MAX);
	hex_encode(text, b.ptr, b.len);
	puts(text);
}

static void print_id(const struct hash256 *id, bool reversed)
{
	char text[65];
	(reversed ? hex_encode_reversed : hex_encode)(text, id->b, sizeof id->b);
	puts(text);
}

/* ---- signing, as a signer does it ---- */

static void answer_account(
	struct signing_answer *a, const struct signing_request *r, const struct seckey *secret)
{
	struct seckey key;
	struct hash256 digest;
	int recovery_id;
	CHECK(derive_seckey(&key, secret, &r->account) == OK);
	keccak256(&digest, r->unsigned_tx);
	CHECK(ecdsa_sign(a->signature[0].b, &recovery_id, &digest, &key) == OK);
	a->signature[0].recovery_id = (uint8_t)recovery_id;
	a->signature_count = 1;
}

static void answer_utxo(
	struct signing_answer *a, const struct signing_request *r, const struct seckey *secret)
{
	static struct btc_txin in[BTC_INPUT_MAX];
	static struct btc_txout out[2], spent[BTC_INPUT_MAX];
	struct btc_tx tx = {.in = in, .out = out};
	struct btc_sighash_cache cache;
	size_t used;
	CHECK(btc_tx_parse(&tx, &used, BTC_INPUT_MAX, 2, r->unsigned_tx) == OK);
	for (uint32_t i = 0; i < tx.in_count; i++)
		spent[i] = (struct btc_txout){
			r->input[i].value, slice_of(r->input[i].script, sizeof r->input[i].script)};
	btc_sighash_prepare(&cache, &tx, spent);
	a->signature_count = tx.in_count;
	for (uint32_t i = 0; i < tx.in_count; i++) {
		struct seckey key, output;
		struct hash256 message;
		CHECK(derive_seckey(&key, secret, &r->input[i].key) == OK);
		if (r->input[i].key.use == KEY_WALLET) {
			btc_sighash_key_path(&message, &cache, &tx, i);
			CHECK(taproot_seckey(&output, &key, NULL) == OK);
			key = output;
		} else {
			struct btc_htlc h;
			struct btc_htlc_tree tree;
			CHECK(btc_htlc_parse(&h, r->leg) == OK && btc_htlc_tree(&tree, &h) == OK);
			btc_sighash_script_path(&message, &cache, &tx, i,
				&tree.leaf_hash[r->purpose == SIGN_CLAIM ? BTC_LEAF_CLAIM
									 : BTC_LEAF_REFUND]);
		}
		CHECK(schnorr_sign(a->signature[i].b, &message, &key, no_aux) == OK);
	}
}

static void sign_and_print(const struct signing_request *r, const char *wallet)
{
	static struct signing_answer a;
	static uint8_t storage[DATA_MAX];
	const bool utxo = layer_family(r->network->layer) == FAMILY_UTXO;
	const struct seckey secret = wallet_secret(wallet);
	const struct pubkey key = wallet_key(wallet);
	struct buf raw = buf_init(storage, sizeof storage);
	struct hash256 id;
	(utxo ? answer_utxo : answer_account)(&a, r, &secret);
	const enum err err = signing_assemble(&raw, &id, r, &a, &key);
	if (err != OK)
		bad(err_name(err));
	print_hex(buf_slice(&raw));
	print_id(&id, utxo);
}

/* ---- EVM ---- */

static const struct network *chain(uint64_t id)
{
	char caip2[32];
	(void)snprintf(caip2, sizeof caip2, "eip155:%" PRIu64, id);
	const struct network *network = network_by_caip2(slice_str(caip2));
	if (network == NULL)
		bad("unknown chain");
	return network;
}

static void cmd_address(char **arg)
{
	const struct pubkey key = wallet_key(arg[0]);
	struct evm_address a;
	char text[EVM_ADDRESS_TEXT_SIZE];
	const struct network *network = chain(number(arg[1]));
	CHECK(wallet_account(&a, &key, network->layer) == OK);
	evm_address_format(text, &a, number(arg[1]));
	puts(text);
}

static void cmd_tx(char **arg)
{
	static uint8_t storage[DATA_MAX];
	struct buf raw = buf_init(storage, sizeof storage);
	struct evm_tx tx = {.chain_id = number(arg[1]),
		.nonce = number(arg[2]),
		.gas_price = wei(arg[3]),
		.gas_limit = number(arg[4]),
		.create = strcmp(arg[5], "create") == 0,
		.value = wei(arg[6]),
		.data = bytes(arg[7])};
	const struct network *network = chain(tx.chain_id);
	struct signing_request r = {.purpose = SIGN_PAYOUT,
		.network = network,
		.account = {.use = KEY_ACCOUNT, .layer = network->layer}};
	if (!tx.create)
		tx.to = address(arg[5], tx.chain_id);
	evm_tx_put_unsigned(&raw, &tx);
	CHECK(!raw.overflow);
	r.unsigned_tx = buf_slice(&raw);
	sign_and_print(&r, arg[0]);
}

static void cmd_op_fee(char **arg)
{
	const struct op_fee_params p = {.base_fee = number(arg[1]),
		.blob_base_fee = number(arg[2]),
		.base_fee_scalar = (uint32_t)number(arg[3]),
		.blob_base_fee_scalar = (uint32_t)number(arg[4])};
	const struct slice tx = strcmp(arg[5], "-") == 0 ? slice_of(NULL, 0) : bytes(arg[5]);
	const bool fjord = strcmp(arg[0], "fjord") == 0;
	struct amount fee;
	char text[AMOUNT_TEXT_SIZE];
	CHECK((fjord ? op_fee_fjord : op_fee_ecotone)(&fee, ASSET_ETH, &p, tx, false) == OK);
	amount_format_units(text, fee);
	puts(text);
}

static void cmd_code(char **arg)
{
	(void)arg;
	print_hex(slice_of(evm_htlc_creation_code, evm_htlc_creation_code_len));
	print_id(&evm_htlc_runtime_code_hash, false);
}

static void cmd_created(char **arg)
{
	const struct evm_address sender = address(arg[0], 0);
	struct evm_address a;
	char text[EVM_ADDRESS_TEXT_SIZE];
	evm_create_address(&a, &sender, number(arg[1]));
	hex_encode(text, a.b, sizeof a.b);
	puts(text);
}

static void call_of(char **arg, struct evm_address token)
{
	static const struct {
		const char *kind;
		void (*put)(struct buf *out, const struct evm_htlc *h);
	} calls[] = {
		{"lock", evm_htlc_lock_call},
		{"refund", evm_htlc_refund_call},
		{"refund-for", evm_htlc_refund_for_call},
		{"swaps", evm_htlc_swaps_call},
		{"states", evm_htlc_states_call},
	};
	uint8_t storage[EVM_HTLC_CALL_MAX];
	struct buf out = buf_init(storage, sizeof storage);
	const uint64_t id = number(arg[2]);
	struct evm_htlc h = {.contract = address(arg[1], id),
		.chain_id = id,
		.amount = wei(arg[4]),
		.token = token,
		.claim = address(arg[5], id),
		.refund = address(arg[6], id),
		.timelock = number(arg[7])};
	struct hash256 preimage;
	fixed(h.hash.b, sizeof h.hash.b, arg[3]);
	if (strcmp(arg[0], "claim") == 0) {
		if (arg[8] == NULL)
			bad("a preimage was wanted");
		fixed(preimage.b, sizeof preimage.b, arg[8]);
		evm_htlc_claim_call(&out, &h, &preimage);
	}
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (strcmp(arg[0], calls[i].kind) == 0)
			calls[i].put(&out, &h);
	if (out.len == 0)
		bad("no such call");
	print_hex(buf_slice(&out));
}

static void cmd_call(char **arg)
{
	call_of(arg, (struct evm_address){0});
}

/* TOKEN, then as call; the amount in the token's units. */
static void cmd_token_call(char **arg)
{
	call_of(arg + 1, address(arg[0], number(arg[3])));
}

static void cmd_event(char **arg)
{
	static const char *const names[] = {[EVM_HTLC_LOCKUP] = "lockup",
		[EVM_HTLC_CLAIM] = "claim",
		[EVM_HTLC_REFUND] = "refund",
		[EVM_HTLC_SETTLED] = "settled"};
	struct hash256 topic[4];
	struct evm_htlc_event e;
	char amount[AMOUNT_TEXT_SIZE];
	const struct slice topics = bytes(arg[0]);
	const size_t count = topics.len / 32;
	if (count > 4)
		bad("four topics at most");
	for (size_t i = 0; i < count; i++)
		memcpy(topic[i].b, topics.ptr + 32 * i, 32);
	const enum err err = evm_htlc_event_parse(&e, ASSET_RBTC, topic, count, bytes(arg[1]));
	if (err != OK)
		bad(err_name(err));
	amount_format_units(amount, e.kind == EVM_HTLC_LOCKUP ? e.amount : wei("0"));
	printf("%s %s %" PRIu64 " %d\n", names[e.kind], amount, e.timelock, e.claimed);
	print_id(&e.hash, false);
	print_id(e.kind == EVM_HTLC_CLAIM ? &e.preimage : &e.key, false);
}

/* ---- Bitcoin ---- */

static const struct network *regtest(void)
{
	const struct network *n = network_by_name(LAYER_BITCOIN, slice_str("regtest"));
	CHECK(n != NULL);
	return n;
}

static void print_script(const uint8_t script[34])
{
	char text[BTC_ADDRESS_TEXT_SIZE];
	CHECK(btc_address_format(text, regtest(), slice_of(script, 34)) == OK);
	puts(text);
	print_hex(slice_of(script, 34));
}

static void cmd_btc_wallet(char **arg)
{
	const struct pubkey key = wallet_key(arg[0]);
	uint8_t script[34];
	CHECK(wallet_script(script, &key, LAYER_BITCOIN, (uint32_t)number(arg[1])) == OK);
	print_script(script);
}

/* HASH CLAIM_WALLET REFUND_WALLET TIMELOCK AMOUNT; the provider's wallet is the provider's key. */
static struct btc_htlc terms(char **arg)
{
	const struct pubkey claim = wallet_key(arg[1]), refund = wallet_key(arg[2]);
	const bool provider_claims = strcmp(arg[1], "provider") == 0;
	struct btc_htlc h = {.timelock = (uint32_t)number(arg[3]), .amount = {number(arg[4])}};
	fixed(h.hash.b, sizeof h.hash.b, arg[0]);
	CHECK(wallet_swap_key(&h.claim, &claim, LAYER_BITCOIN, &swap) == OK);
	CHECK(wallet_swap_key(&h.refund, &refund, LAYER_BITCOIN, &swap) == OK);
	h.provider = provider_claims ? h.claim : h.refund;
	h.client = provider_claims ? h.refund : h.claim;
	return h;
}

static struct btc_htlc_tree tree_of(const struct btc_htlc *h)
{
	struct btc_htlc_tree tree;
	const enum err err = btc_htlc_tree(&tree, h);
	if (err != OK)
		bad(err_name(err));
	return tree;
}

static void cmd_btc_lock(char **arg)
{
	const struct btc_htlc h = terms(arg);
	const struct btc_htlc_tree tree = tree_of(&h);
	print_script(tree.script_pubkey);
}

static void put_item(struct buf *out, struct slice item)
{
	btc_put_compact(out, item.len);
	buf_put(out, item.ptr, item.len);
}

/* A claim that signing_assemble would refuse: any bytes in the preimage's place. */
static void print_wrong_claim(const struct signing_request *r, const struct btc_htlc_tree *tree,
	struct slice preimage, const struct seckey *secret)
{
	static struct signing_answer a;
	static struct btc_txin in[1];
	static struct btc_txout out[1];
	static uint8_t witness[1024], storage[2048];
	struct btc_tx tx = {.in = in, .out = out};
	struct buf w = buf_init(witness, sizeof witness), raw = buf_init(storage, sizeof storage);
	size_t used;
	answer_utxo(&a, r, secret);
	CHECK(btc_tx_parse(&tx, &used, 1, 1, r->unsigned_tx) == OK);
	btc_put_compact(&w, 4);
	put_item(&w, slice_of(a.signature[0].b, 64));
	put_item(&w, preimage);
	put_item(&w, slice_of(tree->leaf[BTC_LEAF_CLAIM], tree->leaf_len[BTC_LEAF_CLAIM]));
	put_item(&w, slice_of(tree->control[BTC_LEAF_CLAIM], tree->control_len[BTC_LEAF_CLAIM]));
	in[0].witness = buf_slice(&w);
	btc_tx_put(&raw, &tx);
	CHECK(!w.overflow && !raw.overflow);
	print_hex(buf_slice(&raw));
	struct hash256 id;
	btc_tx_id(&id, &tx);
	print_id(&id, true);
}

/* arg: TXID INDEX RATE TIP [PREIMAGE] */
static void spend(const char *leaf, const char *wallet, const struct btc_htlc *terms_of, char **arg)
{
	static uint8_t storage[2048], leg_storage[BTC_HTLC_SIZE];
	const bool claim = strcmp(leaf, "claim") == 0;
	const struct btc_htlc h = *terms_of;
	const struct btc_htlc_tree tree = tree_of(&h);
	const struct pubkey key = wallet_key(wallet);
	const struct seckey secret = wallet_secret(wallet);
	struct buf raw = buf_init(storage, sizeof storage);
	struct buf leg = buf_init(leg_storage, sizeof leg_storage);
	struct btc_outpoint at = {.index = (uint32_t)number(arg[1])};
	struct hash256 hash;
	uint8_t to[34];
	uint64_t vsize;
	struct sat value;
	if (hex_decode_reversed(at.txid.b, sizeof at.txid.b, slice_str(arg[0])) != OK)
		bad("a transaction id was wanted");
	CHECK(wallet_script(to, &key, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
	const enum err err = btc_build_spend(&raw, &vsize, &value, &h, &at,
		claim ? BTC_LEAF_CLAIM : BTC_LEAF_REFUND, to, number(arg[2]),
		(uint32_t)number(arg[3]));
	if (err != OK)
		bad(err_name(err));
	/* a lock time that the mempool takes and the script must refuse */
	if (strcmp(leaf, "early-refund") == 0)
		store_le32(raw.ptr + raw.len - 4, (uint32_t)number(arg[3]));
	btc_htlc_put(&leg, &h);
	struct signing_request r = {.purpose = claim ? SIGN_CLAIM : SIGN_REFUND,
		.network = regtest(),
		.unsigned_tx = buf_slice(&raw),
		.input_count = 1,
		.input[0] = {.value = h.amount, .key = {.use = KEY_SWAP, .swap = swap}},
		.leg = buf_slice(&leg)};
	memcpy(r.input[0].script, tree.script_pubkey, sizeof tree.script_pubkey);
	const struct slice preimage = claim ? bytes(arg[4]) : (struct slice){0};
	sha256(&hash, preimage);
	if (claim && (preimage.len != 32 || !hash256_eq(&hash, &h.hash))) {
		print_wrong_claim(&r, &tree, preimage, &secret);
	} else {
		if (claim)
			memcpy(r.preimage.b, preimage.ptr, 32);
		sign_and_print(&r, wallet);
	}
	printf("%" PRIu64 "\n%" PRIu64 "\n", vsize, value.raw);
}

static void cmd_btc_spend(char **arg)
{
	const struct btc_htlc h = terms(arg + 1);
	spend(arg[0], strcmp(arg[0], "claim") == 0 ? arg[2] : arg[3], &h, arg + 6);
}

/* The other party's keys are its own: all terms come encoded. */
static void cmd_btc_spend_terms(char **arg)
{
	struct btc_htlc h;
	if (btc_htlc_parse(&h, bytes(arg[2])) != OK)
		bad("encoded terms were wanted");
	spend(arg[0], arg[1], &h, arg + 3);
}

/* As the client itself makes it, on any network of coins. */
static void cmd_coin_claim(char **arg)
{
	static struct spend made;
	const struct seckey secret = wallet_secret("client");
	const struct pubkey key = wallet_key("client");
	const struct key_path path = {.use = KEY_SWAP, .swap = swap};
	enum layer_id layer;
	uint8_t to[34];
	if (layer_parse(&layer, slice_str(arg[0])) != OK || layer_family(layer) != FAMILY_UTXO)
		bad("a network of coins was wanted");
	CHECK(wallet_script(to, &key, layer, KEY_INDEX_CHANGE) == OK);
	struct spend_plan plan = {.purpose = SIGN_CLAIM,
		.network = network_by_name(layer, slice_str("regtest")),
		.leg = bytes(arg[1]),
		.at.index = (uint32_t)number(arg[3]),
		.amount = amount_of(layer_asset(layer), number(arg[4])),
		.rate = number(arg[5]),
		.to = slice_of(to, sizeof to),
		.tip_height = number(arg[6])};
	CHECK(derive_seckey(&plan.key, &secret, &path) == OK);
	if (hex_decode_reversed(plan.at.tx.b, sizeof plan.at.tx.b, slice_str(arg[2])) != OK)
		bad("a transaction id was wanted");
	fixed(plan.preimage.b, sizeof plan.preimage.b, arg[7]);
	const enum err err = spend_make(&made, &plan);
	if (err != OK)
		bad(err_name(err));
	print_hex(slice_of(made.raw, made.raw_len));
	print_id(&made.txid, true);
}

static void cmd_btc_key(char **arg)
{
	const struct pubkey wallet = wallet_key(arg[0]);
	struct xonly key;
	CHECK(wallet_swap_key(&key, &wallet, LAYER_BITCOIN, &swap) == OK);
	print_hex(slice_of(key.b, sizeof key.b));
}

/* As btc-spend-terms, of a lock-up that holds another amount than agreed. */
static void cmd_btc_spend_paid(char **arg)
{
	struct btc_htlc h;
	if (btc_htlc_parse(&h, bytes(arg[2])) != OK)
		bad("encoded terms were wanted");
	h.amount = (struct sat){number(arg[3])};
	spend(arg[0], arg[1], &h, arg + 4);
}

static void cmd_btc_leg(char **arg)
{
	struct btc_htlc h;
	if (btc_htlc_parse(&h, bytes(arg[0])) != OK)
		bad("encoded terms were wanted");
	const struct btc_htlc_tree tree = tree_of(&h);
	print_script(tree.script_pubkey);
}

static void cmd_wallet(char **arg)
{
	struct pubkey key;
	struct evm_address account;
	char text[EVM_ADDRESS_TEXT_SIZE];
	uint8_t script[34];
	fixed(key.b, sizeof key.b, arg[0]);
	for (uint32_t i = 0; i < KEY_INDEX_COUNT; i++) {
		if (wallet_script(script, &key, LAYER_BITCOIN, i) != OK)
			bad("not a public key");
		print_script(script);
	}
	CHECK(wallet_account(&account, &key, LAYER_ROOTSTOCK) == OK);
	hex_encode(text, account.b, sizeof account.b);
	puts(text);
}

static uint32_t parse_coins(struct btc_coin *coin, char **arg)
{
	uint32_t count = 0;
	for (; arg[count] != NULL && count < 200; count++) {
		char txid[65];
		unsigned index, key;
		uint64_t value;
		if (sscanf(arg[count], "%64[0-9a-f]:%u:%" SCNu64 ":%u", txid, &index, &value,
			    &key) != 4)
			bad("TXID:INDEX:VALUE:KEY was wanted");
		coin[count] = (struct btc_coin){
			.value = {value}, .key_index = key, .at.index = index};
		CHECK(hex_decode_reversed(coin[count].at.txid.b, 32, slice_str(txid)) == OK);
	}
	return count;
}

static void cmd_btc_pay(char **arg)
{
	static struct btc_coin coin[200], chosen[BTC_INPUT_MAX];
	static uint8_t storage[DATA_MAX];
	static struct signing_request r;
	const struct pubkey key = wallet_key(arg[0]);
	const struct slice script = bytes(arg[1]);
	struct buf raw = buf_init(storage, sizeof storage);
	struct btc_selection sel;
	struct sat change;
	uint64_t vsize;
	const struct sat value = {number(arg[2])};
	const struct btc_txout payee = {.value = value, .script = script};
	enum err err = btc_select(&sel, &btc_sizes, coin, parse_coins(coin, arg + 5), value,
		btc_output_weight(&btc_sizes, script.len), number(arg[3]));
	if (err != OK)
		bad(err_name(err));
	r = (struct signing_request){
		.purpose = SIGN_PAYOUT, .network = regtest(), .input_count = sel.count};
	for (uint32_t i = 0; i < sel.count; i++) {
		chosen[i] = coin[sel.index[i]];
		r.input[i].value = chosen[i].value;
		r.input[i].key = (struct key_path){.use = KEY_WALLET, .index = chosen[i].key_index};
		CHECK(wallet_script(r.input[i].script, &key, LAYER_BITCOIN, chosen[i].key_index) ==
			OK);
	}
	struct btc_payment p = {.coin = chosen,
		.coin_count = sel.count,
		.payee = &payee,
		.payee_count = 1,
		.fee = sel.fee,
		.locktime = (uint32_t)number(arg[4])};
	CHECK(wallet_script(p.change_script, &key, LAYER_BITCOIN, KEY_INDEX_CHANGE) == OK);
	err = btc_build_payment(&raw, &vsize, &change, &p);
	if (err != OK)
		bad(err_name(err));
	r.unsigned_tx = buf_slice(&raw);
	sign_and_print(&r, arg[0]);
	printf("%" PRIu64 "\n%" PRIu64 "\n%" PRIu64 "\n", vsize, sel.fee.raw, change.raw);
}

/* ---- commands ---- */

static const struct {
	const char *name;
	int arg_min;
	void (*run)(char **arg);
} commands[] = {
	{"address", 2, cmd_address},
	{"tx", 8, cmd_tx},
	{"op-fee", 6, cmd_op_fee},
	{"code", 0, cmd_code},
	{"created", 2, cmd_created},
	{"call", 8, cmd_call},
	{"token-call", 9, cmd_token_call},
	{"event", 2, cmd_event},
	{"btc-wallet", 2, cmd_btc_wallet},
	{"btc-lock", 5, cmd_btc_lock},
	{"btc-key", 1, cmd_btc_key},
	{"btc-spend", 10, cmd_btc_spend},
	{"btc-spend-terms", 7, cmd_btc_spend_terms},
	{"btc-spend-paid", 8, cmd_btc_spend_paid},
	{"coin-claim", 8, cmd_coin_claim},
	{"btc-leg", 1, cmd_btc_leg},
	{"wallet", 1, cmd_wallet},
	{"btc-pay", 6, cmd_btc_pay},
};

int main(int argc, char **argv)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].arg_min)
			continue;
		commands[i].run(argv + 2);
		return EXIT_SUCCESS;
	}
	bad("unknown command, or arguments are missing");
}
