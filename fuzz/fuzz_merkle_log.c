/* A frontier that somebody stored, and proofs that somebody sent.
 *
 * Input: a mode byte, then
 *   frontier     its bytes: what is read is written as the same again, and goes on;
 *   inclusion    index, size (8 bytes each), leaf, root, then the nodes of the proof;
 *   consistency  both sizes, both roots, the nodes;
 *   edit         sizes of a log of up to LEAVES_MAX, then changes (position, mask) to a sound
 * proof: it is taken exactly if nothing has changed. */
#include "base/buf.h"
#include "crypto/merkle_log.h"

#define LEAVES_MAX 96u
#define LEVELS 7u

enum mode { MODE_FRONTIER, MODE_INCLUSION, MODE_CONSISTENCY, MODE_EDIT, MODE_COUNT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hash256 stored[LEVELS][LEAVES_MAX];

static enum err stored_node(void *ctx, struct hash256 *out, unsigned level, uint64_t index)
{
	(void)ctx;
	CHECK(level < LEVELS && index < LEAVES_MAX >> level);
	*out = stored[level][index];
	return OK;
}

static const struct merkle_reader nodes = {.node = stored_node};

static void make_log(void)
{
	struct merkle_frontier f;
	merkle_frontier_init(&f);
	while (f.size < LEAVES_MAX) {
		const uint8_t entry = (uint8_t)f.size;
		struct hash256 leaf;
		merkle_leaf_hash(&leaf, slice_of(&entry, 1));
		merkle_frontier_push(&f, &leaf);
		for (unsigned l = 0; l <= (unsigned)__builtin_ctzll(f.size); l++)
			stored[l][(f.size >> l) - 1] = f.node[l];
	}
}

static void frontier(struct reader *in)
{
	uint8_t bytes[MERKLE_FRONTIER_SIZE_MAX];
	struct merkle_frontier f;
	struct hash256 root;
	const struct slice rest = slice_of(in->ptr, in->left);
	if (merkle_frontier_decode(&f, rest) != OK)
		return;
	CHECK(f.size <= MERKLE_SIZE_MAX);
	const size_t len = merkle_frontier_encode(bytes, &f);
	CHECK(slice_eq(slice_of(bytes, len), rest));
	merkle_frontier_root(&root, &f);
	if (f.size < MERKLE_SIZE_MAX) {
		merkle_frontier_push(&f, &root);
		merkle_frontier_root(&root, &f);
	}
}

static void rest_to_proof(struct merkle_proof *p, struct reader *in)
{
	while (in->left > 0 && !in->failed && p->count < MERKLE_PROOF_MAX)
		reader_copy(in, p->node[p->count++].b, sizeof p->node[0].b);
}

static void foreign(struct reader *in, bool inclusion)
{
	struct merkle_proof p = {0};
	struct hash256 first, root;
	const uint64_t a = reader_le64(in), b = reader_le64(in);
	reader_copy(in, first.b, sizeof first.b);
	reader_copy(in, root.b, sizeof root.b);
	rest_to_proof(&p, in);
	const enum err err = inclusion ? merkle_inclusion_verify(&p, &first, a, b, &root)
				       : merkle_consistency_verify(&p, a, &first, b, &root);
	CHECK(err == OK || err == ERR_CHECKSUM || err == ERR_FORMAT || err == ERR_RANGE);
}

static void edit(struct reader *in)
{
	const uint64_t to = 1 + reader_u8(in) % LEAVES_MAX, from = reader_u8(in) % (to + 1);
	const bool inclusion = reader_u8(in) & 1 && from < to;
	struct merkle_proof good, p;
	struct hash256 first, root;
	CHECK(merkle_root(&root, to, &nodes) == OK);
	if (inclusion) {
		first = stored[0][from];
		CHECK(merkle_inclusion_prove(&good, from, to, &nodes) == OK);
	} else {
		CHECK(merkle_root(&first, from, &nodes) == OK);
		CHECK(merkle_consistency_prove(&good, from, to, &nodes) == OK);
	}
	p = good;
	while (in->left > 1) {
		const uint16_t at = reader_le16(in);
		const uint8_t mask = reader_u8(in);
		if (at == UINT16_MAX)
			p.count = mask % (MERKLE_PROOF_MAX + 1);
		else
			p.node[at / 32 % MERKLE_PROOF_MAX].b[at % 32] ^= mask;
	}
	const bool unchanged = p.count == good.count &&
		memcmp(p.node, good.node, good.count * sizeof good.node[0]) == 0;
	const enum err err = inclusion ? merkle_inclusion_verify(&p, &first, from, to, &root)
				       : merkle_consistency_verify(&p, from, &first, to, &root);
	CHECK((err == OK) == unchanged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = reader_init(slice_of(data, size));
	if (hash256_is_zero(&stored[0][0]))
		make_log();
	switch ((enum mode)(reader_u8(&in) % MODE_COUNT)) {
	case MODE_FRONTIER: frontier(&in); break;
	case MODE_INCLUSION: foreign(&in, true); break;
	case MODE_CONSISTENCY: foreign(&in, false); break;
	case MODE_EDIT: edit(&in); break;
	case MODE_COUNT: UNREACHABLE();
	}
	return 0;
}
