/* Each instruction by itself, on operands at the edges: what it leaves and what it costs, as the
 * code says itself with GAS. With a file name all is recorded, and tests/live/sim_contract.py asks
 * the same of anvil. Programs run as creations that are only called: what they return is the
 * answer. */
#include <stdlib.h>

#include "base/hex.h"
#include "sim/evm_scene_test.h"

#define OP_GAS 0x5a
#define OP_SWAP1 0x90
#define OP_SUB 0x03
#define OP_MSTORE 0x52
#define OP_RETURN 0xf3
#define PUSH_1 0x60
#define PUSH_2 0x61
#define PUSH_32 0x7f
#define CODE_MAX 16384u
#define CASES 40u

static uint8_t code_bytes[CODE_MAX];
static struct buf code;

static void op(uint8_t byte)
{
	buf_put(&code, &byte, 1);
}

static void ops(const char *hex)
{
	uint8_t bytes[512];
	size_t len;
	CHECK(hex_decode_var(bytes, &len, sizeof bytes, slice_str(hex)) == OK);
	buf_put(&code, bytes, len);
}

static void push_word(struct word w)
{
	uint8_t be[WORD_SIZE];
	word_store(be, w);
	op(PUSH_32);
	buf_put(&code, be, sizeof be);
}

/* The top of the stack goes to the next word of what is returned. */
static void keep(uint32_t *words)
{
	const uint32_t at = (*words)++ * WORD_SIZE;
	op(PUSH_2);
	op((uint8_t)(at >> 8));
	op((uint8_t)at);
	op(OP_MSTORE);
}

static void give(uint32_t words)
{
	const uint32_t len = words * WORD_SIZE;
	op(PUSH_2);
	op((uint8_t)(len >> 8));
	op((uint8_t)len);
	ops("6000f3");
	CHECK(!code.overflow);
}

static void ask(struct peer *p)
{
	static char hex[2 * CODE_MAX + 1];
	hex_encode(hex, code.ptr, code.len);
	(void)peer_call(
		p, "eth_call", "[{\"data\": \"0x%s\", \"gas\": \"0x1c9c380\"}, \"latest\"]", hex);
	code = buf_init(code_bytes, sizeof code_bytes);
}

