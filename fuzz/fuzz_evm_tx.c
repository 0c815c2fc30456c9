/* Transactions and addresses: what parses writes back to the same bytes. */
#include "crypto/hash.h"
#include "wire/evm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_unsigned(struct slice in)
{
	static uint8_t storage[EVM_TX_MAX];
	struct buf b = buf_init(storage, sizeof storage);
	struct evm_tx tx;
	if (evm_tx_parse_unsigned(&tx, ASSET_RBTC, in) != OK)
		return;
	evm_tx_put_unsigned(&b, &tx);
	CHECK(!b.overflow && slice_eq(buf_slice(&b), in));
}

static void try_signed(struct slice in)
{
	static uint8_t storage[EVM_TX_MAX];
	struct buf b = buf_init(storage, sizeof storage);
	struct evm_tx tx;
	struct evm_address from;
	struct hash256 id, again;
	if (evm_tx_parse_signed(&tx, &from, &id, ASSET_RBTC, in) != OK)
		return;
	keccak256(&again, in);
	CHECK(hash256_eq(&id, &again));
	evm_tx_put_unsigned(&b, &tx);
	CHECK(!b.overflow && b.len <= in.len);
}

static void try_address(struct slice in)
{
	static const uint64_t chains[] = {1, 30, 31, 33};
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		struct evm_address a, back;
		char text[EVM_ADDRESS_TEXT_SIZE];
		if (evm_address_parse(&a, chains[i], in) != OK)
			continue;
		evm_address_format(text, &a, chains[i]);
		CHECK(evm_address_parse(&back, chains[i], slice_str(text)) == OK);
		CHECK(evm_address_eq(&a, &back));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice in = slice_of(data, size);
	try_unsigned(in);
	try_signed(in);
	try_address(in);
	return 0;
}
