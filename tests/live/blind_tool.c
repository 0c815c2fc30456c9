/* A payment of ours on Liquid, blinded as the signer does it, for other people's libraries to look
 * at: one coin pays a confidential address and comes back as change. Prints the transaction, the
 * receiver's blinding key and the amount. Not installed. */
#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "wire/elements_address.h"
#include "wire/utxo_build.h"
#include "wire/utxo_tx.h"

#define COIN_RAW 500000000u
#define FEE_RAW 300u
#define TX_MAX (16u * 1024u)

static const struct seckey receiver = {{0x31, [31] = 9}};

int main(int argc, char **argv)
{
	static uint8_t unsigned_tx[TX_MAX], bytes[TX_MAX];
	static char text[2 * TX_MAX + 1];
	static struct utxo_tx u;
	const uint8_t random[32] = {1};
	const struct network *network = network_by_name(LAYER_LIQUID, slice_str("regtest"));
	uint8_t to[ELEMENTS_DESTINATION_MAX] = {0};
	const struct btc_coin coin = {.at = {.txid = {{7}}}, .value = {COIN_RAW}};
	const struct btc_txout spent = {.value = {COIN_RAW}};
	struct buf raw = buf_init(unsigned_tx, sizeof unsigned_tx), out = buf_init(bytes, TX_MAX);
	struct elements_address address = {.script = {0x51, 0x20, 5}, .script_len = 34};
	struct buf destination = buf_init(to, sizeof to);
	struct sat change;
	struct hash256 seed = {{0}}, txid;

	secp_init(random);
	if (argc != 2 || hex_decode(seed.b, sizeof seed.b, slice_str(argv[1])) != OK)
		return 2;
	address.confidential = true;
	CHECK(pubkey_from_seckey(&address.blinding, &receiver) == OK);
	elements_destination_put(&destination, &address);
	const uint64_t value = 1 + load_le32(seed.b) % (COIN_RAW / 2);
	const struct btc_txout payee = {.value = {value}, .script = buf_slice(&destination)};
	const struct btc_payment p = {.coin = &coin,
		.coin_count = 1,
		.payee = &payee,
		.payee_count = 1,
		.change_script = {0x51, 0x20, 6},
		.fee = {FEE_RAW}};
	CHECK(utxo_build_payment(&raw, &change, network, &p) == OK);
	CHECK(utxo_tx_open(&u, network, buf_slice(&raw)) == OK);
	CHECK(utxo_tx_spends(&u, &spent, NULL, &seed) == OK);
	utxo_tx_put(&out, &txid, &u);
	CHECK(!out.overflow);
	hex_encode(text, bytes, out.len);
	(void)printf("%s\n", text);
	hex_encode(text, receiver.b, sizeof receiver.b);
	(void)printf("%s %" PRIu64 "\n", text, value);
	return 0;
}
