#include "wire/evm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/evm_vectors.h"

#define TX_MAX 1024u

static size_t decode(uint8_t *out, size_t max, const char *hex)
{
	size_t len;
	CHECK(hex_decode_var(out, &len, max, slice_str(hex)) == OK);
	return len;
}

static void check_hex(struct slice b, const char *want)
{
	char text[2 * TX_MAX + 1];
	CHECK(b.len <= TX_MAX);
	hex_encode(text, b.ptr, b.len);
	CHECK(strcmp(text, want) == 0);
}

static struct amount word_amount(const char *hex)
{
	uint8_t word[32];
	struct amount a;
	CHECK(hex_decode(word, sizeof word, slice_str(hex)) == OK);
	CHECK(amount_load_word(&a, ASSET_RBTC, word) == OK);
	return a;
}

static void check_same(const struct evm_tx *a, const struct evm_tx *b)
{
	CHECK(a->chain_id == b->chain_id && a->nonce == b->nonce && a->gas_limit == b->gas_limit);
	CHECK(amount_cmp(a->gas_price, b->gas_price) == 0 && amount_cmp(a->value, b->value) == 0);
	CHECK(a->create == b->create && slice_eq(a->data, b->data));
	CHECK(a->create || evm_address_eq(&a->to, &b->to));
}

static void check_transaction(const struct tx_vector *v)
{
	uint8_t data[512], storage[TX_MAX], sig[64];
	struct evm_tx tx = {.chain_id = v->chain_id, .nonce = v->nonce, .gas_limit = v->gas_limit};
	struct evm_tx parsed;
	struct seckey key;
	struct pubkey pub;
	struct evm_address from, sender;
	struct hash256 digest, id;
	int recovery_id;

	tx.gas_price = word_amount(v->gas_price);
	tx.value = word_amount(v->value);
	tx.data = slice_of(data, decode(data, sizeof data, v->data));
	tx.create = *v->to == 0;
	if (!tx.create)
		CHECK(hex_decode(tx.to.b, sizeof tx.to.b, slice_str(v->to)) == OK);
	CHECK(hex_decode(key.b, sizeof key.b, slice_str(v->key)) == OK);

	struct buf b = buf_init(storage, sizeof storage);
	evm_tx_put_unsigned(&b, &tx);
	check_hex(buf_slice(&b), v->unsigned_tx);
	CHECK(evm_tx_parse_unsigned(&parsed, ASSET_RBTC, buf_slice(&b)) == OK);
	check_same(&parsed, &tx);
	for (size_t cut = 0; cut < b.len; cut++)
		CHECK(evm_tx_parse_unsigned(&parsed, ASSET_RBTC, slice_of(b.ptr, cut)) ==
			ERR_SHORT);

	keccak256(&digest, buf_slice(&b));
	CHECK(ecdsa_sign(sig, &recovery_id, &digest, &key) == OK);
	b = buf_init(storage, sizeof storage);
	evm_tx_put_signed(&b, &tx, sig, recovery_id);
	check_hex(buf_slice(&b), v->signed_tx);
	CHECK(evm_tx_parse_signed(&parsed, &from, &id, ASSET_RBTC, buf_slice(&b)) == OK);
	check_same(&parsed, &tx);
	check_hex(slice_of(id.b, sizeof id.b), v->hash);
	check_hex(slice_of(from.b, sizeof from.b), v->from);
	CHECK(pubkey_from_seckey(&pub, &key) == OK);
	CHECK(evm_address_from_pubkey(&sender, &pub) == OK && evm_address_eq(&sender, &from));
}

static void test_transactions(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tx_vectors); i++)
		check_transaction(&tx_vectors[i]);
}

static enum err parse_signed_hex(const char *hex)
{
	uint8_t bytes[TX_MAX];
	struct evm_tx tx;
	struct evm_address from;
	struct hash256 id;
	return evm_tx_parse_signed(
		&tx, &from, &id, ASSET_RBTC, slice_of(bytes, decode(bytes, sizeof bytes, hex)));
}

