/* Payments of ours on Liquid, blinded as the signer does it, for other people's libraries to look
 * at, and confidential coins of theirs, opened and spent. Not installed.
 *
 *     blind_tool pay SEED       one explicit coin pays a confidential address: the transaction, the
 *                               receiver's blinding key, the amount
 *     blind_tool address        where we are paid to, in what asset, on what chain
 *     blind_tool spend SEED     spends the output on standard input (asset, value, nonce and range
 *                               proof in hex): what it holds and by what that is hidden, the
 *                               transaction that spends it, the key and amount of its change, and
 *                               the message that its signature is of
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "wire/elements_address.h"
#include "wire/signing.h"
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#define COIN_RAW 500000000u
#define FEE_RAW 300u
#define PAID_RAW 1000u
#define TX_MAX (16u * 1024u)

static const struct seckey receiver = {{0x31, [31] = 9}}, wallet_secret = {{0x42, [31] = 3}};
static const struct network *network;
static struct pubkey wallet;

static void print_hex(const void *bytes, size_t len)
{
	static char text[2 * TX_MAX + 1];
	hex_encode(text, bytes, len);
	(void)printf("%s\n", text);
}

/* As the signer blinds it, whole. */
static void print_payment(struct utxo_tx *u, const struct btc_payment *p,
	const struct btc_txout *spent, const struct blinders *hidden, const struct hash256 *seed)
{
	static uint8_t unsigned_tx[TX_MAX], bytes[TX_MAX];
	struct buf raw = buf_init(unsigned_tx, sizeof unsigned_tx), out = buf_init(bytes, TX_MAX);
	struct sat change;
	struct hash256 txid;
	CHECK(utxo_build_payment(&raw, &change, network, p) == OK);
	CHECK(utxo_tx_open(u, network, buf_slice(&raw)) == OK);
	CHECK(utxo_tx_spends(u, spent, hidden, seed) == OK);
	utxo_tx_put(&out, &txid, u);
	CHECK(!out.overflow);
	print_hex(bytes, out.len);
}

static int pay(const struct hash256 *seed)
{
	static struct utxo_tx u;
	uint8_t to[ELEMENTS_DESTINATION_MAX] = {0};
	const struct btc_coin coin = {.at = {.txid = {{7}}}, .value = {COIN_RAW}};
	const struct btc_txout spent = {.value = {COIN_RAW}};
	struct elements_address address = {.script = {0x51, 0x20, 5}, .script_len = 34};
	struct buf destination = buf_init(to, sizeof to);
	address.confidential = true;
	CHECK(pubkey_from_seckey(&address.blinding, &receiver) == OK);
	elements_destination_put(&destination, &address);
	const uint64_t value = 1 + load_le32(seed->b) % (COIN_RAW / 2);
	const struct btc_txout payee = {.value = {value}, .script = buf_slice(&destination)};
	const struct btc_payment p = {.coin = &coin,
		.coin_count = 1,
		.payee = &payee,
		.payee_count = 1,
		.change_script = {0x51, 0x20, 6},
		.fee = {FEE_RAW}};
	print_payment(&u, &p, &spent, NULL, seed);
	print_hex(receiver.b, sizeof receiver.b);
	(void)printf("%" PRIu64 "\n", value);
	return 0;
}

static int print_address(void)
{
	uint8_t bytes[WALLET_DESTINATION_MAX];
	char text[UTXO_ADDRESS_TEXT_SIZE];
	struct buf to = buf_init(bytes, sizeof bytes);
	CHECK(wallet_destination(&to, &wallet, LAYER_LIQUID, KEY_INDEX_RECEIVE) == OK);
	CHECK(utxo_address_format(text, network, buf_slice(&to)) == OK);
	(void)printf("%s\n", text);
	print_hex(elements_network_of(network)->policy_asset.b, 32);
	print_hex(network->genesis.b, sizeof network->genesis.b);
	return 0;
}

static bool read_hex(uint8_t *out, size_t *len, size_t room)
{
	char text[2 * RANGE_PROOF_MAX + 2];
	return scanf("%10269s", text) == 1 && hex_decode_var(out, len, room, slice_str(text)) == OK;
}

static int spend(const struct hash256 *seed)
{
	static struct utxo_tx u;
	static uint8_t proof[RANGE_PROOF_MAX];
	uint8_t script[34], to[34] = {0x51, 0x20, 5};
	struct elements_txout output = {.script = slice_of(script, sizeof script)};
	struct elements_opening held;
	struct seckey key;
	struct pubkey point;
	struct hash256 message;
	size_t asset_len, value_len, nonce_len, proof_len;
	CHECK(wallet_script(script, &wallet, LAYER_LIQUID, KEY_INDEX_RECEIVE) == OK);
	CHECK(wallet_blinding(&key, &point, &wallet, output.script) == OK);
	if (!read_hex(output.asset.b, &asset_len, 33) ||
		!read_hex(output.value.b, &value_len, 33) ||
		!read_hex(output.nonce.b, &nonce_len, 33) ||
		!read_hex(proof, &proof_len, sizeof proof))
		return 2;
	output.range_proof = slice_of(proof, proof_len);
	if (elements_open(&held, &output, &key) != OK) {
		(void)printf("not ours\n");
		return 1;
	}
	(void)printf("%" PRIu64 "\n", held.value.raw);
	print_hex(held.asset.b, sizeof held.asset.b);
	print_hex(held.asset_blinder.b, sizeof held.asset_blinder.b);
	print_hex(held.value_blinder.b, sizeof held.value_blinder.b);
	const struct btc_coin coin = {
		.at = {.txid = {{7}}}, .value = held.value, .hidden = elements_blinders_of(&held)};
	const struct btc_txout payee = {.value = {PAID_RAW}, .script = slice_of(to, sizeof to)};
	const struct btc_txout spent = {.value = held.value, .script = output.script};
	struct btc_payment p = {.coin = &coin,
		.coin_count = 1,
		.payee = &payee,
		.payee_count = 1,
		.change_blinding = &point,
		.fee = {FEE_RAW}};
	CHECK(wallet_script(p.change_script, &wallet, LAYER_LIQUID, KEY_INDEX_CHANGE) == OK);
	CHECK(wallet_blinding(&key, &point, &wallet,
		      slice_of(p.change_script, sizeof p.change_script)) == OK);
	print_payment(&u, &p, &spent, &coin.hidden, seed);
	print_hex(key.b, sizeof key.b);
	(void)printf("%" PRIu64 "\n", held.value.raw - PAID_RAW - FEE_RAW);
	utxo_tx_key_path(&message, &u, 0);
	print_hex(message.b, sizeof message.b);
	return 0;
}

int main(int argc, char **argv)
{
	const uint8_t random[32] = {1};
	struct hash256 seed = {{0}};
	secp_init(random);
	network = network_by_name(LAYER_LIQUID, slice_str("regtest"));
	CHECK(pubkey_from_seckey(&wallet, &wallet_secret) == OK);
	if (argc == 2 && strcmp(argv[1], "address") == 0)
		return print_address();
	if (argc != 3 || hex_decode(seed.b, sizeof seed.b, slice_str(argv[2])) != OK)
		return 2;
	if (strcmp(argv[1], "pay") == 0)
		return pay(&seed);
	return strcmp(argv[1], "spend") == 0 ? spend(&seed) : 2;
}