static struct word edge(struct sim_random *r)
{
	static const struct word edges[] = {{{0}}, {{1}}, {{2}}, {{3}}, {{31}}, {{32}}, {{255}},
		{{256}}, {{UINT64_MAX}}, {{0, 1}}, {{0, 0, 1}}, {{UINT64_MAX, UINT64_MAX}},
		{{0, 0, 0, UINT64_C(1) << 63}}, {{1, 0, 0, UINT64_C(1) << 63}},
		{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX >> 1}},
		{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
		{{UINT64_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
	struct word w;
	const uint64_t which = sim_random_between(r, 0, 2 * ARRAY_LEN(edges));
	if (which < ARRAY_LEN(edges))
		return edges[which];
	const uint64_t limbs = sim_random_between(r, 1, WORD_LIMBS);
	for (size_t i = 0; i < WORD_LIMBS; i++)
		w.limb[i] = i < limbs ? sim_random_next(r) : 0;
	return w;
}

/* Arithmetic, comparison, bits: of one to three words a word. */
static void test_words(struct peer *p)
{
	static const struct {
		uint8_t first, last, operands;
	} ranges[] = {{0x01, 0x07, 2}, {0x08, 0x09, 3}, {0x0a, 0x0b, 2}, {0x10, 0x14, 2},
		{0x15, 0x15, 1}, {0x16, 0x18, 2}, {0x19, 0x19, 1}, {0x1a, 0x1d, 2}};
	struct sim_random random = {11};
	for (size_t k = 0; k < ARRAY_LEN(ranges); k++) {
		for (unsigned what = ranges[k].first; what <= ranges[k].last; what++) {
			uint32_t words = 0;
			for (unsigned i = 0; i < CASES; i++) {
				for (unsigned n = 0; n < ranges[k].operands; n++)
					push_word(edge(&random));
				op((uint8_t)what);
				keep(&words);
			}
			give(words);
			ask(p);
			ACCEPTED(p);
			CHECK(json_string(p->answer).len == 2 + 64 * (size_t)CASES);
		}
	}
}

static const struct {
	const char *before, *measured; /* the latter leaves one word */
} costs[] = {
	{"", "600a600a0a"}, /* EXP */
	{"",
		"7f01000000000000000000000000000000000000000000000000000000000000006003"
		"0a"},
	{"", "6020600020"},                                   /* KECCAK256 */
	{"", "6107d060ff20"},                                 /* with new memory */
	{"", "600060002030"},                                 /* nothing; and ADDRESS */
	{"", "73000000000000000000000000000000000000000131"}, /* BALANCE, warm */
	{"", "73111111111111111111111111111111111111111131"}, /* cold */
	{"73111111111111111111111111111111111111111131"
	 "50",
		"73111111111111111111111111111111111111111131"}, /* warmed */
	{"",
		"731111111111111111111111111111111111111111"
		"3b"},
	{"",
		"731111111111111111111111111111111111111111"
		"3f"},
	{"", "3f"}, /* too little on the stack: it fails */
	{"", "600035"}, {"", "36"}, {"", "38"}, {"", "60206000600039600051"}, /* CODECOPY */
	{"", "602061fff0600039600051"},
	{"",
		"6040600060003760005"
		"1"},
	{"", "3d"},
	{"",
		"602060006000"
		"3e3d"}, /* RETURNDATACOPY of nothing: it fails */
	{"", "46"}, {"", "47"}, {"", "59"},
	{"",
		"61200051"
		"5059"},
	{"",
		"6107ff600053"
		"600051"},
	{"",
		"60aa60005260206000602"
		"15e602051"},                                   /* MCOPY over itself */
	{"", "5f"}, {"", "58"}, {"", "60005b"}, {"", "600054"}, /* SLOAD, cold */
	{"60005450", "600054"},                                 /* warm */
	{"", "60016000556001"},                                 /* SSTORE: none to some */
	{"6001600055", "60026000556001"},                       /* once more */
	{"6001600055", "60006000556001"},                       /* and back */
	{"600160005560006000556001600055", "60016000556001"},
	{"",
		"600060005560"
		"01"},          /* to what it is */
	{"", "60206000a06001"}, /* LOG0 */
	{"",
		"60016002600360046040"
		"6000a46001"},
	{"", "602060006020600060006002615000f1"}, /* CALL SHA-256 */
	{"", "60206000602060006000600261000af1"}, /* too little gas */
	{"",
		"60206000602060006002615000fa600051"
		"01"}, /* STATICCALL */
	{"",
		"604060006040600060046150"
		"00fa3d01"}, /* the identity */
	{"",
		"6000600060006000600160016150"
		"00f1"}, /* a value, that isn't there */
	{"", "600060006000600060007311111111111111111111111111111111111111115af1"},
	{"", "60006000600060007311111111111111111111111111111111111111115af4"}, {"", "fe"},
	{"", "0c"}, {"", "600056"}, {"", "6001600357"}, /* into the operand of a PUSH */
};

/* Each between two GAS, whose difference is returned beside what it leaves. */
static void test_costs(struct peer *p)
{
	for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
		uint32_t words = 0;
		ops(costs[i].before);
		op(OP_GAS);
		ops(costs[i].measured);
		op(OP_GAS);
		keep(&words);
		keep(&words);
		/* the first of both is still there: the difference is what it took */
		ops("600051900360005"
		    "2");
		give(2);
		ask(p);
	}
}

/* The stack's end, jumps, what is left of a failure. */
static void test_bounds(struct peer *p)
{
	ops("5b"
	    "5a"
	    "600056"); /* GAS after GAS, until nothing fits */
	ask(p);
	CHECK(p->code != 0);
	for (unsigned i = 0; i < 1024; i++)
		ops("6001");
	ops("50"
	    "6000"
	    "5260206000f3");
	ask(p);
	ACCEPTED(p);
	for (unsigned i = 0; i < 1025; i++)
		ops("6001");
	ops("6000"
	    "5260206000f3");
	ask(p);
	CHECK(p->code != 0);
	ops("60ff600052602060"
	    "00fd"); /* REVERT with a word */
	ask(p);
	CHECK(p->code == 3);
	ops("6001600855fe"
	    "5b00"); /* runs into INVALID */
	ask(p);
	ops("600757"
	    "fe"
	    "fe"
	    "fe"
	    "fe"
	    "5b00");
	ask(p);
	ops("6000600756"
	    "fe"
	    "fe"
	    "5b60016000526020"
	    "6000f3");
	ask(p);
	ACCEPTED(p);
	/* code that may not be kept (EIP-3541), and none at all */
	ops("60ef600053600160"
	    "00f3");
	ask(p);
	ops("00");
	ask(p);
	ACCEPTED(p);
	/* memory that nobody can pay */
	ops("7f00000000000000000000000000000000000000000000000000000000ffffffff51");
	ask(p);
	ops("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff51");
	ask(p);
	CHECK(p->code != 0);
}

int main(int argc, char **argv)
{
	static const uint8_t seed[32];
	const struct sim_evm_config config = {.seed = 1, .now_ms = SCENE_START_MS, .rollup = true};
	secp_init(seed);
	struct peer p = {.now_ms = SCENE_START_MS, .network = sim_evm_create(&config)};
	code = buf_init(code_bytes, sizeof code_bytes);
	if (argc > 1) {
		p.record = fopen(argv[1], "w");
		CHECK(p.record != NULL);
	}
	test_words(&p);
	test_costs(&p);
	test_bounds(&p);
	if (p.record != NULL)
		CHECK(fclose(p.record) == 0);
	peer_fini(&p);
	return EXIT_SUCCESS;
}