#define EIP155_HEAD                                                                                \
	"098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"
#define EIP155_R "a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
#define EIP155_S "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
/* n - s: the same signature with a high S */
#define EIP155_HIGH_S "a098341627668089e51348fccfb4c7ff31c55912f2d2e47ef09652acf665fad3be"

static void test_refused_signed(void)
{
	static const struct {
		const char *hex;
		enum err err;
	} rows[] = {
		{"f86c" EIP155_HEAD "25" EIP155_R EIP155_S, OK},
		{"f86c" EIP155_HEAD "25" EIP155_R EIP155_HIGH_S, ERR_FORMAT},
		{"f86c" EIP155_HEAD "1b" EIP155_R EIP155_S, ERR_FORMAT}, /* no chain id */
		{"f86c" EIP155_HEAD "23" EIP155_R EIP155_S, ERR_FORMAT}, /* chain id 0 */
		{"f86b" EIP155_HEAD "25" EIP155_R EIP155_S, ERR_FORMAT}, /* a byte too short */
		{"f86c" EIP155_HEAD "25" EIP155_R EIP155_S "00", ERR_FORMAT},
		{"f86d" EIP155_HEAD "25" EIP155_R EIP155_S "00", ERR_FORMAT}, /* a tenth item */
		{"f86d" EIP155_HEAD "25" EIP155_R EIP155_S, ERR_SHORT},
		{"f874" EIP155_HEAD "88ffffffffffffffff" EIP155_R EIP155_S, ERR_RANGE},
		{"f84c" EIP155_HEAD "25" EIP155_R "80", ERR_FORMAT}, /* s = 0 */
		{"ec" EIP155_HEAD "250100", ERR_FORMAT},             /* s with a leading zero */
		{"02f86c", ERR_SHORT},                               /* with a type */
		{"03f86c", ERR_FORMAT},                              /* of another type: blobs */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const enum err got = parse_signed_hex(rows[i].hex);
		if (got != rows[i].err)
			fprintf(stderr, "row %zu: %s\n", i, err_name(got));
		CHECK(got == rows[i].err);
	}
}

#define TO "94cd3f2fdbcd26bd3f95311155051f50048fb06665"
#define NO_TO "80"
#define TWO_TO_128 "0100000000000000000000000000000000"

