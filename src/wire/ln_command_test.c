#include "wire/ln_command.h"

#include <stdlib.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "wire/bolt11.h"

static const struct seckey key = {{7}};
static const struct hash256 preimage = {{1, 2, 3}};

static void make_invoice(char text[BOLT11_TEXT_MAX + 1], uint64_t amount_msat, size_t description)
{
	struct bolt11 b = {.network = network_by_name(LAYER_BITCOIN, slice_str("regtest")),
		.amount_msat = amount_msat,
		.timestamp_s = 1700000000,
		.expiry_s = 3600,
		.final_cltv = 144,
		.features = 1u << BOLT11_VAR_ONION | 1u << BOLT11_PAYMENT_SECRET,
		.description_len = description};
	memset(b.description, 'd', description);
	sha256(&b.payment_hash, slice_of(preimage.b, sizeof preimage.b));
	CHECK(bolt11_encode(text, &b, &key) == OK);
}

static struct slice encode(uint8_t storage[LN_COMMAND_MAX], const struct ln_command *c)
{
	struct buf b = buf_init(storage, LN_COMMAND_MAX);
	ln_command_put(&b, c);
	CHECK(!b.overflow);
	return buf_slice(&b);
}

static void check_hash(const struct ln_command *c)
{
	struct hash256 hash;
	sha256(&hash, slice_of(preimage.b, sizeof preimage.b));
	CHECK(hash256_eq(&c->hash, &hash));
}

/* Every shorter text is short, a longer one none. */
static void check_ends(struct slice in)
{
	uint8_t longer[LN_COMMAND_MAX + 1] = {0};
	struct ln_command c = {.kind = LN_CANCEL, .max_height = 5};
	for (size_t len = 0; len < in.len; len++)
		CHECK(ln_command_decode(&c, slice_of(in.ptr, len)) == ERR_SHORT);
	memcpy(longer, in.ptr, in.len);
	CHECK(ln_command_decode(&c, slice_of(longer, in.len + 1)) == ERR_FORMAT);
	CHECK(c.kind == LN_CANCEL && c.max_height == 5); /* untouched */
}

static void test_pay(void)
{
	char text[BOLT11_TEXT_MAX + 1];
	uint8_t storage[LN_COMMAND_MAX];
	struct ln_command read;
	make_invoice(text, 1234567, 10);
	struct ln_command c = {.kind = LN_PAY,
		.request = slice_str(text),
		.fee_limit = {SAT_MAX_RAW},
		.max_height = UINT64_C(0x0102030405060708),
		.deadline_ms = UINT64_MAX};
	const struct slice in = encode(storage, &c);
	CHECK(ln_command_decode(&read, in) == OK && read.kind == LN_PAY);
	check_hash(&read);
	CHECK(slice_eq(read.request, c.request) && read.fee_limit.raw == SAT_MAX_RAW);
	CHECK(read.max_height == c.max_height && read.deadline_ms == UINT64_MAX);
	check_ends(in);

	c.fee_limit.raw++;
	CHECK(ln_command_decode(&read, encode(storage, &c)) == ERR_RANGE);
}

static void test_requests(void)
{
	char text[BOLT11_TEXT_MAX + 1];
	uint8_t storage[2 * LN_COMMAND_MAX];
	struct ln_command read, c = {.kind = LN_PAY, .request = {(const uint8_t *)text, 0}};
	size_t room = 0;
	/* the longest description with which the invoice is not over the bound */
	make_invoice(text, 1000, 0);
	for (size_t n = 1; n < BOLT11_FIELD_MAX && strlen(text) <= LN_REQUEST_MAX; n++) {
		room = n - 1;
		make_invoice(text, 1000, n);
	}
	make_invoice(text, 1000, room);
	c.request.len = strlen(text);
	CHECK(c.request.len > LN_REQUEST_MAX - 2);
	CHECK(ln_command_decode(&read, encode(storage, &c)) == OK);
	/* one character more than there may be */
	make_invoice(text, 1000, room + 1);
	struct buf b = buf_init(storage, sizeof storage);
	buf_u8(&b, LN_PAY);
	for (unsigned i = 0; i < 3; i++)
		buf_le64(&b, 1);
	buf_bytes32(&b, slice_str(text));
	CHECK(!b.overflow && ln_command_decode(&read, buf_slice(&b)) == ERR_SHORT);
	/* the payer would choose the amount */
	make_invoice(text, 0, 10);
	c.request.len = strlen(text);
	CHECK(ln_command_decode(&read, encode(storage, &c)) == ERR_FORMAT);
	/* a changed character */
	make_invoice(text, 1000, 10);
	text[strlen(text) / 2] = text[strlen(text) / 2] == 'q' ? 'p' : 'q';
	c.request.len = strlen(text);
	CHECK(ln_command_decode(&read, encode(storage, &c)) == ERR_FORMAT);
}

static void test_settle_cancel(void)
{
	uint8_t storage[LN_COMMAND_MAX];
	struct ln_command read;
	struct ln_command c = {.kind = LN_SETTLE, .preimage = preimage};
	struct slice in = encode(storage, &c);
	CHECK(ln_command_decode(&read, in) == OK && read.kind == LN_SETTLE);
	CHECK(hash256_eq(&read.preimage, &preimage));
	check_hash(&read);
	check_ends(in);

	c = (struct ln_command){.kind = LN_CANCEL, .hash = read.hash};
	in = encode(storage, &c);
	CHECK(ln_command_decode(&read, in) == OK && read.kind == LN_CANCEL);
	CHECK(hash256_is_zero(&read.preimage));
	check_hash(&read);
	check_ends(in);

	static const uint8_t unknown[] = {0, 4, 255};
	for (size_t i = 0; i < sizeof unknown; i++) {
		storage[0] = unknown[i];
		CHECK(ln_command_decode(&read, in) == ERR_FORMAT);
	}
}

/* Fixed for ever: they are in journals. The hashes are those that sha256sum gives. */
static void test_ids(void)
{
	static const char *const hex[] = {
		"ad8d201a65706a2430337f3b02a979b0e3dd4d53ec82ab38c9c6995e2c492d3e",
		"be757fb5e73635b94f64a0a14e49471f0d16a251d55bf430ece91a1f930cf161",
		"b8535dae48b4bda216638635d59fa3cdec017a03b1996a05c9907a1d6cc8bccd",
	};
	struct hash256 hash, id, want;
	memset(hash.b, 0x11, sizeof hash.b);
	for (unsigned i = 0; i < ARRAY_LEN(hex); i++) {
		ln_command_id(&id, (enum ln_command_kind)(LN_PAY + i), &hash);
		CHECK(hex_decode(want.b, sizeof want.b, slice_str(hex[i])) == OK);
		CHECK(hash256_eq(&id, &want));
	}
}

int main(void)
{
	static const uint8_t seed[32] = {1};
	secp_init(seed);
	test_pay();
	test_requests();
	test_settle_cancel();
	test_ids();
	return EXIT_SUCCESS;
}