static void test_refused_unsigned(void)
{
	static const struct {
		const char *hex;
		enum err err;
	} rows[] = {
		/* nonce price limit, to, value data, chain r s */
		{"dd808080" TO "80801f8080", OK},
		{"dd808080" TO "8080808080", ERR_FORMAT}, /* chain id 0 */
		{"dd808080" TO "80801f0180", ERR_FORMAT}, /* r is not empty */
		{"dd008080" TO "80801f8080", ERR_FORMAT}, /* a nonce with a leading zero */
		{"ddc08080" TO "80801f8080", ERR_FORMAT}, /* a list for a nonce */
		{"dc80808093cd3f2fdbcd26bd3f95311155051f50048fb06680801f8080", ERR_FORMAT},
		{"c9808080" NO_TO "80801f8080", OK},
		{"c9808080" NO_TO "00801f8080", ERR_FORMAT}, /* a value with a leading zero */
		{"80", ERR_FORMAT},
		{"da808080" NO_TO "91" TWO_TO_128 "801f8080", ERR_RANGE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[TX_MAX];
		struct evm_tx tx;
		const size_t len = decode(bytes, sizeof bytes, rows[i].hex);
		const enum err got = evm_tx_parse_unsigned(&tx, ASSET_RBTC, slice_of(bytes, len));
		if (got != rows[i].err)
			fprintf(stderr, "row %zu: %s\n", i, err_name(got));
		CHECK(got == rows[i].err);
	}
}

static void test_addresses(void)
{
	for (size_t i = 0; i < ARRAY_LEN(address_vectors); i++) {
		const struct address_vector *v = &address_vectors[i];
		struct evm_address a;
		char text[EVM_ADDRESS_TEXT_SIZE];
		CHECK(evm_address_parse(&a, v->chain_id, slice_str(v->text)) == OK);
		evm_address_format(text, &a, v->chain_id);
		CHECK(strcmp(text, v->text) == 0);
		/* under another network's rule, unless the texts happen to agree */
		for (size_t j = i - i % 4; j < i - i % 4 + 4; j++) {
			const enum err want = strcmp(address_vectors[j].text, v->text) == 0
				? OK
				: ERR_NETWORK;
			CHECK(evm_address_parse(
				      &a, v->chain_id, slice_str(address_vectors[j].text)) == want);
		}
	}
}

static void test_address_refused(void)
{
	static const struct {
		const char *text;
		enum err err;
	} rows[] = {
		{"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", OK},
		{"0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", OK},
		{"0x5aaEB6053F3E94C9B9A09F33669435E7EF1BEAED", ERR_CHECKSUM},
		{"0x5AaEB6053f3e94c9b9a09f33669435e7ef1beaeD", ERR_CHECKSUM},
		{"0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ERR_FORMAT},
		{"5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ERR_FORMAT},
		{"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", ERR_FORMAT},
		{"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0", ERR_FORMAT},
		{"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg", ERR_FORMAT},
		{"", ERR_FORMAT},
		{"0x", ERR_FORMAT},
		{"0x0000000000000000000000000000000000000000", ERR_RANGE},
		{"0x1234567890123456789012345678901234567890", OK},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct evm_address a;
		CHECK(evm_address_parse(&a, 31, slice_str(rows[i].text)) == rows[i].err);
	}
}

static void test_created(void)
{
	for (size_t i = 0; i < ARRAY_LEN(create_vectors); i++) {
		struct evm_address sender, created;
		CHECK(hex_decode(sender.b, sizeof sender.b, slice_str(create_vectors[i].sender)) ==
			OK);
		evm_create_address(&created, &sender, create_vectors[i].nonce);
		check_hex(slice_of(created.b, sizeof created.b), create_vectors[i].created);
	}
}

/* The largest data that is accepted, and one byte more. */
static void test_large(void)
{
	static uint8_t data[EVM_DATA_MAX + 1], out[EVM_TX_MAX + 8];
	uint8_t sig[64];
	struct evm_tx tx = {.chain_id = EVM_CHAIN_ID_MAX, .nonce = UINT64_MAX, .create = true};
	struct evm_tx parsed;
	struct evm_address from;
	struct hash256 id;
	memset(sig, 0x11, sizeof sig);
	tx.gas_limit = UINT64_MAX;
	tx.gas_price = tx.value = word_amount("00000000000000000000000000000000"
					      "ffffffffffffffffffffffffffffffff");
	tx.data = slice_of(data, EVM_DATA_MAX);
	struct buf b = buf_init(out, EVM_TX_MAX);
	evm_tx_put_signed(&b, &tx, sig, 1);
	CHECK(!b.overflow);
	const enum err err = evm_tx_parse_signed(&parsed, &from, &id, ASSET_RBTC, buf_slice(&b));
	CHECK(err == OK || err == ERR_CHECKSUM); /* a signature that nobody made */
	tx.data.len++;
	b = buf_init(out, sizeof out);
	evm_tx_put_signed(&b, &tx, sig, 1);
	CHECK(!b.overflow);
	CHECK(evm_tx_parse_signed(&parsed, &from, &id, ASSET_RBTC, buf_slice(&b)) == ERR_RANGE);
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	test_transactions();
	test_refused_signed();
	test_refused_unsigned();
	test_addresses();
	test_address_refused();
	test_created();
	test_large();
	return EXIT_SUCCESS;
}
